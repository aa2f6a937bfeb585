#!/usr/bin/env bats
# What the speed rests on, counted: system calls and instructions, not time.

load common
load cost

# Runs 400 jobs on one slave whose runner is traced; sets CALLS to its system
# calls a job in the middle of the run, and AT_ONCE to the part of the jobs that
# it started as soon as it had reaped the one before, without waiting for word.
trace_slave() { # ARGUMENT...
    need_ptrace
    seq 400 | sed 's,.*,/bin/true,' >jobs.txt
    cat >wrapped <<'WRAPPED'
#!/bin/sh
test "${OMPI_COMM_WORLD_RANK-$PMI_RANK}" = 1 || exec "$JOBSCHED" "$@"
exec strace -f -qq -e signal=none -o trace "$JOBSCHED" "$@"
WRAPPED
    chmod +x wrapped
    # shellcheck disable=SC2034 # farm_run runs it
    COMMAND=(env "JS_MARK=$MARK" timeout --kill-after=10 "$(limit)" "$MPIRUN"
        "${LAUNCH[@]}" -np 2 ./wrapped jobs.txt --no-journal "$@")
    farm_run
    status_is 0
    # The runner has a thread for calls that may hang.
    local starter runner
    starter=$(awk '/clone\(.*CLONE_VFORK/ { print $1; exit }' trace)
    runner=$(awk -v starter="$starter" '$1 == starter && /getpid\(\)/ { print $NF; exit }' trace)
    # From the start of the hundredth job to that of the three hundredth.
    awk -v runner="$runner" -v starter="$starter" '
        $1 != runner && $1 != starter { next }
        /wait4.* = [1-9]/ { reaped = 1 }
        /resumed>/ { next } # the end of a line before
        /ppoll/ { reaped = 0 }
        /clone\(/ { started++ }
        started < 100 || started >= 300 { next }
        /clone\(/ { at_once += reaped }
        { calls++ }
        END { printf "%.2f %.2f\n", calls / 200, at_once / 200 }' trace >counted
    read -r CALLS AT_ONCE <counted
}

# bats test_tags=alone
@test "cost: few system calls a job in the runner, which starts what it has ahead without a word from the rank" {
    trace_slave --output none
    between "$CALLS" 5 20
    between "$AT_ONCE" 0.9 1
}

# bats test_tags=alone
@test "cost: output that is empty costs a job four more" {
    trace_slave
    between "$CALLS" 5 25
}

instructions() { # OPTION... N
    valgrind --tool=callgrind --callgrind-out-file=/dev/null \
        --toggle-collect=js_master_run --toggle-collect=send_job \
        --toggle-collect=post --toggle-collect=receive \
        --toggle-collect=wait_link "$JS_BENCH/lib_master" "$@" 2>counted
    awk '/Collected/ { print $NF }' counted
}

# Of a job, once there have been so many; the same journal is used once.
instructions_a_job() { # FEWER MORE OPTION...
    local few=$1 many=$2 a b
    shift 2
    a=$(instructions "${@/#=/$few}" "$few")
    b=$(instructions "${@/#=/$many}" "$many")
    echo $(((b - a) / (many - few)))
}

# The core of a free slot is idle, so looking often costs no job anything. A rank
# with busy slots sleeps for at least half a millisecond, one with a free slot
# that got no answer for three milliseconds for at least three quarters of one.
@test "cost: a slave that waits for its next job looks every 60 us" {
    need_ptrace
    seq 8 | sed 's/.*/sleep 0.25/' >jobs.txt
    cat >wrapped <<'WRAPPED'
#!/bin/sh
test "${OMPI_COMM_WORLD_RANK-$PMI_RANK}" = 1 || exec "$JOBSCHED" "$@"
exec strace -qq -e signal=none -e trace=ppoll -o trace "$JOBSCHED" "$@"
WRAPPED
    chmod +x wrapped
    # shellcheck disable=SC2034 # farm_run runs it
    COMMAND=(env "JS_MARK=$MARK" timeout --kill-after=10 "$(limit)" "$MPIRUN"
        "${LAUNCH[@]}" -np 2 ./wrapped jobs.txt --no-journal --slave-timeout 0)
    farm_run
    status_is 0
    sed -n 's/.*tv_sec=0, tv_nsec=\([0-9]*\)}, NULL.*/\1/p' trace | sort -n >sleeps
    # Once three milliseconds have passed it may sleep for longer; on a machine
    # that has much else to do they pass now and then.
    local short
    short=$(awk '$1 >= 20000 && $1 <= 60000' sleeps | wc -l)
    between "$short" 8 100000
    between "$(awk '$1 > 60000 && $1 < 490000' sleeps | wc -l)" 0 $((short / 4))
}

# The cost of a job for the master, its graph, plan, pool and messages; the link
# that answers in place of the slaves does not count. The aim is 3,000, however
# many slaves and slots there are, as long as a turn has a hundred messages. The
# limits leave room for other compilers.
@test "cost: the master's instructions a job do not grow with the number of jobs" {
    need_programs valgrind
    local small large
    small=$(instructions_a_job 1000 11000)
    large=$(instructions_a_job 11000 111000)
    between "$small" 1000 3200
    between "$large" $((small * 9 / 10)) $((small * 11 / 10))
}

# Jobs that end one at a time, a message each, once all slots are full.
@test "cost: the master's instructions a job do not grow with the number of slaves and slots" {
    need_programs valgrind
    local few many wide
    few=$(instructions_a_job 12000 22000 -m 100 -s 64)
    many=$(instructions_a_job 80000 100000 -m 100 -s 1024)
    wide=$(instructions_a_job 30000 40000 -m 100 -s 64 -c 128)
    between "$few" 1000 3400
    between "$many" 1000 $((few * 115 / 100))
    between "$wide" 1000 $((few * 115 / 100))
}

# A line of the joblog costs a tenth of what printf() would need for it.
@test "cost: what a line of the joblog adds to a job" {
    need_programs valgrind
    local plain with
    plain=$(instructions_a_job 12000 22000 -m 100 -s 64)
    with=$(instructions_a_job 12000 22000 -m 100 -s 64 -l /dev/null)
    between $((with - plain)) 300 1875
}

# One slave of each node describes the node for all others.
@test "cost: a slave starts in a few thousand of the master's instructions, also on a node of 128 cores" {
    need_programs valgrind
    local a b
    a=$(instructions -s 128 -n 128 10)
    b=$(instructions -s 1280 -n 128 10)
    between $(((b - a) / 1152)) 1000 60000
}

@test "cost: what ten thousand dependencies add to the master's work" {
    check_dependencies 10000
}

# Beats go to and fro all the time, and must not keep anybody awake: after ten
# seconds a look every five milliseconds is enough.
@test "cost: nobody looks often for the end of a job that runs long" {
    local rank
    local -a pids=() before=()
    printf "echo >began.%d; $HOLD\n" 1 2 >jobs.txt
    farm_start 2 jobs.txt
    wait_until "$PATIENCE" exists began.1
    wait_until "$PATIENCE" exists began.2
    for rank in 0 1 2; do pids[rank]=$(rank_pid "$rank"); done
    sleep 10
    for rank in 0 1 2; do before[rank]=$(sleeps_of "${pids[rank]}"); done
    sleep 2
    for rank in 0 1 2; do
        between $(($(sleeps_of "${pids[rank]}") - before[rank])) 1 600
    done
    touch go
    farm_end
    status_is 0
}

# Instructions of a check that a job adds: two lists that differ by 2,500 jobs.
reading_a_job() { # SMALL LARGE
    local list
    for list in "$@"; do
        valgrind --tool=callgrind --callgrind-out-file=/dev/null \
            "$JOBSCHED" --check "$list" 2>&1 | awk '/Collected/ { print $NF }'
    done | awk 'NR == 1 { small = $1 } END { printf "%d\n", ($1 - small) / 2500 }'
}

@test "cost: a job of a template is at most 1.3 times that of a line" {
    need_programs valgrind
    local n kind
    local -A template=([plain]='[for=n:1..@] ./sim --n {n} --out res_{n}.txt'
        [named]='[for=n:1..@ name=s-{n} stdout=out/{n} mem={n}M] ./sim {n}')
    local -A line=([plain]='./sim --n & --out res_&.txt'
        [named]='[name=s-& stdout=out/& mem=&M] ./sim &')
    for kind in plain named; do
        for n in 500 3000; do
            echo "${template[$kind]/@/$n}" >"template.$n"
            seq "$n" | sed "s|.*|${line[$kind]}|" >"written.$n"
        done
        written=$(reading_a_job written.500 written.3000)
        between "$written" 500 20000
        between "$(reading_a_job template.500 template.3000)" 500 $((written * 13 / 10))
    done
}

# ---------------------------------------------------------------- memory

@test "cost: a list of a million lines is read in 99 MiB" {
    seq 1000000 |
        sed 's|.*|./run.sh --input data_&.txt --output res_&.txt|' >million
    # A joblog says how much memory a job took.
    head -n 1 million >one
    printf "%s --check $PWD/%s\n" "$JOBSCHED" one "$JOBSCHED" million >jobs.txt
    farm 1 jobs.txt --joblog log
    status_is 0
    contains out ': 1000000 jobs;'
    local column program
    column=$(head -n 1 log | tr '\t' '\n' | grep -inE 'rss' | cut -d : -f 1)
    # The libraries of the program, which are the system's, do not count.
    program=$(sed -n 2p log | cut -f "$column")
    echo "$program KiB before the list"
    between "$(($(sed -n 3p log | cut -f "$column") - program))" 1000 $((93 * 1024))
}
