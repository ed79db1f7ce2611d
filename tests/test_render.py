"""What a person reads: the words of each turn, what is told once, and that no text breaks a form."""

from __future__ import annotations

import html
import json
import shlex
from html.parser import HTMLParser
from typing import Any

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.cli.main import cli
from monitor.model import AlertEdge, Bounds, CasualtyFigure, EdgeName, Evidence, Statement, TerritoryChange
from monitor.wording import counted, figure, spread
from notifiers import render
from notifiers.base import Notice

NOW = 1_732_871_400.0  # 29 November 2024, 09:10 UTC
_FACT: dict[str, Any] = {"id": "1", "start": 0, "end": 1, "evidence": "x", "status": "claimed"}


def killed(**changes: Any) -> CasualtyFigure:
    return CasualtyFigure(**_FACT | {"metric": "killed", "low": 1, "high": 1} | changes)


def taken(**changes: Any) -> TerritoryChange:
    return TerritoryChange(**_FACT | {"change": "captured", "place": "Saraqib"} | changes)


def words(**changes: Any) -> Statement:
    return Statement(**_FACT | {"speaker": "A Minister", "quote": "we will not"} | changes)


def an_edge(**changes: Any) -> AlertEdge:
    values: dict[str, Any] = {
        "alert": "9b1f",
        "n": 2,
        "edge": EdgeName.UPDATED,
        "at": NOW,
        "rule": "toll",
        "severity": "high",
        "events": ("INCREASED",),
        "key": "k",
        "story_id": "s",
        "story_title": "Rebels reach Aleppo",
        "title": "Death toll in Aleppo rises",
        "old": Bounds(130, None, "at_least"),
        "new": Bounds(242, None, "at_least"),
        "items": ("i",),
        "facts": (killed(source="the Observatory", source_kind="ngo"),),
        "evidence": (Evidence("i", "Levant Wire", NOW - 300, "https://levant.example/1", "242 died.", "the Observatory"),),
        "origins": 2,
        "spread": Bounds(200, 255),
        "published": NOW - 300,
        "seen": NOW - 180,
        "why": "more than before",
        "place": "Aleppo",
        "lat": 36.20214,
        "lon": 37.13426,
    }
    return AlertEdge(**values | changes)


# --------------------------------------------------------------------------------------------------------------- words


def test_a_message_as_text() -> None:
    assert render.text((an_edge(),)) == (
        "[UPDATE] Death toll in Aleppo rises\n"
        "at least 130 → at least 242 killed\n"
        "\n"
        "  “242 died.”\n"
        "  Levant Wire, quoting the Observatory, 29 Nov 2024 09:05 UTC\n"
        "  https://levant.example/1\n"
        "\n"
        "Said by:  the Observatory\n"
        "Sources:  2 independent sources, figures range from 200 to 255\n"
        "Story:    Rebels reach Aleppo\n"
        "When:     published 29 Nov 2024 09:05 UTC, seen 2 min later, told 3 min after that\n"
        "Why:      rule toll (high): more than before\n"
        "Alert:    9b1f/2\n"
        "Map:      https://www.openstreetmap.org/?mlat=36.2021&mlon=37.1343#map=11/36.2021/37.1343\n"
        "\n"
        "Seen it:      wirewatch alerts ack 9b1f\n"
        "Not relevant: wirewatch alerts ack 9b1f --not-relevant\n"
        "Silence 6 h:  wirewatch silence add --story s --until 6h\n"
        "\n"
        "More:     wirewatch alerts --since 24h\n"
    )


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({}, "at least 130 → at least 242 killed"),
        ({"old": None}, "at least 242 killed"),
        ({"old": None, "new": Bounds(12, None, "dozens"), "facts": (killed(metric="wounded"),)}, "dozens wounded"),
        ({"old": None, "new": Bounds(None, None)}, "an unknown number killed"),
        ({"edge": EdgeName.CORRECTED, "new": Bounds(24, 24), "old": Bounds(242, 242)}, "242 → 24 killed"),
        ({"edge": EdgeName.WITHDRAWN, "new": None}, "at least 130 killed, now withdrawn"),
        ({"edge": EdgeName.DENIED}, "at least 130 killed, now denied"),
        ({"events": ("CONFLICT",), "new": Bounds(60, 60)}, "at least 130 killed; another source says 60"),
        ({"facts": (taken(),), "old": None, "new": "HTS"}, "Holder: HTS"),
        ({"facts": (taken(),), "old": "the army", "new": "HTS"}, "Holder: the army → HTS"),
        (
            {"facts": (taken(),), "events": ("CAPTURE_CLAIMED",), "old": "the army", "new": "HTS"},
            "Holder, as claimed: the army → HTS",
        ),
        ({"facts": (taken(),), "edge": EdgeName.DENIED, "old": "HTS", "new": "HTS"}, "Holder: HTS, now denied"),
        ({"facts": (taken(place="towns", count=50),), "old": Bounds(40, 40), "new": Bounds(50, 50)}, "40 → 50 towns"),
        ({"facts": (words(),), "old": None, "new": "we will not"}, "“we will not”"),
        ({"facts": (words(),), "old": None, "new": "242 died"}, None),  # the evidence says it
        ({"facts": (words(),), "old": "we will", "new": "we will not"}, "“we will” → “we will not”"),
        ({"facts": (), "old": None, "new": None}, None),
        ({"old": None, "title": "At least 242 killed in Aleppo"}, None),  # the title says it
        ({"facts": (killed(name="Omar Haddad"),), "old": None, "new": Bounds(1, 1)}, None),
    ],
)
def test_the_old_and_the_new_value(changes: dict[str, Any], said: str | None) -> None:
    assert render.card(an_edge(**changes)).change == said


