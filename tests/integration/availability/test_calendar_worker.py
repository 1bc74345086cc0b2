"""The worker as it runs, a process of its own, reads a calendar of another server: soon, when asked, and in time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from bookings.config import Settings
from tests.factories import World
from tests.integration.availability.elsewhere import Reader, ics, serving
from tests.integration.event.facts import wait_for
from tests.support.databases import ROOT
from tests.support.people import Client
from tests.support.servers import Process
from tests.support.service import PYTHON, Service, ServiceOptions

SERVICE = ServiceOptions(processes=())
# The worker of the service, but one that may read servers of this machine, which no setting allows.
WORKER = """
import sys
from dataclasses import replace
from bookings import log, worker
from bookings.config import Settings
settings = replace(Settings.from_env(), calendar_internal=True)
log.configure(settings.log_level)
sys.exit(worker.run(settings))
"""


@pytest.fixture(scope="module")
def module_database_url(service: Service) -> str:
    """The checks look at the service's own database."""
    return service.database_url


@pytest.fixture
def office(service: Service, world: World) -> Iterator[Reader]:
    """Where calendars of this machine may be read."""
    client = Client(replace(Settings.from_env(service.env), rate_limit="off", calendar_internal=True))
    yield Reader(client, world)
    client.close()


@pytest.fixture
def worker(service: Service) -> Iterator[Process]:
    """A worker, until the test is over."""
    process = Process([PYTHON, "-c", WORKER], service.folder / "worker.log", env=service.env, cwd=ROOT)
    yield process
    assert process.stop() == 0


@pytest.mark.slow
def test_a_running_worker_reads_it_again_and_again(office: Reader, worker: Process) -> None:
    with serving() as elsewhere:
        elsewhere.text = ics((9, 10))
        made = office.done("POST", f"/resources/{office.id}/calendars", {"url": elsewhere.url}, by=office.owner)
        wait_for(office.busy, lambda busy: busy == [(9, 10)], 30)
        elsewhere.text = ics((11, 12))
        assert office.call("POST", f"/calendars/{made['id']}/refresh", by=office.owner).status_code == 202
        wait_for(office.busy, lambda busy: busy == [(11, 12)], 30)
        elsewhere.text = ics((13, 14))
        office.world.query("UPDATE calendars SET next_refresh_at = now() WHERE id = %s", made["id"])
        # what is due is looked for once a minute
        wait_for(office.busy, lambda busy: busy == [(13, 14)], 90)
        found = office.one(made["id"])
        assert (found["failures"], found["lastError"], found["busyTimes"]) == (0, None, 1)
        assert len(elsewhere.asked) == 3
