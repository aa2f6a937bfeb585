/* args and args_reader: a command line becomes a text, and the text jobs. */
#include "entries.h"
#include "place.h"
#include "rng.h"
#include "unit.h"

#include "list/args.h"
#include "list/args_reader.h"
#include "list/product.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WORDS_MAX = 40 };

static const struct js_args_options plain,
    by_comma = {.separator = ","}, csv = {.is_csv = true},
    header = {.has_header = true}, linked = {.are_all_linked = true};

/* The words of a line, which must remain as long as they do. A '~' stands for
 * an empty word. */
static void split(char *line, char *words[WORDS_MAX])
{
    static char empty[] = "";
    size_t count = 0;
    for (char *word = strtok_r(line, " ", &line); word;
         word = strtok_r(NULL, " ", &line)) {
        words[count++] = strcmp(word, "~") == 0 ? empty : word;
        CU_ASSERT_FATAL(count < WORDS_MAX);
    }
    words[count] = NULL;
}

/* The text, or the error. */
static bool pack_words(char *const *words,
                       const struct js_args_options *options,
                       struct js_buf *ret)
{
    struct js_err err = {""};
    bool is_stream = false;
    ret->len = 0;
    if (js_args_pack(words, options, ret, &is_stream, &err) == 0)
        return true;
    CU_ASSERT_EQUAL(errno, EINVAL);
    ret->len = 0;
    js_buf_puts(ret, err.text);
    js_buf_string(ret);
    return false;
}

static bool pack(const char *line, const struct js_args_options *options,
                 struct js_buf *ret)
{
    char copy[500];
    char *words[WORDS_MAX];
    snprintf(copy, sizeof(copy), "%s", line);
    split(copy, words);
    return pack_words(words, options, ret);
}

/* `stream` is what standard input would give. */
static bool gives(const char *line, const struct js_args_options *options,
                  const char *stream, const char *expected)
{
    struct js_buf text = JS_BUF_INIT;
    bool good = pack(line, options, &text);
    if (good && stream)
        js_buf_puts(&text, stream);
    good = good && entries_are_always(js_args_reader_new, text.data, text.len,
                                      expected);
    if (!good)
        fprintf(stderr, "\n  in: %s\n", line);
    js_buf_release(&text);
    return good;
}

static bool is_refused(const char *line, const struct js_args_options *options,
                       const char *sentence)
{
    struct js_buf text = JS_BUF_INIT;
    bool good = !pack(line, options, &text) && text.data &&
                strcmp(text.data, sentence) == 0;
    if (!good)
        fprintf(stderr, "\n  in: %s\n  not: %s\n", line, text.data);
    js_buf_release(&text);
    return good;
}

static void test_where_sources_begin(void)
{
    static const struct {
        const char *line;
        size_t at;
    } cases[] = {{"./sim --n {n} ::: 1", 3}, {"a :::+ 1", 1}, {":::: f", 0},
                 {"a ::::+ f", 1},           {"a : :: b", 4}, {"", 0},
                 {"a ::::: :::x ::+ :+", 5}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        char copy[100];
        char *words[WORDS_MAX];
        snprintf(copy, sizeof(copy), "%s", cases[i].line);
        split(copy, words);
        CU_ASSERT_EQUAL(js_args_find_source(words), cases[i].at);
    }
}

static void test_words(void)
{
    CU_ASSERT(gives("./sim --n {} ::: 1 2", &plain, NULL,
                    "1@0=./sim --n 1;2@0=./sim --n 2;"));
    CU_ASSERT(gives("a {2}{1} ::: 1 2 ::: x y", &plain, NULL,
                    "1@0=a x1;2@0=a y1;3@0=a x2;4@0=a y2;"));
    CU_ASSERT(gives("a {1} {2} {3} ::: 1 2 ::: x y :::+ p q", &plain, NULL,
                    "1@0=a 1 x p;2@0=a 1 y q;3@0=a 2 x p;4@0=a 2 y q;"));
    CU_ASSERT(gives("a {1}{2} ::: 1 2 3 ::: x y", &linked, NULL,
                    "1@0=a 1x;2@0=a 2y;3@0=a 3x;"));
    /* No replacement string; several sources; the number. */
    CU_ASSERT(gives("a ::: 1 2", &plain, NULL, "1@0=a 1;2@0=a 2;"));
    CU_ASSERT(gives("a ::: 1 ::: x", &plain, NULL, "1@0=a 1 x;"));
    CU_ASSERT(gives("a {#} ::: x y", &plain, NULL, "1@0=a 1;2@0=a 2;"));
    /* A value that is a word of mpirun's, and what a shell would take. */
    CU_ASSERT(
        gives("a ::: : ~ $x", &plain, NULL, "1@0=a :;2@0=a '';3@0=a '$x';"));
    CU_ASSERT(gives("a :::", &plain, NULL, ""));
    CU_ASSERT(gives("a {1} ::: x :::", &plain, NULL, ""));
}

