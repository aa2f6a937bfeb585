#!/usr/bin/env bats
# Cores, memory and GPUs of a node, and the order of jobs.

load common

@test "resources: cores=2 has two cores, and its neighbour's slave is idle" {
    need_two_cores
    cat >jobs.txt <<JOBS
[cores=2] echo "\$JOBSCHED_CORES \$OMP_NUM_THREADS \$JOBSCHED_CPUS"; $ALLOWED; date +%s%N >>wide; sleep 0.5; date +%s%N >>wide
date +%s%N >>narrow
date +%s%N >>narrow
JOBS
    farm 2 jobs.txt
    status_is 0
    contains out '^2 2 '
    equal "$(sed -n 2p out | count_cpus)" 2
    # Nobody else ran while it did.
    claim test "$(tail -n 1 wide)" -le "$(sort -n narrow | head -n 1)"
}

# bats test_tags=sanitize
@test "resources: a job larger than any node is an error before anything runs" {
    printf '%s\n' 'touch ran' '[cores=5000] true' '[mem=100000T] true' \
        '[gpus=7] true' >jobs.txt
    farm 2 jobs.txt --gpus 2
    status_is 2
    claim test ! -e ran
    contains err 'job 2 \(line 2\) can never run here: it needs 5000 cores; no node has more than [0-9]+ cores?'
    contains err 'job 3 \(line 3\) can never run here'
    contains err 'job 4 \(line 4\) can never run here: it needs 1 core, 7 GPUs'
}

@test "resources: mem=4G and mem=40G are 64 bits wide" {
    local have
    have=$(awk '/^MemTotal/ { print int($2 / 1048576) }' /proc/meminfo)
    printf '%s\n' '[mem=4G] echo four' '[mem=40G] echo forty' >jobs.txt
    farm 2 jobs.txt
    if ((have > 45)); then
        status_is 0
        equal "$(sort out)" $'forty\nfour'
    else
        status_is 2
        contains err 'job 2 .*40960.0 MiB'
        lacks err 'job 1 '
    fi
}

@test "resources: mem= keeps jobs apart that do not fit together" {
    local most
    most=$(awk '/^MemTotal/ { print int($2 * 0.6 / 1024) }' /proc/meminfo)
    [[ ! -s /sys/fs/cgroup/memory.max ]] ||
        grep -q max /sys/fs/cgroup/memory.max || skip 'memory is limited here'
    local job="date +%s%N >>times; sleep 0.3; date +%s%N >>times"
    printf '%s\n' "[mem=${most}M] $job" "[mem=${most}M] $job" >jobs.txt
    farm 2 jobs.txt
    status_is 0
    # The second began after the first had ended.
    equal "$(sort -n times)" "$(cat times)"
    equal "$(grep -c '' times)" 4
}

@test "resources: --strict-mem makes mem= a limit" {
    echo '[mem=64M] exec perl -e '\''$x = "a" x (256 << 20); print "had it\n"'\' \
        >jobs.txt
    farm 1 jobs.txt
    status_is 0
    equal "$(cat out)" 'had it'
    farm 1 jobs.txt --strict-mem --fresh
    status_is 1
    equal "$(cat out)" ''
}

# bats test_tags=sanitize
@test "resources: gpus=1 jobs have different devices" {
    local job="echo \$CUDA_VISIBLE_DEVICES \$ROCR_VISIBLE_DEVICES; $HOLD"
    printf '%s\n' "[gpus=1] $job" "[gpus=1] $job" "[gpus=2] echo \$CUDA_VISIBLE_DEVICES" \
        'echo "none:$CUDA_VISIBLE_DEVICES"' >jobs.txt
    farm_start 2 jobs.txt --gpus 2 -v
    wait_until "$PATIENCE" has_lines out 2 'Run job'
    touch go
    farm_end
    status_is 0
    equal "$(grep -v job: out | sort)" $'0 0\n0,1\n1 1\nnone:'
}

# Each GPU job waits until a plain one has begun after it: they do only if no core
# is kept idle for the GPU jobs that wait.
@test "resources: cores go on while jobs wait for a GPU, or for memory" {
    need_two_cores
    local most scarce
    most=$(awk '/^MemTotal/ { print int($2 * 0.6 / 1024) }' /proc/meminfo)
    for scarce in gpus=1 "mem=${most}M"; do
        rm -f begun.*
        {
            printf "[$scarce] touch scarce.%d; until test -e begun.%d; do sleep 0.02; done\n" \
                1 1 2 2 3 3
            printf "echo begun >begun.%d\n" 1 2 3
        } >jobs.txt
        farm 2 jobs.txt --gpus 1 --fresh
        status_is 0
        contains err '6 jobs: 6 done'
    done
}

