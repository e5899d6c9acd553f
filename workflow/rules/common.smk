# What the rules ask of the sheets.


def study_sheets():
    """Sheets that the check reads; those a study does not have are left out."""
    sheets = [STUDY.participants, STUDY.samples, STUDY.fcs_files, STUDY.libraries, STUDY.decisions]
    return [sheet for sheet in sheets if sheet]


def panels():
    return sorted({row["panel"] for row in TUBES})


def batches_of_panel(panel):
    return sorted({row["batch"] for row in TUBES if row["panel"] == panel})


def per_flow_job(path):
    """One path per panel and staining batch; an empty list for a study without flow cytometry."""
    return [path(panel, batch) for panel in panels() for batch in batches_of_panel(panel)]


def per_library_job(path):
    """One path per library batch; an empty list for a study without single-cell data."""
    return [path(batch) for batch in sorted({row["batch"] for row in LIBRARIES})]
