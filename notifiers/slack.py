"""Alerts to Slack by an incoming webhook: each message stands alone. Block Kit within its documented limits."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from pydantic import Field, SecretStr

from monitor.model import AlertEdge, Json
from monitor.net import Door
from monitor.wording import clip
from notifiers import http, render
from notifiers.base import Fate, Notice, Result, SecretRef, Settings

MAX_BLOCKS, MAX_SECTION, MAX_HEADER, MAX_TOTAL = 50, 3000, 150, 13_000
_MAX_PROOFS = 5
_MAX_CARD = 9000  # of MAX_TOTAL: one card leaves room for the titles of others
_LINE = 90  # code points of a title where many are listed
_MAX_LINK = 1000
_MAX_TEXT = 4000
_FATES: Mapping[str, Fate] = {
    "no_service": Fate.PAUSE,
    "no_service_id": Fate.PAUSE,
    "no_team": Fate.PAUSE,
    "team_disabled": Fate.PAUSE,
    "invalid_token": Fate.PAUSE,
    "action_prohibited": Fate.PAUSE,
    "posting_to_general_channel_denied": Fate.PAUSE,
    "channel_is_archived": Fate.PAUSE,
    "channel_not_found": Fate.PAUSE,
    "user_not_found": Fate.PAUSE,
}
"""What Slack says in one word, where that tells more than the status. Other `invalid_*`: the blocks were refused."""


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
        told = render.message(edges)
        return _message(escape(told.subject), blocks(told))

    def render_notice(self, notice: Notice, recipient: str) -> Json:
        return _message(escape(render.plain(notice.subject, 180)), [_section(_fit(render.notice_text(notice), MAX_SECTION))])

    def downgrade(self, payload: Json) -> Json | None:
        """All that the blocks say, as one text."""
        if "blocks" not in payload:
            return None
        lines = [line for block in payload["blocks"] for line in _lines(block)]
        return _message(_whole_lines(lines, _MAX_TEXT), None)

    async def send(self, payload: Json, recipient: str, key: str) -> Result:
        headers = {"Content-Type": "application/json"}
        result, reply = await http.post(self._door, self._url.get_secret_value(), json.dumps(payload).encode(), headers)
        if reply is None or reply.status >= 500 or reply.status == 429:
            return result
        word = http.words_of(reply)
        refused = Fate.DOWNGRADE if word.startswith("invalid_") else None
        fate = _FATES.get(word, refused)
        return result if fate is None else replace(result, fate=fate)

    async def close(self) -> None:
        return None


# ------------------------------------------------------------------------------------------------------------------- blocks


def escape(text: str) -> str:
    """The three characters that Slack's mrkdwn asks for, and no more."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def blocks(told: render.Message) -> list[Json]:
    """As many cards in full as fit; of the others the titles, of what is left after that the number. Nothing is cut in the
    middle."""
    foot = [_context(_rows(told.foot))]
    laid: list[Json] = []
    for i, card in enumerate(told.cards):
        whole = [*([{"type": "divider"}] if laid else []), *_card_blocks(card)]
        rest = _titles(told.cards[i + 1 :])
        if not _fits([*laid, *whole, *rest, *foot]):
            return _filled([*laid, *([{"type": "divider"}] if laid else [])], told.cards[i:], foot)
        laid += whole
    return [*laid, *foot]


def _filled(laid: list[Json], cards: Sequence[render.Card], foot: list[Json]) -> list[Json]:
    """Titles of as many of these cards as fit."""
    for shown in range(len(cards), -1, -1):
        left = [_section(f"… and {len(cards) - shown} more: `{render.MORE}`")] if shown < len(cards) else []
        found = [*laid, *_titles(cards[:shown]), *left, *foot]
        if _fits(found) or not shown:
            return found
    raise AssertionError("the loop ends with none shown")


def _titles(cards: Sequence[render.Card]) -> list[Json]:
    """One line for each card, in as few sections as the limit allows."""
    lines = [f"• {_fit(clip(c.heading, _LINE), 2 * _LINE)}" for c in cards]
    sections: list[str] = []
    for line in lines:
        if sections and len(sections[-1]) + len(line) < MAX_SECTION:
            sections[-1] += f"\n{line}"
        else:
            sections.append(line)
    return [_section(s) for s in sections]


def _card_blocks(c: render.Card) -> list[Json]:
    head: list[Json] = [{"type": "header", "text": {"type": "plain_text", "text": clip(c.heading, MAX_HEADER), "emoji": False}}]
    if c.change:
        head.append(_section(f"*{_fit(c.change, MAX_SECTION - 2)}*"))
    proofs = [_section(f"> {_fit(p.sentence, 1500)}\n{_credit(p)}") for p in c.proofs[:_MAX_PROOFS]]
    while proofs and _size([*head, *proofs]) > _MAX_CARD - MAX_SECTION:
        proofs.pop()
    missing = len(c.proofs) - len(proofs)
    more = [_context([f"and {missing} more in evidence"])] if missing else []
    above = [_context(["Evidence: as above"])] if c.above else []
    return [*head, *proofs, *more, *above, *([_context(_rows(c.rows))] if c.rows else [])]


def _credit(p: render.Proof) -> str:
    credit = _fit(p.credit, 400)
    # A link's text must not close the link, nor may its address.
    address = (p.link or "").replace("|", "%7C").replace(">", "%3E").replace("<", "%3C").replace("&", "&amp;")
    return f"<{address}|{credit.replace('|', '/')}>" if 0 < len(address) <= _MAX_LINK else credit


def _rows(rows: Sequence[render.Row]) -> list[str]:
    return [f"*{name}:* " + (f"`{words}`" if words == render.MORE else _fit(words, 450)) for name, words in rows]


def _context(lines: Sequence[str]) -> Json:
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": "\n".join(lines)}]}


def _section(text: str) -> Json:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def _fit(text: str, limit: int) -> str:
    """Escaped, and not longer than `limit` after that."""
    shown = escape(text)
    length = len(text)
    while len(shown) > limit:
        length -= max(1, (len(shown) - limit) // 5)
        shown = escape(clip(text, length))
    return shown


# ------------------------------------------------------------------------------------------------------------------ messages


def _lines(block: Json) -> list[str]:
    """What a block says, as mrkdwn."""
    if block["type"] == "header":
        return [f"*{escape(block['text']['text'])}*"]
    texts = [block["text"], *block.get("elements", ())] if "text" in block else block.get("elements", ())
    return [line for text in texts for line in text["text"].split("\n")]


def _whole_lines(lines: Sequence[str], limit: int) -> str:
    kept: list[str] = []
    length = 0
    for line in lines:
        length += len(line) + 1
        if length > limit - 100:
            return "\n".join([*kept, f"… `{render.MORE}`"])
        kept.append(line)
    return "\n".join(kept)


def _fits(found: Sequence[Json]) -> bool:
    return len(found) <= MAX_BLOCKS and _size(found) <= MAX_TOTAL


def _size(found: Sequence[Json]) -> int:
    return sum(len(json.dumps(b, ensure_ascii=False)) for b in found)


def _message(text: str, found: Sequence[Json] | None) -> Json:
    message: Json = {"text": text, "unfurl_links": False, "unfurl_media": False, "link_names": False}
    return message | {"blocks": list(found)} if found else message
