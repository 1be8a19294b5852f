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
        self.expect("bpf/a.bpf.c", "case XB_MODE_XOR:\n", "mode registry")
        self.expect("user/core/bond/a.cpp", "using enum Mode;\n", "mode registry")
        self.expect("user/core/bond/a.cpp", "case Mode::active_backup:\n", "mode registry")
        self.expect("user/core/modes/registry.cpp", "case Mode::active_backup:\n", None)

    def test_unknown_directory(self):
        self.expect("user/odd/a.cpp", "\n", "belongs to no layer")


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

    def test_vmlinux(self):
        self.expect("bpf/a.h", GPL + '#include "vmlinux.h"\n', "includes vmlinux.h")
        self.expect("bpf/vmlinux.h", GPL, "is a build product")

    def test_unfinished(self):
        self.expect("a.cpp", MIT + "// TODO later\n", "finish it")

    def test_sleep(self):
        self.expect("tests/a.sh", "# SPDX-License-Identifier: MIT\nsleep 1\n", "fixed sleep")
        self.expect("tests/a.cpp", MIT + "std::this_thread::sleep_for(500ms);\n", "fixed sleep")
        self.expect("tests/a.cpp", MIT + "std::this_thread::sleep_for(5ms);\n", None)
        self.expect("tests/harness/wait.h", MIT + "std::this_thread::sleep_for(5ms);\n", None)


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