static void test_values_as_commands(void)
{
    struct js_buf text = JS_BUF_INIT;
    char *words[] = {(char[]){":::"}, (char[]){"echo $x"}, (char[]){" "},
                     (char[]){"{}"}, NULL};
    CU_ASSERT(pack_words(words, &plain, &text));
    CU_ASSERT(entries_are_always(js_args_reader_new, text.data, text.len,
                                 "1@0=echo $x;2@0={};"));
    CU_ASSERT(gives("::: a b ::: x", &plain, NULL, "1@0=a x;2@0=b x;"));
    js_buf_release(&text);
}

static void test_columns(void)
{
    CU_ASSERT(gives("a {2}-{1} ::: 1,x 2,y", &by_comma, NULL,
                    "1@0=a x-1;2@0=a y-2;"));
    CU_ASSERT(gives("a {} ::: 1,x ::: 2", &by_comma, NULL, "1@0=a 1 x 2;"));
    CU_ASSERT(gives("a {2} ::: \"1,5\",x", &csv, NULL, "1@0=a x;"));
    CU_ASSERT(gives("a {1} {2} ::: ,x", &by_comma, NULL, "1@0=a '' x;"));
    CU_ASSERT(gives("a ::: ~", &by_comma, NULL, "1@0=a '';"));
    CU_ASSERT(is_refused("a ::: 1,x 2", &by_comma,
                         "\"2\":1:1: this line has 1 column instead of 2"));
    CU_ASSERT(is_refused("a ::: \"1,x", &csv,
                         "\"\"1,x\":1:1: this quote is not closed"));
    const struct js_args_options bad = {.separator = "\\d"};
    struct js_buf text = JS_BUF_INIT;
    CU_ASSERT_FALSE(pack("a ::: 1", &bad, &text));
    CU_ASSERT_PTR_NOT_NULL(strstr(text.data, "the separator \"\\d\": "));
    char *words[] = {(char[]){":::"}, (char[]){"a,b\nc,d"}, NULL};
    CU_ASSERT_FALSE(pack_words(words, &by_comma, &text));
    CU_ASSERT_PTR_NOT_NULL(strstr(text.data, "has several lines"));
    js_buf_release(&text);
}

static void test_header(void)
{
    const struct js_args_options both = {.separator = ",", .has_header = true};
    CU_ASSERT(gives("a {m} {n} {1} ::: n 1 2 ::: m x", &header, NULL,
                    "1@0=a x 1 1;2@0=a x 2 2;"));
    CU_ASSERT(gives("a {y/} {x} ::: x,y 1,d/e", &both, NULL, "1@0=a e 1;"));
    CU_ASSERT(gives("a {n} ::: n", &header, NULL, ""));
    CU_ASSERT(is_refused("a ::: n 1 :::", &header,
                         "::: is empty: with --header : the first value of "
                         "each source is its name"));
    CU_ASSERT(gives("a ::: n 1 ::: n 2", &header, NULL,
                    "!f: two columns have the name \"n\";"));
}

static void test_bad_templates(void)
{
    CU_ASSERT(gives("./sim {3} ::: 1 ::: 2", &plain, NULL,
                    "!f:1:7: {3}: the last value is {2};"));
    CU_ASSERT(gives("a {1} ::: 1", &by_comma, NULL, "1@0=a 1;"));
}

