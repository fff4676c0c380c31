"""The recipes of README.md and deploy/recipes.md, as they stand there: the blocks
are taken out of them, ports and paths are replaced, and a posted alert has to come
out at the end.

A block that is not run, a recipe without a test and a replacement that finds
nothing are failures."""
import datetime
import json
import os
import re
import shlex
import signal
import subprocess
import termios
import urllib.request

import pytest
import yaml

from delivery_helpers import Background, End, FifoReader
from helpers import (BELLWIRE, Client, Server, alert, as_lines, names_in,
                     payload, post, read_logfmt, sample)
from test_deploy_openwrt import Procd
from test_stack import ROOT, free_ports, wait_for
from tls_helpers import pki  # noqa: F401 (a fixture)

PROMPT = "$ "


def sections():
    """{heading: text} of the recipes, and of what in README.md has blocks."""
    def read(page):
        parts = re.split(r"^## (.*)\n", (ROOT / page).read_text("utf-8"),
                         flags=re.M)
        return dict(zip(parts[1::2], parts[2::2]))
    return {k: v for k, v in read("README.md").items() if ingredients(v)} | \
        read("deploy/recipes.md")


def ingredients(text):
    """The indented blocks, in order: each command without its prompt, and each
    text of a file. A line that follows a command directly belongs to it."""
    found, here, gap = [], False, False
    for line in text.splitlines():
        body = line.removeprefix("    ")
        if line == "":
            gap = True
            continue
        if line == body:
            here = False
        elif body.startswith(PROMPT):
            found.append(body.removeprefix(PROMPT))
            here = "command"
        elif not here or gap and here == "command":
            found.append(body + "\n")
            here = "file"
        elif here == "command":
            found[-1] += "\n" + body
        else:
            found[-1] += "\n" * gap + body + "\n"
        gap = False
    return found


class Running:
    """A command of a recipe, and all that it starts."""

    def __init__(self, kitchen, command):
        self.command = command
        n = len(kitchen.running)
        self.out, self.err = (kitchen.folder / f"{n}.{x}"
                              for x in ("out", "err"))
        self.address = None
        with self.out.open("wb") as out, self.err.open("wb") as err:
            self.process = subprocess.Popen(
                ["sh", "-c", command], stdin=subprocess.DEVNULL, stdout=out,
                stderr=err, cwd=kitchen.folder, start_new_session=True,
                env=os.environ | {"PATH": f"{kitchen.bin}:"
                                  + os.environ["PATH"]})

    def output(self):
        return self.out.read_bytes()

    def log(self):
        return self.err.read_text("utf-8", "replace")

    def stop(self, how=signal.SIGKILL):
        try:
            os.killpg(self.process.pid, how)
        except ProcessLookupError:
            pass
        self.process.wait()


class Bell(Running, Server):
    """One that is a bellwire, with what tests ask of one."""

    def __init__(self, kitchen, command):
        Running.__init__(self, kitchen, command)
        try:
            self.addresses = wait_for("bellwire to listen", self._listens)
        except BaseException:
            self.stop()
            raise

    def _listens(self):
        assert self.process.poll() is None, self.log()
        return [read_logfmt(line)["address"]
                for line in self.log().split("\n")[:-1] if "listening" in line]

    output, log, stop = Running.output, Running.log, Running.stop


