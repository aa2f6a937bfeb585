#include "list/sh_context.h"

#include "base/buf.h"
#include "list/sh_program.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---------------------------------------------------------------- frames */

enum frame_kind {
    FRAME_SHELL, /* the command, $(...), (...) */
    FRAME_CASE,  /* from "case" to "esac" */
    FRAME_SINGLE,
    FRAME_DOUBLE,
    FRAME_PARAMETER,
    FRAME_ARITHMETIC,
    FRAME_BACKQUOTES,
    FRAME_ANSI,
    FRAME_HERE,
    FRAME_COMMENT,
};

/* What the next word of a frame with words is. */
enum expect {
    EXPECT_COMMAND,  /* a reserved word, or the first of a command */
    EXPECT_PREFIXED, /* the same, but no reserved word: assignments or
                        redirections came first */
    EXPECT_ARGUMENT,
    EXPECT_NAME,         /* after "for" */
    EXPECT_IN,           /* "in" or "do", after that name */
    EXPECT_FUNCTION,     /* its name */
    EXPECT_CASE_WORD,    /* after "case" */
    EXPECT_CASE_IN,      /* after that word */
    EXPECT_PATTERN,      /* or "esac" */
    EXPECT_NEXT_PATTERN, /* the rest of a pattern, up to its ')' */
};

struct word {
    size_t at;
    bool is_open;
    bool is_pure;       /* no quotes, variables and values so far */
    bool is_digits;     /* nothing but digits and values so far */
    bool is_name;       /* nothing but letters, digits, '_' and values so far */
    bool is_assignment; /* it has a '=' */
    bool has_brace;
    struct js_sh_spot *spot; /* its last one that is bare, or NULL */
};

struct frame {
    enum frame_kind kind;
    enum js_sh_context context;
    size_t shell;      /* the frame whose word is read: this one or one below */
    bool is_in_double; /* of ${...} and $((...)): quotes mean less */
    size_t brackets;   /* open ones within $((...)) */

    /* Of a frame with words only: */
    enum expect expect;
    bool is_substitution;  /* $(...), <(...): part of a word below */
    bool is_list;          /* x=(...), @(...): no commands */
    bool is_used;          /* it is not empty */
    bool is_target;        /* a redirection needs the next word */
    bool is_here;          /* and this is the end of a here-document */
    bool is_here_indented; /* "<<-" */
    struct word word;
    struct js_sh_program program;
};

/* A here-document whose text has not begun. */
struct here {
    const char *end; /* the line that ends it */
    size_t end_len;
    bool is_indented, is_quoted;
};

enum { HERE_MAX = 8 };

struct scan {
    const char *text;
    size_t len, at;
    struct js_sh_spot *spot, *spots_end; /* the next one */
    struct frame *frames;
    size_t depth, capacity;
    size_t variable_end, backslash_end; /* behind the last "$x", and '\' */
    struct here here[HERE_MAX];
    size_t here_count, here_depth; /* the depth of the last */
    size_t here_end; /* of the here-documents that are being read */
    bool is_unclear;
};

static struct frame *scan_top(struct scan *scan)
{
    return &scan->frames[scan->depth - 1];
}

/* The byte that is this far ahead, or NUL. */
static char scan_peek(const struct scan *scan, size_t ahead)
{
    return scan->at + ahead < scan->len ? scan->text[scan->at + ahead] : '\0';
}

/* Moves on without entering a spot. */
static void scan_skip(struct scan *scan, size_t count)
{
    size_t limit = scan->spot < scan->spots_end ? scan->spot->at : scan->len;
    scan->at = count < limit - scan->at ? scan->at + count : limit;
}

