#include "verify/change.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_MAX_BYTES = 400, POOL_MAX = 64 };

const char *const change_names[CHANGES] = {
    [CHANGE_MORE] = "more",   [CHANGE_LESS] = "less",       [CHANGE_DOUBLE] = "double",
    [CHANGE_FLIP] = "flip",   [CHANGE_LONGER] = "longer",   [CHANGE_SWAPPED] = "swapped",
    [CHANGE_NULL] = "null",   [CHANGE_REMOVED] = "removed", [CHANGE_TWICE] = "twice",
    [CHANGE_ORDER] = "order",
};

/* Where a value stands. */
struct place {
    json_t *parent;
    const char *key; /* NULL: an element */
    size_t index;
    char path[PATH_MAX_BYTES];
    char pattern[PATH_MAX_BYTES];
};

struct walk {
    json_t *root;
    size_t stride;
    size_t next; /* changes until the next visit */
    change_visitor *visit;
    void *ctx;
    char *pool_keys[POOL_MAX]; /* texts met under a key: what may be swapped in */
    char *pool_texts[POOL_MAX];
    size_t pool;
};

static json_t *value_at(const struct place *place)
{
    return place->key != NULL ? json_object_get(place->parent, place->key)
                              : json_array_get(place->parent, place->index);
}

static void set_value(const struct place *place, json_t *value)
{
    int r = place->key != NULL ? json_object_set_new(place->parent, place->key, value)
                               : json_array_set_new(place->parent, place->index, value);
    assert(r == 0);
    (void)r;
}

static void visit(struct walk *walk, const struct place *place, enum change_kind kind)
{
    const struct change change = {
        .kind = kind, .path = place->path, .pattern = place->pattern, .parent = place->parent};
    walk->visit(walk->ctx, &change);
}

/* Whether this change is one of those to be made. */
static bool is_due(struct walk *walk)
{
    if (walk->next > 0) {
        walk->next--;
        return false;
    }
    walk->next = walk->stride - 1;
    return true;
}

/* Takes `value` over. */
static void replace(struct walk *walk, const struct place *place, enum change_kind kind,
                    json_t *value)
{
    if (value == NULL || !is_due(walk)) {
        json_decref(value);
        return;
    }
    json_t *before = json_incref(value_at(place));
    set_value(place, value);
    visit(walk, place, kind);
    set_value(place, before);
}

static const char *other_text(const struct walk *walk, const struct place *place, const char *text)
{
    for (size_t i = 0; i < walk->pool && place->key != NULL; i++) {
        if (strcmp(walk->pool_keys[i], place->key) == 0 && strcmp(walk->pool_texts[i], text) != 0) {
            return walk->pool_texts[i];
        }
    }
    return NULL;
}

static void change_text(struct walk *walk, const struct place *place, const char *text)
{
    char longer[1024];
    snprintf(longer, sizeof(longer), "%sx", text);
    replace(walk, place, CHANGE_LONGER, json_string(longer));
    const char *other = other_text(walk, place, text);
    replace(walk, place, CHANGE_SWAPPED, other == NULL ? NULL : json_string(other));
}

static void change_value(struct walk *walk, const struct place *place)
{
    json_t *value = value_at(place);
    switch (json_typeof(value)) {
    case JSON_INTEGER: {
        json_int_t n = json_integer_value(value);
        replace(walk, place, CHANGE_MORE, json_integer(n + 1));
        replace(walk, place, CHANGE_LESS, n > 0 ? json_integer(n - 1) : NULL);
        replace(walk, place, CHANGE_DOUBLE,
                n > 1 && n < INT64_MAX / 2 ? json_integer(2 * n) : NULL);
        break;
    }
    case JSON_REAL: {
        double x = json_real_value(value);
        double by = x * 1e-6 + 1e-6;
        replace(walk, place, CHANGE_MORE, json_real(x + by));
        replace(walk, place, CHANGE_LESS, x > by ? json_real(x - by) : NULL);
        replace(walk, place, CHANGE_DOUBLE, x > 0 ? json_real(2 * x) : NULL);
        break;
    }
    case JSON_TRUE:
    case JSON_FALSE:
        replace(walk, place, CHANGE_FLIP, json_boolean(json_is_false(value)));
        break;
    case JSON_STRING:
        change_text(walk, place, json_string_value(value));
        break;
    case JSON_NULL:
    case JSON_OBJECT:
    case JSON_ARRAY:
        break;
    }
    replace(walk, place, CHANGE_NULL, json_is_null(value) ? json_integer(0) : json_null());
}

