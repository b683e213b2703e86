"""Tasks that begin later: delay and run_at."""

import datetime
import os
import sqlite3
import time
import unittest

from test_put import make_id
from test_tasks import FOREVER, WithServer, at, log, sequence, value

import awaitd

MANY = 1000
HOUR = 3600


def seconds_between(first, second):
    return (at(second) - at(first)).total_seconds()


def time_in(seconds, zone=datetime.timezone.utc):
    return (datetime.datetime.now(zone) + datetime.timedelta(seconds=seconds)).isoformat()


def touch(path):
    return {"op": "subprocess", "argv": ["touch", path]}


class Later(WithServer):
    def pending(self, spec=None, **fields):
        task = self.server.submit(spec or value(1), **(fields or {"delay": HOUR}))
        self.assertEqual((task["state"], task["done"], task["started_at"]), ("pending", False, None))
        return task

    def assert_began_in_time(self, task):
        self.assertEqual(task["state"], "succeeded", task)
        self.assertGreaterEqual(at(task["started_at"]), at(task["run_at"]))

    def test_delay(self):
        task = self.server.run(value("x"), delay=0.3)
        self.assert_began_in_time(task)
        self.assertAlmostEqual(seconds_between(task["created_at"], task["run_at"]), 0.3, places=5)

    def test_run_at(self):
        for zone in (datetime.timezone.utc, datetime.timezone(datetime.timedelta(hours=-7, minutes=-30))):
            due = time_in(0.3, zone)
            task = self.server.run(value("x"), run_at=due)
            self.assert_began_in_time(task)
            self.assertEqual(at(task["run_at"]), datetime.datetime.fromisoformat(due))

    def test_a_leaf_with_effects(self):
        self.assert_began_in_time(self.server.run({"op": "subprocess", "argv": ["true"]}, delay=0.05))

    def test_now(self):
        """What has passed, and no delay at all, is now."""
        for fields in ({"delay": 0}, {"run_at": "1960-01-01T00:00:00Z"}, {"run_at": "1970-01-01T00:00:00Z"},
                       {"run_at": time_in(0)}):
            task = self.server.submit(FOREVER, **fields)
            self.assertEqual(task["state"], "running", task)
            self.assertIsNotNone(task["run_at"])
            self.server.cancel(task["id"])

    def test_null_is_as_if_absent(self):
        self.assertIsNone(self.server.run(value(1), delay=None, run_at=None)["run_at"])
        self.pending(delay=HOUR, run_at=None)
        self.pending(run_at=time_in(HOUR), delay=None)

    def test_refused(self):
        for fields, *pointers in (({"delay": -1}, "/delay"), ({"delay": "1"}, "/delay"), ({"delay": True}, "/delay"),
                                  ({"delay": 3155760001}, "/delay"), ({"run_at": 5}, "/run_at"),
                                  ({"run_at": "tomorrow"}, "/run_at"), ({"run_at": "2026-02-30T00:00:00Z"}, "/run_at"),
                                  ({"delay": 1, "run_at": time_in(1)}, "/run_at"),
                                  ({"delay": [], "run_at": {}}, "/delay", "/run_at", "/run_at")):
            answer = self.server.post("/v1/tasks", {"spec": value(1), **fields})
            self.assertEqual(answer.status, 422, answer)
            self.assertEqual([error["pointer"] for error in answer.json["errors"]], pointers)

    def test_the_longest(self):
        for fields in ({"delay": 3155760000}, {"run_at": "9999-12-31T23:59:59Z"}):
            task = self.pending(**fields)
            self.assertEqual(self.server.cancel(task["id"]).status, 202)
            self.assertEqual(self.server.wait(task["id"])["state"], "cancelled")

    def test_what_is_seen_of_it(self):
        spec = sequence(log("a"), {"op": "subprocess", "name": "p", "argv": ["cat"]})
        task = self.pending(spec, delay=HOUR, timeout=5, name="seen", labels={"a": "b"})
        id = task["id"]
        self.assertIsNone(task["deadline"])
        self.assertEqual(self.server.task(id), task)
        answer = self.server.get(f"/v1/tasks/{id}?wait=0.05")
        self.assertEqual((answer.status, answer.json), (200, task))
        self.assertIn(task, self.server.list("state=pending"))
        self.assertEqual(self.server.list("state=pending&name=seen"), [task])
        self.assertEqual(self.server.list("state=running&name=seen"), [])
        tree = self.server.tree(id)
        self.assertEqual((tree["state"], tree["started_at"], tree["tasks"]), ("pending", None, []))
        self.assertEqual(self.server.log(id), [])
        for answer in (self.server.delete(f"/v1/tasks/{id}"), self.server.post(f"/v1/tasks/{id}/reschedule", {"seconds": 1}),
                       self.server.post(f"/v1/tasks/{id}/reschedule", {"at": time_in(1)}),
                       self.server.post(f"/v1/tasks/{id}/signal", {"name": "p"})):
            self.assertEqual(answer.status, 409, answer)
        self.assertEqual(self.server.cancel(id).status, 202)
        self.assertEqual(self.server.wait(id)["state"], "cancelled")
        self.assertEqual(self.server.delete(f"/v1/tasks/{id}").status, 204)

    def test_cancelled_it_never_began(self):
        path = os.path.join(self.server.folder, "never")
        for message in (None, "not today"):
            id = self.pending(sequence(log("a"), touch(path)), delay=HOUR, timeout=5)["id"]
            self.assertEqual(self.server.cancel(id, message).status, 202)
            task = self.server.wait(id)
            self.assertEqual((task["state"], task["error"]["type"]), ("cancelled", "CancelledError"))
            self.assertEqual((task["error"]["message"], task["started_at"]), (message or "", None))
            self.assertIsNotNone(task["cancel_requested_at"])
            tree = self.server.tree(id)
            self.assertEqual([node["state"] for node in tree["children"]], ["pending", "pending"])
            self.assertEqual((self.server.messages(id), os.path.exists(path)), ([], False))

    def test_its_timeout_begins_when_it_does(self):
        task = self.server.run(FOREVER, delay=0.4, timeout=0.2)
        self.assertEqual(task["error"]["type"], "TimeoutError")
        self.assertAlmostEqual(seconds_between(task["started_at"], task["deadline"]), 0.2, places=5)
        task = self.server.run(value("in time"), delay=0.2, timeout=None)
        self.assertEqual((task["result"], task["deadline"]), ("in time", None))

    def test_a_future_that_is_set_before(self):
        id = self.pending({"op": "future", "name": "f"}, delay=1)["id"]
        self.assertEqual(self.server.post(f"/v1/tasks/{id}/futures/f", {"result": 7}).status, 200)
        self.assertEqual(self.server.post(f"/v1/tasks/{id}/futures/f", {"result": 8}).status, 409)
        self.assertEqual(self.server.wait(id)["result"], 7)

    def test_put_and_repeated(self):
        id = make_id()
        answer = self.server.request("PUT", f"/v1/tasks/{id}", {"spec": value(1), "delay": 0.3}, {"If-None-Match": "*"})
        self.assertEqual((answer.status, answer.json["state"], answer.json["started_at"]), (201, "pending", None))
        self.assert_began_in_time(self.server.wait(id))
        body = {"spec": value(2), "delay": 0.2}
        first = self.server.post("/v1/tasks", body, Idempotency_Key=f'"{id}"')
        self.assertEqual((first.status, first.json["state"]), (202, "pending"))
        self.server.wait(first.json["id"])
        self.assertEqual(self.server.post("/v1/tasks", body, Idempotency_Key=f'"{id}"').json, first.json)

    def test_on_a_loop_of_its_own(self):
        self.server.open_loop("later")
        task = self.server.run(value(1), delay=0.1, loop="later")
        self.assertEqual(task["loop"], "later")
        self.assert_began_in_time(task)

    def test_an_unchanged_one(self):
        task = self.pending()
        tag = self.server.get(f"/v1/tasks/{task['id']}").headers["ETag"]
        self.assertEqual(self.server.get(f"/v1/tasks/{task['id']}", If_None_Match=tag).status, 304)

    def test_many_at_once(self):
        """The API answers while they begin, and all do, in the order of their submission."""
        due = time_in(3)
        submitted = [self.server.submit(value(n), run_at=due) for n in range(MANY)]
        tasks = [self.server.wait(task["id"]) for task in submitted]
        self.assertEqual([task["result"] for task in tasks], list(range(MANY)))
        for task in tasks:
            self.assert_began_in_time(task)
        began = [task["started_at"] for task, then in zip(tasks, submitted) if then["state"] == "pending"]
        self.assertEqual(began, sorted(began))


