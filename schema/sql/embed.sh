#!/bin/sh
# Prints the C file behind schema/embedded.h: the migrations in the order of their numbers, and the
# API's description. Run from the root of the repository.
set -eu

array() { # NAME FILE: a NUL-terminated array of char; an absent file is an empty one
    echo "$1[] = {"
    if [ -f "$2" ]; then od -An -v -tx1 "$2" | sed "s/ \(..\)/'\\\\x\1',/g"; fi
    echo "0};"
}

echo '#include "schema/embedded.h"'
n=0
for file in schema/sql/[0-9]*.sql; do
    n=$((n + 1))
    array "static const char migration_$n" "$file"
done
echo 'const char *const embedded_migrations[] = {'
seq -f 'migration_%.0f,' 1 "$n"
echo '0};'
echo "const int embedded_n_migrations = $n;"
array 'const char embedded_openapi' openapi.yaml
echo 'const size_t embedded_openapi_size = sizeof embedded_openapi - 1;'
