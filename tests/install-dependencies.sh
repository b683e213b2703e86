#!/bin/sh
# Installs the Debian packages that are missing: as root, or with sudo; else it says which, and stops.
#   install-dependencies.sh build|run|test|bench           what building, `make run`, ... need
#   install-dependencies.sh --check build|run|test|bench   installs nothing
# When all is there, it costs one dpkg-query.
set -eu

build='gcc libc6-dev make pkg-config libmicrohttpd-dev libjansson-dev libuv1-dev libsqlite3-dev
    libcurl4-openssl-dev libssl-dev zlib1g-dev libjq-dev'
run="$build ca-certificates curl jq procps" # the README's tour and the examples use both
tests="$run openssl g++ libcunit1-dev python3 python3-jsonschema python3-yaml python3-h2"

install=yes
if [ "${1:-}" = --check ]; then
    install=no
    shift
fi
case ${1:-} in
build) wanted=$build ;;
run) wanted=$run ;;
test) wanted=$tests ;;
bench) wanted="$build wrk python3 python3-jsonschema python3-yaml" ;;
*)
    echo "usage: $0 [--check] build|run|test|bench" >&2
    exit 64
    ;;
esac

if ! command -v dpkg-query >/dev/null; then
    # Not Debian: nothing to install with, but what is needed may well be there.
    pkg-config --exists libmicrohttpd jansson libuv sqlite3 libcurl openssl zlib && exit 0
    echo "awaitd is built on Debian 12; here, please install the equivalents of: $wanted" >&2
    exit 69
fi

# shellcheck disable=SC2086 # a list of words
have=$(dpkg-query -W -f '${db:Status-Status} ${Package}\n' $wanted 2>/dev/null) || true
missing=
for package in $wanted; do
    case "
$have
" in
    *"
installed $package
"*) ;;
    *) missing="$missing $package" ;;
    esac
done
[ -n "$missing" ] || exit 0

as_root=
if [ "$(id -u)" != 0 ]; then
    as_root=sudo
    [ -t 0 ] && [ -z "${CI:-}" ] || as_root='sudo -n' # nobody there to type a password
    $as_root true 2>/dev/null || as_root=none
fi
if [ "$install" = no ] || [ "$as_root" = none ]; then
    echo "Packages are missing. As root, please run:" >&2
    echo "    apt-get update && apt-get install -y --no-install-recommends$missing" >&2
    exit 69
fi

apt() { # one try with the lists that are there, which may be none, or old
    # shellcheck disable=SC2086
    $as_root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=300 "$@" </dev/null >&2
}
echo "installing$missing" >&2
ls /var/lib/apt/lists/*Packages* >/dev/null 2>&1 || apt update
# shellcheck disable=SC2086
apt install -y --no-install-recommends $missing || { apt update && apt install -y --no-install-recommends $missing; }
