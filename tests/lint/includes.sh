#!/bin/sh
# includes.sh [ROOT] - who may include what. Silent if nobody breaks a rule;
# else one line a breach, and exit 1.
set -eu
cd "${1:-$(dirname "$0")/../..}"

files=$(find src include tests -name '*.[ch]' 2>/dev/null | LC_ALL=C sort)
[ -n "$files" ] || { echo "includes.sh: no sources in $PWD" >&2; exit 1; }

# shellcheck disable=SC2086 # file names of the project have no blanks
awk '
BEGIN {
    # Folder under src: which others it sees besides itself.
    sees["base"] = " "
    sees["list"] = " base "
    sees["node"] = sees["record"] = " base list "
    sees["sched"] = " base list jobsched.h "
    sees["runner"] = " base list node "
    sees["mpi"] = " base list sched node jobsched.h "
    sees["run"] = " base list sched node record runner mpi jobsched.h "
    sees["launch"] = " base node record jobsched.h "
    sees["cli"] = " base list sched record launch jobsched.h "
    # The two ends of a run see more than their folder does; what they show of
    # that goes no further than to the place that wires all together.
    more["src/mpi/slave.c"] = more["src/mpi/slave.h"] = " runner "
    more["src/mpi/slave_jobs.c"] = more["src/mpi/slave_private.h"] = " runner "
    more["src/mpi/slave_setup.c"] = more["src/mpi/slave_setup.h"] = " runner "
    more["src/mpi/master.c"] = more["src/mpi/master.h"] = " record "
    more["src/mpi/master_private.h"] = more["src/mpi/meeting.c"] = " record "
    more["src/mpi/master_news.c"] = " record "
    inner["mpi/slave.h"] = "^src/mpi/slave_private[.]h$|^src/run/"
    inner["mpi/slave_private.h"] = "^src/mpi/slave(_jobs)?[.]c$"
    inner["mpi/slave_setup.h"] = "^src/mpi/slave_|^src/run/"
    inner["mpi/master.h"] = "^src/mpi/master(_private[.]h|[.]c)$|^src/run/"
    inner["mpi/master_private.h"] = "^src/mpi/(master|master_news|meeting)[.]c$"
    # System headers that have a place of their own.
    place["mpi.h"] = "^src/mpi/|^src/run/|^tests/"
    place["hwloc"] = "^src/node/topo[.]c$"
    place["getopt.h"] = "^src/cli/"
    place["CUnit"] = "^tests/"
}

function breach(why) {
    printf "%s:%d: %s\n", FILENAME, FNR, why
    broken = 1
}

# "src/list/job.c" -> "list"
function folder_of(file, part) {
    split(file, part, "/")
    return part[2]
}

function check_ours(to, from) {
    if (FILENAME !~ /^src\//)
        return
    from = folder_of(FILENAME)
    if (!(from in sees))
        breach("no rule says what src/" from " may include")
    else if (to != from && !index(sees[from] more[FILENAME], " " to " "))
        breach(from " may not include " header)
    else if (header in inner && FILENAME !~ inner[header])
        breach("not for this file: " header)
}

function check_system(key) {
    for (key in place) {
        if (header ~ ("^" key "([/.]|$)") && FILENAME !~ place[key])
            breach(header " has no place here")
    }
}

/^[ \t]*#[ \t]*include/ {
    line = $0
    sub(/^[ \t]*#[ \t]*include[ \t]*/, "", line)
    if (line !~ /^("[^"]+"|<[^>]+>)/) {
        breach("an include that cannot be read: " line)
        next
    }
    header = substr(line, 2)
    sub(/[">].*/, "", header)
    split(header, part, "/")
    if (header ~ /(^|\/)[.][.]?\//)
        breach("not a path from src: " header)
    else if (part[1] in sees || header == "jobsched.h")
        check_ours(part[1])
    else if (line ~ /^"/ && FILENAME !~ /^tests\//)
        breach("not a path from src: " header)
    else
        check_system()
    if (FILENAME ~ /^include\// && line ~ /^"/)
        breach("the public header includes " header)
}

END { exit broken }
' $files >&2
