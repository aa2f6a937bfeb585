#include "list/from/pmc.h"

#include "base/argv.h"
#include "base/heap.h"
#include "base/table.h"
#include "base/text.h"
#include "list/from/lines.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* A petabyte of memory is more than any host has. */
enum { PMC_MEMORY_MAX = 1 << 30, PMC_NUMBER_MAX = 1000000 };

struct pmc_task {
    size_t number; /* its position in the file, from 0 */
    char *name;    /* owned, like the command */
    char *command;
    struct js_lines_place place;
    uint32_t memory_mb;
    uint32_t cpus; /* as in the file: it may be 0 */
    uint32_t retries;
    bool has_tries;
    bool is_refused; /* it has an error, and is no entry */
    bool is_done;
    int32_t priority;
    size_t first_parent, parent_count; /* in the edges, sorted by child */
    size_t first_child, child_count;   /* in `children` */
    size_t waits_for;                  /* parents that are not yet an entry */
};

struct pmc_edge {
    size_t parent, child; /* positions of the tasks */
    uint64_t line;
};

struct pmc_word {
    size_t at, len; /* in `words_text`, followed by a NUL */
    size_t column;
};

struct pmc {
    struct js_lines lines; /* first */
    struct js_from_pmc_rescue rescue;
    struct pmc_task **tasks;
    size_t task_count, task_capacity;
    struct js_strmap names; /* of the tasks */
    struct pmc_edge *edges;
    size_t edge_count, edge_capacity;
    size_t *children;

    struct pmc_word *words; /* of the line being read */
    size_t word_count, word_capacity;
    struct pmc_word begun; /* the word being read; its len is not set */
    struct js_buf words_text, name, command;

    bool is_complete;     /* the DAG was read, and `ready` is set up */
    struct js_heap ready; /* positions of tasks whose parents are entries */
    size_t given;
    struct js_attributes attributes; /* its name is that of the task */
};

/* ---------------------------------------------------------------- words */

static const char *pmc_word_text(const struct pmc *pmc, size_t index)
{
    return pmc->words_text.data + pmc->words[index].at;
}

/* Ends the word that was begun, if it was, and begins the next. */
static int pmc_end_word(struct pmc *pmc)
{
    struct pmc_word *word = &pmc->begun;
    struct pmc_word *words = js_buf_grow(pmc->words, &pmc->word_capacity,
                                         pmc->word_count + 1, sizeof(*words));
    if (!words || js_buf_append(&pmc->words_text, "", 1) < 0)
        return -1;
    word->len = pmc->words_text.len - 1 - word->at;
    pmc->words = words;
    words[pmc->word_count++] = *word;
    *word = (struct pmc_word){.at = pmc->words_text.len};
    return 0;
}

/* Takes a quotation mark, or a blank outside a quotation. */
static int pmc_take_mark(struct pmc *pmc, bool is_quote, bool *is_quoted)
{
    bool is_end = is_quote ? *is_quoted : pmc->words_text.len > pmc->begun.at;
    *is_quoted = is_quote && !*is_quoted;
    return is_end ? pmc_end_word(pmc) : 0;
}

/* Splits the text from `at` on into words, as PMC does. */
static int pmc_split(struct pmc *pmc, const char *line, size_t at, size_t len)
{
    struct js_buf *text = &pmc->words_text;
    struct pmc_word *begun = &pmc->begun;
    bool is_quoted = false;
    int rc = 0;
    text->len = pmc->word_count = 0;
    *begun = (struct pmc_word){0};
    for (; rc == 0 && at < len; at++) {
        char c = line[at];
        bool is_quote = c == '\'' || c == '"';
        bool is_blank = !is_quoted && isspace((unsigned char)c);
        if (!is_blank && begun->column == 0)
            begun->column = at + 1;
        if (c == '\\' && at + 1 < len)
            c = line[++at];
        rc = is_quote || is_blank ? pmc_take_mark(pmc, is_quote, &is_quoted)
                                  : js_buf_append(text, &c, 1);
    }
    return rc == 0 && text->len > begun->at ? pmc_end_word(pmc) : rc;
}

/* ---------------------------------------------------------------- tasks */

