"""Mail, against real SMTP servers on loopback: every answer, every loss, encryption, and messages that nothing can break."""

from __future__ import annotations

import asyncio
import email
import email.policy
import re
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email.header import decode_header, make_header
from email.message import EmailMessage
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP, AuthResult
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr, ValidationError

from monitor.model import AlertEdge
from notifiers import render
from notifiers.base import Fate, Notice, Result
from notifiers.email import EmailNotifier, EmailSettings, build

PASSWORD = "the-password-of-the-relay"
RECIPIENT = "a@example.org"
KEY = "a1/1/mail/a@example.org"


@dataclass
class Relay:
    """A server that answers as it is told, by command. "drop" cuts the line instead; "silent" says nothing. DATA is the answer
    to the command, END the one to the message."""

    answers: Mapping[str, str] = field(default_factory=dict)
    offers: tuple[str, ...] = ()
    heard: list[str] = field(default_factory=list)
    contents: list[bytes] = field(default_factory=list)
    talks: set[asyncio.Task[Any] | None] = field(default_factory=set)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.talks.add(asyncio.current_task())
        try:
            await self._talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            return
        finally:
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        usual = {
            "GREETING": "220 relay",
            "EHLO": "\r\n".join(["250-relay", *(f"250-{o}" for o in self.offers), "250 HELP"]),
            "DATA": "354 go on",
        }
        verb = "GREETING"
        while True:
            answer = self.answers.get(verb, usual.get(verb, "250 fine"))
            if answer == "drop":
                writer.transport.abort()
                return
            if answer == "silent":
                await reader.read()
                return
            writer.write(f"{answer}\r\n".encode())
            await writer.drain()
            if verb == "DATA" and answer.startswith("354"):
                self.contents.append(await reader.readuntil(b"\r\n.\r\n"))
                verb = "END"
                continue
            line = (await reader.readuntil(b"\r\n")).decode().strip()
            self.heard.append(line)
            verb = line.split()[0].upper()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[int]:
        server = await asyncio.start_server(self.serve, "127.0.0.1", 0)
        async with server:
            yield server.sockets[0].getsockname()[1]
        await asyncio.gather(*filter(None, self.talks))


def configured(port: int, **changes: Any) -> EmailNotifier:
    values: dict[str, Any] = {"type": "email", "host": "localhost", "port": port, "tls": "none", "timeout": 5.0}
    values |= {"from": "wirewatch@example.org", "to": (RECIPIENT,)} | changes
    return EmailNotifier("mail", EmailSettings(**values), SecretStr(PASSWORD))


@pytest.fixture
def edge(make: Any) -> AlertEdge:
    return make.edge(title="At least 12 killed in Aleppo")


async def sent(relay: Relay, edge: AlertEdge, **changes: Any) -> Result:
    async with relay.listening() as port:
        notifier = configured(port, **changes)
        result = await notifier.send(notifier.render((edge,), RECIPIENT), RECIPIENT, KEY)
        await notifier.close()
    assert PASSWORD not in str(result)
    return result


# -------------------------------------------------------------------------------------------------------------- answers


@pytest.mark.parametrize(
    ("verb", "answer", "fate"),
    [
        # The whole destination waits, at whatever moment it says so.
        *[(verb, f"{code} busy", Fate.WAIT) for verb in ("RCPT", "DATA", "END") for code in (421, 450, 451, 452)],
        *[(verb, "421 busy", Fate.WAIT) for verb in ("GREETING", "EHLO", "MAIL")],
        # Other passing troubles.
        *[(verb, "454 not now", Fate.RETRY) for verb in ("MAIL", "RCPT", "DATA", "END")],
        ("GREETING", "450 busy", Fate.WAIT),
        # This recipient, this message.
        *[("RCPT", f"{code} no such person", Fate.DEAD) for code in (550, 551, 552, 553, 554)],
        ("DATA", "554 no", Fate.DEAD),
        ("END", "554 looks like spam", Fate.DEAD),
        ("END", "552 too large", Fate.DEAD),
        # What would be refused to all.
        *[(verb, "530 log in first", Fate.PAUSE) for verb in ("MAIL", "RCPT", "DATA")],
        *[("MAIL", f"{code} not from you", Fate.PAUSE) for code in (550, 553, 554)],
        ("GREETING", "554 not with you", Fate.PAUSE),
    ],
)
async def test_every_answer_means_what_the_table_says(edge: AlertEdge, verb: str, answer: str, fate: Fate) -> None:
    result = await sent(Relay({verb: answer}), edge)
    assert result.fate is fate
    assert answer[:3] in result.detail


