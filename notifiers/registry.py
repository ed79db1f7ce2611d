"""The explicit table of notifier types: what stands in wirewatch.yaml, and what is made of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, SecretStr

from monitor.net import Door
from notifiers.apprise import AppriseNotifier, AppriseSettings
from notifiers.base import Notifier, SecretRef, Settings
from notifiers.console import ConsoleNotifier, ConsoleSettings
from notifiers.email import EmailNotifier, EmailSettings
from notifiers.slack import SlackNotifier, SlackSettings
from notifiers.slack_bot import SlackBot
from notifiers.webhook import WebhookNotifier, WebhookSettings

AnySettings = Annotated[
    AppriseSettings | ConsoleSettings | EmailSettings | SlackSettings | WebhookSettings, Field(discriminator="type")
]

SETTINGS: list[type[BaseModel]] = [AppriseSettings, ConsoleSettings, EmailSettings, SlackSettings, WebhookSettings]
"""All settings classes, by type."""

Resolve = Callable[[SecretRef], SecretStr]


def _slack(name: str, s: SlackSettings, door: Door, resolve: Resolve) -> Notifier:
    if s.url is not None:
        return SlackNotifier(name, resolve(s.url), door, s.care)
    assert s.token is not None, "the settings have one of the two"
    signing = resolve(s.signing_secret) if s.signing_secret else None
    return SlackBot(name, resolve(s.token), s.channel, door, signing, s.api, s.care)


_MAKERS: dict[type[Settings], Callable[[str, Any, Door, Resolve], Notifier]] = {
    AppriseSettings: lambda name, s, door, resolve: AppriseNotifier(name, resolve(s.url), care=s.care),
    ConsoleSettings: lambda name, s, door, resolve: ConsoleNotifier(name, care=s.care),
    EmailSettings: lambda name, s, door, resolve: EmailNotifier(name, s, resolve(s.password) if s.password else None),
    SlackSettings: _slack,
    WebhookSettings: lambda name, s, door, resolve: WebhookNotifier(
        name,
        SecretStr(s.url) if isinstance(s.url, str) else resolve(s.url),
        [resolve(ref) for ref in (s.secret, *s.secrets) if ref is not None],
        door,
        envelope=s.envelope,
        care=s.care,
    ),
}


def make(name: str, settings: Settings, folder: Path, door: Door) -> Notifier:
    """The notifier that these settings describe. Raises ValueError where a secret cannot be had."""
    return _MAKERS[type(settings)](name, settings, door, lambda ref: ref.resolve(folder))


def secrets(settings: Settings) -> list[tuple[str, SecretRef]]:
    """The secrets that these settings name, each with its key."""
    given = [(key, value if isinstance(value, tuple) else (value,)) for key, value in settings]
    return [(key, ref) for key, refs in given for ref in refs if isinstance(ref, SecretRef)]