static int pmc_refuse_value(const struct pmc *pmc, size_t word,
                            const char *must_be, struct js_err *err)
{
    const char *option = pmc_word_text(pmc, word - 1);
    if (word == pmc->word_count)
        return js_lines_refuse(&pmc->lines, pmc->lines.line,
                               pmc->words[word - 1].column, err,
                               "%s needs %s as the next word", option, must_be);
    return js_lines_refuse(&pmc->lines, pmc->lines.line,
                           pmc->words[word].column, err, "%s %.*s: must be %s",
                           option, js_lines_shown(pmc->words[word].len),
                           pmc_word_text(pmc, word), must_be);
}

/* Reads a number that is rounded up. PMC ignores what stands behind it. */
static int pmc_take_size(const struct pmc *pmc, size_t word, uint32_t most,
                         const char *must_be, uint32_t *ret, struct js_err *err)
{
    char *end = NULL;
    const char *text = word < pmc->word_count ? pmc_word_text(pmc, word) : "";
    double number = strtod(text, &end);
    if (end == text || !(number >= 0 && number <= most))
        return pmc_refuse_value(pmc, word, must_be, err);
    *ret = (uint32_t)number;
    *ret += *ret < number;
    return 0;
}

static int pmc_take_int(const struct pmc *pmc, size_t word, long least,
                        const char *must_be, long *ret, struct js_err *err)
{
    char *end = NULL;
    const char *text = word < pmc->word_count ? pmc_word_text(pmc, word) : "";
    long number = strtol(text, &end, 10);
    if (end == text || number < least || number > PMC_NUMBER_MAX)
        return pmc_refuse_value(pmc, word, must_be, err);
    *ret = number;
    return 0;
}

/* Reads the option at the word, whose value is the next word. */
static int pmc_take_option(const struct pmc *pmc, size_t word,
                           struct pmc_task *task, struct js_err *err)
{
    static const char *const options[] = {
        "-m", "--request-memory", "-c", "--request-cpus",
        "-t", "--tries",          "-p", "--priority",
        "-f", "--pipe-forward",   "-F", "--file-forward"};
    const char *option = pmc_word_text(pmc, word);
    size_t i = 0, count = sizeof(options) / sizeof(options[0]);
    long number = 0;
    int rc = 0;
    while (i < count && strcmp(option, options[i]) != 0)
        i++;
    switch (i / 2) {
    case 0:
        return pmc_take_size(pmc, word + 1, PMC_MEMORY_MAX,
                             "a number of megabytes", &task->memory_mb, err);
    case 1:
        return pmc_take_size(pmc, word + 1, PMC_NUMBER_MAX,
                             "a number of CPUs from 0 to 1000000", &task->cpus,
                             err);
    case 2:
        rc = pmc_take_int(pmc, word + 1, 0, "a whole number from 0 to 1000000",
                          &number, err);
        task->retries = number > 1 ? (uint32_t)number - 1 : 0;
        task->has_tries = true;
        return rc;
    case 3:
        rc = pmc_take_int(pmc, word + 1, -PMC_NUMBER_MAX,
                          "a whole number from -1000000 to 1000000", &number,
                          err);
        task->priority = (int32_t)number;
        return rc;
    case 4:
    case 5:
        return js_lines_refuse(
            &pmc->lines, pmc->lines.line, pmc->words[word].column, err,
            "%s: jobsched does not forward what a task writes; let the task "
            "write to a file of its own",
            option);
    default:
        return js_lines_refuse(
            &pmc->lines, pmc->lines.line, pmc->words[word].column, err,
            "unknown option \"%.*s\": PMC has -m, -c, -t, -p, -f and -F, "
            "each with its value as the next word",
            js_lines_shown(pmc->words[word].len), option);
    }
}

