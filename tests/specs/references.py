"""`${fetch.json[0].id}`: what stands in a node's fields, when the node starts."""
import json
import re

from errors import as_error, as_json

REFERENCE = re.compile(r'\$\$\{|\$\{((?:[^"}]|"(?:[^"\\]|\\.)*")*)\}')
STEP = re.compile(r'\.([^.\[]+)|\[(-?\d+)\]|\[("(?:[^"\\]|\\.)*")\]')


def look_up(reference, values):
    """Raises as little as the program does that it stands for: an exception is raised in the
    context of others."""
    root = re.match(r"[^.\[]+", reference)[0]
    value = values[root]
    for key, index, quoted in STEP.findall(reference, len(root)):
        if isinstance(value, BaseException):
            value = as_error(value)
        if isinstance(value, dict) and not index:
            key = key or json.loads(quoted)
            found = key in value
        else:
            key = int(index or 0)
            found = isinstance(value, list) and index and -len(value) <= key < len(value)
        if not found:
            raise KeyError(reference)
        value = value[key]
    return value


def as_text(value):
    if isinstance(value, str):
        return value
    return json.dumps(as_json(value), separators=(",", ":"), ensure_ascii=False)


def evaluate_text(text, values):
    whole = REFERENCE.fullmatch(text)
    if whole and whole[1]:
        return look_up(whole[1], values)
    return REFERENCE.sub(
        lambda match: as_text(look_up(match[1], values)) if match[1] else "${", text)


def evaluate(value, values, is_inside=False):
    """The value itself if it holds no reference. Inside of others, an error is shown as it is now."""
    if isinstance(value, str) and "${" in value:
        value = evaluate_text(value, values)
        return as_json(value) if is_inside else value
    if isinstance(value, list):
        return [evaluate(item, values, True) for item in value]
    if isinstance(value, dict):
        return {key: evaluate(item, values, True) for key, item in value.items()}
    return value
