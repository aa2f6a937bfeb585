#!/usr/bin/env bats
# --report: a page on what became of every job.

load common
load browser

# The document within the page.
report_data() {
    sed -n '/<script type="application\/json"/,/<\/script>/p' "${1:-run.html}" |
        sed '1d;$d'
}

# What jq finds in it.
found() { # FILTER
    report_data | jq -r "$1"
}

report() { # ARGUMENT...
    status=0
    "$JOBSCHED" --report run.html "$@" >report.out 2>report.err 3>&- || status=$?
    show_file report.err
}

# A figure at the top of the page, without the blanks of its thousands.
figure() { # WORD
    browser_text "[data-figure=\"$1\"] dd" | tr -cd '0-9a-z.\n'
}

# Where the middle of the chart's only row is, right of the labels; with a job,
# the middle of the bar of its last attempt, wherever that is on the axis.
middle_of_chart() { # [JOB]
    browser_eval "(() => {
        const data = JSON.parse(document.getElementById('data').textContent);
        const box = document.getElementById('chart').getBoundingClientRect();
        const bar = data.attempts.job.lastIndexOf(${1:--1});
        const end = Math.max(...data.runs.map((run) => run.from + run.length));
        const share = bar < 0 ? 0.5
            : (data.attempts.start[bar] + data.attempts.drawn[bar] / 2) / end;
        return Math.round(box.left + 112 + (box.width - 112) * share) + ' ' +
            Math.round(box.top + 22 + 12);
    })()"
}

is_found() { # TEXT
    [[ $(browser_text '#found') == "$1" ]]
}

is_part() {
    [[ $(browser_eval "document.getElementById('zoom-all').disabled") == false ]]
}

is_whole() {
    ! is_part
}

# ---------------------------------------------------------------- the page

# bats test_tags=sanitize,browser
@test "report: a browser shows it, and a click opens a job" {
    cat >jobs.txt <<'JOBS'
[name=first] true
[name=long retries=1] sleep 0.3; printf 'one\n<b>two</b> \033[31m\n' >&2; exit 3
[after=long] echo skipped
: "</script><script>document.title = 'owned'</script><!--"; echo '<img src=x onerror=alert(1)>'
JOBS
    farm 1 jobs.txt
    status_is 1
    report jobs.txt
    status_is 0
    equal "$(cat report.out report.err)" ''
    browser_start 1280 900
    browser_open run.html
    browser_is_content
    equal "$(browser_eval document.title)" $'jobs.txt \xe2\x80\x93 jobsched report'
    equal "$(browser_eval "performance.getEntriesByType('resource').length")" 0
    equal "$(figure jobs) $(figure succeeded) $(figure failed) $(figure skipped)" '4 2 1 1'
    equal "$(browser_eval "document.querySelectorAll('#jobs tbody tr').length")" 4
    # What a job supplied is text.
    equal "$(browser_eval "document.querySelectorAll('main img, main b:not(figcaption b), main script').length")" 0
    equal "$(browser_eval "[...document.querySelectorAll('#jobs td.command')].map((cell) => cell.textContent)[3]")" \
        "$(sed -n 4p jobs.txt)"
    read -r x y < <(middle_of_chart 2)
    browser_point "$x" "$y"
    contains <(browser_text '#tip') '^Job 2 long .*sleep 0.3; printf'
    browser_point "$x" "$y" click
    equal "$(browser_text '#detail-title')" 'Job 2 long'
    contains <(browser_text '#detail-body') 'exit 3'
    equal "$(browser_eval "document.querySelectorAll('#detail h3').length")" 4
    equal "$(browser_text '#detail .tail')" $'one\n<b>two</b> \xe2\x90\x9b[31m'
    browser_type '\uE00C'
    equal "$(browser_eval "document.getElementById('detail').hidden")" true
    browser_is_content
    browser_end
}

@test "report: search, zoom and keys" {
    printf '[name=j%d] sleep 0.%d\n' 1 2 2 2 3 2 4 2 >jobs.txt
    echo '[name=bad] sleep 0.2; exit 5' >>jobs.txt
    farm 1 jobs.txt
    report jobs.txt
    status_is 0
    browser_start 1280 900
    browser_open run.html
    browser_eval "document.getElementById('search').focus()" >/dev/null
    browser_type 'J3'
    wait_until "$PATIENCE" is_found '1 job'
    equal "$(browser_eval "document.querySelectorAll('#jobs tbody tr').length")" 1
    browser_type '\uE007'
    equal "$(browser_text '#detail-title')" 'Job 3 j3'
    equal "$(browser_eval location.hash)" '#job=3'
    browser_type '\uE00C'
    browser_eval "document.getElementById('search').select()" >/dev/null
    browser_type 'nothing'
    wait_until "$PATIENCE" is_found '0 jobs'
    # A drag shows less of it, 0 all again; f finds what failed.
    read -r x y < <(middle_of_chart)
    browser_drag "$x" "$y" $((x + 100)) "$y"
    wait_until "$PATIENCE" is_part
    browser_eval "document.getElementById('lanes').focus()" >/dev/null
    browser_type 0
    wait_until "$PATIENCE" is_whole
    browser_type +
    wait_until "$PATIENCE" is_part
    browser_type f
    equal "$(browser_text '#detail-title')" 'Job 5 bad'
    browser_is_content
    browser_end
}

