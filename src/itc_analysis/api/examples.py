"""Small simulated data to try things out on: nobody in them exists."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from itc_analysis.simulate.instrument.cytometer import draw_drift
from itc_analysis.simulate.instrument.panels import load_panel
from itc_analysis.simulate.instrument.tubes import TubePlan, simulate_tube, write_tube
from itc_analysis.simulate.people.blood import draw_blood
from itc_analysis.simulate.people.cohort import simulate_measurement_truth

#: Below this share of the T cells (per cent) a laboratory would write '<0.02'.
LIMIT_PER_CENT = 0.02
#: People in each group of the example table.
SIZES = {"SSc": 24, "SLE": 16, "healthy": 24}


def example_fcs(
    folder: str | Path | None = None,
    *,
    panel: str = "panel_a",
    left_out: str | None = None,
    n_events: int = 20_000,
    seed: int = 1,
) -> Path:
    """Write a simulated FCS file of a healthy donor and return its path.

    Parameters
    ----------
    folder : str or Path, optional
        Where to; a new temporary folder when left out.
    panel : str
        The shipped panel, ``"panel_a"`` or ``"panel_b"``.
    left_out : str, optional
        A marker whose antibody is left out: the file is a fluorescence-minus-one control.
    n_events : int
        Events in the file.
    seed : int
        Donor and random numbers; the same seed gives the same bytes.

    Returns
    -------
    Path
        ``donor_<seed>.fcs``, or ``donor_<seed>_without_<marker>.fcs``.

    Examples
    --------
    >>> import itc_analysis as itc
    >>> path = itc.example_fcs(n_events=1000, seed=3)
    >>> path.name
    'donor_3.fcs'
    >>> itc.read_fcs(path).n_events
    1000
    """
    people = simulate_measurement_truth("effect", {"healthy": 1}, seed)
    blood = draw_blood(people, np.random.default_rng([seed, 1]))
    donor = people.merge(blood, on="participant_id").iloc[0].to_dict()
    truth: Mapping[str, Any] = {str(name): value for name, value in donor.items()}
    described = load_panel(panel)
    name = f"donor_{seed}" if left_out is None else f"donor_{seed}_without_{left_out}"
    plan = TubePlan(name, name, panel, "batch", left_out, n_events)
    drift = draw_drift(described, np.random.default_rng([seed, 2]))
    tube = simulate_tube(plan, truth, described, drift, np.random.default_rng([seed, 3]))
    where = Path(tempfile.mkdtemp(prefix="itc_")) if folder is None else Path(folder)
    where.mkdir(parents=True, exist_ok=True)
    path = where / f"{name}.fcs"
    write_tube(path, tube, described, name, note=f"SIMULATED donor, seed {seed}")
    return path


def example_table(*, seed: int = 1) -> pd.DataFrame:
    """Return a simulated table as a laboratory might send it: a row per participant.

    Parameters
    ----------
    seed : int
        The same seed gives the same people.

    Returns
    -------
    pandas.DataFrame
        Indexed by `participant`: `group` (SSc, SLE or healthy), `age`, `sex`, and per cent of the T
        cells that are `mait` and `inkt`; iNKT cells below the limit of detection read ``'<0.02'``.

    Examples
    --------
    >>> import itc_analysis as itc
    >>> table = itc.example_table()
    >>> table.columns.tolist()
    ['group', 'age', 'sex', 'mait', 'inkt']
    >>> len(table)
    64
    >>> bool((table["inkt"] == "<0.02").any())
    True
    """
    people = simulate_measurement_truth("effect", SIZES, seed)
    inkt = 100 * people["share_inkt"]
    words = [f"{value:.3f}" for value in inkt]
    return pd.DataFrame(
        {
            "group": people["group"].to_numpy(),
            "age": people["age_years"].astype(int).to_numpy(),
            "sex": people["sex"].to_numpy(),
            "mait": (100 * people["share_mait"]).round(2).to_numpy(),
            "inkt": np.where(inkt < LIMIT_PER_CENT, f"<{LIMIT_PER_CENT}", words),
        },
        index=pd.Index(people["participant_id"], name="participant"),
    )
