"""Nodes that are refused: name: (the node, the pointers within it)."""

GOOD = {"op": "value", "value": 1}


def named(name, value=1):
    return {"op": "value", "name": name, "value": value}


def steps(*nodes, **fields):
    return {"op": "sequence", "steps": list(nodes), **fields}


def log(message):
    return {"op": "log", "message": message}


def clause(**fields):
    return {"op": "try", "body": GOOD, "except": [fields]}


def stream(**fields):
    node = {"op": "stream", "host": "localhost", "port": 7, "read": {"eof": True}, **fields}
    return {key: value for key, value in node.items() if value is not None}


def exchange(*steps):
    return {"op": "stream", "host": "localhost", "port": 7, "exchange": list(steps)}


NODES = {
    # group, wait, race, shield
    "group_nothing": ({"op": "group"}, ""),
    "group_object": ({"op": "group", "tasks": {}}, "/tasks"),
    "group_bad_child": ({"op": "group", "tasks": [GOOD, {"op": "sleep"}]}, "/tasks/1"),
    "wait_none": ({"op": "wait", "tasks": []}, "/tasks"),
    "wait_when": ({"op": "wait", "tasks": [GOOD], "return_when": "SOME"}, "/return_when"),
    "wait_timeout_negative": ({"op": "wait", "tasks": [GOOD], "timeout": -1}, "/timeout"),
    "race_none": ({"op": "race", "tasks": []}, "/tasks"),
    "race_field": ({"op": "race", "tasks": [GOOD], "timeout": 1}, "/timeout"),
    "shield_nothing": ({"op": "shield"}, ""),
    "shield_two": ({"op": "shield", "body": [GOOD, GOOD]}, "/body"),
    # what leaves with effects may have
    "on_crash_word": ({"op": "subprocess", "argv": ["true"], "on_crash": "retry"}, "/on_crash"),
    "on_crash_boolean": ({"op": "http", "url": "http://localhost/", "on_crash": True}, "/on_crash"),
    "on_crash_without_effects": (steps({"op": "sleep", "seconds": 0, "on_crash": "fail"}), "/steps/0/on_crash"),
    # try
    "try_no_body": ({"op": "try", "finally": GOOD}, ""),
    "try_except_object": ({"op": "try", "body": GOOD, "except": {"body": GOOD}}, "/except"),
    "try_clause_number": ({"op": "try", "body": GOOD, "except": [1]}, "/except/0"),
    "try_clause_no_body": (clause(types=["ValueError"]), "/except/0"),
    "try_clause_op": (clause(op="except", body=GOOD), "/except/0/op"),
    "try_clause_name": (clause(name="n", body=GOOD), "/except/0/name"),
    "try_clause_type": (clause(type=["ValueError"], body=GOOD), "/except/0/type"),
    "try_types_string": (clause(types="ValueError", body=GOOD), "/except/0/types"),
    "try_types_empty": (clause(types=[], body=GOOD), "/except/0/types"),
    "try_types_number": (clause(types=["OSError", 1], body=GOOD), "/except/0/types/1"),
    "try_types_reference": (steps(named("x"), clause(types=["${x}"], body=GOOD)), "/steps/1/except/0/types/0"),
    "try_as_dot": (clause(**{"as": "a.b", "body": GOOD}), "/except/0/as"),
    "try_as_number": (clause(**{"as": 1, "body": GOOD}), "/except/0/as"),
    "try_finally_list": ({"op": "try", "body": GOOD, "finally": [GOOD]}, "/finally"),
    # retry
    "retry_no_attempts": ({"op": "retry", "body": GOOD}, ""),
    "retry_zero": ({"op": "retry", "attempts": 0, "body": GOOD}, "/attempts"),
    "retry_fraction": ({"op": "retry", "attempts": 1.5, "body": GOOD}, "/attempts"),
    "retry_delay": ({"op": "retry", "attempts": 1, "delay": -1, "body": GOOD}, "/delay"),
    "retry_on_string": ({"op": "retry", "attempts": 1, "on": "OSError", "body": GOOD}, "/on"),
    # timeout, reschedule
    "timeout_both": ({"op": "timeout", "seconds": 1, "at": "2030-01-01T00:00:00Z", "body": GOOD}, ""),
    "timeout_at": ({"op": "timeout", "at": "tomorrow", "body": GOOD}, "/at"),
    "timeout_at_day": ({"op": "timeout", "at": "2030-02-30T00:00:00Z", "body": GOOD}, "/at"),
    "timeout_at_zone": ({"op": "timeout", "at": "2030-02-03T00:00:00", "body": GOOD}, "/at"),
    "timeout_at_null": ({"op": "timeout", "at": None, "body": GOOD}, "/at"),
    "timeout_name": ({"op": "timeout", "seconds": 1, "name": "", "body": GOOD}, "/name"),
    "reschedule_nobody": ({"op": "reschedule", "timeout": "t", "seconds": 1}, "/timeout"),
    "reschedule_nothing": ({"op": "timeout", "seconds": 1, "name": "t", "body": {"op": "reschedule", "timeout": "t"}},
                           "/body"),
    "reschedule_task": (steps({"op": "create_task", "name": "t", "body": GOOD},
                              {"op": "reschedule", "timeout": "t", "seconds": 1}), "/steps/1/timeout"),
    # semaphore, map
    "semaphore_no_name": ({"op": "semaphore", "body": GOOD}, ""),
    "semaphore_empty": ({"op": "semaphore", "semaphore": "", "body": GOOD}, "/semaphore"),
    "semaphore_negative": ({"op": "semaphore", "semaphore": "s", "value": -1, "body": GOOD}, "/value"),
    "semaphore_bounded": ({"op": "semaphore", "semaphore": "s", "bounded": 1, "body": GOOD}, "/bounded"),
    "map_no_items": ({"op": "map", "body": GOOD}, ""),
    "map_concurrency": ({"op": "map", "items": [], "concurrency": 0, "body": GOOD}, "/concurrency"),
    "map_as": ({"op": "map", "items": [], "as": "", "body": GOOD}, "/as"),
    "map_other_name": ({"op": "map", "items": [1], "as": "i", "body": log("${item}")}, "/body/message"),
    "map_item_outside": (steps({"op": "map", "items": [1], "body": GOOD}, log("${item}")), "/steps/1/message"),
    # future
    "future_no_name": ({"op": "future"}, ""),
    "future_number": ({"op": "future", "name": 1}, "/name"),
    "future_empty": ({"op": "future", "name": ""}, "/name"),
    "future_reference": (steps(named("x"), {"op": "future", "name": "${x}"}), "/steps/1/name"),
    "future_field": ({"op": "future", "name": "f", "timeout": 1}, "/timeout"),
    # thread
    "thread_nothing": ({"op": "thread"}, ""),
    "thread_number": ({"op": "thread", "function": 1}, "/function"),
    "thread_null": ({"op": "thread", "function": None}, "/function"),
    "thread_empty": ({"op": "thread", "function": ""}, "/function"),
    "thread_unknown": ({"op": "thread", "function": "nobody"}, "/function"),
    "thread_long": ({"op": "thread", "function": "x" * 100000}, "/function"),
    "thread_control": ({"op": "thread", "function": "no\nop"}, "/function"),
    "thread_an_op": ({"op": "thread", "function": "wait"}, "/function"),
    "thread_field": ({"op": "thread", "function": "noop", "arg": {}}, "/arg"),
    "thread_args_list": ({"op": "thread", "function": "noop", "args": []}, "/args"),
    "thread_args_null": ({"op": "thread", "function": "noop", "args": None}, "/args"),
    "thread_args_text": ({"op": "thread", "function": "noop", "args": "{}"}, "/args"),
    "thread_args_unknown": ({"op": "thread", "function": "noop", "args": {"x": 1}}, "/args"),
    "thread_args_missing": ({"op": "thread", "function": "sleep"}, "/args"),
    "thread_args_type": ({"op": "thread", "function": "sleep", "args": {"seconds": "1"}}, "/args"),
    "thread_args_range": ({"op": "thread", "function": "sleep", "args": {"seconds": -1}}, "/args"),
    "thread_args_enum": ({"op": "thread", "function": "hash", "args": {"text": "", "algorithm": "md4"}}, "/args"),
    "thread_executor_unknown": ({"op": "thread", "function": "noop", "executor": "nobody"}, "/executor"),
    "thread_executor_number": ({"op": "thread", "function": "noop", "executor": 1}, "/executor"),
    "thread_reference": ({"op": "thread", "function": "${x}"}, "/function"),
    "thread_args_reference": ({"op": "thread", "function": "echo", "args": {"value": "${x}"}}, "/args/value"),
    # call
    "call_nothing": ({"op": "call"}, ""),
    "call_unknown": ({"op": "call", "coroutine": "nobody"}, "/coroutine"),
    "call_reference": (steps(named("x"), {"op": "call", "coroutine": "${x}"}), "/steps/1/coroutine"),
    # references
    "reference_nobody": (log("${nobody}"), "/message"),
    "reference_twice": (log("${a} ${b.c}"), "/message"),
    "reference_later": (steps(log("${x}"), named("x")), "/steps/0/message"),
    "reference_itself": (steps(named("x", "${x}")), "/steps/0/value"),
    "reference_sibling": ({"op": "gather", "tasks": [named("x"), log("${x}")]}, "/tasks/1/message"),
    "reference_inside": (steps(steps(named("x")), log("${x}")), "/steps/1/message"),
    "reference_args": (log("${args.x}"), "/message"),
    "reference_as_outside": (steps(clause(**{"as": "e", "body": GOOD}), log("${e}")), "/steps/1/message"),
    "reference_open": (steps(named("x"), log("${x")), "/steps/1/message"),
    "reference_empty": (log("${}"), "/message"),
    "reference_empty_key": (steps(named("x"), log("${x.}")), "/steps/1/message"),
    "reference_index": (steps(named("x"), log("${x[one]}")), "/steps/1/message"),
    "reference_open_index": (steps(named("x"), log("${x[0}")), "/steps/1/message"),
    "reference_quote": (steps(named("x"), log('${x["a]}')), "/steps/1/message"),
    "reference_in_number": (steps(named("x"), {"op": "sleep", "seconds": "1${x}"}), "/steps/1/seconds"),
    "reference_escaped_number": ({"op": "sleep", "seconds": "$${x}"}, "/seconds"),
    "reference_deep": ({"op": "value", "value": {"a": [1, {"b": "${nobody}"}]}}, "/value/a/1/b"),
    "reference_in_return": (steps(named("x"), **{"return": {"y": "${z}"}}), "/return/y"),
    "reference_in_env": ({"op": "subprocess", "argv": ["true"], "env": {"A": "${x}"}}, "/env/A"),
    "reference_in_argv": ({"op": "subprocess", "argv": ["true", "${x}"]}, "/argv/1"),
    "reference_as_name": (steps(named("x"), {"op": "create_task", "name": "${x}", "body": GOOD}), "/steps/1/name"),
    "reference_argv_number": (steps(named("x"), {"op": "subprocess", "argv": ["${x}", 1]}), "/steps/1/argv/1"),
    # stream
    "stream_nothing": ({"op": "stream"}, "", "", ""),
    "stream_no_read": (stream(read=None), ""),
    "stream_host_empty": (stream(host=""), "/host"),
    "stream_host_number": (stream(host=1), "/host"),
    "stream_port_zero": (stream(port=0), "/port"),
    "stream_port_large": (stream(port=65536), "/port"),
    "stream_port_name": (stream(port="http"), "/port"),
    "stream_tls_number": (stream(tls=1), "/tls"),
    "stream_limit_zero": (stream(limit=0), "/limit"),
    "stream_server_hostname_empty": (stream(server_hostname=""), "/server_hostname"),
    "stream_field": (stream(timeout=1), "/timeout"),
    "stream_read_string": (stream(read="eof"), "/read"),
    "stream_read_nothing": (stream(read={}), "/read"),
    "stream_read_two": (stream(read={"exactly": 1, "eof": True}), "/read"),
    "stream_read_field": (stream(read={"eof": True, "untill": "x"}), "/read/untill"),
    "stream_read_not": (stream(read={"eof": False}), "/read/eof"),
    "stream_read_eof_number": (stream(read={"eof": 1}), "/read/eof"),
    "stream_read_negative": (stream(read={"exactly": -1}), "/read/exactly"),
    "stream_read_fraction": (stream(read={"exactly": 1.5}), "/read/exactly"),
    "stream_read_until_empty": (stream(read={"until": ""}), "/read/until"),
    "stream_read_until_no_bytes": (stream(read={"until": {"base64": ""}}), "/read/until"),
    "stream_read_reference": (stream(read={"exactly": "${none}"}), "/read/exactly"),
    "stream_read_part": (stream(read={"exactly": "1${none}"}), "/read/exactly"),
    "stream_send_number": (stream(send=1), "/send"),
    "stream_send_base64": (stream(send={"base64": "a"}), "/send/base64"),
    "stream_send_base64_bits": (stream(send={"base64": "Zh=="}), "/send/base64"),
    "stream_send_base64_number": (stream(send={"base64": 1}), "/send/base64"),
    "stream_send_field": (stream(send={"base64": "", "text": ""}), "/send/text"),
    "stream_send_object": (stream(send={}), "/send"),
    "stream_both": (stream(exchange=[{}]), ""),
    "stream_exchange_none": (exchange(), "/exchange"),
    "stream_exchange_object": ({**exchange({}), "exchange": {}}, "/exchange"),
    "stream_exchange_step": (exchange({}, 1), "/exchange/1"),
    "stream_exchange_field": (exchange({"recv": 1}), "/exchange/0/recv"),
    "stream_exchange_read": (exchange({}, {"read": {"exactly": "1"}}), "/exchange/1/read/exactly"),
    "stream_exchange_send": ({**exchange({}), "send": "a"}, "/send"),
    "stream_exchange_write_eof": ({**exchange({}), "write_eof": False}, "/write_eof"),
}
