"""Interprets a spec: each op is the asyncio call that it is named after, and not one await more."""
import asyncio
import collections.abc
import contextlib
import inspect
import math
import subprocess
import types

from errors import CalledProcessError, as_error, exception_class, set_path
import pretend
import streams
from fields import FIELDS, bind, timestamp
from functions import PARAMETERS, Functions
from references import evaluate
from virtual_time import Answer, Child, TaskGroup

CALLS_MAX = 1000  # above each other


class Body(collections.abc.Coroutine):
    """The coroutine of a task; knows its path before its first step too."""

    thrown = None  # on its way to where the running task waits

    def __init__(self, coro, path):
        self.coro, self.path = coro, path

    def send(self, value):
        return self.coro.send(value)

    def throw(self, error):
        if inspect.getcoroutinestate(self.coro) == inspect.CORO_CREATED:
            set_path(error, self.path)
            return self.coro.throw(error)
        Body.thrown = error
        return self.coro.send(None)

    def close(self):
        self.coro.close()

    def __await__(self):
        return self.coro.__await__()


@types.coroutine
def flat(awaitable):
    """`await` as it is in one coroutine, whatever awaits whatever here. What is thrown into a
    coroutine gets a new __context__ in each of those that it passes: instead it is raised here,
    where it arrives, in the context of what is being handled innermost."""
    steps, thrown = awaitable.__await__(), None
    while True:
        try:
            future = steps.throw(thrown) if thrown else steps.send(None)
        except StopIteration as stop:
            return stop.value
        except BaseException as error:
            if not thrown:
                raise
            arrived = error
        else:
            yield future
            thrown, Body.thrown = Body.thrown, None
            continue
        raise arrived


class Flat:
    """`async with`, flat."""

    def __init__(self, manager):
        self.manager = manager

    async def __aenter__(self):
        return await flat(self.manager.__aenter__())

    async def __aexit__(self, *error):
        return await flat(self.manager.__aexit__(*error))


class Frame:
    """One run of a coroutine, of the spec or of a definition: the names that are local to it."""

    def __init__(self, depth=0):
        self.depth, self.tasks, self.timeouts = depth, {}, {}


class Scope:
    """What a node sees, as a closure does: values by the names of references, the timeouts around."""

    def __init__(self, frame, values, timeouts):
        self.frame, self.values, self.timeouts = frame, values, timeouts

    def with_value(self, name, value):
        return Scope(self.frame, {**self.values, name: value}, self.timeouts)

    def with_timeout(self, name, timeout):
        return Scope(self.frame, self.values, {**self.timeouts, name: timeout})


NOT_FIELDS = {"body", "steps", "tasks", "except", "else", "finally", "return"}


def message_of(node):
    return [node["message"]] if "message" in node else []


def error_of(task):
    """Of one that has ended: its exception, which counts as seen then."""
    return task._make_cancelled_error() if task.cancelled() else task.exception()


def classes(names):
    return tuple(map(exception_class, names))


