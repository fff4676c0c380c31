"""deploy/container: the image has the program and nothing else, comes out the same
each time, and runs locked down, as process 1, with its own health check."""
import hashlib
import json
import os
import re
import shutil
import struct
import subprocess
import tarfile
import tempfile
from pathlib import Path

import pytest

from helpers import BELLWIRE, HERE, alert, group, payload, wait_for
from tls_helpers import pki  # noqa: F401 - a fixture

ROOT = HERE.parents[1]
SAMPLES = ROOT / "deploy/container"
VERSION = re.search(r"^VERSION := (\S+)$", (ROOT / "Makefile").read_text(),
                    re.M).group(1)
LABELS = {"org.opencontainers.image.title": "bellwire",
          "org.opencontainers.image.version": VERSION,
          "org.opencontainers.image.licenses": "MIT",
          "org.opencontainers.image.description":
          "Alertmanager webhooks as lines"}
CONFIGURED = ["-c", "/bellwire.conf"]
HEALTHCHECK = {"Test": ["CMD", "/bellwire", "probe", *CONFIGURED], "Retries": 3,
               "Interval": 30 * 10 ** 9, "Timeout": 6 * 10 ** 9}


def run(*args, code=0, **how):
    p = subprocess.run([str(a) for a in args], stdout=subprocess.PIPE,
                       stderr=subprocess.PIPE, text=True, timeout=120, **how)
    assert p.returncode == code, (args, p.stdout, p.stderr)
    return p.stdout


# --- the layout of several platforms ----------------------------------------

def foreign(path):
    """The program, with the header of one for 64-bit ARM: never run here."""
    data = bytearray(Path(BELLWIRE).read_bytes())
    data[18:20] = (183).to_bytes(2, "little")
    path.write_bytes(data)
    return path


def build_layout(folder, *pairs, epoch="1700000000", code=0):
    run(SAMPLES / "oci-image", folder, *pairs, code=code,
        env=os.environ | {"SOURCE_DATE_EPOCH": epoch, "VERSION": VERSION})
    return folder


@pytest.fixture
def layout(tmp_path):
    return build_layout(tmp_path / "image", f"linux/amd64={BELLWIRE}",
                        f"linux/arm64/v8={foreign(tmp_path / 'arm')}")


def files(folder):
    return {p.relative_to(folder): p.read_bytes()
            for p in folder.rglob("*") if p.is_file()}


def test_layout_is_the_same_each_time(layout, tmp_path):
    again = build_layout(tmp_path / "again", f"linux/amd64={BELLWIRE}",
                         f"linux/arm64/v8={tmp_path / 'arm'}")
    other = build_layout(tmp_path / "other", f"linux/amd64={BELLWIRE}",
                         epoch="1700000001")
    assert files(layout) == files(again)
    assert not set(files(other)) >= set(files(layout))
    for name, data in files(layout).items():
        if name.parts[0] == "blobs":
            assert hashlib.sha256(data).hexdigest() == name.name


@pytest.mark.parametrize("architecture", ["amd64", "arm64"])
def test_layout_has_two_files_for_each_platform(layout, tmp_path,
                                                        architecture):
    config = json.loads(run(
        "skopeo", "--override-arch", architecture, "inspect", "--config",
        "--raw", f"oci:{layout}:{VERSION}"))
    assert (config["os"], config["architecture"]) == ("linux", architecture)
    assert config["created"] == "2023-11-14T22:13:20Z"
    assert config["config"] == {
        "User": "65534:65534", "Entrypoint": ["/bellwire"],
        "Cmd": CONFIGURED, "ExposedPorts": {"5000/tcp": {}},
        "StopSignal": "SIGTERM", "Labels": LABELS, "Healthcheck": HEALTHCHECK}
    digest, = config["rootfs"]["diff_ids"]
    layer = layout / "blobs/sha256" / digest.removeprefix("sha256:")
    with tarfile.open(layer) as tar:
        program, configuration = members = tar.getmembers()
        assert [(m.name, m.mode) for m in members] == [
            ("bellwire", 0o755), ("bellwire.conf", 0o644)]
        assert {(m.uid, m.gid, m.mtime) for m in members} == {
            (0, 0, 1700000000)}
        wanted = Path(BELLWIRE) if architecture == "amd64" else tmp_path / "arm"
        assert tar.extractfile(program).read() == wanted.read_bytes()
        assert tar.extractfile(configuration).read() == \
            (SAMPLES / "bellwire.conf").read_bytes()


