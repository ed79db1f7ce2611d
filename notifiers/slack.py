"""Alerts to Slack by an incoming webhook: each message stands alone. Block Kit within its documented limits."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, SecretStr, StringConstraints, model_validator

from monitor.model import AlertEdge, Json
from monitor.net import Door
from monitor.wording import clip
from notifiers import http, render
from notifiers.base import ChannelSettings, Fate, Notice, Result, SecretRef
from notifiers.harm import OPEN, Care
from notifiers.templates import Templates, TextTemplates

MAX_BLOCKS, MAX_SECTION, MAX_HEADER, MAX_TOTAL = 50, 3000, 150, 13_000
_MAX_PROOFS = 5
_MAX_CARD = 9000  # of MAX_TOTAL: one card leaves room for the titles of others
_LINE = 90  # code points of a title where many are listed
_MAX_LINK = 1000
_MAX_TEXT = 4000
Channel = Annotated[str, StringConstraints(pattern=r"^[CDG][A-Z0-9]+$")]
Channels = Annotated[tuple[Channel, ...], BeforeValidator(lambda given: [given] if isinstance(given, str) else given)]
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
_ONE_WAY = "Slack is reached by `url` (an incoming webhook), or by `token` and `channel` (a bot)"


class SlackSettings(ChannelSettings):
    """An incoming webhook, whose address is the secret; or a bot, which threads, updates and has buttons."""

    type: Literal["slack"] = Field(description="Slack by an incoming webhook, or by a bot")
    url: SecretRef | None = Field(default=None, description="the address of the webhook")
    token: SecretRef | None = Field(default=None, description="the bot's token (xoxb-...), instead of `url`")
    channel: Channels = Field(default=(), description="ids of the channels in which the bot writes, such as C0123ABCD")
    signing_secret: SecretRef | None = Field(
        default=None, description="the app's signing secret: then messages have buttons, answered at /slack/actions of `web`"
    )
    app_token: SecretRef | None = Field(
        default=None, description="the app's token (xapp-...) for Socket Mode: buttons without an address that Slack can reach"
    )
    templates: TextTemplates | None = Field(
        default=None, description="files with words of your own: `text` for the message in mrkdwn, `subject` for notifications"
    )
    api: str = Field(default="https://slack.com/api/", pattern=r"^https?://[^/\s]+/", description="where Slack's API is")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        bot = self.token is not None and bool(self.channel)
        if bot == (self.url is not None) or (self.token is None) != (not self.channel):
            raise ValueError(_ONE_WAY)
        if (self.signing_secret is not None or self.app_token is not None) and not bot:
            raise ValueError("`signing_secret` and `app_token` are the bot's; an incoming webhook has no buttons")
        return self


@dataclass(frozen=True, slots=True)
class Room:
    """What a message may hold; `buttons` for each card, which take the place of the commands."""

    blocks: int = MAX_BLOCKS
    total: int = MAX_TOTAL
    buttons: Callable[[render.Card], Json] | None = None


_WHOLE = Room()
_FOR_TEMPLATES = Room(MAX_BLOCKS - 4, MAX_TOTAL - 1200)  # for buttons, a line about a delay, and what is said of it later


class SlackNotifier:
    """Titles are plain text, values are escaped, links do not unfurl, names do not link."""

    per_second = 1.0  # Slack's own limit for a channel

    def __init__(self, name: str, url: SecretStr, door: Door, care: Care = OPEN, templates: Templates | None = None) -> None:
        self.name = name
        self._url, self._door, self._care, self._templates = url, door, care, templates

    @property
    def recipients(self) -> tuple[str, ...]:
        return (self.name,)

    @property
    def embargo(self) -> float:
        return self._care.embargo

    def render(self, edges: tuple[AlertEdge, ...], recipient: str) -> Json:
        edges = self._care.of(edges)
        told = render.message(edges)
        return message(escape(told.subject), blocks(told))

    async def reword(self, payload: Json, edges: tuple[AlertEdge, ...]) -> tuple[Json, str]:
        return await reworded(payload, self._care.of(edges), self._templates)

    def render_notice(self, notice: Notice, recipient: str) -> Json:
        return notice_message(notice)

    def downgrade(self, payload: Json) -> Json | None:
        return as_text(payload)

    def late(self, payload: Json, seconds: float) -> Json:
        return delayed(payload, seconds)

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
        if self._templates is not None:
            await self._templates.close()


# ------------------------------------------------------------------------------------------------------------------- blocks


def escape(text: str) -> str:
    """The three characters that Slack's mrkdwn asks for, and no more."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def blocks(told: render.Message, room: Room = _WHOLE) -> list[Json]:
    """As many cards in full as fit; of the others the titles, of what is left after that the number. Nothing is cut in the
    middle."""
    foot = [context(_rows(told.foot))]
    laid: list[Json] = []
    for i, card in enumerate(told.cards):
        whole = [*([{"type": "divider"}] if laid else []), *_card_blocks(card, room)]
        rest = _titles(told.cards[i + 1 :])
        if not _fits([*laid, *whole, *rest, *foot], room):
            return _filled([*laid, *([{"type": "divider"}] if laid else [])], told.cards[i:], foot, room)
        laid += whole
    return [*laid, *foot]


