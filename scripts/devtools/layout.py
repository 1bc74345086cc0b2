"""One development set: its folder .data/PORT/, its ports, its secrets and the environment of its processes."""

from __future__ import annotations

import json
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from devtools.environment import DATA, ROOT, VENV

SERVERS = ("postgres", "redis", "mail")
APPLICATION = ("web", "sockets", "worker", "relay")
# Every process of a set carries this variable, so that one left behind by a crash can be told from anybody else's.
MARK = "BOOKINGS_DEV_SET"


@dataclass
class DevSet:
    """The processes on ports `port` to `port` + 4; what must outlive a restart is in state.json."""

    port: int
    database_url: str = ""
    redis_url: str = ""
    jwt_secret: str = ""
    postgres_password: str = ""
    embedded: list[str] = field(default_factory=list)
    users: dict[str, str] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        return DATA / str(self.port)

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def names(self) -> list[str]:
        """The processes of this set, in the order in which they start."""
        return [*self.embedded, *APPLICATION]

    @property
    def postgres_port(self) -> int:
        return self.port + 2

    @property
    def redis_port(self) -> int:
        return self.port + 3

    @property
    def mail_port(self) -> int:
        return self.port + 4

    @property
    def mails(self) -> Path:
        """Where mails end up that nobody shall get."""
        return self.folder / "mail"

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def socket_url(self) -> str:
        return f"ws://127.0.0.1:{self.port + 1}/ws"

    def log(self, name: str) -> Path:
        """The log file of a process, as a person in the checkout names it."""
        return (self.logs / f"{name}.log").relative_to(ROOT)

    def url(self, name: str) -> str | None:
        """Where a process is reached; None for those that only reach others."""
        urls = {"web": self.base_url, "sockets": self.socket_url, "mail": self.mails.as_uri()}
        return urls.get(name) or {"postgres": self.database_url, "redis": self.redis_url}.get(name)

    def ports(self) -> list[int]:
        """The ports that this set listens on."""
        offsets = {"web": 0, "sockets": 1, "postgres": 2, "redis": 3, "mail": 4}
        return sorted(self.port + offsets[name] for name in self.names if name in offsets)

    def adopt_environment(self) -> None:
        """Take the servers from DATABASE_URL, REDIS_URL and SMTP_HOST, or embed them; make the secrets that are
        missing."""
        self.postgres_password = self.postgres_password or secrets.token_urlsafe(24)
        self.jwt_secret = os.environ.get("JWT_SECRET") or self.jwt_secret or secrets.token_urlsafe(48)
        own_database = f"postgresql://bookings:{self.postgres_password}@127.0.0.1:{self.postgres_port}/bookings"
        self.database_url = os.environ.get("DATABASE_URL") or own_database
        self.redis_url = os.environ.get("REDIS_URL") or f"redis://127.0.0.1:{self.redis_port}/0"
        names = {"postgres": "DATABASE_URL", "redis": "REDIS_URL", "mail": "SMTP_HOST"}
        given = {name: os.environ.get(variable) for name, variable in names.items()}
        self.embedded = [name for name in SERVERS if not given[name]]

    def environment(self) -> dict[str, str]:
        """The environment of the set's processes: ours wins over the shell's, which sets the rest (LOG_LEVEL ...)."""
        return {
            **os.environ,
            "PATH": f"{VENV / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "PYTHONUNBUFFERED": "1",
            "APP_ENV": "development",
            "DATABASE_URL": self.database_url,
            "REDIS_URL": self.redis_url,
            "JWT_SECRET": self.jwt_secret,
            "WEB_BIND": f"127.0.0.1:{self.port}",
            "SOCKETS_BIND": f"127.0.0.1:{self.port + 1}",
            "ENABLE_METRICS": os.environ.get("ENABLE_METRICS", "true"),
            "PROMETHEUS_MULTIPROC_DIR": str(self.folder / "metrics"),
            "PUBLIC_URL": os.environ.get("PUBLIC_URL", self.base_url),
            **(self._mail() if "mail" in self.embedded else {}),
            MARK: str(self.folder),
        }

    def _mail(self) -> dict[str, str]:
        server = {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(self.mail_port), "SMTP_TLS": "none"}
        return server | {"SMTP_USERNAME": "", "MAIL_FROM": os.environ.get("MAIL_FROM", "bookings@localhost")}

    def save(self) -> None:
        """Write state.json, readable by its owner only because it holds the secrets."""
        self.folder.mkdir(parents=True, exist_ok=True)
        file = self.folder / "state.json"
        draft = file.with_suffix(".new")
        draft.touch(mode=0o600)
        draft.write_text(json.dumps(self.__dict__, indent=2))
        draft.replace(file)

    @classmethod
    def load(cls, port: int) -> DevSet | None:
        """Read the set on this port; None when there is none. A file cut off by a crash counts as none."""
        try:
            state: dict[str, Any] = json.loads((DATA / str(port) / "state.json").read_text())
            return cls(**state)
        except (FileNotFoundError, json.JSONDecodeError, TypeError):
            return None
