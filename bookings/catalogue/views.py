"""Workspaces and providers as customers see them: resources with what they deliver, without whose they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

import orjson

from bookings import paging, queries
from bookings.answer import Answer
from bookings.auth import Caller
from bookings.db import Database, Tx
from bookings.errors import NotFound, PreconditionFailed
from bookings.http import versioned
from bookings.prepared import Prepared
from bookings.resource import service as resource

_sql = queries.load("catalogue")
_LISTS = {
    sort: Prepared(f"catalogue.views_by_{sort}", getattr(_sql, f"views_by_{sort}")) for sort in ("name", "rating")
}
_TOTAL = Prepared("catalogue.views_total", _sql.views_total)


def listing(database: Database, *, kind: str, query: Mapping[str, Any]) -> Answer:
    """One page of those of a kind that can be booked."""
    params = {
        "kind": kind,
        "q": query.get("q"),
        "location": query.get("location"),
        "min_capacity": query.get("minCapacity", 1),
        "min_rating": str(query.get("minRating", 0)),
        "service_id": query.get("serviceId"),
        "amenities": orjson.dumps(_words(query.get("amenities", ""))).decode(),
    } | paging.window(query)
    rows = database.hot_rows(_LISTS[query["sort"]], params)
    total = int((rows or database.hot_rows(_TOTAL, params))[0][-1] or 0)
    return Answer(paging.answer(query, b",".join([row[0] or b"" for row in rows]), total))


def _words(text: str) -> list[str]:
    return [word for word in (part.strip() for part in text.split(",")) if word]


def get(database: Database, *, kind: str, id: UUID) -> Answer:
    """One that can be booked. Raises NotFound."""
    row = database.row(_sql.find_view, {"id": id, "kind": kind, "inactive": False})
    if row is None:
        raise NotFound
    return versioned(row[0], row[1])


def create_workspace(tx: Tx, *, caller: Caller, body: Mapping[str, Any]) -> Answer:
    """Raises what `resource.service.create` raises."""
    _, version, id = resource.create(tx, caller=caller, body={**body, "kind": "workspace"})
    return versioned(_view(tx, "workspace", id)[0], version, 201, location=f"/workspaces/{id}")


def change(
    tx: Tx, *, caller: Caller, kind: str, id: UUID, body: Mapping[str, Any], versions: tuple[int, ...] | None
) -> Answer:
    """Raises NotFound for another kind, and what `resource.service.change` raises."""
    _view(tx, kind, id)
    try:
        resource.change(tx, caller=caller, resource_id=id, body=body, versions=versions)
    except PreconditionFailed as failed:
        raise PreconditionFailed(orjson.loads(_view(tx, kind, id)[0]), failed.version) from failed
    return versioned(*_view(tx, kind, id))


def _view(tx: Tx, kind: str, id: UUID) -> tuple[str, int]:
    row = tx.one(_sql.find_view, {"id": id, "kind": kind, "inactive": True})
    if row is None:
        raise NotFound
    return row["row_to_json"], row["version"]
