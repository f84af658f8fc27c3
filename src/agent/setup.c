#include "agent/setup.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

extern char **environ;

static int read_file(const char *path, struct gs_arena *arena, struct gs_agentconfig *config,
                     struct gs_err *err)
{
    struct gs_doc_input input = {.label = path,
                                 .what = "the settings of the agent",
                                 .max_bytes = GS_AGENTCONFIG_BYTES_MAX,
                                 .may_be_empty = true};
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0) {
        int e = errno;
        if (fd >= 0) {
            close(fd);
        }
        return gs_fail_errno(err, e, "the configuration file %s", path);
    }
    if (!S_ISREG(st.st_mode) || st.st_size > GS_AGENTCONFIG_BYTES_MAX) {
        close(fd);
        return gs_fail(err, GS_INVALID, "%s: expected a file of at most %d bytes", path,
                       GS_AGENTCONFIG_BYTES_MAX);
    }
    char *bytes = gs_arena_get_raw(arena, 1, (size_t)st.st_size + 1);
    size_t done = 0;
    ssize_t n = 1;
    while (bytes != NULL && done < (size_t)st.st_size && n > 0) {
        n = read(fd, bytes + done, (size_t)st.st_size - done);
        done += n > 0 ? (size_t)n : 0;
    }
    int e = errno;
    close(fd);
    if (bytes == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for %s", path);
    }
    if (n < 0) {
        return gs_fail_errno(err, e, "reading %s", path);
    }
    input.bytes = (struct gs_view){.p = bytes, .n = done};
    return gs_agentconfig_read(arena, &input, config, err);
}

/* A simulated machine has lock and journal in its own folder, as for gpuslice mig and the boot
 * step, but where a folder is set. */
static int preset(struct gs_arena *arena, struct gs_agentconfig *config, struct gs_err *err)
{
    const char *sim = getenv("GPUSLICE_SIM");
    gs_agentconfig_init(config);
    if (sim != NULL && sim[0] != '\0') {
        config->state_dir = gs_arena_printf(arena, "%s/run", sim);
    }
    return config->state_dir != NULL ? 0 : gs_fail(err, GS_NO_MEMORY, "no memory for the settings");
}

int gs_setup_read(int argc, char *const *argv, struct gs_arena *arena,
                  struct gs_agentconfig *ret_config, struct gs_err *err)
{
    const char *const *env = (const char *const *)environ;
    const char *path = "";
    struct gs_agentconfig config;
    int r = preset(arena, &config, err);
    r = r < 0 ? r : gs_agentconfig_file(argc, argv, env, &path, err);
    r = r < 0 || path[0] == '\0' ? r : read_file(path, arena, &config, err);
    r = r < 0 ? r : gs_agentconfig_env(arena, env, &config, err);
    r = r < 0 ? r : gs_agentconfig_args(arena, argc, argv, &config, err);
    if (r != 0) {
        return r;
    }
    r = gs_agentconfig_finish(arena, &config, err);
    if (r == 0) {
        *ret_config = config;
    }
    return r;
}
