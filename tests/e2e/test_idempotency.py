"""Requests that are repeated with an Idempotency-Key."""

import collections
import json
import pathlib
import random
import tempfile
import threading
import time
import unittest

import awaitd

NAP = {"op": "sleep", "seconds": 0.05, "result": "slept"}
FOREVER = {"op": "sleep", "seconds": 3600}
NOBODY = "01980e5a-6f2b-7c3d-9e4f-0123456789ab"
KEPT = ("Content-Type", "Location", "ETag")  # of the first answer's header fields


class Case(unittest.TestCase):
    def setUp(self):
        self.server = awaitd.Server()
        self.addCleanup(self.server.close)

    def post(self, key, body, target="/v1/tasks", **headers):
        return self.server.request("POST", target, body, {"Idempotency-Key": key, **headers})

    def check_same(self, first, again):
        self.assertEqual(first.headers["Idempotency-Replayed"], None)
        self.assertEqual(again.headers["Idempotency-Replayed"], "true")
        self.assertEqual((again.status, again.body), (first.status, first.body))
        self.assertEqual([again.headers[name] for name in KEPT], [first.headers[name] for name in KEPT])

    def count(self):
        return len(self.server.list())


class Keys(Case):
    def test_again(self):
        """The first answer, in whatever state the task is by now."""
        body = {"spec": FOREVER, "name": "a \"name\"", "labels": {"a": "b"}, "timeout": 1000}
        first = self.post("key", body)
        self.assertEqual(first.status, 202)
        id = first.json["id"]
        self.check_same(first, self.post("key", body))
        self.server.post(f"/v1/tasks/{id}/reschedule", {"seconds": 2000})
        self.check_same(first, self.post("key", body))
        self.server.cancel(id)
        self.assertEqual(self.server.wait(id)["state"], "cancelled")
        self.check_same(first, self.post("key", body))
        self.assertEqual(self.server.delete(f"/v1/tasks/{id}").status, 204)
        self.check_same(first, self.post("key", body))
        self.assertEqual(self.server.get(f"/v1/tasks/{id}").status, 404)
        self.assertEqual(self.count(), 0)
        self.server.stop()

    def test_the_answer_is_as_without_a_key(self):
        body = {"spec": FOREVER, "name": "n"}
        with_key, without = self.post("key", body), self.server.post("/v1/tasks", body)
        self.assertEqual(with_key.headers.keys(), without.headers.keys())
        self.assertEqual(list(with_key.json), list(without.json))
        self.assertEqual(with_key.headers["ETag"], self.server.get(with_key.headers["Location"]).headers["ETag"])
        self.server.stop()

    def test_another_request(self):
        first = self.post("key", {"spec": NAP})
        for target, body in [
                ("/v1/tasks", {"spec": FOREVER}),
                ("/v1/tasks", {"spec": NAP, "name": "a"}),
                ("/v1/tasks", {"spec": {**NAP, "op": "nonsense"}}),
                ("/v1/loops/main/run_until_complete", {"spec": NAP}),
                (f"/v1/groups/{NOBODY}/tasks", {"spec": NAP}),
                ("/v1/groups", {"name": "a"}),
                ("/v1/groups", None)]:
            with self.subTest(target, body=body):
                answer = self.post("key", body, target)
                self.assertEqual(answer.status, 422)
                self.assertIn("used for another request", answer.json["detail"])
        self.check_same(first, self.post("key", {"spec": NAP}))
        self.assertEqual(self.count(), 1)
        self.server.stop()

    def test_the_same_request(self):
        """The query, blanks, escapes and other header fields do not make it another one; the order of members does."""
        first = self.post("key", b'{"spec":{"op":"value","value":[1,"\xc3\xa9"]},"name":"a"}')
        again = b' {"spec" : {"op": "value", "value": [1,\n"\\u00e9"]}, "n\\u0061me": "a"} '
        self.check_same(first, self.post("key", again, traceparent="00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"))
        self.check_same(first, self.post("key", again, **{"Content-Type": "application/x-www-form-urlencoded"}))
        self.assertEqual(self.post("key", again, "/v1/tasks?wait=60").status, 200)
        other = b'{"name":"a","spec":{"op":"value","value":[1,"\xc3\xa9"]}}'
        self.assertEqual(self.post("key", other).status, 422)
        self.server.stop()

    def test_keys(self):
        """Which are keys at all, and which are the same."""
        body = {"spec": NAP}
        first = self.post("a b", body)
        self.check_same(first, self.post('"a b"', body))
        for key in "a", "A b", "a  b", "'a b'", "x" * 255, '"' + "x" * 255 + '!"'[1:]:
            with self.subTest(key):
                answer = self.post(key, body)
                self.assertEqual(answer.status, 202)
        for key in "", '""', '"a', "x" * 256, "h\xe9", "a\tb", '"a\\b"', '"a" "b"':
            with self.subTest(key):
                answer = self.post(key, body)
                self.assertEqual(answer.status, 400)
                self.assertIn("Idempotency-Key", answer.json["detail"])
        self.server.stop()

    def test_twice_in_one_request(self):
        answer = self.server.raw(b"POST /v1/tasks HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n"
                                 b"Idempotency-Key: a\r\nIdempotency-Key: a\r\n\r\n{}")
        self.assertIn(b"400 Bad Request", answer)
        self.assertIn(b"Idempotency-Key is given twice", answer)
        self.server.stop()

    def test_refused_requests_leave_no_key(self):
        for body in {"spec": {"op": "nonsense"}}, {"spec": NAP, "loop": "unknown"}, {}:
            self.assertEqual(self.post("key", body).status, 422)
        self.assertEqual(self.post("key", {"spec": NAP}, f"/v1/groups/{NOBODY}/tasks").status, 404)
        self.assertEqual(self.post("key", {"spec": NAP}, "/v1/loops/unknown/run_until_complete").status, 404)
        self.assertEqual(self.post("key", {"spec": NAP}).status, 202)
        self.server.stop()

    def test_too_many(self):
        server = awaitd.Server("--max-open-tasks", "1")
        self.addCleanup(server.close)
        first = server.submit(FOREVER)["id"]
        post = lambda: server.request("POST", "/v1/tasks", {"spec": NAP}, {"Idempotency-Key": "key"})
        self.assertEqual({answer.status for answer in awaitd.at_once(8, lambda _: post())}, {503})
        server.cancel(first)
        server.wait(first)
        self.assertEqual(post().status, 202)
        server.stop()
        self.server.stop()

    def test_the_definitions_may_have_changed(self):
        self.server.define("nap", NAP)
        body = {"spec": {"op": "call", "coroutine": "nap"}}
        first = self.post("key", body)
        self.assertEqual(first.status, 202, first)
        self.assertEqual(self.server.wait(first.json["id"])["result"], "slept")
        self.assertEqual(self.server.delete("/v1/coroutines/nap").status, 204)
        self.assertEqual(self.post("another", body).status, 422)
        self.check_same(first, self.post("key", body))
        self.server.stop()

    def test_other_requests_do_not_mind_it(self):
        first = self.post("key", {"spec": FOREVER})
        self.assertEqual(self.server.get("/v1/tasks", Idempotency_Key="").status, 200)
        self.assertEqual(self.post("key", {"message": "m"}, first.headers["Location"] + "/cancel").status, 202)
        self.assertEqual(self.post("", None, first.headers["Location"] + "/cancel").status, 409)
        self.assertEqual(self.post("key", {"name": "other"}, "/v1/loops").status, 201)
        self.server.stop()


