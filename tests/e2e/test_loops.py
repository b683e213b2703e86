"""Several event loops in one server, and what the server's log says of jobs."""

import re
import unittest

import awaitd

FOREVER = {"op": "sleep", "seconds": 3600}
N = 12


class Loops(unittest.TestCase):
    def test_tasks_are_found_wherever_they_run(self):
        with awaitd.Server("--loops", "3") as server:
            ids = [server.submit(FOREVER)["id"] for _ in range(N)]
            for id in ids:
                self.assertEqual(server.get(f"/v1/tasks/{id}/tree").json["state"], "running")
                self.assertEqual(server.get(f"/v1/tasks/{id}?wait=0.01").json["state"], "running")
            for id in ids:
                server.cancel(id)
                self.assertEqual(server.wait(id)["state"], "cancelled")
                self.assertEqual(server.post(f"/v1/tasks/{id}/cancel").status, 409)

    def test_tasks_run_again_on_fewer_loops(self):
        with awaitd.Server("--loops", "4") as server:
            ids = [server.submit(FOREVER)["id"] for _ in range(N)]
            server.restart()
            server.options = ("--loops", "2")
            server.restart()
            for id in ids:
                server.cancel(id)
                task = server.wait(id)
                self.assertEqual((task["state"], task["starts"]), ("cancelled", 3), task)


class Log(unittest.TestCase):
    def wait_for_line(self, server, pattern):
        return awaitd.until(lambda: re.search(pattern, server.stderr()), pattern)

    def test_errors_that_nobody_awaits(self):
        with awaitd.Server() as server:
            task = server.run({"op": "sequence", "steps": [
                {"op": "create_task", "name": "t", "body": {"op": "raise", "type": "ValueError", "message": "lost\n"}},
                {"op": "sleep", "seconds": 0}]}, name="careless")
            self.wait_for_line(server, rf"error +task {task['id']} \(careless\): exception was never retrieved, "
                                       r"at '/steps/0/body': ValueError: lost\\u000a\n")

    def test_slow_turns(self):
        with awaitd.Server("--slow-callback", "0.000000001") as server:
            task = server.run({"op": "gather", "tasks": [{"op": "value", "value": 1}]}, name="slow")
            self.wait_for_line(server, rf"warning +task {task['id']} \(slow\): a turn took 0\.\d+ seconds: gather at ''\n")

    def test_no_turn_is_too_slow(self):
        with awaitd.Server("--slow-callback", "0") as server:
            server.run({"op": "value", "value": 1})
            self.assertNotIn("a turn took", server.stderr())


if __name__ == "__main__":
    unittest.main()
