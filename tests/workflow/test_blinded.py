"""A study is blinded, its plan locked, unblinded and run: nothing leaks, and no number differs."""

from __future__ import annotations

import os
from pathlib import Path

import pandas as pd
import pytest

from blinding.looking import columns_that_tell, named_in
from itc_analysis import open_results
from itc_analysis.blinding.tables import write_blinded
from itc_analysis.cli import main
from itc_analysis.config.sections import Cohort
from itc_analysis.tables import contract
from itc_analysis.tables.registry import TABLES, contract_of
from workflow.running import rules_to_run, snakemake

pytestmark = pytest.mark.workflow

LABELS = [*Cohort().groups, Cohort().pooled_name]
COMPARED = {"compare", "compare_genes", "plan_changes", "report"}


def configure(study: Path, line: str) -> None:
    """Write one setting of the section study; an empty line takes it out again."""
    path = study / "config" / "config.yaml"
    kept = [text for text in path.read_text().splitlines() if "blinded_folder" not in text]
    place = kept.index("study:") + 1
    path.write_text("\n".join([*kept[:place], *([f"  {line}"] if line else []), *kept[place:]]))


def names_of(study: Path) -> list[str]:
    """Return every real name of a person, sample, tube, library, file and batch."""
    results = open_results(study / "results")
    tubes, libraries = results.tubes, results.libraries
    paths = [
        pd.read_csv(study / "config" / f"{sheet}.tsv", sep="\t", dtype="string")["path"]
        for sheet in ("fcs_files", "libraries")
    ]
    columns = [
        *paths,
        *(results.participants["participant_id"], results.samples["sample_id"]),
        *(tubes["file_id"], tubes["batch"]),
        *(libraries["library_id"], libraries["batch"]),
    ]
    names = {str(name) for column in columns for name in column.dropna()}
    return sorted(names | {Path(name).name for name in names})


def true_groups(study: Path) -> dict[str, str]:
    """Return the true group of each pseudonym, from what is not handed over."""
    results = open_results(study / "results")
    masks = pd.read_csv(study / "results" / "masks.tsv", sep="\t", dtype=str)
    samples = masks[masks["kind"] == "sample"].set_index("real")["blinded"]
    person = results.samples.dropna(subset=["participant_id"]).set_index("sample_id")
    group = results.participants.set_index("participant_id")["group"]
    return {
        samples[sample]: str(group[row.participant_id])
        for sample, row in person.iterrows()
        if sample in samples
    }


@pytest.fixture(scope="module")
def blinded_study(
    finished_study: Path, tmp_path_factory: pytest.TempPathFactory, root: Path
) -> Path:
    """Return the study as it is before unblinding: nothing was ever compared."""
    import shutil

    study = tmp_path_factory.mktemp("blinded") / "study"
    shutil.copytree(finished_study, study, symlinks=True)
    results = study / "results"
    for name in ("comparisons", "verdicts", "diagnostics", "associations", "compositions",
                 "modalities", "modality_agreement", "genes", "plan_changes"):  # fmt: skip
        (results / f"{name}.parquet").unlink()
    (results / "report.html").unlink()
    configure(study, "blinded_folder: blinded")
    snakemake(study, root=root)
    return study


def test_nothing_is_compared_before_unblinding(blinded_study: Path, root: Path) -> None:
    results = blinded_study / "results"
    assert not (results / "comparisons.parquet").exists()
    assert not (results / "report.html").exists()
    assert rules_to_run(blinded_study, root=root) == set()
    asked = ("--dry-run", "results/comparisons.parquet")
    assert snakemake(blinded_study, *asked, root=root, check=False).returncode != 0
    handed_over = {path.name for path in (blinded_study / "blinded").rglob("*") if path.is_file()}
    assert {"report.html", "measurements.parquet", "gates.parquet", "mait.html"} <= handed_over
    assert not {"participants.parquet", "scores.parquet", "masks.tsv"} & handed_over


def test_no_name_stands_in_any_blinded_file(blinded_study: Path) -> None:
    folder = blinded_study / "blinded"
    assert named_in(folder, [*LABELS, *names_of(blinded_study)]) == []
    # the search finds what is there
    assert named_in(folder, ["panel_a"])


def test_no_column_determines_the_group_of_everybody(blinded_study: Path) -> None:
    folder, groups = blinded_study / "blinded", true_groups(blinded_study)
    assert len(set(groups.values())) == len(Cohort().groups)
    assert columns_that_tell(folder, groups) == []


def test_the_order_of_pseudonyms_follows_neither_names_nor_groups(blinded_study: Path) -> None:
    masks = pd.read_csv(blinded_study / "results" / "masks.tsv", sep="\t", dtype=str)
    people = masks[(masks["kind"] == "sample") & masks["blinded"].str.match(r"B\d")]
    order = people.sort_values("real")["blinded"]
    assert not order.is_monotonic_increasing
    groups = true_groups(blinded_study)
    along = [groups[name] for name in sorted(groups)]
    n_changes = sum(a != b for a, b in zip(along[1:], along, strict=False))
    assert n_changes > len(set(along))


