"""What a test reads from a section of the report, and of which tables the section is made."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pandas as pd

from itc_analysis.report.html.blocks import Cell, PageSection, Table
from itc_analysis.report.html.material import Material


def with_tables(material: Material, **tables: pd.DataFrame) -> Material:
    """Return the same material with other tables in place of these."""
    return replace(material, tables={**material.tables, **tables})


def tables_of(section: PageSection) -> list[Table]:
    return [block for block in section.blocks if isinstance(block, Table)]


def text(cell: Any) -> str:
    return str(cell.text if isinstance(cell, Cell) else cell)
