#!/usr/bin/env bats
# A rank or a runner that is killed leaves nothing behind, whatever its jobs
# had started.

load common

# Jobs whose descendants hide in all ways, and that do not end.
write_stubborn_jobs() {
    local how i=0
    for how in setsid,stubborn double,stubborn setsid,double,stubborn stubborn; do
        echo "$JS_HELPERS/leave $how,stay $MARK left.$((++i))"
    done >jobs.txt
    # The usual ways, from a shell.
    cat >>jobs.txt <<JOBS
(nohup $JS_HELPERS/leave setsid,stubborn,stay $MARK left.5 >nohup.out 2>&1 &) ; trap '' TERM HUP; exec $JS_HELPERS/leave stubborn,stay $MARK left.6
JOBS
}

all_left() {
    local i
    for i in 1 2 3 4 5 6; do
        test -s "left.$i" || return
    done
}

start_stubborn_jobs() {
    write_stubborn_jobs
    farm_start 2 jobs.txt --slots 3
    wait_until "$PATIENCE" all_left
    local i
    for i in 1 2 3 4 5 6; do
        claim kill -0 "$(cat "left.$i")"
    done
}

left_are_gone() {
    local i
    for i in 1 2 3 4 5 6; do
        wait_until "$PATIENCE" is_gone "$(cat "left.$i")"
    done
}

# bats test_tags=sanitize
@test "killed: a slave with SIGKILL, and no descendant of a job outlives it" {
    start_stubborn_jobs
    kill -KILL "$(rank_pid 1)"
    farm_end
    says_that_one_was_lost
    left_are_gone
    nothing_left
}

@test "killed: a slave with SIGKILL while its runner is stopped" {
    start_stubborn_jobs
    kill -STOP "$(runner_pid 1)"
    kill -KILL "$(rank_pid 1)"
    farm_end
    says_that_one_was_lost
    left_are_gone
    nothing_left
}

# bats test_tags=sanitize
@test "killed: a runner with SIGKILL, and no descendant of its jobs outlives it" {
    start_stubborn_jobs
    local pids pid
    mapfile -t pids < <(cat left.*)
    kill -KILL "$(runner_pid 1)" "$(runner_pid 2)"
    for pid in "${pids[@]}"; do
        wait_until "$PATIENCE" is_gone "$pid"
    done
    wait_until "$PATIENCE" has_lines err 1 'slave 1 .*killed.*another process was started'
    wait_until "$PATIENCE" has_lines err 1 'slave 2 .*killed.*another process was started'
    kill -TERM "$(mpirun_pid)"
    farm_end
    left_are_gone
    nothing_left
}

@test "killed: jobs of a lost runner are ended, and run by the other slave" {
    local left="left.\$JOBSCHED_SLAVE.\$JOBSCHED_ATTEMPT"
    {
        yes "$JS_HELPERS/leave setsid,double,stubborn $MARK $left; $HOLD; \
echo \$JOBSCHED_ATTEMPT" | head -n 2
        yes 'echo job' | head -n 28
    } >jobs.txt
    farm_start 2 jobs.txt --joblog log
    wait_until "$PATIENCE" test -s left.1.1
    wait_until "$PATIENCE" test -s left.2.1
    kill -KILL "$(runner_pid 1)"
    wait_until "$PATIENCE" has_lines err 1 'slave 1 .*killed'
    wait_until "$PATIENCE" is_gone "$(cat left.1.1)"
    claim kill -0 "$(cat left.2.1)"
    touch go
    farm_end
    contains err '30 jobs: 30 done'
    contains err '1 attempt failed'
    equal "$(grep -c job out)" 28
    equal "$(grep -v job out | sort | xargs)" '1 2'
    equal "$(cut -f 1 log | sort -n | xargs)" "Seq $(seq 30 | xargs)"
    nothing_left
}

@test "killed: the master with SIGKILL, and nothing is left" {
    start_stubborn_jobs
    kill -KILL "$(rank_pid 0)"
    farm_end
    says_that_one_was_lost
    left_are_gone
    nothing_left
}

@test "killed: mpirun with SIGKILL, and nothing is left" {
    start_stubborn_jobs
    kill -KILL "$(mpirun_pid)"
    farm_end
    left_are_gone
    nothing_left
}

@test "killed: mpirun with SIGTERM, and nothing is left" {
    start_stubborn_jobs
    kill -TERM "$(mpirun_pid)"
    farm_end
    claim test "$status" -ne 0
    left_are_gone
    nothing_left
}

