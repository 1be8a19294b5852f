// SPDX-License-Identifier: MIT
// xbond-files: what is read is what is there now, what is written is done, and nothing stays behind it.
#include <catch2/catch.hpp>
#include <csignal>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sys/stat.h>
#include <thread>

#include "tests/netns/files/mounted.h"
#include "tests/netns/lab.h"

using namespace xbond;
using namespace xbond::harness;
using Kind = Switch::Kind;

namespace {

std::string read_again(const Fd &fd) {
    char buffer[8192];
    const auto n = ::pread(fd.get(), buffer, sizeof buffer, 0);
    return n < 0 ? "errno " + std::to_string(errno) : std::string(buffer, static_cast<std::size_t>(n));
}

bool gone(const Mounted &files) {
    struct stat st {};
    return wait_until([&] { return ::stat((files.dir() / "proc").c_str(), &st) != 0 && errno == ENOENT; });
}

} // namespace

TEST_CASE("files: cat of the proc file is what xbond proc says, and a reader that stays open sees a failover") {
    if (no_fuse()) {
        return;
    }
    Lab lab(Kind::bridge, 2);
    const Mounted files(lab.ns(), lab.daemon());
    lab.make_bond("mode active-backup miimon 50");
    CHECK(text_of(files.proc("bond0")) == lab.cli().ok("proc bond0"));
    CHECK(run({"grep", "-c", "Slave Interface", files.proc("bond0")}).out == "2\n");
    CHECK(run({"ls", files.dir() / "proc/net/bonding"}).out == "bond0\n");

    const Fd open(::open(files.proc("bond0").c_str(), O_RDONLY | O_CLOEXEC));
    REQUIRE(read_again(open).find("Currently Active Slave: e0\n") != std::string::npos);
    lab.network().cut("s0");
    CHECK(wait_until([&] { return read_again(open).find("Currently Active Slave: e1\n") != std::string::npos; }));
    CHECK(text_of(files.file("active_slave")) == "e1\n");
    CHECK(wait_until([&] { return text_of(files.net() / "e0/bonding_slave/mii_status") == "down\n"; }));
    CHECK(text_of(files.net() / "bond0/lower_e1/bonding_slave/state") == "active\n");
    CHECK(text_of(files.net() / "e1/master/bonding/mode") == "active-backup 1\n");

    char one = 0; // byte by byte it is one text
    REQUIRE(::pread(open.get(), &one, 1, 0) == 1);
    CHECK(one == 'E');
    REQUIRE(::pread(open.get(), &one, 1, 1) == 1);
    CHECK(one == 't');
    lab.cli().ok("link del bond0");
    CHECK(read_again(open) == "errno " + std::to_string(ENODEV));
    CHECK(run({"ls", files.dir() / "proc/net/bonding"}).out.empty());
}

