"""The op http, against a server that does well or badly as it is asked to (web.py)."""

import base64
import collections
import os
import re
import socket
import threading
import unittest

import awaitd
import web


def http(url, **fields):
    return {"op": "http", "url": url, **fields}


def sockets_of(pid):
    """How many connections a process has."""
    folder, n = f"/proc/{pid}/fd", 0
    for fd in os.listdir(folder):
        try:
            n += os.readlink(f"{folder}/{fd}").startswith("socket:")
        except FileNotFoundError:
            pass
    return n


class TestCase(unittest.TestCase):
    maxDiff = 4000

    @classmethod
    def setUpClass(cls):
        cls.web = web.Web()
        cls.server = awaitd.Server(env={"http_proxy": "http://127.0.0.1:1", "all_proxy": "http://127.0.0.1:1"})

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None)
        cls.web.__exit__()

    def fetch(self, path, **fields):
        task = self.server.run(http(self.web.url + path, **fields))
        self.assertEqual(task["state"], "succeeded", task)
        return task["result"]

    def fail_to(self, path, **fields):
        return self.fail_to_get(self.web.url + path, **fields)

    def fail_to_get(self, url, server=None, **fields):
        task = (server or self.server).run(http(url, **fields))
        self.assertEqual(task["state"], "failed", task)
        return task["error"]

    def assert_error(self, error, type, message):
        self.assertEqual((error["type"], error["message"]), (type, message))


