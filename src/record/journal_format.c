#include "record/journal_format.h"

#include "base/clock.h"

#include <endian.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <zlib.h>

enum { CRC_DIGITS = 8, MARK_DIGITS = 16, IDENTITY_DIGITS = 32, STREAM_MAX = 2 };

/* The first word of each kind of record. Words and their fields never change,
 * because a journal outlives the program that wrote it. A new kind of record
 * gets a new word, which older versions skip; only a change to an existing word
 * needs another version of the format. */
static const char *const kind_words[] = {
    [JS_JOURNAL_LINE_HEAD] = "jobsched-journal",
    [JS_JOURNAL_LINE_RUN] = "run",
    [JS_JOURNAL_LINE_JOBS] = "jobs",
    [JS_JOURNAL_LINE_NAME] = "name",
    [JS_JOURNAL_LINE_AGAIN] = "again",
    [JS_JOURNAL_LINE_GONE] = "gone",
    [JS_JOURNAL_LINE_BACK] = "back",
    [JS_JOURNAL_LINE_DONE] = "done",
    [JS_JOURNAL_LINE_SLAVE] = "slave",
    [JS_JOURNAL_LINE_PROCESS] = "process",
    [JS_JOURNAL_LINE_FORMAT] = "format",
    [JS_JOURNAL_LINE_LEASE] = "lease",
    [JS_JOURNAL_LINE_BATCH] = "batch",
    [JS_JOURNAL_LINE_PART] = "part",
    [JS_JOURNAL_LINE_MARK] = "mark",
    [JS_JOURNAL_LINE_DEAD_PROCESS] = "dead-process",
    [JS_JOURNAL_LINE_DEAD] = "dead",
    [JS_JOURNAL_LINE_LEFT] = "left",
    [JS_JOURNAL_LINE_BEGAN] = "began",
    [JS_JOURNAL_LINE_SAID] = "said",
    [JS_JOURNAL_LINE_LOST] = "lost",
    [JS_JOURNAL_LINE_LEFTOVERS] = "leftovers",
    [JS_JOURNAL_LINE_OK] = "ok",
    [JS_JOURNAL_LINE_FAILED] = "failed",
    [JS_JOURNAL_LINE_RETRIED] = "retried",
    [JS_JOURNAL_LINE_STOPPED] = "stopped",
    [JS_JOURNAL_LINE_SKIPPED] = "skipped",
    [JS_JOURNAL_LINE_END] = "end",
};

enum { WORDS = sizeof(kind_words) / sizeof(kind_words[0]) };

/* ---------------------------------------------------------------- writing */

/* The width is fixed, so that a checksum can be filled in once the rest of the
 * line is there, and an identity can be cut from the line without looking for
 * its end.
 */
static void put_hex(char *to, uint64_t number, int digits)
{
    /* Eight digits at a time, each in a byte of its own. */
    for (int i = digits - 8; i >= 0; i -= 8, number >>= 32) {
        uint64_t all = number & UINT32_MAX;
        all = (all | all << 16) & UINT64_C(0x0000ffff0000ffff);
        all = (all | all << 8) & UINT64_C(0x00ff00ff00ff00ff);
        all = (all | all << 4) & UINT64_C(0x0f0f0f0f0f0f0f0f);
        uint64_t letters = (all + UINT64_C(0x0606060606060606)) >> 4 &
                           UINT64_C(0x0101010101010101);
        all += UINT64_C(0x3030303030303030) + letters * ('a' - '0' - 10);
        all = htobe64(all);
        memcpy(to + i, &all, sizeof(all));
    }
}

/* A clock that was set back can make a time negative, but numbers in a journal
 * have no sign. */
static uint64_t us_of(int64_t ns)
{
    return ns > 0 ? (uint64_t)(ns / JS_NS_PER_US) : 0;
}

/* Appends all of them, with a blank before each. */
#define PUT(buf, ...)                                                          \
    js_buf_put_numbers((buf), ' ', (const uint64_t[]){__VA_ARGS__},            \
                       sizeof((const uint64_t[]){__VA_ARGS__}) /               \
                           sizeof(uint64_t))

static int put_identities(struct js_buf *buf,
                          const struct js_journal_line *line)
{
    for (size_t i = 0; i < line->count; i++) {
        const struct js_identity *identity = &line->identities[i];
        char text[1 + IDENTITY_DIGITS] = {' '};
        char *low = text + 1 + IDENTITY_DIGITS / 2;
        put_hex(text + 1, identity->high, IDENTITY_DIGITS / 2);
        put_hex(low, identity->low, IDENTITY_DIGITS / 2);
        if (js_buf_append(buf, text, sizeof(text)) < 0)
            return -1;
    }
    return 0;
}

