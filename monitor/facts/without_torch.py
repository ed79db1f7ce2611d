"""Keep torch out of a process that only parses: it adds 150 MB and seconds to the start, and the reader never uses it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_torch() -> Iterator[None]:
    """While it lasts `import torch` fails as where it is not installed. thinc, under spaCy, looks for it once, at import. Where
    torch is loaded already there is nothing to save, and nothing changes."""
    hidden = "torch" not in sys.modules
    if hidden:
        sys.modules["torch"] = None  # type: ignore[assignment]  # the import system's own sign for "there is none"
    try:
        yield
    finally:
        if hidden:
            del sys.modules["torch"]
