"""openapi.yaml against the server: its routes, its ops, its examples, and which specs are valid.

(That every answer is as documented, every test here checks: see awaitd.Server.request.)
"""

import re
import unittest

import awaitd

GOOD = {"op": "value", "value": 1}


def background(*steps):
    """A job that has a background task `a`."""
    return {"op": "sequence", "steps": [{"op": "create_task", "name": "a", "body": GOOD}, *steps]}


def after(value, *steps):
    """A job that has a value `a`."""
    return {"op": "sequence", "steps": [{"op": "value", "name": "a", "value": value}, *steps]}


def clause(**fields):
    return {"op": "try", "body": GOOD, "except": [{"body": GOOD, **fields}]}


# Specs, and whether they are valid: the Node schema and the server must both say so.
JUDGED = {
    "sleep": (True, {"op": "sleep", "seconds": 0}),
    "sleep real": (True, {"op": "sleep", "seconds": 0.001, "result": {"a": [1, None]}}),
    "sleep small": (True, {"op": "sleep", "seconds": 1e-9}),
    "sleep null result": (True, {"op": "sleep", "seconds": 0, "result": None}),
    "sleep named": (True, {"op": "sleep", "seconds": 0, "name": "nap"}),
    "sleep a century": (True, {"op": "sleep", "seconds": 3155760000}),
    "sleep longer": (False, {"op": "sleep", "seconds": 3155760001}),
    "sleep far longer": (False, {"op": "sleep", "seconds": 1e300}),
    "sleep negative": (False, {"op": "sleep", "seconds": -1}),
    "sleep text": (False, {"op": "sleep", "seconds": "1"}),
    "sleep null": (False, {"op": "sleep", "seconds": None}),
    "sleep true": (False, {"op": "sleep", "seconds": True}),
    "sleep for ever": (False, {"op": "sleep"}),
    "sleep misspelt": (False, {"op": "sleep", "second": 1}),
    "value": (True, {"op": "value", "value": [1, 2.5, "x", {}, [], None, True]}),
    "value null": (True, {"op": "value", "value": None}),
    "value nested op": (True, {"op": "value", "value": {"op": "nothing"}}),
    "value missing": (False, {"op": "value"}),
    "value extra": (False, {"op": "value", "value": 1, "seconds": 1}),
    "log": (True, {"op": "log", "message": ""}),
    "log unicode": (True, {"op": "log", "message": "žluťoučký 🐎 \u2028 \u007f"}),
    "log debug": (True, {"op": "log", "message": "m", "level": "debug"}),
    "log info": (True, {"op": "log", "message": "m", "level": "info"}),
    "log warning": (True, {"op": "log", "message": "m", "level": "warning"}),
    "log error": (True, {"op": "log", "message": "m", "level": "error"}),
    "log critical": (False, {"op": "log", "message": "m", "level": "critical"}),
    "log null level": (False, {"op": "log", "message": "m", "level": None}),
    "log number": (False, {"op": "log", "message": 5}),
    "log nothing": (False, {"op": "log"}),
    "raise": (True, {"op": "raise", "type": "ValueError"}),
    "raise own": (True, {"op": "raise", "type": "_Out_of_paper2", "message": "m"}),
    "raise dotted": (True, {"op": "raise", "type": "printer.OutOfPaper"}),
    "raise cancelled": (True, {"op": "raise", "type": "CancelledError"}),
    "raise exit": (False, {"op": "raise", "type": "SystemExit"}),
    "raise base": (False, {"op": "raise", "type": "BaseException"}),
    "raise digit": (False, {"op": "raise", "type": "2Many"}),
    "raise dash": (False, {"op": "raise", "type": "Value-Error"}),
    "raise accent": (False, {"op": "raise", "type": "Überlauf"}),
    "raise dot first": (False, {"op": "raise", "type": ".Error"}),
    "raise long": (True, {"op": "raise", "type": "E" * 100}),
    "raise too long": (False, {"op": "raise", "type": "E" * 101}),
    "raise empty": (False, {"op": "raise", "type": ""}),
    "sequence": (True, {"op": "sequence", "steps": [GOOD, GOOD], "return": 3}),
    "sequence empty": (True, {"op": "sequence", "steps": []}),
    "sequence null return": (True, {"op": "sequence", "steps": [], "return": None}),
    "sequence deep fault": (False, {"op": "sequence", "steps": [{"op": "sequence", "steps": [{"op": "sleep"}]}]}),
    "sequence of texts": (False, {"op": "sequence", "steps": ["sleep"]}),
    "sequence object": (False, {"op": "sequence", "steps": {}}),
    "gather": (True, {"op": "gather", "tasks": [GOOD] * 3, "return_exceptions": True}),
    "gather empty": (True, {"op": "gather", "tasks": []}),
    "gather flag": (False, {"op": "gather", "tasks": [], "return_exceptions": "yes"}),
    "gather null": (False, {"op": "gather", "tasks": [None]}),
    "timeout": (True, {"op": "timeout", "seconds": 5, "body": GOOD}),
    "timeout null": (True, {"op": "timeout", "seconds": None, "body": GOOD}),
    "timeout zero": (True, {"op": "timeout", "seconds": 0, "body": GOOD}),
    "timeout absent": (False, {"op": "timeout", "body": GOOD}),
    "timeout negative": (False, {"op": "timeout", "seconds": -0.1, "body": GOOD}),
    "timeout no body": (False, {"op": "timeout", "seconds": 1}),
    "timeout list": (False, {"op": "timeout", "seconds": 1, "body": [GOOD]}),
    "create_task": (True, background()),
    "create_task no name": (False, {"op": "create_task", "body": GOOD}),
    "create_task empty name": (False, {"op": "create_task", "name": "", "body": GOOD}),
    "await": (True, background({"op": "await", "task": "a", "name": "wait for it"})),
    "await nothing": (False, background({"op": "await"})),
    "await a list": (False, background({"op": "await", "task": ["a"]})),
    "cancel": (True, background({"op": "cancel", "task": "a", "message": "enough"})),
    "cancel number": (False, background({"op": "cancel", "task": "a", "message": 1})),
    "thread": (True, {"op": "thread", "function": "noop"}),
    "thread arguments": (True, {"op": "thread", "function": "echo", "args": {"value": "a"}, "executor": "default"}),
    "thread reference": (True, after({}, {"op": "thread", "function": "${a}", "args": "${a}", "executor": "${a}"})),
    "thread nothing": (False, {"op": "thread"}),
    "thread empty": (False, {"op": "thread", "function": ""}),
    "thread list": (False, {"op": "thread", "function": ["noop"]}),
    "thread args list": (False, {"op": "thread", "function": "noop", "args": []}),
    "thread args null": (False, {"op": "thread", "function": "noop", "args": None}),
    "thread executor number": (False, {"op": "thread", "function": "noop", "executor": 4}),
    "thread executor empty": (False, {"op": "thread", "function": "noop", "executor": ""}),
    "on_crash of a thread": (True, {"op": "thread", "function": "noop", "on_crash": "fail"}),
    "on_crash of a subprocess": (True, {"op": "subprocess", "argv": ["true"], "on_crash": "rerun"}),
    "on_crash of http": (True, {"op": "http", "url": "http://localhost/", "on_crash": "fail"}),
    "on_crash of a stream": (True, {"op": "stream", "host": "localhost", "port": 1, "read": {"eof": True}, "on_crash": "fail"}),
    "on_crash unknown": (False, {"op": "thread", "function": "noop", "on_crash": "ignore"}),
    "on_crash null": (False, {"op": "thread", "function": "noop", "on_crash": None}),
    "on_crash reference": (False, after("fail", {"op": "thread", "function": "noop", "on_crash": "${a}"})),
    "on_crash of a sleep": (False, {"op": "sleep", "seconds": 0, "on_crash": "rerun"}),
    "on_crash of a sequence": (False, {"op": "sequence", "steps": [], "on_crash": "fail"}),
    "on_crash of a clause": (False, clause(on_crash="fail")),
    "subprocess": (True, {"op": "subprocess", "argv": ["true"]}),
    "subprocess shell": (True, {"op": "subprocess", "shell": "true", "stdin": "", "env": {"A": "1"}, "cwd": "/",
                                "check": False, "max_output": 1, "kill_after": 0}),
    "subprocess limits": (True, {"op": "subprocess", "argv": ["true"], "cpu_seconds": 1, "memory": 1 << 30, "open_files": 3,
                                 "nice": 40, "inherit_env": False, "stdin_from": "client"}),
    "subprocess nice of root": (True, {"op": "subprocess", "argv": ["true"], "nice": -40}),
    "subprocess limits from references": (True, after(7, {"op": "subprocess", "argv": ["true"], "cpu_seconds": "${a}",
                                                          "memory": "${a}", "open_files": "${a}", "nice": "${a}", "uid": "${a}"})),
    "subprocess no processor": (False, {"op": "subprocess", "argv": ["true"], "cpu_seconds": 0}),
    "subprocess half a second": (False, {"op": "subprocess", "argv": ["true"], "cpu_seconds": 0.5}),
    "subprocess no memory": (False, {"op": "subprocess", "argv": ["true"], "memory": 0}),
    "subprocess two files": (False, {"op": "subprocess", "argv": ["true"], "open_files": 2}),
    "subprocess too nice": (False, {"op": "subprocess", "argv": ["true"], "nice": 41}),
    "subprocess nobody": (False, {"op": "subprocess", "argv": ["true"], "uid": -1}),
    "subprocess user's name": (False, {"op": "subprocess", "argv": ["true"], "uid": "root"}),
    "subprocess last user": (False, {"op": "subprocess", "argv": ["true"], "uid": 4294967295}),
    "subprocess stdin from a file": (False, {"op": "subprocess", "argv": ["true"], "stdin_from": "file"}),
    "subprocess fed": (True, {"op": "subprocess", "argv": ["cat"], "stdin": "x", "stdin_from": "client"}),
    "subprocess fed by": (False, {"op": "subprocess", "argv": ["cat"], "stdin_from": "server"}),
    "subprocess most output": (True, {"op": "subprocess", "argv": ["true"], "max_output": 16777216}),
    "subprocess whole real": (True, {"op": "subprocess", "argv": ["true"], "max_output": 1000.0}),
    "subprocess too much output": (False, {"op": "subprocess", "argv": ["true"], "max_output": 16777217}),
    "subprocess no output": (False, {"op": "subprocess", "argv": ["true"], "max_output": 0}),
    "subprocess neither": (False, {"op": "subprocess"}),
    "subprocess both": (False, {"op": "subprocess", "argv": ["true"], "shell": "true"}),
    "subprocess no argv": (False, {"op": "subprocess", "argv": []}),
    "subprocess null shell": (False, {"op": "subprocess", "shell": None}),
    "subprocess env name": (False, {"op": "subprocess", "argv": ["true"], "env": {"A=B": "1"}}),
    "subprocess env empty name": (False, {"op": "subprocess", "argv": ["true"], "env": {"": "1"}}),
    "subprocess env number": (False, {"op": "subprocess", "argv": ["true"], "env": {"A": 1}}),
    "subprocess kill_after": (False, {"op": "subprocess", "argv": ["true"], "kill_after": -1}),
    "http": (True, {"op": "http", "url": "http://localhost/"}),
    "http all": (True, {"op": "http", "url": "HTTPS://u:p@[::1]:8080/a?b=%20#c", "method": "get", "headers": {"X-A": "a\tñ", "b": ""},
                        "json": None, "raise_for_status": False, "timeout": 0, "max_body": 67108864, "follow_redirects": True,
                        "max_redirects": 0}),
    "http text": (True, {"op": "http", "url": "http://localhost", "body": "", "max_redirects": 20, "max_body": 1}),
    "http no url": (False, {"op": "http", "method": "GET"}),
    "http ftp": (False, {"op": "http", "url": "ftp://localhost/"}),
    "http no host": (False, {"op": "http", "url": "http:///"}),
    "http space": (False, {"op": "http", "url": "http://localhost/a b"}),
    "http both": (False, {"op": "http", "url": "http://localhost/", "json": None, "body": ""}),
    "http method": (False, {"op": "http", "url": "http://localhost/", "method": "G T"}),
    "http connect": (False, {"op": "http", "url": "http://localhost/", "method": "Connect"}),
    "http header number": (False, {"op": "http", "url": "http://localhost/", "headers": {"A": 1}}),
    "http header line break": (False, {"op": "http", "url": "http://localhost/", "headers": {"A": "\r\n"}}),
    "http header name": (False, {"op": "http", "url": "http://localhost/", "headers": {"A B": ""}}),
    "http too much body": (False, {"op": "http", "url": "http://localhost/", "max_body": 67108865}),
    "http too many redirects": (False, {"op": "http", "url": "http://localhost/", "max_redirects": 21}),
    "http timeout null": (False, {"op": "http", "url": "http://localhost/", "timeout": None}),
    "reference http": (True, after({}, {"op": "http", "url": "${a}/x", "method": "${a}", "headers": "${a}", "json": "${a}",
                                        "timeout": "${a}", "max_body": "${a}", "max_redirects": "${a}",
                                        "follow_redirects": "${a}", "raise_for_status": "${a}"})),
    "reference http both": (False, after({}, {"op": "http", "url": "${a}", "json": "${a}", "body": "${a}"})),
    "group": (True, {"op": "group", "tasks": [GOOD, GOOD]}),
    "group empty": (True, {"op": "group", "tasks": []}),
    "group of none": (False, {"op": "group"}),
    "group with a flag": (False, {"op": "group", "tasks": [], "return_exceptions": True}),
    "wait": (True, {"op": "wait", "tasks": [GOOD], "return_when": "FIRST_EXCEPTION", "timeout": 1}),
    "wait for ever": (True, {"op": "wait", "tasks": [GOOD], "timeout": None}),
    "wait for nothing": (False, {"op": "wait", "tasks": []}),
    "wait for something else": (False, {"op": "wait", "tasks": [GOOD], "return_when": "first_completed"}),
    "wait negative": (False, {"op": "wait", "tasks": [GOOD], "timeout": -1}),
    "race": (True, {"op": "race", "tasks": [GOOD]}),
    "race of none": (False, {"op": "race", "tasks": []}),
    "shield": (True, {"op": "shield", "body": GOOD}),
    "shield nothing": (False, {"op": "shield"}),
    "timeout at": (True, {"op": "timeout", "at": "2100-01-01T00:00:00Z", "body": GOOD}),
    "timeout at offset": (True, {"op": "timeout", "at": "2100-01-01 00:00:00.5-01:30", "body": GOOD}),
    "timeout at day": (False, {"op": "timeout", "at": "2100-01-01", "body": GOOD}),
    "timeout at number": (False, {"op": "timeout", "at": 4102444800, "body": GOOD}),
    "timeout at null": (False, {"op": "timeout", "at": None, "body": GOOD}),
    "timeout twice": (False, {"op": "timeout", "seconds": 1, "at": "2100-01-01T00:00:00Z", "body": GOOD}),
    "reschedule": (True, {"op": "timeout", "name": "t", "seconds": None,
                          "body": {"op": "reschedule", "timeout": "t", "seconds": 1}}),
    "reschedule at": (True, {"op": "timeout", "name": "t", "seconds": 5,
                             "body": {"op": "reschedule", "timeout": "t", "at": "2100-01-01T00:00:00Z"}}),
    "reschedule null": (True, {"op": "timeout", "name": "t", "seconds": 5,
                               "body": {"op": "reschedule", "timeout": "t", "seconds": None}}),
    "reschedule neither": (False, {"op": "timeout", "name": "t", "seconds": 5,
                                   "body": {"op": "reschedule", "timeout": "t"}}),
    "reschedule both": (False, {"op": "timeout", "name": "t", "seconds": 5,
                                "body": {"op": "reschedule", "timeout": "t", "seconds": 1, "at": "2100-01-01T00:00:00Z"}}),
    "reschedule nothing": (False, {"op": "reschedule", "seconds": 1}),
    "try": (True, {"op": "try", "body": GOOD, "except": [{"types": ["ValueError", "a.b"], "as": "e", "body": GOOD},
                                                        {"body": GOOD}], "else": GOOD, "finally": GOOD}),
    "try alone": (True, {"op": "try", "body": GOOD}),
    "try no clause": (True, {"op": "try", "body": GOOD, "except": []}),
    "try base": (True, clause(types=["BaseException"])),
    "try no types": (False, clause(types=[])),
    "try one type": (False, clause(types="ValueError")),
    "try bad type": (False, clause(types=["Value Error"])),
    "try dynamic type": (False, clause(types=["${a}"])),
    "try as nothing": (False, clause(**{"as": ""})),
    "try as path": (False, clause(**{"as": "a.b"})),
    "try as reference": (False, clause(**{"as": "${e}"})),
    "try unknown": (False, clause(type="ValueError")),
    "try op in a clause": (False, clause(op="except")),
    "try clause without body": (False, {"op": "try", "body": GOOD, "except": [{"as": "e"}]}),
    "try no body": (False, {"op": "try", "except": [{"body": GOOD}]}),
    "try one clause": (False, {"op": "try", "body": GOOD, "except": {"body": GOOD}}),
    "retry": (True, {"op": "retry", "attempts": 3, "delay": 0.01, "backoff": 1, "max_delay": 1, "jitter": 0,
                     "on": ["OSError"], "body": GOOD}),
    "retry max_delay null": (True, {"op": "retry", "attempts": 1, "max_delay": None, "body": GOOD}),
    "retry never": (False, {"op": "retry", "attempts": 0, "body": GOOD}),
    "retry half": (False, {"op": "retry", "attempts": 1.5, "body": GOOD}),
    "retry no attempts": (False, {"op": "retry", "body": GOOD}),
    "retry backoff": (False, {"op": "retry", "attempts": 1, "backoff": 1e10, "body": GOOD}),
    "retry on nothing": (False, {"op": "retry", "attempts": 1, "on": [], "body": GOOD}),
    "semaphore": (True, {"op": "semaphore", "semaphore": "s", "value": 2, "bounded": True, "body": GOOD}),
    "semaphore negative": (False, {"op": "semaphore", "semaphore": "s", "value": -1, "body": GOOD}),
    "semaphore bounded": (False, {"op": "semaphore", "semaphore": "s", "bounded": 1, "body": GOOD}),
    "semaphore number": (False, {"op": "semaphore", "semaphore": 1, "body": GOOD}),
    "semaphore nameless": (False, {"op": "semaphore", "body": GOOD}),
    "map": (True, {"op": "map", "items": [1, 2], "as": "n", "concurrency": 1, "return_exceptions": True,
                   "body": {"op": "value", "value": "${n}"}}),
    "map nothing": (True, {"op": "map", "items": [], "body": {"op": "value", "value": "${item}"}}),
    "map no items": (False, {"op": "map", "body": GOOD}),
    "map no concurrency": (False, {"op": "map", "items": [], "concurrency": 0, "body": GOOD}),
    "map as path": (False, {"op": "map", "items": [], "as": "a[0]", "body": GOOD}),
    "future": (True, {"op": "future", "name": "a / ñ"}),
    "future twice": (True, {"op": "gather", "tasks": [{"op": "future", "name": "f"}] * 2}),
    "future nameless": (False, {"op": "future"}),
    "future null": (False, {"op": "future", "name": None}),
    "future empty": (False, {"op": "future", "name": ""}),
    "future of 201": (False, {"op": "future", "name": "n" * 201}),
    "future reference": (False, after("f", {"op": "future", "name": "${a}"})),
    "future escaped": (False, {"op": "future", "name": "$${a}"}),
    "future result": (False, {"op": "future", "name": "f", "result": 1}),
    "call nobody": (False, {"op": "call"}),
    "call a number": (False, {"op": "call", "coroutine": 1}),
    "call a digit": (False, {"op": "call", "coroutine": "1st"}),
    "call a reference": (False, {"op": "call", "coroutine": "${a}"}),
    "call": (True, {"op": "call", "coroutine": "known", "name": "it", "args": {"a": [1]}}),
    "call dynamic": (True, after({"a": 1}, {"op": "call", "coroutine": "known", "args": "${a}"})),
    "call partly dynamic": (True, after(1, {"op": "call", "coroutine": "known", "args": {"a": "${a}"}})),
    "call without arguments": (True, {"op": "call", "coroutine": "known"}),
    "call with a list": (False, {"op": "call", "coroutine": "known", "args": [1]}),
    "reference number": (True, after(0, {"op": "sleep", "seconds": "${a}"})),
    "reference path": (True, after([{"b c": [0]}], {"op": "sleep", "seconds": '${a[-1]["b c"][0]}'})),
    "reference integer": (True, after(1, {"op": "retry", "attempts": "${a}", "body": GOOD})),
    "reference boolean": (True, after(True, {"op": "gather", "tasks": [], "return_exceptions": "${a}"})),
    "reference list": (True, after([1], {"op": "map", "items": "${a}", "body": GOOD})),
    "reference argv": (True, after(["true"], {"op": "subprocess", "argv": "${a}", "env": {"A": "x${a}"}})),
    "reference env": (True, after({}, {"op": "subprocess", "argv": ["true", "${a}"], "env": "${a}"})),
    "reference choice": (True, after("info", {"op": "log", "message": "${a}!", "level": "${a}"})),
    "reference type": (True, after("ValueError", {"op": "raise", "type": "${a}"})),
    "reference time": (True, after("2100", {"op": "timeout", "at": "${a}-01-01T00:00:00Z", "body": GOOD})),
    "reference null": (True, after(None, {"op": "wait", "tasks": [GOOD], "timeout": "${a}"})),
    "reference in a longer string": (False, after(0, {"op": "sleep", "seconds": "1${a}"})),
    "two references": (False, after(0, {"op": "sleep", "seconds": "${a}${a}"})),
    "no reference": (False, after(0, {"op": "sleep", "seconds": "$${a}"})),
    "reference cut": (False, after(0, {"op": "sleep", "seconds": "${a"})),
    "reference to a key without name": (False, after(0, {"op": "sleep", "seconds": "${a.}"})),
    "reference to a word": (False, after(0, {"op": "sleep", "seconds": "${a[b]}"})),
    "reference as name": (False, after("b", {"op": "value", "name": "${a}", "value": 1})),
    "reference as task": (False, after("b", {"op": "await", "task": "${a}"})),
    "name of 200": (True, {**GOOD, "name": "n" * 200}),
    "name of 200 letters of two bytes": (True, {**GOOD, "name": "ñ" * 200}),
    "name of 201": (False, {**GOOD, "name": "n" * 201}),
    "name empty": (False, {**GOOD, "name": ""}),
    "no op": (False, {"seconds": 1}),
    "unknown op": (False, {"op": "nap", "seconds": 1}),
    "op null": (False, {"op": None}),
    "empty": (False, {}),
    "text": (False, "sleep"),
    "list": (False, [GOOD]),
    "null": (False, None),
}


