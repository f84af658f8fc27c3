#!/usr/bin/env python3
"""gpuslice-boot on simulated machines: each kind of GPU, each way to ask for a layout, one reboot at
most, a bad world, and kill -9 at calls of the driver and at random.

usage: test_boot.py BIN_DIR LIB_DIR

All kill points where GPUSLICE_TORTURE=all, otherwise a sample of them.
"""
import os
import random
import re
import signal
import subprocess
import sys
import time

from node import ALL, BIN, LIB, node, tap, wait_for

SEVEN = {"1g.5gb": 7}
BALANCED = {"1g.5gb": 2, "2g.10gb": 1, "3g.20gb": 1}
LAYOUTS = """version: v1
mig-configs:
  two-teams:
  - {devices: [0], mig-enabled: true, mig-devices: {3g.20gb: 2}}
  - {devices: [1], mig-enabled: false}
"""
USER_DATA = """MIME-Version: 1.0
Content-Type: multipart/mixed; boundary="//"

--//
Content-Type: text/x-shellscript; charset="us-ascii"

#!/bin/bash
# --node-labels=nvidia.com/mig.config=all-disabled
echo hello
--//
Content-Type: application/node.eks.aws

apiVersion: node.eks.aws/v1alpha1
kind: NodeConfig
spec:
  kubelet:
    flags:
    - --node-labels="karpenter.sh/nodepool=mig,nvidia.com/mig.config=%s"

--//--
"""


# ---- machines ----

def boot__a100_with_mig_off_is_reset_and_cut():
    with node("--gpus", "2xA100-40GB") as n:
        n.boot("--layout", "all-1g.5gb")
        assert n.cut() == [SEVEN, SEVEN], n.cut()
        report = n.report()
        assert report["state"] == "cut" and report["layout"] == "all-1g.5gb", report
        assert report["from"] == "--layout" and report["error"] is None, report
        assert report["driver"] == n.show()["driver_version"], report
        assert [g["condition"] for g in report["gpus"]] == ["as wanted"] * 2, report
        assert [g["wanted"] for g in report["gpus"]] == ["7x 1g.5gb"] * 2, report
        assert [g["uuid"] for g in report["gpus"]] == [g["uuid"] for g in n.show()["gpus"]]
        assert n.reboots_asked() == 0 and not n.flag() and not report["rebooted"], report


def boot__a100_in_a_vm_is_rebooted_once():
    with node("--gpus", "2xA100-40GB", "--vm") as n:
        said = n.boot_until_reboot("--layout", "all-balanced")
        assert "GPU 0,1: asking for a reboot, once" in said, said
        assert n.reboots_asked() == 1 and n.flag() and n.cut() == [None, None]
        report = n.report()
        assert report["state"] == "rebooting" and report["ended"] is None, report
        assert [g["condition"] for g in report["gpus"]] == ["waiting for a reset"] * 2, report
        n.reboot()
        n.boot("--layout", "all-balanced")
        assert n.cut() == [BALANCED, BALANCED], n.cut()
        assert n.reboots_asked() == 1 and not n.flag() and n.report()["rebooted"]


def boot__a_reboot_that_does_not_help_is_not_asked_for_again():
    with node("--gpus", "1xA100-40GB", "--vm") as n:
        n.boot_until_reboot("--layout", "all-1g.5gb")
        n.new_boot_id()  # the machine came back, and its GPU as it was
        for _ in range(2):
            said = n.boot("--layout", "all-1g.5gb", status=1, says="no second one is")
            assert "remove " in said and n.reboots_asked() == 1 and n.flag(), said
            assert n.report()["state"] == "failed", n.report()
        # where the kernel tells no id of the boot, it is not known that no reboot came
        os.unlink(n.path("machine/root/proc/sys/kernel/random/boot_id"))
        n.boot("--layout", "all-1g.5gb", status=1, says="no second one is")
        os.unlink(n.path("machine/run/var/reboot-asked"))
        n.boot_until_reboot("--layout", "all-1g.5gb")
        assert n.reboots_asked() == 2
        n.reboot()
        n.boot("--layout", "all-1g.5gb")
        assert not n.flag()


