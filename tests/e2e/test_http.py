"""HTTP: framing, refusals, and what becomes of the connection."""
import email.utils
import time

import pytest

from helpers import (JSON, KIB32, alert, as_bytes, chunked, get, group, head,
                     padded, payload, post, post_chunked)

BODY = as_bytes(payload(alert("Smuggled")))
LENGTH = f"Content-Length: {len(BODY)}"
CHUNKED = "Transfer-Encoding: chunked"
HOST = "Host: bell"
LINE = "POST /webhook HTTP/1.1"


def with_fields(*fields):
    return head(LINE, HOST, JSON, *fields) + BODY


def with_line(line):
    return head(line, HOST, JSON, LENGTH) + BODY


def with_hosts(*hosts):
    return head(LINE, JSON, LENGTH, *hosts) + BODY


def raw_field(field):
    """A head with these bytes as one more line."""
    return (head(LINE, HOST, JSON, LENGTH)[:-2] + field + b"\r\n\r\n" + BODY)


MALFORMED = {
    # the body's length
    "length_and_chunked": head(LINE, HOST, JSON, LENGTH, CHUNKED) +
    chunked(BODY),
    "chunked_and_length": head(LINE, HOST, JSON, CHUNKED, LENGTH) +
    chunked(BODY),
    "length_twice_the_same": with_fields(LENGTH, LENGTH),
    "length_twice": with_fields(LENGTH, "Content-Length: 3"),
    "length_list": with_fields(f"{LENGTH}, {len(BODY)}"),
    "length_plus": with_fields(f"Content-Length: +{len(BODY)}"),
    "length_minus": with_fields(f"Content-Length: -{len(BODY)}"),
    "length_minus_zero": with_fields("Content-Length: -0"),
    "length_hex": with_fields(f"Content-Length: {len(BODY):#x}"),
    "length_empty": with_fields("Content-Length:"),
    "length_with_blank": with_fields("Content-Length: 1 2"),
    "length_fraction": with_fields(f"{LENGTH}.0"),
    "length_with_letter": with_fields(f"{LENGTH}a"),
    "chunked_twice": head(LINE, HOST, JSON, CHUNKED + ", chunked") +
    chunked(BODY),
    "chunked_on_two_lines": head(LINE, HOST, JSON, CHUNKED, CHUNKED) +
    chunked(BODY),
    "chunked_not_last": head(LINE, HOST, JSON, CHUNKED + ", gzip") +
    chunked(BODY),
    "chunked_in_1.0": head("POST /webhook HTTP/1.0", HOST, JSON, CHUNKED) +
    chunked(BODY),
    # fields
    "fold_with_blank": with_fields("X: a\r\n b", LENGTH),
    "fold_with_tab": with_fields("X: a\r\n\tb", LENGTH),
    "fold_of_nothing": with_fields("X: a\r\n ", LENGTH),
    "fold_behind_the_line": head(LINE + "\r\n X: a", HOST, JSON, LENGTH) +
    BODY,
    "blank_before_colon": with_fields("X : a", LENGTH),
    "blank_before_colon_of_length": with_fields(
        f"Content-Length : {len(BODY)}"),
    "tab_before_colon": with_fields("X\t: a", LENGTH),
    "no_colon": with_fields("X", LENGTH),
    "no_name": with_fields(": a", LENGTH),
    "blank_in_name": with_fields("X y: a", LENGTH),
    "bracket_in_name": with_fields("X(y): a", LENGTH),
    "latin1_in_name": with_fields("X\xe4: a", LENGTH),
    "nul_in_name": with_fields("X\0: a", LENGTH),
    "nul_in_value": with_fields("X: a\0b", LENGTH),
    "bare_cr_in_value": with_fields("X: a\rb", LENGTH),
    "bare_cr_before_crlf": with_fields("X: a\r", LENGTH),
    "bare_cr_ends_field": raw_field(b"X: a\rY: b"),
    "bare_lf_ends_field": raw_field(b"X: a\nY: b"),
    "bare_lf_ends_head": head(LINE, HOST, JSON, LENGTH)[:-2] + b"\n" + BODY,
    "bare_lf_everywhere": head(LINE, HOST, JSON, LENGTH)
    .replace(b"\r\n", b"\n") + BODY,
    "bare_lf_ends_line": with_line(LINE).replace(b"1.1\r\n", b"1.1\n"),
    # Host
    "no_host": with_hosts(),
    "two_hosts": with_hosts(HOST, "Host: other"),
    "two_hosts_the_same": with_hosts(HOST, HOST),
    "blank_in_host": with_hosts("Host: a b"),
    "path_in_host": with_hosts("Host: a/b"),
    "user_in_host": with_hosts("Host: a@b"),
    "absolute_form_without_host": head("POST http://bell/webhook HTTP/1.1",
                                       JSON, LENGTH) + BODY,
    # the request line
    "no_version": with_line("POST /webhook"),
    "no_target": with_line("POST HTTP/1.1"),
    "blank_version": with_line("POST /webhook "),
    "lower_case_version": with_line("POST /webhook http/1.1"),
    "other_protocol": with_line("POST /webhook HTTQ/1.1"),
    "short_version": with_line("POST /webhook HTTP/1"),
    "long_version": with_line("POST /webhook HTTP/1.10"),
    "version_of_letters": with_line("POST /webhook HTTP/a.b"),
    "blank_behind_version": with_line("POST /webhook HTTP/1.1 "),
    "two_blanks": with_line("POST  /webhook HTTP/1.1"),
    "two_blanks_before_version": with_line("POST /webhook  HTTP/1.1"),
    "tab_for_blank": with_line("POST\t/webhook HTTP/1.1"),
    "blank_in_target": with_line("POST /web hook HTTP/1.1"),
    "blank_in_front": with_line(" POST /webhook HTTP/1.1"),
    "bracket_in_method": with_line("PO(ST /webhook HTTP/1.1"),
    "target_without_slash": with_line("POST webhook HTTP/1.1"),
    "fragment_in_target": with_line("POST /webhook#a HTTP/1.1"),
    "latin1_in_target": with_line("POST /webhook?\xe4 HTTP/1.1"),
    "nul_in_target": with_line("POST /web\0hook HTTP/1.1"),
    "cr_in_target": with_line("POST /web\rhook HTTP/1.1"),
    "not_http": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 50,
}

