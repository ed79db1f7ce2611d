"""What other commands ask of the store's one writer. The daemon executes open requests; a command that finds no daemon
takes the
store and executes its own."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from monitor.codec import feed_from_json
from monitor.model import Json
from storage.base import Store


async def _add_feed(store: Store, args: Json, now: float) -> Json:
    await store.add_feed(feed_from_json(args["feed"]), now)
    return {"ok": True}


async def _edit_delivery(store: Store, args: Json, now: float) -> Json:
    return {"ok": await store.edit_delivery(args["key"], args["action"], now)}


ACCEPT_RULES = "accept_rules"


async def _accept_rules(store: Store, args: Json, now: float) -> Json:
    """Answered with the file, for the daemon to take up; one that starts takes up every file anyway."""
    return {"ok": True, "file": str(args["file"])}


_KINDS: dict[str, Callable[[Store, Json, float], Awaitable[Json]]] = {
    "add_feed": _add_feed,
    "edit_delivery": _edit_delivery,
    ACCEPT_RULES: _accept_rules,
}


async def execute(store: Store, kind: str, args: Json, now: float) -> Json:
    """Do what is asked. An unknown kind, as a newer version may queue it, is answered and not done."""
    action = _KINDS.get(kind)
    return {"ok": False, "error": f"unknown request {kind}"} if action is None else await action(store, args, now)


async def execute_open(store: Store, now: float) -> list[dict[str, Any]]:
    """Do all that is asked and not yet answered; returns the answers."""
    answers = []
    for request in await store.requests():
        try:
            answer = await execute(store, request.kind, request.args, now)
        except (KeyError, TypeError, ValueError) as error:
            # Another version's arguments, say: answered, so that the requests behind it are served.
            answer = {"ok": False, "error": f"{type(error).__name__}: {error}"}
        await store.answer(request.id, answer, now)
        answers.append({"kind": request.kind} | answer)
    return answers
