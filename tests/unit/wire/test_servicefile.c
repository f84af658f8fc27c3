#include "unit/wire/bad_input.h"

#include <stdio.h>
#include <stdlib.h>

#include "wire/servicefile.h"

static struct gs_arena arena;

static int set_up(void **state)
{
    (void)state;
    gs_arena_init(&arena, &gs_alloc_heap, 64 << 20);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gs_arena_done(&arena);
    return 0;
}

static const char *const same[] = {
    "name,rate_per_s,latency_ms\nbert,19,6434\nresnet-50,829.5,204.5\n",
    "name, rate_per_s, latency_ms\r\n\r\n\"bert\",19,6434\r\nresnet-50,829.5,204.5",
    "- {name: bert, rate_per_s: 19, latency_ms: 6434}\n"
    "- {name: resnet-50, rate_per_s: 829.5, latency_ms: 204.5}\n",
    "services:\n- name: bert\n  rate_per_s: 19\n  latency_ms: 6434\n"
    "- name: resnet-50\n  rate_per_s: 829.5\n  latency_ms: 204.5\n",
    "{\"services\": [{\"name\": \"bert\", \"rate_per_s\": 19, \"latency_ms\": 6434},\n"
    "{\"name\": \"resnet-50\", \"rate_per_s\": 829.5, \"latency_ms\": 204.5}]}",
};

static void servicefile__reads_csv_yaml_and_json_alike(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof(same) / sizeof(same[0]); i++) {
        const struct gs_service *services = NULL;
        size_t n = 0;
        struct gs_err err = {0};
        if (gs_servicefile_read(&arena, "f.csv", gs_view(same[i]), &services, &n, &err) < 0) {
            fail_msg("%s: %s", same[i], err.msg);
        }
        assert_int_equal(n, 2);
        assert_string_equal(services[0].name, "bert");
        assert_int_equal(services[0].rate_milli, 19000);
        assert_int_equal(services[0].latency_us, 6434000);
        assert_string_equal(services[1].name, "resnet-50");
        assert_int_equal(services[1].rate_milli, 829500);
        assert_int_equal(services[1].latency_us, 204500);
    }
}

static int parse(const char *text, struct gs_err *err)
{
    const struct gs_service *services;
    size_t n;
    return gs_servicefile_read(&arena, "f.yaml", gs_view(text), &services, &n, err);
}

#define HEADER "name,rate_per_s,latency_ms\n"

