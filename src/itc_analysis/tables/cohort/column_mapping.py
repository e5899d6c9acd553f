"""The sheet that translates an export (REDCap, CSV) with other column names and codes."""

import pandas as pd
from pandera.typing import Series

from itc_analysis.tables.contract import Contract
from itc_analysis.tables.fields import text


class ColumnMappingSheet(Contract, key=("sheet", "their_name", "their_value")):
    """Their column names and codes in terms of ours. Optional sheet.

    A row without `their_value` renames a column; a row with it translates one code in that column
    (in every column where `their_name` is *). A row whose `column` is only_rows chooses: only rows
    with `their_value` in `their_name` are read, such as one event of a REDCap export; several such
    rows allow several values.
    """

    sheet: Series[pd.StringDtype] = text(
        "The sheet meant, by its setting.",
        nullable=False,
        allowed=[
            "participants",
            "classification",
            "samples",
            "fcs_files",
            "libraries",
            "decisions",
        ],
    )
    their_name: Series[pd.StringDtype] = text(
        "Column name in the export; * for a code that means the same in every column.",
        nullable=False,
    )
    column: Series[pd.StringDtype] = text(
        "Our name of the column; empty for a column of the export that is not read; only_rows "
        "to read "
        "only the rows with their_value in it."
    )
    their_value: Series[pd.StringDtype] = text("A code in that column, e.g. 2.")
    value: Series[pd.StringDtype] = text(
        "What the code means in ours, e.g. F; empty for not known."
    )
