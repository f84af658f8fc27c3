/* A Host that is let in names loopback or what was configured. */
#include "fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "dashboard/door.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct gs_door_options options = {.hosts = "gpuslice.example, other"};
    struct gs_door *door = NULL;
    char host[512];
    if (size >= sizeof(host) || memchr(data, '\0', size) != NULL ||
        gs_door_new(&options, &door, NULL) != 0) {
        return 0;
    }
    memcpy(host, data, size);
    host[size] = '\0';
    if (gs_door_is_ours(door, host) && strncmp(host, "127.", 4) != 0 &&
        strncmp(host, "[::1]", 5) != 0 && strncasecmp(host, "localhost", 9) != 0 &&
        strncasecmp(host, "gpuslice.example", 16) != 0 && strncasecmp(host, "other", 5) != 0) {
        abort();
    }
    gs_door_free(door);
    return 0;
}
