"""A machine under qemu, with a shell on its console and bellwire in it."""
import base64
import contextlib
import lzma
import os
import re
import select
import shutil
import socket
import subprocess
import tempfile
import threading
import time

from cpio import Cpio
from machines import MACHINES, PARAMETERS, SOFT

HERE = os.path.dirname(os.path.abspath(__file__))
PARTS = os.path.join(HERE, "../../third_party/unpacked/boards")
# How much slower than usual this machine may be before a wait gives up.
PATIENCE = float(os.environ.get("PATIENCE", "1"))


def free_ports(n):
    """Ports that nobody had a moment ago."""
    taken = [socket.socket() for _ in range(n)]
    for s in taken:
        s.bind(("127.0.0.1", 0))
    ports = [s.getsockname()[1] for s in taken]
    for s in taken:
        s.close()
    return ports


def first_there(folder, *names):
    return next(p for p in (os.path.join(folder, n) for n in names)
                if os.path.exists(p))


def read(path):
    with open(path, "rb") as f:
        return f.read()


def add_modules(machine, cpio):
    """Those that are wanted and what they need, in the order to load them."""
    if not machine.modules:
        return
    root = f"{PARTS}/{machine.kernel}"
    top = first_there(root, "usr/lib/modules", "lib/modules")
    version, = os.listdir(top)
    if not os.path.exists(f"{top}/{version}/modules.dep"):
        if not os.path.exists(f"{root}/lib"):
            os.symlink("usr/lib", f"{root}/lib")
        subprocess.run(["depmod", "-b", root, version], check=True)
    needs = {}
    with open(f"{top}/{version}/modules.dep") as f:
        for line in f:
            path, _, those = line.partition(":")
            needs[path] = those.split()

    def name(path):
        return os.path.basename(path).partition(".ko")[0].replace("-", "_")
    paths = {name(p): p for p in needs}
    order = []

    def want(path):
        if path not in order:
            for p in reversed(needs[path]):
                want(p)
            order.append(path)
    for module in machine.modules:
        for wanted in SOFT.get(module, ()) + (module,):
            if wanted.replace("-", "_") in paths:  # else it is built in
                want(paths[wanted.replace("-", "_")])
    for path in order:
        data = read(f"{top}/{version}/{path}")
        cpio.file(f"modules/{name(path)}.ko",
                  lzma.decompress(data) if path.endswith(".xz") else data)
    cpio.file("modules/order", "".join(
        f"{name(p)}.ko {PARAMETERS.get(name(p), '')}\n"
        for p in order).encode())


class Line:
    """The other end of the second UART. It is always read: a PL011 of qemu
    writes each byte at once, and the whole machine stands still when about 280
    of them wait in the socket."""

    def __init__(self, end):
        self.end, self.got = end, b""
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        with contextlib.suppress(OSError):  # qemu has ended
            while more := self.end.recv(65536):
                self.got += more

    def send(self, data):
        self.end.sendall(data)


