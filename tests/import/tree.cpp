// SPDX-License-Identifier: MIT
#include "tests/import/tree.h"

#include <cstdlib>
#include <fstream>

#include "user/cli/root_files.h"

namespace xbond::test {

namespace fs = std::filesystem;

Tree::Tree() {
    std::string name = (fs::temp_directory_path() / "xbond-import-XXXXXX").string();
    root_ = ::mkdtemp(name.data()) == nullptr ? "" : name;
}

Tree::Tree(const Contents &files) : Tree() {
    for (const auto &[path, text] : files) {
        write(path, text);
    }
}

Tree::~Tree() {
    std::error_code ignored;
    fs::remove_all(root_, ignored);
}

void Tree::write(const std::string &path, const std::string &text) const {
    fs::create_directories((root_ / path).parent_path());
    std::ofstream(root_ / path, std::ios::binary) << text;
}

Contents read_case(const fs::path &path) {
    constexpr std::string_view begin = "=== ", cut = " (no newline at its end)";
    std::ifstream in(path, std::ios::binary);
    Contents out;
    std::string *text = nullptr;
    bool cut_off = false;
    const auto finish = [&] {
        if (text != nullptr && cut_off && text->ends_with('\n')) {
            text->pop_back();
        }
    };
    for (std::string line; std::getline(in, line);) {
        if (line.starts_with(begin)) {
            finish();
            cut_off = line.ends_with(cut);
            text = &out[line.substr(begin.size(), line.size() - begin.size() - (cut_off ? cut.size() : 0))];
        } else if (text != nullptr) {
            *text += line + "\n";
        }
    }
    finish();
    return out;
}

Result<import::Imported> import_tree(const fs::path &root, std::string_view format) {
    XB_TRY(files, cli::RootFiles::open(root.string()));
    return import::import_files(*files, format);
}

} // namespace xbond::test
