#include "core/solve/knapsack.h"

#include <string.h>

enum {
    AMOUNTS = GS_KNAPSACK_AMOUNTS,
    NOBODY = 0,
    TABLE_BITS = 10,
    DEEPER = 4 /* times the room before */
};

/* A choice among the items looked at so far: the best of those that leave as much. */
struct label {
    int64_t left[AMOUNTS];
    int64_t excess;
    int64_t times; /* that `item` is taken beyond its least */
    uint32_t parent;
    uint32_t item;
    uint32_t beaten; /* by a label, plus 1, that leaves as much and has less excess; 0: by none */
};

struct search {
    const struct gs_knapsack *knapsack;
    struct gs_arena *arena;
    unsigned *order; /* the items that matter, in the order in which they are looked at */
    unsigned n_order;
    unsigned n_done;       /* of them that were looked at */
    int64_t left[AMOUNTS]; /* when each item is taken at its least */
    int64_t room;
    struct label *labels;
    size_t n_labels;
    size_t cap_labels;
    size_t first;    /* labels before it are no choices any more */
    uint32_t *table; /* labels by what they leave, plus 1 */
    unsigned table_bits;
    bool cut_short;
    bool failed;
    size_t looked;
    size_t looks_max;
};

/* ------------------------------------------------------------------ labels by what they leave */

/* What is left of an amount without a price has no part in it: of two choices that leave the same
 * of the others the one that leaves more of those is as good or better. */
static size_t slot_of(const struct search *s, const int64_t *left)
{
    uint64_t mixed = 0;
    for (unsigned a = 0; a < AMOUNTS; a++) {
        uint64_t part = s->knapsack->prices[a] > 0 ? (uint64_t)left[a] : 0;
        mixed = (mixed ^ mixed >> 32 ^ part) * 0x9e3779b97f4a7c15ull;
    }
    return (size_t)(mixed >> (64 - s->table_bits));
}

/* Whether a is as good as b in all that counts when both leave the same of what has a price. */
static bool beats(const struct search *s, const struct label *a, const struct label *b)
{
    bool as_good = a->excess <= b->excess;
    for (unsigned i = 0; i < AMOUNTS && as_good; i++) {
        as_good = s->knapsack->prices[i] > 0 ? a->left[i] == b->left[i] : a->left[i] >= b->left[i];
    }
    return as_good;
}

/* The place of a label that `label` beats, or an empty one; NULL: it is beaten itself. */
static uint32_t *find_slot(struct search *s, const struct label *label)
{
    size_t mask = ((size_t)1 << s->table_bits) - 1;
    size_t slot = slot_of(s, label->left);
    while (s->table[slot] != NOBODY) {
        const struct label *other = &s->labels[s->table[slot] - 1];
        if (beats(s, other, label)) {
            return NULL;
        }
        if (beats(s, label, other)) {
            break;
        }
        slot = (slot + 1) & mask;
    }
    return &s->table[slot];
}

static void clear_table(struct search *s)
{
    memset(s->table, 0, sizeof(*s->table) << s->table_bits);
}

/* A table twice as large, with the labels that are in the old one. */
static void grow_table(struct search *s)
{
    s->table_bits++;
    s->table = GS_ARENA_NEW(s->arena, uint32_t, (size_t)1 << s->table_bits);
    if (s->table == NULL) {
        s->failed = true;
        return;
    }
    for (size_t i = s->first; i < s->n_labels; i++) {
        uint32_t *slot = s->labels[i].beaten == NOBODY ? find_slot(s, &s->labels[i]) : NULL;
        if (slot != NULL) {
            *slot = (uint32_t)i + 1;
        }
    }
}

static void add_label(struct search *s, const struct label *label)
{
    uint32_t *slot = find_slot(s, label);
    if (slot == NULL) {
        return;
    }
    if (!gs_arena_room(s->arena, &s->labels, &s->cap_labels, s->n_labels, sizeof(*s->labels))) {
        s->failed = true;
        return;
    }
    if (*slot != NOBODY) {
        s->labels[*slot - 1].beaten = (uint32_t)s->n_labels + 1;
    }
    s->labels[s->n_labels++] = *label;
    *slot = (uint32_t)s->n_labels;
    if (s->n_labels - s->first > (size_t)1 << (s->table_bits - 1)) {
        grow_table(s);
    }
}

/* ------------------------------------------------------------------ items */

/* What one more of the item is worth beyond the amounts that it takes. */
static __int128 gain(const struct gs_knapsack *knapsack, const struct gs_knapsack_item *item)
{
    __int128 sum = -(__int128)item->cost;
    for (unsigned a = 0; a < AMOUNTS; a++) {
        sum += (__int128)knapsack->prices[a] * item->amounts[a];
    }
    return sum;
}