class Document(unittest.TestCase):
    """What can be said without a server."""

    def setUp(self):
        self.contract = awaitd.contract()
        self.document = self.contract.document

    def test_version(self):
        self.assertRegex(self.document["openapi"], r"^3\.1\.")

    def test_schemas_are_schemas(self):
        for name, schema in self.contract.schemas.items():
            with self.subTest(name):
                self.contract.Request.check_schema(schema)

    def test_schemas_have_descriptions_and_valid_examples(self):
        for name, schema in self.contract.schemas.items():
            with self.subTest(name):
                self.assertTrue(schema.get("description") or name in ("NodeName", "TaskName"), "no description")
                self.assertTrue(schema.get("examples"), "no examples")
                for example in schema["examples"]:
                    self.assertEqual(self.contract.faults(name, example), [])

    def test_the_schemas_of_ops_are_the_discriminators(self):
        node = self.contract.schemas["Node"]
        branches = [branch["$ref"] for branch in node["oneOf"]]
        self.assertEqual(sorted(branches), sorted(node["discriminator"]["mapping"].values()))
        for op, reference in node["discriminator"]["mapping"].items():
            schema = self.contract.resolve({"$ref": reference})
            self.assertEqual(schema["properties"]["op"], {"const": op})
            self.assertIs(schema["additionalProperties"], False)
            self.assertIn("op", schema["required"])
            self.assertIn("name", schema["properties"])

    def test_ops_are_those_that_the_server_knows(self):
        """runtime/ops/registry.c has a line for each, which names the variable; its file says what it is called."""
        folder = awaitd.ROOT / "runtime/ops"
        lines = re.findall(r"^ +X\((\w+)\)", (folder / "registry.c").read_text(), re.M)
        names = {}
        for source in folder.glob("*.c"):
            names.update(re.findall(r'struct op op_(\w+) = \{\s*\.shape = \{\s*\.name = "([^"]+)"', source.read_text()))
        self.assertTrue(lines)
        self.assertEqual(sorted(names[line] for line in lines),
                         sorted(self.contract.schemas["Node"]["discriminator"]["mapping"]))

    def test_routes_are_those_of_the_server(self):
        text = (awaitd.ROOT / "server/routes.c").read_text()
        routes = set(re.findall(r'\{METHOD_([A-Z]+), *"([^"]+)"', text))
        documented = {(method.upper(), path) for path, item in self.document["paths"].items()
                      for method in item if method != "parameters"}
        self.assertEqual(routes, documented)

    def test_every_operation_says_what_any_request_may_get(self):
        for path, item in self.document["paths"].items():
            for method, operation in item.items():
                if method != "parameters":
                    with self.subTest(f"{method} {path}"):
                        self.assertLessEqual({"400", "403", "405"}, operation["responses"].keys())
                        may_be_missing = "{" in path and operation["operationId"] not in ("putCoroutine", "putTask")
                        self.assertEqual(may_be_missing, "404" in operation["responses"])


