"""Words that an operator writes: what they may say, what they cannot do, and what goes out where they fail."""

from __future__ import annotations

import asyncio
import dataclasses
import time
from pathlib import Path

import pytest
from command import wirewatch
from pydantic import SecretStr

from monitor import config
from monitor.clock import VirtualClock
from monitor.dispatch import Dispatcher
from monitor.net import Door
from notifiers import registry, render
from notifiers.base import Fate, Result, Reworded
from notifiers.console import ConsoleNotifier
from notifiers.email import EmailNotifier, EmailSettings, build
from notifiers.samples import SAMPLES
from notifiers.slack import SlackSettings, escape
from notifiers.slack_bot import SlackBot
from notifiers.template_service import MOST, TemplateService
from notifiers.templates import DEATHS, Source, Templates, check, values
from storage.sqlite_open import open_sqlite

(OPENED,) = SAMPLES[0]
MARKUP = dataclasses.replace(
    OPENED, title="<b>12</b> & more", evidence=(dataclasses.replace(OPENED.evidence[0], link="javascript:x"),)
)


def said(source: str, form: str = "text", edges=(OPENED,)) -> str:
    return TemplateService().render(source, form, values(edges, escape if form == "mrkdwn" else None))


def test_check_finds_what_only_some_alerts_have() -> None:
    """`proofs[0]` is there for most alerts; the check knows one without."""
    ((line, words),) = findings("\n{{ message.cards[0].proofs[0].credit }}", "text")
    assert (line, "no element 0" in words) == (2, True)
    assert findings("{{ edges[0].items|join(',') }}", "text") == []


def findings(source: str, form: str = "html") -> list[tuple[int, str]]:
    return TemplateService().check(source, form, [values(edges) for edges in SAMPLES])


# ------------------------------------------------------------------------------------------------------- what they may say


@pytest.mark.parametrize(
    ("source", "text"),
    [
        ("{{ subject }}", "New: At least 12 killed in Exampleton"),
        ("{{ edges[0].items|join(',') }}", "i1"),
        ("{% for c in message.cards %}{{ c.heading }}: {{ c.proofs[0].credit }}{% endfor %}", "the fire service"),
        ("{{ edges[0].new.low }}-{{ edges[0].new.high }}", "12-None"),
        ("{{ text }}", "wirewatch alerts ack"),
        ("{% macro shout(x) %}{{ x|upper }}!{% endmacro %}{{ shout(message.cards[0].label) }}", "NEW!"),
    ],
)
def test_a_template_is_given_the_message_and_the_edges(source: str, text: str) -> None:
    assert text in said(source)


def test_html_and_mrkdwn_are_escaped_and_links_are_web_links() -> None:
    assert said("<p>{{ edges[0].title }}</p>", "html", (MARKUP,)).count("&lt;b&gt;12&lt;/b&gt; &amp; more") == 1
    assert said("*{{ edges[0].title }}*", "mrkdwn", (MARKUP,)) == "*&lt;b&gt;12&lt;/b&gt; &amp; more*"
    assert said("{{ edges[0].title }}", "line", (MARKUP,)) == "<b>12</b> & more"
    assert said("{{ edges[0].evidence[0].link }}", "text", (MARKUP,)) == "None"


def test_a_style_sheet_is_written_into_the_elements() -> None:
    laid = said("<html><head><style>p { color: red }</style></head><body><p>{{ subject }}</p></body></html>", "html")
    assert '<p style="color: red' in laid


# ------------------------------------------------------------------------------------------------------ what they cannot do


@pytest.mark.parametrize(
    ("source", "line", "words"),
    [
        ("a\n{{ mesage }}", 2, "there is no `mesage`"),
        ("a\nb {% if %}", 2, "Expected an expression"),
        ("\n\n{{ message.cards[0].titel }}", 3, "titel"),
        ("{{ message.__class__.__mro__ }}", 1, "unsafe"),
        ('{{ message|attr("__class__") }}', 1, "unsafe"),
        ('{{ ""["__class__"] }}', 1, "unsafe"),
        ('{{ "{0.__class__}".format(message) }}', 1, "unsafe"),
        ("{{ cycler.__init__.__globals__ }}", 1, "unsafe"),
        ("{% set _ = edges.append(1) %}x", 1, "unsafe"),
        ("{% set _ = message.update({}) %}x", 1, "unsafe"),
        ("{{ subject|safe }}", 1, "safe"),
        ("{% autoescape false %}{{ subject }}{% endautoescape %}", 1, "escaping stays"),
        ('\n{% include "/etc/passwd" %}', 2, "stands alone"),
        ('{% extends "x" %}', 1, "stands alone"),
        ('{% import "os" as os %}{{ os }}', 1, "stands alone"),
        ("{{ lipsum() }}", 1, "lipsum"),
        ("{% for a in range(10**9) %}x{% endfor %}", 1, "Range too big"),
        ("{% macro f(n) %}{{ f(n + 1) }}{% endmacro %}{{ f(0) }}", 1, "Recursion"),
        ("{{ 'x' * 300000 }}", 1, f"longer than {MOST:,}"),
        ("{# nothing #} ", 1, "empty"),
    ],
)
def test_a_broken_or_hostile_template_is_named_with_its_line(source: str, line: int, words: str) -> None:
    ((where, what),) = findings(source)
    assert (where, words in what) == (line, True), what


