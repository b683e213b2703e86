"""kill -9 under load: what was acknowledged is there afterwards and ends; what was seen finished stays as it was.

    AWAITD_SEED=17 python3 -m unittest test_crash
"""

import http.client
import json
import os
import pathlib
import random
import signal
import threading
import time
import unittest

import awaitd

TASKS = 1000
KILLS = 3
CLIENTS = 4


def make_spec(chance):
    """A job of some kind, most of them short."""
    leaf = chance.choice([
        {"op": "value", "value": chance.random()},
        {"op": "log", "message": "a line"},
        {"op": "sleep", "seconds": 0},
        {"op": "sleep", "seconds": chance.random() / 20, "result": "slept"},
        {"op": "sleep", "seconds": chance.random()},
        {"op": "raise", "type": "ValueError", "message": "no luck"},
    ])
    return chance.choice([
        leaf,
        {"op": "sequence", "steps": [{"op": "log", "message": "begin"}, leaf]},
        {"op": "gather", "tasks": [leaf, {"op": "value", "value": 2}]},
        {"op": "sequence", "steps": [{"op": "create_task", "name": "a", "body": leaf}, {"op": "sleep", "seconds": 0.01}]},
        {"op": "timeout", "seconds": 0.02, "body": leaf},
    ])


class Load:
    """Clients that submit tasks and look at them, until the server goes away."""

    def __init__(self, server, specs, kill_after):
        self.server = server
        self.specs = specs            # (name, spec) of those that are still to be submitted
        self.kill_after = kill_after  # acknowledgements
        self.lock = threading.Lock()
        self.is_over = threading.Event()
        self.acknowledged = {}        # id -> name
        self.finished = {}            # id -> the body that was seen, the last task of a connection's
        self.failures = []

    def run(self):
        """To the kill. Returns when all clients have noticed."""
        threads = [threading.Thread(target=self.client, args=(number,)) for number in range(CLIENTS)]
        for thread in threads:
            thread.start()
        if not self.is_over.wait(awaitd.PATIENCE):
            self.failures.append("there were not enough answers")
        self.server.kill()
        for thread in threads:
            thread.join()

    def client(self, number):
        connection = self.server.open_http()
        try:
            while not self.is_over.is_set() or number % 2:
                with self.lock:
                    name, spec = self.specs.pop()
                self.submit(connection, name, spec, wait=number == 0)
                if number == 1:
                    self.look(connection)
        except (OSError, http.client.HTTPException):
            pass  # the kill
        except IndexError:
            self.is_over.set()  # nothing left to submit
        except Exception as error:
            self.failures.append(repr(error))
            self.is_over.set()
        finally:
            connection.close()

    def submit(self, connection, name, spec, wait):
        headers = {"Prefer": "wait=2"} if wait else {}
        answer = self.server.request("POST", "/v1/tasks", {"name": name, "spec": spec}, headers, connection)
        assert answer.status in (200, 202), answer
        with self.lock:
            self.acknowledged[answer.json["id"]] = name
            if answer.status == 200:
                self.finished[answer.json["id"]] = answer.body
            if len(self.acknowledged) == self.kill_after:
                self.is_over.set()

    def look(self, connection):
        """A task that this test knows of, as it is now."""
        with self.lock:
            id = random.choice(list(self.acknowledged))
        answer = self.server.request("GET", f"/v1/tasks/{id}", connection=connection)
        assert answer.status == 200, answer
        if answer.json["done"]:
            with self.lock:
                assert self.finished.setdefault(id, answer.body) == answer.body, "a finished task has changed"


class Crash(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.seed = int(os.environ.get("AWAITD_SEED") or random.randrange(1 << 32))
        print(f"AWAITD_SEED={self.seed}")
        self.server = awaitd.Server()
        self.addCleanup(self.server.close)

    def test_kill_under_load(self):
        chance = random.Random(self.seed)
        random.seed(self.seed)
        specs = [(f"job {number}", make_spec(chance)) for number in range(TASKS)]
        names = {name for name, _ in specs}
        acknowledged, finished = {}, {}
        for kill in range(KILLS):
            load = Load(self.server, specs, kill_after=chance.randint(50, TASKS // KILLS))
            load.run()
            self.assertEqual(load.failures, [])
            acknowledged.update(load.acknowledged)
            finished.update(load.finished)
            self.server.start()
            self.check(acknowledged, finished, names)
        while specs:
            name, spec = specs.pop()
            acknowledged[self.server.submit(spec, name=name)["id"]] = name
        self.check_ends(acknowledged, finished)
        self.check(acknowledged, finished, names)
        self.assertTrue(finished)
        self.server.stop()

    def check(self, acknowledged, finished, names):
        """All that was acknowledged is there, and nothing else than what was asked for."""
        listed = {task["id"]: task["name"] for task in self.server.list("limit=1000")}
        self.assertEqual({id: listed.get(id) for id in acknowledged}, acknowledged)
        self.assertLessEqual(set(listed.values()), names)
        self.assertEqual(len(set(listed.values())), len(listed), "a task was submitted once and is there twice")
        connection = self.server.open_http()
        for id, body in finished.items():
            answer = self.server.request("GET", f"/v1/tasks/{id}", connection=connection)
            self.assertEqual(answer.body, body)
        connection.close()

    def check_ends(self, acknowledged, finished):
        connection = self.server.open_http()
        for id in acknowledged:
            answer = self.server.request("GET", f"/v1/tasks/{id}?wait={awaitd.PATIENCE}", connection=connection)
            self.assertTrue(answer.json["done"], answer)
            finished[id] = answer.body
        connection.close()

    def test_kill_during_the_start(self):
        """A start that is cut off leaves everything as it was."""
        ids = [self.server.submit({"op": "sleep", "seconds": 0.5, "result": number})["id"] for number in range(200)]
        chance = random.Random(self.seed)
        for _ in range(5):
            self.server.kill()
            self.server.launch()
            time.sleep(chance.random() * 0.1)
            self.server.kill()
            self.server.start()
            self.assertEqual(sorted(task["id"] for task in self.server.list("limit=1000")), ids)
        self.assertEqual([self.server.wait(id)["result"] for id in ids], list(range(200)))
        self.server.stop()


class Leftovers(unittest.TestCase):
    def setUp(self):
        self.server = awaitd.Server()
        self.addCleanup(self.server.close)

    def spawner(self):
        for pid in pathlib.Path(f"/proc/{self.server.pid}/task/{self.server.pid}/children").read_text().split():
            if pathlib.Path(f"/proc/{pid}/comm").read_text() == "awaitd-spawner\n":
                return int(pid)
        raise AssertionError("no spawner")

    def test_the_next_server_waits(self):
        """Until nothing runs any more of what the one before had started, which a leaf that runs again would meet."""
        fifo = awaitd.Fifo(self)
        self.server.submit({"op": "subprocess", "shell": fifo.hold("here") + "; exec sleep 1000"})
        child = int(fifo.read().split()[1])
        spawner = self.spawner()
        os.kill(spawner, signal.SIGSTOP)
        self.server.kill()
        threading.Timer(0.5, os.kill, (spawner, signal.SIGCONT)).start()
        self.server.start()
        with self.assertRaises(ProcessLookupError):
            os.kill(child, 0)


if __name__ == "__main__":
    unittest.main()
