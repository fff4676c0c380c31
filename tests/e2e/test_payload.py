"""What a body may be, what it may not, and how large."""
import json
import re
import threading

import pytest

from delivery_helpers import numbered
from helpers import (DEADLINE, HERE, JSON, KIB32, SAMPLES, Server, alert,
                     as_bytes, group, head, is_safe, names_in, padded, payload,
                     post, post_chunked, sample, wait_for)

START = b'{"alerts":[],"x":'
# What stands for x, and the offset in there of the byte that is wrong.
NOT_JSON = {
    "no_value": (b"}", 0),
    "comma_for_value": (b",", 0),
    "single_quotes": (b"'a'}", 0),
    "word": (b"yes}", 0),
    "True": (b"True}", 0),
    "nul": (b"nul}", 3),
    "nulll": (b"nulll}", 4),
    "NaN": (b"NaN}", 0),
    "Infinity": (b"Infinity}", 0),
    "-Infinity": (b"-Infinity}", 1),
    "plus": (b"+1}", 0),
    "leading_zero": (b"01}", 1),
    "minus_leading_zero": (b"-01}", 2),
    "hex": (b"0x1}", 1),
    "no_digit_before_dot": (b".5}", 0),
    "no_digit_behind_dot": (b"1.}", 2),
    "no_digit_behind_e": (b"1e}", 2),
    "no_digit_behind_e_plus": (b"1e+}", 3),
    "minus_alone": (b"-}", 1),
    "dot_in_exponent": (b"1e5.5}", 3),
    "comma_in_array": (b"[1,]}", 3),
    "comma_first_in_array": (b"[,1]}", 1),
    "no_comma_in_array": (b"[1 2]}", 3),
    "array_ends_as_object": (b"[1}}", 2),
    "object_ends_as_array": (b'{"a":1]}', 6),
    "comma_in_object": (b'{"a":1,}}', 7),
    "no_colon": (b'{"a" 1}}', 5),
    "two_colons": (b'{"a"::1}}', 5),
    "bare_name": (b"{a:1}}", 1),
    "number_for_name": (b"{1:1}}", 1),
    "no_comma_in_object": (b'{"a":1 "b":2}}', 7),
    "comment": (b"/**/1}", 0),
    "raw_newline_in_string": (b'"a\nb"}', 2),
    "raw_tab_in_string": (b'"\t"}', 1),
    "raw_nul_in_string": (b'"\0"}', 1),
    "raw_escape_in_string": (b'"\x1b"}', 1),
    "escape_x": (b'"\\x41"}', 2),
    "escape_v": (b'"\\v"}', 2),
    "escape_quote": (b'"\\\'"}', 2),
    "escape_nul": (b'"\\\0"}', 2),
    "escape_upper_u": (b'"\\U0041"}', 2),
    "short_u": (b'"\\u12"}', 5),
    "u_plus": (b'"\\u+123"}', 3),
    "utf8_lone_continuation": (b'"\x80"}', 1),
    "utf8_overlong_slash": (b'"\xc0\xaf"}', 1),
    "utf8_overlong_3": (b'"\xe0\x80\xaf"}', 2),
    "utf8_overlong_4": (b'"\xf0\x80\x80\xaf"}', 2),
    "utf8_surrogate": (b'"\xed\xa0\x80"}', 2),
    "utf8_beyond": (b'"\xf4\x90\x80\x80"}', 2),
    "utf8_f5": (b'"\xf5\x80\x80\x80"}', 1),
    "utf8_ff": (b'"\xff"}', 1),
    "utf8_cut": (b'"\xe2\x82"}', 3),
    "latin1": (b'"caf\xe9"}', 5),
    "vertical_tab_as_blank": (b"\x0b1}", 0),
    "nbsp_as_blank": (b"\xc2\xa01}", 0),
    "nul_as_blank": (b"\0001}", 0),
    "behind_the_end": (b"1}x", 2),
    "two_texts": (b"1}{}", 2),
    "nul_behind_the_end": (b"1}\0", 2),
}


