#!/bin/sh
# Errors. In a `gather` with `return_exceptions` they stand among the results; without it, the first one
# ends the job, and what it left running is cancelled.
#
# In Python:
#   async def fail():
#       raise ValueError("no luck")
#   async def main():
#       results = await asyncio.gather(coroutine("A", 0.1), fail(), return_exceptions=True)
#       for result in results:
#           print("error:" if isinstance(result, Exception) else "result:", result)
#       await asyncio.gather(coroutine("B", 3600), fail())
#   try:
#       asyncio.run(main())
#   except ValueError as error:
#       print("ValueError:", error)
#
# Prints:
#   A: begin
#   A: end
#   result: A
#   error: no luck
#   B: begin
#   ValueError: no luck
set -eu
. "$(dirname "$0")/coroutine.sh"
fail='{"op": "raise", "type": "ValueError", "message": "no luck"}'

task=$(curl -sS "$url/v1/tasks?wait=10" -d "{\"spec\":
    {\"op\": \"gather\", \"return_exceptions\": true, \"tasks\": [$(coroutine A 0.1), $fail]}}")
curl -sS "$url/v1/tasks/$(printf '%s' "$task" | jq -r .id)/log" | jq -r '.lines[].message'
printf '%s' "$task" | jq -r '.result[] | if type == "object" then "error: " + .error.message else "result: " + . end'

task=$(curl -sS "$url/v1/tasks?wait=10" -d "{\"spec\":
    {\"op\": \"gather\", \"tasks\": [$(coroutine B 3600), $fail]}}")
curl -sS "$url/v1/tasks/$(printf '%s' "$task" | jq -r .id)/log" | jq -r '.lines[].message'
printf '%s' "$task" | jq -r '.error.type + ": " + .error.message'
