#!/usr/bin/env bats
# The launcher: whatever it is told and whoever is killed, a run ends as
# documented, and nothing of it is left on this host.

load common

teardown() {
    farm_teardown
}

# jobsched alone; its process is $FARM. TMPDIR is ./tmp.
launch() { # ARGUMENT...
    mkdir -p tmp
    COMMAND=("${FRONT[@]}" env "JS_MARK=$MARK" TMPDIR="$PWD/tmp" "$JOBSCHED" "$@")
    farm_run_in_background
}

FRONT=(env '--default-signal=INT,HUP,QUIT')

# The launcher's own.
folder_of_launcher() {
    tr '\0' '\n' <"/proc/$(launched_mpirun)/environ" |
        sed -n 's/^JOBSCHED_LAUNCHER=//p'
}

launched_mpirun() {
    pgrep -P "$FARM" -x "$LAUNCHER_NAME"
}

end_status() {
    tail -n 1 jobs.txt.journal | awk '$2 == "end" { print $3 }'
}

is_in_state() { # PID STATE
    [[ $(sed -n 's/^State:[[:space:]]*\(.\).*/\1/p' "/proc/$1/status") == "$2" ]]
}

# None is pending: it has been in a handler for each.
has_taken_signals() { # PID
    ! grep -qE '^(SigPnd|ShdPnd):.*[1-9a-f]' "/proc/$1/status"
}

# ---------------------------------------------------------------- signals

# Open MPI ends its ranks by force at the second one, and then the journal has
# no end. Closing a terminal sends two.
# bats test_tags=mpis
@test "ending: signals that come again and again leave a run that ends as documented" {
    local signal
    for signal in HUP TERM; do
        rm -f told began go jobs.txt.journal
        printf '%s\n' "trap 'echo >>told' TERM; echo >began; $HOLD" true >jobs.txt
        launch -n 1 --grace 600 jobs.txt
        wait_until "$PATIENCE" exists began
        kill "-$signal" "$FARM"
        wait_until "$PATIENCE" exists told
        kill "-$signal" "$FARM"
        wait_until "$PATIENCE" has_taken_signals "$FARM"
        kill "-$signal" "$FARM"
        wait_until "$PATIENCE" has_taken_signals "$FARM"
        turns 20 "$(launched_rank 0)"
        claim kill -0 "$FARM"
        touch go
        farm_end
        status_is 3
        equal "$(end_status)" 3
        contains err "stopped by SIG$signal; 2 jobs (is|are) left: .*the same command"
        equal "$(wc -l <told)" 1
        claim none_marked
        equal "$(ls -A tmp)" ''
    done
}

# bats test_tags=mpis
@test "ending: ^C is one line of ours, the second ends what runs, more only take the grace" {
    printf '%s\n' "trap 'echo >>told' TERM; echo >began; $HOLD" true >jobs.txt
    launch -n 1 --grace 600 jobs.txt
    wait_until "$PATIENCE" exists began
    kill -INT "$FARM"
    wait_until "$PATIENCE" contains err '^jobsched: \^C: no more jobs are started'
    equal "$(wc -l <err)" 1
    kill -INT "$FARM"
    wait_until "$PATIENCE" exists told
    kill -INT "$FARM"
    farm_end
    status_is 3
    equal "$(end_status)" 3
    contains err 'stopped by \^C; 2 jobs (is|are) left'
    # What the job's own shell says of its sleep; none of mpirun's.
    equal "$(grep -vE '^(jobsched: .*|Terminated)$' err)" ''
    claim none_marked
}

# What it waits for is then the reader of a pipe.
@test "ending: a reader that has stopped does not keep a run that was told to end" {
    printf '%s\n' 'head -c 3000000 /dev/zero' "touch began; $HOLD" >jobs.txt
    mkfifo slow
    exec 7<>slow
    mkdir -p tmp
    COMMAND=("${FRONT[@]}" env "JS_MARK=$MARK" TMPDIR="$PWD/tmp" "$JOBSCHED"
        -n 2 --grace 0.1 jobs.txt)
    "${COMMAND[@]}" >slow 2>err 3>&- 7>&- &
    FARM=$!
    wait_until "$PATIENCE" exists began
    kill -TERM "$FARM"
    farm_end
    exec 7>&-
    status_is 3
    equal "$(end_status)" 3
    claim none_marked
}

# As nohup(1) has it, and a shell for what it puts in the background. The
# kernel keeps such a signal for who has blocked it.
# bats test_tags=mpis
@test "ending: a signal that was ignored at the start stays ignored, but not in jobs" {
    printf '%s\n' "echo >began; $HOLD" \
        "sh -c 'kill -HUP \$\$'; test \$? = 129 && sh -c 'kill -INT \$\$'; test \$? = 130" \
        >jobs.txt
    FRONT=(env '--ignore-signal=HUP,INT')
    launch -n 1 jobs.txt
    wait_until "$PATIENCE" exists began
    kill -HUP "$FARM"
    kill -INT "$FARM"
    touch go
    farm_end
    status_is 0
    equal "$(end_status)" 0
    contains err '2 jobs: 2 done'
}

