"""The op `thread`: functions on executors, which may block or compute, and may never return."""

import hashlib
import os
import pathlib
import tempfile
import threading
import unittest

import awaitd
from test_tasks import WithServer, gather, sequence, took

DEAF = {"op": "thread", "function": "sleep", "args": {"seconds": 36000, "cancellable": False}}
COUNTS = ("queued", "running", "abandoned", "done", "failed")


def call(function, executor=None, **args):
    return {"op": "thread", "function": function, "args": args, **({"executor": executor} if executor else {})}


def deaf(executor):
    return {**DEAF, "executor": executor}


class WithExecutors(WithServer):
    def make(self, name, **options):
        answer = self.server.put(f"/v1/executors/{name}", options)
        self.assertEqual((answer.status, answer.headers["Location"]), (201, f"/v1/executors/{name}"))
        return answer.json

    def executor(self, name):
        answer = self.server.get(f"/v1/executors/{name}")
        self.assertEqual(answer.status, 200, answer)
        return answer.json

    def expect(self, name, **wanted):
        """Waits until the counts are so."""
        awaitd.until(lambda: all(self.executor(name)[key] == value for key, value in wanted.items()),
                          f"{name}: {wanted}")


class Functions(WithExecutors):
    def test_what_there_is(self):
        functions = self.server.get("/v1/functions").json["functions"]
        names = [function["name"] for function in functions]
        self.assertEqual(names, sorted(names))
        self.assertLessEqual({"base64", "compress", "decompress", "echo", "hash", "json_query", "noop", "primes", "sleep",
                              "sort"}, set(names))
        for function in functions:
            with self.subTest(function["name"]):
                self.assertRegex(function["summary"], r"^[A-Z].*\.$")
                self.assertEqual(self.server.get(f"/v1/functions/{function['name']}").json, function)

    def test_parameters_are_a_json_schema(self):
        self.assertEqual(self.server.get("/v1/functions/sleep").json["parameters"]["required"], ["seconds"])
        self.assertEqual(self.server.get("/v1/functions/noop").json["parameters"],
                         {"type": "object", "properties": {}, "required": [], "additionalProperties": False})

    def test_one_that_is_not_there(self):
        self.assertEqual(self.server.get("/v1/functions/nothing").status, 404)

    def test_hash_of_a_file(self):
        path = os.path.join(self.server.folder, "a file")
        data = os.urandom(3 << 20)
        with open(path, "wb") as file:
            file.write(data)
        for algorithm in "sha256", "sha1", "md5":
            self.assertEqual(self.server.run(call("hash", file=path, algorithm=algorithm))["result"],
                             hashlib.new(algorithm, data).hexdigest())

    def test_hash_of_a_file_that_may_not_be_read(self):
        path = os.path.join(self.server.folder, "secret")
        os.close(os.open(path, os.O_CREAT, 0))
        task = self.server.run(call("hash", file=path))
        if os.geteuid() == 0:  # may read all
            self.assertEqual(task["state"], "succeeded")
        else:
            self.assertEqual(task["error"]["type"], "PermissionError")

    def test_json_query(self):
        task = self.server.run(call("json_query", filter=".[] | select(.n > 1) | .name", input=[
            {"n": 1, "name": "a"}, {"n": 2, "name": "b"}, {"n": 3, "name": "c"}]))
        self.assertEqual(task["result"], ["b", "c"])

    def test_json_query_does_not_eat_the_memory(self):
        server = awaitd.Server()  # not stopped: under a sanitizer the worker process dies with a report
        self.addCleanup(server.close)
        greedy = "reduce range(20) as $i ([range(1024)]; . + .) | length"  # 16 GiB
        self.assertEqual(server.run(call("json_query", filter=greedy))["error"]["type"], "BrokenProcessPool")
        self.assertEqual(server.run(call("json_query", filter="length", input=[1]))["result"], [1])

    def test_json_query_reads_no_definitions_at_home(self):
        with tempfile.TemporaryDirectory() as home:
            pathlib.Path(home, ".jq").write_text('def length: "at home";')
            with awaitd.Server(env={"HOME": home}) as server:
                self.assertEqual(server.run(call("json_query", filter="length", input=[1]))["result"], [1])

    def test_a_filter_that_crashes_its_library(self):
        """json_query runs in a worker process on any executor."""
        task = self.server.run(gather(call("json_query", filter="1e18 | todate"), call("json_query", filter="1"),
                                      return_exceptions=True))
        self.assertEqual([one["error"]["type"] if isinstance(one, dict) else one for one in task["result"]],
                         ["BrokenProcessPool", [1]])

    def test_a_filter_that_never_ends(self):
        task = self.server.run({"op": "timeout", "seconds": 0.5, "body": call("json_query", filter="def f: f; f")})
        self.assertEqual(task["error"]["type"], "TimeoutError")
        self.expect("default", running=0, abandoned=0)


