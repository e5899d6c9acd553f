"""Spillover from single stains: against the published matrix, and against what was planted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from itc_analysis.cli import main
from itc_analysis.errors import UnreadableFile
from itc_analysis.flow.fcs.read import FcsFile, read_fcs
from itc_analysis.flow.spillover.matrix_text import read_spillover_csv
from itc_analysis.flow.spillover.single_stains import (
    compute_spillover,
    spreading_matrix,
    write_spillover_csv,
)

NAMES = ["A-A", "B-A", "C-A"]
TRUE = np.array([[1, 0.2, 0.01], [0.05, 1, 0.1], [0.0, 0.02, 1]])
#: compdata/compmatrix of flowCore: rows are the stains FL1-H to FL4-H.
EXPECTED = np.array(
    [
        [1, 0.24, 0.032, 1.13e-3],
        [7.77e-3, 1, 0.14, 2.74e-3],
        [8.69e-3, 0.17, 1, 0.21],
        [7.95e-4, 9.95e-4, 3.23e-3, 1],
    ]
)


@pytest.fixture
def planted(write_fcs: Callable[..., Path]) -> tuple[dict[str, FcsFile], FcsFile]:
    """Return three single stains of known spillover, a tenth of their events unstained."""
    rng = np.random.default_rng(8)

    def tube(stain: int | None) -> FcsFile:
        light = np.zeros((3, 5_000))
        if stain is not None:
            light[stain] = rng.lognormal(9, 0.4, 5_000) * (rng.random(5_000) > 0.1)
        seen = TRUE.T @ light
        seen += 100 + 10 * rng.standard_normal(seen.shape) * np.sqrt(10 + seen / 100)
        return read_fcs(write_fcs(seen, NAMES, file_name=f"{stain}.fcs"))

    return {name: tube(i) for i, name in enumerate(NAMES)}, tube(None)


def test_the_planted_spillover_is_found(planted: tuple[dict[str, FcsFile], FcsFile]) -> None:
    found = compute_spillover(*planted)
    # Photon noise sqrt(x) around means of 10^4: entries are known to 1e-3 and better.
    np.testing.assert_allclose(found.spillover.matrix, TRUE, atol=0.01)
    assert np.all(np.diag(found.standard_error) == 0)
    assert all(4_000 < n <= 5_000 for n in found.n_positive)


def test_wild_events_do_not_move_the_line(planted: tuple[dict[str, FcsFile], FcsFile]) -> None:
    stains, unstained = planted
    before = compute_spillover(stains, unstained).spillover.matrix
    stains["A-A"].events[1, :250] = 200_000  # a twentieth carries another stain
    after = compute_spillover(stains, unstained).spillover.matrix
    np.testing.assert_allclose(after, before, atol=0.01)


def test_spillover_that_bends_is_said(planted: tuple[dict[str, FcsFile], FcsFile]) -> None:
    stains, unstained = planted
    assert compute_spillover(stains, unstained).remarks == ()
    own = stains["A-A"].events[0]
    stains["A-A"].events[2] += np.where(own > 8_000, 0.1 * own, 0).astype(np.float32)
    remarks = compute_spillover(stains, unstained).remarks
    assert any(r.startswith("A-A into C-A") and "one number cannot" in r for r in remarks)


def test_a_stain_without_positive_events_and_a_missing_channel_are_refused(
    planted: tuple[dict[str, FcsFile], FcsFile],
) -> None:
    stains, unstained = planted
    with pytest.raises(UnreadableFile, match="events above the unstained ones"):
        compute_spillover({**stains, "B-A": unstained}, unstained)
    with pytest.raises(UnreadableFile, match="no channel 'X-A'"):
        compute_spillover({"X-A": unstained}, unstained)


def test_the_matrix_survives_csv(
    planted: tuple[dict[str, FcsFile], FcsFile], tmp_path: Path
) -> None:
    spillover = compute_spillover(*planted).spillover
    write_spillover_csv(spillover, tmp_path / "matrix.csv")
    again = read_spillover_csv(tmp_path / "matrix.csv")
    assert again.channels == spillover.channels
    np.testing.assert_allclose(again.matrix, spillover.matrix, rtol=1e-5)  # six digits written


def test_spreading_is_where_the_light_goes(planted: tuple[dict[str, FcsFile], FcsFile]) -> None:
    stains, unstained = planted
    spreading = spreading_matrix(stains, unstained, compute_spillover(stains, unstained).spillover)
    assert np.all(np.diag(spreading) == 0)
    assert spreading[0, 1] > spreading[0, 2] > 0


@pytest.mark.real_data
def test_the_published_matrix_of_flowcore_is_met_within_a_hundredth(
    real_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = real_data / "flow" / "single_stains" / "data"
    stains = {"FL1-H": "002", "FL2-H": "003", "FL3-H": "005", "FL4-H": "004"}
    arguments = [f"--stain={channel}={folder / f'060909.{n}'}" for channel, n in stains.items()]
    output = tmp_path / "matrix.csv"
    unstained = str(folder / "060909.001")
    arguments += ["--check", str(folder / "060909.005"), "--output", str(output)]
    assert main(["spillover", "--unstained", unstained, *arguments]) == 0
    found = read_spillover_csv(output)
    assert found.channels == tuple(stains)
    np.testing.assert_allclose(found.matrix, EXPECTED, atol=0.01)
    spreading = np.loadtxt(
        tmp_path / "matrix.spreading.csv", delimiter=",", skiprows=1, usecols=range(1, 5)
    )
    assert np.all(np.diag(spreading) == 0)
    assert spreading[0, 1] > spreading[0, 3]  # FITC spreads into PE more than into the far red
    # 7-AAD: dim (dead, leaky) and bright cells do not lie on one line; flowCore's own figure is
    # 0.23.
    told = capsys.readouterr().out
    assert "FL3-H into FL4-H" in told
    assert "left in 060909.005: nothing" in told  # compensated by its own stain
