from __future__ import annotations

import pytest
import yaml

from itc_analysis.errors import SettingsError
from itc_analysis.stats.plan.associations import Variable, levels_of
from itc_analysis.stats.plan.columns import sheet_columns
from itc_analysis.stats.plan.plan import read_plan

ENDPOINTS = [{"assay": "flow", "populations": ["mait"], "measures": ["share_of_t"]}]


@pytest.fixture
def default_plan(root):
    return root / "src/itc_analysis/resources/analysis_plan.yaml"


def faults(default_plan, tmp_path, **sections):
    """What read_plan says of the default plan with other sections."""
    data = yaml.safe_load(default_plan.read_text(encoding="utf-8")) | sections
    path = tmp_path / "plan.yaml"
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    with pytest.raises(SettingsError) as caught:
        read_plan(path)
    return str(caught.value)


def family(*variables, **changes):
    plain = {
        "name": "within",
        "covariates": None,
        "variables": list(variables),
        "endpoints": ENDPOINTS,
    }
    return plain | changes


def composition(**changes):
    plain = {
        "name": "T",
        "assay": "flow",
        "parts": ["mait", "inkt"],
        "reference": "cd4_t_cells",
        "contrasts": ["healthy"],
    }
    return plain | changes


def test_default_plan_asks_for_the_clinical_variables_of_the_trial(default_plan):
    plan = read_plan(default_plan)
    (within,) = plan.associations
    assert within.role == "exploratory"
    assert within.adjustment == "bh"
    names = {variable.name for variable in within.variables}
    assert names >= {
        *("mrss", "disease_duration_years", "ssc_subset", "ild", "fvc_percent", "dlco_percent"),
        *("anticentromere", "antitopoisomerase", "anti_rnap3", "capillaroscopy", "crp_mg_per_l"),
        "immunosuppressant_3_months",
    }
    (whole,) = plan.compositions
    assert whole.reference not in whole.parts
    assert plan.modalities.populations == ("mait", "inkt", "gd_t_cells", "innate_cd8")


def test_levels_begin_with_the_reference():
    subset = Variable(name="ssc_subset", reference="dcSSc")
    columns = sheet_columns()
    assert levels_of(subset, columns) == ("dcSSc", "lcSSc", "sine", "early")
    assert levels_of(Variable(name="ild"), columns) == ("no", "yes")
    assert levels_of(Variable(name="mrss"), columns) == ()


@pytest.mark.parametrize(
    ("variable", "said"),
    [
        ({"name": "mrs"}, "did you mean 'mrss'"),
        ({"name": "batch"}, "it is no column of the participants' sheet"),
        ({"name": "mrss", "reference": "low"}, "a number has no reference category"),
        ({"name": "crp_mg_per_l", "scale": "log2", "per": 2}, "log2 means per doubling"),
        ({"name": "ild", "reference": "yes"}, "yes/no is always yes against no"),
        ({"name": "ild", "per": 1}, "`per` and `scale` are for numbers"),
        ({"name": "ssc_subset"}, "categories need a reference; one of lcSSc"),
        ({"name": "ssc_subset", "reference": "lcSSC"}, "did you mean 'lcSSc'"),
        ({"name": "mrss", "per": 0}, "greater than 0"),
    ],
)
def test_a_variable_that_cannot_be_used_is_told(default_plan, tmp_path, variable, said):
    text = faults(default_plan, tmp_path, associations=[family(variable)])
    assert said in text


def test_all_faults_of_all_sections_are_told_at_once(default_plan, tmp_path):
    text = faults(
        default_plan,
        tmp_path,
        associations=[
            family({"name": "mrss"}, {"name": "mrss"}, covariates="age_year"),
            family({"name": "ild"}, name="primary"),
        ],
        compositions=[
            composition(parts=["mait"]),
            composition(name="U", parts=["mait", "mait"], reference="mait"),
        ],
    )
    assert "6 faults" in text
    assert "did you mean 'age_years'" in text
    assert "mrss and flow mait share_of_t - are already in 'within'" in text
    assert "name 'primary' is used twice" in text
    assert "one part is no composition" in text
    assert "part 'mait' is named twice" in text
    assert "the reference 'mait' is one of the parts" in text


def test_a_feature_that_does_not_fit_is_told(default_plan, tmp_path):
    endpoints = [ENDPOINTS[0] | {"measures": ["score"]}]
    text = faults(
        default_plan, tmp_path, associations=[family({"name": "ild"}, endpoints=endpoints)]
    )
    assert "measure 'score' needs features" in text


def test_a_plan_without_these_sections_is_as_good(default_plan, tmp_path):
    data = yaml.safe_load(default_plan.read_text(encoding="utf-8"))
    for section in ("associations", "compositions", "modalities"):
        del data[section]
    path = tmp_path / "plan.yaml"
    path.write_text(yaml.safe_dump(data), encoding="utf-8")
    plan = read_plan(path)
    assert (plan.associations, plan.compositions, plan.modalities) == ((), (), None)
