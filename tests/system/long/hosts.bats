#!/usr/bin/env bats
# A run on enough hosts that each of them has a single slave.

load ../common
load ../hosts

teardown() {
    farm_teardown
    hosts_down
}

@test "hosts: 64 of them have one slave each, with all of their slots" {
    hosts_up 64
    printf '%s slots=2\n' "${HOSTS[@]}" >hostlist
    # Each job waits until as many jobs run as there are slots.
    yes "echo \$JOBSCHED_NODE; : >\$JOBSCHED_JOB_ID; $HOLD" | head -n 128 >jobs.txt
    LIMIT=600 launch_on_hosts --hostfile hostlist --start-timeout 10m --slave-timeout 10m jobs.txt
    farm_run_in_background
    local i
    for ((i = 1; i <= 128; i++)); do
        wait_until $((5 * PATIENCE)) exists "$i"
    done
    touch go
    farm_end
    status_is 0
    contains err '64 slaves of 2 slots take the place of 128 slaves'
    contains err '128 jobs: 128 done, 0 failed, 0 skipped, 0 left'
    equal "$(sort -u out | wc -l)" 64
    equal "$(sort out | uniq -c | awk '$1 != 2' | wc -l)" 0
}
