#!/bin/sh
# Ratios, measured side by side in one run: durable submissions, and submission to result, against a bare
# libmicrohttpd handler that answers a constant, under the same load generator (wrk). Each round runs all
# of them in turn; the figures are the medians of the rounds.
#   run.sh [ROUNDS [SECONDS]]
set -eu
cd "$(dirname "$0")/../.."
rounds=${1:-5} seconds=${2:-3} connections=64
work=$(mktemp -d "${BENCH_DIR:-build}/bench.XXXXXX")
pids=''
finish() {
    for pid in $pids; do kill "$pid" 2>/dev/null || true; done
    for pid in $pids; do wait "$pid" 2>/dev/null || true; done
    rm -rf "$work"
}
trap finish EXIT
trap 'exit 1' INT TERM

# wait_for FILE TEXT: until a server that writes to FILE says that it is ready
wait_for() {
    tries=0
    until grep -q "$2" "$1" 2>/dev/null; do
        tries=$((tries + 1))
        [ $tries -lt 200 ] || { echo "no server: $(cat "$1")" >&2; exit 1; }
        sleep 0.05
    done
}

# load NAME URL CONNECTIONS: one measurement, appended to NAME's file. wrk takes its default of two threads,
# as far as there are connections for them.
load() {
    wrk -t"$((($3 > 1) + 1))" -c"$3" -d"${seconds}s" -s tests/bench/post.lua "$2" | grep '^RESULT' >>"$work/$1"
    tail -n1 "$work/$1" | awk -v n="$1" '$5 > 0 { print n ": " $5 " failed answers" > "/dev/stderr"; exit 1 }'
}

median() { # NAME COLUMN
    awk -v c="$2" '{ print $c }' "$work/$1" | sort -n | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

bare_port=18099
build/release/bare "$bare_port" >"$work/bare.out" 2>&1 & pids="$pids $!"
build/awaitd serve --listen 127.0.0.1:0 --db "$work/bench.db" >"$work/awaitd.out" 2>&1 & pids="$pids $!"
wait_for "$work/bare.out" ready
wait_for "$work/awaitd.out" 'listening on'
url=$(sed -n 's/^listening on //p' "$work/awaitd.out")/v1/tasks
bare=http://127.0.0.1:$bare_port/v1/tasks

round=1
while [ "$round" -le "$rounds" ]; do
    load bare "$bare" $connections
    load submit "$url" $connections
    load wait "$url?wait=10" $connections
    load bare1 "$bare" 1
    load wait1 "$url?wait=10" 1
    round=$((round + 1))
done

row() { # LABEL NAME BASE
    awk -v label="$1" -v a="$(median "$2" 2)" -v b="$(median "$3" 2)" -v p50="$(median "$2" 3)" \
        -v p99="$(median "$2" 4)" 'BEGIN { printf "%-44s %10.0f %8.2f %9.2f %9.2f\n", label, a, a / b, p50 / 1000, p99 / 1000 }'
}
printf '%-44s %10s %8s %9s %9s\n' "medians of $rounds rounds of $seconds s" '/s' 'of bare' 'p50 ms' 'p99 ms'
row "bare libmicrohttpd, $connections connections" bare bare
row "durable submission (202), $connections connections" submit bare
row "submit to result (?wait), $connections connections" wait bare
row 'bare libmicrohttpd, 1 connection' bare1 bare1
row 'submit to result (?wait), 1 connection' wait1 bare1
