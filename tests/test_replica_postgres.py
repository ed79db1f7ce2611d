"""Commands that only look read from a replica, and from the store itself where that cannot be had."""

from __future__ import annotations

from pathlib import Path

import pytest
from command import wirewatch
from conftest import NOW, Make
from postgres_server import PostgresBackend

from monitor.errors import ConfigError, StoreUnavailable
from storage.open import Address, check_address, open_to_look

NOWHERE = "postgresql://ana@127.0.0.1:1/db"


@pytest.fixture
async def url(postgres_backend: PostgresBackend, make: Make) -> str:
    """A store with one item, whose replica is itself, read by sessions that cannot write."""
    store = postgres_backend.open()
    await store.sync_feeds([make.feed("f1")], NOW)
    (due,) = await store.claim_due_feeds(NOW, 1, 60.0)
    await store.commit_poll(make.poll(make.item("i1", "f1", title="Bridge at Kestrel falls"), feed_id="f1", fence=due.fence))
    await store.close()
    return postgres_backend.url


def configured(folder: Path, store: str, replica: str) -> Path:
    path = folder / "wirewatch.yaml"
    path.write_text(f"storage: {store}\nstorage_replica: {replica}\nfeeds: []\n")
    return path


def test_search_and_export_read_the_replica_while_the_store_is_away(tmp_path: Path, url: str) -> None:
    config = configured(tmp_path, NOWHERE, url)
    for command in (("search", "kestrel"), ("export", "items")):
        done = wirewatch(*command, "-c", config)
        assert done.code == 0 and "Kestrel" in done.out and "replica" not in done.err
    assert wirewatch("stories", "list", "-c", config).code == 0
    assert wirewatch("feeds", "list", "-c", config).code != 0, "what decides asks the store itself"


def test_where_the_replica_is_away_the_store_is_read_and_says_so(tmp_path: Path, url: str) -> None:
    done = wirewatch("search", "kestrel", "-c", configured(tmp_path, url, NOWHERE))
    assert done.code == 0 and "Kestrel" in done.out
    assert "the replica was not used: " + NOWHERE in done.err and "is its server up" in done.err


async def test_nothing_is_written_through_a_replica(url: str) -> None:
    store, why = open_to_look(Address(NOWHERE, None, Address(url)))
    try:
        assert why is None and [item.id for item in await store.search("kestrel", 9)] == ["i1"]
        assert await store.story("s") is None, "a snapshot of several statements"
        with pytest.raises(StoreUnavailable, match="read-only"):
            await store.ask("retry", {}, NOW)
    finally:
        await store.close()


@pytest.mark.parametrize(
    ("store", "replica", "said"),
    [
        ("sqlite:w.db", "postgresql://h/db", "only a PostgreSQL store"),
        ("postgresql://h/db", "sqlite:w.db", "only a PostgreSQL store"),
        ("postgresql://h/db", "postgresql://ana:hunter2@h/db", "storage_replica_password"),
    ],
)
def test_what_is_no_replica_is_refused(store: str, replica: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as refused:
        check_address(store, replica)
    assert "hunter2" not in str(refused.value)