class Kitchen:
    def __init__(self, heading, folder):
        self.text = sections()[heading]
        self.ingredients = ingredients(self.text)
        self.left = set(range(len(self.ingredients)))
        self.folder, self.bin = folder, folder / "bin"
        self.running = []
        self.bin.mkdir()
        (self.bin / "bellwire").symlink_to(BELLWIRE)
        self.fifo = str(folder / "bell")
        self.replaced = {"/var/lib/bellwire/": f"{folder}/",
                         "/run/bell": self.fifo,
                         "deploy/each": f"{ROOT}/deploy/each"}

    def take(self, i, *replacements):
        """The i-th ingredient, ready to be used."""
        self.left.discard(i)
        text = self.ingredients[i]
        for old, new in replacements:
            assert old in text, f"{old!r} is not in {text!r}"
            text = text.replace(old, str(new))
        for old, new in self.replaced.items():
            text = text.replace(old, new)
        return text

    def bell(self, i, *replacements):
        """The i-th is a bellwire: as it is there, on a port of its own."""
        listen = ("--listen :5000", "--listen 127.0.0.1:0") \
            if "--listen" in self.ingredients[i] else \
            ("bellwire --", "bellwire --listen 127.0.0.1:0 --")
        return self.keep(Bell(self, self.take(i, listen, *replacements)))

    def run(self, i, *replacements):
        return self.shell(self.take(i, *replacements))

    def shell(self, command):
        """What the recipe takes for granted, such as a broker."""
        return self.keep(Running(self, command))

    def keep(self, running):
        self.running.append(running)
        return running

    def script(self, name, text):
        path = self.folder / name
        path.write_text(text)
        path.chmod(0o755)

    def token(self):
        path = self.folder / "token"
        path.write_text("a-token\n")
        path.chmod(0o600)
        return path

    def rung(self):
        """What `./ring` was given."""
        path = self.folder / "rung"
        return as_lines(path.read_bytes()) if path.exists() else []

    def close(self):
        for r in self.running:
            r.stop()


RING = "#!/bin/sh\ncat >>rung\n"
tested = set()


def recipe(heading):
    tested.add(heading)
    return pytest.mark.parametrize("kitchen", [heading], indirect=True)


@pytest.fixture
def kitchen(request, tmp_path):
    k = Kitchen(request.param, tmp_path)
    try:
        yield k
        assert not k.left, \
            f"not run: {[k.ingredients[i] for i in sorted(k.left)]}"
    finally:
        k.close()


def test_each_recipe_has_a_test():
    assert set(sections()) == tested


def test_blocks_are_told_apart():
    text = "Words\n\n    $ one\n    $ two \\\n      more\n\n    $ three\n\n" \
        "    # a file\n    key: 1\n\n    last: 2\n\nwords\n"
    assert ingredients(text) == ["one", "two \\\n  more", "three",
                                 "# a file\nkey: 1\n\nlast: 2\n"]


def alert_named(name, **members):
    return payload(alert(name, **members))


# --- by hand, a shell loop, a serial line -----------------------------------

@recipe("Ring by hand")
def test_by_hand(kitchen):
    assert "webhook_configs" in kitchen.take(3)
    bell = kitchen.bell(0)
    cat = kitchen.run(1)
    curl = kitchen.run(2, ("127.0.0.1:5000", bell.addresses[0]))
    assert curl.process.wait(60) == 0, curl.log()
    assert curl.output() == b"accepted 1 alert\n"
    wait_for("the line", lambda: cat.output().endswith(b"\n"))
    assert cat.output() == b"- FIRING - Door\n"
    for words in "accepted 1 alert", "- FIRING - Door":
        assert f"`{words}`" in kitchen.text


# --- the three users of README.md -------------------------------------------

@recipe("On a router")
def test_router(kitchen, tmp_path):
    """Through the init script of deploy/openwrt, into a serial line."""
    kitchen.shell("exec socat pty,raw,echo=0,link=dev "
                  "pty,raw,echo=0,link=other")
    device, other = (str(kitchen.folder / x) for x in ("dev", "other"))
    wait_for("a pair of lines", lambda: os.path.exists(device)
             and os.path.exists(other))
    text = kitchen.take(0, ("192.168.1.1:5000", "127.0.0.1:0"),
                        ("192.168.1.10", "127.0.0.1"),
                        ("/dev/ttyUSB0", device))
    (tmp_path / "procd").mkdir()
    main, = Procd(tmp_path / "procd", text).instances.values()
    with End(os.open(other, os.O_RDWR | os.O_NOCTTY)) as end:
        bell = kitchen.keep(Bell(kitchen, shlex.join(
            ["bellwire", *main["command"][1:]])))
        bell.accepts(alert_named("Bell"))
        line, = end.until_lines(1, eol="\r\n")
        assert "FIRING" in line and len(line) <= 80


