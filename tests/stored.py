"""Stores as SQL: filled by the store's own methods, written down once for each released schema, read back as a whole.

`python tests/stored.py VERSION` writes tests/schemas/VERSION.sql from the schema of today. It is run once, at a release;
what it wrote is never edited.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
from conftest import NOW, Make

from monitor.model import (
    Acknowledgement,
    Placement,
    Reading,
    Silence,
    Statement,
    StoryEdit,
    Subscription,
    TerritoryChange,
)
from storage.base import Store
from storage.sqlite_open import open_sqlite

SCHEMAS = Path(__file__).parent / "schemas"
_WORDS = {"start": 4, "end": 30, "status": "claimed", "source": "the town council", "confidence": 0.7, "why": "frame: said"}


def _territory() -> TerritoryChange:
    return TerritoryChange(
        id="3", evidence="a town changed hands", change="captured", place="Tal Ward", gainer="Northern", **_WORDS
    )


def _statement() -> Statement:
    words = "we will rebuild the bridge — “soon”"
    return Statement(id="4", evidence=words, speaker="Ana Kovač", cue="said", mode="verbatim", quote=words, **_WORDS)


async def fill(store: Store) -> None:
    """Something of everything that a store keeps."""
    make = Make()
    await store.sync_feeds([make.feed("f1", tags=("a", "b"), country="SY"), make.feed("f2")], NOW)
    await store.add_feed(make.feed("f3"), NOW)
    for due in await store.claim_due_feeds(NOW, 1, 60.0):
        fence = due.fence
    ids = ("i1", "i2", "i3", "i4")
    await store.commit_poll(make.poll(*(make.item(id, summary=f"Bridge news {id}, naïve") for id in ids), fence=fence))
    await store.commit_steps(
        [make.changed(make.full_step("i1"), reading=Reading("en", (), ("Ana",), ("g1",), ("SY",)), reader="r1")]
    )
    vector = np.linspace(1, -1, 8, dtype=np.float32)
    second = Placement("i2", make.story("s2", place="Tal Ward"), opened=True, score=0.25, origin="family-f1")
    facts = (_territory(), _statement())
    await store.commit_steps(
        [make.step("i2", placement=second, vector=vector, model_id="m1", facts=facts, events=(make.event(fact=facts[0]),))]
    )
    merge = StoryEdit("e1", NOW + 1, "merge", "s2", into="s1", by="ana", note="one event")
    await store.commit_steps([make.step(None, story_edits=(merge,))])
    await store.add_version(make.item("i1", version=2, title="Title of i1, corrected", edited=NOW + 5))
    await store.record_death("i3", 1)
    await store.save_subscription(
        Subscription("f1", "https://f1.example/rss", "https://hub.example/", "token", "secret", due=NOW)
    )
    await store.mark_told(["f2/gone"], NOW)
    await store.add_silence(Silence("q1", NOW, NOW + 3600, "ana", "known", rule="toll"))
    await store.acknowledge(Acknowledgement("a1", NOW, "ana", True, "good"))
    await store.keep_rules("first.yaml", "rules: []\n", NOW)
    await store.answer(await store.ask("mute", {"rule": "toll"}, NOW), {"ok": True}, NOW)
    await store.ask("reload", {}, NOW)
    await store.add_deliveries([make.delivery("notice/1/mail/b", edges=(), payload={"text": "a feed is silent"})])
    for row in await store.claim_deliveries(NOW, 1, 60.0):
        await store.keep_payload(row.key, row.fence, {"text": "12 killed"})
        await store.mark_sent(row.key, row.fence, NOW + 2, "message-1")


async def read(store: Store) -> dict[str, Any]:
    """What every reading method says of a filled store. Vectors as lists, so that it can be compared."""
    everything = ["pending", "sending", "sent", "dead"]
    past = await store.past(0, 1e12)
    return {
        "feeds": await store.feeds(),
        "pending": await store.pending(99),
        "versions": await store.versions("i1"),
        "items": await store.items(("i1", "i2", "i3", "i4")),
        "live": [
            (v.item, v.story, v.model_id, v.pinned, None if v.vector is None else v.vector.tolist())
            for v in await store.live_items(0)
        ],
        "stories": await store.stories(0, 99),
        "merged": await store.story("s2"),
        "members": [(m.item.id, m.family, m.origin, m.copy_of, m.score) for m in await store.members("s1")],
        "facts": await store.story_facts("s1"),
        "edits": await store.story_edits(99),
        "past": [(p.item, p.feed, p.baseline, p.at, p.story_id, p.copy_of, p.reading, p.reader, p.model_id) for p in past],
        "ledgers": await store.ledgers([("figures", "s1")]),
        "rule states": await store.rule_states([("toll", "k1")]),
        "memories": await store.rule_memories(["k1"]),
        "timers": await store.due_timers(1e12, 99),
        "edges": await store.edges(0, 99),
        "deliveries": await store.deliveries(everything, 99),
        "told before": await store.told_before("hook", "x", "s1", 9),
        "subscriptions": await store.subscriptions(),
        "told": await store.told(),
        "silences": await store.silences(),
        "acknowledgements": await store.acknowledgements(["a1"]),
        "rule counts": await store.rule_counts(0, 1e12),
        "search": await store.search("bridge naive", 9),
        "counts": await store.counts(),
        "suppressed": await store.suppressed_counts(),
        "silent": await store.silent_counts(),
        "rules": await store.kept_rules(),
        "requests": await store.requests(),
        "answer": await store.answered(1),
    }


def statements(db: sqlite3.Connection) -> Iterator[str]:
    """The whole database as statements. Full-text indexes are built anew from their tables."""
    inner = {row[1] for row in db.execute("PRAGMA table_list") if row[2] == "shadow"} | {"sqlite_schema", "sqlite_temp_schema"}
    schema = [
        row for row in db.execute("SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL") if row[1] not in inner
    ]
    for name in ("application_id", "user_version"):
        yield f"PRAGMA {name} = {db.execute(f'PRAGMA {name}').fetchone()[0]};"
    for kind, name, sql in schema:
        if kind == "table" and not name.startswith("sqlite_"):
            yield f"{sql};"
    for kind, name, sql in schema:
        if kind == "table" and "VIRTUAL TABLE" not in sql:
            columns = [f'"{row[1]}"' for row in db.execute(f'PRAGMA table_info("{name}")')]
            quoted = ", ".join(f"quote({column})" for column in columns)
            for row in db.execute(f'SELECT {quoted} FROM "{name}" ORDER BY rowid'):  # noqa: S608 - its own tables
                yield f'INSERT INTO "{name}" VALUES ({", ".join(row)});'  # noqa: S608
    for kind, name, sql in schema:
        if kind != "table":
            yield f"{sql};"
        elif "USING FTS5" in sql:
            yield f'INSERT INTO "{name}" ("{name}") VALUES (\'rebuild\');'  # noqa: S608


def load(script: Path, path: Path) -> None:
    """Make the store that was written down."""
    with closing(sqlite3.connect(path)) as db:
        db.executescript(script.read_text("utf-8"))


async def _write(version: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "store.db"
        store = open_sqlite(path, daemon=True)
        await fill(store)
        await store.close()
        with closing(sqlite3.connect(path)) as db:
            (SCHEMAS / f"{version}.sql").write_text("\n".join(statements(db)) + "\n", "utf-8")


if __name__ == "__main__":
    asyncio.run(_write(sys.argv[1]))