/* Sets `command` to what sh must do for the words from `first` on. */
static int pmc_make_command(struct pmc *pmc, size_t first)
{
    struct js_buf *command = &pmc->command, program = JS_BUF_INIT;
    const char *text = pmc_word_text(pmc, first);
    bool is_searched = !strchr(text, '/');
    int rc = js_argv_quote_word(&program, text, strlen(text));
    const char *quoted = rc == 0 ? js_buf_string(&program) : NULL;
    command->len = 0;
    rc = quoted ? 0 : -1;
    /* PMC takes an executable here rather than one in PATH. `exec` keeps the
     * shell from taking a builtin of that name instead. */
    if (rc == 0 && is_searched)
        rc = js_buf_printf(command,
                           "pmc_exe=%s; [ -f ./%s ] && [ -x ./%s ] && "
                           "pmc_exe=./%s; ",
                           quoted, quoted, quoted, quoted);
    if (rc == 0)
        rc = js_buf_printf(command, "PMC_RANK=$JOBSCHED_SLAVE exec %s",
                           is_searched ? "\"$pmc_exe\"" : quoted);
    js_buf_release(&program);
    for (size_t i = first + 1; rc == 0 && i < pmc->word_count; i++) {
        rc = js_buf_puts(command, " ");
        if (rc == 0)
            rc = js_argv_quote_word(command, pmc_word_text(pmc, i),
                                    pmc->words[i].len);
    }
    return rc == 0 && js_buf_string(command) ? 0 : -1;
}

static void pmc_free_task(struct pmc_task *task)
{
    if (!task)
        return;
    free(task->name);
    free(task->command);
    free(task);
}

/* Adds a copy of the task; of a refused one as well, so that no further errors
 * follow from it. */
static int pmc_add_task(struct pmc *pmc, const struct pmc_task *task,
                        const char *command)
{
    struct pmc_task **tasks = js_buf_grow(pmc->tasks, &pmc->task_capacity,
                                          pmc->task_count + 1, sizeof(*tasks));
    struct pmc_task *copy = malloc(sizeof(*copy));
    if (tasks)
        pmc->tasks = tasks;
    if (copy) {
        *copy = *task;
        copy->number = pmc->task_count;
        copy->name = strdup(pmc->name.data);
        copy->command = strdup(command);
    }
    if (!tasks || !copy || !copy->name || !copy->command ||
        js_strmap_put(&pmc->names, copy->name, copy) < 0) {
        pmc_free_task(copy);
        return -1;
    }
    tasks[pmc->task_count++] = copy;
    return 0;
}

static struct pmc_task *pmc_find(const struct pmc *pmc, const char *name)
{
    return js_strmap_get(&pmc->names, name);
}

/* Reads the options and the command from byte `at` of the line on. */
static int pmc_read_task(struct pmc *pmc, const char *line, size_t at,
                         size_t len, struct pmc_task *task, struct js_err *err)
{
    const struct js_lines *lines = &pmc->lines;
    size_t word = 0;
    if (pmc_split(pmc, line, at, len) < 0)
        return js_lines_fail(lines, err);
    for (; word < pmc->word_count && *pmc_word_text(pmc, word) == '-';
         word += 2) {
        if (pmc_take_option(pmc, word, task, err) < 0)
            return -1;
    }
    if (word >= pmc->word_count)
        return js_lines_refuse(
            lines, lines->line, len, err, "the task \"%.*s\" has no command",
            js_lines_shown(strlen(pmc->name.data)), pmc->name.data);
    if (pmc->words[word].len == 0)
        return js_lines_refuse(lines, lines->line, pmc->words[word].column, err,
                               "the name of the program is empty");
    task->place = (struct js_lines_place){lines->line, pmc->words[word].column};
    return pmc_make_command(pmc, word) < 0 ? js_lines_fail(lines, err) : 0;
}

static bool pmc_is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static size_t pmc_skip(const char *line, size_t len, size_t at, bool is_blank)
{
    while (at < len && pmc_is_blank(line[at]) == is_blank)
        at++;
    return at;
}

/* Finds the id behind the keyword that begins at `at`, and what follows. */
static int pmc_take_id(struct pmc *pmc, const char *line, size_t *at,
                       size_t len, const char *must_be, struct js_err *err)
{
    size_t from = pmc_skip(line, len, *at, false);
    from = pmc_skip(line, len, from, true);
    size_t end = pmc_skip(line, len, from, false);
    *at = pmc_skip(line, len, end, true);
    pmc->name.len = 0;
    if (*at == len)
        return js_lines_refuse(&pmc->lines, pmc->lines.line, len, err,
                               "this line is not complete: %s", must_be);
    pmc->lines.other = (struct js_lines_place){pmc->lines.line, from + 1};
    if (js_buf_append(&pmc->name, line + from, end - from) < 0 ||
        !js_buf_string(&pmc->name))
        return js_lines_fail(&pmc->lines, err);
    return 0;
}

