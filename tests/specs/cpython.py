"""Executes a job's spec with CPython's own asyncio, in virtual time."""
import asyncio
import collections
import contextlib
import inspect
import math

from errors import all_of, as_error, as_json, set_path, without_contexts
from ops import Body, Frame, Job, Scope
from virtual_time import Stuck, VirtualLoop

OWN = "-"  # the name of the submission's own timeout, for who reschedules it


class Run:
    """One asyncio.run, and what it leaves behind."""

    def __init__(self, coroutines):
        self.loop, self.tasks, self.reports = VirtualLoop(), [], []
        self.job = Job(self.loop, coroutines)
        self.is_ending = self.was_late = False
        self.loop.set_task_factory(self.new_task)
        self.loop.set_exception_handler(lambda _, context: self.reports.append(context))
        # what close() would run: nothing that a job can see, but turns
        self.loop.shutdown_asyncgens = self.loop.shutdown_default_executor = self.nothing
        self.runner = asyncio.Runner(loop_factory=lambda: self.loop)

    async def nothing(self, *_):
        pass

    def new_task(self, loop, coro, **options):
        # asyncio.run cancels and awaits what is there when the root ends. What begins after that
        # gets a few turns, and is dropped.
        self.was_late |= self.is_ending and isinstance(coro, Body)
        self.tasks.append(asyncio.Task(coro, loop=loop, **options))
        return self.tasks[-1]

    async def root(self, spec, timeout):
        scope = Scope(Frame(), {}, {})
        if timeout is None:
            return await self.job.run(spec, "", scope)
        async with asyncio.timeout(None if timeout == math.inf else timeout) as own:
            self.job.enter_timeout(OWN, own)
            return await self.job.run(spec, "", scope)

    def state(self, coro):
        """Runs it all, to the state, the result and the error."""
        result = error = None
        try:
            try:
                result, state = self.runner.run(coro), "succeeded"
            except Stuck:
                raise
            except BaseException as raised:
                error, state = raised, "cancelled" if self.tasks[0].cancelled() else "failed"
                set_path(error, "")
            self.is_ending = True
            self.runner.close()
            return state, result, error
        except Stuck:
            return "stuck", None, None

    def raise_error_of_callback(self):
        """Then what had begun did not end as it should: a RecursionError."""
        for context in self.reports:
            if "handle" in context:
                raise context["exception"]

    def unhandled(self):
        reported = {id(context["task"]) for context in self.reports if "task" in context}
        sharing = collections.Counter(task._exception for task in self.tasks)
        errors = []
        for task in self.tasks:
            never_retrieved = task.done() and task._log_traceback
            if never_retrieved or id(task) in reported:
                error = as_error(task.exception())
                if any(sharing[one] > 1 for one in all_of(task.exception())):
                    error = without_contexts(error)  # maybe it was raised again after the report
                errors.append(error)
        errors += [as_error(future._exception) for future in self.job.futures.values()
                   if future._log_traceback]  # "Future exception was never retrieved"
        return sorted(errors, key=lambda error: "context" not in error)  # the exact ones first

    def bury(self):
        """Ends what waits for ever now: later it would be in the midst of another case."""
        self.job.is_over = True
        for future in self.job.futures.values():
            future._log_traceback = False
        self.loop.close()
        for task in self.tasks:
            task._log_destroy_pending = task._log_traceback = False
            coro = getattr(task.get_coro(), "coro", task.get_coro())
            for _ in range(100):  # it may wait again, or for what is closed
                if task.done() or inspect.getcoroutinestate(coro) == inspect.CORO_CLOSED:
                    break
                with contextlib.suppress(BaseException):
                    coro.close()


@contextlib.contextmanager
def all_tasks_are(listed):
    """asyncio's own ones are in no order."""
    original, asyncio.tasks.all_tasks = asyncio.tasks.all_tasks, listed
    try:
        yield
    finally:
        asyncio.tasks.all_tasks = original


def execute(spec, timeout=None, cancels=(), reschedules=(), coroutines={}, futures=()):
    """What asyncio.run does with the spec: the answers, by their keys. timeout: the submission's
    own, math.inf for one without a deadline. cancels: (time, [message]) each; reschedules: (time,
    name, seconds) each; futures: (time, name, "result" or "error", outcome) each."""
    run = Run(coroutines)
    for at, message in cancels:
        run.loop.call_at(at, lambda message: run.tasks[0].cancel(*message), message)
    for at, name, seconds in reschedules:
        run.loop.call_at(at, run.job.reschedule, name, seconds)
    for future in futures:
        run.loop.call_at(future[0], run.job.set_future, *future[1:])
    try:
        with all_tasks_are(lambda loop: [task for task in run.tasks if not task.done()]):
            state, result, error = run.state(Body(run.root(spec, timeout), ""))
        run.raise_error_of_callback()
        answers = {"state": state, "log": [(round(at, 9), *rest) for at, *rest in run.job.log]}
        if state == "stuck":
            return answers
        if error is None:
            answers["result"] = as_json(result)
        else:
            answers["error"] = as_error(error)
        return answers | {"took": round(run.loop.now, 9), "unhandled": run.unhandled(),
                          "was_late": run.was_late}
    finally:
        run.bury()
