#!/usr/bin/env bats
# Output in quantity.

load ../common

@test "long output: a thousand jobs of two slaves, 64 lines each, slowly" {
    seq 1000 | sed "s|.*|$JS_HELPERS/print_lines job& 64 1000|" >jobs.txt
    LIMIT=600 farm 2 jobs.txt
    status_is 0
    # One line a block: "64 job7".
    cut -d ' ' -f 1 out | uniq -c | awk '{ print $1, $2 }' >blocks
    equal "$(grep -cv '^64 ' blocks)" 0
    equal "$(cut -d ' ' -f 2 blocks | sort -u | wc -l)" 1000
    equal "$(wc -l <blocks)" 1000
    # ... and each block from 1 to 64.
    awk '$2 != (NR - 1) % 64 + 1 { exit 1 }' out
}

@test "long output: 2 GiB of one job, in less than 100 MiB of the master" {
    local bytes=$((2 << 30)) peak=0 now
    # What it prints waits there.
    if (($(df --output=avail -B1 . | tail -n 1) < bytes + (1 << 30))); then
        skip "needs 3 GiB free in $PWD"
    fi
    echo "$JS_HELPERS/spew $bytes" >jobs.txt
    LIMIT=1500 farm_command 1 jobs.txt --tmpdir "$PWD"
    mkfifo pipe
    sha256sum <pipe >sum 3>&- &
    local reader=$!
    "${COMMAND[@]}" >pipe 2>err 3>&- &
    FARM=$!
    until is_gone "$FARM"; do
        # The peak of its memory. The process may just have ended.
        now=$(proc_status "$(rank_pid 0)" VmHWM 2>/dev/null) || true
        peak=${now:-$peak}
        sleep 0.2
    done
    farm_end
    wait "$reader"
    status_is 0
    echo "the master's peak: $peak KiB"
    between "$peak" 1000 $((100 * 1024))
    equal "$(cut -d ' ' -f 1 sum)" \
        "$("$JS_HELPERS/spew" "$bytes" | sha256sum | cut -d ' ' -f 1)"
}

@test "long output: a reader that is slow, and much for it" {
    seq 400 | sed "s|.*|$JS_HELPERS/spew 1000000 &|" >jobs.txt
    LIMIT=900 farm_command 2 jobs.txt --joblog log
    "${COMMAND[@]}" 2>err 3>&- | while head -c 4000000 >piece &&
        test -s piece; do
        cat piece
        sleep 0.05
    done >out
    equal "${PIPESTATUS[0]}" 0
    # In the order in which they finished.
    tail -n +2 log | cut -f 9 | sh | cmp - out
}
