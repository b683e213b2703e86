#!/bin/sh
# An event loop of one's own: a thread of the server. One job after another runs on it to its end; then it is
# closed, which is refused as long as it has jobs that have not ended.
#
# In Python:
#   loop = asyncio.new_event_loop()
#   print("result:", loop.run_until_complete(coroutine("A", 0.2)))
#   print("result:", loop.run_until_complete(coroutine("B", 0.2)))
#   loop.close()
#   print("closed:", loop.is_closed())
#
# Prints:
#   A: begin
#   A: end
#   result: A
#   B: begin
#   B: end
#   result: B
#   closed: True
set -eu
. "$(dirname "$0")/coroutine.sh"

run_until_complete() { # SPEC
    task=$(curl -sS "$url/v1/loops/tutorial/run_until_complete" -d "{\"spec\": $1}")
    curl -sS "$url/v1/tasks/$(printf '%s' "$task" | jq -r .id)/log" | jq -r '.lines[].message'
    printf '%s' "$task" | jq -r '"result: " + .result'
}

curl -sS "$url/v1/loops" -d '{"name": "tutorial"}' >/dev/null
run_until_complete "$(coroutine A 0.2)"
run_until_complete "$(coroutine B 0.2)"
curl -sS -X DELETE "$url/v1/loops/tutorial"
curl -sS "$url/v1/loops/tutorial" | jq -r 'if .status == 404 then "closed: True" else . end'
