#!/usr/bin/env bats
# A few dozen of the runs of `make chaos`.

load common

some_chaos() { # KIND FROM
    need_open_mpi
    timeout --kill-after=5 170 "$BATS_TEST_DIRNAME/chaos" "$1" 6 "$2" >out 2>err 3>&-
    contains out '6 runs, every job finished once'
}

@test "chaos: six runs" {
    some_chaos inside 100
}

@test "chaos: six more" {
    some_chaos inside 200
}

@test "chaos: and six" {
    some_chaos inside 300
}

@test "chaos: and the last six" {
    some_chaos inside 400
}

@test "chaos: at the edges, six runs" {
    some_chaos edges 1
}

@test "chaos: at the edges, six more" {
    some_chaos edges 101
}

@test "chaos: at the edges, and six" {
    some_chaos edges 201
}

@test "chaos: at the edges, and the last six" {
    some_chaos edges 301
}
