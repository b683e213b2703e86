"""The life of a task, through the API."""

import base64
import datetime
import os
import unittest
import urllib.parse

import awaitd

FOREVER = {"op": "sleep", "seconds": 3600}


def at(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def took(task):
    return (at(task["finished_at"]) - at(task["started_at"])).total_seconds()


def sequence(*steps, **fields):
    return {"op": "sequence", "steps": list(steps), **fields}


def gather(*tasks, **fields):
    return {"op": "gather", "tasks": list(tasks), **fields}


def sleep(seconds, result=None):
    return {"op": "sleep", "seconds": seconds, "result": result}


def value(value):
    return {"op": "value", "value": value}


def log(message, **fields):
    return {"op": "log", "message": message, **fields}


def fail(type="ValueError", message="no luck"):
    return {"op": "raise", "type": type, "message": message}


def create(name, body):
    return {"op": "create_task", "name": name, "body": body}


def shell(line, **fields):
    return {"op": "subprocess", "shell": line, **fields}


def argv(*words, **fields):
    return {"op": "subprocess", "argv": list(words), **fields}


class WithServer(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.server = awaitd.Server()
        cls.addClassCleanup(cls.server.close)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def run_job(self, spec, **fields):
        return self.server.run(spec, **fields)

    def assert_schema(self, name, instance):
        self.assertEqual(awaitd.contract().faults(name, instance, awaitd.Contract.Response), [])

    def assert_result(self, spec, result):
        task = self.run_job(spec)
        self.assertEqual(task["state"], "succeeded", task)
        self.assertEqual(task["result"], result)
        return task

    def assert_fails(self, spec, type, message=None, state="failed", **fields):
        task = self.run_job(spec, **fields)
        self.assertEqual(task["state"], state, task)
        self.assertEqual(task["error"]["type"], type, task)
        if message is not None:
            self.assertEqual(task["error"]["message"], message)
        return task


class Submission(WithServer):
    def test_answer_comes_before_the_end(self):
        answer = self.server.post("/v1/tasks", {"spec": FOREVER, "name": "long"})
        self.assertEqual(answer.status, 202)
        task = answer.json
        self.assertEqual(answer.headers["Location"], f"/v1/tasks/{task['id']}")
        self.assertIn(task["state"], ("pending", "running"))
        self.assertEqual((task["name"], task["labels"], task["unhandled"]), ("long", {}, []))
        self.assertEqual((task["deadline"], task["cancel_requested_at"], task["finished_at"]), (None, None, None))
        self.assertEqual(self.server.task(task["id"])["id"], task["id"])

    def test_prefer_wait(self):
        answer = self.server.post("/v1/tasks", {"spec": sleep(0.05, "slept")}, Prefer="wait=30")
        self.assertEqual((answer.status, answer.json["result"]), (200, "slept"))
        self.assertEqual(answer.headers["Preference-Applied"], "wait=30")
        self.assertEqual(answer.json, self.server.task(answer.json["id"]))

    def test_wait_in_the_query(self):
        answer = self.server.post("/v1/tasks?wait=30", {"spec": value(1)})
        self.assertEqual((answer.status, answer.json["result"]), (200, 1))
        self.assertNotIn("Preference-Applied", answer.headers)

    def test_wait_that_is_over(self):
        answer = self.server.post("/v1/tasks", {"spec": FOREVER}, Prefer="wait=0.1")
        self.assertEqual(answer.status, 202)
        self.assertFalse(answer.json["done"])

    def test_wait_zero(self):
        answer = self.server.post("/v1/tasks?wait=0", {"spec": FOREVER})
        self.assertEqual(answer.status, 202)

    def test_other_preferences_are_ignored(self):
        for prefer in "respond-async", "return=minimal", "wait", "wait=soon", "handling=lenient, priority=1", "":
            with self.subTest(prefer):
                self.assertEqual(self.server.post("/v1/tasks", {"spec": value(1)}, Prefer=prefer).status, 202)

    def test_preferences_in_a_list(self):
        answer = self.server.post("/v1/tasks", {"spec": value(1)}, Prefer="respond-async, wait=30")
        self.assertEqual(answer.status, 200)

    def test_curl_default_type(self):
        for kind in "application/x-www-form-urlencoded", "application/json; charset=utf-8", "Application/JSON":
            with self.subTest(kind):
                answer = self.server.post("/v1/tasks", {"spec": value(1)}, Content_Type=kind)
                self.assertEqual(answer.status, 202)

    def test_browser_of_this_machine(self):
        for headers in ({"Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"},
                        {"Host": "localhost:1234"}, {"Host": "127.0.0.1"}, {"Host": "[::1]:80"}, {"Host": "LOCALHOST"},
                        {"Origin": f"http://127.0.0.1:{self.server.port}"}):
            with self.subTest(str(headers)):
                answer = self.server.request("POST", "/v1/tasks", {"spec": value(1)}, headers)
                self.assertEqual(answer.status, 202, answer)

    def test_chunked_body(self):
        connection = self.server.open_http()
        self.addCleanup(connection.close)
        body = [b'{"spec":{"op":', b'"value","value":', b"42}}"]
        connection.request("POST", "/v1/tasks?wait=30", iter(body), {"Content-Type": "application/json"},
                           encode_chunked=True)
        self.assertEqual(awaitd.Answer(connection.getresponse()).json["result"], 42)

    def test_two_requests_over_one_connection(self):
        connection = self.server.open_http()
        self.addCleanup(connection.close)
        for number in range(5):
            answer = self.server.request("POST", "/v1/tasks?wait=30", {"spec": value(number)}, connection=connection)
            self.assertEqual(answer.json["result"], number)
            answer = self.server.request("POST", "/v1/tasks", {"spec": {}}, connection=connection)
            self.assertEqual(answer.status, 422)

    def test_expect(self):
        """As curl does with large bodies."""
        body = b'{"spec":{"op":"value","value":1}}'
        with self.server.connect() as connection:
            connection.sendall(b"POST /v1/tasks?wait=30 HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
                               b"Expect: 100-continue\r\nContent-Length: %d\r\n\r\n" % len(body))
            self.assertEqual(connection.recv(1000), b"HTTP/1.1 100 Continue\r\n\r\n")
            connection.sendall(body)
            self.assertEqual(awaitd.receive(connection).json["result"], 1)

    def test_old_client(self):
        received = self.server.raw(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n")
        self.assertEqual([answer.status for answer in awaitd.read_answers(received)], [200])

    def test_pipelined_requests(self):
        with self.server.connect() as connection:
            connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
                               b"GET /v1/nothing HTTP/1.1\r\nHost: localhost\r\n\r\n"
                               b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            data = b"".join(iter(lambda: connection.recv(65536), b""))
        self.assertEqual([answer.status for answer in awaitd.read_answers(data)], [200, 404, 200])

    def test_head_and_options(self):
        """HEAD is GET without the body; OPTIONS says what there is."""
        id = self.run_job(value(1))["id"]
        for target in "/v1/tasks", f"/v1/tasks/{id}", f"/v1/tasks/{id}/tree", f"/v1/tasks/{id}/log", "/healthz":
            with self.subTest(target):
                got, head = self.server.get(target), self.server.request("HEAD", target)
                self.assertEqual((head.status, head.body), (200, b""))
                self.assertEqual(head.headers["Content-Length"], str(len(got.body)))
                options = self.server.request("OPTIONS", target)
                self.assertEqual(options.status, 204)
                allowed = set(options.headers["Allow"].split(", "))
                self.assertEqual(allowed - {"HEAD", "OPTIONS"}, awaitd.contract().methods(target))
        self.assertEqual(self.server.request("HEAD", "/v1/tasks/x").status, 404)

    def test_absolute_target(self):
        received = self.server.raw(b"GET http://localhost:80/healthz HTTP/1.1\r\nHost: localhost:80\r\n"
                                   b"Connection: close\r\n\r\n")
        self.assertEqual([answer.status for answer in awaitd.read_answers(received)], [200])

    def test_deepest_json(self):
        """200 arrays and objects inside each other are acceptable, in and out."""
        deep = []
        for _ in range(197):
            deep = [deep]
        self.assert_result(value(deep), deep)

    def test_odd_values(self):
        for odd in (0, -1, 1.5, 1e300, -0.0, 2**53 + 1, 2**63 - 1, -2**63, "", "\u007f\u2028\ufeff", "😀", '"\\/\b\f\n\r\t',
                    [], {}, None, True, False, {"": {"": []}}, {"ключ": "значение"}, "$${literal}"):
            with self.subTest(repr(odd)):
                task = self.assert_result(value(odd), "${literal}" if odd == "$${literal}" else odd)
                self.assertEqual(type(task["result"]), type(odd))

    def test_large_result(self):
        text = "x" * (1 << 20)
        self.assert_result(gather(*[value(text)] * 3), [text] * 3)

    def test_labels_and_name(self):
        task = self.run_job(value(1), name="ñandú 🐦", labels={"a": "1", "b": "", "K.y_/-9": "x:y=ж"})
        self.assertEqual((task["name"], task["labels"]), ("ñandú 🐦", {"a": "1", "b": "", "K.y_/-9": "x:y=ж"}))

    def test_null_is_absent(self):
        task = self.run_job(value(1), name=None, labels=None, timeout=None)
        self.assertEqual((task["name"], task["labels"], task["deadline"]), (None, {}, None))

    def test_longest_names(self):
        name, labels = "ñ" * 200, {"k" * 63: "ж" * 255, **{f"n{n}": "" for n in range(63)}}
        task = self.run_job({**value(1), "name": "n" * 200}, name=name, labels=labels)
        self.assertEqual((task["name"], task["labels"]), (name, labels))
        self.assertEqual(self.server.list("name=" + urllib.parse.quote(name)), [task])


class Looking(WithServer):
    def test_times(self):
        before = datetime.datetime.now(datetime.timezone.utc)
        task = self.run_job(sleep(0.1))
        after = datetime.datetime.now(datetime.timezone.utc)
        times = [before, at(task["created_at"]), at(task["started_at"]), at(task["finished_at"]), after]
        self.assertEqual(times, sorted(times))
        self.assertGreaterEqual(took(task), 0.1)
        self.assertEqual(task["starts"], 1)

    def test_long_poll(self):
        task = self.server.submit(sleep(0.3, "slept"))
        self.assertEqual(self.server.wait(task["id"])["result"], "slept")
        self.assertEqual(self.server.wait(task["id"])["result"], "slept")  # at once: it has ended

    def test_long_poll_that_is_over(self):
        task = self.server.submit(FOREVER)
        answer = self.server.get(f"/v1/tasks/{task['id']}?wait=0.1")
        self.assertEqual((answer.status, answer.json["state"]), (200, "running"))
        answer = self.server.get(f"/v1/tasks/{task['id']}", Prefer="wait=0.1")
        self.assertEqual((answer.status, answer.headers["Preference-Applied"]), (200, "wait=0.1"))

    def test_upper_case_id(self):
        task = self.run_job(value(1))
        self.assertEqual(self.server.task(task["id"].upper()), task)

    def test_etag(self):
        id = self.server.submit(FOREVER)["id"]
        answer = self.server.get(f"/v1/tasks/{id}")
        tag = answer.headers["ETag"]
        for condition in tag, "*", f'"x", {tag}', "W/" + tag:
            with self.subTest(condition):
                unchanged = self.server.get(f"/v1/tasks/{id}", If_None_Match=condition)
                self.assertEqual((unchanged.status, unchanged.headers["ETag"]), (304, tag))
        for condition in '"x"', "", tag.strip('"'), "x" + tag:
            with self.subTest(condition):
                self.assertEqual(self.server.get(f"/v1/tasks/{id}", If_None_Match=condition).status, 200)
        self.server.cancel(id)
        self.server.wait(id)
        changed = self.server.get(f"/v1/tasks/{id}", If_None_Match=tag)
        self.assertEqual((changed.status, changed.json["state"]), (200, "cancelled"))
        self.assertNotEqual(changed.headers["ETag"], tag)

    def test_etag_is_the_same_for_the_same_bytes(self):
        posted = self.server.post("/v1/tasks?wait=30", {"spec": value(1)})
        got = self.server.get(posted.headers["Location"])
        self.assertEqual((posted.headers["ETag"], posted.body), (got.headers["ETag"], got.body))

    def test_log(self):
        task = self.run_job(sequence(
            log("one"), sleep(0.02), log("two", level="debug"), gather(log("three", level="warning"), log("four", level="error")),
            log("line\nbreak, \t tab, 🐦")))
        lines = self.server.log(task["id"])
        self.assertEqual([(line["message"], line["level"], line["path"], line["stream"]) for line in lines],
                         [("one", "info", "/steps/0", "log"), ("two", "debug", "/steps/2", "log"),
                          ("three", "warning", "/steps/3/tasks/0", "log"), ("four", "error", "/steps/3/tasks/1", "log"),
                          ("line\nbreak, \t tab, 🐦", "info", "/steps/4", "log")])
        times = [at(line["time"]) for line in lines]
        self.assertEqual(times, sorted(times))
        self.assertGreaterEqual((times[1] - times[0]).total_seconds(), 0.02)

    def test_log_in_pages(self):
        task = self.run_job(sequence(*[log(str(i)) for i in range(25)]))
        messages, after, sizes = [], 0, []
        while True:
            page = self.server.get(f"/v1/tasks/{task['id']}/log?limit=10&after={after}").json
            if not page["lines"]:
                break
            sizes.append(len(page["lines"]))
            messages += [line["message"] for line in page["lines"]]
            after = page["next"]
        self.assertEqual((messages, sizes), ([str(i) for i in range(25)], [10, 10, 5]))

    def test_log_of_a_running_task(self):
        """A line is there before what comes after it in the job has happened."""
        fifo = awaitd.Fifo(self)
        id = self.server.submit(sequence(log("before"), shell(fifo.say("here")), FOREVER))["id"]
        fifo.expect("here")
        awaitd.until(lambda: self.server.messages(id) == ["before"], "the line in the log")
        self.server.cancel(id)
        self.server.wait(id)

    def test_tree(self):
        task = self.run_job(sequence(value(1), gather(sleep(0.01, "a"), value("b"), name="both"), name="all"))
        tree = self.server.tree(task["id"])
        shape = lambda node: (node["op"], node["path"], node.get("name"), node["state"],
                              node.get("result"), [shape(child) for child in node["children"]])
        self.assertEqual(shape(tree), (
            "sequence", "", "all", "succeeded", None, [
                ("value", "/steps/0", None, "succeeded", 1, []),
                ("gather", "/steps/1", "both", "succeeded", None, [
                    ("sleep", "/steps/1/tasks/0", None, "succeeded", "a", []),
                    ("value", "/steps/1/tasks/1", None, "succeeded", "b", [])])]))

    def test_tree_of_a_running_task(self):
        id = self.server.submit(sequence(value(1), FOREVER, value(2)))["id"]
        tree = awaitd.until(lambda: self.running_tree(id), "the second step")
        states = [child["state"] for child in tree["children"]]
        self.assertEqual((tree["state"], states), ("running", ["succeeded", "running", "pending"]))
        self.assertIsNotNone(tree["children"][1]["started_at"])
        self.assertIsNone(tree["children"][1]["finished_at"])
        self.assertIsNone(tree["children"][2]["started_at"])
        self.server.cancel(id)
        self.server.wait(id)
        tree = self.server.tree(id)
        self.assertEqual([tree["state"], *[child["state"] for child in tree["children"]]],
                         ["cancelled", "succeeded", "cancelled", "pending"])

    def running_tree(self, id):
        tree = self.server.tree(id)
        return tree if tree["children"][1]["state"] == "running" else None

    def test_tree_of_a_failure(self):
        task = self.assert_fails(sequence(value(1), gather(fail(), sleep(0))), "ValueError")
        tree = self.server.tree(task["id"])
        failed = tree["children"][1]["children"][0]
        self.assertEqual((failed["state"], failed["error"]["type"], failed["path"]),
                         ("failed", "ValueError", "/steps/1/tasks/0"))
        self.assertEqual(task["error"]["path"], "/steps/1/tasks/0")
        self.assertEqual((tree["state"], tree["children"][1]["state"]), ("failed", "failed"))

    def test_delete(self):
        id = self.run_job(log("x"))["id"]
        self.assertEqual(self.server.delete(f"/v1/tasks/{id}").status, 204)
        for target in "", "/tree", "/log":
            self.assertEqual(self.server.get(f"/v1/tasks/{id}{target}").status, 404)
        self.assertEqual(self.server.delete(f"/v1/tasks/{id}").status, 404)
        self.assertEqual(self.server.cancel(id).status, 404)
        self.assertNotIn(id, [task["id"] for task in self.server.list()])

    def test_delete_of_a_running_task(self):
        id = self.server.submit(FOREVER)["id"]
        self.assertEqual(self.server.delete(f"/v1/tasks/{id}").status, 409)
        self.assertFalse(self.server.task(id)["done"])

    def test_health(self):
        self.assertEqual(self.server.get("/healthz").status, 200)
        self.assertEqual(self.server.get("/readyz").status, 200)


class Listing(WithServer):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tasks = []
        for number in range(25):
            spec = fail() if number % 5 == 0 else value(number)
            cls.tasks.insert(0, cls.server.run(spec, name=f"job {number % 3}", labels={"kind": "x:y" if number % 2 else "z", "n": str(number)}))
        for number in range(2):
            task = cls.server.submit(FOREVER, name="long")
            cls.tasks.insert(0, awaitd.until(lambda: cls.running(task), "running"))

    @classmethod
    def running(cls, task):
        task = cls.server.task(task["id"])
        return task if task["state"] == "running" else None

    def test_newest_first(self):
        self.assertEqual(self.server.list(), self.tasks)
        ids = [task["id"] for task in self.tasks]
        self.assertEqual(ids, sorted(ids, reverse=True))

    def test_pages(self):
        pages = list(self.server.pages("limit=10"))
        self.assertEqual([len(page) for page in pages], [10, 10, 7])
        self.assertEqual(sum(pages, []), self.tasks)
        self.assertEqual([len(page) for page in self.server.pages("limit=9")], [9, 9, 9])
        self.assertEqual([len(page) for page in self.server.pages("limit=27")], [27])
        self.assertEqual([len(page) for page in self.server.pages("limit=1")], [1] * 27)

    def test_pages_and_a_task_that_goes_and_one_that_comes(self):
        with awaitd.Server() as server:
            ids = [server.run(value(n))["id"] for n in range(6)][::-1]
            first = server.get("/v1/tasks?limit=3").json
            server.run(value("new"))
            server.delete(f"/v1/tasks/{ids[2]}")
            second = server.get(f"/v1/tasks?limit=3&cursor={urllib.parse.quote(first['next'])}").json
            self.assertEqual([task["id"] for task in first["tasks"] + second["tasks"]], ids)

    def test_filters(self):
        for query, chosen in (
                ("state=running", lambda task: task["state"] == "running"),
                ("state=failed", lambda task: task["state"] == "failed"),
                ("state=succeeded", lambda task: task["state"] == "succeeded"),
                ("state=cancelled", lambda task: False),
                ("name=job%201", lambda task: task["name"] == "job 1"),
                ("name=job+1", lambda task: task["name"] == "job 1"),
                ("name=job", lambda task: False),
                ("name=", lambda task: False),
                ("label=kind:z", lambda task: task["labels"].get("kind") == "z"),
                ("label=kind:x:y", lambda task: task["labels"].get("kind") == "x:y"),
                ("label=kind%3Ax%3Ay", lambda task: task["labels"].get("kind") == "x:y"),
                ("label=n:7", lambda task: task["labels"].get("n") == "7"),
                ("label=kind:", lambda task: False),
                ("label=none:1", lambda task: False),
                ("state=succeeded&label=kind:z&name=job%200",
                 lambda task: task["state"] == "succeeded" and task["labels"].get("kind") == "z" and task["name"] == "job 0")):
            with self.subTest(query):
                expected = [task for task in self.tasks if chosen(task)]
                self.assertEqual(self.server.list(query), expected)
                self.assertEqual(self.server.list(query + "&limit=2"), expected)  # the next page keeps the filter

    def test_sql_is_no_language_here(self):
        for query in "name='%20OR%20'1'='1", "label=kind:%25", "name=%25", "label=%22%20OR%201:1", "label=kind:z'--":
            with self.subTest(query):
                self.assertEqual(self.server.list(query), [])


class Cancelling(WithServer):
    def test_cancel(self):
        id = self.server.submit(FOREVER)["id"]
        answer = self.server.cancel(id)
        self.assertEqual(answer.status, 202)
        self.assertEqual(answer.json["id"], id)
        self.assertIsNotNone(answer.json["cancel_requested_at"])
        task = self.server.wait(id)
        self.assertEqual((task["state"], task["error"]["type"], task["error"]["message"]), ("cancelled", "CancelledError", ""))
        self.assertIsNotNone(task["cancel_requested_at"])

    def test_cancel_with_a_message(self):
        id = self.server.submit(sequence(FOREVER))["id"]
        self.server.cancel(id, "not needed any more")
        task = self.server.wait(id)
        self.assertEqual((task["state"], task["error"]["message"]), ("cancelled", "not needed any more"))

    def test_first_request_stands(self):
        """The second request finds a task that is on its way out, or one that has ended."""
        id = self.server.submit(shell("trap '' TERM; sleep 3600 & wait; wait; wait", kill_after=0.2))["id"]
        first = self.server.cancel(id, "first").json["cancel_requested_at"]
        self.assertIn(self.server.cancel(id, "second").status, (202, 409))
        task = self.server.wait(id)
        self.assertEqual(task["cancel_requested_at"], first)

    def test_cancel_wakes_who_waits(self):
        id = self.server.submit(FOREVER)["id"]
        with self.server.connect() as connection:
            connection.sendall(f"GET /v1/tasks/{id}?wait=60 HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
            self.server.cancel(id)
            answer = awaitd.receive(connection)
        self.assertEqual(answer.json["state"], "cancelled")

    def test_cancel_of_a_finished_task(self):
        id = self.run_job(value(1))["id"]
        self.assertEqual(self.server.cancel(id).status, 409)
        self.assertEqual(self.server.task(id)["state"], "succeeded")

    def test_cancel_reaches_gather(self):
        id = self.server.submit(gather(FOREVER, sequence(FOREVER), value(1)))["id"]
        self.server.cancel(id)
        self.assertEqual(self.server.wait(id)["state"], "cancelled")
        states = [child["state"] for child in self.server.tree(id)["children"]]
        self.assertIn(states, (["cancelled", "cancelled", "succeeded"], ["pending"] * 3))

    def test_cancel_body_may_be_absent(self):
        for headers in {"Content-Length": "0"}, {"Content-Length": "0", "Content-Type": "application/json"}:
            id = self.server.submit(FOREVER)["id"]
            self.assertEqual(self.server.request("POST", f"/v1/tasks/{id}/cancel", headers=headers).status, 202)
            self.assertEqual(self.server.wait(id)["state"], "cancelled")

    def test_cancel_without_a_length(self):
        """`curl -X POST` says nothing about a body."""
        id = self.server.submit(FOREVER)["id"]
        received = self.server.raw(f"POST /v1/tasks/{id}/cancel HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        self.assertEqual([answer.status for answer in awaitd.read_answers(received)], [202])
        self.assertEqual(self.server.wait(id)["state"], "cancelled")

    def test_cancel_at_once(self):
        """Right after the 202, whether it has begun or not."""
        for number in range(20):
            id = self.server.submit(sequence(sleep(0), FOREVER))["id"]
            self.assertEqual(self.server.cancel(id).status, 202)
            self.assertEqual(self.server.wait(id)["state"], "cancelled")


class Running(WithServer):
    """What the ops do is told by tests/specs; here: that it comes through."""

    def test_gather_takes_the_longest_not_the_sum(self):
        task = self.assert_result(gather(*[sleep(0.5 - number / 100, number) for number in range(20)]), list(range(20)))
        self.assertGreaterEqual(took(task), 0.5)
        self.assertLess(took(task), 4)  # the sum is 8.1

    def test_sequence_takes_the_sum(self):
        task = self.assert_result(sequence(*[sleep(0.02, number) for number in range(10)]), 9)
        self.assertGreaterEqual(took(task), 0.2)

    def test_many_tasks_at_once(self):
        ids = [self.server.submit(sleep(0.2, number))["id"] for number in range(200)]
        self.assertEqual([self.server.wait(id)["result"] for id in ids], list(range(200)))

    def test_wide_gather(self):
        self.assert_result(gather(*[value(number) for number in range(10000)]), list(range(10000)))

    def test_error(self):
        task = self.assert_fails(sequence(log("a"), fail("OutOfPaper", "tray 2"), log("b")), "OutOfPaper", "tray 2")
        self.assertEqual(task["error"]["path"], "/steps/1")
        self.assertEqual(self.server.messages(task["id"]), ["a"])

    def test_return_exceptions(self):
        task = self.run_job(gather(value(1), fail(), return_exceptions=True))
        self.assertEqual(task["state"], "succeeded")
        first, second = task["result"]
        self.assertEqual((first, second["error"]["type"], second["error"]["message"]), (1, "ValueError", "no luck"))

    def test_timeout_node(self):
        task = self.assert_fails({"op": "timeout", "seconds": 0.1, "body": FOREVER}, "TimeoutError", "")
        self.assertGreaterEqual(took(task), 0.1)
        self.assertIsNone(task["deadline"])

    def test_timeout_of_the_submission(self):
        task = self.assert_fails(FOREVER, "TimeoutError", "", timeout=0.2)
        self.assertGreaterEqual(took(task), 0.2)
        self.assertIsNotNone(task["deadline"])
        tree = self.server.tree(task["id"])
        self.assertEqual((tree["op"], tree["path"]), ("sleep", ""))

    def test_timeout_of_the_submission_in_time(self):
        task = self.run_job(value("quick"), timeout=60)
        self.assertEqual((task["state"], task["result"]), ("succeeded", "quick"))
        self.assertAlmostEqual((at(task["deadline"]) - at(task["created_at"])).total_seconds(), 60, delta=5)

    def test_background_task(self):
        self.assert_result(sequence(create("a", sleep(0.05, "A")), create("b", sleep(0.01, "B")),
                                    {"op": "await", "task": "a"}, {"op": "await", "task": "b"}), "B")

    def test_background_task_is_cancelled_at_the_end(self):
        task = self.assert_result(sequence(create("a", sequence(FOREVER, log("never"))), sleep(0.02), value("end")), "end")
        self.assertEqual(self.server.messages(task["id"]), [])
        node = self.server.tree(task["id"])["children"][0]
        self.assertEqual(node["children"][0]["state"], "cancelled")
        self.assertLess(took(task), 60)

    def test_cancel_node(self):
        task = self.run_job(sequence(create("a", FOREVER), sleep(0.01),
                                     {"op": "cancel", "task": "a", "message": "enough"}, {"op": "await", "task": "a"}))
        self.assertEqual((task["state"], task["error"]["type"], task["error"]["message"]), ("cancelled", "CancelledError", "enough"))

    def test_unhandled_error(self):
        task = self.assert_result(sequence(create("a", fail("OSError", "lost")), sleep(0.05), value("end")), "end")
        self.assertEqual([(error["type"], error["message"], error["path"]) for error in task["unhandled"]],
                         [("OSError", "lost", "/steps/0/body")])

    def test_await_before_its_time(self):
        self.assert_fails(sequence({"op": "await", "task": "a"}, create("a", value(1))), "KeyError")

    def test_cancelled_by_itself(self):
        self.assert_fails(fail("CancelledError", ""), "CancelledError", state="cancelled")


class Processes(WithServer):
    def test_argv(self):
        self.assert_result(argv("echo", "a b", "$HOME", "*"), {"returncode": 0, "stdout": "a b $HOME *\n", "stderr": ""})

    def test_shell(self):
        self.assert_result(shell("echo out; echo err >&2; exit 3", check=False),
                           {"returncode": 3, "stdout": "out\n", "stderr": "err\n"})

    def test_stdin(self):
        self.assert_result(argv("cat", stdin="žluť\n"), {"returncode": 0, "stdout": "žluť\n", "stderr": ""})

    def test_no_stdin(self):
        """Without it there is none to wait for."""
        self.assert_result(argv("cat"), {"returncode": 0, "stdout": "", "stderr": ""})

    def test_stdin_that_nobody_reads(self):
        self.assert_result(argv("true", stdin="x" * 1_000_000), {"returncode": 0, "stdout": "", "stderr": ""})

    def test_much_of_both(self):
        text = "0123456789abcdef" * 30000
        self.assertEqual(self.run_job(argv("cat", stdin=text))["result"]["stdout"], text)

    def test_environment(self):
        task = self.run_job(argv("env", env={"GREETING": "hello world", "EMPTY": ""}))
        lines = task["result"]["stdout"].splitlines()
        self.assertIn("GREETING=hello world", lines)
        self.assertIn("EMPTY=", lines)
        self.assertTrue(any(line.startswith("PATH=") for line in lines))

    def test_environment_over_the_inherited(self):
        self.assert_result(shell("echo $HOME", env={"HOME": "/elsewhere"}), {"returncode": 0, "stdout": "/elsewhere\n", "stderr": ""})

    def test_cwd(self):
        self.assert_result(argv("pwd", cwd="/usr/lib"), {"returncode": 0, "stdout": "/usr/lib\n", "stderr": ""})

    def test_check(self):
        task = self.assert_fails(shell("echo out; echo err >&2; exit 7"), "CalledProcessError")
        details = task["error"]["details"]
        self.assert_schema("ProcessResult", details)
        self.assertEqual((details["returncode"], details["stdout"], details["stderr"]), (7, "out\n", "err\n"))
        self.assertIn("7", task["error"]["message"])

    def test_signal(self):
        self.assert_result(shell("kill -KILL $$", check=False), {"returncode": -9, "signal": "SIGKILL", "stdout": "", "stderr": ""})
        task = self.assert_fails(shell("kill -TERM $$"), "CalledProcessError")
        details = task["error"]["details"]
        self.assertEqual((details["returncode"], details["signal"]), (-15, "SIGTERM"))

    def test_missing_program(self):
        for spec in argv("awaitd-no-such-program"), argv("/nonexistent/program", "x"), argv(""):
            with self.subTest(str(spec)):
                task = self.assert_fails(spec, "FileNotFoundError")
                self.assertEqual(task["error"]["path"], "")

    def test_missing_cwd(self):
        self.assert_fails(argv("true", cwd="/nonexistent"), "FileNotFoundError")

    def test_no_permission(self):
        path = os.path.join(self.server.folder, "not-executable")
        with open(path, "w") as file:
            file.write("#!/bin/sh\n")
        self.assert_fails(argv(path), "PermissionError")

    def test_shell_does_not_find_it(self):
        task = self.run_job(shell("awaitd-no-such-program", check=False))
        self.assertEqual(task["result"]["returncode"], 127)

    def test_max_output(self):
        """The beginning and the end, and how much there was between."""
        task = self.run_job(shell("echo begin; head -c 100000 /dev/zero | tr '\\0' x; echo end; echo done >&2", max_output=1000))
        self.assertEqual(task["state"], "succeeded", task)
        self.assertEqual(task["result"], {"returncode": 0, "stdout": "begin\n" + "x" * 494, "stdout_tail": "x" * 496 + "end\n",
                                          "stdout_dropped": 100010 - 1000, "stderr": "done\n"})

    def test_output_that_is_no_text(self):
        """The answer is JSON all the same."""
        self.assert_result(argv("printf", r"a\377b\0c\303"),
                           {"returncode": 0, "stdout_base64": base64.b64encode(b"a\xffb\0c\xc3").decode(), "stderr": ""})
        self.assert_result(argv("printf", r"a\0b\033"), {"returncode": 0, "stdout": "a\0b\x1b", "stderr": ""})

    def test_descriptors(self):
        """A child gets standard input, output and error, and nothing else of ours."""
        task = self.run_job(argv("ls", "/proc/self/fd"))
        self.assertEqual(task["result"]["stdout"].split(), ["0", "1", "2", "3"])  # 3 is the folder that ls reads

    def test_signals_are_as_usual(self):
        """None blocked, none ignored; but for 32 and 33, which are the C library's own and no program can set."""
        task = self.run_job(argv("grep", "-E", "Sig(Blk|Ign)", "/proc/self/status"))
        masks = [int(line.split()[1], 16) for line in task["result"]["stdout"].splitlines()]
        self.assertEqual([mask & ~(3 << 31) for mask in masks], [0, 0])

    def test_many_at_once(self):
        task = self.run_job(gather(*[shell(f"echo {n}") for n in range(50)]))
        self.assertEqual([result["stdout"] for result in task["result"]], [f"{n}\n" for n in range(50)])

    def cancel_started(self, spec, fifo, word):
        id = self.server.submit(spec)["id"]
        fifo.expect(word)
        self.assertEqual(self.server.cancel(id).status, 202)
        task = self.server.wait(id)
        self.assertEqual((task["state"], task["error"]["type"]), ("cancelled", "CancelledError"))
        fifo.expect_end()
        return task

    def test_cancel(self):
        fifo = awaitd.Fifo(self)
        self.cancel_started(shell(fifo.hold("started") + "; exec sleep 3600"), fifo, "started")

    def test_cancel_reaches_grandchildren(self):
        fifo = awaitd.Fifo(self)
        self.cancel_started(shell("(sleep 3600; :) & (sleep 3600; :) & ".replace("(", f"(exec 9>'{fifo.path}'; ") +
                                  fifo.hold("started") + "; wait"), fifo, "started")

    def test_cancel_when_it_ignores_sigterm(self):
        fifo = awaitd.Fifo(self)
        task = self.cancel_started(shell("trap '' TERM; " + fifo.hold("started") + "; sleep 3600 & sleep 3600", kill_after=0.2),
                                   fifo, "started")
        delay = at(task["finished_at"]) - at(task["cancel_requested_at"])
        self.assertGreaterEqual(delay.total_seconds(), 0.19)

    def test_cancel_lets_it_clean_up(self):
        fifo = awaitd.Fifo(self)
        id = self.server.submit(shell(fifo.hold("started") + "; trap 'echo cleaned >&9; exit 0' TERM; sleep 3600 & wait"))["id"]
        fifo.expect("started")
        self.server.cancel(id)
        self.assertEqual(self.server.wait(id)["state"], "cancelled")
        fifo.expect("cleaned")
        fifo.expect_end()

    def test_timeout_kills(self):
        fifo = awaitd.Fifo(self)
        task = self.run_job({"op": "timeout", "seconds": 0.3, "body": shell(fifo.hold("x") + "; sleep 3600")})
        self.assertEqual(task["error"]["type"], "TimeoutError")
        fifo.expect("x")
        fifo.expect_end()

    def test_no_zombies(self):
        self.run_job(gather(*[argv("true") for _ in range(20)]))
        states = awaitd.until(lambda: not self.children("Z"), "the end of all zombies")
        self.assertTrue(states)

    def children(self, state):
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                with open(f"/proc/{pid}/stat") as file:
                    fields = file.read().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == self.server.pid and fields[0] == state:
                found.append(pid)
        return found


class Restarting(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.server = awaitd.Server()
        self.addCleanup(self.server.close)

    def everything(self, id):
        return [self.server.get(f"/v1/tasks/{id}{part}").body for part in ("", "/tree", "/log")]

    def finished(self):
        """Tasks of every final state."""
        cancelled = self.server.submit(sequence(log("x"), FOREVER))["id"]
        self.server.cancel(cancelled)
        self.server.wait(cancelled)
        return [cancelled, *(self.server.run(spec, **fields)["id"] for spec, fields in (
            (gather(value(1.0), sleep(0.01, {"b": 1, "a": 2}), log("ä")), {"name": "ñ", "labels": {"z": "1", "a": "2"}}),
            (sequence(create("a", fail()), sleep(0.01)), {}),
            (fail("KeyError", "'k'"), {}),
            (FOREVER, {"timeout": 0.05}),
            (shell("echo out; exit 1"), {})))]

    def check(self, stop):
        ids = self.finished()
        before = {id: self.everything(id) for id in ids}
        tags = {id: self.server.get(f"/v1/tasks/{id}").headers["ETag"] for id in ids}
        listed = self.server.get("/v1/tasks").body
        stop()
        self.server.start()
        for id in ids:
            with self.subTest(before[id][0].decode()):
                self.assertEqual(self.everything(id), before[id])
                self.assertEqual(self.server.get(f"/v1/tasks/{id}", If_None_Match=tags[id]).status, 304)
        self.assertEqual(self.server.get("/v1/tasks").body, listed)
        self.server.stop()

    def test_finished_tasks_stay_as_they_are(self):
        self.check(lambda: self.server.stop())

    def test_finished_tasks_stay_as_they_are_after_a_kill(self):
        self.check(lambda: self.server.kill())

    def test_open_tasks_go_on(self):
        for stop in self.server.stop, self.server.kill:
            with self.subTest(stop.__name__):
                id = self.server.submit(sequence(log("begin"), sleep(0.5), log("end")))["id"]
                awaitd.until(lambda: self.server.messages(id) == ["begin"], "the first line")
                self.assertEqual(self.server.task(id)["starts"], 1)
                stop()
                self.server.start()
                task = self.server.wait(id)
                self.assertEqual((task["state"], task["starts"]), ("succeeded", 2))
                lines = [(line["stream"], line["message"]) for line in self.server.log(id)]
                self.assertEqual(lines, [("log", "begin"), ("log", "end")])
        self.server.stop()

    def test_processes_run_again(self):
        """One that the drain has ended, and one whose server was killed."""
        for stop in self.server.stop, self.server.kill:
            with self.subTest(stop.__name__):
                fifo, flag = awaitd.Fifo(self), os.path.join(self.server.folder, "flag-" + stop.__name__)
                id = self.server.submit(shell(f"test -e '{flag}' || {{ touch '{flag}'; {fifo.hold('started')}; exec sleep 3600; }}"))["id"]
                fifo.expect("started")
                stop()
                fifo.expect_end()
                self.server.start()
                task = self.server.wait(id)
                self.assertEqual((task["state"], task["starts"]), ("succeeded", 2))
        self.server.stop()

    def test_cancellation_outlives_a_kill(self):
        """Requested, on disk, not yet carried out."""
        fifo = awaitd.Fifo(self)
        id = self.server.submit(shell(f"trap '' TERM; {fifo.hold('started')}; sleep 3600", kill_after=1000))["id"]
        fifo.expect("started")
        self.assertEqual(self.server.cancel(id, "enough").status, 202)
        self.server.kill()
        fifo.expect_end()
        self.server.start()
        task = self.server.wait(id)
        self.assertEqual((task["state"], task["error"]["message"]), ("cancelled", "enough"))
        self.server.stop()

    def test_processes_end_with_the_server(self):
        """After SIGTERM nothing that it started is left, also what ignores the signal."""
        fifo = awaitd.Fifo(self)
        self.server.submit(shell(f"trap '' TERM; {fifo.hold('started')}; sleep 3600", kill_after=0.2))
        fifo.expect("started")
        self.assertLess(self.server.stop(), 9)
        fifo.expect_end()

    def test_processes_end_with_a_server_that_goes_at_once(self):
        """The second SIGTERM."""
        fifo = awaitd.Fifo(self)
        self.server.submit(shell(f"trap '' TERM; {fifo.hold('started')}; sleep 3600"))
        fifo.expect("started")
        self.server.process.terminate()
        awaitd.until(lambda: self.server.get("/readyz").status == 503, "the signal has arrived")
        self.server.process.terminate()
        self.assertEqual(self.server.ended(), 128 + 15)
        fifo.expect_end()

    def test_memory_database(self):
        with awaitd.Server(db=":memory:") as server:
            self.assertIn("memory", server.get("/healthz").body.decode())
            id = server.run(value(1))["id"]
            self.assertEqual([task["id"] for task in server.list()], [id])
            server.restart()
            self.assertEqual(server.list(), [])
            self.assertEqual(server.get(f"/v1/tasks/{id}").status, 404)
        self.server.stop()


if __name__ == "__main__":
    unittest.main()
