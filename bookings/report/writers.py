"""Rows to a file, one after the other: JSON, CSV (RFC 4180) or XLSX. Never more than a few rows in memory."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

import orjson

from bookings.fields import instant_text
from bookings.report.kinds import Column
from bookings.report.rules import harmless

MEDIA_TYPES = {
    "json": "application/json",
    "csv": "text/csv",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
#: of one sheet, the row of headings included
SHEET_ROWS = 1_048_576
About = Mapping[str, Any]


class Writer(Protocol):
    """Takes rows."""

    def __call__(self, row: Sequence[Any], /) -> None:
        """Write one row, its values in the order of the columns."""


@contextmanager
def json_writer(path: Path, about: About, columns: Sequence[Column]) -> Iterator[Writer]:
    """`{"report": …, "columns": […], "rows": […]}`, one row a line."""
    names = [column.name for column in columns]
    with path.open("wb") as file:
        described = orjson.dumps([{"name": column.name, "type": column.type} for column in columns])
        file.write(b'{"report":%b,\n"columns":%b,\n"rows":[' % (orjson.dumps(dict(about)), described))
        before = b"\n"

        def write(row: Sequence[Any]) -> None:
            nonlocal before
            file.write(before + orjson.dumps(dict(zip(names, map(_json, row), strict=True))))
            before = b",\n"

        yield write
        file.write(b"\n]}\n")


def _json(value: Any) -> Any:
    if isinstance(value, Decimal):
        return float(value)
    return instant_text(value) if isinstance(value, datetime) else value


@contextmanager
def csv_writer(path: Path, about: About, columns: Sequence[Column]) -> Iterator[Writer]:
    """What it is about in lines that begin with #, then a line of headings, then the rows. UTF-8."""
    with path.open("w", encoding="utf-8", newline="") as file:
        lines = csv.writer(file)
        lines.writerows([f"# {name}: {_plain(value)}"] for name, value in about.items())
        lines.writerow([column.name for column in columns])
        yield lambda row: lines.writerow([_csv(value) for value in row])


def _csv(value: Any) -> Any:
    if isinstance(value, str):
        return harmless(value)
    return instant_text(value) if isinstance(value, datetime) else value


def _plain(value: Any) -> str:
    return orjson.dumps(value).decode() if isinstance(value, dict | list) else "" if value is None else str(value)


@contextmanager
def xlsx_writer(path: Path, about: About, columns: Sequence[Column]) -> Iterator[Writer]:
    """A sheet that says what it is about and one with the rows; further ones when a sheet is full. Instants are shown
    in the time zone of the report, because cells know none."""
    # Only the worker writes files, and few of them are sheets.
    import xlsxwriter

    options = {
        "constant_memory": True,
        "tmpdir": str(path.parent),
        "strings_to_formulas": False,
        "strings_to_urls": False,
        "strings_to_numbers": False,
    }
    with xlsxwriter.Workbook(str(path), options) as book:
        sheet = book.add_worksheet("About")
        for number, (name, value) in enumerate(about.items()):
            sheet.write_string(number, 0, name)
            sheet.write_string(number, 1, harmless(_plain(value)))
        yield _Sheets(book, columns, ZoneInfo(str(about["timeZone"])))


class _Sheets:
    """Fills one sheet after the other."""

    def __init__(self, book: Any, columns: Sequence[Column], zone: ZoneInfo) -> None:
        self._book, self._columns, self._zone = book, columns, zone
        self._bold = book.add_format({"bold": True})
        self._instant = book.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        self._sheets = 0
        self._begin()

    def _begin(self) -> None:
        self._sheets += 1
        self._sheet = self._book.add_worksheet("Report" if self._sheets == 1 else f"Report {self._sheets}")
        for number, column in enumerate(self._columns):
            self._sheet.write_string(0, number, column.name, self._bold)
        self._sheet.freeze_panes(1, 0)
        self._row = 1

    def __call__(self, row: Sequence[Any]) -> None:
        if self._row == SHEET_ROWS:
            self._begin()
        for number, value in enumerate(row):
            if isinstance(value, str):
                self._sheet.write_string(self._row, number, harmless(value))
            elif isinstance(value, datetime):
                local = value.astimezone(self._zone).replace(tzinfo=None)
                self._sheet.write_datetime(self._row, number, local, self._instant)
            elif isinstance(value, date):
                self._sheet.write_string(self._row, number, value.isoformat())
            elif value is not None:
                self._sheet.write_number(self._row, number, value)
        self._row += 1


WRITERS = {"json": json_writer, "csv": csv_writer, "xlsx": xlsx_writer}