def boot__a_reboot_that_did_not_come_is_asked_for_again():
    """Killed between the flag and the command, or by who restarts the unit."""
    with node("--gpus", "1xA100-40GB", "--vm") as n:
        process = n.start("--layout", "all-1g.5gb", "--reboot-command", "kill -9 $PPID")
        process.communicate(timeout=120)
        assert process.returncode == -signal.SIGKILL and n.flag()
        n.boot_until_reboot("--layout", "all-1g.5gb")
        n.reboot()
        n.boot("--layout", "all-1g.5gb")
        assert n.cut() == [SEVEN]


def boot__a_reboot_that_cannot_be_asked_for_fails():
    cases = (
        (["--reboot-command", "false"], "could not be asked for: false ended with status 1", True),
        (["--reboot-command", "kill -9 $$"], "ended with signal 9", True),
        (["--reboot-command", "/nonexistent"], "ended with status 127", True),
        (["--reboot-command="], "--reboot-command is empty", False),
    )
    for words, says, flag in cases:
        with node("--gpus", "1xA100-40GB", "--vm") as n:
            n.boot("--layout", "all-1g.5gb", *words, status=1, says=says)
            assert n.flag() == flag and n.report()["state"] == "failed", words


def boot__without_a_place_for_the_flag_there_is_no_reboot():
    with node("--gpus", "1xA100-40GB", "--vm") as n:
        in_the_way = n.write("state", "a file")
        n.boot("--layout", "all-1g.5gb", "--state-dir", in_the_way, status=1,
               says="whether one was asked for is not known")
        sealed = "/proc/self/gpuslice"  # where nobody can make a folder
        n.boot("--layout", "all-1g.5gb", "--state-dir", sealed, status=1,
               says="that it was asked for cannot be kept")
        assert n.reboots_asked() == 0


def boot__h100_needs_no_reset():
    with node("--gpus", "8xH100-80GB-SXM5", "--vm") as n:
        n.boot("--layout", "all-balanced")
        assert n.cut() == [{"1g.10gb": 2, "2g.20gb": 1, "3g.40gb": 1}] * 8, n.cut()
        n.reboot()  # keeps neither mode nor layout
        assert n.cut() == [None] * 8
        n.boot("--layout", "all-balanced")
        assert n.cut()[7] == {"1g.10gb": 2, "2g.20gb": 1, "3g.40gb": 1}
        assert n.reboots_asked() == 0


def boot__a_driver_that_hides_profiles_while_mig_is_off_is_no_hindrance():
    with node("--gpus", "1xA100-40GB", "--driver", "535") as n:
        n.boot("--layout", "all-1g.5gb")
        assert n.cut() == [SEVEN]


def boot__a_second_run_changes_nothing():
    with node("--gpus", "2xA100-40GB") as n:
        n.count_changes()
        n.boot("--layout", "all-1g.5gb")
        assert n.changes() >= 2 + 28, n.changes()
        n.count_changes()
        before = n.show()["gpus"]
        n.boot("--layout", "all-1g.5gb")
        assert n.changes() == 0, n.show()["faults"]
        assert n.show()["gpus"] == before


def boot__what_is_cut_otherwise_becomes_as_wanted():
    with node("--gpus", "2xA100-40GB", "--mig") as n:
        n.boot("--layout", "all-balanced")
        n.boot("--layout", "all-1g.5gb")
        assert n.cut() == [SEVEN, SEVEN]
        n.boot("--layout", "all-disabled")
        assert n.cut() == [None, None]


