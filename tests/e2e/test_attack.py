"""A short share of tests/attack: what cannot depend on how fast the machine is.
A good client is answered each time, and the log stays small."""
import sys
from pathlib import Path

import pytest

from helpers import BELLWIRE, HERE
from tls_helpers import pki  # noqa: F401

sys.path.insert(0, str(HERE.parent / "attacks"))
import wire  # noqa: E402
from catalog import all_attacks  # noqa: E402
from trial import Trial  # noqa: E402


@pytest.fixture
def attack(tmp_path, pki):  # noqa: F811
    """attack(name, peers) -> a row of the table, of one short round."""
    trial = Trial(BELLWIRE, Path(BELLWIRE).parent / "attack", tmp_path, pki,
                  pins=False)
    attacks = {a.name: a for a in all_attacks(wire.Chains(pki))}
    return lambda name, peers: trial.run(attacks[name], peers, 1, 1.5)


@pytest.mark.parametrize("name, peers", [
    ("tls-empty-data", 4), ("pipe-alerts-head", 8), ("refused-kinds", 1),
    ("request-reset", 8)])
def test_who_does_nothing_wrong_is_answered(attack, name, peers):
    row = attack(name, peers)
    assert row.sent > 100_000 and row.rounds[0]
    assert row.failures == 0
    assert not row.fills_log()


@pytest.mark.parametrize("name", ["hello-storm", "hello-answered", "greetings"])
def test_who_comes_anew_among_handshakes_is_answered(attack, name):
    """The table of connections is full all the time."""
    row = attack(name, 63)
    assert row.opened > 63 and row.newcomers
    assert row.lost == 0
