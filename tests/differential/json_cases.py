"""Texts for the comparison of JSON parsers: what RFC 8259 decides, payloads,
and mutations of both. The same seed gives the same texts."""
import glob
import json
import os
import random

HERE = os.path.dirname(os.path.abspath(__file__))

# Values; each stands alone, in an alert's unknown member, and in a payload's.
VALUES = r"""
null true false 0 -0 1 -1 10 0.5 -0.0 1e5 1E5 1e+5 1e-5 1.5E-10 0e0 1e999
123456789012345678901234567890 1.00000000000000000000000001 "" "a" "\"" "\\"
"\/" "\b\f\n\r\t" "\u0000" "\u0041" "\uD83D\uDE00" "\ud800" "\udc00\ud800"
"\uDFFF" [] {} [[]] [1,2] {"a":1} {"":""} {"a":{"b":[null]}} {"a":1,"a":2}
[1,[2,[3,[4]]]] {"\u0061":1,"a":2} "\uFFFE" "\u2028" [-1.5e-3,"x",false]
nul nulll True NULL undefined NaN nan Infinity -Infinity inf 00 01 -01 1. .5
-.5 -1. +1 - -- 1e 1e+ 1e- e5 0x10 0b1 0o7 1_000 1,000 1.2.3 1e5.5 0e 1f 2n
' 'a' "\a" "\x41" "\u" "\u0" "\u004" "\u00g0" "\u 041" "\U0041" "\1" "\'"
"\" " "a a" [ ] [1 [1, [,] [,1] [1,] [1,,2] [1;2] {1} (1) [1}
{ } {"a" {"a": {"a":} {"a":1 {"a":1, {"a":1,} {,} {:1} {a:1} {'a':1} {1:1}
{null:1} {"a" 1} {"a",1} {"a":1:2} {"a":1]  {"a":1}} {"a":1,,"b":2} [{]
{"a":1 "b":2} ["a" "b"] [1 2] // /* */ 1/**/ #1 <x> `a` "a"b 1a truefalse
""".split() + [
    " 1", "1 ", "\t\n\r 1 \t\n\r", "", " ", "1 2", "\"a\nb\"", "\"\t\"", "\"\x00\"",
    "\"\x1f\"", "\"\x7f\"", "\"\x80\"", "\"\u2028\u2029\"", "\"\u202e\"", "\"\ud7ff\"",
    "\"\ue000\"", "\"\U0010ffff\"", "\x0c1", "\x0b1", "\xa01", "\u20281", "1\x00", "\x00",
    "[1,\n2]", "{ \"a\" : 1 }", "\"" + "x" * 3000 + "\"", "9" * 5000, "[" * 20 + "]" * 20,
    "{\"a\":" * 20 + "1" + "}" * 20, "\"\\ud83d\"", "\"\\ude00\\ud83d\"",
    "\"\\ud83d\\u0041\"", "[1,\x0c2]", "\"\\\x00\"",
]
BYTES = [
    b"\xef\xbb\xbf1", b"\xff\xfe1\x00", b"\xfe\xff\x001", b"1\x00", b"\"\xff\"", b"\"\x80\"",
    b"\"\xc0\x80\"", b"\"\xc1\xbf\"", b"\"\xe0\x80\x80\"", b"\"\xe0\x9f\xbf\"",
    b"\"\xe0\xa0\x80\"", b"\"\xed\x9f\xbf\"", b"\"\xed\xa0\x80\"", b"\"\xed\xbf\xbf\"",
    b"\"\xee\x80\x80\"", b"\"\xf0\x80\x80\x80\"", b"\"\xf0\x8f\xbf\xbf\"",
    b"\"\xf0\x90\x80\x80\"", b"\"\xf4\x8f\xbf\xbf\"", b"\"\xf4\x90\x80\x80\"",
    b"\"\xf5\x80\x80\x80\"", b"\"\xf8\x88\x80\x80\x80\"", b"\"\xc2\"", b"\"\xc2", b"\"\xe2\x82\"",
    b"\"\xf0\x9f\x98\"", b"\"\xc3\x28\"", b"\"\xe2\x28\xa1\"", b"\"\xbf\"", b"\xe2\x80\xa8" b"1",
    b"{\"\xff\":1}", b"\"\\\xc3\xa4\"", b"\"\\u00\xc3\xa4\"", b"\xc2\xa0" b"1",
]


def values():
    yield from (v.encode("utf-8", "surrogatepass") for v in VALUES)
    yield from BYTES


def payloads():
    for name in sorted(glob.glob(f"{HERE}/../e2e/payloads/*.json")):
        with open(name, "rb") as f:
            yield f.read()
    yield (rb'{"receiver":"a\u001b\u202e\"","groupKey":null,"externalURL":"http:\/\/x",'
           rb'"status":"resolved","alerts":[{"labels":{"severity":"critical","":"\ud800",'
           rb'"a b":"\ud83d\ude00","st\u0061tus":"x"},"annotations":{"message":"\u2028\u0000'
           rb'\\ \" = \u007f"},"startsAt":"2026-11-24T01:55:52.5+00:00","endsAt":"x y",'
           rb'"x":[1,{"y":[null,true,-1.5e3]}],"receiver":"forged","not\u0069ce":"n",'
           rb'"fingerprint":null},{"status":"firing","labels":null}],"truncatedAlerts":7}')
    yield b'{"alerts":[]}'
    yield b'{"version":"4","status":"firing","alerts":[{}]}'


