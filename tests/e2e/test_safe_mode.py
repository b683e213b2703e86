"""Too many crashes within a minute: the server starts in safe mode, where no job runs, until it is told to go on."""

import pathlib
import unittest

import awaitd

GOOD = {"op": "value", "value": 1}
FOREVER = {"op": "sleep", "seconds": 3600}


class SafeMode(unittest.TestCase):
    def setUp(self):
        self.server = awaitd.Server("--crash-loop", "2")
        self.addCleanup(self.server.close)
        self.notes = pathlib.Path(self.server.folder, "notes")

    def tearDown(self):
        self.server.stop()

    def note(self, word):
        """A leaf that leaves a trace when it runs."""
        return {"op": "subprocess", "shell": f"echo {word} >> {self.notes}"}

    def noted(self):
        return self.notes.read_text().split() if self.notes.exists() else []

    def crash(self, times):
        for _ in range(times):
            self.server.kill()
            self.server.start()

    def status(self):
        return self.server.get("/healthz").json["status"]

    def enter(self):
        self.crash(3)
        self.assertEqual(self.status(), "safe")

    def resume(self):
        answer = self.server.post("/v1/resume")
        self.assertEqual(answer.status, 200, answer)
        self.assertEqual(self.status(), "ok")
        return answer.json

    def refused(self, answer):
        self.assertEqual(answer.status, 503, answer)
        self.assertIn("safe mode: 3 starts", answer.json["detail"])
        self.assertIn("POST /v1/resume", answer.json["detail"])
        self.assertEqual(answer.headers["Retry-After"], "60")

    # ---- when ----

    def test_only_after_more_crashes_than_allowed(self):
        for _ in range(2):
            self.crash(1)
            self.assertEqual(self.status(), "ok")
            self.assertEqual(self.server.get("/readyz").status, 200)
            self.assertIn("did not end in order", self.server.stderr())
        self.crash(1)
        self.assertEqual(self.status(), "safe")
        self.refused(self.server.get("/readyz"))
        self.assertIn("SAFE MODE: 3 starts within a minute", self.server.stderr())

    def test_ends_in_order_are_no_crashes(self):
        for _ in range(5):
            self.server.restart()
        self.assertEqual(self.status(), "ok")
        self.assertNotIn("in order", self.server.stderr())

    def test_zero_is_never(self):
        self.server.options = ("--crash-loop", "0")
        self.crash(4)
        self.assertEqual(self.status(), "ok")

    def test_a_start_in_safe_mode_may_crash_too(self):
        self.enter()
        self.crash(1)
        self.assertEqual(self.status(), "safe")
        self.assertIn("4 starts", self.server.get("/readyz").json["detail"])

    def test_it_outlives_an_end_in_order(self):
        """The crashes are still less than a minute ago."""
        self.enter()
        self.server.restart()
        self.assertEqual(self.status(), "safe")
        self.server.options = ()  # the fixture's environment: 0
        self.server.restart()
        self.assertEqual(self.status(), "ok")

    # ---- what does not run ----

    def test_nothing_runs(self):
        """A deadline that passed, a sleep that is over, and a process that a crash cut short: none of them goes on."""
        tasks = [self.server.submit({"op": "sequence", "steps": [self.note("begun"), FOREVER, self.note("over")]})["id"],
                 self.server.submit(FOREVER, timeout=3600)["id"]]
        awaitd.until(self.noted, "the process")
        self.enter()
        before = self.noted()
        health = self.server.get("/healthz").json
        self.assertEqual((health["open_tasks"], health["submitted"], health["finished"]), (2, 0, 0))
        for id in tasks:
            self.assertEqual(self.server.task(id)["state"], "running")
        self.assertEqual(self.noted(), before)

    def test_what_needs_jobs_is_refused(self):
        id = self.server.submit({"op": "future", "name": "f"})["id"]
        group = self.server.post("/v1/groups").json["id"]
        self.enter()
        self.refused(self.server.post("/v1/tasks", {"spec": GOOD}))
        self.refused(self.server.post("/v1/tasks", {"spec": GOOD}, Prefer="wait=5"))
        self.refused(self.server.put("/v1/tasks/01980e5a-6f2b-7c3d-9e4f-0123456789ab", {"spec": GOOD}, If_None_Match="*"))
        self.refused(self.server.post("/v1/groups", {}))
        self.refused(self.server.post(f"/v1/groups/{group}/tasks", {"spec": GOOD}))
        self.refused(self.server.post(f"/v1/groups/{group}/close"))
        self.refused(self.server.post(f"/v1/groups/{group}/cancel"))
        self.refused(self.server.post("/v1/loops", {"name": "a"}))
        self.refused(self.server.delete("/v1/loops/main"))
        self.refused(self.server.put("/v1/loops/main/exception-handler", {"url": None}))
        self.refused(self.server.post("/v1/loops/main/run_until_complete", {"spec": GOOD}))
        self.refused(self.server.post(f"/v1/tasks/{id}/futures/f", {"result": 1}))
        self.refused(self.server.post(f"/v1/tasks/{id}/reschedule", {"seconds": 1}))
        self.refused(self.server.post(f"/v1/tasks/{id}/signal", {"signal": "TERM"}))
        self.refused(self.server.request("POST", f"/v1/tasks/{id}/stdin", b"x"))
        self.refused(self.server.get(f"/v1/tasks/{id}/tree"))
        self.assertEqual(self.server.get(f"/v1/groups/{group}").json["state"], "open")

    def test_reading_works(self):
        ended = self.server.run({"op": "log", "message": "hello"})["id"]
        open_task = self.server.submit({"op": "sequence", "steps": [{"op": "log", "message": "here"}, FOREVER]}, name="long")["id"]
        awaitd.until(lambda: self.server.get(f"/v1/tasks/{open_task}/log").json["lines"], "the line")
        self.server.define("good", GOOD)
        self.enter()
        self.assertEqual(self.server.task(ended)["state"], "succeeded")
        self.assertEqual([task["id"] for task in self.server.get("/v1/tasks?state=running").json["tasks"]], [open_task])
        self.assertEqual([task["id"] for task in self.server.get("/v1/tasks?name=long").json["tasks"]], [open_task])
        self.assertEqual(self.server.get(f"/v1/tasks/{open_task}?wait=30").json["state"], "running")
        self.assertEqual(self.server.get(f"/v1/tasks/{open_task}/log").json["lines"][0]["message"], "here")
        self.assertEqual(self.server.get(f"/v1/tasks/{ended}/tree").status, 200)
        self.assertEqual(self.server.get("/v1/coroutines/good").status, 200)
        self.assertEqual(self.server.get("/v1/loops").status, 200)
        self.assertEqual(self.server.get("/v1/executors").status, 200)
        self.assertEqual(self.server.delete(f"/v1/tasks/{ended}").status, 204)
        self.assertEqual(self.server.delete(f"/v1/tasks/{open_task}").status, 409)
        self.assertEqual(self.server.put("/v1/coroutines/better", {"body": GOOD}).status, 201)

    def test_it_ends_like_any_other(self):
        self.server.submit(FOREVER)
        self.enter()
        self.server.stop()
        self.server.start()
        self.assertNotIn("the last run", self.server.stderr())

    # ---- going on ----

    def test_resume(self):
        id = self.server.submit({"op": "future", "name": "f"})["id"]
        self.enter()
        self.assertEqual(self.server.task(id)["starts"], 3)  # not in this run
        self.assertEqual(self.resume()["open_tasks"], 1)
        self.assertEqual(self.server.get("/readyz").status, 200)
        self.assertEqual(self.server.task(id)["starts"], 4)
        self.assertEqual(self.server.post(f"/v1/tasks/{id}/futures/f", {"result": 7}).status, 200)
        self.assertEqual(self.server.wait(id)["result"], 7)
        self.assertEqual(self.server.run(GOOD)["result"], 1)
        self.assertEqual(self.server.get("/healthz").json["open_tasks"], 0)

    def test_resume_is_for_safe_mode(self):
        self.assertEqual(self.server.post("/v1/resume").status, 409)
        self.enter()
        self.resume()
        self.assertEqual(self.server.post("/v1/resume").status, 409)

    def test_loops_and_groups_go_on(self):
        self.server.options = ("--crash-loop", "2", "--loops", "2")
        self.server.restart()
        self.server.post("/v1/loops", {"name": "own"})
        group = self.server.post("/v1/groups").json["id"]
        ids = [self.server.submit({"op": "future", "name": "f"}, loop=loop)["id"] for loop in ("main", "main-2", "own")]
        ids.append(self.server.post(f"/v1/groups/{group}/tasks", {"spec": {"op": "future", "name": "f"}}).json["id"])
        self.enter()
        self.assertEqual(self.server.get(f"/v1/tasks/{ids[2]}?wait=1").json["state"], "running")
        self.assertEqual(self.resume()["open_tasks"], 4)
        for number, id in enumerate(ids):
            self.assertEqual(self.server.post(f"/v1/tasks/{id}/futures/f", {"result": number}).status, 200)
            self.assertEqual(self.server.wait(id)["result"], number)
        self.assertEqual(self.server.post(f"/v1/groups/{group}/close", Prefer="wait=30").json["state"], "succeeded")
        self.server.restart()

    def test_an_end_in_safe_mode_with_several_loops(self):
        self.server.options = ("--crash-loop", "2", "--loops", "3")
        self.server.restart()
        id = self.server.submit({"op": "future", "name": "f"}, loop="main-3")["id"]
        self.enter()
        self.server.restart()
        self.assertEqual(self.status(), "safe")
        self.resume()
        self.assertEqual(self.server.post(f"/v1/tasks/{id}/futures/f", {"result": 1}).status, 200)

    # ---- cancelling ----

    def test_cancelled_in_safe_mode(self):
        """The request is on disk at once, and delivered when the job goes on."""
        job = {"op": "try", "body": {"op": "sequence", "steps": [FOREVER]}, "finally": self.note("finally")}
        ids = [self.server.submit(job)["id"] for _ in range(2)]
        self.enter()
        answer = self.server.post(f"/v1/tasks/{ids[0]}/cancel", {"message": "to blame"})
        self.assertEqual(answer.status, 202, answer)
        self.assertIsNotNone(answer.json["cancel_requested_at"])
        self.assertEqual(self.server.task(ids[0])["state"], "running")
        self.server.restart()
        self.assertIsNotNone(self.server.task(ids[0])["cancel_requested_at"])
        self.resume()
        ended = self.server.wait(ids[0])
        self.assertEqual((ended["state"], ended["error"]["message"]), ("cancelled", "to blame"))
        self.assertEqual(self.server.task(ids[1])["state"], "running")

    def test_what_was_cancelled_does_not_begin_again(self):
        body = {"op": "subprocess", "shell": f"echo begun >> {self.notes}; exec sleep 3600"}
        ids = [self.server.submit({"op": "sequence", "steps": [{"op": "sleep", "seconds": 0}, body]})["id"] for _ in range(10)]
        awaitd.until(lambda: len(self.noted()) == 10, "the processes")
        self.enter()
        n = len(self.noted())
        for id in ids:
            self.assertEqual(self.server.cancel(id).status, 202)
        self.resume()
        for id in ids:
            self.assertEqual(self.server.wait(id)["state"], "cancelled")
        self.assertEqual(len(self.noted()), n)

    def test_there_must_be_something_to_cancel(self):
        ended = self.server.run(GOOD)["id"]
        self.enter()
        self.assertEqual(self.server.post(f"/v1/tasks/{ended}/cancel").status, 409)
        self.assertEqual(self.server.post("/v1/tasks/01980e5a-6f2b-7c3d-9e4f-0123456789ab/cancel").status, 404)

    def test_cancelled_while_safe_mode_ends(self):
        """Whichever comes first: who was answered 202 is cancelled."""
        ids = [self.server.submit(FOREVER)["id"] for _ in range(40)]
        self.enter()
        connections = [self.server.open_http() for _ in ids]
        resume = self.server.open_http()
        for number, (id, connection) in enumerate(zip(ids, connections)):
            connection.request("POST", f"/v1/tasks/{id}/cancel", headers={"Content-Length": "0"})
            if number == len(ids) // 2:
                resume.request("POST", "/v1/resume", headers={"Content-Length": "0"})
        self.assertEqual(resume.getresponse().status, 200)
        for connection in connections:
            answer = awaitd.Answer(connection.getresponse())
            self.assertEqual(answer.status, 202, answer)
            self.assertIsNotNone(answer.json["cancel_requested_at"])
            connection.close()
        resume.close()
        for id in ids:
            self.assertEqual(self.server.wait(id)["state"], "cancelled")


if __name__ == "__main__":
    unittest.main()
