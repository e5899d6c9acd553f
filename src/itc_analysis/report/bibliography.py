"""Works that the methods sentences cite, by key. A test fails when a cited key has no entry."""

from __future__ import annotations

from typing import NamedTuple


class Reference(NamedTuple):
    """One work.

    Parameters
    ----------
    text : authors, title, journal, year, pages.
    doi : without the resolver's address; empty when the work has none.
    """

    text: str
    doi: str = ""


REFERENCES: dict[str, Reference] = {
    "parks2006": Reference(
        "Parks DR, Roederer M, Moore WA. A new “Logicle” display method avoids deceptive effects of "
        "logarithmic scaling for low signals and compensated data. Cytometry A 2006;69A:541–551.",
        "10.1002/cyto.a.20258",
    ),
    "moore2012": Reference(
        "Moore WA, Parks DR. Update for the logicle data scale including operational code "
        "implementations. Cytometry A 2012;81A:273–277.",
        "10.1002/cyto.a.22030",
    ),
    "spidlen2010": Reference(
        "Spidlen J, Moore W, Parks D, et al. Data File Standard for Flow Cytometry, version FCS 3.1. "
        "Cytometry A 2010;77A:97–100.",
        "10.1002/cyto.a.20825",
    ),
    "spidlen2015": Reference(
        "Spidlen J, Moore W; ISAC Data Standards Task Force, Brinkman RR. ISAC’s Gating-ML 2.0 data "
        "exchange standard for gating description. Cytometry A 2015;87A:683–687.",
        "10.1002/cyto.a.22690",
    ),
    "lee2008": Reference(
        "Lee JA, Spidlen J, Boyce K, et al. MIFlowCyt: the minimum information about a flow cytometry "
        "experiment. Cytometry A 2008;73A:926–930.",
        "10.1002/cyto.a.20623",
    ),
    "vonelm2007": Reference(
        "von Elm E, Altman DG, Egger M, et al. The Strengthening the Reporting of Observational Studies "
        "in Epidemiology (STROBE) statement: guidelines for reporting observational studies. "
        "Lancet 2007;370:1453–1457.",
        "10.1016/S0140-6736(07)61602-X",
    ),
    "holm1979": Reference(
        "Holm S. A simple sequentially rejective multiple test procedure. Scand J Stat 1979;6:65–70."
    ),
    "benjamini1995": Reference(
        "Benjamini Y, Hochberg Y. Controlling the false discovery rate: a practical and powerful approach "
        "to multiple testing. J R Stat Soc B 1995;57:289–300.",
        "10.1111/j.2517-6161.1995.tb02031.x",
    ),
    "mackinnon1985": Reference(
        "MacKinnon JG, White H. Some heteroskedasticity-consistent covariance matrix estimators with "
        "improved finite sample properties. J Econom 1985;29:305–325.",
        "10.1016/0304-4076(85)90158-7",
    ),
    "freedman1983": Reference(
        "Freedman D, Lane D. A nonstochastic interpretation of reported significance levels. "
        "J Bus Econ Stat 1983;1:292–298.",
        "10.1080/07350015.1983.10509354",
    ),
    "tobin1958": Reference(
        "Tobin J. Estimation of relationships for limited dependent variables. "
        "Econometrica 1958;26:24–36.",
        "10.2307/1907382",
    ),
    "rosner1983": Reference(
        "Rosner B. Percentage points for a generalized ESD many-outlier procedure. "
        "Technometrics 1983;25:165–172.",
        "10.1080/00401706.1983.10487848",
    ),
}
