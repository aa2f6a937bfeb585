#!/bin/sh
# symbols.sh ARCHIVE - a static library hides nothing, so all that it exports
# must carry one of our prefixes.
set -eu
nm=$(nm -g --defined-only "$1")
names=$(printf '%s\n' "$nm" | awk 'NF == 3 { print $3 }')
[ -n "$names" ] || { echo "symbols.sh: $1 exports nothing" >&2; exit 1; }
foreign=$(printf '%s\n' "$names" | grep -vE '^(jobsched|js)_' || :)
[ -z "$foreign" ] || { printf 'symbols.sh: %s exports:\n%s\n' "$1" \
    "$foreign" >&2; exit 1; }
