/* jobfile: the rules for lines, whatever pieces the input comes in. */
#include "unit.h"

#include "base/buf.h"
#include "entries.h"
#include "list/jobfile.h"

#include <inttypes.h>
#include <malloc.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static struct js_reader *new_file(void)
{
    return not_null(js_jobfile_new("f"));
}

/* The next entry, or the error, as js_reader_next() returns it. */
static int next(struct js_reader *file, struct js_entry *ret)
{
    *ret = (struct js_entry){.kind = JS_ENTRY_JOB};
    return js_reader_next(file, ret, NULL);
}

static unsigned next_random(unsigned *seed)
{
    *seed = *seed * 1103515245 + 12345;
    return *seed >> 16 & 0x7fff;
}

static size_t cut_anywhere(struct entries_cutter *cutter, size_t left)
{
    unsigned seed = (unsigned)cutter->arg;
    size_t piece = 1 + next_random(&seed) % 7;
    cutter->arg = seed;
    return piece < left ? piece : left;
}

static bool parses_to(const char *input, size_t len,
                      struct entries_cutter cutter, bool eager,
                      const char *expected)
{
    return entries_are(js_jobfile_new, input, len, cutter, eager, expected);
}

static void check_cases(const struct entries_case *cases)
{
    entries_check(js_jobfile_new, cases);
}

static void test_lines(void)
{
    static const struct entries_case cases[] = {
        {"", ""},
        {"\n", ""},
        {"a\n", "1@1=a;"},
        {"a", "1@1=a;"},
        {"abc\nls\n:", "1@1=abc;2@2=ls;3@3=:;"},
        {"a\n\nb\n", "1@1=a;2@3=b;"},
        {"a\n \t \nb\n\n\n", "1@1=a;2@3=b;"},
        {"\t  a  b \t\n", "1@1=\\t  a  b \\t;"},
        {"  ", ""},
        {"a\xff\xfe\x80\n\xc3\xa4\x01", "1@1=a\xff\xfe\x80;2@2=\xc3\xa4\\x01;"},
        {"[name=x] cmd\nwait\n", "1@1=[name=x]cmd;wait;"},
        {NULL, NULL},
    };
    check_cases(cases);
}

static void test_comments(void)
{
    static const struct entries_case cases[] = {
        {"#", ""},
        {"# a\nb\n", "1@2=b;"},
        {" \t# a\n#b\nc", "1@3=c;"},
        {"a # b\n", "1@1=a # b;"},
        {"# a\\\nb\n", "1@2=b;"}, /* a comment never goes on */
        {"# a\\\r\nb\n", "1@2=b;"},
        {"#\r\nb", "1@2=b;"},
        {"\r#a\n", "1@1=\\r#a;"}, /* a CR is no blank */
        {NULL, NULL},
    };
    check_cases(cases);
}

static void test_carriage_returns(void)
{
    static const struct entries_case cases[] = {
        {"a\r\nb\r\n", "1@1=a;2@2=b;"},
        {"\r\n \r\na", "1@3=a;"},
        {"a\r", "1@1=a;"},
        {"\r", ""},
        {"a\rb\n", "1@1=a\\rb;"},
        {"a\r\r\n", "1@1=a\\r;"},
        {"a\r\r", "1@1=a\\r;"},
        {"a \r\n", "1@1=a ;"},
        {NULL, NULL},
    };
    check_cases(cases);
}

