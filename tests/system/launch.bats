#!/usr/bin/env bats
# Started without mpirun: jobsched starts it, and stays as its parent.

load common
load hosts

teardown() {
    farm_teardown
    hosts_down
}

# jobsched alone; its process is $FARM. launch_run waits for the end.
launch_command() { # ARGUMENT...
    COMMAND=(env "JS_MARK=$MARK" TMPDIR="$PWD/tmp"
        timeout --kill-after=10 "$(limit)" "$JOBSCHED" "$@")
    mkdir -p tmp
}

launch_run() {
    launch_command "$@"
    farm_run
}

# Without timeout(1) between, which would hand on signals in its own way.
launch_start() {
    launch_command "$@"
    COMMAND=("${COMMAND[@]:0:3}" "${COMMAND[@]:6}")
    farm_run_in_background
}

# bats test_tags=mpis
@test "launch: jobsched alone runs the list, and its status is that of the run" {
    unset OMPI_ALLOW_RUN_AS_ROOT OMPI_ALLOW_RUN_AS_ROOT_CONFIRM
    printf 'echo %s\n' one two three 'four; exit 3' >jobs.txt
    launch_run -n 3 --show-map jobs.txt
    status_is 1
    equal "$(sort out | xargs)" 'four one three two'
    contains err '^jobsched: slave 3 on '
    contains err '^jobsched: 4 jobs: 3 done, 1 failed'
    lacks err 'slave 4|mpirun'
    equal "$(ls -A tmp)" ''
    # Again, with an option whose value has a blank.
    sed -i 's/; exit 3//' jobs.txt
    launch_run -n 1 jobs.txt --joblog 'a log'
    status_is 0
    contains err '^jobsched: 3 done, 1 changed|^jobsched: 3 done, 1 new'
    equal "$(grep -c four 'a log')" 1
}

# An open file, by its name or as a shell's >(COMMAND) makes one.
@test "launch: the joblog is an open file of the caller's" {
    printf 'echo %s\n' one two >jobs.txt
    mkfifo taken
    cat taken >theirs &
    exec 8>taken
    launch_run -n 1 jobs.txt --joblog /dev/fd/8
    status_is 0
    exec 8>&-
    wait $!
    equal "$(cut -f 1 theirs | xargs)" 'Seq 1 2'
    # What stands in a file stays.
    echo before >log
    exec 8>>log
    launch_run -n 1 jobs.txt --fresh --joblog /proc/self/fd/8
    status_is 0
    exec 8>&-
    equal "$(cut -f 1 log | xargs)" 'before Seq 1 2'
    equal "$(xargs <out)" 'one two'
    # And so it does in the file that is standard output.
    printf 'echo before\n' >jobs.txt
    launch_run -n 1 jobs.txt --fresh --joblog /dev/stdout
    status_is 0
    equal "$(cut -f 1 out | sort | xargs)" '1 Seq before'
    # One that is not open, or not for writing.
    for open in '8>&-' '8<jobs.txt'; do
        eval "exec $open"
        launch_run -n 1 jobs.txt --fresh --joblog /dev/fd/8
        status_is 2
        contains err '^jobsched: cannot write the joblog /dev/fd/8: Bad file descriptor$'
    done
    exec 8>&-
}

# Where no launcher of ours can pass on which file is meant.
@test "launch: an open file as joblog is refused under mpirun, and none of ours is taken for it" {
    echo 'touch ran' >jobs.txt
    exec 8>log
    farm 1 jobs.txt --joblog /dev/fd/8
    exec 8>&-
    status_is 2
    contains err '^jobsched: the joblog /dev/fd/8 .*mpirun .*open files'
    farm 1 jobs.txt --longest-first /dev/fd/8
    status_is 2
    contains err '^jobsched: --longest-first /dev/fd/8: mpirun .*open files'
    claim test ! -e ran
}

# bats test_tags=mpis
@test "launch: one slave for each core, and a demonstration" {
    launch_run --jobs 3 --duration 0 --show-map
    status_is 0
    contains out '^Finished job: 3$'
    equal "$(grep -c '^jobsched: slave' err)" "$(cores_here)"
}

# bats test_tags=mpis
@test "launch: a list from standard input" {
    launch_command -n 1 -
    status=0
    printf 'echo %s\n' a b | "${COMMAND[@]}" >out 2>err || status=$?
    status_is 0
    equal "$(xargs <out)" 'a b'
}

