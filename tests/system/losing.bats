#!/usr/bin/env bats
# A slave that is lost costs no more than its running jobs.

load common

end_status() {
    tail -n 1 jobs.txt.journal | awk '$2 == "end" { print $3 }'
}

# Under recovery the status of Open MPI 4 is always 0: the journal has the truth.
start_losing_jobs() {
    {
        yes "touch \$JOBSCHED_SLAVE.\$JOBSCHED_ATTEMPT; $HOLD; echo \$JOBSCHED_ATTEMPT" |
            head -n 2
        yes 'echo 1; sleep 0.01' | head -n 20
    } >jobs.txt
    farm_start 2 jobs.txt --slave-timeout $((2 * JS_PATIENCE)) --grace "${GRACE:-0.3}" --joblog log
    wait_until "$PATIENCE" exists 1.1
    wait_until "$PATIENCE" exists 2.1
}

# Slave 1 is lost: its job has run again on slave 2, and no job twice at once.
expect_gone_on() { # [PROCESS THAT IS STOPPED]
    wait_until "$PATIENCE" has_lines err 1 'slave 1 .*has sent nothing for .*given up'
    touch go
    farm_end
    contains err '22 jobs: 22 done, 0 failed, 0 skipped, 0 left'
    equal "$(said_by_jobs out | sort | uniq -c | xargs)" '21 1 1 2'
    equal "$(end_status)" 0
    claim test ! -e 1.2
    equal "$(cut -f 1 log | sort -n | xargs)" "Seq $(seq 22 | xargs)"
    wake_if_left "${1-}"
    nothing_left
}

# bats test_tags=sanitize
@test "losing: a slave killed with SIGKILL under recovery" {
    recovering
    start_losing_jobs
    kill -KILL "$(rank_pid 1)"
    expect_gone_on
}

# Open MPI has seen its connection close, and the master does not know so far: a
# job that it sends there holds up nothing.
@test "losing: a slave killed while it is idle, where there is no shared memory" {
    need_open_mpi_4
    recovering
    mkfifo fifo
    LAUNCH+=(--mca btl 'self,tcp')
    farm_start 2 fifo --slave-timeout $((3 * JS_PATIENCE)) --grace 0.3
    exec 7>fifo
    # One for each slave.
    printf 'touch on.$JOBSCHED_SLAVE; until test -e on.1 -a -e on.2; do sleep 0.02; done; echo first\n%.0s' 1 2 >&7
    wait_until "$PATIENCE" has_lines out 2 first
    kill -KILL "$(rank_pid 2)"
    # The first that goes there alone, and others.
    local sent
    for sent in 1 2 3 4; do
        echo 'echo second' >&7
        wait_until "$PATIENCE" has_lines out "$sent" second
    done
    exec 7>&-
    farm_end
    contains err '6 jobs: 6 done, 0 failed, 0 skipped, 0 left'
    nothing_left
}

@test "losing: a slave stopped with SIGSTOP under recovery" {
    recovering
    start_losing_jobs
    local slave
    slave=$(rank_pid 1)
    kill -STOP "$slave"
    expect_gone_on "$slave"
}

@test "losing: a slave stopped with SIGSTOP without recovery" {
    start_losing_jobs
    local slave
    slave=$(rank_pid 1)
    kill -STOP "$slave"
    expect_gone_on "$slave"
}

@test "losing: a stopped slave's job ends before it runs again elsewhere" {
    recovering
    echo "echo \$\$ >>pids; while :; do date +%s.%N >alive.\$JOBSCHED_ATTEMPT; test -e go && exit; sleep 0.02; done" >jobs.txt
    farm_start 2 jobs.txt --slave-timeout $((2 * JS_PATIENCE)) --grace 0.3
    wait_until "$PATIENCE" exists alive.1
    local slave
    for slave in 1 2; do
        pgrep -P "$(runner_pid $slave)" >/dev/null && break
    done
    slave=$(rank_pid $slave)
    kill -STOP "$slave"
    wait_until "$PATIENCE" exists alive.2
    claim is_gone "$(head -n 1 pids)"
    touch go
    farm_end
    contains err '1 job: 1 done'
    wake_if_left "$slave"
    nothing_left
}

@test "losing: a slave that comes back late is sent home" {
    recovering
    start_losing_jobs
    local slave
    slave=$(rank_pid 1)
    kill -STOP "$slave"
    wait_until "$PATIENCE" has_lines err 1 'given up'
    kill -CONT "$slave"
    wait_until "$PATIENCE" is_gone "$slave"
    touch go
    farm_end
    contains err '22 jobs: 22 done'
    equal "$(end_status)" 0
    equal "$(sort out | uniq -c | xargs)" '21 1 1 2'
    nothing_left
}

