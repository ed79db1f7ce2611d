"""Exports: what the store's pages promise, and what files come out of the command."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import sqlite3
import sys
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlite_utils
from command import Command, wirewatch
from conftest import NOW, Make
from pyarrow import parquet
from stored import fill

from monitor.model import Item
from storage.base import Store
from storage.exports import EXPORTS
from storage.open import open_store
from storage.sqlite_open import open_sqlite


async def rows(store: Store, kind: str, since: float = 0.0, limit: int = 2) -> list[dict]:
    names = [column.name for column in EXPORTS[kind]]
    found, after, more = [], None, True
    while more:
        page = await store.export(kind, since, after, limit)
        assert len(page.rows) <= limit
        found += [dict(zip(names, row, strict=True)) for row in page.rows]
        after, more = page.after, page.after is not None
    return found


# ---------------------------------------------------------------------------------------------------------------- the promise


@pytest.mark.parametrize("limit", [1, 2, 3, 1000])
async def test_pages_of_any_size_give_every_row_once(store, limit):
    await fill(store)
    assert [i["id"] for i in await rows(store, "items", limit=limit)] == ["i1", "i2", "i3", "i4"]
    assert [f["fact_id"] for f in await rows(store, "facts", limit=limit)] == ["3", "4"]
    assert [s["id"] for s in await rows(store, "stories", limit=limit)] == ["s1"]
    assert [(a["alert"], a["n"]) for a in await rows(store, "alerts", limit=limit)] == [("a1", 1)]


async def test_rows_carry_what_they_belong_to(store):
    await fill(store)
    fact = (await rows(store, "facts"))[0]
    assert (fact["item_id"], fact["title"], fact["story_id"], fact["story_title"]) == ("i2", "Title of i2", "s1", "Story s1")
    assert (fact["place"], fact["anchored"], fact["seen"], fact["quote"]) == ("Tal Ward", True, NOW, None)
    (story,) = await rows(store, "stories")
    assert story["families"] == ("family-f1",)
    (alert,) = await rows(store, "alerts")
    assert alert["relevant"] is True and alert["events"] == ("NEW_FIGURE",)
    items = await rows(store, "items")
    assert items[0]["version"] == 2 and items[0]["story_id"] == items[1]["story_id"] == "s1" and items[2]["story_id"] is None


async def test_since_leaves_out_what_is_older(store, make):
    await fill(store)
    for kind in EXPORTS:
        assert await rows(store, kind, since=NOW + 1) == []
    await store.commit_poll(make.poll(make.item("later", seen=NOW + 9), fence=1))
    assert [i["id"] for i in await rows(store, "items", since=NOW + 1)] == ["later"]


async def test_what_comes_and_goes_between_two_pages_does_no_harm(store, make):
    await store.sync_feeds([make.feed("f1")], NOW)
    await store.commit_poll(make.poll(*(make.item(f"i{n}", seen=NOW - 1000 * (n == 1)) for n in range(6))))
    for n in range(6):
        await store.commit_steps([make.step(f"i{n}")])
    first = await store.export("items", 0, None, 3)
    assert await store.retain({"items": NOW - 1}, 1) == 1
    await store.commit_poll(make.poll(make.item("i6")))
    rest = await store.export("items", 0, first.after, 99)
    assert [row[0] for row in (*first.rows, *rest.rows)] == [f"i{n}" for n in range(7)]


def test_every_column_is_described() -> None:
    page = (Path(__file__).parents[1] / "docs" / "data.md").read_text()
    for kind, columns in EXPORTS.items():
        part = page.split(f"### {kind}\n")[1].split("\n#")[0]
        rows = [line for line in part.splitlines() if line.startswith("| `")]
        assert rows == [f"| `{c.name}` | {c.cell} | {c.meaning} |" for c in columns]


async def test_the_views_are_what_datasette_shows(tmp_path: Path) -> None:
    """Its pages ask for rows, counts of distinct values and searches, as `sqlite_utils` does."""
    store = open_sqlite(tmp_path / "store.db", daemon=True, durable=False)
    await fill(store)
    await store.close()
    with closing(sqlite3.connect(tmp_path / "store.db")) as connection:
        db = sqlite_utils.Database(connection)
        assert {"items_iso", "stories_iso", "facts_iso", "alerts_iso", "alert_edges_iso", "feeds_iso"} <= set(db.view_names())
        names = [column.name for column in EXPORTS["facts"]]
        assert [column.name for column in db["facts_iso"].columns] == names
        fact = next(iter(db["facts_iso"].rows_where("kind = ?", ["statement"])))
        assert fact["story_title"] == "Story s1" and fact["seen"] == "2023-11-14T22:13:20Z" and fact["title"] == "Title of i2"
        counted = "SELECT kind, count(*) FROM facts_iso GROUP BY kind ORDER BY 2 DESC, 1"
        assert db.execute(counted).fetchall() == [("statement", 1), ("territory", 1)]
        assert [row["id"] for row in db["items"].search("corrected")] == ["i1"]


# ---------------------------------------------------------------------------------------------------------------- the command


@pytest.fixture
def command() -> Command:
    """Without models: no export needs them."""
    return wirewatch


@pytest.fixture
def watch(tmp_path: Path, make: Make) -> Path:
    path = tmp_path / "wirewatch.yaml"
    path.write_text("storage: sqlite:wirewatch.db\n")

    async def filled() -> None:
        store = open_store(f"sqlite:{tmp_path / 'wirewatch.db'}", daemon=True)
        await fill(store)
        titles = ('=HYPERLINK("https://x.example")', "+1", "-2", "@sum", "\tx", 'a "quoted", title\nof two lines', "plain – ок")
        items: list[Item] = [make.item(f"t{n}", title=title) for n, title in enumerate(titles)]
        await store.commit_poll(make.poll(*items, fence=1))
        await store.close()

    asyncio.run(filled())
    return path


def test_json_lines(command: Command, watch: Path) -> None:
    done = command("export", "items", "-c", watch)
    lines = [json.loads(line) for line in done.out.splitlines()]
    assert done.code == 0 and len(lines) == 11 and "11 rows of items" in done.err
    assert list(lines[0]) == [column.name for column in EXPORTS["items"]]
    assert lines[0]["seen"] == "2023-11-14T22:13:20Z" and lines[0]["edited"] == "2023-11-14T22:13:25Z"
    assert lines[-1]["title"] == "plain – ок"


def test_csv_is_no_program(command: Command, watch: Path) -> None:
    done = command("export", "items", "--format", "csv", "-c", watch)
    table = list(csv.DictReader(io.StringIO(done.out, newline="")))
    titles = [row["title"] for row in table[4:]]
    assert titles == [
        *('\'=HYPERLINK("https://x.example")', "'+1", "'-2", "'@sum", "'\tx"),
        *('a "quoted", title\nof two lines', "plain – ок"),
    ]
    assert table[0]["edited"] == "2023-11-14T22:13:25Z" and table[1]["edited"] == ""
    (alert,) = csv.DictReader(io.StringIO(command("export", "alerts", "--format", "csv", "-c", watch).out))
    assert alert["events"] == '["NEW_FIGURE"]' and alert["relevant"] == "true"


def test_parquet(command: Command, watch: Path) -> None:
    for kind in EXPORTS:
        target = watch.parent / f"{kind}.parquet"
        done = command("export", kind, "--format", "parquet", "-o", target, "-c", watch)
        assert done.code == 0, done.err
        assert parquet.read_schema(target).names == [column.name for column in EXPORTS[kind]]
    assert command("export", "items", "--format", "parquet", "-c", watch).code == 2
    facts = parquet.read_table(watch.parent / "facts.parquet").to_pylist()
    assert facts[0]["seen"] == datetime.fromtimestamp(NOW, UTC) and facts[0]["anchored"] is True
    assert parquet.read_table(watch.parent / "stories.parquet")["families"].to_pylist() == [["family-f1"]]


def test_parquet_without_its_library_says_what_to_install(
    command: Command, watch: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    done = command("export", "items", "--format", "parquet", "-o", watch.parent / "x.parquet", "-c", watch)
    assert done.code == 2 and "pip install 'wirewatch[parquet]'" in done.err
    assert not list(watch.parent.glob("x.parquet*"))


def test_a_file_that_cannot_be_written_is_named(command: Command, watch: Path) -> None:
    done = command("export", "items", "-o", watch.parent / "none" / "x.jsonl", "-c", watch)
    assert done.code == 1 and "x.jsonl: No such file" in done.err


def test_an_export_has_no_rows_where_there_are_none(command: Command, watch: Path) -> None:
    done = command("export", "alerts", "--since", "1d", "--format", "csv", "-c", watch)
    assert done.out.splitlines() == [",".join(column.name for column in EXPORTS["alerts"])]
