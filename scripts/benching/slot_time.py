"""How long a search for slots takes, as the table of claims grows from ten thousand rows to ten million.

The app runs in this process, over its own pool, on a PostgreSQL of its own: what is timed is a whole GET /slots, from
Flask to JSON. The month that is searched has the same claims at every size; all others are of other times and other
resources, so a cost that grows with the table shows. From a million claims on there are also a thousand people whose
month is crowded.
"""

from __future__ import annotations

import gc
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from benching.database_time import Watch, watched
from bookings import create_app
from bookings.config import Settings
from devtools import embedded, ports
from devtools.embedded import SetupError

SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
PROVIDERS = 1000
#: claims of each provider in the searched month
FEW, MANY = 10, 170
#: tables that are large enough for a crowded month
CROWDED = 1_000_000
#: (name, path, what it is, milliseconds that it may take 99 times of 100)
QUESTIONS = (
    (
        "week",
        "/slots?serviceId={few}&resourceId={one}&from={first}&to={week}&timeZone=Europe/Berlin",
        "a week of one provider",
        10.0,
    ),
    (
        "month",
        "/slots?serviceId={few}&from={first}&to={month}&timeZone=Europe/Berlin",
        "a month of any of 1,000",
        150.0,
    ),
    (
        "crowded",
        "/slots?serviceId={many}&from={first}&to={month}&timeZone=Europe/Berlin",
        "the same, 170 claims each",
        None,
    ),
)
_SERVICES = {"few": "00000000-0000-7000-8005-000000000001", "many": "00000000-0000-7000-8005-000000000002"}

_PEOPLE = """
CREATE FUNCTION person(n bigint) RETURNS uuid IMMUTABLE LANGUAGE sql AS
    $$ SELECT ('00000000-0000-7000-8002-' || lpad(to_hex(n), 12, '0'))::uuid $$;
INSERT INTO resources (id, kind, name, time_zone, created_at, updated_at)
SELECT person(n), 'workspace', 'Chair ' || n, 'Europe/Berlin', now(), now() FROM generate_series(1, {people}) AS n;
INSERT INTO services (id, slug, name, durations, currency, price_from, created_at, updated_at)
SELECT id::uuid, 'service-' || number, 'Service ' || number, '[{{"minutes": 30, "price": 1000}}]', 'EUR', 1000,
       now(), now()
  FROM unnest('{{{services}}}'::text[]) WITH ORDINALITY AS s (id, number);
INSERT INTO service_resources (service_id, resource_id, position)
SELECT s.id::uuid, person((s.number - 1) * {providers} + n), n
  FROM unnest('{{{services}}}'::text[]) WITH ORDINALITY AS s (id, number), generate_series(1, {providers}) AS n;
"""
#: one claim of a provider: the number says which, `at` when
_CLAIM = """
INSERT INTO allocations (resource_id, exclusive, during, booking_id, start_at)
SELECT person({person}), true, tstzrange(at, at + {length}), claim({claim}), at
  FROM generate_series({first}::bigint, {last}::bigint) AS n, LATERAL (SELECT {at} AS at) AS t
"""
_GUARDS = (
    "allocations_no_overlap",
    "allocations_once_per_booking",
    "allocations_resource_known",
)


