"""Lists of bookings: whose, which, and where a page ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from bookings import clock, cursor, queries
from bookings.answer import Answer
from bookings.auth import Actor
from bookings.booking import reading
from bookings.booking.rules import STATUSES
from bookings.booking.schemas import Booking
from bookings.db import Database
from bookings.errors import Forbidden, Invalid
from bookings.paging import HIGHEST_ID, LOWEST_ID, TOTAL_BOUND
from bookings.prepared import Prepared, Row, array

_sql = queries.load("booking")
_SCOPES = ("user", "user_chosen", "owner", "all")
_TOTALS = {scope: Prepared(f"booking.total_{scope}", getattr(_sql, f"total_of_{scope}")) for scope in _SCOPES}
_LISTS = {
    (scope, order): Prepared(f"booking.list_{scope}_{order}", getattr(_sql, f"list_of_{scope}_{order}"))
    for scope in _SCOPES
    for order in ("ascending", "descending")
}
_FIRST, _LAST = "-infinity", "infinity"
_FIELDS = tuple(Booking().fields)


def listing(database: Database, *, actor: Actor, query: Mapping[str, Any]) -> Answer:
    """One page of what the actor may see: a customer their own, a provider their calendar, an admin everything."""
    scope, params = _scope(actor, query)
    descending = query.get("sort", "-startAt" if query.get("when") == "past" else "startAt") == "-startAt"
    params |= _period(query)
    params |= _position(query, descending)
    order = "descending" if descending else "ascending"
    rows = database.hot_rows(_LISTS[scope, order], params)
    total = _total(database, scope, params, rows)
    page = None if "cursor" in query else query["page"]
    tail = orjson.dumps(
        {
            "page": page,
            "limit": query["limit"],
            "total": min(total, TOTAL_BOUND),
            "totalIsExact": total <= TOTAL_BOUND,
            "nextCursor": _cursor(rows[-1]) if len(rows) == query["limit"] else None,
        }
    )
    now = clock.now()
    documents = b",".join([reading.at(row[0] or b"", now) for row in rows])
    return Answer(b'{"items":[%b],%b' % (_only(documents, query.get("fields_")), tail[1:]))


def _total(database: Database, scope: str, params: Mapping[str, Any], rows: list[Row]) -> int:
    """The total that came with the rows; without rows it is 0 on the first page and asked for on a later one."""
    if rows:
        return int(rows[0][3] or 0)
    if params["offset"] == 0 and params["after_id"] in (LOWEST_ID, HIGHEST_ID):
        return 0
    return int(database.hot_rows(_TOTALS[scope], params)[0][0] or 0)


def _scope(actor: Actor, query: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """Whose list it is, and the ids that narrow it."""
    user_id, resource_id = query.get("userId"), query.get("resourceId")
    narrowed = {"user_id": user_id, "resource_id": resource_id, "owner_id": None}
    if actor.is_admin:
        scope = "user_chosen" if user_id else "owner" if resource_id else "all"
        return scope, narrowed
    if user_id == actor.id or actor.role == "customer":
        if user_id not in (None, actor.id):
            raise Forbidden("You may list your own bookings.")
        filtered = resource_id is not None or "status" in query
        return ("user_chosen" if filtered else "user"), narrowed | {"user_id": actor.id}
    return "owner", narrowed | {"owner_id": actor.id}


def _period(query: Mapping[str, Any]) -> dict[str, Any]:
    lower = [query["from_"]] if "from_" in query else []
    upper = [query["to"]] if "to" in query else []
    if query.get("when") == "upcoming":
        lower.append(clock.now())
    elif query.get("when") == "past":
        upper.append(clock.now())
    return {
        "from": max(lower).isoformat() if lower else _FIRST,
        "to": min(upper).isoformat() if upper else _LAST,
        "statuses": array(query.get("status", STATUSES)),
    }


def _position(query: Mapping[str, Any], descending: bool) -> dict[str, Any]:
    after = (_LAST, HIGHEST_ID) if descending else (_FIRST, LOWEST_ID)
    offset = (query["page"] - 1) * query["limit"]
    if "cursor" in query:
        (start_at, id), offset = cursor.read(query["cursor"]), 0
        after = start_at.isoformat(), id
    return {
        "after_start": after[0],
        "after_id": after[1],
        "limit": query["limit"],
        "offset": offset,
        "total_bound": TOTAL_BOUND + 1,
    }


def _cursor(row: Row) -> str:
    return cursor.written((row[1] or b"").decode(), (row[2] or b"").decode())


def _only(documents: bytes, fields: str | None) -> bytes:
    """The documents, cut down to the wished fields."""
    if fields is None:
        return documents
    names = fields.split(",")
    if unknown := sorted(set(names) - set(_FIELDS)):
        raise Invalid([("fields", f"Unknown: {', '.join(unknown)}. Known: {', '.join(_FIELDS)}.")])
    cut = [{name: item[name] for name in names} for item in orjson.loads(b"[%b]" % documents)]
    return orjson.dumps(cut)[1:-1]
