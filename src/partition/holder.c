#include "partition/holder.h"

#include <ctype.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

enum { FILE_MAX = 4096 };

/* The first bytes of a file of /proc/PID; empty when it cannot be read. */
static struct gs_view read_proc(uint32_t pid, const char *name, char bytes[FILE_MAX])
{
    char path[64];
    snprintf(path, sizeof(path), "/proc/%u/%s", pid, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t n = fd < 0 ? 0 : read(fd, bytes, FILE_MAX);
    if (fd >= 0) {
        close(fd);
    }
    return (struct gs_view){.p = bytes, .n = n > 0 ? (size_t)n : 0};
}

static void copy_printable(struct gs_view from, char *to, size_t size)
{
    size_t n = 0;
    for (; n < from.n && n + 1 < size && from.p[n] != '\n'; n++) {
        to[n] = from.p[n] >= ' ' && from.p[n] <= '~' ? from.p[n] : '?';
    }
    to[n] = '\0';
}

/* 8-4-4-4-12 hex digits, with '-' or '_' between. */
static bool is_uid(struct gs_view text)
{
    for (size_t i = 0; i < GS_HOLDER_POD_MAX; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        bool right =
            dash ? text.p[i] == '-' || text.p[i] == '_' : isxdigit((unsigned char)text.p[i]) != 0;
        if (!right) {
            return false;
        }
    }
    return true;
}

bool gs_holder_pod(struct gs_view cgroup, char ret_pod[GS_HOLDER_POD_MAX + 1])
{
    static const char kube[] = "kubepods";
    if (memmem(cgroup.p, cgroup.n, kube, sizeof(kube) - 1) == NULL) {
        return false;
    }
    for (; cgroup.n >= 3 + GS_HOLDER_POD_MAX; cgroup.p++, cgroup.n--) {
        struct gs_view rest = cgroup;
        if (gs_view_skip(&rest, "pod") && rest.n >= GS_HOLDER_POD_MAX && is_uid(rest)) {
            for (size_t i = 0; i < GS_HOLDER_POD_MAX; i++) {
                ret_pod[i] = (char)(rest.p[i] == '_' ? '-' : rest.p[i]);
            }
            ret_pod[GS_HOLDER_POD_MAX] = '\0';
            return true;
        }
    }
    return false;
}

void gs_holder_read(const struct gs_gpu_process *process, struct gs_holder *ret)
{
    char bytes[FILE_MAX];
    *ret = (struct gs_holder){
        .pid = process->pid,
        .gi = process->gpu_instance,
        .ci = process->compute_instance,
    };
    copy_printable(read_proc(process->pid, "comm", bytes), ret->command, sizeof(ret->command));
    gs_holder_pod(read_proc(process->pid, "cgroup", bytes), ret->pod);
}
