/* completion: what shells complete of the agent's command line: its commands, and the settings. */
#include "agent/program.h"
#include "base/cleanup.h"
#include "boot/options.h"
#include "term/alone.h"
#include "wire/agentconfig_table.h"

#define PROGRAM "gpuslice-agent"

static struct gs_option option_of(const struct gs_setting *setting)
{
    return (struct gs_option){
        .name = setting->flags[0],
        .kind = setting->arg == NULL       ? GS_OPTION_FLAG
                : setting->choices != NULL ? GS_OPTION_CHOICE
                                           : GS_OPTION_TEXT,
        .arg = setting->arg,
        .choices = setting->choices,
        .complete = setting->kind == GS_SETTING_PATH ? GS_COMPLETE_FILE : GS_COMPLETE_NONE,
        .help = setting->idle == NULL ? setting->help : setting->idle,
    };
}

int gs_agent_completion(int argc, char **argv)
{
    struct gs_option options[GS_SETTINGS_MAX + 1] = {
        {.name = "version", .help = "show the version"}};
    size_t n;
    const struct gs_setting *settings = gs_settings(&n);
    for (size_t i = 0; i < n; i++) {
        options[i + 1] = option_of(&settings[i]);
    }
    const struct gs_command agent = {
        .program = PROGRAM, .name = PROGRAM, .options = options, .n_options = n + 1};
    struct gs_command run = agent;
    struct gs_command boot = gs_boot_command;
    run.name = "run";
    run.summary = "serve the kubelet of this node (the default)";
    boot.program = PROGRAM;
    boot.name = "boot";
    const struct gs_command *const commands[] = {
        &agent, &run, &boot, &gs_agent_command_apply, &gs_agent_command_state, &gs_alone_word};
    return gs_alone_completion(commands, GS_ARRAY_LEN(commands), argc, argv);
}