def test_what_would_fill_the_memory_or_nest_too_deep_is_refused_by_its_own_process() -> None:
    sources = {
        "long": '{{ "x" * 10**10 }}',
        "double": '{% set n = namespace(x="x" * 1000) %}{% for i in range(60) %}{% set n.x = n.x ~ n.x %}{% endfor %}{{ n.x }}',
        "centred": '{{ "a"|center(10**10) }}',
        "formatted": '{{ "%09999999999d"|format(1) }}',
        "deep": "{{ " + "(" * 5000 + "1" + ")" * 5000 + " }}",
        "nested": "{% if 1 %}" * 3000 + "{% endif %}" * 3000,
    }
    problems = check([Source(Path(name), "text", source) for name, source in sources.items()])
    assert {problem.file for problem in problems} == set(sources)
    assert {problem.code for problem in problems} == {"template"}


@pytest.mark.parametrize(
    "source", ["{{ 9**(9**9) }}", "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"]
)
async def test_one_that_hangs_is_killed_and_after_a_few_times_left_alone(source: str) -> None:
    templates = Templates(
        {"text": Source(Path("slow"), "text", source), "subject": Source(Path("ok"), "line", "{{ subject }}!")}, deadline_s=0.3
    )
    for n in range(DEATHS):
        texts, trouble = await templates.fill((dataclasses.replace(OPENED, n=n + 1),))
        assert texts == {"subject": "New: At least 12 killed in Exampleton!"}
        assert "template slow: its process was killed" in trouble
    before = time.monotonic()
    _, trouble = await templates.fill((dataclasses.replace(OPENED, n=9),))
    assert "not tried again" in trouble
    assert time.monotonic() - before < 0.3  # nothing was waited for
    await templates.close()


# ------------------------------------------------------------------------------------------------------------- in a channel


def mail(texts: dict[str, str], folder: Path) -> EmailNotifier:
    for name, text in texts.items():
        (folder / name).write_text(text)
    given = {"type": "email", "host": "h", "from": "w@example.org", "to": ["a@example.org"], "templates": {n: n for n in texts}}
    settings = EmailSettings.model_validate(given)
    return registry.make("mail", settings, folder, Door())  # type: ignore[return-value]


async def test_a_mail_is_written_in_the_operators_words(tmp_path: Path) -> None:
    notifier = mail(
        {"subject": "[desk] {{ edges[0].title }}\r\nBcc: x@y", "html": "<body class='x'><p>{{ subject }}</p></body>"}, tmp_path
    )
    assert isinstance(notifier, Reworded)
    built_in = notifier.render((OPENED,), "a@example.org")
    payload, trouble = await notifier.reword(built_in, (OPENED,))
    assert trouble == ""
    assert payload["text"] == built_in["text"]
    message = build(payload, "w@example.org", "a@example.org", "key")
    assert message["Subject"] == "[desk] At least 12 killed in Exampleton Bcc: x@y"
    late = notifier.late(payload, 7200)
    assert '<body class="x"><p>Delayed 2 h' in late["html"]
    await notifier.close()


async def test_what_an_edge_holds_back_no_template_can_tell(tmp_path: Path) -> None:
    named = dataclasses.replace(OPENED.facts[0], name="Jane Example")
    edge = dataclasses.replace(OPENED, title="Jane Example killed", facts=(named,))
    (tmp_path / "t").write_text("{{ edges }}")
    given = {"type": "email", "host": "h", "from": "w@example.org", "to": ["a@example.org"], "templates": {"text": "t"}}
    notifier = registry.make("mail", EmailSettings.model_validate(given | {"withhold_names": True}), tmp_path, Door())
    assert isinstance(notifier, EmailNotifier)
    payload, trouble = await notifier.reword({}, (edge,))
    assert (trouble, "Example" in payload["text"].replace("Exampleton", "").replace("Example News", "")) == ("", False)
    await notifier.close()