@recipe("On a gateway with systemd")
def test_gateway(kitchen):
    """What the commands put into place is what test_deploy_systemd.py runs in a
    systemd; here, that it is whole, and that the reader and the sender ask for
    what is there."""
    samples = ROOT / "deploy/systemd"
    root = kitchen.folder / "root"
    for folder in "usr/local/bin", "etc/systemd/system":
        (root / folder).mkdir(parents=True)
    del kitchen.replaced["/run/bell"]
    commands = kitchen.take(0).splitlines()
    assert all(c.startswith("# ") for c in commands)
    asked = [c[2:].split() for c in commands
             if re.match("# (systemctl|cat) ", c)]
    for command in commands[:-len(asked)]:
        command = re.sub(r" /(usr|etc)/", rf" {root}/\1/", command[2:].replace(
            ">/etc/", f">{root}/etc/").replace("build/bellwire", BELLWIRE))
        subprocess.run(["sh", "-euc", command], cwd=ROOT, check=True)
    units = root / "etc/systemd/system"
    for name, place in (("bellwire.socket", ""), ("bellwire.service", ""),
                        ("fifo.conf", "bellwire.service.d")):
        assert (units / place / name).read_text() == \
            (samples / name).read_text()
    token = root / "etc/bellwire/token"
    assert len(token.read_text()) == 65 and token.stat().st_mode & 0o77 == 0
    assert (root / "usr/local/bin/bellwire").stat().st_mode & 0o111
    *systemctl, cat = asked
    assert {c[-1] for c in systemctl[1:]} <= {p.name for p in units.iterdir()}
    unit = (samples / "fifo.conf").read_text()
    assert f"--emit fifo:{cat[1]}".replace(
        "/run/bellwire", "${RUNTIME_DIRECTORY}") in unit
    assert "RuntimeDirectory=bellwire" in unit and "--spool" in unit
    assert "credentials_file" in kitchen.take(1)


@recipe("In a cluster")
def test_cluster(kitchen):
    """What these commands apply is run by test_deploy_kubernetes.py; here, that it
    is there, asks for the secrets that they make, and has what is said of it."""
    samples, secrets = ROOT / "deploy/kubernetes", set()
    commands = [kitchen.take(i).split()
                for i in range(len(kitchen.ingredients))]
    for command in commands:
        assert command[0] == "kubectl"
        if command[1] == "apply":
            assert (ROOT / command[3] / "kustomization.yml").exists()
        elif command[2] == "secret":
            secrets.add(command[4])
    asked = {name for path in samples.rglob("*.yml") for name in
             re.findall(r"^ +secretName: (\S+)$", path.read_text(), re.M)}
    assert secrets <= asked
    port = re.search(r"`--health (:\d+)`", kitchen.text).group(1)
    tls = yaml.safe_load(
        (samples / "components/tls/kustomization.yml").read_text())
    words = [x["value"] for x in yaml.safe_load(tls["patches"][0]["patch"])]
    assert words[words.index("--health") + 1] == port


@recipe("A FIFO and a shell loop")
def test_shell_loop(kitchen):
    kitchen.script("ring", RING)
    bell = kitchen.bell(0)
    loop = kitchen.run(1)
    bell.accepts(group_named("first"))
    wait_for("the first", lambda: len(kitchen.rung()) == 3)
    # no loop
    loop.stop()
    bell.accepts(group_named("second"))
    # neither
    bell.stop()
    kitchen.script("ring", "#!/bin/sh\nread line; echo tried; exit 1\n")
    loop = kitchen.run(1)
    bell = kitchen.bell(0)
    wait_for("a try", lambda: b"tried" in loop.output())
    # killed with a line in its hand
    loop.stop()
    kitchen.script("ring", RING)
    loop = kitchen.run(1)
    wait_for("the second", lambda: len(kitchen.rung()) == 6)
    # bellwire comes again, the loop stays
    bell.stop(signal.SIGTERM)
    bell = kitchen.bell(0)
    bell.accepts(group_named("third"))
    wait_for("the third", lambda: len(kitchen.rung()) == 9)
    assert names_in(kitchen.rung()) == [
        f"{which}{i}" for which in ("first", "second", "third")
        for i in range(3)]


