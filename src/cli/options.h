/*
 * options - the command line, from one table to configuration and help.
 */
#ifndef JS_CLI_OPTIONS_H
#define JS_CLI_OPTIONS_H

#include "base/err.h"
#include "jobsched.h"

#include <stdio.h>

enum js_action {
    JS_ACTION_RUN,
    JS_ACTION_HELP,    /* --help */
    JS_ACTION_VERSION, /* --version */
};

struct js_options {
    enum js_action action;
    struct jobsched_config config; /* strings borrowed from argv */
    bool is_demo_changed;          /* an option for the demonstration alone */
    bool is_quiet;                 /* no summary of a run that succeeded */
};

/*
 * Reads the command line. Returns 0, or -1 with *err: what is wrong with which
 * option, and what to write instead.
 */
int js_options_parse(int argc, char **argv, struct js_options *ret,
                     struct js_err *err);

/* Writes the help, made from the same table. Returns 0, or -1 with errno. */
int js_options_help(FILE *to);

#endif