@pytest.mark.parametrize(
    ("changes", "row"),
    [
        ({"facts": (), "evidence": ()}, None),
        (
            {"facts": (killed(),), "evidence": (Evidence("i", "Levant Wire", NOW, None, "x"),)},
            "Levant Wire",
        ),
        ({"facts": (taken(source="HTS", source_kind="party"),), "evidence": ()}, "HTS (a party to the conflict)"),
        ({"facts": (taken(source="a source", source_kind="anonymous"),), "evidence": ()}, "a source"),
    ],
)
def test_who_says_so(changes: dict[str, Any], row: str | None) -> None:
    assert dict(render.card(an_edge(**changes)).rows).get("Said by") == row


def test_one_source_that_nobody_confirmed() -> None:
    rows = dict(render.card(an_edge(origins=1, spread=Bounds(5, 5), unconfirmed=True)).rows)
    assert rows["Sources"] == "1 independent source, not confirmed yet"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"seen": NOW, "published": NOW - 7500}, "published 29 Nov 2024 07:05 UTC, seen 2 h 5 min later"),
        ({"seen": NOW, "published": NOW - 20}, "published 29 Nov 2024 09:09 UTC, seen 20 s later"),
        ({"seen": NOW - 10, "published": None}, "seen 29 Nov 2024 09:09 UTC"),
        ({"seen": None, "published": None}, "told 29 Nov 2024 09:10 UTC"),
    ],
)
def test_how_fast_it_was(changes: dict[str, Any], said: str) -> None:
    assert dict(render.card(an_edge(**changes)).rows)["When"] == said


@pytest.mark.parametrize(
    ("seconds", "said"), [(-5, "0 s"), (59.9, "59 s"), (60, "1 min"), (3599, "1 h"), (7200, "2 h"), (3 * 86400, "3 days")]
)
def test_spans_of_time(seconds: float, said: str) -> None:
    assert render.duration(seconds) == said


def test_a_label_is_not_said_twice() -> None:
    edge = an_edge(alert="77aa", edge=EdgeName.CONFIRMED, title="Confirmed: Saraqib captured by HTS")
    assert render.subject((edge,)) == "Confirmed: Saraqib captured by HTS"
    assert render.subject((an_edge(), edge)) == "Update: Death toll in Aleppo rises (+1 more)"


def test_what_edges_share_is_told_once_and_the_severest_gives_the_colour() -> None:
    told = render.message((an_edge(), an_edge(alert="b", severity="critical", title="30 wounded")))
    assert [card.above for card in told.cards] == [False, True]
    assert [bool(card.proofs) for card in told.cards] == [True, False]
    assert [name for name, _ in told.foot] == ["Story", "When", "More"]  # the reasons differ: the severity stands in them
    assert told.colour == render.COLOURS["critical"]
    assert render.text((an_edge(), an_edge(alert="b"))).count("242 died.") == 1


def test_a_digest_of_several_stories_keeps_them_apart() -> None:
    other = an_edge(alert="b", story_id="f", story_title="Floods", evidence=(Evidence("j", "Tidewater", NOW, None, "3 died."),))
    edges = (an_edge(), other, an_edge(alert="c", title="30 wounded"))
    text = render.text(edges)
    assert text.index("Rebels reach Aleppo (2 alerts)\n[UPDATE]") < text.index("30 wounded") < text.index("Floods\n[UPDATE]")
    assert "Story:" not in text and "242 died." in text and "3 died." in text
    assert render.subject(edges) == "3 alerts in 2 stories: Update: Death toll in Aleppo rises"
    assert render.html(edges).count("Rebels reach Aleppo") == 1


