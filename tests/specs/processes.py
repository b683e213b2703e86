"""What a job sees of a process that has ended."""
import base64
import signal


def text_of(name, part, data):
    try:
        return {name + part: data.decode()}
    except UnicodeDecodeError:
        return {f"{name}{part}_base64": base64.b64encode(data).decode()}


def without_cut_ends(head, tail):
    """The letters that the cuts went through are dropped, where that leaves text."""
    for kept in range(len(head), max(len(head) - 4, -1), -1):
        if "_base64" not in str(text_of("", "", head[:kept])):
            head = head[:kept]
            break
    for skipped in range(4):
        if "_base64" not in str(text_of("", "", tail[skipped:])):
            tail = tail[skipped:]
            break
    return head, tail


def output(name, text, limit):
    data = text.encode()
    if len(data) <= limit:
        return text_of(name, "", data)
    head, tail = without_cut_ends(data[:limit - limit // 2], data[len(data) - limit // 2:])
    return {**text_of(name, "", head), **text_of(name, "_tail", tail),
            f"{name}_dropped": len(data) - len(head) - len(tail)}


def signal_name(number):
    try:
        name = signal.Signals(number).name
    except ValueError:
        name = ""
    return name if name and not name.startswith("SIGRT") else f"SIGRTMIN+{number - signal.SIGRTMIN}"


def process_result(returncode, printed, limit):
    result = {"returncode": returncode}
    if returncode < 0:
        result["signal"] = signal_name(-returncode)
    for name, text in printed.items():
        result |= output(name, text, limit)
    return result
