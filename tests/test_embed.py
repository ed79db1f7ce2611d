"""The real model, served by a real worker."""

from __future__ import annotations

import asyncio
import pathlib

import numpy as np
import pytest
import torch
import transformers
from sentence_transformers import SentenceTransformer

from monitor.errors import ModelUnavailable, WorkerError
from monitor.model import Item
from monitor.stories import embed
from monitor.worker import Worker

TEXTS = [
    "Flood closes the harbour of Ostrand",
    "The port of Ostrand is shut by high water",
    "Parliament votes on the new fishing quota",
    "",
]


async def test_the_worker_answers_unit_vectors_that_know_meaning() -> None:
    worker = Worker("embed", embed.TARGET, {"model": "auto"})
    try:
        info = await worker.start()
        assert info == {"model_id": embed.AUTO_ID, "dim": 384, "threshold": None}
        vectors = embed.decode(await worker.call("encode", TEXTS, deadline=60))
        again = embed.decode(await worker.call("encode", TEXTS[:1], deadline=60))
        assert await worker.call("encode", [], deadline=60) == []
    finally:
        await worker.stop()
    assert [v.shape for v in vectors] == [(384,)] * 4
    assert all(v.dtype == np.float32 and abs(float(np.linalg.norm(v)) - 1) < 1e-3 for v in vectors)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.3
    assert float(again[0] @ vectors[0]) > 0.999


async def test_a_model_that_is_not_there_is_said_by_name(tmp_path: pathlib.Path) -> None:
    worker = Worker("embed", embed.TARGET, {"model": str(tmp_path / "absent")})
    with pytest.raises(WorkerError, match=r"ModelUnavailable.*absent"):
        await worker.start()
    await worker.stop()


def test_other_weights_than_the_pinned_ones_are_refused(tmp_path: pathlib.Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "other_weights"
    (package / "model").mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "model" / "model.safetensors").write_bytes(b"not those")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(embed, "PACKAGE", "other_weights")
    with pytest.raises(ModelUnavailable, match="sha256"):
        embed.packaged_model()
    monkeypatch.setattr(embed, "PACKAGE", "no_such_package_at_all")
    with pytest.raises(ModelUnavailable, match="not installed"):
        embed.packaged_model()


TINY_WORDS = ("flood", "closes", "the", "harbour", "port", "vote", "fire", "strike", "town")


def tiny_model(folder: pathlib.Path) -> pathlib.Path:
    """A folder with a model of the E5 format: a plain encoder with mean pooling, whose texts begin with "query: "."""
    folder.mkdir()
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "query", ":", *TINY_WORDS]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", "utf-8")
    transformers.BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    transformers.BertModel(transformers.BertConfig(vocab_size=len(words), **sizes)).save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def tiny_e5(tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    return tiny_model(tmp_path_factory.mktemp("models") / "multilingual-e5-tiny")


def test_a_model_of_the_e5_family_gets_its_prompt(tiny_e5: pathlib.Path) -> None:
    texts = ["flood closes the harbour", "vote", "the port", "", "vote"]
    service = embed.EmbedderService(str(tiny_e5))
    assert service.prompt == "query: "
    assert service.model_id.startswith("multilingual-e5-tiny@")
    plain = SentenceTransformer(str(tiny_e5), local_files_only=True)
    expected = plain.encode([f"query: {text}" for text in texts], normalize_embeddings=True)
    found = np.stack(service.vectors(texts))
    assert found.shape == (5, 16)
    assert np.allclose((found * expected).sum(axis=1), 1, atol=1e-3)
    assert all(np.array_equal(a, b) for a, b in zip(found, service.vectors(texts), strict=True))
    assert embed.EmbedderService(str(tiny_e5), prompt="").prompt == ""


def test_batches_hold_texts_of_about_one_length() -> None:
    assert embed.batches([3, 10, 4, 10, 50], 20) == [[4], [1, 3], [2, 0]]
    assert embed.batches([], 20) == []


def test_vectors_travel_unchanged() -> None:
    vector = np.linspace(-1, 1, 384, dtype=np.float32)
    assert np.array_equal(embed.decode([embed.encode_vector(vector)])[0], vector)


def test_what_is_embedded_is_the_headline_and_the_beginning() -> None:
    item = Item("1", "a", 1, "Title", "", "x" * 1000, None, 0.0, 0.0, "A")
    assert embed.embed_text(item) == "Title. " + "x" * embed.EMBED_CHARS
    bare = Item("1", "a", 1, "Title", "", "", None, 0.0, 0.0, "A")
    assert embed.embed_text(bare) == "Title"


def test_the_worker_can_be_awaited_from_two_tasks() -> None:
    async def both() -> list[int]:
        worker = Worker("embed", embed.TARGET, {})
        try:
            answers = await asyncio.gather(*(worker.call("encode", TEXTS[:n], deadline=60) for n in (1, 2)))
        finally:
            await worker.stop()
        return [len(a) for a in answers]

    assert asyncio.run(both()) == [1, 2]


@pytest.mark.parametrize(
    ("wanted", "there", "device"),
    [("auto", True, "cuda"), ("auto", False, "cpu"), ("cpu", True, "cpu"), ("cuda", True, "cuda")],
)
def test_a_gpu_is_used_where_there_is_one(wanted: str, there: bool, device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: there)
    assert embed.device_of(wanted) == device


def test_a_gpu_that_is_wanted_and_not_there_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(ModelUnavailable, match=r"embedder\.device"):
        embed.EmbedderService(device="cuda")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no GPU")
def test_a_gpu_gives_the_vectors_that_the_cpu_gives() -> None:
    on_gpu, on_cpu = (np.array(embed.EmbedderService(device=device).embed(TEXTS)) for device in ("cuda", "cpu"))
    assert float((on_gpu * on_cpu).sum(axis=1).min()) > 0.999