static const struct bad_input bad[] = {
    {"", "f.yaml:1: the document is empty; expected services: CSV with the header "
         "name,rate_per_s,latency_ms, or a list with these keys"},
    {HEADER, "f.yaml:1: found no row; expected a service or more"},
    {"name;rate_per_s;latency_ms\n", "f.yaml:1: the document: found \"name;rate"},
    {"name,rate,latency\n", "f.yaml:1: found another header; expected the header name,rate_per_s"},
    {HEADER "a,1,2\na,1,2\n", "f.yaml:3: name: found \"a\"; expected every service once"},
    {HEADER "a,1\n", "f.yaml:2: found 2 fields; expected 3"},
    {HEADER ",1,2\n", "f.yaml:2: name: found \"\"; expected letters"},
    {HEADER "../a,1,2\n", "f.yaml:2: name: found \"../a\"; expected letters"},
    {HEADER "a/b,1,2\n", "f.yaml:2: name: found \"a/b\""},
    {HEADER "a b,1,2\n", "f.yaml:2: name: found \"a b\""},
    {HEADER "a,0,2\n",
     "f.yaml:2: rate_per_s: found \"0\"; expected a plain decimal number above 0"},
    {HEADER "a,-1,2\n", "f.yaml:2: rate_per_s: found \"-1\""},
    {HEADER "a,1e3,2\n", "f.yaml:2: rate_per_s: found \"1e3\""},
    {HEADER "a,1.,2\n", "f.yaml:2: rate_per_s: found \"1.\""},
    {HEADER "a,.5,2\n", "f.yaml:2: rate_per_s: found \".5\""},
    {HEADER "a,010,2\n", "f.yaml:2: rate_per_s: found \"010\""},
    {HEADER "a,1.5x,2\n", "f.yaml:2: rate_per_s: found \"1.5x\""},
    {HEADER "a,1.23456x,2\n", "f.yaml:2: rate_per_s: found \"1.23456x\""},
    {HEADER "a,N/A,2\n", "f.yaml:2: rate_per_s: found \"N/A\""},
    {HEADER "a,1000000001,2\n", "f.yaml:2: rate_per_s: found \"1000000001\""},
    {HEADER "a,1000000000.0001,2\n", "f.yaml:2: rate_per_s: found \"1000000000.0001\""},
    {HEADER "a,99999999999999999999999999,2\n", "f.yaml:2: rate_per_s: found \"999"},
    {HEADER "a,1,\n", "f.yaml:2: latency_ms: found \"\""},
    {HEADER "a,1,0.0009\n", "f.yaml:2: latency_ms: found \"0.0009\""},
    {HEADER "a,1,86400001\n", "f.yaml:2: latency_ms: found \"86400001\""},
    {"services: []\n", "f.yaml:1: services: found 0; expected 1 to 2000"},
    {"service: []\n", "f.yaml:1: found key \"service\"; expected one of services"},
    {"- {name: a, rate_per_s: 1}\n", "f.yaml:1: found no key \"latency_ms\""},
    {"- {name: a, rate_per_s: 1, latency_ms: 2, slo: 3}\n", "f.yaml:1: found key \"slo\""},
    {"- {name: a, rate_per_s: \"1\", latency_ms: 2}\n",
     "f.yaml:1: rate_per_s: found \"1\" in quotes"},
    {"- {name: a, rate_per_s: [1], latency_ms: 2}\n", "f.yaml:1: rate_per_s: found a list"},
    {"- {name: a, rate_per_s: 1,\n   latency_ms: 0x10}\n", "f.yaml:2: latency_ms: found \"0x10\""},
    {"- {name: .a, rate_per_s: 1, latency_ms: 2}\n", "f.yaml:1: name: found \".a\""},
    {"- {name: a, rate_per_s: 1, latency_ms: 2}\n- {name: a, rate_per_s: 1, latency_ms: 2}\n",
     "f.yaml:2: name: found \"a\"; expected every service once"},
};

static void servicefile__refuses_what_it_cannot_read(void **state)
{
    (void)state;
    CHECK_BAD_INPUTS(bad, parse);
}

#define ROWS "Mig instance,Batch size,Workload Number,Throughput,Latency\n"

static void servicefile__asks_for_more_and_promises_less_when_it_rounds(void **state)
{
    (void)state;
    const struct gs_service *service;
    const struct gs_service_row *rows;
    size_t n;
    assert_int_equal(
        gs_servicefile_read(&arena, "f", gs_view(HEADER "a,1.0001,2.0009\n"), &service, &n, NULL),
        0);
    assert_int_equal(service->rate_milli, 1001);
    assert_int_equal(service->latency_us, 2000);
    assert_int_equal(gs_servicefile_read_rows(&arena, "f",
                                              gs_view(ROWS "1,1,1,74.4089999,0.0130001\n"), &rows,
                                              &n, NULL),
                     0);
    assert_int_equal(rows->throughput_milli, 74408);
    assert_int_equal(rows->latency_us, 13001);
    /* Digits beyond that are 0 change nothing. */
    assert_int_equal(gs_servicefile_read(&arena, "f", gs_view(HEADER "a,1.0010000,2.0090000\n"),
                                         &service, &n, NULL),
                     0);
    assert_int_equal(service->rate_milli, 1001);
    assert_int_equal(service->latency_us, 2009);
}

static int parse_rows(const char *text, struct gs_err *err)
{
    const struct gs_service_row *rows;
    size_t n;
    return gs_servicefile_read_rows(&arena, "f.yaml", gs_view(text), &rows, &n, err);
}

