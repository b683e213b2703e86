"""What is known of each job while the test runs, and whether it is as it must be."""

import collections
import datetime
import hashlib
import json
import threading

import expect
from server import Broken

EARLY = 0.005  # seconds that a sleep may seem to be too short by, as its lines are stamped by another clock


class Record:
    """A job that is not over yet."""

    def __init__(self, job):
        self.job, self.id, self.body = job, None, None
        self.lines = collections.defaultdict(list)  # leaf -> [(line, kills before it)]
        self.markers = {}                           # text -> line at which it was seen in the log
        self.is_over = False                        # its end was seen
        self.unset = [name for name, _ in job.futures]
        self.outside = job.outside is not None      # still to be asked for
        self.asked = set()                          # what was asked for without an answer
        self.is_cancelled = False                   # acknowledged


class Ended:
    """What is kept of a job that is over."""

    def __init__(self, record):
        self.id, self.digest = record.id, digest(json.loads(record.body))
        self.is_deleted = False  # or True, acknowledged; None: who knows


def digest(task):
    return hashlib.sha1(json.dumps(task, sort_keys=True).encode()).digest()


def at(time):
    return datetime.datetime.fromisoformat(time.replace("Z", "+00:00")).timestamp()


class Watch:
    def __init__(self, world):
        self.world = world
        self.lock = threading.RLock()
        self.open, self.ended = {}, {}  # by name
        self.sections = collections.defaultdict(list)  # semaphore -> [(first, last, value, job)]
        self.life = 0
        self.groups = {}  # id of those that are closed -> names of its jobs
        self.leaves = self.extra = self.starts = 0

    def register(self, job):
        with self.lock:
            self.open[job.name] = Record(job)
            return self.open[job.name]

    # ---- the file of lines ----

    def advance(self):
        with self.lock:
            for number, kills, kind, name, text in self.world.read():
                if kind != "K":
                    self.take(number, kills, kind, name, text)

    def take(self, number, kills, kind, name, text):
        job = name.split(".")[0]
        record = self.open.get(job)
        if record is None or kind == "L" and record.is_over:
            raise Broken(f"{name} was done (line {number}) after its job had ended")
        if kind == "L":
            life = int(text) if text else kills
            if life < self.life:
                raise Broken(f"{name} was done (line {number}) by a process of the server's run {life}, in run {self.life}", job)
            self.life = life
            record.lines[name].append((number, life))
        elif kind == "E":
            record.is_over = True
        elif kind == "S":
            record.markers.setdefault(text, number)

    # ---- ends ----

    def seen(self, record, lines):
        """Lines of a log that goes on."""
        for line in lines:
            if line["stream"] == "log" and line["message"] not in record.markers:
                self.world.note(f"S {record.job.name} {line['message']}")
        self.advance()

    def finish(self, record, log):
        """The job has ended with record.body; `log` are all lines of its log."""
        with self.lock:
            self.advance()
            faults = self.faults(record, json.loads(record.body), log)
            if faults:
                raise Broken("\n".join([f"job {record.job.name}:", *faults]), record.job.name)
            self.ended[record.job.name] = Ended(record)
            del self.open[record.job.name]
        for name in record.lines:
            self.world.forget(name)

    def faults(self, record, task, log):
        job = record.job
        wanted = expect.task(job.outcome)
        if not expect.fits(wanted, task):
            yield_ = {key: task.get(key) for key in ("state", "result", "error") if key in task}
            return [f"ended as {json.dumps(yield_)}", f"instead of {wanted}"]
        faults = self.fields(record, task) + self.effects(record) + self.log(job, log)
        self.starts += task["starts"]
        return faults

    @staticmethod
    def fields(record, task):
        faults = []
        unhandled = sorted(error["type"] for error in task["unhandled"])
        if unhandled != sorted(record.job.unhandled):
            faults.append(f"unhandled: {unhandled} instead of {sorted(record.job.unhandled)}")
        delay = record.job.fields.get("delay", 0)
        if task["started_at"] and at(task["started_at"]) - at(task["created_at"]) < delay - EARLY:
            faults.append(f"began at {task['started_at']}, created at {task['created_at']} with a delay of {delay} s")
        if record.is_cancelled and not task["cancel_requested_at"]:
            faults.append("an acknowledged cancel was forgotten")
        return faults

    def effects(self, record):
        walk = expect.Effects(record.lines, record.markers)
        walk.span(record.job.trace)
        flaky = expect.flaky(record.job.trace)
        known = set(expect.leaves(record.job.trace))
        walk.faults += [f"{name} was done, but is none of its leaves" for name in record.lines if name not in known]
        for name, lines in record.lines.items():  # what flaky ones write to their own comes last
            if name not in flaky and self.world.own(name) < len(lines):
                walk.fault(f"{name} has {self.world.own(name)} lines of its own, and {len(lines)} of all")
        for semaphore, value, names in expect.sections(record.job.trace):
            lines = [line for name in names for line, _ in record.lines.get(name, [])]
            if lines:
                self.sections[semaphore].append((min(lines), max(lines), value, record.job.name))
        self.leaves += len(record.lines)
        self.extra += walk.extra
        return walk.faults

    @staticmethod
    def log(job, log):
        texts, said, times = collections.defaultdict(list), collections.defaultdict(list), {}
        for place, line in enumerate(log):
            if line["stream"] == "log":
                texts[line["message"]].append(place)
                times[line["message"]] = at(line["time"])
            elif line["stream"] == "stdout":
                said[line["message"].removeprefix("said ")].append(place)
        walk = expect.Log(texts, said)
        walk.span(job.trace)
        for before, behind, seconds in job.naps:
            if before in times and behind in times and times[behind] - times[before] < seconds - EARLY:
                walk.fault(f"a sleep of {seconds} s took {times[behind] - times[before]:.6f} s, from {before} to {behind}")
        return walk.faults

    def check_sections(self):
        """Nowhere more than so many in a semaphore at once."""
        with self.lock:
            for semaphore, spans in self.sections.items():
                inside = []
                for first, last, value, job in sorted(spans):
                    inside = [one for one in inside if one[1] > first] + [(first, last, job)]
                    if len(inside) > value:
                        raise Broken(f"semaphore {semaphore} of {value}: {inside}", job)

    def check_list(self, tasks):
        """All tasks of the server, at the end: those that there must be, as they were seen."""
        names = collections.Counter(task["name"] for task in tasks)
        twice = [name for name, n in names.items() if n > 1]
        if twice:
            raise Broken(f"submitted once, and there twice: {twice[:10]}")
        missing = {name for name, ended in self.ended.items() if ended.is_deleted is False} - names.keys()
        unknown = names.keys() - {name for name, ended in self.ended.items() if not ended.is_deleted}
        if missing or unknown:
            raise Broken(f"lost: {sorted(missing)[:10]}; unknown or deleted: {sorted(unknown)[:10]}")
        for task in tasks:
            ended = self.ended[task["name"]]
            if (task["id"], digest(task)) != (ended.id, ended.digest):
                raise Broken(f"has changed after its end was seen: {json.dumps(task)}", task["name"])

    def check_groups(self, groups):
        """All groups that were closed, at the end."""
        states = {group["id"]: group["state"] for group in groups}
        wrong = {id: states.get(id) for id in self.groups if states.get(id) != "succeeded"}
        if wrong:
            raise Broken(f"groups of jobs that have succeeded: {wrong}")
