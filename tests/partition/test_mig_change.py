#!/usr/bin/env python3
"""gpuslice mig apply, restore, create and destroy on a simulated machine, with real processes: who
holds slices, hooks, two at once, a full disk, and kill -9 at calls of the driver.

usage: test_mig_change.py BIN_DIR LIB_DIR

What the machine has is read with gpuslice-sim, which shares no code with what is tested. All kill
points where GPUSLICE_TORTURE=all, otherwise a sample of them.
"""
import contextlib
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import zlib

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap  # pylint: disable=wrong-import-position

BIN, LIB = (os.path.abspath(path) for path in sys.argv[1:3])
ALL = os.environ.get("GPUSLICE_TORTURE") == "all"
SAMPLE_STEP = 23

CONFIG = """
version: v1
mig-configs:
  old: [{devices: all, mig-enabled: true,
         mig-devices: {3g.20gb: 1, 2g.10gb: 1, 1g.5gb: 2}}]
  new: [{devices: all, mig-enabled: true,
         mig-devices: {3g.20gb: 1, 4g.20gb: 1}}]
  parts: [{devices: all, mig-enabled: true,
           mig-devices: {3g.20gb: 1, 1c.3g.20gb: 1, 2c.3g.20gb: 1}}]
  whole: [{devices: all, mig-enabled: true, mig-devices: {7g.40gb: 1}}]
  off: [{devices: all, mig-enabled: false}]
  first: [{devices: [0], mig-enabled: true, mig-devices: {7g.40gb: 1}}]
"""


