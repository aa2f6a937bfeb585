#!/bin/sh
# statics.sh - a static function's name stands in one file of src only: so grep, a
# debugger's break and a stack trace find one thing. (At most three in a hundred
# may share theirs, as main.)
set -eu
cd "$(dirname "$0")/../.."
find src -name '*.c' | LC_ALL=C sort |
    ctags -x --kinds-c=f --_xformat='%{name} %{input} %{file}' -L - | awk '
    $3 == "file" { statics++ }
    !(($1, $2) in seen) {
        seen[$1, $2] = 1
        files[$1]++
        where[$1] = where[$1] " " $2
    }
    END {
        if (!statics) {
            print "statics.sh: ctags finds none" > "/dev/stderr"
            exit 1
        }
        for (name in files)
            if (files[name] > 1) {
                shared += files[name]
                said = said "statics.sh: " name " is in" where[name] "\n"
            }
        if (shared * 100 > statics * 3) {
            printf "%s", said > "/dev/stderr"
            exit 1
        }
    }'
