"""Task groups over HTTP: asyncio.TaskGroup whose body is the client."""

import contextlib
import os
import random
import subprocess
import tempfile
import threading
import time
import unittest

import awaitd

FOREVER = {"op": "sleep", "seconds": 3600}
GOOD = {"op": "value", "value": 1}
BAD = {"op": "raise", "type": "ValueError", "message": "no luck"}
CANCELLED = {"type": "CancelledError", "message": "", "path": ""}
TIMED_OUT = {"type": "TimeoutError", "message": "", "path": "", "context": CANCELLED}
MISSING_ID = "01980e5a-6f2b-7c3d-9e4f-0123456789ab"


def value(value, after=0):
    return {"op": "sleep", "seconds": after, "result": value}


def error(message, type="ValueError", path=""):
    return {"type": type, "message": message, "path": path}


def exceptions(*errors, type="ExceptionGroup"):
    n = len(errors)
    return {"type": type, "message": f"unhandled errors in a TaskGroup ({n} sub-exception{'s' if n > 1 else ''})",
            "path": "", "exceptions": list(errors)}


def when_cancelled(*steps):
    """Runs until it is cancelled, and then does this."""
    return {"op": "try", "body": FOREVER, "except": [{"types": ["CancelledError"], "body": {"op": "sequence", "steps": list(steps)}}]}


def fails_when_cancelled(message, after):
    return when_cancelled({"op": "sleep", "seconds": after}, {"op": "raise", "type": "OSError", "message": message})


def cleans_up(seconds):
    """Takes so long to end after it was cancelled."""
    return {"op": "try", "body": FOREVER, "finally": {"op": "sleep", "seconds": seconds}}


class Client:
    """What a client does with groups, on self.server."""

    def open(self, **fields):
        answer = self.server.post("/v1/groups", fields)
        self.assertEqual(answer.status, 201, answer)
        self.assertEqual(answer.headers["Location"], "/v1/groups/" + answer.json["id"])
        return answer.json["id"]

    def post_task(self, group, spec, **fields):
        return self.server.post(f"/v1/groups/{group}/tasks", {"spec": spec, **fields})

    def add(self, group, spec, **fields):
        answer = self.post_task(group, spec, **fields)
        self.assertEqual(answer.status, 202, answer)
        self.assertEqual(answer.json["group"], group)
        return answer.json["id"]

    def run_in(self, group, spec, **fields):
        """Waits for its end."""
        answer = self.server.post(f"/v1/groups/{group}/tasks?wait={awaitd.PATIENCE}", {"spec": spec, **fields})
        self.assertEqual(answer.status, 200, answer)
        return answer.json["id"]

    def look(self, group, query=""):
        answer = self.server.get(f"/v1/groups/{group}{query}")
        self.assertEqual(answer.status, 200, answer)
        return answer.json

    def close(self, group):
        answer = self.server.post(f"/v1/groups/{group}/close")
        self.assertEqual(answer.status, 202, answer)
        return answer.json

    def leave(self, group):
        """Closes it and waits until it has finished."""
        answer = self.server.post(f"/v1/groups/{group}/close?wait={awaitd.PATIENCE}")
        self.assertEqual(answer.status, 200, answer)
        self.assertTrue(answer.json["done"])
        self.assertIsNotNone(answer.json["closed_at"])
        return answer.json

    def cancel(self, group, message=None):
        answer = self.server.post(f"/v1/groups/{group}/cancel", {"message": message} if message is not None else None)
        self.assertEqual(answer.status, 202, answer)
        self.assertEqual(answer.json["state"], "aborting")
        self.assertIsNotNone(answer.json["cancel_requested_at"])
        return answer.json

    def finished(self, group):
        """Waits until it has finished."""
        resource = self.look(group, f"?wait={awaitd.PATIENCE}")
        self.assertTrue(resource["done"], resource)
        self.assertIsNotNone(resource["finished_at"])
        return resource

    def aborting(self, group):
        """Waits until it aborts."""
        return awaitd.until(lambda: (lambda r: r["state"] == "aborting" and r)(self.look(group)), "the group aborts")

    def list(self, query="limit=1000"):
        groups, target = [], "/v1/groups?" + query
        while target:
            answer = self.server.get(target)
            self.assertEqual(answer.status, 200, answer)
            groups += answer.json["groups"]
            link = answer.headers.get("Link")
            self.assertEqual(link is None, answer.json["next"] is None)
            target = link and link[1:link.index(">")]
        return groups

    def refused(self, group, *words):
        answer = self.post_task(group, GOOD)
        self.assertEqual(answer.status, 409, answer)
        for word in words:
            self.assertIn(word, answer.json["detail"])

    def states(self, group):
        return [task["state"] for task in self.look(group)["tasks"]]


class OneServer(Client, unittest.TestCase):
    """All tests of the class talk to one server."""

    maxDiff = None
    options = ()

    @classmethod
    def setUpClass(cls):
        cls.server = awaitd.Server(*cls.options)
        cls.addClassCleanup(cls.server.close)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()


