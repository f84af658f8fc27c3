#include "sim/agenda.h"

#include <assert.h>
#include <stdlib.h>

#include "base/err.h"

struct gs_sim_chunk {
    struct gs_sim_chunk *below;
    uint32_t n;
    struct gs_sim_entry entries[GS_SIM_AGENDA_CHUNK];
};

static struct gs_sim_chunk *push_chunk(struct gs_sim_agenda *agenda, struct gs_arena *arena,
                                       unsigned bucket)
{
    struct gs_sim_chunk *chunk = agenda->spare;
    if (chunk != NULL) {
        agenda->spare = chunk->below;
    } else {
        chunk = gs_arena_get_raw(arena, 1, sizeof(*chunk));
    }
    if (chunk != NULL) {
        chunk->below = agenda->buckets[bucket];
        chunk->n = 0;
        agenda->buckets[bucket] = chunk;
    }
    return chunk;
}

static void spare_chunk(struct gs_sim_agenda *agenda, struct gs_sim_chunk *chunk)
{
    chunk->below = agenda->spare;
    agenda->spare = chunk;
}

/* Among those of the same time, by `who`; there are few of them as a rule. */
static bool put_now(struct gs_sim_agenda *agenda, struct gs_arena *arena, struct gs_sim_entry entry)
{
    if (!gs_arena_room(arena, &agenda->now, &agenda->cap_now, agenda->n_now, sizeof(entry))) {
        return false;
    }
    size_t at = agenda->n_now++;
    for (; at > 0 && agenda->now[at - 1].who < entry.who; at--) {
        agenda->now[at] = agenda->now[at - 1];
    }
    agenda->now[at] = entry;
    return true;
}

static bool put_bucket(struct gs_sim_agenda *agenda, struct gs_arena *arena, unsigned bucket,
                       struct gs_sim_entry entry)
{
    struct gs_sim_chunk *chunk = agenda->buckets[bucket];
    if (chunk == NULL || chunk->n == GS_SIM_AGENDA_CHUNK) {
        chunk = push_chunk(agenda, arena, bucket);
        if (chunk == NULL) {
            return false;
        }
    }
    bool first = (agenda->filled >> bucket & 1u) == 0;
    if (first || entry.at < agenda->least[bucket]) {
        agenda->least[bucket] = entry.at;
    }
    agenda->filled |= 1ull << bucket;
    chunk->entries[chunk->n++] = entry;
    return true;
}

static unsigned bucket_of(const struct gs_sim_agenda *agenda, int64_t at)
{
    return 63u - (unsigned)__builtin_clzll((uint64_t)(at ^ agenda->last));
}

bool gs_sim_agenda_add(struct gs_sim_agenda *agenda, struct gs_arena *arena,
                       struct gs_sim_entry entry)
{
    assert(entry.at >= agenda->last);
    bool done = entry.at == agenda->last
                    ? put_now(agenda, arena, entry)
                    : put_bucket(agenda, arena, bucket_of(agenda, entry.at), entry);
    agenda->n += done;
    return done;
}

static int compare_who(const void *a, const void *b)
{
    uint32_t x = ((const struct gs_sim_entry *)a)->who;
    uint32_t y = ((const struct gs_sim_entry *)b)->who;
    return (x < y) - (x > y);
}

/* Time goes on to the first entry: its bucket comes down, what is at that time to `now`. */
static bool come_down(struct gs_sim_agenda *agenda, struct gs_arena *arena)
{
    unsigned bucket = (unsigned)__builtin_ctzll(agenda->filled);
    struct gs_sim_chunk *chunk = agenda->buckets[bucket];
    agenda->last = agenda->least[bucket];
    agenda->buckets[bucket] = NULL;
    agenda->filled &= agenda->filled - 1;
    while (chunk != NULL) {
        for (uint32_t i = 0; i < chunk->n; i++) {
            struct gs_sim_entry entry = chunk->entries[i];
            if (entry.at != agenda->last) {
                if (!put_bucket(agenda, arena, bucket_of(agenda, entry.at), entry)) {
                    return false;
                }
                continue;
            }
            if (!gs_arena_room(arena, &agenda->now, &agenda->cap_now, agenda->n_now,
                               sizeof(entry))) {
                return false;
            }
            agenda->now[agenda->n_now++] = entry;
        }
        struct gs_sim_chunk *below = chunk->below;
        spare_chunk(agenda, chunk);
        chunk = below;
    }
    if (agenda->n_now > 1) {
        qsort(agenda->now, agenda->n_now, sizeof(*agenda->now), compare_who);
    }
    return true;
}

int gs_sim_agenda_take(struct gs_sim_agenda *agenda, struct gs_arena *arena, int64_t at,
                       uint32_t below, struct gs_sim_entry *ret)
{
    if (gs_sim_agenda_at(agenda) != at) {
        return 0;
    }
    if (agenda->n_now == 0 && !come_down(agenda, arena)) {
        return GS_NO_MEMORY;
    }
    if (agenda->now[agenda->n_now - 1].who >= below) {
        return 0;
    }
    *ret = agenda->now[--agenda->n_now];
    agenda->n--;
    return 1;
}

void gs_sim_agenda_sift(struct gs_sim_agenda *agenda,
                        bool (*keep)(void *ctx, struct gs_sim_entry *entry), void *ctx)
{
    size_t kept_now = 0;
    for (size_t i = 0; i < agenda->n_now; i++) {
        if (keep(ctx, &agenda->now[i])) {
            agenda->now[kept_now++] = agenda->now[i];
        }
    }
    agenda->n = agenda->n_now = kept_now;
    for (unsigned b = 0; b < GS_SIM_AGENDA_BUCKETS; b++) {
        size_t kept_all = 0;
        int64_t least = GS_SIM_NEVER;
        for (struct gs_sim_chunk *chunk = agenda->buckets[b]; chunk != NULL; chunk = chunk->below) {
            uint32_t kept = 0;
            for (uint32_t i = 0; i < chunk->n; i++) {
                if (keep(ctx, &chunk->entries[i])) {
                    least = chunk->entries[i].at < least ? chunk->entries[i].at : least;
                    chunk->entries[kept++] = chunk->entries[i];
                }
            }
            chunk->n = kept;
            kept_all += kept;
        }
        agenda->n += kept_all;
        agenda->least[b] = least;
        if (kept_all == 0) {
            agenda->filled &= ~(1ull << b);
        }
    }
}
