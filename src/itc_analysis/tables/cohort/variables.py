"""Variables that a study adds to the sheets of participants and samples: what was declared, and
what was found.
"""

import pandas as pd
import pandera.pandas as pa
from pandera.typing import Series

from itc_analysis.tables import quantities
from itc_analysis.tables.contract import Contract
from itc_analysis.tables.fields import text


class VariableSheet(Contract, key=("sheet", "column")):
    """Columns of your own in participants.tsv or samples.tsv, one row each. Optional sheet.

    A number may then also be written as below the limit of its assay (<0.02).
    """

    sheet: Series[pd.StringDtype] = text(
        "The sheet that has the column: participants or samples.",
        nullable=False,
        allowed=["participants", "samples"],
    )
    column: Series[pd.StringDtype] = text(
        "The column: letters, digits and underscores, beginning with a letter.", nullable=False
    )
    kind: Series[pd.StringDtype] = text(
        "number, yes_no or category.", nullable=False, allowed=["number", "yes_no", "category"]
    )
    unit: Series[pd.StringDtype] = text("Unit of a number, e.g. ng/mL; empty for none.")
    low: Series[float] = pa.Field(
        nullable=True,
        description="Numbers: lowest value that is no typing error.",
        metadata={"unit": "as unit"},
    )
    high: Series[float] = pa.Field(
        nullable=True,
        description="Numbers: highest value that is no typing error.",
        metadata={"unit": "as unit"},
    )
    categories: Series[pd.StringDtype] = text("Categories: the words allowed, separated by commas.")
    months_from_draw: Series[float] = pa.Field(
        nullable=True,
        ge=-1200,
        le=1200,
        description="When it was measured, in months from the blood draw: 0 with the draw, 12 a "
        "year later, -6 half a year before.",
        metadata={"unit": "months"},
    )
    meaning: Series[pd.StringDtype] = text("What it is, in a few words.")


class Variables(Contract, key=("variable", "participant_id")):
    """Declared variables of everybody enrolled; a sample's variable is that of its person."""

    variable: Series[pd.StringDtype] = quantities.text("Name of the variable.")
    participant_id: Series[pd.StringDtype] = quantities.text("The person.")
    sheet: Series[pd.StringDtype] = quantities.text(
        "participants or samples.", allowed=["participants", "samples"]
    )
    kind: Series[pd.StringDtype] = quantities.text(
        "number, yes_no or category.", allowed=["number", "yes_no", "category"]
    )
    unit: Series[pd.StringDtype] = quantities.text("Unit of a number; empty for none.")
    categories: Series[pd.StringDtype] = quantities.text(
        "The categories, separated by commas; null for the other kinds.", nullable=True
    )
    months_from_draw: Series[float] = quantities.quantity(
        "When it was measured, from the blood draw; null when not stated.", "months"
    )
    value: Series[float] = quantities.quantity(
        "The number, or the limit that it lies below; 1 for yes and 0 for no; null when missing. "
        "The mean over a person's samples.",
        "as unit",
    )
    category: Series[pd.StringDtype] = quantities.text("The category.", nullable=True)
    is_below: Series[bool] = pa.Field(
        description="The value is only known to lie below `value`.", metadata={"unit": ""}
    )
    n_samples: Series[int] = quantities.count(
        "Samples that the value is from; 0 for a participants' variable.", "samples"
    )
