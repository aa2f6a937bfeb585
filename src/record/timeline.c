#include "record/timeline.h"

#include "base/buf.h"
#include "base/table.h"

#include <errno.h>
#include <stdlib.h>

enum { SLOTS_MAX = 4096 }; /* of a slave; more are not believed */

struct bar {
    uint32_t attempt; /* its number; from `all` on: its number among jobs that
                         have begun */
    uint32_t slave;
    uint32_t lane;            /* the slave's slot, from 0 on */
    int64_t start_ns, end_ns; /* from the beginning of the run */
};

/* Slaves of the same rank on the same host, one per run. */
struct place {
    const char *host;
    uint64_t rank;
    uint32_t number; /* in the order of appearance */
    uint32_t lanes;
    size_t first_row;
};

/* first_ns and last_ns cover the attempts that ended, whose times are by the
 * slave's clock; a slave without any has first_ns > last_ns. */
struct slave {
    uint32_t place; /* its number */
    uint32_t slots;
    int64_t first_ns, last_ns; /* from the run's beginning, by its own clock */
    int64_t shift_ns;          /* how far its clock is behind */
};

/*
 * It is made in steps, each of which needs the one before: places, bars as they
 * were recorded, the axis, bars as they lie within their run, lanes, rows.
 * Arrays have one element more than needed, so that none is empty.
 */
struct js_timeline {
    const struct js_journal_model *model;
    struct js_timeline_run *runs;
    struct slave *slaves;
    struct js_buf places;  /* struct place, by number; sorted in the end */
    size_t *rank_of_place; /* where each number is after sorting */
    struct bar *bars;
    size_t attempts, bar_count, rows;
};

static size_t place_count(const struct js_timeline *timeline)
{
    return timeline->places.len / sizeof(struct place);
}

static struct place *places_of(const struct js_timeline *timeline)
{
    return (struct place *)timeline->places.data;
}

/* A journal may contain times that no clock shows. */
static int64_t add_ns(int64_t a, int64_t b)
{
    int64_t sum;
    if (!__builtin_add_overflow(a, b, &sum))
        return sum;
    return b < 0 ? INT64_MIN : INT64_MAX;
}

/* ---------------------------------------------------------------- places */

struct known_place {
    struct js_buf key; /* rank and host */
    uint32_t number;
};

/* The map refers to the list, which has room for all. */
struct known_places {
    struct js_strmap map;
    struct known_place *list;
    size_t count;
};

/* Puts the slave in the place that slaves of its rank on its host already have,
 * or in a new one. */
static int timeline_place_slave(struct js_timeline *timeline,
                                struct known_places *known,
                                const struct js_journal_model_slave *slave,
                                uint32_t *ret)
{
    struct known_place *next = &known->list[known->count];
    next->key.len = 0;
    if (js_buf_printf(&next->key, "%ju %s", (uintmax_t)slave->rank,
                      slave->host) < 0 ||
        !js_buf_string(&next->key))
        return -1;
    const struct known_place *found =
        js_strmap_get(&known->map, next->key.data);
    if (!found) {
        struct place place = {.host = slave->host,
                              .rank = slave->rank,
                              .number = (uint32_t)place_count(timeline)};
        next->number = place.number;
        if (js_buf_append(&timeline->places, &place, sizeof(place)) < 0 ||
            js_strmap_put(&known->map, next->key.data, next) < 0)
            return -1;
        known->count++;
        found = next;
    }
    *ret = found->number;
    return 0;
}

static int place_slaves(struct js_timeline *timeline)
{
    size_t count = js_journal_model_look(timeline->model).slaves;
    struct known_places known = {
        .list = calloc(count + 1, sizeof(struct known_place))};
    int rc = known.list ? 0 : -1;
    for (size_t i = 0; i < count && rc == 0; i++) {
        struct js_journal_model_slave slave;
        js_journal_model_slave(timeline->model, i, &slave);
        timeline->slaves[i] = (struct slave){
            .slots =
                slave.slots < SLOTS_MAX ? (uint32_t)slave.slots : SLOTS_MAX,
            .first_ns = INT64_MAX,
            .last_ns = INT64_MIN};
        rc = timeline_place_slave(timeline, &known, &slave,
                                  &timeline->slaves[i].place);
    }
    js_strmap_release(&known.map);
    /* The one after the last was used to search for those before it. */
    for (size_t i = 0; known.list && i <= known.count; i++)
        js_buf_release(&known.list[i].key);
    free(known.list);
    return rc;
}