@test "report: on a narrow screen, in the dark, of many rows" {
    seq 40 | sed 's/.*/true/' >jobs.txt
    farm 2 jobs.txt --slots 40
    report jobs.txt
    browser_start 390 800 --blink-settings=preferredColorScheme=0
    browser_open run.html
    browser_is_content
    equal "$(browser_eval "matchMedia('(prefers-color-scheme: dark)').matches")" true
    equal "$(browser_eval "document.documentElement.scrollWidth <= innerWidth")" true
    # What fits has no bar to scroll with; what does not has one.
    equal "$(browser_eval "document.getElementById('lanes').scrollHeight <= document.getElementById('lanes').clientHeight")" true
    equal "$(figure slots)" 80
    farm 2 jobs.txt --fresh --slots 100
    report jobs.txt
    browser_open run.html
    equal "$(browser_eval "document.getElementById('lanes').scrollHeight > document.getElementById('lanes').clientHeight")" true
    browser_is_content
    browser_end
}

# ---------------------------------------------------------------- what is in it

# bats test_tags=sanitize
@test "report: going on, waiting and the longest chain" {
    cat >jobs.txt <<'JOBS'
[name=a] sleep 0.3
[name=b after=a] sleep 0.4; test -e go
[name=c after=b] sleep 0.5
sleep 0.2
wait
true
JOBS
    farm 2 jobs.txt
    status_is 1
    report jobs.txt
    equal "$(found '.state, (.runs | length), (.jobs.standing | tostring)' | xargs)" \
        'ended 1 [1,2,3,1,1]'
    equal "$(found '.jobs.parent[2]')" 2
    # What has not run counts as the mean of the others.
    equal "$(found '.unknown, (.mean > 0)' | xargs)" '1 true'
    touch go
    farm 2 jobs.txt
    status_is 0
    report jobs.txt
    equal "$(found '(.runs | length), (.jobs.standing | tostring)' | xargs)" '2 [1,1,1,1,1]'
    # The pause between the runs is no part of the axis.
    equal "$(found '.runs[1].from == .runs[0].length')" true
    equal "$(found '.chain | tostring')" '[1,2,3,5]'
    equal "$(found '[.slots[][0]] | tostring')" '[1,2]'
    claim test "$(found '.slots[0][1] >= .slots[1][1] and .slots[1][1] >= .chain_time')" == true
    # Every bar lies within its run.
    equal "$(found '. as $all | [.attempts | range(.job | length) as $i |
        $all.runs[.run[$i]] as $run |
        .start[$i] >= $run.from and
        .start[$i] + .drawn[$i] <= $run.from + $run.length + 1] | all')" true
}

@test "report: while a run is on, and after it was killed" {
    printf '%s\n' true "$HOLD" 'echo 3' >jobs.txt
    farm_start 1 jobs.txt
    wait_until "$PATIENCE" grep -q ' began 2 ' jobs.txt.journal
    report jobs.txt
    status_is 0
    equal "$(found '.state, (.attempts.kind | tostring)' | xargs)" 'running [0,4]'
    kill -KILL "$(rank_pid 0)"
    farm_end
    nothing_left
    report jobs.txt
    equal "$(found '.state, (.attempts.kind | tostring)' | xargs)" 'broken [0,4]'
}

@test "report: without a list, and with one that cannot be read" {
    printf 'true\nfalse\n[name=x] true\n' | {
        farm_command 1 - --journal j
        farm_run
    }
    report --journal j
    status_is 0
    equal "$(found '.list, .list_error, .jobs.command[1], .jobs.name[2]' | xargs)" 'null null null x'
    # Nobody knows what waits for what, but how long jobs ran.
    equal "$(found '(.chain | length), (.slots | length > 0)' | xargs)" '1 true'
    echo '[core=1] x' >jobs.txt
    report --journal j jobs.txt
    status_is 0
    contains <(found .list_error) 'did you mean "cores"'
    equal "$(found '.jobs.standing | tostring')" '[1,2,1]'
}

