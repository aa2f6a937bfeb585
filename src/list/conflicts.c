#include "list/conflicts.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

/* ---------------------------------------------------------------- lineage */

/* A question examines each job between the two once. A list in which many files
 * are each written at both ends would take quadratic time, hence this limit. */
enum { STEPS_MAX = 20 * 1000 * 1000 };

/* A job with a name, or a group. Jobs are added in the order of the list, so
 * records are sorted by seq and can be found by bisection. */
struct record {
    uint64_t seq;
    size_t parents_at; /* in `parents`: indices of records */
    size_t parent_count;
    uint64_t asked; /* the last question that reached this record */
};

void js_lineage_release(struct js_lineage *lineage)
{
    js_buf_release(&lineage->records);
    js_buf_release(&lineage->groups);
    js_buf_release(&lineage->parents);
    js_buf_release(&lineage->stack);
}

/* Returns the index of the record of a job or group, or SIZE_MAX if there is
 * none. A job comes before the groups that have its number. */
static size_t lineage_find_record(const struct js_lineage *lineage,
                                  uint64_t seq)
{
    const struct record *records = (const struct record *)lineage->records.data;
    size_t count = lineage->records.len / sizeof(*records);
    size_t from = 0, to = count;
    if (seq & JS_LINEAGE_GROUP) {
        size_t group = seq - JS_LINEAGE_GROUP - 1;
        return group < lineage->groups.len / sizeof(size_t)
                   ? ((const size_t *)lineage->groups.data)[group]
                   : SIZE_MAX;
    }
    while (from < to) {
        size_t middle = from + (to - from) / 2;
        if (records[middle].seq < seq)
            from = middle + 1;
        else
            to = middle;
    }
    return from < count && records[from].seq == seq ? from : SIZE_MAX;
}

int js_lineage_add(struct js_lineage *lineage, uint64_t seq,
                   const uint64_t *parents, size_t count)
{
    struct record record = {
        .seq = seq, .parents_at = lineage->parents.len / sizeof(size_t)};
    for (size_t i = 0; i < count; i++) {
        size_t parent = lineage_find_record(lineage, parents[i]);
        if (parent == SIZE_MAX)
            continue;
        if (js_buf_append(&lineage->parents, &parent, sizeof(parent)) < 0)
            return -1;
        record.parent_count++;
    }
    return js_buf_append(&lineage->records, &record, sizeof(record));
}

int js_lineage_add_group(struct js_lineage *lineage, const uint64_t *members,
                         size_t count)
{
    size_t index = lineage->records.len / sizeof(struct record);
    const struct record *records = (const struct record *)lineage->records.data;
    uint64_t seq = index > 0 ? records[index - 1].seq : 0;
    if (js_buf_append(&lineage->groups, &index, sizeof(index)) < 0)
        return -1;
    return js_lineage_add(lineage, seq, members, count);
}

/* Adds a record to the stack, once for each question. A job can come only after
 * jobs with lower numbers, so records below `least` lead nowhere. */
static int push_record(struct js_lineage *lineage, size_t index, size_t least)
{
    struct record *record = (struct record *)lineage->records.data + index;
    lineage->steps++;
    if (index < least || record->asked == lineage->questions)
        return 0;
    record->asked = lineage->questions;
    return js_buf_append(&lineage->stack, &index, sizeof(index));
}

enum js_lineage_answer js_lineage_follows(struct js_lineage *lineage,
                                          const uint64_t *parents, size_t count,
                                          uint64_t ancestor)
{
    struct js_buf *stack = &lineage->stack;
    size_t wanted = lineage_find_record(lineage, ancestor);
    if (wanted == SIZE_MAX)
        return JS_LINEAGE_NO;
    lineage->questions++;
    stack->len = 0;
    for (size_t i = 0; i < count; i++) {
        size_t index = lineage_find_record(lineage, parents[i]);
        if (index != SIZE_MAX && push_record(lineage, index, wanted) < 0)
            return JS_LINEAGE_UNKNOWN;
    }
    /* A stack instead of recursion: a chain may be as long as the list. */
    while (stack->len > 0) {
        stack->len -= sizeof(size_t);
        size_t index =
            ((const size_t *)stack->data)[stack->len / sizeof(size_t)];
        const struct record *record =
            (const struct record *)lineage->records.data + index;
        const size_t *its = (const size_t *)lineage->parents.data;
        if (index == wanted)
            return JS_LINEAGE_YES;
        if (lineage->steps > STEPS_MAX)
            return JS_LINEAGE_UNKNOWN;
        for (size_t i = 0; i < record->parent_count; i++) {
            if (push_record(lineage, its[record->parents_at + i], wanted) < 0)
                return JS_LINEAGE_UNKNOWN;
        }
    }
    return JS_LINEAGE_NO;
}

