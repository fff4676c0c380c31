"""GET /alerts: what is firing now, from a table of fixed size."""
import json

from helpers import alert, get, group, names_in, payload, wait_for


def ask(server, *fields, method="GET"):
    answer = server.ask(get("/alerts", *fields, method=method))
    assert answer.status == 200
    return answer


def listed(server):
    return json.loads(ask(server).body)


def names(server):
    return [a["labels"]["alertname"] for a in listed(server)]


def test_nothing_fires_at_first(server):
    assert listed(server) == []
    assert ask(server, "Accept: text/plain").body == b""


def test_what_fires_is_listed_until_it_resolves(server):
    server.accepts(payload(alert("A"), alert("B"), alert("C")))
    assert names(server) == ["A", "B", "C"]
    server.accepts(payload(alert("B", status="resolved")))
    assert names(server) == ["A", "C"]
    server.accepts(payload(alert("B")))
    assert names(server) == ["A", "C", "B"]


def test_a_repeat_is_listed_once(server):
    for _ in range(5):
        server.accepts(payload(alert("A")))
    assert names(server) == ["A"]


def test_a_change_takes_the_place_of_what_was_known(server):
    server.accepts(payload(alert("A", annotations={"summary": "one"})))
    server.accepts(payload(alert("A", annotations={"summary": "two"})))
    assert [a["annotations"]["summary"] for a in listed(server)] == ["two"]


def test_the_array_holds_what_format_json_emits(start):
    server = start("--emit", "stdout,format=json")
    server.accepts(payload(alert("A", labels={"x": "\u202e\u2028é\""}),
                           alert("B"), groupKey="g", externalURL="u"))
    wait_for("two lines", lambda: len(server.lines()) == 2)
    assert listed(server) == [json.loads(x) for x in server.lines()]


def test_text_is_what_format_line_emits(server):
    server.accepts(payload(alert("A"), alert("B", labels={"x": "\n\x1b"})))
    wait_for("two lines", lambda: len(server.lines()) == 2)
    text = ask(server, "Accept: text/plain").body.decode()
    assert text.splitlines() == server.lines()


def test_alerts_that_no_sink_wants_fire_too(start):
    server = start("--emit", "stdout,match=team=db")
    server.accepts(payload(alert("A")))
    assert names(server) == ["A"]


def test_head_has_the_length_and_no_body(server):
    server.accepts(group(100))
    assert ask(server, method="HEAD").body == b""
    assert len(names(server)) == 100


def test_beyond_its_size_the_oldest_are_left_out_and_counted(server):
    for i in range(80):
        server.accepts(group(50, name=f"G{i}x"))
    metrics = server.metrics()
    found = names(server)
    assert len(found) == metrics["bellwire_firing_alerts"]
    assert metrics["bellwire_firing_forgotten_total"] == 4000 - len(found) > 0
    everything = [f"G{i}x{k}" for i in range(80) for k in range(50)]
    assert set(found) <= set(everything)
    assert found[-50:] == everything[-50:]


def test_half_of_the_table_is_sure(server):
    """Many changes of some alerts push no other one out."""
    server.accepts(payload(*(alert(f"Keep{i}") for i in range(50))))
    for i in range(60):
        server.accepts(payload(*(alert(
            f"Flap{k}", annotations={"summary": str(i)}) for k in range(50))))
    found = names(server)
    assert {f"Keep{i}" for i in range(50)} <= set(found)
    assert len(found) == 100
    assert server.metrics()["bellwire_firing_forgotten_total"] == 0


def test_a_reader_that_does_not_read_holds_up_only_its_like(server):
    """The page is one for all: who does not read it makes others wait for it,
    and for nothing else; it is free again when that reader is gone."""
    server.accepts(payload(*(alert(
        f"Big{i}", annotations={"x": "y" * 20000}) for i in range(12))))
    with server.connect() as idle:
        for _ in range(20):  # more than the socket holds
            idle.send(get("/alerts"))
        assert server.ask(get("/-/healthy")).status == 200
        server.accepts(payload(alert("More")))

        def refused():  # as soon as that socket is full
            answer = server.ask(get("/alerts"))
            return answer if answer.status == 503 else None
        busy = wait_for("a page that is held", refused)
        assert busy.get("Retry-After")
        assert "another client" in busy.text() and busy.tells_one_line()
        assert server.metrics()[
            'bellwire_rejected_total{reason="page_busy"}'] == 1
    wait_for("the page", lambda: len(names(server)) == 13)
