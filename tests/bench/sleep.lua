-- wrk: posts a task a request that sleeps for so many SECONDS.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"spec":{"op":"sleep","seconds":' .. os.getenv("SECONDS") .. '}}'
