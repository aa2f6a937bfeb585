#include "list/values.h"

#include "base/buf.h"
#include "base/file.h"
#include "list/columns.h"
#include "list/product.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Digits of a number in a range: 10^18 fits into an int64_t. */
enum { DIGITS_MAX = 18 };

/* Some values that follow each other: a range, or strings. */
struct values_run {
    uint64_t first; /* its first value is this one of all values */
    bool is_range;
    size_t string; /* the first of the strings */

    /* The range. Numbers are scaled: 0.25 with two decimals is 25. */
    int64_t from, step;
    uint8_t decimals;
    uint8_t width; /* bytes before the point, with the sign; 1: not padded */
};

/* Invariants: the runs are in the order of `first`, and no two runs of strings
 * follow each other. The first strings are the names; in a run of strings each
 * value has one for each name. */
struct js_values {
    struct js_buf bytes; /* the strings, each with its NUL */
    size_t *strings;     /* where each begins */
    size_t string_count, string_capacity;
    size_t name_count;
    struct values_run *runs;
    size_t run_count, run_capacity;
    uint64_t count;
};

/* The state while the text is read. */
struct values_reader {
    struct js_values *values;
    const char *text;
    size_t *ret_at;
    struct js_err *err;
};

static struct js_err *values_error_at(struct values_reader *reader,
                                      const char *at)
{
    *reader->ret_at = (size_t)(at - reader->text);
    errno = EINVAL;
    return reader->err;
}

static int values_fail_memory(struct values_reader *reader)
{
    *reader->ret_at = 0;
    errno = ENOMEM;
    return js_err_errno(reader->err, "cannot read the values");
}

/* ------------------------------------------------- what is kept */

static int values_add_string(struct values_reader *reader, const char *text,
                             size_t len)
{
    struct js_values *values = reader->values;
    size_t *strings =
        js_buf_grow(values->strings, &values->string_capacity,
                    values->string_count + 1, sizeof(*values->strings));
    if (!strings)
        return values_fail_memory(reader);
    values->strings = strings;
    strings[values->string_count] = values->bytes.len;
    if (js_buf_append(&values->bytes, text, len) < 0 ||
        js_buf_append(&values->bytes, "", 1) < 0)
        return values_fail_memory(reader);
    values->string_count++;
    return 0;
}

/* Adds the run, which has `count` values. */
static int values_add_run(struct values_reader *reader, const char *at,
                          struct values_run run, uint64_t count)
{
    struct js_values *values = reader->values;
    if (count > JS_PRODUCT_MAX - values->count)
        return js_err_set(values_error_at(reader, at),
                          "there are more than 2^63 values");
    struct values_run *runs =
        js_buf_grow(values->runs, &values->run_capacity, values->run_count + 1,
                    sizeof(*values->runs));
    if (!runs)
        return values_fail_memory(reader);
    values->runs = runs;
    run.first = values->count;
    values->count += count;
    /* Strings after strings belong to the same run. */
    if (run.is_range || values->run_count == 0 ||
        runs[values->run_count - 1].is_range)
        runs[values->run_count++] = run;
    return 0;
}

/* Adds `count` values, whose strings begin with number `string`. */
static int values_add_strings(struct values_reader *reader, const char *at,
                              size_t string, size_t count)
{
    return values_add_run(reader, at, (struct values_run){.string = string},
                          count);
}

/* ------------------------------------------------- ranges */

struct values_number {
    int64_t scaled;
    unsigned decimals;
    unsigned width;
    unsigned digits;
    bool is_padded;
};

/* Returns what follows the number, or NULL if there is none. */
static const char *values_read_number(const char *text,
                                      struct values_number *ret)
{
    const char *begin = text;
    bool is_negative = *text == '-';
    *ret = (struct values_number){0};
    text += is_negative;
    ret->is_padded = text[0] == '0' && isdigit((unsigned char)text[1]);
    while (isdigit((unsigned char)*text) ||
           (*text == '.' && ret->digits > 0 && ret->width == 0 &&
            isdigit((unsigned char)text[1]))) {
        if (*text == '.') {
            ret->width = (unsigned)(text - begin);
            text++;
        }
        ret->decimals += ret->width > 0;
        /* The caller refuses a number that is too long. */
        if (ret->digits++ < DIGITS_MAX)
            ret->scaled = 10 * ret->scaled + (*text - '0');
        text++;
    }
    if (ret->digits == 0)
        return NULL;
    if (ret->width == 0)
        ret->width = (unsigned)(text - begin);
    if (is_negative)
        ret->scaled = -ret->scaled;
    return text;
}

/* True if what stands before the first two dots looks like a number, even if it
 * is not of the form that a range needs (.5, +1, 1e3). */
