/* from_greasy: task files of GREASY, with the quirks that lists lean on. */
#include "from_scene.h"

#include "base/text.h"
#include "list/from/greasy.h"

static struct js_reader *greasy(void)
{
    return js_from_greasy_new("f");
}

static void check(const char *text, const char *expected)
{
    from_scene_check(greasy, text, expected);
}

static void test_the_example(void)
{
    check("# line 1 is a comment and has number 1\n"
          "./prepare\n"
          "[# 2 #] [@ runs/a @] ./sim a > log\n"
          "[# -2 #] [@ runs/b @] ./sim b > log\n"
          "[# 3-4 #] ./merge runs/a/log runs/b/log\n",
          "2: name=2 | ./prepare\n"
          "3: name=3 dir=runs/a after=2 | ./sim a > log\n"
          "4: name=4 dir=runs/b after=2 | ./sim b > log\n"
          "5: name=5 after=3 after=4 | ./merge runs/a/log runs/b/log\n");
}

static void test_every_line_has_a_number(void)
{
    check("", "");
    check("\n", "");
    check("a", "1: name=1 | a\n");
    check("\n \t\n  # x\n  a\n\nb", "4: name=4 | a\n6: name=6 | b\n");
    /* GREASY would run commands that end in a CR. */
    check("a\r\n\r\nb\r\n", "1: name=1 | a\n3: name=3 | b\n");
    check("\xef\xbb\xbf# a\nb\n", "2: name=2 | b\n");
    check("a  \t\n", "1: name=1 | a  \t\n");
}

static void test_dependencies(void)
{
    check("a\nb\n[#1#]c\n[# #] d\n[##] e\n [# -1 #] f\n[#1, 3 - 5 #] g\n",
          "1: name=1 | a\n2: name=2 | b\n3: name=3 after=1 | c\n"
          "4: name=4 | d\n5: name=5 | e\n6: name=6 after=5 | f\n"
          "7: name=7 after=1 after=3 after=4 after=5 | g\n");
    /* Both ways round, and each only once. */
    check("a\nb\nc\n[# 3-1, 2, -2 #] d\n",
          "1: name=1 | a\n2: name=2 | b\n3: name=3 | c\n"
          "4: name=4 after=1 after=2 after=3 | d\n");
    /* It is two lines up, not two tasks. */
    check("a\n\n[# -2 #] b\n", "1: name=1 | a\n3: name=3 after=1 | b\n");
    /* The list ends at the first "#]": GREASY calls this line invalid. */
    check("a\n[# 1 #] grep '[#x#]' f\n",
          "1: name=1 | a\n2: name=2 after=1 | grep '[#x#]' f\n");
    /* Not at the beginning, and so the command's own. */
    check("[ 1 ]\n[ 1 #]\necho [# 1 #]\n",
          "1: name=1 | [ 1 ]\n2: name=2 | [ 1 #]\n"
          "3: name=3 | echo [# 1 #]\n");
}

/* Reads `count` tasks, and one after the range; returns what that waits for. */
static void read_range(struct js_buf *got, unsigned count, const char *range)
{
    struct js_buf text = JS_BUF_INIT;
    for (unsigned i = 0; i < count; i++)
        js_buf_puts(&text, "a\n");
    js_buf_printf(&text, "[# %s #] b\n[# 1 #] c\n", range);
    from_scene_read(got, greasy, text.data, text.len, text.len);
    js_buf_release(&text);
    const char *last = strrchr(not_null((void *)js_buf_string(got)), ':');
    CU_ASSERT_STRING_EQUAL(strstr(last, " after"), " after=1 | c\n");
}