static const struct bad_input bad_rows[] = {
    {"", "f.yaml:1: found nothing; expected the header Mig instance,Batch size,Workload Number,"
         "Throughput,Latency"},
    {ROWS, "f.yaml:1: found no row; expected a measurement or more"},
    {ROWS "0,1,1,1,1\n", "f.yaml:2: Mig instance: found \"0\"; expected an integer from 1 to 16"},
    {ROWS "17,1,1,1,1\n", "f.yaml:2: Mig instance: found \"17\""},
    {ROWS "1.5,1,1,1,1\n", "f.yaml:2: Mig instance: found \"1.5\""},
    {ROWS "1,0,1,1,1\n", "f.yaml:2: Batch size: found \"0\""},
    {ROWS "1,1,1025,1,1\n", "f.yaml:2: Workload Number: found \"1025\""},
    {ROWS "1,1,1,0.0004,1\n", "f.yaml:2: Throughput: found \"0.0004\"; expected a plain decimal"},
    {ROWS "1,1,1,nan,1\n", "f.yaml:2: Throughput: found \"nan\""},
    {ROWS "1,1,1,0,0\n", "f.yaml:2: found no row; expected a measurement or more"},
    {ROWS "1,1,1025,0,0\n", "f.yaml:2: Workload Number: found"},
    {ROWS "1,1,1,0,1\n", "f.yaml:2: Throughput: found \"0\""},
    {ROWS "1,1,1,1,0\n", "f.yaml:2: Latency: found \"0\""},
    {ROWS "1,1,1,1,inf\n", "f.yaml:2: Latency: found \"inf\""},
    {ROWS "1,1,1,1,1\n\n1,1,1,1,-1\n", "f.yaml:4: Latency: found \"-1\""},
    {ROWS "1,1,1,1,1,1\n", "f.yaml:2: found 6 fields; expected 5"},
};

static void servicefile__refuses_a_wrong_measurement(void **state)
{
    (void)state;
    CHECK_BAD_INPUTS(bad_rows, parse_rows);
}

static char *read_whole(const char *dir, const char *name)
{
    static char text[1 << 20];
    char path[600];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *file = fopen(path, "rb");
    if (file == NULL) {
        return NULL;
    }
    text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
    fclose(file);
    return text;
}

static void servicefile__reads_what_parvagpu_measured(void **state)
{
    (void)state;
    const char *data = getenv("GPUSLICE_TESTDATA");
    char dir[500];
    snprintf(dir, sizeof(dir), "%s/parvagpu/prof_data", data == NULL ? "" : data);
    char *text = read_whole(dir, "bert.csv");
    if (text == NULL) {
        print_message("SKIP: ParvaGPU's data is not there (GPUSLICE_TESTDATA)\n");
        skip();
    }
    const struct gs_service_row *rows;
    size_t n;
    struct gs_err err = {0};
    int r = gs_servicefile_read_rows(&arena, "bert.csv", gs_view(text), &rows, &n, &err);
    if (r < 0) {
        fail_msg("%s", err.msg);
    }
    assert_int_equal(n, 214); /* of 225: the others did not run */
    assert_int_equal(rows[0].compute_slices, 1);
    assert_int_equal(rows[1].processes, 2);
    assert_int_equal(rows[0].throughput_milli, 74408);
    assert_int_equal(rows[0].latency_us, 13000);
    static const char *const others[] = {"densenet121", "densenet169", "densenet201", "inceptionv3",
                                         "mobilenetv2", "resnet101",   "resnet152",   "resnet50",
                                         "vgg16",       "vgg19"};
    for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++) {
        char name[40];
        snprintf(name, sizeof(name), "%s.csv", others[i]);
        text = read_whole(dir, name);
        assert_non_null(text);
        assert_int_equal(gs_servicefile_read_rows(&arena, name, gs_view(text), &rows, &n, &err), 0);
        assert_in_range(n, 1, 225);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(servicefile__reads_csv_yaml_and_json_alike),
        TEST(servicefile__refuses_what_it_cannot_read),
        TEST(servicefile__asks_for_more_and_promises_less_when_it_rounds),
        TEST(servicefile__refuses_a_wrong_measurement),
        TEST(servicefile__reads_what_parvagpu_measured),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
