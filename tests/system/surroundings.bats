#!/usr/bin/env bats
# What a job finds around it.

# What is quoted is for the shell of a job.
# shellcheck disable=SC2016

load common

# bats test_tags=sanitize
@test "surroundings: descriptors, signals, process group, stdin, umask" {
    umask 026
    echo "exec $JS_HELPERS/surroundings" >jobs.txt
    farm 1 jobs.txt
    status_is 0
    contains out '^open 0 1 2$'
    contains out '^stdin /dev/null$'
    contains out '^leader yes$'
    contains out '^umask 026$'
    contains out "^dir $PWD\$"
    lacks out '^ignored'
    lacks out '^blocked'
}

@test "surroundings: the same without the shell, and beside other jobs" {
    printf '%s\n' "$JS_HELPERS/surroundings" "$JS_HELPERS/surroundings" \
        >jobs.txt
    farm 1 jobs.txt --slots 2
    status_is 0
    equal "$(grep -c '^open 0 1 2$' out)" 2
    equal "$(grep -c '^leader yes$' out)" 2
    equal "$(grep -c '^stdin /dev/null$' out)" 2
    lacks out '^(ignored|blocked)'
}

@test "surroundings: signals that the caller ignores are at default too" {
    # Within mpirun, which gives the ranks the default for what it ignores.
    farm_command 1 jobs.txt
    COMMAND=("${COMMAND[@]/#"$JOBSCHED"/"./ignoring"}")
    printf '#!/bin/sh\ntrap "" PIPE HUP USR1 RTMIN\nexec "%s" "$@"\n' \
        "$JOBSCHED" >ignoring
    chmod +x ignoring
    echo "$JS_HELPERS/surroundings" >jobs.txt
    farm_run
    status_is 0
    contains out '^leader yes$'
    lacks out '^ignored'
}

# bats test_tags=sanitize
@test "surroundings: JOBSCHED_* tell a job which it is" {
    cat >jobs.txt <<'JOBS'
true
env | grep ^JOBSCHED_ | sort
JOBS
    farm 1 jobs.txt
    status_is 0
    cat >want <<WANT
JOBSCHED_ATTEMPT=1
JOBSCHED_CORES=1
JOBSCHED_CPUS=$(sed -n 's/^JOBSCHED_CPUS=//p' out)
JOBSCHED_JOB_ID=2
JOBSCHED_JOB_NAME=
JOBSCHED_NODE=$(hostname)
JOBSCHED_RUN=$(awk '$2 == "mark" { print $3 }' jobs.txt.journal)
JOBSCHED_SLAVE=1
JOBSCHED_SLOT=0
WANT
    diff want out
    contains out '^JOBSCHED_CPUS=[0-9,-]+$'
}

@test "surroundings: JOBSCHED_* of a jobsched around this one do not get in" {
    echo 'env | grep ^JOBSCHED_JOB_ID; env | grep ^JOBSCHED_X' >jobs.txt
    JOBSCHED_JOB_ID=77 JOBSCHED_X=1 farm 1 jobs.txt
    equal "$(cat out)" 'JOBSCHED_JOB_ID=1'
}

@test "surroundings: OMP_NUM_THREADS is the job's cores, or the user's word" {
    echo 'echo $OMP_NUM_THREADS' >jobs.txt
    farm 1 jobs.txt
    equal "$(cat out)" 1
    OMP_NUM_THREADS=17 farm 1 jobs.txt --fresh
    equal "$(cat out)" 17
}

@test "surroundings: the user's environment arrives as it was" {
    echo 'printenv -0 A_TEXT A_EMPTY OMPI_MCA_btl_base_verbose TMPDIR' >jobs.txt
    mkdir tmp
    export A_TEXT=$'two\nlines = "x" \377' A_EMPTY='' OMPI_MCA_btl_base_verbose=0
    TMPDIR=$PWD/tmp farm_whole 1 jobs.txt
    status_is 0
    printf '%s\0' "$A_TEXT" '' 0 "$PWD/tmp" | cmp - out
}

# `env` in a job differs from `env` here by what the manual lists, and by the
# name of the command (_) that a shell sets.
has_environment() { # FILE
    manual_variables 'Set for each job' >documented
    claim test "$(wc -l <documented)" -gt 10
    echo _ >>documented
    env | grep -v ^JS_MARK= | sort >here
    grep -v ^JS_MARK= "$1" | sort | comm -3 - here | tr -d '\t' | cut -d = -f 1 |
        sort -u | grep_any -vxF -f documented >differing
    equal "$(cat differing)" ''
}

@test "surroundings: env in a job is env in the shell, and what the manual lists" {
    echo env >jobs.txt
    mkdir folder
    ln -s folder automounted
    export PSM2_DEVICES=mine OMPI_MCA_rmaps_base_oversubscribe=1 \
        OMPI_MCA_orte_base_help_aggregate=0 PMIX_MCA_gds=hash
    (
        cd automounted
        env "JS_MARK=$MARK" "$JOBSCHED" -n 1 ../jobs.txt >out
        has_environment out
        contains out "^PWD=$PWD\$"
        contains out '^PMIX_MCA_gds=hash$'
    )
    unset PSM2_DEVICES OMPI_MCA_rmaps_base_oversubscribe PMIX_MCA_gds \
        OMPI_MCA_orte_base_help_aggregate
    [[ $MPI == 'Open MPI 4.'* ]] || return 0
    cd automounted
    # What is said with --mca is for the jobs as well.
    # shellcheck disable=SC2034 # of farm_command
    LAUNCH=("${PLAIN[@]}")
    farm_command 1 ../jobs.txt --fresh
    farm_run
    has_environment out
    contains out "^PWD=$PWD\$"
}