# bats test_tags=mpis
@test "launch: --show-mpirun shows a command line that does the same" {
    echo 'echo "it ran"' >'a list'
    launch_run --show-mpirun -n 1 --retries=2 'a list'
    status_is 0
    claim test ! -s err
    equal "$(wc -l <out)" 1
    contains out "^$MPIRUN .* -np 2 [^ ]*jobsched --retries=2 'a list'\$"
    run -0 --separate-stderr sh -c "$(cat out)"
    equal "$output" 'it ran'
}

@test "launch: what the user sets for Open MPI reaches it" {
    printf '#!/bin/sh\nenv >seen; exec %s "$@"\n' "$MPIRUN" >watched
    chmod +x watched
    echo 'env | grep OMPI_MCA_orte' >jobs.txt
    export JOBSCHED_MPIRUN=./watched OMPI_MCA_orte_tmpdir_base=$PWD
    launch_run -n 1 jobs.txt
    status_is 0
    contains seen "^OMPI_MCA_orte_tmpdir_base=$PWD\$"
    contains out "^OMPI_MCA_orte_tmpdir_base=$PWD\$"
}

# scontrol is played here; slurm.bats has a real one.
@test "launch: in a Slurm job a slave for each task, and its time limit less some" {
    mkdir bin
    printf '#!/bin/sh\ncat scontrol\n' >bin/scontrol
    chmod +x bin/scontrol
    export PATH=$PWD/bin:$PATH SLURM_JOB_ID=7 'SLURM_TASKS_PER_NODE=2(x2),1'
    # The end is in an hour, whatever the clock of the day has been changed to.
    echo 'JobId=7 RunTime=01:00:00 TimeLimit=02:00:00 EndTime=2020-01-01T00:00:00' >scontrol
    launch_run --show-mpirun jobs.txt
    contains out '-np 6 [^ ]* --time-limit=3570s jobs.txt$'
    echo 'JobId=7 RunTime=00:00:20 TimeLimit=00:02:00' >scontrol
    launch_run --show-mpirun jobs.txt --time-limit 5m
    contains out '-np 6 [^ ]* --time-limit=90s --time-limit=5m jobs.txt$'
    echo 'JobId=7 RunTime=00:00:20 TimeLimit=UNLIMITED' >scontrol
    launch_run --show-mpirun jobs.txt
    contains out '-np 6 [^ ]*jobsched jobs.txt$'
    SLURM_TASKS_PER_NODE=2 SLURM_NTASKS=1 launch_run --show-mpirun jobs.txt
    contains out '-np 2 '
    lacks err 'component'
    SLURM_CPUS_PER_TASK=4 launch_run --show-mpirun jobs.txt
    contains out '-np 6 [^ ]*jobsched --slots=4 jobs.txt$'
    SLURM_CPUS_PER_TASK=1 launch_run --show-mpirun jobs.txt
    contains out '-np 6 [^ ]*jobsched jobs.txt$'
    SLURM_HET_SIZE=3 launch_run --show-mpirun jobs.txt
    contains err '^jobsched: this Slurm job has 3 components, but .* only one'
    SLURM_TASKS_PER_NODE=many launch_run --show-mpirun jobs.txt
    status_is 2
    contains err '^jobsched: SLURM_TASKS_PER_NODE=many '
}

@test "launch: on many nodes a slave has the slots of several" {
    seq 63 | sed 's/.*/n& slots=4/' >hosts
    launch_run --show-mpirun --hostfile hosts jobs.txt
    contains out '-np 253 [^ ]*jobsched jobs.txt$'
    equal "$(cat err)" ''
    echo n64:4 >>hosts
    launch_run --show-mpirun --hostfile hosts jobs.txt
    contains out 'n1:2,n2:1,.*,n64:1 .*-np 65 [^ ]*jobsched --slots=4 jobs.txt$'
    contains err '64 slaves of 4 slots take the place of 256 slaves'
    # All slaves have the same number of slots.
    echo 'n65 slots=6' >>hosts
    launch_run --show-mpirun --hostfile hosts jobs.txt
    contains out 'n1:3,n2:2,.*,n65:3 .*-np 132 [^ ]*jobsched --slots=2 jobs.txt$'
    # A slave starts its jobs one after another, so it gets 16 slots at most.
    seq 64 | sed 's/.*/n& slots=10000/' >huge
    launch_run --show-mpirun --hostfile huge jobs.txt
    contains out 'n1:626,n2:625,.* -np 40001 [^ ]*jobsched --slots=16 jobs.txt$'
    # An explicit request takes precedence.
    launch_run --show-mpirun --hostfile hosts --slots 4 jobs.txt
    contains out '-np 263 [^ ]*jobsched --slots=4 jobs.txt$'
    launch_run --show-mpirun --hostfile hosts -n 70 jobs.txt
    contains out '-np 71 [^ ]*jobsched jobs.txt$'
    equal "$(cat err)" ''
}

