#!/bin/sh
# Functions of one's own, in C: a plugin. That of examples/plugin brings word_count, mandelbrot, and odd_perfect, which
# never returns. They run on an executor of the kind "process", as in a ProcessPoolExecutor: a crash would be an error of
# its call, and one that is cancelled is really stopped, so the only worker is free again for the next.
#
# The server needs it: make plugin-example && build/awaitd serve --plugins build/plugins
#
# Prints:
#   3 words in 2 lines
#                 ................
#            ..............::-%%:.....
#          ..............::-*@@%+:::.....
#        ...........::::%%%@@@@@@@%%%:.....
#       ......::*-----=%@@@@@@@@@@@@%*:.....
#      .....:::-%%@@@@%@@@@@@@@@@@@@@*:.....
#      @@@@@@@@@@@@@@@@@@@@@@@@@@@@%=::.....
#      .....:::-%%@@@@%@@@@@@@@@@@@@@*:.....
#       ......::*-----=%@@@@@@@@@@@@%*:.....
#        ...........::::%%%@@@@@@@%%%:.....
#          ..............::-*@@%+:::.....
#            ..............::-%%:.....
#   odd_perfect: TimeoutError
#   the next one: 1 words in 0 lines
set -eu
. "$(dirname "$0")/coroutine.sh"

run() { # SPEC
    curl -sS "$url/v1/tasks?wait=10" -d "{\"spec\": $1}"
}

curl -sS -X PUT "$url/v1/executors/apart" -d '{"workers": 1, "kind": "process"}' >/dev/null

run '{"op": "thread", "executor": "apart", "function": "word_count", "args": {"text": "green tea\nplease\n"}}' |
    jq -r '.result | "\(.words) words in \(.lines) lines"'

run '{"op": "thread", "executor": "apart", "function": "mandelbrot", "args": {"width": 40, "height": 12}}' |
    jq -r '.result[] | sub(" +$"; "")'

run '{"op": "timeout", "seconds": 0.5, "body":
    {"op": "thread", "executor": "apart", "function": "odd_perfect"}}' |
    jq -r '"odd_perfect: " + .error.type'

run '{"op": "thread", "executor": "apart", "function": "word_count", "args": {"text": "next"}}' |
    jq -r '.result | "the next one: \(.words) words in \(.lines) lines"'

curl -sS -X DELETE "$url/v1/executors/apart"