class Groups(OneServer):
    # ---- open, close ----

    def test_a_new_group(self):
        answer = self.server.post("/v1/groups", {"name": "crawl"})
        self.assertEqual(answer.status, 201)
        group = answer.json
        self.assertEqual({key: group[key] for key in group.keys() - {"id", "created_at"}}, {
            "name": "crawl", "state": "open", "done": False, "closed_at": None, "finished_at": None, "deadline": None,
            "cancel_requested_at": None, "tasks": [], "next": None,
            "counts": {"pending": 0, "running": 0, "succeeded": 0, "failed": 0, "cancelled": 0}})
        self.assertEqual(self.server.get(answer.headers["Location"]).body, answer.body)

    def test_no_name_and_no_timeout(self):
        for body in None, {}, {"name": None, "timeout": None}:
            with self.subTest(body):
                answer = self.server.post("/v1/groups", body)
                self.assertEqual(answer.status, 201)
                self.assertEqual((answer.json["name"], answer.json["deadline"]), (None, None))

    def test_results_in_the_order_of_creation(self):
        group = self.open()
        tasks = [self.add(group, value(["slow"], 0.2), name="a"), self.add(group, value({"quick": 1})), self.add(group, FOREVER),
                 self.add(group, {"op": "log", "message": "m"})]
        self.server.cancel(tasks[2])
        resource = self.leave(group)
        self.assertEqual((resource["state"], resource["result"]), ("succeeded", [["slow"], {"quick": 1}, None, None]))
        self.assertEqual(resource["tasks"], [{"id": id, "name": name, "state": state} for id, name, state in zip(
            tasks, ["a", None, None, None], ["succeeded", "succeeded", "cancelled", "succeeded"])])
        self.assertEqual(resource["counts"], {"pending": 0, "running": 0, "succeeded": 3, "failed": 0, "cancelled": 1})
        self.assertNotIn("error", resource)
        self.assertEqual(self.look(group), resource)
        self.assertEqual(self.server.task(tasks[0])["group"], group)
        self.assertIsNone(self.server.submit(GOOD)["group"])

    def test_an_empty_one(self):
        group = self.open()
        self.assertEqual(self.leave(group)["result"], [])

    def test_closing_without_a_wait(self):
        group = self.open()
        self.run_in(group, GOOD)
        self.assertEqual(self.close(group)["state"], "closing")
        self.assertEqual(self.finished(group)["result"], [1])

    def test_a_closed_group_waits_for_its_tasks_and_takes_none(self):
        group = self.open()
        task = self.add(group, FOREVER)
        resource = self.close(group)
        self.assertEqual((resource["state"], resource["done"], resource["counts"]["running"]), ("closing", False, 1))
        self.refused(group, "closed")
        self.assertEqual(self.close(group)["closed_at"], resource["closed_at"])
        answer = self.server.post(f"/v1/groups/{group}/close?wait=0.01")
        self.assertEqual((answer.status, answer.json["state"]), (202, "closing"))
        self.server.cancel(task)
        self.assertEqual(self.finished(group)["result"], [None])
        self.refused(group, "finished", "succeeded")

    def test_closing_a_finished_group_tells_how_it_ended(self):
        group = self.open()
        self.add(group, BAD)
        self.finished(group)
        for query in "", "?wait=5":
            answer = self.server.post(f"/v1/groups/{group}/close{query}")
            self.assertEqual((answer.status, answer.json["state"], answer.json["closed_at"]), (200, "failed", None))

    def test_a_group_stays_open_when_all_have_ended(self):
        group = self.open()
        self.run_in(group, GOOD)
        self.assertEqual((self.look(group)["state"], self.states(group)), ("open", ["succeeded"]))
        self.run_in(group, value(2))
        self.assertEqual(self.leave(group)["result"], [1, 2])

    def test_a_task_can_be_waited_for(self):
        group = self.open()
        answer = self.server.post(f"/v1/groups/{group}/tasks", {"spec": GOOD}, Prefer="wait=30")
        self.assertEqual((answer.status, answer.json["result"], answer.headers["Preference-Applied"]), (200, 1, "wait=30"))
        answer = self.server.post(f"/v1/groups/{group}/tasks?wait=0.01", {"spec": FOREVER})
        self.assertEqual((answer.status, answer.json["state"]), (202, "running"))

    def test_a_task_on_a_loop_of_its_own(self):
        group = self.open()
        self.assertIn(self.server.post("/v1/loops", {"name": "own"}).status, (201, 409))
        task = self.add(group, FOREVER, loop="own")
        answer = self.post_task(group, GOOD, loop="nowhere")
        self.assertEqual((answer.status, answer.json["pointer"]), (422, "/loop"))
        self.run_in(group, BAD)
        self.finished(group)
        self.assertEqual(self.states(group), ["cancelled", "failed"])
        self.assertEqual((self.server.task(task)["loop"], self.server.task(task)["error"]), ("own", CANCELLED))

    # ---- failures ----

    def test_the_first_failure_cancels_the_others(self):
        group = self.open()
        tasks = [self.add(group, FOREVER), self.add(group, cleans_up(0.3)), self.run_in(group, GOOD)]
        tasks.append(self.run_in(group, BAD))
        resource = self.look(group)
        self.assertEqual((resource["state"], resource["done"], resource["closed_at"]), ("aborting", False, None))
        self.refused(group, "aborting", f"task {tasks[3]} failed")
        resource = self.finished(group)
        self.assertEqual((resource["state"], resource["closed_at"]), ("failed", None))
        self.assertEqual(resource["error"], exceptions(error("no luck")))
        self.assertNotIn("result", resource)
        self.assertEqual(self.states(group), ["cancelled", "cancelled", "succeeded", "failed"])
        self.assertEqual(self.server.task(tasks[0])["error"], CANCELLED)
        self.assertIsNotNone(self.server.task(tasks[0])["cancel_requested_at"])
        self.assertIsNone(self.server.task(tasks[2])["cancel_requested_at"])
        self.refused(group, "finished", "failed")

    def test_a_failure_with_nobody_else(self):
        group = self.open()
        self.run_in(group, BAD)
        self.assertEqual(self.finished(group)["error"], exceptions(error("no luck")))

    def test_a_failure_in_a_closed_group(self):
        group = self.open()
        self.add(group, FOREVER)
        self.add(group, {"op": "sequence", "steps": [{"op": "sleep", "seconds": 0.3}, BAD]})
        self.close(group)
        self.assertEqual(self.finished(group)["error"], exceptions(error("no luck", path="/steps/1")))

    def test_closing_an_aborting_group(self):
        group = self.open()
        self.add(group, cleans_up(0.5))
        self.run_in(group, BAD)
        resource = self.close(group)
        self.assertEqual(resource["state"], "aborting")
        self.assertIsNotNone(resource["closed_at"])
        self.assertEqual(self.finished(group)["state"], "failed")

    def test_errors_in_the_order_of_their_ends(self):
        group = self.open()

        self.add(group, fails_when_cancelled("second", 0.4))
        self.add(group, fails_when_cancelled("first", 0.1))
        self.add(group, when_cancelled(value("refused to be cancelled")))
        self.run_in(group, BAD)
        resource = self.finished(group)
        message = [e["message"] for e in resource["error"]["exceptions"]]
        self.assertEqual(message, ["no luck", "first", "second"])
        self.assertEqual(resource["error"]["message"], "unhandled errors in a TaskGroup (3 sub-exceptions)")
        self.assertEqual(resource["error"]["exceptions"][1]["context"]["type"], "CancelledError")
        self.assertEqual(self.states(group), ["failed", "failed", "succeeded", "failed"])

    def test_a_cancelled_task_is_no_failure(self):
        group = self.open()
        self.run_in(group, {"op": "raise", "type": "CancelledError"})
        task = self.add(group, FOREVER)
        self.server.cancel(task, "not this one")
        self.server.wait(task)
        self.add(group, GOOD)
        self.assertEqual(self.leave(group)["result"], [None, None, 1])

    def test_errors_that_are_no_exceptions(self):
        group = self.open()
        self.run_in(group, {"op": "race", "tasks": [{"op": "raise", "type": "CancelledError"}]})
        failure = self.finished(group)["error"]
        self.assertEqual((failure["type"], failure["exceptions"][0]["type"]), ("BaseExceptionGroup", "BaseExceptionGroup"))
        group = self.open()
        self.run_in(group, {"op": "group", "tasks": [BAD]})
        failure = self.finished(group)["error"]
        self.assertEqual((failure["type"], failure["exceptions"][0]["type"]), ("ExceptionGroup", "ExceptionGroup"))

    def test_a_tasks_own_timeout_is_a_failure(self):
        group = self.open()
        self.add(group, FOREVER, timeout=0.05)
        self.assertEqual(self.finished(group)["error"], exceptions(TIMED_OUT))

    # ---- cancel ----

    def test_cancel(self):
        group = self.open()
        task = self.add(group, cleans_up(0.2))
        self.cancel(group, "enough")
        self.refused(group, "aborting", "cancellation")
        self.cancel(group, "too late")
        resource = self.finished(group)
        self.assertEqual((resource["state"], resource["error"]), ("cancelled", {**CANCELLED, "message": "enough"}))
        self.assertEqual(self.server.task(task)["error"]["message"], "", "the group's message is not for its tasks")
        self.assertEqual(self.server.post(f"/v1/groups/{group}/cancel").status, 409)
        self.refused(group, "finished", "cancelled")

    def test_cancel_without_a_message(self):
        for message in None, "":
            group = self.open()
            self.cancel(group, message)
            self.assertEqual(self.finished(group)["error"], CANCELLED)

    def test_cancel_a_closed_group(self):
        group = self.open()
        self.add(group, FOREVER)
        self.close(group)
        self.cancel(group, "enough")
        self.assertEqual(self.finished(group)["state"], "cancelled")

    def test_errors_win_over_the_cancellation(self):
        group = self.open()
        self.add(group, when_cancelled(BAD))
        self.cancel(group, "enough")
        resource = self.finished(group)
        self.assertEqual((resource["state"], resource["error"]["exceptions"][0]["message"]), ("failed", "no luck"))
        group = self.open()
        self.add(group, cleans_up(0.3))
        self.run_in(group, BAD)
        self.cancel(group, "enough")
        self.assertEqual(self.finished(group)["error"], exceptions(error("no luck")))

    # ---- the timeout ----

    def test_timeout(self):
        group = self.open(timeout=0.2)
        task = self.add(group, FOREVER)
        resource = self.finished(group)
        self.assertEqual((resource["state"], resource["error"]), ("failed", TIMED_OUT))
        self.assertGreaterEqual(resource["finished_at"], resource["deadline"])
        self.assertEqual(self.server.task(task)["state"], "cancelled")

    def test_timeout_of_an_open_group_without_tasks(self):
        for seconds in 0, 0.05:
            group = self.open(timeout=seconds)
            self.assertEqual(self.finished(group)["error"], TIMED_OUT)

    def test_refused_after_the_timeout(self):
        group = self.open(timeout=0.1)
        self.add(group, cleans_up(1))
        self.aborting(group)
        self.refused(group, "aborting", "timeout")
        self.assertEqual(self.finished(group)["error"], TIMED_OUT)

    def test_errors_win_over_the_timeout(self):
        group = self.open(timeout=0.1)
        self.add(group, when_cancelled(BAD))
        self.assertEqual(self.finished(group)["error"]["type"], "ExceptionGroup")

    def test_results_do_not_win_over_the_timeout(self):
        group = self.open(timeout=0.1)
        self.add(group, when_cancelled(GOOD))
        self.close(group)
        resource = self.finished(group)
        self.assertEqual((resource["error"], self.states(group)), (TIMED_OUT, ["succeeded"]))

    def test_a_cancellation_wins_over_the_timeout(self):
        """As Timeout.__aexit__ has it; but the CancelledError is that of whoever came first."""
        for timeout, message in (0.1, ""), (0.6, "enough"):
            with self.subTest(timeout):
                group = self.open(timeout=timeout)
                self.add(group, cleans_up(1))
                if timeout == 0.1:
                    self.aborting(group)
                self.cancel(group, "enough")
                resource = self.finished(group)
                self.assertGreater(resource["finished_at"], resource["deadline"])
                self.assertEqual((resource["state"], resource["error"]), ("cancelled", {**CANCELLED, "message": message}))

    def test_done_before_the_timeout(self):
        group = self.open(timeout=3600)
        self.add(group, GOOD)
        self.assertEqual(self.leave(group)["state"], "succeeded")

    # ---- looking ----

    def test_wait(self):
        group = self.open()
        task = self.add(group, FOREVER)
        self.assertFalse(self.look(group, "?wait=0.05")["done"])
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(self.finished(group))) for _ in range(5)]
        for thread in threads:
            thread.start()
        self.close(group)
        self.server.cancel(task)
        for thread in threads:
            thread.join()
        self.assertEqual([answer["result"] for answer in answers], [[None]] * 5)
        answer = self.server.get(f"/v1/groups/{group}", Prefer="wait=5")
        self.assertEqual(answer.headers["Preference-Applied"], "wait=5")

    def test_etag(self):
        group = self.open()
        tags = []

        def changed():
            answer = self.server.get(f"/v1/groups/{group}")
            tag = answer.headers["ETag"]
            self.assertNotIn(tag, tags)
            tags.append(tag)
            self.assertEqual(self.server.get(f"/v1/groups/{group}", If_None_Match=tag).status, 304)
            return answer

        changed()
        task = self.add(group, FOREVER)
        changed()
        self.close(group)
        changed()
        self.server.cancel(task)
        self.finished(group)
        changed()
        for tag in tags[:-1]:
            self.assertEqual(self.server.get(f"/v1/groups/{group}", If_None_Match=tag).status, 200)

    def test_pages_of_tasks(self):
        group = self.open()
        tasks = [self.add(group, value(n), name=str(n)) for n in range(250)]
        self.leave(group)
        for limit in 1, 99, 100, 249, 250, 1000:
            with self.subTest(limit):
                seen, query = [], f"?limit={limit}"
                for _ in range(3):
                    page = self.look(group, query)
                    self.assertLessEqual(len(page["tasks"]), limit)
                    seen += page["tasks"]
                    query = f"?limit={limit}&cursor={page['next']}"
                    if not page["next"]:
                        break
                self.assertEqual([task["id"] for task in seen], tasks[:3 * limit])
                self.assertEqual(page["next"] is None, 3 * limit >= 250)
        page = self.look(group)
        self.assertEqual((len(page["tasks"]), page["counts"]["succeeded"], page["result"]), (100, 250, list(range(250))))

    def test_list(self):
        groups = [self.open(name=f"n{n}", timeout=3600) for n in range(5)]
        self.run_in(groups[0], GOOD)
        self.leave(groups[0])
        self.run_in(groups[1], BAD)
        self.finished(groups[1])
        self.cancel(groups[2])
        self.finished(groups[2])
        self.add(groups[3], FOREVER)
        self.close(groups[3])
        for limit in 1, 2, 1000:
            listed = [group for group in self.list(f"limit={limit}") if group["id"] in groups]
            self.assertEqual([group["id"] for group in listed], groups)
        self.assertEqual([group["state"] for group in listed], ["succeeded", "failed", "cancelled", "closing", "open"])
        self.assertEqual((listed[0]["result"], listed[1]["error"]["type"]), ([1], "ExceptionGroup"))
        self.assertNotIn("tasks", listed[0])
        for n, state in enumerate(["succeeded", "failed", "cancelled", "closing", "open"]):
            found = self.list(f"state={state}&limit=3")
            self.assertEqual({group["state"] for group in found}, {state})
            self.assertIn(groups[n], [group["id"] for group in found])
        self.add(groups[4], cleans_up(3600))
        self.cancel(groups[4])
        awaitd.until(lambda: groups[4] in [group["id"] for group in self.list("state=aborting")], "the store says aborting")

    # ---- forgetting ----

    def test_delete(self):
        group = self.open()
        task = self.add(group, FOREVER)
        self.assertEqual(self.server.delete(f"/v1/groups/{group}").status, 409)
        self.close(group)
        self.assertEqual(self.server.delete(f"/v1/groups/{group}").status, 409)
        self.server.cancel(task)
        self.finished(group)
        self.assertEqual(self.server.delete(f"/v1/groups/{group}").status, 204)
        for answer in (self.server.get(f"/v1/groups/{group}"), self.server.delete(f"/v1/groups/{group}"),
                       self.post_task(group, GOOD), self.server.post(f"/v1/groups/{group}/close"),
                       self.server.post(f"/v1/groups/{group}/cancel")):
            self.assertEqual(answer.status, 404, answer)
        self.assertEqual(self.server.task(task)["group"], group)
        self.assertEqual(self.server.delete(f"/v1/tasks/{task}").status, 204)

    def test_delete_a_task(self):
        """As long as the group goes on it needs them, also after a crash."""
        group = self.open()
        tasks = [self.run_in(group, GOOD), self.run_in(group, value(2))]
        self.assertEqual(self.server.delete(f"/v1/tasks/{tasks[0]}").status, 409)
        self.leave(group)
        self.assertEqual(self.server.delete(f"/v1/tasks/{tasks[0]}").status, 204)
        resource = self.look(group)
        self.assertEqual([task["id"] for task in resource["tasks"]], tasks[1:])
        self.assertEqual((resource["result"], resource["counts"]["succeeded"]), ([1, 2], 2))

    # ---- at the same time ----

    def test_many_join_while_one_fails(self):
        """Whatever was acknowledged is one of the group, and has ended; nothing else is."""
        for _ in range(5):
            group = self.open()
            accepted, statuses, lock = [], set(), threading.Lock()

            def client(number):
                connection = self.server.open_http()
                for n in range(40):
                    spec = BAD if (number, n) == (2, 12) else random.choice([FOREVER, GOOD, value(1, 0.01)])
                    answer = self.server.request("POST", f"/v1/groups/{group}/tasks", {"spec": spec}, connection=connection)
                    with lock:
                        statuses.add(answer.status)
                        if answer.status == 202:
                            accepted.append(answer.json["id"])
                connection.close()

            threads = [threading.Thread(target=client, args=(number,)) for number in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            resource = self.look(group, f"?wait={awaitd.PATIENCE}&limit=1000")
            self.assertEqual(resource["error"], exceptions(error("no luck")))
            self.assertEqual(sorted(task["id"] for task in resource["tasks"]), sorted(accepted))
            self.assertEqual({task["state"] for task in resource["tasks"]} - {"succeeded", "cancelled"}, {"failed"})
            self.assertEqual(statuses, {202, 409})
            self.refused(group, "finished")

    def test_all_close_and_cancel_at_once(self):
        for _ in range(20):
            group = self.open()
            self.add(group, FOREVER)
            answers = []

            def ask(what):
                answers.append(self.server.post(f"/v1/groups/{group}/{what}").status)

            threads = [threading.Thread(target=ask, args=(what,)) for what in ("close", "cancel", "close", "cancel")]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertLessEqual(set(answers), {200, 202, 409})
            resource = self.finished(group)
            self.assertEqual(resource["state"], "cancelled")
            self.assertIsNotNone(resource["cancel_requested_at"])


class Loops(Groups):
    """The same, with the tasks on several loops."""

    options = ("--loops", "3")


class InMemory(Client, unittest.TestCase):
    def test_without_a_disk(self):
        self.server = awaitd.Server(db=":memory:")
        self.addCleanup(self.server.close)
        group = self.open(name="g")
        self.run_in(group, GOOD)
        self.assertEqual(self.leave(group)["result"], [1])
        self.assertEqual([g["id"] for g in self.list()], [group])
        self.server.stop()


class Limits(Client, unittest.TestCase):
    def serve(self, *options):
        self.server = awaitd.Server(*options)
        self.addCleanup(self.server.close)

    def too_large(self, failure, size):
        self.assertEqual((failure["type"], failure["path"]), ("ResultTooLarge", ""))
        self.assertEqual(failure["message"], f"the result has {size} bytes, more than the limit of 1000")

    def test_results(self):
        self.serve("--max-result", "1000")
        for sizes, n in ([496, 497], 1000), ([496, 498], 1001), ([900] * 5 + [1] * 5, 5 * 905 + 5 * 4 + 1 - 2 * 5):
            with self.subTest(sizes):
                group = self.open()
                for size in sizes:
                    self.run_in(group, value("x" * size))
                resource = self.leave(group)
                if n == 1000:
                    self.assertEqual(resource["result"], ["x" * size for size in sizes])
                else:
                    self.assertEqual(resource["state"], "failed")
                    self.too_large(resource["error"], n)

    def test_results_that_are_too_large_are_no_matter_when_it_fails(self):
        self.serve("--max-result", "1000")
        group = self.open()
        for _ in range(3):
            self.run_in(group, value("x" * 900))
        self.run_in(group, BAD)
        self.assertEqual(self.finished(group)["error"], exceptions(error("no luck")))

    def test_errors(self):
        self.serve("--max-result", "1000")
        for n in 1, 3:
            with self.subTest(n):
                group = self.open()
                for _ in range(n - 1):
                    self.add(group, when_cancelled({**BAD, "message": "x" * 700}))
                self.run_in(group, {**BAD, "message": "x" * (920 if n == 1 else 700)})
                resource = self.finished(group)
                self.assertEqual((resource["state"], resource["error"]["type"]), ("failed", "ResultTooLarge"))

    def test_open_groups(self):
        """Finished ones do not count."""
        self.serve("--max-open-tasks", "3")
        for _ in range(5):
            self.leave(self.open())
        groups = [self.open() for _ in range(3)]
        answer = self.server.post("/v1/groups")
        self.assertEqual(answer.status, 503)
        self.assertIn("groups", answer.json["detail"])
        self.leave(groups[0])
        self.open()

    def test_open_tasks(self):
        """A task that is refused is none of the group's."""
        self.serve("--max-open-tasks", "1")
        group = self.open()
        task = self.add(group, FOREVER)
        self.assertEqual(self.post_task(group, GOOD).status, 503)
        self.server.cancel(task)
        self.server.wait(task)
        self.assertEqual(self.leave(group)["result"], [None])


class DiskFull(Client, unittest.TestCase):
    """On a file system of its own, which only root can make."""

    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="awaitd-e2e-disk-")
        self.addCleanup(os.rmdir, self.folder)
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "tmpfs", self.folder], capture_output=True)
        if mounted.returncode != 0:
            self.skipTest("cannot mount a tmpfs: " + mounted.stderr.decode().strip())
        self.addCleanup(subprocess.run, ["umount", self.folder], check=True)
        self.server = awaitd.Server(db=os.path.join(self.folder, "awaitd.db"))
        self.addCleanup(self.server.close)
        self.filler = os.path.join(self.folder, "filler")

    def fill(self, room=0, reserve=False):
        """Whether or not there is room that is kept for what runs."""
        if not reserve:
            os.unlink(self.server.db + ".reserve")
        with open(self.filler, "ab", buffering=0) as file:
            with contextlib.suppress(OSError):
                while file.write(b"x" * 4096):
                    pass
            file.truncate(file.tell() - room)

    def until_refused(self, ask):
        """The first ones may still find a gap. The first one that is refused."""

        def refused():
            answer = ask()
            return answer if answer.status == 507 else self.assertIn(answer.status, (201, 202))

        return awaitd.until(refused, "the disk is full")

    def test_a_group_aborts_without_room(self):
        """In the room that is kept for what runs; what could not be stored was not done."""
        fifo = awaitd.Fifo(self)
        open_group, group = self.open(), self.open(timeout=1)
        task = self.add(group, when_cancelled({"op": "subprocess", "shell": fifo.say("cancelled")}))
        self.fill(reserve=True)
        self.until_refused(lambda: self.server.post("/v1/groups", {"name": "x" * 200}))
        self.until_refused(lambda: self.post_task(open_group, value("x" * 9000)))
        refused = self.server.post(f"/v1/groups/{open_group}/cancel", {"message": "é" * 1000})
        if refused.status == 507:
            self.assertEqual(self.look(open_group)["state"], "open")
        fifo.expect("cancelled")
        self.assertEqual(self.finished(group)["error"], TIMED_OUT)
        self.assertEqual(self.server.wait(task)["state"], "succeeded")
        self.assertEqual(self.server.post("/v1/groups").status, 507)
        os.unlink(self.filler)
        if refused.status == 507:
            tasks = self.look(open_group)["tasks"]
            for task in tasks:
                self.server.wait(task["id"])
            self.assertEqual(len(self.leave(open_group)["result"]), len(tasks))
        self.server.stop()

    def test_an_end_waits_for_room(self):
        group = self.open()
        for _ in range(10):
            self.run_in(group, value("x" * 100_000))
        task = self.add(group, value(1, 1))
        self.close(group)
        self.fill(room=200_000)
        self.server.wait(task)
        for _ in range(2):
            answer = self.server.post(f"/v1/groups/{group}/cancel")
            self.assertEqual(answer.status, 507)
        self.assertEqual(self.look(group, "?wait=0.5")["state"], "closing")
        os.unlink(self.filler)
        resource = self.finished(group)
        self.assertEqual((resource["state"], len(resource["result"]), resource["cancel_requested_at"]), ("succeeded", 11, None))
        self.server.stop()