def boot__a_layout_that_is_spelled_goes_by_the_number_of_the_gpu():
    with node("--gpus", "3xA100-40GB") as n:
        spelled = "1x7-1g.5gb_1x2-3g.20gb_1xwhole"
        n.boot("--label-file", n.write("user-data", USER_DATA % spelled))
        assert n.cut() == [SEVEN, {"3g.20gb": 2}, None], n.cut()
        assert n.report()["layout"] == spelled
        n.boot("--layout", "2x7-1g.5gb", status=1, says="is for 2 GPUs; this machine has 3")
        named = n.write("layouts.yaml", "version: v1\nmig-configs:\n  1x7-1g.5gb:\n"
                        "  - {devices: all, mig-enabled: true, mig-devices: {7g.40gb: 1}}\n")
        n.boot("--layout-file", named, "--layout", "1x7-1g.5gb")  # a name that there is wins
        assert n.cut() == [{"7g.40gb": 1}] * 3
        n.boot("--layout-file", named, "--layout", "3x7-1g.5gb")
        assert n.cut() == [SEVEN] * 3


def boot__mixed_gpus_go_by_make():
    with node("--gpus", "1xA100-40GB", "--gpus", "1xT4") as n:
        n.boot("--layout", "all-1g.5gb")
        assert n.cut() == [SEVEN, None]
        assert [g["condition"] for g in n.report()["gpus"]] == ["as wanted", "untouched"]
        assert n.report()["gpus"][1]["wanted"] is None


def boot__gpus_that_cannot_be_cut():
    with node("--gpus", "2xT4") as n:
        n.boot("--layout", "all-disabled")
        assert n.report()["state"] == "cut"
        n.boot("--layout", "all-1g.5gb", status=1, says="known to be one that can be cut")


def boot__a_machine_without_gpus():
    with node("--gpus", "1xT4") as n:
        devices = n.path("machine/root/sys/bus/pci/devices")
        subprocess.run(["rm", "-r", devices], check=True)
        os.mkdir(devices)
        n.boot("--layout", "all-disabled")
        label = n.write("user-data", USER_DATA % "all-1g.5gb")
        n.boot("--label-file", label, status=1, says="no NVIDIA GPU is on the PCI bus")
        assert n.report()["gpus"] == []
        assert n.report()["waited_for_driver_ms"] < 10000, "it waited for a driver that will not come"
        n.boot("--label-file", n.write("none", "hello\n"))


# ---- which layout ----

def boot__the_label_says_which():
    with node("--gpus", "1xA100-40GB", "--mig") as n:
        label = n.write("user-data", USER_DATA % "all-balanced")
        n.boot("--label-file", label)
        assert n.cut() == [BALANCED]
        assert n.report()["from"] == f"the label nvidia.com/mig.config in {label}:18", n.report()
        other = n.write("kubelet", "--node-labels=example.com/cut=all-1g.5gb")
        n.boot("--label-file", other, "--label", "example.com/cut")
        assert n.cut() == [SEVEN]
        n.boot("--label-file", label, "--label-file", other)
        assert n.cut() == [BALANCED]
        n.write("kubelet", "--node-labels=nvidia.com/mig.config=all-1g.5gb")
        n.boot("--label-file", label, "--label-file", other, status=1, says="expected one value")
        n.boot("--label-file", n.path("nothing"), status=1, says="there is no file")
        n.boot("--label-file", n.dir, status=1, says="is no regular file")
        assert n.cut() == [BALANCED] and n.report()["error"].startswith("--label-file: ")


def boot__without_a_label_there_is_nothing_to_do():
    with node("--gpus", "1xA100-40GB") as n:
        n.sim("unload")  # nobody waits for the driver
        n.boot("--label-file", n.write("user-data", "#!/bin/sh\necho\n"), "--wait", "0",
               says="there is no label nvidia.com/mig.config: nothing to do")
        assert n.report()["state"] == "nothing" and n.report()["layout"] is None
        n.write("layouts.yaml", LAYOUTS)
        n.boot("--label-file", n.path("user-data"), "--layout-file", n.path("layouts.yaml"),
               "--wait", "0", says="nothing to do")


