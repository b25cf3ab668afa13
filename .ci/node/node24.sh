#!/bin/sh
# Runs the Node 24 that came with `npm ci`, or else the machine's own.
# Not named `node`: npm 10 takes away the link of that name with the packages of other platforms.
for node in "$(dirname "$0")"/../node-*/bin/node; do
  [ -x "$node" ] && exec "$node" "$@"
done
exec node "$@"
