#!/usr/bin/env bats
# The batch script, and srun, in a real Slurm: three nodes of four CPUs.

load common
load slurm

setup_file() {
    cluster_up 3 4
}

# Jobs that write a line into `started`.
have_begun() { # COUNT
    test -e started && has_lines started "$1" .
}

# A job that says where it runs, once $1 jobs run at once.
where_of() { # JOBS
    printf 'touch at.$JOBSCHED_JOB_ID; until test $(ls at.* | wc -l) -ge %d; do sleep 0.05; done; echo "$JOBSCHED_NODE $(%s) $JOBSCHED_CPUS $(id -un)"\n' \
        "$1" "$ALLOWED"
}

# Four tasks: four slaves on two nodes, each on a core of its own, run four jobs
# at once; the master besides.
pinned_on_both_nodes() { # USER
    local i
    for i in 1 2 3 4; do
        where_of 4
    done >'the jobs.txt'
    submit -N2 --ntasks-per-node=2 slurm/jobsched.sbatch 'the jobs.txt' --joblog 'the log'
    job_end
    ended_with COMPLETED 0:0
    contains batch '4 jobs: 4 done, 0 failed'
    equal "$(grep -cE "^n1 .* $1$" batch) $(grep -cE "^n2 .* $1$" batch)" '2 2'
    equal "$(grep -c '' 'the log')" 5
    # Bound to what it is told it has.
    grep '^n[12] ' batch | while read -r _ allowed told _; do
        equal "$allowed" "$told"
    done
    [[ $(cores_here) -lt 2 ]] ||
        equal "$(grep '^n[12] ' batch | sort -u | grep -c '')" 4
}

@test "slurm: slaves on both nodes, each pinned, and the master besides" {
    pinned_on_both_nodes root
}

@test "slurm: the same for an ordinary user" {
    as_tester
    pinned_on_both_nodes tester
    equal "$(stat -c %U 'the log' batch | sort -u)" UNKNOWN
}

@test "slurm: a job's environment is the batch script's, on each node" {
    local host
    for host in n1 n2; do
        echo "touch at.\$JOBSCHED_NODE; until test -e at.n1 -a -e at.n2; do sleep 0.05; done; env | sort >env.\$JOBSCHED_NODE"
    done >jobs.txt
    printf '#!/bin/sh\nenv | sort >env.batch\nexec ./jobsched -n 2 jobs.txt\n' >script
    submit -N2 --ntasks-per-node=1 script
    job_end
    ended_with COMPLETED 0:0
    manual_variables 'Set for each job' >documented
    # What is the node's own.
    printf '%s\n' SLURMD_NODENAME SLURM_NODEID SLURM_TOPOLOGY_ADDR HOSTNAME \
        SLURM_CPUS_ON_NODE TMPDIR _ >own
    for host in n1 n2; do
        grep -qx "JOBSCHED_NODE=$host" "env.$host"
        comm -3 env.batch "env.$host" | tr -d '\t' | cut -d = -f 1 | sort -u |
            grep_any -vxF -f documented -f own >differing
        equal "$(cat differing)" ''
    done
    contains env.n2 '^SLURM_JOB_ID='
    lacks env.n2 '^SLURM_STEP|^PSM2_'
}

@test "slurm: srun in a job, as the manual says, runs on the job's node, at once" {
    local i srun
    srun=$(manual_shows 7 'MPI programs as jobs' | grep '^srun ')
    claim test -n "$srun"
    for i in 1 2; do
        echo "touch at.\$JOBSCHED_NODE; until test -e at.n1 -a -e at.n2; do sleep 0.05; done; echo \$JOBSCHED_NODE \$($srun hostname)"
    done >jobs.txt
    printf '#!/bin/sh\nexec ./jobsched -n 2 jobs.txt\n' >script
    submit -N2 --ntasks-per-node=1 script
    job_end
    ended_with COMPLETED 0:0
    contains batch '^n1 n1$'
    contains batch '^n2 n2$'
    lacks batch 'nodes are busy'
}

# How many slaves with how many slots there are on each node: "4x1 4x1".
map_in() { # FILE
    sed -n 's/^jobsched: slave [0-9]* on \(n[12]\): \([0-9]*\) slot.*/\1 \2/p' "$1" |
        sort | uniq -c | awk '{ printf "%s%dx%d", (NR > 1 ? " " : ""), $1, $3 }'
}

