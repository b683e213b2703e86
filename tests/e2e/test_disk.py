"""Disks that are full, fail, or may only be read; databases of other versions and of other programs; `awaitd check`."""

import contextlib
import hashlib
import os
import pathlib
import shutil
import sqlite3
import subprocess
import tempfile
import unittest

import awaitd

FOREVER = {"op": "sleep", "seconds": 1000}
MIGRATIONS = sorted((awaitd.ROOT / "schema/sql").glob("[0-9]*.sql"))
VERSION = len(MIGRATIONS)
SYNC_FAILS = awaitd.ROOT / "build/test-faults/sync.so"
APPLICATION = 0x61776474
EX_USAGE, EX_DATAERR, EX_NOINPUT, EX_OSERR, EX_CANTCREAT, EX_IOERR, EX_TEMPFAIL, EX_CONFIG = 64, 65, 66, 71, 73, 74, 75, 78


def make_database(path, version, rows=""):
    """As the program of that version would have left it."""
    database = sqlite3.connect(path, isolation_level=None)
    database.execute("PRAGMA journal_mode = WAL")
    for file in MIGRATIONS[:version]:
        database.executescript(file.read_text())
    database.executescript(f"PRAGMA application_id = {APPLICATION}; PRAGMA user_version = {version}; {rows}")
    database.close()


def sums(folder):
    """What is in the folder, but for the lock and the log's index, which are as each start makes them, and what is empty."""
    paths = [path for path in sorted(pathlib.Path(folder).iterdir()) if path.suffix != ".lock" and not path.name.endswith("-shm")]
    return {path: hashlib.md5(path.read_bytes()).hexdigest() for path in paths if path.stat().st_size > 0}


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="awaitd-disk-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.db = os.path.join(self.folder, "awaitd.db")

    def mount(self, size):
        """A small disk, which only root can make."""
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", self.folder], capture_output=True)
        if mounted.returncode != 0:
            self.skipTest("cannot mount a tmpfs: " + mounted.stderr.decode().strip())
        self.addCleanup(subprocess.run, ["umount", self.folder], check=True)

    def remount(self, options):
        subprocess.run(["mount", "-o", f"remount,{options}", self.folder], check=True)

    def serve(self, env=None):
        server = awaitd.Server(db=self.db, env=env)
        self.addCleanup(server.close)
        return server

    def run_program(self, *words):
        done = subprocess.run([awaitd.BINARY, *words], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=awaitd.PATIENCE, env=awaitd.Server.environment())
        self.assertFalse(any(word in done.stderr for word in awaitd.REPORTS), done.stderr)
        return done

    def check(self, path=None):
        return self.run_program("check", path or self.db)

    def assert_refused(self, status, said):
        """The server does not start, says why in one line, and changes nothing."""
        before = sums(self.folder)
        done = self.run_program("serve", "--listen", "127.0.0.1:0", "--db", self.db)
        self.assertEqual((done.returncode, done.stdout), (status, ""), done)
        refusals = [line for line in done.stderr.splitlines() if line.startswith("awaitd: ")]
        self.assertEqual(len(refusals), 1, done.stderr)
        self.assertRegex(refusals[0], said)
        self.assertEqual(sums(self.folder), before)


