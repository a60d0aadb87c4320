# What the redis-cli examples of this directory share; they read it with '.'.
#   PYJOBS_URL or REDIS_URL   where Redis is; otherwise where redis-cli looks by itself
#   PYJOBS_PREFIX             what every key begins with; jobs otherwise
url=${PYJOBS_URL:-${REDIS_URL:-}}
prefix=${PYJOBS_PREFIX:-jobs}

die() {
    printf '%s\n' "${0##*/}: $*" >&2
    exit 1
}

command -v redis-cli >/dev/null || die "redis-cli is not on PATH"

# decoded TEXT: with its %XX in the place of which they stand.
decoded() {
    rest=$1
    while [ "${rest#*%??}" != "$rest" ]; do
        printf '%s' "${rest%%%*}"
        rest=${rest#*%}
        hex=${rest%"${rest#??}"}
        printf "\\$(printf '%03o' "0x$hex")"
        rest=${rest#??}
    done
    printf '%s' "$rest"
}

# A password among the arguments could be read by everybody on this machine, so it goes another way.
user=
case $url in
*://*@*)
    login=${url#*://}
    login=${login%@*}
    url=${url%%://*}://${url##*@}
    case $login in
    *:*)
        user=$(decoded "${login%%:*}")
        REDISCLI_AUTH=$(decoded "${login#*:}")
        export REDISCLI_AUTH
        ;;
    *) die "the URL has a user and no password" ;;
    esac
    ;;
esac

redis() {
    redis-cli -e --no-auth-warning ${url:+-u "$url"} ${user:+--user "$user"} "$@"
}

# sha1: the sha1 of what comes from stdin, in hex.
sha1() {
    if command -v sha1sum >/dev/null; then sha1sum; else shasum; fi
}

# evalsha [-x] NAME@VERSION KEYS... ARGS...: the script's reply, a line for each value.
# -x takes the last argument from stdin, so that no shell or redis-cli interprets it. A script that Redis does not have
# any more is loaded from the body that 'pyjobs scripts load' left beside the sha.
evalsha() {
    x= last=
    if [ "$1" = -x ]; then
        x=-x
        last=$(cat; echo x)
        last=${last%x}
        shift
    fi
    name=$1
    shift
    sha=$(redis HGET "$prefix:scripts" "$name" </dev/null) || exit 1
    [ -n "$sha" ] || die "$prefix:scripts has no $name: run 'pyjobs scripts load'"
    if reply=$(printf '%s' "$last" | redis $x EVALSHA "$sha" "$@" 2>&1); then
        printf '%s\n' "$reply"
        return
    fi
    case $reply in
    *NOSCRIPT*) ;;
    *) die "$reply" ;;
    esac
    body=$(redis HGET "$prefix:bodies" "$sha" </dev/null) || exit 1
    [ "$(printf '%s' "$body" | sha1)" = "$sha  -" ] ||
        die "Redis does not have $name any more, nor its body: run 'pyjobs scripts load'"
    redis SCRIPT LOAD "$body" </dev/null >/dev/null || exit 1
    reply=$(printf '%s' "$last" | redis $x EVALSHA "$sha" "$@" 2>&1) || die "$reply"
    printf '%s\n' "$reply"
}
