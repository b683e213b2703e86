#!/bin/sh
# Every header compiles alone, and that of plugins in other languages too: check-headers.sh COMPILER FLAGS...
set -eu
cd "$(dirname "$0")/.."
headers=$(find schema runtime server tests -name '*.h' | sort)
failed=0
for header in $headers; do
    "$@" -fsyntax-only -x c "$header" || failed=$((failed + 1))
done
# What strangers include has to be good for any of them: C99 to the letter, and C++.
plugin=runtime/awaitd_plugin.h
"$1" -std=c99 -pedantic -Wall -Wextra -Wstrict-prototypes -Werror -fsyntax-only -x c $plugin || failed=$((failed + 1))
"$1" -std=c++11 -pedantic -Wall -Wextra -Werror -fsyntax-only -x c++ $plugin || failed=$((failed + 1))
echo "$(($(echo "$headers" | wc -l) + 2 - failed)) passed, $failed failed"
[ "$failed" = 0 ]
