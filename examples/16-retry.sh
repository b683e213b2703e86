#!/bin/sh
# Again, after an error: `retry` waits in between, each time twice as long. What it does not catch, and the
# last error, it raises. Here a program lets nobody in before the third knock.
#
# In Python:
#   knocks = 0
#   async def knock():
#       global knocks
#       print("knock")
#       knocks += 1
#       if knocks < 3:
#           raise ConnectionError("nobody there")
#       return "come in"
#   async def main():
#       delay = 0.1
#       for attempt in range(1, 6):
#           try:
#               return await knock()
#           except ConnectionError:
#               if attempt == 5:
#                   raise
#           await asyncio.sleep(delay)
#           delay *= 2
#   print("result:", asyncio.run(main()))
#
# Prints:
#   knock
#   knock
#   knock
#   result: come in
set -eu
. "$(dirname "$0")/coroutine.sh"
door=$(mktemp)
trap 'rm -f "$door"' EXIT

task=$(curl -sS "$url/v1/tasks?wait=10" -d "{\"spec\":
    {\"op\": \"retry\", \"attempts\": 5, \"delay\": 0.1, \"on\": [\"CalledProcessError\"], \"body\":
        {\"op\": \"sequence\", \"return\": \"\${open.stdout}\", \"steps\": [
            {\"op\": \"log\", \"message\": \"knock\"},
            {\"op\": \"subprocess\", \"name\": \"open\", \"env\": {\"DOOR\": \"$door\"},
                \"shell\": \"echo knock >>\$DOOR; [ \$(wc -l <\$DOOR) -ge 3 ] && echo come in\"}]}}}")
id=$(printf '%s' "$task" | jq -r .id)

curl -sS "$url/v1/tasks/$id/log" | jq -r '.lines[] | select(.stream == "log").message'
printf '%s' "$task" | jq -r '"result: " + (.result | rtrimstr("\n"))'
