"""Runs test modules beside each other, as many as there are processors, and prints what each said when it is over.

    run.py [-k PATTERN] MODULE...
"""
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor, as_completed


def run(module, options):
    return subprocess.run([sys.executable, "-m", "unittest", "-b", *options, module], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace")


def main(words):
    options, modules = (words[:2], words[2:]) if words[:1] == ["-k"] else ([], words)
    failed = False
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        runs = {pool.submit(run, module, options): module for module in modules}
        for future in as_completed(runs):
            ended = future.result()
            failed |= ended.returncode != 0
            if ended.returncode != 0 or "Ran 0 tests" not in ended.stdout:
                print(f"-- {runs[future]}\n{ended.stdout}", flush=True)
    return failed


sys.exit(main(sys.argv[1:]))
