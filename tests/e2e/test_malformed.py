"""Requests that are wrong, each with the exact status that it gets, and the exact places that a 422 names.

Every row is a test of its own. All rows talk to one server, which in the end must have stored nothing
and must stop with status 0 and no report of a sanitizer.
"""

import json
import re
import unittest

import awaitd
import malformed_nodes

GOOD = {"op": "value", "value": 1}
DEEP_JSON = 200
DEEP_NODES = 64
MANY_NODES = 1_000_000
LARGEST_BODY = 64 << 20
URL = "http://127.0.0.1:9/"
MISSING_ID = "01980e5a-6f2b-7c3d-9e4f-0123456789ab"


def spec(text):
    """A submission around the text of a spec."""
    return b'{"spec":' + text + b"}"


def value(text):
    """A submission of a value node around the text of its value."""
    return spec(b'{"op":"value","value":' + text + b"}")


def nested(levels, innermost=GOOD):
    """A chain of nodes, `levels` above each other."""
    node = innermost
    for _ in range(levels - 1):
        node = {"op": "sequence", "steps": [node]}
    return node


# ---- 400: not acceptable JSON. name: the whole body ----

NOT_JSON = {
    "empty": b"",
    "blank": b"  \n\t ",
    "word": b"hello",
    "form": b"spec=1&name=2",
    "single_quotes": b"{'spec':{'op':'value','value':1}}",
    "bare_key": b'{spec:{"op":"value","value":1}}',
    "cut_object": b'{"spec":{"op":"value","value":1}',
    "cut_string": b'{"spec":{"op":"val',
    "cut_array": value(b"[1,2"),
    "cut_escape": b'{"name":"\\',
    "cut_surrogate": b'{"name":"\\ud83d\\u',
    "trailing_word": spec(b'{"op":"value","value":1}') + b" x",
    "trailing_brace": spec(b'{"op":"value","value":1}') + b"}",
    "trailing_value": spec(b'{"op":"value","value":1}') * 2,
    "two_lines": (spec(b'{"op":"value","value":1}') + b"\n") * 2,
    "trailing_comma_object": spec(b'{"op":"value","value":1,}'),
    "trailing_comma_array": value(b"[1,]"),
    "leading_comma": value(b"[,1]"),
    "missing_comma": value(b"[1 2]"),
    "missing_colon": b'{"spec" {"op":"value","value":1}}',
    "number_as_key": b'{1:2}',
    "comment": b'{"spec":{"op":"value","value":1}/* why */}',
    "line_comment": b'// why\n{"spec":{"op":"value","value":1}}',
    "true_misspelt": value(b"True"),
    "nul_misspelt": value(b"nul"),
    "nan": value(b"NaN"),
    "infinity": value(b"Infinity"),
    "minus_infinity": value(b"-Infinity"),
    "undefined": value(b"undefined"),
    "leading_zero": value(b"01"),
    "leading_plus": value(b"+1"),
    "leading_dot": value(b".5"),
    "trailing_dot": value(b"1."),
    "only_minus": value(b"-"),
    "empty_exponent": value(b"1e"),
    "hexadecimal": value(b"0x10"),
    "underscore": value(b"1_000"),
    "too_large_real": value(b"1e400"),
    "too_large_negative_real": value(b"-1e400"),
    "too_large_integer": value(b"9223372036854775808"),
    "too_small_integer": value(b"-9223372036854775809"),
    "huge_integer": value(b"9" * 400),
    "duplicate_key_top": b'{"spec":{"op":"value","value":1},"spec":{"op":"value","value":2}}',
    "duplicate_key_op": spec(b'{"op":"value","op":"sleep","value":1,"seconds":1}'),
    "duplicate_key_deep": value(b'{"a":{"b":1,"b":1}}'),
    "duplicate_key_escaped": value(b'{"a":1,"\\u0061":2}'),
    "duplicate_key_empty": value(b'{"":1,"":2}'),
    "nul_raw": b'{"name":"a\x00b","spec":{"op":"value","value":1}}',
    "nul_raw_after_end": spec(b'{"op":"value","value":1}') + b"\x00",
    "nul_raw_first": b"\x00" + spec(b'{"op":"value","value":1}'),
    "nul_escaped": value(b'"a\\u0000b"'),
    "nul_escaped_in_key": value(b'{"a\\u0000b":1}'),
    "lone_high_surrogate": value(b'"\\ud83d"'),
    "lone_low_surrogate": value(b'"\\ude00"'),
    "high_surrogate_then_text": value(b'"\\ud83dx"'),
    "two_high_surrogates": value(b'"\\ud83d\\ud83d"'),
    "swapped_surrogates": value(b'"\\ude00\\ud83d"'),
    "surrogate_in_key": value(b'{"\\udfff":1}'),
    "surrogate_in_utf8": value(b'"\xed\xa0\x80"'),
    "utf8_stray_continuation": value(b'"\x80"'),
    "utf8_cut_2": value(b'"\xc3"'),
    "utf8_cut_3": value(b'"\xe2\x82"'),
    "utf8_cut_4": value(b'"\xf0\x9f\x98"'),
    "utf8_overlong_2": value(b'"\xc0\xaf"'),
    "utf8_overlong_3": value(b'"\xe0\x80\xaf"'),
    "utf8_overlong_4": value(b'"\xf0\x80\x80\xaf"'),
    "utf8_overlong_nul": value(b'"\xc0\x80"'),
    "utf8_beyond_unicode": value(b'"\xf4\x90\x80\x80"'),
    "utf8_never_byte": value(b'"\xff"'),
    "utf8_in_key": value(b'{"\xfe":1}'),
    "latin1": b'{"name":"caf\xe9","spec":{"op":"value","value":1}}',
    "utf16": spec(b'{"op":"value","value":1}').decode().encode("utf-16-le"),
    "utf16_mark": spec(b'{"op":"value","value":1}').decode().encode("utf-16"),
    "byte_order_mark": b"\xef\xbb\xbf" + spec(b'{"op":"value","value":1}'),
    "newline_in_string": value(b'"a\nb"'),
    "tab_in_string": value(b'"a\tb"'),
    "control_in_string": value(b'"a\x01b"'),
    "bad_escape": value(b'"\\x41"'),
    "bad_unicode_escape": value(b'"\\u12g4"'),
    "too_deep_arrays": value(b"[" * (DEEP_JSON - 1) + b"]" * (DEEP_JSON - 1)),
    "too_deep_objects": value(b'{"a":' * (DEEP_JSON - 1) + b"1" + b"}" * (DEEP_JSON - 1)),
    "far_too_deep": b"[" * 1_000_000,
    "far_too_deep_objects": b'{"a":' * 200_000,
}

# ---- 422: JSON, but no job. name: (the body or, in a node(), the spec; the pointers of all faults) ----


def node(spec, *pointers):
    return {"spec": spec}, ["/spec" + pointer for pointer in pointers]


def step(fields, *pointers):
    """The fault stands below other nodes."""
    return node({"op": "sequence", "steps": [GOOD, {"op": "gather", "tasks": [fields]}]},
                *["/steps/1/tasks/0" + pointer for pointer in pointers])