# A master that comes up meanwhile is ended by mpirun before it can say so.
# bats test_tags=mpis
@test "ending: who is told to stop before the master has begun says so" {
    local signal
    printf '#!/bin/sh\necho >started\nexec sleep 1000\n' >slow
    chmod +x slow
    echo 'echo >ran' >jobs.txt
    export JOBSCHED_MPIRUN=$PWD/slow
    for signal in INT HUP TERM USR1; do
        rm -f started
        launch -n 1 jobs.txt
        wait_until "$PATIENCE" exists started
        kill "-$signal" "$FARM"
        farm_end
        status_is 3
        contains err "^jobsched: stopped by (\^C|SIG$signal) before the master was ready\$"
        equal "$(grep -c jobsched: err)" 1
        claim none_marked
    done
    claim test ! -e ran
}

# bats test_tags=mpis
@test "ending: ^Z holds what is printed and started, and longer than the lease loses nothing" {
    local i
    for i in 1 2; do echo "echo >began.$i; $HOLD; echo >ended.$i; echo $i"; done >jobs.txt
    for i in $(seq 3 8); do echo "echo >began.$i; echo $i"; done >>jobs.txt
    # In a group of its own, as a shell starts it: nothing stops a group without
    # a parent in its session.
    set -m
    launch -n 2 --slave-timeout $((2 * JS_PATIENCE)) --grace 0.2 jobs.txt
    set +m
    wait_until "$PATIENCE" exists began.1
    wait_until "$PATIENCE" exists began.2
    kill -TSTP "$FARM"
    wait_until "$PATIENCE" is_in_state "$FARM" T
    touch go
    wait_until "$PATIENCE" exists ended.1
    wait_until "$PATIENCE" exists ended.2
    sleep "$((3 * JS_PATIENCE))"
    claim test ! -e began.3
    claim test ! -s out
    claim test ! -s err
    kill -CONT "$FARM"
    farm_end
    status_is 0
    equal "$(sort out | xargs)" '1 2 3 4 5 6 7 8'
    lacks err 'given up|sent nothing for|restart'
}

# ---------------------------------------------------------------- the master

# With the leases as they are by default it would take more than half a minute.
# bats test_tags=mpis
@test "ending: a master that is killed is missed at once" {
    echo "echo >began; $HOLD" >jobs.txt
    launch -n 1 --restarts 0 --slave-timeout 600 jobs.txt
    wait_until "$PATIENCE" exists began
    kill -KILL "$(launched_rank 0)"
    farm_end
    status_is 4
    contains err '^jobsched: the run broke off.*run the same command again'
    claim none_marked
}

# bats test_tags=mpis
@test "ending: a master that is killed where there are no leases" {
    echo "echo >began; $HOLD" >jobs.txt
    launch -n 1 --slave-timeout 0 jobs.txt
    wait_until "$PATIENCE" exists began
    kill -KILL "$(launched_rank 0)"
    farm_end
    status_is 4
    contains err 'broke off .*: run the same command again when none of its jobs is running any more; .*--force-lock'
    claim none_marked
}

# Rank 1 does not begin before the file `open` is there, so that MPI does not
# come up.
hold_rank_1() {
    # shellcheck disable=SC2016 # of the scripts
    {
        printf '#!/bin/sh\ncase $%s in 1) until test -e open; do sleep 0.02; done ;; esac\n' "$RANK_VARIABLE"
        echo "exec $JOBSCHED \"\$@\""
    } >gate
    cat >gated <<EOF
#!/bin/bash
for argument; do
    [[ \$argument != '$JOBSCHED' ]] || argument='$PWD/gate'
    arguments+=("\$argument")
done
exec $MPIRUN "\${arguments[@]}"
EOF
    chmod +x gate gated
    FRONT+=("JOBSCHED_MPIRUN=$PWD/gated")
}

# MPI_Init of the others would wait for it for ever.
# bats test_tags=mpis
@test "ending: a master that is killed while MPI comes up" {
    hold_rank_1
    echo 'echo >ran' >jobs.txt
    launch -n 2 --start-timeout 600 --restarts 0 jobs.txt
    wait_until "$PATIENCE" eval 'launched_rank 0 >pid'
    kill -KILL "$(cat pid)"
    touch open
    farm_end
    status_is 4
    claim test ! -e ran
    claim none_marked
}

