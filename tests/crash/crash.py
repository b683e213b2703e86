"""kill -9, again and again, under load: nothing that was acknowledged is lost, and nothing is done twice.

    tests/crash/crash.py [SEED] [KILLS]            a whole test
    tests/crash/crash.py SEED --show j17           the job of that name, and what is expected of it

Random jobs (jobs.py) are submitted all the time, and looked at; futures are set, deadlines moved and jobs cancelled from
outside. The server is killed at random moments, also while it starts, and started again on the same database. Each job
is checked when its end is seen (watch.py), and all of them once more at the end. The seed fixes the jobs and how long
each run of the server is; what the machine does in that time it cannot fix.
"""

import argparse
import itertools
import json
import os
import pathlib
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
import server as servers
import watch
import world
from server import Broken, Gone

PLUGINS = str(servers.ROOT / "build/test-plugins/append.so")
LATENCY = 2  # seconds after which what a closed connection had asked for is done, or never will be


class Crash:
    def __init__(self, folder, seed, limit, life):
        self.seed, self.limit, self.life = seed, limit, life
        self.world = world.World(folder)
        self.server = servers.Server(folder, self.plugins(folder))
        text = (servers.ROOT / "openapi.yaml").read_text()
        self.place = jobs.Place(folder, self.world.http_port, self.world.stream_port, "on_crash" in text)
        self.watch = watch.Watch(self.world)
        self.numbers = itertools.count(1)
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

    # ---- submitting ----

    def submit(self, client, chance):
        if self.is_full_enough.is_set() or len(self.watch.open) >= self.limit:
            time.sleep(0.01)
            return
        record = self.watch.register(jobs.Job(self.seed, next(self.numbers), self.place))
        record.id = self.deliver(client, record.job, "?wait=0.1" if chance.random() < 0.1 else "")

    def deliver(self, client, job, wait):
        """Its id, once it is acknowledged, be it by its being there."""
        while True:
            run = self.runs
            try:
                answer = client.request("POST", "/v1/tasks" + wait, job.submission())
            except Gone:
                self.outlived(run)
                id = self.look_up(client, job.name)
                if id:
                    return id
                continue
            if answer.status not in (200, 202):
                raise Broken(f"a job was answered {answer}", job.name)
            return answer.json["id"]

    def look_up(self, client, name):
        while True:
            run = self.runs
            try:
                tasks = client.request("GET", f"/v1/tasks?name={name}").json["tasks"]
            except Gone:
                self.outlived(run)
                continue
            if len(tasks) > 1:
                raise Broken(f"submitted once, and there twice: {tasks}", name)
            return tasks[0]["id"] if tasks else None

    # ---- looking, and doing something from outside ----

    def tend(self, client, chance, number, of):
        self.watch.advance()
        mine = [record for record in list(self.watch.open.values()) if record.job.number % of == number and record.id]
        try:
            for record in mine:
                self.tend_one(client, chance, record)
        except Gone:
            pass
        time.sleep(0.01)

    def tend_one(self, client, chance, record):
        if record.body is None:
            answer = client.request("GET", f"/v1/tasks/{record.id}")
            if answer.status != 200:
                raise Broken(f"acknowledged, and then answered {answer}", record.job.name)
            task = answer.json
            if not task["done"]:
                self.tend_running(client, chance, record, task)
                return
            self.world.note(f"E {record.job.name}")
            record.body = answer.body
        self.watch.finish(record, self.log(client, record))

    def tend_running(self, client, chance, record, task):
        if record.is_cancelled and not task["cancel_requested_at"]:
            raise Broken(f"an acknowledged cancel was forgotten: {task}", record.job.name)
        if record.outside and record.job.armed or chance.random() < 0.1:
            self.watch.seen(record, self.log(client, record))
        for name, body in record.job.futures:
            if name in record.unset and chance.random() < 0.3:
                self.set_future(client, record, name, body)
        if record.outside and (not record.job.armed or record.job.armed in record.markers):
            getattr(self, record.job.outside[0])(client, record, task, record.job.outside[1])

    @staticmethod
    def log(client, record):
        answer = client.request("GET", f"/v1/tasks/{record.id}/log?limit=1000")
        if answer.status != 200:
            raise Broken(f"the log was answered {answer}", record.job.name)
        return answer.json["lines"]

    @staticmethod
    def ask(client, record, path, body):
        """Whether it was done; what the answer to the same thing had been may be lost."""
        was_asked = path in record.asked
        record.asked.add(path)
        answer = client.request("POST", f"/v1/tasks/{record.id}/{path}", body)
        if answer.status == 409 and was_asked:
            return True  # done before
        if answer.status not in (200, 202):
            raise Broken(f"{path} was answered {answer}", record.job.name)
        record.asked.discard(path)
        return True

    def set_future(self, client, record, name, body):
        if self.ask(client, record, f"futures/{name}", body):
            record.unset.remove(name)

    def cancel(self, client, record, task, body):
        """Once only: a second request would cancel what the job does about the first."""
        if task["cancel_requested_at"] or self.ask(client, record, "cancel", body):
            record.is_cancelled, record.outside = True, False

    def reschedule(self, client, record, _, body):
        if self.ask(client, record, "reschedule", body):
            record.outside = False

    # ---- the server's lives ----

    def start(self):
        self.server.launch()
        self.server.ready()
        self.runs += 1
        self.is_up.set()

    def prepare(self):
        """What the jobs need, on disk."""
        self.start()
        client = servers.Client(self.server)
        for name, body in jobs.definitions(self.place.folder).items():
            self.put(client, f"coroutines/{name}", body)
        for name, body in jobs.POOLS.items():
            self.put(client, f"executors/{name}", body)
        client.close()

    @staticmethod
    def put(client, path, body):
        answer = client.request("PUT", "/v1/" + path, body)
        if answer.status not in (200, 201):
            raise Broken(f"{path} was answered {answer}")

    def kill(self):
        self.is_up.clear()
        self.server.kill()
        self.world.settle()
        self.kills += 1
        self.world.note(f"K {self.kills}")

    def live(self, chance):
        """One more run of the server. Some end before they have begun."""
        if chance.random() < 0.1:
            self.server.launch()
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
        self.kill()
        check_file(self.server.db)
        self.start()
        client, tasks, target = servers.Client(self.server), [], "/v1/tasks?limit=1000"
        while target:
            page = client.request("GET", target).json
            tasks += page["tasks"]
            target = page["next"] and f"/v1/tasks?limit=1000&cursor={page['next']}"
        self.watch.check_list(tasks)
        client.close()
        self.server.stop()
        check_file(self.server.db)

    def run(self, kills):
        chance = random.Random(f"{self.seed}/kills")
        self.prepare()
        for number in range(2):
            self.spawn(self.submit)
            self.spawn(self.tend, number, 2)
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
    """What awaitd says to its file, if this version has something to say, and what SQLite does."""
    if "check" in subprocess.run([servers.BINARY, "--help"], capture_output=True, text=True, check=True).stdout.split("\n")[0]:
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
    parser.add_argument("seed", nargs="?", type=int, default=random.randrange(1 << 32))
    parser.add_argument("kills", nargs="?", type=int, default=2000)
    parser.add_argument("--jobs", type=int, default=150, help="how many may be open at once")
    parser.add_argument("--life", type=float, default=0.4, help="the longest run of the server, in seconds")
    parser.add_argument("--show", metavar="NAME")
    options = parser.parse_args()
    if options.show:
        show(jobs.Job(options.seed, int(options.show[1:]), jobs.Place("FOLDER", 1, 2, True)))
        return 0
    replay = f"{pathlib.Path(__file__).name} {options.seed} {options.kills}"
    print(f"seed {options.seed}, {options.kills} kills; to do it again: {replay}", flush=True)
    began, folder = time.monotonic(), tempfile.mkdtemp(prefix="awaitd-crash-")
    crash = Crash(folder, options.seed, options.jobs, options.life)
    is_good = crash.main(options.kills)
    seen = crash.watch
    print(f"seed {options.seed}: {crash.kills} kills, {len(seen.ended)} jobs, {seen.leaves} leaves, {seen.extra} of their runs cut off "
          f"by a kill and done again, {seen.starts} starts of jobs, {time.monotonic() - began:.0f} s")
    if is_good:
        shutil.rmtree(folder)
    print(f"{int(is_good)} passed, {int(not is_good)} failed")
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
