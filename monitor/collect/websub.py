"""WebSub (W3C 2018), the subscriber's side, as pure functions: what a feed offers, what is asked of a hub, what its callbacks
mean, and what becomes of a subscription. A hub is a help: whatever it does, the feed is still polled."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode, urljoin

from monitor.collect.health import DAY, HOUR
from monitor.collect.politeness import fraction
from monitor.model import Subscription

LEASE: Final = 5 * DAY  # asked for
_LEASES: Final = (300.0, 30 * DAY)  # believed
_RENEW_AT = 0.8  # of the lease
_VERIFIES_WITHIN = HOUR  # a hub that said yes and never asked back is asked again
_FIRST_RETRY, _LONGEST_RETRY = 300.0, DAY
_DENIED_FOR = 7 * DAY
_DISTRUSTED_AFTER = 2
_LONGEST = 2000
_DIGESTS: Final = ("sha1", "sha256", "sha384", "sha512")


@dataclass(frozen=True, slots=True)
class Offer:
    """A hub, and what the feed is called there."""

    hub: str
    topic: str


# -------------------------------------------------------------------------------------------------------------------- offers

_LINK = re.compile(r"<([^<>]{1,2000})>((?:\s*;\s*[\w*!#$&+.^`|~-]+\s*(?:=\s*(?:\"[^\"]{0,500}\"|[^\s\",;]{1,500}))?)*)")
_REL = re.compile(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^\s\",;]+))", re.I)
_HEADER = 8000


def header_links(value: str | None) -> list[tuple[str, str]]:
    """(relation, address as written) of a `Link` header (RFC 8288), one pair for each relation."""
    pairs = []
    for found in _LINK.finditer((value or "")[:_HEADER]):
        if rel := _REL.search(found[2]):
            pairs += [(name.lower(), found[1].strip()) for name in (rel[1] or rel[2] or "").split()]
    return pairs


def offer(headers: Mapping[str, str], hubs: Sequence[str], topic: str | None, url: str) -> Offer | None:
    """What an answer offers: its `Link` header first, then what stands in the feed; `url` is where it came from, which is the
    topic where none is named. Only http and https count."""
    named = [*header_links(headers.get("link")), *(("hub", hub) for hub in hubs), ("self", topic or "")]
    links = [(rel, link) for rel, href in named if (link := _absolute(url, href)) is not None]
    hub = next((link for rel, link in links if rel == "hub"), None)
    own = next((link for rel, link in links if rel == "self"), url)
    return None if hub is None else Offer(hub, own)


def _absolute(base: str, href: str) -> str | None:
    try:
        link = urljoin(base, href) if href else ""
    except ValueError:
        return None
    return link if link.lower().startswith(("http://", "https://")) and len(link) <= _LONGEST else None


# ------------------------------------------------------------------------------------------------------------------- asking


def request(subscription: Subscription, callback: str) -> bytes:
    """The form to send to the hub, by POST: to subscribe, or to unsubscribe where it is ending."""
    ending = subscription.state == "ending"
    form = {"hub.mode": "unsubscribe" if ending else "subscribe", "hub.topic": subscription.topic, "hub.callback": callback}
    if not ending:
        form |= {"hub.secret": subscription.secret, "hub.lease_seconds": str(int(LEASE))}
    return urlencode(form).encode()


def asked(subscription: Subscription, now: float) -> Subscription:
    """The hub is asked; it will ask back. Nobody is asked twice to end."""
    errors = subscription.errors + (subscription.state == "ending")
    return dataclasses.replace(subscription, due=now + _VERIFIES_WITHIN, errors=errors, error=None)


def ending(subscription: Subscription, now: float) -> Subscription:
    """It is not wanted any more; the hub is to be told."""
    return dataclasses.replace(subscription, state="ending", due=now, lease_until=None, errors=0)


def failed(subscription: Subscription, why: str, now: float) -> Subscription:
    """The hub did not take the request: it is asked again, ever later."""
    errors = subscription.errors + 1
    wait = min(_FIRST_RETRY * 2.0 ** min(errors - 1, 20), _LONGEST_RETRY)
    jitter = 0.1 * fraction(subscription.token, str(errors))
    return dataclasses.replace(subscription, due=now + wait * (1 + jitter), errors=errors, error=why)


# ---------------------------------------------------------------------------------------------------------------- callbacks


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer to a hub's question: `challenge` is echoed where it is not None; `after` is the subscription then, None where
    it has come to its end."""

    challenge: str | None
    after: Subscription | None


