"""FCS files and panels for the tests of the flow room."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import flowio
import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def write_fcs(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes events of shape (n_channels, n_events) as FCS 3.1."""

    def write(
        events: np.ndarray,
        names: list[str],
        *,
        labels: list[str] | None = None,
        keywords: dict[str, str] | None = None,
        file_name: str = "tube.fcs",
    ) -> Path:
        path = tmp_path / file_name
        with path.open("wb") as stream:
            flowio.create_fcs(
                stream,
                np.asarray(events, dtype=np.float32).T.ravel(),
                names,
                opt_channel_names=labels,
                metadata_dict={f"p{i}r": "262144" for i in range(1, len(names) + 1)}
                | (keywords or {}),
            )
        return path

    return write


@pytest.fixture
def build_fcs(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes an FCS file byte by byte, for what flowio cannot write."""

    def build(
        keywords: dict[str, str],
        data: bytes,
        *,
        version: str = "FCS3.1",
        end_shift: int = 0,
        delimiter: str = "/",
        header_data: tuple[int, int] | None = None,
        file_name: str = "built.fcs",
    ) -> Path:
        begin_text, begin_data = 58, 4096
        end_data = begin_data + len(data) - 1 + end_shift
        every = {"$BEGINDATA": str(begin_data), "$ENDDATA": str(end_data), "$MODE": "L"} | keywords
        text = delimiter + "".join(f"{k}{delimiter}{v}{delimiter}" for k, v in every.items())
        raw = text.encode()
        first, last = header_data or (begin_data, end_data)
        header = f"{version}    {begin_text:8d}{begin_text + len(raw) - 1:8d}{first:8d}{last:8d}"
        header += f"{0:8d}{0:8d}"
        path = tmp_path / file_name
        path.write_bytes((header.encode() + raw).ljust(begin_data) + data)
        return path

    return build


@pytest.fixture
def small_panel() -> pd.DataFrame:
    """Return a panel of scatter, time and two markers."""
    return pd.DataFrame(
        {
            "channel": ["FSC-A", "SSC-A", "Time", "B525-A", "V450-A"],
            "marker": ["FSC-A", "SSC-A", "Time", "CD3", "TCRgd"],
            "role": ["scatter", "scatter", "time", "lineage", "lineage"],
        },
        dtype="string",
    )


@pytest.fixture
def clean_events() -> Callable[..., np.ndarray]:
    """Return a function that draws a steady tube: FSC-A, SSC-A, Time (s), B525-A, V450-A."""

    def draw(n_events: int = 20_000, seed: int = 1) -> np.ndarray:
        rng = np.random.default_rng(seed)
        time = np.floor(np.cumsum(rng.exponential(1e-3, n_events)) * 100) / 100
        positive = rng.random(n_events) < 0.45
        return np.stack(
            [
                rng.normal(80_000, 12_000, n_events).clip(1_000, 250_000),
                rng.normal(30_000, 8_000, n_events).clip(500, 250_000),
                time,
                np.where(positive, rng.lognormal(9, 0.4, n_events), rng.normal(0, 150, n_events)),
                rng.normal(50, 200, n_events),
            ]
        ).astype(np.float32)

    return draw


@pytest.fixture(scope="session")
def simulated_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Simulate a study of six people, one batch, once; read it, do not edit it."""
    from itc_analysis.simulate.study import simulate_study

    folder = tmp_path_factory.mktemp("simulated") / "study"
    simulate_study(
        folder, scenario="effect", seed=21, per_group=1, batches=1, events=15_000, cells=50
    )
    return folder
