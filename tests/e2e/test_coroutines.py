"""Definitions: PUT, GET, DELETE and the list; and the jobs that call them."""

import contextlib
import os
import select
import unittest

import awaitd
from test_tasks import WithServer, create, fail, gather, log, sequence, shell, value

NAP = {"op": "sleep", "seconds": "${args.seconds}", "result": "${args.seconds}"}


def call(coroutine, **args):
    return {"op": "call", "coroutine": coroutine, "args": args}


def dynamic(name, given, spec):
    """A job in which ${name} is only known once it runs."""
    return sequence({"op": "value", "name": name, "value": given}, spec)


class Gate:
    """A node that a job comes to, and that goes on when the test says so."""

    def __init__(self, path):
        os.mkfifo(path)
        self.path = path
        self.node = shell(f"cat '{path}'")

    def try_to_reach(self):
        with contextlib.suppress(OSError):
            self.fd = os.open(self.path, os.O_WRONLY | os.O_NONBLOCK)
            return True

    def reach(self):
        """Waits until a job waits here."""
        awaitd.until(self.try_to_reach, "the job comes to the gate")

    def open(self):
        os.close(self.fd)

    def wait_until_all_have_left(self):
        """Their processes were killed."""
        poll = select.poll()
        poll.register(self.fd, 0)
        assert poll.poll(awaitd.PATIENCE * 1000), "somebody still waits"
        os.close(self.fd)


class Definitions(WithServer):
    def test_life(self):
        definition = {"parameters": {"seconds": {"type": "number", "default": 0}}, "body": NAP, "description": "ñ"}
        answer = self.server.put("/v1/coroutines/life", definition)
        self.assertEqual((answer.status, answer.headers["Location"]), (201, "/v1/coroutines/life"))
        self.assertEqual(answer.json, {"name": "life", **definition, "created_at": answer.json["created_at"],
                                       "updated_at": answer.json["created_at"]})
        self.assertEqual(self.server.get("/v1/coroutines/life").json, answer.json)
        replaced = self.server.put("/v1/coroutines/life", {"body": value(1)})
        self.assertEqual((replaced.status, replaced.headers["Location"]), (200, None))
        self.assertEqual((replaced.json["parameters"], replaced.json["body"]), ({}, value(1)))
        self.assertNotIn("description", replaced.json)
        self.assertEqual(replaced.json["created_at"], answer.json["created_at"])
        self.assertGreater(replaced.json["updated_at"], answer.json["updated_at"])
        self.assertEqual(self.server.get("/v1/coroutines/life").json, replaced.json)
        self.assertEqual(self.server.delete("/v1/coroutines/life").status, 204)
        self.assertEqual(self.server.get("/v1/coroutines/life").status, 404)
        self.assertEqual(self.server.delete("/v1/coroutines/life").status, 404)
        self.assertEqual(self.server.put("/v1/coroutines/life", {"body": value(2)}).status, 201)

    def test_names(self):
        for name in "a", "_", "A.b-c_1", "Z" * 100:
            with self.subTest(name):
                self.server.define(name, value(name))
                self.assert_result(call(name), name)
        self.assertEqual(self.server.get("/v1/coroutines/%41%2eb%2Dc_1").json["name"], "A.b-c_1")

    def test_null_is_absent(self):
        got = self.server.define("null", value(1), None, description=None)
        self.assertEqual(got["parameters"], {})
        answer = self.server.put("/v1/coroutines/null", {"body": value(1), "parameters": None, "description": None})
        self.assertEqual((answer.status, answer.json["parameters"]), (200, {}))
        self.assertNotIn("description", answer.json)

    def test_head_and_options(self):
        self.server.define("head", value(1))
        for target in "/v1/coroutines", "/v1/coroutines/head":
            got, head = self.server.get(target), self.server.request("HEAD", target)
            self.assertEqual((head.status, head.headers["Content-Length"]), (200, str(len(got.body))))
            allowed = set(self.server.request("OPTIONS", target).headers["Allow"].split(", "))
            self.assertEqual(allowed - {"HEAD", "OPTIONS"}, awaitd.contract().methods(target))

    def test_pages(self):
        with awaitd.Server() as server:
            def pages(query=""):
                return [[coroutine["name"] for coroutine in page] for page in server.pages(query, "coroutines")]

            self.assertEqual(pages(), [[]])
            names = sorted(["B", "a.b", "a-b", "a", "_", "b", *[f"many{n:02}" for n in range(20)]])
            for name in reversed(names):
                server.define(name, value(name))
            self.assertEqual(pages(), [names])
            self.assertEqual(pages("limit=26"), [names])
            self.assertEqual(pages("limit=10"), [names[:10], names[10:20], names[20:]])
            self.assertEqual(pages("limit=1"), [[name] for name in names])
            first = server.get("/v1/coroutines?limit=3").json
            server.delete("/v1/coroutines/" + names[2])
            server.define("A", value(1))  # before the next page: not seen any more
            second = server.get(f"/v1/coroutines?limit=3&cursor={first['next']}").json
            self.assertEqual([coroutine["name"] for coroutine in second["coroutines"]], names[3:6])

    def test_what_it_calls_need_not_exist(self):
        self.server.define("caller", sequence(value(1), call("not_yet", a=1)))
        answer = self.server.post("/v1/tasks", {"spec": gather(value(1), call("caller"))})
        self.assertEqual((answer.status, answer.json["pointer"]), (422, "/spec/tasks/1/coroutine"), answer)
        self.assertIn("'not_yet'", answer.json["detail"])
        self.server.define("not_yet", value("${args.a}"), {"a": {}})
        self.assert_result(call("caller"), 1)
        self.server.delete("/v1/coroutines/not_yet")