INVALID = {
    # the submission
    "body_null": (None, [""]),
    "body_number": (1, [""]),
    "body_string": ("spec", [""]),
    "body_array": ([{"spec": GOOD}], [""]),
    "body_true": (True, [""]),
    "no_spec": ({}, [""]),
    "no_spec_but_name": ({"name": "x"}, [""]),
    "unknown_member": ({"spec": GOOD, "specs": 1}, ["/specs"]),
    "unknown_members": ({"spec": GOOD, "a": 1, "b": 2}, ["/a", "/b"]),
    "unknown_member_escaped": ({"spec": GOOD, "a/b~c": 1}, ["/a~1b~0c"]),
    "name_empty": ({"spec": GOOD, "name": ""}, ["/name"]),
    "name_too_long": ({"spec": GOOD, "name": "ñ" * 201}, ["/name"]),
    "name_number": ({"spec": GOOD, "name": 1}, ["/name"]),
    "name_array": ({"spec": GOOD, "name": []}, ["/name"]),
    "timeout_string": ({"spec": GOOD, "timeout": "1"}, ["/timeout"]),
    "timeout_negative": ({"spec": GOOD, "timeout": -0.5}, ["/timeout"]),
    "timeout_too_long": ({"spec": GOOD, "timeout": 1e300}, ["/timeout"]),
    "timeout_true": ({"spec": GOOD, "timeout": True}, ["/timeout"]),
    "ttl_string": ({"spec": GOOD, "ttl": "1d"}, ["/ttl"]),
    "ttl_negative": ({"spec": GOOD, "ttl": -1}, ["/ttl"]),
    "ttl_too_long": ({"spec": GOOD, "ttl": 3155760001}, ["/ttl"]),
    "ttl_true": ({"spec": GOOD, "ttl": True}, ["/ttl"]),
    "loop_number": ({"spec": GOOD, "loop": 1}, ["/loop"]),
    "loop_empty": ({"spec": GOOD, "loop": ""}, ["/loop"]),
    "loop_bad": ({"spec": GOOD, "loop": "a/b"}, ["/loop"]),
    "loop_unknown": ({"spec": GOOD, "loop": "nowhere"}, ["/loop"]),
    "labels_array": ({"spec": GOOD, "labels": ["a"]}, ["/labels"]),
    "labels_string": ({"spec": GOOD, "labels": "a:b"}, ["/labels"]),
    "label_number": ({"spec": GOOD, "labels": {"a": "1", "b": 2}}, ["/labels/b"]),
    "label_key_empty": ({"spec": GOOD, "labels": {"": "a"}}, ["/labels/"]),
    "label_key_colon": ({"spec": GOOD, "labels": {"a:b": "a"}}, ["/labels/a:b"]),
    "label_key_escaped": ({"spec": GOOD, "labels": {"~": "a"}}, ["/labels/~0"]),
    "label_key_too_long": ({"spec": GOOD, "labels": {"k" * 64: "a"}}, ["/labels/" + "k" * 64]),
    "label_too_long": ({"spec": GOOD, "labels": {"a": "x" * 256}}, ["/labels/a"]),
    "labels_too_many": ({"spec": GOOD, "labels": {f"l{n}": "" for n in range(65)}}, ["/labels"]),
    "label_null": ({"spec": GOOD, "labels": {"a": None}}, ["/labels/a"]),
    "everything_at_once": ({"spec": {"op": "slep", "seconds": 1}, "name": 1, "timeout": "x", "labels": {"a": 1}, "z": 0},
                           ["/spec/op", "/name", "/timeout", "/labels/a", "/z"]),
    # nodes
    "spec_null": node(None, ""),
    "spec_string": node("sleep", ""),
    "spec_number": node(1, ""),
    "spec_array": node([GOOD], ""),
    "spec_empty": node({}, ""),
    "op_missing": node({"seconds": 1}, ""),
    "op_number": node({"op": 1}, "/op"),
    "op_null": node({"op": None}, "/op"),
    "op_array": node({"op": ["sleep"]}, "/op"),
    "op_empty": node({"op": ""}, "/op"),
    "op_unknown": node({"op": "xyzzy"}, "/op"),
    "op_case": node({"op": "Sleep", "seconds": 1}, "/op"),
    "op_space": node({"op": "sleep ", "seconds": 1}, "/op"),
    "op_long": node({"op": "s" * 10000}, "/op"),
    "op_of_later": node({"op": "queue.get", "queue": "q"}, "/op"),
    "unknown_field": node({"op": "value", "value": 1, "valeu": 2}, "/valeu"),
    "unknown_field_empty": node({"op": "value", "value": 1, "": 2}, "/"),
    "unknown_field_escaped": node({"op": "value", "value": 1, "~/": 2}, "/~0~1"),
    "field_of_another_op": node({"op": "value", "value": 1, "seconds": 2}, "/seconds"),
    "node_name_number": node({"op": "value", "value": 1, "name": 5}, "/name"),
    "node_name_null": node({"op": "value", "value": 1, "name": None}, "/name"),
    "node_name_empty": node({"op": "value", "value": 1, "name": ""}, "/name"),
    "node_name_too_long": node({"op": "value", "value": 1, "name": "n" * 201}, "/name"),
    "too_deep": node(nested(DEEP_NODES + 1), "/steps/0" * DEEP_NODES),
    "too_deep_gather": node({"op": "gather", "tasks": [GOOD, nested(DEEP_NODES)]},
                            "/tasks/1" + "/steps/0" * (DEEP_NODES - 1)),
    # sleep
    "sleep_nothing": node({"op": "sleep"}, ""),
    "sleep_string": node({"op": "sleep", "seconds": "1"}, "/seconds"),
    "sleep_null": node({"op": "sleep", "seconds": None}, "/seconds"),
    "sleep_true": node({"op": "sleep", "seconds": True}, "/seconds"),
    "sleep_array": node({"op": "sleep", "seconds": [1]}, "/seconds"),
    "sleep_object": node({"op": "sleep", "seconds": {}}, "/seconds"),
    "sleep_negative": node({"op": "sleep", "seconds": -1}, "/seconds"),
    "sleep_slightly_negative": node({"op": "sleep", "seconds": -1e-300}, "/seconds"),
    "sleep_too_long": node({"op": "sleep", "seconds": 1e18}, "/seconds"),
    "sleep_misspelt": node({"op": "sleep", "second": 1}, "", "/second"),
    # value, log, raise
    "value_nothing": node({"op": "value"}, ""),
    "log_nothing": node({"op": "log"}, ""),
    "log_number": node({"op": "log", "message": 1}, "/message"),
    "log_null": node({"op": "log", "message": None}, "/message"),
    "log_object": node({"op": "log", "message": {"a": 1}}, "/message"),
    "log_level": node({"op": "log", "message": "m", "level": "fatal"}, "/level"),
    "log_level_case": node({"op": "log", "message": "m", "level": "INFO"}, "/level"),
    "log_level_number": node({"op": "log", "message": "m", "level": 20}, "/level"),
    "log_level_null": node({"op": "log", "message": "m", "level": None}, "/level"),
    "raise_nothing": node({"op": "raise"}, ""),
    "raise_message_only": node({"op": "raise", "message": "m"}, ""),
    "raise_number": node({"op": "raise", "type": 1}, "/type"),
    "raise_empty": node({"op": "raise", "type": ""}, "/type"),
    "raise_space": node({"op": "raise", "type": "Value Error"}, "/type"),
    "raise_digit": node({"op": "raise", "type": "1Error"}, "/type"),
    "raise_base": node({"op": "raise", "type": "BaseException"}, "/type"),
    "raise_exit": node({"op": "raise", "type": "SystemExit"}, "/type"),
    "raise_interrupt": node({"op": "raise", "type": "KeyboardInterrupt"}, "/type"),
    "raise_generator_exit": node({"op": "raise", "type": "GeneratorExit"}, "/type"),
    "raise_stop": node({"op": "raise", "type": "StopIteration"}, "/type"),
    "raise_async_stop": node({"op": "raise", "type": "StopAsyncIteration"}, "/type"),
    "raise_message_number": node({"op": "raise", "type": "ValueError", "message": 1}, "/message"),
    # sequence, gather, timeout
    "sequence_nothing": node({"op": "sequence"}, ""),
    "sequence_object": node({"op": "sequence", "steps": GOOD}, "/steps"),
    "sequence_null": node({"op": "sequence", "steps": None}, "/steps"),
    "sequence_of_numbers": node({"op": "sequence", "steps": [1, GOOD, "a", None]}, "/steps/0", "/steps/2", "/steps/3"),
    "sequence_bad_steps": node({"op": "sequence", "steps": [{"op": "sleep"}, GOOD, {"op": "log"}]}, "/steps/0", "/steps/2"),
    "gather_nothing": node({"op": "gather"}, ""),
    "gather_object": node({"op": "gather", "tasks": {"0": GOOD}}, "/tasks"),
    "gather_string": node({"op": "gather", "tasks": "all"}, "/tasks"),
    "gather_flag_string": node({"op": "gather", "tasks": [], "return_exceptions": "true"}, "/return_exceptions"),
    "gather_flag_number": node({"op": "gather", "tasks": [], "return_exceptions": 1}, "/return_exceptions"),
    "gather_flag_null": node({"op": "gather", "tasks": [], "return_exceptions": None}, "/return_exceptions"),
    "gather_steps": node({"op": "gather", "steps": []}, "", "/steps"),
    "timeout_nothing": node({"op": "timeout"}, "", ""),
    "timeout_no_seconds": node({"op": "timeout", "body": GOOD}, ""),
    "timeout_no_body": node({"op": "timeout", "seconds": 1}, ""),
    "timeout_node_string": node({"op": "timeout", "seconds": "1", "body": GOOD}, "/seconds"),
    "timeout_node_negative": node({"op": "timeout", "seconds": -1, "body": GOOD}, "/seconds"),
    "timeout_body_array": node({"op": "timeout", "seconds": 1, "body": [GOOD]}, "/body"),
    "timeout_body_null": node({"op": "timeout", "seconds": 1, "body": None}, "/body"),
    "timeout_bad_body": node({"op": "timeout", "seconds": 1, "body": {"op": "sleep", "seconds": "x"}}, "/body/seconds"),
    # create_task, await, cancel
    "create_nothing": node({"op": "create_task"}, "", ""),
    "create_no_name": node({"op": "create_task", "body": GOOD}, ""),
    "create_no_body": node({"op": "create_task", "name": "a"}, ""),
    "create_name_number": node({"op": "create_task", "name": 1, "body": GOOD}, "/name"),
    "create_name_empty": node({"op": "create_task", "name": "", "body": GOOD}, "/name"),
    "create_name_too_long": node({"op": "create_task", "name": "n" * 201, "body": GOOD}, "/name"),
    "create_body_string": node({"op": "create_task", "name": "a", "body": "b"}, "/body"),
    "await_nothing": node({"op": "await"}, ""),
    "await_number": node({"op": "await", "task": 1}, "/task"),
    "await_unknown": node({"op": "await", "task": "nobody"}, "/task"),
    "await_label_of_a_node": node({"op": "sequence", "steps": [{**GOOD, "name": "a"}, {"op": "await", "task": "a"}]},
                                  "/steps/1/task"),
    "await_case": node({"op": "sequence", "steps": [{"op": "create_task", "name": "a", "body": GOOD},
                                                    {"op": "await", "task": "A"}]}, "/steps/1/task"),
    "cancel_nothing": node({"op": "cancel"}, ""),
    "cancel_unknown": node({"op": "cancel", "task": "nobody"}, "/task"),
    "cancel_empty": node({"op": "cancel", "task": ""}, "/task"),
    "cancel_message_number": node({"op": "sequence", "steps": [
        {"op": "create_task", "name": "a", "body": GOOD}, {"op": "cancel", "task": "a", "message": 1}]}, "/steps/1/message"),
    # http
    "http_nothing": node({"op": "http"}, ""),
    "http_url_number": node({"op": "http", "url": 1}, "/url"),
    "http_url_empty": node({"op": "http", "url": ""}, "/url"),
    "http_url_relative": node({"op": "http", "url": "/v1/tasks"}, "/url"),
    "http_url_no_host": node({"op": "http", "url": "http://"}, "/url"),
    "http_url_one_slash": node({"op": "http", "url": "http:/example.com"}, "/url"),
    "http_url_ftp": node({"op": "http", "url": "ftp://example.com/"}, "/url"),
    "http_url_file": node({"op": "http", "url": "file:///etc/passwd"}, "/url"),
    "http_url_space": node({"op": "http", "url": "http://example.com/a b"}, "/url"),
    "http_url_line_break": node({"op": "http", "url": "http://example.com/\r\nX: 1"}, "/url"),
    "http_url_port": node({"op": "http", "url": "http://example.com:65536/"}, "/url"),
    "http_method_number": node({"op": "http", "url": URL, "method": 1}, "/method"),
    "http_method_empty": node({"op": "http", "url": URL, "method": ""}, "/method"),
    "http_method_space": node({"op": "http", "url": URL, "method": "GET /"}, "/method"),
    "http_method_line_break": node({"op": "http", "url": URL, "method": "GET\r\n"}, "/method"),
    "http_method_connect": node({"op": "http", "url": URL, "method": "connect"}, "/method"),
    "http_headers_array": node({"op": "http", "url": URL, "headers": ["A: 1"]}, "/headers"),
    "http_header_number": node({"op": "http", "url": URL, "headers": {"A": 1}}, "/headers/A"),
    "http_header_cr": node({"op": "http", "url": URL, "headers": {"A": "b\rc"}}, "/headers"),
    "http_header_lf": node({"op": "http", "url": URL, "headers": {"A": "b\nc"}}, "/headers"),
    "http_header_name_empty": node({"op": "http", "url": URL, "headers": {"": "b"}}, "/headers/"),
    "http_header_name_colon": node({"op": "http", "url": URL, "headers": {"A:": "b"}}, "/headers"),
    "http_header_name_line_break": node({"op": "http", "url": URL, "headers": {"A: 1\r\nB": "b"}}, "/headers"),
    "http_header_length": node({"op": "http", "url": URL, "headers": {"content-length": "1"}}, "/headers"),
    "http_header_chunked": node({"op": "http", "url": URL, "headers": {"Transfer-Encoding": "chunked"}}, "/headers"),
    "http_header_twice": node({"op": "http", "url": URL, "headers": {"Host": "a", "host": "b"}}, "/headers"),
    "http_both_bodies": node({"op": "http", "url": URL, "json": 1, "body": "1"}, "/body"),
    "http_body_number": node({"op": "http", "url": URL, "body": 1}, "/body"),
    "http_timeout_negative": node({"op": "http", "url": URL, "timeout": -1}, "/timeout"),
    "http_max_body_zero": node({"op": "http", "url": URL, "max_body": 0}, "/max_body"),
    "http_max_body_too_large": node({"op": "http", "url": URL, "max_body": (64 << 20) + 1}, "/max_body"),
    "http_max_redirects_fraction": node({"op": "http", "url": URL, "max_redirects": 1.5}, "/max_redirects"),
    "http_max_redirects_too_many": node({"op": "http", "url": URL, "max_redirects": 21}, "/max_redirects"),
    "http_follow_string": node({"op": "http", "url": URL, "follow_redirects": "yes"}, "/follow_redirects"),
    "http_raise_number": node({"op": "http", "url": URL, "raise_for_status": 1}, "/raise_for_status"),
    "http_verify": node({"op": "http", "url": URL, "verify": False}, "/verify"),
    # subprocess
    "subprocess_nothing": node({"op": "subprocess"}, ""),
    "subprocess_both": node({"op": "subprocess", "argv": ["true"], "shell": "true"}, ""),
    "subprocess_argv_empty": node({"op": "subprocess", "argv": []}, "/argv"),
    "subprocess_argv_string": node({"op": "subprocess", "argv": "ls -l"}, "/argv"),
    "subprocess_argv_number": node({"op": "subprocess", "argv": ["sleep", 1]}, "/argv/1"),
    "subprocess_argv_null": node({"op": "subprocess", "argv": [None, "a", []]}, "/argv/0", "/argv/2"),
    "subprocess_shell_array": node({"op": "subprocess", "shell": ["true"]}, "/shell"),
    "subprocess_stdin_number": node({"op": "subprocess", "argv": ["cat"], "stdin": 1}, "/stdin"),
    "subprocess_env_array": node({"op": "subprocess", "argv": ["env"], "env": ["A=1"]}, "/env"),
    "subprocess_env_number": node({"op": "subprocess", "argv": ["env"], "env": {"A": 1}}, "/env/A"),
    "subprocess_env_equals": node({"op": "subprocess", "argv": ["env"], "env": {"A=B": "1"}}, "/env/A=B"),
    "subprocess_env_empty": node({"op": "subprocess", "argv": ["env"], "env": {"": "1"}}, "/env/"),
    "subprocess_cwd_number": node({"op": "subprocess", "argv": ["pwd"], "cwd": 1}, "/cwd"),
    "subprocess_check_string": node({"op": "subprocess", "argv": ["true"], "check": "yes"}, "/check"),
    "subprocess_max_output_zero": node({"op": "subprocess", "argv": ["true"], "max_output": 0}, "/max_output"),
    "subprocess_max_output_too_large": node({"op": "subprocess", "argv": ["true"], "max_output": (16 << 20) + 1}, "/max_output"),
    "subprocess_max_output_real": node({"op": "subprocess", "argv": ["true"], "max_output": 1.5}, "/max_output"),
    "subprocess_max_output_string": node({"op": "subprocess", "argv": ["true"], "max_output": "1M"}, "/max_output"),
    "subprocess_kill_after_negative": node({"op": "subprocess", "argv": ["true"], "kill_after": -1}, "/kill_after"),
    "subprocess_kill_after_string": node({"op": "subprocess", "argv": ["true"], "kill_after": "5"}, "/kill_after"),
    "subprocess_cpu_seconds_zero": node({"op": "subprocess", "argv": ["true"], "cpu_seconds": 0}, "/cpu_seconds"),
    "subprocess_memory_string": node({"op": "subprocess", "argv": ["true"], "memory": "1G"}, "/memory"),
    "subprocess_open_files_two": node({"op": "subprocess", "argv": ["true"], "open_files": 2}, "/open_files"),
    "subprocess_nice_beyond": node({"op": "subprocess", "argv": ["true"], "nice": -41}, "/nice"),
    "subprocess_uid_name": node({"op": "subprocess", "argv": ["true"], "uid": "root"}, "/uid"),
    "subprocess_uid_minus": node({"op": "subprocess", "argv": ["true"], "uid": 4294967295}, "/uid"),
    "subprocess_inherit_env_number": node({"op": "subprocess", "argv": ["true"], "inherit_env": 1}, "/inherit_env"),
    "subprocess_stdin_from": node({"op": "subprocess", "argv": ["true"], "stdin_from": "me"}, "/stdin_from"),
    "subprocess_many_faults": node({"op": "subprocess", "argv": [1], "shell": 2, "env": {"A": 3}, "cmd": 4},
                                   "", "/argv/0", "/shell", "/env/A", "/cmd"),
    # references that name nothing
    "reference": node({"op": "log", "message": "hello ${name}"}, "/message"),
    "reference_in_value": node({"op": "value", "value": {"a": ["${x}"]}}, "/value/a/0"),
    "reference_in_argv": node({"op": "subprocess", "argv": ["echo", "${x}"]}, "/argv/1"),
    "reference_of_a_definition": node({"op": "value", "value": "${args.x}"}, "/value"),
    "reference_to_a_later_step": node({"op": "sequence", "steps": [
        {"op": "log", "message": "${a}"}, {"op": "value", "name": "a", "value": 1}]}, "/steps/0/message"),
    "reference_to_another_branch": node({"op": "gather", "tasks": [
        {"op": "value", "name": "a", "value": 1}, {"op": "log", "message": "${a}"}]}, "/tasks/1/message"),
    "reference_in_a_number": node({"op": "sleep", "seconds": "${a} "}, "/seconds"),
    # calls
    "call_nothing": node({"op": "call"}, ""),
    "call_unknown": node({"op": "call", "coroutine": "nobody"}, "/coroutine"),
    "call_number": node({"op": "call", "coroutine": 1}, "/coroutine"),
    "call_reference": node({"op": "call", "coroutine": "${x}"}, "/coroutine"),
    "call_arguments": node({"op": "call", "coroutine": "nobody", "args": 1}, "/coroutine", "/args"),
    # the same faults further down
    "deeper_op": step({"op": "slep", "seconds": 1}, "/op"),
    "deeper_type": step({"op": "sleep", "seconds": "1"}, "/seconds"),
    "deeper_missing": step({"op": "sleep"}, ""),
    "deeper_unknown": step({"op": "sleep", "seconds": 1, "result!": 1}, "/result!"),
    "deeper_two": step({"op": "sleep", "seconds": -1, "no": 1}, "/seconds", "/no"),
    "deeper_name": step({"op": "await", "task": "nobody"}, "/task"),
}

