#include "term/options.h"

#include <assert.h>
#include <getopt.h>
#include <stdio.h>
#include <string.h>

#include "base/near.h"
#include "base/view.h"

/* getopt's value for a long option is its row's index behind this; below are letters. */
enum { FIRST_LONG = 1000, HELP = FIRST_LONG + GS_OPTIONS_MAX };

struct parse {
    const struct gs_command *command;
    char *values;
    char letters[2 * GS_OPTIONS_MAX + 3];
    struct option longs[GS_OPTIONS_MAX + 2];
    bool given[GS_OPTIONS_MAX];
    struct gs_err *err;
};

static void list_for_getopt(struct parse *parse)
{
    const struct gs_command *command = parse->command;
    assert(command->n_options <= GS_OPTIONS_MAX);
    size_t n = 0;
    parse->letters[n++] = ':'; /* say ':' for a missing argument, and print nothing */
    parse->letters[n++] = 'h';
    for (size_t i = 0; i < command->n_options; i++) {
        const struct gs_option *option = &command->options[i];
        bool takes = option->kind != GS_OPTION_FLAG;
        parse->longs[i] = (struct option){
            .name = option->name,
            .has_arg = takes              ? required_argument
                       : command->drop_in ? optional_argument
                                          : no_argument,
            .val = FIRST_LONG + (int)i,
        };
        if (option->letter != 0) {
            parse->letters[n++] = option->letter;
            if (takes) {
                parse->letters[n++] = ':';
            }
        }
    }
    parse->longs[command->n_options] = (struct option){
        .name = "help", .has_arg = command->drop_in ? optional_argument : no_argument, .val = HELP};
}

/* The row for getopt's value; NULL: none, or --help. */
static const struct gs_option *row_of(const struct gs_command *command, int value)
{
    if (value >= FIRST_LONG) {
        size_t i = (size_t)(value - FIRST_LONG);
        return i < command->n_options ? &command->options[i] : NULL;
    }
    for (size_t i = 0; i < command->n_options; i++) {
        if (command->options[i].letter != 0 && command->options[i].letter == value) {
            return &command->options[i];
        }
    }
    return NULL;
}

/* Where the command tells more of itself. */
static int fail_and_point(const struct parse *parse, const char *what)
{
    const char *program = gs_command_program(parse->command);
    bool alone = strcmp(program, parse->command->name) == 0;
    return gs_fail(parse->err, GS_INVALID, "%s %s; see %s%s%s --help", parse->command->name, what,
                   program, alone ? "" : " ", alone ? "" : parse->command->name);
}

static int fail_choice(const struct gs_option *option, const char *arg, struct gs_err *err)
{
    char list[300] = "";
    size_t n = 0;
    size_t used = 0;
    struct gs_near near = GS_NEAR_INIT(gs_view(arg));
    for (; option->choices[n] != NULL; n++) {
        gs_near_offer(&near, option->choices[n]);
        int wrote = snprintf(list + used, sizeof(list) - used, "%s%s", n == 0 ? "" : ", ",
                             option->choices[n]);
        used = wrote > 0 && used + (size_t)wrote < sizeof(list) ? used + (size_t)wrote : used;
    }
    return gs_fail(err, GS_INVALID, "%s%s cannot be \"%.100s\"; it is one of %s%s%s%s",
                   option->name == NULL ? "" : "--",
                   option->name == NULL ? option->arg : option->name, arg, list,
                   near.n == 0 ? "" : "; did you mean ", near.n == 0 ? "" : near.names[0],
                   near.n == 0 ? "" : "?");
}

static int store_choice(const struct gs_option *option, const char *arg, char *values,
                        struct gs_err *err)
{
    for (unsigned i = 0; option->choices[i] != NULL; i++) {
        if (strcmp(option->choices[i], arg) == 0) {
            *(unsigned *)(void *)(values + option->into) = i;
            return 0;
        }
    }
    return fail_choice(option, arg, err);
}

