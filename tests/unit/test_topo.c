/* topo: dividing machines that are not here, and reading the one that is. */
#include "unit.h"

#include "node/topo.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* In data/, made by lstopo: two packages of two L3 caches of two cores, their
 * second threads numbered 8 to 15 as Linux does; four cores with two threads
 * and four with one; two caches of two CPUs that tell no cores. */
#define TWO_PACKAGES "two-packages.xml"
#define HYBRID "hybrid.xml"
#define NO_CORES "no-cores.xml"

static struct js_topo *saved_machine(const char *name, struct js_err *err)
{
    char path[512] = __FILE__;
    char *slash = strrchr(path, '/');
    size_t dir_len = slash ? (size_t)(slash + 1 - path) : 0;
    snprintf(path + dir_len, sizeof(path) - dir_len, "data/%s", name);
    return js_topo_new_xml(path, err);
}

static struct js_topo *machine_of(const char *what)
{
    struct js_err err = {.text = ""};
    struct js_topo *topo = strstr(what, ".xml")
                               ? saved_machine(what, &err)
                               : js_topo_new_synthetic(what, &err);
    if (!topo)
        fprintf(stderr, "%s: %s\n", what, err.text);
    CU_ASSERT_PTR_NOT_NULL_FATAL(topo);
    return topo;
}

static struct js_cpuset set_of(const char *list)
{
    struct js_cpuset set;
    CU_ASSERT_EQUAL_FATAL(js_cpuset_parse(list, &set), 0);
    return set;
}

/* Says so when the set is not as expected, with both. */
static void assert_set(const char *where, const struct js_cpuset *set,
                       const char *expected)
{
    struct js_buf text = JS_BUF_INIT;
    CU_ASSERT_EQUAL_FATAL(js_cpuset_format(set, &text), 0);
    const char *got = js_buf_string(&text);
    if (strcmp(got, expected) != 0)
        fprintf(stderr, "%s: \"%s\", not \"%s\"\n", where, got, expected);
    CU_ASSERT_STRING_EQUAL(got, expected);
    js_buf_release(&text);
}

/* ------------------------------------------------------ known divisions */

struct division {
    const char *machine;
    const char *allocator;
    unsigned count;
    const char *parts[12];
};

static const struct division divisions[] = {
    {"pack:2 numa:1 core:4 pu:1", "0-7", 1, {"0-7"}},
    {"pack:2 numa:1 core:4 pu:1", "0-7", 2, {"0-3", "4-7"}},
    {"pack:2 numa:1 core:4 pu:1", "0-7", 3, {"0-2", "3-5", "6-7"}},
    {"pack:2 numa:1 core:4 pu:1", "0-7", 4, {"0-1", "2-3", "4-5", "6-7"}},
    /* a part of a restricted allocator never reaches outside of it */
    {"pack:2 numa:1 core:4 pu:1", "1,4-7", 2, {"1,4-5", "6-7"}},
    {"pack:2 numa:1 core:4 pu:1", "2", 3, {"2", "2", "2"}},
    {"pack:2 numa:1 core:4 pu:1", "6-200", 2, {"6", "7"}},
    /* both threads of a core belong to one part */
    {"core:4 pu:2", "0-7", 4, {"0-1", "2-3", "4-5", "6-7"}},
    {"core:4 pu:2", "0-7", 3, {"0-3", "4-5", "6-7"}},
    {"core:4 pu:2", "0-1,3,5,7", 4, {"0-1", "3", "5", "7"}},
    {"core:2 pu:2", "0-3", 4, {"0-1", "0-1", "2-3", "2-3"}},
    /* NUMA nodes inside of a package, as a level of their own */
    {"pack:1 numa:2 core:3 pu:1", "0-5", 2, {"0-2", "3-5"}},
    {"pack:1 l3:2 core:3 pu:1", "0-5", 2, {"0-2", "3-5"}},
    /* packages numbered in turn */
    {"pack:2 core:4 pu:1(indexes=0,2,4,6,1,3,5,7)",
     "0-7",
     4,
     {"0,2", "4,6", "1,3", "5,7"}},
    {"pu:4", "0-3", 4, {"0", "1", "2", "3"}},
    {TWO_PACKAGES, "0-15", 2, {"0-3,8-11", "4-7,12-15"}},
    {TWO_PACKAGES,
     "0-15",
     4,
     {"0-1,8-9", "2-3,10-11", "4-5,12-13", "6-7,14-15"}},
    {"pack:2 core:2 pu:1", "0-2", 2, {"0-1", "2"}},
    {TWO_PACKAGES, "0-3,8,12", 3, {"0-1,8", "2-3", "12"}},
    {HYBRID, "0-15", 8, {"0-1", "2-3", "4-5", "6-7", "8", "10", "12", "14"}},
    {NO_CORES, "0-3", 4, {"0", "1", "2", "3"}},
    {NO_CORES, "0-3", 2, {"0-1", "2-3"}},
};

