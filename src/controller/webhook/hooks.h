/* hooks: which CAs the API server believes of our webhooks: a MutatingWebhookConfiguration's JSON.
 * Pure. Private to src/controller. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "base/err.h"

struct json_t; /* jansson's */

enum { GS_HOOKS_MAX = 16 }; /* webhooks of the configuration that are looked after */

/* `configuration` may be NULL, which has none. */
size_t gs_hooks_count(const struct json_t *configuration);

/* Every webhook, of which there is one at least, has this bundle (base64 of PEM). */
bool gs_hooks_believe(const struct json_t *configuration, const char *bundle);

/* Appends the JSON patch that gives the bundle to those that lack it, of the version that was read
 * alone: who has read an older Secret than another has written is refused. GS_INVALID, GS_LIMIT,
 * GS_NO_MEMORY. */
int gs_hooks_write_bundle(const struct json_t *configuration, const char *bundle,
                          struct gs_buf *out, struct gs_err *err);
