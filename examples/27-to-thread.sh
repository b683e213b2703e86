#!/bin/sh
# A function that blocks, in a thread: the coroutine awaits it, and the loop goes on meanwhile. What
# there is to call, `GET /v1/functions` lists; `sleep` is the tutorial's `rutina`: it blocks, and
# returns for how long.
#
# In Python:
#   import time
#   def routine(seconds):
#       time.sleep(seconds)
#       return seconds
#   async def main():
#       async with asyncio.TaskGroup() as group:
#           group.create_task(coroutine("A", 0.1))
#           result = await asyncio.to_thread(routine, seconds=0.3)
#       print(result)
#   asyncio.run(main())
#
# Prints:
#   A: begin
#   A: end
#   0.3
set -eu
. "$(dirname "$0")/coroutine.sh"

task=$(curl -sS "$url/v1/tasks?wait=10" -d "{\"spec\": {\"op\": \"group\", \"tasks\": [
    $(coroutine A 0.1),
    {\"op\": \"thread\", \"function\": \"sleep\", \"args\": {\"seconds\": 0.3}}]}}")
id=$(printf '%s' "$task" | jq -r .id)

curl -sS "$url/v1/tasks/$id/log" | jq -r '.lines[].message'
printf '%s' "$task" | jq -r '.result[1]'
