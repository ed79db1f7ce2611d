"""Fuzzing of what reads hostile bytes, guided by coverage (atheris, `pip install .[fuzz]`). One target a run:

    nice -n 19 python benchmarks/fuzz_collect.py feed --seconds 600
    for t in feed html dates retry_after address lists hub page; do python benchmarks/fuzz_collect.py $t; done

It ends by itself with a line of figures; an input that breaks a property, raises or runs longer than `--timeout` seconds is
written to `--out` and ends it with another exit code. What was found so is kept in tests/test_fuzz_findings.py.
"""

from __future__ import annotations

import argparse
import contextlib
import ipaddress
import sys
import time
from collections.abc import Callable
from pathlib import Path

import atheris

with atheris.instrument_imports(
    include=["feedparser", "monitor", "email", "ipaddress", "protego"], enable_loader_override=False
):
    from monitor.address import AddressGuard, unwrap
    from monitor.collect import identity, politeness, websub
    from monitor.collect.article import asks_instead, robots_allow, walled
    from monitor.collect.discovery import find_feeds
    from monitor.collect.lists import read_list
    from monitor.collect.markup import html_to_text
    from monitor.collect.parse import parse
    from monitor.errors import ConfigError
    from monitor.model import Entry, Feed, FeedState, Subscription
    from monitor.net import retry_after
    from monitor.text import TITLE_LENGTH, clean_title

NOW = 1_700_000_000.0
URL = "https://news.example/rss"
FEED = Feed("f", URL, "News", "news")
_GUARD = AddressGuard(["10.0.0.0/8"])
_UNSEEN = set(map(chr, [*range(9), *range(14, 32), 0x202E, 0x2066, 0xFEFF]))


def _check_entry(e: Entry) -> None:
    assert len(e.title) <= TITLE_LENGTH and not _UNSEEN & set(e.title), "titles are short and clean"
    assert not _UNSEEN & set(e.summary + e.content), "texts hold no controls"
    assert e.link is None or e.link.lower().startswith(("http://", "https://")), "links can be opened"
    for text in (e.title, e.summary, e.content, e.guid or "", e.link or ""):
        text.encode()


def feed(data: bytes) -> None:
    """Bytes to entries to items: the same bytes again bring nothing new."""
    types = ("", "application/rss+xml", "text/xml; charset=latin-1", "application/json", "text/html; charset=utf-16")
    kind = types[data[0] % len(types)] if data else ""
    parsed = parse(data[1:], kind, URL)
    assert bool(parsed.problem) <= bool(parsed.hint)
    for e in parsed.entries:
        _check_entry(e)
    found = identity.resolve(FEED, parsed.entries, False, {}, {}, NOW)
    items = {i.id: i for i in found.items}
    assert all(788918400.0 <= i.published <= i.seen for i in found.items)
    links = {i.link: i for i in found.items if i.link}
    again = identity.resolve(FEED, parsed.entries, found.by_link, items, links, NOW + 300)
    assert not [i for i in again.items if i.id not in items], "nothing becomes new by being polled again"
    find_feeds(data[1:], URL)


def html(data: bytes) -> None:
    """Markup to text."""
    text = html_to_text(data.decode("utf-8", "surrogatepass") if _whole(data) else data.decode("utf-8", "replace"))
    text.encode()
    assert not _UNSEEN & set(text)
    title = clean_title(text)
    assert len(title) <= TITLE_LENGTH and "\n" not in title


def _whole(data: bytes) -> bool:
    with contextlib.suppress(UnicodeDecodeError):
        data.decode("utf-8", "surrogatepass")
        return True
    return False


