"""What only SQLite's rows need."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

import numpy as np

from monitor.model import Delivery, Vector
from storage import records, rows
from storage.rows import DELIVERY, Row, columns
from storage.sqlite_packed import pack_edges, unpack_edges

Connection = sqlite3.Connection
_EDGES = DELIVERY.index("edges")


def insert(table: str, names: Sequence[str], conflict: str = "") -> str:
    """An INSERT of these columns; `conflict` is what follows ON CONFLICT."""
    marks = ", ".join("?" * len(names))
    return f"INSERT INTO {table} ({columns(names)}) VALUES ({marks})" + (f" ON CONFLICT {conflict}" if conflict else "")


def vector_blob(vector: Vector) -> bytes:
    """Half precision, little-endian: half the space, and the cosine of two such vectors moves by less than .0001."""
    return vector.astype("<f2").tobytes()


def vector_of(blob: bytes) -> Vector:
    return np.frombuffer(blob, dtype="<f2").astype(np.float32)


def new_delivery_row(delivery: Delivery, digest: bool) -> Row:
    """`records.new_delivery_row` with packed edges: they stand in `alert_edges`, too."""
    row = list(records.new_delivery_row(delivery, digest))
    row[_EDGES] = pack_edges(row[_EDGES])
    return row


def delivery_of(row: Row) -> Delivery:
    values = list(row)
    values[_EDGES] = unpack_edges(values[_EDGES])
    return rows.delivery_of(values)
