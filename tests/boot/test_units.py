#!/usr/bin/env python3
"""deploy/boot: the unit, its drop-in, the script that saves user data, the user data that brings
them, by systemd itself: no kubelet starts before the GPUs are cut.

usage: test_units.py SOURCE_DIR
"""
import contextlib
import gzip
import http.server
import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading

import manager

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap  # pylint: disable=wrong-import-position

DEPLOY = os.path.join(os.path.abspath(sys.argv[1]), "deploy", "boot")
USER_DATA_MAX = 16 * 1024  # of EC2, before base64

# What of Amazon Linux 2023's units counts here: order and requirements, as they are in
# awslabs/amazon-eks-ami, templates/al2023/runtime.
EKS = {
    "nvidia-kmod-load.service": "[Unit]\nBefore=nvidia-persistenced.service\n[Service]\nType=oneshot\n"
                                "RemainAfterExit=true\nExecStart=/bin/sh -c 'sleep 0.3; "
                                "echo driver >>{dir}/order'\n",
    "nvidia-persistenced.service": "[Service]\nExecStart=/bin/sleep 1000\n",
    "nodeadm-config.service": "[Unit]\nBefore=cloud-init.service\n[Service]\nType=oneshot\n"
                              "ExecStart=/bin/true\n",
    "cloud-final.service": "[Service]\nType=oneshot\nRemainAfterExit=yes\nTimeoutSec=0\n"
                           "Environment=PATH=/usr/local/bin:/usr/bin:/bin\n"
                           "Environment=XDG_RUNTIME_DIR=/run/user/0\n"
                           "ExecStart=/bin/bash {dir}/cloud-final\n",
    "nodeadm-run.service": "[Unit]\nAfter=nodeadm-config.service cloud-final.service\n"
                           "Requires=nodeadm-config.service\n[Service]\nType=oneshot\n"
                           "Environment=XDG_RUNTIME_DIR=/run/user/0\n"
                           "ExecStart=/bin/sh -c 'echo nodeadm-run >>{dir}/order; "
                           "/usr/local/bin/systemctl restart kubelet.service'\n",
    "kubelet.service": "[Service]\nRestart=on-failure\nRestartSec=1\n"
                       "ExecStart=/bin/sh -c 'echo kubelet >>{dir}/order; exec sleep 1000'\n",
}
STARTED = ("nvidia-kmod-load.service", "nvidia-persistenced.service", "nodeadm-config.service",
           "cloud-final.service", "nodeadm-run.service")
# It stands for gpuslice-boot: says that it runs and what it was given, and ends as it is told.
PROGRAM = "#!/bin/sh\necho \"boot $(cat /run/gpuslice/user-data)\" >>{dir}/order\n. {dir}/end\n"


def read(name):
    with open(os.path.join(DEPLOY, name), encoding="utf-8") as file:
        return file.read()


# ---- as files ----

def units__the_user_data_brings_what_lies_here():
    text = read("user-data.sh")
    assert len(text.encode()) < USER_DATA_MAX / 2, "room for others' parts is needed"
    assert "systemctl enable gpuslice-boot.service" in text  # or it is for one boot only
    brought = re.findall(r"cat >\S+/(\S+) <<'END'\n(.*?)^END\n", text, re.DOTALL | re.MULTILINE)
    assert sorted(name for name, _ in brought) == ["10-gpuslice.conf", "gpuslice-boot.service",
                                                   "gpuslice-user-data"], brought
    for name, content in brought:
        assert content == read(name), f"{name} of user-data.sh is not the one that lies beside it"


def units__scripts_can_be_read_by_their_shells():
    for shell, name in (("sh", "gpuslice-user-data"), ("bash", "user-data.sh")):
        subprocess.run([shell, "-n", os.path.join(DEPLOY, name)], check=True)


