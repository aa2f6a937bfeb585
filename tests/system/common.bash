# shellcheck shell=bash
# What the system tests share: farms (mpirun and all below it), their
# processes, and waiting for a condition. Each test works in a folder of its
# own. A farm's stdout and stderr are in the files `out` and `err` there.

bats_require_minimum_version 1.5.0

ROOT=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd)
: "${JOBSCHED:=$ROOT/jobsched}"
: "${JS_HELPERS:=$ROOT/build/release/helpers}"
: "${JS_BENCH:=$ROOT/build/release/bench}"
export JOBSCHED JS_HELPERS JS_BENCH
load "$ROOT/tests/system/launcher"

# Whatever the caller may be part of is not the farm's business.
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export LC_ALL=C
unset OMP_NUM_THREADS TMPDIR

# "Hung", for anything that is waited for, in seconds; and for a run. A machine
# that has much else to do gets JS_PATIENCE times as long (tests/loaded); so do
# leases and limits that must not be over before what a test waits for.
: "${JS_PATIENCE:=1}"
export JS_PATIENCE
PATIENCE=$((90 * JS_PATIENCE))

# A job's way to wait until the test says `touch go`.
export HOLD='until test -e go; do sleep 0.05; done'

setup() {
    cd "$BATS_TEST_TMPDIR" || return
    exec </dev/null
    # Every process of a farm has this in its environment; what clears that
    # is given it as an argument.
    MARK=js-mark-$$-$RANDOM$RANDOM
    FARM=
    MOUNTS=()
    HOME_OF_TEST=
    echo "$MARK" >mark
}

teardown() {
    farm_teardown
}

# grep, but without a failure if nothing matches. A bad pattern is still a failure.
grep_any() {
    grep "$@" || (($? == 1))
}

# Writes to the file until its disk is full.
fill_disk() { # FILE
    ! cat /dev/zero 2>/dev/null >"$1"
}

farm_teardown() {
    if [[ -z ${BATS_TEST_COMPLETED-} ]]; then
        show_file out
        show_file err
    fi
    # The following processes may have ended by themselves; the rest must be cleaned
    # up in any case.
    if [[ -n $FARM ]]; then
        kill "$FARM" 2>/dev/null || true
        wait_until "$PATIENCE" is_gone "$FARM" || true
    fi
    local pid
    for pid in $(marked); do
        kill -KILL "$pid" 2>/dev/null || true
    done
    local folder
    for folder in "${MOUNTS[@]}"; do
        umount --lazy "$folder" || true
    done
    if [[ -n $HOME_OF_TEST ]]; then
        cd / && rm -rf "$HOME_OF_TEST"
    fi
}

show_file() {
    test -s "$1" || return 0
    echo "--- $1 ($(wc -c <"$1") bytes), its end:"
    tail -c 3000 "$1" | tail -n 40 | cat -v | cut -c 1-200
}

# ---------------------------------------------------------------- farms

# When a run has hung; LIMIT is for one that is longer than others.
limit() {
    echo "$((${LIMIT:-60} * JS_PATIENCE))"
}

# Sets COMMAND: a master and $1 slaves with the arguments that follow.
farm_command() {
    local slaves=$1
    shift
    COMMAND=(env "JS_MARK=$MARK" timeout --kill-after=10 "$(limit)" "$MPIRUN"
        "${LAUNCH[@]}" -np $((slaves + 1)) "$JOBSCHED" "$@")
}

# The same, with the master's own files redirected by the shell: what goes
# through mpirun keeps no order between stdout and stderr, and mpirun itself
# ends a run whose reader has gone.
farm_command_redirected() { # '>FILE ...' N ARGUMENT...
    farm_command_wrapped "exec \"\$0\" \"\$@\" $1" "${@:2}"
}

# The same, with the master started by a shell command in which "$0" "$@" is its
# command line.
farm_command_wrapped() { # COMMAND N ARGUMENT...
    local slaves=$2
    COMMAND=(env "JS_MARK=$MARK" timeout --kill-after=10 "$(limit)" "$MPIRUN"
        "${LAUNCH[@]}" -np $((slaves + 1))
        sh -c "test \"\$$RANK_VARIABLE\" != 0 || $1; exec \"\$0\" \"\$@\""
        "$JOBSCHED" "${@:3}")
}

