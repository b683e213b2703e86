"""Cases with one thing less."""
import itertools

import tree
from generate import NOW, Case

OPTIONAL = ("result", "message", "return_exceptions", "return", "name", "as", "types", "on", "delay",
            "backoff", "max_delay", "jitter", "concurrency", "bounded", "return_when", "timeout",
            "value", "else", "finally", "level", "json", "send", "on_crash")
REQUIRED = {("value", "value"), ("log", "message"), ("create_task", "name"),
            ("reschedule", "timeout"), ("future", "name")}
SIMPLE = {"attempts": (1, 2), "items": ([0], [1]), "seconds": (0, 1), "value": (0,)}


def smaller_nodes(node):
    """Variants of the node; the smallest first."""
    if node != NOW:
        yield NOW
    yield from (child for _, child in tree.children(node))
    for key in ("steps", "tasks", "except"):
        for i in range(len(node.get(key, []))):
            yield node | {key: node[key][:i] + node[key][i + 1:]}
    for i, clause in enumerate(node.get("except", [])):
        for less in ({k: v for k, v in clause.items() if k != key} for key in ("types", "as")):
            if less != clause:
                yield tree.replaced(node, ("except", i), less)
    for key in OPTIONAL:
        if key in node and (node["op"], key) not in REQUIRED:
            yield {k: v for k, v in node.items() if k != key}
    for key, values in SIMPLE.items():
        if key in node:
            simpler = itertools.takewhile(lambda value: value != node[key], values)
            yield from (node | {key: value} for value in simpler)
    for where, child in tree.children(node):
        for variant in smaller_nodes(child):
            yield tree.replaced(node, where, variant)


def all_smaller(case):
    for key in ("cancels", "reschedules", "futures"):
        given = getattr(case, key)
        for i in range(len(given)):
            yield case._replace(**{key: given[:i] + given[i + 1:]})
    if case.timeout is not None:
        yield case._replace(timeout=None)
    for name, definition in case.coroutines.items():
        yield case._replace(coroutines={k: v for k, v in case.coroutines.items() if k != name})
        for body in smaller_nodes(definition["body"]):
            yield case._replace(coroutines=case.coroutines | {name: definition | {"body": body}})
    for spec in smaller_nodes(case.spec):
        yield case._replace(spec=spec)


def is_valid(case):
    bodies = [definition["body"] for definition in case.coroutines.values()]
    named = {"-"} | tree.names_made(case.spec, "timeout")
    return (tree.is_valid(case.spec, set(), case.coroutines)
            and all(tree.is_valid(body, {"args"}, case.coroutines) for body in bodies)
            and all(name in named for _, name, _ in case.reschedules)
            and all(name in tree.futures_of(case.spec, case.coroutines)
                    for _, name, *_ in case.futures))


def is_complete(node):
    """Whether each op has what it needs."""
    return (node.get("tasks") != [] or node["op"] not in ("race", "wait")) and (
        node["op"] != "try" or node.get("except", "else" not in node))


def smaller(case):
    for variant in all_smaller(case):
        roots = [variant.spec] + [one["body"] for one in variant.coroutines.values()]
        if is_valid(variant) and all(is_complete(node) for root in roots
                                     for node in tree.every(root)):
            yield variant
