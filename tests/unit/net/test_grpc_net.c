/* gRPC on unix sockets: a server and its clients on one loop. */
#include "unit/check.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "net/grpc_client.h"
#include "net/grpc_link.h"
#include "net/grpc_server.h"
#include "net/grpc_socket.h"

#define ECHO "/v1.Test/Echo"
#define REFUSE "/v1.Test/Refuse"
#define NEVER "/v1.Test/Never"
#define FREE "/v1.Test/Free"
#define LIMIT_US UINT64_C(5000000)

enum { CALLS_MAX = 512, NAME_MAX_BYTES = 80 };

static struct {
    char dir[NAME_MAX_BYTES];
    char path[NAME_MAX_BYTES + 20];
    sd_event *event;
    struct gs_grpc_server *server;
    struct gs_grpc_call *open[CALLS_MAX]; /* of NEVER */
    unsigned n_open;
    unsigned n_ended;
    /* what the last question came to */
    unsigned n_done;
    int r;
    char response[200];
    struct gs_err err;
    unsigned again; /* how often `done` is to ask again */
} world;

/* A service */

static void begin_echo(void *ctx, struct gs_grpc_call *call, struct gs_view request)
{
    assert_ptr_equal(ctx, &world);
    assert_int_equal(gs_grpc_send(call, request), 0);
    gs_grpc_finish(call, GS_GRPC_OK, NULL);
}

static void begin_refuse(void *ctx, struct gs_grpc_call *call, struct gs_view request)
{
    (void)ctx;
    enum gs_grpc_status status = (enum gs_grpc_status)request.p[0];
    gs_grpc_finish(call, status, "because");
}

static void begin_never(void *ctx, struct gs_grpc_call *call, struct gs_view request)
{
    (void)ctx;
    (void)request;
    assert_true(world.n_open < CALLS_MAX);
    assert_null(gs_grpc_call_get(call));
    gs_grpc_call_set(call, &world.open[world.n_open]);
    world.open[world.n_open++] = call;
}

static void ended_never(void *ctx, struct gs_grpc_call *call)
{
    (void)ctx;
    struct gs_grpc_call **slot = gs_grpc_call_get(call);
    assert_ptr_equal(*slot, call);
    *slot = NULL;
    world.n_ended++;
    gs_grpc_finish(call, GS_GRPC_OK, NULL); /* too late, and harmless */
}

static void begin_free(void *ctx, struct gs_grpc_call *call, struct gs_view request)
{
    begin_never(ctx, call, request);
    gs_grpc_server_free(GS_TAKE(world.server));
}

static const struct gs_grpc_method methods[] = {
    {ECHO, begin_echo, NULL},
    {REFUSE, begin_refuse, NULL},
    {NEVER, begin_never, ended_never},
    {FREE, begin_free, ended_never},
};
static const struct gs_grpc_service service = {methods, GS_ARRAY_LEN(methods), &world};

static int serve(const char *path)
{
    return gs_grpc_server_new(world.event, path, &service, &world.server, &world.err);
}

