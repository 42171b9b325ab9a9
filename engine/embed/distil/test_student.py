"""Checks of the parts that fail silently: hand-written gradients and quantisation. Run: python -m pytest (or python) test_student.py"""

import numpy as np
from scipy.sparse import random as random_sparse

import student


def test_gradients_match_finite_differences():
    rng = np.random.default_rng(0)
    n = 6
    counts = random_sparse(2 * n, 20, 0.5, random_state=1, format="csr")
    rows = rng.normal(size=(20, 8))
    target = student.unit(rng.normal(size=(2 * n, 8)))
    taught = student.unit(rng.normal(size=(2 * n, 5)))
    related = rng.random(n) < 0.7
    for point, relate, contrast in ((1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0.3)):
        s = student.Settings(point=point, relate=relate, contrast=contrast, relate_heat=0.3, contrast_heat=0.3)

        def value(at):
            terms, _ = student.loss(at, counts, target, taught @ taught.T, related, s)
            return sum(getattr(s, name) * term for name, term in terms.items())

        _, grad = student.loss(rows, counts, target, taught @ taught.T, related, s)
        for i, j in ((0, 0), (3, 5), (11, 2), (19, 7)):
            nudge = np.zeros_like(rows)
            nudge[i, j] = 1e-5
            slope = (value(rows + nudge) - value(rows - nudge)) / 2e-5
            assert abs(slope - grad[i, j]) < 1e-6, (point, relate, contrast, i, j, slope, grad[i, j])


def test_quantised_rows_are_within_half_a_step():
    rows = np.random.default_rng(1).normal(size=(50, student.DIM)).astype(np.float32)
    rows[7] = 0
    codes, scale = student.quantise(rows)
    assert np.all(np.abs(codes * scale[:, None] - rows) <= 0.5001 * scale[:, None])


if __name__ == "__main__":
    test_gradients_match_finite_differences()
    test_quantised_rows_are_within_half_a_step()
    print("2 passed, 0 failed")
