"""How much the event loop lags, and how long GET /healthz takes beside it, under each kind of real work.

A server for each; needs AWAITD, the program, and PYTHONPATH=tests/e2e.
"""

import statistics
import threading
import time

import awaitd
import web


def thread(function, **args):
    return {"op": "thread", "function": function, "args": args}


def each(n, at_once, body):
    return {"op": "map", "items": list(range(n)), "concurrency": at_once, "body": body}


def processes(server):
    server.run(each(10_000, 16, {"op": "subprocess", "argv": ["/bin/true"]}))


def requests(server):
    with web.Web() as site:
        urls = [site.url + path for path in ("/slow", "/broken", "/status?status=500")]
        server.run({"op": "gather", "return_exceptions": True,
                    "tasks": [{"op": "http", "url": urls[i % 3]} for i in range(2000)]})
        task = server.submit({"op": "gather", "tasks": [{"op": "http", "url": site.url + "/never"}] * 2000})
        awaitd.until(lambda: site.count()["open"] >= 2000, "all requests are there")
        server.cancel(task["id"])
        server.wait(task["id"])


def stuck(server):
    """Calls of a function that never returns and is deaf to cancellation, on an executor of 4."""
    server.put("/v1/executors/four", {"workers": 4})
    call = {"op": "timeout", "seconds": 2, "body": {**thread("sleep", seconds=3600, cancellable=False), "executor": "four"}}
    server.run({"op": "gather", "return_exceptions": True, "tasks": [call] * 64})


def calls(server):
    for _ in range(10):
        server.run(each(10_000, 64, thread("noop")))


def beside(server, work):
    """The latencies of GET /healthz while it works, in seconds."""
    latencies, worker = [], threading.Thread(target=work, args=[server])
    connection = server.open_http()
    worker.start()
    while worker.is_alive():
        began = time.monotonic()
        assert server.request("GET", "/healthz", connection=connection).status == 200
        latencies.append(time.monotonic() - began)
        time.sleep(0.002)
    worker.join()
    connection.close()
    return latencies


print(f"{'lag of the loop, in ms':34} {'p50':>8} {'p99':>8} {'max':>8}   GET /healthz: p50, p99")
for what, work in (("10,000 x /bin/true, 16 at once", processes), ("2,000 x http, and 2,000 cancelled", requests),
                   ("64 x stuck thread on 4 workers", stuck), ("100,000 x thread, 64 at once", calls)):
    server = awaitd.Server()
    latencies = beside(server, work)
    lag = server.get("/v1/loops/main").json["lag"]
    cuts = statistics.quantiles(latencies, n=100)
    print(f"{what:34} {lag['p50'] * 1e3:8.3f} {lag['p99'] * 1e3:8.3f} {lag['max'] * 1e3:8.3f}   "
          f"{cuts[49] * 1e3:13.2f} {cuts[98] * 1e3:7.2f}", flush=True)
    server.kill() if work is stuck else server.stop()
    server.close()
