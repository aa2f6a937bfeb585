# shellcheck shell=bash
# A job list comes in as a file, a pipe, a FIFO or a descriptor, from a feeder that
# is fast, slow, or stops within a line; output goes to a file, a reader, a reader
# that leaves, or a full disk; launcher, mpirun, ranks, runners and daemons are
# killed, on one host or two. The same command goes on, until the list is done.
#
# What is in the list, and nothing else, has run: no fragment of a line. Of what is
# on record the output is out, and nothing of it runs again; nothing runs twice at
# once. Exit status and journal agree, and 0 is said only where all of the list
# has succeeded and is out. Each run ends, and leaves neither process nor folder.
#
# Jobs keep their own record, in `ran`: number, start in microseconds (its token),
# id, slave. A token is also in the first and the last line of its output.
# shellcheck disable=SC2034,SC2154 # what chaos has set, and what hosts.bash has

# Of a run, and of what it leaves; "hung".
: "${HANGS:=$((150 * JS_PATIENCE))}"
LEFT=$PATIENCE

# What hosts.bash has from the tests.
need_root() { :; }
skip() { no_hosts=$1; }
wait_until() { # SECONDS COMMAND...
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        ((SECONDS < end)) || return 1
        sleep 0.02
    done
}
# shellcheck source=tests/system/hosts.bash
source "$HERE/hosts.bash"

# ---------------------------------------------------------------- the plan

# one_of VARIABLE WORD...: a word at random; one that stands there twice comes
# twice as often. (RANDOM of a subshell does not move that of its parent.)
one_of() {
    local -n chosen=$1
    shift
    chosen=${*:1 + RANDOM % $#:1}
}

# Everything that the seed decides: of the whole case, then of each of its runs.
plan() {
    local i
    # Seeds that are neighbours have nothing to do with each other.
    RANDOM=$((seed * 2654435761 % 2147483647))
    for ((i = 0; i < 10; i++)); do : "$RANDOM"; done
    one_of starts launcher launcher launcher mpirun recovery
    one_of list file file pipe pipe pipe fifo fifo stdin fd
    [[ $starts == launcher || $list != fd ]] || list=pipe
    one_of recorded yes yes yes no
    [[ $list != file ]] || recorded=yes
    one_of output stdout stdout stdout stdout dir none
    one_of hosts 1 1 1 1 1 2
    can_have_hosts || hosts=1
    one_of first h1 h1 h2
    one_of slaves 1 2 3 4
    ((hosts == 1)) || slaves=$((2 - slaves % 2))
    one_of special '' '' '' '' '' '' '' fresh failures limit joblog tmpdir
    [[ $recorded == yes || $special == joblog ]] || special=
    one_of slots 1 1 3 # of a slave
    [[ -z $special ]] || slots=1
    JOBS=$((12 + RANDOM % 12))
    plan_special
    plan_tries
}

# Three are about what the launcher makes of a run that breaks off.
plan_special() {
    case $special in
    failures)
        most_failures=$((2 + RANDOM % 2))
        JOBS=$((JOBS + 12))
        ;;
    limit) JOBS=$((JOBS + 12 * slaves)) ;;
    fresh) ;;
    tmpdir)
        [[ -n ${CHAOS_UNSHARED-} ]] || special=
        starts=launcher hosts=1
        one_of slaves 1 2
        one_of tidiness filling cleaning
        return
        ;;
    joblog)
        [[ -n ${CHAOS_UNSHARED-} ]] || special=
        return
        ;;
    *) return ;;
    esac
    starts=launcher list='file' recorded=yes
}

plan_tries() {
    local i
    strikes=$((1 + RANDOM % 2))
    [[ $recorded == yes ]] || strikes=1
    for ((i = 0; i < strikes; i++)); do
        one_of "targets[$i]" nobody nobody launcher launcher launcher mpirun \
            mpirun mpirun master master slave runner orted all
        one_of "signals[$i]" KILL TERM 'HUP HUP' 'TERM TERM' 'INT INT'
        one_of "moments[$i]" boot opened starts starts starts starts half half
        after[i]=$((RANDOM % (JOBS * 2 / 3)))
        pauses[i]=0.$((RANDOM % 4))$((RANDOM % 10))
        one_of "feeders[$i]" fast slow half half half dies bare
        cut_lines[i]=$((JOBS / 4 + RANDOM % (JOBS / 2)))
        cut_words[i]=$((3 + RANDOM % 4))
        one_of "sinks[$i]" file file pipe pipe slow gone full device
        plan_try "$i"
    done
    targets[strikes]=nobody signals[strikes]= moments[strikes]=starts
    after[strikes]=0 pauses[strikes]=0 feeders[strikes]=fast
    cut_lines[strikes]=0 cut_words[strikes]=0
    one_of "sinks[$strikes]" file pipe slow
}

