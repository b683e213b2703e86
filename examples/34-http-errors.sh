#!/bin/sh
# HTTP that fails, in four ways: a status that says so, nobody who listens, an answer that takes too long, and an
# address that no job may connect to. Each is an exception of its own type, to be caught as any other; their families
# are Python's. `"raise_for_status": false` makes any answer a result.
#
# Prints:
#   HTTPStatusError 404: there is nothing at '/nowhere'; /openapi.yaml lists all paths
#   ConnectionRefusedError
#   TimeoutError
#   PermissionError
#   result: 404
set -eu
. "$(dirname "$0")/coroutine.sh"

get() { # PATH-OR-URL [FIELDS]: one request, and a line about what it raised
    case $1 in /*) set -- "$url$1" "${2:-}" ;; esac
    cat <<EOT
    {"op": "try", "body": {"op": "http", "url": "$1"${2:+, $2}}, "except": [
        {"types": ["HTTPStatusError"], "as": "e",
            "body": {"op": "log", "message": "\${e.type} \${e.details.status}: \${e.details.json.detail}"}},
        {"types": ["OSError"], "as": "e", "body": {"op": "log", "message": "\${e.type}"}}]}
EOT
}

# A task that nobody waits for to end: its own answer takes five seconds.
slow='"json": {"spec": {"op": "sleep", "seconds": 5}}, "timeout": 0.1'

task=$(curl -sS "$url/v1/tasks?wait=10" -d "{\"spec\": {\"op\": \"sequence\", \"steps\": [
    $(get /nowhere),
    $(get http://127.0.0.1:1/),
    $(get "/v1/tasks?wait=5" "$slow"),
    $(get http://169.254.169.254/latest/meta-data/),
    {\"op\": \"http\", \"name\": \"last\", \"url\": \"$url/nowhere\", \"raise_for_status\": false}],
    \"return\": \"\${last.status}\"}}")
id=$(printf '%s' "$task" | jq -r .id)

curl -sS "$url/v1/tasks/$id/log" | jq -r '.lines[].message'
printf '%s' "$task" | jq -r '"result: \(.result)"'
