#include "cli/mig/spelling.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const struct gs_option help_row = {.name = "help", .letter = 'h', .kind = GS_OPTION_FLAG};

void gs_mig_words_done(struct gs_mig_words *line)
{
    for (unsigned i = 0; i < line->n_made; i++) {
        free(line->made[i]);
    }
    free(line->words);
}

static bool is_named(const struct gs_option *row, const char *word, size_t n)
{
    return (n > 1 && strlen(row->name) == n && memcmp(row->name, word, n) == 0) ||
           (n == 1 && row->letter == word[0]);
}

/* The row that `word` names up to its "=", by its long name or its letter; NULL: none. */
static const struct gs_option *row_named(const struct gs_command *command, const char *word)
{
    size_t n = strcspn(word, "=");
    for (size_t i = 0; i < command->n_options; i++) {
        if (is_named(&command->options[i], word, n)) {
            return &command->options[i];
        }
    }
    return is_named(&help_row, word, n) ? &help_row : NULL;
}

static bool keep(struct gs_mig_words *line, char *made)
{
    if (made == NULL || line->n_made == GS_MIG_WORDS_MAX) {
        free(made);
        return false;
    }
    line->made[line->n_made++] = made;
    line->words[line->n++] = made;
    return true;
}

/* "--name", or "--name=value". NULL: no memory. */
static char *spell(const char *name, const char *value)
{
    size_t size = strlen(name) + (value == NULL ? 0 : strlen(value)) + sizeof("--=");
    char *made = malloc(size);
    if (made != NULL) {
        snprintf(made, size, "--%s%s%s", name, value == NULL ? "" : "=",
                 value == NULL ? "" : value);
    }
    return made;
}

/* A word with one dash whose name is a row's. False: no memory. */
static bool respell_named(struct gs_mig_words *line, const struct gs_option *row, char *value)
{
    if (row->kind == GS_OPTION_FLAG) {
        return keep(line, spell(row->name, value));
    }
    if (!keep(line, spell(row->name, NULL))) {
        return false;
    }
    if (value != NULL) {
        line->words[line->n++] = value;
    }
    return true;
}

static bool is_letter_with_value(const struct gs_command *command, char letter)
{
    char name[2] = {letter, '\0'};
    const struct gs_option *row = row_named(command, name);
    return row != NULL && row->kind != GS_OPTION_FLAG;
}

/* Whether the next word is the value of this one: --config-file, -f, -af. */
static bool takes_next(const struct gs_command *command, const char *word)
{
    if (word[0] != '-' || word[1] == '\0' || strchr(word, '=') != NULL) {
        return false;
    }
    const char *name = word + (word[1] == '-' ? 2 : 1);
    const struct gs_option *row = row_named(command, name);
    if (row != NULL || word[1] == '-') {
        return row != NULL && row->kind != GS_OPTION_FLAG;
    }
    size_t n = strlen(name);
    for (size_t i = 0; i + 1 < n; i++) {
        if (is_letter_with_value(command, name[i])) {
            return false; /* -fone.yaml */
        }
    }
    return n > 0 && is_letter_with_value(command, name[n - 1]);
}

static bool respell_one(struct gs_mig_words *line, const struct gs_command *command, char *word)
{
    bool one_dash = word[0] == '-' && word[1] != '-' && word[1] != '\0';
    char *value = strchr(word, '=');
    const struct gs_option *row = one_dash ? row_named(command, word + 1) : NULL;
    bool is_letter = row != NULL && strcspn(word + 1, "=") == 1;
    if (row != NULL && (!is_letter || value != NULL)) {
        return respell_named(line, row, value == NULL ? NULL : value + 1);
    }
    line->words[line->n++] = word;
    return true;
}

int gs_mig_respell(const struct gs_command *command, int argc, char **argv,
                   struct gs_mig_words *ret, struct gs_err *err)
{
    bool rest = false;
    bool is_value = false;
    if (argc > GS_MIG_WORDS_MAX) {
        return gs_fail(err, GS_LIMIT, "found %d words on the command line; expected %d at most",
                       argc, GS_MIG_WORDS_MAX);
    }
    ret->words = calloc((size_t)argc * 2 + 1, sizeof(*ret->words));
    if (ret->words == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the command line");
    }
    for (int i = 0; i < argc; i++) {
        rest = rest || (!is_value && strcmp(argv[i], "--") == 0);
        bool as_it_is = rest || is_value || i == 0;
        is_value = !as_it_is && takes_next(command, argv[i]);
        if (as_it_is) {
            ret->words[ret->n++] = argv[i];
        } else if (!respell_one(ret, command, argv[i])) {
            return gs_fail(err, GS_NO_MEMORY, "no memory for the command line");
        }
    }
    return 0;
}
