/* lean: calls Allocate of a device plugin on a schedule, and adds as little as can be to the time
 * that it measures: frames of HTTP/2 that are made before the clock starts, one thread, no library.
 *
 * usage: lean SOCKET RATE SECONDS ID...
 *
 * Calls start on a fixed schedule, whether or not the ones before them were answered; with RATE 0
 * one after the other, 1,000 for each of SECONDS. Prints a line of JSON like `client load`. It
 * checks of an answer that it has a message; what is in it, the client in Go looks at. */
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "frames.h"

enum {
    WARM = 200,
    IDS_MAX = 4096,
    REQUEST_BYTES = 512,
    INPUT_BYTES = 64 * 1024,
    WINDOW = 1 << 30,
    QUIET_MS = 10 * 1000
};
struct request {
    size_t n;
    uint8_t bytes[REQUEST_BYTES]; /* HEADERS and DATA, but for the id of the stream */
    size_t data_at;               /* of the DATA frame */
};

struct call {
    int64_t due_ns, sent_ns, done_ns;
    bool has_message;
};

struct lean {
    int fd;
    struct request *requests;
    unsigned n_requests;
    struct call *calls;
    size_t n_calls, n_sent, n_done;
    size_t n_in;
    uint8_t in[INPUT_BYTES];
};

_Noreturn static void fail(const char *what)
{
    fprintf(stderr, "lean: %s\n", what);
    exit(1);
}

static int64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * (int64_t)1000000000 + now.tv_nsec;
}

/* ---- Frames ---- */

static void put_text(struct request *request, const char *text)
{
    size_t n = strlen(text);
    if (n > 127 || request->n + 1 + n > REQUEST_BYTES) {
        fail("an id is too long");
    }
    request->bytes[request->n++] = (uint8_t)n;
    memcpy(request->bytes + request->n, text, n);
    request->n += n;
}

static void put_bytes(struct request *request, const void *bytes, size_t n)
{
    memcpy(request->bytes + request->n, bytes, n);
    request->n += n;
}

/* HPACK without a table: indexed fields and literals that are not to be indexed (RFC 7541, 6.2.2).
 */
static void put_fields(struct request *request)
{
    put_bytes(request, "\x83\x86\x04", 3); /* :method POST, :scheme http, :path */
    put_text(request, "/v1beta1.DevicePlugin/Allocate");
    put_bytes(request, "\x01", 1); /* :authority */
    put_text(request, "localhost");
    put_bytes(request, "\x0f\x10", 2); /* content-type */
    put_text(request, "application/grpc");
    put_bytes(request, "\x00", 1);
    put_text(request, "te");
    put_text(request, "trailers");
}

/* AllocateRequest with one container and one id, behind gRPC's five bytes. */
static void put_message(struct request *request, const char *id)
{
    size_t n = strlen(id);
    if (n > 100) {
        fail("an id is too long");
    }
    put_bytes(request, "\0\0\0\0", 4);
    request->bytes[request->n++] = (uint8_t)(n + 4);
    request->bytes[request->n++] = 0x0a; /* container_requests */
    request->bytes[request->n++] = (uint8_t)(n + 2);
    request->bytes[request->n++] = 0x0a; /* devices_ids */
    put_text(request, id);
}

static void make_request(struct request *request, const char *id)
{
    request->n = FRAME_HEAD;
    put_fields(request);
    put_head(request->bytes, request->n - FRAME_HEAD, HEADERS, END_HEADERS, 0);
    request->data_at = request->n;
    request->n += FRAME_HEAD;
    put_message(request, id);
    put_head(request->bytes + request->data_at, request->n - request->data_at - FRAME_HEAD, DATA,
             END_STREAM, 0);
}

/* ---- The connection ---- */

static void send_all(const struct lean *lean, const void *bytes, size_t n)
{
    const uint8_t *at = bytes;
    while (n > 0) {
        ssize_t sent = send(lean->fd, at, n, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR) {
            fail(strerror(errno));
        }
        at += sent > 0 ? sent : 0;
        n -= sent > 0 ? (size_t)sent : 0;
    }
}

