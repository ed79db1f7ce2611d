"""Templates made of pieces of the language and of whatever else, given to the process that renders operators' templates.

    python benchmarks/fuzz_templates.py [--seconds 600] [--seed 1]

Whatever a template is, its text or what is wrong with it comes back soon after the deadline, this process lives on, and no text
holds what only an escape from the sandbox could have seen. Ends with 1 where that is not so.
"""

from __future__ import annotations

import argparse
import asyncio
import dataclasses
import json
import os
import random
import sys
import time
from collections import Counter
from pathlib import Path

from notifiers.samples import SAMPLES
from notifiers.templates import Source, Templates, template_worker

CANARY = "canary-7f3a9c"
HOSTILE = "<script>alert(1)</script>\"' onload=x"
DEADLINE_S = 0.3
ODD = 0.06  # how often something is picked that a template should not need
GRACE_S = 5.0  # a new process starts in it, on a busy machine

_NAMES = (
    "message",
    "edges",
    "subject",
    "text",
    "message.cards",
    "message.cards[0]",
    "edges[0]",
    "edges[0].evidence",
    "1",
    "'x'",
)
_ODD_NAMES = (
    *("c", "x", "loop", "self", "range", "dict", "namespace", "none", "[]", "{}", "-1", "2**63", "10**9", "9**(9**9)"),
    *("'x' * 10**10", "'%099999999d'", "[[]] * 10**8", "range(10**5)", "cycler", "joiner", "super", "caller"),
)
_ATTRIBUTES = (
    "subject",
    "cards",
    "title",
    "items",
    "evidence",
    "link",
    "keys",
    "rows",
    "proofs",
    "sentence",
    "foot",
    "heading",
)
_ODD_ATTRIBUTES = (
    *(
        "format",
        "append",
        "update",
        "pop",
        "join",
        "encode",
        "format_map",
        "mro",
        "gi_frame",
        "f_globals",
        "func_globals",
        "_x",
    ),
    *("__class__", "__mro__", "__subclasses__", "__globals__", "__init__", "__getattribute__", "__dict__", "__call__"),
)
_FILTERS = (
    *("upper", "e", "escape", "string", "list", "length", "tojson", "urlize", "striptags", "default('x')", "first", "last"),
    *("trim", "title", "pprint", "reverse", "wordcount", "truncate(9)", "indent(2)", "center(40)", "replace('a', 'b')"),
)
_ODD_FILTERS = (
    *(
        "join(',')",
        "center(10**9)",
        "indent(10**8)",
        "attr('__class__')",
        "map('upper')",
        "map(attribute='__class__')",
        "format(1)",
    ),
    *("replace('a', 'b' * 10**7)", "xmlattr", "sort", "batch(3)", "groupby('rule')", "int", "safe", "wordwrap(1)", "sum"),
    *("slice(10**9)", "select", "random", "dictsort", "unique", "max", "round", "filesizeformat", "map('attr', '__class__')"),
)
_OPERATORS = ("~", "==", "in", "and", "or", "+", "-", "*", "**", "%", "//", "<", "is")