ONE = b"%x\r\n%s\r\n" % (len(BODY), BODY)
SIZE = b"%x" % len(BODY)
REST = b"\r\n%s\r\n0\r\n\r\n" % BODY
MALFORMED_CHUNKS = {
    "no_size": b"\r\n" + BODY + b"\r\n0\r\n\r\n",
    "letter_for_size": b"g" + REST,
    "letter_behind_size": SIZE + b"g" + REST,
    "0x": b"0x" + SIZE + REST,
    "plus": b"+" + SIZE + REST,
    "minus": b"-" + SIZE + REST,
    "minus_one": b"-1" + REST,
    "blank_in_front": b" " + SIZE + REST,
    "blank_behind": SIZE + b" " + REST,
    "underscore": b"1_0" + REST,
    "64_bits_and_more": b"1" + SIZE.rjust(16, b"0") + REST,
    "64_bits": b"f" * 16 + REST,
    "too_long": SIZE + b"\r\n" + BODY + b"x\r\n0\r\n\r\n",
    "too_short": b"%x" % (len(BODY) + 1) + REST,
    "lf_behind_size": SIZE + b"\n" + BODY + b"\r\n0\r\n\r\n",
    "cr_behind_size": SIZE + b"\r" + BODY + b"\r\n0\r\n\r\n",
    "lf_behind_data": SIZE + b"\r\n" + BODY + b"\n0\r\n\r\n",
    "cr_behind_data": SIZE + b"\r\n" + BODY + b"\r0\r\n\r\n",
    "nothing_behind_data": SIZE + b"\r\n" + BODY + b"0\r\n\r\n",
    "extension_without_name": SIZE + b";" + REST,
    "extension_of_two_words": SIZE + b";a b" + REST,
    "extension_without_value": SIZE + b";a=" + REST,
    "extension_not_closed": SIZE + b';a="b' + REST,
    "nul_in_extension": SIZE + b';a="\0"' + REST,
    "cr_in_extension": SIZE + b';a="\r"' + REST,
    "lf_in_extension": SIZE + b";a\n" + REST,
    "lf_in_quoted_extension": SIZE + b';a="\n"' + REST,
    "trailer_without_colon": ONE + b"0\r\nX\r\n\r\n",
    "trailer_without_name": ONE + b"0\r\n: a\r\n\r\n",
    "trailer_with_blank_before_colon": ONE + b"0\r\nX : a\r\n\r\n",
    "trailer_folded": ONE + b"0\r\nX: a\r\n b\r\n\r\n",
    "nul_in_trailer": ONE + b"0\r\nX: a\0b\r\n\r\n",
    "cr_in_trailer": ONE + b"0\r\nX: a\rb\r\n\r\n",
    "lf_ends_trailer": ONE + b"0\r\nX: a\n\r\n",
    "lf_ends_body": ONE + b"0\r\n\n",
}
MALFORMED |= {f"chunk_{k}": head(LINE, HOST, JSON, CHUNKED) + v
              for k, v in MALFORMED_CHUNKS.items()}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_gets_400_and_close_and_nothing_is_emitted(server, name):
    with server.connect() as c:
        c.send(MALFORMED[name] + post(payload(alert("Behind"))))
        answer = c.answer()
        assert answer.status == 400
        assert answer.closes()
        assert answer.tells_one_line()
        assert c.is_closed(), "something was answered behind the refusal"
    assert server.lines() == []
    assert server.status_of("/-/healthy") == 200


