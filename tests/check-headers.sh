#!/bin/sh
# Every header compiles alone: check-headers.sh COMPILER FLAGS...
set -eu
cd "$(dirname "$0")/.."
headers=$(find schema runtime server tests -name '*.h' | sort)
failed=0
for header in $headers; do
    "$@" -fsyntax-only -x c "$header" || failed=$((failed + 1))
done
echo "$(($(echo "$headers" | wc -l) - failed)) passed, $failed failed"
[ "$failed" = 0 ]