def dates(data: bytes) -> None:
    """Dates of entries in all their notations, and headers that speak of time, become instants or nothing."""
    text = data.decode("latin-1")
    item = text.replace("<", "").replace("&", "")
    for body in (
        f"<rss version='2.0'><channel><title>a</title><item><title>b</title><pubDate>{item}</pubDate></item></channel></rss>",
        f"<feed xmlns='http://www.w3.org/2005/Atom'><entry><title>b</title><updated>{item}</updated></entry></feed>",
    ):
        for e in parse(body.encode("utf-8", "replace"), "application/xml", URL).entries:
            for i in identity.resolve(FEED, (e,), False, {}, {}, NOW).items:
                assert 788918400.0 <= i.published <= NOW
    for name in ("cache-control", "expires", "age", "date"):
        headers = {name: text, **({"cache-control": "max-age=600"} if name == "age" else {})}
        state = politeness.after_answer(FEED, FeedState("f"), politeness.Answer(headers, URL, entries=1), NOW)
        assert NOW < state.due <= NOW + 2 * politeness.DAY


def wait(data: bytes) -> None:
    """Retry-After."""
    seconds = retry_after(data.decode("latin-1"), NOW)
    assert seconds is None or 60.0 <= seconds <= 86400.0


def address(data: bytes) -> None:
    """The guard never raises, and what it permits is public or allowed, in every way to write it."""
    for host in (data.decode("latin-1"), *_addresses(data)):
        if not _GUARD.permits(host):
            continue
        for end in unwrap(ipaddress.ip_address(host)):
            v4 = end if isinstance(end, ipaddress.IPv4Address) else end.ipv4_mapped
            assert not (end.is_loopback or end.is_link_local or end.is_multicast or end.is_unspecified), host
            private = v4 is not None and v4.is_private
            assert not private or v4 in ipaddress.ip_network("10.0.0.0/8"), host


def _addresses(data: bytes) -> list[str]:
    four = [str(ipaddress.IPv4Address(data[:4]))] if len(data) >= 4 else []
    six = [str(ipaddress.IPv6Address(data[:16]))] if len(data) >= 16 else []
    made = [f"{p}{four[0]}" for p in ("::ffff:", "64:ff9b::", "::")] if four else []
    return [*four, *six, *made, *([f"2002:{data[:2].hex()}:{data[2:4].hex()}::1"] if four else [])]


def lists(data: bytes) -> None:
    """Lists of feeds: read or refused in words."""
    with contextlib.suppress(ConfigError):
        for one in read_list(data):
            assert one.url.startswith(("http://", "https://")) and one.name


SUB = Subscription("f", URL, "https://hub.example/", "token", "secret", due=NOW)


def hub(data: bytes) -> None:
    """What hubs and publishers say in headers and questions."""
    text = data.decode("latin-1")
    first, _, rest = text.partition("\n")
    found = websub.offer({"link": first}, (rest,), rest, URL)
    assert found is None or all(link.lower().startswith(("http://", "https://")) for link in (found.hub, found.topic))
    assert not websub.authentic(SUB, first, data), "nobody guesses a signature"
    for mode in ("subscribe", "unsubscribe", "denied", first):
        query = {"hub.mode": mode, "hub.topic": URL, "hub.challenge": rest, "hub.lease_seconds": first, "hub.reason": rest}
        after = websub.verify(SUB, query, NOW).after
        assert after is not None, "only what is ending ends"
        assert after.lease_until is None or NOW < after.due < after.lease_until <= NOW + 30 * politeness.DAY


def page(data: bytes) -> None:
    """What is looked for in article pages, and robots.txt."""
    walled(data)
    asks_instead(data.decode("utf-8", "replace").splitlines())
    robots_allow(data, "Wirewatch", URL)


