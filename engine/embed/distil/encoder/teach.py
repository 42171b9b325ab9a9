"""Labels the training set with the teacher's vectors, chunk by chunk, kept in the cache: a stopped run goes on.

  python teach.py --base CACHE --extra CACHE --teacher PACKAGE --out FOLDER [--texts N] [--threads 2]
"""

import argparse
import pickle
import time
from pathlib import Path

import numpy as np
import torch

from network import load_teacher
from texts import examples
from tokens import Tokens, embed

CHUNK = 16_384


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    args.add_argument("--base", type=Path, required=True, help="cache of the table's corpus")
    args.add_argument("--extra", type=Path, required=True, help="cache of the further packages")
    args.add_argument("--teacher", type=Path, required=True, help="unpacked package of the teacher")
    args.add_argument("--out", type=Path, required=True)
    args.add_argument("--texts", type=int, default=10**9)
    args.add_argument("--threads", type=int, default=2)
    args.add_argument("--seed", type=int, default=1)
    args = args.parse_args()
    torch.set_num_threads(args.threads)
    args.out.mkdir(parents=True, exist_ok=True)
    kept = args.out / "examples.pickle"
    if not kept.exists():
        kept.write_bytes(pickle.dumps(examples(args.base, args.extra, args.seed)))
    made = pickle.loads(kept.read_bytes())[: args.texts]
    print(f"{len(made):,} examples, {np.mean([len(read.split()) for read, _ in made]):.1f} words each", flush=True)
    teacher, tokens, began = load_teacher(args.teacher), Tokens(args.teacher), time.monotonic()
    for start in range(0, len(made), CHUNK):
        path = args.out / f"{start:07d}.npz"
        if path.exists():
            continue
        some = made[start : start + CHUNK]
        rows = tokens([read for read, _ in some])
        vectors = embed(teacher, tokens([clean for _, clean in some])).astype(np.float16)
        np.savez(args.out / "unfinished.npz", ids=np.concatenate(rows), lengths=np.array([len(r) for r in rows]), vectors=vectors)
        (args.out / "unfinished.npz").rename(path)
        print(f"{start + len(some):,} texts, {time.monotonic() - began:.0f} s", flush=True)


if __name__ == "__main__":
    main()