static void greet(const struct lean *lean)
{
    static const char preface[] = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    uint8_t frames[2 * FRAME_HEAD + 6 + 4];
    uint8_t *window = frames + FRAME_HEAD + 6;
    put_head(frames, 6, SETTINGS, 0, 0);
    memcpy(frames + FRAME_HEAD, "\0\x04", 2); /* INITIAL_WINDOW_SIZE */
    put_u32(frames + FRAME_HEAD + 2, WINDOW);
    put_head(window, 4, WINDOW_UPDATE, 0, 0);
    put_u32(window + FRAME_HEAD, WINDOW);
    send_all(lean, preface, sizeof(preface) - 1);
    send_all(lean, frames, sizeof(frames));
}

static void connect_to(struct lean *lean, const char *path)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(address.sun_path)) {
        fail("the socket's path is too long");
    }
    memcpy(address.sun_path, path, strlen(path));
    lean->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (lean->fd < 0 || connect(lean->fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
        fail(strerror(errno));
    }
    greet(lean);
}

static void end_call(struct lean *lean, struct call *call)
{
    if (!call->has_message) {
        fail("the plugin refused a call");
    }
    call->done_ns = now_ns();
    lean->n_done++;
}

/* grpc-go resets a stream that it has answered when it had not yet seen that we ended it. */
static bool is_done(const struct lean *lean, size_t number)
{
    return number < lean->n_sent && lean->calls[number].done_ns != 0;
}

static void take_frame(struct lean *lean, const uint8_t *frame, size_t n)
{
    uint8_t type = frame[3];
    uint8_t flags = frame[4];
    size_t number = (get_u32(frame + 5) - 1) / 2;
    uint8_t ack[FRAME_HEAD + 8];
    if (type == SETTINGS && (flags & ACK) == 0) {
        put_head(ack, 0, SETTINGS, ACK, 0);
        send_all(lean, ack, FRAME_HEAD);
    } else if (type == PING && (flags & ACK) == 0 && n == 8) {
        put_head(ack, 8, PING, ACK, 0);
        memcpy(ack + FRAME_HEAD, frame + FRAME_HEAD, 8);
        send_all(lean, ack, sizeof(ack));
    } else if (type == GOAWAY || (type == RST_STREAM && !is_done(lean, number))) {
        fail("the plugin ended the connection, or a call");
    } else if ((type == DATA || type == HEADERS) && number < lean->n_sent) {
        struct call *call = &lean->calls[number];
        call->has_message = call->has_message || (type == DATA && n >= 5);
        if ((flags & END_STREAM) != 0) {
            end_call(lean, call);
        }
    }
}

static void receive(struct lean *lean)
{
    ssize_t n = recv(lean->fd, lean->in + lean->n_in, INPUT_BYTES - lean->n_in, 0);
    if (n <= 0) {
        fail(n == 0 ? "the plugin closed the connection" : strerror(errno));
    }
    lean->n_in += (size_t)n;
    size_t at = 0;
    while (lean->n_in - at >= FRAME_HEAD) {
        size_t length = get_u32(lean->in + at) >> 8;
        if (length > INPUT_BYTES - FRAME_HEAD) {
            fail("a frame is too long");
        }
        if (lean->n_in - at < FRAME_HEAD + length) {
            break;
        }
        take_frame(lean, lean->in + at, length);
        at += FRAME_HEAD + length;
    }
    memmove(lean->in, lean->in + at, lean->n_in - at);
    lean->n_in -= at;
}

/* True: something can be read. */
static bool wait_until(const struct lean *lean, int64_t until_ns)
{
    int64_t left = until_ns - now_ns();
    struct timespec limit = {.tv_sec = left > 0 ? left / 1000000000 : 0,
                             .tv_nsec = left > 0 ? left % 1000000000 : 0};
    struct pollfd poll = {.fd = lean->fd, .events = POLLIN};
    return ppoll(&poll, 1, &limit, NULL) > 0;
}

static void send_call(struct lean *lean)
{
    struct request *request = &lean->requests[lean->n_sent % lean->n_requests];
    uint32_t stream = (uint32_t)(2 * lean->n_sent + 1);
    put_u32(request->bytes + 5, stream);
    put_u32(request->bytes + request->data_at + 5, stream);
    lean->calls[lean->n_sent++].sent_ns = now_ns();
    send_all(lean, request->bytes, request->n);
}

/* One after the other, until `n` are done in all. */
static void make_in_turn(struct lean *lean, size_t n)
{
    while (lean->n_done < n) {
        lean->calls[lean->n_sent].due_ns = now_ns();
        send_call(lean);
        while (lean->n_done < lean->n_sent) {
            receive(lean);
        }
    }
}

