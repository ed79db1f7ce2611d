"""The webhook's documented forms: JSON by its schema, CAP 1.2 in the order of its elements, two secrets at a time."""

from __future__ import annotations

import json
import re
from typing import Any

import jsonschema
import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree
from pydantic import SecretStr, ValidationError
from test_notifiers import NOTICE, SIGNING_KEY, SIGNING_SECRET, HttpReceiver, a_door, expected_signature
from test_render import an_edge, edges, taken, words

from monitor.cli.main import cli
from monitor.clock import VirtualClock
from monitor.dispatch import Dispatcher
from monitor.model import AlertEdge, EdgeName
from notifiers import cap, registry
from notifiers.base import Fate
from notifiers.webhook import CapWebhook, WebhookNotifier, WebhookSettings

NOW = 1_732_871_400.0
NAME = f"{{{cap.NAMESPACE}}}"


def hook(envelope: Any = "standard") -> WebhookNotifier:
    if envelope == "cap":
        return CapWebhook("hook", SecretStr("https://x.example"), None, a_door())
    return WebhookNotifier("hook", SecretStr("https://x.example"), None, a_door(), envelope=envelope)


# --------------------------------------------------------------------------------------------------------------- JSON


@pytest.fixture(scope="module")
def validator() -> Any:
    shown = CliRunner().invoke(cli, ["schema", "--webhook"])
    assert shown.exit_code == 0
    schema = json.loads(shown.output)
    jsonschema.Draft202012Validator.check_schema(schema)
    return jsonschema.Draft202012Validator(schema, format_checker=jsonschema.FormatChecker())


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"old": None, "new": None, "spread": None, "published": None, "seen": None, "lat": None, "lon": None, "place": None},
        {"facts": (taken(),), "old": "the army", "new": "HTS", "opened_at": NOW - 600},
        {"facts": (words(),), "owner": "desk", "edge": EdgeName.WITHDRAWN},
    ],
)
def test_what_is_sent_is_as_the_schema_says(validator: Any, changes: dict[str, Any]) -> None:
    payload = json.loads(json.dumps(hook().render((an_edge(**changes), an_edge(alert="b")), "hook")))
    validator.validate(payload)
    assert payload["edges"][0].keys() == validator.schema["$defs"]["edge"]["properties"].keys(), "every key is documented"


def test_a_notice_is_as_the_schema_says_and_what_is_neither_is_not(validator: Any) -> None:
    validator.validate(hook().render_notice(NOTICE, "hook"))
    payload = json.loads(json.dumps(hook().render((an_edge(),), "hook")))
    del payload["edges"][0]["story"]
    assert not validator.is_valid(payload) and not validator.is_valid({"type": "wirewatch.alert"})


# ---------------------------------------------------------------------------------------------------------------- CAP

# The order, and how often, by the schema of the OASIS standard (CAP 1.2, section 3.4): what is required has no sign behind it.
ALERT = "identifier sender sent status msgType source? scope restriction? addresses? code* note? references? incidents? info*"
INFO = (
    "language? category+ event responseType* urgency severity certainty audience? eventCode* effective? onset? expires? "
    "senderName? headline? description? instruction? web? contact? parameter* resource* area*"
)
AREA = "areaDesc polygon* circle* geocode* altitude? ceiling?"
VALUES = {
    "status": "Actual Exercise System Test Draft",
    "msgType": "Alert Update Cancel Ack Error",
    "scope": "Public Restricted Private",
    "category": "Geo Met Safety Security Rescue Fire Health Env Transport Infra CBRNE Other",
    "urgency": "Immediate Expected Future Past Unknown",
    "severity": "Extreme Severe Moderate Minor Unknown",
    "certainty": "Observed Likely Possible Unlikely Unknown",
}


def assert_order(element: Any, grammar: str) -> None:
    parts = (re.fullmatch(r"(\w+)([?*+]?)", part) for part in grammar.split())
    pattern = "".join(f"(?:{part[1]} ){part[2]}" for part in parts if part is not None)
    found = "".join(f"{child.tag.removeprefix(NAME)} " for child in element)
    assert re.fullmatch(pattern, found), found


def valid(xml: str) -> Any:
    root = etree.fromstring(xml.encode())
    assert root.tag == f"{NAME}alert"
    assert_order(root, ALERT)
    for info in root.iter(f"{NAME}info"):
        assert_order(info, INFO)
    for area in root.iter(f"{NAME}area"):
        assert_order(area, AREA)
    for name, allowed in VALUES.items():
        assert {e.text for e in root.iter(f"{NAME}{name}")} <= set(allowed.split())
    for name in ("identifier", "sender"):
        assert not re.search(r"[\s,<&]", root.findtext(f"{NAME}{name}"))
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d-00:00", root.findtext(f"{NAME}sent"))
    if root.findtext(f"{NAME}msgType") in ("Update", "Cancel"):
        name = r"[^\s,]+,[^\s,]+,\d{4}-\S+-00:00"
        assert re.fullmatch(f"{name}(?: {name})*", root.findtext(f"{NAME}references"))
    return root


