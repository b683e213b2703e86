#!/bin/sh
# The same on an executor of one's own, as `run_in_executor` does it: two threads, so that of three
# calls one waits until there is a thread for it. An executor is there until it is deleted, for all jobs.
#
# A coroutine is no function: what blocks no thread needs none, and is refused.
#
# In Python:
#   import time
#   from concurrent.futures import ThreadPoolExecutor
#   def routine(name, seconds):
#       time.sleep(seconds)
#       return name
#   async def main():
#       loop = asyncio.get_event_loop()
#       with ThreadPoolExecutor(max_workers=2) as executor:
#           print(*await asyncio.gather(
#               loop.run_in_executor(executor, routine, "X", 0.1),
#               loop.run_in_executor(executor, routine, "Y", 0.1),
#               loop.run_in_executor(executor, routine, "Z", 0.1)))
#       try:
#           await loop.run_in_executor(None, coroutine, "A", 0.1)
#       except TypeError:
#           print("coroutines cannot be used with run_in_executor()")
#   loop = asyncio.new_event_loop()
#   loop.set_debug(True)
#   loop.run_until_complete(main())
#
# Prints:
#   X Y Z
#   coroutines cannot be used with run_in_executor()
set -eu
. "$(dirname "$0")/coroutine.sh"

curl -sS -X PUT "$url/v1/executors/two" -d '{"workers": 2}' >/dev/null

routine() {
    printf '{"op": "thread", "executor": "two", "function": "sleep", "args": {"seconds": %s, "result": "%s"}}' "$2" "$1"
}

curl -sS "$url/v1/tasks?wait=10" -d "{\"spec\": {\"op\": \"gather\", \"tasks\": [
    $(routine X 0.1), $(routine Y 0.1), $(routine Z 0.1)]}}" | jq -r '.result | join(" ")'

curl -sS -X PUT "$url/v1/coroutines/nap" -d '{"body": {"op": "sleep", "seconds": 0.1}}' >/dev/null
curl -sS "$url/v1/tasks" -d '{"spec": {"op": "thread", "function": "nap"}}' |
    jq -r 'if .status == 422 then "coroutines cannot be used with run_in_executor()" else . end'

curl -sS -X DELETE "$url/v1/executors/two"
