#!/bin/sh
# The error of a background task that nobody awaits is listed on its job and logged. A loop's exception handler
# gets it, too: it is posted to a URL. Here that is a few lines of Python which take one request and print it.
#
# In Python:
#   def handler(loop, context):
#       error = context["exception"]
#       print(f"handler: {type(error).__name__}: {error}")
#   async def fail():
#       raise ValueError("nobody awaits this")
#   async def main():
#       asyncio.get_running_loop().set_exception_handler(handler)
#       asyncio.create_task(fail())
#       await asyncio.sleep(0.1)
#   asyncio.run(main())
#
# Prints:
#   handler: ValueError: nobody awaits this
set -eu
. "$(dirname "$0")/coroutine.sh"
folder=$(mktemp -d)
trap 'rm -r "$folder"' EXIT

mkfifo "$folder/said"
python3 -c '
from http.server import BaseHTTPRequestHandler, HTTPServer
class Handler(BaseHTTPRequestHandler):
    def do_POST(self):
        print(self.rfile.read(int(self.headers["Content-Length"])).decode(), flush=True)
        self.send_response(204)
        self.end_headers()
    def log_message(self, *_):
        pass
server = HTTPServer(("127.0.0.1", 0), Handler)
server.timeout = 10
print(server.server_port, flush=True)
server.handle_request()
' >"$folder/said" &
exec 3<"$folder/said"
read -r port <&3

curl -sS "$url/v1/loops" -d '{"name": "handled"}' >/dev/null
curl -sS -X PUT "$url/v1/loops/handled/exception-handler" -d "{\"url\": \"http://127.0.0.1:$port/\"}" >/dev/null
curl -sS "$url/v1/loops/handled/run_until_complete" -d '{"spec":
    {"op": "sequence", "steps": [
        {"op": "create_task", "name": "t", "body":
            {"op": "raise", "type": "ValueError", "message": "nobody awaits this"}},
        {"op": "sleep", "seconds": 0.1}]}}' >/dev/null
jq -r '"handler: " + .error.type + ": " + .error.message' <&3
curl -sS -X DELETE "$url/v1/loops/handled"
