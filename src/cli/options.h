/*
 * options - the command line, from one table to configuration and help.
 */
#ifndef JS_CLI_OPTIONS_H
#define JS_CLI_OPTIONS_H

#include "base/argv.h"
#include "base/err.h"
#include "jobsched.h"

#include <stdio.h>

enum js_action {
    JS_ACTION_RUN,
    JS_ACTION_HELP,    /* --help */
    JS_ACTION_VERSION, /* --version */
    JS_ACTION_STATUS,  /* --status */
    JS_ACTION_REPORT,  /* --report */
    JS_ACTION_PLAN,    /* --plan */
};

struct js_options {
    enum js_action action;
    struct jobsched_config config; /* strings borrowed from argv */
    bool is_demo;                  /* --demo: whatever standard input is */
    bool is_demo_changed;          /* an option for the demonstration alone */
    bool is_quiet;                 /* no summary of a run that succeeded */
    bool is_progress_told;         /* and so not implied by that */
    bool is_json;                  /* of --status and --plan */
    /* Of --status. */
    bool is_watched;
    const char *explained; /* the name or id of a job; NULL: none */
    const char *report;    /* where --report writes to */
    /* Of a start without mpirun; --plan tries this number as well. */
    uint32_t slaves;      /* 0: one for each core, or slot, or task */
    const char *hostfile; /* NULL: this machine, or what Slurm has granted */
    uint32_t restarts;    /* how often to go on after the run broke off */
    bool is_mpirun_shown; /* instead of being started */
    bool is_requeued;     /* by the batch script: launch/requeue.h */
    bool is_launch_told;  /* one of these was given */
};

/*
 * Reads the command line. Returns 0, or -1 with *err: what is wrong with which
 * option, and what to write instead.
 */
int js_options_parse(int argc, char **argv, struct js_options *ret,
                     struct js_err *err);

/*
 * Appends the words of a command line that was read without an error, less what
 * is said of a start without mpirun: what each rank is to be given. Without
 * --time-limit too, if the run goes on: of that some has passed.
 */
void js_options_command(int argc, char **argv, bool is_going_on,
                        struct js_argv *ret);

/* Writes the help, made from the same table. Returns 0, or -1 with errno. */
int js_options_help(FILE *to);

#endif
