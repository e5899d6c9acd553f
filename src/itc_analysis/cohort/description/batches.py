"""Who was stained in which batch, people and bridge controls, from the sheets as they are written.

Light enough for the Snakefile: no pandas. Eligibility is not looked at: who was stained in a batch
could have been compared, and a corrected age must not regate the cohort.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from itc_analysis.cohort.listing import read_mappings, read_rows, read_variables
from itc_analysis.config.sections import CheckedStudy


def list_bridge_samples(study: CheckedStudy) -> set[str]:
    """Return the sample_ids of the bridge controls.

    Raises
    ------
    SheetError
        every fault of the sheet.
    """
    mapping = read_mappings(study).get("samples")
    rows = read_rows(study.samples, "SampleSheet", mapping, read_variables(study))
    return {str(row["sample_id"]) for row in rows if row["sample_type"] == "bridge_control"}


def count_people(study: CheckedStudy, tubes: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return how many people of each group were stained in each batch.

    Parameters
    ----------
    tubes : iterable of mapping of str to object
        rows of the tube sheet of one panel.

    Returns
    -------
    list of dict of str to object
        ``{"batch", "group", "n_people"}``, sorted; pairs without people are left out.

    Raises
    ------
    SheetError
        every fault of a sheet.
    """
    mappings, variables = read_mappings(study), read_variables(study)
    samples = read_rows(study.samples, "SampleSheet", mappings.get("samples"), variables)
    people = read_rows(
        study.participants, "ParticipantSheet", mappings.get("participants"), variables
    )
    person_of = {row["sample_id"]: row["participant_id"] for row in samples}
    group_of = {row["participant_id"]: row["group"] for row in people}
    stained = {
        (str(row["batch"]), person_of.get(row["sample_id"]))
        for row in tubes
        if row["tube"] == "stained"
    }
    counts = Counter(
        (batch, str(group_of[person])) for batch, person in stained if person in group_of
    )
    return [
        {"batch": batch, "group": group, "n_people": n}
        for (batch, group), n in sorted(counts.items())
    ]
