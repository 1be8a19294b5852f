#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Who may include what, and where modes may be told apart (docs/architecture.md, "Layers").

    layers.py ROOT

Every quoted include and every system header of the sources below ROOT is held against one table. The pure layers get
a list of what is allowed, so that a new system header needs a decision.
"""
import os
import pathlib
import re
import sys
from dataclasses import dataclass

# The standard library without the parts that talk to the system or read a clock.
IMPURE_STD = {
    "condition_variable", "csignal", "cstdio", "ctime", "filesystem", "fstream", "future", "iostream", "mutex",
    "shared_mutex", "stop_token", "syncstream", "thread",
}
BPF_HEADERS = re.compile(r"^(bpf|xdp)/|^linux/(bpf|if_xdp)\.h$")
JSON = re.compile(r"^nlohmann/")
LOG = re.compile(r"^spdlog/")


@dataclass(frozen=True)
class Layer:
    may_include: tuple  # project directories
    pure: bool = False
    json: bool = False
    log: bool = False
    bpf: bool = False


CORE = "user/core"
# A directory, or a path without its ending: one file of C++, with its header.
LAYERS = {
    "include/xbond": Layer(("include/xbond",), pure=True),
    "include/xbond/xsk": Layer(("include/xbond",)),  # for applications, in their own C
    "xsk": Layer(("include/xbond", "xsk"), bpf=True),
    "common": Layer(("common",)), # what both edges use: file descriptors
    "bpf": Layer(("include/xbond", "bpf"), bpf=True),
    "loader": Layer(("include/xbond", "common", "loader"), bpf=True),
    # user/core is pure as a whole; within it the bond sees the others, the others see what they build on.
    "user/core/wire": Layer(("include/xbond", "user/core/wire"), pure=True),
    "user/core/link": Layer(("include/xbond", "user/core/link"), pure=True),
    "user/core/lacp": Layer(("include/xbond", "user/core/wire", "user/core/lacp"), pure=True),
    "user/core/balance": Layer(("include/xbond", "user/core/link", "user/core/balance"), pure=True),
    "user/core/options": Layer(("include/xbond", "user/core/lacp", "user/core/modes", "user/core/options"), pure=True),
    "user/core/modes": Layer(("include/xbond", "user/core/link", "user/core/options", "user/core/modes"), pure=True),
    "user/core/bond": Layer(("include/xbond", CORE), pure=True),
    "user/sys": Layer(("include/xbond", "common", "user/core/wire", "user/sys")),
    "user/sys/link_info": Layer(("include/xbond",), pure=True),
    "user/api": Layer(("include/xbond", CORE, "user/api"), json=True),
    # Reads what it is handed; libyaml is the one thing below it that is not the standard library's.
    "user/import": Layer(("include/xbond", CORE, "user/api", "user/import"), pure=True, json=True),
    "user/import/syntax/yaml": Layer(("include/xbond", "user/import")),
    "user/show": Layer(("include/xbond", CORE, "user/sys/link_info", "user/show"), json=True),
    "user/daemon": Layer(("include/xbond", "common", "user", "loader"), json=True, log=True),
    "user/daemon/bond/encode": Layer(("include/xbond", CORE, "user/daemon/bond/encode"), pure=True),
    "user/files": Layer(("include/xbond", "common", "user"), json=True),
    "user/cli/migrate/plan": Layer(("include/xbond", CORE, "user/cli/migrate/plan"), pure=True),
    "user/cli/migrate/message": Layer(("user/cli/migrate/message",)),
    "user/cli": Layer(("include/xbond", "common", "user", "loader"), json=True, log=True),
}
UNLAYERED = ("tests", "bench")  # may include anything

INCLUDE = re.compile(r'^\s*#\s*include\s*(?:"([^"]+)"|<([^>]+)>)', re.M)
SIDE_EFFECTS = re.compile(
    r"clock::now\b|\bclock_gettime\b|\bgettimeofday\b|\bstd::(?:cout|cerr|clog)\b|\b(?:f|v)?printf\s*\(|\bspdlog\b"
    r"|\brandom_device\b|\bgetenv\b|::(?:open|read|write|socket|ioctl|send|recv|close)\s*\(|\bsyscall\s*\(")
# A mode told from another: by a case label, by a comparison from either side, or under names that hide one.
A_MODE = r"(?:(?:\b\w+::)*\bMode::\w+|\bXB_MODE_[A-Z0-9]+)\b"
MODE_TEST = re.compile(
    rf"\bcase\s+{A_MODE}|[!=]=\s*{A_MODE}|{A_MODE}\s*[!=]=|\busing\s+enum\s+(?:\w+::)*Mode\b")
MAY_TEST_MODES = {
    "include/xbond/numbers.h",  # the questions that the programs ask
    "bpf/lib/select.h",  # which slave a packet takes
    "xsk/select.c",  # the same for applications
    "user/core/modes/traits.h", "user/core/modes/traits.cpp", "user/core/modes/registry.cpp",
}


def lies_in(path, entry):
    return path.startswith(entry + "/") or os.path.splitext(path)[0] == entry


def layer_of(path):
    """The longest table entry that path lies in."""
    return max((d for d in LAYERS if lies_in(path, d)), key=len, default=None)


def strip_comments(text):
    blank = lambda m: re.sub(r"[^\n]", " ", m.group(0))
    return re.sub(r"//[^\n]*|/\*.*?\*/", blank, text, flags=re.S)


def project_path(root, path, quoted):
    """Where a quoted include lies in the project: beside the file, or below an include root; None if generated."""
    for base in (path.parent, *map(pathlib.Path, ("", "include", "bpf"))):
        if (root / base / quoted).is_file():
            return os.path.normpath(base / quoted)
    return None


def check_quoted(layer_name, layer, target):
    if any(lies_in(target, d) for d in layer.may_include):
        return None
    return f"{layer_name} may not include {target}; it may include {', '.join(layer.may_include)}"


def check_system(layer_name, layer, header):
    if BPF_HEADERS.search(header):
        return None if layer.bpf else f"<{header}>: only loader and bpf know libbpf and libxdp"
    if JSON.search(header):
        return None if layer.json else f"<{header}>: {layer_name} knows no JSON"
    if LOG.search(header):
        return None if layer.log else f"<{header}>: {layer_name} writes no log"
    if layer.pure and header not in ("linux/types.h", "tl/expected.hpp", "fmt/format.h"):
        if not re.fullmatch(r"[a-z_0-9]+", header) or header in IMPURE_STD:
            return f"<{header}>: {layer_name} is pure: no system calls, no clock, no I/O"
    return None


def check_file(root, path):
    name = path.as_posix()
    layer_name = layer_of(name)
    if layer_name is None:
        yield 1, "belongs to no layer: add its directory to the table in tests/check/layers.py"
        return
    layer = LAYERS[layer_name]
    text = strip_comments((root / path).read_text())
    line = lambda m: text.count("\n", 0, m.start()) + 1
    for m in INCLUDE.finditer(text):
        quoted, system = m.groups()
        if quoted:
            target = project_path(root, path, quoted)
            problem = check_quoted(layer_name, layer, target) if target else None
        else:
            problem = check_system(layer_name, layer, system)
        if problem:
            yield line(m), problem
    if layer.pure:
        for m in SIDE_EFFECTS.finditer(text):
            yield line(m), f"'{m.group(0).strip()}': {layer_name} is pure: no system calls, no clock, no I/O"
    if name not in MAY_TEST_MODES:
        for m in MODE_TEST.finditer(text):
            yield line(m), (f"'{m.group(0).strip()}': ask traits(mode) of user/core/modes/traits.h, or xb_mode_*() of "
                            "xbond/numbers.h; modes are told apart there and in bpf/lib/select.h only")


def sources(root):
    for directory in ("include", "common", "bpf", "loader", "user"):
        for path in sorted((root / directory).rglob("*")):
            if path.suffix in (".h", ".hpp", ".c", ".cpp") and path.is_file():
                yield path.relative_to(root)


def main(root):
    files = list(sources(root))
    problems = [f"{p}:{line}: {text}" for p in files for line, text in check_file(root, p)]
    print("\n".join(problems + [f"layers: {len(files)} files, {len(problems)} problems"]))
    return 1 if problems or not files else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