static void check_division(const struct division *want)
{
    struct js_topo *topo = machine_of(want->machine);
    struct js_cpuset allocator = set_of(want->allocator);
    for (unsigned i = 0; i < want->count; i++) {
        struct js_cpuset part;
        struct js_err err;
        CU_ASSERT_EQUAL_FATAL(
            js_topo_part(topo, &allocator, want->count, i, &part, &err), 0);
        assert_set(want->machine, &part, want->parts[i]);
    }
    js_topo_free(topo);
}

static void test_known_machines_are_divided_as_expected(void)
{
    for (size_t i = 0; i < sizeof(divisions) / sizeof(divisions[0]); i++)
        check_division(&divisions[i]);
}

/* ------------------------------------------- what holds for all divisions */

/* Described once more in plain numbers, so that what topo says can be judged
 * without hwloc: CPU c is thread c % threads of core c / threads, which is in
 * package (c / threads) / package_cores. */
struct machine {
    const char *description;
    unsigned threads;
    unsigned package_cores;
    const char *allocator;
};

static const struct machine machines[] = {
    {"pack:2 numa:1 core:4 pu:1", 1, 4, "0-7"},
    {"pack:2 numa:1 core:4 pu:2", 2, 4, "0-15"},
    {"pack:2 numa:1 l3:2 core:3 pu:2", 2, 6, "0-23"},
    {"pack:4 l3:3 core:2 pu:1", 1, 6, "0-23"},
    {"pack:2 numa:1 core:8 pu:1", 1, 8, "5-7,8-12"},    /* 3 and 5 cores */
    {"pack:2 numa:1 core:8 pu:2", 2, 8, "1,3,5,16-25"}, /* 3 half, 5 whole */
    {"pack:2 core:4 pu:2", 2, 4, "0-3,4,6,8,10,12-15"},
    {"pack:2 core:4 pu:2", 2, 4, "0,2,4,6,8-15"}, /* one package without SMT */
    {"pack:3 l3:2 core:4 pu:1", 1, 8, "0,7,8-9,11,16-23"},
    {"pack:1 core:5 pu:4", 4, 5, "0,5-6,8-11,13,15,19"},
    {"pack:2 numa:1 core:4 pu:1", 1, 4, "7"},
    {"pack:1 core:16 pu:1", 1, 16, "0-15"},
};

enum { CPUS = 64 };

/* A division, counted. */
struct summary {
    unsigned allocator_cores;
    unsigned users[CPUS];         /* parts that have this CPU */
    unsigned package_cores[CPUS]; /* of the allocator */
    unsigned package_parts[CPUS]; /* whose first CPU is there */
};

static unsigned package_of(const struct machine *machine, unsigned cpu)
{
    return cpu / machine->threads / machine->package_cores;
}

/* The first CPU in the set, or CPUS. */
static unsigned first_of(const struct js_cpuset *set)
{
    unsigned cpu = 0;
    while (cpu < CPUS && !js_cpuset_has(set, cpu))
        cpu++;
    return cpu;
}

static unsigned allocator_threads(const struct machine *machine,
                                  const struct js_cpuset *allocator,
                                  unsigned core)
{
    unsigned count = 0;
    for (unsigned i = 0; i < machine->threads; i++)
        count += js_cpuset_has(allocator, core * machine->threads + i);
    return count;
}

