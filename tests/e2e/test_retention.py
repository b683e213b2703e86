"""What is forgotten, and when: --retain, a task's own ttl, groups, the file that shrinks."""

import os
import sqlite3
import subprocess
import time
import unittest

import awaitd

GOOD = {"op": "value", "value": 1}
BAD = {"op": "raise", "type": "ValueError"}
FOREVER = {"op": "sleep", "seconds": 3600}
DAY_US = 86400 * 10**6


def seconds_between(earlier, later):
    import datetime
    parse = datetime.datetime.fromisoformat
    return (parse(later.replace("Z", "+00:00")) - parse(earlier.replace("Z", "+00:00"))).total_seconds()


class Retention(unittest.TestCase):
    def serve(self, *options, **more):
        self.server = awaitd.Server(*options, **more)
        self.addCleanup(self.server.close)
        return self.server

    def is_there(self, id, kind="tasks"):
        status = self.server.get(f"/v1/{kind}/{id}").status
        self.assertIn(status, (200, 404))
        return status == 200

    def until_gone(self, id, kind="tasks"):
        awaitd.until(lambda: not self.is_there(id, kind), f"{kind} {id} is forgotten")

    def make_old(self, days, where="1"):
        """Stops the server, and has all that is in the file have happened days ago."""
        self.server.stop()
        self.sql(f"""UPDATE tasks SET created_at = created_at - {days * DAY_US}, started_at = started_at - {days * DAY_US},
                     finished_at = finished_at - {days * DAY_US} WHERE {where}""")

    def sql(self, text):
        database = sqlite3.connect(self.server.db)
        try:
            with database:
                return database.execute(text).fetchall()
        finally:
            database.close()

    def start_with(self, *options):
        self.server.options = options
        self.server.start()

    # ---- ttl ----

    def test_ttl(self):
        self.serve()
        kept, long = self.server.run(GOOD), self.server.run(GOOD, ttl=3600.25)
        short, none = self.server.run(GOOD, ttl=0), self.server.run(BAD, ttl=None)
        running = self.server.submit(FOREVER, ttl=0)
        self.assertEqual((kept["ttl"], kept["expires_at"]), (None, None))
        self.assertEqual((none["ttl"], none["expires_at"]), (None, None))
        self.assertEqual((running["ttl"], running["expires_at"]), (0, None))
        self.assertEqual((short["ttl"], short["expires_at"]), (0, short["finished_at"]))
        self.assertEqual(long["ttl"], 3600.25)
        self.assertEqual(seconds_between(long["finished_at"], long["expires_at"]), 3600.25)
        self.until_gone(short["id"])
        self.server.restart()
        self.assertEqual(self.server.task(long["id"]), long)
        self.assertTrue(self.is_there(kept["id"]))
        self.assertTrue(self.is_there(running["id"]))
        self.server.cancel(running["id"])
        self.until_gone(running["id"])
        self.server.stop()

    def test_ttl_in_memory(self):
        self.serve(db=":memory:")
        short, long = self.server.run(GOOD, ttl=0), self.server.run(GOOD, ttl=3600)
        self.until_gone(short["id"])
        self.assertTrue(self.is_there(long["id"]))
        self.server.stop()

    def test_nothing_is_left_of_it(self):
        self.serve()
        task = self.server.run({"op": "sequence", "steps": [{"op": "log", "message": "hello"}, GOOD]}, ttl=0,
                               labels={"a": "b"}, name="short")
        self.until_gone(task["id"])
        self.assertEqual(self.server.list("label=a:b"), [])
        self.assertEqual(self.server.get(f"/v1/tasks/{task['id']}/log").status, 404)
        self.server.stop()
        for table in ("tasks", "specs", "outcomes", "labels", "log", "futures", "journal"):
            self.assertEqual(self.sql(f"SELECT count(*) FROM {table}"), [(0,)], table)

    # ---- --retain ----

    def test_age(self):
        self.serve()
        old, failed, own = self.server.run(GOOD), self.server.run(BAD), self.server.run(GOOD, ttl=60 * 86400)
        soon = self.server.run(GOOD, ttl=86400)
        running = self.server.submit(FOREVER)
        self.make_old(20)
        self.start_with("--retain", "7d,failed=30d")
        young = self.server.run(GOOD)
        self.until_gone(old["id"])
        self.until_gone(soon["id"])
        for task in failed, own, running, young:
            self.assertTrue(self.is_there(task["id"]))
        self.assertEqual(seconds_between(young["finished_at"], young["expires_at"]), 7 * 86400)
        failed = self.server.task(failed["id"])
        self.assertEqual(seconds_between(failed["finished_at"], failed["expires_at"]), 30 * 86400)
        self.server.stop()

    def test_age_while_it_runs(self):
        self.serve("--retain", "0s,failed=forever")
        failed, good = self.server.run(BAD), self.server.run(GOOD)
        self.until_gone(good["id"])
        self.assertTrue(self.is_there(failed["id"]))
        self.server.stop()

    def test_forever(self):
        self.serve()
        old, marker = self.server.run(GOOD), self.server.run(GOOD, ttl=3 * 365 * 86400)
        self.make_old(10 * 365)
        self.start_with()
        self.until_gone(marker["id"])
        self.assertTrue(self.is_there(old["id"]))
        self.server.stop()

    def test_count(self):
        self.serve("--retain", "5,failed=2")
        running = self.server.submit(FOREVER)
        own = self.server.run(GOOD, ttl=3600)
        ids = [self.server.run(GOOD)["id"] for _ in range(4)]
        failed = [self.server.run(BAD)["id"] for _ in range(3)]
        ids += [self.server.run(GOOD)["id"] for _ in range(2)]
        expected = sorted([running["id"], own["id"], ids[3], *failed[1:], *ids[4:]])

        def ids_now():
            return sorted(task["id"] for task in self.server.list("limit=1000"))

        awaitd.until(lambda: ids_now() == expected, "the newest are left")
        self.server.stop()

    def test_many(self):
        """More than fit into one portion, with a restart in between."""
        self.serve()
        keep = [self.server.run(BAD)["id"] for _ in range(3)]
        connection = self.server.open_http()
        for _ in range(600):
            self.server.request("POST", "/v1/tasks", {"spec": GOOD}, connection=connection)
        connection.close()
        awaitd.until(lambda: self.server.get("/healthz").json["open_tasks"] == 0, "all have ended")
        self.make_old(3, "state = 2")
        self.start_with("--retain", "succeeded=1d")
        self.server.restart()
        awaitd.until(lambda: sorted(task["id"] for task in self.server.list("limit=1000")) == keep, "the others are gone")
        self.server.stop()

    def test_nonsense(self):
        self.serve()
        for value in "7x", "", "running=1d", "1d,2d":
            ended = subprocess.run([awaitd.BINARY, "--listen", "127.0.0.1:0", "--db", ":memory:", f"--retain={value}"],
                                   capture_output=True, text=True, env=awaitd.Server.environment(), timeout=awaitd.PATIENCE)
            self.assertEqual(ended.returncode, 64, ended.stderr)
            self.assertIn("failed=90d", ended.stderr)
        self.server.stop()

    def test_environment(self):
        self.serve(env={"AWAITD_RETAIN": "succeeded=0s"})
        self.until_gone(self.server.run(GOOD)["id"])
        self.server.stop()

    # ---- groups ----

    def test_groups(self):
        """Nothing of a group that goes on is forgotten; then it goes by its own end."""
        self.serve("--retain", "0s,failed=1d")
        group = self.server.post("/v1/groups", {}).json["id"]
        ids = [self.server.post(f"/v1/groups/{group}/tasks", {"spec": GOOD, **more}, Prefer="wait=60").json["id"]
               for more in ({}, {"ttl": 0})]
        marker = self.server.run(GOOD)["id"]
        self.until_gone(marker)
        for id in ids:
            self.assertTrue(self.is_there(id))
        self.server.kill()
        self.server.start()
        self.assertEqual(self.server.post(f"/v1/groups/{group}/close?wait=60").json["result"], [1, 1])
        for id in ids:
            self.until_gone(id)
        self.until_gone(group, "groups")

        failed = self.server.post("/v1/groups", {}).json["id"]
        self.server.post(f"/v1/groups/{failed}/tasks", {"spec": BAD})
        self.assertEqual(self.server.post(f"/v1/groups/{failed}/close?wait=60").json["state"], "failed")
        marker = self.server.run(GOOD)["id"]
        self.until_gone(marker)
        self.assertTrue(self.is_there(failed, "groups"))
        self.server.stop()

    def test_groups_by_count(self):
        self.serve("--retain", "2")
        groups = [self.server.post("/v1/groups", {}).json["id"] for _ in range(2)]
        self.server.post(f"/v1/groups/{groups[0]}/close?wait=60")
        ids = [self.server.run(GOOD)["id"] for _ in range(3)]
        newest = self.server.post("/v1/groups", {}).json["id"]
        self.server.post(f"/v1/groups/{newest}/close?wait=60")
        self.until_gone(groups[0], "groups")  # older than three finished tasks
        self.until_gone(ids[0])
        self.assertTrue(self.is_there(groups[1], "groups"))  # goes on
        self.assertTrue(self.is_there(newest, "groups"))
        self.server.stop()

    # ---- the file ----

    def test_file_shrinks(self):
        """While the server is idle, and before it ends."""
        self.serve()
        size = 1000000
        for _ in range(12):
            self.server.run({"op": "value", "value": "x" * size})
        kept = self.server.run({"op": "value", "value": "y" * size}, ttl=3600)
        before = os.path.getsize(self.server.db)
        self.make_old(3, "ttl IS NULL")
        self.start_with("--retain", "1d")
        awaitd.until(lambda: os.path.getsize(self.server.db) < before / 3, "the file is smaller")
        self.assertEqual(self.server.task(kept["id"])["result"], "y" * size)
        self.server.stop()
        self.assertEqual(self.sql("PRAGMA integrity_check"), [("ok",)])


if __name__ == "__main__":
    unittest.main()
