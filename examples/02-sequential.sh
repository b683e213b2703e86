#!/bin/sh
# One after another: each `await` is over before the next coroutine begins.
#
# In Python:
#   async def main():
#       await coroutine("A", 0.1)
#       await coroutine("B", 0.1)
#       await coroutine("C", 0.1)
#   asyncio.run(main())
#
# Prints:
#   A: begin
#   A: end
#   B: begin
#   B: end
#   C: begin
#   C: end
set -eu
. "$(dirname "$0")/coroutine.sh"

id=$(curl -sS "$url/v1/tasks?wait=10" -d "{\"spec\":
    {\"op\": \"sequence\", \"steps\": [
        $(coroutine A 0.1),
        $(coroutine B 0.1),
        $(coroutine C 0.1)]}}" | jq -r .id)

curl -sS "$url/v1/tasks/$id/log" | jq -r '.lines[].message'
