#!/usr/bin/env bash
# Installs Python and notmuch from Debian where they are missing: with them the tests read the mbox and the Maildir that
# `job export --as` writes. Where that is impossible, these tests are skipped, loudly.
set -euo pipefail

missing=()
python3 -c 'import mailbox' 2>/dev/null || missing+=(python3)
command -v notmuch >/dev/null || missing+=(notmuch)
[ ${#missing[@]} != 0 ] || exit 0
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
  echo "Installing ${missing[*]} with apt-get" >&2
  { apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "${missing[@]}"; } >/dev/null 2>&1 || true
fi
for program in python3 notmuch; do
  command -v "$program" >/dev/null || echo "$program is not installed" >&2
done
