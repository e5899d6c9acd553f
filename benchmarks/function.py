"""Are responses right, and are the words of function earned? Behind `./run validate function`.

Responses: counts of two tubes of people whose true response is known, from 20 to 5,000 cells, go
through `itc respond`'s estimate and `itc compare`'s model of counts: bias of each person's
difference, of the group's typical response, of the ratio between groups, and how often a
comparison of equal groups is called different. Words: simulated cohorts in which one thing is
planted each go through `itc label`'s judgement; how often is each word said? Alone:
`.venv/bin/python benchmarks/function.py --tables 400 --cohorts 20 --seed 2`; 0 tables or cohorts
leave a part out.
"""

from __future__ import annotations

import argparse
import os
import time
from pathlib import Path
from typing import Any

from itc_analysis.cli.threads import ONE_THREAD

os.environ.update(ONE_THREAD)  # before numpy is imported

import numpy as np
import pandas as pd
from function_cohorts import CARD, GATED, draw_cohort
from scipy import special

from itc_analysis.config.sections import LabelReference, Stats
from itc_analysis.measurements.function.responses import estimate
from itc_analysis.measurements.function.rows import response_rows
from itc_analysis.scores.words.function import EXHAUSTED, HYPOFUNCTIONAL, judge_function
from itc_analysis.simulate.scenarios import CARDS
from itc_analysis.stats.endpoint.endpoint import Endpoint
from itc_analysis.stats.people.responses import respond
from itc_analysis.stats.plan.plan import ModelRules, PlannedComparison

CELLS = (20, 50, 150, 500, 5_000)
#: Typical response, share positive without stimulation, and how people differ (logit).
RESPONSE, BACKGROUND, PERSON_SD, BACKGROUND_SD = 0.15, 0.01, 0.5, 0.5
REFERENCE = LabelReference(min_reference=4, subsets=GATED)
PEOPLE = 40
ALPHA = 0.05
#: Bounds of the question.
MOST_BIAS, TYPE_1, LEAST_SAID, MOST_FALSE = 5.0, (3.5, 6.5), 80.0, 2.0
#: Scenarios in which each word is true of the index group.
TRUE_OF = {
    EXHAUSTED: ("exhausted",),
    HYPOFUNCTIONAL: ("exhausted", "dysfunction_only"),
}
JUDGED = (
    *("exhausted", "dysfunction_only", "receptor_high_only", "activation_only"),
    *("composition_shift", "null"),
)
RULES = ModelRules(covariates=None)
ITEM = PlannedComparison(
    comparison="SSc vs healthy", index_group="SSc", references=("healthy",), is_pooled=False,
    assay="flow", population="mait", measure="response", feature="il12_il18:IFN-g", family="f",
    role="secondary", adjustment="none", stage=0,
)  # fmt: skip


