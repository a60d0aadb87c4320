#!/bin/sh
# Loads the scripts into Redis with nothing but redis-cli, and writes their shas to jobs:scripts and their
# bodies to jobs:bodies.
#   scripts/load.sh DIR      DIR is what 'pyjobs scripts export DIR' wrote
set -eu
. "$(dirname "$0")/redis.sh"
[ $# -eq 1 ] || die "usage: load.sh DIR"
[ -r "$1/manifest.json" ] || die "$1/manifest.json can't be read; 'pyjobs scripts export $1' writes it"

# In the manifest, the line after "file" is "sha1".
scripts=$(sed -n '/"file":/{N;s/.*"file": "\([^"]*\)".*"sha1": "\([0-9a-f]*\)".*/\1 \2/p;}' "$1/manifest.json")
[ -n "$scripts" ] || die "$1/manifest.json names no scripts"
while read -r file sha; do
    loaded=$(redis SCRIPT LOAD "$(cat "$1/$file")" </dev/null) || exit 1
    [ "$loaded" = "$sha" ] || die "$file is not what the manifest says: its sha is $loaded, not $sha"
    redis HSET "$prefix:scripts" "${file%.lua}" "$sha" </dev/null >/dev/null
    redis -x HSET "$prefix:bodies" "$sha" <"$1/$file" >/dev/null
    echo "${file%.lua} $sha"
done <<EOF
$scripts
EOF