# What the detail of the fault must name, for those who mistyped.
NEAREST = {
    "op": ({"op": "slep", "seconds": 1}, "sleep"),
    "op_underscore": ({"op": "createtask", "name": "a", "body": GOOD}, "create_task"),
    "op_plural": ({"op": "gathers", "tasks": []}, "gather"),
    "field": ({"op": "sleep", "seconds": 1, "resul": 2}, "result"),
    "field_case": ({"op": "gather", "tasks": [], "Return_exceptions": True}, "return_exceptions"),
    "field_of_subprocess": ({"op": "subprocess", "argv": ["true"], "stdinn": ""}, "stdin"),
}

# ---- the body of a cancellation. name: (bytes, status, pointers) ----

CANCELLATIONS = {
    "no_json": (b"now", 400, None),
    "duplicate": (b'{"message":"a","message":"b"}', 400, None),
    "array": (b"[]", 422, [""]),
    "message_number": (b'{"message":1}', 422, ["/message"]),
    "message_long": (b'{"message":"' + b"x" * 1001 + b'"}', 422, ["/message"]),
    "unknown_member": (b'{"msg":"a"}', 422, ["/msg"]),
}

# ---- bodies of other requests. name: (method, target, body, pointers); bytes that are no JSON have none ----


def definition(body, *pointers):
    return "PUT", "/v1/coroutines/bad", body, list(pointers)


def parameter(schema, *pointers):
    return definition({"parameters": {"a/b": schema}, "body": GOOD}, *["/parameters/a~1b" + p for p in pointers])


def opening(body, *pointers):
    return "POST", "/v1/loops", body, list(pointers)


def handler(body, *pointers):
    return "PUT", "/v1/loops/main/exception-handler", body, list(pointers)


def job(body, *pointers):
    return "POST", "/v1/loops/main/run_until_complete", body, list(pointers)


def executor(body, *pointers):
    return "PUT", "/v1/executors/bad", body, list(pointers)


