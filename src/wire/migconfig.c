#include "wire/migconfig.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/near.h"

static const char *const file_keys[] = {"version", "mig-configs"};
static const char *const entry_keys[] = {"device-filter", "devices", "mig-enabled", "mig-devices"};

static int no_memory(const struct gs_doc_node *at, struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "%s:%u: no memory for the configurations", at->label,
                   at->line);
}

static int expect_few(const struct gs_doc_node *node, uint32_t max, struct gs_err *err)
{
    if (node->n > max) {
        return gs_doc_fail(node, err, "%.*s: found %u elements; expected %u at most",
                           GS_VIEW_ARGS(node->key), node->n, max);
    }
    return 0;
}

/* ---- filters ---- */

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool parse_hex(struct gs_view digits, uint32_t *ret)
{
    uint64_t value = 0;
    for (size_t i = 0; i < digits.n; i++) {
        int digit = hex_digit(digits.p[i]);
        value = value << 4 | (unsigned)digit;
        if (digit < 0 || value > UINT32_MAX) {
            return false;
        }
    }
    *ret = (uint32_t)value;
    return digits.n > 0;
}

static bool parse_id(struct gs_view text, uint32_t *ret)
{
    struct gs_view hex = text;
    if (gs_view_skip(&hex, "0x") || gs_view_skip(&hex, "0X")) {
        return parse_hex(hex, ret);
    }
    uint64_t value;
    if ((text.n > 1 && text.p[0] == '0') || !gs_view_is_u64(text, UINT32_MAX, &value)) {
        return false;
    }
    *ret = (uint32_t)value;
    return true;
}

int gs_migconfig_filter_parse(struct gs_view text, struct gs_migconfig_filter *ret,
                              struct gs_err *err)
{
    struct gs_view rest = text;
    struct gs_view device = gs_view_split(&rest, ':');
    struct gs_migconfig_filter filter = {.has_subsystem = rest.p != NULL};
    if (!parse_id(device, &filter.device) ||
        (filter.has_subsystem && !parse_id(rest, &filter.subsystem))) {
        return gs_fail(err, GS_INVALID,
                       "found \"%.*s\", which fits no GPU (mig-parted takes it, and does nothing); "
                       "expected <device><vendor>, as 0x233010DE, and where one board is meant "
                       ":<device><vendor> of its subsystem behind it",
                       GS_VIEW_ARGS(text));
    }
    *ret = filter;
    return 0;
}

bool gs_migconfig_filter_fits(const struct gs_migconfig_filter *filter,
                              const struct gs_migconfig_target *gpu)
{
    if (gpu->pci_device_id == UINT32_MAX || gpu->pci_device_id != filter->device) {
        return false;
    }
    return !filter->has_subsystem ||
           (gpu->pci_subsystem_id != UINT32_MAX && gpu->pci_subsystem_id == filter->subsystem);
}

static int read_filter(const struct gs_doc_node *node, struct gs_migconfig_filter *ret,
                       struct gs_err *err)
{
    struct gs_view text;
    int r = gs_doc_text(node, 64, &text, err);
    if (r < 0) {
        return r;
    }
    r = gs_migconfig_filter_parse(text, ret, err);
    return r < 0 ? gs_doc_wrap(node, r, err) : 0;
}

static int read_filters(struct gs_arena *arena, const struct gs_doc_node *node,
                        struct gs_migconfig_entry *entry, struct gs_err *err)
{
    bool is_list = node->kind == GS_DOC_LIST;
    /* one text, and "" for every make */
    if (node->kind == GS_DOC_SCALAR && (gs_doc_is_null(node) || node->text.n == 0)) {
        return 0;
    }
    int r = is_list ? expect_few(node, GS_MIGCONFIG_FILTERS_MAX, err) : 0;
    if (r < 0) {
        return r;
    }
    unsigned n = is_list ? node->n : 1;
    struct gs_migconfig_filter *filters = GS_ARENA_NEW(arena, struct gs_migconfig_filter, n);
    if (filters == NULL) {
        return no_memory(node, err);
    }
    const struct gs_doc_node *at = is_list ? node->first : node;
    for (unsigned i = 0; i < n; i++, at = at->next) {
        r = read_filter(at, &filters[i], err);
        if (r < 0) {
            return r;
        }
    }
    entry->filters = filters;
    entry->n_filters = n;
    return 0;
}