class Waits(Case):
    def test_again_with_a_wait(self):
        body = {"spec": {"op": "future", "name": "f"}}
        first = self.post("key", body)
        id = first.json["id"]
        soon = self.post("key", body, "/v1/tasks?wait=0.01")
        self.assertEqual((soon.status, soon.json["state"], soon.json["id"]), (202, "running", id))
        results = []
        waits = threading.Thread(target=lambda: results.append(self.post("key", body, Prefer="wait=60")))
        waits.start()
        while self.server.post(f"/v1/tasks/{id}/futures/f", {"result": 7}).status == 409:
            pass  # not yet awaited
        waits.join()
        self.assertEqual((results[0].status, results[0].json["result"]), (200, 7))
        self.assertEqual(results[0].headers["Idempotency-Replayed"], "true")
        self.assertEqual(results[0].headers["Preference-Applied"], "wait=60")
        self.assertEqual(results[0].body, self.server.get(f"/v1/tasks/{id}").body)
        self.check_same(first, self.post("key", body))
        self.server.delete(f"/v1/tasks/{id}")
        gone = self.post("key", body, "/v1/tasks?wait=60")
        self.assertEqual((gone.status, gone.body), (202, first.body))
        self.server.stop()

    def test_first_with_a_wait(self):
        body = {"spec": NAP}
        first = self.post("key", body, "/v1/tasks?wait=60")
        self.assertEqual((first.status, first.json["result"]), (200, "slept"))
        self.check_same(first, self.post("key", body, "/v1/tasks?wait=60"))
        again = self.post("key", body)
        self.assertEqual((again.status, again.json["state"], again.json["id"]), (202, "running", first.json["id"]))
        self.server.stop()

    def test_run_until_complete(self):
        target, body = "/v1/loops/main/run_until_complete", {"spec": NAP}
        first = self.post("key", body, target)
        self.assertEqual((first.status, first.json["result"]), (200, "slept"))
        self.check_same(first, self.post("key", body, target))
        self.assertEqual(self.post("key", body, "/v1/loops/other/run_until_complete").status, 422)
        self.assertEqual(self.count(), 1)
        self.server.stop()


