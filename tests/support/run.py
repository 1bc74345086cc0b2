"""The servers of one test run: started once, shared by all xdist workers, stopped by the process that started them."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path

from tests.support import databases
from tests.support.servers import PostgresServer, ValkeyServer, make_folder


@dataclass(frozen=True)
class Shared:
    """Where the shared servers are. TEST_DATABASE_URL and TEST_REDIS_URL name servers that run already."""

    server_url: str
    template: str
    redis_server: str

    def as_dict(self) -> dict[str, str]:
        """Return it in a form that xdist can hand to its workers."""
        return asdict(self)


class Run:
    """Starts the shared servers when first asked, and stops what it started."""

    def __init__(self, worker_input: dict[str, str] | None = None) -> None:
        self._shared = Shared(**worker_input) if worker_input else None
        self._owner = worker_input is None
        self._servers: list[PostgresServer | ValkeyServer] = []
        self._folder: Path | None = None

    @property
    def folder(self) -> Path:
        """A folder of this process for server data and logs, removed at the end."""
        if self._folder is None:
            self._folder = make_folder()
        return self._folder

    def shared(self) -> Shared:
        """Return the shared servers, with the migrated template ready for copying."""
        if self._shared is None:
            server_url = os.environ.get("TEST_DATABASE_URL") or self._start_postgres()
            redis_server = os.environ.get("TEST_REDIS_URL") or self._start_valkey()
            self._shared = Shared(server_url, databases.migrated_template(server_url), redis_server)
        return self._shared

    def close(self) -> None:
        """Stop what this process started, and remove the template from a server that stays."""
        if self._owner and self._shared and os.environ.get("TEST_DATABASE_URL"):
            databases.drop(self._shared.server_url, self._shared.template)
        for server in self._servers:
            server.stop()

    def _start_postgres(self) -> str:
        server = PostgresServer(self.folder)
        self._servers.append(server)
        return server.url()

    def _start_valkey(self) -> str:
        server = ValkeyServer(self.folder)
        self._servers.append(server)
        return server.url()