/* ---- the other fields of an entry ---- */

static int read_devices(struct gs_arena *arena, const struct gs_doc_node *node,
                        struct gs_migconfig_entry *entry, struct gs_err *err)
{
    if (node->kind == GS_DOC_SCALAR) {
        entry->all = gs_view_eq(node->text, "all");
        return entry->all ? 0
                          : gs_doc_fail(node, err,
                                        "devices: found \"%.*s\"; expected all, or a list of GPU "
                                        "numbers",
                                        GS_VIEW_ARGS(node->text));
    }
    int r = gs_doc_expect(node, GS_DOC_LIST, err);
    if (r < 0 || (r = expect_few(node, GS_MIGCONFIG_DEVICES_MAX, err)) < 0) {
        return r;
    }
    uint32_t *devices = GS_ARENA_NEW(arena, uint32_t, node->n);
    if (devices == NULL) {
        return no_memory(node, err);
    }
    for (const struct gs_doc_node *at = node->first; at != NULL; at = at->next) {
        uint64_t number;
        r = gs_doc_u64(at, 0, GS_MIGCONFIG_DEVICE_MAX, &number, err);
        if (r < 0) {
            return r;
        }
        devices[entry->n_devices++] = (uint32_t)number;
    }
    entry->devices = devices;
    return 0;
}

/* Every spelling of YAML 1.1, for this is what mig-parted reads. */
static int read_bool(const struct gs_doc_node *node, bool *ret, struct gs_err *err)
{
    static const char *const words[2][11] = {
        {"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF", "n", "N"},
        {"true", "True", "TRUE", "yes", "Yes", "YES", "on", "On", "ON", "y", "Y"}};
    if (node->kind == GS_DOC_SCALAR && !node->quoted) {
        for (unsigned i = 0; i < 22; i++) {
            if (gs_view_eq(node->text, words[i / 11][i % 11])) {
                *ret = i >= 11;
                return 0;
            }
        }
    }
    return gs_doc_bool(node, ret, err);
}

static int fail_zero(const struct gs_doc_node *map, struct gs_err *err)
{
    return gs_doc_fail(map, err,
                       "mig-devices: found only counts of 0; expected a count above 0, or {} for "
                       "no slices");
}

/* The count at `node` into `slices`, unless it is 0. */
static int read_count(const struct gs_doc_node *node, struct gs_mig_count *slices, unsigned *n,
                      struct gs_err *err)
{
    uint64_t count;
    struct gs_profile_name name;
    int r = gs_profile_name_parse(node->key, &name, err);
    if (r < 0) {
        return gs_wrap(err, r, "%s:%u: mig-devices", node->label, node->line);
    }
    r = gs_doc_u64(node, 0, GS_MIGCONFIG_COUNT_MAX, &count, err);
    if (r < 0) {
        return r;
    }
    for (unsigned i = 0; i < *n; i++) {
        if (gs_profile_name_eq(&slices[i].name, &name)) {
            return gs_doc_fail(node, err,
                               "found \"%.*s\" again, spelled differently; expected it once",
                               GS_VIEW_ARGS(node->key));
        }
    }
    if (count > 0 && *n == GS_MIG_COUNTS_MAX) {
        return gs_doc_fail(node, err, "found more than %d kinds of slices; expected less",
                           GS_MIG_COUNTS_MAX);
    }
    if (count > 0) {
        slices[(*n)++] = (struct gs_mig_count){.name = name, .count = (uint32_t)count};
    }
    return 0;
}

