#!/bin/sh
# try, except, else and finally, as in Python: the first clause that matches is taken, by the hierarchy of
# Python's exceptions, and `finally` runs in any case, when the job is cancelled as well.
#
# In Python:
#   async def fail():
#       raise KeyError("no such thing")
#   async def attempt(awaitable):
#       try:
#           await awaitable
#       except (ValueError, LookupError) as error:
#           print("except:", type(error).__name__, error)
#           return "excused"
#       else:
#           return "fine"
#       finally:
#           print("finally")
#   async def main():
#       print("result:", await attempt(fail()))
#       print("result:", await attempt(coroutine("A", 0.1)))
#       slow = asyncio.create_task(attempt(coroutine("B", 3600)))
#       await asyncio.sleep(0.1)
#       slow.cancel()
#   asyncio.run(main())
#
# Prints:
#   except: KeyError 'no such thing'
#   finally
#   result: excused
#   A: begin
#   A: end
#   finally
#   result: fine
#   B: begin
#   finally
set -eu
. "$(dirname "$0")/coroutine.sh"

attempt() { # NAME BODY
    cat <<EOF
    {"op": "try", "name": "$1", "body": $2,
        "except": [{"types": ["ValueError", "LookupError"], "as": "error", "body":
            {"op": "sequence", "return": "excused", "steps": [
                {"op": "log", "message": "except: \${error.type} \${error.message}"}]}}],
        "else": {"op": "value", "value": "fine"},
        "finally": {"op": "log", "message": "finally"}}
EOF
}

id=$(curl -sS "$url/v1/tasks?wait=10" -d "{\"spec\":
    {\"op\": \"sequence\", \"steps\": [
        $(attempt first '{"op": "raise", "type": "KeyError", "message": "no such thing"}'),
        {\"op\": \"log\", \"message\": \"result: \${first}\"},
        $(attempt second "$(coroutine A 0.1)"),
        {\"op\": \"log\", \"message\": \"result: \${second}\"},
        {\"op\": \"create_task\", \"name\": \"slow\", \"body\": $(attempt third "$(coroutine B 3600)")},
        {\"op\": \"sleep\", \"seconds\": 0.1},
        {\"op\": \"cancel\", \"task\": \"slow\"}]}}" | jq -r .id)

curl -sS "$url/v1/tasks/$id/log" | jq -r '.lines[].message'
