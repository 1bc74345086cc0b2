"""Lists of services: which, in which order, and where a page ends."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any
from uuid import UUID

from bookings import cursor, paging, queries
from bookings.answer import Answer
from bookings.catalogue import rules
from bookings.db import Database
from bookings.errors import Invalid
from bookings.prepared import Prepared, Row

_sql = queries.load("catalogue")
#: for each sort the last word of its queries, and where it begins: before the first key
_SORTS = {
    "name": ("name", "", paging.LOWEST_ID),
    "price": ("price", "-1", paging.LOWEST_ID),
    "-price": ("price_descending", str(2**63 - 1), paging.HIGHEST_ID),
    "rating": ("rating", "Infinity", paging.HIGHEST_ID),
    "popular": ("popularity", str(2**63 - 1), paging.HIGHEST_ID),
    "relevance": ("relevance", "Infinity", paging.HIGHEST_ID),
}
_LISTS = {
    sort: Prepared(f"catalogue.list_by_{name}", getattr(_sql, f"list_by_{name}"))
    for sort, (name, _, _) in _SORTS.items()
    if sort != "relevance"
}
# In the order of relevance every word takes the same steps; in others a rare one is sorted, a common one walked to.
_SEARCHES = {
    sort: Prepared(f"catalogue.search_by_{name}", getattr(_sql, f"search_by_{name}"), anew=sort != "relevance")
    for sort, (name, _, _) in _SORTS.items()
}
_LIST_TOTAL = Prepared("catalogue.list_total", _sql.list_total)
_SEARCH_TOTAL = Prepared("catalogue.search_total", _sql.search_total)


def listing(database: Database, *, query: Mapping[str, Any]) -> Answer:
    """One page of services. Raises Invalid for a cursor that is none."""
    sort = query.get("sort") or ("relevance" if "q" in query else "name")
    statement, total_of = (_SEARCHES[sort], _SEARCH_TOTAL) if "q" in query else (_LISTS[sort], _LIST_TOTAL)
    _, after_key, after_id = _SORTS[sort]
    if "cursor" in query:
        after_key, after_id = _read_cursor(query["cursor"], sort)
    params = _filters(query) | {"after_key": after_key, "after_id": after_id} | paging.window(query)
    rows = database.hot_rows(statement, params)
    total = int((rows or database.hot_rows(total_of, params))[0][-1] or 0)
    next_cursor = paging.next_cursor(query, rows, lambda row: _cursor(sort, row))
    return Answer(paging.answer(query, b",".join([row[0] or b"" for row in rows]), total, nextCursor=next_cursor))


def _filters(query: Mapping[str, Any]) -> dict[str, Any]:
    phrase = query.get("q")
    return {
        "phrase": phrase,
        "question": rules.question(phrase or ""),
        "question_of_name": rules.question(phrase or "", of_name=True),
        "category": query.get("category"),
        "min_price": query.get("minPrice", 0),
        "max_price": query.get("maxPrice", 2**63 - 1),
        "min_rating": str(query.get("minRating", 0)),
        "resource_id": query.get("resourceId"),
        "archived": query["archived"],
    }


def _cursor(sort: str, row: Row) -> str:
    return cursor.written_words([sort, (row[1] or b"").decode()], (row[2] or b"").decode())


def _read_cursor(text: str, sort: str) -> tuple[str, UUID]:
    try:
        (known_sort, key), id = cursor.read_words(text, 2)
        if known_sort != sort:
            raise ValueError
        if sort != "name" and not _is_number(key, whole=sort in _WHOLE):
            raise ValueError
        return key, id
    except (Invalid, ValueError):
        raise Invalid([("cursor", "Is not a nextCursor of this list with this sort.")]) from None


_WHOLE = ("price", "-price", "popular")
#: as PostgreSQL writes numbers; Python would also take 1_0, other scripts' digits, and any exponent
_NUMBER = re.compile(r"-?[0-9]{1,19}(\.[0-9]{1,40})?(e[-+]?[0-9]{1,2})?")
#: what lies nearer to nothing may be out of the range of `real`; no rank does
_SMALLEST = Decimal("1e-30")
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,19}")


def _is_number(key: str, *, whole: bool) -> bool:
    if not (_WHOLE_NUMBER if whole else _NUMBER).fullmatch(key):
        return False
    number = abs(Decimal(key))
    return number < 2**62 and (not number or number > _SMALLEST)


def few(database: Database, *, which: str, limit: int) -> Answer:
    """The featured or the popular services."""
    rows = database.hot_rows(_FEW[which], {"limit": limit})
    return Answer(b'{"items":[%b]}' % b",".join([row[0] or b"" for row in rows]))


_FEW = {name: Prepared(f"catalogue.{name}", getattr(_sql, name)) for name in ("featured", "popular")}
