#!/usr/bin/env python3
"""Random spec tests: made here, answered by CPython, run by the C runner, shrunk where it disagrees.

    fuzz.py SEED N          prints N random cases with CPython's answers
    fuzz.py SEED N RUNNER   gives them to the C runner (build/asan/specs-tests), shows what is left of
                            those that fail; exits 1 if any did
"""
import asyncio
import concurrent.futures
import itertools
import json
import math
import os
import re
import subprocess
import sys
import tempfile
import warnings

import cpython
import ops
import reference
from generate import Generator
from shrink import smaller


class WatchedJob(ops.Job):
    """Notes where CPython gives no answer worth having."""
    is_odd = False

    async def run(self, node, path, scope):
        try:
            return await super().run(node, path, scope)
        except RecursionError:
            WatchedJob.is_odd = True  # a ring of tasks that wait for each other
            raise
        except KeyError as error:
            # of an error whose message is awaitd's own, or which CPython made for who looked at it
            WatchedJob.is_odd |= str(error).endswith((".message'", ".path'"))
            raise

    async def op_await(self, node, path, scope):
        if scope.frame.tasks.get(node["task"]) is asyncio.current_task():
            WatchedJob.is_odd = True  # its message is an address, and others can await it no more
        return await super().op_await(node, path, scope)


def answered(case):
    """CPython's answers, or None."""
    cpython.Job, WatchedJob.is_odd = WatchedJob, False
    try:
        answers = cpython.execute(*case)
    except RecursionError:
        return None
    return None if WatchedJob.is_odd or answers.get("was_late") else answers


def exactly(value, is_error=False):
    """With a null for each context that is not there: what a case does not say, it leaves open."""
    if isinstance(value, list):
        return [exactly(item, is_error) for item in value]
    if not isinstance(value, dict):
        return value
    shown = {key: exactly(item, key in ("error", "exceptions", "context"))
             for key, item in value.items()}
    return {"context": None} | shown if is_error else shown


def case_text(name, case, answers):
    answers = answers | {key: exactly(answers[key], key == "error")
                         for key in ("result", "error") if key in answers}
    lines = [f"test: {name}", f"spec: {json.dumps(case.spec)}"]
    if '"sim' in lines[1] or "sim" in json.dumps(case.coroutines):  # a leaf outside may end with a timer
        lines.append("crashes: no")
    lines += [f"coroutine: {name} {json.dumps(definition)}"
              for name, definition in case.coroutines.items()]
    if case.timeout is not None:
        lines.append(f"timeout: {number(case.timeout)}")
    lines += [f"cancel: {number(at)}" + "".join(" " + json.dumps(text) for text in message)
              for at, message in case.cancels]
    lines += [f"reschedule: {number(at)} {name} {number(seconds)}"
              for at, name, seconds in case.reschedules]
    lines += [f"future: {number(at)} {name} {kind} {json.dumps(outcome)}"
              for at, name, kind, outcome in case.futures]
    return "\n".join(lines + reference.show(answers)) + "\n"


def number(seconds):
    return "null" if seconds in (None, math.inf) else reference.number(seconds)


def random_cases(seed, n):
    for i in range(seed, seed + n):
        case = Generator(i).case()
        answers = answered(case)
        if answers is not None:
            yield f"random {i}", case, answers


# ---- the C runner on random cases ----

def failing(runner, cases):
    """The names of those cases that the C runner does not pass; all when it dies."""
    with tempfile.NamedTemporaryFile("w", suffix=".test", encoding="utf-8") as file:
        file.write("\n".join(case_text(*one) for one in cases))
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


def shrink(runner, case):
    """Takes the first smaller one that fails as well, and goes on from there, until none is left."""
    at = 0
    while True:
        variants = list(smaller(case))
        turned = variants[at:] + variants[:at]
        for start in range(0, len(turned), 100):
            candidates = [(f"smaller {i}", variant, answers)
                          for i, variant in enumerate(turned[start:start + 100])
                          if (answers := answered(variant)) is not None]
            found = next(failing_among(runner, candidates), None)
            if found:
                at = (at + start) % len(variants)
                case = found
                break
        else:
            return case


def failing_among(runner, candidates, running=None):
    """Of those that fail together with others, the ones that fail alone; the shortest first."""
    named, _ = running.result() if running else failing(runner, candidates)
    by_name = {name: case for name, case, _ in candidates}
    for name in sorted(named, key=lambda name: len(json.dumps(by_name[name]))):
        one = [c for c in candidates if c[0] == name]
        if failing(runner, one)[0]:
            yield by_name[name]


def batches(seed, n, size=400):
    cases = random_cases(seed, n)
    return iter(lambda: list(itertools.islice(cases, size)), [])


def report(runner, case):
    small = shrink(runner, case)
    answers = answered(small)
    print(case_text("shrunk", small, answers))
    print(failing(runner, [("shrunk", small, answers)])[1], flush=True)


def fuzz(runner, seed, n, at_most=3):
    """While the C runner is at one batch, CPython is at the next one."""
    compared, found, former = 0, 0, None
    with concurrent.futures.ThreadPoolExecutor(1) as background:
        for batch in itertools.chain(batches(seed, n), [None]):
            running = batch and background.submit(failing, runner, batch)
            compared += len(batch or ())
            for case in former and failing_among(runner, *former) or ():
                if found < at_most:
                    report(runner, case)
                found += 1
            former = running and (batch, running)
    print(f"random jobs from {seed} on, of {n} those that CPython can answer:")
    print(f"{compared - found} passed, {found} failed")
    return 1 if found or not compared else 0


def print_random(seed, n):
    for one in random_cases(seed, n):
        print(case_text(*one))
    return 0


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # of coroutines that a RecursionError left behind
    sys.unraisablehook = lambda _: None
    numbers = [int(word) for word in sys.argv[1:3]]
    if len(numbers) < 2:
        sys.exit(__doc__)
    sys.exit(fuzz(sys.argv[3], *numbers) if sys.argv[3:] else print_random(*numbers))