async def test_a_bots_message_keeps_its_buttons_and_slacks_limits() -> None:
    source = Source(Path("t"), "mrkdwn", "*{{ edges[0].title }}*\n{% for n in range(40) %}{{ 'line ' * 40 }}\n{% endfor %}")
    bot = SlackBot("desk", SecretStr("xoxb-1"), ["C1"], Door(), SecretStr("s"), templates=Templates({"text": source}, escape))
    payload, trouble = await bot.reword(bot.render((OPENED,), "C1"), (OPENED,))
    kinds = [block["type"] for block in payload["message"]["blocks"]]
    assert (trouble, kinds[-1], set(kinds[:-1])) == ("", "actions", {"section"})
    assert all(len(block["text"]["text"]) <= 3000 for block in payload["message"]["blocks"][:-1])
    await bot.close()


async def test_a_slack_message_that_is_too_long_keeps_the_built_in_words() -> None:
    source = Source(Path("t"), "mrkdwn", "{{ 'x' * 20000 }}")
    bot = SlackBot("desk", SecretStr("xoxb-1"), ["C1"], Door(), templates=Templates({"text": source}, escape))
    built_in = bot.render((OPENED,), "C1")
    payload, trouble = await bot.reword(built_in, (OPENED,))
    assert payload == built_in
    assert "more than a message" in trouble
    await bot.close()


class Told(ConsoleNotifier):
    """Keeps what it is sent."""

    def __init__(self, name: str, templates: Templates | None = None) -> None:
        super().__init__(name, templates=templates)
        self.sent: list[str] = []

    async def send(self, payload, recipient, key):
        self.sent.append(payload["text"])
        return Result(Fate.SENT)


async def test_where_a_template_fails_the_built_in_words_go_out_and_the_operator_is_told_once(tmp_path: Path, make) -> None:
    store = open_sqlite(tmp_path / "w.db", daemon=True, durable=False)
    clock = VirtualClock(make.now)
    broken = Templates({"text": Source(Path("desk.txt"), "text", "{{ message.cards[0].nothing }}")})
    desk, console = Told("desk", broken), Told("console")
    dispatcher = Dispatcher(store, {"desk": desk, "console": console}, clock, operator=["console"], patience_s=30.0)
    for n in (1, 2):
        await store.add_deliveries([make.delivery(f"a{n}/1/desk/console", edges=(make.edge(f"a{n}"),))])
    for _ in range(3):
        clock.advance_to(clock.now() + 5)
        await dispatcher.tick()
    assert desk.sent == [render.text((make.edge(f"a{n}"),)) for n in (1, 2)]
    assert len(console.sent) == 1
    assert "A template of notifier desk failed" in console.sent[0]
    assert "desk.txt" in console.sent[0]
    await dispatcher.stop()
    await desk.close()
    await store.close()


# ------------------------------------------------------------------------------------------------------- the configuration

CONFIG = """
feeds: [{url: "https://example.org/rss"}]
notifiers:
  console: {type: console, templates: {text: words.txt}}
"""


def configured(folder: Path, words: str | None) -> Path:
    (folder / "rules").mkdir()
    path = folder / "wirewatch.yaml"
    path.write_text(CONFIG)
    if words is not None:
        (folder / "words.txt").write_text(words)
    return path


def test_check_refuses_a_broken_template_with_file_and_line(tmp_path: Path) -> None:
    path = configured(tmp_path, "well\n{{ message.subjct }}")
    (problem,) = [p for p in config.check(path) if p.code == "template"]
    assert (Path(problem.file).name, problem.line, problem.severity) == ("words.txt", 2, "error")
    done = wirewatch("check", "-c", str(path))
    assert (done.code, "words.txt:2:1:" in done.out + done.err) == (78, True)


async def test_check_works_where_a_loop_runs(tmp_path: Path) -> None:
    path = configured(tmp_path, "{{ subject }}")
    assert [p for p in config.check(path) if p.code == "template"] == []
    assert asyncio.get_running_loop().is_running()


def test_a_template_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    path = configured(tmp_path, None)
    assert any("words.txt cannot be read" in problem.message for problem in config.load(path).problems)


def test_a_webhook_has_no_templates_and_slack_no_html() -> None:
    with pytest.raises(ValueError, match="html"):
        SlackSettings.model_validate({"type": "slack", "url": {"env": "X"}, "templates": {"html": "x"}})
