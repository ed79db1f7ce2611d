"""One contract, every channel: what was sent arrives, answers mean what FAULTS.md says, no secret is told. Real receivers."""

from __future__ import annotations

import asyncio
import base64
import email
import email.policy
import hashlib
import hmac
import io
import json
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, ClassVar

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from aiosmtpd.smtp import SMTP, Envelope, Session
from pydantic import SecretStr

from monitor.clock import VirtualClock
from monitor.model import AlertEdge, Evidence
from monitor.net import Door, Limits
from notifiers.apprise import AppriseNotifier
from notifiers.base import Fate, Notice, Notifier, SecretRef
from notifiers.conceal import conceal, parts_of_address, parts_of_password, parts_of_service
from notifiers.console import ConsoleNotifier
from notifiers.email import EmailNotifier, EmailSettings
from notifiers.harm import OPEN, Care
from notifiers.registry import SETTINGS
from notifiers.slack import SlackNotifier
from notifiers.slack_bot import SlackBot
from notifiers.webhook import WebhookNotifier

NOW = 1_700_000_000.0
LOOPBACK = ["127.0.0.0/8"]
PATH = "/services/T0SECRET/B0SECRET/verysecretpart"
QUERY = "token=querysecret"
SIGNING_KEY = b"a signing key of 32 bytes length"
SIGNING_SECRET = "whsec_" + base64.b64encode(SIGNING_KEY).decode()
PASSWORD = "the-password-of-the-relay"
SECRETS = ("T0SECRET", "B0SECRET", "verysecretpart", "querysecret", SIGNING_SECRET, SIGNING_SECRET[6:], PASSWORD)
NOTICE = Notice("Feed Example is dead", ("It has failed for 3 days.", "HTTP 500"), NOW)


def assert_no_secret(*shown: object) -> None:
    for text in map(str, shown):
        assert not [s for s in SECRETS if s.lower() in text.lower()], text


# ------------------------------------------------------------------------------------------------------------- receivers


@dataclass
class HttpReceiver:
    """Answers as it is told, and keeps what it got. The `fault` "drop" cuts the line once it has read, "silent" says nothing;
    `{path}` and `{query}` in the body are the request's."""

    status: int = 200
    body: str = "ok"
    headers: dict[str, str] = field(default_factory=dict)
    fault: str | None = None
    got: list[tuple[dict[str, str], bytes]] = field(default_factory=list)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        content = await request.read()
        self.got.append(({k.lower(): v for k, v in request.headers.items()}, content))
        if self.fault == "drop":
            assert request.transport is not None
            request.transport.abort()
        if self.fault == "silent":
            await asyncio.sleep(3)
        body = self.body.replace("{path}", request.path).replace("{query}", request.query_string)
        return web.Response(status=self.status, text=body, headers=self.headers)

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        app = web.Application()
        app.router.add_route("*", "/{path:.*}", self.answer)
        async with TestServer(app) as server:
            yield str(server.make_url("")).rstrip("/")


class Mailbox:
    """aiosmtpd's handler: keeps what was handed over, byte by byte."""

    def __init__(self) -> None:
        self.contents: list[bytes] = []

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:  # noqa: N802 - aiosmtpd's name
        assert isinstance(envelope.original_content, bytes)
        self.contents.append(envelope.original_content)
        return "250 queued as 42"


@dataclass
class Channel:
    """A notifier of each kind and what its receiver got, as bytes."""

    notifier: Notifier
    received: Callable[[], list[bytes]]

    async def tell(self, *edges: AlertEdge, key: str = "a1/1/x/y") -> Fate:
        recipient = self.notifier.recipients[0]
        payload = json.loads(json.dumps(self.notifier.render(edges, recipient)))
        return (await self.notifier.send(payload, recipient, key)).fate


def a_door(*, post: float = 5.0, allow: list[str] = LOOPBACK) -> Door:
    return Door("desk@example.org", allow, limits=Limits(post=post), clock=VirtualClock(NOW))


