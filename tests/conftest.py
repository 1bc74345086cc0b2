"""Fixtures every test may use: real databases, a real Valkey and the service's real processes.

A database for one test is `database_url`, for one module `module_database_url`; both are copies of a migrated template.
`service` is the whole service, started once per module; a module variable `SERVICE = ServiceOptions(...)` shapes it.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import os
import signal
from collections.abc import Callable, Generator, Iterator
from typing import Any

import coverage
import hypothesis
import pytest
import redis
from hypothesis import strategies

from devtools.embedded import SetupError
from devtools.tests import TIMED
from tests.support import counting, databases
from tests.support.databases import ROOT
from tests.support.run import Run
from tests.support.servers import PostgresServer, ValkeyServer, close_reaper, make_folder
from tests.support.service import Service, ServiceOptions

RUN = pytest.StashKey[Run]()
#: in whose tests coverage does not count
UNCOUNTED = ("hypothesis", "exhaustive", "load", "fuzz", "crash", "processes")
#: kinds of tests, the longest first
FOLDERS = ("race", "acceptance", "migrations", "integration", "guards", "unit")


def pytest_addoption(parser: pytest.Parser) -> None:
    """What only the tests of this project know."""
    parser.addoption("--unchecked", action="store_true", help="do not look through the data of each module in the end")


def pytest_configure(config: pytest.Config) -> None:
    """Know the shared servers: an xdist worker is told where they are, anyone else starts them when first needed."""
    # A shell's background job inherits an ignored SIGINT and hands it on; processes under test must hear Ctrl-C.
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # How quickly examples are made says something about the machine, nothing about the code. And a run that is asked
    # whether a change is good tries the same examples as the run before it: who wants new ones sets FUZZ_SEED=random.
    hypothesis.settings.register_profile(
        "patient",
        deadline=None,
        suppress_health_check=[hypothesis.HealthCheck.too_slow],
        derandomize="FUZZ_SEED" not in os.environ,
        database=None,
    )
    hypothesis.settings.load_profile("patient")
    # xdist's main process hands its environment to its workers, in which coverage counts.
    if not config.getoption("numprocesses", None):
        counting.hide()
    config.stash[RUN] = Run(getattr(config, "workerinput", {}).get("servers"))


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Start the shared servers before the first xdist worker and tell each worker where they are."""
    _write_tables()
    node.workerinput["servers"] = node.config.stash[RUN].shared().as_dict()


@functools.cache
def _write_tables() -> None:
    """Have Hypothesis write down what it knows of Unicode, which takes seconds, before every worker does so."""
    strategies.text().validate()


def pytest_unconfigure(config: pytest.Config) -> None:
    """Stop what this process started."""
    if RUN in config.stash:
        config.stash[RUN].close()
    close_reaper()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what starts the service's processes; begin with the files that take longest, so that none is left over.

    Files with a test that kills, loads or fuzzes something come first: mostly they wait, and others fill their pauses.
    """
    for item in items:
        if "start_service" in getattr(item, "fixturenames", ()):
            item.add_marker("processes")
        timed = any(map(item.get_closest_marker, ("race", "alone")))
        if timed and not any(item.path.is_relative_to(ROOT / folder) for folder in TIMED):
            raise pytest.UsageError(f"{item.path}: tests marked race or alone belong into one of {', '.join(TIMED)}")
    long = {item.path for item in items if any(map(item.get_closest_marker, ("crash", "load", "fuzz")))}
    last = len(FOLDERS)
    place = {path: last if path not in long else 0 for path in {item.path for item in items}}
    for path in place.keys() - long:
        place[path] = next((n for n, name in enumerate(FOLDERS, 1) if name in path.parts), last)
    items.sort(key=lambda item: place[item.path])


def pytest_collection_finish() -> None:
    """Let Python's collector pass over what stays until the end: all that was imported and found."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Generator[None, Any, Any]:
    """Do not count lines where that takes long and shows nothing that other tests have not shown: while Hypothesis
    repeats a test some hundred times, and in what goes through lists or speaks to processes of the service."""
    counter = coverage.Coverage.current() if any(map(item.get_closest_marker, UNCOUNTED)) else None
    if counter is None:
        return (yield)
    counter.stop()
    try:
        return (yield)
    finally:
        counter.start()


@pytest.fixture(scope="session")
def run(pytestconfig: pytest.Config) -> Run:
    """The servers of this test run."""
    return pytestconfig.stash[RUN]


