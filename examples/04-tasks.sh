#!/bin/sh
# Tasks: `create_task` starts something in the background and goes on at once; `await` collects it later.
#
# In Python:
#   async def main():
#       a = asyncio.create_task(coroutine("A", 0.6))
#       b = asyncio.create_task(coroutine("B", 0.2))
#       print("main: both are on their way")
#       await a
#       return await b
#   print("result:", asyncio.run(main()))
#
# Prints:
#   main: both are on their way
#   A: begin
#   B: begin
#   B: end
#   A: end
#   result: B
set -eu
. "$(dirname "$0")/coroutine.sh"

task=$(curl -sS "$url/v1/tasks?wait=10" -d "{\"spec\":
    {\"op\": \"sequence\", \"steps\": [
        {\"op\": \"create_task\", \"name\": \"a\", \"body\": $(coroutine A 0.6)},
        {\"op\": \"create_task\", \"name\": \"b\", \"body\": $(coroutine B 0.2)},
        {\"op\": \"log\", \"message\": \"main: both are on their way\"},
        {\"op\": \"await\", \"task\": \"a\"},
        {\"op\": \"await\", \"task\": \"b\"}]}}")
id=$(printf '%s' "$task" | jq -r .id)

curl -sS "$url/v1/tasks/$id/log" | jq -r '.lines[].message'
printf '%s' "$task" | jq -r '"result: " + .result'