static void count_allocator(const struct machine *machine,
                            const struct js_cpuset *allocator,
                            struct summary *summary)
{
    memset(summary, 0, sizeof(*summary));
    for (unsigned core = 0; core < CPUS / machine->threads; core++) {
        if (allocator_threads(machine, allocator, core) == 0)
            continue;
        summary->allocator_cores++;
        summary->package_cores[core / machine->package_cores]++;
    }
}

/* Takes a part into the summary; returns how many cores it has. */
static unsigned count_part(const struct machine *machine,
                           const struct js_cpuset *allocator,
                           const struct js_cpuset *part,
                           struct summary *summary)
{
    unsigned cores = 0;
    for (unsigned core = 0; core < CPUS / machine->threads; core++) {
        unsigned has = allocator_threads(machine, part, core);
        CU_ASSERT(has == 0 ||
                  has == allocator_threads(machine, allocator, core));
        cores += has > 0;
    }
    for (unsigned cpu = 0; cpu < CPUS; cpu++) {
        CU_ASSERT(!js_cpuset_has(part, cpu) || js_cpuset_has(allocator, cpu));
        summary->users[cpu] += js_cpuset_has(part, cpu);
    }
    CU_ASSERT_FATAL(cores > 0);
    summary->package_parts[package_of(machine, first_of(part))]++;
    return cores;
}

/* Every CPU of the allocator is in as many parts as any other, give or take
 * one; in exactly one where there are enough cores. */
static void check_users(const struct js_cpuset *allocator, unsigned count,
                        const struct summary *summary)
{
    unsigned least =
        count < summary->allocator_cores ? 1 : count / summary->allocator_cores;
    unsigned most =
        (count + summary->allocator_cores - 1) / summary->allocator_cores;
    for (unsigned cpu = 0; cpu < CPUS; cpu++) {
        if (!js_cpuset_has(allocator, cpu))
            continue;
        CU_ASSERT(summary->users[cpu] >= least);
        CU_ASSERT(summary->users[cpu] <= most);
    }
}

/* Every package has its share of the parts, rounded up or down. */
static void check_spread(unsigned count, const struct summary *summary)
{
    for (unsigned i = 0; i < CPUS; i++) {
        unsigned share = count * summary->package_cores[i];
        CU_ASSERT(summary->package_parts[i] >=
                  share / summary->allocator_cores);
        CU_ASSERT(summary->package_parts[i] <=
                  (share + summary->allocator_cores - 1) /
                      summary->allocator_cores);
    }
}

static void check_count(const struct machine *machine, struct js_topo *topo,
                        unsigned count)
{
    struct js_cpuset allocator = set_of(machine->allocator), part;
    struct summary summary;
    unsigned cores = 0, least = CPUS, most = 0;
    count_allocator(machine, &allocator, &summary);
    for (unsigned i = 0; i < count; i++) {
        CU_ASSERT_EQUAL_FATAL(
            js_topo_part(topo, &allocator, count, i, &part, NULL), 0);
        unsigned n = count_part(machine, &allocator, &part, &summary);
        CU_ASSERT_EQUAL(n, js_topo_cores(topo, &part));
        CU_ASSERT(count < summary.allocator_cores || n == 1);
        cores += n;
        least = n < least ? n : least;
        most = n > most ? n : most;
    }
    CU_ASSERT(most - least <= 1);
    CU_ASSERT(count > summary.allocator_cores ||
              cores == summary.allocator_cores);
    check_users(&allocator, count, &summary);
    check_spread(count, &summary);
}

static void test_every_division_is_fair(void)
{
    for (size_t i = 0; i < sizeof(machines) / sizeof(machines[0]); i++) {
        unsigned failed = CU_get_number_of_failures();
        struct js_topo *topo = machine_of(machines[i].description);
        struct js_cpuset allocator = set_of(machines[i].allocator);
        unsigned cores = js_topo_cores(topo, &allocator);
        CU_ASSERT(cores > 0);
        for (unsigned count = 1; count <= 2 * cores + 1; count++)
            check_count(&machines[i], topo, count);
        js_topo_free(topo);
        if (CU_get_number_of_failures() != failed)
            fprintf(stderr, "failed for %s, pool %s\n", machines[i].description,
                    machines[i].allocator);
    }
}

