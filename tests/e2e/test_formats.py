"""Formats: what a line looks like, and what can never be in one."""
import json
import os
import pty
import re

import pytest

from helpers import (SAMPLES, UNSAFE, alert, as_bytes, as_lines, is_safe,
                     payload, read_logfmt, run, sample, unescape)


def emit(start, keys, *payloads):
    server = start("--emit", f"stdout{keys}")
    for p in payloads:
        server.accepts(p)
    return server.lines()


def test_line(start):
    assert emit(start, "", sample("single-1-firing"),
                sample("single-2-resolved"), sample("bare-1-firing"),
                sample("noname-1-firing")) == [
        '2026-11-24T02:42:49Z FIRING warning HighMemoryUsage{case="single",'
        'instance="192.168.111.161:9100",job="node_exporter_161"} Instance '
        '192.168.111.161:9100 has high memory usage',
        '2026-11-24T02:43:23Z RESOLVED warning HighMemoryUsage{case="single",'
        'instance="192.168.111.161:9100",job="node_exporter_161"} Instance '
        '192.168.111.161:9100 has high memory usage',
        '2026-11-24T02:42:49Z FIRING - NoSeverity{case="bare"}',
        '2026-11-24T02:42:49Z FIRING info -{case="noname"} only a message']


def test_label_names_of_any_characters(start):
    """What Prometheus 3 and Alertmanager 0.28 allow."""
    body = sample("am-0.33.1-utf8-1-firing")
    assert emit(start, ",match=dienst.name=ätsch", body) == [
        '2026-11-24T02:42:49Z FIRING - DiskFull{case="utf8",'
        '"dienst.name"="ätsch","größe"="voll",instance="10.0.2.1:9100",'
        '"quo\\"te"="q","with space"="x"} disk of 10.0.2.1:9100 is full']
    assert emit(start, ",format=logfmt", body) == [
        'ts=2026-11-24T02:42:49Z status=firing alertname=DiskFull case=utf8 '
        'dienst.name="ätsch" größe=voll instance=10.0.2.1:9100 quo_te=q '
        'with_space=x summary="disk of 10.0.2.1:9100 is full"']
    own = "own={labels.dienst.name} {labels.größe} {annotations.über.all}"
    assert run("render", "--format", "own", "--template", own,
               stdin=body).stdout.decode() == "ätsch voll u\n"


def test_line_keeps_the_order_of_labels(start):
    labels = {"z": "1", "severity": "s", "a": "2", "alertname": "A", "m": "3"}
    assert emit(start, "", payload(alert(), alert(labels=None) | {
        "labels": labels, "annotations": {}}))[1] == \
        '2026-11-24T02:00:00Z FIRING s A{z="1",a="2",m="3"}'


@pytest.mark.parametrize("annotations,text", [
    ({"message": "m", "description": "d", "summary": "s"}, " s"),
    ({"message": "m", "description": "d"}, " d"),
    ({"message": "m"}, " m"),
    ({"other": "o"}, ""),
    ({}, ""),
])
def test_line_ends_with_the_annotation_that_says_most(start, annotations,
                                                      text):
    assert emit(start, "", payload(alert(annotations=annotations))) == [
        f"2026-11-24T02:00:00Z FIRING critical Bell{text}"]


@pytest.mark.parametrize("text,shown", [
    ("2026-11-24T02:42:49.349796Z", "2026-11-24T02:42:49Z"),
    ("2026-11-24T02:42:49Z", "2026-11-24T02:42:49Z"),
    ("2026-11-24T02:42:49.1+01:00", "2026-11-24T02:42:49+01:00"),
    ("2026-11-24T02:42:49-11:30", "2026-11-24T02:42:49-11:30"),
    ("2026-11-24T02:42:49.123456789Z", "2026-11-24T02:42:49Z"),
])
def test_times_are_as_they_came_to_the_second(start, text, shown):
    body = payload(alert(startsAt=text),
                   alert(status="resolved", endsAt=text))
    assert [x.split()[0] for x in emit(start, "", body)] == [shown, shown]
    assert [read_logfmt(x)["ts"] for x in
            emit(start, ",format=logfmt", body)] == [shown, shown]


