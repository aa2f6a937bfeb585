#include "list/warnings.h"

#include "base/buf.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { WARNINGS_MAX = 5 }; /* how many of a kind are reported one by one */

static void warned(void *arg, enum js_warning kind, const char *text)
{
    struct js_warnings *warnings = arg;
    if (warnings->counts[kind]++ < WARNINGS_MAX)
        warnings->sink.report(warnings->sink.arg, text);
}

int js_warnings_begin(struct js_warnings *warnings, const char *name,
                      const struct js_warnings_sink *sink,
                      struct js_intake *jobs, bool is_stream)
{
    *warnings = (struct js_warnings){.name = name};
    if (!sink || !sink->report)
        return 0;
    warnings->sink = *sink;
    const struct js_intake_checks checks = {
        .warn = warned,
        .takes = is_stream ? NULL : js_shline_sh_accepts,
        .arg = warnings,
        .is_stream = is_stream,
        .own = sink->own};
    return js_intake_set_checks(jobs, &checks);
}

/* A script is not a job list. Its first line is a comment, which the reader
 * drops. */
void js_warnings_look(struct js_warnings *warnings, const char *bytes,
                      size_t len)
{
    struct js_err text;
    struct js_buf line = JS_BUF_INIT;
    bool is_first = warnings->is_list && !warnings->is_begun;
    warnings->is_begun = true;
    size_t shebang = is_first && len > 0 && warnings->sink.report
                         ? js_shline_shebang(bytes, len)
                         : 0;
    /* A job list can begin like this as well, so this is a warning and not an
     * error. */
    if (shebang > 0 && js_buf_escape(&line, bytes, shebang) == 0 &&
        js_buf_string(&line)) {
        js_err_set(&text,
                   "%s:1:1: warning: \"%s\" names a shell, but a job list is "
                   "not a script: each line runs as a job of its own",
                   warnings->name, line.data);
        warned(warnings, JS_WARNING_SCRIPT, text.text);
    }
    js_buf_release(&line);
}

void js_warnings_end(struct js_warnings *warnings)
{
    static const char *const what[JS_WARNING_COUNT] = {
        [JS_WARNING_SCRIPT] = "that name a shell",
        [JS_WARNING_BACKGROUND] = "that leave a process in the background",
        [JS_WARNING_BROKEN] = "that the shell rejects",
        [JS_WARNING_FILE] = "that write to the file of an earlier job",
        [JS_WARNING_FORMAT] = "that may not do what they did",
    };
    for (int kind = 0; warnings->sink.report && kind < JS_WARNING_COUNT;
         kind++) {
        struct js_err text;
        if (warnings->counts[kind] <= WARNINGS_MAX)
            continue;
        js_err_set(&text, "%s: warning: more lines %s: %ju", warnings->name,
                   what[kind],
                   (uintmax_t)warnings->counts[kind] - WARNINGS_MAX);
        warnings->sink.report(warnings->sink.arg, text.text);
    }
}

/* The constructs that a reserved word opens or closes. */
enum nest { NEST_IF, NEST_LOOP, NEST_DO, NEST_CASE, NEST_BRACE, NEST_COUNT };

struct keyword {
    const char *word;
    enum nest nest;
    int step;      /* 1: opens, -1: closes, 0: continues it */
    bool is_alone; /* it is followed by names or an end, not by a command */
};

static const struct keyword keywords[] = {
    {"if", NEST_IF, 1, false},      {"then", NEST_IF, 0, false},
    {"elif", NEST_IF, 0, false},    {"else", NEST_IF, 0, false},
    {"fi", NEST_IF, -1, true},      {"for", NEST_LOOP, 1, true},
    {"select", NEST_LOOP, 1, true}, {"while", NEST_LOOP, 1, false},
    {"until", NEST_LOOP, 1, false}, {"do", NEST_DO, 1, false},
    {"done", NEST_DO, -1, true},    {"case", NEST_CASE, 1, true},
    {"esac", NEST_CASE, -1, true},  {"{", NEST_BRACE, 1, false},
    {"}", NEST_BRACE, -1, true},
};

/* One pass over a line. Counts open constructs instead of keeping a stack: a
 * wrong order is rare, and is left to `sh -n`. */
struct look {
    const char *at, *end;
    int open[NEST_COUNT];
    int brackets;
    bool is_first;      /* nothing was seen yet */
    bool is_command;    /* the next word is a command or a reserved word */
    bool is_unfinished; /* an operator came last, and something must follow
                           it */
    bool is_background;
    bool is_broken;
    bool is_doubtful;
};

