-- wrk: posts one small task a request; prints requests a second, the median and the 99th percentile in
-- microseconds, and how many answers were no success.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.body = '{"spec":{"op":"value","value":42}}'

function done(summary, latency, requests)
  local errors = summary.errors
  io.write(string.format("RESULT %.1f %d %d %d\n", summary.requests * 1e6 / summary.duration,
    latency:percentile(50), latency:percentile(99),
    errors.status + errors.connect + errors.read + errors.write + errors.timeout))
end
