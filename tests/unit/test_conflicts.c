/* conflicts: which job comes after which. */
#include "unit.h"

#include "list/conflicts.h"

static enum js_lineage_answer follows(struct js_lineage *lineage,
                                      uint64_t parent, uint64_t ancestor)
{
    return js_lineage_follows(lineage, &parent, 1, ancestor);
}

static void add(struct js_lineage *lineage, uint64_t seq, uint64_t a,
                uint64_t b)
{
    const uint64_t parents[] = {a, b};
    CU_ASSERT_EQUAL(js_lineage_add(lineage, seq, parents,
                                   b   ? 2
                                   : a ? 1
                                       : 0),
                    0);
}

/* 1 -> 3 -> 7, 2 -> 7, 5 by itself; 4 and 6 have no name. */
static void test_ancestors(void)
{
    struct js_lineage lineage = {0};
    add(&lineage, 1, 0, 0);
    add(&lineage, 2, 0, 0);
    add(&lineage, 3, 1, 0);
    add(&lineage, 5, 0, 0);
    add(&lineage, 7, 2, 3);
    CU_ASSERT_EQUAL(follows(&lineage, 7, 7), JS_LINEAGE_YES);
    CU_ASSERT_EQUAL(follows(&lineage, 7, 3), JS_LINEAGE_YES);
    CU_ASSERT_EQUAL(follows(&lineage, 7, 2), JS_LINEAGE_YES);
    CU_ASSERT_EQUAL(follows(&lineage, 7, 1), JS_LINEAGE_YES);
    CU_ASSERT_EQUAL(follows(&lineage, 7, 5), JS_LINEAGE_NO);
    CU_ASSERT_EQUAL(follows(&lineage, 3, 2), JS_LINEAGE_NO);
    CU_ASSERT_EQUAL(follows(&lineage, 3, 7), JS_LINEAGE_NO);
    /* Without a name nobody can come after it. */
    CU_ASSERT_EQUAL(follows(&lineage, 7, 4), JS_LINEAGE_NO);
    CU_ASSERT_EQUAL(follows(&lineage, 6, 1), JS_LINEAGE_NO);
    CU_ASSERT_EQUAL(js_lineage_follows(&lineage, NULL, 0, 1), JS_LINEAGE_NO);
    js_lineage_release(&lineage);
}

/* Each job on the way is looked at once: in 40 diamonds one behind the other
 * there are a trillion ways. */
static void test_many_ways(void)
{
    struct js_lineage lineage = {0};
    add(&lineage, 1, 0, 0);
    add(&lineage, 2, 0, 0);
    uint64_t last = 2;
    for (int i = 0; i < 40; i++, last += 3) {
        add(&lineage, last + 1, last, 0);
        add(&lineage, last + 2, last, 0);
        add(&lineage, last + 3, last + 1, last + 2);
    }
    CU_ASSERT_EQUAL(follows(&lineage, last, 2), JS_LINEAGE_YES);
    CU_ASSERT_EQUAL(follows(&lineage, last, 1), JS_LINEAGE_NO);
    js_lineage_release(&lineage);
}

/* All questions together have an end. */
static void test_questions_have_an_end(void)
{
    enum { JOBS = 10000, QUESTIONS = 10000 };
    struct js_lineage lineage = {0};
    for (uint64_t seq = 1; seq <= JOBS; seq++)
        add(&lineage, seq, seq - 1, 0);
    int known = 0;
    while (known < QUESTIONS && follows(&lineage, JOBS, 1) == JS_LINEAGE_YES)
        known++;
    CU_ASSERT(known > 100);
    CU_ASSERT(known < QUESTIONS);
    CU_ASSERT_EQUAL(follows(&lineage, JOBS, 1), JS_LINEAGE_UNKNOWN);
    js_lineage_release(&lineage);
}

/* Jobs 1 and 2 are group 1, which is in group 2 with job 4; job 5 comes after
 * group 2, and job 3 is by itself. */
static void test_groups(void)
{
    struct js_lineage lineage = {0};
    const uint64_t first[] = {1, 2}, second[] = {4, JS_LINEAGE_GROUP | 1};
    add(&lineage, 1, 0, 0);
    add(&lineage, 2, 0, 0);
    add(&lineage, 3, 0, 0);
    CU_ASSERT_EQUAL(js_lineage_add_group(&lineage, first, 2), 0);
    add(&lineage, 4, 0, 0);
    CU_ASSERT_EQUAL(js_lineage_add_group(&lineage, second, 2), 0);
    add(&lineage, 5, JS_LINEAGE_GROUP | 2, 0);
    CU_ASSERT_EQUAL(follows(&lineage, 5, 1), JS_LINEAGE_YES);
    CU_ASSERT_EQUAL(follows(&lineage, 5, 4), JS_LINEAGE_YES);
    CU_ASSERT_EQUAL(follows(&lineage, 5, 3), JS_LINEAGE_NO);
    CU_ASSERT_EQUAL(follows(&lineage, JS_LINEAGE_GROUP | 1, 2), JS_LINEAGE_YES);
    CU_ASSERT_EQUAL(follows(&lineage, JS_LINEAGE_GROUP | 1, 4), JS_LINEAGE_NO);
    CU_ASSERT_EQUAL(follows(&lineage, JS_LINEAGE_GROUP | 3, 1), JS_LINEAGE_NO);
    js_lineage_release(&lineage);
}

static const struct unit_test tests[] = {
    {"ancestors", test_ancestors},
    {"groups", test_groups},
    {"many ways", test_many_ways},
    {"questions have an end", test_questions_have_an_end},
    {NULL, NULL},
};

const struct unit_suite suite_conflicts = {"conflicts", tests};