/* ---------------------------------------------------------------- files */

enum {
    LOOKS_MAX = 20000, /* how many files are examined: they may be on a slow
                          server */
    HOPS_MAX = 8,      /* how many links are followed to a file that does not
                          exist yet */
    STREAM_CLAIMS = 64 << 10, /* how many claims a stream remembers at least */
    SLOTS_MIN = 64,
    KEYS_MAX = 3,
};

/* One way to recognise a file, hashed; all zero: none. */
struct key {
    uint64_t low, high;
};

/* The writer of a file. */
struct writer {
    uint64_t seq;
    uint64_t line;
    uint64_t barriers; /* `wait` lines above it */
    const char *own;   /* if the writer is the run itself: the description of
                          its file; NULL for a job */
};

struct claim {
    struct key key;
    struct writer job;
};

/* A hash table with open addressing. */
struct claims {
    struct claim *slots;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
};

/* The files written so far. Each file has up to KEYS_MAX keys, and all of them
 * are claimed, because the next job may name the file in another way. */
struct targets {
    char *cwd;          /* NULL: unknown */
    struct claims now;  /* for a file all claims, for a stream the latest */
    struct claims past; /* for a stream the claims before those */
    struct claims own;  /* files of the run */
    bool is_stream;
    unsigned looks;
    /* The folder that was examined last. */
    char folder[PATH_MAX];
    bool is_folder_there;
    struct stat folder_stat;
};

/* ---------------------------------------------------------------- claims */

static bool is_no_key(const struct key *key)
{
    return key->low == 0 && key->high == 0;
}

/* Returns the slot of the key, or the one where the key belongs. There must be
 * room. */
static struct claim *targets_slot_of(const struct claims *claims,
                                     const struct key *key)
{
    size_t at = key->low & (claims->capacity - 1);
    for (;;) {
        struct claim *slot = &claims->slots[at];
        if (is_no_key(&slot->key) ||
            (slot->key.low == key->low && slot->key.high == key->high))
            return slot;
        at = (at + 1) & (claims->capacity - 1);
    }
}

static const struct claim *find_claim(const struct claims *claims,
                                      const struct key *key)
{
    if (claims->capacity == 0)
        return NULL;
    const struct claim *claim = targets_slot_of(claims, key);
    return is_no_key(&claim->key) ? NULL : claim;
}

/* If memory runs out, the claim is not remembered. */
static void put_claim(struct claims *claims, const struct key *key,
                      const struct writer *job)
{
    /* The table is never more than half full, so that searches stay short. */
    if (claims->count >= claims->capacity / 2) {
        struct claims larger = {
            .capacity = claims->capacity ? 2 * claims->capacity : SLOTS_MIN,
            .count = claims->count};
        larger.slots = calloc(larger.capacity, sizeof(*larger.slots));
        if (!larger.slots)
            return;
        for (size_t i = 0; i < claims->capacity; i++) {
            const struct claim *claim = &claims->slots[i];
            if (!is_no_key(&claim->key))
                *targets_slot_of(&larger, &claim->key) = *claim;
        }
        free(claims->slots);
        *claims = larger;
    }
    struct claim *claim = targets_slot_of(claims, key);
    claims->count += is_no_key(&claim->key);
    *claim = (struct claim){*key, *job};
}

/* ---------------------------------------------------------------- paths */

/* Makes "DIR/PATH" unless PATH is absolute. Returns false if the result is too
 * long. */
