#!/usr/bin/env bash
# postgres.sh COMMAND…: runs the command with POSTGRES_TEST_URL, the address of a throwaway PostgreSQL on a loopback port.
# The server has TLS where OpenSSL is installed, and asks the user `tls_only` for TLS and a password.
# Installs Debian's package when PostgreSQL is missing. Where that is impossible, runs the command without the variable:
# the tests that need a database are then skipped, loudly. An address in POSTGRES_TEST_URL is used as it is.
set -euo pipefail

[ -z "${POSTGRES_TEST_URL:-}" ] || exec "$@"

# Debian keeps PostgreSQL's programs out of PATH.
find_bin() {
  if command -v initdb >/dev/null; then dirname "$(command -v initdb)"; else ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -V | tail -1 || true; fi
}

if [ -z "$(find_bin)" ] && [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo 'Installing PostgreSQL with apt-get' >&2
  { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends postgresql; } >/dev/null 2>&1 || true
fi
bin=$(find_bin)
if [ -z "$bin" ]; then
  echo 'PostgreSQL is not installed' >&2
  exec "$@"
fi

# PostgreSQL refuses to run as root.
as_server() { if [ "$(id -u)" = 0 ]; then (cd / && setpriv --reuid postgres --regid postgres --init-groups "$@"); else "$@"; fi; }

folder=$(mktemp -d)
[ "$(id -u)" != 0 ] || chown postgres "$folder"
stop() {
  as_server "$bin/pg_ctl" -D "$folder/data" -m immediate stop >/dev/null 2>&1 || true
  rm -rf "$folder"
}
trap stop EXIT
as_server "$bin/initdb" -D "$folder/data" -U postgres --auth=trust --no-sync >/dev/null
tls=off
if command -v openssl >/dev/null; then
  as_server openssl req -new -x509 -nodes -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -subj /CN=localhost \
    -keyout "$folder/data/server.key" -out "$folder/data/server.crt" 2>/dev/null
  as_server sed -i '1i host all tls_only 127.0.0.1/32 scram-sha-256' "$folder/data/pg_hba.conf"
  as_server sed -i '1i hostnossl all tls_only all reject' "$folder/data/pg_hba.conf"
  tls=on
fi
start() {
  as_server "$bin/pg_ctl" -D "$folder/data" -w -l "$folder/log" \
    -o "-p $1 -c listen_addresses=127.0.0.1 -k $folder -c ssl=$tls -c fsync=off -c max_connections=60" start >/dev/null
}
for try in 1 2 3 4 5; do
  # Another process may take the free port before PostgreSQL does.
  port=$(node -e 'const s = require("net").createServer().listen(0, "127.0.0.1", () => { console.log(s.address().port); s.close() })')
  if start "$port"; then break; fi
  [ "$try" != 5 ] || { tail -20 "$folder/log" >&2; exit 1; }
done
POSTGRES_TEST_URL="postgres://postgres@127.0.0.1:$port/postgres" "$@"
