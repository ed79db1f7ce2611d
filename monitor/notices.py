"""Notices to the operator as rows of the outbox, beside alerts: the same promises hold for both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from monitor.model import TRIED_FOR_S, Delivery, make_id
from notifiers.base import Notice, Notifiers


def notice_deliveries(
    notice: Notice, to: Sequence[str], notifiers: Notifiers, ident: str | None = None
) -> tuple[Delivery, ...]:
    """One row for each recipient of each of these notifiers. The same notice gives the same rows; where `ident` is given,
    whatever else carries it does, and the outbox takes only the first."""
    ident = make_id("notice", ident) if ident else make_id("notice", notice.subject, *notice.lines, str(notice.at))
    return tuple(
        Delivery(
            key=f"notice-{ident}/1/{name}/{recipient}",
            lane=f"notice-{ident}/{name}/{recipient}",
            notifier=name,
            recipient=recipient,
            created=notice.at,
            due=notice.at,
            expires=notice.at + TRIED_FOR_S,
            payload=notifiers[name].render_notice(notice, recipient),
        )
        for name in dict.fromkeys(to)
        if name in notifiers
        for recipient in notifiers[name].recipients
    )


class Owners:
    """Who is told what concerns a rule: the notifiers of its owner, else the operator's."""

    def __init__(self, owners: Mapping[str, Sequence[str]], operator: Sequence[str], notifiers: Notifiers) -> None:
        self._owners, self._operator, self._notifiers = owners, operator, notifiers

    def __call__(self, owner: str | None, notice: Notice, ident: str) -> tuple[Delivery, ...]:
        return notice_deliveries(notice, self._owners.get(owner or "") or self._operator, self._notifiers, ident)
