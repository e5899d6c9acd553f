"""Every sentence of the report has its French, with the same numbers in the same places."""

from __future__ import annotations

import ast
import json
import re
import string
from importlib import resources
from pathlib import Path

import pytest
from lxml import html

from itc_analysis.config.steps import ReportSettings
from itc_analysis.measurements.acceptance import RULES
from itc_analysis.report.html import words
from itc_analysis.report.html.material import collect
from itc_analysis.report.language import phrases
from itc_analysis.report.language.phrases import catalogue, phrase, speaking
from itc_analysis.report.language.recorded import recorded, recorded_list
from itc_analysis.report.page import build_page
from itc_analysis.scores.words.function import WORDS
from itc_analysis.scores.words.labels import LABELS
from itc_analysis.stats.plan.lock import DECIDED_BY_HAND
from itc_analysis.tables.quantities import GATE_STATES
from report.conftest import HOSTILE
from report.language.english import is_english, sentences
from report.language.left_in_english import english_left

LANGUAGES = ("fr",)

#: Words of tables and of other rooms that the report shows in the reader's language.
OF_OTHER_ROOMS = {
    *(state.replace("_", " ") for state in GATE_STATES),
    *RULES,
    *LABELS,
    *WORDS,
    *(noun for nouns in DECIDED_BY_HAND.values() for noun in nouns),
    *("primary", "secondary", "exploratory", "post hoc"),
    *("accepted", "corrected"),  # decisions of reviews
    *("current", "initial", "censored"),  # versions of the protocol; what the plan does below LoD
    *("logicle", "linear", "given", "estimated", "median [IQR]", "n (%)", "yes", "no"),
}


def places(text: str) -> list[tuple[str, str | None]]:
    """Return the places of a sentence, in which numbers and names are put."""
    return sorted(
        (name, form) for _, name, form, _ in string.Formatter().parse(text) if name is not None
    )


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_sentence_of_the_report_is_translated(language: str) -> None:
    known = catalogue(language)
    lacking = {text: where for text, where in sentences().items() if text not in known}
    assert lacking == {}, f"{len(lacking)} sentences without a translation in {language}.json"


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_translation_is_left_over(language: str) -> None:
    stale = set(catalogue(language)) - set(sentences()) - OF_OTHER_ROOMS
    assert [text for text in sorted(stale) if is_english(text)] == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_has_the_places_of_its_sentence(language: str) -> None:
    wrong = [
        english
        for english, translated in catalogue(language).items()
        if places(english) != places(translated)
    ]
    assert wrong == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_translation_changes_no_number(language: str) -> None:
    def numbers(text: str) -> list[str]:
        return sorted(number.strip(".,") for number in re.findall(r"\d[\d.,]*", text))

    wrong = [
        (english, translated)
        for english, translated in catalogue(language).items()
        if numbers(english) != numbers(translated)
    ]
    assert wrong == []


def test_a_sentence_without_translation_stays_english() -> None:
    with speaking("fr"):
        assert phrase("No catalogue has this: {0}.", 3) == "No catalogue has this: 3."
        assert phrase("Batch") == "Lot"
    assert phrase("Batch") == "Batch"


def test_french_counts_nought_in_the_singular() -> None:
    with speaking("fr"):
        assert [words.plural(n, "tube") for n in (0, 1, 2)] == ["0 tube", "1 tube", "2 tubes"]
    assert [words.plural(n, "tube") for n in (0, 1, 2)] == ["0 tubes", "1 tube", "2 tubes"]


def test_recorded_reasons_keep_their_numbers() -> None:
    reason = "few participants (7 and 4); made-up reason"
    assert recorded(reason) == reason
    with speaking("fr"):
        assert recorded(reason) == "peu de participants (7 et 4); made-up reason"
        chart = "weight below 55\N{NO-BREAK SPACE}kg (2), recent vaccination (1)"
        assert recorded_list(chart) == "poids inférieur à 55 kg (2), vaccination récente (1)"


def test_prepositions_swallow_the_article_of_the_group() -> None:
    reason = "the 14 participants of the index group below the limit of detection were 0.57 SD"
    change = "the interval would show a difference if"
    with speaking("fr"):
        told = recorded(f"{change} {reason} (1.48-fold) lower than the model predicts")
        assert "participants du groupe étudié" in told


@pytest.fixture(scope="module")
def pages(page: str, results: Path, settings: ReportSettings) -> dict[str, html.HtmlElement]:
    """Return the report of the made-up study in both languages."""
    found = {phrases.ENGLISH: html.document_fromstring(page)}
    for language in LANGUAGES:
        report = settings.report.model_copy(update={"language": language})
        translated = build_page(collect(results, settings.model_copy(update={"report": report})))
        found[language] = html.document_fromstring(translated)
    return found


def numbers_of(tree: html.HtmlElement) -> list[list[str]]:
    """Return the numbers of every cell of every table, and of every figure."""
    cells = tree.xpath("//main//td | //main//th[@scope='row']")
    told = [cell.text_content() for cell in cells]
    # matplotlib's own pictures make room for their words
    own = "//*[name()='svg'][@class='points' or @class='forest']"
    marks = tree.xpath(f"{own}//*[name()='circle' or name()='path' or name()='rect']")
    shapes = [str(mark.get("d") or mark.get("cy") or mark.get("x")) for mark in marks]
    return [_digits(text) for text in told] + [shapes]


def _digits(text: str) -> list[str]:
    # a sentence in a cell may name them in another order
    return sorted(number.strip(".,") for number in re.findall(r"\d[\d.,]*", text))


