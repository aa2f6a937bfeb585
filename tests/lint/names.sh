#!/bin/sh
# names.sh [ROOT] - every path and pattern in the Makefile, in .ci/run and in the
# scripts of tests matches something, and every suite of unit tests that they
# name is there: what has been moved must not be left out without a word. What a
# variable stands for is not looked at. In a line about what is not there yet or
# any more, say so: "names.sh: not there".
set -eu
root=${1:-$(dirname "$0")/../..}
cd "$root"
failed=0

complain() {
    echo "names.sh: $*" >&2
    failed=1
}

# Words that begin with a folder of ours; a backslash or a regular expression's
# $ and | end one, and % is make's for anything.
paths_of() { # FILE
    sed '/names.sh: not there/d; s/%/*/g' "$1" |
        grep -oE '(^|[^A-Za-z0-9_./)*-])(src|include|tests|slurm|hostfiles|[.]ci)/[][A-Za-z0-9_./*?-]*' |
        sed 's/^[^.a-z]//; s/[.]$//' | sort -u
}

matches() { # PATTERN
    # shellcheck disable=SC2086 # it is a pattern
    set -- $1
    [ -e "$1" ]
}

looked=0
for file in Makefile .ci/run tests/check-mpis tests/loaded tests/as-usual \
    tests/unit/valgrind tests/lint/*.sh; do
    case $file in */includes-selftest.sh | */names.sh) continue ;; esac
    [ -e "$file" ] || { complain "there is no $file"; continue; }
    for pattern in $(set -f; paths_of "$file"); do
        looked=$((looked + 1))
        # A regular expression may be the beginning of a name.
        [ "$file" != tests/lint/includes.sh ] || pattern="$pattern*"
        matches "$pattern" || complain "$file: nothing matches $pattern"
    done
done
[ "$looked" -ge 40 ] || complain "only $looked paths were found to look at"

# The suites that .ci/run runs under valgrind, and those that are special there.
suites=$(sed -n '/VALGRIND_SUITES="/,/"$/p' .ci/run |
    sed 's/.*VALGRIND_SUITES=//' | tr -cs '[:lower:]_' ' ')
[ "$(echo "$suites" | wc -w)" -ge 10 ] ||
    complain ".ci/run names no suites for valgrind"
for suite in $suites $(sed -n 's/^LENIENT="\(.*\)"$/\1/p' tests/unit/valgrind); do
    [ -e "tests/unit/test_$suite.c" ] || complain "there is no suite $suite"
done
exit "$failed"