def slack(url: str, door: Door) -> Notifier:
    return SlackNotifier("desk-slack", SecretStr(f"{url}{PATH}?{QUERY}"), door)


def webhook(url: str, door: Door) -> Notifier:
    return WebhookNotifier("hook", SecretStr(f"{url}{PATH}?{QUERY}"), SecretStr(SIGNING_SECRET), door, lambda: NOW)


def mail(port: int, **changes: Any) -> EmailNotifier:
    values: dict[str, Any] = {"type": "email", "host": "127.0.0.1", "port": port, "tls": "none", "timeout": 5.0}
    values |= {"user": None, "from": "wirewatch@example.org", "to": ("a@example.org",)} | changes
    return EmailNotifier("mail", EmailSettings(**values), SecretStr(PASSWORD))


def through_apprise(url: str) -> AppriseNotifier:
    """Apprise's own JSON service, whose address is a web address under another scheme."""
    return AppriseNotifier("phone", SecretStr(f"{url.replace('http://', 'json://user:verysecretpart@')}{PATH}"), timeout_s=5.0)


def slack_bot(url: str, door: Door) -> Notifier:
    token = SecretStr("xoxb-T0SECRET-B0SECRET-verysecretpart-querysecret")
    return SlackBot("chat", token, ["C1"], door, SecretStr(PASSWORD), f"{url}/api/")


HTTP: dict[str, Callable[[str, Door], Notifier]] = {"slack": slack, "slack-bot": slack_bot, "webhook": webhook}
WELL = '{"ok": true, "channel": "C1", "ts": "1700000000.000100"}'


@pytest.fixture(params=["apprise", "console", "email", "slack", "slack-bot", "webhook"])
async def channel(request: pytest.FixtureRequest) -> AsyncIterator[Channel]:
    """Each channel with a receiver that takes everything."""
    async with AsyncExitStack() as stack:
        if request.param == "console":
            stream = io.StringIO()
            yield Channel(ConsoleNotifier("console", stream), lambda: [stream.getvalue().encode()])
        elif request.param == "email":
            box = Mailbox()
            server = await asyncio.get_running_loop().create_server(lambda: SMTP(box, hostname="relay"), "127.0.0.1", 0)
            async with server:
                yield Channel(mail(server.sockets[0].getsockname()[1]), lambda: box.contents)
        elif request.param == "apprise":
            receiver = HttpReceiver()
            url = await stack.enter_async_context(receiver.serving())
            yield Channel(through_apprise(url), lambda: [content for _, content in receiver.got])
        else:
            receiver = HttpReceiver(body=WELL)
            url = await stack.enter_async_context(receiver.serving())
            door = await stack.enter_async_context(a_door())
            yield Channel(HTTP[request.param](url, door), lambda: [content for _, content in receiver.got])


def read(content: bytes) -> str:
    """What a person or a program finds in a message of any channel."""
    if content.startswith(b"{"):
        return json.dumps(json.loads(content), ensure_ascii=False)
    if not content.startswith(b"From:"):
        return content.decode()
    message = email.message_from_bytes(content, policy=email.policy.default)
    plain = message.get_body(("plain",))
    assert plain is not None
    return f"{message['Subject']}\n{plain.get_content()}"


# -------------------------------------------------------------------------------------------------------- all channels


@pytest.fixture
def edge(make: Any) -> AlertEdge:
    proof = Evidence("i1", "Levant Wire", NOW - 90, "https://levant.example/1", "At least 12 people were killed.", "a doctor")
    return make.edge(title="At least 12 killed in Aleppo", evidence=(proof,), why="the first figure", seen=NOW - 30)


async def test_what_is_told_arrives(channel: Channel, edge: AlertEdge) -> None:
    assert await channel.tell(edge) is Fate.SENT
    (content,) = channel.received()
    found = read(content)
    for part in ("At least 12 killed in Aleppo", "At least 12 people were killed.", "Levant Wire", "a doctor"):
        assert part in found
    assert "https://levant.example/1" in found and "the first figure" in found


