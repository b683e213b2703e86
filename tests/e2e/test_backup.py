"""POST /v1/backup: a copy of the database, made while it is in use."""

import contextlib
import http.client
import os
import resource
import shutil
import signal
import sqlite3
import threading
import unittest

import awaitd

GOOD = {"op": "value", "value": 1}
FOREVER = {"op": "sleep", "seconds": 3600}


class Backup(unittest.TestCase):
    def serve(self, *options, **more):
        self.server = awaitd.Server(*options, **more)
        self.addCleanup(self.server.close)
        return self.server

    def back_up(self, status=201, **fields):
        answer = self.server.post("/v1/backup", fields or None)
        self.assertEqual(answer.status, status, answer)
        return answer.json

    def folder(self):
        return os.path.join(self.server.folder, "backups")

    def check(self, path):
        """It is sound; and awaitd serves it. The ids of its tasks."""
        copy = os.path.join(self.server.folder, "copy.db")
        shutil.copy(path, copy)  # as a server makes files beside it
        database = sqlite3.connect(copy)
        self.assertEqual(database.execute("PRAGMA integrity_check").fetchall(), [("ok",)])
        database.close()
        with awaitd.Server(db=copy) as other:
            tasks = other.list("limit=1000")
        return {task["id"] for task in tasks}

    def test_copy(self):
        self.serve()
        ended, running = self.server.run(GOOD, labels={"a": "b"}), self.server.submit(FOREVER)
        backup = self.back_up(name="first.db")
        later = self.server.run(GOOD)
        self.assertEqual(backup["path"], os.path.join(self.folder(), "first.db"))
        self.assertEqual(backup["bytes"], os.path.getsize(backup["path"]))
        self.assertEqual(os.stat(backup["path"]).st_mode & 0o777, 0o600)
        self.assertEqual(os.listdir(self.folder()), ["first.db"])
        with awaitd.Server(db=backup["path"]) as other:
            self.assertEqual(other.task(ended["id"]), ended)
            self.assertEqual(other.task(running["id"])["state"], "running")
            self.assertEqual(other.get(f"/v1/tasks/{later['id']}").status, 404)
        self.server.stop()

    def test_names(self):
        self.serve()
        paths = {self.back_up()["path"] for _ in range(3)} | {self.back_up(name=None)["path"]}
        self.assertEqual(len(paths), 4)
        for path in paths:
            self.assertRegex(path, rf"^{self.folder()}/awaitd-\d{{8}}T\d{{6}}\.\d{{3}}Z\.db$")
        self.back_up(name="again.db")
        before = os.stat(os.path.join(self.folder(), "again.db"))
        self.assertIn("there is a file", self.back_up(409, name="again.db")["detail"])
        self.assertEqual(os.stat(os.path.join(self.folder(), "again.db")), before)
        self.assertEqual(len(os.listdir(self.folder())), 5)
        self.server.stop()

    def test_folder(self):
        self.serve("--backup-dir", "/proc/nothing")
        self.back_up(500)
        self.assertIn("/proc/nothing", self.server.stderr())
        self.server.stop()
        self.server.options = ("--backup-dir", os.path.join(self.server.folder, "elsewhere"))
        self.server.start()
        self.assertEqual(self.back_up(name="a.db")["path"], os.path.join(self.server.folder, "elsewhere", "a.db"))
        self.server.stop()

    def test_memory(self):
        self.serve(db=":memory:")
        self.assertIn("in memory", self.back_up(409)["detail"])
        self.server.stop()

    def test_under_load(self):
        """All that was acknowledged before is in each copy, while others are submitted all the time."""
        self.serve()
        acknowledged, failures, is_over = [], [], threading.Event()

        def submit():
            connection = self.server.open_http()
            try:
                while not is_over.is_set():
                    answer = self.server.request("POST", "/v1/tasks", {"spec": GOOD}, connection=connection)
                    assert answer.status == 202, answer
                    acknowledged.append(answer.json["id"])
            except Exception as error:
                failures.append(error)
            finally:
                connection.close()

        threads = [threading.Thread(target=submit) for _ in range(4)]
        for thread in threads:
            thread.start()
        try:
            for number in range(3):
                n = len(acknowledged) + 50
                awaitd.until(lambda: len(acknowledged) >= n or failures, "more tasks")
                before = set(acknowledged)
                path = self.back_up(name=f"{chr(97 + number)}.db")["path"]
                self.assertLessEqual(before, self.check(path))
        finally:
            is_over.set()
            for thread in threads:
                thread.join()
        self.assertEqual(failures, [])
        self.server.stop()

    def fill(self, megabytes):
        for _ in range(megabytes):
            self.server.run({"op": "value", "value": "x" * 1000000})

    def test_one_at_a_time(self):
        """Two at once: both are made, or one is told to come again."""
        self.serve()
        self.fill(8)
        answers = []
        threads = [threading.Thread(target=lambda: answers.append(self.server.post("/v1/backup"))) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        made = [answer for answer in answers if answer.status == 201]
        self.assertTrue(made)
        for answer in answers:
            self.assertIn(answer.status, (201, 409))
        self.assertEqual(len(os.listdir(self.folder())), len(made))
        self.server.stop()

    def test_no_room(self):
        """A limit on the size of files stands for a full disk."""
        self.serve()
        self.fill(4)
        self.server.restart()  # nothing is left in the log
        hard = resource.prlimit(self.server.pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(self.server.pid, resource.RLIMIT_FSIZE, (1 << 20, hard))
        self.assertIn("no room", self.back_up(507)["detail"])
        self.assertEqual(os.listdir(self.folder()), [])
        resource.prlimit(self.server.pid, resource.RLIMIT_FSIZE, (hard, hard))
        self.back_up(name="a.db")
        self.assertEqual(os.listdir(self.folder()), ["a.db"])
        self.server.stop()

    def test_client_leaves(self):
        """The copy is made all the same."""
        self.serve()
        self.fill(4)
        with self.server.connect() as connection:
            connection.sendall(b"POST /v1/backup HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                               b'Content-Length: 15\r\n\r\n{"name":"a.db"}')
            awaitd.until(lambda: os.path.exists(self.folder()), "the copy is begun")
        awaitd.until(lambda: os.path.exists(os.path.join(self.folder(), "a.db")), "the copy")
        self.assertIn("all fine", self.server.run({"op": "value", "value": "all fine"})["result"])
        self.server.stop()

    def test_stop(self):
        """The server's end cuts the copy off, or it was made before: nothing half is left."""
        self.serve()
        self.fill(30)
        answers = []
        thread = threading.Thread(target=lambda: answers.append(self.server.post("/v1/backup", {"name": "a.db"})))
        thread.start()
        partial = os.path.join(self.folder(), ".awaitd.db.partial")
        awaitd.until(lambda: os.path.exists(partial) or answers, "the copy is begun")
        self.server.process.send_signal(signal.SIGTERM)
        thread.join()
        self.assertEqual(self.server.ended(), 0)
        self.assertIn(answers[0].status, (201, 503))
        self.assertEqual(os.listdir(self.folder()), ["a.db"] if answers[0].status == 201 else [])

    def test_kill(self):
        """What is left of a copy is no obstacle to the next."""
        self.serve()
        self.fill(30)

        def ask():
            with contextlib.suppress(OSError, http.client.HTTPException):
                self.server.post("/v1/backup")

        thread = threading.Thread(target=ask)
        thread.start()
        partial = os.path.join(self.folder(), ".awaitd.db.partial")
        awaitd.until(lambda: os.path.exists(self.folder()), "the copy is begun")
        self.server.kill()
        thread.join()
        with open(partial, "ab") as file:  # if it was too quick
            file.write(b"half a copy")
        self.server.start()
        self.back_up(name="a.db")
        self.assertFalse(os.path.exists(partial))
        self.server.stop()


if __name__ == "__main__":
    unittest.main()
