"""JSON, CSV and XLSX hold the same rows, and no cell is a formula."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import openpyxl
import pytest

from bookings.report import writers
from bookings.report.kinds import Column
from tests.integration.report.conftest import Office

Json = dict[str, Any]
JUNE = ("2027-06-01", "2027-07-01")
EVIL = '=HYPERLINK("http://evil.example","Ada")'


@pytest.fixture(scope="module")
def customer(office: Office) -> str:
    """A customer with a dangerous name, who came at midnight in Berlin."""
    person, room = office.world.user(), office.world.resource(capacity=9)
    office.world.query("UPDATE users SET name = %s WHERE id = %s", EVIL, person.id)
    office.book("2027-06-09T22:00:00Z", room, user=person)
    office.book("2027-06-20T08:30:00Z", room, user=person, status="no_show")
    return str(person.id)


def asked(customer: str) -> Json:
    """The report about that customer."""
    return {"filters": {"userId": customer}}


def lines(data: bytes) -> tuple[list[str], list[list[str]]]:
    """A CSV report: what it says of itself, and its lines."""
    rows = list(csv.reader(io.StringIO(data.decode(), newline="")))
    return [row[0] for row in rows if row[0].startswith("#")], [row for row in rows if not row[0].startswith("#")]


def test_csv(office: Office, customer: str) -> None:
    about, rows = lines(office.made("customers", JUNE, format="csv", **asked(customer)))
    assert "# report: customers" in about
    assert "# from: 2027-05-31T22:00:00Z" in about
    assert "# timeZone: Europe/Berlin" in about
    assert any(line.startswith("# snapshotAt: 20") for line in about)
    assert f'# filters: {{"userId":"{customer}"}}' in about
    header = ["userId", "name", "bookings", "completed", "calledOff", "noShow", "firstStartAt", "lastStartAt"]
    assert rows == [
        header,
        [customer, "'" + EVIL, "2", "1", "0", "1", "2027-06-09T22:00:00Z", "2027-06-20T08:30:00Z"],
    ]


def test_xlsx(office: Office, customer: str) -> None:
    book = openpyxl.load_workbook(io.BytesIO(office.made("customers", JUNE, format="xlsx", **asked(customer))))
    assert book.sheetnames == ["About", "Report"]
    about = dict(book["About"].iter_rows(values_only=True))
    assert (about["report"], about["timeZone"], about["from"]) == ("customers", "Europe/Berlin", "2027-05-31T22:00:00Z")
    header, row = book["Report"].iter_rows()
    assert [cell.value for cell in header][:2] == ["userId", "name"]
    assert [cell.value for cell in row] == [
        *(customer, "'" + EVIL, 2, 1, 0, 1),
        *(datetime(2027, 6, 10, 0, 0), datetime(2027, 6, 20, 10, 30)),  # noqa: DTZ001 -- cells know no zone
    ]
    assert all(cell.data_type != "f" for sheet in book for cells in sheet.iter_rows() for cell in cells)


def test_json(office: Office, customer: str) -> None:
    report = json.loads(office.made("customers", JUNE, format="json", **asked(customer)))
    (row,) = report["rows"]
    assert row["name"] == EVIL
    assert [column["name"] for column in report["columns"]] == list(row)


@pytest.mark.parametrize("format,media_type", writers.MEDIA_TYPES.items())
def test_media_types(office: Office, format: str, media_type: str) -> None:
    report = office.asked("bookings", JUNE, format=format)
    office.work(report)
    answer = office.admin.get(f"/reports/{report['id']}/download")
    answer.close()
    assert answer.mimetype == media_type
    assert answer.headers["Content-Disposition"].endswith(f"bookings_2027-06-01_2027-07-01.{format}")
    assert answer.headers["Cache-Control"] == "private, no-store"


def test_a_full_sheet_goes_on_in_the_next(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writers, "SHEET_ROWS", 4)
    columns = [Column("n"), Column("at", "instant"), Column("nothing", "text")]
    path = tmp_path / "many.xlsx"
    with writers.xlsx_writer(path, {"timeZone": "UTC"}, columns) as write:
        for number in range(7):
            write((number, datetime(2027, 3, 1, tzinfo=UTC).astimezone(ZoneInfo("Asia/Tokyo")), None))
    book = openpyxl.load_workbook(path)
    assert book.sheetnames == ["About", "Report", "Report 2", "Report 3"]
    numbers = [row[0] for sheet in book.worksheets[1:] for row in sheet.iter_rows(min_row=2, values_only=True)]
    assert numbers == list(range(7))
    assert book["Report 3"]["B2"].value == datetime(2027, 3, 1)  # noqa: DTZ001 -- cells know no zone
