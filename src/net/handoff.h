/* handoff: other threads run functions on the loop's thread.
 *
 * All state of a program belongs to its loop. A thread that may block (the worker) asks for it, or
 * changes it, by running a function there: gs_handoff_call waits until it has run, gs_handoff_post
 * does not. gs_await is for what the loop can only begin: an API request, a call to the kubelet.
 * This is the one place where threads meet. */
#pragma once

#include <stdint.h>

#include <systemd/sd-event.h>

#include "base/err.h"

struct gs_handoff;

/* On the loop's thread. GS_IO, GS_NO_MEMORY. */
int gs_handoff_new(sd_event *event, struct gs_handoff **ret, struct gs_err *err);

/* On the loop's thread, when no other thread uses it any more. NULL is fine. What was posted and
 * has not run runs now. */
void gs_handoff_free(struct gs_handoff *handoff);

/* Runs fn(ctx) on the loop's thread and returns when it has. Functions run in the order of the
 * calls. Called on the loop's thread itself it just runs it. */
void gs_handoff_call(struct gs_handoff *handoff, void (*fn)(void *ctx), void *ctx);

/* The same without waiting; `ctx` must live until then. GS_NO_MEMORY. */
int gs_handoff_post(struct gs_handoff *handoff, void (*fn)(void *ctx), void *ctx);

/* The program is to end: every gs_await ends with GS_BUSY, now and later, so that threads come to
 * their ends. The loop has to go on until they have; calls and posts run as before. */
void gs_handoff_close(struct gs_handoff *handoff);

/* Something that ends later. The waiting thread owns it, on its stack. */
struct gs_await;

/* Runs begin(ctx, await) on the loop's thread, and waits until somebody there calls gs_await_end,
 * or `limit_us` have passed. Returns the result given there; GS_BUSY: closed; GS_LIMIT: time is
 * over, and then give_up(ctx) has run on the loop's thread (it must see to it that gs_await_end is
 * not called any more). Not on the loop's thread. */
int gs_await_run(struct gs_handoff *handoff, void (*begin)(void *ctx, struct gs_await *await),
                 void (*give_up)(void *ctx), void *ctx, uint64_t limit_us, struct gs_err *err);

/* On the loop's thread, exactly once, possibly from inside `begin`. `err`: copied where result < 0;
 * may be NULL. */
void gs_await_end(struct gs_await *await, int result, const struct gs_err *err);