static int store_list(const struct gs_option *option, const char *arg, char *values,
                      struct gs_err *err)
{
    struct gs_texts *texts = (void *)(values + option->into);
    if (texts->n == GS_TEXTS_MAX) {
        return gs_fail(err, GS_INVALID, "%s%s is given more than %d times",
                       option->name == NULL ? "" : "--",
                       option->name == NULL ? option->arg : option->name, GS_TEXTS_MAX);
    }
    texts->items[texts->n++] = arg;
    return 0;
}

static int store_number(const struct gs_option *option, const char *arg, char *values,
                        struct gs_err *err)
{
    uint64_t number;
    if (gs_view_is_integer(gs_view(arg), option->max, &number) && number >= option->min) {
        *(uint64_t *)(void *)(values + option->into) = number;
        return 0;
    }
    return gs_fail(
        err, GS_INVALID, "--%s cannot be \"%.100s\"; it is a whole number from %llu to %llu",
        option->name, arg, (unsigned long long)option->min, (unsigned long long)option->max);
}

int gs_options_store(const struct gs_option *option, const char *arg, void *ret_values,
                     struct gs_err *err)
{
    char *values = ret_values;
    switch (option->kind) {
    case GS_OPTION_FLAG:
        *(bool *)(void *)(values + option->into) = true;
        return 0;
    case GS_OPTION_TEXT:
        *(const char **)(void *)(values + option->into) = arg;
        return 0;
    case GS_OPTION_LIST:
        return store_list(option, arg, values, err);
    case GS_OPTION_CHOICE:
        return store_choice(option, arg, values, err);
    case GS_OPTION_NUMBER:
        return store_number(option, arg, values, err);
    }
    return 0;
}

int gs_options_flag(const char *name, const char *arg, bool *ret, struct gs_err *err)
{
    if (arg == NULL || arg[0] == '\0') {
        *ret = true;
        return 0;
    }
    return gs_options_bool(arg, ret)
               ? 0
               : gs_fail(err, GS_INVALID, "--%s cannot be \"%.100s\"; it is true or false", name,
                         arg);
}

static int store_option(struct parse *parse, const struct gs_option *option, const char *arg)
{
    size_t i = (size_t)(option - parse->command->options);
    if (parse->given[i] && option->kind != GS_OPTION_LIST && !parse->command->drop_in) {
        return gs_fail(parse->err, GS_INVALID, "--%s is given twice", option->name);
    }
    parse->given[i] = true;
    if (option->kind == GS_OPTION_FLAG && arg != NULL) { /* --flag=false, of a drop-in */
        return gs_options_flag(option->name, arg, (bool *)(void *)(parse->values + option->into),
                               parse->err);
    }
    return gs_options_store(option, arg, parse->values, parse->err);
}

/* The options that begin with the `n` letters at `name`, as a list; "" when there are none. */
static void list_fitting(const struct gs_command *command, const char *name, size_t n, char *list,
                         size_t size)
{
    size_t used = 0;
    list[0] = '\0';
    for (size_t i = 0; i < command->n_options && used < size; i++) {
        if (strncmp(command->options[i].name, name, n) == 0) {
            int wrote = snprintf(list + used, size - used, "%s--%s", used == 0 ? "" : ", ",
                                 command->options[i].name);
            used += wrote > 0 ? (size_t)wrote : 0;
        }
    }
}

/* `word` is as typed, "--maximl=x". Says which options begin so, or which one comes near. What only
 * begins as an option does is refused: --al could be --all, or a slip for another one. */
static int fail_long(const struct parse *parse, const char *word)
{
    const struct gs_command *command = parse->command;
    char name[64];
    snprintf(name, sizeof(name), "%s", word + 2);
    size_t n = strcspn(name, "=");
    name[n] = '\0';
    char fits[200];
    list_fitting(command, name, n, fits, sizeof(fits));
    if (fits[0] != '\0') {
        return gs_fail(parse->err, GS_INVALID,
                       "%s has no option --%s; options are written in full: %s", command->name,
                       name, fits);
    }
    struct gs_near near = GS_NEAR_INIT(gs_view(name));
    for (size_t i = 0; i < command->n_options; i++) {
        gs_near_offer(&near, command->options[i].name);
    }
    gs_near_offer(&near, "help");
    if (near.n > 0) {
        return gs_fail(parse->err, GS_INVALID, "%s has no option --%s; did you mean --%s?",
                       command->name, name, near.names[0]);
    }
    char what[100];
    snprintf(what, sizeof(what), "has no option --%s", name);
    return fail_and_point(parse, what);
}

