# shellcheck shell=bash
# A job list is run under mpirun, and at a random moment a random process of the
# run is killed or stopped; the same command goes on, until the list is done. No
# run hangs, no job runs twice at once, and no process is left. In the end every
# job ran to success, none ran after it was recorded as finished, and the journal
# is valid.
# shellcheck disable=SC2154 # what chaos has set

JOBS=24
TRIES=40
HANGS=$PATIENCE

# A process of the run at random: of the launcher, the ranks, their runners and
# the jobs.
victim() {
    local all
    mapfile -t all < <(strays)
    ((${#all[@]} > 0)) && echo "${all[RANDOM % ${#all[@]}]}"
}

# Kills it; or stops it, for a while or until somebody ends it. Its name goes
# to $struck.
strike() {
    local pid
    pid=$(victim) || return 0
    struck=$(cat "/proc/$pid/comm" 2>/dev/null) || struck=gone
    echo "$(date +%s.%N) $struck $pid" >>strikes
    echo "$struck" >>struck
    if ((RANDOM % 3)); then
        kill -KILL "$pid" 2>/dev/null
        return
    fi
    kill -STOP "$pid" 2>/dev/null
    sleep "$((RANDOM % 3)).$((RANDOM % 10))"
    kill "-$( ((RANDOM % 2)) && echo CONT || echo KILL)" "$pid" 2>/dev/null
}

# ---------------------------------------------------------------- one run

# Each job tells when it starts, and if it is not alone; some wait for others,
# write much, or are wide. A lock is held until the last process of a job ends.
write_jobs() {
    local i what list
    for ((i = 1; i <= JOBS; i++)); do
        list="name=j$i"
        ((i > 3 && RANDOM % 4 == 0)) && list+=" after=j$((i - 1 - RANDOM % 3))"
        ((RANDOM % 8 == 0)) && list+=" cores=2"
        what="sleep 0.$((RANDOM % 3))$((RANDOM % 10))"
        ((RANDOM % 6 == 0)) && what+="; head -c $((RANDOM * 10)) /dev/zero"
        echo "[$list] exec 9>>lock.$i; flock -n 9 || echo $i >>twice;" \
            "date +%s%N >>ran.$i; $what"
    done >jobs.txt
}

starts() {
    cat ran.* 2>/dev/null | wc -l
}

# Until one more job has started, or the run is over.
wait_for_start() { # STARTS BEFORE, FARM
    while (($(starts) <= $1)) && kill -0 "$2" 2>/dev/null; do
        sleep 0.05
    done
}

# The exit status goes to $status.
run_once() {
    local options slaves=$((1 + RANDOM % 3)) before began=$SECONDS
    # A slave may have all slots of its node.
    local slots=$((1 + (RANDOM % 2) * 3))
    recovers=$((RANDOM % 2)) struck=
    options=("${PLAIN[@]}")
    ((RANDOM % 2)) && options=("${LAUNCH[@]}")
    ((recovers)) && options+=("${RECOVERING[@]}")
    before=$(starts)
    # One that takes no notice of SIGTERM is killed.
    env "JS_CHAOS=$MARK" timeout --kill-after=8 "$HANGS" "$MPIRUN" "${options[@]}" \
        -np $((slaves + 1)) "$JOBSCHED" jobs.txt --slots "$slots" --slave-timeout "$JS_PATIENCE" \
        --start-timeout "$((12 * JS_PATIENCE))" --grace 0.2 >out 2>err </dev/null &
    local farm=$!
    if (($1 < TRIES / 2)); then
        ((RANDOM % 2)) && wait_for_start "$before" "$farm"
        sleep "$((RANDOM % 2)).$((RANDOM % 10))$((RANDOM % 10))"
        strike
    fi
    status=0
    wait "$farm" 2>/dev/null || status=$?
    ((SECONDS - began < HANGS)) || fail "a run did not end"
}

# Where the launcher and the ranks were left alone, its status is what jobsched
# has recorded (under the recovery of Open MPI 4 it is always 0).
check_status() {
    local recorded
    recorded=$(end_status)
    case $struck in
    "$LAUNCHER_NAME" | "$PROGRAM" | jobsched-runner) return ;;
    '') [[ $recorded == 0 ]] || fail "undisturbed, a run ended with $recorded" ;;
    *) [[ $recorded =~ ^[01]$ ]] || fail "a job was struck: $recorded" ;;
    esac
    ((recovers)) && [[ $MPI == 'Open MPI 4.'* ]] && recorded=0
    [[ $status == "$recorded" ]] || fail "exit status $status, not $recorded"
}

# The exit status that the last run has recorded, if it came to that.
end_status() {
    tail -n 1 jobs.txt.journal 2>/dev/null | awk '$2 == "end" { print $3 }'
}

check_jobs() {
    local i
    for ((i = 1; i <= JOBS; i++)); do
        local records last finished
        records=$(grep -cE "^[0-9a-f]{8} ok $i " jobs.txt.journal)
        [[ $records -eq 1 ]] || fail "job $i is recorded $records times"
        # Nanoseconds of its last start, and of the end that is on record.
        last=$(tail -n 1 "ran.$i")
        finished=$(awk -v id="$i" '$2 == "ok" && $3 == id {
            printf "%.0f\n", ($12 + $13) * 1000 }' jobs.txt.journal)
        ((last <= finished)) || fail "job $i ran after it was finished"
    done
}

one_run() {
    local i
    RANDOM=$seed
    write_jobs
    for ((i = 0; i < TRIES; i++)); do
        run_once "$i"
        none_left 15 || fail "processes are left"
        [[ ! -e twice ]] || fail "jobs ran twice at once: $(xargs <twice)"
        ! grep -E 'Sanitizer|runtime error:' err || fail "a sanitizer complains"
        check_status
        ! grep -E 'damaged|is inconsistent|not a jobsched journal' err ||
            fail "the journal is damaged"
        [[ $(end_status) == 0 ]] && break
    done
    [[ $(end_status) == 0 ]] || fail "not done after $TRIES runs"
    check_jobs
    "$JOBSCHED" --dry-run jobs.txt >out 2>err || fail "the journal is not valid"
    [[ ! -s out ]] || fail "jobs are left"
}
