"""Several event loops in one server: those of --loops, those that are opened over HTTP, their exception handlers; and
what the server's log says of jobs."""

import http.server
import json
import queue
import re
import threading
import unittest

import awaitd
from test_tasks import WithServer

FOREVER = {"op": "sleep", "seconds": 3600}
N = 12
LOOPS_MAX = 64


def value(value):
    return {"op": "value", "value": value}


def careless(message):
    """A job whose background task fails, and nobody awaits it."""
    return {"op": "sequence", "steps": [
        {"op": "create_task", "name": "t", "body": {"op": "raise", "type": "ValueError", "message": message}},
        {"op": "sleep", "seconds": 0}]}


class Receiver:
    """What exception handlers are: an HTTP server that takes what is posted to it."""

    def __init__(self, test):
        posts = self.posts = queue.Queue()

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                posts.put((self.path, self.headers["Content-Type"], body))
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        test.addCleanup(server.server_close)
        test.addCleanup(server.shutdown)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.test = test
        self.url = f"http://127.0.0.1:{server.server_port}"

    def next(self):
        """Waits for a post: its path, and what it says."""
        path, kind, body = self.posts.get(timeout=awaitd.PATIENCE)
        self.test.assertEqual(kind, "application/json")
        said = json.loads(body)
        self.test.assertEqual(awaitd.contract().faults("UnhandledError", said, awaitd.Contract.Response), [])
        return path, said


def without_proxies(*options):
    return awaitd.Server(*options, env={"no_proxy": "*"})


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


