#!/bin/sh
# Calls of an empty function in threads: one job, 64 at once, against asyncio.to_thread behind a
# Semaphore(64), in the same run. Figures are the medians of the rounds.
#   threads.sh [ROUNDS]
set -eu
cd "$(dirname "$0")/../.."
rounds=${1:-5}
work=$(mktemp -d "${BENCH_DIR:-build}/bench.XXXXXX")
pid=''
finish() {
    [ -z "$pid" ] || { kill "$pid" 2>/dev/null || true; wait "$pid" 2>/dev/null || true; }
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM

build/awaitd serve --listen 127.0.0.1:0 --db "$work/bench.db" >"$work/out" 2>&1 & pid=$!
tries=0
until grep -q 'listening on' "$work/out"; do
    tries=$((tries + 1))
    [ $tries -lt 200 ] || { echo "no server: $(cat "$work/out")" >&2; exit 1; }
    sleep 0.05
done
"${PYTHON:-/usr/bin/python3}" tests/bench/threads.py "$(sed -n 's/^listening on //p' "$work/out")" "$rounds"
