"""How long PostgreSQL takes for what people look at: every statement of a request timed, with its real parameters.

The app runs in this process, over its own pool and with its own prepared statements. The database time of a request is
the sum over its statements of the time from sending one to having its rows, the way to the server and back included.
Beside it stands the time for which the kernel let the server's process run: on a busy machine that says more.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
from flask import Flask

from benching import catalogue, servers
from bookings import create_app, prepared
from bookings.auth import Actor, Tokens
from bookings.config import Settings
from bookings.ids import new_id
from devtools.embedded import SetupError

#: path → what it is
QUESTIONS = (*catalogue.QUESTIONS, ("/admin/overview", "the dashboard"))
#: milliseconds that a request may take of the database, 99 times of 100
BOUND = 20.0


@dataclass
class Watch:
    """Adds up what statements take, and remembers them."""

    spent: float = 0.0
    cpu: float = 0.0
    statements: list[tuple[str, Any]] = field(default_factory=list)

    @contextmanager
    def timing(self, backend: int, query: str, params: Any) -> Iterator[None]:
        """Time one statement. `backend` is the server's process id."""
        ran, began = _ran(backend), time.perf_counter()
        try:
            yield
        finally:
            self.spent += time.perf_counter() - began
            self.cpu += _ran(backend) - ran
            self.statements.append((query, params))

    def reset(self) -> None:
        """Begin with the next request."""
        self.spent, self.cpu, self.statements = 0.0, 0.0, []


def _ran(process: int) -> float:
    """Seconds for which a process of this machine has run; 0 where the kernel does not say."""
    try:
        return int(Path(f"/proc/{process}/schedstat").read_text().split()[0]) / 1e9
    except OSError:
        return 0.0


@contextmanager
def watched() -> Iterator[Watch]:
    """See every statement that this process sends, by whichever way."""
    watch, rows, execute = Watch(), prepared.Prepared.rows, psycopg.Cursor.execute

    def timed_rows(self: Any, connection: Any, params: Mapping[str, Any], **how: Any) -> Any:
        values = [prepared._TO_TEXT[type(params[name])](params[name]) for name in self.parameters]
        with watch.timing(connection.pgconn.backend_pid, self.query.decode(), values):
            return rows(self, connection, params, **how)

    def timed_execute(self: Any, query: Any, params: Any = None, **how: Any) -> Any:
        with watch.timing(self.connection.info.backend_pid, str(query), params):
            return execute(self, query, params, **how)

    setattr(prepared.Prepared, "rows", timed_rows)  # noqa: B010 (mypy knows no other way)
    setattr(psycopg.Cursor, "execute", timed_execute)  # noqa: B010
    try:
        yield watch
    finally:
        setattr(prepared.Prepared, "rows", rows)  # noqa: B010
        setattr(psycopg.Cursor, "execute", execute)  # noqa: B010


def measure(bench: servers.Bench, times: int) -> list[dict[str, Any]]:
    """Ask each question so many times; for each its p50 and p99 in milliseconds, and the plans of its statements.

    Raises SetupError when the service refuses one.
    """
    settings = Settings.from_env(bench.env | {"RATE_LIMIT": "off", "ENABLE_METRICS": "false"})
    app = create_app(settings)
    headers = {"Authorization": f"Bearer {Tokens(settings).issue(Actor(new_id(), 'admin'))}"}
    try:
        with watched() as watch:
            return [_one(app, headers, watch, bench, question, times) for question in QUESTIONS]
    finally:
        app.extensions["database"].close()


def recount(bench: servers.Bench) -> None:
    """What was loaded past the service has no events from which the dashboard's counts would follow."""
    with psycopg.connect(bench.database_url, autocommit=True) as connection:
        connection.execute("SELECT overview_recount_bookings('2000-01-01Z', '9000-01-01Z')")
        connection.execute("VACUUM ANALYZE overview_bookings, bookings")


def _one(
    app: Flask, headers: dict[str, str], watch: Watch, bench: servers.Bench, question: tuple[str, str], times: int
) -> dict[str, Any]:
    path, what = question
    client, taken, ran = app.test_client(), [], []
    for number in range(times + 20):
        watch.reset()
        answer = client.get(path, headers=headers)
        if answer.status_code != 200:
            raise SetupError(f"GET {path} answered {answer.status_code}: {answer.text[:200]}")
        if number >= 20:  # by then every statement is prepared, and its generic plan was weighed
            taken.append(watch.spent * 1000)
            ran.append(watch.cpu * 1000)
    taken.sort()
    ran.sort()
    statements = list(watch.statements)
    return {
        "path": path,
        "what": what,
        "statements": len(statements),
        "p50": taken[len(taken) // 2],
        "p99": taken[len(taken) * 99 // 100],
        "cpu50": ran[len(ran) // 2],
        "cpu99": ran[len(ran) * 99 // 100],
        "plans": [_plan(bench, query, params) for query, params in statements],
    }


def _plan(bench: servers.Bench, query: str, params: Any) -> str:
    """What PostgreSQL does for a statement, with the rows and pages that it touches."""
    with psycopg.connect(bench.database_url, autocommit=True) as connection:
        if isinstance(params, list):  # one of ours, whose placeholders have numbers
            explained = f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) {query}".encode()
            result = connection.pgconn.exec_params(explained, params)
            lines = [(result.get_value(row, 0) or b"").decode() for row in range(result.ntuples)]
            return "\n".join(lines or [result.get_error_message()])
        statement = f"EXPLAIN (ANALYZE, BUFFERS, COSTS OFF) {query}".encode()
        return "\n".join(row[0] for row in connection.execute(statement, params))


def table(results: list[dict[str, Any]]) -> str:
    """The figures as a table for docs/performance.md."""
    figures = ("p50", "p99", "cpu50", "cpu99")
    lines = ["| request | what | p50 ms | p99 ms | CPU p50 | CPU p99 |", "|---|---|---|---|---|---|"]
    for one in results:
        lines.append(" | ".join([f"| `{one['path']}`", one["what"], *(f"{one[name]:.1f}" for name in figures)]) + " |")
    return "\n".join(lines)
