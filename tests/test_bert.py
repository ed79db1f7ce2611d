"""The fast way through a plain BERT gives what the model's own modules give; other models go through these."""

from __future__ import annotations

import pathlib
import random
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Pooling, Transformer

from monitor.stories import embed
from monitor.stories.bert import PackedBert, can_pack

WORDS = ("flood", "closes", "the", "harbour", "port", "vote", "fire", "strike", "town", "of", "two", "bridges")
SIZES = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "intermediate_size": 64}
KNOWS_BF16 = torch.ops.mkldnn._is_mkldnn_bf16_supported()


def made(folder: pathlib.Path, kind: str = "Bert", pooling: str = "mean", **config: Any) -> SentenceTransformer:
    """A small model with random weights."""
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    (folder / "vocab.txt").write_text("\n".join(words) + "\n", "utf-8")
    transformers.BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    torch.manual_seed(0)
    settings = getattr(transformers, f"{kind}Config")(vocab_size=len(words), **(SIZES | config))
    getattr(transformers, f"{kind}Model")(settings).save_pretrained(folder)
    inner = Transformer(str(folder))
    return SentenceTransformer(modules=[inner, Pooling(inner.get_embedding_dimension(), pooling)])


def texts() -> list[str]:
    """Of one word up to some hundred, in no order."""
    chance = random.Random(3)
    return ["", *(" ".join(chance.choices(WORDS, k=chance.choice((1, 3, 14, 15, 40, 130)))) for _ in range(30))]


def cosines(a: np.ndarray[Any, Any], b: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    lengths: np.ndarray[Any, Any] = np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1)
    return np.asarray((a * b).sum(axis=1) / lengths)


def test_a_plain_bert_gives_what_its_modules_give(tmp_path: pathlib.Path) -> None:
    model = made(tmp_path)
    expected = model.encode(texts(), normalize_embeddings=True)
    assert can_pack(model) == KNOWS_BF16
    if KNOWS_BF16:
        tokens = model.tokenizer(texts())["input_ids"]
        with torch.inference_mode():
            found = PackedBert(model)(tokens).numpy()
        assert found.shape == expected.shape
        assert cosines(found, expected).min() > 0.999
        assert np.allclose(np.linalg.norm(found, axis=1), np.linalg.norm(model.encode(texts()), axis=1), rtol=0.02)


def test_a_text_gives_the_same_beside_others_as_alone() -> None:
    service = embed.EmbedderService()
    some = ["Flood closes the harbour of Ostrand", "A vote", " ".join(WORDS * 12)]
    alone = np.stack([service.embed([text])[0] for text in some])
    assert cosines(np.stack(service.embed(some)), alone).min() > 0.9995


@pytest.mark.parametrize(
    ("kind", "pooling", "config"),
    [
        ("Bert", "cls", {}),
        ("Bert", "max", {}),
        ("Bert", "mean", {"hidden_act": "relu"}),
        ("Bert", "mean", {"is_decoder": True}),
        ("Electra", "mean", {"embedding_size": 32}),
    ],
)
def test_what_is_no_plain_bert_goes_through_its_own_modules(
    tmp_path: pathlib.Path, kind: str, pooling: str, config: dict[str, Any]
) -> None:
    model = made(tmp_path / "", kind, pooling, **config)
    assert not can_pack(model)
    folder = tmp_path / "saved"
    model.save(str(folder))
    service = embed.EmbedderService(str(folder), bf16=False)
    expected = model.encode(texts(), normalize_embeddings=True)
    assert np.allclose(np.stack(service.embed(texts())), expected, atol=1e-4)


def test_where_one_dnn_is_off_bf16_is_left_alone(monkeypatch: pytest.MonkeyPatch, tmp_path: pathlib.Path) -> None:
    model = made(tmp_path)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: True)
    assert embed._has_fast_bf16(model)
    monkeypatch.setattr(torch.backends.mkldnn, "enabled", False)
    assert not can_pack(model)
    assert not embed._has_fast_bf16(model)


def test_only_the_last_texts_are_remembered() -> None:
    known = embed._Remembered(2, 3)
    rows = {key: np.full(3, n, np.float32) for n, key in enumerate((b"a", b"b", b"c"), 1)}
    known.put(b"a", rows[b"a"])
    known.put(b"b", rows[b"b"])
    assert np.array_equal(known.get(b"a"), rows[b"a"])
    known.put(b"c", rows[b"c"])
    assert known.get(b"b") is None
    assert np.array_equal(known.get(b"a"), rows[b"a"])
    assert np.array_equal(known.get(b"c"), rows[b"c"])
