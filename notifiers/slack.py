"""Alerts to Slack by an incoming webhook: each message stands alone. Block Kit within its documented limits."""

from __future__ import annotations

import json
from typing import Literal

from pydantic import Field, SecretStr

from monitor.model import AlertEdge, Json
from monitor.net import Door
from notifiers import http, render
from notifiers.base import Notice, Result, SecretRef, Settings

MAX_BLOCKS, MAX_SECTION, MAX_HEADER, MAX_TOTAL = 50, 3000, 150, 13_000
_BLOCKS_A_CARD = 5


class SlackSettings(Settings):
    """An incoming webhook; its address is the secret."""

    type: Literal["slack"] = Field(description="Slack by an incoming webhook")
    url: SecretRef = Field(description="the address of the webhook")


class SlackNotifier:
    """Titles are plain text, values are escaped, links do not unfurl, names do not link."""

    per_second = 1.0  # Slack's own limit for a channel

    def __init__(self, name: str, url: SecretStr, door: Door) -> None:
        self.name = name
        self._url, self._door = url, door

    @property
    def recipients(self) -> tuple[str, ...]:
        return (self.name,)

    def render(self, edges: tuple[AlertEdge, ...], recipient: str) -> Json:
        fallback = escape(render.subject(edges))
        return _message(fallback, blocks(edges))

    def render_notice(self, notice: Notice, recipient: str) -> Json:
        body = escape(render.notice_text(notice))[:MAX_SECTION]
        return _message(escape(render.plain(notice.subject, 180)), [_section(body)])

    def downgrade(self, payload: Json) -> Json | None:
        return _message(payload["text"], None) if "blocks" in payload else None

    async def send(self, payload: Json, recipient: str, key: str) -> Result:
        headers = {"Content-Type": "application/json"}
        return await http.post(self._door, self._url.get_secret_value(), json.dumps(payload).encode(), headers)

    async def close(self) -> None:
        return None


def escape(text: str) -> str:
    """The three characters that Slack's mrkdwn asks for, and no more."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def blocks(edges: tuple[AlertEdge, ...]) -> list[Json]:
    """As many cards as fit into one message; what does not fit is counted, never cut in the middle."""
    laid: list[Json] = []
    for i, edge in enumerate(edges):
        card = _card_blocks(render.card(edge))
        rest = len(edges) - i
        if len(laid) + len(card) + 2 > MAX_BLOCKS or _size(laid) + _size(card) > MAX_TOTAL:
            return [*laid, _section(f"… and {rest} more in this story: `wirewatch alerts list`")]
        laid += [{"type": "divider"}, *card] if laid else card
    return laid


def _card_blocks(c: render.Card) -> list[Json]:
    found: list[Json] = [
        {"type": "header", "text": {"type": "plain_text", "text": f"{c.label}: {c.title}"[:MAX_HEADER], "emoji": False}},
    ]
    if c.change:
        found.append(_section(f"*{escape(c.change)}*"))
    found += [_section(f"> {escape(p.sentence)}\n{_credit(p)}") for p in c.proofs[:_BLOCKS_A_CARD]]
    details = " · ".join(escape(d) for d in c.details)
    notes = [{"type": "mrkdwn", "text": t[:MAX_SECTION]} for t in (details, escape(c.footer)) if t]
    found.append({"type": "context", "elements": notes})
    return found


def _credit(p: render.Proof) -> str:
    credit = escape(p.credit)
    # A link's text must not close the link, nor may its address.
    if p.link is None:
        return credit
    address = p.link.replace("|", "%7C").replace(">", "%3E").replace("<", "%3C")
    return f"<{address}|{credit.replace('|', '/')}>"


def _section(text: str) -> Json:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text[:MAX_SECTION]}}


def _size(found: list[Json]) -> int:
    return sum(len(json.dumps(b, ensure_ascii=False)) for b in found)


def _message(text: str, found: list[Json] | None) -> Json:
    message: Json = {"text": text, "unfurl_links": False, "unfurl_media": False, "link_names": False}
    return message | {"blocks": found} if found else message
