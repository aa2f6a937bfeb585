#include "list/selection.h"

#include "base/bits.h"
#include "base/table.h"
#include "base/text.h"
#include "list/source.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct word {
    struct word *next; /* of the globs, or of the others */
    bool is_found;
    char text[];
};

struct selection {
    struct word *globs, *others;
    struct js_strmap exact; /* the others, by their text */
    struct js_buf *bits;
    uint64_t count; /* jobs of the list so far */
    uint64_t known; /* jobs of earlier runs */
    uint64_t added; /* jobs so far that are new */
};

/* ---------------------------------------------------------------- words */

static int selection_add_word(struct selection *selection, const char *text,
                              size_t len)
{
    struct word *word = calloc(1, sizeof(*word) + len + 1);
    if (!word)
        return -1;
    memcpy(word->text, text, len);
    bool is_glob = strpbrk(word->text, "*?") != NULL;
    struct word **list = is_glob ? &selection->globs : &selection->others;
    if (!is_glob && js_strmap_get(&selection->exact, word->text)) {
        free(word); /* it is there twice */
        return 0;
    }
    word->next = *list;
    *list = word;
    return is_glob ? 0 : js_strmap_put(&selection->exact, word->text, word);
}

static int selection_add_words(struct selection *selection, const char *text)
{
    for (;;) {
        size_t len = strcspn(text, ",");
        if (len > 0 && selection_add_word(selection, text, len) < 0)
            return -1;
        if (!text[len])
            return 0;
        text += len + 1;
    }
}

static void free_words(struct word *word)
{
    while (word) {
        struct word *next = word->next;
        free(word);
        word = next;
    }
}

/* ---------------------------------------------------------------- jobs */

static bool selection_finds(struct selection *selection, const char *text)
{
    struct word *word = js_strmap_get(&selection->exact, text);
    if (word)
        word->is_found = true;
    return word;
}

static bool selection_has(struct selection *selection, const char *name,
                          uint64_t id)
{
    char number[24];
    snprintf(number, sizeof(number), "%" PRIu64, id);
    bool is_selected = selection_finds(selection, number);
    if (!name[0])
        return is_selected;
    is_selected |= selection_finds(selection, name);
    for (struct word *word = selection->globs; word; word = word->next) {
        if (js_text_matches(word->text, name))
            is_selected = word->is_found = true;
    }
    return is_selected;
}

static int selection_add_job(struct selection *selection,
                             const struct js_job *job, bool has_ids)
{
    uint64_t id = has_ids ? job->id : job->seq;
    if (id == 0)
        id = selection->known + ++selection->added;
    for (; selection->count < job->seq; selection->count++) {
        const uint64_t none = 0;
        if (selection->count % JS_BITS_PER_WORD == 0 &&
            js_buf_append(selection->bits, &none, sizeof(none)) < 0)
            return -1;
    }
    if (selection_has(selection, js_job_name(job), id))
        js_bits_put((uint64_t *)selection->bits->data, (uint32_t)(job->seq - 1),
                    true);
    return 0;
}

/* Says which word no job has. */
static int selection_check_words(const struct selection *selection,
                                 const struct js_list *list, struct js_err *err)
{
    const struct word *word = selection->globs;
    while (word && word->is_found)
        word = word->next;
    if (word)
        return js_err_set(err,
                          "--only %.100s: no job in %s has a name that matches",
                          word->text, js_list_name(list));
    for (word = selection->others; word; word = word->next) {
        if (!word->is_found)
            return js_err_set(err,
                              "--only %.100s: no job in %s has this name or id",
                              word->text, js_list_name(list));
    }
    return 0;
}

/* Every job of the list is given out, and none has ended in the graph, which
 * therefore still knows what each comes after. */
static int selection_read(struct selection *selection,
                          const struct js_list *list,
                          struct js_registry *registry, struct js_err *err)
{
    struct js_resume match;
    struct js_job *job;
    enum js_source_state state;
    js_resume_init(&match, registry, JS_RESUME_MATCH, NULL, NULL);
    selection->known = match.known;
    struct js_source *source = js_source_new_list(list, &match);
    int rc = source ? 0 : js_err_errno(err, "--only");
    while (rc == 0 &&
           (state = js_source_next(source, &job, NULL)) == JS_SOURCE_JOB) {
        if (selection_add_job(selection, job, registry) < 0)
            rc = js_err_errno(err, "--only");
        js_job_free(job);
    }
    if (rc == 0 && state != JS_SOURCE_END)
        selection->bits->len = 0;
    else if (rc == 0)
        rc = selection_check_words(selection, list, err);
    if (rc == 0 && selection->bits->len > 0)
        js_graph_select(js_source_graph(source),
                        (uint64_t *)selection->bits->data, selection->count);
    js_source_free(source);
    return rc;
}

int js_selection_find(const struct js_list *list, const char *const *words,
                      struct js_resume *resume, struct js_buf *ret,
                      struct js_err *err)
{
    struct selection selection = {.bits = ret};
    int rc = 0;
    for (; *words && rc == 0; words++) {
        if (selection_add_words(&selection, *words) < 0)
            rc = js_err_errno(err, "--only");
    }
    if (rc == 0)
        rc = selection_read(&selection, list, resume->registry, err);
    if (rc == 0 && ret->len > 0) {
        resume->selected = (const uint64_t *)ret->data;
        resume->selected_count = selection.count;
    }
    js_resume_rewind(resume);
    js_strmap_release(&selection.exact);
    free_words(selection.globs);
    free_words(selection.others);
    return rc;
}