/* Moves past the bytes that open the frame. */
static int frame_push(struct scan *scan, enum frame_kind kind,
                      enum js_sh_context context, size_t opening)
{
    struct frame *frames = js_buf_grow(scan->frames, &scan->capacity,
                                       scan->depth + 1, sizeof(*frames));
    if (!frames)
        return -1;
    scan->frames = frames;
    struct frame *frame = &frames[scan->depth++];
    *frame = (struct frame){.kind = kind, .context = context};
    if (kind == FRAME_SHELL || kind == FRAME_CASE)
        frame->shell = scan->depth - 1;
    if (scan->depth > 1) {
        const struct frame *below = frame - 1;
        if (frame->shell == 0)
            frame->shell = below->shell;
        if (below->context > JS_SH_DOUBLE)
            frame->context = below->context;
        frame->is_in_double =
            frame->shell < scan->depth - 1 &&
            (below->kind == FRAME_DOUBLE || below->is_in_double);
    }
    scan->at += opening;
    return 0;
}

static void begin_command(struct frame *frame)
{
    frame->expect = frame->is_list ? EXPECT_ARGUMENT : EXPECT_COMMAND;
    frame->program = (struct js_sh_program){0};
    frame->is_target = false;
    frame->is_here = false;
}

/* ---------------------------------------------------------------- words */

static struct word *word_open(struct scan *scan, struct frame *frame)
{
    struct word *word = &frame->word;
    frame->is_used = true;
    if (!word->is_open)
        *word = (struct word){.at = scan->at,
                              .is_open = true,
                              .is_pure = true,
                              .is_digits = true,
                              .is_name = true};
    return word;
}

/* The word has something in it that no reserved word or number has. */
static struct word *word_open_mixed(struct scan *scan)
{
    struct word *word = word_open(scan, &scan->frames[scan_top(scan)->shell]);
    word->is_pure = word->is_digits = word->is_name = false;
    return word;
}

/* Remembers where a here-document ends. If the word is quoted in any but the
 * simplest ways, what follows is unclear. */
static void here_add(struct scan *scan, const struct frame *frame)
{
    const char *word = scan->text + frame->word.at;
    size_t len = scan->at - frame->word.at;
    struct here here = {.end = word,
                        .end_len = len,
                        .is_indented = frame->is_here_indented,
                        .is_quoted = !frame->word.is_pure};
    if (here.is_quoted && len > 1 && word[0] == '\\') {
        here.end++;
        here.end_len--;
    } else if (here.is_quoted && len > 1 && word[0] == word[len - 1]) {
        here.end++;
        here.end_len -= 2;
    }
    for (size_t i = 0; i < here.end_len; i++)
        scan->is_unclear |= strchr("'\"\\$`\n", here.end[i]) != NULL;
    if (scan->here_count == HERE_MAX)
        scan->is_unclear = true;
    else
        scan->here[scan->here_count++] = here;
    scan->here_depth = scan->depth;
}

static void word_to_program(const struct scan *scan, struct frame *frame,
                            bool is_command)
{
    js_sh_program_take(&frame->program, scan->text + frame->word.at,
                       scan->at - frame->word.at, frame->word.is_pure,
                       is_command);
}

static bool word_is(const struct scan *scan, const struct word *word,
                    const char *const *list)
{
    for (; word->is_pure && *list; list++) {
        size_t at = word->at, i = 0;
        while (at < scan->at &&
               (scan->text[at] == '\\' ||
                ((*list)[i] && scan->text[at] == (*list)[i]))) {
            /* A backslash here is before a newline, and neither counts. */
            i += scan->text[at] != '\\';
            at += scan->text[at] == '\\' ? 2 : 1;
        }
        if (at == scan->at && !(*list)[i])
            return true;
    }
    return false;
}

/* The first word of a command. Most reserved words are followed by a command,
 * as "time" is even if "-p" is between them. */
