"""daemon: a process of the bed that is started, stopped, killed, halted and started again."""
import os
import signal
import subprocess

from .errors import BedError, Died
from .system import PLAIN_ENV, tail, wait_for

STOP_LIMIT_S = 120
# Into its group first: whatever it starts is then in it too.
JOIN = 'echo $$ >"$0" && exec "$@"'


def joined(join, command):
    """The command, run in the group whose cgroup.procs that is."""
    return ["sh", "-c", JOIN, join, *command]


class Daemon:
    """`enter` is what brings it into its namespaces, `join` its group's cgroup.procs."""

    def __init__(self, name, command, log, join, enter=(), env=None):
        self.name, self.command, self.log = name, list(command), log
        self.env = dict(PLAIN_ENV, **(env or {}))
        self.enter, self.join = list(enter), join
        self.process = None

    def __repr__(self):
        return f"<{self.name}, {'pid %d' % self.pid if self.alive() else 'not running'}>"

    @property
    def pid(self):
        """Its process id: nsenter and the shell before it became the program itself."""
        return self.process.pid if self.process else None

    def alive(self):
        return self.process is not None and self.process.poll() is None

    @property
    def status(self):
        """Its exit status once it has ended, negative by a signal; None while it runs."""
        return self.process.poll() if self.process else None

    def start(self):
        if self.alive():
            raise BedError(f"{self.name} runs already, as process {self.pid}")
        os.makedirs(os.path.dirname(self.log), exist_ok=True)
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                joined(self.join, [*self.enter, *self.command]), env=self.env, cwd="/",
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        return self

    def signal(self, number):
        self.must_live()
        self.process.send_signal(number)

    def wait(self, timeout=STOP_LIMIT_S):
        """Its exit status."""
        try:
            return self.process.wait(timeout)
        except subprocess.TimeoutExpired as error:
            raise BedError(f"{self.name} has not ended after {timeout} s") from error

    def stop(self, timeout=STOP_LIMIT_S):
        """Asks it to end (SIGTERM), and waits until it has."""
        self.signal(signal.SIGTERM)
        return self.wait(timeout)

    def kill(self):
        """SIGKILL; what it started lives on."""
        self.signal(signal.SIGKILL)
        return self.wait()

    def restart(self):
        self.stop()
        return self.start()

    def freeze(self):
        """SIGSTOP: it is there and does not answer."""
        self.signal(signal.SIGSTOP)

    def thaw(self):
        self.signal(signal.SIGCONT)

    def must_live(self):
        """Died, with the end of its log, when it does not run."""
        if not self.alive():
            raise Died(f"{self.name} ended with status {self.status}; its log ends:\n"
                       + "\n".join(tail(self.log)))

    def wait_until(self, what, condition, timeout):
        """As wait_for, but no longer than it lives."""

        def true_or_dead():
            seen = condition()
            if not seen:
                self.must_live()
            return seen

        return wait_for(f"{self.name}: {what}", true_or_dead, timeout)

    def cpu_seconds(self):
        """User and system time so far."""
        with open(f"/proc/{self.pid}/stat", encoding="ascii", errors="replace") as file:
            fields = file.read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_kib(self):
        """{"Rss": .., "Private_Dirty": .., ...} as the kernel adds them up."""
        found = {}
        with open(f"/proc/{self.pid}/smaps_rollup", encoding="ascii") as file:
            for line in file:
                name, _, rest = line.partition(":")
                if rest.strip().endswith("kB"):
                    found[name] = int(rest.split()[0])
        return found
