#!/bin/sh
# Variables: what a named step came to, later steps refer to. A text that is nothing but one reference has the
# type of its value; inside a longer text it is rendered. What is not there raises `KeyError`.
#
# In Python:
#   import json
#   async def order():
#       return {"by": "ada", "lines": [{"name": "tea", "price": 3}, {"name": "cake", "price": 4.5}]}
#   async def main():
#       got = await order()
#       print(f"{got['lines'][0]['name']} for {got['by']}")
#       try:
#           print(f"to {got['address']}")
#       except KeyError as error:
#           print("KeyError")
#       return {"last": got["lines"][-1], "by": got["by"]}
#   print("result:", json.dumps(asyncio.run(main()), separators=(",", ":")))
#
# Prints:
#   tea for ada
#   KeyError
#   result: {"last":{"name":"cake","price":4.5},"by":"ada"}
set -eu
. "$(dirname "$0")/coroutine.sh"

# shellcheck disable=SC2016 # the references are not the shell's
task=$(curl -sS "$url/v1/tasks?wait=10" -d '{"spec":
    {"op": "sequence", "steps": [
        {"op": "value", "name": "got", "value":
            {"by": "ada", "lines": [{"name": "tea", "price": 3}, {"name": "cake", "price": 4.5}]}},
        {"op": "log", "message": "${got.lines[0].name} for ${got.by}"},
        {"op": "try",
            "body": {"op": "log", "message": "to ${got.address}"},
            "except": [{"types": ["KeyError"], "as": "error", "body": {"op": "log", "message": "${error.type}"}}]}],
        "return": {"last": "${got.lines[-1]}", "by": "${got.by}"}}}')
id=$(printf '%s' "$task" | jq -r .id)

curl -sS "$url/v1/tasks/$id/log" | jq -r '.lines[].message'
printf '%s' "$task" | jq -r '"result: \(.result | tojson)"'
