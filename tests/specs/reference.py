#!/usr/bin/env python3
"""Runs the spec tests on CPython's own asyncio, in virtual time. See README.md.

    reference.py [FILE...] [NAME...]  checks every case, or those with a NAME in their own name or
                                      in their file's; exits 1 and shows the difference when one differs
    reference.py --write FILE...      writes CPython's answers into the files
"""
import difflib
import glob
import itertools
import json
import math
import os
import re
import sys

import cpython

TESTS = ("test", "spec", "coroutine", "timeout", "cancel", "reschedule", "future",
         "reference")
ANSWERS = ("state", "result", "error", "took", "log", "unhandled")


# ---- the files ----

def expand(value):
    """{"*": 3, "of": X} in a list stands for X three times."""
    if isinstance(value, list):
        items = []
        for item in value:
            repeated = isinstance(item, dict) and "*" in item
            one = expand(item["of"] if repeated else item)
            items += [one] * (item["*"] if repeated else 1)
        return items
    if isinstance(value, dict):
        return {key: expand(item) for key, item in value.items()}
    return value


class Case:
    """One block of a file: `lines` of (key, text, number), and where it stands."""

    def __init__(self, path, block):
        self.path, self.block, self.fields = path, block, []
        for number, line in block:
            if line.startswith("#"):
                continue
            if line[0].isspace():
                self.fields[-1][1] += "\n" + line.strip()
                continue
            key, colon, text = line.partition(":")
            if not colon or key not in TESTS + ANSWERS:
                raise SyntaxError(f"{path}:{number}: expected one of "
                                  f"{', '.join(TESTS + ANSWERS)}, not {line!r}")
            self.fields.append([key, text.strip(), number])
        self.line = block[0][0]
        self.name = self.get("test")
        self.spec = expand(json.loads(self.get("spec")))
        self.skip = self.reason_to_skip()

    def get(self, wanted, default=None):
        return next((text for key, text, _ in self.fields if key == wanted), default)

    def all(self, wanted):
        return [text for key, text, _ in self.fields if key == wanted]

    def reason_to_skip(self):
        word, _, rest = self.get("reference", "").partition(" ")
        return rest if word == "skip" else None

    def run(self):
        cancels, reschedules, futures, coroutines = [], [], [], {}
        for text in self.all("cancel"):
            at, _, message = text.partition(" ")
            cancels.append((float(at), [json.loads(message)] if message else []))
        for text in self.all("reschedule"):
            at, name, seconds = text.split()
            reschedules.append((float(at), name, json.loads(seconds)))
        for text in self.all("future"):
            at, name, kind, outcome = text.split(maxsplit=3)
            futures.append((float(at), name, kind, json.loads(outcome)))
        for text in self.all("coroutine"):
            name, _, definition = text.partition(" ")
            coroutines[name] = expand(json.loads(definition))
        timeout = json.loads(self.get("timeout", "-1"))
        return cpython.execute(self.spec, {None: math.inf, -1: None}.get(timeout, timeout), cancels,
                               reschedules, coroutines, futures)

    def expected(self):
        answers = {"state": self.get("state"), "log": [read_log(l) for l in self.all("log")],
                   "unhandled": expand(json.loads(self.get("unhandled", "[]")))}
        for key in ("result", "error", "took"):
            if self.get(key) is not None:
                answers[key] = expand(json.loads(self.get(key)))
        return answers


LOG_LINE = re.compile(r"(\S+) (?:\[(\w+)\] )?(?:@(\S*) )?(.*)", re.DOTALL)


def read_log(text):
    """TIME [level] @/path message: level and path only where the case cares."""
    at, level, path, message = LOG_LINE.fullmatch(text).groups()
    return float(at), level, path, json.loads(message) if message.startswith('"') else message


def read_file(path):
    cases, block = [], []
    with open(path, encoding="utf-8") as file:
        for number, line in enumerate(itertools.chain(file, [""]), 1):
            if line.strip():
                block.append((number, line.rstrip("\n")))
                continue
            if any(not text.startswith("#") for _, text in block):
                cases.append(Case(path, block))
            block = []
    names = [case.name for case in cases]
    for case in cases:
        if not case.name or names.count(case.name) > 1:
            raise SyntaxError(f"{path}:{case.line}: each case needs a name of its own")
    return cases


# ---- comparing ----

