#include "simdriver/fault.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { HANG_LOOK_MS = 1000, DELAY_MAX_S = 3600 };

/* ---- Acting ---- */

static void sleep_us(uint64_t us)
{
    struct timespec left = {.tv_sec = (time_t)(us / 1000000),
                            .tv_nsec = (long)(us % 1000000) * 1000};
    while (nanosleep(&left, &left) < 0 && errno == EINTR) {
    }
}

static bool is_there(struct sim_store *store, unsigned fault, uint32_t serial)
{
    const struct sim_fault *f = &sim_store_view(store)->faults[fault];
    bool there = f->function[0] != '\0' && f->serial == serial;
    sim_store_end(store);
    return there;
}

static void hang(struct sim_store *store, unsigned fault, uint32_t serial)
{
    uint64_t seq;
    do {
        seq = sim_store_seq(store);
        if (!is_there(store, fault, serial)) {
            return;
        }
        sim_store_wait(store, seq, HANG_LOOK_MS);
    } while (true);
}

static void die(void)
{
    kill(getpid(), SIGKILL);
    pause();
}

static bool acts_on_this_call(struct sim_store *store, unsigned number,
                              const struct sim_fault *fault)
{
    uint32_t seen = sim_store_count_fault(store, number);
    return seen >= fault->skip && (fault->times == SIM_NONE || seen - fault->skip < fault->times);
}

static int act(struct sim_call *call, struct sim_store *store, unsigned number,
               const struct sim_fault *fault)
{
    sleep_us(fault->delay_us);
    if (fault->hang) {
        hang(store, number, fault->serial);
    }
    if (fault->kill == 1) {
        die();
    }
    call->kill_after |= fault->kill == 2;
    return (int)fault->code;
}

/* The first fault from `from` on that looks at this function; SIM_FAULTS: none. */
static unsigned next_fault(struct sim_store *store, unsigned from, const char *function,
                           struct sim_fault *ret)
{
    const struct sim_machine *machine = sim_store_view(store);
    unsigned i = from;
    for (; i < SIM_FAULTS; i++) {
        const struct sim_fault *f = &machine->faults[i];
        if (f->function[0] != '\0' &&
            (strcmp(f->function, "*") == 0 || strcmp(f->function, function) == 0)) {
            *ret = *f;
            break;
        }
    }
    sim_store_end(store);
    return i;
}

int sim_call_begin(struct sim_call *call, struct sim_store *store, const char *function)
{
    if (store == NULL) {
        return SIM_OK;
    }
    sim_store_count_call(store);
    struct sim_fault fault;
    unsigned i = 0;
    while ((i = next_fault(store, i, function, &fault)) < SIM_FAULTS) {
        int code = acts_on_this_call(store, i, &fault) ? act(call, store, i, &fault) : SIM_OK;
        if (code != SIM_OK) {
            return code;
        }
        i++;
    }
    return SIM_OK;
}

void sim_call_end(struct sim_call *call)
{
    if (call->kill_after) {
        die();
    }
}

void sim_delay(struct sim_store *store, enum sim_delay what)
{
    if (store == NULL) {
        return;
    }
    uint32_t us = sim_store_view(store)->delay_us[what];
    sim_store_end(store);
    sleep_us(us);
}

/* ---- As text ---- */

static const struct {
    const char *word;
    uint32_t code;
} codes[] = {
    {"UNINITIALIZED", 1},
    {"INVALID_ARGUMENT", 2},
    {"NOT_SUPPORTED", 3},
    {"NO_PERMISSION", 4},
    {"ALREADY_INITIALIZED", 5},
    {"NOT_FOUND", 6},
    {"INSUFFICIENT_SIZE", 7},
    {"INSUFFICIENT_POWER", 8},
    {"DRIVER_NOT_LOADED", 9},
    {"TIMEOUT", 10},
    {"IRQ_ISSUE", 11},
    {"LIBRARY_NOT_FOUND", 12},
    {"FUNCTION_NOT_FOUND", 13},
    {"CORRUPTED_INFOROM", 14},
    {"GPU_IS_LOST", 15},
    {"RESET_REQUIRED", 16},
    {"OPERATING_SYSTEM", 17},
    {"LIB_RM_VERSION_MISMATCH", 18},
    {"IN_USE", 19},
    {"MEMORY", 20},
    {"NO_DATA", 21},
    {"INSUFFICIENT_RESOURCES", 23},
    {"ARGUMENT_VERSION_MISMATCH", 25},
    {"NOT_READY", 27},
    {"GPU_NOT_FOUND", 28},
    {"INVALID_STATE", 29},
    {"UNKNOWN", 999},
};

static bool read_code(struct gs_view text, uint32_t *ret)
{
    uint64_t number;
    if (gs_view_is_u64(text, 999, &number) && number > 0) {
        *ret = (uint32_t)number;
        return true;
    }
    gs_view_skip(&text, "NVML_");
    gs_view_skip(&text, "ERROR_");
    for (size_t i = 0; i < GS_ARRAY_LEN(codes); i++) {
        if (gs_view_eq_nocase(text, codes[i].word)) {
            *ret = codes[i].code;
            return true;
        }
    }
    return false;
}

/* Milliseconds without a unit. */
static bool read_delay(struct gs_view text, uint32_t *ret)
{
    uint64_t n;
    if (!gs_view_u64(&text, (uint64_t)DELAY_MAX_S * 1000000, &n)) {
        return false;
    }
    uint64_t unit = gs_view_eq(text, "us")                  ? 1
                    : gs_view_eq(text, "ms") || text.n == 0 ? 1000
                    : gs_view_eq(text, "s")                 ? 1000000
                                                            : 0;
    *ret = (uint32_t)(n * unit);
    return unit != 0 && n * unit <= (uint64_t)DELAY_MAX_S * 1000000;
}

