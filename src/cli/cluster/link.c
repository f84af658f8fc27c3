#include "cli/cluster/link.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cluster/kube_identity.h"
#include "cluster/kube_list.h"
#include "term/exit.h"
#include "wire/kubejson.h"

enum { PAGE = 500, ANSWER_BYTES_MAX = 16 << 20 };

/* ---- which cluster ---- */

static bool is_in_pod(void)
{
    const char *host = getenv("KUBERNETES_SERVICE_HOST");
    return host != NULL && host[0] != '\0' && access(GS_KUBE_SERVICE_ACCOUNT "/token", R_OK) == 0;
}

/* Whole, or not at all. */
static int put_name(char *ret, size_t size, const char *name, struct gs_err *err)
{
    int n = snprintf(ret, size, "%s", name);
    return n >= 0 && (size_t)n < size
               ? 0
               : gs_fail(err, GS_LIMIT, "the names of kubeconfigs have more than %zu bytes: %.100s",
                         size - 1, name);
}

/* What kubectl would take; "" for a pod's account. *ret_several: files with ":" between them. */
static int find_kubeconfig(const struct gs_link_args *args, char *ret, size_t size,
                           bool *ret_several, struct gs_err *err)
{
    const char *named = getenv("KUBECONFIG");
    const char *home = getenv("HOME");
    ret[0] = '\0';
    *ret_several = false;
    if (args->kubeconfig != NULL) {
        return put_name(ret, size, args->kubeconfig, err);
    }
    if (named != NULL && named[0] != '\0') {
        *ret_several = true;
        return put_name(ret, size, named, err);
    }
    int n = home == NULL ? -1 : snprintf(ret, size, "%s/.kube/config", home);
    if (n > 0 && (size_t)n < size && access(ret, F_OK) == 0) {
        return 0;
    }
    if (!is_in_pod()) {
        return gs_fail(err, GS_NOT_FOUND,
                       "no cluster to speak to: there is no --kubeconfig, KUBECONFIG is not set, "
                       "%s is not there, and this is no pod; expected one of them",
                       home == NULL ? "~/.kube/config" : ret);
    }
    ret[0] = '\0';
    return 0;
}

static void find_namespace(struct gs_link *link)
{
    const char *of_context = gs_kube_namespace(link->kube);
    char text[GS_LINK_NAMESPACE_MAX] = "";
    if (link->in_pod) {
        FILE *file = fopen(GS_KUBE_SERVICE_ACCOUNT "/namespace", "re");
        size_t n = file == NULL ? 0 : fread(text, 1, sizeof(text) - 1, file);
        text[n] = '\0';
        text[strcspn(text, " \t\r\n")] = '\0';
        if (file != NULL) {
            fclose(file);
        }
    }
    (void)snprintf(link->name_space, sizeof(link->name_space), "%.253s",
                   of_context[0] != '\0' ? of_context
                   : text[0] != '\0'     ? text
                                         : "default");
}

int gs_link_open(struct gs_link *link, const struct gs_link_args *args, struct gs_err *err)
{
    *link = (struct gs_link){.limit_us = args->timeout_s * 1000000};
    char file[sizeof(link->where)];
    bool several;
    int r = find_kubeconfig(args, file, sizeof(file), &several, err);
    if (r < 0) {
        return r;
    }
    (void)snprintf(link->where, sizeof(link->where), "%s",
                   file[0] == '\0' ? "the account of this pod" : file);
    link->in_pod = file[0] == '\0';
    int s = sd_event_new(&link->event);
    if (s < 0) {
        return gs_fail_errno(err, -s, "making an event loop");
    }
    const struct gs_kube_options options = {
        .event = link->event,
        .kubeconfig = file[0] == '\0' ? NULL : file,
        .several = several,
        .context = args->context,
        .user_agent = "gpuslice/" GS_VERSION,
    };
    r = gs_kube_new(&options, &link->kube, err);
    if (r == 0) {
        find_namespace(link);
    }
    return r;
}

void gs_link_close(struct gs_link *link)
{
    gs_kube_free(link->kube);
    sd_event_unref(link->event);
    link->kube = NULL;
    link->event = NULL;
}

int gs_link_turn(struct gs_link *link, struct gs_err *err)
{
    int s = sd_event_run(link->event, UINT64_MAX);
    return s < 0 && s != -EINTR ? gs_fail_errno(err, -s, "turning the event loop") : 0;
}

int gs_link_wait(struct gs_link *link, struct gs_err *err)
{
    int r = 0;
    while (r == 0 && link->under_way > 0) {
        r = gs_link_turn(link, err);
    }
    return r;
}

/* ---- what went wrong ---- */

