"""What the comparisons did, as sentences for the methods section, with the works they cite."""

from __future__ import annotations

import pandas as pd

from itc_analysis.config.sections import Groups, Stats
from itc_analysis.stats.endpoint.counted import COUNTS_OF_CELLS
from itc_analysis.stats.people.design import INDEPENDENT_BATCHES
from itc_analysis.stats.plan.covariates import BATCH
from itc_analysis.stats.plan.plan import AnalysisPlan

ADJUSTMENTS = {
    "holm": ("Holm's method", "holm1979"),
    "bh": ("the method of Benjamini and Hochberg", "benjamini1995"),
    "dunnett": (
        "Dunnett's single-step method within each endpoint, from the multivariate t distribution "
        "with the estimated correlation of the contrasts",
        "hothorn2008",
    ),
    "bh_dunnett": (
        "the method of Benjamini and Hochberg over the endpoints' smallest Dunnett p values, then "
        "Dunnett's method within the endpoints found",
        "benjamini2014",
    ),
    "gatekeeping": (
        "gatekeeping in the order of the contrasts, as a weighted graph",
        "bretz2009",
    ),
    "none": ("no adjustment", ""),
}

#: On what scale values are compared, by kind of estimate.
VALUES = {
    "odds_ratio": "shares were compared on the logit scale with half a cell added",
    "ratio": "counts and intensities known as values were compared on the log scale",
    "difference": "differences were compared as they are",
}

COUNTED = (
    "Shares, positivity and cells per microlitre were compared by the likelihood of the cells that "
    "were counted (binomial among the cells of the denominator, Poisson in the volume of blood), "
    "with the background expected in a gate and its error, the part of the population that the "
    "gate holds, and the error of the gate's position; nothing was added to a count, and limits of "
    "detection had no part in it. Participants differed on the logit or log scale by a "
    "distribution whose shape was estimated from everybody's counts, as a mixture drawn to the "
    "normal distribution, with a standard deviation of its own for each group, drawn to the common "
    "one (prior standard deviation 0.5 of its logarithm) and estimated by restricted likelihood. "
    "Intervals are from the observed information or, where it is larger, from the scatter of the "
    "participants' scores with their leverage taken off (HC2), with Satterthwaite degrees of "
    "freedom, at most those of the residuals; where fewer than ten cells were counted in a "
    "whole group, from the "
    "profile likelihood. A model of values (half a cell added before the logit, values below the "
    "limit of detection censored) served as a sensitivity analysis."
)


def describe_comparisons(
    table: pd.DataFrame, *, plan: AnalysisPlan, cohort: Groups, settings: Stats
) -> tuple[str, list[str]]:
    """Return sentences about the models that were used in `table`, and the keys of the works they
    cite.
    """
    models = "; ".join(sorted(set(table["model"])))
    sentences = [
        f"{cohort.index_group} was compared with each reference of the analysis plan (SHA-256 "
        f"{plan.digest}...) in one model per endpoint with the participant as the unit and all "
        "groups in the model.",
        f"Covariates were {plan.covariates}, or {plan.small_sample.covariates or 'none'} where "
        "participants were few."
        if plan.covariates
        else "No covariates were adjusted for.",
    ]
    keys = []
    if table["covariates"].str.contains(rf"\b{BATCH}\b").any():
        sentences.append(
            "Batch was adjusted for where batches were spread unevenly over the groups (Cramér's V "
            f"of a group and batch above {INDEPENDENT_BATCHES:g}) and participants were enough."
        )
    if COUNTS_OF_CELLS in models:
        sentences.append(COUNTED)
        keys += ["cox1987", "komarek2008", "satterthwaite1946", "louis1982"]
    by_values = table[table["model"].str.contains("least squares")]
    if len(by_values):
        scales = [
            words for kind, words in VALUES.items() if (by_values["estimate_kind"] == kind).any()
        ]
        told = "; ".join(scales)
        sentences.append(f"{told[0].upper()}{told[1:]}, by least squares with t intervals.")
    if table["model"].str.contains("least squares.*HC3").any():
        sentences.append("Standard errors of least squares are HC3 unless said otherwise.")
        keys += ["mackinnon1985", "long2000"]
    if "censored" in models:
        sentences.append(
            "Where participants lay below the limit of detection, their values entered a "
            "regression as left-censored, with a log-gamma distribution whose skewness was "
            "estimated and shrunk to the normal distribution, with a standard deviation of its own"
            " for the index group where numbers allowed, for counts given the T cells per "
            "microlitre, and with a robust covariance; where more than four in five of a side were"
            " censored, intervals came from the profile likelihood of the normal distribution."
        )
        keys += ["tobin1958", "prentice1974", "white1982"]
    if "CR2" in models:
        sentences.append(
            "Where people gave several samples, or a group had fewer than ten participants, "
            "standard errors were Bell and McCaffrey's (CR2, by participant) with Satterthwaite "
            "degrees of freedom."
        )
        keys += ["bell2002", "pustejovsky2018"]
    if "imputations" in models:
        sentences.append(
            "Missing covariates were imputed 20 times by chained equations with predictive mean "
            "matching, from the value, the group and the other covariates, and results pooled by "
            "Rubin's rules with the degrees of freedom of Barnard and Rubin; complete cases are "
            "reported next to them."
        )
        keys += ["vanbuuren2011", "barnard1999"]
    if table["p_permutation"].notna().any():
        sentences.append(
            "Freedman-Lane permutation p values of the HC3-studentised contrast "
            f"({settings.n_permutations} permutations) are reported next to primary p values."
        )
        keys += ["freedman1983", "winkler2014"]
    for method in sorted({family.adjustment for family in plan.families}):
        words, key = ADJUSTMENTS[method]
        names = ", ".join(f.name for f in plan.families if f.adjustment == method)
        sentences.append(f"Within these families p was adjusted by {words}: {names}.")
        keys += [key] if key else []
    return " ".join(sentences), list(dict.fromkeys(keys))


