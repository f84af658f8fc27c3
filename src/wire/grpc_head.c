#include "wire/grpc_bytes.h"
#include "wire/grpc_session.h"

enum { HEADER_OVERHEAD = 32 }; /* that RFC 7541, 4.1 counts with each */

bool gs_grpc_head_is(struct gs_view value, const char *text)
{
    size_t n = strlen(text);
    return value.n == n && memcmp(value.p, text, n) == 0;
}

/* application/grpc, alone or before + or ; */
static bool is_grpc(struct gs_view value)
{
    return gs_view_skip(&value, "application/grpc") &&
           (value.n == 0 || *value.p == '+' || *value.p == ';');
}

bool gs_grpc_head_other(struct gs_grpc_head *head, struct gs_view name, struct gs_view value)
{
    head->bytes += name.n + value.n + HEADER_OVERHEAD;
    if (head->bytes > GS_GRPC_HEADERS_MAX) {
        return false;
    }
    if (gs_grpc_head_is(name, "content-type")) {
        head->is_grpc = is_grpc(value);
        return false;
    }
    if (gs_grpc_head_is(name, "grpc-encoding")) {
        head->is_compressed = !gs_grpc_head_is(value, "identity");
        return false;
    }
    return true;
}

nghttp2_nv gs_grpc_head_make(const char *name, const char *value)
{
    return (nghttp2_nv){
        .name = gs_grpc_bytes(name),
        .value = gs_grpc_bytes(value),
        .namelen = strlen(name),
        .valuelen = strlen(value),
    };
}

enum gs_grpc_status gs_grpc_head_blame(int code)
{
    if (code == GS_UNSUPPORTED) {
        return GS_GRPC_UNIMPLEMENTED;
    }
    return code == GS_INVALID ? GS_GRPC_INTERNAL : GS_GRPC_RESOURCE_EXHAUSTED;
}