def group_named(name):
    return payload(*(alert(f"{name}{i}") for i in range(3)))


@recipe("A serial terminal, printer or LED sign")
def test_serial(kitchen):
    kitchen.shell("exec socat pty,raw,echo=0,link=dev "
                  "pty,raw,echo=0,link=other")
    device, other = (str(kitchen.folder / x) for x in ("dev", "other"))
    wait_for("a pair of lines", lambda: os.path.exists(device)
             and os.path.exists(other))
    fd = os.open(device, os.O_RDWR | os.O_NOCTTY)
    try:
        with End(os.open(other, os.O_RDWR | os.O_NOCTTY)) as end:
            bell = kitchen.bell(0, ("/dev/ttyUSB0", device))
            bell.accepts(payload(
                alert("Caf\u00e9", annotations={"summary": "\u2615 is cold"}),
                alert("Low", labels={"severity": "info"},
                      annotations={"summary": "x" * 60})))
            lines = end.until_lines(2, eol="\r\n")
            assert termios.tcgetattr(fd)[5] == termios.B9600
    finally:
        os.close(fd)
    assert lines == ["\aFIRING   Caf? ? is cold",
                     "FIRING   Low " + "x" * 26 + ">"]
    assert len(lines[1]) == 40


# --- brokers ----------------------------------------------------------------

class Broker:
    """A mosquitto that keeps what it has for persistent sessions. On a unix
    socket, as nobody can take that while the broker is away."""

    def __init__(self, kitchen):
        self.kitchen = kitchen
        self.place = kitchen.folder / "broker"
        (kitchen.folder / "mosquitto").mkdir()
        (kitchen.folder / "mosquitto.conf").write_text(
            f"listener 0 {self.place}\nallow_anonymous true\n"
            "log_type all\npersistence true\n"
            f"persistence_location {kitchen.folder}/mosquitto/\n"
            + ("user root\n" if os.getuid() == 0 else ""))
        self.start()

    def start(self):
        self.running = self.kitchen.shell(
            "exec /usr/sbin/mosquitto -c mosquitto.conf")
        wait_for("the broker", lambda: accepts(f"unix:{self.place}"))

    def stop(self):
        self.running.stop(signal.SIGTERM)

    def has_subscriber(self, name):
        return f"Sending SUBACK to {name}" in self.running.log()


def accepts(address):
    try:
        Client(address).close()
        return True
    except OSError:
        return False


def json_names(output):
    return [json.loads(line)["labels"]["alertname"]
            for line in output.decode().splitlines()]


def once(names):
    """Where they come at least once, and what comes again at once."""
    return [n for n, before in zip(names, [None, *names]) if n != before]


@recipe("Many sites over MQTT")
def test_mqtt(kitchen):
    broker = Broker(kitchen)
    there = "-h broker.example", f"--unix {broker.place}"
    subscriber = kitchen.shell("exec mosquitto_sub -q 1 -c -i test "
                               f"--unix {broker.place} -t 'alerts/#'")
    wait_for("the subscription", lambda: broker.has_subscriber("test"))

    def arrived():
        return json_names(subscriber.output().rpartition(b"\n")[0])

    bell = kitchen.bell(0)
    loop = kitchen.run(1, there)
    bell.accepts(alert_named("One"))
    wait_for("the first", lambda: arrived() == ["One"])
    assert ", q1, " in broker.running.log()
    # the broker is away; then all is killed, with a line in the loop's hand
    broker.stop()
    bell.accepts(alert_named("Two"))
    bell.accepts(alert_named("Three"))
    wait_for("a try", lambda: "Error: " in loop.log())
    loop.stop()
    bell.stop()
    broker.start()
    kitchen.run(1, there)
    kitchen.bell(0)
    wait_for("all", lambda: arrived()[-1] == "Three")
    assert arrived() == ["One", "Two", "Three"]


