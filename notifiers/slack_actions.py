"""What people press in Slack: the buttons of a card, and the requests that they come to. Pure; signatures are compared in
constant time."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from monitor.model import Json
from notifiers import render

SILENCE_S = 6 * 3600.0
_LONGEST_VALUE = 2000


@dataclass(frozen=True, slots=True)
class Pressed:
    """What somebody pressed: the request's kind and arguments, the words in which others are told, where Slack takes an answer,
    and the message as it stands there."""

    kind: str
    args: Json
    said: str
    response_url: str | None
    message: Json


def _acknowledge(about: Mapping[str, str], by: str, now: float) -> tuple[str, Json, str]:
    return "acknowledge", {"alert": about["alert"], "by": by, "relevant": True}, f"Seen by {by}"


def _not_relevant(about: Mapping[str, str], by: str, now: float) -> tuple[str, Json, str]:
    return "acknowledge", {"alert": about["alert"], "by": by, "relevant": False}, f"Not relevant, says {by}"


def _silence(about: Mapping[str, str], by: str, now: float) -> tuple[str, Json, str]:
    args = {"story": about["story"], "until": now + SILENCE_S, "by": by, "comment": "by a button in Slack"}
    return "silence", args, f"The story is silenced until {render.moment(now + SILENCE_S)} by {by}"


_ACTIONS: Mapping[str, tuple[str, Callable[[Mapping[str, str], str, float], tuple[str, Json, str]]]] = {
    "wirewatch-seen": ("Acknowledge", _acknowledge),
    "wirewatch-not-relevant": ("Not relevant", _not_relevant),
    "wirewatch-silence": ("Silence 6 h", _silence),
}


def buttons(card: render.Card) -> Json:
    """The row of buttons below a card."""
    value = json.dumps({"alert": card.alert, "story": card.story})
    elements = [
        {"type": "button", "action_id": name, "text": {"type": "plain_text", "text": words, "emoji": False}, "value": value}
        for name, (words, _) in _ACTIONS.items()
    ]
    return {"type": "actions", "elements": elements}


def signed(secret: str, headers: Mapping[str, str], body: bytes, now: float) -> bool:
    """Whether Slack sent this with this secret within the last five minutes (its `v0` signature)."""
    from slack_sdk.signature import Clock, SignatureVerifier  # a tenth of a second, where there are buttons only

    class _At(Clock):
        def now(self) -> float:
            return now

    stamp, signature = headers.get("X-Slack-Request-Timestamp", ""), headers.get("X-Slack-Signature", "")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) < 12 and signature.isascii()):
        return False
    try:
        return SignatureVerifier(secret, _At()).is_valid(body, stamp, signature)
    except UnicodeDecodeError:
        return False


def pressed(body: bytes, now: float) -> list[Pressed]:
    """What a signed request says was pressed; nothing where it is another kind of interaction. Raises ValueError where it
    cannot be read."""
    try:
        payload = json.loads(parse_qs(body.decode(), max_num_fields=10)["payload"][0])
    except (KeyError, IndexError, RecursionError, ValueError) as error:
        raise ValueError(f"no interaction of Slack's: {type(error).__name__}") from None
    return pressed_in(payload, now)


def pressed_in(payload: Any, now: float) -> list[Pressed]:
    """The same of the interaction itself, as Socket Mode brings it."""
    try:
        if payload["type"] != "block_actions":
            return []
        user = payload["user"]
        name = render.plain(str(user.get("username") or user.get("name") or user["id"]), 80)
        known = [(_ACTIONS[a["action_id"]][1], _about(a["value"])) for a in payload["actions"] if a["action_id"] in _ACTIONS]
        made = [act(about, f"{name} (Slack)", now) for act, about in known]
        message = payload.get("message") or {}
        return [Pressed(kind, args, said, payload.get("response_url"), message) for kind, args, said in made]
    except (KeyError, TypeError, AttributeError, RecursionError, ValueError) as error:
        raise ValueError(f"no interaction of Slack's: {type(error).__name__}") from None


def _about(value: str) -> dict[str, str]:
    about = json.loads(value[:_LONGEST_VALUE])
    return {name: str(about[name]) for name in ("alert", "story")}