static int set_up(void **state)
{
    (void)state;
    memset(&world, 0, sizeof(world));
    snprintf(world.dir, sizeof(world.dir), "/tmp/gpuslice-grpc.XXXXXX");
    assert_non_null(mkdtemp(world.dir));
    snprintf(world.path, sizeof(world.path), "%s/s.sock", world.dir);
    assert_true(sd_event_new(&world.event) >= 0);
    assert_int_equal(serve(world.path), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    gs_grpc_server_free(world.server);
    sd_event_unref(world.event);
    unlink(world.path);
    assert_int_equal(rmdir(world.dir), 0); /* nothing is left in it */
    return 0;
}

/* Turns the loop while it has something to do, for `ms` at most. */
static void run_while(bool (*is_wanted)(void), unsigned ms)
{
    uint64_t now_us;
    uint64_t end_us;
    sd_event_now(world.event, CLOCK_MONOTONIC, &end_us);
    end_us += (uint64_t)ms * 1000;
    do {
        assert_true(sd_event_run(world.event, 10000) >= 0);
        sd_event_now(world.event, CLOCK_MONOTONIC, &now_us);
    } while (is_wanted() && now_us < end_us);
}

static bool nothing_done(void)
{
    return world.n_done == 0;
}

static bool none_ended(void)
{
    return world.n_ended == 0;
}

/* Until nothing has come for `ms`: both sides are on this loop, however slow the machine is. */
static void settle(unsigned ms)
{
    int r = 1;
    for (unsigned i = 0; r > 0 && i < 100000; i++) {
        r = sd_event_run(world.event, (uint64_t)ms * 1000);
    }
    assert_int_equal(r, 0);
}

/* Questions */

static void on_done(void *ctx, int r, struct gs_view response, const struct gs_err *err)
{
    assert_ptr_equal(ctx, &world);
    assert_int_equal(err == NULL, r == 0);
    world.n_done++;
    world.r = r;
    if (err != NULL) {
        assert_int_equal(err->code, r);
        world.err = *err;
    }
    snprintf(world.response, sizeof(world.response), "%.*s", GS_VIEW_ARGS(response));
    if (world.again > 0) {
        world.again--;
        assert_int_equal(gs_grpc_ask(world.event, world.path, ECHO, gs_view("again"), LIMIT_US,
                                     on_done, &world, NULL, &world.err),
                         0);
    }
}

static struct gs_grpc_ask *ask_at(const char *path, const char *method, struct gs_view request,
                                  uint64_t limit_us)
{
    struct gs_grpc_ask *ask = NULL;
    world.n_done = 0;
    world.r = 77;
    int r = gs_grpc_ask(world.event, path, method, request, limit_us, on_done, &world, &ask,
                        &world.err);
    if (r < 0) {
        fail_msg("%s", world.err.msg);
    }
    assert_int_equal(world.n_done, 0);
    return ask;
}

static int ask(const char *method, struct gs_view request)
{
    ask_at(world.path, method, request, LIMIT_US);
    run_while(nothing_done, 5000);
    assert_int_equal(world.n_done, 1);
    return world.r;
}

static void check_error(int r, const char *part)
{
    run_while(nothing_done, 5000);
    if (world.n_done != 1 || world.r != r || strstr(world.err.msg, part) == NULL) {
        fail_msg("found %u ends, %d \"%s\"; expected %d \"%s\"", world.n_done, world.r,
                 world.err.msg, r, part);
    }
}

static void grpc_client__asks_and_is_answered(void **state)
{
    (void)state;
    assert_int_equal(ask(ECHO, gs_view("hello")), 0);
    assert_string_equal(world.response, "hello");
    assert_int_equal(ask(ECHO, gs_view("")), 0);
    assert_string_equal(world.response, "");
}

static void grpc_client__takes_4_mib(void **state)
{
    (void)state;
    char *bytes = calloc(1, GS_GRPC_MESSAGE_MAX);
    memset(bytes, 'x', GS_GRPC_MESSAGE_MAX);
    assert_int_equal(ask(ECHO, (struct gs_view){bytes, GS_GRPC_MESSAGE_MAX}), 0);
    assert_int_equal(strlen(world.response), sizeof(world.response) - 1);
    free(bytes);
}

static void grpc_client__may_ask_again_as_it_is_told(void **state)
{
    (void)state;
    ask_at(world.path, ECHO, gs_view("first"), LIMIT_US);
    world.again = 200;
    while (world.n_done < 201) {
        assert_true(sd_event_run(world.event, 1000000) > 0);
    }
    assert_string_equal(world.response, "again");
}

static void grpc_client__makes_codes_of_a_status(void **state)
{
    (void)state;
    static const struct {
        enum gs_grpc_status status;
        int r;
        const char *says;
    } cases[] = {
        {GS_GRPC_NOT_FOUND, GS_NOT_FOUND, "s.sock: /v1.Test/Refuse: NOT_FOUND: because"},
        {GS_GRPC_UNIMPLEMENTED, GS_UNSUPPORTED, "UNIMPLEMENTED: because"},
        {GS_GRPC_RESOURCE_EXHAUSTED, GS_LIMIT, "RESOURCE_EXHAUSTED: because"},
        {GS_GRPC_UNKNOWN, GS_IO, "UNKNOWN: because"},
    };
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        const char request[] = {(char)cases[i].status};
        ask_at(world.path, REFUSE, (struct gs_view){request, 1}, LIMIT_US);
        check_error(cases[i].r, cases[i].says);
    }
    const char fine[] = {0};
    ask_at(world.path, REFUSE, (struct gs_view){fine, 1}, LIMIT_US);
    check_error(GS_INVALID, "found 0 answers; expected one");
}

