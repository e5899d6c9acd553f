"""The command itself: its help is instant and whole."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from itc_analysis import __version__, cli

#: Packages that cost a second or more to import.
HEAVY = ("pandas", "pandera", "scanpy", "matplotlib", "flowkit", "scipy", "numba")


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_verb_has_help(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main([verb, "--help"])
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert shown.startswith(f"usage: itc {verb}")
    # a sentence of its own, not only the list of arguments
    assert len(shown.split("\n\n")[1]) > len(verb)


def test_help_lists_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--help"])
    shown = capsys.readouterr().out
    # a long verb stands on a line of its own
    assert all(f"  {verb} " in shown or f"  {verb}\n" in shown for verb in cli.VERBS)


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom itc_analysis import cli\n"
        "try:\n    cli.main(['--help'])\nexcept SystemExit:\n    pass\n"
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["--version"])
    assert capsys.readouterr().out.strip() == f"itc_analysis {__version__}"


def test_an_unknown_verb_exits_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.main(["compute"])
    assert ended.value.code == 2
    assert "there is no verb 'compute'; did you mean 'compare'?" in capsys.readouterr().err


def test_no_verb_at_all_points_to_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main([])
    assert "name a verb; itc --help lists them" in capsys.readouterr().err


def test_a_verb_called_wrongly_shows_how_it_is_called(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        cli.main(["lock-plan"])
    shown = capsys.readouterr().err
    assert "the following arguments are required: --date" in shown
    assert "itc lock-plan --config config/config.yaml --date" in shown


@pytest.mark.parametrize("verb", [("check",), ("status",), ("lock-plan", "--date", "2026-01-31")])
def test_settings_lie_where_init_writes_them_unless_said_otherwise(
    verb: tuple[str, ...],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert cli.main([*verb]) == 2
    shown = capsys.readouterr().err
    assert "config/config.yaml: 1 fault" in shown
    assert "the file is not there; check the path, which starts from the folder you are in" in shown


def test_a_fault_of_the_program_keeps_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    from itc_analysis.cli.study import check

    def broken(options: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(check, "run", broken)
    with pytest.raises(ZeroDivisionError):
        cli.main(["check", "--config", "x.yaml"])


def test_scenarios_are_listed_without_a_folder_and_a_study_needs_one(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert cli.main(["simulate", "--scenario", "help"]) == 0
    assert "effect" in capsys.readouterr().out
    assert cli.main(["simulate"]) == 2
    assert "--output" in capsys.readouterr().err


def test_a_reader_that_leaves_a_pipe_early_is_no_fault() -> None:
    command = [sys.executable, "-m", "itc_analysis", "simulate", "--scenario", "help"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as started:
        assert started.stdout is not None
        assert started.stderr is not None
        started.stdout.close()
        assert started.stderr.read() == b""
        assert started.wait() == 0
