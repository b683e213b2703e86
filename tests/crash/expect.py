"""What is expected: of a job's end, and of the traces that it leaves in files and in its log.

A trace is a tree, of tuples:

    ("leaf", name)          runs: once, and once more after each kill that it was under way at
    ("says", name)          the same, and prints a line
    ("once", name)          runs at most once (on_crash: fail)
    ("log", text)           a line of the job's log: once, whatever happens
    ("seq", traces)         one begins when the one before it has ended
    ("par", traces)         in any order
    ("cut", trace)          cancelled at some point: a beginning of the trace, over when this is
    ("loose", trace)        the same, but it may go on until the job's end
    ("late", trace)         begins at some time, and ends at the latest with the job
    ("rounds", n, names)    these leaves, one after another, so many times
    ("times", n, name)      a leaf that runs so many times, or more often after kills
    ("section", semaphore, value, trace)   in an `async with` of that semaphore
"""

import typing


class Ok(typing.NamedTuple):
    value: object


class Err(typing.NamedTuple):
    type: str
    message: typing.Optional[str] = None  # None: any
    exceptions: tuple = ()


class Has(dict):
    """An object with these members, and maybe others."""


class OneOf(tuple):
    """One of several values."""


ANY = object()


def fits(expected, value):
    if expected is ANY:
        return True
    if isinstance(expected, OneOf):
        return any(fits(one, value) for one in expected)
    if isinstance(expected, Has):
        return isinstance(value, dict) and all(k in value and fits(v, value[k]) for k, v in expected.items())
    if isinstance(expected, dict):
        return isinstance(value, dict) and expected.keys() == value.keys() and \
            all(fits(v, value[k]) for k, v in expected.items())
    if isinstance(expected, list):
        return isinstance(value, list) and len(expected) == len(value) and all(map(fits, expected, value))
    return type(expected) is type(value) and expected == value


def error(err):
    """The object that the error is shown as."""
    shown = Has(type=err.type)
    if err.message is not None:
        shown["message"] = err.message
    if err.exceptions:
        shown["exceptions"] = [error(one) for one in err.exceptions]
    return shown


def task(outcome):
    """The ended task with that outcome."""
    if isinstance(outcome, Ok):
        return Has(state="succeeded", result=outcome.value)
    state = "cancelled" if outcome.type == "CancelledError" else "failed"
    return Has(state=state, error=error(outcome))


# ---- traces ----


def leaves(trace):
    """The names of all leaves in it."""
    kind = trace[0]
    if kind in ("leaf", "says", "once"):
        return [trace[1]]
    if kind == "rounds":
        return list(trace[2])
    if kind == "times":
        return [trace[2]]
    return [name for child in children(trace) for name in leaves(child)]


def children(trace):
    if trace[0] in ("seq", "par"):
        return trace[1]
    return [trace[-1]] if trace[0] in ("cut", "loose", "late", "section") else []


def flaky(trace):
    """The names of those that run until they have run so many times."""
    return [trace[2]] if trace[0] == "times" else [name for child in children(trace) for name in flaky(child)]


def sections(trace):
    """(semaphore, value, names of its leaves) of all sections in it."""
    found = [(trace[1], trace[2], leaves(trace[3]))] if trace[0] == "section" else []
    return found + [one for child in children(trace) for one in sections(child)]


class Span(typing.NamedTuple):
    """From the first line of something to its last: (place, name), or None."""
    first: object = None
    last: object = None


class Walk:
    """Holds a trace against places at which things were seen: in a file or in a log."""

    def __init__(self):
        self.faults = []

    def fault(self, text):
        self.faults.append(text)

    def span(self, trace, must=True):
        return getattr(self, "span_" + trace[0])(trace, must)

    def is_there(self, trace):
        """Whether anything of it was seen."""
        return Walk.span_of_all(self.seen(trace)) is not None

    def seen(self, trace):
        if children(trace):
            return [place for child in children(trace) for place in self.seen(child)]
        return self.places(trace)

    @staticmethod
    def span_of_all(places):
        return (min(places), max(places)) if places else None

    def span_seq(self, trace, must):
        traces = trace[1]
        if not must:  # what came before something that was seen has ended
            there = [i for i, child in enumerate(traces) if self.is_there(child)]
            traces, tail = (traces[:there[-1]], traces[there[-1]]) if there else ([], None)
        spans = [self.span(child) for child in traces]
        if not must and tail:
            spans.append(self.span(tail, False))
        first = last = None
        for span in spans:
            if span.first and last and span.first[0] <= last[0]:
                self.fault(f"{last[1]} was done (line {last[0]}) after {span.first[1]} (line {span.first[0]}), "
                           "which comes after it")
            first = min_place(first, span.first)
            last = max_place(last, span.last)
        return Span(first, last)

    def span_par(self, trace, must):
        spans = [self.span(child, must) for child in trace[1]]
        first = last = None
        for span in spans:
            first, last = min_place(first, span.first), max_place(last, span.last)
        return Span(first, last)

    def span_cut(self, trace, _):
        return self.span(trace[1], False)

    def span_loose(self, trace, _):
        return Span(self.span(trace[1], False).first, None)

    def span_late(self, trace, must):
        return Span(self.span(trace[1], must).first, None)

    def span_section(self, trace, must):
        return self.span(trace[3], must)


