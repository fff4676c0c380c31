"""The alerts that are sent and the lines that must come of them. An id tells
all of its alert, so that a line which is torn, mixed or changed is seen."""
import hashlib
import json
import re

STARTS = "2026-11-29T01:02:03Z"
FORMATS = ("line", "json", "logfmt", "short")
TEMPLATE = "short={status} {labels.id} <{annotations.summary}>"
ID = r"[a-z]\d+-\d+-\d+-[ab]-\d+"


def make_id(sender, group, n, route, length):
    return f"{sender}-{group}-{n}-{route}-{length}"


def route(name):
    return name.split("-")[3]


def summary(name):
    n = int(name.split("-")[4])
    word = hashlib.sha256(name.encode()).hexdigest() + " "
    return (word * (n // len(word) + 1))[:n - 1] + "."


def alert(name):
    return {"status": "firing",
            "labels": {"alertname": "Torture", "id": name, "route": route(name),
                       "severity": "page"},
            "annotations": {"summary": summary(name)}, "startsAt": STARTS,
            "endsAt": "0001-01-01T00:00:00Z", "generatorURL": "",
            "fingerprint": hashlib.md5(name.encode()).hexdigest()[:16]}


def request(names, key, url):
    body = json.dumps({
        "receiver": "bell", "status": "firing",
        "alerts": [alert(x) for x in names], "groupLabels": {},
        "commonLabels": {}, "commonAnnotations": {}, "externalURL": url,
        "version": "4", "groupKey": "{}:{" + key + "}",
        "truncatedAlerts": 0}).encode()
    return (b"POST /webhook HTTP/1.1\r\nHost: bell\r\nContent-Type: "
            b"application/json\r\nContent-Length: %d\r\n\r\n" % len(body)) + body


def line(form, name):
    s = summary(name)
    if form == "line":
        return (f'{STARTS} FIRING page Torture{{id="{name}",'
                f'route="{route(name)}"}} {s}').encode()
    if form == "logfmt":
        quoted = f'"{s}"' if " " in s else s
        return (f"ts={STARTS} status=firing severity=page alertname=Torture "
                f"id={name} route={route(name)} summary={quoted}").encode()
    return f"firing {name} <{s}>".encode()


NOTICE = re.compile(rb"\S+ NOTICE (at least )?(\d+) alerts? (?:was|were) (.*)")
WORDS = ((b"left out by", "truncated"), (b"left out", "left_out"),
         (b"skipped", "skipped"), (b"left behind", "left_behind"),
         (b"dropped here", "dropped"), (b"lost", "lost"))


def read_json(got):
    try:
        d = json.loads(got)
        if "notice" in d:
            return "notice", d["notice"], d["count"]
        name = d["labels"]["id"]
        same = all(d[k] == v for k, v in alert(name).items())
        return ("alert", name, 1) if same else ("torn", got, 1)
    except (ValueError, KeyError, TypeError, IndexError):
        return "torn", got, 1


def read(form, got):
    """("alert", id, 1), ("notice", which, alerts) or ("torn", line, 1)."""
    if form == "json":
        return read_json(got)
    m = NOTICE.fullmatch(got)
    if m:
        for begin, word in WORDS:
            if m.group(3).startswith(begin):
                return "notice", word, int(m.group(2))
    m = re.fullmatch(rb"ts=\S+ status=notice notice=(\w+) count=(\d+).*", got)
    if m and form == "logfmt":
        return "notice", m.group(1).decode(), int(m.group(2))
    m = re.search(ID.encode(), got)
    if m and line(form, m.group(0).decode()) == got:
        return "alert", m.group(0).decode(), 1
    return "torn", got, 1


BEGIN = {"line": f'{STARTS} FIRING page Torture{{id="'.encode(),
         "logfmt": (f"ts={STARTS} status=firing severity=page alertname="
                    "Torture id=").encode(),
         "short": b"firing ", "json": b'{"receiver":"bell","status":"firing",'}


def is_piece(form, got):
    """Is it the beginning of a line that may have been cut?"""
    begin = BEGIN[form]
    if len(got) <= len(begin):
        return begin.startswith(got)
    if form == "json" or b" NOTICE " in got or b"=notice" in got:
        return True
    if not got.startswith(begin):
        return False
    m = re.match(ID.encode(), got[len(begin):])
    return not m or len(got) < len(begin) + 30 or \
        line(form, m.group(0).decode()).startswith(got)
