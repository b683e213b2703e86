"""The op stream against real peers on loopback: the same results and errors as asyncio's streams have."""

import os
import pathlib
import socket
import ssl
import tempfile
import threading
import unittest

import awaitd
import peers
from peers import Peer, says


def stream(peer, **fields):
    return {"op": "stream", "host": "127.0.0.1", "port": peer.port, **fields}


def count_sockets(pid):
    """Descriptors of a process that are sockets of the internet."""
    inodes = set()
    for name in "tcp", "tcp6":
        lines = pathlib.Path(f"/proc/{pid}/net/{name}").read_text().splitlines()[1:]
        inodes |= {line.split()[9] for line in lines}
    links = []
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            links.append(os.readlink(f"/proc/{pid}/fd/{fd}"))
        except FileNotFoundError:
            pass
    return sum(link.startswith("socket:[") and link[8:-1] in inodes for link in links)


class Streams(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.server = awaitd.Server()
        cls.addClassCleanup(cls.server.close)

    @classmethod
    def tearDownClass(cls):
        cls.server.stop()

    def outcome(self, node, **fields):
        task = self.server.run(node, **fields)
        return {key: task[key] for key in ("result", "error") if key in task}

    def check(self, node, expected, peer=None):
        """The result, also CPython's."""
        self.assertEqual(self.outcome(node), {"result": expected})
        self.assertEqual(peers.cpython(node), {"result": expected})

    def check_error(self, node, type, message=None, **details):
        """The error, also CPython's, whose message it is unless there is one."""
        error = self.outcome(node)["error"]
        own = peers.cpython(node)["error"]
        self.assertEqual((error["type"], own["type"]), (type, type), error)
        self.assertEqual(error["message"], message or own["message"])
        self.assertEqual(error.get("details", {}), details)


class Reading(Streams):
    def test_a_line_that_drips(self):
        line = b"220 a slow one\r\n"
        peer = Peer(self, says(*[line[i:i + 1] for i in range(len(line))], b"more"))
        self.check(stream(peer, read={"until": "\r\n"}), line.decode())

    def test_exactly(self):
        peer = Peer(self, says(b"abc", b"defgh", then=peers.listen_to_end))
        self.check(stream(peer, read={"exactly": 5}), "abcde")

    def test_until_the_end(self):
        peer = Peer(self, says(b"one ", b"two"))
        self.check(stream(peer, read={"eof": True}), "one two")

    def test_the_peer_ends_and_goes_on_listening(self):
        def talk(connection):
            connection.sendall(b"that is all")
            connection.shutdown(socket.SHUT_WR)
            return peers.listen_to_end(connection)

        peer = Peer(self, talk)
        self.check(stream(peer, send="hello", read={"eof": True}), "that is all")
        self.assertEqual(peer.wait_heard(2), [b"hello"] * 2)

    def test_write_eof(self):
        def talk(connection):
            heard = peers.listen_to_end(connection)
            connection.sendall(b"%d bytes" % len(heard))

        peer = Peer(self, talk)
        self.check(stream(peer, send="x" * 300000, write_eof=True, read={"eof": True}), "300000 bytes")

    def test_a_dialogue(self):
        peer = Peer(self, peers.answer)
        lines = [{"read": {"until": "\r\n"}}, {"send": "HELO me\r\n", "read": {"until": "\r\n"}},
                 {"send": "ñ\r\n"}, {"read": {"exactly": 4}}, {"send": "QUIT\r\n", "read": {"eof": True}}]
        self.check(stream(peer, exchange=lines), ["220 ready\r\n", "0 HELO me\r\n", None, "1 ñ", "\r\n2 QUIT\r\n"])

    def test_only_sending(self):
        peer = Peer(self, peers.listen_to_end)
        self.assertEqual(self.outcome(stream(peer, exchange=[{"send": "metric 1\n"}, {"send": "m" * 3_000_000}])),
                         {"result": [None, None]})
        self.assertEqual(peer.wait_heard(), [b"metric 1\n" + b"m" * 3_000_000])

    def test_much_goes_both_ways_at_once(self):
        peer = Peer(self, peers.echo)
        text = "0123456789abcdef" * 500_000
        self.assertEqual(self.outcome(stream(peer, send=text, read={"exactly": len(text)})), {"result": text})

    def test_bytes_that_are_no_text(self):
        peer = Peer(self, peers.echo)
        self.check(stream(peer, send={"base64": "/wAB"}, read={"exactly": 3}), {"base64": "/wAB"})
        self.check(stream(peer, send="añb", read={"exactly": 2}), {"base64": "YcM="})

    def test_null_characters_are_kept_and_can_be_sent_on(self):
        peer = Peer(self, peers.echo)
        first = {**stream(peer, send={"base64": "YQBi"}, read={"exactly": 3}), "name": "first"}
        again = stream(peer, send="${first}", write_eof=True, read={"until": {"base64": "AA=="}})
        task = self.server.run({"op": "sequence", "steps": [first, again], "return": ["${first}"]})
        self.assertEqual(task["result"], ["a\0b"])
        self.assertEqual(self.server.task(task["id"])["result"], ["a\0b"])
        self.assertEqual(self.outcome(again | {"send": "x"}), {"error": {
            "type": "IncompleteReadError", "message": "1 bytes read on a total of undefined expected bytes", "path": "",
            "details": {"partial": "x", "expected": None}}})

    def test_a_name_with_several_addresses(self):
        peer = Peer(self, says(b"here"))
        self.check(stream(peer, read={"eof": True}) | {"host": "localhost"}, "here")

    def test_the_tree_says_what_it_waits_for(self):
        peer = Peer(self, peers.listen_to_end)
        task = self.server.submit(stream(peer, read={"exactly": 1}))
        peer.wait_open(1)
        self.assertIn(f"a stream to 127.0.0.1, port {peer.port}", str(self.server.tree(task["id"])))
        self.server.cancel(task["id"])
        self.assertEqual(self.server.wait(task["id"])["state"], "cancelled")


class Errors(Streams):
    def test_the_end_comes_too_early(self):
        peer = Peer(self, says(b"abc"))
        self.check_error(stream(peer, read={"exactly": 5}), "IncompleteReadError", partial="abc", expected=5)
        self.check_error(stream(peer, read={"until": "\n"}), "IncompleteReadError", partial="abc", expected=None)

    def test_the_limit(self):
        peer = Peer(self, says(b"x" * 200, then=peers.listen_to_end))
        self.check_error(stream(peer, limit=100, read={"until": "\n"}), "LimitOverrunError", consumed=200)
        peer = Peer(self, says(b"x" * 70000 + b"\n", then=peers.listen_to_end))
        self.assertEqual(self.outcome(stream(peer, read={"until": "\n"}))["error"]["type"], "LimitOverrunError")
        self.check(stream(peer, limit=70000, read={"until": "\n"}), "x" * 70000 + "\n")

    def test_more_than_a_result_may_have(self):
        peer = Peer(self, says(b"x" * 3_000_000))
        with awaitd.Server("--max-result", "2000000") as server:
            for asked in {"eof": True}, {"exactly": 3_000_000}, {"exactly": 2**53}:
                self.assertEqual(server.run(stream(peer, read=asked))["error"]["type"], "ResultTooLarge")

    def test_nobody_listens(self):
        with socket.create_server(("127.0.0.1", 0)) as gone:
            port = gone.getsockname()[1]
        for host in "127.0.0.1", "localhost", "::1":
            with self.subTest(host):
                node = {"op": "stream", "host": host, "port": port, "read": {"eof": True}}
                several = len(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)) > 1
                self.check_error(node, "OSError" if several else "ConnectionRefusedError")

    def test_there_is_no_such_name(self):
        for host in "no.such.name.invalid", "not a host", "-":
            with self.subTest(host):
                self.check_error({"op": "stream", "host": host, "port": 1, "read": {"eof": True}}, "gaierror")

    def test_a_reset_while_it_reads(self):
        def talk(connection):
            connection.recv(1)
            peers.reset(connection)

        peer = Peer(self, talk)
        self.check_error(stream(peer, send="x", read={"exactly": 1}), "ConnectionResetError")

    def test_a_reset_while_it_writes(self):
        def talk(connection):
            connection.recv(1)
            peers.reset(connection)

        peer = Peer(self, talk)
        error = self.outcome(stream(peer, exchange=[{"send": "x" * 8_000_000}]))["error"]
        self.assertIn(error["type"], ("ConnectionResetError", "BrokenPipeError"))

    def test_what_it_is_a_kind_of(self):
        with socket.create_server(("127.0.0.1", 0)) as gone:
            port = gone.getsockname()[1]
        for node, type in (({"host": "127.0.0.1", "port": port}, "ConnectionError"),
                           ({"host": "no.such.name.invalid", "port": 1}, "OSError")):
            body = {"op": "stream", **node, "read": {"eof": True}}
            node = {"op": "try", "body": body, "except": [{"types": [type], "body": {"op": "value", "value": "caught"}}]}
            self.assertEqual(self.outcome(node), {"result": "caught"})