static int put_mark(struct js_buf *buf, uint64_t mark)
{
    char text[1 + MARK_DIGITS] = {' '};
    put_hex(text + 1, mark, MARK_DIGITS);
    return js_buf_append(buf, text, sizeof(text));
}

/* Appends the fields of a record about a job. These two functions and their
 * counterparts below define the format: those read what these write, in the
 * same order. */
static int put_job_fields(struct js_buf *buf,
                          const struct js_journal_line *line)
{
    const struct js_outcome *outcome = &line->outcome;
    switch (line->kind) {
    case JS_JOURNAL_LINE_JOBS:
        return PUT(buf, line->id) < 0 ? -1 : put_identities(buf, line);
    case JS_JOURNAL_LINE_NAME:
        return PUT(buf, line->id);
    case JS_JOURNAL_LINE_AGAIN:
    case JS_JOURNAL_LINE_GONE:
    case JS_JOURNAL_LINE_BACK:
    case JS_JOURNAL_LINE_DONE:
        return js_buf_put_numbers(buf, ' ', line->ids, line->count);
    case JS_JOURNAL_LINE_BEGAN:
        return PUT(buf, line->id, line->attempt, line->slave, line->unix_us);
    case JS_JOURNAL_LINE_SAID:
        return PUT(buf, line->id, line->attempt, line->stream);
    case JS_JOURNAL_LINE_LEFTOVERS:
        return PUT(buf, line->id, line->attempt, line->outcome.leftovers);
    case JS_JOURNAL_LINE_LOST:
        return PUT(buf, line->id, line->slave, line->losses, line->unix_us);
    case JS_JOURNAL_LINE_OK:
    case JS_JOURNAL_LINE_FAILED:
    case JS_JOURNAL_LINE_RETRIED:
    case JS_JOURNAL_LINE_STOPPED:
        return PUT(buf, line->id, line->attempt, line->slave, line->cores,
                   outcome->exit_code, outcome->signal,
                   (uint64_t)outcome->cause, (uint64_t)outcome->step,
                   outcome->step_errno > 0 ? (uint64_t)outcome->step_errno : 0,
                   us_of(outcome->start_unix_ns), us_of(outcome->run_ns),
                   us_of(outcome->user_cpu_ns), us_of(outcome->system_cpu_ns),
                   outcome->max_rss_bytes / 1024, outcome->out_bytes,
                   outcome->err_bytes);
    case JS_JOURNAL_LINE_SKIPPED:
        return PUT(buf, line->id, line->parent);
    default:
        return 0;
    }
}

/* Writes all fields but the final text. */
static int put_fields(struct js_buf *buf, const struct js_journal_line *line)
{
    const struct js_process_pair *processes = &line->processes;
    switch (line->kind) {
    case JS_JOURNAL_LINE_HEAD:
    case JS_JOURNAL_LINE_LEFT:
        return PUT(buf, line->id);
    case JS_JOURNAL_LINE_RUN:
        return PUT(buf, line->pid, line->started, line->boot, line->unix_us);
    case JS_JOURNAL_LINE_SLAVE:
        return PUT(buf, line->id, line->slots);
    case JS_JOURNAL_LINE_LEASE:
        return PUT(buf, line->lease_us, line->outlives);
    case JS_JOURNAL_LINE_BATCH:
        return PUT(buf, line->restarts);
    case JS_JOURNAL_LINE_MARK:
        return put_mark(buf, line->mark) < 0 ? -1 : PUT(buf, line->space);
    case JS_JOURNAL_LINE_PART:
        return put_mark(buf, line->mark) < 0 ? -1 : PUT(buf, line->restarts);
    case JS_JOURNAL_LINE_PROCESS:
        return PUT(buf, line->id, processes->boot, processes->space,
                   processes->pid, processes->started, processes->runner,
                   processes->runner_started);
    case JS_JOURNAL_LINE_DEAD_PROCESS:
        return js_buf_put_numbers(buf, ' ', line->ids, line->count);
    case JS_JOURNAL_LINE_DEAD:
        return put_mark(buf, line->mark) < 0
                   ? -1
                   : PUT(buf, line->unix_us, line->until_us, line->lease_us,
                         line->outlives, line->boot, line->space);
    case JS_JOURNAL_LINE_END:
        return PUT(buf, line->status, line->unix_us);
    default:
        return put_job_fields(buf, line);
    }
}

