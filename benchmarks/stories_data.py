"""The labelled story sets as items, and their embeddings kept in a folder between runs. Shared by the other stories_*.py."""

from __future__ import annotations

import datetime as dt
import hashlib
import html
import json
import pathlib
import re
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from monitor.model import Item, Vector
from monitor.stories.embed import embed_text, packaged_model

DATA = pathlib.Path(__file__).parents[2] / "shared" / "data"
_TAG = re.compile(r"<[^>]*>?")
_HOST = re.compile(r"https?://(?:web\.archive\.org/web/\d+/https?://)?(?:www\.)?([^/:]+)")


def clean(text: str | None) -> str:
    """Feed text without entities and tags."""
    return " ".join(_TAG.sub(" ", html.unescape(html.unescape(text or ""))).split())


def instant(text: str) -> float:
    """ISO 8601 as seconds since the epoch; without a zone it is UTC."""
    moment = dt.datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp()


def _rows(path: pathlib.Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from (json.loads(line) for line in lines if line.strip())


def _item(key: str, feed: str, title: str, summary: str, text: str, link: str | None, published: float, seen: float) -> Item:
    return Item(key, feed, 1, clean(title), clean(summary), clean(text), link, min(published, seen), seen, feed)


def load(name: str) -> tuple[list[Item], list[str]]:
    """A set in order of arrival, and the gold story of each item ("" in a stream without labels). Of items with one id the
    first counts."""
    unique: dict[str, tuple[Item, str]] = {}
    for item, story in _SETS[name]():
        unique.setdefault(item.id, (item, story))
    pairs = sorted(unique.values(), key=lambda pair: pair[0].seen)
    return [item for item, _ in pairs], [story for _, story in pairs]


def _g5w1h() -> Iterator[tuple[Item, str]]:
    for row in _rows(DATA / "stories_g5w1h" / "docs.jsonl"):
        at = instant(row["date"])
        yield (
            _item(row["doc_id"], row["source"], row["title"], row["description"], row["text"], row["url"], at, at),
            str(row["event_id"]),
        )


def _gunviolence() -> Iterator[tuple[Item, str]]:
    for row in _rows(DATA / "stories_gunviolence" / "docs.jsonl"):
        at = instant(row["date"])
        host = _HOST.match(row["url"] or "")
        feed = host.group(1) if host else "unknown"
        yield _item(row["doc_id"], feed, row["title"], "", row["text"], row["url"], at, at), str(row["incident_id"])


def _ecbplus() -> Iterator[tuple[Item, str]]:
    for row in _rows(DATA / "stories_ecbplus" / "docs.jsonl"):
        sentences = row["sentences"]
        yield _item(row["doc_id"], "ecb", sentences[0], "", " ".join(sentences), row["url"], 0.0, 0.0), row["subtopic"]


def _stream(path: pathlib.Path) -> Iterator[tuple[Item, str]]:
    for row in _rows(path):
        seen = instant(row["seen"])
        published = instant(row["published"]) if row.get("published") else seen
        yield (
            _item(row["id"], row["feed"], row["title"], row.get("summary") or "", "", row.get("link"), published, seen),
            row.get("story", ""),
        )


_SETS = {
    "g5w1h": _g5w1h,
    "gunviolence": _gunviolence,
    "ecbplus": _ecbplus,
    "rss": lambda: _stream(DATA / "stories_rss" / "stories_dev.jsonl"),
    "w25": lambda: _stream(DATA / "rss_stream_2026" / "2026-W25.jsonl"),
    "w27": lambda: _stream(DATA / "rss_stream_2026" / "2026-W27.jsonl"),
}


def vectors(name: str, items: Sequence[Item], cache: pathlib.Path) -> list[Vector]:
    """The embeddings of a set by the library's own `encode` in fp32, so that they do not depend on how the daemon batches; read
    from the cache folder where the same texts were embedded before."""
    texts = [embed_text(item) for item in items]
    key = hashlib.sha256("\x1f".join(texts).encode()).hexdigest()[:12]
    path = cache / f"{name}-{key}.npy"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        torch.set_num_threads(1)
        model = SentenceTransformer(str(packaged_model()), local_files_only=True)
        np.save(path, model.encode(texts, batch_size=32, normalize_embeddings=True, show_progress_bar=True))
    return list(np.load(path))


def first_part(name: str, items: Sequence[Item]) -> list[bool]:
    """Which items may be learned from: the first two days of the feeds, the first half of the others in time; of ECB+ none."""
    if name == "rss":
        third = items[0].seen // 86400 * 86400 + 2 * 86400
        return [item.seen < third for item in items]
    return [name != "ecbplus" and n < len(items) // 2 for n in range(len(items))]
