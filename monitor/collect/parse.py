"""Feed bytes to entries: RSS, RDF and Atom through feedparser, JSON Feed by hand. Runs on hostile bytes: in a worker only."""

from __future__ import annotations

import calendar
import dataclasses
import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from io import BytesIO
from operator import attrgetter
from typing import Any
from urllib.parse import urljoin

import feedparser

from monitor.clock import parse_instant
from monitor.collect import fast
from monitor.collect.discovery import find_feeds
from monitor.collect.fast import Engine
from monitor.collect.markup import html_to_text
from monitor.collect.sitemap import Page, is_sitemap, read_sitemap
from monitor.model import Entry, Json
from monitor.text import clean_title

SUMMARY_LENGTH = 20_000
CONTENT_LENGTH = 200_000
_MARKUP_LENGTH = 1_000_000  # of one field, before it becomes text
_ENTRIES = 20_000
_KEY_LENGTH = 2_000
_TITLE_MARKUP = 20_000
_WHOLE_TO_BROKEN = 20
_CHALLENGE_WITHIN = 100_000
# Pages that stand between a program and a site: Cloudflare, DataDome, Imperva, PerimeterX, AWS, captchas in general.
_CHALLENGE = re.compile(
    rb"<title>\s*(?:just a moment|attention required! \| cloudflare|access denied|pardon our interruption|human verification|"
    rb"are you a (?:robot|human))|_cf_chl_opt|captcha-delivery\.com|px-captcha|awswafcookiedomainlist",
    re.I,
)


@dataclass(frozen=True, slots=True)
class FeedMeta:
    """What a feed says of itself. `interval` in seconds is the longest of its `ttl` and `sy:update*` wishes; `skip` are the
    hours of the week in which it asks not to be polled, 0 being Monday 00:00 UTC."""

    title: str = ""
    language: str | None = None
    interval: float | None = None
    skip: tuple[int, ...] = ()
    hubs: tuple[str, ...] = ()
    link: str | None = None
    topic: str | None = None  # its own address, as it is known at its hubs


@dataclass(frozen=True, slots=True)
class Parsed:
    """What a body was. `problem` is empty for a feed, else `not_a_feed` with the `hint` in words; entries in feed order.

    Where the fast engine read it: `agrees` says whether feedparser read the same (True where that was proven before), and
    `digests` stands for all entries, in feed order; those of them that the caller knew are left out of `entries`."""

    meta: FeedMeta = FeedMeta()
    entries: tuple[Entry, ...] = ()
    problem: str = ""
    hint: str = ""
    agrees: bool | None = None
    digests: tuple[str, ...] = ()

    def to_json(self) -> Json:
        return {
            "meta": dataclasses.asdict(self.meta),
            "entries": [_entry_fields(e) for e in self.entries],
            "problem": self.problem,
            "hint": self.hint,
            "agrees": self.agrees,
            "digests": "".join(self.digests),
        }

    @classmethod
    def from_json(cls, row: Json) -> Parsed:
        """The inverse of `to_json`. Raises TypeError, ValueError or KeyError for what a sane worker never sends."""
        meta = FeedMeta(**row["meta"] | {"skip": tuple(row["meta"]["skip"]), "hubs": tuple(row["meta"]["hubs"])})
        entries = tuple([Entry(*fields) for fields in row["entries"]])
        return cls(meta, entries, row["problem"], row["hint"], row["agrees"], split_digests(row["digests"]))


_entry_fields = attrgetter(*Entry.__dataclass_fields__)


def split_digests(joined: str) -> tuple[str, ...]:
    """Digests of entries that were put one behind the other."""
    return tuple([joined[at : at + fast.DIGEST] for at in range(0, len(joined), fast.DIGEST)])


def parse(body: bytes, content_type: str, url: str, engine: Engine = Engine.TRUTH, known: Collection[str] = ()) -> Parsed:
    """Read a body as a feed, whatever it is; `url` makes relative links absolute. `known` are digests of entries that the fast
    engine need not give again."""
    start = body[:4096].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if start.startswith(b"{"):
        return _json_feed(body, url)
    if re.match(rb"(?:<!--.{0,2000}?-->\s*|<\?xml[^>]*>\s*)*<(?:!doctype\s+html|html)[\s>]", start, re.S):
        return _page(body, url)
    if is_sitemap(start):
        return _sitemap(body, url)
    return _xml_feed(body, content_type, url) if engine is Engine.TRUTH else _by_both(body, content_type, url, engine, known)


