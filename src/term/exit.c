#include "term/exit.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/table.h"
#include "term/output.h"
#include "term/progress.h"

/* Users of mig-parted see its name where we are called by it. */
static const char *program(void)
{
    return gs_exit_is_mig_parted(program_invocation_name) ? "nvidia-mig-parted" : "gpuslice";
}

bool gs_exit_is_mig_parted(const char *called)
{
    const char *slash = strrchr(called, '/');
    return strcmp(slash == NULL ? called : slash + 1, "nvidia-mig-parted") == 0;
}

void gs_exit_put_named(struct gs_buf *out, const char *text)
{
    static const char ours[] = "gpuslice";
    const char *at = gs_exit_is_mig_parted(program_invocation_name) ? strstr(text, ours) : NULL;
    for (; at != NULL; at = strstr(at + 1, ours)) {
        const char *group = at + strlen(ours);
        /* in a paragraph the line may end between the two words */
        if ((*group == ' ' || *group == '\n') && strncmp(group + 1, "mig", 3) == 0) {
            gs_buf_put(out, text, (size_t)(at - text));
            gs_buf_puts(out, program());
            text = group + 1 + strlen("mig");
        }
    }
    gs_buf_puts(out, text);
}

/* What is wrong with "mig apply" is wrong with "apply" where there is no group. */
static void put_message(struct gs_buf *out, const char *msg)
{
    static const char no[] = "mig has no ";
    if (gs_exit_is_mig_parted(program_invocation_name) && strncmp(msg, no, strlen(no)) == 0) {
        gs_buf_puts(out, "there is no ");
        msg += strlen(no);
    } else if (gs_exit_is_mig_parted(program_invocation_name) && strncmp(msg, "mig ", 4) == 0) {
        msg += strlen("mig ");
    }
    gs_exit_put_named(out, msg);
}

/* One line, whatever the names in the message hold. */
static void print_failure(const struct gs_err *err)
{
    if (err->sys_errno == EPIPE && gs_output_reader_gone()) {
        return; /* who leaves a pipe early has seen enough; the exit status still tells */
    }
    GS_CLEANUP(gs_buf_done) struct gs_buf line;
    GS_CLEANUP(gs_buf_done) struct gs_buf msg;
    gs_buf_init(&line, 8 * sizeof(err->msg));
    gs_buf_init(&msg, 2 * sizeof(err->msg));
    put_message(&msg, err->msg);
    gs_progress_end();
    gs_text_clean(&line, gs_buf_text(&msg), msg.len);
    fprintf(stderr, "%s: %s\n", program(), gs_buf_text(&line));
}

void gs_exit_note(const char *text)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf line;
    gs_buf_init(&line, 64 * 1024);
    gs_text_clean(&line, text, strlen(text));
    gs_progress_clear();
    fprintf(stderr, "%s: %s\n", program(), gs_buf_text(&line));
}

static int status_of(enum gs_code code)
{
    switch (code) {
    case GS_OK:
        return GS_EXIT_DONE;
    case GS_INFEASIBLE:
    case GS_BUSY:
    case GS_UNKNOWN:
        return GS_EXIT_IMPOSSIBLE;
    case GS_NO_MEMORY:
        return GS_EXIT_SYSTEM;
    case GS_INVALID:
    case GS_NOT_FOUND:
    case GS_AMBIGUOUS:
    case GS_LIMIT:
    case GS_IO:
    case GS_UNSUPPORTED:
        return GS_EXIT_BAD_INPUT;
    }
    return GS_EXIT_BAD_INPUT;
}

int gs_exit_failed(const struct gs_err *err)
{
    print_failure(err);
    return status_of(err->code);
}

int gs_exit_usage(const struct gs_err *err)
{
    print_failure(err);
    return GS_EXIT_USAGE;
}

int gs_exit_output(int r, const struct gs_err *err)
{
    if (r == 0) {
        return GS_EXIT_DONE;
    }
    print_failure(err);
    return r == GS_IO ? GS_EXIT_SYSTEM : status_of(err->code);
}
