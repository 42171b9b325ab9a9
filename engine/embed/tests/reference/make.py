"""Writes minilm.json: texts and their all-MiniLM-L6-v2 vectors, computed here in float64 from the weights alone.

    python make.py MODEL_FOLDER > minilm.json        needs numpy and tokenizers

The forward pass is written out after the BERT paper (arXiv 1810.04805) and shares nothing with the Rust one but the
file of weights; the tests ask for a cosine above 0.999 between the two.
"""

import json
import math
import struct
import sys
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

TOKENS_MAX = 256  # sentence_bert_config.json of this model
HEADS = 12
LAYERS = 6

TEXTS = [
    "memory",
    "The quick brown fox jumps over the lazy dog.",
    "Where did the engineer who repaired the harbour crane grow up?",
    "On 7 May 2023 Caroline told Melanie that she had joined a support group the week before.",
    "ISO 8601 writes dates as YYYY-MM-DD; RFC 3339 narrows it (e.g. 1996-12-19T16:39:57-08:00).",
    "fn main() { println!(\"{}\", (1..=10).map(|x| x * x).sum::<u64>()); }",
    "Crème brûlée à la façon de l'aïeule — «ÉTÉ» naïve cœur Ångström",
    "北京是中华人民共和国的首都。 東京タワー 서울특별시",
    "Привет, мир! Γειά σου Κόσμε. مرحبا بالعالم שלום עולם नमस्ते",
    "Emoji 👩‍👩‍👧 and signs ™ © ½ ﬁ Ⅷ, zero\u200bwidth, soft\u00adhyphen, nbsp\u00a0here, I\u0307 e\u0301.",
    "  tabs\tand\nnewlines \r\n and   runs of    spaces  ",
    " ".join(
        f"Item {i}: the {colour} lantern on shelf {i * 7 % 31} was moved by {who} before the {when} inspection."
        for i, (colour, who, when) in enumerate(
            zip(["red", "green", "amber", "violet"] * 12, ["Ana", "Bo", "Chidi"] * 16, ["spring", "autumn"] * 24)
        )
    ),
]


def read_safetensors(path):
    """Name -> float64 array. The format: 8 bytes of header length, a JSON header, the data."""
    data = path.read_bytes()
    (header_len,) = struct.unpack("<Q", data[:8])
    header = json.loads(data[8 : 8 + header_len])
    tensors = {}
    for name, info in header.items():
        if name != "__metadata__" and info["dtype"] == "F32":
            begin, end = (8 + header_len + offset for offset in info["data_offsets"])
            tensors[name] = np.frombuffer(data[begin:end], "<f4").reshape(info["shape"]).astype(np.float64)
    return tensors


def main(folder):
    weights = read_safetensors(folder / "model.safetensors")
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(TOKENS_MAX)
    erf = np.vectorize(math.erf)

    def linear(x, name):
        return x @ weights[name + ".weight"].T + weights[name + ".bias"]

    def norm(x, name):
        centred = x - x.mean(-1, keepdims=True)
        scaled = centred / np.sqrt((centred**2).mean(-1, keepdims=True) + 1e-12)
        return scaled * weights[name + ".weight"] + weights[name + ".bias"]

    def encode(ids):
        count = len(ids)
        x = weights["embeddings.word_embeddings.weight"][ids]
        x = x + weights["embeddings.position_embeddings.weight"][:count]
        x = x + weights["embeddings.token_type_embeddings.weight"][0]
        x = norm(x, "embeddings.LayerNorm")
        for layer in range(LAYERS):
            name = f"encoder.layer.{layer}."
            heads = lambda part: linear(x, name + "attention.self." + part).reshape(count, HEADS, -1).swapaxes(0, 1)
            query, key, value = heads("query"), heads("key"), heads("value")
            scores = query @ key.swapaxes(1, 2) / math.sqrt(query.shape[-1])
            scores = np.exp(scores - scores.max(-1, keepdims=True))
            scores /= scores.sum(-1, keepdims=True)
            context = (scores @ value).swapaxes(0, 1).reshape(count, -1)
            x = norm(linear(context, name + "attention.output.dense") + x, name + "attention.output.LayerNorm")
            wide = linear(x, name + "intermediate.dense")
            wide = 0.5 * wide * (1.0 + erf(wide / math.sqrt(2.0)))
            x = norm(linear(wide, name + "output.dense") + x, name + "output.LayerNorm")
        mean = x.mean(0)
        return mean / np.linalg.norm(mean)

    entries = []
    for text in TEXTS:
        ids = tokenizer.encode(text).ids
        vector = [float(f"{x:.7g}") for x in encode(ids)]
        entries.append({"text": text, "tokens": len(ids), "vector": vector})
    lines = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries)
    print(f"[\n{lines}\n]")


main(Path(sys.argv[1]))
