#!/usr/bin/env python3
"""What gpuslice-sim does to machines, seen through the program alone.

usage: test_gpuslice_sim.py GPUSLICE_SIM
"""
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
import tap  # noqa: E402

SIM = os.path.abspath(sys.argv[1])
WAIT_S = 20


def sim(*args, status=0, env=None):
    """Runs the program; the exit status must be `status`. Returns stdout and stderr."""
    environment = {k: v for k, v in os.environ.items() if k != "GPUSLICE_SIM"}
    environment.update(env or {})
    done = subprocess.run([SIM, *args], env=environment, text=True, timeout=60,
                          capture_output=True, check=False)
    assert done.returncode == status, (args, done.returncode, done.stdout, done.stderr)
    return done.stdout, done.stderr


class Machine:
    """A machine in a folder of its own, removed at the end whatever happens."""

    def __init__(self, *options):
        base = os.environ.get("TMPDIR") or ("/dev/shm" if os.path.isdir("/dev/shm") else None)
        self.parent = tempfile.mkdtemp(prefix="gpuslice-sim-", dir=base)
        self.dir = os.path.join(self.parent, "m")
        self.options = options

    def __enter__(self):
        self.made, _ = sim("create", self.dir, *self.options)
        return self

    def __exit__(self, *what):
        shutil.rmtree(self.parent)

    def show(self):
        return json.loads(sim("show", self.dir, "-o", "json")[0])

    def root(self, name):
        return os.path.join(self.dir, "root", name)

    def smi(self, *args, status=0):
        """The machine's nvidia-smi, by its own name."""
        environment = {k: v for k, v in os.environ.items() if k != "GPUSLICE_SIM"}
        done = subprocess.run([self.root("usr/bin/nvidia-smi"), *args], env=environment, text=True,
                              timeout=60, capture_output=True, check=False)
        assert done.returncode == status, (args, done.returncode, done.stdout, done.stderr)
        return done.stdout

    def run(self, *args):
        """A process that holds something; returns when it is registered."""
        before = len(self.show()["processes"])
        process = subprocess.Popen([SIM, "run", self.dir, *args])
        end = time.monotonic() + WAIT_S
        while len(self.show()["processes"]) == before:
            assert time.monotonic() < end and process.poll() is None, "it never held anything"
            time.sleep(0.01)
        return process


def wait_until(what):
    end = time.monotonic() + WAIT_S
    while not what():
        assert time.monotonic() < end, "it never came"
        time.sleep(0.01)


def test_create_prints_what_to_export():
    with Machine("--gpus", "2xA100-40GB", "--gpus", "NVIDIA A100-PCIE-40GB", "--gpus", "L4") as m:
        lines = m.made.splitlines()
        assert lines[0] == "# 4 GPUs, driver 580.82.07", lines
        assert lines[1] == f"export GPUSLICE_SIM={os.path.realpath(m.dir)}", lines
        assert lines[2].startswith("export LD_LIBRARY_PATH="), lines
        library, own = lines[2].split("=", 1)[1].split('"', 1)
        assert os.path.exists(os.path.join(library, "libnvidia-ml.so.1"))
        assert own == '${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}"', lines
        gpus = m.show()["gpus"]
        assert [g["name"] for g in gpus] == ["NVIDIA A100-SXM4-40GB", "NVIDIA A100-SXM4-40GB",
                                             "NVIDIA A100-PCIE-40GB", "NVIDIA L4"]
        assert len({g["uuid"] for g in gpus}) == 4 and not any(g["mig"] for g in gpus)


def test_create_can_be_evaluated_and_fails_there_too():
    with tempfile.TemporaryDirectory() as folder:
        machine = os.path.join(folder, "it's mine")
        line = f'eval "$({SIM} create "$1" --gpus A30)"'
        script = f'LD_LIBRARY_PATH=/own; {line}; echo $? "$GPUSLICE_SIM"; {line} 2>&-; echo $?'
        done = subprocess.run(["bash", "-c", script + '; echo "${LD_LIBRARY_PATH##*:}"', "-", machine],
                              capture_output=True, text=True, check=True)
        assert done.stdout.splitlines() == [f"0 {os.path.realpath(machine)}", "1", "/own"], done


def test_create_takes_the_machine_by_environment_everywhere_else():
    with Machine("--gpus", "A30-24GB", "--mig") as m:
        out, _ = sim("show", "-o", "json", env={"GPUSLICE_SIM": m.dir})
        assert json.loads(out)["gpus"][0]["mig"]


