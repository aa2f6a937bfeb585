#!/usr/bin/env bats
# Attribute lists, defaults and `wait`: each attribute does what it says, and
# each mistake is told where it is, before anything has run.

load common

# bats test_tags=sanitize
@test "attributes: name, dir and env" {
    mkdir there
    cat >jobs.txt <<'JOBS'
[name=first dir=there env=A=1 env="B=two words" env=A=2] echo "$JOBSCHED_JOB_NAME $(basename "$PWD") $A $B"
[dir="there"] pwd -P
JOBS
    farm 1 jobs.txt
    status_is 0
    equal "$(cat out)" "first there 2 two words
$(cd there && pwd -P)"
}

@test "attributes: stdin, stdout and stderr" {
    echo hello >in
    echo old >both
    cat >jobs.txt <<'JOBS'
[stdin=in stdout=res stderr=err1] cat; echo bad >&2
[stdout=both stderr=both] echo one; echo two >&2; echo three
JOBS
    farm 1 jobs.txt
    status_is 0
    equal "$(cat res)" hello
    equal "$(cat err1)" bad
    equal "$(cat both)" $'one\ntwo\nthree'
    equal "$(cat out)" ''
}

@test "attributes: what is not there fails that job alone, with the reason" {
    cat >jobs.txt <<'JOBS'
[dir=nowhere] echo a
[stdin=nothing] echo b
[stdout=nowhere/file] echo c
echo d
JOBS
    farm 2 jobs.txt
    status_is 1
    equal "$(cat out)" d
    contains err 'job 1 .*No such file or directory'
    contains err 'job 2 .*No such file or directory'
    contains err 'job 3 .*No such file or directory'
    contains err '4 jobs: 1 done, 3 failed'
}

@test "attributes: defaults hold for the jobs below, and a job's own count more" {
    cat >jobs.txt <<'JOBS'
echo "1 $A"
#JOBSCHED env=A=x
echo "2 $A"
[env=A=y] echo "3 $A"
  #JOBSCHED cores=1
echo "4 $A"
#JOBSCHEDULE env=A=z is a comment
echo "5 $A"
JOBS
    farm 1 jobs.txt
    status_is 0
    equal "$(cat out)" $'1 \n2 x\n3 y\n4 x\n5 x'
}

# bats test_tags=sanitize
@test "attributes: wait lets everything above end first" {
    cat >jobs.txt <<'JOBS'
sleep 0.5; echo slow >>log
echo quick >>log
wait
test "$(wc -l <log)" = 2 && echo both >>log
wait
test "$(wc -l <log)" = 3
JOBS
    farm 2 jobs.txt
    status_is 0
    contains err '4 jobs: 4 done'
}

