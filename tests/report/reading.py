"""What a test reads from a section of the report."""

from __future__ import annotations

from typing import Any

from itc_analysis.report.html.blocks import Cell, PageSection, Table


def tables_of(section: PageSection) -> list[Table]:
    return [block for block in section.blocks if isinstance(block, Table)]


def text(cell: Any) -> str:
    return str(cell.text if isinstance(cell, Cell) else cell)
