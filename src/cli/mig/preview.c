#include "cli/mig/preview.h"

#include <stdio.h>
#include <string.h>

#include "core/transition.h"

enum { CI_PROFILES = 9 /* NVML's numbers of kinds of compute instances */ };

/* One GPU while its lines are read. */
struct gpu {
    struct gs_arena *arena;
    struct gs_gpu_view *view;
    bool skip_reset;
    bool no_memory;
};

/* ---- words ---- */

/* "3g.20gb" up to `end`, which is taken too. */
static bool take_profile(struct gs_view *line, const struct gs_model *model, const char *end,
                         unsigned *ret)
{
    const char *at = line->p == NULL ? NULL : memmem(line->p, line->n, end, strlen(end));
    struct gs_profile_name name;
    if (at == NULL || model == NULL) {
        return false;
    }
    struct gs_view text = {.p = line->p, .n = (size_t)(at - line->p)};
    int profile =
        gs_profile_name_parse(text, &name, NULL) < 0 ? -1 : gs_model_profile_index(model, &name);
    line->n -= text.n + strlen(end);
    line->p = at + strlen(end);
    *ret = (unsigned)profile;
    return profile >= 0;
}

static bool take_number(struct gs_view *line, unsigned max, unsigned *ret)
{
    uint64_t number;
    bool taken = gs_view_u64(line, max, &number);
    *ret = taken ? (unsigned)number : 0;
    return taken;
}

/* Behind "... at ", whatever the slice is called. */
static bool take_start(struct gs_view line, unsigned *ret)
{
    static const char at[] = " at ";
    const char *found = memmem(line.p, line.n, at, strlen(at));
    if (found == NULL) {
        return false;
    }
    struct gs_view rest = {.p = found + strlen(at),
                           .n = line.n - (size_t)(found - line.p) - strlen(at)};
    return take_number(&rest, GS_MEMORY_UNITS_MAX - 1, ret);
}

/* ---- instances ---- */

static struct gs_gpu_instance *instance_at(struct gs_gpu_instances *all, unsigned start)
{
    for (unsigned i = 0; i < all->n; i++) {
        if (all->at[i].start == start) {
            return &all->at[i];
        }
    }
    return NULL;
}

/* In the order of starts. */
static struct gs_gpu_instance *add_instance(struct gpu *gpu, unsigned profile, unsigned start)
{
    struct gs_gpu_instances *all = &gpu->view->instances;
    const struct gs_profile *kind = &gpu->view->model->profiles[profile];
    if (all->n == GS_GPU_INSTANCES_MAX) {
        return NULL;
    }
    unsigned i = all->n++;
    for (; i > 0 && all->at[i - 1].start > start; i--) {
        all->at[i] = all->at[i - 1];
    }
    all->at[i] = (struct gs_gpu_instance){.id = GS_NOT_KNOWN,
                                          .profile = kind->nvml_profile,
                                          .profile_id = kind->nvml_profile_id,
                                          .start = start,
                                          .size = kind->memory_units};
    return &all->at[i];
}

static bool add_compute(struct gs_gpu_instance *gi, unsigned slices)
{
    struct gs_compute_instance ci = {
        .id = GS_NOT_KNOWN, .profile_id = GS_NOT_KNOWN, .start = GS_NOT_KNOWN, .size = slices};
    while (ci.profile < CI_PROFILES && gs_gpu_slices_of(&ci) != slices) {
        ci.profile++;
    }
    if (gi->n_compute == GS_COMPUTE_INSTANCES_MAX || ci.profile == CI_PROFILES) {
        return false;
    }
    gi->compute[gi->n_compute++] = ci;
    return true;
}

static void remove_instance(struct gs_gpu_instances *all, struct gs_gpu_instance *gi)
{
    size_t behind = (size_t)(&all->at[all->n] - gi) - 1;
    memmove(gi, gi + 1, behind * sizeof(*gi));
    all->n--;
}

static void remove_compute(struct gs_gpu_instance *gi, uint32_t id)
{
    unsigned n = 0;
    for (unsigned j = 0; j < gi->n_compute; j++) {
        if (gi->compute[j].id != id) {
            gi->compute[n++] = gi->compute[j];
        }
    }
    gi->n_compute = n;
}

/* ---- steps ---- */

static bool destroy(struct gpu *gpu, struct gs_view line)
{
    unsigned start;
    unsigned ci = 0;
    bool compute = gs_view_skip(&line, "compute instance ");
    if ((compute && !take_number(&line, UINT16_MAX, &ci)) || !take_start(line, &start)) {
        return false;
    }
    struct gs_gpu_instance *gi = instance_at(&gpu->view->instances, start);
    if (gi != NULL && compute) {
        remove_compute(gi, ci);
    } else if (gi != NULL) {
        remove_instance(&gpu->view->instances, gi);
    }
    return true;
}

