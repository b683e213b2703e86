#!/bin/sh
# Both ways at once: threads run beside each other, so that it takes as long as the longest of them,
# and the results stand in the order of the list.
#
# In Python:
#   import time
#   def routine(name, seconds):
#       time.sleep(seconds)
#       return seconds
#   async def main():
#       loop = asyncio.get_running_loop()
#       result = await asyncio.gather(
#           loop.run_in_executor(None, routine, "X", 0.3),
#           asyncio.to_thread(routine, name="Y", seconds=0.2))
#       print(result)
#   asyncio.run(main())
#
# Prints:
#   [0.3, 0.2]
set -eu
. "$(dirname "$0")/coroutine.sh"

curl -sS "$url/v1/tasks?wait=10" -d '{"spec": {"op": "gather", "tasks": [
    {"op": "thread", "function": "sleep", "args": {"seconds": 0.3}, "executor": "default"},
    {"op": "thread", "function": "sleep", "args": {"seconds": 0.2}}]}}' |
    jq -r '.result | "[" + (map(tostring) | join(", ")) + "]"'
