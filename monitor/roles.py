"""What a worker may do: one process does all of it, or several on several hosts share it over one PostgreSQL store."""

from __future__ import annotations

import difflib
from enum import StrEnum


class Role(StrEnum):
    """A share of the work; what belongs to each stands in `monitor.duties`."""

    COLLECT = "collect"
    UNDERSTAND = "understand"
    DELIVER = "deliver"
    WEB = "web"


ALL = frozenset(Role)
Roles = frozenset[Role]


def read_roles(text: str) -> Roles:
    """`collect,deliver` as a set. Raises ValueError where a word is no role, or there is none."""
    words = [word.strip() for word in text.split(",") if word.strip()]
    known = ", ".join(Role)
    if not words:
        raise ValueError(f"a worker has one role at least: {known}")
    for word in words:
        if word not in set(Role):
            near = difflib.get_close_matches(word, list(Role), 1)
            hint = f"did you mean {near[0]}? " if near else ""
            raise ValueError(f"{word!r} is no role; {hint}the roles are {known}")
    return frozenset(Role(word) for word in words)


def in_order(roles: Roles) -> tuple[str, ...]:
    """As they are shown: in the order in which an item meets them."""
    return tuple(role.value for role in Role if role in roles)
