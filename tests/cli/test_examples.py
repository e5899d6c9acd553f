"""Every verb has an example that its own parser takes, and completes in a shell."""

from __future__ import annotations

import shlex
import shutil
import subprocess

import pytest

from itc_analysis import cli
from itc_analysis.cli.examples import EXAMPLES
from itc_analysis.cli.progress import watched
from itc_analysis.cli.results.completion import script


def test_every_verb_has_an_example() -> None:
    assert set(EXAMPLES) == set(cli.VERBS)


@pytest.mark.parametrize("verb", cli.VERBS)
def test_an_example_is_a_command_that_the_verb_takes(verb: str) -> None:
    example = EXAMPLES[verb]
    if verb == "completion":
        example = example.removeprefix('eval "$(').removesuffix(')"')
    program, *arguments = shlex.split(example)
    assert program == "itc"
    options = cli.build_parser().parse_args(arguments)
    assert options.verb == verb


def test_the_example_stands_in_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["verify", "--help"])
    assert "example:\n  itc verify results" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("typed", "found"),
    [
        (["itc", "ver"], {"verify"}),
        (["itc", "lock"], {"lock-plan"}),
        (["itc", "trace", "--me"], {"--measure"}),
        (["itc", "nothing-like-it", "--"], set()),
    ],
)
def test_bash_completes_verbs_and_options(typed: list[str], found: set[str]) -> None:
    words = " ".join(shlex.quote(word) for word in typed)
    code = (
        f"{script('bash')}\nCOMP_WORDS=({words})\nCOMP_CWORD={len(typed) - 1}\n_itc\n"
        'printf "%s\\n" "${COMPREPLY[@]}"'
    )
    done = subprocess.run(["bash", "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert set(done.stdout.split()) == found


def test_zsh_reads_the_same_by_its_own_means() -> None:
    text = script("zsh")
    assert text.endswith(script("bash"))
    assert "bashcompinit" in text
    if shutil.which("zsh"):
        code = f"{text}\nwhence -w _itc"
        done = subprocess.run(["zsh", "-fc", code], capture_output=True, text=True, check=True)
        assert "function" in done.stdout


def test_progress_is_said_only_after_some_patience(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(watched([1, 2, 3], "tubes", patience=1000)) == [1, 2, 3]
    assert capsys.readouterr().err == ""
    assert list(watched([1, 2, 3], "tubes", patience=0)) == [1, 2, 3]
    assert capsys.readouterr().err.splitlines()[-1] == "tubes: 2 of 3"