def test_logfmt(start):
    assert emit(start, ",format=logfmt", sample("single-1-firing")) == [
        'ts=2026-11-24T02:42:49Z status=firing severity=warning '
        'alertname=HighMemoryUsage case=single '
        'instance=192.168.111.161:9100 job=node_exporter_161 '
        'summary="Instance 192.168.111.161:9100 has high memory usage"']


@pytest.mark.parametrize("value", [
    "", "a b", 'a"b', "a\\b", "a=b", "a\nb", "a\tb", "\x1b[31m", "\u202e",
    "\x85", "\\n", '\\"', "\u00e9", "\U0001f4be", '" status=resolved x="',
    "x status=resolved", "a\u2028b", "\x7f", "\\", "=", " "])
def test_logfmt_values_read_back_as_they_were(start, value):
    a = alert(labels={"v": value, "w": "next"},
              annotations={"summary": f"-{value}-"})
    line, = emit(start, ",format=logfmt", payload(a))
    assert is_safe(line)
    got = read_logfmt(line)
    assert got == {"ts": "2026-11-24T02:00:00Z", "status": "firing",
                   "severity": "critical", "alertname": "Bell", "v": value,
                   "w": "next", "summary": f"-{value}-"}


@pytest.mark.parametrize("name", ["a b", "a=b", 'a"b', "a\nb", "a\x1bb",
                                  "x status=resolved y", "\u202e", "",
                                  "\x85", "a\\b", "\u2028"])
def test_logfmt_label_names_cannot_forge_a_pair(start, name):
    line, = emit(start, ",format=logfmt",
                 payload(alert(labels={name: "value", "w": "next"})))
    assert is_safe(line)
    got = read_logfmt(line)
    assert got["status"] == "firing"
    assert got["w"] == "next"
    assert len(got) == 7
    assert "value" in got.values()


@pytest.mark.parametrize("name", ["ts", "status", "summary"])
def test_logfmt_labels_do_not_pass_for_our_own_keys(start, name):
    line, = emit(start, ",format=logfmt",
                 payload(alert(labels={name: "forged"})))
    assert read_logfmt(line)[name] != "forged"


# --- json -------------------------------------------------------------------

OURS = ["receiver", "groupKey", "externalURL", "notification_reason"]


def numbers_as_text(text):
    return json.loads(text, parse_float=str, parse_int=str)


def expected_json(body):
    body = numbers_as_text(body)
    return [{**a, **{k: body[k] for k in OURS if k in body}} for a in body["alerts"]]


@pytest.mark.parametrize("name", [s for s in SAMPLES if "truncated" not in s])
@pytest.mark.parametrize("ascii_", ["", ",ascii=yes"])
def test_json_equals_the_payload(start, name, ascii_):
    lines = emit(start, ",format=json" + ascii_, sample(name))
    assert [numbers_as_text(x) for x in lines] == expected_json(sample(name))
    assert all(is_safe(x) for x in lines)
    assert not ascii_ or all(x.isascii() for x in lines)


def test_json_has_its_members_in_order_and_no_blanks(start):
    line, = emit(start, ",format=json", payload(alert()))
    assert line == (
        '{"receiver":"web\\\\.hook","status":"firing","labels":{"alertname":'
        '"Bell","severity":"critical"},"annotations":{"summary":'
        '"about Bell"},"startsAt":"2026-11-24T02:00:00.25Z","endsAt":'
        '"0001-01-01T00:00:00Z","generatorURL":"http://prom.example/graph",'
        f'"fingerprint":"{alert()["fingerprint"]}","groupKey":"{{}}:{{}}",'
        '"externalURL":"http://am.example"}')


def test_json_is_compact_however_it_was_sent(start):
    body = payload(alert(labels={"a b": " c  d "}), note=[1, {"x": [None]}])
    lines = emit(start, ",format=json", json.dumps(body, indent=3),
                 as_bytes(body))
    assert lines[0] == lines[1]


