/*
 * options - the options of the command line. One table defines them, and the
 * help is made from it; cli/command_line.h uses it to read a command line.
 */
#ifndef JS_CLI_OPTIONS_H
#define JS_CLI_OPTIONS_H

#include "base/err.h"
#include "jobsched.h"
#include "list/args.h"

#include <stddef.h>
#include <stdio.h>

enum js_action {
    JS_ACTION_RUN,
    JS_ACTION_HELP,    /* --help */
    JS_ACTION_VERSION, /* --version */
    JS_ACTION_STATUS,  /* --status */
    JS_ACTION_REPORT,  /* --report */
    JS_ACTION_PLAN,    /* --plan */
    JS_ACTION_EXPAND,  /* --expand */
};

/* Invariants, after js_command_line_read():
 *  - strings are NULL or not empty.
 *  - config.job_file is NULL exactly for the demonstration, and for actions
 *    that name a journal instead. For a template it is "-", and config.format
 * is that of its text.
 *  - is_watched, is_json and explained imply an action that uses them. */
struct js_options {
    enum js_action action;
    struct jobsched_config config; /* strings borrowed from argv */
    bool is_demo;                  /* --demo was given; standard input is
                                      ignored */
    bool is_demo_changed;          /* an option that only affects the
                                      demonstration was given */
    bool is_quiet;                 /* print no summary of a run that
                                      succeeded */
    bool is_progress_given;        /* --progress was given, so that is_quiet
                                      does not change it */
    bool is_json;                  /* for --status and --plan */
    /* For --status. */
    bool is_watched;
    const char *explained; /* the name or id of a job; NULL: none */
    const char *report;    /* the file that --report writes */
    /* For a start without mpirun; --plan also tries this number of slaves. */
    bool has_slots;       /* --slots was given */
    uint32_t slaves;      /* 0: one for each core, slot or task */
    const char *hostfile; /* NULL: this machine, or what Slurm has granted */
    uint32_t restarts;    /* how often to continue after the run broke off */
    bool is_mpirun_shown; /* show the command line and do not start it */
    bool is_requeued;     /* the batch script asks for it: launch/slurm.h */
    bool is_start_given;  /* one of these options was given */
    /* For a template on the command line. */
    char *const *words; /* the command and its sources, which end with NULL; in
                           argv. NULL: there is no template */
    struct js_args_options args;
    bool is_args_given; /* one of its options was given */
};

/* Says which part of the program an option concerns. */
enum js_options_owner {
    JS_OF_RUN = 0, /* the run: every rank gets it */
    JS_OF_START,   /* the run as well, but not when it is continued */
    JS_OF_LAUNCH,  /* a start without mpirun */
    JS_OF_DEMO,    /* only the demonstration */
    JS_OF_ARGS,    /* a template on the command line */
};

/* A row of the table. */
struct js_options_row {
    const char *name;     /* the long option; NULL: a heading */
    const char *argument; /* the name of its value in the help; NULL: there
                             is none */
    int letter;           /* the short option, or 0 */
    enum js_options_owner owner;
    const char *help; /* js_options_help() indents all lines after the first;
                         NULL: the option is not for users */
    /* Handles the value (NULL if there is none). Returns 0, or -1 with *err,
     * which says what is wrong with the value: "must be a whole number". */
    int (*set)(const struct js_options_row *row, struct js_options *options,
               const char *value, struct js_err *err);
    size_t offset;        /* offset of the field that it sets */
    uint64_t least, most; /* bounds of a number */
    const char *problem;  /* the message about a wrong value */
};

enum { JS_OPTIONS_MOST = 100 }; /* the most rows that the table may have */

/* Returns row number `i`, or NULL if there are no more rows. */
const struct js_options_row *js_options_row(size_t i);

/* Writes the help, which is made from the table. Returns 0, or -1 with
 * errno. */
int js_options_help(FILE *to);

/* Returns the path of the list, or NULL if the options name no list that can be
 * read again. */
const char *js_options_list(const struct jobsched_config *config);

/* Returns the path of the journal, which must be freed, or NULL with *err. For
 * a list without a journal, *err says what to do; `otherwise` adds an
 * alternative ("": there is none). */
char *js_options_journal(const struct jobsched_config *config,
                         const char *otherwise, struct js_err *err);

#endif
