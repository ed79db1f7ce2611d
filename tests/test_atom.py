"""The Atom feed of alerts: read back by feedparser, guarded like the other pages."""

from __future__ import annotations

from io import BytesIO
from typing import Any

import aiohttp
import feedparser
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from pydantic import SecretStr
from test_render import an_edge, edges

from monitor.model import AlertEdge, EdgeName
from monitor.web import atom
from monitor.web.server import Health, HealthServer
from storage.base import Store

NOW = 1_732_871_400.0


def parsed(found: list[AlertEdge]) -> Any:
    read = feedparser.parse(BytesIO(atom.feed(found).encode()))
    assert not read.bozo, read.get("bozo_exception")
    return read


def test_an_alert_is_an_entry_that_its_edges_update() -> None:
    opened = an_edge(n=1, edge=EdgeName.OPENED, title="12 killed")
    other = an_edge(alert="b", n=1, at=NOW + 60, title="30 wounded")
    corrected = an_edge(n=2, edge=EdgeName.CORRECTED, at=NOW + 120, opened_at=NOW, title="9 killed")
    before, after = parsed([other, opened]), parsed([corrected, other, opened])
    assert [e.id for e in before.entries] == ["urn:wirewatch:alert:b", "urn:wirewatch:alert:9b1f"]
    assert [e.id for e in after.entries] == ["urn:wirewatch:alert:9b1f", "urn:wirewatch:alert:b"]
    entry = after.entries[0]
    assert (entry.title, entry.published, entry.updated) == (
        "Correction: 9 killed",
        "2024-11-29T09:10:00Z",
        "2024-11-29T09:12:00Z",
    )
    assert entry.link == "https://levant.example/1" and "“242 died.”" in entry.content[0].value
    assert {tag.term for tag in entry.tags} == {"toll", "high", "corrected"}
    assert after.feed.updated == "2024-11-29T09:12:00Z" and after.feed.id == before.feed.id


def test_a_feed_without_alerts_is_a_feed() -> None:
    assert parsed([]).feed.title == "Wirewatch: alerts" and parsed([]).entries == []


@settings(max_examples=20, deadline=None)
@given(st.lists(edges(), max_size=3))
def test_any_text_gives_a_feed_with_what_the_standard_asks_for(found: list[AlertEdge]) -> None:
    root = etree.fromstring(atom.feed(found).encode())
    name = "{http://www.w3.org/2005/Atom}"
    for element in (root, *root.iter(f"{name}entry")):
        assert all(element.findtext(f"{name}{part}") for part in ("id", "title", "updated"))
    assert len(root.findall(f"{name}entry")) == len({edge.alert for edge in found})


@pytest.mark.parametrize(("token", "status"), [(None, 401), ("wrong", 401), ("right", 200)])
async def test_it_is_served_to_who_has_the_token_and_once(store: Store, make: Any, token: str | None, status: int) -> None:
    async def look() -> Health:
        return Health(True, (), {})

    await store.commit_steps([make.step(None, edges=(make.edge(),))])
    pages = {atom.PATH: atom.page(lambda: store.edges(0.0, atom.MOST))}
    server = HealthServer("127.0.0.1:0", SecretStr("right"), look, pages=pages)
    await server.start()
    try:
        url = f"http://127.0.0.1:{server.address[1]}{atom.PATH}"
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with aiohttp.ClientSession(headers=headers) as session, session.get(url) as got:
            assert got.status == status
            body, tag = await got.text(), got.headers.get("ETag")
            if status == 200:
                assert got.content_type == "application/atom+xml" and feedparser.parse(BytesIO(body.encode())).entries
                async with session.get(url, headers={"If-None-Match": tag or ""}) as again:
                    assert (again.status, await again.text()) == (304, "")
            else:
                assert "12 killed" not in body
    finally:
        await server.stop()
