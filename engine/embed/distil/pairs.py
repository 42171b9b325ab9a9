"""Query and passage pairs made from the corpus: what a user would ask, and the text that should come back.

The query is the heading, a question about it, or a sentence of the passage. Half the time that sentence is taken out of the
passage, so that matching cannot live on repeated words alone. Everything is drawn from a seeded generator.
"""

import random
from dataclasses import dataclass

from corpus import Text, sentences

# Most texts a source may give to the teacher's set: the teacher is the slow part, and no source should drown the others.
TAUGHT_MAX = {
    "wikipedia": 7000, "wordnet-base": 22000, "dict-gcide": 13000, "dict-foldoc": 4000, "dict-jargon": 1000,
    "fortunes": 7000, "anarchism": 4000, "sotu": 6000, "factbook": 6000, "debian-descriptions": 6000,
    "postgresql-doc-15": 1200, "python3.11-doc": 1200, "debian-reference-en": 700, "gnome-user-docs": 1200, "moby-dick": 1500,
}  # fmt: skip
UNTAUGHT_MAX = 25_000


@dataclass(frozen=True)
class Pair:
    source: str
    query: str
    passage: str
    related: bool  # False where the query is just another text, paired for batching only


def ask(head: str, rng: random.Random) -> str:
    first = head.split(",")[0]
    if head.endswith("?"):
        return head
    forms = ["{0}", "What is {0}?", "Tell me about {0}.", "What does {0} mean?"]
    if first[:1].isupper():
        forms = ["{0}", "Who or what is {0}?", "What is known about {0}?", "Where is {0}?", "Who was {0}?"]
    return rng.choice(forms).format(head if rng.random() < 0.5 else first)


def pair(text: Text, rng: random.Random) -> Pair | None:
    head, body = text.head, text.body
    if not body:
        return Pair(text.source, head, head, False)
    titled = f"{head}\n{body}" if head else body
    parts = sentences(body)
    roll = rng.random()
    if len(parts) >= 2 and (roll < 0.6 or not head):
        i = rng.randrange(len(parts))
        query = parts[i]
        if rng.random() < 0.5:
            rest = " ".join(parts[:i] + parts[i + 1 :])
            titled = f"{head}\n{rest}" if head else rest
        if len(query.split()) < 4:
            return None
        return Pair(text.source, query, titled, True)
    if not head:
        return Pair(text.source, body, body, False)
    if text.source == "wordnet-base" and roll > 0.75 and len(body.split()) >= 5:
        return Pair(text.source, ("Who is the {}?" if head[:1].isupper() else "What is {}?").format(body), titled, True)
    return Pair(text.source, ask(head, rng), titled, True)


def taught(corpus: list[Text], seed: int) -> list[Pair]:
    """Pairs whose two texts the teacher embeds: a capped share of every source, shuffled."""
    rng = random.Random(seed)
    left, pairs = dict(TAUGHT_MAX), []
    for text in rng.sample(corpus, len(corpus)):
        if left.get(text.source, 10**9) > 0 and (made := pair(text, rng)):
            left[text.source] = left.get(text.source, 10**9) - 1
            pairs.append(made)
    return pairs


def untaught(corpus: list[Text], seed: int) -> list[Pair]:
    """Related pairs for the contrastive loss alone, no teacher needed: at most UNTAUGHT_MAX a source; long texts give several."""
    rng = random.Random(seed)
    left, pairs = {}, []
    for text in rng.sample(corpus, len(corpus)):
        for _ in range(min(4, len(sentences(text.body)))):
            if left.setdefault(text.source, UNTAUGHT_MAX) > 0 and (made := pair(text, rng)) and made.related:
                left[text.source] -= 1
                pairs.append(made)
    return pairs
