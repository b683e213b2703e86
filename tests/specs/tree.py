"""Walks over specs: the nodes below a node, and what of them is visible where."""
from references import REFERENCE


def children(node):
    """(where, child) of each node right below this one."""
    found = []
    for key in ("body", "else", "finally"):
        if key in node:
            found.append(((key,), node[key]))
    for key in ("steps", "tasks"):
        if key in node:
            found += (((key, i), child) for i, child in enumerate(node[key]))
    if "except" in node:
        found += ((("except", i, "body"), clause["body"]) for i, clause in enumerate(node["except"]))
    return found


def replaced(value, where, new):
    """A copy with something else there."""
    if not where:
        return new
    copied = value.copy()
    copied[where[0]] = replaced(value[where[0]], where[1:], new)
    return copied


def every(node):
    """The node and all below it, in no order."""
    found = [node]
    for one in found:
        found += (child for _, child in children(one))
    return found


def names_made(root, op):
    return {node["name"] for node in every(root) if node["op"] == op and "name" in node}


def futures_of(spec, coroutines):
    """The names of the job's futures, also of those that the definitions await that it calls."""
    roots, known = [spec], set()
    for root in roots:
        called = {node["coroutine"] for node in every(root) if node["op"] == "call"} - known
        known |= called
        roots += [coroutines[name]["body"] for name in sorted(called)]
    return set().union(*(names_made(root, "future") for root in roots))


def strings(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, (list, dict)):
        for item in value if isinstance(value, list) else value.values():
            yield from strings(item)


def roots(value):
    """The names that the value's references begin with."""
    for text in strings(value):
        for match in REFERENCE.finditer(text):
            if match[1]:
                yield match[1].replace("[", ".").partition(".")[0]


def see_no_more(node, visible):
    """Whether all that the node and those below it refer to is visible."""
    own = {key: value for key, value in node.items()
           if key not in ("body", "steps", "tasks", "except", "else", "finally", "return")}
    if not visible.issuperset(roots(own)):
        return False
    seen = visible
    for where, child in children(node):
        if node["op"] == "map":
            seen = visible | {node.get("as", "item")}
        elif where[0] == "except":
            seen = visible | {node["except"][where[1]].get("as")}
        elif where[0] != "steps":
            seen = visible
        if not see_no_more(child, seen):
            return False
        if where[0] == "steps" and "name" in child:
            seen = seen | {child["name"]}
    return seen.issuperset(roots(node.get("return")))


def is_valid(root, visible, coroutines):
    """Whether awaitd would accept it: each name that is used is there."""
    tasks, timeouts = names_made(root, "create_task"), names_made(root, "timeout")
    for node in every(root):
        if node["op"] in ("await", "cancel") and node["task"] not in tasks:
            return False
        if node["op"] == "reschedule" and node["timeout"] not in timeouts:
            return False
        if node["op"] == "call" and node["coroutine"] not in coroutines:
            return False
    return see_no_more(root, visible)