static void test_continuations(void)
{
    static const struct entries_case cases[] = {
        {"a\\\nb\nc\n", "1@1=ab;2@3=c;"},
        {"a \\\r\n  b\r\nc\r\n", "1@1=a   b;2@3=c;"},
        {"a\\\\\nb\n", "1@1=a\\\\\\\\;2@2=b;"}, /* even: as it is */
        {"a\\\\\\\nb\n", "1@1=a\\\\\\\\b;"},
        {"a\\\\\\\n\\\nb", "1@1=a\\\\\\\\b;"},
        {"\n\na\\\n\\\n\\\nb\nc", "1@3=ab;2@7=c;"},
        {"a\\\n# b\nc\n", "1@1=a# b;2@3=c;"},
        {"a\\\n\nb\n", "1@1=a;2@3=b;"},
        {"a\\\n   \nb\n", "1@1=a   ;2@3=b;"},
        {"\\\na\n", "1@1=a;"},
        {"\\\n#a\n", "1@1=#a;"},
        {"\\\n  \\\n\t\nb", "1@4=b;"}, /* blank, joined */
        {"a\\ \nb\n", "1@1=a\\\\ ;2@2=b;"},
        {"a\\b\n", "1@1=a\\\\b;"},
        {"a\r\\\n\nb", "1@1=a\\r;2@3=b;"}, /* this CR ends no line */
        {"a\r\\\n", "1@1=a\\r;"},
        {NULL, NULL},
    };
    check_cases(cases);
}

static void test_byte_order_mark(void)
{
    static const struct entries_case cases[] = {
        {"\xef\xbb\xbf"
         "a\nb\n",
         "1@1=a;2@2=b;"},
        {"\xef\xbb\xbf# a\nb\n", "1@2=b;"},
        {"\xef\xbb\xbf", ""},
        {"\xef\xbb", "1@1=\xef\xbb;"}, /* half of one is none */
        {"\xef\xbb"
         "a\n",
         "1@1=\xef\xbb"
         "a;"},
        {"a\n\xef\xbb\xbf"
         "b\n",
         "1@1=a;2@2=\xef\xbb\xbf"
         "b;"},
        {NULL, NULL},
    };
    check_cases(cases);
}

static void test_backslash_at_the_end_of_the_input(void)
{
    static const struct entries_case cases[] = {
        {"a\\", "1@1=a\\\\;"}, {"a\\\r", "1@1=a\\\\;"},   {"\\", "1@1=\\\\;"},
        {"a\\\n", "1@1=a;"},   {"a\\\n\\", "1@1=a\\\\;"}, {"\\\n", ""},
        {NULL, NULL},
    };
    check_cases(cases);
}

#define NUL_IN(what)                                                           \
    "NUL byte in a " what                                                      \
    ": a job file must be text, with one command on each line"