static bool create(struct gpu *gpu, struct gs_view line)
{
    unsigned slices = 0;
    unsigned profile;
    unsigned start;
    bool compute = gs_view_skip(&line, "compute instance ");
    if (compute && (!take_number(&line, GS_COMPUTE_INSTANCES_MAX, &slices) ||
                    !gs_view_skip(&line, "c in ") || !take_start(line, &start))) {
        return false;
    }
    if (compute) {
        struct gs_gpu_instance *gi = instance_at(&gpu->view->instances, start);
        return gi != NULL && add_compute(gi, slices);
    }
    return take_profile(&line, gpu->view->model, " at ", &profile) &&
           take_number(&line, GS_MEMORY_UNITS_MAX - 1, &start) &&
           add_instance(gpu, profile, start) != NULL;
}

static bool turn_mode(struct gpu *gpu, struct gs_view line)
{
    bool on = gs_view_skip(&line, "on");
    if (!on && !gs_view_skip(&line, "off")) {
        return false;
    }
    gpu->view->facts.pending = on ? GS_MIG_ON : GS_MIG_OFF;
    if (!gpu->skip_reset || !gpu->view->facts.mode_change_needs_reset) {
        gpu->view->facts.mode = gpu->view->facts.pending;
    }
    gpu->view->instances.n = 0;
    return true;
}

/* ---- a GPU that is cut once MIG is on: "2x 3g.20gb(2c,1c), 1x 1g.5gb" or "3g.20gb@4,1g.5gb@0"
 * ---- */

struct wanted {
    unsigned n;
    struct {
        unsigned profile;
        unsigned start; /* GS_NOT_KNOWN: anywhere */
        unsigned n_cis;
        unsigned cis[GS_COMPUTE_INSTANCES_MAX];
    } at[GS_MEMORY_UNITS_MAX];
};

static bool take_cis(struct gs_view *line, const struct gs_profile *profile, struct wanted *all)
{
    unsigned i = all->n;
    all->at[i].n_cis = 1;
    all->at[i].cis[0] = profile->compute_slices;
    if (!gs_view_skip(line, "(")) {
        return true;
    }
    all->at[i].n_cis = 0;
    if (gs_view_skip(line, "no compute instance)")) {
        return true;
    }
    while (!gs_view_skip(line, ")")) {
        unsigned *slices = &all->at[i].cis[all->at[i].n_cis];
        if (all->at[i].n_cis == GS_COMPUTE_INSTANCES_MAX ||
            !take_number(line, GS_COMPUTE_INSTANCES_MAX, slices) || !gs_view_skip(line, "c")) {
            return false;
        }
        all->at[i].n_cis++;
        (void)gs_view_skip(line, ",");
    }
    return true;
}

static bool take_wanted(struct gs_view *line, const struct gs_model *model, struct wanted *all)
{
    unsigned count = 1;
    struct gs_view counted = *line;
    if (take_number(&counted, GS_MEMORY_UNITS_MAX, &count) && gs_view_skip(&counted, "x ")) {
        *line = counted;
    } else {
        count = 1;
    }
    size_t n = 0;
    while (n < line->n && strchr("@(,", line->p[n]) == NULL) {
        n++;
    }
    struct gs_view text = {.p = line->p, .n = n};
    struct gs_profile_name name;
    int profile =
        gs_profile_name_parse(text, &name, NULL) < 0 ? -1 : gs_model_profile_index(model, &name);
    line->p += n;
    line->n -= n;
    if (profile < 0 || all->n + count > GS_MEMORY_UNITS_MAX) {
        return false;
    }
    all->at[all->n].profile = (unsigned)profile;
    all->at[all->n].start = GS_NOT_KNOWN;
    if ((gs_view_skip(line, "@") &&
         !take_number(line, GS_MEMORY_UNITS_MAX - 1, &all->at[all->n].start)) ||
        !take_cis(line, &model->profiles[profile], all)) {
        return false;
    }
    for (unsigned i = 1; i < count; i++) {
        all->at[all->n + i] = all->at[all->n];
    }
    all->n += count;
    return line->n == 0 || gs_view_skip(line, ", ") || gs_view_skip(line, ",");
}

/* Places for those that may go anywhere, as on any empty GPU. */
static bool place(struct gpu *gpu, const struct gs_model *model, struct wanted *all)
{
    const struct gs_statetable *table;
    struct gs_transition_index index;
    struct gs_layout_goal goal = {.placed = false};
    const struct gs_layout nothing = {.n_slices = 0};
    struct gs_transition steps;
    for (unsigned i = 0; i < all->n; i++) {
        goal.counts[all->at[i].profile]++;
    }
    int r = gs_statetable_new(gpu->arena, model, GS_ALL_PROFILES, &table, NULL);
    r = r < 0 ? r : gs_transition_index_init(gpu->arena, table, &index, NULL);
    r = r < 0 ? r : gs_transition_plan(&index, &nothing, &goal, &steps, NULL);
    if (r < 0) {
        gpu->no_memory = r == GS_NO_MEMORY;
        return false;
    }
    bool used[GS_STEPS_MAX] = {false};
    for (unsigned i = 0; i < all->n; i++) {
        unsigned k = 0;
        while (k < steps.n_steps &&
               (used[k] || steps.steps[k].placement.profile != all->at[i].profile)) {
            k++;
        }
        if (k == steps.n_steps) {
            return false;
        }
        used[k] = true;
        all->at[i].start = steps.steps[k].placement.start;
    }
    return true;
}

