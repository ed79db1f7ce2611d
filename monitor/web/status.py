"""What a status says, wherever it is read: of the store alone (`of_store`), or with what the daemon knows of itself on top;
and as a page of text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2

from monitor.clock import iso
from monitor.collect import health
from monitor.model import Json
from monitor.roles import Role
from storage.base import Store
from storage.vitals import Beat

_ALERTS = 10
_LISTED = 50  # workers; those that speak come first
_ALERTS_FOR_S = 7 * 86400.0


async def of_store(store: Store, now: float) -> Json:
    """Queues, feeds, the latest alerts, and who works: `queues`, `feeds` by health, `failing_feeds`, `alerts`, `fleet`, of that
    `fleet_roles` and `fleet_ages`."""
    depths, feeds, beats = await store.depths(now), await store.feeds(), await store.beats()
    edges = await store.edges(now - _ALERTS_FOR_S, _ALERTS)
    return {
        "now": now,
        "queues": {
            "pending": depths.pending,
            "pending_age": _age(depths.oldest_pending, now),
            "set_aside": depths.set_aside,
            "unread": depths.unread,
            "timers": depths.timers,
            "overdue_feeds": depths.overdue_feeds,
            "poll_lag": _age(depths.oldest_due_feed, now),
            "outbox": {"pending": 0, "sending": 0, "dead": 0} | dict(depths.outbox),
            "outbox_age": _age(depths.oldest_due_delivery, now),
        },
        "feeds": dict(sorted(Counter(state.health for _, state in feeds).items())),
        "failing_feeds": [
            {"name": feed.name, "health": state.health, "error": state.error}
            for feed, state in feeds
            if health.HEALTH[state.health].failing
        ],
        "alerts": [
            {"at": e.at, "rule": e.rule, "edge": str(e.edge), "severity": e.severity, "title": e.title, "alert": e.alert}
            for e in edges
        ],
        "fleet": [
            {
                "worker": f"{beat.host}/{beat.pid}",
                "roles": list(beat.roles),
                "version": beat.version,
                "started": beat.started,
                "age": max(0.0, now - beat.at),
                "lives": lives(beat, now),
                "ended": beat.ended,
                "seat": beat.seat,
                "ready": bool(beat.health.get("ready")),
                "degraded": list(beat.health.get("degraded", ())),
            }
            for beat in beats
        ],
        "fleet_roles": {role.value: sum(lives(beat, now) and role in beat.roles for beat in beats) for role in Role},
        "fleet_ages": {f"{beat.host}/{beat.pid}": max(0.0, now - beat.at) for beat in beats if beat.ended is None},
    }


SILENT_S = 60.0
"""A worker that has said nothing for so long does not run, or hangs."""


def lives(beat: Beat, now: float) -> bool:
    """Whether the worker still works, as far as it says."""
    return beat.ended is None and now - beat.at <= SILENT_S


def spokesman(beats: Sequence[Beat], now: float) -> Beat | None:
    """The worker whose word is taken for how all of it fares: of those that live the one that decides; else the latest."""
    living = [beat for beat in beats if lives(beat, now)]
    return next((beat for beat in living if beat.seat), next(iter(living or beats), None))


def _age(since: float | None, now: float) -> float:
    return 0.0 if since is None else max(0.0, now - since)


def rows(figures: Json) -> list[tuple[str, list[tuple[str, str]]]]:
    """A status as sections of named texts, the same on a terminal and on a page. What is not known is left out."""
    return [(title, found) for title, made in _SECTIONS if (found := made(figures))]


def _daemon(figures: Json) -> list[tuple[str, str]]:
    if "ready" not in figures:
        return []
    state = "ready" if figures["ready"] else "NOT READY"
    found = [("state", state), ("version", str(figures.get("version", "")))]
    if figures.get("roles"):
        found.append(("roles", ", ".join(figures["roles"])))
    if "started" in figures:
        found.append(("started", iso(figures["started"])))
    if "loop_lag" in figures:
        found.append(("event loop", f"held up {figures['loop_lag'] * 1000:.0f} ms at most"))
    return found


def _degraded(figures: Json) -> list[tuple[str, str]]:
    return [("!", line) for line in figures.get("degraded", ())]


def _queues(figures: Json) -> list[tuple[str, str]]:
    queues: Mapping[str, Any] = figures["queues"]
    outbox = ", ".join(f"{count} {state}" for state, count in queues["outbox"].items())
    return [
        ("feeds due", _with_age(queues["overdue_feeds"], queues["poll_lag"])),
        ("items pending", _with_age(queues["pending"], queues["pending_age"])),
        ("items to be read again", str(queues["unread"])),
        ("items set aside", str(queues["set_aside"])),
        ("timers due", str(queues["timers"])),
        ("outbox", outbox + (f", due for {_span(queues['outbox_age'])}" if queues["outbox_age"] else "")),
    ]


def _with_age(count: int, age: float) -> str:
    return f"{count}, the oldest for {_span(age)}" if count else "0"


def _span(seconds: float) -> str:
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * size:
            return f"{seconds / size:.0f} {unit}"
    return f"{seconds:.0f} s"


def _feeds(figures: Json) -> list[tuple[str, str]]:
    failing = [(one["name"], f"{one['health']}: {one['error'] or '-'}") for one in figures["failing_feeds"][:20]]
    return [(name, str(count)) for name, count in figures["feeds"].items()] + failing


def _rules(figures: Json) -> list[tuple[str, str]]:
    if "rules" not in figures:
        return []
    blind = [("blind", name) for name in figures.get("blind", ())]
    return [("in force", str(figures["rules"])), *blind, *(("by hand", line) for line in figures.get("rules_by_hand", ()))]


def _fleet(figures: Json) -> list[tuple[str, str]]:
    fleet = figures.get("fleet", ())
    return [(w["worker"], _member(w)) for w in fleet[:_LISTED]] if len(fleet) > 1 else []


def _member(worker: Mapping[str, Any]) -> str:
    if worker["ended"] is not None:
        state = f"ended {iso(worker['ended'])}"
    elif not worker["lives"]:
        state = f"SILENT for {_span(worker['age'])}"
    else:
        state = f"{'ready' if worker['ready'] else 'NOT READY'}, heard {_span(worker['age'])} ago"
    decides = ", decides" if worker["seat"] and worker["lives"] else ""
    why = f": {'; '.join(worker['degraded'])}" if worker["degraded"] and worker["lives"] else ""
    return f"{','.join(worker['roles'])}, {state}{decides}, {worker['version']} since {iso(worker['started'])}{why}"


def _workers(figures: Json) -> list[tuple[str, str]]:
    return [(w["name"], _worker(w)) for w in figures.get("workers", ())]


def _worker(worker: Mapping[str, Any]) -> str:
    memory = f", {worker['memory'] / 2**20:.0f} MiB" if worker.get("memory") else ""
    deaths = f", died {worker['deaths']} times" if worker.get("deaths") else ""
    return f"{'up' if worker['up'] else 'down' if worker['starts'] else 'not needed yet'}{memory}{deaths}"


def _alerts(figures: Json) -> list[tuple[str, str]]:
    return [(iso(a["at"]), f"{a['severity']} {a['edge']} {a['rule']}: {a['title']}") for a in figures["alerts"]]


_SECTIONS = (
    ("Daemon", _daemon),
    ("Needs a look", _degraded),
    ("Queues", _queues),
    ("Feeds", _feeds),
    ("Rules", _rules),
    ("Workers", _fleet),
    ("Processes", _workers),
    ("Latest alerts", _alerts),
)

_TEMPLATES = jinja2.Environment(
    loader=jinja2.FileSystemLoader(Path(__file__).with_name("templates")), autoescape=True, undefined=jinja2.StrictUndefined
)


def page(figures: Json) -> str:
    """The whole status as one page of text; everything in it is escaped."""
    return _TEMPLATES.get_template("status.html").render(sections=rows(figures), now=iso(figures["now"]))
