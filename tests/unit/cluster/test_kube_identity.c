/* Who we are to the API server, and where it is. */
#include "unit/check.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "cluster/kube.h"
#include "cluster/kube_identity.h"
#include "kube/api.h"
#include "unit/net/loop.h"

enum { WAIT_MS = 60000 };

struct world {
    sd_event *event;
    struct api api;
    struct gs_kube *kube;
    bool done;
    unsigned n_done;
    int result;
    struct gs_err err;
};

static void begin(struct world *world)
{
    *world = (struct world){.n_done = 0};
    assert_true(sd_event_new(&world->event) >= 0);
    api_start(&world->api, world->event);
}

static void end(struct world *world)
{
    gs_kube_free(world->kube);
    api_stop(&world->api);
    sd_event_unref(world->event);
}

static int open_with(struct world *world, const char *kubeconfig, struct gs_err *err)
{
    const struct gs_kube_options options = {.event = world->event, .kubeconfig = kubeconfig};
    gs_kube_free(world->kube);
    world->kube = NULL;
    return gs_kube_new(&options, &world->kube, err);
}

static void open_as(struct world *world, const char *user)
{
    struct gs_err err = {.msg = ""};
    if (open_with(world, api_kubeconfig(&world->api, user), &err) != 0) {
        print_message("%s\n", err.msg);
        fail();
    }
}

static void on_done(void *ctx, int result, const struct gs_kube_answer *answer,
                    const struct gs_kubestatus *status, const struct gs_err *err)
{
    struct world *world = ctx;
    (void)answer;
    (void)status;
    world->done = true;
    world->n_done++;
    world->result = result;
    world->err = err == NULL ? (struct gs_err){.msg = ""} : *err;
}

static void begin_try(struct world *world, uint64_t limit_us, bool once)
{
    const struct gs_kube_request request = {.method = "GET",
                                            .path = "/api/v1/nodes?limit=1",
                                            .limit_us = limit_us,
                                            .once = once,
                                            .done = on_done,
                                            .ctx = world};
    world->done = false;
    assert_int_equal(gs_kube_begin(world->kube, &request, NULL, NULL), 0);
}

static void begin_ask(struct world *world, uint64_t limit_us)
{
    begin_try(world, limit_us, false);
}

static int ask(struct world *world, uint64_t limit_us)
{
    begin_ask(world, limit_us);
    loop_until(world->event, &world->done, WAIT_MS);
    return world->result;
}

/* ---- configurations ---- */

static void identity__a_token_in_the_configuration_is_shown(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    open_as(&world, "{\"token\": \"agent\"}");
    assert_int_equal(ask(&world, 0), 0);
    open_as(&world, "{\"token\": \"somebody\"}");
    assert_int_equal(ask(&world, 0), GS_IO);
    assert_int_equal(world.err.sys_errno, EPERM);
    assert_non_null(strstr(world.err.msg, "401 Unauthorized"));
    end(&world);
}

static void identity__files_that_are_missing_are_named_with_their_field(void **state)
{
    static const struct {
        const char *user;
        const char *says;
    } cases[] = {
        {"{\"tokenFile\": \"no-token\"}", "tokenFile: there is no file"},
        {"{\"client-certificate\": \"/no/cert\", \"client-key\": \"ca.crt\"}",
         "client-certificate: there is no file /no/cert"},
        {"{\"client-certificate\": \"ca.crt\", \"client-key\": \"/no/key\"}",
         "client-key: there is no file /no/key"},
    };
    struct world world;
    struct gs_err err;
    (void)state;
    begin(&world);
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        err = (struct gs_err){.msg = ""};
        assert_int_equal(open_with(&world, api_kubeconfig(&world.api, cases[i].user), &err),
                         GS_NOT_FOUND);
        assert_non_null(strstr(err.msg, cases[i].says));
        assert_non_null(strstr(err.msg, "/kubeconfig: "));
    }
    assert_int_equal(open_with(&world, "/no/such/config", &err), GS_NOT_FOUND);
    assert_non_null(strstr(err.msg, "/no/such/config: there is no such file"));
    api_write(&world.api, "token", "two\nlines");
    assert_int_equal(
        open_with(&world, api_kubeconfig(&world.api, "{\"tokenFile\": \"token\"}"), &err),
        GS_INVALID);
    assert_non_null(strstr(err.msg, "/token: expected one line with a token"));
    assert_null(strstr(err.msg, "two"));
    end(&world);
}

/* ---- pods ---- */

static int open_pod(struct world *world, const char *folder, struct gs_err *err)
{
    const struct gs_kube_options options = {.event = world->event, .service_account = folder};
    gs_kube_free(world->kube);
    world->kube = NULL;
    return gs_kube_new(&options, &world->kube, err);
}

