# What the rules ask of the sheets.


def study_sheets():
    """Sheets that the check reads; those a study does not have are left out."""
    sheets = [
        STUDY.participants,
        STUDY.samples,
        STUDY.fcs_files,
        STUDY.libraries,
        STUDY.decisions,
        STUDY.classification,
        STUDY.column_mapping,
    ]
    return [sheet for sheet in sheets if sheet]


def panels():
    return sorted({row["panel"] for row in TUBES})


def batches_of_panel(panel):
    return sorted({row["batch"] for row in TUBES if row["panel"] == panel})


def per_flow_job(path):
    """One path per panel and staining batch; an empty list for a study without flow cytometry."""
    return [
        path(panel, batch) for panel in panels() for batch in batches_of_panel(panel)
    ]


def per_library_job(path):
    """One path per library batch; an empty list for a study without single-cell data."""
    return [path(batch) for batch in sorted({row["batch"] for row in LIBRARIES})]


def tubes_of(wildcards):
    return [
        row
        for row in TUBES
        if row["panel"] == wildcards.panel and row["batch"] == wildcards.batch
    ]


def fcs_of(wildcards):
    return [row["path"] for row in tubes_of(wildcards)]


def frozen_tubes(wildcards):
    name = f"tubes-{wildcards.panel}-{wildcards.batch}"
    return freeze(tubes_of(wildcards), AT.settings, name)


def manual_of(wildcards):
    """Gates that a person drew for the panel; none is the usual case."""
    if STUDY.manual_gates is None:
        return []
    if not Path(STUDY.manual_gates).is_dir():
        raise WorkflowError(
            f"study.manual_gates: no folder '{STUDY.manual_gates}'; make it, or set null"
        )
    folder = Path(STUDY.manual_gates) / wildcards.panel
    return sorted(str(p) for kind in ("*.xml", "*.wsp") for p in folder.glob(kind))


def libraries_of(wildcards):
    return [row for row in LIBRARIES if row["batch"] == wildcards.batch]


def library_files(wildcards):
    rows = libraries_of(wildcards)
    return [
        row[column]
        for row in rows
        for column in ("path", "contigs_path")
        if row[column]
    ]


def frozen_libraries(wildcards):
    return freeze(libraries_of(wildcards), AT.settings, f"libraries-{wildcards.batch}")
