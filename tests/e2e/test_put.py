"""PUT of a task under an id of one's own."""

import collections
import random
import time
import unittest
import uuid

import awaitd

NAP = {"op": "sleep", "seconds": 0.05, "result": "slept"}
FOREVER = {"op": "sleep", "seconds": 3600}


def make_id(at=None):
    """A UUIDv7."""
    number = int((at or time.time()) * 1000) << 80 | 7 << 76 | random.getrandbits(12) << 64 | 2 << 62 | random.getrandbits(62)
    return str(uuid.UUID(int=number))


class Put(unittest.TestCase):
    def setUp(self):
        self.server = awaitd.Server()
        self.addCleanup(self.server.close)

    def put(self, id, body, target="", **headers):
        return self.server.request("PUT", f"/v1/tasks/{id}{target}", body, {"If-None-Match": "*", **headers})

    def test_put(self):
        id, body = make_id(), {"spec": FOREVER, "name": "mine", "labels": {"a": "b"}}
        answer = self.put(id, body)
        self.assertEqual((answer.status, answer.headers["Location"]), (201, f"/v1/tasks/{id}"))
        self.assertEqual((answer.json["id"], answer.json["state"], answer.json["name"]), (id, "running", "mine"))
        self.assertEqual(answer.body, self.server.get(f"/v1/tasks/{id}").body)
        self.assertEqual(self.put(id, body).status, 412)
        self.assertEqual(self.put(id, {"spec": NAP}).status, 412)
        self.server.cancel(id)
        self.server.wait(id)
        self.assertEqual(self.put(id, body).status, 412)
        self.assertEqual(self.server.delete(f"/v1/tasks/{id}").status, 204)
        self.assertEqual(self.put(id.upper(), {"spec": NAP}).status, 201)
        self.assertEqual(self.server.wait(id)["result"], "slept")
        self.server.stop()

    def test_wait(self):
        answer = self.put(make_id(), {"spec": NAP}, "?wait=60")
        self.assertEqual((answer.status, answer.json["result"]), (201, "slept"))
        answer = self.put(make_id(), {"spec": FOREVER}, Prefer="wait=0.01")
        self.assertEqual((answer.status, answer.json["state"]), (201, "running"))
        self.assertEqual(answer.headers["Preference-Applied"], "wait=0.01")
        self.server.stop()

    def test_condition(self):
        id = make_id()
        for condition in None, "", '"abc"', "*, *":
            answer = self.put(id, {"spec": NAP}, **{"If-None-Match": condition})
            self.assertEqual(answer.status, 428)
            self.assertIn("If-None-Match: *", answer.json["detail"])
        self.assertEqual(self.server.get(f"/v1/tasks/{id}").status, 404)
        self.server.stop()

    def test_bad(self):
        for id in "1", str(uuid.uuid4()), str(uuid.UUID(int=uuid.UUID(make_id()).int & ~(3 << 62))), make_id() + "0":
            answer = self.put(id, {"spec": NAP})
            self.assertEqual(answer.status, 422)
            self.assertIn("UUIDv7", answer.json["detail"])
        id = make_id()
        self.assertEqual(self.put(id, {"spec": {"op": "nonsense"}}).status, 422)
        self.assertEqual(self.put(id, b"{").status, 400)
        self.assertEqual(self.put(id, {"spec": NAP, "loop": "unknown"}).status, 422)
        self.assertEqual(self.put(id, {"spec": NAP}, "?nonsense=1").status, 400)
        self.assertEqual(self.put(id, {"spec": NAP}, **{"Idempotency-Key": ""}).status, 201)  # which means nothing here
        self.server.stop()

    def test_order(self):
        """Lists are in the order of the ids."""
        now = time.time()
        old, new = make_id(now - 1000), make_id(now + 1000)
        self.put(new, {"spec": NAP})
        middle = self.server.submit(NAP)["id"]
        self.put(old, {"spec": NAP})
        self.assertEqual([task["id"] for task in self.server.list()], [new, middle, old])
        self.server.stop()

    def check_at_once(self, spec, target=""):
        id = make_id()
        answers = awaitd.at_once(16, lambda number: self.put(id, {"spec": spec, "name": str(number)}, target))
        statuses = collections.Counter(answer.status for answer in answers)
        self.assertEqual(statuses, {201: 1, 412: 15})
        made = next(answer for answer in answers if answer.status == 201)
        self.assertEqual(self.server.task(id)["name"], made.json["name"])
        return id

    def test_at_once(self):
        for _ in range(5):
            for spec in NAP, {"op": "value", "value": 1}, {"op": "subprocess", "argv": ["true"]}:
                id = self.check_at_once(spec)
                self.assertEqual(self.server.wait(id)["state"], "succeeded")
            self.check_at_once(NAP, "?wait=60")
            id = self.check_at_once({"op": "log", "message": "said"})
            self.server.wait(id)
            self.assertEqual(self.server.messages(id), ["said"])
            id = self.check_at_once(FOREVER)
            self.assertEqual(self.server.cancel(id).status, 202)
            self.assertEqual(self.server.wait(id)["state"], "cancelled")
        self.assertEqual(self.server.get("/healthz").json["open_tasks"], 0)
        self.server.stop()

    def test_at_once_and_wait(self):
        """Whoever is answered can wait for the task: there is only one of that id at any time."""
        def act(number):
            status = self.put(id, {"spec": NAP, "name": str(number)}).status
            return status, self.server.wait(id)["result"]

        for _ in range(30):
            id = make_id()
            results = collections.Counter(awaitd.at_once(16, act))
            self.assertEqual(results, {(201, "slept"): 1, (412, "slept"): 15})
        self.server.stop()

    def test_at_once_and_refused(self):
        """Whoever waits for another one's refusal gets his turn."""
        id = make_id()
        answers = awaitd.at_once(16, lambda number: self.put(id, {"spec": NAP, "loop": "unknown" if number % 2 else "main"}))
        statuses = collections.Counter(answer.status for answer in answers)
        self.assertEqual(statuses[201], 1)
        self.assertEqual(statuses[412] + statuses[422], 15)
        self.assertGreaterEqual(statuses[412], 7)
        self.server.stop()

    def test_kill(self):
        id = make_id()
        self.assertEqual(self.put(id, {"spec": {"op": "sleep", "seconds": 0.1, "result": 1}}).status, 201)
        self.server.kill()
        self.server.start()
        self.assertEqual(self.put(id, {"spec": NAP}).status, 412)
        self.assertEqual(self.server.wait(id)["result"], 1)
        self.server.stop()

    def test_too_many(self):
        server = awaitd.Server("--max-open-tasks", "1")
        self.addCleanup(server.close)
        self.server.stop()
        self.server = server
        self.assertEqual(self.put(make_id(), {"spec": FOREVER}).status, 201)
        id = make_id()
        self.assertEqual({answer.status for answer in awaitd.at_once(8, lambda _: self.put(id, {"spec": NAP}))}, {503})
        self.server.cancel(self.server.list()[0]["id"])
        self.server.wait(self.server.list()[0]["id"])
        self.assertEqual(self.put(id, {"spec": NAP}, "?wait=60").status, 201)
        self.server.stop()


if __name__ == "__main__":
    unittest.main()