static bool cut_afresh(struct gpu *gpu, struct gs_view line)
{
    const struct gs_model *model = gpu->view->model;
    struct wanted all = {.n = 0};
    if (gs_view_eq(line, "nothing") || gpu->view->facts.mode != GS_MIG_ON) {
        return true;
    }
    while (line.n > 0) {
        if (model == NULL || !take_wanted(&line, model, &all)) {
            return false;
        }
    }
    if (all.n > 0 && all.at[0].start == GS_NOT_KNOWN && !place(gpu, model, &all)) {
        return false;
    }
    for (unsigned i = 0; i < all.n; i++) {
        struct gs_gpu_instance *gi = add_instance(gpu, all.at[i].profile, all.at[i].start);
        for (unsigned j = 0; j < all.at[i].n_cis; j++) {
            if (gi == NULL || !add_compute(gi, all.at[i].cis[j])) {
                return false;
            }
        }
    }
    return true;
}

/* ---- all of it ---- */

static bool take_step(struct gpu *gpu, struct gs_view line)
{
    if (gs_view_skip(&line, "destroy ")) {
        return destroy(gpu, line);
    }
    if (gs_view_skip(&line, "create ")) {
        return create(gpu, line);
    }
    if (gs_view_skip(&line, "turn MIG ")) {
        return turn_mode(gpu, line);
    }
    return gs_view_skip(&line, "then cut it into ") && cut_afresh(gpu, line);
}

/* False: no memory. */
static bool take_line(struct gs_arena *arena, struct gs_gpu_machine *machine, bool skip_reset,
                      struct gs_view line)
{
    unsigned index;
    if (!gs_view_skip(&line, "GPU ") || !take_number(&line, GS_GPUS_MAX - 1, &index) ||
        index >= machine->n || !gs_view_skip(&line, ": ")) {
        return true; /* of no GPU */
    }
    struct gpu gpu = {.arena = arena, .view = &machine->at[index], .skip_reset = skip_reset};
    if (gpu.view->code == 0 && !take_step(&gpu, line)) {
        gpu.view->code =
            gs_fail(&gpu.view->why, GS_UNKNOWN, "GPU %u: not known before it is done", index);
    }
    return !gpu.no_memory;
}

int gs_mig_preview(struct gs_arena *arena, const struct gs_gpu_machine *before, const char *lines,
                   bool skip_reset, struct gs_gpu_machine *ret_after, struct gs_err *err)
{
    struct gs_gpu_machine after = *before;
    after.at = GS_ARENA_NEW(arena, struct gs_gpu_view, before->n);
    if (after.at == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for %u GPUs", before->n);
    }
    memcpy(after.at, before->at, before->n * sizeof(*after.at));
    struct gs_view rest = gs_view(lines);
    while (rest.p != NULL) {
        if (!take_line(arena, &after, skip_reset, gs_view_split(&rest, '\n'))) {
            return gs_fail(err, GS_NO_MEMORY, "no memory for what the GPUs will be");
        }
    }
    for (unsigned i = 0; i < after.n; i++) {
        if (after.at[i].code == 0) {
            gs_gpu_view_lay_out(&after.at[i]);
        } else {
            after.at[i].has_layout = false;
        }
    }
    *ret_after = after;
    return 0;
}

static bool same_compute(const struct gs_gpu_instance *a, const struct gs_gpu_instance *b)
{
    bool same = a->n_compute == b->n_compute;
    for (unsigned j = 0; same && j < a->n_compute; j++) {
        same = a->compute[j].id == b->compute[j].id &&
               a->compute[j].profile == b->compute[j].profile &&
               strcmp(a->compute[j].uuid, b->compute[j].uuid) == 0;
    }
    return same;
}

bool gs_mig_differs(const struct gs_gpu_view *before, const struct gs_gpu_view *after)
{
    if (before->code != after->code || before->facts.mode != after->facts.mode ||
        before->facts.pending != after->facts.pending ||
        before->instances.n != after->instances.n) {
        return true;
    }
    for (unsigned i = 0; i < before->instances.n; i++) {
        const struct gs_gpu_instance *a = &before->instances.at[i];
        const struct gs_gpu_instance *b = &after->instances.at[i];
        if (a->id != b->id || a->profile_id != b->profile_id || a->start != b->start ||
            !same_compute(a, b)) {
            return true;
        }
    }
    return false;
}
