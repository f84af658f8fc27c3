/* Configurations of kubectl, and what credential programs print. */
#include "unit/check.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "wire/kubeconfig.h"
#include "wire/kubeexec.h"

static struct gs_arena arena;

static int parse(const char *text, const char *context, struct gs_kubeconfig *config,
                 struct gs_err *err)
{
    const struct gs_doc_input input = {
        .label = "config", .what = "a kubeconfig", .lines = true, .bytes = gs_view(text)};
    return gs_kubeconfig_parse(&arena, &input, context, config, err);
}

static int set_up(void **state)
{
    (void)state;
    gs_arena_init(&arena, &gs_alloc_heap, 8 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gs_arena_done(&arena);
    return 0;
}

/* "-----BEGIN A-----" and B. */
#define PEM_A "LS0tLS1CRUdJTiBBLS0tLS0="
#define PEM_B "LS0tLS1CRUdJTiBCLS0tLS0="

static const char whole[] =
    "apiVersion: v1\n"
    "kind: Config\n"
    "preferences: {}\n"
    "current-context: two\n"
    "contexts:\n"
    "- name: one\n"
    "  context: {cluster: far, user: me}\n"
    "- name: two\n"
    "  context:\n"
    "    cluster: near\n"
    "    user: program\n"
    "    namespace: gpus\n"
    "- name: three\n"
    "  context: {cluster: near}\n"
    "clusters:\n"
    "- name: far\n"
    "  cluster:\n"
    "    server: https://far.example:443/\n"
    "    certificate-authority: /etc/ca.crt\n"
    "    tls-server-name: kubernetes\n"
    "- name: near\n"
    "  cluster:\n"
    "    server: https://[::1]:6443\n"
    "    certificate-authority-data: " PEM_A "\n"
    "    insecure-skip-tls-verify: false\n"
    "    extensions: [{name: x, extension: {a: b}}]\n"
    "users:\n"
    "- name: me\n"
    "  user: {client-certificate-data: " PEM_A ", client-key-data: " PEM_B "}\n"
    "- name: program\n"
    "  user:\n"
    "    exec:\n"
    "      apiVersion: client.authentication.k8s.io/v1beta1\n"
    "      command: aws\n"
    "      args: [eks, get-token, --cluster-name, gpus, \"\"]\n"
    "      env:\n"
    "      - {name: AWS_PROFILE, value: dev}\n"
    "      - {name: EMPTY, value: \"\"}\n"
    "      interactiveMode: IfAvailable\n"
    "      provideClusterInfo: true\n";

static void kubeconfig__the_current_context_is_taken(void **state)
{
    struct gs_kubeconfig config;
    (void)state;
    assert_int_equal(parse(whole, NULL, &config, NULL), 0);
    assert_string_equal(config.context, "two");
    assert_string_equal(config.server, "https://[::1]:6443");
    assert_string_equal(config.name_space, "gpus");
    assert_string_equal(config.ca.p, "-----BEGIN A-----");
    assert_string_equal(config.exec.command, "aws");
    assert_string_equal(config.exec.args[3], "gpus");
    assert_string_equal(config.exec.args[4], "");
    assert_null(config.exec.args[5]);
    assert_string_equal(config.exec.env[0], "AWS_PROFILE=dev");
    assert_string_equal(config.exec.env[1], "EMPTY=");
    assert_null(config.exec.env[2]);
    assert_true(config.exec.cluster_info);
    assert_string_equal(config.token, "");
}

static void kubeconfig__another_context_may_be_named(void **state)
{
    struct gs_kubeconfig config;
    (void)state;
    assert_int_equal(parse(whole, "one", &config, NULL), 0);
    assert_string_equal(config.server, "https://far.example:443");
    assert_string_equal(config.server_name, "kubernetes");
    assert_string_equal(config.ca_file, "/etc/ca.crt");
    assert_string_equal(config.cert.p, "-----BEGIN A-----");
    assert_string_equal(config.key.p, "-----BEGIN B-----");
    assert_null(config.exec.command);
    assert_int_equal(parse(whole, "three", &config, NULL), 0); /* without a user: nobody */
    assert_string_equal(config.token, "");
}

/* As kubectl: the first file that says something of a name holds, for each name by itself. */
static void kubeconfig__of_several_files_the_first_holds(void **state)
{
    static const char *const texts[] = {
        "contexts:\n- name: a\n  context: {cluster: k, user: u, namespace: first}\n",
        "current-context: a\ncontexts:\n- name: a\n  context: {cluster: other}\n"
        "- name: b\n  context: {cluster: other}\n"
        "users:\n- name: u\n  user: {tokenFile: token}\n",
        "current-context: b\nclusters:\n- name: k\n  cluster: {server: \"https://k\", "
        "certificate-authority: ca.crt}\n- name: other\n  cluster: {server: \"https://o\"}\n"
        "users:\n- name: u\n  user: {token: later}\n",
    };
    struct gs_doc_input inputs[GS_ARRAY_LEN(texts)];
    struct gs_kubeconfig config;
    struct gs_err err = {.msg = ""};
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(texts); i++) {
        inputs[i] = (struct gs_doc_input){.label = i == 0 ? "one" : "more",
                                          .what = "a kubeconfig",
                                          .lines = true,
                                          .bytes = gs_view(texts[i])};
    }
    assert_int_equal(gs_kubeconfig_parse_all(&arena, inputs, 3, NULL, &config, &err), 0);
    assert_string_equal(config.context, "a");
    assert_string_equal(config.name_space, "first");
    assert_string_equal(config.server, "https://k");
    assert_string_equal(config.ca_file, "ca.crt");
    assert_int_equal(config.cluster_of, 2); /* from whose folder ca.crt is meant */
    assert_string_equal(config.token_file, "token");
    assert_string_equal(config.token, "");
    assert_int_equal(config.user_of, 1);
    assert_int_equal(gs_kubeconfig_parse_all(&arena, inputs, 3, "b", &config, &err), 0);
    assert_string_equal(config.server, "https://o");
    assert_int_equal(gs_kubeconfig_parse_all(&arena, inputs, 2, NULL, &config, &err), GS_NOT_FOUND);
    assert_string_equal(err.msg, "one and those after it: there is no \"k\" among its clusters");
    assert_int_equal(gs_kubeconfig_parse_all(&arena, inputs, 0, NULL, &config, &err), GS_LIMIT);
    assert_int_equal(
        gs_kubeconfig_parse_all(&arena, inputs, GS_KUBECONFIG_FILES_MAX + 1, NULL, &config, &err),
        GS_LIMIT);
}

