"""stands: who serves the GPUs of a node: our agent, or NVIDIA's programs.

Both see the same simulated driver and serve the same real kubelet, one after the other. A stand has
processes by name; the one that answers Allocate comes first. A third, Floor, serves nobody but the
client that measures: what it takes no plugin can be below.
"""
import os

from bed import system

ADDRESS = "127.0.0.1:9400"
SETTLE_LIMIT_S = 60
MACHINE_TYPE = "p4d.24xlarge"

# As a driver and the kernel have them: below the node's own /proc and /sys, where NVIDIA's look.
SHOW = """set -e
mount --bind "$1/proc/driver" /proc/driver
mount --bind "$1/sys/bus/pci" /sys/bus/pci
"""
# What of a driver's files decides whether and what CDI mounts: names, and a name inside (SONAME).
DRIVER_LIBRARIES = {"libcuda.so": "libcuda.so.1", "libnvidia-ml.so": "libnvidia-ml.so.1",
                    "libnvidia-ptxjitcompiler.so": "libnvidia-ptxjitcompiler.so.1",
                    "libnvidia-nvvm.so": "libnvidia-nvvm.so.4",
                    "libnvidia-opencl.so": "libnvidia-opencl.so.1"}
# NVIDIA's schema of what feature discovery hands to the node feature discovery; whatever it says.
NODE_FEATURE = {
    "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
    "metadata": {"name": "nodefeatures.nfd.k8s-sigs.io",
                 "annotations": {"api-approved.kubernetes.io": "unapproved, of a test"}},
    "spec": {"group": "nfd.k8s-sigs.io", "scope": "Namespaced",
             "names": {"kind": "NodeFeature", "listKind": "NodeFeatureList",
                       "plural": "nodefeatures", "singular": "nodefeature"},
             "versions": [{"name": "v1alpha1", "served": True, "storage": True,
                           "schema": {"openAPIV3Schema": {
                               "type": "object", "x-kubernetes-preserve-unknown-fields": True}}}]}}


def show_driver(node):
    """Shows the node's processes the files of its GPUs, once per boot."""
    node.run(["sh", "-c", SHOW, "sh", root_of(node)])


def root_of(node):
    return os.path.join(node.machine, "root")


def put_driver_files(node):
    """Libraries of the driver's version, for CDI to mount: real shared objects, as their inner names
    are read."""
    folder = os.path.join(root_of(node), "usr", "lib64")
    version = node.show()["driver_version"]
    os.makedirs(folder, exist_ok=True)
    source = system.write(os.path.join(node.folder, "empty.c"), "int gpuslice_empty;\n")
    for name, inner in DRIVER_LIBRARIES.items():
        system.run(["cc", "-shared", "-fPIC", f"-Wl,-soname,{inner}", "-o",
                    os.path.join(folder, f"{name}.{version}"), source])


def machine_type_file(node):
    path = os.path.join(node.folder, "product_name")
    return path if os.path.exists(path) else system.write(path, MACHINE_TYPE + "\n")


class Stand:
    name = ""

    def __init__(self, node):
        self.node, self.processes = node, {}

    def spawn(self, name, command, env=None):
        env = dict({"NODE_NAME": self.node.name}, **(env or {}))
        self.processes[name] = self.node.spawn_with_gpus(name, command, env)

    def stop(self):
        """Asks all to end, the last first, and forgets them."""
        for daemon in reversed(self.processes.values()):
            if daemon.alive():
                daemon.stop()
            self.node.extras.remove(daemon)
        self.processes = {}

    def server(self):
        """The process that answers the kubelet."""
        return next(iter(self.processes.values()))

    def socket(self, resource):
        return os.path.join(self.node.folder, "kubelet", "device-plugins",
                            f"nvidia-{resource.partition('/')[2]}.sock")