static bool values_is_range(const char *piece)
{
    size_t len = strspn(piece, "0123456789+-.eE");
    const char *dots = memmem(piece, len, "..", 2);
    const char *digit = strpbrk(piece, "0123456789");
    return dots && digit && digit < dots && *piece != 'e' && *piece != 'E';
}

static int values_refuse_range(struct values_reader *reader, const char *piece,
                               size_t len, const char *why)
{
    return js_err_set(values_error_at(reader, piece), "the range \"%.*s\"%s",
                      (int)(len < 100 ? len : 100), piece, why);
}

/* Writes the range's numbers to `numbers`. Returns how many there are, or 0 if
 * the piece is not a range as a whole. */
static int values_read_range(const char *piece, size_t len,
                             struct values_number numbers[3])
{
    const char *at = piece;
    for (int count = 0; count < 3;) {
        at = values_read_number(at, &numbers[count++]);
        if (!at || at == piece + len)
            return at ? count : 0;
        if (at[0] != '.' || at[1] != '.')
            return 0;
        at += 2;
    }
    return 0;
}

/* Gives all numbers as many decimals as the most precise one has, and returns
 * how many that is, or -1 if a number then has too many digits. */
static int values_scale(struct values_number numbers[3])
{
    unsigned decimals = 0;
    for (int i = 0; i < 3; i++) {
        if (numbers[i].digits > DIGITS_MAX)
            return -1;
        if (numbers[i].decimals > decimals)
            decimals = numbers[i].decimals;
    }
    for (int i = 0; i < 3; i++) {
        int64_t *scaled = &numbers[i].scaled;
        for (unsigned j = numbers[i].decimals; j < decimals; j++) {
            if (__builtin_mul_overflow(*scaled, 10, scaled))
                return -1;
        }
    }
    return (int)decimals;
}

static int values_add_range(struct values_reader *reader, const char *piece,
                            size_t len)
{
    struct values_number numbers[3] = {0};
    const struct values_number *from = &numbers[0], *to = &numbers[1];
    struct values_number *step = &numbers[2];
    int count = values_read_range(piece, len, numbers);
    if (count == 0)
        return values_refuse_range(
            reader, piece, len,
            " is not of the form 1..10 or 0..1..0.25; a word that looks like a "
            "range must be in a file (for=NAME:@FILE)");
    if (count == 2)
        *step = (struct values_number){.scaled = 1, .digits = 1};
    int decimals = values_scale(numbers);
    if (decimals < 0)
        return values_refuse_range(reader, piece, len,
                                   " has a number of more than 18 digits, "
                                   "with as many decimals as the others");
    if (count == 2 && to->scaled < from->scaled)
        step->scaled = -step->scaled;
    if (step->scaled == 0)
        return values_refuse_range(reader, piece, len, " has a step of 0");
    if (step->scaled > 0 ? to->scaled < from->scaled
                         : to->scaled > from->scaled)
        return values_refuse_range(reader, piece, len,
                                   " has a step that leads away from its end");
    bool is_padded = from->is_padded || to->is_padded;
    unsigned width = from->width > to->width ? from->width : to->width;
    /* Differences need one more bit than int64_t has. */
    uint64_t length = step->scaled > 0
                          ? (uint64_t)to->scaled - (uint64_t)from->scaled
                          : (uint64_t)from->scaled - (uint64_t)to->scaled;
    return values_add_run(
        reader, piece,
        (struct values_run){.is_range = true,
                            .from = from->scaled,
                            .step = step->scaled,
                            .decimals = (uint8_t)decimals,
                            .width = (uint8_t)(is_padded ? width : 1)},
        length / (uint64_t)llabs(step->scaled) + 1);
}

/* Writes number `index` of the range, from the last digit to the first. */
static const char *values_format(const struct values_run *run, uint64_t index,
                                 char scratch[JS_VALUES_NUMBER_SIZE])
{
    /* Between FROM and TO nothing overflows, but a product may be as far away
     * as two int64_t are: unsigned numbers wrap around to the same result. */
    int64_t scaled =
        (int64_t)((uint64_t)run->from + index * (uint64_t)run->step);
    bool is_negative = scaled < 0;
    uint64_t left = is_negative ? -(uint64_t)scaled : (uint64_t)scaled;
    /* Of a padded number the sign is one of the bytes. */
    unsigned least =
        run->decimals + run->width - (is_negative && run->width > 1);
    char *to = scratch + JS_VALUES_NUMBER_SIZE;
    *--to = '\0';
    for (unsigned i = 0; i < least || left > 0; i++) {
        if (i > 0 && i == run->decimals)
            *--to = '.';
        *--to = (char)('0' + left % 10);
        left /= 10;
    }
    if (is_negative)
        *--to = '-';
    return to;
}

/* ------------------------------------------------- patterns */