@pytest.mark.parametrize("name", NOT_JSON)
def test_not_json_gets_400_with_the_offset(server, name):
    text, offset = NOT_JSON[name]
    answer = server.post(START + text)
    assert answer.status == 400
    assert answer.tells_one_line()
    at = int(re.search(r"byte (\d+)", answer.text()).group(1))
    # whether the first byte is 0 or 1 is not ours to say
    assert at - len(START) - offset in (0, 1), answer.text()
    assert "expected" in answer.text()


@pytest.mark.parametrize("name", NOT_JSON)
def test_not_json_in_an_alert_gets_400(server, name):
    text, _ = NOT_JSON[name]
    answer = server.post(b'{"alerts":[{"x":' + text + b"]}")
    assert answer.status == 400
    assert server.lines() == []


@pytest.mark.parametrize("cut", range(len(sample("single-1-firing")) - 1))
def test_a_cut_text_gets_400(cut, one_server):
    assert one_server.post(sample("single-1-firing")[:cut]).status == 400


@pytest.fixture(scope="module")
def one_server(tmp_path_factory):
    """For tables that would start it a thousand times."""
    s = Server(tmp_path_factory.mktemp("one"))
    yield s
    try:
        s.stop()
    finally:
        s.kill()


FINE = {
    "blanks": b' \t\r\n{ \t\r\n"alerts"\n:\r[\t] \n}\r\n ',
    "numbers": START + b"[0,-0,1,-1,10,1.5,0.0,1e1,1E+2,-1.0e-10,1e999,"
    b"123456789012345678901234567890]}",
    "literals": START + b"[true,false,null]}",
    "empties": START + b'[{},[],"",{"":""}]}',
    "escapes": START + b'"\\"\\\\\\/\\b\\f\\n\\r\\t\\u0000\\uABCD\\uabcd"}',
    "pair": START + b'"\\ud83d\\udcbe"}',
    "lone_high_surrogate": START + b'"\\ud800"}',
    "lone_low_surrogate": START + b'"\\udc00x"}',
    "high_surrogate_twice": START + b'"\\ud800\\ud800\\udc00"}',
    "utf8": START + '"\x7f\x80\u07ff\u0800\ud7ff\ue000\uffff\U00010000'
    '\U0010ffff"}'.encode(),
    "unknown_members": b'{"a":1,"alerts":[],"b":{"alerts":[1]}}',
    "unknown_member_twice": b'{"a":1,"a":2,"alerts":[]}',
    "unknown_member_of_an_alert_twice":
    b'{"status":"firing","alerts":[{"a":1,"a":2}]}',
    "escaped_names": b'{"\\u0061lerts":[{"st\\u0061tus":"\\u0066iring",'
    b'"labels":{"\\u0061":"b"}}]}',
    "names_in_another_case_mean_nothing":
    b'{"alerts":[],"Alerts":1,"STATUS":2}',
}


@pytest.mark.parametrize("name", FINE)
def test_any_json_is_read(server, name):
    assert server.post(FINE[name]).status == 200


NULLS = b'{"status":"firing","receiver":null,"groupKey":null,' \
    b'"externalURL":null,"truncatedAlerts":null,"alerts":[' \
    b'{"status":null,"labels":null,"annotations":null,"startsAt":null,' \
    b'"endsAt":null,"generatorURL":null,"fingerprint":null}]}'


def test_null_is_as_good_as_missing(server):
    server.accepts(NULLS)
    server.accepts(b'{"status":"firing","alerts":[{}]}')
    null, missing = server.lines()
    assert null == missing


def one(text):
    return b'{"status":"firing","alerts":[%s]}' % text