async def test_a_retry_is_the_same_message_with_the_same_key(channel: Channel, edge: AlertEdge) -> None:
    assert [await channel.tell(edge), await channel.tell(edge)] == [Fate.SENT, Fate.SENT]
    contents = channel.received()
    if len(contents) == 1:  # a stream has no messages
        half = len(contents[0]) // 2
        contents = [contents[0][:half], contents[0][half:]]
    assert contents[0] == contents[1]


async def test_several_edges_go_out_as_one_message(channel: Channel, make: Any, edge: AlertEdge) -> None:
    other = make.changed(edge, alert="a2", title="30 wounded in Aleppo")
    assert await channel.tell(edge, other) is Fate.SENT
    (content,) = channel.received()
    found = read(content)
    assert "At least 12 killed in Aleppo" in found and "30 wounded in Aleppo" in found


async def test_a_notice_arrives(channel: Channel) -> None:
    recipient = channel.notifier.recipients[0]
    payload = json.loads(json.dumps(channel.notifier.render_notice(NOTICE, recipient)))
    assert (await channel.notifier.send(payload, recipient, "notice/1")).fate is Fate.SENT
    (content,) = channel.received()
    assert "Feed Example is dead" in read(content) and "It has failed for 3 days." in read(content)


async def test_a_downgrade_is_plain_says_the_same_and_goes_no_lower(channel: Channel, edge: AlertEdge) -> None:
    recipient = channel.notifier.recipients[0]
    plain = channel.notifier.downgrade(channel.notifier.render((edge,), recipient))
    if plain is None:
        return
    assert channel.notifier.downgrade(plain) is None
    assert not plain.get("html") and "blocks" not in plain.get("message", plain)
    assert (await channel.notifier.send(plain, recipient, "a1/1/x/y")).fate is Fate.SENT
    (content,) = channel.received()
    for part in ("At least 12 killed in Aleppo", "At least 12 people were killed.", "https://levant.example/1"):
        assert part in read(content)


async def test_no_notifier_shows_a_secret(channel: Channel) -> None:
    notifier = channel.notifier
    assert_no_secret(repr(notifier), notifier, vars(notifier), notifier.recipients)
    await notifier.close()


def test_every_type_of_the_registry_is_in_this_suite() -> None:
    types = {model.model_fields["type"].annotation.__args__[0] for model in SETTINGS}
    assert types == {"apprise", "console", "email", "slack", "webhook"}


# -------------------------------------------------------------------------------------------------------- over HTTP


@pytest.fixture(params=sorted(HTTP))
def over_http(request: pytest.FixtureRequest) -> Callable[[str, Door], Notifier]:
    return HTTP[request.param]


async def attempt(make_one: Callable[[str, Door], Notifier], receiver: HttpReceiver, edge: AlertEdge, **limits: Any) -> Any:
    async with receiver.serving() as url, a_door(**limits) as door:
        notifier = make_one(url, door)
        return await notifier.send(notifier.render((edge,), "x"), "x", "a1/1/x/y")


ANSWERS: list[tuple[int, dict[str, str], Fate]] = [
    *[(status, {}, Fate.SENT) for status in (200, 201, 202, 204)],
    *[(status, {"Location": "/elsewhere"}, Fate.DEAD) for status in (301, 302, 303, 307, 308)],
    (304, {}, Fate.DEAD),
    *[(status, {}, Fate.DOWNGRADE) for status in (400, 413, 422)],
    *[(status, {}, Fate.PAUSE) for status in (401, 403, 404, 410)],
    *[(status, {}, Fate.RETRY) for status in (408, 425)],
    *[(status, {}, Fate.DEAD) for status in (402, 405, 406, 409, 415, 418, 451)],
    (429, {"Retry-After": "120"}, Fate.WAIT),
    (429, {}, Fate.WAIT),
    (503, {"Retry-After": "120"}, Fate.WAIT),
    *[(status, {}, Fate.RETRY) for status in (500, 501, 502, 503, 504, 599)],
]


