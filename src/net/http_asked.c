/* What is asked of an HTTP server: which route serves it, and what else the request says. */
#include <microhttpd.h>
#include <string.h>
#include <strings.h>

#include "net/http_stream.h"

static bool fits_path(const char *pattern, const char *path)
{
    size_t n = strlen(pattern);
    if (n >= 2 && strcmp(pattern + n - 2, "/*") == 0) {
        return strncmp(path, pattern, n - 1) == 0;
    }
    return strcmp(path, pattern) == 0;
}

static bool fits_method(const char *wanted, const char *method)
{
    return strcmp(wanted, method) == 0 ||
           (strcmp(wanted, "GET") == 0 && strcmp(method, "HEAD") == 0);
}

void gs_http_find_route(struct gs_http_exchange *exchange)
{
    const struct gs_http_server *server = exchange->server;
    exchange->refusal = MHD_HTTP_NOT_FOUND;
    for (size_t i = 0; i < server->n_routes; i++) {
        const struct gs_http_route *route = &server->routes[i];
        if (!fits_path(route->path, exchange->path)) {
            continue;
        }
        if (fits_method(route->method, exchange->method)) {
            exchange->route = route;
            return;
        }
        exchange->refusal = MHD_HTTP_METHOD_NOT_ALLOWED;
        exchange->allow = route->method;
    }
}

/* RFC 9112, 3.2 and 6.3: of two, nobody knows which is meant. */
void gs_http_doubt(struct gs_http_exchange *exchange, bool has_nul)
{
    exchange->why = NULL;
    if (has_nul) {
        exchange->why = "%00 in the path or the query; expected none\n";
    } else if (gs_http_asked_count(exchange, MHD_HTTP_HEADER_HOST) > 1) {
        exchange->why = "more than one Host; expected one\n";
    } else if (gs_http_asked_count(exchange, MHD_HTTP_HEADER_CONTENT_LENGTH) > 1) {
        exchange->why = "more than one Content-Length; expected one\n";
        exchange->ends = true;
    }
    if (exchange->why != NULL) {
        exchange->route = NULL;
        exchange->refusal = MHD_HTTP_BAD_REQUEST;
        exchange->allow = NULL;
    }
}

const char *gs_http_asked_header(const struct gs_http_exchange *exchange, const char *name)
{
    return MHD_lookup_connection_value(exchange->connection, MHD_HEADER_KIND, name);
}

const char *gs_http_asked_query(const struct gs_http_exchange *exchange, const char *name)
{
    return MHD_lookup_connection_value(exchange->connection, MHD_GET_ARGUMENT_KIND, name);
}

struct counting {
    const char *name;
    unsigned n;
};

static enum MHD_Result count_one(void *ctx, enum MHD_ValueKind kind, const char *key,
                                 const char *value)
{
    struct counting *counting = ctx;
    (void)kind;
    (void)value;
    counting->n += strcasecmp(key, counting->name) == 0;
    return MHD_YES;
}

unsigned gs_http_asked_count(const struct gs_http_exchange *exchange, const char *name)
{
    struct counting counting = {.name = name};
    (void)MHD_get_connection_values(exchange->connection, MHD_HEADER_KIND, count_one, &counting);
    return counting.n;
}
