#!/usr/bin/env bats
# The report of many jobs.

load ../common
load ../browser

# Milliseconds until what this does is on the screen, at most of several times.
drawn_ms() { # STATEMENTS
    jq -n --arg act "$1" '{args: [], script: ("
        const done = arguments[0];
        let most = 0, left = 8;
        (function again() {
            const begin = performance.now();
            " + $act + "
            requestAnimationFrame(() => setTimeout(() => {
                most = Math.max(most, performance.now() - begin);
                if (--left) again(); else done(Math.round(most));
            }));
        }());")}' | browser_ask POST execute/async
}

# bats test_tags=alone
@test "long report: 50,000 jobs are read, zoomed and searched at once" {
    seq 50000 | sed 's/.*/: & of a sweep, and some more words/' >jobs.txt
    LIMIT=600 farm 2 jobs.txt
    status_is 0
    # A journal's own time to be read is part of it.
    claim timeout 20 "$JOBSCHED" --report run.html jobs.txt
    browser_start 1280 900
    SECONDS=0
    browser_open run.html
    between "$SECONDS" 0 20
    equal "$(browser_text '[data-figure=succeeded] dd' | tr -dc 0-9)" 50000
    between "$(drawn_ms "document.getElementById('zoom-in').click();")" 1 400
    between "$(drawn_ms "document.getElementById('zoom-out').click();")" 1 400
    between "$(drawn_ms "const box = document.getElementById('search');
        box.value = '4999';
        box.dispatchEvent(new KeyboardEvent('keydown', {key: 'Enter'}));")" 1 1500
    equal "$(browser_text '#found')" "$(grep -c 4999 jobs.txt) jobs"
    browser_is_content
    browser_end
}