def boot__a_file_has_the_layouts():
    with node("--gpus", "2xA100-40GB") as n:
        layouts = n.write("layouts.yaml", LAYOUTS)
        n.boot("--layout-file", layouts)  # its only one
        assert n.cut() == [{"3g.20gb": 2}, None]
        assert n.report()["layout"] == "two-teams" and n.report()["layout_file"] == layouts
        n.boot("--layout-file", layouts, "--layout", "two-teams")
        n.boot("--layout-file", layouts, "--label-file",
               n.write("user-data", USER_DATA % "two-teams"))
        n.sim("unload")  # what is wrong with the file is said before the driver is waited for
        n.boot("--layout-file", layouts, "--layout", "two-team", status=1,
               says="near names: two-teams")
        n.boot("--layout-file", n.write("bad.yaml", LAYOUTS.replace("3g.20gb: 2", "3g: 2")),
               status=1, says="bad.yaml:4")
        n.boot("--layout-file", n.write("two.yaml", LAYOUTS + "  b: []\n"), status=1, says="two.yaml")
        n.boot("--layout-file", n.path("nothing"), status=1, says="No such file")


def boot__a_name_that_no_gpu_offers_touches_nothing():
    with node("--gpus", "1xA100-40GB") as n:
        n.count_changes()
        said = n.boot("--layout", "all-1g.6gb", status=1, says="near names:")
        assert "all-1g.5gb" in said and n.changes() == 0 and n.cut() == [None], said
        assert n.report()["state"] == "failed" and n.report()["layout"] == "all-1g.6gb"


def boot__a_layout_for_other_machines_fails():
    with node("--gpus", "1xA100-40GB") as n:
        text = LAYOUTS.replace("devices: [0]", "device-filter: '0x233010DE', devices: all").replace(
            "  - {devices: [1], mig-enabled: false}\n", "")
        n.boot("--layout-file", n.write("layouts.yaml", text), status=1,
               says="selects none of the 1 GPUs")


# ---- a bad world ----

def boot__a_driver_that_comes_late_is_waited_for():
    with node("--gpus", "1xA100-40GB") as n:
        n.sim("unload")
        process = n.start("--layout", "all-1g.5gb")
        wait_for(lambda: os.path.exists(n.path("machine/run/boot.json")))
        assert n.report()["state"] == "waiting"
        time.sleep(0.6)
        assert process.poll() is None
        n.sim("load")
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0 and "waiting for the driver, up to 20 s" in said, said
        assert n.cut() == [SEVEN] and n.report()["waited_for_driver_ms"] >= 500, n.report()


def boot__a_library_that_comes_late_is_waited_for():
    with node("--gpus", "1xA100-40GB") as n:
        late = n.path("libnvidia-ml.so.1")
        process = n.start("--layout", "all-1g.5gb", env={"GPUSLICE_NVML": late})
        time.sleep(0.6)
        assert process.poll() is None
        os.symlink(os.path.join(LIB, "libnvidia-ml.so.1"), late)
        _, said = process.communicate(timeout=120)
        assert process.returncode == 0, said


def boot__a_driver_that_never_comes_is_not_waited_for_for_ever():
    with node("--gpus", "1xA100-40GB") as n:
        n.sim("unload")
        n.boot("--layout", "all-1g.5gb", "--wait", "1", status=1, says="DRIVER_NOT_LOADED (9) (after 1 s")
        assert n.report()["state"] == "failed" and n.report()["cutting_ms"] is None


def boot__ends_when_told_to_while_it_waits():
    with node("--gpus", "1xA100-40GB") as n:
        n.sim("unload")
        process = n.start("--layout", "all-1g.5gb")
        wait_for(lambda: os.path.exists(n.path("machine/run/boot.json")))
        process.terminate()
        _, said = process.communicate(timeout=120)
        assert process.returncode == 1 and "Interrupted" in said, (process.returncode, said)


