#!/bin/sh
# Each header compiles alone: whoever includes it needs to know of no other.
# CC, MPICC and CFLAGS come from the Makefile.
set -eu
failed=0

alone() { # COMPILER NAME
    # shellcheck disable=SC2086 # compilers and flags are lists of words
    printf '#include "%s"\n#include "%s"\n' "$2" "$2" |
        $1 $CFLAGS -Werror -fsyntax-only -x c - ||
        { echo "headers.sh: $2 does not compile alone" >&2; failed=1; }
}

for header in $(find include src tests -name '*.h' | LC_ALL=C sort); do
    case $header in
    src/mpi/*) alone "$MPICC" "${header#src/}" ;;
    src/*) alone "$CC" "${header#src/}" ;;
    include/*) alone "$CC" "${header#include/}" ;;
    *) alone "$MPICC" "$PWD/$header" ;;
    esac
done
exit "$failed"
