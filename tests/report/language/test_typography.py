"""A French page has a space before its colons and semicolons."""

from __future__ import annotations

import pytest

from itc_analysis.report.language.typography import spaced

NB = "\N{NO-BREAK SPACE}"


@pytest.mark.parametrize(
    ("page", "told"),
    [
        ("<p>MAIT: plus bas; iNKT : non</p>", f"<p>MAIT{NB}: plus bas{NB}; iNKT{NB}: non</p>"),
        ("<td>% des cellules:</td>", f"<td>% des cellules{NB}:</td>"),
        ("<b>a</b>; puis", f"<b>a</b>{NB}; puis"),
        # character references, times and addresses end no word
        (
            "<p>p &lt; 0.01; 10:30 doi:10.1 &amp; b</p>",
            f"<p>p &lt; 0.01{NB}; 10:30 doi:10.1 &amp; b</p>",
        ),
        # what programs read, and English
        ("<style>a {b: c; d: e}</style>", "<style>a {b: c; d: e}</style>"),
        ("<script>x = {a: 1}; </script>", "<script>x = {a: 1}; </script>"),
        ("<code>a: b</code>", "<code>a: b</code>"),
        ('<p style="a: b; c">x: y</p>', f'<p style="a: b; c">x{NB}: y</p>'),
        (
            '<p lang="en">One: two <p>a: b</p> c; d</p> e: f',
            f'<p lang="en">One: two <p>a: b</p> c; d</p> e{NB}: f',
        ),
    ],
)
def test_a_space_stands_before_colons_and_semicolons_of_the_text(page: str, told: str) -> None:
    assert spaced(page) == told
