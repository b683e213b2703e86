"""asyncio in virtual time, and the same in each Python since 3.11."""
import asyncio
import functools
import heapq
import itertools
import math
import selectors
import signal
import sys


class Stuck(BaseException):
    """Nothing is ready and no timer is armed: the program would wait for ever."""


class OrderedTimer(asyncio.TimerHandle):
    """Equal deadlines fire in the order in which they were armed; CPython leaves that open."""
    count = itertools.count()

    def __init__(self, *args):
        super().__init__(*args)
        self.sequence = next(self.count)

    def __lt__(self, other):
        return (self._when, self.sequence) < (other._when, other.sequence)

    def __gt__(self, other):  # what Python asks for `other < self` of a subclass
        return (self._when, self.sequence) > (other._when, other.sequence)


class HostTimer(OrderedTimer):
    """An event of the host: happens when it is due, not as a callback of the loop's next turn."""

    is_armed = False

    @property
    def _scheduled(self):
        return self.is_armed

    @_scheduled.setter
    def _scheduled(self, scheduled):
        due = self.is_armed and not scheduled  # the loop takes it from its heap
        self.is_armed = scheduled
        if due:
            self._run()
            self.cancel()


class VirtualSelector(selectors.SelectSelector):
    loop = None

    def select(self, timeout=None):
        if timeout is None:
            raise Stuck
        if timeout > 0:
            self.loop.jump(self.loop._scheduled[0]._when)
        return []


class VirtualLoop(asyncio.SelectorEventLoop):
    """Whole nanoseconds, so that 0.1 + 0.2 and 0.3 are the same moment."""

    def __init__(self):
        selector = VirtualSelector()
        selector.loop = self
        super().__init__(selector)
        self.jump(0.0)

    def time(self):
        return self.now

    def jump(self, now):
        self.now = now
        self._clock_resolution = max(5e-10, math.ulp(now))

    def host_event(self, delay, callback, *args):
        self.arm(HostTimer, self.now + delay, callback, args, None)

    def run_in_executor(self, executor, function, *args):
        """What the function sleeps (functions.py) is virtual time; all calls run at once."""
        future, self.slept = self.create_future(), 0.0
        try:
            end = functools.partial(future.set_result, function(*args))
        except Exception as error:
            end = functools.partial(future.set_exception, error)
        self.host_event(self.slept, lambda: future.done() or end())
        return future

    def call_at(self, when, callback, *args, context=None):
        return self.arm(OrderedTimer, when, callback, args, context)

    def arm(self, kind, when, callback, args, context):
        timer = kind(round(when * 1e9) / 1e9, callback, args, self, context)
        heapq.heappush(self._scheduled, timer)
        timer._scheduled = True
        return timer


class Child(asyncio.Future):
    """tests/sim/sim.h's simulated process. Done when it was reaped; cancelling it sends SIGTERM, after
    its patience SIGKILL, and the CancelledError comes once it was reaped."""

    def __init__(self, loop, argv, patience):
        super().__init__(loop=loop)
        said = dict(word.partition("=")[::2] for word in argv[1:])
        self.loop, self.patience = loop, patience
        self.ignores_term = "ignore_term" in said
        self.stdout, self.stderr = said.get("stdout", ""), said.get("stderr", "")
        self.cancelled_error = None
        loop.host_event(float(said.get("after", 0)), self.end, int(said.get("exit", 0)))

    def end(self, returncode):
        if not self.done():
            if self.cancelled_error:
                self.set_exception(self.cancelled_error)
            else:
                self.set_result(returncode)

    def kill(self, number):
        if number == signal.SIGKILL or not self.ignores_term:
            self.loop.host_event(0, self.end, -number)

    def cancel(self, msg=None):
        if not self.done() and not self.cancelled_error:
            self.cancelled_error = asyncio.CancelledError(*([] if msg is None else [msg]))
            self.kill(signal.SIGTERM)
            self.loop.call_later(self.patience, self.kill, signal.SIGKILL)
        return not self.done()


class Answer(asyncio.Future):
    """What tests/sim/outside.h's world says, after so many seconds."""

    def __init__(self, loop, after, say, *args):
        super().__init__(loop=loop)
        loop.host_event(after, self.end, say, *args)

    def end(self, say, *args):
        if not self.done():
            try:
                self.set_result(say(*args))
            except Exception as error:
                self.set_exception(error)


class OrderedSet(dict):
    def add(self, item):
        self[item] = None

    def discard(self, item):
        self.pop(item, None)


class TaskGroup(asyncio.TaskGroup):
    """Cancels its tasks in the order in which they were made; CPython leaves that open."""

    def __init__(self):
        super().__init__()
        self._tasks = OrderedSet()


class Timeout(asyncio.Timeout):
    """That of CPython 3.11.7: requests from before it was entered do not hide its own."""

    async def __aenter__(self):
        self._cancelling = asyncio.current_task().cancelling()
        return await super().__aenter__()

    async def __aexit__(self, kind, error, traceback):
        expiring = self._state.value == "expiring"
        # to the older one all is well, so that it raises nothing itself
        await super().__aexit__(None, None, None)
        if expiring and kind is asyncio.CancelledError:
            if self._task.cancelling() <= self._cancelling:
                raise TimeoutError from error


if sys.version_info < (3, 11, 7):
    asyncio.timeouts.Timeout = Timeout
