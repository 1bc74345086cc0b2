"""What is looked up when Prometheus asks: the pool, the relay, reminders, queues, sockets.

Nothing here is counted while requests are served. Values from PostgreSQL and Redis are the same whichever process is
asked, so queries over several take their maximum, not their sum.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

from flask import Flask
from prometheus_client import CollectorRegistry, Gauge
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from redis import Redis, RedisError

from bookings import queries
from bookings.config import Settings
from bookings.db import Database
from bookings.errors import DatabaseUnavailable
from bookings.event import service as event_service
from bookings.event import stream
from bookings.job import care
from bookings.jobs import lengths
from bookings.realtime import hub

log = logging.getLogger(__name__)
_sql = queries.load("platform")
#: how often (seconds) each worker notes the state of its pool, for whichever of them is scraped
_SAMPLE = 5.0


class PoolGauges:
    """This process's pool. Each worker notes its own every few seconds; those of living workers are added up."""

    def __init__(self, database: Database, registry: CollectorRegistry) -> None:
        self._database = database
        options: dict[str, Any] = {"registry": registry, "multiprocess_mode": "livesum"}
        self._size = Gauge("bookings_db_pool_size", "Database connections that the pools hold", **options)
        self._limit = Gauge("bookings_db_pool_limit", "Database connections that the pools may hold", **options)
        self._available = Gauge("bookings_db_pool_available", "Database connections that are idle", **options)
        self._waiting = Gauge("bookings_db_pool_waiting", "Requests waiting for a database connection", **options)

    def sample(self) -> None:
        """Note the present state."""
        stats = self._database.pool.get_stats()
        self._size.set(stats["pool_size"])
        self._limit.set(stats["pool_max"])
        self._available.set(stats["pool_available"])
        self._waiting.set(stats.get("requests_waiting", 0))

    def watch(self) -> None:
        """Sample for ever, in a thread of its own."""

        def loop() -> None:
            pause = threading.Event()
            while not pause.wait(_SAMPLE):
                self.sample()

        threading.Thread(target=loop, name="pool-gauges", daemon=True).start()


class Lookups(Collector):
    """Values read from PostgreSQL, Redis and this process at the moment of a scrape.

    What cannot be read is left out, and `bookings_scrape_failed` says so: a made-up zero would look like good news.
    """

    def __init__(self, settings: Settings, database: Database, redis: Redis) -> None:
        self._database = database
        self._redis = redis
        self._settings = settings
        self._lease = settings.job_lease.total_seconds()

    def collect(self) -> Iterator[Metric]:
        """All families that can be read now."""
        failed = GaugeMetricFamily("bookings_scrape_failed", "1 when a source did not answer", labels=["source"])
        yield from self._sockets()
        for source, read in (("postgres", self._postgres), ("redis", self._from_redis)):
            found, error = _attempt(read)
            yield from found
            failed.add_metric([source], float(error is not None))
        yield failed

    def describe(self) -> list[Metric]:
        """Nothing in advance: the names are ours and clash with none."""
        return []

    def _postgres(self) -> Iterator[Metric]:
        lag = event_service.lag(self._database)
        yield _gauge("bookings_relay_lag_seconds", "How long the oldest event has waited for its place", lag.seconds)
        yield _gauge("bookings_relay_waiting", "Events waiting for their place (counted up to 10,000)", lag.waiting)
        newest = event_service.newest(self._database)
        yield _gauge("bookings_events_position", "The last position in the published order", newest)
        overdue = self._one(_sql.oldest_due_reminder)[0]
        yield _gauge("bookings_reminders_overdue_seconds", "How long the oldest unsent reminder is due", overdue or 0)
        bookings, notifications = self._one(_sql.written)
        yield _counter("bookings_written", "Bookings made, as PostgreSQL's statistics count them", bookings)
        yield _counter(
            "bookings_notifications_written", "Notifications, as PostgreSQL's statistics count them", notifications
        )

        yield from self._jobs()
        yield from self._consumers()

    def _jobs(self) -> Iterator[Metric]:
        counted = GaugeMetricFamily("bookings_jobs_count", "Jobs by kind and state", labels=["kind", "state"])
        for kind, states in care.counts(self._database).items():
            for state, count in states.items():
                counted.add_metric([kind, state], count)
        yield counted
        due = GaugeMetricFamily("bookings_jobs_due_seconds", "How long the oldest job is due", labels=["kind"])
        for kind, seconds in care.oldest_due(self._database).items():
            due.add_metric([kind], seconds)
        yield due
        alive = sum(worker.silent < self._lease for worker in care.workers(self._database))
        yield _gauge("bookings_job_workers", "Worker processes that live", alive)

    def _consumers(self) -> Iterator[Metric]:
        behind = GaugeMetricFamily("bookings_consumer_behind", "Events behind a consumer", labels=["consumer"])
        lag = GaugeMetricFamily("bookings_consumer_lag_seconds", "Age of the oldest of them", labels=["consumer"])
        failures = GaugeMetricFamily("bookings_consumer_failures", "Tries at one event", labels=["consumer"])
        for standing in event_service.consumers(self._database):
            behind.add_metric([standing.name], standing.behind)
            lag.add_metric([standing.name], standing.lag)
            failures.add_metric([standing.name], standing.failures)
        yield from (behind, lag, failures)

    def _sockets(self) -> Iterator[Metric]:
        yield _gauge("bookings_sockets_open", "Open WebSockets of this process", hub.sockets())
        position = hub.position()
        if position is not None:
            yield _gauge("bookings_reader_position", "The last event this process handed to its sockets", position)

    def _one(self, query: Any) -> tuple[Any, ...]:
        row = self._database.row(query)
        assert row is not None
        return row

    def _from_redis(self) -> Iterator[Metric]:
        yield _gauge("bookings_stream_position", "The position the Redis stream ends with", stream.end(self._redis))
        jobs = GaugeMetricFamily("bookings_jobs", "Background tasks by state", labels=["state"])
        pending, scheduled = lengths(self._redis, self._settings)
        jobs.add_metric(["pending"], pending)
        jobs.add_metric(["scheduled"], scheduled)
        yield jobs


def register(app: Flask, probe: Database) -> None:
    """Add all of this to the app's metrics, if it has any."""
    metrics = app.extensions["metrics"]
    if metrics is None:
        return
    pool = PoolGauges(app.extensions["database"], metrics.registry)
    pool.watch()
    app.extensions["pool_gauges"] = pool
    metrics.collectors.append(Lookups(app.extensions["settings"], probe, app.extensions["redis"]))


def _attempt(read: Callable[[], Iterator[Metric]]) -> tuple[list[Metric], Exception | None]:
    found: list[Metric] = []
    try:
        found.extend(read())
    except (DatabaseUnavailable, RedisError) as error:
        log.warning("a scrape found a source silent", extra={"source": read.__name__, "error": str(error)})
        return found, error
    return found, None


def _gauge(name: str, help: str, value: float) -> Metric:
    return GaugeMetricFamily(name, help, value)


def _counter(name: str, help: str, value: float) -> Metric:
    return CounterMetricFamily(name, help, value)