@pytest.mark.parametrize("verb", ["GREETING", "EHLO", "MAIL", "RCPT", "DATA"])
async def test_a_line_lost_before_the_message_was_handed_over_is_retried(edge: AlertEdge, verb: str) -> None:
    answers = {verb: "drop", "HELO": "drop"}
    assert (await sent(Relay(answers), edge)).fate is Fate.RETRY


async def test_a_line_lost_after_the_final_dot_is_uncertain(edge: AlertEdge) -> None:
    relay = Relay({"END": "drop"})
    assert (await sent(relay, edge)).fate is Fate.UNCERTAIN
    assert len(relay.contents) == 1


async def test_a_relay_that_falls_silent_is_not_waited_for(edge: AlertEdge) -> None:
    fates = [(await sent(Relay({verb: "silent"}), edge, timeout=0.3)).fate for verb in ("GREETING", "MAIL", "DATA", "END")]
    assert fates == [Fate.RETRY, Fate.RETRY, Fate.RETRY, Fate.UNCERTAIN]


async def test_a_relay_that_is_down_is_retried(edge: AlertEdge) -> None:
    notifier = configured(9)
    assert (await notifier.send(notifier.render((edge,), RECIPIENT), RECIPIENT, KEY)).fate is Fate.RETRY


async def test_a_lost_farewell_does_not_undo_what_was_accepted(edge: AlertEdge) -> None:
    result = await sent(Relay({"END": "250 queued as 77", "QUIT": "drop"}), edge)
    assert (result.fate, result.provider_id) == (Fate.SENT, "queued as 77")


async def test_one_transaction_has_one_recipient_and_the_configured_sender(edge: AlertEdge) -> None:
    relay = Relay()
    assert (await sent(relay, edge)).fate is Fate.SENT
    said = [line for line in relay.heard if line.startswith(("MAIL", "RCPT"))]
    assert [line.split(":")[1].split(">")[0] for line in said] == ["<wirewatch@example.org", f"<{RECIPIENT}"]
    assert relay.heard[-1] == "QUIT"


# ----------------------------------------------------------------------------------------------------------- encryption


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for `localhost`, in one file with its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed, so no certificate can be made")
    folder = tmp_path_factory.mktemp("tls")
    names = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    made = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"]
    files = ["-keyout", str(folder / "key.pem"), "-out", str(folder / "cert.pem")]
    subprocess.run(["openssl", "req", "-x509", *made, *names, *files], check=True, capture_output=True)
    (folder / "both.pem").write_text((folder / "cert.pem").read_text() + (folder / "key.pem").read_text())
    return folder / "both.pem"


class Mailbox:
    """aiosmtpd's handler, and who may log in."""

    def __init__(self) -> None:
        self.contents: list[bytes] = []
        self.logins: list[tuple[bytes, bytes]] = []

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
        self.contents.append(envelope.original_content)
        return "250 queued"

    def login(self, server: SMTP, session: Any, envelope: Any, mechanism: str, given: Any) -> AuthResult:
        self.logins.append((given.login, given.password))
        fine = given.password == PASSWORD.encode()
        return AuthResult(success=fine, handled=fine)