class Job:
    def __init__(self, loop, coroutines):
        self.loop, self.coroutines, self.log = loop, coroutines, []
        self.semaphores, self.timeouts, self.futures, self.is_over = {}, [], {}, False

    async def run(self, node, path, scope):
        if self.is_over:
            raise GeneratorExit
        try:
            node = self.with_values(node, scope)
            return await getattr(self, "op_" + node["op"])(node, path, scope)
        except BaseException as error:
            set_path(error, path)
            raise

    def with_values(self, node, scope):
        """The node without references."""
        made = {}
        for key, given in node.items():
            made[key] = given if key in NOT_FIELDS else evaluate(given, scope.values)
            if made[key] is not given and key in FIELDS.get(node["op"], ()):
                made[key] = FIELDS[node["op"]][key](made[key])
        return made

    def children(self, node, path, scope):
        return [Body(self.run(child, f"{path}/tasks/{i}", scope), f"{path}/tasks/{i}")
                for i, child in enumerate(node["tasks"])]

    def child(self, node, path, scope):
        return Body(self.run(node["body"], path + "/body", scope), path + "/body")

    async def op_sleep(self, node, path, scope):
        return await flat(asyncio.sleep(node["seconds"], node.get("result")))

    async def op_value(self, node, path, scope):
        return node["value"]

    async def op_log(self, node, path, scope):
        self.log.append((self.loop.time(), node.get("level", "info"), path, node["message"]))

    async def op_raise(self, node, path, scope):
        raise exception_class(node["type"])(*message_of(node))

    async def op_sequence(self, node, path, scope):
        result = None
        for i, step in enumerate(node["steps"]):
            result = await self.run(step, f"{path}/steps/{i}", scope)
            if "name" in step:
                scope = scope.with_value(step["name"], result)
        return evaluate(node["return"], scope.values) if "return" in node else result

    async def op_gather(self, node, path, scope):
        return await self.gather(node, self.children(node, path, scope))

    async def gather(self, node, children):
        gathered = asyncio.gather(*children,
                                  return_exceptions=node.get("return_exceptions", False))
        try:
            results = await flat(gathered)
        except asyncio.CancelledError as error:
            if gathered.exception() is error:
                set_path(error, None)
            raise
        return [{"error": result} if isinstance(result, BaseException) else result
                for result in results]

    async def op_map(self, node, path, scope):
        limit = contextlib.nullcontext()
        if "concurrency" in node:
            limit = Flat(asyncio.Semaphore(node["concurrency"]))

        async def with_item(item):
            try:
                async with limit:
                    return await self.run(node["body"], path + "/body",
                                          scope.with_value(node.get("as", "item"), item))
            except BaseException as error:
                set_path(error, path + "/body")
                raise

        children = [Body(with_item(item), path + "/body") for item in node["items"]]
        return await self.gather(node, children)

    async def op_group(self, node, path, scope):
        async with Flat(TaskGroup()) as group:
            tasks = [group.create_task(child) for child in self.children(node, path, scope)]
        return [None if task.cancelled() else task.result() for task in tasks]

    async def op_wait(self, node, path, scope):
        tasks = [asyncio.create_task(child) for child in self.children(node, path, scope)]
        return_when = node.get("return_when", asyncio.ALL_COMPLETED)
        done, _ = await flat(asyncio.wait(tasks, timeout=node.get("timeout"),
                                          return_when=return_when))
        shown = []
        for i, task in enumerate(tasks):
            if task in done:
                error = error_of(task)
                shown.append({"index": i, "result": task.result()} if error is None else
                             {"index": i, "error": error})
        return {"done": shown, "pending": [i for i, task in enumerate(tasks) if task not in done]}

    async def op_race(self, node, path, scope):
        tasks = [asyncio.create_task(child) for child in self.children(node, path, scope)]
        pending, ended = set(tasks), []
        for task in tasks:
            task.add_done_callback(ended.append)
        try:
            while pending:
                _, pending = await flat(asyncio.wait(pending,
                                                     return_when=asyncio.FIRST_COMPLETED))
                for task in tasks:
                    if task not in pending and not task.cancelled() and task.exception() is None:
                        return task.result()
        finally:
            for task in tasks:
                if task.done() and not task.cancelled():
                    task.exception()  # so that it counts as seen
            rest = [task for task in tasks if not task.done()]
            for task in rest:
                task.cancel()
            if rest:
                await flat(asyncio.wait(rest))
        ended += [task for task in tasks if task not in ended]
        raise BaseExceptionGroup("no task of the race succeeded", list(map(error_of, ended)))

    async def op_shield(self, node, path, scope):
        task = asyncio.create_task(self.child(node, path, scope))
        return await flat(asyncio.shield(task))

    async def op_try(self, node, path, scope):
        try:
            try:
                value = await self.run(node["body"], path + "/body", scope)
            except BaseException as error:
                i, clause = self.clause_for(error, node)
                if clause is None:
                    raise
                seen = scope.with_value(clause["as"], as_error(error)) if "as" in clause else scope
                value = await self.run(clause["body"], f"{path}/except/{i}/body", seen)
            else:
                if "else" in node:
                    value = await self.run(node["else"], path + "/else", scope)
            return value
        finally:
            if "finally" in node:
                await self.run(node["finally"], path + "/finally", scope)

    def clause_for(self, error, node):
        for i, clause in enumerate(node.get("except", [])):
            if not self.is_over and isinstance(error, classes(clause.get("types", ["Exception"]))):
                return i, clause
        return None, None

    async def op_retry(self, node, path, scope):
        delay = node.get("delay", 0)
        for n in range(1, node["attempts"] + 1):
            try:
                return await self.run(node["body"], path + "/body", scope)
            except classes(node.get("on", ["Exception"])):
                if n == node["attempts"]:
                    raise
            chance = 0.5
            await flat(asyncio.sleep(min(delay, node.get("max_delay", math.inf))
                                     + node.get("jitter", 0) * chance))
            delay *= node.get("backoff", 2)

    def deadline(self, node):
        if "at" in node:
            return timestamp(node["at"])
        return None if node["seconds"] is None else self.loop.time() + node["seconds"]

    async def op_timeout(self, node, path, scope):
        async with asyncio.timeout_at(self.deadline(node)) as timeout:
            if "name" in node:
                self.enter_timeout(node["name"], timeout)
                scope.frame.timeouts[node["name"]] = timeout
                scope = scope.with_timeout(node["name"], timeout)
            return await self.run(node["body"], path + "/body", scope)

    def enter_timeout(self, name, timeout):
        self.timeouts.append((name, timeout))

    async def op_reschedule(self, node, path, scope):
        name = node["timeout"]
        timeout = scope.timeouts.get(name) or scope.frame.timeouts[name]
        timeout.reschedule(self.deadline(node))

    def reschedule(self, name, seconds):
        """From outside: the one that was entered last, of those that are active."""
        for entered, timeout in reversed(self.timeouts):
            if entered == name and timeout._state.value == "active":
                timeout.reschedule(self.deadline({"seconds": seconds}))
                return

    def future(self, name):
        """One variable of the whole job, from its beginning."""
        if name not in self.futures:
            self.futures[name] = self.loop.create_future()
        return self.futures[name]

    async def op_future(self, node, path, scope):
        return await flat(self.future(node["name"]))

    def set_future(self, name, kind, outcome):
        """From outside: nothing when it is done (InvalidStateError)."""
        future = self.future(name)
        if not future.done() and kind == "result":
            future.set_result(outcome)
        elif not future.done():
            future.set_exception(exception_class(outcome["type"])(*message_of(outcome)))

    async def op_semaphore(self, node, path, scope):
        name = node["semaphore"]
        if name not in self.semaphores:
            kind = asyncio.BoundedSemaphore if node.get("bounded") else asyncio.Semaphore
            self.semaphores[name] = [kind(node.get("value", 1)), 0]
        entry = self.semaphores[name]
        entry[1] += 1  # who holds it or waits for it
        try:
            async with Flat(entry[0]):
                return await self.run(node["body"], path + "/body", scope)
        finally:
            entry[1] -= 1
            if entry[1] == 0:
                del self.semaphores[name]

    async def op_create_task(self, node, path, scope):
        scope.frame.tasks[node["name"]] = asyncio.create_task(self.child(node, path, scope))
        return node["name"]

    async def op_await(self, node, path, scope):
        task = scope.frame.tasks[node["task"]]
        try:
            return await flat(task)
        except asyncio.CancelledError as error:
            if task.cancelled():
                set_path(error, None)
            raise

    async def op_cancel(self, node, path, scope):
        return scope.frame.tasks[node["task"]].cancel(*message_of(node))

    async def op_call(self, node, path, scope):
        name, depth = node["coroutine"], scope.frame.depth + 1
        definition = self.coroutines[name]
        args = bind(definition.get("parameters", {}), node.get("args", {}))
        if depth > CALLS_MAX:
            raise RecursionError("maximum recursion depth exceeded")
        return await self.run(definition["body"], f"/coroutines/{name}/body",
                              Scope(Frame(depth), {"args": args}, {}))

    async def op_thread(self, node, path, scope):
        if node["function"] not in PARAMETERS:
            raise LookupError(f"there is no function '{node['function']}'")
        return await flat(asyncio.to_thread(Functions(self.loop).call, node["function"], node.get("args", {})))

    async def op_subprocess(self, node, path, scope):
        child = Child(self.loop, node["argv"], node.get("kill_after", 5))
        returncode = await flat(child)
        if node.get("check", True) and returncode:
            said = subprocess.CalledProcessError(returncode, node["argv"])
            error = CalledProcessError(str(said))
            error.details = {"returncode": returncode, "stdout": child.stdout,
                             "stderr": child.stderr}
            raise error
        return {"returncode": returncode, "stdout": child.stdout, "stderr": child.stderr}

    async def op_http(self, node, path, scope):
        request = pretend.Request(node)
        return await flat(Answer(self.loop, request.after, request.answer))

    async def op_stream(self, node, path, scope):
        reader = asyncio.StreamReader(limit=node.get("limit", 2**16), loop=self.loop)
        writer = streams.Peer(self.loop, node["host"], node["port"], node.get("tls", False), reader)
        await flat(writer.connected)
        results = []
        for step in node.get("exchange", [node]):
            if "send" in step:
                writer.write(streams.as_bytes(step["send"]))
            if step.get("write_eof"):
                writer.write_eof()
            with streams.details():
                data = await flat(streams.read(reader, step["read"])) if "read" in step else None
            results.append(data if data is None else streams.shown(data))
        return results if "exchange" in node else results[0]