# The same, with the standard output of all ranks appended to one file.
farm_command_appending() { # FILE N ARGUMENT...
    local file=$1 slaves=$2
    shift 2
    COMMAND=(env "JS_MARK=$MARK" timeout --kill-after=10 "$(limit)" "$MPIRUN"
        "${LAUNCH[@]}" -np $((slaves + 1)) sh -c "exec \"\$0\" \"\$@\" >>$file"
        "$JOBSCHED" "$@")
}

# The literal blocks of a section, or of a subsection, of jobsched(PAGE), as a
# reader sees them.
manual_shows() { # PAGE SECTION
    awk -v "section=$2" '
        /^[.]Sh / { is_chapter = is_here = substr($0, 5) == section }
        /^[.]Ss / { is_here = is_chapter || substr($0, 5) == section }
        /^[.]Bd -literal/ { is_block = is_here; next }
        /^[.]Ed/ { is_block = 0 }
        is_block' "$ROOT/src/cli/doc/jobsched.$1.in" |
        sed -e 's/\\&//g' -e 's/\\e/\\/g'
}

# The names of the variables in a subsection of jobsched(1).
manual_variables() { # SUBSECTION
    sed -n "/^[.]Ss $1\$/,/^[.]S[sh] /p" "$ROOT/src/cli/doc/jobsched.1.in" |
        sed -n 's/^[.]It Ev //p' | tr ' ,' '\n\n' | grep . | LC_ALL=C sort -u
}

# The command in the comment of a hostfile that begins so, which the manual shows
# as well.
documented() { # HOSTFILE BEGIN
    local command
    command=$(sed -n "s|^#     \($2.*\)\$|\1|p" "$ROOT/hostfiles/$1")
    manual_shows 7 HOSTS | grep -qxF "${command/.\/jobsched/jobsched}" &&
        echo "$command"
}

# What a user has there: ./jobsched, and a hostfile under this name.
make_tree() { # HOSTFILE NAME
    mkdir hostfiles
    cp "$ROOT/hostfiles/$1" "hostfiles/$2"
    ln -s "$JOBSCHED" jobsched
}

# make, of the tree, with the program and the library under test: neither is
# built. What else make builds is below ./doc.
make_with() { # ARGUMENT...
    local program library
    program=$(realpath --relative-to="$ROOT" "$JOBSCHED")
    library=$(realpath --relative-to="$ROOT" \
        "${JS_HELPERS%/helpers}/libjobsched.a")
    env -i PATH="$PATH" HOME="$HOME" JS_MARK="$MARK" make -C "$ROOT" \
        --no-print-directory JOBSCHED="$program" LIBRARY="$library" \
        DOC="$PWD/doc" -o "$program" -o "$library" "$@" >out 2>err 3>&-
}

# farm N ARGUMENT...: runs to its end; the exit status goes to $status.
farm() {
    farm_command "$@"
    farm_run
}

# The same; the standard output is in `out` as it was written, whatever the
# launcher makes of it.
farm_whole() {
    if keeps_streams_apart; then
        farm "$@"
    else
        farm_command_redirected '>whole' "$@"
        farm_run
        mv whole out
    fi
}

farm_run() {
    status=0
    "${COMMAND[@]}" >out 2>err 3>&- || status=$?
    no_complaint
}

# Of a sanitizer: the exit status does not tell, where mpirun has its own.
no_complaint() {
    lacks err 'Sanitizer|runtime error:'
}

# farm_start N ARGUMENT...: in the background; its process is $FARM. Standard
# input is that of the caller; descriptor 7 stays with the test, which may hold
# the writing end of a FIFO there.
farm_start() {
    farm_command "$@"
    farm_run_in_background
}

farm_run_in_background() {
    # What an earlier farm said is not taken for this one's.
    rm -f out err
    "${COMMAND[@]}" <&0 >out 2>err 3>&- 7>&- &
    FARM=$!
}

# Waits for the end of the farm in the background.
farm_end() {
    wait_until "${1:-$PATIENCE}" is_gone "$FARM"
    status=0
    wait "$FARM" || status=$?
    FARM=
    no_complaint
}