class Requests(TestCase):
    def echo(self, **fields):
        sent = self.fetch("/echo?a=%20b", **fields)["json"]
        sent["headers"] = {name.lower(): value for name, value in sent["headers"]}
        return sent

    def test_get(self):
        task = self.server.run(http(self.web.url + "/echo?a=%20b"))
        sent = task["result"]["json"]
        headers = {name.lower(): value for name, value in sent["headers"]}
        digits = task["id"].replace("-", "")
        self.assertEqual((sent["method"], sent["target"], sent["body"]), ("GET", "/echo?a=%20b", ""))
        self.assertTrue(headers.pop("user-agent").startswith("awaitd/"))
        self.assertIn("gzip", headers.pop("accept-encoding"))
        self.assertEqual(headers, {"host": self.web.authority, "accept": "*/*", "traceparent": f"00-{digits}-{digits[16:]}-01"})

    def test_trace(self):
        trace = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
        spec = http(self.web.url + "/echo")

        def run(header, **fields):
            answer = self.server.request("POST", "/v1/tasks?wait=60", {"spec": spec, **fields}, {"traceparent": header})
            task = answer.json
            sent = {name.lower(): value for name, value in task["result"]["json"]["headers"]}
            return task["labels"], sent["traceparent"]

        self.assertEqual(run(trace), ({"traceparent": trace}, trace))
        self.assertEqual(run(trace, labels={"a": "b"}), ({"a": "b", "traceparent": trace}, trace))
        labels, sent = run("00-what-ever-01", labels={"a": "b"})
        self.assertEqual(labels, {"a": "b"})
        self.assertNotIn("what", sent)
        own = trace.replace("-00", "-01")
        self.assertEqual(run(trace, labels={"traceparent": own}), ({"traceparent": own}, own))
        self.assertEqual(self.server.submit(spec)["labels"], {})

    def test_json(self):
        sent = self.echo(json={"a": [1, None, "ñ"]})
        self.assertEqual((sent["method"], sent["body"]), ("POST", '{"a":[1,null,"ñ"]}'))
        self.assertEqual(sent["headers"]["content-type"], "application/json")

    def test_text(self):
        sent = self.echo(method="put", body="año")
        self.assertEqual((sent["method"], sent["body"]), ("PUT", "año"))
        self.assertEqual((sent["headers"]["content-type"], sent["headers"]["content-length"]),
                         ("text/plain; charset=utf-8", "4"))

    def test_a_large_body(self):
        self.assertEqual(self.echo(body="x" * 2_000_000)["body"], "x" * 2_000_000)

    def test_empty_body(self):
        for method in "POST", "PUT", "PATCH":
            sent = self.echo(method=method)
            self.assertEqual(sent["headers"]["content-length"], "0")
            self.assertNotIn("content-type", sent["headers"])

    def test_methods(self):
        for method in "DELETE", "OPTIONS", "PROPFIND":
            sent = self.echo(method=method)
            self.assertEqual(sent["method"], method)
            self.assertNotIn("content-length", sent["headers"])
        self.assertEqual(self.echo(method="delete", json=1)["body"], "1")
        result = self.fetch("/chunked", method="HEAD")
        self.assertEqual((result["status"], result["body"]), (200, ""))

    def test_headers(self):
        sent = self.echo(json=1, headers={"Content-Type": "application/x-own", "X-Empty": "", "User-Agent": "me",
                                          "Host": "example.com", "Accept": "a", "traceparent": "00-1-2-00", "X-ñ".replace("ñ", "n"): "ñ"})
        headers = sent["headers"]
        self.assertEqual([headers[n] for n in ("content-type", "x-empty", "user-agent", "host", "accept", "traceparent")],
                         ["application/x-own", "", "me", "example.com", "a", "00-1-2-00"])
        self.assertEqual(headers["x-n"].encode("latin-1").decode(), "ñ")

    def test_user_and_password(self):
        url = self.web.url.replace("//", "//user:pass%21@")
        result = self.server.run(http(url + "/echo"))["result"]
        headers = dict(result["json"]["headers"])
        self.assertEqual(base64.b64decode(headers["Authorization"].split()[1]), b"user:pass!")
        self.assertEqual(result["url"], self.web.url + "/echo")
        self.assert_error(self.fail_to_get(url + "/nothing"), "HTTPStatusError", f"404 Not Found: {self.web.url}/nothing")

    def test_header_from_a_reference_with_a_line_break(self):
        before = self.web.count()
        task = self.server.run({"op": "sequence", "steps": [
            {"op": "value", "name": "a", "value": "b\r\nX-Evil: 1"}, http(self.web.url + "/echo", headers={"X-A": "${a}"})]})
        self.assertEqual((task["error"]["type"], task["error"]["path"]), ("ValueError", "/steps/1"))
        self.assertEqual(self.web.count()["requests"], before["requests"])

    def test_a_null_character_from_a_reference(self):
        """It does not end what it stands in."""
        for field, node in (("headers", http(self.web.url + "/echo", headers={"X-A": "${a.body}"})),
                            ("argv", {"op": "subprocess", "argv": ["echo", "${a.body}"]}),
                            ("env", {"op": "subprocess", "argv": ["env"], "env": {"A": "${a.body}"}})):
            task = self.server.run({"op": "sequence", "steps": [http(self.web.url + "/null", name="a"), node]})
            self.assert_error(task["error"], "ValueError", f"'{field}' has a null character")


