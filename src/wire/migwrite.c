#include "wire/migwrite.h"

#include <stdio.h>
#include <stdlib.h>
#include <yaml.h>

#include "base/cleanup.h"

/* What a document has, in the order in which it is written. */
struct writing {
    const struct gs_migwrite_choice **configs;
    unsigned n;
    bool natural; /* YAML's order; else that of bytes */
};

/* ---- orders ---- */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Letters of other alphabets count as letters. */
static bool is_letter(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (unsigned char)c >= 0x80;
}

/* The value of the digits at `text`; more than anybody writes is cut. */
static uint64_t number_at(const char *text, size_t *ret_n)
{
    uint64_t value = 0;
    *ret_n = 0;
    while (is_digit(text[*ret_n])) {
        value = value < UINT64_MAX / 16 ? value * 10 + (uint64_t)(text[*ret_n] - '0') : value;
        (*ret_n)++;
    }
    return value;
}

/* Whether the zero at text[i] stands within a number, and is thus no leading one. */
static bool within_number(const char *text, size_t i)
{
    while (i > 0 && is_digit(text[i - 1])) {
        if (text[--i] != '0') {
            return true;
        }
    }
    return false;
}

static int sign_of(bool less)
{
    return less ? -1 : 1;
}

/* Where the texts first differ, both being there. */
static int compare_at(const char *a, const char *b, size_t i)
{
    if (is_letter(a[i]) || is_letter(b[i])) {
        return is_letter(a[i]) && is_letter(b[i])
                   ? sign_of((unsigned char)a[i] < (unsigned char)b[i])
                   : sign_of(is_letter(b[i]));
    }
    size_t digits_a;
    size_t digits_b;
    uint64_t number_a = number_at(a + i, &digits_a);
    uint64_t number_b = number_at(b + i, &digits_b);
    /* a digit before makes 10 and 1 of "0" and "": the longer number is the larger */
    if ((a[i] == '0' || b[i] == '0') && within_number(a, i) && digits_a != digits_b) {
        return sign_of(digits_a < digits_b);
    }
    if (number_a != number_b) {
        return sign_of(number_a < number_b);
    }
    return digits_a != digits_b ? sign_of(digits_a < digits_b)
                                : sign_of((unsigned char)a[i] < (unsigned char)b[i]);
}

int gs_migwrite_compare(const char *a, const char *b)
{
    size_t i = 0;
    while (a[i] != '\0' && a[i] == b[i]) {
        i++;
    }
    if (a[i] == '\0' || b[i] == '\0') {
        return a[i] == b[i] ? 0 : sign_of(a[i] == '\0');
    }
    return compare_at(a, b, i);
}

static int by_name(const void *a, const void *b)
{
    return gs_migwrite_compare((*(const struct gs_migwrite_choice *const *)a)->name,
                               (*(const struct gs_migwrite_choice *const *)b)->name);
}

static int by_bytes(const void *a, const void *b)
{
    return strcmp((*(const struct gs_migwrite_choice *const *)a)->name,
                  (*(const struct gs_migwrite_choice *const *)b)->name);
}

/* A kind of slice with its name as text. */
struct named_count {
    char name[GS_PROFILE_NAME_MAX + 1];
    uint32_t count;
};

static int slices_by_name(const void *a, const void *b)
{
    return gs_migwrite_compare(((const struct named_count *)a)->name,
                               ((const struct named_count *)b)->name);
}

static int slices_by_bytes(const void *a, const void *b)
{
    return strcmp(((const struct named_count *)a)->name, ((const struct named_count *)b)->name);
}

static unsigned sort_slices(const struct gs_migconfig_entry *entry, bool natural,
                            struct named_count ret[GS_MIG_COUNTS_MAX])
{
    unsigned n = entry->n < GS_MIG_COUNTS_MAX ? entry->n : GS_MIG_COUNTS_MAX;
    for (unsigned i = 0; i < n; i++) {
        gs_profile_name_format(&entry->slices[i].name, ret[i].name);
        ret[i].count = entry->slices[i].count;
    }
    if (n > 1) {
        qsort(ret, n, sizeof(*ret), natural ? slices_by_name : slices_by_bytes);
    }
    return n;
}

static void format_filter(const struct gs_migconfig_filter *filter, char text[32])
{
    if (filter->has_subsystem) {
        snprintf(text, 32, "0x%08X:0x%08X", filter->device, filter->subsystem);
    } else {
        snprintf(text, 32, "0x%08X", filter->device);
    }
}

/* ---- YAML ---- */

/* One walk; the first event that libyaml refuses ends it. */
struct walk {
    yaml_emitter_t emitter;
    bool failed;
};

