"""A function that runs in a thread of the server can bring it down. One that was running at three crashes in a row fails
its task, and the server starts without it."""

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

    def executor(self, name, **fields):
        self.assertEqual(self.server.put(f"/v1/executors/{name}", fields).status, 201)

    def crashes(self, status, times):
        """The server goes down by itself, and so does each that is started after it, maybe before it listens."""
        self.assertEqual(self.server.ended(), status)
        for _ in range(times - 1):
            self.server.launch()
            self.assertEqual(self.server.ended(), status)

    def kill_while_it_runs(self, fifo, times):
        for _ in range(times):
            self.assertIn("here", fifo.read())
            self.server.kill()
            self.server.start()

    def poisoned(self, id, function, path, crashes="3 crashes in a row"):
        task = self.server.task(id) if self.server.task(id)["done"] else self.server.wait(id)
        self.assertEqual(task["state"], "failed", task)
        self.assertEqual(task["error"]["type"], "PoisonError")
        self.assertEqual(task["error"]["message"], f"the function '{function}' was running inside the server at {crashes}")
        self.assertEqual(task["error"]["path"], path)
        self.assertIn(f"task {id} is not run again", self.server.stderr())
        line = self.server.log(id)[-1]
        self.assertEqual((line["stream"], line["level"], line["path"]), ("awaitd", "error", path))
        return task

    def check_alive(self):
        self.assertEqual(self.server.run(call("same", text="x"))["state"], "succeeded")
        self.assertEqual(self.server.get("/readyz").status, 200)

    # ---- those that crash ----

    def test_a_crash(self):
        other = self.server.submit({"op": "sequence", "steps": [{"op": "log", "message": "once"}, FOREVER]})["id"]
        id = self.server.submit(call("crash"))["id"]
        self.crashes(-signal.SIGSEGV, 3)
        self.server.start()
        task = self.poisoned(id, "crash", "")
        self.assertEqual(task["starts"], 4)
        self.check_alive()
        self.assertEqual(self.server.task(other)["state"], "running")
        self.assertEqual(self.server.messages(other), ["once"])
        self.assertEqual(self.server.get("/healthz").json["open_tasks"], 1)
        self.server.restart()
        self.assertEqual(self.server.task(id), {**task, "state": "failed"})

    def test_an_exit(self):
        id = self.server.submit(call("leave"))["id"]
        self.crashes(3, 3)
        self.server.start()
        self.poisoned(id, "leave", "")
        self.check_alive()

    def test_in_the_middle_of_a_job(self):
        """Nothing of the job runs any more: nobody catches it, and nothing else of it is done again."""
        id = self.server.submit({"op": "sequence", "steps": [
            {"op": "log", "message": "first"},
            {"op": "sleep", "seconds": 0.01},
            {"op": "try", "body": {"op": "gather", "tasks": [FOREVER, call("crash")]},
             "except": [{"types": ["BaseException"], "body": {"op": "log", "message": "caught"}}],
             "finally": {"op": "log", "message": "finally"}}]})["id"]
        self.crashes(-signal.SIGSEGV, 3)
        self.server.start()
        self.poisoned(id, "crash", "/steps/2/body/tasks/1")
        self.assertEqual(self.server.messages(id), ["first"])
        tree = self.server.tree(id)
        self.assertEqual(tree["state"], "failed", tree)
        self.check_alive()

    def test_at_the_first_one(self):
        self.options("--quarantine", "1")
        id = self.server.submit(call("crash"))["id"]
        self.crashes(-signal.SIGSEGV, 1)
        self.server.start()
        self.poisoned(id, "crash", "", "1 crash")

    def test_two_are_not_enough(self):
        fifo = awaitd.Fifo(self)
        id = self.server.submit(call("polite", path=fifo.path))["id"]
        self.kill_while_it_runs(fifo, 2)
        self.assertEqual(self.server.task(id)["state"], "running")
        self.kill_while_it_runs(fifo, 1)
        self.poisoned(id, "polite", "")

    # ---- those that do not count ----

    def test_processes_never_count(self):
        self.executor("apart", workers=1, kind="process")
        fifo = awaitd.Fifo(self)
        id = self.server.submit(call("polite", "apart", path=fifo.path))["id"]
        self.kill_while_it_runs(fifo, 4)
        self.assertEqual(self.server.task(id)["state"], "running")
        self.assertEqual(self.server.cancel(id).status, 202)

    def test_what_waits_in_the_queue_does_not_count(self):
        self.executor("one", workers=1)
        fifo = awaitd.Fifo(self)
        guilty = self.server.submit(call("polite", "one", path=fifo.path))["id"]
        waits = [self.server.submit(call("same", "one", text="x"))["id"] for _ in range(5)]
        self.kill_while_it_runs(fifo, 3)
        self.poisoned(guilty, "polite", "")
        for id in waits:
            self.assertEqual(self.server.wait(id)["state"], "succeeded")

    def test_an_end_in_order_is_between_them(self):
        fifo = awaitd.Fifo(self)
        id = self.server.submit(call("polite", path=fifo.path))["id"]
        self.kill_while_it_runs(fifo, 2)
        self.assertIn("here", fifo.read())
        self.server.restart()
        self.kill_while_it_runs(fifo, 2)
        self.assertEqual(self.server.task(id)["state"], "running")
        self.kill_while_it_runs(fifo, 1)
        self.poisoned(id, "polite", "")

    def test_what_has_ended_does_not_count(self):
        fifo, after = awaitd.Fifo(self), awaitd.Fifo(self)
        id = self.server.submit({"op": "sequence", "steps": [
            call("same", text="x"), {"op": "subprocess", "shell": after.say("after")}, FOREVER]})["id"]
        self.assertIn("after", after.read())
        other = self.server.submit(call("polite", path=fifo.path))["id"]
        self.kill_while_it_runs(fifo, 3)
        self.poisoned(other, "polite", "")
        self.assertEqual(self.server.task(id)["state"], "running")

    def test_zero_is_never(self):
        self.options("--quarantine", "0")
        fifo = awaitd.Fifo(self)
        id = self.server.submit(call("polite", path=fifo.path))["id"]
        self.kill_while_it_runs(fifo, 4)
        self.assertEqual(self.server.task(id)["state"], "running")
        self.assertIn("here", fifo.read())
        self.assertEqual(self.server.cancel(id).status, 202)

    # ---- safe mode ----

    def test_cancelled_in_safe_mode(self):
        """It never begins again."""
        self.options("--quarantine", "0", "--crash-loop", "1")
        job = {"op": "try", "body": call("crash"), "finally": {"op": "log", "message": "finally"}}
        ids = [self.server.submit(job)["id"]]
        self.crashes(-signal.SIGSEGV, 2)
        self.server.start()
        self.assertEqual(self.server.get("/healthz").json["status"], "safe")
        for id in ids:
            self.assertEqual(self.server.cancel(id).status, 202)
        self.assertEqual(self.server.post("/v1/resume").status, 200)
        for id in ids:
            self.assertEqual(self.server.wait(id)["state"], "cancelled")
            self.assertEqual(self.server.messages(id), ["finally"])
        self.check_alive()

    def test_safe_mode_comes_between(self):
        """A run in safe mode is no crash of any job."""
        self.options("--quarantine", "3", "--crash-loop", "1")
        id = self.server.submit(call("crash"))["id"]
        self.crashes(-signal.SIGSEGV, 2)
        for _ in range(2):
            self.server.start()
            self.assertEqual(self.server.get("/healthz").json["status"], "safe")
            self.assertEqual(self.server.task(id)["state"], "running")
            self.server.kill()
        self.options_after_a_crash("--quarantine", "3")
        self.assertEqual(self.server.ended(), -signal.SIGSEGV)
        self.server.start()
        self.poisoned(id, "crash", "")

    def options_after_a_crash(self, *options):
        self.server.options = self.base + options
        self.server.launch()


if __name__ == "__main__":
    unittest.main()
