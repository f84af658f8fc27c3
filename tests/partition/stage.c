#include "stage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "partition/recover.h"

/* ---- what a killed process would give back ---- */

static void *get_block(void *ctx, size_t size)
{
    struct stage *stage = ctx;
    for (unsigned i = 0; i < STAGE_BLOCKS_MAX; i++) {
        if (stage->blocks[i] == NULL) {
            return stage->blocks[i] = malloc(size);
        }
    }
    fail_msg("more than %d blocks", STAGE_BLOCKS_MAX);
    return NULL;
}

static void put_block(void *ctx, void *block, size_t size)
{
    struct stage *stage = ctx;
    (void)size;
    for (unsigned i = 0; i < STAGE_BLOCKS_MAX; i++) {
        if (stage->blocks[i] == block) {
            stage->blocks[i] = NULL;
        }
    }
    free(block);
}

static void bury(struct stage *stage)
{
    for (unsigned i = 0; i < STAGE_BLOCKS_MAX; i++) {
        free(stage->blocks[i]);
        stage->blocks[i] = NULL;
    }
    for (int fd = stage->first_fd; fd < stage->first_fd + 8; fd++) {
        close(fd);
    }
}

/* ---- where the kill comes ---- */

static void on_call(void *ctx, const struct gs_gpu_call *call, bool after)
{
    struct stage *stage = ctx;
    (void)call;
    (void)after;
    if (stage->calls++ == stage->kill_at) {
        longjmp(stage->out, 1);
    }
}

static int reserve(void *ctx, int fd, off_t size)
{
    struct stage *stage = ctx;
    (void)fd;
    if (size > stage->promised) {
        errno = ENOSPC;
        return -1;
    }
    return 0;
}

/* As many bytes as the disk takes, and as are written before the kill. */
static ssize_t write_bytes(void *ctx, int fd, const void *bytes, size_t n, off_t at)
{
    struct stage *stage = ctx;
    if (n > (size_t)(stage->room - stage->bytes)) {
        n = (size_t)(stage->room - stage->bytes);
    }
    bool killed = stage->bytes + (int)n > stage->kill_byte;
    if (killed) {
        n = (size_t)(stage->kill_byte - stage->bytes);
    }
    ssize_t done = n == 0 ? 0 : pwrite(fd, bytes, n, at);
    if (killed) {
        longjmp(stage->out, 1);
    }
    stage->bytes += (int)done;
    if (done == 0) {
        errno = ENOSPC;
        return -1;
    }
    return done;
}

/* ---- the stage ---- */

void stage_init(struct stage *stage, const char *model, unsigned driver)
{
    memset(stage, 0, sizeof(*stage));
    desk_machine(&stage->table, model, 1);
    stage->table.driver_major = driver;
    desk_dir(stage->dir);
    stage->first_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    close(stage->first_fd);
    gs_arena_init(&stage->tables_arena, &gs_alloc_heap, (size_t)256 << 20);
    gs_inventory_tables_init(&stage->tables, &stage->tables_arena);
    stage_calm(stage);
    stage_mark(stage);
    /* the table of the GPU is made now, so that no kill comes in between */
    struct gs_gpus gpus;
    static struct gs_inventory_gpu gpu;
    gs_gpu_table_open(&stage->table, &gpus);
    assert_int_equal(gs_inventory_read(&gpus, 0, true, &stage->tables, &gpu, NULL), 0);
    gs_gpu_close(&gpus);
    stage_rewind(stage);
}

void stage_done(struct stage *stage)
{
    gs_arena_done(&stage->tables_arena);
    desk_dir_done(stage->dir);
}

void stage_mark(struct stage *stage)
{
    stage->before = stage->table;
}

void stage_rewind(struct stage *stage)
{
    char path[128];
    stage->table = stage->before;
    stage_calm(stage);
    snprintf(path, sizeof(path), "%s/journal", stage->dir);
    unlink(path);
}

void stage_calm(struct stage *stage)
{
    stage->calls = 0;
    stage->bytes = 0;
    stage->kill_at = STAGE_NEVER;
    stage->kill_byte = STAGE_NEVER;
    stage->room = STAGE_NEVER;
    stage->promised = STAGE_NEVER;
    gs_gpu_table_clear_faults(&stage->table);
}

bool stage_has_journal(const struct stage *stage)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/journal", stage->dir);
    return access(path, F_OK) == 0;
}

static bool run(struct stage *stage, bool recover_only, int *ret)
{
    struct gs_gpus gpus;
    struct gs_apply_report report;
    const struct gs_alloc alloc = {.get = get_block, .put = put_block, .ctx = stage};
    const struct gs_journal_io io = {.reserve = reserve, .write = write_bytes, .ctx = stage};
    const struct gs_apply_options options = {
        .dir = stage->dir,
        .what = "mig apply",
        .only_idle = stage->only_idle,
        .note = {.line = desk_line, .ctx = &stage->notes},
        .io = &io,
        .tables = &stage->tables,
        .alloc = &alloc,
    };
    stage->notes.used = 0;
    gs_gpu_table_open(&stage->table, &gpus);
    stage->table.hook = on_call;
    stage->table.hook_ctx = stage;
    stage->err.msg[0] = '\0';
    bool alive = setjmp(stage->out) == 0;
    if (alive) {
        *ret = recover_only ? gs_recover(&gpus, stage->dir, &options.note, &stage->err)
                            : gs_apply(&gpus, &stage->want, 1, &options, &report, &stage->err);
    } else {
        bury(stage);
    }
    stage->table.hook = NULL;
    return alive;
}

