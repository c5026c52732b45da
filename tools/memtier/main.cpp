// memtier: runs a program under libmemtier.so.0, as memkind's program of that name does. See docs/memtier.md.
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "command_line.hpp"
#include "environment.hpp"

using namespace terrace::memtier;

namespace {

// As a shell would read it.
void show(FILE* stream, const Environment& environment) {
    for (const auto& [name, value] : environment) {
        std::fprintf(stream, "%s='", name.c_str());
        for (const char c : value) {
            if (c == '\'')
                std::fputs("'\\''", stream);
            else
                std::fputc(c, stream);
        }
        std::fputs("'\n", stream);
    }
}

int become(char** command, const Environment& environment) {
    for (const auto& [name, value] : environment)
        setenv(name.c_str(), value.c_str(), 1);
    // Tiers of somebody else's would go before a file, and thresholds would stop a program whose policy has none.
    for (const char* const others : {"MEMKIND_MEM_TIERS", "MEMKIND_MEM_THRESHOLDS"}) {
        bool is_ours = false;
        for (const auto& [name, value] : environment)
            is_ours = is_ours || name == others;
        if (!is_ours)
            unsetenv(others);
    }
    execvp(command[0], command);
    const int error = errno;
    std::fprintf(stderr, "memtier: '%s' cannot be run: %s\n", command[0], std::strerror(error));
    return error == ENOENT ? 127 : 126;
}

}  // namespace

int main(int count, char** arguments) {
    Wishes wishes;
    if (!parse_command_line(count, arguments, wishes))
        return 1;
    if (wishes.help) {
        std::puts(kUsage);
        return 0;
    }
    Environment environment;
    if (!make_environment(wishes, environment))
        return 1;
    if (wishes.dry_run) {
        show(stdout, environment);
        return 0;
    }
    if (wishes.verbose)
        show(stderr, environment);
    return become(wishes.command, environment);
}
