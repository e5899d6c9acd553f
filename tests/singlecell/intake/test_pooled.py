from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from itc_analysis.errors import UnreadableFile
from itc_analysis.singlecell.intake.pooled import is_of_sample

NAMES = pd.Index(["AAAC-1", "AAAT-1", "AAAG-1", "CCCC-1"])


def table(folder: Path, text: str, name: str = "cells.tsv") -> dict[str, object]:
    (folder / name).write_text(text)
    return {"sample_id": "S1", "cells_path": str(folder / name)}


def test_each_sample_gets_its_barcodes_and_doublets_are_no_ones(tmp_path: Path) -> None:
    text = "barcode\tsample_id\nAAAC-1\tS1\nAAAT-1\tS2\nAAAG-1\t\nCCCC-1\tS1\n"
    row = table(tmp_path, text)
    found = is_of_sample(row, NAMES)
    assert found is not None
    assert found.tolist() == [True, False, False, True]
    assert is_of_sample(row | {"sample_id": "S2"}, NAMES).tolist() == [False, True, False, False]
    assert is_of_sample({"sample_id": "S1", "cells_path": None}, NAMES) is None
    commas = table(tmp_path, text.replace("\t", ",").replace("-1", ""), "cells.csv")
    assert is_of_sample(commas, NAMES).tolist() == [True, False, False, True]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("barcode\tsample_id\nAAAC-1\tS1\nAAAC-1\tS2\n", "'AAAC-1' is given to two samples"),
        ("barcode\tsample_id\nAAAC-1\tS11\n", "no barcode is given to sample 'S1'"),
        ("barcode\tsample_id\nGGGG-1\tS1\n", "none of the 1 barcodes of sample 'S1'"),
        ("barcode\tdonor\nGGGG-1\tS1\n", "no column sample_id"),
    ],
)
def test_tables_that_do_not_fit_give_a_sentence(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UnreadableFile, match=words):
        is_of_sample(table(tmp_path, text), NAMES)
    with pytest.raises(UnreadableFile, match="is not there"):
        is_of_sample({"sample_id": "S1", "cells_path": str(tmp_path / "gone.tsv")}, NAMES)