/* ---------------------------------------------------------------- bars */

static size_t timeline_run_of(const struct js_timeline *timeline, size_t slave)
{
    struct js_journal_model_slave known;
    js_journal_model_slave(timeline->model, slave, &known);
    return known.run;
}

static int64_t begin_of(const struct js_timeline *timeline, size_t slave)
{
    struct js_journal_model_run run;
    js_journal_model_run(timeline->model, timeline_run_of(timeline, slave),
                         &run);
    return run.begin_unix_ns;
}

/* Times are from the beginning of the run, by the clock that the record uses.
 */
static void collect_bars(struct js_timeline *timeline)
{
    for (size_t i = 0; i < timeline->attempts; i++) {
        struct js_journal_model_attempt attempt;
        js_journal_model_attempt(timeline->model, i, &attempt);
        struct slave *slave = &timeline->slaves[attempt.slave];
        int64_t start_ns =
            attempt.outcome.start_unix_ns - begin_of(timeline, attempt.slave);
        int64_t end_ns = add_ns(start_ns, attempt.outcome.run_ns);
        timeline->bars[i] = (struct bar){.attempt = (uint32_t)i,
                                         .slave = (uint32_t)attempt.slave,
                                         .start_ns = start_ns,
                                         .end_ns = end_ns};
        if (start_ns < slave->first_ns)
            slave->first_ns = start_ns;
        if (end_ns > slave->last_ns)
            slave->last_ns = end_ns;
    }
    /* The start of an unfinished job is by the master's clock, not by its
     * slave's, and the bar extends to the end of the run. */
    for (size_t i = timeline->attempts; i < timeline->bar_count; i++) {
        struct js_journal_model_begun begun;
        js_journal_model_begun(timeline->model, i - timeline->attempts, &begun);
        timeline->bars[i] = (struct bar){
            .attempt = (uint32_t)i,
            .slave = (uint32_t)begun.slave,
            .start_ns = begun.start_unix_ns - begin_of(timeline, begun.slave),
            .end_ns = INT64_MAX};
    }
}

/* ---------------------------------------------------------------- the axis */

/* A run that did not record its end, and was not the last, is as long as its
 * jobs. */
static int64_t last_end(const struct js_timeline *timeline,
                        const struct js_journal_model_run *run)
{
    int64_t last_ns = 0;
    for (size_t i = 0; i < run->slaves; i++) {
        const struct slave *slave = &timeline->slaves[run->first_slave + i];
        if (slave->last_ns > last_ns)
            last_ns = slave->last_ns;
    }
    int64_t most_ns = run->seen_unix_ns - run->begin_unix_ns;
    return last_ns < most_ns ? last_ns : most_ns;
}

/* Runs follow each other without a pause: nights and weekends between them
 * would leave no room for the jobs. */
static void lay_axis(struct js_timeline *timeline, int64_t now_unix_ns)
{
    size_t count = js_journal_model_look(timeline->model).runs;
    bool is_on =
        js_journal_model_look(timeline->model).life == JS_JOURNAL_MODEL_ON;
    int64_t begin_ns = 0;
    for (size_t i = 0; i < count; i++) {
        struct js_journal_model_run run;
        js_journal_model_run(timeline->model, i, &run);
        int64_t length_ns = run.seen_unix_ns - run.begin_unix_ns;
        if (run.has_ended)
            length_ns = run.end_unix_ns - run.begin_unix_ns;
        else if (i + 1 < count)
            length_ns = last_end(timeline, &run);
        else if (is_on)
            length_ns = now_unix_ns - run.begin_unix_ns;
        if (length_ns < 0)
            length_ns = 0;
        timeline->runs[i] = (struct js_timeline_run){.begin_ns = begin_ns,
                                                     .length_ns = length_ns};
        begin_ns = add_ns(begin_ns, length_ns);
    }
}

static int64_t timeline_clip(int64_t ns, int64_t most_ns)
{
    return ns < 0 ? 0 : ns > most_ns ? most_ns : ns;
}

