"""Our Gaussian process is scikit-learn's, to the last bit."""

import warnings

import numpy as np
import pytest

from haqa_bench.optimizers.gaussian_process import _threads
from haqa_bench.optimizers.gaussian_regression import fit

process = pytest.importorskip("sklearn.gaussian_process")


@pytest.mark.parametrize("fitted", [True, False])
@pytest.mark.parametrize("seed", range(8))
def test_it_predicts_what_scikit_learn_predicts(seed, fitted):
    rng = np.random.default_rng(seed)
    count, width = int(rng.integers(3, 40)), int(rng.integers(2, 9))
    places, at = rng.integers(0, 4, (count, width)) / 3, rng.integers(0, 4, (50, width)) / 3
    values = rng.normal(size=count) + 3 * places[:, 0]

    with _threads().limit(limits=1):
        ours, theirs = fit(places, values, fitted), scikit_learn(places, values, fitted)

        for mine, other in zip(ours.predict(at), theirs.predict(at, return_std=True), strict=True):
            np.testing.assert_array_equal(mine, other)


def scikit_learn(places, values, fitted):
    kernels = process.kernels
    kernel = kernels.ConstantKernel(1.0, (0.05, 20.0)) * kernels.Matern(
        np.ones(places.shape[1]), (0.1, 10.0), nu=2.5
    ) + kernels.WhiteKernel(0.01, (1e-4, 0.3))
    optimizer = "fmin_l_bfgs_b" if fitted else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of scales at their bounds
        return process.GaussianProcessRegressor(kernel, optimizer=optimizer).fit(places, values)
