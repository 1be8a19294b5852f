// SPDX-License-Identifier: MIT
#include "tests/docs/tree.h"

#include <cctype>
#include <fstream>
#include <iterator>
#include <sstream>
#include <utility>

namespace xbond::test::docs {

namespace fs = std::filesystem;

std::string file_text(const fs::path &path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
}

std::vector<fs::path> sources(const std::string &directory, const std::string &ending) {
    std::vector<fs::path> found;
    for (const auto &entry : fs::recursive_directory_iterator(root / directory)) {
        if (entry.is_regular_file() && entry.path().string().ends_with(ending)) {
            found.push_back(entry.path());
        }
    }
    return found;
}

std::set<std::string> identifiers(const std::string &code) {
    std::set<std::string> found;
    std::string one;
    for (const char c : code) {
        if (std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_') {
            one += c;
        } else if (!one.empty()) {
            found.insert(std::exchange(one, ""));
        }
    }
    return found;
}

std::string all_code() {
    std::string code;
    for (const auto *directory : {"bpf", "include", "loader", "user", "xsk", "tests", "common"}) {
        for (const auto *ending : {".c", ".h", ".cpp"}) {
            for (const auto &path : sources(directory, ending)) {
                code += file_text(path);
            }
        }
    }
    return code;
}

std::vector<std::smatch> matches(const std::string &text, const std::regex &pattern) {
    return {std::sregex_iterator(text.begin(), text.end(), pattern), {}};
}

std::set<std::string> words(const std::string &text) {
    std::istringstream in(std::regex_replace(text, std::regex("[,\n]"), " "));
    return {std::istream_iterator<std::string>(in), {}};
}

} // namespace xbond::test::docs
