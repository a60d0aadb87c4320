# What the redis-cli examples of this directory share; they read it with '.'.
#   PYJOBS_URL or REDIS_URL   where Redis is; otherwise where redis-cli looks by itself
#   PYJOBS_PREFIX             what every key begins with; jobs otherwise
url=${PYJOBS_URL:-${REDIS_URL:-}}
prefix=${PYJOBS_PREFIX:-jobs}

die() {
    echo "${0##*/}: $*" >&2
    exit 1
}

command -v redis-cli >/dev/null || die "redis-cli is not on PATH"

redis() {
    redis-cli -e --no-auth-warning ${url:+-u "$url"} "$@"
}

# evalsha [-x] NAME@VERSION KEYS... ARGS...: the script's reply, a line for each value.
# -x takes the last argument from stdin, so that no shell or redis-cli interprets it.
evalsha() {
    x=
    if [ "$1" = -x ]; then
        x=-x
        shift
    fi
    name=$1
    shift
    sha=$(redis HGET "$prefix:scripts" "$name" </dev/null) || exit 1
    [ -n "$sha" ] || die "$prefix:scripts has no $name: run 'pyjobs scripts load'"
    if reply=$(redis $x EVALSHA "$sha" "$@" 2>&1); then
        printf '%s\n' "$reply"
        return
    fi
    case $reply in
    *NOSCRIPT*) die "Redis does not have $name any more: run 'pyjobs scripts load'" ;;
    *) die "$reply" ;;
    esac
}
