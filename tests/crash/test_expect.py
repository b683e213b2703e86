"""Whether the crash test would see it: traces held against what never should have been."""

import types
import unittest

import expect
import watch
from expect import Err, Has, Ok, OneOf

PAIR = ("seq", [("leaf", "a"), ("leaf", "b")])


def effects(trace, *lines, markers=None):
    """The faults of "leaf" lines, with "K" for a kill."""
    found, kills = {}, 0
    for number, name in enumerate(lines, 1):
        if name == "K":
            kills += 1
        else:
            found.setdefault(name, []).append((number, kills))
    walk = expect.Effects(found, markers or {})
    walk.span(trace)
    return walk.faults


def log(trace, *lines, said=()):
    texts = {text: [i for i, line in enumerate(lines) if line == text] for text in lines}
    walk = expect.Log(texts, {name: [lines.index("said " + name)] for name in said})
    walk.span(trace)
    return walk.faults


class Traces(unittest.TestCase):
    def good(self, trace, *lines, **more):
        self.assertEqual(effects(trace, *lines, **more), [])

    def bad(self, text, trace, *lines, **more):
        self.assertIn(text, "\n".join(effects(trace, *lines, **more)))

    def test_leaf(self):
        self.good(PAIR, "a", "b")
        self.good(PAIR, "a", "K", "a", "K", "b", "K", "b")
        self.bad("a was never done", PAIR, "b")
        self.bad("a was done twice", PAIR, "a", "a", "b")
        self.bad("b was done twice", PAIR, "a", "b", "b")

    def test_completed_leaf_again(self):
        self.bad("a was done (line 4) after b", PAIR, "a", "b", "K", "a", "b")
        self.bad("b was done (line 2) after a", ("seq", [("leaf", "b"), ("leaf", "a")]), "a", "b")
        deep = ("seq", [("par", [("leaf", "a"), ("seq", [("log", "x"), ("leaf", "c")])]), ("leaf", "b")])
        self.good(deep, "c", "K", "a", "c", "b")
        self.bad("c was done (line 5) after b", deep, "a", "c", "b", "K", "c")

    def test_completed_by_the_log(self):
        trace = ("seq", [("leaf", "a"), ("log", "x"), ("leaf", "b")])
        self.good(trace, "a", "K", "a", "b", markers={"x": 5})
        self.bad("a was done (line 3) after the line 'x'", trace, "a", "K", "a", "b", markers={"x": 2})

    def test_once(self):
        self.good(("once", "a"))
        self.good(("once", "a"), "a")
        self.bad("although on_crash is fail", ("once", "a"), "a", "K", "a")

    def test_cut(self):
        self.good(("cut", PAIR))
        self.good(("cut", PAIR), "a")
        self.bad("a was never done", ("cut", PAIR), "b")
        self.bad("a was done (line 2) after c", ("seq", [("cut", PAIR), ("leaf", "c")]), "c", "a")
        self.good(("seq", [("loose", PAIR), ("leaf", "c")]), "c", "a")
        self.bad("a was never done", ("seq", [("late", ("leaf", "a")), ("leaf", "c")]), "c")

    def test_rounds(self):
        trace = ("rounds", 2, ["a", "b"])
        self.good(trace, "a", "b", "a", "b")
        self.good(trace, "a", "K", "a", "b", "K", "b", "a", "b")
        self.bad("a was done (line 7)", trace, "a", "b", "K", "a", "K", "b", "a")
        self.bad("only 3", trace, "a", "b", "a")
        self.bad("a was done", trace, "a", "a", "b", "a", "b")
        self.bad("b was done (line 1)", trace, "b", "a")

    def test_times(self):
        self.good(("times", 2, "a"), "a", "a")
        self.good(("times", 2, "a"), "a", "K", "a", "a")
        self.bad("1 times, not 2", ("times", 2, "a"), "a")
        self.bad("3 times, not 2", ("times", 2, "a"), "a", "a", "a")

    def test_log(self):
        trace = ("seq", [("log", "x"), ("says", "a"), ("log", "y")])
        self.assertEqual(log(trace, "x", "said a", "y", said=["a"]), [])
        self.assertIn("the log has 'x' 2 times", log(trace, "x", "x", "said a", "y", said=["a"])[0])
        self.assertIn("the log lacks 'y'", log(trace, "x", "said a", said=["a"])[0])
        self.assertIn("the log lacks what a says", log(trace, "x", "y")[0])
        self.assertIn("after 'y'", log(trace, "x", "y", "said a", said=["a"])[0])


