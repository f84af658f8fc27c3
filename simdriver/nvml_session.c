#include <assert.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "simdriver/nvml.h"

/* An open machine. Calls of other threads may be under way when a thread shuts the library down:
 * the last of them closes it. */
struct nvml_session {
    struct sim_store *store;
    uint64_t boots, loads; /* when it began: it is dead when the machine has others */
    unsigned refs;         /* guarded by library.lock */
};

/* What this process has of the library. The lock is held for moments only, never over a call of a
 * client, and taken before the store's own. */
static struct {
    pthread_mutex_t lock;
    struct nvml_session *session; /* NULL: not initialised */
    unsigned count;               /* nvmlInit calls not yet undone */
    bool forked;                  /* the session is the parent's */
} library = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* ---- fork: a child finds no lock of a thread that it does not have, and its own store ---- */

static void before_fork(void)
{
    pthread_mutex_lock(&library.lock);
    if (library.session != NULL) {
        sim_store_view(library.session->store);
    }
}

static void after_fork(void)
{
    if (library.session != NULL) {
        sim_store_end(library.session->store);
    }
    pthread_mutex_unlock(&library.lock);
}

static void after_fork_in_child(void)
{
    library.forked = library.session != NULL;
    after_fork();
}

static void watch_forks(void)
{
    pthread_atfork(before_fork, after_fork, after_fork_in_child);
}

/* ---- Opening ---- */

static void drop(struct nvml_session *session)
{
    assert(session == NULL || session->refs > 0);
    if (session != NULL && --session->refs == 0) {
        sim_store_close(session->store);
        free(session);
    }
}

static void forget(struct nvml_session *session)
{
    pthread_mutex_lock(&library.lock);
    drop(session);
    pthread_mutex_unlock(&library.lock);
}

static struct nvml_session *open_machine(const char *dir)
{
    struct nvml_session *session = calloc(1, sizeof(*session));
    if (session == NULL || sim_store_open(dir, &session->store, NULL) != 0) {
        free(session);
        return NULL;
    }
    const struct sim_machine *machine = sim_store_view(session->store);
    session->boots = machine->boots;
    session->loads = machine->loads;
    sim_store_end(session->store);
    session->refs = 1;
    return session;
}

/* Enters or leaves this process in the machine's list of clients. Who may only read the machine is
 * not in it. */
static int enlist(struct nvml_session *session)
{
    if (!sim_store_writable(session->store)) {
        return SIM_OK;
    }
    uint32_t pid = (uint32_t)getpid();
    sim_store_prune(session->store);
    struct sim_machine *machine = sim_store_begin(session->store);
    if (machine == NULL) {
        return NVML_ERROR_UNKNOWN;
    }
    int r = sim_session_begin(machine, pid, sim_process_start(pid));
    if (r == SIM_OK) {
        sim_store_commit(session->store);
    } else {
        sim_store_abandon(session->store);
    }
    return r;
}

static void delist(struct nvml_session *session)
{
    uint32_t pid = (uint32_t)getpid();
    struct sim_machine *machine = sim_store_begin(session->store);
    if (machine == NULL) {
        return;
    }
    if (sim_session_end(machine, pid, sim_process_start(pid)) == SIM_OK) {
        sim_store_commit(session->store);
    } else {
        sim_store_abandon(session->store);
    }
}

/* The child of a fork is another process: it gets a store and an entry of its own. The parent's
 * store is left alone: the two share its lock. */
static void take_over(void)
{
    library.forked = false;
    struct nvml_session *session = open_machine(sim_store_dir(library.session->store));
    if (session != NULL && enlist(session) != SIM_OK) {
        drop(session);
        session = NULL;
    }
    library.session = session;
    library.count = session == NULL ? 0 : library.count;
}

/* A reference to the session; NULL: there is none. */
static struct nvml_session *current(void)
{
    pthread_mutex_lock(&library.lock);
    if (library.forked) {
        take_over();
    }
    struct nvml_session *session = library.session;
    if (session != NULL) {
        session->refs++;
    }
    pthread_mutex_unlock(&library.lock);
    return session;
}

/* ---- nvmlInit, nvmlShutdown ---- */

static bool is_alive(struct nvml_session *session)
{
    const struct sim_machine *machine = sim_store_view(session->store);
    bool alive = machine->boots == session->boots && machine->loads == session->loads;
    sim_store_end(session->store);
    return alive;
}

/* Whether this build of the library and the flags go with the machine. */
static int admit(struct nvml_session *session, uint32_t flags)
{
    const struct sim_machine *machine = sim_store_view(session->store);
    /* The driver's module does not load without a GPU. */
    bool is_loaded =
        !machine->driver_gone && (machine->n_gpus > 0 || (flags & NVML_INIT_FLAG_NO_GPUS) != 0);
    int r = NVML_SUCCESS;
    if (!is_loaded) {
        r = NVML_ERROR_DRIVER_NOT_LOADED;
    } else if (nvml_build_driver() < machine->driver_major) {
        r = NVML_ERROR_LIB_RM_VERSION_MISMATCH;
    }
    sim_store_end(session->store);
    return r;
}

