#include "wire/agentconfig_table.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

enum { LINE_WIDTH = 80, HELP_COLUMN = 28 };

static bool takes_value(const struct gs_setting *setting)
{
    return setting->arg != NULL;
}

/* Words from HELP_COLUMN on, over as many lines as it takes; *column is where the line stands. */
static void put_words(struct gs_buf *out, size_t *column, const char *text)
{
    while (*text != '\0') {
        size_t n = strcspn(text, " ");
        bool first = *column == HELP_COLUMN;
        if (!first && *column + 1 + n > LINE_WIDTH) {
            gs_buf_printf(out, "\n%*s", HELP_COLUMN, "");
            *column = HELP_COLUMN;
            first = true;
        }
        gs_buf_puts(out, first ? "" : " ");
        gs_buf_put(out, text, n);
        *column += n + (first ? 0 : 1);
        text += n;
        text += *text == ' ' ? 1 : 0;
    }
}

/* "one of a, b" in words. */
static void format_choices(const struct gs_setting *setting, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; setting->choices != NULL && setting->choices[i] != NULL && used < size;
         i++) {
        int wrote = snprintf(text + used, size - used, "%s%s", i == 0 ? "one of " : ", ",
                             setting->choices[i]);
        used += wrote > 0 ? (size_t)wrote : 0;
    }
}

static void put_details(struct gs_buf *out, size_t *column, const struct gs_setting *setting)
{
    char text[400];
    if (setting->choices != NULL) {
        char choices[300];
        format_choices(setting, choices, sizeof(choices));
        snprintf(text, sizeof(text), "(%s)", choices);
        put_words(out, column, text);
    }
    if (setting->preset != NULL && setting->preset[0] != '\0') {
        snprintf(text, sizeof(text), "(default: %s)", setting->preset);
        put_words(out, column, text);
    }
    if (setting->envs[0] != NULL) {
        snprintf(text, sizeof(text), "(environment: %s%s%s)", setting->envs[0],
                 setting->envs[1] == NULL ? "" : ", ",
                 setting->envs[1] == NULL ? "" : setting->envs[1]);
        put_words(out, column, text);
    }
}

static void put_setting(struct gs_buf *out, const struct gs_setting *setting)
{
    size_t from = out->len;
    size_t column = HELP_COLUMN;
    gs_buf_printf(out, "  --%s%s%s", setting->flags[0], takes_value(setting) ? " " : "",
                  takes_value(setting) ? setting->arg : "");
    size_t width = out->len - from;
    if (width + 2 > HELP_COLUMN) {
        gs_buf_printf(out, "\n%*s", HELP_COLUMN, "");
    } else {
        gs_buf_printf(out, "%*s", (int)(HELP_COLUMN - width), "");
    }
    put_words(out, &column, setting->idle == NULL ? setting->help : setting->idle);
    put_details(out, &column, setting);
    gs_buf_puts(out, "\n");
}

void gs_agentconfig_help(struct gs_buf *out)
{
    size_t n;
    const struct gs_setting *settings = gs_settings(&n);
    for (size_t i = 0; i < n; i++) {
        if (settings[i].group != NULL) {
            gs_buf_printf(out, "\n%s:\n", settings[i].group);
        }
        put_setting(out, &settings[i]);
    }
    gs_buf_printf(out, "\nOthers:\n  %-*s%s\n  %-*s%s\n", HELP_COLUMN - 2, "--version",
                  "print the version and exit", HELP_COLUMN - 2, "-h, --help",
                  "show this text and exit");
}

static void put_codes(struct gs_buf *out, const char *prefix, const char *const *texts, size_t n)
{
    for (size_t i = 0; i < n && texts[i] != NULL; i++) {
        gs_buf_printf(out, "%s`%s%s`", i == 0 ? "" : " ", prefix, texts[i]);
    }
}

void gs_agentconfig_markdown(struct gs_buf *out)
{
    size_t n;
    const struct gs_setting *settings = gs_settings(&n);
    for (size_t i = 0; i < n; i++) {
        const struct gs_setting *row = &settings[i];
        if (row->group != NULL) {
            gs_buf_printf(out,
                          "%s### %s\n\n| key | option | environment | default | meaning |\n"
                          "| --- | --- | --- | --- | --- |\n",
                          i == 0 ? "" : "\n", row->group);
        }
        gs_buf_puts(out, "| ");
        put_codes(out, "", &row->key, 1);
        gs_buf_puts(out, row->key == NULL ? "| " : " | ");
        put_codes(out, "--", row->flags, GS_ARRAY_LEN(row->flags));
        gs_buf_puts(out, " | ");
        put_codes(out, "", row->envs, GS_ARRAY_LEN(row->envs));
        bool none = row->preset == NULL || row->preset[0] == '\0';
        gs_buf_printf(out, " | %s%s%s | %s", none ? "" : "`", none ? "" : row->preset,
                      none ? "" : "`", row->idle == NULL ? row->help : row->idle);
        char choices[300];
        format_choices(row, choices, sizeof(choices));
        gs_buf_printf(out, "%s%s |\n", choices[0] == '\0' ? "" : "; ", choices);
    }
}
