#!/bin/sh
# Ratios, measured side by side in one run: /bin/true through the op `subprocess`, so many at once in one job,
# against a bare posix_spawn loop in C and against asyncio.create_subprocess_exec, each with pipes for both
# outputs; and the same again while the server holds so much memory of jobs. Each round runs all of them in
# turn; the figures are the medians of the rounds.
#   subprocess.sh [ROUNDS [N [AT_ONCE [HELD_BYTES]]]]
set -eu
cd "$(dirname "$0")/../.."
rounds=${1:-3} n=${2:-10000} at_once=${3:-16} held=${4:-1073741824}
python=${PYTHON:-/usr/bin/python3}
work=$(mktemp -d "${BENCH_DIR:-build}/bench.XXXXXX")
pids=''
finish() {
    for pid in $pids; do kill -KILL "$pid" 2>/dev/null || true; done
    for pid in $pids; do wait "$pid" 2>/dev/null || true; done
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM

# serve NAME: a server of its own; its URL and its process id in NAME.url and NAME.pid
serve() {
    build/awaitd serve --listen 127.0.0.1:0 --db "$work/$1.db" >"$work/$1.out" 2>&1 &
    echo $! >"$work/$1.pid"
    pids="$pids $!"
    tries=0
    until grep -q 'listening on' "$work/$1.out" 2>/dev/null; do
        tries=$((tries + 1))
        [ $tries -lt 200 ] || { echo "no server: $(cat "$work/$1.out")" >&2; exit 1; }
        sleep 0.05
    done
    sed -n 's/^listening on //p' "$work/$1.out" >"$work/$1.url"
}

median() {
    sort -n "$work/$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

serve small
serve large
"$python" tests/bench/spawn.py fill "$held" "$(cat "$work/large.url")" "$(cat "$work/large.pid")"

round=1
while [ "$round" -le "$rounds" ]; do
    build/release/posix_spawn "$n" "$at_once" >>"$work/bare"
    "$python" tests/bench/spawn.py awaitd "$n" "$at_once" "$(cat "$work/small.url")" >>"$work/awaitd"
    "$python" tests/bench/spawn.py asyncio "$n" "$at_once" >>"$work/asyncio"
    "$python" tests/bench/spawn.py awaitd "$n" "$at_once" "$(cat "$work/large.url")" >>"$work/held"
    round=$((round + 1))
done

row() { # LABEL NAME
    awk -v label="$1" -v a="$(median "$2")" -v bare="$(median bare)" -v python="$(median asyncio)" \
        'BEGIN { printf "%-44s %10.0f %8.2f %10.2f\n", label, a, a / bare, a / python }'
}
printf '%-44s %10s %8s %10s\n' "medians of $rounds rounds of $n, $at_once at once" '/s' 'of bare' 'of asyncio'
row 'bare posix_spawn loop' bare
row 'asyncio.create_subprocess_exec' asyncio
row 'subprocess' awaitd
row "subprocess, while it holds $((held >> 20)) MiB of jobs" held