def test_create_does_not_take_the_place_of_a_machine():
    with Machine("--gpus", "A30-24GB") as m:
        _, err = sim("create", m.dir, "--gpus", "8xA100-40GB", status=1)
        assert "already" in err and len(m.show()["gpus"]) == 1


def test_create_gives_the_driver_that_a_gpu_needs():
    with Machine("--gpus", "GB300-278GB") as m:
        assert m.show()["driver_version"].startswith("595.")
    with Machine("--gpus", "A100-40GB", "--driver", "450") as m:
        assert m.show()["driver_version"] == "450.80.02"


def test_seed_makes_other_gpus():
    uuids = set()
    for seed in ("", "a", "b"):
        with Machine("--gpus", "A100-40GB", "--seed", seed) as m:
            uuids.add(m.show()["gpus"][0]["uuid"])
    assert len(uuids) == 3


def test_run_holds_a_gpu_for_as_long_as_the_command_lives():
    with Machine("--gpus", "2xL4") as m:
        process = m.run("--gpu", "1", "--memory", "1000", "--busy", "50", "--", "sleep", "1000")
        held = m.show()["processes"]
        assert held[0]["gpu"] == 1 and held[0]["memory_mib"] == 1000, held
        assert held[0]["name"] == "sleep" and held[0]["gpu_instance"] is None, held
        _, err = sim("reset", m.dir, "-i", "1", status=1)
        assert "in use" in err
        sim("reset", m.dir, "-i", "0")
        process.send_signal(signal.SIGTERM)
        assert process.wait(WAIT_S) == 128 + signal.SIGTERM
        assert m.show()["processes"] == []


def test_run_ends_as_the_command_does():
    with Machine("--gpus", "L4") as m:
        sim("run", m.dir, "--gpu", "0", "--", "sh", "-c", "exit 7", status=7)
        sim("run", m.dir, "--gpu", "0", "--", "/nonexistent", status=127)
        _, err = sim("run", m.dir, "--gpu", "0", "--memory", "99999", "--", "true", status=1)
        assert "not enough" in err
        assert m.show()["processes"] == []


def test_run_holds_on_when_it_is_killed_and_the_command_is_not():
    with Machine("--gpus", "L4") as m:
        process = m.run("--gpu", "0", "--", "sleep", "1000")
        command = m.show()["processes"][0]["pid"]
        process.kill()
        process.wait(WAIT_S)
        assert [p["pid"] for p in m.show()["processes"]] == [command]
        os.kill(command, signal.SIGKILL)
        wait_until(lambda: m.show()["processes"] == [])


def test_smi_lists_and_resets():
    with Machine("--gpus", "2xA100-40GB", "--mig") as m:
        assert m.smi("-L").startswith("GPU 0: NVIDIA A100-SXM4-40GB (UUID: GPU-")
        out = m.smi("-r", "-i", "0000:07:00.0,0000:0f:00.0")
        assert out.count("was successfully reset.") == 2 and out.endswith("All done.\n")
        m.smi("--gpu-reset", "-i", m.show()["gpus"][1]["uuid"])
        assert "No devices were found" in m.smi("-r", "-i", "0000:99:00.0", status=6)
        m.smi("-q", status=2)


def test_smi_says_255_when_a_gpu_is_in_use():
    with Machine("--gpus", "2xL4") as m:
        process = m.run("--gpu", "1", "--", "sleep", "1000")
        out = m.smi("-r", "-i", "0000:07:00.0,0000:0f:00.0", status=255)
        assert "GPU 00000000:0F:00.0: In use by another client" in out, out
        process.terminate()
        process.wait(WAIT_S)


def test_smi_has_no_reset_in_a_vm_and_no_driver_when_it_is_unloaded():
    with Machine("--gpus", "A100-40GB", "--vm") as m:
        assert "not supported" in m.smi("-r", status=3)
        assert not os.path.exists(m.root("sys/bus/pci/devices/0000:07:00.0/reset"))
        sim("unload", m.dir)
        assert "couldn't communicate" in m.smi("-L", status=9)
        assert not os.path.exists(m.root("proc/driver"))
        sim("unload", m.dir, status=1)
        sim("load", m.dir)
        m.smi("-L")


def test_lose_and_reboot():
    with Machine("--gpus", "2xA100-40GB", "--mig") as m:
        sim("lose", m.dir, "--gpu", "1")
        gpus = m.show()["gpus"]
        assert gpus[1]["lost"] and gpus[1]["xids"] == 1 and not gpus[0]["lost"]
        sim("reset", m.dir, "-i", "1", status=1)
        sim("xid", m.dir, "--slice", "0", "79")
        assert m.show()["gpus"][0]["xids"] == 1
        sim("reboot", m.dir)
        gpus = m.show()["gpus"]
        assert not gpus[1]["lost"] and gpus[1]["mig"] and m.show()["boots"] == 2


