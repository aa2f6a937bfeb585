#include "list/targets.h"

#include "base/buf.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

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

struct claim {
    struct key key;
    struct js_target_job job;
};

/* A hash table with open addressing. */
struct claims {
    struct claim *slots;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
};

/* What was written so far. Each file has up to KEYS_MAX keys, and all of them
 * are claimed, because the next job may name it in another way. */
struct js_targets {
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

struct js_targets *js_targets_new(bool is_stream)
{
    struct js_targets *targets = calloc(1, sizeof(*targets));
    if (!targets)
        return NULL;
    /* Taken once, because asking for it again would cost a system call for each
     * job. */
    targets->cwd = getcwd(NULL, 0);
    targets->is_stream = is_stream;
    return targets;
}

void js_targets_free(struct js_targets *targets)
{
    if (!targets)
        return;
    int saved = errno;
    free(targets->now.slots);
    free(targets->past.slots);
    free(targets->own.slots);
    free(targets->cwd);
    free(targets);
    errno = saved;
}

/* ---------------------------------------------------------------- claims */

static bool is_same_key(const struct key *a, const struct key *b)
{
    return a->low == b->low && a->high == b->high;
}

static bool is_no_key(const struct key *key)
{
    return key->low == 0 && key->high == 0;
}

/* The slot of the key, or the one where it belongs. There must be room. */
static struct claim *targets_slot_of(const struct claims *claims,
                                     const struct key *key)
{
    size_t at = key->low & (claims->capacity - 1);
    while (!is_no_key(&claims->slots[at].key) &&
           !is_same_key(&claims->slots[at].key, key))
        at = (at + 1) & (claims->capacity - 1);
    return &claims->slots[at];
}

static const struct claim *find_claim(const struct claims *claims,
                                      const struct key *key)
{
    if (claims->capacity == 0)
        return NULL;
    const struct claim *claim = targets_slot_of(claims, key);
    return is_no_key(&claim->key) ? NULL : claim;
}

static int reserve_claims(struct claims *claims)
{
    if (claims->count < claims->capacity / 2)
        return 0;
    struct claims larger = {.capacity = claims->capacity ? 2 * claims->capacity
                                                         : SLOTS_MIN,
                            .count = claims->count};
    larger.slots = calloc(larger.capacity, sizeof(*larger.slots));
    if (!larger.slots)
        return -1;
    for (size_t i = 0; i < claims->capacity; i++) {
        const struct claim *claim = &claims->slots[i];
        if (!is_no_key(&claim->key))
            *targets_slot_of(&larger, &claim->key) = *claim;
    }
    free(claims->slots);
    *claims = larger;
    return 0;
}

/* Two generations: when the newer one is full, the older one is dropped as a
 * whole. A list of claims by age would take more memory for each. */
static void forget_past(struct js_targets *targets)
{
    free(targets->past.slots);
    targets->past = targets->now;
    targets->now = (struct claims){0};
}

/* If there is no memory, the claim is not remembered. */
static void put_claim(struct claims *claims, const struct key *key,
                      const struct js_target_job *job)
{
    if (reserve_claims(claims) < 0)
        return;
    struct claim *claim = targets_slot_of(claims, key);
    claims->count += is_no_key(&claim->key);
    *claim = (struct claim){*key, *job};
}

static void keep_claim(struct js_targets *targets, const struct key *key,
                       const struct js_target_job *job)
{
    if (targets->is_stream && targets->now.count >= STREAM_CLAIMS)
        forget_past(targets);
    put_claim(&targets->now, key, job);
}

/* ---------------------------------------------------------------- paths */

/* Makes "DIR/PATH" unless PATH is absolute. False: it is too long. */
static bool join_path(char ret[PATH_MAX], const char *dir, const char *path)
{
    int len = path[0] == '/' || !dir
                  ? snprintf(ret, PATH_MAX, "%s", path)
                  : snprintf(ret, PATH_MAX, "%s/%s", dir, path);
    return len > 0 && len < PATH_MAX;
}

/* Removes "//" and "/./" from an absolute path, and "/../" as if no folder were
 * a link. True if there was no "/../". */
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

static bool begins_with(const char *path, const char *start)
{
    return strncmp(path, start, strlen(start)) == 0;
}

/* /dev/shm holds ordinary files. */
static bool is_of_system(const char *folded)
{
    return begins_with(folded, "/proc/") ||
           (begins_with(folded, "/dev/") && !begins_with(folded, "/dev/shm/"));
}

/* The length of an absolute path's folder, with the slash. */
static size_t folder_len(const char *path)
{
    return (size_t)(strrchr(path, '/') + 1 - path);
}

/* ---------------------------------------------------------------- keys */

/* The lowest bit is set, so that no hash is all zero, which means an empty
 * slot. */
static struct key targets_hash_of(const void *bytes, size_t len)
{
    XXH128_hash_t hash = XXH3_128bits(bytes, len);
    return (struct key){hash.low64 | 1, hash.high64};
}

/* A file that exists is known by its inode, one that does not by its folder's
 * inode and its name. */
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

static bool look_at(struct js_targets *targets, const char *path,
                    struct stat *ret)
{
    if (targets->looks >= LOOKS_MAX)
        return false;
    targets->looks++;
    return stat(path, ret) == 0;
}

/* Jobs in a row mostly write to the same folder, so the last answer is kept. */
static void targets_look_at_folder(struct js_targets *targets, const char *path)
{
    size_t len = folder_len(path);
    if (strncmp(targets->folder, path, len) == 0 && !targets->folder[len])
        return;
    memcpy(targets->folder, path, len);
    targets->folder[len] = '\0';
    targets->is_folder_there =
        look_at(targets, targets->folder, &targets->folder_stat);
}

/* Follows a link to a file that does not exist yet. */
static bool follow_link(struct js_targets *targets, char path[PATH_MAX])
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

/* Finds all keys of a file. Returns how many there are. */
static size_t keys_of(struct js_targets *targets, char path[PATH_MAX],
                      struct key ret[KEYS_MAX])
{
    char folded[PATH_MAX];
    struct stat st;
    size_t count = 0;
    bool is_there = look_at(targets, path, &st);
    for (int i = 0; i < HOPS_MAX && !is_there; i++) {
        if (!follow_link(targets, path))
            break;
        is_there = look_at(targets, path, &st);
    }
    snprintf(folded, sizeof(folded), "%s", path);
    bool is_plain = fold_path(folded);
    if ((is_there && !S_ISREG(st.st_mode)) || is_of_system(folded))
        return 0;
    targets_look_at_folder(targets, path);
    /* A path with ".." may lead elsewhere if a folder is a link; the inodes
     * then decide. */
    if (is_plain || !targets->is_folder_there)
        ret[count++] = targets_hash_of(folded, strlen(folded));
    if (targets->is_folder_there)
        ret[count++] =
            key_of_inode(&targets->folder_stat, path + folder_len(path));
    if (is_there)
        ret[count++] = key_of_inode(&st, "");
    return count;
}

static const struct claim *find_any(const struct js_targets *targets,
                                    const struct key *key)
{
    const struct claim *claim = find_claim(&targets->now, key);
    return claim ? claim : find_claim(&targets->past, key);
}

/* Finds all keys of the file at `path`, relative to `dir`. */
static size_t find_keys(struct js_targets *targets, const char *dir,
                        const char *path, struct key ret[KEYS_MAX])
{
    char folder[PATH_MAX], whole[PATH_MAX];
    if (!targets->cwd || !join_path(folder, targets->cwd, dir ? dir : ".") ||
        !join_path(whole, folder, path))
        return 0;
    return keys_of(targets, whole, ret);
}

void js_targets_add_own(struct js_targets *targets,
                        const struct js_target_own *own)
{
    struct key keys[KEYS_MAX];
    const struct js_target_job job = {.own = own->what};
    size_t count = own->path ? find_keys(targets, NULL, own->path, keys) : 0;
    for (size_t i = 0; i < count; i++)
        put_claim(&targets->own, &keys[i], &job);
}

bool js_targets_add(struct js_targets *targets, const char *dir,
                    const char *path, const struct js_target_job *job,
                    struct js_target_job *ret)
{
    struct key keys[KEYS_MAX];
    size_t count = find_keys(targets, dir, path, keys);
    *ret = (struct js_target_job){0};
    for (size_t i = 0; i < count; i++) {
        const struct claim *own = find_claim(&targets->own, &keys[i]);
        if (own) {
            *ret = own->job;
            return true;
        }
        const struct claim *claim = find_any(targets, &keys[i]);
        if (claim && claim->job.seq > ret->seq && claim->job.seq != job->seq)
            *ret = claim->job;
    }
    for (size_t i = 0; i < count; i++)
        keep_claim(targets, &keys[i], job);
    return ret->seq != 0;
}
