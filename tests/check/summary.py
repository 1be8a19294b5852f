#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Sums up ctest's JUnit files: every skipped test with its reason, every failed one, and one line of totals."""
import pathlib
import re
import sys
import xml.etree.ElementTree as ET


def reason(case):
    """Why a test was skipped, in its own words; None if it was not: one that could not start has failed."""
    found = re.search(r"SKIPPED:\s*(.*)", case.findtext("system-out") or "")
    if found:
        return found.group(1).strip()
    return "disabled" if case.get("status") == "disabled" else None


def main(files):
    passed, failed, skipped = 0, [], {}
    for file in files:
        if not pathlib.Path(file).exists():  # ctest writes none when no test matches
            continue
        build = pathlib.Path(file).parent.name
        for case in ET.parse(file).getroot().iter("testcase"):
            name = f"{build}: {case.get('name')}"
            if case.get("status") == "run":
                passed += 1
            elif case.get("status") != "fail" and (why := reason(case)) is not None:
                skipped.setdefault(why, []).append(name)
            else:
                failed.append(name)
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