@pytest.mark.parametrize(("status", "headers", "fate"), ANSWERS)
async def test_every_status_means_what_the_table_says(
    over_http: Callable[[str, Door], Notifier], edge: AlertEdge, status: int, headers: dict[str, str], fate: Fate
) -> None:
    words = WELL if status < 300 else "something"
    receiver = HttpReceiver(status, "" if status in (204, 304) else words, headers)
    if status == 204 and over_http is slack_bot:
        return  # its answer is JSON, or none
    result = await attempt(over_http, receiver, edge)
    assert (result.fate, len(receiver.got)) == (fate, 1)  # once: no redirect is followed
    assert str(status) in result.detail
    assert result.retry_after == (120.0 if fate is Fate.WAIT and headers else None)


@pytest.mark.parametrize("status", [200, 302, 400, 401, 404, 429, 500])
async def test_a_receiver_that_repeats_the_address_gives_no_secret_away(
    over_http: Callable[[str, Door], Notifier], edge: AlertEdge, status: int
) -> None:
    echo = "The requested URL {path}?{query} was not found; I know T0Secret\u200b, verySECRETpart and querysecret"
    result = await attempt(over_http, HttpReceiver(status, echo), edge)
    assert_no_secret(result, repr(result))
    assert "was not found" in result.detail


async def test_what_fails_before_it_was_written_is_retried_what_is_lost_after_is_uncertain(
    over_http: Callable[[str, Door], Notifier], edge: AlertEdge
) -> None:
    dropped = await attempt(over_http, HttpReceiver(fault="drop"), edge)
    silent = await attempt(over_http, HttpReceiver(fault="silent"), edge, post=0.3)
    async with a_door() as door:
        notifier = over_http("http://127.0.0.1:9", door)
        down = await notifier.send(notifier.render((edge,), "x"), "x", "k")
    assert [r.fate for r in (dropped, silent, down)] == [Fate.UNCERTAIN, Fate.UNCERTAIN, Fate.RETRY]
    assert_no_secret(dropped, silent, down)


async def test_an_address_that_is_not_public_pauses_and_is_never_connected_to(
    over_http: Callable[[str, Door], Notifier], edge: AlertEdge
) -> None:
    receiver = HttpReceiver()
    result = await attempt(over_http, receiver, edge, allow=[])
    assert (result.fate, receiver.got) == (Fate.PAUSE, [])
    assert "net.allow" in result.detail
    assert_no_secret(result)


@pytest.mark.parametrize("url", ["ftp://files.example", "no address", "http://"])
async def test_an_address_that_cannot_be_one_pauses(
    over_http: Callable[[str, Door], Notifier], edge: AlertEdge, url: str
) -> None:
    async with a_door() as door:
        notifier = over_http(url, door)
        result = await notifier.send(notifier.render((edge,), "x"), "x", "k")
    assert result.fate is Fate.PAUSE
    assert_no_secret(result)


# ------------------------------------------------------------------------------------------------- what may not be told


def careful(channel: str, care: Care) -> Notifier:
    """A notifier of each kind that holds something back."""
    door, secret = a_door(), SecretStr("https://x.example/verysecretpart")
    made: dict[str, Callable[[], Notifier]] = {
        "apprise": lambda: AppriseNotifier("n", SecretStr("json://x.example"), care=care),
        "console": lambda: ConsoleNotifier("n", io.StringIO(), care),
        "email": lambda: mail(25, coordinates="district", withhold_names=True),
        "slack": lambda: SlackNotifier("n", secret, door, care),
        "slack-bot": lambda: SlackBot("n", secret, ["C1"], door, care=care),
        "webhook": lambda: WebhookNotifier("n", secret, None, door, care=care),
    }
    return made[channel]()


