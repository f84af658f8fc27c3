#include "simdriver/store.h"

#include <assert.h>
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
#include "simdriver/tree.h"

enum { FILE_VERSION = 1, HEADER_SIZE = 4096, WAIT_SLICE_MS = 100 };
static const char magic[8] = "GSSIMST";

/* The first page of the file, the only part that is mapped. */
struct header {
    char magic[8];
    uint32_t version;
    uint32_t header_size;
    uint64_t machine_size; /* another build's struct is another version */
    uint64_t checksum;     /* of what stands above */
    _Atomic uint64_t seq;  /* of the state in force, which lies in copy seq % 2 */
    _Atomic uint64_t calls;
    _Atomic uint64_t tree; /* how far the files under DIR/root have followed */
    _Atomic uint64_t tree_gpu[SIM_GPUS_MAX];
    _Atomic uint32_t seen[SIM_FAULTS];
    _Atomic uint32_t wake; /* the low half of seq, for the kernel to wait on */
};

struct copy {
    uint64_t seq;
    uint64_t checksum; /* of seq and machine */
    struct sim_machine machine;
};

static_assert(sizeof(struct header) <= HEADER_SIZE, "the header is one page");
static_assert(sizeof(struct copy) % 8 == 0, "the checksum takes words");
enum { FILE_SIZE = HEADER_SIZE + 2 * sizeof(struct copy) };

struct sim_store {
    pthread_mutex_t mutex;
    int fd;
    pid_t pid; /* that opened fd: a lock would be shared with the parent */
    bool writable;
    char dir[PATH_MAX];
    struct header *header;
    struct copy copy; /* private; copy.seq says which state it is, 0: none */
};

/* ---- Form of the file ---- */

/* Detects what is torn, not what is forged: for that there is sim_machine_check. */
static uint64_t checksum(const void *bytes, size_t n, uint64_t start)
{
    uint64_t lane[4] = {start, 0x9e3779b97f4a7c15u, 0xc2b2ae3d27d4eb4fu, 0x165667b19e3779f9u};
    const unsigned char *p = bytes;
    for (size_t i = 0; i + 8 <= n; i += 8) {
        uint64_t word;
        memcpy(&word, p + i, 8);
        unsigned l = (unsigned)(i / 8) % 4;
        lane[l] = (lane[l] ^ word) * 0xff51afd7ed558ccdu;
        lane[l] ^= lane[l] >> 29;
    }
    return lane[0] ^ (lane[1] << 1) ^ (lane[2] << 2) ^ (lane[3] << 3) ^ n;
}

static uint64_t header_checksum(const struct header *header)
{
    return checksum(header, offsetof(struct header, checksum), 1);
}

static uint64_t copy_checksum(const struct copy *copy)
{
    return checksum(&copy->machine, sizeof(copy->machine), copy->seq);
}

static void fill_header(struct header *header)
{
    memset(header, 0, sizeof(*header));
    memcpy(header->magic, magic, sizeof(magic));
    header->version = FILE_VERSION;
    header->header_size = HEADER_SIZE;
    header->machine_size = sizeof(struct sim_machine);
    header->checksum = header_checksum(header);
}

static int check_header(const struct header *header, struct gs_err *err)
{
    if (memcmp(header->magic, magic, sizeof(magic)) != 0) {
        return gs_fail(err, GS_INVALID, "it is not the state of a simulated machine");
    }
    if (header->version != FILE_VERSION || header->header_size != HEADER_SIZE ||
        header->machine_size != sizeof(struct sim_machine)) {
        return gs_fail(err, GS_INVALID,
                       "it was made by another version of the simulation (its form is %u, a state "
                       "has %llu bytes; %d and %zu were expected): create the machine anew",
                       header->version, (unsigned long long)header->machine_size, FILE_VERSION,
                       sizeof(struct sim_machine));
    }
    if (header->checksum != header_checksum(header)) {
        return gs_fail(err, GS_INVALID, "its head is damaged: create the machine anew");
    }
    return 0;
}

static int check_copy(const struct copy *copy, uint64_t seq, struct gs_err *err)
{
    if (copy->seq != seq || seq == 0 || copy->checksum != copy_checksum(copy)) {
        return gs_fail(err, GS_INVALID, "the state in it is torn: create the machine anew");
    }
    return sim_machine_check(&copy->machine, err);
}

static off_t copy_offset(uint64_t seq)
{
    return HEADER_SIZE + (off_t)(seq % 2) * (off_t)sizeof(struct copy);
}