static int read_slices(struct gs_arena *arena, const struct gs_doc_node *map,
                       struct gs_migconfig_entry *entry, struct gs_err *err)
{
    int r = gs_doc_expect(map, GS_DOC_MAP, err);
    if (r < 0) {
        return r;
    }
    unsigned room = map->n < GS_MIG_COUNTS_MAX ? map->n : GS_MIG_COUNTS_MAX;
    struct gs_mig_count *slices = GS_ARENA_NEW(arena, struct gs_mig_count, room);
    if (slices == NULL) {
        return no_memory(map, err);
    }
    unsigned n = 0;
    for (const struct gs_doc_node *node = map->first; node != NULL; node = node->next) {
        r = read_count(node, slices, &n, err);
        if (r < 0) {
            return r;
        }
    }
    entry->slices = slices;
    entry->n = n;
    return map->n > 0 && n == 0 ? fail_zero(map, err) : 0;
}

static int read_mig_devices(struct gs_arena *arena, const struct gs_doc_node *map,
                            struct gs_migconfig_entry *entry, struct gs_err *err)
{
    const struct gs_doc_node *slices = gs_doc_find(map, "mig-devices");
    if (slices == NULL || gs_doc_is_null(slices)) {
        return entry->mig_enabled ? gs_doc_fail(map, err,
                                                "found no mig-devices where mig-enabled is true; "
                                                "expected them, or {} for no slices")
                                  : 0;
    }
    int r = read_slices(arena, slices, entry, err);
    if (r == 0 && !entry->mig_enabled && slices->n > 0) {
        r = gs_doc_fail(slices, err, "found mig-devices where mig-enabled is false; expected none");
    }
    return r;
}

static int read_entry(struct gs_arena *arena, const struct gs_doc_node *map,
                      struct gs_migconfig_entry *entry, struct gs_err *err)
{
    const struct gs_doc_node *devices = NULL;
    const struct gs_doc_node *enabled = NULL;
    int r = gs_doc_expect_keys(map, entry_keys, GS_ARRAY_LEN(entry_keys), err);
    if (r < 0 || (r = gs_doc_need(map, "devices", &devices, err)) < 0 ||
        (r = gs_doc_need(map, "mig-enabled", &enabled, err)) < 0) {
        return r;
    }
    const struct gs_doc_node *filter = gs_doc_find(map, "device-filter");
    entry->line = map->line;
    if ((filter != NULL && (r = read_filters(arena, filter, entry, err)) < 0) ||
        (r = read_devices(arena, devices, entry, err)) < 0 ||
        (r = read_bool(enabled, &entry->mig_enabled, err)) < 0) {
        return r;
    }
    return read_mig_devices(arena, map, entry, err);
}

/* ---- the file ---- */

