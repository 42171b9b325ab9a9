"""Token ids of texts, framed by [CLS] and [SEP], kept flat; and padded batches of them."""

from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer

CLS, SEP, PAD = 101, 102, 0
TOKENS_MAX = 128  # in training; what is served reads up to its positions


class Tokens:
    def __init__(self, package: Path, tokens_max: int = TOKENS_MAX):
        self.tokenizer = Tokenizer.from_file(str(next(package.rglob("tokenizer.json"))))
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()
        self.tokens_max = tokens_max

    def __call__(self, texts: list[str]) -> list[np.ndarray]:
        rows = []
        for start in range(0, len(texts), 4096):
            for coded in self.tokenizer.encode_batch_fast(texts[start : start + 4096], add_special_tokens=False):
                rows.append(np.array([CLS, *coded.ids[: self.tokens_max - 2], SEP], np.int32))
        return rows


def batch(rows: list[np.ndarray]) -> tuple[torch.Tensor, torch.Tensor]:
    width = -(-max(map(len, rows)) // 4) * 4
    ids = np.full((len(rows), width), PAD, np.int64)
    for at, row in enumerate(rows):
        ids[at, : len(row)] = row
    return torch.from_numpy(ids), torch.tensor([len(r) for r in rows])


@torch.no_grad()
def embed(model, rows: list[np.ndarray], size: int = 64, bf16: bool = True) -> np.ndarray:
    """Vectors of many texts, run in order of length."""
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    out = None
    for start in range(0, len(rows), size):
        some = order[start : start + size]
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            vectors = model(*batch([rows[i] for i in some])).float().numpy()
        out = np.zeros((len(rows), vectors.shape[1]), np.float32) if out is None else out
        out[some] = vectors
    return out
