// SPDX-License-Identifier: MIT
#include "user/cli/xdp.h"

#include <cerrno>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>

#include "loader/xdp/foreign.h"
#include "user/cli/question.h"
#include "user/show/render.h"

namespace xbond::cli {

// The file is read, and the program verified, here: the controller is handed what the kernel has taken.
int xdp_attach(const Invocation &in, const XdpAttachFile &what) {
    const auto absolute = [](const std::string &path) {
        std::error_code ignored;
        return path.empty() ? path : std::filesystem::absolute(path, ignored).lexically_normal().string();
    };
    const std::string file = absolute(what.file), pin = absolute(what.pin);
    auto client = connect(in.globals);
    if (!client) {
        return client.error();
    }
    // Descriptors are taken from those whose first answer has come; nothing is loaded for a bond that is not there.
    const api::Request question = api::LinkShow{.name = what.bond};
    client->set_patience(patience(in.globals, question));
    if (const auto there = call(*client, question); !there) {
        return failed(there.error());
    }
    const auto program = loader::ForeignProgram::load(file, what.program, pin);
    if (!program) {
        // EACCES is what the verifier says of a program, EPERM what the kernel says of its caller.
        return refused(program.error(), program.error().code == EPERM ? exit_denied : exit_refused);
    }
    const api::Request request = api::XdpAttach{what.bond, file, program->name(), pin, program->frags()};
    client->set_patience(patience(in.globals, request));
    if (const auto done = call(*client, request, program->fd()); !done) {
        return failed(done.error());
    }
    if (const auto pinned = program->pin_maps(); !pinned) {
        return refused({pinned.error().code, "the program runs, but: " + pinned.error().message});
    }
    return exit_ok;
}

int xdp_show(const Invocation &in, const XdpShow &what) {
    const auto status = answer(in.globals, api::Status{what.bond});
    if (!status) {
        return status.error();
    }
    const auto xdp = show::xdp_json(*status);
    in.globals.json ? print_json(xdp, in.globals) : void(std::cout << show::xdp_text(xdp));
    return exit_ok;
}

int port_show(const Invocation &in, const PortShow &what) {
    const auto status = answer(in.globals, api::Status{what.bond});
    if (!status) {
        return status.error();
    }
    const auto ports = show::ports_json(*status);
    in.globals.json ? print_json(ports, in.globals) : void(std::cout << show::ports_text(ports));
    return exit_ok;
}

} // namespace xbond::cli
