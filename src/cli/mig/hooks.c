/* The hooks of an apply. */
#include <string.h>

#include "base/cleanup.h"
#include "cli/mig/change.h"
#include "term/infile.h"

static void close_file(struct gs_infile *file)
{
    gs_infile_close(file);
}

static int read_file(struct gs_arena *arena, const char *path, struct gs_mighooks *ret,
                     struct gs_err *err)
{
    GS_CLEANUP(close_file) struct gs_infile file = {.fd = -1};
    int r = gs_infile_open(&file, "hooks-file", path, err);
    if (r == 0) {
        const struct gs_doc_input input = {
            .label = file.label,
            .what = "hooks of mig-parted (version: v1, hooks: ...)",
            .size = file.size,
            .read = gs_infile_read,
            .ctx = &file,
        };
        r = gs_mighooks_read(arena, &input, ret, err);
    }
    return r < 0 ? gs_wrap(err, r, "Error parsing hooks file") : 0;
}

/* The value of an option as mig-parted hands it on. */
static const char *value_of(const struct gs_option *option, const void *values)
{
    const char *at = (const char *)values + option->into;
    if (option->kind == GS_OPTION_FLAG) {
        return *(const bool *)at ? "true" : "false";
    }
    const char *text = NULL;
    if (option->kind == GS_OPTION_TEXT) {
        memcpy(&text, at, sizeof(text));
    }
    return text == NULL ? "" : text;
}

int gs_mig_read_hooks(struct gs_arena *arena, const struct gs_mig_hook_args *args,
                      const struct gs_command *command, const void *values, bool debug,
                      struct gs_hooks *ret, struct gs_err *err)
{
    *ret = (struct gs_hooks){
        .limit_ms = (unsigned)args->hook_timeout_s * 1000,
        .output = debug,
    };
    if (args->hooks_file == NULL || args->hooks_file[0] == '\0') {
        return 0;
    }
    struct gs_mighooks *file = GS_ARENA_NEW(arena, struct gs_mighooks, 1);
    if (file == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the hooks file");
    }
    for (size_t i = 0; i < command->n_options && ret->n_envs < GS_HOOKS_ENVS_MAX; i++) {
        const struct gs_option *option = &command->options[i];
        if (option->env != NULL && strncmp(option->env, "MIG_PARTED_", 11) == 0) {
            ret->envs[ret->n_envs++] =
                (struct gs_mighook_env){.name = option->env, .value = value_of(option, values)};
        }
    }
    ret->file = file;
    ret->label = args->hooks_file;
    return read_file(arena, args->hooks_file, file, err);
}