NO_PAYLOAD = {
    # name: (body, place)
    "array": (b"[]", ""),
    "string": (b'"alerts"', ""),
    "number": (b"1", ""),
    "null": (b"null", ""),
    "no_alerts": (b"{}", "alerts"),
    "alerts_in_another_case": (b'{"Alerts":[]}', "alerts"),
    "alerts_null": (b'{"alerts":null}', "alerts"),
    "alerts_object": (b'{"alerts":{}}', "alerts"),
    "alerts_string": (b'{"alerts":"[]"}', "alerts"),
    "alerts_number": (b'{"alerts":0}', "alerts"),
    "alert_number": (one(b"1"), "alerts[0]"),
    "alert_array": (one(b"[]"), "alerts[0]"),
    "labels_array": (one(b'{"labels":[]}'), "alerts[0].labels"),
    "labels_string": (one(b'{"labels":""}'), "alerts[0].labels"),
    "annotations_array": (one(b'{"annotations":[]}'), "alerts[0].annotations"),
    "label_null": (one(b'{"labels":{"job":null}}'), "alerts[0].labels.job"),
    "label_bool": (one(b'{"labels":{"job":true}}'), "alerts[0].labels.job"),
    "label_object": (one(b'{"labels":{"job":{}}}'), "alerts[0].labels.job"),
    "label_array": (one(b'{"labels":{"job":["a"]}}'), "alerts[0].labels.job"),
    "annotation_number": (one(b'{"annotations":{"summary":1}}'),
                          "alerts[0].annotations.summary"),
    "annotation_null": (one(b'{"annotations":{"a":null}}'),
                        "alerts[0].annotations.a"),
    "alert_status": (one(b'{"status":"pending"}'), "alerts[0].status"),
    "alert_status_in_capitals": (one(b'{"status":"FIRING"}'),
                                 "alerts[0].status"),
    "alert_status_empty": (one(b'{"status":""}'), "alerts[0].status"),
    "alert_status_number": (one(b'{"status":1}'), "alerts[0].status"),
    "starts_at": (one(b'{"startsAt":5}'), "alerts[0].startsAt"),
    "ends_at": (one(b'{"endsAt":{}}'), "alerts[0].endsAt"),
    "generator_url": (one(b'{"generatorURL":[]}'), "alerts[0].generatorURL"),
    "fingerprint": (one(b'{"fingerprint":1}'), "alerts[0].fingerprint"),
    # what bellwire reads stands twice
    "alerts_twice": (b'{"alerts":[],"alerts":[]}', "alerts"),
    "alerts_twice_escaped": (b'{"alerts":[],"alert\\u0073":[]}', "alerts"),
    "status_twice": (b'{"status":"firing","status":"firing","alerts":[]}',
                     "status"),
    "receiver_twice": (b'{"receiver":"a","receiver":"a","alerts":[]}',
                       "receiver"),
    "version_twice": (b'{"version":"4","version":"4","alerts":[]}',
                      "version"),
    "truncated_twice": (b'{"truncatedAlerts":0,"truncatedAlerts":0,'
                        b'"alerts":[]}', "truncatedAlerts"),
    "labels_twice": (one(b'{"labels":{},"labels":{}}'), "alerts[0].labels"),
    "alert_status_twice": (one(b'{"status":"firing","status":"firing"}'),
                           "alerts[0].status"),
    "alert_status_twice_escaped": (
        one(b'{"status":"firing","\\u0073tatus":"firing"}'),
        "alerts[0].status"),
    "starts_at_twice": (one(b'{"startsAt":"a","startsAt":"a"}'),
                        "alerts[0].startsAt"),
    "label_twice": (one(b'{"labels":{"a":"1","b":"","a":"1"}}'),
                    "alerts[0].labels.a"),
    "label_twice_escaped": (one(b'{"labels":{"a":"1","\\u0061":"2"}}'),
                            "alerts[0].labels.a"),
    "annotation_twice": (one(b'{"annotations":{"a":"1","a":"2"}}'),
                         "alerts[0].annotations.a"),
}


@pytest.mark.parametrize("make", [post, post_chunked])
@pytest.mark.parametrize("name", NO_PAYLOAD)
def test_no_payload_gets_422_with_the_place(server, name, make):
    body, place = NO_PAYLOAD[name]
    answer = server.ask(make(body))
    assert answer.status == 422, answer
    assert answer.tells_one_line()
    assert re.search(rf"(^|\s){re.escape(place)}(:|\s|$)", answer.text()), \
        answer.text()
    assert server.lines() == []