@recipe("Many sites over MQTT")
def test_a_plain_pipe_into_mqtt_is_not_enough(kitchen):
    kitchen.left.clear()
    pipe = "bellwire | mosquitto_pub -l"
    assert f"`{pipe}`" in kitchen.text
    port, = free_ports(1)
    bell = kitchen.keep(Bell(kitchen, pipe.replace(
        " |", " --listen 127.0.0.1:0 --ack-timeout 200ms |") +
        f" -h 127.0.0.1 -p {port} -t alerts"))
    wait_for("the end of mosquitto_pub", lambda: "refused" in bell.log())
    for _ in range(2):
        assert bell.post(alert_named("Lost?")).status == 503
    assert bell.process.poll() is None


def mock_broker(kitchen):
    """librdkafka's, with a consumer, and its address."""
    broker = kitchen.shell(
        "exec kcat -b mock -X test.mock.num.brokers=1 "
        "-X allow.auto.create.topics=true -d mock -C -t alerts "
        "-o beginning -q -u")
    return broker, wait_for("the mock broker", lambda: re.search(
        r"bootstrap\.servers=(127\.0\.0\.1:\d+)", broker.log())).group(1)


@recipe("Kafka")
def test_kafka(kitchen):
    broker, address = mock_broker(kitchen)
    bell = kitchen.bell(0)
    loop = kitchen.run(1, ("kafka.example:9092", address))
    bell.accepts(group_named("Bell"))
    wait_for("messages", lambda: broker.output().count(b"\n") >= 3)
    assert once(json_names(broker.output())) == ["Bell0", "Bell1", "Bell2"]
    # the broker is away; then all is killed, with a line in the loop's hand
    broker.stop()
    bell.accepts(alert_named("Two"))
    bell.accepts(alert_named("Three"))
    wait_for("an error", lambda: "ERROR" in loop.log())
    loop.stop()
    bell.stop()
    broker, address = mock_broker(kitchen)
    loop = kitchen.run(1, ("kafka.example:9092", address))
    kitchen.bell(0)
    try:
        wait_for("the last one", lambda: b"Three" in broker.output())
    except AssertionError:
        pytest.fail(f"{broker.output()}\n{loop.log()}\n{broker.log()}")
    wait_for("its end", lambda: broker.output().endswith(b"\n"))
    assert once(json_names(broker.output())) == ["Two", "Three"]


# --- syslog -----------------------------------------------------------------

RSYSLOG = """
module(load="imuxsock" SysSock.Use="off")
input(type="imuxsock" Socket="{folder}/log")
template(name="bare" type="string" string="%pri-text% %programname%%msg%\\n")
action(type="omfile" file="{folder}/syslog" template="bare")
"""


@recipe("Syslog")
def test_syslog(kitchen):
    bell = kitchen.bell(0)
    loop = kitchen.run(1, ("--socket-errors=on", "--socket-errors=on -u log"))
    text = "x" * 3000
    bell.accepts(alert_named("One", annotations={"summary": text}))
    bell.accepts(alert_named("Two"))
    wait_for("an error of logger", lambda: "No such file" in loop.log())
    (kitchen.folder / "rsyslog.conf").write_text(
        RSYSLOG.format(folder=kitchen.folder))
    kitchen.shell("exec /usr/sbin/rsyslogd -n -f rsyslog.conf "
                  f"-i {kitchen.folder}/rsyslog.pid")
    log = kitchen.folder / "syslog"
    wait_for("two messages", lambda: log.exists()
             and log.read_bytes().count(b"\n") >= 2)
    start = "daemon.warning bellwire "
    lines = as_lines(log.read_bytes())
    assert all(line.startswith(start) for line in lines)
    lines = [line[len(start):] for line in lines]
    assert names_in(lines) == ["One", "Two"]
    assert lines[0].endswith(text)


# --- in front of bellwire ---------------------------------------------------

ALERTMANAGER = """
route: {receiver: bell, group_by: [alertname], group_wait: 0s,
        group_interval: 1h}
receivers:
  - name: bell
    webhook_configs: [{url: '%s/webhook'}]
"""