static void test_nul_bytes_are_refused_with_their_place(void)
{
    static const struct {
        const char *input;
        size_t len;
        const char *expected;
    } cases[] = {
        {"\0", 1, "!f:1:1: " NUL_IN("command") ";"},
        {"a\n\n  b\0c\nd", 10, "1@1=a;!f:3:4: " NUL_IN("command") ";"},
        {"a\\\r\nbcd\\\nef\0", 12, "!f:3:3: " NUL_IN("command") ";"},
        {"\n # a\0", 7, "!f:2:5: " NUL_IN("comment") ";"},
        {"a\n\0\n\0", 5, "1@1=a;!f:2:1: " NUL_IN("command") ";"},
        {"\xff\xfe"
         "a\0\n\0",
         6, "!f:1:4: " NUL_IN("command") ";"}, /* UTF-16 */
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        CU_ASSERT_TRUE(entries_are_always(js_jobfile_new, cases[i].input,
                                          cases[i].len, cases[i].expected));
}

static void test_errors_carry_the_name(void)
{
    struct js_err err;
    struct js_entry entry;
    struct js_reader *file = not_null(js_jobfile_new("jobs.txt"));
    for (int i = 1; i < 57; i++)
        js_reader_feed(file, "# a\n", 4);
    js_reader_feed(file, "12345678\0", 9);
    CU_ASSERT_EQUAL(js_reader_next(file, &entry, &err), -1);
    CU_ASSERT_STRING_EQUAL(err.text, "jobs.txt:57:9: " NUL_IN("command"));
    js_reader_free(file);
    js_reader_free(NULL);
}

/*
 * The rules once more, in the plainest way: on the whole input, line by line,
 * as if it were short. For inputs without NUL.
 */
static size_t physical_line(const char *input, size_t len, size_t *ret_next)
{
    size_t end = 0;
    while (end < len && input[end] != '\n')
        end++;
    *ret_next = end < len ? end + 1 : end;
    return end > 0 && input[end - 1] == '\r' ? end - 1 : end;
}

static void expect_jobs(const char *input, size_t len, struct js_buf *log)
{
    unsigned line = 1;
    unsigned id = 1;
    for (size_t at = 0; at < len;) {
        struct js_buf command = JS_BUF_INIT;
        unsigned first = line;
        size_t next;
        size_t blanks = strspn(input + at, " \t");
        bool is_comment = input[at + blanks] == '#';
        for (bool goes_on = true; goes_on; line++) {
            size_t end = physical_line(input + at, len - at, &next);
            bool has_newline = next > 0 && input[at + next - 1] == '\n';
            size_t slashes = 0;
            while (slashes < end && input[at + end - 1 - slashes] == '\\')
                slashes++;
            goes_on = slashes % 2 && has_newline && !is_comment;
            js_buf_append(&command, input + at, goes_on ? end - 1 : end);
            at += next;
        }
        const char *text = js_buf_string(&command);
        if (!is_comment && strspn(text, " \t") != command.len) {
            js_buf_printf(log, "%u@%u=", id++, first);
            js_buf_escape(log, text, command.len);
            js_buf_puts(log, ";");
        }
        js_buf_release(&command);
    }
}

static void test_random_inputs_against_the_plain_rules(void)
{
    static const char letters[] = "ab  \t#\\\\\\\r\r\n\n\n";
    unsigned seed = 4711;
    int wrong = 0;
    for (int round = 0; round < (int)unit_rounds(20000); round++) {
        char input[41];
        size_t len = next_random(&seed) % sizeof(input);
        for (size_t i = 0; i < len; i++)
            input[i] = letters[next_random(&seed) % (sizeof(letters) - 1)];
        input[len] = '\0';
        struct js_buf expected = JS_BUF_INIT;
        expect_jobs(input, len, &expected);
        const char *text = js_buf_string(&expected);
        struct entries_cutter whole = {entries_cut_nowhere, 0};
        struct entries_cutter bytes = {entries_cut_every, 1};
        struct entries_cutter any = {cut_anywhere, seed};
        wrong += !parses_to(input, len, whole, true, text) ||
                 !parses_to(input, len, bytes, true, text) ||
                 !parses_to(input, len, any, round % 2, text);
        js_buf_release(&expected);
    }
    CU_ASSERT_EQUAL(wrong, 0);
}

/* With NUL bytes there are errors too: the same ones however it is cut. */
static void test_random_cuts_change_nothing(void)
{
    unsigned seed = 815;
    int wrong = 0;
    for (int round = 0; round < (int)unit_rounds(3000); round++) {
        char input[300];
        size_t len = next_random(&seed) % sizeof(input);
        for (size_t i = 0; i < len; i++)
            input[i] = "abcd \t#\\\\\r\n\n"[next_random(&seed) % 12];
        if (round % 3 == 0 && len > 0)
            input[next_random(&seed) % len] = '\0';
        struct js_buf expected = JS_BUF_INIT;
        struct entries_cutter whole = {entries_cut_nowhere, 0};
        struct entries_cutter bytes = {entries_cut_every, 1};
        struct entries_cutter any = {cut_anywhere, seed};
        entries_read(js_jobfile_new, input, len, whole, false, &expected);
        const char *text = js_buf_string(&expected);
        wrong += !parses_to(input, len, bytes, true, text) ||
                 !parses_to(input, len, any, round % 2, text);
        js_buf_release(&expected);
    }
    CU_ASSERT_EQUAL(wrong, 0);
}

/* ---- long lines: "x" times `len`, then `tail`, cut every `piece` bytes; a
 * '@' stands for NUL */

static void parse_long(size_t len, const char *tail, size_t piece,
                       size_t expected_len)
{
    struct js_entry entry, none;
    struct js_err err = {""};
    size_t total = len + strlen(tail);
    char *input = not_null(malloc(total + 1));
    memset(input, 'x', len);
    for (size_t i = len; i < total; i++)
        input[i] = tail[i - len] == '@' ? '\0' : tail[i - len];
    struct js_reader *file = new_file();
    int rc = 0;
    for (size_t at = 0; at < total && rc == 0; at += piece) {
        size_t part = piece < total - at ? piece : total - at;
        js_reader_feed(file, input + at, part);
        rc = js_reader_next(file, &entry, &err);
    }
    js_reader_feed(file, NULL, 0);
    if (rc == 0)
        rc = js_reader_next(file, &entry, &err);
    CU_ASSERT_EQUAL(rc, expected_len > 0 ? 1 : -1);
    if (rc > 0) {
        size_t like = 0;
        while (like < entry.command_len &&
               (entry.command[like] == 'x' || entry.command[like] == '\\'))
            like++;
        CU_ASSERT_EQUAL(entry.command_len, expected_len);
        CU_ASSERT_EQUAL(like, expected_len);
        CU_ASSERT_EQUAL(next(file, &none), 0);
    } else {
        CU_ASSERT_EQUAL(errno, EBADMSG);
        CU_ASSERT_NSTRING_EQUAL(err.text, "f:1:1: ", 7);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, " 16 MiB "));
    }
    js_reader_free(file);
    free(input);
}