@pytest.mark.parametrize("channel", ["apprise", "console", "email", "slack", "slack-bot", "webhook"])
def test_no_channel_tells_what_its_settings_hold_back(channel: str, make: Any) -> None:
    fact = make.fact(name="Omar Al-Haddad", category="named_person", evidence="Omar Al-Haddad, 34, was killed")
    links = ("https://a.example/omar-al-haddad-killed", "https://a.example/17")
    proofs = tuple(
        Evidence(f"i{n}", "Levant Wire", NOW, link, "Mr Al-Haddad, 34, was killed; OMAR is mourned.", "a doctor")
        for n, link in enumerate(links)
    )
    told = make.edge(
        title="Omar Al-Haddad killed",
        story_title="Killing of Omar Al-Haddad",
        facts=(fact,),
        evidence=proofs,
        key="k/omar al-haddad",
    )
    told = make.changed(told, lat=36.20214, lon=37.13426, place="Aleppo", why="the name Omar Al-Haddad")
    shown = json.dumps(careful(channel, Care(True, True)).render((told,), "x"), ensure_ascii=False)
    assert not [name for name in ("Omar", "OMAR", "omar", "Haddad", "haddad") if name in shown]
    assert "[name withheld]" in shown and "https://a.example/17" in shown
    assert "36.2021" not in shown and "36.2" in shown and "37.1" in shown
    whole = json.dumps(careful("slack", OPEN).render((told,), "x"), ensure_ascii=False)
    assert "Omar Al-Haddad" in whole and "36.2021" in whole


def test_what_is_not_a_name_stays() -> None:
    from notifiers.harm import _text

    assert _text("Ali Alison ali", ("Ali",)) == "[name withheld] Alison ali"
    assert _text("حلب عمر حداد", ("عمر حداد", "عمر", "حداد")) == "حلب [name withheld]"


def test_an_embargo_is_read_from_the_settings() -> None:
    assert mail(25, embargo="30m").embargo == 1800.0
    with pytest.raises(ValueError, match="a duration is a number with a unit"):
        mail(25, embargo="soon")


# --------------------------------------------------------------------------------------------------- webhook signatures


async def send_hook(secret: SecretStr | None, edge: AlertEdge, *keys: str, times: tuple[float, ...]) -> HttpReceiver:
    receiver = HttpReceiver()
    async with receiver.serving() as url, a_door() as door:
        for key, now in zip(keys, times, strict=True):
            notifier = WebhookNotifier("hook", SecretStr(url), secret, door, lambda now=now: now)
            assert (await notifier.send(notifier.render((edge,), "hook"), "hook", key)).fate is Fate.SENT
    return receiver


def expected_signature(key: bytes, headers: dict[str, str], content: bytes) -> str:
    """As the specification has it, computed here once more and in another way."""
    signed = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), content])
    return "v1," + base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()


@pytest.mark.parametrize(
    ("secret", "key"), [(SIGNING_SECRET, SIGNING_KEY), ("a plain secret with an ü", "a plain secret with an ü".encode())]
)
async def test_a_webhook_is_signed_as_standard_webhooks_asks(edge: AlertEdge, secret: str, key: bytes) -> None:
    receiver = await send_hook(SecretStr(secret), edge, "a1/1/hook/hook", times=(NOW,))
    ((headers, content),) = receiver.got
    assert headers["webhook-signature"] == expected_signature(key, headers, content)
    assert headers["webhook-timestamp"] == str(int(NOW))
    assert headers["content-type"] == "application/json"


async def test_a_webhooks_retry_has_its_id_and_body_and_the_time_of_the_try(edge: AlertEdge) -> None:
    receiver = await send_hook(SecretStr(SIGNING_SECRET), edge, "k1", "k1", "k2", times=(NOW, NOW + 900, NOW))
    (first, body), (again, body_again), (other, _) = receiver.got
    assert (first["webhook-id"], body) == (again["webhook-id"], body_again)
    assert other["webhook-id"] != first["webhook-id"]
    assert int(again["webhook-timestamp"]) - int(first["webhook-timestamp"]) == 900
    assert again["webhook-signature"] == expected_signature(SIGNING_KEY, again, body_again)


