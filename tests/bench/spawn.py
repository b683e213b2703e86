"""The subprocess benchmark's other side: asyncio.create_subprocess_exec of /bin/true, and the same as a job.
Prints processes a second.

    spawn.py asyncio N AT_ONCE
    spawn.py awaitd N AT_ONCE URL
    spawn.py fill BYTES URL PID      has it hold tasks that sleep, until they take so much memory
"""
import asyncio
import json
import sys
import time
import urllib.request


async def by_asyncio(n, at_once):
    room = asyncio.Semaphore(at_once)

    async def one():
        async with room:
            process = await asyncio.create_subprocess_exec("/bin/true", stdout=asyncio.subprocess.PIPE,
                                                           stderr=asyncio.subprocess.PIPE)
            await process.communicate()
            assert process.returncode == 0

    await asyncio.gather(*[one() for _ in range(n)])


def post(url, body):
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request) as answer:
        return json.load(answer)


def by_awaitd(n, at_once, url):
    task = post(f"{url}/v1/tasks?wait=300", {"spec": {
        "op": "map", "items": [0] * n, "concurrency": at_once, "body": {"op": "subprocess", "argv": ["/bin/true"]}}})
    assert task["state"] == "succeeded", task


def memory_of(pid):
    with open(f"/proc/{pid}/status") as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith("VmRSS"))


def fill(size, url, pid):
    sleeps = {"op": "gather", "tasks": [{"op": "sleep", "seconds": 86400}] * 100}
    while memory_of(pid) < size:
        post(f"{url}/v1/tasks?wait=0.2", {"spec": {"op": "map", "items": [0] * 1000, "body": sleeps}})


def main(what, size, *rest):
    begin = time.monotonic()
    if what == "asyncio":
        asyncio.run(by_asyncio(int(size), int(rest[0])))
    elif what == "awaitd":
        by_awaitd(int(size), int(rest[0]), rest[1])
    else:
        fill(int(size), *rest)
        return
    print(f"{int(size) / (time.monotonic() - begin):.0f}")


main(*sys.argv[1:])
