#!/bin/sh
# A client that got no answer does not know whether its request arrived. So it sends it again, with the same
# Idempotency-Key, and the job is run once: who repeats the request gets the first answer, for 24 hours. Or it chooses
# the id itself, a UUIDv7, and puts the job there: that can be repeated for ever.
#
# Prints:
#   1st: 202 running
#   2nd: 202 running, Idempotency-Replayed: true
#   3rd: 200 succeeded, "done once", Idempotency-Replayed: true
#   the same task: yes
#   another job: 422
#   own id: 201
#   once more: 412
set -eu
. "$(dirname "$0")/coroutine.sh"
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

key=$(cat /proc/sys/kernel/random/uuid)
job='{"spec": {"op": "sleep", "seconds": 0.2, "result": "done once"}}'
# post NUMBER TARGET JOB: keeps the answer as head.NUMBER and body.NUMBER, and prints its status.
post() {
    curl -sS "$url$2" -H "Idempotency-Key: $key" -d "$3" -D "$folder/head.$1" -o "$folder/body.$1" -w '%{http_code}'
}
replayed() { tr -d '\r' <"$folder/head.$1" | grep '^Idempotency-Replayed'; }

echo "1st: $(post 1 /v1/tasks "$job") $(jq -r .state "$folder/body.1")"
echo "2nd: $(post 2 /v1/tasks "$job") $(jq -r .state "$folder/body.2"), $(replayed 2)"
echo "3rd: $(post 3 '/v1/tasks?wait=10' "$job") $(jq -r '"\(.state), \(.result | tojson)"' "$folder/body.3"), $(replayed 3)"
cat "$folder"/body.* | jq -sr 'map(.id) | unique | "the same task: \(if length == 1 then "yes" else "no" end)"'
echo "another job: $(post 4 /v1/tasks '{"spec": {"op": "value", "value": 0}}')"

# A UUIDv7: the milliseconds, the version, and chance.
random=$(cut -d - -f 3- /proc/sys/kernel/random/uuid)
id=$(printf '%012x' "$(date +%s%3N)" | sed 's/^\(.\{8\}\)/\1-/')-7${random#?}
put() {
    curl -sS -X PUT "$url/v1/tasks/$id" -H 'If-None-Match: *' -d "$job" -o /dev/null -w '%{http_code}\n'
}
echo "own id: $(put)"
echo "once more: $(put)"
