"""Regression with a Gaussian process (Rasmussen and Williams, 2006, algorithm 2.1 and equation
5.9).

What scikit-learn's GaussianProcessRegressor computes with the kernel c * Matern(nu = 5/2, a length
scale per coordinate) + white noise, to the last bit, in the order in which it adds up; without what
it spends on arrays of a few dozen rows: checks, clones and an import of pandas.
"""

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import solve_triangular
from scipy.linalg.lapack import dpotrf, dpotrs
from scipy.optimize import minimize
from scipy.spatial.distance import cdist

Floats = NDArray[np.float64]
JITTER = 1e-10
"""Added to the diagonal, so that the covariance can be factored."""
CONSTANT, SCALE, NOISE = (1.0, 0.05, 20.0), (1.0, 0.1, 10.0), (0.01, 1e-4, 0.3)
"""Each scale of the kernel, and the bounds that it is fitted within."""


class Fitted(NamedTuple):
    """A process that has seen values at `places`. `theta` are the logarithms of its kernel's
    scales; `factor` is the lower Cholesky factor of the covariance, `weights` its solution for the
    values.
    """

    places: Floats
    theta: Floats
    factor: Floats
    weights: Floats

    def predict(self, at: Floats) -> tuple[Floats, Floats]:
        """Mean and standard deviation at other places, a row each."""
        constant, scales, noise = _scales(self.theta)
        across = constant * _matern(at, self.places, scales)
        solved = solve_triangular(self.factor, across.T, lower=True, check_finite=False)
        variance = np.full(len(at), constant + noise) - np.einsum("ij,ji->i", solved.T, solved)
        return across @ self.weights, np.sqrt(np.maximum(variance, 0.0))


def fit(places: Floats, values: Floats, fitted: bool) -> Fitted:
    """A process with the kernel's scales fitted to the values, or as they are.

    Raises:
        ValueError: the covariance cannot be factored.
    """
    one, *bounds = np.log(list(zip(CONSTANT, *[SCALE] * places.shape[1], NOISE, strict=True)))
    theta = one
    if fitted:
        squares = (places[:, np.newaxis, :] - places[np.newaxis, :, :]) ** 2
        theta = minimize(
            lambda t: _loss(t, places, values, squares),
            one,
            method="L-BFGS-B",
            jac=True,
            bounds=np.transpose(bounds),
        ).x
    factor, fault = dpotrf(_covariance(places, *_scales(theta))[0], lower=1)
    if fault:
        raise ValueError("the covariance cannot be factored")
    return Fitted(places, theta, factor, dpotrs(factor, values, lower=1)[0])


def _scales(theta: Floats) -> tuple[float, Floats, float]:
    """The kernel's constant, its length scales, and the noise."""
    return np.exp(theta[0]), np.exp(theta[1:-1]), np.exp(theta[-1])


def _matern(a: Floats, b: Floats, scales: Floats) -> Floats:
    x = cdist(a / scales, b / scales) * math.sqrt(5)
    return np.asarray((1.0 + x + x**2 / 3.0) * np.exp(-x))


def _covariance(
    places: Floats, constant: float, scales: Floats, noise: float
) -> tuple[Floats, Floats]:
    """Of the values as they are measured, and of what is behind the noise."""
    behind = constant * _matern(places, places, scales)
    measured = behind.copy()
    measured.flat[:: len(places) + 1] += noise
    measured.flat[:: len(places) + 1] += JITTER
    return measured, behind


def _loss(theta: Floats, places: Floats, values: Floats, squares: Floats) -> tuple[float, Floats]:
    """The negative logarithm of the marginal likelihood, and its gradient. `squares` are the
    places' squared differences, coordinate by coordinate.
    """
    measured, behind = _covariance(places, *_scales(theta))
    factor, fault = dpotrf(measured, lower=1)
    if fault:
        return np.inf, np.zeros_like(theta)
    solved = dpotrs(factor, values, lower=1)[0]
    likelihood = -0.5 * np.einsum("i,i->", values, solved) - np.log(np.diag(factor)).sum()
    likelihood -= len(values) / 2 * np.log(2 * np.pi)
    inverse = dpotrs(factor, np.eye(len(values)), lower=1)[0]
    inner = np.multiply.outer(solved, solved) - inverse
    return -likelihood, -0.5 * np.einsum("ij,jik->k", inner, _slopes(theta, behind, squares))


def _slopes(theta: Floats, behind: Floats, squares: Floats) -> Floats:
    """The covariance's derivatives by each of `theta`."""
    constant, scales, noise = _scales(theta)
    squares = squares / scales**2
    x = np.sqrt(5 * squares.sum(-1))[..., np.newaxis]
    slopes = np.empty((*behind.shape, len(theta)))
    slopes[..., 0] = behind
    slopes[..., 1:-1] = 5.0 / 3.0 * squares * (x + 1) * np.exp(-x) * constant
    slopes[..., -1] = noise * np.eye(len(behind))
    return slopes