static void check_long(size_t len, const char *tail, size_t expected_len)
{
    static const size_t pieces[] = {SIZE_MAX / 2, 1000003, 4096};
    for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++)
        parse_long(len, tail, pieces[i], expected_len);
}

static void test_long_lines_up_to_the_limit(void)
{
    check_long(100000, "\n", 100000);
    check_long(JS_READER_COMMAND_MAX, "", JS_READER_COMMAND_MAX);
    check_long(JS_READER_COMMAND_MAX, "\r\n", JS_READER_COMMAND_MAX);
    check_long(JS_READER_COMMAND_MAX, "\\\r\n\r\n", JS_READER_COMMAND_MAX);
    check_long(JS_READER_COMMAND_MAX - 1, "\\\nx\n", JS_READER_COMMAND_MAX);
}

static void test_too_long_lines_are_refused(void)
{
    check_long(JS_READER_COMMAND_MAX + 1, "", 0);
    check_long(JS_READER_COMMAND_MAX + 1, "\r\n", 0);
    check_long(JS_READER_COMMAND_MAX, "\\\nx\n", 0);
    check_long(JS_READER_COMMAND_MAX, "\\", 0);
    check_long(JS_READER_COMMAND_MAX + 2, "\\\n", 0);
    check_long(JS_READER_COMMAND_MAX * 2, "\n", 0);
    check_long(JS_READER_COMMAND_MAX + 3, "@", 0); /* what comes first counts */
}

/* 64 MiB of a line that has no end and the little that came before it. */
static bool feed_without_end(const char *start, char fill, struct js_err *err)
{
    char piece[4096];
    struct js_entry entry;
    int rc = 0;
    struct js_reader *file = new_file();
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    if (start[0])
        js_reader_feed(file, start, strlen(start));
    memset(piece, fill, sizeof(piece));
    for (int i = 0; i < 16384 && rc == 0; i++) {
        js_reader_feed(file, piece, sizeof(piece));
        rc = js_reader_next(file, &entry, err);
    }
    size_t after = mallinfo2().uordblks + mallinfo2().hblkhd;
    CU_ASSERT_TRUE(after <= before + (rc ? 40 : 1) * (1 << 20));
    js_reader_free(file);
    return rc == 0;
}

