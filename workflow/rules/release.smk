# A frozen release (`itc freeze`): its panels learn nothing again. Their scales and gates are copied to where the
# rules read them; what runs again is decided by their content, as of any input.


def is_frozen(panel):
    return RELEASE is not None and panel in RELEASE.panels


def learned_panels():
    """Panels whose scales and gates are learned on all their tubes: all, without a release."""
    return [panel for panel in panels() if not is_frozen(panel)]


def grown_panels():
    """Frozen panels with tubes that came after the release."""
    return sorted({row["panel"] for row in LATER})


def one_of(names):
    """A regular expression of these names; it matches nothing where there are none."""
    return "|".join(map(re.escape, names)) or "(?!)"


def files_to_take_over():
    """Files of record that the results lack, or hold otherwise: where they do hold them, nothing need run again."""
    if RELEASE is None:
        return []
    # identities are made again together with those of later tubes
    grown = {AT.identity(panel) for panel in grown_panels()}
    missing = RELEASE.missing_in(STUDY.results_folder)
    return [name for name in missing if f"{STUDY.results_folder}/{name}" not in grown]


def gates_of(wildcards):
    """The gates of a batch: those of the release where all its tubes are, else pooled with the later ones."""
    panel, batch = wildcards.panel, wildcards.batch
    has_grown = any(row["panel"] == panel and row["batch"] == batch for row in LATER)
    return AT.added_gates(panel) if has_grown else AT.pooled_gates(panel)


def frozen_gates(wildcards):
    """Gates and identities of the release, as they were frozen."""
    names = (AT.pooled_gates(wildcards.panel), AT.identity(wildcards.panel))
    return [
        f"{STUDY.frozen_folder}/{Path(name).relative_to(STUDY.results_folder)}"
        for name in names
    ]


def frozen_later_tubes(wildcards):
    rows = [row for row in LATER if row["panel"] == wildcards.panel]
    return freeze(with_content(rows), FROZEN, f"later-tubes-{wildcards.panel}")
