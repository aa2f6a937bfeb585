#include "record/output_tail.h"

#include "base/fdio.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* Bytes of a UTF-8 character behind its first, at most. */
enum { CHARACTER_REST = 3 };

bool js_output_tail_begin(struct js_output_tail *tail,
                          const struct js_outcome *outcome)
{
    if (js_outcome_succeeded(outcome) ||
        outcome->cause == JS_STOP_REASON_STOPPED)
        return false;
    *tail = (struct js_output_tail){.stream = outcome->err_bytes > 0 ? 2 : 1};
    return true;
}

static void drop_front(struct js_output_tail *tail, size_t count)
{
    tail->len -= count;
    memmove(tail->bytes, tail->bytes + count, tail->len);
}

void js_output_tail_add(struct js_output_tail *tail, const char *bytes,
                        size_t len)
{
    if (len > JS_OUTPUT_TAIL_MAX) {
        bytes += len - JS_OUTPUT_TAIL_MAX;
        len = JS_OUTPUT_TAIL_MAX;
        tail->is_cut = true;
    }
    if (tail->len + len > JS_OUTPUT_TAIL_MAX) {
        drop_front(tail, tail->len + len - JS_OUTPUT_TAIL_MAX);
        tail->is_cut = true;
    }
    memcpy(tail->bytes + tail->len, bytes, len);
    tail->len += len;
}

static bool output_tail_is_continuation(char byte)
{
    return ((unsigned char)byte & 0xc0) == 0x80;
}

void js_output_tail_trim(struct js_output_tail *tail)
{
    size_t count = 0;
    const char *newline = memchr(tail->bytes, '\n', tail->len);
    if (!tail->is_cut)
        return;
    tail->is_cut = false;
    if (newline && newline + 1 < tail->bytes + tail->len)
        count = (size_t)(newline + 1 - tail->bytes);
    else
        while (count < CHARACTER_REST &&
               output_tail_is_continuation(tail->bytes[count]))
            count++;
    drop_front(tail, count);
}

bool js_output_tail_read(struct js_output_tail *tail, const char *path,
                         uint64_t size)
{
    char bytes[JS_OUTPUT_TAIL_MAX];
    struct stat st;
    bool is_read = false;
    int fd =
        open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
        (uint64_t)st.st_size == size) {
        off_t at =
            size > JS_OUTPUT_TAIL_MAX ? (off_t)(size - JS_OUTPUT_TAIL_MAX) : 0;
        ssize_t n = js_pread_full(fd, bytes, sizeof(bytes), at);
        tail->is_cut = at > 0;
        is_read = n > 0;
        if (is_read)
            js_output_tail_add(tail, bytes, (size_t)n);
        js_output_tail_trim(tail);
    }
    js_fd_close(&fd);
    return is_read;
}
