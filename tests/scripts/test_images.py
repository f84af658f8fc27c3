#!/usr/bin/env python3
"""scripts/images.py: archives that are OCI image layouts, the same each time, with what the programs
need and nothing else.

usage: test_images.py SOURCE_DIR BUILD_DIR
"""
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), ".."))
# pylint: disable=wrong-import-position
import tap

SOURCE, BUILD = (os.path.abspath(path) for path in sys.argv[1:3])
NAMES = ("gpuslice-agent", "gpuslice-controller", "gpuslice-history")


def images(*words, **env):
    done = subprocess.run([os.path.join(SOURCE, "scripts/images.py"), *words], text=True,
                          capture_output=True, stdin=subprocess.DEVNULL, check=False,
                          env=dict(os.environ, **env))
    return done.returncode, done.stdout, done.stderr


def files_of(archive):
    with tarfile.open(archive) as tar:
        return {one.name: tar.extractfile(one).read() for one in tar if one.isfile()}


class Image:
    """An archive, read by the specification; what is wrong with it fails here."""

    def __init__(self, folder, name):
        self.files = files_of(os.path.join(folder, f"{name}.tar"))
        assert json.loads(self.files["oci-layout"]) == {"imageLayoutVersion": "1.0.0"}
        index = json.loads(self.files["index.json"])
        assert index["schemaVersion"] == 2
        (self.found,) = index["manifests"]
        self.manifest = json.loads(self.blob(self.found))
        self.config = json.loads(self.blob(self.manifest["config"]))
        self.layers = [self.blob(layer) for layer in self.manifest["layers"]]
        self.entries = {}
        for layer in self.layers:
            with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
                self.entries.update({one.name: one for one in tar})

    def blob(self, descriptor):
        algorithm, digest = descriptor["digest"].split(":")
        content = self.files[f"blobs/{algorithm}/{digest}"]
        assert algorithm == "sha256" and hashlib.sha256(content).hexdigest() == digest
        assert len(content) == descriptor["size"], descriptor
        return content


def made(folder):
    status, said, error = images(BUILD, "-o", folder)
    assert status == 0, error
    return said


FOLDER = None


def images__have_descriptors_that_fit_their_blobs():
    for name in NAMES:
        image = Image(FOLDER, name)
        blobs = {path for path in image.files if path.startswith("blobs/")}
        assert len(blobs) == 2 + len(image.layers), blobs
        assert image.config["rootfs"]["diff_ids"] == [
            "sha256:" + hashlib.sha256(layer).hexdigest() for layer in image.layers]
        assert image.found["annotations"]["io.containerd.image.name"].startswith(
            f"localhost/{name}:")
        labels = image.config["config"]["Labels"]
        assert labels == image.manifest["annotations"]
        assert labels["org.opencontainers.image.title"] == name
        assert labels["org.opencontainers.image.licenses"] == "Apache-2.0"


def images__have_no_shell_and_nothing_that_changes_rights():
    for name in NAMES:
        for path, one in Image(FOLDER, name).entries.items():
            assert one.uid == 0 and one.gid == 0 and one.mtime == 0, path
            assert one.isdir() or one.isfile(), path
            assert not one.mode & 0o6000, path
            assert path == "tmp" or not one.mode & 0o022, path
            if one.isfile() and one.mode & 0o111:
                assert path.startswith(("usr/bin/gpuslice", "lib64/ld-", "lib/ld-")), path


def controller__and_history_are_not_root_and_the_agent_is():
    users = {name: Image(FOLDER, name).config["config"]["User"] for name in NAMES}
    assert users == {"gpuslice-agent": "0:0", "gpuslice-controller": "65532:65532",
                     "gpuslice-history": "65532:65532"}, users


def programs__run_with_the_libraries_of_the_image_alone():
    for name in NAMES:
        image = Image(FOLDER, name)
        with tempfile.TemporaryDirectory() as root:
            for layer in image.layers:
                with tarfile.open(fileobj=io.BytesIO(layer)) as tar:
                    tar.extractall(root)  # ours, made a moment ago
            loader, = [path for path in image.entries if os.path.basename(path).startswith("ld-")]
            libraries = {os.path.dirname(path) for path in image.entries if path.endswith(".so.6")}
            (program,) = image.config["config"]["Entrypoint"]
            command = [os.path.join(root, loader), "--inhibit-cache", "--library-path",
                       ":".join(os.path.join(root, one) for one in libraries)]
            listed = subprocess.run([*command, "--list", root + program], text=True,
                                    capture_output=True, check=True).stdout
            outside = [line for line in listed.splitlines() if "=> " in line and root not in line
                       and "ld-linux" not in line]
            assert not outside, outside
            said = subprocess.run([*command, root + program, "--version"], text=True,
                                  capture_output=True, check=True).stdout
            assert said.split()[0] == name, said


def agent__has_what_the_drivers_library_asks_for():
    names = {os.path.basename(path) for path in Image(FOLDER, NAMES[0]).entries}
    assert {"libm.so.6", "libdl.so.2", "libpthread.so.0", "librt.so.1"} <= names


def list__has_every_file_with_its_package():
    for name in NAMES:
        with open(os.path.join(FOLDER, f"{name}.files.json"), encoding="utf-8") as file:
            rows = json.load(file)["files"]
        image = Image(FOLDER, name)
        assert {row["path"][1:] for row in rows} == {
            path for path, one in image.entries.items() if one.isfile()}
        for row in rows:
            assert row["bytes"] == image.entries[row["path"][1:]].size, row
            if ".so." in row["path"]:
                assert (row["package"] is None) == (row["version"] is None), row
        if os.path.exists("/usr/bin/dpkg"):
            found = {row["package"] for row in rows if "/libgnutls.so" in row["path"]}
            assert len(found) == 1 and None not in found, found


def archives__are_the_same_bytes_twice():
    with tempfile.TemporaryDirectory() as other:
        made(other)
        for name in sorted(os.listdir(other)):
            both = [open(os.path.join(folder, name), "rb").read() for folder in (FOLDER, other)]
            assert both[0] == both[1], name


def archives__are_as_old_as_told_and_no_older():
    with tempfile.TemporaryDirectory() as other:
        status, _, error = images(BUILD, "-o", other, SOURCE_DATE_EPOCH="1700000000")
        assert status == 0, error
        image = Image(other, NAMES[1])
        assert image.config["created"] == "2023-11-14T22:13:20Z"
        assert {one.mtime for one in image.entries.values()} == {1700000000}


def names__are_as_told():
    with tempfile.TemporaryDirectory() as other:
        status, _, error = images(BUILD, "-o", other, "--prefix", "registry.example:5000/team",
                                  "--tag", "7")
        assert status == 0, error
        found = Image(other, NAMES[0]).found["annotations"]
        assert found == {"io.containerd.image.name": "registry.example:5000/team/gpuslice-agent:7",
                         "org.opencontainers.image.ref.name": "7"}, found


def refusals__name_what_is_wrong():
    status, _, error = images("/nowhere", "-o", FOLDER)
    assert status == 1 and "/nowhere/bin/gpuslice-agent is not there; `make` builds it" in error
    status, _, error = images(BUILD, "-o", FOLDER, SOURCE_DATE_EPOCH="now")
    assert status == 1 and "found 'now', expected seconds since 1970" in error, error


def main():
    global FOLDER  # pylint: disable=global-statement
    with tempfile.TemporaryDirectory() as FOLDER:
        made(FOLDER)
        tap.run([(name, case) for name, case in globals().items()
                 if "__" in name[1:] and callable(case) and not name.startswith("__")])


if __name__ == "__main__":
    main()
