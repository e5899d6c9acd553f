"""The `itc` command: one module per verb, its docstring is the help.

A fault of the input prints where, what and what to do, and exits with 2; anything else keeps its
traceback. Verb modules import their room inside `run`, so that `itc --help` stays instant.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import logging
import os
import re
import select
import sys
from collections.abc import Sequence
from typing import NoReturn, TextIO

from itc_analysis.cli.examples import EXAMPLES
from itc_analysis.cli.progress import breaking_silence
from itc_analysis.cli.threads import ONE_THREAD
from itc_analysis.errors import ItcError, did_you_mean
from itc_analysis.runs.privacy import private_files
from itc_analysis.version import __version__

#: The verbs by wing, a folder each; in the order in which a study walks through them.
WINGS = {
    "study": (
        "init",
        "check",
        "panel",
        "template",
        "spillover",
        "deidentify",
        "simulate",
        "power",
    ),
    "plan": ("lock-plan", "plan-changes", "blind"),
    "gating": (
        "learn-scales",
        "learn-alignment",
        "fit-gates",
        "pool-gates",
        "apply-gates",
        "concordance",
        "overview",
        "review",
    ),
    "numbers": ("annotate", "score", "respond", "measure", "label", "compare", "compare-genes"),
    "results": (
        "report",
        "figures",
        "manifest",
        "status",
        "trace",
        "verify",
        "freeze",
        "completion",
        "unlock",
    ),
}
VERBS = tuple(verb for verbs in WINGS.values() for verb in verbs)

#: Garbage is looked for after so many new objects: imported modules are none, and looking for it
#: while they come in costs a twentieth of a command's start.
_FEWEST_OBJECTS = 100_000


class _Parser(argparse.ArgumentParser):
    """A parser whose refusals say what to type instead."""

    def error(self, message: str) -> NoReturn:
        """Print the usage, what is wrong and an example, and exit with 2."""
        wrong = re.match(r"argument VERB: invalid choice: '(.*?)' \(", message)
        if wrong:
            close = did_you_mean(wrong[1], VERBS)
            offered = close if close.endswith("?") else "see itc --help"
            message = f"there is no verb '{wrong[1]}'; {offered}"
        elif message.endswith("arguments are required: VERB"):
            message = "name a verb; itc --help lists them"
        super().error(f"{message}\n{self.epilog}" if self.epilog else message)


def module_of(verb: str) -> str:
    """Return the module of a verb."""
    wing = next(name for name, verbs in WINGS.items() if verb in verbs)
    return f"itc_analysis.cli.{wing}.{verb.replace('-', '_')}"


def build_parser() -> argparse.ArgumentParser:
    """Return the parser with all verbs."""
    parser = _Parser(prog="itc", description="Innate T cells in cohorts.")
    parser.add_argument("--version", action="version", version=f"itc_analysis {__version__}")
    parser.add_argument("-v", "--verbose", action="store_true", help="say more while working")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for verb in VERBS:
        module = importlib.import_module(module_of(verb))
        text = (module.__doc__ or "").strip()
        sub = verbs.add_parser(
            verb,
            help=text.splitlines()[0].rstrip(".") if text else "",
            description=text,
            epilog=f"example:\n  {EXAMPLES[verb]}" if verb in EXAMPLES else None,
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(sub)
        sub.set_defaults(run=module.run)
    return parser


def parser_of_verb(verb: str) -> argparse.ArgumentParser:
    """Return a parser with the options of one verb."""
    parser = argparse.ArgumentParser(prog=f"itc {verb}")
    importlib.import_module(module_of(verb)).add_arguments(parser)
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `itc`; returns the exit status."""
    gc.set_threshold(_FEWEST_OBJECTS)
    os.environ.update(ONE_THREAD)  # before numpy is imported
    options = build_parser().parse_args(arguments)
    logging.basicConfig(
        level=logging.DEBUG if options.verbose else logging.INFO,
        format="%(message)s",
        stream=sys.stderr,
    )
    if not options.verbose:
        logging.getLogger().setLevel(logging.WARNING)
        logging.getLogger("itc_analysis").setLevel(logging.INFO)
    try:
        with private_files(), breaking_silence(options.verb):
            options.run(options)
            sys.stdout.flush()
    except BrokenPipeError:
        if not _has_no_reader(sys.stdout):
            raise
    except ItcError as error:
        print(f"itc {options.verb}: {error.told(every_name=options.verbose)}", file=sys.stderr)
        return 2
    return 0


def _has_no_reader(stream: TextIO) -> bool:
    """Return whether the reader of a pipe has gone, as `| head` does; what is left is dropped."""
    pipe = select.poll()
    pipe.register(stream.fileno(), select.POLLOUT)
    if not any(state & select.POLLERR for _, state in pipe.poll(0)):
        return False
    # Python flushes once more when it ends
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
    return True
