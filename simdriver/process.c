/* process: whether a process of the machine is still the one that it was. */

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/view.h"
#include "simdriver/store.h"

enum { START_TIME_FIELD = 22, FIRST_FIELD_BEHIND_NAME = 3 };

/* The name in parentheses may have anything in it; the last ')' ends it. A process that has ended
 * and is not yet waited for (state Z or X) has none: the driver lets go of a context at the end of
 * its process, not at its parent's leisure. */
static uint64_t start_from_stat(char *text)
{
    char *end = strrchr(text, ')');
    if (end == NULL || end[1] != ' ' || end[2] == 'Z' || end[2] == 'X') {
        return 0;
    }
    struct gs_view rest = gs_view(end + 2);
    for (unsigned field = FIRST_FIELD_BEHIND_NAME; rest.p != NULL; field++) {
        struct gs_view part = gs_view_split(&rest, ' ');
        uint64_t value;
        if (field == START_TIME_FIELD) {
            return gs_view_is_u64(part, UINT64_MAX, &value) ? value : 0;
        }
    }
    return 0;
}

uint64_t sim_process_start(uint32_t pid)
{
    char path[40];
    char text[1024];
    snprintf(path, sizeof(path), "/proc/%u/stat", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return 0;
    }
    ssize_t n = read(fd, text, sizeof(text) - 1);
    close(fd);
    if (n <= 0) {
        return 0;
    }
    text[n] = '\0';
    return start_from_stat(text);
}

bool sim_process_alive(uint32_t pid, uint64_t start_time)
{
    return pid != 0 && sim_process_start(pid) == start_time && start_time != 0;
}
