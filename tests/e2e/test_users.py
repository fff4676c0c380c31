"""deploy/users.md: what three users do, from nothing to an alert on their sink.
The commands stand there, they are run, and what they say is compared; with
UPDATE_USERS=1, as `make users` has it, it is written there."""
import os
import re
import shutil
import subprocess
import tempfile

import pytest
import yaml

import kustomize
from helpers import BELLWIRE, HERE

ROOT = HERE.parents[1]
PAGE = ROOT / "deploy/users.md"
STUBS = HERE / "users"
VERSION = re.search(r"^VERSION := (\S+)$", (ROOT / "Makefile").read_text(),
                    re.M).group(1)
EPOCH = re.search(r"^SOURCE_DATE_EPOCH \?= (\S+)$",
                  (ROOT / "Makefile").read_text(), re.M).group(1)
PROMPT = re.compile(r"(root@OpenWrt:~# |# |\$ )(.*)")
PLACES = {"root@OpenWrt:~# ": "router", "# ": "here", "$ ": "here"}
UPDATE = os.environ.get("UPDATE_USERS")

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0, reason="only root can make namespaces like these")


def section(page, heading):
    text = page.read_text("utf-8")
    return re.search(rf"^## {heading}\n(.*?)(?=^## |\Z)", text,
                     re.M | re.S).group(1)


def steps(text):
    """[prompt, lines of the command, lines that it says] of indented blocks."""
    found, waits_for = [], None
    for line in text.splitlines():
        if not line.startswith("    "):
            continue
        line = line[4:]
        prompt = PROMPT.fullmatch(line)
        if waits_for:
            found[-1][1].append(line)
            if line == waits_for or waits_for == "more":
                waits_for = None
        elif prompt:
            found.append([prompt[1], [prompt[2]], []])
        else:
            found[-1][2].append(line)
            continue
        if here := re.search(r"<<(\w+)$", line):
            waits_for = here[1]
        elif waits_for is None and line.endswith("\\"):
            waits_for = "more"
    return found


def masked(lines):
    """Without what is another one each time."""
    text = "\n".join(lines)
    text = re.sub(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "TIME", text)
    text = re.sub(r"\b[0-9a-f]{12,64}\b", "ID", text)
    text = re.sub("[\u2018\u2019']", "", text)  # newer systemds quote paths
    return re.sub(r"msg=sandboxed .*", "msg=sandboxed", text)  # the kernel's


class User:
    """One section of the page, played in a folder that has what a clone and a
    build have."""

    def __init__(self, heading, folder):
        self.heading, self.folder = heading, folder
        self.steps = steps(section(PAGE, heading))
        self.said = folder / "said"
        self.said.mkdir()
        shutil.copytree(ROOT / "deploy", folder / "deploy", symlinks=True)
        (folder / "build").mkdir()
        shutil.copy(BELLWIRE, folder / "build/bellwire")

    def script(self, name, text):
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o755)
        return path

    def write_driver(self, before="", after="", stubs=STUBS):
        """A script of all steps; `router` in it enters where that one is."""
        text = [f". {stubs}/driver", before]
        for i, (prompt, command, _) in enumerate(self.steps):
            (self.said / f"{i}.sh").write_text("\n".join(command) + "\n")
            text.append(f"step {PLACES[prompt]} {i}")
        return self.script("drive", "\n".join([*text, after]) + "\n")

    def judge(self, console):
        said = [(self.said / f"{i}.out").read_text("utf-8").splitlines()
                if (self.said / f"{i}.out").exists() else ["(never run)"]
                for i in range(len(self.steps))]
        said = [[line for line in map(str.rstrip, lines) if line]
                for lines in said]
        whole = "".join("\n".join([step[0] + "\n".join(step[1]), *lines]) + "\n"
                        for step, lines in zip(self.steps, said)) + console
        assert any(" FIRING critical DiskFull" in x for x in said[-1]), whole
        if UPDATE:
            return self.update(said)
        for (_, command, expected), lines in zip(self.steps, said):
            assert masked(lines) == masked(expected), (command, whole)

    def update(self, said):
        """Writes what was said behind each command."""
        old = section(PAGE, self.heading)
        blocks = re.split(r"((?:^    .*\n)+)", old, flags=re.M)
        done = 0
        for i in range(1, len(blocks), 2):
            lines = []
            for prompt, command, _ in steps(blocks[i]):
                lines += [prompt + command[0], *command[1:], *said[done]]
                done += 1
            blocks[i] = "".join(f"    {line}\n" for line in lines)
        PAGE.write_text(PAGE.read_text("utf-8").replace(old, "".join(blocks)),
                        "utf-8")


def alone(driver, cwd):
    """Runs it with a network, mounts and processes of its own."""
    p = subprocess.run(
        ["timeout", "--signal=KILL", "180", "unshare", "--net", "--mount",
         "--pid", "--fork", "--kill-child", "--mount-proc", "sh", driver],
        cwd=cwd, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True, errors="replace")
    return p.stdout