static int word_end_first(struct scan *scan, struct frame *frame)
{
    static const char *const loops[] = {"for", "select", NULL};
    static const char *const functions[] = {"function", NULL};
    static const char *const cases[] = {"case", NULL};
    static const char *const esacs[] = {"esac", NULL};
    static const char *const others[] = {
        "if",   "then", "elif", "else", "fi",   "while", "until",  "do",
        "done", "{",    "}",    "!",    "time", "-p",    "coproc", NULL};
    const struct word *word = &frame->word;
    if (word_is(scan, word, others))
        return 0;
    if (word_is(scan, word, cases)) {
        if (frame_push(scan, FRAME_CASE, JS_SH_BARE, 0) < 0)
            return -1;
        scan_top(scan)->expect = EXPECT_CASE_WORD;
    } else if (frame->kind == FRAME_CASE && word_is(scan, word, esacs)) {
        scan->depth--;
        begin_command(scan_top(scan));
    } else if (word_is(scan, word, loops)) {
        frame->expect = EXPECT_NAME;
    } else if (word_is(scan, word, functions)) {
        frame->expect = EXPECT_FUNCTION;
    } else if (word->is_assignment) {
        frame->expect = EXPECT_PREFIXED;
    } else {
        word_to_program(scan, frame, true);
        frame->expect = EXPECT_ARGUMENT;
    }
    return 0;
}

/* A word that belongs to a "case". */
static void word_end_case(struct scan *scan, struct frame *frame)
{
    static const char *const ins[] = {"in", NULL};
    static const char *const esacs[] = {"esac", NULL};
    if (frame->expect == EXPECT_CASE_WORD) {
        frame->expect = EXPECT_CASE_IN;
    } else if (frame->expect == EXPECT_CASE_IN) {
        scan->is_unclear |= !word_is(scan, &frame->word, ins);
        frame->expect = EXPECT_PATTERN;
    } else if (frame->expect == EXPECT_PATTERN &&
               word_is(scan, &frame->word, esacs)) {
        scan->depth--;
        begin_command(scan_top(scan));
    } else {
        frame->expect = EXPECT_NEXT_PATTERN;
    }
}

/* Ends the word before `at`, if there is one. It may begin or end a "case", so
 * that the top frame is another one then. */
static int word_end(struct scan *scan)
{
    static const char *const dos[] = {"do", NULL};
    struct frame *frame = scan_top(scan);
    if (!frame->word.is_open)
        return 0;
    frame->word.is_open = false;
    if (frame->is_target) {
        if (frame->is_here)
            here_add(scan, frame);
        frame->is_target = frame->is_here = false;
        if (frame->expect == EXPECT_COMMAND)
            frame->expect = EXPECT_PREFIXED;
        return 0;
    }
    switch (frame->expect) {
    case EXPECT_COMMAND:
        return word_end_first(scan, frame);
    case EXPECT_PREFIXED:
    case EXPECT_ARGUMENT:
        if (frame->expect == EXPECT_PREFIXED && frame->word.is_assignment)
            break;
        word_to_program(scan, frame, frame->expect == EXPECT_PREFIXED);
        frame->expect = EXPECT_ARGUMENT;
        break;
    case EXPECT_NAME:
        frame->expect = EXPECT_IN;
        break;
    case EXPECT_IN:
        frame->expect =
            word_is(scan, &frame->word, dos) ? EXPECT_COMMAND : EXPECT_ARGUMENT;
        break;
    case EXPECT_FUNCTION:
        frame->expect = EXPECT_COMMAND;
        break;
    default:
        word_end_case(scan, frame);
        break;
    }
    return 0;
}

/* ---------------------------------------------------------------- spots */

/* To the word, a value is as many letters: when it has been quoted, it can
 * neither end the word nor begin anything. */
static void take_spot(struct scan *scan)
{
    const struct frame *top = scan_top(scan);
    struct frame *frame = &scan->frames[top->shell];
    struct js_sh_spot *spot = scan->spot++;
    struct word *word = word_open(scan, frame);
    spot->context = top->context;
    if (spot->context > JS_SH_DOUBLE)
        ; /* the innermost of those is what to name */
    else if (scan->is_unclear)
        spot->context = JS_SH_UNCLEAR;
    else if (frame->is_here)
        spot->context = JS_SH_HERE;
    else if (spot->context == JS_SH_BARE && scan->backslash_end == spot->at)
        spot->context = JS_SH_BACKSLASH;
    spot->is_behind_variable = scan->variable_end == spot->at;
    spot->is_behind_backslash = scan->backslash_end == spot->at;
    spot->may_be_special =
        frame->expect != EXPECT_ARGUMENT && !frame->is_target && word->is_name;
    size_t end = spot->at + spot->len;
    spot->is_whole_word =
        word->at == spot->at &&
        (end == scan->len || strchr(" \t\n;&|()<>", scan->text[end]));
    spot->is_in_braces = word->has_brace;
    spot->is_before_redirection = false;
    spot->program = frame->is_target ? NULL
                                     : js_sh_program_of(&frame->program,
                                                        scan->text[word->at]);
    word->is_pure = false;
    if (spot->context == JS_SH_BARE)
        word->spot = spot;
    scan->at += spot->len;
}

