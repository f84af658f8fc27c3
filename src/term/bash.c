/* bash. No helper of the package bash-completion is used, for it may not be there. */
#include "term/script.h"

static const char bash_head[] = "    local cur prev command options\n"
                                "    cur=${COMP_WORDS[COMP_CWORD]}\n"
                                "    prev=${COMP_WORDS[COMP_CWORD-1]}\n"
                                "    # bash takes --option=value for three words\n"
                                "    if [[ $cur == '=' ]]; then\n"
                                "        cur=\n"
                                "    elif [[ $prev == '=' ]]; then\n"
                                "        prev=${COMP_WORDS[COMP_CWORD-2]}\n"
                                "    fi\n"
                                "    command=\n"
                                "    (( COMP_CWORD > 1 )) && command=${COMP_WORDS[1]}\n"
                                "    COMPREPLY=()\n";

/* Words of the machine are compared and quoted here: compgen -W would run what stands in them. */
static const char bash_offer[] =
    "    local kind=$1 word whole=${COMP_LINE:0:COMP_POINT} before= colon=\n"
    "    whole=${whole##*[[:space:]]}\n"
    "    [[ $whole == -*=* ]] && whole=${whole#*=}\n"
    "    # of a list the last part is completed\n"
    "    [[ $kind == gpus && $whole == *,* ]] && before=${whole%,*},\n"
    "    # bash takes a:b for three words\n"
    "    [[ $whole == *:* && $COMP_WORDBREAKS == *:* ]] && colon=${whole%:*}:\n"
    "    while IFS= read -r word; do\n"
    "        word=$before$word\n"
    "        if [[ $word == \"$whole\"* ]]; then\n"
    "            printf -v word %q \"${word#\"$colon\"}\"\n"
    "            COMPREPLY+=(\"$word\")\n"
    "        fi\n"
    "    done < <(\"${COMP_WORDS[0]}\" " GS_WORDS_COMMAND
    " \"$kind\" \"${COMP_WORDS[@]:1}\" 2>/dev/null)\n";

/* The command of a group has two words. */
static void put_bash_groups(const struct gs_script *script)
{
    for (size_t i = 0; i < script->n_commands; i++) {
        const struct gs_command *group = script->commands[i];
        if (group->n_subcommands > 0) {
            gs_buf_printf(script->out,
                          "    [[ $command == %s ]] && (( COMP_CWORD > 2 )) && command=\"%s "
                          "${COMP_WORDS[2]}\"\n",
                          group->name, group->name);
        }
    }
}

static void put_bash_words(const struct gs_script *script, const struct gs_option *option)
{
    struct gs_buf *out = script->out;
    if (gs_script_has_words(option)) {
        gs_buf_puts(out, "COMPREPLY=($(compgen -W '");
        gs_script_put_words(script, option);
        gs_buf_puts(out, "' -- \"$cur\"))");
    } else if (option->complete == GS_COMPLETE_FILE) {
        gs_buf_puts(out, "local IFS=$'\\n'; compopt -o filenames 2>/dev/null\n"
                         "            COMPREPLY=($(compgen -f -- \"$cur\"))");
    } else if (option->complete == GS_COMPLETE_DIR) {
        gs_buf_puts(out, "local IFS=$'\\n'; compopt -o filenames 2>/dev/null\n"
                         "            COMPREPLY=($(compgen -d -- \"$cur\"))");
    } else if (gs_complete_name(option->complete) != NULL) {
        gs_buf_printf(out, "%s_offer %s", script->function, gs_complete_name(option->complete));
    } else {
        gs_buf_puts(out, ":");
    }
}

static void put_bash_options(const struct gs_script *script, const struct gs_command *command)
{
    struct gs_buf *out = script->out;
    gs_buf_puts(out, "        case $prev in\n");
    for (size_t i = 0; i < command->n_options; i++) {
        const struct gs_option *option = &command->options[i];
        if (option->kind == GS_OPTION_FLAG) {
            continue;
        }
        gs_buf_printf(out, "        --%s", option->name);
        if (option->letter != 0) {
            gs_buf_printf(out, "|-%c", option->letter);
        }
        gs_buf_puts(out, ")\n            ");
        put_bash_words(script, option);
        gs_buf_puts(out, "\n            return\n            ;;\n");
    }
    gs_buf_puts(out, "        esac\n        options='--help");
    for (size_t i = 0; i < command->n_options; i++) {
        gs_buf_printf(out, " --%s", command->options[i].name);
    }
    gs_buf_puts(out, "'\n");
}

static void put_bash_command(const struct gs_script *script, const struct gs_command *command)
{
    struct gs_buf *out = script->out;
    gs_buf_printf(out, "    '%s')\n", command->name);
    put_bash_options(script, command);
    gs_buf_puts(out, "        [[ $cur == -* ]] || ");
    if (command->n_subcommands > 0) {
        gs_buf_puts(out, "COMPREPLY=($(compgen -W '");
        gs_script_put_subcommand_names(out, command);
        gs_buf_puts(out, "' -- \"$cur\"))");
    } else if (command->operand != NULL) {
        put_bash_words(script, command->operand);
    } else {
        gs_buf_puts(out, ":");
    }
    gs_buf_puts(out, "\n        ;;\n");
    for (size_t i = 0; i < command->n_subcommands; i++) {
        put_bash_command(script, command->subcommands[i]);
    }
}

/* What the program takes where no command is named yet. */
static void put_bash_program(const struct gs_script *script)
{
    struct gs_buf *out = script->out;
    gs_buf_puts(out, "    case $command in\n    '')\n");
    if (script->alone != NULL) {
        put_bash_options(script, script->alone);
        gs_buf_puts(out, "        (( COMP_CWORD > 1 )) || ");
    } else {
        gs_buf_puts(out, "        options='--help --version'\n        ");
    }
    gs_buf_puts(out, "[[ $cur == -* ]] || COMPREPLY=($(compgen -W '");
    gs_script_put_command_names(script);
    gs_buf_puts(out, "' -- \"$cur\"))\n        ;;\n");
}

void gs_script_bash(const struct gs_script *script)
{
    struct gs_buf *out = script->out;
    gs_buf_printf(out, "# bash completion for %s; made by `%s completion bash`\n", script->program,
                  script->program);
    if (script->asks) {
        gs_buf_printf(out, "%s_offer() {\n%s}\n", script->function, bash_offer);
    }
    gs_buf_printf(out, "%s() {\n%s", script->function, bash_head);
    if (script->alone != NULL) {
        gs_buf_puts(out, "    [[ ' ");
        gs_script_put_command_names(script);
        gs_buf_puts(out, " ' == *\" $command \"* ]] || command=\n");
    }
    put_bash_groups(script);
    put_bash_program(script);
    for (size_t i = 0; i < script->n_commands; i++) {
        put_bash_command(script, script->commands[i]);
    }
    gs_buf_puts(out, "    esac\n"
                     "    if [[ $cur == -* ]]; then\n"
                     "        COMPREPLY=($(compgen -W \"$options\" -- \"$cur\"))\n"
                     "    fi\n"
                     "}\n");
    gs_buf_printf(out, "complete -F %s %s\n", script->function, script->program);
}
