"""Accounts for every id: what was promised to whom, and what came.

Lost: an id whose request got its 200, for a sink that it matches, that there is
at the end and that a request waits for, which is not among that sink's lines,
and of which no notice tells.
Silent: one that was let go of (wait=no, a sink taken out or matched anew)
beyond the number that notices and the log tell of.
Twice: more copies on a sink than there were requests with 200, and causes:
 - a kill or a power cut, for all that was sent before;
 - SIGTERM, for what had no 200, or stood unread in a pipe when it ended;
 - SIGTERM while the disk takes no writes, for all that was sent before;
 - a serial line unplugged, for what was sent before;
 - a sink put back that the spool did not know any more;
 - each request that was whole and whose connection broke: it may have had its
   200, and then what its sender sends again is a new notification.
Those with a cause are counted as allowed.
"""
import text
import world as w

LATE = 2.5  # s; the contract has 1, on a machine of its own


class Repeat:
    """From then on these ids may come once more on that sink; None: all."""

    def __init__(self, time, sink, ids):
        self.time, self.sink, self.ids = time, sink, ids

    def covers(self, sink, name, first):
        return (self.sink in (None, sink) and first <= self.time and
                (self.ids is None or name in self.ids))


class Oracle:
    def __init__(self, schedule):
        self.s = schedule

    def owed(self):
        """(id, sink, life) of all that had their 200."""
        for name, acks in self.s.acks.items():
            seen = set()
            for _, life in acks:
                for sink, (route, wait) in life.sinks.items():
                    if sink not in seen and route in (None, text.route(name)):
                        seen.add(sink)
                        yield name, sink, life, wait

    def sort(self):
        """What is missing: lost, and let go of: {sink: {id}}."""
        s, lost, let_go = self.s, {}, {}
        last = s.lives[-1].sinks
        for name, sink, life, wait in self.owed():
            if name in sink.seen or not sink.reachable():
                continue
            if not s.spooled and isinstance(sink, w.Fifo) and \
                    name in sink.swallowed:
                continue  # it was in the pipe
            if s.first_sent[name] <= s.excused.get(sink, -1):
                continue
            changed = any(sink not in x.sinks or x.sinks[sink][0] !=
                          life.sinks[sink][0]
                          for x in s.lives[life.number:])
            if changed and self.is_taken_over(name, life):
                continue
            where = let_go if not wait or changed else lost
            if changed and sink in last and not s.spooled:
                continue
            where.setdefault(sink, set()).add(name)
        return lost, let_go

    def is_taken_over(self, name, life):
        """A sink that was not there before begins with what one left that is
        not there any more."""
        lives = self.s.lives
        return any(name in sink.seen for before, x in
                   zip(lives[life.number:], lives[life.number + 1:])
                   for sink in x.sinks if sink not in before.sinks)

    def told(self, sink):
        return sink.told.get("dropped", 0) + sink.told.get("skipped", 0)

    def silent(self, let_go):
        """How many of those nobody told of."""
        left, n = set(), 0
        for sink, names in let_go.items():
            if any(not x.sinks[sink][1] for x in self.s.lives
                   if sink in x.sinks):
                n += max(0, len(names) - self.told(sink))
            else:
                left |= names
        told = max([self.s.told_left] +
                   [x.told.get("left_behind", 0) for x in self.s.sinks])
        return n + max(0, len(left) - told)

    def damaged(self):
        return max(x.told.get("lost", 0) for x in self.s.sinks)

    def missing(self, told):
        lost, let_go = self.sort()
        n = sum(map(len, lost.values())) + self.silent(let_go)
        if not told:
            n += len(self.late())
        return n

    def late(self):
        """Ids that a dead sink has kept from the healthy ones."""
        s, found = self.s, set()
        for name, begin in s.full_sent.items():
            for sink, (route, wait) in s.lives[-1].sinks.items():
                if route not in (None, text.route(name)) or \
                        not sink.reachable():
                    continue
                at = sink.seen.get(name, [1e18])[0]
                if at - begin - s.stopped() > LATE:
                    found.add((name, sink.name, at - begin))
        return found

    def verdict(self, gone):
        s = self.s
        lost, let_go = self.sort()
        n_lost = sum(map(len, lost.values()))
        for sink, names in lost.items():
            s.fail("lost", f"{len(names)} on {sink.name}: "
                   f"{sorted(names)[:4]}, notices {sink.told}")
        silent = self.silent(let_go)
        if silent:
            s.fail("silent", f"{silent} of " + ", ".join(
                f"{k.name}: {len(v)} {sorted(v)[:3]} told {k.told}"
                for k, v in let_go.items()) + f"; the log {s.told_left}")
        late = self.late() if gone else ()
        if late:
            s.fail("late", f"{len(late)} of {len(s.full_sent)} refused alerts, "
                   f"such as {sorted(late)[:3]}")
        twice = allowed = 0
        for sink in s.sinks:
            for name, times in sink.seen.items():
                more = self.copies(sink, name, times)
                allowed += min(len(times) - 1, more) if more > 0 else 0
                if len(times) - 1 > more:
                    twice += len(times) - 1 - more
                    s.fail("twice", f"{sink.name} {name}: {len(times)} copies, "
                           f"{1 + more} allowed")
            if sink.torn:
                s.fail("torn", f"{len(sink.torn)} on {sink.name}, "
                       f"{sink.format}: {sink.torn[:2]}")
            if sink.told.get("lost") and not s.active & {
                    "spool unlinked", "spool truncated"}:
                s.fail("damaged", f"{sink.name} says that {sink.told['lost']} "
                       "places of the spool are damaged")
        s.counts = {"lost": n_lost, "silent": silent, "twice": twice,
                    "allowed": allowed, "late": len(late)}

    def copies(self, sink, name, times):
        """How many may come beside the first one. What was acknowledged, or
        may have been, may since have become a notification of its own, and
        what has a cause to come again may do so with each of these."""
        s, last = self.s, times[-1]

        def again(since):
            return sum(r.covers(sink, name, since) and r.time <= last
                       for r in s.repeats)
        since = [t for t, _ in s.acks.get(name, ())[:-1]]
        since += [t for t in s.unsure.get(name, ()) if t <= last]
        return again(s.first_sent.get(name, 0)) + \
            sum(1 + again(t) for t in since)