class Opened(WithServer):
    """Loops that come and go while the server runs."""

    def names(self):
        return [loop["name"] for loop in self.server.get("/v1/loops").json["loops"]]

    def look(self, name):
        answer = self.server.get(f"/v1/loops/{name}")
        self.assertEqual(answer.status, 200, answer)
        return answer.json

    def test_lag(self):
        self.server.open_loop("lags")
        many = [{"op": "value", "value": "x" * 1000}] * 20000
        self.server.run({"op": "gather", "tasks": many}, loop="lags")
        lag = self.look("lags")["lag"]
        self.assertGreater(lag["max"], 0)
        self.assertTrue(0 <= lag["p50"] <= lag["p99"] <= lag["max"] <= lag["over"], lag)

    def test_life(self):
        self.assertEqual(self.names()[0], "main")
        opened = self.server.open_loop("life")
        self.assertEqual(opened.pop("lag"), {"p50": 0, "p99": 0, "max": 0, "over": 0})
        self.assertEqual(opened, {"name": "life", "running": True, "open_tasks": 0, "exception_handler": None})
        found = self.look("life")
        self.assertGreater(found.pop("lag")["over"], 0)
        self.assertEqual(found, opened)
        self.assertIn("life", self.names())
        answer = self.server.post("/v1/loops", {"name": "life"})
        self.assertEqual(answer.status, 409, answer)
        self.assertEqual(self.server.delete("/v1/loops/life").status, 204)
        self.assertNotIn("life", self.names())
        self.assertEqual(self.server.get("/v1/loops/life").status, 404)
        self.assertEqual(self.server.delete("/v1/loops/life").status, 404)
        self.assertEqual(self.server.put("/v1/loops/life/exception-handler", {"url": None}).status, 404)
        self.server.open_loop("life")
        self.assertEqual(self.server.delete("/v1/loops/life").status, 204)

    def test_tasks_name_their_loop(self):
        self.server.open_loop("named")
        for fields, loop in ({}, "main"), ({"loop": None}, "main"), ({"loop": "main"}, "main"), ({"loop": "named"}, "named"):
            with self.subTest(str(fields)):
                task = self.server.submit(FOREVER, **fields)
                self.assertEqual(task["loop"], loop)
                self.assertEqual(self.server.task(task["id"]), task)
                self.assertEqual(self.server.get(f"/v1/tasks/{task['id']}/tree").json["state"], "running")
                self.server.cancel(task["id"])
                self.assertEqual(self.server.wait(task["id"])["loop"], loop)
        self.assertEqual(self.server.delete("/v1/loops/named").status, 204)
        self.assertEqual(self.server.task(task["id"])["loop"], "named")

    def test_unknown_loop(self):
        n = len(self.server.list("limit=1000"))
        answer = self.server.post("/v1/tasks?wait=30", {"spec": value(1), "loop": "nowhere"})
        self.assertEqual((answer.status, answer.json["pointer"]), (422, "/loop"), answer)
        self.assertIn("'nowhere'", answer.json["detail"])
        answer = self.server.post("/v1/loops/nowhere/run_until_complete", {"spec": value(1)})
        self.assertEqual(answer.status, 404)
        self.assertEqual(len(self.server.list("limit=1000")), n)

    def test_close_with_tasks(self):
        self.server.open_loop("busy")
        id = self.server.submit(FOREVER, loop="busy")["id"]
        self.assertEqual(self.look("busy")["open_tasks"], 1)
        self.assertEqual(self.server.delete("/v1/loops/busy").status, 409)
        self.assertEqual(self.server.task(id)["state"], "running")
        self.assertEqual(self.server.post("/v1/loops/busy/run_until_complete", {"spec": value(1)}).json["result"], 1)
        self.server.cancel(id)
        self.server.wait(id)
        self.assertEqual(self.look("busy")["open_tasks"], 0)
        self.assertEqual(self.server.delete("/v1/loops/busy").status, 204)

    def test_close_main(self):
        self.assertEqual(self.server.delete("/v1/loops/main").status, 409)
        self.assertEqual(self.look("main")["running"], True)

    def test_run_until_complete(self):
        self.server.open_loop("runner")
        target = "/v1/loops/runner/run_until_complete"
        for fields in {}, {"loop": "runner"}, {"loop": None}:
            answer = self.server.post(target, {"spec": {"op": "sleep", "seconds": 0.05, "result": 7}, "name": "x", **fields})
            self.assertEqual((answer.status, answer.json["result"], answer.json["loop"]), (200, 7, "runner"))
            self.assertEqual(answer.json, self.server.get(answer.headers["Location"]).json)
        answer = self.server.post(target, {"spec": {"op": "raise", "type": "ValueError"}})
        self.assertEqual((answer.status, answer.json["state"]), (200, "failed"))
        answer = self.server.post(target, {"spec": value(1), "loop": "main"})
        self.assertEqual((answer.status, answer.json["pointer"]), (422, "/loop"))
        over = [self.server.post(target + "?wait=0.05", {"spec": FOREVER}), self.server.post(target + "?wait=0", {"spec": FOREVER}),
                self.server.post(target, {"spec": FOREVER}, Prefer="wait=0.05")]
        self.assertEqual([answer.status for answer in over], [202] * 3)
        self.assertEqual(over[2].headers["Preference-Applied"], "wait=0.05")
        for answer in over:
            self.server.cancel(answer.json["id"])
            self.server.wait(answer.json["id"])
        answer = self.server.post("/v1/loops/main/run_until_complete", {"spec": value(2)})
        self.assertEqual((answer.json["result"], answer.json["loop"]), (2, "main"))
        self.assertEqual(self.server.delete("/v1/loops/runner").status, 204)

    def test_too_many(self):
        names = [f"n{n}" for n in range(LOOPS_MAX - len(self.names()))]
        for name in names:
            self.server.open_loop(name)
        answer = self.server.post("/v1/loops", {"name": "one_more"})
        self.assertEqual(answer.status, 503, answer)
        self.assertIn(str(LOOPS_MAX), answer.json["detail"])
        for name in names:
            self.assertEqual(self.server.delete("/v1/loops/" + name).status, 204)

    def test_loops_outlive_the_server(self):
        with without_proxies() as server:
            for name, handler in ("plain", None), ("handled", "http://127.0.0.1:9/errors"), ("gone", None):
                server.open_loop(name, exception_handler=handler)
            server.put("/v1/loops/main/exception-handler", {"url": "https://errors.example/"})
            server.delete("/v1/loops/gone")
            id = server.submit(FOREVER, loop="plain")["id"]
            for stop in server.stop, server.kill:
                stop()
                server.start()
                loops = {loop["name"]: loop["exception_handler"] for loop in server.get("/v1/loops").json["loops"]}
                self.assertEqual(loops, {"main": "https://errors.example/", "plain": None,
                                         "handled": "http://127.0.0.1:9/errors"})
                self.assertEqual(server.get("/v1/loops/plain").json["open_tasks"], 1)
                self.assertEqual(server.task(id)["loop"], "plain")
                self.assertEqual(server.delete("/v1/loops/plain").status, 409)
            server.cancel(id)
            self.assertEqual(server.wait(id)["starts"], 3)
            self.assertEqual(server.delete("/v1/loops/plain").status, 204)

    def test_loops_of_the_environment(self):
        with awaitd.Server(env={"AWAITD_LOOPS": "3"}) as server:
            names = [loop["name"] for loop in server.get("/v1/loops").json["loops"]]
            self.assertEqual(names, ["main", "main-2", "main-3"])
            self.assertEqual(server.delete("/v1/loops/main-2").status, 409)
            server.open_loop("own")
            used = {server.run(value(n))["loop"] for n in range(N)}
            self.assertEqual(used, {"main", "main-2", "main-3"})
            self.assertEqual(server.run(value(1), loop="main-3")["loop"], "main-3")
            self.assertEqual(server.run(value(1), loop="own")["loop"], "own")


