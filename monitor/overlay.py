"""What a batch has decided and not yet committed, laid over the store: later items of the batch see both."""

from __future__ import annotations

from collections.abc import Sequence

from monitor.judging import StateKey
from monitor.model import Json, RuleState, StepRecord
from monitor.steps import LedgerKey
from storage.base import Store

_MANY = 40
"""So many memories are not asked for one by one."""


class Overlay:
    """The store as the rest of a batch must see it: what is committed, with what the batch has decided on top."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._ledgers: dict[LedgerKey, Json | None] = {}
        self._rules: dict[StateKey, Json | None] = {}

    async def ledgers(self, keys: Sequence[LedgerKey]) -> dict[LedgerKey, Json]:
        missing = [key for key in keys if key not in self._ledgers]
        if missing:
            self._ledgers |= dict.fromkeys(missing) | dict(await self._store.ledgers(missing))
        return {key: row for key in keys if (row := self._ledgers[key]) is not None}

    async def rules(self, keys: Sequence[StateKey]) -> dict[StateKey, Json]:
        missing = list(dict.fromkeys(key for key in keys if key not in self._rules))
        if len(missing) > _MANY:
            # Most rules remember nothing of what a step is about: ask which do, once for all.
            self._rules |= dict.fromkeys(missing)
            known = await self._store.remembering(list(dict.fromkeys(key for _, key in missing)))
            missing = [(rule, key) for rule, key in missing if rule in known.get(key, ())]
        if missing:
            self._rules |= dict.fromkeys(missing) | dict(await self._store.rule_states(missing))
        return {key: row for key in keys if (row := self._rules[key]) is not None}

    async def memories(self, keys: Sequence[str]) -> list[RuleState]:
        """What rules remember of these keys, in the store or since."""
        stored = {(m.rule, m.key): m.state for m in await self._store.rule_memories(keys)}
        since = {key: row for key, row in self._rules.items() if key[1] in keys and row is not None}
        return [RuleState(rule, key, row) for (rule, key), row in (stored | since).items()]

    async def remembering(self, keys: Sequence[str]) -> dict[str, frozenset[str]]:
        """By key, the rules that remember it, in the store or since."""
        if not keys:
            return {}
        found = dict(await self._store.remembering(keys))
        for rule, key in self._rules:
            if key in keys and self._rules[rule, key] is not None:
                found[key] = found.get(key, frozenset()) | {rule}
        return found

    def put(self, record: StepRecord) -> None:
        self._ledgers |= {(state.ledger, state.key): state.state for state in record.ledgers}
        self._rules |= {(state.rule, state.key): state.state for state in record.rule_states}