@test "report: a command of any bytes" {
    printf 'echo "\377\302\233 \001 \\\\ \xe2\x82\xac"\n' >jobs.txt
    farm 1 jobs.txt --output none
    report jobs.txt
    equal "$(found '.jobs.command[0]')" $'echo "\xef\xbf\xbd\xc2\x9b \001 \\\\ \xe2\x82\xac"'
    head -c 5000 /dev/zero | tr '\0' x | sed 's/^/: /' >jobs.txt
    farm 1 jobs.txt
    report jobs.txt
    equal "$(found '.jobs.command[1] | length')" 1000
}

# ---------------------------------------------------------------- the file

@test "report: one file, which asks for no other" {
    echo true >jobs.txt
    farm 1 jobs.txt
    report jobs.txt
    claim test ! -e run.html.new
    equal "$(grep -oE '(https?:)?//[a-z][a-z0-9.]+[a-z/0-9]*' run.html | sort -u)" \
        'http://www.w3.org/2000/svg'
    contains run.html "Content-Security-Policy.*default-src 'none'; style-src 'nonce-[0-9a-f]{32}'; script-src 'nonce-"
    equal "$(grep -cE '<(script|style)( |>)' run.html)" \
        "$(grep -cE '<(script|style) (nonce="[0-9a-f]{32}"|type="application/json")' run.html)"
}

@test "report: it starts nothing and replaces only a report" {
    echo true >jobs.txt
    farm 1 jobs.txt
    cp jobs.txt list
    cp jobs.txt.journal journal
    for file in jobs.txt jobs.txt.journal; do
        status=0
        "$JOBSCHED" --report $file jobs.txt 2>report.err || status=$?
        status_is 2
        contains report.err 'would replace'
    done
    ln jobs.txt x.new
    status=0
    "$JOBSCHED" --report x jobs.txt 2>report.err || status=$?
    status_is 2
    claim cmp jobs.txt list
    claim cmp jobs.txt.journal journal
    mkfifo fifo
    ln -s nowhere link
    for file in fifo link .; do
        status=0
        "$JOBSCHED" --report $file jobs.txt 2>report.err || status=$?
        status_is 2
        contains report.err 'not a regular file'
    done
    ln -s victim run.html.new
    report jobs.txt
    status_is 2
    claim test ! -e victim
    rm run.html.new
    need_ptrace
    strace -f -e trace=execve,clone,clone3,vfork,fork -o trace \
        "$JOBSCHED" --report run.html jobs.txt
    # A library of Open MPI 5 has a thread of its own.
    equal "$(grep -v 'CLONE_THREAD' trace | grep -cE '(execve|clone3?|fork)\(')" 1
}

@test "report: who may not read the journal may not read the report" {
    umask 022
    echo true >jobs.txt
    farm 1 jobs.txt
    report jobs.txt
    status_is 0
    equal "$(stat -c %a run.html)" 600
    chmod 640 jobs.txt.journal
    report jobs.txt
    equal "$(stat -c %a run.html)" 640
}

@test "report: another user's file is not replaced" {
    need_root "act as another user"
    echo true >jobs.txt
    farm 1 jobs.txt
    mkdir -m 1777 shared
    for file in shared/run.html shared/run.html.new; do
        echo theirs >"$file"
        chown nobody "$file"
        status=0
        "$JOBSCHED" --report shared/run.html jobs.txt 2>report.err || status=$?
        status_is 2
        contains report.err "would replace $file, which belongs to another user"
        equal "$(cat "$file")" theirs
        equal "$(ls -A shared)" "${file#shared/}"
        rm "$file"
    done
}

@test "report: what is there stays when the new one cannot be written" {
    seq 200 | sed 's/.*/: a command of some length, to fill the disk with &/' >jobs.txt
    farm 1 jobs.txt
    mount_tmpfs small size=64k
    echo old >small/run.html
    status=0
    "$JOBSCHED" --report small/run.html jobs.txt 2>report.err || status=$?
    status_is 4
    contains report.err '^jobsched: cannot write small/run.html: No space left on device$'
    equal "$(cat small/run.html)" old
    equal "$(ls small)" run.html
    status=0
    "$JOBSCHED" --report none/run.html jobs.txt 2>report.err || status=$?
    status_is 4
    contains report.err 'cannot write none/run.html: No such file'
}

@test "report: nothing to tell of" {
    echo true >jobs.txt
    report jobs.txt
    status_is 2
    contains report.err '^jobsched: there is no journal jobs.txt.journal$'
    report
    status_is 2
    report jobs.txt --no-journal
    status_is 2
    report jobs.txt --status
    status_is 2
    claim test ! -e run.html
}
