// SPDX-License-Identifier: MIT
#define FUSE_USE_VERSION 312
#include "user/files/mount.h"

#include <cstdio>
#include <cstring>
#include <exception>
#include <fuse.h>
#include <mutex>
#include <sys/stat.h>

#include "user/files/tree.h"

namespace xbond::files {

namespace {

constexpr unsigned threads = 8;            // a question that xbondd does not answer keeps one
constexpr std::size_t most_written = 4096; // a page, as in sysfs

struct Open { // of one open file: what was read at its beginning is what the rest is read of
    std::mutex mutex;
    std::string text;
    bool loaded = false;
};

Source &source() { return *static_cast<Source *>(fuse_get_context()->private_data); }

template <typename T> int code(const Result<T> &result) { return result ? 0 : -result.error().code; }

// An exception must not leave through libfuse: an answer of a daemon of another revision is not understood.
template <typename Body> int guarded(Body body) noexcept {
    try {
        return body();
    } catch (const std::exception &) {
        return -EIO;
    }
}

Open *opened(const fuse_file_info *info) { return reinterpret_cast<Open *>(info->fh); }

void fill(const Node &node, struct stat &st) {
    st = {};
    st.st_mode = node.mode;
    st.st_nlink = S_ISDIR(node.mode) ? 2 : 1;
    st.st_size = S_ISLNK(node.mode) ? static_cast<off_t>(node.target.size()) : node.size;
    ::clock_gettime(CLOCK_REALTIME, &st.st_mtim);
    st.st_atim = st.st_ctim = st.st_mtim;
}

int get_attributes(const char *path, struct stat *st, fuse_file_info *) {
    return guarded([&] {
        const auto node = look(source(), path);
        if (node) {
            fill(*node, *st);
        }
        return code(node);
    });
}

int read_link(const char *path, char *buffer, std::size_t size) {
    return guarded([&] {
        const auto node = look(source(), path);
        if (node && node->target.empty()) {
            return -EINVAL;
        }
        if (node) {
            std::snprintf(buffer, size, "%s", node->target.c_str());
        }
        return code(node);
    });
}

int read_directory(const char *path, void *buffer, fuse_fill_dir_t add, off_t, fuse_file_info *, fuse_readdir_flags) {
    return guarded([&] {
        const auto names = list(source(), path);
        if (names) {
            for (const char *here : {".", ".."}) {
                add(buffer, here, nullptr, 0, {});
            }
            for (const auto &name : *names) {
                add(buffer, name.c_str(), nullptr, 0, {});
            }
        }
        return code(names);
    });
}

int open_file(const char *path, fuse_file_info *info) {
    return guarded([&] {
        const auto node = look(source(), path);
        if (!node) {
            return code(node);
        }
        const bool writes = (info->flags & O_ACCMODE) != O_RDONLY;
        if (writes && (node->mode & S_IWUSR) == 0 && !node->writes_fail) { // root, too
            return -EACCES;
        }
        info->direct_io = 1; // what is read is what is there now, whatever the size says
        info->fh = reinterpret_cast<std::uint64_t>(new Open);
        return 0;
    });
}

int release_file(const char *, fuse_file_info *info) {
    delete opened(info);
    return 0;
}

int read_file(const char *path, char *buffer, std::size_t size, off_t offset, fuse_file_info *info) {
    return guarded([&] {
        auto &file = *opened(info);
        const std::lock_guard lock(file.mutex);
        if (offset == 0 || !file.loaded) {
            auto text = read(source(), path);
            if (!text) {
                return text.error().code == ENOENT ? -ENODEV : code(text); // the bond went while the file was open
            }
            file.text = std::move(*text);
            file.loaded = true;
        }
        const auto begin = static_cast<std::size_t>(offset);
        if (begin >= file.text.size()) {
            return 0;
        }
        return static_cast<int>(file.text.copy(buffer, size, begin));
    });
}

int write_file(const char *path, const char *bytes, std::size_t size, off_t, fuse_file_info *) {
    return guarded([&] {
        if (size > most_written) {
            return -EINVAL;
        }
        const auto done = write(source(), path, std::string(bytes, size));
        return done ? static_cast<int>(size) : code(done);
    });
}

// `echo X > FILE` opens it with O_TRUNC: nothing is cut off, as in sysfs.
int truncate_file(const char *, off_t, fuse_file_info *) { return 0; }
int make_file(const char *, mode_t, fuse_file_info *) { return -EACCES; }
int make_directory(const char *, mode_t) { return -EPERM; }
int remove_name(const char *) { return -EPERM; }

void *start(fuse_conn_info *, fuse_config *config) {
    config->entry_timeout = config->attr_timeout = config->negative_timeout = 0; // always current
    config->direct_io = 1;
    return fuse_get_context()->private_data;
}

fuse_operations operations() {
    fuse_operations out{};
    out.getattr = get_attributes;
    out.readlink = read_link;
    out.readdir = read_directory;
    out.open = open_file;
    out.release = release_file;
    out.read = read_file;
    out.write = write_file;
    out.truncate = truncate_file;
    out.create = make_file;
    out.mkdir = make_directory;
    out.unlink = remove_name;
    out.rmdir = remove_name;
    out.init = start;
    return out;
}

struct Session {
    explicit Session(fuse *opened) : fuse_(opened) {}
    Session(const Session &) = delete;
    Session &operator=(const Session &) = delete;
    ~Session() { fuse_destroy(fuse_); }
    fuse *fuse_;
};

int run_loop(fuse *session) {
    auto *config = fuse_loop_cfg_create();
    fuse_loop_cfg_set_clone_fd(config, 0);
    fuse_loop_cfg_set_max_threads(config, threads);
    const int result = fuse_loop_mt(session, config);
    fuse_loop_cfg_destroy(config);
    return result;
}

} // namespace

Result<void> serve(Source &files, const MountPoint &at, const std::function<void()> &ready) {
    char name[] = "xbond-files", option[] = "-o", options[] = "allow_other,default_permissions,fsname=xbond";
    char *argv[] = {name, option, options, nullptr};
    fuse_args args = FUSE_ARGS_INIT(3, argv);
    const auto calls = operations();
    const Session session(fuse_new(&args, &calls, sizeof calls, &files));
    if (session.fuse_ == nullptr) {
        return fail(EINVAL, "libfuse refuses to start");
    }
    if (fuse_mount(session.fuse_, at.path().c_str()) != 0) {
        return fail(ENODEV, "cannot mount at " + at.path().string() +
                                "; is there a /dev/fuse (modprobe fuse), and is this root?");
    }
    auto *loop = fuse_get_session(session.fuse_);
    if (fuse_set_signal_handlers(loop) != 0) {
        fuse_unmount(session.fuse_);
        return fail(EINVAL, "cannot set signal handlers");
    }
    ready();
    const int result = run_loop(session.fuse_);
    fuse_remove_signal_handlers(loop);
    fuse_unmount(session.fuse_);
    return result < 0 ? Result<void>(fail(-result, std::string("the file system ended: ") + std::strerror(-result)))
                      : Result<void>();
}

} // namespace xbond::files
