"""Starts bellwire for a test, and ends all that was started."""
import tempfile
from pathlib import Path

import pytest

from helpers import Pipe, Server
from slow import SlowClients


@pytest.fixture
def open_folder():
    """One that other users may look into: pytest's are closed, and are closed
    again whenever another pytest begins."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@pytest.fixture
def start(tmp_path):
    """start(*options) -> Server; each must live to the end of the test, or be
    waited for there, and exit with 0 on SIGTERM."""
    servers = []

    def start_one(*options, **how):
        folder = tmp_path / f"server{len(servers)}"
        servers.append(Server(folder, *options, **how))
        return servers[-1]

    yield start_one
    try:
        for s in servers:
            s.stop()
    finally:
        for s in servers:
            s.kill()


@pytest.fixture
def server(start):
    return start()


@pytest.fixture
def pipe():
    p = Pipe()
    yield p
    p.close()


@pytest.fixture(scope="session", autouse=True)
def slow_clients(request, tmp_path_factory):
    """Clients that wait for real time-outs do so beside all other tests."""
    if not any("slow" in i.fixturenames for i in request.session.items):
        yield None
        return
    server = Server(tmp_path_factory.mktemp("slow"))
    try:
        yield SlowClients(server)
        server.stop()
    finally:
        server.kill()


@pytest.fixture
def slow(slow_clients):
    return slow_clients
