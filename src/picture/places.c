#include "picture/places.h"

#include <stdlib.h>
#include <string.h>

#define TEXT_BYTES_MAX ((size_t)256 << 20)

enum { SEATS_FIRST = 16, STALE_MIN = 64 };

struct value {
    uint32_t number;
    char text[];
};

static int no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for the labels of nodes that rules go by");
}

/* ---- a label ---- */

static void free_label(struct gs_places_label *label)
{
    gs_map_done(&label->values);
    gs_arena_done(&label->arena);
    free(label->of);
    free(label);
}

/* The number of the value, which it gets now where it has none. 0: no memory. */
static uint32_t number_of(struct gs_places_label *label, const char *text)
{
    struct value *value = gs_map_find(&label->values, text);
    size_t n = strlen(text) + 1;
    if (value != NULL) {
        return value->number;
    }
    value = gs_arena_get_raw(&label->arena, 1, sizeof(*value) + n);
    if (value == NULL) {
        return 0;
    }
    memcpy(value->text, text, n);
    if (!gs_map_put(&label->values, value->text, value)) {
        return 0;
    }
    value->number = ++label->n_numbers;
    return value->number;
}

/* False: no memory. */
static bool set(struct gs_places_label *label, uint32_t seat, const struct gs_node_facts *facts)
{
    const char *value = facts == NULL ? NULL : gs_node_label(facts, label->key);
    label->of[seat] = value == NULL ? 0 : number_of(label, value);
    return value == NULL || label->of[seat] != 0;
}

static struct gs_places_label *new_label(const struct gs_places *places, const char *key)
{
    struct gs_places_label *label = calloc(1, sizeof(*label));
    if (label == NULL) {
        return NULL;
    }
    gs_arena_init(&label->arena, &gs_alloc_heap, TEXT_BYTES_MAX);
    label->of = calloc(places->cap, sizeof(*label->of));
    label->key = gs_arena_text(&label->arena, key, strlen(key));
    bool made = label->of != NULL && label->key != NULL;
    for (uint32_t seat = 0; made && seat < places->n_seats; seat++) {
        made = set(label, seat, places->facts[seat]);
    }
    if (!made) {
        free_label(label);
        return NULL;
    }
    return label;
}

int gs_places_by(struct gs_places *places, const char *key, const struct gs_places_label **ret,
                 struct gs_err *err)
{
    struct gs_places_label *label = gs_map_find(&places->labels, key);
    if (label != NULL || places->n_seats == 0) {
        *ret = label;
        return 0;
    }
    label = new_label(places, key);
    if (label == NULL) {
        return no_memory(err);
    }
    if (label->n_numbers == 0) { /* anybody may think of labels: those of nodes alone are kept */
        free_label(label);
        *ret = NULL;
        return 0;
    }
    if (!gs_map_put(&places->labels, label->key, label)) {
        free_label(label);
        return no_memory(err);
    }
    *ret = label;
    return 0;
}

/* Numbers of values that nobody has any more are not taken back: when there are more of them than
 * of nodes the label goes, and is numbered anew when it is asked for. */
static bool is_stale(const struct gs_places *places, const struct gs_places_label *label)
{
    return label->n_numbers > STALE_MIN && label->n_numbers / 2 > places->n_seats - places->n_left;
}

/* Taking out of a map while walking it would lose our place: one at a time. */
static struct gs_places_label *find_stale(const struct gs_places *places)
{
    struct gs_places_label *label;
    size_t at = 0;
    do {
        label = gs_map_next(&places->labels, &at);
    } while (label != NULL && !is_stale(places, label));
    return label;
}

/* ---- nodes ---- */

void gs_places_done(struct gs_places *places)
{
    struct gs_places_label *label;
    size_t at = 0;
    while ((label = gs_map_next(&places->labels, &at)) != NULL) {
        free_label(label);
    }
    gs_map_done(&places->labels);
    free(places->facts);
    free(places->left);
    *places = (struct gs_places){.cap = 0};
}

/* False: no memory; what has become longer already does no harm. */
static bool grow(struct gs_places *places)
{
    uint32_t cap = places->cap == 0 ? SEATS_FIRST : 2 * places->cap;
    struct gs_places_label *label;
    size_t at = 0;
    while ((label = gs_map_next(&places->labels, &at)) != NULL) {
        uint32_t *of = reallocarray(label->of, cap, sizeof(*of));
        if (of == NULL) {
            return false;
        }
        label->of = of;
    }
    const struct gs_node_facts **facts =
        reallocarray(places->facts, cap, sizeof(const struct gs_node_facts *));
    places->facts = facts != NULL ? facts : places->facts;
    uint32_t *left = reallocarray(places->left, cap, sizeof(*left));
    places->left = left != NULL ? left : places->left;
    if (facts == NULL || left == NULL) {
        return false;
    }
    places->cap = cap;
    return true;
}

static void clear(struct gs_places *places, uint32_t seat)
{
    struct gs_places_label *label;
    size_t at = 0;
    places->facts[seat] = NULL;
    while ((label = gs_map_next(&places->labels, &at)) != NULL) {
        label->of[seat] = 0;
    }
}

bool gs_places_sit(struct gs_places *places, uint32_t *ret_seat)
{
    if (places->n_left > 0) {
        *ret_seat = places->left[--places->n_left];
        return true;
    }
    if (places->n_seats == places->cap && !grow(places)) {
        return false;
    }
    *ret_seat = places->n_seats++;
    clear(places, *ret_seat);
    return true;
}

void gs_places_leave(struct gs_places *places, uint32_t seat)
{
    clear(places, seat);
    places->left[places->n_left++] = seat;
}

int gs_places_show(struct gs_places *places, uint32_t seat, const struct gs_node_facts *facts,
                   struct gs_err *err)
{
    struct gs_places_label *label;
    size_t at = 0;
    bool all = true;
    places->facts[seat] = facts;
    while ((label = gs_map_next(&places->labels, &at)) != NULL) {
        all &= set(label, seat, facts);
    }
    if (!all) {
        clear(places, seat);
    }
    while ((label = find_stale(places)) != NULL) {
        (void)gs_map_take(&places->labels, label->key);
        free_label(label);
    }
    return all ? 0 : no_memory(err);
}