class Refusals(WithExecutors):
    def refused(self, spec, pointer, *words):
        answer = self.server.post("/v1/tasks", {"spec": spec})
        self.assertEqual(answer.status, 422)
        self.assertEqual([error["pointer"] for error in answer.json["errors"]], [pointer])
        for word in words:
            self.assertIn(word, answer.json["detail"])

    def test_a_coroutine_is_no_function(self):
        self.server.define("slow", {"op": "sleep", "seconds": 1})
        self.refused(call("slow"), "/spec/function", "'slow' is a coroutine", "GET /v1/functions", "use the op call")

    def test_an_op_is_no_function(self):
        self.refused(call("gather"), "/spec/function", "'gather' is an op", "GET /v1/functions")

    def test_a_slip_is_named(self):
        self.refused(call("slep", seconds=1), "/spec/function", "there is no function 'slep'", "did you mean 'sleep'?")
        self.refused(call("noop", executor="defautl"), "/spec/executor", "did you mean 'default'?")

    def test_what_there_is_not(self):
        self.refused(gather(call("noop"), call("something_else")), "/spec/tasks/1/function", "GET /v1/functions lists all")
        self.refused(call("noop", executor="other"), "/spec/executor", "PUT /v1/executors/{name} makes one")

    def test_arguments_that_do_not_fit(self):
        self.refused(call("sleep"), "/spec/args", "missing a required argument: 'seconds'")
        self.refused(call("sleep", seconds="1"), "/spec/args", "argument 'seconds' must be a number, not a string")
        self.refused(call("sleep", seconds=1, second=2), "/spec/args", "unexpected keyword argument 'second'")
        self.refused(call("hash", algorithm="sha3"), "/spec/args", "must be one of")
        self.refused({"op": "thread", "function": "noop", "args": [1]}, "/spec/args", "'args' must be an object")

    def test_a_definition_is_refused_too(self):
        answer = self.server.put("/v1/coroutines/bad", {"body": call("nothing")})
        self.assertEqual((answer.status, answer.json["pointer"]), (422, "/body/function"))

    def test_at_run_time_it_is_an_exception(self):
        spec = {"op": "map", "items": ["nothing", "default"], "return_exceptions": True,
                "body": {"op": "thread", "function": "noop", "executor": "${item}"}}
        failed, good = self.server.run(spec)["result"]
        self.assertEqual((failed["error"]["type"], failed["error"]["message"]),
                         ("LookupError", "there is no executor 'nothing'"))
        self.assertEqual(good, None)


