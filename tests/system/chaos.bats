#!/usr/bin/env bats
# A handful of the runs of `make chaos`; a few dozen are in long/chaos_*.bats.

load common
load chaos

@test "chaos: four runs" {
    some_chaos inside 4 100
}

@test "chaos: at the edges, four runs" {
    some_chaos edges 4 1
}
