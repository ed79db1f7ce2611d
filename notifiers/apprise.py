"""Alerts through Apprise, which knows how to reach some hundred more services by one address each."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field, SecretStr

from monitor.model import AlertEdge, Json
from notifiers import render
from notifiers.base import ChannelSettings, Fate, Notice, Result, SecretRef
from notifiers.conceal import conceal, parts_of_service
from notifiers.harm import OPEN, Care
from notifiers.templates import Templates, TextTemplates

if TYPE_CHECKING:
    from apprise import Apprise

_TIMEOUT_S = 30.0


class AppriseSettings(ChannelSettings):
    """An Apprise address, which holds the secret: see Apprise's list of services."""

    type: Literal["apprise"] = Field(description="any service that Apprise knows")
    url: SecretRef = Field(description="the service's Apprise address")
    templates: TextTemplates | None = Field(default=None, description="files with words of your own: `subject`, `text`")


class AppriseNotifier:
    """Apprise says that a service refused, and not why: what fails is tried again until it expires. It opens its own
    connections, to the configured address only. Raises ValueError where it does not know the address."""

    def __init__(
        self,
        name: str,
        url: SecretStr,
        timeout_s: float = _TIMEOUT_S,
        care: Care = OPEN,
        templates: Templates | None = None,
    ) -> None:
        self.name = name
        self._url, self._timeout, self._care, self._templates = url, timeout_s, care, templates
        self._service = _service(url)

    @property
    def recipients(self) -> tuple[str, ...]:
        return (self.name,)

    @property
    def embargo(self) -> float:
        return self._care.embargo

    def render(self, edges: tuple[AlertEdge, ...], recipient: str) -> Json:
        edges = self._care.of(edges)
        return {"title": render.subject(edges), "body": render.text(edges)}

    async def reword(self, payload: Json, edges: tuple[AlertEdge, ...]) -> tuple[Json, str]:
        if self._templates is None:
            return payload, ""
        texts, trouble = await self._templates.fill(self._care.of(edges))
        return {"title": texts.get("subject", payload["title"]), "body": texts.get("text", payload["body"])}, trouble

    def render_notice(self, notice: Notice, recipient: str) -> Json:
        return {"title": render.plain(f"Wirewatch: {notice.subject}", 180), "body": render.notice_text(notice)}

    def downgrade(self, payload: Json) -> Json | None:
        return None

    def late(self, payload: Json, seconds: float) -> Json:
        return payload | {"body": f"{render.delayed(seconds)}\n{payload['body']}"}

    async def send(self, payload: Json, recipient: str, key: str) -> Result:
        result = await self._service.async_notify(
            title=payload["title"], body=payload["body"], body_format="text", timeout=self._timeout
        )
        with result:
            if result:
                return Result(Fate.SENT)
            said = " ".join(str(entry.message) for entry in result.logs()) or "the service refused"
            detail = conceal(said, parts_of_service(self._url.get_secret_value()))
            return Result(Fate.UNCERTAIN if result.timeout_count else Fate.RETRY, detail)

    async def close(self) -> None:
        if self._templates is not None:
            await self._templates.close()


def _service(url: SecretStr) -> Apprise:
    # Looking through its services takes half a second: only where one is configured.
    import apprise

    asset = apprise.AppriseAsset(
        app_id="Wirewatch",
        app_desc="News alerts",
        secure_logging=True,
        http_redirects=0,
        interpret_escapes=False,
        storage_mode=apprise.PersistentStoreMode.MEMORY,
    )
    service = apprise.Apprise.instantiate(url.get_secret_value(), asset=asset, suppress_exceptions=True)
    if service is None:
        raise ValueError("Apprise does not know this address; its list of services shows how they are written")
    service.overflow_mode = apprise.OverflowMode.SPLIT  # a service with short messages gets several
    one = apprise.Apprise(asset=asset)
    one.add(service)
    return one
