"""A new release or a new configuration costs nobody a request."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import threading
import time
from collections.abc import Iterator

import pytest

from bookings.auth import Tokens
from bookings.config import Settings
from tests.acceptance.platform.traffic import Client, Outcome
from tests.conftest import StartService
from tests.factories import World
from tests.support import nginx
from tests.support.databases import ROOT
from tests.support.patience import REQUEST
from tests.support.preloaded import PreloadedProcess
from tests.support.servers import Process, free_port, make_folder, wait_until
from tests.support.service import COMMANDS, Service, ServiceOptions

SERVICE = ServiceOptions(processes=("web",), env={"RATE_LIMIT": "off"})
CLIENTS = 6


@contextlib.contextmanager
def traffic(service: Service, base_url: str) -> Iterator[list[Outcome]]:
    """Load from CLIENTS clients for the length of the block; their outcomes are complete after it."""
    world = World(service.database_url)
    tokens = Tokens(Settings.from_env(service.env))
    stop = threading.Event()
    clients = [Client(base_url, tokens.issue(world.user()), str(world.resource()), stop) for _ in range(CLIENTS)]
    for client in clients:
        client.start()
    try:
        time.sleep(1)
        yield [client.outcome for client in clients]
        time.sleep(1)
    finally:
        stop.set()
        for client in clients:
            client.join(timeout=30)
        world.close()


def check(service: Service, outcomes: list[Outcome]) -> None:
    """Nothing failed, and what was answered was done, once."""
    failures = [failure for outcome in outcomes for failure in outcome.failures]
    created = [id for outcome in outcomes for id in outcome.created]
    resent = sum(outcome.resent for outcome in outcomes)
    print(f"{sum(outcome.answered for outcome in outcomes)} answered, {len(created)} booked, {resent} sent again")
    assert failures == []
    assert min(outcome.answered for outcome in outcomes) > 10, "the load was not steady"
    world = World(service.database_url)
    with contextlib.closing(world):
        kept = world.query("SELECT count(*) AS bookings FROM bookings WHERE id = ANY (%s::uuid[])", created)
        assert kept == [{"bookings": len(set(created))}]
        assert len(created) == len(set(created))
        assert world.query("SELECT resource_id FROM allocations GROUP BY resource_id, during HAVING count(*) > 1") == []


def test_hup_replaces_the_workers_under_load(service: Service) -> None:
    """`kill -HUP` (a new configuration, or new code in the same place): old workers finish what they have."""
    with traffic(service, service.base_url) as outcomes:
        for _ in range(3):
            before = set(service.children("web"))
            os.kill(service.processes["web"].pid, signal.SIGHUP)
            wait_until(lambda before=before: not before & set(service.children("web")), "new workers", 40)  # type: ignore[misc]
    check(service, outcomes)


def test_a_stopping_worker_says_so(start_service: StartService) -> None:
    """A balancer that keeps its connections learns from /ready that it should look elsewhere."""
    service = start_service(SERVICE)
    connection = http.client.HTTPConnection("127.0.0.1", service.web_port, timeout=REQUEST)

    def ready() -> tuple[int, bool]:
        connection.request("GET", "/ready")
        answer = connection.getresponse()
        answer.read()
        return answer.status, answer.will_close

    with contextlib.closing(connection):
        assert ready() == (200, False)
        os.kill(service.processes["web"].pid, signal.SIGTERM)
        answers = [ready()]
        while answers[-1] == (200, False):
            time.sleep(0.05)
            answers.append(ready())
        assert answers[-1] == (503, True)


class Balancer:
    """A real nginx as deployed, whose upstream is changed while it runs, as an orchestrator changes endpoints."""

    def __init__(self, ports: list[int]) -> None:
        assert nginx.PROGRAM is not None
        self._folder, self._port = make_folder(), free_port()
        self.base_url = f"http://127.0.0.1:{self._port}/api"
        self._write(ports)
        command = [nginx.PROGRAM, "-e", str(self._folder / "error.log"), "-c", str(self._folder / "nginx.conf")]
        self.process = Process([*command, "-g", "daemon off;"], self._folder / "nginx.log")
        wait_until(lambda: answers(self._port, "/health"), "nginx")

    def send_only_to(self, *ports: int) -> None:
        """From now on; what is under way is finished where it is."""
        self._write(list(ports))
        os.kill(self.process.pid, signal.SIGHUP)
        time.sleep(1.5)

    def _write(self, ports: list[int]) -> None:
        text = nginx.configuration(self._port, self._folder, ports)
        (self._folder / "nginx.conf").write_text(text)


@pytest.mark.skipif(nginx.PROGRAM is None, reason="no nginx on this machine: apt-get install nginx-light")
def test_two_instances_are_restarted_one_after_the_other(service: Service) -> None:
    """As an orchestrator does: take one out, stop it, start it, put it back when it is ready; then the other."""
    port = free_port()
    env = service.env | {"WEB_BIND": f"127.0.0.1:{port}", "TRUSTED_PROXIES": "1"}
    second = PreloadedProcess(COMMANDS["web"], service.folder / "second.log", env=env, cwd=ROOT)
    wait_until(lambda: answers(port), "the second instance")
    balancer = Balancer([service.web_port, port])
    try:
        with traffic(service, balancer.base_url) as outcomes:
            balancer.send_only_to(port)
            service.processes["web"].stop()
            service.start("web")
            balancer.send_only_to(service.web_port)
            second.stop()
            second.start()
            wait_until(lambda: answers(port), "the second instance")
            balancer.send_only_to(service.web_port, port)
        check(service, outcomes)
    finally:
        balancer.process.stop()
        second.stop()


def answers(port: int, path: str = "/ready") -> bool:
    """Whether an instance is ready, or nginx in front of one up."""
    import urllib.error
    import urllib.request

    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
