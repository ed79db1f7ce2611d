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
from notifiers.slack import SlackNotifier, SlackSettings, escape
from notifiers.slack_bot import SlackBot
from notifiers.templates import Source, Templates, read
from notifiers.webhook import CapWebhook, WebhookNotifier, WebhookSettings

AnySettings = Annotated[
    AppriseSettings | ConsoleSettings | EmailSettings | SlackSettings | WebhookSettings, Field(discriminator="type")
]

SETTINGS: list[type[BaseModel]] = [AppriseSettings, ConsoleSettings, EmailSettings, SlackSettings, WebhookSettings]
"""All settings classes, by type."""

Resolve = Callable[[SecretRef], SecretStr]


def _slack(name: str, s: SlackSettings, door: Door, resolve: Resolve, words: Templates | None) -> Notifier:
    if s.url is not None:
        return SlackNotifier(name, resolve(s.url), door, s.care, words)
    assert s.token is not None, "the settings have one of the two"
    signing = resolve(s.signing_secret) if s.signing_secret else None
    app = resolve(s.app_token) if s.app_token else None
    return SlackBot(name, resolve(s.token), s.channel, door, signing, s.api, s.care, words, app)


def _webhook(name: str, s: WebhookSettings, door: Door, resolve: Resolve, words: Templates | None) -> Notifier:
    url = SecretStr(s.url) if isinstance(s.url, str) else resolve(s.url)
    keys = [resolve(ref) for ref in (s.secret, *s.secrets) if ref is not None]
    if s.envelope == "cap":
        return CapWebhook(name, url, keys, door, care=s.care)
    return WebhookNotifier(name, url, keys, door, envelope=s.envelope, care=s.care)


_MAKERS: dict[type[Settings], Callable[[str, Any, Door, Resolve, Templates | None], Notifier]] = {
    AppriseSettings: lambda name, s, door, resolve, words: AppriseNotifier(name, resolve(s.url), care=s.care, templates=words),
    ConsoleSettings: lambda name, s, door, resolve, words: ConsoleNotifier(name, care=s.care, templates=words),
    EmailSettings: lambda name, s, door, resolve, words: EmailNotifier(
        name, s, resolve(s.password) if s.password else None, words
    ),
    SlackSettings: _slack,
    WebhookSettings: _webhook,
}


def make(name: str, settings: Settings, folder: Path, door: Door) -> Notifier:
    """The notifier that these settings describe. Raises ValueError where a secret or a template cannot be had."""
    sources = templates(settings, folder)
    words = Templates(sources, escape if isinstance(settings, SlackSettings) else None) if sources else None
    return _MAKERS[type(settings)](name, settings, door, lambda ref: ref.resolve(folder), words)


def templates(settings: Settings, folder: Path) -> dict[str, Source]:
    """The templates that these settings name, by key. Raises ValueError where one cannot be read."""
    return read(getattr(settings, "templates", None), folder, mrkdwn=isinstance(settings, SlackSettings))


def secrets(settings: Settings) -> list[tuple[str, SecretRef]]:
    """The secrets that these settings name, each with its key."""
    given = [(key, value if isinstance(value, tuple) else (value,)) for key, value in settings]
    return [(key, ref) for key, refs in given for ref in refs if isinstance(ref, SecretRef)]
