#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "simdriver/sim.h"

struct destroy_args {
    const char *dir;
    bool force;
};

static const struct gs_option options[] = {
    {.name = "force",
     .letter = 'f',
     GS_TO_FLAG(struct destroy_args, force),
     .help = "even when processes use it, or its state is damaged"},
};

const struct gs_command sim_command_destroy = {
    .program = "gpuslice-sim",
    .name = "destroy",
    .summary = "remove a machine and its files",
    .text = "Of DIR the files of the machine are removed (state, root, run), and DIR itself when "
            "nothing else is in it.",
    .operand = &sim_dir_operand,
    .options = options,
    .n_options = GS_ARRAY_LEN(options),
    .impossible = "processes use it",
    .run = sim_cmd_destroy,
};

/* Nobody has a session or holds anything; the machine must open. */
static int check_idle(const char *dir, char *ret_dir, size_t size, struct gs_err *err)
{
    GS_CLEANUP(sim_store_closep) struct sim_store *store = NULL;
    int r = sim_store_open(dir, &store, err);
    if (r < 0) {
        return r;
    }
    snprintf(ret_dir, size, "%s", sim_store_dir(store));
    sim_store_prune(store);
    const struct sim_machine *machine = sim_store_view(store);
    uint32_t pid = 0;
    for (unsigned i = 0; i < SIM_HOLDERS && pid == 0; i++) {
        pid = machine->holders[i].pid;
    }
    for (unsigned i = 0; i < SIM_SESSIONS && pid == 0; i++) {
        pid = machine->sessions[i].pid;
    }
    sim_store_end(store);
    return pid == 0 ? 0
                    : gs_fail(err, GS_BUSY,
                              "process %u uses the machine; --force removes it "
                              "nevertheless",
                              pid);
}

/* --force takes a damaged machine too, but nothing that never was one. */
static int find_damaged(const char *dir, char *ret_dir, size_t size, struct gs_err *err)
{
    char path[PATH_MAX];
    char head[8] = "";
    const char *name = dir == NULL ? getenv("GPUSLICE_SIM") : dir;
    snprintf(path, sizeof(path), "%.4000s/state", name == NULL ? "" : name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    bool ours = fd >= 0 && read(fd, head, 8) >= 0 && memcmp(head, "GSSIMST", 8) == 0;
    if (fd >= 0) {
        close(fd);
    }
    char *real = ours ? realpath(name, NULL) : NULL;
    if (real == NULL) {
        return gs_fail(err, GS_NOT_FOUND, "there is no simulated machine in %.300s",
                       name == NULL ? "GPUSLICE_SIM, which is not set" : name);
    }
    snprintf(ret_dir, size, "%s", real);
    free(real);
    return 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *where)
{
    (void)st;
    (void)type;
    (void)where;
    return remove(path);
}

static int remove_part(const char *dir, const char *part, struct gs_err *err)
{
    char path[PATH_MAX + 16];
    snprintf(path, sizeof(path), "%s/%s", dir, part);
    if (nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) != 0 && errno != ENOENT) {
        return gs_fail_errno(err, errno, "removing %.300s", path);
    }
    return 0;
}

int sim_cmd_destroy(int argc, char **argv)
{
    struct destroy_args args = {.dir = NULL};
    int status;
    if (!sim_begin(&sim_command_destroy, argc, argv, &args, &status)) {
        return status;
    }
    struct gs_err err = {.code = GS_OK};
    char dir[PATH_MAX];
    int r = check_idle(args.dir, dir, sizeof(dir), &err);
    if (r < 0 && args.force) {
        r = find_damaged(args.dir, dir, sizeof(dir), &err);
    }
    /* The state last: until then it is a machine, and destroy may be called again. */
    static const char *const parts[] = {"root", "run", "state"};
    for (size_t i = 0; r == 0 && i < GS_ARRAY_LEN(parts); i++) {
        r = remove_part(dir, parts[i], &err);
    }
    if (r == 0 && rmdir(dir) < 0 && errno != ENOTEMPTY && errno != EEXIST && errno != EBUSY) {
        r = gs_fail_errno(&err, errno, "removing %.300s", dir);
    }
    return r == 0 ? SIM_EXIT_DONE : sim_failed(&err);
}
