#!/usr/bin/env python3
"""Container images of the programs, without a container engine: OCI image layouts in tar archives.

usage: images.py BUILD_DIR [-o FOLDER] [--prefix NAME] [--tag TAG]

Writes FOLDER/gpuslice-agent.tar, gpuslice-controller.tar and gpuslice-history.tar (BUILD_DIR/images where no folder is
given), which `ctr image import`, podman and skopeo take, and beside each gpuslice-NAME.files.json:
every file of the image with its sum, its Debian package and that package's version.

An image has our programs, the libraries that the loader finds for them and no others, the loader, and
of /etc what the C library reads. There is no shell and no package manager. What a scanner looks for
is there: /etc/os-release, and the packages' records as in "distroless" images.

The same input gives the same bytes: files are sorted, belong to root and are as old as
SOURCE_DATE_EPOCH says (1970 where it is not set), and layers are not compressed, since another zlib
would make other bytes; registries' clients compress as they push.
"""
import argparse
import datetime
import hashlib
import io
import json
import os
import platform
import re
import subprocess
import sys
import tarfile

SOURCE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..")
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
USER = 65532  # of what needs no root
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"

# What NVIDIA's library and nvidia-smi, which come from the host, ask the loader for: of one C library
# with that of the image.
FOR_THE_DRIVER = ("libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1")

