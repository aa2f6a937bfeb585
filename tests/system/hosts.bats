#!/usr/bin/env bats
# Several hosts: slaves that are lost on another one, and a host cut off.

load common
load hosts

teardown() {
    farm_teardown
    hosts_down
}

end_status() {
    tail -n 1 jobs.txt.journal | awk '$2 == "end" { print $3 }'
}

# On each host a job that waits for the test, with its process id in the file
# HOST.ATTEMPT, then short ones; and EARLY short ones before.
start_on_hosts() { # HOSTS
    local count=$1
    hosts_up "$count"
    {
        yes 'echo early' | head -n "${EARLY:-0}"
        yes "echo \$JOBSCHED_NODE.\$JOBSCHED_ATTEMPT; echo \$\$ >\$JOBSCHED_NODE.\$JOBSCHED_ATTEMPT; $HOLD" |
            head -n "$count"
        yes 'echo short; sleep 0.01' | head -n 20
    } >jobs.txt
    hosts_command 1 jobs.txt --slave-timeout $((2 * JS_PATIENCE)) --grace "${GRACE:-0.3}"
    farm_run_in_background
    local host
    for host in "${HOSTS[@]}"; do
        wait_until "$PATIENCE" test -s "$host.1"
    done
}

# The daemon of Open MPI on a host that is cut off cannot know that all is over.
none_of_ours() {
    local pid
    for pid in $(marked); do
        tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null |
            grep -qE '^(sh -c .*|/usr/bin/)?(orted|prted) ' || return
    done
}

# Nor does Open MPI 5.0.7's mpirun, whatever it is told: the launcher kills it.
end_after_a_cut() {
    touch go
    wait_until "$PATIENCE" has_lines jobs.txt.journal 1 '^[0-9a-f]+ end '
    [[ $MPI != 'Open MPI 5.'* ]] || kill -KILL "$(mpirun_pid)"
}

nothing_of_ours_left() {
    wait_until "$PATIENCE" none_of_ours
}

expect_done_elsewhere() { # HOST OF THE LOST SLAVE, JOBS
    wait_until "$PATIENCE" has_lines err 1 "slave [0-9]+ on $1 has sent nothing for .*given up"
    # No job runs twice at once.
    claim is_gone "$(cat "$1.1")"
    touch go
    farm_end
    contains err "$2 jobs: $2 done, 0 failed, 0 skipped, 0 left"
    equal "$(grep -c short out)" 20
    equal "$(end_status)" 0
    nothing_of_ours_left
}

run_documented_on() { # HOST COMMAND
    reach_by "${AGENT-$HOSTS_DIR/rsh}" 10.77.0.0/24
    on_host "$1" env "JS_MARK=$MARK" "${REACH[@]}" \
        timeout --kill-after=10 "$(limit)" sh -c "$2"
    farm_run
}

@test "hosts: hostfiles/cluster.example as it stands" {
    hosts_up 2 n
    make_tree cluster.example cluster
    # Each waits for all, so each slave has one.
    yes "touch at.\$JOBSCHED_SLAVE; until test \$(ls at.* | wc -l) -eq 8; do sleep 0.02; done; echo \$JOBSCHED_NODE" |
        head -n 8 >jobs.txt
    local starter
    for starter in ./jobsched mpirun; do
        # The command for another MPI is another.
        [[ $starter != mpirun || $MPI == 'Open MPI 4.'* ]] || continue
        rm -f at.* jobs.txt.journal
        run_documented_on n1 "$(documented cluster.example "$starter")"
        status_is 0
        equal "$(sort out | uniq -c | xargs)" '4 n1 4 n2'
        equal "$(echo at.*)" 'at.1 at.2 at.3 at.4 at.5 at.6 at.7 at.8'
        contains err '8 jobs: 8 done, .* 8 slots'
    done
    # One on each of them, for all of its cores (two, the rest is shared).
    printf '%s slots=1\n' n1 n2 >hostfiles/nodes
    printf 'true\ntrue\n' >jobs.txt
    run_documented_on n1 './jobsched --hostfile hostfiles/nodes jobs.txt --slots all --fresh --show-map'
    contains <(manual_shows 7 HOSTS) '^jobsched --hostfile hostfiles/nodes jobs.txt --slots all$'
    equal "$(grep -c "^jobsched: slave [12] on n[12]: $(cores_here) slots" err)" 2
    nothing_left
}

