#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sums up ctest's JUnit files: every skipped test with its reason, every failed one, and one line of totals."""
import pathlib
import re
import sys
import xml.etree.ElementTree as ET


def reason(case):
    """The test's own words, or ctest's (a disabled test, an executable that is missing)."""
    found = re.search(r"SKIPPED:\s*(.*)", case.findtext("system-out") or "")
    if found:
        return found.group(1).strip()
    skipped = case.find("skipped")
    return (skipped.get("message") if skipped is not None else None) or "no reason given"


def main(files):
    passed, failed, skipped = 0, [], {}
    for file in files:
        if not pathlib.Path(file).exists():  # ctest writes none when no test matches
            continue
        build = pathlib.Path(file).parent.name
        for case in ET.parse(file).getroot().iter("testcase"):
            name = f"{build}: {case.get('name')}"
            if case.find("failure") is not None or case.get("status") == "fail":
                failed.append(name)
            elif case.find("skipped") is not None or case.get("status") in ("notrun", "disabled"):
                skipped.setdefault(reason(case), []).append(name)
            else:
                passed += 1
    for why, names in skipped.items():
        print(f"skipped ({why}):")
        print("".join(f"    {name}\n" for name in names), end="")
    if failed:
        print("failed:")
        print("".join(f"    {name}\n" for name in failed), end="")
    print(f"{passed} passed, {len(failed)} failed, {sum(map(len, skipped.values()))} skipped")
    if passed + len(failed) == 0:
        print("no test ran", file=sys.stderr)
    return 1 if failed or passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
