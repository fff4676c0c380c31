"""deploy/packages: what is in each package, as tools that did not write it read it;
the same bytes each time; and the seal on a release. `make packages-test` installs."""
import gzip
import hashlib
import io
import os
import re
import shutil
import subprocess
import tarfile
import time
from pathlib import Path

import pytest

from helpers import BELLWIRE, HERE, run

ROOT = HERE.parents[1]
BUILD = ROOT / "deploy/packages/build"
SEAL = ROOT / "deploy/packages/seal"
DEBIAN = ROOT / "deploy/packages/debian"
MAKEFILE = (ROOT / "Makefile").read_text()
VERSION = re.search(r"^VERSION := (\S+)$", MAKEFILE, re.M).group(1)
EPOCH = re.search(r"^SOURCE_DATE_EPOCH \?= (\S+)$", MAKEFILE, re.M).group(1)
PROGRAM = Path(BELLWIRE).read_bytes()


def tool(*args, code=0, **how):
    p = subprocess.run([str(a) for a in args], capture_output=True, timeout=120,
                       **how)
    assert p.returncode == code, (args, p.stdout, p.stderr)
    return p.stdout


def build(folder, *boards, version=VERSION, **env):
    folder.mkdir()
    tool(BUILD, version, EPOCH, folder, *[f"{b}={BELLWIRE}" for b in boards],
         env=os.environ | env)
    return {p.name: p for p in folder.iterdir()}


@pytest.fixture(scope="module")
def packages(tmp_path_factory):
    return build(tmp_path_factory.mktemp("packages") / "p", "x86_64", "mips")


def unpacked(path, folder):
    """{name: (mode, bytes)} by GNU tar."""
    folder.mkdir()
    tool("tar", "-xpf", path, "-C", folder)
    return {str(p.relative_to(folder)): (p.stat().st_mode & 0o777,
                                         p.read_bytes())
            for p in folder.rglob("*") if p.is_file()}


def test_each_board_has_its_packages(packages):
    assert set(packages) == {
        f"bellwire-{VERSION}-x86_64.tar.gz", f"bellwire-{VERSION}-mips.tar.gz",
        f"bellwire_{VERSION}-1_amd64.deb",  # Debian has no big-endian mips
        f"bellwire_{VERSION}-r1_x86_64.ipk", f"bellwire_{VERSION}-r1_mips_24kc.ipk",
        f"bellwire-{VERSION}-r1.x86_64.apk", f"bellwire-{VERSION}-r1.mips_24kc.apk"}


def test_the_same_program_gives_the_same_bytes(packages, tmp_path):
    again = build(tmp_path / "again", "mips", "x86_64", TZ="Pacific/Auckland",
                  LC_ALL="C")
    assert {n: p.read_bytes() for n, p in packages.items()} == \
        {n: p.read_bytes() for n, p in again.items()}


def test_the_changelog_begins_with_this_version():
    text = (ROOT / "CHANGELOG.md").read_text()
    day = time.strftime("%Y-%m-%d", time.gmtime(int(EPOCH)))
    assert re.search(r"^## \[(.*)\] - (.*)$", text, re.M).groups() == \
        (VERSION, day)
    assert run("version").stdout.startswith(f"bellwire {VERSION}\n".encode())


# --- the tar -----------------------------------------------------------------

def test_tar_has_the_program_and_its_papers(packages, tmp_path):
    stem = f"bellwire-{VERSION}-x86_64"
    found = unpacked(packages[f"{stem}.tar.gz"], tmp_path / "tar")
    assert found[f"{stem}/bin/bellwire"] == (0o755, PROGRAM)
    assert found[f"{stem}/bin/bellwire-each"][0] == 0o755
    assert f"{stem}/LICENSE" in found
    drop_ins = {f"{stem}/systemd/{p.name}" for p in
                (ROOT / "deploy/systemd").iterdir()}
    assert drop_ins < set(found)


# --- Debian ------------------------------------------------------------------

@pytest.fixture
def deb(packages):
    return packages[f"bellwire_{VERSION}-1_amd64.deb"]