/* True if the rest of such a line is text. It comes last because it may contain
 * blanks, and is escaped because it may contain newlines. */
static bool has_text(enum js_journal_line_kind kind)
{
    return kind == JS_JOURNAL_LINE_RUN || kind == JS_JOURNAL_LINE_NAME ||
           kind == JS_JOURNAL_LINE_SLAVE || kind == JS_JOURNAL_LINE_FORMAT ||
           kind == JS_JOURNAL_LINE_BATCH || kind == JS_JOURNAL_LINE_SAID;
}

int js_journal_format_write(struct js_buf *buf,
                            const struct js_journal_line *line)
{
    /* A record is added completely or not at all: if memory runs out, an
     * incomplete record is removed. */
    size_t start = buf->len;
    int rc = js_buf_append(buf, "???????? ", CRC_DIGITS + 1);
    if (rc == 0)
        rc = js_buf_puts(buf, kind_words[line->kind]);
    if (rc == 0)
        rc = put_fields(buf, line);
    if (rc == 0 && has_text(line->kind)) {
        rc = js_buf_append(buf, " ", 1);
        if (rc == 0)
            rc = js_buf_escape(buf, line->text, strlen(line->text));
    }
    if (rc < 0 || js_buf_reserve(buf, 1) < 0) {
        buf->len = start;
        return -1;
    }
    const char *rest = buf->data + start + CRC_DIGITS + 1;
    size_t len = (size_t)(buf->data + buf->len - rest);
    put_hex(buf->data + start, crc32_z(0, (const unsigned char *)rest, len),
            CRC_DIGITS);
    buf->data[buf->len++] = '\n';
    return 0;
}

/* ---------------------------------------------------------------- reading */

/* The part of a line that is left to read. A bad line yields zeros from then
 * on, so that fields are read one after the other and only the line as a whole
 * is judged. */
struct reader {
    const char *at, *end;
    bool is_bad;
};

static bool is_at_end(const struct reader *reader)
{
    return reader->at == reader->end;
}

static uint64_t get_hex(struct reader *reader, int digits)
{
    uint64_t number = 0;
    if (reader->end - reader->at < digits)
        reader->is_bad = true;
    for (int i = 0; i < digits && !reader->is_bad; i++) {
        char c = *reader->at++;
        bool is_digit = c >= '0' && c <= '9';
        reader->is_bad = !is_digit && (c < 'a' || c > 'f');
        number = number << 4 | (uint64_t)(is_digit ? c - '0' : c - 'a' + 10);
    }
    return number;
}

static void get_blank(struct reader *reader)
{
    if (reader->is_bad || is_at_end(reader) || *reader->at != ' ')
        reader->is_bad = true;
    else
        reader->at++;
}

/* Reads a blank and a number. */
static uint64_t get_number(struct reader *reader)
{
    uint64_t number = 0;
    get_blank(reader);
    const char *first = reader->at;
    for (; !reader->is_bad && !is_at_end(reader) && *reader->at != ' ';
         reader->at++) {
        unsigned digit = (unsigned)(*reader->at - '0');
        if (digit > 9 || number > (UINT64_MAX - digit) / 10)
            reader->is_bad = true;
        else
            number = 10 * number + digit;
    }
    if (reader->at == first)
        reader->is_bad = true;
    return reader->is_bad ? 0 : number;
}

static uint64_t get_limited(struct reader *reader, uint64_t most)
{
    uint64_t number = get_number(reader);
    if (number > most)
        reader->is_bad = true;
    return reader->is_bad ? 0 : number;
}

static int64_t get_us(struct reader *reader)
{
    return (int64_t)get_limited(reader, INT64_MAX / JS_NS_PER_US) *
           JS_NS_PER_US;
}

/* Reads a blank and the rest of the line. Text with a NUL, which would look
 * shorter than it is, was not written by us. */
static void get_text(struct reader *reader, char *to, size_t size)
{
    size_t len = 0;
    get_blank(reader);
    while (!reader->is_bad && !is_at_end(reader)) {
        size_t left = (size_t)(reader->end - reader->at);
        size_t used = js_buf_unescape(reader->at, left, &to[len]);
        reader->at += used;
        reader->is_bad = used == 0 || to[len] == '\0' || len + 1 == size;
        len += !reader->is_bad;
    }
    to[len] = '\0';
}