_RSS = (
    b"\x01<rss version='2.0'><channel><title>F</title><ttl>5</ttl><item><guid>g</guid><link>/1</link>"
    b"<title>T &amp;lt;b&gt;</title><pubDate>Tue, 14 Nov 2023 20:00:00 GMT</pubDate>"
    b"<description>&lt;p&gt;x</description></item></channel></rss>"
)
_ATOM = (
    b"\x01<feed xmlns='http://www.w3.org/2005/Atom'><title>F</title><link rel='hub' href='/h'/><entry><id>i</id>"
    b"<title type='html'>&lt;b&gt;t</title><updated>2023-11-14T20:00:00Z</updated>"
    b"<content type='xhtml'><div>x</div></content></entry></feed>"
)
_JSON = (
    b'\x03{"version":"https://jsonfeed.org/version/1.1","title":"F","items":[{"id":1,"url":"/1","title":"T",'
    b'"content_html":"<p>x","date_published":"2023-11-14T20:00:00Z"}]}'
)
_RDF = (
    b"\x00<rdf:RDF xmlns:rdf='http://www.w3.org/1999/02/22-rdf-syntax-ns#' xmlns='http://purl.org/rss/1.0/'>"
    b"<item><title>T</title><link>http://a.example/1</link></item></rdf:RDF>"
)
_NEWS = (
    b"\x01<urlset xmlns='http://www.sitemaps.org/schemas/sitemap/0.9' xmlns:news='http://www.google.com/schemas/sitemap-news/0.9'>"
    b"<url><loc>https://a.example/1</loc><news:news><news:title>T</news:title><news:publication_date>2023-11-14"
    b"</news:publication_date></news:news></url></urlset>"
)
_PAGE = (
    b"\x04<!doctype html><html><head><base href='/b/'><link rel='alternate' type='application/rss+xml' href='f'></head></html>"
)
_OPML = b"<opml version='2.0'><body><outline text='a'><outline xmlUrl='https://a.example/'/></outline></body></opml>"

TARGETS: dict[str, tuple[Callable[[bytes], None], tuple[bytes, ...]]] = {
    "feed": (feed, (_RSS, _ATOM, _JSON, _RDF, _NEWS, _PAGE)),
    "html": (html, (b"<p>One &amp;amp; two<br>three<script>x</script>", b"&lt;b&gt;x&lt;/b&gt;", b"a < b & c <Town> &#x202e;")),
    "dates": (
        dates,
        (
            b"Tue, 14 Nov 2023 20:00:00 +0100",
            b"2023-11-14T20:00:00.5-03:00",
            b"2023-W46-2",
            b"max-age=600",
            b"14.11.2023 20:00",
        ),
    ),
    "retry_after": (wait, (b"120", b"Tue, 14 Nov 2023 22:20:00 GMT", b"-5", b"1e9")),
    "address": (address, (b"\x7f\x00\x00\x01", b"fec0::1", b"0x7f.1", b"\x20\x01" + bytes(14), b"::ffff:10.0.0.1")),
    "hub": (hub, (b'<https://h.example/>; rel="hub", </a>;rel=self\n/b', b"86400\nc", b"sha256=00")),
    "page": (
        page,
        (b"User-agent: *\nDisallow: /private/*$\nCrawl-delay: 3", b'{"isAccessibleForFree": false}\nSubscribe to read'),
    ),
    "lists": (lists, (_OPML, b"https://a.example/ A\n", b'["https://a.example/", {"url": "https://b.example/", "every": 60}]')),
}


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("target", choices=sorted(TARGETS))
    asked.add_argument("--seconds", type=int, default=600)
    asked.add_argument("--timeout", type=int, default=20, help="seconds for one input; the daemon gives a body as long")
    asked.add_argument("--out", type=Path, default=Path("fuzz-findings"))
    given = asked.parse_args()
    check, seeds = TARGETS[given.target]
    corpus = given.out / given.target
    corpus.mkdir(parents=True, exist_ok=True)
    for n, seed in enumerate(seeds):
        (corpus / f"seed-{n}").write_bytes(seed)
    count, slowest, said = 0, 0.0, time.monotonic()

    def one(data: bytes) -> None:
        nonlocal count, slowest, said
        start = time.monotonic()
        check(data)
        count, slowest = count + 1, max(slowest, time.monotonic() - start)
        if start - said > 60:
            said = start
            print(f"{given.target}: {count} inputs so far, the slowest took {slowest:.3f} s", file=sys.stderr)

    limits = [f"-max_total_time={given.seconds}", f"-timeout={given.timeout}", "-rss_limit_mb=1500", "-max_len=8192"]
    atheris.Setup(
        [sys.argv[0], *limits, f"-artifact_prefix={given.out}/{given.target}-", "-print_final_stats=1", str(corpus)], one
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
