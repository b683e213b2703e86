"""kill -9, again and again, under load: nothing that was acknowledged is lost, and nothing is done twice.

    tests/crash/crash.py [SEED] [KILLS]      a whole test
    tests/crash/crash.py SEED --show j17     the job of that name, and what is expected of it

Random jobs (jobs.py) are submitted all the time, and looked at; futures are set, deadlines moved and jobs cancelled from
outside. The server is killed at random moments, also while it starts, and started again on the same database. Each job
is checked when its end is seen (watch.py), and all of them once more at the end. The seed fixes the jobs and how long
each run of the server is; what the machine does in that time it cannot fix.
"""

import argparse
import json
import os
import pprint
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import traceback

import jobs
import load
import nodes
import server as servers
import watch
import world
from server import Broken, Gone

PLUGINS = str(servers.ROOT / "build/test-plugins/append.so")
LATENCY = 2  # seconds after which what was asked for over a connection that broke is done, or never will be


class Crash:
    def __init__(self, folder, options):
        self.seed, self.limit, self.life = options.seed, options.jobs, options.life
        self.world = world.World(folder)
        self.server = servers.Server(folder, self.plugins(folder), options.loops)
        self.place = nodes.Place(folder, self.world.http_port, self.world.stream_port)
        self.watch = watch.Watch(self.world)
        self.kills = self.runs = 0
        self.is_up, self.is_full_enough, self.is_over = threading.Event(), threading.Event(), threading.Event()
        self.failure = None
        self.threads = []

    @staticmethod
    def plugins(folder):
        path = os.path.join(folder, "plugins")
        os.mkdir(path)
        shutil.copy(PLUGINS, path)
        return path

    # ---- threads ----

    def spawn(self, work, *arguments):
        def run():
            client = servers.Client(self.server)
            chance = random.Random(f"{self.seed}/{work.__name__}/{arguments}")
            try:
                while not self.is_over.is_set():
                    self.wait_up()
                    work(client, chance, *arguments)
            except Stopped:
                pass
            except Broken as broken:
                self.fail(broken)
            except Exception:
                self.fail(Broken(traceback.format_exc()))
            finally:
                client.close()
        self.threads.append(threading.Thread(target=run))
        self.threads[-1].start()

    def fail(self, broken):
        self.failure = self.failure or broken
        self.is_over.set()

    def wait_up(self):
        while not self.is_up.wait(0.2):
            if self.is_over.is_set():
                raise Stopped

    def outlived(self, run):
        """After a connection that broke: waits for the next run of the server. Without a kill, the connection was closed
        for another reason."""
        end = time.monotonic() + LATENCY
        while self.runs == run and self.is_up.is_set() and time.monotonic() < end and not self.is_over.is_set():
            time.sleep(0.01)
        self.wait_up()

    # ---- the server's lives ----

    def start(self):
        self.server.launch(self.kills)
        self.server.ready()
        self.runs += 1
        self.is_up.set()

    def prepare(self):
        """What the jobs need, on disk."""
        self.start()
        client = servers.Client(self.server)
        for name, body in nodes.definitions(self.place.folder).items():
            load.put(client, f"coroutines/{name}", body)
        for name, body in nodes.POOLS.items():
            load.put(client, f"executors/{name}", body)
        client.close()

    def kill(self):
        self.is_up.clear()
        self.server.kill()
        self.world.settle()
        self.kills += 1
        self.world.note(f"K {self.kills}")

    def live(self, chance):
        """One more run of the server. Some end before they have begun."""
        if chance.random() < 0.1:
            self.server.launch(self.kills)
            self.is_over.wait(chance.random() * 0.05)
        else:
            self.start()
            self.is_over.wait(0.005 + chance.random() * (self.life - 0.005))
        if not self.is_over.is_set():
            self.kill()

    def drain(self):
        """No more jobs; waits for the ends of all that there are."""
        self.is_full_enough.set()
        if not self.is_up.is_set():
            self.start()
        left, since = None, time.monotonic()
        while self.watch.open and not self.is_over.is_set():
            if len(self.watch.open) != left:
                left, since = len(self.watch.open), time.monotonic()
            if time.monotonic() - since > servers.PATIENCE:
                names = sorted(self.watch.open)
                raise Broken(f"{len(names)} jobs do not end: {names[:20]}", names[0])
            time.sleep(0.02)

    def check_end(self):
        """What is on disk, without a server and with one."""
        self.is_up.clear()
        self.server.kill()
        check_file(self.server.db)
        self.start()
        client = servers.Client(self.server)
        self.watch.check_list(load.pages(client, "tasks"))
        self.watch.check_groups(load.pages(client, "groups"))
        client.close()
        self.server.stop()
        check_file(self.server.db)

    def run(self, kills):
        chance = random.Random(f"{self.seed}/kills")
        self.prepare()
        work = load.Load(self)
        for number in range(2):
            self.spawn(work.submit, number)
            self.spawn(work.tend, number, 2)
        self.spawn(work.open_group)
        self.spawn(work.edit)
        self.is_over.wait(self.life)
        if kills:
            self.kill()
        began = time.monotonic()
        while self.kills < kills and not self.is_over.is_set():
            self.live(chance)
            if self.kills % 50 == 0:
                self.watch.check_sections()
                print(f"{self.kills} kills, {len(self.watch.ended)} jobs, {time.monotonic() - began:.0f} s", flush=True)
        if not self.is_over.is_set():
            self.drain()

    def close(self):
        self.is_over.set()
        for thread in self.threads:
            thread.join()

    def main(self, kills):
        try:
            self.run(kills)
            self.close()
            if not self.failure:
                self.watch.check_sections()
                self.check_end()
        except Broken as broken:
            self.fail(broken)
        finally:
            self.close()
            if self.failure:
                self.report()
            self.server.close()
            self.world.close()
        return self.failure is None

    # ---- reports ----

    def report(self):
        text, *name = self.failure.args
        print(f"\nVIOLATION after {self.kills} kills: {text}")
        record = self.watch.open.get(name[0]) if name else None
        if record:
            show(record.job)
            print(f"-- its lines in {self.place.folder}/lines, and the kills before each:")
            pprint.pprint(dict(record.lines), width=120)
            print("-- its log and its tree:")
            try:
                client = servers.Client(self.server)
                for what in "log?limit=1000", "tree?format=text":
                    print(client.request("GET", f"/v1/tasks/{record.id}/{what}"))
            except (Gone, Broken):
                print("(the server is not there)")
        print(f"what it has left: {self.place.folder}; the server's last words: {self.server.said() or 'none'}")


