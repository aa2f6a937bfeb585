#!/usr/bin/env bats
# What the batch script makes of what Slurm tells it.

load common

# The script, in a job of two tasks of which scontrol says $1; the arguments
# that jobsched would get are in `out`.
submit() {
    mkdir -p bin
    printf '#!/bin/sh\necho "%s"\n' "$1" >bin/scontrol
    printf '#!/bin/sh\necho "$@"\n' >bin/mpirun
    chmod +x bin/*
    shift
    PATH=$PWD/bin:$PATH SLURM_JOB_ID=7 SLURM_TASKS_PER_NODE=2 \
        bash "$ROOT/slurm/jobsched.sbatch" "$@" >out 2>err
}

@test "slurm: the time limit is that of the job" {
    local end
    end=$(date -d '+1 hour' +%Y-%m-%dT%H:%M:%S)
    submit "JobId=7 StartTime=2020-01-01T00:00:00 EndTime=$end Deadline=N/A" jobs.txt -v
    contains out "-np 3 $JOBSCHED --time-limit 3(600|59[0-9])s jobs.txt -v$"
}

@test "slurm: no time limit where the job has none" {
    submit 'JobId=7 EndTime=Unknown Deadline=N/A' jobs.txt
    contains out "-np 3 $JOBSCHED jobs.txt$"
    submit '' jobs.txt
    contains out "-np 3 $JOBSCHED jobs.txt$"
}
