/* for_loop: lines with for=, as the reader of our own format yields them. */
#define ENTRIES_WITH_ARGS
#include "entries.h"
#include "place.h"
#include "unit.h"

#include "list/for_loop.h"
#include "list/jobfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static void check(const struct entries_case *cases)
{
    entries_check(js_jobfile_new, cases);
}

/* A folder with files, in which the test is. */
struct scene {
    struct place place;
    int back;
};

static void enter(struct scene *scene)
{
    place_init(&scene->place, "v");
    scene->back = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CU_ASSERT_FATAL(scene->back >= 0);
    CU_ASSERT_EQUAL(chdir(scene->place.dir), 0);
}

static void leave(struct scene *scene)
{
    CU_ASSERT_EQUAL(fchdir(scene->back), 0);
    close(scene->back);
    place_release(&scene->place);
}

static void make_file(const char *path, const char *text)
{
    spit(path, text, strlen(text));
}

static void test_combinations(void)
{
    static const struct entries_case cases[] = {
        {"[for=n:1..3] x {n}\ny",
         "1@1=[args=un=1]x 1;2@1=[args=un=2]x 2;3@1=[args=un=3]x 3;4@2=y;"},
        {"[for=n:1..2 for=w:a,b] e {n}{w}",
         "1@1=[args=un=1,uw=a]e 1a;2@1=[args=un=1,uw=b]e 1b;"
         "3@1=[args=un=2,uw=a]e 2a;4@1=[args=un=2,uw=b]e 2b;"},
        {"# c\n[for=n:1] x \\\n {n}\n", "1@2=[args=un=1]x  1;"},
        {"[for=n:1,2]x$n {n\n", "1@1=[args=an=1]x$n {n;2@1=[args=an=2]x$n {n;"},
        {"[cores=2 for='w:a b,\"c'] e {w} \"{w}\"",
         "1@1=[cores=2 args=uw=a b]e 'a b' \"a b\";"
         "2@1=[cores=2 args=uw=\"c]e '\"c' \"\\\\\"c\";"},
        {"[for=f:a/b.c] {f} {f.} {f/} {f//} {f/.} ${f} {g} {}",
         "1@1=[args=uf=a/b.c]a/b.c a/b b.c a b ${f} {g} {};"},
        {NULL, NULL},
    };
    check(cases);
}

static void test_attributes(void)
{
    static const struct entries_case cases[] = {
        {"[for=n:3..4 cores={n} mem={n}M gpus={n} nodes={n} retries={n} "
         "priority=-{n}] x",
         "1@1=[nodes=3 cores=3 mem=3145728 gpus=3 retries=3 priority=-3 "
         "args=an=3]x;"
         "2@1=[nodes=4 cores=4 mem=4194304 gpus=4 retries=4 priority=-4 "
         "args=an=4]x;"},
        {"[cores={n} for=n:2] x", "1@1=[cores=2 args=an=2]x;"},
        {"[for=n:1..2 dir=d/{n} stdin=i{n} stdout=o stderr={n/}] x",
         "1@1=[dir=d/1 stdin=i1 stdout=o stderr=1 args=un=1]x;"
         "2@1=[dir=d/2 stdin=i2 stdout=o stderr=2 args=un=2]x;"},
        /* A value is text by then: it ends nothing, and has no quotes. */
        {"[for=\"w:a] b,c'd\" env=A={w} stdout=\"{w} {w}\"] x",
         "1@1=[env=A=a] b stdout=a] b a] b args=uw=a] b]x;"
         "2@1=[env=A=c'd stdout=c'd c'd args=uw=c'd]x;"},
        {"#JOBSCHED env=D=1 stdout={n}\n"
         "[env=A=2 for=n:1..2 env=B={n} env=C=3] x\ny",
         "1@2=[env=D=1 env=A=2 env=B=1 env=C=3 stdout={n} args=un=1]x;"
         "2@2=[env=D=1 env=A=2 env=B=2 env=C=3 stdout={n} args=un=2]x;"
         "3@3=[env=D=1 stdout={n}]y;"},
        /* What counts in the identity is what the job does. */
        {"[for=n:1 name=a{n} timeout={n}s] x",
         "1@1=[name=a1 timeout_ns=1000000000 args=an=1]x;"},
        {NULL, NULL},
    };
    check(cases);
}

