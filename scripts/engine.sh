#!/usr/bin/env bash
# Lets the projection engine of KurrentDB run in the tests on a Debian whose libc is too old for its library: unpacks the
# libc of the Debian that has it beside the project, in .engine/, whose loader the tests then start Node with. Nothing is
# installed, and nothing is done where the machine's own libc will do.
set -euo pipefail
cd "$(dirname "$0")/.."

needed=2.38 # by node_modules/@kurrent/gaffer-runtime-*
suite=trixie
folder=.engine

has=$(getconf GNU_LIBC_VERSION 2>/dev/null | cut -d' ' -f2 || true)
if [ -n "$has" ] && [ "$(printf '%s\n' "$needed" "$has" | sort -V | head -n 1)" = "$needed" ]; then exit 0; fi
if compgen -G "$folder/usr/lib/*/ld-linux*.so.*" >/dev/null; then exit 0; fi
if ! command -v apt-get >/dev/null; then
  echo "engine: it needs glibc $needed, this machine has ${has:-another libc} and is no Debian" >&2
  exit 1
fi

rm -rf "$folder"
work=$PWD/$folder/work
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/lists/partial" "$work/archives/partial"

# A state and a cache of its own: the machine's package lists stay as they are.
own=(-o Debug::NoLocking=true -o Dir::State::Lists="$work/lists" -o Dir::Cache="$work" -o APT::Sandbox::User=)
# The mirror that the machine's own packages come from has the other suite, too.
codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-}")
mirror=$(apt-get "${own[@]}" update --print-uris | sed -n "s|^'\(.*\)/dists/$codename/InRelease'.*|\1|p" | head -n 1)
if [ -z "$codename" ] || [ -z "$mirror" ]; then
  echo "engine: no package source of this Debian (${codename:-unknown}) to take libc6 of $suite from" >&2
  exit 1
fi
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
if [ -r "$keyring" ]; then signed="[signed-by=$keyring] "; else signed=''; fi
echo "deb $signed$mirror $suite main" >"$work/sources.list"
own+=(-o Dir::Etc::SourceList="$work/sources.list" -o Dir::Etc::SourceParts=- -o Acquire::Retries=3)

fetch() { (cd "$work" && apt-get "${own[@]}" -qq update && apt-get "${own[@]}" -qq download libc6); }
for attempt in 1 2 3; do
  if fetch; then break; fi
  if [ "$attempt" = 3 ]; then
    echo "engine: libc6 of $suite could not be had" >&2
    exit 1
  fi
  sleep $((attempt * 5))
done

dpkg-deb -x "$work"/libc6_*.deb "$work/unpacked"
# In one step, so that nobody finds half of it.
mv "$work/unpacked/usr" "$folder/usr"
echo "engine: libc6 of $suite is in $folder/"
