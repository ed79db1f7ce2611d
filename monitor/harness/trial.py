"""The tests of edited rule files, in a process of their own: the daemon goes on meanwhile, and a test that hangs is killed."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Mapping
from contextlib import closing

from monitor import log
from monitor.config import EmbedderSettings
from monitor.errors import Problem
from monitor.gazetteer import Gazetteer
from monitor.harness.engine import loaded_models
from monitor.harness.ruletests import run_tests
from monitor.model import Json
from rules.load import Surroundings, load_texts

DEADLINE_S = 180.0
"""For all tests of a reload, the loading of the models included."""


class Trials:
    """Tries files when called. What cannot be tried is not refused: the log says so."""

    def __init__(self, embedder: EmbedderSettings, deadline: float = DEADLINE_S) -> None:
        self._embedder, self._deadline = embedder, deadline
        self._log = log.get("rules")

    async def __call__(self, texts: Mapping[str, str], files: frozenset[str]) -> tuple[Problem, ...]:
        """A problem for each test of these files that fails, or one for each file where they do not end in time."""
        asked = json.dumps({"texts": dict(texts), "files": sorted(files), "embedder": self._embedder.model_dump()})
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-P", "-m", "monitor.harness.trial"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(self._deadline):
                out, errors = await process.communicate(asked.encode())
        except TimeoutError:
            late = f"its tests did not end in {self._deadline:g} s"
            return tuple(
                Problem(f, 1, 1, "error", "test", late, "make them fewer, or set rule_tests: off") for f in sorted(files)
            )
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        if process.returncode:
            self._log.error("rules cannot be tested", files=sorted(files), error=errors.decode(errors="replace")[-500:])
            return ()
        return tuple(Problem(*row) for row in json.loads(out))


async def tried(asked: Json) -> list[Problem]:
    """The failing tests of the files that are asked for, in words."""
    with closing(Gazetteer()) as gazetteer:
        loaded = load_texts(asked["texts"], Surroundings(None, "warning", gazetteer))
    rules = [rule for rule in loaded.rules if rule.file in asked["files"]]
    async with loaded_models(EmbedderSettings(**asked["embedder"])) as models:
        results = await run_tests(rules, models)
    hint = "`wirewatch test` shows it; correct the rule or the test"
    return [
        Problem(r.file, r.test.line, 1, "error", "test", f"rule {r.rule}: its test “{r.test.name}” fails: {r.reason}", hint)
        for r in results
        if not r.passed
    ]


def main() -> None:
    """What the process does: a question on standard input, problems on standard output."""
    log.configure("error")
    found = asyncio.run(tried(json.load(sys.stdin)))
    rows = [[p.file, p.line, p.col, p.severity, p.code, p.message, p.hint] for p in found]
    sys.stdout.write(json.dumps(rows))


if __name__ == "__main__":
    main()
