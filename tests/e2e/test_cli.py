"""Commands, options, the configuration file, and what is wrong with them."""
import fcntl
import os
import random
import re
import struct
import subprocess
import termios

import pytest

from helpers import (BELLWIRE, as_bytes, as_lines, group, post, run, sample,
                     wait_for)


def failure(result, code):
    """The one line on standard error."""
    assert result.returncode == code, result
    assert result.stdout == b""
    lines = as_lines(result.stderr)
    assert len(lines) == 1, lines
    return lines[0]


def settings(result):
    """[(key, value)] that `check` printed."""
    assert result.returncode == 0, result
    assert result.stderr == b""
    return [tuple(x.split(" = ", 1)) for x in as_lines(result.stdout)
            if not x.startswith("#")]


DEFAULTS = {"listen": "127.0.0.1:5000", "path": "/webhook", "emit": "stdout",
            "ack-timeout": "8s", "max-body": "64M", "log-level": "info"}


def test_check_tells_the_defaults():
    got = dict(settings(run("check")))
    assert {k: got.get(k) for k in DEFAULTS} == DEFAULTS


def test_check_of_what_is_set():
    got = settings(run("check", "--path", "/a", "--max-body", "1M",
                       "--ack-timeout", "500ms", "--log-level", "debug"))
    for pair in (("path", "/a"), ("max-body", "1M"), ("ack-timeout", "500ms"),
                 ("log-level", "debug")):
        assert pair in got


@pytest.mark.parametrize("options", [
    [],
    ["--listen", "127.0.0.1:0", "--listen", "[::1]:0", "--listen", ":0",
     "--listen", "unix:some/socket"],
    ["--path", "/a=b", "--max-body", "1K", "--ack-timeout", "1h"],
    ["--emit", "stdout,format=json,match=a=b=c,match=d!=e f,eol=crlf"],
    ["--emit", "stdout,width=80,ascii=yes,resolved=no,bell=a=\u00e9 \" \\"],
    ["--log-level", "error"],
])
def test_what_check_prints_is_a_configuration(tmp_path, options):
    first = run("check", *options)
    file = tmp_path / "printed"
    file.write_bytes(first.stdout)
    again = run("check", "-c", str(file))
    assert settings(again) == settings(first)
    defaults = settings(run("check"))
    for name, value in zip(options[::2], options[1::2]):
        assert (name[2:], value) in settings(again)
        assert (name[2:], value) not in defaults


def write(folder, text):
    file = folder / "bellwire.conf"
    file.write_text(text)
    return str(file)


def test_a_file_with_comments_blanks_and_any_line_end(tmp_path):
    file = write(tmp_path, "# a comment\n\n  path=/a\n\t# another\n"
                 "max-body \t=\t1M \r\nlog-level = debug")
    got = settings(run("check", "-c", file))
    for pair in ("path", "/a"), ("max-body", "1M"), ("log-level", "debug"):
        assert pair in got


def test_in_a_file_the_later_wins(tmp_path):
    file = write(tmp_path, "path = /a\npath = /b\n")
    assert [v for k, v in settings(run("check", "-c", file))
            if k == "path"] == ["/b"]


def test_in_a_file_lists_add_up_and_replace_the_default(tmp_path):
    file = write(tmp_path, "listen = 127.0.0.1:1\nlisten = 127.0.0.1:2\n")
    assert [v for k, v in settings(run("check", "-c", file))
            if k == "listen"] == ["127.0.0.1:1", "127.0.0.1:2"]


@pytest.mark.parametrize("file_first", [True, False])
def test_the_command_line_beats_the_file(tmp_path, file_first):
    file = ["-c", write(tmp_path, "path = /a\nmax-body = 1M\n"
                        "listen = 127.0.0.1:1\nlisten = 127.0.0.1:2\n")]
    line = ["--path", "/b", "--listen", "127.0.0.1:3", "--listen",
            "127.0.0.1:4"]
    args = file + line if file_first else line + file
    got = settings(run("check", *args))
    assert [v for k, v in got if k == "listen"] == ["127.0.0.1:3",
                                                   "127.0.0.1:4"]
    assert [v for k, v in got if k == "path"] == ["/b"]
    assert ("max-body", "1M") in got


