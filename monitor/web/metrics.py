"""Metrics in Prometheus' conventions: `Counters` counts what the stages return, `exposition` adds what a status says.

Counters live in this process and begin at nought with it; gauges are read from the store when they are asked for.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily, Metric

from monitor.model import Delivery, EdgeName, Json, PollRecord, StepRecord
from notifiers.base import Result

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_LATENCIES = (1, 2, 5, 10, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600, 86400)
_REMEMBERED = 10_000  # edges that are under way; what is older counts from when it was decided


class Counters:
    """What happened since the start, on a registry of its own. Labels take values of closed sets and names from the
    configuration only, never anything that was fetched."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry()
        self._polls = Counter(
            "wirewatch_polls", "Polls that were stored, by the feed's health.", ["outcome"], registry=registry
        )
        self._items = Counter("wirewatch_items", "New items that polls brought.", registry=registry)
        self._versions = Counter("wirewatch_item_versions", "Item versions stored, new and edited.", registry=registry)
        self._analysed = Counter("wirewatch_items_analysed", "Item versions analysed.", registry=registry)
        self._stories = Counter("wirewatch_stories", "Stories opened.", registry=registry)
        self._facts = Counter("wirewatch_facts", "Facts read, by kind.", ["kind"], registry=registry)
        self._edges = Counter(
            "wirewatch_alert_edges", "Edges of alerts, by rule and edge.", ["rule", "edge"], registry=registry
        )
        self._suppressed = Counter("wirewatch_suppressed", "Edges held back, by reason.", ["reason"], registry=registry)
        self._attempts = Counter(
            "wirewatch_deliveries", "Attempts to deliver, by notifier and what became of them.", ["notifier", "outcome"],
            registry=registry,
        )  # fmt: skip
        self._to_alert = Histogram(
            "wirewatch_publication_to_alert_seconds", "From an item's publication to the alert that it opened.",
            buckets=_LATENCIES, registry=registry,
        )  # fmt: skip
        self._to_sent = Histogram(
            "wirewatch_seen_to_sent_seconds", "From when an item was first seen to when a receiver accepted its alert.",
            buckets=_LATENCIES, registry=registry,
        )  # fmt: skip
        self._seen: OrderedDict[tuple[str, int], float] = OrderedDict()

    def polled(self, record: PollRecord) -> None:
        """A poll was stored."""
        self._polls.labels(record.state.health).inc()
        self._items.inc(sum(item.version == 1 for item in record.items))
        self._versions.inc(len(record.items))

    def stepped(self, records: Iterable[StepRecord]) -> None:
        """Steps were committed."""
        for record in records:
            self._analysed.inc(record.item_id is not None)
            self._stories.inc(record.placement is not None and record.placement.opened)
            for fact in record.facts:
                self._facts.labels(str(fact.kind)).inc()
            for held in record.suppressed:
                self._suppressed.labels(held.reason).inc()
            for edge in record.edges:
                self._edges.labels(edge.rule, str(edge.edge)).inc()
                if edge.edge is EdgeName.OPENED and edge.evidence:
                    self._to_alert.observe(max(0.0, edge.at - max(e.published for e in edge.evidence)))
                if record.placement is not None:
                    self._seen[edge.alert, edge.n] = record.placement.story.last_seen
        while len(self._seen) > _REMEMBERED:
            self._seen.popitem(last=False)

    def answered(self, delivery: Delivery, result: Result, now: float) -> None:
        """An attempt to deliver ended."""
        self._attempts.labels(delivery.notifier, str(result.fate)).inc()
        if str(result.fate) != "sent":
            return
        for edge in delivery.edges:
            self._to_sent.observe(max(0.0, now - self._seen.get((edge.alert, edge.n), edge.at)))


def exposition(counters: Counters, figures: Json) -> bytes:
    """The text that a scrape gets: the counters, and gauges of a status (`monitor.web.status`)."""
    gauges = CollectorRegistry()
    gauges.register(_Gauges(figures))
    return generate_latest(counters.registry) + generate_latest(gauges)