class Durable(unittest.TestCase):
    def test_definitions_outlive_the_server(self):
        with awaitd.Server() as server:
            for stop in server.stop, server.kill:
                kept = server.define("kept", value(stop.__name__), {"a": {"default": [1.0, None]}}, description="x")
                server.define("gone", value(1))
                server.delete("/v1/coroutines/gone")
                stop()
                server.start()
                self.assertEqual(server.get("/v1/coroutines").json["coroutines"], [kept])
                self.assertEqual(server.run(call("kept"))["result"], stop.__name__)

    def test_memory(self):
        with awaitd.Server(db=":memory:") as server:
            server.define("here", value(1))
            self.assertEqual(server.run(call("here"))["result"], 1)
            self.assertEqual(server.put("/v1/coroutines/here", {"body": value(2)}).status, 200)
            self.assertEqual([c["name"] for c in server.get("/v1/coroutines").json["coroutines"]], ["here"])
            server.restart()
            self.assertEqual(server.get("/v1/coroutines/here").status, 404)

    def test_a_timeout_without_a_deadline_outlives_a_kill(self):
        with awaitd.Server() as server:
            id = server.submit({"op": "sleep", "seconds": 3600}, timeout=None)["id"]
            server.kill()
            server.start()
            task = server.task(id)
            self.assertEqual((task["state"], task["starts"], task["deadline"]), ("running", 2, None))
            self.assertEqual(server.post(f"/v1/tasks/{id}/reschedule", {"seconds": 0.01}).status, 200)
            self.assertEqual(server.wait(id)["error"]["type"], "TimeoutError")

    def test_a_job_keeps_the_version_that_it_began_with(self):
        """Also when it is replaced, forgotten, and when the server is killed in between."""
        with awaitd.Server() as server:
            gate = Gate(os.path.join(server.folder, "gate"))
            first = value("first ${args.n}"), {"n": {"default": 1}}
            server.define("inner", *first)
            server.define("outer", sequence(gate.node, call("inner")), description="not for the job")
            for change in (lambda: server.define("inner", value("second")),
                           lambda: server.delete("/v1/coroutines/inner")):
                id = server.submit(call("outer"))["id"]
                gate.reach()
                change()
                gate.open()
                self.assertEqual(server.wait(id)["result"], "first 1")
                server.define("inner", *first)
            id = server.submit(gather(call("outer")))["id"]
            gate.reach()
            server.define("inner", value("third"))
            server.delete("/v1/coroutines/outer")
            server.kill()
            gate.wait_until_all_have_left()
            server.start()
            gate.reach()
            self.assertEqual(server.tree(id)["state"], "running")
            gate.open()
            task = server.wait(id)
            self.assertEqual((task["result"], task["starts"]), (["first 1"], 2))
            self.assertEqual(server.tree(id)["state"], "succeeded")
            self.assertEqual(server.run(call("inner"))["result"], "third")


