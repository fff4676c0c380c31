"""Clients that take their time, each in a thread, for test_timeouts.py."""
import threading
import time

from helpers import get, group, head, post, JSON

HEAD = b"POST /webhook HTTP/1.1\r\nHost: bell\r\n"


class SlowClients:
    def __init__(self, server):
        self.server = server
        self.results = {}
        self.threads = {}
        for name, client in (("line", self.partial_line),
                             ("head", self.partial_head),
                             ("drip", self.dripping_head),
                             ("second", self.second_head),
                             ("body", self.slow_body),
                             ("idle", self.idle)):
            t = threading.Thread(target=self._run, args=(name, client),
                                 daemon=True)
            t.start()
            self.threads[name] = t

    def _run(self, name, client):
        try:
            with self.server.connect() as c:
                c.socket.settimeout(80)
                self.results[name] = client(c)
        except BaseException as e:  # told to the test that asks for it
            self.results[name] = e

    def result(self, name):
        self.threads[name].join(90)
        result = self.results[name]
        if isinstance(result, BaseException):
            raise result
        return result

    @staticmethod
    def _answer(c, begin):
        """(seconds, answer, was closed then)"""
        answer = c.answer()
        return time.monotonic() - begin, answer, c.is_closed()

    def partial_line(self, c):
        begin = time.monotonic()
        c.send(b"POST /web")
        return self._answer(c, begin)

    def partial_head(self, c):
        begin = time.monotonic()
        c.send(HEAD)
        return self._answer(c, begin)

    def _drip(self, c, piece, pause):
        """Sends until an answer has come."""
        c.socket.settimeout(pause)
        while True:
            try:
                if not c._more():
                    break
            except TimeoutError:
                c.send(piece)
                continue
            break
        c.socket.settimeout(80)

    def dripping_head(self, c):
        begin = time.monotonic()
        c.send(HEAD)
        self._drip(c, b"X: y\r\n", 0.5)
        return self._answer(c, begin)

    def second_head(self, c):
        c.send(get("/-/healthy"))
        assert c.answer().status == 200
        return self.partial_head(c)

    def slow_body(self, c):
        begin = time.monotonic()
        c.send(head("POST /webhook HTTP/1.1", "Host: bell", JSON,
                    "Content-Length: 1000") + b'{"alerts":[')
        self._drip(c, b" ", 1)
        return self._answer(c, begin)

    def idle(self, c):
        c.send(post(group(1)))
        assert c.answer().status == 200
        time.sleep(13)
        c.send(post(group(1)))
        return c.answer()