@test "hosts: each of three pins its slaves within its own CPUs" {
    need_two_cores
    hosts_up 3
    local first last
    first=$(allowed_here | sed 's/[^0-9].*//')
    last=$(allowed_here | sed 's/.*[^0-9]//')
    echo "$first" >hosts/h2.cpus
    echo "$last" >hosts/h3.cpus
    yes "touch at.\$JOBSCHED_SLAVE; until test \$(ls at.* | wc -l) -eq 6; do sleep 0.02; done; echo \$JOBSCHED_NODE \$JOBSCHED_CPUS \$($ALLOWED)" |
        head -n 6 >jobs.txt
    hosts_command 2 jobs.txt
    farm_run
    status_is 0
    equal "$(awk '$2 != $3' out)" ''
    equal "$(grep -c '^h1 ' out) $(grep '^h1 ' out | sort -u | wc -l)" '2 2'
    equal "$(grep '^h2 ' out | xargs -d '\n')" "h2 $first $first h2 $first $first"
    equal "$(grep '^h3 ' out | xargs -d '\n')" "h3 $last $last h3 $last $last"
}

# With the ssh that is here.
@test "hosts: one that cannot be reached is named, and nothing has run" {
    hosts_up 2 n
    make_tree cluster.example cluster
    cut_off n2
    echo 'touch ran' >jobs.txt
    AGENT=ssh run_documented_on n1 "$(documented cluster.example ./jobsched)"
    status_is 4
    contains err '^ssh: .* n2 '
    contains err 'cannot reach host n2$' # Open MPI 5 leaves its line open
    claim test ! -e ran
    claim test ! -e jobs.txt.journal
    nothing_left
}

# That host has an empty folder in its place.
hide_on() { # HOST FOLDER
    nsenter -t "$(cat "$HOSTS_DIR/$1.pid")" --mount mount -t tmpfs none "$2"
}

@test "hosts: one without the program, or the jobs' folder, is named" {
    need_open_mpi_4 'its daemon breaks off where the folder is missing'
    hosts_up 2
    mkdir -p there here/below
    cp "$JOBSCHED" there
    JOBSCHED=$PWD/there/jobsched
    cd here/below
    echo 'echo ran on $JOBSCHED_NODE' >jobs.txt
    LAUNCH=(--oversubscribe)
    hosts_command 1 jobs.txt
    hide_on h2 "${PWD%/*}"
    farm_run
    status_is 0
    contains err "^jobsched: slave 2 on h2 is left out: cannot enter $PWD on node h2: No such file"
    equal "$(cat out)" 'ran on h1'
    hide_on h2 "${JOBSCHED%/*}"
    hosts_command 1 jobs.txt --fresh
    farm_run
    claim test "$status" -ne 0
    contains err '^Node: +h2$'
    contains err "^Executable: $JOBSCHED$"
    lacks out ran
}

@test "hosts: jobs run on each, with its name" {
    start_on_hosts 3
    touch go
    farm_end
    status_is 0
    equal "$(grep -v short out | sort | xargs)" 'h1.1 h2.1 h3.1'
    nothing_left
}

# In the folders for temporary files of all hosts.
no_hostfile_left() {
    claim test -z "$(find "$HOSTS_DIR" -name 'jobsched-hosts-*')"
}

@test "hosts: jobs of several hosts, an mpirun in them, and others between" {
    need_open_mpi
    hosts_up 3
    reach_by_file "$HOSTS_DIR/rsh" 10.77.0.0/24
    {
        manual_shows 7 'MPI programs as jobs' | grep '^\[nodes='
        echo '[nodes=3] echo "$JOBSCHED_NODELIST"; cat "$JOBSCHED_HOSTFILE"'
        echo '[nodes=1] echo "none:$JOBSCHED_NODELIST$JOBSCHED_HOSTFILE"'
        local i
        for i in {1..30}; do
            echo "[nodes=$((1 + i % 3))] echo job"
            echo 'echo job'
        done
    } >jobs.txt
    cp "$JS_HELPERS/mpi_hosts" mpi_program
    hosts_command 1 jobs.txt --joblog log --output DIR
    farm_run
    status_is 0
    contains err '63 jobs: 63 done, 0 failed'
    equal "$(cat DIR/*.out | grep -c '^job$')" 60
    # As many ranks on each of the two as it has cores there; the first is on
    # the host where mpirun is.
    equal "$(cut -d ' ' -f 1 DIR/1.out | xargs)" '0 1'
    equal "$(cut -d ' ' -f 2 DIR/1.out | sort -u | grep -c .)" 2
    equal "$(sed -n 's/^0 //p' DIR/1.out)" "$(field log 1 Host)"
    equal "$(field log 1 Cores) $(field log 2 Cores) $(field log 3 Cores)" '2 3 1'
    equal "$(head -n 1 DIR/2.out | tr ',' '\n' | sort | xargs)" 'h1 h2 h3'
    equal "$(tail -n +2 DIR/2.out)" \
        "$(head -n 1 DIR/2.out | tr ',' '\n' | sed 's/$/ slots=1/')"
    equal "$(cat DIR/3.out)" 'none:'
    no_hostfile_left
    nothing_left
}