@test "surroundings: without an environment, or a folder" {
    echo 'pwd; echo "${HOME-none}"' >jobs.txt
    env -i "JS_MARK=$MARK" "$JOBSCHED" -n 1 jobs.txt >out
    equal "$(xargs <out)" "$PWD none"
    mkdir gone
    status=0
    (
        cd gone
        rmdir ../gone
        exec "$JOBSCHED" -n 1 ../jobs.txt
    ) 2>err || status=$?
    status_is 2
    equal "$(grep -c '' err)" 1
    contains err '^jobsched: cannot find the current folder /.*/gone '
}

@test "surroundings: PWD is where the job is" {
    echo 'echo "$PWD"; printenv PWD' >jobs.txt
    farm 1 jobs.txt
    equal "$(xargs <out)" "$PWD $PWD"
}

# Whatever this machine's networks are; and no job sees what keeps it so.
# bats test_tags=mpis
@test "surroundings: a start says nothing of MPI's own, and sets nothing for jobs" {
    echo 'env' >jobs.txt
    farm 2 jobs.txt --no-journal
    status_is 0
    lacks out '^OMPI_MCA_reachable='
    equal "$(grep -vc '^jobsched: ' err)" 0
    run -0 --separate-stderr "$JOBSCHED" -n 2 jobs.txt --no-journal
    lacks <(echo "$output") '^OMPI_MCA_reachable='
    # shellcheck disable=SC2154 # of run
    equal "$(grep -vc '^jobsched: ' <<<"$stderr")" 0
}

# bats test_tags=mpis
@test "surroundings: what the launcher set for the slave is removed" {
    echo 'env' >jobs.txt
    farm 1 jobs.txt
    status_is 0
    contains out '^JOBSCHED_JOB_ID=1$'
    lacks out '^(HYD|MPI_LOCAL|PMI|PRTE_(LAUNCHED|SHARED_FS)|OMPI_COMMAND|OMPI_MCA_mpi_ft|PMIX_|OMPI_COMM_WORLD|OMPI_UNIVERSE|OMPI_MCA_ess|OMPI_MCA_orte_|OMPI_ARGV|OMPI_APP_CTX|OMPI_FILE|OMPI_FIRST|OMPI_NUM_APP|OMPI_MCA_initial_wdir|OMPI_MCA_pmix=)'
}

@test "surroundings: a job that reads its standard input sees its end" {
    echo 'cat; echo end' >jobs.txt
    echo 'not for jobs' | farm 1 jobs.txt
    equal "$(cat out)" end
}

@test "surroundings: a job's group is its own: a signal to it ends nobody else" {
    printf '%s\n' 'kill -KILL 0' 'echo after' >jobs.txt
    farm 1 jobs.txt
    status_is 1
    equal "$(cat out)" after
    contains err 'job 1 .*SIGKILL'
}

# bats test_tags=sanitize
@test "surroundings: a job may be an MPI program" {
    echo "$JS_HELPERS/mpi_hello" >jobs.txt
    farm 2 jobs.txt
    status_is 0
    equal "$(cat out)" 'hello from 1, sum 1'
}

# bats test_tags=mpis
@test "surroundings: a job may be mpirun -np 2 of an MPI program" {
    echo "$MPIRUN ${PLAIN[*]} -np 2 $JS_HELPERS/mpi_hello" >jobs.txt
    farm 2 jobs.txt
    status_is 0
    equal "$(cat out)" 'hello from 2, sum 3'
}

# bats test_tags=mpis
@test "surroundings: an mpirun stays on the cores of its job" {
    need_two_cores
    # Both at once, so that each slave has one.
    for i in 1 2; do
        echo "touch here.$i; until test -e here.$((3 - i)); do sleep 0.05; done;" \
            "$MPIRUN ${PLAIN[*]} -np 2 grep Cpus_allowed_list" \
            "/proc/self/status | cut -f 2 | sort -u >is.$i;" \
            "echo \$JOBSCHED_CPUS >should.$i"
    done >jobs.txt
    farm 2 jobs.txt
    status_is 0
    for i in 1 2; do
        equal "$(cat is.$i)" "$(cat should.$i)"
    done
    claim test "$(cat is.1)" != "$(cat is.2)"
}

# bats test_tags=mpis
@test "surroundings: a job may be a jobsched of its own" {
    echo 'echo inner' >inner.txt
    echo "$MPIRUN ${PLAIN[*]} -np 2 $JOBSCHED inner.txt" >jobs.txt
    farm 1 jobs.txt
    status_is 0
    equal "$(cat out)" inner
}