AROUND = {
    "status": b'"status":"ok"', "status_number": b'"status":1',
    "status_empty": b'"status":""', "status_object": b'"status":{}',
    "receiver": b'"receiver":5', "group_key": b'"groupKey":{"a":[1]}',
    "external_url": b'"externalURL":[1]', "reason": b'"notification_reason":1',
    "truncated": b'"truncatedAlerts":{}',
    "truncated_negative": b'"truncatedAlerts":-1',
    "truncated_fraction": b'"truncatedAlerts":1.5', "version": b'"version":[4]',
}


@pytest.mark.parametrize("behind", [False, True])
@pytest.mark.parametrize("pad", [0, 400])
@pytest.mark.parametrize("name", AROUND)
def test_what_stands_around_the_alerts_refuses_none(server, name, pad, behind):
    alerts = b'"alerts":' + as_bytes(group(100, pad=pad)["alerts"])
    members = [AROUND[name], alerts]
    if behind:
        members.reverse()
    answer = server.accepts(b"{" + b",".join(members) + b"}")
    assert answer.text() == "accepted 100 alerts\n"
    assert len(server.lines()) == 100
    assert "wrong kind" in server.log()


@pytest.mark.parametrize("pad", [0, 400])
def test_alerts_left_out_as_a_string_of_digits(server, pad):
    server.accepts(payload(*group(100, pad=pad)["alerts"],
                           truncatedAlerts="5"))
    assert re.search(r" NOTICE 5 alerts ", server.lines()[-1])


@pytest.mark.parametrize("name", ["receiver", "groupKey", "externalURL",
                                  "notification_reason"])
@pytest.mark.parametrize("pad", [0, 400])
@pytest.mark.parametrize("size", [5000, 20000])
def test_a_long_text_around_the_alerts_is_cut(start, name, pad, size):
    """Where it comes before the alerts of a body that is decoded as it
    arrives; else it is whole, or too late."""
    server = start("--emit", "stdout,format=json")
    texts = {name: ("\u00e4\n" * size)[:size]}
    body = {**texts, **payload(*group(100, pad=pad)["alerts"])} | texts
    server.accepts(body)
    lines = [json.loads(x) for x in server.lines()]
    assert len(lines) == 100
    got = {line[name] for line in lines}
    whole = len(as_bytes(body)) <= KIB32
    if whole:
        assert got == {texts[name]}
    else:
        cut, = got
        assert cut.endswith("\u2026") and texts[name].startswith(cut[:-1])
        assert len(cut.encode()) > 1900
    server.accepts(payload(*group(100, pad=pad)["alerts"]) | texts)
    assert len(server.lines()) == 200


LEFT_OUT = {
    "null": (None, ": expected an object"),
    "string": ("x", ": expected an object"),
    "array": ([{}], ": expected an object"),
    "label_number": (alert("Odd", labels={"job": 5}),
                     ".labels.job: expected a string"),
    "label_null": (alert("Odd", labels={"job": None}),
                   ".labels.job: expected a string"),
    "annotations": (alert("Odd", annotations=7),
                    ".annotations: expected an object"),
    "status": (alert("Odd", status="up"),
               '.status: expected "firing" or "resolved"'),
    "starts_at": (alert("Odd", startsAt=3), ".startsAt: expected a string"),
    "labels": (alert("Odd", labels={f"l{i}": "" for i in range(130)}),
               ".labels: more than 128 labels or annotations"),
    "large": (alert("Odd", annotations={"a": "x" * KIB32}),
              " is larger than 32768 bytes"),
}
REASONS = {"labels": "too_many_labels", "large": "alert_too_large"}


@pytest.mark.parametrize("make", [
    post, post_chunked, lambda p: post_chunked(p, size=7)],
    ids=["length", "chunks", "small_chunks"])
