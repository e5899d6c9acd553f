"""Likelihood of k of n cells whose share varies between people by a beta distribution."""

from __future__ import annotations

import numpy as np
from scipy import special

from itc_analysis.statistics.arrays import Vector


def beta_binomial(
    k: Vector, n: Vector, eta: Vector | float, log_precision: float
) -> tuple[Vector, Vector, Vector]:
    """Return the log likelihood of each person, without the binomial coefficient, and its slopes.

    Parameters
    ----------
    k, n : Vector
        Shape (n_people,), cells found, and those among which; k may be a fraction.
    eta : Vector or float
        Logit of the mean share mu, of each person or of all.
    log_precision : float
        Logarithm of phi; the beta distribution is (mu phi, (1 - mu) phi).

    Returns
    -------
    value, by_eta, by_log_precision : Vector
        Shape (n_people,).
    """
    phi = np.exp(log_precision)
    mu = special.expit(eta)
    a, b = mu * phi, special.expit(-eta) * phi
    gain = special.gammaln
    value = gain(k + a) - gain(a) + gain(n - k + b) - gain(b) - (gain(n + phi) - gain(phi))
    psi = special.digamma
    by_a = psi(k + a) - psi(a)
    by_b = psi(n - k + b) - psi(b)
    by_phi = psi(phi) - psi(n + phi)
    slope = mu * special.expit(-eta) * phi
    return value, (by_a - by_b) * slope, by_a * a + by_b * b + by_phi * phi
