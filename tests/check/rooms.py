#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Rooms that say what they are: the code map of docs/architecture.md against the tree.

    rooms.py ROOT

* every directory that git tracks has one line in the code map, and every line its directory;
* a directory of code holds at most MAX_UNITS units (a .cpp with its .h counts once);
* every directory of user/ and loader/ has its directory of tests/, with a test in it or below it.
"""
import pathlib
import re
import subprocess
import sys

MAP = "docs/architecture.md"
BEGIN, END = "<!-- rooms:begin -->", "<!-- rooms:end -->"
MAX_UNITS = 17
CODE = {".c", ".h", ".cpp", ".hpp"}
LINE = re.compile(r"^(\S+)/\s+\S")


def tracked(root):
    out = subprocess.run(["git", "-c", f"safe.directory={root.resolve()}", "-C", root, "ls-files", "-z", "--cached",
                          "--others", "--exclude-standard"], check=True, capture_output=True, text=True).stdout
    return [pathlib.PurePath(n) for n in out.split("\0") if n and (root / n).is_file()]


def directories(files):
    """Every directory with a file in it, and those above it."""
    return {str(d) for f in files for d in f.parents if str(d) != "."}


def unit(path):
    """The name that a file shares with its partner: engine.cpp and engine.h are one unit, and so is xb_tx.bpf.c."""
    return path.name.split(".")[0]


def mapped(text):
    """The directories of the code map, with their line numbers."""
    if BEGIN not in text or END not in text:
        return None
    before = text.split(BEGIN)[0].count("\n")
    lines = text.split(BEGIN)[1].split(END)[0].splitlines()
    return {m.group(1): before + n + 1 for n, line in enumerate(lines) if (m := LINE.match(line))}


def test_room(directory):
    """Where the tests of a directory of user/ or loader/ lie; None for the others."""
    parts = pathlib.PurePath(directory).parts
    if parts[0] == "loader":
        return pathlib.PurePath("tests", *parts)
    return pathlib.PurePath("tests", *parts[1:]) if parts[0] == "user" and len(parts) > 1 else None


def check(root):
    files = tracked(root)
    rooms = directories(files)
    page = root / MAP
    lines = mapped(page.read_text()) if page.is_file() else None
    if lines is None:
        yield f"{MAP}: needs a code map between {BEGIN} and {END}"
        return
    for room in sorted(rooms - lines.keys()):
        yield f"{room}: has no line in the code map of {MAP}"
    for room in sorted(lines.keys() - rooms):
        yield f"{MAP}:{lines[room]}: {room} is no directory"
    for room in sorted(rooms):
        units = {unit(f) for f in files if str(f.parent) == room and f.suffix in CODE}
        if len(units) > MAX_UNITS:
            yield f"{room}: {len(units)} units; at most {MAX_UNITS}: give a part of them a room of their own"
        tests = test_room(room)
        if tests and not any(f.is_relative_to(tests) and f.name.endswith("_test.cpp") for f in files):
            yield f"{room}: has no test in {tests}"


def main(root):
    problems = list(check(root))
    print("\n".join(problems + [f"rooms: {len(problems)} problems"]))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