/* The word of argv that the long option was read from, "--file" or "--file=x". */
static const char *word_read(char **argv)
{
    bool apart = optarg != NULL && optarg == argv[optind - 1];
    return argv[optind - (apart ? 2 : 1)];
}

/* getopt took the beginning of an option's name for it. */
static bool is_shortened(const struct parse *parse, int value, const char *word)
{
    if (value < FIRST_LONG) {
        return false;
    }
    const struct gs_option *option = row_of(parse->command, value);
    const char *name = option == NULL ? "help" : option->name;
    return strcspn(word + 2, "=") != strlen(name);
}

/* getopt said '?': `word` is the argument where it stopped. */
static int fail_option(const struct parse *parse, const char *word)
{
    if (optopt >= FIRST_LONG && !is_shortened(parse, optopt, word)) {
        const struct gs_option *option = row_of(parse->command, optopt);
        return gs_fail(parse->err, GS_INVALID, "--%s takes no argument",
                       option == NULL ? "help" : option->name);
    }
    if (optopt != 0 && optopt < FIRST_LONG) {
        char what[100];
        snprintf(what, sizeof(what), "has no option -%c", optopt);
        return fail_and_point(parse, what);
    }
    return fail_long(parse, word);
}

static int fail_missing(const struct parse *parse, const char *word)
{
    if (is_shortened(parse, optopt, word)) {
        return fail_long(parse, word);
    }
    const struct gs_option *option = row_of(parse->command, optopt);
    assert(option != NULL);
    return gs_fail(parse->err, GS_INVALID, "--%s wants its argument, %s", option->name,
                   option->arg);
}

static int read_operands(struct parse *parse, int argc, char **argv)
{
    const struct gs_command *command = parse->command;
    const struct gs_option *operand = command->operand;
    if (operand == NULL && optind < argc) {
        return gs_fail(parse->err, GS_INVALID,
                       "%s takes no word beside its options; \"%.100s\" was given", command->name,
                       argv[optind]);
    }
    if (operand != NULL && operand->kind != GS_OPTION_LIST && argc - optind > 1) {
        return gs_fail(parse->err, GS_INVALID,
                       "%s takes one %s; \"%.100s\" and \"%.100s\" were given", command->name,
                       operand->arg, argv[optind], argv[optind + 1]);
    }
    assert(operand != NULL || !command->operand_required);
    if (command->operand_required && optind == argc) {
        char what[100];
        snprintf(what, sizeof(what), "wants a %s", operand->arg);
        return fail_and_point(parse, what);
    }
    for (int i = optind; i < argc; i++) {
        int r = gs_options_store(operand, argv[i], parse->values, parse->err);
        if (r < 0) {
            return r;
        }
    }
    return 0;
}

int gs_options_parse(const struct gs_command *command, int argc, char **argv, void *ret_values,
                     struct gs_err *err)
{
    struct parse parse = {.command = command, .values = ret_values, .err = err};
    list_for_getopt(&parse);
    optind = 0; /* glibc: begin anew */
    opterr = 0;
    int value;
    bool help = false;
    while ((value = getopt_long(argc, argv, parse.letters, parse.longs, NULL)) != -1) {
        int r;
        if (is_shortened(&parse, value, word_read(argv))) {
            return fail_long(&parse, word_read(argv));
        }
        switch (value) {
        case 'h':
        case HELP:
            r = gs_options_flag("help", optarg, &help, err);
            if (r == 0 && help) {
                return GS_OPTIONS_HELP;
            }
            break;
        case '?':
            r = fail_option(&parse, argv[optind - 1]);
            break;
        case ':':
            r = fail_missing(&parse, argv[optind - 1]);
            break;
        default:
            r = store_option(&parse, row_of(command, value), optarg);
            break;
        }
        if (r < 0) {
            return r;
        }
    }
    int r = read_operands(&parse, argc, argv);
    return r < 0 ? r : gs_options_env(command, parse.given, ret_values, err);
}