class Starting(Folder):
    def test_read_only(self):
        self.mount("32m")
        with self.serve() as server:
            server.run({"op": "value", "value": 1})
        os.unlink(self.db + ".lock")
        self.remount("ro")
        self.assert_refused(EX_OSERR, r"awaitd\.db\.lock: Read-only file system")
        self.assertEqual(self.check().returncode, 0)
        self.remount("rw")
        self.serve().stop()

    def test_newer(self):
        make_database(self.db, VERSION, "PRAGMA user_version = 77; PRAGMA journal_mode = DELETE")
        self.assert_refused(EX_CONFIG, f"version 77 of the schema, this program knows {VERSION}.*use a newer awaitd")
        self.assertEqual(os.listdir(self.folder).count("awaitd.db-wal"), 0)

    def test_another_programs(self):
        database = sqlite3.connect(self.db)
        database.execute("CREATE TABLE precious (data)")
        database.close()
        self.assert_refused(EX_CONFIG, "a database of another program; it was left as it is")

    def test_older(self):
        """It is upgraded, and what it was stays beside it, and can be put back."""
        rows = """INSERT INTO specs VALUES (1, '{"op":"value","value":7}');
                  INSERT INTO tasks (id, state, created_at, spec) VALUES (X'01980e5a6f2b7c3d9e4f0123456789ab', 0, 5, 1)"""
        for version in range(1, VERSION):
            with self.subTest(version=version):
                make_database(self.db, version, rows)
                copy = f"{self.db}.v{version}"
                for _ in range(2):
                    with self.serve() as server:
                        self.assertIn(f"version {version} of the schema, is upgraded to {VERSION}", server.stderr())
                        task = server.wait("01980e5a-6f2b-7c3d-9e4f-0123456789ab")
                        self.assertEqual(task["result"], 7)
                    self.assertIn(f"version {VERSION} of", self.check().stdout)
                    self.assertIn(f"1 of them under way, version {version} of", self.check(copy).stdout)
                    os.rename(copy, self.db)
                os.unlink(self.db)

    def test_no_room_for_the_copy(self):
        self.mount("64m")
        rows = """INSERT INTO specs VALUES (1, '["' || hex(zeroblob(2500000)) || '"]');
                  INSERT INTO tasks (id, state, created_at, finished_at, spec, result) VALUES
                  (X'01980e5a6f2b7c3d9e4f0123456789ab', 2, 5, 6, 1, '1')"""
        make_database(self.db, 1, rows)
        self.remount("size=8m")
        self.assert_refused(EX_IOERR, "no room on the disk for a copy of it.*left as it is: make some")
        self.remount("size=64m")
        with self.serve() as server:
            self.assertEqual(server.task("01980e5a-6f2b-7c3d-9e4f-0123456789ab")["result"], 1)


class Full(Folder):
    def fill(self):
        path = os.path.join(self.folder, "filler")
        with open(path, "ab", buffering=0) as file, contextlib.suppress(OSError):
            while file.write(b"x" * 4096):
                pass
        return path

    def submit_until_refused(self, server):
        """The first ones may still find a gap. The first one that is refused."""
        def refused():
            answer = server.post("/v1/tasks", {"spec": {"op": "value", "value": "x" * 5000}, "name": "gap"})
            return answer if answer.status == 507 else self.assertEqual(answer.status, 202)
        return awaitd.until(refused, "a submission is refused")

    def test_what_runs_goes_on(self):
        """Processes that have to begin, lines, results: all is written while what is new is refused."""
        self.mount("16m")
        gate = os.path.join(self.folder, "gate")
        os.mkfifo(gate)
        lines = [{"op": "log", "message": f"line {i} " + "x" * 1000} for i in range(20)]
        steps = [{"op": "subprocess", "shell": f"read line <{gate}"}, *lines, {"op": "subprocess", "shell": "echo again"}, {"op": "sleep", "seconds": 0.01}, {"op": "value", "value": "x" * 50_000}]
        with self.serve() as server:
            id = server.submit({"op": "sequence", "steps": steps})["id"]
            cancelled = server.submit(FOREVER)["id"]
            filler = self.fill()
            answer = self.submit_until_refused(server)
            self.assertGreater(int(answer.headers["Retry-After"]), 0)
            self.assertIn("no room", answer.json["detail"])
            self.assertEqual(server.get("/healthz").status, 200)
            with open(gate, "w") as file:
                file.write("go\n")
            self.assertEqual(server.wait(id)["result"], "x" * 50_000)
            self.assertEqual(len(server.log(id)), 21)
            self.assertFalse(os.path.exists(self.db + ".reserve"))
            self.assertEqual(server.post("/v1/tasks", {"spec": FOREVER}).status, 507)
            self.assertEqual(server.cancel(cancelled).status, 202)
            self.assertEqual(server.wait(cancelled)["state"], "cancelled")
            self.assertEqual(server.post("/v1/tasks", {"spec": FOREVER}).status, 507)
            os.unlink(filler)
            self.assertEqual(server.run({"op": "value", "value": 1}, name="taken")["result"], 1)
            self.assertTrue(os.path.exists(self.db + ".reserve"))
            server.restart()
            self.assertEqual(server.wait(id)["result"], "x" * 50_000)
        self.assertEqual(self.check().returncode, 0)

    def test_starts_on_a_full_disk(self):
        """With the room that the last server kept."""
        self.mount("16m")
        with self.serve() as server:
            id = server.submit({"op": "sleep", "seconds": 0.1, "result": "x" * 9000})["id"]
            server.kill()
            filler = self.fill()
            server.start()
            self.assertEqual(server.wait(id)["result"], "x" * 9000)
            self.assertEqual(server.post("/v1/tasks", {"spec": FOREVER}).status, 507)
            os.unlink(filler)
            self.assertEqual(server.run({"op": "value", "value": 1})["result"], 1)


