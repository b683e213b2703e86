#!/bin/sh
# Looking at jobs: the tree of a running one, node by node, and the list of those with a label. What
# `asyncio.all_tasks()` and `Task.print_stack()` are good for, and after the end, too.
#
# Prints:
#   gather: running
#     value: succeeded, "ready"
#     sleep: running
#   running: inspected
#   then: cancelled
#   deleted: 204
set -eu
. "$(dirname "$0")/coroutine.sh"
label=run:$$-$(date +%s)

id=$(curl -sS "$url/v1/tasks" -d "{\"name\": \"inspected\", \"labels\": {\"run\": \"${label#run:}\"}, \"spec\":
    {\"op\": \"gather\", \"tasks\": [
        {\"op\": \"value\", \"value\": \"ready\"},
        {\"op\": \"sleep\", \"seconds\": 3600}]}}" | jq -r .id)
sleep 0.5

curl -sS "$url/v1/tasks/$id/tree" | jq -r '
    "\(.op): \(.state)",
    (.children[] | "  \(.op): \(.state)" + if .state == "succeeded" then ", \(.result | tojson)" else "" end)'
curl -sS "$url/v1/tasks?state=running&label=$label" | jq -r '.tasks[] | "running: " + .name'

curl -sS -X POST "$url/v1/tasks/$id/cancel" >/dev/null
curl -sS "$url/v1/tasks/$id?wait=10" | jq -r '"then: " + .state'
echo "deleted: $(curl -sS -X DELETE -w '%{http_code}' "$url/v1/tasks/$id")"
