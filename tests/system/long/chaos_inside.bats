#!/usr/bin/env bats
# A few dozen of the runs of `make chaos`, in which ranks, runners and jobs are struck.

load ../common
load ../chaos

@test "long chaos: inside, six runs from 104 on" {
    some_chaos inside 6 104
}

@test "long chaos: inside, six runs from 200 on" {
    some_chaos inside 6 200
}

@test "long chaos: inside, six runs from 300 on" {
    some_chaos inside 6 300
}

@test "long chaos: inside, six runs from 400 on" {
    some_chaos inside 6 400
}
