#include "core/pack_mixes.h"

#include <string.h>

/* Of one need on one target; more, and no start is looked for. */
enum { PARTS_MAX = 16, MIXES_MAX = 500, STEPS_MAX = 100000 };

/* A use of the program over mixes, and what it stands for. */
struct mix {
    uint32_t uses[PARTS_MAX]; /* of the program proper */
    int64_t times[PARTS_MAX];
    unsigned n;
};

/* The uses of one kind on one target, while its mixes are listed. */
struct group {
    uint32_t uses[PARTS_MAX];
    int64_t yields[PARTS_MAX];
    int64_t times[PARTS_MAX]; /* of the mix at hand */
    unsigned n;
    unsigned n_mixes;
    unsigned steps;
};

struct mixing {
    struct gs_arena *arena;
    const struct gs_program_spec *spec;
    const struct gs_program *program;
    bool *rounded; /* a kind: it is served by mixes */
    struct gs_use *uses;
    size_t cap_uses;
    int64_t *yields;
    size_t cap_yields;
    struct mix *mixes;
    size_t cap_mixes;
    size_t n;
    bool gave_up;
    bool failed;
};

static void add_use(struct mixing *m, const struct gs_use *use, int64_t yield,
                    const struct mix *mix)
{
    if (!gs_arena_room(m->arena, &m->uses, &m->cap_uses, m->n, sizeof(*m->uses)) ||
        !gs_arena_room(m->arena, &m->yields, &m->cap_yields, m->n, sizeof(*m->yields)) ||
        !gs_arena_room(m->arena, &m->mixes, &m->cap_mixes, m->n, sizeof(*m->mixes))) {
        m->failed = true;
        return;
    }
    m->uses[m->n] = *use;
    m->yields[m->n] = yield;
    m->mixes[m->n++] = *mix;
}

/* The mix at hand as a use; none of its slices could be left out. */
static void add_mix(struct mixing *m, struct group *group, int64_t surplus)
{
    struct gs_use use = m->spec->uses[group->uses[0]];
    struct mix mix = {.n = group->n};
    memset(use.slices, 0, sizeof(use.slices));
    use.gpus = 0;
    for (unsigned i = 0; i < group->n; i++) {
        if (group->times[i] > 0 && group->yields[i] <= surplus) {
            return;
        }
        mix.uses[i] = group->uses[i];
        mix.times[i] = group->times[i];
        use.gpus += m->spec->uses[group->uses[i]].gpus * (uint32_t)group->times[i];
        for (unsigned p = 0; p < GS_PROFILES_MAX; p++) {
            use.slices[p] += m->spec->uses[group->uses[i]].slices[p] * (uint32_t)group->times[i];
        }
    }
    m->gave_up = m->gave_up || ++group->n_mixes > MIXES_MAX;
    add_use(m, &use, 1, &mix);
}

static void list_from(struct mixing *m, struct group *group, unsigned i, int64_t rest)
{
    if (m->failed || m->gave_up || ++group->steps > STEPS_MAX) {
        m->gave_up = true;
        return;
    }
    if (rest <= 0) {
        add_mix(m, group, -rest);
        return;
    }
    if (i == group->n) {
        return;
    }
    int64_t most = rest / group->yields[i] + (rest % group->yields[i] != 0);
    if (most > STEPS_MAX) {
        m->gave_up = true;
        return;
    }
    for (int64_t times = most; times >= 0; times--) {
        group->times[i] = times;
        list_from(m, group, i + 1, rest - times * group->yields[i]);
    }
    group->times[i] = 0;
}

static void list_mixes(struct mixing *m, uint32_t kind, uint32_t target)
{
    struct group group = {.n = 0};
    for (uint32_t u = 0; u < m->spec->n_uses; u++) {
        if (m->spec->uses[u].kind != kind || m->spec->uses[u].target != target) {
            continue;
        }
        if (group.n == PARTS_MAX) {
            m->gave_up = true;
            return;
        }
        group.uses[group.n] = u;
        group.yields[group.n++] = m->spec->yields[u];
    }
    if (group.n > 0) {
        list_from(m, &group, 0, m->spec->needs[kind]);
    }
}

