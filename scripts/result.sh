#!/bin/sh
# Prints the result of a job with nothing but redis-cli.
#   scripts/result.sh QUEUE ID
# Exit code: 0 it is printed, 1 the job failed or is not there, 2 no result yet. To wait for it:
#   while scripts/result.sh words "$id"; [ $? -eq 2 ]; do sleep 1; done
set -eu
. "$(dirname "$0")/redis.sh"
[ $# -eq 2 ] || die "usage: result.sh QUEUE ID"

# The reply: state, reason, three times in ms, and the result or the error.
answer=$(evalsha queue/result@1 1 "$prefix:{$1}" "$2" </dev/null)
state=$(printf '%s\n' "$answer" | sed -n 1p)
body=$(printf '%s\n' "$answer" | sed 1,5d)
case $state in
done) printf '%s\n' "$body" ;;
pending | delayed | inflight)
    echo "${0##*/}: job $2 on queue $1: no result yet, it is $state" >&2
    exit 2
    ;;
'') die "job $2 on queue $1: no such job; its retention is over, or it never was" ;;
*) die "job $2 on queue $1 is $state: $body" ;;
esac
