/* The link over a simulated MPI in this file, which decides when a message has
 * arrived, and counts its calls. */
#include "mpi/link.h"

#include "base/clock.h"

#include "unit.h"

#include <mpi.h>
#include <stdlib.h>
#include <string.h>

enum {
    PEERS = 2000,
    LONG = 2000, /* bytes: received in the background */
    REQUESTS_MAX = 1 << 16,
};

/* ---------------------------------------------------------------- an MPI */

/* Messages that were sent to rank 0 and have not been received. */
struct incoming {
    int peer, tag, len;
    char first; /* of its bytes */
};

static struct {
    struct incoming incoming[REQUESTS_MAX];
    int arrived, received; /* of the messages above */
    bool is_done[REQUESTS_MAX];
    int requests;
    uint64_t tests;
    bool is_slow; /* sends do not complete at once */
} mpi;

/* A request is a pointer in one MPI, a number in another. */
static void mpi_make_request(MPI_Request *ret, bool is_done)
{
    int number = ++mpi.requests;
    CU_ASSERT_FATAL(number < REQUESTS_MAX);
    mpi.is_done[number] = is_done;
    memset(ret, 0, sizeof(*ret));
    memcpy(ret, &number, sizeof(number));
}

int MPI_Test(MPI_Request *request, int *flag, MPI_Status *status)
{
    int number;
    (void)status;
    /* SimGrid's MPI does the same. */
    *flag = 0;
    if (*request == MPI_REQUEST_NULL)
        return MPI_SUCCESS;
    memcpy(&number, request, sizeof(number));
    mpi.tests++;
    *flag = mpi.is_done[number];
    if (*flag)
        *request = MPI_REQUEST_NULL;
    return MPI_SUCCESS;
}

int MPI_Isend(const void *buf, int count, MPI_Datatype type, int dest, int tag,
              MPI_Comm comm, MPI_Request *request)
{
    (void)buf;
    (void)count;
    (void)type;
    (void)dest;
    (void)tag;
    (void)comm;
    mpi_make_request(request, !mpi.is_slow);
    return MPI_SUCCESS;
}

int MPI_Iprobe(int source, int tag, MPI_Comm comm, int *flag,
               MPI_Status *status)
{
    const struct incoming *next = &mpi.incoming[mpi.received];
    (void)source;
    (void)tag;
    (void)comm;
    *flag = mpi.received < mpi.arrived;
    if (*flag && status != MPI_STATUS_IGNORE) {
        status->MPI_SOURCE = next->peer;
        status->MPI_TAG = next->tag;
    }
    return MPI_SUCCESS;
}

int MPI_Get_count(const MPI_Status *status, MPI_Datatype type, int *count)
{
    (void)status;
    (void)type;
    *count = mpi.incoming[mpi.received].len;
    return MPI_SUCCESS;
}

int MPI_Recv(void *buf, int count, MPI_Datatype type, int source, int tag,
             MPI_Comm comm, MPI_Status *status)
{
    (void)count;
    (void)type;
    (void)source;
    (void)tag;
    (void)comm;
    (void)status;
    const struct incoming *next = &mpi.incoming[mpi.received++];
    if (next->len > 0)
        *(char *)buf = next->first;
    return MPI_SUCCESS;
}

int MPI_Irecv(void *buf, int count, MPI_Datatype type, int source, int tag,
              MPI_Comm comm, MPI_Request *request)
{
    mpi_make_request(request, false);
    return MPI_Recv(buf, count, type, source, tag, comm, MPI_STATUS_IGNORE);
}

int MPI_Comm_dup(MPI_Comm comm, MPI_Comm *ret)
{
    *ret = comm;
    return MPI_SUCCESS;
}

int MPI_Comm_set_errhandler(MPI_Comm comm, MPI_Errhandler handler)
{
    (void)comm;
    (void)handler;
    return MPI_SUCCESS;
}

int MPI_Comm_rank(MPI_Comm comm, int *rank)
{
    (void)comm;
    *rank = 0;
    return MPI_SUCCESS;
}

int MPI_Comm_size(MPI_Comm comm, int *size)
{
    (void)comm;
    *size = PEERS + 1;
    return MPI_SUCCESS;
}

int MPI_Type_create_struct(int count, const int lengths[],
                           const MPI_Aint offsets[], const MPI_Datatype types[],
                           MPI_Datatype *ret)
{
    (void)count;
    (void)lengths;
    (void)offsets;
    *ret = types[0];
    return MPI_SUCCESS;
}

int MPI_Type_create_resized(MPI_Datatype type, MPI_Aint lower, MPI_Aint extent,
                            MPI_Datatype *ret)
{
    (void)lower;
    (void)extent;
    *ret = type;
    return MPI_SUCCESS;
}

int MPI_Type_commit(MPI_Datatype *type)
{
    (void)type;
    return MPI_SUCCESS;
}

int MPI_Type_free(MPI_Datatype *type)
{
    *type = MPI_DATATYPE_NULL;
    return MPI_SUCCESS;
}

/* ---------------------------------------------------------------- tests */

static struct js_link open_link(bool is_slow)
{
    struct js_link link;
    struct js_err err;
    memset(&mpi, 0, sizeof(mpi));
    mpi.is_slow = is_slow;
    CU_ASSERT_EQUAL_FATAL(js_link_open(&link, &err), 0);
    return link;
}

static void let_arrive(int peer, enum js_tag tag, int len, char first)
{
    CU_ASSERT_FATAL(mpi.arrived < REQUESTS_MAX);
    mpi.incoming[mpi.arrived++] = (struct incoming){peer, tag, len, first};
}

static void let_all_be_done(void)
{
    for (int i = 0; i <= mpi.requests; i++)
        mpi.is_done[i] = true;
}