@pytest.fixture
def database_url(run: Run) -> Iterator[str]:
    """A freshly migrated database for one test."""
    shared = run.shared()
    with databases.clone(shared.server_url, shared.template) as url:
        yield url


@pytest.fixture(scope="module")
def module_database_url(run: Run) -> Iterator[str]:
    """A freshly migrated database for one module."""
    shared = run.shared()
    with databases.clone(shared.server_url, shared.template) as url:
        yield url


@pytest.fixture
def empty_database_url(run: Run) -> Iterator[str]:
    """A database without any schema, for one test."""
    with databases.clone(run.shared().server_url, "template1") as url:
        yield url


@pytest.fixture
def redis_url(run: Run, worker_number: int) -> str:
    """An empty Valkey database that no other xdist worker uses."""
    url = databases.with_database(run.shared().redis_server, str(worker_number + 1))
    with contextlib.closing(redis.Redis.from_url(url)) as client:
        client.flushdb()
    return url


@pytest.fixture(scope="session")
def worker_number(pytestconfig: pytest.Config) -> int:
    """The number of this xdist worker; 0 without xdist."""
    worker = getattr(pytestconfig, "workerinput", {}).get("workerid", "gw0")
    return int(worker.removeprefix("gw"))


PgServer = Callable[..., PostgresServer]


@pytest.fixture(scope="session")
def pg_server(run: Run) -> Iterator[PgServer]:
    """Start PostgreSQL servers: `pg_server(15)`, `pg_server(18, fsync=True, log_statement="all")`.

    The same arguments give the same server, unless `fresh=True`. A version that is not installed skips the test.
    """
    servers: dict[str, PostgresServer] = {}
    started: list[PostgresServer] = []

    def start(version: int = 18, *, fresh: bool = False, **options: Any) -> PostgresServer:
        key = f"{version} {sorted(options.items())}"
        if fresh or key not in servers:
            try:
                started.append(PostgresServer(make_folder(), version, **options))
            except SetupError as missing:
                pytest.skip(str(missing))
            servers.setdefault(key, started[-1])
        return started[-1] if fresh else servers[key]

    yield start
    for server in started:
        server.stop()


StartService = Callable[..., Service]


@pytest.fixture(scope="session")
def shared_services(run: Run, pg_server: PgServer) -> Iterator[StartService]:
    """Services that last as long as this xdist worker: one for each `ServiceOptions(shared=True, ...)`."""
    started: dict[str, Service] = {}
    with contextlib.ExitStack() as stack:

        def start(options: ServiceOptions) -> Service:
            key = repr(options)
            if key not in started:
                started[key] = _start(stack, run, pg_server, options)
            return started[key]

        yield start


@pytest.fixture(scope="module")
def start_service(run: Run, pg_server: PgServer) -> Iterator[StartService]:
    """Start services: `start_service(ServiceOptions(env={...}))`; all are stopped with the module."""
    with contextlib.ExitStack() as stack:

        def start(options: ServiceOptions | None = None) -> Service:
            return _start(stack, run, pg_server, options or ServiceOptions())

        yield start


def _start(stack: contextlib.ExitStack, run: Run, pg_server: PgServer, options: ServiceOptions) -> Service:
    folder = make_folder()
    if options.durable:
        server = pg_server(18, fresh=True, fsync=True)
        server_url, template = server.url(), databases.migrated_template(server.url())
    else:
        shared = run.shared()
        server_url, template = shared.server_url, shared.template
    url = stack.enter_context(databases.clone(server_url, template))
    service = Service(folder, url, ValkeyServer(folder), options)
    stack.callback(service.stop)
    return service


@pytest.fixture(scope="module")
def service(request: pytest.FixtureRequest, start_service: StartService, shared_services: StartService) -> Service:
    """The whole service for this module: web, sockets, worker, relay, with a database and a Valkey of its own.

    Modules whose options are the same and say `shared` get one together.
    """
    options = getattr(request.module, "SERVICE", ServiceOptions())
    return shared_services(options) if options.shared else start_service(options)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, Any]:
    """Show the end of the service's logs when a test that uses it fails."""
    report: Any = yield
    service = getattr(item, "funcargs", {}).get("service")
    if report.failed and isinstance(service, Service):
        for name in service.processes:
            report.sections.append((f"log of {name}", service.tail(name)))
    # xdist cannot send what is not Unicode, and a test may well log half a surrogate pair on purpose.
    report.sections = [(title, text.encode(errors="replace").decode()) for title, text in report.sections]
    return report