/* Corrects the clocks of slaves as far as their bars show that they are wrong,
 * and cuts off what is still outside its run. */
static void fit_bars(struct js_timeline *timeline)
{
    size_t slaves = js_journal_model_look(timeline->model).slaves;
    for (size_t i = 0; i < slaves; i++) {
        struct slave *slave = &timeline->slaves[i];
        int64_t length_ns =
            timeline->runs[timeline_run_of(timeline, i)].length_ns;
        if (slave->first_ns > slave->last_ns)
            continue;
        if (slave->first_ns < 0)
            slave->shift_ns = -slave->first_ns;
        else if (slave->last_ns > length_ns)
            slave->shift_ns = slave->last_ns - length_ns > slave->first_ns
                                  ? -slave->first_ns
                                  : length_ns - slave->last_ns;
    }
    for (size_t i = 0; i < timeline->bar_count; i++) {
        struct bar *bar = &timeline->bars[i];
        bool has_ended = i < timeline->attempts;
        int64_t shift_ns =
            has_ended ? timeline->slaves[bar->slave].shift_ns : 0;
        int64_t most_ns =
            timeline->runs[timeline_run_of(timeline, bar->slave)].length_ns;
        bar->start_ns = timeline_clip(add_ns(bar->start_ns, shift_ns), most_ns);
        bar->end_ns =
            has_ended ? timeline_clip(add_ns(bar->end_ns, shift_ns), most_ns)
                      : most_ns;
    }
}

/* ---------------------------------------------------------------- lanes */

static int compare_bars(const void *a, const void *b)
{
    const struct bar *one = a, *other = b;
    if (one->slave != other->slave)
        return one->slave < other->slave ? -1 : 1;
    if (one->start_ns != other->start_ns)
        return one->start_ns < other->start_ns ? -1 : 1;
    return (one->attempt > other->attempt) - (one->attempt < other->attempt);
}

/* When each lane of a slave is free. */
struct lanes {
    struct js_buf free_ns; /* int64_t */
    uint32_t count;
};

/* Returns the first lane that is free; if the clock was set in between and no
 * lane seems free, the one that is free soonest; or UINT32_MAX if there is no
 * memory. */
static uint32_t take_lane(struct lanes *lanes, const struct bar *bar,
                          uint32_t slots)
{
    int64_t *free_ns = (int64_t *)lanes->free_ns.data;
    uint32_t soonest = 0;
    for (uint32_t i = 0; i < lanes->count; i++) {
        if (free_ns[i] <= bar->start_ns) {
            free_ns[i] = bar->end_ns;
            return i;
        }
        if (free_ns[i] < free_ns[soonest])
            soonest = i;
    }
    if (lanes->count >= (slots > 0 ? slots : SLOTS_MAX)) {
        free_ns[soonest] = bar->end_ns;
        return soonest;
    }
    if (js_buf_append(&lanes->free_ns, &bar->end_ns, sizeof(bar->end_ns)) < 0)
        return UINT32_MAX;
    return lanes->count++;
}

/* The bars are sorted by slave and start by now. */
static int lay_lanes(struct js_timeline *timeline)
{
    struct lanes lanes = {.count = 0};
    int rc = 0;
    for (size_t i = 0; i < timeline->bar_count && rc == 0; i++) {
        struct bar *bar = &timeline->bars[i];
        const struct slave *slave = &timeline->slaves[bar->slave];
        struct place *place = &places_of(timeline)[slave->place];
        if (i == 0 || bar->slave != bar[-1].slave)
            lanes.count = 0, lanes.free_ns.len = 0;
        bar->lane = take_lane(&lanes, bar, slave->slots);
        rc = bar->lane == UINT32_MAX ? -1 : 0;
        if (lanes.count > place->lanes)
            place->lanes = lanes.count;
    }
    js_buf_release(&lanes.free_ns);
    return rc;
}

static int compare_places(const void *a, const void *b)
{
    const struct place *one = a, *other = b;
    if (one->rank != other->rank)
        return one->rank < other->rank ? -1 : 1;
    return (one->number > other->number) - (one->number < other->number);
}

/* By rank, so that slaves of one rank are together, even if they were on
 * different hosts. */