/* ------------------------------------------------- here-documents */

/* Returns where the text that begins at `at` has ended, with its last line. */
static size_t here_skip(struct scan *scan, const struct here *here, size_t at)
{
    for (bool is_end = false; at < scan->len && !is_end;) {
        const char *line = scan->text + at;
        const char *newline = memchr(line, '\n', scan->len - at);
        size_t len = newline ? (size_t)(newline - line) : scan->len - at;
        at += newline ? len + 1 : len;
        /* What these contain may hide the end from some shells. */
        if (!here->is_quoted &&
            (memchr(line, '`', len) || memmem(line, len, "$(", 2) ||
             memmem(line, len, "${", 2) || (len > 0 && line[len - 1] == '\\')))
            scan->is_unclear = true;
        for (; here->is_indented && len > 0 && *line == '\t'; len--)
            line++;
        is_end = len == here->end_len && memcmp(line, here->end, len) == 0;
    }
    return at;
}

/* The texts begin in the next line. */
static int here_begin(struct scan *scan)
{
    scan->here_end = scan->at;
    for (size_t i = 0; i < scan->here_count; i++)
        scan->here_end = here_skip(scan, &scan->here[i], scan->here_end);
    scan->here_count = 0;
    return frame_push(scan, FRAME_HERE, JS_SH_HERE, 0);
}

static int step_here(struct scan *scan)
{
    if (scan->at < scan->here_end)
        scan_skip(scan, scan->here_end - scan->at);
    scan->depth -= scan->at >= scan->here_end;
    return 0;
}

/* ------------------------------------------------- '$' and '\' */

/* A backslash before a newline: both are as if they were not there. Where they
 * are in the middle of an operator or a name, we do not follow. */
static bool step_continuation(struct scan *scan)
{
    if (scan_peek(scan, 0) != '\\' || scan_peek(scan, 1) != '\n')
        return false;
    const char *operators =
        scan_top(scan)->kind == FRAME_DOUBLE ? "$" : "$<>&|;()";
    if (scan->variable_end == scan->at ||
        (scan->at > 0 && strchr(operators, scan->text[scan->at - 1])))
        scan->is_unclear = true;
    scan->at += 2;
    return true;
}

static bool is_name_byte(char c)
{
    return isalnum((unsigned char)c) || c == '_';
}

static int step_dollar(struct scan *scan, bool is_in_double)
{
    char next = scan_peek(scan, 1);
    word_open_mixed(scan);
    if (next == '(' && scan_peek(scan, 2) == '(')
        return frame_push(scan, FRAME_ARITHMETIC, JS_SH_ARITHMETIC, 3);
    if (next == '(') {
        int rc = frame_push(scan, FRAME_SHELL, JS_SH_BARE, 2);
        scan_top(scan)->is_substitution = true;
        return rc;
    }
    if (next == '{')
        return frame_push(scan, FRAME_PARAMETER, JS_SH_PARAMETER, 2);
    if (next == '\'' && !is_in_double)
        return frame_push(scan, FRAME_ANSI, JS_SH_ANSI, 2);
    if (next == '[') /* arithmetic in bash and zsh, nothing in dash */
        scan->is_unclear = true;
    scan->at++;
    /* In zsh, some characters may stand before a name. */
    size_t begin = scan->at;
    while (scan_peek(scan, 0) && strchr("^=~+#", scan_peek(scan, 0)))
        scan->at++;
    if (scan_peek(scan, 0) && strchr("@*?-$!", scan_peek(scan, 0)))
        scan->at++;
    else
        while (is_name_byte(scan_peek(scan, 0)))
            scan->at++;
    if (scan->at > begin)
        scan->variable_end = scan->at;
    return 0;
}