class ExceptionHandler(unittest.TestCase):
    def setUp(self):
        self.server = without_proxies()
        self.addCleanup(self.server.close)

    def set(self, loop, url):
        answer = self.server.put(f"/v1/loops/{loop}/exception-handler", {"url": url})
        self.assertEqual((answer.status, answer.json["name"], answer.json["exception_handler"]), (200, loop, url))

    def test_handler(self):
        receiver = Receiver(self)
        self.server.open_loop("own", exception_handler=receiver.url + "/own?a=b")
        self.server.open_loop("silent")
        self.set("main", receiver.url + "/main")
        self.server.run(careless("nobody hears this"), loop="silent")
        for loop, path, name in ("own", "/own?a=b", None), ("main", "/main", "ñ"):
            task = self.server.run(careless("lost ñ"), loop=loop, name=name)
            got, said = receiver.next()
            self.assertEqual(got, path)
            self.assertEqual((said["loop"], said["task"], said["name"]), (loop, task["id"], name))
            self.assertEqual(said["error"], task["unhandled"][0])
            self.assertEqual((said["error"]["type"], said["error"]["path"]), ("ValueError", "/steps/0/body"))
        self.set("own", None)
        self.server.run(careless("nor this"), loop="own")
        self.set("own", receiver.url + "/again")
        id = self.server.run(careless("but this"), loop="own")["id"]
        self.assertEqual(receiver.next()[1]["task"], id)
        self.assertTrue(receiver.posts.empty())
        self.server.stop()

    def test_handler_of_a_former_run(self):
        receiver = Receiver(self)
        self.server.open_loop("own", exception_handler=receiver.url)
        self.server.kill()
        self.server.start()
        id = self.server.run(careless("lost"), loop="own")["id"]
        self.assertEqual(receiver.next()[1]["task"], id)
        self.server.stop()

    def test_what_is_lost_at_the_end_is_posted(self):
        """The server stops right after it."""
        receiver = Receiver(self)
        self.set("main", receiver.url)
        id = self.server.run(careless("lost"))["id"]
        self.server.stop()
        self.assertEqual(receiver.next()[1]["task"], id)


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
