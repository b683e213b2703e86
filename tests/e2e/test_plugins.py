"""Plugins, good and bad, and executors of the kind "process": what crashes there, hangs or lies takes nothing else with
it. The plugins are those of tests/plugins."""

import contextlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import tempfile
import unittest

import awaitd

BUILT = awaitd.ROOT / "build/test-plugins"
EX_CONFIG = 78
CRASHES = 100

# What the server says when it refuses to start with it.
REFUSED = {
    "bad_name": r"the name of function 2 of 2 must be 1 to 100 letters, digits, '_', '-' and '\.', and begin with .*",
    "bad_parameters": r"the function 'odd': .*'number'.*",
    "crash_at_load": r"it crashed \(SIGSEGV\) while it was loaded",
    "duplicate": r"the function 'sleep': there is a function 'sleep' already",
    "exit_at_load": r"it exited with status 0 while it was loaded",
    "hang_at_load": r"it did nothing for 10 seconds while it was loaded",
    "no_entry": r"it has no function awaitd_plugin_open",
    "no_functions": r"it has 0 functions, not 1 to 10000",
    "no_json_parameters": r"the function 'odd': .*",
    "no_name": r"function 1 of 1 has no name",
    "no_run": r"the function 'idle' has no run\(\)",
    "no_summary": r"the function 'mute' has no summary, or none that is UTF-8 of at most 1000 bytes",
    "opens_nothing": r"awaitd_plugin_open returned nothing",
    "wrong_abi": r"it was built for version 999 of the interface, not 1",
    "wrong_sizes": r"the sizes of its structures are not those of version 1",
}
GOOD = {"append", "larger", "misbehave"}


def folder_of(test, *names):
    folder = tempfile.mkdtemp(prefix="awaitd-plugins-")
    test.addCleanup(shutil.rmtree, folder)
    for name in names:
        os.symlink(BUILT / f"{name}.so", os.path.join(folder, f"{name}.so"))
    return folder


class Refusals(unittest.TestCase):
    def start(self, folder):
        command = [awaitd.BINARY, "--listen", "127.0.0.1:0", "--db", ":memory:", "--plugins", folder]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   env=awaitd.Server.environment(), text=True)
        self.addCleanup(process.kill)
        return process

    def check_refused(self, process, message):
        stdout, stderr = process.communicate(timeout=awaitd.PATIENCE)
        self.assertEqual((stdout, process.returncode), ("", EX_CONFIG), stderr)
        said = [line for line in stderr.splitlines() if line.startswith("awaitd: ")]
        self.assertEqual(len(said), 1, stderr)
        self.assertRegex(said[0], f"^awaitd: {message}$")

    def test_every_plugin_is_known(self):
        self.assertEqual({path.stem for path in BUILT.glob("*.so")}, REFUSED.keys() | GOOD)

    def test_bad_ones(self):
        started = {name: self.start(folder_of(self, "misbehave", name)) for name in REFUSED}
        for name, process in started.items():
            with self.subTest(name):
                self.check_refused(process, rf"the plugin {name}\.so is refused: {REFUSED[name]}")

    def test_what_is_no_library(self):
        folder = folder_of(self)
        pathlib.Path(folder, "text.so").write_text("I am a library.\n" * 100)
        self.check_refused(self.start(folder), r"the plugin text\.so is refused: .*ELF.*")

    def test_no_folder(self):
        self.check_refused(self.start("/nowhere"), "cannot read the folder of plugins /nowhere: No such file or directory")


class Strangers(unittest.TestCase):
    def test_a_folder_that_anybody_may_write_to(self):
        for mode, said in ((0o777, True), (0o755, False)):
            folder = folder_of(self, "larger")
            os.chmod(folder, mode)
            with awaitd.Server("--plugins", folder) as server:
                self.assertEqual(f"anybody on this machine may write to the folder of plugins {folder}" in server.stderr(), said)


