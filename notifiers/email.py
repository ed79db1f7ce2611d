"""Alerts by mail: one message, one recipient, one transaction, so that every answer is about one delivery."""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
import ssl
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from typing import Literal

import aiosmtplib
from pydantic import Field, SecretStr, field_validator

from monitor.model import AlertEdge, Json
from notifiers import render
from notifiers.base import ChannelSettings, Fate, Notice, Result, SecretRef
from notifiers.conceal import conceal, parts_of_password
from notifiers.smtp import TROUBLES, Lines
from notifiers.templates import MailTemplates, Templates

_BUSY = {421, 450, 451, 452}
_CREDENTIALS = {530, 534, 535}
_GO_AHEAD = 354
_ACCEPTED = 250
_LEAVING = 421
_SHORT = 60  # a recipient whose line needs no folding
# Every server takes 7 bits, and no header line of ours is left to a server to fold.
_POLICY = SMTP_POLICY.clone(cte_type="7bit")
_DOT = re.compile(rb"(?m)^\.")


class EmailSettings(ChannelSettings):
    """An SMTP relay and who is written to."""

    type: Literal["email"] = Field(description="mail by SMTP")
    host: str = Field(description="the relay")
    port: int = Field(default=587, description="its port")
    tls: Literal["required", "implicit", "none"] = Field(
        default="required", description="STARTTLS enforced, TLS at once, or none"
    )
    user: str | None = Field(default=None, description="who logs in")
    password: SecretRef | None = Field(default=None, description="with what")
    sender: str = Field(alias="from", description="the sender's address")
    to: tuple[str, ...] = Field(description="who is written to, one message each")
    unsubscribe: str | None = Field(
        default=None,
        pattern=r"^(mailto:|https://)[!-;=?-~]{3,300}$",
        description="where who wants no more of this writes or goes, mailto: or https:; by default the sender is written to",
    )
    templates: MailTemplates | None = Field(default=None, description="files with words of your own: `subject`, `text`, `html`")
    timeout: float = Field(default=30.0, description="seconds that the relay may take for an answer")

    @field_validator("sender", "to")
    @classmethod
    def _addresses(cls, v: str | tuple[str, ...]) -> str | tuple[str, ...]:
        for address in (v,) if isinstance(v, str) else v:
            if not _is_address(address):
                raise ValueError(f"{address!r} is no mail address, or not one in ASCII")
        return v