def min_place(a, b):
    return a if b is None or a is not None and a[0] <= b[0] else b


def max_place(a, b):
    return a if b is None or a is not None and a[0] >= b[0] else b


class Effects(Walk):
    """Against the file of lines. `lines`: leaf -> [(line, kills before it)]; `markers`: text of the log -> the line at
    which it was seen."""

    def __init__(self, lines, markers):
        super().__init__()
        self.lines, self.markers = lines, markers
        self.extra = 0

    def places(self, trace):
        return [line for name in leaves(trace) for line, _ in self.lines.get(name, [])]

    def of_leaf(self, name, must):
        lines = self.lines.get(name, [])
        if must and not lines:
            self.fault(f"{name} was never done")
        for (a, kills_a), (b, kills_b) in zip(lines, lines[1:]):
            if kills_a == kills_b:
                self.fault(f"{name} was done twice (lines {a} and {b}) without a kill in between")
        self.extra += max(0, len(lines) - 1)
        return Span((lines[0][0], name), (lines[-1][0], name)) if lines else Span()

    def span_leaf(self, trace, must):
        return self.of_leaf(trace[1], must)

    span_says = span_leaf

    def span_once(self, trace, _):
        if len(self.lines.get(trace[1], [])) > 1:
            self.fault(f"{trace[1]} was done again, although on_crash is fail")
        return self.of_leaf(trace[1], False)

    def span_log(self, trace, _):
        place = self.markers.get(trace[1])
        return Span((place, f"the line {trace[1]!r} of the log"), None) if place else Span()

    def span_rounds(self, trace, must):
        _, n, names = trace
        lines = sorted((line, kills, name) for name in names for line, kills in self.lines.get(name, []))
        done = 0  # leaves that have begun
        last = None
        for line, kills, name in lines:
            if done and name == names[(done - 1) % len(names)] and kills > last:
                self.extra += 1  # again
            elif name == names[done % len(names)] and done < n * len(names):
                done += 1
            else:
                self.fault(f"{name} was done (line {line}) as number {done + 1} of {n} rounds of {names}")
                break
            last = kills
        else:
            if must and done < n * len(names):
                self.fault(f"of {n} rounds of {names} only {done} leaves were done")
        return Span((lines[0][0], lines[0][2]), (lines[-1][0], lines[-1][2])) if lines else Span()

    def span_times(self, trace, must):
        _, n, name = trace
        lines = self.lines.get(name, [])
        if must and len(lines) < n:
            self.fault(f"{name} was done {len(lines)} times, not {n}")
        elif len(lines) > n + len({kills for _, kills in lines}) - 1:
            self.fault(f"{name} was done {len(lines)} times, not {n}, in {len({kills for _, kills in lines})} runs of the server")
        self.extra += max(0, len(lines) - n)
        return Span((lines[0][0], name), (lines[-1][0], name)) if lines else Span()


class Log(Walk):
    """Against the log. `lines`: text -> [place] of the lines of `log`; `said`: leaf -> [place] of what it printed."""

    def __init__(self, lines, said):
        super().__init__()
        self.lines, self.said = lines, said

    def places(self, trace):
        return self.lines.get(trace[1], []) if trace[0] == "log" else \
            self.said.get(trace[1], []) if trace[0] == "says" else []

    def one(self, places, text, must):
        if must and not places:
            self.fault(f"the log lacks {text}")
        return Span((places[0], text), (places[-1], text)) if places else Span()

    def span_log(self, trace, must):
        places = self.lines.get(trace[1], [])
        if len(places) > 1:
            self.fault(f"the log has {trace[1]!r} {len(places)} times")
        return self.one(places, repr(trace[1]), must)

    def span_says(self, trace, must):
        return self.one(self.said.get(trace[1], []), f"what {trace[1]} says", must)

    def span_leaf(self, *_):
        return Span()

    span_once = span_rounds = span_times = span_leaf
