"""Signed bodies, as Grafana's webhook contact point sends them."""
import hashlib
import hmac
import os
import signal
import time

import pytest

from helpers import (KIB32, alert, as_bytes, get, head, names_in, padded,
                     payload, post, post_chunked, run, wait_for)

SECRET, OTHER = "correct horse: battery = staple", "k" * 200
MAC, TIME = "X-Grafana-Alerting-Signature", "X-Grafana-Alerting-Timestamp"


def mac_of(body, secret=SECRET, at=None):
    signed = (b"" if at is None else f"{at}:".encode()) + as_bytes(body)
    return hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def signed(body, secret=SECRET, at=None):
    """The fields that Grafana adds."""
    mac = f"{MAC}: {mac_of(body, secret, at)}"
    return (mac,) if at is None else (mac, f"{TIME}: {at}")


@pytest.fixture
def keys(tmp_path):
    file = tmp_path / "keys"
    file.write_text(f"# Grafana\n{SECRET}\r\n\n  {OTHER}\n")
    file.chmod(0o600)
    return file


@pytest.fixture
def server(start, keys):
    return start("--auth-hmac-file", str(keys))


def now():
    return int(time.time())


def test_signed_bodies(server):
    body = payload(alert("One"))
    for secret in (SECRET, OTHER):
        for at in (None, now(), now() - 200, now() + 200):
            fields = signed(body, secret, at)
            assert server.ask(post(body, *fields)).status == 200, fields
            assert server.ask(post_chunked(body, *fields, size=7)).status \
                == 200, fields
    upper = f"{MAC}: {mac_of(body).upper()}"
    assert server.ask(post(body, upper)).status == 200
    assert set(names_in(server.lines())) == {"One"}
    assert len(server.lines()) == 17


def test_what_is_not_signed(server):
    body = payload(alert())
    mac = mac_of(body)
    for fields in ((), (f"{MAC}:",), (f"{MAC}: {mac[:-1]}",),
                   (f"{MAC}: {mac}0",), (f"{MAC}: {'g' * 64}",),
                   (f"{MAC}: {'0' * 64}",), (f"{MAC}: sha256={mac}",),
                   signed(body, "x"), signed(body, SECRET + " "),
                   (f"{MAC}: {mac[:-1]}{'1' if mac[-1] == '0' else '0'}",),
                   (f"Authorization: Bearer {SECRET}",),
                   (f"Authorization: {mac}",),
                   (f"{TIME}: {now()}",)):
        answer = server.ask(post(body, *fields))
        assert answer.status == 401, fields
        assert answer.get("WWW-Authenticate").startswith("HMAC-SHA256 realm=")
        assert answer.tells_one_line()
    # of another body
    assert server.ask(post(payload(alert("Two")), *signed(body))).status == 401
    assert server.ask(post_chunked(payload(alert("Two")), *signed(body))
                      ).status == 401
    assert server.lines() == []


def test_time_is_signed_and_within_five_minutes(server):
    body = payload(alert())
    at = now()
    for fields in (signed(body, at=at - 310), signed(body, at=at + 310),
                   signed(body, at=at * 1000), signed(body, at=0),
                   signed(body, at=-at), signed(body, at="soon"),
                   signed(body, at=""), signed(body, at=f"{at}.0"),
                   signed(body, at="9" * 19), signed(body, at="9" * 400),
                   # signed without it, or with another one
                   (*signed(body), f"{TIME}: {at}"),
                   (signed(body, at=at)[0],),
                   (signed(body, at=at)[0], f"{TIME}: {at - 1}"),
                   (signed(body, at=at)[0], f"{TIME}: 0{at}")):
        assert server.ask(post(body, *fields)).status == 401, fields
    assert server.lines() == []


def test_repeated_fields_are_refused(server):
    body = payload(alert())
    mac, at = signed(body, at=now())
    for fields in ((mac, mac, at), (mac, at, at)):
        assert server.ask(post(body, *fields)).status == 400
    assert server.lines() == []


def test_bodies_over_32_kib_are_413(server):
    for size, status in ((KIB32, 200), (KIB32 + 1, 413), (200000, 413)):
        body = padded(payload(alert("Big")), size)
        assert server.ask(post(body, *signed(body))).status == status, size
        answer = server.ask(post_chunked(body, *signed(body)))
        assert answer.status == status, size
        assert status == 200 or "32768" in answer.text()
    assert names_in(server.lines()) == ["Big", "Big"]


