/*
 * options - reads the command line. One table defines the options and makes the
 * help.
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
    bool is_demo;                  /* --demo was given; standard input is
                                      ignored */
    bool is_demo_changed;          /* an option that only affects the
                                      demonstration was given */
    bool is_quiet;                 /* print no summary of a run that
                                      succeeded */
    bool is_progress_told;         /* --progress was given, so that is_quiet
                                      does not change it */
    bool is_json;                  /* for --status and --plan */
    /* For --status. */
    bool is_watched;
    const char *explained; /* the name or id of a job; NULL: none */
    const char *report;    /* the file that --report writes */
    /* For a start without mpirun; --plan also tries this number of slaves. */
    uint32_t slaves;      /* 0: one for each core, slot or task */
    const char *hostfile; /* NULL: this machine, or what Slurm has granted */
    uint32_t restarts;    /* how often to continue after the run broke off */
    bool is_mpirun_shown; /* show the command line and do not start it */
    bool is_requeued;     /* the batch script asks for it: launch/slurm.h */
    bool is_launch_told;  /* one of these options was given */
};

/*
 * Reads the command line. Returns 0, or -1 with *err, which says what is wrong
 * with which option, and what to write instead.
 */
int js_options_parse(int argc, char **argv, struct js_options *ret,
                     struct js_err *err);

/*
 * Appends the words that each rank must get: those of a command line that was
 * read without an error, except the options about a start without mpirun. If
 * the run is continued, --time-limit is left out as well, because part of that
 * time has passed.
 */
void js_options_command(int argc, char **argv, bool is_going_on,
                        struct js_argv *ret);

/* Writes the help, which is made from the same table. Returns 0, or -1 with
 * errno. */
int js_options_help(FILE *to);

#endif