class Executors(WithExecutors):
    def test_the_default_one_is_always_there(self):
        listed = self.server.get("/v1/executors").json["executors"]
        default, = (executor for executor in listed if executor["name"] == "default")
        self.assertEqual(default["workers"], min(32, os.cpu_count() + 4))
        self.assertEqual(default["kind"], "thread")
        self.assertEqual(self.server.delete("/v1/executors/default").status, 409)

    def test_the_default_one_can_be_changed(self):
        before = self.executor("default")
        answer = self.server.put("/v1/executors/default", {"workers": 2})
        self.assertEqual((answer.status, answer.json["workers"]), (200, 2))
        self.assertEqual(self.server.put("/v1/executors/default", {}).json["workers"], before["workers"])

    def test_its_life(self):
        made = self.make("pool", workers=2, max_queue=10)
        self.assertEqual(made, {"name": "pool", "kind": "thread", "workers": 2, "max_queue": 10, "threads": 0,
                                **dict.fromkeys(COUNTS, 0)})
        self.server.run({"op": "map", "items": [1, 2, 3], "body": call("echo", "pool", value="${item}")})
        self.server.run(call("sort", "pool", items=[1, "a"]))
        self.expect("pool", done=3, failed=1, running=0, queued=0)
        answer = self.server.put("/v1/executors/pool", {"workers": 3})
        self.assertEqual((answer.status, answer.json["workers"], answer.json["done"]), (200, 3, 3))
        self.assertEqual(self.server.delete("/v1/executors/pool").status, 204)
        self.assertEqual(self.server.get("/v1/executors/pool").status, 404)
        self.assertEqual(self.server.delete("/v1/executors/pool").status, 404)

    def test_it_is_not_removed_while_it_has_calls(self):
        self.make("busy", workers=1)
        id = self.server.submit(call("sleep", "busy", seconds=3600))["id"]
        self.expect("busy", running=1)
        self.assertEqual(self.server.delete("/v1/executors/busy").status, 409)
        self.server.cancel(id)
        self.server.wait(id)
        self.expect("busy", running=0)
        self.assertEqual(self.server.delete("/v1/executors/busy").status, 204)

    def test_a_full_queue(self):
        self.make("narrow", workers=1, max_queue=2)
        holder = self.server.submit(call("sleep", "narrow", seconds=3600))["id"]
        self.expect("narrow", running=1)
        task = self.server.run({"op": "wait", "timeout": 0, "tasks": [call("noop", "narrow")] * 2})
        self.assertEqual(task["result"]["pending"], [0, 1])
        self.expect("narrow", queued=0)
        task = self.server.run(gather(*[call("noop", "narrow")] * 5))
        self.assertEqual((task["error"]["type"], task["error"]["path"]), ("QueueFull", "/tasks/2"))
        self.server.cancel(holder)
        self.server.wait(holder)

    def test_calls_run_beside_each_other(self):
        """Two at a time."""
        self.make("pair", workers=2)
        task = self.server.run(gather(call("sleep", "pair", seconds=0.2), call("sleep", "pair", seconds=0.2),
                                      call("sleep", "pair", seconds=0.2), call("sleep", "pair", seconds=0.2)))
        self.assertEqual(task["result"], [0.2] * 4)
        self.assertGreaterEqual(took(task), 0.4)
        self.assertEqual(self.executor("pair")["threads"], 2)

    def test_more_workers_start_at_once(self):
        self.make("growing", workers=1)
        ids = [self.server.submit(call("sleep", "growing", seconds=3600))["id"] for _ in range(3)]
        self.expect("growing", running=1, queued=2)
        self.server.put("/v1/executors/growing", {"workers": 3})
        self.expect("growing", running=3, queued=0)
        for id in ids:
            self.server.cancel(id)
        self.expect("growing", running=0)


class Cancellation(WithExecutors):
    def test_what_is_queued_never_starts(self):
        self.make("queue", workers=1)
        holder = self.server.submit(call("sleep", "queue", seconds=3600))["id"]
        self.expect("queue", running=1)
        waiting = self.server.submit(call("noop", "queue"))["id"]
        self.expect("queue", queued=1)
        self.server.cancel(waiting, "enough")
        self.assertEqual(self.server.wait(waiting)["error"]["message"], "enough")
        self.expect("queue", queued=0, running=1)
        self.server.cancel(holder)
        self.server.wait(holder)
        self.expect("queue", running=0, done=1)

    def test_what_runs_sees_it(self):
        self.make("work", workers=1)
        id = self.server.submit(call("primes", "work", n=10**12))["id"]
        self.expect("work", running=1)
        self.server.cancel(id)
        self.assertEqual(self.server.wait(id)["state"], "cancelled")
        self.expect("work", running=0, abandoned=0)

    def test_a_timeout(self):
        self.make("late", workers=1)
        task = self.server.run({"op": "timeout", "seconds": 0.05, "body": call("primes", "late", n=10**12)})
        self.assertEqual(task["error"]["type"], "TimeoutError")
        self.expect("late", running=0)

    def test_the_tree_says_what_it_waits_for(self):
        id = self.server.submit(call("sleep", seconds=3600))["id"]
        task, = awaitd.until(lambda: [t for t in self.server.tree(id)["tasks"] if t["state"] == "waiting"], "it waits")
        self.assertEqual(task["waits_for"], "function 'sleep' on executor 'default'")
        self.server.cancel(id)


