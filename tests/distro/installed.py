#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What `cmake --install` puts onto a system, against the list, and against what the tree has.

    installed.py SOURCE BUILD [--rewrite]

* the files are those of tests/distro/installed.txt, with their modes, no more and no less; --rewrite writes it anew, to be
  read as a diff. Pages and headers of bpf/lib have no line there: they are held against the tree alone;
* every unit, manual page, header of the two SDKs and file of packaging/ that the tree has is among them;
* every link from an installed page to a file leads to an installed file;
* programs and libraries are stripped and of the size that is expected;
* a program in C and the BPF examples compile from nothing but the installed files.
"""
import os
import pathlib
import re
import shutil
import stat
import subprocess
import sys
import tempfile

LIST = "tests/distro/installed.txt"
LIMITS = {"usr/bin/xbond": 6_000_000, "usr/sbin/xbondd": 8_000_000, "usr/sbin/xbond-files": 2_000_000}
OPTIMIZED = {"RelWithDebInfo", "Release", "MinSizeRel"}
BY_THE_TREE = re.compile(r"/usr/(share/doc/xbond/docs/.*\.(md|svg)|include/xbond/bpf/lib/.*\.h)$")
LINK = re.compile(r"\]\(([^)#\s]+)[)#]")


def run(*command, **more):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, **more)
    return done.returncode, done.stdout + done.stderr


def install(build, dest):
    code, out = run("cmake", "--install", build, "--prefix", "/usr", "--strip", env=os.environ | {"DESTDIR": str(dest)})
    if code:
        sys.exit(f"installed: cmake --install: {out}")


def listed(dest):
    """A line a file: its mode or what it points to, and its path."""
    lines = []
    for path in dest.rglob("*"):
        if path.is_symlink():
            lines.append(f"link {path.relative_to(dest)} -> {os.readlink(path)}")
        elif path.is_file() and not BY_THE_TREE.search(str(path)):
            lines.append(f"{stat.S_IMODE(path.stat().st_mode):04o} {path.relative_to(dest)}")
    # Multiarch directories are the distribution's affair.
    return sorted((re.sub(r"usr/lib/\w+-linux-gnu/", "usr/lib/", line) for line in lines), key=lambda line: line[5:])


def differences(expected, found):
    for line in sorted(expected - found):
        yield f"not installed, but in {LIST}: {line}"
    for line in sorted(found - expected):
        yield f"installed, but not in {LIST}: {line}"


def forgotten(source, build, names):
    """What the tree has of the kinds that belong onto a system."""
    pages = re.findall(r'"([\w.-]+\.[1-8])"', (source / "user/cli/manual.cpp").read_text())
    wanted = {f"{page}.gz": "manual page" for page in pages}
    for path in (source / "packaging").glob("*.service"):
        wanted[path.name] = "unit"
    for path in (source / "bpf/lib").rglob("*.h"):
        wanted[str(path.relative_to(source / "bpf"))] = "header for BPF programs"
    for path in [*(source / "examples").iterdir(), *(source / "xsk/examples").iterdir()]:
        wanted[f"examples/{path.name}"] = "example"
    for path in source.glob("docs/**/*.md"):
        wanted[str(path.relative_to(source))] = "page"
    for name, what in sorted(wanted.items()):
        if not any(n.endswith("/" + name) for n in names):
            yield f"{name}: a {what} that is not installed"
    for name in names:
        header = re.search(r"/include/xbond/bpf/(lib/.*\.h)$", name)
        if header and not (source / "bpf" / header[1]).exists():
            yield f"{name}: a header that the tree does not have"
    if not pages:
        yield "user/cli/manual.cpp: no manual page found in it"
    rules = (source / "packaging/CMakeLists.txt").read_text()
    for path in (source / "packaging").rglob("*"):
        relative = path.relative_to(source / "packaging")
        if path.is_file() and path.name != "CMakeLists.txt" and str(relative) not in rules:
            yield f"packaging/{relative}: nothing installs it"


def dead_links(dest, doc):
    for page in doc.rglob("*.md"):
        for target in LINK.findall(page.read_text()):
            if "://" not in target and not (page.parent / target).exists():
                yield f"{page.relative_to(dest)}: links to {target}, which is not installed"


def unstripped(dest):
    for path in dest.rglob("*"):
        if path.is_symlink() or not path.is_file() or path.read_bytes()[:4] != b"\x7fELF":
            continue
        name = str(path.relative_to(dest))
        if re.search(r"\.(symtab|debug_info)\b", run("readelf", "-SW", path)[1]):
            yield f"{name}: not stripped"
        if path.stat().st_size > LIMITS.get(name, 1_000_000):
            yield f"{name}: {path.stat().st_size} bytes"


def uncompiled(dest, clang):
    include, doc = dest / "usr/include", dest / "usr/share/doc/xbond"
    with tempfile.TemporaryDirectory(prefix="xbond-installed-") as work:
        for example in sorted([*(doc / "examples").glob("*.c"), *(doc / "examples").glob("*.cpp")]):
            if example.name.endswith(".cpp"):
                command = ["c++", "-std=c++17", "-Wall", "-Werror", f"-I{include}"]
            elif example.name.endswith(".bpf.c"):
                command = [clang, "-target", "bpf", "-mcpu=v3", "-O2", "-g", f"-I{include}/xbond/bpf"]
                multiarch = run("cc", "-print-multiarch")[1].strip()
                command += [f"-I/usr/include/{multiarch}"] if multiarch else []
            else:
                own = f"-I{include}/xbond/bpf" if example.name == "load.c" else f"-I{include}"
                command = ["cc", "-Wall", "-Werror", own]
            code, out = run(*command, "-c", example, "-o", pathlib.Path(work) / "object.o")
            if code:
                yield f"{example.name} does not compile from what is installed: {out}"
        library = next(dest.rglob("libxbond-xsk.so"), None)
        pc = next(dest.rglob("xbond-xsk.pc"), None)
        if not library or not pc:
            return
        flags = run("pkg-config", f"--define-variable=prefix={dest}/usr", "--cflags", "--libs", "xbond-xsk",
                    env=os.environ | {"PKG_CONFIG_PATH": str(pc.parent)})[1].split()
        code, out = run("cc", doc / "examples/state.c", "-o", pathlib.Path(work) / "state", *flags)
        if code:
            yield f"state.c does not link by pkg-config: {out}"


def cached(build, name):
    found = re.search(rf"^{name}:\w+=(.*)$", (build / "CMakeCache.txt").read_text(), re.M)
    return found.group(1) if found else ""


def main(source, build, rewrite):
    with tempfile.TemporaryDirectory(prefix="xbond-installed-") as temporary:
        dest = pathlib.Path(temporary)
        install(build, dest)
        found = listed(dest)
        if rewrite:
            (source / LIST).write_text("\n".join(found) + "\n")
        expected = (source / LIST).read_text().splitlines()
        names = [str(path)[len(temporary):] for path in dest.rglob("*")]
        problems = [*differences(set(expected), set(found)), *forgotten(source, build, names),
                    *dead_links(dest, dest / "usr/share/doc/xbond")]
        if cached(build, "CMAKE_BUILD_TYPE") in OPTIMIZED and not cached(build, "XBOND_SANITIZE"):
            problems += unstripped(dest)
        clang = next((c for c in ("clang", "clang-14", "clang-19") if shutil.which(c)), None)
        problems += uncompiled(dest, clang) if clang else ["no clang"]
    print("\n".join(problems + [f"installed: {len(found)} files listed, {len(problems)} problems"]))
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2]), "--rewrite" in sys.argv))
