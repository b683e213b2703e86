#!/bin/sh
# A semaphore's name is known to the whole server: here two jobs share one printer. A bounded semaphore refuses
# to be released more often than it was acquired; `async with`, and so this op, cannot do that wrong.
#
# In Python:
#   async def main():
#       printer = asyncio.BoundedSemaphore(1)
#       async def job(name, seconds):
#           async with printer:
#               await coroutine(name, seconds)
#       await asyncio.gather(job("first", 0.4), job("second", 0.2))
#   asyncio.run(main())
#
# Prints:
#   first: begin
#   first: end
#   second: begin
#   second: end
set -eu
. "$(dirname "$0")/coroutine.sh"

submit() { # NAME SECONDS
    curl -sS "$url/v1/tasks" -d "{\"spec\":
        {\"op\": \"semaphore\", \"semaphore\": \"printer\", \"bounded\": true, \"body\": $(coroutine "$@")}}" |
        jq -r .id
}

first=$(submit first 0.4)
second=$(submit second 0.2)
for id in "$second" "$first"; do
    curl -sS "$url/v1/tasks/$id?wait=10" >/dev/null
    curl -sS "$url/v1/tasks/$id/log"
done | jq -rs '[.[].lines[]] | sort_by(.time)[].message'
