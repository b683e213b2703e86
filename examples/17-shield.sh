#!/bin/sh
# A shield: the time limit ends the waiting, not what is being waited for.
#
# In Python:
#   async def main():
#       a = asyncio.create_task(coroutine("A", 0.6))
#       try:
#           async with asyncio.timeout(0.2):
#               await asyncio.shield(a)
#       except TimeoutError:
#           print("main: not waiting any longer")
#       return await a
#   print("result:", asyncio.run(main()))
#
# Prints:
#   A: begin
#   main: not waiting any longer
#   A: end
#   result: A
set -eu
. "$(dirname "$0")/coroutine.sh"

task=$(curl -sS "$url/v1/tasks?wait=10" -d "{\"spec\":
    {\"op\": \"sequence\", \"steps\": [
        {\"op\": \"create_task\", \"name\": \"a\", \"body\": $(coroutine A 0.6)},
        {\"op\": \"try\",
            \"body\": {\"op\": \"timeout\", \"seconds\": 0.2, \"body\":
                {\"op\": \"shield\", \"body\": {\"op\": \"await\", \"task\": \"a\"}}},
            \"except\": [{\"types\": [\"TimeoutError\"], \"body\":
                {\"op\": \"log\", \"message\": \"main: not waiting any longer\"}}]},
        {\"op\": \"await\", \"task\": \"a\"}]}}")
id=$(printf '%s' "$task" | jq -r .id)

curl -sS "$url/v1/tasks/$id/log" | jq -r '.lines[].message'
printf '%s' "$task" | jq -r '"result: " + .result'
