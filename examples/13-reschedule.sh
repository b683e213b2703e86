#!/bin/sh
# A time limit that is moved while it runs: first there is none, then half a second is left. The `timeout`
# has a name, so that `reschedule` knows which one is meant.
#
# In Python:
#   async def main():
#       now = asyncio.get_running_loop().time
#       async with asyncio.timeout(None) as limit:
#           await coroutine("A", 0.2)
#           limit.reschedule(now() + 0.5)
#           await coroutine("B", 0.2)
#           await coroutine("C", 3600)
#   try:
#       asyncio.run(main())
#   except TimeoutError:
#       print("TimeoutError")
#
# Prints:
#   A: begin
#   A: end
#   B: begin
#   B: end
#   C: begin
#   TimeoutError
set -eu
. "$(dirname "$0")/coroutine.sh"

task=$(curl -sS "$url/v1/tasks?wait=10" -d "{\"spec\":
    {\"op\": \"timeout\", \"name\": \"limit\", \"seconds\": null, \"body\":
        {\"op\": \"sequence\", \"steps\": [
            $(coroutine A 0.2),
            {\"op\": \"reschedule\", \"timeout\": \"limit\", \"seconds\": 0.5},
            $(coroutine B 0.2),
            $(coroutine C 3600)]}}}")
id=$(printf '%s' "$task" | jq -r .id)

curl -sS "$url/v1/tasks/$id/log" | jq -r '.lines[].message'
printf '%s' "$task" | jq -r .error.type
