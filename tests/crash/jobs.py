"""Random jobs, each with what an uninterrupted run of it gives: its end and its traces (expect.py)."""

import random

from expect import Err, Ok
from nodes import NOTHING, Maker, Node


class Job(Maker):
    """By its name and the seed: `j7` may be any, `g7` ends well and is for a group, `e7` calls the seventh edition of a
    definition. `way`: how it is submitted. `outside`: what is asked for from outside once `armed` (a line of the log, or
    None: at once) is there: (path, body)."""

    def __init__(self, seed, name, place):
        super().__init__(name, random.Random(f"{seed}/{name}"), place)
        self.number, self.outside, self.armed = int(name[1:]), None, None
        self.way = self.random.choice(("post", "key", "put"))
        self.fields = {"labels": {"kind": "crash"}} if self.chance(0.2) else {}
        if self.chance(0.1):
            self.fields["delay"] = self.moment()
        self.spec, self.outcome, self.trace = {"j": self.any, "g": self.whole, "e": self.edition}[name[0]]()

    def submission(self):
        return {"name": self.name, "spec": self.spec, **self.fields}

    def steps(self):
        return [self.node(1) for _ in range(self.random.randint(1, 4))]

    def any(self):
        return self.random.choices((self.whole, self.failing_whole, self.cancelled, self.cancelled_at_once,
                                    self.rescheduled, self.expired), (70, 8, 8, 4, 5, 5))[0]()

    def whole(self):
        if self.chance(0.1):
            self.fields["timeout"] = 100_000
        return self.chain(self.steps())

    def edition(self):
        """Calls a definition that is another one by then: it is to get that of its submission."""
        before = [self.sleep(), self.subprocess()]
        return self.chain([*before, Node({"op": "call", "coroutine": "edition"}, Ok(self.number), NOTHING)])

    def failing_whole(self):
        return self.chain([*self.steps(), self.failing(1)])

    def expired(self):
        """By the job's own deadline."""
        self.fields["timeout"] = 0.01 + self.moment()
        body = self.endless()
        return Node(body.spec, Err("TimeoutError"), ("cut", body.trace))

    def arm(self):
        line = self.log()
        self.armed = line.trace[1]
        return line

    def cancelled(self):
        """From outside, at a place that is known."""
        message, armed, last = self.fresh("stop"), self.arm(), self.stopping()
        self.outside = ("cancel", {"message": message})
        steps = self.steps()
        return Node({"op": "sequence", "steps": [*(node.spec for node in steps), armed.spec, last.spec]},
                    Err("CancelledError", message), ("seq", [*(node.trace for node in steps), armed.trace, last.trace]))

    def cancelled_at_once(self):
        message, body = self.fresh("stop"), self.endless()
        self.outside = ("cancel", {"message": message})
        return Node(body.spec, Err("CancelledError", message), ("cut", body.trace))

    def rescheduled(self):
        """From outside: the job's own deadline, or one within it. The steps are in a task of their own, as a group that
        failed leaves a cancel request with its task, which would make a CancelledError of a timeout around it."""
        armed, body, steps, name = self.arm(), self.stopping(), self.together("gather", self.steps()), self.fresh("o")
        trace = ("seq", [steps.trace, armed.trace, body.trace])
        self.outside = ("reschedule", {"seconds": self.moment()})
        inner = {"op": "sequence", "steps": [steps.spec, armed.spec, body.spec]}
        if self.chance(0.5):
            self.fields["timeout"] = 100_000
            return Node(inner, Err("TimeoutError"), trace)
        self.outside[1]["timeout"] = name
        return Node({"op": "timeout", "name": name, "seconds": 100_000, "body": inner}, Err("TimeoutError"), trace)