static void emit(struct walk *walk, int made, yaml_event_t *event)
{
    if (walk->failed || made == 0) {
        walk->failed = true;
        return;
    }
    walk->failed = yaml_emitter_emit(&walk->emitter, event) == 0;
}

static int take_bytes(void *out, unsigned char *bytes, size_t n)
{
    gs_buf_put(out, (const char *)bytes, n);
    return gs_buf_ok(out) ? 1 : 0;
}

/* Whether YAML would read the plain text as something else: a number, a boolean, nothing. What only
 * might be one (1-2, 12e) is quoted too. A profile's name has a g, which no number has. */
static bool needs_quotes(const char *text)
{
    static const char *const words[] = {
        "y",    "Y",    "yes",   "Yes",   "YES",   "true",  "True",  "TRUE",  "on",    "On",
        "ON",   "n",    "N",     "no",    "No",    "NO",    "false", "False", "FALSE", "off",
        "Off",  "OFF",  "~",     "null",  "Null",  "NULL",  ".nan",  ".NaN",  ".NAN",  ".inf",
        ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF", "<<"};
    for (size_t i = 0; i < GS_ARRAY_LEN(words); i++) {
        if (strcmp(text, words[i]) == 0) {
            return true;
        }
    }
    const char *digits = text + strspn(text, "+-.");
    return text[0] == '\0' || (digits[0] >= '0' && digits[0] <= '9' &&
                               text[strspn(text, "0123456789abcdefABCDEF+-._:xXoOtTzZ ")] == '\0');
}

static void emit_text(struct walk *walk, const char *text, bool quoted)
{
    yaml_event_t event;
    int made = yaml_scalar_event_initialize(
        &event, NULL, NULL, (const yaml_char_t *)text, (int)strlen(text), 1, 1,
        quoted ? YAML_DOUBLE_QUOTED_SCALAR_STYLE : YAML_PLAIN_SCALAR_STYLE);
    emit(walk, made, &event);
}

static void emit_key(struct walk *walk, const char *key)
{
    emit_text(walk, key, false);
}

static void begin_list(struct walk *walk, bool flow)
{
    yaml_event_t event;
    emit(walk,
         yaml_sequence_start_event_initialize(
             &event, NULL, NULL, 1, flow ? YAML_FLOW_SEQUENCE_STYLE : YAML_BLOCK_SEQUENCE_STYLE),
         &event);
}

static void end_list(struct walk *walk)
{
    yaml_event_t event;
    emit(walk, yaml_sequence_end_event_initialize(&event), &event);
}

static void begin_map(struct walk *walk)
{
    yaml_event_t event;
    emit(walk, yaml_mapping_start_event_initialize(&event, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE),
         &event);
}

static void end_map(struct walk *walk)
{
    yaml_event_t event;
    emit(walk, yaml_mapping_end_event_initialize(&event), &event);
}

static void emit_filters(struct walk *walk, const struct gs_migwrite_entry *at)
{
    const struct gs_migconfig_entry *entry = &at->entry;
    bool as_text = at->filter_is_text && entry->n_filters == 1;
    char text[32];
    if (entry->n_filters == 0) {
        return;
    }
    emit_key(walk, "device-filter");
    if (!as_text) {
        begin_list(walk, true);
    }
    for (unsigned i = 0; i < entry->n_filters; i++) {
        format_filter(&entry->filters[i], text);
        emit_text(walk, text, needs_quotes(text));
    }
    if (!as_text) {
        end_list(walk);
    }
}

static void emit_devices(struct walk *walk, const struct gs_migconfig_entry *entry)
{
    emit_key(walk, "devices");
    if (entry->all) {
        emit_text(walk, "all", false);
        return;
    }
    begin_list(walk, true);
    for (unsigned i = 0; i < entry->n_devices; i++) {
        char number[16];
        snprintf(number, sizeof(number), "%u", entry->devices[i]);
        emit_text(walk, number, false);
    }
    end_list(walk);
}

static void emit_entry(struct walk *walk, const struct gs_migwrite_entry *at)
{
    struct named_count slices[GS_MIG_COUNTS_MAX];
    unsigned n = sort_slices(&at->entry, true, slices);
    begin_map(walk);
    emit_filters(walk, at);
    emit_devices(walk, &at->entry);
    emit_key(walk, "mig-enabled");
    emit_text(walk, at->entry.mig_enabled ? "true" : "false", false);
    emit_key(walk, "mig-devices");
    begin_map(walk);
    for (unsigned i = 0; i < n; i++) {
        char count[16];
        snprintf(count, sizeof(count), "%u", slices[i].count);
        emit_text(walk, slices[i].name, needs_quotes(slices[i].name));
        emit_text(walk, count, false);
    }
    end_map(walk);
    end_map(walk);
}

static void emit_configs(struct walk *walk, const struct writing *writing)
{
    for (unsigned i = 0; i < writing->n && !walk->failed; i++) {
        const struct gs_migwrite_choice *choice = writing->configs[i];
        emit_text(walk, choice->name, needs_quotes(choice->name));
        begin_list(walk, false);
        for (unsigned k = 0; k < choice->n; k++) {
            emit_entry(walk, &choice->entries[k]);
        }
        end_list(walk);
    }
}

static void emit_document(struct walk *walk, const struct writing *writing)
{
    yaml_event_t event;
    emit(walk, yaml_stream_start_event_initialize(&event, YAML_UTF8_ENCODING), &event);
    emit(walk, yaml_document_start_event_initialize(&event, NULL, NULL, NULL, 1), &event);
    begin_map(walk);
    emit_key(walk, "version");
    emit_text(walk, "v1", false);
    emit_key(walk, "mig-configs");
    begin_map(walk);
    emit_configs(walk, writing);
    end_map(walk);
    end_map(walk);
    emit(walk, yaml_document_end_event_initialize(&event, 1), &event);
    emit(walk, yaml_stream_end_event_initialize(&event), &event);
}

static void write_yaml(const struct writing *writing, struct gs_buf *out)
{
    struct walk walk = {.failed = false};
    if (yaml_emitter_initialize(&walk.emitter) == 0) {
        out->failed = true;
        return;
    }
    yaml_emitter_set_output(&walk.emitter, take_bytes, out);
    yaml_emitter_set_unicode(&walk.emitter, 1);
    emit_document(&walk, writing);
    yaml_emitter_delete(&walk.emitter);
    out->failed = out->failed || walk.failed;
}

/* ---- JSON ---- */

/* As Go's encoder: what HTML would take for its own is escaped too. */
static void put_json_text(struct gs_buf *out, const char *text)
{
    gs_buf_puts(out, "\"");
    for (; *text != '\0'; text++) {
        bool separator = memcmp(text, "\xE2\x80", strnlen(text, 2)) == 0 && text[1] != '\0' &&
                         (text[2] == '\xA8' || text[2] == '\xA9');
        if (*text == '"' || *text == '\\') {
            gs_buf_printf(out, "\\%c", *text);
        } else if (strchr("<>&", *text) != NULL) {
            gs_buf_printf(out, "\\u%04x", (unsigned char)*text);
        } else if (separator) {
            gs_buf_printf(out, "\\u202%c", text[2] == '\xA8' ? '8' : '9');
            text += 2;
        } else {
            gs_buf_put(out, text, 1);
        }
    }
    gs_buf_puts(out, "\"");
}

static void put_indent(struct gs_buf *out, unsigned level)
{
    gs_buf_printf(out, "\n%*s", (int)(2 * level), "");
}

static void put_filters(struct gs_buf *out, const struct gs_migwrite_entry *at)
{
    const struct gs_migconfig_entry *entry = &at->entry;
    bool as_text = at->filter_is_text && entry->n_filters == 1;
    char text[32];
    gs_buf_puts(out, as_text ? "\"device-filter\": " : "\"device-filter\": [");
    for (unsigned i = 0; i < entry->n_filters; i++) {
        format_filter(&entry->filters[i], text);
        gs_buf_puts(out, i == 0 ? "" : ",");
        if (!as_text) {
            put_indent(out, 5);
        }
        gs_buf_printf(out, "\"%s\"", text);
    }
    if (!as_text) {
        put_indent(out, 4);
        gs_buf_puts(out, "]");
    }
    gs_buf_puts(out, ",");
    put_indent(out, 4);
}

static void put_devices(struct gs_buf *out, const struct gs_migconfig_entry *entry)
{
    if (entry->all) {
        gs_buf_puts(out, "\"devices\": \"all\",");
        return;
    }
    gs_buf_puts(out, "\"devices\": [");
    for (unsigned i = 0; i < entry->n_devices; i++) {
        gs_buf_puts(out, i == 0 ? "" : ",");
        put_indent(out, 5);
        gs_buf_printf(out, "%u", entry->devices[i]);
    }
    if (entry->n_devices > 0) {
        put_indent(out, 4);
    }
    gs_buf_puts(out, "],");
}

static void put_slices(struct gs_buf *out, const struct gs_migwrite_entry *at)
{
    struct named_count slices[GS_MIG_COUNTS_MAX];
    unsigned n = sort_slices(&at->entry, false, slices);
    if (n == 0) {
        gs_buf_puts(out, at->devices_are_null ? "\"mig-devices\": null" : "\"mig-devices\": {}");
        return;
    }
    gs_buf_puts(out, "\"mig-devices\": {");
    for (unsigned i = 0; i < n; i++) {
        gs_buf_puts(out, i == 0 ? "" : ",");
        put_indent(out, 5);
        put_json_text(out, slices[i].name);
        gs_buf_printf(out, ": %u", slices[i].count);
    }
    put_indent(out, 4);
    gs_buf_puts(out, "}");
}

static void put_entry(struct gs_buf *out, const struct gs_migwrite_entry *at)
{
    put_indent(out, 3);
    gs_buf_puts(out, "{");
    put_indent(out, 4);
    if (at->entry.n_filters > 0) {
        put_filters(out, at);
    }
    put_devices(out, &at->entry);
    put_indent(out, 4);
    gs_buf_printf(out, "\"mig-enabled\": %s,", at->entry.mig_enabled ? "true" : "false");
    put_indent(out, 4);
    put_slices(out, at);
    put_indent(out, 3);
    gs_buf_puts(out, "}");
}

static void write_json(const struct writing *writing, struct gs_buf *out)
{
    gs_buf_puts(out, "{\n  \"version\": \"v1\"");
    for (unsigned i = 0; i < writing->n; i++) {
        const struct gs_migwrite_choice *choice = writing->configs[i];
        gs_buf_puts(out, i == 0 ? ",\n  \"mig-configs\": {" : ",");
        put_indent(out, 2);
        put_json_text(out, choice->name);
        gs_buf_puts(out, ": [");
        for (unsigned k = 0; k < choice->n; k++) {
            gs_buf_puts(out, k == 0 ? "" : ",");
            put_entry(out, &choice->entries[k]);
        }
        if (choice->n > 0) {
            put_indent(out, 2);
        }
        gs_buf_puts(out, "]");
    }
    gs_buf_puts(out, writing->n == 0 ? "\n}" : "\n  }\n}");
}

/* ---- both ---- */

/* Bytes of the character at `text`; 0: it is none, or a control character. */
static size_t character(const unsigned char *text)
{
    if (text[0] < 0x20 || text[0] == 0x7F) {
        return 0;
    }
    size_t n = text[0] < 0x80   ? 1
               : text[0] < 0xC2 ? 0
               : text[0] < 0xE0 ? 2
               : text[0] < 0xF0 ? 3
               : text[0] < 0xF5 ? 4
                                : 0;
    for (size_t i = 1; i < n; i++) {
        if ((text[i] & 0xC0) != 0x80) {
            return 0;
        }
    }
    /* spelled longer than need be, half of a pair, or beyond the last character */
    bool wrong = (text[0] == 0xE0 && text[1] < 0xA0) || (text[0] == 0xED && text[1] > 0x9F) ||
                 (text[0] == 0xF0 && text[1] < 0x90) || (text[0] == 0xF4 && text[1] > 0x8F) ||
                 (text[0] == 0xC2 && text[1] < 0xA0);
    return n > 1 && wrong ? 0 : n;
}

static int check_name(const char *name, struct gs_err *err)
{
    const unsigned char *at = (const unsigned char *)name;
    size_t n = strnlen(name, GS_MIGCONFIG_NAME_MAX + 1);
    while (*at != '\0' && n <= GS_MIGCONFIG_NAME_MAX) {
        size_t taken = character(at);
        if (taken == 0) {
            return gs_fail(err, GS_INVALID,
                           "\"%.100s\" cannot name a configuration; expected UTF-8 text without "
                           "control characters",
                           name);
        }
        at += taken;
    }
    if (n > GS_MIGCONFIG_NAME_MAX) {
        return gs_fail(err, GS_INVALID,
                       "found a name of more than %d bytes; expected less for a configuration",
                       GS_MIGCONFIG_NAME_MAX);
    }
    return 0;
}

int gs_migwrite(struct gs_arena *arena, const struct gs_migwrite_choice *configs, unsigned n,
                enum gs_migwrite_form form, struct gs_buf *out, struct gs_err *err)
{
    struct writing writing = {
        .configs = GS_ARENA_NEW(arena, const struct gs_migwrite_choice *, n),
        .n = n,
        .natural = form == GS_MIGWRITE_YAML,
    };
    for (unsigned i = 0; writing.configs != NULL && i < n; i++) {
        int r = check_name(configs[i].name, err);
        if (r < 0) {
            return r;
        }
        writing.configs[i] = &configs[i];
    }
    if (writing.configs == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory to write the configurations");
    }
    if (n > 1) {
        qsort(writing.configs, n, sizeof(*writing.configs), writing.natural ? by_name : by_bytes);
    }
    if (writing.natural) {
        write_yaml(&writing, out);
    } else {
        write_json(&writing, out);
    }
    return gs_buf_ok(out) ? 0 : gs_fail(err, GS_NO_MEMORY, "no memory to write the configurations");
}