static bool shline_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool is_operator(char c)
{
    return c == ';' || c == '&' || c == '|' || c == '(' || c == ')' ||
           c == '<' || c == '>';
}

/* ---------------------------------------------------------------- words */

/* Moves past the closing quote, or to the end if there is none. */
static void skip_quoted(struct look *look)
{
    char quote = *look->at++;
    while (look->at < look->end && *look->at != quote)
        look->at += *look->at == '\\' && quote != '\'' ? 2 : 1;
    if (look->at >= look->end) {
        look->is_doubtful = true;
        look->at = look->end;
        return;
    }
    look->at++;
}

/* Moves past "${...}", in which quotes and '#' have their usual meaning. */
static void skip_expansion(struct look *look)
{
    look->at += 2;
    while (look->at < look->end && *look->at != '}') {
        if (*look->at == '\'' || *look->at == '"' || *look->at == '`')
            skip_quoted(look);
        else
            look->at += *look->at == '\\' ? 2 : 1;
    }
    if (look->at >= look->end) {
        look->is_doubtful = true;
        look->at = look->end;
        return;
    }
    look->at++;
}

static void skip_word(struct look *look)
{
    while (look->at < look->end && !shline_is_blank(*look->at) &&
           !is_operator(*look->at)) {
        char c = *look->at;
        bool is_dollar = c == '$' && look->at + 1 < look->end;
        if (c == '\'' || c == '"' || c == '`')
            skip_quoted(look);
        else if (is_dollar && look->at[1] == '{')
            skip_expansion(look);
        else
            look->at += c == '\\' ? 2 : 1;
    }
    if (look->at > look->end)
        look->at = look->end;
}

static void take_keyword(struct look *look, const struct keyword *keyword)
{
    int *open = &look->open[keyword->nest];
    /* If such a word comes first in a line, the line is certainly part of a
     * script. Later in the line it may be an argument. */
    if (keyword->step <= 0 && *open == 0) {
        look->is_broken |= look->is_first;
        look->is_doubtful = true;
    }
    if (keyword->nest == NEST_DO && keyword->step > 0 &&
        look->open[NEST_LOOP] <= *open) {
        look->is_broken |= look->is_first;
        look->is_doubtful = true;
    }
    *open += keyword->step;
    /* "done" ends the loop as well. */
    if (keyword->nest == NEST_DO && keyword->step < 0)
        look->open[NEST_LOOP]--;
    look->is_command = !keyword->is_alone;
    look->is_unfinished = !keyword->is_alone;
    /* A command left in the background inside a construct counts too. */
    look->is_background &= keyword->step < 0;
}

static void take_word(struct look *look)
{
    enum { KEYWORD_MAX = 6 };
    const char *word = look->at;
    skip_word(look);
    size_t len = (size_t)(look->at - word);
    const struct keyword *keyword = NULL;
    /* Anywhere else "done" is a word like any other. */
    if (look->is_command && len <= KEYWORD_MAX) {
        for (size_t i = 0;
             !keyword && i < sizeof(keywords) / sizeof(keywords[0]); i++) {
            if (strncmp(keywords[i].word, word, len) == 0 &&
                !keywords[i].word[len])
                keyword = &keywords[i];
        }
    }
    if (keyword) {
        take_keyword(look, keyword);
    } else {
        /* "!" is followed by a command. */
        bool is_again = look->is_command && len == 1 && *word == '!';
        look->is_command = is_again;
        look->is_unfinished = is_again;
        look->is_background = false;
    }
    look->is_first = false;
}

/* ---------------------------------------------------------------- operators */

static void take_bracket(struct look *look, char c)
{
    look->brackets += c == '(' ? 1 : -1;
    look->is_command = true;
    look->is_unfinished = c == '(';
    if (c == '(')
        look->is_background = false;
    if (look->brackets >= 0)
        return;
    if (look->open[NEST_CASE] > 0) { /* after a pattern */
        look->brackets = 0;
        look->is_background = false;
        return;
    }
    look->is_broken |= look->is_first;
    look->is_doubtful = true;
}