/* Enumeration values are checked only here, so that callers may use them as an
 * index. */
static void get_attempt(struct reader *reader, struct js_journal_line *ret)
{
    struct js_outcome *outcome = &ret->outcome;
    ret->id = get_number(reader);
    ret->attempt = (uint32_t)get_limited(reader, UINT32_MAX);
    ret->slave = (uint32_t)get_limited(reader, UINT32_MAX);
    ret->cores = (uint32_t)get_limited(reader, UINT32_MAX);
    outcome->exit_code = (uint32_t)get_limited(reader, 255);
    outcome->signal = (uint32_t)get_limited(reader, 255);
    outcome->cause =
        (enum js_stop_reason)get_limited(reader, JS_STOP_REASON_COUNT - 1);
    outcome->step = (enum js_step)get_limited(reader, JS_STEP_COUNT - 1);
    outcome->step_errno = (int32_t)get_limited(reader, INT32_MAX);
    outcome->start_unix_ns = get_us(reader);
    outcome->run_ns = get_us(reader);
    outcome->user_cpu_ns = get_us(reader);
    outcome->system_cpu_ns = get_us(reader);
    outcome->max_rss_bytes = get_limited(reader, UINT64_MAX / 1024) * 1024;
    outcome->out_bytes = get_number(reader);
    outcome->err_bytes = get_number(reader);
}

/* Checks that there is room for the next one; otherwise the line is bad. */
static bool is_more_of_list(struct reader *reader,
                            const struct js_journal_line *line)
{
    bool is_more = !reader->is_bad && !is_at_end(reader);
    if (is_more && line->count == JS_JOURNAL_LINE_LIST)
        reader->is_bad = true;
    return is_more && !reader->is_bad;
}

static void get_ids(struct reader *reader, struct js_journal_line *ret)
{
    while (is_more_of_list(reader, ret))
        ret->ids[ret->count++] = get_number(reader);
}

/* Reads the fields of a record about a job, or all of a record whose word is
 * unknown. */
static void get_job_fields(struct reader *reader, struct js_journal_line *ret)
{
    switch (ret->kind) {
    case JS_JOURNAL_LINE_JOBS:
        ret->id = get_number(reader);
        while (is_more_of_list(reader, ret)) {
            struct js_identity *identity = &ret->identities[ret->count++];
            get_blank(reader);
            identity->high = get_hex(reader, IDENTITY_DIGITS / 2);
            identity->low = get_hex(reader, IDENTITY_DIGITS / 2);
        }
        break;
    case JS_JOURNAL_LINE_NAME:
        ret->id = get_number(reader);
        break;
    case JS_JOURNAL_LINE_AGAIN:
    case JS_JOURNAL_LINE_GONE:
    case JS_JOURNAL_LINE_BACK:
    case JS_JOURNAL_LINE_DONE:
        get_ids(reader, ret);
        break;
    case JS_JOURNAL_LINE_BEGAN:
        ret->id = get_number(reader);
        ret->attempt = (uint32_t)get_limited(reader, UINT32_MAX);
        ret->slave = (uint32_t)get_limited(reader, UINT32_MAX);
        ret->unix_us = get_limited(reader, INT64_MAX / JS_NS_PER_US);
        break;
    case JS_JOURNAL_LINE_SAID:
        ret->id = get_number(reader);
        ret->attempt = (uint32_t)get_limited(reader, UINT32_MAX);
        ret->stream = get_limited(reader, STREAM_MAX);
        break;
    case JS_JOURNAL_LINE_LEFTOVERS:
        ret->id = get_number(reader);
        ret->attempt = (uint32_t)get_limited(reader, UINT32_MAX);
        ret->outcome.leftovers = (uint32_t)get_limited(reader, UINT32_MAX);
        break;
    case JS_JOURNAL_LINE_LOST:
        ret->id = get_number(reader);
        ret->slave = (uint32_t)get_limited(reader, UINT32_MAX);
        ret->losses = get_limited(reader, UINT32_MAX);
        ret->unix_us = get_limited(reader, INT64_MAX / JS_NS_PER_US);
        break;
    case JS_JOURNAL_LINE_OK:
    case JS_JOURNAL_LINE_FAILED:
    case JS_JOURNAL_LINE_RETRIED:
    case JS_JOURNAL_LINE_STOPPED:
        get_attempt(reader, ret);
        break;
    case JS_JOURNAL_LINE_SKIPPED:
        ret->id = get_number(reader);
        ret->parent = get_number(reader);
        break;
    default:
        reader->at = reader->end;
        break;
    }
}