static void test_lines_without_end_do_not_fill_the_memory(void)
{
    if (unit_is_traced())
        return;
    struct js_err err;
    CU_ASSERT_TRUE(feed_without_end("\n #", 'c', &err));
    CU_ASSERT_TRUE(feed_without_end("", '\n', &err));
    CU_ASSERT_FALSE(feed_without_end("\n\nb\\\nc", 'b', &err));
    CU_ASSERT_EQUAL(strncmp(err.text, "f:3:1: the command is longer", 28), 0);
    CU_ASSERT_FALSE(feed_without_end("", ' ', &err));
}

/* Bytes wait in the parser while jobs are taken slowly, and keep their order.
 * It also walks through the moving of what waits. */
static void test_jobs_taken_more_slowly_than_fed(void)
{
    struct js_buf all = JS_BUF_INIT;
    struct js_reader *file = new_file();
    uint64_t taken = 0;
    struct js_entry entry;
    for (unsigned i = 1; i <= 3000; i++)
        js_buf_printf(&all, "command %u of many\n", i);
    for (size_t at = 0; at < all.len || taken < 3000;) {
        size_t piece = all.len - at < 31 ? all.len - at : 31;
        js_reader_feed(file, all.data + at, piece);
        at += piece;
        if (at == all.len)
            js_reader_feed(file, NULL, 0);
        if (next(file, &entry) == 0)
            continue;
        char expected[40];
        taken++;
        snprintf(expected, sizeof(expected), "command %u of many",
                 (unsigned)taken);
        CU_ASSERT_EQUAL(entry.command_len, strlen(expected));
        CU_ASSERT_NSTRING_EQUAL(entry.command, expected, entry.command_len);
        CU_ASSERT_EQUAL(entry.line, taken);
    }
    CU_ASSERT_EQUAL(next(file, &entry), 0);
    js_reader_free(file);
    js_buf_release(&all);
}

/*
 * Nothing is looked at or moved more often than a few times. Were it not so,
 * each of these would take many minutes: the limit ends them.
 */
static void test_time_does_not_grow_with_what_waits(void)
{
    if (unit_is_traced())
        return;
    struct js_buf all = JS_BUF_INIT;
    struct js_reader *file = new_file();
    struct js_entry entry;
    int rc;
    uint64_t jobs = 0;
    unit_limit_cpu(60);
    for (int i = 0; i < 2000000; i++)
        js_buf_puts(&all, "ab\n");
    js_reader_feed(file, all.data, all.len);
    for (; (rc = next(file, &entry)) > 0; jobs++)
        js_reader_feed(file, "\n", 1);
    CU_ASSERT_EQUAL(rc, 0);
    CU_ASSERT_EQUAL(jobs, 2000000);
    js_reader_free(file);
    js_buf_release(&all);
    unit_limit_cpu(0);
}

static void test_time_does_not_grow_with_the_line(void)
{
    if (unit_is_traced())
        return;
    struct js_reader *file = new_file();
    struct js_entry entry;
    unit_limit_cpu(60);
    for (int i = 0; i < 2000000; i++) { /* joins to four million '\\' */
        js_reader_feed(file, "\\\\\\\n", 4);
        CU_ASSERT_EQUAL(next(file, &entry), 0);
    }
    for (int i = 0; i < 4000000; i++) {
        js_reader_feed(file, "x", 1);
        CU_ASSERT_EQUAL(next(file, &entry), 0);
    }
    js_reader_feed(file, NULL, 0);
    CU_ASSERT_EQUAL_FATAL(next(file, &entry), 1);
    CU_ASSERT_EQUAL(entry.command_len, 8000000);
    CU_ASSERT_EQUAL(entry.command[3999999], '\\');
    CU_ASSERT_EQUAL(entry.command[4000000], 'x');
    js_reader_free(file);
    unit_limit_cpu(0);
}

