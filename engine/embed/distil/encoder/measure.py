"""Dense recall of the teacher, a student and the static table, by plain cosine (no centring, no threshold).

  python measure.py --data FILE ... --model teacher:PACKAGE --model student:FILE.pt@PACKAGE --model table:FOLDER [--threads 1]

FILE is a world of everyday memories (.json: {memories, questions by type}) or a set that `../measure.py` reads (.json.gz).
Questions without an answer are left out. These sets are for judging: nothing may be fitted to them.
"""

import argparse
import collections
import gzip
import json
import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
sys.path.append(str(Path(__file__).resolve().parent))

from network import Encoder, Shape, load_teacher  # noqa: E402
from tokens import Tokens, embed  # noqa: E402

KS = (1, 5, 10)


class Network:
    def __init__(self, kind: str, place: str):
        if kind == "teacher":
            self.model, package = load_teacher(Path(place)), Path(place)
        else:
            file, _, package = place.partition("@")
            torch.serialization.add_safe_globals([Shape])
            kept = torch.load(file)
            self.model, package = Encoder(kept["shape"]).eval(), Path(package)
            self.model.load_state_dict(kept["state"])
            self.model.quantise(kind == "student")
        self.tokens = Tokens(package, 256)

    def __call__(self, texts: list[str]) -> np.ndarray:
        return embed(self.model, self.tokens(texts), size=32)


def open_model(spec: str):
    kind, _, place = spec.partition(":")
    if kind == "table":
        from table import Table

        return kind, Table(Path(place))
    return kind, Network(kind, place)


def stores(path: Path):
    """(texts, [(question, gold rows, type)]) of every store in a file."""
    data = json.loads((gzip.open(path) if path.suffix == ".gz" else path.open("rb")).read())
    if "memories" in data:
        row = {m["id"]: i for i, m in enumerate(data["memories"])}
        asked = [(q["q"], [row[g] for g in q["gold"]], q["type"]) for q in data["questions"] if q["gold"]]
        yield [m["text"] for m in data["memories"]], asked
    elif "passages" in data:
        yield [f"{p['title']}\n{p['text']}" for p in data["passages"]], [(q["q"], q["gold"], "") for q in data["questions"]]
    else:
        for conv in data["convs"]:
            row = {turn["id"]: i for i, turn in enumerate(conv["turns"])}
            texts = [f"[{t['date']}] {t['spk']}: {t['text']} {t.get('cap') or ''}".strip() for t in conv["turns"]]
            asked = [(q["q"], [row[e] for e in q["ev"] if e in row], "") for q in conv["qa"] if q["cat"] != 5]
            yield texts, [(q, gold, kind) for q, gold, kind in asked if gold]


def recall(model, path: Path) -> dict[str, list]:
    """type -> a row of recall at KS a question; "" holds all."""
    found = collections.defaultdict(list)
    for texts, asked in stores(path):
        scores = model([q for q, _, _ in asked]) @ model(texts).T
        for order, (_, gold, kind) in zip(np.argsort(-scores, axis=1, kind="stable"), asked):
            row = [len(set(order[:k]) & set(gold)) / len(set(gold)) for k in KS]
            found[""].append(row)
            if kind:
                found[kind].append(row)
    return found


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    args.add_argument("--data", type=Path, nargs="+", required=True)
    args.add_argument("--model", action="append", required=True)
    args.add_argument("--threads", type=int, default=1)
    args = args.parse_args()
    torch.set_num_threads(args.threads)
    for spec in args.model:
        kind, model = open_model(spec)
        worlds = collections.defaultdict(list)
        show = lambda name, rows: print(f"{kind:8} {name:24} {len(rows):5} questions, R@{KS}: {np.round(100 * np.mean(rows, 0), 1)}", flush=True)  # noqa: E731, E501
        for path in args.data:
            found = recall(model, path)
            if path.suffix == ".json":
                for name, rows in found.items():
                    worlds[name] += rows
            else:
                show(path.name.split(".")[0], found[""])
        for name, rows in worlds.items():
            show("worlds " + (name or "all"), rows)


if __name__ == "__main__":
    main()
