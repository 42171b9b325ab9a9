"""BERT encoders in torch: the teacher as it is, and the student cut out of it.

The student has fewer layers, a narrower feed-forward part and a projection to the width of the vectors. `quantised` runs its
products as the Rust side will: 7-bit activations a row (asymmetric), 8-bit weights an output channel, straight-through gradients.
"""

from dataclasses import dataclass
from pathlib import Path

import torch
import torch.nn.functional as F
from safetensors.torch import load_file
from torch import nn

EPS = 1e-12
HEADS = 12


class RoundThrough(torch.autograd.Function):
    """Rounds; the gradient passes as if it had not."""

    @staticmethod
    def forward(ctx, x):
        return x.round()

    @staticmethod
    def backward(ctx, grad):
        return grad


def coarse_rows(x: torch.Tensor) -> torch.Tensor:
    """Activations as 7-bit codes with a scale and a zero point a row."""
    with torch.no_grad():
        x32 = x.float()
        low, high = x32.amin(-1, keepdim=True).clamp(max=0), x32.amax(-1, keepdim=True).clamp(min=0)
        scale = ((high - low) / 127).clamp(min=1e-12)
        zero = (-low / scale).round()
        code = (x32 / scale + zero).round().clamp(0, 127)
        coarse = (code - zero) * scale
    return x + (coarse - x32).to(x.dtype).detach()


def coarse_weight(w: torch.Tensor) -> torch.Tensor:
    """8-bit weights with a scale an output channel (a row of `w`)."""
    with torch.no_grad():
        scale = w.abs().amax(-1, keepdim=True).clamp(min=1e-12) / 127
        coarse = (w / scale).round() * scale
    return w + (coarse - w).detach()


class Linear(nn.Linear):
    quantised = False

    def forward(self, x):
        if not self.quantised:
            return F.linear(x, self.weight, self.bias)
        return F.linear(coarse_rows(x), coarse_weight(self.weight), self.bias)