/* What was taken is let go of although the input is never all taken. */
static void test_memory_does_not_grow_behind_what_waits(void)
{
    if (unit_is_traced())
        return;
    char piece[4096];
    struct js_entry entry;
    uint64_t jobs = 0;
    struct js_reader *file = new_file();
    memset(piece, 'x', sizeof(piece));
    piece[sizeof(piece) - 1] = '\n';
    js_reader_feed(file, piece, sizeof(piece));
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    for (int i = 0; i < 16384; i++) { /* 64 MiB; one line always waits */
        js_reader_feed(file, piece, sizeof(piece));
        jobs +=
            next(file, &entry) == 1 && entry.command_len == sizeof(piece) - 1;
    }
    size_t after = mallinfo2().uordblks + mallinfo2().hblkhd;
    CU_ASSERT_EQUAL(jobs, 16384);
    CU_ASSERT_TRUE(after <= before + (1 << 20));
    js_reader_free(file);
}

/* ---------------------------------------------------------------- lists */

static void test_lists(void)
{
    static const struct entries_case cases[] = {
        {"[name=a] x\n[after=a] y\n[after-any=a name=b] z",
         "1@1=[name=a]x;2@2=[after=a]y;3@3=[name=b after-any=a]z;"},
        {"[ -f x ] && y\n[a-z]*.sh\n[]\n[=]",
         "1@1=[ -f x ] && y;2@2=[a-z]*.sh;3@3=[];4@4=[=];"},
        {"wait\nx\n wait \ny\nwait 5\nwaits\n",
         "wait;1@2=x;wait;2@4=y;3@5=wait 5;4@6=waits;"},
        {"wait ok\nx\n\twait \t ok \nwait okay\nwaitok\nwait ok 5\nwait ok",
         "wait ok;1@2=x;wait ok;2@4=wait okay;3@5=waitok;4@6=wait ok 5;"
         "wait ok;"},
        {"[name=a*] x\n[after=a*,?b] y",
         "!f:1:7: name=a*: a name may contain only letters, digits and "
         "_ - . : /;2@2=[after=a*,?b]y;"},
        {"# [cores=0] x\n#[cores=0]\nx", "1@3=x;"},
        {"[cores=1\\\n name=a] x\n", "1@1=[name=a]x;"},
        {NULL, NULL},
    };
    check_cases(cases);
}

static void test_mistakes_and_their_places(void)
{
    static const struct entries_case cases[] = {
        {"[core=4] x\ny", "!f:1:2: unknown attribute \"core\" (did you mean "
                          "\"cores\"?);2@2=y;"},
        {"[after=\"two words\"] x",
         "!f:1:8: after=\"two words\": a name may contain only letters, digits "
         "and _ - . : /;"},
        {"[cores=0] x", "!f:1:8: cores=0: must be a whole number from 1 to "
                        "1000000;"},
        {"[timeout=1e9x] x",
         "!f:1:10: timeout=1e9x: must be a duration such as "
         "90s, 10m, 2h or 1d;"},
        {"[env=X] x", "!f:1:6: env=X: must be NAME=VALUE;"},
        {"[cores=1 x", "!f:1:1: this list has no closing \"]\";"},
        {"[cores=1", "!f:1:1: this list has no closing \"]\";"},
        {"[cores=1]  ", "!f:1:11: this line has attributes but no command;"},
        {"[cores=1 \\\n   core=2] x",
         "!f:2:4: unknown attribute \"core\" (did you mean \"cores\"?);"},
        {NULL, NULL},
    };
    check_cases(cases);
}

