/* store_file: the form of DIR/state, for store.c alone. */
#pragma once

#include <sys/types.h>

#include "simdriver/store.h"

enum { SIM_FILE_VERSION = 1, SIM_HEADER_SIZE = 4096 };

/* The first page of the file, the only part that is mapped. */
struct sim_header {
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

struct sim_copy {
    uint64_t seq;
    uint64_t checksum; /* of seq and machine */
    struct sim_machine machine;
};

enum { SIM_FILE_SIZE = SIM_HEADER_SIZE + 2 * sizeof(struct sim_copy) };

/* GS_INVALID: foreign, of another version, or damaged; the text says which. */
int sim_header_check(const struct sim_header *header, struct gs_err *err);

/* GS_INVALID: not the state `seq`, torn, or what it says cannot be. */
int sim_copy_check(const struct sim_copy *copy, uint64_t seq, struct gs_err *err);

uint64_t sim_copy_checksum(const struct sim_copy *copy);

/* Where the copy of state `seq` lies. */
off_t sim_copy_offset(uint64_t seq);

/* Writes a copy to its place, with its checksum. Negative: not all of it is there, and errno says
 * why where the system did. */
int sim_copy_write(int fd, struct sim_copy *copy);
