"""What a new configuration changes while the daemon runs, and what only a restart does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from monitor.config import Config

_AT_START: dict[str, Callable[[Config], Any]] = {
    "storage": lambda c: c.store_url,
    "rules": lambda c: c.rules_folder,
    "rule_tests": lambda c: c.rule_tests,
    "embedder": lambda c: c.embedder,
    "live_items": lambda c: c.live_items,
    "net": lambda c: c.net,
    "web": lambda c: c.web is None,
    "web.listen": lambda c: c.web.listen if c.web else None,
    "web.public": lambda c: c.web.public if c.web else None,
}
"""Keys whose values are used up when the daemon starts."""


def needs_restart(old: Config, new: Config) -> tuple[str, ...]:
    """The keys that differ and that a running daemon cannot follow."""
    changed = [key for key, value in _AT_START.items() if value(old) != value(new)]
    return tuple(key for key in changed if not (key.startswith("web.") and "web" in changed))