def boot__ends_at_a_whole_slice_when_told_to():
    with node("--gpus", "1xA100-40GB", "--mig") as n:
        n.sim("fault", "--add", "nvmlDeviceCreateGpuInstanceWithPlacement:delay=800ms,times=all")
        process = n.start("--layout", "all-1g.5gb")
        wait_for(lambda: n.show()["faults"][0]["seen"] > 1)
        process.terminate()
        _, said = process.communicate(timeout=120)
        assert process.returncode == 1 and "interrupted" in said, said
        assert 1 <= n.cut()[0]["1g.5gb"] < 7, n.cut()
        n.sim("fault", "--clear")
        n.boot("--layout", "all-1g.5gb")
        assert n.cut() == [SEVEN]


def boot__all_gpus_of_the_bus_are_waited_for():
    with node("--gpus", "1xA100-40GB") as n:
        device = "machine/root/sys/bus/pci/devices/0000:99:00.0/"
        n.write(device + "vendor", "0x10de\n")
        n.write(device + "class", "0x030200\n")
        n.boot("--layout", "all-1g.5gb", "--wait", "1", status=1,
               says="the driver lists 1 of the 2 NVIDIA GPUs on the PCI bus")
        n.boot("--layout", "all-1g.5gb", "--allow-missing-gpus")
        os.symlink("../../drivers/vfio-pci", n.path(device + "driver"))  # a virtual machine's
        n.boot("--layout", "all-1g.5gb")
        os.unlink(n.path(device + "driver"))
        n.write(device + "class", "0x040300\n")  # the sound of a graphics card
        n.boot("--layout", "all-1g.5gb")


def boot__a_gpu_that_is_lost_fails_it():
    with node("--gpus", "2xA100-40GB") as n:
        n.sim("lose", "--gpu", "1")
        n.boot("--layout", "all-1g.5gb", status=1, says="GPU_IS_LOST")
        layouts = n.write("layouts.yaml", LAYOUTS.replace("  - {devices: [1], mig-enabled: false}\n", ""))
        n.boot("--layout-file", layouts, says="passed over: GPU 1")
        assert n.cut()[0] == {"3g.20gb": 2}
        assert n.report()["gpus"][1]["uuid"] is None, n.report()


def boot__what_is_in_use_is_named_and_left():
    with node("--gpus", "1xA100-40GB", "--mig") as n:
        n.boot("--layout", "all-1g.5gb")
        uuid = n.show()["gpus"][0]["instances"][0]["compute_instances"][0]["uuid"]
        n.hold("--slice", uuid)
        n.count_changes()
        n.boot("--layout", "all-3g.20gb", status=1, says="(sleep)")
        assert n.changes() == 0 and n.cut() == [SEVEN]
        n.boot("--layout", "all-1g.5gb")  # it is as wanted, whoever uses it


def boot__a_gpu_in_use_is_no_reason_to_reboot():
    with node("--gpus", "1xA100-40GB", "--vm") as n:
        n.boot_until_reboot("--layout", "all-1g.5gb")
        n.hold("--gpu", "0")
        n.boot("--layout", "all-1g.5gb", status=1, says="(sleep)")
        assert n.reboots_asked() == 1


def boot__a_process_that_comes_meanwhile_is_not_rebooted_away():
    with node("--gpus", "1xA100-40GB", "--vm") as n:
        n.sim("fault", "--add", "nvmlDeviceSetMigMode:delay=4s")
        process = n.start("--layout", "all-1g.5gb")
        wait_for(lambda: n.show()["faults"][0]["seen"] > 0)
        n.hold("--gpu", "0")
        _, said = process.communicate(timeout=120)
        assert process.returncode == 1 and "(sleep)" in said, said
        assert n.reboots_asked() == 0 and not n.flag()