static void test_too_many(void)
{
    struct js_buf text = JS_BUF_INIT;
    char *words[5 + 21 * 9];
    size_t count = 0;
    static char command[] = "a", marker[] = ":::", value[] = "x";
    words[count++] = command;
    for (size_t i = 0; i < 21; i++) {
        words[count++] = marker;
        for (size_t j = 0; j < 8; j++)
            words[count++] = value;
    }
    words[count] = NULL;
    /* 8^21 is 2^63. */
    CU_ASSERT(pack_words(words, &plain, &text));
    struct js_reader *reader = not_null(js_args_reader_new("f"));
    struct js_entry entry;
    struct js_err err = {""};
    CU_ASSERT_EQUAL(js_args_reader_count(reader), JS_PRODUCT_UNKNOWN);
    CU_ASSERT_EQUAL(js_reader_feed(reader, text.data, text.len), 0);
    CU_ASSERT_EQUAL(js_reader_next(reader, &entry, &err), 1);
    CU_ASSERT_EQUAL(js_args_reader_count(reader), JS_PRODUCT_MAX);
    js_reader_free(reader);
    words[count++] = marker;
    words[count++] = value;
    words[count++] = value;
    words[count] = NULL;
    CU_ASSERT(pack_words(words, &plain, &text));
    CU_ASSERT(entries_are_always(
        js_args_reader_new, text.data, text.len,
        "!f: there are more than 2^63 combinations of the values;"));
    js_buf_release(&text);
}

/* ---------------------------------------------------------------- files */

struct scene {
    struct place place;
    char line[500];
};

/* Each '@' in the line stands for the folder. */
static const char *in_folder(struct scene *scene, const char *line)
{
    struct js_buf buf = JS_BUF_INIT;
    for (; *line; line++) {
        if (*line == '@')
            js_buf_puts(&buf, scene->place.dir);
        else
            js_buf_append(&buf, line, 1);
    }
    snprintf(scene->line, sizeof(scene->line), "%s", js_buf_string(&buf));
    js_buf_release(&buf);
    return scene->line;
}

static void make_file(struct scene *scene, const char *name, const char *text)
{
    char path[PLACE_PATH];
    place_name(&scene->place, name, path);
    spit(path, text, strlen(text));
}

static void test_files(void)
{
    struct scene scene;
    struct js_buf text = JS_BUF_INIT;
    place_init(&scene.place, "a");
    make_file(&scene, "a",
              "\xef\xbb\xbf"
              "1\r\n\n2 3");
    make_file(&scene, "b", "x\ny\n");
    make_file(&scene, "c", "p\nq\nr\n");
    make_file(&scene, "empty", "");
    CU_ASSERT(gives(in_folder(&scene, "s :::: @/a"), &plain, NULL,
                    "1@0=s 1;2@0=s '';3@0=s '2 3';"));
    /* Each file is a source of its own. */
    CU_ASSERT(gives(in_folder(&scene, "s :::: @/b @/c"), &plain, NULL,
                    "1@0=s x p;2@0=s x q;3@0=s x r;4@0=s y p;5@0=s y q;6@0=s y "
                    "r;"));
    CU_ASSERT(gives(in_folder(&scene, "s ::: 1 2 ::::+ @/b @/c"), &plain, NULL,
                    "1@0=s 1 x p;2@0=s 2 y q;"));
    CU_ASSERT(gives(in_folder(&scene, "s {p} :::: @/c"), &header, NULL,
                    "1@0=s q;2@0=s r;"));
    CU_ASSERT(gives(in_folder(&scene, "s {1} :::: @/empty"), &plain, NULL, ""));
    CU_ASSERT_FALSE(pack(in_folder(&scene, "s :::: @/none"), &plain, &text));
    CU_ASSERT_PTR_NOT_NULL(strstr(text.data, "/none\": No such file or "));
    CU_ASSERT_FALSE(pack(in_folder(&scene, "s :::: @"), &plain, &text));
    CU_ASSERT_PTR_NOT_NULL(strstr(text.data, "\": Is a directory"));
    make_file(&scene, "bad", "1,2\n3\n");
    CU_ASSERT_FALSE(pack(in_folder(&scene, "s :::: @/bad"), &by_comma, &text));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(text.data, "/bad:2:1: this line has 1 column instead of 2"));
    CU_ASSERT(is_refused("s :::: ::: 1", &plain,
                         "there is no file name after ::::; \"-\" is standard "
                         "input"));
    js_buf_release(&text);
    place_release(&scene.place);
}

/* ---------------------------------------------------------------- streams */