class Security(Streams):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="awaitd-tls-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        peers.make_authority(cls.folder)
        cls.trust = ssl.create_default_context(cafile=cls.folder / "ca.pem")
        cls.server = awaitd.Server(env={"SSL_CERT_FILE": str(cls.folder / "ca.pem")})
        cls.addClassCleanup(cls.server.close)

    def peer(self, talk, certificate="good"):
        return Peer(self, talk, peers.server_tls(self.folder, certificate))

    def check(self, node, expected):
        self.assertEqual(self.outcome(node), {"result": expected})
        self.assertEqual(peers.cpython(node, self.trust), {"result": expected})

    def check_error(self, node, type):
        error = self.outcome(node)["error"]
        own = peers.cpython(node, self.trust)["error"]
        self.assertEqual((error["type"], error["message"]), (type, own["message"]), own)
        self.assertEqual(own["type"], type)
        return error

    def test_a_dialogue(self):
        peer = self.peer(peers.answer)
        lines = [{"read": {"until": "\r\n"}}, {"send": "QUIT\r\n", "read": {"eof": True}}]
        for names in {"host": "localhost"}, {"host": "127.0.0.1"}, {"server_hostname": "localhost"}, \
                {"server_hostname": "a.inside.test"}:
            with self.subTest(names):
                self.check(stream(peer, tls=True, exchange=lines) | names, ["220 ready\r\n", "0 QUIT\r\n"])

    def test_much_goes_both_ways_at_once(self):
        text = "0123456789abcdef" * 200_000

        def talk(connection):  # one that reads and writes at once would need two threads
            heard = b""
            while len(heard) < len(text):
                heard += connection.recv(65536)
            connection.sendall(heard)

        peer = self.peer(talk)
        self.assertEqual(self.outcome(stream(peer, tls=True, send=text, read={"eof": True})), {"result": text})

    def test_a_piece_of_a_record_is_not_forgotten(self):
        """What TLS has read already does not show at the descriptor."""
        peer = self.peer(says(b"x" * 16000, then=lambda connection: connection.recv(1)))
        reads = [{"read": {"exactly": 1000}}] * 16
        self.check(stream(peer, tls=True, exchange=reads), ["x" * 1000] * 16)

    def test_an_end_without_goodbye_is_an_end(self):
        def talk(connection):
            connection.sendall(b"abc")
            raw = socket.socket(fileno=connection.detach())
            raw.close()

        self.check(stream(self.peer(talk), tls=True, read={"eof": True}), "abc")

    def test_it_says_goodbye(self):
        peer = self.peer(peers.listen_to_end)
        self.assertEqual(self.outcome(stream(peer, tls=True, exchange=[{"send": "hello"}])), {"result": [None]})
        self.assertEqual(peer.wait_heard(), [b"hello"])

    def test_an_authority_that_nobody_knows(self):
        error = self.check_error(stream(self.peer(peers.echo, "own"), tls=True, read={"eof": True}) | {"host": "localhost"},
                                 "SSLCertVerificationError")
        self.assertEqual(error["details"], {"verify_code": 18, "verify_message": "self-signed certificate"})

    def test_another_name(self):
        peer = self.peer(peers.echo)
        for name in "elsewhere.test", "inside.test", "a.b.inside.test", "127.0.0.2":
            with self.subTest(name):
                self.check_error(stream(peer, tls=True, server_hostname=name, read={"eof": True}),
                                 "SSLCertVerificationError")

    def test_a_leading_dot_stands_for_no_domain(self):
        error = self.outcome(stream(self.peer(peers.echo), tls=True, server_hostname=".inside.test", read={"eof": True}))["error"]
        self.assertEqual(error["type"], "ValueError")

    def test_a_certificate_that_has_expired(self):
        self.check_error(stream(self.peer(peers.echo, "expired"), tls=True, read={"eof": True}), "SSLCertVerificationError")

    def test_the_authority_is_needed(self):
        with awaitd.Server() as server:
            error = server.run(stream(self.peer(peers.echo), tls=True, read={"eof": True}))["error"]
        self.assertEqual(error["type"], "SSLCertVerificationError")

    def test_a_peer_without_tls(self):
        peer = Peer(self, says(b"220 plain text for all\r\n", then=peers.listen_to_end))
        self.check_error(stream(peer, tls=True, read={"eof": True}), "SSLError")

    def test_a_peer_that_goes_in_the_middle_of_the_handshake(self):
        peer = Peer(self, lambda connection: connection.recv(10000))
        error = self.outcome(stream(peer, tls=True, read={"eof": True}))["error"]
        self.assertEqual(error["type"], "ConnectionResetError")
        self.assertEqual(peers.cpython(stream(peer, tls=True, read={"eof": True}), self.trust)["error"]["type"],
                         "ConnectionResetError")

    def test_cancelled_in_the_middle_of_the_handshake(self):
        peer = Peer(self, peers.listen_to_end)
        task = self.server.submit(stream(peer, tls=True, read={"eof": True}))
        peer.wait_open(1)
        self.server.cancel(task["id"])
        self.assertEqual(self.server.wait(task["id"])["state"], "cancelled")
        peer.wait_heard()

    def test_write_eof_is_not_possible(self):
        error = self.outcome(stream(self.peer(peers.echo), tls=True, write_eof=True, read={"eof": True}))["error"]
        self.assertEqual(error["type"], "NotImplementedError")


