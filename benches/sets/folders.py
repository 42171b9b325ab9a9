#!/usr/bin/env python3
"""A retrieval set from real folders: documentation that this system's packages brought. A heading is the question, the text under it
the answer; the heading itself is not stored. What is written is read by `cortexkg eval retrieval --dataset`.

usage: folders.py OUT.json[.gz] [FOLDER ...]      FOLDERs: as below unless named; .md .rst .txt .html, README* NEWS* FAQ*, man pages

Sections of 15 to 200 words are asked for, unless their heading is generic, a mere version or date, or stands more than once anywhere.
Longer ones are cut at paragraphs and stored as distractors. Of a folder at most FOLDER_QUESTIONS are asked for and FOLDER_PASSAGES
stored, of a file at most FILE_QUESTIONS: chosen by the digest of their text, so that the same folders give the same set. Not committed:
the texts are their packages'."""
import gzip, hashlib, html.parser, json, os, re, sys

FOLDERS = ['/usr/share/doc/' + name for name in (
    'nodejs/api', 'git', 'systemd', 'python3.11', 'valgrind', 'nettle-dev', 'gnupg', 'dpkg', 'e2fsprogs', 'bash', 'coreutils',
    'util-linux', 'openssl', 'make', 'findutils', 'python3-pip', 'zlib1g-dev', 'dbus', 'apt', 'perl', 'nodejs/contributing')]
FOLDERS += ['/usr/share/man/man' + part for part in '1578']
WORDS_MIN, WORDS_MAX = 15, 200
FOLDER_QUESTIONS, FILE_QUESTIONS, FOLDER_PASSAGES, QUESTIONS_MIN = 40, 8, 400, 120
FILE_BYTES_MAX = 2 << 20
NAMES = re.compile(r'(\.(md|markdown|rst|txt|html?)|(^|/)(README|NEWS|FAQ|HACKING|INSTALL|TODO)[^/]*|\.[1578][a-z0-9]*)(\.gz)?$', re.I)
GENERIC = set('''usage installation install installing introduction overview about contents description synopsis name options option example examples notes
note see also author authors bugs bug copyright license licence history changes changelog summary abstract features requirements reference references
files environment return value values exit status errors error diagnostics parameters arguments commands command configuration general misc miscellaneous
other availability caveats standards conforming attributes versions version reporting colophon getting started background news index acknowledgements
acknowledgments credits contact support documentation resources links building build compatibility security details more further information preface
appendix table limitations known issues todo faq help the a an and or of in on to for with from by is are it this that all new default'''.split())
WORD = re.compile(r"[^\W\d_]{3,}")


def text_of(path):
    """The text of a file, unpacked; none where it is no UTF-8 or too long to be a page."""
    try:
        with (gzip.open if path.endswith('.gz') else open)(path, 'rb') as file: data = file.read(FILE_BYTES_MAX + 1)
        return data.decode() if len(data) <= FILE_BYTES_MAX else None
    except (OSError, EOFError, UnicodeDecodeError): return None


class Page(html.parser.HTMLParser):
    """Headings as lines that begin with '# ', everything else as text."""
    def __init__(self): super().__init__(); self.out = []; self.hidden = 0
    def handle_starttag(self, tag, attrs):
        if tag in ('script', 'style', 'nav', 'title'): self.hidden += 1
        if re.fullmatch('h[1-6]', tag): self.out.append('\n\n# ')
        elif tag in ('p', 'div', 'li', 'tr', 'pre', 'dt', 'dd', 'table'): self.out.append('\n\n')
        elif tag == 'br': self.out.append('\n')
    def handle_endtag(self, tag):
        if tag in ('script', 'style', 'nav', 'title'): self.hidden = max(0, self.hidden - 1)
        if re.fullmatch('h[1-6]', tag): self.out.append('\n\n')
    def handle_data(self, data):
        # Inside a heading a line break would end it.
        if not self.hidden: self.out.append(' '.join(data.split('\n')) if self.out and self.out[-1].endswith('# ') else data)


