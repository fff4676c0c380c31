"""A disk that fails, tears and forgets: a FUSE file system of one folder, whose
server is a process of its own and speaks the kernel's protocol itself.

It models a page cache. What is written is seen by all readers at once, by a
process that is started anew too; it is on the disk once fsync(2) has said so.
A failed fsync drops the marks of what is to be written, as Linux does: the next
one succeeds and writes nothing. At a power cut each sector of 512 bytes that
was not synced is there or not; a file's end that was appended is there up to
some byte; names come, go and change in order, up to some step, as in a journal.
"""
import ctypes
import errno
import json
import os
import random
import select
import signal
import socket
import stat
import struct
import threading

SECTOR = 512
ROOT = 1
(LOOKUP, FORGET, GETATTR, SETATTR, MKNOD, UNLINK, RENAME, LINK, OPEN, READ,
 WRITE, STATFS, RELEASE, FSYNC, FLUSH, INIT, OPENDIR, READDIR, RELEASEDIR,
 FSYNCDIR, ACCESS, CREATE, INTERRUPT, DESTROY, BATCH_FORGET, FALLOCATE,
 RENAME2) = (1, 2, 3, 4, 8, 10, 12, 13, 14, 15, 16, 17, 18, 20, 25, 26, 27, 28,
             29, 30, 34, 35, 36, 38, 42, 43, 45)
DIRECT_IO = 1
NOREPLACE = 1