/* ---------------------------------------------------------------- quotes */

/* Each of the functions "step" takes the next bytes, of which none is in a
 * spot, in the frame at the top. */

static int step_single(struct scan *scan)
{
    scan->depth -= scan_peek(scan, 0) == '\'';
    scan->at++;
    return 0;
}

/* A backslash protects only a few bytes here. Before any other, and so before a
 * spot, it stands for itself. */
static int step_double(struct scan *scan)
{
    char c = scan_peek(scan, 0), next = scan_peek(scan, 1);
    if (c == '$')
        return step_dollar(scan, true);
    if (c == '`')
        return frame_push(scan, FRAME_BACKQUOTES, JS_SH_BACKQUOTES, 1);
    if (step_continuation(scan))
        return 0;
    if (c == '\\' && next && strchr("$\"\\`", next)) {
        scan->at += 2;
        return 0;
    }
    scan->at++;
    scan->depth -= c == '"';
    if (c == '\\')
        scan->backslash_end = scan->at;
    return 0;
}

static int step_parameter(struct scan *scan)
{
    const struct frame *frame = scan_top(scan);
    char c = scan_peek(scan, 0);
    if (c == '$')
        return step_dollar(scan, frame->is_in_double);
    if (c == '`')
        return frame_push(scan, FRAME_BACKQUOTES, JS_SH_BACKQUOTES, 1);
    if (c == '\'' && !frame->is_in_double)
        return frame_push(scan, FRAME_SINGLE, JS_SH_SINGLE, 1);
    if (c == '"' && !frame->is_in_double)
        return frame_push(scan, FRAME_DOUBLE, JS_SH_DOUBLE, 1);
    /* In "${x#'}'}" a quote is one, in "${x-'}'}" it is none in some shells. */
    scan->is_unclear |= c == '\'' || c == '"';
    scan_skip(scan, c == '\\' ? 2 : 1);
    scan->depth -= c == '}';
    return 0;
}

/* If a ')' has no partner, this was a command all the same to some shells:
 * $((a); b). */
static int step_arithmetic(struct scan *scan)
{
    struct frame *frame = scan_top(scan);
    char c = scan_peek(scan, 0);
    if (c == '$')
        return step_dollar(scan, frame->is_in_double);
    if (c == '`')
        return frame_push(scan, FRAME_BACKQUOTES, JS_SH_BACKQUOTES, 1);
    if (c == '"')
        return frame_push(scan, FRAME_DOUBLE, JS_SH_DOUBLE, 1);
    if (c == '(') {
        frame->brackets++;
    } else if (c == ')' && frame->brackets > 0) {
        frame->brackets--;
    } else if (c == ')' && scan_peek(scan, 1) == ')') {
        scan->depth--;
        scan->at++;
    } else {
        scan->is_unclear |= c == ')' || c == '\'';
    }
    scan_skip(scan, c == '\\' ? 2 : 1);
    return 0;
}

/* Backquotes and $'...': a backslash protects any byte. */
static int step_escaped(struct scan *scan, char closing)
{
    char c = scan_peek(scan, 0);
    /* To dash, $'\' is complete. */
    if (closing == '\'' && c == '\\' && scan_peek(scan, 1) == '\'')
        scan->is_unclear = true;
    scan_skip(scan, c == '\\' ? 2 : 1);
    scan->depth -= c == closing;
    return 0;
}

static int step_comment(struct scan *scan)
{
    if (scan_peek(scan, 0) == '\n')
        scan->depth--;
    else
        scan->at++;
    return 0;
}

/* ---------------------------------------------------------------- operators */

/* A newline ends a command, but between the parts of a "case" it is a blank. */
static int step_newline(struct scan *scan)
{
    if (word_end(scan) < 0)
        return -1;
    struct frame *frame = scan_top(scan);
    scan->at++;
    if (frame->expect < EXPECT_CASE_WORD)
        begin_command(frame);
    if (scan->here_count == 0)
        return 0;
    scan->is_unclear |= scan->here_depth != scan->depth;
    return here_begin(scan);
}

