#include "unit/check.h"

#include "unit/partition/desk.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/view.h"
#include "core/catalog.h"
#include "unit/scratch.h"

void desk_machine(struct gs_gpu_table *table, const char *model, unsigned count)
{
    struct gs_err err = {0};
    gs_gpu_table_init(table, 580);
    if (gs_gpu_table_add(table, model, count, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    gs_gpu_table_mig_on(table);
}

/* One slice of a text: "3g.20gb@4(1c,1c)!" */
struct piece {
    unsigned profile;
    unsigned start;
    bool busy;
    unsigned n_cis;
    unsigned cis[GS_COMPUTE_INSTANCES_MAX];
    uint32_t starts[GS_COMPUTE_INSTANCES_MAX]; /* GS_NOT_KNOWN: the driver's choice */
    bool busy_cis[GS_COMPUTE_INSTANCES_MAX];
};

static const unsigned ci_slices[] = {1, 2, 3, 4, 7, 8, 6};

static unsigned ci_profile(unsigned slices)
{
    for (unsigned p = 0; p < 7; p++) {
        if (ci_slices[p] == slices) {
            return p;
        }
    }
    fail_msg("no compute instance has %u slices", slices);
    return 0;
}

/* Takes the next piece off *text; commas inside brackets do not part pieces. */
static bool next_piece(const struct gs_model *model, struct gs_view *text, struct piece *piece)
{
    if (text->p == NULL || text->n == 0) {
        return false;
    }
    size_t n = 0;
    for (bool inside = false; n < text->n && (inside || text->p[n] != ','); n++) {
        inside = text->p[n] == '(' || (inside && text->p[n] != ')');
    }
    struct gs_view rest = {.p = text->p, .n = n};
    text->p += n < text->n ? n + 1 : n;
    text->n -= n < text->n ? n + 1 : n;
    struct gs_view name = gs_view_split(&rest, '@');
    struct gs_err err;
    uint64_t number = 0;
    *piece = (struct piece){.n_cis = 1};
    if (gs_model_profile_find(model, name, &piece->profile, &err) < 0) {
        fail_msg("%s", err.msg);
    }
    assert_true(gs_view_u64(&rest, 15, &number));
    piece->start = (unsigned)number;
    piece->cis[0] = model->profiles[piece->profile].compute_slices;
    piece->starts[0] = GS_NOT_KNOWN;
    if (gs_view_skip(&rest, "(")) {
        for (piece->n_cis = 0; gs_view_u64(&rest, 8, &number); piece->n_cis++) {
            piece->cis[piece->n_cis] = (unsigned)number;
            assert_true(gs_view_skip(&rest, "c"));
            bool at = gs_view_skip(&rest, "@");
            assert_true(!at || gs_view_u64(&rest, 8, &number));
            piece->starts[piece->n_cis] = at ? (uint32_t)number : GS_NOT_KNOWN;
            piece->busy_cis[piece->n_cis] = gs_view_skip(&rest, "!");
            gs_view_skip(&rest, ",");
        }
        assert_true(gs_view_skip(&rest, ")"));
    }
    piece->busy = gs_view_skip(&rest, "!");
    assert_int_equal(rest.n, 0);
    return true;
}

static void cut_piece(struct gs_gpus *gpus, struct gs_gpu_table *table, unsigned gpu,
                      const struct piece *piece)
{
    const struct gs_profile *profile = &table->gpus[gpu].model->profiles[piece->profile];
    struct gs_gpu_instance gi;
    struct gs_compute_instance ci = {.id = GS_NOT_KNOWN};
    struct gs_err err;
    if (gs_gpu_create(gpus, gpu, profile->nvml_profile_id, piece->start, profile->memory_units, &gi,
                      &err) < 0) {
        fail_msg("%s", err.msg);
    }
    for (unsigned j = 0; j < piece->n_cis; j++) {
        unsigned kind = ci_profile(piece->cis[j]);
        if (gs_gpu_create_compute(gpus, gpu, gi.id, kind, piece->starts[j], piece->cis[j], &ci,
                                  &err) < 0) {
            fail_msg("%s", err.msg);
        }
        if (piece->busy_cis[j] &&
            gs_gpu_table_hold(table, gpu, gi.id, ci.id, 1100 + 10 * gi.id + ci.id, &err) < 0) {
            fail_msg("%s", err.msg);
        }
    }
    if (piece->busy && gs_gpu_table_hold(table, gpu, gi.id, ci.id, 1000 + gi.id, &err) < 0) {
        fail_msg("%s", err.msg);
    }
}

void desk_cut(struct gs_gpu_table *table, unsigned gpu, const char *layout)
{
    struct gs_gpus gpus;
    struct gs_view rest = gs_view(layout);
    struct piece piece;
    gs_gpu_table_open(table, &gpus);
    while (next_piece(table->gpus[gpu].model, &rest, &piece)) {
        cut_piece(&gpus, table, gpu, &piece);
    }
    gs_gpu_close(&gpus);
}

static void read_gi(const struct gs_model *model, const struct gs_gpu_table_gi *gi, char *text)
{
    const struct gs_profile *profile = &model->profiles[gi->profile];
    size_t used = strlen(text);
    used += (size_t)snprintf(text + used, DESK_TEXT_MAX - used, "%s%s@%u", used == 0 ? "" : ",",
                             profile->name, gi->start);
    unsigned sizes[GS_COMPUTE_INSTANCES_MAX];
    unsigned n = 0;
    for (unsigned size = 8; size > 0; size--) {
        for (unsigned c = 0; c < GS_COMPUTE_INSTANCES_MAX; c++) {
            if (gi->cis[c].present && gi->cis[c].size == size) {
                sizes[n++] = size;
            }
        }
    }
    if (n == 1 && sizes[0] == profile->compute_slices) {
        return;
    }
    used += (size_t)snprintf(text + used, DESK_TEXT_MAX - used, "(");
    for (unsigned c = 0; c < n; c++) {
        used += (size_t)snprintf(text + used, DESK_TEXT_MAX - used, "%s%uc", c == 0 ? "" : ",",
                                 sizes[c]);
    }
    snprintf(text + used, DESK_TEXT_MAX - used, ")");
}

const char *desk_read(const struct gs_gpu_table *table, unsigned gpu, char text[DESK_TEXT_MAX])
{
    text[0] = '\0';
    for (unsigned start = 0; start < GS_MEMORY_UNITS_MAX; start++) {
        for (unsigned g = 0; g < GS_GPU_INSTANCES_MAX; g++) {
            const struct gs_gpu_table_gi *gi = &table->gpus[gpu].gis[g];
            if (gi->present && gi->start == start) {
                read_gi(table->gpus[gpu].model, gi, text);
            }
        }
    }
    return text;
}

static void read_inside(const struct gs_model *model, const struct gs_gpu_table_gi *gi, char *text)
{
    size_t used = strlen(text);
    const char *sign = "(";
    used += (size_t)snprintf(text + used, DESK_TEXT_MAX - used, "%s%s@%u", used == 0 ? "" : ",",
                             model->profiles[gi->profile].name, gi->start);
    for (unsigned start = 0; start < GS_COMPUTE_INSTANCES_MAX; start++) {
        for (unsigned c = 0; c < GS_COMPUTE_INSTANCES_MAX; c++) {
            if (gi->cis[c].present && gi->cis[c].start == start) {
                used += (size_t)snprintf(text + used, DESK_TEXT_MAX - used, "%s%uc@%u", sign,
                                         ci_slices[gi->cis[c].profile], start);
                sign = ",";
            }
        }
    }
    snprintf(text + used, DESK_TEXT_MAX - used, "%s", *sign == '(' ? "()" : ")");
}

const char *desk_read_inside(const struct gs_gpu_table *table, unsigned gpu,
                             char text[DESK_TEXT_MAX])
{
    text[0] = '\0';
    for (unsigned start = 0; start < GS_MEMORY_UNITS_MAX; start++) {
        for (unsigned g = 0; g < GS_GPU_INSTANCES_MAX; g++) {
            const struct gs_gpu_table_gi *gi = &table->gpus[gpu].gis[g];
            if (gi->present && gi->start == start) {
                read_inside(table->gpus[gpu].model, gi, text);
            }
        }
    }
    return text;
}

uint64_t desk_generation(const struct gs_gpu_table *table, unsigned gpu, unsigned start)
{
    for (unsigned g = 0; g < GS_GPU_INSTANCES_MAX; g++) {
        const struct gs_gpu_table_gi *gi = &table->gpus[gpu].gis[g];
        if (gi->present && gi->start == start) {
            return gi->generation;
        }
    }
    return 0;
}

void desk_wish(struct gs_mig_wish *wish, const char *counts)
{
    *wish = (struct gs_mig_wish){.named = true, .mig_enabled = true};
    struct gs_view rest = gs_view(counts);
    while (rest.p != NULL && rest.n > 0) {
        struct gs_view part = gs_view_split(&rest, ',');
        struct gs_view name = gs_view_split(&part, '=');
        uint64_t count;
        struct gs_err err;
        assert_true(gs_view_is_u64(part, 255, &count));
        if (gs_profile_name_parse(name, &wish->slices[wish->n].name, &err) < 0) {
            fail_msg("%s", err.msg);
        }
        wish->slices[wish->n++].count = (uint32_t)count;
    }
}

void desk_state(struct gs_mig_state *state, const char *model_name, const char *layout)
{
    const struct gs_model *model;
    struct gs_view rest = gs_view(layout);
    struct piece piece;
    assert_int_equal(gs_catalog_find(gs_view(model_name), &model, NULL), 0);
    *state = (struct gs_mig_state){.mig_enabled = true};
    while (next_piece(model, &rest, &piece)) {
        struct gs_mig_state_gi *gi = &state->gis[state->n_gis++];
        *gi = (struct gs_mig_state_gi){
            .profile = model->profiles[piece.profile].nvml_profile,
            .start = piece.start,
            .size = model->profiles[piece.profile].memory_units,
            .n_cis = piece.n_cis,
        };
        for (unsigned j = 0; j < piece.n_cis; j++) {
            gi->cis[j].profile = ci_profile(piece.cis[j]);
        }
    }
}

void desk_dir(char dir[64])
{
    assert_true(scratch_make("gpuslice-test", dir, 64));
}

void desk_dir_done(const char *dir)
{
    DIR *list = opendir(dir);
    assert_non_null(list);
    for (const struct dirent *entry; (entry = readdir(list)) != NULL;) {
        if (entry->d_name[0] != '.') {
            unlinkat(dirfd(list), entry->d_name, 0);
        }
    }
    closedir(list);
    assert_int_equal(rmdir(dir), 0);
    scratch_forget(dir);
}

void desk_line(void *ctx, const char *line)
{
    struct desk_lines *lines = ctx;
    int n = snprintf(lines->text + lines->used, sizeof(lines->text) - lines->used, "%s\n", line);
    lines->used += n > 0 ? (size_t)n : 0;
    assert_true(lines->used < sizeof(lines->text));
}
