#!/usr/bin/env bats
# An mpirun in a job, within a real Slurm: three nodes of four CPUs.

load common
load slurm

setup_file() {
    cluster_up 3 4
}

# The master is on n1. While its cores are taken, a job of two hosts begins on
# another, where Slurm has no batch script.
@test "nested: mpirun in a job, on one host and on several" {
    need_two_cores
    cp "$JS_HELPERS/mpi_hosts" mpi_program
    local example
    example=$(manual_shows 7 'MPI programs as jobs' |
        sed -n 's/^\[nodes=2 cores=1\] \(.*\)/\1/p')
    claim test -n "$example"
    cat >jobs.txt <<JOBS
[cores=2] until test -e both; do sleep 0.1; done; mpirun -np 2 ./mpi_program
[nodes=2 cores=2] $example; touch both
[nodes=3] $example
mpirun -np 1 ./mpi_program
JOBS
    # Root has to say so itself: what jobsched tells its own mpirun is no job's.
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    submit -N3 --ntasks-per-node=2 slurm/jobsched.sbatch jobs.txt --output DIR --joblog log
    job_end
    ended_with COMPLETED 0:0
    equal "$(xargs <DIR/1.out)" '0 n1 1 n1'
    # Which of the two is first depends on whose slaves report first.
    [[ $(xargs <DIR/2.out) == @(0 n2 1 n2 2 n3 3 n3|0 n3 1 n3 2 n2 3 n2) ]]
    equal "$(cut -d ' ' -f 2 DIR/3.out | sort | xargs)" 'n1 n2 n3'
    equal "$(cat DIR/4.out)" "0 $(field log 4 Host)"
}

@test "nested: the same for an ordinary user, with slaves started by srun" {
    as_tester
    cp "$JS_HELPERS/mpi_hosts" mpi_program
    cat >jobs.txt <<'JOBS'
[nodes=3] mpirun --hostfile "$JOBSCHED_HOSTFILE" ./mpi_program
mpirun -np 1 ./mpi_program
JOBS
    submit -N3 --ntasks-per-node=2 --wrap \
        'srun --mpi=pmix -N3 --ntasks=4 ./jobsched jobs.txt --output DIR --joblog log'
    job_end
    ended_with COMPLETED 0:0
    equal "$(cut -d ' ' -f 2 DIR/1.out | sort | xargs)" 'n1 n2 n3'
    equal "$(cat DIR/2.out)" "0 $(field log 2 Host)"
}

@test "nested: the end of a job of two hosts ends its mpirun, there as well" {
    cat >jobs.txt <<'JOBS'
[nodes=2] mpirun --hostfile "$JOBSCHED_HOSTFILE" sh -c 'echo >up.$(hostname); exec sleep 1000'
until [ "$(ls up.* 2>/dev/null | grep -c .)" -eq 2 ]; do sleep 0.1; done; exit 1
JOBS
    export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
    submit -N3 --ntasks-per-node=1 slurm/jobsched.sbatch jobs.txt --fail-fast
    job_end
    contains batch '2 jobs: 0 done, 1 failed, 0 skipped, 1 left'
    nothing_left
}
