"""Dense retrieval quality of an embedder: recall@k by cosine, every store centred by its own mean vector.

  python measure.py --data FILE.json.gz ... --model table:FOLDER [--model teacher:CACHE] [--model wordllama:FOLDER] [--json OUT]

FILE is a passage set {passages: [{title, text}], questions: [{q, gold}]} (a passage is stored as "title\\ntext") or a dialogue
set {convs: [{turns: [{id, spk, date, text, cap}], qa: [{q, cat, ev}]}]} (a store a conversation, a turn stored as
"[date] speaker: text caption"; category 5, adversarial, is left out). Recall@k is the share of a question's gold found among
the first k, averaged over questions, in percent.
"""

import argparse
import gzip
import json
from pathlib import Path

import numpy as np
from safetensors.numpy import load_file
from tokenizers import BertWordPieceTokenizer, Tokenizer

KS = (2, 5, 10, 20)


def unit(x: np.ndarray) -> np.ndarray:
    return x / np.maximum(np.linalg.norm(x, axis=-1, keepdims=True), 1e-8)


class Table:
    """Our own file: sum of scale * row over WordPieces."""

    def __init__(self, folder: Path):
        tensors = load_file(folder / "model.safetensors")
        self.rows = tensors["rows"].astype(np.float32) * tensors["scale"][:, None]
        self.tokenizer = BertWordPieceTokenizer(str(folder / "vocab.txt"), lowercase=True)
        self.unknown = self.tokenizer.token_to_id("[UNK]")

    def __call__(self, texts: list[str]) -> np.ndarray:
        coded = self.tokenizer.encode_batch(texts, add_special_tokens=False)
        return unit(np.stack([self.rows[[i for i in c.ids if i != self.unknown]].sum(0) for c in coded]))


class WordLlama:
    """Mean of token rows, from the unpacked wheel."""

    def __init__(self, folder: Path):
        self.rows = load_file(next(folder.rglob("l2_supercat_256.safetensors")))["embedding.weight"].astype(np.float32)
        self.tokenizer = Tokenizer.from_file(str(next(folder.rglob("l2_supercat_tokenizer_config.json"))))
        self.tokenizer.no_padding()

    def __call__(self, texts: list[str]) -> np.ndarray:
        coded = self.tokenizer.encode_batch(texts, add_special_tokens=False)
        return unit(np.stack([self.rows[c.ids].mean(0) for c in coded]))


class Teacher:
    def __init__(self, cache: Path):
        from teacher import Teacher as Model

        self.model = Model(cache, threads=2)

    def __call__(self, texts: list[str]) -> np.ndarray:
        return self.model.embed_ids(self.model.ids(texts))


MODELS = {"table": Table, "wordllama": WordLlama, "teacher": Teacher}


def stores(data: dict):
    """(texts, [(question, gold rows)]) of every store in a file."""
    if "passages" in data:
        yield [f"{p['title']}\n{p['text']}" for p in data["passages"]], [(q["q"], q["gold"]) for q in data["questions"]]
        return
    for conv in data["convs"]:
        row = {turn["id"]: i for i, turn in enumerate(conv["turns"])}
        texts = [f"[{t['date']}] {t['spk']}: {t['text']} {t['cap'] or ''}".strip() for t in conv["turns"]]
        asked = [(q["q"], [row[e] for e in q["ev"] if e in row]) for q in conv["qa"] if q["cat"] != 5]
        yield texts, [(q, gold) for q, gold in asked if gold]


def recall(embed, data: dict) -> dict:
    found, questions = dict.fromkeys(KS, 0.0), 0
    for texts, asked in stores(data):
        memory = embed(texts)
        mean = memory.mean(0)
        scores = unit(embed([q for q, _ in asked]) - mean) @ unit(memory - mean).T
        ranked = np.argsort(-scores, axis=1, kind="stable")
        for order, (_, gold) in zip(ranked, asked):
            questions += 1
            for k in KS:
                found[k] += len(set(order[:k]) & set(gold)) / len(set(gold))
    return {"questions": questions, "recall": {str(k): round(100 * v / questions, 1) for k, v in found.items()}}


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    args.add_argument("--data", type=Path, nargs="+", required=True)
    args.add_argument("--model", action="append", required=True, help="KIND:PATH, kind one of " + ", ".join(MODELS))
    args.add_argument("--json", type=Path)
    args = args.parse_args()
    results = []
    for spec in args.model:
        kind, _, path = spec.partition(":")
        embed = MODELS[kind](Path(path))
        for file in args.data:
            data = json.loads(gzip.open(file).read())
            result = {"model": kind, "dataset": data["name"], **recall(embed, data)}
            results.append(result)
            print(json.dumps(result), flush=True)
    if args.json:
        args.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
