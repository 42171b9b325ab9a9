"""The static table, to be measured beside the encoders."""

from pathlib import Path

import numpy as np
from safetensors.numpy import load_file
from tokenizers import BertWordPieceTokenizer


class Table:
    def __init__(self, folder: Path):
        tensors = load_file(folder / "model.safetensors")
        self.rows = tensors["rows"].astype(np.float32) * tensors["scale"][:, None]
        self.tokenizer = BertWordPieceTokenizer(str(folder / "vocab.txt"), lowercase=True)
        self.unknown = self.tokenizer.token_to_id("[UNK]")

    def __call__(self, texts: list[str]) -> np.ndarray:
        coded = self.tokenizer.encode_batch(texts, add_special_tokens=False)
        sums = np.stack([self.rows[[i for i in c.ids if i != self.unknown]].sum(0) for c in coded])
        return sums / np.maximum(np.linalg.norm(sums, axis=1, keepdims=True), 1e-8)