/* Uses of kinds without mixes stay as they are. */
static void list_uses(struct mixing *m)
{
    for (uint32_t u = 0; u < m->spec->n_uses; u++) {
        const struct gs_use *use = &m->spec->uses[u];
        if (!m->rounded[use->kind]) {
            const struct mix itself = {.uses = {u}, .times = {1}, .n = 1};
            add_use(m, use, m->spec->yields[u], &itself);
        }
    }
    for (uint32_t k = 0; k < m->spec->n_kinds; k++) {
        for (uint32_t t = 0; m->rounded[k] && t < m->spec->n_targets && !m->gave_up; t++) {
            list_mixes(m, k, t);
        }
    }
}

/* A solution over mixes in the columns of the program proper: uses, then GPUs as they are. Handed
 * out only when the program proper says that it is one. */
static int translate(const struct mixing *m, const struct gs_pack *pack, const int64_t **ret_x,
                     int64_t *ret_value, struct gs_err *err)
{
    const struct gs_ip *ip = &m->program->ip;
    size_t n_gpus = pack->program.ip.n_cols - m->n;
    if (m->spec->n_uses + n_gpus != ip->n_cols) {
        return 0;
    }
    int64_t *x = GS_ARENA_NEW(m->arena, int64_t, ip->n_cols);
    int64_t *sums = GS_ARENA_NEW(m->arena, int64_t, ip->n_rows);
    if (x == NULL || sums == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for a first packing");
    }
    for (size_t v = 0; v < m->n; v++) {
        for (unsigned i = 0; i < m->mixes[v].n; i++) {
            x[m->mixes[v].uses[i]] += pack->served[v] * m->mixes[v].times[i];
        }
    }
    memcpy(x + m->spec->n_uses, pack->served + m->n, n_gpus * sizeof(*x));
    if (gs_ip_check(ip, x, sums, ret_value)) {
        *ret_x = x;
    }
    return 0;
}

static int solve(struct mixing *m, int64_t *needs, int64_t step, const int64_t **ret_x,
                 int64_t *ret_value, struct gs_err *err)
{
    for (uint32_t k = 0; k < m->spec->n_kinds; k++) {
        needs[k] = m->rounded[k] ? 1 : m->spec->needs[k];
    }
    struct gs_program_spec spec = *m->spec;
    spec.uses = m->uses;
    spec.n_uses = (unsigned)m->n;
    spec.yields = m->yields;
    spec.needs = needs;
    spec.roundings = NULL;
    spec.n_roundings = 0;
    struct gs_pack pack;
    int r = gs_pack_solve(m->arena, &spec, step, &pack, err);
    if (r < 0 || !pack.found) {
        return r;
    }
    return translate(m, &pack, ret_x, ret_value, err);
}

int gs_pack_mixes(struct gs_arena *arena, const struct gs_program_spec *spec,
                  const struct gs_program *program, int64_t step, const int64_t **ret_x,
                  int64_t *ret_value, struct gs_err *err)
{
    struct mixing m = {
        .arena = arena,
        .spec = spec,
        .program = program,
        .rounded = GS_ARENA_NEW(arena, bool, spec->n_kinds),
    };
    int64_t *needs = GS_ARENA_NEW(arena, int64_t, spec->n_kinds);
    *ret_x = NULL;
    if (m.rounded != NULL && needs != NULL) {
        for (unsigned i = 0; i < spec->n_roundings; i++) {
            m.rounded[spec->roundings[i].kind] = true;
        }
        list_uses(&m);
    }
    if (m.rounded == NULL || needs == NULL || m.failed) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for a first packing");
    }
    return m.gave_up ? 0 : solve(&m, needs, step, ret_x, ret_value, err);
}