@test "launch: so it is in a Slurm job" {
    export SLURM_JOB_ID=7 'SLURM_TASKS_PER_NODE=128(x63)'
    launch_run --show-mpirun jobs.txt
    contains out '^[^ ]*mpirun.* -np 8065 [^ ]*jobsched jobs.txt$'
    export 'SLURM_TASKS_PER_NODE=128(x64),64,64,128'
    launch_run --show-mpirun jobs.txt
    contains out "^env 'SLURM_TASKS_PER_NODE=8\\(x64\\),4\\(x2\\),8' [^ ]*mpirun.* -np 529 [^ ]*jobsched --slots=16 jobs.txt\$"
    # Each task has several CPUs.
    SLURM_CPUS_PER_TASK=3 launch_run --show-mpirun jobs.txt
    contains out '-np 2113 [^ ]*jobsched --slots=12 jobs.txt$'
    SLURM_CPUS_PER_TASK=100 launch_run --show-mpirun jobs.txt
    contains out '^[^ ]*mpirun.* -np 8449 [^ ]*jobsched --slots=100 jobs.txt$'
    SLURM_CPUS_PER_TASK=3 launch_run --show-mpirun jobs.txt --slots 2
    contains out '^[^ ]*mpirun.* -np 8449 [^ ]*jobsched --slots=2 jobs.txt$'
    # Slurm grants whole cores, which are more than requested.
    SLURM_NTASKS=8000 launch_run --show-mpirun jobs.txt
    contains out '^[^ ]*mpirun.* -np 8001 [^ ]*jobsched jobs.txt$'
    # In a step, the counts are not those of the step's tasks.
    export SLURM_STEP_ID=0 'SLURM_JOB_CPUS_PER_NODE=128(x64)'
    launch_run --show-mpirun jobs.txt
    contains out '^[^ ]*mpirun.* -np 8193 [^ ]*jobsched jobs.txt$'
}

# bats test_tags=mpis
@test "launch: in a world of one" {
    echo 'echo "$JOBSCHED_SLAVE"' | sed p >jobs.txt
    farm 0 jobs.txt -n 2 --show-map
    status_is 0
    contains err 'slave 2 on .* CPUs'
    # The world of one was bound to a core; its run is not.
    equal "$(sed -n 's/.*CPUs //p' err | sort -u | wc -l)" \
        "$(($(cores_here) > 1 ? 2 : 1))"
}

@test "launch: what is for mpirun is refused under it, and a bad hostfile by its line" {
    echo true >jobs.txt
    farm 1 jobs.txt -n 2
    status_is 2
    contains err '^jobsched: -n, --hostfile.* without mpirun'
    printf '# mine\nlocalhost slots=many\n' >hosts
    launch_run --hostfile hosts jobs.txt
    status_is 2
    contains err '^jobsched: hosts:2: the slots of host "localhost"'
    printf 'localhost slots=1\n-oProxyCommand=x slots=1\n' >hosts
    launch_run --hostfile hosts jobs.txt
    status_is 2
    contains err '^jobsched: hosts:2: "-oProxyCommand=x" is not a valid host name'
    echo here >hosts
    launch_run --hostfile hosts jobs.txt
    status_is 2
    contains err '^jobsched: hosts .*"here slots=4".* -n'
    launch_run --hostfile nowhere jobs.txt
    status_is 2
    contains err '^jobsched: cannot read the hostfile nowhere: No such file'
    JOBSCHED_MPIRUN=/no/mpirun launch_run jobs.txt
    status_is 4
    contains err '^jobsched: cannot start /no/mpirun: No such file.*JOBSCHED_MPIRUN'
    equal "$(wc -l <err)" 1
}

# bats test_tags=mpis
@test "launch: a hostfile's slots are slaves, and the master is one rank more" {
    echo 'echo "$JOBSCHED_SLAVE"' >jobs.txt
    echo 'localhost slots=2 # cores' >hosts
    launch_run --hostfile hosts --show-map jobs.txt
    status_is 0
    equal "$(grep -c '^jobsched: slave' err)" 2
    # As PBS has it.
    printf 'localhost\n' | sed 'p;p' >hosts
    launch_run --hostfile hosts --show-map --fresh jobs.txt
    status_is 0
    equal "$(grep -c '^jobsched: slave' err)" 3
}

