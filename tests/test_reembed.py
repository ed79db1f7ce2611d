"""Another embedding model: live items are embedded anew by it, vectors of two models are never mixed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from test_embed import TINY_WORDS, tiny_model
from test_pipeline import bench

from monitor.clock import VirtualClock
from monitor.config import EmbedderSettings
from monitor.errors import WorkerError
from monitor.harness.engine import Models
from monitor.language import Language
from monitor.model import Item, Json, StepRecord, Vector
from monitor.reembed import embed_anew
from monitor.stories import embed
from monitor.stories.compare import THRESHOLD
from monitor.stories.group import Grouper
from rules.rule import Rule

Rules = Callable[[str], tuple[Rule, ...]]


class Inline:
    """A worker without a process. After `serves` calls it fails, as one whose model is lost does."""

    name = "embedder"

    def __init__(self, service: embed.EmbedderService, serves: int = 1_000) -> None:
        self._service, self._serves = service, serves

    async def start(self) -> Json:
        if not self._serves:
            raise WorkerError("gone")
        return self._service.info()

    async def call(self, method: str, *args: Any, deadline: float) -> Any:
        await asyncio.sleep(0)
        if not self._serves:
            raise WorkerError("gone")
        self._serves -= 1
        return getattr(self._service, method)(*args)

    async def stop(self) -> None:
        return None


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> embed.EmbedderService:
    return embed.EmbedderService(str(tiny_model(tmp_path_factory.mktemp("models") / "multilingual-e5-tiny")))


async def served(service: embed.EmbedderService, serves: int = 1_000) -> Language:
    worker = Inline(service, serves)
    language = Language(worker, worker, VirtualClock(0.0))
    await language.start()
    return language


async def test_live_items_get_vectors_of_the_model_that_serves(
    tmp_path: Path, models: Models, rules_of: Rules, tiny: embed.EmbedderService
) -> None:
    async with bench(tmp_path / "t.db", models, rules_of("rules: []\n")) as desk:
        await desk.publish(*(("alpha", f"{a} {b}") for a in TINY_WORDS[:9] for b in TINY_WORDS), minute=0)
        await desk.analyse()
        live = await desk.store.live_items(0.0)
        assert {row.model_id for row in live} == {embed.AUTO_ID}
        assert len(live) > 64

        # The model is lost on the way: what was done is kept, and said.
        broken = await served(tiny, serves=2)
        some = await embed_anew(desk.store, broken, live, 1.0)
        assert 0 < len(some) < len(live)
        again = await desk.store.live_items(0.0)
        assert {row.item.id for row in again if row.model_id == tiny.model_id} == set(some)

        language = await served(tiny)
        rest = await embed_anew(desk.store, language, again, 2.0)
        assert some.keys() | rest.keys() == {row.item.id for row in live}
        assert not some.keys() & rest.keys()
        assert language.degraded == {}
        after = await desk.store.live_items(0.0)
        assert {row.model_id for row in after} == {tiny.model_id}
        assert all(row.vector is not None and np.allclose(row.vector, (some | rest)[row.item.id], atol=1e-3) for row in after)
        assert await embed_anew(desk.store, language, after, 3.0) == {}


async def test_the_pipeline_starts_with_vectors_of_one_model(tmp_path: Path, models: Models, rules_of: Rules) -> None:
    async with bench(tmp_path / "t.db", models, rules_of("rules: []\n")) as desk:
        await desk.publish(("alpha", "Flood closes the harbour of Ostrand"), ("beta", "Parliament votes on a new quota"))
        await desk.analyse()
        before = {row.item.id: row.vector for row in await desk.store.live_items(0.0)}
        other = tuple((item, np.ones(16, np.float32) / 4) for item in before)
        await desk.store.commit_steps([StepRecord(at=1.0, model_id="other", vectors=other)])
        assert {row.model_id for row in await desk.store.live_items(0.0)} == {"other"}
        await desk.pipeline.start()
        after = await desk.store.live_items(0.0)
        assert {row.model_id for row in after} == {embed.AUTO_ID}
        vectors: dict[str, Vector | None] = {row.item.id: row.vector for row in after}
        assert all(np.allclose(vectors[item], was, atol=1e-3) for item, was in before.items())  # type: ignore[arg-type]  # no None


def test_cosines_of_another_model_are_stretched_to_those_scores_were_learned_with() -> None:
    """What is .87 alike for E5 is as likely one event as what is `THRESHOLD` alike for the packaged model."""
    items = [Item(n, n, 1, f"Headline {n}", "", "", None, 0.0, 0.0, n) for n in "ab"]
    grouper = Grouper()
    grouper.calibrate(0.87)
    vectors = [np.asarray(v, np.float32) for v in ((1, 0), (0.87, np.sqrt(1 - 0.87**2)))]
    grouper.apply(grouper.place(items[0], vectors[0], None, 0.0))
    ahead = grouper.look(items[1], vectors[1], None, 0.0).ahead
    assert ahead.features[0, 0] == pytest.approx(THRESHOLD, abs=1e-3)


def test_prompt_and_threshold_come_from_the_configuration(tiny: embed.EmbedderService) -> None:
    assert tiny.info()["threshold"] == 0.87
    settings = EmbedderSettings(model="auto", prompt="passage: ", threshold=0.7)
    known = settings.model_dump()
    assert known == {"model": "auto", "prompt": "passage: ", "threshold": 0.7, "device": "auto"}
    assert embed.id_of("auto") == embed.AUTO_ID
    assert embed.id_of("auto", "passage: ") != embed.AUTO_ID
