"""Words, phrases, stems and patterns of a text condition, language by language: what is found, and what only looks alike."""

from __future__ import annotations

import pytest

from rules.patterns import Readable, compile_pattern
from rules.words import Phrase, Words

PHRASES: tuple[tuple[str, str, str, str], ...] = (
    # language, phrase, a text that has it, a text that has not
    ("en", "ceasefire", "CEASEFIRE agreed", "ceasefires agreed"),
    ("en", "chemical weapon*", "Chemical weapons found", "chemicals, weapons"),
    ("en", "air strike", "an air-strike on a depot", "open air. Strike goes on"),
    ("en", "ai", "AI is told", "he said so"),
    ("en", "Shi'ite", "Shi’ite militias", "a shire"),
    ("fr", "ecole", "L’École est fermée", "écoles fermées"),
    ("fr", "cessez-le-feu", "un cessez le feu", "cessez, le feu"),
    ("fr", "otage*", "l'otage est libre", "potager"),
    ("de", "Waffenruhe*", "die Waffenruhen", "Waffen ruhen"),
    ("de", "Zölle", "ZÖLLE auf Autos", "Zoll auf Autos"),
    ("de", "Strasse", "auf der Straße", "Strass"),
    ("es", "atentado", "¡Atentado!", "atentados"),
    ("es", "ano", "el año nuevo", "la mano"),
    ("pt", "prisao", "a prisão de um general", "prisões"),
    ("tr", "sınır", "SINIR kapısı açıldı", "sınırda bekliyor"),
    ("tr", "ısrail*", "İsrail'den açıklama", "misrail"),
    ("tr", "İsrail", "israil ordusu", "israilli"),
    ("pl", "łódź", "w mieście Lodz, Łódź", "łódźki"),
    ("ru", "перемири*", "о Перемирии говорят", "примирение"),
    ("ru", "еще", "ещё раз", "ещёнок"),
    ("uk", "обстріл*", "Обстріли Харкова", "стріли"),
    ("el", "αθηνα", "η Αθήνα σήμερα", "Αθηναίος"),
    ("ar", "الجيش", "والجيش يتقدم", "جيشان"),
    ("ar", "حلب", "في حلب وبحلب", "حلبة السباق"),
    ("ar", "هدنة", "الهُدْنَة؟ هدنة", "هندسة"),
    ("ar", "القاهرة", "القاهره اليوم", "قاهر"),
    ("fa", "کشته", "كشته شد", "کشتی"),
    ("he", "ממשלה", "והממשלה והממשלה: ממשלה", "ממשלתי"),
    ("hi", "युद्ध", "यूक्रेन युद्ध पर", "युद्धविराम"),
    ("zh", "停火", "双方同意停火七天", "停車、火災"),
    ("ja", "地震", "能登地震の被害", "地面、震える"),
    ("ko", "지진", "일본 지진이 발생", "지하 진동"),
    ("th", "แผ่นดินไหว", "เกิดแผ่นดินไหวที่น่าน", "แผ่นดิน ไม่ไหว"),
    ("vi", "Ha Noi", "Thủ đô Hà Nội hôm nay", "Hà, Nội"),
)


@pytest.mark.parametrize(("language", "phrase", "has", "has_not"), PHRASES, ids=[f"{row[0]}-{row[1]}" for row in PHRASES])
def test_a_phrase_is_found_on_the_boundaries_of_its_language(language: str, phrase: str, has: str, has_not: str) -> None:
    wanted = Phrase.of(phrase, cased=False)
    assert wanted.found_in(Words(has))
    assert not wanted.found_in(Words(has_not))


@pytest.mark.parametrize(
    ("pattern", "has", "has_not"),
    [
        (r"\bécole\b", "L'ÉCOLE brûle", "écoles"),
        (r"\bармия\b", "Армия отступает", "армиям"),
        (r"\d{2,} (dead|killed)", "٤٢ dead, 17 killed", "4 dead"),
        (r"(?-i)\bUS\b", "the US says", "tell us more"),
        (r"\bsarin|chlorine\b", "chlorine!", "chlorines"),
        (r"停火.{0,3}协议", "停火的协议", "停火后双方签署协议"),
        (r"\bالجيش\s+السوري\b", "قال الجيش السوري", "الجيش السورية"),
        (r"кра[йю]\b", "на краю", "краюха"),
        (r"[6-9][.,]\d[- ]magnitude", "a 6.4-magnitude quake", "a 4.4-magnitude quake"),
    ],
)
def test_a_pattern_knows_letters_and_boundaries_of_every_script(pattern: str, has: str, has_not: str) -> None:
    compiled = compile_pattern(pattern)
    assert compiled.found_in(Readable(has))
    assert not compiled.found_in(Readable(has_not))
