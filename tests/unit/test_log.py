"""Log lines: one JSON object each, in UTC, with nothing secret in them."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from bookings import log
from tests.support.databases import ROOT

Lines = Callable[[], list[dict[str, Any]]]
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl"


@pytest.fixture
def logger() -> logging.Logger:
    """A logger that passes everything on to the handler below and nothing further."""
    found = logging.getLogger("bookings.test")
    found.setLevel(logging.DEBUG)
    found.propagate = False
    return found


@pytest.fixture
def lines(logger: logging.Logger) -> Iterator[Lines]:
    """What has been written, parsed."""
    reading, writing = os.pipe()
    handler = log.DescriptorHandler(writing)
    logger.addHandler(handler)
    yield lambda: [json.loads(line) for line in os.read(reading, 1 << 20).decode().splitlines()]
    logger.removeHandler(handler)
    os.close(reading)
    os.close(writing)


def test_a_line_says_when_who_what(logger: logging.Logger, lines: Lines) -> None:
    """Time in UTC with Z, level, logger, message, extras."""
    before = datetime.now(UTC)
    logger.warning("%s of %d", "one", 3, extra={"booking_id": "b", "count": 2, "nothing": None})
    (line,) = lines()
    assert before <= datetime.fromisoformat(line.pop("time")) <= datetime.now(UTC)
    assert line == {
        "level": "WARNING",
        "logger": "bookings.test",
        "message": "one of 3",
        "booking_id": "b",
        "count": 2,
        "nothing": None,
    }


def test_lines_stay_lines(logger: logging.Logger, lines: Lines) -> None:
    """A newline that a client sent cannot forge a line of its own."""
    logger.info('first\n{"level": "ERROR"}')
    assert [line["message"] for line in lines()] == ['first\n{"level": "ERROR"}']


def test_exceptions_are_one_line(logger: logging.Logger, lines: Lines) -> None:
    """The traceback is a member, without the secrets in its message."""
    try:
        raise ValueError("could not connect to postgresql://user:hunter2@db/bookings")
    except ValueError:
        logger.exception("failed")
    (line,) = lines()
    assert "ValueError: could not connect to postgresql://[redacted]@db/bookings" in line["exception"]


@pytest.mark.parametrize(
    "text,secret",
    [
        (f"Authorization: Bearer {JWT}", JWT),
        ("authorization=Bearer abc.def-123", "abc.def-123"),
        (f"got {JWT} from a client", JWT),
        ("password=hunter2", "hunter2"),
        ('{"password": "hunter2", "email": "person@example.org"}', "hunter2"),
        ("{'refreshToken': 'hunter2'}", "hunter2"),
        ('{"newPassword":"hunter2"}', "hunter2"),
        ("GET /ws?ticket=hunter2&x=1", "hunter2"),
        ("postgresql://user:hunter2@db:5432/bookings", "hunter2"),
        ("redis://:hunter2@redis:6379/0", "hunter2"),
        ("JWT_SECRET=hunter2", "hunter2"),
        ("/calendar/bkc_q8Zr1Xw5Tn7Kc3Vb9Mf2.ics", "q8Zr1Xw5Tn7Kc3Vb9Mf2"),
        ("/unsubscribe/bku_WyIwMTkwZjNiNDljIl0.q8Zr1Xw5Tn7Kc3Vb9Mf2", "WyIwMTkwZjNiNDljIl0"),
        ("/unsubscribe/bku_WyIwMTkwZjNiNDljIl0.q8Zr1Xw5Tn7Kc3Vb9Mf2", "q8Zr1Xw5Tn7Kc3Vb9Mf2"),
        ("/unsubscribe/WyIwMTkwZjNiNDljIl0.q8Zr1Xw5Tn7Kc3Vb9Mf2", "q8Zr1Xw5Tn7Kc3Vb9Mf2"),
        ("no such link: bku_.eJyLVjIwtDRIM04ySbRUAAAe.q8Zr1Xw5Tn7Kc3Vb9Mf2", "q8Zr1Xw5Tn7Kc3Vb9Mf2"),
    ],
)
def test_secrets_that_come_near_are_blotted_out(logger: logging.Logger, lines: Lines, text: str, secret: str) -> None:
    """In messages, in extras, and inside what extras hold."""
    logger.info(text)
    logger.info("extra", extra={"error": text})
    logger.info("nested", extra={"request": {"raw": text}})
    for line in lines():
        assert secret not in json.dumps(line)
        assert "[redacted]" in json.dumps(line)


@pytest.mark.parametrize("name", ["password", "authorization", "refresh_token", "ticket", "jwt_secret", "body"])
def test_extras_with_telling_names_are_blotted_out(logger: logging.Logger, lines: Lines, name: str) -> None:
    """Whatever they hold."""
    logger.info("x", extra={name: "hunter2"})
    assert lines()[0][name] == "[redacted]"


@pytest.mark.parametrize(
    "text", ["/bookings/0190f3b4", "/unsubscribe/", "a token has expired", "12:30 key lime", "https://example.org/x"]
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    """A log that blots out everything helps nobody."""
    assert log.redacted(text) == text


def test_what_is_not_json_is_still_logged(logger: logging.Logger, lines: Lines) -> None:
    """Extras may be anything."""
    logger.info("x", extra={"thing": object(), "path": b"\xff", "number": 10**30})
    assert lines()[0]["number"] == str(10**30)
    logger.info("half a pair \ud800")
    assert "half a pair" in lines()[0]["message"]


def test_a_reader_that_is_gone_breaks_nothing(logger: logging.Logger) -> None:
    """The service outlives its log collector."""
    reading, writing = os.pipe()
    os.close(reading)
    log.write({"message": "x"}, writing)
    os.close(writing)


def test_configuration_covers_gunicorn_and_the_rest() -> None:
    """One handler, on the root; levels from the setting."""
    configuration = log.configuration("warning")
    assert configuration["root"] == {"level": "WARNING", "handlers": ["out"]}
    assert configuration["loggers"]["gunicorn.error"]["propagate"] is True


def test_what_nobody_caught_is_a_line_like_any_other() -> None:
    """At the end of a thread, of the process, in a destructor; a warning, too. Nothing beside it, nothing secret."""
    code = """
import threading, warnings
from bookings import log
log.configure("info")
def fail():
    raise ValueError("password=hunter2hunter2")
thread = threading.Thread(target=fail, name="t1")
thread.start()
thread.join()
class Bad:
    def __del__(self):
        fail()
Bad()
warnings.warn("take care")
fail()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, cwd=ROOT)
    assert (done.returncode, done.stderr) == (1, "")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["level"] for line in lines] == ["ERROR", "ERROR", "WARNING", "CRITICAL"]
    assert ["ValueError" in line.get("exception", "") for line in lines] == [True, True, False, True]
    assert "hunter2" not in done.stdout