class Responses(TestCase):
    def test_chunked(self):
        self.assertEqual(self.fetch("/chunked"), {
            "status": 200, "url": self.web.url + "/chunked", "headers": {"transfer-encoding": "chunked"}, "body": "hello, world"})

    def test_gzip(self):
        result = self.fetch("/gzip")
        self.assertEqual((result["body"], result["json"]), ('{"a": "zipped"}', {"a": "zipped"}))

    def test_bytes(self):
        result = self.fetch("/bytes")
        self.assertNotIn("body", result)
        self.assertEqual(base64.b64decode(result["body_base64"]), b"\xff\x00\xfe")

    def test_headers(self):
        headers = self.fetch("/headers")["headers"]
        del headers["content-length"]
        self.assertEqual(headers, {"x-a": "1, 2", "x-empty": "", "x-latin": "mañana", "set-cookie": ["a=1, b", "c=2"]})

    def test_status(self):
        error = self.fail_to("/status?status=418&body=short")
        self.assert_error(error, "HTTPStatusError", f"418: {self.web.url}/status?status=418&body=short")
        self.assertEqual((error["details"]["status"], error["details"]["body"]), (418, "short"))
        self.assertEqual(self.fetch("/status?status=500&body=oh", raise_for_status=False)["body"], "oh")

    def test_of_an_error_the_head(self):
        for mib in 1, 8:  # the second is more than max_body
            details = self.fail_to(f"/huge?status=500&mib={mib}")["details"]
            self.assertEqual(base64.b64decode(details["body_base64"]), web.HUGE[:4096])
            self.assertGreaterEqual(details["body_dropped"], (1 << 20) - 4096)

    def test_too_large(self):
        for path, most in ("/huge?mib=1", (1 << 20) - 1), ("/endless", 4 << 20), ("/bomb", 4 << 20):
            fields = {} if most == 4 << 20 else {"max_body": most}
            self.assert_error(self.fail_to(path, **fields), "BodyTooLarge",
                              f"the body is larger than max_body, {most} bytes: {self.web.url}{path}")
        self.assertEqual(base64.b64decode(self.fetch("/huge?mib=1", max_body=1 << 20)["body_base64"]), web.HUGE)

    def test_too_many_headers(self):
        error = self.fail_to("/endless/headers")
        self.assertIn(error["type"], ("HTTPProtocolError", "ConnectionAbortedError"))
        self.assertIn("header", error["message"].lower())
        for path in "/many/headers?n=500", "/interim", "/trailers":
            self.assert_error(self.fail_to(path), "HTTPProtocolError", f"the response's headers are too many: {self.web.url}{path}")
        self.assertEqual(self.fetch("/many/headers?n=400")["headers"]["x-399"], "")

    def test_broken_off(self):
        for path in "/broken", "/broken/chunk", "/silent":
            error = self.fail_to(path)
            self.assertEqual(error["type"], "ConnectionAbortedError")
            self.assertIn(self.web.url + path, error["message"])

    def test_reset(self):
        self.assert_error(self.fail_to("/reset"), "ConnectionResetError", f"[Errno 104] Connection reset by peer: {self.web.url}/reset")

    def test_nonsense(self):
        self.assertEqual(self.fail_to("/nonsense")["type"], "HTTPProtocolError")

    def test_timeout(self):
        for path in "/never", "/half":
            self.assert_error(self.fail_to(path, timeout=0.2), "TimeoutError", f"no answer within 0.2 seconds: {self.web.url}{path}")

    def test_nobody_listens(self):
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))
            url = f"http://127.0.0.1:{unused.getsockname()[1]}/"
            self.assert_error(self.fail_to_get(url), "ConnectionRefusedError", f"[Errno 111] Connection refused: {url}")

    def test_no_such_name(self):
        self.assertEqual(self.fail_to_get("http://no.such.name.invalid/")["type"], "gaierror")

    def test_a_name(self):
        url = f"http://localhost:{self.web.port}/status?status=200"
        self.assertEqual(self.server.run(http(url))["result"]["url"], url)


