#!/bin/sh
# A time limit: what has ended by then has ended; what is still being awaited is cancelled, and
# `TimeoutError` is raised.
#
# In Python:
#   async def main():
#       async with asyncio.timeout(0.8):
#           a = asyncio.create_task(coroutine("A", 0.4))
#           b = asyncio.create_task(coroutine("B", 0.1))
#           c = asyncio.create_task(coroutine("C", 3600))
#           await a
#           await b
#           await c
#   try:
#       asyncio.run(main())
#   except TimeoutError:
#       print("TimeoutError")
#
# Prints:
#   A: begin
#   B: begin
#   C: begin
#   B: end
#   A: end
#   TimeoutError
set -eu
. "$(dirname "$0")/coroutine.sh"

task=$(curl -sS "$url/v1/tasks?wait=10" -d "{\"spec\":
    {\"op\": \"timeout\", \"seconds\": 0.8, \"body\":
        {\"op\": \"sequence\", \"steps\": [
            {\"op\": \"create_task\", \"name\": \"a\", \"body\": $(coroutine A 0.4)},
            {\"op\": \"create_task\", \"name\": \"b\", \"body\": $(coroutine B 0.1)},
            {\"op\": \"create_task\", \"name\": \"c\", \"body\": $(coroutine C 3600)},
            {\"op\": \"await\", \"task\": \"a\"},
            {\"op\": \"await\", \"task\": \"b\"},
            {\"op\": \"await\", \"task\": \"c\"}]}}}")
id=$(printf '%s' "$task" | jq -r .id)

curl -sS "$url/v1/tasks/$id/log" | jq -r '.lines[].message'
printf '%s' "$task" | jq -r .error.type