class Ends(unittest.TestCase):
    def test_fits(self):
        good = {"state": "succeeded", "result": [1, {"a": None}], "more": 1}
        self.assertTrue(expect.fits(expect.task(Ok([1, {"a": None}])), good))
        for result in [1], [1, {"a": 0}], [1.0, {"a": None}], [True, {"a": None}], [1, {}], [1, {"a": None, "b": 1}]:
            self.assertFalse(expect.fits(expect.task(Ok(result)), good), result)
        self.assertTrue(expect.fits(OneOf(("late", Has(a=None))), {"a": None, "b": 1}))
        self.assertFalse(expect.fits(OneOf(("late", {"a": None})), {"a": None, "b": 1}))

    def test_errors(self):
        inner = {"type": "ValueError", "message": "why", "path": ""}
        group = {"type": "ExceptionGroup", "message": "m", "path": "", "exceptions": [inner]}
        wanted = Err("ExceptionGroup", "m", (Err("ValueError", "why"),))
        self.assertTrue(expect.fits(expect.task(wanted), {"state": "failed", "error": group}))
        self.assertFalse(expect.fits(expect.task(wanted), {"state": "failed", "error": {**group, "exceptions": [inner] * 2}}))
        self.assertFalse(expect.fits(expect.task(wanted), {"state": "cancelled", "error": group}))
        self.assertFalse(expect.fits(expect.task(Ok(None)), {"state": "failed", "error": group}))


class Whole(unittest.TestCase):
    """What is seen over all jobs."""

    def setUp(self):
        self.watch = watch.Watch(None)

    def broken(self, text, check, *arguments):
        with self.assertRaisesRegex(watch.Broken, text):
            check(*arguments)

    def test_sections(self):
        self.watch.sections["s"] = [(1, 5, 1, "a"), (6, 8, 1, "b")]
        self.watch.check_sections()
        self.watch.sections["s"].append((7, 9, 1, "c"))
        self.broken("semaphore s of 1", self.watch.check_sections)

    def test_list(self):
        task = {"id": "1", "name": "a", "state": "succeeded"}
        self.watch.ended["a"] = types.SimpleNamespace(id="1", digest=watch.digest(task), is_deleted=False)
        self.watch.check_list([task])
        self.broken("lost", self.watch.check_list, [])
        self.broken("there twice", self.watch.check_list, [task, {**task, "id": "2"}])
        self.broken("unknown", self.watch.check_list, [task, {**task, "name": "b"}])
        self.broken("has changed", self.watch.check_list, [{**task, "state": "failed"}])
        self.watch.ended["a"].is_deleted = True
        self.watch.check_list([])
        self.broken("deleted", self.watch.check_list, [task])

    def test_lines_after_the_end(self):
        self.watch.register(types.SimpleNamespace(name="j1", futures=[], outside=None))
        self.watch.take(1, 0, "L", "j1.1", None)
        self.watch.take(2, 0, "E", "j1", None)
        self.broken("after its job had ended", self.watch.take, 3, 1, "L", "j1.1", "1")

    def test_process_of_an_earlier_run(self):
        self.watch.register(types.SimpleNamespace(name="j1", futures=[], outside=None))
        self.watch.take(1, 1, "L", "j1.1", "0")
        self.watch.take(2, 1, "L", "j1.2", "1")
        self.broken("of the server's run 0, in run 1", self.watch.take, 3, 1, "L", "j1.1", "0")


if __name__ == "__main__":
    unittest.main()
