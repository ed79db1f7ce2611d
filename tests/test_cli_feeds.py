"""`wirewatch feeds` against a site on loopback: discovery, what the rules see, health, versions, lists."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from command import Command, Done
from conftest import NOW, Make

from monitor.cli import feed_look
from monitor.collect.politeness import after_error, after_gone
from monitor.harness.engine import Models
from storage.open import open_store

CONFIG = """
storage: sqlite:w.db
rules: rules/
net: {allow: [127.0.0.0/8]}
notifiers: {console: {type: console}}
feeds:
  - {url: "http://127.0.0.1:1/private", name: Private, auth: {bearer: {file: token}}}
"""
RULE = """
rules:
  - {name: flood, fact: text, where: {text: [flood]}, notify: [console]}
"""


def rss(*titles: str, name: str = "The Harbour Post") -> bytes:
    items = "".join(
        f"<item><guid>{t}</guid><title>{t}</title><pubDate>Tue, 14 Nov 2023 20:00:00 GMT</pubDate></item>" for t in titles
    )
    return f"<rss version='2.0'><channel><title>{name}</title><language>en</language>{items}</channel></rss>".encode()


class Site:
    pages: dict[str, tuple[str, bytes]]
    asked: list[str]


@pytest.fixture
def site() -> Iterator[Any]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.asked.append(self.path)
            kind, body = made.pages.get(self.path, ("", b""))
            self.send_response(200 if kind else 404)
            self.send_header("Content-Type", kind or "text/plain")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    made: Any = Site()
    made.pages, made.asked = {}, []
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    made.base = f"http://127.0.0.1:{server.server_port}"
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def watch(tmp_path: Path) -> Path:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "r.yaml").write_text(RULE)
    (tmp_path / "token").write_text("s3cret")
    (tmp_path / "wirewatch.yaml").write_text(CONFIG)
    return tmp_path / "wirewatch.yaml"


def rows(done: Done) -> list[dict[str, Any]]:
    return [json.loads(line) for line in done.out.splitlines()]


def listed(command: Command, watch: Path) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in rows(command("feeds", "list", "-c", watch, "--json"))}


def test_a_site_is_enough_to_find_its_feed_and_what_the_rules_see(
    command: Command, watch: Path, site: Any, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    @asynccontextmanager
    async def loaded() -> AsyncIterator[Models]:
        yield models

    monkeypatch.setattr(feed_look, "loaded_models", loaded)
    links = "".join(
        f"<link rel='alternate' type='application/rss+xml' title='{title}' href='{path}'>"
        for title, path in (("Comments", "/comments.xml"), ("News", "/news.xml"), ("Old", "/gone.xml"))
    )
    site.pages = {
        "/": ("text/html", f"<!doctype html><html><head>{links}</head></html>".encode()),
        "/news.xml": ("application/rss+xml", rss("Flood cuts the valley road", "Bakery opens")),
        "/comments.xml": ("application/rss+xml", rss("Nice", name="Comments")),
    }
    options = ("--country", "SY", "--reliability", "B", "--party", "P", "--tag", "war", "--tag", "north", "--family", "harbour")
    done = command("feeds", "add", site.base + "/", "-c", watch, "--json", *options)
    assert done.code == 0, done.err
    (found,) = rows(done)
    assert (found["url"], found["name"]) == (site.base + "/news.xml", "The Harbour Post")
    assert {i["title"]: i["alerts"] for i in found["items"]} == {
        "Flood cuts the valley road": ["flood: Flood cuts the valley road"],
        "Bakery opens": [],
    }
    assert "another feed of this site" in done.err and "/comments.xml" in done.err
    shown = json.loads(command("feeds", "show", "The Harbour Post", "-c", watch).out)
    kept = {key: shown[key] for key in ("country", "reliability", "party", "family", "language", "tags", "health")}
    assert kept == {
        "country": "SY", "reliability": "B", "party": "P", "family": "harbour", "language": "en", "tags": ["war", "north"],
        "health": "new",
    }  # fmt: skip


def test_a_feed_is_also_found_where_feeds_often_lie(command: Command, watch: Path, site: Any) -> None:
    site.pages = {"/blog": ("text/html", b"<!doctype html><html></html>"), "/rss.xml": ("text/xml", rss("Bakery opens"))}
    done = command("feeds", "add", site.base + "/blog", "-c", watch, "--no-rules", "--name", "Mine", "--dry-run")
    assert done.code == 0 and "Bakery opens" in done.out and "not asked" in done.out, done.err
    assert site.asked[1] == "/blog" and "/blog/feed" in site.asked
    assert "Mine" not in listed(command, watch), "a dry run"


def test_what_is_no_feed_is_refused_and_what_is_down_is_watched(command: Command, watch: Path, site: Any) -> None:
    site.pages = {"/": ("text/html", b"<!doctype html><html></html>")}
    done = command("feeds", "add", site.base, "-c", watch)
    assert done.code == 2 and "web page" in done.err and "address of its feed" in done.err
    done = command("feeds", "add", "http://10.0.0.1/rss", "-c", watch)
    assert done.code == 2 and "net.allow" in done.err
    done = command("feeds", "add", "http://127.0.0.1:1/rss", "-c", watch, "--name", "Down")
    assert done.code == 0 and "watched all the same" in done.err
    assert command("feeds", "add", site.base, "-c", watch, "--name", "As is", "--as-is").code == 0
    assert {"Down", "As is"} < set(listed(command, watch))


def test_a_feed_is_removed_unless_the_configuration_names_it(command: Command, watch: Path) -> None:
    command("feeds", "add", "https://a.example/rss", "-c", watch, "--name", "A", "--as-is")
    assert command("feeds", "remove", "A", "-c", watch).code == 0
    assert set(listed(command, watch)) == {"Private"}
    assert command("feeds", "remove", "nobody", "-c", watch).code == 2


def test_lists_of_every_kind_come_in_and_go_out(command: Command, watch: Path, tmp_path: Path) -> None:
    (tmp_path / "list.txt").write_text("https://a.example/1 First\nhttps://a.example/2\n")
    assert command("feeds", "import", tmp_path / "list.txt", "-c", watch).code == 0
    exported = json.loads(command("feeds", "export", "-c", watch, "--format", "json").out)
    assert {"https://a.example/1", "https://a.example/2"} < {row["url"] for row in exported}
    assert "https://a.example/1 First" in command("feeds", "export", "-c", watch, "--format", "text").out


def test_health_says_what_is_wrong_since_when_and_what_to_do(command: Command, watch: Path, make: Make) -> None:
    async def fill() -> None:
        store = open_store(f"sqlite:{watch.parent / 'w.db'}", daemon=True, durable=False)
        await store.sync_feeds([make.feed("f1"), make.feed("f2"), make.feed("f3")], NOW)
        for due in await store.claim_due_feeds(NOW, 9, 60):
            state = dataclasses.replace(due.state, health="ok", since=NOW, last_good=NOW, polls=1)
            if due.feed.id == "f1":
                state = after_error(due.feed, state, "blocked", "HTTP 403", NOW + 60)
            if due.feed.id == "f2":
                state = after_gone(state, NOW + 60)
            if due.feed.id == "f3":
                state = dataclasses.replace(state, agreed=7)
            await store.commit_poll(make.poll(feed_id=due.feed.id, fence=due.fence, state=state))
        await store.close()

    asyncio.run(fill())
    done = command("feeds", "health", "-c", watch, "--json")
    blocked, gone = rows(done)
    assert done.code == 1 and "2 of 4 feeds fail" in done.err
    assert (blocked["health"], blocked["error"], blocked["failing"]) == ("blocked", "HTTP 403 [blocked]", True)
    assert blocked["since"] == "2023-11-14T22:14:20Z" and "auth" in blocked["advice"] and blocked["due"] > blocked["since"]
    assert (gone["health"], gone["due"]) == ("gone", "never")
    parsers = sorted(row["parser"] for row in rows(command("feeds", "health", "-c", watch, "--json", "--all")))
    assert parsers == ["feedparser, compared"] * 3 + ["feedparser-rs, proven"]
    table = command("feeds", "health", "-c", watch).out
    assert "HTTP 403" in table and "never" in table


def test_an_item_is_shown_with_what_each_edit_changed(command: Command, watch: Path, make: Make) -> None:
    async def fill() -> None:
        store = open_store(f"sqlite:{watch.parent / 'w.db'}", daemon=True, durable=False)
        await store.sync_feeds([make.feed("f1")], NOW)
        (due,) = await store.claim_due_feeds(NOW, 1, 60)
        first = make.item("i1", title="Toll rises to 12", original="https://f1.example/i1?utm_source=rss")
        await store.commit_poll(make.poll(first, fence=due.fence))
        await store.add_version(dataclasses.replace(first, version=2, title="Toll rises to 15", edited=NOW + 60))
        await store.close()

    asyncio.run(fill())
    done = command("feeds", "item", "i1", "-c", watch)
    assert "title: Toll rises to [-12-] {+15+}" in done.out and "https://f1.example/i1?utm_source=rss" in done.out
    one, two = rows(command("feeds", "item", "i1", "-c", watch, "--json"))
    assert (one["version"], one["changes"], two["changes"]) == (1, [], ["title: Toll rises to [-12-] {+15+}"])
    assert command("feeds", "item", "unknown", "-c", watch).code == 2


def test_a_secret_that_cannot_be_had_is_said_with_its_place(command: Command, watch: Path) -> None:
    (watch.parent / "token").unlink()
    done = command("run", "-c", watch)
    assert done.code == 78 and "wirewatch.yaml:7:" in done.err and "token" in done.err and "s3cret" not in done.err
    watch.write_text(watch.read_text().replace("bearer: {file: token}", "user: u"))
    assert "either `user` and `password`, or `bearer`" in command("check", "-c", watch).out