/* Makes `session` that of the process, or counts where it has one that lives. */
static int adopt(struct nvml_session *session)
{
    pthread_mutex_lock(&library.lock);
    if (library.session != NULL && !is_alive(library.session)) {
        drop(library.session);
        library.session = NULL;
        library.count = 0;
    }
    int r = NVML_SUCCESS;
    if (library.session == NULL) {
        r = enlist(session);
        if (r == NVML_SUCCESS) {
            session->refs++;
            library.session = session;
        }
    }
    library.count += r == NVML_SUCCESS;
    pthread_mutex_unlock(&library.lock);
    return r;
}

int nvml_session_begin(const char *function, uint32_t flags)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, watch_forks);
    if (flags & ~(uint32_t)(NVML_INIT_FLAG_NO_GPUS | NVML_INIT_FLAG_NO_ATTACH)) {
        return NVML_ERROR_INVALID_ARGUMENT;
    }
    struct nvml_session *session = current();
    if (session != NULL && !is_alive(session)) {
        forget(session);
        session = NULL;
    }
    bool is_first = session == NULL;
    if (is_first) {
        session = open_machine(NULL);
    }
    if (session == NULL) {
        return NVML_ERROR_DRIVER_NOT_LOADED;
    }
    struct sim_call call = {.kill_after = false};
    int r = sim_call_begin(&call, session->store, function);
    if (r == NVML_SUCCESS && is_first) {
        sim_delay(session->store, SIM_DELAY_INIT);
    }
    if (r == NVML_SUCCESS) {
        r = admit(session, flags);
    }
    if (r == NVML_SUCCESS) {
        r = adopt(session);
    }
    forget(session);
    sim_call_end(&call);
    return r;
}

int nvml_session_end(const char *function)
{
    struct nvml_session *session = current();
    if (session == NULL) {
        return NVML_ERROR_UNINITIALIZED;
    }
    struct sim_call call = {.kill_after = false};
    int r = sim_call_begin(&call, session->store, function);
    if (r == NVML_SUCCESS) {
        pthread_mutex_lock(&library.lock);
        if (library.session != session || library.count == 0) {
            r = NVML_ERROR_UNINITIALIZED;
        } else if (--library.count == 0) {
            delist(session);
            library.session = NULL;
            session->refs--; /* the library's; this call's own keeps it */
        }
        pthread_mutex_unlock(&library.lock);
    }
    forget(session);
    sim_call_end(&call);
    return r;
}

bool nvml_session_is_open(const struct nvml_session *session)
{
    pthread_mutex_lock(&library.lock);
    bool open = library.session == session;
    pthread_mutex_unlock(&library.lock);
    return open;
}

bool nvml_is_unprivileged(void)
{
    const char *user = getenv("GPUSLICE_SIM_USER");
    if (user == NULL) {
        return false;
    }
    return strcmp(user, "unprivileged") == 0 || (strcmp(user, "real") == 0 && geteuid() != 0);
}

/* ---- The frame of a call ---- */

struct nvml_at nvml_at_begin(const char *function)
{
    struct nvml_at at = {.code = NVML_ERROR_UNINITIALIZED, .gi = SIM_NONE, .ci = SIM_NONE};
    at.session = current();
    if (at.session != NULL) {
        at.store = at.session->store;
        at.code = sim_call_begin(&at.call, at.store, function);
    }
    return at;
}

static int check_machine(const struct nvml_at *at, const char *function)
{
    if (at->machine->driver_gone) {
        return NVML_ERROR_DRIVER_NOT_LOADED;
    }
    if (at->machine->boots != at->session->boots || at->machine->loads != at->session->loads) {
        return NVML_ERROR_UNINITIALIZED;
    }
    return nvml_driver_has(at->machine->driver_major, function) ? NVML_SUCCESS
                                                                : NVML_ERROR_FUNCTION_NOT_FOUND;
}

int nvml_at_hold(struct nvml_at *at, const char *function)
{
    at->machine = sim_store_view(at->store);
    return check_machine(at, function);
}

int nvml_at_open(struct nvml_at *at, const char *function)
{
    at->change = sim_store_begin(at->store);
    at->machine = at->change;
    if (at->change == NULL) {
        return sim_store_writable(at->store) ? NVML_ERROR_UNKNOWN : NVML_ERROR_NO_PERMISSION;
    }
    return check_machine(at, function);
}

