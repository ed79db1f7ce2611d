"""Quantities in running text: how many, and how exactly the text says so. Pure, on lower-cased words; grammar is not asked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from monitor.facts.lexicon import load

_PLAIN = re.compile(r"\d+")
_GROUPED = re.compile(r"\d{1,3}(?:[,.'’٬\u00a0\u202f\u2009 ]\d{3})+|\d{1,2}(?:,\d{2})+,\d{3}")
_DECIMAL = re.compile(r"\d+[.,]\d{1,2}")
_JOINED_RANGE = re.compile(r"(\d[\d,]*)[-–—](\d[\d,]*)")
_SCALED = re.compile(r"(\d[\d,.]*)(k|m|mn|bn)")
_DASHES = frozenset("-–—")
_MAX_WORDS = 12


@dataclass(frozen=True, slots=True)
class Quantity:
    """A quantity over words[start:end], its qualifying words included; `number` is where the number itself starts.

    `low` and `high` are bounds (None open, both None for shares and vague words); `more` says that it adds to another ("another
    12", "12 others"); `share` is the fraction of a whole that a share stands for, and `over` says that it is more than that.
    """

    start: int
    end: int
    number: int
    low: int | None
    high: int | None
    qualifier: str
    more: bool = False
    share: float | None = None
    over: bool = False


def bounds(value: int, qualifier: str) -> tuple[int | None, int | None]:
    """Low and high of a value under a qualifier: "more than 30" is 31 and open."""
    table: Mapping[str, tuple[int | None, int | None]] = {
        "at_least": (value, None),
        "more_than": (value + 1, None),
        "up_to": (None, value),
        "fewer_than": (None, max(0, value - 1)),
    }
    return table.get(qualifier, (value, value))


def quantities(words: Sequence[str], language: str = "en") -> list[Quantity]:
    """All quantities in a sentence, in order, none overlapping. `words` are lower-cased tokens; any tokenisation that parts
    words and punctuation will do."""
    reader = _reader(language)
    found: list[Quantity] = []
    i = 0
    while i < len(words):
        quantity = reader.at(words, i, found[-1].end if found else 0)
        if quantity is None:
            i += 1
        else:
            found.append(quantity)
            i = quantity.end
    return found


def cardinal(words: Sequence[str], i: int, language: str = "en") -> tuple[int, int] | None:
    """The whole number that starts at words[i] and where it ends, or None."""
    return _reader(language).cardinal(words, i)


@cache
def _reader(language: str) -> _Reader:
    return _Reader(load("numbers", language))


def _digits(word: str) -> float | None:
    """The value of a token of digits, grouped in any locale's way; None where it is no number of things."""
    if _PLAIN.fullmatch(word) and len(word) <= 12:
        return int(word)
    if _GROUPED.fullmatch(word):
        return int(re.sub(r"\D", "", word))
    if _DECIMAL.fullmatch(word):
        return float(word.replace(",", "."))
    return None


class _Phrases:
    """Phrases of several words, found at a position or before it, the longest first."""

    def __init__(self, phrases: Iterable[str]) -> None:
        self._by_length: dict[int, set[tuple[str, ...]]] = {}
        for phrase in phrases:
            words = tuple(phrase.split())
            self._by_length.setdefault(len(words), set()).add(words)
        self._lengths = sorted(self._by_length, reverse=True)

    def at(self, words: Sequence[str], i: int) -> tuple[str, int] | None:
        """The phrase that starts at i, and where it ends."""
        for n in self._lengths:
            part = tuple(words[i : i + n])
            if part in self._by_length[n]:
                return " ".join(part), i + n
        return None

    def before(self, words: Sequence[str], i: int, floor: int) -> tuple[str, int] | None:
        """The phrase that ends at i and starts no earlier than `floor`, and where it starts."""
        for n in self._lengths:
            part = tuple(words[i - n : i]) if i - n >= floor else ()
            if part in self._by_length[n]:
                return " ".join(part), i - n
        return None


class _Reader:
    """The knowledge of one language, made ready for look-up."""

    def __init__(self, lexicon: Mapping[str, Any]) -> None:
        self._units: Mapping[str, int] = lexicon["units"]
        self._tens: Mapping[str, int] = lexicon["tens"]
        self._scales: Mapping[str, int] = lexicon["scales"]
        self._vague_units: Mapping[str, tuple[str, int]] = lexicon["vague_units"]
        self._vague_scales: Mapping[str, str] = lexicon["vague_scales"]
        self._pairs: Mapping[str, int] = lexicon["pairs"]
        self._qualifier_of: Mapping[str, str] = lexicon["qualifiers"]
        self._suffix_of: Mapping[str, str] = lexicon["suffixes"]
        self._share_of: Mapping[str, tuple[float, bool]] = lexicon["shares"]
        self._parts = {tuple(phrase.split()): part for phrase, part in lexicon["parts"].items()}
        self._months = frozenset(lexicon["months"])
        self._additional = frozenset(lexicon["additional"])
        self._additional_after = frozenset(lexicon["additional_after"])
        self._several = _Phrases(lexicon["several"])
        self._qualifiers = _Phrases(self._qualifier_of)
        self._suffixes = _Phrases(self._suffix_of)
        self._lead_ins = _Phrases(lexicon["lead_ins"])
        self._shares = _Phrases(self._share_of)
        self._vague = _Phrases(lexicon["vague"])
        self._none = frozenset(lexicon["none"])
        self._pair_phrases = _Phrases(self._pairs)
        # What a quantity may begin with, beside digits: most words are none of these.
        self._openers = frozenset(
            phrase.split()[0]
            for phrases in (self._units, self._tens, self._vague_units, self._pairs, self._share_of, self._none)
            for phrase in phrases
        ) | {phrase.split()[0] for name in ("several", "vague", "parts") for phrase in lexicon[name]}
        self._openers |= {"a", "an", "no", "between"}
        self._steps: tuple[Callable[[Sequence[str], int, int], Quantity | None], ...] = (
            self._share_at,
            self._range_at,
            self._vague_unit_at,
            self._number_at,
            self._pair_at,
            self._none_at,
            self._vague_at,
        )

    def at(self, words: Sequence[str], i: int, floor: int) -> Quantity | None:
        """The quantity whose number starts at i; words before it may belong to it down to `floor`."""
        if words[i] not in self._openers and not words[i][:1].isdigit():
            return None
        return next((q for step in self._steps if (q := step(words, i, floor)) is not None), None)

    # ------------------------------------------------------------------------------------------------------ plain numbers

    def cardinal(self, words: Sequence[str], i: int) -> tuple[int, int] | None:
        """The whole number that starts at i, in digits or words, and where it ends."""
        start = self._half(words, i) or self._digit_number(words, i) or self._word_number(words, i)
        if start is None:
            return None
        value, end = start
        while end < len(words) and words[end] in self._scales:
            value, end = value * self._scales[words[end]], end + 1
        return (round(value), end) if abs(value - round(value)) < 1e-6 and value < 1e10 else None

    def _half(self, words: Sequence[str], i: int) -> tuple[float, int] | None:
        for phrase, part in self._parts.items():
            end = i + len(phrase)
            if tuple(words[i:end]) == phrase and end < len(words) and words[end] in self._scales:
                return part, end
        return None

    def _digit_number(self, words: Sequence[str], i: int) -> tuple[float, int] | None:
        scaled = _SCALED.fullmatch(words[i])
        if scaled and (value := _digits(scaled[1])) is not None:
            return value * self._scales[scaled[2]], i + 1
        value = _digits(words[i])
        if value is None:
            return None
        end = i + 1
        # "14 000": groups of three after a group of one to three.
        if len(words[i]) <= 3 and _PLAIN.fullmatch(words[i]) and words[i][0] != "0":
            while end < len(words) and len(words[end]) == 3 and _PLAIN.fullmatch(words[end]):
                value, end = value * 1000 + int(words[end]), end + 1
        return value, end

    def _word_number(self, words: Sequence[str], i: int) -> tuple[float, int] | None:
        """ "Two hundred and thirty-five thousand", "a hundred", "two dozen"."""
        total, current, end, seen = 0, 0, i, False
        if words[i] in {"a", "an"} and i + 1 < len(words) and words[i + 1] in self._scales:
            current, end = 1, i + 1
        while end < min(len(words), i + _MAX_WORDS):
            word = words[end]
            if word in self._units or word in self._tens:
                if seen and not self._may_follow(words, end):
                    break
                current += self._units.get(word, 0) + self._tens.get(word, 0)
            elif (seen or current) and word in self._scales:
                total, current = self._scaled(total, current, self._scales[word])
            elif word in _DASHES or word == "and":
                if not (seen and end + 1 < len(words) and self._continues(words, end)):
                    break
            else:
                break
            seen, end = True, end + 1
        return (total + current, end) if seen else None

    def _scaled(self, total: int, current: int, scale: int) -> tuple[int, int]:
        return (total, max(1, current) * scale) if scale < 1000 else (total + max(1, current) * scale, 0)

    def _may_follow(self, words: Sequence[str], end: int) -> bool:
        """A unit goes on a number only after a ten, a scale, a dash or an "and" after a scale."""
        before = words[end - 1]
        return (
            before in _DASHES
            or before == "and"
            or before in self._scales
            or (before in self._tens and words[end] in self._units)
        )

    def _continues(self, words: Sequence[str], end: int) -> bool:
        """ "Thirty-five" goes on over its dash, "two hundred and six" over its "and"; "five and six" does not."""
        after, before = words[end + 1], words[end - 1]
        if words[end] == "and":
            return before in {"hundred", "thousand"} and (after in self._units or after in self._tens)
        return (before in self._tens and after in self._units) or (before in self._units and after in self._scales)

    def _number_at(self, words: Sequence[str], i: int, floor: int) -> Quantity | None:
        found = self.cardinal(words, i)
        if found is None:
            return None
        value, end = found
        start, qualifier, more = self._qualified(words, i, floor)
        suffix = self._suffixes.at(words, end)
        if suffix and qualifier == "exact":
            qualifier, end = self._suffix_of[suffix[0]], suffix[1]
        low, high = bounds(value, qualifier)
        return Quantity(start, end, i, low, high, qualifier, more or self._adds(words, end))

    def _qualified(self, words: Sequence[str], i: int, floor: int) -> tuple[int, str, bool]:
        """Where the words that qualify a number start, what they say, and whether it adds to another number."""
        start, qualifier, more = i, "exact", False
        while True:
            phrase = self._qualifiers.before(words, start, floor)
            if phrase and qualifier == "exact":
                start, qualifier = phrase[1], self._qualifier_of[phrase[0]]
                continue
            lead = self._lead_ins.before(words, start, floor)
            if lead is None:
                return start, qualifier, more
            more, start = more or lead[0] in self._additional, lead[1]

    def _adds(self, words: Sequence[str], end: int) -> bool:
        return end < len(words) and (
            words[end] in self._additional_after or (words[end] == "of" and tuple(words[end + 1 : end + 2]) == ("others",))
        )

    # ------------------------------------------------------------------------------------------------------ other quantities

    def _range_at(self, words: Sequence[str], i: int, floor: int) -> Quantity | None:
        """ "Between 10 and 20", "10 to 20", "10-20", "two or three"."""
        joined = _JOINED_RANGE.fullmatch(words[i])
        if joined:
            ends = (_digits(joined[1]), _digits(joined[2]))
            return self._range(words, i, i, i + 1, *ends) if None not in ends else None
        between = words[i] == "between"
        first = self.cardinal(words, i + between) if i + between < len(words) else None
        if first is None or first[1] + 1 >= len(words):
            return None
        join = words[first[1]]
        if join not in ({"and"} if between else {"to", "or"} | _DASHES) or (join == "to" and i > 0 and words[i - 1] == "from"):
            return None
        second = self.cardinal(words, first[1] + 1)
        return self._range(words, i, i, second[1], first[0], second[0]) if second else None

    def _range(self, words: Sequence[str], number: int, start: int, end: int, low: Any, high: Any) -> Quantity | None:
        # "70 to 80 thousand" counts both in thousands.
        if low < 1000 <= high and high % 1000 == 0 and words[end - 1] in self._scales and low < high // 1000:
            low *= self._scales[words[end - 1]]
        return Quantity(start, end, number, int(low), int(high), "range") if low < high <= low * 20 else None

    def _vague_unit_at(self, words: Sequence[str], i: int, floor: int) -> Quantity | None:
        """ "Dozens", "tens of thousands", "several hundred"."""
        several = self._several.at(words, i)
        if several and several[1] < len(words) and words[several[1]] in self._vague_scales:
            unit = self._vague_scales[words[several[1]]]
            return self._vague_unit(words, i, several[1] + 1, floor, unit)
        return self._vague_unit(words, i, i + 1, floor, words[i]) if words[i] in self._vague_units else None

    def _vague_unit(self, words: Sequence[str], i: int, end: int, floor: int, unit: str) -> Quantity:
        qualifier, low = self._vague_units[unit]
        if tuple(words[end : end + 1]) == ("of",) and end + 1 < len(words) and words[end + 1] in self._vague_units:
            qualifier, low, end = "thousands", low * self._vague_units[words[end + 1]][1], end + 2
        start, _, more = self._qualified(words, i, floor)
        return Quantity(start, end, i, low, None, qualifier, more or self._adds(words, end))

    def _share_at(self, words: Sequence[str], i: int, floor: int) -> Quantity | None:
        """ "Most of them", "almost half of whom", "83% of deaths"."""
        phrase = self._shares.at(words, i)
        if phrase and self._half(words, i):
            return None  # "a quarter of a million"
        if phrase and tuple(words[phrase[1] : phrase[1] + 1]) == ("of",) and words[i] != "many":
            fraction, over = self._share_of[phrase[0]]
            return Quantity(i, phrase[1], i, None, None, "share", share=fraction, over=over)
        percent = _digits(words[i]) if i + 1 < len(words) else None
        if percent is None or not self._is_percent(words, i + 1):
            return None
        end = i + (3 if words[i + 1] == "per" else 2)
        start, qualifier, _ = self._qualified(words, i, floor)
        return Quantity(start, end, i, None, None, "share", share=percent / 100, over=qualifier == "more_than")

    def _is_percent(self, words: Sequence[str], i: int) -> bool:
        return words[i] in {"%", "percent"} or tuple(words[i : i + 2]) == ("per", "cent")

    def _pair_at(self, words: Sequence[str], i: int, floor: int) -> Quantity | None:
        pair = self._pair_phrases.at(words, i)
        if pair is None:
            return None
        value = self._pairs[pair[0]]
        rough = pair[0] != "both" and words[pair[1] : pair[1] + 1] == ["of"]  # "a couple of men", but "a couple and their son"
        return Quantity(i, pair[1], i, value, value, "around" if rough else "exact", self._adds(words, pair[1]))

    def _none_at(self, words: Sequence[str], i: int, floor: int) -> Quantity | None:
        if words[i] not in self._none and tuple(words[i : i + 2]) != ("no", "one"):
            return None
        if self._qualifiers.at(words, i):
            return None  # "no fewer than nine"
        end = i + 1 + (tuple(words[i : i + 2]) == ("no", "one"))
        return Quantity(i, end, i, 0, 0, "none")

    def _vague_at(self, words: Sequence[str], i: int, floor: int) -> Quantity | None:
        vague = self._vague.at(words, i)
        if vague is None or self._qualifies(words, i, vague[1], floor):
            return None
        return Quantity(i, vague[1], i, None, None, "vague", vague[0] == "others" or self._adds(words, vague[1]))

    def _qualifies(self, words: Sequence[str], i: int, end: int, floor: int) -> bool:
        """ "Some 200", "as many as 600", "12 others", "scores of others": the word belongs to another quantity."""
        if words[i] == "others":
            return i > 0 and (i == floor or words[i - 1] == "of")
        return (i > 0 and words[i - 1] == "as") or (end < len(words) and self.cardinal(words, end) is not None)
