#!/bin/sh
# A coroutine of one's own, with arguments and a default: the server keeps it, and jobs call it by its name.
# Arguments are checked: one that is missing or wrong is refused with the job, or raises `TypeError` in it.
#
# In Python:
#   async def corrutina(nombre: str, duracion: float = 0.2):
#       print(f"Nombre: {nombre}, duracion: {duracion}s")
#       await asyncio.sleep(duracion)
#       print(f"Nombre: {nombre}, fin")
#       return nombre
#   async def principal():
#       return await asyncio.gather(corrutina("A", duracion=0.6), corrutina("B"))
#   print("result:", *asyncio.run(principal()))
#
# Prints:
#   Nombre: A, duracion: 0.6s
#   Nombre: B, duracion: 0.2s
#   Nombre: B, fin
#   Nombre: A, fin
#   result: A B
set -eu
. "$(dirname "$0")/coroutine.sh"

# shellcheck disable=SC2016 # the references are not the shell's
curl -sS -X PUT "$url/v1/coroutines/corrutina" -d '{
    "parameters": {"nombre": {"type": "string"}, "duracion": {"type": "number", "minimum": 0, "default": 0.2}},
    "body": {"op": "sequence", "return": "${args.nombre}", "steps": [
        {"op": "log", "message": "Nombre: ${args.nombre}, duracion: ${args.duracion}s"},
        {"op": "sleep", "seconds": "${args.duracion}"},
        {"op": "log", "message": "Nombre: ${args.nombre}, fin"}]}}' >/dev/null

task=$(curl -sS "$url/v1/tasks?wait=10" -d '{"spec":
    {"op": "gather", "tasks": [
        {"op": "call", "coroutine": "corrutina", "args": {"nombre": "A", "duracion": 0.6}},
        {"op": "call", "coroutine": "corrutina", "args": {"nombre": "B"}}]}}')
id=$(printf '%s' "$task" | jq -r .id)

curl -sS "$url/v1/tasks/$id/log" | jq -r '.lines[].message'
printf '%s' "$task" | jq -r '"result: " + (.result | join(" "))'
