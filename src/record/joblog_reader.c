#include "record/joblog_reader.h"

#include "base/buf.h"
#include "base/fdio.h"
#include "base/strmap.h"
#include "base/units.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { COLUMN_RUNTIME = 3, COLUMN_EXIT = 6, COLUMN_SIGNAL = 7, COLUMN_COMMAND };

static const char header_begin[] = "Seq\tHost\tStarttime\tJobRuntime\tSend\t"
                                   "Receive\tExitval\tSignal\tCommand";

struct entry {
    int64_t run_ns;
    bool is_success;
};

struct js_joblog_reader {
    struct js_buf text; /* of the file; cut into the keys */
    struct js_strmap map;
    bool is_ours; /* commands are escaped, and columns follow */
};

void js_joblog_reader_free(struct js_joblog_reader *runtimes)
{
    if (!runtimes)
        return;
    size_t position = 0;
    const char *key;
    while ((key = js_strmap_next(&runtimes->map, &position)))
        free(js_strmap_get(&runtimes->map, key));
    js_strmap_release(&runtimes->map);
    js_buf_release(&runtimes->text);
    free(runtimes);
}

static int joblog_reader_read_file(struct js_buf *text, int fd)
{
    enum { PIECE = 64 * 1024 };
    for (;;) {
        if (js_buf_reserve(text, PIECE) < 0)
            return -1;
        ssize_t n = read(fd, text->data + text->len, PIECE);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return (int)n;
        text->len += (size_t)n;
    }
}

static int joblog_reader_hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What js_buf_escape() has made of a byte: its length, 0 if it is none. */
static size_t unescape_byte(const char *from, char *to)
{
    static const char letters[] = "\\nrt", bytes[] = "\\\n\r\t";
    if (from[0] != '\\')
        return 0;
    const char *letter = from[1] ? strchr(letters, from[1]) : NULL;
    if (letter) {
        *to = bytes[letter - letters];
        return 2;
    }
    if (from[1] != 'x' || joblog_reader_hex_digit(from[2]) < 0 ||
        joblog_reader_hex_digit(from[3]) < 0)
        return 0;
    *to = (char)(joblog_reader_hex_digit(from[2]) * 16 +
                 joblog_reader_hex_digit(from[3]));
    return 4;
}

static void unescape(char *text)
{
    char *to = text;
    while (*text) {
        size_t len = unescape_byte(text, to);
        if (len == 0)
            *to = *text;
        to++;
        text += len > 0 ? len : 1;
    }
    *to = '\0';
}

/* Cuts the line at its tabs; false if there are too few. */
static bool cut_columns(char *line, char *columns[COLUMN_COMMAND + 1],
                        bool has_more)
{
    for (int i = 0; i <= COLUMN_COMMAND; i++) {
        columns[i] = line;
        bool is_last = i == COLUMN_COMMAND;
        char *tab = is_last && !has_more ? NULL : strchr(line, '\t');
        if (!tab)
            return is_last && !has_more;
        *tab = '\0';
        line = tab + 1;
    }
    return true;
}

/* Later lines count more, but a failure less than a success. */
static int joblog_reader_put(struct js_joblog_reader *runtimes,
                             const char *command, const struct entry *entry)
{
    struct entry *known = js_strmap_get(&runtimes->map, command);
    if (known) {
        if (entry->is_success || !known->is_success)
            *known = *entry;
        return 0;
    }
    known = malloc(sizeof(*known));
    if (!known)
        return -1;
    *known = *entry;
    if (js_strmap_put(&runtimes->map, command, known) == 0)
        return 0;
    free(known);
    return -1;
}

static int joblog_reader_take_line(struct js_joblog_reader *runtimes,
                                   char *line)
{
    char *columns[COLUMN_COMMAND + 1];
    struct entry entry;
    if (!cut_columns(line, columns, runtimes->is_ours))
        return 0;
    /* GNU parallel sets its numbers right with blanks. */
    const char *run = columns[COLUMN_RUNTIME];
    run += strspn(run, " ");
    if (js_parse_duration_ns(run, &entry.run_ns) < 0)
        return 0;
    entry.is_success = strcmp(columns[COLUMN_EXIT], "0") == 0 &&
                       strcmp(columns[COLUMN_SIGNAL], "0") == 0;
    if (runtimes->is_ours)
        unescape(columns[COLUMN_COMMAND]);
    return joblog_reader_put(runtimes, columns[COLUMN_COMMAND], &entry);
}

static int take_lines(struct js_joblog_reader *runtimes, char *line)
{
    while (line && *line) {
        char *end = strchr(line, '\n');
        if (end)
            *end = '\0';
        if (joblog_reader_take_line(runtimes, line) < 0)
            return -1;
        line = end ? end + 1 : NULL;
    }
    return 0;
}

static int joblog_reader_load(struct js_joblog_reader *runtimes,
                              const char *path, struct js_err *err)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    int rc = fd < 0 ? -1 : joblog_reader_read_file(&runtimes->text, fd);
    js_fd_close(&fd);
    if (rc < 0 || !js_buf_string(&runtimes->text))
        return js_err_errno(err, "cannot read the joblog %s", path);
    char *text = runtimes->text.data;
    size_t len = strlen(header_begin);
    if (strncmp(text, header_begin, len) != 0)
        return js_err_set(err,
                          "%s is no joblog: its first line should be \"Seq, "
                          "Host, Starttime, JobRuntime ...\", with tabs",
                          path);
    runtimes->is_ours = text[len] == '\t';
    char *first = strchr(text, '\n');
    if (take_lines(runtimes, first ? first + 1 : NULL) < 0)
        return js_err_errno(err, "cannot read the joblog %s", path);
    return 0;
}

struct js_joblog_reader *js_joblog_reader_load(const char *path,
                                               struct js_err *err)
{
    struct js_joblog_reader *runtimes = calloc(1, sizeof(*runtimes));
    if (!runtimes) {
        js_err_errno(err, "cannot read the joblog %s", path);
        return NULL;
    }
    if (joblog_reader_load(runtimes, path, err) == 0)
        return runtimes;
    js_joblog_reader_free(runtimes);
    return NULL;
}

int64_t js_joblog_reader_find(const struct js_joblog_reader *runtimes,
                              const char *command, size_t len)
{
    if (!runtimes || strlen(command) != len)
        return -1;
    const struct entry *entry = js_strmap_get(&runtimes->map, command);
    return entry ? entry->run_ns : -1;
}