def test_on_the_command_line_the_later_wins():
    got = settings(run("check", "--path", "/a", "--path", "/b"))
    assert [v for k, v in got if k == "path"] == ["/b"]


def test_a_file_is_in_force_when_serving(start, tmp_path):
    file = write(tmp_path, "path = /a\nemit = stdout,format=json\n"
                 "listen = 127.0.0.1:1\n")
    server = start("-c", file)
    assert server.ask(post(group(1), target="/a")).status == 200
    assert server.lines()[0].startswith("{")


@pytest.mark.parametrize("lines", [0, 1, 7])
@pytest.mark.parametrize("line,named", [
    ("nosuch = 1", "nosuch"),
    ("paht = /a", "path"),
    ("path", "path"),
    ("max-body = much", "max-body"),
    ("emit = nowhere", "emit"),
    ("= 1", ""),
    ("[section]", ""),
])
def test_a_wrong_file_exits_2_naming_the_line(tmp_path, lines, line, named):
    file = write(tmp_path, "# fine\n" * lines + line + "\n")
    for args in ("check", "-c", file), ("-c", file):
        told = failure(run(*args), 2)
        assert f"{file}:{lines + 1}" in told
        assert named in told


WRONG = [
    ["--nosuch", "1"], ["--nosuch"], ["--nosuch=1"], ["--lisen", ":0"],
    ["--listen"], ["--listen", ""], ["--listen", "5000"],
    ["--listen", "127.0.0.1"], ["--listen", "127.0.0.1:"],
    ["--listen", "127.0.0.1:65536"], ["--listen", "127.0.0.1:-1"],
    ["--listen", "127.0.0.1:x"], ["--listen", "1.2.3:5000"],
    ["--listen", "1.2.3.256:5000"], ["--listen", "1.2.3.4.5:5000"],
    ["--listen", "[::1]"], ["--listen", "[::1:5000"], ["--listen", "::1:5000"],
    ["--listen", "[::g]:5000"], ["--listen", "[1:2]:5000"],
    ["--listen", "unix:"], ["--listen", "unix:" + "a" * 200],
    ["--path", ""], ["--path", "webhook"], ["--path", "/a?b"],
    ["--path", "/a b"], ["--path", "/metrics"], ["--path", "/-/healthy"],
    ["--path", "/-/ready"],
    ["--emit", ""], ["--emit", "stdou"], ["--emit", "stdout,"],
    ["--emit", "stdout,format"], ["--emit", "stdout,format="],
    ["--emit", "stdout,format=xml"], ["--emit", "stdout,nosuch=1"],
    ["--emit", "stdout,width=wide"], ["--emit", "stdout,width=-1"],
    ["--emit", "stdout,resolved=maybe"], ["--emit", "stdout,ascii=1"],
    ["--emit", "stdout,eol=cr"], ["--emit", "stdout,match=a"],
    ["--emit", "stdout,match==b"], ["--emit", "stdout,bell=a"],
    ["--emit", "stdout,format=json,bell=a=b"],
    ["--ack-timeout", ""], ["--ack-timeout", "8"], ["--ack-timeout", "8x"],
    ["--ack-timeout", "s"], ["--ack-timeout", "-8s"],
    ["--ack-timeout", "8 s"], ["--ack-timeout", "99999999999999999999s"],
    ["--max-body", ""], ["--max-body", "64X"], ["--max-body", "M"],
    ["--max-body", "-1"], ["--max-body", "1.5M"],
    ["--max-body", "99999999999999999999"], ["--max-body", "9999999999999G"],
    ["--log-level", "loud"], ["--log-level", ""],
]