def new_group(body, *pointers):
    return "POST", "/v1/groups", body, list(pointers)


def backup(body, *pointers):
    return "POST", "/v1/backup", body, list(pointers)


def outcome(body, *pointers):
    return "POST", f"/v1/tasks/{MISSING_ID}/futures/f", body, list(pointers)


def exception(error, *pointers):
    return outcome({"error": error}, *["/error" + p for p in pointers])


BODIES = {
    "executor_no_json": executor(b"workers=1"),
    "executor_empty": executor(b""),
    "executor_duplicate": executor(b'{"workers":1,"workers":2}'),
    "executor_array": executor([], ""),
    "executor_unknown": executor({"worker": 1}, "/worker"),
    "executor_workers_text": executor({"workers": "1"}, "/workers"),
    "executor_workers_none": executor({"workers": 0}, "/workers"),
    "executor_workers_negative": executor({"workers": -1}, "/workers"),
    "executor_workers_many": executor({"workers": 1001}, "/workers"),
    "executor_workers_half": executor({"workers": 1.5}, "/workers"),
    "executor_workers_huge": executor({"workers": 1e300}, "/workers"),
    "executor_queue_negative": executor({"max_queue": -1}, "/max_queue"),
    "executor_queue_long": executor({"max_queue": 1000001}, "/max_queue"),
    "executor_queue_true": executor({"max_queue": True}, "/max_queue"),
    "executor_kind": executor({"kind": "fiber"}, "/kind"),
    "executor_kind_number": executor({"kind": 1}, "/kind"),
    "executor_all": executor({"kind": "", "workers": "", "max_queue": ""}, "/kind", "/workers", "/max_queue"),
    "future_no_json": outcome(b"result=1"),
    "future_empty": outcome(b""),
    "future_duplicate": outcome(b'{"result":1,"result":2}'),
    "future_array": outcome([1], ""),
    "future_nothing": outcome({}, ""),
    "future_both": outcome({"result": 1, "error": {"type": "E"}}, ""),
    "future_unknown": outcome({"result": 1, "name": "f"}, "/name"),
    "future_unknown_only": outcome({"value": 1}, "/value", ""),
    "exception_text": exception("ValueError", ""),
    "exception_null": exception(None, ""),
    "exception_without_type": exception({"message": "m"}, ""),
    "exception_type_number": exception({"type": 1}, "/type"),
    "exception_type_null": exception({"type": None}, "/type"),
    "exception_type_empty": exception({"type": ""}, "/type"),
    "exception_type_blank": exception({"type": "Value Error"}, "/type"),
    "exception_type_exit": exception({"type": "SystemExit"}, "/type"),
    "exception_type_base": exception({"type": "BaseException"}, "/type"),
    "exception_type_stop": exception({"type": "StopIteration"}, "/type"),
    "exception_type_long": exception({"type": "E" * 101}, "/type"),
    "exception_message_number": exception({"type": "E", "message": 1}, "/message"),
    "exception_unknown": exception({"type": "E", "details": {}, "a/b": 1}, "/details", "/a~1b"),
    "definition_no_json": definition(b"{body:1}"),
    "definition_empty": definition(b""),
    "definition_duplicate": definition(b'{"body":{"op":"value","value":1},"body":{"op":"value","value":1}}'),
    "definition_array": definition([], ""),
    "definition_null": definition(None, ""),
    "definition_without_body": definition({}, ""),
    "definition_null_body": definition({"body": None}, "/body"),
    "definition_bad_body": definition({"body": {"op": "sequence", "steps": [{"op": "slep"}, GOOD, {"op": "sleep"}]}},
                                      "/body/steps/0/op", "/body/steps/2"),
    "definition_unknown": definition({"body": GOOD, "paramters": {}, "name": "x"}, "/paramters", "/name"),
    "definition_description": definition({"body": GOOD, "description": 1}, "/description"),
    "definition_long_description": definition({"body": GOOD, "description": "x" * 10001}, "/description"),
    "definition_parameters": definition({"body": GOOD, "parameters": []}, "/parameters"),
    "definition_everything": definition({"body": {"op": "log"}, "parameters": {"a": 1}, "description": [], "z": 1},
                                        "/body", "/parameters/a", "/description", "/z"),
    "definition_reference": definition({"body": {"op": "value", "value": "${arg.x}"}}, "/body/value"),
    "definition_await": definition({"body": {"op": "await", "task": "nobody"}}, "/body/task"),
    "definition_too_deep": definition({"body": nested(DEEP_NODES + 1)}, "/body" + "/steps/0" * DEEP_NODES),
    "parameter_number": parameter(1, ""),
    "parameter_keyword": parameter({"typ": "number"}, "/typ"),
    "parameter_type": parameter({"type": "float"}, "/type"),
    "parameter_types": parameter({"type": ["number", "nul"]}, "/type"),
    "parameter_no_types": parameter({"type": []}, "/type"),
    "parameter_minimum": parameter({"minimum": "0"}, "/minimum"),
    "parameter_length": parameter({"maxLength": -1}, "/maxLength"),
    "parameter_enum": parameter({"enum": {}}, "/enum"),
    "parameter_no_choice": parameter({"enum": []}, "/enum"),
    "parameter_description": parameter({"description": 1}, "/description"),
    "parameter_default": parameter({"type": "number", "default": "1"}, ""),
    "parameter_default_range": parameter({"default": 11, "maximum": 10}, ""),
    "loop_no_json": opening(b"name=x"),
    "loop_array": opening(["x"], ""),
    "loop_without_name": opening({}, ""),
    "loop_null": opening({"name": None}, "/name"),
    "loop_number": opening({"name": 1}, "/name"),
    "loop_empty": opening({"name": ""}, "/name"),
    "loop_digit": opening({"name": "1st"}, "/name"),
    "loop_dash": opening({"name": "-x"}, "/name"),
    "loop_slash": opening({"name": "a/b"}, "/name"),
    "loop_blank": opening({"name": "a b"}, "/name"),
    "loop_accent": opening({"name": "año"}, "/name"),
    "loop_long": opening({"name": "x" * 101}, "/name"),
    "loop_unknown": opening({"name": "bad", "handler": None}, "/handler"),
    "loop_handler": opening({"name": "bad", "exception_handler": "ftp://localhost/"}, "/exception_handler"),
    "loop_everything": opening({"name": "b d", "exception_handler": 1, "z": 1}, "/name", "/exception_handler", "/z"),
    "handler_no_json": handler(b"http://localhost/"),
    "handler_string": handler("http://localhost/", ""),
    "handler_nothing": handler({}, ""),
    "handler_number": handler({"url": 1}, "/url"),
    "handler_empty": handler({"url": ""}, "/url"),
    "handler_no_scheme": handler({"url": "localhost:8080/errors"}, "/url"),
    "handler_relative": handler({"url": "/errors"}, "/url"),
    "handler_file": handler({"url": "file:///etc/passwd"}, "/url"),
    "handler_gopher": handler({"url": "gopher://localhost/"}, "/url"),
    "handler_script": handler({"url": "javascript:alert(1)"}, "/url"),
    "handler_no_host": handler({"url": "http://"}, "/url"),
    "handler_no_host_but_path": handler({"url": "http:///errors"}, "/url"),
    "handler_bad_port": handler({"url": "http://localhost:99999/"}, "/url"),
    "handler_bad_address": handler({"url": "http://[::1/"}, "/url"),
    "handler_blank": handler({"url": "http://local host/"}, "/url"),
    "handler_newline": handler({"url": "http://localhost/\r\nX-A: b"}, "/url"),
    "handler_long": handler({"url": "http://localhost/" + "x" * 2000}, "/url"),
    "handler_unknown": handler({"url": None, "uri": "http://localhost/"}, "/uri"),
    "job_no_json": job(b"{"),
    "job_nothing": job({}, ""),
    "job_of_another_loop": job({"spec": GOOD, "loop": "other"}, "/loop"),
    "job_everything": job({"spec": {"op": "slep"}, "loop": 1, "z": 1}, "/spec/op", "/loop", "/z"),
    "group_no_json": new_group(b"now"),
    "group_cut": new_group(b'{"name":"a"'),
    "group_duplicate": new_group(b'{"name":"a","name":"b"}'),
    "group_array": new_group([], ""),
    "group_text": new_group("a", ""),
    "group_name_number": new_group({"name": 1}, "/name"),
    "group_name_empty": new_group({"name": ""}, "/name"),
    "group_name_long": new_group({"name": "x" * 201}, "/name"),
    "backup_name_number": backup({"name": 1}, "/name"),
    "backup_name_empty": backup({"name": ""}, "/name"),
    "backup_name_folder": backup({"name": "a/b.db"}, "/name"),
    "backup_name_above": backup({"name": "../a.db"}, "/name"),
    "backup_name_absolute": backup({"name": "/tmp/a.db"}, "/name"),
    "backup_name_hidden": backup({"name": ".a.db"}, "/name"),
    "backup_name_log": backup({"name": "a.db-wal"}, "/name"),
    "backup_name_lock": backup({"name": "a.db.lock"}, "/name"),
    "backup_path": backup({"path": "/tmp/a.db"}, "/path"),
    "group_timeout_text": new_group({"timeout": "1"}, "/timeout"),
    "group_timeout_true": new_group({"timeout": True}, "/timeout"),
    "group_timeout_negative": new_group({"timeout": -0.1}, "/timeout"),
    "group_timeout_long": new_group({"timeout": 3155760001}, "/timeout"),
    "group_labels": new_group({"labels": {}}, "/labels"),
    "group_tasks": new_group({"tasks": []}, "/tasks"),
    "group_everything": new_group({"nam": "a", "timeout": [], "name": []}, "/nam", "/timeout", "/name"),
}

# ---- other requests. name: (method, target, headers, body, status) ----

JSON = spec(b'{"op":"value","value":1}')


def tasks(headers, status, body=JSON):
    return "POST", "/v1/tasks", headers, body, status