# bats test_tags=sanitize
@test "attributes: every mistake is told at its place, and nothing has run" {
    cat >jobs.txt <<'JOBS'
touch ran
[core=4] true
[name=a] true
[name=a] true
[after=b] true
[cores=0] true
[cores=-1] true
[cores=99999999999999999999] true
[timeout=1e9x] true
[env=X] true
[cores=1 true
[name=me after=me] true
[after="two words"] true
[name=ok]
[priority=high] true
JOBS
    farm 2 jobs.txt
    status_is 2
    claim test ! -e ran
    contains err '^jobsched: jobs.txt:2:2: unknown attribute "core" \(did you mean "cores"\?\)'
    contains err '^jobsched: jobs.txt:4:7: .*name=a.* job 3 '
    contains err '^jobsched: jobs.txt:5:8: after=b'
    local line
    for line in 6 7 8 9 10 11 12 13 14 15; do
        contains err "^jobsched: jobs.txt:$line:[0-9]+: "
    done
    contains err '^jobsched: jobs.txt: 13 errors'
}

@test "attributes: no more than twenty mistakes are listed" {
    printf '[core=1] true\n%.0s' $(seq 30) >jobs.txt
    farm 1 jobs.txt
    status_is 2
    equal "$(grep -c '^jobsched: jobs.txt:[0-9]' err)" 20
}

@test "attributes: brackets of the shell are no lists" {
    touch a.sh
    cat >jobs.txt <<'JOBS'
[ -f jobs.txt ] && echo test
[[:alpha:]].none || echo glob
[ a = a ] && echo equal
JOBS
    farm 1 jobs.txt
    status_is 0
    equal "$(cat out)" $'test\nglob\nequal'
}

@test "attributes: a thousand of them" {
    {
        printf '['
        seq 1000 | sed 's/.*/env=V&=& /' | tr -d '\n'
        echo '] echo $V1 $V1000'
    } >jobs.txt
    farm 1 jobs.txt
    status_is 0
    equal "$(cat out)" '1 1000'
}

@test "attributes: a mistake in a stream ends it; what ran is told" {
    printf '%s\n' 'echo one' '[core=2] true' 'echo never' >jobs.txt
    farm 1 - <jobs.txt
    status_is 2
    equal "$(cat out)" one
    contains err 'standard input:2:2: unknown attribute'
}

@test "attributes: --check says what is in the file" {
    cat >jobs.txt <<'JOBS'
touch ran
[name=a] touch ran
[name=b after=a] touch ran
[after=b] touch ran
touch ran
JOBS
    farm 2 jobs.txt --check
    status_is 0
    claim test ! -e ran
    contains out '^jobs.txt: 5 jobs; longest chain 3, widest level 3$'
    # Without a launcher as well.
    equal "$("$JOBSCHED" --check jobs.txt)" "$(cat out)"
    echo '[cores=100000] true' >>jobs.txt
    farm 2 jobs.txt --check
    status_is 2
    contains err 'job 6 \(line 6\) can never run here: it needs 100000 cores'
    status=0
    "$JOBSCHED" --check jobs.txt >out 2>err || status=$?
    status_is 2
    contains err 'job 6 \(line 6\) can never run here: it needs 100000 cores'
}

@test "attributes: --check and --dry-run whose output cannot be written" {
    local option
    echo true >jobs.txt
    for option in --check --dry-run; do
        status=0
        "$JOBSCHED" "$option" jobs.txt >/dev/full 2>err || status=$?
        status_is 4
        contains err '^jobsched: cannot write to standard output: No space left'
    done
}

@test "attributes: --dry-run says what would run where" {
    cat >jobs.txt <<'JOBS'
[name=a] touch ran
[after=a] touch ran 2
[gpus=1] touch ran 3
JOBS
    farm 1 jobs.txt --dry-run --gpus 2
    status_is 0
    claim test ! -e ran
    contains out "^job 1: slave 1 on $(hostname), CPUs [0-9]+: touch ran$"
    contains out '^job 3: slave 1 on .*, CPUs [0-9]+, GPUs 0: touch ran 3$'
    equal "$(grep -c '' out)" 3
    equal "$("$JOBSCHED" --dry-run --gpus 2 jobs.txt | grep -c '^job')" 3
    # As it is in the list, but for what could steer a terminal.
    printf '%s\n' "printf 'a\\tb\\n' \"\$HOME\" \\\\ $(printf '\033[31m')" >jobs.txt
    "$JOBSCHED" --dry-run jobs.txt >out
    contains out ': printf .a\\tb\\n. "\$HOME" \\\\ \?\[31m$'
}

@test "attributes: --dry-run starts jobs in the order of a run, with MPI and without" {
    local rank i
    {
        for i in {1..40}; do echo "echo $i"; done
        echo '[priority=1] echo first'
    } >jobs.txt
    printf 'Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n' >times
    for i in {1..40}; do
        printf '%d\there\t1\t%d\t0\t0\t0\t0\techo %d\n' "$i" "$i" "$i"
    done >>times
    for rank in alone farm; do
        if [[ $rank == alone ]]; then "$JOBSCHED" --dry-run jobs.txt >out; else farm 1 jobs.txt --dry-run; fi
        equal "$(awk '{ print $2 }' out | head -n 3 | xargs)" '41: 1: 2:'
        if [[ $rank == alone ]]; then
            "$JOBSCHED" --dry-run --longest-first times jobs.txt >out
        else
            farm 1 jobs.txt --dry-run --longest-first times
        fi
        equal "$(awk '{ print $2 }' out | head -n 3 | xargs)" '41: 40: 39:'
    done
}

@test "attributes: two jobs that write to one file at the same time are refused" {
    mkdir there
    ln -s there link
    cat >jobs.txt <<'JOBS'
touch ran
[stdout=there/res] echo one
[dir=link stderr=./res] echo two >&2
JOBS
    farm 1 jobs.txt
    status_is 2
    contains err '^jobsched: jobs.txt:3:18: stderr=\./res: the job on line 2 writes to the same file, and neither job comes after the other$'
    claim test ! -e ran
    claim test ! -e there/res
    run -2 timeout "$PATIENCE" "$JOBSCHED" --check jobs.txt
    # One after the other it is a warning; and to a device nothing.
    cat >jobs.txt <<'JOBS'
[name=a stdout=there/res] echo one
[after=a dir=link stdout=res] echo two
[stdout=/dev/null] echo
[stdout=/dev/null] echo
JOBS
    farm 2 jobs.txt
    status_is 0
    equal "$(cat there/res)" two
    contains err '^jobsched: jobs.txt:2:26: warning: stdout=res: the job on line 1 writes to the same file\. This job comes after it and replaces what it wrote$'
    equal "$(grep -c warning err)" 1
    # Of a stream it is found when it is met.
    farm 1 - <<'JOBS'
[stdout=one] echo one
[stdout=./one] echo two
JOBS
    status_is 2
    contains err 'standard input:2:9: stdout=\./one: the job on line 1'
}

@test "attributes: a job that writes to the list, the journal or the joblog is refused" {
    mkdir there
    ln -s . there/here
    ln -s ../jobs.txt there/list
    ln -s the.joblog link
    local to what
    for to in stdout=jobs.txt 'dir=there stderr=../jobs.txt' stdout=there/list \
        stderr=the.journal "dir=there/here stdout=$PWD/there/../the.journal" \
        stdout=./the.joblog stderr=link; do
        printf 'touch ran\n[%s] echo one\n' "$to" >jobs.txt
        case $to in
        *journal) what='the journal' ;;
        *joblog | *link) what='the joblog' ;;
        *) what='the job list' ;;
        esac
        farm 1 jobs.txt --journal the.journal --joblog the.joblog
        status_is 2
        contains err "^jobsched: jobs.txt:2:[0-9]+: std(out|err)=.*: this file is $what of this run\$"
        claim test ! -e ran
        equal "$(wc -l <jobs.txt)" 2
    done
    farm 1 - --journal the.journal <<'JOBS'
[stdout=the.journal] echo one
JOBS
    status_is 2
    contains err 'standard input:1:9: stdout=the.journal: this file is the journal'
    # The name of standard input is no file.
    farm 1 - <<'JOBS'
[stdout=-] echo one
JOBS
    status_is 0
    equal "$(cat ./-)" one
}
