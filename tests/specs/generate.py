"""Random jobs over all ops."""
import random
import typing

import tree

NOW = {"op": "sleep", "seconds": 0}
RAISED = ("ValueError", "ValueError", "CancelledError", "TimeoutError", "KeyError", "RuntimeError",
          "ConnectionResetError", "OutOfCoffee")
CAUGHT = RAISED + ("Exception", "Exception", "BaseException", "BaseException", "CancelledError",
                   "LookupError", "OSError", "ConnectionError", "ExceptionGroup", "TypeError",
                   "BaseExceptionGroup", "CalledProcessError")
LEAVES = ("sleep sleep sleep log value raise await await cancel reschedule reschedule subprocess "
          "future thread http stream")
INNER = ("sequence sequence sequence sequence gather group group timeout timeout wait race shield "
         "try try try retry semaphore semaphore map create_task create_task call call")
GUARD = {"op": "try", "except": [{"types": ["BaseException"], "body": {"op": "value", "value": 0}}]}
# what holds errors, or may: they are not shown in texts, where each key of theirs would count
UNSHOWN = ("wait", "await", "call")


class Case(typing.NamedTuple):
    spec: dict
    timeout: float | None = None  # math.inf: one without a deadline
    cancels: tuple = ()
    reschedules: tuple = ()
    coroutines: dict = {}
    futures: tuple = ()


def holds_errors(node):
    return any(one["op"] in UNSHOWN or one.get("return_exceptions") for one in tree.every(node))


def kind_of(node):
    """What is known of a node's result: where references to it are good for something."""
    if node["op"] in ("sleep", "value"):
        value = node.get("result" if node["op"] == "sleep" else "value")
        if isinstance(value, str):
            return "shown" if "${" in value else "text"
        if isinstance(value, dict):
            return "object" if "n" in value else "shown"
        return "numbers" if isinstance(value, list) else "shown"
    if node["op"] in ("timeout", "shield", "retry", "semaphore"):
        return kind_of(node["body"])
    if node["op"] == "wait":
        return "waited"
    if node["op"] in ("gather", "map") and node.get("return_exceptions"):
        return "gathered"
    return "unshown" if holds_errors(node) else "shown"


# How something of a kind is referred to: what for, and whether it is there for sure.
WAYS = {
    "number": [("", "number")], "numbers": [("", "list"), ("[0]", "number"), ("[-1]", "number")],
    "text": [("", "text")], "object": [(".n", "number"), ('["a b"]', "text"), ("", "object")],
    "shown": [("", "shown")], "gathered": [], "unshown": [], "error": [(".type", "text")],
    "waited": [(".pending", "list")], "list": [("", "list")],
}
RISKY_WAYS = {
    "numbers": ["[7]", ".n"], "text": [".n", "[0]"], "object": [".x", "[0]"], "shown": [".x", "[1]"],
    "number": ["[0]"], "unshown": [".x.y"], "list": ["[7]"],
    "gathered": ["[0].error.type", "[-1].error.message"],
    "error": [".message", ".context.type", ".exceptions[0].type", ".path"],
    "waited": [".done[0].index", ".done[0].error.type", ".pending[1]"],
}