static void remove_member(struct walk *walk, const struct place *place)
{
    if (!is_due(walk)) {
        return;
    }
    /* Put back behind the others: the order of keys means nothing. */
    json_t *before = json_incref(value_at(place));
    json_object_del(place->parent, place->key);
    visit(walk, place, CHANGE_REMOVED);
    json_object_set_new(place->parent, place->key, before);
}

static void change_element(struct walk *walk, const struct place *place)
{
    json_t *list = place->parent;
    if (is_due(walk)) {
        json_t *before = json_incref(value_at(place));
        json_array_remove(list, place->index);
        visit(walk, place, CHANGE_REMOVED);
        json_array_insert_new(list, place->index, before);
    }
    if (is_due(walk)) {
        json_array_insert(list, place->index, value_at(place));
        visit(walk, place, CHANGE_TWICE);
        json_array_remove(list, place->index);
    }
    json_t *next = json_array_get(list, place->index + 1);
    if (next != NULL && !json_equal(next, value_at(place)) && is_due(walk)) {
        json_incref(next);
        json_array_remove(list, place->index + 1);
        json_array_insert(list, place->index, next);
        visit(walk, place, CHANGE_ORDER);
        json_array_remove(list, place->index);
        json_array_insert_new(list, place->index + 1, next);
    }
}

static void walk_value(struct walk *walk, const struct place *place);

static void walk_object(struct walk *walk, const struct place *place, json_t *object)
{
    /* The keys first: taking one out and putting it back moves it. */
    size_t n = json_object_size(object);
    char **keys = calloc(n + 1, sizeof(*keys));
    assert(keys != NULL);
    size_t i = 0;
    const char *key;
    json_t *value;
    json_object_foreach(object, key, value)
    {
        keys[i++] = strdup(key);
    }
    for (i = 0; i < n; i++) {
        struct place member = {.parent = object, .key = keys[i]};
        snprintf(member.path, sizeof(member.path), "%.180s.%s", place->path, keys[i]);
        snprintf(member.pattern, sizeof(member.pattern), "%.180s.%s", place->pattern, keys[i]);
        walk_value(walk, &member);
        free(keys[i]);
    }
    free(keys);
}

static void walk_list(struct walk *walk, const struct place *place, json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        struct place element = {.parent = list, .index = i};
        snprintf(element.path, sizeof(element.path), "%.180s[%zu]", place->path, i);
        snprintf(element.pattern, sizeof(element.pattern), "%.180s[]", place->pattern);
        walk_value(walk, &element);
    }
}

static void walk_value(struct walk *walk, const struct place *place)
{
    change_value(walk, place);
    if (place->key != NULL) {
        remove_member(walk, place);
    } else {
        change_element(walk, place);
    }
    json_t *value = value_at(place);
    if (json_is_object(value)) {
        walk_object(walk, place, value);
    } else if (json_is_array(value)) {
        walk_list(walk, place, value);
    }
}

/* Collects texts by their key. The document outlives the walk. */
static void fill_pool(struct walk *walk, json_t *value)
{
    const char *key;
    json_t *member;
    size_t i;
    json_array_foreach(value, i, member)
    {
        fill_pool(walk, member);
    }
    json_object_foreach(value, key, member)
    {
        bool known = walk->pool == POOL_MAX;
        for (size_t k = 0; k < walk->pool && !known && json_is_string(member); k++) {
            known = strcmp(walk->pool_keys[k], key) == 0 &&
                    strcmp(walk->pool_texts[k], json_string_value(member)) == 0;
        }
        if (!known && json_is_string(member)) {
            walk->pool_keys[walk->pool] = strdup(key);
            walk->pool_texts[walk->pool++] = strdup(json_string_value(member));
        }
        fill_pool(walk, member);
    }
}

static void empty_pool(struct walk *walk)
{
    for (size_t i = 0; i < walk->pool; i++) {
        free(walk->pool_keys[i]);
        free(walk->pool_texts[i]);
    }
}

void change_all(json_t *root, const char *key, size_t stride, size_t offset,
                change_visitor *visitor, void *ctx)
{
    struct walk walk = {
        .root = root, .stride = stride, .next = offset, .visit = visitor, .ctx = ctx};
    fill_pool(&walk, root);
    struct place place = {.parent = root, .key = key};
    snprintf(place.path, sizeof(place.path), "%s", key);
    snprintf(place.pattern, sizeof(place.pattern), "%s", key);
    walk_value(&walk, &place);
    empty_pool(&walk);
}