def test_deb_is_what_dpkg_takes(deb, tmp_path):
    def field(name):
        return tool("dpkg-deb", "-f", deb, name).decode().strip()

    assert [field(n) for n in ("Package", "Version", "Architecture")] == \
        ["bellwire", f"{VERSION}-1", "amd64"]
    tool("dpkg-deb", "-R", deb, tmp_path / "root")
    root = tmp_path / "root"
    assert (root / "usr/bin/bellwire").read_bytes() == PROGRAM
    assert (root / "DEBIAN/conffiles").read_text() == \
        "/etc/bellwire/bellwire.conf\n"
    tool("md5sum", "-c", "DEBIAN/md5sums", cwd=root)
    files = {str(p.relative_to(root)) for p in root.rglob("*") if p.is_file()}
    listed = {line.split("  ")[1] for line in
              (root / "DEBIAN/md5sums").read_text().splitlines()}
    assert listed == {f for f in files if not f.startswith(("DEBIAN/", "etc/"))}
    for page in ("man8/bellwire.8", "man5/bellwire.conf.5",
                 "man1/bellwire-each.1"):
        assert f"usr/share/man/{page}.gz" in files
    names = {(m.uname, m.gname, m.uid, m.gid) for m in tarfile.open(
        fileobj=io.BytesIO(tool("dpkg-deb", "--fsys-tarfile", deb)))}
    assert names == {("root", "root", 0, 0)}


def test_lintian_has_nothing_against_it(deb, tmp_path):
    # as tests/linters: what a newer one finds, or no longer knows, is no verdict
    if b"v2.116." not in tool("lintian", "--version"):
        pytest.skip("another lintian than 2.116, which the overrides are for")
    said = tool("lintian", "--allow-root", "-EI", deb,  # which leaves a file
                env=os.environ | {"TMPDIR": str(tmp_path)}).decode()
    # machine code that happens to look like a word is no word
    assert [line for line in said.splitlines()
            if not line.startswith("N:") and
            "spelling-error-in-binary" not in line] == []


def test_the_scripts_are_sound(deb):
    tool("shellcheck", *(DEBIAN / n for n in ("postinst", "prerm", "postrm")))


def test_the_configuration_is_taken_whole(tmp_path):
    """As it is, and with each line that it proposes."""
    text = (ROOT / "deploy/packages/bellwire.conf").read_text()
    conf = tmp_path / "bellwire.conf"
    conf.write_text(text)
    p = run("check", "-c", conf)
    assert p.returncode == 0, p.stderr
    assert b"listen = 127.0.0.1:5000" in p.stdout
    proposed = re.findall(r"^#([a-z-]+ = .*)$", text, re.M)
    assert len(proposed) == 8
    (tmp_path / "token").write_text("a-token\n")
    for line in proposed:
        if line.startswith("tls-"):
            continue
        conf.write_text(line.replace("/etc/bellwire", str(tmp_path)) + "\n")
        p = run("check", "-c", conf)
        assert p.returncode == 0, (line, p.stderr)


def test_systemd_understands_the_unit(tmp_path):
    text = (DEBIAN / "bellwire.service").read_text()
    unit = tmp_path / "bellwire.service"
    if int(re.match(rb"systemd (\d+)", tool("systemctl", "--version"))[1]) < 254:
        text = re.sub(r"^Restart(Steps|MaxDelaySec)=.*\n", "", text, flags=re.M)
    unit.write_text(text.replace("/usr/bin/bellwire", BELLWIRE))
    p = subprocess.run(
        ["systemd-analyze", "--no-pager", "--man=no", "verify", unit],
        capture_output=True, text=True, timeout=60)
    assert (p.returncode, p.stdout + p.stderr) == (0, "")
    tool("systemd-analyze", "--no-pager", "security", "--offline=true",
         "--threshold=18", unit)


# --- OpenWrt -----------------------------------------------------------------

def openwrt_files():
    made = (ROOT / "deploy/openwrt/Makefile").read_text()
    assert "USERID:=bellwire=5000:bellwire=5000" in made
    files = ROOT / "deploy/openwrt/files"
    return {"usr/sbin/bellwire": (0o755, PROGRAM),
            "etc/init.d/bellwire": (0o755, (files / "bellwire.init").read_bytes()),
            "etc/config/bellwire": (0o600,
                                    (files / "bellwire.config").read_bytes()),
            "etc/seccomp/bellwire.json": (
                0o644, (files / "bellwire.seccomp.json").read_bytes()),
            # OpenWrt's build makes it of a conffile that is a folder.
            "lib/upgrade/keep.d/bellwire": (0o644, b"/etc/bellwire/\n")}


def openwrt_conffiles():
    """Also for sysupgrade: a token in the folder outlives it."""
    made = (ROOT / "deploy/openwrt/Makefile").read_text()
    found = re.search(r"^define Package/bellwire/conffiles\n(.*?)^endef",
                      made, re.M | re.S).group(1)
    assert "/etc/bellwire/\n" in found
    return found