def _page(body: bytes, url: str) -> Parsed:
    if _CHALLENGE.search(body[:_CHALLENGE_WITHIN]):
        return Parsed(problem="blocked", hint="the answer is a page that asks whether a person reads it")
    feeds = find_feeds(body, url)
    named = f"; it names these feeds: {', '.join(f.url for f in feeds[:5])}" if feeds else ""
    return Parsed(problem="not_a_feed", hint=f"the answer is a web page{named}")


# ------------------------------------------------------------------------------------------------------------------ sitemaps


def _sitemap(body: bytes, url: str) -> Parsed:
    found = read_sitemap(body)
    if found.news or (found.pages == 0 and not found.others):
        names = {page.outlet for page in found.news}
        languages = {_language(page.language) for page in found.news}
        meta = FeedMeta(_title(names.pop()) if len(names) == 1 else "", languages.pop() if len(languages) == 1 else None)
        return Parsed(meta, tuple(_news(page, url) for page in found.news[:_ENTRIES]))
    if found.others:
        named = ", ".join(sorted(found.others, key=lambda other: "news" not in other.lower())[:5])
        return Parsed(problem="not_a_feed", hint=f"the answer is an index of sitemaps; it names {named}")
    return Parsed(problem="not_a_feed", hint="the answer is a sitemap without news: it has no titles")


def _news(page: Page, url: str) -> Entry:
    link = _link(page.location, url)
    return Entry(
        guid=None,
        link=link,
        title=_title(page.title) or page.location[:200],
        summary="",
        content="",
        published=page.published,
        updated=page.modified,
        language=_language(page.language),
    )


# ----------------------------------------------------------------------------------------------------------------- RSS, Atom


def _xml_feed(body: bytes, content_type: str, url: str) -> Parsed:
    # No base is given: it would be joined to GUIDs too, and they would change whenever the feed moves.
    body, content_type = _readable(body, content_type)
    headers = {"content-type": content_type}
    # Sanitizing and resolving inside markup is left out: markup becomes text here.
    found = feedparser.parse(BytesIO(body), response_headers=headers, sanitize_html=False, resolve_relative_uris=False)
    if not found.entries and not found.get("version"):
        return Parsed(problem="not_a_feed", hint="the answer cannot be read as RSS, Atom or JSON Feed")
    language = _language(_get(found.feed, "language"))
    return Parsed(_meta(found.feed, body, language, url), tuple(_entry(e, language, url) for e in found.entries[:_ENTRIES]))


def _meta(feed: Any, body: bytes, language: str | None, url: str) -> FeedMeta:
    return FeedMeta(
        title=_title(_get(feed, "title")),
        language=language,
        interval=_wish(_get(feed, "ttl"), _get(feed, "sy_updateperiod"), _get(feed, "sy_updatefrequency")),
        skip=skipped_hours(body),
        hubs=tuple(_links(feed, "hub", url)),
        link=next(iter(_links(feed, "alternate", url)), None),
        topic=next(iter(_links(feed, "self", url)), None),
    )


def _by_both(body: bytes, content_type: str, url: str, engine: Engine, known: Collection[str]) -> Parsed:
    """By the fast engine where it is proven; by feedparser too where that is being proven, or the fast one has nothing."""
    served = engine is Engine.FAST
    quick = _quick(body, content_type, url, known if served else ())
    if quick is not None and served:
        return dataclasses.replace(quick, agrees=True)
    truth = _xml_feed(body, content_type, url)
    if truth.problem:
        return truth
    agrees = quick is not None and (quick.meta, quick.entries) == (truth.meta, truth.entries)
    return dataclasses.replace(truth, agrees=agrees, digests=quick.digests if quick is not None and agrees else ())


