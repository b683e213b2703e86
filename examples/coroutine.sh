# What the examples share. It is read by them, not run: the server's address, and a coroutine to play with.
#
#   import asyncio
#
#   async def coroutine(name, seconds):
#       print(f"{name}: begin")
#       await asyncio.sleep(seconds)
#       print(f"{name}: end")
#       return name
# shellcheck shell=sh disable=SC2034

url=${AWAITD_URL:-http://localhost:8080}

coroutine() { # NAME SECONDS: the same as above, as a piece of a job
    cat <<EOF
    {"op": "sequence", "return": "$1", "steps": [
        {"op": "log", "message": "$1: begin"},
        {"op": "sleep", "seconds": $2},
        {"op": "log", "message": "$1: end"}]}
EOF
}
