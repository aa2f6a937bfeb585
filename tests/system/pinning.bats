#!/usr/bin/env bats
# Pinning: what a job may use, seen from within the job.

load common

# One job for each of $1 slaves: it waits until all of them have begun.
one_each() {
    local n=$1
    shift
    printf "touch at.\$JOBSCHED_SLAVE.\$JOBSCHED_SLOT; \
until test \$(ls at.* | wc -l) -eq $n; do sleep 0.02; done; $*\n%.0s" \
        $(seq "$n")
}

# bats test_tags=sanitize
@test "pinning: two slaves have a core each, and their jobs know it" {
    need_two_cores
    one_each 2 "echo \$(($ALLOWED)) is \$JOBSCHED_CPUS" |
        sed 's/((\(.*\)))/(\1)/' >jobs.txt
    farm 2 jobs.txt
    status_is 0
    equal "$(wc -l <out)" 2
    equal "$(sort -u out | wc -l)" 2
    awk '$1 != $3 { exit 1 }' out
    # Neither has a CPU of the other's.
    equal "$(cut -d ' ' -f 1 out | tr ',' '\n' |
        awk -F - '{ for (i = $1; i <= $NF; i++) print i }' | sort | uniq -d)" ''
    claim test "$(cut -d ' ' -f 1 out | count_cpus)" -le \
        "$(allowed_here | count_cpus)"
}

@test "pinning: --bind none gives a job all of the node's CPUs" {
    one_each 2 "$ALLOWED" >jobs.txt
    farm 2 jobs.txt --bind none
    status_is 0
    equal "$(sort -u out)" "$(allowed_here)"
}

@test "pinning: only the CPUs that jobsched was given are used" {
    local only
    only=$(allowed_here | tr ',' '\n' | tail -n 1)
    only=${only##*-}
    one_each 2 "$ALLOWED" >jobs.txt
    farm_command 2 jobs.txt
    status=0
    taskset -c "$only" "${COMMAND[@]}" >out 2>err || status=$?
    status_is 0
    equal "$(sort -u out)" "$only"
}

@test "pinning: --slots 2 runs two jobs at once on one slave" {
    one_each 2 "echo \$JOBSCHED_SLAVE \$JOBSCHED_SLOT" >jobs.txt
    farm 1 jobs.txt --slots 2
    status_is 0
    equal "$(sort out | xargs -d '\n')" '1 0 1 1'
    contains err '2 slots'
}

@test "pinning: --slots 2 on one slave binds its jobs to different cores" {
    need_two_cores
    one_each 2 "$ALLOWED" >jobs.txt
    farm 1 jobs.txt --slots 2
    status_is 0
    equal "$(sort -u out | wc -l)" 2
}

@test "pinning: --slots all is a slot for each core of the slave's part" {
    local cores
    cores=$(cores_here)
    one_each "$cores" "$ALLOWED" >jobs.txt
    farm 1 jobs.txt --slots all
    status_is 0
    contains err "[^0-9]$cores slots?[^0-9]"
    equal "$(sort -u out | wc -l)" "$cores"
}

@test "pinning: --show-map says which slave owns what" {
    need_two_cores
    one_each 2 "echo slave \$JOBSCHED_SLAVE: \$JOBSCHED_CPUS" >jobs.txt
    farm 2 jobs.txt --show-map
    status_is 0
    local slave
    for slave in 1 2; do
        contains err "slave $slave on $(hostname): 1 slot on CPUs $(sed -n \
            "s/^slave $slave: //p" out)\$"
    done
}

# bats test_tags=sanitize
@test "pinning: more slaves than cores work, share cores, and it is said once" {
    local slaves=$(($(cores_here) + 1))
    one_each "$slaves" "$ALLOWED" >jobs.txt
    farm "$slaves" jobs.txt
    status_is 0
    equal "$(wc -l <out)" "$slaves"
    equal "$(grep -c ' share .*cores' err)" 1
}

@test "pinning: as many slaves as cores share nothing, and nothing is said" {
    echo true >jobs.txt
    farm "$(cores_here)" jobs.txt
    status_is 0
    lacks err 'share'
}

# bats test_tags=mpis
@test "pinning: where mpirun binds the ranks itself, the node is whole" {
    need_two_cores
    LAUNCH=("${BOUND[@]}")
    # What this test is about:
    timeout "$PATIENCE" "$MPIRUN" "${LAUNCH[@]}" -np 2 cat /proc/self/status >bound
    claim test "$(grep Cpus_allowed_list bound | head -n 1 | cut -f 2 |
        tr -d '\r' | count_cpus)" -lt "$(allowed_here | count_cpus)"
    one_each "$(cores_here)" "$ALLOWED" >jobs.txt
    farm 1 jobs.txt --slots all
    status_is 0
    equal "$(sort -u out | wc -l)" "$(cores_here)"
    echo "$ALLOWED" >jobs.txt
    farm 1 jobs.txt --bind none
    status_is 0
    equal "$(cat out)" "$(allowed_here)"
}

