#include "board/tap.h"

#include "board/objects.h"

static enum gs_board_kind kind_of(enum gs_store_kind kind)
{
    switch (kind) {
    case GS_STORE_PODS:
        return GS_BOARD_PODS;
    case GS_STORE_NODES:
        return GS_BOARD_NODES;
    case GS_STORE_GPUNODES:
        return GS_BOARD_GPUNODES;
    }
    return GS_BOARD_PODS;
}

static void on_listing(void *ctx, enum gs_store_kind kind)
{
    const struct gs_board_tap *tap = ctx;
    gs_board_listing(tap->board, kind_of(kind));
}

static void on_listed(void *ctx, enum gs_store_kind kind)
{
    struct gs_board_tap *tap = ctx;
    bool whole = true;
    gs_board_listed(tap->board, kind_of(kind));
    tap->listed[kind] = true;
    for (unsigned i = 0; i < GS_FEEDS; i++) {
        whole &= tap->listed[i];
    }
    gs_board_set_whole(tap->board, whole);
}

/* One that cannot be read is left out; the store has said so already. */
static void on_object(void *ctx, enum gs_store_kind kind, const struct json_t *object, bool gone)
{
    struct gs_board_tap *tap = ctx;
    tap->lost += gs_board_object(tap->board, kind_of(kind), object, gone, NULL) == GS_NO_MEMORY;
}

struct gs_feed_tap gs_board_tap(struct gs_board_tap *tap)
{
    return (struct gs_feed_tap){
        .listing = on_listing, .listed = on_listed, .object = on_object, .ctx = tap};
}
