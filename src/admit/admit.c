#include "admit/admit.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "admit/judge.h"
#include "base/cleanup.h"
#include "wire/base64.h"
#include "wire/jsonwrite.h"
#include "wire/kubejson.h"
#include "wire/kubewait.h"

#define VERSION "admission.k8s.io/v1"

/* The request of a review, its texts borrowed. */
struct request {
    const char *uid;
    const char *operation;
    const char *resource; /* "pods" */
    const char *part;     /* of the resource: "status"; NULL: the whole */
    const char *name_space;
    const char *name;
    bool dry_run;
    json_t *object;
};

const char *gs_admit_outcome_text(enum gs_admit_outcome outcome)
{
    static const char *const texts[GS_ADMIT_OUTCOMES] = {
        [GS_ADMIT_GATED] = "gated",
        [GS_ADMIT_LET] = "let",
        [GS_ADMIT_REFUSED] = "refused",
        [GS_ADMIT_PASSED_OVER] = "passed_over",
    };
    return texts[outcome];
}

/* ---- the question ---- */

static int load(struct gs_view body, json_t **ret, struct gs_err *err)
{
    json_error_t error;
    if (body.n > GS_ADMIT_BYTES_MAX) {
        return gs_fail(err, GS_LIMIT, "a review of %zu bytes; at most %d are read", body.n,
                       GS_ADMIT_BYTES_MAX);
    }
    *ret = json_loadb(body.p == NULL ? "" : body.p, body.n, GS_KUBEJSON_LOAD, &error);
    if (*ret != NULL) {
        return 0;
    }
    if (error.line < 0 || json_error_code(&error) == json_error_out_of_memory) {
        return gs_kubejson_no_memory(err);
    }
    return gs_fail(err, GS_INVALID, "the review is not JSON: line %d: %.100s", error.line,
                   gs_kubejson_is_printable(error.text) ? error.text : "a control character");
}

static int check_version(const json_t *review, struct gs_err *err)
{
    const char *kind = NULL;
    const char *version = NULL;
    if (!json_is_object(review)) {
        return gs_fail(err, GS_INVALID, "the review is %s; expected an object",
                       gs_kubejson_type(review));
    }
    int r = gs_kubejson_text(review, "kind", &kind, err);
    r = r == 0 ? gs_kubejson_text(review, "apiVersion", &version, err) : r;
    if (r != 0) {
        return r;
    }
    if (kind == NULL || version == NULL || strcmp(kind, "AdmissionReview") != 0) {
        return gs_fail(err, GS_INVALID,
                       "found kind \"%.63s\"; expected AdmissionReview of " VERSION,
                       kind == NULL ? "" : kind);
    }
    return strcmp(version, VERSION) == 0
               ? 0
               : gs_fail(err, GS_UNSUPPORTED, "an AdmissionReview of %.63s; expected " VERSION,
                         version);
}

static int read_request(const json_t *review, struct request *ret, struct gs_err *err)
{
    json_t *request = NULL;
    json_t *resource = NULL;
    *ret = (struct request){.uid = NULL};
    int r = gs_kubejson_object(review, "request", &request, err);
    r = r == 0 ? gs_kubejson_text(request, "uid", &ret->uid, err) : r;
    if (r == 0 &&
        (ret->uid == NULL || ret->uid[0] == '\0' || strlen(ret->uid) > GS_ADMIT_UID_MAX)) {
        r = gs_fail(err, GS_INVALID, "request.uid is missing, or longer than %d bytes",
                    GS_ADMIT_UID_MAX);
    }
    if (r != 0) {
        return r;
    }
    /* From here on there is an answer: what is strange is passed over. */
    (void)gs_kubejson_text(request, "operation", &ret->operation, NULL);
    (void)gs_kubejson_text(request, "subResource", &ret->part, NULL);
    (void)gs_kubejson_text(request, "namespace", &ret->name_space, NULL);
    (void)gs_kubejson_text(request, "name", &ret->name, NULL);
    (void)gs_kubejson_bool(request, "dryRun", &ret->dry_run, NULL);
    (void)gs_kubejson_object(request, "object", &ret->object, NULL);
    if (gs_kubejson_object(request, "resource", &resource, NULL) == 0) {
        (void)gs_kubejson_text(resource, "resource", &ret->resource, NULL);
    }
    return 0;
}

/* ---- the answer ---- */

/* Names that come in messages are not checked by the API server yet: what is not ASCII is shown as
 * one '?' a byte, so that a text that is cut stays UTF-8. */
static void make_plain(char *text)
{
    for (; *text != '\0'; text++) {
        *text = (unsigned char)*text >= 0x80 || (unsigned char)*text < 0x20 ? '?' : *text;
    }
}

