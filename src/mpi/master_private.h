/*
 * master_private - what the files of the master share: nobody else includes it.
 *
 * master.c: life, the turn, new jobs, stopping, the run.
 * meeting.c: from HELLO to READY, and what must be known before the first job.
 * master_news.c: what slaves say, what is lost with them, and their silence.
 */
#ifndef JS_MPI_MASTER_PRIVATE_H
#define JS_MPI_MASTER_PRIVATE_H

#include "base/clock.h"
#include "mpi/master.h"
#include "mpi/slave_conn.h"

/* A turn that took longer was not spent listening. */
#define JS_MASTER_LISTENING_NS (100 * JS_NS_PER_MS)

/* Nothing runs before it is known what every slave can do: whether a job fits
 * anywhere must not depend on who came first. */
enum js_meeting_phase {
    JS_MEETING_MEETING,    /* slaves are awaited */
    JS_MEETING_SETTING_UP, /* they have been told their share */
    JS_MEETING_QUIET,      /* jobs of an earlier run are to have ended */
    JS_MEETING_CLEARING,   /* what they have left is being ended */
    JS_MEETING_WORKING,
};

struct js_meeting {
    enum js_meeting_phase phase;
    int64_t phase_end_ns; /* who is not there by then is left out */
    int64_t quiet_end_ns; /* jobs of an earlier run have ended by then */
    int64_t quiet_look_ns;
    unsigned slaves; /* that have become ready, and their slots */
    uint64_t slots;
};

/* Jobs that were lost with a slave or its runner, for one message. */
struct js_master_blame {
    struct js_buf names;
    unsigned count;
    uint32_t losses; /* of the last of them */
};

/*
 * Invariants:
 *  - Nothing is assigned, and no job is taken from the source, before the
 * meeting has come to JS_MEETING_WORKING.
 *  - A slave is in the scheduler and the allocator as long as its connection is
 *    WORKING; GONE is final.
 *  - blame is empty between two turns.
 *  - listened_ns does not go back, and grows no faster than now_ns.
 *  - What has ended is on record before anything new is sent (the order of the
 *    steps of js_master_turn()).
 */
struct js_master {
    struct js_master_config config;
    struct js_link *link;
    struct js_delivery *delivery; /* the recorder's */
    struct js_scheduler *scheduler;
    struct js_allocator *allocator;
    struct js_slave_conn *conns; /* by rank; 0 is unused */
    struct js_meeting meeting;
    struct js_master_blame blame;
    int64_t now_ns;
    int64_t event_ns; /* when a job was last given to a slave, or ended */
    int64_t first_assignment_ns; /* JS_NEVER_NS: none yet */
    bool has_new_runners;        /* some peers have them */
    bool has_input;              /* the source may have more jobs */
    bool is_source_later;        /* it has none at the moment */
    bool is_input_bad;
    struct js_err input_error;
    enum js_stop_request stop_request; /* that the slaves were told of */
    bool is_interrupted;               /* ... and not because of failures */
    bool was_asked;                    /* slaves were told to end by a signal */
    int64_t leave_ns;                  /* whatever runs then: the run is over */
    int64_t listened_ns; /* time in which a slave could have been heard */
    int64_t turn_ns;     /* when the last turn began */
    int64_t watch_ns;    /* when to look for silence again */
    unsigned lost;
    int64_t limit_ns;  /* that the slaves know of, from the median */
    uint64_t accepted; /* jobs taken from the source */
    uint64_t ended;
};

/* All below that return int: 0, or -1 with *err when the run cannot go on. */

/* ---- master.c */

int js_master_no_memory(struct js_err *err);

/* ---- meeting.c */

/* The next phase, if it is time for it. */
int js_meeting_step(struct js_master *master, struct js_err *err);

int js_meeting_take_hello(struct js_master *master,
                          const struct js_message *message, struct js_err *err);
int js_meeting_take_ready(struct js_master *master,
                          const struct js_message *message, struct js_err *err);
int js_meeting_take_cleared(struct js_master *master,
                            const struct js_message *message,
                            struct js_err *err);

/* ---- master_news.c */

/* Counts the time in which slaves could have been heard. */
void js_master_news_listen(struct js_master *master);

/* Takes messages, some at a time. */
int js_master_news_take(struct js_master *master, struct js_err *err);

/* Gives up slaves that have been silent for too long. */
int js_master_news_watch(struct js_master *master, struct js_err *err);

#endif
