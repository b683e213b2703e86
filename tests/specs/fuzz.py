#!/usr/bin/env python3
"""Random spec tests: made here, answered by CPython, run by the C runner, shrunk where it disagrees.

    fuzz.py SEED N          prints N random cases with CPython's answers
    fuzz.py SEED N RUNNER   gives them to the C runner (build/asan/specs-tests), shows what is left of
                            those that fail; exits 1 if any did
"""
import asyncio
import copy
import itertools
import json
import os
import random
import re
import subprocess
import sys
import tempfile
import warnings

import cpython
import reference


class Generator:
    def __init__(self, seed, deepest=5):
        self.random, self.deepest, self.count = random.Random(seed), deepest, 0
        self.names = set()

    def pick(self, *choices):
        return self.random.choice(choices)

    def delay(self):
        return self.pick(0, 0, 0, 0.5, 1, 1, 1, 2, 2, 3)

    def node(self, depth=0):
        leaf = depth >= self.deepest or self.random.random() < 0.1 + 0.08 * depth
        ops = ("sleep sleep sleep log value raise await await cancel subprocess" if leaf else
               "sequence sequence sequence gather gather timeout create_task create_task")
        op = self.pick(*ops.split())
        return {"op": op, **getattr(self, "op_" + op)(depth + 1)}

    def op_sleep(self, _):
        return {"seconds": self.delay()} | ({"result": self.tick()} if self.pick(0, 1) else {})

    def op_value(self, _):
        return {"value": self.tick()}

    def tick(self):
        self.count += 1
        return self.count

    def op_log(self, _=0):
        return {"message": f"n{self.tick()}"}

    def message(self):
        return {"message": f"m{self.tick()}"} if self.pick(0, 1) else {}

    def op_raise(self, _):
        return {"type": self.pick("ValueError", "ValueError", "CancelledError", "TimeoutError",
                                  "KeyError")} | self.message()

    def op_subprocess(self, _):
        argv = ["sim", f"after={self.delay()}", f"exit={self.pick(0, 0, 1)}"]
        return {"argv": argv + self.pick([], ["ignore_term"]), "kill_after": self.delay()}

    def nodes(self, depth, least):
        return [self.node(depth) for _ in range(self.random.randint(least, 4))]

    def op_sequence(self, depth):
        steps = []
        for step in self.nodes(depth, 0):
            steps.append(step)
            if self.pick(0, 1):
                steps.append({"op": "log", **self.op_log()})
        return {"steps": steps}

    def op_gather(self, depth):
        return {"tasks": self.nodes(depth, 0)} | (
            {"return_exceptions": True} if self.pick(0, 1) else {})

    def op_timeout(self, depth):
        return {"seconds": self.pick(0, 0.5, 1, 1, 1, 2, None), "body": self.node(depth)}

    def name(self):
        return self.pick("a", "a", "b", "b", "c", "d")

    def op_create_task(self, depth):
        name = self.name()
        self.names.add(name)
        return {"name": name, "body": self.node(depth)}

    def op_await(self, _):
        return {"task": self.name()}

    def op_cancel(self, _):
        return {"task": self.name()} | self.message()

    def repair(self, node):
        """`await` and `cancel` may only name what some create_task makes."""
        if node["op"] in ("await", "cancel") and node["task"] not in self.names:
            return {"op": "sleep", "seconds": 0}
        for key, value in node.items():
            if isinstance(value, dict):
                node[key] = self.repair(value)
            elif key in ("steps", "tasks"):
                node[key] = [self.repair(child) for child in value]
        return node

    def guarded(self, node):
        """Half of the root's steps may fail without ending the job."""
        guard = {"op": "gather", "tasks": [node], "return_exceptions": True}
        return guard if self.pick(0, 1) else node

    def case(self):
        """Some tasks in the background first, so that there is something to await and to cancel."""
        steps = [{"op": "create_task", **self.op_create_task(2)}
                 for _ in range(self.pick(0, 1, 2, 3, 4))]
        steps += [{"op": "sleep", "seconds": 0}] * self.pick(0, 0, 1, 2, 3)
        for node in self.nodes(1, 1) + self.nodes(1, 0):
            steps += [self.guarded(node), {"op": "log", **self.op_log()}]
        timeout = self.pick(*[None] * 8, 0, 1, 2)
        cancels = [(self.pick(0, 0.5, 1, 1, 2, 3), ["stop"] if self.pick(0, 1) else [])
                   for _ in range(self.pick(0, 0, 0, 0, 0, 1, 1, 2))]
        return self.repair({"op": "sequence", "steps": steps}), timeout, cancels


class WatchedJob(cpython.Job):
    """Notes where CPython gives no answer worth having."""
    is_odd = False

    async def op_await(self, node, path, scope):
        if scope.frame.tasks.get(node["task"]) is asyncio.current_task():
            WatchedJob.is_odd = True  # its message is an address, and others can await it no more
        return await super().op_await(node, path, scope)

    async def op_cancel(self, node, path, scope):
        try:
            return await super().op_cancel(node, path, scope)
        except RecursionError:
            WatchedJob.is_odd = True  # a ring of tasks that wait for each other
            raise