static void take_operator(struct look *look)
{
    char c = *look->at++;
    if (c == '(' || c == ')') {
        take_bracket(look, c);
    } else if (c == '<' || c == '>') {
        /* A redirection says nothing about the command. Only the operator is
         * skipped, with the "&1" of "2>&1"; the file name is a word like any
         * other. */
        while (look->at < look->end &&
               (*look->at == c || *look->at == '&' || *look->at == '>' ||
                *look->at == '|' || *look->at == '-'))
            look->at++;
        look->is_background = false;
    } else {
        bool is_double = look->at < look->end && *look->at == c;
        look->at += is_double;
        look->is_background = c == '&' && !is_double;
        look->is_unfinished = c == '|' || (c == '&' && is_double);
        look->is_command = true;
        look->is_broken |= look->is_first;
        look->is_doubtful |= look->is_first;
    }
    look->is_first = false;
}

/* ---------------------------------------------------------------- the line */

enum js_shline js_shline_look(const char *command, size_t len)
{
    struct look look = {.at = command,
                        .end = command + len,
                        .is_first = true,
                        .is_command = true};
    while (look.at < look.end) {
        if (shline_is_blank(*look.at))
            look.at++;
        else if (*look.at == '#')
            break; /* a comment; within a word '#' is skipped with the word */
        else if (is_operator(*look.at))
            take_operator(&look);
        else
            take_word(&look);
    }
    bool is_open = look.brackets != 0 || look.is_unfinished;
    for (int i = 0; i < NEST_COUNT; i++)
        is_open |= look.open[i] != 0;
    if (look.is_broken)
        return JS_SHLINE_BROKEN;
    if (look.is_doubtful || is_open)
        return JS_SHLINE_DOUBTFUL;
    return look.is_background ? JS_SHLINE_BACKGROUND : JS_SHLINE_WHOLE;
}

/* ---------------------------------------------------------------- "#!" */

static bool is_shell(const char *name, size_t len)
{
    static const char *const shells[] = {"sh",  "bash", "dash", "ash",  "ksh",
                                         "zsh", "csh",  "tcsh", "fish", "mksh"};
    for (size_t i = 0; i < sizeof(shells) / sizeof(shells[0]); i++) {
        if (strlen(shells[i]) == len && memcmp(shells[i], name, len) == 0)
            return true;
    }
    return false;
}

/* Accepts "#!/usr/bin/env bash" as well as "#!/bin/sh -e". */
size_t js_shline_shebang(const char *text, size_t len)
{
    enum { SHEBANG_MAX = 256 };
    const char *newline = memchr(text, '\n', len);
    size_t line = newline ? (size_t)(newline - text) : len;
    if (line > 0 && text[line - 1] == '\r')
        line--;
    if (line < 2 || line > SHEBANG_MAX || memcmp(text, "#!", 2) != 0)
        return 0;
    for (size_t at = 2; at < line;) {
        size_t word = 0, name = at;
        for (; at + word < line && !shline_is_blank(text[at + word]); word++) {
            if (text[at + word] == '/')
                name = at + word + 1;
        }
        if (is_shell(text + name, at + word - name))
            return line;
        at += word + 1;
    }
    return 0;
}

/* ---------------------------------------------------------------- sh -n */

enum { SH_COMMAND_MAX = 64 * 1024, SH_LOOKS_MAX = 2000 };

static const struct timespec sh_pause = {.tv_nsec = 1000000};

/* The shell's messages are dropped, because they would refer to a file called
 * "sh". */
static int shline_begin_sh(const char *command, pid_t *ret)
{
    static char shell[] = "sh", check[] = "-n", from_here[] = "-c";
    posix_spawn_file_actions_t actions;
    char *copy = strdup(command);
    if (!copy)
        return -1;
    /* The environment is empty, so that nothing in it can influence the
     * shell. */
    char *argv[] = {shell, check, from_here, copy, NULL};
    char *environment[] = {NULL};
    posix_spawn_file_actions_init(&actions);
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
        posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", O_RDWR, 0);
    int rc = posix_spawn(ret, "/bin/sh", &actions, NULL, argv, environment);
    posix_spawn_file_actions_destroy(&actions);
    free(copy);
    return rc == 0 ? 0 : -1;
}

bool js_shline_sh_accepts(const char *command)
{
    pid_t pid, ended = 0;
    int status = 0;
    if (strlen(command) > SH_COMMAND_MAX || shline_begin_sh(command, &pid) < 0)
        return true;
    /* Polls, because waitpid(2) has no deadline. */
    for (int looks = 0; looks < SH_LOOKS_MAX; looks++) {
        ended = waitpid(pid, &status, WNOHANG);
        if (ended != 0)
            break;
        nanosleep(&sh_pause, NULL);
    }
    if (ended == 0) {
        kill(pid, SIGKILL);
        while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
            continue;
        return true;
    }
    return ended < 0 || !WIFEXITED(status) || WEXITSTATUS(status) == 0;
}