# Every sbatch of jobs.txt in that chapter of the manual, each in a folder of its own.
@test "slurm: a slave for each task; as many slots as CPUs a task" {
    local want=('4x1 4x1' '4x1 1x1' '4x1 4x1' '2x2 2x2'
        "1x$(cores_here) 1x$(cores_here)")
    local i=0 arguments jobs=()
    while read -r arguments; do
        mkdir "$i"
        cp -r jobsched slurm "$i"
        echo true >"$i/jobs.txt"
        cd "$i"
        # shellcheck disable=SC2086 # as a shell splits them
        submit $arguments --show-map
        cd ..
        jobs+=("$JOB")
        i=$((i + 1))
    done < <(manual_shows 7 SLURM | sed -n 's/^sbatch \(.* jobs\.txt\( .*\)\?\)$/\1/p')
    equal "$i" ${#want[@]}
    for i in "${!want[@]}"; do
        JOB=${jobs[i]}
        job_end
        ended_with COMPLETED 0:0
        equal "$(map_in "$i/batch")" "${want[i]}"
    done
    claim test -s 0/jobs.log
}

@test "slurm: the list's end is that of the Slurm job" {
    printf 'echo fine\nexit 7\n' >jobs.txt
    echo '[core=2] true' >bad.txt
    local failing
    submit slurm/jobsched.sbatch jobs.txt
    failing=$JOB
    submit --output=bad slurm/jobsched.sbatch bad.txt
    job_end
    ended_with FAILED 2:0
    contains bad 'bad.txt:1:2: unknown attribute "core"'
    JOB=$failing
    job_end
    ended_with FAILED 1:0
    equal "$(job_field Restarts)" 0
    contains batch '^fine$'
    contains batch '2 jobs: 1 done, 1 failed'
}

# All processes of the job get SIGTERM at once, and have two seconds.
@test "slurm: after scancel the journal has its end, and nobody says that it broke off" {
    printf '%s\n' 'echo >began; sleep 1000' true >jobs.txt
    submit -N2 --ntasks-per-node=2 slurm/jobsched.sbatch jobs.txt
    wait_until "$PATIENCE" exists began
    slurm scancel "$JOB"
    job_end
    equal "$(tail -n 1 jobs.txt.journal | awk '$2 == "end" { print $3 }')" 3
    contains batch 'stopped by SIGTERM; [12] jobs? (is|are) left: .*the same command'
    lacks batch 'broke off'
}

# The job of an array whose number is that of the whole, too, is requeued alone.
@test "slurm: an array of lists" {
    local i
    for i in 1 2 3; do
        echo "echo list $i; echo $i >>started" >"jobs.$i.txt"
    done
    printf '%s\n' "$HOLD" 'true' >>jobs.3.txt
    contains <(manual_shows 7 SLURM) '^sbatch --array=1-3 slurm/jobsched.sbatch jobs.%a.txt --joblog log.%a$'
    submit --output=batch.%a --array=1-3 slurm/jobsched.sbatch jobs.%a.txt --joblog log.%a
    wait_until "$PATIENCE" test -s jobs.3.txt.journal
    wait_until "$PATIENCE" eval 'grep -q " ok 1 " jobs.1.txt.journal && grep -q " ok 1 " jobs.2.txt.journal && grep -q " ok 1 " jobs.3.txt.journal'
    slurm scancel --batch --signal=USR1 "${JOB}_3"
    wait_until "$PATIENCE" contains batch.3 'no more jobs are started'
    touch go
    job_end
    for i in 1 2 3; do
        contains "batch.$i" "list $i"
    done
    contains batch.3 'requeued to continue \(1 of'
    equal "$(sort started)" $'1\n2\n3'
    equal "$(grep -cE ' ok [123] ' jobs.3.txt.journal)" 3
    equal "$(cat log.[123] | grep -c true)" 1
}

# As many tasks as granted and one more: the master's, on the first node.
@test "slurm: srun --mpi=pmix" {
    local i
    for i in 1 2 3 4; do
        where_of 4
    done >jobs.txt
    cat >own.sbatch <<'SBATCH'
#!/bin/bash
SBATCH
    manual_shows 7 SLURM | grep '^srun ' >>own.sbatch
    submit -n 4 -N 2 --ntasks-per-node=2 own.sbatch
    job_end
    ended_with COMPLETED 0:0
    contains batch '4 jobs: 4 done'
    equal "$(grep -cE '^n1 ' batch) $(grep -cE '^n2 ' batch)" '2 2'
    echo 'exit 1' >jobs.txt
    submit -n 1 own.sbatch
    job_end
    ended_with FAILED 1:0
}

# In a script of one's own, and in a shell that srun has started, which is a
# world of one.
@test "slurm: jobsched alone, in the job and in a step of it" {
    local i how
    for i in 1 2 3 4; do
        where_of 4
    done >jobs.txt
    for how in '' 'srun -N1 -n1'; do
        rm -f at.* jobs.txt.journal batch
        printf '#!/bin/bash\n%s ./jobsched jobs.txt\n' "$how" >own.sbatch
        submit -N 2 --ntasks-per-node=2 own.sbatch
        job_end
        ended_with COMPLETED 0:0
        equal "$(grep -cE '^n1 ' batch) $(grep -cE '^n2 ' batch)" '2 2'
    done
}

# Jobs 1 and 2 end before the warning, the second with a failure; 3 and 4 run
# then, and go on to their end; 5 and 6 are for the second start. The run was
# to start over: that counts once.
# own_job ARGUMENT... -- LINE...: a script of these lines, submitted with these
# arguments of sbatch, to its end.
own_job() {
    local arguments=()
    while [[ $1 != -- ]]; do
        arguments+=("$1")
        shift
    done
    shift
    printf '%s\n' '#!/bin/bash' "$@" >own.sbatch
    rm -f batch
    submit "${arguments[@]}" own.sbatch
    job_end
}

@test "slurm: srun without PMIx is refused, by one for all, and nothing runs" {
    local how
    echo 'echo ran >>ran' >jobs.txt
    for how in './jobsched jobs.txt' "sh -c './jobsched jobs.txt'"; do
        own_job -N 2 --ntasks-per-node=2 -- "srun --mpi=none $how"
        ended_with FAILED 2:0
        contains batch '^jobsched: several processes were started.* with `srun --mpi=pmix`'
        equal "$(grep -c '^jobsched:' batch)" 1
        claim test ! -e ran -a ! -e jobs.txt.journal
    done
    # One task alone is nobody's twin.
    own_job -N 2 --ntasks-per-node=2 -- 'srun --mpi=none -N1 -n1 ./jobsched jobs.txt'
    ended_with COMPLETED 0:0
    equal "$(cat ran)" ran
}

# What the steps say that carry the slaves is not about the jobs. A world of one
# may be on a node where mpirun was started by a step of two.
@test "slurm: jobsched as a job on each node, in a small world, in an interactive step" {
    local i
    for i in 1 2 3; do
        echo "until test \$(ls at.* | wc -l) -ge 3; do touch at.$i; sleep 0.05; done; ./jobsched -n 1 --no-journal in.txt"
    done >jobs.txt
    echo 'echo ran on $JOBSCHED_NODE' >in.txt
    own_job -N 3 --ntasks-per-node=1 -- './jobsched jobs.txt'
    contains batch '3 jobs: 3 done'
    ended_with COMPLETED 0:0
    equal "$(grep '^ran' batch | sort | xargs)" 'ran on n1 ran on n2 ran on n3'
    rm -r at.* jobs.txt.journal
    own_job -N 3 --ntasks-per-node=1 -- 'srun --mpi=pmix -N3 -n4 --overlap -O ./jobsched jobs.txt'
    contains batch '3 jobs: 3 done'
    equal "$(grep '^ran' batch | sort | xargs)" 'ran on n1 ran on n2 ran on n3'
    own_job -N 3 --ntasks-per-node=1 -- './jobsched -n 1 --no-journal in.txt' \
        'export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1' \
        'mpirun --host n2,n3 -np 1 sh -c "echo tasks \$SLURM_STEP_NUM_TASKS; ./jobsched -n 1 --no-journal in.txt"' \
        'srun --interactive --preserve-env ./jobsched -n 1 --no-journal in.txt'
    ended_with COMPLETED 0:0
    equal "$(grep -c '^ran on n' batch)" 3
    contains batch '^tasks 2'
}

@test "slurm: memory is what was granted, and components that are not used are said" {
    echo '[mem=150M] echo ran' >jobs.txt
    own_job -N 2 --ntasks-per-node=2 --mem-per-cpu=100 -- './jobsched jobs.txt' \
        './jobsched --check jobs.txt'
    contains batch '^ran'
    ended_with COMPLETED 0:0
    own_job -N 2 --ntasks-per-node=2 --mem=120 -- './jobsched --fresh jobs.txt'
    ended_with FAILED 2:0
    contains batch 'job 1 \(line 1\) can never run here.*no node has more than [0-9]+ cores?'
    own_job -n 1 : -n 2 -- './jobsched --fresh jobs.txt'
    contains batch 'this Slurm job has 2 components, but .* only one'
    contains batch '1 job: 1 done'
}

@test "slurm: a warning is a pause" {
    local i
    for i in 1 2 3 4 5 6; do
        echo "echo $i >>started; $([[ $i -lt 3 || $i -gt 4 ]] || echo "$HOLD;") test $i != 2"
    done >jobs.txt
    as_tester
    submit -N2 --ntasks-per-node=1 slurm/jobsched.sbatch jobs.txt --fresh
    wait_until "$PATIENCE" have_begun 4
    slurm scancel --batch --signal=USR1 "$JOB"
    wait_until "$PATIENCE" contains batch 'no more jobs are started'
    touch go
    job_end
    ended_with FAILED 1:0
    equal "$(job_field Restarts)" 1
    equal "$(sort started)" $'1\n2\n3\n4\n5\n6'
    contains batch 'requeued to continue \(1 of at most 100 times\)'
    contains batch '3 done, 1 failed, 0 skipped, 2 left'
    contains batch '3 done, 1 failed, 2 left: 2 to run'
}

@test "slurm: a pause without a requeue; scancel is the end" {
    printf '%s\n' 'touch begun' "$HOLD" 'echo third' >jobs.txt
    JOBSCHED_REQUEUES=0 submit -n1 slurm/jobsched.sbatch jobs.txt
    wait_until "$PATIENCE" exists begun
    slurm scancel --batch --signal=USR1 "$JOB"
    wait_until "$PATIENCE" contains batch 'no more jobs are started'
    touch go
    job_end
    ended_with FAILED 3:0
    contains batch 'submit it again with sbatch to continue'
    lacks batch '^third$'
    rm go
    echo "$HOLD" >>jobs.txt
    submit -n1 slurm/jobsched.sbatch jobs.txt
    wait_until "$PATIENCE" contains batch '^third$'
    slurm scancel "$JOB"
    job_end
    ended_with CANCELLED 3:0
    equal "$(job_field Restarts)" 0
    contains jobs.txt.journal ' stopped 4 '
    contains jobs.txt.journal ' end 3 '
    nothing_left
}

# The Slurm job loses its node in mid-run, and goes on on the other.
# begun_elsewhere ID NODE: ID has begun on another one than NODE.
begun_elsewhere() {
    grep "^$1 " started | grep -qv " $2\$"
}

# In a script of the user's own the end is up to that script.
@test "slurm: what is not the batch script itself requeues nothing" {
    echo 'touch began; exec sleep 1000' >jobs.txt
    own_job -n 1 -- "bash $ROOT/slurm/jobsched.sbatch jobs.txt --time-limit $((4 * JS_PATIENCE))s --grace 1s"
    ended_with FAILED 3:0
    contains batch 'stopped by the time limit'
    claim test -e began
    equal "$(job_field Restarts)" 0
    lacks batch 'requeue'
}

@test "slurm: requeued from outside, on another node" {
    local i other
    for i in 1 2 3; do
        echo "echo $i \$JOBSCHED_NODE >>started; $([[ $i -lt 2 ]] || echo "$HOLD")"
    done >jobs.txt
    submit -n1 slurm/jobsched.sbatch jobs.txt
    wait_until "$PATIENCE" have_begun 2
    other=$(job_field NodeList)
    slurm scontrol update NodeName="$other" State=drain Reason=test
    slurm scontrol requeue "$JOB"
    wait_until "$PATIENCE" begun_elsewhere 2 "$other"
    touch go
    job_end
    ended_with COMPLETED 0:0
    slurm scontrol update NodeName="$other" State=resume
    # Slurm ends the jobs and the ranks in no order: 3 may begin on both.
    equal "$(grep " $other\$" started | sort -u | head -n 2 | cut -d ' ' -f 1 |
        tr '\n' ' ')" '1 2 '
    equal "$(grep -v " $other\$" started | cut -d ' ' -f 1 | tr '\n' ' ')" '2 3 '
    equal "$(grep -cE ' ok [123] ' jobs.txt.journal)" 3
}

@test "slurm: without a list it is the demonstration, and says so first and last" {
    submit -n2 slurm/jobsched.sbatch
    job_end
    ended_with COMPLETED 0:0
    equal "$(head -n 1 batch)" \
        'jobsched: no job file: running a demonstration of 30 simulated jobs'
    contains <(tail -n 1 batch) '^jobsched: this was a demonstration; '
    # A variable that is not set is no demonstration.
    submit -n1 slurm/jobsched.sbatch ''
    job_end
    ended_with FAILED 2:0
    contains batch '^jobsched: an argument is empty'
}

@test "slurm: a time limit that leaves no time is refused before a start" {
    echo 'touch ran' >jobs.txt
    submit --time=1 -n1 slurm/jobsched.sbatch jobs.txt --grace 5m
    job_end
    ended_with FAILED 2:0
    contains batch "^jobsched: the time limit of this Slurm job is too close: a time limit of [0-9]+ s leaves no time"
    claim test ! -e ran
}
