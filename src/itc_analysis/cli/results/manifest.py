"""Write the SHA-256 of every input and every result of a finished run, and an RO-Crate.

The last step of the workflow. manifest.json is what `itc verify` compares with;
ro-crate-metadata.json describes the results folder by the profile of workflow runs. The same study
gives the same bytes.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterable
from pathlib import Path


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("--config", required=True, help="config.yaml, or all settings, frozen")
    parser.add_argument("--results", required=True, help="results folder of a finished run")
    parser.add_argument("--snakefile", required=True, help="the workflow, copied into the results")
    parser.add_argument(
        "--content",
        help="digest of the inputs when the run began; with others there is no manifest",
    )


def run(options: argparse.Namespace) -> None:
    """Hash and write."""
    import shutil

    from itc_analysis.cli.progress import watched
    from itc_analysis.config.frozen import read_settings
    from itc_analysis.config.sections import Settings
    from itc_analysis.stats.plan.lock import lock_path, read_lock
    from itc_analysis.tracing import crate
    from itc_analysis.tracing.inputs import list_inputs
    from itc_analysis.tracing.manifest import MANIFEST, make_manifest, result_files, to_text
    from itc_analysis.version import __version__
    from itc_analysis.whole_files import write_bytes, write_text

    settings = read_settings(options.config, Settings)
    results = Path(options.results)
    for old in (MANIFEST, crate.CRATE):
        (results / old).unlink(missing_ok=True)
    shutil.rmtree(results / crate.WORKFLOW, ignore_errors=True)
    source = Path(options.snakefile).parent
    for path in [Path(options.snakefile), *sorted(source.glob("rules/*.smk"))]:
        copy = results / crate.WORKFLOW / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        write_bytes(copy, path.read_bytes())
    inputs = list_inputs(settings.study, settings.flow)
    refuse_changed = _watch(inputs.values(), options.content, str(results / MANIFEST))
    plain = settings.model_dump(mode="json")
    manifest = make_manifest(inputs, results, settings=plain, software=__version__, watch=watched)
    refuse_changed()
    lock = lock_path(settings.study.analysis_plan)
    made = {
        name: (manifest["results"][name], path.stat().st_size)
        for name, path in result_files(results).items()
    }
    text = crate.make_crate(
        manifest["inputs"],
        made,
        name=settings.study.name,
        simulated=settings.study.simulated,
        date=read_lock(lock).date if lock.exists() else _day_of_newest(inputs.values()),
        software=__version__,
    )
    write_text(results / crate.CRATE, text)
    manifest["results"][crate.CRATE] = _digest(text)
    write_text(results / MANIFEST, to_text(manifest))
    print(f"{len(manifest['inputs'])} inputs, {len(manifest['results'])} results")


def _watch(paths: Iterable[Path], content: str | None, manifest: str) -> Callable[[], None]:
    """Refuse inputs that are not those of the run; return what refuses them later.

    The results are those of the inputs that the run began with: the manifest holds no digest of
    any others, not of a file either that was another one only while its digest was made.
    """
    from itc_analysis.errors import ItcError
    from itc_analysis.runs.contents import contents

    files = list(dict.fromkeys(paths))  # samples of a pool share theirs

    def stamps() -> list[tuple[int, int, int, int] | None]:
        found = [path.stat() if path.exists() else None for path in files]
        return [f and (f.st_size, f.st_mtime_ns, f.st_ctime_ns, f.st_ino) for f in found]

    def refuse() -> None:
        is_same = content is None or contents(files) == content
        if not is_same or stamps() != before:
            what = "not written: inputs changed after the run began; run the workflow again"
            raise ItcError(manifest, what)

    before = stamps()
    refuse()
    return refuse


def _day_of_newest(files: Iterable[Path]) -> str:
    """Return the day on which an input last changed: the same for the same study, at any time."""
    from datetime import UTC, datetime

    newest = max((path.stat().st_mtime for path in files), default=0.0)
    return datetime.fromtimestamp(newest, tz=UTC).date().isoformat()


def _digest(text: str) -> str:
    import hashlib

    return hashlib.sha256(text.encode()).hexdigest()