# Nothing has run so far, and it may be that one time only.
@test "ending: after a master that was lost before it was ready there is one more try" {
    hold_rank_1
    printf '%s\n' 'echo >>ran' 'echo two' >jobs.txt
    launch -n 2 --start-timeout 600 --no-journal jobs.txt
    wait_until "$PATIENCE" eval 'launched_rank 0 >pid'
    kill -KILL "$(cat pid)"
    touch open
    farm_end
    status_is 0
    contains err '^jobsched: the run broke off before the master was ready, so no job was started: trying once more'
    contains err '2 jobs: 2 done'
    equal "$(cat out)" two
    equal "$(wc -l <ran)" 1
    claim none_marked
}

# The journal is a witness where no word arrives at all.
@test "ending: a run that has come to its end, and cannot say so, ends as its journal" {
    # shellcheck disable=SC2016 # of the script
    {
        echo '#!/bin/sh'
        echo 'export JOBSCHED_LAUNCHER=/nowhere JOBSCHED_STATUS_FILE=/nowhere/status'
        echo "exec $MPIRUN \"\$@\""
    } >mute
    chmod +x mute
    printf 'echo %d\n' 1 2 3 >jobs.txt
    FRONT+=("JOBSCHED_MPIRUN=$PWD/mute")
    launch -n 1 jobs.txt
    farm_end
    status_is 0
    equal "$(sort out | xargs)" '1 2 3'
    echo false >>jobs.txt
    launch -n 1 jobs.txt
    farm_end
    status_is 1
    # Without one nobody can know.
    launch -n 1 --no-journal jobs.txt
    farm_end
    status_is 4
}

# ---------------------------------------------------------------- what stays

# A journal that is removed then is not written anew.
# bats test_tags=mpis
@test "ending: mpirun is killed, and the launcher ends when all of the run have" {
    echo "trap '' TERM; echo >began; $HOLD" >jobs.txt
    launch -n 2 --restarts 0 --slave-timeout 600 jobs.txt
    wait_until "$PATIENCE" exists began
    kill -KILL "$(launched_mpirun)"
    farm_end
    status_is 4
    claim none_marked
    equal "$(ls -A tmp)" ''
}

@test "ending: what does not end by itself is ended" {
    need_open_mpi_4
    printf '%s\n' "echo >began; $HOLD" >jobs.txt
    launch -n 1 --restarts 0 --slave-timeout $((2 * JS_PATIENCE)) --grace 0.2 jobs.txt
    wait_until "$PATIENCE" exists began
    kill -STOP "$(launched_rank 1)"
    kill -KILL "$(launched_mpirun)"
    farm_end
    status_is 4
    claim none_marked
}

# ---------------------------------------------------------------- its folder

@test "ending: what a killed launcher and mpirun left is removed by the next start" {
    local pid folder
    echo "echo >began; $HOLD" >jobs.txt
    launch -n 1 jobs.txt
    wait_until "$PATIENCE" exists began
    # One that is running has its folder all the same.
    folder=$(folder_of_launcher)
    mkdir other
    echo true >other/jobs.txt
    (cd other && "$JOBSCHED" -n 1 jobs.txt >out 2>err)
    claim test -d "$folder"
    # The end of one process may end others.
    for pid in "$FARM" $(marked); do kill -KILL "$pid" 2>/dev/null || true; done
    wait_until "$PATIENCE" none_marked
    FARM=
    claim test -d "$folder"
    (cd other && "$JOBSCHED" -n 1 --fresh jobs.txt >out 2>err)
    claim test ! -e "$folder"
}

# bats test_tags=mpis
@test "ending: who cleans up its folder does not take the run with it" {
    echo "echo >>began; $HOLD; echo done" >jobs.txt
    launch -n 1 --slave-timeout $((2 * JS_PATIENCE)) --grace 0.2 jobs.txt
    wait_until "$PATIENCE" exists began
    rm -r "$(folder_of_launcher)"
    # The next start has to have one as well.
    kill -KILL "$(launched_rank 0)"
    wait_until "$PATIENCE" has_lines began 2 ''
    touch go
    farm_end
    status_is 0
    contains err '1 job: 1 done'
    equal "$(ls -A tmp)" ''
}

# Until nothing more goes into that small file system.
fill_up() { # FOLDER
    if head -c 100000 /dev/zero >"$1/fill" 2>/dev/null; then return 1; fi
    equal "$(df --output=avail "$1" | tail -n 1 | xargs)" 0
}

@test "ending: a full TMPDIR is no dead master" {
    mount_tmpfs tmp size=64k
    fill_up tmp
    printf 'echo %d >>ran\n' 1 2 3 >jobs.txt
    launch -n 2 --output none jobs.txt
    farm_end
    status_is 0
    equal "$(sort ran | xargs)" '1 2 3'
}