@pytest.mark.parametrize("pad", [0, 400])
@pytest.mark.parametrize("name", LEFT_OUT)
def test_one_bad_alert_is_left_out(start, name, pad, make):
    server = start("--emit", "stdout,format=json")
    odd, why = LEFT_OUT[name]
    alerts = group(100, pad=pad)["alerts"]
    alerts[50] = odd
    answer = server.ask(make(payload(*alerts)))
    assert answer.status == 200
    assert answer.text() == \
        f"accepted 99 alerts, left out 1: alerts[50]{why}\n"
    lines = [json.loads(x) for x in server.lines()]
    notice, = [x for x in lines if "notice" in x]
    assert notice["notice"] == "left_out" and notice["count"] == 1
    assert notice["reason"] == f"alerts[50]{why}"
    if isinstance(odd, dict):
        assert notice["alertname"] == "Odd"
    assert [x["labels"]["alertname"] for x in lines if "labels" in x] == \
        numbered(0, 50) + numbered(51, 100)
    metrics = server.metrics()
    reason = REASONS.get(name, "not_payload")
    assert metrics[f'bellwire_alerts_left_out_total{{reason="{reason}"}}'] == 1
    assert metrics['bellwire_alerts_total{status="firing"}'] == 99
    assert 'msg="alerts left out"' in server.log()


def test_of_a_notice_nothing_can_break_out(start):
    server = start()
    server.accepts(payload(alert(), alert(
        "\n2026-01-01T00:00:00Z FIRING \x1b[2J\u202e", labels={"\r\n\u2028": 1},
        fingerprint="\x07")))
    assert len(server.lines()) == 2
    assert all(is_safe(x) for x in server.lines())


def test_a_group_of_which_none_can_be_taken_is_refused_for_the_first(server):
    body = payload(*[alert(labels={"job": i}) for i in range(100)])
    answer = server.post(body)
    assert answer.status == 422
    assert "alerts[0].labels.job" in answer.text()
    assert server.lines() == []


def test_a_group_that_is_refused_in_the_end_rings_once(server):
    """Alertmanager sends it again every group_interval, for ever."""
    good = as_bytes(payload(*group(100, pad=400)["alerts"]))
    for bad in good[:-1], good[:-1] + b',"alerts":[]}':
        for _ in range(3):
            server.post(bad)
    assert names_in(server.lines()) == numbered(0, 100)
    server.accepts(good)
    assert names_in(server.lines()) == numbered(0, 100)
    server.accepts(good)  # a new notification, as that one had its 200
    assert len(server.lines()) == 200


def test_a_hostile_name_in_the_place_stays_on_one_line(server):
    answer = server.post(payload(alert(labels={"a\r\n\r\nHTTP/1.1 200 OK\x1b":
                                               1})))
    assert answer.status == 422
    assert answer.tells_one_line()
    assert len([x for x in server.log_lines() if "code=422" in x]) == 1


def test_missing_parts_are_empty_and_status_is_inherited(server):
    body = {"status": "resolved", "alerts": [
        {"endsAt": "2026-11-24T03:00:00Z"},
        {"status": "firing", "startsAt": "2026-11-24T02:00:00Z",
         "labels": {"alertname": "A"}}]}
    server.accepts(body)
    assert server.lines() == ["2026-11-24T03:00:00Z RESOLVED - -",
                              "2026-11-24T02:00:00Z FIRING - A"]


@pytest.mark.parametrize("name", SAMPLES)
@pytest.mark.parametrize("make", [post, post_chunked])
def test_real_payloads(server, name, make):
    body = json.loads(sample(name))
    answer = server.ask(make(sample(name)))
    n = len(body["alerts"])
    assert answer.text() == f"accepted {n} alert{'s' if n != 1 else ''}\n"
    assert len(server.lines()) == n + (body["truncatedAlerts"] > 0)


def test_grafana_by_put(server):
    answer = server.ask(post(sample("grafana-1-firing"), method="PUT"))
    assert answer.text() == "accepted 2 alerts\n"
    assert server.lines() == [
        '2026-11-24T03:42:49+01:00 FIRING critical Water level'
        '{grafana_folder="House"} The cellar is wet',
        '2026-11-24T03:41:00+01:00 RESOLVED - DatasourceNoData']
    assert not [x for x in server.log_lines() if "version" in x]