def units__systemd_takes_them():
    with tempfile.TemporaryDirectory() as root:
        folder = os.path.join(root, "etc/systemd/system")
        for path in ("usr/local/bin/gpuslice-boot", "usr/local/libexec/gpuslice-user-data", "bin/true",
                     "bin/sh", "bin/bash", "bin/sleep"):
            os.makedirs(os.path.dirname(os.path.join(root, path)), exist_ok=True)
            with open(os.path.join(root, path), "w", encoding="utf-8"):
                os.chmod(os.path.join(root, path), 0o755)
        for name in ("nodeadm-run", "kubelet"):
            os.makedirs(f"{folder}/{name}.service.d")
            shutil.copy(os.path.join(DEPLOY, "10-gpuslice.conf"), f"{folder}/{name}.service.d/")
        shutil.copy(os.path.join(DEPLOY, "gpuslice-boot.service"), folder)
        for name, text in EKS.items():
            with open(os.path.join(folder, name), "w", encoding="utf-8") as file:
                file.write(text.format(dir="/tmp"))
        shutil.copytree("/lib/systemd/system", os.path.join(root, "lib/systemd/system"), symlinks=True)
        verify = ["systemd-analyze", "verify", "--man=no", f"--root={root}"]
        names = ["gpuslice-boot.service", "nodeadm-run.service", "kubelet.service"]
        done = subprocess.run([*verify, *names], capture_output=True, text=True, check=False)
        about = [line for line in done.stderr.splitlines()
                 if re.search("gpuslice|nodeadm|kubelet|cycle", line)]
        assert done.returncode == 0 and not about, done.stderr
        subprocess.run(["systemctl", f"--root={root}", "enable", "gpuslice-boot.service"], check=True,
                       stderr=subprocess.DEVNULL)
        assert os.path.islink(f"{folder}/multi-user.target.wants/gpuslice-boot.service")
        with open(os.path.join(folder, "gpuslice-boot.service"), "a", encoding="utf-8") as file:
            file.write("[Unit]\nAfter=kubelet.service\nBogus=1\n")  # the check can fail
        done = subprocess.run([*verify, *names], capture_output=True, text=True, check=False)
        assert "Bogus" in done.stderr, done.stderr


# ---- the instance's user data ----

class Imds(http.server.BaseHTTPRequestHandler):
    """EC2's instance metadata, version 2."""
    status, body = 200, b""

    def answer(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_PUT(self):  # pylint: disable=invalid-name
        ttl = self.headers.get("X-aws-ec2-metadata-token-ttl-seconds", "")
        right = self.path == "/latest/api/token" and ttl.isdigit()
        self.answer(200 if right else 400, b"a-token")

    def do_GET(self):  # pylint: disable=invalid-name
        if self.headers.get("X-aws-ec2-metadata-token") != "a-token":
            self.answer(401, b"")
        elif self.path == "/latest/user-data":
            self.answer(Imds.status, Imds.body)
        else:
            self.answer(404, b"")

    def log_message(self, *args):  # pylint: disable=arguments-differ
        pass


@contextlib.contextmanager
def imds(status, body):
    Imds.status, Imds.body = status, body
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Imds)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def saved(status, body):
    """(exit status, what is saved or None) of the script."""
    with tempfile.TemporaryDirectory() as folder, imds(status, body) as url:
        path = os.path.join(folder, "user-data")
        done = subprocess.run([os.path.join(DEPLOY, "gpuslice-user-data"), path], check=False,
                              env={"PATH": os.environ["PATH"], "GPUSLICE_IMDS": url},
                              capture_output=True)
        if done.returncode != 0:
            return done.returncode, None
        assert os.listdir(folder) == ["user-data"] and os.stat(path).st_mode & 0o777 == 0o600
        with open(path, "rb") as file:
            return 0, file.read()


def units__user_data_is_saved_unpacked():
    text = b"#!/bin/sh\n# nvidia.com/mig.config\n\xff\0"
    assert saved(200, text) == (0, text)
    assert saved(200, gzip.compress(text)) == (0, text)
    assert saved(200, b"") == (0, b"")
    assert saved(404, b"there is none") == (0, b"")
    assert saved(403, b"no") == (1, None)


# ---- by systemd ----

@contextlib.contextmanager
def node(user_data, end, installed=False):
    """A node that has booted: `user_data` has run, and the boot step ended with the shell's `end`."""
    with manager.manager({}) as made, imds(200, b"of the instance") as url:
        for name, text in EKS.items():
            made.write("units/" + name, text.format(dir=made.dir))
        made.want(*STARTED)
        made.write("program", PROGRAM.format(dir=made.dir))
        made.write("end", end + "\n")
        made.write("cloud-final", user_data.replace("@dir@", made.dir))
        made.write("units/gpuslice-boot.service.d/test.conf",
                   f"[Service]\nEnvironment=GPUSLICE_IMDS={url}\n")
        if installed:
            install(made)
        made.start()
        yield made