static void grpc_client__is_told_of_a_method_that_is_not_there(void **state)
{
    (void)state;
    ask_at(world.path, "/v1.Test/Nothing", gs_view(""), LIMIT_US);
    check_error(GS_UNSUPPORTED, "UNIMPLEMENTED: there is no method /v1.Test/Nothing here");
}

static void grpc_client__is_told_that_nobody_serves(void **state)
{
    (void)state;
    char path[sizeof(world.path) + 8];
    snprintf(path, sizeof(path), "%s.none", world.path);
    ask_at(path, ECHO, gs_view(""), LIMIT_US);
    check_error(GS_IO, "s.sock.none: No such file or directory");
    assert_int_equal(world.err.sys_errno, ENOENT);
    ask_at("/dev/null", ECHO, gs_view(""), LIMIT_US);
    check_error(GS_IO, "/v1.Test/Echo: /dev/null: Connection refused");
}

static void grpc_client__gives_up_when_time_is_over(void **state)
{
    (void)state;
    ask_at(world.path, NEVER, gs_view(""), 50000);
    check_error(GS_LIMIT, "/v1.Test/Never: DEADLINE_EXCEEDED");
    run_while(none_ended, 5000);
    assert_int_equal(world.n_ended, 1); /* the server gave up too */
}

static void grpc_client__does_not_hear_of_what_it_cancelled(void **state)
{
    (void)state;
    struct gs_grpc_ask *at_once = ask_at(world.path, NEVER, gs_view(""), LIMIT_US);
    gs_grpc_ask_cancel(at_once);
    struct gs_grpc_ask *later = ask_at(world.path, NEVER, gs_view(""), LIMIT_US);
    settle(50);
    assert_int_equal(world.n_open, 1);
    gs_grpc_ask_cancel(later);
    run_while(none_ended, 5000);
    assert_int_equal(world.n_ended, 1);
    struct gs_grpc_ask *nobody = ask_at("/dev/null", NEVER, gs_view(""), LIMIT_US);
    gs_grpc_ask_cancel(nobody);
    settle(20);
    assert_int_equal(world.n_done, 0);
}

static void grpc_client__refuses_what_cannot_be_asked(void **state)
{
    (void)state;
    static char path[300];
    memset(path, 'x', sizeof(path) - 1);
    assert_int_equal(gs_grpc_ask(world.event, path, ECHO, gs_view(""), LIMIT_US, on_done, &world,
                                 NULL, &world.err),
                     GS_LIMIT);
    assert_non_null(strstr(world.err.msg, "found a path of 299 bytes; a socket takes 1 to 107"));
    assert_int_equal(gs_grpc_ask(world.event, world.path, path, gs_view(""), LIMIT_US, on_done,
                                 &world, NULL, &world.err),
                     GS_LIMIT);
    settle(20);
    assert_int_equal(world.n_done, 0);
}

