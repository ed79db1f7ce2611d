"""How many articles of 500 words the fact reader reads in a second of one core, and what it costs in memory.

    python benchmarks/facts_speed.py [--text NAME=FOLDER ...] [--articles 60] [--batch 20] [--json OUT.json]

Without `--text` the articles are made here, from sentences written for it: some of war, some of politics, and many in which
nothing happens that the reader looks for. `--text` adds articles from a folder of *.txt files or from a file of JSON lines
with a `text`. The processor's time is measured, once all has been read before ("warm"), and the first time ("cold").
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from monitor import gazetteer_index
from monitor.facts import extract
from monitor.facts.extract import FactReader, default_reader
from monitor.gazetteer import Gazetteer
from monitor.model import Document
from monitor.worker import settle

WORDS = 500
SHARE = {"plain": 0.60, "politics": 0.22, "war": 0.18}  # of the sentences
SENTENCES = {
    "war": (
        "Government troops captured the town of {place} on {day} after {n} days of fighting.",
        "At least {n} people were killed and {m} others wounded when a shell hit a market in {place}.",
        "Rebels withdrew from two villages near {place}, the army said.",
        "“We lost {n} men at the bridge,” said {who}, a commander of the militia.",
        "The Observatory said that {n} fighters had died in air strikes around {place}.",
        "Residents of {place} fled as tanks entered the eastern districts.",
    ),
    "politics": (
        "{who}, the finance minister, told reporters that the budget would be ready by {day}.",
        "“Nobody wants an election now,” said {who}, who leads the smaller of the two parties.",
        "The mayor of {place} denied that the contract had been signed in secret.",
        "According to the ministry, exports fell by {n} percent in the last quarter.",
        "The council announced a plan to repair {m} schools before the winter.",
    ),
    "plain": (
        "the road to the coast runs through orchards and past a row of old mills.",
        "prices of bread and fuel went up again, as they do every autumn.",
        "a new library with large windows opened beside the station last year.",
        "many families keep bees, and the honey is sold at fairs all over the region.",
        "the committee has met four times since spring and will meet again soon.",
        "rain is likely in the north, while the south stays dry and mild.",
        "the line was closed for repairs, so commuters took the bus or cycled to work.",
        "farmers hope for a better harvest, since the river is higher than in other years.",
        "it was a quiet week in which shops were open and trains ran on time.",
        "the museum shows maps, coins and letters from three centuries of trade.",
        "young people move to the cities, where rents are high and flats are small.",
        "the film took five years to make and was shot in a disused factory.",
    ),
}
PLACES = ("Saraqib", "Kherson", "Goma", "El Fasher", "Hodeidah", "Mekelle", "Bakhmut", "Idlib", "Port Sudan", "Deir ez-Zor")
NAMES = ("Omar Haddad", "Ana Kovač", "Ruth Mbeki", "Pavel Novak", "Lena Fischer", "Samir Aziz", "Joseph Kabongo")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
STAGES = ("attributions", "read_territory", "read_casualties", "read_statements", "language_of")


def article(chance: random.Random) -> str:
    """About 500 words: paragraphs of mixed sentences."""
    text: list[str] = []
    words = 0
    while words < WORDS:
        kind = chance.choices(list(SHARE), list(SHARE.values()))[0]
        sentence = chance.choice(SENTENCES[kind]).format(
            place=chance.choice(PLACES),
            who=chance.choice(NAMES),
            day=chance.choice(DAYS),
            n=chance.randint(3, 60),
            m=chance.randint(3, 90),
        )
        sentence = sentence[:1].upper() + sentence[1:]
        words += len(sentence.split())
        text.append(sentence + ("\n\n" if chance.random() < 0.3 else " "))
    return "".join(text)


def texts(source: str) -> list[str]:
    """The texts of a folder of *.txt files, or of a file of JSON lines."""
    path = Path(source)
    if path.is_dir():
        return [p.read_text("utf-8") for p in sorted(path.glob("*.txt"))]
    return [json.loads(line)["text"] for line in path.read_text("utf-8").splitlines()]


class Stages:
    """Processor seconds by stage: functions of the reader's module and methods of its parser are timed."""

    def __init__(self, reader: FactReader) -> None:
        self.seconds: dict[str, float] = {}
        for name in STAGES:
            self._time(extract, name, name)
        self._time(reader._parser, "parse_all", "parse")

    def _time(self, owner: Any, name: str, label: str) -> None:
        inner: Callable[..., Any] = getattr(owner, name)

        def timed(*args: Any, **options: Any) -> Any:
            began = time.process_time()
            result = inner(*args, **options)
            result = list(result) if hasattr(result, "__next__") else result
            self.seconds[label] = self.seconds.get(label, 0.0) + time.process_time() - began
            return result

        setattr(owner, name, timed)