class EmailNotifier:
    """Sends through one relay. STARTTLS or TLS is enforced unless `tls: none`; where it is not offered nothing is sent."""

    def __init__(
        self, name: str, settings: EmailSettings, password: SecretStr | None, templates: Templates | None = None
    ) -> None:
        self.name = name
        self._templates = templates
        self._settings, self._password, self._care = settings, password, settings.care
        self._lines = Lines(self._connected, settings.sender)
        self._mould = Mould(settings.sender)
        self._latest: tuple[tuple[AlertEdge, ...], Json] | None = None

    @property
    def recipients(self) -> tuple[str, ...]:
        return self._settings.to

    @property
    def embargo(self) -> float:
        return self._care.embargo

    def render(self, edges: tuple[AlertEdge, ...], recipient: str) -> Json:
        """The same for every recipient: those of one alert follow one another, and share it."""
        if self._latest is None or self._latest[0] != edges:
            self._latest = edges, self._laid_out(edges)
        return self._latest[1]

    def _laid_out(self, edges: tuple[AlertEdge, ...]) -> Json:
        edges = self._care.of(edges)
        first = edges[0]
        return {
            "subject": render.subject(edges),
            "text": render.text(edges),
            "html": render.html(edges),
            "date": first.at,
            "story": first.story_id,
            "rule": first.rule,
            "unsubscribe": self._settings.unsubscribe,
        }

    async def reword(self, payload: Json, edges: tuple[AlertEdge, ...]) -> tuple[Json, str]:
        if self._templates is None:
            return payload, ""
        texts, trouble = await self._templates.fill(self._care.of(edges))
        return {**payload, **texts}, trouble

    def render_notice(self, notice: Notice, recipient: str) -> Json:
        return {
            "subject": render.plain(f"Wirewatch: {notice.subject}", 180),
            "text": render.notice_text(notice),
            "html": None,
            "date": notice.at,
            "story": "notices",
            "rule": "operator",
        }

    def downgrade(self, payload: Json) -> Json | None:
        return payload | {"html": None} if payload["html"] else None

    def late(self, payload: Json, seconds: float) -> Json:
        said = render.delayed(seconds)
        html = None if payload["html"] is None else render.late_html(payload["html"], said)
        return payload | {"text": f"{said}\n\n{payload['text']}", "html": html}

    async def send(self, payload: Json, recipient: str, key: str) -> Result:
        content = self._mould.cast(payload, recipient, key)
        return self._concealed(await self._transact(content, recipient))

    async def probe(self) -> Result:
        """Greet the relay, log in, name the sender, and leave."""
        lines = Lines(self._connected, self._settings.sender)
        try:
            lines.give(await lines.take(), clean=False)
        except TROUBLES as error:
            return self._concealed(_unopened(error, self._settings.host))
        finally:
            await lines.close()
        return Result(Fate.SENT, f"{self._settings.host}:{self._settings.port} takes mail from {self._settings.sender}")

    async def close(self) -> None:
        await self._lines.close()
        if self._templates is not None:
            await self._templates.close()

    # -- one transaction --------------------------------------------------------------------------------------------------

    def _client(self) -> aiosmtplib.SMTP:
        return aiosmtplib.SMTP(
            hostname=self._settings.host,
            port=self._settings.port,
            timeout=self._settings.timeout,
            use_tls=self._settings.tls == "implicit",
            start_tls=False,  # `_open` does it, and goes no further without
        )

    def _concealed(self, result: Result) -> Result:
        password = self._password.get_secret_value() if self._password is not None else ""
        hidden = parts_of_password(self._settings.user or "", password)
        said = None if result.provider_id is None else conceal(result.provider_id, hidden)
        return Result(result.fate, conceal(result.detail, hidden), said)

    async def _transact(self, content: bytes, recipient: str) -> Result:
        """One message on a line of the relay's, which is kept where the relay has said how it ended."""
        try:
            line = await self._lines.take()
        except TROUBLES as error:
            return _unopened(error, self._settings.host)
        code: int | None = None
        try:
            result, code = await self._hand_in(line.client, content, recipient)
        finally:
            if code is None or code == _LEAVING:
                self._lines.drop(line)
            else:
                self._lines.give(line, clean=code == _ACCEPTED)
        return result

    async def _hand_in(self, client: aiosmtplib.SMTP, content: bytes, recipient: str) -> tuple[Result, int | None]:
        """What became of it, and the relay's last code; None where the line was lost."""
        host = self._settings.host
        try:
            await client.rcpt(recipient)
            if (answer := await client.execute_command(b"DATA")).code != _GO_AHEAD:
                return _refused(answer.code, answer.message, "the message"), answer.code
        except aiosmtplib.SMTPResponseException as error:
            return _refused(error.code, error.message, f"recipient {recipient}"), error.code
        except TROUBLES as error:
            return Result(Fate.RETRY, f"{host} was lost before the message was handed over: {type(error).__name__}"), None
        try:
            async with asyncio.timeout(self._settings.timeout):
                answer = await _hand_over(client, content)
        except TROUBLES as error:
            return Result(Fate.UNCERTAIN, f"{host} was lost while the message was handed over: {type(error).__name__}"), None
        if answer.code != _ACCEPTED:
            return _refused(answer.code, answer.message, "the message"), answer.code
        return Result(Fate.SENT, provider_id=answer.message), answer.code

    async def _connected(self) -> aiosmtplib.SMTP:
        """A connection on which the sender can be named: what is refused before the recipient is refused to all."""
        client = self._client()
        try:
            await self._open(client)
        except BaseException:
            client.close()
            raise
        return client

    async def _open(self, client: aiosmtplib.SMTP) -> None:
        await client.connect()
        if self._settings.tls == "required":
            await client.ehlo()
            if not client.supports_extension("starttls"):
                raise _NotOfferedError("encryption (STARTTLS)")
            await client.starttls()
        if self._settings.user is not None and self._password is not None:
            await client.ehlo()
            if not client.supported_auth_methods:
                raise _NotOfferedError("a login that Wirewatch knows")
            await client.login(self._settings.user, self._password.get_secret_value())


class _NotOfferedError(aiosmtplib.SMTPException):
    """The relay lacks something that the configuration asks for. Nothing was sent in the clear."""


async def _hand_over(client: aiosmtplib.SMTP, content: bytes) -> aiosmtplib.SMTPResponse:
    """The message after the server's go-ahead. `SMTP.data` does both at once, and does not tell in which of them the connection
    was lost: before, the message was surely not delivered."""
    protocol = client.protocol
    if protocol is None:
        raise aiosmtplib.SMTPServerDisconnected("the connection was lost")
    protocol.write(_DOT.sub(b"..", content) + b".\r\n")
    return await protocol.read_response()


