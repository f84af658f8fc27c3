/* grpc_frame: messages out of a stream of bytes. Each has five bytes before it: whether it is
 * compressed, and its length, big-endian. Pure. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/view.h"

enum { GS_GRPC_PREFIX = 5 };

/* Puts a message together. Start with gs_grpc_inflow_init. */
struct gs_grpc_inflow {
    unsigned char prefix[GS_GRPC_PREFIX];
    unsigned n_prefix;
    bool complete;
    uint32_t length;
    struct gs_buf body;
};

/* `max`: bytes of one message. */
void gs_grpc_inflow_init(struct gs_grpc_inflow *inflow, size_t max);
void gs_grpc_inflow_done(struct gs_grpc_inflow *inflow);

/* Takes bytes from the front of *bytes until a message is complete. 1: it is, and lies in `body`
 * until gs_grpc_inflow_next. 0: all bytes are taken and more are needed. GS_UNSUPPORTED: it is
 * compressed. GS_LIMIT: it is too long; found by its prefix. GS_INVALID: no such prefix.
 * GS_NO_MEMORY. Memory grows with the bytes that are there, not with those that are promised. */
int gs_grpc_inflow_put(struct gs_grpc_inflow *inflow, struct gs_view *bytes, struct gs_err *err);

/* Makes ready for the next message. Memory is kept, unless it is much. */
void gs_grpc_inflow_next(struct gs_grpc_inflow *inflow);

/* The message that is complete. */
struct gs_view gs_grpc_inflow_message(const struct gs_grpc_inflow *inflow);

/* A part of a message is there. */
bool gs_grpc_inflow_is_amid(const struct gs_grpc_inflow *inflow);

void gs_grpc_prefix_write(uint32_t length, unsigned char ret[GS_GRPC_PREFIX]);