class Groups(WithServer):
    def group(self, **fields):
        return self.server.post("/v1/groups", fields).json["id"]

    def add(self, group, spec, **fields):
        answer = self.server.post(f"/v1/groups/{group}/tasks", {"spec": spec, **fields})
        self.assertEqual(answer.status, 202, answer)
        return answer.json["id"]

    def finish(self, group):
        answer = self.server.post(f"/v1/groups/{group}/close?wait={awaitd.PATIENCE}")
        self.assertEqual(answer.status, 200, answer)
        return answer.json

    def counts(self, group):
        counts = self.server.get(f"/v1/groups/{group}").json["counts"]
        return counts["pending"], counts["running"]

    def test_a_pending_task_keeps_it_open(self):
        group = self.group()
        self.add(group, value(1), delay=0.5)
        self.add(group, value(2))
        self.assertEqual(self.counts(group)[0], 1)
        finished = self.finish(group)
        self.assertEqual((finished["state"], finished["result"]), ("succeeded", [1, 2]))

    def test_it_runs_when_it_has_begun(self):
        group = self.group()
        id = self.add(group, FOREVER, delay=0.05)
        awaitd.until(lambda: self.server.task(id)["state"] == "running", "it begins")
        awaitd.until(lambda: self.counts(group) == (0, 1), "the group knows")
        self.server.post(f"/v1/groups/{group}/cancel")
        self.server.wait(id)

    def test_a_cancel_reaches_it(self):
        group = self.group()
        id = self.add(group, value(1), delay=HOUR)
        self.assertEqual(self.server.post(f"/v1/groups/{group}/cancel").status, 202)
        task = self.server.wait(id)
        self.assertEqual((task["state"], task["started_at"]), ("cancelled", None))
        self.assertEqual(self.finish(group)["state"], "cancelled")

    def test_a_failure_cancels_it(self):
        group = self.group()
        id = self.add(group, value(1), run_at=time_in(HOUR))
        self.add(group, {"op": "raise", "type": "ValueError"})
        self.assertEqual(self.server.wait(id)["state"], "cancelled")
        self.assertEqual(self.finish(group)["state"], "failed")


