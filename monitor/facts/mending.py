"""What the small model misreads again and again, put right in the tree, so that no reader has to know of it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache

from monitor.facts.lexicon import load
from monitor.facts.trees import Tree

_TELLS = frozenset({"tell", "tells", "told", "telling"})
_LONGEST = 4  # words of an outlet's name


def mended(words: Sequence[str], tree: Tree) -> Tree:
    """The tree of these words with each outlet that is told something hung on the verb: in "told Reuters government forces had
    left" it is no part of the forces."""
    if _TELLS.isdisjoint(words):
        return tree
    heads, labels = [i + distance for i, distance in enumerate(tree[0])], list(tree[1])
    for verb, first, last in _told(words):
        name = range(first, last + 1)
        owner = next((heads[i] for i in name if heads[i] > last), None)
        if owner is None:
            continue
        for i in name:
            heads[i], labels[i] = (verb, "dobj") if i == last else (last, "det" if words[i] == "the" else "compound")
        for i in range(last + 1, len(words)):
            if heads[i] in name:
                heads[i] = owner
    return [head - i for i, head in enumerate(heads)], labels


def _told(words: Sequence[str]) -> Iterator[tuple[int, int, int]]:
    """Verb, first and last word of each outlet that is told something."""
    for verb, word in enumerate(words):
        first = verb + 1
        named = first + (words[first : first + 1] == ["the"])
        if word not in _TELLS:
            continue
        for size in range(_LONGEST, 0, -1):
            if " ".join(words[named : named + size]) in _outlets() and named + size < len(words):
                yield verb, first, named + size - 1
                break


@cache
def _outlets() -> frozenset[str]:
    """Names of media, in lower case, without article."""
    media = (row for row in load("actors")["actors"] if row["kind"] == "media")
    names = (name.lower() for row in media for name in (row["name"], *row.get("aliases", ())))
    return frozenset(name.removeprefix("the ") for name in names)
