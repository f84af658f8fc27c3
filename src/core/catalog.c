#include "core/catalog.h"

#include <stdio.h>
#include <string.h>

#include "core/catalog_data.h"

const struct gs_model *gs_catalog(size_t *ret_count)
{
    *ret_count = gs_catalog_n_models;
    return gs_catalog_models;
}

static char lower(char c)
{
    return (c >= 'A' && c <= 'Z') ? (char)(c - 'A' + 'a') : c;
}

/* Equal without regard to case, a blank in `full` matching a dash in `v` too. */
static bool same_name(struct gs_view v, const char *full)
{
    if (v.n != strlen(full)) {
        return false;
    }
    for (size_t i = 0; i < v.n; i++) {
        char want = lower(full[i]);
        char got = lower(v.p[i]);
        if (got != want && !(want == ' ' && got == '-')) {
            return false;
        }
    }
    return true;
}

/* `v` is the beginning of `full`, and the next character of `full` ends a word. */
static bool begins_name(struct gs_view v, const char *full)
{
    size_t n = strlen(full);
    if (v.n == 0 || v.n >= n || (full[v.n] != '-' && full[v.n] != ' ')) {
        return false;
    }
    for (size_t i = 0; i < v.n; i++) {
        if (lower(v.p[i]) != lower(full[i]) && !(full[i] == ' ' && v.p[i] == '-')) {
            return false;
        }
    }
    return true;
}

static const char *without_vendor(const char *product)
{
    return strncmp(product, "NVIDIA ", 7) == 0 ? product + 7 : product;
}

static bool parse_hex(struct gs_view v, uint32_t *ret)
{
    uint32_t value = 0;
    if (v.n == 0 || v.n > 8) {
        return false;
    }
    for (size_t i = 0; i < v.n; i++) {
        char c = lower(v.p[i]);
        unsigned digit;
        if (c >= '0' && c <= '9') {
            digit = (unsigned)(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            digit = (unsigned)(c - 'a') + 10;
        } else {
            return false;
        }
        value = value << 4 | digit;
    }
    *ret = value;
    return true;
}

/* "0x20B010DE" as NVML gives it, "10de:20b0" as lspci, or the four digits of the device. */
static bool parse_pci_id(struct gs_view v, uint32_t *ret)
{
    uint32_t value;
    bool vendor_first = v.n == 9 && gs_view_eq_nocase((struct gs_view){v.p, 5}, "10de:");
    if (vendor_first) {
        v = (struct gs_view){.p = v.p + 5, .n = 4};
    } else if (v.n > 2 && v.p[0] == '0' && lower(v.p[1]) == 'x') {
        v = (struct gs_view){.p = v.p + 2, .n = v.n - 2};
    }
    if ((v.n != 4 && v.n != 8) || !parse_hex(v, &value)) {
        return false;
    }
    *ret = v.n == 4 ? value << 16 | 0x10DE : value;
    return true;
}

static bool has_pci_id(const struct gs_model *model, uint32_t id)
{
    for (unsigned i = 0; i < model->n_variants; i++) {
        if (model->variants[i].pci_device_id != 0 && model->variants[i].pci_device_id == id) {
            return true;
        }
    }
    return false;
}

static bool has_product_name(const struct gs_model *model, struct gs_view name,
                             bool (*matches)(struct gs_view, const char *))
{
    for (unsigned i = 0; i < model->n_product_names; i++) {
        const char *product = model->product_names[i];
        if (matches(name, product) || matches(name, without_vendor(product))) {
            return true;
        }
    }
    return false;
}

/* How well a name fits; only the best kind of fit counts. A product's name without the vendor says
 * no more than a family's: "H100" is the whole name of one product and the family of four. */
enum fit { FIT_NONE, FIT_BEGINNING, FIT_SHORT_NAME, FIT_PRODUCT, FIT_ID };

static enum fit fit_of(const struct gs_model *model, struct gs_view name)
{
    uint32_t pci;
    if (same_name(name, model->id) || (parse_pci_id(name, &pci) && has_pci_id(model, pci))) {
        return FIT_ID;
    }
    struct gs_view rest = name;
    if (has_product_name(model, name, same_name) &&
        (gs_view_skip(&rest, "NVIDIA ") || gs_view_skip(&rest, "NVIDIA-"))) {
        return FIT_PRODUCT;
    }
    if (has_product_name(model, name, same_name) || same_name(name, model->family)) {
        return FIT_SHORT_NAME;
    }
    if (begins_name(name, model->id) || has_product_name(model, name, begins_name)) {
        return FIT_BEGINNING;
    }
    return FIT_NONE;
}

static void append_id(char *text, size_t size, const char *id)
{
    size_t used = strlen(text);
    snprintf(text + used, size - used, "%s%s", used == 0 ? "" : ", ", id);
}

static enum fit best_fit(struct gs_view name)
{
    enum fit best = FIT_NONE;
    for (size_t i = 0; i < gs_catalog_n_models; i++) {
        enum fit fit = fit_of(&gs_catalog_models[i], name);
        best = fit > best ? fit : best;
    }
    return best;
}

int gs_catalog_find(struct gs_view name, const struct gs_model **ret_model, struct gs_err *err)
{
    enum fit best = best_fit(name);
    const struct gs_model *found = NULL;
    unsigned n = 0;
    char ids[420] = "";
    for (size_t i = 0; i < gs_catalog_n_models; i++) {
        if (fit_of(&gs_catalog_models[i], name) == best) {
            found = &gs_catalog_models[i];
            append_id(ids, sizeof(ids), found->id);
            n++;
        }
    }
    if (best == FIT_NONE) {
        return gs_fail(err, GS_NOT_FOUND, "no GPU model is named \"%.*s\"; the models are %s",
                       GS_VIEW_ARGS(name), ids);
    }
    if (n > 1) {
        return gs_fail(err, GS_AMBIGUOUS, "\"%.*s\" fits several GPU models; name one of %s",
                       GS_VIEW_ARGS(name), ids);
    }
    *ret_model = found;
    return 0;
}

bool gs_catalog_has_profile(const struct gs_profile_name *name)
{
    for (size_t i = 0; i < gs_catalog_n_models; i++) {
        if (gs_model_profile_index(&gs_catalog_models[i], name) >= 0) {
            return true;
        }
    }
    return false;
}