TEST_CASE("files: a bond is made, filled, changed and removed by echo, with the kernel's errors") {
    if (no_fuse()) {
        return;
    }
    Lab lab(Kind::bridge, 3);
    const Mounted files(lab.ns(), lab.daemon());
    const auto masters = files.net() / "bonding_masters";
    CHECK(text_of(masters).empty());
    REQUIRE(put(masters, "+bond0\n") == 0);
    CHECK(put(masters, "+bond0\n") == EEXIST);
    CHECK(put(masters, "bond1\n") == EPERM);
    CHECK(put(masters, "-bond7\n") == ENODEV);
    CHECK(text_of(masters) == "bond0\n");

    CHECK(put(files.file("mode"), "active-backup\n") == 0);
    CHECK(text_of(files.file("mode")) == "active-backup 1\n");
    CHECK(put(files.file("mode"), "99\n") == EINVAL);
    CHECK(put(files.file("lacp_rate"), "fast\n") == EACCES);
    CHECK(put(files.file("miimon"), "50") == 0);
    CHECK(put(files.file("updelay"), "120\n") == 0); // rounded down, as the kernel does
    CHECK(text_of(files.file("updelay")) == "100\n");
    CHECK(put(files.file("arp_ip_target"), "192.0.2.1\n") == EPERM);
    CHECK(put(files.file("arp_ip_target"), "+192.0.2.1\n") == 0);
    CHECK(put(files.file("arp_ip_target"), "+192.0.2.2\n") == 0);
    CHECK(text_of(files.file("arp_ip_target")) == "192.0.2.1 192.0.2.2\n");
    CHECK(put(files.file("arp_ip_target"), "-192.0.2.1\n") == 0);
    CHECK(put(files.file("arp_ip_target"), "-192.0.2.9\n") == EINVAL);

    lab.ns().ip("link set bond0 up");
    REQUIRE(put(files.file("slaves"), "+e0\n") == 0);
    REQUIRE(put(files.file("slaves"), "+e1\n") == 0);
    CHECK(text_of(files.file("slaves")) == "e0 e1\n");
    CHECK(put(files.file("slaves"), "+e1\n") == EBUSY);
    CHECK(put(files.file("slaves"), "+nothere\n") == ENODEV);
    CHECK(put(files.file("slaves"), "-e2\n") == EINVAL);
    lab.ns().set_up("e2", true);
    CHECK(put(files.file("slaves"), "+e2\n") == EPERM);
    CHECK(put(files.file("mode"), "0\n") == ENOTEMPTY);
    CHECK(put(files.file("primary"), "e1\n") == 0);
    CHECK(wait_until([&] { return text_of(files.file("active_slave")) == "e1\n"; }));
    CHECK(put(files.file("primary"), "\n") == 0);
    CHECK(text_of(files.file("primary")).empty());
    CHECK(put(files.file("active_slave"), "e0\n") == 0);
    CHECK(text_of(files.file("active_slave")) == "e0\n");
    CHECK(put(files.file("queue_id"), "e1:3\n") == 0);
    CHECK(text_of(files.file("queue_id")) == "e0:0 e1:3\n");
    CHECK(put(files.file("mii_status"), "up\n") == EACCES);
    CHECK(put(files.proc("bond0"), "x\n") == EIO);

    CHECK(put(files.file("slaves"), "-e1\n") == 0);
    CHECK(text_of(files.file("slaves")) == "e0\n");
    REQUIRE(put(masters, "-bond0\n") == 0);
    CHECK(text_of(masters).empty());
    CHECK_FALSE(lab.ns().exists("bond0"));
}

TEST_CASE("files: every file that is listed can be read, nothing can be made or removed, bad names are not there") {
    if (no_fuse()) {
        return;
    }
    Lab lab(Kind::bridge, 2);
    const Mounted files(lab.ns(), lab.daemon());
    lab.make_bond("mode 802.3ad lacp_rate fast");
    const auto all = run({"find", files.dir(), "-type", "f"}).out;
    CHECK(std::count(all.begin(), all.end(), '\n') == 38 + 2 * 8 + 2);
    for (const auto &path : split(all)) {
        INFO(path);
        CHECK(run({"cat", path}).ok());
    }
    CHECK(wait_until([&] { return text_of(files.net() / "e0/bonding_slave/ad_aggregator_id") != "N/A\n"; }));
    CHECK(text_of(files.file("lacp_rate")) == "fast 1\n");
    CHECK(text_of(files.file("ad_actor_system")) == "00:00:00:00:00:00\n");
    const auto code = [](int result) { return result < 0 ? errno : 0; };
    CHECK(code(::open((files.dir() / "new").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644)) == EACCES);
    CHECK(code(::mkdir((files.net() / "bond9").c_str(), 0755)) == EPERM);
    CHECK(code(::unlink(files.file("mode").c_str())) == EPERM);
    for (const char *name :
         {"..bond0", "bond0p", "s0", "lo", "a b", "bond0\n", "%s", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}) {
        INFO(name);
        CHECK_FALSE(std::filesystem::exists(files.proc(name)));
        CHECK_FALSE(std::filesystem::exists(files.net() / name));
    }
    CHECK(put(files.file("mode"), std::string(5000, 'a')) == EINVAL);
}

TEST_CASE("files: who is not root reads everything and writes nothing") {
    if (no_fuse()) {
        return;
    }
    Lab lab(Kind::bridge, 1);
    const Mounted files(lab.ns(), lab.daemon());
    lab.make_bond("mode active-backup");
    const auto nobody = [&](const std::string &command) {
        return run({"setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", command});
    };
    std::filesystem::permissions(lab.daemon().dir(), std::filesystem::perms(0755));
    CHECK(nobody("cat " + files.file("mode").string()).out == "active-backup 1\n");
    const auto refused = nobody("echo 50 > " + files.file("miimon").string());
    CHECK_FALSE(refused.ok());
    CHECK(text_of(files.file("miimon")) == "100\n");
}