static int pmc_take_task(struct pmc *pmc, const char *line, size_t at,
                         size_t len, struct js_err *err)
{
    const struct js_lines *lines = &pmc->lines;
    struct pmc_task task = {.cpus = 1};
    if (pmc_take_id(pmc, line, &at, len,
                    "it must be TASK, an id, options and the command", err) < 0)
        return -1;
    const struct pmc_task *other = pmc_find(pmc, pmc->name.data);
    if (other)
        return js_lines_refuse(lines, lines->line, lines->other.column, err,
                               "there is a task \"%.*s\" already, on line "
                               "%" PRIu64,
                               js_lines_shown(pmc->name.len), pmc->name.data,
                               other->place.line);
    task.place = (struct js_lines_place){lines->line, 1};
    int rc = pmc_read_task(pmc, line, at, len, &task, err);
    int errnum = errno;
    task.is_refused = rc < 0;
    if (rc < 0 && errnum != EINVAL)
        return -1;
    if (pmc_add_task(pmc, &task, rc < 0 ? "" : pmc->command.data) < 0)
        return js_lines_fail(lines, err);
    errno = errnum;
    return rc;
}

/* ---------------------------------------------------------------- edges */

static int pmc_refuse_edge(const struct pmc *pmc, size_t column,
                           const char *name, struct js_err *err)
{
    return js_lines_refuse(&pmc->lines, pmc->lines.line, column, err,
                           "no task above this line has the id \"%.*s\"",
                           js_lines_shown(strlen(name)), name);
}

static int pmc_take_edge(struct pmc *pmc, const char *line, size_t at,
                         size_t len, struct js_err *err)
{
    const struct js_lines *lines = &pmc->lines;
    if (pmc_take_id(pmc, line, &at, len,
                    "it must be EDGE, the parent's id and the child's",
                    err) < 0)
        return -1;
    const struct pmc_task *parent = pmc_find(pmc, pmc->name.data);
    if (!parent)
        return pmc_refuse_edge(pmc, lines->other.column, pmc->name.data, err);
    /* The rest of the line, blanks within it included. */
    pmc->name.len = 0;
    if (js_buf_append(&pmc->name, line + at, len - at) < 0 ||
        !js_buf_string(&pmc->name))
        return js_lines_fail(lines, err);
    const struct pmc_task *child = pmc_find(pmc, pmc->name.data);
    if (!child)
        return pmc_refuse_edge(pmc, at + 1, pmc->name.data, err);
    if (parent == child)
        return js_lines_refuse(lines, lines->line, at + 1, err,
                               "a task cannot come after itself");
    struct pmc_edge *edges = js_buf_grow(pmc->edges, &pmc->edge_capacity,
                                         pmc->edge_count + 1, sizeof(*edges));
    if (!edges)
        return js_lines_fail(lines, err);
    pmc->edges = edges;
    /* The task with the error will not be there. */
    if (!parent->is_refused && !child->is_refused)
        edges[pmc->edge_count++] =
            (struct pmc_edge){parent->number, child->number, lines->line};
    return 0;
}

static int pmc_take_line(struct pmc *pmc, const char *line, size_t len,
                         struct js_err *err)
{
    size_t at = pmc_skip(line, len, 0, true);
    while (len > at && pmc_is_blank(line[len - 1]))
        len--;
    if (at == len)
        return 0;
    if (js_lines_begins(line + at, len - at, "TASK"))
        return pmc_take_task(pmc, line, at, len, err);
    if (js_lines_begins(line + at, len - at, "EDGE"))
        return pmc_take_edge(pmc, line, at, len, err);
    if (js_lines_begins(line + at, len - at, "#@")) {
        size_t fields = 0;
        for (size_t i = at; i < len; fields++)
            i = pmc_skip(line, len, pmc_skip(line, len, i, false), true);
        return fields >= 4
                   ? 0
                   : js_lines_refuse(&pmc->lines, pmc->lines.line, at + 1, err,
                                     "a record of Pegasus needs an id, a "
                                     "transformation and a DAX id after #@");
    }
    if (line[at] == '#')
        return 0;
    /* Anything else stops PMC as well. */
    size_t end = pmc_skip(line, len, at, false);
    return js_lines_refuse(&pmc->lines, pmc->lines.line, at + 1, err,
                           "\"%.*s\" is neither TASK nor EDGE",
                           js_lines_shown(end - at), line + at);
}

