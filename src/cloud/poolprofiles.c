#include "cloud/poolprofiles.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cloud/instances.h"
#include "core/catalog.h"

enum { SHOWN_MAX = 3 }; /* models of the pool, and instance types that have what they lack */

struct words {
    char *text;
    size_t n;
};

static void say(struct words *words, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(struct words *words, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    int k = vsnprintf(words->text + words->n, GS_POOLPROFILES_TEXT_MAX - words->n, fmt, ap);
    va_end(ap);
    words->n += k > 0 ? (size_t)k : 0;
    words->n = words->n < GS_POOLPROFILES_TEXT_MAX ? words->n : GS_POOLPROFILES_TEXT_MAX - 1;
}

/* NULL: it is no type that we know, or its GPUs are never cut. */
static const struct gs_model *model_of(const char *type, bool *ret_known)
{
    const struct gs_instance *instance;
    *ret_known = gs_instance_find(gs_view(type), &instance, NULL) == 0;
    return *ret_known ? gs_instance_gpu(instance).model : NULL;
}

static bool has(const struct gs_model *model, const struct gs_profile_name *profile)
{
    return model != NULL && gs_model_profile_index(model, profile) >= 0;
}

/* Types of which it could be had. */
static void say_elsewhere(struct words *words, const struct gs_profile_name *profile)
{
    size_t n;
    const struct gs_instance *all = gs_instances(&n);
    unsigned shown = 0;
    for (size_t i = 0; i < n && shown < SHOWN_MAX; i++) {
        if (has(gs_instance_gpu(&all[i]).model, profile)) {
            say(words, "%s%s", shown++ == 0 ? " (it is a profile of " : ", ", all[i].type);
        }
    }
    say(words, "%s", shown > 0 ? ")" : "");
}

/* What the types make, each model once. */
static void say_made(struct words *words, const char *const *types, unsigned n_types)
{
    const struct gs_model *said[SHOWN_MAX];
    unsigned n = 0;
    bool known;
    for (unsigned i = 0; i < n_types && n < SHOWN_MAX; i++) {
        const struct gs_model *model = model_of(types[i], &known);
        bool is_new = model != NULL;
        for (unsigned k = 0; k < n; k++) {
            is_new = is_new && said[k] != model;
        }
        if (!is_new) {
            continue;
        }
        said[n++] = model;
        say(words, "; %s has", types[i]);
        for (unsigned p = 0; p < model->n_profiles; p++) {
            say(words, "%s%s", p == 0 ? " " : ", ", model->profiles[p].name);
        }
    }
    say(words, "%s", n == 0 ? "; none of its instance types has GPUs that can be cut" : "");
}

bool gs_poolprofiles_lack(const char *const *types, unsigned n_types,
                          const struct gs_profile_name *profile,
                          char ret_text[GS_POOLPROFILES_TEXT_MAX], struct gs_near *ret_near)
{
    char name[GS_PROFILE_NAME_MAX + 1];
    char near[200];
    struct words words = {.text = ret_text};
    bool all_known = true;
    gs_profile_name_format(profile, name);
    *ret_near = GS_NEAR_INIT(gs_view(""));
    struct gs_near found = GS_NEAR_INIT(gs_view(name));
    for (unsigned i = 0; i < n_types; i++) {
        bool known;
        const struct gs_model *model = model_of(types[i], &known);
        all_known = all_known && known;
        if (has(model, profile)) {
            return false;
        }
        for (unsigned p = 0; model != NULL && p < model->n_profiles; p++) {
            gs_near_offer(&found, model->profiles[p].name);
        }
    }
    bool exists = gs_catalog_has_profile(profile);
    if (exists && !all_known) {
        return false;
    }
    ret_text[0] = '\0';
    say(&words, exists ? "none of its instance types has %s" : "no GPU has %s", name);
    if (exists) {
        say_elsewhere(&words, profile);
    }
    gs_near_format(&found, near, sizeof(near));
    say(&words, "%s", near);
    say_made(&words, types, n_types);
    *ret_near = found;
    ret_near->want = gs_view(""); /* it was ours */
    return true;
}
