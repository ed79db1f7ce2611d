"""Alerts as JSON to any address, signed as Standard Webhooks asks: HMAC-SHA256 over id.timestamp.body."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Literal, Self

from pydantic import Field, SecretBytes, SecretStr, model_validator

from monitor.clock import iso
from monitor.model import AlertEdge, Delivery, Json, make_id
from monitor.net import Door
from notifiers import cap, http, render
from notifiers.base import ChannelSettings, Fate, Notice, Result, SecretRef
from notifiers.harm import OPEN, Care

_PREFIX = "whsec_"
Envelope = Literal["standard", "cloudevents", "cap"]


class WebhookSettings(ChannelSettings):
    """An address and the secret that signs what is sent there."""

    type: Literal["webhook"] = Field(description="JSON by HTTP POST")
    url: str | SecretRef = Field(description="where to")
    secret: SecretRef | None = Field(default=None, description="signs what is sent, as Standard Webhooks asks")
    secrets: tuple[SecretRef, ...] = Field(
        default=(), description="instead of `secret`, while it is replaced: each signs, the receiver needs one of them"
    )
    envelope: Envelope = Field(
        default="standard", description="the JSON as it is, inside a CloudEvents 1.0 envelope, or a CAP 1.2 message in XML"
    )

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.secret is not None and self.secrets:
            raise ValueError("write either `secret` or `secrets`")
        return self


class WebhookNotifier:
    """`webhook-id` is the idempotency key; it and the body are the same on every attempt. The timestamp is that of the try, so
    that a receiver may refuse old ones. Raises ValueError where `secret` is no signing key."""

    def __init__(
        self,
        name: str,
        url: SecretStr,
        secret: SecretStr | Sequence[SecretStr] | None,
        door: Door,
        clock: Callable[[], float] = time.time,
        envelope: Envelope = "standard",
        care: Care = OPEN,
    ) -> None:
        self.name = name
        self._care = care
        self._url, self._door, self._clock, self._envelope = url, door, clock, envelope
        given = [secret] if isinstance(secret, SecretStr) else secret or ()
        self._keys = tuple(map(_signing_key, given))

    @property
    def recipients(self) -> tuple[str, ...]:
        return (self.name,)

    @property
    def embargo(self) -> float:
        return self._care.embargo

    def render(self, edges: tuple[AlertEdge, ...], recipient: str) -> Json:
        edges = self._care.of(edges)
        return {
            "type": "wirewatch.alert",
            "timestamp": iso(edges[0].at),
            "subject": render.subject(edges),
            "edges": [render.full_json(e) for e in edges],
        }

    def render_notice(self, notice: Notice, recipient: str) -> Json:
        return {
            "type": "wirewatch.notice",
            "timestamp": iso(notice.at),
            "subject": render.plain(notice.subject, 200),
            "lines": [render.plain(line, 500) for line in notice.lines],
        }

    def downgrade(self, payload: Json) -> Json | None:
        return None

    async def send(self, payload: Json, recipient: str, key: str) -> Result:
        ident = hashlib.blake2b(key.encode("utf-8", "replace"), digest_size=16).hexdigest()
        content_type, told = _ENVELOPES[self._envelope](payload, ident)
        # A lone surrogate has no UTF-8: a question mark takes its place, so that offsets of facts still fit.
        body = told.encode("utf-8", "replace")
        stamp = str(int(self._clock()))
        headers = {"Content-Type": content_type, "webhook-id": ident, "webhook-timestamp": stamp}
        if self._keys:
            signed = (f"v1,{sign(key.get_secret_value(), ident, stamp, body)}" for key in self._keys)
            headers["webhook-signature"] = " ".join(signed)
        result, _ = await http.post(self._door, self._url.get_secret_value(), body, headers)
        return result

    async def close(self) -> None:
        return None


class CapWebhook(WebhookNotifier):
    """The same with messages of the Common Alerting Protocol, each of which refers to those that this receiver was sent of its
    alerts before."""

    def __init__(
        self,
        name: str,
        url: SecretStr,
        secret: SecretStr | Sequence[SecretStr] | None,
        door: Door,
        clock: Callable[[], float] = time.time,
        care: Care = OPEN,
    ) -> None:
        super().__init__(name, url, secret, door, clock, "cap", care)

    def render(self, edges: tuple[AlertEdge, ...], recipient: str) -> Json:
        edges = self._care.of(edges)
        return {"xml": cap.alert(edges), "name": cap.name_of(edges)}

    def join(self, payload: Json, edges: tuple[AlertEdge, ...], before: Sequence[Delivery]) -> Json:
        alerts = {edge.alert for edge in edges}
        earlier = [d.payload["name"] for d in before if d.payload and any(edge.alert in alerts for edge in d.edges)]
        if not earlier:
            return payload
        return payload | {"xml": cap.alert(self._care.of(edges), tuple(dict.fromkeys(earlier)))}

    def render_notice(self, notice: Notice, recipient: str) -> Json:
        return {"xml": cap.notice(notice, f"notice.{make_id(notice.subject, *notice.lines, str(notice.at))}")}

    async def send(self, payload: Json, recipient: str, key: str) -> Result:
        result = await super().send(payload, recipient, key)
        # What was accepted has a name, by which it is found when a later message refers to it.
        return replace(result, provider_id=payload.get("name")) if result.fate is Fate.SENT else result


def _as_cloud_event(payload: Json, ident: str) -> Json:
    """CloudEvents 1.0 in its structured JSON form; `id` is the idempotency key, as `webhook-id` is."""
    return {
        "specversion": "1.0",
        "id": ident,
        "source": "/wirewatch",
        "type": payload["type"],
        "time": payload["timestamp"],
        "subject": payload["subject"],
        "datacontenttype": "application/json",
        "data": payload,
    }


def _written(told: Json) -> str:
    return json.dumps(told, ensure_ascii=False, sort_keys=True)


_ENVELOPES: Mapping[Envelope, Callable[[Json, str], tuple[str, str]]] = {
    "standard": lambda payload, ident: ("application/json", _written(payload)),
    "cloudevents": lambda payload, ident: ("application/cloudevents+json", _written(_as_cloud_event(payload, ident))),
    "cap": lambda payload, ident: (cap.CONTENT_TYPE, payload["xml"]),
}


def sign(key: bytes, ident: str, stamp: str, body: bytes) -> str:
    """Standard Webhooks' `v1` signature, base64."""
    return base64.b64encode(hmac.digest(key, f"{ident}.{stamp}.".encode() + body, "sha256")).decode()


def _signing_key(secret: SecretStr) -> SecretBytes:
    """A secret of the form whsec_BASE64 is decoded, as the specification has it; any other is taken as it is."""
    text = secret.get_secret_value()
    if not text.startswith(_PREFIX):
        return SecretBytes(text.encode())
    try:
        return SecretBytes(base64.b64decode(text.removeprefix(_PREFIX), validate=True))
    except binascii.Error:
        raise ValueError(f"the signing secret begins with {_PREFIX} and goes on with something that is no base64") from None
