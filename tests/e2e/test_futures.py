"""Futures of jobs that are set from outside: with the task's id, or with a signed URL."""

import json
import os
import random
import threading
import unittest
import urllib.parse

from test_tasks import FOREVER, WithServer, create, gather, log, sequence, value

import awaitd

ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
MISSING_ID = "01980e5a-6f2b-7c3d-9e4f-0123456789ab"


def future(name="f"):
    return {"op": "future", "name": name}


def caught(body, *types):
    """Whatever it raises is caught, and the job goes on for ever."""
    return {"op": "try", "body": body, "except": [{"types": list(types), "body": FOREVER}]}


def path_of(id, name):
    return f"/v1/tasks/{id}/futures/{urllib.parse.quote(name, safe='')}"


def nodes(tree):
    """All of a tree, with those of its definitions."""
    found = [tree, *(one["body"] for one in tree.get("coroutines", []))]
    for node in found:
        found += node["children"]
    return found


class WithFutures(WithServer):
    def set(self, id, name="f", status=200, **body):
        answer = self.server.post(path_of(id, name), body)
        self.assertEqual(answer.status, status, answer)
        if status == 200:
            self.assertEqual(answer.json, {"name": name, "done": True})
        return answer

    def assert_refused(self, answer, status, text):
        self.assertEqual(answer.status, status, answer)
        self.assertIn(text, answer.json["detail"])

    def callbacks(self, id):
        """By path: of the nodes that have one."""
        return {node["path"]: node["callback"] for node in nodes(self.server.tree(id)) if "callback" in node}

    def callback(self, id):
        url, = set(self.callbacks(id).values())
        return url