def boot__beside_a_kubelet_nothing_goes():
    with node("--gpus", "1xA100-40GB", "--mig") as n:
        n.write("machine/root/proc/4711/comm", "kubelet\n")
        n.boot("--layout", "all-1g.5gb")  # nothing goes
        n.boot("--layout", "all-balanced", status=1, says="a kubelet runs here (pid 4711)")
        assert n.cut() == [SEVEN]
        n.boot("--layout", "all-balanced", "--dry-run")
        n.boot("--layout", "all-1g.5gb")
    with node("--gpus", "1xA100-40GB", "--vm") as n:
        n.boot_until_reboot("--layout", "all-1g.5gb")
        n.write("machine/root/proc/4711/comm", "kubelet\n")
        n.boot("--layout", "all-1g.5gb", status=1, says="a kubelet runs here (pid 4711)")
        assert n.reboots_asked() == 1
    with node("--gpus", "1xA100-40GB", "--vm", "--mig") as n:  # nothing goes but the mode
        n.write("machine/root/proc/4711/comm", "kubelet\n")
        n.boot("--layout", "all-disabled", status=1, says="drain the node and reboot it")
        assert n.reboots_asked() == 0 and not n.flag()


def boot__a_call_of_the_driver_that_fails_fails_it():
    with node("--gpus", "1xA100-40GB", "--mig") as n:
        n.sim("fault", "--add",
              "nvmlDeviceCreateGpuInstanceWithPlacement:nth=3,code=INSUFFICIENT_RESOURCES")
        n.boot("--layout", "all-1g.5gb", status=1, says="INSUFFICIENT_RESOURCES")
        assert n.report()["gpus"][0]["condition"] == "in between", n.report()
        n.boot("--layout", "all-1g.5gb")
        assert n.cut() == [SEVEN]


def boot__without_a_place_for_its_lock_it_fails():
    with node("--gpus", "1xA100-40GB") as n:
        n.boot("--layout", "all-1g.5gb", "--run-dir", n.write("run", "a file"), status=1,
               says="how it went is not kept")


# ---- the toolkit's configuration ----

TOOLKIT = "accept-nvidia-visible-devices-envvar-when-unprivileged = "


def boot__sets_one_key_of_the_toolkit():
    with node("--gpus", "1xA100-40GB", "--mig") as n:
        text = "#" + TOOLKIT + "true\ndisable-require = false\n\n[nvidia-container-cli]\n"
        real = n.write("etc/real.toml", text)
        link = n.path("config.toml")
        os.symlink("etc/real.toml", link)
        os.chmod(real, 0o640)
        words = ("--layout", "all-1g.5gb", "--toolkit-config", link)
        n.boot(*words, "--dry-run", says="would be set to false")
        assert n.read("etc/real.toml") == text
        n.boot(*words, says="is set to false")
        assert n.read("etc/real.toml") == text.replace("true\n", "true\n" + TOOLKIT + "false\n")
        assert os.path.islink(link) and os.stat(real).st_mode & 0o777 == 0o640
        before = os.stat(real)
        n.boot(*words, says="is false")
        after = os.stat(real)
        assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
        assert os.listdir(n.path("etc")) == ["real.toml"]
        # alone, and without a layout, it is all that is done
        n.write("etc/real.toml", TOOLKIT + "true\n")
        n.boot("--toolkit-config", link, says="no layout is asked for: nothing to do")
        assert n.read("etc/real.toml") == TOOLKIT + "false\n"


def boot__a_toolkit_that_cannot_be_set_fails_it_before_anything_is_cut():
    with node("--gpus", "1xA100-40GB", "--mig") as n:
        cases = (
            (n.path("nothing"), "--toolkit-config: there is no file"),
            (n.write("bad.toml", "a = 'b\n"), "bad.toml:1: found the end of the line"),
            (n.dir, "is no regular file"),
        )
        for path, says in cases:
            n.boot("--layout", "all-1g.5gb", "--toolkit-config", path, status=1, says=says)
            assert n.cut() == [{}], path
        assert n.read("bad.toml") == "a = 'b\n"


