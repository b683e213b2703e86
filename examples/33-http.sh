#!/bin/sh
# HTTP: a job that asks whether a server is well, and then has it do something. JSON goes out by `json` and comes
# back as `json`, which later steps refer to. Here the server is awaitd itself; `session` and `url` stand for aiohttp's.
#
#   async def main():
#       async with session.get(f"{url}/healthz") as health:
#           status = (await health.json())["status"]
#       async with session.post(f"{url}/v1/tasks", params={"wait": 5}, json=job) as made:
#           return {"server": status, "code": made.status, "answer": (await made.json())["result"]}
#
# Prints:
#   awaitd is ok
#   result: {"server":"ok","code":200,"answer":{"six":6}}
set -eu
. "$(dirname "$0")/coroutine.sh"

task=$(curl -sS "$url/v1/tasks?wait=10" -d "{\"spec\":
    {\"op\": \"sequence\", \"steps\": [
        {\"op\": \"http\", \"name\": \"health\", \"url\": \"$url/healthz\"},
        {\"op\": \"log\", \"message\": \"awaitd is \${health.json.status}\"},
        {\"op\": \"http\", \"name\": \"made\", \"url\": \"$url/v1/tasks?wait=5\",
            \"json\": {\"spec\": {\"op\": \"value\", \"value\": {\"six\": 6}}}}],
        \"return\": {\"server\": \"\${health.json.status}\", \"code\": \"\${made.status}\",
            \"answer\": \"\${made.json.result}\"}}}")
id=$(printf '%s' "$task" | jq -r .id)

curl -sS "$url/v1/tasks/$id/log" | jq -r '.lines[].message'
printf '%s' "$task" | jq -r '"result: \(.result | tojson)"'
