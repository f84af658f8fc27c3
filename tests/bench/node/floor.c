/* floor: a device plugin that does nothing: each call gets the same bytes at once, made before the
 * first came. What a client measures of it is its own time, the kernel's, and the machine's way to
 * wake a process that waits; no plugin can be below.
 *
 * usage: floor SOCKET
 *
 * Prints "ready", serves one connection after another until it is ended. It reads of HTTP/2 what a
 * client of ours or of grpc-go sends, and believes it. */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "frames.h"

enum {
    PREFACE = 24,
    INPUT_BYTES = 64 * 1024,
    ANSWER_BYTES = 256,
    SENT_TOGETHER = 64, /* answers */
    WINDOW = 1 << 30
};

/* HEADERS, DATA and HEADERS again, but for the id of the stream. */
struct answer {
    size_t n;
    uint8_t bytes[ANSWER_BYTES];
    size_t data_at, trailers_at;
};

struct floor {
    int fd;
    struct answer answer;
    size_t n_in, n_out;
    uint8_t in[INPUT_BYTES];
    uint8_t out[SENT_TOGETHER * ANSWER_BYTES];
};

_Noreturn static void fail(const char *what)
{
    fprintf(stderr, "floor: %s\n", what);
    exit(1);
}

/* ---- The answer ---- */

static void put_bytes(struct answer *answer, const void *bytes, size_t n)
{
    memcpy(answer->bytes + answer->n, bytes, n);
    answer->n += n;
}

static void put_text(struct answer *answer, const char *text)
{
    answer->bytes[answer->n++] = (uint8_t)strlen(text);
    put_bytes(answer, text, strlen(text));
}

/* A field of a protobuf message, around what has been put since `at`. */
static void wrap(struct answer *answer, size_t at, uint8_t field)
{
    size_t n = answer->n - at;
    memmove(answer->bytes + at + 2, answer->bytes + at, n);
    answer->bytes[at] = (uint8_t)(field << 3 | 2);
    answer->bytes[at + 1] = (uint8_t)n;
    answer->n += 2;
}

/* As long as what plugins answer with cdi-cri. */
static void make_answer(struct answer *answer)
{
    answer->n = FRAME_HEAD;
    put_bytes(answer, "\x88\x0f\x10", 3); /* :status 200, content-type */
    put_text(answer, "application/grpc");
    put_head(answer->bytes, answer->n - FRAME_HEAD, HEADERS, END_HEADERS, 0);
    answer->data_at = answer->n;
    answer->n += FRAME_HEAD + 5;
    size_t message = answer->n;
    const char *name = "k8s.device-plugin.nvidia.com/gpu=MIG-00000000-0000-0000-0000-000000000000";
    put_bytes(answer, name, strlen(name));
    wrap(answer, message, 1); /* name */
    wrap(answer, message, 5); /* cdi_devices */
    wrap(answer, message, 1); /* container_responses */
    answer->bytes[message - 5] = 0;
    put_u32(answer->bytes + message - 4, (uint32_t)(answer->n - message));
    put_head(answer->bytes + answer->data_at, answer->n - message + 5, DATA, 0, 0);
    answer->trailers_at = answer->n;
    answer->n += FRAME_HEAD;
    put_bytes(answer, "\x00", 1);
    put_text(answer, "grpc-status");
    put_text(answer, "0");
    put_head(answer->bytes + answer->trailers_at, answer->n - answer->trailers_at - FRAME_HEAD,
             HEADERS, END_HEADERS | END_STREAM, 0);
}

/* ---- A connection ---- */

static void flush(struct floor *floor)
{
    const uint8_t *at = floor->out;
    while (floor->n_out > 0) {
        ssize_t sent = send(floor->fd, at, floor->n_out, MSG_NOSIGNAL);
        if (sent < 0 && errno != EINTR) {
            break; /* the client has gone, which the next recv tells */
        }
        at += sent > 0 ? sent : 0;
        floor->n_out -= sent > 0 ? (size_t)sent : 0;
    }
    floor->n_out = 0;
}

static uint8_t *room(struct floor *floor, size_t n)
{
    if (floor->n_out + n > sizeof(floor->out)) {
        flush(floor);
    }
    uint8_t *at = floor->out + floor->n_out;
    floor->n_out += n;
    return at;
}

static void put_answer(struct floor *floor, uint32_t stream)
{
    struct answer *answer = &floor->answer;
    put_u32(answer->bytes + 5, stream);
    put_u32(answer->bytes + answer->data_at + 5, stream);
    put_u32(answer->bytes + answer->trailers_at + 5, stream);
    memcpy(room(floor, answer->n), answer->bytes, answer->n);
}

static void take_frame(struct floor *floor, const uint8_t *frame, size_t n)
{
    uint8_t type = frame[3];
    uint8_t flags = frame[4];
    if (type == SETTINGS && (flags & ACK) == 0) {
        put_head(room(floor, FRAME_HEAD), 0, SETTINGS, ACK, 0);
    } else if (type == PING && (flags & ACK) == 0 && n == 8) {
        uint8_t *ack = room(floor, FRAME_HEAD + 8);
        put_head(ack, 8, PING, ACK, 0);
        memcpy(ack + FRAME_HEAD, frame + FRAME_HEAD, 8);
    } else if (type == DATA && (flags & END_STREAM) != 0) {
        put_answer(floor, get_u32(frame + 5));
    }
}

/* The frames that are whole; false: the connection is over. */
static bool receive(struct floor *floor)
{
    ssize_t got = recv(floor->fd, floor->in + floor->n_in, INPUT_BYTES - floor->n_in, 0);
    if (got <= 0) {
        return false;
    }
    floor->n_in += (size_t)got;
    size_t at = 0;
    while (floor->n_in - at >= FRAME_HEAD) {
        size_t n = get_u32(floor->in + at) >> 8;
        if (n > INPUT_BYTES - FRAME_HEAD) {
            return false;
        }
        if (floor->n_in - at < FRAME_HEAD + n) {
            break;
        }
        take_frame(floor, floor->in + at, n);
        at += FRAME_HEAD + n;
    }
    memmove(floor->in, floor->in + at, floor->n_in - at);
    floor->n_in -= at;
    flush(floor);
    return true;
}

static void serve(struct floor *floor)
{
    uint8_t preface[PREFACE];
    if (recv(floor->fd, preface, PREFACE, MSG_WAITALL) == PREFACE) {
        floor->n_in = 0;
        put_head(room(floor, FRAME_HEAD), 0, SETTINGS, 0, 0);
        uint8_t *window = room(floor, FRAME_HEAD + 4);
        put_head(window, 4, WINDOW_UPDATE, 0, 0);
        put_u32(window + FRAME_HEAD, WINDOW);
        flush(floor);
        while (receive(floor)) {
        }
    }
    close(floor->fd);
}

int main(int argc, char **argv)
{
    static struct floor floor;
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (argc != 2 || strlen(argv[1]) >= sizeof(address.sun_path)) {
        fail("usage: floor SOCKET");
    }
    memcpy(address.sun_path, argv[1], strlen(argv[1]));
    make_answer(&floor.answer);
    unlink(argv[1]); /* of one before */
    int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0 ||
        listen(listener, 4) < 0) {
        fail(strerror(errno));
    }
    puts("ready");
    fflush(stdout);
    for (;;) {
        floor.fd = accept(listener, NULL, NULL);
        if (floor.fd < 0) {
            fail(strerror(errno));
        }
        serve(&floor);
    }
}
