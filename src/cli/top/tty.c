#include "cli/top/tty.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#include "base/cleanup.h"

/* The second screen, no cursor, no new line at a line's end; and back. */
#define ENTER "\033[?1049h\033[?25l\033[?7l\033[H\033[2J"
#define LEAVE "\033[0m\033[?7h\033[?25h\033[?1049l"

enum { COLUMNS = 80, ROWS = 24, LEAVE_MS = 500 };

static struct {
    int fd;
    volatile sig_atomic_t taken;
    struct termios before;
} tty = {.fd = -1};

static const int crashes[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGABRT, SIGSYS};

/* All of it, or what a terminal that takes nothing more leaves of it. Only calls that a handler of
 * a signal may make. */
static void send_whole(const char *text, size_t n)
{
    while (n > 0) {
        ssize_t done = write(tty.fd, text, n);
        struct pollfd ready = {.fd = tty.fd, .events = POLLOUT};
        if (done > 0) {
            text += done;
            n -= (size_t)done;
        } else if (done < 0 && errno != EAGAIN && errno != EINTR) {
            return;
        } else if (poll(&ready, 1, LEAVE_MS) == 0) {
            return;
        }
    }
}

void gs_tty_leave(void)
{
    if (tty.taken != 0) {
        tty.taken = 0;
        (void)tcflow(tty.fd, TCOON); /* ^S may hold it */
        send_whole(LEAVE, sizeof(LEAVE) - 1);
        (void)tcsetattr(tty.fd, TCSANOW, &tty.before);
    }
}

void gs_tty_enter(void)
{
    struct termios raw = tty.before;
    if (tty.fd < 0 || tty.taken != 0) {
        return;
    }
    raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO | ECHONL | IEXTEN); /* ^C and ^Z stay signals */
    raw.c_iflag &= ~(tcflag_t)(IXON | ICRNL | INLCR);
    raw.c_oflag |= OPOST;
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    tty.taken = 1;
    (void)tcsetattr(tty.fd, TCSANOW, &raw);
    send_whole(ENTER, sizeof(ENTER) - 1);
}

static void on_crash(int number)
{
    gs_tty_leave();
    (void)raise(number); /* SA_RESETHAND: now as if nobody had waited for it */
}

int gs_tty_open(struct gs_err *err)
{
    const char *name = ttyname(STDOUT_FILENO);
    /* A file of our own: that it does not block is nobody else's concern. */
    tty.fd = name == NULL ? -1 : open(name, O_RDWR | O_NOCTTY | O_NONBLOCK | O_CLOEXEC);
    if (tty.fd < 0 || tcgetattr(tty.fd, &tty.before) < 0) {
        int e = errno;
        gs_tty_close();
        return gs_fail_errno(err, e, "opening the terminal %s", name == NULL ? "of stdout" : name);
    }
    struct sigaction action = {.sa_handler = on_crash};
    action.sa_flags = (int)(SA_RESETHAND | SA_NODEFER);
    for (size_t i = 0; i < GS_ARRAY_LEN(crashes); i++) {
        (void)sigaction(crashes[i], &action, NULL);
    }
    gs_tty_enter();
    return 0;
}

void gs_tty_close(void)
{
    if (tty.fd >= 0) {
        gs_tty_leave();
        for (size_t i = 0; i < GS_ARRAY_LEN(crashes); i++) {
            (void)signal(crashes[i], SIG_DFL);
        }
        (void)close(tty.fd);
        tty.fd = -1;
    }
}

int gs_tty_fd(void)
{
    return tty.fd;
}

void gs_tty_size(unsigned *ret_columns, unsigned *ret_rows)
{
    struct winsize size = {.ws_col = 0};
    bool known = ioctl(tty.fd >= 0 ? tty.fd : STDOUT_FILENO, TIOCGWINSZ, &size) == 0;
    *ret_columns = known && size.ws_col > 0 ? size.ws_col : COLUMNS;
    *ret_rows = known && size.ws_row > 0 ? size.ws_row : ROWS;
}

int gs_tty_send(struct gs_view bytes, size_t *ret_n, struct gs_err *err)
{
    ssize_t n = write(tty.fd, bytes.p, bytes.n);
    *ret_n = n > 0 ? (size_t)n : 0;
    return n >= 0 || errno == EAGAIN || errno == EINTR
               ? 0
               : gs_fail_errno(err, errno, "writing to the terminal");
}