def _filled(laid: list[Json], cards: Sequence[render.Card], foot: list[Json], room: Room) -> list[Json]:
    """Titles of as many of these cards as fit."""
    for shown in range(len(cards), -1, -1):
        left = [section(f"… and {len(cards) - shown} more: `{render.MORE}`")] if shown < len(cards) else []
        found = [*laid, *_titles(cards[:shown]), *left, *foot]
        if _fits(found, room) or not shown:
            return found
    raise AssertionError("the loop ends with none shown")


def _titles(cards: Sequence[render.Card]) -> list[Json]:
    """One line for each card, in as few sections as the limit allows."""
    lines = [f"• {fit(clip(c.heading, _LINE), 2 * _LINE)}" for c in cards]
    sections: list[str] = []
    for line in lines:
        if sections and len(sections[-1]) + len(line) < MAX_SECTION:
            sections[-1] += f"\n{line}"
        else:
            sections.append(line)
    return [section(s) for s in sections]


def _card_blocks(c: render.Card, room: Room) -> list[Json]:
    chapter = [section(f"*{fit(c.chapter, 600)}*")] if c.chapter else []
    head: list[Json] = [
        *chapter,
        {"type": "header", "text": {"type": "plain_text", "text": clip(c.heading, MAX_HEADER), "emoji": False}},
    ]
    if c.change:
        head.append(section(f"*{fit(c.change, MAX_SECTION - 2)}*"))
    proofs = [section(f"> {fit(p.sentence, 1500)}\n{_credit(p)}") for p in c.proofs[:_MAX_PROOFS]]
    while proofs and _size([*head, *proofs]) > _MAX_CARD - MAX_SECTION:
        proofs.pop()
    missing = len(c.proofs) - len(proofs)
    more = [context([f"and {missing} more in evidence"])] if missing else []
    above = [context(["Evidence: as above"])] if c.above else []
    rows = [
        *_rows(c.rows),
        *([f"*Map:* <{escape(c.map)}|{fit(c.place or 'where it is', 120).replace('|', '/')}>"] if c.map else []),
    ]
    return [*head, *proofs, *more, *above, *([context(rows)] if rows else []), *_todo(c, room)]


def _todo(c: render.Card, room: Room) -> list[Json]:
    if not c.todo:
        return []
    if room.buttons is not None:
        return [room.buttons(c)]
    return [context([f"*{name}:* `{command}`" for name, command in c.todo])]


