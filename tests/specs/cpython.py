"""Executes a job's spec with CPython's own asyncio, in virtual time."""
import asyncio
import contextlib
import inspect
import math

from errors import as_error, as_json, set_path
from ops import Body, Frame, Job, Scope
from virtual_time import Stuck, VirtualLoop

OWN = "-"  # the name of the submission's own timeout, for who reschedules it


def execute(spec, timeout=None, cancels=(), reschedules=(), coroutines={}):
    """What asyncio.run does with the spec: the answers, by their keys. timeout: the submission's own;
    math.inf for one without a deadline. cancels: (time, [message]); reschedules: (time, name, seconds)."""
    loop = VirtualLoop()
    job, tasks, at_shutdown = Job(loop, coroutines), [], []

    def new_task(the_loop, coro, **options):
        tasks.append(asyncio.Task(coro, loop=the_loop, **options))
        return tasks[-1]

    def in_order(the_loop=None):
        return [task for task in tasks if not task.done()]

    def cancel_root(message):
        tasks[0].cancel(*message)

    async def root():
        scope = Scope(Frame(), {}, {})
        if timeout is None:
            return await job.run(spec, "", scope)
        async with asyncio.timeout(None if timeout == math.inf else timeout) as own:
            job.enter_timeout(OWN, own)
            return await job.run(spec, "", scope)

    async def nothing(*_):
        pass

    all_tasks, asyncio.tasks.all_tasks = asyncio.tasks.all_tasks, in_order
    loop.set_task_factory(new_task)
    loop.set_exception_handler(lambda _, context: at_shutdown.append(context))
    # what close() would run: nothing that a job can see, but turns
    loop.shutdown_asyncgens = loop.shutdown_default_executor = nothing
    for at, message in cancels:
        loop.call_at(at, cancel_root, message)
    for at, name, seconds in reschedules:
        loop.call_at(at, job.reschedule, name, seconds)
    runner = asyncio.Runner(loop_factory=lambda: loop)
    answers, error = {}, None
    try:
        try:
            answers["result"] = runner.run(Body(root(), ""))
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
    answers = as_json(answers)
    if error is not None:
        answers["error"] = as_error(error)
    answers["took"] = round(loop.now, 9)
    answers["log"] = [(round(at, 9), *rest) for at, *rest in job.log]
    answers["unhandled"] = unhandled(tasks, at_shutdown)
    if answers["state"] == "stuck":
        del answers["took"], answers["unhandled"]
    job.is_over = True
    bury(tasks)
    return answers


def unhandled(tasks, at_shutdown):
    for context in at_shutdown:
        if "handle" in context:  # a callback raised: what has begun will never end as it should
            raise context["exception"]
    reported = {id(context["task"]) for context in at_shutdown if "task" in context}
    errors = []
    for task in tasks:
        task._log_destroy_pending = False
        never_retrieved = task.done() and task._log_traceback
        if never_retrieved or id(task) in reported:
            errors.append(as_error(task.exception()))
        task._log_traceback = False
    return errors


def bury(tasks):
    """Ends what waits for ever now: later it would be in the midst of another case."""
    for task in tasks:
        coro = getattr(task.get_coro(), "coro", task.get_coro())
        for _ in range(100):  # it may wait again, or for what is closed
            if task.done() or inspect.getcoroutinestate(coro) == inspect.CORO_CLOSED:
                break
            with contextlib.suppress(BaseException):
                coro.close()