class _Gauges:
    def __init__(self, figures: Json) -> None:
        self._figures = figures

    def collect(self) -> Iterator[Metric]:
        figures = self._figures
        yield InfoMetricFamily("wirewatch_build", "What runs here.", value={"version": str(figures["version"])})
        for name, help, key in _PLAIN:
            if (value := _at(figures, key)) is not None:
                yield GaugeMetricFamily(name, help, value=float(value))
        for name, help, label, key in _BY_LABEL:
            yield _family(name, help, label, _at(figures, key) or {})
        workers = figures.get("workers", ())
        for name, help, label, key, kind in _WORKERS:
            yield _family(name, help, label, {w["name"]: w[key] for w in workers if w.get(key) is not None}, kind)


_PLAIN = (
    ("wirewatch_ready", "1 while the daemon does its work.", "ready"),
    ("wirewatch_start_time_seconds", "When the daemon was started.", "started"),
    ("wirewatch_poll_lag_seconds", "How late the most overdue feed is.", "queues.poll_lag"),
    ("wirewatch_overdue_feeds", "Feeds that are due and not being polled.", "queues.overdue_feeds"),
    ("wirewatch_pending_items", "Item versions that await analysis.", "queues.pending"),
    ("wirewatch_pending_age_seconds", "How long the oldest of them has waited.", "queues.pending_age"),
    ("wirewatch_due_timers", "Timers that are due and have not fired.", "queues.timers"),
    ("wirewatch_outbox_age_seconds", "How late the longest due delivery is.", "queues.outbox_age"),
    ("wirewatch_set_aside_items", "Items that killed their worker and are left out.", "queues.set_aside"),
    ("wirewatch_unread_items", "Items that are to be read again once the reader is back.", "queues.unread"),
    ("wirewatch_put_off_items", "Items that a defect keeps from being decided.", "put_off"),
    ("wirewatch_rules_loaded", "Rules in force.", "rules"),
    ("wirewatch_rules_refused", "Problems of rule files whose old version stays in force.", "refused_count"),
    ("wirewatch_blind_rules", "Rules that hear no working feed.", "blind_count"),
    ("wirewatch_event_loop_lag_seconds", "The longest the event loop was held up in the last minute.", "loop_lag"),
    ("wirewatch_seat", "1 where this worker decides on items, 0 where another does.", "seat"),
    ("wirewatch_intake_paused", "1 while nothing is polled because the store cannot be written.", "intake_paused"),
)
_BY_LABEL = (
    ("wirewatch_feeds", "Feeds by health.", "health", "feeds"),
    ("wirewatch_store_rows", "Rows in the store.", "kind", "counts"),
    ("wirewatch_outbox", "Deliveries that are not sent, by state.", "state", "queues.outbox"),
    ("wirewatch_component_up", "1 where a component serves, 0 where the daemon goes on without it.", "component", "up"),
    ("wirewatch_notifier_paused", "1 where a notifier refused credentials or address.", "notifier", "paused_flags"),
    ("wirewatch_role", "1 for the roles of this worker.", "role", "roles_flags"),
    ("wirewatch_workers", "Workers of the store that have lately said that they live, by role.", "role", "fleet_roles"),
    (
        "wirewatch_worker_silent_seconds",
        "How long ago a worker said that it lives; not of those that ended.",
        "worker",
        "fleet_ages",
    ),
    ("wirewatch_loop_failing", "1 where the latest run of a loop failed.", "loop", "loops_failing"),
)
_WORKERS = (
    ("wirewatch_worker_up", "1 where the worker's process runs.", "worker", "up", GaugeMetricFamily),
    ("wirewatch_worker_starts", "How often the worker's process was started.", "worker", "starts", CounterMetricFamily),
    ("wirewatch_worker_deaths", "How often it died or was killed.", "worker", "deaths", CounterMetricFamily),
    ("wirewatch_memory_bytes", "Proportional set size of a process.", "process", "memory", GaugeMetricFamily),
)


def _at(figures: Json, key: str) -> Any:
    found: Any = figures
    for part in key.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


_Kind = type[GaugeMetricFamily] | type[CounterMetricFamily]


def _family(name: str, help: str, label: str, values: Mapping[str, float], kind: _Kind = GaugeMetricFamily) -> Metric:
    family = kind(name, help, labels=[label])
    for one, value in values.items():
        family.add_metric([one], float(value))
    return family
