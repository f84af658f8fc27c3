#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/view.h"
#include "cli/bench/bench.h"

#ifdef __clang__
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define SANITIZED ", sanitized"
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SANITIZED ", sanitized"
#endif
#endif
#ifndef SANITIZED
#define SANITIZED ""
#endif

#ifdef NDEBUG
#define ASSERTS ""
#else
#define ASSERTS ", asserts on"
#endif

/* "model name	: AMD EPYC ..." in the first lines of /proc/cpuinfo; other architectures have other
 * words, and none is then given. */
static void find_cpu(char *ret, size_t size)
{
    snprintf(ret, size, "not known");
    FILE *file = fopen("/proc/cpuinfo", "re");
    char line[512];
    while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
        struct gs_view value = gs_view(line);
        struct gs_view key = gs_view_split(&value, ':');
        if (gs_view_eq(gs_view_trim(key), "model name") && value.p != NULL) {
            snprintf(ret, size, "%.*s", GS_VIEW_ARGS(gs_view_trim(value)));
            break;
        }
    }
    if (file != NULL) {
        fclose(file);
    }
}

void gs_cmd_bench_describe_machine(struct gs_cmd_bench_machine *ret)
{
    *ret = (struct gs_cmd_bench_machine){.load = -1};
    find_cpu(ret->cpu, sizeof(ret->cpu));
    struct utsname name;
    if (uname(&name) == 0) {
        snprintf(ret->kernel, sizeof(ret->kernel), "%.60s %.60s %.60s", name.sysname, name.release,
                 name.machine);
    }
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    long pages = sysconf(_SC_PHYS_PAGES);
    long page = sysconf(_SC_PAGESIZE);
    ret->cores = cores > 0 ? (uint64_t)cores : 0;
    ret->memory_mib = pages > 0 && page > 0 ? (uint64_t)pages * (uint64_t)page >> 20 : 0;
    snprintf(ret->compiler, sizeof(ret->compiler), "%s", COMPILER);
    snprintf(ret->build, sizeof(ret->build), "%s", GS_BUILD ASSERTS SANITIZED);
    double load;
    if (getloadavg(&load, 1) == 1) {
        ret->load = load;
    }
}
