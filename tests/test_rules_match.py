"""Conditions of rules on events, and the titles of what passes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

import pytest

from monitor.gazetteer import Gazetteer
from monitor.model import (
    Bounds,
    CasualtyFigure,
    Event,
    EventName,
    Fact,
    Feed,
    Item,
    Kind,
    Statement,
    Story,
    TerritoryChange,
    Value,
)
from rules.load import load_file
from rules.match import Matcher, abouts, compile_rule, match, most_within
from rules.passage import passage
from rules.rule import Context, Match, Rule
from rules.story import quiets
from rules.title import MAX_TITLE, fill, render_title

FEED = Feed("f", "https://a.example/rss", "Outlet A", "alpha", language="en", reliability="B")
E = EventName


@pytest.fixture(scope="module")
def gazetteer() -> Iterator[Gazetteer]:
    places = Gazetteer()
    yield places
    places.close()


def rule(kind: str, where: str = "{}", more: str = "") -> Rule:
    text = f"rules:\n  - name: r\n    fact: {kind}\n    where: {where}\n    notify: [console]\n    {more}\n"
    loaded = load_file("r.yaml", text)
    assert loaded.ok, loaded.problems
    return loaded.rules[0]


def item(title: str = "", text: str = "", summary: str = "", language: str | None = "en") -> Item:
    return Item("i", "f", 1, title, summary, text, None, 0.0, 0.0, "Outlet A", language)


def taken(**changes: Any) -> TerritoryChange:
    values: dict[str, Any] = {"change": "captured", "place": "Saraqib", "gainer": "HTS", "country": "SY"}
    return TerritoryChange(id="1", start=0, end=0, **({"evidence": "", "status": "asserted"} | values | changes))


def toll(**changes: Any) -> CasualtyFigure:
    values: dict[str, Any] = {
        "metric": "killed",
        "low": 242,
        "high": None,
        "qualifier": "at_least",
        "place": "Aleppo",
        "country": "SY",
    }
    return CasualtyFigure(id="1", start=0, end=0, evidence="", status="claimed", **(values | changes))


def said(text: str, content: str, **changes: Any) -> Statement:
    start = text.index(content)
    values: dict[str, Any] = {"speaker": "Dmitry Peskov", "quote": content, "mode": "verbatim"}
    return Statement(id="1", start=start, end=start + len(content), evidence=content, status="claimed", **(values | changes))


def event(name: EventName, kind: Kind, fact: Fact | None = None, new: Value | None = None, **changes: Any) -> Event:
    return Event(name, kind, "k", 0.0, "s", True, fact, "i", new=new, **changes)


class Scene:
    """A story with a gazetteer around it, in which facts become events."""

    def __init__(self, gazetteer: Gazetteer) -> None:
        self.gazetteer = gazetteer

    def place_id(self, name: str, country: str) -> str:
        place = self.gazetteer.link(name, [country])
        assert place is not None
        return place.id

    def context(self, the_item: Item | None = None, **changes: Any) -> Context:
        story = Story("s", "Advance in the north", 0.0, 0.0, 2, **changes.pop("story", {}))
        values: dict[str, Any] = {"feed": FEED, "about": {}}
        return Context(the_item, story=story, gazetteer=self.gazetteer, **(values | changes))

    def verdict(self, a_rule: Rule, fact: Fact, name: EventName = E.CAPTURED, **changes: Any) -> Match:
        return match(a_rule, event(name, fact.kind, fact), self.context(**changes))


@pytest.fixture
def scene(gazetteer: Gazetteer) -> Scene:
    return Scene(gazetteer)


@pytest.mark.parametrize(
    ("where", "fact", "passed"),
    [
        ("{change: captured}", {}, True),
        ("{change: [lost, withdrawn]}", {}, False),
        ("{gainer: HTS}", {}, True),
        ("{gainer: Hayat Tahrir al-Sham}", {"gainer_id": "Hayat Tahrir al-Sham"}, True),
        ("{gainer: SDF}", {}, False),
        ("{gainer: SDF}", {"gainer": None}, False),
        ("{status: claimed}", {}, False),
        ("{source: SOHR}", {"source": "the SOHR"}, True),
        ("{source_kind: [ngo, un]}", {"source_kind": "ngo"}, True),
        ("{confidence: {at_least: 0.6}}", {"confidence": 0.5}, False),
        ("{confidence: {at_least: 0.6}}", {"confidence": 0.6}, True),
        ("{part: [whole, facility]}", {"part": "outskirts"}, False),
        ("{count: {at_least: 10}}", {"count": 50}, True),
        ("{count: {at_least: 10}}", {}, False),
        ("{anchored: true}", {}, True),
        ("{in: title}", {"within": "title"}, True),
        ("{date: 2024-11}", {"date": "2024-11-29"}, True),
        ("{evidence: [seiz*]}", {"evidence": "rebels seized the town"}, True),
        ("{change: captured, gainer: SDF}", {}, False),
    ],
)
def test_fields_of_a_territory_fact(scene: Scene, where: str, fact: Mapping[str, Any], passed: bool) -> None:
    assert scene.verdict(rule("territory", where), taken(**fact)).passed is passed


@pytest.mark.parametrize(
    ("where", "fact", "passed"),
    [
        ("{metric: [killed, wounded]}", {}, True),
        ("{metric: wounded}", {}, False),
        ("{low: {at_least: 100}}", {}, True),
        ("{low: {at_least: 100}}", {"low": None, "high": None}, False),
        ("{high: {at_most: 500}}", {}, False),
        ("{high: {at_least: 500}}", {}, True),
        ("{low: 242}", {}, True),
        ("{category: [civilians, children]}", {"category": "civilians"}, True),
        ("{part_of: null}", {}, True),
        ("{part_of: null}", {"part_of": "2"}, False),
        ("{name: Omar Haddad}", {"name": "Omar Haddad"}, True),
        ("{cause: strike*}", {"cause": "air strikes"}, True),
        ("{cause: strike}", {"cause": "air strikes"}, False),
    ],
)
def test_fields_of_a_casualty_fact(scene: Scene, where: str, fact: Mapping[str, Any], passed: bool) -> None:
    assert scene.verdict(rule("casualty", where), toll(**fact), E.NEW_FIGURE).passed is passed


def test_the_event_must_be_one_of_the_rules(scene: Scene) -> None:
    assert scene.verdict(rule("territory"), taken(), E.ADVANCE).passed is False
    assert scene.verdict(rule("territory", more="events: [ADVANCE]"), taken(), E.ADVANCE).passed is True
    assert scene.verdict(rule("casualty"), taken()).passed is False


@pytest.mark.parametrize(
    ("place", "saraqib"),
    [
        ("within: Syria", True),
        ("within: [Iraq, SY]", True),
        ("within: Iraq", False),
        ("within: Idlib", True),
        ("within: Idlib province", True),
        ("country: SY", True),
        ("country: [TR, IQ]", False),
        ("admin: Idlib", True),
        ("admin: Homs", False),
        ("near: {of: Aleppo, km: 80}", True),
        ("near: {of: Aleppo, km: 20}", False),
        ("within: Syria, near: {of: Deir ez-Zor, km: 50}", False),
        ("name: [Saraqib, Maarrat al-Numan]", True),
        ("name: Saraqeb", True),
        ("name: Homs", False),
        ("level: [village, airport]", False),
        ("level: [town, city]", True),
    ],
)
def test_where_a_known_place_lies(scene: Scene, place: str, saraqib: bool) -> None:
    fact = taken(place_id=scene.place_id("Saraqib", "SY"))
    assert scene.verdict(rule("territory", f"{{place: {{{place}}}}}"), fact).passed is saraqib


@pytest.mark.parametrize(
    ("place", "unplaced", "fact", "story", "passed"),
    [
        # An unknown village counts through its country.
        ("within: Syria", None, {"place": "Kafr Nowhere"}, {}, True),
        ("within: Syria", None, {"place": "Kafr Nowhere", "country": None}, {"country": "SY"}, True),
        ("within: Syria", None, {"place": "Kafr Nowhere", "country": "IQ"}, {"country": "SY"}, False),
        ("within: Syria", "drop", {"place": "Kafr Nowhere"}, {}, True),
        ("within: Syria", None, {"place": "Kafr Nowhere", "country": None}, {}, None),
        ("within: Idlib", None, {"place": "Kafr Nowhere"}, {"country": "SY"}, True),
        ("within: Idlib", "hold", {"place": "Kafr Nowhere"}, {"country": "SY"}, None),
        ("name: Kafr Nowhere", None, {"place": "Kafr Nowhere"}, {}, True),
        ("near: {of: Aleppo, km: 80}", None, {"place": "Kafr Nowhere"}, {}, None),
        ("near: {of: Aleppo, km: 80}", None, {"place": "Kafr Nowhere"}, {"country": "SY", "place_id": "Aleppo"}, True),
        # A fact without a place takes its story's.
        ("within: Syria", None, {"place": None, "country": None}, {"country": "SY", "place_id": "Aleppo"}, True),
        ("within: Iraq", None, {"place": None, "country": None}, {"country": "SY", "place_id": "Aleppo"}, False),
        # Neither has one.
        ("within: Syria", None, {"place": None, "country": None}, {"country": "SY"}, True),
        ("within: Syria", None, {"place": None, "country": None}, {"country": "IQ"}, False),
        ("within: Syria", None, {"place": None, "country": None}, {}, None),
        ("within: Syria", "match", {"place": None, "country": None}, {}, True),
        ("within: Syria", "drop", {"place": None, "country": None}, {"country": "SY"}, False),
        ("within: Syria", "hold", {"place": None, "country": None}, {"country": "SY"}, None),
        ("near: {of: Aleppo, km: 9}", None, {"place": None, "country": None}, {"country": "SY"}, None),
    ],
)
def test_what_has_no_place(
    scene: Scene, place: str, unplaced: str | None, fact: Mapping[str, Any], story: dict[str, Any], passed: bool | None
) -> None:
    if "place_id" in story:
        story = story | {"place": story["place_id"], "place_id": scene.place_id(story["place_id"], "SY")}
    a_rule = rule("territory", f"{{place: {{{place}}}}}", f"unplaced: {unplaced}" if unplaced else "")
    assert scene.verdict(a_rule, taken(**fact), story=story).passed is passed


@pytest.mark.parametrize(
    ("where", "passed"),
    [
        ("{feed: Outlet A}", True),
        ("{feed: [outlet a, Outlet B]}", True),
        ("{feed: Outlet}", False),
        ("{family: alpha}", True),
        ("{language: en}", True),
        ("{language: [ar, fr]}", False),
        ("{reliability: B}", True),
        ("{reliability: C}", True),
        ("{reliability: A}", False),
        ("{party: null}", True),
        ("{party: Syrian army}", False),
        ("{text: [offensive]}", True),
        ("{text: [truce, offens*]}", True),
        ("{text: [offens]}", False),
        ("{text: [{pattern: 'off\\w+ve'}]}", True),
        ("{story: {about: war}}", True),
        ("{story: {about: war, at_least: 0.6}}", False),
        ("{story: {about: nobody has compared this}}", True),
        ("{story: {phase: developing}}", True),
        ("{story: {phase: [breaking, fading]}}", False),
    ],
)
def test_where_an_item_comes_from(scene: Scene, where: str, passed: bool) -> None:
    changes = {"the_item": item("Town falls", "The OFFENSIVE goes on."), "about": {"war": 0.5}, "phase": "developing"}
    assert scene.verdict(rule("territory", where), taken(), **changes).passed is passed


def test_an_unrated_outlet_is_not_reliable(scene: Scene) -> None:
    feed = Feed("g", "https://b.example", "B", "b", party="Syrian Arab Army")
    assert scene.verdict(rule("territory", "{reliability: F}"), taken(), feed=feed).passed is False
    assert scene.verdict(rule("territory", "{party: Syrian Arab Army}"), taken(), feed=feed).passed is True
    assert scene.verdict(rule("territory", "{party: null}"), taken(), feed=feed).passed is False


def test_exceptions(scene: Scene) -> None:
    old = item("Ten years ago the town fell")
    assert scene.verdict(rule("territory", more="unless: {text: [years ago]}"), taken(), the_item=old).passed is False
    both = "unless: {text: [years ago], feed: Outlet B}"
    assert scene.verdict(rule("territory", more=both), taken(), the_item=old).passed is True
    either = "unless: [{text: [years ago]}, {feed: Outlet B}]"
    assert scene.verdict(rule("territory", more=either), taken(), the_item=old).passed is False
    nowhere = "unless: {place: {within: Syria}}"
    assert scene.verdict(rule("territory", more=nowhere), taken(place=None, country=None)).passed is True


def test_a_statement_is_read_with_its_sentence_only(scene: Scene) -> None:
    text = "A ceasefire is near. “We will go on to the end,” Dmitry Peskov said of Aleppo. The markets fell."
    fact = said(text, "We will go on to the end")
    the_item = item("Kremlin on Syria", text)
    for words, passed in (("Aleppo", True), ("end", True), ("ceasefire", False), ("markets", False), ("Syria", False)):
        verdict = scene.verdict(rule("statement", f"{{text: [{words}]}}"), fact, E.NEW_STATEMENT, the_item=the_item)
        assert verdict.passed is passed, words
    assert passage(fact, the_item) == "“We will go on to the end,” Dmitry Peskov said of Aleppo."
    assert passage(fact, None) == "We will go on to the end We will go on to the end"


def test_a_speaker_by_alias_and_by_another_first_name(scene: Scene) -> None:
    pedersen = "{name: Geir Pedersen, aliases: [{text: Pedersen, with_any: [UN]}]}"
    lists = f"lists: {{w: [{{name: Dmitry Peskov, aliases: [Peskov]}}, {pedersen}]}}\n"
    text = lists + "rules: [{name: r, fact: statement, where: {speaker: $w}, notify: x}]"
    (a_rule,) = load_file("r.yaml", text).rules
    cases = (
        ("Peskov", "“No,” Peskov said.", True),
        ("Peskov", "“No,” said Ivan Peskov. Peskov is a skier.", False),
        ("Ivan Peskov", "“No,” said Ivan Peskov.", False),
        ("Pedersen", "“No,” Pedersen told the UN.", True),
        ("Pedersen", "“No,” Pedersen told the referee.", False),
    )
    for speaker, body, passed in cases:
        fact = said(body, "No", speaker=speaker)
        assert scene.verdict(a_rule, fact, E.NEW_STATEMENT, the_item=item("", body)).passed is passed, body


def test_every_gate_says_what_it_saw(scene: Scene) -> None:
    a_rule = rule("territory", "{text: [gas], place: {within: Syria}, change: captured}", "unless: {feed: Outlet B}")
    verdict = scene.verdict(a_rule, taken(place_id=scene.place_id("Saraqib", "SY")), the_item=item("Town falls"))
    assert [(g.name, g.passed, g.seen) for g in verdict.gates] == [
        ("event", True, "CAPTURED"),
        ("change", True, "captured"),
        ("place", True, "Saraqib (Idlib Governorate, SY)"),
        ("text", False, "none of the words"),
        ("unless.feed", True, "Outlet A"),
    ]


def test_story_rules(scene: Scene) -> None:
    a_rule = rule("story", "{origins: {at_least: 3, within: 1h}, about: war}")
    burst = event(E.BURST, Kind.STORY, origins=("a", "b", "c"), times=(0.0, 1800.0, 3600.0))
    assert match(a_rule, burst, scene.context(about={"war": 0.4})).passed is True
    assert match(a_rule, event(E.BURST, Kind.STORY, origins=("a",)), scene.context(about={"war": 0.4})).passed is False
    late = replace(burst, times=(0.0, 1800.0, 3601.0))
    assert match(a_rule, late, scene.context(about={"war": 0.4})).passed is False
    assert match(a_rule, burst, scene.context(about={"war": 0.1})).passed is False
    assert abouts(a_rule) == {"war"}
    assert match(rule("story", "{phase: breaking}"), burst, scene.context(phase="breaking")).passed is True
    assert match(rule("story", "{origins: {at_least: 3}}"), replace(burst, times=()), scene.context()).passed is True


def test_a_burst_is_any_time_of_a_story_in_which_enough_origins_came() -> None:
    hour = 3600.0
    times = (0.0, 9 * hour, 9.2 * hour, 9.5 * hour, 9.9 * hour, 30 * hour)
    assert [most_within(times, within) for within in (0.0, 0.5 * hour, hour, 9 * hour, 48 * hour)] == [1, 3, 4, 4, 6]
    assert most_within((), hour) == 0


@pytest.mark.parametrize(
    ("name", "silent", "quiet", "passed"),
    [
        (E.QUIET, 6.0, "6h", True),
        (E.QUIET, 12.0, "6h", False),  # told when six hours were over
        (E.QUIET, 12.0, None, True),
        (E.QUIET, 6.0, None, False),
        (E.REVIVED, 20.0, "6h", True),
        (E.REVIVED, 5.0, "6h", False),
        (E.REVIVED, 11.0, None, False),
        (E.FEED_SILENT, 3.0, None, True),  # strange by the feed's own rhythm
        (E.FEED_SILENT, 3.0, "6h", False),
        (E.FEED_SILENT, 7.0, "6h", True),
        (E.BURST, None, "6h", True),
    ],
)
def test_silences(scene: Scene, name: E, silent: float | None, quiet: str | None, passed: bool) -> None:
    where = f"{{quiet: {quiet}}}" if quiet else "{}"
    a_rule = rule("story", where, "events: [QUIET, REVIVED, FEED_SILENT, BURST]")
    told = event(name, Kind.STORY, silent=silent * 3600 if silent else None)
    assert match(a_rule, told, scene.context()).passed is passed


def test_the_silences_that_rules_wait_for() -> None:
    rules = [
        rule("story", "{quiet: 6h}", "events: [QUIET]"),
        rule("story", "{quiet: 2h}", "events: [BURST]"),
        rule("story", more="events: [REVIVED]"),
        rule("casualty"),
    ]
    assert quiets(rules) == (6 * 3600.0, 12 * 3600.0)


def test_a_matcher_asks_only_rules_that_listen(scene: Scene) -> None:
    rules = [rule("territory"), rule("territory", "{gainer: SDF}"), rule("casualty"), rule("territory", more="mode: off")]
    matcher = Matcher.of(rules, scene.gazetteer)
    found = matcher.matches(event(E.CAPTURED, Kind.TERRITORY, taken()), scene.context())
    assert [m.rule for m in found] == [rules[0]] and len(matcher.rules) == 3
    assert matcher.matches(event(E.ADVANCE, Kind.TERRITORY, taken()), scene.context()) == []


def test_a_timer_without_an_item_breaks_nothing(scene: Scene) -> None:
    a_rule = rule("text", "{text: [gas], feed: Outlet A, language: en}")
    context = scene.context(feed=None)
    assert compile_rule(a_rule, scene.gazetteer).match(event(E.MATCHED, Kind.TEXT), context).passed is False
    assert match(rule("territory", "{change: lost}"), event(E.LOST, Kind.TERRITORY), context).passed is False


@pytest.mark.parametrize(
    ("name", "fact", "more", "title"),
    [
        (E.CAPTURED, taken(), {}, "Saraqib captured by HTS"),
        (E.CAPTURED, taken(gainer=None), {}, "Saraqib captured"),
        (E.CAPTURE_CLAIMED, taken(source="SOHR"), {}, "Saraqib captured by HTS, says SOHR"),
        (E.CAPTURE_CLAIMED, taken(source="HTS"), {}, "Saraqib captured by HTS, by its own account"),
        (E.CAPTURE_CLAIMED, taken(), {}, "Saraqib captured by HTS, reportedly"),
        (E.CONFIRMED, taken(), {"new": "HTS"}, "Saraqib now held by HTS"),
        (E.WITHDRAWN, taken(change="withdrawn", gainer=None, loser="the army"), {}, "Saraqib abandoned by the army"),
        (E.LOST, taken(change="lost", gainer=None), {}, "Saraqib lost"),
        (E.DENIED, taken(), {}, "Denied: Saraqib captured by HTS"),
        (E.ADVANCE, taken(part="outskirts"), {}, "Outskirts of Saraqib captured by HTS"),
        (E.COUNT_NEW, taken(place="towns", count=50), {"new": Bounds(50, 50, "around")}, "Around 50 towns captured by HTS"),
        (E.NEW_FIGURE, toll(), {"new": Bounds(242, None, "at_least")}, "At least 242 killed in Aleppo"),
        (E.NEW_FIGURE, toll(place=None), {"new": Bounds(12, None, "dozens")}, "Dozens killed"),
        (E.NEW_FIGURE, toll(category="soldiers"), {"new": Bounds(12, None, "dozens")}, "Dozens of soldiers killed in Aleppo"),
        (E.COUNT_NEW, taken(place="towns", count=12), {"new": Bounds(12, None, "dozens")}, "Dozens of towns captured by HTS"),
        (E.NEW_FIGURE, toll(category="soldiers"), {"new": Bounds(1, 1)}, "1 soldier killed in Aleppo"),
        (E.NEW_FIGURE, toll(category="children"), {"new": Bounds(1, 1)}, "1 child killed in Aleppo"),
        (E.NEW_FIGURE, toll(category="aid_workers"), {"new": Bounds(3, 3)}, "3 aid workers killed in Aleppo"),
        (E.NEW_FIGURE, toll(category="named_person", name="A. Haddad"), {"new": Bounds(1, 1)}, "A. Haddad killed in Aleppo"),
        (
            E.INCREASED,
            toll(revision="up"),
            {"new": Bounds(242, None, "at_least"), "old": Bounds(190, 190)},
            "Death toll in Aleppo rises to at least 242 (was 190)",
        ),
        (E.INCREASED, toll(), {"new": Bounds(18, 18), "old": Bounds(4, 4)}, "18 killed in Aleppo (was 4)"),
        (
            E.INCREASED,
            toll(scope="cumulative"),
            {"new": Bounds(18, 18), "old": Bounds(4, 4)},
            "Death toll in Aleppo rises to 18 (was 4)",
        ),
        (
            E.INCREASED,
            toll(revision="up"),
            {"new": Bounds(14001, None, "more_than")},
            "Death toll in Aleppo rises to more than 14,000",
        ),
        (E.INCREASED, toll(), {"new": Bounds(14001, None, "more_than")}, "More than 14,000 killed in Aleppo"),
        (
            E.REVISED_DOWN,
            toll(metric="wounded"),
            {"new": Bounds(24, 24), "old": Bounds(242, 242)},
            "Number of wounded in Aleppo corrected to 24 (was 242)",
        ),
        (E.CONFLICT, toll(), {"spread": Bounds(30, 60)}, "Death toll in Aleppo: sources differ, 30 to 60"),
        (E.RETRACTED, toll(), {"old": Bounds(40, 40)}, "Death toll of 40 in Aleppo withdrawn"),
        (E.INCREASED, toll(), {"new": Bounds(9, 9), "unconfirmed": True}, "9 killed in Aleppo (unconfirmed)"),
        (E.NEW_STATEMENT, said("“Go on,” he said", "Go on,"), {}, "Dmitry Peskov: “Go on”"),
        (E.NEW_STATEMENT, said("talks go on", "talks go on", mode="paraphrase"), {}, "Dmitry Peskov: talks go on"),
        (
            E.NEW_STATEMENT,
            said("the capture of Idlib", "the capture of Idlib", mode="paraphrase", cue="denies", stance="denies"),
            {},
            "Dmitry Peskov denies the capture of Idlib",
        ),
        (
            E.NEW_STATEMENT,
            said("allies to help", "allies to help", mode="paraphrase", cue="urged", stance="demands"),
            {},
            "Dmitry Peskov urged allies to help",
        ),
        (
            E.NEW_STATEMENT,
            said("against “tolls”", "against “tolls”", mode="mixed", cue="warned"),
            {},
            "Dmitry Peskov warned against “tolls”",
        ),
        (
            E.NEW_STATEMENT,
            said("for calm", "calm", mode="paraphrase", cue="calling for", stance="demands"),
            {},
            "Dmitry Peskov calls for calm",
        ),
        (E.NEW_STATEMENT, said("to leave", "to leave", mode="mixed", cue="told"), {}, "Dmitry Peskov: to leave"),
        (E.NEW_STATEMENT, said("talks go on", "talks go on", mode="mixed", cue="said"), {}, "Dmitry Peskov: talks go on"),
        (E.BURST, None, {"origins": ("a", "b")}, "2 outlets report: Advance in the north"),
        (E.MATCHED, None, {}, "Town falls"),
    ],
)  # fmt: skip
def test_default_titles(scene: Scene, name: EventName, fact: Fact | None, more: Mapping[str, Any], title: str) -> None:
    kind = fact.kind if fact else Kind.STORY if name is E.BURST else Kind.TEXT
    given = event(name, kind, fact, **more)
    assert render_title(rule(kind), given, scene.context(item("Town falls"))) == title


@pytest.mark.parametrize(
    ("template", "values", "title"),
    [
        ("{place} {change} by {gainer}", {"place": "Saraqib", "change": "captured"}, "Saraqib captured"),
        ("{place} ({gainer})", {"place": "Saraqib"}, "Saraqib"),
        ("{gainer}: {place}", {"place": "Saraqib"}, "Saraqib"),
        ("In {place}, {gainer} won", {"gainer": "HTS"}, "HTS won"),
        ("{place}", {"place": "{gainer} {{0.__class__}} %s"}, "{gainer} {{0.__class__}} %s"),
        ("from {loser} to {gainer} in {place}", {}, ""),
    ],
)
def test_templates(template: str, values: Mapping[str, str], title: str) -> None:
    assert fill(template, values) == title


def test_a_title_is_one_bounded_line(scene: Scene) -> None:
    fact = taken(place="Sara\nqib\x00\u202e " + "x" * 500, gainer="{loser}")
    title = render_title(
        rule("territory", more='title: "{place} - {gainer}"'), event(E.CAPTURED, Kind.TERRITORY, fact), scene.context()
    )
    assert len(title) <= MAX_TITLE and title.isprintable() and title.endswith("{loser}")
    assert render_title(rule("territory", more='title: "{gainer}"'), event(E.CAPTURED, Kind.TERRITORY), scene.context())
