/* grpc_status: how a gRPC call ended, and its words on the wire.
 *
 * Numbers and names are those of grpc/grpc, doc/statuscodes.md. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/view.h"

/* Bytes of one message, both ways: what gRPC takes where it is told nothing else. */
enum { GS_GRPC_MESSAGE_MAX = 4 << 20 };

enum gs_grpc_status {
    GS_GRPC_OK = 0,
    GS_GRPC_CANCELLED = 1,
    GS_GRPC_UNKNOWN = 2,
    GS_GRPC_INVALID_ARGUMENT = 3,
    GS_GRPC_DEADLINE_EXCEEDED = 4,
    GS_GRPC_NOT_FOUND = 5,
    GS_GRPC_ALREADY_EXISTS = 6,
    GS_GRPC_PERMISSION_DENIED = 7,
    GS_GRPC_RESOURCE_EXHAUSTED = 8,
    GS_GRPC_FAILED_PRECONDITION = 9,
    GS_GRPC_ABORTED = 10,
    GS_GRPC_OUT_OF_RANGE = 11,
    GS_GRPC_UNIMPLEMENTED = 12,
    GS_GRPC_INTERNAL = 13,
    GS_GRPC_UNAVAILABLE = 14,
    GS_GRPC_DATA_LOSS = 15,
    GS_GRPC_UNAUTHENTICATED = 16
};

/* "UNAVAILABLE"; of a number that is none of the above "UNKNOWN". */
const char *gs_grpc_status_name(enum gs_grpc_status status);

/* The code with which a function of ours fails where a peer answered so; GS_OK for GS_GRPC_OK. */
enum gs_code gs_grpc_status_code(enum gs_grpc_status status);

/* The status to answer with where a function of ours failed with `code`. */
enum gs_grpc_status gs_grpc_status_of(int code);