class Restart(unittest.TestCase):
    def setUp(self):
        self.server = awaitd.Server()
        self.addCleanup(self.server.close)

    def tearDown(self):
        self.server.stop()

    def submit(self, spec=None, **fields):
        return self.server.submit(spec or value(1), **fields)

    def assert_still_pending(self, *tasks):
        for task in tasks:
            now = self.server.task(task["id"])
            self.assertEqual((now["state"], now["run_at"]), ("pending", task["run_at"]))

    def test_kill_and_drain(self):
        """What is due later waits on; what was due meanwhile begins at once, in the order of its times."""
        later = [self.submit(delay=HOUR), self.submit(run_at=time_in(HOUR)), self.submit(touch("/"), delay=HOUR)]
        soon = [self.submit(value(delay), delay=delay) for delay in (1.2, 1.1, 1.0)]
        soon.append(self.submit(value("at"), run_at=time_in(1.0)))
        self.server.kill()
        self.server.start()
        self.assert_still_pending(*later)
        tasks = [self.server.wait(task["id"]) for task in soon]
        self.assertEqual([task["result"] for task in tasks], [1.2, 1.1, 1.0, "at"])
        for task in tasks:
            self.assertGreaterEqual(at(task["started_at"]), at(task["run_at"]))
        began = [task["started_at"] for task in tasks[2::-1]]
        self.assertEqual(began, sorted(began))
        self.server.restart()
        self.assert_still_pending(*later)
        for task in later:
            self.server.cancel(task["id"])
            self.assertEqual(self.server.wait(task["id"])["started_at"], None)

    def test_overdue(self):
        """The server is away when they are due."""
        tasks = [self.submit(value(n), delay=1.0 - n / 10, timeout=HOUR) for n in range(5)]
        self.server.kill()
        due = max(at(task["run_at"]) for task in tasks)
        awaitd.until(lambda: datetime.datetime.now(datetime.timezone.utc) > due, "they are due")
        self.server.start()
        ended = [self.server.wait(task["id"]) for task in tasks]
        self.assertEqual([task["result"] for task in ended], list(range(5)))
        began = [task["started_at"] for task in reversed(ended)]
        self.assertEqual(began, sorted(began))
        self.assertAlmostEqual(seconds_between(ended[0]["started_at"], ended[0]["deadline"]), HOUR, places=5)

    def test_futures_that_were_set_before(self):
        """Through a stop before it begins, and one after."""
        spec = sequence({"op": "future", "name": "a"}, log("a"), {"op": "future", "name": "b"})
        id = self.submit(spec, delay=1)["id"]
        self.assertEqual(self.server.post(f"/v1/tasks/{id}/futures/a", {"result": 7}).status, 200)
        self.server.kill()
        self.server.start()
        self.assertEqual(self.server.post(f"/v1/tasks/{id}/futures/a", {"result": 8}).status, 409)
        awaitd.until(lambda: self.server.messages(id) == ["a"], "it begins, and has the value")
        self.server.kill()
        self.server.start()
        self.assertEqual(self.server.post(f"/v1/tasks/{id}/futures/b", {"result": 9}).status, 200)
        self.assertEqual(self.server.wait(id)["result"], 9)
        self.assertEqual(self.server.messages(id), ["a"])

    def test_a_group_that_aborts(self):
        """It has heard of the failure; its pending task is told at the next start at the latest."""
        group = self.server.post("/v1/groups", {}).json["id"]
        add = lambda **fields: self.server.post(f"/v1/groups/{group}/tasks", fields).json["id"]
        id = add(spec=value(1), delay=HOUR)
        add(spec={"op": "raise", "type": "ValueError"})
        self.server.kill()
        self.server.start()
        task = self.server.wait(id)
        self.assertEqual((task["state"], task["started_at"]), ("cancelled", None))

    def test_a_group_that_waits(self):
        """Its timeout is a duration, too."""
        group = self.server.post("/v1/groups", {"timeout": 1.5 * HOUR}).json["id"]
        state = lambda: self.server.get(f"/v1/groups/{group}").json["state"]
        for seconds in (-HOUR, -10 * 365 * 24 * HOUR, HOUR):
            self.reboot(seconds)
            self.assertEqual(state(), "open")
        self.reboot(HOUR)
        ended = self.server.get(f"/v1/groups/{group}?wait={awaitd.PATIENCE}").json
        self.assertEqual((ended["state"], ended["error"]["type"]), ("failed", "TimeoutError"))

    def test_cancelled(self):
        task = self.submit(delay=HOUR)
        self.assertEqual(self.server.cancel(task["id"], "no").status, 202)
        self.server.kill()
        self.server.start()
        now = self.server.wait(task["id"])
        self.assertEqual((now["state"], now["error"]["message"], now["started_at"]), ("cancelled", "no", None))

    def test_begun(self):
        """From then on it is a running task as any other."""
        task = self.submit(FOREVER, delay=0.1, timeout=HOUR)
        begun = awaitd.until(lambda: self.server.task(task["id"])["started_at"] and self.server.task(task["id"]),
                             "it begins")
        self.server.kill()
        self.server.start()
        now = self.server.task(task["id"])
        self.assertEqual((now["state"], now["started_at"], now["deadline"]),
                         ("running", begun["started_at"], begun["deadline"]))

    def reboot(self, wall_seconds):
        """Down, and up after a reboot over which the wall clock went so far. (It goes by the other side of it.)"""
        self.server.kill()
        wall = int((time.time() - wall_seconds) * 1e6)
        with sqlite3.connect(self.server.db) as db:
            self.assertEqual(db.execute("UPDATE clock SET boot = 'another', wall = ?", (wall,)).rowcount, 1)
        db.close()
        self.server.start()
        self.server.run(value(1))  # a commit, which writes the clock down

    def test_reboot(self):
        """A delay goes on by how far the wall clock went, and is not early when that went back."""
        task, other = self.submit(delay=1.5 * HOUR), self.submit(run_at=time_in(HOUR))
        for seconds in (-HOUR, -10 * 365 * 24 * HOUR, HOUR):
            self.reboot(seconds)
            self.assert_still_pending(task, other)
        self.reboot(HOUR)
        self.assertEqual(self.server.wait(task["id"])["state"], "succeeded")
        self.assert_still_pending(other)


if __name__ == "__main__":
    unittest.main()
