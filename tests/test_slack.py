"""Slack: its limits, its markup, its one-word answers."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from monitor.model import AlertEdge, Bounds, EdgeName, Evidence, Json
from monitor.net import Door
from notifiers.base import Fate, Notice
from notifiers.slack import MAX_BLOCKS, MAX_HEADER, MAX_SECTION, MAX_TOTAL, SlackNotifier

NOW = 1_700_000_000.0


def a_slack(url: str = "https://hooks.example/x", door: Door | None = None) -> SlackNotifier:
    return SlackNotifier("desk-slack", SecretStr(url), door or Door())


def an_edge(n: int = 1, *, title: str = "At least 12 killed in Aleppo", proofs: int = 1, long: str = "") -> AlertEdge:
    evidence = [
        Evidence(f"i{i}", f"Outlet {i}", NOW, f"https://outlet{i}.example/{n}", f"Sentence {n}.{i}. {long}", "a doctor")
        for i in range(proofs)
    ]
    return AlertEdge(
        alert=f"a{n}",
        n=1,
        edge=EdgeName.OPENED,
        at=NOW,
        rule="toll",
        severity="high",
        events=("NEW_FIGURE",),
        key=f"k{n}",
        story_id="s1",
        story_title="A story",
        title=title,
        old=None,
        new=Bounds(12, None, "at_least"),
        items=("i0",),
        facts=(),
        evidence=tuple(evidence),
        seen=NOW,
        why="the first figure",
    )


def message(*edges: AlertEdge) -> Json:
    return a_slack().render(edges, "desk-slack")


def texts(payload: Json) -> list[str]:
    """All that is shown, block by block."""
    return [t["text"] for b in payload["blocks"] for t in (*([b["text"]] if "text" in b else []), *b.get("elements", ()))]


def assert_within_limits(payload: Json) -> None:
    blocks = payload["blocks"]
    assert 0 < len(blocks) <= MAX_BLOCKS
    assert sum(len(json.dumps(b, ensure_ascii=False)) for b in blocks) <= MAX_TOTAL
    for block in blocks:
        if block["type"] == "header":
            assert block["text"]["type"] == "plain_text" and 0 < len(block["text"]["text"]) <= MAX_HEADER
        elif block["type"] == "section":
            assert 0 < len(block["text"]["text"]) <= MAX_SECTION
        elif block["type"] == "context":
            assert 0 < len(block["elements"]) <= 10
            assert all(0 < len(e["text"]) <= MAX_SECTION for e in block["elements"])
        else:
            assert block == {"type": "divider"}


def assert_sound_markup(payload: Json) -> None:
    """Every `<` opens a link of ours, every `&` an entity."""
    shown = [b["text"]["text"] for b in payload["blocks"] if b["type"] == "section"]
    shown += [e["text"] for b in payload["blocks"] if b["type"] == "context" for e in b["elements"]]
    for text in shown:
        bare = re.sub(r"<https?://[^<>|\s]+\|[^<>|]*>", "", text)
        assert "<" not in bare and ">" not in re.sub(r"^> ", "", bare, flags=re.MULTILINE)
        assert not re.search(r"&(?!amp;|lt;|gt;)", text)


# --------------------------------------------------------------------------------------------------------------- words


def test_a_message_says_all_that_matters() -> None:
    shown = "\n".join(texts(message(an_edge())))
    for part in ("New: At least 12 killed in Aleppo", "Sentence 1.0", "Outlet 0, quoting a doctor", "1 independent source"):
        assert part in shown
    assert "<https://outlet0.example/1|" in shown and "rule toll (high): the first figure" in shown and "a1/1" in shown


def test_titles_are_plain_and_nothing_unfurls_or_calls_people() -> None:
    payload = message(an_edge(title="<!channel> *B* & <@U1> killed", long="<!here> 3 < 4 & <https://evil.example|click>"))
    assert payload["blocks"][0]["text"] == {"type": "plain_text", "text": "New: <!channel> *B* & <@U1> killed", "emoji": False}
    assert (payload["unfurl_links"], payload["unfurl_media"], payload["link_names"]) == (False, False, False)
    assert payload["text"].startswith("New: &lt;!channel&gt; *B* &amp; &lt;@U1&gt;")
    assert "&lt;!here&gt; 3 &lt; 4 &amp; &lt;https://evil.example|click&gt;" in "\n".join(texts(payload))
    assert_sound_markup(payload)


@pytest.mark.parametrize(
    "link",
    [
        "https://a.example/?a=1&b=<2>|3",
        "javascript:alert(1)",
        "https://a.example/ x",
        "https://a.example/" + "x" * 5000,
        "",
        None,
    ],
)
def test_a_link_neither_breaks_out_nor_leads_elsewhere(link: str | None) -> None:
    edge = an_edge()
    payload = message(replace(edge, evidence=(replace(edge.evidence[0], link=link, outlet="Out|let > <b>"),)))
    assert_sound_markup(payload)
    assert_within_limits(payload)
    assert "javascript:" not in json.dumps(payload)
    assert ("<https://a.example/?a=1&amp;b=%3C2%3E%7C3|" in json.dumps(payload)) == (link is not None and "b=<2>" in link)


def test_evidence_that_several_figures_share_is_shown_once() -> None:
    first, second = an_edge(1), replace(an_edge(1), alert="a2", title="30 wounded in Aleppo")
    shown = "\n".join(texts(message(first, second)))
    assert shown.count("Sentence 1.0") == 1 and "Evidence: as above" in shown
    assert shown.count("*Story:*") == 1 and "30 wounded in Aleppo" in shown


# -------------------------------------------------------------------------------------------------------------- limits


@pytest.mark.parametrize("long", ["", "word " * 200, "&" * 600, "ب" * 600, "<" * 5000])
@pytest.mark.parametrize(("edges", "proofs"), [(1, 1), (1, 12), (3, 5), (20, 1), (100, 1), (100, 8), (400, 1)])
def test_every_message_is_within_slacks_limits(edges: int, proofs: int, long: str) -> None:
    payload = message(*(an_edge(n, proofs=proofs, long=long, title=f"{n} killed {long}") for n in range(edges)))
    assert_within_limits(payload)
    assert_sound_markup(payload)


def test_a_digest_lists_all_of_its_hundred_alerts() -> None:
    titles = [f"At least {n} people were killed in the fighting around town number {n}" for n in range(100)]
    shown = "\n".join(texts(message(*(an_edge(n, title=title) for n, title in enumerate(titles)))))
    assert not [title for title in titles if title not in shown]


def test_what_does_not_fit_even_by_title_is_counted() -> None:
    edges = [an_edge(n, title=f"{n} " + "killed in a town of a very long name " * 5) for n in range(400)]
    shown = texts(message(*edges))
    (count,) = [int(found[1]) for text in shown if (found := re.search(r"… and (\d+) more: `wirewatch alerts", text))]
    assert sum(text.count("• New:") for text in shown) + count == 400


def test_evidence_beyond_what_fits_is_counted() -> None:
    assert "and 7 more in evidence" in "\n".join(texts(message(an_edge(proofs=12))))


@settings(max_examples=80, deadline=None)
@given(
    title=st.text(st.characters(codec=None, exclude_categories=())),
    sentence=st.text(st.characters(codec=None, exclude_categories=()), max_size=2000),
    link=st.one_of(st.none(), st.text().map(lambda t: f"https://a.example/{t}")),
)
def test_no_text_breaks_the_markup(title: str, sentence: str, link: str | None) -> None:
    proof = Evidence("i", title, NOW, link, sentence, title)
    payload = message(replace(an_edge(title=title), story_title=sentence, why=sentence, evidence=(proof,)))
    json.dumps(payload).encode()
    assert_within_limits(payload)
    assert_sound_markup(payload)
    plain = a_slack().downgrade(payload)
    assert plain is not None and 0 < len(plain["text"]) <= 4000


def test_a_notice_is_within_the_limits_too() -> None:
    payload = a_slack().render_notice(Notice("Many <feeds> fail", ("& " * 400,) * 60, NOW), "desk-slack")
    assert_within_limits(payload)
    assert_sound_markup(payload)


# ------------------------------------------------------------------------------------------------------------- answers


@asynccontextmanager
async def answering(status: int, body: str, got: list[Any]) -> AsyncIterator[SlackNotifier]:
    async def answer(request: web.Request) -> web.Response:
        got.append(await request.json())
        return web.Response(status=status, text=body)

    app = web.Application()
    app.router.add_post("/{path:.*}", answer)
    async with TestServer(app) as server, Door(allow=["127.0.0.0/8"]) as door:
        yield a_slack(str(server.make_url("/services/T0/B0/secret")), door)


@pytest.mark.parametrize(
    ("status", "body", "fate"),
    [
        (200, "ok", Fate.SENT),
        (200, "", Fate.SENT),
        (400, "invalid_payload", Fate.DOWNGRADE),
        (400, "invalid_blocks", Fate.DOWNGRADE),
        (403, "invalid_blocks_format", Fate.DOWNGRADE),
        (200, "invalid_blocks", Fate.DOWNGRADE),
        (400, "no_text", Fate.DOWNGRADE),
        (400, "too_many_attachments", Fate.DOWNGRADE),
        (404, "no_service", Fate.PAUSE),
        (400, "no_service", Fate.PAUSE),
        (400, "no_team", Fate.PAUSE),
        (400, "invalid_token", Fate.PAUSE),
        (403, "action_prohibited", Fate.PAUSE),
        (410, "channel_is_archived", Fate.PAUSE),
        (400, "channel_not_found", Fate.PAUSE),
        (500, "rollup_error", Fate.RETRY),
        (500, "invalid_blocks", Fate.RETRY),
        (429, "invalid_blocks", Fate.WAIT),
        (409, "something about no_service", Fate.DEAD),
    ],
)
async def test_slacks_words_mean_what_the_table_says(status: int, body: str, fate: Fate) -> None:
    got: list[Any] = []
    async with answering(status, body, got) as notifier:
        result = await notifier.send(notifier.render((an_edge(),), "desk-slack"), "desk-slack", "k")
    assert (result.fate, len(got)) == (fate, 1)
    assert body in result.detail and "secret" not in str(result)


async def test_what_was_rendered_is_what_is_sent() -> None:
    got: list[Json] = []
    payload = message(an_edge())
    async with answering(200, "ok", got) as notifier:
        await asyncio.gather(*(notifier.send(payload, "desk-slack", "k") for _ in range(3)))
    assert got == [payload] * 3


def test_the_plain_version_has_the_evidence_with_its_links() -> None:
    edges: Sequence[AlertEdge] = [an_edge(1), an_edge(2)]
    plain = a_slack().downgrade(message(*edges))
    assert plain is not None and "blocks" not in plain
    for part in ("*New: At least 12 killed in Aleppo*", "Sentence 1.0", "Sentence 2.0", "<https://outlet0.example/2|"):
        assert part in plain["text"]
