/* slave_queue: orders, slots, and what goes back. */
#include "unit.h"

#include "base/clock.h"
#include "mpi/slave_queue.h"
#include "sched/scheduler.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

enum { NEXT = -1 }; /* the next free slot */

static struct js_slave_queue queue_of(uint32_t slots)
{
    struct js_slave_queue queue;
    CU_ASSERT_EQUAL_FATAL(js_slave_queue_init(&queue, slots), 0);
    js_slave_queue_assert_invariants(&queue);
    return queue;
}

static int add_order(struct js_slave_queue *queue, uint64_t ticket, int slot,
                     enum js_job_kind kind)
{
    struct js_slave_order *order = not_null(js_slave_queue_next(queue));
    order->wire = (struct js_wire_job){
        .id = ticket + 100,
        .ticket = ticket,
        .slot = slot == NEXT ? JS_SCHEDULER_SLOT_NEXT : (uint32_t)slot,
        .kind = kind};
    return js_slave_queue_add(queue, 7);
}

static void add(struct js_slave_queue *queue, uint64_t ticket, int slot)
{
    CU_ASSERT_EQUAL(add_order(queue, ticket, slot, JS_JOB_COMMAND), 0);
    js_slave_queue_assert_invariants(queue);
}

static void start(struct js_slave_queue *queue)
{
    not_null(js_slave_queue_startable(queue));
    js_slave_queue_start(queue, 8);
    js_slave_queue_assert_invariants(queue);
}

static void end(struct js_slave_queue *queue, uint32_t slot)
{
    js_slave_queue_free_slot(queue,
                             not_null(js_slave_queue_running(queue, slot)), 9);
    js_slave_queue_assert_invariants(queue);
}

static void hand_over(struct js_slave_queue *queue)
{
    while (js_slave_queue_handable(queue))
        js_slave_queue_handed(queue);
    js_slave_queue_assert_invariants(queue);
}

static void give_back(struct js_slave_queue *queue, uint64_t ticket)
{
    CU_ASSERT_EQUAL(js_slave_queue_give_back(queue), ticket);
    js_slave_queue_assert_invariants(queue);
}

/* The job of this ticket runs there; 0: none does. */
static void expect_running(const struct js_slave_queue *queue, uint32_t slot,
                           uint64_t ticket)
{
    const struct js_slave_slot *running = js_slave_queue_running(queue, slot);
    CU_ASSERT_EQUAL(running ? running->ticket : 0, ticket);
    CU_ASSERT(!running || running->id == ticket + 100);
}

/* ---------------------------------------------------------------- slots */

static void test_freed_slots_go_in_order(void)
{
    struct js_slave_queue queue = queue_of(3);
    for (int i = 0; i < 3; i++) {
        add(&queue, (uint64_t)i + 1, i);
        start(&queue);
    }
    CU_ASSERT_EQUAL(queue.busy_count, 3);
    for (uint64_t ticket = 4; ticket <= 6; ticket++)
        add(&queue, ticket, NEXT);
    CU_ASSERT_PTR_NULL(js_slave_queue_startable(&queue));
    end(&queue, 2);
    end(&queue, 0);
    start(&queue);
    start(&queue);
    CU_ASSERT_PTR_NULL(js_slave_queue_startable(&queue));
    expect_running(&queue, 2, 4);
    expect_running(&queue, 0, 5);
    expect_running(&queue, 1, 2);
    CU_ASSERT_EQUAL(queue.order_count, 1);
    js_slave_queue_release(&queue);
}

/* The master hears of the end only later. */
static void test_order_comes_after_its_slot_was_freed(void)
{
    struct js_slave_queue queue = queue_of(2);
    add(&queue, 1, 0);
    add(&queue, 2, 1);
    start(&queue);
    start(&queue);
    end(&queue, 1);
    end(&queue, 0);
    CU_ASSERT_EQUAL(queue.freed_count, 2);
    add(&queue, 3, NEXT);
    start(&queue);
    expect_running(&queue, 1, 3);
    add(&queue, 4, 0); /* that has been heard of */
    CU_ASSERT_EQUAL(queue.freed_count, 0);
    start(&queue);
    expect_running(&queue, 0, 4);
    js_slave_queue_release(&queue);
}