static void test_names(void)
{
    static const struct entries_case cases[] = {
        {"[for=w:@v name={w}.{w/.} after=x,y{w} "
         "after-any=z{w}] {w}",
         "1@1=[name=a_b.a_b after=x,ya_b after-any=za_b args=uw=a b]'a b';"
         "2@1=[name=c_d.c_d after=x,yc_d after-any=zc_d args=uw=c;d]'c;d';"
         "3@1=[name=e_.e_ after=x,ye_ after-any=ze_ args=uw=e*]'e*';"
         "4@1=[name=f/g.h.g after=x,yf/g.h after-any=zf/g.h args=uw=f/g.h]"
         "f/g.h;"
         "5@1=[name=__.__ after=x,y__ after-any=z__ args=uw=\xc3\xbc]"
         "'\xc3\xbc';"},
        /* The list's own text is checked as ever. */
        {"[for=n:1 name=a+{n}] x\ny",
         "!f:1:15: (n=1) name=a+1: a name may contain only letters, digits and "
         "_ - . : /;2@2=y;"},
        {NULL, NULL},
    };
    struct scene scene;
    enter(&scene);
    make_file("v", "a b\nc;d\ne*\nf/g.h\n\xc3\xbc\n");
    check(cases);
    leave(&scene);
}

static void test_errors_of_a_line(void)
{
    static const struct entries_case cases[] = {
        {"[for=n] x\ny",
         "!f:1:6: for= must be NAME:VALUES, such as for=n:1..10;2@2=y;"},
        {"[for=n:] x", "!f:1:8: this value is empty; an empty value must be in "
                       "a file (for=NAME:@FILE);"},
        {"[name=x for=n:1,4..] x",
         "!f:1:17: the range \"4..\" is not of the form 1..10 or 0..1..0.25; a "
         "word that looks like a range must be in a file (for=NAME:@FILE);"},
        {"[for='n:1,4..'] x",
         "!f:1:6: the range \"4..\" is not of the form 1..10 or 0..1..0.25; a "
         "word that looks like a range must be in a file (for=NAME:@FILE);"},
        {"[for=host:1] x", "!f:1:6: \"host\": id, name, attempt and host are "
                           "jobsched's own names;"},
        {"[for=n:1 for=m:1 for=n:2] x",
         "!f:1:22: for=n: two loops of this line have this name;"},
        {"[for=n:1..2 for=f:a{n}] x",
         "!f:1:17: for=f:a{n}: the values of a loop cannot depend on another "
         "loop; a file can have a column for each (for=x,y:@FILE);"},
        {"[for=n:1..3000000000 for=m:1..3] x",
         "!f:1:6: for=: this line makes more than 4294967295 jobs;"},
        {"[for=n:1..3 mem=x] {n}",
         "!f:1:17: mem=x: must be a size such as 512M or 2G;"},
        {"[for=n:1..3 name=x name=y] {n}", "!f:1:20: name= is given twice;"},
        {"[arg=m=1 for=n:1..3] {n}",
         "!f:1:6: arg= is for one job, and cannot stand beside for=;"},
        {"[for=n:1..3 arg-used=n=1] {n}",
         "!f:1:22: arg-used= is for one job, and cannot stand beside for=;"},
        {"[for=n:1..3 nam=x] {n}",
         "!f:1:13: unknown attribute \"nam\" (did you mean \"name\"?);"},
        {"[mem={m} x for=m:1] x",
         "!f:1:6: mem={m}: must be a size such as 512M or 2G;"},
        {"[for=n:1..3]", "!f:1:12: this line has attributes but no command;"},
        {"[for=n:1..3", "!f:1:1: this list has no closing \"]\";"},
        {"[for=n:1..2] x `{n}` y",
         "!f:1:17: {n} cannot be quoted within `...`: use $JOBSCHED_ARG_n "
         "there;"},
        {"[for=n:1..2] x \\\n `{n}` y",
         "!f:2:3: {n} cannot be quoted within `...`: use $JOBSCHED_ARG_n "
         "there;"},
        {"#JOBSCHED for=n:1..2\ny",
         "!f:1:11: for= cannot be a default: it must be in a job's own "
         "line;1@2=y;"},
        {NULL, NULL},
    };
    check(cases);
}

static void test_errors_of_a_job(void)
{
    static const struct entries_case cases[] = {
        {"[for=m:1G,x,2G mem={m}] {m}\ny",
         "1@1=[mem=1073741824 args=um=1G]1G;"
         "!f:1:20: (m=x) mem=x: must be a size such as 512M or 2G;"
         "3@1=[mem=2147483648 args=um=2G]2G;4@2=y;"},
        {"[for=n:0..1 for='w:a b' cores={n}] {w}",
         "!f:1:31: (n=0 w=a b) cores=0: must be a whole number from 1 to "
         "1000000;2@1=[args=an=1,uw=a b]'a b';"},
        {NULL, NULL},
    };
    check(cases);
}

