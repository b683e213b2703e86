#!/bin/sh
# The same for each item of a list, two at a time: `gather` of as many tasks, and one semaphore for them.
#
# In Python:
#   async def main():
#       semaphore = asyncio.Semaphore(2)
#       async def one(item):
#           async with semaphore:
#               return await coroutine(item["name"], item["seconds"])
#       items = [{"name": "A", "seconds": 0.6}, {"name": "B", "seconds": 0.2}, {"name": "C", "seconds": 0.8}]
#       return await asyncio.gather(*[one(item) for item in items])
#   print("result:", *asyncio.run(main()))
#
# Prints:
#   A: begin
#   B: begin
#   B: end
#   C: begin
#   A: end
#   C: end
#   result: A B C
set -eu
. "$(dirname "$0")/coroutine.sh"

task=$(curl -sS "$url/v1/tasks?wait=10" -d "{\"spec\":
    {\"op\": \"map\", \"concurrency\": 2,
        \"items\": [{\"name\": \"A\", \"seconds\": 0.6}, {\"name\": \"B\", \"seconds\": 0.2},
            {\"name\": \"C\", \"seconds\": 0.8}],
        \"body\": $(coroutine "\${item.name}" "\"\${item.seconds}\"")}}")
id=$(printf '%s' "$task" | jq -r .id)

curl -sS "$url/v1/tasks/$id/log" | jq -r '.lines[].message'
printf '%s' "$task" | jq -r '"result: " + (.result | join(" "))'
