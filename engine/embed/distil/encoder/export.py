"""Writes a trained student as the files the product reads, and a fixture of vectors for its tests.

  python export.py --student FILE.pt --teacher PACKAGE --out ../../models/encoder [--fixture ../../tests/reference/encoder.json]
"""

import argparse
import json
from pathlib import Path

import numpy as np
import torch
from safetensors.numpy import save_file

from network import Encoder, Shape
from tokens import Tokens, embed

METADATA = {
    "format": "cortexkg-encoder-1",
    "name": "cortexkg-encoder-256",
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
