#include "wire/grpc_frame.h"

#include <assert.h>

enum { KEPT = 16384 }; /* bytes of memory that wait for the next message */

void gs_grpc_inflow_init(struct gs_grpc_inflow *inflow, size_t max)
{
    *inflow = (struct gs_grpc_inflow){.n_prefix = 0};
    gs_buf_init(&inflow->body, max);
}

void gs_grpc_inflow_done(struct gs_grpc_inflow *inflow)
{
    gs_buf_done(&inflow->body);
}

static int read_prefix(struct gs_grpc_inflow *inflow, struct gs_err *err)
{
    const unsigned char *p = inflow->prefix;
    inflow->length = (uint32_t)p[1] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 8 | p[4];
    if (p[0] == 1) {
        return gs_fail(err, GS_UNSUPPORTED, "found a compressed message; expected identity");
    }
    if (p[0] != 0) {
        return gs_fail(err, GS_INVALID, "found a message with flags 0x%02x; expected 0", p[0]);
    }
    if (inflow->length > inflow->body.max) {
        return gs_fail(err, GS_LIMIT, "found a message of %u bytes; expected %zu at most",
                       inflow->length, inflow->body.max);
    }
    return 0;
}

static size_t take(struct gs_view *bytes, size_t n)
{
    n = n < bytes->n ? n : bytes->n;
    bytes->p += n;
    bytes->n -= n;
    return n;
}

int gs_grpc_inflow_put(struct gs_grpc_inflow *inflow, struct gs_view *bytes, struct gs_err *err)
{
    assert(!inflow->complete);
    while (inflow->n_prefix < GS_GRPC_PREFIX) {
        if (bytes->n == 0) {
            return 0;
        }
        inflow->prefix[inflow->n_prefix++] = (unsigned char)*bytes->p;
        take(bytes, 1);
        if (inflow->n_prefix == GS_GRPC_PREFIX) {
            int r = read_prefix(inflow, err);
            if (r < 0) {
                return r;
            }
        }
    }
    const char *from = bytes->p;
    size_t n = take(bytes, inflow->length - inflow->body.len);
    if (n > 0) {
        gs_buf_put(&inflow->body, from, n);
    }
    if (!gs_buf_ok(&inflow->body)) {
        return gs_fail(err, GS_NO_MEMORY, "no memory for a message of %u bytes", inflow->length);
    }
    inflow->complete = inflow->body.len == inflow->length;
    return inflow->complete ? 1 : 0;
}

void gs_grpc_inflow_next(struct gs_grpc_inflow *inflow)
{
    inflow->n_prefix = 0;
    inflow->complete = false;
    if (inflow->body.cap > KEPT) {
        gs_buf_done(&inflow->body);
    } else {
        gs_buf_reset(&inflow->body);
    }
}

struct gs_view gs_grpc_inflow_message(const struct gs_grpc_inflow *inflow)
{
    assert(inflow->complete);
    return (struct gs_view){gs_buf_text(&inflow->body), inflow->body.len};
}

bool gs_grpc_inflow_is_amid(const struct gs_grpc_inflow *inflow)
{
    return inflow->n_prefix > 0 && !inflow->complete;
}

void gs_grpc_prefix_write(uint32_t length, unsigned char ret[GS_GRPC_PREFIX])
{
    ret[0] = 0;
    ret[1] = (unsigned char)(length >> 24);
    ret[2] = (unsigned char)(length >> 16);
    ret[3] = (unsigned char)(length >> 8);
    ret[4] = (unsigned char)length;
}
