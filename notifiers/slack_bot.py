"""Alerts to Slack by a bot: a thread for each story, the opening message kept up to date, buttons, and a look at what arrived
before anything uncertain is sent again. Its requests go through the door like all others."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

from pydantic import SecretStr

from monitor.errors import FetchError
from monitor.model import AlertEdge, Delivery, EdgeName, Json
from monitor.net import Door
from notifiers import http, render, slack_actions
from notifiers.base import Fate, Notice, Result
from notifiers.conceal import conceal
from notifiers.harm import OPEN, Care
from notifiers.slack import (
    MAX_BLOCKS,
    MAX_SECTION,
    MAX_TOTAL,
    Room,
    as_text,
    blocks,
    delayed,
    escape,
    fit,
    message,
    notice_message,
    reworded,
    section,
)
from notifiers.templates import Templates

_EVENT = "wirewatch_alert"
_REPLY = 512 * 1024  # an answer repeats the message
_PAGES, _PAGE = 5, 100
_EARLIER_S = 120.0  # by how much Slack's clock may be behind
_MOST_UPDATES = 3
_THREADS = 1000
_STATUS = 600
_ROOM = Room(MAX_BLOCKS - 3, MAX_TOTAL - 1200)  # for the line of an update, one about a delay, and what people pressed

_FATES: Mapping[str, Fate] = {
    **dict.fromkeys(
        (
            *("invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired", "no_permission"),
            *("missing_scope", "not_allowed_token_type", "org_login_required", "ekm_access_denied", "access_denied"),
            *("team_access_not_granted", "two_factor_setup_required", "accesslimited", "enterprise_is_restricted"),
            *("channel_not_found", "not_in_channel", "is_archived", "restricted_action", "restricted_action_read_only_channel"),
            *("restricted_action_thread_only_channel", "restricted_action_non_threadable_channel", "deprecated_endpoint"),
            *("method_deprecated", "team_not_found", "messages_tab_disabled", "cannot_reply_to_message"),
        ),
        Fate.PAUSE,
    ),
    **dict.fromkeys(
        (
            *("invalid_blocks", "invalid_blocks_format", "msg_too_long", "msg_blocks_too_long", "no_text"),
            *("too_many_attachments", "invalid_attachments", "metadata_too_large", "metadata_must_be_sent_from_app"),
            *("invalid_metadata_format", "invalid_metadata_schema", "slack_connect_file_link_sharing_blocked"),
        ),
        Fate.DOWNGRADE,
    ),
    **dict.fromkeys(("ratelimited", "rate_limited", "message_limit_exceeded"), Fate.WAIT),
    **dict.fromkeys(("internal_error", "fatal_error", "service_unavailable", "team_added_to_org"), Fate.RETRY),
    "request_timeout": Fate.RETRY,
}
"""What the Web API says in one word (docs.slack.dev, chat.postMessage); any other is a dead letter that shows the word."""
_NO_THREAD = frozenset({"thread_not_found", "message_not_found", "invalid_thread_ts", "thread_locked"})
_STANDS_STILL = frozenset({Fate.WAIT, Fate.PAUSE, Fate.RETRY, Fate.UNCERTAIN})


@dataclass(frozen=True, slots=True)
class _Answer:
    """What a call came to: what it means, Slack's word where it refused, its JSON."""

    result: Result
    word: str = ""
    body: Json | None = None