SPECIAL = [bytes([c]) for c in b"{}[]:,\"\\ \t\n\r\0\x0b\x1f\x7f\x80\xc2\xe2\xed\xf0\xff/'+-.0123eEu"] + [
    b"\\u0000", b"\\ud800", b"\xe2\x80\xa8", b"null", b"true", b"[]", b"{}", b"1e5", b"NaN", b"\"\"",
    b"\\u0061", b"\"status\":", b"\"alerts\":", b"\"firing\"", b",\"labels\":{}", b"\xef\xbb\xbf"]


def mutate_bytes(rng, text):
    for _ in range(rng.choice((1, 1, 2))):
        at, kind = rng.randrange(len(text) + 1), rng.randrange(4)
        if kind == 0:
            text = text[:at] + rng.choice(SPECIAL) + text[at:]
        elif kind == 1:
            text = text[:at] + rng.choice(SPECIAL) + text[at + 1:]
        elif kind == 2:
            text = text[:at] + text[at + rng.choice((1, 1, 3, 20)):]
        else:
            text = text[:at]
    return text


class Members(list):
    """An object as its list of members, which may repeat."""


def read(text):
    return json.loads(text, object_pairs_hook=Members)


NAMES = ["alerts", "status", "labels", "annotations", "startsAt", "endsAt",
         "generatorURL", "fingerprint", "receiver", "groupKey", "externalURL",
         "notification_reason", "version", "truncatedAlerts", "notice", "alertname", "severity", "x", ""]
LEAVES = [None, True, 0, -1, 1.5, 5, 18446744073709551615, 18446744073709551616, "",
          "firing", "resolved", "Firing", "critical", "4", "1", "5", "\u001b[2J",
          "\u202e", "\u2028", "\ud800", "\U0001f600", "2026-11-24T01:55:52Z", "\x7f\x80"]


def leaf(rng):
    kind = rng.randrange(8)
    if kind == 0:
        return []
    if kind == 1:
        return Members()
    if kind == 2:
        return Members([(rng.choice(NAMES), rng.choice(LEAVES))])
    return rng.choice(LEAVES)


def change(rng, value):
    """The value with one thing in it changed."""
    inner = isinstance(value, list) and value and rng.randrange(6)
    if not inner:
        kind = rng.randrange(4)
        if kind == 0 and isinstance(value, Members):
            return Members(value + [(rng.choice(NAMES), leaf(rng))])
        if kind == 0 and isinstance(value, list):
            return value + [leaf(rng)]
        if kind == 1:
            return [value] if rng.randrange(2) else Members([("a", value)])
        return leaf(rng)
    i = rng.randrange(len(value))
    copy = type(value)(value)
    kind = rng.randrange(8)
    if kind == 0:
        copy.insert(rng.randrange(len(copy) + 1), copy[i])
    elif kind == 1:
        del copy[i]
    elif isinstance(value, Members) and kind == 2:
        copy[i] = (rng.choice(NAMES), copy[i][1])
    elif isinstance(value, Members):
        copy[i] = (copy[i][0], change(rng, copy[i][1]))
    else:
        copy[i] = change(rng, copy[i])
    return copy


def escaped(rng, text):
    """A string as it may be written."""
    out = '"'
    for c in text:
        kind = rng.randrange(12)
        if kind == 0 and ord(c) < 0x10000:
            out += f"\\u{ord(c):04{rng.choice('xX')}}"
        elif c in '"\\' or ord(c) < 0x20 or 0xd800 <= ord(c) <= 0xdfff:
            out += json.dumps(c)[1:-1]
        else:
            out += c
    return out + '"'


def write(rng, value):
    blank = rng.choice(["", "", "", " ", "\n", "\t"])
    if isinstance(value, Members):
        return "{" + blank + ("," + blank).join(
            escaped(rng, n) + blank + ":" + write(rng, v)
            for n, v in value) + blank + "}"
    if isinstance(value, list):
        return "[" + ("," + blank).join(write(rng, v) for v in value) + "]"
    if isinstance(value, str):
        return escaped(rng, value)
    return json.dumps(value)


def generate(seed, n):
    rng = random.Random(seed)
    good = list(payloads())
    small = [p for p in good if len(p) < 4000]
    fixed = good + list(values())
    for v in values():
        fixed.append(b'{"alerts":[],"x":' + v + b"}")
        fixed.append(b'{"alerts":[{"status":"firing","x":' + v + b"}]}")
        fixed.append(b'{"alerts":[{"status":"firing","labels":{"a":' + v + b"}}]}")
        fixed.append(b'{"receiver":' + v + b',"status":"firing","alerts":[{}]}')
    for name in NAMES:
        for l in LEAVES:
            t = json.dumps(l).encode()
            fixed.append(b'{"status":"firing","alerts":[{"%s":%s}]}' % (name.encode(), t))
            fixed.append(b'{"status":"firing","alerts":[{}],"%s":%s}' % (name.encode(), t))
    for pairs in ('"a":"","a":""', '"b":"","a":"","a":""', '"a":"","b":"","a":""',
                  '"a":"","\\u0061":""', '"":"","":""'):
        for name in "labels", "annotations":
            fixed.append(b'{"alerts":[{"status":"firing","%s":{%s}}]}'
                         % (name.encode(), pairs.encode()))
    for depth in range(28, 36):
        fixed.append(b'{"alerts":[{"status":"firing","x":' + b"[" * depth + b"]" * depth + b"}]}")
    yield from fixed
    for i in range(n - len(fixed)):
        if i % 3 == 0:
            yield mutate_bytes(rng, rng.choice(small if i % 2 else fixed))
            continue
        value = read(rng.choice(small))
        for _ in range(rng.choice((1, 1, 2, 4))):
            value = change(rng, value)
        yield write(rng, value).encode("utf-8", "surrogatepass")
