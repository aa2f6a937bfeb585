#!/usr/bin/env bats
# Job files: what is a job, what is refused, and that everything is looked at
# before anything runs.

load common

# bats test_tags=sanitize
@test "job file: comments, blank lines and a last line without newline" {
    printf '# one\n\n  \t \n   # two\necho a\n\techo b\n\necho "#c" # d\necho e' \
        >jobs.txt
    farm 2 jobs.txt --joblog log
    status_is 0
    equal "$(sort out | xargs)" '#c a b e'
    equal "$(cut -f 1 log | sort -n | xargs)" 'Seq 1 2 3 4'
}

@test "job file: CRLF ends a line, and is no part of the command" {
    printf 'echo one\r\n\r\n# no\r\necho two \\\r\nthree\r\n' >jobs.txt
    farm 1 jobs.txt
    status_is 0
    equal "$(cat -A out | xargs)" 'one$ two three$'
}

@test "job file: an odd number of backslashes goes on in the next line" {
    cat >jobs.txt <<'JOBS'
echo one \
# and two
printf '%s\n' three\\
echo fo\\\
ur
# a comment does not go on \
echo five
echo six\
JOBS
    farm 1 jobs.txt
    status_is 0
    equal "$(head -n 1 out)" 'one'
    equal "$(sort out | xargs -d '\n')" "five fo\\ur one six three\\"
}

@test "job file: tabs, and blanks in quotes, stay as they are" {
    printf 'printf "[%%s]" "a\tb"  "c  d"\n' >jobs.txt
    farm_whole 1 jobs.txt
    status_is 0
    equal "$(cat out)" $'[a\tb][c  d]'
}

# bats test_tags=sanitize
@test "job file: a line of 100 kB" {
    printf 'echo %s | wc -c\necho end\n' \
        "$(head -c 100000 /dev/zero | tr '\0' x)" >jobs.txt
    farm 2 jobs.txt
    status_is 0
    equal "$(sort out | xargs)" '100001 end'
}

@test "job file: many long lines, so that rounds of them are under way" {
    local i
    for i in $(seq 40); do
        printf 'printf %%s %s | md5sum\n' \
            "$(head -c 30000 /dev/zero | tr '\0' "${i: -1}")"
    done >jobs.txt
    farm 2 jobs.txt
    status_is 0
    sh jobs.txt | sort >want
    sort out | cmp - want
}

@test "job file: bytes that are no UTF-8 reach the command" {
    printf 'printf %%s \377\200\303x | od -An -tx1\n' >jobs.txt
    farm 1 jobs.txt
    status_is 0
    equal "$(xargs <out)" 'ff 80 c3 78'
}

@test "job file: a command of three characters" {
    printf 'pwd\npwd' >jobs.txt
    farm 2 jobs.txt
    status_is 0
    equal "$(uniq -c out | xargs)" "2 $PWD"
}

@test "job file: a line that begins with [ is a shell command" {
    # "[ -f" and "[a-z]*.sh" are shell commands.
    printf '[ -f jobs.txt ] && echo yes\n' >jobs.txt
    farm 1 jobs.txt
    status_is 0
    equal "$(cat out)" yes
}

@test "job file: a missing one is exit 2 and its name" {
    farm 2 nowhere.txt
    status_is 2
    contains err 'nowhere\.txt.*No such file'
    equal "$(cat out)" ''
}

@test "job file: a folder is exit 2 and says so" {
    mkdir folder
    farm 2 folder
    status_is 2
    contains err 'folder.*directory'
}

@test "job file: one without jobs is exit 0 and says so" {
    printf '# nothing\n\n' >jobs.txt
    farm 2 jobs.txt
    status_is 0
    contains err '^jobsched: no jobs in jobs.txt$'
    : >jobs.txt
    farm 2 jobs.txt --quiet
    status_is 0
    equal "$(cat err)" 'jobsched: no jobs in jobs.txt'
    # One of which all is done has some.
    echo true >jobs.txt
    farm 2 jobs.txt
    farm 2 jobs.txt
    status_is 0
    lacks err 'no jobs'
}

# bats test_tags=sanitize
@test "job file: a NUL byte is exit 2 with its place, and nothing has run" {
    printf 'touch ran\n# fine\necho a\0b\n' >jobs.txt
    farm 2 jobs.txt
    status_is 2
    contains err 'jobs\.txt:3:7: '
    claim test ! -e ran
}

@test "job file: one that cannot be opened is exit 2 and its name" {
    ln -s loop jobs.txt
    ln -s jobs.txt loop
    farm 1 jobs.txt
    status_is 2
    contains err 'jobs\.txt'
}

@test "job file: two of them are a usage error" {
    farm 1 a.txt b.txt
    status_is 2
    contains err 'b\.txt'
}

@test "job file: jobs run where jobsched was started" {
    mkdir there
    echo 'pwd; echo here >file' >jobs.txt
    (cd there && LAUNCH+=(-wdir "$PWD") && farm 1 ../jobs.txt && status_is 0)
    equal "$(cat there/out)" "$PWD/there"
    equal "$(cat there/file)" here
}

# What people paste from shell scripts.
@test "job file: a script is warned of, and what it leaves in the background" {
    cat >jobs.txt <<'JOBS'
#!/bin/bash
sleep 0.01 && echo late >f &
wait
if true; then
    echo a
fi
for i in 1; do echo b; done
echo c & wait
JOBS
    status=0
    "$JOBSCHED" --check jobs.txt >out 2>err || status=$?
    status_is 0
    contains err '^jobsched: jobs.txt:1:1: warning: "#!/bin/bash" names a shell, but a job list is not a script'
    contains err '^jobsched: jobs.txt:2:1: warning: this command leaves a process in the background \(&\)'
    contains err '^jobsched: jobs.txt:4:1: warning: the shell rejects this line'
    contains err '^jobsched: jobs.txt:6:1: warning: the shell rejects this line'
    equal "$(grep -c '^jobsched: ' err)" 4
    # The start says the same, and runs what it can.
    mv err told
    farm 1 jobs.txt
    status_is 1
    equal "$(grep warning: err)" "$(grep warning: told)"
    equal "$(sort out | xargs)" 'a b c'
    # So does a stream, as far as that takes no shell.
    farm 1 - <jobs.txt
    equal "$(sed -n 's/.*standard input:\([0-9]*\):.*: warning: .*/\1/p' err | xargs)" '1 2 6'
}

@test "job file: --check shows the name of a list without its control characters" {
    local name=$'a\nb\e[31m'
    echo true >"$name"
    "$JOBSCHED" --check "$name" >out 2>err
    equal "$(cat out)" 'a\nb\x1b[31m: 1 job; longest chain 1, widest level 1'
    echo '[core=1] true' >"$name"
    status=0
    "$JOBSCHED" --check "$name" 2>err || status=$?
    status_is 2
    contains err '^jobsched: a\\nb\\x1b\[31m:1:2: unknown attribute'
}