static void test_files(void)
{
    static const struct entries_case cases[] = {
        {"[for=f:data/*.fq] e {f/.}",
         "1@1=[args=uf=data/a.fq]e a;2@1=[args=uf=data/b c.fq]e 'b c';"},
        {"[for='f:data/[b-z]*'] {f/}", "1@1=[args=uf=data/b c.fq]'b c.fq';"},
        {"[for=f:data/[b-z]*] {f/}",
         "!f:1:13: this \"[\" has no \"]\"; the attribute needs quotes if it "
         "contains one: for='f:data/[ab]*.fq';"},
        {"[for=x,y:@t.csv stdout={y}] {x}",
         "1@1=[stdout=2 args=ux=1,uy=2]1;"
         "2@1=[stdout=a,b args=ux=c\nd,uy=a,b]'c\\nd';"},
        {"[for=:@h.txt] {a}-{b}", "1@1=[args=ua=1,ub=2]1-2;"},
        {"[for=l:@h.txt] x", "1@1=[args=al=a b]x;2@1=[args=al=1 2]x;"},
        {"[for=x:@none] x",
         "!f:1:9: cannot read \"none\": No such file or directory;"},
        {"[for=a:1 for=x,y:@bad.txt] x",
         "!f:1:19: bad.txt:2:1: this line has 1 column instead of 2;"},
        {"[for=x:none*] x", "!f:1:8: no file matches \"none*\";"},
        {NULL, NULL},
    };
    struct scene scene;
    enter(&scene);
    CU_ASSERT_EQUAL(mkdir("data", 0700), 0);
    make_file("data/a.fq", "");
    make_file("data/b c.fq", "");
    make_file("t.csv", "1,2\n\"c\nd\",\"a,b\"\n");
    make_file("h.txt", "a b\n1 2\n");
    make_file("bad.txt", "a b\n1\n");
    check(cases);
    unlink("data/a.fq");
    unlink("data/b c.fq");
    rmdir("data");
    leave(&scene);
}

static void test_the_cache_reads_once(void)
{
    static const char list[] = "[for=x:@v] {x}\n[for=x:@v] {x} again\n";
    struct scene scene;
    enter(&scene);
    make_file("v", "1\n2\n");
    struct js_values_cache *cache = not_null(js_values_cache_new());
    for (int round = 0; round < 2; round++) {
        struct js_buf log = JS_BUF_INIT;
        unsigned count = 0;
        struct js_reader *reader = not_null(js_jobfile_new("f"));
        js_reader_set_cache(reader, cache);
        js_reader_feed(reader, list, strlen(list));
        js_reader_feed(reader, "", 0);
        CU_ASSERT_EQUAL(entries_take(reader, &count, &log), 0);
        CU_ASSERT_STRING_EQUAL(
            js_buf_string(&log),
            "1@1=[args=ux=1]1;2@1=[args=ux=2]2;"
            "3@2=[args=ux=1]1 again;4@2=[args=ux=2]2 again;");
        js_buf_release(&log);
        js_reader_free(reader);
        make_file("v", "3\n");
    }
    js_values_cache_free(cache);
    js_values_cache_free(NULL);
    leave(&scene);
}

/* What is said about job number `job` of the list. */
static const char *said_of(const char *list, unsigned job,
                           const struct js_entry_part *part, const char *what,
                           struct js_err *ret)
{
    struct js_reader *reader = not_null(js_jobfile_new("f"));
    struct js_entry entry = {.kind = JS_ENTRY_JOB};
    js_reader_feed(reader, list, strlen(list));
    js_reader_feed(reader, "", 0);
    for (unsigned i = 0; i < job; i++)
        CU_ASSERT_EQUAL(js_reader_next(reader, &entry, ret), 1);
    CU_ASSERT_EQUAL(js_reader_describe(reader, part, what, ret), 0);
    /* Looking for another job of the same name changes nothing. */
    if (job == 1) {
        CU_ASSERT_EQUAL(js_reader_next(reader, &entry, NULL), 1);
        CU_ASSERT_PTR_NOT_NULL(entry.attributes);
    }
    js_reader_free(reader);
    return ret->text;
}

