"""Whether who has the seat can do all of the work: one that can may take it from one that cannot."""

from __future__ import annotations

M0006_FITNESS = ("ALTER TABLE seats ADD fit boolean NOT NULL DEFAULT true",)
