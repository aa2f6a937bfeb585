/* slave_setup: which cores slaves take, beside other runs and with a quota. */
#include "unit.h"

#include "mpi/slave_setup.h"

#include <stdio.h>
#include <string.h>

/* Two packages of four cores, two threads each: core 0 is CPUs 0-1, and so on.
 */
#define MACHINE "pack:2 core:4 pu:2"

struct trial {
    struct js_topo *topo;
    struct js_wire_setup setup;
};

static struct js_cpuset set_of(const char *list)
{
    struct js_cpuset set;
    CU_ASSERT_EQUAL_FATAL(js_cpuset_parse(list, &set), 0);
    return set;
}

static void begin(struct trial *trial, unsigned slaves, unsigned slots,
                  const char *held, unsigned quota)
{
    struct js_err err;
    memset(trial, 0, sizeof(*trial));
    trial->topo = js_topo_new_synthetic(MACHINE, &err);
    CU_ASSERT_PTR_NOT_NULL_FATAL(trial->topo);
    trial->setup = (struct js_wire_setup){.slots = slots,
                                          .slaves = slaves,
                                          .settings = {.bind = true},
                                          .gpus = 0,
                                          .node_cpus = set_of("0-15"),
                                          .held = set_of(held),
                                          .quota_cores = quota};
}

static void end(struct trial *trial)
{
    js_topo_free(trial->topo);
}

/* What slave `index` is at home on; *ret_cores and *ret_others: how many cores
 * there are for jobs, and of these for other runs. */
static void expect_home(struct trial *trial, unsigned index, const char *home,
                        uint32_t cores, uint32_t others)
{
    static const char *const environ[] = {NULL};
    struct js_slave_setup_share share;
    struct js_err err;
    struct js_buf buf = JS_BUF_INIT;
    uint32_t lent = 0;
    trial->setup.index = index;
    CU_ASSERT_EQUAL_FATAL(js_slave_setup_share_init(&share, trial->topo,
                                                    &trial->setup, environ,
                                                    &err),
                          0);
    for (uint32_t i = 0; i < share.resources.core_count; i++)
        lent += share.resources.cores[i].is_others;
    CU_ASSERT_EQUAL(js_cpuset_format(&share.home, &buf), 0);
    CU_ASSERT_STRING_EQUAL(js_buf_string(&buf), home);
    CU_ASSERT_EQUAL(share.resources.core_count, cores);
    CU_ASSERT_EQUAL(lent, others);
    if (strcmp(js_buf_string(&buf), home) != 0)
        fprintf(stderr, "\nslave %u: %s, not %s\n", index, js_buf_string(&buf),
                home);
    js_buf_release(&buf);
    js_slave_setup_share_release(&share);
}

static void test_alone(void)
{
    struct trial trial;
    begin(&trial, 2, 1, "", 0);
    expect_home(&trial, 0, "0-1", 8, 0);
    expect_home(&trial, 1, "8-9", 8, 0);
    end(&trial);
}

/* Cores of which another run has a thread are left to it, as long as there are
 * others; these are spread over the machine as ever. */
static void test_beside_another_run(void)
{
    struct trial trial;
    begin(&trial, 2, 1, "0,9", 0);
    expect_home(&trial, 0, "2-3", 8, 2);
    expect_home(&trial, 1, "10-11", 8, 2);
    end(&trial);
    /* One too few: the first of the others. */
    begin(&trial, 7, 1, "0-3", 0);
    expect_home(&trial, 0, "0-1", 8, 1);
    for (unsigned i = 1; i < 7; i++) {
        char home[16];
        snprintf(home, sizeof(home), "%u-%u", 2 * i + 2, 2 * i + 3);
        expect_home(&trial, i, home, 8, 1);
    }
    end(&trial);
    /* No room beside it. */
    begin(&trial, 8, 1, "0-3", 0);
    expect_home(&trial, 0, "0-1", 8, 0);
    expect_home(&trial, 7, "14-15", 8, 0);
    end(&trial);
    begin(&trial, 1, 0, "0-3", 0);
    expect_home(&trial, 0, "0-15", 8, 0);
    end(&trial);
    begin(&trial, 1, 3, "0-3", 0);
    expect_home(&trial, 0, "4-5,8-9,12-13", 8, 2);
    end(&trial);
    begin(&trial, 1, 1, "0-3", 0);
    trial.setup.settings.bind = false;
    expect_home(&trial, 0, "0-15", 8, 0);
    end(&trial);
}

/* No more cores than there is CPU time for, unless more slots were asked for.
 */
static void test_quota(void)
{
    struct trial trial;
    begin(&trial, 2, 1, "", 4);
    expect_home(&trial, 0, "0-1", 4, 0);
    expect_home(&trial, 1, "4-5", 4, 0);
    end(&trial);
    begin(&trial, 3, 1, "", 2);
    expect_home(&trial, 2, "4-5", 3, 0);
    end(&trial);
    begin(&trial, 1, 0, "", 2);
    expect_home(&trial, 0, "0-3", 2, 0);
    end(&trial);
    begin(&trial, 1, 0, "0-1", 2);
    expect_home(&trial, 0, "2-5", 2, 0);
    end(&trial);
    begin(&trial, 1, 6, "", 2);
    expect_home(&trial, 0, "0-11", 6, 0);
    end(&trial);
    begin(&trial, 2, 1, "", 99);
    expect_home(&trial, 1, "8-9", 8, 0);
    end(&trial);
}

static const struct unit_test tests[] = {
    {"alone", test_alone},
    {"beside another run", test_beside_another_run},
    {"a quota of CPU time", test_quota},
    {NULL, NULL},
};

const struct unit_suite suite_share = {"share", tests};