/* ---------------------------------------------------------------- rescue */

/* True if another task's id begins with this one. */
static bool pmc_is_beginning(const struct pmc *pmc, const char *name)
{
    size_t len = strlen(name);
    for (size_t i = 0; i < pmc->task_count; i++) {
        if (strncmp(pmc->tasks[i]->name, name, len) == 0 &&
            pmc->tasks[i]->name[len])
            return true;
    }
    return false;
}

static int pmc_take_done(struct pmc *pmc, const struct js_lines *lines,
                         const char *line, size_t len, struct js_err *err)
{
    size_t at = pmc_skip(line, len, 0, true);
    while (len > at && pmc_is_blank(line[len - 1]))
        len--;
    if (at == len || line[at] == '#')
        return 0;
    bool is_done = js_lines_begins(line + at, len - at, "DONE");
    size_t id = pmc_skip(line, len, pmc_skip(line, len, at, false), true);
    /* A torn record says nothing; any other must be one. */
    if ((!is_done || id == len) && lines->is_torn)
        return 0;
    if (!is_done || id == len) {
        js_lines_refuse(lines, lines->line, at + 1, err,
                        "a rescue file must consist of lines with DONE and the "
                        "id of a task");
        errno = errno == EINVAL ? EBADMSG : errno;
        return -1;
    }
    /* An id that is not in the DAG was finished and removed: PMC refuses to
     * start then. */
    pmc->name.len = 0;
    if (js_buf_append(&pmc->name, line + id, len - id) < 0 ||
        !js_buf_string(&pmc->name))
        return js_lines_fail(lines, err);
    struct pmc_task *task = pmc_find(pmc, pmc->name.data);
    if (task && !(lines->is_torn && pmc_is_beginning(pmc, task->name)))
        task->is_done = true;
    return 0;
}

static int pmc_read_rescue(struct pmc *pmc, struct js_err *err)
{
    struct js_lines lines = {.name = NULL};
    struct js_buf name = JS_BUF_INIT;
    const char *line;
    size_t len;
    int rc = js_buf_printf(&name, "%s.rescue", pmc->lines.name);
    if (rc == 0)
        rc = js_lines_init(&lines, NULL, name.data);
    js_buf_release(&name);
    if (rc == 0)
        rc = js_lines_feed(&lines.reader, pmc->rescue.text, pmc->rescue.len);
    if (rc < 0)
        js_lines_fail(&pmc->lines, err);
    lines.is_ended = true;
    while (rc == 0 && (rc = js_lines_next(&lines, &line, &len, err)) > 0)
        rc = pmc_take_done(pmc, &lines, line, len, err);
    js_lines_release(&lines);
    return rc;
}

/* ---------------------------------------------------------------- order */

static int pmc_compare_edges(const void *a, const void *b)
{
    const struct pmc_edge *left = a, *right = b;
    if (left->child != right->child)
        return left->child < right->child ? -1 : 1;
    return (left->parent > right->parent) - (left->parent < right->parent);
}

static bool pmc_is_earlier(const void *a, const void *b, const void *arg)
{
    (void)arg;
    return *(const size_t *)a < *(const size_t *)b;
}