/* ------------------------------------------------------ cores and limits */

static void test_cores_are_counted_by_touch(void)
{
    static const struct {
        const char *machine, *set;
        unsigned cores;
    } cases[] = {
        {"core:4 pu:2", "", 0},
        {"core:4 pu:2", "0-7", 4},
        {"core:4 pu:2", "1", 1},
        {"core:4 pu:2", "1-2", 2},
        {"core:4 pu:2", "0-1,6-99", 2},
        {"core:4 pu:2", "8-99", 0},
        {"pu:4", "0-3", 4},
        {NO_CORES, "1-3", 3},
        {HYBRID, "0-15", 8},
        {TWO_PACKAGES, "0,8,9", 2},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct js_topo *topo = machine_of(cases[i].machine);
        struct js_cpuset set = set_of(cases[i].set);
        CU_ASSERT_EQUAL(js_topo_cores(topo, &set), cases[i].cores);
        js_topo_free(topo);
    }
}

static void test_the_first_core_has_its_threads_in_the_set(void)
{
    static const struct {
        const char *machine, *set, *core;
    } cases[] = {
        {"core:4 pu:2", "0-7", "0-1"}, {"core:4 pu:2", "3-7", "3"},
        {"core:4 pu:2", "2-7", "2-3"}, {"core:4 pu:2", "7-99", "7"},
        {TWO_PACKAGES, "0-15", "0,8"}, {TWO_PACKAGES, "9,2-7", "9"},
        {NO_CORES, "2-3", "2"},        {HYBRID, "8-15", "8"},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct js_topo *topo = machine_of(cases[i].machine);
        struct js_cpuset set = set_of(cases[i].set), core;
        CU_ASSERT_EQUAL(js_topo_first_core(topo, &set, &core, NULL), 0);
        assert_set(cases[i].machine, &core, cases[i].core);
        js_topo_free(topo);
    }
}

static void test_a_result_may_be_its_own_argument(void)
{
    struct js_topo *topo = machine_of("core:4 pu:2");
    struct js_cpuset set = set_of("0-7");
    CU_ASSERT_EQUAL(js_topo_part(topo, &set, 2, 1, &set, NULL), 0);
    assert_set("part", &set, "4-7");
    CU_ASSERT_EQUAL(js_topo_first_core(topo, &set, &set, NULL), 0);
    assert_set("core", &set, "4-5");
    js_topo_free(topo);
}

static void test_allocators_without_a_cpu_are_refused(void)
{
    struct js_topo *topo = machine_of("core:4 pu:2");
    struct js_cpuset none = set_of(""), far = set_of("64-127"), all;
    struct js_cpuset ret = set_of("5");
    struct js_err err = {.text = ""};
    js_topo_all(topo, &all);
    assert_set("all", &all, "0-7");
    CU_ASSERT_EQUAL(js_topo_part(topo, &none, 2, 0, &ret, &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "no CPUs to use"));
    CU_ASSERT_EQUAL(js_topo_first_core(topo, &far, &ret, &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "CPUs 64-127 "));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, " 0-7"));
    CU_ASSERT_EQUAL(js_topo_part(topo, &far, 2, 0, &ret, &err), -1);
    CU_ASSERT_EQUAL(js_topo_part(topo, &all, 2, 2, &ret, &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "part 2 "));
    CU_ASSERT_EQUAL(js_topo_part(topo, &all, 0, 0, &ret, &err), -1);
    assert_set("left alone", &ret, "5");
    /* more parts than any CPU, but no overflow */
    CU_ASSERT_EQUAL(
        js_topo_part(topo, &all, 4294967295U, 4294967294U, &ret, &err), 0);
    assert_set("last of many", &ret, "6-7");
    js_topo_free(topo);
    js_topo_free(NULL);
}

/* ---------------------------------------------------------------- loading */

/* A file without a name in place of descriptor 2, until restore_stderr(). */
static int replace_stderr(int *ret_saved)
{
    FILE *file = tmpfile();
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    int fd = dup(fileno(file));
    fclose(file);
    fflush(stderr);
    *ret_saved = dup(2);
    CU_ASSERT_EQUAL_FATAL(dup2(fd, 2), 2);
    return fd;
}