class Redirects(TestCase):
    def through(self, status, to="/echo", **fields):
        result = self.fetch(f"/redirect?status={status}&to={to}", **fields)
        return result["url"], result["json"]["method"], {name.lower(): value for name, value in result["json"]["headers"]}

    def test_methods(self):
        for status, method, arrives in ((301, "POST", "GET"), (302, "POST", "GET"), (303, "POST", "GET"), (307, "POST", "POST"),
                                        (308, "POST", "POST"), (301, "PUT", "PUT"), (303, "PUT", "GET"), (302, "GET", "GET")):
            with self.subTest(status=status, method=method):
                url, came, headers = self.through(status, method=method, headers={"X-Own": "1"},
                                                  **({} if method == "GET" else {"json": {"a": 1}}))
                self.assertEqual((url, came, headers["x-own"]), (self.web.url + "/echo", arrives, "1"))
                self.assertEqual("content-type" in headers, arrives != "GET")
                self.assertEqual("content-length" in headers, arrives != "GET")

    def test_secrets_stay_at_home(self):
        secret = {"Authorization": "Bearer x", "Cookie": "a=1", "X-Api-Key": "k", "Private-Token": "t", "Host": "me"}
        _, _, headers = self.through(307, headers=secret)
        self.assertEqual([headers[name.lower()] for name in secret], list(secret.values()))
        public = {"Accept-Language": "en", "If-None-Match": "*", "User-Agent": "me"}
        away = f"http://localhost:{self.web.port}/echo"
        for to in away, f"/redirect?status=302%26to={away}":
            _, _, headers = self.through(302, to, headers=secret | public)
            self.assertEqual([headers[name.lower()] for name in public], list(public.values()))
            self.assertEqual(headers["host"], f"localhost:{self.web.port}")
            self.assertFalse(({name.lower() for name in secret} - {"host"}) & headers.keys())

    def test_back_home_they_stay_away(self):
        to = f"http://localhost:{self.web.port}/redirect?status=302%26to={self.web.url}/echo"
        _, _, headers = self.through(302, to, headers={"Authorization": "Bearer x"})
        self.assertNotIn("authorization", headers)

    def test_too_many(self):
        self.assert_error(self.fail_to("/loop"), "TooManyRedirects", f"too many redirects, the last one from: {self.web.url}/loop?n=5")
        self.assertEqual(self.fetch("/loop", max_redirects=10)["body"], "at last")
        self.assertEqual(self.fail_to("/loop", max_redirects=0)["type"], "TooManyRedirects")

    def test_not_followed(self):
        result = self.fetch("/loop", follow_redirects=False)
        self.assertEqual((result["status"], result["headers"]["location"]), (302, "/loop?n=1"))

    def test_elsewhere_than_http(self):
        for to in "ftp://127.0.0.1/", "file:///etc/passwd", "gopher://127.0.0.1/", "dict://127.0.0.1:11211/stat":
            error = self.fail_to("/redirect?status=302&to=" + to)
            self.assertEqual(error["type"], "HTTPProtocolError")

    def test_to_what_is_forbidden(self):
        for to in "http://169.254.169.254/latest/meta-data/", "http://[::ffff:169.254.169.254]/", "http://0/", "//[fe80::1]/":
            error = self.fail_to("/redirect?status=307&to=" + to, json={"secret": 1})
            self.assertEqual(error["type"], "PermissionError")

    def test_the_timeout_is_for_all(self):
        self.assertEqual(self.fail_to("/redirect?status=302&to=/never", timeout=0.3)["type"], "TimeoutError")


class Connections(TestCase):
    def test_are_kept(self):
        before = self.web.count()["connections"]
        steps = [http(self.web.url + path) for path in ("/echo", "/chunked", "/gzip", "/echo")]
        self.server.run({"op": "sequence", "steps": steps})
        self.assertLessEqual(self.web.count()["connections"] - before, 2)  # one, and that of the count itself

    def test_closed_meanwhile(self):
        """The server closes a kept connection when the next request is there already."""
        twice = lambda method: {"op": "sequence", "steps": [http(self.web.url + "/once", method=method)] * 2}
        with awaitd.Server() as server:
            before = self.web.count()["requests"]
            self.assertEqual(server.run(twice("GET"))["result"]["body"], "once")
            self.assertEqual(self.web.count()["requests"] - before, 3)
        with awaitd.Server() as server:
            before = self.web.count()["requests"]
            error = server.run(twice("POST"))["error"]
            self.assertEqual((error["type"], error["path"]), ("ConnectionAbortedError", "/steps/1"))
            self.assertIn("not sent twice", error["message"])
            self.assertEqual(self.web.count()["requests"] - before, 2)

    def test_cancelled(self):
        before = self.web.count()
        tasks = [self.server.submit(http(self.web.url + path)) for path in ("/never", "/half") for _ in range(5)]
        awaitd.until(lambda: self.web.count()["requests"] == before["requests"] + 10, "the requests arrive")
        for task in tasks:
            self.server.cancel(task["id"])
        for task in tasks:
            self.assertEqual(self.server.wait(task["id"])["state"], "cancelled")
        awaitd.until(lambda: self.web.count()["open"] <= before["open"], "the connections are closed")


