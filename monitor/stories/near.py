"""The rows whose vectors are nearest: by all cosines, or in a graph of them where they are too many for that.

The graph (`usearch`, vectors as signed bytes) is a cache of the matrix: built from it, never stored, and left out where the
library is not installed. It finds nearly all of the nearest; the cosines themselves always come from the matrix.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Found = NDArray[np.int64]
Vectors = NDArray[np.float32]

_SAMPLED, _STRIDE = 4096, 16
_EXPANSION = 160  # how many places of the graph a search holds in view: more finds more and takes longer


def nearest(cosines: NDArray[np.float32], count: int) -> Found:
    """Where the highest cosines stand. Among many, only those above what a sample promises are looked at."""
    among = np.arange(len(cosines))
    if len(cosines) > _SAMPLED:
        sample = cosines[::_STRIDE]
        at = len(sample) - 2 - 2 * count // _STRIDE
        above = np.flatnonzero(cosines >= np.partition(sample, at)[at])
        among = above if len(above) >= count else among
    if len(among) <= count:
        return among
    return np.asarray(among[np.argpartition(-cosines[among], count - 1)[:count]], np.int64)


class Graph:
    """Rows by their vectors, in a graph that is searched from neighbour to neighbour. One thread, so that the same rows in the
    same order give the same graph."""

    def __init__(self, dim: int) -> None:
        from usearch.index import Index  # optional, and wanted only where very many items are live

        self._index: Any = Index(ndim=dim, metric="cos", dtype="i8", expansion_search=_EXPANSION)

    @staticmethod
    def installed() -> bool:
        """Whether the library is there."""
        return importlib.util.find_spec("usearch") is not None

    def add(self, rows: Sequence[int], vectors: Vectors) -> None:
        """These rows have these unit vectors now. None of them may be in it."""
        self._index.add(np.asarray(rows, np.uint64), vectors, threads=1)

    def remove(self, row: int) -> None:
        """The row has no vector any more; nothing happens if it had none."""
        self._index.remove(row)

    def nearest(self, vectors: Vectors, count: int) -> list[Found]:
        """The rows nearest to each of these, nearest first, nearly all of them right."""
        found = self._index.search(vectors, count, threads=1)
        if len(vectors) == 1:
            return [np.asarray(found.keys, np.int64).ravel()]
        return [np.asarray(keys[:n], np.int64) for keys, n in zip(found.keys, found.counts, strict=True)]
