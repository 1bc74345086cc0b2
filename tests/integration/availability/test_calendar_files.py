"""Calendars that are sent as files: put, put again, bounded, refused."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import pytest

from bookings.availability import calendars
from tests.factories import World
from tests.integration.availability.elsewhere import Elsewhere, Reader, ics, serving
from tests.integration.conftest import StartClient
from tests.support.people import wrong_fields


@pytest.fixture
def elsewhere() -> Iterator[Elsewhere]:
    """A server on this machine."""
    with serving() as other:
        yield other


@pytest.fixture
def office(start_client: StartClient, world: World) -> Reader:
    """Where calendars of this machine may be read."""
    return Reader(start_client(calendar_internal=True), world)


def put(
    office: Reader, id: Any, text: str | bytes, *, kind: str = "text/calendar", by: Any = None, query: str = ""
) -> Any:
    """PUT a calendar as a file."""
    headers = {"Authorization": f"Bearer {office.client.token(by or office.owner)}"}
    path = f"/resources/{office.id}/calendars/{id}{query}"
    return office.client.http.put(path, data=text, content_type=kind, headers=headers)


def large(hours: tuple[int, int], size: int) -> str:
    """A calendar of so many bytes, of which one event counts."""
    text = ics(hours)
    head, _, tail = text.partition("END:VCALENDAR")
    line = "X-PADDING:" + "x" * 60 + "\r\n"
    rest = size - len(text)
    return (
        head
        + line * (rest // len(line) - 1)
        + "X-PADDING:"
        + "x" * (len(line) + rest % len(line) - 12)
        + "\r\nEND:VCALENDAR"
        + tail
    )


@pytest.mark.slow
def test_a_file_is_put_and_put_again(office: Reader) -> None:
    """Created under the sender's id, then replaced; what the first said goes when the second is read."""
    id = uuid4()
    made = put(office, id, ics((9, 10)), query="?name=Rota")
    assert (made.status_code, made.headers["Location"]) == (201, f"/calendars/{id}")
    assert (made.json["id"], made.json["name"], made.json["source"]) == (str(id), "Rota", "upload")
    office.read(str(id))
    assert office.busy() == [(9, 10)]
    again = put(office, id, ics((12, 13), (14, 15)), kind="text/calendar; charset=utf-8")
    assert (again.status_code, again.json["name"]) == (200, "Rota")
    assert office.busy() == [(9, 10)]
    office.read(str(id))
    assert office.busy() == [(12, 13), (14, 15)]
    jobs = office.world.query("SELECT 1 FROM jobs WHERE kind = 'calendar.refresh' AND key = %s", str(id))
    assert len(jobs) == 1


@pytest.mark.slow
def test_a_file_may_have_a_mebibyte(office: Reader) -> None:
    whole = large((9, 10), 1024 * 1024)
    assert len(whole) == 1024 * 1024
    id = uuid4()
    assert put(office, id, whole).status_code == 201
    office.read(str(id))
    assert office.busy() == [(9, 10)]
    refused = put(office, uuid4(), whole + "\n")
    assert (refused.status_code, refused.json["code"]) == (413, "body-too-large")
    json = office.call("POST", f"/resources/{office.id}/calendars", {"ics": whole[: 70 * 1024]}, by=office.owner)
    assert json.status_code == 413


@pytest.mark.slow
def test_a_file_must_be_a_calendar(office: Reader) -> None:
    for kind in ("application/json", "text/plain", ""):
        refused = put(office, uuid4(), ics((9, 10)), kind=kind)
        assert (refused.status_code, refused.json["code"]) == (415, "unsupported-media-type")
    for text in ("", "BEGIN:NOTHING", b"BEGIN:VCALENDAR\r\nX:\xff\r\nEND:VCALENDAR", ics((9, 10), summary="\x00")):
        assert wrong_fields(put(office, uuid4(), text)) == {"body"}
    assert office.done("GET", f"/resources/{office.id}/calendars", by=office.owner)["items"] == []


@pytest.mark.slow
def test_whose_id_it_is(office: Reader, world: World, elsewhere: Elsewhere) -> None:
    """Others' ids do not exist, those of addresses stay what they are, and there are no more than of any calendars."""
    other = Reader(office.client, world)
    theirs = uuid4()
    assert put(other, theirs, ics((9, 10))).status_code == 201
    assert put(office, theirs, ics((9, 10))).status_code == 404
    assert put(office, uuid4(), ics(), by=office.stranger).status_code == 403
    read = office.add(url=elsewhere.url)
    refused = put(office, read["id"], ics())
    assert (refused.status_code, refused.json["code"]) == (409, "calendar-of-address")
    for _ in range(calendars.MOST - 1):
        last = uuid4()
        assert put(office, last, ics()).status_code == 201
    assert put(office, uuid4(), ics()).json["code"] == "too-many-calendars"
    assert put(office, last, ics((9, 10))).status_code == 200


@pytest.mark.slow
def test_a_file_that_is_replaced_while_it_is_read_is_not_lost(office: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worker has read the old text when the new one comes: the old one writes nothing, and it stays due."""
    id = uuid4()
    put(office, id, ics((9, 10)))
    real = calendars.write

    def late(tx: Any, row: Any, *rest: Any) -> None:
        assert put(office, id, ics((12, 13))).status_code == 200
        real(tx, row, *rest)

    with monkeypatch.context() as patched:
        patched.setattr(calendars, "write", late)
        office.read(str(id))
    assert office.busy() == []
    assert office.world.query("SELECT 1 FROM calendars WHERE id = %s AND next_refresh_at <= now()", id)
    office.read(str(id))
    assert office.busy() == [(12, 13)]