# name: (request, status)
REFUSED = {
    "404": (post(BODY, target="/other"), 404),
    "404_root": (get("/"), 404),
    "404_longer": (post(BODY, target="/webhook/"), 404),
    "404_two_slashes": (post(BODY, target="//webhook"), 404),
    "404_shorter": (post(BODY, target="/webhoo"), 404),
    "404_upper_case": (post(BODY, target="/Webhook"), 404),
    "404_authority_only": (post(BODY, target="http://bell"), 404),
    "405_get": (get("/webhook"), 405),
    "405_delete": (get("/webhook", method="DELETE"), 405),
    "405_options": (get("/webhook", method="OPTIONS"), 405),
    "405_metrics": (post(BODY, target="/metrics"), 405),
    "405_healthy": (post(BODY, target="/-/healthy", method="PUT"), 405),
    "405_ready": (get("/-/ready", method="DELETE"), 405),
    "411": (head(LINE, HOST, JSON), 411),
    "411_put": (head("PUT /webhook HTTP/1.1", HOST, JSON), 411),
    "415_none": (head(LINE, HOST, LENGTH) + BODY, 415),
    "415_empty": (head(LINE, HOST, LENGTH, "Content-Type:") + BODY, 415),
    "415_text": (head(LINE, HOST, LENGTH, "Content-Type: text/plain") + BODY,
                 415),
    "415_form": (head(LINE, HOST, LENGTH, "Content-Type: "
                      "application/x-www-form-urlencoded") + BODY, 415),
    "415_longer": (head(LINE, HOST, LENGTH,
                        "Content-Type: application/jsonp") + BODY, 415),
    "415_gzip": (post(BODY, "Content-Encoding: gzip"), 415),
    "415_gzip_chunked": (post_chunked(BODY, "Content-Encoding: gzip"), 415),
    "415_identity_gzip": (post(BODY, "Content-Encoding: identity, gzip"), 415),
    "417": (post(BODY, "Expect: something"), 417),
    "501_unknown": (post(BODY, method="BREW"), 501),
    "501_lower_case": (post(BODY, method="post"), 501),
    "400_not_json": (post(b"not json"), 400),
    "400_not_json_chunked": (post_chunked(b"not json"), 400),
    "400_empty": (post(b""), 400),
    "422_no_payload": (post(b"{}"), 422),
    "422_no_payload_chunked": (post_chunked(b"{}", size=1), 422),
    "413_labels": (post(payload(alert(labels={f"l{i}": "" for i in
                                              range(130)}))), 413),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_its_status_and_the_connection_is_kept(server, name):
    request, status = REFUSED[name]
    with server.connect() as c:
        c.send(request)
        answer = c.answer()
        assert answer.status == status
        assert answer.get("Connection") is None
        assert answer.tells_one_line()
        assert server.lines() == []
        c.send(post(payload(alert())))
        assert c.answer().status == 200
    assert len(server.lines()) == 1


@pytest.mark.parametrize("line,status", [
    ("POST /webhook HTTP/2.0", 505),
    ("POST /webhook HTTP/3.0", 505),
    ("POST /webhook HTTP/0.9", 505),
    ("POST /" + 5000 * "a" + " HTTP/1.1", 414),
    ("POST /webhook?" + 5000 * "a" + " HTTP/1.1", 414),
])
def test_refused_by_the_request_line(server, line, status):
    with server.connect() as c:
        c.send(with_line(line))
        answer = c.answer()
        assert answer.status == status
        assert answer.tells_one_line()
        assert answer.closes() and c.is_closed()
    assert server.lines() == []


@pytest.mark.parametrize("coding", ["gzip, chunked", "br, chunked"])
def test_a_transfer_coding_but_chunked_gets_501_and_close(server, coding):
    with server.connect() as c:
        c.send(head(LINE, HOST, JSON, f"Transfer-Encoding: {coding}") +
               chunked(BODY))
        answer = c.answer()
        assert answer.status == 501
        assert answer.tells_one_line()
        assert answer.closes() and c.is_closed()
    assert server.lines() == []


@pytest.mark.parametrize("coding", ["gzip", "identity", "xchunked",
                                    "chunked;a=b"])
def test_a_transfer_coding_without_chunked_is_refused_and_closed(server,
                                                                 coding):
    with server.connect() as c:
        c.send(with_fields(f"Transfer-Encoding: {coding}"))
        answer = c.answer()
        assert answer.status in (400, 501)
        assert answer.closes() and c.is_closed()
    assert server.lines() == []


@pytest.mark.parametrize("request_, allowed", [
    (get("/webhook"), {"POST", "PUT"}),
    (get("/webhook", method="DELETE"), {"POST", "PUT"}),
    (post(BODY, target="/metrics"), {"GET", "HEAD"}),
    (post(BODY, target="/-/healthy"), {"GET", "HEAD"}),
    (get("/-/ready", method="OPTIONS"), {"GET", "HEAD"}),
])
def test_405_tells_what_is_allowed(server, request_, allowed):
    answer = server.ask(request_)
    assert answer.status == 405
    assert {m.strip() for m in answer.get("Allow").split(",")} == allowed


def line_of(n):
    """A request line of n bytes, without its end."""
    line = "POST /webhook?"
    return line + "a" * (n - len(line + " HTTP/1.1")) + " HTTP/1.1"


@pytest.mark.parametrize("size,status", [(4094, 200), (4099, 414)])
def test_a_request_line_may_have_4_kib(server, size, status):
    assert server.ask(with_line(line_of(size))).status == status


@pytest.mark.parametrize("size,status", [(8192, 200), (8195, 431)])
@pytest.mark.parametrize("fields", [1, 50])
def test_a_head_may_have_8_kib(server, size, status, fields):
    extra = [f"X{i}: " for i in range(fields)]
    room = size - len(head(LINE, HOST, JSON, LENGTH, *extra))
    extra[-1] += "a" * room
    with server.connect() as c:
        request = head(LINE, HOST, JSON, LENGTH, *extra)
        assert len(request) == size
        c.send(request + BODY)
        answer = c.answer()
        assert answer.status == status
        if status == 431:
            assert answer.tells_one_line()
            assert answer.closes() and c.is_closed()


def test_an_endless_head_gets_431_before_it_ends(server):
    with server.connect() as c:
        c.send(head(LINE, HOST)[:-2] + b"X: " + b"a" * 9000)
        assert c.answer().status == 431


@pytest.mark.parametrize("size,status", [(1000, 200), (1001, 413)])
@pytest.mark.parametrize("make", [post, post_chunked])
def test_a_body_over_max_body_gets_413(start, make, size, status):
    server = start("--max-body", "1000")
    with server.connect() as c:
        c.send(make(padded(payload(alert()), size)))
        answer = c.answer()
        assert answer.status == status
        assert answer.tells_one_line()
        assert len(server.lines()) == (status == 200)
        c.send(make(payload(alert())))
        assert c.answer().status == 200


@pytest.mark.parametrize("length", ["9" * 18, str(2 ** 64 - 1), str(2 ** 64),
                                    str(2 ** 64 + 5), "9" * 200])
def test_a_length_beyond_all_measure_gets_413(server, length):
    with server.connect() as c:
        c.send(head(LINE, HOST, JSON, f"Content-Length: {length}") + BODY)
        answer = c.answer()
        assert answer.status == 413
        assert answer.closes() and c.is_closed()
    assert server.lines() == []


def test_a_large_chunk_gets_413_before_it_ends(start):
    server = start("--max-body", "100K")
    with server.connect() as c:
        c.send(head(LINE, HOST, JSON, CHUNKED) + b"fffffff\r\n" +
               b" " * 200000)
        assert c.answer().status == 413


@pytest.mark.parametrize("before, chunk", [(0, 0x19001), (1000, 0x18c1a),
                                           (0, 2 ** 52)])
def test_a_chunk_that_would_be_too_much_is_refused_by_its_size(start, before,
                                                               chunk):
    server = start("--max-body", "100K")
    with server.connect() as c:
        c.send(head(LINE, HOST, JSON, CHUNKED))
        if before:
            c.send(b"%x\r\n%s\r\n" % (before, b" " * before))
        c.send(b"%x\r\n" % chunk)
        answer = c.answer()
        assert answer.status == 413
        assert answer.closes() and c.is_closed()


@pytest.mark.parametrize("kib", [30, 40, 64, 72, 100, 108, 150])
def test_an_error_within_one_large_chunk_is_told_before_it_ends(server, kib):
    body = as_bytes(group(1))[:-1] + b" " * 1024 * kib + b"!" + b" " * 80000
    with server.connect() as c:
        c.send(head(LINE, HOST, JSON, CHUNKED) + b"3ffff00\r\n" + body)
        answer = c.answer()
        assert answer.status == 400
        assert answer.closes()


# --- the connection behind a refusal ----------------------------------------

@pytest.mark.parametrize("make", [
    lambda n: post(b"x" * n, target="/other"),
    lambda n: head("POST /other HTTP/1.1", HOST, CHUNKED) +
    chunked(b"x" * n, size=4096),
    lambda n: post(b"x" * n, "Content-Encoding: gzip"),
    lambda n: get("/webhook", f"Content-Length: {n}") + b"x" * n,
])
def test_a_refused_body_of_32_kib_is_read_and_the_connection_kept(server,
                                                                  make):
    with server.connect() as c:
        c.send(make(KIB32))
        answer = c.answer()
        assert answer.status in (404, 405, 415)
        assert answer.get("Connection") is None
        c.send(get("/-/healthy"))
        assert c.answer().status == 200


@pytest.mark.parametrize("make", [
    lambda n: post(b"x" * n, target="/other"),
    lambda n: head("POST /other HTTP/1.1", HOST, CHUNKED) +
    chunked(b"x" * n, size=4096),
    lambda n: post(b"x" * n),
    lambda n: post(b'{"alerts":1}' + b" " * n),
])
def test_a_refused_body_far_larger_is_answered_with_close(server, make):
    with server.connect() as c:
        c.send(make(200000))
        answer = c.answer()
        assert answer.status in (400, 404, 422)
        assert answer.closes() and c.is_closed()


# --- what is fine -----------------------------------------------------------

@pytest.mark.parametrize("count,text", [(0, "accepted 0 alerts"),
                                        (2, "accepted 2 alerts")])
def test_accepted_tells_how_many(server, count, text):
    answer = server.post(group(count))
    assert (answer.status, answer.text()) == (200, text + "\n")
    assert answer.tells_one_line()
    assert len(server.lines()) == count


FINE = {
    "post": post(BODY),
    "put": post(BODY, method="PUT"),
    "chunked": post_chunked(BODY),
    "chunks_of_a_byte": post_chunked(BODY, size=1),
    "chunk_extension": head(LINE, HOST, JSON, CHUNKED) + SIZE +
    b";a;b=c;d=\"e;\\\"\xe4\"\r\n" + BODY + b"\r\n0;last\r\n\r\n",
    "chunk_size_upper_case": head(LINE, HOST, JSON, CHUNKED) + SIZE.upper() +
    REST,
    "chunk_size_with_zeros": head(LINE, HOST, JSON, CHUNKED) + b"0000" + SIZE +
    b"\r\n" + BODY + b"\r\n000\r\n\r\n",
    "trailers": head(LINE, HOST, JSON, CHUNKED) + ONE +
    b"0\r\nX: y\r\nContent-Length: 3\r\nEmpty:\r\n\r\n",
    "coding_upper_case": head(LINE, HOST, JSON, "transfer-encoding: CHUNKED") +
    chunked(BODY),
    "length_with_zeros": with_fields(f"Content-Length: 000{len(BODY)}"),
    "field_names_in_any_case": head(LINE, "hOST: bell",
                                    "CONTENT-type: application/json",
                                    f"content-LENGTH: {len(BODY)}") + BODY,
    "blanks_around_values": with_fields(
        f"Content-Length: \t{len(BODY)} \t", "X:", "Y:\t"),
    "no_blanks": head(LINE, "Host:bell", "Content-Type:application/json",
                      f"Content-Length:{len(BODY)}") + BODY,
    "empty_host": with_hosts("Host:"),
    "host_with_port": with_hosts("Host: [::1]:5000"),
    "charset": head(LINE, HOST, LENGTH,
                    "Content-Type: application/json; charset=utf-8") + BODY,
    "type_upper_case": head(LINE, HOST, LENGTH,
                            "Content-Type: Application/JSON;charset=UTF-8") +
    BODY,
    "identity": post(BODY, "Content-Encoding: identity"),
    "query": post(BODY, target="/webhook?a=b&c"),
    "empty_query": post(BODY, target="/webhook?"),
    "query_with_slash": post(BODY, target="/webhook?/other"),
    "absolute_form": post(BODY, target="http://any.example:99/webhook"),
    "absolute_form_query": post(BODY, target="HTTP://any.example/webhook?a"),
    "empty_line_in_front": b"\r\n" + post(BODY),
    "alertmanager": head(LINE, "Host: 127.0.0.1:5000",
                         "User-Agent: Alertmanager/0.25.0", LENGTH, JSON) +
    BODY,
    "1.0": post(BODY).replace(b"HTTP/1.1", b"HTTP/1.0"),
    "1.0_without_host": head("POST /webhook HTTP/1.0", JSON, LENGTH) + BODY,
    "1.0_with_expectation": post(BODY, "Expect: 100-continue")
    .replace(b"HTTP/1.1", b"HTTP/1.0"),
}


@pytest.mark.parametrize("name", FINE)
def test_fine_requests_get_200_and_their_line_is_out_by_then(server, name):
    answer = server.ask(FINE[name])
    assert answer.status == 200, answer
    assert len(server.lines()) == 1


@pytest.mark.parametrize("page", ["/-/healthy", "/-/ready", "/metrics"])
@pytest.mark.parametrize("target", ["{}", "{}?a=b", "http://bell{}"])
def test_pages_are_there_for_get_and_head(server, page, target):
    with server.connect() as c:
        c.send(get(target.format(page)))
        answer = c.answer()
        assert answer.status == 200 and answer.body.endswith(b"\n")
        c.send(get(target.format(page), method="HEAD"))
        answer = c.answer(head=True)
        assert answer.status == 200 and int(answer.get("Content-Length")) > 0
        c.send(get(target.format(page), "Connection: close"))
        assert c.answer().status == 200  # HEAD's had no body in front of it
        assert c.is_closed()


@pytest.mark.parametrize("target,status", [("/webhook", 405), ("/no", 404)])
def test_a_refused_head_has_no_body(server, target, status):
    with server.connect() as c:
        c.send(get(target, "Connection: close", method="HEAD"))
        assert c.answer(head=True).status == status
        assert c.is_closed()


def test_date_is_now(server):
    answer = server.ask(get("/-/healthy"))
    date = email.utils.parsedate_to_datetime(answer.get("Date"))
    assert abs(date.timestamp() - time.time()) < 60


def test_keep_alive_over_many_requests(server):
    with server.connect() as c:
        for i in range(50):
            c.send((post if i % 2 else post_chunked)(payload(alert())))
            answer = c.answer()
            assert answer.status == 200
            assert answer.get("Connection") is None
    assert len(server.lines()) == 50


@pytest.mark.parametrize("field", ["close", "Close", "keep-alive, close",
                                   "x,close"])
def test_connection_close_is_obeyed(server, field):
    with server.connect() as c:
        c.send(post(BODY, f"Connection: {field}") + post(BODY))
        answer = c.answer()
        assert answer.status == 200
        assert answer.closes() and c.is_closed()
    assert len(server.lines()) == 1


def test_http_1_0_closes_unless_asked_to_keep(server):
    with server.connect() as c:
        for _ in range(3):
            c.send(head("GET /-/healthy HTTP/1.0", "Connection: keep-alive"))
            answer = c.answer()
            assert answer.status == 200
            assert answer.get("Connection").lower() == "keep-alive"
        c.send(head("GET /-/healthy HTTP/1.0"))
        assert c.answer().status == 200
        assert c.is_closed()


def test_pipelined_requests_are_answered_in_order(server):
    with server.connect() as c:
        c.send(post(group(2)) +
               get("/-/healthy") +
               post(b"{}") +
               post_chunked(group(1, "Chunked")) +
               get("/-/healthy", method="HEAD") +
               post(BODY, target="/other") +
               post(group(3), "Connection: close") +
               post(payload(alert("Behind"))))
        got = [c.answer(head=i == 4) for i in range(7)]
        assert c.is_closed()
    assert [a.status for a in got] == [200, 200, 422, 200, 200, 404, 200]
    assert [got[i].text() for i in (0, 6)] == ["accepted 2 alerts\n",
                                              "accepted 3 alerts\n"]
    assert [("Chunked" in x, "Behind" in x) for x in server.lines()] == [
        (False, False)] * 2 + [(True, False)] + [(False, False)] * 3


def test_many_pipelined_posts(server):
    with server.connect() as c:
        c.send(b"".join(post(payload(alert(f"P{i}"))) for i in range(200)))
        assert [c.answer().status for _ in range(200)] == [200] * 200
    assert [f"P{i}{{" in x or f"P{i} " in x
            for i, x in enumerate(server.lines())] == [True] * 200


SMALL = as_bytes({"status": "firing", "alerts": [{"labels": {"a": "\u00e9"}}]})


@pytest.mark.parametrize("request_", [
    post(SMALL),
    head(LINE, HOST, JSON, CHUNKED) + b"5;a=\"b\"\r\n" + SMALL[:5] + b"\r\n" +
    b"%x\r\n" % (len(SMALL) - 5) + SMALL[5:] + b"\r\n0\r\nX: y\r\n\r\n",
], ids=["length", "chunked"])
def test_a_request_split_at_any_byte(server, request_):
    cuts = range(1, len(request_))
    with server.connect() as c:
        for i in cuts:
            c.send(request_[:i], request_[i:], pause=0.0005)
            assert c.answer().status == 200, f"split at {i}"
        c.send(*(request_[i:i + 1] for i in range(len(request_))),
               pause=0.0001)
        assert c.answer().status == 200
    assert len(server.lines()) == len(cuts) + 1


def test_a_refused_request_split_at_any_byte(server):
    request = post(b'{"alerts":[{"labels":{"a":1}}]}')
    with server.connect() as c:
        for i in range(1, len(request)):
            c.send(request[:i], request[i:], pause=0.0005)
            answer = c.answer()
            assert answer.status == 422, f"split at {i}"
            assert "alerts[0].labels.a" in answer.text()
    assert server.lines() == []


def test_100_continue_comes_before_the_body(server):
    request = post(BODY, "Expect: 100-continue")
    with server.connect() as c:
        for _ in range(2):
            c.send(request[:-len(BODY)])
            assert c.answer().status == 100
            c.send(BODY)
            assert c.answer().status == 200
    assert len(server.lines()) == 2


def test_100_continue_for_a_chunked_body(server):
    with server.connect() as c:
        c.send(head(LINE, HOST, JSON, CHUNKED, "expect: 100-Continue"))
        assert c.answer().status == 100
        c.send(chunked(BODY))
        assert c.answer().status == 200


def test_a_body_that_does_not_wait_for_100_continue(server):
    with server.connect() as c:
        c.send(post(BODY, "Expect: 100-continue"))
        answer = c.answer()
        if answer.status == 100:
            answer = c.answer()
        assert answer.status == 200


@pytest.mark.parametrize("line,fields,status", [
    ("POST /other HTTP/1.1", [JSON, LENGTH], 404),
    ("GET /webhook HTTP/1.1", [JSON, LENGTH], 405),
    (LINE, [LENGTH], 415),
    (LINE, [JSON, LENGTH, "Content-Encoding: gzip"], 415),
    (LINE, [JSON, "Content-Length: 99999999999"], 413),
])
def test_a_refusal_comes_in_place_of_100_continue(server, line, fields,
                                                  status):
    with server.connect() as c:
        c.send(head(line, HOST, "Expect: 100-continue", *fields))
        assert c.answer().status == status


@pytest.mark.parametrize("request_", [post(BODY), post_chunked(BODY),
                                      get("/-/healthy"), get("/metrics")])
def test_a_client_that_says_no_more_still_gets_its_answer(server, request_):
    with server.connect() as c:
        c.send(request_)
        c.end()
        assert c.answer().status == 200
        assert c.is_closed()


@pytest.mark.parametrize("make", [post, post_chunked])
@pytest.mark.parametrize("lost", [1, 50, len(BODY) - 1])
def test_nothing_of_a_cut_body_is_emitted(server, make, lost):
    with server.connect() as c:
        c.send(make(BODY)[:-lost])
        c.end()
        try:
            while c._more():
                pass
        except ConnectionResetError:
            pass
    assert b"200 OK" not in c.buffer
    assert server.lines() == []
    assert server.status_of("/-/healthy") == 200


def test_another_path_can_be_set(start):
    server = start("--path", "/a/b.c")
    assert server.ask(post(BODY, target="/a/b.c")).status == 200
    assert server.ask(post(BODY)).status == 404
    assert server.ask(get("/a/b.c")).status == 405