def test_json_loses_nothing_of_an_alert(start):
    more = b'"n":[1.50,-0,1e400,12345678901234567890.5],"o":{"a":{"b":[]}},' \
        b'"t":true,"z":null,' \
        b'"s":"\\ud800 \\/ \\u00e9 \xc3\xa9 \\ud83d\\udcbe",' \
        b'"":"","u\\u0000":"\\u0000"'
    body = as_bytes(payload(alert())).replace(b'"fingerprint"',
                                              more + b',"fingerprint"')
    line, = emit(start, ",format=json", body)
    assert numbers_as_text(line) == expected_json(body)[0]
    assert is_safe(line)


def test_json_status_is_the_payloads_where_the_alert_has_none(start):
    line, = emit(start, ",format=json",
                 {"status": "resolved", "alerts": [{"labels": {"a": "b"}}]})
    got = json.loads(line)
    assert (got["status"], got["labels"], got["annotations"]) == (
        "resolved", {"a": "b"}, {})


# --- no forging -------------------------------------------------------------

ALL_UNSAFE = "".join(map(chr, UNSAFE))
HOSTILE = [
    ALL_UNSAFE,
    "x\n2026-11-24T02:00:00Z FIRING critical Forged",
    "x\r2026-11-24T02:00:00Z FIRING critical Forged",
    "x\x85y\u2028z\u2029",
    "\x1b]0;owned\x07\x1b[2J\x9b2J",
    "\u202eevil\u2066",
]


def hostile_payload(text):
    """The text in every place that a line is made of."""
    a = alert(labels={"alertname": f"A{text}", "severity": f"S{text}",
                      f"n{text}": f"v{text}", "classic": f"c{text}"},
              annotations={"summary": f"T{text}"}, startsAt=f"t{text}",
              endsAt=f"e{text}", generatorURL=text, fingerprint=text)
    return payload(a, {**a, "status": "resolved"}, receiver=text,
                   groupKey=text, externalURL=text, truncatedAlerts=1)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("keys", ["", ",format=logfmt", ",format=json",
                                  ",ascii=yes", ",width=60", ",width=200",
                                  ",format=logfmt,ascii=yes",
                                  ",format=json,ascii=yes"])
@pytest.mark.parametrize("escaped", [True, False])
def test_hostile_text_makes_no_line_and_drives_no_terminal(start, text, keys,
                                                           escaped):
    body = hostile_payload(text)
    # else as itself, where JSON lets it be: all but C0
    body = json.dumps(body) if escaped else as_bytes(body)
    lines = emit(start, keys, body)
    assert len(lines) == 3
    assert all(is_safe(x) for x in lines)
    assert "ascii" not in keys or all(x.isascii() for x in lines)


@pytest.mark.parametrize("code", UNSAFE)
def test_each_unsafe_character_comes_out_as_its_escape(code):
    c = chr(code)
    escapes = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}
    numeric = {f"\\x{code:02x}"} if code < 0x80 else \
        {f"\\x{code:02x}", f"\\u{code:04x}"} if code < 0x100 else \
        {f"\\u{code:04x}"}
    allowed = numeric | {escapes.get(c, next(iter(numeric)))}
    body = as_bytes(json.dumps(payload(alert(
        labels={"q": f"[{c}]"}, annotations={"summary": f"[{c}]"}))))
    line = run("render", stdin=body).stdout.decode()
    quoted = re.search(r'q="\[(.*?)\]"', line, re.S).group(1)
    plain = re.search(r" \[(.*)\]\n$", line, re.S).group(1)
    assert quoted in allowed and plain in allowed
    if c == "\n":
        assert plain == r"\n"
    if c == "\x1b":
        assert plain == r"\x1b"
    if code == 0x202e:
        assert plain == r"\u202e"