/* Returns how many bytes were written to it. */
static off_t restore_stderr(int fd, int saved)
{
    fflush(stderr);
    dup2(saved, 2);
    close(saved);
    off_t len = lseek(fd, 0, SEEK_END);
    close(fd);
    return len;
}

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    CU_ASSERT_PTR_NOT_NULL_FATAL(file);
    fputs(text, file);
    fclose(file);
}

static void refuse_xml(const char *path)
{
    struct js_err err = {.text = ""};
    CU_ASSERT_PTR_NULL(js_topo_new_xml(path, &err));
    CU_ASSERT(strlen(err.text) > 0);
    CU_ASSERT_PTR_NULL(strstr(err.text, "Success"));
}

static void refuse_bad_files(void)
{
    char path[] = "/tmp/jobsched-topo-XXXXXX";
    int fd = mkstemp(path);
    CU_ASSERT_FATAL(fd >= 0);
    close(fd);
    refuse_xml(path);
    write_file(path, "no XML at all\n");
    refuse_xml(path);
    write_file(path, "<?xml version=\"1.0\"?>\n<topology version=\"2.0\">\n"
                     "<object type=\"Machine\" cpuset=\"0x3\">\n");
    refuse_xml(path);
    unlink(path);
    refuse_xml(path); /* now it is missing */
    refuse_xml("/");
}

/* It can be read, but announces CPUs that it does not have. hwloc itself says
 * on stderr why it does not take it. */
static void test_a_machine_that_contradicts_itself_is_refused(void)
{
    char path[] = "/tmp/jobsched-topo-XXXXXX";
    int fd = mkstemp(path);
    CU_ASSERT_FATAL(fd >= 0);
    close(fd);
    write_file(path,
               "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
               "<!DOCTYPE topology SYSTEM \"hwloc2.dtd\">\n"
               "<topology version=\"2.0\">\n"
               "<object type=\"Machine\" os_index=\"0\" cpuset=\"0x00000003\""
               " complete_cpuset=\"0x00000003\" allowed_cpuset=\"0x00000003\""
               " nodeset=\"0x1\" complete_nodeset=\"0x1\""
               " allowed_nodeset=\"0x1\" gp_index=\"1\">\n"
               "</object>\n</topology>\n");
    int saved, err_fd = replace_stderr(&saved);
    refuse_xml(path);
    restore_stderr(err_fd, saved);
    unlink(path);
}

static void refuse_bad_descriptions(void)
{
    static const char *const bad[] = {"", "pack:2 core", "core:0 pu:1",
                                      "nonsense", "pu:-1"};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct js_err err = {.text = ""};
        CU_ASSERT_PTR_NULL(js_topo_new_synthetic(bad[i], &err));
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "machine description"));
        CU_ASSERT_PTR_NOT_NULL(strstr(err.text, bad[i]));
        CU_ASSERT_PTR_NULL(js_topo_new_synthetic(bad[i], NULL));
    }
}

static void test_what_cannot_be_loaded_is_refused_quietly(void)
{
    struct js_err err = {.text = ""};
    int saved, fd = replace_stderr(&saved);
    refuse_bad_files();
    refuse_bad_descriptions();
    /* a CPU number too large for a js_cpuset */
    CU_ASSERT_PTR_NULL(js_topo_new_synthetic("pu:2(indexes=0,9000)", &err));
    off_t printed = restore_stderr(fd, saved);
    CU_ASSERT_EQUAL(printed, 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "CPU "));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, " 9000;"));
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, " 8191"));
    struct js_topo *topo = machine_of("pu:2(indexes=0,8191)");
    struct js_cpuset all;
    js_topo_all(topo, &all);
    assert_set("largest", &all, "0,8191");
    CU_ASSERT_EQUAL(js_topo_part(topo, &all, 2, 1, &all, NULL), 0);
    assert_set("largest", &all, "8191");
    js_topo_free(topo);
}

/* ----------------------------------------------------------- this machine */

