#!/bin/sh
# The handler of an examination, for scripts/worker.sh:
#   scripts/worker.sh -l 1500 -g 1 exam docs/clients/exam.sh
# It reads one line of JSON of a known form, and needs nothing but sed.
set -eu
data=$(cat)
case $data in
'{'*'}') ;;
*) echo "not JSON" >&2 && exit 65 ;;
esac

# number NAME: the number of this field, or nothing. text NAME: its text. value: the JSON of the last field.
number() { printf '%s' "$data" | sed -n "s/.*\"$1\":\([0-9]*\)[,}].*/\1/p"; }
text() { printf '%s' "$data" | sed -n "s/.*\"$1\":\"\([^\"]*\)\".*/\1/p"; }
value() { printf '%s' "$data" | sed 's/.*"value"://; s/}$//'; }
note() { echo "$1 $PYJOBS_ID $PYJOBS_ATTEMPT shell" >>"$(text log)"; }

note start
sleep=$(number sleep) sleeps=$(number sleeps) fails=$(number fails) bytes=$(number bytes)
if [ "$PYJOBS_ATTEMPT" -le "${sleeps:-$PYJOBS_ATTEMPT}" ]; then
    sleep "$((${sleep:-0} / 1000)).$(printf %03d $((${sleep:-0} % 1000)))"
fi
note end
if [ "$PYJOBS_ATTEMPT" -le "${fails:-0}" ]; then
    text message >&2
    exit 1
fi
if [ -n "$bytes" ]; then
    printf '"%s"' "$(head -c "$bytes" /dev/zero | tr '\0' x)"
else
    value
fi