def read_labels(line):
    """{name: value} of what stands in braces in a line."""
    labels, at = {}, line.index("{") + 1
    one = re.compile(r'(?:([A-Za-z_]\w*)|"((?:[^"\\]|\\.)*)")='
                     r'"((?:[^"\\]|\\.)*)"([,}])')
    while True:
        match = one.match(line, at)
        assert match, line[at:]
        classic, quoted, value, end = match.groups()
        labels[classic or unescape(quoted)] = unescape(value)
        at = match.end()
        if end == "}":
            return labels, line[at:]


@pytest.mark.parametrize("labels", [
    {"a": 'b"} Forged', "c": "d"},
    {"a": 'b",c="e', "d": "f"},
    {"a": "\\", "b": "\\\\"},
    {"a": '\\"', "b": '"'},
    {"a": "x\ny\x1b\u202e", "b": ""},
    {'n"ame': "v", 'a="b",c': "v", "{": "}"},
    {"a\n": "b", "\x1b[0m": "c", "\u0430": "\u00e9"},
])
def test_labels_in_quotes_read_back_as_they_were(start, labels):
    line, = emit(start, "", payload(alert(labels=labels)))
    got, rest = read_labels(line)
    assert got == labels
    assert rest == " about Bell"


def test_text_that_cannot_harm_comes_as_it_is(start):
    text = "\u78c1\u76d8 \u00df \U0001f4be \u00a0 \u2026 \ufeff \u0627"
    line, = emit(start, "", payload(alert(annotations={"summary": text})))
    assert line.endswith(" " + text)


@pytest.mark.parametrize("format_", ["line", "logfmt", "json"])
def test_a_lone_surrogate_makes_no_bad_utf8(start, format_):
    body = json.dumps(payload(alert(labels={"a": "\ud800x\udc00"})))
    line, = emit(start, f",format={format_}", body)  # decodes strictly
    assert "x" in line


# --- keys of a sink ---------------------------------------------------------

LONG = "\u78c1\u76d8\u7a7a\u95f4\u4e0d\u8db3 \U0001f4be " * 20


@pytest.mark.parametrize("keys,mark", [("", "\u2026"), (",ascii=yes", ">")])
@pytest.mark.parametrize("format_", ["line", "logfmt"])
def test_width_cuts_at_whole_characters_and_marks_it(start, keys, mark,
                                                     format_):
    body = payload(alert(annotations={"summary": LONG}))
    keys += f",format={format_}"
    whole, = emit(start, keys, body)
    for width in range(len(whole) - 60, len(whole) - 40):
        line, = emit(start, f"{keys},width={width}", body)
        assert line == whole[:width - 1] + mark
    for width in len(whole), len(whole) + 1, 10000:
        assert emit(start, f"{keys},width={width}", body) == [whole]
    line, = emit(start, f"{keys},width={len(whole) - 1}", body)
    assert line == whole[:-2] + mark


def test_ascii_writes_a_question_mark_for_each_other_character(start):
    body = payload(alert(labels={"l": "\u00e9\u00e8"},
                         annotations={"summary": "a\u78c1\U0001f4be~\u202e"}))
    assert emit(start, ",ascii=yes", body) == [
        '2026-11-24T02:00:00Z FIRING critical Bell{l="??"} a??~\\u202e']
    line, = emit(start, ",ascii=yes,format=logfmt", body)
    assert line.endswith('alertname=Bell l="??" summary="a??~\\u202e"')


@pytest.mark.parametrize("format_", ["line", "logfmt", "json"])
def test_eol_crlf(start, format_):
    server = start("--emit", f"stdout,format={format_},eol=crlf")
    server.accepts(payload(alert(), alert(), truncatedAlerts=1))
    lines = as_lines(server.output(), "\r\n")
    assert len(lines) == 3
    assert all("\r" not in x and "\n" not in x for x in lines)


def test_eol_lf_is_the_default(start):
    assert emit(start, ",eol=lf", payload(alert())) == \
        emit(start, "", payload(alert()))


