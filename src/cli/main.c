/* gpuslice, the command line. */

#include <locale.h>
#include <signal.h>

#include "cli/cmd.h"
#include "cli/exit.h"
#include "cli/output.h"

int main(int argc, char **argv)
{
    /* Output is UTF-8 whatever the environment says, so that it is the same everywhere. */
    setlocale(LC_CTYPE, "C.UTF-8");
    /* A closed pipe then fails the write, which is status 4, and ends no change of GPUs half done.
     */
    signal(SIGPIPE, SIG_IGN);
    int status = gs_cmd_main(argc, argv);
    struct gs_err err;
    int r = gs_output_close(&err);
    return r < 0 && status != GS_EXIT_SYSTEM ? gs_exit_output(r, &err) : status;
}