int sim_store_decode(const void *bytes, size_t n, struct sim_machine *ret, struct gs_err *err)
{
    struct header header;
    if (n < FILE_SIZE) {
        return gs_fail(err, GS_INVALID, "it has %zu bytes: %d were expected", n, FILE_SIZE);
    }
    memcpy(&header, bytes, sizeof(header));
    int r = check_header(&header, err);
    if (r < 0) {
        return r;
    }
    struct copy *copy = malloc(sizeof(*copy));
    if (copy == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the state");
    }
    memcpy(copy, (const char *)bytes + copy_offset(header.seq), sizeof(*copy));
    r = check_copy(copy, header.seq, err);
    if (r == 0) {
        *ret = copy->machine;
    }
    free(copy);
    return r;
}

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
    struct copy *copy = malloc(sizeof(*copy));
    if (copy == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the state");
    }
    ssize_t n = pread(store->fd, copy, sizeof(*copy), copy_offset(seq));
    int r = n == (ssize_t)sizeof(*copy)
                ? check_copy(copy, seq, err)
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
    struct header *header = store->header;
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

static long wake(struct header *header, uint64_t seq)
{
    atomic_store(&header->wake, (uint32_t)seq);
    return syscall(SYS_futex, &header->wake, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

int sim_store_commit(struct sim_store *store)
{
    uint64_t seq = store->copy.seq + 1;
    store->copy.seq = seq;
    store->copy.checksum = copy_checksum(&store->copy);
    ssize_t n = pwrite(store->fd, &store->copy, sizeof(store->copy), copy_offset(seq));
    if (n != (ssize_t)sizeof(store->copy)) {
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

void sim_store_close(struct sim_store *store)
{
    if (store == NULL) {
        return;
    }
    if (store->header != NULL) {
        munmap(store->header, HEADER_SIZE);
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
    if (!S_ISREG(st.st_mode) || st.st_size != FILE_SIZE) {
        return gs_fail(err, GS_INVALID,
                       "%.300s is no state of a simulated machine: it has %lld "
                       "bytes, %d were expected",
                       path, (long long)st.st_size, FILE_SIZE);
    }
    return 0;
}

static int map_header(struct sim_store *store, struct gs_err *err)
{
    int prot = store->writable ? PROT_READ | PROT_WRITE : PROT_READ;
    void *p = mmap(NULL, HEADER_SIZE, prot, MAP_SHARED, store->fd, 0);
    if (p == MAP_FAILED) {
        return gs_fail_errno(err, errno, "mapping %.300s/state", store->dir);
    }
    store->header = p;
    return check_header(store->header, err);
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

/* ---- Create ---- */

static int write_state(int fd, const struct sim_machine *machine)
{
    struct header header;
    fill_header(&header);
    header.seq = 1;
    header.wake = 1;
    struct copy *copy = calloc(1, sizeof(*copy));
    if (copy == NULL) {
        return -1;
    }
    copy->seq = 1;
    copy->machine = *machine;
    copy->checksum = copy_checksum(copy);
    int r = -1;
    if (ftruncate(fd, FILE_SIZE) == 0 && (errno = posix_fallocate(fd, 0, FILE_SIZE)) == 0 &&
        pwrite(fd, &header, sizeof(header), 0) == (ssize_t)sizeof(header) &&
        pwrite(fd, copy, sizeof(*copy), copy_offset(1)) == (ssize_t)sizeof(*copy)) {
        r = 0;
    }
    free(copy);
    return r;
}

static int create_in(const char *dir, const char *path, const char *temporary,
                     const struct sim_machine *machine, struct gs_err *err)
{
    int fd = open(temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
    if (fd < 0) {
        return gs_fail_errno(err, errno, "creating %.300s", temporary);
    }
    int r = write_state(fd, machine);
    int e = errno;
    close(fd);
    if (r < 0) {
        return gs_fail_errno(err, e, "writing %.300s", temporary);
    }
    if (renameat2(AT_FDCWD, temporary, AT_FDCWD, path, RENAME_NOREPLACE) < 0) {
        return errno == EEXIST ? gs_fail(err, GS_BUSY,
                                         "there is a simulated machine in %.300s already; "
                                         "gpuslice-sim destroy removes it",
                                         dir)
                               : gs_fail_errno(err, errno, "creating %.300s", path);
    }
    return 0;
}

int sim_store_create(const char *dir, const struct sim_machine *machine, struct gs_err *err)
{
    char path[PATH_MAX];
    char temporary[PATH_MAX];
    if (strlen(dir) + 64 > PATH_MAX) {
        return gs_fail(err, GS_INVALID, "the name of the folder is too long: %zu bytes",
                       strlen(dir));
    }
    if (mkdir(dir, 0755) < 0 && errno != EEXIST) {
        return gs_fail_errno(err, errno, "making the folder %.300s", dir);
    }
    snprintf(path, sizeof(path), "%s/state", dir);
    snprintf(temporary, sizeof(temporary), "%s/.state.%d", dir, (int)getpid());
    unlink(temporary);
    int r = create_in(dir, path, temporary, machine, err);
    unlink(temporary);
    if (r < 0) {
        return r;
    }
    struct sim_store *store; /* the first look makes the files */
    r = sim_store_open(dir, &store, err);
    if (r == 0) {
        sim_store_close(store);
    }
    return r;
}