class Calls(WithServer):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.server.define("nap", NAP, {"seconds": {"type": "number", "default": 0.001, "minimum": 0, "maximum": 10}})
        cls.server.define("greet", value("hello ${args.who}, ${args.times}"), {
            "who": {"type": "string", "minLength": 1, "maxLength": 5}, "times": {"type": "integer", "default": 1},
            "size": {"enum": ["s", 1], "default": "s"}, "extra": {"type": ["object", "null"], "default": None}})
        cls.server.define("broken", sequence(value(1), fail("OSError", "broken ${args.n}")), {"n": {}})

    def test_arguments(self):
        self.assert_result(call("nap"), 0.001)
        self.assert_result({"op": "call", "coroutine": "nap"}, 0.001)
        self.assert_result(call("nap", seconds=0), 0)
        self.assert_result(call("greet", who="you", times=2.0, size=1, extra={}), "hello you, 2.0")
        self.assert_result(dynamic("all", {"who": "you", "times": 2}, {"op": "call", "coroutine": "greet", "args": "${all}"}),
                           "hello you, 2")
        self.assert_result(dynamic("who", "$${x", call("greet", who="${who}")), "hello ${x, 1")

    def test_what_can_be_seen_is_refused(self):
        for args, pointer, said in (
                ({}, "", "missing a required argument: 'who'"),
                ({"who": "you", "how": 1}, "/how", "greet() got an unexpected keyword argument 'how'"),
                ({"who": 1}, "/who", "argument 'who' must be a string, not a number"),
                ({"who": None}, "/who", "argument 'who' must be a string, not null"),
                ({"who": ""}, "/who", "argument 'who' must have at least 1 characters"),
                ({"who": "ñandús"}, "/who", "argument 'who' must have at most 5 characters"),
                ({"who": "you", "times": 1.5}, "/times", "argument 'times' must be an integer, not a number"),
                ({"who": "you", "size": "m"}, "/size", "argument 'size' must be one of \"s\", 1"),
                ({"who": "you", "extra": []}, "/extra", "argument 'extra' must be an object or null, not an array")):
            with self.subTest(said):
                answer = self.server.post("/v1/tasks", {"spec": sequence(value(1), call("greet", **args))})
                self.assertEqual((answer.status, answer.json["pointer"]), (422, "/spec/steps/1/args" + pointer), answer)
                self.assertIn(said, answer.json["detail"])
        answer = self.server.post("/v1/tasks", {"spec": dynamic("a", 1, call("greet", who="${a}", how="${a}"))})
        self.assertEqual((answer.status, answer.json["pointer"]), (422, "/spec/steps/1/args/how"), answer)

    def test_what_cannot_be_seen_is_raised(self):
        for given, args, type, said in (
                (1, {"who": "${a}"}, "TypeError", "argument 'who' must be a string, not a number"),
                ("long long", {"who": "${a}"}, "ValueError", "argument 'who' must have at most 5 characters"),
                ("m", {"who": "you", "size": "${a}"}, "ValueError", "argument 'size' must be one of \"s\", 1"),
                ({"how": 1}, "${a}", "TypeError", "greet() got an unexpected keyword argument 'how'"),
                ({}, "${a}", "TypeError", "greet() missing a required argument: 'who'"),
                ([], "${a}", "TypeError", "'args' must be an object"),
                ({}, {"who": "${a.name}"}, "KeyError", "'a.name'")):
            with self.subTest(said):
                task = self.assert_fails(dynamic("a", given, {"op": "call", "coroutine": "greet", "args": args}), type, said)
                self.assertEqual(task["error"]["path"], "/steps/1")

    def test_unknown(self):
        answer = self.server.post("/v1/tasks", {"spec": gather(*[call("nobody")] * 3, call("noone"))})
        self.assertEqual(answer.status, 422)
        self.assertEqual([(fault["pointer"], fault["detail"]) for fault in answer.json["errors"]],
                         [(f"/spec/tasks/{n}/coroutine", "there is no coroutine 'nobody'") for n in range(3)] +
                         [("/spec/tasks/3/coroutine", "there is no coroutine 'noone'")])

    def test_error_says_where(self):
        task = self.assert_fails(gather(call("broken", n=7)), "OSError", "broken 7")
        self.assertEqual(task["error"]["path"], "/coroutines/broken/body/steps/1")

    def test_names_are_local_to_each_call(self):
        self.server.define("background", sequence(
            create("t", {"op": "sleep", "seconds": 0.01, "result": "${args.n}"}), {"op": "await", "task": "t"}), {"n": {}})
        self.assert_result(gather(*[call("background", n=n) for n in range(5)]), list(range(5)))
        answer = self.server.post("/v1/tasks", {"spec": sequence(call("background", n=1), {"op": "await", "task": "t"})})
        self.assertEqual((answer.status, answer.json["pointer"]), (422, "/spec/steps/1/task"))

    def test_recursion_has_a_limit(self):
        self.server.define("deeper", call("deeper"))
        self.assert_fails(call("deeper"), "RecursionError", "maximum recursion depth exceeded")
        self.assert_result({"op": "try", "body": call("deeper"), "except": [
            {"types": ["RuntimeError"], "as": "e", "body": value("${e.path}")}]}, "/coroutines/deeper/body")

    def test_mutual_recursion(self):
        for name, other in ("walk", "stroll"), ("stroll", "walk"):
            self.server.define(name, {"op": "map", "items": "${args.tree}", "body": call(other, tree="${item}")},
                               {"tree": {"type": "array"}})
        self.assert_result(call("walk", tree=[[], [[], []]]), [[], [[], []]])
        self.assert_fails(call("walk", tree=[[], [[], [1]]]), "TypeError", "argument 'tree' must be an array, not a number")

    def test_tree(self):
        """Its nodes are those of the spec; it is there while the job runs, and after."""
        id = self.server.submit(sequence(call("nap"), call("nap", seconds=10), call("broken", n=1)))["id"]
        tree = awaitd.until(lambda: self.second_step(id), "the second step")
        self.assertEqual([child["op"] for child in tree["children"]], ["call"] * 3)
        self.assertEqual([child["state"] for child in tree["children"]], ["succeeded", "running", "pending"])
        self.server.cancel(id)
        self.server.wait(id)
        self.assertEqual([child["state"] for child in self.server.tree(id)["children"]], ["succeeded", "cancelled", "pending"])

    def second_step(self, id):
        tree = self.server.tree(id)
        return tree if tree["children"][1]["state"] == "running" else None

    def test_effects_of_definitions(self):
        self.server.define("echo", shell("printf '%s' \"$WHAT\"", env={"WHAT": "${args.what}"}), {"what": {}})
        task = self.run_job(sequence(log("x"), call("echo", what="a b")))
        self.assertEqual(task["result"]["stdout"], "a b")

    def test_own_timeout(self):
        """Around calls, and one without a deadline."""
        task = self.assert_fails(call("nap", seconds=10), "TimeoutError", timeout=0.01)
        self.assertIsNotNone(task["deadline"])
        self.assertEqual(self.server.tree(task["id"])["state"], "cancelled")
        task = self.run_job(call("nap"), timeout=None)
        self.assertEqual((task["result"], task["deadline"]), (0.001, None))
        self.assertEqual(self.server.tree(task["id"])["op"], "call")

    def test_a_timeout_without_a_deadline_gets_one(self):
        for fields, status in ({"timeout": None}, 200), ({}, 409):
            id = self.server.submit(call("nap", seconds=10), **fields)["id"]
            self.assertIsNone(self.server.task(id)["deadline"])
            answer = self.server.post(f"/v1/tasks/{id}/reschedule", {"seconds": 0.01})
            self.assertEqual(answer.status, status, answer)
            if status == 409:
                self.server.cancel(id)
            task = self.server.wait(id)
            self.assertEqual(task["error"]["type"], "TimeoutError" if status == 200 else "CancelledError")


if __name__ == "__main__":
    unittest.main()