class WithPlugins(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.server = awaitd.Server("--plugins", folder_of(self, "misbehave"))
        self.addCleanup(self.server.close)

    def put_executor(self, name, **fields):
        answer = self.server.put(f"/v1/executors/{name}", fields)
        self.assertIn(answer.status, (200, 201), answer)

    @staticmethod
    def call(function, executor=None, **args):
        node = {"op": "thread", "function": function, "args": args}
        return {**node, "executor": executor} if executor else node

    def result_of(self, spec):
        task = self.server.run(spec)
        self.assertEqual(task["state"], "succeeded", task)
        return task["result"]

    def error_of(self, spec):
        task = self.server.run(spec)
        self.assertEqual(task["state"], "failed", task)
        return f"{task['error']['type']}: {task['error']['message']}"


class InThreads(WithPlugins):
    def test_calls(self):
        self.assertEqual(self.result_of(self.call("same", text="é")), {"text": "é", "n": 1.5})
        self.assertEqual(self.error_of(self.call("raises")), "shop.SoldOut: no »tea« left")
        answer = self.server.post("/v1/tasks", {"spec": self.call("same", text=7)})
        self.assertEqual(answer.status, 422, answer)
        self.assertIn("argument 'text' must be a string, not a number", answer.body.decode())
        self.server.stop()

    def test_functions_are_listed(self):
        functions = {f["name"]: f for f in self.server.get("/v1/functions").json["functions"]}
        self.assertEqual(functions["same"]["summary"], "Its arguments.")
        self.assertIn("sleep", functions)
        self.server.stop()

    def test_nonsense_is_an_error_of_its_task(self):
        for name, said in {
            "garbage": "returned what is not JSON: at byte 14: invalid token near 'nonsense'",
            "nothing": "returned neither a result nor an error",
            "both": "returned both a result and an error",
            "bad_text": "returned what is not JSON: at byte 2: not UTF-8: unable to decode byte 0xff near '\"'",
            "deep": "returned what is not JSON: at byte 201: nested deeper than 200 arrays and objects",
            "huge": "returned more than 256 MiB",
            "bad_type": "raised an error whose type is not the name of an exception",
            "bad_message": "raised an error whose message is not UTF-8: ValueError",
        }.items():
            with self.subTest(name):
                self.assertEqual(self.error_of(self.call(name)),
                                 f"RuntimeError: the function '{name}' of plugin misbehave.so {said}")
        self.server.stop()

    def test_cancelled_function_sees_it(self):
        fifo = awaitd.Fifo(self)
        task = self.server.submit(self.call("polite", path=fifo.path))
        fifo.expect("here")
        self.assertEqual(self.server.cancel(task["id"]).status, 202)
        self.assertEqual(self.server.wait(task["id"])["state"], "cancelled")
        self.server.stop()


class InProcesses(WithPlugins):
    def setUp(self):
        super().setUp()
        self.put_executor("apart", workers=1, kind="process")
        self.put_executor("other", workers=1, kind="process")

    def pid_of(self, executor="apart"):
        """The process of its one worker."""
        return self.result_of(self.call("pid", executor))

    def call_and_wait_for(self, function, executor="apart"):
        """A call that has begun: its task, and a pipe that it keeps open."""
        fifo = awaitd.Fifo(self)
        task = self.server.submit(self.call(function, executor, path=fifo.path))
        fifo.expect("here")
        return task["id"], fifo

    def server_descriptors(self):
        return len(os.listdir(f"/proc/{self.server.pid}/fd"))

    def zombies(self):
        """Of all that the server and its spawner have started."""
        return [pid for pid in filter(str.isdigit, os.listdir("/proc")) if self.is_zombie_of_ours(pid)]

    def is_zombie_of_ours(self, pid):
        try:
            stat = pathlib.Path("/proc", pid, "stat").read_text()
            state, parent = stat.rpartition(")")[2].split()[:2]
            if state != "Z":
                return False
            grandparent = pathlib.Path("/proc", parent, "stat").read_text().rpartition(")")[2].split()[1]
        except OSError:
            return False
        return self.server.pid in (int(parent), int(grandparent))

    @staticmethod
    def is_there(pid):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, 0)
            return True
        return False

    def test_calls(self):
        pid = self.pid_of()
        self.assertNotEqual(pid, self.server.pid)
        self.assertEqual(self.result_of(self.call("same", "apart", text="é")), {"text": "é", "n": 1.5})
        self.assertEqual(self.error_of(self.call("raises", "apart")), "shop.SoldOut: no »tea« left")
        self.assertEqual(self.error_of(self.call("nothing", "apart")),
                         "RuntimeError: the function 'nothing' of plugin misbehave.so returned neither a result nor an error")
        self.assertEqual(self.result_of(self.call("primes", "apart", n=30)), self.result_of(self.call("primes", n=30)))
        self.assertEqual(self.result_of(self.call("prints", "apart")), "printed")
        self.assertEqual(self.pid_of(), pid)
        self.assertNotEqual(self.pid_of("other"), pid)
        self.server.stop()
        self.assertIn("this is on standard output\n", self.server.stderr())

    def test_a_crash_is_an_error_of_its_task(self):
        stays, _ = self.call_and_wait_for("polite", "other")
        before = self.pid_of()
        self.assertEqual(self.error_of(self.call("crash", "apart")),
                         "BrokenProcessPool: the worker process crashed (SIGSEGV) while it ran 'crash'")
        self.assertEqual(self.error_of(self.call("leave", "apart")),
                         "BrokenProcessPool: the worker process exited with status 3 while it ran 'leave'")
        self.assertEqual(self.error_of(self.call("scribble", "apart")),
                         "BrokenProcessPool: the worker process said what cannot be understood while it ran 'scribble'")
        self.assertNotEqual(self.pid_of(), before)
        for type in ("BrokenProcessPool", "BrokenExecutor", "RuntimeError"):
            self.assertEqual(self.result_of({"op": "try", "body": self.call("crash", "apart"), "except": [
                {"types": [type], "as": "e", "body": {"op": "value", "value": "${e.type}"}}]}), "BrokenProcessPool")
        self.assertEqual(self.server.task(stays)["state"], "running")
        self.server.cancel(stays)
        self.assertEqual(self.server.wait(stays)["state"], "cancelled")
        self.server.stop()

    def test_many_crashes(self):
        self.put_executor("apart", workers=4, kind="process")
        both = {"op": "map", "items": list(range(CRASHES)), "return_exceptions": True, "body": {
            "op": "gather", "return_exceptions": True, "tasks": [self.call("crash", "apart"), self.call("same", "apart", text="x")]}}
        warm = {"op": "gather", "tasks": [self.call("sleep", "apart", seconds=0.2)] * 4}
        self.result_of(warm)
        descriptors = self.server_descriptors()
        for crashed, fine in self.result_of(both):
            self.assertEqual(crashed["error"]["type"], "BrokenProcessPool")
            self.assertEqual(fine, {"text": "x", "n": 1.5})
        self.result_of(warm)
        awaitd.until(lambda: self.server_descriptors() <= descriptors, "no descriptor is leaked")
        self.assertEqual(self.zombies(), [])
        self.server.stop()

    def test_cancelling_kills(self):
        id, fifo = self.call_and_wait_for("stuck")
        self.assertEqual(self.server.cancel(id, "enough").status, 202)
        task = self.server.wait(id)
        self.assertEqual((task["state"], task["error"]["message"]), ("cancelled", "enough"))
        fifo.expect_end()
        self.assertNotEqual(self.pid_of(), fifo.pid)
        self.assertEqual(self.zombies(), [])
        self.server.stop()

    def test_timeout_kills(self):
        fifo = awaitd.Fifo(self)
        self.assertEqual(self.error_of({"op": "timeout", "seconds": 0.5, "body": self.call("stuck", "apart", path=fifo.path)}),
                         "TimeoutError: ")
        self.pid_of()  # so the worker is free again
        self.server.stop()

    def test_progress(self):
        for executor in ("apart", "default"):
            id, _ = self.call_and_wait_for("reports", executor)  # it reports first, and waits then
            awaitd.until(lambda: self.server.task(id)["progress_message"] == "half done", "the latest message is shown")
            awaitd.until(lambda: self.server.task(id)["progress"] == 0.5, "the latest fraction is shown")
            self.server.cancel(id)
            self.assertEqual(self.server.wait(id)["state"], "cancelled")
        self.server.stop()

    def test_who_stops_by_himself_is_not_killed(self):
        pid = self.pid_of()
        id, _ = self.call_and_wait_for("polite")
        self.server.cancel(id)
        self.assertEqual(self.server.wait(id)["state"], "cancelled")
        self.assertEqual(self.pid_of(), pid)
        self.server.stop()

    def test_killed_from_outside(self):
        id, fifo = self.call_and_wait_for("stuck")
        os.kill(fifo.pid, signal.SIGKILL)
        self.assertEqual(self.server.wait(id)["error"]["message"],
                         "the worker process was killed (SIGKILL) while it ran 'stuck'")
        self.server.stop()

    def test_large(self):
        text = "sixteen letters." * (15 << 16)
        self.assertEqual(self.result_of(self.call("same", "apart", text=text))["text"], text)
        self.server.stop()

    def test_what_a_worker_has_open(self):
        id, fifo = self.call_and_wait_for("polite")
        folder = f"/proc/{fifo.pid}/fd"
        open_files = {int(fd): os.readlink(os.path.join(folder, fd)) for fd in os.listdir(folder)}
        self.assertEqual(open_files.pop(0), "/dev/null")
        self.assertEqual(open_files.pop(1), self.server.stderr_path)
        self.assertEqual(open_files.pop(2), self.server.stderr_path)
        self.assertEqual(sorted(re.sub(r"\d", "", name) for name in open_files.values()),
                         sorted([re.sub(r"\d", "", fifo.path), "socket:[]"]))
        self.server.cancel(id)
        self.server.stop()

    def test_ends_with_its_executor(self):
        pid = self.pid_of()
        self.assertEqual(self.server.delete("/v1/executors/apart").status, 204)
        awaitd.until(lambda: not self.is_there(pid), "the worker ends")
        self.server.stop()

    def test_ends_with_the_server(self):
        idle, (id, stuck) = self.pid_of("other"), self.call_and_wait_for("stuck")
        took = self.server.stop()
        stuck.expect_end()
        awaitd.until(lambda: not self.is_there(idle), "the worker ends")
        self.assertLess(took, 9)
        self.server.start()
        self.assertEqual(self.server.task(id)["state"], "running")  # it runs again
        self.server.kill()

    def test_ends_with_a_killed_server(self):
        idle, (_, stuck), (_, polite) = self.pid_of("apart"), self.call_and_wait_for("stuck", "other"), self.call_and_wait_for("polite")
        self.server.kill()
        stuck.expect_end()
        polite.expect_end()
        awaitd.until(lambda: not self.is_there(idle), "the worker ends")


if __name__ == "__main__":
    unittest.main()