def same(expected, got, is_error=False):
    """Errors are compared on the keys that the case gives, all else wholly."""
    if isinstance(expected, dict) and isinstance(got, dict):
        if is_error:
            return all(same(value, got.get(key), key == "context" or key == "exceptions")
                       for key, value in expected.items())
        holds_error = expected.keys() in ({"error"}, {"index", "error"})
        return expected.keys() == got.keys() and all(
            same(value, got[key], holds_error and key == "error")
            for key, value in expected.items())
    if isinstance(expected, list) and isinstance(got, list):
        return len(expected) == len(got) and all(
            same(one, other, is_error) for one, other in zip(expected, got))
    if isinstance(expected, bool) or isinstance(got, bool):
        return expected is got
    return expected == got


def same_log(expected, got):
    return len(expected) == len(got) and all(
        all(wanted is None or wanted == seen for wanted, seen in zip(one, other))
        for one, other in zip(expected, got))


def same_unhandled(expected, got):
    """In any order: CPython reports an error that nobody looked at when its task's memory is freed."""
    left = list(got)
    for error in expected:
        found = next((one for one in left if same(error, one, True)), None)
        if found is None:
            return False
        left.remove(found)
    return not left


def differences(expected, got):
    for key in ANSWERS:
        if key == "log":
            equal = same_log(expected["log"], got["log"])
        elif key == "unhandled":
            equal = got["state"] == "stuck" or same_unhandled(expected[key], got[key])
        elif key in expected:
            equal = key in got and same(expected[key], got[key], key == "error")
        else:
            equal = key == "took" or key not in got
        if not equal:
            yield key


def show_log(entry):
    at, level, path, message = entry
    level = "" if level in (None, "info") else f" [{level}]"
    if not re.fullmatch(r"[^\s\"@\[](.*\S)?", message):
        message = json.dumps(message, ensure_ascii=False)
    return f"log: {number(at)}{level} {message}"


def number(value):
    return json.dumps(int(value) if value == int(value) else value)


def show(answers):
    """The lines of the answers, as --write puts them into a file."""
    lines = [f"state: {answers['state']}"]
    for key in ("result", "error"):
        if key in answers:
            lines.append(f"{key}: {json.dumps(answers[key], ensure_ascii=False)}")
    if "took" in answers:
        lines.append(f"took: {number(answers['took'])}")
    lines += [show_log(entry) for entry in answers["log"]]
    if answers.get("unhandled"):
        lines.append(f"unhandled: {json.dumps(answers['unhandled'], ensure_ascii=False)}")
    return lines


def is_wanted(case, names):
    suite = os.path.basename(case.path).partition(".")[0]
    return not names or any(name in case.name or name in suite for name in names)


def check(paths, names):
    cases = [case for path in paths for case in read_file(path) if is_wanted(case, names)]
    skipped = [case for case in cases if case.skip]
    failed = 0
    for case in cases:
        if case.skip:
            continue
        got = case.run()
        wrong = list(differences(case.expected(), got))
        if wrong:
            failed += 1
            print(f"{case.path}:{case.line}: {case.name}: {', '.join(wrong)} differ")
            old = [line for _, line in case.block if line.partition(":")[0] in ANSWERS]
            print("\n".join(difflib.unified_diff(old, show(got), "the file", "CPython",
                                                 lineterm="", n=0)), "\n")
    for case in skipped:
        print(f"skipped: {case.name}: {case.skip}")
    passed = len(cases) - len(skipped) - failed
    print("CPython", ".".join(map(str, sys.version_info[:3])))
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


def write(path):
    """Replaces the answers, where they differ, with CPython's."""
    with open(path, encoding="utf-8") as file:
        lines = file.read().split("\n")
    for case in reversed(read_file(path)):
        if case.skip:
            continue
        got = case.run()
        if case.get("state") and not list(differences(case.expected(), got)):
            continue
        keep, dropping = [], False
        for _, line in case.block:
            if not line[0].isspace():
                dropping = line.partition(":")[0] in ANSWERS
            if not dropping:
                keep.append(line)
        lines[case.line - 1:case.line - 1 + len(case.block)] = keep + show(got)
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lines))


def main(arguments):
    sys.setrecursionlimit(10000)  # calls of definitions may be deep
    if arguments[:1] == ["--write"]:
        for path in arguments[1:]:
            write(path)
        return 0
    if arguments[:1] and arguments[0].startswith("-"):
        print(__doc__, file=sys.stderr)
        return 2
    paths = [word for word in arguments if word.endswith(".test")]
    names = [word for word in arguments if not word.endswith(".test")]
    folder = os.path.relpath(os.path.dirname(os.path.abspath(__file__)))
    return check(paths or sorted(glob.glob(os.path.join(folder, "*.test"))), names)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
