"""What several test modules share: stores of every kind, and short ways to make the values that go into them."""

from __future__ import annotations

import dataclasses
import sqlite3
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, closing, contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import structlog
from command import Command
from postgres_server import PostgresBackend
from postgres_server import Server as PostgresServer

from monitor.clock import SystemClock
from monitor.daemon import Workers
from monitor.gazetteer import Gazetteer
from monitor.harness.engine import Models
from monitor.language import Language
from monitor.ledger.figures import Figures
from monitor.model import (
    AlertEdge,
    Bounds,
    CasualtyFigure,
    Delivery,
    EdgeName,
    Event,
    EventName,
    Evidence,
    Feed,
    FeedState,
    Item,
    Kind,
    LedgerState,
    Placement,
    PollRecord,
    RuleState,
    StepRecord,
    Story,
    Suppressed,
)
from rules.load import Surroundings, load_texts
from rules.rule import Rule
from storage.base import Store
from storage.sqlite_open import open_sqlite

NOW = 1_700_000_000.0


class SqliteBackend:
    """Stores on one SQLite file: opened, held by somebody else, looked into. `name` is how its errors call it."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "store.db"
        self.name = self.path.name

    @property
    def url(self) -> str:
        return f"sqlite:{self.path}"

    def open(self, *, daemon: bool = True, busy_s: float = 5.0) -> Store:
        return open_sqlite(self.path, daemon=daemon, durable=False, busy_s=busy_s)  # syncing hundreds of stores is slow

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Another program in the middle of a write."""
        with closing(sqlite3.connect(self.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            yield
            other.execute("ROLLBACK")

    def dump(self) -> dict[str, list[tuple[Any, ...]]]:
        """Every row of every table."""
        with closing(sqlite3.connect(self.path)) as other:
            tables = [row[0] for row in other.execute("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
            return {t: other.execute(f'SELECT * FROM "{t}"').fetchall() for t in tables}  # noqa: S608 - its own tables


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real server, started by the first test that asks for it. Not below pytest's folder: as root the server runs as another
    user, whom every pytest that starts shuts out of that."""
    with tempfile.TemporaryDirectory(prefix="wirewatch-postgres-") as folder:
        server = PostgresServer(Path(folder))
        yield server
        server.stop()


@pytest.fixture
def sqlite_backend(tmp_path: Path) -> SqliteBackend:
    return SqliteBackend(tmp_path)


@pytest.fixture
def postgres_backend(postgres: PostgresServer) -> PostgresBackend:
    return PostgresBackend(postgres)


Backend = SqliteBackend | PostgresBackend
_ON_EVERY_KIND = ("test_store_", "test_requests")
"""Modules whose tests run on every kind of store: what a store promises. Others run on SQLite."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "backend" in metafunc.fixturenames:
        everywhere = metafunc.module.__name__.rpartition(".")[2].startswith(_ON_EVERY_KIND)
        metafunc.parametrize("backend", ["sqlite", "postgres"] if everywhere else ["sqlite"], indirect=True)


@pytest.fixture
def backend(request: pytest.FixtureRequest) -> Backend:
    """One kind of store, empty."""
    made: Backend = request.getfixturevalue(f"{request.param}_backend")
    return made


@pytest.fixture
async def store(backend: Backend) -> AsyncIterator[Store]:
    """An empty store of each kind, opened as the daemon opens it."""
    opened = backend.open()
    yield opened
    await opened.close()


@pytest.fixture(scope="session", autouse=True)
def plain_logs() -> None:
    """Log lines as plain text: the default draws every local variable of a traceback, which takes seconds."""
    structlog.configure(processors=[structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()])


class Make:
    """Values with everything filled in; name what matters to the test."""

    now = NOW

    def feed(self, id: str = "f1", **changes: Any) -> Feed:
        return Feed(id=id, url=f"https://{id}.example/rss", name=f"Feed {id}", family=f"family-{id}", **changes)

    def item(self, id: str = "i1", feed_id: str = "f1", version: int = 1, **changes: Any) -> Item:
        values: dict[str, Any] = {
            "title": f"Title of {id}",
            "summary": "A summary.",
            "text": "",
            "link": f"https://{feed_id}.example/{id}",
            "published": NOW - 60,
            "seen": NOW,
            "outlet": f"Feed {feed_id}",
            "language": "en",
        }
        return Item(id=id, feed_id=feed_id, version=version, **(values | changes))

    def poll(self, *items: Item, feed_id: str = "f1", fence: int = 0, at: float = NOW, **changes: Any) -> PollRecord:
        state = FeedState(feed_id, due=at + 300, etag='W/"a"', health="ok", polls=1, last_poll=at, skip=(3, 4))
        return PollRecord(feed_id=feed_id, fence=fence, at=at, items=items, **({"state": state} | changes))

    def story(self, id: str = "s1", **changes: Any) -> Story:
        values: dict[str, Any] = {"title": f"Story {id}", "first_seen": NOW, "last_seen": NOW, "items": 1}
        return Story(id=id, **(values | {"families": ("a", "b"), "origins": ("a",)} | changes))

    def fact(self, id: str = "1", **changes: Any) -> CasualtyFigure:
        values: dict[str, Any] = {"start": 0, "end": 9, "evidence": "12 killed", "status": "asserted", "metric": "killed"}
        return CasualtyFigure(id=id, **({"low": 12, "high": 12, "why": "frame: N killed"} | values | changes))

    def event(self, **changes: Any) -> Event:
        values: dict[str, Any] = {"name": EventName.NEW_FIGURE, "kind": Kind.CASUALTY, "key": "k1", "at": NOW, "story_id": "s1"}
        given = {"newsworthy": True, "fact": self.fact(), "new": Bounds(12, 12), "origins": ("a",), "item_id": "i1"}
        return Event(**(values | given | changes))

    def edge(self, alert: str = "a1", n: int = 1, **changes: Any) -> AlertEdge:
        values: dict[str, Any] = {
            "edge": EdgeName.OPENED,
            "at": NOW,
            "rule": "toll",
            "severity": "high",
            "events": ("NEW_FIGURE",),
            "key": "k1",
            "story_id": "s1",
            "story_title": "Story s1",
            "title": "12 killed",
            "old": None,
            "new": Bounds(12, None, "at_least"),
            "items": ("i1",),
            "facts": (self.fact(),),
            "evidence": (Evidence("i1", "Feed f1", NOW - 60, None, "12 killed."),),
            "spread": Bounds(10, 14),
        }
        return AlertEdge(alert=alert, n=n, **(values | changes))

    def delivery(self, key: str = "a1/1/hook/x", lane: str | None = None, **changes: Any) -> Delivery:
        """Notifier and recipient stand in the key; each delivery has a lane of its own unless one is named."""
        *_, notifier, recipient = key.split("/")
        values: dict[str, Any] = {"created": NOW, "due": NOW, "expires": NOW + 259_200, "edges": (self.edge(),)}
        return Delivery(key=key, lane=lane or f"lane of {key}", notifier=notifier, recipient=recipient, **(values | changes))

    def step(self, item_id: str | None = "i1", version: int = 1, **changes: Any) -> StepRecord:
        values: dict[str, Any] = {"at": NOW, "item_id": item_id, "version": version if item_id else None, "language": "en"}
        return StepRecord(**(values | changes))

    def full_step(self, item_id: str = "i1", story_id: str = "s1") -> StepRecord:
        """A step with something of everything."""
        story = self.story(story_id)
        return self.step(
            item_id,
            placement=Placement(item_id, story, opened=True, score=0.5),
            vector=np.linspace(-1, 1, 8, dtype=np.float32),
            model_id="m1",
            facts=(self.fact("1"), self.fact("2", metric="wounded")),
            events=(self.event(), self.event(name=EventName.CORROBORATED, newsworthy=False)),
            ledgers=(LedgerState("figures", story_id, Figures(story_id).to_json(), due=NOW + 60),),
            rule_states=(RuleState("toll", "k1", {"told": 12}, due=NOW + 30),),
            edges=(self.edge(),),
            suppressed=(Suppressed("toll", "k2", NOW, "cooldown", ("INCREASED",), story_id, item_id, "held"),),
            deliveries=(self.delivery(),),
        )

    @staticmethod
    def changed(value: Any, **changes: Any) -> Any:
        return dataclasses.replace(value, **changes)


@pytest.fixture
def make() -> Make:
    return Make()


# ------------------------------------------------------------------------------------------------------------- the real models


@pytest.fixture(scope="session")
def workers() -> Workers:
    """The real models, loaded once for all tests, in this process."""
    from local_worker import local_workers  # loads spaCy: only where a test asks for it

    return local_workers()


@pytest.fixture(scope="session")
def gazetteer() -> Iterator[Gazetteer]:
    """The index of places."""
    with closing(Gazetteer()) as opened:
        yield opened


@pytest.fixture(scope="session")
def models(workers: Workers, gazetteer: Gazetteer) -> Models:
    """What replay and rule tests run on."""
    return Models(Language(workers.embedder, workers.reader, SystemClock()), gazetteer)


@pytest.fixture
def rules_of(gazetteer: Gazetteer) -> Callable[[str], tuple[Rule, ...]]:
    """The rules of a rule file given as text, which must have no error."""

    def load(text: str) -> tuple[Rule, ...]:
        loaded = load_texts({"test.yaml": text}, Surroundings(None, "warning", gazetteer))
        assert not [p for p in loaded.problems if p.severity == "error"], loaded.problems
        return loaded.rules

    return load


@pytest.fixture
def command(models: Models, monkeypatch: pytest.MonkeyPatch) -> Command:
    """The `wirewatch` command, on models that are loaded already."""
    from command import wirewatch

    from monitor.cli import offline

    @asynccontextmanager
    async def loaded(*_: object, **__: object) -> AsyncIterator[Models]:
        yield models

    monkeypatch.setattr(offline, "loaded_models", loaded)
    return wirewatch
