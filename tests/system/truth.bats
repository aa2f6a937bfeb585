#!/usr/bin/env bats
# What a run says of itself: exit status, summary, joblog; and a command line
# that is no run.

load common

# bats test_tags=sanitize
@test "truth: exit 0 and the summary where every job succeeded" {
    printf 'true\n%.0s' $(seq 25) >jobs.txt
    farm 2 jobs.txt
    status_is 0
    equal "$(cat out)" ''
    equal "$(grep -c '' err)" 1
    contains err '^jobsched: 25 jobs: 25 done, 0 failed, 0 skipped, 0 left; [0-9.]+ s, 2 slots [0-9]+ % busy$'
}

# bats test_tags=sanitize
@test "truth: exit 1 and who it was where a job failed" {
    printf '%s\n' true 'exit 3' '# no job' true 'exit 255' >jobs.txt
    farm 2 jobs.txt
    status_is 1
    contains err '4 jobs: 2 done, 2 failed, 0 skipped, 0 left'
    contains err '^jobsched: job 2 \(line 2\) failed on .*: exit 3: exit 3$'
    contains err '^jobsched: job 4 \(line 5\) failed on .*: exit 255: '
}

@test "truth: hundreds of failures are not hundreds of messages" {
    printf 'false\n%.0s' $(seq 300) >jobs.txt
    farm 2 jobs.txt
    status_is 1
    contains err '300 failed'
    between "$(grep -c '' err)" 2 60
}

# bats test_tags=alone
@test "truth: the summary tells how busy the slots were" {
    printf 'sleep 0.5\n%.0s' 1 2 3 4 >jobs.txt
    farm 2 jobs.txt
    status_is 0
    between "$(sed -n 's/.* \([0-9]*\) % busy$/\1/p' err)" 60 100
    printf 'sleep 1\n' >jobs.txt
    farm 2 jobs.txt
    between "$(sed -n 's/.* \([0-9]*\) % busy$/\1/p' err)" 30 55
}

# bats test_tags=sanitize
@test "truth: 127, 126 and signals, and the slave goes on" {
    printf 'echo script' >script
    chmod +x script
    printf '#!/no/such/interpreter\n' >broken
    chmod +x broken
    cat >jobs.txt <<'JOBS'
no-such-command-at-all
/etc/passwd
./script
./broken
kill -SEGV $$
kill -KILL $$
exit 139
/
echo fine
JOBS
    farm 1 jobs.txt --joblog log
    status_is 1
    local id row=''
    for id in $(seq 9); do
        row+="$id:$(field log "$id" Exitval):$(field log "$id" Signal) "
    done
    equal "$row" '1:127:0 2:126:0 3:0:0 4:127:0 5:0:11 6:0:9 7:139:0 8:126:0 9:0:0 '
    equal "$(xargs <out)" 'script fine'
    contains err 'job 1 .*exit 127'
    contains err 'job 2 .*exit 126'
    contains err 'job 5 .*SIGSEGV'
    contains err 'job 6 .*SIGKILL'
    contains err '9 jobs: 2 done, 7 failed'
}

# bats test_tags=sanitize
@test "truth: the joblog has GNU parallel's columns, then ours" {
    printf '%s\n' 'printf 12345' 'exit 3' >jobs.txt
    printf 'echo "a\tb\\n" # \033[31m\n' >>jobs.txt
    farm 2 jobs.txt --joblog log
    status_is 1
    local columns='Seq Host Starttime JobRuntime Send Receive Exitval Signal Command'
    equal "$(head -n 1 log | tr '\t' ' ')" \
        "$columns Name Attempt Slave Cores UserCPU SystemCPU MaxRSS Leftovers"
    if parallel --version 2>/dev/null | grep -q GNU; then
        echo true | parallel --joblog theirs 2>/dev/null
        equal "$(head -n 1 log | cut -f 1-9)" "$(head -n 1 theirs)"
    fi
    equal "$(awk -F '\t' '{ print NF }' log | sort -u)" 17
    equal "$(wc -l <log)" 4
    equal "$(field log 1 Receive)" 5
    equal "$(field log 1 Command)" 'printf 12345'
    equal "$(field log 2 Exitval)" 3
    equal "$(field log 3 Command | grep -c $'\033')" 0
    equal "$(field log 1 Host)" "$(hostname)"
    equal "$(field log 1 Attempt) $(field log 1 Cores)" '1 1'
    between "$(field log 1 Starttime)" "$(date -d '-5 minutes' +%s)" \
        "$(date -d '+1 minute' +%s)"
}

@test "truth: the joblog of a run that starts over replaces the first" {
    printf 'true\ntrue\n' >jobs.txt
    farm 1 jobs.txt --joblog log
    echo 'echo new' >jobs.txt
    farm 1 jobs.txt --joblog log --fresh
    equal "$(cut -f 9 log | xargs)" 'Command echo new'
    farm 1 jobs.txt --joblog log --no-journal
    equal "$(cut -f 9 log | xargs)" 'Command echo new'
}

