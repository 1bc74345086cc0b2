"""The headings of the catalogue. Admins make and change them, each change with its entry in the audit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

import orjson

from bookings import queries
from bookings.answer import Answer
from bookings.audit import service as audit
from bookings.auth import Caller, require_admin
from bookings.catalogue import rules
from bookings.clock import now
from bookings.db import Database, Tx
from bookings.errors import NotFound, PreconditionFailed
from bookings.http import versioned
from bookings.ids import new_id

_sql = queries.load("catalogue")
_COLUMNS = ("slug", "name", "description", "position")


def listing(database: Database) -> Answer:
    """All categories, in their order."""
    with database.transaction() as tx:
        documents = [str(row["row_to_json"]) for row in tx.all(_sql.categories)]
    return Answer(f'{{"items":[{",".join(documents)}]}}')


def get(database: Database, *, category_id: UUID) -> tuple[str, int]:
    """The document and version of a category. Raises NotFound."""
    row = database.row(_sql.find_category, {"id": category_id})
    if row is None:
        raise NotFound
    return row[0], row[1]


def create(tx: Tx, *, caller: Caller, body: Mapping[str, Any]) -> Answer:
    """A new category. Raises Forbidden, SlugTaken."""
    require_admin(caller.actor)
    id = new_id()
    slug = body.get("slug") or rules.slug_of(body["name"], f"category-{id.hex[-12:]}")
    tx.execute(_sql.insert_category, {**body, "id": id, "slug": slug, "now": now()})
    document = _lock(tx, id, None)
    audit.record(tx, caller, "category.create", subject=("category", id), before=None, after=document)
    return versioned(orjson.dumps(document), 1, 201, location=f"/categories/{id}")


def change(
    tx: Tx, *, caller: Caller, category_id: UUID, body: Mapping[str, Any], versions: Sequence[int] | None
) -> Answer:
    """Change a category. Raises Forbidden, NotFound, PreconditionFailed, SlugTaken."""
    require_admin(caller.actor)
    before = _lock(tx, category_id, versions)
    wished = {name: before[name] for name in _COLUMNS} | dict(body)
    if all(before[name] == wished[name] for name in _COLUMNS):
        return versioned(orjson.dumps(before), before["version"])
    tx.execute(_sql.change_category, wished | {"id": category_id, "now": now()})
    after = _lock(tx, category_id, None)
    audit.record(tx, caller, "category.change", subject=("category", category_id), before=before, after=after)
    return versioned(orjson.dumps(after), after["version"])


def delete(tx: Tx, *, caller: Caller, category_id: UUID, versions: Sequence[int] | None) -> Answer:
    """Remove a category that no service refers to. Raises Forbidden, NotFound, PreconditionFailed, CategoryInUse."""
    require_admin(caller.actor)
    before = _lock(tx, category_id, versions)
    tx.execute(_sql.delete_category, {"id": category_id})
    audit.record(tx, caller, "category.delete", subject=("category", category_id), before=before, after=None)
    return Answer("", 204)


def _lock(tx: Tx, id: UUID, versions: Sequence[int] | None) -> dict[str, Any]:
    row = tx.one(_sql.lock_category, {"id": id})
    if row is None:
        raise NotFound
    document: dict[str, Any] = row["document"]
    if versions is not None and document["version"] not in versions:
        raise PreconditionFailed(document, document["version"])
    return document
