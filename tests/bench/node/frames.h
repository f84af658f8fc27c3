/* frames: the heads of HTTP/2 frames, for lean.c and floor.c (RFC 9113, 4.1). */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { FRAME_HEAD = 9 };
enum {
    DATA = 0,
    HEADERS = 1,
    RST_STREAM = 3,
    SETTINGS = 4,
    PING = 6,
    GOAWAY = 7,
    WINDOW_UPDATE = 8
};
enum { ACK = 1, END_STREAM = 1, END_HEADERS = 4 };

static inline void put_u32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++) {
        at[i] = (uint8_t)(value >> (24 - 8 * i));
    }
}

static inline uint32_t get_u32(const uint8_t *at)
{
    return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static inline void put_head(uint8_t *at, size_t n, uint8_t type, uint8_t flags, uint32_t stream)
{
    put_u32(at, (uint32_t)n << 8 | type);
    at[4] = flags;
    put_u32(at + 5, stream);
}
