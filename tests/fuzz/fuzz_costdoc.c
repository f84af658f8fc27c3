/* What a controller answers to `gpuslice cost`: taken, or refused; rows are text for a terminal,
 * and their cents are the total. */
#include "fuzz/fuzz.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/view.h"
#include "cli/cost/cost.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct gs_cost_bill bill = {.n = 0};
    struct gs_err err = {.msg = ""};
    uint64_t cents = 0;
    json_t *doc = json_loadb((const char *)data, size, 0, NULL);
    int r = gs_cost_take_doc(doc, &bill, &err);
    if (r != 0 && err.msg[0] == '\0') {
        abort();
    }
    r = r == 0 ? gs_cost_bill_round(&bill, &err) : r;
    for (size_t i = 0; r == 0 && i < bill.n; i++) {
        cents += bill.rows[i].cents;
        if (gs_view_has_control(gs_view(bill.rows[i].name), "")) {
            abort();
        }
    }
    if (r == 0 && cents != bill.cents) {
        abort();
    }
    gs_cost_bill_done(&bill);
    json_decref(doc);
    return 0;
}