@pytest.mark.parametrize("format_", ["line", "logfmt"])
def test_bell_rings_for_what_matches_only(start, format_):
    body = payload(alert("A", labels={"severity": "page"}), alert("B"),
                   alert("C", labels={"severity": "page"}),
                   truncatedAlerts=1)
    plain = emit(start, f",format={format_}", body)
    rung = emit(start, f",format={format_},bell=severity=page", body)
    assert rung[:3] == ["\a" + plain[0], plain[1], "\a" + plain[2]]
    assert "\a" not in rung[3]


def test_bell_is_the_only_control_character(start):
    line, = emit(start, ",bell=severity=critical",
                 payload(alert(annotations={"summary": "x\ay"})))
    assert line.count("\a") == 1 and line[0] == "\a"
    assert is_safe(line[1:])


A, B = {"team": "a", "env": "prod"}, {"team": "b"}
C = {"env": "prod"}


@pytest.mark.parametrize("keys,names", [
    (",match=team=a", "A"),
    (",match=team!=a", "BC"),
    (",match=team!=a,match=team!=b", "C"),
    (",match=env=prod,match=team!=b", "AC"),
    (",match=env=prod,match=team=b", ""),
    (",match=alertname=B", "B"),
    (",match=team=A", ""),
    (",match=team=", "C"),
    (",match=team!=", "AB"),
    ("", "ABC"),
])
def test_match(start, keys, names):
    body = payload(alert("A", labels=A), alert("B", labels=B),
                   alert("C", labels=C))
    got = emit(start, keys + ",format=logfmt", body)
    assert "".join(read_logfmt(x)["alertname"] for x in got) == names


def test_match_is_of_the_decoded_value(start):
    body = as_bytes(payload(alert("A"))).replace(
        b'"alertname":"A"',
        b'"alertname":"A","te\\u0061m":"\\u0078=y\xc3\xa9"')
    assert len(emit(start, ",match=team=x=y\u00e9", body)) == 1


@pytest.mark.parametrize("keys,statuses", [
    (",resolved=no", ["firing"]),
    (",resolved=yes", ["firing", "resolved"]),
    ("", ["firing", "resolved"]),
])
def test_resolved(start, keys, statuses):
    got = emit(start, keys + ",format=logfmt",
               payload(alert(), alert(status="resolved")))
    assert [read_logfmt(x)["status"] for x in got] == statuses


def test_resolved_no_holds_back_an_inherited_status(start):
    assert emit(start, ",resolved=no",
                {"status": "resolved", "alerts": [{}]}) == []


# --- a terminal -------------------------------------------------------------

@pytest.mark.parametrize("no_color,colour", [(None, True), ("", True),
                                             ("1", False)])
def test_colour_on_a_terminal_unless_no_color(start, no_color, colour):
    env = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
    if no_color is not None:
        env["NO_COLOR"] = no_color
    ours, theirs = pty.openpty()
    try:
        server = start(stdout=theirs, env=env)
        server.accepts(payload(alert(), alert(status="resolved")))
        got = b""
        while got.count(b"\n") < 2:
            got += os.read(ours, 4096)
    finally:
        os.close(ours)
        os.close(theirs)
    text = got.decode()
    assert ("\x1b[" in text) == colour
    assert re.sub(r"\x1b\[[0-9;]*m", "", text).split("\r\n") == [
        "2026-11-24T02:00:00Z FIRING critical Bell about Bell",
        "2026-11-24T03:00:00Z RESOLVED critical Bell about Bell", ""]


def test_no_colour_but_on_a_terminal(start, pipe):
    server = start(stdout=pipe.write_end)
    server.accepts(payload(alert()))
    assert b"\x1b" not in os.read(pipe.read_end, 4096)


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("format_", ["line", "json", "logfmt"])
def test_render_is_what_a_server_emits(start, name, format_):
    rendered = run("render", "--format", format_, stdin=sample(name))
    assert rendered.returncode == 0 and rendered.stderr == b""
    served = emit(start, f",format={format_}", sample(name))

    def but_now(lines):  # the time of a notice is that of its making
        return [re.sub(r"^(ts=)?\S+Z( NOTICE| status=notice)", r"\2", x)
                for x in lines]
    assert but_now(as_lines(rendered.stdout)) == but_now(served)
