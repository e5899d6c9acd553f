"""From fluorescence to detectors: spillover, autofluorescence, photon noise, drift.

A cell carries so much of each fluorochrome; detectors see mixtures of them, count photons, and add
electronic noise. Compensation undoes the mixture but not the noise: hence the spread of negatives
around zero, wider where a bright neighbour spills in.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from itc_analysis.simulate.instrument.panels import TOP_OF_RANGE, Panel

#: Variance of the photon noise per instrument unit of signal [P]: 3.7 % CV at 10,000 units.
PHOTON_NOISE = 14.0
#: Standard deviation of the electronic noise, instrument units [P].
ELECTRONIC_NOISE = 75.0
#: Drift between batches [P]: ln SD of a detector's gain, SD of its offset, ln SD for scatter.
GAIN_SIGMA = 0.08
OFFSET_SD = 12.0
SCATTER_SIGMA = 0.03
#: Relative error of each coefficient of the $SPILLOVER in the file against the batch's truth [P].
SPILLOVER_ERROR = 0.02
#: The largest value a float file of such an instrument holds.
_SATURATION = TOP_OF_RANGE - 1


@dataclass(frozen=True)
class Drift:
    """State of the instrument and reagents in one batch, for one panel.

    Parameters
    ----------
    gain : numpy.ndarray
        factor on the brightness of each marker, shape (n_markers,).
    offset : numpy.ndarray
        added to each detector, instrument units, shape (n_markers,).
    scatter : numpy.ndarray
        factor on FSC-A, FSC-H and SSC-A; FSC-A and FSC-H share theirs.
    spillover : numpy.ndarray
        as it was in this batch, shape (n_markers, n_markers); the file states the panel's.
    """

    gain: npt.NDArray[np.float32]
    offset: npt.NDArray[np.float32]
    scatter: npt.NDArray[np.float32]
    spillover: npt.NDArray[np.float32]


def draw_drift(panel: Panel, rng: np.random.Generator) -> Drift:
    """Draw the drift of one panel in one batch."""
    n = len(panel.markers)
    forward, side = np.exp(rng.normal(0, SCATTER_SIGMA, 2))
    error = 1 + SPILLOVER_ERROR * rng.standard_normal((n, n))
    np.fill_diagonal(error, 1)
    return Drift(
        gain=np.exp(rng.normal(0, GAIN_SIGMA, n)).astype(np.float32),
        offset=rng.normal(0, OFFSET_SD, n).astype(np.float32),
        scatter=np.array([forward, forward, side], dtype=np.float32),
        spillover=(panel.spillover * error).astype(np.float32),
    )


def detect(
    fluorescence: npt.NDArray[np.float32],
    cell_autofluorescence: npt.NDArray[np.float32],
    panel: Panel,
    drift: Drift,
    rng: np.random.Generator,
) -> npt.NDArray[np.float32]:
    """Return what the detectors report, not compensated.

    Parameters
    ----------
    fluorescence : numpy.ndarray
        shape (n_events, n_markers): each fluorochrome in units of its own detector.
    cell_autofluorescence : numpy.ndarray
        shape (n_events,), 1 for a typical lymphocyte.
    panel, drift : Panel or Drift
        the panel and the batch's state.
    rng : numpy.random.Generator
        noise.

    Returns
    -------
    numpy.ndarray
        Shape (n_events, n_markers), at most the top of the range, below zero where noise takes it.
    """
    # Gains act on the fluorochrome, so that the file's $SPILLOVER stays right but for its error.
    light = fluorescence * drift.gain
    seen = light.copy()
    # Few coefficients are not 0; adding them one by one does not depend on the number of threads.
    for source, detector in np.argwhere(drift.spillover * (1 - np.eye(len(drift.gain)))):
        seen[:, detector] += drift.spillover[source, detector] * light[:, source]
    seen += np.outer(cell_autofluorescence, panel.autofluorescence.astype(np.float32))
    noise = rng.standard_normal(seen.shape, dtype=np.float32)
    noise *= np.sqrt(PHOTON_NOISE * seen + np.float32(ELECTRONIC_NOISE**2))
    seen += noise
    seen += drift.offset
    np.minimum(seen, np.float32(_SATURATION), out=seen)
    return seen