/* Sorts the edges, drops those that occur twice, and notes each task's. */
static int pmc_sort_edges(struct pmc *pmc)
{
    struct pmc_edge *edges = pmc->edges;
    size_t count = 0, at = 0;
    if (pmc->edge_count == 0)
        return 0;
    qsort(edges, pmc->edge_count, sizeof(*edges), pmc_compare_edges);
    for (size_t i = 0; i < pmc->edge_count; i++) {
        if (i == 0 || pmc_compare_edges(&edges[count - 1], &edges[i]) != 0)
            edges[count++] = edges[i];
    }
    pmc->edge_count = count;
    for (size_t i = 0; i < count; i++) {
        struct pmc_task *child = pmc->tasks[edges[i].child];
        if (child->parent_count++ == 0)
            child->first_parent = i;
        child->waits_for++;
        pmc->tasks[edges[i].parent]->child_count++;
    }
    pmc->children = calloc(count, sizeof(*pmc->children));
    if (!pmc->children)
        return -1;
    for (size_t i = 0; i < pmc->task_count; i++) {
        pmc->tasks[i]->first_child = at;
        at += pmc->tasks[i]->child_count;
        pmc->tasks[i]->child_count = 0;
    }
    for (size_t i = 0; i < count; i++) {
        struct pmc_task *parent = pmc->tasks[edges[i].parent];
        pmc->children[parent->first_child + parent->child_count++] =
            edges[i].child;
    }
    return 0;
}

/* The DAG has ended: finds the tasks without parents. */
static int pmc_complete(struct pmc *pmc, struct js_err *err)
{
    if (pmc->rescue.text && pmc->rescue.len > 0 &&
        pmc_read_rescue(pmc, err) < 0)
        return -1;
    if (pmc_sort_edges(pmc) < 0)
        return js_lines_fail(&pmc->lines, err);
    for (size_t i = 0; i < pmc->task_count; i++) {
        pmc->given += pmc->tasks[i]->is_refused;
        if (!pmc->tasks[i]->is_refused && pmc->tasks[i]->waits_for == 0 &&
            js_heap_put(&pmc->ready, sizeof(i), &i, pmc_is_earlier, NULL) < 0)
            return js_lines_fail(&pmc->lines, err);
    }
    pmc->is_complete = true;
    return 0;
}

/* The edge to a parent that waits as well. A task that is left has one. */
static const struct pmc_edge *pmc_edge_left(const struct pmc *pmc,
                                            const struct pmc_task *task)
{
    const struct pmc_edge *edge = &pmc->edges[task->first_parent];
    while (pmc->tasks[edge->parent]->waits_for == 0)
        edge++;
    return edge;
}

/* Names the tasks of a cycle. */
static int pmc_refuse_cycle(struct pmc *pmc, struct js_err *err)
{
    struct js_buf names = JS_BUF_INIT;
    const struct pmc_edge *edge = NULL;
    size_t at = 0, begin;
    int rc = 0;
    while (pmc->tasks[at]->waits_for == 0)
        at++;
    /* From any task that is left, a path of parents comes to a cycle after no
     * more steps than there are tasks. */
    for (size_t steps = 0; steps < pmc->task_count; steps++)
        at = pmc_edge_left(pmc, pmc->tasks[at])->parent;
    begin = at;
    do {
        const struct pmc_task *task = pmc->tasks[at];
        rc = js_buf_printf(&names, "%.*s after ",
                           js_lines_shown(strlen(task->name)), task->name);
        edge = pmc_edge_left(pmc, task);
        at = edge->parent;
    } while (rc == 0 && at != begin);
    const char *first = pmc->tasks[begin]->name;
    if (rc == 0)
        rc =
            js_buf_printf(&names, "%.*s", js_lines_shown(strlen(first)), first);
    if (rc == 0 && js_buf_string(&names))
        js_lines_refuse(&pmc->lines, edge->line, 1, err,
                        "these tasks wait for each other, so that none could "
                        "ever start: %s",
                        names.data);
    else
        js_lines_fail(&pmc->lines, err);
    js_buf_release(&names);
    pmc->given = pmc->task_count; /* the rest would wait for them */
    return -1;
}

/* ---------------------------------------------------------------- entries */

