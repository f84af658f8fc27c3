#include "node/condition.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *gs_condition_name(enum gs_condition_code code)
{
    static const char *const names[GS_CONDITIONS] = {
        [GS_COND_SINGLE_MIXED] = "SingleMixed",
        [GS_COND_SINGLE_EMPTY_GPU] = "SingleEmptyGPU",
        [GS_COND_NAME_TOO_LONG] = "NameTooLong",
        [GS_COND_TOO_MANY_DEVICES] = "TooManyDevices",
        [GS_COND_GPU_LOST] = "GPULost",
        [GS_COND_MODE_PENDING] = "ModePending",
        [GS_COND_DEVICE_NODES_UNKNOWN] = "DeviceNodesUnknown",
        [GS_COND_DEVICE_SICK] = "DeviceSick",
        [GS_COND_HOLDERS_UNREADABLE] = "HoldersUnreadable",
    };
    return names[code];
}

int gs_conditions_add(struct gs_conditions *list, struct gs_arena *arena,
                      enum gs_condition_code code, const char *subject, const char *fmt, ...)
{
    char text[600];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    const char *own_text = gs_arena_text(arena, text, strlen(text));
    const char *own_subject = gs_arena_text(arena, subject, strlen(subject));
    if (own_text == NULL || own_subject == NULL ||
        !gs_arena_room(arena, &list->at, &list->cap, list->n, sizeof(*list->at))) {
        return GS_NO_MEMORY;
    }
    list->at[list->n++] =
        (struct gs_condition){.code = code, .subject = own_subject, .text = own_text};
    return 0;
}
