"""Executes a job's spec with CPython's own asyncio, in virtual time."""
import asyncio
import builtins
import collections.abc
import heapq
import inspect
import itertools
import math
import selectors
import signal
import subprocess


# ---- virtual time ----

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

    def call_at(self, when, callback, *args, context=None):
        return self.arm(OrderedTimer, when, callback, args, context)

    def arm(self, kind, when, callback, args, context):
        timer = kind(round(when * 1e9) / 1e9, callback, args, self, context)
        heapq.heappush(self._scheduled, timer)
        timer._scheduled = True
        return timer


# ---- the interpreter: each op is the asyncio call that it is named after ----

class CalledProcessError(subprocess.CalledProcessError):
    pass


def exception_class(name):
    found = getattr(builtins, name, None)
    if name == "CancelledError":
        found = asyncio.CancelledError
    if isinstance(found, type) and issubclass(found, BaseException) and found.__name__ == name:
        return found
    return type(name, (Exception,), {})


def set_path(error, path):
    """Where it was raised. None: CPython made it afresh for one who looks at a cancelled task."""
    if not hasattr(error, "job_path"):
        error.job_path = path


class Body(collections.abc.Coroutine):
    """The coroutine of a task; knows its path before its first step too."""

    def __init__(self, job, node, path):
        self.coro, self.path = job.run(node, path), path

    def send(self, value):
        return self.coro.send(value)

    def throw(self, *error):
        if inspect.getcoroutinestate(self.coro) == inspect.CORO_CREATED:
            set_path(error[0], self.path)
        return self.coro.throw(*error)

    def close(self):
        self.coro.close()

    def __await__(self):
        return self.coro.__await__()


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


class Job:
    def __init__(self, loop):
        self.loop, self.names, self.log = loop, {}, []

    async def run(self, node, path):
        try:
            op = getattr(self, "op_" + node["op"])
            return await op(node, path)
        except BaseException as error:
            set_path(error, path)
            raise

    async def op_sleep(self, node, path):
        return await asyncio.sleep(node["seconds"], node.get("result"))

    async def op_value(self, node, path):
        return node["value"]

    async def op_log(self, node, path):
        self.log.append((self.loop.time(), node.get("level", "info"), path, node["message"]))

    async def op_raise(self, node, path):
        arguments = [node["message"]] if "message" in node else []
        raise exception_class(node["type"])(*arguments)

    async def op_sequence(self, node, path):
        result = None
        for i, step in enumerate(node["steps"]):
            result = await self.run(step, f"{path}/steps/{i}")
        return node.get("return", result)

    async def op_gather(self, node, path):
        children = [Body(self, child, f"{path}/tasks/{i}")
                    for i, child in enumerate(node["tasks"])]
        gathered = asyncio.gather(*children,
                                  return_exceptions=node.get("return_exceptions", False))
        try:
            return await gathered
        except asyncio.CancelledError as error:
            if gathered.exception() is error:
                set_path(error, None)
            raise

    async def op_timeout(self, node, path):
        async with asyncio.timeout(node["seconds"]):
            return await self.run(node["body"], path + "/body")

    async def op_create_task(self, node, path):
        self.names[node["name"]] = asyncio.create_task(Body(self, node["body"], path + "/body"))
        return node["name"]

    async def op_await(self, node, path):
        task = self.names[node["task"]]
        try:
            return await task
        except asyncio.CancelledError as error:
            if task.cancelled():
                set_path(error, None)
            raise

    async def op_cancel(self, node, path):
        arguments = [node["message"]] if "message" in node else []
        return self.names[node["task"]].cancel(*arguments)

    async def op_subprocess(self, node, path):
        child = Child(self.loop, node["argv"], node.get("kill_after", 5))
        returncode = await child
        if node.get("check", True) and returncode:
            raise CalledProcessError(returncode, node["argv"], child.stdout, child.stderr)
        return {"returncode": returncode, "stdout": child.stdout, "stderr": child.stderr}


# ---- one run ----

def as_error(error):
    """An exception as awaitd shows it."""
    shown = {"type": type(error).__name__, "message": str(error)}
    if getattr(error, "job_path", None) is not None:
        shown["path"] = error.job_path
    if isinstance(error, subprocess.CalledProcessError):
        shown["details"] = {"returncode": error.returncode, "stdout": error.stdout,
                            "stderr": error.stderr}
    if error.__context__ is not None:
        shown["context"] = as_error(error.__context__)
    return shown


def as_json(value):
    if isinstance(value, BaseException):
        return {"error": as_error(value)}
    if isinstance(value, list):
        return [as_json(item) for item in value]
    return value


def execute(spec, timeout=None, cancels=()):
    """What asyncio.run does with the spec: the answers, by their keys."""
    loop = VirtualLoop()
    job, tasks, at_shutdown = Job(loop), [], []

    def new_task(the_loop, coro, **options):
        tasks.append(asyncio.Task(coro, loop=the_loop, **options))
        return tasks[-1]

    def in_order(the_loop=None):
        return [task for task in tasks if not task.done()]

    def cancel_root(message):
        tasks[0].cancel(*message)

    async def root():
        if timeout is None:
            return await job.run(spec, "")
        async with asyncio.timeout(timeout):
            return await job.run(spec, "")

    async def nothing(*_):
        pass

    all_tasks, asyncio.tasks.all_tasks = asyncio.tasks.all_tasks, in_order
    loop.set_task_factory(new_task)
    loop.set_exception_handler(lambda _, context: at_shutdown.append(context))
    # what close() would run: nothing that a job can see, but turns
    loop.shutdown_asyncgens = loop.shutdown_default_executor = nothing
    for at, message in cancels:
        loop.call_at(at, cancel_root, message)
    runner = asyncio.Runner(loop_factory=lambda: loop)
    answers, error = {}, None
    try:
        try:
            answers["result"] = as_json(runner.run(root()))
            answers["state"] = "succeeded"
        except Stuck:
            raise
        except BaseException as raised:
            error = raised
            set_path(error, "")
            answers["state"] = "cancelled" if tasks[0].cancelled() else "failed"
        runner.close()
    except Stuck:
        answers, error = {"state": "stuck"}, None
        loop.close()
    finally:
        asyncio.tasks.all_tasks = all_tasks
    if error is not None:
        answers["error"] = as_error(error)
    answers["took"] = round(loop.now, 9)
    answers["log"] = [(round(at, 9), *rest) for at, *rest in job.log]
    answers["unhandled"] = unhandled(tasks, at_shutdown)
    if answers["state"] == "stuck":
        del answers["took"], answers["unhandled"]
    return answers


def unhandled(tasks, at_shutdown):
    for context in at_shutdown:
        if "task" not in context:
            raise context.get("exception") or RuntimeError(context["message"])
    reported = {id(context["task"]) for context in at_shutdown}
    errors = []
    for task in tasks:
        task._log_destroy_pending = False
        never_retrieved = task.done() and task._log_traceback
        if never_retrieved or id(task) in reported:
            errors.append(as_error(task.exception()))
        task._log_traceback = False
    return errors