def describe_post_hoc(said: tuple[str, list[str]], added: AnalysisPlan) -> tuple[str, list[str]]:
    """Return the sentences of the planned comparisons with one more about those that were added
    after looking.
    """
    names = ", ".join(family.name for family in added.families)
    keys = [ADJUSTMENTS[family.adjustment][1] for family in added.families]
    text = (
        f"Comparisons that the plan did not declare (SHA-256 {added.digest}...; families: {names}) "
        "are post hoc: they were made with the models of the plan, with p values adjusted among "
        "themselves and apart from the plan's."
    )
    return f"{said[0]} {text}", list(dict.fromkeys([*said[1], *filter(None, keys)]))


def describe_verdicts(plan: AnalysisPlan) -> tuple[str, list[str]]:
    """Return sentences about the verdicts, and the keys of the works they cite."""
    text = (
        "A difference was called specific when the index group differed from every other group in "
        "one direction (intersection-union), and shared when it differed from healthy and was "
        "equivalent to a disease by two one-sided tests (ratio within "
        f"{1 / plan.equivalence_ratio:.2f} to {plan.equivalence_ratio:g}, for scores "
        f"{plan.equivalence_sd:g} residual SDs; Bonferroni over the diseases). Differential "
        "variability was tested after Brown and Forsythe on the residuals of the models, with HC3 "
        "standard errors, less what counting, or the error of a score, adds to the spread of each "
        "group."
    )
    if plan.equivalence_reason:
        text += f" The margin's reason: {plan.equivalence_reason.strip().rstrip('.')}."
    else:
        text += " The margin is the program's default; the plan gives no reason of its own."
    return text, ["berger1996", "brown1974", "mackinnon1985"]


def describe_diagnostics(table: pd.DataFrame) -> tuple[str, list[str]]:
    """Return a sentence about the diagnostics in `table`, and the keys of the works they cite."""
    checks = {
        "one_out_lowest": "the range of estimates with one participant left out",
        "estimate_core": "estimates without and with core covariates",
        "e_value": "E-values",
        "value_estimate": "the model of values",
        "soft_estimate": "the soft count of single cells",
        "beside_estimate": "the other way to treat missing covariates",
    }
    told = [words for column, words in checks.items() if table[column].notna().any()]
    second = set(table["second_model"].dropna().str.split(",").str[0])
    for name, what in (("beta-binomial", "shares"), ("negative binomial", "counts")):
        if name in second:
            told.append(f"likelihood ratio tests of a {name} model for {what}")
    who = {
        "tipping_missing": "without a number",
        "tipping_low": "below the limit of detection",
    }
    far = [words for column, words in who.items() if table[column].notna().any()]
    if far:
        told.append(
            f"tipping points: how far participants {' or '.join(far)} would have to be from what "
            "their group lets expect before the conclusion changes (delta adjustment)"
        )
    if not told:
        return "", []
    text = f"Primary and secondary comparisons were checked, where possible, by {'; '.join(told)}."
    return text, ["vanderweele2017"] if table["e_value"].notna().any() else []