/* A slot that was never used is the master's to name. */
static void test_unused_slot_is_not_taken(void)
{
    struct js_slave_queue queue = queue_of(2);
    add(&queue, 1, 0);
    start(&queue);
    add(&queue, 2, NEXT);
    CU_ASSERT_PTR_NULL(js_slave_queue_startable(&queue));
    js_slave_queue_release(&queue);
}

static void test_slot_in_use_is_refused(void)
{
    struct js_slave_queue queue = queue_of(2);
    add(&queue, 1, 0);
    errno = 0;
    CU_ASSERT_EQUAL(add_order(&queue, 2, 0, JS_JOB_COMMAND), -1);
    CU_ASSERT_EQUAL(errno, EBUSY);
    js_slave_queue_release(&queue);
    queue = queue_of(2);
    CU_ASSERT_EQUAL(add_order(&queue, 1, 2, JS_JOB_COMMAND), -1);
    js_slave_queue_release(&queue);
    queue = queue_of(2);
    add(&queue, 1, 1);
    start(&queue);
    CU_ASSERT_EQUAL(add_order(&queue, 2, 1, JS_JOB_COMMAND), -1);
    js_slave_queue_release(&queue);
}

static void test_time_of_the_last_move(void)
{
    struct js_slave_queue queue = queue_of(1);
    add(&queue, 1, 0);
    CU_ASSERT_EQUAL(queue.moved_ns, 7);
    CU_ASSERT_FALSE(js_slave_queue_is_queued_up(&queue));
    start(&queue);
    CU_ASSERT_EQUAL(queue.moved_ns, 8);
    CU_ASSERT_FALSE(js_slave_queue_is_queued_up(&queue));
    add(&queue, 2, NEXT);
    add(&queue, 3, NEXT);
    CU_ASSERT_TRUE(js_slave_queue_is_queued_up(&queue));
    CU_ASSERT_EQUAL(queue.moved_ns, 7); /* the first one's */
    end(&queue, 0);
    CU_ASSERT_EQUAL(queue.moved_ns, 9);
    CU_ASSERT_FALSE(js_slave_queue_is_queued_up(&queue));
    js_slave_queue_release(&queue);
}

/* ---------------------------------------------------------------- the ring */

static void test_ring_is_full_and_goes_round(void)
{
    struct js_slave_queue none = {0};
    struct js_slave_queue queue = queue_of(1);
    CU_ASSERT_PTR_NULL(js_slave_queue_next(&none));
    js_slave_queue_release(&none);
    add(&queue, 1, 0);
    for (unsigned i = 1; i < queue.ring_size; i++)
        add(&queue, i + 1, NEXT);
    CU_ASSERT_PTR_NULL(js_slave_queue_next(&queue));
    CU_ASSERT(queue.ring_size >= 1 + JS_SCHEDULER_CREDIT);
    for (uint64_t ticket = 1; ticket <= 3 * queue.ring_size; ticket++) {
        start(&queue);
        expect_running(&queue, 0, ticket);
        add(&queue, ticket + queue.ring_size, NEXT);
        end(&queue, 0);
    }
    js_slave_queue_release(&queue);
}

/* Its text is its own, wherever it ends. */
static void test_texts(void)
{
    char text[JS_WIRE_JOB_TEXT + 2];
    memset(text, 'x', sizeof(text));
    struct js_slave_queue queue = queue_of(1);
    for (unsigned extra = 0; extra < 2; extra++) {
        struct js_slave_order *order = not_null(js_slave_queue_next(&queue));
        order->wire = (struct js_wire_job){.text_len = JS_WIRE_JOB_TEXT + extra,
                                           .slot = JS_SCHEDULER_SLOT_NEXT,
                                           .kind = JS_JOB_COMMAND};
        CU_ASSERT_EQUAL(js_slave_queue_set_text(order, text), 0);
        CU_ASSERT_EQUAL(order->text != NULL, extra == 1);
        CU_ASSERT(!order->text || strlen(order->text) == JS_WIRE_JOB_TEXT + 1);
        CU_ASSERT(order->text || order->wire.text[JS_WIRE_JOB_TEXT - 1] == 'x');
        CU_ASSERT_EQUAL(js_slave_queue_add(&queue, 0), 0);
    }
    js_slave_queue_give_back(&queue);
    CU_ASSERT_PTR_NULL(js_slave_queue_next(&queue)->text);
    js_slave_queue_release(&queue);
}

