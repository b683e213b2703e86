#!/bin/sh
# Runs the checks that are named (`make check-NAME` each), adds up what CUnit, unittest and the
# scripts say about themselves, and ends with one line, `N passed, N failed`.
#
# Counted is what ran. A check that ends with an error although it reports no failure (it crashed, a
# sanitizer spoke, it hung) is one failure more; so is one in which nothing ran. Skipped tests are named.
set -u

logs=build/checks
limit=900 # seconds for one check
mkdir -p "$logs"
total_passed=0
total_failed=0
trouble=
running=
trap '[ -z "$running" ] || kill "$running"; exit 130' INT TERM

# Prints "passed failed skipped", added up over all summaries in the log.
count() {
    awk '
        # CUnit:    "               tests      3      3      3      0        0"  (total ran passed failed inactive)
        $1 == "tests" && NF == 6 && $2 ~ /^[0-9]+$/ { passed += $4; failed += $5 }
        # a suite that could not be prepared: "              suites      1      0    n/a      1        0"
        $1 == "suites" && NF == 6 && $4 == "n/a" { failed += $5 }
        # unittest: "Ran 7 tests in 1.2s", then "OK (skipped=1)" or "FAILED (failures=1, errors=2)"
        /^Ran [0-9]+ tests? in / { ran = $2; next }
        /^(OK|FAILED)( \(.*\))?$/ && ran != "" {
            bad = number("failures") + number("errors") + number("unexpected successes")
            skip = number("skipped")
            passed += ran - bad - skip; failed += bad; skipped += skip; ran = ""
        }
        # the scripts: "4 passed, 0 failed"
        /^[0-9]+ passed, [0-9]+ failed$/ { passed += $1; failed += $3 }
        function number(word) {
            return match($0, word "=[0-9]+") ? substr($0, RSTART + length(word) + 1, RLENGTH - length(word) - 1) + 0 : 0
        }
        END { print passed + 0, failed + 0, skipped + 0 }' "$1"
}

for check in "$@"; do
    log=$logs/$check.log
    printf '\n==== %s\n' "$check"
    began=$(date +%s)
    # timeout gives it a process group of its own, so that what a hanging check has started ends with it;
    # and env undoes what & does to the interrupts.
    : >"$log"
    env --default-signal=INT,QUIT timeout --kill-after=5 "$limit" "${MAKE:-make}" "check-$check" \
        </dev/null >>"$log" 2>&1 &
    running=$!
    tail -n +1 -s 0.2 -f --pid="$running" "$log"
    wait "$running"
    status=$?
    read -r passed failed skipped <<EOF
$(count "$log")
EOF
    if [ "$status" = 124 ] || [ "$status" = 137 ]; then
        echo "$check: not over after $limit s"
    fi
    if [ "$failed" = 0 ] && [ "$status" != 0 ]; then
        echo "$check: ended with status $status"
        failed=1
    elif [ "$((passed + failed))" = 0 ]; then
        echo "$check: nothing ran"
        failed=1
    fi
    [ "$failed" = 0 ] || trouble="$trouble $check"
    [ "$skipped" = 0 ] || echo "$check: $skipped skipped"
    echo "---- $check: $passed passed, $failed failed, $(($(date +%s) - began)) s"
    total_passed=$((total_passed + passed))
    total_failed=$((total_failed + failed))
done

echo
[ -z "$trouble" ] || echo "failed:$trouble (logs: $logs/)"
echo "$total_passed passed, $total_failed failed"
[ "$total_failed" = 0 ] && [ "$total_passed" -gt 0 ]
