"""What nothing can beat: bare Flask routes in the same gunicorn, without authentication, validation or events.

`constant` shows Flask and gunicorn alone; `get` and `list` send the service's own SQL as one prepared psycopg query;
`create` is one insert into one table under one exclusion constraint.
"""

from __future__ import annotations

from flask import Flask, Response, request
from psycopg_pool import ConnectionPool

from benching.dataset import FLOOR_INSERT
from bookings import clock, queries
from bookings.config import Settings
from bookings.ids import new_id

app = Flask(__name__, static_folder=None)
_sql = queries.load("booking")
_settings = Settings.from_env()
_pool = ConnectionPool(
    _settings.database_url,
    open=False,
    min_size=2,
    max_size=_settings.db_pool_size,
    kwargs={"autocommit": True, "prepare_threshold": 0},
)


def _rows(query: str, params: dict[str, object]) -> list[tuple[object, ...]]:
    if _pool.closed:
        _pool.open()
    with _pool.connection() as connection:
        return connection.execute(query, params).fetchall()


@app.get("/constant")
def constant() -> Response:
    return Response(b'{"ok":true}', mimetype="application/json")


@app.get("/get/<booking_id>")
def get(booking_id: str) -> Response:
    rows = _rows(_sql.get, {"id": booking_id, "is_admin": True, "actor_id": None})
    return Response(str(rows[0][0]), mimetype="application/json")


@app.get("/list/<user_id>")
def list_(user_id: str) -> Response:
    filters = {
        "user_id": user_id,
        "from": clock.now(),
        "to": "infinity",
        "after_start": "-infinity",
        "after_id": "00000000-0000-0000-0000-000000000000",
        "limit": 10,
        "offset": 0,
        "total_bound": 1001,
    }
    documents = ",".join(str(row[0]) for row in _rows(_sql.list_of_user_ascending, filters))
    return Response(f'{{"items":[{documents}]}}', mimetype="application/json")


@app.post("/create")
def create() -> Response:
    wish = request.get_json()
    rows = _rows(FLOOR_INSERT, {"id": new_id(), **wish})
    return Response(str(rows[0][0]), status=201, mimetype="application/json")
