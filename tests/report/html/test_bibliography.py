"""The BibTeX file and its reader: one form, read whole, and given back as BibTeX and CSL."""

from __future__ import annotations

import json

import pytest

from itc_analysis.report.html.bibliography import REFERENCES, read_works

ENTRY = """@article{made2001,
  author = {van Made, A. B. and {A Study Group} and Lin, L. I.-K. and others},
  title = {{Does {MAIT} matter?}},
  journal = {J Made},
  year = {2001},
  volume = {4},
  number = {2},
  pages = {1--9},
  doi = {10.1000/made},
}
"""


def test_a_work_is_written_as_medical_journals_do() -> None:
    work = read_works(f"% a comment\n\n{ENTRY}")["made2001"]
    assert work.text == (
        "van Made AB, A Study Group, Lin LI-K, et al. Does {MAIT} matter? J Made 2001;4(2):1–9."
    )
    assert work.doi == "10.1000/made"
    assert work.bibtex == ENTRY


def test_csl_has_the_names_of_csl() -> None:
    item = read_works(ENTRY)["made2001"].csl
    assert item == {
        "id": "made2001",
        "type": "article-journal",
        "title": "Does {MAIT} matter?",
        "author": [
            {"family": "van Made", "given": "A. B."},
            {"literal": "A Study Group"},
            {"family": "Lin", "given": "L. I.-K."},
            {"literal": "et al."},
        ],
        "issued": {"date-parts": [[2001]]},
        "container-title": "J Made",
        "volume": "4",
        "issue": "2",
        "page": "1-9",
        "DOI": "10.1000/made",
    }


def test_all_works_go_through_bibtex_unchanged() -> None:
    text = "\n".join(work.bibtex for work in REFERENCES.values())
    assert read_works(text) == REFERENCES
    json.dumps([work.csl for work in REFERENCES.values()])
    dois = [work.doi for work in REFERENCES.values() if work.doi]
    assert len(dois) == len(set(dois))  # no work stands under two keys
    assert len({work.text for work in REFERENCES.values()}) == len(REFERENCES)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (ENTRY.replace("  year = {2001},\n", ""), "work 'made2001' lacks year"),
        (ENTRY.replace("@article", "@articel"), "lacks a known kind"),
        (ENTRY + ENTRY, "appears twice"),
        (ENTRY.replace("volume", "year"), "lacks volume"),
        (ENTRY.replace("number", "doi"), "a field appears twice"),
        (ENTRY.replace("{2001},", "2001,"), "no entry of BibTeX"),
        (ENTRY.replace("\n}", ""), "no entry of BibTeX"),
        ("parks2006\n", "no entry of BibTeX as it is read here: 'parks2006'"),
    ],
)
def test_a_slip_in_the_file_is_an_error(text: str, what: str) -> None:
    with pytest.raises(ValueError, match=what):
        read_works(text)