class SlackBot:
    """Writes into the channels of its settings. `provider_id` of a delivery is channel and time stamp, by which Slack knows a
    message: "C0123/1700000000.000100"."""

    per_second = 1.0  # Slack's own limit for a channel

    def __init__(
        self,
        name: str,
        token: SecretStr,
        channels: Sequence[str],
        door: Door,
        signing_secret: SecretStr | None = None,
        api: str = "https://slack.com/api/",
        care: Care = OPEN,
        templates: Templates | None = None,
        app_token: SecretStr | None = None,
    ) -> None:
        self.name = name
        self._templates = templates
        self._token, self._channels, self.door, self._api, self._care = token, tuple(channels), door, api, care
        self._signing_secret, self._app_token = signing_secret, app_token
        self._beginning = asyncio.Lock()
        # By channel and story the thread that the store may not know yet, and the key of the message that began it.
        self._begun: dict[tuple[str, str], tuple[str, str]] = {}
        self._room = replace(_ROOM, buttons=slack_actions.buttons) if self.interactive else _ROOM

    @property
    def recipients(self) -> tuple[str, ...]:
        return self._channels

    @property
    def embargo(self) -> float:
        return self._care.embargo

    @property
    def interactive(self) -> bool:
        """Whether its messages have buttons."""
        return self._signing_secret is not None or self.has_socket

    @property
    def has_socket(self) -> bool:
        """Whether what people press comes by Socket Mode."""
        return self._app_token is not None

    # -- what is sent -----------------------------------------------------------------------------------------------------

    def render(self, edges: tuple[AlertEdge, ...], recipient: str) -> Json:
        edges = self._care.of(edges)
        told = render.message(edges)
        status = {edge.alert: _status(edge) for edge in edges if edge.edge is not EdgeName.OPENED}
        return {
            "message": message(escape(told.subject), blocks(told, self._room)),
            "thread": None,
            "story": edges[0].story_id if len({edge.story_id for edge in edges}) == 1 else None,
            "broadcast": any(edge.edge not in _QUIET for edge in edges),
            "status": dict(list(status.items())[:_MOST_UPDATES]),
            "updates": [],
            "at": edges[-1].at,
        }

    async def reword(self, payload: Json, edges: tuple[AlertEdge, ...]) -> tuple[Json, str]:
        told, trouble = await reworded(payload["message"], self._care.of(edges), self._templates)
        return payload | {"message": told}, trouble

    def render_notice(self, notice: Notice, recipient: str) -> Json:
        told = {"message": notice_message(notice), "thread": None, "story": None, "broadcast": False}
        return told | {"updates": [], "at": notice.at}

    def join(self, payload: Json, edges: tuple[AlertEdge, ...], before: Sequence[Delivery]) -> Json:
        """The payload as a reply in the thread that the story's first message began, with what becomes of the messages that
        opened these alerts. A digest of several stories stands alone."""
        if not before or payload["story"] is None:
            return payload
        updates = []
        for alert, status in payload["status"].items():
            opening = next((d for d in before if d.payload and any(edge.alert == alert for edge in d.edges)), None)
            if opening is not None and opening.payload is not None:
                updates.append({"ts": _stamp(opening), "message": _updated(opening.payload["message"], status)})
        return payload | {"thread": _stamp(before[0]), "updates": updates}

    def downgrade(self, payload: Json) -> Json | None:
        plain = as_text(payload["message"])
        return None if plain is None else payload | {"message": plain, "updates": []}

    def late(self, payload: Json, seconds: float) -> Json:
        return payload | {"message": delayed(payload["message"], seconds)}

    # -- sending ----------------------------------------------------------------------------------------------------------

    async def send(self, payload: Json, recipient: str, key: str) -> Result:
        """First the opening messages are brought up to date, which may be done twice; then the message goes out."""
        for update in payload["updates"]:
            changed = await self._call("chat.update", {"channel": recipient, "ts": update["ts"], **update["message"]})
            if changed.result.fate in _STANDS_STILL and changed.word not in _NO_THREAD:
                # Nothing new was sent: a lost answer to an update leaves no doubt about the message.
                uncertain = changed.result.fate is Fate.UNCERTAIN
                return replace(changed.result, fate=Fate.RETRY) if uncertain else changed.result
        metadata = {"event_type": _EVENT, "event_payload": {"key": _ident(key)}}
        post: Json = {"channel": recipient, **payload["message"], "metadata": metadata}
        if payload["thread"] is None and payload["story"] is not None:
            return await self._begin(post, (recipient, payload["story"]), key)
        return (await self._post(post, payload["thread"], payload["broadcast"])).result

    async def _begin(self, post: Json, whose: tuple[str, str], key: str) -> Result:
        """The first message of a story, one at a time: two rules that tell of it at once make one thread."""
        async with self._beginning:
            thread, by = self._begun.get(whose, (None, key))
            answer = await self._post(post, None if by == key else thread, broadcast=True)
            if answer.result.provider_id is not None and whose not in self._begun:
                self._begun[whose] = answer.result.provider_id.rpartition("/")[2], key
                while len(self._begun) > _THREADS:
                    del self._begun[next(iter(self._begun))]
            return answer.result

    async def _post(self, post: Json, thread: str | None, broadcast: bool) -> _Answer:
        if thread is None:
            return await self._call("chat.postMessage", post)
        answer = await self._call("chat.postMessage", post | {"thread_ts": thread, "reply_broadcast": broadcast})
        if answer.word in _NO_THREAD:  # somebody deleted the first message
            return await self._call("chat.postMessage", post)
        return answer

    async def find(self, payload: Json, recipient: str, key: str) -> Result | None:
        """SENT where a message with this key is there already, None where it is not or nobody may look; else what kept us from
        looking: it is better to wait than to tell twice."""
        oldest = f"{payload['at'] - _EARLIER_S:.6f}"
        query = {"channel": recipient, "include_all_metadata": "true", "limit": str(_PAGE), "oldest": oldest}
        method = "conversations.replies" if payload["thread"] else "conversations.history"
        query |= {"ts": payload["thread"]} if payload["thread"] else {}
        for _ in range(_PAGES):
            answer = await self._look(method, query)
            if answer.body is None:
                return None if answer.word else answer.result
            for said in answer.body.get("messages") or ():
                if _key_of(said) == _ident(key):
                    return Result(Fate.SENT, "found in the channel", f"{recipient}/{said['ts']}")
            cursor = (answer.body.get("response_metadata") or {}).get("next_cursor")
            if not cursor:
                return None
            query["cursor"] = cursor
        return None

    async def probe(self) -> Result:
        """Ask whether the token is good."""
        answer = await self._call("auth.test", {})
        if answer.body is None:
            return answer.result
        return Result(Fate.SENT, f"the bot {render.plain(str(answer.body.get('user')), 80)} may write")

    async def close(self) -> None:
        if self._templates is not None:
            await self._templates.close()

    # -- what people press ------------------------------------------------------------------------------------------------

    def signed(self, headers: Mapping[str, str], body: bytes, now: float) -> bool:
        """Whether a request comes from this bot's app."""
        secret = self._signing_secret
        return secret is not None and slack_actions.signed(secret.get_secret_value(), headers, body, now)

    async def socket_address(self) -> tuple[str | None, Result]:
        """Where Socket Mode connects to, once; None with the reason where Slack gives none."""
        assert self._app_token is not None, "asked only of a bot that has one"
        answer = await self._call("apps.connections.open", {}, self._app_token)
        if answer.body is None or not isinstance(answer.body.get("url"), str):
            return None, answer.result
        return answer.body["url"], answer.result

    async def note(self, pressed: slack_actions.Pressed) -> Result | None:
        """Write below the message what somebody pressed. None where Slack takes no answer."""
        found = pressed.message.get("blocks")
        if not pressed.response_url or not isinstance(found, list) or len(found) >= MAX_BLOCKS:
            return None
        line = {"type": "context", "elements": [{"type": "mrkdwn", "text": fit(pressed.said, 300)}]}
        told = {"replace_original": True, "text": pressed.message.get("text") or "", "blocks": [*found, line]}
        headers = {"Content-Type": "application/json"}
        result, _ = await http.post(self.door, pressed.response_url, json.dumps(told).encode(), headers)
        return result

    # -- calls ------------------------------------------------------------------------------------------------------------

    async def _call(self, method: str, arguments: Json, token: SecretStr | None = None) -> _Answer:
        headers = self._headers(token) | {"Content-Type": "application/json; charset=utf-8"}
        body = json.dumps(arguments).encode()
        result, reply = await http.post(self.door, self._api + method, body, headers, _REPLY)
        if reply is None or reply.status >= 500 or reply.status == 429:
            return _Answer(self._concealed(method, result))
        return self._read(method, reply.body, result)

    async def _look(self, method: str, query: Mapping[str, str]) -> _Answer:
        try:
            response = await self.door.get(f"{self._api}{method}?{urlencode(query)}", self._headers())
        except FetchError as error:
            return _Answer(Result(Fate.RETRY, f"{method}: {error.detail}"))
        if response.status == 429:
            asked = response.headers.get("retry-after", "")
            wait = float(asked) if asked.isascii() and asked.isdigit() else None
            return _Answer(Result(Fate.WAIT, f"{method}: HTTP 429", retry_after=wait))
        if response.status >= 500:
            return _Answer(Result(Fate.RETRY, f"{method}: HTTP {response.status}"))
        return self._read(method, response.body, Result(Fate.RETRY, f"HTTP {response.status}"))

    def _headers(self, token: SecretStr | None = None) -> dict[str, str]:
        return {"Authorization": f"Bearer {(token or self._token).get_secret_value()}", "Accept-Encoding": "identity"}

    def _read(self, method: str, content: bytes, by_status: Result) -> _Answer:
        try:
            body = json.loads(content)
            well, word = bool(body["ok"]), str(body.get("error") or "")
        except (ValueError, TypeError, KeyError, RecursionError):
            if by_status.fate is Fate.SENT:  # 200, and unreadable: it may have been posted
                by_status = Result(Fate.UNCERTAIN, f"Slack's answer cannot be read: {by_status.detail}")
            return _Answer(self._concealed(method, by_status))
        if well:
            stamp = body.get("ts")
            ident = f"{body.get('channel')}/{stamp}" if stamp else None
            return _Answer(Result(Fate.SENT, " ".join(by_status.detail.split()[:2]), ident), "", body)
        fate = _FATES.get(word, Fate.DEAD)
        more = "".join(f" ({name}: {body[name]})" for name in ("needed", "response_metadata") if body.get(name))
        return _Answer(self._concealed(method, Result(fate, f"{word or 'refused without a word'}{more}")), word or "refused")

    def _concealed(self, method: str, result: Result) -> Result:
        tokens = [token.get_secret_value() for token in (self._token, self._app_token) if token is not None]
        hidden = {*tokens, *(part for token in tokens for part in token.split("-") if len(part) > 4)}
        return replace(result, detail=f"{method}: {conceal(result.detail, hidden)}")


