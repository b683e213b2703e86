#!/bin/sh
# A program that is talked to while it runs: `log?follow=1` gives each line as the program prints it, what is
# posted to `stdin` it reads at once, and `signal` is `send_signal`.
#
# In Python:
#   import signal
#   from asyncio.subprocess import PIPE
#   async def main():
#       program = 'echo "What is your name?"; read name; echo "Hello, $name."; exec sleep 3600'
#       process = await asyncio.create_subprocess_shell(program, stdin=PIPE, stdout=PIPE)
#       async for line in process.stdout:
#           print(line.decode().rstrip())
#           if line.startswith(b"What"):
#               process.stdin.write(b"Ada\n")
#           else:
#               process.send_signal(signal.SIGINT)
#       print("returncode:", await process.wait())
#   asyncio.run(main())
#
# Prints:
#   What is your name?
#   Hello, Ada.
#   returncode: -2
set -eu
. "$(dirname "$0")/coroutine.sh"

id=$(curl -sS "$url/v1/tasks" -d '{"spec":
    {"op": "subprocess", "name": "program", "stdin_from": "client", "check": false,
     "shell": "echo \"What is your name?\"; read name; echo \"Hello, $name.\"; exec sleep 3600"}}' | jq -r .id)

curl -sSN "$url/v1/tasks/$id/log?follow=1" | jq -r --unbuffered .message | while read -r line; do
    echo "$line"
    case $line in
    What*) echo Ada | curl -sS "$url/v1/tasks/$id/stdin" --data-binary @- >/dev/null ;;
    *) curl -sS "$url/v1/tasks/$id/signal" -d '{"name": "program", "signal": "SIGINT"}' >/dev/null ;;
    esac
done
curl -sS "$url/v1/tasks/$id" | jq -r '"returncode: \(.result.returncode)"'
