/* What pods ask for, kept once for all that ask for the same. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "board/keep.h"

enum { WORD_MAX = GS_PROFILE_NAME_MAX + 16, WORDS_MAX = GS_WANTS_MAX * WORD_MAX };

static void name_them(const struct gs_want *wants, size_t n, char ret[WORDS_MAX])
{
    size_t at = 0;
    ret[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        char name[GS_PROFILE_NAME_MAX + 1] = "GPU";
        if (!wants[i].whole_gpu) {
            gs_profile_name_format(&wants[i].profile, name);
        }
        at += (size_t)snprintf(ret + at, WORDS_MAX - at, "%u %s,",
                               (unsigned)(uint16_t)wants[i].count, name);
    }
}

struct gs_board_asks *gs_board_asks_take(struct gs_board *board, const struct gs_want *wants,
                                         size_t n)
{
    char words[WORDS_MAX];
    n = n < GS_WANTS_MAX ? n : GS_WANTS_MAX;
    name_them(wants, n, words);
    struct gs_board_asks *asks = gs_map_find(&board->asks, words);
    if (asks == NULL) {
        size_t n_words = strlen(words) + 1;
        asks = calloc(1, sizeof(*asks) + n * sizeof(asks->wants[0]) + n_words);
        if (asks == NULL) {
            return NULL;
        }
        asks->words = memcpy(&asks->wants[n], words, n_words);
        for (size_t i = 0; i < n; i++) {
            asks->wants[i] = (struct gs_board_want){.profile = wants[i].profile,
                                                    .whole = wants[i].whole_gpu,
                                                    .count = (uint16_t)wants[i].count};
        }
        asks->n = (uint8_t)n;
        if (!gs_map_put(&board->asks, asks->words, asks)) {
            free(asks);
            return NULL;
        }
    }
    asks->n_pods++;
    return asks;
}

void gs_board_asks_drop(struct gs_board *board, struct gs_board_asks *asks)
{
    if (asks != NULL && --asks->n_pods == 0) {
        (void)gs_map_take(&board->asks, asks->words);
        free(asks);
    }
}

void gs_board_asks_done(struct gs_board *board)
{
    size_t at = 0;
    for (struct gs_board_asks *asks; (asks = gs_map_next(&board->asks, &at)) != NULL;) {
        free(asks);
    }
    gs_map_done(&board->asks);
}