def test_ipk_has_what_openwrts_makefile_installs(packages, tmp_path):
    parts = unpacked(packages[f"bellwire_{VERSION}-r1_mips_24kc.ipk"],
                     tmp_path / "ipk")
    assert set(parts) == {"debian-binary", "control.tar.gz", "data.tar.gz"}
    assert parts["debian-binary"][1] == b"2.0\n"
    assert unpacked(tmp_path / "ipk/data.tar.gz", tmp_path / "data") == \
        openwrt_files()
    control = unpacked(tmp_path / "ipk/control.tar.gz", tmp_path / "control")
    said = control["control"][1].decode()
    for line in ("Package: bellwire", f"Version: {VERSION}-r1",
                 "Architecture: mips_24kc",
                 "Require-User: bellwire=5000:bellwire=5000"):
        assert f"{line}\n" in said
    assert control["conffiles"][1].decode() == openwrt_conffiles()
    assert (tmp_path / "data/etc/bellwire").is_dir()
    for script in ("postinst", "prerm"):
        assert control[script][0] == 0o755
        tool("busybox", "ash", "-n", tmp_path / "control" / script)


def test_apk_is_whole_by_its_own_sums(packages, tmp_path):
    """A signature would stand before these two members; apk add --allow-untrusted."""
    path = packages[f"bellwire-{VERSION}-r1.mips_24kc.apk"]
    found = unpacked(path, tmp_path / "apk")
    for name, file in openwrt_files().items():
        assert found[name] == file
    lists = {name.removeprefix("lib/apk/packages/bellwire."): data.decode()
             for name, (_, data) in found.items() if name.startswith("lib/apk/")}
    assert lists["conffiles"] == openwrt_conffiles()
    assert lists["conffiles_static"].startswith("/etc/config/bellwire ")
    assert (tmp_path / "apk/etc/bellwire").is_dir()
    assert lists["rusers"] == "bellwire=5000:bellwire=5000\n"
    assert lists["list"].split() == sorted(f"/{n}" for n in openwrt_files())
    for name in (".post-install", ".post-upgrade", ".pre-deinstall"):
        tool("busybox", "ash", "-n", tmp_path / "apk" / name)
    said = dict(line.split(" = ") for line in
                found[".PKGINFO"][1].decode().splitlines())
    assert said["pkgname"] == "bellwire" and said["arch"] == "mips_24kc"
    # Two gzip members: what the first says of the second.
    whole = path.read_bytes()
    at = whole.index(b"\x1f\x8b\x08", 1)
    while True:
        try:
            gzip.decompress(whole[at:])
            gzip.decompress(whole[:at])
            break
        except (OSError, EOFError):
            at = whole.index(b"\x1f\x8b\x08", at + 1)
    assert said["datahash"] == hashlib.sha256(whole[at:]).hexdigest()
    data = tarfile.open(fileobj=io.BytesIO(gzip.decompress(whole[at:])))
    for member in data:
        if member.isfile():
            assert member.pax_headers["APK-TOOLS.checksum.SHA1"] == hashlib.sha1(
                data.extractfile(member).read()).hexdigest()


# --- the seal ----------------------------------------------------------------

@pytest.fixture
def release(tmp_path, packages):
    folder = tmp_path / "dist"
    folder.mkdir()
    for p in packages.values():
        shutil.copy(p, folder)
    return folder


def test_sums_of_all_and_no_signature_without_a_key(release, packages):
    tool(SEAL, release)
    tool("sha256sum", "-c", "SHA256SUMS", cwd=release)
    sums = (release / "SHA256SUMS").read_text()
    assert [line.split("  ")[1] for line in sums.splitlines()] == sorted(packages)
    assert {p.name for p in release.iterdir()} == {*packages, "SHA256SUMS"}


def test_signed_with_a_key_of_ssh(release, tmp_path):
    key = tmp_path / "key"
    tool("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key)
    tool(SEAL, release, "key", cwd=tmp_path)
    signers = tmp_path / "signers"
    signers.write_text(f"who {(tmp_path / 'key.pub').read_text()}")
    verify = ["ssh-keygen", "-Y", "verify", "-f", signers, "-I", "who", "-n",
              "file", "-s", release / "SHA256SUMS.sig"]
    sums = (release / "SHA256SUMS").read_bytes()
    tool(*verify, input=sums)
    tool(*verify, input=sums + b"\n", code=255)


def test_signed_with_a_key_of_minisign(release, tmp_path):
    tool("minisign", "-G", "-W", "-p", tmp_path / "key.pub", "-s",
         tmp_path / "key")
    tool(SEAL, release, tmp_path / "key")
    verify = ["minisign", "-V", "-p", tmp_path / "key.pub", "-m",
              release / "SHA256SUMS"]
    tool(*verify)
    (release / "SHA256SUMS").write_text("nothing\n")
    tool(*verify, code=1)