def read(reader: FactReader, documents: Sequence[Document], batch: int) -> float:
    """Processor seconds to read all."""
    began = time.process_time()
    for n in range(0, len(documents), batch):
        reader.read_all(documents[n : n + batch])
    return time.process_time() - began


def measure(reader: FactReader, stages: Stages, name: str, given: Sequence[str], batch: int) -> dict[str, Any]:
    """Articles of 500 words a second, warm and cold, and the share of each stage."""
    documents = [Document(f"{name}{n}", text) for n, text in enumerate(given)]
    articles = sum(len(text.split()) for text in given) / WORDS
    cold = read(reader, documents, batch)
    stages.seconds.clear()
    warm = read(reader, documents, batch)
    shares = {stage: round(seconds / warm, 3) for stage, seconds in sorted(stages.seconds.items(), key=lambda s: -s[1])}
    shares["rest"] = round(1 - sum(shares.values()), 3)
    return {
        "name": name,
        "articles": round(articles, 1),
        "per_second_warm": round(articles / warm, 1),
        "per_second_cold": round(articles / cold, 1),
        "shares": shares,
    }


def peak() -> float:
    """The most memory that this process has held, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def resident() -> float:
    """The memory that this process holds, in MiB."""
    return int(Path("/proc/self/statm").read_text("utf-8").split()[1]) * resource.getpagesize() / 2**20


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--text", action="append", default=[], metavar="NAME=PATH")
    options.add_argument("--articles", type=int, default=60)
    options.add_argument("--batch", type=int, default=20)
    options.add_argument("--json", type=Path)
    given = options.parse_args()
    gazetteer_index.ensure().close()  # so that it is built
    before, began = resident(), time.perf_counter()
    gazetteer = Gazetteer()
    opened, index = time.perf_counter() - began, resident() - before
    gazetteer.close()
    reader = default_reader()
    settle()  # as in its worker
    stages = Stages(reader)
    chance = random.Random(0)  # noqa: S311 - sample text
    sets = {"mixed": [article(chance) for _ in range(given.articles)]}
    sets |= {name: texts(path)[: given.articles] for name, _, path in (t.partition("=") for t in given.text)}
    rows = [measure(reader, stages, name, some, given.batch) for name, some in sets.items()]
    print("| text | articles of 500 words | per second, warm | per second, cold | share of each stage |")
    print("|---|---|---|---|---|")
    for row in rows:
        shares = ", ".join(f"{stage} {share:.0%}" for stage, share in row["shares"].items())
        print(f"| {row['name']} | {row['articles']} | {row['per_second_warm']} | {row['per_second_cold']} | {shares} |")
    print(f"\npeak memory {peak():.0f} MiB; gazetteer opened in {opened:.2f} s, holds {index:.0f} MiB")
    if given.json:
        told = {
            "texts": rows,
            "peak_mib": round(peak()),
            "gazetteer_seconds": round(opened, 3),
            "gazetteer_mib": round(index, 1),
        }
        given.json.write_text(json.dumps(told, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