# jobsched alone, by a shell; its process is $FARM.
launched_start() { # COMMAND, in which $JS is jobsched
    env "JS_MARK=$MARK" "JS=timeout --kill-after=10 $PATIENCE $JOBSCHED" \
        bash -c "$1" >out 2>err 3>&- 7>&- &
    FARM=$!
}

launched() { # COMMAND
    launched_start "$1" </dev/null
    farm_end
}

mpirun_pid() {
    pgrep -P "$FARM" -x "$LAUNCHER_NAME"
}

# The process of rank $1.
rank_pid() {
    local pid parent
    parent=$(mpirun_pid) || return
    [[ -z $RANK_PARENT ]] ||
        parent=$(pgrep -P "$parent" -x "$RANK_PARENT") || return
    for pid in $(pgrep -P "$parent"); do
        if has_variable "$pid" "$RANK_VARIABLE=$1"; then
            echo "$pid"
            return
        fi
    done
    return 1
}

# The process that starts the jobs of slave $1.
runner_pid() {
    local rank
    rank=$(rank_pid "$1") && pgrep -P "$rank" -x jobsched-runner
}

has_variable() { # PID NAME=VALUE
    local variable
    # Without a process of its own: it is asked about many.
    {
        while IFS= read -r -d '' variable; do
            [[ $variable != "$2" ]] || return 0
        done <"/proc/$1/environ"
    } 2>/dev/null
    return 1
}

# The process of rank $1 of a run that jobsched launches, once it is there.
launched_rank() {
    local pid
    for pid in $(marked); do
        if has_variable "$pid" "$RANK_VARIABLE=$1" &&
            [[ $(cat "/proc/$pid/comm") == jobsched ]]; then
            echo "$pid"
            return
        fi
    done
    return 1
}

# ---------------------------------------------------------------- waiting

# wait_until SECONDS COMMAND...: until the command succeeds. The time is only
# an upper bound that means "hung". To look costs the others time: after a while
# it does so less often.
wait_until() {
    local end=$((SECONDS + $1)) looks=0 pauses=(0.02 0.05 0.1)
    shift
    until "$@" >/dev/null; do
        if ((SECONDS >= end)); then
            echo "in vain waited for: $*"
            return 1
        fi
        sleep "${pauses[looks < 20 ? 0 : looks < 50 ? 1 : 2]}"
        looks=$((looks + 1))
    done
}

exists() {
    test -e "$1"
}

# How often the process has gone to sleep.
sleeps_of() { # PID
    proc_status "$1" voluntary_ctxt_switches
}

has_slept() { # PID TIMES
    (($(sleeps_of "$1") >= $2))
}

# turns COUNT PID...: until each of these ranks has gone to sleep so often again:
# a turn of its loop each, some two hundred a second where it has nothing to do.
# What it would do about something of its own accord it has done by then, however
# busy the machine is.
turns() {
    local count=$1 pid
    local -A wanted
    shift
    for pid; do wanted[$pid]=$(($(sleeps_of "$pid") + count)); done
    for pid; do
        wait_until "$PATIENCE" has_slept "$pid" "${wanted[$pid]}" || return
    done
}

