/* entry_write: what is written is read again as the same. */
#include "entry_back.h"
#include "rng.h"
#include "unit.h"

/* ---------------------------------------------------------------- random */

/* Bytes that mean something somewhere. */
static const char bytes[] = " \t]'\"\\=#[a,*?\r\x80\xc3\xa9/.;&$`{}wi0";

static size_t random_text(struct rng *rng, char *text, size_t most)
{
    size_t len = rng_below(rng, most);
    for (size_t i = 0; i < len; i++)
        text[i] = bytes[rng_below(rng, sizeof(bytes) - 1)];
    text[len] = '\0';
    return len;
}

static char *random_string(struct rng *rng)
{
    char text[12];
    random_text(rng, text, sizeof(text));
    return rng_chance(rng, 30) && text[0] ? not_null(strdup(text)) : NULL;
}

static void random_names(struct rng *rng, struct js_strings *names)
{
    static const char *const some[] = {"a", "a.b-c_d:e/f", "a*",
                                       "?", "b 'c",        "x,y"};
    for (uint64_t i = rng_below(rng, 4); i > 1; i--) {
        const char *name = some[rng_below(rng, 6)];
        CU_ASSERT_EQUAL(js_strings_add(names, name, strlen(name)), 0);
    }
}

static void random_pairs(struct rng *rng, struct js_strings *pairs,
                         const char *letters)
{
    char text[32];
    for (uint64_t i = rng_below(rng, 4); i > 1; i--) {
        size_t at = 0;
        if (letters)
            text[at++] = letters[rng_below(rng, 2)];
        text[at++] = 'n';
        text[at++] = '=';
        at += random_text(rng, text + at, 12);
        CU_ASSERT_EQUAL(js_strings_add(pairs, text, at), 0);
    }
}

static void random_attributes(struct rng *rng, struct js_attributes *ret)
{
    js_attributes_init(ret);
    if (rng_chance(rng, 30))
        ret->name = not_null(strdup("b 'c,d*"));
    if (rng_chance(rng, 20))
        ret->nodes = 1 + (uint32_t)rng_below(rng, 1000000);
    if (rng_chance(rng, 20))
        ret->cores = 1 + (uint32_t)rng_below(rng, 1000000);
    if (rng_chance(rng, 20))
        ret->gpus = (uint32_t)rng_below(rng, 1000);
    if (rng_chance(rng, 20))
        ret->priority = (int32_t)rng_below(rng, 2000001) - 1000000;
    ret->is_retries_set = rng_chance(rng, 20);
    if (ret->is_retries_set)
        ret->retries = (uint32_t)rng_below(rng, 3);
    if (rng_chance(rng, 20))
        ret->mem_bytes = rng_next(rng) >> rng_below(rng, 64);
    if (rng_chance(rng, 20))
        ret->timeout_ns = (int64_t)(rng_next(rng) >> (1 + rng_below(rng, 63)));
    ret->has_globs = rng_chance(rng, 50);
    random_names(rng, &ret->after);
    random_names(rng, &ret->after_any);
    random_pairs(rng, &ret->env, NULL);
    random_pairs(rng, &ret->args, "ua");
    ret->dir = random_string(rng);
    ret->stdin_path = random_string(rng);
    ret->stdout_path = random_string(rng);
    ret->stderr_path = random_string(rng);
}

/* Commands that could be taken for something else. */
static size_t random_command(struct rng *rng, char *command, size_t size)
{
    static const char *const starts[] = {
        "#",        "#JOBSCHED ", "[a=b] ",
        "[ -f x ]", "wait",       "wait ",
        "wait ok",  "TASK ",      "EDGE a",
        "[# 1 #] ", "[@ d ",      "\xef\xbb\xbf",
        "#!/bin/",  "#DISBATCH",  "Seq\tHost\tStarttime\t",
    };
    size_t len = 0;
    if (rng_chance(rng, 50)) {
        const char *start = starts[rng_below(rng, 15)];
        len = strlen(start);
        memcpy(command, start, len);
    }
    return len + random_text(rng, command + len, size - len);
}

static void test_random(void)
{
    struct rng rng = {18};
    char command[64];
    unsigned written = 0;
    for (int i = 0; i < 20000; i++) {
        struct js_attributes attributes;
        random_attributes(&rng, &attributes);
        struct js_entry entry = {
            .kind = JS_ENTRY_JOB,
            .command = command,
            .command_len = random_command(&rng, command, 40),
            .attributes = rng_chance(&rng, 70) ? &attributes : NULL,
        };
        written += entry_back_check(&entry);
        js_attributes_release(&attributes);
    }
    /* Only what is blank, or begins with a blank, has no line. */
    CU_ASSERT_TRUE(written > 16000);
}

/* ---------------------------------------------------------------- by hand */

static const char *line_of(const char *list, struct js_buf *ret)
{
    struct js_reader *reader = not_null(js_formats_new_reader(
        "lines", &(struct js_formats_input){.name = "f"}));
    struct js_entry entry;
    struct js_entry_part part;
    struct js_err err;
    ret->len = 0;
    CU_ASSERT_EQUAL(js_reader_feed(reader, list, strlen(list)), 0);
    CU_ASSERT_EQUAL(js_reader_feed(reader, NULL, 0), 0);
    while (entry = (struct js_entry){.kind = JS_ENTRY_JOB},
           js_reader_next(reader, &entry, &err) == 1) {
        bool is_last;
        CU_ASSERT_TRUE(entry_back_check(&entry));
        CU_ASSERT_EQUAL(js_entry_write(ret, &entry, &is_last, &part, &err), 0);
        CU_ASSERT_EQUAL(js_buf_puts(ret, is_last ? "" : "|"), 0);
    }
    js_reader_free(reader);
    return not_null((void *)js_buf_string(ret));
}

