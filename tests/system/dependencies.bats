#!/usr/bin/env bats
# Jobs that come after others.

load common

# What is said about job $1 of jobs.txt, into the file `told`.
explain() {
    "$JOBSCHED" --explain "$1" jobs.txt >told 3>&- || return
    show_file told
}

# bats test_tags=sanitize
@test "dependencies: after, after-any, and what is skipped and why" {
    cat >jobs.txt <<'JOBS'
[name=mesh] exit 3
[name=solve after=mesh] echo never
[name=plot after=solve] echo never
[after-any=mesh] echo anyway
[name=good] sleep 0.2; echo good
[after=good] echo later
[after=good,mesh] echo never
JOBS
    farm 2 jobs.txt
    status_is 1
    equal "$(sort out)" $'anyway\ngood\nlater'
    claim test "$(grep -n good out | cut -d : -f 1)" -lt \
        "$(grep -n later out | cut -d : -f 1)"
    contains err 'job 2 "solve" \(line 2\) skipped: after mesh, which failed with exit 3'
    contains err 'job 3 "plot" \(line 3\) skipped: after solve, which was skipped'
    contains err 'job 7 \(line 7\) skipped: after mesh, which failed with exit 3'
    contains err '7 jobs: 3 done, 1 failed, 3 skipped, 0 left'
}

@test "dependencies: a diamond of a hundred paths" {
    {
        echo '[name=top] echo top >>log'
        local i names=
        for i in $(seq 100); do
            echo "[name=m$i after=top] echo $i >>log"
            names+=${names:+,}m$i
        done
        echo "[after=$names] test \$(wc -l <log) = 101 && echo bottom >>log"
    } >jobs.txt
    farm 3 jobs.txt
    status_is 0
    equal "$(head -n 1 log)" top
    equal "$(tail -n 1 log)" bottom
}

@test "dependencies: a chain of hundreds runs in order" {
    {
        echo '[name=j1] echo 1 >>log'
        local i
        for i in $(seq 2 300); do
            echo "[name=j$i after=j$((i - 1))] echo $i >>log"
        done
    } >jobs.txt
    farm 2 jobs.txt
    status_is 0
    equal "$(md5sum <log)" "$(seq 300 | md5sum)"
}

@test "dependencies: in a stream" {
    cat >jobs.txt <<'JOBS'
[name=a] sleep 0.3; echo a
[after=a name=b] echo b; exit 1
[after=b] echo never
JOBS
    farm 2 - <jobs.txt
    status_is 1
    equal "$(cat out)" $'a\nb'
    contains err 'skipped: after b, which failed with exit 1'
}

# bats test_tags=sanitize
@test "dependencies: a glob, in a run, in the next one and when asked" {
    cat >jobs.txt <<'JOBS'
[name=fit/1] test -e repaired
[name=fit/2] echo 2
[after=fit/* name=all] echo all
[after-any=fit/?] echo any
[name=fit/3] echo 3
[after=*/3,?it/2] echo some
[name=more after-any=fit/*] echo more
JOBS
    farm 2 jobs.txt
    status_is 1
    equal "$(sort out | xargs)" '2 3 any more some'
    contains err 'job 3 "all" \(line 3\) skipped: after fit/1, which failed with exit 1'
    explain all
    contains told '^  was to run after fit/1 \(job 1\), which failed$'
    farm 2 --dry-run jobs.txt
    contains err ' 4 to run'
    touch repaired
    farm 2 jobs.txt
    status_is 0
    equal "$(sort out | xargs)" 'all any more'

    # A new line of that name: what comes after the glob runs again.
    sed -i '2a [name=fit/4] touch runs; until test -e go; do sleep 0.1; done' jobs.txt
    farm_start 2 jobs.txt
    wait_until "$PATIENCE" exists runs
    explain all
    contains told '^  runs after fit/4 \(job 8\), which is '
    lacks told 'fit/1'
    touch go
    farm_end
    status_is 0
    equal "$(sort out | xargs)" 'all any more'

    printf '%s\n' '[name=fit/1] x' '[after=fit*,mesh* name=mesh] y' '[after-any=?] z' >jobs.txt
    farm 2 --check jobs.txt
    status_is 2
    contains err '^jobsched: jobs.txt:2:13: after=mesh\*: no job above has a name that matches$'
    contains err '^jobsched: jobs.txt:3:12: after-any=\?: no job above has a name that matches$'
}

@test "dependencies: asked why it waits for thirty, a job names twenty" {
    {
        echo '[name=j/0] touch runs; until test -e go; do sleep 0.1; done'
        printf '[name=j/%d] true\n' {1..29}
        echo '[name=last after=j/*] true'
    } >jobs.txt
    farm_start 1 jobs.txt
    wait_until "$PATIENCE" exists runs
    explain last
    claim test "$(grep -c '^  runs after j/' told)" = 20
    contains told '^  and after 10 more jobs that have not ended$'
    touch go
    farm_end
    status_is 0
}

# bats test_tags=sanitize
@test "dependencies: below wait ok nothing runs after a failure" {
    cat >jobs.txt <<'JOBS'
exit 3
until test -e err && grep -q 'job 5 .* skipped' err; do sleep 0.1; done; echo above
wait ok
[name=below] echo never
[after-any=below] echo never
wait
echo never
JOBS
    farm 2 jobs.txt
    status_is 1
    equal "$(cat out)" above
    contains err 'job 3 "below" \(line 4\) skipped: job 1 above `wait ok` failed with exit 3'
    contains err 'job 5 \(line 7\) skipped: job 1 above `wait ok` failed with exit 3'
    contains err '5 jobs: 1 done, 1 failed, 3 skipped, 0 left'
    explain below
    contains told '^  is below a line `wait ok`: job 1 above it failed$'
    explain 5
    contains told '^  is below a line `wait ok`: job 1 above it failed$'

    # A failure of that run, which does not run again.
    farm 2 --no-retry-failed jobs.txt
    status_is 1
    contains err 'job 5 \(line 7\) skipped: job 1 above `wait ok` failed in an earlier run'
    explain 5
    contains told '^  is below a line `wait ok`: job 1 above it failed$'

    sed -i '1s/.*/true/' jobs.txt
    farm 2 jobs.txt
    status_is 0
    equal "$(sort out | uniq -c | xargs)" '3 never'
}

@test "dependencies: wait ok in a stream, after the failure" {
    mkfifo feed
    exec 7<>feed # so that neither end waits for the other
    farm_start 2 - <feed
    echo 'exit 4' >&7
    wait_until "$PATIENCE" has_lines err 1 'job 1 .* failed'
    printf '%s\n' 'wait ok' 'echo never' wait '[name=x] echo never' >&7
    exec 7>&-
    farm_end
    status_is 1
    equal "$(cat out)" ''
    contains err 'job 2 \(line 3\) skipped: job 1 above `wait ok` failed with exit 4'
    contains err 'job 3 "x" \(line 5\) skipped: job 1 above `wait ok` failed with exit 4'
}
