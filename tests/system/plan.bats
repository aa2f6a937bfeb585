#!/usr/bin/env bats
# --plan: what a list would take on 1, 2, 4 ... slots, by what an earlier run
# has recorded.

load common

# plan ARGUMENT...: into the file `told`.
plan() {
    status=0
    "$JOBSCHED" --plan "$@" >told 2>told.err 3>&- || status=$?
    show_file told.err
}

# The row of N slots, of --json: this number in it.
planned() { # N MEMBER
    # Newer ones show a number as it was written.
    jq -r ".rows[] | select(.slots == $1).$2 + 0" told
}

# From the first start to the last end, by the joblog.
makespan() { # JOBLOG
    awk -F '\t' 'NR > 1 {
            end = $3 + $4
            if (NR == 2 || $3 < first) first = $3
            if (end > last) last = end
        }
        END { printf "%.3f\n", last - first }' "$1"
}

# near NUMBER WANTED: within 3 %.
near() {
    between "$1" "$(jq -n "$2 * 0.97")" "$(jq -n "$2 * 1.03")"
}

# What a run of `sleep`s says: the time of all jobs, that of the longest, the
# time of all slaves from their first start to their last end, and the part of
# it in which no `sleep` should have run.
facts() { # JOBLOG
    awk -F '\t' 'NR > 1 {
            split($9, word, " ")
            sleeps += word[2]
            work += $4
            if ($4 > longest) longest = $4
            slave = $12
            if (!(slave in first) || $3 < first[slave]) first[slave] = $3
            if ($3 + $4 > last[slave]) last[slave] = $3 + $4
        }
        END {
            for (slave in first) spans += last[slave] - first[slave]
            print work, longest, spans, 1 - sleeps / spans
        }' "$1"
}

# At least its part of the work, and at most that of all the time there was (the
# pauses twice, as the plan has the same for all jobs) and then two jobs of
# which one comes after the other.
is_a_schedule() { # SECONDS SLOTS JOBLOG
    local work longest spans
    read -r work longest spans _ < <(facts "$3")
    between "$1" "$(jq -n "$work / $2 * 0.97")" \
        "$(jq -n "(2 * $spans - $work) / $2 + 2 * $longest")"
}

# Lognormal run times, 16 s in all and none longer than 1.8 s, the same each
# time; a few come after others.
make_sleeps() {
    awk 'BEGIN {
        srand(11)
        for (i = 1; i <= 48; i++) {
            z = sqrt(-2 * log(1 - rand())) * cos(6.2831853 * rand())
            t[i] = exp(0.8 * z)
            if (t[i] > 5) t[i] = 5
            sum += t[i]
        }
        for (i = 1; i <= 48; i++) {
            after = i % 8 == 0 ? " after=j" i - 5 : ""
            printf "[name=j%d%s] sleep %.3f\n", i, after, 16 * t[i] / sum
        }
    }' >jobs.txt
}

# The runs of 2 and of 4 slots, and what is planned by each for both.
run_and_plan() {
    rm -f two four
    farm 2 jobs.txt --fresh --joblog two
    status_is 0
    plan jobs.txt --json
    status_is 0
    equal "$(jq .jobs,.unknown told | xargs)" '48 0'
    by_two=$(planned 2 makespan)" "$(planned 4 makespan)
    farm 4 jobs.txt --fresh --joblog four
    status_is 0
    plan jobs.txt --json
    by_four=$(planned 2 makespan)" "$(planned 4 makespan)
}

# A plan knows how long jobs took, but not what else the machine did meanwhile.
# So it is compared with runs that lost next to nothing, and where three pairs of
# runs were disturbed, only with what holds for every schedule. What runs takes
# no core, so that there may be more slots than those.
# bats test_tags=alone
@test "plan: within 3 % of real runs" {
    make_sleeps
    local by_two by_four made pair lost_two lost_four
    for pair in first second third; do
        run_and_plan
        read -r _ _ _ lost_two < <(facts two)
        read -r _ _ _ lost_four < <(facts four)
        echo "the $pair pair of runs lost $lost_two and $lost_four"
        if between "$lost_two" 0 0.025 && between "$lost_four" 0 0.025; then
            for made in "$by_two" "$by_four"; do
                near "${made% *}" "$(makespan two)"
                near "${made#* }" "$(makespan four)"
            done
            return
        fi
    done
    is_a_schedule "${by_two% *}" 2 two
    is_a_schedule "${by_four#* }" 4 four
}

# ---------------------------------------------------------------- the report