def answered(spec, timeout, cancels):
    """CPython's answers, or None."""
    cpython.Job, WatchedJob.is_odd = WatchedJob, False
    try:
        answers = cpython.execute(spec, timeout, cancels)
    except RecursionError:
        return None
    return None if WatchedJob.is_odd else answers


def case_text(name, spec, timeout, cancels, answers):
    lines = [f"test: {name}", f"spec: {json.dumps(spec)}"]
    if timeout is not None:
        lines.append(f"timeout: {reference.number(timeout)}")
    for at, message in cancels:
        lines.append(f"cancel: {reference.number(at)}" + "".join(" " + json.dumps(m) for m in message))
    return "\n".join(lines + reference.show(answers)) + "\n"


def random_cases(seed, n):
    for i in itertools.count(seed):
        if i == seed + n:
            return
        case = Generator(i).case()
        answers = answered(*case)
        if answers is not None:
            yield f"random {i}", case, answers


# ---- the C runner on random cases ----

def failing(runner, cases):
    """The names of those cases that the C runner does not pass; all when it dies."""
    with tempfile.NamedTemporaryFile("w", suffix=".test", encoding="utf-8") as file:
        file.write("\n".join(case_text(name, *case, answers) for name, case, answers in cases))
        file.flush()
        ended = subprocess.run([runner], env={**os.environ, "SPECS": file.name}, timeout=120,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                               errors="replace", check=False)
    if ended.returncode == 0:
        return [], ""
    named = re.findall(r"^Suite .*?, Test (.*) had failures:", ended.stdout, re.MULTILINE)
    if not named or ended.returncode < 0:
        named = [name for name, _, _ in cases]
    return named, ended.stdout


def smaller(spec, timeout, cancels):
    """Cases with one thing less."""
    for i in range(len(cancels)):
        yield spec, timeout, cancels[:i] + cancels[i + 1:]
    if timeout is not None:
        yield spec, None, cancels
    for variant in smaller_nodes(spec):
        yield variant, timeout, cancels


def smaller_nodes(node):
    children = [(key, i, child) for key, value in node.items()
                if isinstance(value, (dict, list))
                for i, child in enumerate(value if isinstance(value, list) else [value])
                if isinstance(child, dict)]
    yield from (child for _, _, child in children)
    for key in ("result", "message", "return_exceptions"):
        if key in node and node["op"] != "log":
            yield {k: v for k, v in node.items() if k != key}
    for key, i, child in children:
        is_list = isinstance(node[key], list)
        if is_list:
            yield {**node, key: node[key][:i] + node[key][i + 1:]}
        for variant in smaller_nodes(child):
            yield {**node, key: node[key][:i] + [variant] + node[key][i + 1:] if is_list
                   else variant}
    if node["op"] in ("gather", "sequence", "timeout"):
        yield {"op": "sleep", "seconds": 0}


def names_hold(spec):
    text = json.dumps(spec)
    made = set(re.findall(r'"op": "create_task", "name": "(\w+)"', text))
    return set(re.findall(r'"task": "(\w+)"', text)) <= made


def shrink(runner, case):
    while True:
        candidates = []
        for i, variant in enumerate(smaller(*copy.deepcopy(case))):
            if names_hold(variant[0]):
                answers = answered(*variant)
                if answers is not None:
                    candidates.append((f"smaller {i}", variant, answers))
        for found in failing_among(runner, candidates):
            case = found
            break
        else:
            return case


def failing_among(runner, candidates):
    named, _ = failing(runner, candidates)
    by_name = {name: case for name, case, _ in candidates}
    for name in sorted(named, key=lambda name: len(json.dumps(by_name[name]))):
        one = [c for c in candidates if c[0] == name]
        if failing(runner, one)[0]:
            yield by_name[name]


def fuzz(runner, seed, n, at_most=3):
    found = 0
    cases = random_cases(seed, n)
    while batch := list(itertools.islice(cases, 200)):
        for case in failing_among(runner, batch):
            small = shrink(runner, case)
            answers = answered(*small)
            text = case_text("shrunk", *small, answers)
            print(text)
            print(failing(runner, [("shrunk", small, answers)])[1])
            found += 1
            if found >= at_most:
                return 1
    print(f"{n} random cases from {seed}: {found} differ")
    return 1 if found else 0


def print_random(seed, n):
    for name, case, answers in random_cases(seed, n):
        print(case_text(name, *case, answers))
    return 0


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # of coroutines that a RecursionError left behind
    sys.unraisablehook = lambda _: None
    numbers = [int(word) for word in sys.argv[1:3]]
    if len(numbers) < 2:
        sys.exit(__doc__)
    sys.exit(fuzz(sys.argv[3], *numbers) if sys.argv[3:] else print_random(*numbers))
