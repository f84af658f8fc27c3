/* Resetting GPUs. No function of NVML does it: NVIDIA's own tools run nvidia-smi, and so do we. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "gpu/nvml_session.h"

enum { SAID_MAX = 1024, LIST_MAX = GS_GPUS_MAX * 32 };

extern char **environ;

/* Below a driver root, where drivers put it; else as the shell would find it. */
static void find_smi(const struct gs_nvml_session *session, char *ret, size_t size)
{
    static const char *const places[] = {"/usr/bin/nvidia-smi", "/usr/local/nvidia/bin/nvidia-smi",
                                         "/bin/nvidia-smi"};
    snprintf(ret, size, "%s", session->smi[0] != '\0' ? session->smi : "nvidia-smi");
    for (size_t i = 0; session->smi[0] == '\0' && session->root[0] != '\0' &&
                       strcmp(session->root, "/") != 0 && i < GS_ARRAY_LEN(places);
         i++) {
        char path[sizeof(session->root) + 64];
        snprintf(path, sizeof(path), "%s%s", session->root, places[i]);
        if (access(path, X_OK) == 0) {
            snprintf(ret, size, "%s", path);
            return;
        }
    }
}

/* "00000000:07:00.0,00000000:0F:00.0" */
static int list_gpus(struct gs_nvml_session *session, const unsigned *gpus, unsigned n,
                     char ret[LIST_MAX], struct gs_err *err)
{
    size_t used = 0;
    for (unsigned i = 0; i < n; i++) {
        struct nvml_device *device = NULL;
        struct nvml_pci_info pci = {.bus_id = ""};
        int r = gs_nvml_device(session, gpus[i], &device, err);
        if (r < 0) {
            return r;
        }
        int code = GS_NVML(&session->lib, pci, device, &pci);
        if (code != NVML_SUCCESS) {
            return gs_nvml_fail(&session->lib, code, err, "GPU %u: reading its PCI address",
                                gpus[i]);
        }
        used += (size_t)snprintf(ret + used, LIST_MAX - used, "%s%08X:%02X:%02X.0",
                                 i == 0 ? "" : ",", pci.domain, pci.bus & 0xff, pci.device & 0xff);
    }
    return 0;
}

static int64_t now_ms(void)
{
    return (int64_t)(gs_now_us() / 1000);
}

/* Keeps the end of what was said: that is where nvidia-smi gives its reason. */
static void keep(char said[SAID_MAX], size_t *used, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (*used == SAID_MAX - 1) {
            memmove(said, said + SAID_MAX / 2, SAID_MAX / 2);
            *used -= SAID_MAX / 2;
        }
        unsigned char c = (unsigned char)bytes[i];
        said[(*used)++] = c < 0x20 || c == 0x7f ? ' ' : bytes[i];
        said[*used] = '\0';
    }
}

/* Reads until the other end is closed. False: the time is up. */
static bool listen_until(int fd, int64_t deadline, char said[SAID_MAX])
{
    size_t used = 0;
    for (;;) {
        int64_t left = deadline - now_ms();
        struct pollfd poller = {.fd = fd, .events = POLLIN};
        if (left <= 0) {
            return false;
        }
        int ready = poll(&poller, 1, left > 60000 ? 60000 : (int)left);
        if (ready < 0 && errno != EINTR) {
            return true;
        }
        if (ready <= 0) {
            continue;
        }
        char bytes[512];
        ssize_t n = read(fd, bytes, sizeof(bytes));
        if (n == 0 || (n < 0 && errno != EINTR)) {
            return true;
        }
        keep(said, &used, bytes, n > 0 ? (size_t)n : 0);
    }
}

static int spawn_smi(const char *smi, char *const argv[], int out, pid_t *ret)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none;
    int e = posix_spawn_file_actions_init(&actions);
    if (e != 0) {
        return e;
    }
    if ((e = posix_spawnattr_init(&attr)) != 0) {
        posix_spawn_file_actions_destroy(&actions);
        return e;
    }
    sigemptyset(&none);
    if ((e = posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)) == 0 &&
        (e = posix_spawn_file_actions_adddup2(&actions, out, 1)) == 0 &&
        (e = posix_spawn_file_actions_adddup2(&actions, out, 2)) == 0 &&
        (e = posix_spawnattr_setsigmask(&attr, &none)) == 0 &&
        (e = posix_spawnattr_setpgroup(&attr, 0)) == 0 &&
        (e = posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP)) ==
            0) {
        e = posix_spawnp(ret, smi, &actions, &attr, argv, environ);
    }
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
    return e;
}

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
    }
}