def alertmanager(kitchen, url, http="{}"):
    """One that is not clustered; its port."""
    port, = free_ports(1)
    config = kitchen.folder / f"{port}.yml"
    config.write_text(f"global: {{http_config: {http}}}\n"
                      + ALERTMANAGER % url)
    kitchen.shell(
        f"exec prometheus-alertmanager --config.file {config} "
        f"--storage.path {port} --web.listen-address 127.0.0.1:{port} "
        "--cluster.listen-address ''")
    wait_for("Alertmanager", lambda: accepts(f"127.0.0.1:{port}"))
    return port


def time_now():
    return datetime.datetime.now(datetime.timezone.utc).isoformat()


def tell_alertmanager(port, name, start):
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/api/v2/alerts",
        json.dumps([{"labels": {"alertname": name, "severity": "critical"},
                     "startsAt": start}]).encode(),
        {"Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=60).close()


@recipe("A printer with a code page")
def test_printer(kitchen):
    os.mkfifo(kitchen.folder / "printer")
    bell = kitchen.bell(0)
    kitchen.run(1, ("/dev/usb/lp0", f"{kitchen.folder}/printer"))
    printer = os.open(kitchen.folder / "printer", os.O_RDWR | os.O_NONBLOCK)
    try:
        bell.accepts(payload(alert("Wärme", annotations={
            "summary": "Kühlraum 7 °C, ½ Stunde, 日"})))
        seen = b""

        def printed():
            nonlocal seen
            try:
                seen += os.read(printer, 4096)
            except BlockingIOError:
                pass
            return seen.endswith(b"\n")

        wait_for("a line on paper", printed)
        assert b"W\x84rme" in seen and b"K\x81hlraum 7 \xf8C, \xab Stunde, " in seen
        assert seen.endswith(b"\r\n") and seen.count(b"\n") == 1
    finally:
        os.close(printer)


@recipe("A pair of Alertmanagers")
def test_two_alertmanagers(kitchen):
    bell = kitchen.bell(0)
    ports = [alertmanager(kitchen, f"http://{bell.addresses[0]}")
             for _ in range(2)]
    now = time_now()
    for n, name in enumerate(("One", "Two"), 1):
        for port in ports:
            tell_alertmanager(port, name, now)
        wait_for("both notifications", lambda: bell.metrics()
                 ["bellwire_notifications_total"] >= 2 * n)
    assert bell.metrics()["bellwire_duplicates_total"] == 2
    assert names_in(bell.lines()) == ["One", "Two"]


NGINX = """
daemon off; pid nginx.pid; worker_processes 1; error_log stderr;
{user}
events {{}}
http {{
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy;
    fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    include bellwire.conf;
}}
"""


@recipe("Behind nginx, for TLS 1.3")
def test_nginx(kitchen, start, pki):  # noqa: F811
    bell = start("--emit", f"fifo:{kitchen.fifo}", "--ack-timeout", "300ms")
    port, = free_ports(1)
    pair = pki.server()
    nginx(kitchen, port, kitchen.take(
        0, ("listen 443", f"listen 127.0.0.1:{port}"),
        ("/etc/nginx/bell.pem", pair.cert), ("/etc/nginx/bell.key", pair.key),
        ("127.0.0.1:5000", bell.addresses[0])))

    def curl(content, *options):
        p = subprocess.run(
            ["curl", "-sS", "-w", "\n%{http_code}", "--cacert",
             pki.ca.cert, *options, "-H", "Content-Type: application/json",
             "--data-binary", "@-", f"https://127.0.0.1:{port}/webhook"],
            input=content, capture_output=True, timeout=60)
        return p.stdout.decode().rpartition("\n")[2], p.stderr.decode()

    def body_of(*alerts):
        return json.dumps(payload(*alerts)).encode()

    one = body_of(alert("One"))
    code, why = curl(one, "--tls-max", "1.2")
    assert code == "000" and "alert" in why
    # nobody hears it: the 503 gets through, and the repeat is known again
    assert curl(one, "--tlsv1.3")[0] == "503"
    with FifoReader(kitchen.fifo) as reader:
        wait_for("a 200", lambda: curl(one, "--tlsv1.3")[0] == "200")
        assert names_in(reader.until_lines(1)) == ["One"]
        # more than nginx takes by itself
        big = body_of(alert("Two"), *(alert(
            f"Big{i}", annotations={"description": "x" * 25000,
                                    "summary": "big"}) for i in range(60)))
        assert len(big) > 1 << 20
        reading = Background(reader)
        wait_for("a 200", lambda: curl(big, "--tlsv1.3")[0] == "200")
        names = names_in(reader.until_lines(62))
        assert names == ["One", "Two", *(f"Big{i}" for i in range(60))]
        # and what all this is for: a sender that insists on TLS 1.3
        tell_alertmanager(alertmanager(
            kitchen, f"https://127.0.0.1:{port}", "{tls_config: {min_version: "
            f"TLS13, ca_file: {pki.ca.cert}}}}}"), "Three", time_now())
        assert names_in(reader.until_lines(63))[62:] == ["Three"]
        reading.stop()
        reader.silence()
    bell.signal(signal.SIGTERM)
    assert bell.wait() == 0
    assert curl(one, "--tlsv1.3")[0] == "502"


def nginx(kitchen, port, conf):
    (kitchen.folder / "bellwire.conf").write_text(conf)
    (kitchen.folder / "nginx.conf").write_text(NGINX.format(
        user="user root;" if os.getuid() == 0 else ""))
    kitchen.shell("exec /usr/sbin/nginx -e stderr -p . -c nginx.conf")
    wait_for("nginx", lambda: accepts(f"127.0.0.1:{port}"))


@recipe("Behind nginx, with client certificates on both sides")
def test_nginx_with_client_certificates(kitchen, pki):  # noqa: F811
    port, = free_ports(1)
    pair, own, sender = pki.server(), pki.client("nginx"), pki.client("sender")
    bell = kitchen.bell(
        0, ("/etc/bellwire/cert.pem", pair.cert),
        ("/etc/bellwire/key.pem", pair.key), ("/etc/bellwire/ca.pem", pki.ca.cert))
    nginx(kitchen, port, kitchen.take(
        1, ("listen 443", f"listen 127.0.0.1:{port}"),
        ("/etc/nginx/bell.pem", pair.cert), ("/etc/nginx/bell.key", pair.key),
        ("/etc/nginx/senders.pem", pki.ca.cert), ("/etc/nginx/ca.pem", pki.ca.cert),
        ("/etc/nginx/nginx.pem", own.cert), ("/etc/nginx/nginx.key", own.key),
        ("bell.example:5000", bell.addresses[0]), ("bell.example", "localhost")))

    def post_to(address, *options):
        return subprocess.run(
            ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "--cacert",
             pki.ca.cert, *options, "--json", json.dumps(payload(alert("One"))),
             f"https://{address}/webhook"], text=True, capture_output=True,
            timeout=60).stdout

    known = "--cert", sender.cert, "--key", sender.key
    assert post_to(f"127.0.0.1:{port}", *known) == "200"
    assert names_in(as_lines(bell.output())) == ["One"]
    assert post_to(f"127.0.0.1:{port}") == "400"
    # and bellwire takes nginx alone
    assert post_to(bell.addresses[0], *known) == "000"
    assert post_to(bell.addresses[0], "--cert", own.cert, "--key",
                   own.key) == "200"


