"""Values that PostgreSQL does not take and no field refused: the client's mistake, not a failure of the service."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from typing import Any, LiteralString

import pytest

from bookings.db import Database
from bookings.errors import NotStorable
from bookings.prepared import Prepared
from tests.integration.booking.api import problem
from tests.support.people import NO_REDIS, Client, settings_for

NUMBER: LiteralString = "SELECT %(value)s::text::real"
HOT = Prepared("test.number", NUMBER)
#: every way in which a request reads or writes
WAYS: dict[str, Callable[[Database, dict[str, Any]], Any]] = {
    "row": lambda database, params: database.row(NUMBER, params),
    "hot": lambda database, params: database.hot(HOT, params),
    "run": lambda database, params: database.run(lambda tx: tx.one(NUMBER, params)),
    "transaction": lambda database, params: _read(database, params),
}


def _read(database: Database, params: dict[str, Any]) -> Any:
    with database.transaction() as tx:
        return tx.one(NUMBER, params)


@pytest.fixture(scope="module")
def client(module_database_url: str) -> Iterator[Client]:
    """The app, with a route for each way; Redis is not needed."""
    client = Client(settings_for(module_database_url, NO_REDIS))
    database: Database = client.app.extensions["database"]
    for name, way in WAYS.items():

        def view(value: str, way: Callable[[Database, dict[str, Any]], Any] = way) -> str:
            way(database, {"value": value})
            return "taken"

        client.app.add_url_rule(f"/number/{name}/<value>", f"number_{name}", view)
    yield client
    client.close()


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("value,sqlstate", [("1e400", "22003"), ("secret", "22P02")])
def test_a_value_that_cannot_be_stored(
    client: Client, caplog: pytest.LogCaptureFixture, way: str, value: str, sqlstate: str
) -> None:
    """422; the log has the SQLSTATE, but not the value, which may be somebody's."""
    with caplog.at_level(logging.WARNING, "bookings.db"):
        document = problem(client.call("GET", f"/number/{way}/{value}"), 422, NotStorable.code)
    assert document["title"] == "A value cannot be stored."
    (line,) = [record for record in caplog.records if record.name == "bookings.db"]
    assert (line.levelname, line.__dict__["sqlstate"]) == ("WARNING", sqlstate)
    assert value not in line.getMessage()
    assert client.call("GET", f"/number/{way}/1.5").text == "taken"
