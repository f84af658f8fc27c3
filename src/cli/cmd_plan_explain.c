#include "cli/cmd_plan.h"
int gs_cmd_plan_explain(const struct gs_cmd_plan_question *question, const struct gs_plan *plan,
                        struct gs_buf *out, struct gs_err *err)
{
    (void)question;
    (void)plan;
    (void)out;
    (void)err;
    return 0;
}