def test_both_languages_show_the_same_numbers(pages: dict[str, html.HtmlElement]) -> None:
    english, french = (numbers_of(pages[language]) for language in ("en", "fr"))
    assert len(english) > 500
    assert english == french


def test_the_french_page_is_french(pages: dict[str, html.HtmlElement]) -> None:
    tree = pages["fr"]
    assert tree.get("lang") == "fr"
    # what the tables record stays as it is recorded: methods, settings, reasons, names
    heads = tree.xpath("//main//h2 | //main//h3 | //main//caption | //main//thead//th")
    known = set(catalogue("fr").values()) - set(catalogue("fr"))
    english = set(catalogue("fr")) - set(catalogue("fr").values())
    told = [head.text_content().strip() for head in heads]
    assert [text for text in told if text in english] == []
    assert sum(text in known for text in told) > 100


#: What the made-up study says in its own words: its tables' reasons, and what its steps did.
OF_THE_MADE_UP_STUDY = (
    HOSTILE,
    *("no chronic infection", "And so on", "were checked", "were logicle transformed"),
    *("were pooled", "were counted", "were called", "were read against", "became shares"),
    *("were compared", "were associated"),
)


def test_no_english_is_left_on_the_french_page(pages: dict[str, html.HtmlElement]) -> None:
    left = english_left(pages["fr"])
    assert [part for part in left if not any(own in part for own in OF_THE_MADE_UP_STUDY)] == []
    # the same eyes see the English page
    (body,) = pages["en"].xpath("//body")
    assert len(english_left(body)) > 300


def test_english_is_told_by_its_small_words() -> None:
    seen = html.fromstring(
        "<div><p>Rien ne peut être dit.</p><p>no events are bright</p><p>voir with_to_the.tsv</p>"
        '<p><span lang="en">Role of T cells</span> suite</p><img alt="two of them">'
        "<code>itc trace to the file</code><p>be67edc69d2cfd54</p></div>"
    )
    assert english_left(seen) == ["no events are bright", "two of them"]


@pytest.mark.parametrize(
    ("english", "french"),
    [
        # a known sentence without its full stop or capital, and a list of counted words
        ("Too few genes.", "Trop peu de gènes."),
        ("dropped 9 of 40 barcodes: 5 too few genes, 4 too large a mitochondrial share",
         "9 codes-barres sur 40 écartés : 5 trop peu de gènes, 4 part mitochondriale trop grande"),
        # sentences one after another, one of them unknown
        ("Cuts were made-up. Limits of counts are exact binomial.",
         "Cuts were made-up. Les limites des comptes sont binomiales exactes."),
        # the pattern with most words of its own, not "{} cells"
        ("3 of 4 libraries used, n = 192 cells",
         "3 banques utilisées sur 4, n = 192 cellules"),
        ("cut of CD4+: two valleys, at 0.502 and 0.189 "
         "(0 % of bootstrap replicates chose the other)",
         "coupure de CD4+ : deux vallées, à 0.502 et 0.189 "
         "(0 % des réplicats bootstrap ont choisi l’autre)"),
        # a study without flow cytometry, a tube cut short
        ("the study has no flow cytometry measurements; 2 of 3 participants without a number "
         "(2 not measured)",
         "l’étude n’a pas de mesures de cytométrie en flux; 2 participants sur 3 sans nombre "
         "(2 non mesuré)"),
        ("tube unreadable: DATA, the events need bytes 2671 to 338670, the file has 3000: 0% of "
         "the events are there; the copy is probably incomplete: copy or export it again",
         "tube illisible : DATA, les événements demandent les octets 2671 à 338670, le fichier en "
         "a 3000 : 0% des événements y sont; la copie est sans doute incomplète : copier ou "
         "exporter à nouveau"),
        ("16 cells", "16 cellules"),
        ("1 cell", "1 cellule"),
        ("1 event removed: time", "1 événement écarté : temps"),
        (
            "1 analysed participant of group 'healthy' with enough MAIT, 4 needed",
            "1 participant analysé du groupe 'healthy' avec assez de MAIT, 4 nécessaires",
        ),
    ],
)  # fmt: skip
def test_recorded_sentences_are_put_together_from_what_is_known(english: str, french: str) -> None:
    with speaking("fr"):
        assert recorded(english) == french
    assert recorded(english) == english


def test_every_recorded_translation_has_the_places_of_its_sentence() -> None:
    path = resources.files("itc_analysis.report.language") / "fr.recorded.json"
    for english, french in json.loads(path.read_text(encoding="utf-8")).items():
        plain = english.replace("{}", "")
        if "{" not in plain:
            assert english.count("{}") == french.count("{}"), english
        numbers = [re.findall(r"\d+(?:\.\d+)?", text) for text in (english, french)]
        assert sorted(numbers[0]) == sorted(numbers[1]), english


def methods_texts() -> dict[str, str]:
    """Return what steps say of themselves in one piece, by the module that says it."""
    root = Path(str(resources.files("itc_analysis")))
    found = {}
    for path in sorted(root.rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if not isinstance(node, ast.Assign) or not isinstance(node.value, ast.Constant):
                continue
            name = ast.unparse(node.targets[0])
            if name in ("METHODS", "METHODS_TEXT", "COUNTED") and path.parent.name != "api":
                found[path.relative_to(root).as_posix()] = str(node.value.value)
    return found


def test_what_the_steps_did_is_translated() -> None:
    texts = methods_texts()
    assert len(texts) > 10
    with speaking("fr"):
        pages = {
            where: html.fromstring(f"<p>{words.plain(text)}</p>") for where, text in texts.items()
        }
    assert {where: left for where, page in pages.items() if (left := english_left(page))} == {}