/* ---------------------------------------------------------------- simulated */

static void test_simulated_jobs(void)
{
    struct js_slave_queue queue = queue_of(3);
    uint32_t at = 0;
    CU_ASSERT_EQUAL(js_slave_queue_simulated_end_ns(&queue), JS_NEVER_NS);
    for (int i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(add_order(&queue, (uint64_t)i + 1, i, JS_JOB_SIMULATED),
                        0);
        js_slave_queue_order(&queue, 0)->wire.duration_ns = 10 * (3 - i);
        CU_ASSERT_FALSE(js_slave_queue_order_is_for_runner(
            js_slave_queue_startable(&queue)));
        start(&queue);
    }
    CU_ASSERT_EQUAL(queue.simulated_count, 3);
    CU_ASSERT_EQUAL(js_slave_queue_simulated_end_ns(&queue), 8 + 10);
    CU_ASSERT_PTR_NULL(js_slave_queue_simulated(&queue, &at, 17));
    at = 0;
    CU_ASSERT_EQUAL(((struct js_slave_slot *)not_null(
                         js_slave_queue_simulated(&queue, &at, 28)))
                        ->ticket,
                    2);
    CU_ASSERT_EQUAL(((struct js_slave_slot *)not_null(
                         js_slave_queue_simulated(&queue, &at, 28)))
                        ->ticket,
                    3);
    CU_ASSERT_PTR_NULL(js_slave_queue_simulated(&queue, &at, 28));
    struct js_slave_slot *slot = not_null(js_slave_queue_running(&queue, 0));
    js_slave_queue_stop_simulated(slot, 20);
    CU_ASSERT_EQUAL(slot->outcome.run_ns, 12);
    CU_ASSERT_EQUAL(slot->outcome.cause, JS_STOP_REASON_STOPPED);
    CU_ASSERT_EQUAL(slot->end_ns, 20);
    end(&queue, 0);
    CU_ASSERT_EQUAL(queue.simulated_count, 2);
    js_slave_queue_release(&queue);
}

/* It is not started, but it ends like any other. */
static void test_order_to_be_ended(void)
{
    struct js_slave_queue queue = queue_of(1);
    uint32_t at = 0;
    add(&queue, 1, 0);
    js_slave_queue_end_order(&queue, 2);
    CU_ASSERT_TRUE(
        js_slave_queue_order_is_for_runner(js_slave_queue_startable(&queue)));
    js_slave_queue_end_order(&queue, 1);
    CU_ASSERT_FALSE(
        js_slave_queue_order_is_for_runner(js_slave_queue_startable(&queue)));
    start(&queue);
    const struct js_slave_slot *slot =
        not_null(js_slave_queue_simulated(&queue, &at, 8));
    CU_ASSERT_EQUAL(slot->outcome.cause, JS_STOP_REASON_STOPPED);
    CU_ASSERT_EQUAL(slot->outcome.run_ns, 0);
    js_slave_queue_release(&queue);
}

/* ------------------------------------------------ handing over, giving back */

static struct js_slave_queue busy_queue(unsigned ahead)
{
    struct js_slave_queue queue = queue_of(1);
    add(&queue, 1, 0);
    start(&queue);
    for (uint64_t ticket = 2; ticket < 2 + ahead; ticket++)
        add(&queue, ticket, NEXT);
    return queue;
}

