#!/bin/sh
# A deadline that is moved from outside while the job runs: a named `timeout` of it, or, without a name, the
# one that was given beside `spec`. Once it has expired, that is refused.
#
# In Python:
#   async def main():
#       now = asyncio.get_running_loop().time
#       limit = asyncio.timeout(3600)
#       async def job():
#           async with limit:
#               await coroutine("job", 3600)
#       task = asyncio.create_task(job())
#       await asyncio.sleep(0.2)
#       limit.reschedule(now() + 0.2)
#       try:
#           await task
#       except TimeoutError:
#           print("TimeoutError")
#       try:
#           limit.reschedule(now() + 10)
#       except RuntimeError:
#           print("too late")
#   asyncio.run(main())
#
# Prints:
#   job: begin
#   TimeoutError
#   too late
set -eu
. "$(dirname "$0")/coroutine.sh"

id=$(curl -sS "$url/v1/tasks" -d "{\"spec\":
    {\"op\": \"timeout\", \"name\": \"limit\", \"seconds\": 3600, \"body\": $(coroutine job 3600)}}" | jq -r .id)
sleep 0.5
curl -sS "$url/v1/tasks/$id/reschedule" -d '{"timeout": "limit", "seconds": 0.2}' >/dev/null
error=$(curl -sS "$url/v1/tasks/$id?wait=10" | jq -r .error.type)

curl -sS "$url/v1/tasks/$id/log" | jq -r '.lines[].message'
echo "$error"
curl -sS "$url/v1/tasks/$id/reschedule" -d '{"timeout": "limit", "seconds": 10}' |
    jq -r 'if .status == 409 then "too late" else . end'