def test_layout_can_be_copied_as_a_whole(layout, tmp_path):
    """As to a registry: skopeo checks each digest, and both platforms go."""
    run("skopeo", "copy", "--all", f"oci:{layout}:{VERSION}",
        f"dir:{tmp_path / 'copy'}")
    index = json.loads((tmp_path / "copy/manifest.json").read_text())
    assert [m["platform"] for m in index["manifests"]] == [
        {"architecture": "amd64", "os": "linux"},
        {"architecture": "arm64", "os": "linux", "variant": "v8"}]
    assert index["annotations"] == LABELS


def test_layout_takes_no_program_of_another_platform(tmp_path):
    for name, file in (("linux/arm64", BELLWIRE), ("linux/386", BELLWIRE),
                       ("linux/amd64", "/bin/sh"), ("linux/amd64", __file__)):
        build_layout(tmp_path / name.replace("/", "-"), f"{name}={file}",
                     code=1)


def small_elf(machine, order, *segments):
    """A 32-bit header, and program headers of these types."""
    head = b"\x7fELF" + bytes([1, 1 if order == "<" else 2, 1]) + bytes(9)
    head += struct.pack(order + "HHIIIIIHHHHHH", 2, machine, 1, 0, 52, 0, 0, 52,
                        32, len(segments), 40, 0, 0)
    return head + b"".join(struct.pack(order + "I28x", t) for t in segments)


@pytest.mark.parametrize("platform, machine, order", [
    ("linux/arm/v7", 40, "<"), ("linux/386", 3, "<"), ("linux/mips", 8, ">"),
    ("linux/mipsle", 8, "<")])
def test_layout_knows_programs_of_32_bits(tmp_path, platform, machine, order):
    program = tmp_path / "program"
    program.write_bytes(small_elf(machine, order, 1, 1))
    build_layout(tmp_path / "static", f"{platform}={program}")
    program.write_bytes(small_elf(machine, order, 1, 3))
    build_layout(tmp_path / "dynamic", f"{platform}={program}", code=1)
    program.write_bytes(small_elf(machine, "<>"[order == "<"], 1))
    build_layout(tmp_path / "swapped", f"{platform}={program}", code=1)


# --- built and run ----------------------------------------------------------

class Engine:
    """buildah and podman with all that they keep in one folder, whose name
    they want short."""

    def __init__(self, folder):
        self.store = ["--root", folder / "root", "--runroot", folder / "run",
                      "--storage-driver", "vfs"]
        self.folder = folder

    def build(self):
        context = self.folder / "context/build"
        context.mkdir(parents=True)
        shutil.copy(BELLWIRE, context)
        (self.folder / "context/deploy/container").mkdir(parents=True)
        shutil.copy(SAMPLES / "bellwire.conf",
                    self.folder / "context/deploy/container")
        return run("buildah", *self.store, "bud", "--quiet", "--isolation",
                   "chroot", "--format", "docker", "--build-arg",
                   f"VERSION={VERSION}", "--file",
                   SAMPLES / "Containerfile", context.parent).split()[-1]

    def podman(self, *args, code=0):
        return run("podman", *self.store, "--tmpdir", self.folder / "tmp",
                   "--cgroup-manager", "cgroupfs", "--runtime", "runc",
                   *args, code=code)

    def start(self, image, *args, how=()):
        """As the Containerfile says, in 16 MiB: newer runc needs 10 of them
        itself before it runs anything. Limits of its own: podman's would be
        above what this machine may hand on."""
        return self.podman(
            "run", "--detach", "--network", "none", "--read-only",
            "--cap-drop", "all", "--security-opt", "no-new-privileges",
            "--memory", "16m", "--ulimit", "nofile=256:256", "--ulimit",
            "nproc=64:64", *how, image, *args).split()[-1]

    def inspect(self, container, what):
        return json.loads(self.podman("inspect", container, "--format",
                                      "{{json " + what + "}}"))


def is_named_in_a_command(folder):
    for command in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(folder).encode() in command.read_bytes():
                return True
        except (FileNotFoundError, ProcessLookupError):
            pass  # it has just ended
    return False


@pytest.fixture
def engine():
    if os.geteuid() != 0:
        pytest.skip("only root can run containers like this")
    with tempfile.TemporaryDirectory(prefix="bell") as folder:
        e = Engine(Path(folder))
        yield e
        e.podman("rm", "--all", "--force", "--time", "0")
        # each container's watcher starts a podman of its own at the end,
        # which writes into the folder
        wait_for("podman's other processes to end",
                 lambda: not is_named_in_a_command(folder))


def post(pid, body):
    """From within the container's network."""
    return run("nsenter", f"--net=/proc/{pid}/ns/net", "curl", "-s", "-o",
               "/dev/null", "-w", "%{http_code}", "-H",
               "Content-Type: application/json", "--data", "@-",
               "http://127.0.0.1:5000/webhook", input=body)


