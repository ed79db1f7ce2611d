"""Rules on words and patterns, for what no fact says."""

from __future__ import annotations

from monitor.model import Kind
from rules.kind import PLACE, KindSpec

SPEC = KindSpec(kind=Kind.TEXT, where=PLACE, titles={None: "{title}"})