# bats test_tags=mpis
@test "launch: the first ^C lets jobs end, the second ends them" {
    printf 'echo >began.%d; %s; echo %d\n' 1 "$HOLD" 1 2 "sleep 1000" 2 \
        3 true 3 >jobs.txt
    # A group of its own, as a shell with a terminal makes for it.
    set -m
    launch_start -n 2 jobs.txt
    set +m
    wait_until "$PATIENCE" exists began.1
    wait_until "$PATIENCE" exists began.2
    kill -INT -- "-$FARM"
    wait_until "$PATIENCE" contains err '^jobsched: \^C: no more jobs are started'
    touch go
    wait_until "$PATIENCE" grep -q 1 out
    claim test ! -e began.3
    kill -INT -- "-$FARM"
    farm_end
    status_is 3
    wait_until "$PATIENCE" none_marked
    equal "$(ls -A tmp)" ''
    # What was ended runs again.
    sed -i 's/sleep 1000/true/' jobs.txt
    launch_run -n 2 jobs.txt
    status_is 0
    equal "$(sort out | xargs)" '2 3'
}

# bats test_tags=mpis
@test "launch: SIGTERM stops the run, and SIGUSR1 lets what runs end" {
    printf 'echo >began; %s\ntrue\n' "$HOLD" >jobs.txt
    launch_start -n 1 jobs.txt
    wait_until "$PATIENCE" exists began
    kill -TERM "$FARM"
    farm_end
    status_is 3
    nothing_left
    rm began
    launch_start -n 1 jobs.txt
    wait_until "$PATIENCE" exists began
    kill -USR1 "$FARM"
    touch go
    farm_end
    status_is 3
    contains err ' 1 done, .* 1 left'
}

# bats test_tags=mpis
@test "launch: nothing outlives a launcher that is killed" {
    echo 'echo >began; sleep 1000' >jobs.txt
    launch_start -n 1 jobs.txt
    wait_until "$PATIENCE" exists began
    kill -KILL "$FARM"
    wait_until "$PATIENCE" none_marked
    status=0
    wait "$FARM" || status=$?
    FARM=
    status_is 137
}