@contextmanager
def server(folder: Path, port: int) -> Iterator[str]:
    """A PostgreSQL that forgets everything when the machine stops; its URL. Raises SetupError."""
    ports.check(port, instead=port + 100)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    password = secrets.token_urlsafe(12)
    cluster = embedded.postgres(folder / "postgres")
    cluster.initialise(password)
    quick = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off", "wal_level": "minimal"}
    command = cluster.command(
        port, shared_buffers="1GB", max_wal_size="16GB", max_wal_senders=0, maintenance_work_mem="1GB", **quick
    )
    with (folder / "postgres.log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, **embedded.as_account(cluster.account))
    try:
        deadline = time.monotonic() + 60
        while not cluster.ready(port):
            if time.monotonic() > deadline:
                raise SetupError("PostgreSQL did not start; read the log under .data/bench.")
            time.sleep(0.2)
        yield f"postgresql://postgres:{password}@127.0.0.1:{port}/postgres"
    finally:
        process.terminate()
        process.wait(60)
        shutil.rmtree(folder, ignore_errors=True)


def month() -> datetime:
    """The first instant of the month that is searched: next May in Berlin."""
    return datetime(datetime.now(UTC).year + 1, 4, 30, 22, tzinfo=UTC)


class Growing:
    """A database whose claims grow from size to size."""

    def __init__(self, url: str) -> None:
        self.url, self.size = url, 0
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(
                "CREATE FUNCTION claim(n bigint) RETURNS uuid IMMUTABLE LANGUAGE sql AS "
                "$$ SELECT ('00000000-0000-7000-8003-' || lpad(to_hex(n), 12, '0'))::uuid $$"
            )
            people = 11 * PROVIDERS
            services = ",".join(_SERVICES.values())
            connection.execute(_PEOPLE.format(people=people, services=services, providers=PROVIDERS).encode())

    def grow(self, size: int) -> None:
        """Add claims until there are so many: first those of the searched month, then those of other times and of
        other people."""
        with psycopg.connect(self.url, autocommit=True) as connection:
            rebuilt = size - self.size > 500_000
            definitions = _drop_guards(connection) if rebuilt else []
            if not self.size:
                self._month(connection, 0, FEW, 0)
                self.size = PROVIDERS * FEW
            if self.size < CROWDED <= size:
                self._month(connection, PROVIDERS, MANY, 2**40)
                self.size += PROVIDERS * MANY
            # Half is the past of those who are searched, half is of 9,000 others; nobody has two at a time.
            past = "timestamptz '2026-01-01Z' - n / {people} * interval '45 minutes'"
            first, half = self.size, (size - self.size) // 2
            for who, people, begins, ends in (
                (f"1 + n % {PROVIDERS}", PROVIDERS, first, first + half - 1),
                (f"{2 * PROVIDERS} + 1 + n % {9 * PROVIDERS}", 9 * PROVIDERS, first + half, size - 1),
            ):
                if ends >= begins:
                    at = past.format(people=people)
                    length = "interval '30 minutes'"
                    text = _CLAIM.format(person=who, claim="n", first=begins, last=ends, at=at, length=length)
                    connection.execute(text.encode())
            for definition in definitions:
                connection.execute(definition.encode())
            connection.execute("VACUUM ANALYZE")
            self.size = size

    @staticmethod
    def _month(connection: psycopg.Connection[Any], offset: int, each: int, claim: int) -> None:
        """So many claims of each provider, spread over the month: at any five minutes, of 30 to 75 minutes."""
        minutes = 31 * 24 * 60 // each // 15 * 15
        connection.execute(
            _CLAIM.format(
                person=f"{offset} + 1 + n % {PROVIDERS}",
                claim=f"{claim} + n" if claim else "n",
                first=0,
                last=PROVIDERS * each - 1,
                at=f"timestamptz '{month().isoformat()}' + n % {PROVIDERS} % 20 * interval '30 minutes' "
                f"+ n / {PROVIDERS} * interval '{minutes} minutes' + n % 7 * interval '5 minutes'",
                length="(30 + n % 4 * 15) * interval '1 minute'",
            ).encode()
        )


def _drop_guards(connection: psycopg.Connection[Any]) -> list[str]:
    """Take constraints and indexes off the table of claims; the statements that bring them back. Of the constraint
    against overlaps only the index comes back: to look at each of ten million rows once more takes ten minutes."""
    rows = connection.execute(
        """SELECT conname, CASE contype WHEN 'x' THEN pg_get_indexdef(conindid)
               ELSE format('ALTER TABLE allocations ADD CONSTRAINT %%I %%s', conname, pg_get_constraintdef(oid)) END
             FROM pg_constraint WHERE conname = ANY (%s)""",
        [list(_GUARDS)],
    ).fetchall()
    definitions = []
    for name, definition in rows:
        connection.execute(f"ALTER TABLE allocations DROP CONSTRAINT {name}".encode())
        definitions.append(definition)
    for name, definition in connection.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE tablename = 'allocations'"
    ).fetchall():
        connection.execute(f"DROP INDEX {name}".encode())
        definitions.append(definition)
    return definitions