def verify(subscription: Subscription, query: Mapping[str, str], now: float) -> Verdict:
    """What becomes of a hub's verification of intent, or of its denial. A question about something else changes nothing."""
    mode, challenge = query.get("hub.mode", ""), query.get("hub.challenge", "")
    if query.get("hub.topic") != subscription.topic:
        return Verdict(None, subscription)
    if mode == "denied":
        reason = " ".join(query.get("hub.reason", "").split())[:200]
        why = f"the hub refuses to push this feed{f': {reason}' if reason else ''}"
        return Verdict(
            "", dataclasses.replace(subscription, state="denied", due=now + _DENIED_FOR, lease_until=None, error=why)
        )
    if not challenge or len(challenge) > _LONGEST:
        return Verdict(None, subscription)
    if mode == "unsubscribe" and subscription.state == "ending":
        return Verdict(challenge, None)
    if mode == "subscribe" and subscription.state != "ending":
        return Verdict(challenge, _granted(subscription, query.get("hub.lease_seconds", ""), now))
    return Verdict(None, subscription)


def _granted(subscription: Subscription, lease: str, now: float) -> Subscription:
    seconds = float(lease[:9]) if lease.isascii() and lease.isdigit() else LEASE
    seconds = min(max(seconds, _LEASES[0]), _LEASES[1])
    renew = now + seconds * (_RENEW_AT - 0.1 * fraction(subscription.token, str(now)))
    return dataclasses.replace(subscription, state="active", due=renew, lease_until=now + seconds, errors=0, error=None)


def authentic(subscription: Subscription, signature: str | None, body: bytes) -> bool:
    """Whether a callback's `X-Hub-Signature` proves that its body comes from who knows the secret. Takes the same time for
    every wrong signature of a method."""
    method, _, digest = (signature or "").strip().partition("=")
    if method.lower() not in _DIGESTS:
        return False
    right = hmac.new(subscription.secret.encode(), body, getattr(hashlib, method.lower())).hexdigest()
    return hmac.compare_digest(right.encode(), digest.strip().lower().encode("utf-8", "replace"))


def pushed(subscription: Subscription, now: float) -> Subscription:
    """The hub does what it is there for."""
    return dataclasses.replace(subscription, last_push=now, missed=0)


def polled(subscription: Subscription, found_new: bool, now: float) -> Subscription:
    """A poll beside a subscription: what it finds new, the hub has kept back. From then on the feed is polled as if there
    were no hub, until something is pushed again; after the second time in a row the hub is asked anew."""
    if subscription.state != "active" or not found_new:
        return subscription
    missed = subscription.missed + 1
    if missed != _DISTRUSTED_AFTER:
        return dataclasses.replace(subscription, missed=missed)
    again = failed(dataclasses.replace(subscription, missed=missed), "the hub does not push what the feed publishes", now)
    return dataclasses.replace(again, state="wanted", lease_until=None)


def trusted(subscription: Subscription | None, now: float) -> bool:
    """Whether polling is only the safety net just now: the hub has been seen to push, and to keep nothing back since."""
    return (
        subscription is not None
        and subscription.state == "active"
        and subscription.last_push is not None
        and subscription.missed == 0
        and subscription.lease_until is not None
        and subscription.lease_until > now
    )


def expired(subscription: Subscription, now: float) -> Subscription:
    """A lease that ended without being renewed is none."""
    if subscription.state == "active" and subscription.lease_until is not None and subscription.lease_until <= now:
        return dataclasses.replace(subscription, state="wanted", lease_until=None)
    return subscription
