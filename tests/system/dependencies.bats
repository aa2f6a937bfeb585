#!/usr/bin/env bats
# Jobs that come after others.

load common

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
