"""What explain does: finds the item in the store, or fetches it, and has the decision made again."""

from __future__ import annotations

import difflib
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import click

from monitor import config
from monitor.cli import offline
from monitor.collect.identity import dated
from monitor.collect.page import read_page
from monitor.config import Config
from monitor.errors import WirewatchError
from monitor.gazetteer import Gazetteer
from monitor.harness.answers import Explanation
from monitor.harness.engine import started
from monitor.harness.explain import ListeningBook, Surrounding, explain, explain_now, recorded_of
from monitor.harness.freeze import frozen_test
from monitor.model import Feed, Item, make_id
from monitor.net import Door
from monitor.rulebook import SINCE
from rules.load import load_folder
from rules.rule import Rule
from storage.base import Past, Store
from storage.open import file_of, open_store
from storage.sqlite_files import backup

_TITLE = 300


async def perform_explain(name: str, what: str, config_path: Path) -> list[Explanation]:
    """What the rule makes of an item, of the item at an address, or of a story's items. Raises click.UsageError."""
    settings = config.require(config_path)
    rule = _rule(name, settings)
    store = open_store(settings.store_url, daemon=False)
    try:
        around = await _around(store, rule)
        story_id, wanted = await _find(store, what)
        if not wanted and not _is_address(what):
            raise click.UsageError(f"the store knows no item, address or story {what!r}; `wirewatch search` finds items")
        pasts = await _pasts(store, story_id, wanted)
        recorded = await recorded_of(store, rule, wanted, min((p.at for p in pasts), default=0.0) - 1.0)
    finally:
        await store.close()
    if not wanted:
        return [await _now(rule, what, settings, around)]
    if not any(past.item.id in wanted for past in pasts):
        raise click.UsageError(f"{what} is stored and not analysed yet; `wirewatch status` says how many wait")
    async with offline.loaded_models(settings.embedder, at_once=False) as models:
        return await explain(rule, wanted, pasts, models, around, recorded=recorded, settings=settings.embedder)


def _rule(name: str, settings: Config) -> Rule:
    gazetteer = Gazetteer()
    try:
        loaded = load_folder(settings.rules_folder, known_notifiers=frozenset(settings.notifiers), gazetteer=gazetteer)
    finally:
        gazetteer.close()
    known = {rule.name: rule for rule in loaded.rules}
    if name not in known:
        near = difflib.get_close_matches(name, list(known), 1)
        hint = f"did you mean {near[0]}?" if near else "`wirewatch rules list` shows them"
        raise click.UsageError(f"there is no rule {name!r} in {settings.rules_folder}: {hint}")
    return known[name]


async def _around(store: Store, rule: Rule) -> Surrounding:
    known = await store.rule_states([(rule.name, SINCE)])
    since = known[rule.name, SINCE]["since"] if known else None
    return Surrounding(since, tuple(await store.silences(None)))


def _is_address(what: str) -> bool:
    return what.startswith(("http://", "https://"))


async def _find(store: Store, what: str) -> tuple[str | None, frozenset[str]]:
    """The story and the items that are meant; none where the store does not know it."""
    if await store.items([what]):
        return None, frozenset({what})
    if _is_address(what):
        for feed, _ in await store.feeds():
            if found := await store.known_links(feed.id, [what]):
                return None, frozenset(item.id for item in found.values())
    if await store.story(what) is not None:
        return what, frozenset(p.item.id for p in await store.past_of_story(what) if p.story_id == what)
    return None, frozenset()


async def _pasts(store: Store, story_id: str | None, wanted: frozenset[str]) -> Sequence[Past]:
    if story_id is None and wanted:
        own = await store.past_of_items(sorted(wanted))
        story_id = next((p.story_id for p in own if p.story_id is not None), None)
    return [] if story_id is None else await store.past_of_story(story_id)


# ------------------------------------------------------------------------------------------------------------ an item from now


async def _now(rule: Rule, url: str, settings: Config, around: Surrounding) -> Explanation:
    """The page at an address, decided about by an engine over a copy of the store."""
    now = time.time()
    feed, item = await _fetched(url, settings, now)
    past = Past(item, feed, False, now, None, None, None, None, None, None)
    with tempfile.TemporaryDirectory(prefix="wirewatch-explain-") as folder:
        copy = Path(folder) / "copy.db"
        backup(file_of(settings.store_url), copy)
        async with offline.loaded_models(settings.embedder) as models:
            book = ListeningBook(rule, models, around.in_force)
            store = open_store(f"sqlite:{copy}", daemon=True, durable=False)
            async with started(store, models, book, now) as engine:
                return await explain_now(engine, rule, past, models, around.silences)


async def _fetched(url: str, settings: Config, now: float) -> tuple[Feed, Item]:
    """The page as an item of a feed of its own, which has all that a watched feed of its host has but its id: that one may be
    claimed by the daemon. Raises FetchError."""
    contact, allow = settings.net.user_agent_contact or "", [str(network) for network in settings.net.allow]
    async with Door(contact, allow) as door:
        response = await door.get(url, {"Accept": "text/html, application/xhtml+xml;q=0.9"})
    if response.status != 200:
        raise WirewatchError(f"{url}: HTTP {response.status}; give the address of an article")
    page = await read_page(response.body, response.url)
    host = (urlsplit(response.url).hostname or "").removeprefix("www.")
    feeds = [f for f in config.all_feeds(settings) if host and (urlsplit(f.url).hostname or "").removeprefix("www.") == host]
    feed = feeds[0] if feeds else Feed("", url=f"https://{host}/", name=host, family=host)
    feed = replace(feed, id=make_id("explained", url))
    title = page.title[:_TITLE] or page.text.partition("\n")[0][:_TITLE]
    if not title:
        raise WirewatchError(f"{url}: no article could be read in this page")
    return feed, Item(
        id=make_id("item", url),
        feed_id=feed.id,
        version=1,
        title=title,
        summary="",
        text=page.text,
        link=url,
        published=dated(page.published, now),
        seen=now,
        outlet=feed.name,
        language=feed.language,
    )


# ------------------------------------------------------------------------------------------------------ a test from an alert


async def perform_from_alert(alert: str, config_path: Path) -> str:
    """A stored alert as a test of its rule, as YAML. Raises click.UsageError."""
    settings = config.require(config_path)
    store = open_store(settings.store_url, daemon=False)
    try:
        edges = await store.edges(0.0, _EDGES, alert)
        if not edges:
            raise click.UsageError(f"the store has no alert {alert!r}; `wirewatch alerts` lists them")
        rule = _rule(edges[0].rule, settings)
        pasts = await store.past_of_story(edges[0].story_id)
    finally:
        await store.close()
    mine = [past for past in pasts if past.story_id == edges[0].story_id and past.at <= edges[0].at]
    async with offline.loaded_models(settings.embedder) as models:
        return await frozen_test(rule, alert, mine, models)


_EDGES = 1000