static int values_compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int values_add_matches(struct values_reader *reader, const char *piece,
                              const char *pattern)
{
    glob_t found;
    size_t string = reader->values->string_count;
    /* glob(3) would sort by the locale. A folder that cannot be read is passed
     * over, as in a shell. */
    int error = glob(pattern, GLOB_NOESCAPE | GLOB_NOSORT, NULL, &found);
    if (error == GLOB_NOSPACE)
        return values_fail_memory(reader);
    if (error)
        return js_err_set(values_error_at(reader, piece),
                          "no file matches \"%.200s\"", pattern);
    qsort(found.gl_pathv, found.gl_pathc, sizeof(*found.gl_pathv),
          values_compare);
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < found.gl_pathc; i++)
        rc = values_add_string(reader, found.gl_pathv[i],
                               strlen(found.gl_pathv[i]));
    if (rc == 0)
        rc = values_add_strings(reader, piece, string, found.gl_pathc);
    globfree(&found);
    return rc;
}

/* ------------------------------------------------- pieces */

static int values_add_piece(struct values_reader *reader, const char *piece,
                            size_t len)
{
    if (len == 0)
        return js_err_set(values_error_at(reader, piece),
                          "this value is empty; an empty value must be in a "
                          "file (for=NAME:@FILE)");
    if (*piece == '@')
        return js_err_set(values_error_at(reader, piece),
                          "@FILE must be the only value");
    if (values_is_range(piece))
        return values_add_range(reader, piece, len);
    const char *open = memchr(piece, '[', len);
    if (open && !memchr(open, ']', len - (size_t)(open - piece)))
        return js_err_set(values_error_at(reader, open),
                          "this \"[\" has no \"]\"; the attribute needs quotes "
                          "if it contains one: for='f:data/[ab]*.fq'");
    if (!open && !memchr(piece, '*', len) && !memchr(piece, '?', len)) {
        if (values_add_string(reader, piece, len) < 0)
            return -1;
        return values_add_strings(reader, piece,
                                  reader->values->string_count - 1, 1);
    }
    char *pattern = strndup(piece, len);
    int rc = pattern ? values_add_matches(reader, piece, pattern)
                     : values_fail_memory(reader);
    free(pattern);
    return rc;
}

static int values_add_pieces(struct values_reader *reader, const char *piece)
{
    for (;;) {
        size_t len = strcspn(piece, ",");
        if (values_add_piece(reader, piece, len) < 0)
            return -1;
        if (!piece[len])
            return 0;
        piece += len + 1;
    }
}

/* ------------------------------------------------- names */

const char *js_values_refuse_name(const char *name)
{
    static const char *const own[] = {"id", "name", "attempt", "host"};
    const char *c = name;
    while (isalpha((unsigned char)*c) || *c == '_' ||
           (c > name && isdigit((unsigned char)*c)))
        c++;
    if (*c || c == name)
        return "a name must be a letter or _, then letters, digits or _";
    for (size_t i = 0; i < sizeof(own) / sizeof(own[0]); i++) {
        if (strcmp(name, own[i]) == 0)
            return "id, name, attempt and host are jobsched's own names";
    }
    return NULL;
}

static const char *values_string(const struct js_values *values, size_t string)
{
    return values->bytes.data + values->strings[string];
}

/* `file` is where the name was found; NULL: in the text. */
static int values_add_name(struct values_reader *reader, const char *at,
                           const char *name, size_t len, const char *file)
{
    struct js_values *values = reader->values;
    if (values_add_string(reader, name, len) < 0)
        return -1;
    name = values_string(values, values->name_count);
    const char *why = js_values_refuse_name(name);
    for (size_t i = 0; !why && i < values->name_count; i++) {
        if (strcmp(values_string(values, i), name) == 0)
            why = "this name is given twice";
    }
    if (why)
        return js_err_set(values_error_at(reader, at), "%s%s\"%.60s\": %s",
                          file ? file : "", file ? ":1: " : "", name, why);
    values->name_count++;
    return 0;
}

/* ------------------------------------------------- files */

/* Takes the rows that the bytes so far contain, and adds their number to
 * *rows. */
static int values_take_rows(struct values_reader *reader, const char *path,
                            struct js_columns *columns, size_t *rows)
{
    struct js_columns_row row;
    struct js_err err;
    int rc;
    while ((rc = js_columns_next(columns, &row, &err)) > 0) {
        bool has_names = reader->values->name_count > 0;
        for (size_t i = 0; rc >= 0 && i < row.count; i++) {
            size_t len = strlen(row.values[i]);
            rc = has_names
                     ? values_add_string(reader, row.values[i], len)
                     : values_add_name(reader, path, row.values[i], len, path);
        }
        if (rc < 0)
            return -1;
        *rows += has_names;
    }
    if (rc == 0)
        return 0;
    if (errno == ENOMEM)
        return values_fail_memory(reader);
    return js_err_set(values_error_at(reader, path), "%s", err.text);
}

