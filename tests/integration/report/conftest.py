"""An office that has reports made in this process, over bookings written straight into the database."""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest

from bookings import create_app
from bookings.auth import Actor
from bookings.config import Settings
from bookings.db import Database
from bookings.job.runner import Runner
from bookings.job.service import Registry
from bookings.platform import openapi
from bookings.report import jobs
from tests.factories import World
from tests.integration.booking.api import Api, Person
from tests.support.people import NO_REDIS, settings_for

ZONE = "Europe/Berlin"
Json = dict[str, Any]


class Office:
    """Asks for reports, has them made, reads them."""

    def __init__(self, settings: Settings, world: World) -> None:
        self.settings, self.world = settings, world
        self.app = create_app(settings)
        self.api = Api(self.app, world)
        self.database = Database(settings, name="test reports")
        registry = Registry()
        jobs.register(registry, self.database, settings)
        self.runner = Runner(self.database, registry, settings, lambda: None)
        self.admin = self.api.as_(world.admin())
        self._numbers = itertools.count()

    def close(self) -> None:
        """Let go of the connections."""
        self.app.extensions["database"].close()
        self.database.close()

    def as_(self, actor: Actor) -> Person:
        """The API with this person's token."""
        return self.api.as_(actor)

    def asked(self, kind: str, period: tuple[str, str], person: Person | None = None, **more: Any) -> Json:
        """A report that waits to be made."""
        body = {"kind": kind, "from": period[0], "to": period[1], **more}
        answer = (person or self.admin).call("POST", "/reports", body)
        assert answer.status_code == 202, answer.text
        return dict(answer.json or {})

    def work(self, report: Json) -> bool:
        """Run the job of a report, as a worker would."""
        (job,) = self.world.query("SELECT id FROM jobs WHERE kind = 'report' AND key = %s", report["id"])
        return self.runner.run(job["id"])

    def made(self, kind: str, period: tuple[str, str], person: Person | None = None, **more: Any) -> bytes:
        """The file of a new report."""
        report = self.asked(kind, period, person, **more)
        assert self.work(report)
        answer = (person or self.admin).get(f"/reports/{report['id']}/download")
        assert answer.status_code == 200, (answer.text, self.row(report))
        data = bytes(answer.data)
        answer.close()
        return data

    def rows(self, kind: str, period: tuple[str, str], person: Person | None = None, **more: Any) -> list[Json]:
        """The rows of a new report."""
        return list(json.loads(self.made(kind, period, person, **more))["rows"])

    def row(self, report: Json) -> Json:
        """A report as it stands in the database."""
        return self.world.query("SELECT * FROM reports WHERE id = %s", report["id"])[0]

    def book(
        self,
        start: str | datetime,
        *resources: UUID,
        minutes: int = 60,
        status: str = "completed",
        user: Actor | None = None,
        by: UUID | None = None,
        units: int = 1,
        lead: timedelta = timedelta(days=3),
        service: UUID | None = None,
    ) -> UUID:
        """A booking that came to stand where it does; `by`: who called it off, its customer unless told otherwise."""
        id, customer = uuid4(), (user or self.world.user()).id
        start_at = datetime.fromisoformat(start) if isinstance(start, str) else start
        end_at = start_at + timedelta(minutes=minutes)
        named = list(resources)
        self.world.query(
            """INSERT INTO bookings (id, user_id, resource_ids, provider_id, workspace_id, start_at, end_at, units,
                                     status, version, created_by, created_at, updated_at, service_id)
               VALUES (%s, %s, %s, (SELECT id FROM resources WHERE id = ANY (%s) AND kind = 'provider' LIMIT 1),
                       (SELECT id FROM resources WHERE id = ANY (%s) AND kind = 'workspace' LIMIT 1),
                       %s, %s, %s, %s, 2, %s, %s, %s, %s)""",
            *(id, customer, named, named, named, start_at, end_at, units, status, customer, start_at - lead),
            *(start_at - lead, service),
        )
        actions = {"cancelled": "cancel", "declined": "decline", "completed": "complete", "no_show": "no-show"}
        self.world.query(
            """INSERT INTO booking_history (booking_id, version, action, status, start_at, end_at, actor_id, at)
               VALUES (%s, 1, 'create', 'pending', %s, %s, %s, now()), (%s, 2, %s, %s, %s, %s, %s, now())""",
            *(id, start_at, end_at, customer),
            *(id, actions.get(status, "confirm"), status, start_at, end_at, by or customer),
        )
        if status not in ("cancelled", "declined"):
            self.world.query(
                """INSERT INTO allocations (resource_id, exclusive, during, units, booking_id, start_at)
                   SELECT id, exclusive, tstzrange(%s, %s), %s, %s, %s FROM resources WHERE id = ANY (%s)""",
                *(start_at, end_at, units, id, start_at, named),
            )
        return id


@pytest.fixture(scope="module")
def invented() -> Callable[[str], bool]:
    """`book` writes bookings without their events, and payments without their errands: reports must be sound."""
    return lambda check: not check.startswith("report.")


@pytest.fixture(scope="module")
def office(module_database_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Office]:
    """The office of this module, in Berlin."""
    world = World(module_database_url)
    settings = settings_for(
        module_database_url,
        NO_REDIS,
        business_time_zone=ZONE,
        business_name="House of Tests",
        report_dir=str(tmp_path_factory.mktemp("reports")),
    )
    office = Office(settings, world)
    yield office
    office.close()
    world.close()


@pytest.fixture(scope="module")
def document(office: Office) -> Json:
    """The OpenAPI document, against which answers are held."""
    return openapi.build(office.app)


@pytest.fixture
def folder(office: Office) -> Path:
    """Where its reports lie."""
    return Path(office.settings.report_dir)