class Stopped(Exception):
    """The test is over."""


def show(job):
    print(f"-- {job.name}:\n{json.dumps(job.submission())}\n-- its end:\n{job.outcome}\n-- its traces:")
    pprint.pprint(job.trace, width=120)
    print(f"-- from outside: {job.futures} {job.outside}")


def check_file(path):
    """What awaitd says to its file, and what SQLite does."""
    checked = subprocess.run([servers.BINARY, "check", path], capture_output=True, text=True, check=False)
    if checked.returncode:
        raise Broken(f"awaitd check: {checked.stdout}{checked.stderr}")
    with sqlite3.connect(path) as database:
        said = database.execute("PRAGMA integrity_check").fetchall()
        left = database.execute("SELECT count(*) FROM journal").fetchone()[0]
    database.close()
    if said != [("ok",)] or left:
        raise Broken(f"{path}: {said}, {left} rows in the journal")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("seed", nargs="?", default="-", help="- is any")
    parser.add_argument("kills", nargs="?", type=int, default=2000)
    parser.add_argument("--jobs", type=int, default=150, help="how many may be open at once")
    parser.add_argument("--life", type=float, default=0.4, help="the longest run of the server, in seconds")
    parser.add_argument("--loops", type=int, default=3, help="event loops of the server")
    parser.add_argument("--show", metavar="NAME", help="only show a job")
    options = parser.parse_args()
    options.seed = random.randrange(1 << 32) if options.seed == "-" else int(options.seed)
    if options.show:
        show(jobs.Job(options.seed, options.show, nodes.Place("FOLDER", 1, 2)))
        return 0
    replay = f"{__file__} {options.seed} {options.kills} --jobs {options.jobs} --life {options.life} --loops {options.loops}"
    print(f"seed {options.seed}, {options.kills} kills; to do it again: {replay}", flush=True)
    began, folder = time.monotonic(), tempfile.mkdtemp(prefix="awaitd-crash-")
    crash = Crash(folder, options)
    is_good = crash.main(options.kills)
    seen = crash.watch
    print(f"seed {options.seed}: {crash.kills} kills, {len(seen.ended)} jobs, {seen.leaves} leaves, {seen.extra} of their "
          f"runs cut off by a kill and done again, {seen.starts} starts of jobs, {time.monotonic() - began:.0f} s")
    if is_good:
        shutil.rmtree(folder)
    print(f"{int(is_good)} passed, {int(not is_good)} failed")
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
