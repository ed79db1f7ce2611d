"""The store's guarantees for silences and acknowledgements, and the requests that make them."""

from __future__ import annotations

from typing import Any

import pytest
from conftest import NOW, Make

from monitor import requests
from monitor.model import Acknowledgement, RuleState, Silence
from storage.base import RuleCount, Store

HOUR = 3600.0


def silence(id: str = "q1", **changes: Any) -> Silence:
    return Silence(
        **({"id": id, "created": NOW, "until": NOW + HOUR, "by": "Ada", "comment": "known", "rule": "toll"} | changes)
    )


async def test_a_silence_is_in_force_until_its_end(store: Store) -> None:
    late, soon = silence("q1", until=NOW + 2 * HOUR), silence("q2", place="Aleppo", rule=None)
    await store.add_silence(late)
    await store.add_silence(soon)
    await store.add_silence(silence("q2", comment="another"))
    assert await store.silences(NOW) == [soon, late], "kept once, as it was first said"
    assert await store.silences(NOW + HOUR) == [late], "the end is not within"
    assert await store.silences() == [soon, late]


async def test_a_silence_is_ended_once_and_by_somebody(store: Store) -> None:
    await store.add_silence(silence())
    assert await store.expire_silence("q1", "Grace", NOW + 60)
    assert not await store.expire_silence("q1", "Linus", NOW + 61)
    assert not await store.expire_silence("nobody", "Linus", NOW + 61)
    (ended,) = await store.silences()
    assert (ended.until, ended.ended_by) == (NOW + 60, "Grace")
    assert await store.silences(NOW + 60) == []


async def told(store: Store, make: Make) -> None:
    """Two alerts of `toll`, one with two edges, and one of `words` a day later."""
    await store.commit_steps(
        [
            make.step(None, edges=(make.edge("a1"), make.edge("a2")), at=NOW),
            make.step(None, edges=(make.edge("a1", 2),), at=NOW + 1),
            make.step(None, edges=(make.edge("b1", rule="words", at=NOW + 24 * HOUR),), at=NOW + 2),
        ]
    )


async def test_what_is_said_of_an_alert_is_kept_in_order(store: Store, make: Make) -> None:
    await told(store, make)
    first, second = Acknowledgement("a1", NOW, "Ada", True, "seen"), Acknowledgement("a1", NOW + 5, "Grace", False)
    assert await store.acknowledge(first)
    assert await store.acknowledge(second)
    assert await store.acknowledge(second), "a retry after a lost answer"
    assert not await store.acknowledge(Acknowledgement("nothing", NOW, "Ada"))
    assert await store.acknowledgements(["a1", "a2", "nothing"]) == {"a1": (first, second)}


async def test_counts_go_by_the_last_word_on_an_alert(store: Store, make: Make) -> None:
    await told(store, make)
    for at, relevant in ((0, True), (1, False)):
        await store.acknowledge(Acknowledgement("a1", NOW + at, "Ada", relevant))
    await store.acknowledge(Acknowledgement("a2", NOW, "Ada"))
    toll, words = RuleCount("toll", 2, 3, 1, 1), RuleCount("words", 1, 1, 0, 0)
    assert await store.rule_counts(NOW, NOW + 48 * HOUR) == [toll, words]
    assert await store.rule_counts(NOW, NOW + 24 * HOUR) == [toll], "the end is not within"
    assert (toll.precision, words.precision) == (0.5, None)


async def test_the_rules_that_remember_a_key(store: Store, make: Make) -> None:
    states = (RuleState("toll", "k1", {}), RuleState("words", "k1", {}), RuleState("toll", "k2", {}))
    await store.commit_steps([make.step(None, rule_states=states)])
    assert await store.remembering(["k1", "k3"]) == {"k1": {"toll", "words"}}


# ---------------------------------------------------------------------------------------------------------------- requests


async def test_a_silence_is_asked_for_and_ended(store: Store) -> None:
    asked = {"rule": "toll", "place": "Aleppo", "until": NOW + HOUR, "by": "Ada", "comment": "a drill"}
    answer = await requests.execute(store, requests.SILENCE, asked, NOW)
    assert answer["ok"]
    assert await store.silences(NOW) == [silence(answer["id"], comment="a drill", place="Aleppo")]
    assert await requests.execute(store, requests.SILENCE, asked, NOW) == answer, "asked twice, made once"
    ended = await requests.execute(store, requests.EXPIRE_SILENCE, {"id": answer["id"], "by": "Ada"}, NOW + 1)
    assert ended == {"ok": True}
    assert await store.silences(NOW + 1) == []


@pytest.mark.parametrize(
    ("wrong", "named"),
    [({"rule": None}, "a rule"), ({"until": NOW}, "until"), ({"until": float("inf")}, "until"), ({"by": " "}, "by")],
)
async def test_a_silence_that_says_too_little_is_refused(store: Store, wrong: dict[str, Any], named: str) -> None:
    asked = {"rule": "toll", "until": NOW + HOUR, "by": "Ada"} | wrong
    answer = await requests.execute(store, requests.SILENCE, asked, NOW)
    assert not answer["ok"]
    assert named in answer["error"]
    assert await store.silences() == []


async def test_an_alert_is_acknowledged_by_request(store: Store, make: Make) -> None:
    await told(store, make)
    asked = {"alert": "a1", "by": "Ada", "relevant": False, "note": "old news"}
    assert await requests.execute(store, requests.ACKNOWLEDGE, asked, NOW) == {"ok": True}
    assert await requests.execute(store, requests.ACKNOWLEDGE, asked | {"alert": "x"}, NOW) == {"ok": False}
    assert await store.acknowledgements(["a1"]) == {"a1": (Acknowledgement("a1", NOW, "Ada", False, "old news"),)}