static bool comes_before(const struct gs_knapsack *knapsack, unsigned a, unsigned b)
{
    int64_t x = knapsack->items[a].cost;
    int64_t y = knapsack->items[b].cost;
    if ((x < 0) != (y < 0)) {
        return x < 0;
    }
    return x != y ? x > y : a < b;
}

/* Whether another item, of which there is always one more, takes no more and gains no less;
 * then the item is taken at its least, which must not have a cost. */
static bool is_beaten(const struct gs_knapsack *knapsack, unsigned index)
{
    const struct gs_knapsack_item *item = &knapsack->items[index];
    __int128 mine = gain(knapsack, item);
    for (unsigned i = 0; i < knapsack->n_items && item->cost >= 0; i++) {
        const struct gs_knapsack_item *other = &knapsack->items[i];
        __int128 theirs = gain(knapsack, other);
        bool beats = i != index && theirs >= mine;
        bool same = theirs == mine;
        bool enough = false;
        for (unsigned a = 0; a < AMOUNTS && beats; a++) {
            int64_t amount = other->amounts[a];
            beats = amount <= item->amounts[a];
            same = same && amount == item->amounts[a];
            enough = enough || (amount > 0 && knapsack->capacities[a] / amount <= other->hi);
        }
        if (beats && enough && (!same || i < index)) {
            return true;
        }
    }
    return false;
}

/* Items that have no gain are taken as seldom as may be, and so are those in whose place another
 * can be. Of the others those come first that have to
 * be taken as often as may be, since they leave few choices, and then the dear ones. */
static void choose_order(struct search *s)
{
    const struct gs_knapsack *knapsack = s->knapsack;
    s->n_order = 0;
    for (unsigned i = 0; i < knapsack->n_items; i++) {
        const struct gs_knapsack_item *item = &knapsack->items[i];
        if (item->hi == item->lo || gain(knapsack, item) <= 0 || is_beaten(knapsack, i)) {
            continue;
        }
        unsigned at = s->n_order++;
        while (at > 0 && comes_before(knapsack, i, s->order[at - 1])) {
            s->order[at] = s->order[at - 1];
            at--;
        }
        s->order[at] = i;
    }
}

/* False: the least of each item is more than there is. */
static bool take_least(struct search *s)
{
    const struct gs_knapsack *knapsack = s->knapsack;
    memcpy(s->left, knapsack->capacities, sizeof(s->left));
    for (unsigned i = 0; i < knapsack->n_items; i++) {
        const struct gs_knapsack_item *item = &knapsack->items[i];
        if (item->hi < item->lo) {
            return false;
        }
        for (unsigned a = 0; a < AMOUNTS; a++) {
            __int128 left = s->left[a] - (__int128)item->amounts[a] * item->lo;
            if (left < 0) {
                return false;
            }
            s->left[a] = (int64_t)left;
        }
    }
    return true;
}

/* How often more than its least an item can be taken. */
static int64_t most_times(const struct gs_knapsack_item *item, const int64_t *left)
{
    int64_t most = item->hi - item->lo;
    for (unsigned a = 0; a < AMOUNTS; a++) {
        int64_t fit = item->amounts[a] == 0 ? most : left[a] / item->amounts[a];
        most = fit < most ? fit : most;
    }
    return most;
}

static bool takes_anything(const struct gs_knapsack_item *item)
{
    bool any = false;
    for (unsigned a = 0; a < AMOUNTS; a++) {
        any = any || item->amounts[a] > 0;
    }
    return any;
}

/* All times that an item may be taken beyond a choice. */
static void extend(struct search *s, size_t parent, unsigned index)
{
    const struct gs_knapsack_item *item = &s->knapsack->items[index];
    const struct label from = s->labels[parent];
    int64_t most = most_times(item, from.left);
    int64_t range = item->hi - item->lo;
    int64_t room = s->room - from.excess;
    /* At no cost a choice stays as it is. */
    int64_t least = 1;
    if (item->cost >= 0) {
        int64_t paid = item->cost == 0 ? most : room / item->cost;
        most = paid < most ? paid : most;
    } else {
        int64_t lacking = room / -item->cost;
        least = range > lacking ? range - lacking : 0;
    }
    least = takes_anything(item) ? least : most;
    for (int64_t times = least; times <= most && !s->failed && !s->cut_short; times++) {
        int64_t more = item->cost >= 0 ? item->cost * times : -item->cost * (range - times);
        struct label label = {
            .excess = from.excess + more,
            .times = times,
            .parent = (uint32_t)parent,
            .item = index,
        };
        for (unsigned a = 0; a < AMOUNTS; a++) {
            label.left[a] = from.left[a] - item->amounts[a] * times;
        }
        s->cut_short = ++s->looked > s->looks_max;
        add_label(s, &label);
    }
}

static void look_at_item(struct search *s, unsigned index)
{
    size_t begin = s->first;
    size_t end = s->n_labels;
    if (s->knapsack->items[index].cost < 0) {
        s->first = end; /* to take it no more than its least has a cost as well */
        clear_table(s);
    }
    for (size_t i = begin; i < end && !s->failed && !s->cut_short; i++) {
        /* A label that beats it since then has taken the item already. */
        if (s->labels[i].beaten == NOBODY || s->labels[i].beaten > end) {
            extend(s, i, index);
        }
    }
}