static int lay_rows(struct js_timeline *timeline)
{
    size_t count = place_count(timeline);
    size_t slaves = js_journal_model_look(timeline->model).slaves;
    timeline->rank_of_place = calloc(count + 1, sizeof(size_t));
    if (!timeline->rank_of_place)
        return -1;
    /* A slot that had nothing to run has a row too. */
    for (size_t i = 0; i < slaves; i++) {
        const struct slave *slave = &timeline->slaves[i];
        struct place *place = &places_of(timeline)[slave->place];
        if (slave->slots > place->lanes)
            place->lanes = slave->slots;
    }
    if (count > 0)
        qsort(timeline->places.data, count, sizeof(struct place),
              compare_places);
    for (size_t i = 0; i < count; i++) {
        struct place *place = &places_of(timeline)[i];
        place->first_row = timeline->rows;
        timeline->rows += place->lanes;
        timeline->rank_of_place[place->number] = i;
    }
    return 0;
}

/* ---------------------------------------------------------------- all of it */

struct js_timeline *js_timeline_new(const struct js_journal_model *model,
                                    int64_t now_unix_ns)
{
    struct js_journal_model_state counts = js_journal_model_look(model);
    struct js_timeline *timeline = calloc(1, sizeof(*timeline));
    if (!timeline)
        return NULL;
    timeline->model = model;
    timeline->attempts = counts.attempts;
    timeline->bar_count = counts.attempts + counts.begun;
    timeline->runs = calloc(counts.runs + 1, sizeof(*timeline->runs));
    timeline->slaves = calloc(counts.slaves + 1, sizeof(*timeline->slaves));
    timeline->bars = calloc(timeline->bar_count + 1, sizeof(*timeline->bars));
    if (!timeline->runs || !timeline->slaves || !timeline->bars ||
        place_slaves(timeline) < 0)
        goto fail;
    collect_bars(timeline);
    lay_axis(timeline, now_unix_ns);
    fit_bars(timeline);
    qsort(timeline->bars, timeline->bar_count, sizeof(struct bar),
          compare_bars);
    if (lay_lanes(timeline) == 0 && lay_rows(timeline) == 0)
        return timeline;
fail:
    js_timeline_free(timeline);
    return NULL;
}

void js_timeline_free(struct js_timeline *timeline)
{
    if (!timeline)
        return;
    int saved = errno;
    free(timeline->runs);
    free(timeline->slaves);
    free(timeline->rank_of_place);
    free(timeline->bars);
    js_buf_release(&timeline->places);
    free(timeline);
    errno = saved;
}

/* ---------------------------------------------------------------- results */

struct js_timeline_size js_timeline_size(const struct js_timeline *timeline)
{
    return (struct js_timeline_size){.rows = timeline->rows,
                                     .bars = timeline->bar_count};
}

void js_timeline_run(const struct js_timeline *timeline, size_t number,
                     struct js_timeline_run *ret)
{
    *ret = timeline->runs[number];
}

void js_timeline_row(const struct js_timeline *timeline, size_t number,
                     struct js_timeline_row *ret)
{
    const struct place *places = places_of(timeline);
    size_t from = 0, to = place_count(timeline);
    while (to - from > 1) {
        size_t middle = from + (to - from) / 2;
        *(places[middle].first_row <= number ? &from : &to) = middle;
    }
    *ret = (struct js_timeline_row){
        .host = places[from].host,
        .rank = places[from].rank,
        .slot = (uint32_t)(number - places[from].first_row) + 1};
}

void js_timeline_bar(const struct js_timeline *timeline, size_t index,
                     struct js_timeline_bar *ret)
{
    const struct bar *bar = &timeline->bars[index];
    size_t place = timeline->slaves[bar->slave].place;
    size_t run = timeline_run_of(timeline, bar->slave);
    bool has_ended = bar->attempt < timeline->attempts;
    *ret = (struct js_timeline_bar){
        .attempt = has_ended ? bar->attempt : JS_JOURNAL_MODEL_NONE,
        .begun = has_ended ? JS_JOURNAL_MODEL_NONE
                           : bar->attempt - timeline->attempts,
        .run = run,
        .row = places_of(timeline)[timeline->rank_of_place[place]].first_row +
               bar->lane,
        .start_ns = add_ns(timeline->runs[run].begin_ns, bar->start_ns),
        .run_ns = bar->end_ns - bar->start_ns};
}
