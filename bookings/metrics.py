"""The request histogram, kept cheap: it is observed in every request.

The exporter's own hooks cost about 30 µs a request (labels by name, two metrics, three hooks); remembering the child of
each (route, method, status) leaves 2 µs. Names and labels are the exporter's, so its dashboards work.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.exposition import choose_encoder
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector
from prometheus_client.values import MutexValue, ValueClass
from prometheus_flask_exporter import PrometheusMetrics

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
#: not in the histogram: probes and scrapes, and sockets, whose requests last for hours
UNTIMED = frozenset({"/health", "/ready", "/metrics", "/ws"})
#: any other method is counted under one name, or a client could make as many series as it likes
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Metrics(PrometheusMetrics):  # type: ignore[misc]
    """The app's metrics: what all workers of this gunicorn counted, and what is looked up when Prometheus asks."""

    def __init__(self) -> None:
        super().__init__(app=None, path=None, export_defaults=False, registry=CollectorRegistry())
        self._children: dict[tuple[str | None, str, int], Histogram | None] = {}
        self._seconds = Histogram(
            "flask_http_request_duration_seconds",
            "How long requests took, by route, in seconds",
            ("method", "url_rule", "status"),
            buckets=BUCKETS,
            registry=self.registry,
        )
        #: asked at each scrape, and only then
        self.collectors: list[Collector] = []

    def generate_metrics(self, accept_header: str | None = None, names: list[str] | None = None) -> tuple[str, str]:
        """The answer to a scrape and its media type. Unlike the exporter's own, it includes `collectors`."""
        everything = CollectorRegistry()
        if ValueClass is MutexValue:  # one process: its own counts are all there are
            everything.register(self.registry)
        else:
            MultiProcessCollector(everything)  # type: ignore[no-untyped-call]
        for collector in self.collectors:
            everything.register(collector)
        encode, media_type = choose_encoder(accept_header or "")
        chosen = everything.restricted_registry(names) if names else everything
        return encode(chosen).decode(), media_type

    def observe(self, rule: str | None, method: str, status: int, seconds: float) -> None:
        """Count one answered request. `rule` is the route's pattern, None when there was none."""
        key = (rule, method, status)
        try:
            child = self._children[key]
        except KeyError:
            child = self._remember(key)
        if child is not None:
            child.observe(seconds)

    def _remember(self, key: tuple[str | None, str, int]) -> Histogram | None:
        rule, method, status = key
        if rule in UNTIMED:
            child = None
        else:
            child = self._seconds.labels(method if method in _METHODS else "other", rule or "none", status)
        if method in _METHODS:
            self._children[key] = child
        return child