/* `begin_ns` + i * `interval_ns` is when they are due. */
static void make_on_schedule(struct lean *lean, int64_t interval_ns)
{
    int64_t begin_ns = now_ns() + 50 * 1000000;
    for (size_t i = WARM; i < lean->n_calls; i++) {
        lean->calls[i].due_ns = begin_ns + (int64_t)(i - WARM) * interval_ns;
    }
    while (lean->n_done < lean->n_calls) {
        bool all_sent = lean->n_sent == lean->n_calls;
        int64_t until =
            all_sent ? now_ns() + QUIET_MS * (int64_t)1000000 : lean->calls[lean->n_sent].due_ns;
        if (wait_until(lean, until)) {
            receive(lean);
        } else if (all_sent) {
            fail("a call was not answered");
        } else {
            send_call(lean);
        }
        while (lean->n_sent < lean->n_calls && lean->calls[lean->n_sent].due_ns <= now_ns()) {
            send_call(lean);
        }
    }
}

/* ---- Figures ---- */

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a;
    double y = *(const double *)b;
    return (x > y) - (x < y);
}

static void print_part(const char *name, const double *sorted, size_t n, double share)
{
    printf(", \"%s\": %.3f", name, sorted[(size_t)(share * (double)(n - 1))]);
}

static void print_figures(const struct lean *lean)
{
    size_t n = lean->n_calls - WARM;
    const struct call *calls = lean->calls + WARM;
    double *call = calloc(n, sizeof(double));
    double *whole = calloc(n, sizeof(double));
    double *late = calloc(n, sizeof(double));
    if (call == NULL || whole == NULL || late == NULL) {
        fail("no memory");
    }
    for (size_t i = 0; i < n; i++) {
        call[i] = (double)(calls[i].done_ns - calls[i].sent_ns) / 1000;
        whole[i] = (double)(calls[i].done_ns - calls[i].due_ns) / 1000;
        late[i] = (double)(calls[i].sent_ns - calls[i].due_ns) / 1000;
    }
    qsort(call, n, sizeof(double), by_value);
    qsort(whole, n, sizeof(double), by_value);
    qsort(late, n, sizeof(double), by_value);
    double took_s = (double)(calls[n - 1].done_ns - calls[0].due_ns) / 1e9;
    printf("{\"calls\": %zu, \"rate\": %.1f", n, (double)n / took_s);
    print_part("p50_us", call, n, 0.5);
    print_part("p90_us", call, n, 0.9);
    print_part("p99_us", call, n, 0.99);
    print_part("p999_us", call, n, 0.999);
    print_part("max_us", call, n, 1);
    print_part("scheduled_p50_us", whole, n, 0.5);
    print_part("scheduled_p99_us", whole, n, 0.99);
    print_part("late_p50_us", late, n, 0.5);
    print_part("late_p99_us", late, n, 0.99);
    printf("}\n");
    free(call);
    free(whole);
    free(late);
}

static unsigned number(const char *text)
{
    char *end;
    errno = 0;
    unsigned long value = strtoul(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0' || value > 1000000) {
        fail("expected a number from 0 to 1000000");
    }
    return (unsigned)value;
}

int main(int argc, char **argv)
{
    static struct lean lean;
    if (argc < 5 || argc - 4 > IDS_MAX) {
        fail("usage: lean SOCKET RATE SECONDS ID...");
    }
    unsigned rate = number(argv[2]);
    lean.n_calls = WARM + (size_t)(rate == 0 ? 1000 : rate) * number(argv[3]);
    if (lean.n_calls == WARM) {
        fail("expected a second or more");
    }
    lean.n_requests = (unsigned)argc - 4;
    lean.calls = calloc(lean.n_calls, sizeof(*lean.calls));
    lean.requests = calloc(lean.n_requests, sizeof(*lean.requests));
    if (lean.calls == NULL || lean.requests == NULL) {
        fail("no memory");
    }
    for (unsigned i = 0; i < lean.n_requests; i++) {
        make_request(&lean.requests[i], argv[4 + i]);
    }
    (void)prctl(PR_SET_TIMERSLACK, 1); /* not 50 us late, as sleepers are otherwise woken */
    connect_to(&lean, argv[1]);
    make_in_turn(&lean, rate == 0 ? lean.n_calls : WARM);
    if (rate > 0) {
        make_on_schedule(&lean, 1000000000 / rate);
    }
    print_figures(&lean);
    close(lean.fd);
    free(lean.requests);
    free(lean.calls);
    return 0;
}