@test "hosts: what would run where; more hosts than there are" {
    hosts_up 2
    echo '[nodes=2] echo both' >jobs.txt
    hosts_command 1 jobs.txt --dry-run --show-map
    farm_run
    status_is 0
    # Either node may be the first, as their slaves have reported.
    contains out '^job 1: slave ([12]) on h\1, CPUs [0-9]+ and slave [12] on h[12], CPUs [0-9]+: echo both$'
    contains out 'slave 1 on h1,.*slave 2 on h2,|slave 2 on h2,.*slave 1 on h1,'
    contains err '2 nodes.*nodes=2'
    printf '%s\n' 'touch ran' '[nodes=3 cores=1] true' >jobs.txt
    hosts_command 1 jobs.txt
    farm_run
    status_is 2
    contains err 'job 2 \(line 2\) can never run here: it needs 1 core on each of 3 nodes, but only 2 of 2 nodes .*; no node has more than [0-9]+ cores?'
    claim test ! -e ran
    "$JOBSCHED" --check jobs.txt 2>err && return 1
    contains err 'job 2 .* 1 core on each of 3 nodes, but only 1 of 1 nodes '
}

@test "hosts: the end of a job of two hosts ends its mpirun, there as well" {
    hosts_up 3
    cat >jobs.txt <<'JOBS'
[nodes=2] mpirun --hostfile "$JOBSCHED_HOSTFILE" sh -c 'echo $$ >pid.$(hostname); exec sleep 1000'
until [ "$(cat pid.* 2>/dev/null | grep -c .)" -eq 2 ]; do sleep 0.05; done; exit 1
JOBS
    hosts_command 1 jobs.txt --fail-fast
    farm_run
    status_is 1
    contains err '2 jobs: 0 done, 1 failed, 0 skipped, 1 left'
    nothing_left
    no_hostfile_left
}

@test "hosts: a slave on one of a job's hosts is killed: it ends, and runs again" {
    need_open_mpi
    hosts_up 3
    recovering
    echo "[nodes=2] echo \$\$ \$JOBSCHED_NODELIST >pid.\$JOBSCHED_ATTEMPT; $HOLD; echo done" >jobs.txt
    hosts_command 1 jobs.txt --slave-timeout $((2 * JS_PATIENCE)) --grace 0.3
    farm_run_in_background
    wait_until "$PATIENCE" test -s pid.1
    # The master is on the first.
    local pid nodes other
    read -r pid nodes <pid.1
    other=$(tr , '\n' <<<"$nodes" | grep -vx h1 | tail -n 1)
    kill -KILL "$(ranks_on "$other")"
    wait_until "$PATIENCE" test -s pid.2
    claim is_gone "$pid"
    equal "$(cut -d ' ' -f 2 pid.2 | tr , '\n' | sort | xargs)" \
        "h1 h$((5 - ${other#h}))"
    touch go
    farm_end
    contains err '1 job: 1 done, 0 failed'
    equal "$(cat out)" 'done'
    equal "$(end_status)" 0
    nothing_of_ours_left
}

@test "hosts: a slave killed on another one, under recovery" {
    need_open_mpi
    recovering
    start_on_hosts 2
    kill -KILL "$(ranks_on h2)"
    expect_done_elsewhere h2 22
    equal "$(grep -v short out | sort | xargs)" 'h1.1 h1.2'
}

# The master's connections to a host.
connections_to() { # ADDRESS
    nsenter -t "$(cat "$HOSTS_DIR/h1.pid")" --net ss -Htnp state established |
        grep -F "pid=$(rank_pid 0)," | grep -F "$1"
}

has_no_connection_to() { # ADDRESS
    ! connections_to "$1" >/dev/null
}

# Open MPI has seen the slave's end, and the master has not: a job that it sends
# there holds up nothing.
@test "hosts: a slave killed on another one while it is idle, and then jobs come" {
    need_open_mpi
    command -v ss >/dev/null || skip 'no ss here (iproute2) to see connections with'
    hosts_up 2
    recovering
    mkfifo fifo
    hosts_command 1 fifo --slave-timeout $((4 * JS_PATIENCE)) --grace 0.3
    farm_run_in_background
    exec 7>fifo
    # One for each slave.
    printf 'until test $(cat on.h1 on.h2 2>/dev/null | wc -l) = 2; do echo 1 >on.$JOBSCHED_NODE; sleep 0.02; done; echo first\n%.0s' 1 2 >&7
    wait_until "$PATIENCE" has_lines out 2 first
    connections_to 10.77.0.12
    kill -KILL "$(ranks_on h2)"
    wait_until "$PATIENCE" has_no_connection_to 10.77.0.12
    printf 'echo second\n%.0s' 1 2 3 4 5 6 >&7
    exec 7>&-
    farm_end
    contains err '8 jobs: 8 done, 0 failed, 0 skipped, 0 left'
    equal "$(grep -c second out)" 6
    nothing_of_ours_left
}