static void test_messages(void)
{
    static const struct js_entry_part command = {NULL, 0}, name = {"name", 0},
                                      after = {"after", 1};
    static const char list[] =
        "\n[for=n:1..2 for=w:a+b,c,a-b name={w/} after=x,y{n}] {w}\n";
    static const char twins[] = "[for=n:1..9 for=w:a+b,a@b name={w}] {w}{n}";
    struct js_err err;
    char many[2000] = "[for=n:1 for=x:", value[1001];
    CU_ASSERT_STRING_EQUAL(said_of(list, 2, &command, "bad", &err),
                           "f:2:53: (n=1 w=c) bad");
    CU_ASSERT_STRING_EQUAL(said_of(list, 6, &command, "warning: bad", &err),
                           "f:2:53: warning: (n=2 w=a-b) bad");
    CU_ASSERT_STRING_EQUAL(said_of(list, 6, &after, "bad", &err),
                           "f:2:47: (n=2 w=a-b) bad");
    CU_ASSERT_STRING_EQUAL(said_of(list, 1, &name, "bad", &err),
                           "f:2:34: (n=1 w=a+b) bad");
    CU_ASSERT_STRING_EQUAL(said_of(twins, 4, &name, "bad", &err),
                           "f:1:32: (n=2 w=a@b) bad; the same name has n=1 "
                           "w=a+b");
    CU_ASSERT_STRING_EQUAL(
        said_of("[for=n:1..2 name=x] {n}", 2, &name, "bad", &err),
        "f:1:18: (n=2) bad; the same name has n=1");
    memset(value, 'v', sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    snprintf(many + strlen(many), sizeof(many) - strlen(many),
             "%s,w] {x}\ny\nz", value);
    said_of(many, 1, &command, "bad", &err);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "vv...) bad"));
    CU_ASSERT(strlen(err.text) < 100);
}

static void test_a_warning(void)
{
    static const char list[] =
        "[for=size:1..2 stdout={sise} name={siz}] x {zise}";
    static const struct js_entry_part warning = {"warning", 0};
    struct js_reader *reader = not_null(js_jobfile_new("f"));
    struct js_entry entry = {.kind = JS_ENTRY_JOB};
    struct js_err err;
    js_reader_feed(reader, list, strlen(list));
    js_reader_feed(reader, "", 0);
    CU_ASSERT_EQUAL(js_reader_next(reader, &entry, &err), -1);
    js_reader_free(reader);
    reader = not_null(js_jobfile_new("f"));
    js_reader_feed(reader, "[for=size:1..2 stdout={sise}] x", 31);
    js_reader_feed(reader, "", 0);
    CU_ASSERT_EQUAL_FATAL(js_reader_next(reader, &entry, NULL), 1);
    CU_ASSERT_STRING_EQUAL(entry.warning,
                           "{sise} is not replaced (did you mean {size}?)");
    CU_ASSERT_EQUAL(js_reader_describe(reader, &warning, "bad", &err), 0);
    CU_ASSERT_STRING_EQUAL(err.text, "f:1:23: bad");
    CU_ASSERT_EQUAL_FATAL(js_reader_next(reader, &entry, NULL), 1);
    CU_ASSERT_PTR_NULL(entry.warning);
    js_reader_free(reader);
}

static void test_a_long_command(void)
{
    static const char list[] = "[for=l:@long] {l}{l}\ny";
    struct scene scene;
    struct js_buf log = JS_BUF_INIT;
    enter(&scene);
    FILE *file = not_null(fopen("long", "w"));
    for (int i = 0; i < JS_READER_COMMAND_MAX / 1024 / 2 + 1; i++)
        fprintf(file, "%01024d", 0);
    fclose(file);
    entries_read(js_jobfile_new, list, strlen(list),
                 (struct entries_cutter){entries_cut_nowhere, 0}, true, &log);
    CU_ASSERT_PTR_NOT_NULL(
        strstr(js_buf_string(&log), "the command is longer than 16 MiB"));
    CU_ASSERT_PTR_NOT_NULL(strstr(js_buf_string(&log), "2@2=y"));
    js_buf_release(&log);
    leave(&scene);
}

static const struct unit_test tests[] = {
    {"combinations", test_combinations},
    {"attributes", test_attributes},
    {"names", test_names},
    {"errors of a line", test_errors_of_a_line},
    {"errors of a job", test_errors_of_a_job},
    {"files", test_files},
    {"the cache reads once", test_the_cache_reads_once},
    {"messages", test_messages},
    {"a warning", test_a_warning},
    {"a long command", test_a_long_command},
    {NULL, NULL},
};

const struct unit_suite suite_for_loop = {"for_loop", tests};
