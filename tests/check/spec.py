#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The law is in the tree: what comments, test titles and docs name of it is defined on a page of docs/spec.

    spec.py ROOT

* a rule is a heading `### some.name` of a page; a rule named in backticks, anywhere, has its heading;
* an id (A12, XB-34, 4.4) is defined below a rule, in bold at the beginning of an item or of a row of a table; ids in
  comments, in test titles and in docs are defined. Pages lacp*.md have a series of their own: numbers mean these in
  user/core/lacp and its tests, and in titles that begin with 802.3ad;
* a rule names files that hold it and tests that show it; they are there, and in them the names in backticks behind
  them; each test whose title has an id is named by its rule, and each id with a letter is that of a test;
* options.md names every option;
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
    r"(?:\b(?:802\.\w+|RFC \d+(?: section)?|clause|Linux|kernels?|libbpf|version|v|Debian|below|before|since|until|than|"
    r"clang|GCC|GPL-2\.0)\s*[(,]?\s*)$", re.I)
LIST = re.compile(r",? (?:and |or |to )?|, ?")  # between two of a list: the second is what the first is
KERNELS = {"5.10", "5.13", "6.4", "6.6", "6.9", "6.12", "7.2"}  # versions that comments name and that no page may define
QUANTITY = re.compile(
    r"^(?: to \d+\.\d+)?\s*(?:(?:s|ms|us|ns|m|k|x|cores?)\b|%|times|seconds?|Gb|Mb|KiB|MiB|GiB|GHz|pps|and later|and above)")
DOCUMENT = re.compile(r"(?<![\w/.-])((?:\.\./|[\w.-]+/)*[\w.-]+\.md)\b")
OUTSIDE = re.compile(r"\b(?:issue|fault|acceptance|(?<!\d )section) #?\d+\b(?!\.\d)|\.\./shared\b|/work/")
TITLE = re.compile(r'\bTEST_CASE(?:_METHOD)?\(\s*(?:\w+,\s*)?((?:"(?:[^"\\]|\\.)*"\s*)+)')
COMMAND = re.compile(r'"([a-z]+\.[a-z]+)"')  # of the protocol: "link.add"
OPTIONS = ("user/core/options/option_table.cpp", "user/core/bond/slave_options.cpp")
OPTION_ROW = re.compile(r'^    (?:row\(\{?|\{)"([a-z_0-9]+)", ', re.M)
ENDINGS = {"h", "c", "cpp", "md", "json", "txt", "conf", "py"}  # of files that look like names of rules
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
    """The rules and ids of the pages."""
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
    """The comments of a source, as (text, offset)."""
    if path.suffix in (".c", ".h", ".cpp", ".hpp"):
        found = (m for m in BLOCK.finditer(text) if m[0].startswith("/"))
    else:
        found = HASH.finditer(text)
    yield from ((re.sub(r"SPDX[^\n]*", "", m[0]), m.start()) for m in found)


def prose(text):
    """A page without its code blocks."""
    return re.sub(r"^```.*?^```", lambda m: re.sub(r"[^\n]", " ", m[0]), text, flags=re.M | re.S)


def titles(text):
    """The titles of the tests in a source, as (text, offset)."""
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


def spread(name):
    """a/{b,c}.cpp is two files."""
    m = BRACES.search(name)
    return [name] if not m else [name[:m.start()] + part + name[m.end():] for part in m[1].split(",")]


def files_named(text):
    return [one for m in FILE.finditer(text) for one in spread(m[1].rstrip(".,/"))]