_QUIET = frozenset({EdgeName.UPDATED, EdgeName.CONFIRMED})
"""Told in the thread alone, and on top of the opening message; all others are shown in the channel, too."""


def _status(edge: AlertEdge) -> str:
    """What the opening message is told of this turn, as mrkdwn."""
    card = render.card(edge)
    change = f" {fit(card.change, _STATUS)}" if card.change else ""
    return fit(f"{render.moment(edge.at)}: {card.heading}", _STATUS) + (f"\n{change.strip()}" if change else "")


def _updated(first: Json, status: str) -> Json:
    """The opening message with what stands now above it."""
    head, *_ = status.split("\n")
    changed = first | {"text": head}
    if "blocks" not in first:
        return changed | {"text": f"*{status}*\n{first['text']}"}
    return changed | {"blocks": [section(f"*Now:* {status}"[:MAX_SECTION]), *first["blocks"]]}


def _stamp(delivery: Delivery) -> str:
    return (delivery.provider_id or "").rpartition("/")[2]


def _ident(key: str) -> str:
    """The idempotency key, without names of notifiers and channels."""
    return hashlib.blake2b(key.encode("utf-8", "replace"), digest_size=16).hexdigest()


def _key_of(said: Any) -> str | None:
    metadata = said.get("metadata") if isinstance(said, dict) else None
    return (metadata.get("event_payload") or {}).get("key") if isinstance(metadata, dict) else None