def describe_genes(table: pd.DataFrame, *, min_cells: int) -> tuple[str, list[str]]:
    """Return sentences about the gene comparisons, and the keys of the works they cite; none
    without a test.
    """
    if not (table["status"] == "ok").any():
        return "", []
    text = (
        f"Genes were compared in molecules summed per participant and population ({min_cells} "
        "cells or more), with the participant as the unit, by negative binomial regression with "
        "dispersions shared between genes (DESeq2's method, PyDESeq2) and Wald tests of the fold "
        "change without shrinkage, whose errors let each group have a dispersion of its own (one "
        "factor for all genes) where that is wider, against t with the design's residual degrees "
        "of freedom, after leaving out genes that too few participants express for the design "
        "(edgeR's rule); genes by which the cells were called have no p; p was adjusted by the "
        "method of Benjamini and Hochberg within each population and comparison. All of these "
        "comparisons are exploratory."
    )
    return text, ["squair2021", "love2014", "muzellec2023", "chen2016", "benjamini1995"]


def describe_associations(table: pd.DataFrame, *, plan: AnalysisPlan) -> tuple[str, list[str]]:
    """Return sentences about the models behind `table`, and the keys of the works they cite."""
    if table.empty:
        return "No associations with clinical variables were planned.", []
    models = "; ".join(sorted(set(table["model"])))
    sentences = [
        "Within a group, each measure was regressed on each clinical variable of the analysis "
        "plan, with the participant as the unit and the family's covariates; numbers entered "
        "linearly or as binary logarithms, categories against a reference.",
        "Participants without the variable were left out of its regression and counted.",
    ]
    keys = []
    if COUNTS_OF_CELLS in models:
        sentences.append(
            "Shares and cells per microlitre were regressed by the likelihood of the cells that "
            "were counted, as in the comparisons."
        )
    if "least squares" in models:
        sentences.append("Shares were on the logit scale, counts and intensities on the log scale.")
    if "CR2" in models:
        sentences.append(
            "Numbers and small categories had CR2 standard errors with Satterthwaite degrees of "
            "freedom."
        )
        keys += ["bell2002", "pustejovsky2018"]
    if "HC3" in models:
        sentences.append("Categories had HC3 standard errors.")
        keys += ["mackinnon1985", "long2000"]
    if "censored" in models:
        sentences.append(
            "Values below the limit of detection entered as left-censored with a robust covariance."
        )
        keys += ["tobin1958", "white1982"]
    for family in plan.associations:
        words, key = ADJUSTMENTS[family.adjustment]
        sentences.append(f"In the family {family.name} ({family.role}) p was adjusted by {words}.")
        keys += [key] if key else []
    return " ".join(sentences), list(dict.fromkeys(keys))


def describe_compositions(table: pd.DataFrame, *, plan: AnalysisPlan) -> tuple[str, list[str]]:
    """Return sentences about the tests behind `table`, and the keys of the works they cite."""
    if table.empty:
        return "No compositions were planned.", []
    sentences = [
        "Because shares of one whole are not independent, populations that share no cell were also "
        "compared jointly as additive log ratios to a reference population: by the likelihood of "
        "the cells of a part among those of part and reference (binomial), as shares are.",
        "The joint test was Hotelling's T2 with a covariance across the ratios from leaving out "
        "each participant (for least squares HC3) and the "
        "Bell-McCaffrey degrees of freedom of the contrast; single ratios followed by Holm's "
        "method, never below the joint p. A part of which one side gave only a limit took no part "
        "in the joint test and was adjusted together with the joint tests.",
    ]
    keys = ["aitchison1982", "mackinnon1985", "bell2002", "imbens2016", "holm1979"]
    if (table["n_below_lod"] > 0).any():
        keys += ["tobin1958", "white1982"]
    if table["p_permutation"].notna().any():
        sentences.append(
            "A Freedman-Lane permutation of T2 from all counted cells, participants permuted "
            "whole, is reported next to it."
        )
        keys += ["freedman1983", "winkler2014"]
    for composition in plan.compositions:
        parts = ", ".join(composition.parts)
        sentences.append(f"{composition.name}: {parts}, each against {composition.reference}.")
    return " ".join(sentences), keys


def describe_modalities(table: pd.DataFrame) -> tuple[str, list[str]]:
    """Return sentences about the agreement behind `table`, and the keys of the works they cite."""
    if table.empty:
        return "Flow cytometry and single cell were not compared.", []
    text = (
        "Shares of T by flow cytometry and by single cell were compared per participant on the "
        "logit scale. The usual difference and the spread between methods beyond sampling errors "
        "were estimated by restricted maximum likelihood, participants below the limit of "
        "detection by one method being censored. A participant was called discordant when the "
        "difference did not agree with that of all other participants (two-sided t, "
        "Benjamini-Hochberg over participants and populations). The joint estimate, of those who "
        "are not discordant, weights both by their inverse variances after the usual difference is "
        "taken out. Agreement is given by Lin's concordance correlation, Bland and Altman's limits "
        "of agreement and York's line with errors in both."
    )
    return text, [
        "lin1989",
        "lin2000",
        "bland1986",
        "york2004",
        "viechtbauer2005",
        "cox1987",
        "benjamini1995",
    ]
