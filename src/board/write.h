/* write: what the documents share. Of src/board only. */
#pragma once

#include "board/keep.h"
#include "wire/jsonwrite.h"

/* "at" and "revision", as every document begins. */
void gs_board_put_head(const struct gs_board *board, struct gs_jsonwrite *json);

bool gs_board_sees(const struct gs_board *board, const struct gs_board_reader *reader,
                   uint32_t name_space);

/* "Deployment/web", without its namespace. */
const char *gs_board_workload(const struct gs_board *board, uint32_t workload);