/* ------------------------------------------------------------------ choices */

/* Takes of the items that were not looked at as many as fit, those of the least cost first: for a
 * single item, which has a gain, that is best. *x gets them when it is wanted. */
static __int128 finish(const struct search *s, const struct label *label, int64_t *x)
{
    const struct gs_knapsack *knapsack = s->knapsack;
    int64_t left[AMOUNTS];
    memcpy(left, label->left, sizeof(left));
    __int128 excess = label->excess;
    for (unsigned i = s->n_order; i-- > s->n_done;) {
        const struct gs_knapsack_item *item = &knapsack->items[s->order[i]];
        int64_t times = most_times(item, left);
        int64_t off = item->cost < 0 ? item->hi - item->lo - times : times;
        excess += (__int128)(item->cost < 0 ? -item->cost : item->cost) * off;
        for (unsigned a = 0; a < AMOUNTS; a++) {
            left[a] -= item->amounts[a] * times;
        }
        if (x != NULL) {
            x[s->order[i]] += times;
        }
    }
    for (unsigned a = 0; a < AMOUNTS; a++) {
        excess += (__int128)knapsack->prices[a] * left[a];
    }
    return excess;
}

/* The least of all choices within the room, and perhaps some outside. False: there is none. */
static bool search_within(struct search *s, int64_t room, size_t *ret_label, __int128 *ret_excess)
{
    s->room = room;
    s->first = 0;
    s->n_labels = 0;
    clear_table(s);
    struct label all = {.excess = 0};
    memcpy(all.left, s->left, sizeof(all.left));
    add_label(s, &all);
    for (s->n_done = 0; s->n_done + 1 < s->n_order && !s->cut_short; s->n_done++) {
        look_at_item(s, s->order[s->n_done]);
    }
    bool any = false;
    for (size_t i = s->first; i < s->n_labels && !s->failed; i++) {
        if (s->labels[i].beaten != NOBODY) {
            continue;
        }
        __int128 excess = finish(s, &s->labels[i], NULL);
        if (!any || excess < *ret_excess) {
            *ret_label = i;
            *ret_excess = excess;
            any = true;
        }
    }
    return any;
}

static void write_choice(const struct search *s, size_t label, int64_t *x)
{
    for (unsigned i = 0; i < s->knapsack->n_items; i++) {
        x[i] = s->knapsack->items[i].lo;
    }
    (void)finish(s, &s->labels[label], x);
    for (size_t i = label; i != 0; i = s->labels[i].parent) {
        x[s->labels[i].item] += s->labels[i].times;
    }
}

/* Room by room: where there is a choice of little excess the dearer ones are not looked at. */
static void deepen(struct search *s, int64_t room, int64_t *x, struct gs_knapsack_result *ret)
{
    int64_t within = room >> 12;
    for (;;) {
        size_t label = 0;
        __int128 excess = 0;
        bool any = search_within(s, within, &label, &excess);
        if (s->failed) {
            return;
        }
        if (any && excess <= GS_KNAPSACK_COST_MAX && (!ret->found || excess < ret->excess)) {
            ret->found = true;
            ret->excess = (int64_t)excess;
            write_choice(s, label, x);
        }
        if (s->cut_short) {
            return;
        }
        bool least = ret->found && ret->excess <= within;
        ret->shown = least ? ret->excess : within + 1;
        if (least || within == room) {
            return;
        }
        /* A choice that was found is as far as there is to look. */
        int64_t most = ret->found && ret->excess < room ? ret->excess : room;
        within = within > most / DEEPER ? most : (within + 1) * DEEPER;
        within = within > most ? most : within;
    }
}

bool gs_knapsack_solve(const struct gs_knapsack *knapsack, int64_t room, size_t looks,
                       struct gs_arena *scratch, int64_t *x, struct gs_knapsack_result *ret)
{
    struct gs_arena_mark mark = gs_arena_mark(scratch);
    struct search s = {
        .knapsack = knapsack,
        .arena = scratch,
        .order = GS_ARENA_NEW(scratch, unsigned, knapsack->n_items),
        .table = GS_ARENA_NEW(scratch, uint32_t, (size_t)1 << TABLE_BITS),
        .table_bits = TABLE_BITS,
        .looks_max = looks,
    };
    *ret = (struct gs_knapsack_result){.found = false};
    s.failed = s.order == NULL || s.table == NULL;
    if (!s.failed && !take_least(&s)) {
        ret->shown = room + 1;
    } else if (!s.failed) {
        choose_order(&s);
        deepen(&s, room, x, ret);
        ret->looks = s.looked;
    }
    gs_arena_rewind(scratch, mark);
    return !s.failed;
}
