/*
 * fake_link - the messages of a whole run in memory, on a simulated clock.
 *
 * Links as in mpi/link.h for a master and its slaves in one process and one
 * thread; slaves have no links between them. The master runs as it is, with
 * js_master_run(): its wait() lets the simulation go on until there is
 * something for it. Every other process is a function that makes one turn; its
 * own wait() only notes until when.
 *
 * Time stands still within a turn. A message takes a random time, a long one
 * more of it; those from one process to another keep their order, as link.h
 * says. A process is woken by a message, by fake_net_wake() or by the end of
 * its wait, and by nothing else: one that counts on being woken for no reason
 * stands still here, and one that never waits is found.
 *
 * What breaks a rule of the transport is a complaint, and so is a run that
 * does not go on. The same seed gives the same run.
 */
#ifndef JS_TESTS_FAKE_LINK_H
#define JS_TESTS_FAKE_LINK_H

#include "mpi/link.h"

#include <stdbool.h>
#include <stdint.h>

/* The simulated clock begins here: a host that is up for eleven days. */
#define FAKE_START_NS INT64_C(1000000000000000)

/* From so many unread messages on a job would wait for the receiver. */
enum { FAKE_UNREAD_MAX = 15 };

struct fake_net_config {
    int size;             /* ranks */
    int extras;           /* processes without rank, numbered behind them */
    uint64_t seed;        /* of all that is random */
    int64_t delay_max_ns; /* of a short message */
    bool is_restless;     /* waits end early now and then, as link.h allows */

    /* A model of the costs instead of random delays (tests/scale): a message
     * takes FAKE_MESSAGE_NS and FAKE_KIB_NS for each KiB; a turn of the master
     * takes its CPU time, without the link's own, times cpu_scale, and
     * FAKE_CALL_NS for each message. */
    bool is_metered;
    double cpu_scale;

    /* If not metered: the time that each received message adds to the master's
     * turn. */
    int64_t cost_ns[JS_TAG_COUNT];

    /* Called whenever the code of another process, or of the link (FAKE_LINK),
     * runs from then on; NULL: it is not. */
    void (*entered)(void *arg, int number);
    void *arg;
};

enum {
    FAKE_LINK = -1,
    FAKE_MESSAGE_NS = 2000,
    FAKE_KIB_NS = 82,
    FAKE_CALL_NS = 700,
};

/* What the master had to do, if the net is metered. */
struct fake_load {
    uint64_t messages; /* sent and received */
    uint64_t bytes;    /* sent by anyone */
    uint64_t turns;
    int64_t busy_ns;    /* in turns */
    int64_t longest_ns; /* turn */
};

struct fake_net;

struct fake_net *fake_net_new(const struct fake_net_config *config);
void fake_net_free(struct fake_net *net); /* NULL is allowed */

struct js_link fake_net_link(struct fake_net *net, int rank);

/* One turn of a process: 1 when it has left, 0 when not, -1 when it broke. */
typedef int (*fake_turn_fn)(void *arg);

/* Process `number` (not 0, the master's) begins at `start_ns`. */
void fake_net_add(struct fake_net *net, int number, int64_t start_ns,
                  fake_turn_fn turn, void *arg);

/* Makes no turn between these times, as if by SIGSTOP and SIGCONT. */
void fake_net_stop(struct fake_net *net, int number, int64_t from_ns,
                   int64_t until_ns);

/* From then on no message of the process arrives, and none gets there. */
void fake_net_cut(struct fake_net *net, int number, int64_t from_ns);

/* Something other than a message happens to the process then. */
void fake_net_wake(struct fake_net *net, int number, int64_t at_ns);

/* Once the master has left: lets the others go on until nothing happens. */
void fake_net_finish(struct fake_net *net);

int64_t fake_net_now_ns(const struct fake_net *net);

/* The master's first turn begins now; else it began with the net. */
void fake_net_begin_turn(struct fake_net *net);
void fake_net_load(const struct fake_net *net, struct fake_load *ret);

/* Waits of the master, turns of another; messages of a tag sent by anyone. */
uint64_t fake_net_turns(const struct fake_net *net, int number);
uint64_t fake_net_sent(const struct fake_net *net, enum js_tag tag);
/* When the last of a tag was sent; 0: none was. */
int64_t fake_net_last_ns(const struct fake_net *net, enum js_tag tag);
/* How many of a tag one process had not received at the same time, at most. */
int fake_net_most_unread(const struct fake_net *net, enum js_tag tag);
size_t fake_net_longest(const struct fake_net *net,
                        enum js_tag tag); /* bytes */

/* When it left, JS_NEVER_NS while it is there. */
int64_t fake_net_left_ns(const struct fake_net *net, int number);
bool fake_net_has_left(const struct fake_net *net, int number);

/* The first complaint, or NULL. */
const char *fake_net_complaint(const struct fake_net *net);
void fake_net_complain(struct fake_net *net, const char *what);

#endif
