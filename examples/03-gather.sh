#!/bin/sh
# All at once: `gather` takes as long as the slowest, and its results stand in the order of the list,
# whoever was first.
#
# In Python:
#   async def main():
#       return await asyncio.gather(coroutine("A", 0.6), coroutine("B", 0.4), coroutine("C", 0.2))
#   print("result:", *asyncio.run(main()))
#
# Prints:
#   A: begin
#   B: begin
#   C: begin
#   C: end
#   B: end
#   A: end
#   result: A B C
set -eu
. "$(dirname "$0")/coroutine.sh"

task=$(curl -sS "$url/v1/tasks?wait=10" -d "{\"spec\":
    {\"op\": \"gather\", \"tasks\": [
        $(coroutine A 0.6),
        $(coroutine B 0.4),
        $(coroutine C 0.2)]}}")
id=$(printf '%s' "$task" | jq -r .id)

curl -sS "$url/v1/tasks/$id/log" | jq -r '.lines[].message'
printf '%s' "$task" | jq -r '"result: " + (.result | join(" "))'