# image: (what it is for, programs with the entry point first, more libraries, user)
IMAGES = {
    "gpuslice-agent": ("serves the GPU slices of a node to its kubelet, and cuts them",
                       ["gpuslice-agent"], FOR_THE_DRIVER, "0:0"),
    "gpuslice-controller": ("gives waiting pods their GPU slices",
                            ["gpuslice-controller", "gpuslice"], (), f"{USER}:{USER}"),
    "gpuslice-history": ("keeps what GPU slices did, and what they cost",
                         ["gpuslice-history"], (), f"{USER}:{USER}"),
}
ETC = {
    "etc/passwd": "root:x:0:0:root:/:/sbin/nologin\n"
                  f"gpuslice:x:{USER}:{USER}:gpuslice:/:/sbin/nologin\n",
    "etc/group": f"root:x:0:\ngpuslice:x:{USER}:\n",
    "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}


class Refused(Exception):
    """Why there is no image."""


def run(command, check=True):
    done = subprocess.run(command, text=True, capture_output=True, stdin=subprocess.DEVNULL,
                          check=False, env=dict(os.environ, LC_ALL="C", LD_LIBRARY_PATH=""))
    if check and done.returncode != 0:
        raise Refused(f"{' '.join(command)}: {(done.stderr or done.stdout).strip()}")
    return done.stdout


def read(path):
    with open(path, "rb") as file:
        return file.read()


# ---- what a program needs ----

def libraries(program):
    """{name the loader looks for: path} of all that a program loads, and the path of the loader."""
    found, loader = {}, None
    for line in run(["ldd", program]).splitlines():
        named = re.match(r"\s*(\S+) => (\S.*) \(0x", line)
        alone = re.match(r"\s*(/\S+) \(0x", line)
        if named:
            found[named[1]] = named[2]
        elif alone:
            loader = alone[1]
        elif "not found" in line:
            raise Refused(f"{program}: a library is missing: {line.strip()}")
    if loader is None or "libc.so.6" not in found:
        raise Refused(f"{program}: found no loader and libc.so.6 in what ldd says; expected a "
                      "program that is linked against shared libraries of this machine")
    return found, loader


def packages_of(paths):
    """{path: its Debian package}, of those that dpkg knows. It knows a file by one of its names."""
    names = {}
    for path in paths:
        for name in (path, os.path.realpath(path)):
            names.update({name: path, name.removeprefix("/usr"): path, "/usr" + name: path})
    said = run(["dpkg", "-S", *sorted(names)], check=False)
    rows = [line.rsplit(": ", 1) for line in said.splitlines() if ": /" in line]
    return {names[name]: packages.split(", ")[0] for packages, name in rows if name in names}


def versions_of(packages):
    said = run(["dpkg-query", "-W", "-f", "${Version}\\n", *packages]) if packages else ""
    return dict(zip(packages, said.splitlines()))


class Content:
    """The files of an image: {path: (bytes, mode)}, and {path: (package, version)} of each that came
    from one."""

    def __init__(self):
        self.files, self.origins, self.sources = {}, {}, {}

    def add(self, path, content, mode=0o644):
        self.files[path] = (content, mode)

    def copy(self, source, path, mode):
        """A file of this machine."""
        self.add(path, read(source), mode)
        self.sources[path] = source

    def add_records(self):
        """Where the copied files came from, and what scanners and lawyers look for: each package's
        record and its licences."""
        found = packages_of(self.sources.values())
        packages = sorted(set(found.values()))
        versions = versions_of(packages)
        for path, source in self.sources.items():
            if source in found:
                self.origins[path] = found[source], versions[found[source]]
        for name in packages:
            short = name.split(":")[0]
            self.add(f"var/lib/dpkg/status.d/{short}", run(["dpkg-query", "-s", name]).encode())
            licence = f"/usr/share/doc/{short}/copyright"
            if os.path.exists(licence):
                self.add(licence[1:], read(licence))

    def listed(self):
        """[{path, bytes, sha256, package, version}]"""
        rows = []
        for path, (content, _) in sorted(self.files.items()):
            package, version = self.origins.get(path, (None, None))
            rows.append({"path": "/" + path, "bytes": len(content), "package": package,
                         "version": version, "sha256": hashlib.sha256(content).hexdigest()})
        return rows


def system_files(programs, more):
    """The lower layer: what the programs stand on."""
    content, wanted, loader = Content(), {}, None
    for program in programs:
        found, loader = libraries(program)
        wanted.update(found)
    folder = os.path.dirname(wanted["libc.so.6"])
    wanted.update({name: os.path.join(folder, name) for name in more})
    for name, path in sorted(wanted.items()):
        content.copy(path, os.path.join(folder, name)[1:], 0o644)
    content.copy(loader, loader[1:], 0o755)
    if os.path.exists("/etc/os-release"):
        content.copy("/etc/os-release", "etc/os-release", 0o644)
    for path, text in ETC.items():
        content.add(path, text.encode())
    content.add_records()
    return content


def program_files(programs, version):
    """The upper layer: ours."""
    content = Content()
    for program in programs:
        path = f"usr/bin/{os.path.basename(program)}"
        content.add(path, read(os.path.realpath(program)), 0o755)
        content.origins[path] = ("gpuslice", version)
    content.add("usr/share/doc/gpuslice/LICENSE", read(os.path.join(SOURCE, "LICENSE")))
    return content


# ---- bytes ----

def add(tar, name, when, content=b"", kind=tarfile.REGTYPE, mode=0o644):
    info = tarfile.TarInfo(name)
    info.type, info.size, info.mode, info.mtime = kind, len(content), mode, when
    info.uname = info.gname = ""
    tar.addfile(info, io.BytesIO(content))


def archive_of(files, when, folders=()):
    """A tar of {path: (bytes, mode)}, with the folders that they lie in."""
    inside = {path.rsplit("/", depth)[0] for path in files for depth in range(1, path.count("/") + 1)}
    entries = {name: (None, 0o755) for name in inside}
    entries.update({name: (None, mode) for name, mode in folders})
    entries.update(files)
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for name, (content, mode) in sorted(entries.items()):
            if content is None:
                add(tar, name, when, kind=tarfile.DIRTYPE, mode=mode)
            else:
                add(tar, name, when, content, mode=mode)
    return out.getvalue()


def as_json(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


class Blobs(dict):
    """{path in the archive: (bytes, mode)}"""

    def put(self, content, kind):
        """The descriptor of a blob."""
        digest = hashlib.sha256(content).hexdigest()
        self[f"blobs/sha256/{digest}"] = (content, 0o644)
        return {"mediaType": kind, "digest": f"sha256:{digest}", "size": len(content)}


def layout(layers, config, labels, name, tag):
    """The files of an OCI image layout with one image."""
    blobs = Blobs()
    manifest = blobs.put(as_json({
        "schemaVersion": 2, "mediaType": MANIFEST, "config": blobs.put(as_json(config), CONFIG),
        "layers": [blobs.put(layer, LAYER) for layer in layers], "annotations": labels}), MANIFEST)
    manifest["platform"] = {"os": "linux", "architecture": config["architecture"]}
    # containerd and others read one or the other name
    manifest["annotations"] = {"io.containerd.image.name": f"{name}:{tag}",
                               "org.opencontainers.image.ref.name": tag}
    blobs["index.json"] = (as_json({
        "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [manifest]}), 0o644)
    blobs["oci-layout"] = (as_json({"imageLayoutVersion": "1.0.0"}), 0o644)
    return blobs


def build(name, options, when):
    """(the archive, the list of files) of an image."""
    purpose, programs, more, user = IMAGES[name]
    paths = [os.path.join(options.build, "bin", program) for program in programs]
    missing = [path for path in paths if not os.path.exists(path)]
    if missing:
        raise Refused(f"{missing[0]} is not there; `make` builds it")
    version = run([paths[0], "--version"]).split()[-1]
    tag = options.tag or version
    system, ours = system_files(paths, more), program_files(paths, version)
    created = datetime.datetime.fromtimestamp(when, datetime.timezone.utc)
    labels = {f"org.opencontainers.image.{key}": value for key, value in {
        "title": name, "description": f"{name} {purpose}", "version": version,
        "licenses": "Apache-2.0", "created": created.strftime("%Y-%m-%dT%H:%M:%SZ")}.items()}
    layers = [archive_of(system.files, when, [("tmp", 0o1777), ("run", 0o755)]),
              archive_of(ours.files, when)]
    config = {
        "architecture": ARCHITECTURES[platform.machine()], "os": "linux",
        "created": labels["org.opencontainers.image.created"],
        "config": {"User": user, "Env": ["PATH=/usr/bin"], "WorkingDir": "/", "Labels": labels,
                   "Entrypoint": [f"/usr/bin/{programs[0]}"]},
        "rootfs": {"type": "layers", "diff_ids": [
            "sha256:" + hashlib.sha256(layer).hexdigest() for layer in layers]},
        "history": [{"created": labels["org.opencontainers.image.created"],
                     "created_by": f"scripts/images.py: {what}"} for what in ("system", "gpuslice")],
    }
    image = layout(layers, config, labels, f"{options.prefix}/{name}", tag)
    listed = {"image": f"{options.prefix}/{name}:{tag}", "files": system.listed() + ours.listed()}
    return archive_of(image, when), (json.dumps(listed, indent=1) + "\n").encode()


def write(path, content):
    """All of it or nothing."""
    with open(f"{path}.new", "wb") as file:
        file.write(content)
    os.replace(f"{path}.new", path)


def parse():
    parser = argparse.ArgumentParser(description="Container images of gpuslice as OCI archives.")
    parser.add_argument("build", help="the build folder")
    parser.add_argument("-o", "--output", help="where the archives go; BUILD/images")
    parser.add_argument("--prefix", default="localhost", help="in front of the images' names")
    parser.add_argument("--tag", help="the programs' version where it is not given")
    options = parser.parse_args()
    options.output = options.output or os.path.join(options.build, "images")
    return options


def main():
    options = parse()
    try:
        said = os.environ.get("SOURCE_DATE_EPOCH", "0")
        if not re.fullmatch(r"\d{1,11}", said):
            raise Refused(f"SOURCE_DATE_EPOCH: found {said!r}, expected seconds since 1970")
        os.makedirs(options.output, exist_ok=True)
        for name in IMAGES:
            image, listed = build(name, options, int(said))
            path = os.path.join(options.output, f"{name}.tar")
            write(path, image)
            write(os.path.join(options.output, f"{name}.files.json"), listed)
            print(f"{path}  {len(image) / 1e6:.1f} MB  "
                  f"sha256:{hashlib.sha256(image).hexdigest()}")
    except (Refused, OSError) as error:
        sys.exit(f"images: {error}")


if __name__ == "__main__":
    main()
