"""No other door: what this program must never do, sought in its own sources. The finder is itself tested on bad examples."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = ("monitor", "rules", "storage", "notifiers")

# A module and the only files that may import it. They open connections of their own, or make objects out of bytes.
IMPORTS: dict[str, tuple[str, ...]] = {
    "requests": (), "httpx": (), "niquests": (), "urllib.request": (), "urllib3": (), "http.client": (), "http.server": (),
    "ftplib": (), "smtplib": (), "telnetlib": (), "xmlrpc": (), "pickle": (), "marshal": (), "shelve": (), "dill": (),
    "slack_sdk": ("notifiers/slack_actions.py", "notifiers/slack_socket.py"),  # checks signatures; its socket, by our door
    "aiosmtplib": ("notifiers/email.py", "notifiers/smtp.py"),
    "apprise": ("notifiers/apprise.py",),
    "asyncpg": ("storage/",),
    "feedparser": ("monitor/collect/parse.py",),
    "feedparser_rs": ("monitor/collect/fast.py",),
    "fastfeedparser": (),
    "trafilatura": ("monitor/collect/article.py", "monitor/collect/page.py"),
}  # fmt: skip

# A call and the only files that may make it.
CALLS: dict[str, tuple[str, ...]] = {
    "ClientSession": ("monitor/net.py",),
    "TCPConnector": ("monitor/net.py",),
    "open_connection": (), "create_connection": (), "open_unix_connection": (), "urlopen": (), "urlretrieve": (),
    "WebClient": (), "AsyncWebClient": (), "WebhookClient": (), "AsyncWebhookClient": (), "SocketModeClient": (),
    "fetch_url": (), "fetch_response": (), "system": (), "popen": (), "eval": (), "exec": (), "Markup": (), "full_load": (),
    "unsafe_load": (), "parse_url_with_limits": (),
    # Its own packaged templates; those of operators, in the process that renders them.
    "from_string": ("notifiers/render.py", "notifiers/template_service.py"),
}  # fmt: skip
USER_TEXT = ("rules/", "monitor/config.py")
RE_CALLS = {"compile", "search", "match", "fullmatch", "sub", "subn", "findall", "finditer", "split"}


def _name(node: ast.expr) -> str:
    """`a.b.c` for such an expression, else an empty text."""
    if isinstance(node, ast.Attribute):
        return f"{_name(node.value)}.{node.attr}".lstrip(".")
    return node.id if isinstance(node, ast.Name) else ""


def _allowed(path: str, files: tuple[str, ...]) -> bool:
    return any(path == file or (file.endswith("/") and path.startswith(file)) for file in files)


def _fixed(node: ast.expr) -> bool:
    """A text that stands in the source, perhaps with constants put in."""
    if isinstance(node, ast.JoinedStr):
        return all(_fixed(part.value) for part in node.values if isinstance(part, ast.FormattedValue))
    if isinstance(node, ast.BinOp):
        return _fixed(node.left) and _fixed(node.right)
    return isinstance(node, ast.Constant) or (isinstance(node, ast.Name) and node.id.isupper())


def _imports(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from ((f"{node.module}.{alias.name}", node.lineno) for alias in node.names)


def _bad_call(call: ast.Call, path: str) -> str:
    name = _name(call.func)
    last = name.rpartition(".")[2]
    if last in CALLS and not _allowed(path, CALLS[last]) and name not in {"re2.compile"}:
        return f"{name}() is not called here"
    if name in {"feedparser.parse"} and not (
        call.args and isinstance(call.args[0], ast.Call) and _name(call.args[0].func) == "BytesIO"
    ):
        return "feedparser.parse() gets a BytesIO made on the spot: given a text, it opens files and addresses"
    if name == "feedparser_rs.parse" and not (
        call.args and isinstance(call.args[0], ast.Call) and _name(call.args[0].func) == "bytes"
    ):
        return "feedparser_rs.parse() gets bytes made on the spot: given a text, it fetches addresses"
    if name in {"yaml.load", "torch.load"}:
        return f"{name}() makes objects out of data"
    if name.startswith("re.") and last in RE_CALLS and _allowed(path, USER_TEXT) and not _fixed(call.args[0]):
        return f"{name}() with a pattern that is not fixed: users' patterns run on re2"
    if any(k.arg == "shell" and not (isinstance(k.value, ast.Constant) and k.value.value is False) for k in call.keywords):
        return "no shell"
    if any(
        k.arg in {"autoescape", "ssl"} and isinstance(k.value, ast.Constant) and k.value.value is False for k in call.keywords
    ):
        return "autoescape and certificate checks stay on"
    if any(
        k.arg in {"trust_env", "trust_remote_code"} and not (isinstance(k.value, ast.Constant) and not k.value.value)
        for k in call.keywords
    ):
        return "no proxies from the environment, no code from models"
    return ""


def findings(source: str, path: str) -> list[str]:
    """What is wrong in one source file."""
    tree = ast.parse(source)
    found = [
        f"{path}:{line}: {name} is not imported here"
        for name, line in _imports(tree)
        for module, files in IMPORTS.items()
        if (name == module or name.startswith(f"{module}.")) and not _allowed(path, files)
    ]
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call))
    return found + [f"{path}:{call.lineno}: {words}" for call in calls if (words := _bad_call(call, path))]


@pytest.mark.parametrize("package", PACKAGES)
def test_the_sources_open_no_other_door(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    assert [f for file in files for f in findings(file.read_text(), file.relative_to(ROOT).as_posix())] == []


def test_templates_escape_everything() -> None:
    templates = [f for p in PACKAGES for kind in ("html", "j2", "jinja", "txt", "xml") for f in (ROOT / p).rglob(f"*.{kind}")]
    opened = re.compile(r"\|\s*safe\b|autoescape\s+false")
    assert [str(f.relative_to(ROOT)) for f in templates if opened.search(f.read_text())] == []


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("import requests", "monitor/x.py"),
        ("from urllib.request import urlopen", "monitor/x.py"),
        ("from urllib import request", "monitor/x.py"),
        ("import pickle", "storage/x.py"),
        ("import aiosmtplib", "notifiers/slack.py"),
        ("from slack_sdk.web.async_client import AsyncWebClient", "notifiers/slack_bot.py"),
        ("client = AsyncWebClient(token=token)", "notifiers/slack_actions.py"),
        ("import aiohttp\naiohttp.ClientSession()", "notifiers/slack.py"),
        ("ClientSession(connector=None)", "monitor/collect/fetch.py"),
        ("await_ = asyncio.open_connection('a', 1)", "monitor/x.py"),
        ("import feedparser\nfeedparser.parse(body)", "monitor/collect/parse.py"),
        ("import feedparser\nfeedparser.parse(url)", "monitor/collect/parse.py"),
        ("import feedparser_rs", "monitor/collect/parse.py"),
        ("import feedparser_rs\nfeedparser_rs.parse(url)", "monitor/collect/fast.py"),
        ("import trafilatura\ntrafilatura.fetch_url(u)", "monitor/collect/article.py"),
        ("yaml.load(text)", "rules/x.py"),
        ("re.compile(pattern)", "rules/x.py"),
        ("re.search(f'{word}', text)", "rules/x.py"),
        ("environment.from_string(title)", "notifiers/slack.py"),
        ("Environment(autoescape=False)", "notifiers/render.py"),
        ("session.get(u, ssl=False)", "monitor/net.py"),
        ("aiohttp.ClientSession(trust_env=True)", "monitor/net.py"),
        ("subprocess.run(c, shell=True)", "monitor/cli/x.py"),
        ("eval(text)", "rules/x.py"),
    ],
)
def test_the_finder_finds(source: str, path: str) -> None:
    assert findings(source, path)


@pytest.mark.parametrize(
    ("source", "path"),
    [
        ("from io import BytesIO\nimport feedparser\nfeedparser.parse(BytesIO(body))", "monitor/collect/parse.py"),
        ("import feedparser_rs\nfeedparser_rs.parse(bytes(body), sanitize_html=False)", "monitor/collect/fast.py"),
        ("re.compile(r'\\d+' + WORD)", "rules/x.py"),
        ("re.sub(f'{SPACES}+', ' ', text)", "rules/x.py"),
        ("re.compile(pattern)", "monitor/facts/x.py"),
        ("re2.compile(pattern)", "rules/x.py"),
        ("import urllib.parse\nfrom urllib.parse import urlsplit", "monitor/x.py"),
        ("from http import HTTPStatus", "monitor/x.py"),
        ("aiohttp.ClientSession(trust_env=False)", "monitor/net.py"),
    ],
)
def test_the_finder_leaves_what_is_right(source: str, path: str) -> None:
    assert findings(source, path) == []
