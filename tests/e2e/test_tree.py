"""The await stack of a running job, and trees of what nests in new ways."""

import unittest

from test_tasks import FOREVER, WithServer, at, create, gather, sequence, value

import awaitd


def group(*tasks):
    return {"op": "group", "tasks": list(tasks)}


def hold(name, body):
    return {"op": "semaphore", "semaphore": name, "body": body}


class AwaitStack(WithServer):
    def tasks(self, spec, n):
        """Of a job that runs: once so many of its tasks wait."""
        self.id = self.server.submit(spec)["id"]
        self.addCleanup(self.server.cancel, self.id)
        return awaitd.until(lambda: self.waiting(n), f"{n} tasks wait")

    def waiting(self, n):
        tasks = self.server.tree(self.id)["tasks"]
        return tasks if sum(task["state"] == "waiting" for task in tasks) == n else None

    def text(self, id):
        answer = self.server.get(f"/v1/tasks/{id}/tree?format=text")
        self.assertEqual((answer.status, answer.headers["Content-Type"]), (200, "text/plain; charset=utf-8"))
        return answer.body.decode()

    def test_one_task(self):
        task, = self.tasks(sequence(value(1), FOREVER), 1)
        since = task.pop("since")
        self.assertEqual(task, {"id": 1, "name": None, "path": "", "state": "waiting", "parent": None,
                                "waits_for": "sleep", "stack": [{"op": "sequence", "path": ""},
                                                                {"op": "sleep", "path": "/steps/1"}]})
        self.assertEqual(since, self.server.tree(self.id)["children"][1]["started_at"])

    def test_who_waits_for_whom(self):
        tasks = self.tasks(sequence(create("bg", FOREVER), group(FOREVER, gather(FOREVER),
                                                                 {"op": "await", "task": "bg"})), 6)
        self.assertEqual([task["parent"] for task in tasks], [None, None, 1, 1, 1, 4])
        self.assertEqual([task["name"] for task in tasks], [None, "bg", None, None, None, None])
        self.assertEqual([task["waits_for"] for task in tasks],
                         ["3 of 3 tasks", "sleep", "sleep", "1 of 1 tasks", "task 'bg'", "sleep"])
        self.assertEqual(tasks[4]["task"], 2)

    def test_a_semaphore(self):
        tasks = self.tasks(gather(hold("the one", FOREVER), hold("the one", value(1))), 3)
        self.assertEqual([task["waits_for"] for task in tasks], ["2 of 2 tasks", "sleep", "semaphore 'the one'"])

    def test_a_map_has_no_nodes_of_its_own(self):
        tasks = self.tasks({"op": "map", "items": [1, 2], "concurrency": 1, "body": FOREVER}, 3)
        self.assertEqual([task["path"] for task in tasks], ["", "/body", "/body"])
        self.assertEqual([task["stack"] for task in tasks[1:]], [[{"op": "sleep", "path": "/body"}], []])
        child, = self.server.tree(self.id)["children"]
        self.assertEqual((child["op"], child["path"]), ("sleep", "/body"))

    def test_what_has_ended_has_no_tasks(self):
        tree = self.server.tree(self.server.run(sequence(value(1)))["id"])
        self.assertEqual((tree["tasks"], tree["coroutines"]), ([], []))

    def test_text(self):
        self.tasks(sequence(create("bg", FOREVER), group(FOREVER, {"op": "await", "task": "bg"})), 4)
        nodes, tasks = self.text(self.id).split("\n\n")
        self.assertEqual(nodes.split("\n"), ["sequence running",
                                             "├── create_task 'bg' succeeded",
                                             "│   └── sleep running",
                                             "└── group running",
                                             "    ├── sleep running",
                                             "    └── await running"])
        shown = [line.partition(" since ")[0] for line in tasks.strip("\n").split("\n")]
        self.assertEqual(shown, ["├── Task-1 waiting for 2 of 2 tasks at '/steps/1'",
                                 "│   ├── Task-3 waiting for sleep at '/steps/1/tasks/0'",
                                 "│   └── Task-4 waiting for task 'bg' at '/steps/1/tasks/1'",
                                 "└── Task-2 'bg' waiting for sleep at '/steps/0/body'"])

    def test_text_of_one_that_has_ended(self):
        task = self.server.run({"op": "try", "body": {"op": "raise", "type": "ValueError", "message": "no luck"},
                                "except": [{"body": value(1)}]})
        self.assertEqual(self.text(task["id"]), "try succeeded\n"
                                                "├── raise failed: ValueError: no luck\n"
                                                "└── except succeeded\n"
                                                "    └── value succeeded\n")

    def test_many_tasks(self):
        """The first 2000 are shown."""
        tasks = self.tasks(gather(*[FOREVER] * 3000), 2000)
        self.assertEqual([task["id"] for task in tasks], list(range(1, 2001)))
        self.assertIn("Task-2000 ", self.text(self.id))
        self.assertLessEqual(at(tasks[0]["since"]), at(tasks[-1]["since"]))

    def test_other_formats(self):
        id = self.server.run(value(1))["id"]
        self.assertEqual(self.server.get(f"/v1/tasks/{id}/tree?format=json").json, self.server.tree(id))
        self.assertEqual(self.server.get(f"/v1/tasks/{id}/tree?format=dot").status, 422)


if __name__ == "__main__":
    unittest.main()