REQUESTS = {
    # 404: no such path, no such task
    "path_root_of_api": ("GET", "/v1", {}, None, 404),
    "path_unknown": ("GET", "/v1/nothing", {}, None, 404),
    "path_other_version": ("GET", "/v2/tasks", {}, None, 404),
    "path_case": ("GET", "/V1/tasks", {}, None, 404),
    "path_trailing_slash": ("GET", "/v1/tasks/", {}, None, 404),
    "path_double_slash": ("GET", "//v1/tasks", {}, None, 404),
    "path_dots": ("GET", "/v1/../v1/tasks", {}, None, 404),
    "path_file": ("GET", "/../../etc/passwd", {}, None, 404),
    "path_encoded_dots": ("GET", "/%2e%2e/%2e%2e/etc/passwd", {}, None, 404),
    "path_below_health": ("GET", "/healthz/x", {}, None, 404),
    "path_post_unknown": ("POST", "/v1/task", {}, JSON, 404),
    "path_long": ("GET", "/" + "a" * 5000, {}, None, 404),
    "task_unknown": ("GET", f"/v1/tasks/{MISSING_ID}", {}, None, 404),
    "task_no_id": ("GET", "/v1/tasks/17", {}, None, 404),
    "task_short_id": ("GET", f"/v1/tasks/{MISSING_ID[:-1]}", {}, None, 404),
    "task_long_id": ("GET", f"/v1/tasks/{MISSING_ID}0", {}, None, 404),
    "task_bad_digit": ("GET", f"/v1/tasks/{MISSING_ID[:-1]}g", {}, None, 404),
    "task_braces": ("GET", f"/v1/tasks/%7B{MISSING_ID}%7D", {}, None, 404),
    "task_no_dashes": ("GET", "/v1/tasks/" + MISSING_ID.replace("-", ""), {}, None, 404),
    "task_nul": ("GET", f"/v1/tasks/{MISSING_ID}%00", {}, None, 404),
    "task_wait_unknown": ("GET", f"/v1/tasks/{MISSING_ID}?wait=30", {}, None, 404),
    "tree_unknown": ("GET", f"/v1/tasks/{MISSING_ID}/tree", {}, None, 404),
    "tree_no_id": ("GET", "/v1/tasks/x/tree", {}, None, 404),
    "log_unknown": ("GET", f"/v1/tasks/{MISSING_ID}/log", {}, None, 404),
    "cancel_unknown": ("POST", f"/v1/tasks/{MISSING_ID}/cancel", {}, None, 404),
    "cancel_no_id": ("POST", "/v1/tasks/x/cancel", {}, None, 404),
    "future_of_no_task": ("POST", f"/v1/tasks/{MISSING_ID}/futures/f", {}, b'{"result":1}', 404),
    "future_of_no_id": ("POST", "/v1/tasks/x/futures/f", {}, b'{"result":1}', 404),
    "future_of_no_node": ("POST", "/v1/tasks/{id}/futures/f", {}, b'{"result":1}', 404),
    "future_without_name": ("POST", "/v1/tasks/{id}/futures/", {}, b'{"result":1}', 404),
    "future_bad_percent": ("POST", "/v1/tasks/{id}/futures/%zz", {}, b'{"result":1}', 404),
    "future_nul": ("POST", "/v1/tasks/{id}/futures/%00", {}, b'{"result":1}', 404),
    "future_not_utf8": ("POST", "/v1/tasks/{id}/futures/%ff", {}, b'{"result":1}', 404),
    "future_slash": ("POST", "/v1/tasks/{id}/futures/a/b", {}, b'{"result":1}', 404),
    "callback_unknown": ("GET", "/v1/callbacks/AAAA", {}, None, 404),
    "callback_post_unknown": ("POST", "/v1/callbacks/AAAA", {}, b'{"result":1}', 404),
    "callback_post_unknown_wrong": ("POST", "/v1/callbacks/AAAA", {}, b"wrong", 404),
    "callback_without_token": ("GET", "/v1/callbacks/", {}, None, 404),
    "callback_no_base64": ("GET", "/v1/callbacks/" + "%20" * 100, {}, None, 404),
    "callback_bad_percent": ("GET", "/v1/callbacks/%zz", {}, None, 404),
    "callback_long": ("GET", "/v1/callbacks/" + "A" * 8000, {}, None, 404),
    "delete_unknown": ("DELETE", f"/v1/tasks/{MISSING_ID}", {}, None, 404),
    "below_task": ("GET", f"/v1/tasks/{MISSING_ID}/nothing", {}, None, 404),
    "function_unknown": ("GET", "/v1/functions/nobody", {}, None, 404),
    "function_bad_name": ("GET", "/v1/functions/a%00", {}, None, 404),
    "executor_unknown": ("GET", "/v1/executors/nobody", {}, None, 404),
    "executor_delete_unknown": ("DELETE", "/v1/executors/nobody", {}, None, 404),
    "executor_delete_default": ("DELETE", "/v1/executors/default", {}, None, 409),
    "executor_bad_percent": ("GET", "/v1/executors/a%zz", {}, None, 404),
    "executor_long": ("DELETE", "/v1/executors/" + "x" * 101, {}, None, 404),
    "executor_name_digit": ("PUT", "/v1/executors/1st", {}, JSON, 422),
    "executor_name_nul": ("PUT", "/v1/executors/a%00", {}, JSON, 422),
    "post_executors": ("POST", "/v1/executors", {}, JSON, 405),
    "post_executor": ("POST", "/v1/executors/a", {}, JSON, 405),
    "put_function": ("PUT", "/v1/functions/noop", {}, JSON, 405),
    "delete_functions": ("DELETE", "/v1/functions", {}, None, 405),
    "executor_type_text": ("PUT", "/v1/executors/a", {"Content-Type": "text/plain"}, b"{}", 415),
    "executors_parameter": ("GET", "/v1/executors?limit=1", {}, None, 400),
    "functions_parameter": ("GET", "/v1/functions?x=1", {}, None, 400),
    "coroutine_unknown": ("GET", "/v1/coroutines/nobody", {}, None, 404),
    "coroutine_delete_unknown": ("DELETE", "/v1/coroutines/nobody", {}, None, 404),
    "coroutine_bad_name": ("GET", "/v1/coroutines/1st", {}, None, 404),
    "coroutine_bad_percent": ("GET", "/v1/coroutines/a%zz", {}, None, 404),
    "coroutine_nul": ("GET", "/v1/coroutines/a%00", {}, None, 404),
    "coroutine_not_utf8": ("GET", "/v1/coroutines/%ff", {}, None, 404),
    "coroutine_slash": ("GET", "/v1/coroutines/a%2fb", {}, None, 404),
    "coroutine_dots": ("GET", "/v1/coroutines/..", {}, None, 404),
    "coroutine_long": ("DELETE", "/v1/coroutines/" + "x" * 101, {}, None, 404),
    "coroutine_no_name": ("PUT", "/v1/coroutines/", {}, JSON, 404),
    "coroutine_below": ("GET", "/v1/coroutines/a/b", {}, None, 404),
    "loop_unknown": ("GET", "/v1/loops/nowhere", {}, None, 404),
    "loop_bad_name": ("GET", "/v1/loops/%20", {}, None, 404),
    "loop_delete_unknown": ("DELETE", "/v1/loops/nowhere", {}, None, 404),
    "loop_handler_unknown": ("PUT", "/v1/loops/nowhere/exception-handler", {}, b'{"url":null}', 404),
    "loop_run_unknown": ("POST", "/v1/loops/nowhere/run_until_complete", {}, JSON, 404),
    "loop_run_bad_name": ("POST", "/v1/loops/1st/run_until_complete", {}, JSON, 404),
    # tasks under ids of their clients
    "task_no_condition": ("PUT", f"/v1/tasks/{MISSING_ID}", {}, JSON, 428),
    "task_other_condition": ("PUT", f"/v1/tasks/{MISSING_ID}", {"If-None-Match": '"a"'}, JSON, 428),
    "task_exists": ("PUT", "/v1/tasks/{id}", {"If-None-Match": "*"}, JSON, 412),
    "task_id_short": ("PUT", "/v1/tasks/17", {"If-None-Match": "*"}, JSON, 422),
    "task_id_version": ("PUT", "/v1/tasks/f81d4fae-7dec-11d0-a765-00a0c91e6bf6", {"If-None-Match": "*"}, JSON, 422),
    "task_type_text": ("PUT", f"/v1/tasks/{MISSING_ID}", {"If-None-Match": "*", "Content-Type": "text/plain"}, b"{}", 415),
    "task_array": ("PUT", f"/v1/tasks/{MISSING_ID}", {"If-None-Match": "*"}, b"[]", 422),
    "task_no_json": ("PUT", f"/v1/tasks/{MISSING_ID}", {"If-None-Match": "*"}, b"{", 400),
    # idempotency keys
    "key_empty": ("POST", "/v1/tasks", {"Idempotency-Key": ""}, JSON, 400),
    "key_long": ("POST", "/v1/tasks", {"Idempotency-Key": "x" * 256}, JSON, 400),
    "key_quote": ("POST", "/v1/groups", {"Idempotency-Key": '"a'}, b"{}", 400),
    # names of definitions
    "name_digit": ("PUT", "/v1/coroutines/1st", {}, JSON, 422),
    "name_dash": ("PUT", "/v1/coroutines/-a", {}, JSON, 422),
    "name_dot": ("PUT", "/v1/coroutines/.a", {}, JSON, 422),
    "name_blank": ("PUT", "/v1/coroutines/a%20b", {}, JSON, 422),
    "name_plus": ("PUT", "/v1/coroutines/a+b", {}, JSON, 422),
    "name_slash": ("PUT", "/v1/coroutines/a%2Fb", {}, JSON, 422),
    "name_accent": ("PUT", "/v1/coroutines/a%C3%B1o", {}, JSON, 422),
    "name_nul": ("PUT", "/v1/coroutines/a%00", {}, JSON, 422),
    "name_bad_percent": ("PUT", "/v1/coroutines/a%", {}, JSON, 422),
    "name_not_utf8": ("PUT", "/v1/coroutines/%ff", {}, JSON, 422),
    "name_long": ("PUT", "/v1/coroutines/" + "x" * 101, {}, JSON, 422),
    "group_unknown": ("GET", f"/v1/groups/{MISSING_ID}", {}, None, 404),
    "group_no_id": ("GET", "/v1/groups/17", {}, None, 404),
    "group_is_a_task": ("GET", "/v1/groups/{id}", {}, None, 404),
    "group_wait_unknown": ("GET", f"/v1/groups/{MISSING_ID}?wait=30", {}, None, 404),
    "group_delete_unknown": ("DELETE", f"/v1/groups/{MISSING_ID}", {}, None, 404),
    "group_close_unknown": ("POST", f"/v1/groups/{MISSING_ID}/close", {}, None, 404),
    "group_cancel_unknown": ("POST", f"/v1/groups/{MISSING_ID}/cancel", {}, None, 404),
    "group_tasks_unknown": ("POST", f"/v1/groups/{MISSING_ID}/tasks", {}, JSON, 404),
    "task_is_a_group": ("GET", "/v1/tasks/{group}", {}, None, 404),
    "below_group": ("POST", f"/v1/groups/{MISSING_ID}/reschedule", {}, JSON, 404),
    # 405
    "post_coroutines": ("POST", "/v1/coroutines", {}, JSON, 405),
    "delete_coroutines": ("DELETE", "/v1/coroutines", {}, None, 405),
    "post_coroutine": ("POST", "/v1/coroutines/a", {}, JSON, 405),
    "put_loops": ("PUT", "/v1/loops", {}, JSON, 405),
    "put_loop": ("PUT", "/v1/loops/main", {}, JSON, 405),
    "get_handler": ("GET", "/v1/loops/main/exception-handler", {}, None, 405),
    "get_run": ("GET", "/v1/loops/main/run_until_complete", {}, None, 405),
    "delete_groups": ("DELETE", "/v1/groups", {}, None, 405),
    "put_group": ("PUT", f"/v1/groups/{MISSING_ID}", {}, b"{}", 405),
    "get_group_close": ("GET", f"/v1/groups/{MISSING_ID}/close", {}, None, 405),
    "get_group_cancel": ("GET", f"/v1/groups/{MISSING_ID}/cancel", {}, None, 405),
    "get_group_tasks": ("GET", f"/v1/groups/{MISSING_ID}/tasks", {}, None, 405),
    "put_tasks": ("PUT", "/v1/tasks", {}, JSON, 405),
    "delete_tasks": ("DELETE", "/v1/tasks", {}, None, 405),
    "patch_tasks": ("PATCH", "/v1/tasks", {}, JSON, 405),
    "post_task": ("POST", f"/v1/tasks/{MISSING_ID}", {}, JSON, 405),
    "patch_task": ("PATCH", f"/v1/tasks/{MISSING_ID}", {}, JSON, 405),
    "get_cancel": ("GET", f"/v1/tasks/{MISSING_ID}/cancel", {}, None, 405),
    "delete_cancel": ("DELETE", f"/v1/tasks/{MISSING_ID}/cancel", {}, None, 405),
    "post_tree": ("POST", f"/v1/tasks/{MISSING_ID}/tree", {}, b"", 405),
    "get_future": ("GET", f"/v1/tasks/{MISSING_ID}/futures/f", {}, None, 405),
    "delete_callback": ("DELETE", "/v1/callbacks/AAAA", {}, None, 405),
    "delete_log": ("DELETE", f"/v1/tasks/{MISSING_ID}/log", {}, None, 405),
    "post_health": ("POST", "/healthz", {}, b"", 405),
    "delete_ready": ("DELETE", "/readyz", {}, None, 405),
    "put_contract": ("PUT", "/openapi.yaml", {}, b"x", 405),
    "trace": ("TRACE", "/v1/tasks", {}, None, 405),
    "connect": ("CONNECT", "/v1/tasks", {}, None, 405),
    "unknown_method": ("BREW", "/v1/tasks", {}, None, 405),
    "lower_case_method": ("get", "/v1/tasks", {}, None, 405),
    # 415
    "type_text": tasks({"Content-Type": "text/plain"}, 415),
    "type_yaml": tasks({"Content-Type": "application/yaml"}, 415),
    "type_xml": tasks({"Content-Type": "application/xml"}, 415),
    "type_multipart": tasks({"Content-Type": "multipart/form-data; boundary=x"}, 415),
    "type_jsonp": tasks({"Content-Type": "application/jsonp"}, 415),
    "type_json_prefix": tasks({"Content-Type": "application/json-seq"}, 415),
    "type_in_parameter": tasks({"Content-Type": "text/plain; x=application/json"}, 415),
    "type_empty": tasks({"Content-Type": ""}, 415),
    "type_none": tasks({"Content-Type": None}, 415),
    "definition_type_text": ("PUT", "/v1/coroutines/a", {"Content-Type": "text/plain"}, b"{}", 415),
    "definition_type_none": ("PUT", "/v1/coroutines/a", {"Content-Type": None}, b"{}", 415),
    "loop_type_text": ("POST", "/v1/loops", {"Content-Type": "text/plain"}, b"{}", 415),
    "handler_type_text": ("PUT", "/v1/loops/main/exception-handler", {"Content-Type": "text/plain"}, b"{}", 415),
    "group_type_text": ("POST", "/v1/groups", {"Content-Type": "text/plain"}, b"{}", 415),
    "group_tasks_type_text": ("POST", "/v1/groups/{group}/tasks", {"Content-Type": "text/plain"}, JSON, 415),
    "future_type_text": ("POST", "/v1/tasks/{id}/futures/f", {"Content-Type": "text/plain"}, b"{}", 415),
    "callback_type_text": ("POST", "/v1/callbacks/AAAA", {"Content-Type": "text/plain"}, b"{}", 415),
    "cancel_type_text": ("POST", "/v1/tasks/{id}/cancel", {"Content-Type": "text/plain"}, b"{}", 415),
    # 403: foreign pages and foreign names
    "origin": tasks({"Origin": "http://evil.example"}, 403),
    "origin_null": tasks({"Origin": "null"}, 403),
    "origin_like_local": tasks({"Origin": "http://127.0.0.1.evil.example"}, 403),
    "origin_on_get": ("GET", "/v1/tasks", {"Origin": "https://evil.example"}, None, 403),
    "site_cross": tasks({"Sec-Fetch-Site": "cross-site"}, 403),
    "site_cross_on_get": ("GET", "/v1/tasks", {"Sec-Fetch-Site": "cross-site"}, None, 403),
    "host_foreign": tasks({"Host": "evil.example"}, 403),
    "host_foreign_port": tasks({"Host": "evil.example:8080"}, 403),
    "host_like_local": tasks({"Host": "localhost.evil.example"}, 403),
    "host_local_prefix": tasks({"Host": "127.0.0.1.evil.example"}, 403),
    "host_user": tasks({"Host": "localhost@evil.example"}, 403),
    "host_other_address": tasks({"Host": "10.0.0.1"}, 403),
    "host_any_address": tasks({"Host": "0.0.0.0"}, 403),
    "host_on_health": ("GET", "/healthz", {"Host": "evil.example"}, None, 403),
    # queries
    "future_query": ("POST", "/v1/tasks/{id}/futures/f?wait=1", {}, b'{"result":1}', 400),
    "callback_query": ("GET", "/v1/callbacks/AAAA?wait=1", {}, None, 400),
    "callback_post_query": ("POST", "/v1/callbacks/AAAA?wait=1", {}, b'{"result":1}', 400),
    "limit_zero": ("GET", "/v1/tasks?limit=0", {}, None, 422),
    "limit_too_large": ("GET", "/v1/tasks?limit=1001", {}, None, 422),
    "limit_negative": ("GET", "/v1/tasks?limit=-1", {}, None, 422),
    "limit_word": ("GET", "/v1/tasks?limit=ten", {}, None, 422),
    "limit_empty": ("GET", "/v1/tasks?limit=", {}, None, 422),
    "limit_real": ("GET", "/v1/tasks?limit=1.5", {}, None, 422),
    "limit_overflow": ("GET", "/v1/tasks?limit=18446744073709551617", {}, None, 422),
    "limit_twice": ("GET", "/v1/tasks?limit=1&limit=2", {}, None, 400),
    "state_unknown": ("GET", "/v1/tasks?state=done", {}, None, 422),
    "state_empty": ("GET", "/v1/tasks?state=", {}, None, 422),
    "label_without_value": ("GET", "/v1/tasks?label=team", {}, None, 422),
    "cursor_unknown": ("GET", "/v1/tasks?cursor=abc", {}, None, 422),
    "query_bad_percent": ("GET", "/v1/tasks?name=%zz", {}, None, 400),
    "query_cut_percent": ("GET", "/v1/tasks?name=%4", {}, None, 400),
    "query_nul": ("GET", "/v1/tasks?name=a%00b", {}, None, 400),
    "query_not_utf8": ("GET", "/v1/tasks?name=%ff", {}, None, 400),
    "coroutines_limit": ("GET", "/v1/coroutines?limit=0", {}, None, 422),
    "coroutines_cursor": ("GET", "/v1/coroutines?cursor=a/b", {}, None, 422),
    "coroutines_no_cursor": ("GET", "/v1/coroutines?cursor=", {}, None, 422),
    "run_wait": ("POST", "/v1/loops/main/run_until_complete?wait=3601", {}, JSON, 422),
    "coroutine_with_a_body": ("DELETE", "/v1/coroutines/a", {}, b"{}", 400),
    "get_with_a_body": ("GET", "/v1/tasks", {}, b"{}", 400),
    "delete_with_a_body": ("DELETE", f"/v1/tasks/{MISSING_ID}", {}, b"{}", 400),
    "wait_too_long": ("GET", "/v1/tasks/{id}?wait=3601", {}, None, 422),
    "query_unknown": ("GET", "/v1/tasks?stat=running", {}, None, 400),
    "wait_word": ("GET", "/v1/tasks/{id}?wait=long", {}, None, 422),
    "wait_negative": ("GET", "/v1/tasks/{id}?wait=-1", {}, None, 422),
    "wait_nan": ("GET", "/v1/tasks/{id}?wait=nan", {}, None, 422),
    "wait_infinite": ("GET", "/v1/tasks/{id}?wait=inf", {}, None, 422),
    "wait_on_post": ("POST", "/v1/tasks?wait=x", {}, JSON, 422),
    "after_word": ("GET", "/v1/tasks/{id}/log?after=x", {}, None, 422),
    "after_negative": ("GET", "/v1/tasks/{id}/log?after=-1", {}, None, 422),
    "group_state_unknown": ("GET", "/v1/groups?state=running", {}, None, 422),
    "group_state_empty": ("GET", "/v1/groups?state=", {}, None, 422),
    "groups_limit_zero": ("GET", "/v1/groups?limit=0", {}, None, 422),
    "groups_cursor": ("GET", "/v1/groups?cursor=abc", {}, None, 422),
    "groups_query_unknown": ("GET", "/v1/groups?name=a", {}, None, 400),
    "groups_post_query": ("POST", "/v1/groups?wait=1", {}, b"{}", 400),
    "group_limit_zero": ("GET", "/v1/groups/{group}?limit=0", {}, None, 422),
    "group_cursor": ("GET", "/v1/groups/{group}?cursor=1", {}, None, 422),
    "group_wait_word": ("GET", "/v1/groups/{group}?wait=long", {}, None, 422),
    "group_query_unknown": ("GET", "/v1/groups/{group}?stat=open", {}, None, 400),
    "group_close_wait_word": ("POST", "/v1/groups/{group}/close?wait=x", {}, None, 422),
    "group_close_query": ("POST", "/v1/groups/{group}/close?force=1", {}, None, 400),
    "group_cancel_query": ("POST", "/v1/groups/{group}/cancel?wait=1", {}, None, 400),
    "group_cancel_message": ("POST", "/v1/groups/{group}/cancel", {}, b'{"message":1}', 422),
    "group_cancel_no_json": ("POST", "/v1/groups/{group}/cancel", {}, b"now", 400),
    "group_tasks_wait_word": ("POST", "/v1/groups/{group}/tasks?wait=x", {}, JSON, 422),
    "group_tasks_no_json": ("POST", "/v1/groups/{group}/tasks", {}, b"{", 400),
    "group_tasks_no_spec": ("POST", "/v1/groups/{group}/tasks", {}, b"{}", 422),
    "group_tasks_group": ("POST", "/v1/groups/{group}/tasks", {}, b'{"group":null,"spec":{"op":"value","value":1}}', 422),
    "task_with_group": tasks({}, 422, b'{"group":"x","spec":{"op":"value","value":1}}'),
    "log_limit_zero": ("GET", "/v1/tasks/{id}/log?limit=0", {}, None, 422),
    "follow_word": ("GET", "/v1/tasks/{id}/log?follow=yes", {}, None, 422),
    "follow_two": ("GET", "/v1/tasks/{id}/log?follow=2", {}, None, 422),
    "follow_with_limit": ("GET", "/v1/tasks/{id}/log?follow=1&limit=10", {}, None, 422),
    "follow_after_word": ("GET", "/v1/tasks/{id}/log?follow=1&after=last", {}, None, 422),
    "follow_unknown": ("GET", f"/v1/tasks/{MISSING_ID}/log?follow=1", {}, None, 404),
    "follow_no_id": ("GET", "/v1/tasks/17/log?follow=1", {}, None, 404),
    "follow_misspelt": ("GET", "/v1/tasks/{id}/log?folow=1", {}, None, 400),
    "stdin_unknown": ("POST", f"/v1/tasks/{MISSING_ID}/stdin", {}, b"x", 404),
    "stdin_no_id": ("POST", "/v1/tasks/17/stdin", {}, b"x", 404),
    "stdin_of_no_process": ("POST", "/v1/tasks/{id}/stdin", {}, b"x", 409),
    "stdin_of_nobody": ("POST", "/v1/tasks/{id}/stdin?name=nobody", {}, b"x", 404),
    "stdin_nothing_of_nobody": ("POST", "/v1/tasks/{id}/stdin?name=nobody", {}, None, 404),
    "stdin_large_of_nobody": ("POST", "/v1/tasks/{id}/stdin?name=nobody", {}, b"x" * 1000000, 404),
    "stdin_close_word": ("POST", "/v1/tasks/{id}/stdin?close=yes", {}, b"x", 422),
    "stdin_query": ("POST", "/v1/tasks/{id}/stdin?closes=1", {}, b"x", 400),
    "stdin_get": ("GET", "/v1/tasks/{id}/stdin", {}, None, 405),
    "stdin_put": ("PUT", "/v1/tasks/{id}/stdin", {}, b"x", 405),
    "stdin_foreign": ("POST", "/v1/tasks/{id}/stdin", {"Origin": "http://evil.example"}, b"x", 403),
    "signal_unknown": ("POST", f"/v1/tasks/{MISSING_ID}/signal", {}, b"{}", 404),
    "signal_to_no_process": ("POST", "/v1/tasks/{id}/signal", {}, None, 409),
    "signal_to_nobody": ("POST", "/v1/tasks/{id}/signal", {}, b'{"name":"nobody"}', 404),
    "signal_no_json": ("POST", "/v1/tasks/{id}/signal", {}, b"SIGINT", 400),
    "signal_array": ("POST", "/v1/tasks/{id}/signal", {}, b"[9]", 422),
    "signal_zero": ("POST", "/v1/tasks/{id}/signal", {}, b'{"signal":0}', 422),
    "signal_too_large": ("POST", "/v1/tasks/{id}/signal", {}, b'{"signal":4294967305}', 422),
    "signal_negative": ("POST", "/v1/tasks/{id}/signal", {}, b'{"signal":-9}', 422),
    "signal_word": ("POST", "/v1/tasks/{id}/signal", {}, b'{"signal":"INT"}', 422),
    "signal_null": ("POST", "/v1/tasks/{id}/signal", {}, b'{"signal":null}', 422),
    "signal_name_number": ("POST", "/v1/tasks/{id}/signal", {}, b'{"name":1}', 422),
    "signal_member": ("POST", "/v1/tasks/{id}/signal", {}, b'{"sig":9}', 422),
    "signal_query": ("POST", "/v1/tasks/{id}/signal?signal=9", {}, None, 400),
    "signal_type": ("POST", "/v1/tasks/{id}/signal", {"Content-Type": "text/plain"}, b"{}", 415),
    "signal_get": ("GET", "/v1/tasks/{id}/signal", {}, None, 405),
}

