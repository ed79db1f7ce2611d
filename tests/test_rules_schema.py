"""The JSON Schema by which editors complete and check rule files: what loads is valid, and misspelt keys are not.

The language server that editors run is asked where `yaml-language-server` is on the path (`npm install yaml-language-server`);
the schema itself is always checked.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator
from ruamel.yaml import YAML
from test_rules_mistakes import REFUSED, SOUND, broken

from rules.load import load_file
from rules.schema import json_schema

LIBRARY = Path(str(resources.files("rules").joinpath("library")))
ROOT = Path(__file__).parents[1]


def shipped() -> dict[str, str]:
    """Every rule file that ships, and the rules of README and docs."""
    texts = {path.name: path.read_text("utf-8") for path in sorted(LIBRARY.glob("*.yaml"))}
    texts["first.yaml"] = (ROOT / "monitor/harness/starter/first.yaml").read_text("utf-8")
    for page in (ROOT / "README.md", ROOT / "docs/rules.md"):
        for n, block in enumerate(re.findall(r"```yaml\n(.*?)```", page.read_text("utf-8"), re.DOTALL)):
            if block.startswith(("rules:", "lists:")):
                texts[f"{page.name} {n}"] = block
    return texts | {"sound.yaml": SOUND}


MISSPELT = [row for row in REFUSED if "did you mean" in row[2] or row[2].startswith("it belongs to")]
"""Mistakes in keys and in closed lists of words; names of places, notifiers, zones and lists are no business of a schema."""
_NOT_OF_A_SCHEMA = ("slak", "consol", "gruops", "Sudn", "Khartum", "RECAPTURED", "cooldown: ¦2", "fact: text", "regex")


@pytest.fixture(scope="module")
def validator() -> Draft202012Validator:
    schema = json_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def values(text: str) -> Any:
    return json.loads(json.dumps(YAML(typ="safe", pure=True).load(text), default=str))


def test_what_ships_is_valid(validator: Draft202012Validator) -> None:
    for name, text in shipped().items():
        assert load_file(name, text).ok
        errors = [f"{name}: {'/'.join(map(str, e.path))}: {e.message}" for e in validator.iter_errors(values(text))]
        assert not errors


def test_misspelt_keys_and_words_are_not(validator: Draft202012Validator) -> None:
    rows = [row for row in MISSPELT if not any(word in row[1] for word in _NOT_OF_A_SCHEMA)]
    assert len(rows) > 20
    passed = [new for old, new, _ in rows if validator.is_valid(values(broken(old, new)[0]))]
    assert not passed


# ------------------------------------------------------------------------------------------------------- the language server


class Server:
    """The language server, spoken to as an editor does."""

    def __init__(self, command: str) -> None:
        self._process = subprocess.Popen([command, "--stdio"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._count = 0
        self.ask("initialize", {"processId": None, "rootUri": None, "capabilities": {}})
        self.tell("initialized", {})

    def close(self) -> None:
        self.ask("shutdown", None)
        self.tell("exit", None)
        self._process.communicate(timeout=20)

    def tell(self, method: str, params: Any) -> None:
        self._send({"jsonrpc": "2.0", "method": method, "params": params})

    def ask(self, method: str, params: Any) -> Any:
        self._count += 1
        self._send({"jsonrpc": "2.0", "id": self._count, "method": method, "params": params})
        return next(m for m in self._heard() if m.get("id") == self._count and "method" not in m).get("result")

    def diagnostics(self, uri: str, text: str) -> list[Any]:
        """What the server says of this text."""
        self.tell("textDocument/didOpen", {"textDocument": {"uri": uri, "languageId": "yaml", "version": 1, "text": text}})
        published = (m["params"] for m in self._heard() if m.get("method") == "textDocument/publishDiagnostics")
        found: list[Any] = next(p for p in published if p["uri"] == uri)["diagnostics"]
        return found

    def completions(self, uri: str, line: int, col: int) -> set[str]:
        at = {"textDocument": {"uri": uri}, "position": {"line": line, "character": col}}
        return {row["label"] for row in self.ask("textDocument/completion", at)["items"]}

    def _send(self, message: Any) -> None:
        assert self._process.stdin is not None
        data = json.dumps(message).encode()
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(data), data))
        self._process.stdin.flush()

    def _heard(self) -> Iterator[Any]:
        """Messages as they come; what the server asks is answered with nothing."""
        assert self._process.stdout is not None
        while True:
            length = 0
            while (header := self._process.stdout.readline().strip()) or not length:
                assert header, "the language server has ended"
                if header.lower().startswith(b"content-length:"):
                    length = int(header.split(b":")[1])
            message = json.loads(self._process.stdout.read(length))
            if "method" in message and "id" in message:
                wanted = message.get("params", {}).get("items")
                self._send({"jsonrpc": "2.0", "id": message["id"], "result": [None] * len(wanted) if wanted else None})
            yield message


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    command = shutil.which("yaml-language-server")
    if command is None:
        pytest.skip("yaml-language-server is not installed: npm install -g yaml-language-server")
    running = Server(command)
    yield running
    running.close()


@pytest.fixture(scope="module")
def modeline(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("schema") / "rules.schema.json"
    path.write_text(json.dumps(json_schema()), "utf-8")
    return f"# yaml-language-server: $schema={path.as_uri()}\n"


def test_an_editor_shows_nothing_in_what_ships(server: Server, modeline: str) -> None:
    for name, text in shipped().items():
        found = server.diagnostics(f"file:///rules/{name.replace(' ', '-')}", modeline + text)
        assert [f"{name}:{d['range']['start']['line']}: {d['message']}" for d in found] == []


def test_an_editor_marks_a_misspelt_key(server: Server, modeline: str) -> None:
    rows = [row for row in MISSPELT if not any(word in row[1] for word in _NOT_OF_A_SCHEMA)]
    for n, (old, new, _) in enumerate(rows[:12]):
        text, at = broken(old, new)
        found = server.diagnostics(f"file:///rules/broken-{n}.yaml", modeline + text)
        assert found and at is not None, new


def test_an_editor_offers_keys(server: Server, modeline: str) -> None:
    text = modeline + "rules:\n  - name: towns\n    fact: territory\n    notify: [console]\n    \n    where:\n      \n"
    server.diagnostics("file:///rules/new.yaml", text)
    assert {"severity", "where", "cooldown", "tests"} - {"where"} <= server.completions("file:///rules/new.yaml", 5, 4)
    offered = server.completions("file:///rules/new.yaml", 7, 6)
    assert {"gainer", "place", "change"} <= offered and "metric" not in offered
