"""Lists in pages: what clients ask for and get, where a page begins and ends, and what it says of itself.

A page is found by its number, or by the cursor of the page before, which costs the same at any depth.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, ClassVar, TypeVar
from uuid import UUID

import orjson
from marshmallow import Schema, ValidationError, fields, validate, validates_schema

from bookings import cursor
from bookings.fields import Input

#: rows on a page at most
LIMIT = 100
#: paging by number ends after so many rows; the cursor goes on at constant cost
DEEPEST = 10_000
#: totals are exact up to here; counting further would make a page cost what the table holds
TOTAL_BOUND = 1000
LOWEST_ID, HIGHEST_ID = UUID(int=0), UUID(int=2**128 - 1)

_Row = TypeVar("_Row")
_Cursor = TypeVar("_Cursor")


def size(usual: int = 10) -> fields.Integer:
    """How many rows are wanted on a page; `usual` unless it is said."""
    return fields.Integer(load_default=usual, validate=validate.Range(1, LIMIT))


class PageQuery(Input):
    """Which page, by its number."""

    #: what the list is of, and how to come to what lies too deep
    rows: ClassVar[str] = ""
    instead: ClassVar[str] = "narrow the list"

    page = fields.Integer(load_default=1, validate=validate.Range(min=1, max=DEEPEST))
    limit = size()

    @validates_schema
    def _not_too_deep(self, data: dict[str, Any], **_: Any) -> None:
        if data["page"] * data["limit"] > DEEPEST:
            raise ValidationError(f"{f'Ends after {DEEPEST} {self.rows}'.rstrip()}; {self.instead}.", "page")


class CursorQuery(PageQuery):
    """Which page, by its number or behind the nextCursor of the one before."""

    instead = "go on with cursor"

    cursor: fields.Field[Any] = fields.String(
        validate=validate.Length(max=200), metadata={"description": "nextCursor of the last page."}
    )


class CountedPage(Schema):
    """A page of a list that is short enough to be counted to its end."""

    items: fields.Field[Any] = fields.List(fields.Raw(), required=True)
    page = fields.Integer(required=True)
    limit = fields.Integer(required=True)
    total = fields.Integer(required=True)


class Page(CountedPage):
    """A page of a list that is counted up to TOTAL_BOUND."""

    total = fields.Integer(required=True, metadata={"description": "Exact up to 1,000; see totalIsExact."})
    totalIsExact = fields.Boolean(required=True)


class CursorPage(Page):
    """A page that says where the next one begins."""

    page = fields.Integer(required=True, allow_none=True, metadata={"description": "null when paging by cursor."})
    nextCursor: fields.Field[Any] = fields.String(required=True, allow_none=True)


def window(query: Mapping[str, Any]) -> dict[str, Any]:
    """How many rows a page has, how many come before it, and how far to count."""
    size = query["limit"]
    offset = 0 if "cursor" in query else (query["page"] - 1) * size
    return {"limit": size, "offset": offset, "total_bound": TOTAL_BOUND + 1}


def newest_first(query: Mapping[str, Any]) -> dict[str, Any]:
    """The window of a list that goes back in time, and where it begins. Raises Invalid for a wrong cursor."""
    before: tuple[datetime | str, UUID] = ("infinity", HIGHEST_ID)
    if "cursor" in query:
        before = cursor.read(query["cursor"])
    return {"before_at": before[0], "before_id": before[1]} | window(query)


def by_time(row: Mapping[str, Any]) -> str:
    """The cursor of a row in a list that goes by time."""
    return cursor.written(row["created_at"].isoformat(), row["id"])


def next_cursor(query: Mapping[str, Any], rows: Sequence[_Row], written: Callable[[_Row], _Cursor]) -> _Cursor | None:
    """Where the next page begins: what is `written` of the last row; None on a page that is not full."""
    return written(rows[-1]) if len(rows) == query["limit"] else None


def summary(query: Mapping[str, Any], total: int, **more: Any) -> dict[str, Any]:
    """What a page says of itself beside its items. `total` as counted, up to TOTAL_BOUND + 1."""
    return {
        "page": None if "cursor" in query else query["page"],
        "limit": query["limit"],
        "total": min(total, TOTAL_BOUND),
        "totalIsExact": total <= TOTAL_BOUND,
        **more,
    }


def answer(query: Mapping[str, Any], items: bytes, total: int, **more: Any) -> bytes:
    """A page as JSON. `items`: the rows' documents, separated by commas."""
    return b'{"items":[%b],%b' % (items, orjson.dumps(summary(query, total, **more))[1:])


def documents(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """The `document` of each row, as `answer` takes them."""
    return ",".join([row["document"] for row in rows]).encode()
