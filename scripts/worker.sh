#!/bin/bash
# Does the jobs of a queue of reliable mode with nothing but bash, redis-cli and coreutils: runs COMMAND for each job.
#   scripts/worker.sh [-l LEASE] [-g GRACE] [-t TASK]... QUEUE COMMAND [ARGUMENT]...
#     LEASE    ms that a claim holds without a heartbeat; 30000 when left out
#     GRACE    seconds that a run may go on after SIGTERM; 10 when left out
#     TASK     a task that COMMAND knows; it gets jobs of these tasks, and jobs without a task
#   COMMAND    reads the data from stdin and prints the result; nothing printed is null. What clients in Python read
#              must be JSON. Exit code 0: done. 65: failed for good. Any other: failed, and tried again after a backoff;
#              the last line of stderr is the message. PYJOBS_QUEUE, PYJOBS_ID, PYJOBS_ATTEMPT and PYJOBS_TASK name the job.
# It does one job at a time; start it again for more. SIGTERM or SIGINT ends it: after the grace it hands the job back.
# Exit code: 0 after a signal, 1 when Redis refuses its calls.
set -uf
. "$(dirname "$0")/redis.sh"

lease=30000 grace=10 tasks=' '
while getopts l:g:t: flag; do
    case $flag in
    l) lease=$OPTARG ;;
    g) grace=$OPTARG ;;
    t) tasks+="$OPTARG " ;;
    *) exit 1 ;;
    esac
done
shift $((OPTIND - 1))
[ $# -ge 2 ] || die "usage: worker.sh [-l LEASE] [-g GRACE] [-t TASK]... QUEUE COMMAND [ARGUMENT]..."
[[ $lease =~ ^[1-9][0-9]*$ && $grace =~ ^[0-9]+$ ]] || die "LEASE and GRACE are whole numbers of ms and of seconds"
name=$1 queue="$prefix:{$1}"
shift
command=("$@")
cli=(redis-cli -e --no-auth-warning ${url:+-u "$url"} ${user:+--user "$user"})

# --- what ends with the worker, also after kill -9 ---

# This process alone holds fd 9, the end of a pipe for writing. So a reader of the pipe sees the end of this process.
dir=$(mktemp -d) || exit 1
mkfifo "$dir/alive" && exec 9<>"$dir/alive" || exit 1
: >"$dir/pid"

# Ends the command or the wait that $dir/pid names, once the worker is gone.
guard() {
    trap '' TERM INT
    exec 8<"$dir/alive" 9>&- >/dev/null 2>&1
    cat <&8
    pid=$(cat "$dir/pid")
    [ -z "$pid" ] || kill "$pid"
    rm -r "$dir"
}
guard </dev/null &

stopping='' signalled='' idle=''
stop() {
    stopping=1 signalled=1
    [ -z "$idle" ] || kill "$idle" 2>/dev/null
}
trap stop TERM INT

log() {
    echo "worker.sh: $*" >&2
}

# pause SECONDS: or until a signal.
pause() {
    sleep "$1" 9>&- &
    idle=$!
    [ -z "$stopping" ] || kill "$idle" 2>/dev/null
    wait "$idle" 2>/dev/null
    idle=
}

# --- calls ---

# Seconds until an answer must come, before the first claim.
patience=10

# ask [-x] WORD...: one command. $reply is what redis-cli prints. Returns 0, or 1 with an error or without an answer.
ask() {
    reply=$(timeout $patience "${cli[@]}" "$@" 2>&1)
}

# Redis may come back without its scripts, and without the hashes that have them: they are kept here.
declare -A shas bodies
remember() {
    for script in "$@"; do
        ask HGET "$prefix:scripts" "$script@1" </dev/null || die "$reply"
        shas[$script]=$reply
        [ -n "$reply" ] || die "$prefix:scripts has no $script@1: run 'pyjobs scripts load'"
        ask HGET "$prefix:bodies" "$reply" </dev/null || die "$reply"
        bodies[$script]=$reply
        [ "$(printf '%s' "$reply" | sha1)" = "${shas[$script]}  -" ] || die "$prefix:bodies has another $script@1"
    done
}

# call FLAG SCRIPT WORD...: calls a script of the queue, of which nothing has run when no answer came or Redis was not able.
# FLAG is -x, and the last word comes from stdin, or --no-raw, and a reply has a value a line. Returns 0 with an answer, 1
# without, and 2 when the call was refused.
call() {
    local flag=$1 script=$2 missing=
    shift 2
    while ! ask "$flag" EVALSHA "${shas[$script]}" 1 "$queue" "$@"; do
        case $reply in
        *NOSCRIPT*)
            [ -z "$missing" ] || return 1
            missing=1
            ask SCRIPT LOAD "${bodies[$script]}" </dev/null || return 1
            [ "$flag" != -x ] || return 1 # stdin was read: the caller sends the call again
            ;;
        *BADARG* | *TOOLARGE* | *WRONGMODE* | *BADLAYOUT* | *NOPERM* | *WRONGTYPE* | *NOAUTH* | *WRONGPASS* | *permission* | *"can't run this command"*)
            return 2
            ;;
        *) return 1 ;;
        esac
    done
}

