# awk -v version=V -f fill.awk HELP TEMPLATE - writes the template, filled in
# with the version and with the options as jobsched --help has them, so that
# neither the manual nor the completion can say anything else.
#
#     @VERSION@        anywhere in a line
#     @MAN_OPTIONS@    a line: for mdoc(7), a subsection for each heading
#     @BASH_OPTIONS@   a line: [--option]='ARGUMENT', for an associative array
#
# In a manual page what a reader may want to copy is written so that troff shows
# these characters and none that only look alike: - becomes \-, ' becomes \(aq.

# ------------------------------------------------------------------ the help

# "  -n, --slaves N           start N slaves (default: ..."
function take_option(line) {
    count++
    letter[count] = line ~ /^  -/ ? substr(line, 3, 2) : ""
    sub(/^ +(-., )?--/, "", line)
    match(line, /^[a-z0-9-]+/)
    name[count] = substr(line, 1, RLENGTH)
    line = substr(line, RLENGTH + 1)
    if (line ~ /^ [^ ]/) {
        argument[count] = substr(line, 2)
        sub(/ .*/, "", argument[count])
        line = substr(line, length(argument[count]) + 2)
    }
    heading[count] = last_heading
    sub(/^ +/, "", line)
    text[count] = line
}

NR == FNR && /^[A-Z].*:$/ { last_heading = substr($0, 1, length($0) - 1) }
NR == FNR && /^  (-[A-Za-z], |    )--[a-z]/ { take_option($0) }
NR == FNR && count && /^                    / {
    sub(/^ +/, "")
    text[count] = text[count] " " $0
}
NR == FNR { next }

# ------------------------------------------------------------------ a manual

function plain(word) {
    gsub(/\\/, "\\e", word)
    return word
}

function copyable(line) {
    gsub(/-/, "\\-", line)
    gsub(/'/, "\\(aq", line)
    return line
}

# "N|all" -> "Ar N Ns | Ns Cm all"
function argument_in_mdoc(value, parts, n, i, line) {
    n = split(value, parts, "|")
    for (i = 1; i <= n; i++)
        line = line (i > 1 ? " Ns | Ns " : "") \
            (parts[i] ~ /^[A-Z]/ ? "Ar " parts[i] : \
             parts[i] == ":" ? "Cm \\&:" : "Cm " parts[i])
    return line
}

# Without the punctuation around it.
function core_of(word) {
    sub(/^[("]+/, "", word)
    sub(/[]),.;:"]+$/, "", word)
    return word
}

# A word of the text: the option's own argument and other options stand out.
function word_in_mdoc(word, value, core, at, shown) {
    core = core_of(word)
    at = index(word, core)
    if (core ~ /^--[a-z]/)
        shown = "\\fB" copyable(core) "\\fR"
    else if (core ~ /^[A-Z]/ && index("|" value "|", "|" core "|"))
        shown = "\\fI" core "\\fR"
    else
        return plain(word)
    return substr(word, 1, at - 1) shown substr(word, at + length(core))
}

function text_in_mdoc(sentence, value, words, n, i, line) {
    sentence = toupper(substr(sentence, 1, 1)) substr(sentence, 2)
    n = split(sentence, words, " ")
    for (i = 1; i <= n; i++)
        line = line (i > 1 ? " " : "") word_in_mdoc(words[i], value)
    return "\\&" line (line ~ /[.]$/ ? "" : ".")
}

function write_man_options(i) {
    for (i = 1; i <= count; i++) {
        if (heading[i] != heading[i - 1]) {
            if (i > 1)
                print ".El"
            print ".Ss " heading[i]
            print ".Bl -tag -width Ds"
        }
        print ".It" (letter[i] ? " Fl " substr(letter[i], 2) " ," : "") \
            " Fl " copyable("-" name[i]) \
            (argument[i] ? " " argument_in_mdoc(argument[i]) : "")
        print text_in_mdoc(text[i], argument[i])
    }
    print ".El"
}

# ------------------------------------------------------------------ bash

function write_bash_options(i) {
    for (i = 1; i <= count; i++) {
        if (letter[i])
            print "        [" letter[i] "]='" argument[i] "'"
        print "        [--" name[i] "]='" argument[i] "'"
    }
}

# ------------------------------------------------------------------ the rest

FNR == 1 { is_man = FILENAME ~ /[0-9][.]in$/ }
{ gsub(/@VERSION@/, version) }
/^@MAN_OPTIONS@$/ { write_man_options(); next }
/^@BASH_OPTIONS@$/ { write_bash_options(); next }
/^[.]Bd -literal/ { is_literal = 1 }
/^[.]Ed/ { is_literal = 0 }
is_man && !/^[.](B[dl]|Dd|S[hs]|Nd|\\")/ && (/^[.]/ || is_literal) {
    $0 = copyable($0)
}
{ print }

END {
    if (!count) {
        print "fill.awk: the help has no options" >"/dev/stderr"
        exit 1
    }
}
