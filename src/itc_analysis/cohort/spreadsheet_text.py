"""Tables as tab-separated text that people open in a spreadsheet."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from itc_analysis.whole_files import write_text

#: A spreadsheet takes what begins so for a formula, and computes it, whoever typed it.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def write_for_spreadsheet(
    table: pd.DataFrame, path: str | Path, *, encoding: str = "utf-8"
) -> None:
    """Write a table; text that would be a formula gets an apostrophe, which makes it text.

    Parameters
    ----------
    table : pandas.DataFrame
        numbers are written as they are, negative ones too.
    encoding : str
        ``utf-8-sig`` for sheets with accents: spreadsheets need the mark.
    """
    plain = table.copy()
    for name in plain.select_dtypes(["object", "string", "category"]).columns:
        text = plain[name].astype("string")
        plain[name] = text.where(~text.str.startswith(_FORMULA).fillna(value=False), "'" + text)
    write_text(path, plain.to_csv(sep="\t", index=False, lineterminator="\n"), encoding=encoding)