static bool values_ends_in(const char *path, const char *ending)
{
    size_t len = strlen(path), ending_len = strlen(ending);
    return len >= ending_len &&
           strcasecmp(path + len - ending_len, ending) == 0;
}

static int values_fail_file(struct values_reader *reader, const char *path)
{
    int errnum = errno;
    struct js_err *err = values_error_at(reader, path);
    errno = errnum;
    js_err_errno(err, "cannot read \"%.200s\"", path);
    errno = errnum == ENOMEM ? ENOMEM : EINVAL;
    return -1;
}

static int values_read_file(struct values_reader *reader, const char *path,
                            int fd, struct js_columns *columns)
{
    size_t rows = 0;
    char bytes[16384];
    ssize_t len;
    do {
        do
            len = read(fd, bytes, sizeof(bytes));
        while (len < 0 && errno == EINTR);
        if (len < 0)
            return values_fail_file(reader, path);
        if (js_columns_feed(columns, bytes, (size_t)len) < 0)
            return values_fail_memory(reader);
        if (values_take_rows(reader, path, columns, &rows) < 0)
            return -1;
    } while (len > 0);
    if (rows == 0)
        return js_err_set(values_error_at(reader, path),
                          "\"%.200s\" contains no values", path);
    return values_add_strings(reader, path, reader->values->name_count, rows);
}

static int values_add_file(struct values_reader *reader, const char *path)
{
    size_t name_count = reader->values->name_count;
    struct js_columns_config config = {
        .name = path,
        .format = name_count == 1                ? JS_COLUMNS_LINE
                  : values_ends_in(path, ".csv") ? JS_COLUMNS_CSV
                  : values_ends_in(path, ".tsv") ? JS_COLUMNS_TABS
                                                 : JS_COLUMNS_BLANKS,
        .count = name_count,
    };
    if (!*path)
        return js_err_set(values_error_at(reader, path),
                          "there is no file name after the \"@\"");
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return values_fail_file(reader, path);
    struct js_columns *columns = js_columns_new(&config, reader->err);
    int rc = columns ? values_read_file(reader, path, fd, columns)
                     : values_fail_memory(reader);
    js_columns_free(columns);
    js_fd_close(&fd);
    return rc;
}

/* ------------------------------------------------- all of it */

static int values_read(struct values_reader *reader)
{
    const char *begin = reader->text, *colon = strchr(begin, ':');
    if (!colon)
        return js_err_set(values_error_at(reader, begin),
                          "for= must be NAME:VALUES, such as for=n:1..10");
    const char *text = colon + 1;
    bool is_file = *text == '@';
    for (const char *name = begin; name <= colon && colon > begin;) {
        size_t len = strcspn(name, ",:");
        if (values_add_name(reader, name, name, len, NULL) < 0)
            return -1;
        name += len + 1;
    }
    if (!is_file && reader->values->name_count != 1)
        return js_err_set(values_error_at(reader, text),
                          colon == begin
                              ? "there is no name; only a file may have the "
                                "names in its first line (for=:@FILE)"
                              : "several names need a file with a column for "
                                "each, such as for=x,y:@FILE");
    return is_file ? values_add_file(reader, text + 1)
                   : values_add_pieces(reader, text);
}

struct js_values *js_values_new(const char *text, size_t *ret_at,
                                struct js_err *err)
{
    struct js_values *values = calloc(1, sizeof(*values));
    struct values_reader reader = {
        .values = values, .text = text, .ret_at = ret_at, .err = err};
    if (!values) {
        values_fail_memory(&reader);
        return NULL;
    }
    if (values_read(&reader) == 0)
        return values;
    js_values_free(values);
    return NULL;
}

void js_values_free(struct js_values *values)
{
    if (!values)
        return;
    int saved = errno;
    js_buf_release(&values->bytes);
    free(values->strings);
    free(values->runs);
    free(values);
    errno = saved;
}

uint64_t js_values_count(const struct js_values *values)
{
    return values->count;
}

size_t js_values_name_count(const struct js_values *values)
{
    return values->name_count;
}

const char *js_values_name(const struct js_values *values, size_t name)
{
    return values_string(values, name);
}

const char *js_values_get(const struct js_values *values, uint64_t index,
                          size_t name, char scratch[JS_VALUES_NUMBER_SIZE])
{
    /* The last run that begins at `index` or before. */
    size_t low = 0, high = values->run_count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (values->runs[middle].first <= index)
            low = middle;
        else
            high = middle;
    }
    const struct values_run *run = &values->runs[low];
    index -= run->first;
    if (run->is_range)
        return values_format(run, index, scratch);
    return values_string(values, run->string +
                                     (size_t)index * values->name_count + name);
}