def install(made):
    """As a first boot has left it: /usr/local is on the disk."""
    made.write("units/gpuslice-boot.service",
               read("gpuslice-boot.service").replace("/usr/local/", f"{made.dir}/local/"))
    for name in ("nodeadm-run", "kubelet"):
        made.write(f"units/{name}.service.d/10-gpuslice.conf", read("10-gpuslice.conf"))
    made.want("gpuslice-boot.service")
    made.write("local/bin/gpuslice-boot", PROGRAM.format(dir=made.dir), 0o755)
    made.write("local/libexec/gpuslice-user-data", read("gpuslice-user-data"), 0o755)


def first_user_data(right=True):
    """user-data.sh with a URL and a checksum filled in."""
    text = read("user-data.sh")
    text = re.sub(r"^url=.*$", "url=file://@dir@/program", text, flags=re.MULTILINE)
    if right:
        text = re.sub(r"^sha256=.*$", "sha256=$(sha256sum @dir@/program | cut -d' ' -f1)", text,
                      flags=re.MULTILINE)
    assert "@dir@" in text
    return text


STARTS = ["driver", "boot of the instance", "nodeadm-run", "kubelet"]


def expect_no_kubelet(made):
    made.settled()
    assert "nodeadm-run" not in made.lines() and "kubelet" not in made.lines(), made.lines()
    started, said = made.ask("systemctl start kubelet.service")
    assert not started and "dependency" in said, said  # whoever tries it
    assert "kubelet" not in made.lines(), made.lines()


def live__at_the_first_boot_the_kubelet_starts_behind_the_boot_step():
    with node(first_user_data(), "exit 0") as made:
        made.wait_until(lambda: "kubelet" in made.lines())
        assert made.lines() == STARTS, made.lines()
        made.settled()
        assert made.ask("systemctl is-active gpuslice-boot.service kubelet.service") == (
            True, "active\nactive")


def live__at_the_first_boot_a_failed_boot_step_keeps_the_kubelet_from_starting():
    with node(first_user_data(), "exit 1") as made:
        made.wait_until(lambda: STARTS[1] in made.lines())
        expect_no_kubelet(made)


def live__a_program_with_another_checksum_keeps_the_kubelet_from_starting():
    with node(first_user_data(right=False), "exit 0") as made:
        expect_no_kubelet(made)
        assert not any(line.startswith("boot") for line in made.lines()), made.lines()


def live__at_a_later_boot_the_kubelet_starts_behind_the_boot_step():
    with node("exit 0", "exit 0", installed=True) as made:
        made.wait_until(lambda: "kubelet" in made.lines())
        assert made.lines() == STARTS, made.lines()


def live__at_a_later_boot_a_failed_boot_step_keeps_the_kubelet_from_starting():
    with node("exit 0", "exit 1", installed=True) as made:
        made.wait_until(lambda: STARTS[1] in made.lines())
        expect_no_kubelet(made)


def live__while_it_waits_for_a_reboot_no_kubelet_starts():
    with node("exit 0", "exec sleep 1000", installed=True) as made:
        made.wait_until(lambda: STARTS[1] in made.lines())
        jobs = made.ask("systemctl list-jobs --no-legend")[1]
        assert re.search(r"nodeadm-run.service +start +waiting", jobs), jobs
        assert "kubelet" not in made.lines(), made.lines()
        made.ask("systemctl stop gpuslice-boot.service")  # as when the machine goes down
        made.settled()
        assert "kubelet" not in made.lines(), made.lines()


def skipping(name, reason):
    return f"{name} # SKIP {reason}" if reason else name


def main():
    cases = []
    no_analyze = None if shutil.which("systemd-analyze") else "systemd-analyze is not here"
    no_systemd = manager.why_not()
    for name, case in tap.cases_of(sys.modules[__name__], "units__"):
        reason = no_analyze if case is units__systemd_takes_them else None
        cases.append((skipping(name[7:].replace("_", " "), reason), (lambda: None) if reason else case))
    for name, case in tap.cases_of(sys.modules[__name__], "live__"):
        cases.append((skipping(name[6:].replace("_", " "), no_systemd),
                      (lambda: None) if no_systemd else case))
    tap.run(cases)


if __name__ == "__main__":
    main()
