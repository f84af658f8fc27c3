/* peak: runs a command in silence and prints its peak resident memory in KiB.
 *
 * A program of its own, since a child's peak starts with what its parent had in memory: from a
 * script's interpreter every small program would seem to need ten megabytes. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    pid_t child = argc < 2 ? -1 : fork();
    if (child == 0) {
        int null = open("/dev/null", O_RDWR);
        for (int fd = 0; fd < 3; fd++) {
            dup2(null, fd);
        }
        execv(argv[1], argv + 1);
        _exit(127);
    }
    int status;
    struct rusage used;
    if (child < 0 || wait4(child, &status, 0, &used) < 0 || status != 0) {
        return 1;
    }
    printf("%ld\n", used.ru_maxrss);
    return 0;
}
