"""What clients do while the server comes and goes: they submit jobs, look at them, and do something to them from outside.

Whoever is cut off does not know whether what he asked for was done. So he asks again, in a way that does no harm, and
takes for acknowledged only what was answered or is seen to be there.
"""

import itertools
import time
import uuid

import jobs
from server import Broken, Gone


def put(client, path, body):
    answer = client.request("PUT", "/v1/" + path, body)
    if answer.status not in (200, 201):
        raise Broken(f"{path} was answered {answer}")


def pages(client, kind):
    """All of a list."""
    found, cursor = [], ""
    while cursor is not None:
        page = client.request("GET", f"/v1/{kind}?limit=1000{cursor and '&cursor=' + cursor}").json
        found += page[kind]
        cursor = page["next"]
    return found


class Load:
    """The methods that take `chance` (a random.Random) are run again and again, each on a thread of its own."""

    def __init__(self, crash):
        self.crash, self.watch = crash, crash.watch
        self.numbers, self.group_numbers, self.editions = itertools.count(1), itertools.count(1), itertools.count(1)

    def is_full(self):
        if self.crash.is_full_enough.is_set() or len(self.watch.open) >= self.crash.limit:
            time.sleep(0.01)
            return True
        return False

    def repeat(self, request):
        """What the request gives, sent again for as long as nobody answers."""
        while True:
            run = self.crash.runs
            try:
                return request()
            except Gone:
                self.crash.outlived(run)

    def job(self, name):
        return self.watch.register(jobs.Job(self.crash.seed, name, self.crash.place))

    # ---- submitting ----

    def submit(self, client, chance, _):
        if self.is_full():
            return
        record = self.job(f"j{next(self.numbers)}")
        wait = "?wait=0.1" if chance.random() < 0.1 else ""
        record.id = getattr(self, "deliver_by_" + record.job.way)(client, record.job, wait)

    def deliver_by_post(self, client, job, wait="", path="/v1/tasks"):
        """Its id, once it is acknowledged, be it by its being there."""
        while True:
            run = self.crash.runs
            try:
                return self.accepted(client.request("POST", path + wait, job.submission()), job)
            except Gone:
                self.crash.outlived(run)
            id = self.repeat(lambda: self.look_up(client, job.name))
            if id:
                return id

    @staticmethod
    def look_up(client, name):
        tasks = client.request("GET", f"/v1/tasks?name={name}").json["tasks"]
        if len(tasks) > 1:
            raise Broken(f"submitted once, and there twice: {tasks}", name)
        return tasks[0]["id"] if tasks else None

    @staticmethod
    def accepted(answer, job):
        if answer.status not in (200, 201, 202):
            raise Broken(f"a job was answered {answer}", job.name)
        return answer.json["id"]

    def deliver_by_key(self, client, job, wait):
        """Sent again with the same key, it is the same task; also when it was acknowledged before."""
        def request():
            answer = client.request("POST", "/v1/tasks" + wait, job.submission(), {"Idempotency-Key": job.name})
            return self.accepted(answer, job)
        id = self.repeat(request)
        if job.chance(0.2):
            again = self.repeat(request)
            if again != id:
                raise Broken(f"the same key gave {id}, and then {again}", job.name)
        return id

    def deliver_by_put(self, client, job, wait):
        number = uuid.uuid4().int & ~(0xffff << 76) & ~(0xffffffffffff << 80) | 7 << 76 | time.time_ns() // 1000000 << 80
        id, were_sent = str(uuid.UUID(int=number)), 0
        while True:
            run = self.crash.runs
            try:
                answer = client.request("PUT", f"/v1/tasks/{id}{wait}", job.submission(), {"If-None-Match": "*"})
            except Gone:
                self.crash.outlived(run)
                were_sent += 1
                continue
            if answer.status == 412 and were_sent:
                return id
            if self.accepted(answer, job) != id:
                raise Broken(f"put as {id}, and answered {answer}", job.name)
            return id

    # ---- groups and definitions ----

    def open_group(self, client, chance):
        if self.is_full():
            return
        group = self.repeat(lambda: client.request("POST", "/v1/groups", {"name": "crash"})).json["id"]
        names = []
        for _ in range(chance.randint(1, 4)):
            record = self.job(f"g{next(self.group_numbers)}")
            record.id = self.deliver_by_post(client, record.job, path=f"/v1/groups/{group}/tasks")
            names.append(record.job.name)
            time.sleep(chance.random() * 0.1)
        answer = self.repeat(lambda: client.request("POST", f"/v1/groups/{group}/close"))
        if answer.status not in (200, 202):
            raise Broken(f"closing group {group} was answered {answer}")
        self.watch.groups[group] = names

    def edit(self, client, chance):
        if self.is_full():
            return
        number = next(self.editions)
        body = {"body": {"op": "value", "value": number}}
        self.repeat(lambda: put(client, "coroutines/edition", body))
        record = self.job(f"e{number}")
        record.id = self.deliver_by_post(client, record.job)
        time.sleep(chance.random() * 0.1)

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
            self.watch.world.note(f"E {record.job.name}")
            record.body = answer.body
        self.watch.finish(record, self.log(client, record))
        if record.job.name[0] == "j" and chance.random() < 0.05:
            self.delete(client, self.watch.ended[record.job.name])

    @staticmethod
    def delete(client, ended):
        ended.is_deleted = None
        answer = client.request("DELETE", f"/v1/tasks/{ended.id}")
        if answer.status != 204:
            raise Broken(f"DELETE of {ended.id} was answered {answer}")
        ended.is_deleted = True

    def tend_running(self, client, chance, record, task):
        if record.is_cancelled and not task["cancel_requested_at"]:
            raise Broken(f"an acknowledged cancel was forgotten: {task}", record.job.name)
        if record.outside and record.job.armed or chance.random() < 0.1:
            self.watch.seen(record, self.log(client, record))
        for name, body in record.job.futures:
            if name in record.unset and chance.random() < 0.3:
                self.ask(client, record, f"futures/{name}", body)
                record.unset.remove(name)
        if record.outside and (not record.job.armed or record.job.armed in record.markers):
            what, body = record.job.outside
            getattr(self, what)(client, record, task, body)
            record.outside = False

    @staticmethod
    def log(client, record):
        answer = client.request("GET", f"/v1/tasks/{record.id}/log?limit=1000")
        if answer.status != 200:
            raise Broken(f"the log was answered {answer}", record.job.name)
        return answer.json["lines"]

    @staticmethod
    def ask(client, record, path, body):
        """Returns when it is done; the answer to the same request may have been lost before."""
        was_asked = path in record.asked
        record.asked.add(path)
        answer = client.request("POST", f"/v1/tasks/{record.id}/{path}", body)
        if answer.status not in (200, 202) and not (answer.status == 409 and was_asked):
            raise Broken(f"{path} was answered {answer}", record.job.name)

    def cancel(self, client, record, task, body):
        """Once only: a second request would cancel what the job does about the first."""
        if not task["cancel_requested_at"]:
            self.ask(client, record, "cancel", body)
        record.is_cancelled = True

    def reschedule(self, client, record, _, body):
        self.ask(client, record, "reschedule", body)
