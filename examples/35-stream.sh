#!/bin/sh
# A connection, and what is said over it by hand: HTTP, to the server itself. `read` is one of
# `{"until": …}`, `{"exactly": n}` and `{"eof": true}`; several turns on one connection are an
# `exchange`. An end that comes too early is an error, which has what came until then.
#
# In Python:
#   async def answer(reader, writer):  # in place of the server
#       while b"close" not in await reader.readuntil(b"\r\n\r\n"):
#           writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}\n")
#       writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n{}\n")
#       writer.close()
#   async def main():
#       server = await asyncio.start_server(answer, "127.0.0.1", 0)
#       address = server.sockets[0].getsockname()
#       request = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
#       reader, writer = await asyncio.open_connection(*address)
#       for _ in 1, 2:
#           writer.write(request + b"\r\n")
#           line = await reader.readuntil(b"\r\n")
#           print("until:", line.decode().rstrip())
#           await reader.readuntil(b"}\n")
#       writer.write(request + b"Connection: close\r\n\r\n")
#       print("exactly:", (await reader.readexactly(12)).decode())
#       print("eof:", (await reader.read()).decode().split()[0])
#       writer.close()
#       reader, writer = await asyncio.open_connection(*address)
#       writer.write(request + b"Connection: close\r\n\r\n")
#       try:
#           await reader.readuntil(b"THE END")
#       except asyncio.IncompleteReadError as error:
#           print(f"IncompleteReadError: {error.partial[:15].decode()} ...")
#   asyncio.run(main())
#
# Prints:
#   until: HTTP/1.1 200 OK
#   until: HTTP/1.1 200 OK
#   exactly: HTTP/1.1 200
#   eof: OK
#   IncompleteReadError: HTTP/1.1 200 OK ...
set -eu
. "$(dirname "$0")/coroutine.sh"
address=${url#http://}
peer="\"op\": \"stream\", \"host\": \"${address%:*}\", \"port\": ${address##*:}"
request='GET /healthz HTTP/1.1\r\nHost: localhost\r\n'

curl -sS "$url/v1/tasks?wait=10" -d @- <<EOF |
    {"spec": {$peer, "exchange": [
        {"send": "$request\r\n", "read": {"until": "\r\n"}},
        {"read": {"until": "}\n"}},
        {"send": "$request\r\n", "read": {"until": "\r\n"}},
        {"read": {"until": "}\n"}},
        {"send": "${request}Connection: close\r\n\r\n", "read": {"exactly": 12}},
        {"read": {"eof": true}}]}}
EOF
    jq -r '.result | "until: \(.[0, 2] | rtrimstr("\r\n"))", "exactly: \(.[4])", "eof: \(.[5] | split("\r\n")[0] | ltrimstr(" "))"'

curl -sS "$url/v1/tasks?wait=10" -d @- <<EOF |
    {"spec": {$peer, "send": "${request}Connection: close\r\n\r\n", "read": {"until": "THE END"}}}
EOF
    jq -r '.error | "\(.type): \(.details.partial[:15]) ..."'