static void identity__a_pod_finds_its_server_and_token(void **state)
{
    struct world world;
    struct gs_err err = {.msg = ""};
    char port[12];
    (void)state;
    begin(&world);
    snprintf(port, sizeof(port), "%u", world.api.proxy.port);
    api_write(&world.api, "token", "agent");
    setenv("KUBERNETES_SERVICE_HOST", "127.0.0.1", 1);
    setenv("KUBERNETES_SERVICE_PORT", port, 1);
    assert_int_equal(open_pod(&world, world.api.folder, &err), 0);
    assert_int_equal(ask(&world, 0), 0);
    assert_int_equal(open_pod(&world, "/nowhere", &err), GS_NOT_FOUND);
    assert_non_null(strstr(err.msg, "service account: ca.crt: there is no file /nowhere/ca.crt"));
    setenv("KUBERNETES_SERVICE_PORT", "https", 1);
    assert_int_equal(open_pod(&world, world.api.folder, &err), GS_NOT_FOUND);
    unsetenv("KUBERNETES_SERVICE_HOST");
    unsetenv("KUBERNETES_SERVICE_PORT");
    assert_int_equal(open_pod(&world, world.api.folder, &err), GS_NOT_FOUND);
    assert_non_null(strstr(err.msg, "KUBERNETES_SERVICE_HOST"));
    end(&world);
}

/* ---- credential programs ---- */

/* A program that counts its runs in "count" and prints the file "said". */
static void write_program(struct world *world, const char *more)
{
    char text[1024];
    snprintf(text, sizeof(text), "#!/bin/sh\ncd '%s'\necho x >>count\n%s\ncat said\n",
             world->api.folder, more);
    assert_int_equal(chmod(api_write(&world->api, "program", text), 0700), 0);
}

static void say(struct world *world, const char *token, int expires_in_s)
{
    char text[400];
    char end_text[40];
    time_t at = time(NULL) + expires_in_s;
    struct tm tm;
    strftime(end_text, sizeof(end_text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&at, &tm));
    snprintf(text, sizeof(text),
             "{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\","
             "\"status\":{\"token\":\"%s\"%s%s%s}}",
             token, expires_in_s == 0 ? "" : ",\"expirationTimestamp\":\"",
             expires_in_s == 0 ? "" : end_text, expires_in_s == 0 ? "" : "\"");
    api_write(&world->api, "said", text);
}

static unsigned runs(struct world *world)
{
    char path[200];
    struct stat st;
    snprintf(path, sizeof(path), "%s/count", world->api.folder);
    return stat(path, &st) == 0 ? (unsigned)st.st_size / 2 : 0;
}

static void open_with_program(struct world *world)
{
    open_as(world, "{\"exec\": {\"apiVersion\": \"client.authentication.k8s.io/v1\","
                   " \"command\": \"./program\", \"args\": [\"a b\"],"
                   " \"env\": [{\"name\": \"MORE\", \"value\": \"1\"}]}}");
}

static void identity__a_program_is_asked_once_for_many_requests(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    write_program(&world, "[ \"$1\" = 'a b' ] && [ \"$MORE\" = 1 ] && [ -n \"$PATH\" ] || exit 9\n"
                          "echo \"$KUBERNETES_EXEC_INFO\" | grep -q ExecCredential || exit 8\n"
                          "sleep 0.1");
    say(&world, "agent", 3600);
    open_with_program(&world);
    for (unsigned i = 0; i < 5; i++) { /* they wait for it together */
        begin_ask(&world, 0);
    }
    while (world.n_done < 5) {
        world.done = false;
        loop_until(world.event, &world.done, WAIT_MS);
        assert_int_equal(world.result, 0);
    }
    assert_int_equal(ask(&world, 0), 0);
    assert_int_equal(runs(&world), 1);
    end(&world);
}

static void identity__a_program_is_asked_anew_when_its_word_runs_out(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    write_program(&world, "");
    say(&world, "agent", 2);
    open_with_program(&world);
    assert_int_equal(ask(&world, 0), 0);
    say(&world, "admin", 3600);
    loop_for(world.event, 2500);
    assert_int_equal(ask(&world, 0), 0);
    assert_in_range(runs(&world), 2, 3);
    end(&world);
}

static void identity__a_program_is_asked_anew_when_the_server_does_not_know_it(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    write_program(&world, "");
    say(&world, "agent", 0);
    open_with_program(&world);
    assert_int_equal(ask(&world, 0), 0);
    api_set_tokens(&world.api, "admin agent-2");
    say(&world, "agent-2", 0);
    assert_int_equal(ask(&world, 0), 0);
    assert_int_equal(runs(&world), 2);
    api_set_tokens(&world.api, "admin");
    assert_int_equal(ask(&world, 0), GS_IO);
    assert_int_equal(world.err.sys_errno, EPERM);
    assert_int_equal(runs(&world), 3);
    end(&world);
}

