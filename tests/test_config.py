"""wirewatch.yaml: what is read, what is refused, and where."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor import config
from monitor.collect.lists import read_list
from monitor.errors import ConfigError, Problem
from monitor.reloading import needs_restart

CONTRACT = """
storage: sqlite:wirewatch.db
rules: rules/
embedder: {model: auto}
net: {user_agent_contact: ops@example.org, allow: []}
feeds:
  - {url: https://example.org/rss, name: Example, family: example, language: en, country: SY, reliability: B, party: null,
     every: 5m, full_text: auto}
notifiers:
  console: {type: console}
  desk-slack: {type: slack, url: {env: SLACK_URL}}
  analysts-mail: {type: email, host: smtp.example.org, port: 587, tls: required, user: w, password: {env: SMTP_PASSWORD},
                  from: wirewatch@example.org, to: [a@example.org, b@example.org]}
  hook: {type: webhook, url: https://example.org/hook, secret: {file: hook.key}}
operator: [console]
fallback: [console]
owners: {syria-desk: [analysts-mail]}
baseline_hours: 0
storm_per_minute: 20
retention: {items: 365d}
web: {listen: 127.0.0.1:8080, token: {file: web.token}}
"""


def load(folder: Path, text: str) -> config.Checked:
    path = folder / "wirewatch.yaml"
    path.write_text(text)
    return config.load(path)


def only(checked: config.Checked) -> Problem:
    assert len(checked.problems) == 1, checked.problems
    return checked.problems[0]


def test_the_whole_of_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_URL", "https://hooks.example.org/x")
    monkeypatch.setenv("SMTP_PASSWORD", "p")
    (tmp_path / "hook.key").write_text("whsec_c2VjcmV0")
    checked = load(tmp_path, CONTRACT)
    assert checked.problems == () and checked.config is not None
    (feed,) = config.all_feeds(checked.config)
    assert (feed.name, feed.every, feed.country, feed.party, feed.reliability) == ("Example", 300.0, "SY", None, "B")
    assert checked.config.retention.items == 365 * 86400
    assert str(checked.config.store_url) == f"sqlite:{tmp_path / 'wirewatch.db'}"


@pytest.mark.parametrize(
    ("line", "at", "says"),
    [
        ("rulez: rules/", (2, 1), "did you mean `rules`?"),
        ("feeds: [{url: example.org}]", (2, 10), "feeds.0.url"),
        ('feeds: [{url: "https://a.example", every: 5}]', (2, 36), "a duration is a number with a unit"),
        ('feeds: [{url: "https://a.example", evry: 5m}]', (2, 36), "did you mean `every`?"),
        ("operator: [consol]", (2, 1), "notifier `consol` is not configured"),
        ("notifiers: {m: {type: email, host: h, from: nobody, to: [a@b.c]}}", (2, 39), "no mail address"),
        ("notifiers: {m: {type: slack, url: {env: WIREWATCH_TEST_NOT_SET}}}", (2, 30), "is empty or not set"),
        ("notifiers: {m: {type: slack, url: {env: A, file: b}}}", (2, 30), "a secret is one of"),
        ("notifiers: {m: {type: pigeon}}", (2, 13), "pigeon"),
        ("net: {allow: [everything]}", (2, 15), "net.allow"),
        ("live_items: 10", (2, 1), "live_items"),
    ],
)
def test_a_mistake_is_named_where_it_stands(tmp_path: Path, line: str, at: tuple[int, int], says: str) -> None:
    feeds = "" if line.startswith("feeds") else 'feeds: [{url: "https://a.example"}]\n'
    problem = only(load(tmp_path, f"storage: sqlite:x.db\n{line}\n{feeds}"))
    assert (problem.line, problem.col) == at and problem.severity == "error"
    assert says in str(problem)


def test_how_many_items_are_compared_is_taken_at_the_start(tmp_path: Path) -> None:
    few, many = (load(tmp_path, f"storage: sqlite:x.db\nlive_items: {n}\n").config for n in (1_000, 200_000))
    assert few is not None and many is not None and many.live_items == 200_000
    assert needs_restart(few, many) == ("live_items",)


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    checked = load(tmp_path, "rulez: x\nstorm_per_minute: 0\nbaseline_hours: -1\n")
    assert checked.config is None and len(checked.problems) == 3


def test_feeds_of_a_list_or_a_command_may_have_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FEED_TOKEN", "t")
    url = "https://private.example/feed"
    text = f"storage: sqlite:w.db\nfeed_auth:\n  {url}: {{bearer: {{env: FEED_TOKEN}}}}\n"
    checked = load(tmp_path, text)
    assert checked.config is not None
    (feed,) = read_list(url.encode())
    assert config.feed_headers(checked.config) == {feed.id: {"Authorization": "Bearer t"}}
    monkeypatch.delenv("FEED_TOKEN")
    secret = next(problem for problem in load(tmp_path, text).problems if problem.code == "secret")
    assert (secret.line, "private.example" in secret.message) == (3, True)


def test_a_number_in_quotes_is_text(tmp_path: Path) -> None:
    assert "rules" not in str(load(tmp_path, 'rules: "5"\n').problems)


def test_a_missing_file_is_told(tmp_path: Path) -> None:
    problem = only(config.load(tmp_path / "none.yaml"))
    assert "wirewatch init" in problem.hint
    with pytest.raises(ConfigError):
        config.require(tmp_path / "none.yaml")


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n", "a: [", "a: 1\na: 2\n", "&x a: 1\n", "\x00"])
def test_what_is_no_configuration_is_refused(tmp_path: Path, text: str) -> None:
    checked = load(tmp_path, text)
    assert checked.config is None and checked.problems


def test_a_secret_shows_in_no_error_and_no_repr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLACK_URL", "https://hooks.example.org/very-secret")
    checked = load(tmp_path, "notifiers: {m: {type: slack, url: {env: SLACK_URL}}}\nfeeds: [{url: 'https://a.example'}]\n")
    assert checked.config is not None
    settings = checked.config.notifiers["m"]
    from notifiers import registry

    ((_, ref),) = registry.secrets(settings)
    assert "very-secret" not in repr(checked) + repr(ref.resolve(tmp_path)) + str(ref.resolve(tmp_path))


def test_feeds_of_an_opml_file_are_watched_too(tmp_path: Path) -> None:
    opml = '<opml version="2.0"><body><outline text="B" type="rss" xmlUrl="https://b.example/rss"/></body></opml>'
    (tmp_path / "more.opml").write_text(opml)
    checked = load(tmp_path, "feeds_from: more.opml\nfeeds: [{url: 'https://a.example'}]\n")
    assert checked.config is not None
    assert {f.url for f in config.all_feeds(checked.config)} == {"https://a.example", "https://b.example/rss"}
