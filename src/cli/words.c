#include "cli/words.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/table.h"
#include "cli/mig/mig.h"
#include "term/output.h"

enum { WORDS_BYTES_MAX = 1 << 20, PATH_BYTES_MAX = 4096 };

/* ---- the configurations of a file ---- */

/* Behind "--config-file=", "-config-file=" or "-f="; NULL: `word` is another one. */
static const char *value_in(const char *word)
{
    static const char *const heads[] = {"--config-file=", "-config-file=", "-f="};
    for (size_t i = 0; i < GS_ARRAY_LEN(heads); i++) {
        if (strncmp(word, heads[i], strlen(heads[i])) == 0) {
            return word + strlen(heads[i]);
        }
    }
    return NULL;
}

/* Whether the next word is the file: -f, -af, --config-file. */
static bool names_next(const char *word)
{
    size_t n = strlen(word);
    return strcmp(word, "--config-file") == 0 || strcmp(word, "-config-file") == 0 ||
           (n > 1 && word[0] == '-' && word[1] != '-' && word[n - 1] == 'f');
}

/* The last file of the command line, or the environment's; NULL: none. bash hands --config-file=x
 * on as three words. */
static const char *find_file(int argc, char **argv)
{
    const char *file = getenv("MIG_PARTED_CONFIG_FILE");
    for (int i = 0; i < argc; i++) {
        int next = i + 1 < argc && strcmp(argv[i + 1], "=") == 0 ? i + 2 : i + 1;
        if (value_in(argv[i]) != NULL) {
            file = value_in(argv[i]);
        } else if (names_next(argv[i]) && next < argc) {
            file = argv[next];
        }
    }
    return file == NULL || file[0] == '\0' ? NULL : file;
}

/* As the shell would read it: ~ is the user's folder. */
static const char *expand(const char *file, char *path, size_t size)
{
    const char *home = getenv("HOME");
    if (strncmp(file, "~/", 2) != 0 || home == NULL) {
        return file;
    }
    int n = snprintf(path, size, "%s%s", home, file + 1);
    return n > 0 && (size_t)n < size ? path : file;
}

/* Anything but a file might let the shell wait. */
static bool is_file(const char *path)
{
    struct stat facts;
    return stat(path, &facts) == 0 && S_ISREG(facts.st_mode);
}

static void put_configs(int argc, char **argv, struct gs_buf *out)
{
    char path[PATH_BYTES_MAX];
    const char *file = find_file(argc, argv);
    file = file == NULL ? NULL : expand(file, path, sizeof(path));
    if (file == NULL || !is_file(file)) {
        return;
    }
    GS_CLEANUP(gs_arena_done) struct gs_arena arena;
    gs_arena_init(&arena, &gs_alloc_heap, GS_MIG_ARENA_MAX);
    struct gs_migconfig config;
    if (gs_mig_read_configs(&arena, file, &config, NULL) < 0) {
        return;
    }
    for (unsigned i = 0; i < config.n; i++) {
        gs_text_clean(out, config.configs[i].name, strlen(config.configs[i].name));
        gs_buf_puts(out, "\n");
    }
}

/* ---- the GPUs ---- */

static void put_slices(struct gs_gpus *gpus, unsigned gpu, struct gs_buf *out)
{
    struct gs_gpu_instances instances;
    if (gs_gpu_instances(gpus, gpu, &instances, NULL) < 0) {
        return;
    }
    for (unsigned i = 0; i < instances.n; i++) {
        const struct gs_gpu_instance *gi = &instances.at[i];
        gs_buf_printf(out, "%u:%u\n", gpu, gi->id);
        for (unsigned j = 0; j < gi->n_compute; j++) {
            gs_buf_printf(out, "%s\n", gi->compute[j].uuid);
        }
    }
}

/* Those that no GPU before it had. */
static void put_profiles(struct gs_gpus *gpus, unsigned gpu, struct gs_buf *out)
{
    struct gs_gpu_profile profiles[GS_GPU_PROFILES_MAX];
    unsigned n;
    if (gs_gpu_profiles(gpus, gpu, profiles, &n, NULL) < 0) {
        return;
    }
    for (unsigned i = 0; i < n; i++) {
        char line[sizeof(profiles[i].name) + 2];
        snprintf(line, sizeof(line), "\n%s\n", profiles[i].name);
        const char *before = gs_buf_text(out);
        bool first = strncmp(before, line + 1, strlen(line + 1)) == 0;
        if (!first && strstr(before, line) == NULL) {
            gs_buf_puts(out, line + 1);
        }
    }
}

static void put_of_gpus(enum gs_complete kind, struct gs_buf *out)
{
    GS_CLEANUP(gs_gpu_close) struct gs_gpus gpus = {.ops = NULL};
    unsigned n = 0;
    if (gs_mig_open(&gpus, NULL) < 0 || gs_gpu_count(&gpus, &n, NULL) < 0) {
        return;
    }
    for (unsigned k = 0; k < n; k++) {
        if (kind == GS_COMPLETE_GPU) {
            gs_buf_printf(out, "%u\n", k);
        } else if (kind == GS_COMPLETE_SLICE) {
            put_slices(&gpus, k, out);
        } else {
            put_profiles(&gpus, k, out);
        }
    }
}

void gs_words_put(enum gs_complete kind, int argc, char **argv, struct gs_buf *out)
{
    switch (kind) {
    case GS_COMPLETE_CONFIG:
        put_configs(argc, argv, out);
        break;
    case GS_COMPLETE_GPU:
    case GS_COMPLETE_SLICE:
    case GS_COMPLETE_PROFILE:
        put_of_gpus(kind, out);
        break;
    case GS_COMPLETE_NONE:
    case GS_COMPLETE_FILE:
    case GS_COMPLETE_DIR:
    case GS_COMPLETE_MODEL:
    case GS_COMPLETE_COMMAND:
        break;
    }
}

int gs_cmd_words(int argc, char **argv)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf out;
    gs_buf_init(&out, WORDS_BYTES_MAX);
    if (argc > 1) {
        gs_words_put(gs_complete_kind(argv[1]), argc - 2, argv + 2, &out);
    }
    (void)gs_output_text(&out, NULL);
    return 0;
}