void nvml_at_release(struct nvml_at *at)
{
    if (at->change != NULL) {
        sim_store_abandon(at->store);
    } else if (at->machine != NULL) {
        sim_store_end(at->store);
    }
    at->change = NULL;
    at->machine = NULL;
}

void nvml_at_end(struct nvml_at *at)
{
    nvml_at_release(at);
    if (at->session != NULL) {
        forget(at->session);
        at->session = NULL;
    }
    sim_call_end(&at->call);
}

/* Holds the machine, if the call is to go on. */
static void hold(struct nvml_at *at, const char *function, bool fits)
{
    if (at->code == NVML_SUCCESS) {
        at->code = nvml_at_hold(at, function);
    }
    if (at->code == NVML_SUCCESS && !fits) {
        at->code = NVML_ERROR_INVALID_ARGUMENT;
    }
}

struct nvml_at nvml_at_system(const char *function, bool fits)
{
    struct nvml_at at = nvml_at_begin(function);
    hold(&at, function, fits);
    return at;
}

struct nvml_at nvml_at_device(const char *function, struct nvml_device *device, enum nvml_on on,
                              bool fits)
{
    struct nvml_at at = nvml_at_system(function, fits);
    if (at.code == NVML_SUCCESS) {
        at.code = nvml_resolve_device(&at, device, on);
    }
    return at;
}

struct nvml_at nvml_at_gi(const char *function, struct nvml_gi *gi, bool fits)
{
    struct nvml_at at = nvml_at_system(function, fits);
    if (at.code == NVML_SUCCESS) {
        at.code = nvml_resolve_gi(&at, gi);
    }
    return at;
}

struct nvml_at nvml_at_ci(const char *function, struct nvml_ci *ci, bool fits)
{
    struct nvml_at at = nvml_at_system(function, fits);
    if (at.code == NVML_SUCCESS) {
        at.code = nvml_resolve_ci(&at, ci);
    }
    return at;
}

/* Up to an open change. What would be refused anyway takes no time. */
static struct nvml_at begin_change(const char *function, bool fits, enum sim_delay what)
{
    struct nvml_at at = nvml_at_system(function, fits);
    if (at.code == NVML_SUCCESS && nvml_is_unprivileged()) {
        at.code = NVML_ERROR_NO_PERMISSION;
    }
    if (at.code == NVML_SUCCESS) {
        nvml_at_release(&at);
        sim_store_prune(at.store);
        sim_delay(at.store, what);
        at.code = nvml_at_open(&at, function);
    }
    return at;
}

struct nvml_at nvml_change_device(const char *function, struct nvml_device *device, bool fits,
                                  enum sim_delay what)
{
    struct nvml_at at = begin_change(function, fits, what);
    if (at.code == NVML_SUCCESS) {
        at.code = nvml_resolve_device(&at, device, NVML_ON_GPU);
    }
    return at;
}

struct nvml_at nvml_change_gi(const char *function, struct nvml_gi *gi, bool fits,
                              enum sim_delay what)
{
    struct nvml_at at = begin_change(function, fits, what);
    if (at.code == NVML_SUCCESS) {
        at.code = nvml_resolve_gi(&at, gi);
    }
    return at;
}

struct nvml_at nvml_change_ci(const char *function, struct nvml_ci *ci, bool fits,
                              enum sim_delay what)
{
    struct nvml_at at = begin_change(function, fits, what);
    if (at.code == NVML_SUCCESS) {
        at.code = nvml_resolve_ci(&at, ci);
    }
    return at;
}

int nvml_changed(struct nvml_at *at, int code)
{
    if (code == NVML_SUCCESS) {
        sim_store_commit(at->store);
        at->change = NULL;
        at->machine = NULL;
    }
    return code;
}

/* ---- Small things ---- */

int nvml_copy_text(char *ret, uint32_t size, const char *text)
{
    size_t n = strlen(text) + 1;
    if (n > size) {
        return NVML_ERROR_INSUFFICIENT_SIZE;
    }
    memcpy(ret, text, n);
    return NVML_SUCCESS;
}

int nvml_copy_list(void *items, uint32_t *count, const void *from, uint32_t n, size_t item)
{
    uint32_t room = *count;
    *count = n;
    if (n > room) {
        return NVML_ERROR_INSUFFICIENT_SIZE;
    }
    if (n != 0 && items == NULL) {
        return NVML_ERROR_INVALID_ARGUMENT;
    }
    if (n != 0) {
        memcpy(items, from, n * item);
    }
    return NVML_SUCCESS;
}

static uint64_t clock_us(clockid_t clock)
{
    struct timespec now;
    clock_gettime(clock, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

uint64_t nvml_now_us(void)
{
    return clock_us(CLOCK_REALTIME);
}

uint64_t nvml_boot_us(void)
{
    return clock_us(CLOCK_BOOTTIME);
}
