"""What a page is made of: sections of paragraphs, lists, tables and figures.

Section modules build these from tables; only the template knows HTML. Text is escaped by the
template unless it is `Markup`, so that nothing a sheet holds can become part of the page's code.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from markupsafe import Markup

Text: TypeAlias = str | Markup
Tone = Literal["plain", "warning", "caption"]

#: Width in rem of a column that is just readable.
WORD_COLUMN, NUMBER_COLUMN = 9, 4


@dataclass(frozen=True)
class Heading:
    """A heading inside a section."""

    text: Text


@dataclass(frozen=True)
class Paragraph:
    """One paragraph; `tone` warning draws a frame around it."""

    text: Text
    tone: Tone = "plain"


@dataclass(frozen=True)
class Bullets:
    """A list of sentences; `has_marks` false where the items bring numbers of their own."""

    items: Sequence[Text]
    has_marks: bool = True


@dataclass(frozen=True)
class Cell:
    """A table cell that is more than its text: `kind` colours it (lower, higher, none, bad)."""

    text: Text
    kind: str = ""


@dataclass(frozen=True)
class Table:
    """A table whose first column names the row.

    Parameters
    ----------
    caption : str or Markup
        what the table shows and how to read it.
    header : sequence of (str or Markup)
        one label per column.
    rows : sequence of (sequence of (str or Markup or Cell))
        cells, as many as labels.
    numeric : frozenset of int
        positions of the columns that are set to the right.
    is_even : bool
        all columns have the same width.
    told : int or None
        position of a column of sentences, which stands under its row on a narrow screen.
    """

    caption: Text
    header: Sequence[Text]
    rows: Sequence[Sequence[Text | Cell]]
    numeric: frozenset[int] = frozenset()
    is_even: bool = False
    told: int | None = None

    @property
    def least_width(self) -> int:
        """Width in rem below which a narrow screen scrolls the table instead of squeezing its
        words.
        """
        n_numeric = len(self.numeric)
        return WORD_COLUMN * (len(self.header) - n_numeric) + NUMBER_COLUMN * n_numeric

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.header):
                msg = f"a row of {len(row)} cells in a table of {len(self.header)} columns: {row}"
                raise ValueError(msg)


@dataclass(frozen=True)
class Figure:
    """A picture with a caption that teaches how to look at it.

    Parameters
    ----------
    picture : Markup
        inline SVG, or an image with its bytes in the address.
    caption : str or Markup
        what the axes and marks mean and what to look for.
    width : int
        widest it is drawn, in CSS pixels.
    is_wide : bool
        on a narrow screen it is scrolled instead of shrunk beyond reading.
    """

    picture: Markup
    caption: Text = ""
    width: int = 900
    is_wide: bool = False


@dataclass(frozen=True)
class Gallery:
    """Small figures side by side, as many as the screen is wide, under one caption."""

    figures: Sequence[Figure]
    caption: Text
    width: int = 360


@dataclass(frozen=True)
class Details:
    """Blocks that open on a click and are always open in print."""

    summary: Text
    blocks: Sequence[Block]


@dataclass(frozen=True)
class Outcome:
    """One question of the study on one line: what was found, what that does not show, and figures.

    Parameters
    ----------
    title : str
        the population.
    found : str or Markup
        the result in a sentence.
    not_shown : str
        what the result does not show, in a sentence.
    figures : sequence of Figure
        the people, and the estimates next to them.
    """

    title: str
    found: Text
    not_shown: Text
    figures: Sequence[Figure]


Block: TypeAlias = Heading | Paragraph | Bullets | Table | Figure | Gallery | Details | Outcome


@dataclass(frozen=True)
class PageSection:
    """A part of the page. It always says something: at least one block.

    Parameters
    ----------
    name : str
        unique on the page; its address.
    title : str
        the heading.
    blocks : sequence of Block
        what is seen at once.
    more : sequence of Block
        what opens on a click below it.
    """

    name: str
    title: str
    blocks: Sequence[Block]
    more: Sequence[Block] = ()

    def __post_init__(self) -> None:
        if not self.blocks:
            msg = f"section '{self.name}' is empty; say in a sentence what the study lacks"
            raise ValueError(msg)


def kind_of(block: Block) -> str:
    """Return the block's class name, by which the template chooses its form."""
    return type(block).__name__