@test "losing: a short stop costs nothing" {
    start_losing_jobs
    local slave
    slave=$(rank_pid 1)
    kill -STOP "$slave"
    sleep 0.7
    kill -CONT "$slave"
    touch go
    farm_end
    status_is 0
    equal "$(sort out | uniq -c | xargs)" '22 1'
    lacks err 'given up'
}

# A suspended allocation: all stand still at once, for longer than the lease.
@test "losing: all stopped and continued together" {
    start_losing_jobs
    local all
    mapfile -t all < <(marked)
    kill -STOP "${all[@]}"
    sleep "$((4 * JS_PATIENCE))"
    kill -CONT "${all[@]}"
    turns 100 "$(rank_pid 0)" "$(rank_pid 1)" "$(rank_pid 2)"
    touch go
    farm_end
    status_is 0
    lacks err 'given up|sent nothing for'
    equal "$(sort out | uniq -c | xargs)" '22 1'
}

@test "losing: output that was still on a lost slave is a failure of its job" {
    recovering
    printf '%s\n' "touch \$JOBSCHED_SLAVE.a; $HOLD" 'head -c 3000000 /dev/zero' >jobs.txt
    mkfifo slow
    exec 7<>slow
    farm_command_redirected '>slow' 2 jobs.txt --slave-timeout $((2 * JS_PATIENCE)) --grace 0.1
    farm_run_in_background
    wait_until "$PATIENCE" compgen -G '[12].a'
    # The output has begun to come in, and there is no room for it.
    head -c 1 <&7 >/dev/null
    local loser=2
    test -e 1.a || loser=1
    kill -KILL "$(rank_pid "$loser")"
    wait_until "$PATIENCE" has_lines err 1 'its output was lost with slave'
    touch go
    cat <&7 >/dev/null &
    farm_end
    kill %% 2>/dev/null || true # it ends at the end of the pipe
    exec 7>&-
    contains err 'job 2 .*failed .*its output could not be collected: .*its slave was lost'
    lacks err 'run fewer slots'
    contains jobs.txt.journal ' failed 2 '
    equal "$(end_status)" 1
}

@test "losing: a runner that is killed under recovery" {
    recovering
    start_losing_jobs
    kill -KILL "$(runner_pid 1)"
    wait_until "$PATIENCE" has_lines err 1 'slave 1 .*was killed'
    touch go
    farm_end
    contains err '22 jobs: 22 done'
    equal "$(sort out | uniq -c | xargs)" '21 1 1 2'
    nothing_left
}

# bats test_tags=sanitize
@test "losing: all slaves; what has finished is on record" {
    recovering
    start_losing_jobs
    wait_until "$PATIENCE" has_lines jobs.txt.journal 1 ' run '
    kill -KILL "$(rank_pid 1)" "$(rank_pid 2)"
    farm_end
    contains err '^jobsched: no slave is left to run jobs: .*the same command'
    equal "$(end_status)" 4
    nothing_left
    touch go
    # shellcheck disable=SC2034 # of farm
    LAUNCH=("${PLAIN[@]}")
    farm 2 jobs.txt
    status_is 0
    contains err '22 left: 22 to run'
}

@test "losing: the master killed under recovery leaves no slave behind" {
    recovering
    start_losing_jobs
    kill -KILL "$(rank_pid 0)"
    farm_end
    contains err "^jobsched: slave [12] on $(uname -n): the master has sent nothing for"
    nothing_left
    touch go
    # shellcheck disable=SC2034 # of farm
    LAUNCH=("${PLAIN[@]}")
    farm 2 jobs.txt
    status_is 0
}

@test "losing: the master stopped for longer than the lease: its slaves end their jobs" {
    recovering
    # The slaves themselves leave the grace period later.
    GRACE=$((6 * JS_PATIENCE)) start_losing_jobs
    local master slave job
    master=$(rank_pid 0)
    slave=$(rank_pid 1)
    job=$(pgrep -P "$(runner_pid 1)" | head -n 1)
    kill -STOP "$master"
    wait_until "$PATIENCE" is_gone "$job"
    claim kill -0 "$slave"
    lacks err 'has sent nothing for'
    wait_until "$PATIENCE" is_gone "$slave"
    kill -KILL "$master" || true # some mpiruns have ended it by then
    farm_end
    nothing_left
}

# MPI_Init would wait for it for ever.
@test "losing: a rank that is killed while MPI comes up" {
    echo "$HOLD" >jobs.txt
    recovering
    farm_start 2 jobs.txt --start-timeout 5
    # A second look might come too late.
    wait_until "$PATIENCE" eval 'rank_pid 1 >pid'
    kill -KILL "$(cat pid)"
    touch go
    farm_end
    nothing_left
    farm 2 jobs.txt
    status_is 0
}