class Stops(Client, unittest.TestCase):
    """What was acknowledged outlives the process, however that ends."""

    maxDiff = None

    def setUp(self):
        self.server = awaitd.Server()
        self.addCleanup(self.server.close)

    def crash(self):
        self.server.kill()
        self.server.start()

    def test_an_open_group_goes_on(self):
        for stop in self.crash, self.server.restart:
            with self.subTest(stop.__name__):
                group = self.open(name="g")
                before = [self.run_in(group, value("ended")), self.add(group, FOREVER), self.run_in(group, value({"deep": [[]]}))]
                stop()
                resource = self.look(group)
                self.assertEqual((resource["state"], resource["name"]), ("open", "g"))
                self.assertEqual(self.states(group), ["succeeded", "running", "succeeded"])
                self.assertEqual(resource["counts"], {"pending": 0, "running": 1, "succeeded": 2, "failed": 0, "cancelled": 0})
                self.add(group, value("after"))
                self.server.cancel(before[1])
                self.assertEqual(self.leave(group)["result"], ["ended", None, {"deep": [[]]}, "after"])

    def test_an_open_group_without_tasks(self):
        group = self.open()
        self.crash()
        self.assertEqual(self.look(group)["state"], "open")
        self.assertEqual(self.leave(group)["result"], [])

    def test_a_closed_group_goes_on(self):
        group = self.open()
        self.run_in(group, GOOD)
        task = self.add(group, value("late", 1))
        closed_at = self.close(group)["closed_at"]
        self.crash()
        self.assertEqual(self.look(group)["closed_at"], closed_at)
        self.refused(group, "closed")
        self.assertEqual(self.finished(group)["result"], [1, "late"])
        self.assertEqual(self.server.task(task)["starts"], 2)

    def test_an_aborting_group_goes_on_aborting(self):
        group = self.open()
        tasks = [self.add(group, cleans_up(1)), self.run_in(group, BAD)]
        self.aborting(group)
        self.crash()
        self.assertEqual(self.finished(group)["error"], exceptions(error("no luck")))
        task = self.server.task(tasks[0])
        self.assertEqual((task["state"], task["error"]["message"]), ("cancelled", ""))
        self.refused(group, "finished")

    def test_a_failure_just_before_the_crash(self):
        """Whether the group has heard of it or not."""
        for _ in range(5):
            group = self.open()
            task = self.add(group, FOREVER)
            failing = self.run_in(group, BAD)
            self.crash()
            resource = self.finished(group)
            self.assertEqual((resource["state"], resource["error"]), ("failed", exceptions(error("no luck"))))
            self.assertEqual(self.states(group), ["cancelled", "failed"])
            self.assertEqual([task["id"] for task in resource["tasks"]], [task, failing])

    def test_errors_keep_their_order(self):
        group = self.open()

        tasks = [self.add(group, fails_when_cancelled("third", 0.3)), self.add(group, fails_when_cancelled("second", 0.1)), self.add(group, cleans_up(1))]
        self.run_in(group, BAD)
        self.server.wait(tasks[0])
        self.server.wait(tasks[1])
        self.crash()
        messages = [e["message"] for e in self.finished(group)["error"]["exceptions"]]
        self.assertEqual(messages, ["no luck", "second", "third"])

    def test_a_cancelled_group_goes_on(self):
        group = self.open()
        task = self.add(group, cleans_up(1))
        self.cancel(group, "enough \"said\",\"error\":1")
        self.crash()
        resource = self.finished(group)
        self.assertEqual((resource["state"], resource["error"]["message"]), ("cancelled", "enough \"said\",\"error\":1"))
        self.assertEqual(self.server.task(task)["state"], "cancelled")

    def test_the_deadline_holds(self):
        passes, stays = self.open(timeout=0.5), self.open(timeout=2)
        for group in passes, stays:
            self.add(group, FOREVER)
        self.server.kill()
        time.sleep(0.5)
        self.server.start()
        for group in passes, stays:
            resource = self.finished(group)
            self.assertEqual(resource["error"], TIMED_OUT)
            self.assertGreaterEqual(resource["finished_at"], resource["deadline"])

    def test_over_before_the_deadline(self):
        """That the group had no time to write its end before the crash does not make it late."""
        for _ in range(5):
            group = self.open(timeout=1)
            task = self.add(group, value(1, 0.2))
            self.close(group)
            self.server.wait(task)
            self.server.kill()
            time.sleep(0.9)
            self.server.start()
            self.assertEqual(self.finished(group)["result"], [1])

    def test_a_finished_group_stays_as_it_is(self):
        groups = [self.open(name="\"name\",\"result\":") for _ in range(3)]
        self.run_in(groups[0], GOOD)
        self.leave(groups[0])
        self.run_in(groups[1], BAD)
        self.finished(groups[1])
        self.cancel(groups[2])
        self.finished(groups[2])
        before = [self.server.get(f"/v1/groups/{group}").body for group in groups]
        self.crash()
        self.assertEqual([self.server.get(f"/v1/groups/{group}").body for group in groups], before)
        self.assertEqual([group["id"] for group in self.list()], groups)
        self.server.stop()

    def test_many_groups(self):
        """More than are read at a time."""
        groups = [self.open() for _ in range(40)]
        for group in groups:
            self.add(group, GOOD)
        self.leave(groups[0])
        self.crash()
        self.assertEqual([self.leave(group)["result"] for group in groups[1:]], [[1]] * 39)

    def test_many_tasks(self):
        group = self.open()
        for n in range(350):
            self.add(group, value(n))
        self.crash()
        self.assertEqual(self.leave(group)["result"], list(range(350)))

    def test_the_end_of_the_server(self):
        """Who waits for a group is answered; the group goes on at the next start."""
        group = self.open()
        self.add(group, FOREVER)
        wait = self.wait_for(group)
        self.server.stop()
        answer = awaitd.receive(wait)
        awaitd.contract().hold("GET", f"/v1/groups/{group}", answer)
        self.assertEqual((answer.status, answer.json["state"]), (200, "open"))
        self.server.start()
        self.assertEqual(self.look(group)["state"], "open")
        self.server.stop()

    def wait_for(self, group):
        """A connection that waits for the group. The server has looked at its request by the time when it answers one
        that came after it."""
        connection = self.server.connect()
        self.addCleanup(connection.close)
        connection.sendall(f"GET /v1/groups/{group}?wait=600 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        for _ in range(3):
            self.server.get("/healthz")
        return connection

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.server.pid}/fd"))

    def test_those_who_leave(self):
        """Their descriptors come back while the group goes on, and the others are answered."""
        group = self.open()
        self.list()
        before = self.descriptors() + 2
        stays = self.wait_for(group)
        for connection in [self.wait_for(group) for _ in range(50)]:
            connection.close()
        awaitd.until(lambda: self.descriptors() <= before + 1, "the descriptors of those who left are closed")
        self.close(group)
        self.assertEqual(awaitd.receive(stays).json["result"], [])
        self.server.stop()

    def test_more_loops_then_fewer(self):
        self.server.options = ("--loops", "3")
        self.server.restart()
        group = self.open()
        for _ in range(6):
            self.add(group, FOREVER)
        self.server.options = ()
        self.crash()
        self.run_in(group, BAD)
        self.assertEqual(self.finished(group)["error"], exceptions(error("no luck")))
        self.assertEqual(self.states(group), ["cancelled"] * 6 + ["failed"])