class Setting(WithFutures):
    def test_the_job_gets_the_result(self):
        id = self.server.submit(sequence(future(), value("${f}")))["id"]
        self.set(id, result={"by": "ana", "n": [1, 2.5, None]})
        self.assertEqual(self.server.wait(id)["result"], {"by": "ana", "n": [1, 2.5, None]})

    def test_any_json(self):
        for result in None, False, 0, -1.5, "", "ñ\u0001 \"\\", [], {}, [[{"a": None}]], {"error": {"type": "E"}}:
            with self.subTest(result):
                id = self.server.submit(future())["id"]
                self.set(id, result=result)
                self.assertEqual(self.server.wait(id)["result"], result)

    def test_before_the_job_comes_to_it(self):
        id = self.server.submit(sequence(future("go"), future(), value("${f}")))["id"]
        self.set(id, result="early")
        self.assertEqual([node["state"] for node in self.server.tree(id)["children"]], ["running", "pending", "pending"])
        self.set(id, "go", result=None)
        self.assertEqual(self.server.wait(id)["result"], "early")

    def test_who_waits_is_answered(self):
        id = self.server.submit(future())["id"]
        answers = []
        waiter = threading.Thread(target=lambda: answers.append(self.server.wait(id)))
        waiter.start()
        self.set(id, result="now")
        waiter.join(awaitd.PATIENCE)
        self.assertEqual(answers[0]["result"], "now")

    def test_an_error(self):
        id = self.server.submit(sequence(value(1), future()))["id"]
        self.set(id, error={"type": "Rejected", "message": "by \"ana\""})
        task = self.server.wait(id)
        self.assertEqual((task["state"], task["error"]),
                         ("failed", {"type": "Rejected", "message": "by \"ana\"", "path": "/steps/1"}))

    def test_an_error_without_message(self):
        for error in {"type": "OSError"}, {"type": "OSError", "message": None}:
            id = self.server.submit(future())["id"]
            self.set(id, error=error)
            self.assertEqual(self.server.wait(id)["error"], {"type": "OSError", "message": "", "path": ""})

    def test_an_error_that_nobody_came_for(self):
        id = self.server.submit(sequence(future("go"), {"op": "try", "body": value("over"), "except": [
            {"body": future()}]}))["id"]
        self.set(id, error={"type": "ValueError", "message": "unseen"})
        self.set(id, "go", result=1)
        task = self.server.wait(id)
        self.assertEqual((task["result"], task["unhandled"]),
                         ("over", [{"type": "ValueError", "message": "unseen", "path": "/steps/1/except/0/body"}]))

    def test_once(self):
        id = self.server.submit(sequence(future(), future("rest")))["id"]
        self.set(id, result=1)
        self.assert_refused(self.set(id, status=409, result=2), 409, "InvalidStateError: invalid state")
        self.assert_refused(self.set(id, status=409, error={"type": "E"}), 409, "InvalidStateError")
        self.set(id, "rest", result=3)
        self.assertEqual(self.server.wait(id)["result"], 3)

    def test_after_it_was_cancelled(self):
        id = self.server.submit(caught({"op": "timeout", "seconds": 0, "body": future()}, "TimeoutError"))["id"]
        awaitd.until(lambda: not self.callbacks(id), "the timeout expires")
        self.assert_refused(self.set(id, status=409, result=2), 409, "InvalidStateError")
        self.server.cancel(id)

    def test_after_the_end(self):
        id = self.server.run({"op": "race", "tasks": [value(1), future()]})["id"]
        self.assert_refused(self.set(id, status=409, result=2), 409, "the task has ended")

    def test_of_a_name_that_no_node_has(self):
        id = self.server.submit({"op": "timeout", "name": "t", "seconds": None, "body": future()})["id"]
        for name in "t", "g", "F", "f ", "ff":
            self.assert_refused(self.set(id, name, status=404, result=2), 404, f"'{name}'")
        self.server.cancel(id)

    def test_of_no_task(self):
        self.assertEqual(self.server.post(path_of(MISSING_ID, "f"), {"result": 1}).status, 404)

    def test_names_of_any_characters(self):
        names = ["a b", "a/b", "ñ", "日本", "?x=1", "#", "%", "%2F", "..", ".", "\"'\\", "a\nb", "\U0001f40e", "+", "ñ" * 200]
        id = self.server.submit(gather(*map(future, names)))["id"]
        for number, name in enumerate(names):
            self.set(id, name, result=number)
        self.assertEqual(self.server.wait(id)["result"], list(range(len(names))))

    def test_several_who_await_it(self):
        self.server.define("approved", future())
        spec = gather(future(), {"op": "call", "coroutine": "approved"},
                      {"op": "map", "items": [1, 2], "body": future()})
        id = self.server.submit(spec)["id"]
        self.set(id, result="x")
        self.assertEqual(self.server.wait(id)["result"], ["x", "x", ["x", "x"]])

    def test_a_large_result(self):
        id = self.server.submit(future())["id"]
        self.set(id, result="x" * 3_000_000)
        self.assertEqual(len(self.server.wait(id)["result"]), 3_000_000)

    def test_on_other_loops(self):
        self.server.open_loop("other")
        id = self.server.submit(future(), loop="other")["id"]
        self.assertEqual(self.server.get(self.callback(id)).json, {"name": "f", "done": False})
        self.set(id, "g", status=404, result=1)
        self.set(id, result=1)
        self.assertEqual(self.server.wait(id)["result"], 1)

    def test_what_the_task_waits_for(self):
        id = self.server.submit(future("approval"))["id"]
        task, = awaitd.until(lambda: [t for t in self.server.tree(id)["tasks"] if t["state"] == "waiting"], "it waits")
        self.assertEqual(task["waits_for"], "future 'approval'")
        self.server.cancel(id)

    def test_one_of_many_sets_it(self):
        id = self.server.submit(sequence(future(), future("rest")))["id"]
        answers = []
        threads = [threading.Thread(target=lambda n=n: answers.append(
            (self.server.post(path_of(id, "f"), {"result": n}).status, n))) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(sorted(status for status, _ in answers), [200] + [409] * 7)
        self.assertEqual(self.server.tree(id)["children"][0]["result"], dict(answers)[200])
        self.server.cancel(id)


class Callbacks(WithFutures):
    def test_in_the_tree_while_it_is_pending(self):
        self.server.define("ask", future("b"))
        id = self.server.submit(sequence(future("a"), {"op": "call", "coroutine": "ask"}, future("a"), value(1)))["id"]
        urls = self.callbacks(id)
        self.assertEqual(urls.keys(), {"/steps/0", "/steps/2", "/coroutines/ask/body"})
        self.assertEqual(urls["/steps/0"], urls["/steps/2"])
        self.assertNotEqual(urls["/steps/0"], urls["/coroutines/ask/body"])
        self.set(id, "a", result=1)
        self.assertEqual(self.callbacks(id), {"/coroutines/ask/body": urls["/coroutines/ask/body"]})
        self.set(id, "b", result=1)
        self.server.wait(id)
        self.assertEqual(self.callbacks(id), {})

    def test_of_a_root(self):
        id = self.server.submit(future())["id"]
        self.assertIn("callback", self.server.tree(id))
        self.server.cancel(id)

    def test_it_sets_the_future_without_the_id(self):
        id = self.server.submit(sequence(future("a / ñ"), future("rest")))["id"]
        url = self.callbacks(id)["/steps/0"]
        self.assertNotIn(id, url)
        self.assertEqual(self.server.get(url).json, {"name": "a / ñ", "done": False})
        self.assertEqual(self.server.get(url).json, {"name": "a / ñ", "done": False})  # looking sets nothing
        self.assertEqual(self.server.request("HEAD", url).status, 200)
        answer = self.server.post(url, {"result": {"x": 1}})
        self.assertEqual((answer.status, answer.json), (200, {"name": "a / ñ", "done": True}))
        self.assertEqual(self.server.get(url).json["done"], True)
        self.assert_refused(self.server.post(url, {"result": 2}), 409, "InvalidStateError")
        self.assertEqual(self.server.post(url, {"result": 2, "error": 1}).status, 422)
        self.assertEqual(self.server.tree(id)["children"][0]["result"], {"x": 1})
        self.server.cancel(id)

    def test_as_curl_sends_it(self):
        id = self.server.submit(future())["id"]
        answer = self.server.request("POST", self.callback(id), b'{"error": {"type": "Rejected"}}',
                                     {"Content-Type": "application/x-www-form-urlencoded"})
        self.assertEqual(answer.status, 200)
        self.assertEqual(self.server.wait(id)["error"]["type"], "Rejected")

    def test_it_ends_with_the_task(self):
        id = self.server.submit(future())["id"]
        url = self.callback(id)
        self.server.cancel(id)
        self.server.wait(id)
        self.assertEqual(self.server.get(url).json, {"name": "f", "done": True})
        self.assert_refused(self.server.post(url, {"result": 1}), 409, "the task has ended")
        self.assertEqual(self.server.delete(f"/v1/tasks/{id}").status, 204)
        self.assertEqual(self.server.get(url).status, 404)
        self.assertEqual(self.server.post(url, {"result": 1}).status, 404)

    def test_a_forged_one_is_told_nothing(self):
        id = self.server.submit(future())["id"]
        url = self.callback(id)
        start = len("/v1/callbacks/")
        chance = random.Random(7)
        forged = [url[:-1], url + "A", url + "=", url[:start] + "A" * len(url[start:]), url[:start] + url[start:].lower()]
        forged += [url[:i] + chance.choice([c for c in ALPHABET if c != url[i]]) + url[i + 1:]
                   for i in range(start, len(url))]
        said = set()
        for one in forged:
            with self.subTest(one):
                answers = self.server.get(one), self.server.post(one, {"result": 1}), self.server.post(one, {"x": 1})
                self.assertEqual([answer.status for answer in answers], [404] * 3)
                said |= {answer.body for answer in answers}
        self.assertEqual(len(said), 1)  # the same, whatever is wrong
        self.assertEqual(self.server.get(url).json["done"], False)
        self.server.cancel(id)

    def test_one_future_s_is_not_another_s(self):
        """The signature is of both, the task and the name."""
        first, second = (self.callback(self.server.submit(future(name))["id"]) for name in ("f", "g"))
        mixed = first[:len(first) // 2] + second[len(second) // 2:]
        self.assertEqual(self.server.get(mixed).status, 404)

    def test_another_server_does_not_take_it(self):
        id = self.server.submit(future())["id"]
        with awaitd.Server() as other:
            self.assertEqual(other.get(self.callback(id)).status, 404)
        self.server.cancel(id)

    def test_no_web_page_calls_it(self):
        id = self.server.submit(future())["id"]
        url = self.callback(id)
        for headers in {"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}:
            self.assertEqual(self.server.request("POST", url, {"result": 1}, headers).status, 403)
        self.assertEqual(self.server.get(url).json["done"], False)
        self.server.cancel(id)


class Limits(unittest.TestCase):
    def test_a_result_that_is_too_large(self):
        with awaitd.Server("--max-result", "1000") as server:
            id = server.submit(future())["id"]
            answer = server.post(path_of(id, "f"), {"result": "x" * 1000})
            self.assertEqual(answer.status, 422)
            self.assertEqual(answer.json["pointer"], "/result")
            answer = server.post(path_of(id, "f"), {"error": {"type": "E", "message": "x" * 1000}})
            self.assertEqual((answer.status, answer.json["pointer"]), (422, "/error/message"))
            self.assertEqual(server.post(path_of(id, "f"), {"result": "x" * 998}).status, 200)
            self.assertEqual(server.wait(id)["state"], "succeeded")


class Restarts(WithFutures):
    """A server for each test: it is killed."""

    def setUp(self):
        self.server = awaitd.Server()
        self.addCleanup(self.server.close)

    def crash(self):
        self.server.kill()
        self.server.start()

    def test_a_value_that_waits_for_the_job(self):
        spec = sequence(future("go"), future(), value("${f}"))
        ids = [self.server.submit(spec)["id"] for _ in range(20)]
        for number, id in enumerate(ids):
            if number % 2:
                self.set(id, result=number)
        self.crash()
        for number, id in enumerate(ids):
            self.assertEqual(self.callbacks(id).keys(), {"/steps/0"} | ({"/steps/1"} if number % 2 == 0 else set()))
            self.set(id, status=409 if number % 2 else 200, result=-number)
            self.set(id, "go", result=None)
            task = self.server.wait(id)
            self.assertEqual((task["result"], task["starts"]), (number if number % 2 else -number, 2))
        self.server.stop()

    def test_a_value_that_the_job_had(self):
        """It goes on behind it, and does not say again what it said."""
        id = self.server.submit(sequence(future(), log("got ${f}"), future("rest")))["id"]
        self.set(id, result="x")
        awaitd.until(lambda: self.server.messages(id), "it goes on")
        self.crash()
        self.set(id, "rest", result=1)
        self.server.wait(id)
        self.assertEqual(self.server.messages(id), ["got x"])
        self.crash()
        self.assertEqual(self.server.task(id)["starts"], 2)
        self.server.stop()

    def test_an_error(self):
        id = self.server.submit(sequence(future("go"), future()))["id"]
        self.set(id, error={"type": "Rejected", "message": "ñ"})
        self.server.restart()
        self.set(id, "go", result=None)
        self.assertEqual(self.server.wait(id)["error"], {"type": "Rejected", "message": "ñ", "path": "/steps/1"})
        self.server.stop()

    def test_signed_urls(self):
        id = self.server.submit(future())["id"]
        url = self.callback(id)
        self.crash()
        self.assertEqual(self.callback(id), url)
        self.assertEqual(self.server.post(url, {"result": 1}).status, 200)
        self.assertEqual(self.server.wait(id)["result"], 1)
        self.server.stop()

    def test_what_was_acknowledged_under_load(self):
        """kill -9 in the midst: each 200 holds; a value that nobody was told of may be there, or not."""
        seed = int(os.environ.get("AWAITD_SEED") or random.randrange(1 << 32))
        print(f"AWAITD_SEED={seed}")
        chance = random.Random(seed)
        ids = [self.server.submit(sequence(future("go"), future(), value("${f}")))["id"] for _ in range(200)]
        acknowledged, kill_after, lock = {}, chance.randrange(1, 150), threading.Lock()
        is_over = threading.Event()

        def client(mine):
            connection = self.server.open_http()
            try:
                for id in mine:
                    body = json.dumps({"result": id}).encode()
                    self.assertEqual(self.server.request("POST", path_of(id, "f"), body, None, connection).status, 200)
                    with lock:
                        acknowledged[id] = True
                        if len(acknowledged) == kill_after:
                            is_over.set()
            except (OSError, awaitd.http.client.HTTPException):
                pass  # the kill
            finally:
                connection.close()

        threads = [threading.Thread(target=client, args=(ids[i::4],)) for i in range(4)]
        for thread in threads:
            thread.start()
        self.assertTrue(is_over.wait(awaitd.PATIENCE))
        self.crash()
        for thread in threads:
            thread.join()
        for id in ids:
            status = self.server.post(path_of(id, "f"), {"result": "other"}).status
            self.assertEqual(status, 409 if id in acknowledged else status)
            self.set(id, "go", result=None)
            self.assertEqual(self.server.wait(id)["result"], id if status == 409 else "other")
        self.server.stop()


if __name__ == "__main__":
    unittest.main()