async def test_a_webhook_without_a_secret_is_not_signed(edge: AlertEdge) -> None:
    receiver = await send_hook(None, edge, "k1", times=(NOW,))
    assert "webhook-signature" not in receiver.got[0][0]


async def test_a_webhooks_body_carries_the_contracted_edge_and_its_evidence(make: Any, edge: AlertEdge) -> None:
    receiver = await send_hook(None, make.changed(edge, title="half a sign \ud83d"), "k", times=(NOW,))
    (told,) = json.loads(receiver.got[0][1])["edges"]
    contracted = {"alert", "n", "edge", "at", "rule", "severity", "events", "key", "story", "title", "old", "new"}
    assert contracted | {"items", "facts", "evidence", "origins", "spread", "why", "seen"} <= told.keys()
    assert told["evidence"][0]["sentence"] == "At least 12 people were killed."
    assert told["title"] == "half a sign ?"


def test_a_signing_secret_that_is_no_base64_is_refused_and_not_shown() -> None:
    with pytest.raises(ValueError, match="no base64") as caught:
        WebhookNotifier("hook", SecretStr("https://x.example"), SecretStr("whsec_verysecretpart!"), a_door())
    assert_no_secret(caught.value)


# -------------------------------------------------------------------------------------------------------------- console


class Closed(io.StringIO):
    def write(self, text: str) -> int:
        raise OSError(32, "Broken pipe")


async def test_a_console_that_is_gone_is_retried(edge: AlertEdge) -> None:
    notifier = ConsoleNotifier("console", Closed())
    result = await notifier.send(notifier.render((edge,), "console"), "console", "k")
    assert result.fate is Fate.RETRY


async def test_a_console_without_unicode_loses_signs_and_not_the_alert(make: Any, edge: AlertEdge) -> None:
    raw = io.BytesIO()
    notifier = ConsoleNotifier("console", io.TextIOWrapper(raw, encoding="ascii"))
    arabic = make.changed(edge, title="12 killed in حلب")
    assert (await notifier.send(notifier.render((arabic,), "console"), "console", "k")).fate is Fate.SENT
    assert b"12 killed in ???" in raw.getvalue()


class Terminal(io.StringIO):
    encoding: ClassVar[str] = "utf-8"

    def isatty(self) -> bool:
        return True


async def test_a_terminal_gets_colour_and_no_escape_sequence_of_a_headline(make: Any, edge: AlertEdge) -> None:
    screen = Terminal()
    notifier = ConsoleNotifier("console", screen)
    hostile = make.changed(edge, title="12 killed \x1b]0;owned\x07 [red]in[/red] Aleppo")
    assert (await notifier.send(notifier.render((hostile,), "console"), "console", "k")).fate is Fate.SENT
    assert "\x1b]0;" not in screen.getvalue() and "\x07" not in screen.getvalue()
    assert "[red]in[/red]" in screen.getvalue()


async def test_messages_that_are_written_at_once_do_not_mix(make: Any, edge: AlertEdge) -> None:
    stream = io.StringIO()
    notifier = ConsoleNotifier("console", stream)
    payloads = [notifier.render((make.changed(edge, title=f"{n} killed"),), "console") for n in range(20)]
    await asyncio.gather(*(notifier.send(p, "console", "k") for p in payloads))
    assert all(p["text"] in stream.getvalue() for p in payloads)


# -------------------------------------------------------------------------------------------------------------- secrets


def test_secrets_are_taken_out_of_what_is_said_in_every_guise() -> None:
    hidden = parts_of_address("https://user:passw0rd@hooks.example/a/long%20part?key=val%2Fue")
    said = "no /a/long%20part, long part, LONG PART, val/ue, val%2Fue, passw0rd; https://hooks.example"
    shown = conceal(said, hidden)
    assert not [s for s in ("long", "val", "passw0rd") if s in shown.lower()]
    assert shown.endswith("https://hooks.example")
    login = base64.b64encode(b"\0me\0hunter2x").decode()
    assert conceal(f"bad {login} hunter2x", parts_of_password("me", "hunter2x")) == "bad *** ***"
    assert len(conceal("word " * 1000, ())) <= 160


