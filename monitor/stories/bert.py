"""A plain BERT with mean pooling, run in bf16 faster than by its own modules: weights are laid out once as the CPU wants them,
words of all texts stand one below the other without padding, and only attention sees texts side by side.

`can_pack` tells whether a model is one; every other model runs through its own modules.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

_ROWS = 64  # rows of all texts are filled up to a multiple of this, and
_WIDE = 16  # texts beside one another to a multiple of this: machine code is made and kept for every other shape
_AS_LAID_OUT = 1024  # rows for which the layout of weights is chosen


@dataclass(frozen=True, slots=True)
class _Linear:
    weight: Tensor  # laid out by oneDNN
    bias: Tensor

    def __call__(self, given: Tensor, then: str = "none") -> Tensor:
        made: Tensor = torch.ops.mkldnn._linear_pointwise(given, self.weight, self.bias, then, [], "none")
        return made

    def added(self, given: Tensor, to: Tensor) -> Tensor:
        made: Tensor = torch.ops.mkldnn._linear_pointwise.binary(given, to, self.weight, self.bias, "add")
        return made


@dataclass(frozen=True, slots=True)
class _Norm:
    weight: Tensor
    bias: Tensor
    eps: float

    def __call__(self, given: Tensor) -> Tensor:
        return functional.layer_norm(given, self.weight.shape, self.weight, self.bias, self.eps)


@dataclass(frozen=True, slots=True)
class _Layer:
    three: _Linear  # queries, keys and values; queries are scaled
    out: _Linear
    after_out: _Norm
    up: _Linear
    down: _Linear
    after_down: _Norm


class PackedBert:
    """Made of a `SentenceTransformer` for which `can_pack` is true."""

    def __init__(self, model: Any) -> None:
        bert = _network(model)
        words = bert.embeddings
        self._heads: int = bert.config.num_attention_heads
        with torch.inference_mode():
            # A copy in half the bits: nothing then holds the file of weights, which is mapped, in memory.
            self._words = words.word_embeddings.weight.bfloat16()
            self._places = words.position_embeddings.weight + words.token_type_embeddings.weight[0]
            self._first = _norm(words.LayerNorm)
            self._layers = [_layer(layer, self._heads) for layer in bert.encoder.layer]

    def __call__(self, texts: Sequence[Sequence[int]]) -> Tensor:
        """A float32 row for each text, given as the numbers of its tokens: the mean of its tokens' last vectors."""
        lengths = torch.tensor([len(text) for text in texts])
        count = int(lengths.sum())
        filled = -(-count // _ROWS) * _ROWS
        ids, place = torch.zeros(filled, dtype=torch.long), torch.zeros(filled, dtype=torch.long)
        ids[:count] = torch.tensor([token for text in texts for token in text], dtype=torch.long)
        place[:count] = torch.cat([torch.arange(len(text)) for text in texts])
        owner = torch.repeat_interleave(torch.arange(len(texts)), lengths)
        attention = _Attention(lengths, owner, place[:count], filled, self._heads)
        now = self._first(self._words[ids] + self._places[place]).bfloat16()
        for layer in self._layers:
            seen = attention(layer.three(now))
            now = layer.after_out(layer.out.added(seen, now))
            now = layer.after_down(layer.down.added(layer.up(now, "gelu"), now))
        total = torch.zeros(len(texts), now.shape[1]).index_add_(0, owner, now[:count].float())
        return total / lengths.clamp(min=1)[:, None]


class _Attention:
    """Attention within each text of a batch: where rows go to stand side by side, and back."""

    def __init__(self, lengths: Tensor, owner: Tensor, place: Tensor, filled: int, heads: int) -> None:
        self._count, self._heads = len(lengths), heads
        self._wide = -(-max(1, int(lengths.max())) // _WIDE) * _WIDE
        side = owner * self._wide + place
        self._to = torch.zeros(self._count * self._wide, dtype=torch.long)
        self._to[side] = torch.arange(len(side))
        self._back = torch.zeros(filled, dtype=torch.long)
        self._back[: len(side)] = side
        past = torch.arange(self._wide) >= lengths[:, None]
        self._mask = torch.zeros(self._count, 1, 1, self._wide).masked_fill(past[:, None, None], -torch.inf)

    def __call__(self, three: Tensor) -> Tensor:
        count, heads, wide = self._count, self._heads, self._wide
        parts = three.index_select(0, self._to).view(count, wide, 3, heads, -1).permute(2, 0, 3, 1, 4)
        query, key, value = parts.reshape(3, count * heads, wide, -1)
        scores = torch.bmm(query, key.transpose(1, 2)).float().view(count, heads, wide, wide)
        # In float32: bf16 takes three times as long here.
        shares = torch.softmax(scores.add_(self._mask), -1).bfloat16().view(count * heads, wide, wide)
        seen = torch.bmm(shares, value).view(count, heads, wide, -1).transpose(1, 2)
        return seen.reshape(count * wide, -1).index_select(0, self._back)


def can_pack(model: Any) -> bool:
    """Whether a `SentenceTransformer` is a BERT as published in 2018 with the mean of its tokens' vectors as the text's, and
    nothing else that changes it; and oneDNN serves here and knows bf16."""
    if not (torch.backends.mkldnn.enabled and torch.ops.mkldnn._is_mkldnn_bf16_supported()):
        return False
    names = [type(module).__name__ for module in model]
    bert = _network(model)
    if names[:2] != ["Transformer", "Pooling"] or names[2:] not in ([], ["Normalize"]) or type(bert).__name__ != "BertModel":
        return False
    pooling, config = model[1].get_config_dict(), bert.config
    return (
        pooling.get("pooling_mode") == "mean"
        and pooling.get("include_prompt", True)
        and config.hidden_act == "gelu"
        and getattr(config, "position_embedding_type", "absolute") == "absolute"
        and not (config.is_decoder or config.add_cross_attention)
    )


def _network(model: Any) -> Any:
    return getattr(model[0], "auto_model", None)


def _layer(layer: Any, heads: int) -> _Layer:
    own, out = layer.attention.self, layer.attention.output
    scale = (own.query.weight.shape[0] // heads) ** -0.5
    three = _linear(
        torch.cat([own.query.weight * scale, own.key.weight, own.value.weight]),
        torch.cat([own.query.bias * scale, own.key.bias, own.value.bias]),
    )
    return _Layer(
        three,
        _linear(out.dense.weight, out.dense.bias),
        _norm(out.LayerNorm),
        _linear(layer.intermediate.dense.weight, layer.intermediate.dense.bias),
        _linear(layer.output.dense.weight, layer.output.dense.bias),
        _norm(layer.output.LayerNorm),
    )


def _linear(weight: Tensor, bias: Tensor) -> _Linear:
    return _Linear(torch.ops.mkldnn._reorder_linear_weight(weight.bfloat16().contiguous(), _AS_LAID_OUT), bias.bfloat16())


def _norm(norm: Any) -> _Norm:
    return _Norm(norm.weight.detach().clone(), norm.bias.detach().clone(), norm.eps)
