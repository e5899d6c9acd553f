"""Logicle against the Gating-ML values and flowutils; asinh against its formula; the way back."""

from __future__ import annotations

import numpy as np
import pytest
from flowutils import transforms as flowutils_transforms
from hypothesis import given, settings
from hypothesis import strategies as st

from itc_analysis.flow.scale.transform import Transform, logicle_exact

#: Table of the Gating-ML 2.0 specification for T = 1000, W = 1, M = 4, A = 0.
GATINGML_X = [-10, -5, -1, 0, 0.3, 1, 3, 10, 100, 1000]
GATINGML_Y = [
    0.067574, 0.147986, 0.228752, 0.25, 0.256384, 0.271248, 0.312897, 0.432426, 0.739548, 1.0,
]  # fmt: skip

#: The accuracy that the module promises on the 0..1 scale.
TABLE_TOLERANCE = 5e-7

PARAMETERS = [
    (262144, 0.5, 4.5, 0),
    (4194304, 1, 5, 0),
    (10000, 0.5, 4.5, 0),
    (1000, 1, 4, 1),
    (1000, 0, 4, 1),
    (262144, 2.2, 4.5, 0),
    (1e6, 1.5, 6, -0.5),
    (1, 0.5, 4.5, 0),
]


def values_over(t: float) -> np.ndarray:
    rng = np.random.default_rng(2)
    return np.concatenate(
        [
            rng.normal(0, t / 5000, 2000),
            10 ** rng.uniform(-6, np.log10(3 * t), 2000),
            -(10 ** rng.uniform(-6, np.log10(t), 2000)),
            [0.0, t, -t],
        ]
    ).astype(np.float32)


def test_logicle_has_the_values_of_the_gatingml_specification() -> None:
    transform = Transform("logicle", t=1000, w=1, m=4, a=0)
    # The specification prints six digits.
    np.testing.assert_allclose(logicle_exact(GATINGML_X, transform), GATINGML_Y, atol=5e-7)
    np.testing.assert_allclose(transform.apply(GATINGML_X), GATINGML_Y, atol=TABLE_TOLERANCE)


@pytest.mark.parametrize(("t", "w", "m", "a"), PARAMETERS)
def test_logicle_equals_flowutils(t: float, w: float, m: float, a: float) -> None:
    x = values_over(t)
    expected = flowutils_transforms._logicle(x.astype(np.float64), t, m, w, a)
    transform = Transform("logicle", t=t, w=w, m=m, a=a)
    np.testing.assert_allclose(logicle_exact(x, transform), expected, atol=1e-12)
    np.testing.assert_allclose(transform.apply(x), expected, atol=TABLE_TOLERANCE)


def test_asinh_equals_the_fasinh_of_flowutils() -> None:
    t, cofactor = 262144.0, 150.0
    x = values_over(t)
    decades = np.arcsinh(t / cofactor) / np.log(10)
    expected = flowutils_transforms.asinh(x.astype(np.float64)[:, None], [0], t, decades, 0)[:, 0]
    # float32 carries seven digits
    result = Transform("asinh", t=t, cofactor=cofactor).apply(x)
    np.testing.assert_allclose(result, expected, atol=1e-6)


def test_linear_divides_by_t() -> None:
    assert Transform("linear", t=200).apply([100.0, -50.0]).tolist() == [0.5, -0.25]


@pytest.mark.parametrize(
    "transform",
    [
        Transform("logicle"),
        Transform("logicle", t=4194304, w=1, m=5),
        Transform("asinh", cofactor=5),
        Transform("linear", t=262144),
    ],
)
def test_inverse_leads_back(transform: Transform) -> None:
    x = values_over(transform.t)
    back = transform.inverse(transform.apply(x))
    # An error of 5e-7 of the scale is 5e-7 * 5 decades * ln 10 = 6e-6 of the value.
    np.testing.assert_allclose(back, x, rtol=5e-5, atol=transform.t * 1e-6)


@settings(max_examples=50)
@given(
    st.lists(st.floats(-1e7, 1e7, width=32), min_size=2, max_size=50),
    st.sampled_from(PARAMETERS),
)
def test_logicle_never_changes_the_order(
    values: list[float], parameters: tuple[float, float, float, float]
) -> None:
    t, w, m, a = parameters
    ordered = np.sort(np.array(values, dtype=np.float32))
    result = Transform("logicle", t=t, w=w, m=m, a=a).apply(ordered)
    # Neighbouring pieces of the table may disagree in the last bit of a float32 near 1.
    assert np.all(np.diff(result) >= -2.5e-7)


def test_shape_is_kept_and_the_argument_is_not_changed() -> None:
    x = np.arange(12, dtype=np.float32).reshape(3, 4)
    before = x.copy()
    for kind in ("logicle", "linear"):
        assert Transform(kind).apply(x).shape == (3, 4)
        assert Transform(kind).apply(x[:, ::2]).shape == (3, 2)
    np.testing.assert_array_equal(x, before)


def test_not_a_number_stays_so() -> None:
    assert np.isnan(Transform("logicle").apply([np.nan])[0])


def test_pieces_agree_with_one_long_array() -> None:
    x = np.random.default_rng(3).normal(0, 5000, 70_000).astype(np.float32)
    transform = Transform("logicle")
    one_by_one = np.concatenate([transform.apply(part) for part in np.array_split(x, 7)])
    np.testing.assert_array_equal(transform.apply(x), one_by_one)


def test_plain_data_lead_back_to_the_transform() -> None:
    for transform in (Transform("logicle", w=1), Transform("asinh", cofactor=5)):
        assert Transform.from_dict(transform.to_dict()) == transform
    assert Transform("linear", t=5).to_dict() == {"kind": "linear", "t": 5}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"kind": "biex"}, "not logicle, asinh or linear"),
        ({"kind": "linear", "t": 0}, "t must be a positive number"),
        ({"kind": "logicle", "w": 3}, "w must lie in"),
        ({"kind": "logicle", "a": -1}, "a must lie in"),
        ({"kind": "logicle", "m": 0}, "m must be positive"),
        ({"kind": "asinh"}, "needs a positive cofactor"),
    ],
)
def test_impossible_parameters_are_refused(arguments: dict[str, float], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        Transform(**arguments)
