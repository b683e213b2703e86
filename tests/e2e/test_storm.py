"""Clients that do everything at once, at random: no answer is undocumented, none is a 5xx, and the server still ends well.

    AWAITD_SEED=17 AWAITD_STORM=20000 python3 -m unittest test_storm
"""

import collections
import os
import random
import re
import threading
import unittest

import awaitd

REQUESTS = int(os.environ.get("AWAITD_STORM") or 1500)
CLIENTS = 6
RECENT = 40  # tasks that the clients still have to do with


def make_spec(chance, depth=0):
    """A job of any ops, up to four levels of them."""
    leaves = [
        lambda: {"op": "sleep", "seconds": chance.choice([0, 0, 0.001, 0.05, 5])},
        lambda: {"op": "value", "value": chance.random()},
        lambda: {"op": "log", "message": "a line"},
        lambda: {"op": "raise", "type": chance.choice(["ValueError", "CancelledError", "OSError"])},
        lambda: {"op": "thread", "function": "sleep", "args": {"seconds": chance.choice([0, 0.01, 5])},
                 "executor": chance.choice(["default", "storm"])},
        lambda: {"op": "thread", "function": "primes", "args": {"n": chance.choice([10, 10**7])}},
        lambda: {"op": "timeout", "seconds": 1, "body": {"op": "future", "name": chance.choice("fg")}},
        lambda: {"op": "http", "url": chance.choice(["http://127.0.0.1:1/", "http://169.254.0.1/"])},
        lambda: {"op": "subprocess", "shell": chance.choice(["true", "exit 3", "sleep 1", "trap '' TERM; sleep 0.2", "kill $$"]),
                 "kill_after": 0.05},
        lambda: {"op": "stream", "host": chance.choice(["127.0.0.1", "localhost"]), "port": 1,
                 "read": {"eof": True}},
    ]
    below = lambda: make_spec(chance, depth + 1)
    some = lambda: [below() for _ in range(chance.randrange(4))]
    inner = [
        lambda: {"op": "gather", "tasks": some(), "return_exceptions": chance.random() < 0.5},
        lambda: {"op": "sequence", "steps": some()},
        lambda: {"op": "timeout", "seconds": chance.choice([0, 0.001, 0.05, None]), "body": below()},
        lambda: {"op": "sequence", "steps": [
            {"op": "create_task", "name": "a", "body": below()},
            *chance.sample([{"op": "cancel", "task": "a"}, {"op": "await", "task": "a"}, below()], chance.randrange(4))]},
        lambda: {"op": "group", "tasks": some()},
        lambda: {"op": "wait", "tasks": [below(), *some()], "timeout": chance.choice([0, 0.01, None]),
                 "return_when": chance.choice(["ALL_COMPLETED", "FIRST_COMPLETED", "FIRST_EXCEPTION"])},
        lambda: {"op": "race", "tasks": [below(), *some()]},
        lambda: {"op": "shield", "body": below()},
        lambda: {"op": "try", "body": below(), "except": [{"types": ["BaseException"], "as": "e", "body": {
            "op": "value", "value": "${e.type}"}}], "finally": below()},
        lambda: {"op": "retry", "attempts": 3, "delay": 0.001, "body": below()},
        lambda: {"op": "semaphore", "semaphore": chance.choice("pq"), "value": 2, "body": below()},
        lambda: {"op": "map", "items": [1, 2, 3], "concurrency": chance.choice([1, 2]), "body": below()},
        lambda: {"op": "timeout", "name": "t", "seconds": 0.01, "body": {"op": "sequence", "steps": [
            {"op": "reschedule", "timeout": "t", "seconds": chance.choice([0, 0.05, None])}, below()]}},
    ]
    return chance.choice(leaves if depth == 3 else inner * 2 if depth == 0 else inner + leaves)()


class Client:
    def __init__(self, server, ids, seed):
        self.server = server
        self.ids = ids
        self.chance = random.Random(seed)
        self.connection = server.open_http()
        self.failure = None

    def run(self):
        try:
            for _ in range(REQUESTS // CLIENTS):
                self.chance.choice([self.submit] * 4 + [self.look, self.tree, self.log, self.list, self.cancel,
                                    self.delete, self.leave, self.set_future, self.set_callback, self.change_executor])()
        except Exception as error:
            self.failure = repr(error)
        finally:
            self.connection.close()

    def ask(self, method, target, body=None, headers=None):
        answer = self.server.request(method, target, body, headers, self.connection)
        assert answer.status < 500, answer
        return answer

    def id(self):
        return self.chance.choice(list(self.ids))

    def submit(self):
        fields = {"timeout": self.chance.choice([0, 0.01, 10])} if self.chance.random() < 0.2 else {}
        headers = {"Prefer": f"wait={self.chance.choice(['0', '0.01', '0.2'])}"} if self.chance.random() < 0.5 else {}
        answer = self.ask("POST", "/v1/tasks", {"spec": make_spec(self.chance), **fields}, headers)
        self.ids.append(answer.json["id"])

    def look(self):
        self.ask("GET", f"/v1/tasks/{self.id()}?wait={self.chance.choice(['0', '0.01', '0.2'])}")

    def tree(self):
        self.ask("GET", f"/v1/tasks/{self.id()}/tree")

    def log(self):
        self.ask("GET", f"/v1/tasks/{self.id()}/log")

    def list(self):
        self.ask("GET", f"/v1/tasks?limit=20&state={self.chance.choice(['running', 'succeeded', 'failed', 'cancelled'])}")

    def cancel(self):
        self.ask("POST", f"/v1/tasks/{self.id()}/cancel", {"message": "enough"} if self.chance.random() < 0.5 else None)

    def outcome(self):
        return self.chance.choice([{"result": [1]}, {"error": {"type": "ValueError"}}])

    def set_future(self):
        self.ask("POST", f"/v1/tasks/{self.id()}/futures/{self.chance.choice('fg')}", self.outcome())

    def set_callback(self):
        found = re.findall(rb'"callback":"([^"]*)"', self.ask("GET", f"/v1/tasks/{self.id()}/tree").body)
        for url in set(found):
            self.ask("POST", url.decode(), self.outcome())

    def change_executor(self):
        self.ask("PUT", "/v1/executors/storm", {"workers": self.chance.randrange(1, 5)})

    def delete(self):
        self.ask("DELETE", f"/v1/tasks/{self.id()}")

    def leave(self):
        """Waits, and does not wait for the answer."""
        with self.server.connect() as connection:
            connection.sendall(f"GET /v1/tasks/{self.id()}?wait=60 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())


class Storm(unittest.TestCase):
    def test_everything_at_once(self):
        seed = int(os.environ.get("AWAITD_SEED") or random.randrange(1 << 32))
        print(f"AWAITD_SEED={seed}")
        with awaitd.Server() as server:
            server.put("/v1/executors/storm", {"workers": 2})
            ids = collections.deque([server.run({"op": "value", "value": 1})["id"]], RECENT)
            clients = [Client(server, ids, seed + number) for number in range(CLIENTS)]
            threads = [threading.Thread(target=client.run) for client in clients]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            self.assertEqual([client.failure for client in clients if client.failure], [])
            server.restart()
            left = [task["id"] for state in ("pending", "running") for task in server.list(f"limit=1000&state={state}")]
            for id in left:
                server.cancel(id)
            for id in left:
                server.wait(id)
            awaitd.until(lambda: server.get("/healthz").json["open_tasks"] == 0, "no task is open")


if __name__ == "__main__":
    unittest.main()
