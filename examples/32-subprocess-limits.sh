#!/bin/sh
# What a program may use up: processor time, memory, open files. The one that is too busy is ended by
# `SIGXCPU`, the one that wants too much memory does not get it; and of the server's environment they see no
# more than `PATH`, `HOME`, `LANG` and `TZ`.
#
# In Python:
#   import resource, signal
#   from asyncio.subprocess import PIPE
#   def limit(what, soft, hard):
#       return lambda: resource.setrlimit(what, (soft, hard))
#   async def main():
#       busy = await asyncio.create_subprocess_shell(
#           "while :; do :; done", preexec_fn=limit(resource.RLIMIT_CPU, 1, 2))
#       print("busy:", signal.Signals(-await busy.wait()).name)
#       greedy = await asyncio.create_subprocess_exec(
#           "dd", "if=/dev/zero", "of=/dev/null", "bs=256M", "count=1", stderr=PIPE,
#           preexec_fn=limit(resource.RLIMIT_AS, 64 << 20, 64 << 20))
#       await greedy.communicate()
#       print("greedy:", greedy.returncode)
#       frugal = await asyncio.create_subprocess_shell(
#           "ulimit -n; echo ${SECRET-unknown}", env={}, stdout=PIPE,
#           preexec_fn=limit(resource.RLIMIT_NOFILE, 16, 16))
#       out, _ = await frugal.communicate()
#       print("frugal:", *out.decode().split())
#   asyncio.run(main())
#
# Prints:
#   busy: SIGXCPU
#   greedy: 1
#   frugal: 16 unknown
set -eu
. "$(dirname "$0")/coroutine.sh"

curl -sS "$url/v1/tasks?wait=10" -d '{"spec":
    {"op": "subprocess", "shell": "while :; do :; done", "cpu_seconds": 1, "check": false}}' |
    jq -r '.result | "busy: \(.signal)"'

curl -sS "$url/v1/tasks?wait=10" -d '{"spec":
    {"op": "subprocess", "argv": ["dd", "if=/dev/zero", "of=/dev/null", "bs=256M", "count=1"],
     "memory": 67108864, "check": false}}' |
    jq -r '.result | "greedy: \(.returncode)"'

curl -sS "$url/v1/tasks?wait=10" -d '{"spec":
    {"op": "subprocess", "shell": "ulimit -n; echo $${SECRET-unknown}", "open_files": 16}}' |
    jq -r '.result | "frugal: " + (.stdout | rtrimstr("\n") | gsub("\n"; " "))'
