"""Numbers for the operator: few, bounded, and without a patient.

Labels take only values that this code knows: route templates, status codes, names of segments. A raw path never
becomes a label, because paths that others make up have no bound and may hold an identifier. Every worker counts for
itself: with more than one worker, a scrape sees the numbers of the worker that answered it.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeVar

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

M = TypeVar("M", Counter, Histogram)
OTHER = "other"
NO_SEGMENT = "none"
MEDIA_TYPE = CONTENT_TYPE_LATEST
SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Upper bounds of the latency histogram; an agent waits with a patient on the line, so below a second it is fine."""


class Metrics:
    """The metrics of one worker, in a registry of its own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._routes: frozenset[str] = frozenset()
        self._labelled: dict[tuple[Any, tuple[str, ...]], Any] = {}
        self._requests = Counter(
            "tarve_requests_total", "Requests answered by this worker.", ("route", "status"), registry=self.registry
        )
        self._seconds = Histogram(
            "tarve_request_seconds",
            "Seconds from request to answer, in this worker.",
            ("route",),
            buckets=SECONDS,
            registry=self.registry,
        )
        self._assessments = Counter(
            "tarve_assessments_total",
            "Assessments given by this worker.",
            ("status", "segment"),
            registry=self.registry,
        )
        self._model = Gauge(
            "tarve_model", "The model that runs in this worker.", ("name", "version"), registry=self.registry
        )
        self._since = self._gauge("tarve_model_since_seconds", "Since when it is champion here, Unix time.")
        self._heard = self._gauge("tarve_registry_reached_seconds", "When the registry last answered, Unix time.")
        self._refused = self._gauge("tarve_champion_refused", "1 while the champion cannot be read and another runs.")

    def _gauge(self, name: str, says: str) -> Gauge:
        return Gauge(name, says, registry=self.registry)

    def runs(self, name: str, version: str, since: datetime | None) -> None:
        """Tell which release runs from now on, and since when it is champion here; None if nobody knows."""
        self._model.clear()
        self._model.labels(name, version).set(1)
        self._since.set(_seconds(since))

    def heard(self, at: datetime | None) -> None:
        """Tell when the registry last answered; None if it never did."""
        self._heard.set(_seconds(at))

    def refused(self, *, is_refused: bool) -> None:
        """Tell whether the champion cannot be read."""
        self._refused.set(is_refused)

    def know(self, routes: Iterable[str]) -> None:
        """Name the route templates that may become labels; every other one counts as `other`."""
        self._routes = frozenset(routes)

    def request(self, route: str | None, status: int, seconds: float) -> None:
        """Count one request."""
        known = route if route in self._routes else OTHER
        self._of(self._requests, known, str(status)).inc()
        self._of(self._seconds, known).observe(seconds)

    def assessment(self, status: str, segment: str | None) -> None:
        """Count one assessment."""
        self._of(self._assessments, status, segment or NO_SEGMENT).inc()

    def _of(self, metric: M, *labels: str) -> M:
        """A metric with labels, found once for each of them: the client's own way there costs more than counting."""
        key = metric, labels
        if key not in self._labelled:
            self._labelled[key] = metric.labels(*labels)
        found: M = self._labelled[key]
        return found

    def text(self) -> bytes:
        """What Prometheus scrapes."""
        return generate_latest(self.registry)


def _seconds(at: datetime | None) -> float:
    return float("nan") if at is None else at.timestamp()