@recipe("Behind HAProxy")
def test_haproxy(kitchen, start):
    port, = free_ports(1)
    first = start("--emit", f"fifo:{kitchen.fifo}")
    second = start("--auth-token-file", kitchen.token())
    (kitchen.folder / "haproxy.cfg").write_text(kitchen.take(
        0, ("bind :5000", f"bind 127.0.0.1:{port}"), ("inter 2s", "inter 200ms"),
        ("10.0.0.5:5000", first.addresses[0]),
        ("10.0.0.6:5000", second.addresses[0])))
    kitchen.shell("exec haproxy -db -f haproxy.cfg")
    wait_for("HAProxy", lambda: accepts(f"127.0.0.1:{port}"))

    def ask(name):
        return int(subprocess.run(
            ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}", "-H",
             "Authorization: Bearer a-token", "--json",
             json.dumps(payload(alert(name))), f"http://127.0.0.1:{port}/webhook"],
            text=True, capture_output=True, timeout=60).stdout)

    # nobody reads the first one's FIFO
    wait_for("the second one", lambda: ask("Second") == 200 and second.lines())
    with FifoReader(kitchen.fifo) as reader:
        def heard():
            before = len(second.lines())
            return ask("First") == 200 and len(second.lines()) == before

        wait_for("the first one to be back", heard)
        assert names_in(reader.until_lines(1))[:1] == ["First"]
    # none is left
    for bell in first, second:
        bell.signal(signal.SIGTERM)
        assert bell.wait() == 0
    wait_for("503", lambda: ask("Nobody") == 503)