class Many(unittest.TestCase):
    def test_two_thousand(self):
        """One third slow, one third broken off in the middle, one third 500s."""
        with web.Web() as site, awaitd.Server() as server:
            paths = ["/slow", "/broken", "/status?status=500"]
            spec = {"op": "gather", "return_exceptions": True, "tasks": [http(site.url + paths[i % 3]) for i in range(2000)]}
            task = server.run(spec)
            self.assertEqual(task["state"], "succeeded", task)
            outcomes = collections.Counter(
                (i % 3, one.get("body"), (one.get("error") or {}).get("type")) for i, one in enumerate(task["result"]))
            self.assertEqual(outcomes, {(0, "slow", None): 667, (1, None, "ConnectionAbortedError"): 667,
                                        (2, None, "HTTPStatusError"): 666})
            self.assertEqual(site.count()["requests"], 2000)

    def test_two_thousand_cancelled(self):
        with web.Web() as site, awaitd.Server() as server:
            before = sockets_of(server.pid)
            task = server.submit({"op": "gather", "tasks": [http(site.url + "/never")] * 2000})
            awaitd.until(lambda: site.count()["requests"] == 2000, "all requests are there")
            server.cancel(task["id"])
            self.assertEqual(server.wait(task["id"])["state"], "cancelled")
            awaitd.until(lambda: site.count()["open"] == 0, "all connections are closed")
            awaitd.until(lambda: sockets_of(server.pid) <= before, "no socket is left")

    def test_by_name(self):
        """A hundred at once for one name: they are not each asked of the resolver in a thread of their own."""
        with web.Web() as site, awaitd.Server() as server:
            task = server.run({"op": "gather", "tasks": [http(f"http://localhost:{site.port}/slow")] * 300})
            self.assertEqual({one["body"] for one in task["result"]}, {"slow"})

    def test_stop(self):
        """What is under way does not hold up the end, and is done again."""
        with web.Web() as site, awaitd.Server() as server:
            task = server.submit(http(site.url + "/never"))
            awaitd.until(lambda: site.count()["requests"] == 1, "the request is there")
            self.assertLess(server.stop(), 10)
            server.start()
            awaitd.until(lambda: site.count()["requests"] == 2, "the request is there again")
            server.cancel(task["id"])
            server.wait(task["id"])