class Generator:
    def __init__(self, seed, deepest=6, nodes_most=45):
        self.random = random.Random(seed)
        self.choice, self.chance = self.random.choice, self.random.random
        self.deepest, self.nodes_most, self.left, self.count = deepest, nodes_most, 0, 0
        self.repeated = 1  # how often the present node runs, at most
        self.scope, self.is_risky, self.coroutines = {}, False, {}

    def pick(self, *choices):
        return self.choice(choices)

    def delay(self):
        return self.pick(0, 0, 0, 0.5, 1, 1, 1, 2, 2, 3)

    def tick(self):
        self.count += 1
        return self.count

    # ---- references ----

    def reference(self, *uses):
        """One that is good for that, or None. One in a node may fail: two of them are evaluated in
        an order that is nobody's business."""
        if not self.scope:
            return None
        name = self.choice(list(self.scope))
        kind = self.scope[name]
        if not self.is_risky and self.chance() < 0.2:
            self.is_risky = True
            return f"{name}{self.choice(RISKY_WAYS[kind])}"
        ways = [way for way, use in WAYS[kind] if use in uses]
        return name + self.choice(ways) if ways else None

    def or_reference(self, literal, *uses):
        """Mostly the literal. A reference may have the wrong type, where that is asked for."""
        if self.scope and self.chance() < 0.15:
            if self.chance() < 0.1 and not self.is_risky:
                self.is_risky, uses = True, ("number", "text", "list", "object")
            found = self.reference(*uses)
            if found:
                return "${" + found + "}"
        return literal

    def number(self, literal):
        return self.or_reference(literal, "number")

    def text(self, literal):
        """With what can be seen in it."""
        shown = [self.reference("number", "text", "list", "object", "shown")
                 for _ in range(self.pick(0, 0, 0, 1, 2)) if self.scope]
        return literal + "".join(" ${" + one + "}" for one in shown if one)

    def value(self):
        return self.pick(self.tick, self.delay, self.numbers, self.object,
                         lambda: self.text(f"v{self.tick()}"))()

    def numbers(self):
        return [self.delay() for _ in range(self.pick(1, 2, 2, 3))]

    def object(self):
        return {"n": self.delay(), "a b": self.text(f"o{self.tick()}")}

    def seen(self, name, kind, make, *arguments):
        """What `make` makes, where the name is visible."""
        outer = self.scope
        self.scope = {**outer, name: kind}
        made = make(*arguments)
        self.scope = outer
        return made

    # ---- nodes ----

    def node(self, depth):
        self.left -= 1
        self.is_risky = False
        leaf = self.left < 0 or depth > self.deepest or self.chance() < 0.1 + 0.06 * depth
        op = self.choice((LEAVES if leaf else INNER).split())
        return {"op": op, **getattr(self, "op_" + op)(depth + 1)}

    def nodes(self, depth, least, most=4):
        return [self.node(depth) for _ in range(self.random.randint(least, most))]

    def often(self, times, make, *arguments):
        self.repeated *= times
        made = make(*arguments)
        self.repeated //= times
        return made

    def maybe(self, key, make, odds=0.5):
        return {key: make()} if self.chance() < odds else {}

    def message(self):
        return self.maybe("message", lambda: self.text(f"m{self.tick()}"))

    def flag(self, key):
        return {key: True} if self.pick(0, 1) else {}

    def op_sleep(self, _):
        return {"seconds": self.number(self.delay())} | self.maybe("result", self.value)

    def op_value(self, _):
        return {"value": self.value()}

    def op_log(self, _=0):
        return {"message": self.text(f"n{self.tick()}")}

    def op_raise(self, _):
        return {"type": self.choice(RAISED)} | self.message()

    def op_subprocess(self, _):
        argv = ["sim", f"after={self.delay()}", f"exit={self.pick(0, 0, 1)}"]
        return {"argv": argv + self.pick([], ["ignore_term"]), "kill_after": self.delay()}

    def op_http(self, _):
        word = self.pick("status=200", "status=200", "status=500", "json=[1]", "error=ConnectionError", "echo")
        more = {"timeout": self.delay()} if self.chance() < 0.2 else {}
        return {"url": f"http://sim/?after={self.delay()}&{word}"} | self.maybe("json", self.value) | more

    def op_thread(self, _):
        function, args = self.pick(
            ("sleep", {"seconds": self.number(self.delay())} | self.maybe("result", self.value)),
            ("sleep", {"seconds": self.delay()}),
            ("echo", {"value": self.value()}),
            ("sort", {"items": self.or_reference(self.numbers(), "list")} | self.flag("reverse")))
        return {"function": function, "args": args}

    def op_stream(self, _):
        """All that the peer does it does in one moment: in another one CPython's task would have a
        step of its own, whose place among others nobody sees but who cancels it just then."""
        peer = self.pick("say=one\ntwo|eof", "say=one\ntwo|eof", "base64=/wAK|eof", "eof", "reset", "refuse")
        read = self.pick({"until": "\n"}, {"exactly": 3}, {"exactly": self.number(2)}, {"eof": True})
        talk = {"read": read} | self.maybe("send", lambda: self.text("hello"))
        if self.chance() < 0.3:
            talk = {"exchange": [talk, {"send": "x"}, {"read": {"eof": True}}]}
        return {"host": f"sim|connect={self.delay()}|{peer}", "port": 7, **talk}

    def task_name(self):
        return self.pick("a", "a", "b", "b", "c", "d")

    def timeout_name(self):
        return self.pick("t", "t", "u")

    def op_future(self, _):
        return {"name": self.pick("p", "p", "q")}

    def op_await(self, _):
        return {"task": self.task_name()}

    def op_cancel(self, _):
        return {"task": self.task_name()} | self.message()

    def op_create_task(self, depth):
        return {"name": self.task_name(), "body": self.node(depth)}

    def moment(self, *choices):
        """The fields of timeout and reschedule."""
        if self.chance() < 0.1:
            return {"at": f"1970-01-01T00:00:0{self.pick('0', '0.9', '1.6', '2.2')}Z"}
        return {"seconds": self.number(self.pick(*choices))}

    def op_timeout(self, depth):
        moment = self.moment(0, 0.5, 1, 1, 1, 2, None)
        return moment | self.maybe("name", self.timeout_name) | {"body": self.node(depth)}

    def op_reschedule(self, _):
        return {"timeout": self.timeout_name()} | self.moment(0, 0, 0.5, 1, 2, None)

    def op_sequence(self, depth):
        steps, outer = [], self.scope
        for _ in range(self.random.randint(0, 4)):
            step = self.node(depth)
            if step["op"] not in ("create_task", "timeout", "future") and self.chance() < 0.4:
                step["name"] = self.pick("x", "y", "z")
            if "name" in step:
                self.scope = {**self.scope, step["name"]: kind_of(step)}
            steps.append(step)
            if self.pick(0, 1):
                self.is_risky = False
                steps.append({"op": "log", **self.op_log()})
        self.is_risky = False
        made = {"steps": steps} | self.maybe("return", self.value, 0.2)
        self.scope = outer
        return made

    def op_gather(self, depth):
        return {"tasks": self.nodes(depth, 0)} | self.flag("return_exceptions")

    def op_group(self, depth):
        return {"tasks": self.nodes(depth, 0)}

    def op_race(self, depth):
        return {"tasks": self.nodes(depth, 1)}

    def op_wait(self, depth):
        words = ("ALL_COMPLETED", "FIRST_COMPLETED", "FIRST_EXCEPTION")
        timeout = self.maybe("timeout", lambda: self.number(self.delay()))
        return_when = self.maybe("return_when", lambda: self.choice(words))
        return {"tasks": self.nodes(depth, 1)} | return_when | timeout

    def op_shield(self, depth):
        return {"body": self.node(depth)}

    def types(self):
        return [self.choice(CAUGHT) for _ in range(self.pick(1, 1, 2))]

    def clause(self, depth):
        clause = self.maybe("types", self.types, 0.7)
        if self.pick(0, 1):
            return clause | {"as": "e", "body": self.seen("e", "error", self.node, depth)}
        return clause | {"body": self.node(depth)}

    def op_try(self, depth):
        made = {"body": self.node(depth)}
        if self.chance() < 0.7:
            made["except"] = [self.clause(depth) for _ in range(self.pick(1, 1, 2))]
            made |= self.maybe("else", lambda: self.node(depth), 0.3)
        if "except" not in made or self.chance() < 0.4:
            made["finally"] = self.node(depth)
        return made

    def op_retry(self, depth):
        if self.repeated > 6:
            return {"body": self.node(depth), "attempts": 1}
        made = {"attempts": self.pick(1, 2, 2, 3)} | self.maybe("delay", self.delay)
        for key in ("backoff", "max_delay", "jitter"):
            made |= self.maybe(key, self.delay, 0.2)
        made |= self.maybe("on", self.types)
        return {"body": self.often(made["attempts"], self.node, depth)} | made

    def op_semaphore(self, depth):
        made = {"semaphore": self.pick("s", "s", "r")} | self.maybe("value", lambda: self.pick(1, 2))
        return made | self.flag("bounded") | {"body": self.node(depth)}

    def op_map(self, depth):
        items = self.numbers() if self.repeated <= 6 else [self.delay()]
        as_ = self.maybe("as", lambda: self.pick("i", "j"))
        made = {"items": self.or_reference(items, "list")} | as_
        made["body"] = self.often(len(items), self.seen, as_.get("as", "item"), "number",
                                  self.node, depth)
        return (made | self.maybe("concurrency", lambda: self.pick(1, 1, 2))
                | self.flag("return_exceptions"))

    def op_call(self, _):
        if not self.coroutines:
            return {"op": "log", **self.op_log()}
        name = self.choice(list(self.coroutines))
        made = {"coroutine": name}
        whole = self.reference("object") if self.chance() < 0.1 else None
        if whole:
            return made | {"args": "${" + whole + "}"}
        args, parameters = {}, self.coroutines[name]["parameters"]
        if "n" in parameters and ("default" not in parameters["n"] or self.pick(0, 1)):
            args["n"] = self.number(self.pick(0, 1, 2))
        if "s" in parameters and self.pick(0, 1):
            args["s"] = self.text(f"s{self.tick()}")
        if "l" in parameters and self.pick(0, 1):
            args["l"] = self.or_reference(self.numbers(), "list")
        return made | ({"args": args} if args or self.pick(0, 1) else {})

    # ---- cases ----

    def repair(self, node, names):
        """`await`, `cancel` and `reschedule` may only name what there is."""
        tasks, timeouts = names
        if (node["op"] in ("await", "cancel") and node["task"] not in tasks
                or node["op"] == "reschedule" and node["timeout"] not in timeouts):
            return NOW | ({"name": node["name"]} if "name" in node else {})
        for where, child in tree.children(node):
            place = node
            for key in where[:-1]:
                place = place[key]
            place[where[-1]] = self.repair(child, names)
        return node

    def repaired(self, root):
        return self.repair(root, (tree.names_made(root, "create_task"),
                                  tree.names_made(root, "timeout")))

    def definition(self):
        parameters = {"n": {"type": "number"} | self.pick({}, {"default": 1}, {"maximum": 2}),
                      "s": {"type": ["string", "null"], "default": "s"},
                      "l": {"type": "array", "default": [1, 0]}}
        for name in self.random.sample("nsl", self.pick(0, 1, 2)):
            del parameters[name]
        kinds = {"n": "number", "s": "shown", "l": "list"}
        self.left, self.scope = 10, {f"args.{name}": kinds[name] for name in parameters}
        body = self.node(2)
        self.scope = {}
        return {"parameters": parameters, "body": self.repaired(body)}

    def guarded(self, node):
        """Half of the root's steps may fail without ending the job."""
        gather = {"op": "gather", "tasks": [node], "return_exceptions": True}
        return self.pick(node, node, gather, GUARD | {"body": node})

    def case(self):
        """Some tasks in the background first, so that there is something to await and to cancel."""
        for name in self.pick((), (), ("f",), ("f", "g")):
            self.coroutines = {**self.coroutines, name: self.definition()}
        self.left = self.nodes_most
        steps = [{"op": "create_task", **self.op_create_task(2)}
                 for _ in range(self.pick(0, 1, 2, 3))]
        steps += [NOW] * self.pick(0, 0, 1, 2, 3)
        for node in self.nodes(1, 1, 3) + self.nodes(1, 0, 3):
            self.is_risky = False
            steps += [self.guarded(node), {"op": "log", **self.op_log()}]
        spec = self.repaired({"op": "sequence", "steps": steps})
        timeout = self.pick(*[None] * 8, 0, 1, 2, float("inf"))
        cancels = tuple((self.moment_outside(), ["stop"] if self.pick(0, 1) else [])
                        for _ in range(self.pick(0, 0, 0, 0, 1, 1, 2)))
        return Case(spec, timeout, cancels, self.reschedules(spec), self.coroutines,
                    self.futures(spec))

    def moment_outside(self):
        """Mostly one at which something else may happen as well."""
        return self.pick(0, 0.5, 1, 1, 1, 2, 2, 3, self.random.randrange(32) / 8)

    def futures(self, spec):
        """Most of them are set, some twice."""
        names = sorted(tree.futures_of(spec, self.coroutines))
        return tuple((self.moment_outside(), name, *self.outcome())
                     for name in names for _ in range(self.pick(0, 1, 1, 1, 1, 2)))

    def outcome(self):
        if self.pick(0, 1, 2):
            return "result", self.pick(1, "v", [1, 2], {"x": 1})
        return "error", {"type": self.choice(RAISED)} | self.pick({}, {"message": "set"})

    def reschedules(self, spec):
        names = {"-"} | tree.names_made(spec, "timeout")
        return tuple((self.moment_outside(), self.choice(sorted(names)),
                      self.pick(0, 0.5, 1, 2, None))
                     for _ in range(self.pick(0, 0, 0, 1, 2)))