@test "ending: output that has no room in TMPDIR is kept in memory" {
    mount_tmpfs tmp size=64k
    fill_up tmp
    printf 'echo %d; true\n' 1 2 3 >jobs.txt
    launch -n 1 jobs.txt
    farm_end
    status_is 0
    equal "$(xargs <out)" '1 2 3'
    equal "$(grep -c 'no space is left in .*/tmp, so the output of jobs is kept in memory' err)" 1
}

# ---------------------------------------------------------------- starts

@test "ending: an agent that hangs: the start has an end, and the agent as well" {
    need_open_mpi_4
    printf '#!/bin/sh\nsleep 1000\n' >agent
    chmod +x agent
    echo 'nowhere slots=2' >hosts
    echo 'echo >ran' >jobs.txt
    export OMPI_MCA_plm_rsh_agent=$PWD/agent
    launch --start-timeout "$((2 * JS_PATIENCE))s" --hostfile hosts jobs.txt
    farm_end
    status_is 4
    contains err '^jobsched: the run did not start within [0-9]+ s: '
    contains err '^jobsched: .* cannot reach host nowhere$'
    claim none_marked
    claim test ! -e ran
}

# ---------------------------------------------------------------- what is open

# The TCP ports on which the process listens.
ports_of() { # PID
    ss -ltnpH | grep_any -o "pid=$1,"
}

# What the process has, mapped or open, of files where they are for a while, but
# those of this test; a file that has no name any more is nobody else's.
shared_by() { # PID
    {
        grep -o '/.*' "/proc/$1/maps"
        find "/proc/$1/fd" -type l -printf '%l\n'
    } | grep -E '^(/dev/shm|/tmp|/var/tmp|/run)/' | sort -u |
        grep_any -vE " \\(deleted\\)\$|^$PWD/|^$JOBSCHED\$"
}

# What the ranks share is where nobody else can enter, and so is all that Open
# MPI keeps in files; of its own port mpirun has at least one.
# bats test_tags=mpis
@test "ending: ranks of one host open no port, and leave nothing in /tmp" {
    local rank folder
    need_open_mpi
    need_programs ss
    echo "echo >began; $HOLD" >jobs.txt
    launch -n 2 jobs.txt
    wait_until "$PATIENCE" exists began
    folder=$(folder_of_launcher)
    equal "$(stat -c '%a %u' "$folder")" "700 $(id -u)"
    claim test -n "$(ports_of "$(launched_mpirun)")"
    for rank in 0 1 2; do
        equal "$(ports_of "$(launched_rank "$rank")")" ''
        equal "$(shared_by "$(launched_rank "$rank")" | grep_any -v "^$folder/")" ''
    done
    # The session, and what carries the messages.
    contains <(shared_by "$(launched_rank 1)") "^$folder/(ompi|prterun)\."
    contains <(shared_by "$(launched_rank 1)") "^$folder/(vader|sm)_segment\."
    touch go
    farm_end
    status_is 0
}

@test "ending: a /dev/shm without room is no trouble" {
    need_root "mount a small /dev/shm of its own"
    echo 'echo done' >jobs.txt
    FRONT=(unshare --mount sh -c 'mount -t tmpfs -o size=1m none /dev/shm; exec "$@"' sh)
    launch -n 2 jobs.txt
    farm_end
    status_is 0
    equal "$(cat out)" 'done'
    equal "$(grep -v '^jobsched: ' err)" ''
}

# ---------------------------------------------------------------- limits

@test "ending: the soft limit of open files is raised, and jobs have the user's own" {
    need_open_mpi_4
    echo 'ulimit -Sn' >jobs.txt
    FRONT=(prlimit --nofile=64:4096)
    launch -n 12 jobs.txt
    farm_end
    status_is 0
    equal "$(cat out)" 64
}

@test "ending: a limit that is too low is named, and how many slaves go" {
    echo 'echo >ran' >jobs.txt
    FRONT=(prlimit --nofile=80:80)
    launch -n 12 jobs.txt
    farm_end
    status_is 2
    contains err '^jobsched: the limit on open files is 80 .*\(-n 3\)$'
    FRONT=(prlimit --fsize=100000)
    launch -n 2 jobs.txt
    farm_end
    status_is 2
    contains err '^jobsched: the limit on file sizes is 97 KiB here \(ulimit -f\)'
    # As much as it says is enough.
    FRONT=(prlimit --fsize="$(($(sed -n 's/.* raise it to [a-z ]*\([0-9]*\).*/\1/p' err) * 1024))")
    launch -n 2 --no-journal jobs.txt
    farm_end
    status_is 0
    rm ran
    FRONT=()
    as_ordinary_user
    echo 'echo >ran' >jobs.txt
    COMMAND=("${USER_COMMAND[@]}" prlimit --nproc=20 env "JS_MARK=$MARK" "$JOBSCHED"
        --no-journal -n 12 jobs.txt)
    farm_run
    status_is 2
    contains err '^jobsched: the limit on processes is 20 '
    claim test ! -e ran
}