class SyncFails(Folder):
    def test_exits_and_recovers(self):
        """Nobody knows what is on the disk then: it says so, and the next start finds out."""
        switch = os.path.join(self.folder, "sync-fails")
        env = {"LD_PRELOAD": str(SYNC_FAILS), "FAIL_SYNC": switch,
               "ASAN_OPTIONS": os.environ.get("ASAN_OPTIONS", "") + ":verify_asan_link_order=0"}
        server = self.serve(env)
        done = server.run({"op": "value", "value": 1})["id"]
        open_task = server.submit({"op": "sleep", "seconds": 0.5, "result": 2})["id"]
        open(switch, "w").close()
        answer = server.post("/v1/tasks", {"spec": {"op": "value", "value": 3}, "name": "unknown"})
        self.assertEqual(answer.status, 503)
        self.assertIn("unknown", answer.json["detail"])
        self.assertEqual(server.ended(), EX_TEMPFAIL)
        self.assertIn("whether the last changes were kept is unknown", server.stderr())
        os.unlink(switch)
        server.start()
        self.assertEqual(server.wait(done)["result"], 1)
        self.assertEqual(server.wait(open_task)["result"], 2)
        self.assertLessEqual(len(server.list("name=unknown")), 1)
        server.stop()
        self.assertEqual(self.check().returncode, 0)


class Check(Folder):
    def test_in_order(self):
        with self.serve() as server:
            server.run({"op": "value", "value": 1})
            server.submit(FOREVER)
        before = sums(self.folder)
        done = self.check()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout, f"{self.db}: in order: 2 tasks, 1 of them under way, version {VERSION} of the schema\n")
        self.assertEqual(sums(self.folder), before)

    def test_after_a_crash(self):
        """What is still in the log counts."""
        server = self.serve()
        server.run({"op": "value", "value": 1})
        server.kill()
        before = sums(self.folder)
        done = self.check()
        self.assertEqual((done.returncode, done.stderr), (0, ""), done)
        self.assertIn("in order: 1 tasks, 0 of them", done.stdout)
        self.assertEqual(sums(self.folder), before)

    def test_not_in_order(self):
        with self.serve() as server:
            id = server.run({"op": "value", "value": 1})["id"]
        database = sqlite3.connect(self.db)
        database.executescript("UPDATE tasks SET result = NULL; INSERT INTO specs VALUES (77, '[]')")
        database.close()
        done = self.check()
        self.assertEqual((done.returncode, done.stderr), (1, ""))
        self.assertEqual(done.stdout.splitlines(), [
            "a spec belongs to no task: spec 77",
            f"a task succeeded and has no result, or has an error: {id}",
            f"{self.db}: not in order: 2 violations"])

    def test_server_has_it_open(self):
        with self.serve() as server:
            done = self.check()
            self.assertEqual((done.returncode, done.stdout), (EX_CANTCREAT, ""))
            self.assertRegex(done.stderr, rf"process {server.pid} has this database open")

    def test_cannot_be_checked(self):
        for words in ["check"], ["check", self.db, "more"], ["check", "--help"]:
            done = self.run_program(*words)
            self.assertEqual((done.returncode, done.stdout), (EX_USAGE, ""))
            self.assertIn("usage: awaitd check FILE", done.stderr)
        self.assertEqual(self.check().returncode, EX_NOINPUT)
        self.assertEqual(self.check(self.folder).returncode, EX_NOINPUT)
        with open(self.db, "wb") as file:
            file.write(b"Dear database,\n" * 1000)
        self.assertEqual(self.check().returncode, EX_DATAERR)
        os.unlink(self.db)
        make_database(self.db, VERSION, "PRAGMA user_version = 77")
        done = self.check()
        self.assertEqual(done.returncode, EX_CONFIG)
        self.assertIn("version 77", done.stderr)


if __name__ == "__main__":
    unittest.main()