@pytest.mark.parametrize("args", WRONG, ids=" ".join)
def test_a_wrong_option_exits_2_naming_it(args):
    for command in ["check"], []:
        told = failure(run(*command, *args), 2)
        assert args[0].partition("=")[0] in told


@pytest.mark.parametrize("args", [["nosuch"], ["-x"], ["-"], ["--"], [""],
                                  ["check", "nosuch"], ["-c"],
                                  ["check", "-c"]])
def test_a_wrong_argument_exits_2(args):
    failure(run(*args), 2)


@pytest.mark.parametrize("text,better", [("--lissten", "--listen"),
                                         ("--max_body", "--max-body")])
def test_a_slip_is_told_what_would_be_right(text, better):
    assert better in failure(run("check", text, "1"), 2)


def test_five_addresses_are_too_many():
    args = [x for i in range(5) for x in ("--listen", f"127.0.0.1:{i + 1}")]
    assert "--listen" in failure(run("check", *args), 2)
    assert run("check", *args[:8]).returncode == 0


def test_a_missing_file_exits_2_naming_it(tmp_path):
    file = str(tmp_path / "none")
    assert file in failure(run("check", "-c", file), 2)
    assert file in failure(run("-c", file), 2)


def test_a_folder_for_a_file_exits_2_naming_it(tmp_path):
    assert str(tmp_path) in failure(run("check", "-c", str(tmp_path)), 2)


def test_hostile_arguments_stay_on_one_line():
    told = failure(run("check", "--path", "x\n\x1b[2Jy"), 2)
    assert "\x1b" not in told


def test_help_names_every_option():
    result = run("--help")
    assert result.returncode == 0 and result.stderr == b""
    options = re.findall(r"^  --([a-z-]+)", result.stdout.decode(), re.M)
    assert {k for k, _ in settings(run("check"))} <= set(options)
    assert set(DEFAULTS) <= set(options)
    for command in "check", "render", "probe", "version":
        assert f"bellwire {command}" in result.stdout.decode()


def test_help_is_there_for_commands_too():
    assert run("check", "--help").stdout == run("--help").stdout


def test_version_tells_features_limits_and_parts():
    result = run("version")
    assert result.returncode == 0 and result.stderr == b""
    text = result.stdout.decode()
    assert re.match(r"bellwire \d+\.\d+\.\d+", text)
    assert re.search(r"tls", text, re.I)
    assert re.search(r"musl", text, re.I)
    for number in "64", "32768", "8192", "4096", "32":
        assert re.search(rf"\b{number}\b", text), number
    assert run("--version").stdout.startswith(b"bellwire ")


# --- render -----------------------------------------------------------------

def test_render_is_line_where_nothing_is_said():
    result = run("render", stdin=sample("bare-1-firing"))
    assert result.returncode == 0 and result.stderr == b""
    assert as_lines(result.stdout) == [
        '2026-11-24T02:42:49Z FIRING - NoSeverity{case="bare"}']


@pytest.mark.parametrize("options,lines", [
    (["--emit", "stdout,format=json"], ["json"]),
    (["--emit", "fifo:/nowhere/x,format=logfmt"], ["logfmt"]),
    (["--emit", "stdout,format=json", "--emit", "fifo:/nowhere/y"],
     ["json"]),
    (["--emit", "stdout,format=json", "--format", "logfmt"], ["logfmt"]),
    (["--emit", "stdout,match=severity=none"], []),
    (["--emit", "stdout,match=severity=none", "--format", "json"], ["json"]),
])
def test_render_is_what_the_first_sink_gets(options, lines):
    result = run("render", *options, stdin=sample("bare-1-firing"))
    expected = b"".join(run("render", "--format", f,
                            stdin=sample("bare-1-firing")).stdout
                        for f in lines)
    assert result.returncode == 0 and result.stdout == expected


