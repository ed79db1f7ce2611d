"""docs/configuration.md, made from the schema: `python -m monitor.reference > docs/configuration.md`. The table of conditions
in docs/rules.md is made from the kinds of rule: `python -m monitor.reference conditions` prints it."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any, get_args

from pydantic import BaseModel

from monitor import config
from notifiers import registry
from notifiers.base import SecretRef
from rules.schema import KINDS

_INTRODUCTION = """# Configuration

Every key of `wirewatch.yaml`, made from its schema. Unknown keys are refused. Durations are written
`30s`, `5m`, `2h`, `7d`; a secret is never written here, only where it is read from. `wirewatch check` names every mistake
with its line and column.
"""


def page() -> str:
    """The whole page."""
    parts: list[tuple[str, type[BaseModel]]] = [
        ("wirewatch.yaml", config.Config),
        ("embedder", config.EmbedderSettings),
        ("net", config.NetSettings),
        ("feeds", config.FeedSettings),
        ("auth, in a feed", config.AuthSettings),
        ("web", config.WebSettings),
        ("retention", config.Retention),
        ("log", config.LogSettings),
        *((f"notifiers, type `{_type_of(model)}`", model) for model in registry.SETTINGS),
        ("a secret", SecretRef),
    ]
    return _INTRODUCTION + "".join(line + "\n" for title, model in parts for line in _part(title, model))


def conditions() -> str:
    """What `where` and `unless` may name, with the kinds of rule that have it."""
    kinds: dict[tuple[str, str], list[str]] = {}
    for kind, spec in KINDS.items():
        for name, key in spec.conditions.items():
            kinds.setdefault((name, key.doc), []).append(str(kind))
    rows = [
        f"| `{name}` | {'all' if len(having) == len(KINDS) else ', '.join(having)} | {doc.replace('|', ' or ')} |"
        for (name, doc), having in kinds.items()
    ]
    return "\n".join(("| condition | kinds | value |", "|---|---|---|", *rows)) + "\n"


def _type_of(model: type[BaseModel]) -> str:
    return str(get_args(model.model_fields["type"].annotation)[0])


def _part(title: str, model: type[BaseModel]) -> Iterator[str]:
    schema = model.model_json_schema(by_alias=True)
    required = schema.get("required", ())
    yield from ("", f"## {title}", "", " ".join((model.__doc__ or "").split()), "")
    yield from ("| key | value | default | meaning |", "|---|---|---|---|")
    for name, row in schema["properties"].items():
        if name == "folder":
            continue
        default = "required" if name in required else _default(model, name, row)
        kind = "duration" if _is_duration(model, name) else _words(row)
        yield f"| `{name}` | {kind} | {default} | {row.get('description', '')} |"


def _default(model: type[BaseModel], name: str, row: dict[str, Any]) -> str:
    if _is_duration(model, name):
        return f"`{_duration(row['default'])}`"
    default = row.get("default")
    return "none" if default in (None, [], {}) or isinstance(default, dict) else f"`{default}`"


def _is_duration(model: type[BaseModel], name: str) -> bool:
    field = model.model_fields.get(name)
    return field is not None and any(getattr(m, "func", None) is config.read_duration for m in field.metadata)


def _duration(seconds: float) -> str:
    unit, size = next((u, s) for u, s in (("d", 86400), ("h", 3600), ("m", 60), ("s", 1)) if seconds % s == 0)
    return f"{seconds / size:g}{unit}"


_NAMES = {"string": "text", "integer": "whole number", "number": "number", "boolean": "true or false", "null": ""}


def _words(row: dict[str, Any]) -> str:
    """A JSON Schema type in plain English."""
    if "const" in row:
        return f"`{row['const']}`"
    if "enum" in row:
        return ", ".join(f"`{value}`" for value in row["enum"])
    if "anyOf" in row:
        return " or ".join(dict.fromkeys(word for part in row["anyOf"] if (word := _words(part))))
    if "$ref" in row:
        return "a secret" if row["$ref"].endswith("SecretRef") else "a mapping"
    if row.get("type") == "array":
        return f"list of {_words(row['items'])}"
    return "a mapping" if row.get("type") == "object" else _NAMES.get(row.get("type", ""), "text")


if __name__ == "__main__":
    sys.stdout.write(conditions() if "conditions" in sys.argv else page())
