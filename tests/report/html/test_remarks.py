"""Remarks become notes in a biologist's words, numbered once."""

from __future__ import annotations

import numpy as np
import pandas as pd

from itc_analysis.report.html.blocks import Bullets
from itc_analysis.report.html.remarks import Notes, meaning
from itc_analysis.stats.endpoint import caveats
from itc_analysis.stats.people.counts import Count
from itc_analysis.stats.people.responses import CENSORED

LOW = (
    "{}% of the index group and {}% of the reference lie below the limit of detection: the "
    "estimate leans on a normal shape"
)


def notes_of(notes: Notes) -> list[str]:
    (block,) = notes.blocks()
    assert isinstance(block, Bullets)
    return [str(item) for item in block.items]


def test_remarks_that_differ_in_their_numbers_share_a_note() -> None:
    notes = Notes("answer")
    first, second = notes.mark(LOW.format(81, 60)), notes.mark(LOW.format(100, 52))
    assert first == second == '<sup><a href="#answer-note-1">1</a></sup>'
    assert len(notes_of(notes)) == 1


def test_few_cells_of_several_comparisons_are_one_note() -> None:
    """iNKT cells against six controls, in per cent and in cells/µL, were twelve notes."""
    people = pd.Series([(Count(k, 1e4, 0, 0, 1, 0),) for k in (3, 0, 2, 1, 4, 60)])
    index = np.arange(6) < 3
    notes = Notes("answer")
    marks = {
        notes.mark(caveats.of_low_counts(people, index, reference, measure=measure))
        for measure in ("share_of_t", "cells_per_ul")
        for reference in (~index, np.arange(6) > 3)
    }
    assert len(marks) == 1
    (told,) = notes_of(notes)
    assert "Few cells per participant" in told


def test_several_remarks_of_one_number_are_several_notes_in_ascending_order() -> None:
    notes = Notes("n")
    notes.mark("few participants (3 and 4)")
    mark = notes.mark(LOW.format(1, 2) + "; few participants (5 and 9)", None, pd.NA)
    assert [part for part in mark if part.isdigit()] == list("1122")
    assert notes_of(notes)[0].startswith('<span id="n-note-1">1</span>: Fewer than ten people')


def test_a_remark_that_nobody_translated_is_told_as_it_stands_with_its_names_in_words() -> None:
    notes = Notes("n")
    for _ in range(2):
        notes.mark("the reader of cr(age_years, df=3) + sex fell asleep after 12 cells")
    assert notes_of(notes) == [
        '<span id="n-note-1">1</span>: The reader of age (spline) and sex fell asleep after 12 '
        "cells."
    ]


def test_the_covariates_that_were_left_are_named() -> None:
    told = meaning("adjusted for age_years + sex only: 29 participants for 11 parameters")[1]
    assert told.endswith("adjusted for the smaller set of the plan (age and sex)")


def test_without_remarks_there_are_neither_marks_nor_notes() -> None:
    notes = Notes("n")
    assert notes.mark(None, pd.NA) == ""
    assert notes.mark("no permutation p: some values are only known to be low") == ""
    assert notes.blocks() == []


def test_what_the_statistics_warn_of_is_translated() -> None:
    people = pd.DataFrame({"state": ["ok"] * 12, "n_found": [0.0] * 6 + [5.0] * 6})
    index = pd.Series([True] * 5 + [False] * 7).to_numpy()
    for said in (
        caveats.of_size(index, ~index),
        caveats.of_zeros(people, index | ~index),
        caveats.of_censoring(people.assign(state=CENSORED), index, ~index, "share_of_t"),
    ):
        assert said
        kind, told = meaning(said)
        assert kind == told != said, said