@pytest.mark.parametrize("source", ["Containerfile", "oci-image"])
def test_image_runs_locked_down_and_stops_in_peace(engine, server, tmp_path,
                                                   source):
    if source == "Containerfile":
        image = engine.build()
        config = engine.inspect(image, ".Config")
        assert config["User"] == "65534:65534"
        assert config["Entrypoint"] == ["/bellwire"]
        assert LABELS.items() <= config["Labels"].items()
    else:
        layout = build_layout(tmp_path / "image", f"linux/amd64={BELLWIRE}")
        image = engine.podman("pull", "--quiet",
                              f"oci:{layout}:{VERSION}").split()[-1]
    box = engine.start(image)
    pid = engine.inspect(box, ".State.Pid")
    wait_for("listening in the log",
             lambda: "msg=listening" in logs(engine, box))
    # Its own sandbox is as whole as outside.
    sandbox = re.search(r"msg=sandboxed .*$", server.log(), re.M).group()
    assert sandbox in logs(engine, box)
    status = Path(f"/proc/{pid}/status").read_text()
    assert re.search(r"^Uid:\t65534\t65534\t65534\t65534$", status, re.M)
    assert re.search(r"^CapBnd:\t0+$", status, re.M)
    assert re.search(r"^NoNewPrivs:\t1$", status, re.M)
    assert re.search(r"^NSpid:\t\d+\t1$", status, re.M)
    assert "ro" in next(line.split()[3].split(",") for line in
                        Path(f"/proc/{pid}/mounts").read_text().splitlines()
                        if line.split()[1] == "/")
    if source == "Containerfile":
        assert engine.inspect(box, ".Config.Healthcheck") == HEALTHCHECK
        engine.podman("healthcheck", "run", box)
    assert post(pid, json.dumps(payload(alert("InTheBox")))) == "200"
    assert re.search(r"^\S+ FIRING critical InTheBox ",
                     logs(engine, box), re.M)
    assert post(pid, json.dumps(group(5000))) == "200"
    # Process 1 gets no signal that it has no handler for; 60 s later it would
    # be killed, with code 137.
    engine.podman("stop", "--time", "60", box)
    assert engine.inspect(box, ".State.ExitCode") == 0
    assert "msg=stopped" in logs(engine, box)


def logs(engine, box):
    p = subprocess.run(["podman", *map(str, engine.store), "--tmpdir",
                        str(engine.folder / "tmp"), "logs", box], text=True,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                       timeout=60)
    return p.stdout


MUTUAL = ["--tls-client-ca", "/tls/ca.pem"]


@pytest.mark.parametrize("mounted", ["options", "file"])
@pytest.mark.parametrize("more", [[], MUTUAL], ids=["TLS", "mTLS"])
def test_health_check_works_behind_tls(engine, pki, tmp_path, mounted, more):
    secrets = tmp_path / "tls"
    secrets.mkdir(mode=0o755)
    for name, file in (("cert", pki.server().cert), ("key", pki.server().key),
                       ("ca", pki.ca.cert)):
        shutil.copy(file, secrets / f"{name}.pem")
        os.chown(secrets / f"{name}.pem", 65534, 65534)
    options = ["--tls-cert", "/tls/cert.pem", "--tls-key", "/tls/key.pem", *more]
    how = ["--volume", f"{secrets}:/tls:ro"]
    if mounted == "file":
        conf = tmp_path / "bellwire.conf"
        conf.write_text("listen = :5000\nhealth = 127.0.0.1:7000\n" + "".join(
            f"{k[2:]} = {v}\n" for k, v in zip(options[::2], options[1::2])))
        how += ["--volume", f"{conf}:/bellwire.conf:ro"]
        options = []
    box = engine.start(engine.build(), *CONFIGURED, *options, how=how)
    wait_for("listening for health in the log",
             lambda: "for=health" in logs(engine, box))
    engine.podman("healthcheck", "run", box)
    pid = engine.inspect(box, ".State.Pid")
    assert run("nsenter", f"--net=/proc/{pid}/ns/net", "curl", "-s", "-o",
               "/dev/null", "-w", "%{http_code}", "--cacert",
               pki.ca.cert, "https://127.0.0.1:5000/-/ready",
               code=35 if more else 0) == ("000" if more else "200")


def test_health_check_fails_where_nothing_listens(engine):
    box = engine.start(engine.build(), "--listen", ":5000")
    wait_for("listening in the log",
             lambda: "msg=listening" in logs(engine, box))
    engine.podman("healthcheck", "run", box, code=1)
