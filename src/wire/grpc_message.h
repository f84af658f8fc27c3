/* grpc_message: what the files that speak protobuf share: messages from and to bytes, in an arena.
 *
 * Only the .c files of this room know protobuf-c. */
#pragma once

#include <protobuf-c/protobuf-c.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/view.h"

/* Reads the bytes as a message of this form; it lives in the arena, and behind the bytes of each of
 * its texts is a zero. `what` is for errors: "an AllocateRequest". GS_INVALID, GS_NO_MEMORY. */
int gs_grpc_message_decode(struct gs_arena *arena, const ProtobufCMessageDescriptor *form,
                           struct gs_view bytes, const char *what, ProtobufCMessage **ret,
                           struct gs_err *err);

/* GS_LIMIT: more than GS_GRPC_MESSAGE_MAX bytes. GS_NO_MEMORY. */
int gs_grpc_message_encode(struct gs_arena *arena, const ProtobufCMessage *message,
                           const char *what, struct gs_view *ret, struct gs_err *err);

/* A text of a decoded message, where it lies; "" where there is none. GS_INVALID: it is not
 * printable UTF-8. GS_LIMIT: it is longer than `max`. */
int gs_grpc_message_text(const ProtobufCBinaryData *text, size_t max, const char *what,
                         const char **ret, struct gs_err *err);

/* `n` texts of a decoded message, at most `n_max`. */
int gs_grpc_message_texts(struct gs_arena *arena, const ProtobufCBinaryData *texts, size_t n,
                          size_t n_max, size_t max, const char *what, const char *const **ret,
                          struct gs_err *err);

/* A text for encoding, borrowed; NULL is as "". */
ProtobufCBinaryData gs_grpc_message_bytes(const char *text);

/* `n` texts for encoding; NULL: no memory. */
ProtobufCBinaryData *gs_grpc_message_array(struct gs_arena *arena, const char *const *texts,
                                           size_t n);

/* `n` zeroed structs of `size` bytes, and pointers to each, which is how protobuf-c has a list.
 * Returns the pointers; the structs begin at the first. NULL: no memory. */
void *gs_grpc_message_list(struct gs_arena *arena, size_t n, size_t size);

/* GS_LIMIT "<what>: found n; expected max at most" where there are more. */
int gs_grpc_message_count(size_t n, size_t max, const char *what, struct gs_err *err);

int gs_grpc_message_no_memory(struct gs_err *err);