def measure(url: str, times: int, size: int) -> list[dict[str, Any]]:
    """Ask each question so often of a table of such a size; milliseconds, statements, starts."""
    app = create_app(
        Settings(
            app_env="test",
            database_url=url,
            redis_url="redis://127.0.0.1:1/0",
            jwt_secret=secrets.token_hex(24),
            rate_limit="off",
        )
    )
    client = app.test_client()
    first = (month() + timedelta(hours=2)).date()
    words = {
        **_SERVICES,
        "one": "00000000-0000-7000-8002-000000000001",
        "first": first,
        "week": first + timedelta(days=6),
        "month": first + timedelta(days=30),
    }
    found = []
    gc.collect()
    gc.freeze()  # as gunicorn's workers do
    with watched() as watch:
        for name, path, what, bound in QUESTIONS:
            if name == "crowded" and size < CROWDED:
                continue
            often = times if name == "week" else max(20, times // 10)
            found.append(
                _one(client, watch, path.format(**words), often) | {"name": name, "what": what, "bound": bound}
            )
    app.extensions["database"].close()
    return found


def _one(client: Any, watch: Watch, path: str, times: int) -> dict[str, Any]:
    taken, spent, cpu = [], [], []
    for number in range(times + 5):
        watch.reset()
        began, own = time.perf_counter(), time.thread_time()
        answer = client.get(path)
        elapsed, busy = time.perf_counter() - began, time.thread_time() - own
        if answer.status_code != 200:
            raise SetupError(f"GET {path} answered {answer.status_code}: {answer.text[:200]}")
        if number >= 5:
            taken.append(elapsed * 1000)
            spent.append(watch.spent * 1000)
            cpu.append((busy + watch.cpu) * 1000)
    starts = sum(len(day["slots"]) for day in answer.get_json()["days"])
    return {
        "p50": _share(taken, 50),
        "p99": _share(taken, 99),
        "database": _share(spent, 50),
        "cpu": _share(cpu, 50),
        "cpu99": _share(cpu, 99),
        "statements": len(watch.statements),
        "starts": starts,
    }


def _share(values: list[float], percent: int) -> float:
    return sorted(values)[min(len(values) - 1, len(values) * percent // 100)]


def table(results: dict[int, list[dict[str, Any]]]) -> str:
    """The figures as a table for docs/performance.md."""
    lines = [
        "| claims | search | starts | statements | p50 ms | p99 ms | of it database | CPU p50 | CPU p99 |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for size, ones in results.items():
        for one in ones:
            figures = " | ".join(f"{one[name]:.1f}" for name in ("p50", "p99", "database", "cpu", "cpu99"))
            lines.append(f"| {size:,} | {one['what']} | {one['starts']:,} | {one['statements']} | {figures} |")
    return "\n".join(lines)


def plot(results: dict[int, list[dict[str, Any]]]) -> str:
    """The p99 of each search over the size of the table as a small SVG, both axes logarithmic. Of CPU: the clock tells
    what else the machine did."""
    from math import log10

    def x(size: float) -> float:
        return 60 + (log10(size) - 4) / 3 * 420

    def y(ms: float) -> float:
        return 250 - (log10(max(ms, 0.5)) - log10(0.5)) / (log10(500) - log10(0.5)) * 220

    parts = [
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 560 300" font-family="sans-serif" font-size="12">',
        '<rect width="560" height="300" fill="white"/>',
        *(f'<text x="{x(n):.0f}" y="270" text-anchor="middle">10^{len(str(n)) - 1}</text>' for n in SIZES),
        *(
            f'<line x1="60" x2="480" y1="{y(ms):.0f}" y2="{y(ms):.0f}" stroke="#ddd"/>'
            f'<text x="54" y="{y(ms) + 4:.0f}" text-anchor="end">{ms:g}</text>'
            for ms in (1, 10, 100)
        ),
        '<text x="270" y="292" text-anchor="middle">claims in the table</text>',
        '<text x="60" y="18">p99 of CPU in ms, service and PostgreSQL</text>',
    ]
    for name, colour in (("week", "#1664c0"), ("month", "#c03a16"), ("crowded", "#7a3fa0")):
        points = [(x(size), y(one["cpu99"])) for size, ones in results.items() for one in ones if one["name"] == name]
        what = next(what for known, _, what, _ in QUESTIONS if known == name)
        line = " ".join(f"{a:.0f},{b:.0f}" for a, b in points)
        parts.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{a:.0f}" cy="{b:.0f}" r="3" fill="{colour}"/>' for a, b in points]
        parts.append(f'<text x="{points[0][0]:.0f}" y="{points[0][1] - 8:.0f}" fill="{colour}">{what}</text>')
    return "\n".join([*parts, "</svg>"]) + "\n"
