#!/bin/sh
# How long durable submissions take: alone, and while the tasks of before are swept away.
set -eu
cd "$(dirname "$0")/../.."
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
commits=build/release/commits

printf 'as fast as can be:    '
$commits "$folder/a.db" 10 16 0
printf 'at 1,000 a second:    '
$commits "$folder/b.db" 10 16 1000
printf 'while all is swept:   '
$commits "$folder/a.db" 10 16 1000 200 0s
