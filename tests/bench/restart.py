"""How long a start takes with a million sleeping tasks, and how the API answers while they wake up.

restart.py [TASKS]; needs AWAITD, the program, PYTHONPATH=tests/e2e, and wrk.
"""

import os
import pathlib
import subprocess
import sys
import time

import awaitd

HERE = pathlib.Path(__file__).parent
LATE = 35  # seconds that the submissions and the start are given, beyond what the former take


def submit(server, tasks):
    """So many sleepers, from 64 connections. All of them wake up at least LATE seconds after the last one came."""
    began = time.monotonic()
    load = subprocess.Popen(["wrk", "-t2", "-c64", "-d600s", "-s", HERE / "sleep.lua", f"http://127.0.0.1:{server.port}/v1/tasks"],
                            env=os.environ | {"SECONDS": str(LATE + tasks / 10_000)}, stdout=subprocess.DEVNULL)
    while server.get("/healthz").json["open_tasks"] < tasks:
        time.sleep(0.1)
    load.kill()
    load.wait()
    return time.monotonic() - began


def resident(server):
    status = pathlib.Path(f"/proc/{server.pid}/status").read_text(encoding="utf-8")
    return int(status.partition("VmRSS:")[2].split()[0]) // 1024


def ask_until_all_are_over(server):
    """The times that GET /healthz and a list of one task have taken, in seconds."""
    took = []
    while server.get("/healthz").json["open_tasks"]:
        for target in "/healthz", "/v1/tasks?limit=1":
            began = time.monotonic()
            server.get(target)
            took.append(time.monotonic() - began)
        time.sleep(0.01)
    return sorted(took)


def main():
    tasks = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with awaitd.Server() as server:
        seconds = submit(server, tasks)
        print(f"{tasks} sleepers submitted in {seconds:.0f} s")
        server.kill()
        began = time.monotonic()
        server.start()
        print(f"ready after {time.monotonic() - began:.2f} s; {resident(server)} MiB resident")
        took = ask_until_all_are_over(server)
        p50, p99 = took[len(took) // 2], took[len(took) * 99 // 100]
        print(f"while they wake up: {len(took)} answers, p50 {p50 * 1e3:.1f} ms, p99 {p99 * 1e3:.1f} ms, max {took[-1] * 1e3:.1f} ms")


main()