class File:
    def __init__(self, number, mode, uid=0, gid=0):
        self.number, self.mode, self.uid, self.gid = number, mode, uid, gid
        self.now = bytearray()   # as readers see it
        self.disk = bytearray()  # as a power cut would leave it
        self.dirty = set()       # sectors that the next fsync writes
        self.lost = set()        # whose marks a failed fsync has dropped
        self.links = 1

    def write(self, at, data):
        if at > len(self.now):
            self.touch(len(self.now), at)
            self.now.extend(bytes(at - len(self.now)))
        self.now[at:at + len(data)] = data
        self.touch(at, at + len(data))

    def touch(self, begin, end):
        sectors = range(begin // SECTOR, (end + SECTOR - 1) // SECTOR)
        self.dirty.update(sectors)
        self.lost.difference_update(sectors)

    def resize(self, n):
        if n < len(self.now):
            del self.now[n:]
        else:
            self.now.extend(bytes(n - len(self.now)))
        self.dirty = {x for x in self.dirty if x * SECTOR < n}

    def put(self, sectors):
        for x in sectors:
            begin = x * SECTOR
            piece = self.now[begin:begin + SECTOR]
            if len(self.disk) < begin:
                self.disk.extend(bytes(begin - len(self.disk)))
            self.disk[begin:begin + len(piece)] = piece

    def sync(self):
        self.put(sorted(self.dirty))
        n = len(self.now)  # the size goes with it
        if len(self.disk) > n:
            del self.disk[n:]
        self.disk.extend(bytes(n - len(self.disk)))
        self.dirty.clear()

    def cut(self, numbers):
        before = len(self.disk)
        waiting = sorted(self.dirty | self.lost)
        inside = [x for x in waiting if (x + 1) * SECTOR <= before]
        keep = numbers.random()  # how much of it had been written
        self.put([x for x in inside if numbers.random() < keep])
        if len(self.now) > before:
            more = numbers.randrange(len(self.now) - before + 1)
            if numbers.random() < 0.3:
                more = 0
            self.disk[before // SECTOR * SECTOR:] = \
                self.now[before // SECTOR * SECTOR:before + more]
        elif len(self.now) < before and numbers.random() < 0.5:
            del self.disk[len(self.now):]
        self.now = bytearray(self.disk)
        self.dirty.clear()
        self.lost.clear()


class Server:
    """In the process of its own."""

    def __init__(self, path, control):
        self.path, self.control = path, control
        self.numbers = random.Random(0)
        self.files = {}  # by number
        self.names = {}
        self.on_disk = {}
        self.steps = []  # of names, not yet on the disk
        self.next = ROOT + 1
        self.faults = []  # [call, errno, times, pause, torn]
        self.hit = {}
        self.mount()

    def mount(self):
        self.fd = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        libc = ctypes.CDLL(None, use_errno=True)
        options = f"fd={self.fd},rootmode=40000,user_id={os.getuid()}," \
            f"group_id={os.getgid()},allow_other"
        if libc.mount(b"torture", os.fsencode(self.path), b"fuse", 0,
                      options.encode()):
            raise OSError(ctypes.get_errno(), "mount")

    def unmount(self):
        ctypes.CDLL(None).umount2(os.fsencode(self.path), 2)
        os.close(self.fd)

    def serve(self):
        while True:
            ready = select.select([self.fd, self.control], [], [])[0]
            if self.control in ready:
                message = self.control.recv(65536)
                if not message:
                    self.unmount()
                    return
                self.control.send(json.dumps(
                    self.command(*json.loads(message))).encode())
            elif self.fd in ready:
                try:
                    request = os.read(self.fd, 1 << 20)
                except OSError as e:
                    if e.errno in (errno.ENOENT, errno.EINTR, errno.EAGAIN):
                        continue
                    return  # somebody has unmounted it
                self.answer(request)

    def slowly(self, call):
        """The pause that is due for such a call, in seconds: 0 if none."""
        name = {WRITE: "write", FSYNC: "fsync"}.get(call)
        for f in self.faults:
            if f[0] == name and f[1] == 0:
                f[2] -= 1
                if f[2] <= 0:
                    self.faults.remove(f)
                self.hit["slow"] = self.hit.get("slow", 0) + 1
                return f[3]
        return 0

    def command(self, word, *arguments):
        if word == "fault":
            self.faults.append(list(arguments))
        elif word == "heal":
            self.faults.clear()
        elif word == "hit":
            return self.hit
        elif word == "cut":
            self.cut(arguments[0])
        return None

    def cut(self, seed):
        self.numbers = random.Random(seed)
        self.unmount()
        self.faults.clear()
        for step in self.steps[:self.numbers.randrange(len(self.steps) + 1)]:
            step(self.on_disk)
        self.steps.clear()
        self.names = dict(self.on_disk)
        self.files = {f.number: f for f in self.names.values()}
        for f in self.files.values():
            f.links = sum(x is f for x in self.names.values())
            f.cut(self.numbers)
        self.mount()

    def fault(self, call, file):
        """(errno, torn) of the one that is due. What is torn
        in standard output's file would be there for good."""
        for f in self.faults:
            if f[0] != call or f[1] == 0 or file.is_output and f[4]:
                continue
            f[2] -= 1
            if f[2] <= 0:
                self.faults.remove(f)
            self.hit[call] = self.hit.get(call, 0) + 1
            return f[1], f[4]
        return 0, False

    def answer(self, request):
        length, call, unique, node, uid, gid = struct.unpack_from(
            "<IIQQII", request)
        body = request[40:length]
        if call in (FORGET, BATCH_FORGET, INTERRUPT):
            return
        pause = self.slowly(call)
        if pause:  # others are served meanwhile
            threading.Timer(pause, self.reply, (
                self.fd, call, unique, node, body, uid, gid)).start()
        else:
            self.reply(self.fd, call, unique, node, body, uid, gid)

    def reply(self, fd, call, unique, node, body, uid, gid):
        error, data = 0, b""
        try:
            data = self.call(call, node, body, uid, gid)
        except OSError as e:
            error = e.errno
        try:
            os.write(fd, struct.pack("<IiQ", 16 + len(data), -error,
                                     unique) + data)
        except OSError:
            pass  # who asked was killed

    def attr(self, f):
        if f is None:
            return struct.pack("<QQQQQQIIIIIIIIII", ROOT, 0, 0, 0, 0, 0, 0, 0,
                               0, stat.S_IFDIR | 0o755, 2, os.getuid(),
                               os.getgid(), 0, 4096, 0)
        return struct.pack("<QQQQQQIIIIIIIIII", f.number, len(f.now),
                           (len(f.now) + 511) // 512, 0, 0, 0, 0, 0, 0,
                           stat.S_IFREG | f.mode, f.links, f.uid, f.gid, 0,
                           4096, 0)

    def entry(self, f):
        return struct.pack("<QQQQII", f.number, 0, 0, 0, 0, 0) + self.attr(f)

    def file(self, node):
        if node not in self.files:
            raise OSError(errno.ESTALE, "")
        return self.files[node]

    def named(self, name):
        if name not in self.names:
            raise OSError(errno.ENOENT, "")
        return self.names[name]

    def step(self, change):
        change(self.names)
        self.steps.append(change)

    def make(self, name, mode, uid, gid):
        f = File(self.next, mode & 0o7777, uid, gid)
        f.is_output = name == b"out"
        self.next += 1
        self.files[f.number] = f
        self.step(lambda names: names.update({name: f}))
        return f

    def unlink(self, name):
        self.named(name).links -= 1
        self.step(lambda names: names.pop(name, None))

    def rename(self, old, new, flags):
        f = self.named(old)
        if flags & ~NOREPLACE:
            raise OSError(errno.EINVAL, "")
        if flags & NOREPLACE and new in self.names:
            raise OSError(errno.EEXIST, "")
        if new in self.names:
            self.names[new].links -= 1

        def change(names):
            names.pop(old, None)
            names[new] = f
        self.step(change)

    def call(self, call, node, body, uid, gid):
        if call == INIT:
            return struct.pack("<IIIIHHIIHHIIIIII", 7, 31,
                               struct.unpack_from("<I", body, 8)[0], 0, 16, 12,
                               65536, 1, 16, 0, 0, 0, 0, 0, 0, 0)
        if call == LOOKUP:
            return self.entry(self.named(body.rstrip(b"\0")))
        if call == GETATTR:
            f = None if node == ROOT else self.file(node)
            return struct.pack("<QII", 0, 0, 0) + self.attr(f)
        if call == SETATTR:
            return self.set_attr(node, body)
        if call in (CREATE, MKNOD):
            mode = struct.unpack_from("<I", body, 4 if call == CREATE else 0)
            f = self.make(body[16:].rstrip(b"\0"), mode[0], uid, gid)
            opened = struct.pack("<QII", 0, DIRECT_IO, 0)
            return self.entry(f) + (opened if call == CREATE else b"")
        if call in (OPEN, OPENDIR):
            return struct.pack("<QII", 0, DIRECT_IO if call == OPEN else 0, 0)
        if call in (READ, WRITE, FSYNC, FALLOCATE):
            return self.data(call, self.file(node), body)
        if call == FSYNCDIR:
            for step in self.steps:
                step(self.on_disk)
            self.steps.clear()
            return b""
        if call == UNLINK:
            self.unlink(body.rstrip(b"\0"))
            return b""
        if call in (RENAME, RENAME2):
            head = 8 if call == RENAME else 16
            flags = struct.unpack_from("<I", body, 8)[0] if head == 16 else 0
            old, new = body[head:].split(b"\0")[:2]
            self.rename(old, new, flags)
            return b""
        if call == LINK:
            f = self.file(struct.unpack_from("<Q", body)[0])
            name = body[8:].rstrip(b"\0")
            if name in self.names:
                raise OSError(errno.EEXIST, "")
            f.links += 1
            self.step(lambda names: names.update({name: f}))
            return self.entry(f)
        if call == STATFS:
            return struct.pack("<QQQQQIIII24x", 1 << 20, 1 << 20, 1 << 20,
                               1000, 1000, 4096, 255, 4096, 0)
        if call == READDIR:
            return self.list(*struct.unpack_from("<QQI", body))
        if call in (RELEASE, RELEASEDIR, FLUSH, ACCESS, DESTROY):
            return b""
        raise OSError(errno.ENOSYS, "")

    def set_attr(self, node, body):
        valid, _, _, size = struct.unpack_from("<IIQQ", body)
        mode, _, uid, gid = struct.unpack_from("<IIII", body, 68)
        f = None if node == ROOT else self.file(node)
        if f:
            f.mode = mode & 0o7777 if valid & 1 else f.mode
            f.uid = uid if valid & 2 else f.uid
            f.gid = gid if valid & 4 else f.gid
            if valid & 8:
                f.resize(size)
        return struct.pack("<QII", 0, 0, 0) + self.attr(f)

    def data(self, call, f, body):
        _, at, n = struct.unpack_from("<QQI", body.ljust(20, b"\0"))
        if call == READ:
            error, _ = self.fault("read", f)
            if error:
                raise OSError(error, "")
            return bytes(f.now[at:at + n])
        if call == WRITE:
            piece = body[40:40 + n]
            error, torn = self.fault("write", f)
            if error and torn:
                f.write(at, piece[:self.numbers.randrange(len(piece) + 1)])
            if error:
                raise OSError(error, "")
            f.write(at, piece)
            return struct.pack("<II", len(piece), 0)
        if call == FSYNC:
            error, _ = self.fault("fsync", f)
            if error:
                f.lost |= f.dirty
                f.dirty.clear()
                raise OSError(error, "")
            f.sync()
            return b""
        length = struct.unpack_from("<Q", body, 16)[0]
        if at + length > len(f.now):
            f.touch(len(f.now), at + length)
            f.resize(at + length)
        return b""

    def list(self, _, offset, size):
        out = b""
        for i, (name, f) in enumerate(sorted(self.names.items())):
            if i < offset:
                continue
            one = struct.pack("<QQII", f.number, i + 1, len(name), 8) + name
            one += bytes(-len(one) % 8)
            if len(out) + len(one) > size:
                break
            out += one
        return out


class Disk:
    """The owner's side. The folder must exist and be empty."""

    def __init__(self, path):
        self.path = str(path)
        self.control, theirs = socket.socketpair(socket.AF_UNIX,
                                                 socket.SOCK_SEQPACKET)
        self.pid = os.fork()
        if self.pid == 0:
            code = 1
            try:
                ctypes.CDLL(None).prctl(1, signal.SIGKILL)
                self.control.close()
                server = Server(self.path, theirs)
                theirs.send(b"null")
                server.serve()
                code = 0
            finally:
                os._exit(code)
        theirs.close()
        if not self.control.recv(100):
            os.waitpid(self.pid, 0)
            self.pid = 0
            raise OSError(errno.ENODEV, "no FUSE here")

    def tell(self, *words):
        self.control.send(json.dumps(words).encode())
        return json.loads(self.control.recv(65536))

    def fault(self, call, error, times=1, pause=0.0, torn=False):
        """The next `times` calls fail; error 0: they are slow."""
        self.tell("fault", call, error, times, pause, torn)

    def cut(self, seed):
        """The power goes, and comes back. Whoever used it must be gone."""
        self.tell("cut", seed)

    def close(self):
        if self.pid:
            self.control.close()
            os.waitpid(self.pid, 0)
            self.pid = 0


def works(folder):
    """Can there be such a disk here?"""
    try:
        Disk(folder).close()
        return True
    except OSError:
        return False
