"""Every command line in deploy/ is one that bellwire takes; each is read out of the
file that it stands in. (openwrt/, whose come out of a script: its own test.)"""
import json
import re
import shlex
import shutil

import pytest
import yaml

from helpers import HERE, run
from tls_helpers import pki  # noqa: F401 - a fixture

DEPLOY = HERE.parents[1] / "deploy"


def container():
    text = (DEPLOY / "container/Containerfile").read_text()
    said = {word: json.loads(rest) for word, rest in
            re.findall(r"^(ENTRYPOINT|CMD) (\[.*\])$", text, re.M)}
    copied = dict(map(reversed, re.findall(r"^COPY (\S+) (\S+)$", text, re.M)))
    yield said["ENTRYPOINT"] + [str(DEPLOY.parent / copied[word])
                                if word in copied else word
                                for word in said["CMD"]]


def kubernetes():
    for o in yaml.safe_load_all((DEPLOY / "kubernetes/bellwire.yml").read_text()):
        if o["kind"] == "Deployment":
            for c in o["spec"]["template"]["spec"]["containers"]:
                yield ["/bellwire", *c["args"]]


def systemd():
    for file in sorted((DEPLOY / "systemd").iterdir()):
        text = file.read_text().replace("\\\n", " ")
        for line in re.findall(r"^ExecStart=(.+)$", text, re.M):
            yield shlex.split(line)


def demo():
    text = (DEPLOY / "prometheus/demo/run").read_text()
    for line in re.findall(r'^"\$bellwire" (.*) &$', text, re.M):
        yield ["bellwire", *shlex.split(line.replace("$bellwire_port", "5000"))]


@pytest.mark.parametrize("samples, count", [
    (container, 1), (kubernetes, 1), (systemd, 4), (demo, 1)])
def test_the_command_lines_of_the_samples_are_taken(tmp_path, pki, samples, count):
    """With the files that they name, in a place of the test's own."""
    (tmp_path / "token").write_text("a-token\n")
    for name, file in (("cert", pki.server().cert), ("key", pki.server().key),
                       ("ca", pki.ca.cert)):
        shutil.copy(file, tmp_path / name)
    commands = list(samples())
    assert len(commands) == count
    for program, *options in commands:
        assert program.rpartition("/")[2] == "bellwire"
        moved = [re.sub(r"\$\{[A-Z]+_DIRECTORY\}|/etc/bellwire", str(tmp_path),
                        word) for word in options]
        p = run("check", *moved)
        assert p.returncode == 0, (moved, p.stderr)
        assert re.search(rb"^# (command line|\S+:\d+)$", p.stdout, re.M)


def test_the_check_would_find_a_wrong_one(tmp_path):
    for wrong in (["--listne", ":5000"], ["--listen", ":port"],
                  ["--auth-token-file", f"{tmp_path}/none"]):
        assert run("check", *wrong).returncode == 2, wrong
