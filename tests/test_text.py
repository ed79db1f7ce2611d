"""Text to show, text to match, and its language."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.text import TITLE_LENGTH, clean, clean_title, find_word, fold, language_of, words


def test_what_cannot_be_seen_goes() -> None:
    assert clean("a\u202eb\x00\u200bc\ufeff") == "abc"


def test_breaks_and_blanks_are_made_plain() -> None:
    assert clean(" one\t two\r\nthree\u2028four\n\n\n\nfive ") == "one two\nthree\nfour\n\nfive"


def test_persian_joiners_stay_to_show_and_go_to_match() -> None:
    assert "\u200c" in clean("می\u200cرود")
    assert fold("می\u200cرود") == fold("میرود")


def test_letters_are_composed() -> None:
    assert clean("Cafe\u0301") == "Café"


def test_a_lone_surrogate_becomes_a_replacement_sign() -> None:
    assert clean("a\ud800b") == "a\ufffdb"


def test_titles_are_one_line_and_end_at_a_word() -> None:
    title = clean_title("word " * 100 + "\nend")
    assert len(title) <= TITLE_LENGTH and title.endswith("word…") and "\n" not in title
    assert clean_title("Short\ntitle") == "Short title"


@pytest.mark.parametrize(("one", "other"), [("Ḥomṣ", "HOMS"), ("Ｆｕｌｌ", "full"), ("Straße", "STRASSE"), ("Łódź", "łódź")])
def test_spellings_that_match(one: str, other: str) -> None:
    assert fold(one) == fold(other)


def test_different_words_do_not_match() -> None:
    assert fold("Hama") != fold("Hamas")


def test_words_are_folded() -> None:
    assert words("The École, again!") == ["the", "ecole", "again"]


def test_whole_words_only() -> None:
    assert find_word("Hamas, Hama", "Hama") == 7
    assert find_word("Hamas", "Hama") == -1
    assert find_word("l'école", "école") == 2
    assert find_word("anything", "") == -1


@given(st.text())
def test_cleaning_and_folding_are_total_and_settle(text: str) -> None:
    assert clean(clean(text)) == clean(text)
    assert fold(fold(text)) == fold(text)


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("The army took the town after two days of fighting, officials said.", "en"),
        ("L'armée a pris la ville après deux jours de combats, selon les autorités.", "fr"),
        ("قال المسؤولون إن الجيش سيطر على المدينة بعد يومين من القتال", "ar"),
        ("Военные заняли город после двух дней боёв, сообщили власти.", "ru"),
    ],
)
def test_languages_are_told_apart(text: str, language: str) -> None:
    assert language_of(text) == language


def test_the_declared_language_is_believed_unless_the_text_speaks_against_it() -> None:
    assert language_of("Goma, Bukavu", "en") == "en"
    assert language_of("Der Kanzler reiste am Freitag nach Warschau, um über die Grenze zu sprechen.", "en") == "de"
    assert language_of("", "en-GB") == "en"
    assert language_of("123") is None
