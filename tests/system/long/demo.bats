#!/usr/bin/env bats
# The demonstration as `make run` shows it.

load ../common

# bats test_tags=alone
@test "long demo: thirty jobs of a second takes 15 s" {
    LIMIT=120 farm 2 --joblog log
    status_is 0
    between "$(awk -F '\t' 'NR == 2 { a = $3 } { b = $3 + $4 }
        END { print b - a }' log)" 14.9 25
}
