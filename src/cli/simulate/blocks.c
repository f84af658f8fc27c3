#include "cli/simulate/blocks.h"

#include "sim/world.h"

/* ------------------------------------------------------------------ cutting */

static int64_t end_of(const struct gs_sim_job *job)
{
    return job->arrive_us + job->run_us;
}

/* The first job of [from, until) that came no sooner than `at`. */
static size_t first_from(const struct gs_sim_job *jobs, size_t from, size_t until, int64_t at)
{
    while (from < until) {
        size_t middle = from + (until - from) / 2;
        if (jobs[middle].arrive_us < at) {
            from = middle + 1;
        } else {
            until = middle;
        }
    }
    return from;
}

/* GPU-microseconds in the window. */
static double weight_of(const struct gs_sim_job *job, int64_t from_us, int64_t until_us)
{
    int64_t begin = job->arrive_us > from_us ? job->arrive_us : from_us;
    int64_t end = end_of(job) < until_us ? end_of(job) : until_us;
    return end > begin ? (double)(end - begin) * job->gpus : 0;
}

/* Kish's count: unequal weights say as much as so many equal ones. */
static size_t count_pieces(const struct gs_blocks *blocks, int64_t until_us)
{
    double sum = 0, squares = 0, block = 0;
    for (size_t i = 0; i < blocks->n_there; i++) {
        double weight = weight_of(&blocks->jobs[blocks->there[i]], blocks->from_us, until_us);
        sum += weight;
        squares += weight * weight;
    }
    int64_t number = 0;
    for (size_t i = blocks->n_before; i < blocks->n_until; i++) {
        const struct gs_sim_job *job = &blocks->jobs[i];
        int64_t at = (job->arrive_us - blocks->from_us) / blocks->block_us;
        if (at != number) {
            squares += block * block;
            block = 0;
            number = at;
        }
        double weight = weight_of(job, blocks->from_us, until_us);
        sum += weight;
        block += weight;
    }
    squares += block * block;
    return squares > 0 ? (size_t)(sum * sum / squares) : 0;
}

static int find_there(struct gs_arena *arena, struct gs_blocks *blocks, struct gs_err *err)
{
    for (size_t i = 0; i < blocks->n_before; i++) {
        blocks->n_there += end_of(&blocks->jobs[i]) > blocks->from_us;
    }
    blocks->there = GS_ARENA_NEW(arena, uint32_t, blocks->n_there + 1);
    if (blocks->there == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the blocks of a trace");
    }
    size_t n = 0;
    for (size_t i = 0; i < blocks->n_before; i++) {
        if (end_of(&blocks->jobs[i]) > blocks->from_us) {
            blocks->there[n++] = (uint32_t)i;
        }
    }
    return 0;
}

int gs_blocks_cut(struct gs_arena *arena, const struct gs_sim_job *jobs, size_t n, int64_t from_us,
                  int64_t until_us, struct gs_blocks *ret, struct gs_err *err)
{
    struct gs_blocks blocks = {.jobs = jobs, .from_us = from_us};
    blocks.n_before = first_from(jobs, 0, n, from_us);
    size_t behind = first_from(jobs, blocks.n_before, n, from_us + 1);
    blocks.n_before = behind > blocks.n_before + 1 ? behind : blocks.n_before;
    blocks.n_until = first_from(jobs, blocks.n_before, n, until_us);
    size_t in = blocks.n_until - blocks.n_before;
    if (until_us != GS_SIM_FOREVER) {
        blocks.span_us = until_us - from_us;
    } else if (in > 1) {
        int64_t last = jobs[blocks.n_until - 1].arrive_us - from_us;
        blocks.span_us = last + last / (int64_t)in + 1; /* the next one would come then */
    }
    int r = find_there(arena, &blocks, err);
    if (r < 0) {
        return r;
    }
    blocks.n = in < GS_BLOCKS ? in : GS_BLOCKS;
    blocks.n = (int64_t)blocks.n > blocks.span_us ? 0 : blocks.n;
    blocks.block_us = blocks.n == 0 ? 1 : blocks.span_us / (int64_t)blocks.n;
    blocks.pieces = count_pieces(&blocks, until_us);
    *ret = blocks;
    return 0;
}

/* ------------------------------------------------------------------ drawing */

void gs_blocks_draw(struct gs_blocks_draw *draw, struct gs_random *random)
{
    const struct gs_blocks *blocks = draw->blocks;
    for (size_t i = 0; i < blocks->n_there; i++) {
        draw->there[i] = blocks->there[gs_random_below(random, (uint32_t)blocks->n_there)];
    }
    for (size_t i = 0; i < blocks->n; i++) {
        unsigned __int128 product =
            (unsigned __int128)gs_random_u64(random) * (uint64_t)blocks->span_us;
        draw->begins[i] = (int64_t)(uint64_t)(product >> 64);
    }
}

/* ------------------------------------------------------------------ walking */

static size_t first_of_block(const struct gs_blocks_draw *draw, size_t block)
{
    const struct gs_blocks *blocks = draw->blocks;
    return block == blocks->n ? blocks->n_until
                              : first_from(blocks->jobs, blocks->n_before, blocks->n_until,
                                           blocks->from_us + draw->begins[block]);
}

void gs_blocks_walk_init(struct gs_blocks_walk *walk, const struct gs_blocks_draw *draw)
{
    *walk = (struct gs_blocks_walk){.draw = draw, .job = first_of_block(draw, 0)};
}

static int next_before(struct gs_blocks_walk *walk, struct gs_sim_job *ret)
{
    const struct gs_blocks *blocks = walk->draw->blocks;
    const struct gs_sim_job *place = &blocks->jobs[walk->before];
    *ret = *place;
    if (walk->there < blocks->n_there && blocks->there[walk->there] == walk->before) {
        *ret = blocks->jobs[walk->draw->there[walk->there++]];
        ret->run_us = end_of(ret) - place->arrive_us;
        ret->arrive_us = place->arrive_us;
    }
    walk->before++;
    return 1;
}

int gs_blocks_next(struct gs_blocks_walk *walk, struct gs_sim_job *ret)
{
    const struct gs_blocks *blocks = walk->draw->blocks;
    size_t in = blocks->n_until - blocks->n_before;
    if (walk->before < blocks->n_before) {
        return next_before(walk, ret);
    }
    while (walk->block < blocks->n) {
        int64_t place = (int64_t)walk->block * blocks->block_us;
        int64_t length = walk->block + 1 < blocks->n ? blocks->block_us : blocks->span_us - place;
        size_t i = walk->job + walk->given;
        bool around = i >= blocks->n_until;
        const struct gs_sim_job *job = &blocks->jobs[around ? i - in : i];
        int64_t at = job->arrive_us - blocks->from_us - walk->draw->begins[walk->block] +
                     (around ? blocks->span_us : 0);
        if (walk->given < in && at < length) {
            walk->given++;
            *ret = *job;
            ret->arrive_us = blocks->from_us + place + at;
            return 1;
        }
        walk->block++;
        walk->given = 0;
        walk->job = first_of_block(walk->draw, walk->block);
    }
    return 0;
}
