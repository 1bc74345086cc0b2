"""Logs: one JSON object a line on standard output, for every process, and nothing secret in them.

A line has `time` (UTC), `level`, `logger`, `message`, the `request_id` it belongs to, and whatever was given as
`extra`. Bodies and headers are never logged on purpose; what looks like a credential is blotted out all the same.
"""

from __future__ import annotations

import logging
import logging.config
import os
import re
import sys
import threading
from contextlib import suppress
from datetime import UTC, datetime
from functools import cache
from types import TracebackType
from typing import Any

import orjson
from flask import g, has_app_context

#: the logger whose level decides whether requests are logged
ACCESS = "bookings.access"
_ORDINARY = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE | orjson.OPT_NON_STR_KEYS
_BLOT = "[redacted]"
_strays = logging.getLogger("bookings.uncaught")
#: extras that are dropped whatever they hold
_SECRET_NAMES = re.compile(r"password|secret|token|authorization|cookie|ticket|^body$|idempotency_key$|^key$", re.I)
#: a bearer token; a secret of ours; a JWT; the user and password of a URL; the end of a link that turns mails off (old
#: ones have no prefix); `password=…`, `"token": "…"` and the like in running text
_SECRET_TEXT = re.compile(
    r"""(?P<kept>
            \bbearer\s+
          | ://(?=[^\s/@]*@)
          | /unsubscribe/
          | (?:password|passwd|secret|token|ticket|authorization)\w*\\?["']?\s*[=:]\s*\\?["']?(?:bearer\s+)?
        )[^\s"'\\&,;@]+
        | \bbk[cir]_[\w-]{16,}
        | \bbku_[\w.-]{16,}
        | eyJ[\w-]{5,}\.[\w-]+(?:\.[\w-]*)?""",
    re.I | re.X,
)


def redacted(text: str) -> str:
    """The text without the values of passwords, tokens and tickets."""
    if (
        "=" not in text
        and ":" not in text
        and "ey" not in text
        and " " not in text
        and "/bk" not in text
        and "/uns" not in text
    ):
        return text  # nothing the pattern could match: the path of nearly every request
    return _SECRET_TEXT.sub(lambda found: (found["kept"] or "") + _BLOT, text)


class JsonFormatter(logging.Formatter):
    """Makes the line of a record."""

    def format(self, record: logging.LogRecord) -> str:
        return orjson.dumps(self.document(record), default=str, option=_OPTIONS).decode().rstrip("\n")

    def document(self, record: logging.LogRecord) -> dict[str, Any]:
        """What the line says, ready to be serialised."""
        document: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC),
            "level": record.levelname,
            "logger": record.name,
            "message": redacted(record.getMessage()),
        }
        for name, value in vars(record).items():
            if name not in _ORDINARY:
                document[name] = _safe(name, value)
        if "request_id" not in document and has_app_context() and "request_id" in g:
            document["request_id"] = g.request_id
        if record.exc_info:
            document["exception"] = redacted(self.formatException(record.exc_info))
        return document


@cache
def _secret(name: str) -> bool:
    return _SECRET_NAMES.search(name) is not None


def _safe(name: str, value: Any) -> Any:
    if value is None or isinstance(value, int | float):
        return value
    if _secret(name):
        return _BLOT
    return redacted(value if isinstance(value, str) else repr(value))


def write(document: dict[str, Any], descriptor: int = 1) -> None:
    """Write one line with one write(2), so that lines of several threads and processes do not mix.

    A service does not fail because nobody reads its log.
    """
    try:
        line = orjson.dumps(document, default=str, option=_OPTIONS)
    except TypeError:  # an integer of more than 64 bits, or text that is no Unicode
        line = orjson.dumps({name: ascii(value) for name, value in document.items()}, option=_OPTIONS)
    with suppress(OSError):
        while line:
            line = line[os.write(descriptor, line) :]


def access(fields: dict[str, Any]) -> None:
    """Write the line of an answered request: past the logging module, whose records cost as much as all the rest."""
    write({"time": datetime.now(UTC), "level": "INFO", "logger": ACCESS, "message": "request", **fields})


class DescriptorHandler(logging.Handler):
    """Writes records to a file descriptor, standard output by default."""

    def __init__(self, descriptor: int = 1) -> None:
        super().__init__()
        self._descriptor = descriptor
        self.formatter: JsonFormatter = JsonFormatter()

    def createLock(self) -> None:
        """No lock: the kernel keeps short writes whole, and a thread stuck in one must not stop the others."""
        self.lock = None

    def emit(self, record: logging.LogRecord) -> None:
        """Write the record; whatever is wrong with it goes to standard error, as with every handler."""
        try:
            write(self.formatter.document(record), self._descriptor)
        except Exception:  # noqa: BLE001 (a log line must not break a request)
            self.handleError(record)


def configuration(level: str) -> dict[str, Any]:
    """The dictionary for `logging.config.dictConfig`; gunicorn takes the same one as `logconfig_dict`."""
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {},
        "handlers": {"out": {"()": "bookings.log.DescriptorHandler"}},
        "root": {"level": level.upper(), "handlers": ["out"]},
        "loggers": {
            # gunicorn turns propagation off before it reads this.
            "gunicorn.error": {"level": level.upper(), "handlers": [], "propagate": True},
            "gunicorn.access": {"level": level.upper(), "handlers": [], "propagate": True},
            # INFO of these says what each of their own rounds did.
            "huey.consumer.Scheduler": {"level": "WARNING"},
            "psycopg.pool": {"level": "WARNING"},
        },
    }


def configure(level: str) -> None:
    """Log as above from now on, also what nobody caught; called once by each process."""
    logging.config.dictConfig(configuration(level))
    logging.captureWarnings(True)
    sys.excepthook = _uncaught
    threading.excepthook = _uncaught_in_a_thread
    sys.unraisablehook = _unraisable


def _uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What ends a process. Python would print it: not JSON, and not blotted out."""
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    _strays.critical("the process ends by an error that nobody caught", exc_info=(kind, error, trace))


def _uncaught_in_a_thread(args: threading.ExceptHookArgs) -> None:
    """What ends a thread."""
    if args.exc_value is not None and not issubclass(args.exc_type, SystemExit):
        name = args.thread.name if args.thread else None
        trace = (args.exc_type, args.exc_value, args.exc_traceback)
        _strays.error("a thread ends by an error that nobody caught", exc_info=trace, extra={"thread_name": name})


def _unraisable(args: sys.UnraisableHookArgs) -> None:
    """What goes wrong where nothing can be raised, such as in a destructor while a process ends."""
    if args.exc_value is not None:
        trace = (args.exc_type, args.exc_value, args.exc_traceback)
        _strays.error("an error where none can be raised", exc_info=trace, extra={"about": args.err_msg})