class Layer(nn.Module):
    def __init__(self, hidden: int, inner: int):
        super().__init__()
        self.query, self.key, self.value, self.output = (Linear(hidden, hidden) for _ in range(4))
        self.up, self.down = Linear(hidden, inner), Linear(inner, hidden)
        self.norm_attention, self.norm_output = nn.LayerNorm(hidden, EPS), nn.LayerNorm(hidden, EPS)

    def forward(self, x, mask):
        b, t, h = x.shape
        parts = (self.query, self.key, self.value)  # one product of the three: a row is coded once
        weight, bias = torch.cat([p.weight for p in parts]), torch.cat([p.bias for p in parts])
        if self.query.quantised:
            qkv = F.linear(coarse_rows(x), coarse_weight(weight), bias)
        else:
            qkv = F.linear(x, weight, bias)
        q, k, v = (part.view(b, t, HEADS, h // HEADS).transpose(1, 2) for part in qkv.chunk(3, -1))
        if torch.is_grad_enabled():  # the fused form's backward pass is ten times slower on a CPU
            mixed = ((q * (h // HEADS) ** -0.5) @ k.transpose(-1, -2) + mask).softmax(-1, dtype=v.dtype) @ v
        else:
            mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
        mixed = mixed.transpose(1, 2).reshape(b, t, h)
        x = self.norm_attention(x + self.output(mixed))
        return self.norm_output(x + self.down(F.gelu(self.up(x))))


@dataclass
class Shape:
    layers: int = 6
    hidden: int = 384
    inner: int = 1536
    vocabulary: int = 30522
    positions: int = 512
    out: int = 0  # width of the vectors; 0: no projection


class Encoder(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.shape = shape
        self.words = nn.Embedding(shape.vocabulary, shape.hidden)
        self.places = nn.Embedding(shape.positions, shape.hidden)  # the one token type's row is added in
        self.norm = nn.LayerNorm(shape.hidden, EPS)
        self.layers = nn.ModuleList(Layer(shape.hidden, shape.inner) for _ in range(shape.layers))
        self.project = Linear(shape.hidden, shape.out, bias=False) if shape.out else None
        self.quantised = False

    def quantise(self, on: bool) -> None:
        self.quantised = on
        for module in self.modules():
            if isinstance(module, Linear):
                module.quantised = on

    def forward(self, ids, lengths):
        """Sentence vectors of unit length; `ids` [texts, tokens] framed and padded."""
        b, t = ids.shape
        real = torch.arange(t)[None] < lengths[:, None]
        words, places = self.words.weight, self.places.weight[:t]
        x = F.embedding(ids, words)
        if self.quantised:
            with torch.no_grad():
                scale = words.abs().amax(-1, keepdim=True).clamp(min=1e-12) / 127
                error = F.embedding(ids, (words / scale).round() * scale) - x
            x, places = x + error, coarse_weight(places)
        x = self.norm(x + places[None])
        if torch.is_autocast_enabled("cpu"):
            x = x.to(torch.bfloat16)
        mask = torch.zeros(b, 1, 1, t, dtype=x.dtype).masked_fill(~real[:, None, None], -1e4)
        for layer in self.layers:
            x = layer(x, mask)
        pooled = (x.float() * real[:, :, None]).sum(1) / lengths[:, None]
        if self.project is not None:
            pooled = self.project(pooled)
        return F.normalize(pooled.float(), dim=-1)


def load_teacher(package: Path) -> Encoder:
    """all-MiniLM-L6-v2 from its unpacked package."""
    w = load_file(next(package.rglob("*.safetensors")))
    w = {k.removeprefix("bert."): v for k, v in w.items()}
    teacher = Encoder(Shape())
    state = {
        "words.weight": w["embeddings.word_embeddings.weight"],
        "places.weight": w["embeddings.position_embeddings.weight"] + w["embeddings.token_type_embeddings.weight"][0],
        "norm.weight": w["embeddings.LayerNorm.weight"],
        "norm.bias": w["embeddings.LayerNorm.bias"],
    }
    parts = {
        "query": "attention.self.query", "key": "attention.self.key", "value": "attention.self.value",
        "output": "attention.output.dense", "norm_attention": "attention.output.LayerNorm",
        "up": "intermediate.dense", "down": "output.dense", "norm_output": "output.LayerNorm",
    }  # fmt: skip
    for i in range(6):
        for ours, theirs in parts.items():
            for kind in ("weight", "bias"):
                state[f"layers.{i}.{ours}.{kind}"] = w[f"encoder.layer.{i}.{theirs}.{kind}"]
    teacher.load_state_dict(state)
    return teacher.eval()


def cut_student(teacher: Encoder, from_layers: list[int], inner: int, positions: int, projection: torch.Tensor) -> Encoder:
    """A student that begins as some of the teacher's layers, each with the feed-forward units of largest weight."""
    student = Encoder(Shape(len(from_layers), 384, inner, 30522, positions, projection.shape[0]))
    theirs = teacher.state_dict()
    ours = {name: theirs[name] for name in ("words.weight", "norm.weight", "norm.bias")}
    ours["places.weight"] = theirs["places.weight"][:positions]
    ours["project.weight"] = projection
    for to, at in enumerate(from_layers):
        layer = {k.removeprefix(f"layers.{at}."): v for k, v in theirs.items() if k.startswith(f"layers.{at}.")}
        weight = layer["up.weight"].norm(dim=1) * layer["down.weight"].norm(dim=0)
        kept = weight.topk(inner).indices.sort().values
        layer["up.weight"], layer["up.bias"] = layer["up.weight"][kept], layer["up.bias"][kept]
        layer["down.weight"] = layer["down.weight"][:, kept]
        ours |= {f"layers.{to}.{k}": v for k, v in layer.items()}
    student.load_state_dict({k: v.clone() for k, v in ours.items()})
    return student


@torch.no_grad()
def narrow(model: Encoder, rows: list, inner: int, batch) -> None:
    """Leaves `inner` feed-forward units in every layer, the rest's work taken over by them as well as a linear map can.

    Optimal brain surgeon (Hassibi and Stork 1993) on the second map of each layer: with the second moments of the units over
    real texts, units go in small groups, least loss first, and what they added is refitted on those that stay. Layers are
    done from first to last, each on what the narrowed ones before it give.
    """
    for at, layer in enumerate(model.layers):
        width = layer.up.out_features
        if width == inner:
            continue
        moments = torch.zeros(width, width)
        caught = []
        hook = layer.up.register_forward_hook(lambda _m, _i, out: caught.append(out))
        for start in range(0, len(rows), 128):
            ids, lengths = batch(rows[start : start + 128])
            caught.clear()
            with torch.autocast("cpu", torch.bfloat16):
                model(ids, lengths)
            real = torch.arange(ids.shape[1])[None] < lengths[:, None]
            units = F.gelu(caught[0].float())[real]
            moments += units.T @ units
        hook.remove()
        moments += torch.eye(width) * moments.diagonal().mean() * 1e-3
        down, kept = layer.down.weight.T.clone(), torch.arange(width)
        while len(kept) > inner:
            inverse = torch.linalg.inv(moments[kept][:, kept])
            loss = down.square().sum(1) / inverse.diagonal()
            gone = loss.argsort()[: min(96, len(kept) - inner)]
            down = down - inverse[:, gone] @ torch.linalg.solve(inverse[gone][:, gone], down[gone])
            stay = torch.ones(len(kept), dtype=torch.bool)
            stay[gone] = False
            kept, down = kept[stay], down[stay]
        up = Linear(layer.up.in_features, inner)
        up.weight.data, up.bias.data = layer.up.weight[kept].clone(), layer.up.bias[kept].clone()
        bias = layer.down.bias.data
        layer.up, layer.down = up, Linear(inner, layer.down.out_features)
        layer.down.weight.data, layer.down.bias.data = down.T.contiguous(), bias
    model.shape.inner = inner