static void kubeconfig__json_is_read_too_and_nulls_are_nothing(void **state)
{
    struct gs_kubeconfig config;
    (void)state;
    assert_int_equal(
        parse("{\"kind\":\"Config\",\"current-context\":\"c\",\"contexts\":[{\"name\":\"c\","
              "\"context\":{\"cluster\":\"k\",\"user\":\"u\",\"namespace\":null}}],"
              "\"clusters\":[{\"name\":\"k\",\"cluster\":{\"server\":\"https://h\","
              "\"proxy-url\":\"\",\"certificate-authority\":\"\"}}],\"users\":[{\"name\":\"u\","
              "\"user\":{\"token\":\"t\",\"exec\":null,\"username\":null}}]}",
              NULL, &config, NULL),
        0);
    assert_string_equal(config.token, "t");
    assert_string_equal(config.name_space, "");
    assert_string_equal(config.ca_file, "");
}

/* `whole` with one line changed; NULL: taken away. */
static const char *changed(const char *from, const char *to)
{
    static char text[4096];
    const char *at = strstr(whole, from);
    assert_non_null(at);
    snprintf(text, sizeof(text), "%.*s%s%s", (int)(at - whole), whole, to == NULL ? "" : to,
             at + strlen(from));
    return text;
}

static void kubeconfig__what_is_wrong_is_said_with_its_line(void **state)
{
    static const struct {
        const char *from;
        const char *to;
        const char *context;
        int result;
        const char *says;
    } cases[] = {
        {"current-context: two\n", "", NULL, GS_NOT_FOUND, "config: no current-context"},
        {"current-context: two\n", "", "four", GS_NOT_FOUND, "no \"four\" among its contexts"},
        {"cluster: near\n", "cluster: gone\n", NULL, GS_NOT_FOUND,
         "no \"gone\" among its clusters"},
        {"user: program\n", "user: gone\n", NULL, GS_NOT_FOUND, "no \"gone\" among its users"},
        {"https://[::1]:6443", "http://[::1]:6443", NULL, GS_INVALID,
         "config:23: server: found \"http://[::1]:6443\"; expected https://"},
        {"https://[::1]:6443", "https:///", NULL, GS_INVALID, "server: found \"https:///\""},
        {"    server: https://[::1]:6443\n", "", NULL, GS_INVALID, "server: found \"\""},
        {"data: " PEM_A "\n", "data: $$$\n", NULL, GS_INVALID,
         "config:24: certificate-authority-data: character 1 is not base64"},
        {"data: " PEM_A "\n", "data: Zm9v\n", NULL, GS_INVALID, "expected the base64 of PEM"},
        {"verify: false", "verify: maybe", NULL, GS_INVALID, "expected true or false"},
        {", client-key-data: " PEM_B "}", "}", "one", GS_INVALID,
         "a client certificate without its key"},
        {"client-certificate-data: " PEM_A ", ", "", "one", GS_INVALID,
         "a client key without its certificate"},
        {"      command: aws\n", "", NULL, GS_INVALID, "found no command"},
        {"io/v1beta1\n", "io/v1alpha1\n", NULL, GS_INVALID,
         "expected client.authentication.k8s.io/v1 or v1beta1"},
        {"IfAvailable", "Always", NULL, GS_UNSUPPORTED, "wants a terminal"},
        {"{name: EMPTY, value: \"\"}", "{name: \"A=B\", value: x}", NULL, GS_INVALID,
         "the name \"A=B\""},
        {"    extensions:", "    proxy-url: http://p\n    extensions:", NULL, GS_UNSUPPORTED,
         "config:26: proxy-url"},
        {"  user: {client", "  user: {username: x, client", "one", GS_UNSUPPORTED, "username"},
        {"  user: {client", "  user: {auth-provider: {name: gcp}, client", "one", GS_UNSUPPORTED,
         "auth-provider"},
        {"  user: {client", "  user: {as: root, client", "one", GS_UNSUPPORTED, "as:"},
        {"contexts:\n- name: one", "contexts: 7\nx:\n- name: one", NULL, GS_INVALID,
         "expected a list"},
        {"args: [eks", "args: [{a: b}, eks", NULL, GS_INVALID, "args"},
    };
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct gs_kubeconfig config;
        struct gs_err err = {.msg = ""};
        int r = parse(changed(cases[i].from, cases[i].to), cases[i].context, &config, &err);
        if (r != cases[i].result || strstr(err.msg, cases[i].says) == NULL) {
            print_message("case %zu: %d %s\n", i, r, err.msg);
            fail();
        }
    }
}

