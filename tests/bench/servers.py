"""The servers that are compared, and what the kernel tells about them."""
import atexit
import json
import os
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import sys
import time

import payload

HERE = pathlib.Path(__file__).parent
O = pathlib.Path(os.environ.get("O", "build")).resolve()
BENCH = O / "bench"
WORK = BENCH / "work"
# Two of those that this process may use; the first has the server.
CORES = sorted(os.sched_getaffinity(0))
SERVER_CORE, LOAD_CORE = {CORES[0]}, {CORES[min(1, len(CORES) - 1)]}


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def read(path):
    """A file of /proc; empty if that thread has ended."""
    try:
        return pathlib.Path(path).read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def nginx(port, tls=False):
    at = WORK / f"nginx-{port}"
    at.mkdir()
    (at / "nginx.conf").write_text(f"""
worker_processes 1;
daemon off;
pid {at}/pid;
events {{ worker_connections 512; }}
http {{
    access_log off;
    keepalive_requests 1000000000;
    client_max_body_size 0;
    client_body_temp_path {at}/body;
    proxy_temp_path {at}/proxy;
    fastcgi_temp_path {at}/fastcgi;
    uwsgi_temp_path {at}/uwsgi;
    scgi_temp_path {at}/scgi;
    server {{
        listen 127.0.0.1:{port}{" ssl" if tls else ""};
        ssl_certificate {WORK}/cert.pem;
        ssl_certificate_key {WORK}/key.pem;
        location / {{ return 200 "accepted\\n"; }}
    }}
}}
""")
    return ["nginx", "-e", "stderr", "-p", at, "-c", at / "nginx.conf"]


def lighttpd(port):
    conf = WORK / f"lighttpd-{port}.conf"
    conf.write_text(f'server.document-root = "{WORK}"\n'
                    f'server.bind = "127.0.0.1"\nserver.port = {port}\n')
    return ["lighttpd", "-D", "-f", conf]


def request_file(alerts):
    path = WORK / f"request-{alerts}"
    if not path.exists():
        path.write_bytes(payload.request(alerts))
    return path


def floor(alerts):
    length = request_file(alerts).stat().st_size
    return lambda port: [BENCH / "floor", port, length]


def bellwire(port, *options):
    return [O / "bellwire", "--listen", f"127.0.0.1:{port}", *options]


def make_certificate():
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt",
         "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
         "/CN=bench", "-keyout", WORK / "key.pem", "-out", WORK / "cert.pem"],
        check=True, stderr=subprocess.DEVNULL)


COMMANDS = {
    "floor": lambda port: floor(1)(port),
    "bellwire": bellwire,
    "nginx": nginx,
    "go": lambda port: [BENCH / "receiver", port],
    "gunicorn": lambda port: [
        "/usr/bin/python3", "/usr/bin/gunicorn", "--chdir", HERE, "-b",
        f"127.0.0.1:{port}", "receiver:app"],
    "flask": lambda port: ["/usr/bin/python3", HERE / "receiver.py", port],
    "lighttpd": lighttpd,
    "busybox": lambda port: ["busybox", "httpd", "-f", "-p",
                             f"127.0.0.1:{port}", "-h", WORK],
}