static void test_streams(void)
{
    CU_ASSERT(
        gives("s {} :::: -", &plain, "1\r\n2\n3", "1@0=s 1;2@0=s 2;3@0=s 3;"));
    CU_ASSERT(gives("s {} :::: -", &plain, "", ""));
    CU_ASSERT(gives("s {1}{2} :::: - ::: x y", &plain, "1\n2\n",
                    "1@0=s 1x;2@0=s 1y;3@0=s 2x;4@0=s 2y;"));
    CU_ASSERT(gives("s {1}{2} ::: x y ::::+ -", &plain, "1\n2\n3\n",
                    "1@0=s x1;2@0=s y2;"));
    CU_ASSERT(gives("s {1}{2} ::: x y ::::+ -", &plain, "1\n", "1@0=s x1;"));
    CU_ASSERT(gives(":::: -", &plain, "a b\n\nc\n", "1@0=a b;2@0=c;"));
    CU_ASSERT(gives("s {2} :::: -", &by_comma, "a, b\nc\nd,e\n",
                    "1@0=s b;!f:2:1: this line has 1 column instead of "
                    "2;2@0=s e;"));
    CU_ASSERT(gives("s {n} {m} :::: - ::: m 1 2", &header, "n\nx\ny\n",
                    "1@0=s x 1;2@0=s x 2;3@0=s y 1;4@0=s y 2;"));
    CU_ASSERT(gives("s {2} :::: -", &csv, "a,\"b\n",
                    "!f:1:3: this quote is not "
                    "closed;"));
    CU_ASSERT(is_refused("s :::: - ::::+ -", &plain,
                         "\"-\" is given twice: standard input can be only one "
                         "source"));
}

/* Where its values are needed again, it is read at once. */
static void test_standard_input_as_a_file(void)
{
    struct place place;
    int before = dup(STDIN_FILENO);
    place_init(&place, "in");
    spit(place.path, "1\n2\n", 4);
    for (int i = 0; i < 2; i++) {
        int fd = open(place.path, O_RDONLY | O_CLOEXEC);
        CU_ASSERT_FATAL(fd >= 0 && dup2(fd, STDIN_FILENO) == STDIN_FILENO);
        close(fd);
        CU_ASSERT(gives("s ::: x y z :::: -", i ? &linked : &plain, NULL,
                        i ? "1@0=s x 1;2@0=s y 2;3@0=s z 1;"
                          : "1@0=s x 1;2@0=s x 2;3@0=s y 1;4@0=s y 2;5@0=s z "
                            "1;6@0=s z 2;"));
    }
    dup2(before, STDIN_FILENO);
    close(before);
    place_release(&place);
}

/* ---------------------------------------------------------------- the rest */

static void test_description(void)
{
    struct js_buf text = JS_BUF_INIT;
    struct js_entry entry;
    const struct js_entry_part part = {NULL, 0};
    struct js_err err = {""};
    struct js_reader *reader = not_null(js_args_reader_new("command line"));
    CU_ASSERT(pack("a ::: n 1 ::: ~ d/b\n ::: x ~", &header, &text));
    CU_ASSERT_EQUAL(js_reader_feed(reader, text.data, text.len), 0);
    CU_ASSERT_EQUAL(js_reader_next(reader, &entry, &err), 1);
    CU_ASSERT_EQUAL(js_reader_describe(reader, &part, "no", &err), 0);
    CU_ASSERT_STRING_EQUAL(err.text, "command line: (n=1 d/b\\n x=) no");
    js_reader_free(reader);
    js_buf_release(&text);
}

/* The values for the environment, each with its flag, and the warning. */
static const char *args_of(const char *line,
                           const struct js_args_options *options,
                           struct js_buf *ret)
{
    struct js_buf text = JS_BUF_INIT;
    struct js_entry entry = {.kind = JS_ENTRY_NONE};
    struct js_err err;
    const char *arg = NULL;
    struct js_reader *reader = not_null(js_args_reader_new("f"));
    CU_ASSERT(pack(line, options, &text));
    CU_ASSERT_EQUAL(js_reader_feed(reader, text.data, text.len), 0);
    CU_ASSERT_EQUAL_FATAL(js_reader_next(reader, &entry, &err), 1);
    ret->len = 0;
    while ((arg = js_strings_next(&entry.attributes->args, arg)))
        js_buf_printf(ret, "%s ", arg);
    if (entry.warning)
        js_buf_printf(ret, "%.20s", entry.warning);
    /* Only the first job has the warning. */
    CU_ASSERT(js_reader_next(reader, &entry, &err) == 0 || !entry.warning);
    js_reader_free(reader);
    js_buf_release(&text);
    return js_buf_string(ret);
}

