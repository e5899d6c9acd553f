"""The transform block of a template becomes one transform per marker."""

from __future__ import annotations

import pytest

from itc_analysis.config.loading import validate
from itc_analysis.errors import SettingsError
from itc_analysis.flow.scale.scales import (
    Scale,
    TransformSettings,
    check_same_scales,
    choose_transforms,
    refuse_other_scales,
    scales_of_axes,
)
from itc_analysis.flow.scale.transform import Transform

ROLES = {"FSC-A": "scatter", "Time": "time", "CD3": "lineage", "Viability": "viability"}
RANGES = {"FSC-A": 1024.0, "Time": 9e6, "CD3": 262144.0, "Viability": 4194304.0}


def test_null_t_is_the_highest_range_of_the_kind_of_channel() -> None:
    chosen = choose_transforms(ROLES, RANGES, TransformSettings())
    assert chosen == {
        "FSC-A": Transform("linear", t=1024),
        "Time": Transform("linear", t=1),
        "CD3": Transform("logicle", t=4194304),
        "Viability": Transform("logicle", t=4194304),
    }


def test_a_marker_can_have_its_own_scale() -> None:
    settings = TransformSettings(markers={"CD3": Scale(kind="asinh", cofactor=5)})
    chosen = choose_transforms(ROLES, RANGES, settings)
    # t of asinh is a fixed number, so that tubes of mass cytometry stay comparable
    assert chosen["CD3"] == Transform("asinh", t=262144, cofactor=5)
    assert chosen["Viability"].kind == "logicle"


def test_settings_from_yaml_are_read() -> None:
    block = {"fluorescence": {"kind": "logicle", "t": None, "w": 1.0, "m": 5, "a": 0}}
    settings = validate(TransformSettings, block, "gating.yaml")
    assert settings.fluorescence.to_transform(1000) == Transform("logicle", t=1000, w=1, m=5)


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ({"fluorescence": {"kind": "logicle", "W": 1}}, "unknown setting 'W'"),
        ({"fluorescence": {"kind": "logicle", "w": 3}}, "w must lie in"),
        ({"scatter": {"kind": "log"}}, "scatter.kind"),
    ],
)
def test_a_wrong_block_is_a_fault_of_the_settings(block: dict[str, object], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        validate(TransformSettings, block, "gating.yaml")


def test_tubes_of_one_panel_must_share_their_scales() -> None:
    def axes(t: float) -> dict[str, dict[str, dict[str, object]]]:
        return {"transforms": {"CD3": {"kind": "logicle", "t": t, "w": 0.5, "m": 4.5, "a": 0.0}}}

    same = {"t1": axes(262144), "t2": axes(262144)}
    check_same_scales(same, "panel_a.yaml")
    with pytest.raises(SettingsError) as caught:
        check_same_scales(same | {"t3": axes(4194304)}, "panel_a.yaml")
    told = str(caught.value)
    assert "tubes t3 have the scale logicle: t 4.1943e+06" in told
    assert "set t under transform in the template" in told


def test_gates_learned_on_other_scales_are_refused() -> None:
    learned = scales_of_axes(
        {
            "t1": {
                "transforms": {
                    "CD3": Transform("logicle", t=4194304, w=0.7).to_dict(),
                    "Time": Transform("linear", t=1).to_dict(),
                }
            }
        }
    )
    same = TransformSettings(markers={"CD3": Scale(kind="logicle", w=0.7)})
    refuse_other_scales(same, ROLES, learned, "gates.parquet")
    with pytest.raises(SettingsError) as caught:
        refuse_other_scales(TransformSettings(), ROLES, learned, "gates.parquet")
    told = str(caught.value)
    assert "marker 'CD3', its gates were learned on logicle: t 4.1943e+06, w 0.7" in told
    assert "drawn on logicle: t 4.1943e+06, w 0.5" in told
    assert "Time" not in told
    # a top that the template has been given since the gates were learned
    other_top = TransformSettings(markers={"CD3": Scale(kind="logicle", w=0.7, t=262144)})
    with pytest.raises(SettingsError, match=r"drawn on logicle: t 262144, w 0\.7"):
        refuse_other_scales(other_top, ROLES, learned, "gates.parquet")
