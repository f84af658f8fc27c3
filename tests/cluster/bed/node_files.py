"""node_files: what lies in a node's folder: its own /run, /var/lib and /var/log, its configuration.

A node sees the machine's files, but these. What a reboot loses (/run) and what it keeps (/var/lib,
/var/log) are told apart as on a real one.
"""
import json
import os
import re
import shutil
import uuid

from .network import pod_bridge, pod_subnet
from .images import PAUSE
from .system import CNI_PLUGINS, read, write

# A kubelet sets these on the machine, unless it finds them so. It finds them so.
SYSCTLS = {"vm/overcommit_memory": "1", "vm/panic_on_oom": "0", "kernel/panic": "10",
           "kernel/panic_on_oops": "1", "kernel/keys/root_maxkeys": "1000000",
           "kernel/keys/root_maxbytes": "25000000"}

# Run in a fresh mount namespace with the node's folder as $1, by the process that then holds it.
MOUNTS = """set -e
over() { mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" "$1"; }
onto() { mkdir -p "$2" && mount --bind "$1" "$2"; }
mount --make-rprivate /
over /run "$1/run"
over /var/lib "$1/var-lib"
for service in /run/systemd /run/dbus; do
    [ ! -d $service ] || mount -t tmpfs none $service
done
onto "$1/cdi" /run/cdi
onto "$1/kubelet" /var/lib/kubelet
onto "$1/containerd" /var/lib/containerd
onto "$1/log" /var/log
mount --bind "$1/proc/boot_id" /proc/sys/kernel/random/boot_id
if [ -d "$1/size" ]; then
    for name in cpu node; do mount --bind "$1/size/$name" /sys/devices/system/$name; done
    mount --bind "$1/size/meminfo" /proc/meminfo
fi
cd "$1/proc/sys"
for file in */* */*/*; do
    [ ! -f "$file" ] || mount --bind "$file" "/proc/sys/$file"
done
exec sleep infinity
"""
KEPT = ("var-lib/upper", "var-lib/work", "kubelet", "containerd", "log", "etc", "proc")
LOST = ("run/upper", "run/work", "cdi")


def lay_out(folder):
    """What a node's machine has before its first boot."""
    for name in KEPT + LOST:
        os.makedirs(os.path.join(folder, name), exist_ok=True)
    for name, value in SYSCTLS.items():
        if os.path.exists(os.path.join("/proc/sys", name)):
            write(os.path.join(folder, "proc/sys", name), value + "\n")
    boot(folder)


def size(folder, cpus, memory_gib):
    """What the kubelet reads its machine's size from, for another than it is on: so that a node has
    the CPUs and memory of its instance type. Nothing runs faster by it."""
    for number in range(cpus):  # no cores in them: pods would be pinned to them
        os.makedirs(os.path.join(folder, "size", "cpu", f"cpu{number}"))
    for name in ("online", "possible", "present"):
        write(os.path.join(folder, "size", "cpu", name), f"0-{cpus - 1}\n")
    os.makedirs(os.path.join(folder, "size", "node"), exist_ok=True)
    told = re.sub(r"(?m)^(MemTotal|MemFree|MemAvailable): .*$",
                  rf"\1: {memory_gib * 1024 * 1024} kB", read("/proc/meminfo"))
    write(os.path.join(folder, "size", "meminfo"), told)


def boot(folder):
    """What a boot changes: all of /run is gone, and the boot has another id."""
    for name in ("run", "cdi"):
        shutil.rmtree(os.path.join(folder, name), ignore_errors=True)
    for name in LOST:
        os.makedirs(os.path.join(folder, name))
    write(os.path.join(folder, "proc", "boot_id"), f"{uuid.uuid4()}\n")


def containerd_config(folder, number, oci_runtime):
    """Writes containerd's configuration and that of the pods' network; the path of the first."""
    subnet, gateway = pod_subnet(number)
    plugins = os.path.join(folder, "etc", "cni")
    write(os.path.join(plugins, "10-bed.conflist"), json.dumps({
        "cniVersion": "1.0.0", "name": "bed", "plugins": [
            {"type": "bridge", "bridge": pod_bridge(number), "isGateway": True, "ipMasq": False,
             "ipam": {"type": "host-local", "ranges": [[{"subnet": subnet, "gateway": gateway}]],
                      "routes": [{"dst": "0.0.0.0/0"}], "dataDir": "/run/cni"}}]}))
    return write(os.path.join(folder, "etc", "containerd.toml"), f"""version = 3
root = "/var/lib/containerd"
state = "/run/containerd"
disabled_plugins = ["io.containerd.nri.v1.nri"]

[grpc]
  address = "/run/containerd/containerd.sock"

[plugins.'io.containerd.cri.v1.images'.pinned_images]
  sandbox = "{PAUSE}"

[plugins.'io.containerd.cri.v1.runtime']
  # a machine may refuse us scores below our own (CAP_SYS_RESOURCE)
  restrict_oom_score_adj = true
  enable_cdi = true
  cdi_spec_dirs = ["/etc/cdi", "/var/run/cdi"]

[plugins.'io.containerd.cri.v1.runtime'.cni]
  bin_dirs = ["{CNI_PLUGINS}"]
  conf_dir = "{plugins}"

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"

[plugins.'io.containerd.cri.v1.runtime'.containerd.runtimes.runc.options]
  BinaryName = "{oci_runtime}"
  SystemdCgroup = false
""")


def kubelet_config(folder, address, group, authority, serving, more):
    """Writes the kubelet's configuration; `more` goes over it."""
    config = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
        "address": address, "port": 10250, "healthzPort": 0,
        "tlsCertFile": serving.crt, "tlsPrivateKeyFile": serving.key,
        "authentication": {"anonymous": {"enabled": False}, "webhook": {"enabled": True},
                           "x509": {"clientCAFile": authority.ca.crt}},
        "authorization": {"mode": "Webhook"},
        "containerRuntimeEndpoint": "unix:///run/containerd/containerd.sock",
        "cgroupDriver": "cgroupfs", "failCgroupV1": False, "cgroupRoot": f"/{group}",
        "enforceNodeAllocatable": ["pods"], "failSwapOn": False, "oomScoreAdj": 0,
        "clusterDNS": ["10.96.0.10"], "clusterDomain": "cluster.local",
        "makeIPTablesUtilChains": False, "podLogsDir": "/var/log/pods",
        "volumePluginDir": "/var/lib/kubelet/volume-plugins",
        "evictionHard": {"memory.available": "1Mi", "nodefs.available": "1Mi",
                         "imagefs.available": "1Mi", "nodefs.inodesFree": "1"},
        "imageGCHighThresholdPercent": 100, "imageGCLowThresholdPercent": 99,
        "maxPods": 250, "shutdownGracePeriod": "0s",
    }
    config.update(more)
    return write(os.path.join(folder, "etc", "kubelet.json"), json.dumps(config, indent=1))
