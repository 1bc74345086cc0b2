"""scripts/replay.py against real processes, with a little file in the shape of the real one."""

from __future__ import annotations

import csv
import gzip
import itertools
import random
import re
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path

import psycopg
import pytest

import check_data
from tests.factories import World
from tests.support.databases import ROOT
from tests.support.service import Service, ServiceOptions

SERVICE = ServiceOptions(processes=("web", "worker", "relay"), env={"SIGN_IN_RATE_LIMIT": "off", "RATE_LIMIT": "off"})
ROWS = 60


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two hotels full of people within one month, among them day guests, no-shows and many who cancel."""
    dice, path = random.Random(1), tmp_path_factory.mktemp("replay") / "stays.csv.gz"
    rows = []
    for _ in range(ROWS):
        day = date(2015, 10, 10) + timedelta(days=dice.randrange(30))  # summer time ends in between
        rows.append(
            {
                "hotel": dice.choice(["City Hotel", "Resort Hotel"]),
                "assigned_room_type": dice.choice("AB"),
                "arrival_date_year": day.year,
                "arrival_date_month": day.strftime("%B"),
                "arrival_date_day_of_month": day.day,
                "stays_in_weekend_nights": dice.randrange(2),
                "stays_in_week_nights": dice.randrange(5),
                "adults": dice.randrange(1, 3),
                "children": "NA",
                "babies": 0,
                "booking_changes": dice.choice([0, 0, 0, 2]),
                "adr": dice.choice(["0", "75", "80.5", "99.99", "120"]),
                "deposit_type": dice.choice(["No Deposit", "No Deposit", "Non Refund", "Refundable"]),
                "reservation_status": dice.choice(["Check-Out", "Check-Out", "Canceled", "Canceled", "No-Show"]),
            }
        )
    with gzip.open(path, "wt", newline="") as output:
        writer = csv.DictWriter(output, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture(scope="module")
def admin(service: Service) -> str:
    """An admin's token."""
    world = World(service.database_url)
    token = service.token(str(world.admin().id))
    world.close()
    return token