# The rows of --plan, and of the table in a report, in microseconds.
rows_planned() { jq -c '[.rows[] | [.slots, (.makespan * 1000000 | round)]]' told; }
reported() { sed -n '/id="data">/{n;p}' run.html; }
rows_reported() { reported | jq -c .slots; }

@test "plan: the table of a report says the same" {
    cat >jobs.txt <<'JOBS'
[name=a] sleep 0.1
[name=b after=a] sleep 0.2
[cores=2] sleep 0.1
[priority=3] sleep 0.05
sleep 0.15
test -e go
wait
[after=b] sleep 0.1
JOBS
    farm 2 jobs.txt
    status_is 1
    # A job is new, one has gone, one failed and some have not run.
    sed -i -e 's/^sleep 0.15/sleep 0.151/' jobs.txt
    local option
    for option in "" --barrier "--round 1"; do
        # shellcheck disable=SC2086
        plan jobs.txt -n 2 --json $option
        status_is 0
        claim test "$(jq .unknown told)" -gt 0
        # shellcheck disable=SC2086
        "$JOBSCHED" --report run.html jobs.txt $option
        claim test "$(rows_planned | jq length)" -ge 1
        equal "$(rows_reported)" "$(rows_planned)"
        equal "$(reported | jq .chain_time)" \
            "$(jq '.longest_chain.seconds * 1000000 | round' told)"
    done
}

@test "plan: the list is read once, by --report and --status too" {
    seq 200 | sed 's/.*/true &/' >jobs.txt
    farm 2 jobs.txt
    local ask
    for ask in --plan "--report run.html" --status --check --dry-run; do
        # shellcheck disable=SC2086
        strace -f -e trace=open,openat -o calls "$JOBSCHED" $ask jobs.txt >told
        equal "$ask $(grep -c '"jobs.txt"' calls)" "$ask 1"
    done
}

# ---------------------------------------------------------------- the table

# A joblog as GNU parallel writes it: "SECONDS COMMAND" a line.
make_joblog() {
    printf 'Seq\tHost\tStarttime\tJobRuntime\tSend\tReceive\tExitval\tSignal\tCommand\n'
    awk '{ run = $1; sub(/^[^ ]* /, "")
        printf "%d\t:\t100.000\t%10.3f\t0\t0\t0\t0\t%s\n", NR, run, $0 }'
}

# bats test_tags=sanitize
@test "plan: a table, the longest job and the recommended choice" {
    seq 1 20 | sed 's/.*/10 work &/' | make_joblog >log
    { seq 1 20 | sed 's/.*/work &/'; echo new; } >jobs.txt
    plan jobs.txt --joblog log
    status_is 0
    contains told '^jobs.txt: 21 jobs, 0.0583 core-hours of work according to log$'
    contains told '^1 job has no recorded run time: .*10.0 s'
    contains told '^  slots      makespan  efficiency  core-hours    gain$'
    contains told '^ +1 +3 min 30 s +100 % +0.058$'
    contains told '^ +2 +1 min 50 s +95 % +0.061 +1.91$'
    contains told '^ +32 +10.0 s +66 % +0.089 +2.00$'
    equal "$(grep -cE '^ +[0-9]+ ' told)" 6
    contains told '^the list needs at least 10.0 s .*line 1 .*: work 1$'
    contains told '^recommended: 8 slots, 30.0 s .*80 % .*1 slot'
    plan jobs.txt --joblog log -n 3
    contains told '^ +3 +1 min 10 s +100 % '
    claim test ! -e jobs.txt.journal
    # A command steers no terminal.
    printf 'e\033[31mvil\n' >jobs.txt
    sed 's/^/5 /' jobs.txt | make_joblog >log
    plan jobs.txt --joblog log
    contains told 'line 1 .*: e\\x1b\[31mvil$'
}

@test "plan: the longest chain" {
    printf '%s\n' '10 work 1' '10 work 2' '10 work 3' | make_joblog >log
    cat >jobs.txt <<'JOBS'
[name=a] work 1
[name=b after=a] work 2
[after=b] work 3
JOBS
    plan jobs.txt --joblog log
    contains told '^the list needs at least 30.0 s .* 3 jobs .*: a, b, line 3$'
    plan jobs.txt --joblog log --json
    equal "$(jq -c '.longest_chain | [.seconds + 0, .jobs[].name]' told)" '[30,"a","b",null]'
}