static void test_this_machine_is_loaded_quietly_and_without_moving(void)
{
    struct js_cpuset before, after, all, own;
    struct js_err err = {.text = ""};
    CU_ASSERT_EQUAL_FATAL(js_cpuset_of_process(0, &before), 0);
    int saved, fd = replace_stderr(&saved);
    struct js_topo *topo = js_topo_new(&err);
    off_t printed = restore_stderr(fd, saved);
    CU_ASSERT_PTR_NOT_NULL_FATAL(topo);
    CU_ASSERT_EQUAL(printed, 0);
    CU_ASSERT_EQUAL(js_cpuset_of_process(0, &after), 0);
    CU_ASSERT(js_cpuset_equal(&before, &after));
    js_topo_all(topo, &all);
    CU_ASSERT_EQUAL(js_topo_inherited(topo, &own, &err), 0);
    CU_ASSERT(js_cpuset_equal(&own, &before));
    CU_ASSERT(js_topo_cores(topo, &own) >= 1);
    CU_ASSERT(js_topo_cores(topo, &own) <= js_cpuset_count(&own));
    js_cpuset_intersect(&own, &all);
    CU_ASSERT(js_cpuset_equal(&own, &before));
    js_topo_free(topo);
}

/* The last CPU of the set alone. */
static struct js_cpuset last_of(const struct js_cpuset *set)
{
    struct js_cpuset last;
    unsigned cpu = JS_CPUS_MAX - 1;
    while (cpu > 0 && !js_cpuset_has(set, cpu))
        cpu--;
    js_cpuset_clear(&last);
    js_cpuset_add(&last, cpu);
    return last;
}

/* In a child bound to one CPU whose parent has all of ours: 0 if it finds
 * `expected`, else the step that failed. */
static int inherited_in_bound_child(const struct js_cpuset *bind_to,
                                    const char *launcher_says,
                                    const struct js_cpuset *expected)
{
    struct js_cpuset found;
    if (sched_setaffinity(0, sizeof(bind_to->word),
                          (const cpu_set_t *)bind_to->word) < 0)
        return 1;
    if (launcher_says)
        setenv("OMPI_MCA_orte_bound_at_launch", launcher_says, 1);
    else
        unsetenv("OMPI_MCA_orte_bound_at_launch");
    struct js_topo *topo = js_topo_new(NULL);
    if (!topo)
        return 2;
    if (js_topo_inherited(topo, &found, NULL) < 0)
        return 3;
    js_topo_free(topo);
    return js_cpuset_equal(&found, expected) ? 0 : 4;
}

static void check_bound_child(const char *launcher_says,
                              const struct js_cpuset *bind_to,
                              const struct js_cpuset *expected)
{
    int status = -1;
    fflush(NULL);
    pid_t pid = fork();
    CU_ASSERT_FATAL(pid >= 0);
    if (pid == 0) {
        alarm(unit_patience_s());
        _exit(inherited_in_bound_child(bind_to, launcher_says, expected));
    }
    CU_ASSERT_EQUAL(waitpid(pid, &status, 0), pid);
    CU_ASSERT_EQUAL(status, 0);
}

static void test_a_rank_bound_by_the_launcher_asks_its_parent(void)
{
    struct js_cpuset all, one;
    CU_ASSERT_EQUAL_FATAL(js_cpuset_of_process(0, &all), 0);
    one = last_of(&all);
    check_bound_child(NULL, &one, &one);
    check_bound_child("0", &one, &one);
    check_bound_child("1", &one, &all);
}

static void test_inherited_cpus_of_another_machine_are_refused(void)
{
    struct js_topo *topo = machine_of("pu:2(indexes=8190,8191)");
    struct js_cpuset own;
    struct js_err err = {.text = ""};
    CU_ASSERT_EQUAL(js_topo_inherited(topo, &own, &err), -1);
    CU_ASSERT_PTR_NOT_NULL(strstr(err.text, " only CPUs 8190-8191"));
    js_topo_free(topo);
}

/* ---------------------------------------------------------------- resources */

static void equip(const char *machine, const char *allocator,
                  struct js_resources *ret)
{
    struct js_topo *topo = machine_of(machine);
    struct js_cpuset cpus;
    struct js_err err = {""};
    memset(ret, 0, sizeof(*ret));
    CU_ASSERT_EQUAL(js_cpuset_parse(allocator, &cpus), 0);
    CU_ASSERT_EQUAL(js_topo_resources(topo, &cpus, ret, &err), 0);
    CU_ASSERT_STRING_EQUAL(err.text, "");
    js_topo_free(topo);
}