# ---- bytes on the wire; one answer each, and the connection is closed. name: (bytes, status) ----


def wire(head, *lines, body=b"", host=b"Host: localhost", ends=b"\r\n"):
    return ends.join([head, *([host] if host else []), *lines]) + 2 * ends + body


POST = b"POST /v1/tasks HTTP/1.1"
GET = b"GET /v1/tasks HTTP/1.1"
TYPE = b"Content-Type: application/json"
CLOSE = b"Connection: close"
CHUNKED = b"Transfer-Encoding: chunked"
SMUGGLED = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n"
LENGTH = b"Content-Length: %d" % len(JSON)


END = b"0\r\n\r\n"  # of chunks


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


FRAMING = {
    # two ways to say where the body ends
    "te_and_cl": (wire(POST, TYPE, CHUNKED, b"Content-Length: 4", body=b"0\r\n\r\n" + SMUGGLED), 400),
    "cl_and_te": (wire(POST, TYPE, b"Content-Length: 4", CHUNKED, body=b"0\r\n\r\n" + SMUGGLED), 400),
    "cl_twice": (wire(POST, TYPE, b"Content-Length: 0", LENGTH, body=JSON), 400),
    "cl_twice_equal": (wire(POST, TYPE, LENGTH, LENGTH, body=JSON), 400),
    "cl_space_before_colon": (wire(POST, TYPE, b"Content-Length : 5", body=b"12345" + SMUGGLED), 400),
    "te_space_before_colon": (wire(POST, TYPE, b"Transfer-Encoding : chunked", body=chunk(JSON) + END), 400),
    "header_space_before_colon": (wire(GET, b"X-Any : 1"), 400),
    "te_identity": (wire(POST, TYPE, b"Transfer-Encoding: identity", body=JSON), 400),
    "te_gzip": (wire(POST, TYPE, b"Transfer-Encoding: gzip, chunked", body=chunk(JSON) + END), 400),
    "te_unknown": (wire(POST, TYPE, b"Transfer-Encoding: xchunked", body=chunk(JSON) + END), 400),
    "te_twice": (wire(POST, TYPE, CHUNKED, CHUNKED, body=chunk(JSON) + END), 400),
    "te_twice_differing": (wire(POST, TYPE, CHUNKED, b"Transfer-Encoding: identity", body=chunk(JSON) + END), 400),
    "te_on_get": (wire(GET, b"Transfer-Encoding: identity", body=SMUGGLED), 400),
    "te_in_http_1_0": (wire(b"POST /v1/tasks HTTP/1.0", TYPE, CHUNKED, body=chunk(JSON) + END), 400),
    "te_folded": (wire(POST, TYPE, b"Transfer-Encoding:\r\n chunked", body=chunk(JSON) + END), 411),
    "cl_folded": (wire(POST, TYPE, b"Content-Length:\r\n 33", body=JSON), 411),
    # a body that is used as it comes
    "stdin_of_nobody": (wire(b"POST /v1/tasks/%s/stdin HTTP/1.1" % MISSING_ID.encode(), CHUNKED, body=chunk(b"x")), 404),
    "stdin_bad_query": (wire(b"POST /v1/tasks/%s/stdin?a=1 HTTP/1.1" % MISSING_ID.encode(), CHUNKED), 400),
    # heads
    "host_twice": (wire(GET, b"Host: evil.example"), 400),
    "type_twice": (wire(POST, TYPE, b"Content-Type: text/plain", LENGTH, body=JSON), 400),
    "header_name_with_slash": (wire(GET, b"X/Y: 1"), 400),
    "header_name_in_utf8": (wire(GET, "X-é: 1".encode()), 400),
    "target_absolute_foreign": (wire(b"GET http://evil.example/v1/tasks HTTP/1.1", CLOSE), 403),
    "target_absolute_user": (wire(b"GET http://localhost@evil.example/v1/tasks HTTP/1.1", CLOSE), 403),
    "target_absolute_port": (wire(b"GET http://localhost:80@evil.example/v1/tasks HTTP/1.1", CLOSE), 403),
    "target_asterisk": (wire(b"GET * HTTP/1.1", CLOSE), 404),
    "target_relative": (wire(b"GET v1/tasks HTTP/1.1", CLOSE), 404),
    "target_https": (wire(b"GET https://localhost/v1/tasks HTTP/1.1", CLOSE), 404),
    "host_empty": (wire(GET, CLOSE, host=b"Host:"), 403),
    "host_missing_in_http_1_0": (wire(b"GET /v1/tasks HTTP/1.0", host=None), 403),
    # lengths
    "length_missing": (wire(POST, TYPE), 411),
    "length_missing_chunks_misspelt": (wire(POST, TYPE, b"Transfer-Encodin: chunked", body=chunk(JSON) + END), 411),
    "too_large": (wire(POST, TYPE, b"Content-Length: %d" % (LARGEST_BODY + 1)), 413),
    "too_large_by_far": (wire(POST, TYPE, b"Content-Length: 9223372036854775807"), 413),
    "too_large_expecting": (wire(POST, TYPE, b"Content-Length: %d" % (LARGEST_BODY + 1), b"Expect: 100-continue"), 413),
    "too_large_and_sent": (wire(POST, TYPE, b"Content-Length: %d" % (LARGEST_BODY + 1), body=b" " * 3_000_000), 413),
}