TEST_CASE("files: a restart of the daemon is waited for, and one that does not come back is told of") {
    if (no_fuse()) {
        return;
    }
    Lab lab(Kind::bridge, 2);
    Mounted files(lab.ns(), lab.daemon());
    lab.make_bond("mode active-backup miimon 50");
    REQUIRE(text_of(files.file("mode")) == "active-backup 1\n");
    const Fd open(::open(files.proc("bond0").c_str(), O_RDONLY | O_CLOEXEC));
    lab.daemon().kill9();
    std::string during;
    std::thread reader([&] { during = read_again(open); }); // while nobody serves
    lab.daemon().start();
    reader.join();
    CHECK(during == lab.cli().ok("proc bond0"));
    CHECK(text_of(files.file("slaves")) == "e0 e1\n");
    lab.daemon().stop();
    CHECK(read_again(open) == "errno " + std::to_string(EIO));
    CHECK(read_again(open) == "errno " + std::to_string(EIO)); // at once, this time
    CHECK(std::filesystem::exists(files.dir() / "proc/net"));
    lab.daemon().start();
    CHECK(text_of(files.file("slaves")) == "e0 e1\n");
}

TEST_CASE("files: unmounted at the end, after SIGKILL as well; a second program at the place is refused") {
    if (no_fuse()) {
        return;
    }
    Lab lab(Kind::bridge, 1);
    Mounted files(lab.ns(), lab.daemon());
    const auto second = lab.ns().run({program("xbond-files"), files.dir(), "--socket", lab.daemon().socket()});
    CHECK(second.exit_code == 1);
    CHECK(second.err.find("another program serves files") != std::string::npos);
    CHECK(files.serves());
    files.process().signal(SIGTERM);
    CHECK(files.process().wait(10s) == 0);
    CHECK(gone(files));
    files.start();
    const Fd open(::open((files.net() / "bonding_masters").c_str(), O_RDONLY | O_CLOEXEC)); // somebody still reads
    files.process().signal(SIGKILL);
    files.process().wait(10s);
    CHECK(gone(files));
    files.start();
    CHECK(text_of(files.net() / "bonding_masters").empty());
}

TEST_CASE("files: a reader of a daemon that is stuck waits, others of the daemon do not wait for the reader") {
    if (no_fuse()) {
        return;
    }
    Lab lab(Kind::bridge, 1);
    Mounted files(lab.ns(), lab.daemon());
    lab.make_bond("mode active-backup");
    files.process().signal(SIGSTOP); // nobody serves the files: a reader hangs
    Process reader({"cat", files.proc("bond0")}, -1);
    CHECK(holds_for([&] { return reader.running(); }, 300ms));
    CHECK(lab.cli().ok("status").find("bond0") != std::string::npos);
    CHECK(lab.cli()("link set bond0 type bond miimon 50").ok());
    files.process().signal(SIGCONT);
    REQUIRE(reader.wait(10s) == 0);
    CHECK(reader.out() == lab.cli().ok("proc bond0"));
}

TEST_CASE("files: the usual place is beside the control socket of the network namespace") {
    if (no_fuse()) {
        return;
    }
    Lab lab(Kind::bridge, 1);
    lab.make_bond("mode active-backup");
    const auto usual = std::filesystem::path("/run/xbond") / std::to_string(lab.ns().inode()) / "files";
    Process process({program("xbond-files"), "--socket", lab.daemon().socket()}, lab.ns().fd());
    std::error_code ignored;
    REQUIRE(wait_until([&] { return std::filesystem::exists(usual / "proc", ignored); }));
    CHECK(text_of(usual / "sys/class/net/bonding_masters") == "bond0\n");
    process.signal(SIGKILL);
    process.wait(10s);
    CHECK(wait_until([&] { return !std::filesystem::exists(usual / "proc", ignored) && !ignored; }));
    CHECK(lab.ns().run({program("xbond-files"), "--unmount"}).ok());
    CHECK(lab.ns().run({program("xbond-files"), "--wrong"}).exit_code == 2);
    CHECK(lab.ns().run({program("xbond-files"), "--help"}).out.starts_with("Usage: xbond-files "));
}
