"""Child processes: what they get, what they may use up, and that nothing of them stays.

    AWAITD_CANCELS=1000 python3 -m unittest test_processes
"""

import contextlib
import os
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
import unittest

import awaitd

CANCELS = int(os.environ.get("AWAITD_CANCELS", "200"))
AT_ONCE = 50
NOBODY = 65534


def shell(line, **fields):
    return {"op": "subprocess", "shell": line, **fields}


def argv(*words, **fields):
    return {"op": "subprocess", "argv": list(words), **fields}


def gather(*nodes):
    return {"op": "gather", "tasks": list(nodes)}


def stat_of(pid):
    """The fields behind the name: state, parent, group, session…; None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()
    except OSError:
        return None


def children(parent):
    """Process id and state of each."""
    found = []
    for pid in filter(str.isdigit, os.listdir("/proc")):
        fields = stat_of(pid)
        if fields and int(fields[1]) == parent:
            found.append((int(pid), fields[0]))
    return found


def descriptors(pid, but=()):
    """How many it has, but for those of some kinds, and of the database's files, which open one after the other."""
    links = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            links.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
    return sum(link.partition(":")[0] not in but and not link.endswith((".db", "-wal")) for link in links)


class ServerOf(awaitd.Server):
    """A server that another program starts."""

    def __init__(self, *before, owner=-1):
        self.before = before
        self.owner = owner
        super().__init__()

    def command(self, *options):
        return [*self.before, *super().command(*options)]

    def launch(self):
        os.chown(self.folder, self.owner, -1)
        super().launch()


