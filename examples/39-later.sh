#!/bin/sh
# Tasks that begin later: after a delay, which is a duration, or at a time by the clock. Until then they are pending,
# which is on disk; one that is cancelled then never begins.
#
# In Python:
#   async def main():
#       loop = asyncio.get_running_loop()
#       def begin(name):
#           print(f"{name} begins")
#       loop.call_later(0.6, begin, "delay")
#       loop.call_at(loop.time() + 1.2, begin, "run_at")
#       never = loop.call_later(3600, begin, "never")
#       print("pending")
#       never.cancel()
#       print("cancelled: never began")
#       await asyncio.sleep(1.5)
#   asyncio.run(main())
#
# Prints:
#   pending
#   cancelled: never began
#   delay begins
#   run_at begins
set -eu
. "$(dirname "$0")/coroutine.sh"

submit() { # submit DELAY-OR-RUN_AT NAME
    curl -sS "$url/v1/tasks" -d "{$1, \"spec\": {\"op\": \"log\", \"message\": \"$2 begins\"}}" | jq -r .id
}

delay=$(submit '"delay": 0.6' delay)
run_at=$(submit "\"run_at\": \"$(date -u -d '+1 second' +%Y-%m-%dT%H:%M:%S.%NZ)\"" run_at)
never=$(submit '"delay": 3600' never)
curl -sS "$url/v1/tasks/$never" | jq -r .state
curl -sS -X POST "$url/v1/tasks/$never/cancel" >/dev/null
curl -sS "$url/v1/tasks/$never?wait=10" | jq -r '"\(.state): \(if .started_at then "began" else "never began" end)"'
for id in "$delay" "$run_at"; do
    curl -sS "$url/v1/tasks/$id?wait=10" >/dev/null
    curl -sS "$url/v1/tasks/$id/log" | jq -r '.lines[].message'
done
