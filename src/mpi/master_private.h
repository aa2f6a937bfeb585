/*
 * master_private - what the files of the master share. No other file includes
 * it.
 *
 * master.c: creation, the turn, new jobs, stopping, the run. master_news.c:
 * messages from slaves, lost slaves and missed heartbeats. meeting.c: from
 * HELLO to READY, and what must be known before the first job.
 */
#ifndef JS_MPI_MASTER_PRIVATE_H
#define JS_MPI_MASTER_PRIVATE_H

#include "base/clock.h"
#include "mpi/master.h"
#include "mpi/slave_conn.h"

/* If a turn took longer than this, the master was not listening to its slaves
 * in the meantime. */
#define JS_MASTER_LISTENING_NS (100 * JS_NS_PER_MS)

/* No job is started before the master knows what every slave can do: the answer
 * whether a job fits anywhere must not depend on which slave came first. */
enum js_meeting_phase {
    JS_MEETING_MEETING,    /* waiting for the slaves' HELLO */
    JS_MEETING_SETTING_UP, /* SETUP was sent; waiting for READY */
    JS_MEETING_QUIET,      /* waiting until the jobs of an earlier run must
                              have ended */
    JS_MEETING_CLEARING,   /* slaves are ending what those jobs left behind */
    JS_MEETING_WORKING,
};

struct js_meeting {
    enum js_meeting_phase phase;
    int64_t awaited_ns;   /* how long slaves have been awaited in this phase */
    int64_t phase_end_ns; /* of JS_MEETING_QUIET; otherwise when the next turn
                             is due */
    int64_t quiet_end_ns; /* by then the jobs of an earlier run have ended */
    int64_t quiet_look_ns;
    int unsent; /* slaves from this rank on have not been sent their SETUP */
    int first;  /* slaves with a lower rank have reached the state that this
                   phase waits for */
    unsigned slaves; /* slaves that are ready, and their slots */
    uint64_t slots;
};

/* Jobs that were lost with a slave or its runner, collected for one message. */
struct js_master_blame {
    struct js_buf names;
    unsigned count;
    uint32_t losses; /* of the last job added */
};

/* A number on its way to all slaves that work. It takes several turns to send
 * it to thousands of them, so that heartbeats do not wait. */
struct js_announcement {
    uint64_t number;
    int next; /* slaves from this rank on do not have it; 0: all have it */
};

/*
 * Invariants:
 *  - Before the meeting has reached JS_MEETING_WORKING, nothing is assigned
 *    and no job is taken from the source.
 *  - A slave is in the scheduler and the allocator as long as its connection
 *    is WORKING; GONE is final.
 *  - blame is empty between two turns.
 *  - listened_ns does not go back, and grows no faster than now_ns.
 *  - The connections that are watched and not lost form a list, the one whose
 *    last heartbeat is the oldest first.
 *  - Jobs read from the source, the slaves that take part, and losses are on
 *    record before anything is sent (js_recorder_commit()).
 *  - A job that has ended is on record before the jobs that come after it are
 *    released.
 */
struct js_master {
    struct js_master_config config;
    struct js_link *link;
    struct js_delivery *delivery; /* owned by the recorder */
    struct js_scheduler *scheduler;
    struct js_allocator *allocator;
    struct js_slave_conn *conns; /* by rank; 0 is unused */
    struct js_slave_conn_queue queue;
    struct js_buf setup_text; /* for all slaves */
    struct js_meeting meeting;
    struct js_master_blame blame;
    int64_t now_ns;
    int64_t event_ns; /* when a job was last given to a slave, or ended */
    int64_t first_assignment_ns; /* JS_NEVER_NS: none yet */
    bool has_new_runners;        /* some slaves have replaced their runner */
    bool has_input;              /* the source may have more jobs */
    bool must_assign;            /* the last turn has left jobs unassigned */
    bool is_source_later;        /* ... but has none at present */
    bool is_input_bad;
    struct js_err input_error;
    enum js_stop_request stop_request; /* the strongest that was passed on to
                                          the slaves */
    bool is_interrupted;               /* ... and the reason was not that
                                          jobs failed */
    bool was_asked;   /* slaves were told to end because of a signal */
    int64_t leave_ns; /* when the run ends even if jobs are still running */
    int64_t quit_ns; /* when the run ends if it waits only for files that do not
                        answer */
    int64_t listened_ns; /* total time in which the master listened to slaves */
    bool has_unread_beats; /* ... not in this turn */
    int64_t turn_ns;       /* when the last turn began */
    struct js_slave_conn *first_watched, *last_watched;
    bool has_silent; /* more slaves must be given up, in the next turn */
    struct js_announcement drain, limit; /* DRAIN and TIME_LIMIT */
    unsigned lost;
    int64_t limit_ns;  /* time limit from the median, as sent to the slaves */
    uint64_t accepted; /* jobs taken from the source */
    uint64_t ended;
};

/* All functions below return 0, or -1 with *err if the run cannot continue. */

/* ---- meeting.c */

/* Enters the next phase when it is time. Only a turn in which all messages were
 * read, and none of them was a HELLO or READY, counts as waiting for slaves. */
int js_meeting_step(struct js_master *master, struct js_err *err);

int js_meeting_take_hello(struct js_master *master,
                          const struct js_message *message, struct js_err *err);
int js_meeting_take_node(struct js_master *master,
                         const struct js_message *message, struct js_err *err);
int js_meeting_take_ready(struct js_master *master,
                          const struct js_message *message, struct js_err *err);
int js_meeting_take_cleared(struct js_master *master,
                            const struct js_message *message,
                            struct js_err *err);

/* This slave is GONE. If it was asked to describe its node, another slave there
 * is asked instead. */
int js_meeting_miss(struct js_master *master, unsigned slave,
                    struct js_err *err);

/* ---- master_news.c */

/* Handles some of the messages that have arrived. */
int js_master_news_take(struct js_master *master, struct js_err *err);

/* The silence of the slave counts from now on. */
void js_master_news_heard(struct js_master *master, struct js_slave_conn *conn);

/* Declares slaves lost that have been silent for too long. */
int js_master_news_check_heartbeats(struct js_master *master,
                                    struct js_err *err);

#endif