static bool read_part(struct gs_view part, struct sim_fault *fault)
{
    uint64_t n;
    if (gs_view_eq(part, "hang")) {
        fault->hang = 1;
    } else if (gs_view_eq(part, "kill")) {
        fault->kill = 1;
    } else if (gs_view_eq(part, "kill-after")) {
        fault->kill = 2;
    } else if (gs_view_eq(part, "times=all")) {
        fault->times = SIM_NONE;
    } else if (gs_view_skip(&part, "nth=")) {
        if (!gs_view_is_u64(part, SIM_NONE, &n) || n == 0) {
            return false;
        }
        fault->skip = (uint32_t)n - 1;
    } else if (gs_view_skip(&part, "times=")) {
        if (!gs_view_is_u64(part, SIM_NONE - 1, &n) || n == 0) {
            return false;
        }
        fault->times = (uint32_t)n;
    } else if (gs_view_skip(&part, "code=")) {
        return read_code(part, &fault->code);
    } else if (gs_view_skip(&part, "delay=")) {
        return read_delay(part, &fault->delay_us);
    } else {
        return false;
    }
    return true;
}

static bool is_function(struct gs_view name)
{
    if (gs_view_eq(name, "*")) {
        return true;
    }
    if (name.n < 5 || name.n >= sizeof(((struct sim_fault *)0)->function) ||
        memcmp(name.p, "nvml", 4) != 0) {
        return false;
    }
    for (size_t i = 0; i < name.n; i++) {
        char c = name.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '_')) {
            return false;
        }
    }
    return true;
}

int sim_fault_parse(struct gs_view text, struct sim_fault *ret, struct gs_err *err)
{
    struct gs_view rest = text;
    struct gs_view name = gs_view_split(&rest, ':');
    struct sim_fault fault = {.times = 1};
    if (!is_function(name)) {
        return gs_fail(err, GS_INVALID,
                       "\"%.*s\" names no function: expected FUNCTION:KEY=VALUE,... with a "
                       "function as NVML exports it (nvmlGpuInstanceDestroy), or * for any",
                       GS_VIEW_ARGS(text));
    }
    memcpy(fault.function, name.p, name.n);
    while (rest.p != NULL) {
        struct gs_view part = gs_view_split(&rest, ',');
        if (!read_part(part, &fault)) {
            return gs_fail(err, GS_INVALID,
                           "\"%.*s\" in fault \"%.*s\": expected nth=N, times=N or times=all, "
                           "code=NVML's word or number, delay=N[us|ms|s], hang, kill or kill-after",
                           GS_VIEW_ARGS(part), GS_VIEW_ARGS(text));
        }
    }
    if (fault.code == 0 && fault.delay_us == 0 && !fault.hang && !fault.kill) {
        return gs_fail(err, GS_INVALID,
                       "fault \"%.*s\" does nothing: expected one of code=, delay=, hang, kill, "
                       "kill-after",
                       GS_VIEW_ARGS(text));
    }
    *ret = fault;
    return 0;
}

static const char *code_word(uint32_t code)
{
    for (size_t i = 0; i < GS_ARRAY_LEN(codes); i++) {
        if (codes[i].code == code) {
            return codes[i].word;
        }
    }
    return NULL;
}

void sim_fault_format(const struct sim_fault *fault, char *ret_text, size_t size)
{
    char times[24] = "all";
    if (fault->times != SIM_NONE) {
        snprintf(times, sizeof(times), "%u", fault->times);
    }
    int n = snprintf(ret_text, size, "%s:nth=%u,times=%s", fault->function, fault->skip + 1, times);
    char more[100] = "";
    const char *word = code_word(fault->code);
    if (word != NULL) {
        snprintf(more, sizeof(more), ",code=%s", word);
    } else if (fault->code != 0) {
        snprintf(more, sizeof(more), ",code=%u", fault->code);
    }
    size_t used = n < 0 || (size_t)n >= size ? size : (size_t)n;
    n = snprintf(ret_text + used, size - used, "%s", more);
    used = n < 0 || (size_t)n >= size - used ? size : used + (size_t)n;
    if (fault->delay_us != 0 && used < size) {
        n = snprintf(ret_text + used, size - used, ",delay=%uus", fault->delay_us);
        used = n < 0 || (size_t)n >= size - used ? size : used + (size_t)n;
    }
    if (used < size) {
        snprintf(ret_text + used, size - used, "%s%s", fault->hang ? ",hang" : "",
                 fault->kill == 1   ? ",kill"
                 : fault->kill == 2 ? ",kill-after"
                                    : "");
    }
}

int sim_fault_add(struct sim_store *store, const struct sim_fault *fault, struct gs_err *err)
{
    struct sim_machine *machine = sim_store_begin(store);
    if (machine == NULL) {
        return gs_fail(err, GS_IO, "the machine in %.300s cannot be changed", sim_store_dir(store));
    }
    for (unsigned i = 0; i < SIM_FAULTS; i++) {
        if (machine->faults[i].function[0] == '\0') {
            machine->faults[i] = *fault;
            machine->faults[i].serial = machine->next_fault++;
            sim_store_clear_fault(store, i);
            return sim_store_commit(store) == SIM_OK
                       ? 0
                       : gs_fail(err, GS_IO, "the fault could not be written");
        }
    }
    sim_store_abandon(store);
    return gs_fail(err, GS_LIMIT, "the machine has %d faults already; clear some", SIM_FAULTS);
}