@test "losing: a reader that has stopped is no lost slave" {
    printf '%s\n' 'head -c 3000000 /dev/zero' "touch a; $HOLD" >jobs.txt
    mkfifo slow
    exec 7<>slow
    farm_command_redirected '>slow' 2 jobs.txt --slave-timeout $((2 * JS_PATIENCE)) --grace 0.1
    farm_run_in_background
    wait_until "$PATIENCE" exists a
    sleep "$((3 * JS_PATIENCE))"
    touch go
    head -c 3000000 <&7 >/dev/null
    farm_end
    exec 7>&-
    status_is 0
    contains err '2 jobs: 2 done'
    lacks err 'given up'
}

# Its slaves have a lease, and end their jobs when that is over.
# bats test_tags=alone
@test "losing: the master killed under recovery, and the same command at once" {
    recovering
    for i in 1 2; do
        echo "exec 8>lock.$i; flock -n 8 || echo twice >>twice; echo \$\$ >>pids.$i; $HOLD; echo done"
    done >jobs.txt
    farm_start 2 jobs.txt --slave-timeout $((3 * JS_PATIENCE)) --grace 0.3
    wait_until "$PATIENCE" test -s pids.1
    wait_until "$PATIENCE" test -s pids.2
    kill -KILL "$(rank_pid 0)"
    local first=$FARM
    farm_command 2 jobs.txt --slave-timeout $((3 * JS_PATIENCE)) --grace 0.3
    "${COMMAND[@]}" >out2 2>err2 3>&- &
    FARM=$!
    wait_until "$PATIENCE" has_lines err2 1 'may still be ending their jobs'
    wait_until "$PATIENCE" has_lines pids.1 2 .
    wait_until "$PATIENCE" has_lines pids.2 2 .
    touch go
    farm_end
    status_is 0
    claim test ! -e twice
    equal "$(cat out2)" $'done\ndone'
    wait_until "$PATIENCE" is_gone "$first"
    nothing_left
}

# Two jobs that hold, one on each of two slaves.
hold_two_slaves() { # ARGUMENT...
    recovering
    for i in 1 2; do
        echo "echo >>began.$i; $HOLD; echo done"
    done >jobs.txt
    farm_start 2 jobs.txt "$@"
    wait_until "$PATIENCE" exists began.1
    wait_until "$PATIENCE" exists began.2
}

# The same command, beside what is left of the farm.
start_again() { # ARGUMENT...
    farm_command 2 jobs.txt "$@"
    "${COMMAND[@]}" >out2 2>err2 3>&- &
    FARM=$!
}

@test "losing: after a kill of all on this machine nobody waits" {
    hold_two_slaves --slave-timeout 1000
    local first=$FARM
    kill -KILL "$(mpirun_pid)" "$(rank_pid 0)" "$(rank_pid 1)" "$(rank_pid 2)" \
        "$(runner_pid 1)" "$(runner_pid 2)"
    touch go
    wait_until "$PATIENCE" is_gone "$first"
    start_again
    farm_end
    status_is 0
    lacks err2 'may still be ending'
    equal "$(cat out2)" $'done\ndone'
}

@test "losing: a wait for slaves of a killed run ends with them" {
    hold_two_slaves --slave-timeout 1000
    local slaves
    slaves="$(rank_pid 1) $(rank_pid 2)"
    kill -KILL "$(rank_pid 0)"
    start_again
    wait_until "$PATIENCE" has_lines err2 1 'may still be ending their jobs'
    # shellcheck disable=SC2086 # one process id a word
    kill -KILL $slaves
    touch go
    farm_end
    status_is 0
    equal "$(cat out2)" $'done\ndone'
}

@test "losing: the master killed where nobody has a lease: no second run beside" {
    hold_two_slaves --slave-timeout 0
    local first=$FARM slaves
    slaves="$(rank_pid 1) $(rank_pid 2)"
    kill -KILL "$(rank_pid 0)"
    start_again
    farm_end
    contains err2 'slave-timeout 0.*--force-lock$'
    equal "$(wc -l <began.1)" 1
    # shellcheck disable=SC2086 # one process id a word
    kill -KILL $slaves
    touch go
    wait_until "$PATIENCE" is_gone "$first"
    start_again
    farm_end
    status_is 0
    equal "$(cat out2)" $'done\ndone'
}

# ---------------------------------------------------------------- the culprit

