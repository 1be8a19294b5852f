#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The checks must be able to fail: each bad file must give its finding, each good one none."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

HERE = pathlib.Path(__file__).parent
MIT = "// SPDX-License-Identifier: MIT\n"
GPL = "// SPDX-License-Identifier: GPL-2.0-only\n"


def run(check, files):
    """Exit code and output of a check over a tree of the given files."""
    with tempfile.TemporaryDirectory(prefix="xbond-check-") as tree:
        root = pathlib.Path(tree)
        for name, text in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_text(text)
        subprocess.run(["git", "init", "-q", tree], check=True)
        done = subprocess.run([sys.executable, HERE / check, tree], capture_output=True, text=True)
        return done.returncode, done.stdout + done.stderr


class Layers(unittest.TestCase):
    tree = {"user/sys/netlink.h": MIT, "user/core/bond/bond.h": MIT, "user/show/render.h": MIT, "loader/datapath.h": MIT,
            "include/xbond/abi.h": MIT, "user/sys/link_info.h": MIT}

    def expect(self, name, text, finding):
        code, out = run("layers.py", self.tree | {name: text})
        if finding is None:
            self.assertEqual((0, True), (code, "0 problems" in out), out)
        else:
            self.assertEqual(1, code, out)
            self.assertIn(finding, out)
            self.assertIn("1 problems", out)

    def test_clean(self):
        self.expect("user/core/bond/a.cpp", '#include "user/core/bond/bond.h"\n#include "xbond/abi.h"\n#include <vector>\n', None)

    def test_core_includes_sys(self):
        self.expect("user/core/bond/a.cpp", '#include "user/sys/netlink.h"\n', "user/core/bond may not include user/sys/netlink.h")

    def test_relative_include_is_seen(self):
        self.expect("user/core/bond/a.cpp", '#include "../../sys/netlink.h"\n', "user/core/bond may not include user/sys/netlink.h")

    def test_sys_includes_core(self):
        self.expect("user/sys/a.cpp", '#include "user/core/bond/bond.h"\n', "user/sys may not include")

    def test_loader_includes_user(self):
        self.expect("loader/a.cpp", '#include "user/core/bond/bond.h"\n', "loader may not include")

    def test_pure_system_headers(self):
        for header in ("sys/socket.h", "net/if.h", "unistd.h", "thread", "fstream"):
            self.expect("user/core/bond/a.cpp", f"#include <{header}>\n", "is pure")

    def test_json_and_log_and_bpf(self):
        self.expect("user/core/bond/a.cpp", "#include <nlohmann/json.hpp>\n", "knows no JSON")
        self.expect("user/sys/a.cpp", "#include <spdlog/spdlog.h>\n", "writes no log")
        self.expect("user/daemon/a.cpp", "#include <bpf/libbpf.h>\n", "only loader and bpf")

    def test_purity_of_every_room_of_the_core(self):
        for room in ("wire", "link", "lacp", "balance", "options", "modes"):
            self.expect(f"user/core/{room}/a.cpp", "#include <sys/socket.h>\n", "is pure")

    def test_one_pure_file_in_a_room_that_is_not(self):
        encode, beside = "user/daemon/bond/encode.cpp", "user/daemon/bond/encoder.cpp"
        self.expect(encode, '#include "user/core/bond/bond.h"\n#include "xbond/abi.h"\n#include <bit>\n', None)
        self.expect(encode, '#include "loader/datapath.h"\n', "user/daemon/bond/encode may not include loader/datapath.h")
        self.expect(encode, "#include <net/if.h>\n", "is pure")
        self.expect(encode, "#include <nlohmann/json.hpp>\n", "knows no JSON")
        self.expect(beside, '#include "loader/datapath.h"\n#include <net/if.h>\n', None)

    def test_outputs_know_values_of_the_system_and_no_adapter(self):
        self.expect("user/show/a.cpp", '#include "user/sys/link_info.h"\n', None)
        self.expect("user/show/a.cpp", '#include "user/sys/netlink.h"\n', "user/show may not include user/sys/netlink.h")
        self.expect("user/sys/link_info.h", "#include <net/if.h>\n", "is pure")

    def test_common_is_scanned(self):
        self.expect("common/a.h", '#include "user/sys/netlink.h"\n', "common may not include")

    def test_clock(self):
        self.expect("user/core/bond/a.cpp", "auto t = std::chrono::steady_clock::now();\n", "is pure")
        self.expect("user/core/bond/a.cpp", "// steady_clock::now() in a comment\n", None)

    def test_mode_switch(self):
        self.expect("bpf/a.bpf.c", "case XB_MODE_XOR:\n", "ask traits(mode)")
        self.expect("user/core/bond/a.cpp", "using enum Mode;\n", "ask traits(mode)")
        self.expect("user/core/bond/a.cpp", "case Mode::active_backup:\n", "ask traits(mode)")
        self.expect("user/core/modes/registry.cpp", "case Mode::active_backup:\n", None)
        self.expect("user/core/options/option_table.cpp", "case Mode::active_backup:\n", "ask traits(mode)")

    def test_mode_comparison(self):
        for test in ("a.mode == Mode::broadcast", "a.mode != xbond::Mode::broadcast", "Mode::broadcast == a.mode",
                     "a.mode ==\n    Mode::broadcast"):
            self.expect("user/show/a.cpp", f"bool b = {test};\n", "ask traits(mode)")
        for test in ("xb_cfg.mode == XB_MODE_ALB", "XB_MODE_8023AD != mode"):
            self.expect("bpf/a.bpf.c", f"if ({test})\n", "ask traits(mode)")
        self.expect("common/a.h", "return mode == XB_MODE_ALB;\n", "ask traits(mode)")

    def test_where_modes_may_be_compared(self):
        for name in ("include/xbond/numbers.h", "bpf/lib/select.h", "user/core/modes/traits.cpp"):
            self.expect(name, "return mode == XB_MODE_ALB;\n", None)

    def test_a_mode_may_be_named(self):
        self.expect("user/core/bond/a.cpp", "Mode mode = Mode::broadcast; // == Mode::broadcast\n", None)
        self.expect("user/core/bond/a.cpp", "if (kind == LinkMode::full || mode == other) {}\n", None)

    def test_unknown_directory(self):
        self.expect("user/odd/a.cpp", "\n", "belongs to no layer")


