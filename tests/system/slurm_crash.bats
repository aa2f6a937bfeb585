#!/usr/bin/env bats
# Nodes of a Slurm job that lose power in mid-run.

load common
load slurm

setup_file() {
    # Slurm gives up a node that has been silent for so long.
    CLUSTER_NODE_TIMEOUT=10 cluster_up 6 1
}

# Two lists, each on two nodes: of the first, the node of the script and the
# master is lost; of the second, the other one. Slurm starts both again on
# others. Of each list jobs 1 and 2 are done before, and not run again; 3 and 4
# run when it happens.
@test "slurm: a node that crashes" {
    local list i job lost
    for list in 1 2; do
        for i in 1 2 3 4 5 6; do
            echo "echo $i \$JOBSCHED_NODE >>started.$list; $([[ $i -lt 3 ]] || echo "$HOLD")"
        done >"jobs.$list"
        submit -N2 -n2 --output="batch.$list" slurm/jobsched.sbatch "jobs.$list" --slave-timeout $((3 * JS_PATIENCE)) --grace 1
        job[list]=$JOB
    done
    for list in 1 2; do
        wait_until "$PATIENCE" exists "started.$list"
        wait_until "$PATIENCE" has_lines "started.$list" 4 .
    done
    for list in 1 2; do
        JOB=${job[list]}
        lost=$(slurm scontrol show hostnames "$(job_field NodeList)" | sed -n "${list}p")
        "$ROOT/tests/system/slurm-cluster" crash "$CLUSTER" "$lost"
    done
    for list in 1 2; do
        JOB=${job[list]}
        wait_until "$PATIENCE" eval '[[ $(job_field Restarts) -gt 0 ]]'
    done
    touch go
    for list in 1 2; do
        JOB=${job[list]}
        job_end
        show_file "batch.$list"
        ended_with COMPLETED 0:0
        equal "$(sort -u "started.$list" | cut -d ' ' -f 1 | uniq | tr '\n' ' ')" '1 2 3 4 5 6 '
        for i in 1 2 5 6; do
            equal "$(grep -c "^$i " "started.$list")" 1
        done
        for i in 1 2 3 4 5 6; do
            equal "$(grep -c " ok $i " "jobs.$list.journal")" 1
        done
    done
}
