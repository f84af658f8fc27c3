#include "verify/oracle.h"

#include <string.h>

#include "core/catalog.h"
#include "core/layout.h"

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text == NULL ? "" : text;
}

static const struct gs_model *model_named(const char *id)
{
    const struct gs_model *model;
    return gs_catalog_find(gs_view(id), &model, NULL) == 0 ? model : NULL;
}

/* ------------------------------------------------------------------ layouts */

static bool add_slice(const struct gs_model *model, struct gs_layout *layout, const json_t *place)
{
    unsigned profile;
    const json_t *start = json_object_get(place, "start");
    return json_is_integer(start) && json_integer_value(start) >= 0 &&
           json_integer_value(start) < 64 &&
           gs_model_profile_find(model, gs_view(text_of(place, "profile")), &profile, NULL) == 0 &&
           gs_layout_add(model, layout, profile, (unsigned)json_integer_value(start), false,
                         NULL) == 0;
}

static bool layout_is_legal(const json_t *one)
{
    const struct gs_model *model = model_named(text_of(one, "model"));
    struct gs_layout layout = {.n_slices = 0};
    size_t i;
    json_t *place;
    if (json_object_get(one, "whole") != NULL) {
        return true;
    }
    json_array_foreach(json_object_get(one, "placements"), i, place)
    {
        if (model == NULL || !add_slice(model, &layout, place)) {
            return false;
        }
    }
    return true;
}

bool oracle_layouts_are_legal(const json_t *plan)
{
    size_t i;
    json_t *one;
    json_array_foreach(json_object_get(plan, "layouts"), i, one)
    {
        if (!layout_is_legal(one)) {
            return false;
        }
    }
    return true;
}

/* ------------------------------------------------------------------ transitions */

static const json_t *find(const json_t *list, const char *key, const char *name)
{
    size_t i;
    json_t *one;
    json_array_foreach(list, i, one)
    {
        const char *text = json_string_value(json_object_get(one, key));
        if (text != NULL && strcmp(text, name) == 0) {
            return one;
        }
    }
    return NULL;
}

static unsigned times(const json_t *changes, const char *uuid)
{
    unsigned n = 0;
    size_t i;
    json_t *change;
    json_array_foreach(changes, i, change)
    {
        n += strcmp(text_of(change, "gpu"), uuid) == 0;
    }
    return n;
}

static bool take_out(const struct gs_model *model, struct gs_layout *layout, const json_t *step)
{
    struct gs_layout rest = {.n_slices = 0};
    bool found = false;
    for (unsigned i = 0; i < layout->n_slices; i++) {
        const struct gs_layout_slice *slice = &layout->slices[i];
        const char *name = model->profiles[slice->placement.profile].name;
        const json_t *start = json_object_get(step, "start");
        bool this = json_is_integer(start) && json_integer_value(start) == slice->placement.start &&
                    strcmp(name, text_of(step, "profile")) == 0 && !slice->in_use;
        found = found || this;
        if (!this) {
            rest.slices[rest.n_slices++] = *slice;
        }
    }
    *layout = rest;
    return found;
}

static bool do_steps(const struct gs_model *model, struct gs_layout *layout, const json_t *steps)
{
    size_t i;
    json_t *step;
    if (!json_is_array(steps)) {
        return false;
    }
    json_array_foreach(steps, i, step)
    {
        const char *action = text_of(step, "action");
        bool done = strcmp(action, "create") == 0    ? add_slice(model, layout, step)
                    : strcmp(action, "destroy") == 0 ? take_out(model, layout, step)
                                                     : false;
        if (!done) {
            return false;
        }
    }
    return true;
}

static bool has_slices_in_use(const struct gs_layout *layout)
{
    for (unsigned i = 0; i < layout->n_slices; i++) {
        if (layout->slices[i].in_use) {
            return true;
        }
    }
    return false;
}

/* What the node's GPUs have to give in the end. */
struct gives {
    const struct gs_model *model;
    json_int_t slices[GS_PROFILES_MAX];
    json_int_t gpus;
};

/* One GPU; `change` NULL: nothing is done to it. */
static bool follow_gpu(const json_t *gpu, const json_t *change, struct gives *gives)
{
    struct gs_layout layout = {.n_slices = 0};
    const char *text = text_of(gpu, "layout");
    if (text[0] != '\0' && gs_layout_parse(gives->model, gs_view(text), &layout, NULL) < 0) {
        return false;
    }
    const json_t *whole = change == NULL ? NULL : json_object_get(change, "whole");
    bool in_use = json_is_true(json_object_get(gpu, "whole_in_use"));
    if (whole != NULL) {
        gives->gpus++;
        return json_is_true(whole) && !in_use && !has_slices_in_use(&layout);
    }
    if (change != NULL && (in_use || gives->model == NULL ||
                           !do_steps(gives->model, &layout, json_object_get(change, "steps")))) {
        return false;
    }
    for (unsigned i = 0; i < layout.n_slices; i++) {
        gives->slices[layout.slices[i].placement.profile] += !layout.slices[i].in_use;
    }
    return true;
}

static bool suffices(const struct gives *gives, const json_t *used)
{
    const char *name;
    json_t *count;
    json_object_foreach(json_object_get(used, "slices"), name, count)
    {
        unsigned profile;
        if (gives->model == NULL ||
            gs_model_profile_find(gives->model, gs_view(name), &profile, NULL) < 0 ||
            gives->slices[profile] < json_integer_value(count)) {
            return false;
        }
    }
    return gives->gpus == json_integer_value(json_object_get(used, "gpus"));
}

static bool follow_node(const json_t *node, const json_t *entry)
{
    const json_t *changes = json_object_get(entry, "transitions");
    const json_t *gpus = json_object_get(node, "gpus");
    struct gives gives = {.model = model_named(text_of(node, "gpu"))};
    size_t i;
    json_t *gpu;
    json_t *change;
    if (!json_is_true(json_object_get(node, "layout_known"))) {
        return json_is_array(changes) && json_array_size(changes) == 0;
    }
    json_array_foreach(changes, i, change)
    {
        const char *uuid = json_string_value(json_object_get(change, "gpu"));
        if (uuid == NULL || find(gpus, "uuid", uuid) == NULL || times(changes, uuid) > 1) {
            return false;
        }
    }
    json_array_foreach(gpus, i, gpu)
    {
        if (!follow_gpu(gpu, find(changes, "gpu", text_of(gpu, "uuid")), &gives)) {
            return false;
        }
    }
    return json_is_array(changes) && suffices(&gives, json_object_get(entry, "used"));
}

bool oracle_transitions_are_legal(const json_t *plan)
{
    const json_t *nodes = json_object_get(json_object_get(plan, "problem"), "existing");
    size_t i;
    json_t *entry;
    json_array_foreach(json_object_get(plan, "existing"), i, entry)
    {
        const json_t *node = find(nodes, "name", text_of(entry, "node"));
        if (node == NULL || !follow_node(node, entry)) {
            return false;
        }
    }
    return true;
}