@test "killed: all ranks with SIGKILL at once, and nothing is left" {
    start_stubborn_jobs
    kill -KILL "$(rank_pid 0)" "$(rank_pid 1)" "$(rank_pid 2)"
    farm_end
    left_are_gone
    nothing_left
}

@test "killed: what a job leaves behind ends with it, SIGTERM ignored or not" {
    # The next job begins when the one before is all gone.
    cat >jobs.txt <<JOBS
$JS_HELPERS/leave double $MARK left.1
kill -0 \$(cat left.1)
$JS_HELPERS/leave setsid,double,stubborn $MARK left.2
kill -0 \$(cat left.2)
sh -c 'trap "echo bye >bye; exit" TERM; touch trapped; while :; do sleep 0.02; done' & until test -e trapped; do sleep 0.02; done
nohup sleep 1000 >/dev/null 2>&1 & echo \$! >left.3
kill -0 \$(cat left.3)
JOBS
    farm 1 jobs.txt --grace 0.2
    status_is 1
    contains err '7 jobs: 4 done, 3 failed'
    equal "$(cat bye)" bye
    contains err 'job 2 '
    contains err 'job 4 '
    contains err 'job 7 '
    nothing_left
}

@test "killed: with several slots, what a job leaves behind is told apart" {
    cat >jobs.txt <<JOBS
sleep 1000 & echo \$! >mine; $HOLD; kill -0 \$(cat mine) && echo alive
sh -c 'setsid sleep 1000 & echo \$! >left'
JOBS
    farm_start 1 jobs.txt --slots 2
    wait_until "$PATIENCE" test -s left
    wait_until "$PATIENCE" is_gone "$(cat left)"
    touch go
    farm_end
    status_is 0
    equal "$(cat out)" alive
    nothing_left
}

# ---------------------------------------------------------------- all together

# Each holds a lock, beside which no other may run. The shell itself ends with
# the process that has started it.
write_locked_jobs() {
    # shellcheck disable=SC2016 # of the job
    echo 'echo $PPID >>runners; flock -n lock sh -c "echo \$\$ >>left; $HOLD; exit 0" || echo twice >>twice' >jobs.txt
    echo 'echo two' >>jobs.txt
}

# As by `pkill -9 jobsched`: none of them sees another die. The runner goes first:
# the kernel continues what is stopped in a group whose last parent outside dies.
kill_all_ranks() {
    # To find them takes longer than a lease on a busy machine.
    local pids
    pids=("$(runner_pid 1)" "$(rank_pid 1)" "$(rank_pid 0)" "$(mpirun_pid)")
    kill -STOP "${pids[@]:0:2}"
    kill -KILL "${pids[@]}"
}

# bats test_tags=sanitize
@test "killed: a slave with its runner; what their jobs left is ended before the next run starts them" {
    write_locked_jobs
    farm_start 1 jobs.txt
    wait_until "$PATIENCE" test -s left
    kill_all_ranks
    farm_end
    claim kill -0 "$(head -n 1 left)"
    farm_start 1 jobs.txt
    wait_until "$PATIENCE" has_lines left 2 .
    claim is_gone "$(head -n 1 left)"
    touch go
    farm_end
    status_is 0
    contains err '^jobsched: node .*: [0-9]+ process(es)? that jobs of a killed run had left behind (was|were) ended'
    contains err '2 jobs: 2 done'
    claim test ! -e twice
    nothing_left
}

# What a run within a job leaves behind belongs to that job, whatever it is
# called there.
@test "killed: what a killed jobsched within a job has left ends with that job" {
    # shellcheck disable=SC2016 # of the job
    printf '%s\n' 'true' 'echo $$ >inner; setsid sleep 1000 & echo $! >orphan; sed -n "s/^PPid:[[:space:]]*//p" /proc/$PPID/status >rank; echo $PPID >runner; exec sleep 1000' >inner.txt
    {
        echo "$MPIRUN ${PLAIN[*]} -np 2 $JOBSCHED inner.txt --no-journal; echo over"
        echo "$HOLD"
    } >jobs.txt
    farm_start 1 jobs.txt --slots 2
    wait_until "$PATIENCE" test -s runner
    kill -KILL "$(cat rank)" "$(cat runner)"
    wait_until "$PATIENCE" is_gone "$(cat orphan)"
    touch go
    farm_end
    contains out over
    nothing_left
}