def _credit(p: render.Proof) -> str:
    credit = fit(p.credit, 400)
    # A link's text must not close the link, nor may its address.
    address = (p.link or "").replace("|", "%7C").replace(">", "%3E").replace("<", "%3C").replace("&", "&amp;")
    return f"<{address}|{credit.replace('|', '/')}>" if 0 < len(address) <= _MAX_LINK else credit


def _rows(rows: Sequence[render.Row]) -> list[str]:
    return [f"*{name}:* " + (f"`{words}`" if words == render.MORE else fit(words, 450)) for name, words in rows]


def context(lines: Sequence[str]) -> Json:
    return {"type": "context", "elements": [{"type": "mrkdwn", "text": "\n".join(lines)}]}


def section(text: str) -> Json:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text}}


def fit(text: str, limit: int) -> str:
    """Escaped, and not longer than `limit` after that."""
    shown = escape(text)
    length = len(text)
    while len(shown) > limit:
        length -= max(1, (len(shown) - limit) // 5)
        shown = escape(clip(text, length))
    return shown


# ------------------------------------------------------------------------------------------------------------------ messages


async def reworded(told: Json, edges: tuple[AlertEdge, ...], templates: Templates | None) -> tuple[Json, str]:
    """A message in the operator's words, and what was wrong with them. One about one alert keeps its buttons."""
    if templates is None:
        return told, ""
    texts, trouble = await templates.fill(edges)
    subject = {"text": texts["subject"]} if "subject" in texts else {}
    if "text" not in texts:
        return told | subject, trouble
    sections = [section(part) for part in _in_sections(texts["text"])]
    buttons = [block for block in told.get("blocks", ()) if block["type"] == "actions"]
    if not _fits(sections, _FOR_TEMPLATES):
        return told | subject, f"the template of the text gives more than a message of Slack's holds {trouble}".strip()
    return told | subject | {"blocks": [*sections, *(buttons if len(buttons) == 1 else [])]}, trouble


def _in_sections(text: str) -> list[str]:
    """The text in as few pieces as the limit of a section allows, parted between lines where that can be."""
    pieces: list[str] = []
    for line in text.strip().split("\n"):
        for part in [line[at : at + MAX_SECTION] for at in range(0, len(line), MAX_SECTION)] or [""]:
            if pieces and len(pieces[-1]) + len(part) < MAX_SECTION:
                pieces[-1] += f"\n{part}"
            else:
                pieces.append(part)
    return [piece for piece in pieces if piece.strip()]


def as_text(payload: Json) -> Json | None:
    """All that the blocks of a message say, as one text; None where it has none."""
    if "blocks" not in payload:
        return None
    lines = [line for block in payload["blocks"] for line in _lines(block)]
    return message(_whole_lines(lines, _MAX_TEXT), None)


def delayed(payload: Json, seconds: float) -> Json:
    """The message with a first line that says how late it is."""
    said = render.delayed(seconds)
    if "blocks" not in payload:
        return payload | {"text": f"{said}\n{payload['text']}"}
    return payload | {"blocks": [context([f"*{said}*"]), *payload["blocks"]][:MAX_BLOCKS]}


def notice_message(notice: Notice) -> Json:
    """A notice to the operator."""
    return message(escape(render.plain(notice.subject, 180)), [section(fit(render.notice_text(notice), MAX_SECTION))])


def _lines(block: Json) -> list[str]:
    """What a block says, as mrkdwn."""
    if block["type"] == "header":
        return [f"*{escape(block['text']['text'])}*"]
    if block["type"] == "actions":
        return []
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


def _fits(found: Sequence[Json], room: Room) -> bool:
    return len(found) <= room.blocks and _size(found) <= room.total


def _size(found: Sequence[Json]) -> int:
    return sum(len(json.dumps(b, ensure_ascii=False)) for b in found)


def message(text: str, found: Sequence[Json] | None) -> Json:
    message: Json = {"text": text, "unfurl_links": False, "unfurl_media": False, "link_names": False}
    return message | {"blocks": list(found)} if found else message