# The first GPU job waits for a plain one that stands behind all others; what then
# is left need not run.
@test "resources: however many jobs wait for a GPU, those behind them go on" {
    need_two_cores
    {
        echo '[gpus=1] until test -e begun; do sleep 0.02; done'
        yes '[gpus=1] true' | head -1500
        echo ': >begun'
    } >jobs.txt
    farm_start 2 jobs.txt --gpus 1
    wait_until "$PATIENCE" exists begun
    kill -USR1 "$(mpirun_pid)"
    farm_end
    contains err '^jobsched: 1502 jobs: .* 0 failed'
    [[ $status -eq 3 ]] || status_is 0 # if all have run before the signal came
}

@test "resources: priority first, then the order of the file" {
    cat >jobs.txt <<'JOBS'
sleep 0.3
echo a
[priority=5] echo b
[priority=-1] echo c
[priority=5] echo d
echo e
JOBS
    farm 1 jobs.txt
    status_is 0
    equal "$(xargs <out)" 'b d a e c'
}

@test "resources: --longest-first" {
    printf 'echo %s\n' a b c >jobs.txt
    farm 1 jobs.txt --joblog log
    status_is 0
    # As if they had taken 1, 3 and 2 seconds.
    awk -F '\t' -v OFS='\t' 'NR > 1 { $4 = $1 == 1 ? 1 : 5 - $1 } 1' log >log.new
    mv log.new log
    farm 1 jobs.txt --longest-first log --fresh
    status_is 0
    equal "$(xargs <out)" 'b c a'
    farm 1 jobs.txt --longest-first jobs.txt
    status_is 2
    contains err 'jobs.txt'
    # The length of a chain includes all its jobs.
    printf '%s\n' 'echo a' 'echo b' '[name=c] echo c' '[after=c] echo d' '[after=c] echo e' >jobs.txt
    { head -n 1 log; printf '%d\t:\t1\t%d\t0\t0\t0\t0\techo %s\t\t1\t1\t1\t0\t0\t0\t0\n' \
        1 4 a 2 3 b 3 1 c 4 1 d 5 5 e; } >times
    farm 1 jobs.txt --longest-first times --fresh
    status_is 0
    equal "$(xargs <out)" 'c e a b d'
    farm 1 - --longest-first times <jobs.txt
    status_is 0
    equal "$(xargs <out | tr -d ' ' | cut -c 1-2)" 'ab'
}

# Short jobs come before long ones, so the order differs from that of the list.
@test "resources: --longest-first auto takes run times from the journal" {
    printf '%s\n' ': one' '[name=a] : two' 'sleep 0.3' '[after=a] sleep 0.6' >jobs.txt
    # No run time is known at first, so the length of a chain is its number of jobs.
    "$JOBSCHED" --dry-run --longest-first auto jobs.txt >out
    equal "$(awk '{ print $2 }' out | head -n 1)" '2:'
    claim test ! -e jobs.txt.journal
    farm 1 jobs.txt --joblog log --longest-first auto
    status_is 0
    "$JOBSCHED" --dry-run --fresh --longest-first log jobs.txt >known
    "$JOBSCHED" --dry-run --fresh --longest-first auto jobs.txt >out
    # Which CPUs the job gets depends on what else runs on this machine.
    equal "$(sed 's/, CPUs [^:]*//' out)" "$(sed 's/, CPUs [^:]*//' known)"
    farm 1 jobs.txt --dry-run --fresh --longest-first log
    cp out known
    claim test "$(awk '{ print $2; exit }' known)" != 1:
    farm 1 jobs.txt --dry-run --fresh --longest-first auto
    equal "$(sed 's/, CPUs [^:]*//' out)" "$(sed 's/, CPUs [^:]*//' known)"
    # A run does what the dry run has shown.
    farm 1 jobs.txt --fresh --longest-first auto -v
    status_is 0
    equal "$(awk '/^Run job/ { print $3 ":" }' out)" "$(awk '{ print $2 }' known)"
    # The journal that is set aside may be damaged.
    printf 'damaged\n' >jobs.txt.journal
    farm 1 jobs.txt --longest-first auto
    status_is 2
    contains err 'jobs.txt.journal'
    farm 1 jobs.txt --fresh --longest-first auto
    status_is 0
    # Without a journal there are no run times to use.
    farm 1 jobs.txt --no-journal --longest-first auto
    status_is 2
    contains err '--longest-first auto .*--no-journal'
    farm 1 - --longest-first auto <jobs.txt
    status_is 2
    contains err '--longest-first auto .*--journal'
}
