"""wirewatch.yaml: one frozen `Config`, or every problem at once with file, line and column."""

from __future__ import annotations

import base64
import difflib
import ipaddress
import re
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, ValidationError, model_validator

from monitor import deprecated
from monitor.collect.lists import read_list
from monitor.errors import ConfigError, Problem
from monitor.gazetteer import Gazetteer
from monitor.model import Feed, make_id
from notifiers import registry
from notifiers.base import SecretRef
from notifiers.templates import check as check_templates
from rules.load import load_folder
from rules.yaml import Mapping, Node, Report, Scalar, Sequence, parse
from storage.open import Address, check_address

_UNITS = {"s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_NUMBER = re.compile(r"[-+]?\d+")
_FLOAT = re.compile(r"[-+]?(\d+\.\d*|\.\d+|\d+)([eE][-+]?\d+)?")


def parse_duration(text: str) -> float:
    """`30s`, `5m`, `2h`, `7d` in seconds. Raises ValueError."""
    if found := re.fullmatch(r"(\d+(?:\.\d+)?)([smhd])", text):
        return float(found[1]) * _UNITS[found[2]]
    raise ValueError("a duration is a number with a unit: 30s, 5m, 2h, 7d")


def read_duration(value: object) -> object:
    """A duration as it stands in the file, for pydantic."""
    return parse_duration(value if isinstance(value, str) else "")


Duration = Annotated[float, BeforeValidator(read_duration)]
"""Seconds, written as 30s, 5m, 2h, 7d."""


def _names(value: object) -> object:
    return [value] if isinstance(value, str) else value


Names = Annotated[tuple[str, ...], BeforeValidator(_names)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class EmbedderSettings(_Part):
    """Which model places items in stories."""

    model: str = Field(default="auto", description="`auto` is the packaged all-MiniLM-L6-v2; else the name or path of a model")
    prompt: str | None = Field(
        default=None, description="what texts begin with; otherwise what the model itself asks for, such as `query: ` for E5"
    )
    device: Literal["auto", "cpu", "cuda"] = Field(default="auto", description="`auto`: a GPU by CUDA where there is one")
    threshold: float | None = Field(
        default=None, gt=0, lt=1,
        description="the model's cosine from which two headlines are rather one event than two; known for `auto` and E5 (.87)",
    )  # fmt: skip


class NetSettings(_Part):
    """How the network is reached."""

    user_agent_contact: str | None = Field(
        default=None, description="an address that publishers can write to; it stands in the user agent"
    )
    allow: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = Field(
        default=(), description="private networks that feeds and webhooks may lie in all the same, such as `127.0.0.0/8`"
    )


class AuthSettings(_Part):
    """Credentials of a private feed: a user with a password, or a bearer token. They are sent to the feed's own origin only."""

    user: str | None = Field(default=None, pattern=r"^[^:\x00-\x1f]+$", description="user name, with `password`")
    password: SecretRef | None = Field(default=None, description="the user's password")
    bearer: SecretRef | None = Field(default=None, description="a token, instead of user and password")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.bearer is None) == (self.user is None) or (self.user is None) != (self.password is None):
            raise ValueError("credentials are either `user` and `password`, or `bearer`")
        return self

    def headers(self, folder: Path) -> dict[str, str]:
        """What a request carries. Raises ValueError where the secret cannot be had or used."""
        ref = self.bearer or self.password
        assert ref is not None
        secret = ref.resolve(folder).get_secret_value()
        if not secret.isprintable():
            raise ValueError("a secret of a feed is one line")
        if self.user is None:
            return {"Authorization": f"Bearer {secret}"}
        return {"Authorization": "Basic " + base64.b64encode(f"{self.user}:{secret}".encode()).decode()}


class FeedSettings(_Part):
    """A source: its address, and what its operator knows of it."""

    url: str = Field(pattern=r"^https?://[^/\s]+", description="where it is")
    name: str | None = Field(default=None, description="what the outlet is called; its host by default")
    family: str | None = Field(default=None, description="its publisher: a family counts as one voice; its host by default")
    language: str | None = Field(default=None, description="the language that it mostly writes, such as `en`")
    country: str | None = Field(default=None, pattern=r"^[A-Z]{2}$", description="ISO code of its main country")
    reliability: Literal["A", "B", "C", "D", "E", "F"] | None = Field(default=None, description="Admiralty letter, A is best")
    party: str | None = Field(default=None, description="the party to a conflict that it speaks for: its own voice is a claim")
    every: Duration = Field(default=300.0, description="how often it is polled, unless its server asks for less")
    fastest: Duration = Field(
        default=60.0, description="how often while its news breaks or its window slides past; at most `every`"
    )
    full_text: Literal["auto", "always", "never"] = Field(
        default="auto", description="whether article pages are fetched: `auto` where an item is short"
    )
    tags: Names = Field(default=(), description="words to find it by")
    auth: AuthSettings | None = Field(default=None, description="credentials of a private feed, see below")

    def feed(self) -> Feed:
        """The feed that these settings describe; its id comes from the address alone."""
        host = (urlsplit(self.url).hostname or self.url).removeprefix("www.")
        return Feed(
            id=make_id("feed", self.url),
            url=self.url,
            name=self.name or host,
            family=self.family or host,
            language=self.language,
            country=self.country,
            reliability=self.reliability,
            party=self.party,
            every=self.every,
            fastest=self.fastest,
            full_text=self.full_text,
            tags=self.tags,
        )


class WebSettings(_Part):
    """Where health and status are served."""

    listen: str = Field(default="127.0.0.1:8080", description="address and port")
    token: SecretRef | None = Field(default=None, description="asked for by every page but /healthz and hubs' callbacks")
    public: str | None = Field(
        default=None,
        pattern=r"^https?://[^/\s]+",
        description="where hubs on the internet reach `/websub/` of this server; then feeds that offer to push are asked to",
    )


class LogSettings(_Part):
    """What is logged on standard error, and how."""

    format: Literal["auto", "json", "text"] = Field(
        default="auto", description="`auto`: text on a terminal, JSON lines elsewhere, with priorities under systemd's journal"
    )
    level: Literal["debug", "info", "warning", "error"] = Field(default="info", description="the least that is logged")


class Retention(_Part):
    """How long rows are kept. What is not given here is kept for no longer than items."""

    items: Duration = Field(default=365 * 86400.0, description="items with their facts and stories, silences, edits of stories")
    alerts: Duration = Field(default=365 * 86400.0, description="alerts with their edges and what was said of them")
    deliveries: Duration = Field(default=90 * 86400.0, description="what was sent or given up, as it was sent")
    events: Duration = Field(default=90 * 86400.0, description="what facts did to ledgers; `explain` looks there")
    suppressed: Duration = Field(default=90 * 86400.0, description="what was held back, and why")
    requests: Duration = Field(default=7 * 86400.0, description="what commands asked the daemon to do, with its answers")
    steps: Duration = Field(default=7 * 86400.0, description="marks by which a step that is tried again is known")

    def cutoffs(self, now: float) -> dict[str, float]:
        """By kind, the instant before which rows go."""
        kept = {name: getattr(self, name) for name in type(self).model_fields}
        given = self.model_fields_set
        return {name: now - (age if name in given else min(age, self.items)) for name, age in kept.items()}


class Config(_Part):
    """The whole of wirewatch.yaml. Paths are relative to the file that they stand in (`folder`)."""

    folder: Path
    storage: str = Field(
        default="sqlite:wirewatch.db",
        description="where everything is kept: `sqlite:` and a path, or `postgresql://user@host/database`",
    )
    storage_password: SecretRef | None = Field(default=None, description="the password of a PostgreSQL store")
    storage_replica: str | None = Field(
        default=None,
        description="a read replica of a PostgreSQL store: commands that only look read it, and the store where it is away",
    )
    storage_replica_password: SecretRef | None = Field(
        default=None, description="the password of the replica, where it is another than that of the store"
    )
    rules: str = Field(default="rules/", description="the folder of rule files, `*.yaml`")
    embedder: EmbedderSettings = Field(default=EmbedderSettings(), description="see below")
    live_items: int = Field(
        default=30_000, ge=1_000, le=2_000_000,
        description="how many items new ones are compared with, some 6 KiB of memory each; beyond them the longest silent"
        " stories are over. Of more than 150,000 the nearest are looked up in a graph: `pip install 'wirewatch[large]'`",
    )  # fmt: skip
    net: NetSettings = Field(default=NetSettings(), description="see below")
    feeds: tuple[FeedSettings, ...] = Field(default=(), description="the feeds to watch")
    feeds_from: str | None = Field(default=None, description="a file with more feeds: OPML, JSON, or an address on each line")
    feed_auth: dict[str, AuthSettings] = Field(
        default_factory=dict,
        description="credentials, by address, of private feeds of `feeds_from` and of those that were added by command",
    )
    notifiers: dict[str, registry.AnySettings] = Field(default_factory=dict, description="channels to people, by name")
    operator: Names = Field(default=(), description="notifiers that are told of dead feeds, refused rules, dead letters")
    fallback: Names = Field(default=(), description="notifiers that get an alert whose own are all paused")
    owners: dict[str, Names] = Field(
        default_factory=dict,
        description="notifiers of rules' owners: they get a weekly report, and are told when a rule is over its budget",
    )
    baseline_hours: float = Field(default=0.0, ge=0, description="alert on items this many hours old at a feed's first poll")
    storm_per_minute: int = Field(
        20, ge=1, description="alerts a minute to one recipient beyond which they fold into one message"
    )
    rule_tests: Literal["refuse", "off"] = Field(
        default="refuse",
        description="an edited rule file whose tests fail keeps its old version: `refuse`; or tests are not run",
    )
    retention: Retention = Field(default=Retention(), description="see below")
    log: LogSettings = Field(default=LogSettings(), description="see below")
    web: WebSettings | None = Field(default=None, description="health and status pages; none by default")

    @property
    def rules_folder(self) -> Path:
        return self.folder / self.rules

    @property
    def store_url(self) -> Address:
        """The storage address with its path made absolute. Raises ConfigError where its password cannot be had."""
        scheme, _, rest = self.storage.partition(":")
        if scheme == "sqlite":
            return Address(f"sqlite:{self.folder / rest}")
        password = self._password("storage_password", self.storage_password)
        if self.storage_replica is None:
            return Address(self.storage, password)
        of_replica = self._password("storage_replica_password", self.storage_replica_password) or password
        return Address(self.storage, password, Address(self.storage_replica, of_replica))

    def _password(self, key: str, given: SecretRef | None) -> SecretStr | None:
        try:
            return None if given is None else given.resolve(self.folder)
        except ValueError as error:
            raise ConfigError(f"{key}: {error}") from None


@dataclass(frozen=True, slots=True)
class Checked:
    """What a configuration file gave: `config` is None where an error stands in it."""

    config: Config | None
    problems: tuple[Problem, ...]


def load(path: Path, *, secrets: Literal["error", "warning"] = "error") -> Checked:
    """Read and check a configuration. A secret that cannot be had here is of the given severity: only the daemon's own
    environment has them all. Never raises for what stands in the file."""
    report = Report(str(path))
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        report.error((1, 1), "unreadable", f"the configuration cannot be read: {error}", "make one with `wirewatch init`")
        return Checked(None, tuple(report.problems))
    root = parse(text, report)
    if root is None or report.problems:
        if not report.problems:
            report.error((1, 1), "empty", "the configuration is empty", "make one with `wirewatch init`")
        if any(p.severity == "error" for p in report.problems):
            return Checked(None, tuple(report.problems))
    config = _validate(root, path.resolve().parent, report)
    if config is not None:
        _cross_check(config, root, report, secrets)
    problems = sorted(report.problems, key=lambda p: (p.line, p.col))
    refused = config is None or any(p.severity == "error" for p in problems)
    return Checked(None if refused else config, tuple(problems))


def require(path: Path, *, secrets: Literal["error", "warning"] = "error") -> Config:
    """The configuration. Raises ConfigError with every problem where it has an error. `secrets` as for `load`: who only looks
    at the store needs none."""
    checked = load(path, secrets=secrets)
    if checked.config is None:
        raise ConfigError([p for p in checked.problems if p.severity == "error"])
    return checked.config


def check(path: Path) -> tuple[Problem, ...]:
    """Every problem of a configuration, its templates and all its rule files."""
    checked = load(path, secrets="warning")
    if checked.config is None:
        return checked.problems
    templates = [
        source
        for one in checked.config.notifiers.values()
        for source in registry.templates(one, checked.config.folder).values()
    ]
    with closing(Gazetteer()) as gazetteer:
        rules = load_folder(
            checked.config.rules_folder, known_notifiers=frozenset(checked.config.notifiers), gazetteer=gazetteer
        )
    return (*checked.problems, *check_templates(templates), *rules.problems)


def check_rules(paths: Iterable[Path], config_path: Path) -> tuple[Problem, ...]:
    """Every problem of these rule files and folders. Which notifiers are configured is known where there is a configuration
    that can be read."""
    configured = load(config_path, secrets="warning").config if config_path.exists() else None
    notifiers = None if configured is None else frozenset(configured.notifiers)
    with closing(Gazetteer()) as gazetteer:
        sets = [load_folder(path, known_notifiers=notifiers, gazetteer=gazetteer) for path in paths]
    return tuple(dict.fromkeys(problem for loaded in sets for problem in loaded.problems))


def all_feeds(config: Config) -> tuple[Feed, ...]:
    """The feeds that the configuration names, in the file itself and in its list. Raises ConfigError."""
    feeds = [settings.feed() for settings in config.feeds]
    if config.feeds_from is not None:
        path = config.folder / config.feeds_from
        try:
            feeds += read_list(path.read_bytes())
        except (OSError, ValueError) as error:
            raise ConfigError(f"{path}: {error}") from None
    return tuple({feed.id: feed for feed in reversed(feeds)}.values())


def feed_headers(config: Config) -> dict[str, dict[str, str]]:
    """What the requests of private feeds carry, by feed id. Raises ConfigError where a secret cannot be had."""
    known = {make_id("feed", url): auth for url, auth in config.feed_auth.items()}
    known |= {one.feed().id: one.auth for one in config.feeds if one.auth is not None}
    try:
        return {feed_id: auth.headers(config.folder) for feed_id, auth in known.items()}
    except ValueError as error:
        raise ConfigError(f"credentials of a feed: {error}") from None


def first_message(error: ValueError) -> str:
    """What is wrong with values given by hand, in one line."""
    if isinstance(error, ValidationError):
        detail = error.errors()[0]
        return f"{'.'.join(str(part) for part in detail['loc'])}: {_message(detail)}"
    return str(error)


def _validate(root: Node | None, folder: Path, report: Report) -> Config | None:
    if not isinstance(root, Mapping):
        report.error((1, 1), "type", "a configuration is a mapping of keys to values", "see docs/configuration.md")
        return None
    value = _value(root)
    if "folder" in value:
        report.error(_locate(root, ("folder",)), "unknown-key", "unknown key `folder`")
        return None
    try:
        return Config.model_validate(value | {"folder": folder})
    except ValidationError as error:
        told = set()
        for detail in error.errors():
            # pydantic names the ways of a union, long ones in brackets; they are no keys.
            loc = tuple(part for part in detail["loc"] if part not in _UNION_TAGS and "[" not in str(part))
            # Each way to read a value fails on its own; one of them is enough to know.
            if loc not in told:
                told.add(loc)
                _tell(root, loc, detail, report)
        return None


def _tell(root: Mapping, loc: tuple[Any, ...], detail: Any, report: Report) -> None:
    at = _locate(root, loc)
    name = ".".join(str(part) for part in loc)
    if detail["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(loc[-1]), _known_keys(loc[:-1]), 1)
        written = ".".join(part for part in loc if isinstance(part, str))
        meant = f"did you mean `{near[0]}`?" if near else "see docs/configuration.md"
        report.error(at, "unknown-key", f"unknown key `{name}`", deprecated.hint("configuration", written) or meant)
    elif detail["type"] == "missing":
        report.error(at, "missing-key", f"`{name}` is required")
    else:
        report.error(at, "value", f"`{name}`: {_message(detail)}")


def _message(detail: Any) -> str:
    text: str = detail["msg"]
    return text.removeprefix("Value error, ")


_UNION_TAGS = {"console", "email", "slack", "webhook", "SecretRef", "str"}
_UNION_TAGS |= {"IPv4Network", "IPv6Network", "ipv4network", "ipv6network"}


def _known_keys(loc: tuple[Any, ...]) -> list[str]:
    """The keys that a part of the configuration has."""
    parts: dict[str, list[type[BaseModel]]] = {
        "embedder": [EmbedderSettings],
        "net": [NetSettings],
        "feeds": [FeedSettings],
        "web": [WebSettings],
        "retention": [Retention],
        "log": [LogSettings],
        "notifiers": registry.SETTINGS,
    }
    models = parts.get(str(loc[0]), []) if loc else [Config]
    return [f.alias or name for model in models for name, f in model.model_fields.items() if name != "folder"]


def _cross_check(config: Config, root: Node | None, report: Report, secrets: Literal["error", "warning"]) -> None:
    for where, names in _references(config):
        for name in names:
            if name not in config.notifiers:
                near = difflib.get_close_matches(name, list(config.notifiers), 1)
                hint = f"did you mean `{near[0]}`?" if near else "configure it under `notifiers:`"
                report.error(_locate(root, where), "unknown-notifier", f"notifier `{name}` is not configured", hint)
    seen: dict[str, int] = {}
    for i, feed in enumerate(config.feeds):
        if feed.url in seen:
            report.error(_locate(root, ("feeds", i, "url")), "doubled-feed", f"{feed.url} stands twice", "keep one of them")
        seen[feed.url] = i
    if not config.feeds and config.feeds_from is None:
        report.warning(
            (1, 1), "no-feeds", "no feeds are configured", "add some under `feeds:` or with `wirewatch feeds add URL`"
        )
    tell = report.error if secrets == "error" else report.warning
    try:
        check_address(config.storage, config.storage_replica)
        _ = config.store_url
    except ConfigError as error:
        tell(_locate(root, ("storage",)), "storage", str(error))
    for name, settings in config.notifiers.items():
        for key, ref in registry.secrets(settings):
            try:
                ref.resolve(config.folder)
            except ValueError as error:
                tell(_locate(root, ("notifiers", name, key)), "secret", f"notifier `{name}`: {error}")
        try:
            registry.templates(settings, config.folder)
        except ValueError as error:
            report.error(_locate(root, ("notifiers", name, "templates")), "unreadable", f"notifier `{name}`: {error}")
    private: list[tuple[tuple[Any, ...], str, AuthSettings]] = [
        *((("feeds", i, "auth"), feed.url, feed.auth) for i, feed in enumerate(config.feeds) if feed.auth is not None),
        *((("feed_auth", url), url, auth) for url, auth in config.feed_auth.items()),
    ]
    for where, url, auth in private:
        try:
            auth.headers(config.folder)
        except ValueError as error:
            tell(_locate(root, where), "secret", f"feed {url}: {error}")
    if config.feeds_from is not None and not (config.folder / config.feeds_from).is_file():
        report.error(_locate(root, ("feeds_from",)), "unreadable", f"no file {config.folder / config.feeds_from}")


def _references(config: Config) -> Iterator[tuple[tuple[Any, ...], tuple[str, ...]]]:
    yield ("operator",), config.operator
    yield ("fallback",), config.fallback
    for owner, names in config.owners.items():
        yield ("owners", owner), names


def _value(node: Node) -> Any:
    match node:
        case Mapping():
            return {key.text: _value(value) for key, value in node.pairs}
        case Sequence():
            return [_value(item) for item in node.items]
        case Scalar():
            return _scalar(node)


def _scalar(node: Scalar) -> str | int | float | bool | None:
    """A plain scalar by YAML 1.2's core schema; anything in quotes is text."""
    if node.null:
        return None
    if not node.plain:
        return node.text
    if node.text in ("true", "false"):
        return node.text == "true"
    if _NUMBER.fullmatch(node.text):
        return int(node.text)
    return float(node.text) if _FLOAT.fullmatch(node.text) else node.text


def _locate(root: Node | None, loc: tuple[Any, ...]) -> Node | tuple[int, int]:
    """The node at a path, or the last one on the way that exists; a key's own place where the key is what is wrong."""
    at: Node | tuple[int, int] = root or (1, 1)
    node = root
    for part in loc:
        if isinstance(node, Mapping):
            key = next((k for k, _ in node.pairs if k.text == str(part)), None)
            if key is None:
                return at
            at, node = key, node.get(str(part))
        elif isinstance(node, Sequence) and isinstance(part, int) and part < len(node.items):
            at = node = node.items[part]
        else:
            return at
    return at