# bats test_tags=sanitize
@test "losing: a job that kills its runner is named, and fails alone" {
    {
        seq 10 | sed 's/.*/echo &/'
        # shellcheck disable=SC2016 # of the job
        echo '[name=killer retries=5] echo >>ran; kill -KILL $PPID; exec sleep 100'
        seq 12 20 | sed 's/.*/echo &/'
    } >jobs.txt
    farm 2 jobs.txt --slots 2 --joblog log
    status_is 1
    contains err '20 jobs: 19 done, 1 failed'
    contains err '[^ ]* job 11 \(line 11\) was running there \(loss 2 of 3'
    contains err 'job 11 "killer" \(line 11\) failed on .*: each time that it ran'
    equal "$(sort -n out | xargs)" "$(seq 20 | sed 11d | xargs)"
    equal "$(wc -l <ran)" 3
    equal "$(grep -c ' lost 11 ' jobs.txt.journal)" 3
    equal "$(cut -f 1 log | sort -n | xargs)" "Seq $(seq 20 | xargs)"
    nothing_left
}

# bats test_tags=sanitize
@test "losing: with several jobs there, only the one that kills its runner fails" {
    # They begin together, and the others outlive their slave otherwise.
    for i in 1 2; do
        echo "echo >>ran.$i; until test \$(cat ran.1 ran.2 ran.3 | wc -l) -ge 3; do sleep 0.02; done; test \$(wc -l <ran.$i) -gt 1 || sleep 100; echo $i"
    done >jobs.txt
    # shellcheck disable=SC2016 # of the job
    echo 'echo >>ran.3; until test $(cat ran.1 ran.2 ran.3 | wc -l) -ge 3; do sleep 0.02; done; kill -KILL $PPID; exec sleep 100' >>jobs.txt
    farm 1 jobs.txt --slots 3
    status_is 1
    contains err '3 jobs: 2 done, 1 failed'
    contains err 'jobs 1 \(line 1\), 2 \(line 2\), 3 \(line 3\) were running there, and one of them'
    equal "$(sort out | xargs)" '1 2'
    equal "$(wc -l <ran.3)" 3
    equal "$(wc -l <ran.1)" 2
    nothing_left
}

@test "losing: the count goes from one run to the next, and --explain shows it" {
    recovering
    printf '%s\n' 'echo >>ran; sleep 100' >jobs.txt
    local i
    for i in 1 2 3; do
        farm_start 1 jobs.txt --slave-timeout $((2 * JS_PATIENCE)) --grace 0.2
        wait_until "$PATIENCE" has_ran "$i"
        kill -KILL "$(rank_pid 1)"
        farm_end
        [[ $i -ne 2 ]] || "$JOBSCHED" --status --explain 1 jobs.txt >explained
    done
    contains explained '^  its slave or runner was lost 2 times '
    contains err '1 job: 0 done, 1 failed'
    equal "$(end_status)" 1
    equal "$(awk '$2 == "lost" { print $5 }' jobs.txt.journal | xargs)" '1 2 3'
    "$JOBSCHED" --status --explain 1 jobs.txt >explained
    contains explained 'each time that it ran'
    for i in 1 2 3; do
        contains explained "^  -  lost: .* while it ran \\(loss $i\\) .* slave 1 "
    done
    has_lines explained 3 '^  -  lost: '
    equal "$("$JOBSCHED" --status --json --explain 1 jobs.txt |
        jq -r '.job | .attempts[0].result, .losses[].loss' | xargs)" 'failed 3 2 1'
    nothing_left
}

has_ran() {
    test -e ran && (($(wc -l <ran) >= $1))
}

# One that is told to go blames nobody, however often.
@test "losing: a run that is ended, and a master that is killed, count for nothing" {
    recovering
    printf '%s\n' 'echo >>ran; sleep 100' >jobs.txt
    farm_start 1 jobs.txt --slave-timeout $((2 * JS_PATIENCE)) --grace 0.2
    wait_until "$PATIENCE" has_ran 1
    kill -KILL "$(rank_pid 0)"
    farm_end
    farm_start 2 jobs.txt --slave-timeout $((2 * JS_PATIENCE)) --grace 0.2
    wait_until "$PATIENCE" has_ran 2
    kill -TERM "$(rank_pid 1)" "$(runner_pid 1)" "$(rank_pid 2)" "$(runner_pid 2)"
    farm_end
    lacks jobs.txt.journal ' lost '
    nothing_left
}

# bats test_tags=sanitize
@test "losing: a job that stops its runner is named, and its timeout counts" {
    # shellcheck disable=SC2016 # of the job
    printf '%s\n' '[timeout=1s] kill -STOP $PPID; exec sleep 100' \
        'kill -STOP $PPID; echo two' 'echo three' >jobs.txt
    farm 1 jobs.txt
    status_is 1
    contains err 'starts its jobs was stopped, and has been continued; job 1 was running'
    contains err 'starts its jobs was stopped, and has been continued; job 2 was running'
    contains err 'job 1 .*timed out'
    equal "$(xargs <out)" 'two three'
    nothing_left
}
