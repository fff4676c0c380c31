"""One schedule: what is set up, what goes wrong and when, and how it ends. All
of it follows from the seed, but for what the kernel and the clock decide."""
import errno
import json
import os
import random
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import disk
import oracle
import text
import world as w

# what may go wrong; each is a row of the table
READERS = ("reader leaves", "reader leaves within a line", "sink stalls",
           "slow reader", "FIFO removed, made again", "serial line unplugged")
SIGNALS = ("STOP, CONT", "HUP", "KILL", "TERM", "KILL, other sizes and formats",
           "TERM, other sizes and formats")
SENDERS = ("senders hang up", "two Alertmanagers, the same alerts",
           "pipelined", "rude clients")
DISK = ("write: EIO", "write: ENOSPC", "write: torn, then EIO", "fsync: EIO",
        "slow disk", "power cut")
SINKS = ("a sink is gone for good", "wait=no, and gone for a while",
         "sinks taken out, put back, matched anew")
# each of these is tried by itself, or with little beside it
FLUSH = "TERM, HUP, a serial line that is read slowly"
ROOM = "reader stalls until room runs out, leaves"
STALE = "fsync: EIO, KILL, power cut"
STRICT = ("spool full for a sink that is gone", STALE,
          "spool unlinked", "spool truncated", "slow disk, healthy?",
          "wait=no, gone, started anew", FLUSH, ROOM)
# what bellwire does not withstand yet: tried where it is asked for by name
PENDING = ("slow disk, healthy?",)
KINDS = READERS + SIGNALS + SENDERS + DISK + SINKS + STRICT
GONE = ("a sink is gone for good", "spool full for a sink that is gone")

NOWAIT = ("wait=no, and gone for a while", "wait=no, gone, started anew")
NEW_SINKS = "sinks taken out, put back, matched anew"

HANGS = 10.0  # s over what it may take, before it is called a hang
LATE = oracle.LATE
REST = 0.3
REST_CPU = 0.1


class Attempt:
    def __init__(self, ids, sender, life, time_, stopped, limit):
        self.ids, self.sender, self.life = ids, sender, life
        self.begin, self.stopped, self.limit = time_, stopped, limit
        self.code = "under way"


class Life:
    """One process, and what it was told."""

    def __init__(self, number, sinks, spool):
        self.number, self.spool = number, spool
        self.sinks = sinks  # {sink: (route or None, wait)}


