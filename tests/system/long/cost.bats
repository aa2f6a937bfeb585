#!/usr/bin/env bats
# Instructions of the master, at the size of large lists.

load ../common
load ../cost

@test "long cost: what a hundred thousand dependencies add to the master's work" {
    check_dependencies 100000
}