class Many(Streams):
    def test_five_hundred_at_once(self):
        peer = Peer(self, lambda connection: says(b"a", b"b", b"\n")(connection))
        node = stream(peer, read={"until": "\n"})
        task = self.server.run({"op": "map", "items": list(range(500)), "body": node})
        self.assertEqual(task.get("result"), ["ab\n"] * 500)

    def test_each_its_own(self):
        def talk(connection):
            line = b""
            while not line.endswith(b"\n"):
                line += connection.recv(1)
            number = int(line)
            connection.sendall(b"%d" % number)
            if number % 3 == 0:
                connection.sendall(b"!")
            elif number % 3 == 1:
                peers.reset(connection)

        peer = Peer(self, talk)
        node = stream(peer, send="${item}\n", read={"until": "!"})
        task = self.server.run({"op": "map", "items": list(range(300)), "return_exceptions": True, "body": node})
        for number, result in enumerate(task["result"]):
            if number % 3 == 0:
                self.assertEqual(result, f"{number}!")
            else:
                types = "ConnectionResetError", "IncompleteReadError"
                self.assertEqual(result["error"]["type"], types[number % 3 - 1], result)

    def test_cancelling_them_leaves_no_socket(self):
        before = count_sockets(self.server.pid)
        peer = Peer(self, peers.listen_to_end)
        node = stream(peer, send="hello", read={"exactly": 1})
        task = self.server.submit({"op": "map", "items": list(range(200)), "body": node})
        peer.wait_open(200)
        self.assertEqual(self.server.cancel(task["id"]).status, 202)
        self.assertEqual(self.server.wait(task["id"])["state"], "cancelled")
        peer.wait_heard(200)
        awaitd.until(lambda: count_sockets(self.server.pid) <= before, "all sockets are closed")

    def test_cancelled_while_it_connects(self):
        before = count_sockets(self.server.pid)
        with socket.socket() as full:
            full.bind(("127.0.0.1", 0))
            full.listen(0)
            address = full.getsockname()
            waiting = [socket.socket() for _ in range(4)]  # nobody accepts them: the next one hangs
            for one in waiting:
                self.addCleanup(one.close)
                one.setblocking(False)
                one.connect_ex(address)
            node = {"op": "stream", "host": address[0], "port": address[1], "read": {"eof": True}}
            task = self.server.submit(node)
            awaitd.until(lambda: count_sockets(self.server.pid) > before, "it connects")
            self.server.cancel(task["id"])
            self.assertEqual(self.server.wait(task["id"])["state"], "cancelled")
            limited = self.server.run({"op": "timeout", "seconds": 0.05, "body": node})
            self.assertEqual(limited["error"]["type"], "TimeoutError")
            awaitd.until(lambda: count_sockets(self.server.pid) <= before, "the sockets are closed")

    def test_a_shutdown_does_not_wait_for_them(self):
        peer = Peer(self, peers.listen_to_end)
        with awaitd.Server() as server:
            task = server.submit({"op": "map", "items": list(range(20)), "body": stream(peer, read={"exactly": 1})})
            peer.wait_open(20)
            server.stop()
            peer.wait_heard(20)
            server.start()
            peer.wait_open(20)
            self.assertEqual(server.task(task["id"])["state"], "running")  # again from the beginning
            server.cancel(task["id"])
            self.assertEqual(server.wait(task["id"])["state"], "cancelled")

    def test_names_at_once(self):
        peer = Peer(self, says(b"here"))
        node = stream(peer, read={"eof": True}) | {"host": "localhost"}
        task = self.server.run({"op": "map", "items": list(range(200)), "body": node})
        self.assertEqual(task.get("result"), ["here"] * 200)