static bool join_path(char ret[PATH_MAX], const char *dir, const char *path)
{
    int len = path[0] == '/' || !dir
                  ? snprintf(ret, PATH_MAX, "%s", path)
                  : snprintf(ret, PATH_MAX, "%s/%s", dir, path);
    return len > 0 && len < PATH_MAX;
}

/* Removes "//" and "/./" from an absolute path, and "/../" as if no folder were
 * a link. Returns true if there was no "/../". */
static bool fold_path(char *path)
{
    char *to = path;
    bool is_plain = true;
    for (const char *at = path; *at;) {
        at += strspn(at, "/");
        size_t len = strcspn(at, "/");
        if (len == 2 && memcmp(at, "..", 2) == 0) {
            is_plain = false;
            while (to > path && *--to != '/')
                continue;
        } else if (len > 0 && !(len == 1 && at[0] == '.')) {
            *to++ = '/';
            memmove(to, at, len);
            to += len;
        }
        at += len;
    }
    if (to == path)
        *to++ = '/';
    *to = '\0';
    return is_plain;
}

/* The length of an absolute path's folder, with the slash. */
static size_t folder_len(const char *path)
{
    return (size_t)(strrchr(path, '/') + 1 - path);
}

/* ---------------------------------------------------------------- keys */

/* The lowest bit is set because a hash of all zeros would mean an empty
 * slot. */
static struct key targets_hash_of(const void *bytes, size_t len)
{
    XXH128_hash_t hash = XXH3_128bits(bytes, len);
    return (struct key){hash.low64 | 1, hash.high64};
}

/* An existing file is identified by its inode; any other, by its name and the
 * inode of its folder. */
struct identity {
    uint64_t device, inode;
    char name[NAME_MAX + 1]; /* in that folder; "": the folder itself */
};

static struct key key_of_inode(const struct stat *st, const char *name)
{
    struct identity identity;
    memset(&identity, 0, sizeof(identity));
    identity.device = st->st_dev;
    identity.inode = st->st_ino;
    size_t len = strnlen(name, NAME_MAX);
    memcpy(identity.name, name, len);
    return targets_hash_of(&identity,
                           offsetof(struct identity, name) + len + 1);
}

static bool look_at(struct targets *targets, const char *path, struct stat *ret)
{
    if (targets->looks >= LOOKS_MAX)
        return false;
    targets->looks++;
    return stat(path, ret) == 0;
}

/* Follows a link to a file that does not exist yet. */
static bool follow_link(struct targets *targets, char path[PATH_MAX])
{
    char target[PATH_MAX], joined[PATH_MAX];
    if (targets->looks >= LOOKS_MAX)
        return false;
    targets->looks++;
    ssize_t len = readlink(path, target, sizeof(target) - 1);
    if (len <= 0)
        return false;
    target[len] = '\0';
    path[folder_len(path)] = '\0';
    if (!join_path(joined, path, target))
        return false;
    snprintf(path, PATH_MAX, "%s", joined);
    return true;
}

/* /dev/shm holds ordinary files. */
static bool is_of_system(const char *folded)
{
    return strncmp(folded, "/proc/", 6) == 0 ||
           (strncmp(folded, "/dev/", 5) == 0 &&
            strncmp(folded, "/dev/shm/", 9) != 0);
}

/* Finds all keys of the file at `path`, relative to `dir`. Returns how many
 * there are. */