# ----------------------------------------------------------------------------------------------------------------- messages


def build(payload: Json, sender: str, recipient: str, key: str) -> EmailMessage:
    """The same bytes for the same payload, recipient and key."""
    domain = sender.rpartition("@")[2]
    digest = _digest(key)
    message = EmailMessage(policy=_POLICY)
    message["From"] = Address("Wirewatch", addr_spec=sender)
    message["To"] = Address(addr_spec=recipient)
    message["Subject"] = _unencoded(render.plain(payload["subject"], 250))
    message["Date"] = datetime.fromtimestamp(render.real(payload["date"]), UTC)
    message["Message-ID"] = f"<{digest}@{domain}>"
    message["References"] = f"<story.{_token(payload['story'])}@{domain}>"
    message["List-Id"] = f"Wirewatch alerts <{_token(payload['rule'])}.wirewatch.{domain}>"
    message["List-Unsubscribe"] = f"<{payload.get('unsubscribe') or f'mailto:{sender}?subject=unsubscribe'}>"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(payload["text"])
    if payload["html"]:
        message.add_alternative(payload["html"], subtype="html")
        message.set_boundary(f"wirewatch-{digest}")
    return message


class Mould:
    """Messages as `build` makes them. The same payload for another recipient is cast from the same mould: most of the time that
    a message takes goes into its encoding."""

    def __init__(self, sender: str) -> None:
        self._sender = sender
        # Nobody who writes texts can know what stands for the recipient and the key.
        self._key = secrets.token_hex(16)
        self._somebody = f"{secrets.token_hex(6)}@wirewatch.invalid"
        self._payload: Json | None = None
        self._moulded: bytes | None = None

    def cast(self, payload: Json, recipient: str, key: str) -> bytes:
        if payload != self._payload:
            self._payload, self._moulded = payload, self._mould(payload)
        if self._moulded is None or len(recipient) > _SHORT:
            return build(payload, self._sender, recipient, key).as_bytes()
        cast = self._moulded.replace(self._somebody.encode(), recipient.encode())
        return cast.replace(_digest(self._key).encode(), _digest(key).encode())

    def _mould(self, payload: Json) -> bytes | None:
        """None where the recipient stands in more than its line, which might then be folded in another way."""
        moulded = build(payload, self._sender, self._somebody, self._key).as_bytes()
        return moulded if moulded.count(self._somebody.encode()) == 1 else None


def _digest(key: str) -> str:
    """Stands for a key in a header."""
    return hashlib.blake2b(key.encode("utf-8", "replace"), digest_size=12).hexdigest()


def _unencoded(text: str) -> str:
    """Text that is not taken for an encoded word. `EmailMessage` decodes those that it is given, with the line breaks and NULs
    in them, and writes them out raw: a headline could add a header."""
    return text.replace("=?", "= ?")


def _is_address(text: str) -> bool:
    try:
        address = Address(addr_spec=text)
    except (ValueError, IndexError, MessageError):
        return False
    return text.isascii() and text.isprintable() and bool(address.username and address.domain)


def _token(text: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c == "-") else "-" for c in text)[:60]


# ------------------------------------------------------------------------------------------------------------------ answers


def _unopened(error: BaseException, host: str) -> Result:
    """Refused for good here means the relay, the login or the sender: all that is sent this way would be refused."""
    if isinstance(error, aiosmtplib.SMTPResponseException):
        answer = _refused(error.code, error.message, f"{host}: the login or the sender")
        return Result(Fate.PAUSE, answer.detail) if answer.fate is Fate.DEAD else answer
    if isinstance(error, _NotOfferedError):
        return Result(Fate.PAUSE, f"{host} does not offer {error.message}, which the configuration asks for")
    if isinstance(error, ssl.SSLCertVerificationError) or isinstance(error.__cause__, ssl.SSLCertVerificationError):
        return Result(Fate.PAUSE, f"{host} has no valid certificate for this name")
    return Result(Fate.RETRY, f"{host} could not be reached: {type(error).__name__}")


def _refused(code: int, said: str, what: str) -> Result:
    detail = f"{what} was refused: {code} {said}"
    if code in _BUSY:
        return Result(Fate.WAIT, detail)
    if code in _CREDENTIALS:
        return Result(Fate.PAUSE, detail)
    return Result(Fate.RETRY if code < 500 else Fate.DEAD, detail)
