/* Texts with numbers. */
#include <stdlib.h>
#include <string.h>

#include "board/keep.h"

size_t gs_board_text_length(const char *text)
{
    size_t n = strnlen(text, GS_BOARD_TEXT_MAX);
    while (n == GS_BOARD_TEXT_MAX && n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80) {
        n--;
    }
    return n;
}

static bool room_for_name(struct gs_board_names *names, bool with_namespace)
{
    if (names->n < names->cap) {
        return true;
    }
    uint32_t cap = names->cap == 0 ? 64 : names->cap * 2;
    char **at = names->n == GS_BOARD_NAMES_MAX ? NULL : realloc(names->at, cap * sizeof(*at));
    if (at == NULL) {
        return false;
    }
    names->at = at;
    if (with_namespace) {
        uint32_t *of = realloc(names->name_space_of, cap * sizeof(*of));
        if (of == NULL) {
            return false;
        }
        names->name_space_of = of;
    }
    names->cap = cap;
    return true;
}

uint32_t gs_board_number_of(struct gs_board_names *names, const char *text, uint32_t name_space)
{
    uintptr_t found = (uintptr_t)gs_map_find(&names->map, text);
    bool with_namespace = name_space != GS_BOARD_NONE;
    if (found != 0) {
        return (uint32_t)(found - 1);
    }
    char *copy = room_for_name(names, with_namespace) ? strdup(text) : NULL;
    if (copy == NULL || !gs_map_put(&names->map, copy, (void *)(uintptr_t)(names->n + 1))) {
        free(copy);
        return GS_BOARD_NONE;
    }
    names->at[names->n] = copy;
    if (with_namespace) {
        names->name_space_of[names->n] = name_space;
    }
    return names->n++;
}

void gs_board_names_done(struct gs_board_names *names)
{
    for (uint32_t i = 0; i < names->n; i++) {
        free(names->at[i]);
    }
    gs_map_done(&names->map);
    free(names->at);
    free(names->name_space_of);
    *names = (struct gs_board_names){.n = 0};
}
