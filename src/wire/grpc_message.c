#include "wire/grpc_message.h"

#include "wire/grpc_bytes.h"
#include "wire/grpc_status.h"

/* protobuf-c's allocator on an arena. It leaves a zero behind each block, so that a text is
 * terminated where it lies. */
struct source {
    struct gs_arena *arena;
    bool failed;
};

static void *source_get(void *data, size_t size)
{
    struct source *source = data;
    char *block = size == SIZE_MAX ? NULL : gs_arena_get_raw(source->arena, size + 1, 1);
    if (block == NULL) {
        source->failed = true;
        return NULL;
    }
    block[size] = '\0';
    return block;
}

static void source_put(void *data, void *block)
{
    (void)data;
    (void)block;
}

int gs_grpc_message_no_memory(struct gs_err *err)
{
    return gs_fail(err, GS_NO_MEMORY, "no memory for a message");
}

int gs_grpc_message_decode(struct gs_arena *arena, const ProtobufCMessageDescriptor *form,
                           struct gs_view bytes, const char *what, ProtobufCMessage **ret,
                           struct gs_err *err)
{
    struct source source = {.arena = arena};
    ProtobufCAllocator allocator = {
        .alloc = source_get, .free = source_put, .allocator_data = &source};
    ProtobufCMessage *message =
        protobuf_c_message_unpack(form, &allocator, bytes.n, (const uint8_t *)bytes.p);
    if (message == NULL && source.failed) {
        return gs_grpc_message_no_memory(err);
    }
    if (message == NULL) {
        return gs_fail(err, GS_INVALID, "found %zu bytes that are not %s", bytes.n, what);
    }
    *ret = message;
    return 0;
}

int gs_grpc_message_encode(struct gs_arena *arena, const ProtobufCMessage *message,
                           const char *what, struct gs_view *ret, struct gs_err *err)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    int r = gs_grpc_message_count(size, GS_GRPC_MESSAGE_MAX, what, err);
    if (r < 0) {
        return r;
    }
    uint8_t *bytes = gs_arena_get_raw(arena, size, 1);
    if (bytes == NULL) {
        return gs_grpc_message_no_memory(err);
    }
    *ret = (struct gs_view){(const char *)bytes, protobuf_c_message_pack(message, bytes)};
    return 0;
}

int gs_grpc_message_text(const ProtobufCBinaryData *text, size_t max, const char *what,
                         const char **ret, struct gs_err *err)
{
    const struct gs_view view = {(const char *)text->data, text->len};
    int r = gs_grpc_message_count(text->len, max, what, err);
    if (r < 0) {
        return r;
    }
    struct gs_view rest = view;
    uint32_t character;
    while (rest.n > 0) {
        size_t n = gs_view_character(rest, &character);
        if (n == 0 || gs_character_is_control(character)) {
            return gs_fail(err, GS_INVALID,
                           "%s: found a byte 0x%02x at %zu; expected printable UTF-8", what,
                           (unsigned char)*rest.p, view.n - rest.n);
        }
        rest.p += n;
        rest.n -= n;
    }
    *ret = view.n == 0 ? "" : view.p;
    return 0;
}

int gs_grpc_message_texts(struct gs_arena *arena, const ProtobufCBinaryData *texts, size_t n,
                          size_t n_max, size_t max, const char *what, const char *const **ret,
                          struct gs_err *err)
{
    int r = gs_grpc_message_count(n, n_max, what, err);
    if (r < 0) {
        return r;
    }
    const char **list = GS_ARENA_NEW(arena, const char *, n);
    if (list == NULL) {
        return gs_grpc_message_no_memory(err);
    }
    for (size_t i = 0; i < n && r == 0; i++) {
        r = gs_grpc_message_text(&texts[i], max, what, &list[i], err);
    }
    *ret = r == 0 ? list : NULL;
    return r;
}

ProtobufCBinaryData gs_grpc_message_bytes(const char *text)
{
    if (text == NULL || *text == '\0') {
        return (ProtobufCBinaryData){.len = 0};
    }
    return (ProtobufCBinaryData){.len = strlen(text), .data = gs_grpc_bytes(text)};
}

ProtobufCBinaryData *gs_grpc_message_array(struct gs_arena *arena, const char *const *texts,
                                           size_t n)
{
    ProtobufCBinaryData *array = GS_ARENA_NEW(arena, ProtobufCBinaryData, n);
    for (size_t i = 0; array != NULL && i < n; i++) {
        array[i] = gs_grpc_message_bytes(texts[i]);
    }
    return array;
}

void *gs_grpc_message_list(struct gs_arena *arena, size_t n, size_t size)
{
    void **pointers = GS_ARENA_NEW(arena, void *, n);
    char *structs = gs_arena_get(arena, n, size);
    if (pointers == NULL || structs == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < n; i++) {
        pointers[i] = structs + i * size;
    }
    return pointers;
}

int gs_grpc_message_count(size_t n, size_t max, const char *what, struct gs_err *err)
{
    return n <= max ? 0
                    : gs_fail(err, GS_LIMIT, "%s: found %zu; expected %zu at most", what, n, max);
}
