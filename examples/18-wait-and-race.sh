#!/bin/sh
# `wait` says who has ended by then and who has not; the others go on. `race` is what it is mostly used for: the
# first to succeed is the result, the others are cancelled.
#
# In Python:
#   async def wait():
#       tasks = [asyncio.create_task(coroutine("A", 3600)), asyncio.create_task(coroutine("B", 0.2))]
#       done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
#       for task in done:
#           print("done:", task.result())
#       for task in pending:
#           print("pending:", tasks.index(task))
#   async def race():
#       tasks = [asyncio.create_task(coroutine("C", 3600)), asyncio.create_task(coroutine("D", 0.2))]
#       done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
#       for task in pending:
#           task.cancel()
#       await asyncio.wait(pending)
#       return done.pop().result()
#   asyncio.run(wait())
#   print("winner:", asyncio.run(race()))
#
# Prints:
#   A: begin
#   B: begin
#   B: end
#   done: B
#   pending: 0
#   C: begin
#   D: begin
#   D: end
#   winner: D
set -eu
. "$(dirname "$0")/coroutine.sh"

task=$(curl -sS "$url/v1/tasks?wait=10" -d "{\"spec\":
    {\"op\": \"wait\", \"return_when\": \"FIRST_COMPLETED\", \"tasks\": [$(coroutine A 3600), $(coroutine B 0.2)]}}")
curl -sS "$url/v1/tasks/$(printf '%s' "$task" | jq -r .id)/log" | jq -r '.lines[].message'
printf '%s' "$task" | jq -r '.result | "done: " + .done[].result, "pending: \(.pending[])"'

task=$(curl -sS "$url/v1/tasks?wait=10" -d "{\"spec\":
    {\"op\": \"race\", \"tasks\": [$(coroutine C 3600), $(coroutine D 0.2)]}}")
curl -sS "$url/v1/tasks/$(printf '%s' "$task" | jq -r .id)/log" | jq -r '.lines[].message'
printf '%s' "$task" | jq -r '"winner: " + .result'
