"""Who is who: armed groups, armies, governments, organisations, agencies and persons, with their other names.

One table, `lexicons/en/actors.json`; users add files with a list of the same rows (`{"name", "kind", "country", "aliases"}`).
Offices of states ("Yemen's health ministry", "Malian troops") are put together from the country and the office. What stands in
brackets in a name tells namesakes apart; it is no part of what texts call them.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from monitor.errors import ConfigError
from monitor.facts.lexicon import load

KINDS: Final = frozenset({"official", "party", "ngo", "un", "media", "person", "anonymous"})
_KEPT: Final = 20_000  # answers that are remembered
_ARTICLE: Final = re.compile(r"^(?:the|a|an)\s+", re.IGNORECASE)
_OWNER: Final = re.compile(r"([\w. ]+)['’]s? (\w.*)")
_QUOTES: Final = re.compile("[\u2018\u2019`´ʼʹ′]")


@dataclass(frozen=True, slots=True)
class Actor:
    """`id` is the canonical name. `kind` as `source_kind` of a fact; `country` is an ISO code or None."""

    id: str
    kind: str
    country: str | None = None


class Actors:
    """Names to actors. `country` gives the ISO code of a country's name or adjective (a gazetteer's `country`); `extra` are
    files of further actors. Raises `ConfigError` for a file that cannot be read. Look-ups are pure and total."""

    def __init__(
        self, country: Callable[[str], str | None] | None = None, extra: Iterable[Path] = (), language: str = "en"
    ) -> None:
        lexicon = load("actors", language)
        self._country = country or (lambda _: None)
        self._offices: Mapping[str, str] = lexicon["offices"]
        self._office_kinds: Mapping[str, str] = lexicon["office_kinds"]
        self._generic = frozenset(lexicon["generic_heads"])
        self._armed = frozenset(lexicon["strong_armed"])
        self._any_armed = frozenset(lexicon["armed"])
        self._by_name: dict[str, Actor] = {}
        self._add(lexicon["actors"], "actors.json")
        for path in extra:
            self._add(_read(path), str(path))
        self.resolve: Callable[[str], Actor | None] = lru_cache(maxsize=_KEPT)(self._resolve)
        self._is_armed: Callable[[str], bool] = lru_cache(maxsize=_KEPT)(self._means_arms)

    def armed(self, surface: str) -> bool:
        """True where a name or noun phrase means people under arms: "the rebels", "M23", "Malian troops"."""
        return self._is_armed(surface)

    def _means_arms(self, surface: str) -> bool:
        words = set(re.findall(r"[\w'-]+", surface.lower()))
        if words & self._armed:
            return True
        actor = self.resolve(surface)
        return actor is not None and actor.kind == "party"

    def perhaps_armed(self, surface: str) -> bool:
        """True also for governments, groups and states themselves, which take towns only in a war."""
        last = re.sub(r"['’]s?$", "", surface.strip()).split(" ")[-1]
        if last.lower() in self._any_armed or self.armed(surface):
            return True
        actor = self.resolve(surface)
        if actor is not None:
            return actor.kind in {"party", "official"}
        bare = _ARTICLE.sub("", surface.strip())
        return self._country(bare) is not None or (last[:1].isupper() and self._country(last) is not None)

    def country_of(self, surface: str) -> str | None:
        """The country that an actor belongs to, or the one that its name names."""
        actor = self.resolve(surface)
        if actor is not None and actor.country is not None:
            return actor.country
        for word in re.findall(r"[\w.'’]+", surface):
            code = self._country(re.sub(r"['’]s$", "", word)) if word[0].isupper() else None
            if code is not None:
                return code
        return None

    def _resolve(self, surface: str) -> Actor | None:
        key = _key(surface)
        found = self._by_name.get(key)
        if found is None and key:
            body = self._by_name.get(self._without_generic(key))
            helper = body is not None and body.kind == "person"  # "Roe official"
            found = (None if helper else body) or self._of_state(surface) or self._contained(surface) or self._office(surface)
        return found

    def _of_state(self, surface: str) -> Actor | None:
        """The person in "France's Macron"."""
        match = _OWNER.fullmatch(surface.strip())
        actor = self._by_name.get(_key(match[2])) if match and self._country(match[1]) else None
        return actor if actor is not None and actor.kind == "person" else None

    def _without_generic(self, key: str) -> str:
        """ "m23 rebels" is "m23"; "kurdish-led syrian democratic forces" is left to `_contained`."""
        words = key.split()
        while len(words) > 1 and words[-1] in self._generic:
            words.pop()
        return " ".join(words)

    def _contained(self, surface: str) -> Actor | None:
        """The longest known name inside the phrase that is written as a name; persons count only as the whole phrase."""
        words = _key(surface).split()
        for length in range(len(words) - 1, 0, -1):
            for start in range(len(words) - length + 1):
                name = " ".join(words[start : start + length])
                actor = self._by_name.get(name)
                if actor is None or (length == 1 and (len(name) < 3 or not _capital(name, surface))):
                    continue
                if actor.kind == "person" or (actor.kind == "official" and length == 1):
                    continue
                return actor
        return None

    def _office(self, surface: str) -> Actor | None:
        """ "Yemen's health ministry", "the Malian army", "Ministry of Defence of Chad"."""
        text = _ARTICLE.sub("", surface.strip())
        lower = text.lower().replace("’", "'")
        office = max((o for o in self._offices if re.search(rf"\b{re.escape(o)}\b", lower)), key=len, default=None)
        if office is None:
            return None
        code, name = self._nation(text)
        if code is None:
            return None
        title = self._offices[office]
        return Actor(f"{name} {title}", self._office_kinds.get(title, "official"), code)

    def _nation(self, text: str) -> tuple[str | None, str]:
        words = [re.sub(r"['’]s$", "", w) for w in re.findall(r"[\w.'’-]+", text)]
        for size in (3, 2, 1):
            for i in range(len(words) - size + 1):
                name = " ".join(words[i : i + size])
                if name[:1].isupper() and (code := self._country(name)):
                    return code, code
        return None, ""

    def _add(self, rows: Any, origin: str) -> None:
        if not isinstance(rows, list):
            raise ConfigError(f"{origin}: a file of actors holds a list of objects; see the manual on actors")
        for number, row in enumerate(rows, 1):
            try:
                actor = Actor(row["name"], row["kind"], row.get("country"))
                names = [row["name"], *row.get("aliases", ())]
            except (KeyError, TypeError) as error:
                raise ConfigError(f"{origin}: actor {number}: it needs a name and a kind ({error!r})") from error
            if actor.kind not in KINDS:
                raise ConfigError(f"{origin}: actor {number}: kind {actor.kind!r} is none of {', '.join(sorted(KINDS))}")
            for name in names:
                if "(" not in name or len(names) == 1:
                    self._by_name[_key(name)] = actor


def _key(name: str) -> str:
    """A name without article, accents, case, brackets and possessive."""
    text = _ARTICLE.sub("", _QUOTES.sub("'", name.strip()))
    text = unicodedata.normalize("NFKD", text).lower()
    text = "".join(c for c in text if not unicodedata.combining(c))
    text = re.sub(r"\s*\([^)]*\)$", "", text) if not text.startswith("(") else text
    text = re.sub(r"'s\b", "", text)
    return " ".join(re.sub(r"[^\w' ]+", " ", text).split())


def _capital(name: str, surface: str) -> bool:
    return re.search(rf"\b{re.escape(name.capitalize())}|\b{re.escape(name.upper())}\b", surface) is not None


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: this file of actors cannot be read: {error}") from error
