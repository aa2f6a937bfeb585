/*
 * loop_master - the master as it is, on a recorder of the tests.
 *
 * loop_master.c is src/mpi/master.c and its two neighbours, compiled once more
 * under other names: they call fake_recorder_finished() where the program calls
 * js_recorder_finished(). Whoever includes this before all else sees both
 * headers under these names, and defines the functions of the recorder that the
 * master calls.
 */
#ifndef JS_TESTS_LOOP_MASTER_H
#define JS_TESTS_LOOP_MASTER_H

#define js_master_new loop_master_new
#define js_master_free loop_master_free
#define js_master_turn loop_master_turn
#define js_master_run loop_master_run
#define js_master_dismiss loop_master_dismiss
#define js_master_scheduler loop_master_scheduler
#define js_master_allocator loop_master_allocator
#define js_master_host loop_master_host
#define js_meeting_step loop_meeting_step
#define js_meeting_take_hello loop_meeting_take_hello
#define js_meeting_take_node loop_meeting_take_node
#define js_meeting_take_ready loop_meeting_take_ready
#define js_meeting_miss loop_meeting_miss
#define js_meeting_take_cleared loop_meeting_take_cleared
#define js_master_news_heard loop_master_news_heard
#define js_master_news_take loop_master_news_take
#define js_master_news_check_heartbeats loop_master_news_check_heartbeats

#define js_recorder_enlisted fake_recorder_enlisted
#define js_recorder_restarted fake_recorder_restarted
#define js_recorder_parted fake_recorder_parted
#define js_recorder_dispatched fake_recorder_dispatched
#define js_recorder_begun fake_recorder_begun
#define js_recorder_lost fake_recorder_lost
#define js_recorder_finished fake_recorder_finished
#define js_recorder_commit fake_recorder_commit
#define js_recorder_is_quiet fake_recorder_is_quiet
#define js_recorder_is_show_due fake_recorder_is_show_due
#define js_recorder_show fake_recorder_show
#define js_recorder_look fake_recorder_look
#define js_recorder_wait_for fake_recorder_wait_for
#define js_recorder_is_cut fake_recorder_is_cut

#include "mpi/master.h"
#include "record/recorder.h"

#endif
