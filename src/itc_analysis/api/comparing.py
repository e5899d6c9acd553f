"""Compare groups of people in the columns of a plain table, with the models of the plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from itc_analysis.api.cards import card
from itc_analysis.api.plain_values import (
    SOURCE,
    Covariates,
    Groups,
    Numbers,
    PlainTable,
    lay_out,
)
from itc_analysis.config.loading import validate
from itc_analysis.config.sections import Stats
from itc_analysis.errors import Fault, ItcError, did_you_mean
from itc_analysis.plural import plural
from itc_analysis.provenance import describe
from itc_analysis.stats.endpoint.endpoint import Endpoint
from itc_analysis.stats.plan.plan import ModelRules, PlannedComparison, SmallSample
from itc_analysis.stats.questions.compare import adjust_comparisons

#: How p can be adjusted: over all comparisons of all columns, or (dunnett) within each column.
ADJUSTMENTS = ("holm", "bh", "dunnett", "bh_dunnett", "none")
METHODS_TEXT = (
    "Groups were compared by one model per measure. Shares with their totals entered as the counts "
    "of cells that they are (binomial, participants varying on the logit scale with an SD per "
    "group, restricted likelihood); other values by a linear model (on the logarithm for ratios) "
    "with a robust covariance (HC3; CR2 with Satterthwaite degrees of freedom where a group is "
    "small or people gave several samples). Values of which only a limit of detection is known "
    "entered a censored regression as low, and missing covariates were imputed."
)
CITATIONS = ("mackinnon1985", "pustejovsky2018", "tobin1958", "vanbuuren2011")
_COLUMNS = {
    "population": "measure",
    "index_group": "group",
    "reference_group": "reference",
    "estimate": "estimate",
    "lower": "lower",
    "upper": "upper",
    "p_value": "p_value",
    "p_adjusted": "p_adjusted",
    "estimate_kind": "kind",
    "n_index": "n_group",
    "n_reference": "n_reference",
    "n_below_lod": "n_below_limit",
    "n_missing": "n_missing",
    "median_index": "median_group",
    "median_reference": "median_reference",
    "lower_quartile_index": "lower_quartile_group",
    "upper_quartile_index": "upper_quartile_group",
    "lower_quartile_reference": "lower_quartile_reference",
    "upper_quartile_reference": "upper_quartile_reference",
    "lower_adjusted": "lower_adjusted",
    "upper_adjusted": "upper_adjusted",
    "standard_error": "standard_error",
    "effect_size": "effect_size",
    "estimate_unadjusted": "estimate_unadjusted",
    "p_permutation": "p_permutation",
    "covariates": "covariates",
    "model": "model",
    "status": "status",
    "reason": "reason",
}


class GroupComparison:
    """Every group against a reference, in every column of a table.

    In the manner of PyDESeq2: make it, `fit` it, ask for the `summary`. `compare` does all three.

    Parameters
    ----------
    values, groups, reference, covariates, formula, kind, limits, totals, batch : see `compare`
        What is compared.
    adjustment, confidence, min_per_group, n_permutations, seed : see `compare`
        How.

    Examples
    --------
    >>> import itc_analysis as itc
    >>> table = itc.example_table()
    >>> comparison = itc.GroupComparison(
    ...     table[["mait", "inkt"]],
    ...     table["group"],
    ...     covariates=table[["age", "sex"]],
    ...     reference="healthy",
    ... )
    >>> comparison
    <GroupComparison: SLE, SSc against healthy; mait, inkt; 64 participants; not fitted>
    >>> found = comparison.fit().summary()
    >>> found[["measure", "group"]].values.tolist()
    [['mait', 'SLE'], ['mait', 'SSc'], ['inkt', 'SLE'], ['inkt', 'SSc']]
    >>> found.loc[found["measure"] == "inkt", "n_below_limit"].gt(0).tolist()
    [True, True]
    """

    def __init__(
        self,
        values: pd.DataFrame | pd.Series,
        groups: Groups,
        *,
        reference: str | Sequence[str],
        covariates: Covariates | None = None,
        formula: str | None = None,
        kind: str | Mapping[str, str] = "ratio",
        limits: Numbers | None = None,
        totals: Numbers | None = None,
        batch: str | pd.Series | None = None,
        adjustment: str = "holm",
        confidence: float = 0.95,
        min_per_group: int = 3,
        n_permutations: int = 0,
        seed: int = 1,
    ) -> None:
        self.table: PlainTable = lay_out(
            values,
            groups,
            covariates=covariates,
            formula=formula,
            kind=kind,
            limits=limits,
            totals=totals,
            batch=batch,
        )
        self.references = (reference,) if isinstance(reference, str) else tuple(reference)
        self.adjustment = adjustment
        chosen = {
            "comparison_confidence": confidence,
            "min_per_group": min_per_group,
            "n_permutations": n_permutations,
            "seed": seed,
        }
        self.settings = validate(Stats, chosen, SOURCE)
        faults = [
            Fault("reference", f"there is no group '{name}'", did_you_mean(name, self.table.groups))
            for name in self.references
            if name not in self.table.groups
        ]
        if not self.others and not faults:
            faults.append(Fault("groups", "there is no other group than the reference"))
        if adjustment not in ADJUSTMENTS:
            hint = did_you_mean(adjustment, ADJUSTMENTS)
            faults.append(Fault("adjustment", f"'{adjustment}' is not known", hint))
        if faults:
            raise ItcError(SOURCE, faults)
        self._endpoints: dict[str, Endpoint] = {}
        self._results: pd.DataFrame | None = None

    @property
    def others(self) -> tuple[str, ...]:
        """The groups that are compared with the reference."""
        return tuple(group for group in self.table.groups if group not in self.references)

    @property
    def measures(self) -> tuple[str, ...]:
        """The columns that are compared."""
        return tuple(self.table.kinds)

    def fit(self) -> GroupComparison:
        """Fit the model of every column.

        Returns
        -------
        GroupComparison
            Itself.
        """
        # the rule for few participants names what was asked for: covariates are kept, and the
        # result warns
        few = SmallSample(covariates=self.table.formula)
        rules = ModelRules(covariates=self.table.formula, small_sample=few)
        for measure in self.measures:
            self._endpoints[measure] = Endpoint(
                self.table.responses(measure),
                self._planned(measure, 0),
                rules,
                self.settings,
                groups=self.table.groups,
                # the group that stands in every comparison may vary more or less than the others
                index_group=self.others[0] if len(self.others) == 1 else self.references[0],
            )
        self._results = None
        return self

    def summary(self) -> pd.DataFrame:
        """Return every comparison, one row per column and group; fits first when that was not done.

        Returns
        -------
        pandas.DataFrame
            See `compare`.
        """
        if self._results is None:
            if not self._endpoints:
                self.fit()
            self._results = self._asked()
        return self._results

    def _planned(self, measure: str, number: int) -> PlannedComparison:
        return PlannedComparison(
            comparison=f"{self.others[number]} vs {'+'.join(self.references)}",
            index_group=self.others[number],
            references=self.references,
            is_pooled=len(self.references) > 1,
            assay="values",
            population=measure,
            measure=self.table.kinds[measure],
            feature="-",
            family="values",
            role="primary",
            adjustment=self.adjustment,
            stage=number,
        )

    def _asked(self) -> pd.DataFrame:
        rows: list[dict[str, Any]] = []
        owners: list[tuple[Endpoint, PlannedComparison]] = []
        for measure, endpoint in self._endpoints.items():
            for number in range(len(self.others)):
                planned = self._planned(measure, number)
                rows.append(endpoint.row(planned))
                owners.append((endpoint, planned))
        adjusted = adjust_comparisons(
            pd.DataFrame(rows), owners, self.settings.comparison_confidence
        )
        found = adjusted.reindex(columns=list(_COLUMNS)).rename(columns=_COLUMNS)
        found.attrs["itc_analysis"] = describe(
            "itc_analysis.compare",
            parameters={
                "stats": self.settings.model_dump(mode="json"),
                "formula": self.table.formula,
                "kinds": self.table.kinds,
                "adjustment": self.adjustment,
            },
            packages=("numpy", "pandas", "scipy", "formulaic"),
            methods=METHODS_TEXT,
            citations=CITATIONS,
        )
        return found

    def __repr__(self) -> str:
        sides = f"{', '.join(self.others)} against {' and '.join(self.references)}"
        state = "fitted" if self._endpoints else "not fitted"
        people = plural(len(self.table.people), "participant")
        return f"<GroupComparison: {sides}; {', '.join(self.measures)}; {people}; {state}>"

    def _repr_html_(self) -> str:
        if not self._endpoints:
            return card(repr(self)[1:-1], "call fit(), then summary()", (), (), more="")
        header = ("measure", "group", "estimate", "interval", "p", "adjusted p")
        shown = (
            (
                row.measure,
                f"{row.group} vs {row.reference}",
                f"{row.estimate:.3g}",
                f"{row.lower:.3g} to {row.upper:.3g}",
                f"{row.p_value:.2g}",
                f"{row.p_adjusted:.2g}",
            )
            for row in self.summary().itertuples()
        )
        level = (
            f"{self.settings.comparison_confidence:.0%} intervals; p adjusted: {self.adjustment}"
        )
        return card(repr(self)[1:-1], level, header, shown, more="comparisons")


def compare(
    values: pd.DataFrame | pd.Series,
    groups: Groups,
    *,
    reference: str | Sequence[str],
    covariates: Covariates | None = None,
    formula: str | None = None,
    kind: str | Mapping[str, str] = "ratio",
    limits: Numbers | None = None,
    totals: Numbers | None = None,
    batch: str | pd.Series | None = None,
    adjustment: str = "holm",
    confidence: float = 0.95,
    min_per_group: int = 3,
    n_permutations: int = 0,
    seed: int = 1,
) -> pd.DataFrame:
    """Compare every group with a reference, in every column of a table.

    All groups of a column stand in one model, so that covariates are learned from everybody. The
    participant is the unit: rows with the same index value are samples of one person and are
    averaged.

    Parameters
    ----------
    values : pandas.DataFrame or pandas.Series
        One row per participant (index), one column per measure. A cell may read ``'<0.02'``: below
        this limit of detection. An empty cell is missing.
    groups : str, pandas.Series or sequence
        The group of each row, or the name of a column of `values` that holds it. Columns named here
        and in `covariates` and `batch` are no measures; all others are.
    reference : str or sequence of str
        The group that every other one is compared with; several are pooled, each counting the same.
    covariates : pandas.DataFrame, pandas.Series, str or sequence of str, optional
        What is adjusted for: a table with the same index, or columns of `values`. Numbers enter as
        straight lines, words as categories.
    formula : str, optional
        Another shape than a straight line, e.g. ``"cr(age, df=3, constraints='center') + sex"``.
    kind : str or mapping of str to str
        ``"ratio"`` of geometric means; ``"odds_ratio"`` of shares (0 to 1, with `totals`);
        ``"difference"`` of means. One for all columns, or one for each by its name.
    limits : float, mapping, pandas.Series or pandas.DataFrame, optional
        Limits of detection, one for all, for each column or for each value; lower values are only
        known to be low.
    totals : float, mapping, pandas.Series or pandas.DataFrame, optional
        Number of cells that each share is of.
    batch : str or pandas.Series, optional
        The batch of each row: groups that share no batch are not compared, and batches that are
        spread unevenly over the groups are adjusted for.
    adjustment : str
        ``"holm"`` or ``"bh"`` over all comparisons, ``"dunnett"`` within each column,
        ``"bh_dunnett"`` over the columns and then within, or ``"none"``.
    confidence : float
        Level of the intervals.
    min_per_group : int
        Groups with fewer participants stay out.
    n_permutations : int
        Permutations behind `p_permutation`; 0 for none.
    seed : int
        Of permutations and imputations.

    Returns
    -------
    pandas.DataFrame
        One row per column and group: `measure`, `group`, `reference`, `estimate` with `lower` and
        `upper`, `p_value`, `p_adjusted`, numbers of participants, the model in words; `status` is
        ok or not_estimable, and `reason` says why, or what must be known with the number.

    Raises
    ------
    ItcError
        Naming every fault: a value that is no number, a participant without a group, an unknown
        column.

    Examples
    --------
    >>> import itc_analysis as itc
    >>> table = itc.example_table()
    >>> found = itc.compare(table, "group", covariates=["age", "sex"], reference="healthy")
    >>> found.loc[0, ["measure", "group", "reference", "kind"]].tolist()
    ['mait', 'SLE', 'healthy', 'ratio']
    >>> bool(found.loc[0, "upper"] < 1)  # fewer MAIT cells, as was simulated
    True
    >>> found["covariates"].unique().tolist()
    ['age + sex']
    >>> bool((found["p_adjusted"] >= found["p_value"]).all())
    True

    Both patient groups together against the healthy, without covariates:

    >>> swapped = itc.compare(table[["mait"]], table["group"], reference=["SSc", "SLE"])
    >>> swapped[["group", "reference"]].values.tolist()
    [['healthy', 'SSc+SLE']]
    """
    return (
        GroupComparison(
            values,
            groups,
            reference=reference,
            covariates=covariates,
            formula=formula,
            kind=kind,
            limits=limits,
            totals=totals,
            batch=batch,
            adjustment=adjustment,
            confidence=confidence,
            min_per_group=min_per_group,
            n_permutations=n_permutations,
            seed=seed,
        )
        .fit()
        .summary()
    )
