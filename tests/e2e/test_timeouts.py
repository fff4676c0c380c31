"""Time-outs in real time: the clients of slow.py waited beside other tests."""
import pytest


@pytest.mark.parametrize("kind", ["line", "head", "drip", "second"])
def test_a_head_that_is_not_whole_in_10_s_gets_408_and_close(slow, kind):
    seconds, answer, closed = slow.result(kind)
    assert answer.status == 408
    assert answer.closes() and closed
    assert answer.tells_one_line()
    assert 9.9 < seconds < 25


def test_a_body_that_is_not_whole_in_30_s_gets_503_and_close(slow):
    seconds, answer, closed = slow.result("body")
    assert answer.status == 503
    assert answer.get("Retry-After")
    assert answer.closes() and closed
    assert answer.tells_one_line()
    assert 29.9 < seconds < 75


def test_an_idle_connection_outlives_the_time_for_a_head(slow):
    assert slow.result("idle").status == 200