# What does not go together.
plan_try() { # TRY
    [[ $special != tmpdir ]] || targets[$1]=nobody
    [[ $starts == launcher || ${targets[$1]} != launcher ]] || targets[$1]=mpirun
    ((hosts == 2)) || [[ ${targets[$1]} != orted ]] || targets[$1]=mpirun
    # Signals to end are for who started all this.
    [[ ${targets[$1]} == launcher ]] || signals[$1]=KILL
    [[ $list != file ]] || feeders[$1]=none
    [[ $output == stdout ]] || sinks[$1]='file'
    [[ -n ${CHAOS_UNSHARED-} || ${sinks[$1]} != full ]] || sinks[$1]=device
    [[ $recorded == yes || ${moments[$1]} != opened ]] || moments[$1]=boot
    [[ ${targets[$1]} != nobody || ${moments[$1]} != boot ]] || moments[$1]=starts
    if [[ ${feeders[$1]} == half ]]; then
        # How many jobs start before that depends on the runs before.
        [[ ${moments[$1]} != starts ]] || moments[$1]=half
    elif [[ ${moments[$1]} == half ]]; then
        moments[$1]=starts
    fi
    [[ $special =~ ^(fresh|failures|limit)$ ]] || return 0
    one_of "targets[$1]" mpirun master
    signals[$1]=KILL moments[$1]=starts sinks[$1]='file'
    case $special in
    fresh) moments[$1]=opened ;;
    failures) after[$1]=$((4 * most_failures - RANDOM % 5)) ;;
    limit) after[$1]=$((slaves * 4)) ;;
    esac
}

can_have_hosts() {
    [[ -n ${CHAOS_UNSHARED-} ]] && command -v ip >/dev/null
}

say_plan() {
    local i
    echo "$starts, $list, recorded $recorded, output $output, hosts $hosts" \
        "($first first), slaves $slaves of $slots slots, special ${special:-none}, jobs $JOBS"
    for ((i = 0; i <= strikes; i++)); do
        echo "  $i: ${signals[i]} to ${targets[i]} at ${moments[i]} ${after[i]}" \
            "+${pauses[i]}; feeder ${feeders[i]} (${cut_lines[i]}," \
            "${cut_words[i]}); sink ${sinks[i]}"
    done
}

# ---------------------------------------------------------------- the list

# job NUMBER SECONDS BYTES STATUS WORD... endNUMBER: knows whether its command is
# whole, whichever part of it is missing.
write_job() {
    cat >job <<'JOB'
#!/bin/sh
id=$1
for last; do :; done
if [ $# -ne 8 ] || [ "$last" != "end$id" ]; then
    echo "$*" >>fragments
    exit 0
fi
exec 9>>"lock.$id"
flock -n 9 || echo "$id" >>twice
# Some fill, or clean, what they were given for temporary files.
case $id in
4) [ ! -e filling ] || head -c 40000000 /dev/zero >"$TMPDIR/filled" ;;
8) [ ! -e cleaning ] || find "$TMPDIR" -mindepth 1 -delete ;;
esac 2>/dev/null
token=$(date +%s%6N)
echo "$id $token $JOBSCHED_JOB_ID $JOBSCHED_SLAVE" >>ran
echo "out $id $token $3"
sleep "$2"
head -c "$3" /dev/zero | tr '\0' x
echo
echo "end $id $token"
exit "$4"
JOB
    chmod +x job
}

write_list() {
    local i bytes status pause
    expected=0
    for ((i = 1; i <= JOBS; i++)); do
        bytes=$((RANDOM % 1500)) status=0
        ((RANDOM % 8)) || bytes=$((RANDOM * 4))
        pause=0.$((RANDOM % 3))$((RANDOM % 10))
        if [[ $special == failures ]] && ((i % 4 == 0)); then
            status=1 expected=1
        fi
        [[ ! $special =~ ^(limit|tmpdir)$ ]] || pause=0.$((5 + RANDOM % 5))
        echo "./job $i $pause $bytes $status ./job ./job ./job end$i"
    done >jobs.txt
}

