# shellcheck shell=bash
# A browser for the tests: headless Chromium, driven through chromedriver in the
# words of W3C WebDriver, with curl and jq. It carries the mark of the test, so
# nothing of it outlives that.

# browser_start WIDTH HEIGHT [ARGUMENT...]
browser_start() {
    need_programs chromium chromedriver curl jq
    local arguments=(--headless --no-sandbox --disable-gpu
        --disable-dev-shm-usage "--user-data-dir=$PWD/profile"
        "--window-size=$1,$2" "${@:3}")
    env "JS_MARK=$MARK" HOME="$PWD" chromedriver --port=0 >driver.log 2>&1 \
        </dev/null 3>&- &
    DRIVER=$!
    wait_until "$PATIENCE" driver_port
    BROWSER=http://127.0.0.1:$(driver_port)/session
    printf '%s\n' "${arguments[@]}" | jq -R . | jq -s '
        {capabilities: {alwaysMatch: {
            "goog:loggingPrefs": {browser: "ALL"},
            "goog:chromeOptions": {args: .}}}}' >request
    BROWSER+=/$(browser_ask POST '' <request | jq -r .sessionId)
}

driver_port() {
    grep -oE 'successfully on port [0-9]+' driver.log | grep -oE '[0-9]+$'
}

browser_end() {
    browser_ask DELETE '' </dev/null >/dev/null
    kill "$DRIVER"
    wait "$DRIVER" || true # its status may be that of the signal
    nothing_left
}

# browser_ask METHOD PATH: the body on stdin; prints the value of the answer.
browser_ask() {
    local body=(--data-binary @-)
    [[ $1 == POST ]] || body=()
    curl --silent --show-error --max-time 60 --noproxy '*' -X "$1" \
        -H 'Content-Type: application/json' "${body[@]}" \
        "$BROWSER${2:+/$2}" >answer || return
    if jq -e '.value | objects | has("error")' answer >/dev/null; then
        jq -r .value.message answer >&2
        return 1
    fi
    jq -c .value answer
}

browser_open() { # FILE
    jq -n --arg url "file://$PWD/$1" '{url: $url}' |
        browser_ask POST url >/dev/null
}

# What an expression of JavaScript is, as text.
browser_eval() { # EXPRESSION
    jq -n --arg script "return ($1);" '{script: $script, args: []}' |
        browser_ask POST execute/sync | jq -r .
}

# The text of the first element that this selects.
browser_text() { # SELECTOR
    browser_eval "document.querySelector('$1').textContent"
}

# The pointer goes there, and clicks with a third argument.
browser_point() { # X Y [click]
    jq -n --argjson x "$1" --argjson y "$2" --arg click "${3-}" '
        {actions: [{type: "pointer", id: "mouse", actions: ([
            {type: "pointerMove", x: $x, y: $y}] +
            if $click == "" then [] else [
                {type: "pointerDown", button: 0},
                {type: "pointerUp", button: 0}] end)}]}' |
        browser_ask POST actions >/dev/null
}

# A drag along a line from one place to the other.
browser_drag() { # X Y TO_X TO_Y
    jq -n --argjson x "$1" --argjson y "$2" --argjson u "$3" --argjson v "$4" '
        {actions: [{type: "pointer", id: "mouse", actions: [
            {type: "pointerMove", x: $x, y: $y},
            {type: "pointerDown", button: 0},
            {type: "pointerMove", x: $u, y: $v, duration: 100},
            {type: "pointerUp", button: 0}]}]}' |
        browser_ask POST actions >/dev/null
}

# Keys to whatever has the focus, as in JSON; \uE00C is Escape, \uE007 Enter.
browser_type() { # TEXT
    jq -n --argjson text "\"$1\"" '
        {actions: [{type: "key", id: "keys", actions: ($text | split("") |
            map({type: "keyDown", value: .}, {type: "keyUp", value: .}))}]}' |
        browser_ask POST actions >/dev/null
}

# The console has no error and no warning so far.
browser_is_content() {
    echo '{"type": "browser"}' | browser_ask POST se/log >console
    equal "$(jq -r '.[] | select(.level != "INFO") | .message' console)" ''
}