def test_hopper_forgets_mig_and_ampere_does_not():
    with Machine("--gpus", "A100-40GB", "--gpus", "H100-80GB-SXM5", "--mig") as m:
        assert [g["mig"] for g in m.show()["gpus"]] == [True, True]
        sim("reload", m.dir)
        assert [g["mig"] for g in m.show()["gpus"]] == [True, False]


def test_faults_are_added_from_words_and_files_listed_and_cleared():
    with Machine("--gpus", "A30-24GB") as m:
        name = os.path.join(m.parent, "faults")
        with open(name, "w", encoding="utf-8") as file:
            file.write("# two\n\nnvmlInit_v2:nth=2,hang\n  *:times=all,delay=1ms\n")
        sim("fault", m.dir, "--add", "nvmlGpuInstanceDestroy:code=IN_USE", "--file", name)
        out, _ = sim("fault", m.dir)
        assert out == ("nvmlGpuInstanceDestroy:nth=1,times=1,code=IN_USE  # seen 0\n"
                       "nvmlInit_v2:nth=2,times=1,hang  # seen 0\n"
                       "*:nth=1,times=all,delay=1000us  # seen 0\n"), out
        with open(name, "a", encoding="utf-8") as file:
            file.write("nvmlInit_v2:later\n")
        _, err = sim("fault", m.dir, "--clear", "--file", name, status=3)
        assert "line 5 of" in err, err
        sim("fault", m.dir, "--file", "/nonexistent", status=3)
        sim("fault", m.dir, "--clear")
        assert sim("fault", m.dir)[0] == ""


def test_faults_of_functions_that_no_client_can_call_are_refused():
    with Machine("--gpus", "A100-40GB", "--driver", "470") as m:
        for fault, expected in (
                ("nvmlGpuInstanceDestory:code=19", "no driver has a function nvmlGpuInstanceDestory; "
                                                   "near names: nvmlGpuInstanceDestroy"),
                ("nvmlDeviceGetBananas:hang", "no driver has a function nvmlDeviceGetBananas"),
                ("nvmlDeviceGetMemoryInfo_v2:hang", "nvmlDeviceGetMemoryInfo_v2 came with driver "
                                                    "510; this machine has 470"),
                ("nvmlDeviceCcuGetStreamState:hang", "came with driver 525")):
            _, err = sim("fault", m.dir, "--add", "nvmlInit_v2:hang", "--add", fault, status=3)
            assert expected in err, (fault, err)
            assert sim("fault", m.dir)[0] == "", fault
        sim("fault", m.dir, "--add", "nvmlGpuInstanceDestroy:hang", "--add", "*:nth=9,kill")
        assert len(sim("fault", m.dir)[0].splitlines()) == 2


def test_destroy_leaves_what_is_not_its_own():
    with Machine("--gpus", "A30-24GB") as m:
        other = os.path.join(m.dir, "mine")
        with open(other, "w", encoding="utf-8"):
            pass
        sim("destroy", m.dir)
        assert os.listdir(m.dir) == ["mine"]
        sim("destroy", m.dir, status=3)
        sim("destroy", m.dir, "--force", status=3)


def test_destroy_waits_for_processes():
    with Machine("--gpus", "L4") as m:
        process = m.run("--gpu", "0", "--", "sleep", "1000")
        _, err = sim("destroy", m.dir, status=1)
        assert "--force" in err
        process.terminate()
        process.wait(WAIT_S)
        sim("destroy", m.dir)
        assert not os.path.exists(m.dir)


def test_a_damaged_machine_is_refused_and_can_be_destroyed():
    with Machine("--gpus", "2xA100-40GB") as m:
        state = os.path.join(m.dir, "state")
        with open(state, "r+b") as file:
            file.seek(os.path.getsize(state) * 3 // 4)
            file.write(b"garbage")
        _, err = sim("show", m.dir, status=3)
        assert "torn" in err and "create the machine anew" in err, err
        sim("destroy", m.dir, status=3)
        sim("destroy", m.dir, "--force")
        assert not os.path.exists(m.dir)


if __name__ == "__main__":
    tap.run([(name[5:].replace("_", " "), case)
             for name, case in tap.cases_of(sys.modules[__name__], "test_")])
