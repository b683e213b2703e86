"""A function that runs in a thread of the server can bring it down. One that was running at three crashes in a row fails
its task, and the server starts without it."""

import contextlib
import http.client
import os
import shutil
import signal
import tempfile
import unittest

import awaitd

FOREVER = {"op": "sleep", "seconds": 3600}
PLUGINS = awaitd.ROOT / "build/test-plugins"


def call(function, executor=None, **args):
    node = {"op": "thread", "function": function, "args": args}
    return {**node, "executor": executor} if executor else node


class Quarantine(unittest.TestCase):
    def setUp(self):
        folder = tempfile.mkdtemp(prefix="awaitd-plugins-")
        self.addCleanup(shutil.rmtree, folder)
        os.symlink(PLUGINS / "misbehave.so", os.path.join(folder, "misbehave.so"))
        self.base = ("--plugins", folder)
        self.server = awaitd.Server(*self.base, "--quarantine", "3")
        self.addCleanup(self.server.close)

    def tearDown(self):
        self.server.stop()

    def options(self, *options):
        self.server.options = self.base + options
        self.server.restart()

    def doom(self, spec):
        """Submits what may bring the server down before the answer is sent."""
        with contextlib.suppress(OSError, http.client.HTTPException):
            self.server.submit(spec, name="doomed")

    def executor(self, name, **fields):
        self.assertEqual(self.server.put(f"/v1/executors/{name}", fields).status, 201)

    def crashes(self, status, times):
        """The server goes down by itself, and so does each that is started after it, maybe before it listens."""
        self.assertEqual(self.server.ended(), status)
        for _ in range(times - 1):
            self.server.launch()
            self.assertEqual(self.server.ended(), status)

    @staticmethod
    def here(fifo):
        """Once the function has opened the pipe, which nobody has after a kill."""
        awaitd.until(lambda: "here" in fifo.read(), "the function")

    def kill_while_it_runs(self, fifo, times):
        for _ in range(times):
            self.here(fifo)
            self.server.kill()
            self.server.start()

    def poisoned(self, function, path, crashes="3 crashes in a row"):
        id = self.doomed()
        task = self.server.wait(id)
        self.assertEqual(task["state"], "failed", task)
        self.assertEqual(task["error"]["type"], "PoisonError")
        self.assertEqual(task["error"]["message"], f"the function '{function}' was running inside the server at {crashes}")
        self.assertEqual(task["error"]["path"], path)
        self.assertIn(f"task {id} is not run again", self.server.stderr())
        line = self.server.log(id)[-1]
        self.assertEqual((line["stream"], line["level"], line["path"]), ("awaitd", "error", path))
        return task

    def doomed(self):
        return self.server.list("name=doomed")[0]["id"]

    def check_alive(self):
        self.assertEqual(self.server.run(call("same", text="x"))["state"], "succeeded")
        self.assertEqual(self.server.get("/readyz").status, 200)

    # ---- those that crash ----

    def test_a_crash(self):
        other = self.server.submit({"op": "sequence", "steps": [{"op": "log", "message": "once"}, FOREVER]})["id"]
        self.doom(call("crash"))
        self.crashes(-signal.SIGSEGV, 3)
        self.server.start()
        task = self.poisoned("crash", "")
        self.assertEqual(task["starts"], 4)
        self.check_alive()
        self.assertEqual(self.server.task(other)["state"], "running")
        self.assertEqual(self.server.messages(other), ["once"])
        self.assertEqual(self.server.get("/healthz").json["open_tasks"], 1)
        self.server.restart()
        self.assertEqual(self.server.task(self.doomed()), {**task, "state": "failed"})

    def test_an_exit(self):
        self.doom(call("leave"))
        self.crashes(3, 3)
        self.server.start()
        self.poisoned("leave", "")
        self.check_alive()

    def test_in_the_middle_of_a_job(self):
        """Nothing of the job runs any more: nobody catches it, and nothing else of it is done again."""
        self.doom({"op": "sequence", "steps": [
            {"op": "log", "message": "first"},
            {"op": "sleep", "seconds": 0.01},
            {"op": "try", "body": {"op": "gather", "tasks": [FOREVER, call("crash")]},
             "except": [{"types": ["BaseException"], "body": {"op": "log", "message": "caught"}}],
             "finally": {"op": "log", "message": "finally"}}]})
        self.crashes(-signal.SIGSEGV, 3)
        self.server.start()
        self.poisoned("crash", "/steps/2/body/tasks/1")
        self.assertEqual(self.server.messages(self.doomed()), ["first"])
        tree = self.server.tree(self.doomed())
        gather = tree["children"][2]["children"][0]
        self.assertEqual([node["state"] for node in (tree, gather, *gather["children"])],
                         ["failed", "failed", "cancelled", "failed"], tree)
        self.assertEqual(gather["children"][1]["error"]["type"], "PoisonError")
        self.check_alive()

    def test_at_the_first_one(self):
        self.options("--quarantine", "1")
        self.doom(call("crash"))
        self.crashes(-signal.SIGSEGV, 1)
        self.server.start()
        self.poisoned("crash", "", "1 crash")

    def test_two_are_not_enough(self):
        fifo = awaitd.Fifo(self)
        self.doom(call("polite", path=fifo.path))
        self.kill_while_it_runs(fifo, 2)
        self.assertEqual(self.server.task(self.doomed())["state"], "running")
        self.kill_while_it_runs(fifo, 1)
        self.poisoned("polite", "")

    # ---- those that do not count ----

    def test_processes_never_count(self):
        self.executor("apart", workers=1, kind="process")
        fifo = awaitd.Fifo(self)
        self.doom(call("polite", "apart", path=fifo.path))
        self.kill_while_it_runs(fifo, 4)
        self.assertEqual(self.server.task(self.doomed())["state"], "running")
        self.assertEqual(self.server.cancel(self.doomed()).status, 202)

    def test_what_waits_in_the_queue_does_not_count(self):
        self.executor("one", workers=1)
        fifo = awaitd.Fifo(self)
        self.doom(call("polite", "one", path=fifo.path))
        waits = [self.server.submit(call("same", "one", text="x"))["id"] for _ in range(5)]
        self.kill_while_it_runs(fifo, 3)
        self.poisoned("polite", "")
        for id in waits:
            self.assertEqual(self.server.wait(id)["state"], "succeeded")

    def test_an_end_in_order_is_between_them(self):
        fifo = awaitd.Fifo(self)
        self.doom(call("polite", path=fifo.path))
        self.kill_while_it_runs(fifo, 2)
        self.here(fifo)
        self.server.restart()
        self.kill_while_it_runs(fifo, 2)
        self.assertEqual(self.server.task(self.doomed())["state"], "running")
        self.kill_while_it_runs(fifo, 1)
        self.poisoned("polite", "")

    def test_what_has_ended_does_not_count(self):
        fifo, after = awaitd.Fifo(self), awaitd.Fifo(self)
        id = self.server.submit({"op": "sequence", "steps": [
            call("same", text="x"), {"op": "subprocess", "shell": after.say("after")}, FOREVER]})["id"]
        self.assertIn("after", after.read())
        self.doom(call("polite", path=fifo.path))
        self.kill_while_it_runs(fifo, 3)
        self.poisoned("polite", "")
        self.assertEqual(self.server.task(id)["state"], "running")

    def test_zero_is_never(self):
        self.options("--quarantine", "0")
        fifo = awaitd.Fifo(self)
        self.doom(call("polite", path=fifo.path))
        self.kill_while_it_runs(fifo, 4)
        self.assertEqual(self.server.task(self.doomed())["state"], "running")
        self.here(fifo)
        self.assertEqual(self.server.cancel(self.doomed()).status, 202)

    # ---- safe mode ----

    def test_cancelled_in_safe_mode(self):
        """It never begins again."""
        self.options("--quarantine", "0", "--crash-loop", "1")
        self.doom({"op": "try", "body": call("crash"), "finally": {"op": "log", "message": "finally"}})
        self.crashes(-signal.SIGSEGV, 2)
        self.server.start()
        self.assertEqual(self.server.get("/healthz").json["status"], "safe")
        id = self.doomed()
        self.assertEqual(self.server.cancel(id).status, 202)
        self.assertEqual(self.server.post("/v1/resume").status, 200)
        self.assertEqual(self.server.wait(id)["state"], "cancelled")
        self.assertEqual(self.server.messages(id), ["finally"])
        self.check_alive()

    def test_safe_mode_comes_between(self):
        """A run in safe mode is no crash of any job."""
        self.options("--quarantine", "3", "--crash-loop", "1")
        self.doom(call("crash"))
        self.crashes(-signal.SIGSEGV, 2)
        for _ in range(2):
            self.server.start()
            self.assertEqual(self.server.get("/healthz").json["status"], "safe")
            self.assertEqual(self.server.task(self.doomed())["state"], "running")
            self.server.kill()
        self.options_after_a_crash("--quarantine", "3")
        self.assertEqual(self.server.ended(), -signal.SIGSEGV)
        self.server.start()
        self.poisoned("crash", "")

    def options_after_a_crash(self, *options):
        self.server.options = self.base + options
        self.server.launch()


if __name__ == "__main__":
    unittest.main()