def test_nothing_of_a_body_is_judged_before_its_signature(server):
    for body in (b"{", b'{"alerts":1}', b"", b"\xff"):
        assert server.ask(post(body, *signed(body + b" "))).status == 401
    assert server.ask(post(b"{", *signed(b"{"))).status == 400
    assert server.ask(post(b'{"alerts":1}', *signed(b'{"alerts":1}'))
                      ).status == 422


def test_a_connection_goes_on_after_a_wrong_signature(server):
    body = payload(alert("Good"))
    with server.connect() as c:
        for fields, status in ((signed(body, "x"), 401), (signed(body), 200),
                               ((), 401), (signed(body), 200)):
            c.send(post(body, *fields))
            assert c.answer().status == status


def test_pages_take_the_signature_of_an_empty_body(server):
    for page in ("/metrics", "/alerts"):
        assert server.status_of(page) == 401
        assert server.ask(get(page, *signed(b""))).status == 200
        assert server.ask(get(page, *signed(b"", at=now()))).status == 200
        assert server.ask(get(page, *signed(b"x"))).status == 401
        assert server.ask(get(page, *signed(b"", at=1))).status == 401
    assert server.status_of("/-/healthy") == 200
    # another method is not told from who may not ask
    request = head("DELETE /webhook HTTP/1.1", "Host: x", *signed(b"x"))
    assert server.ask(request).status == 401


def test_beside_tokens_any_of_them_will_do(start, keys, tmp_path):
    tokens = tmp_path / "tokens"
    tokens.write_text("tooth-brush\n")
    tokens.chmod(0o600)
    server = start("--auth-hmac-file", str(keys),
                   "--auth-token-file", str(tokens))
    body = payload(alert())
    bearer = "Authorization: Bearer tooth-brush"
    big = padded(payload(alert()), KIB32 * 2)
    assert server.ask(post(body, bearer)).status == 200
    assert server.ask(post(big, bearer)).status == 200
    assert server.ask(post(body, *signed(body))).status == 200
    assert server.ask(post(body, "Authorization: Bearer x", *signed(body))
                      ).status == 200
    assert server.ask(post(big, *signed(big))).status == 413
    assert server.ask(post(body, *signed(body, "x"))).status == 401
    assert server.ask(get("/metrics", bearer)).status == 200


def test_reload_replaces_secrets(server, keys):
    body = payload(alert())
    keys.write_text("new\n")
    server.signal(signal.SIGHUP)
    wait_for("the new secret", lambda: server.ask(
        post(body, *signed(body, "new"))).status == 200)
    assert server.ask(post(body, *signed(body))).status == 401
    keys.write_text("# none\n")
    server.signal(signal.SIGHUP)
    wait_for("the refusal", lambda: "reload failed" in server.log())
    assert server.ask(post(body, *signed(body, "new"))).status == 200


def test_secrets_are_neither_kept_nor_logged(server):
    """Only the states that an HMAC begins with stay in memory."""
    pid = server.process.pid
    with open(f"/proc/{pid}/maps") as maps, \
            open(f"/proc/{pid}/mem", "rb") as mem:
        for line in maps:
            low, high = (int(x, 16) for x in line.split()[0].split("-"))
            if "[v" in line:
                continue
            mem.seek(low)
            assert SECRET.encode() not in mem.read(high - low), line
    assert SECRET not in server.log()


@pytest.mark.parametrize("text, line", [
    ("", ":1:"), ("# none\n\n", ":3:"), ("x\n" + "y" * 513, ":2:"),
    ("a\n" * 65, ":65:")])
def test_bad_files(text, line, keys):
    keys.write_text(text)
    done = run("check", "--auth-hmac-file", str(keys))
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1
    assert f"--auth-hmac-file: {keys}{line}".encode() in done.stderr or \
        not text, done.stderr


def test_a_fifo_in_the_place_of_the_file_stops_nothing(server, keys):
    keys.unlink()
    os.mkfifo(keys)
    server.signal(signal.SIGHUP)
    wait_for("the refusal", lambda: "reload failed" in server.log())
    body = payload(alert())
    assert server.ask(post(body, *signed(body))).status == 200