class Guest:
    """Booted once this returns. `files` are (path, bytes, mode); `early` is a
    script that runs before modules and network are there."""

    def __init__(self, name, program, folder, files=(), early=""):
        m = self.machine = MACHINES[name]
        self.line = None  # once a test wants it
        self.dir = tempfile.mkdtemp(prefix="bellwire-board-")
        cpio = Cpio()
        busybox = first_there(f"{PARTS}/{m.busybox}", "usr/bin/busybox",
                              "bin/busybox")
        for path, data in (("bin/busybox", read(busybox)),
                           ("init", read(f"{HERE}/init")),
                           ("bin/aid", read(os.path.join(
                               os.path.dirname(program), "aid"))),
                           ("bin/bellwire", read(program))):
            cpio.file(path, data, 0o755)
        for path, data, mode in files:
            cpio.file(path, data, mode)
        if early:
            cpio.file("early", early.encode())
        add_modules(m, cpio)
        with open(f"{self.dir}/initrd", "wb") as f:
            f.write(cpio.finish())
        self.ports = free_ports(3)
        self.log = f"{folder}/{name}.console"
        with open(f"{self.dir}/qemu", "wb") as err:
            self.qemu = subprocess.Popen(self.arguments(), stderr=err,
                                         stdin=subprocess.DEVNULL, stdout=err)
        began, self.got, self.before = time.monotonic(), b"", b""
        try:
            self.console = self.attach("console")
            self.release = self.until(rb"@@ready ([^\r\n]*)\r?\n",
                                      240 * PATIENCE).group(1).decode()
        except Exception:
            self.kill()
            raise
        self.boot_s = time.monotonic() - began

    def arguments(self):
        m = self.machine
        boot = f"{PARTS}/{m.kernel}/boot"
        image, = (f for f in os.listdir(boot) if f.startswith(m.image))
        forward = "".join(f",hostfwd=tcp:127.0.0.1:{port}-10.0.2.15:{5000 + i}"
                          for i, port in enumerate(self.ports))

        def chardev(which, more=""):
            return ["-chardev", f"socket,id={which},path={self.dir}/{which},"
                    f"server=on,wait=off{more}"]
        args = [m.qemu, *m.args.split(), "-nodefaults", "-display", "none",
                "-no-reboot", *chardev("console", f",logfile={self.log}"),
                *chardev("sink"), "-kernel", f"{boot}/{image}",
                "-initrd", f"{self.dir}/initrd", "-append",
                f"console={m.console},115200 rdinit=/init loglevel=4 panic=-1 "
                "audit=1 " + " ".join(
                    f"{module}.{p}" for module, p in PARAMETERS.items())]
        if m.dtb:
            args += ["-dtb", f"{boot}/{m.dtb}"]
        if m.net.startswith("virtio"):
            return args + ["-netdev", f"user,id=n0,restrict=on{forward}",
                           "-device", f"{m.net},netdev=n0"]
        return args + ["-nic", f"user,restrict=on,model={m.net}{forward}"]

    def attach(self, which):
        end = time.monotonic() + 20 * PATIENCE
        while True:
            s = socket.socket(socket.AF_UNIX)
            try:
                s.connect(f"{self.dir}/{which}")
                return s
            except OSError:
                s.close()
                if time.monotonic() > end or self.qemu.poll() is not None:
                    raise OSError(read(f"{self.dir}/qemu").decode()) from None
                time.sleep(0.1)

    def until(self, pattern, timeout):
        end = time.monotonic() + timeout
        while not (m := re.search(pattern, self.got)):
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"console: no {pattern}: {self.got[-600:]}")
            if select.select([self.console], [], [], min(left, 1))[0]:
                more = self.console.recv(65536)
                if not more:
                    raise EOFError(f"console closed: {self.got[-1500:]}")
                self.got += more
        self.before, self.got = self.got[:m.start()], self.got[m.end():]
        return m

    def sh(self, script, timeout=60):
        """Runs it there; (status, output)."""
        text = base64.b64encode(script.encode()).decode()
        for i in range(0, len(text), 1000):
            self.console.sendall(f"B {text[i:i + 1000]}\n".encode())
        self.console.sendall(b"R\n")
        m = self.until(rb"@@(\d+)@@\r?\n", timeout * PATIENCE)
        return int(m.group(1)), \
            self.before.replace(b"\r\n", b"\n").decode(errors="replace")

    def out(self, script, timeout=60):
        return self.sh(script, timeout)[1]

    def put(self, path, data, mode=0o600):
        """A file that appears under its name whole."""
        text = base64.b64encode(data.encode()).decode()
        status, said = self.sh(
            f"echo {text} | base64 -d >{path}.new && "
            f"chmod {mode:o} {path}.new && mv {path}.new {path}")
        assert status == 0, said

    def close(self):
        try:
            self.console.sendall(
                b"B " + base64.b64encode(b"poweroff -f") + b"\nR\n")
            self.qemu.wait(8)
        except (OSError, subprocess.TimeoutExpired):
            pass
        self.kill()

    def kill(self):
        if self.qemu.poll() is None:
            self.qemu.kill()
        self.qemu.wait()
        shutil.rmtree(self.dir, ignore_errors=True)


class Bellwire:
    """One of them, running in the guest."""
    count = 0

    def __init__(self, guest, *args, wait="msg=listening"):
        Bellwire.count += 1
        self.guest, self.n = guest, f"/tmp/w/b{Bellwire.count}"
        quoted = " ".join("'" + a.replace("'", "'\\''") + "'" for a in args)
        self.began = time.monotonic()
        guest.sh(f"""cd /tmp/w
( sh -c 'echo $$ >{self.n}.pid; exec bellwire "$@"' bellwire {quoted} \\
	>{self.n}.out 2>{self.n}.err </dev/null
echo $? >{self.n}.rc ) >/dev/null 2>&1 &
""")
        if wait:
            self.wait_log(wait)

    def log(self):
        return self.guest.out(f"cat {self.n}.err")

    def lines(self):
        return self.guest.out(f"cat {self.n}.out").splitlines()

    def pid(self):
        return self.guest.out(f"cat {self.n}.pid").strip()

    def status(self):
        """Its exit status, None while it runs."""
        text = self.guest.out(f"cat {self.n}.rc 2>/dev/null").strip()
        return int(text) if text else None

    def wait_log(self, text, timeout=30):
        end = time.monotonic() + timeout * PATIENCE
        while text not in (log := self.log()):
            status = self.status()
            if status is not None or time.monotonic() > end:
                raise AssertionError(
                    f"no {text!r}, exit status {status}: {log[-800:]}")
            time.sleep(0.1)
        return log

    def signal(self, name):
        self.guest.sh(f"kill -{name} $(cat {self.n}.pid)")

    def wait_exit(self, timeout=20):
        end = time.monotonic() + timeout * PATIENCE
        while time.monotonic() < end:
            status = self.status()
            if status is not None:
                return status
            time.sleep(0.1)
        raise AssertionError(f"still runs: {self.log()[-500:]}")

    def stop(self):
        if self.status() is None:
            self.signal("TERM")
        return self.wait_exit()

    def kill(self):
        self.signal("KILL")
        return self.wait_exit()