static void test_runner_is_handed_some(void)
{
    struct js_slave_queue queue = busy_queue(JS_SCHEDULER_HANDED_MAX + 5);
    hand_over(&queue);
    CU_ASSERT_EQUAL(queue.handed_count, JS_SCHEDULER_HANDED_MAX);
    end(&queue, 0);
    CU_ASSERT_FALSE(
        js_slave_queue_order_is_for_runner(js_slave_queue_startable(&queue)));
    start(&queue);
    expect_running(&queue, 0, 2);
    CU_ASSERT_EQUAL(queue.handed_count, JS_SCHEDULER_HANDED_MAX - 1);
    hand_over(&queue);
    CU_ASSERT_EQUAL(queue.handed_count, JS_SCHEDULER_HANDED_MAX);
    js_slave_queue_release(&queue);
}

/* As many as it has slots, if these are more. */
static void test_runner_of_many_slots(void)
{
    enum { SLOTS = JS_SCHEDULER_HANDED_MAX + 10 };
    struct js_slave_queue queue = queue_of(SLOTS);
    for (unsigned i = 0; i < SLOTS; i++) {
        add(&queue, i + 1, (int)i);
        start(&queue);
    }
    for (unsigned i = 0; i < SLOTS + 5; i++)
        add(&queue, SLOTS + i + 1, NEXT);
    hand_over(&queue);
    CU_ASSERT_EQUAL(queue.handed_count, SLOTS);
    js_slave_queue_release(&queue);
}

/* A job that has a slot, or needs no runner, is started by the slave itself. */
static void test_not_every_order_is_handed(void)
{
    struct js_slave_queue queue = queue_of(1);
    add(&queue, 1, 0);
    CU_ASSERT_PTR_NULL(js_slave_queue_handable(&queue));
    start(&queue);
    CU_ASSERT_PTR_NULL(js_slave_queue_handable(&queue));
    CU_ASSERT_EQUAL(add_order(&queue, 2, NEXT, JS_JOB_SIMULATED), 0);
    add(&queue, 3, NEXT);
    CU_ASSERT_PTR_NULL(js_slave_queue_handable(&queue));
    js_slave_queue_release(&queue);
}

static void expect_answer(struct js_slave_queue *queue,
                          enum js_slave_recall expected, unsigned count)
{
    unsigned found = 0;
    CU_ASSERT_EQUAL(js_slave_queue_answer(queue, &found), expected);
    CU_ASSERT_EQUAL(found, count);
    js_slave_queue_assert_invariants(queue);
}

static void test_recall_of_what_waits(void)
{
    struct js_slave_queue queue = busy_queue(3);
    expect_answer(&queue, JS_SLAVE_RECALL_NONE, 0);
    js_slave_queue_ask_back(&queue, 2);
    CU_ASSERT_PTR_NULL(js_slave_queue_handable(&queue));
    expect_answer(&queue, JS_SLAVE_RECALL_ANSWER, 2);
    expect_answer(&queue, JS_SLAVE_RECALL_NONE, 0);
    give_back(&queue, 4);
    give_back(&queue, 3);
    js_slave_queue_ask_back(&queue, 9);
    expect_answer(&queue, JS_SLAVE_RECALL_ANSWER, 1);
    give_back(&queue, 2);
    js_slave_queue_ask_back(&queue, 9);
    expect_answer(&queue, JS_SLAVE_RECALL_ANSWER, 0);
    js_slave_queue_release(&queue);
}

/* What has a slot has begun, as far as the master will know. */
static void test_order_with_a_slot_is_no_answer(void)
{
    struct js_slave_queue queue = busy_queue(2);
    end(&queue, 0);
    js_slave_queue_ask_back(&queue, 9);
    expect_answer(&queue, JS_SLAVE_RECALL_ANSWER, 1);
    give_back(&queue, 3);
    js_slave_queue_release(&queue);
}

