# What the rules ask of the sheets.


# Settings and rows of sheets that jobs read. Rows hold the paths of data files, which a hospital names after
# people: they lie in Snakemake's own folder, and are no result.
FROZEN = ".snakemake/itc_settings"


def settings_of(rule):
    """The settings that a rule's command reads, frozen."""
    return freeze_step(SETTINGS, rule, FROZEN)


def sources(*files):
    """A parameter that changes with the content of the study's own files, whatever their times.

    Files are paths, or what gives some of a job's wildcards. Snakemake keeps no parameter that is made from a job's
    inputs, and so would not notice that this one changed.
    """

    def of(wildcards):
        found = [file(wildcards) if callable(file) else file for file in files]
        return contents(
            path for one in found for path in ([one] if isinstance(one, str) else one)
        )

    return of


# Columns of the tube sheet that gating does not read: a corrected number of beads regates nothing.
NOT_GATED_BY = (
    *("beads_per_tube", "bead_lot", "blood_volume_ul", "dilution"),
    *("culture_hours", "recovered_share"),
)


def with_content(rows):
    """What gating reads of rows of tubes, with the digest of each file, which a job compares with what it finds."""
    return [
        {name: value for name, value in row.items() if name not in NOT_GATED_BY}
        | {"content": contents([row["path"]])}
        for row in rows
    ]


def files_of_study():
    """Every file that the study is made from, once: samples of a pool share theirs."""
    named = list_inputs(STUDY, SETTINGS.flow).values()
    return list(dict.fromkeys(str(path) for path in named))


def study_sheets():
    """Sheets that the check reads; those a study does not have are left out."""
    sheets = [
        STUDY.participants,
        STUDY.samples,
        STUDY.fcs_files,
        STUDY.libraries,
        STUDY.decisions,
        STUDY.classification,
        STUDY.variables,
        STUDY.column_mapping,
    ]
    return [sheet for sheet in sheets if sheet]


def locks_of_plan():
    """The lock of the analysis plan; none where nobody locked it."""
    lock = lock_path(STUDY.analysis_plan)
    return [lock.as_posix()] if lock.exists() else []


# rows of the tube sheet by panel and batch: thousands of tubes are asked for by hundreds of jobs
TUBES_OF = {}
for row in TUBES:
    TUBES_OF.setdefault((row["panel"], row["batch"]), []).append(row)


def panels():
    return sorted({panel for panel, _ in TUBES_OF})


def batches_of_panel(panel):
    return sorted({batch for other, batch in TUBES_OF if other == panel})


def per_flow_job(path):
    """One path per panel and staining batch; an empty list for a study without flow cytometry."""
    return [
        path(panel, batch) for panel in panels() for batch in batches_of_panel(panel)
    ]


def per_batch(path, panel):
    """One path per staining batch of a panel."""
    return [path(panel, batch) for batch in batches_of_panel(panel)]


def option(name, value):
    """An option of a command, quoted for the shell; nothing without a value."""
    return f"--{name} {shlex.quote(str(value))}" if value else ""


def overview_note():
    """What stands on every overview page: simulated data must say so wherever they are shown."""
    if STUDY.simulated is None:
        return ""
    note = f"SIMULATED DATA ({STUDY.simulated}): nothing here was measured in people."
    return option("note", note)


def per_library_job(path):
    """One path per library batch; an empty list for a study without single-cell data."""
    return [path(batch) for batch in sorted({row["batch"] for row in LIBRARIES})]


def every(file):
    """All files of a kind that this study has."""
    path = getattr(AT, file.name)
    if file.made_by == "learn_alignment" and not SETTINGS.flow.align:
        return []
    if file.only_grown:
        return [path(panel) for panel in grown_panels()]
    if file.wildcards == ("panel", "batch"):
        return per_flow_job(path)
    if file.wildcards == ("panel",):
        return per_panel(path)
    if file.wildcards == ("batch",):
        return per_library_job(path)
    return [path]


def report_inputs():
    """Every file that the report shows, quotes or links."""
    return [path for file in FILES if file.in_report for path in every(file)]


def tubes_of(wildcards):
    return TUBES_OF[wildcards.panel, wildcards.batch]


def fcs_of(wildcards):
    return [row["path"] for row in tubes_of(wildcards)]


def matrices_for(rows):
    """The study's own compensation matrices of these tubes; none is the usual case."""
    folder = SETTINGS.flow.matrices_folder
    if folder is not None and not Path(folder).is_dir():
        raise WorkflowError(
            f"flow.matrices_folder: no folder '{folder}'; make it, or set null"
        )
    return [str(path) for path in matrices_of_tubes(folder, rows)]