const char *gs_link_advice(const struct gs_err *err)
{
    if (err->sys_errno == ENOKEY) {
        return "the kubeconfig's credential program did not say who we are: what does it print, run "
               "by hand? kubectl config view --minify shows how it is called";
    }
    if (err->code == GS_LIMIT) {
        return "the API server did not answer in time: is it up, and does a way lead to it? "
               "--request-timeout gives it longer";
    }
    if (err->code != GS_IO) {
        return NULL;
    }
    switch (err->sys_errno) {
    case ECONNREFUSED:
        return "nobody listens there: is the cluster up, and is this the right one (kubectl config "
               "current-context)?";
    case EKEYREJECTED:
        return "the server is not the one that the kubeconfig trusts: certificate-authority-data is "
               "of another cluster, or the server is reached by another name";
    case EPERM:
        return strstr(err->msg, "says 401") != NULL
                   ? "the API server does not know who we are: is the token or certificate of the "
                     "kubeconfig out of date? kubectl auth whoami says"
                   : "the account lacks the right; docs/cluster.md lists those that each command "
                     "needs, kubectl auth can-i --list those that there are";
    case EPROTO:
        return "what answers there speaks no HTTPS: is it the API server's port?";
    case EISDIR:
        return "that is a folder; expected a kubeconfig, as kubectl has it";
    default:
        return "is the address in the kubeconfig right, and does a way lead there?";
    }
}

int gs_link_failed(const struct gs_link *link, const struct gs_err *err)
{
    struct gs_err shown = *err;
    const char *advice = gs_link_advice(err);
    if (link->kube != NULL && advice != NULL) {
        const char *server = gs_kube_server(link->kube);
        bool named = strstr(err->msg, server) != NULL;
        (void)gs_wrap(&shown, (int)shown.code, "%s%s%s%.200s%s", named ? "" : server,
                      named ? "" : " ", named ? "" : "(", link->where, named ? "" : ")");
    }
    int status = gs_exit_failed(&shown);
    if (advice != NULL) {
        gs_exit_note(advice);
    }
    return status;
}

/* ---- lists ---- */

static void on_begin(void *ctx)
{
    struct gs_link_list *list = ctx;
    list->objects = 0;
    if (list->begin != NULL) {
        list->begin(list->ctx);
    }
}

static int on_object(void *ctx, const struct json_t *object, struct gs_err *err)
{
    struct gs_link_list *list = ctx;
    list->objects++;
    return list->take(list->ctx, object, err);
}

static void on_list(void *ctx, int result, const char *version, const struct gs_kubestatus *status,
                    const struct gs_err *err)
{
    struct gs_link_list *list = ctx;
    (void)version;
    list->result = result;
    list->status = status->code;
    if (result != 0) {
        list->err = *err;
    }
    list->link->under_way--;
}

void gs_link_begin_list(struct gs_link *link, struct gs_link_list *list)
{
    const struct gs_kube_list_options options = {
        .path = list->path,
        .selector = list->selector == NULL ? "" : list->selector,
        .kind = list->kind,
        .page = PAGE,
        .limit_us = link->limit_us,
        .once = true, /* a person waits: what does not work is said, not tried for long */
        .begin = on_begin,
        .take = on_object,
        .done = on_list,
        .ctx = list,
    };
    struct gs_kube_list *begun;
    list->link = link;
    list->err = (struct gs_err){.code = GS_OK};
    list->status = 0;
    list->objects = 0;
    list->result = gs_kube_list_begin(link->kube, &options, &begun, &list->err);
    link->under_way += list->result == 0;
}

/* ---- requests ---- */

static void on_answer(void *ctx, int result, const struct gs_kube_answer *answer,
                      const struct gs_kubestatus *status, const struct gs_err *err)
{
    struct gs_link_request *request = ctx;
    struct gs_link *link = request->link; /* `done` may begin another with the same struct */
    request->result = result;
    request->status = result == 0 ? answer->status : status->code;
    if (result != 0) {
        request->err = *err;
    } else {
        json_error_t why;
        request->object = json_loadb(answer->body.p, answer->body.n, GS_KUBEJSON_LOAD, &why);
        if (request->object == NULL) {
            request->result = gs_fail(&request->err, GS_INVALID, "%s %.300s: no JSON came: %s",
                                      request->method, request->path, why.text);
        }
    }
    if (request->done != NULL) {
        request->done(request);
    }
    link->under_way--;
}

void gs_link_begin(struct gs_link *link, struct gs_link_request *request)
{
    const struct gs_kube_request options = {
        .method = request->method,
        .path = request->path,
        .type = request->type,
        .body = request->body,
        .limit_us = link->limit_us,
        .once = strcmp(request->method, "GET") == 0, /* changes are small, and worth a second try */
        .max_body = ANSWER_BYTES_MAX,
        .done = on_answer,
        .ctx = request,
    };
    request->link = link;
    request->err = (struct gs_err){.code = GS_OK};
    request->status = 0;
    request->object = NULL;
    request->result = gs_kube_begin(link->kube, &options, NULL, &request->err);
    link->under_way += request->result == 0;
}

void gs_link_drop(struct gs_link_request *request)
{
    json_decref(request->object);
    request->object = NULL;
}