def replay(service: Service, admin: str, file: Path, *options: str) -> tuple[int, str]:
    """Run the script; its exit code and what it says."""
    command = [sys.executable, "scripts/replay.py", str(file), "--base-url", service.base_url, "--token", admin]
    result = subprocess.run(
        [*command, "--guests", "2", *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return result.returncode, result.stdout + result.stderr.rpartition("\r")[2]


def line(output: str, begins: str) -> str:
    """The line of a report that begins so."""
    (found,) = [line for line in output.splitlines() if line.startswith(begins)]
    return found


@pytest.fixture(scope="module")
def replayed(service: Service, admin: str, file: Path) -> None:
    """The file is in the service."""
    assert replay(service, admin, file)[0] == 0


def test_everything_fits_and_a_second_run_changes_nothing(service: Service, admin: str, file: Path) -> None:
    code, first = replay(service, admin, file)
    assert code == 0, first
    assert f"Accepted {ROWS}, refused 0" in first
    assert "409" not in line(first, "Answers")
    code, again = replay(service, admin, file)
    assert code == 0, again
    assert f"create 201 replayed: {ROWS}" in line(again, "Answers")
    for what in ("Accepted", "ok    bookings by final status", "ok    room nights"):
        assert line(first, what) == line(again, what)
    assert [finding for finding in check_data.findings(service.database_url) if finding.rows] == []


def test_with_half_the_rooms_some_are_refused_and_again_the_same_ones(service: Service, admin: str, file: Path) -> None:
    code, first = replay(service, admin, file, "--capacity-factor", "0.5")
    assert code == 0, first
    assert "refused 0" not in line(first, "Accepted")
    code, again = replay(service, admin, file, "--capacity-factor", "0.5")
    assert code == 0, again
    assert line(first, "Accepted").partition(";")[0] == line(again, "Accepted").partition(";")[0]
    assert line(first, "ok    bookings by final status") == line(again, "ok    bookings by final status")
    assert "create 201:" not in line(again, "Answers")


@pytest.mark.parametrize(
    "damage, said",
    [
        ("UPDATE bookings SET end_at = end_at + interval '1 day' WHERE id = {id}", "nightly occupancy"),
        ("UPDATE bookings SET status = 'pending' WHERE id = {id}", "bookings by final status"),
        ("UPDATE bookings SET resource_ids = ARRAY[gen_random_uuid()] WHERE id = {id}", "bookings that differ"),
        (
            "WITH clones AS ("
            " INSERT INTO bookings SELECT (jsonb_populate_record(b, jsonb_build_object('id', gen_random_uuid()))).*"
            " FROM bookings AS b, generate_series(1, 99) WHERE id = {id} RETURNING *)"
            " INSERT INTO allocations (resource_id, exclusive, during, booking_id, start_at)"
            " SELECT resource_ids[1], false, tstzrange(start_at, end_at), id, start_at FROM clones",
            "over capacity",
        ),
    ],
)
@pytest.mark.usefixtures("replayed")
def test_a_difference_is_told(service: Service, admin: str, file: Path, damage: str, said: str) -> None:
    """What a service in error would show: the data is damaged behind its back before another run, then mended."""
    with psycopg.connect(service.database_url, autocommit=True) as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("CREATE TEMP TABLE kept AS TABLE bookings")
        one = "(SELECT id FROM bookings WHERE status = 'completed' AND resource_ids <> '{}' ORDER BY id LIMIT 1)"
        connection.execute(damage.replace("{id}", one).encode())
        code, output = replay(service, admin, file)
        connection.execute("DELETE FROM allocations WHERE booking_id NOT IN (SELECT id FROM kept)")
        connection.execute("DELETE FROM bookings")
        connection.execute("INSERT INTO bookings SELECT * FROM kept")
    assert code == 1
    assert said in output
    assert "The service and the file differ" in output


def test_a_cent_too_much_in_the_revenue_report_is_told(
    service: Service, admin: str, file: Path, replayed: None
) -> None:
    more = """UPDATE payment_operations SET amount = amount + %s
               WHERE id = (SELECT id FROM payment_operations WHERE kind = 'capture' ORDER BY id LIMIT 1)"""
    with psycopg.connect(service.database_url, autocommit=True) as connection:
        connection.execute(more, [1])
        code, output = replay(service, admin, file)
        connection.execute(more, [-1])
    assert code == 1
    assert "WRONG revenue report, captured in EUR cents" in output
    assert "ok    revenue report, refunded in EUR cents" in output


REAL = ROOT.parent / "shared" / "data" / "hotel_bookings.csv.gz"


@pytest.mark.skipif(not REAL.exists(), reason="the file of real stays is not beside the repository (docs/replay.md)")
def test_a_slice_of_the_real_file(service: Service, admin: str) -> None:
    """The revenue report equals a sum that this test computes from the file itself, cent for cent."""
    code, output = replay(service, admin, REAL, "--rows", "150", "--run", "slice")
    assert code == 0, output
    captured = refunded = payments = 0
    with gzip.open(REAL, "rt", newline="") as rows:
        for row in itertools.islice(csv.DictReader(rows), 150):
            nights = int(row["stays_in_weekend_nights"]) + int(row["stays_in_week_nights"])
            price = round(float(row["adr"]) * 100) * max(1, nights)
            deposit, came = row["deposit_type"], row["reservation_status"] == "Check-Out"
            if price and (deposit != "No Deposit" or came):
                payments, captured = payments + 1, captured + price
                refunded += price if deposit == "Refundable" and row["reservation_status"] == "Canceled" else 0
    assert payments > 50
    assert f"ok    revenue report, payments: {payments}" in output
    assert f"ok    revenue report, captured in EUR cents: {captured}" in output
    assert f"ok    revenue report, refunded in EUR cents: {refunded}" in output
    assert f"ok    revenue report, net in EUR cents: {captured - refunded}" in output
    assert [finding for finding in check_data.findings(service.database_url) if finding.rows] == []


def test_what_slots_show_is_what_can_be_booked(service: Service, admin: str, file: Path) -> None:
    """At half capacity some stays are shown and some are not; each is booked or refused as shown."""
    code, output = replay(service, admin, file, "--as-shown", "--capacity-factor", "0.5", "--run", "shown")
    assert code == 0, output
    assert "ok    stays booked or refused otherwise than /slots showed: 0" in output
    shown, hidden = map(int, re.findall(r"showed (\d+) stays and did not show (\d+);", output)[0])
    assert shown >= ROWS // 2
    assert hidden > 0


@pytest.mark.skipif(not REAL.exists(), reason="the file of real stays is not beside the repository (docs/replay.md)")
def test_a_slice_of_the_real_file_is_booked_as_shown(service: Service, admin: str) -> None:
    code, output = replay(service, admin, REAL, "--rows", "100", "--as-shown", "--run", "real-shown")
    assert code == 0, output
    assert "ok    stays booked or refused otherwise than /slots showed: 0" in output
    assert "/slots showed 100 stays and did not show 0;" in output


@pytest.mark.parametrize("name", ["missing", "broken"])
def test_a_file_that_is_none(service: Service, admin: str, tmp_path: Path, name: str) -> None:
    file = tmp_path / "file.csv.gz"
    if name == "broken":
        file.write_text("hotel")
    code, output = replay(service, admin, file)
    assert code == 1
    assert output.startswith("replay: ")
    assert output.count("\n") == 1


def test_a_token_that_is_none(service: Service, file: Path) -> None:
    code, output = replay(service, "nonsense", file)
    assert code == 1
    assert "give a fresh one of an admin" in output
