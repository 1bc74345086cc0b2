"""Statements of the booking path, prepared by hand on each connection.

What this saves against `cursor.execute` is measured in docs/performance.md: the driver's adaptation of parameters and
results, for statements whose parameters are plain values and whose result is JSON that PostgreSQL has written and that
is passed on as it is. Parameters and results travel as text, so each parameter's type must be said in the SQL
(`%(id)s::uuid`) where PostgreSQL cannot infer it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from psycopg import Connection, Error, OperationalError, errors
from psycopg.pq import ConnStatus, DiagnosticField, ExecStatus
from psycopg.pq.abc import PGresult

Row = tuple[bytes | None, ...]

_PLACEHOLDER = re.compile(r"%\((\w+)\)s")
#: the plan no longer fits the schema; the statement is unknown, because a proxy gave us another server connection
_UNKNOWN = b"26000"
_STALE = (b"0A000", _UNKNOWN)

_TO_TEXT: dict[type, Callable[[Any], bytes | None]] = {
    type(None): lambda value: None,
    bool: lambda value: b"t" if value else b"f",
    int: lambda value: b"%d" % value,
    str: str.encode,
    bytes: lambda value: b"\\x" + value.hex().encode(),
    UUID: lambda value: str(value).encode(),
    datetime: lambda value: value.isoformat().encode(),
}


def array(words: Sequence[str]) -> str:
    """A PostgreSQL array literal of words that hold neither comma, quote nor brace (ids, topics, durations)."""
    return "{" + ",".join(words) + "}"


class HotConnection(Connection[Any]):
    """A connection that remembers which statements it has prepared."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.hot: set[bytes] = set()


class Prepared:
    """A statement under a name, run in one round trip. `binary`: its results come in PostgreSQL's binary form.

    `anew`: it is planned anew each time, because what suits one question would read everything for another.
    """

    def __init__(self, name: str, query: LiteralString, *, binary: bool = False, anew: bool = False) -> None:
        self.name = name.encode()
        self.format = int(binary)
        self._anew = anew
        #: as psycopg takes it, for use inside a transaction
        self.text = query
        self.parameters = tuple(dict.fromkeys(_PLACEHOLDER.findall(query)))
        numbers = {parameter: f"${number}" for number, parameter in enumerate(self.parameters, 1)}
        self.query = _PLACEHOLDER.sub(lambda match: numbers[match[1]], query).replace("%%", "%").encode()

    def rows(self, connection: HotConnection, params: Mapping[str, Any], *, prepare: bool = True) -> list[Row]:
        """All rows, as PostgreSQL writes them. Raises psycopg's errors.

        With `prepare` off nothing is kept on the server, for proxies that pool by transaction.
        """
        values = [_TO_TEXT[type(params[name])](params[name]) for name in self.parameters]
        prepare = prepare and not self._anew
        result = self._execute(connection, values) if prepare else self._unprepared(connection, values)
        if result.status != ExecStatus.TUPLES_OK:
            raise _error(connection, result)
        columns = range(result.nfields)
        return [tuple([result.get_value(row, column) for column in columns]) for row in range(result.ntuples)]

    def _execute(self, connection: HotConnection, values: list[bytes | None]) -> PGresult:
        if self.name not in connection.hot:
            prepared = connection.pgconn.prepare(self.name, self.query)
            if prepared.status != ExecStatus.COMMAND_OK:
                raise _error(connection, prepared)
            connection.hot.add(self.name)
        result = connection.pgconn.exec_prepared(self.name, values, None, self.format)  # type: ignore[arg-type]
        if result.status == ExecStatus.FATAL_ERROR and result.error_field(DiagnosticField.SQLSTATE) in _STALE:
            if result.error_field(DiagnosticField.SQLSTATE) == _UNKNOWN:
                # The driver throws away what is prepared after each ROLLBACK: next time it is prepared anew.
                connection.hot.discard(self.name)
            result = self._unprepared(connection, values)
        return result

    def _unprepared(self, connection: HotConnection, values: list[bytes | None]) -> PGresult:
        return connection.pgconn.exec_params(self.query, values, result_format=self.format)


def _error(connection: HotConnection, result: PGresult) -> Error:
    """The driver's exception; a connection that broke has no SQLSTATE to tell it by."""
    if connection.pgconn.status != ConnStatus.OK:
        return OperationalError(result.get_error_message())
    return errors.error_from_result(result)
