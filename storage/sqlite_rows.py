"""What only SQLite's rows need."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import numpy as np

from monitor.model import Vector
from storage.rows import columns

Connection = sqlite3.Connection


def insert(table: str, names: Sequence[str], conflict: str = "") -> str:
    """An INSERT of these columns; `conflict` is what follows ON CONFLICT."""
    marks = ", ".join("?" * len(names))
    return f"INSERT INTO {table} ({columns(names)}) VALUES ({marks})" + (f" ON CONFLICT {conflict}" if conflict else "")


def vector_blob(vector: Vector) -> bytes:
    """Half precision, little-endian: half the space, and the cosine of two such vectors moves by less than .0001."""
    return vector.astype("<f2").tobytes()


def vector_of(blob: bytes) -> Vector:
    return np.frombuffer(blob, dtype="<f2").astype(np.float32)