# libmicrohttpd 0.9.75 answers these itself, in HTML, before a handler of ours is called. Of some it writes
# the head twice.
BY_THE_LIBRARY = {
    "cl_list": (wire(POST, TYPE, b"Content-Length: 5, 5", body=b"12345" + SMUGGLED), 400),
    "cl_plus": (wire(POST, TYPE, b"Content-Length: +5", body=b"12345" + SMUGGLED), 400),
    "cl_minus": (wire(POST, TYPE, b"Content-Length: -5", body=b"12345"), 400),
    "cl_hexadecimal": (wire(POST, TYPE, b"Content-Length: 0x5", body=b"12345"), 400),
    "cl_word": (wire(POST, TYPE, b"Content-Length: five", body=b"12345"), 400),
    "cl_empty": (wire(POST, TYPE, b"Content-Length:", body=b""), 400),
    "cl_overflow": (wire(POST, TYPE, b"Content-Length: 18446744073709551617"), 413),
    "chunk_size_word": (wire(POST, TYPE, CHUNKED, body=b"zz\r\n" + JSON + b"\r\n" + END), 400),
    "chunk_size_empty": (wire(POST, TYPE, CHUNKED, body=b"\r\n" + JSON + b"\r\n" + END), 400),
    "chunk_size_prefixed": (wire(POST, TYPE, CHUNKED, body=b"0x5\r\n12345\r\n" + END), 400),
    "chunk_size_negative": (wire(POST, TYPE, CHUNKED, body=b"-5\r\n12345\r\n" + END), 400),
    "chunk_size_overflow": (wire(POST, TYPE, CHUNKED, body=b"f" * 17 + b"\r\n12345\r\n" + END), 413),
    "chunk_without_end": (wire(POST, TYPE, CHUNKED, body=b"3\r\n12345\r\n" + END), 400),
    "chunk_broken_after_a_good_one": (wire(POST, TYPE, CHUNKED, body=chunk(JSON) + b"zz\r\n"), 400),
    "host_missing": (wire(GET, host=None), 400),
    "header_without_colon": (wire(GET, b"nonsense"), 400),
    "nul_in_header_name": (wire(GET, b"X-\x00A: b"), 400),
    "head_too_large": (wire(GET, b"X-A: " + b"a" * 70000), 431),
    "version_unknown": (wire(b"GET /v1/tasks HTTP/9.9"), 505),
    "version_missing": (wire(b"GET /v1/tasks"), 400),
    "version_2_preface": (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505),
}

