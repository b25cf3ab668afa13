#!/bin/sh
# Runs the Node 24 that came with `npm ci`, or else the machine's own.
# Not named `node`: npm 10 takes away the link of that name with the packages of other platforms.
here=${0%/*}
# As node_modules/.bin/node24 and as .ci/node/node24.sh.
for node in "$here"/../node-*/bin/node "$here"/../../node_modules/node-*/bin/node; do
  [ -x "$node" ] && exec "$node" "$@"
done
exec node "$@"