bool stage_apply(struct stage *stage, int *ret)
{
    return run(stage, false, ret);
}

bool stage_recover(struct stage *stage, int *ret)
{
    return run(stage, true, ret);
}

/* ---- the verdict ---- */

static void read_slice(const struct gs_gpu_table_gpu *gpu, unsigned g, struct stage_slice *slice)
{
    const struct gs_gpu_table_gi *gi = &gpu->gis[g];
    *slice = (struct stage_slice){
        .profile = gi->profile, .start = gi->start, .generation = gi->generation};
    for (uint8_t profile = 0; profile < 16; profile++) {
        for (unsigned c = 0; c < GS_COMPUTE_INSTANCES_MAX; c++) {
            if (gi->cis[c].present && gi->cis[c].profile == profile) {
                slice->ci_generations[slice->n_cis] = gi->cis[c].generation;
                slice->cis[slice->n_cis++] = profile;
            }
        }
    }
    for (unsigned p = 0; p < gpu->n_processes; p++) {
        uint32_t holds = gpu->processes[p].gpu_instance;
        slice->busy = slice->busy || holds == g || holds == GS_NOT_KNOWN;
    }
}

void stage_read(const struct gs_gpu_table *table, struct stage_layout *ret)
{
    ret->n = 0;
    for (unsigned start = 0; start < GS_MEMORY_UNITS_MAX; start++) {
        for (unsigned g = 0; g < GS_GPU_INSTANCES_MAX; g++) {
            const struct gs_gpu_table_gi *gi = &table->gpus[0].gis[g];
            if (gi->present && gi->start == start) {
                read_slice(&table->gpus[0], g, &ret->at[ret->n++]);
            }
        }
    }
}

static bool same_kind(const struct stage_slice *a, const struct stage_slice *b)
{
    return a->profile == b->profile && a->start == b->start && a->n_cis == b->n_cis &&
           memcmp(a->cis, b->cis, a->n_cis) == 0;
}

static const struct stage_slice *find(const struct stage_layout *layout,
                                      const struct stage_slice *slice)
{
    for (unsigned i = 0; i < layout->n; i++) {
        if (same_kind(&layout->at[i], slice)) {
            return &layout->at[i];
        }
    }
    return NULL;
}

static bool same_one(const struct stage_slice *a, const struct stage_slice *b)
{
    return a != NULL && b != NULL && a->generation == b->generation &&
           memcmp(a->ci_generations, b->ci_generations, sizeof(a->ci_generations)) == 0;
}

static bool busy_untouched(const struct stage_layout *now, const struct stage_layout *old)
{
    for (unsigned i = 0; i < old->n; i++) {
        if (old->at[i].busy && !same_one(find(now, &old->at[i]), &old->at[i])) {
            return false;
        }
    }
    return true;
}

const char *stage_judge_whole(const struct stage_layout *now, const struct stage_layout *old,
                              const struct stage_layout *new)
{
    if (!busy_untouched(now, old)) {
        return "a busy slice was touched";
    }
    for (unsigned i = 0; i < now->n; i++) {
        const struct stage_slice *before = find(old, &now->at[i]);
        if (before == NULL && find(new, &now->at[i]) == NULL) {
            return "a slice is neither whole nor of before or after";
        }
    }
    return NULL;
}

const char *stage_judge_wanted(const struct stage_layout *now, const struct stage_layout *old,
                               const struct stage_layout *new)
{
    if (!busy_untouched(now, old)) {
        return "a busy slice was touched";
    }
    for (unsigned i = 0; i < now->n; i++) {
        if (now->n != new->n || find(new, &now->at[i]) == NULL) {
            return "it is not what was wanted";
        }
    }
    for (unsigned i = 0; i < old->n; i++) {
        if (find(new, &old->at[i]) != NULL && !same_one(find(now, &old->at[i]), &old->at[i])) {
            return "a slice that was wanted already was taken down";
        }
    }
    return now->n == new->n ? NULL : "it is not what was wanted";
}

static void complain(const struct stage *stage, const char *problem, const char *what)
{
    if (problem != NULL) {
        char text[DESK_TEXT_MAX];
        fail_msg("%s: %s: %s (%s)", what, desk_read(&stage->table, 0, text), problem,
                 stage->err.msg);
    }
}

void stage_check_whole(const struct stage *stage, const struct stage_layout *old,
                       const struct stage_layout *new, const char *what)
{
    struct stage_layout now;
    stage_read(&stage->table, &now);
    complain(stage, stage_judge_whole(&now, old, new), what);
}

void stage_check_wanted(const struct stage *stage, const struct stage_layout *old,
                        const struct stage_layout *new, const char *what)
{
    struct stage_layout now;
    stage_read(&stage->table, &now);
    complain(stage, stage_judge_wanted(&now, old, new), what);
}