/* k tasks after the same m must not take k times m edges. */
static void test_long_ranges_are_globs(void)
{
    struct js_buf got = JS_BUF_INIT;
    read_range(&got, 41, "1-40, 3, 41");
    CU_ASSERT_PTR_NOT_NULL(strstr(
        got.data,
        "42: name=42 after=? after=1? after=2? after=3? after=40 after=3 "
        "after=41 | b\n"));
    read_range(&got, 1300, "1234-95");
    CU_ASSERT_PTR_NOT_NULL(
        strstr(got.data,
               " after=95 after=96 after=97 after=98 after=99 after=??? "
               "after=10?? after=11?? after=120? after=121? after=122? "
               "after=1230 after=1231 after=1232 after=1233 after=1234 | b\n"));
    /* Every range is made of exactly its lines. */
    for (unsigned first = 1; first < 130; first += 3) {
        for (unsigned last = first; last <= 130; last += 7) {
            char range[32], name[32];
            snprintf(range, sizeof(range), "%u-%u", first, last);
            read_range(&got, 130, range);
            struct js_strings globs = {0};
            char *line = strstr(got.data, "131: "), *save;
            *strchr(line, '\n') = '\0';
            for (char *word = strtok_r(line, " ", &save); word;
                 word = strtok_r(NULL, " ", &save)) {
                if (strncmp(word, "after=", 6) == 0)
                    js_strings_add(&globs, word + 6, strlen(word + 6));
            }
            for (unsigned task = 1; task <= 131; task++) {
                const char *glob = NULL;
                int matches = 0;
                snprintf(name, sizeof(name), "%u", task);
                while ((glob = js_strings_next(&globs, glob)))
                    matches += js_text_matches(glob, name);
                CU_ASSERT_EQUAL(matches, task >= first && task <= last);
            }
            js_buf_release(&globs.bytes);
        }
    }
    js_buf_release(&got);
    /* A comment in it is an error all the same, and so is a line below. */
    struct js_buf text = JS_BUF_INIT;
    for (int i = 0; i < 40; i++)
        js_buf_puts(&text, i == 20 ? "# x\n" : "a\n");
    js_buf_puts(&text, "[#1-40#] b\n[#1-60#] c\n");
    from_scene_read(&got, greasy, text.data, text.len, text.len);
    js_buf_string(&got);
    CU_ASSERT_PTR_NOT_NULL(strstr(
        got.data, "f:41:3: line 21 is a comment, not a task (blank lines"));
    CU_ASSERT_PTR_NOT_NULL(strstr(got.data, "f:42:3: line 21 is a comment"));
    js_buf_release(&text);
    js_buf_release(&got);
}

static void test_bad_dependencies(void)
{
    check("a\n[# 2 #] b\n", "1: name=1 | a\nf:2:4: a task cannot depend on "
                            "itself (this is line 2)\n");
    check("[# 7 #] b\n", "f:1:4: line 7 is below this one: a task can depend "
                         "only on tasks above it\n");
    check("# x\n\na\n[#3,1#] b\n[# 1-3 #] c\n[# 2 #] d\n",
          "3: name=3 | a\n"
          "f:4:5: line 1 is a comment, not a task (blank lines and comments "
          "count)\n"
          "f:5:4: line 1 is a comment, not a task (blank lines and comments "
          "count)\n"
          "f:6:4: line 2 is blank, not a task (blank lines and comments "
          "count)\n");
    check("[# -1 #] a\n", "f:1:4: there is no line 1 lines above this one\n");
    check("a\n[#1 ] b\n",
          "1: name=1 | a\nf:2:1: these dependencies have no closing \"#]\"\n");
    static const char *const items[] = {"x",
                                        "0",
                                        "01",
                                        "1-",
                                        "1-02",
                                        "1 2",
                                        "1,,1",
                                        "--1",
                                        "-",
                                        "1-1-1",
                                        "99999999999999999999"};
    for (size_t i = 0; i < sizeof(items) / sizeof(items[0]); i++) {
        char text[64], expected[300];
        bool is_empty = strcmp(items[i], "1,,1") == 0;
        snprintf(text, sizeof(text), "a\n[#%s#] b\n", items[i]);
        snprintf(expected, sizeof(expected),
                 "1: name=1 | a\nf:2:%d: \"%s\" names no task: between [# and "
                 "#] there must be lines (3), ranges of lines (3-5) or "
                 "distances (-2), separated by commas\n",
                 is_empty ? 5 : 3, is_empty ? "" : items[i]);
        check(text, expected);
    }
    /* What comes after a bad task is no further error. */
    check("[# 5 #] a\n[# 1 #] b\n",
          "f:1:4: line 5 is below this one: a task can depend only on tasks "
          "above it\n2: name=2 | b\n");
    check("[##]\n[# #] \n", "f:1:4: this line has no command\n"
                            "f:2:6: this line has no command\n");
}