# Writes the list, and, at some word of some line, stays there until `go` is made,
# or ends. What it wrote of that line is in `cut`.
feed() { # FEEDER LINE WORD
    local line number=0 part
    case $1 in
    fast)
        exec cat jobs.txt
        ;;
    bare)
        tail -n 1 jobs.txt >cut
        exec head -c -1 jobs.txt
        ;;
    esac
    while IFS= read -r line; do
        if ((++number != $2)) || [[ $1 == slow ]]; then
            printf '%s\n' "$line"
            ((number % 4)) || sleep 0.05
            continue
        fi
        part=$(cut -d ' ' -f "1-$3" <<<"$line")
        if [[ $1 == dies ]]; then
            echo "$part" >cut
            printf '%s' "$part"
            return
        fi
        printf '%s' "$part"
        touch half
        until [[ -e go ]]; do sleep 0.05; done
        printf '%s\n' "${line#"$part"}"
    done <jobs.txt
}

# How many lines of the list the feeder of this try gives, if all is read.
fed_lines() { # TRY
    [[ ${feeders[$1]} == dies ]] && echo "$((cut_lines[$1] - 1))" || echo "$JOBS"
}

# ---------------------------------------------------------------- the output

# One read, so that it takes what is there.
take() {
    local size
    size=$(stat -c %s out)
    dd bs=64k count=1 status=none >>out
    (($(stat -c %s out) > size))
}

read_output() { # SINK LINES
    case $1 in
    pipe) exec cat >>out ;;
    slow) while take; do sleep 0.1; done ;;
    gone)
        # Leaves when it has taken all there is: what is in a pipe is lost.
        while take; do
            (($(grep -ac '^end ' out) < $2)) || read -rt 0 || break
        done
        ;;
    esac
}

# Sets SINK_FILE, and begins to read.
open_sink() { # TRY
    reader=
    case ${sinks[$1]} in
    file) sink_file=out ;;
    device) sink_file=/dev/full ;;
    full) sink_file=full/out ;;
    *)
        sink_file=p.out
        rm -f p.out
        mkfifo p.out
        read_output "${sinks[$1]}" "$(($(grep -ac '^end ' out) + JOBS / 4))" <p.out &
        reader=$!
        ;;
    esac
}

is_sink_bad() { # TRY
    [[ ${sinks[$1]} =~ ^(full|device|gone)$ ]]
}

# ---------------------------------------------------------------- the command

# Sets COMMAND.
make_command() { # TRY
    local options=(--slots "$slots" --tmpdir "$PWD/spool" --grace 0.2 --start-timeout "$((30 * JS_PATIENCE))") ranks=$((slaves * hosts + 1))
    [[ $special == limit ]] && options+=(--slave-timeout "$JS_PATIENCE") ||
        options+=(--slave-timeout $(((1 + seed % 2) * JS_PATIENCE)))
    [[ $recorded == yes ]] && options+=(--journal J) || options+=(--no-journal)
    [[ $output == stdout ]] || options+=(--output "${output/dir/outputs}")
    options+=(--joblog "$([[ $special == joblog && $1 -eq 0 ]] && echo full/log ||
        echo log)")
    case $special in
    fresh) [[ -e begun_anew ]] || options+=(--fresh) ;;
    failures) (($1 == strikes)) || options+=(--max-failures "$most_failures") ;;
    limit) (($1 == strikes)) || options+=(--time-limit "$((8 * JS_PATIENCE))s") ;;
    esac
    case $list in
    file) options+=(jobs.txt) ;;
    pipe) options+=(-) ;;
    fifo) options+=(p.in) ;;
    stdin) options+=(/dev/stdin) ;;
    fd) options+=(/dev/fd/9) ;;
    esac
    add_launcher "$ranks"
    COMMAND+=("${options[@]}")
    ((hosts == 1)) && COMMAND=(env "JS_CHAOS=$MARK" "TMPDIR=$PWD/tmp" "${COMMAND[@]}") ||
        on_host h1 env "JS_CHAOS=$MARK" "${COMMAND[@]}"
}