@pytest.mark.parametrize(
    ("edge", "kind", "certainty"),
    [
        (EdgeName.OPENED, "Alert", "Likely"),
        (EdgeName.UPDATED, "Update", "Likely"),
        (EdgeName.CONFIRMED, "Update", "Observed"),
        (EdgeName.CORRECTED, "Update", "Likely"),
        (EdgeName.DENIED, "Cancel", "Unlikely"),
        (EdgeName.WITHDRAWN, "Cancel", "Unlikely"),
    ],
)
def test_each_turn_is_the_kind_of_message_that_it_is(edge: EdgeName, kind: str, certainty: str) -> None:
    opens = edge is EdgeName.OPENED
    told = an_edge(edge=edge, n=1 if opens else 3, opened_at=None if opens else NOW - 600)
    root = valid(hook("cap").render((told,), "hook")["xml"])
    assert (root.findtext(f"{NAME}msgType"), root.findtext(f".//{NAME}certainty")) == (kind, certainty)
    references = root.findtext(f"{NAME}references")
    first = valid(hook("cap").render((an_edge(edge=EdgeName.OPENED, n=1, at=NOW - 600),), "hook")["xml"])
    named = ",".join(first.findtext(f"{NAME}{name}") for name in ("sender", "identifier", "sent"))
    assert references == (None if opens else named), "it refers to the message that was sent"


async def test_a_cap_message_names_all_that_this_receiver_was_sent_of_its_alerts(store: Any, make: Any) -> None:
    """The last turn after a digest of two alerts and a turn that another notifier's receiver got."""
    receiver, clock = HttpReceiver(), VirtualClock(NOW)

    def row(n: int, *told: AlertEdge, to: str = "hook") -> Any:
        return make.delivery(
            f"m{n}/1/{to}/{to}", f"toll/s1/{to}/{to}", edges=told, created=NOW + n, due=NOW + n, expires=NOW + 1e6
        )

    def turn(alert: str, n: int, edge: EdgeName = EdgeName.UPDATED) -> AlertEdge:
        opened_at = None if n == 1 else NOW
        return make.edge(alert, n, edge=EdgeName.OPENED if n == 1 else edge, at=NOW + 60 * n, opened_at=opened_at)

    rows = [
        row(1, turn("b", 1), turn("a", 1)), row(2, turn("a", 2), to="mail"), row(3, turn("a", 3)), row(4, turn("c", 1)),
        row(5, turn("a", 4, EdgeName.WITHDRAWN)),
    ]  # fmt: skip
    await store.commit_steps(
        [make.changed(make.step(None), edges=tuple(e for r in rows for e in r.edges), deliveries=tuple(rows))]
    )
    async with receiver.serving() as url, a_door() as door:
        hook = CapWebhook("hook", SecretStr(url), None, door, lambda: NOW)
        dispatcher = Dispatcher(store, {"hook": hook}, clock, patience_s=5.0)
        for _ in range(9):
            clock.advance_to(clock.now() + 10)
            await dispatcher.tick()
        await dispatcher.stop()
    sent = [valid(content.decode()) for _, content in receiver.got]
    names = [",".join(root.findtext(f"{NAME}{part}") for part in ("sender", "identifier", "sent")) for root in sent]
    assert [root.findtext(f"{NAME}identifier") for root in sent] == ["b.1", "a.3", "c.1", "a.4"]
    assert [root.findtext(f"{NAME}references") for root in sent] == [None, names[0], None, f"{names[0]} {names[1]}"]
    assert sent[-1].findtext(f"{NAME}msgType") == "Cancel"


def test_what_a_cap_message_tells() -> None:
    root = valid(hook("cap").render((an_edge(edge=EdgeName.OPENED), an_edge(alert="b", place=None)), "hook")["xml"])
    assert root.findtext(f".//{NAME}headline") == "New: Death toll in Aleppo rises"
    assert root.findtext(f".//{NAME}circle") == "36.2021,37.1343 5.0"
    assert "“242 died.”" in root.findtext(f".//{NAME}description")
    assert len(root.findall(f"{NAME}info")) == 2 and len(root.findall(f".//{NAME}area")) == 1


@settings(max_examples=20, deadline=None)
@given(st.lists(edges(), min_size=1, max_size=2))
def test_any_text_gives_a_valid_cap_message(found: list[AlertEdge]) -> None:
    valid(cap.alert(found))


async def test_a_cap_message_is_signed_as_it_leaves() -> None:
    receiver = HttpReceiver()
    async with receiver.serving() as url, a_door() as door:
        notifier = CapWebhook("hook", SecretStr(url), SecretStr(SIGNING_SECRET), door, lambda: NOW)
        for payload in (notifier.render((an_edge(),), "hook"), notifier.render_notice(NOTICE, "hook")):
            assert (await notifier.send(payload, "hook", "k")).fate is Fate.SENT
    for headers, content in receiver.got:
        assert headers["content-type"] == "application/cap+xml"
        assert headers["webhook-signature"] == expected_signature(SIGNING_KEY, headers, content)
        valid(content.decode())


# ------------------------------------------------------------------------------------------------------------ secrets


async def test_while_a_secret_is_replaced_both_sign(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLD_KEY", SIGNING_SECRET)
    monkeypatch.setenv("NEW_KEY", "another key")
    receiver = HttpReceiver()
    async with receiver.serving() as url, a_door() as door:
        given = WebhookSettings(type="webhook", url=url, secrets=({"env": "OLD_KEY"}, {"env": "NEW_KEY"}))
        assert [ref.env for _, ref in registry.secrets(given)] == ["OLD_KEY", "NEW_KEY"]
        notifier = registry.make("hook", given, tmp_path, door)
        assert (await notifier.send(notifier.render((an_edge(),), "hook"), "hook", "k")).fate is Fate.SENT
    ((headers, content),) = receiver.got
    wanted = [expected_signature(key, headers, content) for key in (SIGNING_KEY, b"another key")]
    assert headers["webhook-signature"].split(" ") == wanted


def test_one_way_to_name_secrets() -> None:
    with pytest.raises(ValidationError, match="either `secret` or `secrets`"):
        WebhookSettings(type="webhook", url="https://x.example", secret={"env": "A"}, secrets=({"env": "B"},))
