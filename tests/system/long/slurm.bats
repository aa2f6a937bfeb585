#!/usr/bin/env bats
# A time limit of Slurm's: it looks at them only twice a minute.

load ../common
load ../slurm

setup_file() {
    cluster_up 2 4
}

# The warning comes within half a minute here, the limit would be after one.
@test "long slurm: a time limit is a pause" {
    local i
    for ((i = 1; i <= 70; i++)); do
        echo "echo $i >>started; sleep 1; echo $i >>ended"
    done >jobs.txt
    submit --time=1 -n1 slurm/jobsched.sbatch jobs.txt
    job_end "$((600 * JS_PATIENCE))"
    ended_with COMPLETED 0:0
    claim test "$(job_field Restarts)" -ge 1
    contains batch 'requeued to continue \(1 of'
    equal "$(sort -n ended | uniq | grep -c '')" 70
    equal "$(grep -cE ' ok [0-9]+ ' jobs.txt.journal)" 70
    equal "$(grep -c '' ended)" 70
}

# Without the warning jobsched itself stops in time.
@test "long slurm: a time limit without a warning" {
    yes 'sleep 1; echo x >>ended' | head -n 70 >jobs.txt
    submit --time=1 --signal=B:CONT@1 -n1 slurm/jobsched.sbatch jobs.txt
    job_end "$((600 * JS_PATIENCE))"
    ended_with COMPLETED 0:0
    claim test "$(job_field Restarts)" -ge 1
    equal "$(grep -c '' ended)" 70
}
