/* api: an API server for tests: the scripted one (fake_api.py), or a real one that is given.
 *
 * Requests here wait on the test's loop until they are answered, and go straight to the server; the
 * program under test goes through a proxy, which can be shut. */
#pragma once

#include "unit/check.h"

#include <stdbool.h>
#include <sys/types.h>

#include <jansson.h>
#include <systemd/sd-event.h>

#include "kube/proxy.h"
#include "net/http_client.h"
#include "unit/net/certs.h"

enum { API_PATH_MAX = 256 };

struct api {
    sd_event *event;
    struct gs_http_client *client;
    struct proxy proxy;
    char folder[64]; /* of its own: certificates, tokens, kubeconfig */
    char url[100];   /* of the server itself */
    struct gs_http_tls tls;
    const char *bearer;
    char files[3][API_PATH_MAX];
    bool real;
    pid_t pid; /* of the scripted one, and its stdin */
    int stdin_fd;
    struct cert ca;
    bool done; /* of a request */
    unsigned status;
    json_t *answer;
};

/* Starts the scripted server, which knows the tokens "admin" and "agent". */
void api_start(struct api *api, sd_event *event);

/* The real one that the environment names: GS_API_URL, GS_API_CA, GS_API_CERT, GS_API_KEY (files).
 * False: none is. */
bool api_join(struct api *api, sd_event *event);
void api_stop(struct api *api);

/* Which tokens are known from now on. */
void api_set_tokens(struct api *api, const char *tokens);

/* Writes a file into the folder, and gives its path; valid until the next but three. */
const char *api_write(struct api *api, const char *name, const char *text);

/* A kubeconfig that leads through the proxy: as the agent with this `user` part of it in JSON,
 * NULL:
 * {"token": "agent"}. */
const char *api_kubeconfig(struct api *api, const char *user);

/* Does a request and gives its status; the JSON of the answer is in api->answer until the next.
 * `body` is stolen; NULL: none. */
unsigned api_do(struct api *api, const char *method, const char *path, const char *type,
                json_t *body);

/* The same, of a status that must be good. */
json_t *api_must(struct api *api, const char *method, const char *path, const char *type,
                 json_t *body);

/* Tells the scripted one what to do wrong. */
void api_script(struct api *api, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* How many requests have come that begin so: "GET /api/v1/nodes?watch". */
unsigned api_seen(struct api *api, const char *begin);