/* Listens at a second path, and answers whoever comes with these bytes, or closes. */
static int listen_plainly(char path[static sizeof(world.path) + 8])
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    snprintf(path, sizeof(world.path) + 8, "%s.plain", world.path);
    memcpy(address.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(fd, (const struct sockaddr *)&address, sizeof(address)), 0);
    assert_int_equal(listen(fd, 5), 0);
    return fd;
}

static void grpc_client__is_told_of_a_server_that_does_not_speak_grpc(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int r;
        const char *says;
    } cases[] = {
        {"HTTP/1.1 400 Bad Request\r\n\r\n", GS_INVALID,
         "s.sock.plain: /v1.Test/Echo: the other side does not speak HTTP/2: "},
        {"", GS_IO, "the connection was closed before the answer"},
    };
    char path[sizeof(world.path) + 8];
    int listening = listen_plainly(path);
    for (size_t i = 0; i < GS_ARRAY_LEN(cases); i++) {
        ask_at(path, ECHO, gs_view(""), LIMIT_US);
        int fd = accept(listening, NULL, NULL);
        assert_true(fd >= 0);
        assert_int_equal(write(fd, cases[i].text, strlen(cases[i].text)), strlen(cases[i].text));
        shutdown(fd, SHUT_WR);
        check_error(cases[i].r, cases[i].says);
        close(fd);
    }
    close(listening);
    unlink(path);
}

/* Sockets */

static void grpc_server__has_a_socket_for_its_user_only(void **state)
{
    (void)state;
    struct stat st;
    assert_int_equal(stat(world.path, &st), 0);
    assert_true(S_ISSOCK(st.st_mode));
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_true(gs_grpc_server_in_place(world.server));
}

static void grpc_server__takes_the_place_of_one_that_died(void **state)
{
    (void)state;
    char path[sizeof(world.path) + 8];
    struct gs_grpc_server *second = NULL;
    close(listen_plainly(path));
    assert_int_equal(gs_grpc_server_new(world.event, path, &service, &second, &world.err), 0);
    gs_grpc_server_free(second);
    assert_int_equal(access(path, F_OK), -1);
}

static void grpc_server__does_not_take_the_place_of_one_that_lives(void **state)
{
    (void)state;
    struct gs_grpc_server *second = NULL;
    assert_int_equal(gs_grpc_server_new(world.event, world.path, &service, &second, &world.err),
                     GS_BUSY);
    assert_non_null(strstr(world.err.msg, "s.sock: another process serves there; end it first"));
    settle(20);
    assert_int_equal(ask(ECHO, gs_view("on")), 0);
}

static void grpc_server__does_not_remove_what_is_no_socket(void **state)
{
    (void)state;
    char path[sizeof(world.path) + 8];
    struct gs_grpc_server *second = NULL;
    snprintf(path, sizeof(path), "%s.file", world.path);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fclose(file);
    assert_int_equal(gs_grpc_server_new(world.event, path, &service, &second, &world.err),
                     GS_INVALID);
    assert_non_null(strstr(world.err.msg, "found something that is not a socket"));
    assert_int_equal(unlink(path), 0);
    snprintf(path, sizeof(path), "%s/no/such", world.dir);
    assert_int_equal(gs_grpc_server_new(world.event, path, &service, &second, &world.err), GS_IO);
}

static void grpc_server__leaves_a_socket_that_is_not_its_own(void **state)
{
    (void)state;
    struct gs_grpc_server *first = GS_TAKE(world.server);
    assert_int_equal(unlink(world.path), 0);
    assert_false(gs_grpc_server_in_place(first));
    assert_int_equal(serve(world.path), 0);
    assert_false(gs_grpc_server_in_place(first));
    gs_grpc_server_free(first);
    assert_true(gs_grpc_server_in_place(world.server));
    assert_int_equal(ask(ECHO, gs_view("second")), 0);
}

/* Calls that stay open */