class WithProcesses(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.server = awaitd.Server()
        self.addCleanup(self.server.close)

    def tearDown(self):
        if self.server.process.poll() is None:
            self.server.stop()

    @property
    def spawner(self):
        (pid, _), = children(self.server.pid)
        return pid

    def run_job(self, spec):
        return self.server.run(spec)

    def output_of(self, spec):
        task = self.run_job(spec)
        self.assertEqual(task["state"], "succeeded", task)
        return task["result"]["stdout"]

    def fails(self, spec, type):
        task = self.run_job(spec)
        self.assertEqual((task["state"], task["error"] and task["error"]["type"]), ("failed", type), task)
        return task["error"]


class WhatTheyGet(WithProcesses):
    def test_environment_is_clean(self):
        self.server.stop()
        self.server.env = {"SECRET": "x", "LANG": "C.UTF-8", "TZ": "Europe/Prague"}
        self.server.start()
        given = dict(line.split("=", 1) for line in self.output_of(argv("env", env={"A": "1"})).splitlines())
        self.assertLessEqual(given.keys(), {"PATH", "HOME", "LANG", "TZ", "A"})
        self.assertEqual((given["A"], given["LANG"], given["TZ"]), ("1", "C.UTF-8", "Europe/Prague"))
        all_of_it = self.output_of(argv("env", inherit_env=True, env={"TZ": "UTC"})).splitlines()
        self.assertIn("SECRET=x", all_of_it)
        self.assertIn("TZ=UTC", all_of_it)
        self.assertNotIn("TZ=Europe/Prague", all_of_it)

    def test_descriptors(self):
        self.assertEqual(self.output_of(argv("ls", "/proc/self/fd")).split(), ["0", "1", "2", "3"])  # 3: the folder
        self.assertEqual(self.output_of(argv("readlink", "/proc/self/fd/0")), "/dev/null\n")
        for number in "1", "2":
            self.assertTrue(self.output_of(shell(f"readlink /proc/$$/fd/{number}")).startswith("pipe:"))
        self.assertEqual(self.output_of(shell("cat /dev/stdin >/dev/stdout", stdin="through")), "through")

    def test_session_of_its_own(self):
        pid, stat = self.output_of(shell("echo $$; cat /proc/$$/stat")).splitlines()
        fields = stat.rpartition(")")[2].split()
        self.assertEqual((fields[2], fields[3], fields[4]), (pid, pid, "0"))  # group, session, terminal

    def test_privileges(self):
        self.assertEqual(self.output_of(argv("grep", "NoNewPrivs", "/proc/self/status")).split()[1], "1")
        self.assertEqual(self.output_of(shell("umask; ulimit -c; ulimit -Hc")).split(), ["0077", "0", "0"])
        with open("/proc/self/oom_score_adj") as file:
            expected = str(max(500, int(file.read())))
        self.assertEqual(self.output_of(argv("cat", "/proc/self/oom_score_adj")).strip(), expected)

    def test_signals_are_as_usual(self):
        masks = self.output_of(argv("grep", "-E", "Sig(Blk|Ign)", "/proc/self/status")).splitlines()
        # but for 32 and 33, which are the C library's own and no program can set
        self.assertEqual([int(line.split()[1], 16) & ~(3 << 31) for line in masks], [0, 0])

    def test_many_and_long_words(self):
        words = ["word" * 20000, *map(str, range(3000))]
        self.assertEqual(self.output_of(argv("printf", "%s\n", *words)).split(), words)
        error = self.fails(argv("true", "x" * 200000), "OSError")  # the kernel's limit
        self.assertEqual(error["message"], "[Errno 7] Argument list too long: 'true'")

    def test_not_a_program(self):
        path = os.path.join(self.server.folder, "no-program")
        with open(path, "w") as file:
            file.write("neither this nor that\n")
        os.chmod(path, 0o755)
        error = self.fails(argv(path), "OSError")
        self.assertEqual(error["message"], f"[Errno 8] Exec format error: '{path}'")

    def test_path_is_the_one_given(self):
        folder = os.path.join(self.server.folder, "bin")
        os.mkdir(folder)
        with open(os.path.join(folder, "own"), "w") as file:
            file.write("#!/bin/sh\necho own\n")
        os.chmod(os.path.join(folder, "own"), 0o755)
        self.assertEqual(self.output_of(argv("own", env={"PATH": f"/nonexistent:{folder}"})), "own\n")
        self.fails(argv("own"), "FileNotFoundError")

    def test_input_from_the_client_stays_open(self):
        self.assertEqual(self.output_of(argv("head", "-n", "1", stdin="a\nb\n", stdin_from="client")), "a\n")
        id = self.server.submit(argv("cat", stdin_from="client"))["id"]
        self.server.cancel(id)
        self.assertEqual(self.server.wait(id)["state"], "cancelled")


class Limits(WithProcesses):
    def test_processor_time(self):
        task = self.run_job(shell("while :; do :; done", cpu_seconds=1, check=False))
        self.assertEqual((task["result"]["returncode"], task["result"]["signal"]), (-signal.SIGXCPU, "SIGXCPU"))
        self.assertEqual(self.output_of(shell("ulimit -St; ulimit -Ht", cpu_seconds=7)), "7\n8\n")  # then SIGKILL

    def test_memory(self):
        greedy = argv("dd", "if=/dev/zero", "of=/dev/null", "bs=256M", "count=1")
        self.assertEqual(self.run_job(greedy)["result"]["returncode"], 0)
        error = self.fails({**greedy, "memory": 64 << 20}, "CalledProcessError")
        self.assertIn("memory exhausted", error["details"]["stderr"])
        self.assertEqual(self.output_of(shell("ulimit -v", memory=64 << 20)), f"{64 << 10}\n")

    def test_too_little_memory(self):
        """Not even the program fits, and it does not help to try again: it ends somehow, and soon."""
        task = self.run_job(argv("true", memory=1))
        self.assertEqual(task["state"], "failed", task)
        self.assertIn(task["error"]["type"], ("CalledProcessError", "OSError"))

    def test_open_files(self):
        self.assertEqual(self.output_of(shell("ulimit -n; ulimit -Hn", open_files=9)), "9\n9\n")
        task = self.run_job(shell("exec 3<&0 4<&0 5<&0 6<&0 7<&0; exec 8</dev/null; echo fits; exec </dev/null", open_files=9, check=False))
        self.assertEqual(task["result"]["stdout"], "fits\n")
        self.assertNotEqual(task["result"]["returncode"], 0)

    def test_nice(self):
        ours = os.nice(0)
        self.assertEqual(self.output_of(argv("nice", nice=7)), f"{min(ours + 7, 19)}\n")
        self.assertEqual(self.output_of(argv("nice", nice=40)), "19\n")

    @unittest.skipUnless(os.geteuid() == 0, "for root")
    def test_user(self):
        self.assertEqual(self.output_of(shell("id -u; id -g; id -G", uid=NOBODY)).split(), [str(NOBODY)] * 3)
        self.assertEqual(self.output_of(shell("id -u; id -g; id -G", uid=54321)).split(), ["54321"] * 3)
        self.assertEqual(self.output_of(shell("grep -c 'CapEff:.*[1-9a-f]' /proc/self/status", uid=NOBODY, check=False)), "0\n")
        self.assertEqual(self.output_of(argv("nice", nice=-3)), f"{os.nice(0) - 3}\n")

    def test_without_the_right(self):
        """What needs root, for a server that may not do it."""
        before = [] if os.geteuid() else ["setpriv", "--bounding-set=-setuid,-setgid,-sys_nice"]
        server = ServerOf(*before)
        self.addCleanup(server.close)
        for spec, name in (argv("true", uid=NOBODY), "uid"), (argv("true", nice=-5), "nice"):
            with self.subTest(name):
                task = server.run(spec)
                self.assertEqual((task["error"]["type"], task["error"]["message"].partition("] ")[2]),
                                 ("PermissionError", {"uid": "Operation not permitted: 'uid'",
                                                      "nice": "Permission denied: 'nice'"}[name]), task)
        server.stop()


# Each holds the pipe open as descriptor 9, in every process that it has.
HOSTILE = {
    "ignores": "trap '' TERM; {hold}; sleep 3600; sleep 3600; sleep 3600",
    "twice": "trap '' TERM; {hold}; (sh -c 'sleep 3600 & sleep 3600 &' &); sleep 3600 & sleep 3600; wait",
    "setsid": "trap '' TERM; {hold}; setsid setsid sh -c 'setsid sleep 3600 & sleep 3600' & sleep 3600; sleep 3600",
    "daemon": "{hold}; setsid sh -c 'setsid sleep 3600 & setsid sleep 3600 & exit' & wait; exec sleep 3600",
    "floods": "trap '' TERM; {hold}; yes & yes >&2",
    "deaf": "trap '' TERM; {hold}; sleep 3600; sleep 3600",
    "stopped": "trap '' TERM; {hold}; kill -STOP $$",
}


class NothingStays(WithProcesses):
    def setUp(self):
        super().setUp()
        self.fifo = awaitd.Fifo(self)

    def hostile(self, kind, **fields):
        more = {"deaf": {"stdin": "x" * 200000}, "floods": {"nice": 19}}.get(kind, {})
        return shell(HOSTILE[kind].format(hold=f"exec 9>'{self.fifo.path}'; echo started >&9"), kill_after=0.05,
                     max_output=1000, **more, **fields)

    def expect_starts(self, n):
        said = ""
        while said.count("\n") < n:
            piece = self.fifo.read()
            self.assertTrue(piece, f"only {said.count(chr(10))} of {n} have started")
            said += piece

    def expect_clean(self, before):
        """No children, no zombies, as many descriptors as before."""
        self.assertEqual(children(self.spawner), [])
        awaitd.until(lambda: self.descriptors() == before, f"as many descriptors as before, {before}")

    def descriptors(self):
        """Of the server all but its connections, and all of the spawner, which has those of its channels."""
        return descriptors(self.server.pid, but=("socket",)), descriptors(self.spawner)

    def cancel_some(self, kinds):
        ids = [self.server.submit(self.hostile(kind))["id"] for kind in kinds]
        self.expect_starts(len(kinds))
        for id in ids:
            self.server.cancel(id)
        for id in ids:
            self.assertEqual(self.server.wait(id)["state"], "cancelled")
        self.assertEqual(os.read(self.fifo.fd, 1000), b"", "somebody has the pipe open after the last has ended")

    def test_cancel(self):
        """Of all kinds of them, many times."""
        self.run_job(argv("true"))
        before = self.descriptors()
        kinds = [list(HOSTILE)[n % len(HOSTILE)] for n in range(CANCELS)]
        for first in range(0, CANCELS, AT_ONCE):
            self.cancel_some(kinds[first:first + AT_ONCE])
        self.expect_clean(before)
        self.server.stop()

    def test_exit(self):
        """When the end of one is told, what it has left behind is gone."""
        self.run_job(argv("true"))
        before = self.descriptors()
        for line in ("sleep 3600 &", "(sleep 3600 &)", "setsid sleep 3600 &", "setsid setsid sh -c 'setsid sleep 3600 & sleep 3600' &",
                     "(trap '' TERM HUP; setsid sh -c 'sleep 3600; sleep 3600' &)"):
            with self.subTest(line):
                task = self.run_job(shell(f"exec 9>'{self.fifo.path}'; echo started >&9; {line}\nexit 3", check=False))
                self.assertEqual(task["result"]["returncode"], 3)
                self.assertEqual(os.read(self.fifo.fd, 1000), b"started\n")
                self.assertEqual(os.read(self.fifo.fd, 1000), b"", "somebody has the pipe open")
        self.expect_clean(before)

    def test_orphans_live_as_long_as_it(self):
        """Who is orphaned stays with the process that it comes from."""
        line = "(sh -c 'echo $$; exec sleep 3600' &) | { read orphan; cat /proc/$orphan/stat; }; echo $$"
        stat, pid = self.output_of(shell(line)).splitlines()
        self.assertEqual(stat.rpartition(")")[2].split()[1], pid)

    def test_server_is_killed(self):
        for kind in HOSTILE:
            self.server.submit(self.hostile(kind))
        self.expect_starts(len(HOSTILE))
        spawner = self.spawner
        self.server.kill()
        self.fifo.expect_end()
        awaitd.until(lambda: stat_of(spawner) is None or stat_of(spawner)[0] == "Z", "the end of the spawner")

    def test_server_is_killed_while_it_starts_some(self):
        """However close its end is to their beginning."""
        for n in range(10):
            self.server.submit(gather(*[self.hostile("ignores") for _ in range(20)]))
            self.fifo.read()
            self.server.kill()
            while self.fifo.read():
                pass  # those that have started since
            os.unlink(self.server.db)
            self.server.start()

    def test_server_ends(self):
        for kind in HOSTILE:
            self.server.submit(self.hostile(kind))
        self.expect_starts(len(HOSTILE))
        self.server.stop()
        self.assertEqual(os.read(self.fifo.fd, 1000), b"", "somebody has the pipe open after the server has ended")

    def test_spawner_is_killed(self):
        """What runs is lost, what is to run cannot; all else goes on."""
        ids = [self.server.submit(self.hostile(kind))["id"] for kind in HOSTILE]
        self.expect_starts(len(HOSTILE))
        os.kill(self.spawner, signal.SIGKILL)
        for id in ids:
            error = self.server.wait(id)["error"]
            self.assertEqual((error["type"], error["message"]),
                             ("OSError", "the process that starts programs is gone; start the server again"))
        self.fifo.expect_end()
        self.assertEqual(self.fails(argv("true"), "OSError")["path"], "")
        self.assertEqual(self.run_job({"op": "sleep", "seconds": 0, "result": 1})["result"], 1)
        self.assertEqual([self.server.get(path).status for path in ("/healthz", "/readyz")], [503, 503])
        awaitd.until(lambda: not children(self.server.pid), "the end of all that it has started")
        self.server.stop()
        self.server.start()
        self.assertEqual(self.output_of(argv("echo", "again")), "again\n")

    def test_loop_is_closed(self):
        self.server.open_loop("side")
        self.run_job(argv("true"))
        before = self.descriptors()
        id = self.server.submit(self.hostile("setsid"), loop="side")["id"]
        self.expect_starts(1)
        self.server.cancel(id)
        self.server.wait(id)
        self.assertEqual(os.read(self.fifo.fd, 1000), b"")
        self.assertEqual(self.server.delete("/v1/loops/side").status, 204)
        awaitd.until(lambda: descriptors(self.spawner) == before[1] - 1, "the end of the loop's channel")


def most_memory(pid):
    with open(f"/proc/{pid}/status") as file:
        return int(next(line for line in file if line.startswith("VmHWM")).split()[1]) << 10


# Gives its standard output away, and exits.
HANDS_OVER = """
import os, socket, sys
with socket.socket(socket.AF_UNIX) as connection:
    connection.connect(sys.argv[1])
    socket.send_fds(connection, [str(os.getpid()).encode()], [1])
"""


class Much(WithProcesses):
    def test_flood(self):
        """What one prints without end keeps nobody else waiting."""
        ids = [self.server.submit(argv("yes"))["id"] for _ in range(8)]
        for _ in range(3):
            self.assertEqual(self.output_of(argv("echo", "a word")), "a word\n")
        for id in ids:
            self.server.cancel(id)
        for id in ids:
            self.assertEqual(self.server.wait(id)["state"], "cancelled")

    def test_all_of_a_flood_is_counted(self):
        result = self.run_job(argv("head", "-c", "50000000", "/dev/zero"))["result"]
        self.assertEqual((result["stdout"], result["stdout_tail"]), ("\0" * 524288,) * 2)
        self.assertEqual(result["stdout_dropped"], 50000000 - 1048576)

    @unittest.skipIf("tsan" in awaitd.BINARY, "TSan itself takes many times the memory")
    def test_a_flood_of_lines_waits_for_the_disk(self):
        """What many print is read no faster than it gets into their task's log, and is all there."""
        self.server.stop()
        sanitizer = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=1"
        self.server.env = {"ASAN_OPTIONS": sanitizer.lstrip(":")}
        self.server.start()
        path, size = os.path.join(self.server.folder, "lines"), 9500 * 100
        with open(path, "w") as file:
            file.write(("x" * 99 + "\n") * 9500)
        self.run_job(argv("true"))
        before = most_memory(self.server.pid)
        task = self.run_job({"op": "map", "items": list(range(64)), "concurrency": 16, "body": argv("cat", path, max_output=2)})
        self.assertEqual([result["stdout_dropped"] for result in task["result"]], [size - 2] * 64)
        self.assertLess(most_memory(self.server.pid) - before, 150 << 20)  # of 250 MB that it would take

    def test_output_is_read_to_the_end(self):
        """Also where somebody else holds it open for longer than we wait, and we were not there meanwhile."""
        path = os.path.join(self.server.folder, "socket")
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(path)
            listener.listen()
            listener.settimeout(awaitd.PATIENCE)
            id = self.server.submit(argv(sys.executable, "-c", HANDS_OVER, path))["id"]
            connection = listener.accept()[0]
        with connection:
            pid, (output, *_), _, _ = socket.recv_fds(connection, 100, 1)
        awaitd.until(lambda: stat_of(int(pid)) is None, "its end")
        self.server.get("/v1/loops")
        os.kill(self.server.pid, signal.SIGSTOP)
        os.write(output, b"said later")
        time.sleep(1.2)  # longer than the server waits for the end of the output
        os.kill(self.server.pid, signal.SIGCONT)
        self.assertEqual(self.server.wait(id)["result"]["stdout"], "said later")
        os.close(output)

    def test_too_few_descriptors(self):
        """Those that cannot be started for now are started later."""
        server = ServerOf("prlimit", "--nofile=128:128")
        self.addCleanup(server.close)
        task = server.run(gather(*[shell(f"sleep 0.1; echo {n}", stdin="x") for n in range(150)]))
        self.assertEqual(task["state"], "succeeded", task)
        self.assertEqual([result["stdout"] for result in task["result"]], [f"{n}\n" for n in range(150)])
        server.stop()

    @unittest.skipUnless(os.geteuid() == 0, "needs a user of its own")
    def test_too_few_processes(self):
        """So many that the kernel refuses to fork (EAGAIN): all have their turn."""
        user = ["setpriv", "--reuid=54321", "--regid=54321", "--clear-groups"]
        if subprocess.run([*user, "test", "-x", awaitd.BINARY]).returncode:
            self.skipTest("no other user can run the server here")
        server = ServerOf(*user, "prlimit", "--nproc=48:48", owner=54321)
        self.addCleanup(server.close)
        task = server.run(gather(*[argv("sleep", "0.1") for _ in range(150)]))
        self.assertEqual(task["state"], "succeeded", task)
        server.stop()

    def test_signals_to_many_at_once(self):
        """More than fit into the channel to the spawner."""
        n = 300
        fifo = awaitd.Fifo(self)
        id = self.server.submit(gather(*[shell(fifo.hold("started") + "; exec sleep 3600") for _ in range(n)]))["id"]
        said = 0
        while said < n:
            said += fifo.read().count("\n")
        self.server.cancel(id)
        self.assertEqual(self.server.wait(id)["state"], "cancelled")
        self.assertEqual(os.read(fifo.fd, 100), b"")


class StartsThatWait(WithProcesses):
    """The spawner has no descriptor to spare: it is asked again and again, until it has."""

    def setUp(self):
        super().setUp()
        self.run_job(argv("true"))
        self.limit = resource.prlimit(self.spawner, resource.RLIMIT_NOFILE)

    def starve(self):
        used = len(os.listdir(f"/proc/{self.spawner}/fd"))
        resource.prlimit(self.spawner, resource.RLIMIT_NOFILE, (used, self.limit[1]))

    def n_wakes(self):
        with open(f"/proc/{self.spawner}/status") as file:
            return int(next(line for line in file if line.startswith("voluntary_ctxt")).split()[1])

    def submit_starving(self, spec):
        """Its start has failed a few times when this returns."""
        self.starve()
        before = self.n_wakes()
        id = self.server.submit(spec)["id"]
        awaitd.until(lambda: self.n_wakes() > before + 3, "starts that fail")
        return id

    def result(self, id):
        resource.prlimit(self.spawner, resource.RLIMIT_NOFILE, self.limit)
        task = self.server.wait(id)
        self.assertEqual(task["state"], "succeeded", task)
        return task["result"]

    def test_input_is_written_once_it_runs(self):
        id = self.submit_starving(argv("cat", stdin="from the spec"))
        self.assertEqual(self.result(id)["stdout"], "from the spec")

    def test_input_from_a_client_is_not_lost(self):
        id = self.submit_starving(argv("cat", stdin="from the spec, ", stdin_from="client"))
        answers = []
        feed = threading.Thread(target=lambda: answers.append(self.server.post(
            f"/v1/tasks/{id}/stdin?close=1", b"from a client", Content_Type="application/octet-stream")))
        feed.start()
        self.assertEqual(self.result(id)["stdout"], "from the spec, from a client")
        feed.join()
        self.assertEqual(answers[0].status, 200, answers)

    def test_signals(self):
        """Those that do not end a program do not end one that has not begun either."""
        quiet, ended = argv("echo", "here"), shell("echo there", check=False)
        id = self.submit_starving(gather({**quiet, "name": "quiet"}, {**ended, "name": "ended"}))
        for name, number in ("quiet", "SIGWINCH"), ("quiet", "SIGCONT"), ("ended", "SIGHUP"):
            self.assertEqual(self.server.post(f"/v1/tasks/{id}/signal", {"name": name, "signal": number}).status, 200)
        first, second = self.result(id)
        self.assertEqual((first["stdout"], second["signal"]), ("here\n", "SIGHUP"))


if __name__ == "__main__":
    unittest.main()