/* Reads all fields but the final text. */
static void get_fields(struct reader *reader, struct js_journal_line *ret)
{
    struct js_process_pair *processes = &ret->processes;
    switch (ret->kind) {
    case JS_JOURNAL_LINE_HEAD:
    case JS_JOURNAL_LINE_LEFT:
        ret->id = get_number(reader);
        break;
    case JS_JOURNAL_LINE_RUN:
        ret->pid = get_number(reader);
        ret->started = get_number(reader);
        ret->boot = get_number(reader);
        ret->unix_us = get_number(reader);
        break;
    case JS_JOURNAL_LINE_FORMAT:
        break;
    case JS_JOURNAL_LINE_SLAVE:
        ret->id = get_number(reader);
        ret->slots = get_number(reader);
        break;
    case JS_JOURNAL_LINE_PROCESS:
        ret->id = get_number(reader);
        processes->boot = get_number(reader);
        processes->space = get_number(reader);
        processes->pid = get_number(reader);
        processes->started = get_number(reader);
        processes->runner = get_number(reader);
        processes->runner_started = get_number(reader);
        break;
    case JS_JOURNAL_LINE_LEASE:
        ret->lease_us = get_limited(reader, INT64_MAX / JS_NS_PER_US);
        ret->outlives = get_limited(reader, 1);
        break;
    case JS_JOURNAL_LINE_BATCH:
        ret->restarts = get_number(reader);
        break;
    case JS_JOURNAL_LINE_MARK:
    case JS_JOURNAL_LINE_PART:
        get_blank(reader);
        ret->mark = get_hex(reader, MARK_DIGITS);
        *(ret->kind == JS_JOURNAL_LINE_PART ? &ret->restarts : &ret->space) =
            get_number(reader);
        break;
    case JS_JOURNAL_LINE_DEAD_PROCESS:
        get_ids(reader, ret);
        break;
    case JS_JOURNAL_LINE_DEAD:
        get_blank(reader);
        ret->mark = get_hex(reader, MARK_DIGITS);
        ret->unix_us = get_number(reader);
        ret->until_us = get_number(reader);
        ret->lease_us = get_limited(reader, INT64_MAX / JS_NS_PER_US);
        ret->outlives = get_limited(reader, 1);
        ret->boot = get_number(reader);
        ret->space = get_number(reader);
        break;
    case JS_JOURNAL_LINE_END:
        ret->status = get_number(reader);
        ret->unix_us = get_number(reader);
        break;
    default:
        get_job_fields(reader, ret);
        break;
    }
}

/* If the checksum is right, an unknown word is not damage: a later version has
 * written it. */
static enum js_journal_line_kind get_word(struct reader *reader)
{
    const char *first = reader->at;
    while (!is_at_end(reader) && *reader->at != ' ')
        reader->at++;
    size_t len = (size_t)(reader->at - first);
    for (int i = 1; i < WORDS; i++) {
        if (strlen(kind_words[i]) == len &&
            memcmp(kind_words[i], first, len) == 0)
            return (enum js_journal_line_kind)i;
    }
    return JS_JOURNAL_LINE_UNKNOWN;
}

int js_journal_format_parse(const char *bytes, size_t len,
                            struct js_journal_line *ret)
{
    struct reader reader = {bytes, bytes + len, len >= JS_JOURNAL_LINE_MAX};
    uint64_t crc = get_hex(&reader, CRC_DIGITS);
    get_blank(&reader);
    if (!reader.is_bad && crc32_z(0, (const unsigned char *)reader.at,
                                  (size_t)(reader.end - reader.at)) == crc) {
        enum js_journal_line_kind kind = get_word(&reader);
        /* The lists are not cleared, because they are long, and only what
         * `count` covers is read. */
        memset(ret, 0, offsetof(struct js_journal_line, ids));
        ret->text[0] = '\0';
        ret->kind = kind;
        get_fields(&reader, ret);
        if (has_text(kind))
            get_text(&reader, ret->text, sizeof(ret->text));
    } else {
        reader.is_bad = true;
    }
    if (!reader.is_bad && is_at_end(&reader))
        return 0;
    errno = EBADMSG;
    return -1;
}

/* Most times are limited when they are read, but the times of runs are not. */
int64_t js_journal_format_ns(uint64_t us)
{
    const uint64_t most = INT64_MAX / JS_NS_PER_US;
    return (int64_t)(us < most ? us : most) * JS_NS_PER_US;
}