class Tls(TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = awaitd.tempfile.mkdtemp(prefix="awaitd-tls-")
        cls.certificate = web.make_certificate(cls.folder)
        cls.web = web.Web(cls.certificate)
        cls.server = awaitd.Server(env={"SSL_CERT_FILE": cls.certificate})

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        awaitd.shutil.rmtree(cls.folder)

    def test_http_2(self):
        """Over one connection."""
        steps = [http(f"{self.web.url}/{i}", name=f"s{i}") for i in range(3)]
        spec = {"op": "sequence", "steps": steps, "return": ["${s0.json}", "${s1.json}", "${s2.json}"]}
        seen = self.server.run(spec)["result"]
        self.assertEqual([one["path"] for one in seen], ["/0", "/1", "/2"])
        self.assertEqual([one["streams"] - seen[0]["streams"] for one in seen], [0, 1, 2])

    def test_by_name(self):
        self.assertEqual(self.server.run(http(f"https://localhost:{self.web.port}/x"))["result"]["json"]["path"], "/x")

    def test_another_name(self):
        error = self.fail_to_get(f"https://127.0.0.2:{self.web.port}/")
        self.assertIn(error["type"], ("SSLCertVerificationError", "ConnectionRefusedError"))

    def test_of_whom_nobody_knows(self):
        with awaitd.Server() as server:
            error = self.fail_to_get(self.web.url + "/", server=server)
            self.assertEqual(error["type"], "SSLCertVerificationError")

    def test_not_spoken(self):
        self.assertEqual(self.fail_to_get(f"https://127.0.0.1:{self.server.port}/")["type"], "SSLError")


class Policy(TestCase):
    NEVER = ["169.254.169.254", "169.254.1.1", "0.0.0.0", "0.1.2.3", "224.0.0.1", "255.255.255.255", "240.0.0.1", "168.63.129.16",
             "100.100.100.200", "192.0.0.192", "[::]", "[fe80::1]", "[fd00:ec2::254]", "[fd20:ce::254]", "[ff02::1]",
             "[::ffff:169.254.169.254]", "[::169.254.169.254]", "[64:ff9b::169.254.169.254]", "[2002:a9fe:a9fe::1]",
             "[2001:0:1:2:3:4:5601:5601]", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376"]
    PRIVATE = ["127.0.0.1", "127.1.2.3", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.0.1", "100.64.0.1", "198.18.0.1",
               "[::1]", "[fc00::1]", "[fd12:3456::1]", "[::ffff:127.0.0.1]", "[64:ff9b::10.0.0.1]", "[2002:7f00:1::]", "localhost",
               "2130706433", "0x7f.1"]

    def refuse(self, server, hosts):
        spec = {"op": "gather", "return_exceptions": True, "tasks": [http(f"http://{host}:9/") for host in hosts]}
        return dict(zip(hosts, (one["error"] for one in server.run(spec)["result"])))

    def test_never(self):
        allowing = ["--listen", "0.0.0.0:0", "--allow-net", "0.0.0.0/0", "--allow-net", "::/0"]
        with awaitd.Server(*allowing) as remote:
            for server in self.server, remote:
                for host, error in self.refuse(server, self.NEVER).items():
                    with self.subTest(host=host):
                        self.assertEqual(error["type"], "PermissionError", error)
                        self.assertIn("no job may connect to it, whatever --allow-net of the server says", error["message"])

    def test_private_where_others_reach_it(self):
        with awaitd.Server("--listen", "0.0.0.0:0") as server:
            self.assertIn("jobs may connect to public addresses only", server.stderr())
            for host, error in self.refuse(server, self.PRIVATE).items():
                with self.subTest(host=host):
                    self.assertEqual(error["type"], "PermissionError", error)
                    self.assertIn("only if --allow-net names it, as in --allow-net ", error["message"])
            error = self.fail_to_get(f"http://localhost:{self.web.port}/", server=server)
            self.assertRegex(error["message"], r"^(127\.0\.0\.1|::1) is loopback: ")

    def test_what_is_allowed(self):
        with awaitd.Server("--listen", "0.0.0.0:0", "--allow-net", "127.0.0.1", "--allow-net", "10.0.0.0/8") as server:
            self.assertEqual(server.run(http(self.web.url + "/chunked"))["result"]["body"], "hello, world")
            error = self.fail_to_get(f"{self.web.url}/redirect?status=302&to=http://127.0.0.2:{self.web.port}/", server=server)
            self.assertEqual(error["type"], "PermissionError")
            self.assertTrue(error["message"].startswith("127.0.0.2 is loopback: "))

    def test_nonsense(self):
        for text in "10.0.0.1/8", "10.0.0.0/33", "localhost", "10.0.0.0/", "1.2.3", "::1/129", "10.0.0.0/8x":
            with self.subTest(text=text), self.assertRaises(AssertionError) as refusal:
                awaitd.Server("--allow-net", text)
            self.assertIn("--allow-net: '" + text, str(refusal.exception))


if __name__ == "__main__":
    unittest.main()
