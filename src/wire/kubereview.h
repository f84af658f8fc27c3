/* kubereview: asking the API server who a token belongs to (TokenReview, authentication.k8s.io/v1)
 * and what they may do (SubjectAccessReview, authorization.k8s.io/v1). Sans-I/O. */
#pragma once

#include "base/buf.h"
#include "base/err.h"
#include "base/view.h"

#define GS_KUBEREVIEW_TOKENS "/apis/authentication.k8s.io/v1/tokenreviews"
#define GS_KUBEREVIEW_ACCESS "/apis/authorization.k8s.io/v1/subjectaccessreviews"

enum { GS_KUBEREVIEW_USER_MAX = 64 << 10 /* bytes of all that is said of a user */ };

/* What of the cluster somebody wants to read. */
struct gs_kubereview_access {
    const char *verb;       /* "list" */
    const char *group;      /* "": the core group */
    const char *resource;   /* "pods" */
    const char *name_space; /* "": in all of them, or of none */
};

/* Appends the review. GS_INVALID: not UTF-8; GS_LIMIT, GS_NO_MEMORY. */
int gs_kubereview_write_token(const char *token, const char *audience, struct gs_buf *out,
                              struct gs_err *err);

/* Reads the answer: *ret_good: the token is one, and for this audience. Then *ret_user is who, as
 * the parts of a SubjectAccessReview's spec (JSON: `"user":...,"groups":[...]`), to be freed.
 * GS_INVALID: no such answer; GS_LIMIT: a user of more than fits; GS_NO_MEMORY. */
int gs_kubereview_read_token(struct gs_view answer, const char *audience, bool *ret_good,
                             char **ret_user, struct gs_err *err);

/* Appends the review of somebody whom gs_kubereview_read_token gave. GS_LIMIT, GS_NO_MEMORY. */
int gs_kubereview_write_access(const char *user, const struct gs_kubereview_access *access,
                               struct gs_buf *out, struct gs_err *err);

/* GS_INVALID: no such answer. */
int gs_kubereview_read_access(struct gs_view answer, bool *ret_allowed, struct gs_err *err);
