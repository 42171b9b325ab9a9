"""The student: one 256-d row a WordPiece; a text's vector is the sum of its rows, unit length.

Losses of a batch of (query, passage) pairs, gradients written out by hand (numpy and scipy are then the only needs):
  point     1 - cos(student, teacher), the teacher centred and reduced to 256-d by PCA over its own sentence vectors
  relate    KL from the teacher's softmax over all other texts of the batch to the student's (similarity distillation)
  contrast  InfoNCE: a query's own passage against the other passages of the batch (no teacher needed)
The similarity losses run on vectors centred by the batch mean, as a store centres by its own mean at recall.
"""

from dataclasses import dataclass

import numpy as np
from scipy.sparse import csr_matrix

DIM = 256
EPS = 1e-8


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), EPS)


def unit_grad(u: np.ndarray, norm: np.ndarray, grad: np.ndarray) -> np.ndarray:
    """Gradient at x of a loss whose gradient at u = x / |x| is `grad`."""
    return (grad - (grad * u).sum(1, keepdims=True) * u) / np.maximum(norm, EPS)


def softmax(x: np.ndarray) -> np.ndarray:
    e = np.exp(x - x.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


class Counts:
    """Texts as a sparse matrix [texts, vocabulary] of token counts."""

    def __init__(self, rows: list[np.ndarray], vocabulary: int):
        at = np.concatenate([[0], np.cumsum([len(r) for r in rows])])
        ids = np.concatenate(rows)
        self.matrix = csr_matrix((np.ones(len(ids), np.float32), ids, at), (len(rows), vocabulary))

    def batch(self, which: np.ndarray) -> tuple[csr_matrix, np.ndarray]:
        """(counts over the tokens that occur, ids of those tokens)."""
        part = self.matrix[which]
        tokens, part.indices = np.unique(part.indices, return_inverse=True)
        return csr_matrix((part.data, part.indices, part.indptr), (len(which), len(tokens))), tokens


class Reduction:
    """Centre and PCA of the teacher's sentence vectors: 384-d -> 256-d."""

    def __init__(self, vectors: np.ndarray):
        self.mean = vectors.mean(0)
        values, axes = np.linalg.eigh(np.cov((vectors - self.mean).T))
        self.axes = axes[:, np.argsort(-values)[:DIM]].astype(np.float32)

    def __call__(self, vectors: np.ndarray) -> np.ndarray:
        return unit((vectors - self.mean) @ self.axes)


@dataclass
class Settings:
    point: float = 1.0
    relate: float = 1.0
    contrast: float = 0.3
    relate_heat: float = 0.05  # temperature of both sides' softmax
    contrast_heat: float = 0.05
    rate: float = 3e-3  # a coordinate moves by about this part of its row's length a step; falls to a twentieth by cosine
    steps: int = 300
    pairs: int = 384  # pairs a batch
    sif: float = 1e-4  # initial weight a / (a + p)


def initial_rows(token_vectors: np.ndarray, reduction: Reduction, counts: np.ndarray, sif: float) -> np.ndarray:
    """Every token through the teacher, reduced, weighted by rarity."""
    share = counts / counts.sum()
    return reduction(token_vectors) * (sif / (sif + share))[:, None].astype(np.float32)


class Similarity:
    """Batch-centred unit vectors with the way back for gradients."""

    def __init__(self, u: np.ndarray):
        self.centred = u - u.mean(0)
        self.norm = np.linalg.norm(self.centred, axis=1, keepdims=True)
        self.v = self.centred / np.maximum(self.norm, EPS)

    def back(self, grad_v: np.ndarray) -> np.ndarray:
        grad = unit_grad(self.v, self.norm, grad_v)
        return grad - grad.mean(0)


def loss(rows: np.ndarray, counts: csr_matrix, target, sims, related: np.ndarray, s: Settings):
    """Loss terms and gradient on `rows` for texts ordered queries then passages.

    `target` [2n, 256] and `sims` [2n, 2n] come from the teacher and may be None; `related` [n] marks true pairs.
    """
    summed = counts @ rows
    norm = np.linalg.norm(summed, axis=1, keepdims=True)
    u = summed / np.maximum(norm, EPS)
    n = len(u) // 2
    grad_u, terms = np.zeros_like(u), {}
    if target is not None:
        terms["point"] = 1 - float((u * target).sum(1).mean())
        grad_u -= s.point / len(u) * target
    similarity = Similarity(u)
    v = similarity.v
    grad_v = np.zeros_like(v)
    if sims is not None and s.relate:
        aim = sims / s.relate_heat
        got = v @ v.T / s.relate_heat
        np.fill_diagonal(aim, -1e4)
        np.fill_diagonal(got, -1e4)
        aim, guess = softmax(aim), softmax(got)
        terms["relate"] = float((aim * (np.log(aim + EPS) - np.log(guess + EPS))).sum(1).mean())
        delta = (guess - aim) * (s.relate / len(u) / s.relate_heat)
        grad_v += (delta + delta.T) @ v
    if s.contrast and related.any():
        logits = v[:n] @ v[n:].T / s.contrast_heat
        for side, part in ((0, logits), (1, logits.T)):
            guess = softmax(part)
            hit = np.diag(guess)[related]
            terms["contrast"] = terms.get("contrast", 0.0) - float(np.log(hit + EPS).mean()) / 2
            delta = guess.copy()
            delta[np.arange(n), np.arange(n)] -= 1
            delta[~related] = 0
            delta *= s.contrast / related.sum() / 2 / s.contrast_heat
            delta = delta if side == 0 else delta.T
            grad_v[:n] += delta @ v[n:]
            grad_v[n:] += delta.T @ v[:n]
    grad_u += similarity.back(grad_v)
    return terms, counts.T @ unit_grad(u, norm, grad_u)


class Adam:
    """Adam for sparse rows: only touched rows move, one second moment a row, steps in proportion to the row's length.

    Lengths span three decades (a common word's row is short): an absolute step would drown the short ones in noise.
    """

    FLOOR = 0.02  # shortest length a step is measured by, so that a row can leave zero

    def __init__(self, shape):
        self.first = np.zeros(shape, np.float32)
        self.second, self.steps = np.zeros((2, shape[0], 1), np.float32)

    def step(self, rows: np.ndarray, at: np.ndarray, grad: np.ndarray, rate: float) -> None:
        length = np.linalg.norm(rows[at], axis=1, keepdims=True)
        self.steps[at] += 1
        n = self.steps[at]
        first = self.first[at] = 0.9 * self.first[at] + 0.1 * grad
        second = self.second[at] = 0.999 * self.second[at] + 0.001 * (grad * grad).mean(1, keepdims=True)
        scale = rate * np.maximum(length, self.FLOOR) / (1 - 0.9**n) / (np.sqrt(second / (1 - 0.999**n)) + 1e-12)
        rows[at] -= scale * first


def fit(rows, taught: Counts, related, vectors, reduction, untaught: Counts, groups: list[np.ndarray], s: Settings, seed: int, after):
    """Fit `rows` in place; `after(rows)` is called ten times on the way.

    Texts 2i and 2i+1 are the query and passage of pair i; `vectors` are the teacher's of `taught`. A step is a batch of taught
    pairs and a batch of untaught ones; the latter come from one group (source) at a time, for wrong answers that are near.
    """
    rng = np.random.default_rng(seed)
    adam = Adam(rows.shape)
    target, centred = reduction(vectors), unit(vectors - reduction.mean)
    share = np.sqrt([len(g) for g in groups])
    order, sums, since = np.empty(0, int), {}, 0
    for step in range(s.steps):
        rate = s.rate * (0.05 + 0.95 * 0.5 * (1 + np.cos(np.pi * step / s.steps)))
        if len(order) < s.pairs:
            order = rng.permutation(len(related))
        some, order = order[: s.pairs], order[s.pairs :]
        texts = np.concatenate([2 * some, 2 * some + 1])
        counts, tokens = taught.batch(texts)
        terms, grad = loss(rows[tokens], counts, target[texts], centred[texts] @ centred[texts].T, related[some], s)
        adam.step(rows, tokens, grad, rate)
        some = rng.choice(groups[rng.choice(len(groups), p=share / share.sum())], s.pairs)
        counts, tokens = untaught.batch(np.concatenate([2 * some, 2 * some + 1]))
        extra, grad = loss(rows[tokens], counts, None, None, np.ones(s.pairs, bool), s)
        adam.step(rows, tokens, grad, rate)
        terms["untaught"] = extra["contrast"]
        for name, value in terms.items():
            sums[name] = sums.get(name, 0.0) + value
        since += 1
        if (step + 1) % max(1, s.steps // 10) == 0:
            print(f"  step {step + 1} of {s.steps}: " + ", ".join(f"{k} {v / since:.4f}" for k, v in sums.items()), flush=True)
            after(rows)
            sums, since = {}, 0


def quantise(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(i8 [v, 256], f32 scale [v]): rows are about scale * i8."""
    scale = np.maximum(np.abs(rows).max(1), EPS) / 127
    return np.clip(np.rint(rows / scale[:, None]), -127, 127).astype(np.int8), scale.astype(np.float32)