class NeverReturning(unittest.TestCase):
    """64 calls of a function that never returns, on an executor of 4."""

    def setUp(self):
        self.server = awaitd.Server()
        self.addCleanup(self.server.close)
        self.server.put("/v1/executors/stuck", {"workers": 4})

    def counts(self):
        executor = self.server.get("/v1/executors/stuck").json
        return tuple(executor[key] for key in ("running", "queued", "abandoned"))

    def expect(self, *wanted):
        awaitd.until(lambda: self.counts() == wanted, f"{wanted} instead of {self.counts()}")

    def start(self, spec):
        return [self.server.submit(spec)["id"] for _ in range(64)]

    def assert_well(self):
        self.assertEqual(self.server.get("/readyz").status, 200)
        task = self.server.run(gather(call("echo", value=1), {"op": "sleep", "seconds": 0, "result": 2}))
        self.assertEqual(task["result"], [1, 2])

    def test_cancelled(self):
        ids = self.start(deaf("stuck"))
        self.expect(4, 60, 0)
        self.assert_well()
        for id in ids:
            self.assertEqual(self.server.cancel(id).status, 202)
        for id in ids:
            self.assertEqual(self.server.wait(id)["state"], "cancelled")
        self.expect(4, 0, 4)
        self.assert_well()
        self.assertEqual(self.server.delete("/v1/executors/stuck").status, 409)
        self.assertLess(self.server.stop(), 5)

    def test_timed_out(self):
        task = self.server.run({"op": "timeout", "seconds": 0.2, "body": gather(*[deaf("stuck")] * 64)})
        self.assertEqual(task["error"]["type"], "TimeoutError")
        self.expect(4, 0, 4)
        self.assert_well()
        self.server.put("/v1/executors/stuck", {"workers": 5})  # one that is free
        self.assertEqual(self.server.run(call("echo", "stuck", value=3))["result"], 3)
        self.server.stop()

    def test_the_drain_ends_and_they_run_again(self):
        id = self.server.submit(gather(*[deaf("stuck")] * 64))["id"]
        self.expect(4, 60, 0)
        self.assertLess(self.server.stop(), 9)
        self.server.start()
        self.expect(4, 60, 0)
        self.assertEqual(self.server.task(id)["starts"], 2)
        self.server.cancel(id)
        self.assertEqual(self.server.wait(id)["state"], "cancelled")
        self.server.stop()


class Restart(unittest.TestCase):
    def setUp(self):
        self.server = awaitd.Server()
        self.addCleanup(self.server.close)

    def options(self):
        return {one["name"]: (one["workers"], one["max_queue"])
                for one in self.server.get("/v1/executors").json["executors"]}

    def test_executors_are_there_after_it(self):
        self.server.put("/v1/executors/a", {"workers": 3, "max_queue": 7})
        self.server.put("/v1/executors/b", {"workers": 1})
        self.server.put("/v1/executors/default", {"workers": 9})
        self.server.delete("/v1/executors/b")
        before = self.options()
        self.server.restart()
        self.assertEqual(self.options(), before)
        self.assertEqual(before, {"a": (3, 7), "default": (9, 100000)})
        self.assertEqual(self.server.run(call("echo", "a", value=1))["result"], 1)
        self.server.kill()
        self.server.start()
        self.assertEqual(self.options(), before)
        self.server.stop()


class AtOnce(WithExecutors):
    def test_many_calls_of_one_job(self):
        task = self.server.run({"op": "map", "items": list(range(3000)), "concurrency": 64,
                                "body": call("echo", value="${item}")})
        self.assertEqual(task["result"], list(range(3000)))

    def test_many_clients(self):
        """Executors come and go while jobs use them: each call has its result, or the executor is not there."""
        outcomes = []

        def change(name):
            for workers in range(1, 15):
                self.assertIn(self.server.put(f"/v1/executors/{name}", {"workers": workers % 4 + 1}).status, (200, 201, 404))
                self.assertIn(self.server.delete(f"/v1/executors/{name}").status, (204, 404, 409))

        def use():
            for _ in range(10):
                spec = {"op": "map", "items": ["x", "y", "default"] * 4, "return_exceptions": True,
                        "body": {"op": "thread", "function": "echo", "args": {"value": "${item}"}, "executor": "${item}"}}
                outcomes.extend(self.server.run(spec)["result"])

        threads = [threading.Thread(target=change, args=(name,)) for name in "xxy"] + \
            [threading.Thread(target=use) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(len(outcomes), 360)
        for outcome in outcomes:
            if isinstance(outcome, dict):
                self.assertEqual(outcome["error"]["type"], "LookupError")


if __name__ == "__main__":
    unittest.main()