static int pmc_set_attributes(struct pmc *pmc, const struct pmc_task *task)
{
    struct js_attributes *attributes = &pmc->attributes;
    attributes->name = task->name;
    /* A job without a core cannot be placed. */
    attributes->cores = task->cpus > 0 ? task->cpus : 1;
    attributes->mem_bytes = (uint64_t)task->memory_mb << 20;
    attributes->retries = task->retries;
    attributes->is_retries_set = task->has_tries;
    attributes->priority = task->priority;
    js_lines_clear(&attributes->after);
    js_lines_clear(&attributes->env);
    for (size_t i = 0; i < task->parent_count; i++) {
        const char *name =
            pmc->tasks[pmc->edges[task->first_parent + i].parent]->name;
        if (js_strings_add(&attributes->after, name, strlen(name)) < 0)
            return -1;
    }
    if (js_lines_add_text(attributes, "PMC_TASK", task->name) < 0 ||
        js_lines_add_number(attributes, "PMC_MEMORY", task->memory_mb) < 0 ||
        js_lines_add_number(attributes, "PMC_CPUS", task->cpus) < 0)
        return -1;
    return 0;
}

static int pmc_give(struct pmc *pmc, struct js_entry *ret, struct js_err *err)
{
    struct js_lines *lines = &pmc->lines;
    size_t at;
    if (pmc->given == pmc->task_count)
        return 0;
    if (!js_heap_take(&pmc->ready, sizeof(at), &at, pmc_is_earlier, NULL))
        return pmc_refuse_cycle(pmc, err);
    /* The parents of the next task in the heap have all been given, and among
     * such tasks it is the first in the file. */
    struct pmc_task *task = pmc->tasks[at];
    if (pmc_set_attributes(pmc, task) < 0)
        return js_lines_fail(lines, err);
    for (size_t i = 0; i < task->child_count; i++) {
        size_t child = pmc->children[task->first_child + i];
        if (--pmc->tasks[child]->waits_for == 0 &&
            js_heap_put(&pmc->ready, sizeof(child), &child, pmc_is_earlier,
                        NULL) < 0)
            return js_lines_fail(lines, err);
    }
    pmc->given++;
    lines->command = task->place;
    lines->other = (struct js_lines_place){task->place.line, 1};
    ret->line = task->place.line;
    ret->command = task->command;
    ret->command_len = strlen(task->command);
    ret->attributes = &pmc->attributes;
    ret->is_done = task->is_done;
    if (task->cpus == 0)
        ret->warning = "this task asks for 0 CPUs; here it takes one core";
    return 1;
}

static int pmc_next(struct js_reader *reader, struct js_entry *ret,
                    struct js_err *err)
{
    struct pmc *pmc = (struct pmc *)reader;
    const char *line;
    size_t len;
    int rc;
    while ((rc = js_lines_next(&pmc->lines, &line, &len, err)) > 0) {
        ret->kind = JS_ENTRY_NONE;
        if (pmc_take_line(pmc, line, len, err) < 0)
            return -1;
    }
    if (rc < 0 || !pmc->lines.is_ended)
        return rc;
    if (!pmc->is_complete && pmc_complete(pmc, err) < 0)
        return -1;
    ret->kind = JS_ENTRY_JOB;
    return pmc_give(pmc, ret, err);
}

static void pmc_free(struct js_reader *reader)
{
    struct pmc *pmc = (struct pmc *)reader;
    int saved = errno;
    for (size_t i = 0; i < pmc->task_count; i++)
        pmc_free_task(pmc->tasks[i]);
    free(pmc->tasks);
    free(pmc->edges);
    free(pmc->children);
    free(pmc->words);
    js_strmap_release(&pmc->names);
    js_heap_release(&pmc->ready);
    js_buf_release(&pmc->words_text);
    js_buf_release(&pmc->name);
    js_buf_release(&pmc->command);
    pmc->attributes.name = NULL;
    js_attributes_release(&pmc->attributes);
    js_lines_release(&pmc->lines);
    free(pmc);
    errno = saved;
}

struct js_reader *js_from_pmc_new(const char *name,
                                  const struct js_from_pmc_rescue *rescue)
{
    static const struct js_reader_ops ops = {
        .feed = js_lines_feed,
        .next = pmc_next,
        .describe = js_lines_describe,
        .free = pmc_free,
    };
    struct pmc *pmc = calloc(1, sizeof(*pmc));
    if (!pmc)
        return NULL;
    js_attributes_init(&pmc->attributes);
    if (rescue)
        pmc->rescue = *rescue;
    if (js_lines_init(&pmc->lines, &ops, name) < 0) {
        free(pmc);
        return NULL;
    }
    return &pmc->lines.reader;
}
