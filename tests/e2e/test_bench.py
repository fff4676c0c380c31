"""tests/bench: a peer that loses lines is a result; bellwire that does so is the
end of the run."""
import sys
import types

import pytest

from helpers import HERE

sys.path.insert(0, str(HERE.parent / "bench"))
from servers import Server  # noqa: E402


def with_lines(tmp_path, lines, is_ours):
    server = Server.__new__(Server)
    server.process = types.SimpleNamespace(args=["peer"])
    server.drain, server.is_ours = True, is_ours
    server.expected = server.answered = server.lost = 0
    server.count = tmp_path / "count"
    server.count.write_bytes(lines.to_bytes(8, sys.byteorder))
    return server


def test_what_a_peer_loses_is_counted_once(tmp_path):
    peer = with_lines(tmp_path, 97, is_ours=False)
    peer.expect(100)
    assert (peer.lost, peer.answered) == (3, 100)
    peer.count.write_bytes((197).to_bytes(8, sys.byteorder))
    peer.expect(100)
    assert (peer.lost, peer.answered) == (3, 200)
    # one of them was late
    peer.count.write_bytes((298).to_bytes(8, sys.byteorder))
    peer.expect(100)
    assert (peer.lost, peer.answered) == (2, 300)


def test_what_bellwire_loses_ends_the_run(tmp_path):
    ours = with_lines(tmp_path, 99, is_ours=True)
    ours.expected = 100
    with pytest.raises(SystemExit, match="99 lines came out, 100 were expected"):
        ours.wait_lines(patience_s=0.1)