class Crashes(Client, unittest.TestCase):
    """kill -9 at random times, while clients open groups, fill, close and cancel them."""

    GROUPS, KILLS = 60, 4

    def setUp(self):
        self.seed = random.randrange(1 << 32)
        print(f"seed {self.seed}")
        self.server = awaitd.Server("--loops", "2")
        self.addCleanup(self.server.close)

    def client(self, seed):
        chance = random.Random(seed)
        connection = self.server.open_http()

        def post(target, body=None):
            return self.server.request("POST", target, body, connection=connection)

        try:
            while not self.is_over.is_set():
                group = post("/v1/groups", {"timeout": chance.choice([None, None, 0.1])}).json["id"]
                known = self.known.setdefault(group, {"tasks": [], "closed": False, "cancelled": False})
                for _ in range(chance.randrange(6)):
                    spec = chance.choice([GOOD, GOOD, value(2, 0.02), BAD, cleans_up(0.05)])
                    answer = post(f"/v1/groups/{group}/tasks", {"spec": spec})
                    self.assertIn(answer.status, (202, 409))
                    if answer.status == 202:
                        known["tasks"].append(answer.json["id"])
                for what in chance.sample(["close", "cancel"], chance.randrange(3)):
                    answer = post(f"/v1/groups/{group}/{what}")
                    self.assertIn(answer.status, (200, 202, 409))
                    if answer.status == 202:
                        known[{"close": "closed", "cancel": "cancelled"}[what]] = True
        except (OSError, awaitd.http.client.HTTPException):
            pass  # the kill
        except Exception as failure:
            self.failures.append(repr(failure))
        finally:
            connection.close()

    def check(self, group, known):
        resource = self.look(group, "?limit=1000")
        listed = {task["id"] for task in resource["tasks"]}
        self.assertLessEqual(set(known["tasks"]), listed)
        if known["closed"]:
            self.assertIsNotNone(resource["closed_at"])
        if known["cancelled"]:
            self.assertIsNotNone(resource["cancel_requested_at"])
            self.assertIn(resource["state"], ("aborting", "cancelled", "failed"))
        return resource

    def check_end(self, group):
        resource = self.look(group, f"?wait={awaitd.PATIENCE}&limit=1000")
        self.assertTrue(resource["done"], resource)
        tasks = [self.server.task(task["id"]) for task in resource["tasks"]]
        self.assertTrue(all(task["done"] for task in tasks))
        errors = [task["error"] for task in tasks if task["state"] == "failed"]
        if resource["state"] == "succeeded":
            self.assertEqual(resource["result"], [task.get("result") for task in tasks])
            self.assertEqual(errors, [])
        elif errors:
            self.assertEqual(resource["error"]["type"], "ExceptionGroup")
            self.assertCountEqual(resource["error"]["exceptions"], errors)
        else:
            self.assertIn(resource["error"], (CANCELLED, TIMED_OUT))
            self.assertEqual(resource["state"] == "cancelled", resource["cancel_requested_at"] is not None)

    def test_kill_under_load(self):
        self.known, self.failures = {}, []
        chance = random.Random(self.seed)
        for _ in range(self.KILLS):
            self.is_over = threading.Event()
            threads = [threading.Thread(target=self.client, args=(chance.random(),)) for _ in range(3)]
            for thread in threads:
                thread.start()
            enough = len(self.known) + self.GROUPS // self.KILLS
            awaitd.until(lambda: len(self.known) >= enough or self.failures, "enough groups are there")
            time.sleep(chance.random() / 20)
            self.server.kill()
            self.is_over.set()
            for thread in threads:
                thread.join()
            self.assertEqual(self.failures, [])
            self.server.start()
            for group, known in self.known.items():
                self.check(group, known)
        for group in self.known:
            if not self.look(group)["done"]:
                self.assertIn(self.server.post(f"/v1/groups/{group}/close").status, (200, 202))
            for task in self.look(group)["tasks"]:
                if task["state"] == "running":
                    self.assertIn(self.server.cancel(task["id"]).status, (202, 409))
            self.check_end(group)
        self.server.stop()


if __name__ == "__main__":
    unittest.main()