# insist FILE FLAG SCRIPT WORD...: calls until an answer comes, with FILE as stdin. A worker that stops gives up after ten tries.
insist() {
    local file=$1 tries=0 code
    shift
    while :; do
        call "$@" <"$file" && return
        code=$?
        [ $code -eq 1 ] || return $code
        [ $tries -eq 0 ] || log "no answer to $2: $reply"
        [ -z "$stopping" ] || [ $tries -lt 10 ] || return 1
        [ $tries -eq 0 ] || if [ -n "$stopping" ]; then sleep 0.3; else pause 1; fi
        tries=$((tries + 1))
    done
}

enter_registry() {
    ask HSET "$prefix:queues" "$name" reliable </dev/null && entered=$SECONDS
}

# --- a run ---

now() {
    local micros=${EPOCHREALTIME/[.,]/}
    echo $((micros / 1000))
}

# seconds MS: as sleep and timeout read them.
seconds() {
    printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000))
}

# Renews the lease of $id until the worker ends this loop or itself. It ends the run when the job is not its job any more.
heartbeat() {
    trap '' TERM INT
    exec 8<"$dir/alive" 9>&-
    local ends=$((claimed + lease)) sent
    while :; do
        read -r -t "$(seconds $((lease / 3)))" -u 8
        [ $? -gt 128 ] || exit # no timeout, but the end of the worker
        sent=$(now)
        if call --no-raw reliable/extend "$lease" "$id" "$token" </dev/null; then
            if [[ $reply == *'"inflight"'* ]]; then
                ends=$((sent + lease))
                continue
            fi
        elif [ "$(now)" -lt $ends ]; then
            continue
        else
            reply=unrenewed
        fi
        echo "$reply" >"$dir/lost"
        kill "$pid" 2>/dev/null
        exit
    done
}

# json: text from stdin as what stands between the quotes of a JSON text.
json() {
    tr -d '\000-\010\013-\037\177' |
        if command -v iconv >/dev/null; then iconv -c -f UTF-8 -t UTF-8; else LC_ALL=C tr -cd '\11\12\40-\176'; fi |
        sed -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/\t/\\t/g' | sed -e ':a' -e 'N' -e '$!ba' -e 's/\n/\\n/g'
}

# failure TYPE MESSAGE: the error of a failed run, into $dir/result.
failure() {
    printf '{"type":"%s","message":"%s","traceback":"%s"}' "$1" "$(printf '%s\n' "$2" | json)" \
        "$(tail -c 8000 "$dir/error" | json)" >"$dir/result"
}

# hand_back OPTIONS: the job goes back to its queue.
hand_back() {
    insist /dev/null --no-raw reliable/release "$1" "$id" "$token"
}

# fail VERDICT: of the error in $dir/result.
fail() {
    log "job $id failed at attempt $attempt ($1)"
    insist "$dir/result" -x reliable/fail '' "$id" "$token" "$1" || die "job $id: its failure was not recorded: $reply"
}

# Waits for the run. After a signal it may go on for the grace; `cut` says that it did not end by itself.
await_run() {
    signalled=$stopping
    [ -n "$signalled" ] || wait "$pid"
    status=$?
    [ -n "$signalled" ] || return
    for ((tenths = 0; tenths < grace * 10; tenths++)); do
        kill -0 "$pid" 2>/dev/null || break
        sleep 0.1
    done
    kill "$pid" 2>/dev/null && cut=1
    wait "$pid"
    last=$?
    [ $last -eq 127 ] || status=$last
    [ $status -le 128 ] || cut=1 # by the same signal, if the whole group or unit got it
}

