/* text: what the texts of the commands on a cluster share. */
#pragma once

#include "cli/cluster/scene.h"
#include "term/result.h"

/* Appends words at most 80 columns wide, the first line behind `head`, the others behind as many
 * blanks. What a terminal would obey becomes "?". */
void gs_put_wrapped(struct gs_buf *out, const char *head, const char *text);

/* The kinds that could not be read, a line each; and objects that were left out. */
void gs_put_unread(const struct gs_scene *scene, struct gs_buf *out);
void gs_put_unread_doc(const struct gs_scene *scene, struct gs_result *result, json_t *at);

/* "region": {"name": "us-east-1", "from": "the controller's"}; null where it is not known. */
void gs_put_region_doc(const struct gs_scene *scene, struct gs_result *result, json_t *at);

/* Who decides. */
void gs_put_controller_doc(const struct gs_scene *scene, struct gs_result *result, json_t *at);

/* A moment as Kubernetes writes it; null where it is 0. */
void gs_put_time(struct gs_result *result, json_t *at, const char *key, uint64_t us);