# bats test_tags=mpis
@test "launch: a slave that is killed costs its job, and mpirun may hang then" {
    printf '#!/bin/sh\n%s "$@"\nexec sleep 1000\n' "$MPIRUN" >hanging
    chmod +x hanging
    printf 'echo >>began.%d; %s; echo %d\n' 1 "$HOLD" 1 2 "$HOLD" 2 3 true 3 \
        >jobs.txt
    # Where the loss ends the run, another is started when mpirun has ended.
    [[ ${#RECOVERING[@]} -eq 0 ]] || export JOBSCHED_MPIRUN=$PWD/hanging
    launch_start -n 2 --slave-timeout $((2 * JS_PATIENCE)) --grace 0.2 jobs.txt
    wait_until "$PATIENCE" exists began.1
    wait_until "$PATIENCE" exists began.2
    kill -KILL "$(launched_rank 1)"
    touch go
    farm_end
    status_is 0
    equal "$(said_by_jobs out | sort | xargs)" '1 2 3'
}

# bats test_tags=mpis
@test "launch: a run whose master is killed goes on, and not more often than told" {
    printf 'echo >>began.%d; %s; echo %d\n' 1 "$HOLD" 1 2 true 2 >jobs.txt
    launch_start -n 1 --restarts 1 --slave-timeout $((2 * JS_PATIENCE)) --grace 0.2 jobs.txt
    wait_until "$PATIENCE" exists began.1
    kill -KILL "$(launched_rank 0)"
    wait_until "$PATIENCE" has_lines began.1 2 ''
    contains err 'restarting it from its journal with 1 slaves? \(restart 1 of 1\)'
    touch go
    farm_end
    status_is 0
    equal "$(said_by_jobs out | sort | xargs)" '1 2'
    rm go began.1
    launch_start -n 1 --restarts 0 --fresh --slave-timeout $((2 * JS_PATIENCE)) --grace 0.2 jobs.txt
    wait_until "$PATIENCE" exists began.1
    kill -KILL "$(launched_rank 0)"
    farm_end
    status_is 4
    contains err '^jobsched: the run broke off.*run the same command again'
}

@test "launch: a restart reads the list in the same format" {
    printf '%s\n' "echo >>began.1; $HOLD" '# 2' '[# 1 #] echo third' >tasks.txt
    launch_start -n 1 --from greasy --slave-timeout $((2 * JS_PATIENCE)) --grace 0.2 tasks.txt
    wait_until "$PATIENCE" exists began.1
    kill -KILL "$(launched_rank 0)"
    wait_until "$PATIENCE" has_lines began.1 2 ''
    touch go
    farm_end
    status_is 0
    equal "$(said_by_jobs out)" third
    equal "$(grep -c ' format greasy$' tasks.txt.journal)" 2
}

# A restart is the same run going on.
@test "launch: what has failed is not run again by a restart, and counts" {
    echo 'echo x >>ran; false' >jobs.txt
    launch_run -n 1 jobs.txt
    status_is 1
    # x has failed, but not in this command.
    printf '%s\n' 'echo 1 >>ran; false' "echo 2 >>ran; $HOLD" \
        'echo x >>ran; false' 'echo 3 >>ran' >jobs.txt
    launch_start -n 1 --max-failures 2 --slave-timeout $((2 * JS_PATIENCE)) --grace 0.2 jobs.txt
    wait_until "$PATIENCE" has_lines ran 1 2
    kill -KILL "$(launched_rank 0)"
    wait_until "$PATIENCE" has_lines ran 2 2
    touch go
    farm_end
    status_is 1
    contains err 'restarting it from its journal'
    equal "$(xargs <ran)" 'x 1 2 2 x'
}

# The first master is killed as it is about to move the old journal.
@test "launch: --fresh holds until the old journal is aside" {
    need_ptrace
    cat >dying <<RUN
#!/bin/bash
words=()
for word; do
    # So that the loss of the master ends all of them.
    [[ -e died || ' ${RECOVERING[*]} ' != *" \$word "* ]] || continue
    [[ -e died || \$word != */jobsched ]] ||
        words+=(sh -c 'test "\$$RANK_VARIABLE" = 0 || exec "\$0" "\$@"
            exec strace -D -o strace.out -P jobs.txt.journal \
                -e inject=rename,renameat2:signal=KILL "\$0" "\$@"')
    words+=("\$word")
done
touch died
exec $MPIRUN "\${words[@]}"
RUN
    chmod +x dying
    echo 'echo a >>ran' >jobs.txt
    launch_run -n 1 jobs.txt
    status_is 0
    export JOBSCHED_MPIRUN=$PWD/dying
    launch_run -n 1 --fresh --slave-timeout $((2 * JS_PATIENCE)) --grace 0.2 jobs.txt
    status_is 0
    contains strace.out 'KILL'
    contains err 'restarting it from its journal'
    equal "$(xargs <ran)" 'a a'
}

@test "launch: --fresh does not start over twice, and the time limit goes on" {
    printf '%s\n' 'echo a >>ran' "echo b >>ran; $HOLD" >jobs.txt
    launch_start -n 1 --fresh --time-limit 1000s --slave-timeout $((2 * JS_PATIENCE)) \
        --grace 0.2 jobs.txt
    wait_until "$PATIENCE" has_lines ran 1 b
    kill -KILL "$(launched_rank 0)"
    wait_until "$PATIENCE" has_lines ran 2 b
    contains "/proc/$(launched_rank 0)/cmdline" '--time-limit=9[0-9][0-9]\.'
    lacks "/proc/$(launched_rank 0)/cmdline" '--time-limit=1000'
    touch go
    farm_end
    status_is 0
    equal "$(xargs <ran)" 'a b b'
}

# It counts from the start of the command on.
@test "launch: no restart when the time limit is used up" {
    printf '#!/bin/sh\necho >started; %s\nexec %s "$@"\n' "$HOLD" "$MPIRUN" >slow
    chmod +x slow
    echo 'echo >began; exec sleep 1000' >jobs.txt
    export JOBSCHED_MPIRUN=$PWD/slow
    launch_start -n 1 --time-limit "$((5 * JS_PATIENCE))s" --slave-timeout $((2 * JS_PATIENCE)) --grace 0.2 jobs.txt
    wait_until "$PATIENCE" exists started
    sleep "$((5 * JS_PATIENCE))" # all of it
    touch go
    wait_until "$PATIENCE" exists began
    kill -KILL "$(launched_rank 0)"
    farm_end
    status_is 3
    contains err 'its time limit leaves no time for a restart'
    lacks err 'restarting it from its journal'
}

# scontrol is played.
@test "launch: no restart when Slurm's time limit leaves no time" {
    mkdir bin
    printf '#!/bin/sh\ncat scontrol\n' >bin/scontrol
    chmod +x bin/scontrol
    export PATH=$PWD/bin:$PATH SLURM_JOB_ID=7 SLURM_TASKS_PER_NODE=1
    export OMPI_MCA_ras=^slurm OMPI_MCA_plm=^slurm PRTE_MCA_ras=^slurm \
        PRTE_MCA_plm=^slurm
    echo 'JobId=7 RunTime=00:00:00 TimeLimit=01:00:00' >scontrol
    echo 'echo >began; exec sleep 1000' >jobs.txt
    launch_start -n 1 --slave-timeout $((2 * JS_PATIENCE)) --grace 100 jobs.txt
    wait_until "$PATIENCE" exists began
    echo 'JobId=7 RunTime=00:58:30 TimeLimit=01:00:00' >scontrol
    kill -KILL "$(mpirun_pid)" "$(launched_rank 0)"
    farm_end
    status_is 3
    contains err 'its time limit leaves no time for a restart'
}

@test "launch: a run without lease is not restarted" {
    echo "echo >>began; $HOLD" >jobs.txt
    launch_start -n 1 --slave-timeout 0 --grace 0.2 jobs.txt
    wait_until "$PATIENCE" exists began
    kill -KILL "$(mpirun_pid)"
    farm_end
    status_is 4
    lacks err 'restarting it from its journal'
    # When its processes are known to be gone the same command goes on.
    wait_until "$PATIENCE" none_marked
    touch go
    launch_run -n 1 --slave-timeout 0 jobs.txt
    status_is 0
    equal "$(wc -l <began)" 2
}

# bats test_tags=mpis
@test "launch: over hosts, one of which is cut off in the middle" {
    hosts_up 3
    printf '%s slots=1\n' h1 h2 h3 >hostlist
    for i in 1 2 3 4 5; do
        echo "echo >>began.$i; $HOLD; echo $i \"\$(hostname)\""
    done >jobs.txt
    launch_on_hosts --hostfile hostlist --slave-timeout $((3 * JS_PATIENCE)) --grace 0.5 \
        --show-map jobs.txt
    farm_run_in_background
    for i in 1 2 3; do wait_until "$PATIENCE" exists "began.$i"; done
    cut_off h3
    touch go
    farm_end
    status_is 0
    equal "$(cut -d ' ' -f 1 out | sort -u | xargs)" '1 2 3 4 5'
    contains out 'h1$'
    contains out 'h2$'
}

# The launcher on h1, the master on h2: what is read and written passes between.
launch_with_master_away() { # REDIRECTION ARGUMENT...
    printf '%s slots=1\n' h2 h1 >hostlist
    launch_on_hosts "${@:2}"
    COMMAND=("${COMMAND[@]:0:${#COMMAND[@]}-$#}" sh -c "exec \"\$0\" \"\$@\" $1"
        "$JOBSCHED" --hostfile hostlist "${@:2}")
}

# bats test_tags=mpis
@test "launch: a stream to a master on another host arrives whole, and its end" {
    need_open_mpi_4 'its mpirun damages a stream to a master on another host, which is refused'
    hosts_up 2
    # More than there is room for on the way; a NUL is where it was.
    seq 3000 | sed 's/.*/echo &; exit 0 # some more bytes of each line/' >list
    printf 'hostname >where\necho "end"' >>list
    launch_with_master_away '<list' -
    farm_run
    status_is 0
    equal "$(grep -v end out | sort -n | tail -n 1)" 3000
    equal "$(wc -l <out)" 3001
    contains err 'standard input: .*last line .*newline'
    printf 'true\nfalse\necho a\0b\n' >list
    launch_with_master_away '<list' -
    farm_run
    status_is 2
    contains err 'standard input:3:7: NUL'
    # mpirun is killed within a line.
    mkfifo pipe
    exec 7<>pipe
    launch_with_master_away '' pipe
    farm_run_in_background
    echo 'touch begun' >&7
    printf 'touch ran; exit; /old/tmp' >&7
    wait_until "$PATIENCE" exists begun
    kill -KILL "$(pgrep -x "$LAUNCHER_NAME" -P "$(pgrep -x jobsched -P "$FARM")")"
    farm_end
    exec 7>&-
    status_is 4
    contains err 'there is no journal, .*start over$'
    nothing_left
    claim test ! -e ran
}

says_throughout() { # STATUS
    status_is "$1"
    contains jobs.txt.journal " end $1 "
    contains err 'standard output: .*output of jobs .* may be missing'
    nothing_left
}

# bats test_tags=mpis
@test "launch: output of a master on another host that cannot be written" {
    hosts_up 2
    printf 'echo %s; sleep 0.05\n' $(seq 400) >jobs.txt
    launch_with_master_away '>/dev/full' jobs.txt
    farm_run
    says_throughout 4
    mkfifo pipe
    head -n 1 pipe >first &
    launch_with_master_away '>pipe' --fresh jobs.txt
    farm_run
    wait $!
    says_throughout 3
    equal "$(wc -l <first)" 1
}

# The run is over before its launcher has tried to write a byte.
# bats test_tags=mpis
@test "launch: output of a master on another host that cannot be written at its end" {
    hosts_up 2
    printf 'echo one\n' >jobs.txt
    mkfifo pipe
    local hosts
    # mpirun may have rank 0 here all the same.
    for hosts in 'h2 slots=2' $'h2 slots=1\nh1 slots=1'; do
        launch_with_master_away '>/dev/full' --fresh jobs.txt
        echo "$hosts" >hostlist
        farm_run
        says_throughout 4
        head -c 0 pipe &
        launch_with_master_away '>pipe' --fresh jobs.txt
        echo "$hosts" >hostlist
        farm_run
        wait $!
        says_throughout 3
        launch_with_master_away '' --fresh jobs.txt
        echo "$hosts" >hostlist
        farm_run
        status_is 0
        contains jobs.txt.journal ' end 0 '
        equal "$(cat out)" one
    done
}

# bats test_tags=mpis
@test "launch: a host that cannot be reached is named, and nothing has run" {
    hosts_up 2
    printf '%s slots=1\n' h1 h2 >hostlist
    ip link set "js${HOSTS_ID}v2" down
    kill -KILL "$(cat "$HOSTS_DIR/h2.pid")"
    echo 'echo ran' >jobs.txt
    launch_on_hosts --hostfile hostlist jobs.txt
    farm_run
    status_is 4
    contains err "jobsched: $MPIRUN cannot reach host h2\$" # Open MPI 5 may leave its line open
    lacks err 'host h1'
    contains err 'no job was started$'
    lacks out ran
}

# As a container service makes one on each host.
add_bridge() { # HOST
    nsenter -t "$(cat "$HOSTS_DIR/$1.pid")" --net sh -c 'ip link add docker0 type bridge &&
        ip addr add 172.17.0.1/16 dev docker0 && ip link set docker0 up'
}

# Each takes the other's address there for its own, and MPI_Init never returns.
@test "launch: a bridge with the same address on both hosts is named, and the start ends" {
    need_open_mpi_4
    hosts_up 2
    add_bridge h1
    add_bridge h2
    printf '%s slots=1\n' h1 h2 >hostlist
    echo 'echo ran' >jobs.txt
    reach_by "$HOSTS_DIR/rsh" 10.77.0.0/24
    on_host h1 env "JS_MARK=$MARK" "${REACH[0]}" "${REACH[1]}" \
        "$JOBSCHED" --start-timeout "$((5 * JS_PATIENCE))s" --hostfile hostlist jobs.txt
    farm_run
    status_is 4
    contains err '^jobsched: .*network bridge docker0.*btl_tcp_if_exclude=127.0.0.1/8,docker0$'
    lacks err 'trying once more'
    lacks out ran
    claim none_marked
    # As it says there.
    on_host h1 env "JS_MARK=$MARK" "${REACH[0]}" "${REACH[1]}" \
        OMPI_MCA_btl_tcp_if_exclude=127.0.0.1/8,docker0 \
        "$JOBSCHED" --hostfile hostlist jobs.txt
    farm_run
    status_is 0
    equal "$(cat out)" ran
}

# What it has to say is in the jobs' folder then, which is the same everywhere.
# bats test_tags=mpis
@test "launch: the master on another host than jobsched itself" {
    hosts_up 2
    echo h2 slots=2 >hostlist
    printf "echo >began; $HOLD; exit %d\n" 0 1 >jobs.txt
    launch_on_hosts --hostfile hostlist jobs.txt
    farm_run_in_background
    wait_until "$PATIENCE" exists began
    is_on_host "$(launched_rank 0)" h2
    touch go
    farm_end
    status_is 1
    contains err '2 jobs: 1 done, 1 failed'
    equal "$(find . -maxdepth 1 -name '.jobsched*')" ''
}

# mpirun passes another signal on, and the launcher has said which one it was.
@test "launch: the master on another host: ^C is told as ^C, once" {
    hosts_up 2
    echo h2 slots=1 >hostlist
    printf "echo >began.%d; $HOLD\n" 1 2 >jobs.txt
    launch_on_hosts --hostfile hostlist jobs.txt
    farm_run_in_background
    wait_until "$PATIENCE" exists began.1
    kill -INT "$(ranks_on h1)"
    wait_until "$PATIENCE" contains err '\^C: no more jobs are started; .*\^C again'
    touch go
    farm_end
    status_is 3
    equal "$(grep -c 'no more jobs are started' err)" 1
    contains err '^jobsched: stopped by \^C; 1 job (is|are) left'
    lacks err SIGUSR
    rm go began.*
    launch_on_hosts --hostfile hostlist jobs.txt
    farm_run_in_background
    wait_until "$PATIENCE" exists began.2
    kill -HUP "$(ranks_on h1)"
    farm_end
    status_is 3
    contains err '^jobsched: stopped by SIGHUP; 1 job (is|are) left'
}

# Four jobs on h2, where the master is, and h3, from h1. Then h2 is lost for
# good: no daemon, no rank, and nobody who lets one in. mpirun of Open MPI 4.1.4
# waits for ever then.
lose_master_host() { # SLAVE_TIMEOUT
    hosts_up 3
    printf '%s slots=2\n' h2 h3 >hostlist
    for i in 1 2 3 4; do
        echo "echo >>began.$i; $HOLD; echo $i \"\$JOBSCHED_NODE\""
    done >jobs.txt
    launch_on_hosts --hostfile hostlist --slave-timeout "$1" --grace 0.3 jobs.txt
    farm_run_in_background
    for i in 1 2 3 4; do wait_until "$PATIENCE" exists "began.$i"; done
    is_on_host "$(launched_rank 0)" h2
    local gone
    LAUNCHER=$(ranks_on h1)
    gone=$(orted_on h2; ranks_on h2)
    # shellcheck disable=SC2086 # one process id a word
    kill -KILL "$(cat "$HOSTS_DIR/h2.pid")" $gone
}

@test "launch: the master's host is lost, and the run goes on on the others" {
    lose_master_host 2
    touch go
    farm_end
    status_is 0
    # Open MPI 5 misses its daemon, ends by itself, and leaves its line open.
    [[ $MPI == 'Open MPI 5.'* ]] ||
        contains err '^jobsched: the master has been silent for [0-9]+ s'
    contains err 'cannot reach host h2$'
    contains err 'restarting it from its journal with 2 slaves'
    equal "$(sort out | xargs)" '1 h3 2 h3 3 h3 4 h3'
}

# Who never gives up a slave does not give up the master either.
@test "launch: the master's host is lost: ^C ends mpirun, and --force-lock goes on" {
    lose_master_host 0
    kill -INT "$LAUNCHER"
    wait_until "$PATIENCE" contains err '\^C: no more jobs are started; .*\^C again'
    kill -INT "$LAUNCHER"
    farm_end
    status_is 4
    contains err 'jobsched: the run broke off.*run the same command again'
    echo h3 slots=2 >hostlist
    touch go
    launch_on_hosts --hostfile hostlist --force-lock jobs.txt
    farm_run
    status_is 0
    equal "$(sort out | xargs)" '1 h3 2 h3 3 h3 4 h3'
}

# bats test_tags=mpis
@test "launch: an mpirun of another MPI first in PATH is named, and the one that is wanted" {
    mkdir -p "other bin"
    cat >"other bin/${MPIRUN##*/}" <<'OTHER'
#!/bin/sh
if [ "$1" = --version ]; then
    printf 'HYDRA build details:\n    Version:      %s\n' 9.9.9
    exit
fi
echo 'unrecognized argument' >&2
exit 255
OTHER
    [[ $MPI != MPICH* ]] || cat >"other bin/${MPIRUN##*/}" <<'OTHER'
#!/bin/sh
[ "$1" != --version ] || exec echo 'mpirun (Open MPI) 9.9.9'
exit 1
OTHER
    chmod +x "other bin/${MPIRUN##*/}"
    echo 'echo one' >jobs.txt
    PATH="$PWD/other bin:$PATH" run -4 --separate-stderr "$JOBSCHED" -n 1 jobs.txt
    # shellcheck disable=SC2154 # of run
    contains <(echo "$stderr") "^jobsched: $PWD/other bin/${MPIRUN##*/} belongs to (MPICH|Open MPI) 9.9.9, but jobsched was built with $MPI: "
    # The right one, which fails for a reason of its own, is no other.
    JOBSCHED_MPIRUN=$(command -v "$MPIRUN") run --separate-stderr \
        "$JOBSCHED" -n 1 /no/such/list
    lacks <(echo "$stderr") 'built with'
}
