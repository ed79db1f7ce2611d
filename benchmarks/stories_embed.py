"""How fast texts are embedded, beside the library's own `encode` in one run, and how near bf16 comes to fp32.

    python benchmarks/stories_embed.py [--texts 256] [--tokens 73]

Texts are random English words, about as many as give `--tokens` tokens each, a third more or less. Times are processor time of
one thread.
"""

from __future__ import annotations

import argparse
import random
import time
from collections.abc import Callable, Sequence

import numpy as np
import torch
from sentence_transformers import SentenceTransformer

from monitor.stories.embed import EmbedderService, packaged_model


def sample(count: int, tokens: int, tokenizer: Callable[..., dict[str, list[list[int]]]], words: Sequence[str]) -> list[str]:
    """Texts of about so many tokens."""
    chance = random.Random(0)  # noqa: S311 - sample text
    made = [" ".join(chance.choices(words, k=int(tokens * chance.uniform(0.67, 1.33)) - 2)) for _ in range(count)]
    print(f"{np.mean([len(t) for t in tokenizer(made)['input_ids']]):.0f} tokens a text")
    return made


def timed(name: str, count: int, work: Callable[[], object]) -> float:
    """Texts per second of processor time."""
    began = time.process_time()
    work()
    rate = count / (time.process_time() - began)
    print(f"{name:12} {rate:6.1f} texts/s", flush=True)
    return rate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--texts", type=int, default=256)
    parser.add_argument("--tokens", type=int, default=73)
    args = parser.parse_args()
    service, bf16 = EmbedderService(bf16=False), EmbedderService(bf16=True)
    model = SentenceTransformer(str(packaged_model()), local_files_only=True)
    plain = [w for w in model.tokenizer.get_vocab() if w.isascii() and w.isalpha()]
    texts = sample(args.texts, args.tokens, model.tokenizer, sorted(plain))
    amx, avx = torch.cpu._is_amx_tile_supported(), torch.cpu._is_avx512_bf16_supported()
    print(f"AMX {amx}, AVX-512 bf16 {avx}, threads {torch.get_num_threads()}")
    service.vectors(["warm up"])
    rates = [
        (
            timed("encode", len(texts), lambda: model.encode(texts, normalize_embeddings=True, show_progress_bar=False)),
            timed("ours, fp32", len(texts), lambda: service.embed(texts)),
            timed("ours, bf16", len(texts), lambda: bf16.embed(texts)),
        )
        for _ in range(2)
    ]
    one, two, three = np.mean(rates, axis=0)
    a, b = np.stack(service.embed(texts)), np.stack(bf16.embed(texts))
    library = model.encode(texts, normalize_embeddings=True, show_progress_bar=False)
    print(f"ours / encode {two / one:.2f}, bf16 / encode {three / one:.2f}")
    print(f"cosine to encode: fp32 {(a * library).sum(axis=1).mean():.6f}, bf16 {(b * library).sum(axis=1).mean():.6f}")


if __name__ == "__main__":
    main()
