#!/bin/sh
# Semaphores limit how many are inside at a time: two of these three. Whoever has waited longest is next.
#
# In Python:
#   async def main():
#       semaphore = asyncio.Semaphore(2)
#       async def guarded(name, seconds):
#           async with semaphore:
#               return await coroutine(name, seconds)
#       return await asyncio.gather(guarded("A", 0.6), guarded("B", 0.2), guarded("C", 0.8))
#   print("result:", *asyncio.run(main()))
#
# Prints:
#   A: begin
#   B: begin
#   B: end
#   C: begin
#   A: end
#   C: end
#   result: A B C
set -eu
. "$(dirname "$0")/coroutine.sh"

guarded() { # NAME SECONDS
    echo "{\"op\": \"semaphore\", \"semaphore\": \"desks\", \"value\": 2, \"body\": $(coroutine "$@")}"
}

task=$(curl -sS "$url/v1/tasks?wait=10" -d "{\"spec\":
    {\"op\": \"gather\", \"tasks\": [$(guarded A 0.6), $(guarded B 0.2), $(guarded C 0.8)]}}")
id=$(printf '%s' "$task" | jq -r .id)

curl -sS "$url/v1/tasks/$id/log" | jq -r '.lines[].message'
printf '%s' "$task" | jq -r '"result: " + (.result | join(" "))'
