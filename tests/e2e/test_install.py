"""What `make install` leaves on a system: program, manual pages, completion."""
import os
import re
import signal
import subprocess
from pathlib import Path

import pytest

from helpers import BELLWIRE, DEADLINE, HERE, wait_for

ROOT = HERE.parents[1]
COMPLETION = ROOT / "deploy/completion"


def options():
    text = subprocess.run([BELLWIRE, "--help"], capture_output=True,
                          text=True).stdout
    return {line.split()[0] for line in text.splitlines()
            if line.startswith("  --")}


def make(target, folder):
    flags = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
    # what is built already is installed; nothing is built by a test
    return subprocess.run(
        ["make", "-s", "-o", "all", target, f"DESTDIR={folder}",
         "PREFIX=/usr", f"O={Path(BELLWIRE).parent}"], cwd=ROOT, env=flags,
        capture_output=True, text=True, timeout=6 * DEADLINE)


def test_install_and_uninstall(tmp_path):
    done = make("install", tmp_path)
    assert done.returncode == 0, done.stderr
    files = {str(p.relative_to(tmp_path / "usr")): p.stat().st_mode & 0o777
             for p in tmp_path.rglob("*") if p.is_file()}
    assert files == {
        "bin/bellwire": 0o755,
        "bin/bellwire-each": 0o755,
        "share/man/man1/bellwire-each.1": 0o644,
        "share/man/man8/bellwire.8": 0o644,
        "share/man/man5/bellwire.conf.5": 0o644,
        "share/bash-completion/completions/bellwire": 0o644,
        "share/zsh/site-functions/_bellwire": 0o644}
    page = subprocess.run(
        ["mandoc", "-T", "ascii", tmp_path / "usr/share/man/man8/bellwire.8"],
        capture_output=True, text=True).stdout
    assert "emit Alertmanager's webhooks as lines" in page
    done = make("uninstall", tmp_path)
    assert done.returncode == 0, done.stderr
    assert not [p for p in tmp_path.rglob("*") if p.is_file()]


@pytest.mark.parametrize("setting, what", [
    ("CC=no-such-gcc", "the compiler no-such-gcc"),
    ("MUSL_INC=/no-such", "musl in /no-such"),
    ("MUSL_LIB=/no-such", "musl in ")])
def test_make_says_in_one_line_what_is_missing(tmp_path, setting, what):
    flags = {k: v for k, v in os.environ.items() if not k.startswith("MAKE")}
    p = subprocess.run(["make", f"O={tmp_path}/build", setting],
                       cwd=ROOT, env=flags, capture_output=True, text=True,
                       timeout=DEADLINE)
    assert p.returncode == 2 and p.stdout == ""
    line, = p.stderr.splitlines()
    assert f"missing: {what}" in line
    assert "`third_party/bootstrap build` installs it" in line


def test_each_has_its_line_on_disk_before_the_command_runs(tmp_path):
    """As the kernel is asked; a command that fails gets the line again."""
    make("install", tmp_path)
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "ring").write_text(
        f"#!/bin/sh\ncat >>{tmp_path}/rung\n[ -e {tmp_path}/well ]\n")
    (tmp_path / "ring").chmod(0o755)
    fifo = os.open(tmp_path / "fifo", os.O_RDWR)
    with subprocess.Popen(
            ["strace", "-f", "-qq", "-e", "trace=execve,fdatasync,fsync,sync",
             "-o", tmp_path / "calls", tmp_path / "usr/bin/bellwire-each",
             "fifo", "held", "./ring"], cwd=tmp_path,
            start_new_session=True) as each:
        try:
            os.write(fifo, b"a line\n")
            rung = tmp_path / "rung"
            wait_for("the line twice", lambda: rung.exists() and
                     rung.read_text().startswith("a line\na line\n"))
            assert (tmp_path / "held").read_text() == "a line\n"
            (tmp_path / "well").touch()
            wait_for("success", lambda: not (tmp_path / "held").read_text())
        finally:
            os.killpg(each.pid, signal.SIGKILL)
            os.close(fifo)
    calls = re.findall(r"fdatasync|fsync|sync(?=\()|ring\"(?=, \[)",
                       (tmp_path / "calls").read_text())
    first = calls.index('ring"')
    assert len(calls[:first]) == 2, calls  # the folder, then the line


def test_each_says_what_it_wants():
    done = subprocess.run([ROOT / "deploy/each", "fifo", "held"],
                          capture_output=True, text=True, timeout=DEADLINE)
    assert (done.returncode, done.stderr) == (
        2, "usage: each FIFO HELD COMMAND...\n")


def bash(*words):
    """What bash offers for the last of these words."""
    done = subprocess.run(
        ["bash", "-c", 'source "$1"; shift; COMP_WORDS=("$@")\n'
         "COMP_CWORD=$(($# - 1)); _bellwire\n"
         'printf "%s\\n" "${COMPREPLY[@]}"', "bash",
         COMPLETION / "bellwire.bash", BELLWIRE, *words],
        capture_output=True, text=True, timeout=DEADLINE)
    assert done.stderr == ""
    return set(done.stdout.split())


def test_bash_knows_commands_options_and_values(tmp_path):
    assert options() | {"check", "render", "probe", "version"} <= bash("")
    assert bash("--em") == {"--emit"}
    assert bash("check", "--auth-") == {o for o in options()
                                        if o.startswith("--auth-")}
    assert bash("--sandbox", "") == {"auto", "require", "off"}
    assert bash("--emit", "f") == {"fifo:"}
    assert bash("render", "--fo") == {"--format"}
    assert bash("--max-body", "") == set()
    (tmp_path / "site.conf").touch()
    assert bash("-c", f"{tmp_path}/s") == {f"{tmp_path}/site.conf"}


def zsh(line, last, folder):
    """What zsh shows when TAB is pressed behind that line, up to that word: it
    runs in a terminal of its own."""
    os.symlink(BELLWIRE, folder / "bellwire")
    script = """
zmodload zsh/zpty
zpty z PS1= zsh -f -i
zpty -w z "PATH=$1:\\$PATH; fpath=($2 \\$fpath); autoload -U compinit"
zpty -w z "compinit -u -d $1/dump; LISTMAX=1000; setopt no_beep"
zpty -w z "zstyle ':completion:*' list-colors ''; stty cols 200; print READY"
zpty -r z out '*READY*READY*'
zpty -n -w z "$3"$'\\t\\t'
zpty -r z out "*$4*"
print -r -- $out
"""
    done = subprocess.run(["zsh", "-f", "-c", script, "zsh", folder,
                           COMPLETION, line, last], capture_output=True,
                          text=True, timeout=DEADLINE, errors="replace")
    return done.stdout


@pytest.mark.parametrize("line, shown", [
    ("bellwire --auth-", ["--auth-token-file", "--auth-basic-file",
                          "--auth-hmac-file"]),
    ("bellwire --sandbox ", ["auto", "require", "off"]),
    ("bellwire ", ["check", "render", "probe", "version"])])
def test_zsh_knows_them_too(line, shown, tmp_path):
    seen = zsh(line, sorted(shown)[-1], tmp_path)
    for word in shown:
        assert word in seen, seen