struct reader {
    struct gs_grpc_link *link;
    unsigned n_messages;
    unsigned n_ended;
    bool down;
};

static void reader_message(void *ctx, struct gs_grpc_stream *stream, struct gs_view message)
{
    (void)stream;
    (void)message;
    ((struct reader *)ctx)->n_messages++;
}

static void reader_ended(void *ctx, struct gs_grpc_stream *stream, enum gs_grpc_status status,
                         const char *text)
{
    (void)stream;
    (void)status;
    (void)text;
    ((struct reader *)ctx)->n_ended++;
}

static void reader_down(void *ctx, int r, const struct gs_err *err)
{
    struct reader *reader = ctx;
    (void)r;
    (void)err;
    reader->down = true;
    gs_grpc_link_free(GS_TAKE(reader->link));
}

/* A client with a call of NEVER, unless `method` is NULL. */
static void open_reader(struct reader *reader, const char *method)
{
    static const struct gs_grpc_events events = {.message = reader_message, .ended = reader_ended};
    const struct gs_grpc_config config = {.events = &events, .ctx = reader};
    struct gs_grpc_stream *stream;
    int fd = -1;
    *reader = (struct reader){.down = false};
    assert_int_equal(gs_grpc_socket_connect(world.path, &fd, &world.err), 0);
    assert_int_equal(
        gs_grpc_link_new(world.event, fd, &config, reader_down, reader, &reader->link, &world.err),
        0);
    if (method != NULL) {
        assert_int_equal(gs_grpc_session_call(gs_grpc_link_session(reader->link), method,
                                              gs_view(""), 0, 0, &stream, &world.err),
                         0);
    }
}

static void grpc_server__sends_to_many_from_outside_of_a_call(void **state)
{
    (void)state;
    struct reader readers[10];
    for (unsigned i = 0; i < 10; i++) {
        open_reader(&readers[i], NEVER);
    }
    settle(50);
    assert_int_equal(world.n_open, 10);
    for (unsigned round = 0; round < 3; round++) {
        for (unsigned i = 0; i < 10; i++) {
            assert_int_equal(gs_grpc_send(world.open[i], gs_view("list")), 0);
        }
        settle(20);
    }
    for (unsigned i = 0; i < 10; i++) {
        assert_int_equal(readers[i].n_messages, 3);
    }
    for (unsigned i = 0; i < 5; i++) {
        gs_grpc_finish(world.open[i], GS_GRPC_OK, NULL);
    }
    settle(20);
    unsigned n_ended = 0;
    for (unsigned i = 0; i < 10; i++) {
        n_ended += readers[i].n_ended;
        gs_grpc_link_free(readers[i].link); /* cancels the others */
    }
    assert_int_equal(n_ended, 5);
    settle(20);
    assert_int_equal(world.n_ended, 5);
}

static void grpc_server__ends_its_calls_when_it_is_freed(void **state)
{
    (void)state;
    struct reader readers[3];
    for (unsigned i = 0; i < 3; i++) {
        open_reader(&readers[i], NEVER);
    }
    settle(50);
    assert_int_equal(gs_grpc_send(world.open[0], gs_view("last words")), 0);
    gs_grpc_server_free(GS_TAKE(world.server));
    assert_int_equal(world.n_ended, 3);
    assert_int_equal(access(world.path, F_OK), -1);
    settle(50);
    unsigned n_messages = 0;
    for (unsigned i = 0; i < 3; i++) {
        n_messages += readers[i].n_messages;
        assert_int_equal(readers[i].n_ended, 1);
        assert_true(readers[i].down);
    }
    assert_int_equal(n_messages, 1);
}

static void grpc_server__may_be_freed_by_a_call(void **state)
{
    (void)state;
    ask_at(world.path, FREE, gs_view(""), LIMIT_US);
    check_error(GS_IO, "");
    assert_null(world.server);
    assert_int_equal(world.n_ended, 1);
}