def of_html(text): page = Page(); page.feed(text); return ''.join(page.out)


def of_manual(text):
    """Source of a manual page as text with '# ' before headings; requests are dropped, their words kept where they are text."""
    out = []
    for line in text.split('\n'):
        if line.startswith(("'\\\"", '.\\"', "'''")): continue
        line = re.sub(r"\\f(\[\w*\]|\(..|.)|\\s[-+]?\d|\\[&|^/,:%]|\\m\[\w*\]", '', line)
        line = re.sub(r'\\\(..|\\\[\w+\]|\\\*(\(..|\[\w+\]|.)', lambda m: {'\\(aq': "'", '\\(cq': "'", '\\(em': '-', '\\(en': '-', '\\(bu': '*'}.get(m[0], ''), line)
        line = line.replace('\\-', '-').replace('\\e', '\\').replace('\\ ', ' ')
        if m := re.match(r"\.\s*S[SHs]\s+(.*)", line): out += ['', '# ' + m[1].strip('" '), '']
        elif m := re.match(r"\.\s*(B|I|BR|IR|RB|RI|BI|IB|IP|TP|SM|Nm|Fl|Ar|Pa|Xr)\b\s*(.*)", line): out.append(m[2].replace('"', ''))
        elif re.match(r"\.\s*(PP|P|LP|Pp|sp|TQ|RS|RE)\b", line): out.append('')
        elif not line.startswith(('.', "'")): out.append(line)
    return '\n'.join(out)


def sections(path, text):
    """Pairs of heading and the text under it, in order."""
    plain = path[:-3] if path.endswith('.gz') else path
    if re.search(r'\.html?$', plain): text = of_html(text)
    elif re.search(r'\.[1578][a-z0-9]*$', plain): text = of_manual(text)
    lines = text.replace('\r\n', '\n').split('\n'); heading, body, found, fenced, at = '', [], [], False, 0
    while at < len(lines):
        line = lines[at]; under = lines[at + 1] if at + 1 < len(lines) else ''
        if line.lstrip().startswith(('```', '~~~')): fenced = not fenced
        marked = None if fenced else re.match(r'#{1,6}\s+(.+?)\s*#*$', line)
        lined = not fenced and line.strip() and len(line) < 90 and re.fullmatch(r'([=\-~^*"+])\1{3,}\s*', under) and abs(len(under.rstrip()) - len(line.strip())) <= 4
        if marked or lined:
            found.append((heading, '\n'.join(body))); body = []; heading = marked[1] if marked else line.strip(); at += 1 if marked else 2
        else: body.append(line); at += 1
    return found + [(heading, '\n'.join(body))]


def clean_heading(text):
    """As a person would type it: no mark-up, no links, no numbers of sections."""
    text = re.sub(r'<[^>]*>|\{#[^}]*\}|\[\[?([^\]]*)\]\]?\([^)]*\)', r'\1', text); text = re.sub(r'[`*|]|\s*¶', '', text)
    return ' '.join(re.sub(r'^(\d+(\.\d+)*\.?|Q:|[A-Z]\.\d*)\s+', '', text).split()).strip(' :.-=')


def is_asked(heading):
    words = [word.lower() for word in WORD.findall(heading)]
    told = [word for word in words if word not in GENERIC]
    # Versions, dates, names of releases: nothing to look for by words.
    dated = re.search(r'\d+\.\d+(\.\d+)?|\b(19|20)\d\d\b', heading) and len(told) < 4
    return bool(told) and not dated and not heading.lower().startswith('table of contents') and 4 <= len(heading) <= 120


def clean_body(text):
    text = re.sub(r'<!--.*?-->|^\s*\.\. [\w-]+::.*$|^\[[^\]]+\]:\s.*$', '', text, flags=re.S | re.M)
    return re.sub(r'\n{3,}', '\n\n', '\n'.join(line.rstrip() for line in text.split('\n'))).strip()