def _quick(body: bytes, content_type: str, url: str, known: Collection[str]) -> Parsed | None:
    body, content_type = _readable(body, content_type)
    if not body.isascii() and "charset=utf-8" not in content_type:
        return None
    raw = fast.read(body, _ENTRIES)
    if raw is None:
        return None
    language = _language(raw.feed["language"])
    digests = raw.digests(url, language)
    rows = [raw.row(e) for e, digest in zip(raw.entries, digests, strict=True) if digest not in known]
    return Parsed(_meta(raw.feed, body, language, url), tuple([_entry(e, language, url) for e in rows]), digests=digests)


def _readable(body: bytes, content_type: str) -> tuple[bytes, str]:
    """The body and its content type, with UTF-8 as the charset where the body is UTF-8 beyond doubt: servers and prologues are
    often wrong, and text in another encoding practically never looks like UTF-8. A few broken characters are replaced; left
    in, they would have the whole feed read in another charset."""
    kind = content_type.partition(";")[0].strip() or "application/xml"
    if body.isascii() or b"\x00" in body[:64]:
        return body, content_type or kind
    text = body.decode("utf-8", "replace")
    broken = text.count("\ufffd")
    if broken:
        whole = sum(not c.isascii() for c in text) - broken
        if broken * _WHOLE_TO_BROKEN > whole:
            return body, content_type or kind
        body = text.encode()
    return body, f"{kind}; charset=utf-8"


def _get(row: Any, name: str) -> Any:
    # The library's own `get` answers for a missing `updated` with `published`, and warns.
    return dict.get(row, name)


def _entry(e: Any, language: str | None, url: str) -> Entry:
    summary = _text(_get(e, "summary"), SUMMARY_LENGTH)
    content = max((_text(c.get("value"), CONTENT_LENGTH) for c in _get(e, "content") or ()), key=len, default="")
    detail = _get(e, "title_detail") or {}
    link = _get(e, "feedburner_origlink") or _get(e, "link") or next(iter(_links(e, "alternate", url)), None)
    return Entry(
        guid=_key(_get(e, "id")),
        link=_link(link, url),
        title=_title(_get(e, "title")) or _stand_in(summary or content),
        summary=summary,
        content=content if content != summary else "",
        published=_instant(_get(e, "published_parsed")),
        updated=_instant(_get(e, "updated_parsed")),
        language=_language(_get(e, "language") or detail.get("language")) or language,
    )


def _links(row: Any, rel: str, url: str) -> Iterable[str]:
    for link in _get(row, "links") or ():
        if link.get("rel") == rel and (absolute := _link(link.get("href"), url)):
            yield absolute


def _instant(moment: Any) -> float | None:
    try:
        return float(calendar.timegm(moment)) if moment else None
    except (ValueError, OverflowError, TypeError):
        return None


# ----------------------------------------------------------------------------------------------------------------- JSON Feed