def test_a_digest_says_what_changed_since_the_last_one() -> None:
    turns = (
        an_edge(n=2, old=Bounds(130, 130), new=Bounds(200, 200)),
        an_edge(n=3, old=Bounds(200, 200), new=Bounds(242, 242)),
        an_edge(n=4, edge=EdgeName.CORRECTED, old=Bounds(242, 242), new=Bounds(240, 240), title="Toll corrected"),
    )
    text = render.text(turns)
    assert "[CORRECTION] Toll corrected\n130 → 240 killed" in text and "242 killed" not in text


def test_text_from_right_to_left_is_set_apart_in_plain_text() -> None:
    proof = Evidence("i", "عنب بلدي", NOW, None, "قتل 12 شخصا", "وزارة الصحة")
    text = render.text((an_edge(title="مقتل 12 في حلب", evidence=(proof,), facts=()),))
    assert "[UPDATE] \u2068مقتل 12 في حلب\u2069\n" in text
    assert "“\u2068قتل 12 شخصا\u2069”" in text
    assert "\u2068عنب بلدي\u2069, quoting \u2068وزارة الصحة\u2069, 29 Nov 2024" in text
    assert render.isolated("Aleppo") == "Aleppo"


def test_a_digest_begins_with_the_titles_of_all() -> None:
    many = tuple(an_edge(alert=f"a{n}", title=f"Toll number {n} rises") for n in range(6))
    assert render.text(many).startswith("- Update: Toll number 0 rises\n- Update: Toll number 1 rises\n")
    assert render.html(many).count("Toll number 5 rises") == 2
    assert not render.message(many[:5]).contents


def test_a_story_that_is_called_like_the_alert_is_not_named() -> None:
    assert "Story" not in dict(render.card(an_edge(story_title="Death toll in Aleppo rises")).rows)


def test_the_commands_that_a_message_names_exist() -> None:
    for command in (render.MORE, *(command for _, command in render.card(an_edge()).todo)):
        program, *arguments = shlex.split(command)
        assert program == "wirewatch"
        shown = CliRunner().invoke(cli, [*arguments, "--help"])
        assert shown.exit_code == 0 and "Usage:" in shown.output
        for option in (word for word in arguments if word.startswith("--")):
            assert option in shown.output


def test_what_to_do_is_told_once_for_a_story_and_not_at_all_in_long_digests() -> None:
    text = render.text((an_edge(), an_edge(alert="b")))
    assert text.count("wirewatch silence add") == 1 and text.count("wirewatch alerts ack") == 4
    assert "wirewatch alerts ack" not in render.text(tuple(an_edge(alert=f"a{n}") for n in range(6)))


@pytest.mark.parametrize(
    ("lat", "lon", "link"),
    [
        (36.2, -7.0, "https://www.openstreetmap.org/?mlat=36.2&mlon=-7#map=11/36.2/-7"),
        (0.0, 0.00001, "https://www.openstreetmap.org/?mlat=0&mlon=0#map=11/0/0"),
        (None, 7.0, None),
        (91.0, 0.0, None),
        (float("nan"), 0.0, None),
    ],
)
def test_a_map_of_a_place(lat: float | None, lon: float | None, link: str | None) -> None:
    assert render.map_link(lat, lon) == link


# ------------------------------------------------------------------------------------------------------------- figures


@pytest.mark.parametrize(
    ("bounds", "said"),
    [
        (Bounds(12, 12), "12"),
        (Bounds(14000, None, "at_least"), "at least 14,000"),
        (Bounds(14001, None, "more_than"), "more than 14,000"),
        (Bounds(None, 40, "up_to"), "up to 40"),
        (Bounds(None, 39, "fewer_than"), "fewer than 40"),
        (Bounds(45, 55, "around"), "around 50"),
        (Bounds(45, 50, "nearly"), "nearly 50"),
        (Bounds(30, 40, "range"), "30 to 40"),
        (Bounds(12, None, "dozens"), "dozens"),
        (Bounds(30, None, "dozens"), "at least 30"),
        (Bounds(None, None), ""),
    ],
)
def test_figures_in_words(bounds: Bounds, said: str) -> None:
    assert figure(bounds) == said


def test_figures_before_what_they_count() -> None:
    assert counted(Bounds(12, None, "dozens"), "soldiers") == "dozens of soldiers"
    assert counted(Bounds(12, None, "dozens"), "") == "dozens"
    assert counted(Bounds(5, 5), "towns") == "5 towns"
    assert spread(Bounds(30, 60, "at_least")) == "30 to 60"


# ------------------------------------------------------------------------------------------------------- no text breaks it

ANY = st.text(st.characters(codec=None, exclude_categories=()))
HOSTILE = "<script>alert(1)</script>\" onclick='x' {{ 7 * 7 }} {% raw %} &amp; \u202e\0\ud800"
VALUES = st.one_of(
    st.none(), ANY, st.builds(Bounds, st.one_of(st.none(), st.integers(0)), st.one_of(st.none(), st.integers(0)), ANY)
)


