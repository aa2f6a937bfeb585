#!/usr/bin/env bats
# A stream without end in sight.

load ../common

@test "long stream: ten million jobs start at once, in constant memory" {
    mkfifo fifo
    exec 7<>fifo
    LIMIT=600 farm_start 2 - --joblog log <fifo
    { seq 10000000 | sed 's/.*/true/'; } >fifo 3>&- 7>&- &
    local writer=$!
    exec 7>&-
    # It would take hours to read them all first.
    wait_until "$PATIENCE" has_lines log 2 $'\ttrue\t'
    local rank pid base now i
    for i in $(seq 13); do
        sleep 5 # the distance between two samples
        for rank in 0 1 2; do
            pid=$(rank_pid $rank)
            now=$(proc_status "$pid" VmRSS)
            echo "rank $rank: $now KiB, $(wc -l <log) jobs"
            # What has been read once is mapped: the first sample counts.
            [[ $i -gt 1 ]] || echo "$now" >"base.$rank"
            base=$(cat "base.$rank")
            between "$now" 1 $((base + 4096))
        done
    done
    claim kill -0 "$writer"
    claim test "$(wc -l <log)" -gt 10000
    kill "$FARM"
    farm_end
    nothing_left
}
