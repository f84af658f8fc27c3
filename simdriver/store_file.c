#include "simdriver/store_file.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char magic[8] = "GSSIMST";

static_assert(sizeof(struct sim_header) <= SIM_HEADER_SIZE, "the header is one page");
static_assert(sizeof(struct sim_copy) % 8 == 0, "the checksum takes words");

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

static uint64_t header_checksum(const struct sim_header *header)
{
    return checksum(header, offsetof(struct sim_header, checksum), 1);
}

uint64_t sim_copy_checksum(const struct sim_copy *copy)
{
    return checksum(&copy->machine, sizeof(copy->machine), copy->seq);
}

static void fill_header(struct sim_header *header)
{
    memset(header, 0, sizeof(*header));
    memcpy(header->magic, magic, sizeof(magic));
    header->version = SIM_FILE_VERSION;
    header->header_size = SIM_HEADER_SIZE;
    header->machine_size = sizeof(struct sim_machine);
    header->checksum = header_checksum(header);
}

int sim_header_check(const struct sim_header *header, struct gs_err *err)
{
    if (memcmp(header->magic, magic, sizeof(magic)) != 0) {
        return gs_fail(err, GS_INVALID, "it is not the state of a simulated machine");
    }
    if (header->version != SIM_FILE_VERSION || header->header_size != SIM_HEADER_SIZE ||
        header->machine_size != sizeof(struct sim_machine)) {
        return gs_fail(err, GS_INVALID,
                       "it was made by another version of the simulation (its form is %u, a state "
                       "has %llu bytes; %d and %zu were expected): create the machine anew",
                       header->version, (unsigned long long)header->machine_size, SIM_FILE_VERSION,
                       sizeof(struct sim_machine));
    }
    if (header->checksum != header_checksum(header)) {
        return gs_fail(err, GS_INVALID, "its head is damaged: create the machine anew");
    }
    return 0;
}

int sim_copy_check(const struct sim_copy *copy, uint64_t seq, struct gs_err *err)
{
    if (copy->seq != seq || seq == 0 || copy->checksum != sim_copy_checksum(copy)) {
        return gs_fail(err, GS_INVALID, "the state in it is torn: create the machine anew");
    }
    return sim_machine_check(&copy->machine, err);
}

off_t sim_copy_offset(uint64_t seq)
{
    return SIM_HEADER_SIZE + (off_t)(seq % 2) * (off_t)sizeof(struct sim_copy);
}

int sim_store_decode(const void *bytes, size_t n, struct sim_machine *ret, struct gs_err *err)
{
    struct sim_header header;
    if (n < SIM_FILE_SIZE) {
        return gs_fail(err, GS_INVALID, "it has %zu bytes: %d were expected", n, SIM_FILE_SIZE);
    }
    memcpy(&header, bytes, sizeof(header));
    int r = sim_header_check(&header, err);
    if (r < 0) {
        return r;
    }
    struct sim_copy *copy = malloc(sizeof(*copy));
    if (copy == NULL) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for the state");
    }
    memcpy(copy, (const char *)bytes + sim_copy_offset(header.seq), sizeof(*copy));
    r = sim_copy_check(copy, header.seq, err);
    if (r == 0) {
        *ret = copy->machine;
    }
    free(copy);
    return r;
}

int sim_copy_write(int fd, struct sim_copy *copy)
{
    copy->checksum = sim_copy_checksum(copy);
    ssize_t n = pwrite(fd, copy, sizeof(*copy), sim_copy_offset(copy->seq));
    return n == (ssize_t)sizeof(*copy) ? 0 : -1;
}

/* ---- Create ---- */

static int write_state(int fd, const struct sim_machine *machine)
{
    struct sim_header header;
    fill_header(&header);
    header.seq = 1;
    header.wake = 1;
    struct sim_copy *copy = calloc(1, sizeof(*copy));
    if (copy == NULL) {
        return -1;
    }
    copy->seq = 1;
    copy->machine = *machine;
    int r = -1;
    if (ftruncate(fd, SIM_FILE_SIZE) == 0 && (errno = posix_fallocate(fd, 0, SIM_FILE_SIZE)) == 0 &&
        pwrite(fd, &header, sizeof(header), 0) == (ssize_t)sizeof(header) &&
        sim_copy_write(fd, copy) == 0) {
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
