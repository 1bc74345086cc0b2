"""Around every request: its id, its headers, its log line."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator

import pytest

from bookings import log
from tests.factories import World
from tests.support.people import Client, settings_for
from tests.support.run import Run


@pytest.fixture(scope="module")
def client(module_database_url: str, run: Run) -> Iterator[Client]:
    """The app."""
    client = Client(settings_for(module_database_url, run.shared().redis_server))
    yield client
    client.close()


@pytest.fixture(scope="module")
def token(client: Client, module_database_url: str) -> Iterator[str]:
    """Somebody's access token."""
    world = World(module_database_url)
    yield client.token(world.user())
    world.close()


@pytest.fixture
def access_lines(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    """The lines that the access log writes."""
    lines: list[bytes] = []

    def write(_: int, line: bytes) -> int:
        lines.append(bytes(line))
        return len(line)

    monkeypatch.setattr("bookings.log.os.write", write)
    logger = logging.getLogger(log.ACCESS)
    logger.setLevel(logging.INFO)
    yield lines
    logger.setLevel(logging.NOTSET)


@pytest.mark.parametrize("given", ["abc", "A-1.b:c_d", "x" * 64])
def test_a_clients_request_id_comes_back(client: Client, given: str) -> None:
    """So that a client finds its request in our log."""
    assert client.call("GET", "/health", headers={"X-Request-Id": given}).headers["X-Request-Id"] == given


@pytest.mark.parametrize("given", ["", "x" * 65, "a b", "ä", '"; drop', "<script>"])
def test_what_is_no_request_id_is_replaced(client: Client, given: str) -> None:
    """Nothing odd gets into the log or back to the client."""
    answer = client.call("GET", "/health", headers={"X-Request-Id": given})
    assert re.fullmatch(r"[0-9a-f]{32}", answer.headers["X-Request-Id"])


def test_request_ids_are_new(client: Client) -> None:
    """Two requests, two ids."""
    first, second = (client.call("GET", "/health").headers["X-Request-Id"] for _ in range(2))
    assert first != second


@pytest.mark.parametrize("path,status", [("/me", 200), ("/nowhere", 404), ("/bookings", 200), ("/health", 200)])
def test_headers_that_every_answer_has(client: Client, token: str, path: str, status: int) -> None:
    """No guessing of types; nobody keeps an answer that may be somebody's own; each header once."""
    answer = client.call("GET", path, token=token)
    assert answer.status_code == status
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Cache-Control"] == ("private, no-cache" if "ETag" in answer.headers else "no-store")
    names = [name.lower() for name, _ in answer.headers]
    assert len(names) == len(set(names))


def test_one_line_a_request(client: Client, token: str, access_lines: list[bytes]) -> None:
    """With all that is needed to find and count it."""
    client.call("GET", "/bookings?limit=3", token=token, headers={"X-Request-Id": "findme"})
    (line,) = map(json.loads, access_lines)
    assert (line["request_id"], line["method"], line["path"], line["status"]) == ("findme", "GET", "/bookings", 200)
    assert (line["level"], line["logger"], line["message"]) == ("INFO", "bookings.access", "request")
    assert 0 < line["ms"] < 10_000
    assert re.fullmatch(r"[0-9a-f-]{36}", line["user_id"])


def test_nothing_secret_is_in_it(client: Client, token: str, access_lines: list[bytes]) -> None:
    """Neither headers nor bodies nor queries are logged, and a token in a path is blotted out."""
    client.call("POST", "/auth/login", {"email": "person@example.org", "password": "hunter2hunter2"})
    client.call("GET", "/ws?ticket=hunter2")
    client.call("GET", "/bookings?cursor=hunter2", token=token)
    client.call("GET", f"/bookings/{token}", token=token)
    text = b"".join(access_lines).decode()
    assert len(access_lines) == 4
    assert "hunter2" not in text
    assert token not in text
    assert token.split(".")[1] not in text


def test_probes_are_not_logged(client: Client, access_lines: list[bytes]) -> None:
    """They come every few seconds and would bury the rest."""
    for path in ("/health", "/ready", "/metrics"):
        client.call("GET", path)
    assert access_lines == []
