#!/bin/sh
# How far a job is, while it runs. A `map` counts the items that are done; a program says it in lines such as
# `::progress 0.4 nearly half of it`.
#
# Prints:
#   map: 0.75
#   program: 0.4, nearly half of it
set -eu
. "$(dirname "$0")/coroutine.sh"

map=$(curl -sS "$url/v1/tasks" -d '{"spec":
    {"op": "map", "items": [0, 0, 0, 3600], "body": {"op": "sleep", "seconds": "${item}"}}}' | jq -r .id)
program=$(curl -sS "$url/v1/tasks" -d '{"spec":
    {"op": "subprocess", "shell": "echo \"::progress 0.4 nearly half of it\"; exec sleep 3600"}}' | jq -r .id)
sleep 1

curl -sS "$url/v1/tasks/$map" | jq -r '"map: \(.progress)"'
curl -sS "$url/v1/tasks/$program" | jq -r '"program: \(.progress), \(.progress_message)"'
for id in "$map" "$program"; do
    curl -sS -X POST "$url/v1/tasks/$id/cancel" >/dev/null
done
