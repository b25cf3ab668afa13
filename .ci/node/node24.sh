#!/bin/sh
# Runs Node 24: the machine's own, or the one that `npm ci` installed. Asks each for its version, since a packaged binary
# may not run on this machine, for instance on musl.
# Not named `node`: npm 10 removes the link of that name together with the packages of other platforms.

# The last security release of Node 24. The machine's own Node, when older, is used only if there is no other.
secure=24.18.1

here=$(CDPATH='' cd -P -- "${0%/*}" && pwd)
if [ -L "$0" ]; then
  # node_modules/.bin/node24 leads to node_modules/node24, or from there to .ci/node.
  here=$(CDPATH='' cd -P -- "$here/../node24" && pwd)
fi

# Sets $version to the version of the Node $1, without `v`. Fails when it does not run or is not Node 24.
version_of() {
  [ -x "$1" ] && [ ! -d "$1" ] || return 1
  # The program checks NODE_OPTIONS itself.
  version=$(NODE_OPTIONS='' "$1" --version 2>/dev/null) || return 1
  case $version in v24.*) version=${version#v} ;; *) return 1 ;; esac
}

# Whether $version is at least $secure.
is_secure() {
  minor=${version#24.} && patch=${minor#*.} && minor=${minor%%.*} && patch=${patch%%[!0-9]*}
  least=${secure#24.}
  [ "$minor" -gt "${least%%.*}" ] || { [ "$minor" -eq "${least%%.*}" ] && [ "$patch" -ge "${least#*.}" ]; }
}

older=''
# Splits PATH at colons, without globbing.
set -f
ifs=$IFS
IFS=:
for folder in $PATH; do
  case $folder in '' | */node_modules/.bin) continue ;; esac
  node=$folder/node
  version_of "$node" || continue
  if is_secure; then
    IFS=$ifs
    exec "$node" "$@"
  fi
  older=${older:-$node}
done
IFS=$ifs
set +f

for node in "$here"/../node-*/bin/node "$here"/../../node_modules/node-*/bin/node; do
  version_of "$node" && exec "$node" "$@"
done
[ -n "$older" ] && exec "$older" "$@"

echo "node24: no working Node 24 was found on PATH or in node_modules: install Node 24 ($secure or newer, https://nodejs.org) and run the command again" >&2
exit 78
