#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Rules for single files: length, licence line, fixed sleeps, words of unfinished work, documents that a clone does not
have, generated files.

    files.py ROOT

Looks at what git tracks or would track.
"""
import pathlib
import re
import subprocess
import sys

WARN_LINES, MAX_LINES = 500, 600
SOURCE = {".c", ".h", ".cpp", ".hpp", ".py", ".sh"}
# Compiled for BPF and for user space.
DUAL = {"include/xbond/abi.h", "include/xbond/balance.h", "include/xbond/classify.h", "include/xbond/flow_dissect.h",
        "include/xbond/flow_hash.h", "include/xbond/numbers.h", "include/xbond/packet.h", "include/xbond/pick.h", "include/xbond/view.h",
        "tests/bpf/probe_select.h"}
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK|unimplemented|not implemented)\b")
SLEEP = re.compile(r"\b(?:sleep_for|usleep|nanosleep|time\.sleep)\b|\bsleep\s+[0-9.]+")
PACE = re.compile(  # of a loop that polls or sends: no wait
    r"\b(?:sleep_for\((?:\d{1,2}(?:ms|us)|std::chrono::(?:milli|micro)seconds\(\d{1,2}\))\)|usleep\(\d{1,4}\))")
MAY_SLEEP = ("tests/harness/", "tests/vm/")  # the polling loop and paced senders; scripts for a guest that has only a shell
BUILT = re.compile(r"(^|/)build/|\.(o|a|so|skel\.h|pyc)$|(^|/)vmlinux\.h$")
OUTSIDE = re.compile(  # documents that a clone does not contain; spec.py knows the numbers of rules
    r"\.\./shared\b|\b(?:design|peers|(?:\w+-)?behaviou?r)\.md\b|\b(?:LACP|behaviou?r) reference\b"
    r"|\breferences?,?\s+(?:sections?\s+)?\d+(?:\.\d+)*")
TITLE = re.compile(r'\b(?:TEST_CASE|SECTION)\(\s*((?:"(?:[^"\\]|\\.)*"\s*)+)')
TITLE_INDENT = 72  # Catch2 2 wraps a title behind its first ": "; where no column is left it never ends to print one
VMLINUX = re.compile(r'#\s*include\s*["<][^">]*vmlinux\.h')


def is_source(path, text):
    return path.suffix in SOURCE or (path.suffix == "" and text.startswith("#!"))


def licence_of(name):
    if name in DUAL:
        return r"\(?GPL-2\.0-only OR MIT\)?"
    return "GPL-2.0-only" if name.startswith("bpf/") or name.endswith(".bpf.c") else "MIT"


def check_source(name, text):
    lines = text.count("\n")
    if lines > MAX_LINES:
        yield f"{lines} lines; at most {MAX_LINES}: split it"
    head = "\n".join(text.split("\n", 3)[:3])
    if not re.search(rf"SPDX-License-Identifier: {licence_of(name)}(\s|$)", head):
        yield f"needs 'SPDX-License-Identifier: {licence_of(name)}' in its first three lines".replace("\\", "")
    if name.endswith(".bpf.c") and not re.search(r'\w*license\[\]\s*SEC\("license"\)\s*=\s*"GPL"', text, re.I):
        yield 'needs the "GPL" license section: the helpers in use are GPL-only'
    if name.startswith("tests/check/"):  # holds the words that are looked for
        return
    if VMLINUX.search(text):
        yield "includes vmlinux.h: declare the few fields that are read, with preserve_access_index"
    for m in UNFINISHED.finditer(text):
        yield f"line {text.count(chr(10), 0, m.start()) + 1}: '{m.group(0)}': finish it or file an issue"
    if name.startswith("tests/") and not name.startswith(MAY_SLEEP):
        for m in SLEEP.finditer(PACE.sub("", text)):
            yield f"line {text.count(chr(10), 0, m.start()) + 1}: fixed sleep: wait for a condition with a deadline"
    for m in TITLE.finditer(text):
        title = "".join(re.findall(r'"((?:[^"\\]|\\.)*)"', m.group(1)))
        if title.find(": ") > TITLE_INDENT:
            yield f"line {text.count(chr(10), 0, m.start()) + 1}: ': ' of a title behind column {TITLE_INDENT}: its failure fills the disk"


def check(root, path):
    name = path.as_posix()
    if BUILT.search(name):
        yield "is a build product"
        return
    data = (root / path).read_bytes()
    if b"\0" in data:
        return
    text = data.decode(errors="replace")
    if not name.startswith(("tests/check/", "LICENSES/")):
        for m in OUTSIDE.finditer(text):
            line = text.count("\n", 0, m.start()) + 1
            yield f"line {line}: '{m.group(0)}' is not in the repository: say the rule in words"
    if is_source(path, text):
        yield from check_source(name, text)


def tracked(root):
    out = subprocess.run(["git", "-c", f"safe.directory={root.resolve()}", "-C", root, "ls-files", "-z", "--cached",
                          "--others", "--exclude-standard"], check=True, capture_output=True, text=True).stdout
    return [pathlib.Path(n) for n in sorted(out.split("\0")) if n and (root / n).is_file()]


def main(root):
    files = tracked(root)
    problems = [f"{p}: {text}" for p in files for text in check(root, p)]
    for path in files:
        if path.suffix in SOURCE and (lines := (root / path).read_bytes().count(b"\n")) > WARN_LINES:
            print(f"warning: {path}: {lines} lines; aim for {WARN_LINES}")
    print("\n".join(problems + [f"files: {len(files)} files, {len(problems)} problems"]))
    return 1 if problems or not files else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
