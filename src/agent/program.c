#include "agent/program.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "boot/boot.h"
#include "wire/agentconfig.h"

enum { HELP_BYTES_MAX = 256 * 1024 };

static const struct command {
    const char *name;
    const char *summary;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"run", "serve the kubelet of this node (the default)", gs_agent_run},
    {"boot", "cut the GPUs before the kubelet starts", gs_boot_main},
    {"apply", "tell the running agent to cut the GPUs otherwise", gs_agent_apply},
    {"state", "show what the running agent knows", gs_agent_state},
    {"completion", "write the completion script of a shell", gs_agent_completion},
};

int gs_program_help(void)
{
    struct gs_buf text;
    gs_buf_init(&text, HELP_BYTES_MAX);
    gs_buf_puts(&text, "usage: gpuslice-agent [run] [option ...]\n"
                       "       gpuslice-agent COMMAND [option ...]\n\n"
                       "One process a node: cuts the GPUs, serves the kubelet, labels the node, "
                       "shows metrics.\n\ncommands:\n");
    for (size_t i = 0; i < GS_ARRAY_LEN(commands); i++) {
        gs_buf_printf(&text, "  %-12s %s\n", commands[i].name, commands[i].summary);
    }
    gs_buf_puts(&text, "\n`gpuslice-agent COMMAND --help` tells more of one.\n\n"
                       "options of run:\n");
    gs_agentconfig_help(&text);
    gs_buf_puts(&text, "\nexamples:\n"
                       "  gpuslice-agent --config-file /etc/gpuslice/agent.yaml\n"
                       "  gpuslice-agent --api=false --mig-strategy mixed   (a node by itself)\n"
                       "  gpuslice-agent apply -c all-1g.5gb\n");
    fputs(gs_buf_text(&text), stdout);
    gs_buf_done(&text);
    return gs_program_end(0);
}

int gs_program_version(void)
{
    printf("gpuslice-agent %s\n", GS_VERSION);
    return gs_program_end(0);
}

int gs_program_end(int status)
{
    bool flushed = fflush(stdout) == 0;
    if (flushed && ferror(stdout) == 0) { /* a long text fails before it is flushed */
        return status;
    }
    fputs("gpuslice-agent: cannot write the output\n", stderr);
    return 1;
}

int gs_program_fail(const struct gs_err *err, int status)
{
    fprintf(stderr, "gpuslice-agent: %s\n", err->msg);
    return status;
}

int gs_program_main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < GS_ARRAY_LEN(commands); i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            return commands[i].run(argc - 1, argv + 1);
        }
    }
    if (argc > 1 && strcmp(argv[1], "help") == 0) {
        return gs_program_help();
    }
    if (argc > 1 && argv[1][0] != '-') {
        fprintf(stderr,
                "gpuslice-agent: there is no command \"%.100s\"; gpuslice-agent --help lists "
                "them\n",
                argv[1]);
        return 2;
    }
    return gs_agent_run(argc, argv);
}
