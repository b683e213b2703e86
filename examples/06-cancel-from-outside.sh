#!/bin/sh
# Cancelling a whole job, from wherever its id is known.
#
# In Python:
#   async def main():
#       job = asyncio.create_task(coroutine("job", 3600))
#       await asyncio.sleep(0.2)
#       job.cancel()
#       await asyncio.wait([job])
#       print("state:", "cancelled" if job.cancelled() else "something else")
#   asyncio.run(main())
#
# Prints:
#   job: begin
#   state: cancelled
set -eu
. "$(dirname "$0")/coroutine.sh"

id=$(curl -sS "$url/v1/tasks" -d "{\"spec\": $(coroutine job 3600)}" | jq -r .id)
sleep 0.5
curl -sS -X POST "$url/v1/tasks/$id/cancel" >/dev/null
state=$(curl -sS "$url/v1/tasks/$id?wait=10" | jq -r .state)

curl -sS "$url/v1/tasks/$id/log" | jq -r '.lines[].message'
echo "state: $state"
