"""A story on one sheet, for people and programs: its life, who reports it, where, who acts in it, what is believed, its edits.

sheet = await look(store, story, now)     to_json(sheet) for programs, lines(...) of that for people
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from monitor.clock import iso
from monitor.ledger import control, figures, life, statements
from monitor.ledger.names import fold
from monitor.model import Bounds, Fact, Json, LedgerName, Statement, Story, TerritoryChange
from monitor.wording import figure
from storage.base import KeptEdit, Store, StoryMember

_ACTORS = 5
_MOST_EDITS = 50


@dataclass(frozen=True, slots=True)
class Sheet:
    """A story as it stands. `actors` are those whom most of its items name as acting or speaking. `figures`, `control` and
    `statements` are its ledger; they, `edits` and the single items are only looked up for a whole sheet."""

    story: Story
    phase: str
    first_published: float
    last_published: float
    outlets: tuple[str, ...]
    families: tuple[str, ...]
    origins: tuple[str, ...]
    actors: tuple[str, ...]
    figures: tuple[Json, ...] = ()
    control: tuple[Json, ...] = ()
    statements: tuple[Json, ...] = ()
    members: tuple[StoryMember, ...] = ()
    edits: tuple[KeptEdit, ...] = ()
    whole: bool = False


async def look(store: Store, story: Story, now: float, *, whole: bool = False) -> Sheet:
    """The sheet of a story. `now` says in which phase it is."""
    members, told = await store.members(story.id), await store.story_facts(story.id)
    lived = life.rebuilt(story.id, ((m.origin, m.item.published) for m in members))
    keys: list[tuple[LedgerName, str]] = [("figures", story.id), ("stories", story.id)]
    states = await store.ledgers(keys)
    places = states.get(("stories", story.id), {}).get("places", ())
    speakers = dict.fromkeys(statements.speaker_key(fact) for _, fact in told if isinstance(fact, Statement))
    states = dict(states) | dict(
        await store.ledgers([*(("control", p) for p in places), *(("statements", s) for s in speakers)])
    )
    return Sheet(
        story=story,
        phase=life.phase(lived, now),
        first_published=lived.first,
        last_published=lived.last,
        outlets=tuple(sorted({m.item.outlet for m in members})),
        families=tuple(sorted({m.family for m in members})),
        origins=tuple(sorted({m.origin for m in members})),
        actors=actors(told),
        figures=_figures(states.get(("figures", story.id))),
        control=tuple(row for p in places if (row := _control(states.get(("control", p)))) is not None),
        statements=tuple(row for s in speakers for row in _statements(states.get(("statements", s)), story.id)),
        members=tuple(members) if whole else (),
        edits=tuple(await store.story_edits(_MOST_EDITS, story_id=story.id)) if whole else (),
        whole=whole,
    )


def actors(told: Sequence[tuple[str, Fact]]) -> tuple[str, ...]:
    """Whom most items name as taking, losing or speaking, the most named first, each as it is most often written."""
    named: dict[str, Counter[str]] = {}
    items: dict[str, set[str]] = {}
    for item, fact in told:
        for name, canonical in _acting(fact):
            key = canonical or fold(name)
            named.setdefault(key, Counter())[name] += 1
            items.setdefault(key, set()).add(item)
    ranked = sorted(named, key=lambda key: (-len(items[key]), key))
    return tuple(max(named[key].items(), key=lambda form: (form[1], form[0]))[0] for key in ranked[:_ACTORS])


def _acting(fact: Fact) -> list[tuple[str, str | None]]:
    if isinstance(fact, TerritoryChange):
        return [(name, id) for name, id in ((fact.gainer, fact.gainer_id), (fact.loser, fact.loser_id)) if name]
    return [(fact.speaker, fact.speaker_id)] if isinstance(fact, Statement) else []


# ------------------------------------------------------------------------------------------------------------------ the ledger


def _figures(row: Json | None) -> tuple[Json, ...]:
    entries = () if row is None else figures.Figures.from_json(row).entries
    return tuple(
        {
            "metric": e.slots.metric,
            "category": e.slots.category,
            "scope": e.slots.scope,
            "name": e.slots.name,
            "place": e.slots.place,
            "since": e.slots.since,
            "low": e.series.spread.low if e.series.spread else None,
            "best": {"low": e.series.best.low, "high": e.series.best.high, "qualifier": e.series.best.qualifier},
            "high": e.series.spread.high if e.series.spread else None,
            "origins": len({r.origin for r in e.series.rows}),
            "disputed": e.series.disputed,
            "waiting": e.series.held is not None,
        }
        for e in entries
        if e.series.best is not None
    )


def _control(row: Json | None) -> Json | None:
    state = None if row is None else control.Control.from_json(row)
    if state is None or not state.level:
        return None
    return {
        "place": state.place,
        "state": state.level,
        "holder": state.holder.name if state.holder else None,
        "before": state.before.name if state.before else None,
        "denied": state.denied,
        "since": iso(state.since),
        "origins": len(state.origins),
    }


def _statements(row: Json | None, story_id: str) -> list[Json]:
    state = None if row is None else statements.Statements.from_json(row)
    said = () if state is None else state.said
    return [
        {"speaker": state.speaker, "quote": s.quote, "first": iso(s.first), "origins": len(s.origins)}
        for s in said
        if state is not None and s.story_id == story_id
    ]


# ------------------------------------------------------------------------------------------------- for programs and for people


def to_json(sheet: Sheet) -> Json:
    """The sheet for programs. `origins` counts independent ones, wire copies folded into whom they copy."""
    story = sheet.story
    row: Json = {
        "id": story.id,
        "title": story.title,
        "phase": sheet.phase,
        "items": story.items,
        "first_seen": iso(story.first_seen),
        "last_seen": iso(story.last_seen),
        "country": story.country,
        "place": story.place,
        "actors": list(sheet.actors),
        "outlets": list(sheet.outlets),
        "families": list(sheet.families),
        "origins": len(sheet.origins),
        "ledger": {"figures": list(sheet.figures), "control": list(sheet.control), "statements": list(sheet.statements)},
    }
    if sheet.whole:
        row["members"] = [_member(m) for m in sheet.members]
        row["edits"] = [edit_to_json(kept) for kept in sheet.edits]
    return row


def _member(m: StoryMember) -> Json:
    return {
        "id": m.item.id,
        "title": m.item.title,
        "outlet": m.item.outlet,
        "published": iso(m.item.published),
        "link": m.item.link,
        "origin": m.origin,
        "copy_of": m.copy_of,
        "pinned": m.pinned,
    }


def edit_to_json(kept: KeptEdit) -> Json:
    """An edit for programs."""
    edit = kept.edit
    return {
        "id": edit.id,
        "at": iso(edit.at),
        "kind": edit.kind,
        "story": edit.story_id,
        "into": edit.into,
        "items": list(edit.items),
        "by": edit.by,
        "note": edit.note,
        "undoes": edit.undoes,
        "undone_by": kept.undone_by,
    }


def edit_line(row: Json) -> str:
    """What an edit did, in a line."""
    items = ", ".join(row["items"])
    words = {
        "merge": f"merged {row['story']} into {row['into']}",
        "split": f"split {items} from {row['story']} into {row['into']}",
        "pin": f"pinned {items} to {row['story']}",
        "undo": f"undid {row['undoes']}",
    }
    return words[row["kind"]]


def lines(row: Json) -> list[str]:
    """A whole sheet, as `to_json` gives it, for people."""
    went = [f"story {row['asked']} went into this one"] if "asked" in row else []
    where = ", ".join(v for v in (row["place"], row["country"]) if v) or "no place known"
    ledger = row["ledger"]
    return [
        row["title"],
        *went,
        f"story {row['id']}: {row['phase']}; first seen {row['first_seen']}, last change {row['last_seen']}; {where}",
        f"{row['items']} items of {len(row['outlets'])} outlets, {len(row['families'])} publisher families, "
        f"{row['origins']} independent origins",
        *([f"actors: {', '.join(row['actors'])}"] if row["actors"] else []),
        *_block("figures", [_figure_line(f) for f in ledger["figures"]]),
        *_block("control", [_control_line(c) for c in ledger["control"]]),
        *_block("statements", [f"{s['speaker']}: “{s['quote']}” ({s['origins']} origins)" for s in ledger["statements"]]),
        *_block("items", [_item_line(m) for m in row["members"]]),
        *_block("edits", [f"{e['id']} {e['at']} {edit_line(e)}, by {e['by']} {e['note']}".rstrip() for e in row["edits"]]),
    ]


def _block(name: str, rows: Sequence[str]) -> list[str]:
    return ["", f"{name}:", *(f"  {row}" for row in rows)] if rows else []


def _figure_line(f: Json) -> str:
    of = "" if f["category"] == "people" else f" {f['category']}"
    where = f" in {f['place']}" if f["place"] else ""
    best: dict[str, Any] = f["best"]
    said = f"{figure(Bounds(best['low'], best['high'], best['qualifier']))}{of} {f['metric']}{where}"
    spread = f"low {f['low']}, high {f['high']}, {f['origins']} origins"
    return f"{said} ({spread})" + ("; disputed" if f["disputed"] else "") + ("; a jump waits" if f["waiting"] else "")


def _control_line(c: Json) -> str:
    who = c["holder"] or "nobody known"
    before = f", before {c['before']}" if c["before"] else ""
    return f"{c['place']}: {c['state']} by {who}{before} since {c['since']}" + ("; denied" if c["denied"] else "")


def _item_line(m: Json) -> str:
    marks = [w for w, on in (("pinned", m["pinned"]), (f"copy of {m['copy_of']}", m["copy_of"])) if on]
    return f"{m['id']} {m['published']} {m['outlet']}: {m['title']}" + (f" ({', '.join(marks)})" if marks else "")
