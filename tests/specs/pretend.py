"""The pretend server of tests/sim/outside_http.c, and what a client makes of its answers."""
import http
import json

from errors import exception_class, vague


class Request:
    def __init__(self, node):
        self.url = node["url"]
        if not self.url.startswith("http://sim/"):
            raise vague(ValueError)
        self.body = json.dumps(node["json"], ensure_ascii=False, separators=(",", ":")) if "json" in node else node.get("body")
        self.method = node.get("method", "GET" if self.body is None else "POST").upper()
        self.raises = node.get("raise_for_status", True)
        words = [word.partition("=")[::2] for word in self.url.partition("?")[2].split("&")]
        self.said = dict(words)
        self.headers = [value.split(":", 1) for name, value in words if name == "header"]
        timeout, self.after = node.get("timeout", 300), float(self.said.get("after", 0))
        self.is_late, self.timeout = self.after > timeout, timeout
        self.after = min(self.after, timeout)

    def fail(self, type, message):
        raise exception_class(type)(f"{message}: {self.url}")

    def answer(self):
        if self.is_late:
            self.fail("TimeoutError", f"no answer within {self.timeout} seconds")
        if "error" in self.said:
            self.fail(self.said["error"], "pretended")
        response = self.response()
        if response["status"] < 400 or not self.raises:
            return response
        status = http.HTTPStatus(response["status"])
        error = exception_class("HTTPStatusError")(f"{status.value} {status.phrase}: {self.url}")
        error.details = response
        raise error

    def response(self):
        body = self.said.get("json", self.said.get("body", ""))
        headers = [("Content-Type", "application/json")] * ("json" in self.said) + self.headers
        if "echo" in self.said:
            body = f"{self.method} {self.body or ''}"
        shown = {}
        for name, value in headers:
            shown.setdefault(name.lower(), []).append(value)
        shown = {name: values if name == "set-cookie" else ", ".join(values) for name, values in shown.items()}
        response = {"status": int(self.said.get("status", 200)), "url": self.url, "headers": shown, "body": body}
        if shown.get("content-type", "").startswith("application/json"):
            try:
                response["json"] = json.loads(body)
            except ValueError:
                pass
        return response