add_launcher() { # RANKS
    REACH=()
    ((hosts == 1)) || reach_by "$HOSTS_DIR/rsh" 10.77.0.0/24
    if [[ $starts == launcher ]]; then
        COMMAND=(env "${REACH[@]}" "$JOBSCHED")
        ((hosts == 2)) && COMMAND+=(--hostfile hostlist) || COMMAND+=(-n "$slaves")
        return
    fi
    PLACES=("${PLAIN[@]}")
    ((hosts == 1)) || add_places
    COMMAND=(env "${REACH[@]}" "$MPIRUN" "${PLACES[@]}")
    [[ $starts == mpirun ]] || COMMAND+=("${RECOVERING[@]}")
    COMMAND+=(-np "$1" "$JOBSCHED")
}

# Sets PLACES, as the list has them.
add_places() {
    local -a ranks
    mapfile -t ranks < <(sed 's/ slots=/:/' hostlist)
    places_on "${ranks[@]}"
    [[ $MPI != 'Open MPI 4.'* ]] || PLACES+=("${PLAIN[@]}")
}

write_hostlist() {
    local other=h$((3 - ${first#h})) master=0
    # Under an mpirun by hand the master's place is in the list.
    [[ $starts == launcher ]] || master=1
    printf '%s slots=%d\n' "$first" $((slaves + master)) "$other" "$slaves" >hostlist
}

# ---------------------------------------------------------------- the strike

# The processes of the run with this name.
named() { # NAME
    local pid
    for pid in $(strays); do
        grep -qsxE -- "$1" "/proc/$pid/comm" && echo "$pid"
    done
}

# Of which the rank matches.
ranks() { # PATTERN
    local pid
    for pid in $(named "$PROGRAM"); do
        tr '\0' '\n' 2>/dev/null <"/proc/$pid/environ" |
            grep -qxE "OMPI_COMM_WORLD_RANK=$1" && echo "$pid"
    done
}

victims() { # TARGET
    case $1 in
    launcher) is_gone "$farm" || echo "$farm" ;;
    mpirun) [[ $starts == launcher ]] && pgrep -P "$farm" -x "$LAUNCHER_NAME" || echo "$farm" ;;
    master) ranks 0 ;;
    slave) ranks '[1-9]' | shuf -n 1 ;;
    runner) named jobsched-runner | shuf -n 1 ;;
    orted) named '(or|pr)ted' ;;
    all)
        named "$PROGRAM"
        named jobsched-runner
        ;;
    esac
}

is_there() { # TARGET
    [[ -n $(victims "$1") ]]
}

is_over() {
    is_gone "$farm"
}

count_starts() {
    wc -l <ran
}

have_started() { # NUMBER
    is_over || (($(count_starts) >= $1))
}