static void test_recall_of_what_the_runner_has(void)
{
    struct js_slave_queue queue = busy_queue(3);
    hand_over(&queue);
    js_slave_queue_ask_back(&queue, 1);
    expect_answer(&queue, JS_SLAVE_RECALL_RUNNER, 0);
    CU_ASSERT_TRUE(js_slave_queue_begin_recall(&queue));
    CU_ASSERT_FALSE(js_slave_queue_begin_recall(&queue));
    expect_answer(&queue, JS_SLAVE_RECALL_NONE, 0);
    add(&queue, 5, NEXT); /* meanwhile: it is not handed over, and goes back */
    CU_ASSERT_PTR_NULL(js_slave_queue_handable(&queue));
    end(&queue, 0); /* the runner had begun the next before it was asked */
    start(&queue);
    errno = 0;
    CU_ASSERT_EQUAL(js_slave_queue_recalled(&queue, 3), -1);
    CU_ASSERT_EQUAL(errno, EBADMSG);
    CU_ASSERT_EQUAL(js_slave_queue_recalled(&queue, 2), 0);
    js_slave_queue_assert_invariants(&queue);
    expect_answer(&queue, JS_SLAVE_RECALL_ANSWER, 1);
    give_back(&queue, 5);
    hand_over(&queue);
    CU_ASSERT_EQUAL(queue.handed_count, 2);
    js_slave_queue_release(&queue);
}

/* Whoever asks it: here nobody but the slave, whose spool is full. */
static void test_nothing_is_handed_to_a_runner_that_is_asked(void)
{
    struct js_slave_queue queue = busy_queue(2);
    js_slave_queue_handed(&queue);
    CU_ASSERT_PTR_NOT_NULL(js_slave_queue_handable(&queue));
    CU_ASSERT_TRUE(js_slave_queue_begin_recall(&queue));
    CU_ASSERT_PTR_NULL(js_slave_queue_handable(&queue));
    CU_ASSERT_EQUAL(js_slave_queue_recalled(&queue, 1), 0);
    CU_ASSERT_PTR_NOT_NULL(js_slave_queue_handable(&queue));
    js_slave_queue_release(&queue);
}

static void test_runner_that_has_none_is_not_asked(void)
{
    struct js_slave_queue queue = busy_queue(1);
    CU_ASSERT_FALSE(js_slave_queue_begin_recall(&queue));
    CU_ASSERT_FALSE(queue.is_recalling);
    js_slave_queue_release(&queue);
}

/* The master does not hand it on, either. */
static void test_slot_given_back_goes_to_nobody(void)
{
    struct js_slave_queue queue = queue_of(1);
    add(&queue, 1, 0);
    give_back(&queue, 1);
    add(&queue, 2, NEXT);
    CU_ASSERT_PTR_NULL(js_slave_queue_startable(&queue));
    add(&queue, 3, 0);
    js_slave_queue_release(&queue);
}

/* ---------------------------------------------------------------- a lost
 * runner */

static void test_another_runner(void)
{
    struct js_slave_queue queue = busy_queue(3);
    hand_over(&queue);
    CU_ASSERT_TRUE(js_slave_queue_begin_recall(&queue));
    js_slave_queue_forget_runner(&queue);
    js_slave_queue_assert_invariants(&queue);
    CU_ASSERT_EQUAL(queue.order_count, 3);
    CU_ASSERT_FALSE(queue.is_recalling);
    hand_over(&queue);
    CU_ASSERT_EQUAL(queue.handed_count, 3);
    js_slave_queue_release(&queue);
}

/* What it was handed it may have begun: only the rest can go back. */
static void test_no_other_runner(void)
{
    struct js_slave_queue queue = busy_queue(JS_SCHEDULER_HANDED_MAX + 2);
    hand_over(&queue);
    js_slave_queue_retire(&queue);
    js_slave_queue_assert_invariants(&queue);
    CU_ASSERT_EQUAL(queue.order_count, 2);
    CU_ASSERT_PTR_NULL(js_slave_queue_running(&queue, 0));
    add(&queue, 50, 0); /* the master does not know yet */
    CU_ASSERT_PTR_NULL(js_slave_queue_startable(&queue));
    CU_ASSERT_TRUE(js_slave_queue_is_queued_up(&queue));
    give_back(&queue, 50);
    give_back(&queue, JS_SCHEDULER_HANDED_MAX + 3);
    js_slave_queue_release(&queue);
}

/* ---------------------------------------------------------------- invariants
 */

