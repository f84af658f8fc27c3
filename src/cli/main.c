/* gpuslice, the command line. */

#include <locale.h>
#include <signal.h>

#include "cli/cmd.h"
#include "term/exit.h"
#include "term/output.h"

int main(int argc, char **argv)
{
    /* Output is UTF-8 whatever the environment says, so that it is the same everywhere. */
    setlocale(LC_CTYPE, "C.UTF-8");
    /* A closed pipe then fails the write, and ends no change of GPUs half done. */
    signal(SIGPIPE, SIG_IGN);
    int status = gs_cmd_main(argc, argv);
    bool told = gs_output_failed();
    struct gs_err err;
    int r = gs_output_close(&err);
    if (r == 0 || (told && status != GS_EXIT_DONE)) {
        return status;
    }
    int unwritten = gs_exit_output(r, &err);
    return gs_cmd_is_mig(argc, argv) ? GS_EXIT_IMPOSSIBLE : unwritten;
}
