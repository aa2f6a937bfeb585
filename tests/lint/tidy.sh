#!/bin/sh
# tidy.sh [FILE] - clang-tidy with the checks of .clang-tidy over this file, or
# over the program and the benchmarks. Not the unit tests: CUnit goes on after a
# failed assertion, and the analyzer complains of what would follow. One file at
# a time: clang-tidy 14 mixes up the va_lists of several. CFLAGS come from the
# Makefile. TIDY_NOTES=1 shows the analyzer's way to each finding.
set -eu
if [ $# -eq 0 ]; then
    find src tests/bench -name '*.c' | LC_ALL=C sort |
        xargs -P "$(nproc)" -n 1 "$0"
    exit
fi

# shellcheck disable=SC2086 # the flags are a list of words
said=$(clang-tidy --quiet "$1" -- $CFLAGS 2>&1) && exit
short=
[ -n "${TIDY_NOTES-}" ] ||
    short=$(printf '%s\n' "$said" | grep -E '(error|warning):' || :)
printf '%s\n' "${short:-$said}" >&2
exit 1