/* One of ; & | and what they are the first byte of. */
static int step_operator(struct scan *scan)
{
    if (word_end(scan) < 0)
        return -1;
    struct frame *frame = scan_top(scan);
    char c = scan_peek(scan, 0), next = scan_peek(scan, 1);
    scan->at++;
    if (frame->expect >= EXPECT_CASE_WORD) {
        scan->is_unclear |= c != '|' || frame->expect < EXPECT_PATTERN;
        frame->expect = EXPECT_NEXT_PATTERN;
        return 0;
    }
    begin_command(frame);
    /* ";;", and ";&" ";;&" ";|" of some shells. */
    if (frame->kind == FRAME_CASE && c == ';' && next && strchr(";&|", next)) {
        scan->at += next == ';' && scan_peek(scan, 1) == '&' ? 2 : 1;
        frame->expect = EXPECT_PATTERN;
    }
    return 0;
}

/* A bracket that follows a word directly is no subshell: f(), x=(...), @(...).
 * Whether it can be told from one matters, since "case" is a word in a list. */
static int step_open_bracket(struct scan *scan)
{
    struct frame *frame = scan_top(scan);
    bool is_glued = frame->word.is_open;
    if (frame->expect == EXPECT_PATTERN && !is_glued) { /* case x in (x) */
        frame->expect = EXPECT_NEXT_PATTERN;
        scan->at++;
        return 0;
    }
    if (word_end(scan) < 0)
        return -1;
    frame = scan_top(scan);
    frame->is_used = true;
    if (scan_peek(scan, 1) == '(') {
        scan->is_unclear |= frame->expect >= EXPECT_CASE_WORD;
        begin_command(frame); /* for what follows it */
        return frame_push(scan, FRAME_ARITHMETIC, JS_SH_ARITHMETIC, 2);
    }
    bool is_list =
        frame->is_list || (is_glued && frame->expect != EXPECT_COMMAND);
    if (frame_push(scan, FRAME_SHELL, JS_SH_BARE, 1) < 0)
        return -1;
    frame = scan_top(scan);
    frame->is_list = is_list;
    begin_command(frame);
    return 0;
}

/* This is the place where a mistake would be worst: if the bracket after a
 * pattern of a "case" were taken for the end of a substitution, quotes would be
 * seen where there are none, and the other way round. */
static int step_close_bracket(struct scan *scan)
{
    if (word_end(scan) < 0)
        return -1;
    struct frame *frame = scan_top(scan);
    scan->at++;
    if (frame->kind == FRAME_CASE) {
        scan->is_unclear |= frame->expect < EXPECT_PATTERN;
        begin_command(frame);
        return 0;
    }
    if (scan->depth == 1 || scan->here_count > 0) {
        scan->is_unclear = true;
        return 0;
    }
    scan->depth--;
    /* "f()" is followed by a command; x=(...) by the rest of its command. */
    if (!frame->is_substitution && (!frame->is_list || !frame->is_used))
        begin_command(scan_top(scan));
    return 0;
}

static int step_redirection(struct scan *scan)
{
    struct frame *frame = scan_top(scan);
    struct word *word = &frame->word;
    char c = scan_peek(scan, 0);
    if (word->is_open && word->spot && (word->is_digits || word->has_brace))
        word->spot->is_before_redirection = true;
    if (word->is_open && word->is_digits && word->is_pure)
        word->is_open = false; /* a descriptor is no word of the command */
    if (scan_peek(scan, 1) == '(') {
        word_open_mixed(scan);
        int rc = frame_push(scan, FRAME_SHELL, JS_SH_BARE, 2);
        scan_top(scan)->is_substitution = true;
        return rc;
    }
    if (word_end(scan) < 0)
        return -1;
    frame = scan_top(scan);
    frame->is_target = true;
    frame->is_here =
        c == '<' && scan_peek(scan, 1) == '<' && scan_peek(scan, 2) != '<';
    frame->is_here_indented = frame->is_here && scan_peek(scan, 2) == '-';
    do
        scan->at++;
    while (scan_peek(scan, 0) && strchr("<>&|", scan_peek(scan, 0)));
    scan->at += frame->is_here_indented;
    return 0;
}