# The master has opened the journal; no process is made for each look.
wait_for_journal() {
    local master fd end=$((SECONDS + HANGS))
    wait_until "$HANGS" is_there_or_over master
    master=$(ranks 0)
    while [[ -n $master && -e /proc/$master ]] && ! ((SECONDS > end)); do
        for fd in "/proc/$master/fd"/*; do
            [[ ! $fd -ef J ]] || return 0
        done
    done
}

is_there_or_over() { # TARGET
    is_over || is_there "$1"
}

is_cut_or_over() {
    [[ -e half ]] || is_over
}

wait_for_moment() { # TRY STARTS BEFORE
    case ${moments[$1]} in
    boot) wait_until "$HANGS" is_there_or_over "${targets[$1]}" ;;
    opened)
        wait_for_journal
        return
        ;;
    starts) wait_until "$HANGS" have_started $(($2 + ${after[$1]})) ;;
    half) wait_until "$HANGS" is_cut_or_over ;;
    esac || return
    [[ ${targets[$1]} == nobody ]] || sleep "${pauses[$1]}"
}

# Its target goes to $struck, if it was there.
strike() { # TRY
    local pids signal
    struck=nobody
    mapfile -t pids < <(victims "${targets[$1]}")
    ((${#pids[@]} > 0)) || return 0
    struck=${targets[$1]}
    echo "$(date +%s.%N) try $1: ${signals[$1]} to $struck: ${pids[*]}" >>strikes
    echo "$struck by ${signals[$1]}" >>struck
    for signal in ${signals[$1]}; do
        kill "-$signal" "${pids[@]}" 2>/dev/null
        [[ $signal == KILL ]] || sleep "${pauses[$1]}"
    done
}

# ---------------------------------------------------------------- one run

# The run, in place of this subshell. Opens what its feeder and its reader wait for.
become_run() { # TRY
    case $list in
    pipe | stdin) exec <p.in ;;
    fd) exec 9<p.in </dev/null ;;
    *) exec </dev/null ;;
    esac
    exec 2>"err.$1" >>"$sink_file"
    exec "${COMMAND[@]}"
}

# The exit status goes to $status.
run_once() { # TRY
    local before
    before=$(count_starts)
    feeder= status=0
    rm -f half go p.in cut
    mkfifo p.in
    lines_before=$(count_lines J)
    inode_before=$(inode_of J)
    date +%s%6N >"began.$1"
    open_sink "$1"
    make_command "$1"
    if [[ $list != file ]]; then
        feed "${feeders[$1]}" "${cut_lines[$1]}" "${cut_words[$1]}" >p.in &
        feeder=$!
    fi
    (become_run "$1") &
    farm=$!
    wait_for_moment "$1" "$before" || fail "hang: the moment of try $1 has not come"
    strike "$1"
    [[ ! -e half ]] || sleep "${pauses[$1]}"
    touch go
    wait_until "$HANGS" is_over || fail "hang: try $1 did not end"
    wait "$farm" 2>/dev/null || status=$?
    date +%s%6N >"ended.$1"
    # What stays of jobs whose runners are killed as well is for the next run.
    [[ $struck == all ]] || none_left "$LEFT" || fail "left: processes, after try $1"
    [[ -z $feeder ]] || end_feeder
    [[ -z $reader || $struck == all ]] || wait_until "$LEFT" is_gone "$reader" ||
        fail "hang: stdout stays open after try $1"
    echo "try $1: status $status, $(end_status) on record, struck $struck" >>strikes
    [[ $special != fresh || $(count_starts) -eq $before ]] || touch begun_anew
}

# Nobody may have opened what it writes to.
end_feeder() {
    kill "$feeder" 2>/dev/null
    wait "$feeder" 2>/dev/null
}

count_lines() { # FILE
    cat "$1" 2>/dev/null | wc -l
}

inode_of() { # FILE
    stat -c %i "$1" 2>/dev/null
}

# What this try has added to the journal.
added() {
    [[ $(inode_of J) == "$inode_before" ]] || lines_before=0
    [[ ! -e J ]] || tail -n +$((lines_before + 1)) J
}

# The exit status on record of this try: that of its last run.
end_status() {
    added | awk '$2 == "run" { status = "none" } $2 == "end" { status = $3 }
        END { print status == "" ? "none" : status }'
}

# ---------------------------------------------------------------- claims

claim_whole() { # TRY
    local fragment
    [[ ! -e twice ]] || fail "twice: jobs ran twice at once: $(xargs <twice)"
    [[ -e fragments ]] || return 0
    # The user's own feeder may have ended so.
    [[ ${feeders[$1]} == dies && -e cut ]] || fail "fragment: $(<fragments)"
    fragment=$(cut -d ' ' -f 2- cut)
    [[ $(sort -u fragments) == "$fragment" ]] || fail "fragment: $(<fragments)"
    [[ $struck != nobody ]] || grep -q newline "err.$1" ||
        fail "fragment: not a word of it on stderr"
    rm fragments
}

# Status, journal, jobs and output agree.
claim_status() { # TRY
    local end
    end=$(end_status)
    ! is_calm "$1" || claim_calm "$1" "$end"
    if [[ $starts == launcher && $struck != launcher && $struck != all ]] ||
        [[ $starts == launcher && $status -lt 128 ]]; then
        claim_agreement "$1" "$end"
    fi
    [[ $end != 0 ]] || claim_success "$1"
}

is_calm() { # TRY
    [[ $struck == nobody && ${feeders[$1]} != dies ]] && ! is_sink_bad "$1" &&
        [[ $special != joblog || $1 -eq $strikes ]]
}

claim_calm() { # TRY END
    local allowed=$expected
    [[ $special == limit && $1 -lt $strikes ]] && allowed='[03]'
    [[ $recorded == no || $2 =~ ^$allowed$ ]] ||
        fail "status: undisturbed, try $1 ended with $2 on record"
    [[ $starts == recovery || $status =~ ^$allowed$ ]] ||
        fail "status: undisturbed, try $1 ended with $status"
}

claim_agreement() { # TRY END
    ((status <= 4)) || fail "status: $status"
    if [[ $recorded == yes && $2 != none ]]; then
        ((status == $2)) || fail "status: $status, and $2 on record"
    elif [[ $recorded == yes ]]; then
        # 3: told to stop, or no time is left, before the next run has begun.
        [[ $status == 4 || ($status == 3 && $struck == launcher) ||
            ($status == 3 && $special == limit) ]] ||
            fail "status: $status, and no end on record"
    fi
    ((status != 0)) || claim_success "$1"
    [[ ${feeders[$1]} != bare ]] || ! is_calm "$1" ||
        grep -q newline "err.$1" || fail "fragment: no word of a missing newline"
    [[ $struck != nobody || ${sinks[$1]} != gone ]] || [[ $status =~ ^[013]$ ]] ||
        fail "status: $status, where the reader has gone"
    [[ $struck != nobody || ! ${sinks[$1]} =~ ^(full|device)$ ]] ||
        [[ $status =~ ^[014]$ ]] || fail "status: $status, where the disk is full"
}

# All of what was given has run, and is out.
claim_success() { # TRY
    local lines
    lines=$(fed_lines "$1")
    ran_well | sort -nu >well
    (($(awk -v n="$lines" '$1 <= n' well | wc -l) == lines)) ||
        fail "lost: success after $(wc -l <well) of $lines jobs"
    [[ $special != joblog || $1 -gt 0 ]] ||
        (($(grep -c $'\t' full/log) > $(added | grep -cE '^[0-9a-f]+ ok '))) ||
        fail "status: success, and a joblog that lacks lines"
}

# Those which ran to their end, of this list: by the journal, or, where there is
# none, by what is out.
ran_well() {
    if [[ $recorded == yes ]]; then
        on_record | cut -d ' ' -f 1
    else
        [[ $output != none ]] && all_output | sed -n 's/^end \([0-9]*\) .*/\1/p' ||
            cut -d ' ' -f 1 ran
    fi
}

