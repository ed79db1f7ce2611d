"""Language work that was done before: what the store holds of an item version stands, as long as reader and model stay."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from monitor.config import EmbedderSettings
from monitor.facts.version import reader_id
from monitor.harness.engine import Models
from monitor.language import Language, Then
from monitor.model import Analysis, Feed, Item, Kind, Reading, Vector
from monitor.stories.embed import id_of
from monitor.stories.pinned import Pin
from storage.base import Past

_BATCH = 64
Version = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of stored item versions: their analyses, and the stories of their items."""

    analyses: Mapping[Version, Analysis]
    pins: Mapping[str, Pin]
    read_again: int
    """How many had to be read, because another reader or model had read them, or none."""


async def recall(
    pasts: Sequence[Past],
    models: Models,
    settings: EmbedderSettings,
    kinds: Iterable[Kind] = tuple(Kind),
    progress: Callable[[int, int], None] = lambda done, of: None,
) -> Known:
    """The analyses of these item versions, from the store or made now. Statements are left out where no rule of `kinds` wants
    them: comparing quotations needs the model, and they touch no other ledger."""
    reader, model, wanted = reader_id(), id_of(settings.model, settings.prompt), frozenset(kinds)
    known = {_version(p): _stored(p) for p in pasts if p.reader == reader and p.model_id == model and p.vector is not None}
    missing = [p for p in pasts if _version(p) not in known]
    for start in range(0, len(missing), _BATCH):
        batch = missing[start : start + _BATCH]
        progress(start, len(missing))
        read = await models.language.analyse([(p.item, p.feed) for p in batch])
        known |= {_version(p): analysis for p, analysis in zip(batch, read, strict=True)}
    pins = {p.item.id: Pin(p.story_id, p.copy_of) for p in pasts if p.story_id is not None}
    return Known({v: _narrowed(a, wanted) for v, a in known.items()}, pins, len(missing))


def one_by_one(pasts: Sequence[Past]) -> list[Past]:
    """These item versions in the order in which a pipeline that gets them together decides about them."""
    first: dict[tuple[float, str], float] = {}
    for past in pasts:
        key = past.at, past.item.id
        first[key] = min(first.get(key, past.item.at), past.item.at)
    return sorted(pasts, key=lambda p: (p.at, first[p.at, p.item.id], p.item.id, p.item.version))


def _version(past: Past) -> Version:
    return past.item.id, past.item.version


def _stored(past: Past) -> Analysis:
    return Analysis(past.vector, past.model_id, past.reading or Reading(None), reader=past.reader)


def _narrowed(analysis: Analysis, kinds: frozenset[Kind]) -> Analysis:
    if Kind.STATEMENT in kinds:
        return analysis
    facts = tuple(fact for fact in analysis.reading.facts if fact.kind is not Kind.STATEMENT)
    return replace(analysis, reading=replace(analysis.reading, facts=facts))


class Remembering(Language):
    """Language work that answers what is known, and asks the workers of `language` for the rest."""

    def __init__(self, language: Language, known: Mapping[Version, Analysis]) -> None:
        self._asked, self._known = language, known
        self.degraded = language.degraded
        self.model_id = language.model_id
        self.threshold = language.threshold

    async def start(self) -> None:
        return None

    async def stop(self) -> None:
        return None

    async def embed_texts(self, texts: Sequence[str]) -> list[Vector | None]:
        return await self._asked.embed_texts(texts) if texts else []

    def begin(self, items: Sequence[tuple[Item, Feed]], then: Then) -> None:
        self._asked.begin([(item, feed) for item, feed in items if (item.id, item.version) not in self._known], then)

    async def analyse(self, items: Sequence[tuple[Item, Feed]]) -> list[Analysis]:
        rest = [(item, feed) for item, feed in items if (item.id, item.version) not in self._known]
        read = iter(await self._asked.analyse(rest) if rest else ())
        return [self._known.get((item.id, item.version)) or next(read) for item, _ in items]
