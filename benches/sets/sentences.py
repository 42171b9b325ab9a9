#!/usr/bin/env python3
"""Unrelated sentences for `--noise`: the passages of multi-hop sets cut into sentences, each once.

usage: sentences.py OUT.jsonl SET.json[.gz] ... [--first N]

Sentences of 3 to 80 words, in the order of the files; those of more than 40 are cut once more where a clause begins. Fewer than N are an error, so that a measurement never runs against less noise
than it says."""
import gzip, json, re, sys

WORDS_MIN, WORDS_MAX, LONG = 3, 80, 40
CLAUSE = re.compile(r',\s+(?=(?:and|but|while|which|where|who|although|because)\s)')
# A full stop ends a sentence where a capital, a figure or a quotation follows, and no initial or common abbreviation stands before it; a
# semicolon always does.
END = re.compile(r'(?<=[.!?])["\')\]]*\s+(?=["\'(\[]?[A-Z0-9À-Þ])|(?<=;)\s+')
SHORT = re.compile(r'(\b[A-Z]|\b(Mr|Mrs|Ms|Dr|St|Jr|Sr|Prof|Gen|Col|Lt|Capt|Sgt|Rev|Hon|No|Vol|vs|c|ca|approx|Inc|Ltd|Co|Corp|U\.S|U\.K|e\.g|i\.e|etc|Jan|Feb|Mar|Apr|Jun|Jul|Aug|Sept?|Oct|Nov|Dec))\.$')


def sentences(text):
    for sentence in whole(text):
        yield from CLAUSE.split(sentence) if len(sentence.split()) > LONG else [sentence]


def whole(text):
    held = ''
    for piece in END.split(' '.join(text.split())):
        held = f'{held} {piece}'.strip()
        if not SHORT.search(held): yield held; held = ''
    if held: yield held


def main():
    args = sys.argv[1:]; first = None
    if '--first' in args: at = args.index('--first'); first = int(args[at + 1]); del args[at:at + 2]
    if len(args) < 2: raise SystemExit(__doc__)
    seen = set(); out = []
    for path in args[1:]:
        with (gzip.open if path.endswith('.gz') else open)(path, 'rt') as file: passages = json.load(file)['passages']
        for passage in passages:
            for sentence in sentences(passage['text']):
                key = ' '.join(re.findall(r'\w+', sentence.lower()))
                if WORDS_MIN <= len(sentence.split()) <= WORDS_MAX and key not in seen: seen.add(key); out.append(sentence)
    if first is not None and len(out) < first: raise SystemExit(f'{len(out)} sentences are fewer than {first}')
    with open(args[0], 'w') as file:
        for sentence in out[:first]: file.write(json.dumps({'content': sentence}, ensure_ascii=False) + '\n')
    print(f'{len(out[:first])} sentences of {len(out)}')


main()
