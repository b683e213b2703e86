"""Random nodes, each with what an uninterrupted run of it gives: its outcome and its traces (expect.py).

What comes of a node does not depend on how fast anything is, nor on when the server is killed: deadlines are moments
away with a body that never ends, or hours away.
"""

import typing

from expect import Err, Has, Ok, OneOf

FOREVER = {"op": "sleep", "seconds": 1_000_000}
NOTHING = ("seq", [])
SEMAPHORES = {"s0": 1, "s1": 1, "s2": 1, "d0": 2, "d1": 3}
POOLS = {"pool": {"workers": 3}, "apart": {"workers": 2, "kind": "process"}}

QUICK = "echo >>own/$0; echo L $0 $LIFE >>lines"
SCRIPTS = {
    "quick": QUICK, "quicker": f"{QUICK}; exit 0", "long": f"{QUICK}; exec sleep 0.0$1", "late": f"sleep 0.0$1; {QUICK}",
    "says": f"{QUICK}; echo said $0", "fails": f"{QUICK}; exit 3",
}
FLAKY = "echo L $0 $LIFE >>lines; echo >>own/$0; test $(wc -l <own/$0) -ge $1"  # counts what the lines have, or less


def definitions(folder):
    shell = {"op": "subprocess", "cwd": folder, "inherit_env": True}
    return {"two": {
        "parameters": {"leaf": {"type": "string"}, "pause": {"type": "number", "default": 0}},
        "body": {"op": "sequence", "return": "${args.leaf} has run", "steps": [
            {**shell, "argv": ["sh", "-c", QUICK, "${args.leaf}.a"]},
            {"op": "sleep", "seconds": "${args.pause}"},
            {"op": "log", "message": "${args.leaf} pauses no more"},
            {**shell, "argv": ["sh", "-c", QUICK, "${args.leaf}.b"]}]}}}


class Node(typing.NamedTuple):
    spec: dict
    outcome: object
    trace: tuple


class Place(typing.NamedTuple):
    """Where leaves do something."""
    folder: str
    http_port: int
    stream_port: int


