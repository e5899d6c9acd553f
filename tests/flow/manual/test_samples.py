"""Gates of a person belong to one tube, also when two run folders hold files of one name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from flow.manual.test_combinations import write_workspace
from itc_analysis.errors import ItcError
from itc_analysis.flow.fcs.read import read_fcs
from itc_analysis.flow.manual.adopt import read_manual
from itc_analysis.flow.manual.flowjo_read import read_workspace
from itc_analysis.flow.manual.gates import evaluate
from itc_analysis.flow.manual.samples import FileIdentity, identify, identify_file, match_samples

NAME = "Specimen_001_Tube_001.fcs"


@dataclass(frozen=True)
class Drawn:
    """Gates of a sample, as far as matching looks at them."""

    source: str
    sample: FileIdentity | None


def sample(source: str, uri: str, **keywords: str) -> Drawn:
    return Drawn(source, identify(uri, keywords))


def matched(samples: list[Drawn], **tubes: FileIdentity) -> tuple[dict[str, str], list[str]]:
    found, faults = match_samples(samples, tubes)
    return {tube: drawn.source for tube, drawn in found.items()}, [str(fault) for fault in faults]


def test_a_name_that_is_nobody_elses_needs_no_proof() -> None:
    one = sample("w.wsp", f"file:/other/computer/{NAME}", GUID="x", TOT="5")
    found, faults = matched([one], A=identify(f"data/run1/{NAME}", {"GUID": "y", "TOT": "9"}))
    assert (found, faults) == ({"A": "w.wsp"}, [])


@pytest.mark.parametrize(
    "uris",
    [
        (f"file:run1/{NAME}", f"file:run2/{NAME}"),
        (f"file:/C:/Users/x/run1/{NAME}", f"file:/C:/Users/x/run2/{NAME}"),
        (f"C:\\data\\run1\\{NAME}", f"C:\\data\\run2\\{NAME}"),
        (f"file:/a%20b/run1/{NAME}", f"file:/a%20b/run2/{NAME}"),
    ],
)
def test_the_folder_of_the_run_tells(uris: tuple[str, str]) -> None:
    drawn = [sample(uri, uri) for uri in uris]
    tubes = {
        name: identify(f"data/{run}/{NAME}", {}) for name, run in (("A", "run1"), ("B", "run2"))
    }
    for order in (drawn, drawn[::-1]):
        assert matched(order, **tubes) == ({"A": uris[0], "B": uris[1]}, [])


@pytest.mark.parametrize(
    ("key", "values"),
    [("GUID", ("a", "b")), ("TOT", ("10", "11")), ("BTIM", ("09:00:00", "09:30:00")),
     ("DATE", ("01-JAN-2025", "02-JAN-2025"))],
)  # fmt: skip
def test_what_a_copy_keeps_tells(key: str, values: tuple[str, str]) -> None:
    drawn = [sample(value, f"file:{NAME}", **{key: value}) for value in values]
    tubes = {n: identify(f"x/{n}/{NAME}", {key: v}) for n, v in zip("AB", values, strict=True)}
    assert matched(drawn[::-1], **tubes) == ({"A": values[0], "B": values[1]}, [])
    only_second = matched(drawn[1:], **tubes)
    assert only_second == ({"B": values[1]}, [])  # never A's


def test_what_cannot_be_told_is_refused_and_names_both() -> None:
    drawn = [
        sample("run1.wsp", f"file:{NAME}", TOT="10"),
        sample("run2.wsp", f"file:{NAME}", TOT="10"),
    ]
    tubes = {
        n: identify(f"{run}/{NAME}", {"TOT": "10"}) for n, run in (("A", "run1"), ("B", "run2"))
    }
    for samples in (drawn, drawn[:1]):
        found, (told,) = matched(samples, **tubes)
        assert found == {}
        assert f"tubes 'A' and 'B' have the file name '{NAME}', and run1.wsp" in told
        assert "whose gates they are cannot be told" in told
        assert "save each tube's gates as <file_id>.xml" in told
    found, (told,) = matched(drawn, A=tubes["A"])
    assert "tube 'A' has the file name" in told
    assert "run1.wsp and run2.wsp holds 2 samples of that name" in told


def two_runs(write_fcs: Callable[..., Path], tmp_path: Path) -> tuple[list[Path], list[Path]]:
    """Write two tubes of one name and a workspace for each, with cuts at other places."""
    rng = np.random.default_rng(2)
    tubes, workspaces = [], []
    for number, run in enumerate(("run1", "run2")):
        made = write_fcs(rng.uniform(0, 1000, (2, 500 + number)), ["A", "B"], file_name=NAME)
        (tmp_path / run).mkdir()
        tubes.append(made.rename(tmp_path / run / NAME))
        workspaces.append(tmp_path / f"{run}.wsp")
        write_workspace(workspaces[-1], tubes[-1], {"a": "AB"[number]})
    return tubes, workspaces


def test_two_samples_of_one_name_in_one_workspace_keep_their_own_gates(
    write_fcs: Callable[..., Path], tmp_path: Path
) -> None:
    tubes, workspaces = two_runs(write_fcs, tmp_path)
    trees = [ElementTree.parse(path) for path in workspaces]
    (own,) = trees[0].getroot().iter("Sample")
    (other,) = trees[1].getroot().iter("Sample")
    for number, (tree_sample, run) in enumerate(((own, "run1"), (other, "run2")), start=1):
        for element in (tree_sample.find("DataSet"), tree_sample.find("SampleNode")):
            assert element is not None
            element.set("sampleID", str(number))
        data_set = tree_sample.find("DataSet")
        assert data_set is not None
        data_set.set("uri", f"file:{run}/{NAME}")
    (holder,) = trees[0].getroot().iter("SampleList")
    holder.append(other)
    (tmp_path / "both").mkdir()
    trees[0].write(tmp_path / "both" / "both.wsp")
    drawn = read_workspace(tmp_path / "both" / "both.wsp")
    assert set(drawn) == {f"run1/{NAME}", f"run2/{NAME}"}
    manual = read_manual(tmp_path / "both", file_ids={"A", "B"}, panels={"p"})
    found = manual.match({"A": identify_file(tubes[0]), "B": identify_file(tubes[1])})
    for name, path, channel in (("A", tubes[0], 0), ("B", tubes[1], 1)):
        file = read_fcs(path)
        inside = evaluate(found[name], file)["a"]
        np.testing.assert_array_equal(inside, file.events[channel] >= 500)


def test_two_workspaces_for_one_name_are_told_apart_or_refused(
    write_fcs: Callable[..., Path], tmp_path: Path
) -> None:
    tubes, workspaces = two_runs(write_fcs, tmp_path)
    (tmp_path / "manual").mkdir()
    for path in workspaces:
        path.rename(tmp_path / "manual" / path.name)
    manual = read_manual(tmp_path / "manual", file_ids={"A", "B"}, panels={"p"})
    tube = {"A": identify_file(tubes[0]), "B": identify_file(tubes[1])}
    found = manual.match(tube)
    assert {name: tree.source for name, tree in found.items()} == {"A": "run1.wsp", "B": "run2.wsp"}
    blind = {name: FileIdentity(NAME) for name in tube}
    with pytest.raises(ItcError, match=r"run1.wsp and run2.wsp holds 2 samples"):
        manual.match(blind)
