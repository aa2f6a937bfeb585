#!/bin/sh
# symbols.sh ARCHIVE - a static library hides nothing, so all that it exports
# carries one of our prefixes: jobsched_ what is public, js_ the rest. And behind
# js_ stands the name of the file, or another noun that the file is known for; what
# reads another tool's list (src/list/from) may say js_from_.
set -eu
nm=$(nm -A -g --defined-only "$1")
[ -n "$nm" ] || { echo "symbols.sh: $1 exports nothing" >&2; exit 1; }
printf '%s\n' "$nm" | awk '
    # Nouns beside the name of the file.
    BEGIN {
        also["allocator"] = "allocation request"
        also["attributes"] = "defaults strings"
        also["background"] = "bgsync task watchdog worker"
        also["backlog"] = "log_histogram"
        also["backlog_room"] = "backlog"
        also["completion"] = "output_tail summary"
        also["conflicts"] = "lineage"
        also["delivery"] = "console"
        also["file"] = "fd"
        also["err"] = "errno invariant log"
        also["graph_check"] = "graph"
        also["graph_groups"] = "graph"
        also["graph_questions"] = "graph"
        also["job"] = "identity request"
        also["job_io"] = "job_files job_folder job_hostfile job_output"
        also["journal_load"] = "journal"
        also["link"] = "backoff"
        also["main"] = "runner"
        also["mca"] = "mpi"
        also["memory"] = "cgroup oom"
        also["pack"] = "cursor fields unpack"
        also["mpirun"] = "rank_command"
        also["nodes"] = "allocation node"
        also["process"] = "mark"
        also["progress"] = "display eta"
        also["procs"] = "leftovers others pids"
        also["ready_queue"] = "job lanes"
        also["slurm"] = "requeue"
        also["subprocess"] = "descendants limits"
        also["spawn"] = "direct_exec"
        also["table"] = "idmap strmap"
        also["text"] = "host"
        also["units"] = "format parse"
        also["warnings"] = "shline"
        also["wire"] = "tag"
        # The readers in src/list/from.
        split("disbatch glost greasy launcher parallel_joblog pmc " \
              "pylauncher slurm", tools, " ")
        for (i in tools)
            also[tools[i]] = also[tools[i]] " from_" tools[i]
    }
    NF == 3 {
        split($1, part, ":")
        file = part[2]
        sub(/[.]o$/, "", file)
        if ($3 ~ /^jobsched_/)
            next
        nouns = split(file " from_" file " " also[file], noun, " ")
        for (i = 1; i <= nouns; i++)
            if (index($3, "js_" noun[i]) == 1)
                next
        print "symbols.sh: " file ".c exports " $3 > "/dev/stderr"
        failed = 1
    }
    END { exit failed }'