class Check:
    def __init__(self, root):
        self.root = root
        self.problems = []
        self.files = tracked(root)
        self.there = {f.as_posix() for f in self.files} | {d.as_posix() for f in self.files for d in f.parents}
        self.documents = {f.name for f in self.files if f.suffix == ".md"}
        self.pages = [f for f in self.files if f.parent.as_posix() == SPEC and f.suffix == ".md"]
        self.law = read_law(root, self.pages, self.problem)
        self.commands = {m[1] for f in self.files if f.as_posix().startswith("user/api/")
                         for m in COMMAND.finditer((root / f).read_text())}
        self.tested = {}  # (series, id): files of tests

    def problem(self, path, text, line=None):
        found = f"{path}{f':{line}' if line else ''}: {text}"
        if found not in self.problems:
            self.problems.append(found)

    def resolve(self, path, ident, lacp, line, is_test):
        series = self.law.series(ident, lacp)
        if not series:
            self.problem(path, f"id {ident} is defined on no page of {SPEC}", line)
        elif is_test:
            self.tested.setdefault((series, ident), set()).add(path.as_posix())

    def look(self, path, whole, text, start, is_title=False):
        """What a comment, a title or a page names."""
        line_of = lambda offset: whole.count("\n", 0, start + offset) + 1
        lacp = path.as_posix().startswith(LACP_FILES) or (is_title and text.startswith("802.3ad"))
        for ident, offset in cited(text, is_title):
            self.resolve(path, ident, lacp, line_of(offset), is_title)
        for m in NAMED_RULE.finditer(text):
            subject, last = m[1].split(".")[0], m[1].rsplit(".", 1)[-1]
            known = last in ENDINGS or m[1] in self.law.rules or m[1] in self.commands
            if subject in self.law.prefixes and not known:
                self.problem(path, f"rule {m[1]} is defined on no page of {SPEC}", line_of(m.start()))
        for m in DOCUMENT.finditer(text):
            if m[1].rsplit("/", 1)[-1] not in self.documents:
                self.problem(path, f"'{m[1]}' is not in the repository", line_of(m.start()))
        for m in OUTSIDE.finditer(text):
            self.problem(path, f"'{m[0]}' is not in the repository", line_of(m.start()))

    def look_at_file(self, path):
        name = path.as_posix()
        if name.startswith(("tests/check/", "LICENSES/")):
            return
        text = (self.root / path).read_text(errors="replace")
        if name.startswith("tests/data/"):  # tests are registered from some
            for m in re.finditer(r'"id": *"([LV]\d\d)"', text if path.suffix == ".json" else ""):
                self.resolve(path, m[1], True, None, True)
        elif path.suffix == ".md":
            self.look(path, text, prose(text), 0)
        elif path.suffix in SOURCE or (path.suffix == "" and text.startswith("#!")):
            for comment, offset in comments(path, text):
                self.look(path, text, comment, offset)
            for title, offset in titles(text) if name.startswith("tests/") else ():
                self.look(path, text, title, offset, True)

    def look_at_rule(self, rule, page, body):
        named = files_named(body)
        for what, of_tests in (("file that holds it", False), ("test that shows it", True)):
            if not any(target.startswith("tests/") == of_tests for target in named):
                self.problem(page, f"rule {rule} names no {what}")
        for target in named:
            if target not in self.there:
                self.problem(page, f"rule {rule} names {target}, which is not there")
        for m in SYMBOLS.finditer(body):
            text = (self.root / m[1]).read_text() if (self.root / m[1]).is_file() else ""
            for symbol in NAME.findall(m[2]):
                if symbol not in text:
                    self.problem(page, f"rule {rule}: there is no {symbol} in {m[1]}")

    def look_at_id(self, ident, rule, tests):
        page, body = self.law.rules[rule]
        named = files_named(body)
        for test in sorted(tests):
            if not test.startswith("tests/data/") and not any(f"{test}/".startswith(f"{name}/") for name in named):
                self.problem(page, f"rule {rule} does not name {test}, whose title has {ident}")
        if not tests and not ident[0].isdigit():
            self.problem(page, f"id {ident} of rule {rule} is no test's")

    def look_at_departures(self):
        page = pathlib.PurePath(SPEC, "departures.md")
        if page not in self.pages:
            self.problem(page, "is missing")
            return
        text = (self.root / page).read_text()
        listed = {name for name in NAMED_RULE.findall(text) if name in self.law.rules}
        departing = {name for name, (_, body) in self.law.rules.items() if re.search(r"^Departure: ", body, re.M)}
        for name in sorted(departing - listed):
            self.problem(self.law.rules[name][0], f"rule {name} departs, and {page} does not say so")
        for name in sorted(listed - departing):
            self.problem(page, f"rule {name} has no paragraph 'Departure:' on its page")
        for words in differences(self.root / "README.md"):
            if words not in " ".join(text.split()):
                self.problem("README.md", f"difference '{words}' is not in {page}")

    def look_at_options(self):
        page = pathlib.PurePath(SPEC, "options.md")
        text = (self.root / page).read_text() if page in self.pages else ""
        for table in OPTIONS:
            rows = (self.root / table).read_text() if (self.root / table).is_file() else ""
            for m in OPTION_ROW.finditer(rows):
                if f"`{m[1]}`" not in text:
                    self.problem(page, f"option {m[1]} of {table} is not there")

    def run(self):
        for path in self.files:
            self.look_at_file(path)
        for rule, (page, body) in self.law.rules.items():
            self.look_at_rule(rule, page, body)
        for key, rule in self.law.ids.items():
            self.look_at_id(key[1], rule, self.tested.get(key, set()))
        self.look_at_options()
        if self.pages:
            self.look_at_departures()
        else:
            self.problem(SPEC, "has no page")
        print("\n".join(self.problems + [f"spec: {len(self.law.rules)} rules, {len(self.law.ids)} ids, "
                                         f"{len(self.problems)} problems"]))
        return 1 if self.problems else 0


def differences(readme):
    """The words that each difference from the kernel begins with, in README's section of that name."""
    text = readme.read_text() if readme.is_file() else ""
    section = re.search(r"^## What differs.*?(?=^## |\Z)", text, re.M | re.S)
    for item in re.findall(r"^\* (.*?)(?=^\* |\n\n|\Z)", section[0] if section else "", re.M | re.S):
        item = " ".join(item.split())
        yield (BOLD.search(item) or re.match("(.*)", item))[1]


if __name__ == "__main__":
    sys.exit(Check(pathlib.Path(sys.argv[1])).run())