class Maker:
    """Random templates."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)  # noqa: S311 - the same templates in every run

    def _one(self, usual: tuple[str, ...], odd: tuple[str, ...]) -> str:
        return self._chance.choice(odd if self._chance.random() < ODD else usual)

    def expression(self, depth: int) -> str:
        pick = self._chance.choice
        if depth <= 0:
            return self._one(_NAMES, _ODD_NAMES)
        inner = self.expression
        return pick((
            lambda: f"{inner(depth - 1)}.{self._one(_ATTRIBUTES, _ODD_ATTRIBUTES)}",
            lambda: f"{inner(depth - 1)}['{self._one(_ATTRIBUTES, _ODD_ATTRIBUTES)}']",
            lambda: f"{inner(depth - 1)}[{inner(0)}]",
            lambda: f"({inner(depth - 1)} {self._one(_OPERATORS[:5], _OPERATORS)} {inner(depth - 1)})",
            lambda: f"{inner(depth - 1)}|{self._one(_FILTERS, _ODD_FILTERS)}",
            lambda: f"{inner(depth - 1)}({inner(depth - 1)})",
            lambda: f"'{{0.{self._one(_ATTRIBUTES, _ODD_ATTRIBUTES)}}}'.format({inner(depth - 1)})",
            lambda: f"[{inner(depth - 1)}, {inner(0)}]",
            lambda: f"({inner(depth - 1)} if {inner(0)} else {inner(0)})",
        ))()  # fmt: skip

    def statement(self, depth: int) -> str:
        pick, say = self._chance.choice, lambda: self.expression(self._chance.randint(0, 3))
        if depth <= 0:
            return pick((f"{{{{ {say()} }}}}", "text <b>", "<!-- late -->", "\n"))
        body = "".join(self.statement(depth - 1) for _ in range(self._chance.randint(1, 2)))
        return pick((
            f"{{% for x in {say()} %}}{body}{{% endfor %}}",
            f"{{% for c in message.cards recursive %}}{body}{{{{ loop([c]) }}}}{{% endfor %}}",
            f"{{% if {say()} %}}{body}{{% else %}}{body}{{% endif %}}",
            f"{{% set x = {say()} %}}{body}",
            f"{{% set x %}}{body}{{% endset %}}{{{{ x }}}}",
            f"{{% macro m(x) %}}{body}{{{{ m(x) }}}}{{% endmacro %}}{{{{ m({say()}) }}}}",
            f"{{% filter {self._one(_FILTERS, _ODD_FILTERS)} %}}{body}{{% endfilter %}}",
            self._one((body,), (f"{{% autoescape false %}}{body}{{% endautoescape %}}", f"{{% include {say()} %}}{body}")),
            f"{{% with x = {say()} %}}{body}{{% endwith %}}",
            f"{{% call(x) caller({say()}) %}}{body}{{% endcall %}}",
        ))  # fmt: skip

    def template(self) -> str:
        chance = self._chance
        made = "".join(self.statement(chance.randint(0, 3)) for _ in range(chance.randint(1, 3)))
        if chance.random() < 0.2:  # broken somewhere
            at = chance.randrange(len(made))
            made = (
                made[:at] + chance.choice(("", "{{", "%}", "\0", "\ud800", "{#", "'", made)) + made[at + chance.randint(0, 3) :]
            )
        return made


def wrong(form: str, text: str) -> str:
    """Why a text is one that must not be."""
    if CANARY in text:
        return "the environment was read"
    if form == "html" and HOSTILE in text:
        return "a value was not escaped"
    return ""


async def fuzz(seconds: float, seed: int) -> int:
    hostile = tuple(dataclasses.replace(edge, title=HOSTILE, story_title=HOSTILE) for edge in SAMPLES[0])
    os.environ["CANARY"] = CANARY
    maker, counts, slowest, failed = Maker(seed), Counter[str](), 0.0, 0
    worker, began = template_worker(), time.monotonic()
    while time.monotonic() < began + seconds:
        batch = [maker.template() for n in range(50)]
        form = ("text", "html", "mrkdwn", "line")[counts["batches"] % 4]
        counts["batches"] += 1
        for made in batch:
            templates = Templates({"text": Source(Path("t"), form, made)}, worker=worker, deadline_s=DEADLINE_S)
            before = time.monotonic()
            texts, trouble = await templates.fill(hostile)
            took = time.monotonic() - before
            counts["failed" if trouble else "rendered"] += 1
            counts["killed"] += "killed" in trouble or "ended with" in trouble
            slowest = max(slowest, took)
            if (why := wrong(form, texts.get("text", ""))) or took > DEADLINE_S + GRACE_S:
                failed += 1
                print(json.dumps({"why": why or f"{took:.1f} s", "form": form, "template": made}), file=sys.stderr, flush=True)
    await worker.stop()
    print(json.dumps({**counts, "slowest": round(slowest, 2), "seed": seed, "wrong": failed, "seconds": round(seconds)}))
    return 1 if failed else 0


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=600.0)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    return asyncio.run(fuzz(args.seconds, args.seed))


if __name__ == "__main__":
    sys.exit(main())
