"""Every example prints what its head says, here and, where it shows the same in Python, under CPython."""

import os
import pathlib
import re
import subprocess
import sys
import textwrap
import unittest

import awaitd

EXAMPLES = sorted((awaitd.ROOT / "examples").glob("[0-9]*.sh"))
COROUTINE = awaitd.ROOT / "examples/coroutine.sh"


def comment(script, heading=""):
    """The indented lines of the comment under a heading, or of the whole."""
    text = re.match(r"(?:#.*\n)*", script)[0]
    text = re.sub(r"^# ?", "", text, flags=re.MULTILINE)
    section = re.search(rf"^{heading}:\n((?: +.*\n)+)", text, re.MULTILINE) if heading else None
    lines = section[1] if section else "" if heading else "".join(re.findall(r"(?:^  .*\n|^\n)", text, re.MULTILINE))
    return textwrap.dedent(lines)


class Examples(unittest.TestCase):
    maxDiff = None

    @classmethod
    def setUpClass(cls):
        cls.server = awaitd.Server("--plugins", str(awaitd.ROOT / "build/plugins"),  # make plugin-example
                                   env={"no_proxy": "*"})  # an exception handler is on this machine

    @classmethod
    def tearDownClass(cls):
        cls.server.__exit__(None)

    def check_prints(self, path):
        expected = comment(path.read_text(), "Prints")
        self.assertTrue(expected, "does not say what it prints")
        url = f"http://127.0.0.1:{self.server.port}"
        run = subprocess.run([path], env={**os.environ, "AWAITD_URL": url}, cwd="/", stdin=subprocess.DEVNULL,
                             capture_output=True, text=True, timeout=awaitd.PATIENCE)
        self.assertEqual((run.stdout, run.stderr, run.returncode), (expected, "", 0))

    def check_python(self, path):
        script = path.read_text()
        program = comment(COROUTINE.read_text()) + "\n" + comment(script, "In Python")
        run = subprocess.run([sys.executable, "-c", program], stdin=subprocess.DEVNULL, capture_output=True,
                             text=True, timeout=awaitd.PATIENCE)
        self.assertEqual((run.stdout, run.stderr, run.returncode), (comment(script, "Prints"), "", 0), program)


def add(kind, path):
    name = path.stem.replace("-", "_")
    setattr(Examples, f"test_{name}_{kind}", lambda self: getattr(self, f"check_{kind}")(path))


assert EXAMPLES
for example in EXAMPLES:
    add("prints", example)
    if "# In Python:" in example.read_text():
        add("python", example)

if __name__ == "__main__":
    unittest.main()