class Groups(Case):
    def test_group(self):
        for key, body in ("a", {"name": "g", "timeout": 1000}), ("b", {}), ("c", None):
            with self.subTest(body=body):
                first = self.post(key, body, "/v1/groups")
                self.assertEqual(first.status, 201)
                self.check_same(first, self.post(key, body, "/v1/groups"))
                self.server.post(first.headers["Location"] + "/close")
                self.server.get(first.headers["Location"] + "?wait=60")
                self.check_same(first, self.post(key, body, "/v1/groups"))
        self.assertEqual(len(self.server.get("/v1/groups").json["groups"]), 3)
        self.server.stop()

    def test_the_answer_is_as_without_a_key(self):
        body = {"name": "n", "timeout": 1000}
        with_key, without = self.post("key", body, "/v1/groups"), self.server.post("/v1/groups", body)
        self.assertEqual(with_key.headers.keys(), without.headers.keys())
        self.assertEqual(list(with_key.json), list(without.json))
        seen = self.server.get(with_key.headers["Location"])
        self.assertEqual((seen.body, seen.headers["ETag"]), (with_key.body, with_key.headers["ETag"]))
        self.server.stop()

    def test_tasks(self):
        """Also when the group has finished."""
        group = self.server.post("/v1/groups").headers["Location"]
        target, body = group + "/tasks", {"spec": NAP}
        first = self.post("key", body, target)
        self.assertEqual((first.status, first.json["group"]), (202, group.rpartition("/")[2]))
        self.check_same(first, self.post("key", body, target))
        self.server.post(group + "/close")
        self.check_same(first, self.post("key", body, target))
        self.assertEqual(self.post("another", body, target).status, 409)
        self.assertEqual(self.server.get(group + "?wait=60").json["result"], ["slept"])
        self.check_same(first, self.post("key", body, target))
        self.server.stop()

    def test_at_once(self):
        opened = awaitd.at_once(16, lambda _: self.post("a", {"name": "g"}, "/v1/groups"))
        self.assertEqual({answer.status for answer in opened}, {201})
        self.assertEqual(len({answer.body for answer in opened}), 1)
        group = opened[0].headers["Location"]
        made = awaitd.at_once(16, lambda _: self.post("b", {"spec": NAP}, group + "/tasks"))
        self.assertEqual(len({answer.body for answer in made}), 1)
        self.server.post(group + "/close")
        self.assertEqual(self.server.get(group + "?wait=60").json["result"], ["slept"])
        self.server.stop()