static size_t find_keys(struct targets *targets, const char *dir,
                        const char *path, struct key ret[KEYS_MAX])
{
    char folder[PATH_MAX], whole[PATH_MAX], folded[PATH_MAX];
    struct stat st;
    size_t count = 0;
    if (!targets->cwd || !join_path(folder, targets->cwd, dir ? dir : ".") ||
        !join_path(whole, folder, path))
        return 0;
    bool is_there = look_at(targets, whole, &st);
    for (int i = 0; i < HOPS_MAX && !is_there && follow_link(targets, whole);
         i++)
        is_there = look_at(targets, whole, &st);
    snprintf(folded, sizeof(folded), "%s", whole);
    bool is_plain = fold_path(folded);
    if ((is_there && !S_ISREG(st.st_mode)) || is_of_system(folded))
        return 0;
    /* Jobs in a row usually write to the same folder, so the last result is
     * kept. */
    size_t len = folder_len(whole);
    if (strncmp(targets->folder, whole, len) != 0 || targets->folder[len]) {
        memcpy(targets->folder, whole, len);
        targets->folder[len] = '\0';
        targets->is_folder_there =
            look_at(targets, targets->folder, &targets->folder_stat);
    }
    /* A path with ".." may lead elsewhere if a folder is a link; the inodes
     * then decide. */
    if (is_plain || !targets->is_folder_there)
        ret[count++] = targets_hash_of(folded, strlen(folded));
    if (targets->is_folder_there)
        ret[count++] = key_of_inode(&targets->folder_stat, whole + len);
    if (is_there)
        ret[count++] = key_of_inode(&st, "");
    return count;
}

/* Adds a file that `job` will write to, relative to `dir` (NULL: the current
 * folder). Returns true if it is a file of the run, or if an earlier job writes
 * to it as well; *ret is then the last such writer. */
static bool targets_add(struct targets *targets, const char *dir,
                        const char *path, const struct writer *job,
                        struct writer *ret)
{
    struct key keys[KEYS_MAX];
    size_t count = find_keys(targets, dir, path, keys);
    *ret = (struct writer){0};
    for (size_t i = 0; i < count; i++) {
        const struct claim *own = find_claim(&targets->own, &keys[i]);
        if (own) {
            *ret = own->job;
            return true;
        }
        const struct claim *claim = find_claim(&targets->now, &keys[i]);
        if (!claim)
            claim = find_claim(&targets->past, &keys[i]);
        if (claim && claim->job.seq > ret->seq && claim->job.seq != job->seq)
            *ret = claim->job;
    }
    for (size_t i = 0; i < count; i++) {
        /* Two generations: when the newer one is full, the older one is dropped
         * as a whole. A list of claims by age would take more memory for each
         * claim. */
        if (targets->is_stream && targets->now.count >= STREAM_CLAIMS) {
            free(targets->past.slots);
            targets->past = targets->now;
            targets->now = (struct claims){0};
        }
        put_claim(&targets->now, &keys[i], job);
    }
    return ret->seq != 0;
}

/* ---------------------------------------------------------------- conflicts */

/* Only the parents of the last job are kept, because its files follow before
 * the next job. */
struct js_conflicts {
    struct js_lineage lineage;
    struct targets targets;
    struct js_buf parents; /* of the job added last: numbers, uint64_t */
    uint64_t groups;       /* in the lineage */
    uint64_t barriers;     /* so far */
};

struct js_conflicts *js_conflicts_new(const struct js_target_own *own,
                                      bool is_stream)
{
    struct js_conflicts *conflicts = calloc(1, sizeof(*conflicts));
    if (!conflicts)
        return NULL;
    struct targets *targets = &conflicts->targets;
    targets->is_stream = is_stream;
    /* Determined only once, because this takes a system call. */
    targets->cwd = getcwd(NULL, 0);
    for (; own && own->what; own++) {
        struct key keys[KEYS_MAX];
        const struct writer run = {.own = own->what};
        size_t count =
            own->path ? find_keys(targets, NULL, own->path, keys) : 0;
        for (size_t i = 0; i < count; i++)
            put_claim(&targets->own, &keys[i], &run);
    }
    return conflicts;
}

void js_conflicts_free(struct js_conflicts *conflicts)
{
    if (!conflicts)
        return;
    int saved = errno;
    js_buf_release(&conflicts->parents);
    js_lineage_release(&conflicts->lineage);
    free(conflicts->targets.now.slots);
    free(conflicts->targets.past.slots);
    free(conflicts->targets.own.slots);
    free(conflicts->targets.cwd);
    free(conflicts);
    errno = saved;
}

void js_conflicts_add_barrier(struct js_conflicts *conflicts)
{
    conflicts->barriers++;
}

/* A list of numbers that a callback fills. */
struct numbers {
    struct js_buf *buf;
    bool has_memory;
};