@asynccontextmanager
async def encrypting(box: Mailbox, certificate: Path, *, at_once: bool = False) -> AsyncIterator[int]:
    """A relay that takes mail after STARTTLS and login only; with `at_once` encrypted from the first byte."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)

    def protocol() -> SMTP:
        tls = {} if at_once else {"tls_context": context, "require_starttls": True}
        return SMTP(
            box, hostname="relay", authenticator=box.login, auth_required=not at_once, auth_require_tls=not at_once, **tls
        )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(protocol, "127.0.0.1", 0, ssl=context if at_once else None)
    async with server:
        yield server.sockets[0].getsockname()[1]


@pytest.mark.parametrize("tls", ["required", "implicit"])
async def test_mail_goes_out_encrypted_and_logged_in(
    edge: AlertEdge, certificate: Path, monkeypatch: pytest.MonkeyPatch, tls: str
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    box = Mailbox()
    async with encrypting(box, certificate, at_once=tls == "implicit") as port:
        notifier = configured(port, tls=tls, user="w")
        result = await notifier.send(notifier.render((edge,), RECIPIENT), RECIPIENT, KEY)
    assert (result.fate, result.detail, len(box.contents), box.logins) == (Fate.SENT, "", 1, [(b"w", PASSWORD.encode())])


async def test_a_refused_login_pauses(edge: AlertEdge, certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    box = Mailbox()
    async with encrypting(box, certificate) as port:
        changed = configured(port, tls="required", user="w")
        notifier = EmailNotifier("mail", changed._settings, SecretStr("a wrong password"))
        result = await notifier.send(notifier.render((edge,), RECIPIENT), RECIPIENT, KEY)
    assert (result.fate, box.contents) == (Fate.PAUSE, [])
    assert "535" in result.detail and "wrong password" not in str(result)


@pytest.mark.parametrize("tls", ["required", "implicit"])
async def test_a_certificate_that_nobody_vouches_for_pauses(edge: AlertEdge, certificate: Path, tls: str) -> None:
    box = Mailbox()
    async with encrypting(box, certificate, at_once=tls == "implicit") as port:
        notifier = configured(port, tls=tls, user="w")
        result = await notifier.send(notifier.render((edge,), RECIPIENT), RECIPIENT, KEY)
    assert (result.fate, box.logins, box.contents) == (Fate.PAUSE, [], []), result.detail
    assert "certificate" in result.detail


async def test_where_encryption_is_required_and_not_offered_nothing_is_sent_in_the_clear(edge: AlertEdge) -> None:
    relay = Relay(offers=("AUTH PLAIN LOGIN", "SIZE 1000"))
    result = await sent(relay, edge, tls="required", user="w")
    assert (result.fate, relay.contents) == (Fate.PAUSE, [])
    assert "STARTTLS" in result.detail
    assert {line.split()[0].upper() for line in relay.heard} <= {"EHLO", "QUIT"}


async def test_encryption_that_is_not_to_be_had_just_now_is_retried(edge: AlertEdge) -> None:
    relay = Relay({"STARTTLS": "454 TLS not available"}, offers=("STARTTLS",))
    assert (await sent(relay, edge, tls="required")).fate is Fate.RETRY


@pytest.mark.parametrize(
    ("answer", "fate"),
    [("535 bad credentials", Fate.PAUSE), ("534 too weak", Fate.PAUSE), ("454 try later", Fate.RETRY), ("421 busy", Fate.WAIT)],
)
async def test_a_login_that_fails(edge: AlertEdge, answer: str, fate: Fate) -> None:
    relay = Relay({"AUTH": f"{answer} {PASSWORD}"}, offers=("AUTH PLAIN",))
    assert (await sent(relay, edge, user="w")).fate is fate
    assert relay.contents == []


async def test_a_relay_that_offers_no_login_pauses(edge: AlertEdge) -> None:
    relay = Relay()
    result = await sent(relay, edge, user="w")
    assert (result.fate, relay.contents) == (Fate.PAUSE, [])


# ------------------------------------------------------------------------------------------------------------- messages


def built(edge: AlertEdge, key: str = KEY, recipient: str = RECIPIENT) -> bytes:
    payload = configured(25).render((edge,), recipient)
    return build(payload, "wirewatch@example.org", recipient, key).as_bytes()


def parsed(content: bytes) -> EmailMessage:
    message = email.message_from_bytes(content, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    return message


def test_a_message_says_what_it_is(edge: AlertEdge) -> None:
    message = parsed(built(edge))
    assert message["Subject"] == "New: At least 12 killed in Aleppo"
    assert message["To"] == RECIPIENT and "wirewatch@example.org" in message["From"]
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["References"] == "<story.s1@example.org>"
    assert message["List-Id"].endswith("<toll.wirewatch.example.org>")
    assert message["Date"].datetime.timestamp() == edge.at
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]


def test_the_message_id_stays_over_tries_and_differs_between_messages(make: Any, edge: AlertEdge) -> None:
    ids = [parsed(built(edge, key))["Message-ID"] for key in (KEY, KEY, "a1/2/mail/a@example.org")]
    assert ids[0] == ids[1] != ids[2]
    assert built(edge) == built(edge)


async def test_lines_that_begin_with_a_dot_arrive_whole(make: Any, edge: AlertEdge) -> None:
    notifier = configured(25)
    payload = notifier.render((edge,), RECIPIENT) | {"text": ".\n..two\nend\n.", "html": None}
    relay = Relay()
    async with relay.listening() as port:
        await configured(port).send(payload, RECIPIENT, KEY)
    (content,) = relay.contents
    stuffed = content.removesuffix(b".\r\n")
    assert b"\r\n..\r\n...two\r\nend\r\n..\r\n" in stuffed


HEADERS = {
    *("From", "To", "Subject", "Date", "Message-ID", "References", "List-Id", "Auto-Submitted", "X-Auto-Response-Suppress"),
    *("MIME-Version", "Content-Type", "Content-Transfer-Encoding", "List-Unsubscribe"),
}
NASTY = [
    "\r\nBcc: evil@example.org",
    "\0",
    "\u202e",
    "\ud800",
    "\u2028X: y\u2029",
    "\x85Z: z",
    "=?utf-8?q?=0d=0aBcc:_e?=",
    "،" * 400,
]
ANY_TEXT = st.one_of(
    st.text(st.characters(codec=None, exclude_categories=())),
    st.lists(st.sampled_from([*NASTY, "Aleppo ", "حلب", "a" * 300])).map("".join),
)


@settings(max_examples=150, deadline=None)
@given(title=ANY_TEXT, story=ANY_TEXT, rule=ANY_TEXT, key=ANY_TEXT)
def test_no_text_breaks_a_message_or_adds_a_header(title: str, story: str, rule: str, key: str) -> None:
    text = render.plain(title)
    payload = {"subject": title, "text": text, "html": f"<p>{text}</p>", "date": 1e18, "story": story, "rule": rule}
    content = build(payload, "wirewatch@example.org", RECIPIENT, key).as_bytes()
    assert content.isascii() and b"\0" not in content
    head, _, _ = content.partition(b"\r\n\r\n")
    unfolded = re.sub(rb"\r\n[ \t]", b" ", head)
    assert {line.partition(b":")[0].decode() for line in unfolded.split(b"\r\n")} <= HEADERS
    assert b"\n" not in content.replace(b"\r\n", b"") and b"\r" not in content.replace(b"\r\n", b"")
    assert max(map(len, content.split(b"\r\n"))) <= 998
    message = parsed(content)
    assert not message["Bcc"] and message["To"] == RECIPIENT


@settings(max_examples=60, deadline=None)
@given(title=ANY_TEXT, sentence=ANY_TEXT)
def test_no_edge_breaks_a_message(title: str, sentence: str) -> None:
    from monitor.model import EdgeName, Evidence

    edge = AlertEdge(
        *("a1", 1, EdgeName.OPENED, 1.7e9, "toll", "high", (), "k", sentence, title, title, None, sentence, (), ()),
        evidence=(Evidence("i", title, 1.7e9, "https://a.example/", sentence),),
    )
    message = parsed(built(edge))
    assert message.get_body(("html",)) is not None


@pytest.mark.parametrize("title", ["x" * 1_000_000, "ب" * 1_000_000, "\u0301\u0323" * 500_000, "\0" * 1_000_000])
def test_a_million_signs_are_a_message_too(make: Any, edge: AlertEdge, title: str) -> None:
    assert len(built(make.changed(edge, title=title, story_title=title))) < 60_000


@pytest.mark.parametrize(
    "address",
    ["a", "a@", "@b.example", "a@b\r\nBcc: c@d", "a@b.example\n", "jörg@example.org", "a b@c.example", "", "Name <a@b.c>"],
)
def test_what_is_no_address_is_refused_by_the_configuration(address: str) -> None:
    with pytest.raises(ValidationError, match="mail address"):
        configured(25, to=(address,))


async def test_a_notice_is_a_plain_message_with_a_thread_of_its_own() -> None:
    notifier = configured(25)
    payload = notifier.render_notice(Notice("A feed\nis dead", ("why\0",), 1.7e9), RECIPIENT)
    message = parsed(build(payload, "wirewatch@example.org", RECIPIENT, "n").as_bytes())
    assert message["Subject"] == "Wirewatch: A feed is dead"
    assert not message.is_multipart() and "\0" not in message.get_content()


# ------------------------------------------------------------------------------------- read back by independent parsers


class Seen(HTMLParser):
    """The words of a page, and the style of every element."""

    def __init__(self) -> None:
        super().__init__()
        self.words: list[str] = []
        self.styles: dict[str, str] = {}
        self._skipped = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._skipped += tag in {"style", "title"}
        given = dict(attrs)
        self.styles[str(given.get("class"))] = str(given.get("style"))

    def handle_endtag(self, tag: str) -> None:
        self._skipped -= tag in {"style", "title"}

    def handle_data(self, data: str) -> None:
        if not self._skipped:
            self.words.append(data.strip())


async def test_a_mail_is_read_back_word_for_word(make: Any, edge: AlertEdge) -> None:
    told = make.changed(edge, title="مقتل 12 شخصا في حلب", lat=36.2, lon=37.1, place="Aleppo")
    relay = Relay()
    async with relay.listening() as port:
        notifier = configured(port, unsubscribe="https://desk.example/off?a=1")
        await notifier.send(notifier.render((told,), RECIPIENT), RECIPIENT, KEY)
    (content,) = relay.contents
    # The parser of old, which shares no header code with the policy that wrote the mail.
    message = email.message_from_bytes(
        content.removesuffix(b".\r\n").replace(b"\r\n..", b"\r\n."), policy=email.policy.compat32
    )
    headers = {name: str(make_header(decode_header(value))) for name, value in message.items()}
    assert headers["Subject"] == "New: مقتل 12 شخصا في حلب" and headers["To"] == RECIPIENT
    assert headers["List-Unsubscribe"] == "<https://desk.example/off?a=1>"
    assert headers["List-Id"].startswith("Wirewatch alerts <toll.wirewatch.") and headers["Auto-Submitted"] == "auto-generated"
    assert headers["References"].startswith("<story.s1@")
    plain, page = (part.get_payload(decode=True).decode() for part in message.get_payload())
    seen = Seen()
    seen.feed(page)
    words = " ".join(seen.words)
    for part in ("مقتل 12 شخصا في حلب", "12 killed.", "wirewatch alerts ack a1", "wirewatch silence add --story s1 --until 6h"):
        assert part in words and part in plain
    assert "#map=11/36.2/37.1" in plain and "#map=11/36.2/37.1" in page


def test_every_style_is_inline_and_the_sheet_holds_what_cannot_be(make: Any, edge: AlertEdge) -> None:
    page = configured(25).render((edge,), RECIPIENT)["html"]
    seen = Seen()
    seen.feed(page)
    assert "background-color: #ffffff" in seen.styles["card"] and "font-size: 21px" in seen.styles["title strong"]
    (sheet,) = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    assert "prefers-color-scheme: dark" in sheet and "max-width: 480px" in sheet
    assert not re.search(r"(?m)^\.", sheet) and "{%" not in page and "{{" not in page


def test_the_sender_is_written_to_by_who_wants_no_more(edge: AlertEdge) -> None:
    assert parsed(built(edge))["List-Unsubscribe"] == "<mailto:wirewatch@example.org?subject=unsubscribe>"
    for wrong in ("http://a.example", "mailto:a@b.example>\r\nBcc: c@d.example", "x", "https://a.example/ b"):
        with pytest.raises(ValidationError, match="unsubscribe"):
            configured(25, unsubscribe=wrong)


def test_a_late_mail_says_so_in_both_its_parts(edge: AlertEdge) -> None:
    notifier = configured(25)
    late = notifier.late(notifier.render((edge,), RECIPIENT), 3 * 3600)
    assert late["text"].startswith("Delayed 3 h: it could not be sent before.\n\n")
    assert late["html"].count("<p>Delayed 3 h: it could not be sent before.</p>") == 1
    assert notifier.late(late | {"html": None}, 7200)["html"] is None
