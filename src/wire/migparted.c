#include "wire/migparted.h"

#include <string.h>

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static bool is_name_char(char c)
{
    return is_alnum(c) || c == '-' || c == '_' || c == '.';
}

static bool is_name(const char *text)
{
    size_t n = strlen(text);
    if (n == 0 || n > GS_MIGPARTED_NAME_MAX || !is_alnum(text[0]) || !is_alnum(text[n - 1])) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        if (!is_name_char(text[i])) {
            return false;
        }
    }
    return true;
}

void gs_migparted_name(const char *text, char ret_name[GS_MIGPARTED_NAME_MAX + 1])
{
    size_t n = 0;
    while (*text != '\0' && !is_alnum(*text)) {
        text++;
    }
    for (; *text != '\0' && n < GS_MIGPARTED_NAME_MAX; text++) {
        ret_name[n++] = is_name_char(*text) ? *text : '-';
    }
    while (n > 0 && !is_alnum(ret_name[n - 1])) {
        n--;
    }
    ret_name[n] = '\0';
    if (n == 0) {
        static const char fallback[] = "node";
        memcpy(ret_name, fallback, sizeof(fallback));
    }
}

void gs_migparted_begin(struct gs_buf *out)
{
    gs_buf_puts(out, "version: v1\nmig-configs:\n");
}

void gs_migparted_comment(const char *text, struct gs_buf *out)
{
    gs_buf_puts(out, "  # ");
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;
        char shown = c < 0x20 || c >= 0x7F ? '?' : *text;
        gs_buf_put(out, &shown, 1);
    }
    gs_buf_puts(out, "\n");
}

static int check(const char *name, const struct gs_migparted_entry *entries, size_t n_entries,
                 struct gs_err *err)
{
    if (!is_name(name)) {
        return gs_fail(err, GS_INVALID,
                       "\"%.100s\" cannot name a configuration of mig-parted; expected up to %d "
                       "letters, digits, '-', '_' and '.' as in a label's value",
                       name, GS_MIGPARTED_NAME_MAX);
    }
    if (n_entries == 0) {
        return gs_fail(err, GS_INVALID, "configuration %s of mig-parted has no entry", name);
    }
    for (size_t i = 0; i < n_entries; i++) {
        if (entries[i].n_gpus > GS_MIGPARTED_GPUS_MAX ||
            (entries[i].mig && (entries[i].model == NULL || entries[i].counts == NULL))) {
            return gs_fail(err, GS_INVALID,
                           "configuration %s of mig-parted, entry %zu: expected up to %d GPUs, and "
                           "counts where MIG is on",
                           name, i + 1, GS_MIGPARTED_GPUS_MAX);
        }
    }
    return 0;
}

static void put_devices(const struct gs_migparted_entry *entry, struct gs_buf *out)
{
    if (entry->n_gpus == 0) {
        gs_buf_puts(out, "    - devices: all\n");
        return;
    }
    gs_buf_puts(out, "    - devices: [");
    for (unsigned i = 0; i < entry->n_gpus; i++) {
        gs_buf_printf(out, "%s%u", i == 0 ? "" : ", ", entry->gpus[i]);
    }
    gs_buf_puts(out, "]\n");
}

static void put_slices(const struct gs_migparted_entry *entry, struct gs_buf *out)
{
    gs_buf_puts(out, "      mig-devices: {");
    bool first = true;
    for (unsigned p = 0; p < entry->model->n_profiles; p++) {
        if (entry->counts[p] > 0) {
            gs_buf_printf(out, "%s\"%s\": %u", first ? "" : ", ", entry->model->profiles[p].name,
                          entry->counts[p]);
            first = false;
        }
    }
    gs_buf_puts(out, "}\n");
}

int gs_migparted_config(const char *name, const struct gs_migparted_entry *entries,
                        size_t n_entries, struct gs_buf *out, struct gs_err *err)
{
    int r = check(name, entries, n_entries, err);
    if (r < 0) {
        return r;
    }
    /* quoted: a label's value such as 1e3 or true is no text to YAML */
    gs_buf_printf(out, "  \"%s\":\n", name);
    for (size_t i = 0; i < n_entries; i++) {
        put_devices(&entries[i], out);
        gs_buf_printf(out, "      mig-enabled: %s\n", entries[i].mig ? "true" : "false");
        if (entries[i].mig) {
            put_slices(&entries[i], out);
        }
    }
    return 0;
}