def main() -> None:
    """Run both parts, print their tables, and keep them where asked."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--tables", type=int, default=400, help="tables per number of cells")
    parser.add_argument("--cohorts", type=int, default=20, help="cohorts per scenario")
    parser.add_argument("--index", type=int, default=24, help="people of SSc in a cohort")
    parser.add_argument("--healthy", type=int, default=20, help="healthy people in a cohort")
    parser.add_argument("--t-cells", type=int, default=60_000, help="T cells in a tube")
    parser.add_argument("--seed", type=int, default=0, help="of both parts")
    parser.add_argument("--output", help="folder for the two tables as TSV")
    options = parser.parse_args()
    begun = time.process_time()
    tables, verdicts = {}, []
    if options.tables:
        tables["responses"] = found = judge_responses(options.tables, seed=options.seed)
        print(f"\nResponses ({options.tables} tables each, {PEOPLE} people a group, typical "
              f"response {100 * RESPONSE:g} % over {100 * BACKGROUND:g} %)\n")  # fmt: skip
        print(found.to_string(index=False, float_format=lambda x: f"{x:.1f}"))
        print(f"\n{time.process_time() - begun:.0f} CPU s", flush=True)
        verdicts += check_responses(found)
    if options.cohorts:
        tables["words"] = found = judge_words(
            options.cohorts,
            seed=options.seed,
            index=options.index,
            healthy=options.healthy,
            t_cells=options.t_cells,
        )
        print(f"\nWords ({options.cohorts} cohorts, {options.index} SSc, {options.healthy} "
              f"healthy, {options.t_cells:,} T cells a tube): per cent of SSc\n")  # fmt: skip
        print(found.to_string(index=False, float_format=lambda x: f"{x:.1f}"))
        print(f"\n{time.process_time() - begun:.0f} CPU s in all")
        verdicts += check_words(found)
    if options.output:
        folder = Path(options.output)
        folder.mkdir(parents=True, exist_ok=True)
        for name, table in tables.items():
            table.to_csv(folder / f"{name}.tsv", sep="\t", index=False, float_format="%.3f")
    print("\n" + "\n".join(verdicts))


def judge_responses(n_tables: int, *, seed: int = 0) -> pd.DataFrame:
    """Return bias and type I error by cells in SSc and in healthy people."""
    pairs = [(n, n) for n in CELLS] + [(20, 500), (50, 5_000)]
    return pd.DataFrame([_one_setting(ssc, other, n_tables, seed) for ssc, other in pairs])


def _one_setting(ssc: int, other: int, n_tables: int, seed: int) -> dict[str, Any]:
    found = []
    for table in range(n_tables):
        rng = np.random.default_rng([seed, table, ssc, other])
        found.append(_one_table(ssc, other, rng))
    rows = pd.DataFrame(found)
    return {
        "SSc cells": ssc,
        "others' cells": other,
        "bias of differences %": 100 * (rows["difference"].sum() / rows["truth"].sum() - 1),
        "bias of typical response, SSc %": 100 * (np.exp(rows["typical"].mean()) - 1),
        "bias of the ratio %": 100 * (np.exp(rows["estimate"].mean()) - 1),
        "called different %": 100 * float(np.mean(rows["p"] < ALPHA)),
        "covered %": 100 * float(np.mean((rows["lower"] <= 0) & (rows["upper"] >= 0))),
        "not estimable": int(rows["p"].isna().sum()),
    }


def _one_table(ssc: int, other: int, rng: np.random.Generator) -> dict[str, float]:
    """Draw two equal groups, estimate everybody's response, compare the groups."""
    n_people = 2 * PEOPLE
    group = np.repeat(["SSc", "healthy"], PEOPLE)
    cells = np.where(group == "SSc", ssc, other)
    share = special.expit(special.logit(RESPONSE) + PERSON_SD * rng.normal(size=n_people))
    background = special.expit(
        special.logit(BACKGROUND) + BACKGROUND_SD * rng.normal(size=n_people)
    )
    who = [f"P{i:03d}" for i in range(n_people)]
    pairs = pd.DataFrame(
        {
            "source_id": who, "control_id": [f"{name}-u" for name in who], "sample_id": who,
            "panel": "f", "batch": "b1", "condition": "il12_il18", "population": "mait",
            "marker": "IFN-g", "n_positive": rng.binomial(cells, np.minimum(share + background, 1)),
            "n_events": cells, "n_positive_control": rng.binomial(cells, background),
            "n_events_control": cells, "status": "ok", "reason": None,
        }
    )  # fmt: skip
    measured = estimate(pairs, with_probability=False)
    rows = response_rows(measured, group).assign(
        participant_id=who, group=group, assay="flow", capture=np.nan, volume_ul=np.nan
    )
    people = pd.DataFrame({"participant_id": who, "group": group, "is_analysed": True})
    endpoint = Endpoint(
        respond(rows, people, "response"), ITEM, RULES, Stats(n_permutations=0),
        groups=("SSc", "healthy"), index_group="SSc",
    )  # fmt: skip
    row = endpoint.row(ITEM)
    ok = row["status"] == "ok"
    typical = np.nan
    if endpoint.adjusted is not None:
        place = endpoint.adjusted.estimate(np.array([1.0, 0.0]))
        # on the scale of the share, as people read it
        typical = float(np.log(special.expit(place) / RESPONSE))
    is_ssc = group == "SSc"
    return {
        "difference": float(measured.loc[is_ssc, "difference"].sum()),
        "truth": float(np.sum(share[is_ssc])),
        "typical": typical,
        "estimate": float(np.log(row["estimate"])) if ok else np.nan,
        "lower": float(np.log(row["lower"])) if ok else np.nan,
        "upper": float(np.log(row["upper"])) if ok else np.nan,
        "p": row["p_value"] if ok else np.nan,
    }