@test "plan: --barrier and --longest-first are counted as a run does" {
    { seq 12 | sed 's/^/1 /'; echo 2 long; } | make_joblog >log
    { seq 12; echo long; } >jobs.txt
    plan jobs.txt --joblog log
    contains told '^recommended: 2 slots, 8.0 s '
    contains told '^there the list takes 8.0 s in its own order, and 7.0 s with --longest-first$'
    plan jobs.txt --joblog log --longest-first log
    contains told '^ +2 +7.0 s '
    contains told '^there the list takes 3.0 s in its own order, and 2.0 s with --longest-first$'
    plan jobs.txt --joblog log --longest-first log --json
    equal "$(jq -c '[.list_order, .longest_first] | map(. + 0)' told)" '[3,2]'
    printf '%s\n' '1 a' '1 b' '1 c' '3 d' | make_joblog >log
    printf '%s\n' a b c d >jobs.txt
    plan jobs.txt --joblog log --json
    equal "$(planned 2 makespan)" 4
    plan jobs.txt --joblog log --json --longest-first log
    equal "$(planned 2 makespan)" 3
    plan jobs.txt --joblog log --json --barrier --round 1
    equal "$(planned 2 makespan)" 6
    plan jobs.txt --joblog log --barrier --round 1
    contains told '^more slots do not help: .* 1 core at once$'
}

@test "plan: --longest-first goes by whole chains" {
    printf '%s\n' '2 b' '1 a' '4 c' | make_joblog >log
    printf '%s\n' b b b b '[name=a] a' '[after=a] c' >jobs.txt
    plan jobs.txt --joblog log --json
    equal "$(planned 2 makespan)" 9
    plan jobs.txt --joblog log --json --longest-first log
    equal "$(planned 2 makespan)" 7
    # There is no journal yet, so no run time is known, and all jobs count the same.
    plan jobs.txt --joblog log --json --longest-first auto
    status_is 0
    equal "$(planned 2 makespan)" 8
    claim test ! -e jobs.txt.journal
    # A file of that name.
    mv log auto
    plan jobs.txt --joblog auto --json --longest-first ./auto
    equal "$(planned 2 makespan)" 7
    # Of the journal itself.
    printf '%s\n' 'sleep 0.2' '[name=a] :' '[after=a] sleep 0.4' >jobs.txt
    farm 2 jobs.txt
    status_is 0
    plan jobs.txt --json --longest-first auto
    status_is 0
    equal "$(jq '.unknown, (.longest_first <= .list_order)' told | xargs)" '0 true'
}

@test "plan: jobs wider than a slot need more of them" {
    printf '1 a\n' | make_joblog >log
    printf '[cores=3] a\n[cores=3] a\n' >jobs.txt
    plan jobs.txt --joblog log
    status_is 0
    contains told '^fewer slots cannot run .*: the job on line 1 needs 3 cores$'
    lacks told '^ +2 '
    contains told '^ +4 +2.0 s '
    # More than this machine has, which a joblog's hosts are taken to be like.
    echo '[mem=1000000G] a' >jobs.txt
    plan jobs.txt --joblog log
    status_is 2
    contains told.err '^jobsched: the job on line 1 needs 1 core, [0-9.]+ MiB of memory$'
}

# What failed and was run again takes the time of both.
@test "plan: by a journal, also of a run that was killed" {
    printf '%s\n' 'sleep 0.4' 'sleep 0.2; test -e again || { touch again; false; }' \
        "$HOLD" >jobs.txt
    farm_start 1 jobs.txt --retries 1
    wait_until "$PATIENCE" has_lines jobs.txt.journal 1 ' ok 2 '
    kill -KILL "$(rank_pid 0)"
    farm_end
    plan jobs.txt --json
    status_is 0
    equal "$(jq .jobs,.unknown told | xargs)" '3 1'
    # 0.4 and twice 0.2, and their mean.
    between "$(planned 1 makespan)" 1.2 "$((3 * JS_PATIENCE))"
    plan jobs.txt
    contains told '^jobs.txt: 3 jobs, [0-9.e-]+ core-hours of work according to jobs.txt.journal$'
}

@test "plan: there has to be something to go by" {
    echo true >jobs.txt
    plan jobs.txt
    status_is 2
    contains told.err '^jobsched: there is no journal jobs.txt.journal$'
    plan jobs.txt --joblog jobs.txt
    status_is 2
    contains told.err 'is not a joblog'
    printf '1 false\n' | make_joblog >log
    plan jobs.txt --joblog log
    status_is 2
    contains told.err '^jobsched: no job in jobs.txt .* run time$'
    plan nothing.txt --joblog log
    status_is 2
    plan
    status_is 2
}