/* ---- credential programs ---- */

static int parse_said(const char *text, struct gs_kubeexec_credential *said, struct gs_err *err)
{
    return gs_kubeexec_parse(gs_view(text), "client.authentication.k8s.io/v1", &arena, said, err);
}

#define SAID(status)                                                                               \
    "{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":"  \
    "{" status "}}"

static void kubeexec__what_a_program_gives_is_read(void **state)
{
    struct gs_kubeexec_credential said;
    (void)state;
    assert_int_equal(parse_said(SAID("\"token\":\"t\""), &said, NULL), 0);
    assert_string_equal(said.token, "t");
    assert_true(said.expires_us == UINT64_MAX);
    assert_int_equal(
        parse_said(SAID("\"expirationTimestamp\":\"2026-11-22T12:34:56Z\","
                        "\"clientCertificateData\":\"-----BEGIN\\nA\",\"clientKeyData\":\"K\""),
                   &said, NULL),
        0);
    assert_string_equal(said.token, "");
    assert_string_equal(said.cert.p, "-----BEGIN\nA");
    assert_int_equal(said.key.n, 1);
    assert_true(said.expires_us == 1795350896000000);
}

static void kubeexec__what_is_no_credential_is_refused(void **state)
{
    static const char *const cases[] = {
        "",
        "Error: not logged in",
        "[]",
        "{}",
        "{\"apiVersion\":\"client.authentication.k8s.io/v1beta1\",\"kind\":\"ExecCredential\","
        "\"status\":{\"token\":\"t\"}}",
        SAID(""),
        SAID("\"token\":\"\""),
        SAID("\"token\":7"),
        SAID("\"token\":\"a\\nb\""),
        SAID("\"clientCertificateData\":\"c\""),
        SAID("\"clientKeyData\":\"k\",\"token\":\"t\""),
        SAID("\"token\":\"t\",\"expirationTimestamp\":\"tomorrow\""),
    };
    (void)state;
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        struct gs_kubeexec_credential said;
        struct gs_err err = {.msg = ""};
        if (parse_said(cases[i], &said, &err) != GS_INVALID) {
            print_message("case %zu\n", i);
            fail();
        }
        assert_true(err.msg[0] != '\0');
    }
}

static void kubeexec__a_program_is_told_of_the_cluster_where_it_wants(void **state)
{
    struct gs_kubeconfig config;
    struct gs_buf info;
    (void)state;
    gs_buf_init(&info, 4000);
    assert_int_equal(parse(whole, NULL, &config, NULL), 0);
    assert_int_equal(gs_kubeexec_write_info(&config, &info, NULL), 0);
    assert_string_equal(gs_buf_text(&info),
                        "{\"apiVersion\":\"client.authentication.k8s.io/v1beta1\","
                        "\"kind\":\"ExecCredential\",\"spec\":{\"cluster\":"
                        "{\"certificate-authority-data\":\"" PEM_A "\","
                        "\"insecure-skip-tls-verify\":false,\"server\":\"https://[::1]:6443\"},"
                        "\"interactive\":false}}");
    config.exec.cluster_info = false;
    gs_buf_reset(&info);
    assert_int_equal(gs_kubeexec_write_info(&config, &info, NULL), 0);
    assert_null(strstr(gs_buf_text(&info), "cluster"));
    gs_buf_done(&info);
}

#define IN_ARENA(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_ARENA(kubeconfig__the_current_context_is_taken),
        IN_ARENA(kubeconfig__another_context_may_be_named),
        IN_ARENA(kubeconfig__of_several_files_the_first_holds),
        IN_ARENA(kubeconfig__json_is_read_too_and_nulls_are_nothing),
        IN_ARENA(kubeconfig__what_is_wrong_is_said_with_its_line),
        IN_ARENA(kubeexec__what_a_program_gives_is_read),
        IN_ARENA(kubeexec__what_is_no_credential_is_refused),
        IN_ARENA(kubeexec__a_program_is_told_of_the_cluster_where_it_wants),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
