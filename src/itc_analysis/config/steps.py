"""Which settings each step reads: a class per command, made of parts of the sections.

A step is given a file with these settings and no others, named by its content, so that an edited
setting reruns exactly the steps that read it. What a class lacks its command cannot read: the
attribute is not there.
"""

from __future__ import annotations

from itc_analysis.config import sections
from itc_analysis.config.sections import Section


class ShownFlow(sections.DetectionLimits, sections.Matrices, sections.AlignmentChoice):
    """What the report says about gating."""


class CheckSettings(Section):
    """Read by `itc check`."""

    study: sections.CheckedStudy = sections.CheckedStudy()
    cohort: sections.CheckedCohort = sections.CheckedCohort()
    function: sections.Conditions = sections.Conditions()


class LearnScalesSettings(Section):
    """Read by `itc learn-scales`."""

    flow: sections.TubeReading = sections.TubeReading()


class LearnAlignmentSettings(Section):
    """Read by `itc learn-alignment`, which learns and applies gates before and after."""

    flow: sections.Alignment = sections.Alignment()


class FitGatesSettings(Section):
    """Read by `itc fit-gates`."""

    flow: sections.GateFitting = sections.GateFitting()
    function: sections.Conditions = sections.Conditions()


class PoolGatesSettings(Section):
    """Read by `itc pool-gates`."""

    flow: sections.GatePooling = sections.GatePooling()


class ApplyGatesSettings(Section):
    """Read by `itc apply-gates`."""

    flow: sections.Counting = sections.Counting()


class AnnotateSettings(Section):
    """Read by `itc annotate`."""

    singlecell: sections.CellCalling = sections.CellCalling()


class ScoreSettings(Section):
    """Read by `itc score`."""

    scores: sections.Scores = sections.Scores()
    singlecell: sections.PseudobulkLimit = sections.PseudobulkLimit()
    cohort: sections.HealthyGroup = sections.HealthyGroup()
    function: sections.RestingCondition = sections.RestingCondition()


class RespondSettings(Section):
    """Read by `itc respond`."""

    function: sections.Function = sections.Function()


class MeasureSettings(Section):
    """Read by `itc measure`."""

    measure: sections.Measure = sections.Measure()
    function: sections.RestingCondition = sections.RestingCondition()
    cohort: sections.GroupNames = sections.GroupNames()


class LabelSettings(Section):
    """Read by `itc label`."""

    scores: sections.LabelReference = sections.LabelReference()
    cohort: sections.HealthyGroup = sections.HealthyGroup()


class PlanChangesSettings(Section):
    """Read by `itc plan-changes`: everything that decides what a planned number means."""

    cohort: sections.Cohort = sections.Cohort()
    flow: sections.Flow = sections.Flow()
    singlecell: sections.SingleCell = sections.SingleCell()
    scores: sections.Scores = sections.Scores()
    measure: sections.Measure = sections.Measure()
    function: sections.Function = sections.Function()
    stats: sections.Stats = sections.Stats()


class CompareSettings(Section):
    """Read by `itc compare`."""

    stats: sections.Stats = sections.Stats()
    cohort: sections.Groups = sections.Groups()


class PowerSettings(Section):
    """Read by `itc power`, which is no step of the workflow."""

    stats: sections.Stats = sections.Stats()
    cohort: sections.ShownCohort = sections.ShownCohort()


class CompareGenesSettings(Section):
    """Read by `itc compare-genes`."""

    stats: sections.Comparable = sections.Comparable()
    singlecell: sections.PseudobulkLimit = sections.PseudobulkLimit()
    cohort: sections.Groups = sections.Groups()


class ReportSettings(Section):
    """Read by `itc report`."""

    study: sections.Label = sections.Label()
    cohort: sections.ShownCohort = sections.ShownCohort()
    flow: ShownFlow = ShownFlow()
    singlecell: sections.CallThreshold = sections.CallThreshold()
    scores: sections.ScoreReference = sections.ScoreReference()
    function: sections.Conditions = sections.Conditions()
    stats: sections.ComparisonLevel = sections.ComparisonLevel()
    report: sections.Report = sections.Report()


#: What each rule of the workflow hands to its command. Overview pages read no setting.
STEPS: dict[str, type[Section]] = {
    "check": CheckSettings,
    "learn_scales": LearnScalesSettings,
    "learn_alignment": LearnAlignmentSettings,
    "fit_gates": FitGatesSettings,
    "pool_gates": PoolGatesSettings,
    "apply_gates": ApplyGatesSettings,
    "annotate": AnnotateSettings,
    "score": ScoreSettings,
    "respond": RespondSettings,
    "measure": MeasureSettings,
    "label": LabelSettings,
    "plan_changes": PlanChangesSettings,
    "compare": CompareSettings,
    "compare_genes": CompareGenesSettings,
    "report": ReportSettings,
}