# What it hands over as if nothing were wrong, so that nobody can tell. No more than the head is at stake: none of
# these says where a body ends.
UNSEEN = {
    "header_folded": (wire(GET, CLOSE, b"X-A: b\r\n c"), 200),
    "header_name_empty": (wire(GET, CLOSE, b": 1"), 200),
    "nul_in_header": (wire(GET, CLOSE, b"X-A: b\x00c"), 200),
    "bare_line_feeds": (wire(GET, CLOSE, ends=b"\n"), 200),
}


class Malformed(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.server = awaitd.Server()
        cls.addClassCleanup(cls.server.close)
        cls.task = cls.server.submit({"op": "sleep", "seconds": 3600})["id"]
        cls.group = cls.server.post("/v1/groups", {"name": "good"}).json["id"]

    @classmethod
    def tearDownClass(cls):
        tasks = cls.server.list("limit=1000")
        assert [task["id"] for task in tasks] == [cls.task], f"something bad was stored: {tasks}"
        assert tasks[0]["cancel_requested_at"] is None, "something bad was carried out"
        assert cls.server.get("/v1/coroutines").json["coroutines"] == [], "a bad definition was stored"
        loops = [(loop["name"], loop["exception_handler"]) for loop in cls.server.get("/v1/loops").json["loops"]]
        assert loops == [("main", None)], f"a bad loop was opened: {loops}"
        groups = cls.server.get("/v1/groups?limit=1000").json["groups"]
        assert [group["id"] for group in groups] == [cls.group], f"something bad was stored: {groups}"
        assert groups[0]["state"] == "open", "something bad was carried out"
        cls.server.stop()

    def submit(self, body):
        return self.server.post("/v1/tasks", body)

    def assert_faults(self, answer, pointers):
        self.assertEqual(answer.status, 422, answer)
        problem = answer.json
        self.assertEqual(sorted(fault["pointer"] for fault in problem["errors"]), sorted(pointers), problem)

    def not_json(self, body):
        answer = self.submit(body)
        self.assertEqual(answer.status, 400, answer)

    def invalid(self, row):
        body, pointers = row
        self.assert_faults(self.submit(json.dumps(body).encode()), pointers)

    def nearest(self, row):
        spec, name = row
        answer = self.submit({"spec": spec})
        self.assertEqual(answer.status, 422, answer)
        self.assertIn(f"'{name}'", answer.json["errors"][0]["detail"])
        self.assertIn(f"'{name}'", answer.json["detail"])

    def cancellation(self, row):
        body, status, pointers = row
        answer = self.server.post(f"/v1/tasks/{self.task}/cancel", body)
        self.assertEqual(answer.status, status, answer)
        if pointers:
            self.assert_faults(answer, pointers)

    def body(self, row):
        method, target, body, pointers = row
        answer = self.server.request(method, target, body if isinstance(body, bytes) else json.dumps(body).encode())
        if isinstance(body, bytes):
            self.assertEqual(answer.status, 400, answer)
        else:
            self.assert_faults(answer, pointers)

    def other(self, row):
        method, target, headers, body, status = row
        target = target.replace("{id}", self.task).replace("{group}", self.group)
        answer = self.server.request(method, target, body, headers)
        self.assertEqual(answer.status, status, answer)
        if status == 405:
            allowed = {method.strip() for method in answer.headers["Allow"].split(",")}
            self.assertEqual(allowed - {"HEAD", "OPTIONS"}, awaitd.contract().methods(target))

    def framing(self, row):
        data, status = row
        received = self.server.raw(data)
        answers = awaitd.read_answers(received)
        self.assertEqual([answer.status for answer in answers], [status], received)
        answer = answers[0]
        self.assertEqual(answer.headers.get("Content-Type"), "application/problem+json", received)
        self.assertEqual(answer.json["status"], status)
        self.assertEqual(awaitd.contract().faults("Problem", answer.json, awaitd.Contract.Response), [])

    def library(self, row):
        data, status = row
        received = self.server.raw(data)
        self.assertEqual(set(re.findall(rb"^HTTP/1\.1 (\d+)", received, re.MULTILINE)), {b"%d" % status}, received)
        self.assertEqual(received.count(b"<html>"), 1, received)

    def unseen(self, row):
        data, status = row
        received = self.server.raw(data)
        self.assertEqual([answer.status for answer in awaitd.read_answers(received)], [status], received)

    def test_not_http(self):
        """TLS, for instance: closed without a word."""
        self.assertEqual(self.server.raw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"), b"")

    def test_too_many_nodes(self):
        """The largest spec is cheap to refuse: it is written here once, as text."""
        leaf = b'{"op":"log","message":""}'
        body = spec(b'{"op":"gather","tasks":[' + b",".join([leaf] * MANY_NODES) + b"]}")
        self.assert_faults(self.submit(body), ["/spec"])

    def test_too_many_faults(self):
        """A hundred of them are named."""
        answer = self.submit({"spec": {"op": "gather", "tasks": [{"op": "sleep", "seconds": -1}] * 1000}})
        self.assert_faults(answer, [f"/spec/tasks/{i}/seconds" for i in range(100)])


def add_tests(kind, method, table):
    for name, row in table.items():
        def test(self, row=row):
            getattr(self, method)(row)
        setattr(Malformed, f"test_{kind}_{name}", test)


add_tests("not_json", "not_json", NOT_JSON)
add_tests("invalid", "invalid", INVALID)
add_tests("node", "invalid", {name: node(*row) for name, row in malformed_nodes.NODES.items()})
add_tests("nearest", "nearest", NEAREST)
add_tests("cancellation", "cancellation", CANCELLATIONS)
add_tests("body", "body", BODIES)
add_tests("request", "other", REQUESTS)
add_tests("framing", "framing", FRAMING)
add_tests("library", "library", BY_THE_LIBRARY)
add_tests("unseen", "unseen", UNSEEN)


if __name__ == "__main__":
    unittest.main()
