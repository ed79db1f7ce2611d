"""Another embedding model than the stored vectors come from: the live items are embedded anew, so that none are mixed."""

from __future__ import annotations

from collections.abc import Sequence

from monitor import log
from monitor.language import Language
from monitor.model import StepRecord, Vector
from monitor.stories.embed import embed_text
from storage.base import Store, StoryVector

_CHUNK = 64
_TOLD_EVERY = 16
_PART = "vectors"


async def embed_anew(store: Store, language: Language, live: Sequence[StoryVector], now: float) -> dict[str, Vector]:
    """Vectors by the model that serves now for those live items whose own come from another, or who have none; by item id. They
    are stored as they are made, the latest items first: what is interrupted goes on at the next start. How far it is stands in
    the log and in `language.degraded`. Where the model stops serving, the rest is grouped by words alone."""
    model = language.model_id
    stale = [row.item for row in reversed(live) if row.model_id != model]
    made: dict[str, Vector] = {}
    if model is None or not stale:
        return made
    told = log.get("language")
    for at in range(0, len(stale), _CHUNK):
        if at % (_CHUNK * _TOLD_EVERY) == 0:
            told.info("embedding live items anew", model=model, done=at, of=len(stale))
        language.degraded[_PART] = f"live items are embedded anew by {model}: {at} of {len(stale)}"
        chunk = stale[at : at + _CHUNK]
        found = await language.embed_texts([embed_text(item) for item in chunk])
        fresh = {item.id: vector for item, vector in zip(chunk, found, strict=True) if vector is not None}
        if not fresh:
            told.warning("the model stopped serving: the rest is grouped by words", model=model, done=at, of=len(stale))
            break
        await store.commit_steps([StepRecord(at=now, model_id=model, vectors=tuple(fresh.items()))])
        made |= fresh
    else:
        told.info("live items are embedded anew", model=model, items=len(stale))
    language.degraded.pop(_PART, None)
    return made