static int read_choice(struct gs_arena *arena, const struct gs_doc_node *list,
                       struct gs_migconfig_choice *choice, struct gs_err *err)
{
    if (list->key.n > GS_MIGCONFIG_NAME_MAX) {
        return gs_doc_fail(list, err,
                           "found a configuration with a name of %zu bytes; expected %d at most",
                           list->key.n, GS_MIGCONFIG_NAME_MAX);
    }
    int r = gs_doc_expect(list, GS_DOC_LIST, err);
    if (r == 0 && list->n == 0) {
        r = gs_doc_fail(list, err, "%.*s: found an empty list; expected at least one entry",
                        GS_VIEW_ARGS(list->key));
    }
    if (r < 0 || (r = expect_few(list, GS_MIGCONFIG_ENTRIES_MAX, err)) < 0) {
        return r;
    }
    struct gs_migconfig_entry *entries = GS_ARENA_NEW(arena, struct gs_migconfig_entry, list->n);
    if (entries == NULL) {
        return no_memory(list, err);
    }
    *choice = (struct gs_migconfig_choice){
        .name = list->key.p, .line = list->line, .entries = entries}; /* keys are terminated */
    for (const struct gs_doc_node *map = list->first; map != NULL; map = map->next) {
        r = read_entry(arena, map, &entries[choice->n++], err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

static int read_configs(struct gs_arena *arena, const struct gs_doc_node *map,
                        struct gs_migconfig *config, struct gs_err *err)
{
    int r = gs_doc_expect(map, GS_DOC_MAP, err);
    if (r == 0 && map->n == 0) {
        r = gs_doc_fail(map, err, "mig-configs: found none; expected at least one configuration");
    }
    if (r < 0) {
        return r;
    }
    struct gs_migconfig_choice *configs = GS_ARENA_NEW(arena, struct gs_migconfig_choice, map->n);
    if (configs == NULL) {
        return no_memory(map, err);
    }
    for (const struct gs_doc_node *list = map->first; list != NULL; list = list->next) {
        r = read_choice(arena, list, &configs[config->n], err);
        if (r < 0) {
            return r;
        }
        config->n++;
    }
    config->configs = configs;
    return 0;
}

static int read_version(const struct gs_doc_node *root, struct gs_err *err)
{
    const struct gs_doc_node *version = NULL;
    struct gs_view text;
    int r = gs_doc_need(root, "version", &version, err);
    if (r < 0 || (r = gs_doc_text(version, 64, &text, err)) < 0) {
        return r;
    }
    return gs_view_eq(text, "v1") ? 0
                                  : gs_doc_fail(version, err,
                                                "version: found \"%.*s\"; expected v1, the only "
                                                "one that there is",
                                                GS_VIEW_ARGS(text));
}

int gs_migconfig_read(struct gs_arena *arena, const struct gs_doc_input *input,
                      struct gs_migconfig *ret, struct gs_err *err)
{
    struct gs_doc_input mine = *input;
    const struct gs_doc_node *root;
    struct gs_migconfig config = {.label = input->label};
    mine.may_be_empty = true;
    mine.max_bytes = GS_MIGCONFIG_BYTES_MAX;
    int r = gs_doc_read(arena, &mine, &root, err);
    if (r == 0 && (root == NULL || gs_doc_is_null(root))) {
        *ret = config;
        return 0;
    }
    if (r < 0 || (r = gs_doc_expect_keys(root, file_keys, GS_ARRAY_LEN(file_keys), err)) < 0 ||
        (r = read_version(root, err)) < 0) {
        return r;
    }
    const struct gs_doc_node *configs = gs_doc_find(root, "mig-configs");
    r = configs == NULL ? 0 : read_configs(arena, configs, &config, err);
    if (r == 0) {
        *ret = config;
    }
    return r;
}

int gs_migconfig_select(const struct gs_migconfig *config, const char *name,
                        const struct gs_migconfig_choice **ret, struct gs_err *err)
{
    if (config->n == 0) {
        return gs_fail(err, GS_NOT_FOUND,
                       "%s: found no configuration; expected one under mig-configs", config->label);
    }
    if ((name == NULL || name[0] == '\0') && config->n == 1) {
        *ret = &config->configs[0];
        return 0;
    }
    if (name == NULL || name[0] == '\0') {
        return gs_fail(err, GS_AMBIGUOUS,
                       "%s: found %u configurations, \"%.100s\" the first; say by "
                       "--selected-config which one is meant",
                       config->label, config->n, config->configs[0].name);
    }
    struct gs_near near = GS_NEAR_INIT(gs_view(name));
    for (unsigned i = 0; i < config->n; i++) {
        if (strcmp(config->configs[i].name, name) == 0) {
            *ret = &config->configs[i];
            return 0;
        }
        gs_near_offer(&near, config->configs[i].name);
    }
    char names[300];
    gs_near_format(&near, names, sizeof(names));
    return gs_fail(err, GS_NOT_FOUND, "%s: found no configuration \"%.100s\" among %u%s",
                   config->label, name, config->n, names);
}
