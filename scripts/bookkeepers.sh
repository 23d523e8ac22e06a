#!/usr/bin/env bash
# Installs the programs that the exports are tested with, hledger, ledger and Beancount, from the machine's own Debian.
# Nothing is done where they are there already.
set -euo pipefail

missing=()
for program in hledger ledger bean-check bean-query; do
  command -v "$program" >/dev/null || missing+=("$program")
done
if [ ${#missing[@]} -eq 0 ]; then exit 0; fi
if ! command -v apt-get >/dev/null; then
  echo "bookkeepers: ${missing[*]} must be installed, and this machine is no Debian" >&2
  exit 1
fi

as_root=()
if [ "$(id -u)" -ne 0 ]; then as_root=(sudo -n); fi
export DEBIAN_FRONTEND=noninteractive
install() {
  "${as_root[@]}" apt-get -qq -o Acquire::Retries=3 update &&
    "${as_root[@]}" apt-get -qq -o Acquire::Retries=3 install --yes --no-install-recommends hledger ledger beancount >/dev/null
}
for attempt in 1 2 3; do
  if install; then break; fi
  if [ "$attempt" = 3 ]; then
    echo "bookkeepers: ${missing[*]} could not be installed" >&2
    exit 1
  fi
  sleep $((attempt * 5))
done
hledger --version
