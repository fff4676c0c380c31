"""What `make install` leaves on a system: program, manual pages, completion."""
import os
import subprocess
from pathlib import Path

import pytest

from helpers import BELLWIRE, DEADLINE, HERE

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
        capture_output=True, text=True, timeout=DEADLINE)


def test_install_and_uninstall(tmp_path):
    done = make("install", tmp_path)
    assert done.returncode == 0, done.stderr
    files = {str(p.relative_to(tmp_path / "usr")): p.stat().st_mode & 0o777
             for p in tmp_path.rglob("*") if p.is_file()}
    assert files == {
        "bin/bellwire": 0o755,
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
