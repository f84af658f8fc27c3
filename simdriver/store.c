#include "simdriver/store.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "simdriver/store_file.h"
#include "simdriver/tree.h"

enum { WAIT_SLICE_MS = 100 };

struct sim_store {
    pthread_mutex_t mutex;
    int fd;
    pid_t pid; /* that opened fd: a lock would be shared with the parent */
    bool writable;
    char dir[PATH_MAX];
    struct sim_header *header;
    struct sim_copy copy; /* private; copy.seq says which state it is, 0: none */
};

/* ---- Lock and refresh ---- */

static int lock_file(struct sim_store *store, short type)
{
    if (store->pid != getpid()) {
        char path[PATH_MAX + 8];
        snprintf(path, sizeof(path), "%s/state", store->dir);
        int fd = open(path, (store->writable ? O_RDWR : O_RDONLY) | O_CLOEXEC);
        if (fd < 0) {
            return -1;
        }
        close(store->fd);
        store->fd = fd;
        store->pid = getpid();
    }
    struct flock lock = {.l_type = type, .l_whence = SEEK_SET};
    int r;
    while ((r = fcntl(store->fd, F_OFD_SETLKW, &lock)) < 0 && errno == EINTR) {
    }
    return r;
}

static void unlock_file(struct sim_store *store)
{
    struct flock lock = {.l_type = F_UNLCK, .l_whence = SEEK_SET};
    fcntl(store->fd, F_OFD_SETLK, &lock);
}

/* Locked. Reads the state in force, unless it is the one that is here. Into the heap first: a
 * damaged file must not take the place of the last whole state. */
static int refresh(struct sim_store *store, struct gs_err *err)
{
    uint64_t seq = atomic_load(&store->header->seq);
    if (seq == store->copy.seq) {
        return 0;
    }
    struct sim_copy *copy = malloc(sizeof(*copy));
    if (copy == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the state");
    }
    ssize_t n = pread(store->fd, copy, sizeof(*copy), sim_copy_offset(seq));
    int r = n == (ssize_t)sizeof(*copy)
                ? sim_copy_check(copy, seq, err)
                : gs_fail(err, GS_INVALID, "it is cut short: create the machine anew");
    if (r == 0) {
        memcpy(&store->copy, copy, sizeof(*copy));
    }
    free(copy);
    return r;
}

const struct sim_machine *sim_store_view(struct sim_store *store)
{
    pthread_mutex_lock(&store->mutex);
    if (atomic_load(&store->header->seq) != store->copy.seq && lock_file(store, F_RDLCK) == 0) {
        refresh(store, NULL);
        unlock_file(store);
    }
    return &store->copy.machine;
}

void sim_store_end(struct sim_store *store)
{
    pthread_mutex_unlock(&store->mutex);
}

struct sim_machine *sim_store_begin(struct sim_store *store)
{
    pthread_mutex_lock(&store->mutex);
    if (store->writable && lock_file(store, F_WRLCK) == 0) {
        if (refresh(store, NULL) == 0) {
            return &store->copy.machine;
        }
        unlock_file(store);
    }
    pthread_mutex_unlock(&store->mutex);
    return NULL;
}

void sim_store_abandon(struct sim_store *store)
{
    store->copy.seq = 0; /* read again what is in force */
    unlock_file(store);
    pthread_mutex_unlock(&store->mutex);
}

/* ---- Commit ---- */

/* The lock is held. What could not be written stays behind and is tried again by the next. */
static void follow_with_tree(struct sim_store *store)
{
    struct sim_header *header = store->header;
    const struct sim_machine *machine = &store->copy.machine;
    if (atomic_load(&header->tree) != machine->tree) {
        if (sim_tree_sync(store->dir, machine, NULL) < 0) {
            return;
        }
        atomic_store(&header->tree, machine->tree);
        for (unsigned i = 0; i < machine->n_gpus; i++) {
            atomic_store(&header->tree_gpu[i], machine->gpus[i].tree);
        }
    }
    for (unsigned i = 0; i < machine->n_gpus; i++) {
        if (atomic_load(&header->tree_gpu[i]) != machine->gpus[i].tree &&
            sim_tree_sync_gpu(store->dir, machine, i, NULL) == 0) {
            atomic_store(&header->tree_gpu[i], machine->gpus[i].tree);
        }
    }
}

