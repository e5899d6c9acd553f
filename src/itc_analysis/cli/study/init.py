"""Start a study: write its settings, empty sheets, panels, gating templates and signatures.

The folder gets a config/ folder with a README that says which file holds what. Files that are
there already are never overwritten.
"""

from __future__ import annotations

import argparse
from pathlib import Path

RESOURCES = Path(__file__).resolve().parents[2] / "resources"
#: Resources that a study starts from, by their place in the study's config folder.
STARTING_POINTS = ("signatures.tsv", "analysis_plan.yaml", "panels/*.tsv", "gating/*.yaml")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("folder", nargs="?", default=".", help="folder of the study (default: .)")
    parser.add_argument(
        "--from-panels",
        action="store_true",
        help="in a study whose sheets, panels and gating templates are filled: propose an analysis "
        "plan for the populations and markers that they measure",
    )
    parser.add_argument(
        "--docs",
        action="store_true",
        help="for developers, in the source folder: rewrite the files generated from the classes "
        "(config.yaml, its schema, docs/settings.md, docs/data-model.md, columns)",
    )


def run(options: argparse.Namespace) -> None:
    """Write the skeleton, or the generated files of the source folder."""
    folder = Path(options.folder)
    if options.docs:
        for path in rewrite_generated(folder):
            print(f"written: {path}")
        return
    if options.from_panels:
        from itc_analysis.checking.proposal import write_proposal

        shipped = (RESOURCES / "analysis_plan.yaml").read_text(encoding="utf-8")
        print(f"written: {write_proposal(folder, shipped=shipped)}")
        print("Read it and decide; then: itc check --config config/config.yaml --headers")
        return
    for path in write_skeleton(folder):
        print(f"written: {path}")
    print(
        "Fill the sheets in config/ (config/README.md says how), then: "
        "itc check --config config/config.yaml"
    )


def write_skeleton(folder: Path) -> list[str]:
    """Write the files of a new study into `folder`; returns their paths below it.

    Raises
    ------
    ItcError
        one of the files is already there; nothing is written then.
    """
    from itc_analysis.errors import Fault, ItcError

    files = skeleton_files()
    present = [path for path in files if (folder / path).exists()]
    if present:
        faults = [
            Fault(path, "is already there", "move it away or name another folder")
            for path in present
        ]
        raise ItcError(str(folder), faults)
    for path, text in files.items():
        _write(folder / path, text)
    return list(files)


def skeleton_files() -> dict[str, str]:
    """Return the text of every file of a new study by its path."""
    from itc_analysis import documentation
    from itc_analysis.tables.cohort import sheets
    from itc_analysis.tables.cohort.classification import ClassificationSheet
    from itc_analysis.tables.cohort.column_mapping import ColumnMappingSheet
    from itc_analysis.tables.cohort.variables import VariableSheet

    files = {
        "config/README.md": documentation.CONFIG_README.read_text(encoding="utf-8"),
        "config/config.yaml": documentation.settings_yaml(),
        "config/config.schema.json": documentation.settings_schema(),
        "config/columns.md": documentation.columns_page(),
        "config/participants.tsv": documentation.template(sheets.ParticipantSheet),
        "config/samples.tsv": documentation.template(sheets.SampleSheet),
        "config/fcs_files.tsv": documentation.template(sheets.TubeSheet),
        "config/libraries.tsv": documentation.template(sheets.LibrarySheet),
        "config/decisions.tsv": documentation.template(sheets.DecisionSheet),
        "config/classification.tsv": documentation.template(ClassificationSheet),
        "config/variables.tsv": documentation.template(VariableSheet),
        "config/column_mapping.tsv": documentation.template(ColumnMappingSheet),
    }
    for pattern in STARTING_POINTS:
        for source in sorted(RESOURCES.glob(pattern)):
            place = f"config/{source.relative_to(RESOURCES).as_posix()}"
            files[place] = source.read_text(encoding="utf-8")
    return files


def rewrite_generated(folder: Path) -> list[str]:
    """Rewrite the generated files of the source folder; returns those that changed.

    Raises
    ------
    ItcError
        `folder` is not the source folder, where config.yaml may be somebody's settings.
    """
    from itc_analysis import documentation
    from itc_analysis.errors import ItcError

    if not (folder / "src" / "itc_analysis").is_dir():
        raise ItcError(
            str(folder),
            "this is not the source folder of itc_analysis; leave out --settings to start a study",
        )
    changed = []
    for path, generate in documentation.generated_files().items():
        text = generate()
        target = folder / path
        if not target.exists() or target.read_text(encoding="utf-8") != text:
            _write(target, text)
            changed.append(path)
    return changed


def _write(path: Path, text: str) -> None:
    from itc_analysis.whole_files import write_text

    write_text(path, text)
