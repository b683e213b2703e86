#!/bin/sh
# Programs: one that reads what it is given, and one command of the shell that fails. `"check": false`
# makes its exit status a result; without it, it would be raised as `CalledProcessError`.
#
# In Python:
#   from asyncio.subprocess import PIPE
#   async def main():
#       sort = await asyncio.create_subprocess_exec("sort", stdin=PIPE, stdout=PIPE)
#       out, _ = await sort.communicate(b"pear\napple\n")
#       print(f"sort: {sort.returncode}", *out.decode().split())
#       shell = await asyncio.create_subprocess_shell("echo no luck >&2; exit 3", stderr=PIPE)
#       _, err = await shell.communicate()
#       print(f"shell: {shell.returncode}", *err.decode().split())
#   asyncio.run(main())
#
# Prints:
#   sort: 0 apple pear
#   shell: 3 no luck
set -eu
. "$(dirname "$0")/coroutine.sh"

curl -sS "$url/v1/tasks?wait=10" -d '{"spec":
    {"op": "subprocess", "argv": ["sort"], "stdin": "pear\napple\n"}}' |
    jq -r '.result | "sort: \(.returncode) " + (.stdout | rtrimstr("\n") | gsub("\n"; " "))'

curl -sS "$url/v1/tasks?wait=10" -d '{"spec":
    {"op": "subprocess", "shell": "echo no luck >&2; exit 3", "check": false}}' |
    jq -r '.result | "shell: \(.returncode) " + (.stderr | rtrimstr("\n"))'
