"""Politeness over all workers: the host of a feed, places in which hosts with many feeds are polled, hosts that wait."""

from __future__ import annotations

from storage.postgres_migrations.tables import Columns, create, index

# Host and port, in small letters, as `monitor.address.host_of` has it; where a feed has moved to counts.
_HOST = r"""lower(coalesce(substring(coalesce(moved_to, url) from '^[^:/?#]+://(?:[^/?#]*@)?([^/?#@]*)'), ''))"""

_SLOT: Columns = {
    "host": str,
    "slot": int,
    "ready": float,  # before this instant none of its feeds is due; may be too early, never too late
    "until": float,  # the end of the lease
    "holder": str,
    "feed_id": str,  # the claim that holds it
    "fence": int,
    "open": "double precision GENERATED ALWAYS AS (greatest(ready, until)) STORED",
}

M0002_HOSTS = (
    f'ALTER TABLE feeds ADD host text COLLATE "C" GENERATED ALWAYS AS ({_HOST}) STORED',
    # -1: its host has so few feeds that none need wait for another.
    "ALTER TABLE feeds ADD slot bigint NOT NULL DEFAULT -1",
    "DROP INDEX feeds_ready",
    index("feeds_ready", "feeds (slot, ready, id)", "configured OR added"),
    index("feeds_host", "feeds (host, slot, ready, id)", "configured OR added"),
    create("host_slots", _SLOT, "host slot", "ready until", "fillfactor = 60"),
    index("host_slots_open", "host_slots (open)"),
    create("host_waits", {"host": str, "until": float}, "host", "until"),
)