class Rooms(unittest.TestCase):
    page = "docs/architecture.md"
    tree = {"user/sys/a.cpp": MIT, "user/sys/a.h": MIT, "tests/sys/a_test.cpp": MIT}
    rooms = "docs/      texts\nuser/      code\nuser/sys/  adapters\ntests/     tests\ntests/sys/ of adapters\n"

    def expect(self, finding, rooms=rooms, **more):
        tree = self.tree | {name.replace("__", "/") + ".cpp": MIT for name in more}
        code, out = run("rooms.py", tree | {self.page: f"<!-- rooms:begin -->\n{rooms}<!-- rooms:end -->\n"})
        self.assertEqual(0 if finding is None else 1, code, out)
        self.assertIn(finding or "0 problems", out)

    def test_rooms(self):
        self.expect(None)
        self.expect("user/odd: has no line", user__odd__a=True)
        self.expect("user/gone is no directory", self.rooms + "user/gone/  nothing\n")
        self.expect("18 units", **{f"user__sys__a{n}": True for n in range(17)})
        self.expect("loader: has no test in tests/loader", self.rooms + "loader/  loads\n", loader__a=True)

    def test_no_map(self):
        code, out = run("rooms.py", self.tree)
        self.assertEqual(1, code)
        self.assertIn("needs a code map", out)