class Maker:
    """Makes nodes, by chance. `futures`: (name, what is to be posted); `naps`: (line before, line behind, seconds between);
    `unhandled`: types of the errors that nobody awaits."""

    def __init__(self, name, chance, place):
        self.name, self.random, self.place = name, chance, place
        self.count, self.futures, self.naps, self.unhandled = 0, [], [], []
        self.left = self.random.choice((3, 5, 8, 12, 20))

    # ---- chance ----

    def chance(self, odds):
        return self.random.random() < odds

    def pick(self, *makers):
        return self.random.choice(makers)()

    def fresh(self, letter):
        self.count += 1
        return f"{letter}{self.count}"

    def moment(self):
        """Seconds, most of them few."""
        return round(self.random.choice((0, 0.001, 0.01, 0.05, 0.2)) * self.random.random()
                     + (self.random.random() * 3 if self.chance(0.03) else 0), 4)

    # ---- leaves ----

    def leaf_name(self):
        self.count += 1
        return f"{self.name}.{self.count}"

    def shell(self, script, *words, **fields):
        return {"op": "subprocess", "argv": ["sh", "-c", script, *words], "cwd": self.place.folder, "inherit_env": True,
                **fields}

    def subprocess(self, name=None):
        name = name or self.leaf_name()
        kind = self.random.choice(("quick", "quicker", "long", "late", "says"))
        says = f"said {name}\n" if kind == "says" else ""
        spec = self.shell(SCRIPTS[kind], name, *([str(self.random.randint(1, 9))] if kind in ("long", "late") else []))
        return Node(spec, Ok({"returncode": 0, "stdout": says, "stderr": ""}), ("says" if says else "leaf", name))

    def subprocess_fails(self):
        name = self.leaf_name()
        return Node(self.shell(SCRIPTS["fails"], name, check=False), Ok(Has(returncode=3)), ("leaf", name))

    def http(self):
        name = self.leaf_name()
        pause = f"/{self.random.randint(1, 50)}" if self.chance(0.3) else ""
        return Node({"op": "http", "method": "POST", "url": self.url(f"leaf/{name}{pause}")},
                    Ok(Has(status=200, json={"leaf": name})), ("leaf", name))

    def url(self, path):
        return f"http://127.0.0.1:{self.place.http_port}/{path}"

    def stream(self):
        name = self.leaf_name()
        return Node({"op": "stream", "host": "127.0.0.1", "port": self.place.stream_port, "send": name + "\n",
                     "read": {"until": "\n"}}, Ok(f"done {name}\n"), ("leaf", name))

    def thread(self):
        name = self.leaf_name()
        paths = [f"{self.place.folder}/own/{name}", f"{self.place.folder}/lines"]
        seconds = round(self.random.choice((0, 0, 0.05)) * self.random.random(), 3)
        args = {"paths": paths, "line": f"L {name}", "seconds": seconds}
        executor = self.random.choice(({}, {"executor": "pool"}, {"executor": "apart"}))
        return Node({"op": "thread", "function": "append", "args": args, **executor}, Ok(True), ("leaf", name))

    def on_crash(self):
        """At most once; whether it was cut off by a kill depends on when that was."""
        node = self.pick(self.subprocess, self.thread, self.http, self.stream)
        clause = {"types": ["CrashedError"], "body": {"op": "value", "value": "crashed"}}
        return Node({"op": "try", "body": {**node.spec, "on_crash": "fail"}, "except": [clause]},
                    Ok(OneOf((node.outcome.value, "crashed"))), ("once", node.trace[1]))

    def log(self):
        text = self.fresh("n")
        return Node({"op": "log", "message": text}, Ok(None), ("log", text))

    def sleep(self):
        value = self.fresh("slept")
        return Node({"op": "sleep", "seconds": self.moment(), "result": value}, Ok(value), NOTHING)

    def value(self):
        value = self.random.choice(({"a": [1, 2.5, None]}, "text", 7, [], True))
        return Node({"op": "value", "value": value}, Ok(value), NOTHING)

    def pure(self):
        return Node({"op": "thread", "function": "sort", "args": {"items": [3, 1, 2]}}, Ok([1, 2, 3]), NOTHING)

    def future(self):
        name = self.fresh("f")
        if self.chance(0.2):
            self.futures.append((name, {"error": {"type": "ValueError", "message": name}}))
            return Node({"op": "future", "name": name}, Err("ValueError", name), NOTHING)
        value = self.random.choice((name, {"by": name}, [1, None]))
        self.futures.append((name, {"result": value}))
        return Node({"op": "future", "name": name}, Ok(value), NOTHING)

    def leaf(self):
        makers = (self.subprocess,) * 5 + (self.thread,) * 3 + (self.http,) * 2 + (self.stream, self.on_crash) * 2 + \
            (self.log,) * 3 + (self.sleep,) * 3 + (self.subprocess_fails, self.value, self.pure)
        return self.pick(*makers)

    # ---- what ends well ----

    def node(self, depth):
        """Ends with a result."""
        self.left -= 1
        if depth > 4 or self.left < 0 or self.chance(0.25):
            return self.leaf()
        makers = (self.sequence,) * 4 + (self.gather, self.group, self.guarded) * 3 + \
            (self.map, self.section, self.background, self.wait, self.race) * 2 + \
            (self.timeout, self.shield, self.flaky, self.gather_exceptions, self.cancels, self.call, self.nap,
             self.finally_, self.set_from_outside, self.patient, self.left_behind)
        return self.random.choice(makers)(depth + 1)

    def nodes(self, depth, most=4):
        return [self.node(depth) for _ in range(self.random.randint(1, most))]

    def chain(self, nodes):
        """A sequence, which ends with the first error."""
        trace, outcome = [], Ok(None)
        for node in nodes:
            trace.append(node.trace)
            outcome = node.outcome
            if isinstance(outcome, Err):
                break
        return Node({"op": "sequence", "steps": [node.spec for node in nodes]}, outcome, ("seq", trace))

    def sequence(self, depth):
        made = self.chain(self.nodes(depth))
        if self.chance(0.3):
            name = self.fresh("x")
            step = made.spec["steps"][-1]
            if "name" not in step:
                step["name"] = name
                made.spec["return"] = {"got": "${" + name + "}"}
                return made._replace(outcome=Ok({"got": made.outcome.value}))
        return made

    @staticmethod
    def together(op, nodes, **fields):
        return Node({"op": op, "tasks": [node.spec for node in nodes], **fields},
                    Ok([node.outcome.value for node in nodes]), ("par", [node.trace for node in nodes]))

    def gather(self, depth):
        return self.together("gather", self.nodes(depth))

    def group(self, depth):
        return self.together("group", self.nodes(depth))

    def gather_exceptions(self, depth):
        nodes = [self.failing(depth) if self.chance(0.5) else self.node(depth) for _ in range(self.random.randint(1, 3))]
        shown = [node.outcome.value if isinstance(node.outcome, Ok) else Has(error=Has(type=node.outcome.type))
                 for node in nodes]
        return Node({"op": "gather", "tasks": [node.spec for node in nodes], "return_exceptions": True}, Ok(shown),
                    ("par", [node.trace for node in nodes]))

    def guarded(self, depth):
        """A failure that is caught."""
        body, handler = self.failing(depth), self.node(depth)
        clause = {"types": [body.outcome.type]} if self.chance(0.7) else {"as": "e"}
        return Node({"op": "try", "body": body.spec, "except": [{**clause, "body": handler.spec}]}, handler.outcome,
                    ("seq", [body.trace, handler.trace]))

    def finally_(self, depth):
        body, last = self.node(depth), self.leaf()
        return Node({"op": "try", "body": body.spec, "finally": last.spec}, body.outcome, ("seq", [body.trace, last.trace]))

    def timeout(self, depth):
        body = self.node(depth)
        seconds = self.random.choice((None, 500_000))
        return Node({"op": "timeout", "seconds": seconds, "body": body.spec}, body.outcome, body.trace)

    def shield(self, depth):
        body = self.node(depth)
        return Node({"op": "shield", "body": body.spec}, body.outcome, body.trace)

    def flaky(self, _):
        """Fails until it has been tried so often."""
        name, n = self.leaf_name(), self.random.randint(2, 4)
        if self.chance(0.5):
            body, value = self.shell(FLAKY, name, str(n)), {"returncode": 0, "stdout": "", "stderr": ""}
        else:
            body, value = {"op": "http", "url": self.url(f"flaky/{name}/{n}")}, Has(json={"leaf": name})
        retry = {"op": "retry", "attempts": 1000, "delay": 0.001, "max_delay": 0.02, "jitter": 0.5, "body": body}
        return Node(retry, Ok(value), ("times", n, name))

    def map(self, _):
        base, items = self.leaf_name(), [f"i{i}" for i in range(self.random.randint(1, 6))]
        steps = [self.shell(SCRIPTS[self.random.choice(("quick", "long"))], base + ".${item}", "2"),
                 {"op": "log", "message": base + ".${item}"}]
        traces = [("seq", [("leaf", f"{base}.{item}"), ("log", f"{base}.{item}")]) for item in items]
        concurrency = self.random.choice((None, 1, 2, 3))
        spec = {"op": "map", "items": items, "body": {"op": "sequence", "steps": steps, "return": "${item}"}}
        return Node({**spec, "concurrency": concurrency} if concurrency else spec, Ok(items),
                    ("seq" if concurrency == 1 else "par", traces))

    def section_body(self, *between):
        begin, end = self.subprocess(), self.subprocess()
        return self.chain([begin, *between, end])

    def section(self, _):
        semaphore = self.random.choice(list(SEMAPHORES))
        body = self.section_body(*([self.sleep()] if self.chance(0.5) else []))
        spec = {"op": "semaphore", "semaphore": semaphore, "value": SEMAPHORES[semaphore], "body": body.spec}
        return Node(spec, body.outcome, ("section", semaphore, SEMAPHORES[semaphore], body.trace))

    def patient(self, _):
        """Waits for a semaphore, but not for long: may be inside, outside, or half-way through when it gives up."""
        section = self.section(0)
        waiting = {"op": "timeout", "seconds": self.moment() + 0.01, "body": section.spec}
        clause = {"types": ["TimeoutError"], "body": {"op": "value", "value": "late"}}
        return Node({"op": "try", "body": waiting, "except": [clause]}, Ok(OneOf((section.outcome.value, "late"))), ("cut", section.trace))

    def background(self, depth):
        """create_task, something else, await."""
        name, body, other = self.fresh("t"), self.node(depth), self.node(depth)
        steps = [{"op": "create_task", "name": name, "body": body.spec}, other.spec, {"op": "await", "task": name}]
        return Node({"op": "sequence", "steps": steps}, body.outcome, ("par", [body.trace, other.trace]))

    def stopping(self):
        """Never ends, and does something when it is cancelled."""
        last = self.subprocess()
        return Node({"op": "try", "body": FOREVER, "finally": last.spec}, None, last.trace)

    def cancels(self, _):
        """create_task, cancel, await."""
        name, body = self.fresh("t"), self.stopping()
        steps = [{"op": "create_task", "name": name, "body": body.spec}, {"op": "sleep", "seconds": self.moment()},
                 {"op": "cancel", "task": name, "message": name},
                 {"op": "try", "body": {"op": "await", "task": name},
                  "except": [{"types": ["CancelledError"], "as": "e", "body": {"op": "value", "value": "${e.message}"}}]}]
        return Node({"op": "sequence", "steps": steps}, Ok(name), body.trace)

    def left_behind(self, _):
        """Something that runs until the job's end, and is cancelled then; or fails, and nobody awaits it."""
        if self.chance(0.5):
            type = self.random.choice(("ValueError", "RuntimeError"))
            self.unhandled.append(type)
            body, trace = {"op": "raise", "type": type, "message": "nobody awaits"}, NOTHING
        else:
            stopping = self.stopping()
            body, trace = stopping.spec, ("late", stopping.trace)
        name = self.fresh("t")
        steps = [{"op": "create_task", "name": name, "body": body}, {"op": "sleep", "seconds": 0.001}]
        return Node({"op": "sequence", "steps": steps}, Ok(None), trace)

    def wait(self, depth):
        if self.chance(0.5):
            nodes = self.nodes(depth, 3)
            done = [{"index": i, "result": node.outcome.value} for i, node in enumerate(nodes)]
            return Node({"op": "wait", "tasks": [node.spec for node in nodes]}, Ok({"done": done, "pending": []}),
                        ("par", [node.trace for node in nodes]))
        node = self.node(depth)
        return Node({"op": "wait", "tasks": [FOREVER, node.spec], "return_when": "FIRST_COMPLETED"},
                    Ok({"done": [{"index": 1, "result": node.outcome.value}], "pending": [0]}), node.trace)

    def race(self, depth):
        winner = self.chain([Node({"op": "sleep", "seconds": 0.001}, Ok(None), NOTHING), self.node(depth)])
        loser = self.stopping()
        return Node({"op": "race", "tasks": [loser.spec, winner.spec]}, winner.outcome,
                    ("seq", [winner.trace, loser.trace]))

    def call(self, _):
        name = self.leaf_name()
        args = {"leaf": name} | ({"pause": self.moment()} if self.chance(0.5) else {})
        return Node({"op": "call", "coroutine": "two", "args": args}, Ok(f"{name} has run"),
                    ("seq", [("leaf", name + ".a"), ("log", name + " pauses no more"), ("leaf", name + ".b")]))

    def nap(self, _):
        """A sleep of which the log says when it began and ended."""
        before, behind, seconds = self.log(), self.log(), round(self.random.random() * 1.5, 3)
        self.naps.append((before.trace[1], behind.trace[1], seconds))
        return self.chain([before, Node({"op": "sleep", "seconds": seconds}, Ok(None), NOTHING), behind])

    def set_from_outside(self, depth):
        future = self.future()
        if isinstance(future.outcome, Ok):
            return future
        handler = self.node(depth)
        return Node({"op": "try", "body": future.spec, "except": [{"types": ["ValueError"], "body": handler.spec}]},
                    handler.outcome, handler.trace)

    # ---- what fails ----

    def failing(self, depth):
        self.left -= 1
        makers = [self.raises, self.exits, self.not_found, self.always] + \
            [self.expires, self.group_fails, self.gather_fails, self.moved] * 2 * (depth <= 4)
        return self.random.choice(makers)(depth + 1)

    def raises(self, depth):
        type, text = self.random.choice(("ValueError", "OSError", "shop.SoldOut")), self.fresh("m")
        steps = self.nodes(depth, 2) if self.chance(0.5) else []
        return self.chain([*steps, Node({"op": "raise", "type": type, "message": text}, Err(type, text), NOTHING)])

    def exits(self, _):
        name = self.leaf_name()
        return Node(self.shell(SCRIPTS["fails"], name), Err("CalledProcessError"), ("leaf", name))

    def not_found(self, _):
        name = self.leaf_name()
        return Node({"op": "http", "url": self.url(f"fail/{name}")}, Err("HTTPStatusError"), ("leaf", name))

    def always(self, _):
        """Tried so often, and never successful."""
        names, n, text = [self.leaf_name(), self.leaf_name()], self.random.randint(1, 3), self.fresh("m")
        steps = [self.shell(SCRIPTS["quick"], name) for name in names]
        body = {"op": "sequence", "steps": [*steps, {"op": "raise", "type": "ValueError", "message": text}]}
        return Node({"op": "retry", "attempts": n, "delay": 0.01, "jitter": 1, "body": body}, Err("ValueError", text),
                    ("rounds", n, names))

    def endless(self):
        """Never ends; what it does before is cut off at some time."""
        steps = [self.random.choice((self.subprocess, self.sleep, self.log))() for _ in range(self.random.randint(0, 2))]
        return self.chain([*steps, Node(FOREVER, None, NOTHING)])

    def expires(self, _):
        if self.chance(0.5):
            body = self.endless()
            trace = ("cut", body.trace)
        else:
            body = self.stopping()
            trace = body.trace
        if self.chance(0.2):
            body, trace = Node({"op": "shield", "body": body.spec}, None, None), ("loose", body.trace)
        return Node({"op": "timeout", "seconds": self.moment() + 0.01, "body": body.spec}, Err("TimeoutError"), trace)

    def moved(self, _):
        """The deadline of an endless body is moved from far away to now, or nearly."""
        name = self.fresh("o")
        move, first = Node({"op": "reschedule", "timeout": name, "seconds": self.moment()}, None, NOTHING), self.subprocess()
        body = self.chain([first, move, Node(FOREVER, None, NOTHING)])
        return Node({"op": "timeout", "name": name, "seconds": 500_000, "body": body.spec}, Err("TimeoutError"), first.trace)

    def group_fails(self, depth):
        pause = Node({"op": "sleep", "seconds": 0.001 + self.moment()}, Ok(None), NOTHING)
        failing = self.chain([pause, self.failing(depth)])
        others = [self.stopping() if self.chance(0.5) else self.endless() for _ in range(self.random.randint(0, 2))]
        traces = [other.trace if other.spec["op"] == "try" else ("cut", other.trace) for other in others]
        return Node({"op": "group", "tasks": [node.spec for node in (failing, *others)]},
                    Err("ExceptionGroup", "unhandled errors in a TaskGroup (1 sub-exception)", (failing.outcome,)),
                    ("par", [failing.trace, *traces]))

    def gather_fails(self, depth):
        """The others go on in the background."""
        failing, other = self.failing(depth), self.endless()
        return Node({"op": "gather", "tasks": [failing.spec, other.spec]}, failing.outcome,
                    ("par", [failing.trace, ("loose", other.trace)]))
