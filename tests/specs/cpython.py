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

    def call_at(self, when, callback, *args, context=None):
        timer = OrderedTimer(round(when * 1e9) / 1e9, callback, args, self, context)
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


class Child:
    """tests/sim/sim.h's simulated process."""

    def __init__(self, loop, argv):
        if argv[0] != "sim":
            raise FileNotFoundError(2, "No such file or directory", argv[0])
        said = dict(word.partition("=")[::2] for word in argv[1:])
        self.loop = loop
        self.ignores_term = "ignore_term" in said
        self.stdout, self.stderr = said.get("stdout", ""), said.get("stderr", "")
        self.returncode, self.waiter = None, None
        loop.call_later(float(said.get("after", 0)), self.end, int(said.get("exit", 0)))

    def end(self, returncode):
        if self.returncode is None:
            self.returncode = returncode
            if self.waiter and not self.waiter.done():
                self.waiter.set_result(None)

    def kill(self, number):
        if number == signal.SIGKILL or not self.ignores_term:
            self.loop.call_soon(self.end, -number)

    async def wait(self):
        if self.returncode is None:
            self.waiter = self.loop.create_future()
            await self.waiter


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
        return await asyncio.gather(*children,
                                    return_exceptions=node.get("return_exceptions", False))

    async def op_timeout(self, node, path):
        async with asyncio.timeout(node["seconds"]):
            return await self.run(node["body"], path + "/body")

    async def op_create_task(self, node, path):
        self.names[node["name"]] = asyncio.create_task(Body(self, node["body"], path + "/body"))
        return node["name"]

    async def op_await(self, node, path):
        return await self.names[node["task"]]

    async def op_cancel(self, node, path):
        arguments = [node["message"]] if "message" in node else []
        return self.names[node["task"]].cancel(*arguments)

    async def op_subprocess(self, node, path):
        child, cancelled = Child(self.loop, node["argv"]), None
        try:
            await child.wait()
        except asyncio.CancelledError as error:
            cancelled = error
        if cancelled:
            child.kill(signal.SIGTERM)
            self.loop.call_later(node.get("kill_after", 5), child.kill, signal.SIGKILL)
            while child.returncode is None:
                try:
                    await child.wait()
                except asyncio.CancelledError:
                    pass  # asked again: the child is still to be reaped
            raise cancelled
        if node.get("check", True) and child.returncode:
            raise CalledProcessError(child.returncode, node["argv"], child.stdout, child.stderr)
        return {"returncode": child.returncode, "stdout": child.stdout, "stderr": child.stderr}


# ---- one run ----

def as_error(error):
    """An exception as awaitd shows it."""
    shown = {"type": type(error).__name__, "message": str(error)}
    if hasattr(error, "job_path"):
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
            raise RuntimeError(f"the loop complains: {context}")
    reported = {id(context["task"]) for context in at_shutdown}
    errors = []
    for task in tasks:
        task._log_destroy_pending = False
        never_retrieved = task.done() and task._log_traceback
        if never_retrieved or id(task) in reported:
            errors.append(as_error(task.exception()))
        task._log_traceback = False
    return errors