@test "hosts: a slave stopped on another one, under recovery" {
    recovering
    start_on_hosts 2
    kill -STOP "$(ranks_on h2)"
    expect_done_elsewhere h2 22
}

@test "hosts: one that is cut off ends its jobs, and they run again elsewhere" {
    need_open_mpi
    # The slave itself leaves the grace period after its jobs.
    recovering
    GRACE=5 start_on_hosts 3
    local slave
    slave=$(ranks_on h3)
    cut_off h3
    wait_until "$PATIENCE" is_gone "$(cat h3.1)"
    claim kill -0 "$slave"
    wait_until "$PATIENCE" has_lines err 1 'slave 3 on h3 has sent nothing for'
    end_after_a_cut
    expect_done_elsewhere h3 23
    equal "$(grep -v short out | cut -d . -f 2 | sort | xargs)" '1 1 2'
}

@test "hosts: cut off without recovery, the next run goes on" {
    need_open_mpi
    start_on_hosts 2
    cut_off h2
    wait_until "$PATIENCE" has_lines err 1 'has sent nothing for'
    end_after_a_cut
    farm_end
    nothing_of_ours_left
    claim test "$(grep -c ' ok ' jobs.txt.journal)" -ge 20
    LAUNCH=("${PLAIN[@]}")
    farm 2 jobs.txt
    status_is 0
}

@test "hosts: SIGTERM to mpirun, and nothing is left on any of them" {
    need_open_mpi
    # shellcheck disable=SC2034 # of hosts_command
    LAUNCH=("${PLAIN[@]}")
    start_on_hosts 3
    kill -TERM "$(mpirun_pid)"
    farm_end
    nothing_left
    claim test "$(grep -c ' ok ' jobs.txt.journal)" -eq 0
}

@test "hosts: mpirun killed, and nothing is left on any of them" {
    start_on_hosts 3
    kill -KILL "$(mpirun_pid)"
    farm_end
    nothing_left
}

# What has finished is on record, and the next run does the rest.
expect_to_go_on() {
    local finished
    finished=$(grep -c ' ok ' jobs.txt.journal)
    claim test "$finished" -ge 20
    touch go
    hosts_command 1 jobs.txt
    farm_run
    status_is 0
    contains err "$finished done, .*: $((42 - finished)) to run"
    lacks err 'damaged|torn'
    equal "$(awk '$2 == "ok" { print $3 }' jobs.txt.journal | sort -n | xargs)" \
        "$(seq 42 | xargs)"
}

@test "hosts: the master killed, and the next run goes on" {
    EARLY=20 start_on_hosts 2
    kill -KILL "$(rank_pid 0)"
    farm_end
    nothing_left
    expect_to_go_on
}

@test "hosts: the master killed under recovery, and the next run goes on" {
    recovering
    EARLY=20 start_on_hosts 2
    kill -KILL "$(rank_pid 0)"
    farm_end
    nothing_left
    expect_to_go_on
}

# Open MPI 4.1.4 waits for ever then: two slaves on each host have left.
@test "hosts: the master killed under recovery, and mpirun ends" {
    need_open_mpi_4
    hosts_up 2
    LAUNCH+=(--enable-recovery)
    yes "echo >begun.\$JOBSCHED_JOB_ID; $HOLD" | head -n 4 >jobs.txt
    hosts_command 2 jobs.txt --slave-timeout $((2 * JS_PATIENCE)) --grace 0.3
    farm_run_in_background
    local job
    for job in 1 2 3 4; do wait_until "$PATIENCE" test -e "begun.$job"; done
    kill -KILL "$(rank_pid 0)"
    farm_end
    nothing_left
}

@test "hosts: all slaves killed under recovery, and the next run goes on" {
    need_open_mpi
    recovering
    EARLY=20 start_on_hosts 2
    kill -KILL "$(rank_pid 1)" "$(ranks_on h2)"
    farm_end
    contains err 'no slave is left to run jobs'
    equal "$(end_status)" 4
    nothing_left
    expect_to_go_on
}

@test "hosts: a daemon of Open MPI killed, and the next run goes on" {
    need_open_mpi
    EARLY=20 start_on_hosts 2
    orted_on h2 | xargs kill -KILL
    farm_end
    nothing_left
    expect_to_go_on
}

@test "hosts: a daemon of Open MPI killed under recovery, and the others go on" {
    need_open_mpi_4 'its mpirun ends the run when a daemon is lost'
    recovering
    EARLY=20 start_on_hosts 2
    orted_on h2 | xargs kill -KILL
    expect_done_elsewhere h2 42
}