@test "pinning: the master and the slaves are not bound" {
    echo "touch started; $HOLD" >jobs.txt
    farm_start 2 jobs.txt
    wait_until "$PATIENCE" exists started
    local rank
    for rank in 0 1 2; do
        equal "$(grep Cpus_allowed_list "/proc/$(rank_pid $rank)/status" |
            cut -f 2)" "$(allowed_here)"
    done
    touch go
    farm_end
    status_is 0
}

# In a world of processes of their own, so that other tests' runs do not count.
among_themselves() { # COMMAND...
    need_root "make a process namespace"
    timeout --kill-after=5 "$PATIENCE" unshare --pid --fork --mount-proc "$@"
}

# Each run's only job says where it is, and waits for those of all others.
write_runs() { # NAME...
    local run
    for run; do
        echo "$ALLOWED >at.$run.new; mv at.$run.new at.$run; until test \$(ls at.? | wc -l) -ge $#; do sleep 0.02; done" \
            >"$run.txt"
    done
}

@test "pinning: two runs on one machine take different cores, started at once or not" {
    need_two_cores
    write_runs a b
    local round
    for round in at_once one_by_one; do
        rm -f at.*
        # shellcheck disable=SC2016
        among_themselves bash -c '
            "$0" -n 1 --no-journal a.txt &
            test "$1" = at_once || until test -e at.a; do sleep 0.02; done
            "$0" -n 1 --no-journal b.txt &
            wait' "$JOBSCHED" "$round" >out 2>err
        equal "$(grep -c '1 job: 1 done' err)" 2
        equal "$(cat at.a at.b | sort -u | wc -l)" 2
    done
}

# The job of run a takes all cores. A separate thread starts it, because its folder
# might hang.
@test "pinning: what a job of another run holds besides its slot counts as well" {
    need_two_cores
    echo "[dir=$PWD] $ALLOWED >at.a; taskset --cpu-list --pid $(allowed_here) \$\$ && touch all; until test -e at.b; do sleep 0.02; done" >a.txt
    echo "$ALLOWED >at.b" >b.txt
    # shellcheck disable=SC2016
    among_themselves bash -c '
        "$0" -n 1 --no-journal a.txt &
        until test -e all; do sleep 0.02; done
        "$0" -n 1 --no-journal b.txt
        wait' "$JOBSCHED" >out 2>err
    equal "$(grep -c '1 job: 1 done' err)" 2
    equal "$(cat at.b)" "$(cat at.a)"
}

@test "pinning: cores are shared when other runs hold all of them" {
    # Four CPUs will do.
    taskset --cpu-list --pid "$(allowed_here | tr ',' '\n' |
        awk -F - '{ for (i = $1; i <= $NF; i++) print i }' | head -n 4 |
        paste -s -d ,)" $BASHPID
    # shellcheck disable=SC2046
    write_runs $(seq 1 $(($(cores_here) + 1)))
    # shellcheck disable=SC2016
    among_themselves bash -c '
        for list in ?.txt; do
            "$0" -n 1 --no-journal "$list" &
            until test -e "at.${list%.txt}"; do sleep 0.02; done
        done
        wait' "$JOBSCHED" >out 2>err
    equal "$(grep -c '1 job: 1 done' err)" "$(($(cores_here) + 1))"
    equal "$(cat at.? | sort -u | wc -l)" "$(cores_here)"
}

# As in a container with --cpus=1: every group's parent has the limit.
@test "pinning: a quota of CPU time limits slaves and slots, unless -n says otherwise" {
    need_two_cores
    need_root "mount a made-up cgroup file system"
    mkdir -p cgroup/cpu cgroup/cpu,cpuacct
    echo '150000 100000' >cgroup/cpu.max
    echo 150000 | tee cgroup/cpu/cpu.cfs_quota_us >cgroup/cpu,cpuacct/cpu.cfs_quota_us
    echo 100000 | tee cgroup/cpu/cpu.cfs_period_us >cgroup/cpu,cpuacct/cpu.cfs_period_us
    limited() {
        unshare --mount sh -c 'mount --bind cgroup /sys/fs/cgroup && exec "$@"' sh "$@"
    }
    limited true 2>err || skip "this machine lets root mount nothing: $(cat err)"
    echo 'echo "$JOBSCHED_CPUS"' | sed 'p;p' >jobs.txt
    limited "$JOBSCHED" --no-journal --show-map jobs.txt >out 2>err
    equal "$(grep -c '^jobsched: slave .* 1 slot on' err)" 1
    equal "$(sort -u out | wc -l)" 1
    limited "$JOBSCHED" -n 1 --slots all --no-journal --show-map jobs.txt >out 2>err
    equal "$(grep -c '^jobsched: slave .* 1 slot on' err)" 1
    limited "$JOBSCHED" -n 2 --no-journal --show-map jobs.txt >out 2>err
    equal "$(sed -n 's/^jobsched: slave .* 1 slot on //p' err | sort -u | wc -l)" 2
    echo '[cores=2] true' >jobs.txt
    run -2 limited "$JOBSCHED" --check jobs.txt
}

@test "pinning: --show-map lists the slaves in their order" {
    echo true >jobs.txt
    farm 6 jobs.txt --show-map
    status_is 0
    equal "$(sed -n 's/^jobsched: slave \([0-9]*\) on .*/\1/p' err | xargs)" \
        '1 2 3 4 5 6'
}
