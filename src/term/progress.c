#include "term/progress.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

enum { LINE_MAX_BYTES = 120, TEXT_MAX = 60 };

/* Shared with the signal handler; everything else is set before the timer runs. */
static const char *command_name;
static const char *volatile phase_name;
static volatile sig_atomic_t seconds;
static volatile sig_atomic_t shown;
static bool running;
static struct sigaction before;

static size_t put(char *line, size_t used, const char *text)
{
    for (size_t i = 0; i < TEXT_MAX && text[i] != '\0' && used < LINE_MAX_BYTES; i++) {
        line[used++] = text[i];
    }
    return used;
}

static size_t put_number(char *line, size_t used, unsigned number)
{
    char digits[12];
    size_t at = sizeof(digits) - 1;
    digits[at] = '\0';
    do {
        digits[--at] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return put(line, used, digits + at);
}

static void write_line(const char *line, size_t n)
{
    ssize_t done = write(STDERR_FILENO, line, n);
    (void)done; /* nobody is told if the terminal is gone */
}

/* Nothing here but write() may be called from a handler. */
static void on_second(int signal_number)
{
    (void)signal_number;
    int kept = errno;
    char line[LINE_MAX_BYTES];
    size_t n = put(line, 0, "\r");
    seconds = seconds + 1;
    n = put(line, n, command_name);
    n = put(line, n, ": ");
    n = put(line, n, phase_name);
    n = put(line, n, ", ");
    n = put_number(line, n, (unsigned)seconds);
    n = put(line, n, " s\033[K");
    write_line(line, n);
    shown = 1;
    errno = kept;
}

static bool is_watched(void)
{
    const char *term = getenv("TERM");
    return isatty(STDERR_FILENO) == 1 && term != NULL && strcmp(term, "dumb") != 0;
}

void gs_progress_start(const char *command)
{
    const struct itimerval each_second = {{.tv_sec = 1}, {.tv_sec = 1}};
    struct sigaction action = {.sa_handler = on_second, .sa_flags = SA_RESTART};
    if (running || !is_watched()) {
        return;
    }
    command_name = command;
    phase_name = "working";
    seconds = 0;
    shown = 0;
    sigemptyset(&action.sa_mask);
    running = sigaction(SIGALRM, &action, &before) == 0;
    if (running) {
        (void)setitimer(ITIMER_REAL, &each_second, NULL);
    }
}

void gs_progress_phase(const char *phase)
{
    phase_name = phase;
}

/* The handler may be reading the one while the other is written. */
void gs_progress_phase_copy(const char *phase)
{
    static char texts[2][TEXT_MAX + 1];
    static unsigned next;
    if (!running) {
        return;
    }
    strncpy(texts[next], phase, TEXT_MAX);
    phase_name = texts[next];
    next = 1 - next;
}

void gs_progress_clear(void)
{
    if (running && shown != 0) {
        write_line("\r\033[K", 4);
    }
}

void gs_progress_end(void)
{
    static const struct itimerval never;
    if (!running) {
        return;
    }
    running = false;
    (void)setitimer(ITIMER_REAL, &never, NULL);
    (void)sigaction(SIGALRM, &before, NULL);
    if (shown != 0) {
        write_line("\r\033[K", 4);
    }
}