class AtOnce(Case):
    """Many send the same request before any of them is answered."""

    def test_one_task(self):
        """Whatever the job is: with effects or without, over at once or not, with lines in its log."""
        jobs = [NAP, FOREVER, {"op": "value", "value": 1}, {"op": "log", "message": "said"},
                {"op": "raise", "type": "ValueError"}, {"op": "subprocess", "shell": 'echo >>"$FILE"', "env": {}}]
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = pathlib.Path(folder.name, "file")
        jobs[-1]["env"]["FILE"] = str(path)
        for round in range(4):
            for number, spec in enumerate(jobs):
                key, body = f"{round} {number}", {"spec": spec, "name": f"{round} {number}"}
                answers = awaitd.at_once(16, lambda _: self.post(key, body))
                self.assertEqual({answer.status for answer in answers}, {202})
                self.assertEqual(len({answer.body for answer in answers}), 1)
                replayed = collections.Counter(answer.headers["Idempotency-Replayed"] for answer in answers)
                self.assertEqual(replayed, {None: 1, "true": 15})
                self.assertEqual(len(self.server.list(f"name={round}+{number}")), 1)
        for task in self.server.list():
            if self.server.task(task["id"])["name"][-1] == "1":
                self.server.cancel(task["id"])
            self.server.wait(task["id"])
            if task["name"][-1] == "3":
                self.assertEqual(self.server.messages(task["id"]), ["said"])
        self.assertEqual(path.read_text(), "\n" * 4)
        self.assertEqual(self.server.get("/healthz").json["open_tasks"], 0)
        self.server.stop()

    def test_all_wait(self):
        answers = awaitd.at_once(16, lambda _: self.post("key", {"spec": NAP}, "/v1/tasks?wait=60"))
        self.assertEqual({answer.status for answer in answers}, {200})
        self.assertEqual(len({answer.body for answer in answers}), 1)
        self.assertEqual(self.count(), 1)
        self.server.stop()

    def test_two_requests(self):
        """The same key for two different ones: one of them wins."""
        for round in range(8):
            answers = awaitd.at_once(16, lambda number: self.post(f"key {round}", {"spec": NAP, "name": "ab"[number % 2]}))
            by_status = collections.defaultdict(set)
            for number, answer in enumerate(answers):
                by_status[answer.status].add("ab"[number % 2])
            self.assertEqual(by_status.keys(), {202, 422})
            self.assertEqual([len(names) for names in by_status.values()], [1, 1])
        self.assertEqual(self.count(), 8)
        self.server.stop()

    def test_many_keys(self):
        """Thousands of requests, each of them sent by several clients in some order, over connections that stay open."""
        keys, clients = 300, 8

        def act(number):
            chance, connection = random.Random(number), self.server.open_http()
            order, found = list(range(keys)), {}
            chance.shuffle(order)
            for key in order[:keys // 2] + list(range(keys // 2)):
                answer = self.server.request("POST", "/v1/tasks", {"spec": {"op": "value", "value": key}},
                                             {"Idempotency-Key": f"key {key}"}, connection)
                self.assertEqual(answer.status, 202)
                self.assertEqual(found.setdefault(key, answer.body), answer.body)
            connection.close()
            return found

        all_found = {}
        for found in awaitd.at_once(clients, act):
            for key, body in found.items():
                self.assertEqual(all_found.setdefault(key, body), body)
        self.assertEqual(sorted(task["id"] for task in self.server.list("limit=1000")),
                         sorted(json.loads(body)["id"] for body in all_found.values()))
        self.server.stop()


class Memory(AtOnce):
    """The same, without a database."""

    def setUp(self):
        self.server = awaitd.Server(db=":memory:")
        self.addCleanup(self.server.close)


class Restarts(Case):
    def test_kill(self):
        """Once it was answered, both the task and its key are there."""
        body = {"spec": {"op": "sleep", "seconds": 0.2, "result": 1}}
        first = self.post("key", body)
        group = self.post("group", {"name": "g"}, "/v1/groups")
        self.server.kill()
        self.server.start()
        self.check_same(first, self.post("key", body))
        self.check_same(group, self.post("group", {"name": "g"}, "/v1/groups"))
        ended = self.post("key", body, "/v1/tasks?wait=60")
        self.assertEqual((ended.status, ended.json["result"], ended.json["id"]), (200, 1, first.json["id"]))
        self.assertEqual(self.post("key", {"spec": NAP}).status, 422)
        self.assertEqual(self.count(), 1)
        self.server.restart()
        self.check_same(first, self.post("key", body))
        self.server.stop()

    def test_kill_in_flight(self):
        """Clients that repeat until they are answered, while the server is killed again and again: one task for each."""
        n, is_over, answers = 6, threading.Event(), {}

        def client(number):
            count = 0
            while not is_over.is_set():
                key, answer = f"{number} {count}", None
                while answer is None and not is_over.is_set():
                    try:
                        answer = self.post(key, {"spec": {"op": "value", "value": key}, "name": key})
                    except OSError:
                        time.sleep(0.01)
                    except Exception as error:  # http.client's, of an answer that was cut off
                        self.assertEqual(type(error).__module__, "http.client", error)
                if answer:
                    self.assertEqual(answer.status, 202)
                    answers[key] = answer.json["id"]
                    count += 1

        threads = threading.Thread(target=lambda: awaitd.at_once(n, client))
        threads.start()
        for kill in range(5):
            seen = len(answers)
            awaitd.until(lambda: len(answers) >= seen + 50, "answers")
            self.server.kill()
            self.server.start()
        is_over.set()
        threads.join()
        found = collections.defaultdict(list)
        for task in self.server.list("limit=1000"):
            found[task["name"]].append(task["id"])
        self.assertEqual([ids for ids in found.values() if len(ids) != 1], [])
        self.assertEqual([key for key, id in answers.items() if found[key] != [id]], [])
        self.server.stop()


if __name__ == "__main__":
    unittest.main()