class Schedule:
    def __init__(self, seed, folder, bellwire, kinds, no_disk=False, verbose=0):
        self.seed, self.folder, self.bellwire = seed, folder, bellwire
        self.numbers = random.Random(f"torture {seed}")
        self.kinds = kinds
        self.no_disk, self.verbose = no_disk, verbose
        self.loop = w.Loop()
        self.lives, self.attempts, self.senders = [], [], []
        self.first_sent, self.acks, self.unsure = {}, {}, {}
        self.newest_acked = 0.0  # when the youngest group with a 200 was sent
        self.full_sent = {}    # id -> when its request was refused with 503
        self.repeats = []      # oracle.Repeat
        self.events = {}       # kind -> how often
        self.bad = []          # (which, words)
        self.log_at = 0
        self.told_left = 0
        self.process = None
        self.stopped_at, self.stopped_s = None, 0.0
        self.busy_until = 0.0
        self.disk = None
        self.excused = {}      # sink -> time before which its ids are excused
        self.ready_fds = None
        self.restarting = False

    # --- set-up

    def has(self, kind):
        return kind in self.active

    def choose(self):
        n = self.numbers
        kinds = [k for k in self.kinds]
        self.active = set(n.sample(kinds, min(len(kinds),
                                              n.choice((1, 2, 2, 3, 4)))))
        # that one has to be looked at by itself
        for alone in GONE + (ROOM, STALE, "spool unlinked",
                             "spool truncated", "slow disk, healthy?"):
            if alone in self.active:
                self.active = {alone}
        if NOWAIT[0] in self.active:
            self.active -= set(SIGNALS[2:]) | {NEW_SINKS, "power cut"}
        if NOWAIT[1] in self.active:
            self.active = {NOWAIT[1], n.choice(("KILL", "TERM"))}
        if NEW_SINKS in self.active:
            self.active -= set(DISK)
        needs_disk = self.active & set(DISK + STRICT[:-3])
        self.spooled = bool(needs_disk) or n.random() < 0.6 or \
            bool(self.active & {NEW_SINKS, NOWAIT[1]})
        if "a sink is gone for good" in self.active:
            self.spooled = False
        if self.active == {ROOM}:
            self.spooled = n.random() < 0.5
        self.on_fuse = bool(needs_disk - {GONE[1]}) or \
            self.spooled and n.random() < 0.3
        self.on_fuse = self.on_fuse and not self.no_disk
        self.size = n.choice((256, 256, 288, 512))
        self.ack_s = n.choice((0.3, 1.0, 2.0))
        if self.active & set(GONE):
            self.ack_s = 0.3
        self.log(f"active {sorted(self.active)} spool {self.spooled} "
                 f"FUSE {self.on_fuse} {self.size}K ack {self.ack_s}")

    def make_sinks(self):
        n, f = self.numbers, self.folder
        kinds = ["file" if n.random() < 0.6 else "pipe"] \
            if n.random() < 0.7 else []
        for kind, words in (("fifo", ("reader", "FIFO", "sink")),
                            ("serial", ("serial", FLUSH))):
            must = any(k.startswith(words) for k in self.active)
            kinds += [kind] * (n.choice((1, 1, 2)) if must else
                               n.choice((0, 1, 1)) if kind == "fifo" else
                               n.choice((0, 0, 1)))
        if self.active & set(GONE):
            kinds = [kinds[0] if kinds else "file", "fifo", "fifo"]
        if self.active & {STALE, "spool unlinked", "spool truncated"}:
            kinds = ["fifo"] * n.choice((1, 2))  # without readers at first
        if ROOM in self.active:
            kinds = ["file", "fifo"]
        if self.active & set(NOWAIT):
            kinds = [k for k in kinds if k != "serial"] + ["fifo"]
        kinds = kinds[:5] or ["file"]
        self.sinks, self.routes = [], {}
        for i, kind in enumerate(kinds):
            if kind == "file":
                s = w.File(self.loop, "stdout",
                           self.mount if self.on_fuse and n.random() < 0.7
                           else f)
            elif kind == "pipe":
                s = w.Pipe(self.loop, "stdout", f)
            elif kind == "fifo":
                s = w.Fifo(self.loop, f"fifo{i}", f)
                os.mkfifo(s.path)
                s.open()
            else:
                s = w.Serial(self.loop, f"serial{i}", f)
                s.plug()
            s.format = n.choice(text.FORMATS)
            self.routes[s] = [n.choice((None, None, None, "a", "b")), True]
            self.sinks.append(s)
        if self.active & set(GONE):
            dead = self.sinks[-1]
            dead.dead = True
            dead.leave()
            self.routes[dead][0] = None
            self.count(next(iter(self.active)))
        if self.active & {STALE, "spool unlinked", "spool truncated"}:
            for s in self.sinks:
                s.leave()
        if ROOM in self.active and self.spooled:
            self.routes[self.sinks[-1]][1] = False
            self.sinks[-1].pieces = 1000
        if self.active & set(NOWAIT):
            self.routes[self.sinks[-1]][1] = False
            self.sinks[-1].pieces = 1000
            self.sinks[-1].leave()

    def emit(self, s):
        route, wait = self.routes[s]
        place = "stdout" if s.kind == "stdout" else f"{s.kind}:{s.path}"
        keys = f",format={s.format}"
        if route:
            keys += f",match=route={route}"
        return place + keys + ("" if wait else ",wait=no")

    def options(self):
        o = ["--listen", f"unix:{self.folder}/socket", "--ack-timeout",
             f"{int(self.ack_s * 1000)}ms", "--template", text.TEMPLATE]
        for s in self.present:
            o += ["--emit", self.emit(s)]
        if self.spooled:
            o += ["--spool", f"{self.spool_path()},size={self.size}K"]
        return o

    def spool_path(self):
        return (self.mount if self.on_fuse else self.folder) / "spool"

    def address(self):
        return f"{self.folder}/socket"

    # --- what is told

    def log(self, *words):
        if self.verbose:
            print(f"{time.monotonic() - START:7.3f}", *words, file=sys.stderr,
                  flush=True)

    def count(self, kind):
        self.events[kind] = self.events.get(kind, 0) + 1
        self.log("event", kind)

    def fail(self, which, words):
        self.bad.append((which, words))
        self.log("BAD", which, words)

    def begin(self, ids, sender):
        now = self.loop.now()
        size = sum(int(x.split("-")[4]) + 400 for x in ids)
        limit = sender.depth * self.ack_s + HANGS + (60 if size > 32000 else 0)
        a = Attempt(ids, sender, self.lives[-1], now, self.stopped(), limit)
        for x in ids:
            self.first_sent.setdefault(x, now)
        self.attempts.append(a)
        return a

    def finish(self, a, code, more):
        a.code = code
        if self.verbose:
            self.log(f"{a.sender.name} {a.sender.url[7:9]} life "
                     f"{a.life.number} {a.ids[0]}+{len(a.ids)}: {code} "
                     f"{more if code is None else more[:60]!r}")
        now = self.loop.now()
        if code == 200:
            for x in a.ids:
                self.acks.setdefault(x, []).append((now, a.life))
            # one that no sink wants is not in the spool
            if any(route in (None, text.route(a.ids[0]))
                   for route, _ in a.life.sinks.values()):
                self.newest_acked = max(self.newest_acked, min(
                    self.first_sent[x] for x in a.ids))
        elif code is None and more:
            for x in a.ids:
                self.unsure.setdefault(x, []).append(now)
        elif code == 503:
            for x in a.ids:
                self.full_sent.setdefault(x, a.begin)
                # after another's 200 it is one more notification, which
                # comes out even if its sender gives up
                if x in self.acks and x not in self.unsure:
                    self.unsure[x] = [now]
        elif code is not None:
            self.fail("refused", f"{code} {more!r} for {a.ids[:3]}")
        self.attempts.remove(a)

    def stopped(self):
        """Seconds that bellwire could not run, or its disk did not answer."""
        now = self.loop.now()
        return self.stopped_s + (now - self.stopped_at
                                 if self.stopped_at else 0)

    def tick(self):
        """Now and then: who waits too long, what files have got, which readers
        may come."""
        now, stopped = self.loop.now(), self.stopped()
        for a in list(self.attempts):
            if now - a.begin - (stopped - a.stopped) > a.limit:
                self.fail("hung", f"no answer for {a.ids[:3]} in "
                          f"{now - a.begin:.1f} s")
                a.limit = 1e9
        for s in self.sinks:
            if isinstance(s, w.File):
                s.look()
        if any(isinstance(s, w.Fifo) and s.wanted for s in self.sinks):
            self.ask_metrics()
        self.loop.after(0.05, self.tick)

    def ask_metrics(self, anyway=False):
        if self.process is None or self.stopped_at:
            return
        client = w.Client(self.loop, self.address(), None)
        asked = {s for s in self.sinks if isinstance(s, w.Fifo) and s.wanted}

        def done(code, body):
            client.hang_up()
            if code != 200:
                return
            for s in asked:
                m = re.search(rf'sink_up{{sink="fifo:{re.escape(str(s.path))}"'
                              r'} (\d)', body.decode())
                if s.wanted and (m is None or m.group(1) == "0"):
                    s.saw_down()
        client.ask(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n", done)
        self.loop.after(2, client.hang_up)

    # --- lives

    def start(self):
        out = [s for s in self.present if s.kind == "stdout"]
        fd = out[0].open_for_child() if out else os.open(os.devnull, os.O_RDWR)
        life = Life(len(self.lives), {s: tuple(self.routes[s])
                                      for s in self.present}, self.spooled)
        options = self.options()
        self.log("start", *options)
        self.log_at = self.err.stat().st_size if self.err.exists() else 0
        self.lives.append(life)
        with self.err.open("ab") as err:
            self.process = subprocess.Popen(
                [self.bellwire, *options], stdin=subprocess.DEVNULL, stdout=fd,
                stderr=err)
        os.close(fd)
        begin = self.loop.now()

        def up():
            if self.process.poll() is not None:
                return True
            return "msg=listening" in self.new_log()
        if not self.loop.run(30, up):
            self.fail("hung", "it does not listen")
        if self.process.poll() is not None:
            self.fail("died", f"at start with {self.process.returncode}: "
                      f"{self.new_log()[-300:]}")
            raise Ended
        m = re.search(r"a sink is gone from the configuration .* alerts=(\d+)",
                      self.new_log())
        if m:
            self.told_left += int(m.group(1))
        self.log(f"up after {self.loop.now() - begin:.3f} s",
                 *re.findall(r"spool taken over.*", self.new_log()))

    def new_log(self):
        with self.err.open("rb") as f:
            f.seek(self.log_at)
            return f.read().decode("utf-8", "replace")

    def alive(self):
        if self.process is None or self.restarting:
            return False
        if self.process.poll() is None:
            return True
        self.fail("died", f"with {self.process.returncode}: "
                  f"{self.new_log()[-500:]}")
        raise Ended

    def freeze(self):
        """True once it is stopped; it may be within a call to its disk."""
        os.kill(self.process.pid, signal.SIGSTOP)
        if self.stopped_at is None:
            self.stopped_at = self.loop.now()

        def is_stopped():
            stat = Path(f"/proc/{self.process.pid}/stat").read_text()
            return stat.rpartition(")")[2].split()[0] in "TtZ"
        self.loop.run(10, is_stopped)

    def thaw(self):
        if self.stopped_at is not None:
            self.stopped_s += self.loop.now() - self.stopped_at
            self.stopped_at = None
        if self.process and self.process.poll() is None:
            os.kill(self.process.pid, signal.SIGCONT)

    def after_life(self, cut=False):
        for s in self.sinks:
            if cut and isinstance(s, w.Fifo):
                s.lose_pipe()
            s.after_life()
        self.log(f"life {self.lives[-1].number} is over")
        self.process = None
        self.stopped_at = None

    def kill(self, cut=False):
        self.freeze()
        now = self.loop.now()
        for s in self.present:
            s.before_kill()
            if not self.spooled and (not self.routes[s][1] or
                                     isinstance(s, w.Fifo) and
                                     (not s.path.exists() or s.made_again)):
                self.excused[s] = now
        self.process.kill()
        self.process.wait()
        self.after_life(cut)
        self.repeats.append(oracle.Repeat(now, None, None))

    def term(self):
        self.thaw()
        self.process.terminate()
        begin = self.loop.now()
        slow = self.ack_s + HANGS
        if not self.loop.run(slow, lambda: self.process.poll() is not None):
            self.fail("hung", f"still there {slow:.1f} s after SIGTERM")
            self.process.kill()
            self.process.wait()
        elif self.process.returncode:
            self.fail("died", f"SIGTERM: exit {self.process.returncode}: "
                      f"{self.new_log()[-300:]}")
        now = self.loop.now()
        # whose request has not had its 200 is sent again to a process that
        # does not know it, if there is no spool to tell
        waiting = {x for sender in self.senders
                   for ids in sender.left.values() for x in ids}
        self.repeats.append(oracle.Repeat(now, None, waiting))
        # nor does it know what came out, if its disk has not taken that: of
        # those without 200 as well, which are then new to the next one
        _, failed, rest = self.new_log().rpartition("cannot write the spool")
        if failed and "the spool can be written again" not in rest:
            self.repeats.append(oracle.Repeat(now, None, None))
        for s in self.present:
            # also what was read after it has looked for the last time
            held = isinstance(s, w.Reader) and s.stalled or \
                isinstance(s, w.Fifo) and (s.fd < 0 or s.unread() or
                                           now - begin >= self.ack_s)
            if held:
                self.repeats.append(oracle.Repeat(now, s, None))
            if not self.spooled and (held or not self.routes[s][1]):
                self.excused[s] = now
        self.after_life()

    def hang_up(self):
        """SIGHUP: a serial line that is within a line begins a new one."""
        for s in self.present:
            if isinstance(s, w.Serial):
                s.pieces += 1
        self.process.send_signal(signal.SIGHUP)

    def restart(self, how, other=False, sinks=False):
        if not self.alive():
            return
        self.restarting = True
        if how == "cut":
            self.kill(cut=True)
            self.disk.cut(self.numbers.randrange(1 << 30))
            for s in self.sinks:
                if isinstance(s, w.File) and s.folder == self.mount:
                    s.after_cut()
        elif how == "kill":
            self.kill()
        else:
            self.term()
        if self.disk and how != "kill":
            self.disk.tell("heal")
        for s in self.sinks:
            if isinstance(s, w.Fifo):
                s.made_again = False
        if other:
            self.change()
        if sinks:
            self.change_sinks()
        if self.numbers.random() < 0.3:
            self.loop.run(self.numbers.random() * 0.2)
        if self.disk:
            self.disk.tell("heal")
        self.start()
        self.restarting = False

    def change(self):
        n = self.numbers
        for s in self.present:
            if n.random() < 0.5:
                s.format = n.choice(text.FORMATS)
        if n.random() < 0.5:
            self.size += 32

    def change_sinks(self):
        n = self.numbers
        before = list(self.present)
        keep = [s for s in self.sinks if n.random() < 0.6] or [self.sinks[0]]
        self.present = keep
        for s in keep:
            if s not in before:
                self.repeats.append(oracle.Repeat(self.loop.now(), s, None))
            elif n.random() < 0.3:
                self.routes[s][0] = n.choice((None, "a", "b"))

    # --- what goes wrong

    def pick(self, kind, **wanted):
        found = [s for s in self.present if isinstance(s, kind) and
                 not getattr(s, "dead", False) and
                 all(getattr(s, k) == v for k, v in wanted.items())]
        return self.numbers.choice(found) if found else None

    def later(self, most, call):
        self.loop.after(self.numbers.random() * most, call)

    def happen(self, kind):
        """One event of that kind; False if there was nothing to do it to."""
        n = self.numbers
        if not self.alive():
            return False
        if kind in ("reader leaves", "reader leaves within a line"):
            s = self.pick(w.Fifo)
            if not s or s.fd < 0:
                return False
            if kind == "reader leaves":
                s.leave()
            else:
                s.leave_within_line(n.randrange(1, 3000))
            self.later(0.5, s.come)
        elif kind in ("sink stalls", "slow reader"):
            s = self.pick(w.Reader)
            if not s:
                return False
            s.pieces += 0 if self.spooled and self.routes[s][1] else 10
            if kind == "sink stalls":
                s.stalled = True
                self.later(0.9, s.heal)
            else:
                s.pace, s.piece = 0.002 + n.random() * 0.02, n.randrange(50,
                                                                         4096)
        elif kind == "FIFO removed, made again":
            s = self.pick(w.Fifo)
            if not s:
                return False
            how = n.randrange(4)
            s.made_again = True
            if how == 0:
                s.leave()
            if how == 3:
                s.remove()
                self.later(0.3, s.make_again)
                self.loop.after(0.31, lambda: (s.leave(), s.come()))
            else:
                s.make_again()
                self.later(0.3, lambda: (s.leave(), s.come()))
        elif kind == "serial line unplugged":
            s = self.pick(w.Serial)
            if not s or s.fd < 0:
                return False
            self.freeze()
            s.unplug()
            self.thaw()
            self.repeats.append(oracle.Repeat(self.loop.now(), s, None))
            self.later(0.5, s.plug)
        elif kind == "STOP, CONT":
            self.freeze()
            self.later(0.6, self.thaw)
        elif kind == ROOM:
            s = self.pick(w.Fifo)
            s.stalled = True
            s.pieces += 1000
            self.loop.run(1.0)
            s.heal()
            s.leave()
            self.later(0.3, s.come)
        elif kind == FLUSH:
            s = self.pick(w.Serial)
            if not s:
                return False
            s.pace, s.piece = 0.05, 200
            self.loop.run(0.3)
            s.pieces += 1
            if n.random() < 0.5:
                self.restart("term")
            else:
                self.hang_up()
        elif kind == "HUP":
            self.hang_up()
        elif kind in ("KILL", "TERM"):
            self.restart(kind.lower())
        elif kind.startswith(("KILL", "TERM")):
            self.restart(kind[:4].lower(), other=True)
        elif kind == NEW_SINKS:
            self.restart(n.choice(("kill", "term")), sinks=True)
        elif kind == "rude clients":
            w.Rude(self, n, 4)
        elif kind in NOWAIT:
            s = self.sinks[-1]
            s.leave()
            self.later(0.7, s.come)
        elif kind in DISK:
            return self.harm_disk(kind)
        elif kind in STRICT:
            return self.harm_spool(kind)
        else:
            return False
        return True

    def harm_disk(self, kind):
        n = self.numbers
        if not self.disk:
            return False
        times = n.choice((1, 1, 2, 5))
        if kind == "power cut":
            self.restart("cut")
        elif kind == "slow disk":
            pause = 0.05 + n.random() * 0.3
            self.disk.fault(n.choice(("write", "fsync")), 0, times, pause)
        elif kind.startswith("fsync"):
            self.disk.fault("fsync", errno.EIO, times)
        else:
            self.disk.fault("write", errno.ENOSPC if "ENOSPC" in kind
                            else errno.EIO, times, 0.0, "torn" in kind)
        return True

    def harm_spool(self, kind):
        n, path = self.numbers, self.spool_path()
        if kind in ("spool unlinked", "spool truncated"):
            if kind == "spool unlinked":
                path.unlink()
            else:
                os.truncate(path, n.choice((0, 4096, 20000)))
            at = self.loop.now()
            # a sync since then: a 200 for what was not known before
            self.loop.run(1.0, lambda: self.newest_acked > at)
            self.loop.run(n.random() * 0.3)
            # what was in the file is gone with it, unless it was written anew
            if self.newest_acked <= at:
                self.excused.update(dict.fromkeys(self.sinks, at))
            self.restart(n.choice(("kill", "cut")))
        elif kind == STALE:
            self.disk.fault("fsync", errno.EIO, 1000)
            # until it has happened, and its requests were refused
            self.loop.run(1.0, lambda: self.disk.tell("hit").get("fsync"))
            self.restart("kill")
            self.loop.run(0.1 + n.random() * 0.6)
            self.restart("cut")
        elif kind == "slow disk, healthy?":
            self.disk.fault("write", 0, 2, 2.0)
            begin = self.loop.now()
            self.loop.run(1.0, lambda: self.disk.tell("hit").get("slow"))
            answers = []
            c = w.Client(self.loop, self.address(), None)
            c.ask(b"GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n",
                  lambda code, _: answers.append(code))
            if not self.loop.run(1.0, lambda: answers):
                self.fail("hung", "/-/healthy does not answer in 1 s while "
                          "the disk is slow")
            c.hang_up()
            self.stopped_s += self.loop.now() - begin
        return True

    # --- senders

    def make_senders(self):
        n = self.numbers
        gone = bool(self.active & set(GONE))
        how_many = n.choice((1, 2, 3)) if not self.has(ROOM) else 4
        most = n.choice((60, 300, 900, 3000)) if not gone else 3000
        if self.has(ROOM):
            most = 3000
        for i in range(how_many):
            groups = []
            for g in range(n.randrange(4, 12) if gone else n.randrange(6, 25)):
                size = n.choice((1, 1, 2, 5, 12, 40)) if not gone else \
                    n.choice((5, 10, 25))
                if self.has(ROOM):
                    size = n.choice((12, 40))
                groups.append([text.make_id(f"s{i}", g, k, n.choice("ab"),
                                            n.randrange(30, most + 31))
                               for k in range(size)])
            depth = n.choice((2, 4)) if self.has("pipelined") and i == 0 else 1
            hangs_up = self.ack_s * n.choice((0.05, 0.3)) \
                if self.has("senders hang up") and i != 1 else None
            pause = n.choice((0.01, 0.05))
            # all at once, or over the time in which things go wrong
            think = self.active_s / len(groups) if gone or \
                self.active & set(STRICT) or n.random() < 0.7 else 0
            tries = n.choice((2, 4)) if gone else \
                None if not hangs_up else n.choice((3, 40))
            self.senders.append(w.Sender(self, f"s{i}", n, groups, 10, pause,
                                         tries, depth, hangs_up, think))
            if depth > 1:
                self.count("pipelined")
            if hangs_up:
                self.count("senders hang up")
            if self.has("two Alertmanagers, the same alerts") and i == 0:
                self.count("two Alertmanagers, the same alerts")
                self.senders.append(w.Sender(
                    self, f"s{i}", n, groups, 10, pause, tries, depth, None,
                    think, "http://other:9093"))

    # --- the whole

    def run(self):
        try:
            self.whole()
        except Ended:
            pass
        finally:
            for s in self.senders:
                s.ended = True
            if self.process and self.process.poll() is None:
                self.process.kill()
                self.process.wait()
            for s in self.sinks:
                s.close()
            if self.disk:
                self.disk.close()

    def whole(self):
        n = self.numbers
        self.sinks = []
        self.mount = self.folder / "disk"
        self.mount.mkdir()
        self.err = self.folder / "err"
        self.choose()
        if self.on_fuse:
            self.disk = disk.Disk(self.mount)
        self.make_sinks()
        for s in self.sinks:
            s.made_again = False
        self.present = list(self.sinks)
        self.start()
        self.loop.after(0, self.tick)
        self.active_s = active = 0.4 + n.random() * 1.2
        self.make_senders()
        plan = []
        once = SENDERS[:3] + GONE
        for kind in sorted(self.active - set(once)):
            for _ in range(1 if kind in STRICT else n.choice((1, 2, 4))):
                plan.append((n.random() * active, kind))
        begin = self.loop.now()
        for at, kind in sorted(plan):
            self.loop.run(max(0, at - (self.loop.now() - begin)))
            if self.happen(kind):
                self.count(kind)
        self.loop.run(max(0, active - (self.loop.now() - begin)))
        self.ending()

    def ending(self):
        """All that can be well is well again; then all has to come out."""
        self.thaw()
        if self.disk:
            self.disk.tell("heal")
        self.loop.run(0.05)
        for s in self.sinks:
            s.heal()
            if isinstance(s, w.Serial):
                s.plug()
            if isinstance(s, w.Fifo) and not s.dead:
                if not s.path.exists() or s.made_again and s.fd >= 0:
                    # a reader of the old pipe hears of nothing
                    if not s.path.exists():
                        s.make_again()
                    s.leave()
                s.come()
        self.alive()
        gone = bool(self.active & set(GONE))
        for s in self.senders:
            s.hangs_up = None
        if not self.loop.run(40, lambda: self.alive() and
                             all(s.idle() for s in self.senders)):
            left = [x for s in self.senders for x in s.left]
            self.fail("hung", f"no 200 in 40 s for {len(left)} groups; "
                      f"{self.new_log()[-300:]}")
        for s in self.senders:
            s.end()
        self.alive()
        judge = oracle.Oracle(self)
        self.loop.run(LATE if gone else 20, lambda: self.alive() and
                      not judge.missing(told=not gone))
        if self.verbose and judge.missing(told=True):
            self.dump()
        self.rest(gone)
        self.alive()
        self.term()
        judge.verdict(gone)

    def dump(self):
        self.log(self.err.read_text("utf-8", "replace"))
        for s in self.sinks:
            self.log(s.name, f"fd {getattr(s, 'fd', '')} stalled {s.stalled} "
                     f"wanted {getattr(s, 'wanted', '')} noticed "
                     f"{getattr(s, 'noticed', '')} seen {len(s.seen)} told "
                     f"{s.told} rest {s.rest[:60]!r} torn {s.torn[:2]}")
        answers = []
        c = w.Client(self.loop, self.address(), None)
        c.ask(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n",
              lambda _, body: answers.append(body or b""))
        self.loop.run(2, lambda: answers)
        c.hang_up()
        for x in b"".join(answers).decode().split("\n"):
            if re.match("bellwire_(sink|spool|dup)", x):
                self.log(x)

    def rest(self, gone):
        """At rest: what it uses, what it has open."""
        pid = self.process.pid
        self.ask_metrics(True)  # it looks at its sinks then
        self.loop.run(0.1)

        def cpu():
            with open(f"/proc/{pid}/schedstat") as f:
                return int(f.read().split()[0]) / 1e9
        for _ in range(3):  # what is under way may come to its end
            before = cpu()
            self.loop.run(REST)
            used = cpu() - before
            if used < REST_CPU:
                break
        else:
            self.fail("spun", f"{used:.3f} s of CPU in {REST} s at rest")
        # who has heard a last word is given two seconds to read it
        if not self.loop.run(6, lambda: not self.strange(pid)):
            self.fail("leaked", str(self.strange(pid)))

    def strange(self, pid):
        """Descriptors that it has no need of."""
        places, sockets, strange = {}, 0, []
        for fd in os.listdir(f"/proc/{pid}/fd"):
            try:
                to = os.readlink(f"/proc/{pid}/fd/{fd}")
            except OSError:
                continue
            if to.startswith("socket:"):
                sockets += 1
            elif to.endswith("(deleted)"):
                strange.append(to)
            else:
                places[to] = places.get(to, 0) + 1
        # standard output is opened a second time, /dev/null is standard input
        strange += [k for k, v in places.items()
                    if v > (2 if k.startswith(("pipe:", "/dev/null")) else 1)]
        if sockets > 1:
            strange.append(f"{sockets} sockets")
        if len(places) > 3 + len(self.present) + self.spooled:
            strange.append(str(places))
        return strange


class Ended(Exception):
    """Bellwire has ended by itself; that was told."""


START = time.monotonic()


def run_one(seed, bellwire, kinds, no_disk=False, verbose=0):
    with tempfile.TemporaryDirectory(prefix="torture") as name:
        s = Schedule(seed, Path(name), bellwire, kinds, no_disk, verbose)
        s.run()
    count = {}
    for which, _ in s.bad:
        count[which] = count.get(which, 0) + 1
    return {"seed": seed, "acknowledged": len(s.acks), "bad": s.bad,
            "count": count | getattr(s, "counts", {}), "events": s.events}