static void write_patch(const struct gs_judgement *judgement, struct gs_jsonwrite *json,
                        struct gs_buf *encoded)
{
    static const char first[] = "[{\"op\":\"add\",\"path\":\"/spec/schedulingGates\","
                                "\"value\":[{\"name\":\"" GS_KUBEWAIT_GATE "\"}]}]";
    static const char more[] = "[{\"op\":\"add\",\"path\":\"/spec/schedulingGates/-\","
                               "\"value\":{\"name\":\"" GS_KUBEWAIT_GATE "\"}}]";
    gs_base64_write(gs_view(judgement->first_gate ? first : more), encoded);
    gs_jsonwrite_text(json, "patchType", "JSONPatch");
    gs_jsonwrite_text(json, "patch", gs_buf_text(encoded));
}

static void write_response(const char *uid, const struct gs_judgement *judgement,
                           struct gs_jsonwrite *json, struct gs_buf *encoded)
{
    bool refused = judgement->outcome == GS_ADMIT_REFUSED;
    gs_jsonwrite_open(json, "response", '{');
    gs_jsonwrite_text(json, "uid", uid);
    gs_jsonwrite_bool(json, "allowed", !refused);
    if (judgement->outcome == GS_ADMIT_GATED) {
        write_patch(judgement, json, encoded);
    }
    if (refused) {
        gs_jsonwrite_open(json, "status", '{');
        gs_jsonwrite_number(json, "code", 403);
        gs_jsonwrite_text(json, "reason", "Forbidden");
        gs_jsonwrite_text(json, "message", judgement->message);
        gs_jsonwrite_close(json, '}');
    } else if (judgement->message[0] != '\0') {
        gs_jsonwrite_open(json, "warnings", '[');
        gs_jsonwrite_text(json, NULL, judgement->message);
        gs_jsonwrite_close(json, ']');
    }
    gs_jsonwrite_close(json, '}');
}

static int write_answer(const char *uid, const struct gs_judgement *judgement, struct gs_buf *out,
                        struct gs_err *err)
{
    GS_CLEANUP(gs_buf_done) struct gs_buf encoded;
    struct gs_jsonwrite json = {.out = out};
    gs_buf_init(&encoded, 1024);
    gs_jsonwrite_open(&json, NULL, '{');
    gs_jsonwrite_text(&json, "apiVersion", VERSION);
    gs_jsonwrite_text(&json, "kind", "AdmissionReview");
    write_response(uid, judgement, &json, &encoded);
    gs_jsonwrite_close(&json, '}');
    if (!gs_buf_ok(&encoded)) {
        return gs_kubejson_no_memory(err);
    }
    return gs_jsonwrite_end(&json, "the answer to a review", err);
}

/* ---- both ---- */

static bool is_new_pod(const struct request *request)
{
    return request->resource != NULL && strcmp(request->resource, "pods") == 0 &&
           request->operation != NULL && strcmp(request->operation, "CREATE") == 0 &&
           (request->part == NULL || request->part[0] == '\0') && request->object != NULL;
}

/* What cannot be judged comes as it is, and its author is told. */
static int judge(const struct request *request, const struct gs_admit_rules *rules,
                 struct gs_judgement *ret, struct gs_err *err)
{
    struct gs_err why = {.code = GS_OK};
    int r = is_new_pod(request) ? gs_judge(request->object, rules, ret, &why)
                                : gs_fail(&why, GS_INVALID, "expected a pod that is created");
    if (r == GS_NO_MEMORY) {
        return gs_kubejson_no_memory(err);
    }
    if (r != 0) {
        *ret = (struct gs_judgement){.outcome = GS_ADMIT_PASSED_OVER};
        (void)snprintf(ret->message, sizeof(ret->message),
                       "gpuslice does not understand this object and leaves it as it is: %.400s",
                       why.msg);
    }
    make_plain(ret->message);
    return 0;
}

static const char *pod_name(const struct request *request)
{
    static const char *const keys[] = {"name", "generateName"};
    json_t *metadata = NULL;
    const char *name = request->name;
    (void)gs_kubejson_object(request->object, "metadata", &metadata, NULL);
    for (size_t i = 0; i < GS_ARRAY_LEN(keys) && (name == NULL || name[0] == '\0'); i++) {
        (void)gs_kubejson_text(metadata, keys[i], &name, NULL);
    }
    return name == NULL ? "" : name;
}

int gs_admit_review(struct gs_view body, const struct gs_admit_rules *rules,
                    struct gs_buf *ret_answer, struct gs_admit_verdict *ret, struct gs_err *err)
{
    GS_AUTO_JSON review = NULL;
    struct request request;
    struct gs_judgement judgement;
    int r = load(body, &review, err);
    r = r == 0 ? check_version(review, err) : r;
    r = r == 0 ? read_request(review, &request, err) : r;
    r = r == 0 ? judge(&request, rules, &judgement, err) : r;
    r = r == 0 ? write_answer(request.uid, &judgement, ret_answer, err) : r;
    if (r != 0) {
        return r;
    }
    ret->outcome = judgement.outcome;
    ret->dry_run = request.dry_run;
    (void)snprintf(ret->pod, sizeof(ret->pod), "%.63s/%.253s",
                   request.name_space == NULL ? "" : request.name_space, pod_name(&request));
    make_plain(ret->pod);
    memcpy(ret->message, judgement.message, sizeof(ret->message));
    return 0;
}
