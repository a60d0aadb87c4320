#!/bin/sh
# Submits a job with nothing but redis-cli, as any language can do it, and prints its id.
#   scripts/submit.sh [-m MODE] [-i ID] [-o OPTIONS] QUEUE [JSON]
#     MODE     simple, recoverable or reliable; reliable when left out
#     ID       the job's id; the script makes one when it is left out
#     OPTIONS  of <MODE>/submit, such as 'delay=5000 retention=60000' (see: pyjobs scripts show)
#     JSON     the job's data; read from stdin when it is left out, or -
set -eu
. "$(dirname "$0")/redis.sh"

mode=reliable id='' options=''
while getopts m:i:o: flag; do
    case $flag in
    m) mode=$OPTARG ;;
    i) id=$OPTARG ;;
    o) options=$OPTARG ;;
    *) exit 1 ;;
    esac
done
shift $((OPTIND - 1))
[ $# -ge 1 ] && [ $# -le 2 ] || die "usage: submit.sh [-m MODE] [-i ID] [-o OPTIONS] QUEUE [JSON]"
queue=$1

# KEYS: the queue. ARGV: client ('' is nobody), options, then id and data; the data comes by -x.
submit() {
    evalsha -x "$mode/submit@1" 1 "$prefix:{$queue}" '' "$options" "$id"
}

if [ "${2:--}" = - ]; then
    answer=$(submit)
else
    answer=$(printf '%s' "$2" | submit)
fi
id=$(printf '%s\n' "$answer" | sed -n 1p)
outcome=$(printf '%s\n' "$answer" | sed -n 2p)
case $outcome in
new) ;;
CONFLICT) die "CONFLICT: id $id is taken on queue $queue by other data" ;;
*) echo "${0##*/}: job $id was there before; it is $outcome" >&2 ;;
esac
redis HSET "$prefix:queues" "$queue" "$mode" </dev/null >/dev/null
printf '%s\n' "$id"
