#!/usr/bin/env bats
# Master and slaves: nobody waits for anybody, and waiting costs nothing.

load common

# So many jobs of slave 1 are in the joblog, which may come after their output.
first_has_run() { # COUNT
    (($(awk -F '\t' 'NR > 1 && $12 == 1' log | grep -c '') >= $1))
}

# bats test_tags=sanitize
@test "messages: a slave that is stopped holds up nobody else" {
    # Each slave takes one of the first two jobs.
    {
        printf "touch here\$JOBSCHED_SLAVE; $HOLD; echo first\n%.0s" 1 2
        printf 'echo %s\n' $(seq 3 60)
    } >jobs.txt
    farm_start 2 jobs.txt --joblog log --slave-timeout "$((30 * JS_PATIENCE))"
    wait_until "$PATIENCE" exists here1
    wait_until "$PATIENCE" exists here2
    local stopped
    stopped=$(rank_pid 2)
    kill -STOP "$stopped"
    touch go
    # At most ten jobs are unacknowledged and may have to wait with it.
    wait_until "$PATIENCE" has_lines out 49 .
    claim kill -0 "$FARM"
    wait_until "$PATIENCE" first_has_run 49
    kill -CONT "$stopped"
    farm_end
    status_is 0
    contains err '60 done'
    equal "$(grep -v first out | sort -n | xargs)" "$(seq 3 60 | xargs)"
}

@test "messages: a slave that is stopped while it is given long commands" {
    {
        printf "touch here\$JOBSCHED_SLAVE; $HOLD; echo first\n%.0s" 1 2
        local i
        for i in $(seq 3 40); do
            printf 'echo %s; : %s\n' "$i" \
                "$(head -c 50000 /dev/zero | tr '\0' x)"
        done
    } >jobs.txt
    farm_start 2 jobs.txt --slave-timeout "$((30 * JS_PATIENCE))"
    wait_until "$PATIENCE" exists here1
    wait_until "$PATIENCE" exists here2
    local stopped
    stopped=$(rank_pid 1)
    kill -STOP "$stopped"
    touch go
    wait_until "$PATIENCE" has_lines out 29 .
    kill -CONT "$stopped"
    farm_end
    status_is 0
    equal "$(grep -v first out | sort -n | xargs)" "$(seq 3 40 | xargs)"
}

@test "messages: a stopped runner holds up nobody else" {
    {
        printf "touch here\$JOBSCHED_SLAVE; $HOLD\n%.0s" 1 2
        printf 'echo %s\n' $(seq 3 60)
    } >jobs.txt
    farm_start 2 jobs.txt --slave-timeout "$((30 * JS_PATIENCE))"
    wait_until "$PATIENCE" exists here1
    wait_until "$PATIENCE" exists here2
    local stopped
    stopped=$(runner_pid 2)
    kill -STOP "$stopped"
    touch go
    wait_until "$PATIENCE" has_lines out 48 .
    # Its slave does so as well, after a while.
    kill -CONT "$stopped" 2>/dev/null || true
    farm_end
    status_is 0
    equal "$(sort -n out | xargs)" "$(seq 3 60 | xargs)"
}

# All threads' wake-ups.
wake_ups() {
    awk '/^voluntary_ctxt_switches/ { sum += $2 } END { print sum }' \
        /proc/"$1"/task/*/status
}

# bats test_tags=alone
@test "messages: nobody spins while jobs run" {
    # Sleeps grow from 1 ms to 5 ms, so 200 wake-ups a second are expected and
    # 1,000 can be explained; spinning or a poll of 50 us makes far more. And
    # a process that spins without sleeping shows in its CPU time.
    echo "touch started; $HOLD" >jobs.txt
    farm_start 2 jobs.txt
    wait_until "$PATIENCE" exists started
    local pids pid before=() i=0
    pids="$(rank_pid 0) $(rank_pid 1) $(rank_pid 2) $(runner_pid 1) $(runner_pid 2)"
    for pid in $pids; do
        before+=("$(wake_ups "$pid") $(awk '{ print $14 + $15 }' \
            "/proc/$pid/stat")")
    done
    sleep 1 # what is measured
    local wakes ticks
    for pid in $pids; do
        read -r wakes ticks <<<"${before[i++]}"
        echo "process $pid: $(($(wake_ups "$pid") - wakes)) wake-ups"
        between $(($(wake_ups "$pid") - wakes)) 0 1200
        ticks=$(($(awk '{ print $14 + $15 }' "/proc/$pid/stat") - ticks))
        echo "process $pid: $ticks ticks"
        between "$ticks" 0 $(($(getconf CLK_TCK) / 4))
    done
    touch go
    farm_end
    status_is 0
}

# bats test_tags=alone
@test "messages: the end of a job is noticed at once" {
    # One after the other: a poll of 50 ms would take 10 s.
    printf 'sleep 0.01\n%.0s' $(seq 200) >jobs.txt
    farm 1 jobs.txt --joblog log
    status_is 0
    between "$(awk -F '\t' 'NR == 2 { first = $3 } { last = $3 }
        END { print last - first }' log)" 0 9
}
