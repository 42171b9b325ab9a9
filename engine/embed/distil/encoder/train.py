"""Trains the student on the chunks that `teach.py` has labelled so far; chunks that arrive later join at the next round.

  python train.py --taught FOLDER --teacher PACKAGE --out FILE.pt --minutes 30 [--layers 0,2,3,5] [--inner 448]

Loss: one minus the cosine to the teacher's vector (384-d, reduced to 256 by PCA), plus the divergence between the teacher's
and the student's distribution of similarities over the batch. The last part runs with coarse products, as they are served.
"""

import argparse
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

from network import Encoder, Shape, cut_student, load_teacher, narrow
from tokens import batch, embed

WIDTH, POSITIONS, TEMPERATURE = 256, 256, 0.05
LONG, LONG_SHARE = 30, 0.05  # of texts with more tokens only a share is read: they cost most and are rare in what is served
HELD_OUT = 2048  # the first texts of the first chunk


def load_chunk(path: Path):
    with np.load(path) as file:
        return np.split(file["ids"], np.cumsum(file["lengths"])[:-1]), torch.from_numpy(file["vectors"].astype(np.float32))


def reduction(vectors: torch.Tensor) -> torch.Tensor:
    """[256, 384]: the directions of the largest second moment (not centred, so cosines are kept best)."""
    _, _, directions = torch.linalg.svd(vectors.T @ vectors / len(vectors))
    return directions[:WIDTH].contiguous()


def fitted(student, rows, target: torch.Tensor) -> torch.Tensor:
    """[256, 384]: the projection that brings the untrained student nearest to the targets, by ridge regression."""
    project, student.project = student.project, None
    found = torch.from_numpy(embed(student, rows, 128))
    student.project = project
    return torch.linalg.solve(found.T @ found + 0.1 * torch.eye(found.shape[1]), found.T @ target).T.contiguous()


def divergence(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    off = -1e4 * torch.eye(len(student))
    wanted = F.softmax(teacher @ teacher.T / TEMPERATURE + off, -1)
    return F.kl_div(F.log_softmax(student @ student.T / TEMPERATURE + off, -1), wanted, reduction="batchmean")


def batches(rows, size: int, rng: np.random.Generator):
    """Batches of texts of like length, in random order."""
    order = [i for i in rng.permutation(len(rows)) if len(rows[i]) <= LONG or rng.random() < LONG_SHARE]
    for start in range(0, len(order), size * 16):
        run = sorted(order[start : start + size * 16], key=lambda i: len(rows[i]))
        groups = [run[at : at + size] for at in range(0, len(run), size)]
        for at in rng.permutation(len(groups)):
            if len(groups[at]) == size:
                yield groups[at]


@torch.no_grad()
def held_out(student, rows, target) -> float:
    total = 0.0
    for start in range(0, len(rows), 256):
        with torch.autocast("cpu", torch.bfloat16):
            out = student(*batch(rows[start : start + 256]))
        total += (out * target[start : start + 256]).sum().item()
    return total / len(rows)


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    args.add_argument("--taught", type=Path, required=True)
    args.add_argument("--teacher", type=Path, required=True)
    args.add_argument("--out", type=Path, required=True)
    args.add_argument("--minutes", type=float, required=True)
    args.add_argument("--layers", default="0,2,3,5")
    args.add_argument("--inner", type=int, default=448)
    args.add_argument("--start", type=Path, help="a student to go on with, in place of one cut from the teacher")
    args.add_argument("--batch", type=int, default=384)
    args.add_argument("--rate", type=float, default=5e-4)
    args.add_argument("--contrast", type=float, default=0.3)
    args.add_argument("--coarse-from", type=float, default=0.8, help="share of the time after which products are coarse")
    args.add_argument("--threads", type=int, default=2)
    args.add_argument("--seed", type=int, default=1)
    args = args.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    rng = np.random.default_rng(args.seed)

    rows, held = load_chunk(args.taught / "0000000.npz")
    directions = reduction(held)
    held_rows, held_target = rows[:HELD_OUT], F.normalize(held[:HELD_OUT] @ directions.T, dim=-1)
    began = time.monotonic()
    short = [i for i in range(HELD_OUT, len(rows)) if len(rows[i]) <= LONG][:2500]
    if args.start:
        torch.serialization.add_safe_globals([Shape])
        kept = torch.load(args.start)
        student = Encoder(kept["shape"])
        student.load_state_dict(kept["state"])
    else:
        student = cut_student(load_teacher(args.teacher), [int(i) for i in args.layers.split(",")], 1536, POSITIONS, directions).eval()
        narrow(student, [rows[i] for i in short[:800]], args.inner, batch)
        student.project.weight.data = fitted(student, [rows[i] for i in short], F.normalize(held[short] @ directions.T, dim=-1))
    student.words.weight.requires_grad_(False)  # they are the teacher's, and a short training would hardly move them
    student.train()
    print(f"began after {time.monotonic() - began:.0f} s: held out {held_out(student, held_rows, held_target):.4f}", flush=True)
    optimiser = torch.optim.AdamW([p for p in student.parameters() if p.requires_grad], lr=args.rate, betas=(0.9, 0.98), weight_decay=0.0)

    began, step, seen, sums = time.monotonic(), 0, 0, [0.0, 0.0]
    done = lambda: (time.monotonic() - began) / (60 * args.minutes)  # noqa: E731
    while done() < 1:
        for path in rng.permutation(sorted(args.taught.glob("0*.npz"))):
            rows, vectors = load_chunk(path)
            if path.name == "0000000.npz":
                rows, vectors = rows[HELD_OUT:], vectors[HELD_OUT:]
            for some in batches(rows, args.batch, rng):
                share = done()
                if share >= 1:
                    break
                student.quantise(share >= args.coarse_from)
                rate = args.rate * min(1, (step + 1) / 100) * max(0.02, 0.5 * (1 + math.cos(math.pi * share)))
                for group in optimiser.param_groups:
                    group["lr"] = rate
                teacher = vectors[some]
                target = F.normalize(teacher @ directions.T, dim=-1)
                with torch.autocast("cpu", torch.bfloat16):
                    out = student(*batch([rows[i] for i in some]))
                near = 1 - (out * target).sum(-1).mean()
                apart = divergence(out, teacher)
                loss = near + args.contrast * apart
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(student.parameters(), 1.0)
                optimiser.step()
                step, seen = step + 1, seen + len(some)
                sums[0] += near.item()
                sums[1] += apart.item()
                if step % 50 == 0:
                    cosine = held_out(student, held_rows, held_target) if step % 200 == 0 else float("nan")
                    print(
                        f"{step} steps, {seen:,} texts, {time.monotonic() - began:.0f} s, rate {rate:.1e}, coarse {student.quantised}: "
                        f"1-cos {sums[0] / 50:.4f}, divergence {sums[1] / 50:.4f}, held out cosine {cosine:.4f}", flush=True,
                    )  # fmt: skip
                    sums = [0.0, 0.0]
                if step % 200 == 0:
                    torch.save({"shape": student.shape, "state": student.state_dict()}, args.out)
            if done() >= 1:
                break
    student.quantise(True)
    print(f"held out cosine, coarse products: {held_out(student, held_rows, held_target):.4f}", flush=True)
    torch.save({"shape": student.shape, "state": student.state_dict()}, args.out)


if __name__ == "__main__":
    main()
