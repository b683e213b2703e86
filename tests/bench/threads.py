"""For threads.sh: measures both, one after the other, again and again."""

import asyncio
import datetime
import json
import statistics
import sys
import time
import urllib.request

URL, ROUNDS = sys.argv[1], int(sys.argv[2])
AT_ONCE = 64


def awaitd(n):
    """Calls a second of one job, from its start to its end."""
    spec = {"op": "map", "items": list(range(n)), "concurrency": AT_ONCE, "body": {"op": "thread", "function": "noop"}}
    request = urllib.request.Request(URL + "/v1/tasks?wait=100", json.dumps({"spec": spec}).encode(),
                                     {"Content-Type": "application/json"})
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request) as response:
        task = json.load(response)
    assert task["state"] == "succeeded" and task["result"] == [None] * n, task["state"]
    start, end = (datetime.datetime.fromisoformat(task[key].replace("Z", "+00:00")) for key in ("started_at", "finished_at"))
    return n / (end - start).total_seconds()


def nothing():
    return None


def python(n):
    async def main():
        semaphore = asyncio.Semaphore(AT_ONCE)

        async def one():
            async with semaphore:
                return await asyncio.to_thread(nothing)

        start = time.monotonic()
        await asyncio.gather(*(one() for _ in range(n)))
        return n / (time.monotonic() - start)

    return asyncio.run(main())


rates = [(awaitd(200000), python(20000)) for _ in range(ROUNDS)]
ours, theirs = (statistics.median(column) for column in zip(*rates))
print(f"{'empty function in a thread, 64 at once':44} {ours:10.0f} /s, asyncio.to_thread {theirs:.0f} /s: "
      f"{ours / theirs:.1f} times")