# A zombie is gone: its parent has not looked yet.
is_gone() {
    local stat
    { read -r stat <"/proc/$1/stat"; } 2>/dev/null || return 0
    [[ ${stat##*) } == Z* ]]
}

# True if there are at least $2 lines in file $1 that match $3.
has_lines() {
    local count
    count=$(grep -cE -- "$3" "$1" 2>/dev/null)
    ((${count:-0} >= $2))
}

# Processes that carry the mark in their arguments or environment. The search
# itself must not carry it.
marked() {
    env -i PATH="$PATH" grep -slaF -f "$BATS_TEST_TMPDIR/mark" \
        /proc/[0-9]*/cmdline /proc/[0-9]*/environ |
        cut -d / -f 3 | sort -un
}

none_marked() {
    test -z "$(marked)"
}

# Nothing that the farm or its jobs have started is there any more.
nothing_left() {
    wait_until "${1:-$PATIENCE}" none_marked || {
        local pid
        for pid in $(marked); do
            ps -o pid,ppid,pgid,sid,stat,args -p "$pid" | tail -n +2
        done
        return 1
    }
}

# ---------------------------------------------------------------- cores

# The kernel's word for it, e.g. "0-1".
export ALLOWED="grep Cpus_allowed_list /proc/self/status | cut -f 2"

allowed_here() {
    grep Cpus_allowed_list /proc/self/status | cut -f 2
}

# How many CPUs there are in lists such as "0-2,5".
count_cpus() {
    tr ',' '\n' | awk -F - '{ n += $NF - $1 + 1 } END { print n }'
}

cores_here() {
    local cpu
    for cpu in $(allowed_here | tr ',' '\n' |
        awk -F - '{ for (i = $1; i <= $NF; i++) print i }'); do
        cat "/sys/devices/system/cpu/cpu$cpu/topology/core_cpus_list" \
            2>/dev/null || echo "$cpu"
    done | sort -u | wc -l
}

need_two_cores() {
    [[ $(cores_here) -ge 2 ]] || skip "this machine has only one core"
}

# ---------------------------------------------------------------- claims

# claim COMMAND...: fails with a word about it. (A failing [[ or (( in the
# middle of a test says nothing of what it saw.)
claim() {
    "$@" || {
        echo "not so: $*"
        return 1
    }
}

status_is() {
    [[ $status -eq $1 ]] || {
        echo "exit status $status, not $1"
        return 1
    }
}

equal() {
    [[ $1 == "$2" ]] || {
        printf 'got:  %q\nwant: %q\n' "$1" "$2"
        return 1
    }
}

# contains FILE REGEX
contains() {
    grep -qaE -- "$2" "$1" || {
        echo "$1 has no line that matches: $2"
        return 1
    }
}

lacks() {
    ! grep -aE -- "$2" "$1" || {
        echo "$1 has a line that matches: $2"
        return 1
    }
}

# between NUMBER LEAST MOST
between() {
    awk -v x="$1" -v a="$2" -v b="$3" 'BEGIN { exit !(x >= a && x <= b) }' || {
        echo "$1 is not between $2 and $3"
        return 1
    }
}

# field FILE JOB COLUMN: of a joblog.
field() {
    awk -F '\t' -v id="$2" -v name="$3" '
        NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) at = i; next }
        $1 == id { print $at }' "$1"
}

# A number of /proc/PID/status, in its unit.
proc_status() {
    sed -n "s/^$2:[[:space:]]*\([0-9]*\).*/\1/p" "/proc/$1/status"
}

# Not in a subshell: it skips the test.
need_programs() {
    local program
    for program; do
        command -v "$program" >/dev/null || skip "no $program here"
    done
}

need_root() {
    [[ $(id -u) -eq 0 ]] || skip "only root can $1"
}

# What root may do anyway shows with another user: USER_COMMAND, in front of a
# command, makes it that user's, in a folder that is that user's.
as_ordinary_user() {
    if [[ $(id -u) -eq 0 ]]; then
        # It must reach the program and its own folder.
        HOME_OF_TEST=$(mktemp -d /tmp/jobsched-test.XXXXXX)
        cp "$JOBSCHED" "$HOME_OF_TEST/jobsched"
        chown -R nobody "$HOME_OF_TEST"
        chmod 755 "$HOME_OF_TEST" "$HOME_OF_TEST/jobsched"
        JOBSCHED=$HOME_OF_TEST/jobsched
        cd "$HOME_OF_TEST" || return
        USER_COMMAND=(setpriv --reuid nobody --clear-groups --no-new-privs
            env "HOME=$HOME_OF_TEST")
    else
        # shellcheck disable=SC2034 # for the tests
        USER_COMMAND=()
    fi
}

# A file system of its own, with these mount options, at $1.
mount_tmpfs() {
    need_root "mount a small file system to fill it up"
    mkdir -p "$1"
    mount -t tmpfs -o "$2" none "$1" 2>mount.err ||
        skip "this machine lets root mount nothing: $(cat mount.err)"
    MOUNTS+=("$PWD/$1")
}

need_ptrace() {
    need_programs strace
    strace -o /dev/null true 2>/dev/null || skip "strace may trace nothing here"
}