class Files(unittest.TestCase):
    def expect(self, name, text, finding):
        code, out = run("files.py", {"README": "x\n", name: text})
        if finding is None:
            self.assertEqual(0, code, out)
        else:
            self.assertEqual(1, code, out)
            self.assertIn(finding, out)

    def test_length(self):
        self.expect("a.cpp", MIT + "\n" * 599, None)
        self.expect("a.cpp", MIT + "\n" * 600, "at most 600")

    def test_licence(self):
        self.expect("a.cpp", "int x;\n", "SPDX-License-Identifier: MIT")
        self.expect("a.cpp", GPL, "SPDX-License-Identifier: MIT")
        self.expect("bpf/a.h", MIT, "SPDX-License-Identifier: GPL-2.0-only")
        self.expect("include/xbond/abi.h", MIT, "GPL-2.0-only OR MIT")
        self.expect("script", "#!/bin/sh\n", "SPDX")

    def test_bpf_license_section(self):
        self.expect("bpf/a.bpf.c", GPL, "license section")
        self.expect("bpf/a.bpf.c", GPL + 'char _license[] SEC("license") = "GPL";\n', None)

    def test_title_that_cannot_be_printed(self):
        self.expect("tests/a.cpp", MIT + f'TEST_CASE("{"a" * 72}: b") {{\n', None)
        self.expect("tests/a.cpp", MIT + f'TEST_CASE("{"a" * 50}"\n    "{"a" * 23}: b") {{\n', "fills the disk")

    def test_vmlinux(self):
        self.expect("bpf/a.h", GPL + '#include "vmlinux.h"\n', "includes vmlinux.h")
        self.expect("bpf/vmlinux.h", GPL, "is a build product")

    def test_unfinished(self):
        self.expect("a.cpp", MIT + "// TODO later\n", "finish it")

    def test_documents_outside(self):
        for text in ("../shared/lab", "see design.md", "peers.md 4.3", "bonding-behaviour.md section 0", "(reference 2.1)",
                     "reference section 2", "reference, section 8", "the LACP reference"):
            self.expect("a.cpp", f"{MIT}// {text}\n", "is not in the repository")
            self.expect("docs/a.md", f"x\n{text}\n", "line 2: ")
        self.expect("a.cpp", MIT + "// a reference to 2 slaves; docs/design-notes.md\n", None)
        self.expect("tests/check/a.py", "# SPDX-License-Identifier: MIT\n# see design.md\n", None)

    def test_sleep(self):
        self.expect("tests/a.sh", "# SPDX-License-Identifier: MIT\nsleep 1\n", "fixed sleep")
        self.expect("tests/a.cpp", MIT + "std::this_thread::sleep_for(500ms);\n", "fixed sleep")
        self.expect("tests/a.cpp", MIT + "std::this_thread::sleep_for(5ms);\n", None)
        self.expect("tests/harness/wait.h", MIT + "std::this_thread::sleep_for(5ms);\n", None)