static void test_what_a_job_gets(void)
{
    struct js_buf said = JS_BUF_INIT;
    CU_ASSERT_STRING_EQUAL(args_of("a {2} ::: x ::: y z", &plain, &said),
                           "a1=x u2=y ");
    CU_ASSERT_STRING_EQUAL(args_of("a ::: x ::: ~", &plain, &said),
                           "u1=x u2= ");
    CU_ASSERT_STRING_EQUAL(args_of("::: x", &plain, &said), "u1=x ");
    /* A name that no variable can have is left out. */
    CU_ASSERT_STRING_EQUAL(
        args_of("a {n} ::: n 1 ::: 2m 2 ::: _x 3", &header, &said),
        "u1=1 un=1 a2=2 a3=3 a_x=3 ");
    CU_ASSERT_STRING_EQUAL(args_of("eval {} ::: 1 2", &plain, &said),
                           "u1=1 {} is in a text that");
    js_buf_release(&said);
}

/* A text that was cut off, or is another one. */
static void test_damaged_texts(void)
{
    struct js_buf text = JS_BUF_INIT, log = JS_BUF_INIT;
    struct rng rng = {23};
    struct entries_cutter whole = {entries_cut_nowhere, 0};
    static const char error[] = "!f: this is not the text of a command line;";
    CU_ASSERT(pack("./sim {1} {n} ::: n 1 2 ::: m x y", &header, &text));
    for (size_t len = 0; len < text.len; len++) {
        log.len = 0;
        entries_read(js_args_reader_new, text.data, len, whole, true, &log);
        CU_ASSERT_STRING_EQUAL(js_buf_string(&log), error);
    }
    for (unsigned i = 0; i < unit_rounds(3000); i++) {
        size_t at = rng_below(&rng, text.len);
        char before = text.data[at];
        text.data[at] = "0123789\0x"[rng_below(&rng, 9)];
        log.len = 0;
        entries_read(js_args_reader_new, text.data, text.len, whole, true,
                     &log);
        text.data[at] = before;
    }
    js_buf_release(&text);
    js_buf_release(&log);
}

/* 10^9 combinations begin at once, and take no memory. */
static void test_many(void)
{
    struct js_buf text = JS_BUF_INIT;
    char **words = not_null(calloc(3100, sizeof(*words)));
    char numbers[1000][12], command[] = "a", marker[] = ":::";
    struct js_err err;
    struct js_entry entry;
    size_t count = 0;
    words[count++] = command;
    for (int i = 0; i < 3; i++) {
        words[count++] = marker;
        for (int j = 0; j < 1000; j++) {
            snprintf(numbers[j], sizeof(numbers[j]), "%d", j + 1);
            words[count++] = numbers[j];
        }
    }
    CU_ASSERT(pack_words(words, &plain, &text));
    struct js_reader *reader = not_null(js_args_reader_new("f"));
    CU_ASSERT_EQUAL(js_reader_feed(reader, text.data, text.len), 0);
    for (int i = 0; i < 12345; i++)
        CU_ASSERT_EQUAL_FATAL(js_reader_next(reader, &entry, &err), 1);
    CU_ASSERT_EQUAL(entry.command_len, strlen("a 1 13 345"));
    CU_ASSERT_EQUAL(memcmp(entry.command, "a 1 13 345", entry.command_len), 0);
    CU_ASSERT_EQUAL(js_args_reader_count(reader), 1000000000);
    js_reader_free(reader);
    js_buf_release(&text);
    free(words);
}

static const struct unit_test tests[] = {
    {"where sources begin", test_where_sources_begin},
    {"words", test_words},
    {"values as commands", test_values_as_commands},
    {"columns", test_columns},
    {"header", test_header},
    {"bad templates", test_bad_templates},
    {"too many", test_too_many},
    {"files", test_files},
    {"streams", test_streams},
    {"standard input as a file", test_standard_input_as_a_file},
    {"description", test_description},
    {"what a job gets", test_what_a_job_gets},
    {"damaged texts", test_damaged_texts},
    {"many", test_many},
    {NULL, NULL},
};

const struct unit_suite suite_args = {"args", tests};