@test "truth: the joblog of a run that goes on is added to" {
    printf 'true\nfalse\n' >jobs.txt
    farm 1 jobs.txt --joblog log
    status_is 1
    echo 'echo new' >>jobs.txt
    farm 1 jobs.txt --joblog log
    equal "$(cut -f 9 log | xargs)" 'Command true false false echo new'
    equal "$(cut -f 1 log | xargs)" 'Seq 1 2 2 3'
    # A line that was cut (a full disk) does not swallow the next.
    printf '9\tcut' >>log
    farm 1 jobs.txt --joblog log
    equal "$(cut -f 1 log | xargs)" 'Seq 1 2 2 3 9 2'
}

# bats test_tags=alone
@test "truth: the joblog's CPU time and memory are those of the job" {
    printf '%s\n' "$JS_HELPERS/burn 600 50" 'sleep 0.5' \
        "sh -c '$JS_HELPERS/burn 300 20; true'" >jobs.txt
    farm 1 jobs.txt --joblog log
    status_is 0
    between "$(field log 1 UserCPU)" 0.4 5
    between "$(field log 1 JobRuntime)" 0.5 30
    between "$(field log 1 MaxRSS)" 51200 80000
    between "$(field log 2 UserCPU)" 0 0.2
    between "$(field log 2 SystemCPU)" 0 0.2
    between "$(field log 2 JobRuntime)" 0.5 30
    between "$(field log 2 MaxRSS)" 500 20000
    # Children that it waited for count.
    between "$(field log 3 UserCPU)" 0.2 5
    between "$(field log 3 MaxRSS)" 20480 45000
}

@test "truth: the joblog has its lines while the run is on" {
    printf '%s\n' 'echo one' "$HOLD" >jobs.txt
    farm_start 1 jobs.txt --joblog log
    wait_until "$PATIENCE" has_lines log 1 $'^1\t'
    claim kill -0 "$FARM"
    touch go
    farm_end
    status_is 0
}

# Runs jobsched without mpirun, and counts in $components which components of
# Open MPI it opens: any real start opens dozens.
run_traced() {
    status=0
    timeout "$PATIENCE" strace -f -qq -o trace -e trace=openat,execve \
        "$JOBSCHED" "$@" >out 2>err || status=$?
    components=$(grep_any -cE 'mca_[a-z_0-9]*\.so|orted' trace)
}

@test "truth: --help, --version and usage errors do not start MPI" {
    local argument components
    [[ $MPI == 'Open MPI '* ]] || skip "$MPI has no components to count"
    # What a start looks like.
    "$MPIRUN" "${LAUNCH[@]}" -np 2 strace -f -qq -o trace -e trace=openat \
        "$JOBSCHED" --jobs 0 2>err
    claim test "$(grep -cE 'mca_[a-z_0-9]*\.so' trace)" -gt 0
    for argument in --help -h --version -V; do
        run_traced "$argument"
        status_is 0
        equal "$components" 0
        claim test -s out
        equal "$(cat err)" ''
    done
    for argument in --no-such -x --jobs --jobs=x --round=0 --slots=none \
        --bind=what --tmpdir=here --help=1 'a b' '--jobs 1 a'; do
        echo "with $argument:"
        # shellcheck disable=SC2086
        run_traced $argument
        status_is 2
        equal "$components" 0
        equal "$(cat out)" ''
        equal "$(grep -c '^jobsched: ' err)" 1
    done
}

@test "truth: --version says with which MPI and hwloc" {
    "$JOBSCHED" --version >out
    equal "$(wc -l <out)" 3
    contains <(sed -n 1p out) '^jobsched [0-9]+\.[0-9]+\.[0-9]+$'
    contains <(sed -n 2p out) '^(Open MPI|MPICH) [0-9]+\.[0-9]'
    equal "$(sed -n 3p out)" "hwloc $(pkg-config --modversion hwloc)"
}

# bats test_tags=sanitize
@test "truth: --help, --version and usage errors say it once for all ranks" {
    farm 2 --help
    status_is 0
    equal "$(grep -c '^Usage: ' out)" 1
    farm 2 --version
    status_is 0
    equal "$(grep -cE '^jobsched [0-9]+\.[0-9]+\.[0-9]+' out)" 1
    farm 2 --no-such
    status_is 2
    equal "$(grep -c '^jobsched: ' err)" 1
    contains err 'no-such'
}

@test "truth: a misspelt option is told the right one" {
    run -2 timeout "$PATIENCE" "$JOBSCHED" --sltos 2
    [[ $output == *'--slots'* ]]
}

@test "truth: --help fits a terminal and names every option" {
    timeout "$PATIENCE" "$JOBSCHED" --help >help
    equal "$(awk 'length > 80' help)" ''
    local option
    for option in round barrier slots bind show-map output joblog verbose \
        tmpdir spool-limit grace jobs duration forever help version; do
        contains help "^ +(-[a-zA-Z], )?--$option( |\$)"
    done
}

@test "truth: -v is the trace for real jobs" {
    printf 'true\n%.0s' $(seq 12) >jobs.txt
    farm 2 jobs.txt -v
    status_is 0
    local word
    for word in Dispatch Run Finished; do
        equal "$(tr -d '\r' <out | sed -n "s/^$word job: //p" | sort -n |
            xargs)" "$(seq 12 | xargs)"
    done
}

@test "truth: a joblog does not replace the job list" {
    echo 'echo hello' >jobs.txt
    farm 1 jobs.txt --joblog ./jobs.txt
    status_is 2
    contains err "^jobsched: .*joblog"
    equal "$(cat jobs.txt)" 'echo hello'
}