@recipe("Kubernetes")
def test_kubernetes_points_to_what_is_there(kitchen):
    folder, = re.findall(r"`(deploy/\w+/)`", kitchen.text)
    text = "".join(p.read_text() for p in (ROOT / folder).glob("*.yml"))
    for kind in "Deployment", "Service", "NetworkPolicy":
        assert kind in kitchen.text
        assert re.search(rf"^kind: {kind}$", text, re.M)
    assert "webhook_configs:" in text


@recipe("Grafana")
def test_grafana(kitchen):
    token = kitchen.folder / "token"
    token.write_text("TOKEN\n")
    token.chmod(0o600)
    bell = kitchen.bell(0, ("/etc/bellwire/token", token))
    contact = dict(re.findall(r"^[ -]*(\w+): (.+)$", kitchen.take(
        1, ("127.0.0.1:5000", bell.addresses[0])), re.M))
    assert contact["type"] == "webhook" and contact["apiVersion"] == "1"
    address, _, path = contact["url"].removeprefix("http://").partition("/")
    assert address == bell.addresses[0]
    body = sample("grafana-1-firing")
    assert bell.ask(post(body, target=f"/{path}")).status == 401
    answer = bell.ask(post(
        body, f'Authorization: {contact["authorization_scheme"]} '
        f'{contact["authorization_credentials"]}', target=f"/{path}"))
    assert answer.status == 200, answer
    line = bell.lines()[0]
    assert "FIRING critical Water level{" in line
    assert line.endswith("The cellar is wet")


# --- more than one machine --------------------------------------------------

@recipe("When one machine is not enough")
def test_replicas(kitchen):
    kitchen.script("ring", RING)
    broker = Broker(kitchen)
    there = "-h broker.example", f"--unix {broker.place}"
    subscriber = kitchen.run(2, there)
    wait_for("the subscription", lambda: broker.has_subscriber("pager"))
    replicas = []
    for n in range(2):
        kitchen.replaced["/run/bell"] = f"{kitchen.folder}/bell{n}"
        replicas.append(kitchen.bell(0))
        kitchen.run(1, there, ("held", f"held{n}"))

    def rung():
        return sorted(line.partition(" ")[0] for line in kitchen.rung())

    # both have it, as after a 503 of the first
    twice = [alert("Both"), alert("Both", status="resolved"), alert("Bare")]
    del twice[2]["fingerprint"], twice[2]["startsAt"]
    for bell in replicas:
        bell.accepts(payload(*twice))
    wait_for("three", lambda: rung() == ["Bare", "Both", "Both"])
    # one goes, and the subscriber is away for a while
    subscriber.stop()
    replicas[0].accepts(alert_named("First"))
    replicas[0].stop()
    replicas[1].accepts(payload(*twice, alert("Second")))
    wait_for("the broker to have them", lambda: broker.running.log().count(
        "Received PUBLISH") == 11)
    kitchen.run(2, there)
    wait_for("all", lambda: rung() == ["Bare", "Both", "Both", "First",
                                       "Second"])
    assert "Both about Both" in kitchen.rung()