# ---- the program ----

def boot__a_dry_run_does_nothing():
    with node("--gpus", "1xA100-40GB") as n:
        n.count_changes()
        said = n.boot("--layout", "all-1g.5gb", "--dry-run", says="turn MIG on")
        assert "1 GPU: 0 slices destroyed, 7 created, 0 kept" in said, said
        assert n.changes() == 0 and not os.path.exists(n.path("machine/run/boot.json"))
        n.boot("--layout", "all-1g.6gb", "--dry-run", status=1, says="near names:")


def boot__says_each_step_when_asked():
    with node("--gpus", "1xA100-40GB", "--mig") as n:
        said = n.boot("--layout", "all-1g.5gb", "--debug", says="compute instance 0: MIG-")
        for line in said.splitlines():
            assert re.fullmatch(r'time=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z '
                                r'level=(debug|info|warning|error) msg="(\\.|[^"\\])*"', line), line


def boot__wrong_use_ends_with_2():
    with node("--gpus", "1xT4") as n:
        long = "x" * 1024
        cases = (
            ([], "no layout is given"),
            (["--layout", "a", "--label-file", "f"], "which one is meant?"),
            (["--layout", "a", "--layout", "b"], "--layout is given twice"),
            (["--layout="], "--layout is empty"),
            (["--layout"], "--layout wants its argument, NAME"),
            (["--layuot", "a"], "gpuslice-boot has no option --layuot; did you mean --layout?"),
            (["--dry-run=yes", "--layout", "a"], "--dry-run takes no argument"),
            (["--layout", "a", "--wait", "ten"], "--wait cannot be \"ten\""),
            (["--layout", "a", "--wait", "86401"], "a whole number from 0 to 86400"),
            (["--layout", "a", "--wait=-1"], "--wait cannot be"),
            (["--layout", "a", "--label", "a b"], "--label: found \"a b\""),
            (["--layout", "a", "--state-dir", long], "--state-dir has 1024 bytes"),
            (["--layout", "a", "--run-dir="], "--run-dir is empty"),
            (["--label-file", "f", "--label-file="], "--label-file is empty"),
            (["--label-file", "f"] * 257, "--label-file is given more than 256 times"),
            (["all-1g.5gb"], "takes no word beside its options; \"all-1g.5gb\" was given"),
            (["--"], "no layout is given"),
        )
        for words, says in cases:
            n.boot(*words, status=2, says="gpuslice-boot: ")
            n.boot(*words, status=2, says=says)
        n.boot("--layout", "a", status=2, says="longer than", env={"GPUSLICE_STATE_DIR": long})


def boot__helps():
    done = subprocess.run([os.path.join(BIN, "gpuslice-boot"), "--help"], capture_output=True,
                          text=True, check=True)
    assert done.stderr == "" and all(len(line) <= 80 for line in done.stdout.splitlines())
    source = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../src/boot/options.c")
    with open(source, encoding="utf-8") as file:
        rows = file.read().split("const struct gs_command", 1)[0]
    names = re.findall(r'\.name = "([a-z-]+)"', rows)
    assert len(names) >= 12, names
    for name in names:
        assert re.search(rf"^      --{name}\b", done.stdout, re.MULTILINE), name
    done = subprocess.run([os.path.join(BIN, "gpuslice-boot"), "--version"], capture_output=True,
                          text=True, check=True)
    assert re.fullmatch(r"gpuslice-boot \d+\.\d+\.\d+\n", done.stdout), done.stdout


