"""What other commands ask of the store's one writer. The daemon executes open requests; a command that finds no daemon
takes the
store and executes its own."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from typing import Any

from monitor.codec import feed_from_json
from monitor.model import BY_HAND, Acknowledgement, Json, RuleState, Silence, StepRecord, make_id
from storage.base import Store


async def _add_feed(store: Store, args: Json, now: float) -> Json:
    await store.add_feed(feed_from_json(args["feed"]), now)
    return {"ok": True}


async def _remove_feed(store: Store, args: Json, now: float) -> Json:
    return {"ok": await store.remove_feed(str(args["id"]))}


async def _edit_delivery(store: Store, args: Json, now: float) -> Json:
    return {"ok": await store.edit_delivery(args["key"], args["action"], now)}


ACCEPT_RULES = "accept_rules"
EDIT_STORIES = "edit_stories"
"""Answered by the pipeline, which has the stories in memory; see `monitor.edits.wanted` for its arguments."""


async def _accept_rules(store: Store, args: Json, now: float) -> Json:
    """Answered with the file, for the daemon to take up; one that starts takes up every file anyway."""
    return {"ok": True, "file": str(args["file"])}


SILENCE, EXPIRE_SILENCE, ACKNOWLEDGE = "silence", "expire_silence", "acknowledge"


async def _silence(store: Store, args: Json, now: float) -> Json:
    """`{rule?, story?, place?, alert?, until, by, comment}`: `until` in seconds since the epoch. Answered with its id."""
    about = {name: str(args[key]) for name, key in _ABOUT.items() if args.get(key)}
    until, by, comment = float(args["until"]), str(args["by"]).strip(), str(args.get("comment", ""))
    if not about:
        return {"ok": False, "error": "a silence says what it is about: a rule, a place, a story or an alert"}
    if not by:
        return {"ok": False, "error": "a silence says whose it is (`by`)"}
    if not now < until < math.inf:
        return {"ok": False, "error": "a silence ends in the future (`until`)"}
    id = make_id("silence", by, str(now), *(f"{k}={v}" for k, v in sorted(about.items())))
    await store.add_silence(Silence(id=id, created=now, until=until, by=by, comment=comment, **about))
    return {"ok": True, "id": id}


_ABOUT = {"rule": "rule", "story_id": "story", "place": "place", "alert": "alert"}


async def _expire_silence(store: Store, args: Json, now: float) -> Json:
    """`{id, by}`."""
    return {"ok": await store.expire_silence(str(args["id"]), str(args["by"]), now)}


async def _acknowledge(store: Store, args: Json, now: float) -> Json:
    """`{alert, by, relevant: bool, note}`."""
    relevant = args.get("relevant", True)
    if not isinstance(relevant, bool):
        raise TypeError("`relevant` is true or false")
    said = Acknowledgement(str(args["alert"]), now, str(args["by"]), relevant, str(args.get("note", "")))
    return {"ok": await store.acknowledge(said)}


SET_RULE = "set_rule"


async def _set_rule(store: Store, args: Json, now: float) -> Json:
    """Turn a rule on or off, whatever its file says."""
    state = {"enabled": bool(args["enabled"]), "by": str(args["by"]), "at": now}
    await store.commit_steps([StepRecord(at=now, rule_states=(RuleState(str(args["rule"]), BY_HAND, state),))])
    return {"ok": True, "rule": str(args["rule"])}


_KINDS: dict[str, Callable[[Store, Json, float], Awaitable[Json]]] = {
    "add_feed": _add_feed,
    "remove_feed": _remove_feed,
    "edit_delivery": _edit_delivery,
    ACCEPT_RULES: _accept_rules,
    SET_RULE: _set_rule,
    SILENCE: _silence,
    EXPIRE_SILENCE: _expire_silence,
    ACKNOWLEDGE: _acknowledge,
}


async def execute(store: Store, kind: str, args: Json, now: float) -> Json:
    """Do what is asked. An unknown kind, as a newer version may queue it, is answered and not done."""
    action = _KINDS.get(kind)
    return {"ok": False, "error": f"unknown request {kind}"} if action is None else await action(store, args, now)


async def execute_open(store: Store, now: float) -> list[dict[str, Any]]:
    """Do all that is asked and not yet answered; returns the answers."""
    answers = []
    for request in await store.requests():
        if request.kind == EDIT_STORIES:
            continue
        try:
            answer = await execute(store, request.kind, request.args, now)
        except (KeyError, TypeError, ValueError) as error:
            # Another version's arguments, say: answered, so that the requests behind it are served.
            answer = {"ok": False, "error": f"{type(error).__name__}: {error}"}
        await store.answer(request.id, answer, now)
        answers.append({"kind": request.kind} | answer)
    return answers