class Machine:
    """A simulated machine in a folder that goes with it."""

    def __init__(self, gpus="1xA100-40GB", options=("--mig",)):
        base = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
        self.dir = tempfile.mkdtemp(prefix="gpuslice-mig-", dir=base)
        self.machine = os.path.join(self.dir, "machine")
        self.env = {"PATH": os.environ["PATH"], "GPUSLICE_SIM": self.machine,
                    "LD_LIBRARY_PATH": LIB,
                    **{k: v for k, v in os.environ.items() if k.endswith("SAN_OPTIONS")}}
        self.write("config.yaml", CONFIG)
        self.kept = self.path("state.kept")
        self.held = []
        self.made_by = (gpus, options)

    def make(self):
        gpus, options = self.made_by
        self.sim("create", self.machine, "--gpus", gpus, *options)

    def path(self, name):
        return os.path.join(self.dir, name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as out:
            out.write(text)
        return self.path(name)

    def read(self, name):
        with open(self.path(name), encoding="utf-8") as source:
            return source.read()

    def run(self, program, *args, env=None, **more):
        return subprocess.run([os.path.join(BIN, program), *args], capture_output=True, text=True,
                              env={**self.env, **(env or {})}, check=False, timeout=120, **more)

    def sim(self, *args):
        done = self.run("gpuslice-sim", *args)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def mig(self, *args, status=0, **more):
        done = self.run("gpuslice", "mig", *args, **more)
        assert done.returncode == status, f"{args}: {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def apply(self, config, *args, **more):
        return self.mig("apply", "-f", self.path("config.yaml"), "-c", config, *args, **more)

    def show(self):
        return json.loads(self.sim("show", "-o", "json"))

    def slices(self, gpu=0):
        """{(profile, start): (its generation, its compute instances)}"""
        return {(i["profile"], i["start"]):
                (i["generation"],
                 sorted((c["profile"], c["generation"]) for c in i["compute_instances"]))
                for i in self.show()["gpus"][gpu]["instances"]}

    def names(self, gpu=0):
        return sorted(f"{p}@{s}" for p, s in self.slices(gpu))

    def uuid(self, profile, gpu=0):
        for instance in self.show()["gpus"][gpu]["instances"]:
            if instance["profile"] == profile:
                return instance["compute_instances"][0]["uuid"]
        raise AssertionError(f"no {profile}")

    def hold(self, *what):
        process = subprocess.Popen(
            [os.path.join(BIN, "gpuslice-sim"), "run", *what, "--", "sleep", "600"], env=self.env)
        self.held.append(process)
        for _ in range(500):
            if any(h for g in self.show()["gpus"] for h in g.get("holders", [])) or \
                    '"pid"' in self.sim("show", "-o", "json"):
                return process
            time.sleep(0.01)
        raise AssertionError("nobody holds it")

    def close(self):
        for process in self.held:
            process.terminate()
            process.wait()
        self.run("gpuslice-sim", "destroy", self.machine)
        shutil.rmtree(self.dir, ignore_errors=True)


@contextlib.contextmanager
def machine(*args, **more):
    made = Machine(*args, **more)
    try:
        made.make()
        yield made
    finally:
        made.close()


def apply__prints_what_mig_parted_prints():
    with machine("2xA100-40GB") as m:
        assert m.apply("old").stdout == "MIG configuration applied successfully\n"
        for gpu in (0, 1):
            assert m.names(gpu) == ["1g.5gb@2", "1g.5gb@3", "2g.10gb@0", "3g.20gb@4"] or \
                len(m.names(gpu)) == 4, m.names(gpu)
        m.mig("assert", "-f", m.path("config.yaml"), "-c", "old")
        m.mig("assert", "-f", m.path("config.yaml"), "-c", "new", status=1)


def apply__takes_its_options_from_the_environment():
    with machine() as m:
        m.mig("apply", env={"MIG_PARTED_CONFIG_FILE": m.path("config.yaml"),
                            "MIG_PARTED_SELECTED_CONFIG": "whole"})
        assert m.names() == ["7g.40gb@0"]
        link = m.path("nvidia-mig-parted")
        os.symlink(os.path.join(BIN, "gpuslice"), link)
        done = subprocess.run([link, "apply", "-f", m.path("config.yaml"), "-c", "new"],
                              env={**m.env, "GPUSLICE_NVML": os.path.join(LIB, "libnvidia-ml.so.1")},
                              capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert m.names() == ["3g.20gb@4", "4g.20gb@0"]


def apply__names_who_holds_what_is_in_the_way():
    with machine("2xA100-40GB") as m:
        m.apply("old")
        m.hold("--slice", m.uuid("2g.10gb", 1))
        before = m.show()["gpus"]
        done = m.apply("whole", status=1)
        for word in ("GPU 1", "2g.10gb@", "MIG-", "pid ", "(sleep)"):
            assert word in done.stderr, done.stderr
        assert m.show()["gpus"] == before


def apply__changes_what_is_idle_beside_what_is_not():
    with machine() as m:
        m.apply("old")
        m.hold("--slice", m.uuid("3g.20gb"))
        kept = m.slices()[("3g.20gb", 4)]
        m.apply("new")
        assert m.names() == ["3g.20gb@4", "4g.20gb@0"]
        assert m.slices()[("3g.20gb", 4)] == kept
        m.apply("whole", status=1)
        done = m.apply("whole", "--only-idle", status=1)
        assert "not all could be done" in done.stderr, done.stderr
        assert m.slices()[("3g.20gb", 4)] == kept


def restore__puts_back_what_checkpoint_kept():
    with machine() as m:
        m.apply("parts")
        before = m.names()
        m.mig("checkpoint", "-f", m.path("kept.json"))
        m.apply("whole")
        done = m.mig("restore", "-f", m.path("kept.json"))
        assert done.stdout == "MIG configuration restored successfully\n"
        assert m.names() == before
        m.sim("reboot")
        assert m.names() == []
        m.mig("restore", "-f", m.path("kept.json"))
        assert m.names() == before


def names__are_taken_as_they_are_on_a_machine_of_two_models():
    with machine("1xA100-40GB") as m:
        m.run("gpuslice-sim", "destroy", m.machine)
        m.sim("create", m.machine, "--gpus", "1xA100-40GB", "--gpus", "1xA30", "--mig")
        m.mig("create", "1g.6gb")
        assert (m.names(0), m.names(1)) == ([], ["1g.6gb@0"]), (m.names(0), m.names(1))
        done = m.mig("create", "1g.5gb", "--gpu", "1", status=1)
        assert "did you mean 1g.6gb?" in done.stderr, done.stderr
        small = m.write("small.yaml", "version: v1\nmig-configs: {a: [{devices: all, "
                        "mig-enabled: true, mig-devices: {1g.5gb: 4}}]}\n")
        done = m.mig("apply", "-f", small, status=1)
        assert "GPU 1: " in done.stderr and "did you mean 1g.6gb?" in done.stderr, done.stderr
        assert (m.names(0), m.names(1)) == ([], ["1g.6gb@0"])


def create__puts_a_slice_where_it_leaves_most_room():
    with machine("2xA100-40GB") as m:
        uuid = m.mig("create", "3g.20gb").stdout.strip()
        assert m.names() == ["3g.20gb@4"] and m.uuid("3g.20gb") == uuid
        two = m.mig("create", "3g.20gb", "--gpu", "1", "--start", "0", "--compute", "2c,1c").stdout
        assert m.names(1) == ["3g.20gb@0"] and len(two.split()) == 2
        m.mig("create", "7g.40gb", status=1)
        m.mig("create", "3g.20gb", "--start", "3", status=1)
        m.mig("destroy", two.split()[0])
        assert m.names(1) == ["3g.20gb@0"]
        m.mig("destroy", two.split()[1])
        assert m.names(1) == []
        m.hold("--slice", uuid)
        assert "sleep" in m.mig("destroy", uuid, status=1).stderr
        m.mig("destroy", "0:14", status=1)


def dry_run__prints_steps_and_does_none():
    with machine() as m:
        m.apply("old")
        before = m.show()["gpus"]
        done = m.apply("whole", "--dry-run")
        assert "GPU 0: create 7g.40gb at 0" in done.stdout.splitlines()
        assert m.show()["gpus"] == before
        done = m.mig("create", "1g.5gb", "--dry-run", status=1)
        assert "no room" in done.stderr


def mode__turns_on_and_off_and_resets_only_what_needs_it():
    with machine("2xA100-40GB", options=()) as m:
        m.apply("first")
        gpus = m.show()["gpus"]
        assert gpus[0]["mig"] and not gpus[1]["mig"]
        assert m.names() == ["7g.40gb@0"]
        m.hold("--gpu", "1")
        m.apply("old", status=1)
        assert m.names() == ["7g.40gb@0"], "nothing may be touched when GPU 1 is in use"
        assert not m.show()["gpus"][1]["mig_pending"]
    with machine("1xH100-80GB-SXM5", options=()) as m:
        m.write("config.yaml", CONFIG.replace("7g.40gb", "7g.80gb"))
        m.apply("whole")
        m.apply("off")
        assert not m.show()["gpus"][0]["mig"]


MONITOR = """
import ctypes, sys, time
lib = ctypes.CDLL(sys.argv[1])
assert lib.nvmlInit_v2() == 0
print("in", flush=True)
time.sleep(600)
"""

# Stands before the machine's own nvidia-smi: writes down what it is asked, and has the monitor end,
# whose session made the driver put the change of the mode off.
SMI = """#!/bin/sh
echo "$@" >> {log}
kill {pid} 2> /dev/null
while kill -0 {pid} 2> /dev/null; do sleep 0.01; done
exec {real} "$@"
"""


def watch_resets(m):
    """Returns the log of nvidia-smi's calls, and the monitor."""
    monitor = subprocess.Popen([sys.executable, "-c", MONITOR, os.path.join(LIB, "libnvidia-ml.so.1")],
                               env=m.env, stdout=subprocess.PIPE, text=True)
    assert monitor.stdout.readline() == "in\n"
    reaper = threading.Thread(target=monitor.wait)  # so that it is gone when it has ended
    reaper.start()
    smi = os.path.join(m.machine, "root/usr/bin/nvidia-smi")
    folder = m.path("smi")
    os.mkdir(folder)
    os.rename(smi, os.path.join(folder, "nvidia-smi"))
    with open(smi, "w", encoding="utf-8") as out:
        out.write(SMI.format(log=m.path("resets"), pid=monitor.pid,
                             real=os.path.join(folder, "nvidia-smi")))
    os.chmod(smi, 0o755)
    return m.path("resets"), monitor, reaper


def end_watch(monitor, reaper):
    monitor.terminate()
    reaper.join()
    monitor.stdout.close()


SOME_OFF = """
version: v1
mig-configs:
  outer: [{devices: [0, 3], mig-enabled: true, mig-devices: {3g.20gb: 1, 2g.10gb: 1}},
          {devices: [1, 2], mig-enabled: false}]
  all: [{devices: all, mig-enabled: true, mig-devices: {3g.20gb: 1, 2g.10gb: 1}}]
  one: [{devices: [0, 1, 3], mig-enabled: true, mig-devices: {3g.20gb: 1, 2g.10gb: 1}}]
"""


def reset__is_of_the_gpus_that_need_it_and_of_no_other():
    for config, want in (("one", ["00000000:0F:00.0"]),
                         ("all", ["00000000:0F:00.0", "00000000:47:00.0"])):
        with machine("4xA100-40GB", options=()) as m:
            m.write("config.yaml", SOME_OFF)
            m.apply("outer")
            m.hold("--slice", m.uuid("3g.20gb", 3))
            before = [m.slices(g) for g in (0, 3)]
            log, monitor, reaper = watch_resets(m)
            try:
                done = m.apply(config)
            finally:
                end_watch(monitor, reaper)
            calls = m.read("resets").splitlines()
            assert len(calls) == 1, calls
            words = calls[0].replace(",", " ").split()
            assert [w.upper() for w in words if ":" in w] == want, calls
            assert [m.slices(g) for g in (0, 3)] == before, done.stderr
            assert m.names(1) == m.names(0) and log
            assert (m.names(2) == m.names(0)) == (config == "all")
            # nothing is left to be done, and so nothing is reset
            m.apply(config)
            assert m.read("resets").splitlines() == calls


def reset__is_of_none_while_one_that_needs_it_is_in_use():
    with machine("4xA100-40GB", options=()) as m:
        m.write("config.yaml", SOME_OFF)
        m.apply("outer")
        m.hold("--gpu", "2")
        _, monitor, reaper = watch_resets(m)
        before = m.show()["gpus"]
        try:
            done = m.apply("all", status=1)
        finally:
            end_watch(monitor, reaper)
        assert "GPU 2: its MIG mode changes only while it is idle" in done.stderr, done.stderr
        assert not os.path.exists(m.path("resets")) and m.show()["gpus"] == before


PLACES = """
version: v1
mig-configs:
  thirds: [{devices: all, mig-enabled: true, mig-devices: {1c.3g.20gb: 3, 4g.20gb: 1}}]
  two: [{devices: all, mig-enabled: true,
         mig-devices: {1c.3g.20gb: 1, 2c.3g.20gb: 1, 4g.20gb: 1}}]
"""


def cis_of(m, profile, gpu=0):
    """{start: (profile, generation, UUID)} of the compute instances in the GPU instance."""
    for instance in m.show()["gpus"][gpu]["instances"]:
        if instance["profile"] == profile:
            return {c["start"]: (c["profile"], c["generation"], c["uuid"])
                    for c in instance["compute_instances"]}
    raise AssertionError(f"no {profile}")


def places__of_compute_instances_are_planned_before_anything_is_touched():
    with machine("2xA100-40GB") as m:
        m.write("config.yaml", PLACES)
        m.apply("thirds")
        there = cis_of(m, "3g.20gb", 1)
        assert sorted(there) == [0, 1, 2], there
        m.hold("--slice", there[1][2])
        before = m.show()["gpus"]
        for more in ((), ("--dry-run",)):
            done = m.apply("two", *more, status=1)
            assert "GPU 1: compute instance 1 (1c at 1) of 3g.20gb@4(1c,1c,1c) is in use and " \
                "stands in the way of 1x 3g.20gb(1c,2c), 1x 4g.20gb; held: " in done.stderr, \
                done.stderr
            assert there[1][2] in done.stderr and "(sleep)" in done.stderr, done.stderr
            assert m.show()["gpus"] == before
        m.held.pop().terminate()
        while any(g["holders"] for g in m.show()["gpus"] if "holders" in g):
            time.sleep(0.01)
        time.sleep(0.1)
        m.apply("two")
        now = cis_of(m, "3g.20gb", 1)
        assert now[2] == there[2] and sorted(now) == [0, 2], (there, now)
    with machine("1xA100-40GB", options=("--mig", "--driver", "470")) as m:
        m.env["GPUSLICE_NVML"] = os.path.join(LIB, "470", "libnvidia-ml.so.1")
        m.write("config.yaml", PLACES.replace(", 4g.20gb: 1", ""))
        m.apply("thirds")
        m.apply("two")
        assert len(cis_of(m, "3g.20gb")) == 2


def hidden__profiles_are_looked_up_before_the_mode_changes():
    with machine("1xA100-40GB", options=("--driver", "535")) as m:
        bad = m.write("bad.yaml", "version: v1\nmig-configs: {a: [{devices: all, mig-enabled: true, "
                      "mig-devices: {4g.20gb: 2}}]}\n")
        done = m.mig("apply", "-f", bad, status=1)
        assert "by the catalogue, as this driver tells nothing while MIG is off" in done.stderr
        assert not m.show()["gpus"][0]["mig"]
        assert "then cut it into 1x 3g.20gb, 1x 4g.20gb" in m.apply("new", "--dry-run").stdout
        m.apply("new")
        assert m.names() == ["3g.20gb@4", "4g.20gb@0"]


HOOKS = """
version: v1
hooks:
  apply-start:
  - {command: /bin/sh, args: [-c, 'env | sort > OUT.env; echo start >> OUT'], envs: {MINE: x, MIG_PARTED_SELECTED_CONFIG: mine}}
  pre-apply-mode: [{command: /bin/sh, args: [-c, 'echo mode >> OUT']}]
  pre-apply-config: [{command: sh, args: [-c, 'echo config >> OUT; EXTRA'], workdir: /tmp}]
  apply-exit: [{command: /bin/sh, args: [-c, 'echo exit >> OUT']}]
"""


def hooks__run_in_order_with_their_own_environment():
    with machine(options=()) as m:
        out = m.path("out")
        hooks = m.write("hooks.yaml", HOOKS.replace("OUT", out).replace("EXTRA", "pwd >> " + out))
        m.apply("new", "-k", hooks)
        assert m.read("out").split() == ["start", "mode", "config", "/tmp", "exit"]
        seen = dict(line.split("=", 1) for line in m.read("out.env").splitlines())
        assert seen["MINE"] == "x" and seen["MIG_PARTED_SELECTED_CONFIG"] == "new", seen
        assert seen["MIG_PARTED_MODE_CHANGE_ONLY"] == "false", seen
        assert not {"GPUSLICE_SIM", "LD_LIBRARY_PATH"} & set(seen), "nothing is inherited"
        os.unlink(out)
        m.apply("new", "-k", hooks)
        assert m.read("out").split() == ["start", "exit"], "nothing differs: no other hook"


def hooks__that_fail_or_hang_leave_the_gpus_and_run_the_exit_hook():
    with machine() as m:
        out = m.path("out")
        for extra, word in (("exit 3", "status 3"), ("kill -9 $$", "signal 9"),
                            ("sleep 60", "took longer")):
            hooks = m.write("hooks.yaml", HOOKS.replace("OUT", out).replace("EXTRA", extra))
            done = m.apply("new", "-k", hooks, "--hook-timeout", "1", status=1)
            assert "hook pre-apply-config" in done.stderr and word in done.stderr, done.stderr
            assert m.read("out").split() == ["start", "config", "exit"]
            assert m.names() == []
            os.unlink(out)


def stop__a_signal_ends_the_work_at_a_whole_slice_and_runs_the_exit_hook():
    for number in (signal.SIGTERM, signal.SIGINT):
        with machine("3xA100-40GB") as m:
            m.apply("old")
            out = m.path("out")
            hooks = m.write("hooks.yaml", HOOKS.replace("OUT", out).replace("EXTRA", "true"))
            m.sim("fault", "--add", "nvmlDeviceCreateGpuInstanceWithPlacement:times=all,delay=1s")
            first = subprocess.Popen(
                [os.path.join(BIN, "gpuslice"), "mig", "apply", "-f", m.path("config.yaml"), "-c",
                 "new", "-k", hooks], env=m.env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                text=True)
            while "4g.20gb@0" not in m.names(0) and first.poll() is None:
                time.sleep(0.01)
            first.send_signal(number)
            said, errors = first.communicate(timeout=120)
            assert (first.returncode, said) == (1, ""), (first.returncode, said, errors)
            assert "interrupted after step " in errors and "run the same command again" in errors
            assert m.read("out").split() == ["start", "config", "exit"]
            assert not os.path.exists(os.path.join(m.machine, "run", "journal"))
            assert all(gi["compute_instances"] for g in m.show()["gpus"] for gi in g["instances"])
            assert m.names(2) != ["3g.20gb@4", "4g.20gb@0"], "it did not end early"
            m.sim("fault", "--clear")
            m.apply("new")
            assert m.names(2) == ["3g.20gb@4", "4g.20gb@0"]


def lock__the_second_fails_clearly_or_waits():
    with machine() as m:
        m.sim("fault", "--add", "nvmlDeviceCreateGpuInstanceWithPlacement:times=all,delay=1500ms")
        args = ["mig", "apply", "-f", m.path("config.yaml"), "-c", "new"]
        first = subprocess.Popen([os.path.join(BIN, "gpuslice"), *args], env=m.env,
                                 stdout=subprocess.DEVNULL)
        journal = os.path.join(m.machine, "run", "journal")
        while not os.path.exists(journal) and first.poll() is None:
            time.sleep(0.01)
        done = m.apply("whole", status=1)
        assert f"pid {first.pid} (mig apply)" in done.stderr, done.stderr
        m.apply("whole", "--wait", "60")
        assert first.wait() == 0
        assert m.names() == ["7g.40gb@0"]


def disk__full_changes_nothing():
    def no_room():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    with machine() as m:
        m.apply("old")
        before = m.show()["gpus"]
        done = m.apply("whole", status=1, preexec_fn=no_room)
        assert "journal" in done.stderr and "nothing is changed" in done.stderr, done.stderr
        assert m.show()["gpus"] == before
        m.apply("whole")


def leak__leaves_the_gpu_as_it_was():
    with machine("3xA100-40GB") as m:
        m.apply("old")
        m.sim("leak", "--slice", m.uuid("3g.20gb", 1))

        def seen(gpu):
            return [(i["profile"], i["start"], [c["uuid"] for c in i["compute_instances"]])
                    for i in m.show()["gpus"][gpu]["instances"]]
        before = [seen(gpu) for gpu in range(3)]
        done = m.apply("whole", status=1)
        assert m.names() == ["7g.40gb@0"]
        assert [seen(1), seen(2)] == before[1:], (before, seen(1), done.stderr)
        assert "no process is listed on it: a monitoring program" in done.stderr, done.stderr
        assert done.stderr.count("GPU 1, ") == 1, done.stderr


def texts__are_true_of_what_there_is():
    with machine("2xA100-40GB") as m:
        m.apply("old", "-m")
        m.write("config.yaml", CONFIG + "  some: [{devices: [0], mig-enabled: false},\n"
                "    {devices: [1], mig-enabled: true, mig-devices: {7g.40gb: 1}}]\n"
                "  none: [{devices: all, mig-enabled: true, mig-devices: {}}]\n")
        m.sim("fault", "--add", "nvmlDeviceCreateGpuInstanceWithPlacement:nth=1,code=UNKNOWN")
        done = m.apply("some", status=1)
        assert "GPU 0 is as wanted; MIG is off" in done.stderr, done.stderr
        hooks = m.write("hooks.yaml", HOOKS.replace("OUT", m.path("out")).replace("EXTRA", "false"))
        done = m.apply("new", "-k", hooks, status=1)
        assert "GPU 0 is in between; MIG is on, and nothing is cut yet" in done.stderr, done.stderr
        assert f"hook pre-apply-config: sh ({hooks}:7) ended with status 1" in done.stderr
        m.apply("old")
        m.hold("--slice", m.uuid("3g.20gb"))
        done = m.apply("none", status=1)
        assert "GPU 0: 3g.20gb@4 is in use, and no slice is wanted; held: " in done.stderr
        done = m.apply("off", "--only-idle", status=1)
        assert "until the GPU is reset" not in done.stderr, done.stderr
        assert done.stderr.count("pid ") == 1, done.stderr
    with machine("2xA100-40GB", options=()) as m:
        m.hold("--gpu", "1")
        done = m.apply("new", "--only-idle", status=1)
        assert "until the GPU is reset" not in done.stderr, done.stderr
        assert "GPU 1 is not wholly as wanted" in done.stderr and m.names(0), done.stderr
    with machine(options=()) as m:
        m.sim("fault", "--add", "nvmlDeviceSetMigMode:times=all,code=NO_PERMISSION")
        done = m.apply("new", status=1)
        assert done.stderr == "gpuslice: GPU 0: turning MIG on: NVML says NO_PERMISSION (4); " \
            "changing the GPUs needs root\n", done.stderr


def lost__stops_only_what_names_it():
    with machine("3xA100-40GB") as m:
        m.mig("checkpoint", "-f", m.path("kept.json"))
        m.sim("lose", "--gpu", "1")
        config = m.write("some.yaml", "version: v1\nmig-configs: {a: [{devices: [0, 2], "
                         "mig-enabled: true, mig-devices: {7g.40gb: 1}}]}\n")
        done = m.mig("apply", "-f", config)
        assert "warning: passed over: GPU 1" in done.stderr, done.stderr
        m.mig("assert", "-f", config)
        done = m.apply("whole", status=1)
        assert "GPU 1" in done.stderr and "GPU_IS_LOST" in done.stderr, done.stderr
        done = m.mig("restore", "-f", m.path("kept.json"), status=1)
        assert "GPU_IS_LOST" in done.stderr, done.stderr


def vm__says_the_cause_first_and_works_after_a_reboot():
    with machine("2xA100-40GB", options=("--vm",)) as m:
        done = m.apply("new", status=1)
        said = done.stderr.splitlines()[-1]
        assert said.startswith("gpuslice: the MIG mode is set and waits for a reset"), done.stderr
        assert "reboot the VM, then run this again (" in said and said.endswith(".)"), said
        m.sim("reboot")
        m.apply("new")
        assert m.names(1) == ["3g.20gb@4", "4g.20gb@0"]


def old_driver__decides_itself_whether_the_mode_can_change():
    with machine("1xA100-40GB", options=("--driver", "450")) as m:
        m.apply("new", "-m")
        assert m.show()["gpus"][0]["mig"]
        m.apply("off", "-m")
        m.hold("--gpu", "0")
        m.apply("new", "-m", status=1)
        assert not m.show()["gpus"][0]["mig"]


def whole(before, after, now, what):
    """Every slice is one of before or after, with its compute instances."""
    kinds = {(k, tuple(c for c, _ in v[1])) for s in (before, after) for k, v in s.items()}
    for key, (_, cis) in now.items():
        assert (key, tuple(c for c, _ in cis)) in kinds, f"{what}: {key} {cis}"


def kill__at_any_call_of_the_driver_is_recovered():
    with machine() as m:
        state = os.path.join(m.machine, "state")
        m.apply("old")
        busy = ("3g.20gb", 4)
        before = m.slices()
        shutil.copyfile(state, m.kept)

        def again():
            with open(m.kept, "rb") as kept, open(state, "r+b") as out:
                out.write(kept.read())  # the same file: others have it mapped
            shutil.rmtree(os.path.join(m.machine, "run"), ignore_errors=True)

        calls = m.show()["calls"]
        m.apply("new")
        calls = m.show()["calls"] - calls
        after = m.slices()
        cases = 0
        for nth in range(1, calls + 1, 1 if ALL else SAMPLE_STEP):
            again()
            held = m.hold("--slice", m.uuid("3g.20gb")) if nth % 3 == 0 else None
            m.sim("fault", "--clear", "--add", f"*:nth={nth},kill" + ("-after" if nth % 2 else ""))
            done = m.run("gpuslice", "mig", "apply", "-f", m.path("config.yaml"), "-c", "new")
            what = f"killed at call {nth}"
            if done.returncode == -signal.SIGKILL:
                # and again, at a call of the recovery
                m.sim("fault", "--clear", "--add", f"*:nth={1 + nth * 7 % calls},kill-after")
                m.run("gpuslice", "mig", "apply", "-f", m.path("config.yaml"), "-c", "new")
                cases += 1
            m.sim("fault", "--clear")
            assert m.slices()[busy] == before[busy], what
            # nothing is asked of the other GPU instances, so this recovers and does no more
            m.run("gpuslice", "mig", "destroy", "0:14")
            whole(before, after, m.slices(), what)
            m.apply("new")
            now = m.slices()
            assert {k: [c for c, _ in v[1]] for k, v in now.items()} == \
                {k: [c for c, _ in v[1]] for k, v in after.items()}, (what, now)
            assert now[busy] == before[busy], what
            if held is not None:
                held.terminate()
                held.wait()
                m.held.remove(held)
        print(f"# {cases} kills at {calls} calls of the driver", flush=True)
        assert cases > 5, cases


def kill__of_a_destroy_of_several_leaves_whole_slices():
    with machine("2xA100-40GB") as m:
        state = os.path.join(m.machine, "state")
        for gpu in "01":
            m.mig("create", "3g.20gb", "--gpu", gpu, "--start", "4", "--compute", "1c,2c")
            m.mig("create", "2g.10gb", "--gpu", gpu, "--start", "0")
            m.mig("create", "1g.5gb", "--gpu", gpu, "--start", "2")
        there = [{k: [c for c, _ in v[1]] for k, v in m.slices(g).items()} for g in (0, 1)]
        m.sim("leak", "--slice", m.uuid("1g.5gb", 1))
        ids = [{i["profile"]: i["id"] for i in g["instances"]} for g in m.show()["gpus"]]
        words = [f"{g}:{ids[g][p]}" for g in (0, 1) for p in ("2g.10gb", "1g.5gb")]
        words.append(f"0:{ids[0]['3g.20gb']}:1")
        shutil.copyfile(state, m.kept)
        calls = m.show()["calls"]
        done = m.mig("destroy", *words, status=1)
        assert "all slices are there" in done.stderr, done.stderr
        calls = m.show()["calls"] - calls
        cases = 0
        for nth in range(1, calls + 1, 1 if ALL else SAMPLE_STEP // 2):
            with open(m.kept, "rb") as kept, open(state, "r+b") as out:
                out.write(kept.read())
            m.sim("fault", "--clear", "--add", f"*:nth={nth},kill" + ("-after" if nth % 2 else ""))
            done = m.run("gpuslice", "mig", "destroy", *words)
            cases += done.returncode == -signal.SIGKILL
            m.sim("fault", "--clear")
            m.run("gpuslice", "mig", "destroy", "0:14")
            for g in (0, 1):
                for key, (_, cis) in m.slices(g).items():
                    cis = [c for c, _ in cis]
                    partly = g == 0 and key == ("3g.20gb", 4) and len(cis) == 1
                    assert partly or cis == there[g][key], (nth, key, cis, done.stderr)
            assert ("1g.5gb", 2) in m.slices(1) and ("3g.20gb", 4) in m.slices(1), nth
        print(f"# {cases} kills at {calls} calls of the driver", flush=True)
        assert cases > 5, cases


def kill__is_said_by_the_commands_that_read_and_by_the_next_that_changes():
    with machine() as m:
        m.apply("old")
        m.sim("fault", "--add", "nvmlDeviceCreateGpuInstanceWithPlacement:nth=1,kill-after")
        hooks = m.write("hooks.yaml", HOOKS.replace("OUT", m.path("out")).replace("EXTRA", "true"))
        done = m.run("gpuslice", "mig", "apply", "-f", m.path("config.yaml"), "-c", "new", "-k",
                     hooks)
        assert done.returncode == -signal.SIGKILL
        m.sim("fault", "--clear")
        for words in (("mig", "export"), ("gpu", "list"), ("gpu", "show"),
                      ("mig", "checkpoint", "-f", m.path("kept.json"))):
            done = m.run("gpuslice", *words)
            assert done.returncode == 0 and "mig apply (pid " in done.stderr, (words, done.stderr)
            assert " was killed at step " in done.stderr and "apply-exit" in done.stderr, done.stderr
            assert done.stderr.count("\n") == 1, done.stderr
        done = m.mig("assert", "-f", m.path("config.yaml"), "-c", "new", status=1)
        assert "was killed at step" in done.stderr, done.stderr
        done = m.apply("new", "--dry-run")
        assert "creating 4g.20gb at 0, begun last" in done.stdout, done.stdout
        done = m.apply("new", "-k", hooks)
        assert "creating 4g.20gb at 0, is finished now; its apply-exit hook has not run" in \
            done.stderr, done.stderr
        assert m.read("out").split()[-1] == "exit" and m.names() == ["3g.20gb@4", "4g.20gb@0"]
        assert m.run("gpuslice", "mig", "export").stderr == ""
        # one that goes on is not one that was killed
        m.sim("fault", "--add", "nvmlDeviceCreateGpuInstanceWithPlacement:nth=1,delay=4s")
        with subprocess.Popen([os.path.join(BIN, "gpuslice"), "mig", "apply", "-f",
                               m.path("config.yaml"), "-c", "whole"], env=m.env,
                              stdout=subprocess.DEVNULL) as first:
            while not os.path.exists(os.path.join(m.machine, "run", "journal")) and \
                    first.poll() is None:
                time.sleep(0.01)
            assert m.run("gpuslice", "mig", "export").stderr == ""
        assert first.returncode == 0 and m.names() == ["7g.40gb@0"]


def dry_run__beside_a_live_apply_says_that_it_goes_on():
    with machine() as m:
        m.apply("old")
        m.sim("fault", "--add", "nvmlDeviceCreateGpuInstanceWithPlacement:nth=1,delay=4s")
        with subprocess.Popen([os.path.join(BIN, "gpuslice"), "mig", "apply", "-f",
                               m.path("config.yaml"), "-c", "whole"], env=m.env,
                              stdout=subprocess.DEVNULL) as first:
            while not os.path.exists(os.path.join(m.machine, "run", "journal")) and \
                    first.poll() is None:
                time.sleep(0.01)
            done = m.apply("new", "--dry-run")
            assert f"mig apply (pid {first.pid}) is changing the GPUs now" in done.stdout, done.stdout
            assert "kill" not in done.stdout + done.stderr, done.stdout + done.stderr
        assert first.returncode == 0 and m.names() == ["7g.40gb@0"]


def calls__gpus_of_one_make_tell_their_profiles_once():
    def calls_of_export(gpus):
        with machine(gpus[0], options=sum((["--gpus", g] for g in gpus[1:]), ["--mig"])) as m:
            before = m.show()["calls"]
            m.mig("export")
            return m.show()["calls"] - before
    one = calls_of_export(["1xA100-40GB"])
    four = calls_of_export(["4xA100-40GB"])
    mixed = calls_of_export(["1xA100-40GB", "1xA100-80GB", "1xH100-80GB-SXM5", "1xA30-24GB"])
    print(f"# one A100: {one} calls, four: {four}, four that are not alike: {mixed}", flush=True)
    assert four < one + 3 * (one * 2 // 3) and mixed > four + 3 * 20, (one, four, mixed)


def journal__of_others_reaches_no_terminal():
    texts = ("begin pid=5 what=mig\x1b[31m apply",
             "step n=1 of=2 do=destroy gpu=GPU-\x1b]0;x\x07 profile=2 start=4 size=4 was=empty shall=absent")
    with machine() as m:
        os.makedirs(os.path.join(m.machine, "run"), exist_ok=True)
        for text in texts:
            records = [text] if text.startswith("begin") else ["begin pid=5 what=mig apply", text]
            with open(os.path.join(m.machine, "run", "journal"), "wb") as out:
                for record in records:
                    record = record.encode()
                    out.write(b"gsj1 %04x %08x %s\n" % (len(record), zlib.crc32(record), record))
            for words in (("gpu", "list"), ("mig", "export"), ("mig", "create", "1g.5gb"),
                          ("mig", "apply", "-f", m.path("config.yaml"), "-c", "new", "--dry-run")):
                done = m.run("gpuslice", *words)
                assert not set(done.stdout + done.stderr) & {"\x1b", "\x07"}, (words, done)
            assert "does not write" in done.stderr, done.stderr


def library_is_instrumented():
    """By a sanitizer: then a program that is not, as the monitor of resets, cannot load it."""
    with open(os.path.join(LIB, "libnvidia-ml.so.1"), "rb") as library:
        return b"__asan_init" in library.read()


def main():
    cases = []
    for prefix in ("apply__", "names__", "restore__", "create__", "dry_run__", "mode__", "reset__",
                   "places__", "hidden__", "hooks__", "stop__", "lock__", "disk__", "leak__",
                   "texts__", "lost__", "vm__", "old_driver__", "journal__", "calls__",
                   "kill__"):
        if prefix == "reset__" and library_is_instrumented():
            print("# left out: the cases of resets, whose monitor is not instrumented")
            continue
        cases += tap.cases_of(sys.modules[__name__], prefix)
    tap.run(cases)


if __name__ == "__main__":
    main()