static void numbers_add(void *arg, uint64_t number)
{
    struct numbers *numbers = arg;
    if (js_buf_append(numbers->buf, &number, sizeof(number)) < 0)
        numbers->has_memory = false;
}

/* Finds the group of a glob, and makes sure that the lineage has it. Returns 0
 * if no name matches, so that the graph will report an error, or without
 * memory. */
static uint64_t conflicts_find_group(struct js_conflicts *conflicts,
                                     struct js_graph *graph, const char *glob)
{
    struct js_buf members = JS_BUF_INIT;
    struct numbers numbers = {&members, true};
    uint64_t inner, group = js_graph_group(graph, glob, &inner);
    /* Each glob of each job comes here, so no group is left out. */
    if (group <= conflicts->groups)
        return group;
    js_graph_each_member(graph, glob, numbers_add, &numbers);
    if (inner > 0)
        numbers_add(&numbers, inner | JS_LINEAGE_GROUP);
    bool is_added = numbers.has_memory &&
                    js_lineage_add_group(&conflicts->lineage,
                                         (const uint64_t *)members.data,
                                         members.len / sizeof(uint64_t)) == 0;
    js_buf_release(&members);
    conflicts->groups += is_added;
    errno = is_added ? errno : ENOMEM;
    return is_added ? group : 0;
}

int js_conflicts_add_job(struct js_conflicts *conflicts, uint64_t seq,
                         const struct js_attributes *attributes,
                         struct js_graph *graph,
                         const struct js_graph_edge *edges, size_t count)
{
    /* Most jobs have no name and write no file; they must cost nothing. */
    bool writes = attributes->stdout_path || attributes->stderr_path;
    if (!attributes->name && !writes && !attributes->has_globs)
        return 0;
    conflicts->parents.len = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t parent;
        errno = 0;
        if (!edges[i].is_glob)
            parent = js_graph_find(graph, edges[i].name);
        else if ((parent = conflicts_find_group(conflicts, graph,
                                                edges[i].name)) > 0)
            parent |= JS_LINEAGE_GROUP;
        if (errno == ENOMEM)
            return -1;
        if (parent > 0 &&
            js_buf_append(&conflicts->parents, &parent, sizeof(parent)) < 0)
            return -1;
    }
    /* No job can come after one without a name. */
    return attributes->name
               ? js_lineage_add(&conflicts->lineage, seq,
                                (const uint64_t *)conflicts->parents.data,
                                conflicts->parents.len / sizeof(uint64_t))
               : 0;
}

enum js_conflict js_conflicts_add_file(struct js_conflicts *conflicts,
                                       uint64_t seq, uint64_t line,
                                       const char *attribute, const char *dir,
                                       const char *path,
                                       struct js_err *ret_what)
{
    struct writer other;
    const struct writer job = {
        .seq = seq, .line = line, .barriers = conflicts->barriers};
    if (!targets_add(&conflicts->targets, dir, path, &job, &other))
        return JS_CONFLICT_NONE;
    if (other.own) {
        js_err_set(ret_what, "%s=%.200s: this file is %s of this run",
                   attribute, path, other.own);
        return JS_CONFLICT_ERROR;
    }
    enum js_lineage_answer answer =
        /* A `wait` line between the two orders them, regardless of their
         * names. */
        other.barriers < conflicts->barriers
            ? JS_LINEAGE_YES
            : js_lineage_follows(&conflicts->lineage,
                                 (const uint64_t *)conflicts->parents.data,
                                 conflicts->parents.len / sizeof(uint64_t),
                                 other.seq);
    const char *what =
        answer == JS_LINEAGE_NO ? ", and neither job comes after the other"
        : answer == JS_LINEAGE_YES
            ? ". This job comes after it and replaces what it wrote"
            : ". Make sure that one of the two jobs comes after the other";
    js_err_set(ret_what,
               "%s=%.200s: the job on line %" PRIu64
               " writes to the same file%s",
               attribute, path, other.line, what);
    return answer == JS_LINEAGE_NO ? JS_CONFLICT_ERROR : JS_CONFLICT_WARNING;
}
