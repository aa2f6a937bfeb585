/*
 * values - the values that one loop of a template runs through.
 *
 *     n:1..10                f:data/s*.fq,t.fq        x,y:@grid.csv
 *
 * Turns the text of a loop, NAME:VALUES, into names and values. It reads the
 * files and folders that the text names, from the current folder, once. Owns
 * all of the values; a range needs no memory for its numbers.
 *
 * A name is a letter or _, then letters, digits or _. These names are
 * jobsched's own: id, name, attempt and host. VALUES are pieces, separated by
 * commas:
 *
 * - A range FROM..TO or FROM..TO..STEP. The numbers may be negative and may
 *   have decimals; they have at most 18 digits. Without a step, it is 1, or -1
 *   if TO is less than FROM. All values have as many decimals as the most
 *   precise of the numbers. If FROM or TO begins with 0 and a further digit,
 *   zeros are added until all values have as many characters before the point
 *   as the longer of the two.
 * - A pattern, which contains * ? or [: the names of the files and folders that
 *   match it, sorted by their bytes. A name that begins with a dot matches only
 *   if the pattern has that dot.
 * - A word: anything else, unless it begins like a range: that is an error.
 *
 * Or VALUES are @FILE. With one name, each line is a value, literally. With
 * several names, or with none, which means that the first line has the names,
 * each line has a column for each name: FILE.csv by RFC 4180, FILE.tsv by tabs,
 * any other FILE by runs of blanks and tabs (list/columns.h).
 */
#ifndef JS_LIST_VALUES_H
#define JS_LIST_VALUES_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A number of a range has at most this many bytes, with its NUL. */
enum { JS_VALUES_NUMBER_SIZE = 48 };

struct js_values;

/*
 * Reads "NAME:VALUES". Returns NULL on an error: *err then says what is wrong,
 * but not where, and *ret_at is the offset of the fault in `text`. If memory
 * runs out, errno is ENOMEM; for all other errors it is EINVAL. Examples of
 * *err:
 *
 *     no file matches "data/s*.fq"
 *     the range "1..10..-1" has a step that leads away from its end
 *     grid.csv:3:1: this line has 2 columns instead of 3
 */
struct js_values *js_values_new(const char *text, size_t *ret_at,
                                struct js_err *err);

/* NULL is allowed. Keeps errno. */
void js_values_free(struct js_values *values);

/* The number of values under each name: 1 or more. */
uint64_t js_values_count(const struct js_values *values);

size_t js_values_name_count(const struct js_values *values);
const char *js_values_name(const struct js_values *values, size_t name);

/* Returns value number `index` (from 0) of the name number `name`. It is
 * written to `scratch` if it is a number of a range, and belongs to `values`
 * otherwise. */
const char *js_values_get(const struct js_values *values, uint64_t index,
                          size_t name, char scratch[JS_VALUES_NUMBER_SIZE]);

/* Returns why this cannot be the name of a loop, or NULL if it can. */
const char *js_values_refuse_name(const char *name);

#endif
