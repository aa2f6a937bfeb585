#!/usr/bin/env bats
# What the batch script makes of what Slurm, jobsched and the journal tell it;
# these are played here. tests/system/slurm.bats has it in a real cluster.

load common

# play DOES [ARGUMENT...]: the script in a job of two tasks, with a jobsched that
# does the first. The arguments that it gets are in `out`, requeues in `requeued`.
play() {
    mkdir -p bin
    printf '#!/bin/sh\ntest "$1" = requeue && echo "$2" >>requeued\n' >bin/scontrol
    printf '#!/bin/bash\necho "ran $@"\n%s\n' "$1" >bin/jobsched
    chmod +x bin/*
    shift
    rm -f requeued
    status=0
    env PATH="$PWD/bin:$PATH" "JOBSCHED=$PWD/bin/jobsched" SLURM_JOB_ID=7 SLURM_CLUSTER_NAME=c \
        SLURM_TASKS_PER_NODE=2 "${WITH[@]}" \
        bash "$ROOT/slurm/jobsched.sbatch" "$@" >out 2>err || status=$?
}

# What a run of that Slurm job leaves in the journal. Its checksums do not
# matter here.
record() { # STATUS [JOB [RECORD]]
    echo "x run 1 2 3 $RANDOM$RANDOM n1"
    echo "x batch 0 slurm c ${2-7}"
    echo "x ${3-ok} 1 1 1"
    [[ -z $1 ]] || echo "x end $1 5"
}
export -f record

@test "batch: as many slots as CPUs a task" {
    WITH=(SLURM_CPUS_PER_TASK=4)
    play '' jobs.txt
    contains out "^ran --slots 4 jobs.txt$"
    WITH=(SLURM_CPUS_PER_TASK=1)
    play '' jobs.txt
    contains out "^ran jobs.txt$"
}

@test "batch: a run that has stopped is requeued, and no other" {
    local rc
    WITH=()
    for rc in 0 1 2 4 137; do
        play "exit $rc" jobs.txt
        status_is $rc
        claim test ! -e requeued
    done
    play 'exit 3' jobs.txt
    status_is 3
    equal "$(cat requeued)" 7
    # bash may lose it where the run has put its own on record.
    play 'record 3 >>jobs.txt.journal; exit 0' jobs.txt
    status_is 3
    equal "$(cat requeued)" 7
    play 'record "" >>jobs.txt.journal; exit 3' jobs.txt
    status_is 4
    claim test ! -e requeued
}

@test "batch: not for ever, and not where no job was begun" {
    WITH=(SLURM_RESTART_COUNT=99)
    play 'exit 3' jobs.txt
    claim test -e requeued
    WITH=(SLURM_RESTART_COUNT=100)
    play 'exit 3' jobs.txt
    status_is 3
    claim test ! -e requeued
    contains err 'not requeued again: JOBSCHED_REQUEUES=100'
    WITH=(JOBSCHED_REQUEUES=0)
    play 'exit 3' jobs.txt
    claim test ! -e requeued
    WITH=(JOBSCHED_REQUEUES=x)
    play 'exit 3' jobs.txt
    status_is 2
    contains err 'JOBSCHED_REQUEUES=x is no number'
    WITH=()
    play 'record 3 7 slave >>jobs.txt.journal; exit 3' jobs.txt
    status_is 3
    claim test ! -e requeued
    contains err 'none fits into the time limit'
    # ... as a journal of another name has it; and not that of an earlier run.
    play 'record 3 7 slave >>"my journal"; exit 3' jobs.txt --journal 'my journal'
    claim test ! -e requeued
    play 'exit 3' jobs.txt '--journal=my journal'
    claim test -e requeued
    play 'record 1 >>"my journal"; exit 0' jobs.txt --journal 'my journal'
    status_is 1
    play 'exit 3' jobs.txt --no-journal
    claim test -e requeued
}

@test "batch: an array has a list for each task, and requeues that task alone" {
    WITH=(SLURM_ARRAY_JOB_ID=7 SLURM_ARRAY_TASK_ID=2)
    play 'exit 3' 'my jobs.%a.txt' --joblog=log.%a
    contains out "^ran my jobs\.2\.txt --joblog=log\.2$"
    equal "$(cat requeued)" 7_2
    play '' jobs.txt
    status_is 2
    contains err 'jobs\.%a\.txt stands for jobs\.2\.txt'
}

# What it means that it was started again jobsched decides by the journal.
@test "batch: started again, jobsched gets the same arguments" {
    WITH=(SLURM_RESTART_COUNT=1)
    record 3 >jobs.txt.journal
    play '' jobs.txt --fresh -v
    contains out "^ran jobs.txt --fresh -v$"
    play '' --fresh 'x=1.txt'
    contains out "^ran --fresh x=1.txt$"
}

@test "batch: a warning is handed on, whenever it comes" {
    # Two at once; then to one that cannot take it yet.
    WITH=()
    play 'trap "echo warned; exit 3" USR1
        kill -USR1 $PPID $PPID; for i in {1..400}; do sleep 0.05; done' jobs.txt
    status_is 3
    contains out '^warned$'
    equal "$(cat requeued)" 7
    play 'kill -USR1 $PPID; for i in {1..400}; do sleep 0.05; done' jobs.txt
    status_is 3
    equal "$(cat requeued)" 7
}

@test "batch: a signal to end is handed on, and is the end" {
    WITH=()
    play 'trap "echo ended; exit 1" TERM
        kill -TERM $PPID; for i in {1..400}; do sleep 0.05; done' jobs.txt
    status_is 1
    contains out '^ended$'
    claim test ! -e requeued
    play 'trap "exit 3" TERM
        kill -TERM $PPID; for i in {1..400}; do sleep 0.05; done' jobs.txt
    status_is 3
    claim test ! -e requeued
}
