"""A stored alert as a test of its rule: the items of its story, frozen, and exactly what they tell."""

from __future__ import annotations

import io
from collections.abc import Sequence

from ruamel.yaml import YAML

from monitor.harness.engine import Models
from monitor.harness.ruletests import START, told_by
from monitor.model import AlertEdge, Json
from rules.rule import Rule, RuleTest
from storage.base import Past

_WIDTH = 120


async def frozen_test(rule: Rule, alert: str, pasts: Sequence[Past], models: Models) -> str:
    """The test as YAML, to be put under `tests:`. What it expects is what its items tell when they are run, so that it passes
    as it is; what the rest of the world did to the alert at the time is not in it."""
    items = tuple(_items(pasts))
    told = await told_by(rule, RuleTest(alert, items, (), 0), models)
    row = {"name": f"alert {alert}", "items": [_written(item) for item in items], "expect": [_expected(edge) for edge in told]}
    yaml = YAML()
    yaml.width, yaml.default_flow_style = _WIDTH, False
    text = io.StringIO()
    yaml.dump([row], text)
    return text.getvalue()


def _items(pasts: Sequence[Past]) -> list[Json]:
    """The latest version of each item, at whole minutes behind the first."""
    latest = {past.item.id: past for past in pasts}
    begun = min((past.item.seen for past in latest.values()), default=0.0)
    rows = []
    for past in sorted(latest.values(), key=lambda past: past.item.seen):
        item = past.item
        row = {"at": (item.seen - begun) // 60 * 60.0, "feed": item.outlet, "title": item.title}
        rows.append(row | {name: text for name in ("summary", "text") if (text := getattr(item, name))})
    return rows


def _written(item: Json) -> Json:
    return item | {"at": _since(item["at"])}


def _expected(edge: AlertEdge) -> Json:
    return {"at": _since(edge.at - START), "edge": str(edge.edge), "event": edge.events[0]}


def _since(seconds: float) -> str:
    return f"{int(seconds)}s" if seconds % 60 else f"{int(seconds) // 60}m"