/* Each breaks one of them. */
static void break_busy(struct js_slave_queue *queue)
{
    queue->busy_count++;
}
static void break_simulated(struct js_slave_queue *queue)
{
    queue->slots[0].is_simulated = true;
}
static void break_simulated_count(struct js_slave_queue *queue)
{
    queue->simulated_count++;
}
static void break_taken(struct js_slave_queue *queue)
{
    queue->slots[0].is_taken = false;
}
static void break_untaken(struct js_slave_queue *queue)
{
    queue->slots[2].is_taken = true;
}
static void break_freed(struct js_slave_queue *queue)
{
    queue->freed[queue->freed_count++] = 0; /* it is busy */
}
static void break_freed_slot(struct js_slave_queue *queue)
{
    queue->freed[queue->freed_count++] = 2; /* but an order waits */
}
static void break_order(struct js_slave_queue *queue)
{
    js_slave_queue_order(queue, 1)->wire.slot = 0;
}
static void break_order_slot(struct js_slave_queue *queue)
{
    js_slave_queue_order(queue, 1)->wire.slot = 17;
}
static void break_handed(struct js_slave_queue *queue)
{
    queue->handed_count++;
}
static void break_is_handed(struct js_slave_queue *queue)
{
    js_slave_queue_order(queue, 0)->is_handed = false;
}
static void break_kind(struct js_slave_queue *queue)
{
    js_slave_queue_order(queue, 0)->wire.kind = JS_JOB_SIMULATED;
}

/* True if the check aborts on it. */
static bool is_found(void (*break_it)(struct js_slave_queue *queue))
{
    struct js_slave_queue queue = queue_of(3);
    int status = 0;
    add(&queue, 1, 0);
    start(&queue);
    add(&queue, 2, NEXT);
    js_slave_queue_handed(&queue);
    add(&queue, 3, NEXT);
    pid_t child = fork();
    if (child == 0) {
        static const struct rlimit no_core = {0, 0};
        setrlimit(RLIMIT_CORE, &no_core);
        signal(SIGABRT, SIG_DFL);
        close(STDERR_FILENO);
        if (break_it)
            break_it(&queue);
        js_slave_queue_assert_invariants(&queue);
        _exit(0);
    }
    CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
    js_slave_queue_release(&queue);
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
}

static void test_broken_invariants_are_found(void)
{
    static void (*const broken[])(struct js_slave_queue * queue) = {
        break_busy,       break_simulated, break_simulated_count, break_taken,
        break_untaken,    break_freed,     break_freed_slot,      break_order,
        break_order_slot, break_handed,    break_is_handed,       break_kind,
    };
    CU_ASSERT_FALSE(is_found(NULL));
    for (size_t i = 0; i < sizeof(broken) / sizeof(broken[0]); i++)
        CU_ASSERT_TRUE(is_found(broken[i]));
}

static const struct unit_test tests[] = {
    {"freed slots go in order", test_freed_slots_go_in_order},
    {"an order comes after its slot was freed",
     test_order_comes_after_its_slot_was_freed},
    {"an unused slot is not taken", test_unused_slot_is_not_taken},
    {"a slot in use is refused", test_slot_in_use_is_refused},
    {"time of the last move", test_time_of_the_last_move},
    {"the ring is full, and goes round", test_ring_is_full_and_goes_round},
    {"texts", test_texts},
    {"simulated jobs", test_simulated_jobs},
    {"an order to be ended", test_order_to_be_ended},
    {"the runner is handed some", test_runner_is_handed_some},
    {"a runner of many slots", test_runner_of_many_slots},
    {"not every order is handed", test_not_every_order_is_handed},
    {"recall of what waits", test_recall_of_what_waits},
    {"an order with a slot is no answer", test_order_with_a_slot_is_no_answer},
    {"recall of what the runner has", test_recall_of_what_the_runner_has},
    {"nothing is handed to a runner that is asked",
     test_nothing_is_handed_to_a_runner_that_is_asked},
    {"a runner that has none is not asked",
     test_runner_that_has_none_is_not_asked},
    {"a slot given back goes to nobody", test_slot_given_back_goes_to_nobody},
    {"another runner", test_another_runner},
    {"no other runner", test_no_other_runner},
    {"broken invariants are found", test_broken_invariants_are_found},
    {NULL, NULL},
};

const struct unit_suite suite_slave_queue = {"slave_queue", tests};
