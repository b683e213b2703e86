#!/bin/sh
# Cancelling a task: it is interrupted where it waits, and whoever awaits it gets `CancelledError`.
#
# In Python:
#   async def main():
#       slow = asyncio.create_task(coroutine("slow", 3600))
#       await asyncio.sleep(0.2)
#       slow.cancel("that took too long")
#       await slow
#   try:
#       asyncio.run(main())
#   except asyncio.CancelledError as error:
#       print("CancelledError:", error)
#
# Prints:
#   slow: begin
#   CancelledError: that took too long
set -eu
. "$(dirname "$0")/coroutine.sh"

task=$(curl -sS "$url/v1/tasks?wait=10" -d "{\"spec\":
    {\"op\": \"sequence\", \"steps\": [
        {\"op\": \"create_task\", \"name\": \"slow\", \"body\": $(coroutine slow 3600)},
        {\"op\": \"sleep\", \"seconds\": 0.2},
        {\"op\": \"cancel\", \"task\": \"slow\", \"message\": \"that took too long\"},
        {\"op\": \"await\", \"task\": \"slow\"}]}}")
id=$(printf '%s' "$task" | jq -r .id)

curl -sS "$url/v1/tasks/$id/log" | jq -r '.lines[].message'
printf '%s' "$task" | jq -r '.error.type + ": " + .error.message'