def boot__the_page_can_be_pasted():
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "../../docs/boot.md"), encoding="utf-8") as file:
        lines = file.read().split("## Without a GPU\n", 1)[1].splitlines()
    with node("--gpus", "1xT4") as n:
        script = "\n".join(line[4:] for line in lines if line.startswith("    "))
        script = script.replace("/tmp/m", n.path("page")).replace("sleep 1;", "sleep 3;")
        done = subprocess.run(["bash", "-c", "set -m\n" + script], text=True, check=False,
                              capture_output=True, stdin=subprocess.DEVNULL, timeout=240,
                              env={**n.env, "PATH": BIN + ":" + os.environ["PATH"]})
        assert done.returncode == 0 and done.stdout.count("3g.20gb") == 2, (done.stdout, done.stderr)


# ---- kill -9 ----

def killed_at(n, call, *words):
    """Whether the run was killed behind its `call`th call of the driver."""
    n.sim("fault", "--clear", "--add", f"*:nth={call},kill-after")
    process = n.start(*words)
    wait_for(lambda: process.poll() is not None or n.reboots_asked() > 0)
    n.sim("fault", "--clear")
    if process.poll() is None:
        process.terminate()
    process.communicate(timeout=120)
    return process.returncode == -signal.SIGKILL


def boot__killed_at_any_call_of_the_driver_the_next_run_ends_it():
    call, kills = 1, 0
    while True:
        with node("--gpus", "2xA100-40GB") as n:
            if not killed_at(n, call, "--layout", "all-balanced"):
                break
            n.boot("--layout", "all-balanced")
            assert n.cut() == [BALANCED, BALANCED], (call, n.cut())
            assert not os.path.exists(n.path("machine/run/journal")), call
        call += 1 if ALL else 23
        kills += 1
    assert kills >= 8, kills
    print(f"# killed at {kills} calls")


def boot__killed_in_a_vm_it_still_reboots_once():
    call, kills = 1, 0
    while True:
        with node("--gpus", "1xA100-40GB", "--vm") as n:
            if not killed_at(n, call, "--layout", "all-1g.5gb"):
                break
            n.boot_until_reboot("--layout", "all-1g.5gb")
            assert n.reboots_asked() == 1, call
            n.reboot()
            n.boot("--layout", "all-1g.5gb")
            assert n.cut() == [SEVEN] and not n.flag(), call
        call += 1 if ALL else 31
        kills += 1
    assert kills >= 2, kills
    print(f"# killed at {kills} calls")


def boot__killed_at_random_the_next_run_ends_it():
    seed = int(os.environ.get("GPUSLICE_SEED", "0")) or random.SystemRandom().randrange(1, 2**32)
    print(f"# GPUSLICE_SEED={seed}")
    draw = random.Random(seed)
    with node("--gpus", "2xA100-40GB") as n:
        config = n.write("config.toml", TOOLKIT + "true\n" + "# filler\n" * 2000)
        kills, turn = 0, 0
        # on a busy machine each may have ended before this process has its turn
        while turn < (200 if ALL else 12) or (kills == 0 and turn < 60):
            turn += 1
            layout, wanted = draw.choice((("all-1g.5gb", SEVEN), ("all-balanced", BALANCED),
                                          ("all-disabled", None)))
            words = ("--layout", layout, "--toolkit-config", config)
            process = n.start(*words)
            time.sleep(draw.uniform(0, 0.06))
            process.kill()
            process.communicate()
            kills += process.returncode == -signal.SIGKILL
            assert n.read("config.toml") in (TOOLKIT + "true\n" + "# filler\n" * 2000,
                                             TOOLKIT + "false\n" + "# filler\n" * 2000), turn
            n.boot(*words)
            assert n.cut() == [wanted, wanted], (turn, n.cut())
            assert n.report()["state"] == "cut", (turn, n.report())
    assert kills > 0, "no run was killed"


if __name__ == "__main__":
    tap.run([(name.replace("boot__", "").replace("_", " "), case)
             for name, case in tap.cases_of(sys.modules[__name__], "boot__")])
