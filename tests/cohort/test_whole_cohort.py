"""A study of 240 people from sheets to Table 1, flow chart and queries; and sheets as they go
wrong.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cohort.cohort_examples import no_findings, spotless, two_groups, write_sheet, write_study
from itc_analysis.cohort.description.design import analysed_with_waiting, balance, batch_by_group
from itc_analysis.cohort.description.flowchart import count_flow
from itc_analysis.cohort.description.flowchart_svg import draw_flowchart
from itc_analysis.cohort.description.plots import plot_balance, plot_covariate, plot_differences
from itc_analysis.cohort.description.power import make_power_table
from itc_analysis.cohort.description.table_one import make_table_one
from itc_analysis.cohort.study import CohortTables, read_cohort
from itc_analysis.config.sections import Cohort, Stats, Study
from itc_analysis.errors import ItcError
from itc_analysis.simulate.people.classification import draw_classification
from itc_analysis.simulate.people.clinical import draw_participants
from itc_analysis.simulate.people.cohort import GROUPS, simulate_measurement_truth
from itc_analysis.stats.plan.plan import AnalysisPlan
from itc_analysis.stats.questions.compare import compare_groups
from itc_analysis.tables import contract
from itc_analysis.tables.cohort.classification import ClassificationSheet
from itc_analysis.tables.cohort.sheets import ParticipantSheet, SampleSheet, TubeSheet
from itc_analysis.tables.measured import Measurements

COHORT = Cohort(planned_sizes=dict.fromkeys(GROUPS, 40))
PER_GROUP = 40
#: CPU seconds within which Table 1, flow chart and queries of 240 people must be made.
CPU_SECONDS = 10


@dataclass(frozen=True)
class Simulated:
    study: Study
    truth: pd.DataFrame
    tables: CohortTables


def write_simulated(folder: Path, seed: int) -> tuple[Study, pd.DataFrame]:
    """Write the sheets of 240 simulated people with one tube each; the tubes themselves are
    empty.
    """
    truth = simulate_measurement_truth("effect", PER_GROUP, seed)
    rng = np.random.default_rng(seed)
    participants, items = draw_classification(draw_participants(truth, rng), rng)
    study = write_study(folder)
    _write(participants, study.participants, ParticipantSheet)
    _write(items, str(folder / "classification.tsv"), ClassificationSheet)
    names = participants["participant_id"]
    samples = pd.DataFrame(
        {
            "sample_id": "S" + names,
            "participant_id": names,
            "sample_type": "participant",
            "draw_to_stain_hours": rng.uniform(1, 24, len(names)).round(1),
        }
    )
    tubes = pd.DataFrame(
        {
            "file_id": "T" + names,
            "sample_id": "S" + names,
            "path": [f"fcs/{name}.fcs" for name in names],
            "panel": "panel_a",
            "batch": [f"b{number % 20:02d}" for number in rng.permutation(len(names))],
            "tube": "stained",
        }
    )
    _write(contract.make(samples, SampleSheet), study.samples, SampleSheet)
    _write(contract.make(tubes, TubeSheet), str(study.fcs_files), TubeSheet)
    for path in tubes["path"]:
        (Path(study.data_folder) / path).write_bytes(b"")
    classification = str(folder / "classification.tsv")
    return study.model_copy(update={"classification": classification, "libraries": None}), truth


def _write(table: pd.DataFrame, path: str, form: type[contract.Contract]) -> None:
    words = table.copy()
    for name in words.columns:
        if words[name].dtype == "boolean":
            words[name] = words[name].map({True: "yes", False: "no"})
    words[list(contract.columns_of(form))].to_csv(path, sep="\t", index=False)


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Simulated:
    study, truth = write_simulated(tmp_path_factory.mktemp("simulated"), seed=5)
    return Simulated(study, truth, read_cohort(study, COHORT))


def measure(simulated: Simulated) -> pd.DataFrame:
    """Return a share of MAIT cells for everybody who was drawn, excluded or not, some tubes
    lost.
    """
    people = simulated.tables.participants
    truth = simulated.truth.set_index("participant_id")
    rows = pd.DataFrame(
        {
            "sample_id": "S" + people["participant_id"],
            "participant_id": people["participant_id"],
            "group": people["group"],
            "assay": "flow",
            "source_id": "T" + people["participant_id"],
            "batch": "b",
            "population": "mait",
            "measure": "share_of_t",
            "feature": "-",
            "value": truth.loc[people["participant_id"], "share_mait"].to_numpy(),
            "n_denominator": 100_000,
            "unit": "share",
            "status": "ok",
        }
    )
    lost = {3: "unreadable", 17: "failed_quality", 101: "failed_quality", 150: "no_panel"}
    for place, status in lost.items():
        rows.loc[place, ["status", "value"]] = [status, np.nan]
    return contract.make(rows, Measurements)


def test_240_people_take_seconds(simulated: Simulated, capsys: pytest.CaptureFixture[str]) -> None:
    started = time.process_time()
    tables = read_cohort(simulated.study, COHORT)
    table_one = make_table_one(tables.participants, groups=COHORT.groups)
    flow = count_flow(
        tables.participants, tables.eligibility, measure(simulated), groups=COHORT.groups
    )
    picture = draw_flowchart(flow)
    seconds = time.process_time() - started
    with capsys.disabled():
        sys.stdout.write(f"\n240 people: Table 1, flow chart, queries in {seconds:.2f} s CPU\n")
    assert seconds < CPU_SECONDS
    assert len(tables.participants) == 240
    assert "Enrolled: n = 240" in picture
    assert len(table_one)
    assert len(tables.queries)
    assert len(tables.classification) == 240 * 6


def test_every_node_of_the_simulated_study_adds_up(simulated: Simulated) -> None:
    tables = simulated.tables
    measured = measure(simulated)
    flow = count_flow(tables.participants, tables.eligibility, measured, groups=COHORT.groups)
    nodes = flow[flow["reason"] == ""].pivot_table(index="group", columns="stage", values="n")
    parts = nodes["excluded"] + nodes["to_be_queried"] + nodes["analysed"]
    assert (nodes["enrolled"] == parts).all()
    assert (nodes["analysed"] == nodes["with_flow"] + nodes["without_flow"]).all()
    assert (nodes.drop(index="all").sum() == nodes.loc["all"]).all()
    reasons = flow[flow["reason"] != ""].groupby(["group", "stage"])["n"].sum()
    for (group, stage), n in reasons.items():
        assert nodes.loc[group, stage] == n
    people = tables.participants
    assert nodes.loc["all", "excluded"] == (people["decision"] == "excluded").sum() > 0
    bad = measured.loc[measured["status"] != "ok", "participant_id"]
    analysed = people.loc[people["is_analysed"], "participant_id"]
    assert nodes.loc["all", "without_flow"] == len(set(bad) & set(analysed)) > 0
    sizes = nodes.loc[list(GROUPS), "enrolled"].tolist()
    assert sizes == [PER_GROUP] * len(GROUPS)


def test_an_excluded_person_appears_in_no_comparison(simulated: Simulated) -> None:
    """Numbers of people who are not analysed may be anything: no comparison moves."""
    people, measured = simulated.tables.participants, measure(simulated)
    plan = AnalysisPlan.model_validate(
        {
            "covariates": "age_years + C(sex)",
            "families": [
                {
                    "name": "primary",
                    "role": "primary",
                    "adjustment": "holm",
                    "contrasts": ("each_disease", "pooled", "healthy"),
                    "endpoints": [
                        {
                            "assay": "flow",
                            "populations": ("mait",),
                            "measures": ("share_of_t",),
                            "features": ("-",),
                        }
                    ],
                }
            ],
        }
    )
    out = people.loc[~people["is_analysed"], "participant_id"]
    assert len(out) >= 10
    moved = measured.copy()
    is_out = moved["participant_id"].isin(out)
    moved.loc[is_out & (moved["status"] == "ok"), "value"] = 0.9
    settings = Stats(n_permutations=0)
    first, second = (
        compare_groups(rows, people, plan=plan, cohort=COHORT, settings=settings)
        for rows in (measured, moved)
    )
    assert (first["status"] == "ok").all()
    pd.testing.assert_frame_equal(first, second)
    n_analysed = people[people["is_analysed"]].groupby("group").size()
    assert first["n_index"].max() <= n_analysed["SSc"]


def test_everybody_simulated_fulfils_the_own_criteria_and_no_others(simulated: Simulated) -> None:
    table = simulated.tables.classification
    assert not (~table["is_of_group"] & (table["verdict"] == "fulfils")).any()
    own = table[table["is_of_group"] & (table["verdict"] == "fulfils")]
    people = simulated.tables.participants
    declared = people.loc[people["classification_met"].fillna(value=False), "participant_id"]
    assert set(own["participant_id"]) == set(declared)
    assert not set(table.loc[table["group"] == "healthy", "verdict"]) & {"fulfils"}


def test_balance_holds_every_covariate_for_every_group_and_the_pool(simulated: Simulated) -> None:
    tables = simulated.tables
    table = balance(
        tables.participants,
        tables.samples,
        index_group="SSc",
        pools={COHORT.pooled_name: COHORT.disease_groups},
    )
    assert set(table["group"]) == {*GROUPS, "CTD"} - {"SSc"}
    waiting = table[table["variable"] == "draw_to_stain_hours"].set_index("group")
    assert waiting["n_group"].to_dict() == table.groupby("group")["n_group"].max().to_dict()
    # by the formula, for the pool: the slow way
    people = tables.participants[tables.participants["is_analysed"]]
    ours = people.loc[people["group"] == "SSc", "age_years"]
    theirs = people.loc[people["group"].isin(COHORT.disease_groups), "age_years"]
    expected = (ours.mean() - theirs.mean()) / np.sqrt((ours.var() + theirs.var()) / 2)
    found = table.set_index(["group", "variable"])["standardised_difference"]
    assert found["CTD", "age_years"] == pytest.approx(expected)


def test_the_small_multiples_show_every_person_and_count_the_missing(simulated: Simulated) -> None:
    tables = simulated.tables
    people = analysed_with_waiting(tables.participants, tables.samples)
    axes = plot_balance(people, groups=GROUPS)
    assert len(axes) == 9
    by_label = {ax.get_ylabel(): ax for ax in axes}
    bmi = by_label["body mass index (kg/m²)"]
    assert (
        sum(len(points.get_offsets()) for points in bmi.collections[::2])
        == people["bmi"].notna().sum()
    )
    labels = [text.get_text() for text in bmi.get_xticklabels()]
    for group, label in zip(GROUPS, labels, strict=True):
        rows = people[people["group"] == group]
        assert label.startswith(f"{group}\nn = {rows['bmi'].notna().sum()}")
        n_missing = rows["bmi"].isna().sum()
        assert label.endswith(f"(+{n_missing})") == bool(n_missing)


def test_a_covariate_that_nobody_has_is_not_drawn(simulated: Simulated) -> None:
    people = analysed_with_waiting(simulated.tables.participants, None)
    assert len(plot_balance(people, groups=GROUPS)) == 8


def test_the_differences_are_drawn_once_per_group_and_covariate(simulated: Simulated) -> None:
    tables = simulated.tables
    table = balance(tables.participants, tables.samples, index_group="SSc")
    ax = plot_differences(table, groups=GROUPS)
    drawn = sum(len(points.get_offsets()) for points in ax.collections)
    assert drawn == table["standardised_difference"].notna().sum()
    legend = ax.get_legend()
    assert legend is not None
    named = [text.get_text().split(" (n = ")[0] for text in legend.get_texts()]
    assert named == [group for group in GROUPS if group != "SSc"]


def test_a_group_has_the_colour_that_it_has_in_the_other_pictures(simulated: Simulated) -> None:
    tables = simulated.tables
    people = analysed_with_waiting(tables.participants, tables.samples)
    pools = {COHORT.pooled_name: COHORT.disease_groups}
    table = balance(tables.participants, tables.samples, index_group="SSc", pools=pools)
    single = plot_covariate(people, "age_years", groups=GROUPS)
    own = [tuple(cloud.get_facecolor()[0][:3]) for cloud in single.collections[::2]]
    marks = plot_differences(table, groups=GROUPS).collections
    of_marks = [tuple(cloud.get_facecolor()[0][:3]) for cloud in marks]
    assert of_marks[: len(GROUPS) - 1] == own[1:]  # the index group comes first and has no mark
    assert of_marks[-1] not in own  # the pool of all diseases is drawn last, in a colour of its own


def test_batches_and_power_of_the_whole_study(simulated: Simulated) -> None:
    tables = simulated.tables
    counts = batch_by_group(tables.participants, tables.samples, tables.tubes, tables.libraries)[
        "panel_a"
    ]
    assert counts.to_numpy().sum() == tables.participants["is_analysed"].sum()
    power = make_power_table(tables.participants, cohort=COHORT, n_primary=16)
    at_hand = power[power["sizes"] == "at hand"].set_index(["group", "alpha"])
    planned = power[power["sizes"] == "planned"].set_index(["group", "alpha"])
    # who is not analysed cannot add power
    assert (at_hand["detectable_sd"] >= planned["detectable_sd"]).all()


# --- sheets as they go wrong
# -----------------------------------------------------------------------


@pytest.fixture
def small(tmp_path: Path) -> Study:
    study = write_study(tmp_path)
    people = [spotless(f"P00{n}", "SSc" if n < 3 else "healthy") for n in (1, 2, 3, 4)]
    for person in people:
        person |= {"pah": False, "anti_rnap3": False, "anticentromere": False}
        person |= {"antitopoisomerase": False, "ana_titre": 0.0}
    write_sheet(Path(study.participants), people)
    rows = [
        no_findings(f"P00{n}", **({"ssc_skin_proximal_to_mcp": True} if n < 3 else {}))
        for n in (1, 2, 3, 4)
    ]
    write_sheet(tmp_path / "classification.tsv", rows)
    return study.model_copy(update={"classification": str(tmp_path / "classification.tsv")})


def edit(path: str | None, change: Callable[[str], str]) -> None:
    file = Path(str(path))
    file.write_text(change(file.read_text(encoding="utf-8")), encoding="utf-8")


def told(study: Study) -> str:
    with pytest.raises(ItcError) as caught:
        read_cohort(study, two_groups())
    return str(caught.value)


def test_the_sound_study_is_read(small: Study) -> None:
    tables = read_cohort(small, two_groups())
    assert set(tables.participants["decision"]) == {"eligible"}


def test_two_swapped_labels_become_queries_that_say_so(small: Study) -> None:
    swapped = {"P002\tSSc": "P002\thealthy", "P003\thealthy": "P003\tSSc"}
    for before, after in swapped.items():
        edit(small.participants, lambda text, b=before, a=after: text.replace(b, a))
    tables = read_cohort(small, two_groups())
    decisions = tables.participants.set_index("participant_id")["decision"].to_dict()
    assert decisions == {"P001": "eligible", "P002": "query", "P003": "query", "P004": "eligible"}
    queries = tables.queries.set_index("participant_id")
    assert queries.loc["P002", "kind"] == "overlap"
    assert "ssc_2013 fulfils (9, cut-off 9)" in queries.loc["P002", "what"]
    assert queries.loc["P003", "kind"] == "contradictory"
    assert (
        "declared fulfilled, but by the items: ssc_2013 does not fulfil"
        in (queries.loc["P003", "what"])
    )


def test_a_deleted_column_that_every_row_needs_is_named(small: Study) -> None:
    edit(
        small.participants,
        lambda text: text.replace("participant_id\tgroup", "participant_id\tgrp"),
    )
    assert "row 1, column 'group' is missing; add it" in told(small)


def test_a_deleted_item_is_told_once_and_makes_queries_of_everybody(small: Study) -> None:
    frame = pd.read_csv(small.participants, sep="\t", dtype=str, keep_default_na=False)
    frame.drop(columns="vaccination_4_weeks").to_csv(small.participants, sep="\t", index=False)
    tables = read_cohort(small, two_groups())
    assert set(tables.participants["decision"]) == {"query"}
    about = tables.problems[tables.problems["item"] == "vaccination_4_weeks"]
    assert about[["what", "remedy"]].to_numpy().tolist() == [
        [
            "the column is empty or not in the sheet, and rule 'vaccination' needs it",
            "add the column: none of 4 people can be decided without it",
        ]
    ]
    assert not tables.problems["what"].str.startswith("eligibility cannot be decided").any()
    assert len(tables.queries[tables.queries["item"] == "vaccination_4_weeks"]) == 4


def test_a_decimal_comma_is_named_with_the_right_number(small: Study) -> None:
    edit(small.participants, lambda text: text.replace("P001\tSSc\t50", "P001\tSSc\t50,5"))
    assert "row 2, column 'age_years': '50,5' has a decimal comma; write 50.5" in told(small)


def test_a_letter_l_for_a_one_is_guessed(small: Study) -> None:
    edit(small.classification, lambda text: text.replace("P001\t", "P00l\t"))
    message = told(small)
    assert "row 2, participant_id 'P00l' is not in" in message
    assert "did you mean 'P001'?" in message


@pytest.mark.parametrize("date", ["03-May", "12/03/1960", "1960-03-12 00:00:00"])
def test_a_date_made_by_a_spreadsheet_is_refused_and_not_repeated(small: Study, date: str) -> None:
    edit(small.participants, lambda text: text.replace("P001\tSSc\t50", f"P001\tSSc\t{date}"))
    message = told(small)
    assert "row 2, column 'age_years': the cell is a date; write a number" in message
    assert date not in message


@pytest.mark.parametrize(
    "encode",
    [
        lambda text: text.encode("utf-16"),
        lambda text: text.replace("\n", "\r\n").encode("utf-8-sig"),
    ],
    ids=["utf-16", "crlf"],
)
def test_utf_16_and_crlf_are_read_right(small: Study, encode: Callable[[str], bytes]) -> None:
    expected = read_cohort(small, two_groups())
    for path in (small.participants, str(small.classification)):
        Path(path).write_bytes(encode(Path(path).read_text(encoding="utf-8")))
    found = read_cohort(small, two_groups())
    pd.testing.assert_frame_equal(found.participants, expected.participants)
    pd.testing.assert_frame_equal(found.classification, expected.classification)


def test_latin_1_is_read_and_the_unknown_group_told(small: Study) -> None:
    text = (
        Path(small.participants).read_text(encoding="utf-8").replace("P002\tSSc", "P002\tSjögren")
    )
    Path(small.participants).write_bytes(text.encode("latin-1"))
    assert "row 3, group 'S...' (7 characters) is not in the settings" in told(small)


def test_an_unknown_item_in_better_explained_is_guessed(small: Study) -> None:
    rows = [no_findings("P001", better_explained="ssc_lungs, sle_fever")]
    write_sheet(Path(str(small.classification)), rows)
    message = told(small)
    assert "better_explained names 'ssc_lungs', which is no yes/no column" in message
    assert "did you mean 'ssc_lung'?" in message
    assert "sle_fever" not in message