static void test_defaults(void)
{
    static const struct entries_case cases[] = {
        /* A line of defaults is no job, even if it is refused. */
        {"#JOBSCHED name=a\nx",
         "!f:1:11: name= cannot be a default: it must be in a job's own line;"
         "1@2=x;"},
        {"#JOBSCHED\nx", "1@2=x;"},
        {"#JOBSCHED", ""},
        {"#JOBSCHEDULE cores=0\nx", "1@2=x;"},
        {"\t #JOBSCHED cores=0\nx",
         "!f:1:19: cores=0: must be a whole number from 1 to 1000000;1@2=x;"},
        {"#JOBSCHED env=A=1\r\nx\n", "1@2=[env=A=1]x;"},
        {"a\n#JOBSCHED cores=2 timeout=3s\nb\n[cores=4] c\n"
         "#JOBSCHED priority=1\nd\n",
         "1@1=a;2@3=[cores=2 timeout_ns=3000000000]b;"
         "3@4=[cores=4 timeout_ns=3000000000]c;"
         "4@6=[cores=2 timeout_ns=3000000000 priority=1]d;"},
        {NULL, NULL},
    };
    check_cases(cases);
}

static void describes(const struct js_reader *file, const char *attribute,
                      size_t index, const char *expected)
{
    const struct js_entry_part part = {attribute, index};
    struct js_err err = {""};
    CU_ASSERT_EQUAL(js_reader_describe(file, &part, "no\n", &err), 0);
    CU_ASSERT_STRING_EQUAL(err.text, expected);
}

/* Of the entry that was returned last, until the next is asked for. */
static void test_places_in_an_entry(void)
{
    static const char input[] = "#JOBSCHED stdout=o\n"
                                "[name=b after=a,c \\\n after-any=d] ./x \\\n"
                                "y\nz\n";
    struct js_reader *file = new_file();
    struct js_entry entry;
    js_reader_feed(file, input, strlen(input));
    js_reader_feed(file, NULL, 0);
    CU_ASSERT_EQUAL(next(file, &entry), 1);
    describes(file, "name", 0, "f:2:7: no\\n");
    describes(file, "after", 0, "f:2:15: no\\n");
    describes(file, "after", 1, "f:2:17: no\\n");
    describes(file, "after-any", 0, "f:3:12: no\\n");
    describes(file, "stdout", 0, "f:2:1: no\\n"); /* a default */
    describes(file, NULL, 0, "f:3:15: no\\n");
    describes(file, NULL, 4, "f:4:1: no\\n");
    CU_ASSERT_EQUAL(next(file, &entry), 1);
    describes(file, NULL, 0, "f:5:1: no\\n");
    js_reader_free(file);
}

static const struct unit_test tests[] = {
    {"lines", test_lines},
    {"comments", test_comments},
    {"carriage returns", test_carriage_returns},
    {"byte order mark", test_byte_order_mark},
    {"continuations", test_continuations},
    {"backslash at the end of the input",
     test_backslash_at_the_end_of_the_input},
    {"NUL bytes are refused with their place",
     test_nul_bytes_are_refused_with_their_place},
    {"errors carry the name", test_errors_carry_the_name},
    {"random inputs against the plain rules",
     test_random_inputs_against_the_plain_rules},
    {"random cuts change nothing", test_random_cuts_change_nothing},
    {"long lines up to the limit", test_long_lines_up_to_the_limit},
    {"too long lines are refused", test_too_long_lines_are_refused},
    {"lines without end do not fill the memory",
     test_lines_without_end_do_not_fill_the_memory},
    {"jobs taken more slowly than fed", test_jobs_taken_more_slowly_than_fed},
    {"time does not grow with what waits",
     test_time_does_not_grow_with_what_waits},
    {"time does not grow with the line", test_time_does_not_grow_with_the_line},
    {"memory does not grow behind what waits",
     test_memory_does_not_grow_behind_what_waits},
    {"attribute lists", test_lists},
    {"mistakes and their places", test_mistakes_and_their_places},
    {"lines of defaults", test_defaults},
    {"places in an entry", test_places_in_an_entry},
    {NULL, NULL},
};
const struct unit_suite suite_jobfile = {"jobfile", tests};