@pytest.mark.parametrize("alerts", [70, 77, 150])
@pytest.mark.parametrize("seed", range(3))
def test_render_takes_its_payload_in_pieces(alerts, seed):
    """As a slow writer's pipe brings it: room for one more piece is there
    until the end, however little the last ones left."""
    body = as_bytes(group(alerts, pad=260))
    whole = run("render", stdin=body)
    assert whole.returncode == 0 and len(as_lines(whole.stdout)) == alerts
    rng = random.Random(seed)
    process = subprocess.Popen([BELLWIRE, "render"], stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    at = 0
    while at < len(body):
        size = rng.choice((1, 30, rng.randrange(100, 250)))
        os.write(process.stdin.fileno(), body[at:at + size])
        at += size
        wait_for("what was written is read", lambda: process.poll() is not None
                 or not struct.unpack("i", fcntl.ioctl(
                     process.stdin, termios.FIONREAD, b"\0" * 4))[0])
    out, err = process.communicate()
    assert (process.returncode, out, err) == (0, whole.stdout, b"")


def test_render_of_no_alerts_is_nothing():
    result = run("render", stdin=b'{"alerts":[]}')
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")


@pytest.mark.parametrize("stdin,reason", [
    (b"", "JSON"),
    (b"not json", "byte 0"),
    (b'{"alerts":[{"labels":{"a":1}}]}', "alerts[0].labels.a"),
    (b"{}", "alerts"),
])
def test_render_of_a_bad_payload_exits_1_with_the_reason(stdin, reason):
    result = run("render", stdin=stdin)
    if reason == "byte 0":
        assert re.search("byte [01]", failure(result, 1))
    else:
        assert reason in failure(result, 1)


@pytest.mark.parametrize("args", [["--format", "xml"], ["--format"], ["x"],
                                  ["--format", ""]])
def test_render_with_a_wrong_option_exits_2(args):
    failure(run("render", *args, stdin=b'{"alerts":[]}'), 2)


def test_render_of_100_000_alerts():
    body = b'{"status":"firing","alerts":[' + b",".join(
        b'{"labels":{"alertname":"A%d"}}' % i for i in range(100000)) + b"]}"
    result = run("render", stdin=body)
    assert result.returncode == 0
    lines = as_lines(result.stdout)
    assert len(lines) == 100000 and lines[-1].endswith(" A99999")


# --- probe ------------------------------------------------------------------

@pytest.mark.parametrize("page", ["/-/healthy", "/-/ready", "/metrics"])
def test_probe_is_silent_when_all_is_well(server, page):
    result = run("probe", f"http://{server.addresses[0]}{page}")
    assert (result.returncode, result.stdout, result.stderr) == (0, b"", b"")


def test_probe_over_ipv6(start):
    server = start(listen=["[::1]:0"])
    assert run("probe", f"http://{server.addresses[0]}/-/healthy") \
        .returncode == 0


@pytest.mark.parametrize("page", ["/no", "/webhook"])
def test_probe_of_what_is_refused_exits_1(server, page):
    failure(run("probe", f"http://{server.addresses[0]}{page}"), 1)


def test_probe_of_nobody_exits_1(server):
    url = f"http://{server.addresses[0]}/-/healthy"
    server.process.terminate()
    assert server.wait() == 0
    failure(run("probe", url), 1)


def test_probe_of_what_is_not_ready_exits_1(start, pipe):
    server = start("--ack-timeout", "100ms", stdout=pipe.write_end)
    pipe.close()
    server.post(group(1))
    assert server.status_of("/-/ready") == 503
    failure(run("probe", f"http://{server.addresses[0]}/-/ready"), 1)
    assert run("probe", f"http://{server.addresses[0]}/-/healthy") \
        .returncode == 0


@pytest.mark.parametrize("args", [["nonsense"], ["ftp://127.0.0.1/"],
                                  ["http://"], ["http://127.0.0.1:x/"],
                                  ["http://127.0.0.1:1/", "more"], [""],
                                  ["http://127.0.0.1:1/a b"],
                                  ["http://127.0.0.1:1/a\r\nX: y"]])
def test_probe_of_what_is_no_url_exits_2(args):
    failure(run("probe", *args), 2)
