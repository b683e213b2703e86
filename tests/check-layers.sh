#!/bin/sh
# The arrows of the house, server -> runtime -> runtime/store -> schema, as tables of what each file
# may include. Fails where an #include goes against them.
set -eu
cd "$(dirname "$0")/.."

# Which of our own headers: the first line whose prefix a file has says all that it may include.
ours='
schema/         schema/
runtime/base/   runtime/base/ schema/
runtime/store/  runtime/store/ runtime/base/ schema/
runtime/        runtime/ schema/
server/         server/ runtime/ schema/
tests/          tests/ server/ runtime/ schema/
'

# Who may know a system header (prefixes). Those that no line names are for everybody but schema/.
theirs='
microhttpd.h    server/
uv.h            runtime/host/
curl/curl.h     runtime/host/
openssl/ssl.h   runtime/host/host_net
openssl/err.h   runtime/host/host_net
openssl/types.h runtime/host/host_net
openssl/x509v3.h runtime/host/host_net
sqlite3.h       runtime/store/sqlite
openssl/crypto.h server/callback runtime/host/host_memory
openssl/evp.h   server/callback server/idempotency runtime/functions/
openssl/hmac.h  server/callback
sys/socket.h    server/ runtime/host/ runtime/spawner/ runtime/executor/worker_
netinet/in.h    server/ runtime/host/
arpa/inet.h     server/ runtime/host/
netdb.h         server/ runtime/host/
'

# schema/ is pure: jansson, and what of libc does no I/O, starts no thread and knows no clock.
pure='jansson.h assert.h ctype.h errno.h float.h inttypes.h limits.h locale.h math.h setjmp.h stdalign.h stdarg.h
stdatomic.h stdbool.h stddef.h stdint.h stdio.h stdlib.h string.h strings.h'

# Prints one line for each include that is not allowed, then "N passed, N failed": files.
check() {
    find schema runtime server tests -name '*.[ch]' | sort | xargs awk -v ours="$ours" -v theirs="$theirs" -v pure="$pure" '
        BEGIN {
            n_ours = split(ours, our_line, "\n")
            n_theirs = split(theirs, line, "\n")
            for (i = 1; i <= n_theirs; i++)
                if (split(line[i], word, " ")) {
                    sub(/^[^ ]+ +/, "", line[i])
                    who[word[1]] = line[i]
                }
            n_pure = split(pure, word, /[ \n]/)
            for (i = 1; i <= n_pure; i++)
                is_pure[word[i]] = 1
        }
        function starts_with_one_of(text, prefixes,   p, n, i) {
            n = split(prefixes, p, " ")
            for (i = 1; i <= n; i++)
                if (index(text, p[i]) == 1)
                    return 1
            return 0
        }
        function may_include_ours(file, header,   i, word, rest) {
            for (i = 1; i <= n_ours; i++)
                if (split(our_line[i], word, " ") && index(file, word[1]) == 1) {
                    rest = our_line[i]
                    sub(/^[^ ]+ +/, "", rest)
                    return starts_with_one_of(header, rest)
                }
            return 0
        }
        function may_include_theirs(file, header) {
            if (file ~ /^schema\//)
                return header in is_pure
            if (file ~ /^tests\//)
                return 1
            return !(header in who) || starts_with_one_of(file, who[header])
        }
        FNR == 1 { files++ }
        /^[ \t]*#[ \t]*include/ {
            header = $0
            sub(/^[^<"]*[<"]/, "", header)
            sub(/[>"].*/, "", header)
            if ($0 ~ /"/ ? may_include_ours(FILENAME, header) : may_include_theirs(FILENAME, header))
                next
            printf "%s:%d: may not include %s\n", FILENAME, FNR, header
            if (!bad[FILENAME]++)
                wrong++
        }
        END { printf "%d passed, %d failed\n", files - wrong, wrong; exit wrong > 0 || !files }'
}

# First: does it see what it should? Each of these lines is one wrong include in a file of its own.
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
(
    cd "$scratch"
    mkdir -p schema runtime/host runtime/ops runtime/store runtime/base server tests
    echo '#include "runtime/runtime.h"' >schema/a.c
    echo '# include <pthread.h>' >schema/b.h
    echo '#include <time.h>' >schema/c.c
    echo '#include "server/http.h"' >runtime/a.c
    echo '#include <uv.h>' >runtime/ops/a.c
    echo '#include <curl/curl.h>' >runtime/ops/b.c
    echo '#include <microhttpd.h>' >runtime/host/host_uv.c
    echo '#include "runtime/runtime.h"' >runtime/store/a.c
    echo '#include <sqlite3.h>' >runtime/store/store.c
    echo '#include "runtime/store/store.h"' >runtime/base/a.c
    echo '#include <uv.h>' >server/a.c
    echo '#include "http.h"' >server/b.c
    echo '#include "runtime/runtime.h"' >server/allowed.c
)
seen=$(cd "$scratch" && check | tail -n 1)
if [ "$seen" != '1 passed, 12 failed' ]; then
    echo "check-layers is blind: of 12 wrong files, $seen"
    exit 1
fi

check
