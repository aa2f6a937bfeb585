#!/usr/bin/env bats
# A few dozen of the runs of `make chaos`, in which mpirun, the launcher, ranks and daemons are struck.

load ../common
load ../chaos

@test "long chaos: at the edges, six runs from 5 on" {
    some_chaos edges 6 5
}

@test "long chaos: at the edges, six runs from 101 on" {
    some_chaos edges 6 101
}

@test "long chaos: at the edges, six runs from 201 on" {
    some_chaos edges 6 201
}

@test "long chaos: at the edges, six runs from 301 on" {
    some_chaos edges 6 301
}