static void identity__a_program_that_fails_is_quoted_and_not_asked_at_once(void **state)
{
    static const struct {
        const char *does;
        const char *says;
    } cases[] = {
        {"echo 'not logged in' >&2; exit 3", "ended with status 3: not logged in"},
        {"exit 1", "ended with status 1: it said nothing"},
        {"kill -9 $$", "was killed by signal 9"},
        {"echo nonsense; exit 0", "is not JSON"},
        {"head -c 2000000 /dev/zero", "printed more than 1048576 bytes"},
        {"i=0; while [ $i -lt 3000 ]; do echo 'a long story of no use' >&2; i=$((i+1)); done\n"
         "echo 'the end' >&2; exit 2",
         "of no use"},
    };
    struct world world;
    (void)state;
    begin(&world);
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        write_program(&world, cases[i].does);
        say(&world, "agent", 0);
        open_with_program(&world);
        /* however long it takes to fail */
        begin_try(&world, 60000000, true);
        loop_until(world.event, &world.done, WAIT_MS);
        assert_int_not_equal(world.result, 0);
        uint64_t failed_us = gs_now_us();
        unsigned before = runs(&world);
        if (strstr(world.err.msg, cases[i].says) == NULL) {
            print_message("%s\n", world.err.msg);
            fail();
        }
        int r = ask(&world, 300000);             /* tries as often as it may */
        if (gs_now_us() - failed_us < 4000000) { /* it is asked again after 5 s */
            assert_int_equal(r, GS_LIMIT);
            assert_non_null(strstr(world.err.msg, cases[i].says));
            assert_int_equal(runs(&world), before);
        }
    }
    end(&world);
}

static void identity__a_program_that_is_not_there_is_said(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    open_as(&world, "{\"exec\": {\"apiVersion\": \"client.authentication.k8s.io/v1\","
                    " \"command\": \"gs-no-such-program\"}}");
    assert_int_equal(ask(&world, 300000), GS_LIMIT);
    assert_non_null(strstr(world.err.msg, "there is no program gs-no-such-program"));
    end(&world);
}

static void identity__a_program_that_hangs_ends_with_the_client(void **state)
{
    struct world world;
    (void)state;
    begin(&world);
    write_program(&world, "echo $$ >said; sleep 1000");
    open_with_program(&world);
    assert_int_equal(ask(&world, 500000), GS_LIMIT);
    char path[200];
    int pid = 0;
    snprintf(path, sizeof(path), "%s/said", world.api.folder);
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    assert_int_equal(fscanf(file, "%d", &pid), 1);
    fclose(file);
    assert_int_equal(kill(pid, 0), 0);
    gs_kube_free(world.kube);
    world.kube = NULL;
    assert_int_equal(kill(pid, 0), -1);
    end(&world);
}

static void identity__certificates_of_a_program_are_used(void **state)
{
    struct world world;
    struct cert client;
    (void)state;
    begin(&world);
    cert_make(&(struct cert_plan){.name = "agent", .days = 2, .by = &world.api.ca}, &client);
    json_t *said =
        json_pack("{s:s, s:s, s:{s:s, s:s, s:s}}", "apiVersion", "client.authentication.k8s.io/v1",
                  "kind", "ExecCredential", "status", "token", "agent", "clientCertificateData",
                  client.pem, "clientKeyData", client.key);
    char *text = json_dumps(said, 0);
    write_program(&world, "");
    api_write(&world.api, "said", text);
    open_with_program(&world);
    assert_int_equal(ask(&world, 0), 0); /* the TLS library has taken both */
    free(text);
    json_object_set_new(json_object_get(said, "status"), "clientKeyData", json_string("no key"));
    text = json_dumps(said, 0);
    api_write(&world.api, "said", text);
    open_with_program(&world);
    assert_int_equal(ask(&world, 0), GS_INVALID);
    free(text);
    json_decref(said);
    end(&world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identity__a_token_in_the_configuration_is_shown),
        cmocka_unit_test(identity__files_that_are_missing_are_named_with_their_field),
        cmocka_unit_test(identity__a_pod_finds_its_server_and_token),
        cmocka_unit_test(identity__a_program_is_asked_once_for_many_requests),
        cmocka_unit_test(identity__a_program_is_asked_anew_when_its_word_runs_out),
        cmocka_unit_test(identity__a_program_is_asked_anew_when_the_server_does_not_know_it),
        cmocka_unit_test(identity__a_program_that_fails_is_quoted_and_not_asked_at_once),
        cmocka_unit_test(identity__a_program_that_is_not_there_is_said),
        cmocka_unit_test(identity__a_program_that_hangs_ends_with_the_client),
        cmocka_unit_test(identity__certificates_of_a_program_are_used),
    };
    signal(SIGPIPE, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
