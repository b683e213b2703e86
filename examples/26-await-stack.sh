#!/bin/sh
# Who waits for what in a job that runs, and since when: what `python -m asyncio pstree` shows of a program.
# It stands below the tree of the job's nodes.
#
# Prints:
#   ├── Task-1 waiting for 2 of 2 tasks at '/steps/1'
#   │   ├── Task-3 waiting for task 'download' at '/steps/1/tasks/0'
#   │   └── Task-4 waiting for semaphore 'empty' at '/steps/1/tasks/1'
#   └── Task-2 'download' waiting for sleep at '/steps/0/body'
set -eu
. "$(dirname "$0")/coroutine.sh"

id=$(curl -sS "$url/v1/tasks" -d '{"spec":
    {"op": "sequence", "steps": [
        {"op": "create_task", "name": "download", "body": {"op": "sleep", "seconds": 3600}},
        {"op": "gather", "tasks": [
            {"op": "await", "task": "download"},
            {"op": "semaphore", "semaphore": "empty", "value": 0, "body": {"op": "value", "value": "never"}}]}]}}' |
    jq -r .id)
sleep 0.5

curl -sS "$url/v1/tasks/$id/tree?format=text" | sed '1,/^$/d; s/ since .*//'
curl -sS -X POST "$url/v1/tasks/$id/cancel" >/dev/null
