#include <string.h>

#include "term/script.h"

static void put_fish_argument(const struct gs_script *script, const struct gs_option *option)
{
    struct gs_buf *out = script->out;
    if (option->complete == GS_COMPLETE_FILE) {
        gs_buf_puts(out, " -rF");
    } else if (option->complete == GS_COMPLETE_DIR) {
        gs_buf_puts(out, " -x -a '(__fish_complete_directories)'");
    } else if (gs_complete_name(option->complete) != NULL) {
        gs_buf_printf(out, " -x -a '(%s " GS_WORDS_COMMAND " %s (commandline -opc) 2>/dev/null)'",
                      script->program, gs_complete_name(option->complete));
    } else {
        gs_buf_puts(out, " -x -a '");
        gs_script_put_words(script, option);
        gs_buf_puts(out, "'");
    }
}

/* "-n '<when the command is on the line>'"; the command of a group has two words. */
static void put_fish_when(const struct gs_script *script, const struct gs_command *command)
{
    struct gs_buf *out = script->out;
    const char *second = strchr(command->name, ' ');
    if (command == script->alone) {
        gs_buf_printf(out, "complete -c %s -n 'not __fish_seen_subcommand_from ", script->program);
        gs_script_put_command_names(script);
        gs_buf_puts(out, "'");
        return;
    }
    gs_buf_printf(out, "complete -c %s -n '__fish_seen_subcommand_from ", script->program);
    gs_buf_put(out, command->name,
               second == NULL ? strlen(command->name) : (size_t)(second - command->name));
    gs_buf_printf(out, "%s%s'", second == NULL ? "" : "; and __fish_seen_subcommand_from",
                  second == NULL ? "" : second);
}

/* Offers the command by its name. */
static void put_fish_name(const struct gs_script *script, const struct gs_command *group,
                          const struct gs_command *command)
{
    struct gs_buf *out = script->out;
    if (group == NULL) {
        gs_buf_printf(out, "complete -c %s -n __fish_use_subcommand -a %s", script->program,
                      command->name);
    } else {
        gs_buf_printf(out,
                      "complete -c %s -n '__fish_seen_subcommand_from %s; and not "
                      "__fish_seen_subcommand_from ",
                      script->program, group->name);
        gs_script_put_subcommand_names(out, group);
        gs_buf_printf(out, "' -a %s", command->name + strlen(group->name) + 1);
    }
    gs_buf_puts(out, " -d '");
    gs_script_put_quoted(out, command->summary);
    gs_buf_puts(out, "'\n");
}

static void put_fish_command(const struct gs_script *script, const struct gs_command *group,
                             const struct gs_command *command)
{
    struct gs_buf *out = script->out;
    if (command != script->alone) {
        put_fish_name(script, group, command);
    }
    for (size_t i = 0; i < command->n_options; i++) {
        const struct gs_option *option = &command->options[i];
        put_fish_when(script, command);
        gs_buf_printf(out, " -l %s", option->name);
        if (option->letter != 0) {
            gs_buf_printf(out, " -s %c", option->letter);
        }
        gs_buf_puts(out, " -d '");
        gs_script_put_quoted(out, option->help);
        gs_buf_puts(out, "'");
        if (option->kind != GS_OPTION_FLAG) {
            put_fish_argument(script, option);
        }
        gs_buf_puts(out, "\n");
    }
    if (command->operand != NULL) {
        put_fish_when(script, command);
        put_fish_argument(script, command->operand);
        gs_buf_puts(out, "\n");
    }
    for (size_t i = 0; i < command->n_subcommands; i++) {
        put_fish_command(script, command, command->subcommands[i]);
    }
}

void gs_script_fish(const struct gs_script *script)
{
    const char *program = script->program;
    gs_buf_printf(script->out,
                  "# fish completion for %s; made by `%s completion fish`\n"
                  "complete -c %s -f\n"
                  "complete -c %s -s h -l help -d 'show help and exit'\n",
                  program, program, program, program);
    if (script->alone != NULL) {
        put_fish_command(script, NULL, script->alone);
    } else {
        gs_buf_printf(script->out,
                      "complete -c %s -n __fish_use_subcommand -l version -d 'show the version'\n",
                      program);
    }
    for (size_t i = 0; i < script->n_commands; i++) {
        put_fish_command(script, NULL, script->commands[i]);
    }
}
