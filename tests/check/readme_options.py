#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Holds README's option table against what the program prints; --write puts the program's there.

    readme_options.py [--write] XBOND README
"""
import pathlib
import re
import subprocess
import sys

BEGIN, END = "<!-- options:begin -->\n", "<!-- options:end -->"


def main(write, xbond, readme):
    table = subprocess.run([xbond, "options", "--markdown"], check=True, capture_output=True, text=True).stdout
    path = pathlib.Path(readme)
    text = path.read_text()
    found = re.search(re.escape(BEGIN) + "(.*?)" + re.escape(END), text, re.S)
    if not found:
        print(f"{readme} has no section between {BEGIN.strip()} and {END}")
        return 1
    if not table.lstrip().startswith("|"):
        print(f"'{xbond} options --markdown' printed no table: {table[:200]!r}")
        return 1
    if write:
        path.write_text(text[: found.start(1)] + table + text[found.end(1):])
        return 0
    if found.group(1) != table:
        print(f"{readme} differs from '{xbond} options --markdown'; to renew it:\n"
              f"    tests/check/readme_options.py --write {xbond} {readme}")
        return 1
    return 0


if __name__ == "__main__":
    args = sys.argv[1:]
    sys.exit(main("--write" in args, *[a for a in args if a != "--write"]))