static void grpc_server__drops_the_idlest_connection_for_a_new_one(void **state)
{
    (void)state;
    enum { N = GS_GRPC_CONNECTIONS_MAX };
    static struct reader readers[N];
    for (unsigned i = 0; i < N; i++) {
        open_reader(&readers[i], i == 0 ? NEVER : NULL); /* the oldest has a call */
        settle(1);
    }
    assert_int_equal(ask(ECHO, gs_view("room")), 0);
    settle(20);
    assert_false(readers[0].down);
    assert_true(readers[1].down);
    assert_false(readers[2].down);
    for (unsigned i = 0; i < N; i++) {
        gs_grpc_link_free(readers[i].link);
    }
}

static void grpc_server__refuses_connections_when_all_are_in_use(void **state)
{
    (void)state;
    enum { N = GS_GRPC_CONNECTIONS_MAX };
    static struct reader readers[N];
    for (unsigned i = 0; i < N; i++) {
        open_reader(&readers[i], NEVER);
    }
    settle(100);
    assert_int_equal(world.n_open, N);
    ask_at(world.path, ECHO, gs_view(""), LIMIT_US);
    check_error(GS_IO, "");
    gs_grpc_link_free(GS_TAKE(readers[5].link));
    settle(20);
    assert_int_equal(ask(ECHO, gs_view("now")), 0);
    for (unsigned i = 0; i < N; i++) {
        gs_grpc_link_free(readers[i].link);
    }
}

/* A client that opens a stream and never reads. */
static void grpc_server__ends_who_does_not_read_and_serves_the_others(void **state)
{
    (void)state;
    static const char text[60000];
    static struct reader reader;
    open_reader(&reader, NEVER);
    settle(20);
    assert_int_equal(world.n_open, 1);
    struct gs_grpc_call *call = world.open[0];
    /* Nothing of this turns the loop, so the reader reads nothing. */
    unsigned sent = 0;
    while (gs_grpc_send(call, (struct gs_view){text, sizeof(text)}) == 0) {
        assert_true(++sent < 1000);
    }
    assert_true(sent * sizeof(text) <= GS_GRPC_QUEUE_MAX + sizeof(text));
    assert_int_equal(world.n_ended, 0);
    settle(50);
    assert_int_equal(world.n_ended, 1);
    assert_int_equal(reader.n_ended, 1);
    assert_int_equal(ask(ECHO, gs_view("others")), 0);
    gs_grpc_link_free(reader.link);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        CASE(grpc_client__asks_and_is_answered),
        CASE(grpc_client__takes_4_mib),
        CASE(grpc_client__may_ask_again_as_it_is_told),
        CASE(grpc_client__makes_codes_of_a_status),
        CASE(grpc_client__is_told_of_a_method_that_is_not_there),
        CASE(grpc_client__is_told_that_nobody_serves),
        CASE(grpc_client__gives_up_when_time_is_over),
        CASE(grpc_client__does_not_hear_of_what_it_cancelled),
        CASE(grpc_client__refuses_what_cannot_be_asked),
        CASE(grpc_client__is_told_of_a_server_that_does_not_speak_grpc),
        CASE(grpc_server__has_a_socket_for_its_user_only),
        CASE(grpc_server__takes_the_place_of_one_that_died),
        CASE(grpc_server__does_not_take_the_place_of_one_that_lives),
        CASE(grpc_server__does_not_remove_what_is_no_socket),
        CASE(grpc_server__leaves_a_socket_that_is_not_its_own),
        CASE(grpc_server__sends_to_many_from_outside_of_a_call),
        CASE(grpc_server__ends_its_calls_when_it_is_freed),
        CASE(grpc_server__may_be_freed_by_a_call),
        CASE(grpc_server__drops_the_idlest_connection_for_a_new_one),
        CASE(grpc_server__refuses_connections_when_all_are_in_use),
        CASE(grpc_server__ends_who_does_not_read_and_serves_the_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