static void test_lines(void)
{
    static const struct {
        const char *list, *written;
    } cases[] = {
        {"x\n", "x|"},
        {"  x \n", "  x |"},
        {"wait\n x\n\twait ok \n", "wait| x|wait ok|"},
        {"#JOBSCHED cores=2 env=a=1\nx\n[env=b='2 3' cores=4 name=n] y\n",
         "[cores=2 env=a=1] x|[name=n cores=4 env=a=1 env='b=2 3'] y|"},
        {"[cores=1] wait\n[cores=1] #x\n[cores=1] [a=b] y\n",
         "[cores=1] wait|[cores=1] #x|[cores=1] [a=b] y|"},
        {"[name=a] x\n[after=a after-any=a*,? after=?] y\n",
         "[name=a] x|[after=a,? after-any=a*,?] y|"},
        {"[timeout=1500ms retries=0 mem=1K gpus=1 priority=-1 nodes=2] x\n",
         "[nodes=2 gpus=1 priority=-1 retries=0 mem=1024 "
         "timeout=1.500000000] x|"},
        {"[dir='a b' stdin=\"it's\" stdout=x]]y\n",
         "[dir='a b' stdin=\"it's\" stdout=x] ]y|"},
        {"[arg=n=4 arg-used='f=a b' arg=m=] x\n",
         "[arg=n=4 arg-used='f=a b' arg=m=] x|"},
        {"x\r\r\nx\\\\\nx\\", "x\r\r|x\\\\|x\\"},
        {"TASK a\n[ -f x ]\n", "[cores=1] TASK a|[ -f x ]|"},
        {NULL, NULL},
    };
    struct js_buf buf = JS_BUF_INIT;
    for (size_t i = 0; cases[i].list; i++)
        CU_ASSERT_STRING_EQUAL(line_of(cases[i].list, &buf), cases[i].written);
    js_buf_release(&buf);
}

static void test_what_has_no_line(void)
{
    struct js_attributes attributes;
    js_attributes_init(&attributes);
    attributes.cores = 2;
    CU_ASSERT_EQUAL(js_strings_add(&attributes.env, "a=1", 3), 0);
    const struct {
        const char *command;
        bool has_attributes;
        const char *why;
        size_t index;
    } cases[] = {
        {"a\nb", false, "this command contains a newline", 1},
        {"ab\n", true, "this command contains a newline", 2},
        {" \t", false, "this command is blank", 0},
        {"", true, "this command is blank", 0},
        {" a", true, "this command begins with a blank", 0},
        {" #", false, "this command begins with a blank", 0},
        {NULL, false, NULL, 0},
    };
    struct js_buf buf = JS_BUF_INIT;
    struct js_entry_part part;
    struct js_err err;
    bool is_last;
    CU_ASSERT_EQUAL(js_buf_puts(&buf, "kept"), 0);
    for (size_t i = 0; cases[i].command; i++) {
        const struct js_entry entry = {
            .command = cases[i].command,
            .command_len = strlen(cases[i].command),
            .attributes = cases[i].has_attributes ? &attributes : NULL};
        CU_ASSERT_EQUAL(js_entry_write(&buf, &entry, &is_last, &part, &err),
                        -1);
        CU_ASSERT_EQUAL(errno, EINVAL);
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, cases[i].why));
        CU_ASSERT_PTR_NULL(part.attribute);
        CU_ASSERT_EQUAL(part.index, cases[i].index);
        CU_ASSERT_STRING_EQUAL(js_buf_string(&buf), "kept");
    }
    CU_ASSERT_EQUAL(js_strings_add(&attributes.env, "a=\n", 3), 0);
    const struct js_entry entry = {
        .command = "x", .command_len = 1, .attributes = &attributes};
    CU_ASSERT_EQUAL(js_entry_write(&buf, &entry, &is_last, &part, &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "this value contains a newline"));
    CU_ASSERT_STRING_EQUAL(part.attribute, "env");
    CU_ASSERT_EQUAL(part.index, 1);
    js_attributes_release(&attributes);
    js_buf_release(&buf);
}

static void test_longest(void)
{
    char *command = not_null(malloc(JS_READER_COMMAND_MAX));
    struct js_entry entry = {.command = command,
                             .command_len = JS_READER_COMMAND_MAX};
    memset(command, 'x', JS_READER_COMMAND_MAX);
    CU_ASSERT_TRUE(entry_back_check(&entry));
    command[0] = '#';
    CU_ASSERT_FALSE(entry_back_check(&entry));
    entry.command_len -= strlen("[cores=1] ");
    CU_ASSERT_TRUE(entry_back_check(&entry));
    free(command);
}

static const struct unit_test tests[] = {
    {"random entries", test_random},
    {"lines", test_lines},
    {"what has no line", test_what_has_no_line},
    {"the longest line", test_longest},
    {NULL, NULL},
};
const struct unit_suite suite_entry_write = {"entry_write", tests};