@st.composite
def edges(draw: st.DrawFn) -> AlertEdge:
    instant = st.floats(-1e20, 1e20)
    proof = st.builds(Evidence, ANY, ANY, instant, st.one_of(st.none(), ANY, ANY.map(lambda t: f"http://{t}")), ANY, ANY)
    facts = st.sampled_from([(), (killed(source="\0"),), (taken(),), (words(),)])
    return an_edge(
        edge=draw(st.sampled_from(EdgeName)),
        title=draw(ANY),
        story_title=draw(ANY),
        why=draw(ANY),
        rule=draw(ANY),
        severity=draw(st.one_of(ANY, st.sampled_from(sorted(render.COLOURS)))),
        old=draw(VALUES),
        new=draw(VALUES),
        events=draw(st.sampled_from([(), ("CONFLICT",)])),
        evidence=tuple(draw(st.lists(proof, max_size=3))),
        facts=draw(facts),
        published=draw(st.one_of(st.none(), instant)),
        seen=draw(st.one_of(st.none(), instant)),
    )


@settings(max_examples=150, deadline=None)
@given(st.lists(edges(), min_size=1, max_size=3))
def test_any_text_in_any_field_gives_a_message(found: list[AlertEdge]) -> None:
    for form in (render.text(found), render.html(found), render.subject(found)):
        form.encode()
        assert not set(form) & set("\0\x1b\r\u202a\u202b\u202d\u202e\u2066\u2067\u2028\u2029")
        for line in form.split("\n"):
            assert line.count("\u2068") == line.count("\u2069"), "what is opened is closed on its line"
    assert "\n" not in render.subject(found) and len(render.subject(found)) < 200


class Tags(HTMLParser):
    """Tags and the attributes that they may not have."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.odd: list[tuple[str, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.odd += [(k, v) for k, v in attrs if k.startswith("on") or (k == "href" and not str(v).startswith("http"))]


@pytest.mark.parametrize(
    "link", ["javascript:alert(1)", "https://a.example/\"onclick='x'", "data:text/html,x", "HTTPS://A.example/x"]
)
def test_html_holds_no_markup_but_its_own(link: str) -> None:
    proof = Evidence("i", HOSTILE, NOW, link, HOSTILE, HOSTILE)
    told = render.html((an_edge(title=HOSTILE, story_title=HOSTILE, why=HOSTILE, evidence=(proof,), facts=(), new=HOSTILE),))
    seen, usual = Tags(), Tags()
    seen.feed(told)
    usual.feed(render.html((an_edge(),)))
    assert (seen.tags - usual.tags, [a for a in seen.odd if a[1] != "HTTPS://A.example/x"]) == (set(), [])
    assert "{{ 7 * 7 }}" in html.unescape(told)


def test_html_needs_nothing_from_elsewhere() -> None:
    told = render.html((an_edge(evidence=(), lat=None),))
    assert not [word for word in ("http:", "https:", "src=", "url(", "@import", "<script") if word in told]


def test_a_million_signs_are_cut() -> None:
    told = render.text((an_edge(title="x" * 1_000_000, why="y " * 500_000, evidence=()),))
    assert len(told) < 2000 and "…" in told


def test_persian_joiners_and_right_to_left_text_stay() -> None:
    assert "می‌خواهد حلب" in render.text((an_edge(title="می‌خواهد حلب"),))
    assert 'dir="auto"' in render.html((an_edge(title="حلب"),))


def test_links_that_are_none_are_not_shown() -> None:
    for link in ("javascript:x", "/local", "ftp://a.example", "https://a.example/\u202e", "https://a.example/a b", "x" * 3000):
        proof = Evidence("i", "Levant Wire", NOW, link, "242 died.")
        assert render.card(an_edge(evidence=(proof,))).proofs[0].link is None


def test_a_notice_is_plain_lines() -> None:
    assert render.notice_text(Notice("Feed\nx is dead\0", ("HTTP 500", "a\rb"), NOW)) == (
        "Feed x is dead\nHTTP 500\na b\n29 Nov 2024 09:10 UTC\n"
    )


# ---------------------------------------------------------------------------------------------------------------- JSON


def test_the_contracted_json_and_the_full_one() -> None:
    contracted, full = render.as_json(an_edge()), json.loads(json.dumps(render.full_json(an_edge())))
    assert list(contracted) == [
        *("alert", "n", "edge", "at", "rule", "severity", "events", "key", "story", "title", "old", "new", "items", "facts")
    ]
    assert (contracted["old"], contracted["at"]) == ({"low": 130, "high": None}, "2024-11-29T09:10:00Z")
    assert contracted == {name: full[name] for name in contracted} and full["origins"] == 2
    assert full["evidence"][0]["link"] == "https://levant.example/1" and full["seen"] == "2024-11-29T09:07:00Z"