/* ------------------------------------------------- the command */

/* If a spot is next, the shell would take the first byte of the value for
 * protected, and that is a quote. */
static int step_bare_backslash(struct scan *scan)
{
    if (step_continuation(scan))
        return 0;
    word_open_mixed(scan);
    size_t begin = scan->at;
    scan_skip(scan, 2);
    if (scan->at == begin + 1)
        scan->backslash_end = scan->at;
    return 0;
}

static int step_byte(struct scan *scan, char c)
{
    struct word *word = word_open(scan, scan_top(scan));
    word->is_digits &= isdigit((unsigned char)c) != 0;
    word->is_assignment |= c == '=';
    word->is_name &= is_name_byte(c);
    word->has_brace |= c == '{';
    scan->at++;
    return 0;
}

static int step_shell(struct scan *scan)
{
    char c = scan_peek(scan, 0);
    switch (c) {
    case ' ':
    case '\t':
        if (word_end(scan) < 0)
            return -1;
        scan->at++;
        return 0;
    case '\n':
        return step_newline(scan);
    case '\\':
        return step_bare_backslash(scan);
    case '\'':
        word_open_mixed(scan);
        return frame_push(scan, FRAME_SINGLE, JS_SH_SINGLE, 1);
    case '"':
        word_open_mixed(scan);
        return frame_push(scan, FRAME_DOUBLE, JS_SH_DOUBLE, 1);
    case '`':
        word_open_mixed(scan);
        return frame_push(scan, FRAME_BACKQUOTES, JS_SH_BACKQUOTES, 1);
    case '$':
        return step_dollar(scan, false);
    case ';':
    case '&':
    case '|':
        return step_operator(scan);
    case '(':
        return step_open_bracket(scan);
    case ')':
        return step_close_bracket(scan);
    case '<':
    case '>':
        return step_redirection(scan);
    default:
        if (c == '#' && !scan_top(scan)->word.is_open)
            return frame_push(scan, FRAME_COMMENT, JS_SH_COMMENT, 0);
        return step_byte(scan, c);
    }
}

static int scan_step(struct scan *scan)
{
    switch (scan_top(scan)->kind) {
    case FRAME_SHELL:
    case FRAME_CASE:
        return step_shell(scan);
    case FRAME_SINGLE:
        return step_single(scan);
    case FRAME_DOUBLE:
        return step_double(scan);
    case FRAME_PARAMETER:
        return step_parameter(scan);
    case FRAME_ARITHMETIC:
        return step_arithmetic(scan);
    case FRAME_BACKQUOTES:
        return step_escaped(scan, '`');
    case FRAME_ANSI:
        return step_escaped(scan, '\'');
    case FRAME_HERE:
        return step_here(scan);
    case FRAME_COMMENT:
        return step_comment(scan);
    }
    return 0;
}

int js_sh_context_find(const char *text, size_t len, struct js_sh_spot *spots,
                       size_t count)
{
    struct scan scan = {.text = text,
                        .len = len,
                        .spot = spots,
                        .spots_end = spots + count,
                        .variable_end = SIZE_MAX,
                        .backslash_end = SIZE_MAX};
    int rc = frame_push(&scan, FRAME_SHELL, JS_SH_BARE, 0);
    while (rc == 0 && scan.at < len) {
        /* In which line a here-document begins then, shells disagree. */
        if (scan.here_count > 0 && text[scan.at] == '\n' &&
            scan_top(&scan)->shell != scan.depth - 1)
            scan.is_unclear = true;
        if (scan.spot < scan.spots_end && scan.spot->at == scan.at)
            take_spot(&scan);
        else
            rc = scan_step(&scan);
    }
    int saved = errno;
    free(scan.frames);
    errno = saved;
    return rc;
}
