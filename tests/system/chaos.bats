#!/usr/bin/env bats
# A few dozen of the runs of `make chaos`.

load common

some_chaos() { # FROM
    timeout --kill-after=5 170 "$BATS_TEST_DIRNAME/chaos" 6 "$1" >out 2>err 3>&-
    contains out '6 runs, every job finished once'
}

@test "chaos: six runs" {
    some_chaos 100
}

@test "chaos: six more" {
    some_chaos 200
}

@test "chaos: and six" {
    some_chaos 300
}

@test "chaos: and the last six" {
    some_chaos 400
}