def _json_feed(body: bytes, url: str) -> Parsed:
    """https://www.jsonfeed.org/version/1.1/, and 1.0."""
    try:
        row: Any = json.loads(body.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        return Parsed(problem="not_a_feed", hint="the answer begins like JSON and is none")
    if not isinstance(row, dict) or not _is_json_feed(row):
        return Parsed(problem="not_a_feed", hint="the answer is JSON, but not a JSON Feed")
    language = _language(row.get("language"))
    hubs = (_link(hub.get("url"), url) for hub in _rows(row.get("hubs")))
    return Parsed(
        FeedMeta(
            title=_title(row.get("title")),
            language=language,
            hubs=tuple(hub for hub in hubs if hub),
            link=_link(row.get("home_page_url"), url),
            topic=_link(row.get("feed_url"), url),
        ),
        tuple(_json_entry(e, language, url) for e in _rows(row.get("items"))[:_ENTRIES]),
    )


def _is_json_feed(row: Mapping[str, Any]) -> bool:
    """Some write a bare number where the specification asks for its address; then the items must look like it."""
    version, items = str(row.get("version")), row.get("items")
    if "jsonfeed.org/version/1" in version:
        return isinstance(items, list)
    return (
        version in {"1", "1.0", "1.1"} and "title" in row and bool(_rows(items)) and all("id" in item for item in _rows(items))
    )


def _rows(value: Any) -> list[Mapping[str, Any]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _json_entry(e: Mapping[str, Any], language: str | None, url: str) -> Entry:
    content = _text(e.get("content_html"), CONTENT_LENGTH) or _text(e.get("content_text"), CONTENT_LENGTH)
    summary = _text(e.get("summary"), SUMMARY_LENGTH)
    guid = e.get("id")
    return Entry(
        guid=_key(str(guid) if isinstance(guid, int | float) else guid),
        link=_link(e.get("url"), url) or _link(e.get("external_url"), url),
        title=_title(e.get("title")) or _stand_in(summary or content),
        summary=summary,
        content=content if content != summary else "",
        published=_json_instant(e.get("date_published")),
        updated=_json_instant(e.get("date_modified")),
        language=_language(e.get("language")) or language,
    )


def _json_instant(value: Any) -> float | None:
    try:
        return parse_instant(value) if isinstance(value, str) else None
    except (ValueError, OverflowError):
        return None


# -------------------------------------------------------------------------------------------------------------------- fields


def _text(value: Any, length: int) -> str:
    return html_to_text(value[:_MARKUP_LENGTH])[:length] if isinstance(value, str) else ""


def _title(value: Any) -> str:
    return clean_title(_text(value, _TITLE_MARKUP))


def _stand_in(text: str) -> str:
    """A title for an entry without one: the beginning of its text."""
    first = " ".join(text[:400].split())
    return first if len(first) <= 100 else first[:100].rpartition(" ")[0] + "…"


def _key(value: Any) -> str | None:
    key = value.strip() if isinstance(value, str) else ""
    return key.encode("utf-8", "replace").decode()[:_KEY_LENGTH] or None


def _link(value: Any, base: str) -> str | None:
    """An absolute http(s) link, or None."""
    try:
        link = urljoin(base, value.strip()) if isinstance(value, str) and value.strip() else ""
    except ValueError:
        return None
    if not link.lower().startswith(("http://", "https://")) or len(link) > _KEY_LENGTH:
        return None
    return re.sub(r"[\x00-\x20\x7f<>\"]", "", link).encode("utf-8", "replace").decode()


def _language(value: Any) -> str | None:
    """The primary subtag of a language tag, in lower case."""
    found = re.match(r"\s*([A-Za-z]{2,3})(?![A-Za-z])", value) if isinstance(value, str) else None
    return found[1].lower() if found else None


# --------------------------------------------------------------------------------------------------------- polling manners

_PERIODS = {"hourly": 3600.0, "daily": 86400.0, "weekly": 604800.0, "monthly": 2592000.0, "yearly": 31536000.0}
_DAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
_BLOCK = 4000


def _wish(ttl: Any, period: Any, frequency: Any) -> float | None:
    """The interval in seconds that `ttl` (minutes) and `sy:updatePeriod` / `sy:updateFrequency` ask for."""
    wishes = []
    if (minutes := _number(ttl)) is not None:
        wishes.append(minutes * 60)
    if isinstance(period, str) and (seconds := _PERIODS.get(period.strip().lower())):
        wishes.append(seconds / max(_number(frequency) or 1.0, 1.0))
    return max(wishes, default=None)


def _number(value: Any) -> float | None:
    text = value.strip() if isinstance(value, str) else ""
    return float(text) if re.fullmatch(r"\d{1,7}", text, re.A) else None


def skipped_hours(body: bytes) -> tuple[int, ...]:
    """RSS `skipHours` and `skipDays` as hours of the week; feedparser drops all but the last."""
    hours = {int(h) % 24 for h in re.findall(r"<hour>\s*(\d{1,2})\s*<", _block(body, b"skipHours"))}
    names = {d.lower() for d in re.findall(r"<day>\s*(\w+)\s*<", _block(body, b"skipDays"))}
    days = {i for i, name in enumerate(_DAYS) if name in names}
    return tuple(h for h in range(168) if h % 24 in hours or h // 24 in days)


def _block(body: bytes, name: bytes) -> str:
    start = body.find(b"<" + name + b">")
    end = body.find(b"</" + name + b">", start, start + _BLOCK) if start >= 0 else -1
    return body[start:end].decode("ascii", "replace") if end >= 0 else ""
