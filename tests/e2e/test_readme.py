"""README.md, followed word by word: its ```sh blocks are run in their order, in one shell and one folder, and what
they print is compared with the ```text block below.

`make run` is what the reader types in another terminal: it is run as it stands, with another port and database.
"""

import os
import pathlib
import re
import select
import shutil
import signal
import subprocess
import tempfile
import threading
import unittest

import awaitd

README = (awaitd.ROOT / "README.md").read_text()
BLOCK = re.compile(r"^```sh\n(.*?)^```\n(?:```text\n(.*?)^```\n)?", re.MULTILINE | re.DOTALL)
PLUGINS = "## Plugins\n"  # a section with a server of its own
# What this test cannot run: it needs a docker engine.
NOT_HERE = ("make image\n", "docker ")
VARYING = (
    (r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", "ID"),
    (r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{6}Z", "TIME"),
    (r"(\d+)\.\d{6} s\b", r"\1 s"),  # so long, and a bit
)


def comparable(text):
    for pattern, word in VARYING:
        text = re.sub(pattern, word, text)
    return text


class Terminal:
    """Where the reader runs the server."""

    def __init__(self, folder, cwd=awaitd.ROOT):
        self.folder = folder
        self.cwd = cwd
        self.make = None
        self.errors = open(folder / "stderr", "w+")
        self.address = "127.0.0.1:0"

    def run(self, command):
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWAITD", "MAKE", "MFLAGS"))}
        env = {**kept, "AWAITD_LISTEN": self.address, "AWAITD_DB": str(self.folder / "awaitd.db")}
        self.make = subprocess.Popen(command, shell=True, cwd=self.cwd, env=env, stdin=subprocess.DEVNULL,
                                     stdout=subprocess.PIPE, stderr=self.errors, start_new_session=True)
        output = b""
        while not (said := re.search(rb"^listening on http://(127\.0\.0\.1:\d+)\n", output, re.MULTILINE)):
            ready, _, _ = select.select([self.make.stdout], [], [], awaitd.PATIENCE)
            piece = os.read(self.make.stdout.fileno(), 65536) if ready else b""
            assert piece, f"{command}: does not listen; it said {output!r} and {self.said()!r}"
            output += piece
        self.address = said[1].decode()

    def kill(self, name="KILL"):
        """What pkill does, but only to this terminal's server."""
        subprocess.run(["pkill", f"-{name}", "-x", "awaitd", "--session", str(self.make.pid)], check=True)
        self.make.wait(awaitd.PATIENCE)
        self.make.stdout.close()

    def said(self):
        self.errors.seek(0)
        return self.errors.read()

    def close(self):
        self.errors.close()
        if self.make and self.make.poll() is None:
            os.killpg(self.make.pid, signal.SIGKILL)
            self.make.wait()
            self.make.stdout.close()


class Shell:
    """Where the reader types."""

    def __init__(self, folder):
        self.process = subprocess.Popen(["sh"], cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.STDOUT, text=True)

    def run(self, commands):
        """What they print, and the exit status of the last one."""
        watchdog = threading.Timer(awaitd.PATIENCE, self.process.kill)
        watchdog.start()
        try:
            return self.read_until_done(commands)
        finally:
            watchdog.cancel()

    def read_until_done(self, commands):
        self.process.stdin.write(commands + 'printf "\\n@done %s\\n" $?\n')
        self.process.stdin.flush()
        output = ""
        for line in self.process.stdout:
            if line.startswith("@done "):
                return output[:-1], int(line.split()[1])
            output += line
        raise AssertionError(f"the shell has gone, after {output!r}")

    def close(self):
        self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


class Readme(unittest.TestCase):
    maxDiff = None

    def setUp(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="awaitd-readme-"))
        self.addCleanup(shutil.rmtree, self.folder)

    def test_does_what_it_says(self):
        terminal = Terminal(self.folder)
        self.addCleanup(terminal.close)
        shell = Shell(self.folder)
        self.addCleanup(shell.close)
        ran = 0
        before, _, section = README.partition(PLUGINS)
        for commands, expected in BLOCK.findall(before + section.partition("\n## ")[2]):
            with self.subTest(commands):
                if commands.startswith(NOT_HERE):
                    continue
                ran += 1
                if commands == "make run\n":
                    terminal.run(commands)
                elif commands == "pkill -KILL -x awaitd\n":
                    terminal.kill()
                else:
                    printed, status = shell.run(commands.replace("localhost:8080", terminal.address))
                    self.assertEqual(status, 0)
                    self.assertEqual(comparable(printed), comparable(expected))
        self.assertGreater(ran, 15)
        terminal.kill("TERM")

    def test_plugins(self):
        section = README.partition(PLUGINS)[2].partition("\n## ")[0]
        (self.folder / "double.c").write_text(re.search("^```c\n(.*?)^```\n", section, re.MULTILINE | re.DOTALL)[1])
        for name in ("build", "runtime"):
            (self.folder / name).symlink_to(awaitd.ROOT / name)
        terminal = Terminal(self.folder, self.folder)
        self.addCleanup(terminal.close)
        shell = Shell(self.folder)
        self.addCleanup(shell.close)
        for commands, expected in BLOCK.findall(section):
            with self.subTest(commands):
                if commands.startswith("build/awaitd serve"):
                    terminal.run(commands)
                else:
                    printed, status = shell.run(commands.replace("localhost:8080", terminal.address))
                    self.assertEqual((printed, status), (expected, 0))
        terminal.kill("TERM")

    def test_names_every_option(self):
        usage = subprocess.run([awaitd.BINARY, "--help"], capture_output=True, text=True, check=True).stdout
        table = README.partition("\n## Options\n")[2].partition("\n## ")[0]
        options = re.compile(r"--[a-z][a-z-]+")
        self.assertEqual(set(options.findall(table)) - {"--help", "--version"},
                         set(options.findall(usage)) - {"--help", "--version"})

    def test_names_every_make_target_that_it_mentions(self):
        targets = re.findall(r"^([a-z0-9-]+):.*## ", (awaitd.ROOT / "Makefile").read_text(), re.MULTILINE)
        for target in re.findall(r"`make ([a-z0-9-]+)`", README):
            self.assertIn(target, targets)


if __name__ == "__main__":
    unittest.main()
