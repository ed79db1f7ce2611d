"""Ledgers, and edges of deliveries, as bytes: their JSON, deflated with what most of it has, to two fifths of its length."""

from __future__ import annotations

import json
import zlib

from monitor.codec import dumps
from monitor.model import Json

_LEVEL, _RAW, _MEMORY = 6, -15, 8
# Part of the format: with one character changed, nothing that was stored before could be read.
_LEDGER = (
    b'{"places":[],"ids":{"v":1,"feed":","posts":,"mean":,"longest":,"told":0.0}{"v":1,"story":"","entries":[{"key":"","slots":'
    b'{"metric":"killed","category":"people","scope":"incident","name":null,"place":"","place_id":"","since":null,"cause":null},'
    b'"series":{"metric":"killed","best":[,,"exact"],"best_at":,"revised":false,"disputed":false,"rows":[[[,"at_least"],"","",""]'
    b'],"past":[],"left":[],"held":null},"story":"","opened":.0{"v":1,"story":"","first":17,"last":17,"since":17,"origins":[["",'
    b'17,17]],"hours":[[49,1]],"told":0.0}{"v":1,"speaker":"","said":[{"key":"","quote":" the ","text":"","denies":false,'
    b'"first":17,"last":17,"story":"","origins":["source:"]}]}'
)

_EDGE = (
    b'"gates":[["status",true,"claimed"],["sources",true,"confidence",["relevant",false,null],"cause":"state_of_mind","mode":'
    b'"speaker_id":"","role":"","affiliation":"","stance":"","complete":"change":"captured","lost","gainer":"","loser":"",'
    b'"qualifier":"at_least","around","exact","category":"people","civilians","soldiers","scope":"incident","cumulative",'
    b'"country":"","place_id":"","lat":,"lon":,"opened_at":17}][{"alert":"","n":1,"edge":"opened","updated","confirmed",'
    b'"corrected","denied","at":17,"rule":"","severity":"high","events":["NEW_FIGURE","INCREASED","NEW_STATEMENT","CAPTURED"],'
    b'"key":"","story_id":"","story_title":"","title":"","old":{"low":,"high":,"qualifier":"exact"},"new":{"low":,"high":},'
    b'"items":[""],"facts":[{"id":".1","start":,"end":,"evidence":"","status":"asserted","source":"","source_kind":"official",'
    b'"confidence":0.,"anchored":true,"kind":"casualty","metric":"killed","wounded","kind":"statement","speaker":"","quote":"",'
    b'"cue":"said","kind":"territory"}],"evidence":[{"item_id":"","outlet":"","published":17,"link":"https://www.","sentence":"'
    b'"source":""}],"description":"","owner":"","place":"","origins":1,"unconfirmed":true,"published":17,"seen":17,"why":" the '
)


def pack(state: Json) -> bytes:
    """What the store keeps of a ledger's state."""
    return pack_text(dumps(state))


def pack_text(text: str) -> bytes:
    """The same of its JSON."""
    return _deflated(text, _LEDGER)


def unpack(packed: bytes) -> Json:
    """The state that was packed. Raises zlib.error for bytes that are none."""
    state: Json = json.loads(_inflated(packed, _LEDGER))
    return state


def pack_edges(text: str) -> bytes:
    """What the store keeps of the JSON of a delivery's edges."""
    return _deflated(text, _EDGE)


def unpack_edges(packed: bytes) -> str:
    """The JSON that was packed. Raises zlib.error for bytes that are none."""
    return _inflated(packed, _EDGE)


def _deflated(text: str, words: bytes) -> bytes:
    deflate = zlib.compressobj(_LEVEL, zlib.DEFLATED, _RAW, _MEMORY, zlib.Z_DEFAULT_STRATEGY, words)
    return deflate.compress(text.encode()) + deflate.flush()


def _inflated(packed: bytes, words: bytes) -> str:
    inflate = zlib.decompressobj(_RAW, zdict=words)
    return (inflate.decompress(packed) + inflate.flush()).decode()
