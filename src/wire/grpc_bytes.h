/* grpc_bytes: for functions of libraries that only read, but whose type is for writing too. */
#pragma once

static inline void *gs_grpc_bytes(const void *bytes)
{
    const union {
        const void *read;
        void *written;
    } pointer = {.read = bytes};
    return pointer.written;
}
