#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The law is in the tree: what comments, test titles and docs name of it is defined on a page of docs/spec.

    spec.py ROOT [--list]

* a rule is a heading `### some.name` of a page; a rule named in backticks, anywhere, has its heading;
* an id (A12, XB-34, 4.4) is defined below a rule, in bold at the beginning of an item or of a row of a table; ids in
  comments, in test titles and in docs are defined. Pages lacp*.md have a series of their own: numbers mean these in
  user/core/lacp and its tests, and in titles that begin with 802.3ad;
* files that a rule names are there, and in them the names in backticks behind them; each test whose title has an id is
  named by its rule, and each id with a letter is that of a test;
* departures.md names the rules with a paragraph "Departure:", all of them and no others, and each difference of README;
* a document (.md) that is named is in the repository; public ones (802.1AX 6.4.15, RFC 4291 2.7.1) are cited freely.
"""
import dataclasses
import pathlib
import re
import subprocess
import sys

SPEC = "docs/spec"
LETTERS = r"XB-\d{1,2}|[AGHMOPT][1-9]\d?|R(?:0[1-9]|[1-9]\d?)|[LV]\d\d"
ID = rf"(?:{LETTERS}|\d{{1,2}}\.\d{{1,2}}(?:\.\d)?|3)"
RULE = re.compile(r"^### ([a-z0-9_]+(?:\.[a-z0-9_]+)+)\b", re.M)
NAMED_RULE = re.compile(r"`([a-z0-9_]+(?:\.[a-z0-9_]+)+)`")
DEFINED = re.compile(rf"^(?:- |\| )((?:\*\*{ID}\*\*[,; ]*)+)", re.M)
NAME = re.compile(r"`([\w.]+)`")
BOLD = re.compile(r"\*\*(.+?)\*\*")
FILE = re.compile(r"\b((?:bpf|common|docs|include|loader|packaging|scripts|tests|user|xsk)/[\w.{},*/-]+)")
BRACES = re.compile(r"\{([\w,]+)\}")
SYMBOLS = re.compile(r"\b((?:bpf|common|include|loader|user|xsk)/[\w./-]+\.\w+)((?:[\s,]+`[\w.]+`)+)")
LETTER_ID = re.compile(rf"(?<![\w./:#-])(?:{LETTERS})(?![\w:]|\.\w|-\w)")
# A number of a rule, as it is cited: (4.4), 4.4 (a), of 4.1; and what else two numbers with a dot are.
NUMBER = re.compile(r"(?<![\w.,:/+-])(\d{1,2}\.\d{1,2}(?:\.\d{1,2})?)(?![\w.%]|-\w|,\d)")
PUBLIC = re.compile(  # in front of it: versions, and clauses that everybody can open
    r"(?:\b(?:802\.\w+|RFC \d+(?: section)?|Linux|kernels?|libbpf|version|v|Debian|below|before|since|until|than|clang|GCC|"
    r"GPL-2\.0|clause)\s*[(,]?\s*)$", re.I)
LIST = re.compile(r",? (?:and |or |to )?|, ?")  # between two of a list: the second is what the first is
KERNELS = {"5.10", "5.13", "6.4", "6.9", "6.12", "7.2"}  # versions that comments name and that no page may define
QUANTITY = re.compile(r"^\s*(?:s\b|ms\b|us\b|ns\b|m\b|%|times|seconds?|Gb|Mb|KiB|MiB|GiB|GHz|k\b|pps|cores?\b|x\b|and later|and above)")
DOCUMENT = re.compile(r"(?<![\w/.-])((?:\.\./|[\w.-]+/)*[\w.-]+\.md)\b")
OUTSIDE = re.compile(r"\b(?:issue|fault|acceptance|(?<!\d )section) #?\d+\b(?!\.\d)|\.\./shared\b|/work/")
TITLE = re.compile(r'\bTEST_CASE(?:_METHOD)?\(\s*(?:\w+,\s*)?((?:"(?:[^"\\]|\\.)*"\s*)+)')
SOURCE = {".c", ".h", ".cpp", ".hpp", ".py", ".sh", ".txt", ".cmake"}
BLOCK = re.compile(r"/\*.*?\*/|//[^\n]*|\"(?:[^\"\\\n]|\\.)*\"|'(?:[^'\\\n]|\\.)'", re.S)
HASH = re.compile(r"(?:^|(?<=\s))#[^\n]*", re.M)
LACP_FILES = ("user/core/lacp/", "tests/core/lacp/", "tests/core/scenarios/lacp/", f"{SPEC}/lacp")


@dataclasses.dataclass
class Law:
    rules: dict = dataclasses.field(default_factory=dict)  # name: (page, text)
    ids: dict = dataclasses.field(default_factory=dict)  # (series, id): rule
    prefixes: set = dataclasses.field(default_factory=set)

    def series(self, ident, lacp):
        """The series in which an id is found there; None: it is defined in none."""
        numbered = ident[0].isdigit() or ident[0] == "R"  # these mean another thing in either
        order = ("lacp", "bond") if lacp else ("bond",) if numbered else ("bond", "lacp")
        return next((series for series in order if (series, ident) in self.ids), None)


def tracked(root):
    out = subprocess.run(["git", "-c", f"safe.directory={root.resolve()}", "-C", root, "ls-files", "-z", "--cached",
                          "--others", "--exclude-standard"], check=True, capture_output=True, text=True).stdout
    return [pathlib.PurePath(n) for n in sorted(out.split("\0")) if n and (root / n).is_file()]


def read_law(root, pages, problem):
    law = Law()
    for page in pages:
        series = "lacp" if page.name.startswith("lacp") else "bond"
        text = (root / page).read_text()
        heads = list(RULE.finditer(text))
        for head, following in zip(heads, heads[1:] + [None]):
            name, body = head[1], text[head.end():following.start() if following else len(text)]
            body = re.split(r"^##? ", body, flags=re.M)[0]
            if name in law.rules:
                problem(page, f"rule {name} is defined twice, also in {law.rules[name][0]}")
            law.rules[name] = (page, body)
            law.prefixes.add(name.split(".")[0])
            for entry in DEFINED.finditer(body):
                for ident in BOLD.findall(entry[1]):
                    if (series, ident) in law.ids:
                        problem(page, f"id {ident} is defined twice: {law.ids[series, ident]}, {name}")
                    if ident in KERNELS:
                        problem(page, f"id {ident} is a version of Linux")
                    law.ids[series, ident] = name
    return law


def comments(path, text):
    """The comments of a source, and its strings where they are titles of tests: (text, offset)."""
    if path.suffix in (".c", ".h", ".cpp", ".hpp"):
        yield from ((m[0], m.start()) for m in BLOCK.finditer(text) if m[0].startswith("/"))
    else:
        yield from ((m[0], m.start()) for m in HASH.finditer(text))


def titles(text):
    for m in TITLE.finditer(text):
        yield "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', m[1])), m.start()


def cited(text, is_title):
    """The ids in a text, as (id, offset)."""
    for m in LETTER_ID.finditer(text):
        yield m[0], m.start()
    if is_title and (m := re.match(r"(3) ", text)):
        yield m[1], 0
    end, public = 0, False  # of the number before
    for m in NUMBER.finditer(text):
        before, after = text[max(0, m.start() - 40):m.start()], text[m.end():m.end() + 12]
        major, minor = map(int, m[1].split(".")[:2])
        if not (public and LIST.fullmatch(text[end:m.start()])):
            public = m[1] in KERNELS or bool(PUBLIC.search(before))
        end = m.end()
        if not public and not QUANTITY.match(after) and major in range(1, 9) and minor < 14:
            yield m[1], m.start()


def check_departures(root, law, problem):
    page = pathlib.PurePath(SPEC, "departures.md")
    if not (root / page).is_file():
        problem(page, "is missing")
        return
    text = (root / page).read_text()
    listed = {name for name in NAMED_RULE.findall(text) if name in law.rules}
    departing = {name for name, (_, body) in law.rules.items() if re.search(r"^Departure", body, re.M)}
    for name in sorted(departing - listed):
        problem(law.rules[name][0], f"rule {name} departs, and {page} does not say so")
    for name in sorted(listed - departing):
        problem(page, f"rule {name} has no paragraph 'Departure:' on its page")
    readme = root / "README.md"
    section = re.search(r"^## What differs.*?(?=^## )", readme.read_text(), re.M | re.S) if readme.is_file() else None
    flat = re.sub(r"\s+", " ", text)
    for item in re.findall(r"^\* (.*?)(?=^\* |\n\n)", section[0] if section else "", re.M | re.S):
        lead = re.sub(r"\s+", " ", (BOLD.search(re.sub(r"\s+", " ", item)) or re.match("(.*)", item))[1])
        if lead not in flat:
            problem("README.md", f"difference '{lead}' is not in {page}")


def spread(name):
    """a/{b,c}.cpp is two files."""
    m = BRACES.search(name)
    return [name] if not m else [name[:m.start()] + part + name[m.end():] for part in m[1].split(",")]


def check_rules(root, law, tested, there, problem):
    """What rules name, against the tree: files, symbols, and the tests that bear their ids."""
    for rule, (page, body) in law.rules.items():
        for target in (one for m in FILE.finditer(body) for one in spread(m[1].rstrip(".,/"))):
            if target not in there:
                problem(page, f"rule {rule} names {target}, which is not there")
        for m in SYMBOLS.finditer(body):
            text = (root / m[1]).read_text() if (root / m[1]).is_file() else ""
            for symbol in NAME.findall(m[2]):
                if symbol not in text:
                    problem(page, f"rule {rule}: there is no {symbol} in {m[1]}")
    for (series, ident), rule in law.ids.items():
        page, body = law.rules[rule]
        named = [one for m in FILE.finditer(body) for one in spread(m[1].rstrip(".,/"))]
        tests = tested.get((series, ident), set())
        for test in sorted(tests):
            if not test.startswith("tests/data/") and not any(test == name or test.startswith(name + "/") for name in named):
                problem(page, f"rule {rule} does not name {test}, whose title has {ident}")
        if not tests and ident[0] in "AGHLMOPRTXV":
            problem(page, f"id {ident} of rule {rule} is no test's")


def check(root, listing=False):
    problems = []
    files = tracked(root)
    names = {f.name for f in files}
    known = {f.as_posix() for f in files}
    rooms = {p.as_posix() for f in files for p in f.parents}

    def problem(path, text, line=None):
        found = f"{path}{f':{line}' if line else ''}: {text}"
        if found not in problems:
            problems.append(found)

    pages = [f for f in files if f.parent.as_posix() == SPEC and f.suffix == ".md"]
    law = read_law(root, pages, problem)
    unresolved, tested = {}, {}

    def look(path, whole, text, offset, is_title=False):
        line = whole.count("\n", 0, offset) + 1
        lacp = path.as_posix().startswith(LACP_FILES) or (is_title and text.startswith("802.3ad"))
        for ident, _ in cited(text, is_title):
            series = law.series(ident, lacp)
            if is_title and series:
                tested.setdefault((series, ident), set()).add(path.as_posix())
            if not series:
                unresolved.setdefault(ident, []).append(f"{path}:{line}")
                problem(path, f"id {ident} is defined on no page of {SPEC}", line)
        for m in NAMED_RULE.finditer(text):
            if m[1].split(".")[0] in law.prefixes and m[1] not in law.rules and not is_value(m[1]):
                problem(path, f"rule {m[1]} is defined on no page of {SPEC}", line + text.count("\n", 0, m.start()))
        for m in DOCUMENT.finditer(text):
            if m[1].rsplit("/", 1)[-1] not in names and "*" not in m[1]:
                problem(path, f"'{m[1]}' is not in the repository", line + text.count("\n", 0, m.start()))
        for m in OUTSIDE.finditer(text):
            problem(path, f"'{m[0]}' is not in the repository", line + text.count("\n", 0, m.start()))

    def is_value(name):  # a file, a key of JSON, an address, not a rule
        return name.rsplit(".", 1)[-1] in {"h", "c", "cpp", "md", "json", "txt", "conf", "py"}

    for path in files:
        name = path.as_posix()
        if name.startswith("tests/data/") and path.suffix == ".json":  # tests are registered from it
            for m in re.finditer(r'"id": *"([LV]\d\d)"', (root / path).read_text()):
                tested.setdefault(("lacp", m[1]), set()).add(name)
                if not law.series(m[1], True):
                    problem(path, f"id {m[1]} is defined on no page of {SPEC}")
        if name.startswith(("tests/check/", "tests/data/", "LICENSES/")):
            continue
        script = path.suffix == "" and (root / path).read_bytes()[:2] == b"#!"
        if path.suffix == ".md":
            text = (root / path).read_text()
            look_at = re.sub(r"^```.*?^```", lambda m: "\n" * m[0].count("\n"), text, flags=re.M | re.S)
            if name.startswith(SPEC + "/") or name.startswith("docs/") or path.parent == pathlib.PurePath("."):
                for n, line in enumerate(look_at.splitlines()):
                    text_of_line = line if name.startswith(SPEC + "/") else re.sub(r"\d+\.\d+", "", line)
                    offset = sum(len(l) + 1 for l in look_at.splitlines()[:n])
                    look(path, look_at, text_of_line, offset)
            continue
        if path.suffix not in SOURCE and not script:
            continue
        text = (root / path).read_text(errors="replace")
        for comment, offset in comments(path, text):
            if "SPDX" in comment:
                comment = re.sub(r"SPDX[^\n]*", "", comment)
            look(path, text, comment, offset)
        if name.startswith("tests/"):
            for title, offset in titles(text):
                look(path, text, title, offset, True)

    check_rules(root, law, tested, known | rooms, problem)
    if pages:
        check_departures(root, law, problem)
    else:
        problem(SPEC, "has no page")
    if listing:
        for ident, places in sorted(unresolved.items()):
            print(ident, len(places), *places[:6])
    return problems, law


def main(root, *options):
    problems, law = check(root, "--list" in options)
    print("\n".join(problems + [f"spec: {len(law.rules)} rules, {len(law.ids)} ids, {len(problems)} problems"]))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]), *sys.argv[2:]))
