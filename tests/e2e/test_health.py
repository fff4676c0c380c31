"""--health: a listener for those who look at a server that is shut; and probe
with the server's own configuration."""
import signal

import pytest

from helpers import Client, alert, get, payload, post, run, wait_for
from tls_helpers import TlsClient, context, pki  # noqa: F401


@pytest.fixture
def shut(start, pki, tmp_path):  # noqa: F811
    """A server that asks for all that can be asked for; its second address is
    that of --health."""
    token = tmp_path / "token"
    token.write_text("secret\n")
    token.chmod(0o600)

    def start_one(health="127.0.0.1:0", *options):
        return start(*pki.server().options, "--tls-client-ca", str(pki.ca.cert),
                     "--auth-token-file", str(token), "--allow", "192.0.2.0/24",
                     "--health", health, *options)
    return start_one


def ask(address, request):
    with Client(address) as c:
        c.send(request)
        return c.answer()


def test_is_plain_and_open(shut):
    health = shut().addresses[1]
    for path in "/-/healthy", "/-/ready":
        assert ask(health, get(path)).status == 200


@pytest.mark.parametrize("request_", [
    get("/metrics"), get("/alerts"), get("/"), get("/webhook"),
    post(payload(alert())), get("/-/healthy/")],
    ids=["metrics", "alerts", "root", "get", "post", "longer"])
def test_has_nothing_else(shut, request_):
    server = shut()
    assert ask(server.addresses[1], request_).status == 404
    assert server.lines() == []


def test_knows_no_other_method(shut):
    answer = ask(shut().addresses[1], post(payload(alert()),
                                           target="/-/healthy"))
    assert (answer.status, answer.get("Allow")) == (405, "GET, HEAD")


def test_tells_of_a_sink_that_is_down(shut, tmp_path):
    server = shut("127.0.0.1:0", "--emit", f"fifo:{tmp_path}/bell")
    health = server.addresses[1]
    wait_for("503", lambda: ask(health, get("/-/ready")).status == 503)
    assert ask(health, get("/-/healthy")).status == 200


def test_by_a_unix_socket_that_is_taken_away(shut, tmp_path):
    path = tmp_path / "health"
    server = shut(f"unix:{path}")
    assert run("probe", f"unix:{path}").returncode == 0
    end(server)
    assert not path.exists()


def test_the_others_stay_shut(shut, pki):  # noqa: F811
    server = shut()
    with pytest.raises(OSError):
        TlsClient(server.addresses[0], context(pki, pki.client()))


def end(server):
    server.signal(signal.SIGTERM)
    assert server.wait() == 0


def write(path, *lines):
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def test_probe_finds_it_by_the_configuration(shut, tmp_path):
    server = shut()
    config = write(tmp_path / "conf", "listen = 127.0.0.1:1",
                   f"health = {server.addresses[1]}")
    assert run("probe", "-c", config).returncode == 0
    end(server)
    p = run("probe", "-c", config)
    assert p.returncode == 1 and b"cannot connect" in p.stderr


def test_probe_asks_the_first_listener_without_one(start, tmp_path):
    server = start()
    port = server.addresses[0].rpartition(":")[2]
    for listen in server.addresses[0], f":{port}":
        config = write(tmp_path / "conf", f"listen = {listen}")
        p = run("probe", "-c", config)
        assert (p.returncode, p.stdout, p.stderr) == (0, b"", b"")


def test_probe_says_what_it_needs_with_tls(tmp_path):
    config = write(tmp_path / "conf", "tls-cert = c", "tls-key = k")
    p = run("probe", "-c", config)
    assert p.returncode == 2 and b"--health" in p.stderr


@pytest.mark.parametrize("bad", ["", "host:80", "127.0.0.1", "127.0.0.1:x"])
def test_refuses_what_is_no_address(bad):
    p = run("check", "--health", bad)
    assert p.returncode == 2 and b"--health" in p.stderr


def test_a_flood_of_it_keeps_no_alertmanager_out(start):
    server = start("--health", "127.0.0.1:0")
    flood = [Client(server.addresses[1]) for _ in range(100)]
    server.accepts(payload(alert()))
    for c in flood:
        c.close()
