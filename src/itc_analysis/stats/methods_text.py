"""What the comparisons did, as sentences for the methods section, with the works they cite."""

from __future__ import annotations

import pandas as pd

from itc_analysis.config import Cohort, Stats
from itc_analysis.stats.plan import AnalysisPlan

ADJUSTMENTS = {
    "holm": ("Holm's method", "holm1979"),
    "bh": ("the method of Benjamini and Hochberg", "benjamini1995"),
    "dunnett": (
        "Dunnett's single-step method within each endpoint, from the multivariate t distribution with the estimated "
        "correlation of the contrasts",
        "hothorn2008",
    ),
    "bh_dunnett": (
        "the method of Benjamini and Hochberg over the endpoints' smallest Dunnett p values, then Dunnett's method within "
        "the endpoints found",
        "benjamini2014",
    ),
    "gatekeeping": (
        "gatekeeping in the order of the contrasts, as a weighted graph",
        "bretz2009",
    ),
    "none": ("no adjustment", ""),
}


def describe_comparisons(
    table: pd.DataFrame, *, plan: AnalysisPlan, cohort: Cohort, settings: Stats
) -> tuple[str, list[str]]:
    """Return sentences about the models that were used in `table`, and the keys of the works they cite."""
    models = "; ".join(sorted(set(table["model"])))
    sentences = [
        f"{cohort.index_group} was compared with each reference of the analysis plan (SHA-256 {plan.digest}...) in "
        "one linear model per endpoint with the participant as the unit and all groups in the model.",
        f"Covariates were {plan.covariates}, or {plan.small_sample.covariates or 'none'} where participants were few."
        if plan.covariates
        else "No covariates were adjusted for.",
    ]
    keys = []
    if "least squares" in models:
        sentences.append(
            "Shares were compared on the logit scale with half a cell added, counts and intensities on the log scale, "
            "by least squares with HC3 standard errors and t intervals."
        )
        keys += ["mackinnon1985", "long2000"]
    if "censored" in models:
        sentences.append(
            "Where participants lay below the limit of detection, their values entered a normal regression as "
            "left-censored, with a standard deviation of its own for the index group where numbers allowed and a "
            "robust covariance; where more than four in five of a side were censored, intervals came from the profile "
            "likelihood."
        )
        keys += ["tobin1958", "white1982"]
    if "meta-regression" in models:
        sentences.append(
            "Scores were weighted by their standard errors and the REML variance between participants (meta-regression), "
            "with HC3 standard errors."
        )
        keys += ["viechtbauer2005", "mackinnon1985", "long2000"]
    if table["p_permutation"].notna().any():
        sentences.append(
            f"Beside primary p values stand Freedman-Lane permutation p values of the HC3-studentised contrast "
            f"({settings.n_permutations} permutations)."
        )
        keys += ["freedman1983", "winkler2014"]
    for method in sorted({family.adjustment for family in plan.families}):
        words, key = ADJUSTMENTS[method]
        names = ", ".join(f.name for f in plan.families if f.adjustment == method)
        sentences.append(f"Within these families p was adjusted by {words}: {names}.")
        keys += [key] if key else []
    return " ".join(sentences), list(dict.fromkeys(keys))


def describe_verdicts(plan: AnalysisPlan) -> tuple[str, list[str]]:
    """Return sentences about the verdicts, and the keys of the works they cite."""
    text = (
        "A difference was called specific when the index group differed from every other group in one direction "
        "(intersection-union), and shared when it differed from healthy and was equivalent to a disease by two one-sided "
        f"tests (ratio within {1 / plan.equivalence_ratio:.2f} to {plan.equivalence_ratio:g}, for scores "
        f"{plan.equivalence_sd:g} residual SDs; Bonferroni over the diseases). Differential variability was tested after "
        "Brown and Forsythe on the residuals of the models, with HC3 standard errors."
    )
    return text, ["berger1996", "brown1974", "mackinnon1985"]


def describe_diagnostics() -> tuple[str, list[str]]:
    """Return sentences about the diagnostics, and the keys of the works they cite."""
    text = (
        "Beside the comparisons stand the range of estimates with one participant left out, estimates without and with "
        "core covariates, E-values, and beta-binomial likelihood ratio tests for shares."
    )
    return text, ["vanderweele2017"]
