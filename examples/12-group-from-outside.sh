#!/bin/sh
# A task group whose body is the client: tasks come into it one by one, from wherever its id is known.
# `close` is the end of the `async with`. After the first failure the group takes no new tasks.
#
# In Python:
#   async def fail():
#       raise ValueError("no luck")
#   async def good():
#       async with asyncio.TaskGroup() as group:
#           a = group.create_task(asyncio.sleep(0.4, "A"))
#           b = group.create_task(asyncio.sleep(0.2, "B"))
#       print("result:", a.result(), b.result())
#   async def bad():
#       try:
#           async with asyncio.TaskGroup() as group:
#               slow = group.create_task(asyncio.sleep(3600))
#               group.create_task(fail())
#       except* ValueError as errors:
#           print("error:", *errors.exceptions)
#       print("slow:", "cancelled" if slow.cancelled() else "something else")
#       late = coroutine("late", 3600)
#       try:
#           group.create_task(late)
#       except RuntimeError:
#           print("late: refused")
#           late.close()
#   asyncio.run(good())
#   asyncio.run(bad())
#
# Prints:
#   result: A B
#   error: no luck
#   slow: cancelled
#   late: refused
set -eu
. "$(dirname "$0")/coroutine.sh"

create() { # GROUP SPEC
    curl -sS "$url/v1/groups/$1/tasks" -d "{\"spec\": $2}"
}

group=$(curl -sS -X POST "$url/v1/groups" | jq -r .id)
create "$group" '{"op": "sleep", "seconds": 0.4, "result": "A"}' >/dev/null
create "$group" '{"op": "sleep", "seconds": 0.2, "result": "B"}' >/dev/null
curl -sS -X POST "$url/v1/groups/$group/close?wait=10" | jq -r '"result: " + (.result | join(" "))'

group=$(curl -sS -X POST "$url/v1/groups" | jq -r .id)
slow=$(create "$group" '{"op": "sleep", "seconds": 3600}' | jq -r .id)
create "$group" '{"op": "raise", "type": "ValueError", "message": "no luck"}' >/dev/null
curl -sS "$url/v1/groups/$group?wait=10" | jq -r '"error: " + .error.exceptions[].message'
curl -sS "$url/v1/tasks/$slow" | jq -r '"slow: " + .state'
create "$group" "$(coroutine late 3600)" | jq -r 'if .status == 409 then "late: refused" else . end'
