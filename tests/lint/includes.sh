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
    sees["core"] = " base "
    sees["node"] = " base core "
    sees["record"] = " base core "
    sees["mpi"] = " base core jobsched.h "
    sees["jobsched.c"] = " base core node record mpi jobsched.h "
    sees["cli"] = " base core record jobsched.h "
    more["src/cli/kin.c"] = " node "
    # Two of mpi see more than their folder does; what they see goes no
    # further than to each itself and to the place that wires all together.
    more["src/mpi/slave.c"] = more["src/mpi/slave.h"] = " node "
    more["src/mpi/slave_setup.c"] = more["src/mpi/slave_setup.h"] = " node "
    more["src/mpi/master.c"] = more["src/mpi/master.h"] = " record "
    inner["mpi/slave.h"] = "^src/mpi/slave[.]c$|^src/jobsched[.]c$"
    inner["mpi/master.h"] = "^src/mpi/master[.]c$|^src/jobsched[.]c$"
    # System headers that have a place of their own.
    place["mpi.h"] = "^src/mpi/|^src/jobsched[.]c$|^tests/"
    place["hwloc"] = "^src/node/topo[.]c$"
    place["getopt.h"] = "^src/cli/"
    place["CUnit"] = "^tests/"
}

function breach(why) {
    printf "%s:%d: %s\n", FILENAME, FNR, why
    broken = 1
}

# "src/core/job.c" -> "core", "src/jobsched.c" -> "jobsched.c"
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