class Policy(unittest.TestCase):
    def test_link_local_addresses_are_never_connected_to(self):
        with awaitd.Server("--allow-net", "169.254.0.0/16") as server:
            for host in "169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "0.0.0.0":
                with self.subTest(host):
                    error = server.run({"op": "stream", "host": host, "port": 80, "read": {"eof": True}})["error"]
                    self.assertEqual(error["type"], "PermissionError")
                    self.assertIn("no job may connect to it", error["message"])

    def test_loopback_is_for_servers_that_only_loopback_reaches(self):
        peer = Peer(self, says(b"here"))
        with awaitd.Server("--listen", "0.0.0.0:0") as server:
            for host in "127.0.0.1", "localhost", "::ffff:127.0.0.1", "127.1":
                with self.subTest(host):
                    error = server.run(stream(peer, read={"eof": True}) | {"host": host})["error"]
                    self.assertIn(error["type"], ("PermissionError", "OSError"))  # of several addresses
                    self.assertIn("--allow-net", error["message"])
        with awaitd.Server("--listen", "0.0.0.0:0", "--allow-net", "127.0.0.1") as server:
            self.assertEqual(server.run(stream(peer, read={"eof": True}))["result"], "here")
        self.assertEqual(len(peer.wait_heard()), 1)


if __name__ == "__main__":
    unittest.main()