def panel_files(wildcards):
    """What people wrote about a panel."""
    return [
        f"{STUDY.panels_folder}/{wildcards.panel}.tsv",
        f"{STUDY.gating_folder}/{wildcards.panel}.yaml",
    ]


def matrices_of(wildcards):
    return matrices_for(tubes_of(wildcards))


def spreading_files():
    """Spreading matrices beside the study's own compensation matrices, for the report."""
    found = map(spreading_file, matrices_for(TUBES))
    return [str(path) for path in found if path.exists()]


def scale_tubes(wildcards):
    """Tubes that the panel's scales are learned on."""
    rows = [row for row in TUBES if row["panel"] == wildcards.panel]
    return choose_tubes(rows, stimulated=SETTINGS.function.controls)


def frozen_scale_tubes(wildcards):
    rows = with_content(scale_tubes(wildcards))
    return freeze(rows, FROZEN, f"scale-tubes-{wildcards.panel}")


def bridge_tubes(wildcards):
    """Stained tubes of the bridge control, of all batches of a panel; none that was stimulated."""
    bridge = list_bridge_samples(STUDY)
    return [
        row
        for row in TUBES
        if row["panel"] == wildcards.panel
        and row["tube"] == "stained"
        and row["sample_id"] in bridge
        and not is_of(row, SETTINGS.function.controls)
    ]


def frozen_bridge_tubes(wildcards):
    rows = with_content(bridge_tubes(wildcards))
    return freeze(rows, FROZEN, f"bridge-tubes-{wildcards.panel}")


def frozen_people(wildcards):
    """How many people of each group were stained in each batch of a panel."""
    rows = [row for row in TUBES if row["panel"] == wildcards.panel]
    name = f"people-{wildcards.panel}"
    return freeze(count_people(STUDY, rows), FROZEN, name)


def landmarks_of(wildcards):
    """What events are aligned with; nothing unless the settings ask for it."""
    return [AT.landmarks(wildcards.panel)] if SETTINGS.flow.align else []


def landmarks_option(wildcards, input):
    return option("landmarks", input.landmarks)


def per_panel(path):
    """One path per panel; an empty list for a study without flow cytometry."""
    return [path(panel) for panel in panels()]


def frozen_tubes(wildcards):
    name = f"tubes-{wildcards.panel}-{wildcards.batch}"
    return freeze(with_content(tubes_of(wildcards)), FROZEN, name)


def frozen_corrections(wildcards):
    """Gates of a batch that a reviewer corrected: they count its tubes again, and no others."""
    ids = {row["file_id"] for row in tubes_of(wildcards)}
    rows = [
        row for row in REVIEWS if row["decision"] == "correct" and row["tube"] in ids
    ]
    if not rows:
        return ""
    name = f"review-{wildcards.panel}-{wildcards.batch}"
    return option("review", freeze(rows, FROZEN, name))


def manual_of(wildcards):
    """Gates that a person drew for the panel; none is the usual case."""
    if STUDY.manual_gates is None:
        return []
    if not Path(STUDY.manual_gates).is_dir():
        raise WorkflowError(
            f"study.manual_gates: no folder '{STUDY.manual_gates}'; make it, or set null"
        )
    folder = Path(STUDY.manual_gates) / wildcards.panel
    return [str(path) for path in manual_files(folder)] if folder.is_dir() else []


def by_hand_option(wildcards):
    """What people decided, to be compared with the lock; without one it decides nothing."""
    if not locks_of_plan():
        return ""
    return option("by-hand", freeze(decided_by_hand(STUDY), FROZEN, "by-hand"))


def manual_option(wildcards):
    """Gates that a person drew, and the tubes whose files a workspace names."""
    manual = manual_of(wildcards)
    if not manual:
        return ""
    rows = [row for row in TUBES if row["panel"] == wildcards.panel]
    tubes = freeze(with_content(rows), FROZEN, f"panel-tubes-{wildcards.panel}")
    return f"{option('manual', Path(manual[0]).parent)} {option('tubes', tubes)}"


# one library under two people: neither is used, as with tubes
COPIED = copied_libraries(LIBRARIES)


def libraries_of(wildcards):
    return [row for row in LIBRARIES if row["batch"] == wildcards.batch]


def library_files(wildcards):
    return paths_of_libraries(libraries_of(wildcards))


def frozen_libraries(wildcards):
    rows = [
        {
            **row,
            "content": contents(paths_of_libraries([row])),
            **(
                {"copied": COPIED[row["library_id"]]}
                if row["library_id"] in COPIED
                else {}
            ),
        }
        for row in libraries_of(wildcards)
    ]
    return freeze(rows, FROZEN, f"libraries-{wildcards.batch}")