def test_blinded_tables_open_as_results_and_hold_the_true_numbers(blinded_study: Path) -> None:
    real = open_results(blinded_study / "results")
    blinded = open_results(blinded_study / "blinded")
    masks = pd.read_csv(blinded_study / "results" / "masks.tsv", sep="\t", dtype=str)
    tubes = masks[masks["kind"] == "tube or library"].set_index("real")["blinded"]
    keys = ["source_id", "population", "measure", "feature"]
    expected = real.measurements.assign(source_id=real.measurements["source_id"].map(tubes))
    expected = expected[expected["source_id"].notna() & (expected["measure"] != "score")]
    both = blinded.measurements.merge(expected, on=keys, suffixes=("", "_real"))
    assert len(both) == len(blinded.measurements) == len(expected)
    pd.testing.assert_series_equal(both["value"], both["value_real"], check_names=False)
    assert blinded.measurements["group"].isna().all()


def test_the_same_study_gives_the_same_bytes(blinded_study: Path, tmp_path: Path) -> None:
    def tables(folder: Path) -> dict[str, bytes]:
        paths = folder.rglob("*.parquet")
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}

    write_blinded(blinded_study / "results", tmp_path, labels=LABELS)
    first, again = tables(blinded_study / "blinded"), tables(tmp_path)
    assert first.keys() == again.keys() > {"measurements.parquet"}
    assert [name for name in first if first[name] != again[name]] == []


def test_names_that_hold_the_group_and_tubes_that_tell_it_stay_out(
    blinded_study: Path, tmp_path: Path
) -> None:
    """The worst study: ids begin with the group, one batch is all SSc, one cytometer too, and the
    second panel was stained for SSc alone.
    """
    real = open_results(blinded_study / "results")
    group_of = real.participants.set_index("participant_id")["group"]
    sampled = real.samples.dropna(subset=["participant_id"])
    person_of = sampled.set_index("sample_id")["participant_id"]
    names = {
        sample: f"{group_of[person]}-{sample}-visit" for sample, person in person_of.items()
    } | {person: f"{group_of[person]}_{person}" for person in person_of}
    index = {sample for sample, person in person_of.items() if group_of[person] == "SSc"}
    source = blinded_study / "results"
    worst = tmp_path / "worst"

    def renamed(text: object) -> object:
        if not isinstance(text, str):
            return text
        for old, new in names.items():
            text = text.replace(old, new)
        return text

    for file in TABLES:
        pattern = file.path.format(**dict.fromkeys(file.wildcards, "*"))
        for path in sorted(source.glob(pattern)):
            if file.name in ("cells", "receptors", "kept_events", "pseudobulk", "pseudobulk_depth"):
                continue
            table = contract.read(path, contract_of(file))
            owner = table.get("sample_id")
            if file.name == "tubes":
                only = (table["panel"] == "panel_b") | (table["batch"] == "batch1")
                table = table[~(only & ~owner.isin([*index, "BRIDGE"]))].copy()
            if file.name == "tube_quality":
                table.loc[owner.isin(index), "cytometer"] = "second cytometer"
                table.loc[table.index[:1], "remarks"] = "of a healthy person, see batch1"
            for column in table.select_dtypes("string"):
                table[column] = table[column].map(renamed).astype("string")
            target = worst / path.relative_to(source)
            contract.write(table, target, contract_of(file), contract.read_provenance(path))
    folder = tmp_path / "blinded"
    written = write_blinded(worst, folder, labels=LABELS)
    assert any("panel_b: not shown" in sentence for sentence in written.not_shown)
    assert any("panel_a: batches are not shown" in sentence for sentence in written.not_shown)
    assert any("cytometer: not shown" in sentence for sentence in written.not_shown)
    people = [*names.values(), *names, "batch1", "second cytometer"]
    assert named_in(folder, [*LABELS, *people]) == []
    assert not (folder / "flow" / "panel_b").exists()
    assert {path.name for path in (folder / "flow" / "panel_a").iterdir()} >= {"all"}


def test_after_lock_and_unblinding_the_numbers_are_those_of_a_study_never_blinded(
    blinded_study: Path, finished_study: Path, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(blinded_study)
    lock = ("lock-plan", "--config", "config/config.yaml", "--date", "2026-11-29")
    assert main([*lock]) == 0
    configure(blinded_study, "")
    assert rules_to_run(blinded_study, root=root) >= COMPARED
    assert not rules_to_run(blinded_study, root=root) & {"fit_gates", "apply_gates", "annotate"}
    snakemake(blinded_study, root=root)
    never, after = (open_results(path / "results") for path in (finished_study, blinded_study))
    for name in ("measurements", "comparisons", "verdicts", "associations", "compositions",
                 "diagnostics", "genes"):  # fmt: skip
        expected, found = getattr(never, name), getattr(after, name)
        if "lock" in found:
            assert set(found["lock"]) <= {"as_locked"}
            assert set(expected["lock"]) <= {"not_locked"}
            expected, found = expected.drop(columns="lock"), found.drop(columns="lock")
        pd.testing.assert_frame_equal(found, expected)
    page = Path(os.curdir, "results", "report.html").read_text(encoding="utf-8")
    assert "The plan was locked on 2026-11-29" in page