static long wake(struct sim_header *header, uint64_t seq)
{
    atomic_store(&header->wake, (uint32_t)seq);
    return syscall(SYS_futex, &header->wake, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

int sim_store_commit(struct sim_store *store)
{
    uint64_t seq = store->copy.seq + 1;
    store->copy.seq = seq;
    if (sim_copy_write(store->fd, &store->copy) < 0) {
        sim_store_abandon(store);
        return SIM_UNKNOWN;
    }
    atomic_store(&store->header->seq, seq); /* from here on it is the state */
    wake(store->header, seq);
    follow_with_tree(store);
    unlock_file(store);
    pthread_mutex_unlock(&store->mutex);
    return SIM_OK;
}

void sim_store_prune(struct sim_store *store)
{
    /* On a copy first: most of the time there is nothing to drop and nothing to write. */
    const struct sim_machine *machine = sim_store_view(store);
    bool some = false;
    for (unsigned i = 0; i < SIM_HOLDERS && !some; i++) {
        const struct sim_holder *h = &machine->holders[i];
        some = h->pid != 0 && !sim_process_alive(h->pid, h->start_time);
    }
    for (unsigned i = 0; i < SIM_SESSIONS && !some; i++) {
        const struct sim_session *s = &machine->sessions[i];
        some = s->pid != 0 && !sim_process_alive(s->pid, s->start_time);
    }
    sim_store_end(store);
    struct sim_machine *change = some ? sim_store_begin(store) : NULL;
    if (change != NULL) {
        sim_prune(change, sim_process_alive);
        sim_store_commit(store);
    }
}

/* ---- Waiting, counters ---- */

uint64_t sim_store_seq(const struct sim_store *store)
{
    return atomic_load(&store->header->seq);
}

static uint64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* In slices: a process may be killed between its commit and its wake-up call. */
bool sim_store_wait(struct sim_store *store, uint64_t seq, unsigned timeout_ms)
{
    uint64_t end = now_ms() + timeout_ms;
    while (atomic_load(&store->header->seq) == seq) {
        uint64_t now = now_ms();
        if (now >= end) {
            return false;
        }
        uint64_t ms = end - now < WAIT_SLICE_MS ? end - now : WAIT_SLICE_MS;
        struct timespec slice = {.tv_nsec = (long)ms * 1000000};
        syscall(SYS_futex, &store->header->wake, FUTEX_WAIT, (uint32_t)seq, &slice, NULL, 0);
    }
    return true;
}

uint64_t sim_store_calls(const struct sim_store *store)
{
    return atomic_load(&store->header->calls);
}

uint64_t sim_store_count_call(struct sim_store *store)
{
    return store->writable ? atomic_fetch_add(&store->header->calls, 1) + 1 : 0;
}

uint32_t sim_store_count_fault(struct sim_store *store, unsigned fault)
{
    return store->writable ? atomic_fetch_add(&store->header->seen[fault], 1) : 0;
}

uint32_t sim_store_fault_seen(const struct sim_store *store, unsigned fault)
{
    return atomic_load(&store->header->seen[fault]);
}

void sim_store_clear_fault(struct sim_store *store, unsigned fault)
{
    if (store->writable) {
        atomic_store(&store->header->seen[fault], 0);
    }
}

/* ---- Open and close ---- */

const char *sim_store_dir(const struct sim_store *store)
{
    return store->dir;
}

bool sim_store_writable(const struct sim_store *store)
{
    return store->writable;
}

void sim_store_close(struct sim_store *store)
{
    if (store == NULL) {
        return;
    }
    if (store->header != NULL) {
        munmap(store->header, SIM_HEADER_SIZE);
    }
    if (store->fd >= 0) {
        close(store->fd);
    }
    pthread_mutex_destroy(&store->mutex);
    free(store);
}

void sim_store_closep(struct sim_store **store)
{
    sim_store_close(*store);
}

static int open_file(struct sim_store *store, struct gs_err *err)
{
    char path[PATH_MAX + 8];
    snprintf(path, sizeof(path), "%s/state", store->dir);
    store->writable = true;
    store->fd = open(path, O_RDWR | O_CLOEXEC);
    if (store->fd < 0 && (errno == EACCES || errno == EROFS)) {
        store->writable = false;
        store->fd = open(path, O_RDONLY | O_CLOEXEC);
    }
    if (store->fd < 0 && (errno == ENOENT || errno == ENOTDIR)) {
        return gs_fail(err, GS_NOT_FOUND,
                       "there is no simulated machine in %.300s; gpuslice-sim create makes one",
                       store->dir);
    }
    struct stat st;
    if (store->fd < 0 || fstat(store->fd, &st) < 0) {
        return gs_fail_errno(err, errno, "opening %.300s", path);
    }
    if (!S_ISREG(st.st_mode) || st.st_size != SIM_FILE_SIZE) {
        return gs_fail(err, GS_INVALID,
                       "%.300s is no state of a simulated machine: it has %lld "
                       "bytes, %d were expected",
                       path, (long long)st.st_size, SIM_FILE_SIZE);
    }
    return 0;
}

static int map_header(struct sim_store *store, struct gs_err *err)
{
    int prot = store->writable ? PROT_READ | PROT_WRITE : PROT_READ;
    void *p = mmap(NULL, SIM_HEADER_SIZE, prot, MAP_SHARED, store->fd, 0);
    if (p == MAP_FAILED) {
        return gs_fail_errno(err, errno, "mapping %.300s/state", store->dir);
    }
    store->header = p;
    return sim_header_check(store->header, err);
}

/* The first look at the state; also mends the files of a machine whose last client was killed
 * while it wrote them. */
static int first_look(struct sim_store *store, struct gs_err *err)
{
    if (lock_file(store, store->writable ? F_WRLCK : F_RDLCK) < 0) {
        return gs_fail_errno(err, errno, "locking %.300s/state", store->dir);
    }
    int r = refresh(store, err);
    if (r == 0 && store->writable) {
        follow_with_tree(store);
    }
    unlock_file(store);
    return r;
}

static int set_dir(struct sim_store *store, const char *dir, struct gs_err *err)
{
    if (dir == NULL) {
        dir = getenv("GPUSLICE_SIM");
    }
    if (dir == NULL || dir[0] == '\0') {
        return gs_fail(err, GS_NOT_FOUND,
                       "no simulated machine is chosen: GPUSLICE_SIM names its folder");
    }
    char *real = realpath(dir, NULL);
    if (real == NULL || strlen(real) + 64 > sizeof(store->dir)) {
        free(real);
        return gs_fail(err, GS_NOT_FOUND,
                       "there is no simulated machine in %.300s; gpuslice-sim create makes one",
                       dir);
    }
    strcpy(store->dir, real);
    free(real);
    return 0;
}

int sim_store_open(const char *dir, struct sim_store **ret_store, struct gs_err *err)
{
    GS_CLEANUP(sim_store_closep) struct sim_store *store = calloc(1, sizeof(*store));
    if (store == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the state");
    }
    store->fd = -1;
    store->pid = getpid();
    pthread_mutex_init(&store->mutex, NULL);
    int r = set_dir(store, dir, err);
    if (r < 0 || (r = open_file(store, err)) < 0) {
        return r;
    }
    if ((r = map_header(store, err)) < 0 || (r = first_look(store, err)) < 0) {
        return gs_wrap(err, r, "%.300s/state", store->dir);
    }
    *ret_store = GS_TAKE(store);
    return 0;
}