/* Two NUMA nodes of two caches of two cores of two threads. */
static void test_cores_in_their_order(void)
{
    struct js_resources resources;
    equip("numa:2 l3:2 core:2 pu:2", "0-15", &resources);
    CU_ASSERT_EQUAL_FATAL(resources.core_count, 8);
    for (uint32_t i = 0; i < 8; i++) {
        CU_ASSERT_EQUAL(resources.cores[i].cpu_count, 2);
        CU_ASSERT_EQUAL(resources.cores[i].cache, i / 2);
        CU_ASSERT_EQUAL(resources.cores[i].numa, i / 4);
        CU_ASSERT_EQUAL(resources.cpus[resources.cores[i].first_cpu], 2 * i);
    }
    CU_ASSERT_EQUAL(resources.gpu_count, 0);
    js_resources_release(&resources);
    /* Only what is in the allocator: half a core, and one of the other node. */
    equip("numa:2 l3:2 core:2 pu:2", "3,8-9", &resources);
    CU_ASSERT_EQUAL_FATAL(resources.core_count, 2);
    CU_ASSERT_EQUAL(resources.cores[0].cpu_count, 1);
    CU_ASSERT_EQUAL(resources.cores[1].numa, 1);
    js_resources_release(&resources);
}

/* One GPU at the first NUMA node, two at the second; a network card and another
 * vendor's display are none. */
static void test_gpus(void)
{
    static const uint16_t numa[] = {0, 1, 1};
    struct js_resources resources;
    equip("gpus.xml", "0-15", &resources);
    CU_ASSERT_EQUAL_FATAL(resources.gpu_count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(resources.gpus[i].name[0], (char)('0' + i));
        CU_ASSERT_EQUAL(resources.gpus[i].numa, numa[i]);
    }
    js_resources_release(&resources);
}

static void test_numa_nodes(void)
{
    struct js_topo *topo = machine_of("numa:2 core:2 pu:1");
    struct js_cpuset cpus, nodes, wanted;
    CU_ASSERT_EQUAL(js_topo_numa_count(topo), 2);
    js_cpuset_parse("2-3", &cpus);
    js_cpuset_parse("1", &wanted);
    js_topo_numa(topo, &cpus, &nodes);
    CU_ASSERT_TRUE(js_cpuset_equal(&nodes, &wanted));
    js_cpuset_parse("1-2", &cpus);
    js_cpuset_parse("0-1", &wanted);
    js_topo_numa(topo, &cpus, &nodes);
    CU_ASSERT_TRUE(js_cpuset_equal(&nodes, &wanted));
    js_topo_free(topo);
}

static const struct unit_test tests[] = {
    {"known machines are divided as expected",
     test_known_machines_are_divided_as_expected},
    {"every division is fair", test_every_division_is_fair},
    {"cores are counted by touch", test_cores_are_counted_by_touch},
    {"the first core has its threads in the set",
     test_the_first_core_has_its_threads_in_the_set},
    {"a result may be its own argument", test_a_result_may_be_its_own_argument},
    {"pools without a CPU are refused",
     test_allocators_without_a_cpu_are_refused},
    {"what cannot be loaded is refused quietly",
     test_what_cannot_be_loaded_is_refused_quietly},
    {"a machine that contradicts itself is refused",
     test_a_machine_that_contradicts_itself_is_refused},
    {"this machine is loaded quietly and without moving",
     test_this_machine_is_loaded_quietly_and_without_moving},
    {"a rank bound by the launcher asks its parent",
     test_a_rank_bound_by_the_launcher_asks_its_parent},
    {"inherited CPUs of another machine are refused",
     test_inherited_cpus_of_another_machine_are_refused},
    {"cores in their order", test_cores_in_their_order},
    {"GPUs", test_gpus},
    {"NUMA nodes", test_numa_nodes},
    {NULL, NULL},
};

const struct unit_suite suite_topo = {"topo", tests};