def judge_words(
    n_cohorts: int, *, seed: int = 0, index: int, healthy: int, t_cells: int
) -> pd.DataFrame:
    """Return how often each word is said of people in whom each thing is planted."""
    rows = []
    for scenario in JUDGED:
        found = []
        for number in range(n_cohorts):
            table = draw_cohort(
                scenario, 1_000 * (seed + 1) + number, index=index, healthy=healthy, t_cells=t_cells
            )
            words = judge_function(table, [CARD], healthy_group="healthy", settings=REFERENCE)
            cells = table[table["measure"] == "response"]
            cells = cells.groupby(["participant_id", "population"])["n_denominator"].first()
            words = words.join(cells.rename("cells"), on=["participant_id", "population"])
            found.append(words[(words["group"] == "SSc") & ~words["population"].isin(GATED)])
        everybody = pd.concat(found)
        for name, own in (
            ("all", everybody),
            ("100 cells or more", everybody[everybody["cells"] >= 100]),
            ("fewer than 100", everybody[everybody["cells"] < 100]),
        ):
            said = own["word"].value_counts(normalize=True)
            rows.append(
                {
                    "planted": scenario,
                    "cells": name,
                    "n": len(own),
                    EXHAUSTED: 100 * said.get(EXHAUSTED, 0.0),
                    HYPOFUNCTIONAL: 100
                    * float(own["word"].isin([EXHAUSTED, HYPOFUNCTIONAL]).mean()),
                    "within": 100 * said.get("function within healthy range", 0.0),
                    "open": 100 * said.get("function open", 0.0),
                    "what": CARDS[scenario].sentence,
                }
            )
    return pd.DataFrame(rows)


def check_responses(table: pd.DataFrame) -> list[str]:
    """Return a line per promise on responses: kept, or not."""
    lines = []
    for column in table.columns[table.columns.str.startswith("bias")]:
        worst = float(table[column].abs().max())
        lines.append(
            _line(worst <= MOST_BIAS, f"{column}: at most {MOST_BIAS:g}, worst {worst:.1f}")
        )
    low, high = float(table["called different %"].min()), float(table["called different %"].max())
    called = table["called different %"].mean()
    lines.append(_line(TYPE_1[0] <= called <= TYPE_1[1], f"all rows together: {called:.1f} %"))
    is_kept = TYPE_1[0] <= low and high <= TYPE_1[1]
    lines.append(
        _line(
            is_kept,
            f"equal groups called different: {TYPE_1[0]:g} to {TYPE_1[1]:g} %, found "
            f"{low:.1f} to {high:.1f}",
        )
    )
    return lines


def check_words(table: pd.DataFrame) -> list[str]:
    """Return a line per word: said where it is true, and hardly where it is not."""
    whole = table[table["cells"] == "all"].set_index("planted")
    lines = []
    for word, scenarios in TRUE_OF.items():
        true = [scenario in scenarios for scenario in whole.index]
        said, false = (
            float(whole.loc[true, word].min()),
            float(whole.loc[~np.array(true), word].max()),
        )
        lines.append(_line(said >= LEAST_SAID, f"{word} said of those planted: {said:.1f} %"))
        lines.append(_line(false <= MOST_FALSE, f"{word} said of others: at most {false:.1f} %"))
    return lines


def _line(is_kept: bool, text: str) -> str:  # noqa: FBT001
    return f"{'kept  ' if is_kept else 'BROKEN'}  {text}"


if __name__ == "__main__":
    main()
