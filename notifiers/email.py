"""Alerts by mail: one message, one recipient, one transaction, so that every answer is about one delivery."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from typing import Literal

import aiosmtplib
from pydantic import Field, SecretStr, field_validator

from monitor.model import AlertEdge, Json
from notifiers import render
from notifiers.base import Fate, Notice, Result, SecretRef, Settings

_BUSY = {421, 450, 451, 452}
_CREDENTIALS = {530, 534, 535}


class EmailSettings(Settings):
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
    timeout: float = Field(default=30.0, description="seconds that the relay may take for an answer")

    @field_validator("sender", "to")
    @classmethod
    def _addresses(cls, v: str | tuple[str, ...]) -> str | tuple[str, ...]:
        for address in (v,) if isinstance(v, str) else v:
            try:
                Address(addr_spec=address)
            except (ValueError, IndexError):
                raise ValueError(f"{address!r} is no mail address") from None
        return v


class EmailNotifier:
    """Sends through one relay. STARTTLS or TLS is enforced unless `tls: none`; an offer that was stripped is an error."""

    def __init__(self, name: str, settings: EmailSettings, password: SecretStr | None) -> None:
        self.name = name
        self._settings, self._password = settings, password

    @property
    def recipients(self) -> tuple[str, ...]:
        return self._settings.to

    def render(self, edges: tuple[AlertEdge, ...], recipient: str) -> Json:
        first = edges[0]
        return {
            "subject": render.subject(edges),
            "text": render.text(edges),
            "html": render.html(edges),
            "date": first.at,
            "story": first.story_id,
            "rule": first.rule,
        }

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

    async def send(self, payload: Json, recipient: str, key: str) -> Result:
        message = self._message(payload, recipient, key)
        client = aiosmtplib.SMTP(
            hostname=self._settings.host,
            port=self._settings.port,
            timeout=self._settings.timeout,
            use_tls=self._settings.tls == "implicit",
            start_tls=self._settings.tls == "required",
        )
        try:
            return await self._transact(client, message, recipient)
        finally:
            client.close()

    async def _transact(self, client: aiosmtplib.SMTP, message: EmailMessage, recipient: str) -> Result:
        try:
            await client.connect()
            if self._settings.user is not None and self._password is not None:
                await client.login(self._settings.user, self._password.get_secret_value())
            await client.mail(self._settings.sender)
        except aiosmtplib.SMTPAuthenticationError as error:
            return Result(Fate.PAUSE, f"{self._settings.host} refused the user name or password ({error.code})")
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            return _before_data(error, self._settings.host)
        try:
            await client.rcpt(recipient)
        except aiosmtplib.SMTPResponseException as error:
            return _refused(error, f"recipient {recipient}")
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            return _before_data(error, self._settings.host)
        try:
            answer = await client.data(message.as_bytes())
        except aiosmtplib.SMTPResponseException as error:
            return _refused(error, "the message")
        except (aiosmtplib.SMTPException, OSError) as error:
            return Result(Fate.UNCERTAIN, f"{self._settings.host} was lost while the message was handed over: {_name(error)}")
        return Result(Fate.SENT, provider_id=render.plain(answer.message, 200))

    def _message(self, payload: Json, recipient: str, key: str) -> EmailMessage:
        """The same bytes for the same payload, recipient and key."""
        domain = self._settings.sender.rpartition("@")[2]
        digest = hashlib.blake2b(key.encode(), digest_size=12).hexdigest()
        message = EmailMessage(policy=SMTP_POLICY)
        message["From"] = Address("Wirewatch", addr_spec=self._settings.sender)
        message["To"] = Address(addr_spec=recipient)
        message["Subject"] = render.plain(payload["subject"], 250)
        message["Date"] = datetime.fromtimestamp(payload["date"], UTC)
        message["Message-ID"] = f"<{digest}@{domain}>"
        message["References"] = f"<story.{payload['story']}@{domain}>"
        message["List-Id"] = f"Wirewatch alerts <{_token(payload['rule'])}.wirewatch.{domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message["X-Auto-Response-Suppress"] = "All"
        message.set_content(payload["text"])
        if payload["html"]:
            message.add_alternative(payload["html"], subtype="html")
            message.set_boundary(f"wirewatch-{digest}")
        return message

    async def close(self) -> None:
        return None


def _token(text: str) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c == "-") else "-" for c in text)[:60]


def _name(error: BaseException) -> str:
    return type(error).__name__


def _before_data(error: BaseException, host: str) -> Result:
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return _refused(error, host)
    return Result(Fate.RETRY, f"{host} could not be reached: {_name(error)}")


def _refused(error: aiosmtplib.SMTPResponseException, what: str) -> Result:
    detail = f"{what} was refused: {error.code} {render.plain(error.message, 200)}"
    if error.code in _BUSY:
        return Result(Fate.WAIT, detail)
    if error.code in _CREDENTIALS:
        return Result(Fate.PAUSE, detail)
    return Result(Fate.RETRY if error.code < 500 else Fate.DEAD, detail)