# run DATA TIMEOUT: runs the command for $id, and sends what came of it.
run() {
    printf '%b' "$(printf '%s' "$1" | sed 's/\\"/"/g')" >"$dir/data"
    rm -f "$dir/lost"
    : >"$dir/error"
    local begun heart cut=
    begun=$(now)
    PYJOBS_QUEUE=$name PYJOBS_ID=$id PYJOBS_ATTEMPT=$attempt PYJOBS_TASK=$task timeout -k 5 "$(seconds "$2")" \
        "${command[@]}" <"$dir/data" >"$dir/result" 2>"$dir/error" 9>&- &
    pid=$!
    echo $pid >"$dir/pid"
    heartbeat </dev/null &
    heart=$!
    await_run
    : >"$dir/pid"
    cat "$dir/error" >&2
    if [ -e "$dir/lost" ]; then
        log "job $id: the run was ended: $(cat "$dir/lost")"
        [ "$(cat "$dir/lost")" != unrenewed ] || hand_back ''
    elif [ -n "$cut" ]; then
        hand_back '' && log "job $id was handed back"
    elif [ "$2" -gt 0 ] && [[ $status =~ ^(124|137)$ ]] && [ $(($(now) - begun)) -ge "$2" ]; then
        failure TimeoutError "took longer than $(seconds "$2") s"
        fail retry
    elif [ "$status" -ne 0 ]; then
        message=$(tail -n 1 "$dir/error")
        failure ExitCode "${message:-exit code $status}"
        if [ "$status" -eq 65 ]; then fail reject; else fail retry; fi
    else
        [ -s "$dir/result" ] || printf null >"$dir/result"
        insist "$dir/result" -x reliable/complete '' "$id" "$token"
        if [ $? -eq 2 ]; then
            failure Refused "the result was refused: $reply"
            fail reject
        fi
    fi
    kill -9 "$heart" 2>/dev/null
    wait "$heart" 2>/dev/null
}

# --- the loop ---

# read_values: the values of a reply that was asked for with --no-raw, into $values. A line has the places of its value in
# nested arrays, and the value: (integer) 7, or a text between quotes with \n, \" and the like.
read_values() {
    values=()
    local line
    while IFS= read -r line; do
        line=${line#"${line%%[! ]*}"}
        while [[ $line == [0-9]* ]]; do line=${line#*) }; done
        case $line in
        '(integer) '*) line=${line#'(integer) '} ;;
        \"*) line=${line#?} line=${line%?} ;;
        esac
        values+=("$line")
    done <<<"$reply"
}

# await_token MS: until a wake token comes, or so many ms have gone.
await_token() {
    local ms=$(($1 < 10 ? 10 : $1)) # Redis 6.2 takes a millisecond for 0, and waits for ever
    timeout $((ms / 1000 + 10)) "${cli[@]}" BLPOP "$queue:wake" "$(seconds $ms)" </dev/null >/dev/null 2>&1 9>&- &
    idle=$!
    echo $idle >"$dir/pid"
    [ -z "$stopping" ] || kill "$idle" 2>/dev/null
    wait "$idle" 2>/dev/null
    idle=
    : >"$dir/pid"
}

remember reliable/claim reliable/extend reliable/complete reliable/fail reliable/release queue/wake
enter_registry || die "$reply"
# From now on a third of the lease, and two for a slow machine.
patience=$((lease > 6000 ? lease / 3000 : 2))
while [ -z "$stopping" ]; do
    [ $((SECONDS - entered)) -lt 60 ] || enter_registry
    # A nonce that nobody can guess, for one claim.
    nonce=$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n')
    claimed=$(now)
    insist /dev/null --no-raw reliable/claim "$nonce" 1 "$lease" '' || [ $? -eq 1 ] || die "$reply"
    [[ $reply == *'(integer)'* ]] || continue
    read_values
    wait=${values[0]}
    if [ ${#values[@]} -gt 1 ]; then
        id=${values[2]} token=${values[3]} attempt=${values[5]} task=${values[8]:-}
        if [ -n "$stopping" ]; then
            hand_back ''
        elif [ -n "$task" ] && [[ $tasks != *" $task "* ]]; then
            log "job $id has a task that this worker does not know: $task"
            hand_back unknown=1
        else
            run "${values[4]}" "${values[7]}"
        fi
    elif [ "$wait" -ne 0 ]; then
        most=$((lease < 30000 ? lease : 30000))
        await_token $((wait > 0 && wait < most ? wait : most))
    fi
done
# The wait may have taken a token that is for another worker.
insist /dev/null --no-raw queue/wake
exit 0
