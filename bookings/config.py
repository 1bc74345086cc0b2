"""Settings, read once from the environment. Nothing else in the package reads it."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from email.utils import parseaddr
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_DURATION = re.compile(r"(\d+)\s*([smhd]?)")
_UNIT = {"s": "seconds", "m": "minutes", "": "minutes", "h": "hours", "d": "days"}
_TRUE, _FALSE = {"true", "1", "yes", "on"}, {"false", "0", "no", "off"}
#: words of secrets that are written down somewhere, such as those of .env.example and docker-compose.yml
_PLACEHOLDERS = ("change", "replace", "development", "example", "secret")
SHORTEST_SECRET = 32
#: KiB, as RFC 9106 recommends
PASSWORD_MEMORY = 64 * 1024
#: KiB: argon2 wants 8 for each of its 4 lanes
_LEAST_PASSWORD_MEMORY = 32


class ConfigurationError(Exception):
    """A setting is missing or wrong; the message is one sentence with the remedy."""


def duration(text: str) -> timedelta:
    """Read `90s`, `10m`, `24h` or `7d`; a bare number is minutes. Raises ValueError."""
    match = _DURATION.fullmatch(text.strip())
    if not match:
        raise ValueError(f"{text!r} is not a duration; write for instance 90s, 10m, 24h or 7d")
    return timedelta(**{_UNIT[match[2]]: int(match[1])})


def durations(text: str) -> tuple[timedelta, ...]:
    """Read a comma-separated list of durations, longest first; empty means none."""
    return tuple(sorted({duration(part) for part in text.split(",") if part.strip()}, reverse=True))


def _flag(text: str) -> bool:
    if text.strip().lower() in _TRUE:
        return True
    if text.strip().lower() in _FALSE:
        return False
    raise ValueError(f"{text!r} is neither true nor false")


def _words(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


_READERS: dict[str, Any] = {
    "str": str,
    "int": int,
    "bool": _flag,
    "timedelta": duration,
    "tuple[timedelta, ...]": durations,
    "tuple[str, ...]": _words,
}


@dataclass(frozen=True, slots=True)
class Settings:
    """Every setting, under its environment name in lower case. `.env.example` explains each one."""

    app_env: str = "production"
    database_url: str = ""
    redis_url: str = ""
    jwt_secret: str = ""
    access_token_ttl: timedelta = timedelta(minutes=15)
    refresh_token_ttl: timedelta = timedelta(days=30)
    invitation_ttl: timedelta = timedelta(days=7)
    sign_in_rate_limit: str = "10/minute"
    password_memory: int = PASSWORD_MEMORY
    rate_limit: str = "1000/second"
    public_rate_limit: str = "50/second"
    business_name: str = "Bookings"
    business_time_zone: str = "UTC"
    public_url: str = "http://localhost:8000"
    reminder_lead: tuple[timedelta, ...] = (timedelta(minutes=10),)
    max_booking_length: timedelta = timedelta(days=90)
    max_booking_ahead: timedelta = timedelta(days=1830)
    check_in_opens: timedelta = timedelta(hours=1)
    hold_ttl: timedelta = timedelta(minutes=5)
    hold_max: timedelta = timedelta(minutes=30)
    hold_limit: int = 3
    offer_ttl: timedelta = timedelta(minutes=30)
    waitlist_limit: int = 20
    job_lease: timedelta = timedelta(seconds=30)
    job_retry_base: timedelta = timedelta(seconds=5)
    job_retry_limit: timedelta = timedelta(hours=1)
    job_retention: timedelta = timedelta(days=7)
    event_retention: timedelta = timedelta(0)
    idempotency_ttl: timedelta = timedelta(hours=48)
    review_request_after: timedelta = timedelta(hours=3)
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_username: str = ""
    smtp_password: str = ""
    smtp_tls: str = "starttls"
    smtp_timeout: timedelta = timedelta(seconds=10)
    mail_from: str = ""
    payment_gateway: str = "manual"
    payment_capture: str = "automatic"
    payment_ttl: timedelta = timedelta(minutes=30)
    payment_timeout: timedelta = timedelta(seconds=5)
    stripe_secret_key: str = ""
    stripe_webhook_secret: str = ""
    stripe_api_base: str = "https://api.stripe.com"
    review_window: timedelta = timedelta(days=30)
    review_edit_window: timedelta = timedelta(days=7)
    calendar_refresh: timedelta = timedelta(minutes=15)
    calendar_internal: bool = False
    report_dir: str = "var/reports"
    report_retention: timedelta = timedelta(days=30)
    allowed_origins: tuple[str, ...] = ()
    enable_metrics: bool = False
    log_level: str = "INFO"
    web_bind: str = "127.0.0.1:8000"
    web_workers: int = 2
    web_threads: int = 8
    sockets_bind: str = "127.0.0.1:8001"
    socket_limit: int = 500
    trusted_proxies: int = 0
    db_pool_size: int = 8
    db_pool_timeout: timedelta = timedelta(seconds=3)
    db_statement_timeout: timedelta = timedelta(seconds=10)
    db_prepare: bool = True
    stream_length: int = 10000

    @classmethod
    def from_env(cls, environ: Mapping[str, str] | None = None) -> Settings:
        """Read and check the environment. Raises ConfigurationError with one sentence saying what to set."""
        source = os.environ if environ is None else environ
        values: dict[str, Any] = {}
        for field in fields(cls):
            text = source.get(field.name.upper())
            if text is None or (text == "" and field.type != "tuple[timedelta, ...]"):
                continue
            try:
                values[field.name] = _READERS[str(field.type)](text)
            except ValueError as error:
                raise ConfigurationError(f"{field.name.upper()} cannot be read: {error}.") from None
        settings = cls(**values)
        settings._check()
        return settings

    @property
    def production(self) -> bool:
        return self.app_env == "production"

    def _check(self) -> None:
        if self.app_env not in ("development", "production", "test"):
            raise ConfigurationError(f"APP_ENV is {self.app_env!r}; set it to development, production or test.")
        if not self.database_url:
            raise ConfigurationError(
                "DATABASE_URL is not set; set it to postgresql://user:password@host:5432/database."
            )
        if not self.redis_url:
            raise ConfigurationError("REDIS_URL is not set; set it to redis://host:6379/0.")
        if self.job_lease < timedelta(seconds=1):
            raise ConfigurationError("JOB_LEASE is too short to be renewed in time; set it to 1s or more.")
        if self.calendar_refresh < timedelta(minutes=1):
            raise ConfigurationError("CALENDAR_REFRESH is too short for other people's servers; set it to 1m or more.")
        if timedelta(0) < self.event_retention < timedelta(days=1):
            raise ConfigurationError("EVENT_RETENTION is too short; set it to 1d or more, or to 0d for ever.")
        self._check_business()
        self._check_holds()
        self._check_mail()
        self._check_payment()
        self._check_passwords()
        self._check_secret()

    def _check_mail(self) -> None:
        if self.smtp_tls not in ("starttls", "implicit", "none"):
            raise ConfigurationError(f"SMTP_TLS is {self.smtp_tls!r}; set it to starttls, implicit or none.")
        if not self.smtp_timeout:
            raise ConfigurationError("SMTP_TIMEOUT is 0; set it to how long a mail server may be silent, such as 10s.")
        _, email = parseaddr(self.mail_from)
        if self.smtp_host and not re.fullmatch(r"[!-?A-~]+@[A-Za-z0-9.-]+", email):
            raise ConfigurationError(
                f"MAIL_FROM is {self.mail_from!r}; set it to who writes the mails, such as bookings@example.com."
            )

    def _check_business(self) -> None:
        try:
            ZoneInfo(self.business_time_zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ConfigurationError(
                f"BUSINESS_TIME_ZONE is {self.business_time_zone!r}; set it to an IANA time zone such as Europe/Berlin."
            ) from None
        if not re.fullmatch(r"https?://[^\s?#]+", self.public_url):
            raise ConfigurationError(
                f"PUBLIC_URL is {self.public_url!r}; set it to where people reach the service, such as https://book.example.com."
            )

    def _check_holds(self) -> None:
        if not timedelta(seconds=1) <= self.hold_ttl <= self.hold_max <= timedelta(days=1):
            raise ConfigurationError(
                "HOLD_TTL and HOLD_MAX do not fit; set HOLD_TTL to 1s or more, HOLD_MAX to as much or more, up to 1d."
            )
        for name in ("hold_limit", "waitlist_limit"):
            if getattr(self, name) < 1:
                raise ConfigurationError(f"{name.upper()} allows nothing at all; set it to 1 or more.")
        if not timedelta(seconds=1) <= self.offer_ttl <= timedelta(days=7):
            raise ConfigurationError("OFFER_TTL is no time to decide; set it to between 1s and 7d.")

    def _check_payment(self) -> None:
        if self.payment_gateway not in ("manual", "stripe", "test"):
            raise ConfigurationError(f"PAYMENT_GATEWAY is {self.payment_gateway!r}; set it to manual, stripe or test.")
        if self.payment_capture not in ("automatic", "manual"):
            raise ConfigurationError(f"PAYMENT_CAPTURE is {self.payment_capture!r}; set it to automatic or manual.")
        if self.payment_gateway == "test" and self.production:
            raise ConfigurationError("PAYMENT_GATEWAY is test, which moves no money; in production set another.")
        if self.payment_gateway == "stripe":
            for name in ("stripe_secret_key", "stripe_webhook_secret"):
                if not getattr(self, name):
                    raise ConfigurationError(f"{name.upper()} is not set; PAYMENT_GATEWAY=stripe needs it.")

    def _check_passwords(self) -> None:
        least = PASSWORD_MEMORY if self.production else _LEAST_PASSWORD_MEMORY
        if self.password_memory < least:
            raise ConfigurationError(
                f"PASSWORD_MEMORY is {self.password_memory}, so that stolen hashes are cheap to try; "
                f"set it to {least} (KiB) or more."
            )

    def _check_secret(self) -> None:
        remedy = "set it to at least 32 random characters, for instance from `openssl rand -base64 48`."
        if not self.jwt_secret:
            raise ConfigurationError(f"JWT_SECRET is not set; {remedy}")
        if len(self.jwt_secret.encode()) < SHORTEST_SECRET:
            raise ConfigurationError(f"JWT_SECRET is shorter than {SHORTEST_SECRET} bytes; {remedy}")
        if self.production and (
            len(set(self.jwt_secret)) < 10 or any(word in self.jwt_secret.lower() for word in _PLACEHOLDERS)
        ):
            raise ConfigurationError(f"JWT_SECRET is guessable; {remedy}")


def database_url(environ: Mapping[str, str] | None = None) -> str:
    """DATABASE_URL alone, for tools that need no other setting. Raises ConfigurationError when it is not set."""
    url = (os.environ if environ is None else environ).get("DATABASE_URL", "")
    if not url:
        raise ConfigurationError("DATABASE_URL is not set; set it to postgresql://user:password@host:5432/database.")
    return url