static void test_folders(void)
{
    check("[@ /tmp @] pwd\n", "1: name=1 dir=/tmp | pwd\n");
    check("[@a@]pwd\n", "1: name=1 dir=a | pwd\n");
    /* In any order, and anywhere in the line. */
    check("a\n[@ x @] [# 1 #] b\n[# 1 #] c [@ y @] d\n",
          "1: name=1 | a\n2: name=2 dir=x after=1 | b\n"
          "3: name=3 dir=y after=1 | c  d\n");
    check("mail user@host[@x@]\n", "1: name=1 dir=x | mail user@host\n");
    /* A shell reads it, as GREASY's does. */
    check("[@ $HOME/a @] b\n", "1: name=1 | cd $HOME/a && b\n");
    check("[@ ~ @] b\n", "1: name=1 | cd ~ && b\n");
    check("[@ -x @] b\n", "1: name=1 | cd -x && b\n");
    check("[@ a b; c @] d\n", "1: name=1 | cd a b; c && d\n");
    /* No folder: GREASY takes the first for one. */
    check("echo a@b@] c\necho [@ x\n",
          "1: name=1 | echo a@b@] c\n2: name=2 | echo [@ x\n");
    check("a\n  [@ x\n",
          "1: name=1 | a\nf:2:3: this folder has no closing \"@]\"\n");
    check("[@ @] a\n", "f:1:1: this folder is empty\n");
    check("[@@] a\n", "f:1:1: this folder is empty\n");
    check("[@ a @] b [@ c @]\n",
          "f:1:11: a second folder: a line can have only one\n");
    check("[@ a @]\n", "f:1:7: this line has no command\n");
    /* Columns are those of the line, although the folder is taken out. */
    check("[@ a @] [# x #] b\n",
          "f:1:12: \"x\" names no task: between [# and #] there must be lines "
          "(3), ranges of lines (3-5) or distances (-2), separated by "
          "commas\n");
}

static void test_what_is_no_text(void)
{
    static const char text[] = "a\nb\0c\nd\n";
    from_scene_check_bytes(greasy, text, sizeof(text) - 1,
                           "1: name=1 | a\n"
                           "f:2:2: NUL byte: a list must be text\n");
}

static void check_place(const char *line, const char *attribute, size_t index,
                        const char *expected)
{
    struct js_reader *reader = not_null(greasy());
    struct js_entry entry;
    struct js_err err = {""};
    const struct js_entry_part part = {attribute, index};
    js_reader_feed(reader, "a\n", 2);
    js_reader_feed(reader, line, strlen(line));
    js_reader_feed(reader, "", 0);
    CU_ASSERT_EQUAL(js_reader_next(reader, &entry, &err), 1);
    CU_ASSERT_EQUAL(js_reader_next(reader, &entry, &err), 1);
    CU_ASSERT_EQUAL(js_reader_describe(reader, &part, "x\ny", &err), 0);
    CU_ASSERT_STRING_EQUAL(err.text, expected);
    js_reader_free(reader);
}

static void test_places(void)
{
    check_place("  b c", NULL, 0, "f:2:3: x\\ny");
    check_place("  b c", NULL, 2, "f:2:5: x\\ny");
    check_place("[@ x @] [# 1 #] b c", NULL, 2, "f:2:19: x\\ny");
    check_place("[# 1 #] b [@ x @] c", NULL, 3, "f:2:9: x\\ny");
    check_place("[@ x @] [# 1 #] b c", "after", 0, "f:2:9: x\\ny");
}

static const struct unit_test tests[] = {
    {"the_example", test_the_example},
    {"every_line_has_a_number", test_every_line_has_a_number},
    {"dependencies", test_dependencies},
    {"long_ranges_are_globs", test_long_ranges_are_globs},
    {"bad_dependencies", test_bad_dependencies},
    {"folders", test_folders},
    {"what_is_no_text", test_what_is_no_text},
    {"places", test_places},
    {NULL, NULL},
};

const struct unit_suite suite_from_greasy = {"from_greasy", tests};
