#!/bin/sh
# A task group: its tasks run together, and who leaves the group waits for all of them. When one fails,
# the others are cancelled, and the errors come together as an `ExceptionGroup`.
#
# In Python:
#   async def fail():
#       raise ValueError("no luck")
#   async def good():
#       async with asyncio.TaskGroup() as group:
#           a = group.create_task(coroutine("A", 0.4))
#           b = group.create_task(coroutine("B", 0.2))
#       return a.result(), b.result()
#   async def bad():
#       async with asyncio.TaskGroup() as group:
#           group.create_task(coroutine("C", 3600))
#           group.create_task(fail())
#   print("result:", *asyncio.run(good()))
#   try:
#       asyncio.run(bad())
#   except ExceptionGroup as group:
#       print("ExceptionGroup:", group)
#       for error in group.exceptions:
#           print("ValueError:", error)
#
# Prints:
#   A: begin
#   B: begin
#   B: end
#   A: end
#   result: A B
#   C: begin
#   ExceptionGroup: unhandled errors in a TaskGroup (1 sub-exception)
#   ValueError: no luck
set -eu
. "$(dirname "$0")/coroutine.sh"

task=$(curl -sS "$url/v1/tasks?wait=10" -d "{\"spec\":
    {\"op\": \"group\", \"tasks\": [$(coroutine A 0.4), $(coroutine B 0.2)]}}")
curl -sS "$url/v1/tasks/$(printf '%s' "$task" | jq -r .id)/log" | jq -r '.lines[].message'
printf '%s' "$task" | jq -r '"result: " + (.result | join(" "))'

task=$(curl -sS "$url/v1/tasks?wait=10" -d "{\"spec\":
    {\"op\": \"group\", \"tasks\": [
        $(coroutine C 3600),
        {\"op\": \"raise\", \"type\": \"ValueError\", \"message\": \"no luck\"}]}}")
curl -sS "$url/v1/tasks/$(printf '%s' "$task" | jq -r .id)/log" | jq -r '.lines[].message'
printf '%s' "$task" | jq -r '.error | ., .exceptions[] | .type + ": " + .message'
