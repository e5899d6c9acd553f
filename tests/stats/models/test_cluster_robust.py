from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from itc_analysis.stats.models.cluster_robust import fit_clustered
from itc_analysis.stats.models.linear import NotEstimable, contrast, fit_least_squares

CONTRASTS = {
    "SSc vs healthy": [1.0, 0, -1, 0, 0],
    "SSc vs SLE": [1.0, -1, 0, 0, 0],
    "late": [0.0, 0, 0, 0, 1],
}


@pytest.fixture(scope="module")
def samples(root):
    folder = root / "tests/reference/cr2"
    data = pd.read_csv(folder / "data.csv")
    return data, pd.read_csv(folder / "results.csv", index_col=["model", "contrast"])


def design_of(data: pd.DataFrame) -> np.ndarray:
    groups = [(data["group"] == g).to_numpy(dtype=float) for g in ("SSc", "SLE", "healthy")]
    return np.column_stack([*groups, data["age"], data["late"]])


@pytest.mark.parametrize("name", CONTRASTS)
@pytest.mark.parametrize("model", ["weighted", "unweighted", "one sample each"])
def test_contrasts_equal_those_of_clubsandwich(samples, model, name):
    data, expected = samples
    if model == "one sample each":
        data = data.drop_duplicates("person")
    weights = 1 / data["n_samples"].to_numpy(dtype=float) if model == "weighted" else None
    fit = fit_clustered(data["y"].to_numpy(), design_of(data), data["person"], weights=weights)
    found = contrast(fit, CONTRASTS[name], confidence=0.95)
    row = expected.loc[(model, name)]
    # two exact algorithms: only rounding differs
    assert found.estimate == pytest.approx(row["estimate"], rel=1e-9)
    assert found.standard_error == pytest.approx(row["se"], rel=1e-8)
    assert found.df == pytest.approx(row["df"], rel=1e-7)
    assert found.p_value == pytest.approx(row["p"], rel=1e-6)


def test_one_sample_each_is_hc2(samples):
    data = samples[0].drop_duplicates("person")
    y, X = data["y"].to_numpy(), design_of(data)
    import statsmodels.api as sm

    found = fit_clustered(y, X, data["person"]).covariance
    np.testing.assert_allclose(found, sm.OLS(y, X).fit(cov_type="HC2").cov_params(), rtol=1e-9)


def test_persons_who_weigh_the_same_give_the_estimate_of_their_averages(samples):
    """Why averaging within the person was right: same estimate, HC3 of the averages leaves whole
    persons out.
    """
    data = samples[0].drop(columns="late")
    X = design_of(data.assign(late=0.0))[:, :4]
    weights = 1 / data["n_samples"].to_numpy(dtype=float)
    found = fit_clustered(data["y"].to_numpy(), X, data["person"], weights=weights)
    means = data.groupby("person", sort=False).mean(numeric_only=True)
    first = ~data["person"].duplicated().to_numpy()
    averaged = fit_least_squares(means["y"].to_numpy(), X[first])
    np.testing.assert_allclose(found.coefficients, averaged.coefficients)


def test_order_of_samples_changes_nothing(samples):
    data = samples[0]
    mixed = data.sample(frac=1, random_state=3)
    c = CONTRASTS["SSc vs healthy"]
    found, again = (
        contrast(fit_clustered(d["y"].to_numpy(), design_of(d), d["person"]), c, confidence=0.95)
        for d in (data, mixed)
    )
    assert again.standard_error == pytest.approx(found.standard_error, rel=1e-10)
    assert again.df == pytest.approx(found.df, rel=1e-10)


def test_the_scale_of_working_variances_changes_nothing(samples):
    data = samples[0]
    y, X = data["y"].to_numpy(), design_of(data)
    variance = np.linspace(0.5, 2, len(y))
    fits = [
        fit_clustered(y, X, data["person"], weights=1 / variance, variance=factor * variance)
        for factor in (1.0, 100.0)
    ]
    np.testing.assert_allclose(fits[0].covariance, fits[1].covariance)
    c = np.array(CONTRASTS["late"])
    assert fits[0].df_of(c) == pytest.approx(fits[1].df_of(c))


def test_a_comparison_that_hangs_on_one_person_is_refused():
    X = np.column_stack([[1.0, 1, 1, 1, 0, 0], [0.0, 0, 0, 0, 1, 1]])
    fit = fit_clustered(np.array([1.0, 2, 3, 5, 9, 9.5]), X, [0, 1, 2, 3, 4, 4])
    with pytest.raises(NotEstimable, match="single participant"):
        contrast(fit, [1, -1], confidence=0.95)