def test_another_version_is_taken_and_logged_once(server):
    for version in "5", "6", 4, None, {"major": 4}:
        server.accepts(payload(alert(), version=version))
    assert len(server.lines()) == 5
    assert len([x for x in server.log_lines() if "version" in x]) == 1


def test_the_same_alert_twice_in_a_payload_comes_out_twice(server):
    server.accepts(payload(alert(), alert()))
    assert len(server.lines()) == 2


# --- truncatedAlerts --------------------------------------------------------

@pytest.mark.parametrize("count", [1, 5, 10 ** 9])
def test_truncated_alerts_are_told_in_a_line(server, count):
    server.accepts(payload(alert(), truncatedAlerts=count))
    first, notice = server.lines()
    assert "NOTICE" not in first
    assert re.match(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ NOTICE ", notice)
    assert str(count) in notice


@pytest.mark.parametrize("alerts", [0, 2])
def test_truncated_alerts_are_told_in_json(start, alerts):
    server = start("--emit", "stdout,format=json")
    server.accepts({**group(alerts), "truncatedAlerts": 5})
    assert json.loads(server.lines()[-1]) == {
        "notice": "truncated", "count": 5, "receiver": "web\\.hook"}
    assert len(server.lines()) == alerts + 1


@pytest.mark.parametrize("key", ["match=alertname=None", "resolved=no"])
def test_filters_do_not_hold_the_notice_back(start, key):
    server = start("--emit", f"stdout,{key}")
    server.accepts(payload(alert(status="resolved"), truncatedAlerts=3))
    assert ["NOTICE" in x for x in server.lines()] == [True]


def test_truncated_alerts_behind_a_large_body_are_told(server):
    body = {**group(300, pad=200), "truncatedAlerts": 7}
    assert list(body)[-1] == "truncatedAlerts"
    server.accepts(body)
    assert len(server.lines()) == 301
    assert re.search(r" NOTICE .*\b7\b", server.lines()[-1])


# --- limits -----------------------------------------------------------------

def many(n):
    return {f"l{i}": f"v{i}" for i in range(n)}


@pytest.mark.parametrize("kind", ["labels", "annotations"])
@pytest.mark.parametrize("count,status", [(128, 200), (129, 413)])
@pytest.mark.parametrize("large", [False, True])
def test_an_alert_may_have_128(server, kind, count, status, large):
    a = {**alert(), kind: many(count)}
    body = payload(a)
    answer = server.post(padded(body, 2 * KIB32) if large else body)
    assert answer.status == status
    # what is decoded as it arrives is told of as well; a refusal does not wait
    # for that
    told = large or status == 200
    lines = wait_for("its line", lambda: not told or server.lines()) and \
        server.lines()
    assert len([x for x in lines if " FIRING " in x]) == (status == 200)
    assert len(lines) == told


def nested(levels):
    """As text of that many containers in each other."""
    return "[" * levels + "]" * levels


@pytest.mark.parametrize("levels,status", [(32, 200), (33, 413)])
@pytest.mark.parametrize("place", [
    (1, '{"status":"firing","alerts":[{}],"x":%s}'),
    (1, '{"x":%s,"status":"firing","alerts":[{}]}'),
    (3, '{"status":"firing","alerts":[{"x":%s}]}'),
    (4, '{"status":"firing","alerts":[{"x":{"y":%s}}]}'),
], ids=["behind", "in_front", "in_alert", "in_object"])
def test_json_may_be_32_deep(server, levels, status, place):
    outside, text = place
    answer = server.post(text % nested(levels - outside))
    assert answer.status == status
    assert answer.tells_one_line()
    assert len(server.lines()) == (status == 200)


@pytest.mark.parametrize("large", [False, True])
def test_endless_nesting_gets_413(server, large):
    body = b'{"alerts":[{"x":' + b"[" * (100000 if large else 10000)
    assert server.post(body).status == 413


@pytest.mark.parametrize("make", [
    post, post_chunked, lambda p: post_chunked(p, size=10 ** 6),
    lambda p: post_chunked(p, size=7)])
@pytest.mark.parametrize("size,status", [(KIB32, 200), (KIB32 + 1, 413)])
@pytest.mark.parametrize("others", [0, 3])
def test_an_alert_may_have_32_kib(server, make, size, status, others):
    small = [as_bytes(alert(f"Small{i}")) for i in range(others)]
    large = padded(alert("Large"), size)
    body = b'{"receiver":"r","status":"firing","alerts":[' + \
        b" ,\n".join(small + [large] + small) + b"]}"
    with server.connect() as c:
        c.send(make(body))
        answer = c.answer()
    assert answer.status == (200 if others else status)
    assert answer.tells_one_line()
    # a refusal does not wait for its notice
    lines = wait_for("all lines", lambda: len(server.lines()) ==
                     2 * others + 1 and server.lines())
    at = [i for i, x in enumerate(lines) if "Large" in x]
    assert at == [others]
    assert (" NOTICE " in lines[others]) == (status != 200)


def test_an_alert_of_a_megabyte_gets_413(server):
    answer = server.post(padded(alert("Large"), 10 ** 6).join(
        [b'{"alerts":[', b"]}"]))
    assert answer.status == 413
    assert [x for x in server.lines() if "NOTICE" not in x] == []


def test_an_alert_of_32_kib_may_be_followed_by_another(server):
    large = padded(alert("A"), KIB32)
    server.accepts(b'{"alerts":[%s,%s,{"status":"firing"}]}' % (large, large))
    assert len(server.lines()) == 3


def test_blanks_between_alerts_do_not_count(server):
    body = as_bytes(group(3)).replace(b"},{", b"}" + b" " * 50000 + b",{")
    server.accepts(body)
    assert len(server.lines()) == 3


@pytest.mark.parametrize("front", [b" " * 50000, b'"x":"%s",' %
                                   (b"y" * 50000), b'"x":[%s0],' %
                                   (b"{}," * 20000)],
                         ids=["blanks", "string", "array"])
def test_what_stands_in_front_of_alerts_does_not_count(server, front):
    server.accepts(as_bytes(group(3)).replace(b"{", b"{" + front, 1))
    assert names_in(server.lines()) == ["Bell0", "Bell1", "Bell2"]


def test_blanks_in_front_of_the_first_alert_do_not_count(server):
    server.accepts(as_bytes(group(3)).replace(b"[{", b"[%s{" % (
        b" " * 50000)))
    assert names_in(server.lines()) == ["Bell0", "Bell1", "Bell2"]


def test_what_stands_behind_alerts_does_not_count(server):
    server.accepts(payload(alert(), x="y" * 100000, z=[{}] * 50000))
    assert len(server.lines()) == 1


BOUNDARY = [KIB32 - 1, KIB32, KIB32 + 1]


@pytest.mark.parametrize("make", [
    post, post_chunked, lambda p: post_chunked(p, size=10 ** 6),
    lambda p: post_chunked(p, size=11)])
@pytest.mark.parametrize("size", BOUNDARY)
def test_bodies_around_32_kib(start, make, size):
    server = start("--emit", "stdout,format=json")
    body = padded(group(100), size)
    answer = server.ask(make(body))
    assert answer.text() == "accepted 100 alerts\n"
    got = [json.loads(x) for x in server.lines()]
    assert [x["labels"]["alertname"] for x in got] == [
        f"Bell{i}" for i in range(100)]
    for x in got:
        assert x["receiver"] == "web\\.hook"
        # what stands behind `alerts` is not in the lines of a larger body
        assert x.get("groupKey") == ("{}:{}" if size <= KIB32 else None)


BROKEN = {
    "422": (group(100)["alerts"], b',"alerts":[]', 422),
    "400_behind": (group(100)["alerts"], b"x", 400),
    "400_in_last": (group(100)["alerts"] + ["?"], b"", 400),
}


@pytest.mark.parametrize("make", [
    post, post_chunked, lambda p: post_chunked(p, size=10 ** 6)])
@pytest.mark.parametrize("size", BOUNDARY[:2])
@pytest.mark.parametrize("name", BROKEN)
def test_nothing_of_a_refused_body_up_to_32_kib_is_emitted(server, make, size,
                                                           name):
    alerts, behind, status = BROKEN[name]
    body = padded(payload(*alerts), size - len(behind))
    body = body[:-1] + behind + b"}" if status == 422 else body + behind
    body = body.replace(b'"?"', b"'?'")
    assert len(body) == size
    assert server.ask(make(body)).status == status
    assert server.lines() == []


@pytest.mark.parametrize("end", [b"zz\r\n", b"", b"0\r\nX\r\n\r\n"])
def test_nothing_of_badly_framed_chunks_is_emitted(server, end):
    body = as_bytes(group(100))
    with server.connect() as c:
        c.send(head("POST /webhook HTTP/1.1", "Host: bell", JSON,
                    "Transfer-Encoding: chunked") +
               b"%x\r\n%s\r\n" % (len(body), body) + end)
        c.end()
        try:
            while c._more():
                pass
        except ConnectionResetError:
            pass
    assert b"200 OK" not in c.buffer
    assert server.lines() == []


def test_a_large_body_is_emitted_as_it_arrives(server):
    body = as_bytes(group(400, pad=200))
    half = len(body) // 2
    with server.connect() as c:
        c.send(post(body)[:-half])
        wait_for("the first lines", lambda: len(server.lines()) > 100)
        c.send(body[-half:])
        assert c.answer().text() == "accepted 400 alerts\n"
    assert names_in(server.lines()) == [f"Bell{i}" for i in range(400)]


@pytest.mark.parametrize("chunks", [False, True])
def test_100_000_alerts_in_constant_memory(server, chunks):
    def alerts(begin, end):
        return b",".join(as_bytes({
            "status": "firing", "labels": {"alertname": f"A{i}"},
            "annotations": {"summary": "x" * 60},
            "startsAt": "2026-11-24T02:00:00Z"}) for i in range(begin, end))

    def body(n):
        return b'{"alerts":[' + alerts(0, n) + b"]}"

    make = (lambda b: post_chunked(b, size=50000)) if chunks else post
    with server.connect() as c:
        c.send(make(body(10000)))  # more than what is kept in memory at once
        assert c.answer().status == 200
        before = server.memory_peak()
        request = make(body(100000))
        sender = threading.Thread(target=c.send, args=(request,))
        sender.start()
        assert c.answer().text() == "accepted 100000 alerts\n"
        sender.join(DEADLINE)
    assert len(server.lines()) == 110000
    assert server.lines()[-1].endswith("FIRING - A99999 " + "x" * 60)
    assert server.memory_peak() - before < 64 * 1024


SHARED = HERE.parents[2] / "shared/payloads"


@pytest.mark.skipif(not SHARED.is_dir(), reason="a clone on its own")
def test_the_samples_are_those_that_were_captured():
    for name in SAMPLES:
        original = SHARED / f"{name}.json"
        if original.exists():
            assert original.read_bytes() == sample(name), name


@pytest.mark.parametrize("body", [
    b"[", b"[1,", b"00", b'"x', b'{"alerts":1', b'{"alerts":1}}', b"[] []",
    b'{"alerts":[{"labels":{"a":1}}]', b'{"alerts":{},"x":tru}', b"5 6",
    b'[\xff]', b'{"receiver":5,"alerts":[]'])
def test_what_is_neither_a_payload_nor_json_is_400(body, server):
    """Also where it is seen to be no payload before it is seen not to be JSON,
    as long as the body is taken as a whole."""
    answer = server.ask(post(body))
    assert answer.status == 400 and "byte" in answer.text(), answer
    assert server.ask(post_chunked(body, size=1)).status == 400


@pytest.mark.parametrize("body", [b"[]", b"5", b'{"alerts":1}', b"null",
                                  b'{"receiver":5,"alerts":{}}'])
def test_json_that_is_no_payload_is_422(body, server):
    assert server.ask(post(body)).status == 422


def test_a_refusal_tells_nothing_of_an_alert_left_out_before(server):
    answer = server.post(b'{"alerts":[7,{"x":' + b"[" * 40 + b"]" * 40 + b"}]}")
    assert answer.status == 413
    assert answer.text() == "JSON nested over 32 deep\n"
