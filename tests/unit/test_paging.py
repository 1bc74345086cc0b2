"""Pages: where they begin and end, what they say of themselves, and what is refused."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import pytest
from marshmallow import ValidationError, fields

from bookings import cursor, paging
from bookings.errors import Invalid

AT, ID = datetime(2026, 5, 4, 9, 30, tzinfo=UTC), UUID(int=7)


class Things(paging.CursorQuery):
    """Which things."""

    rows = "things"
    colour = fields.String()


class FewThings(paging.PageQuery):
    """Which things, where there is no cursor."""


def test_defaults_and_bounds() -> None:
    assert Things().load({}) == {"page": 1, "limit": 10}
    assert Things().load({"page": 100, "limit": 100}) == {"page": 100, "limit": 100}
    for wrong in ({"page": 0}, {"limit": 0}, {"limit": 101}, {"page": 10_001}, {"cursor": "x" * 201}, {"size": 1}):
        with pytest.raises(ValidationError) as refused:
            Things().load(wrong)
        assert list(refused.value.messages_dict) == list(wrong)


@pytest.mark.parametrize(
    "schema, text",
    [(Things, "Ends after 10000 things; go on with cursor."), (FewThings, "Ends after 10000; narrow the list.")],
)
def test_too_deep(schema: type[paging.PageQuery], text: str) -> None:
    """Says what to do instead; the last rows before that are still shown."""
    schema().load({"page": 1000, "limit": 10})
    with pytest.raises(ValidationError) as refused:
        schema().load({"page": 1001, "limit": 10})
    assert refused.value.messages_dict == {"page": [text]}


def test_windows() -> None:
    """Behind a cursor no rows are left out, whatever page says."""
    assert paging.window({"page": 3, "limit": 20}) == {"limit": 20, "offset": 40, "total_bound": 1001}
    assert paging.window({"page": 3, "limit": 20, "cursor": "x"})["offset"] == 0
    assert paging.newest_first({"page": 1, "limit": 5})["before_at"] == "infinity"
    behind = paging.newest_first({"page": 2, "limit": 5, "cursor": cursor.written(AT.isoformat(), ID)})
    assert (behind["before_at"], behind["before_id"], behind["offset"]) == (AT, ID, 0)
    with pytest.raises(Invalid):
        paging.newest_first({"page": 1, "limit": 5, "cursor": "x"})


def test_only_a_full_page_has_a_next() -> None:
    row = {"created_at": AT, "id": ID}
    full = paging.next_cursor({"limit": 2}, [row, row], paging.by_time)
    assert full is not None
    assert cursor.read(full) == (AT, ID)
    assert paging.next_cursor({"limit": 2}, [row], paging.by_time) is None
    assert paging.next_cursor({"limit": 2}, [], paging.by_time) is None


@pytest.mark.parametrize("counted, total, exact", [(0, 0, True), (1000, 1000, True), (1001, 1000, False)])
def test_totals_are_exact_up_to_the_bound(counted: int, total: int, exact: bool) -> None:
    said = paging.summary({"page": 1, "limit": 10}, counted)
    assert (said["total"], said["totalIsExact"]) == (total, exact)


@pytest.mark.parametrize("rows", [[], [{"document": '{"id":1}'}, {"document": '{"id":2}'}]])
def test_answers(rows: list[dict[str, Any]]) -> None:
    """Whatever is in it, an answer is JSON; `page` is null behind a cursor."""
    query = {"page": 1, "limit": 2, "cursor": "x"}
    body = orjson.loads(paging.answer(query, paging.documents(rows), 2, nextCursor=None, unread=1))
    tail = {"page": None, "limit": 2, "total": 2, "totalIsExact": True, "nextCursor": None, "unread": 1}
    assert body == {"items": [orjson.loads(row["document"]) for row in rows], **tail}
    assert list(body) == ["items", *tail]


def test_schemas_describe_answers() -> None:
    """What an answer has is what the schema of such a page says, in that order."""
    body = orjson.loads(paging.answer({"page": 1, "limit": 2}, b"", 0, nextCursor=None))
    assert list(paging.CursorPage().fields) == list(body)
    assert list(paging.Page().fields) == [name for name in body if name != "nextCursor"]