class Server:
    """A process and its children, pinned to the server's core. `out` is
    "drain" for a pipe whose lines are counted, or a file descriptor."""

    def __init__(self, make, out="drain", prefix=()):
        self.port = free_port()
        command = [str(w) for w in [*prefix, *make(self.port)]]
        self.is_ours = str(O / "bellwire") in command
        self.drain, self.lost = None, 0
        if out == "drain":
            reading, out = os.pipe()
            self.watch(reading)
            os.close(reading)
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(WORK),
               "PYTHONDONTWRITEBYTECODE": "1"}
        with open(WORK / "stderr", "a") as err:
            self.process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                env=env, start_new_session=True,
                preexec_fn=lambda: os.sched_setaffinity(0, SERVER_CORE))
        if self.drain:
            os.close(out)
        atexit.register(self.stop)
        self.wait_listening()

    def watch(self, fd):
        """Counts the lines that come out of `fd` from now on."""
        self.count = WORK / f"lines-{self.port}"
        self.drain = subprocess.Popen(
            [BENCH / "drain", self.count], stdin=fd,
            preexec_fn=lambda: os.sched_setaffinity(0, LOAD_CORE))
        self.expected = self.answered = 0

    def lines(self):
        try:
            return int.from_bytes(self.count.read_bytes(), sys.byteorder)
        except FileNotFoundError:
            return 0

    def expect(self, lines):
        """That many more, for alerts that were answered with 200."""
        if self.drain:
            self.expected += lines
            self.answered += lines
            self.wait_lines()

    def wait_lines(self, patience_s=30):
        """Each alert that was answered with 200 comes out once, or the run ends.
        What a peer has not written after two quiet seconds is a result."""
        patience_s = patience_s if self.is_ours else 2
        last, deadline = self.lines(), time.monotonic() + patience_s
        while last < self.expected and time.monotonic() < deadline:
            time.sleep(0.005)
            if not self.is_ours and self.lines() != last:
                deadline = time.monotonic() + patience_s
            last = self.lines()
        if last != self.expected and self.is_ours:
            sys.exit(f"{self.process.args[0]}: {last} lines came out,"
                     f" {self.expected} were expected")
        self.lost += self.expected - last
        self.expected = last

    def wait_listening(self):
        deadline = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", self.port)).close()
                return
            except OSError:
                if self.process.poll() is not None or \
                        time.monotonic() > deadline:
                    sys.exit(f"{self.process.args} does not start, "
                             f"see {WORK}/stderr")
                time.sleep(0.005)

    def pids(self):
        todo, found = [self.process.pid], []
        while todo:
            pid = todo.pop()
            found.append(pid)
            for tid in os.listdir(f"/proc/{pid}/task"):
                todo += map(int, read(
                    f"/proc/{pid}/task/{tid}/children").split())
        return found

    def cpu_ns(self):
        # The kernel's clock of another process, threads that ended included:
        # what clock_getcpuclockid(3) makes of a PID.
        return sum(time.clock_gettime_ns(~pid << 3 | 2) for pid in self.pids())

    def from_proc(self, name, pattern, per_thread=False):
        total = 0
        for pid in self.pids():
            threads = os.listdir(f"/proc/{pid}/task") if per_thread else [None]
            for tid in threads:
                at = f"/proc/{pid}/task/{tid}" if tid else f"/proc/{pid}"
                m = re.search(pattern, read(f"{at}/{name}"), re.M)
                total += int(m.group(1)) if m else 0
        return total

    def rss_kib(self):
        # Not from `status`: that is off by what each core has not yet added.
        return self.from_proc("smaps_rollup", r"^Rss: +(\d+)")

    def peak_kib(self):
        return self.from_proc("status", r"^VmHWM:\s+(\d+)")

    def sleeps(self):
        return self.from_proc("status", r"^voluntary_ctxt_switches:\s+(\d+)",
                              per_thread=True)

    def file_bytes(self):
        """The program and the libraries that it has mapped."""
        files = set()
        for pid in self.pids():
            for line in open(f"/proc/{pid}/maps"):
                words = line.split(None, 5)
                if len(words) == 6 and "x" in words[1] and \
                        words[5].startswith("/"):
                    files.add(words[5].strip())
        return sum(os.path.getsize(f) for f in files)

    def stop(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGTERM)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
        if self.drain:
            self.drain.terminate()
            self.drain.wait()


def load(server, request, alerts, connections=8, ms=500, options=()):
    """One measurement: load's figures and the server's CPU time."""
    p = subprocess.Popen(
        [BENCH / "load", "-c", str(connections), "-m", str(ms), *options,
         str(server.port), request], stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True,
        preexec_fn=lambda: os.sched_setaffinity(0, LOAD_CORE))
    if p.stdout.readline() != "ready\n":
        sys.exit(f"no load on {server.process.args}")
    server.expect(connections * alerts)
    before = server.cpu_ns()
    p.stdin.write("go\n")
    p.stdin.flush()
    line = p.stdout.readline()
    if not line:
        sys.exit(f"no answers from {server.process.args}")
    result = json.loads(line)
    result["cpu_us"] = (server.cpu_ns() - before) / 1e3 / result["requests"]
    p.stdin.close()
    p.wait()
    if result["failures"]:
        sys.exit(f"{server.process.args}: {result['failures']} of "
                 f"{result['requests']} requests refused")
    server.expect(result["requests"] * alerts)
    return result


def fresh_work():
    shutil.rmtree(WORK, ignore_errors=True)
    WORK.mkdir(parents=True)
    make_certificate()