# --- a router ----------------------------------------------------------------

def router_root(folder):
    """What OpenWrt has: busybox, functions.sh, and stubs for the rest."""
    root = folder / "router"
    for name in ("bin", "sbin", "etc/config", "etc/init.d", "lib", "lib64",
                 "dev", "proc", "tmp", "usr/sbin", "var"):
        (root / name).mkdir(parents=True)
    shutil.copy(shutil.which("busybox"), root / "bin")
    libraries = subprocess.run(["ldd", root / "bin/busybox"], text=True,
                               capture_output=True).stdout
    for path in re.findall(r"/\S+", libraries):
        (root / path[1:]).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, root / path[1:])
    applets = subprocess.run([root / "bin/busybox", "--list"], text=True,
                             capture_output=True, check=True).stdout
    for applet in applets.split():
        if not (root / "bin" / applet).exists():
            (root / "bin" / applet).symlink_to("busybox")
    shutil.copy(HERE / "openwrt/functions.sh", root / "lib")
    shutil.copy(STUBS / "rc.common", root / "etc")
    for name in ("opkg", "service", "logread"):
        (root / "bin" / name).unlink(missing_ok=True)
        shutil.copy(STUBS / name, root / "bin")
    (root / "etc/passwd").write_text("root:x:0:0::/root:/bin/ash\n")
    (root / "etc/group").write_text("root:x:0:\n")
    return root


def test_router(tmp_path):
    user = User("A router", tmp_path)
    root = router_root(tmp_path)
    subprocess.run([ROOT / "deploy/packages/build", VERSION, EPOCH,
                    root / "tmp", f"x86_64={BELLWIRE}"], check=True,
                   stdout=subprocess.DEVNULL)
    config = "".join(f"{line}\n" for line in user.steps[1][1][1:-1])
    readme = section(ROOT / "README.md", "On a router")
    assert config in re.sub("^    ", "", readme, flags=re.M)
    driver = user.write_driver(f"router={root}; make_router")
    user.judge(alone(driver, tmp_path))


# --- a gateway ---------------------------------------------------------------

def test_gateway(tmp_path):
    user = User("A gateway with systemd", tmp_path)
    # All that the README says but its reader, which would not end.
    readme = re.findall("^    # (.*)$", section(
        ROOT / "README.md", "On a gateway with systemd"), re.M)
    assert [c[0] for _, c, _ in user.steps][:len(readme) - 1] == readme[:-1]
    user.write_driver(stubs="/stubs")
    unit = tmp_path / "units"
    unit.mkdir()
    shutil.copy(STUBS / "drive.service", unit)
    p = subprocess.run(
        ["timeout", "--signal=TERM", "--kill-after=10", "180",
         "systemd-nspawn", "--quiet", "--register=no", "--keep-unit",
         f"--machine=user-{os.getpid()}", "--directory=/", "--volatile=yes",
         "--private-network", "--tmpfs=/usr/local",
         f"--bind={tmp_path}:/clone", f"--bind-ro={STUBS}:/stubs",
         f"--bind-ro={unit}/drive.service:/run/systemd/system/drive.service",
         # What nspawn's own filter leaves out, the units' must let through.
         "--system-call-filter=landlock_create_ruleset landlock_add_rule"
         " landlock_restrict_self",
         "--console=pipe", "/lib/systemd/systemd", "--unit=drive.service"],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, errors="replace", text=True)
    user.judge(p.stdout)


# --- a pod -------------------------------------------------------------------

def pod():
    """As the page says it: for what podman cannot do, something in its place."""
    objects = kustomize.render(ROOT / "deploy/kubernetes/overlays/spool")
    claim, = (o for o in objects if o["kind"] == "PersistentVolumeClaim")
    claim["metadata"]["annotations"] = {
        f"volume.podman.io/{who}": "65534" for who in ("uid", "gid")}
    spec, = (o["spec"]["template"]["spec"] for o in objects
             if o["kind"] == "Deployment")
    container, = spec["containers"]
    del container["livenessProbe"]
    for volume in spec["volumes"]:
        if "secret" in volume:
            volume["secret"] |= {"optional": False, "defaultMode": 0o444}
    return yaml.safe_dump_all(objects)


def test_pod(tmp_path):
    user = User("A pod", tmp_path)
    (tmp_path / "pod.yml").write_text(pod())
    # podman wants a short name
    with tempfile.TemporaryDirectory(prefix="bell") as store:
        (tmp_path / "bin").mkdir()
        user.script("bin/podman", f"""#!/bin/sh
            export PODMAN_IGNORE_CGROUPSV1_WARNING=1
            exec {shutil.which("podman")} --root {store}/root \
                --runroot {store}/run --tmpdir {store}/tmp --storage-driver vfs \
                --cgroup-manager cgroupfs --runtime runc "$@"
            """)
        user.judge(alone(user.write_driver("make_node", "end_node"), tmp_path))