class Specs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.server = awaitd.Server()
        cls.addClassCleanup(cls.server.close)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def test_the_document_is_served(self):
        answer = self.server.get("/openapi.yaml")
        self.assertEqual(answer.status, 200)
        self.assertEqual(answer.body, awaitd.contract().text)

    def every_operation(self):
        """Method, target and body of each, for a task and a loop that there are."""
        id = self.server.submit({"op": "sleep", "seconds": 3600})["id"]
        for path, item in awaitd.contract().document["paths"].items():
            for method in item.keys() - {"parameters"}:
                with self.subTest(f"{method} {path}"):
                    yield method.upper(), path.replace("{id}", id).replace("{name}", "main"), \
                        {"spec": GOOD} if path == "/v1/tasks" and method == "post" else None
        self.assertEqual(self.server.task(id)["cancel_requested_at"], None)

    def test_no_operation_is_for_foreigners(self):
        for method, target, body in self.every_operation():
            for headers in {"Host": "evil.example"}, {"Origin": "http://evil.example"}, {"Sec-Fetch-Site": "cross-site"}:
                self.assertEqual(self.server.request(method, target, body, headers).status, 403)

    def test_no_operation_takes_unknown_parameters(self):
        for method, target, body in self.every_operation():
            self.assertEqual(self.server.request(method, target + "?nonsense=1", body).status, 400)

    def test_examples_run(self):
        content = awaitd.contract().document["paths"]["/v1/tasks"]["post"]["requestBody"]["content"]
        ends = {"timeout": "failed", "wholeTimeout": "failed", "cancel": "cancelled", "group": "failed"}
        for name, example in content["application/json"]["examples"].items():
            with self.subTest(name):
                self.assertEqual(awaitd.contract().faults("Submission", example["value"]), [])
                answer = self.server.post("/v1/tasks", example["value"], Prefer="wait=30")
                self.assertEqual(answer.status, 200, answer)
                self.assertEqual(answer.json["state"], ends.get(name, "succeeded"), answer)

    def test_examples_of_ops_are_accepted(self):
        mapping = awaitd.contract().schemas["Node"]["discriminator"]["mapping"]
        self.server.define("nap", {"op": "value", "value": "${args}"}, {"seconds": {"default": 1}})
        for op, reference in mapping.items():
            for example in awaitd.contract().resolve({"$ref": reference})["examples"]:
                with self.subTest(op):
                    if "task" in example:
                        example = {"op": "sequence", "steps": [
                            {"op": "create_task", "name": example["task"], "body": GOOD}, example]}
                    if op == "reschedule":
                        example = {"op": "timeout", "name": example["timeout"], "seconds": 1, "body": example}
                    self.server.submit(example)

    def test_examples_of_definitions_are_accepted(self):
        for number, example in enumerate(awaitd.contract().schemas["Definition"]["examples"]):
            self.assertEqual(self.server.put(f"/v1/coroutines/example{number}", example).status, 201)

    def test_examples_of_executors_are_accepted(self):
        for number, example in enumerate(awaitd.contract().schemas["ExecutorOptions"]["examples"]):
            self.assertEqual(self.server.put(f"/v1/executors/example{number}", example).status, 201)
            self.assertEqual(self.server.delete(f"/v1/executors/example{number}").status, 204)

    def test_examples_of_loops_are_accepted(self):
        for example in awaitd.contract().schemas["LoopOpening"]["examples"]:
            self.assertEqual(self.server.post("/v1/loops", example).status, 201)
            for handler in awaitd.contract().schemas["ExceptionHandler"]["examples"]:
                answer = self.server.put(f"/v1/loops/{example['name']}/exception-handler", handler)
                self.assertEqual(answer.status, 200)
            self.assertEqual(self.server.delete(f"/v1/loops/{example['name']}").status, 204)

    def test_schema_and_server_agree(self):
        self.server.define("known", GOOD, {"a": {"default": None}})
        for name, (valid, spec) in JUDGED.items():
            with self.subTest(name):
                faults = awaitd.contract().faults("Node", spec)
                self.assertEqual(not faults, valid, f"the schema: {faults}")
                answer = self.server.post("/v1/tasks", {"spec": spec})
                self.assertEqual(answer.status, 202 if valid else 422, answer)

    def test_deepest_spec(self):
        """64 nodes above each other: neither the schema nor the server takes for ever."""
        for op, field in ("timeout", "body"), ("create_task", "body"), ("sequence", "steps"), ("gather", "tasks"), \
                ("group", "tasks"), ("shield", "body"):
            with self.subTest(op):
                spec = GOOD
                for level in range(63):
                    spec = {"op": op, field: spec if field == "body" else [spec]}
                    spec.update({"timeout": {"seconds": None}, "create_task": {"name": f"t{level}"}}.get(op, {}))
                self.assertEqual(awaitd.contract().faults("Node", spec), [])
                self.assertEqual(self.server.run(spec)["state"], "succeeded")


if __name__ == "__main__":
    unittest.main()