def test_a_secret_is_read_where_it_is_said_to_be_and_its_absence_names_the_place(
    tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "key").write_text(f"{PASSWORD}\n", "utf-8")
    (tmp_path / "empty").write_text(" \n", "utf-8")
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    monkeypatch.setenv("WIREWATCH_TEST_SECRET", PASSWORD)
    for ref in (SecretRef(file="key"), SecretRef(credential="key"), SecretRef(env="WIREWATCH_TEST_SECRET")):
        secret = ref.resolve(tmp_path)
        assert secret.get_secret_value() == PASSWORD
        assert_no_secret(repr(secret), str(secret), repr(ref))
    for ref in (SecretRef(file="empty"), SecretRef(file="none"), SecretRef(env="WIREWATCH_NOT_SET")):
        with pytest.raises(ValueError, match=r"empty|none|WIREWATCH_NOT_SET"):
            ref.resolve(tmp_path)


# -------------------------------------------------------------------------------------------------------- Apprise


@pytest.mark.parametrize("status", [302, 404, 429, 500])
async def test_what_apprise_could_not_deliver_is_tried_again(edge: AlertEdge, status: int) -> None:
    receiver = HttpReceiver(status, "the address {path} is not known", {"Location": "/elsewhere"})
    async with receiver.serving() as url:
        notifier = through_apprise(url)
        result = await notifier.send(notifier.render((edge,), "phone"), "phone", "k")
    assert (result.fate, len(receiver.got)) == (Fate.RETRY, 1)
    assert str(status) in result.detail
    assert_no_secret(result)


async def test_what_apprise_lost_patience_with_is_uncertain(edge: AlertEdge) -> None:
    receiver = HttpReceiver(fault="silent")
    async with receiver.serving() as url:
        notifier = AppriseNotifier("phone", SecretStr(url.replace("http://", "json://")), timeout_s=0.3)
        result = await notifier.send(notifier.render((edge,), "phone"), "phone", "k")
    assert result.fate is Fate.UNCERTAIN


def test_an_address_that_apprise_does_not_know_is_refused_without_repeating_it() -> None:
    with pytest.raises(ValueError, match="does not know this address") as refused:
        AppriseNotifier("phone", SecretStr("nosuchservice://verysecretpart"))
    assert_no_secret(refused.value)


def test_a_token_in_the_place_of_a_host_is_concealed() -> None:
    said = conceal("no chat at api/123456:TokenSecret", parts_of_service("tgram://123456:TokenSecret/42"))
    assert said == "no chat at api/***"


# -------------------------------------------------------------------------------------------------------- CloudEvents


async def test_a_cloud_event_holds_the_same_json_under_the_same_key(edge: AlertEdge) -> None:
    receiver = HttpReceiver()
    async with receiver.serving() as url, a_door() as door:
        notifier = WebhookNotifier("hook", SecretStr(url), SecretStr(SIGNING_SECRET), door, lambda: NOW, envelope="cloudevents")
        payload = notifier.render((edge,), "hook")
        assert (await notifier.send(payload, "hook", "a1/1/x/y")).fate is Fate.SENT
    ((headers, body),) = receiver.got
    event = json.loads(body)
    assert headers["content-type"] == "application/cloudevents+json"
    assert event["specversion"] == "1.0" and event["id"] == headers["webhook-id"] and event["type"] == "wirewatch.alert"
    assert event["source"] and event["data"] == json.loads(json.dumps(payload))
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    expected = base64.b64encode(hmac.new(SIGNING_KEY, signed, hashlib.sha256).digest()).decode()
    assert headers["webhook-signature"] == f"v1,{expected}"