# NUMBER TOKEN END of each attempt on record as a success: the first that has this
# id and has begun within its time, or, as clocks differ, shortly before. (One that
# was killed may have begun shortly before, too.)
on_record() {
    [[ -e J ]] || return 0
    awk -v slack=50000 '
        FILENAME == "ran" { n++; number[n] = $1; token[n] = $2; id[n] = $3; next }
        $2 == "ok" {
            found = before = 0
            for (i = 1; i <= n; i++) {
                if (id[i] != $3 || token[i] < $12 - slack ||
                    token[i] > $12 + $13 + slack)
                    continue
                if (token[i] < $12 && token[i] > token[before]) before = i
                if (token[i] >= $12 && (!found || token[i] < token[found])) found = i
            }
            if (!found) found = before
            if (found)
                printf "%s %s %.0f\n", number[found], token[found], $12 + $13
        }' ran J
}

all_output() {
    [[ $output == dir ]] && cat outputs/*.out 2>/dev/null || cat out full/out 2>/dev/null
}

# NUMBER TOKEN of each whole output. One that was ended may stop within a line.
outputs_there() {
    all_output | awk '
        { sub(/^x+out /, "out ") }
        $1 == "out" { number = $2; token = $3; bytes = $4; seen = -1; next }
        /^x*$/ { seen = length($0); next }
        $1 == "end" && $2 == number && $3 == token && seen == bytes {
            print number, token }'
}

claim_output() {
    [[ $output != none && $recorded == yes ]] || return 0
    # By hand mpirun takes with it what it has not passed on.
    [[ $starts == launcher || $output == dir ]] || return 0
    on_record | cut -d ' ' -f 1,2 | sort -u >recorded
    outputs_there | sort -u >there
    comm -23 recorded there >missing
    [[ -s missing ]] || return 0
    # With the master elsewhere it cannot be helped, but is said.
    ! { ((hosts == 2)) && [[ $first == h2 ]] && grep -qs 'may be missing' err.*; } ||
        return 0
    fail "output: on record, and not out: $(cut -d ' ' -f 1 missing | xargs)"
}

claim_no_second_run() {
    on_record | sort -n >recorded
    awk '
        FILENAME == "recorded" { if ($3 > end[$1]) end[$1] = $3; next }
        ($1 in end) && $2 > end[$1] + 50000 { print $1; exit 1 }' recorded ran ||
        fail "again: a job ran after it was on record"
}

# Of one command: what has failed for good does not run again by itself, and the
# limit is for all.
claim_failures() { # TRY
    added | awk '$2 == "failed" { print $3 }' | sort >failures
    [[ -z $(uniq -d failures) ]] ||
        fail "failures: for good, and again by a restart: $(uniq -d failures | xargs)"
    (($1 == strikes || $(wc -l <failures) <= most_failures + slaves * hosts)) ||
        fail "failures: $(wc -l <failures), with $most_failures at most"
}

# Of one command: it counts from its first run.
claim_limit() { # TRY
    local began last
    began=$(added | awk '$2 == "run" { print $6; exit }')
    last=$(tail -n 1 ran | cut -d ' ' -f 2)
    (($1 == strikes)) || [[ -z $began || -z $last ]] ||
        ((last - began < (8 * JS_PATIENCE + 3) * 1000000)) ||
        fail "limit: a job began $(((last - began) / 1000)) ms after the run"
}

claim_errors() { # TRY
    ! grep -E 'Sanitizer|runtime error:' "err.$1" || fail "a sanitizer complains"
    ! grep -E 'damaged|is inconsistent|not a jobsched journal' "err.$1" ||
        fail "the journal is damaged"
}

claim_all() { # TRY
    claim_errors "$1"
    ((status != 2)) || fail "status: refused, ${signals[$1]} to $struck"
    claim_whole "$1"
    [[ $special != failures ]] || claim_failures "$1"
    [[ $special != limit ]] || claim_limit "$1"
    [[ $recorded == no ]] || [[ $special == fresh && ! -e begun_anew ]] ||
        claim_no_second_run
    claim_status "$1"
    claim_output
}

# In the end: once each, all of them, and no trace of us.
claim_end() {
    if [[ $recorded == yes ]]; then
        on_record | cut -d ' ' -f 1 | sort -n >well
        [[ -z $(uniq -d well) ]] || fail "again: twice on record: $(uniq -d well | xargs)"
        (($(wc -l <well) + $(grep -cE ' 1 (\./job ){3}' jobs.txt) >= JOBS)) ||
            fail "lost: $(wc -l <well) of $JOBS jobs have run"
    fi
    [[ $starts != launcher ]] || claim_no_folder
}

# What was in use when the last run began is removed by the next.
claim_no_folder() {
    [[ -n $(folders_left) ]] || return 0
    echo true >one.txt
    COMMAND=(env "TMPDIR=$PWD/tmp" "JS_CHAOS=$MARK" "$JOBSCHED" -n 1 --no-journal one.txt)
    ((hosts == 1)) || on_host h1 "${COMMAND[@]:2}"
    "${COMMAND[@]}" >/dev/null 2>err.one </dev/null
    [[ -z $(folders_left) ]] || fail "left: $(folders_left | xargs)"
}

folders_left() {
    find tmp hosts/tmp.h1 . -maxdepth 1 -name '.jobsched*' 2>/dev/null
}

# ---------------------------------------------------------------- all of it

clean_up() {
    [[ -z ${reader-} ]] || kill "$reader" 2>/dev/null
    [[ -z ${feeder-} ]] || kill "$feeder" 2>/dev/null
    end_strays
    hosts_down 2>/dev/null
    umount full tmp 2>/dev/null
}

prepare() {
    mkdir tmp full spool
    touch out ran
    write_job
    write_list
    say_plan >plan
    [[ -z ${CHAOS_UNSHARED-} ]] || mount -t tmpfs -o size=12k none full
    [[ $special != tmpdir ]] || {
        touch "$tidiness"
        mount -t tmpfs -o size=32m none tmp
    }
    ((hosts == 1)) || make_hosts
    [[ $special != fresh ]] || run_before
}

make_hosts() {
    BATS_TEST_TMPDIR=$PWD
    no_hosts=
    hosts_up 2
    [[ -z $no_hosts ]] || fail "no hosts: $no_hosts"
    write_hostlist
}

# What --fresh starts over from: everything is done.
run_before() {
    env "JS_CHAOS=$MARK" "TMPDIR=$PWD/tmp" "$JOBSCHED" -n 2 --journal J --output none \
        jobs.txt >/dev/null 2>err.before </dev/null || fail "the run before"
    : >ran
}

one_run() {
    local try
    trap clean_up EXIT
    plan
    prepare
    for ((try = 0; try <= strikes; try++)); do
        run_once "$try"
        claim_all "$try"
        # Done before the last.
        ! is_calm "$try" || [[ $special == limit && $status -eq 3 ]] ||
            [[ $special == failures && $try -lt $strikes ]] || break
    done
    [[ $recorded == no ]] || claim_end
}
