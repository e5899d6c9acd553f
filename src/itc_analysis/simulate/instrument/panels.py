"""The panels of the simulated study and the instrument that reads them.

The channels come from the packaged panel sheets, so that panel sheet and FCS files cannot differ.
Spillover, noise and background are priors ([P]) of the size seen on five-laser instruments.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from importlib import resources

import numpy as np
import numpy.typing as npt
import pandas as pd

from itc_analysis.errors import ItcError

PANELS = ("panel_a", "panel_b")
#: The panel of cultured tubes; only where cells are stimulated.
FUNCTION_PANEL = "panel_f"
#: Markers with a fluorescence-minus-one tube in every batch.
FMO_MARKERS = {
    "panel_a": ("PD-1", "TIM-3", "LAG-3", "TIGIT", "CD69", "HLA-DR", "CD38"),
    "panel_b": (
        *("Eomes", "panKIR", "NKG2A", "6B11"),
        *("PD-1", "TIM-3", "CD69", "HLA-DR", "CD38"),
    ),
    "panel_f": ("CD107a", "IFN-g", "TNF", "6B11"),
}
#: Digital cytometers end at 18 bits.
TOP_OF_RANGE = 262_144.0
#: Share of a fluorochrome's signal that another detector sees; pairs not named see none.
SPILLOVER = {
    ("BUV395", "BUV496"): 0.02,
    ("BUV496", "BV510"): 0.08,
    ("BUV496", "BUV395"): 0.02,
    ("BUV661", "BUV737"): 0.10,
    ("BUV661", "APC"): 0.12,
    ("BUV661", "BV650"): 0.05,
    ("BUV737", "BUV805"): 0.08,
    ("BUV737", "BV711"): 0.04,
    ("BUV805", "BUV737"): 0.03,
    ("BUV805", "Zombie NIR"): 0.03,
    ("BV421", "BV510"): 0.12,
    ("BV421", "BUV496"): 0.01,
    ("BV510", "BV421"): 0.05,
    ("BV510", "BUV496"): 0.05,
    ("BV510", "BV605"): 0.06,
    ("BV605", "BV650"): 0.15,
    ("BV605", "PE-CF594"): 0.07,
    ("BV605", "BV711"): 0.04,
    ("BV605", "PE"): 0.03,
    ("BV650", "BV711"): 0.12,
    ("BV650", "APC"): 0.10,
    ("BV650", "BUV661"): 0.06,
    ("BV711", "BV785"): 0.12,
    ("BV711", "BUV737"): 0.06,
    ("BV711", "BV650"): 0.02,
    ("BV785", "Zombie NIR"): 0.05,
    ("BV785", "BUV805"): 0.08,
    ("BV785", "PE-Cy7"): 0.03,
    ("BB515", "PE"): 0.05,
    ("BB515", "BV510"): 0.02,
    ("PE", "PE-CF594"): 0.15,
    ("PE", "BV605"): 0.08,
    ("PE", "PE-Cy7"): 0.02,
    ("PE", "BB515"): 0.01,
    ("PE-CF594", "PE"): 0.10,
    ("PE-CF594", "BV605"): 0.05,
    ("PE-CF594", "BV650"): 0.03,
    ("PE-Cy7", "BV785"): 0.05,
    ("PE-Cy7", "Zombie NIR"): 0.04,
    ("PE-Cy7", "PE"): 0.02,
    ("APC", "BUV661"): 0.10,
    ("APC", "BV650"): 0.04,
    ("APC", "Zombie NIR"): 0.05,
    ("Zombie NIR", "BUV805"): 0.06,
    ("Zombie NIR", "BV785"): 0.06,
    ("Zombie NIR", "PE-Cy7"): 0.04,
}
#: Median autofluorescence of a lymphocyte in instrument units: highest in the violet and blue.
AUTOFLUORESCENCE = {"BV421": 90.0, "BV510": 160.0, "BB515": 140.0, "BUV395": 60.0, "PE": 70.0}
OTHER_AUTOFLUORESCENCE = 40.0


@dataclass(frozen=True)
class Panel:
    """A panel as the instrument sees it.

    Parameters
    ----------
    name : str
        panel_a, panel_b or panel_f.
    sheet : pandas.DataFrame
        the panel sheet: channel, marker, fluorochrome, role.
    markers : tuple of str
        fluorescence markers, in the order of the channels.
    channels : tuple of str
        their channels.
    spillover : numpy.ndarray
        shape (n_markers, n_markers); row: fluorochrome, column: detector.
    autofluorescence : numpy.ndarray
        instrument units in each detector, shape (n_markers,).
    """

    name: str
    sheet: pd.DataFrame
    markers: tuple[str, ...]
    channels: tuple[str, ...]
    spillover: npt.NDArray[np.float64]
    autofluorescence: npt.NDArray[np.float64]


@cache
def load_panel(name: str) -> Panel:
    """Return a packaged panel with its spillover."""
    with resource_path(f"panels/{name}.tsv").open(encoding="utf-8") as stream:
        sheet = pd.read_csv(stream, sep="\t", dtype=str, keep_default_na=False)
    stained = sheet[sheet["fluorochrome"] != ""]
    dyes = list(stained["fluorochrome"])
    spillover = np.eye(len(dyes))
    for (source, detector), share in SPILLOVER.items():
        if source in dyes and detector in dyes:
            spillover[dyes.index(source), dyes.index(detector)] = share
    background = np.array([AUTOFLUORESCENCE.get(dye, OTHER_AUTOFLUORESCENCE) for dye in dyes])
    return Panel(
        name=name,
        sheet=sheet,
        markers=tuple(stained["marker"]),
        channels=tuple(stained["channel"]),
        spillover=spillover,
        autofluorescence=background,
    )


def resource_path(name: str) -> resources.abc.Traversable:
    """Return a file shipped with the package, or refuse when the installation lacks it."""
    found = resources.files("itc_analysis") / "resources" / name
    if not found.is_file():
        source = f"itc_analysis/resources/{name}"
        raise ItcError(source, "a file of the package is not there; install itc_analysis again")
    return found
