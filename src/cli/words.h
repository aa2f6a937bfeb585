/*
 * words - a template on the command line as the list of a run.
 *
 * The words become a text (list/args.h), and the text takes the place of
 * standard input. From then on it is a stream in a format of its own
 * (JS_FORMATS_ARGS), which reaches rank 0 as any other stream does, wherever it
 * is. So no word is on the command line of mpirun, to which some words mean
 * something. If standard input is a source, it follows the text.
 */
#ifndef JS_CLI_WORDS_H
#define JS_CLI_WORDS_H

#include "base/err.h"
#include "cli/options.h"

/* Puts the text of options->words on standard input. Must be called before
 * there are other processes. Returns 0, or -1 with *err. */
int js_words_put_on_stdin(const struct js_options *options, struct js_err *err);

/* For --check: prints how many jobs the words make, and warnings. Returns the
 * exit status. */
int js_words_check(const struct js_options *options);

#endif