class Ours(Stand):
    name = "gpuslice-agent"

    def start(self, strategy="mixed", devices="cdi-cri", config=None, alone=False, hook=None):
        """`alone`: without an API server. `hook`: the program that CDI files name for hooks."""
        words = ["--mig-strategy", strategy, "--device-list-strategy", devices, "--http-address",
                 ADDRESS, "--machine-type-file", machine_type_file(self.node)]
        words += ["--config-file", config] if config else []
        words += ["--api=false"] if alone else []
        words += ["--nvidia-cdi-hook-path", hook] if hook else []
        self.node.run(["mkdir", "-p", "/run/gpuslice"])
        self.processes[self.name] = self.node.start_agent(*words, credentials=not alone)

    def stop(self):
        if self.processes and self.server().alive():
            self.server().stop()
        self.processes = {}

    def page(self, path):
        return self.node.run(["/usr/bin/curl", "-fsS", f"http://{ADDRESS}{path}"])


class Theirs(Stand):
    """`peers`: {program: path}; `with_api`: what needs the cluster is started too."""
    name = "nvidia-device-plugin"

    def __init__(self, node, peers):
        super().__init__(node)
        self.peers = peers

    def plugin_words(self, strategy, devices, config=None):
        root = root_of(self.node)
        words = ["--mig-strategy", strategy, "--device-list-strategy", devices]
        words += ["--config-file", config] if config else []
        if "cdi" in devices:
            words += ["--driver-root", root, "--driver-root-ctr-path", root]
        return words

    def start(self, strategy="mixed", devices="cdi-cri", config=None, alone=False, hook=None):
        """The plugin by itself, which speaks to no API server."""
        del alone
        words = self.plugin_words(strategy, devices, config)
        words += ["--nvidia-cdi-hook-path", hook] if hook else []
        self.spawn(self.name, [self.peers[self.name], *words])

    def start_all(self):
        """The whole set, as an operator has it on a node, as far as it is here."""
        self.start()
        env = {"KUBECONFIG": os.path.join(self.node.bed.folder, "admin.kubeconfig"),
               "NAMESPACE": "default"}
        if "gpu-feature-discovery" in self.peers:
            self.node.bed.api.ensure("/apis/apiextensions.k8s.io/v1/customresourcedefinitions",
                                     NODE_FEATURE)
            self.spawn("gpu-feature-discovery",
                       [self.peers["gpu-feature-discovery"], "--mig-strategy", "mixed",
                        "--machine-type-file", machine_type_file(self.node)], env)
        if "nvidia-mig-manager" in self.peers:
            config = system.write(os.path.join(self.node.folder, "mig-manager.yaml"),
                                  "version: v1\nmig-configs:\n  off:\n"
                                  "  - {devices: all, mig-enabled: false}\n")
            self.spawn("nvidia-mig-manager", [self.peers["nvidia-mig-manager"], "--config-file",
                                              config], env)
        if "config-manager" in self.peers:
            self.start_config_managers(env)

    def start_config_managers(self, env):
        """One beside the plugin, one beside feature discovery."""
        folder = os.path.join(self.node.folder, "plugin-configs")
        system.write(os.path.join(folder, "any"), "version: v1\n")
        for number in (1, 2):
            target = os.path.join(self.node.folder, f"plugin-config-{number}")
            self.spawn(f"config-manager {number}",
                       [self.peers["config-manager"]],
                       dict(env, NODE_LABEL="nvidia.com/device-plugin.config", SEND_SIGNAL="false",
                            CONFIG_FILE_SRCDIR=folder, CONFIG_FILE_DST=target, DEFAULT_CONFIG="any"))


class Floor(Stand):
    """floor.c: answers at once, always the same."""
    name = "does nothing"

    def __init__(self, node, program):
        super().__init__(node)
        self.program = program

    def start(self, **_):
        socket = self.socket("")
        if os.path.exists(socket):
            os.unlink(socket)
        self.spawn(self.name, [self.program, socket])
        self.server().wait_until("listens", lambda: os.path.exists(socket), SETTLE_LIMIT_S)

    def socket(self, resource):
        return os.path.join(self.node.folder, "floor.sock")
