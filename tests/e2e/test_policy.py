"""What jobs may do depends on who reaches the server."""
import unittest

import awaitd

TRUE = {"op": "subprocess", "argv": ["true"]}
SHELL = {"op": "subprocess", "shell": "true"}


def named_later(name):
    """The program is known only when the job runs."""
    return {"op": "sequence", "steps": [{"op": "value", "value": name, "name": "program"},
                                        {"op": "subprocess", "argv": ["${program}"]}]}


class Programs(unittest.TestCase):
    def assert_refused(self, server, spec, pointer, text):
        answer = server.post("/v1/tasks", {"spec": spec})
        self.assertEqual(answer.status, 422, answer)
        self.assertEqual(answer.json["pointer"], pointer)
        self.assertIn(text, answer.json["detail"])

    def test_any_program_where_only_this_machine_reaches_it(self):
        with awaitd.Server() as server:
            self.assertIn("jobs may run any program", server.stderr())
            for spec in TRUE, SHELL, named_later("true"):
                self.assertEqual(server.run(spec)["result"]["returncode"], 0)

    def test_none_where_others_reach_it(self):
        with awaitd.Server("--listen", "0.0.0.0:0") as server:
            self.assertIn("jobs may run no programs", server.stderr())
            self.assert_refused(server, TRUE, "/spec/argv", "without --allow-exec")
            self.assert_refused(server, SHELL, "/spec/shell", "without --allow-exec")
            error = server.run(named_later("true"))["error"]
            self.assertEqual((error["type"], error["path"]), ("PermissionError", "/steps/1"))
            answer = server.put("/v1/coroutines/c", {"body": TRUE})
            self.assertEqual((answer.status, answer.json["pointer"]), (422, "/body/argv"))

    def test_files(self):
        """A function reads a file only where any program could."""
        read = {"op": "thread", "function": "hash", "args": {"file": "/etc/hostname"}}
        later = {"op": "sequence", "steps": [{"op": "value", "value": read["args"], "name": "args"},
                                             {**read, "args": "${args}"}]}
        text = {"op": "thread", "function": "hash", "args": {"text": "x", "file": None}}
        with awaitd.Server("--listen", "0.0.0.0:0", "--allow-exec", "true") as server:
            self.assert_refused(server, read, "/spec/args", "does not let jobs read its files")
            error = server.run(later)["error"]
            self.assertEqual((error["type"], error["path"]), ("PermissionError", "/steps/1"))
            self.assertEqual(len(server.run(text)["result"]), 64)
        with awaitd.Server() as server:
            for spec in read, later, text:
                self.assertEqual(len(server.run(spec)["result"]), 64)

    def test_those_that_are_allowed(self):
        with awaitd.Server("--listen", "0.0.0.0:0", "--allow-exec", "true", "--allow-exec", "/bin/s*") as server:
            for spec in TRUE, SHELL, named_later("true"):
                self.assertEqual(server.run(spec)["result"]["returncode"], 0)
            self.assert_refused(server, {"op": "subprocess", "argv": ["/tmp/true"]}, "/spec/argv", "does not name it")
            self.assertEqual(server.run(named_later("false"))["error"]["type"], "PermissionError")

    def test_none_where_none_is_said(self):
        with awaitd.Server(env={"AWAITD_ALLOW_EXEC": ""}) as server:
            self.assert_refused(server, TRUE, "/spec/argv", "without --allow-exec")
