/* grpc_status: how a gRPC call ended, and its words on the wire.
 *
 * Numbers and names are those of grpc/grpc, doc/statuscodes.md. Pure. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
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

/* How much of a message of a status is kept and sent. */
enum { GS_GRPC_STATUS_TEXT_MAX = 1024 };

/* Value of the header grpc-message: bytes outside of printable ASCII, and %, as %XX. `text` is cut
 * at GS_GRPC_STATUS_TEXT_MAX bytes; `out` is appended to. */
void gs_grpc_text_encode(const char *text, struct gs_buf *out);

/* The other way. A % that two digits do not follow stays as it is; bytes that would disturb a
 * terminal or end the text become ?. Cut at the size of the text. */
void gs_grpc_text_decode(struct gs_view value, char ret_text[GS_GRPC_STATUS_TEXT_MAX]);

/* Value of the header grpc-timeout, 1 to 8 digits and a unit: "100m". False: it is none. */
bool gs_grpc_timeout_parse(struct gs_view value, uint64_t *ret_us);

enum { GS_GRPC_TIMEOUT_TEXT_MAX = 12 };
void gs_grpc_timeout_format(uint64_t us, char ret_text[GS_GRPC_TIMEOUT_TEXT_MAX]);

/* What an answer without grpc-status means by its HTTP status: doc/http-grpc-status-mapping.md. */
enum gs_grpc_status gs_grpc_status_of_http(uint64_t http_status);