/* A process that closed its output may still take its time: wait for it as long as for the
 * output. False: the time is up. */
static bool wait_until(pid_t pid, int64_t deadline, int *ret_status)
{
    for (;;) {
        pid_t got = waitpid(pid, ret_status, WNOHANG);
        if (got == pid) {
            return true;
        }
        if ((got < 0 && errno != EINTR) || now_ms() >= deadline) {
            return false;
        }
        nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
    }
}

/* What nvidia-smi's refusal means; it has no exit status of its own for each reason. */
static int refused(const char *smi, int status, const char *said, const char *list,
                   struct gs_err *err)
{
    enum gs_code code = GS_IO;
    if (strcasestr(said, "in use by") != NULL || strcasestr(said, "being used by") != NULL) {
        code = GS_BUSY;
    } else if (strcasestr(said, "not supported") != NULL) {
        code = GS_UNSUPPORTED;
    }
    char how[40];
    if (WIFEXITED(status)) {
        snprintf(how, sizeof(how), "exit status %d", WEXITSTATUS(status));
    } else {
        snprintf(how, sizeof(how), "signal %d", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    }
    gs_fail(err, code, "%s could not reset %s (%s): %.380s", smi, list, how,
            said[0] != '\0' ? said : "it said nothing");
    if (err != NULL && code == GS_IO) {
        err->sys_errno = EIO;
    }
    return code;
}

static int run_smi(struct gs_nvml_session *session, char *list, struct gs_err *err)
{
    char smi[sizeof(session->root) + 64];
    char said[SAID_MAX] = "";
    int ends[2];
    find_smi(session, smi, sizeof(smi));
    if (pipe2(ends, O_CLOEXEC) < 0) {
        return gs_fail_errno(err, errno, "a pipe for %s", smi);
    }
    GS_CLEANUP(close_fd) int from = ends[0];
    GS_CLEANUP(close_fd) int to = ends[1];
    char reset[] = "--gpu-reset";
    char which[] = "-i";
    char *argv[] = {smi, reset, which, list, NULL};
    pid_t pid = 0;
    int e = spawn_smi(smi, argv, to, &pid);
    if (e != 0) {
        return gs_fail_errno(err, e, "%s, which resets GPUs, cannot be run", smi);
    }
    close(to); /* or the end of its output would never come */
    to = -1;
    int64_t deadline = now_ms() + (int64_t)session->reset_limit_s * 1000;
    int status = 0;
    if (!listen_until(from, deadline, said) || !wait_until(pid, deadline, &status)) {
        kill(-pid, SIGKILL);
        waitpid(pid, &status, 0);
        gs_fail_errno(err, ETIMEDOUT, "%s did not reset %s within %u s", smi, list,
                      session->reset_limit_s);
        return GS_IO;
    }
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? 0
                                                         : refused(smi, status, said, list, err);
}

int gs_nvml_reset(void *impl, const unsigned *gpus, unsigned n, struct gs_err *err)
{
    struct gs_nvml_session *session = impl;
    char list[LIST_MAX] = "";
    int r = gs_nvml_may_change(session, err);
    if (r < 0 || n == 0) {
        return r;
    }
    if (n > GS_GPUS_MAX) {
        return gs_fail(err, GS_LIMIT, "%u GPUs to reset; %d are the most", n, GS_GPUS_MAX);
    }
    if ((r = list_gpus(session, gpus, n, list, err)) < 0) {
        return r;
    }
    gs_nvml_end(session);
    r = run_smi(session, list, err);
    /* a session that does not open again shows at the next call; the first failure is what counts
     */
    int again = gs_nvml_begin(session, r < 0 ? NULL : err);
    return r < 0 ? r : again;
}