def parts(text):
    """Cuts of at most WORDS_MAX words at paragraphs, a longer paragraph at words."""
    out, held = [], []
    for paragraph in re.split(r'\n\s*\n', text):
        words = paragraph.split()
        if len(words) > WORDS_MAX: pieces = [' '.join(words[at:at + WORDS_MAX]) for at in range(0, len(words), WORDS_MAX)]
        else: pieces = [paragraph.strip('\n')]
        for piece in pieces:
            if held and sum(len(x.split()) for x in held) + len(piece.split()) > WORDS_MAX: out.append('\n\n'.join(held)); held = []
            held.append(piece)
    return [part for part in out + ['\n\n'.join(held)] if len(part.split()) >= WORDS_MIN]


def digest(text): return hashlib.sha256(text.encode()).hexdigest()


def files(folder):
    for root, folders, names in os.walk(folder):
        folders.sort()
        stems = {re.sub(r'\.(md|rst|txt)(\.gz)?$', '', name) for name in names}
        for name in sorted(names):
            # A page that stands beside its source says the same twice.
            if re.sub(r'\.html?(\.gz)?$', '', name) in stems - {name}: continue
            path = os.path.join(root, name)
            if NAMES.search(path) and os.path.isfile(path) and not os.path.islink(path) and not re.search(r'copyright|changelog', name, re.I): yield path


def main():
    if len(sys.argv) < 2: raise SystemExit(__doc__)
    read = []                                                           # (folder, file, title, heading, body)
    for folder in sys.argv[2:] or FOLDERS:
        for path in files(folder):
            text = text_of(path)
            if text is None: continue
            stem = re.sub(r'(\.(md|markdown|rst|txt|html?|\d\w*))?(\.gz)?$', '', os.path.basename(path))
            kind = os.path.relpath(folder, '/usr/share').removeprefix('doc/')
            read += [(kind, path, f"{kind.split('/')[0]} {stem}", clean_heading(head), clean_body(body)) for head, body in sections(path, text)]
    counts = {}
    for _, _, _, heading, _ in read: counts[heading.lower()] = counts.get(heading.lower(), 0) + 1
    passages, questions, seen = [], [], set(); asked_of, stored_of = {}, {}
    def add(kind, title, text):
        if digest(text) in seen: return None
        seen.add(digest(text)); stored_of[kind] = stored_of.get(kind, 0) + 1; passages.append(dict(title=title, text=text)); return len(passages) - 1
    rest = []
    # By digest, so that no file is preferred for standing first.
    for kind, path, title, heading, body in sorted(read, key=lambda row: digest('\n'.join(row[1:]))):
        words = len(body.split()); prose = len(WORD.findall(re.sub(r'```.*?```', '', body, flags=re.S)))
        full = asked_of.get(kind, 0) >= FOLDER_QUESTIONS or asked_of.get(path, 0) >= FILE_QUESTIONS
        if WORDS_MIN <= words <= WORDS_MAX and prose >= WORDS_MIN and counts[heading.lower()] == 1 and is_asked(heading) and not full and 'Table of Contents' not in body:
            at = add(kind, title, body)
            if at is not None:
                for key in (kind, path): asked_of[key] = asked_of.get(key, 0) + 1
                questions.append(dict(id=f'folders-{len(questions)}', q=heading, type=kind, gold=[at]))
        else: rest += [(kind, title, part) for part in parts(body)]
    for kind, title, part in rest:
        if stored_of.get(kind, 0) < FOLDER_PASSAGES: add(kind, title, part)
    out = dict(name='folders', source='documentation of installed packages', license='of each package', passages=passages, questions=questions)
    with (gzip.open if sys.argv[1].endswith('.gz') else open)(sys.argv[1], 'wt') as file: json.dump(out, file, ensure_ascii=False)
    kinds = {}
    for question in questions: kinds[question['type']] = kinds.get(question['type'], 0) + 1
    print(f'{len(passages)} passages, {len(questions)} questions:', ', '.join(f'{kind} {count}' for kind, count in sorted(kinds.items())))
    if len(questions) < QUESTIONS_MIN: raise SystemExit(f'fewer than {QUESTIONS_MIN} questions: name more folders')


main()
