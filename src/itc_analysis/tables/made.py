"""Every table that a step makes: Parquet, one class each, described in the data model.

Missing is null and `status` or `reason` says why; a row is never left out because its number is missing.
"""

from itc_analysis.tables.cohort.decisions import Classification, Disclosure, Queries
from itc_analysis.tables.cohort.participants import Eligibility, Participants, Problems
from itc_analysis.tables.flow.panelwide import AlignmentCheck, Landmarks, ResidualSpill, Scales
from itc_analysis.tables.flow.tubes import (
    Acquisitions,
    Combinations,
    Concordance,
    GateFits,
    Gates,
    Intensity,
    KeptEvents,
    TubeQuality,
    Views,
)
from itc_analysis.tables.measured import Counts, Measurements, ScoreTable
from itc_analysis.tables.singlecell import Cells, LibraryQuality, Pseudobulk, PseudobulkDepth
from itc_analysis.tables.stats.associations import Associations
from itc_analysis.tables.stats.comparisons import Comparisons, Diagnostics, Verdicts
from itc_analysis.tables.stats.compositions import Compositions
from itc_analysis.tables.stats.genes import Genes
from itc_analysis.tables.stats.modalities import Modalities, ModalityAgreement

__all__ = [
    "Acquisitions",
    "AlignmentCheck",
    "Associations",
    "Cells",
    "Classification",
    "Combinations",
    "Comparisons",
    "Compositions",
    "Concordance",
    "Counts",
    "Diagnostics",
    "Disclosure",
    "Eligibility",
    "GateFits",
    "Gates",
    "Genes",
    "Intensity",
    "KeptEvents",
    "Landmarks",
    "LibraryQuality",
    "Measurements",
    "Modalities",
    "ModalityAgreement",
    "Participants",
    "Problems",
    "Pseudobulk",
    "PseudobulkDepth",
    "Queries",
    "ResidualSpill",
    "Scales",
    "ScoreTable",
    "TubeQuality",
    "Verdicts",
    "Views",
]