class Spec(unittest.TestCase):
    rule = ("# MII\n\n### mii.commit\n\nText. Code: user/core/a.cpp `commit`. Tests: tests/core/.\n\n"
            "- **M1** **3.2** a test\n| **M2** | another |\n")
    lacp = "### lacp.key\n\nCode: user/core/a.cpp. Tests: tests/{core,late}_test.cpp.\n\n- **3.5** numbers\n- **R01** late\n- **XB-34** restored\n"
    readme = "## What differs\n\n* **A loss is acted on.** Text\n  of it.\n\n## Next\n"

    def expect(self, finding, departures="", **more):
        tree = {"docs/spec/mii.md": self.rule, "docs/spec/lacp.md": self.lacp, "docs/spec/departures.md": departures,
                "user/core/a.cpp": MIT + "void commit();\n",
                "tests/core/b_test.cpp": MIT + 'TEST_CASE("M1 M2 a loss") {\nTEST_CASE("3.2 commit") {\n',
                "tests/core_test.cpp": MIT + 'TEST_CASE("XB-34 restored") {\n',
                "tests/late_test.cpp": MIT + 'TEST_CASE("802.3ad R01 late") {\n'}
        tree |= {name.replace("__", "/").replace("_dot_", "."): text for name, text in more.items()}
        code, out = run("spec.py", tree)
        self.assertEqual(0 if finding is None else 1, code, out)
        self.assertIn(finding or "2 rules, 6 ids, 0 problems", out)

    def comment(self, text, finding, name="user__core__b_dot_cpp"):
        self.expect(finding, **{name: f"{MIT}// {text}\nconst char *s = \"M9 4.4 `mii.gone`\";\n"})

    def title(self, text, finding, name="tests__core__a_test_dot_cpp"):
        self.expect(finding, **{name: f'{MIT}TEST_CASE("{text}") {{\n'})

    def test_ids_in_comments(self):
        self.comment("M1, M2; XB-34 holds (3.2)", None)
        self.comment("as M3 says", "user/core/b.cpp:2: id M3 is defined on no page")
        self.comment("the windows of 4.1", "id 4.1 is defined")
        self.comment("(4.4)", "id 4.4 is defined")
        self.comment("XB-12", "id XB-12 is defined")
        self.comment("/* 1.4 rule 3 */", "id 1.4 is defined")

    def test_ids_in_titles(self):
        self.title("M1 a loss", None)
        self.title("M7 a loss", "tests/core/a_test.cpp:2: id M7 is defined")
        self.title("1.13 rename", "id 1.13 is defined")
        self.title("3 carrier check", "id 3 is defined")
        self.title("10 Gb/s is faster than 4, after 1.2 s", None)

    def test_series(self):
        self.title("802.3ad R01 late", None, "tests__late_test_dot_cpp")
        self.title("R01 late", "id R01 is defined")
        self.comment("3.5", None, "user__core__lacp__b_dot_cpp")
        self.comment("3.5", "id 3.5 is defined")

    def test_public_clauses_and_versions(self):
        self.comment("802.1AX 6.4.15, RFC 4291 2.7.1, Linux 6.6, before 5.15, 6.18 and 6.12; 10.0.0.1; 1.5 ms, 2.2 %", None)
        self.comment("802.1AX clause 6.4, but 6.4.15 alone", "id 6.4.15 is defined")

    def test_ids_in_documents(self):
        self.expect("docs/a.md:1: id 4.4 is defined", docs__a_dot_md="Backups are not heard (4.4).\n")
        self.expect("docs/a.md:1: id M9 is defined", docs__a_dot_md="as M9 says\n")
        self.expect(None, docs__a_dot_md="Takes 5.0 to 6.2 s on Linux 6.6.\n```sh\nversion 4.4\n```\n")

    def test_ids_in_data(self):
        self.expect("tests/data/a.json: id V01 is defined", tests__data__a_dot_json='[{"id": "V01"}]')

    def test_names(self):
        self.comment("see `mii.commit`", None)
        self.comment("see `mii.gone`", "rule mii.gone is defined on no page")
        self.comment("`link.show` is a command, `mii.h` a file", None)
        self.expect(None, docs__a_dot_md="`mii.show`", user__api__a_dot_cpp=MIT + '{"mii.show", show}\n')
        self.expect("docs/a.md:1: rule lacp.gone", docs__a_dot_md="`lacp.gone`\n")

    def test_documents(self):
        self.comment("docs/spec/mii.md", None)
        self.comment("docs/other.md", "'docs/other.md' is not in the repository")
        self.comment("issue 14", "'issue 14' is not in the repository")
        self.comment("buckets (section 5)", "'section 5' is not in the repository")
        self.comment("RFC 3376 section 4, RFC 3376 section 4.2", None)
        self.expect("docs/a.md:1: 'notes.md'", docs__a_dot_md="[x](notes.md)\n")

    def test_pages(self):
        self.expect("id M1 is defined twice", docs__spec__b_dot_md="### arp.window\n\n- **M1** again\n")
        self.expect("rule mii.commit is defined twice", docs__spec__b_dot_md="### mii.commit\n")
        self.expect("names user/core/gone.cpp, which is not there", docs__spec__b_dot_md="### arp.window\n\nuser/core/gone.cpp\n")
        self.expect("there is no gone in user/core/a.cpp", docs__spec__b_dot_md="### arp.window\n\nuser/core/a.cpp `commit`, `gone`\n")

    def test_what_shows_a_rule(self):
        self.expect("rule arp.window names no file that holds it", docs__spec__b_dot_md="### arp.window\n\ntests/core/\n")
        self.expect("rule arp.window names no test that shows it", docs__spec__b_dot_md="### arp.window\n\nuser/core/\n")

    def test_tests_of_ids(self):
        self.title("802.3ad R01 late", "rule lacp.key does not name tests/other_test.cpp, whose title has R01",
                   "tests__other_test_dot_cpp")
        self.title("M1 a loss", "rule mii.commit does not name tests/other_test.cpp", "tests__other_test_dot_cpp")
        self.expect("id P1 of rule arp.window is no test's", docs__spec__b_dot_md="### arp.window\n\n- **P1** **4.1** a test\n")

    def test_departures(self):
        departing = "### arp.window\n\nDeparture: wide.\n\nCode: user/a.cpp. Tests: tests/a_test.cpp.\n"
        self.expect("rule arp.window departs", docs__spec__b_dot_md=departing)
        self.expect("rule mii.commit has no paragraph", "`mii.commit`\n")
        self.expect("difference 'A loss is acted on.' is not in", README_dot_md=self.readme)
        tree = {"docs/spec/b.md": departing, "docs/spec/departures.md": "A loss is acted on. `arp.window`\n",
                "README.md": self.readme, "user/a.cpp": MIT, "tests/a_test.cpp": MIT}
        self.assertEqual(0, run("spec.py", tree)[0])

    def test_options(self):
        rows = MIT + '    row("mode", {x},\n    row({"miimon", "", "b"}, y,\n'
        self.expect("docs/spec/options.md: option miimon of", user__core__options__option_table_dot_cpp=rows,
                    docs__spec__options_dot_md="`mode`\n")
        self.expect(None, user__core__options__option_table_dot_cpp=rows, docs__spec__options_dot_md="`mode`, `miimon`\n")

    def test_no_page(self):
        code, out = run("spec.py", {"a.cpp": MIT})
        self.assertEqual(1, code)
        self.assertIn("docs/spec: has no page", out)


class Summary(unittest.TestCase):
    case = '<testcase name="{}" status="{}"><system-out>{}</system-out></testcase>'

    def expect(self, line, code, *cases):
        with tempfile.TemporaryDirectory(prefix="xbond-check-") as tree:
            file = pathlib.Path(tree) / "results.xml"
            file.write_text(f"<testsuite>{''.join(self.case.format(*case) for case in cases)}</testsuite>")
            done = subprocess.run([sys.executable, HERE / "summary.py", file], capture_output=True, text=True)
        self.assertEqual((code, line), (done.returncode, done.stdout.splitlines()[-1]), done.stdout)

    def test_totals(self):
        self.expect("1 passed, 0 failed, 1 skipped", 0, ("a", "run", ""), ("b", "notrun", "SKIPPED: no tcx"))

    def test_a_test_that_could_not_start_has_failed(self):
        self.expect("1 passed, 1 failed, 0 skipped", 1, ("a", "run", ""), ("b_NOT_BUILT", "notrun", ""))

    def test_failure(self):
        self.expect("0 passed, 1 failed, 0 skipped", 1, ("a", "fail", "SKIPPED: not really"))


if __name__ == "__main__":
    unittest.main()
