/* fault: what goes wrong on demand, and how long things take.
 *
 * Each exported function begins with SIM_CALL(store), which counts the call and asks the machine's
 * faults: the call then goes on, or takes longer, hangs until the fault is lifted, ends the process
 * before or after it has acted, or returns a code at once without acting:
 *
 *     nvmlReturn_t nvmlDeviceGetCount_v2(unsigned int *count)
 *     {
 *         SIM_CALL(store);
 *         ...
 *     }
 */
#pragma once

#include "base/cleanup.h"
#include "simdriver/store.h"

struct sim_call {
    bool kill_after; /* SIGKILL when the function returns */
};

/* Counts the call of `function` and lets the faults act. SIM_OK, or the code to return. A NULL
 * store is fine (no machine, or none open): nothing happens. Not inside a view. */
int sim_call_begin(struct sim_call *call, struct sim_store *store, const char *function);
void sim_call_end(struct sim_call *call);

#define SIM_CALL(store)                                                                            \
    GS_CLEANUP(sim_call_end) struct sim_call sim_call_ = {.kill_after = false};                    \
    do {                                                                                           \
        int sim_code_ = sim_call_begin(&sim_call_, (store), __func__);                             \
        if (sim_code_ != SIM_OK) {                                                                 \
            return sim_code_;                                                                      \
        }                                                                                          \
    } while (0)

/* Takes as long as the machine says that the operation takes. Before the change, not inside it. */
void sim_delay(struct sim_store *store, enum sim_delay what);

/* Reads "FUNCTION[:KEY=VALUE,...]": keys nth (the call it acts on, from 1), times (1; "all"), code
 * (NVML's number or word: 19, IN_USE, ERROR_IN_USE), delay (milliseconds, with "us"/"ms"/"s" or
 * without), and the words hang, kill, kill-after. FUNCTION "*" is any call.
 * GS_INVALID: not of this form; the text says what is taken. */
int sim_fault_parse(struct gs_view text, struct sim_fault *ret, struct gs_err *err);

/* Writes what sim_fault_parse reads. */
void sim_fault_format(const struct sim_fault *fault, char *ret_text, size_t size);

/* Adds it to the machine. GS_LIMIT: there are SIM_FAULTS. */
int sim_fault_add(struct sim_store *store, const struct sim_fault *fault, struct gs_err *err);
