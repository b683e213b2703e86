#!/bin/sh
# An approval: the job waits until somebody outside decides. Its tree shows a signed URL for each `future` that is
# still to be set. Whoever has that URL can set this one future, once, and do nothing else: it can be sent by mail, or
# handed to a script.
#
# In Python:
#   async def main():
#       loop = asyncio.get_running_loop()
#       approval = loop.create_future()
#       async def job():
#           print("waiting for approval")
#           try:
#               by = await approval
#               print(f"approved by {by}")
#           except Rejected as e:
#               print(f"rejected: {e}")
#           await asyncio.sleep(0.1)
#       class Rejected(Exception):
#           pass
#       task = asyncio.create_task(job())
#       await asyncio.sleep(0.1)
#       print("still to be set:", not approval.done())
#       approval.set_exception(Rejected("too expensive"))
#       try:
#           approval.set_result("Ana")
#       except asyncio.InvalidStateError:
#           print("too late")
#       await task
#   asyncio.run(main())
#
# Prints:
#   waiting for approval
#   still to be set: True
#   too late
#   rejected: too expensive
set -eu
. "$(dirname "$0")/coroutine.sh"

id=$(curl -sS "$url/v1/tasks" -d '{"spec":
    {"op": "sequence", "steps": [
        {"op": "log", "message": "waiting for approval"},
        {"op": "try",
            "body": {"op": "sequence", "steps": [
                {"op": "future", "name": "approval"},
                {"op": "log", "message": "approved by ${approval}"}]},
            "except": [{"types": ["Rejected"], "as": "e", "body": {"op": "log", "message": "rejected: ${e.message}"}}]},
        {"op": "sleep", "seconds": 0.1}]}}' | jq -r .id)
messages() { curl -sS "$url/v1/tasks/$id/log" | jq -r '.lines[].message'; }
until [ -n "$(messages)" ]; do sleep 0.1; done
messages

callback=$(curl -sS "$url/v1/tasks/$id/tree" | jq -r '.. | .callback? // empty')
curl -sS "$url$callback" | jq -r '"still to be set: " + if .done then "False" else "True" end'
curl -sS "$url$callback" -d '{"error": {"type": "Rejected", "message": "too expensive"}}' >/dev/null
curl -sS "$url$callback" -d '{"result": "Ana"}' | jq -r 'if .status == 409 then "too late" else . end'
curl -sS "$url/v1/tasks/$id?wait=10" >/dev/null
messages | tail -n 1
