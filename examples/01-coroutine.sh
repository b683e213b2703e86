#!/bin/sh
# A coroutine, run to its end. While it sleeps, it blocks nobody. `?wait=10` makes curl wait for the
# result as `asyncio.run` does, at most 10 seconds.
#
# In Python:
#   result = asyncio.run(coroutine("A", 0.3))
#   print("result:", result)
#
# Prints:
#   A: begin
#   A: end
#   result: A
set -eu
. "$(dirname "$0")/coroutine.sh"

task=$(curl -sS "$url/v1/tasks?wait=10" -d "{\"spec\": $(coroutine A 0.3)}")
id=$(printf '%s' "$task" | jq -r .id)

curl -sS "$url/v1/tasks/$id/log" | jq -r '.lines[].message'
printf '%s' "$task" | jq -r '"result: " + .result'