/* A turn: returns how many messages it has received, and the last one. */
static int turn(struct js_link *link, struct js_message *ret)
{
    struct js_err err;
    int count = 0, rc;
    while ((rc = js_link_receive(link, ret, &err)) == 1)
        count++;
    CU_ASSERT_EQUAL_FATAL(rc, 0);
    CU_ASSERT_EQUAL_FATAL(js_link_wait(link, NULL, 0, 0, 0, &err), 0);
    return count;
}

static void post_to_all(struct js_link *link, int each)
{
    struct js_err err;
    for (int i = 0; i < each * PEERS; i++)
        CU_ASSERT_EQUAL_FATAL(link->ops->post(link->self, 1 + i % PEERS,
                                              JS_TAG_TEXT, "text", 4, &err),
                              0);
}

static void test_a_burst_is_tested_once(void)
{
    struct js_link link = open_link(false);
    struct js_message message;
    struct js_err err;
    post_to_all(&link, 10);
    CU_ASSERT_EQUAL(mpi.tests, 10 * PEERS);
    for (int i = 1; i <= PEERS; i++)
        let_arrive(i, JS_TAG_BEAT, 8, 'b');
    CU_ASSERT_EQUAL(turn(&link, &message), PEERS);
    CU_ASSERT_EQUAL(mpi.tests, 10 * PEERS);
    for (int i = 1; i <= PEERS; i++)
        let_arrive(i, JS_TAG_FIN, 0, 0);
    CU_ASSERT_EQUAL(
        js_link_drain(&link, js_clock_ns() + unit_patience_ns(), &err), 0);
    CU_ASSERT_EQUAL(mpi.tests, 10 * PEERS);
    js_link_close(&link);
}

static void test_a_slow_burst_costs_each_turn_little(void)
{
    enum { TURNS = 50, LOOKS = 64 };
    struct js_link link = open_link(true);
    struct js_message message;
    struct js_err err;
    post_to_all(&link, 10);
    uint64_t before = mpi.tests;
    for (int i = 0; i < TURNS; i++) {
        let_arrive(1 + i, JS_TAG_BEAT, 8, 'b');
        let_arrive(2 + i, JS_TAG_BEAT, 8, 'b');
        CU_ASSERT_EQUAL(turn(&link, &message), 2);
    }
    CU_ASSERT(mpi.tests - before <= TURNS * LOOKS);
    /* One pass, and the rest of the previous one. */
    let_all_be_done();
    mpi.is_slow = false;
    before = mpi.tests;
    turn(&link, &message);
    turn(&link, &message);
    CU_ASSERT_EQUAL(mpi.tests - before, 10 * PEERS);
    for (int i = 1; i <= PEERS; i++)
        let_arrive(i, JS_TAG_FIN, 0, 0);
    CU_ASSERT_EQUAL(
        js_link_drain(&link, js_clock_ns() + unit_patience_ns(), &err), 0);
    CU_ASSERT_EQUAL(mpi.tests - before, 10 * PEERS);
    js_link_close(&link);
}

/* A message that is still arriving delays later messages of its sender, but of
 * no other. */
static void test_one_senders_messages_keep_their_order(void)
{
    struct js_link link = open_link(false);
    struct js_message message;
    let_arrive(1, JS_TAG_OUTPUT, LONG, 'a');
    let_arrive(1, JS_TAG_BEAT, 8, 'b');
    let_arrive(2, JS_TAG_BEAT, 8, 'c');
    CU_ASSERT_EQUAL(turn(&link, &message), 1);
    CU_ASSERT_EQUAL(message.peer, 2);
    let_arrive(1, JS_TAG_NOTE, 8, 'd');
    CU_ASSERT_EQUAL(turn(&link, &message), 0);
    let_all_be_done();
    struct js_err err;
    static const char expected[] = "abd";
    for (int i = 0; expected[i]; i++) {
        CU_ASSERT_EQUAL_FATAL(js_link_receive(&link, &message, &err), 1);
        CU_ASSERT_EQUAL(message.peer, 1);
        CU_ASSERT_EQUAL(message.bytes[0], expected[i]);
    }
    CU_ASSERT_EQUAL(turn(&link, &message), 0);
    js_link_close(&link);
}

/* Many long messages at once: READY of many nodes, output of many jobs. */
static void test_messages_that_come_in_are_tested_once_a_turn(void)
{
    enum { COMING = 1000, TURNS = 20 };
    struct js_link link = open_link(false);
    struct js_message message;
    for (int i = 1; i <= COMING; i++)
        let_arrive(i, JS_TAG_READY, LONG, 'r');
    for (int i = 0; i < TURNS; i++) {
        for (int j = 1; j <= COMING / 2; j++)
            let_arrive(COMING + j, JS_TAG_BEAT, 8, 'b');
        CU_ASSERT_EQUAL(turn(&link, &message), COMING / 2);
    }
    CU_ASSERT_EQUAL(mpi.tests, TURNS * COMING);
    let_all_be_done();
    CU_ASSERT_EQUAL(turn(&link, &message), COMING);
    CU_ASSERT_EQUAL(mpi.tests, TURNS * COMING + COMING);
    js_link_close(&link);
}

const struct unit_suite suite_link = {
    "link",
    (const struct unit_test[]){
        {"a burst is tested once", test_a_burst_is_tested_once},
        {"a slow burst costs each turn little",
         test_a_slow_burst_costs_each_turn_little},
        {"one sender's messages keep their order",
         test_one_senders_messages_keep_their_order},
        {"messages that come in are tested once a turn",
         test_messages_that_come_in_are_tested_once_a_turn},
        {NULL, NULL},
    },
};
