"""Ledgers as bytes: their JSON, deflated with the words that most of them have, to two fifths of their length."""

from __future__ import annotations

import json
import zlib

from monitor.codec import dumps
from monitor.model import Json

_LEVEL, _RAW, _MEMORY = 6, -15, 8
# Part of the format: with one character changed, no ledger that was stored before could be read.
_WORDS = (
    b'{"places":[],"ids":{"v":1,"feed":","posts":,"mean":,"longest":,"told":0.0}{"v":1,"story":"","entries":[{"key":"","slots":'
    b'{"metric":"killed","category":"people","scope":"incident","name":null,"place":"","place_id":"","since":null,"cause":null},'
    b'"series":{"metric":"killed","best":[,,"exact"],"best_at":,"revised":false,"disputed":false,"rows":[[[,"at_least"],"","",""]'
    b'],"past":[],"left":[],"held":null},"story":"","opened":.0{"v":1,"story":"","first":17,"last":17,"since":17,"origins":[["",'
    b'17,17]],"hours":[[49,1]],"told":0.0}{"v":1,"speaker":"","said":[{"key":"","quote":" the ","text":"","denies":false,'
    b'"first":17,"last":17,"story":"","origins":["source:"]}]}'
)


def pack(state: Json) -> bytes:
    """What the store keeps of a ledger's state."""
    return pack_text(dumps(state))


def pack_text(text: str) -> bytes:
    """The same of its JSON."""
    deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, _RAW, _MEMORY, zlib.Z_DEFAULT_STRATEGY, _WORDS)
    return deflate.compress(text.encode()) + deflate.flush()


def unpack(packed: bytes) -> Json:
    """The state that was packed. Raises zlib.error for bytes that are none."""
    inflate = zlib.decompressobj(_RAW, zdict=_WORDS)
    state: Json = json.loads(inflate.decompress(packed) + inflate.flush())
    return state
