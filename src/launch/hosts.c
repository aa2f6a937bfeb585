#include "launch/hosts.h"

#include "base/clock.h"
#include "base/err.h"
#include "base/text.h"
#include "base/units.h"
#include "launch/mpirun.h"
#include "launch/subprocess.h"

#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char blanks[] = " \t\r\n";
enum { SLOTS_MOST = 1000000 };

void js_hosts_release(struct js_hosts *hosts)
{
    for (size_t i = 0; i < hosts->count; i++)
        free(hosts->items[i].name);
    free(hosts->items);
    *hosts = (struct js_hosts){NULL, 0, 0};
}

int js_hosts_add(struct js_hosts *hosts, const char *name, uint32_t slots)
{
    /* A host may be listed by its short name and by its full one. Counting it
     * twice would give it too many ranks. */
    for (size_t i = 0; i < hosts->count; i++) {
        struct js_host *host = &hosts->items[i];
        if (!js_host_is_same(host->name, name))
            continue;
        /* Of several lines, one that does not state slots counts as one. */
        host->slots += (host->slots == 0) + (slots == 0 ? 1 : slots);
        return 0;
    }
    struct js_host *items = js_buf_grow(hosts->items, &hosts->capacity,
                                        hosts->count + 1, sizeof(*items));
    if (!items)
        return -1;
    hosts->items = items;
    char *copy = strdup(name);
    if (!copy)
        return -1;
    hosts->items[hosts->count++] = (struct js_host){copy, slots};
    return 0;
}

void js_hosts_drop(struct js_hosts *hosts, size_t i)
{
    free(hosts->items[i].name);
    hosts->count--;
    memmove(&hosts->items[i], &hosts->items[i + 1],
            (hosts->count - i) * sizeof(hosts->items[0]));
}

bool js_hosts_is_here(const struct js_hosts *hosts, size_t i)
{
    const char *name = hosts->items[i].name;
    char own[256] = "";
    gethostname(own, sizeof(own) - 1);
    return js_host_is_same(name, own) || strcmp(name, "localhost") == 0;
}

uint64_t js_hosts_slots(const struct js_hosts *hosts)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < hosts->count; i++) {
        if (hosts->items[i].slots == 0)
            return 0;
        sum += hosts->items[i].slots;
    }
    return sum;
}

uint32_t js_hosts_common_slots(uint32_t a, uint32_t b)
{
    while (b > 0) {
        uint32_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

uint32_t js_hosts_divisor(uint32_t slots, uint32_t most)
{
    uint32_t divisor = slots < most ? slots : most;
    while (divisor > 1 && slots % divisor > 0)
        divisor--;
    return divisor > 0 ? divisor : 1;
}

uint32_t js_hosts_divide(struct js_hosts *hosts, uint32_t most)
{
    uint32_t divisor = 0;
    for (size_t i = 0; i < hosts->count; i++)
        divisor = js_hosts_common_slots(divisor, hosts->items[i].slots);
    divisor = js_hosts_divisor(divisor, most);
    for (size_t i = 0; divisor > 0 && i < hosts->count; i++)
        hosts->items[i].slots /= divisor;
    return divisor;
}

/* ---------------------------------------------------------------- reading */

static int hosts_parse_slots(const char *text, uint32_t *ret)
{
    uint64_t slots;
    if (js_parse_count(text, &slots) < 0 || slots == 0 || slots > SLOTS_MOST)
        return -1;
    *ret = (uint32_t)slots;
    return 0;
}

static int hosts_read_line(char *line, struct js_hosts *hosts,
                           const char *place, struct js_err *err)
{
    static const char slots_name[] = "slots=";
    char *rest = NULL, *word;
    uint32_t slots = 0;
    line[strcspn(line, "#")] = '\0';
    char *name = strtok_r(line, blanks, &rest);
    if (!name)
        return 0;
    char *colon = strchr(name, ':');
    if (colon)
        *colon++ = '\0';
    /* The name becomes an argument of ssh, for which a leading '-' is an
     * option. */
    if (!js_host_is_name(name))
        return js_err_set(err,
                          "%s: \"%s\" is not a valid host name (ssh could take "
                          "it for something else)",
                          place, name);
    int rc = colon ? hosts_parse_slots(colon, &slots) : 0;
    /* Words that do not concern slots are meant for mpirun. */
    while (rc == 0 && (word = strtok_r(NULL, blanks, &rest))) {
        if (strncmp(word, slots_name, strlen(slots_name)) == 0)
            rc = hosts_parse_slots(word + strlen(slots_name), &slots);
    }
    if (rc < 0)
        return js_err_set(err,
                          "%s: the slots of host \"%s\" must be a number from "
                          "1 to %d, as in \"%s slots=4\"",
                          place, name, SLOTS_MOST, name);
    if (js_hosts_add(hosts, name, slots) < 0)
        return js_err_errno(err, "%s", place);
    return 0;
}

int js_hosts_read(const char *path, struct js_hosts *ret, struct js_err *err)
{
    char *line = NULL;
    size_t size = 0;
    int rc = 0;
    FILE *file = fopen(path, "re");
    if (!file)
        return js_err_errno(err, "cannot read the hostfile %s", path);
    for (unsigned number = 1; rc == 0 && getline(&line, &size, file) >= 0;
         number++) {
        char place[256];
        snprintf(place, sizeof(place), "%s:%u", path, number);
        rc = hosts_read_line(line, ret, place, err);
    }
    if (rc == 0 && ferror(file))
        rc = js_err_errno(err, "cannot read the hostfile %s", path);
    free(line);
    fclose(file);
    if (rc == 0 && ret->count == 0)
        rc = js_err_set(err,
                        "the hostfile %s names no host: write one per line, "
                        "such as \"n1 slots=4\"",
                        path);
    return rc;
}

int js_hosts_write(const char *path, const struct js_hosts *hosts)
{
    FILE *file = fopen(path, "we");
    if (!file)
        return -1;
    for (size_t i = 0; i < hosts->count; i++) {
        const struct js_host *host = &hosts->items[i];
        fprintf(file, "%s", host->name);
        if (host->slots > 0)
            fprintf(file, " slots=%u", host->slots);
        fputc('\n', file);
    }
    bool has_failed = ferror(file) != 0;
    return fclose(file) != 0 || has_failed ? -1 : 0;
}

/* ---------------------------------------------------------------- probing */

/* The time in which a host must answer, and in which its mpirun must end after
 * a SIGTERM. */
static const int64_t answer_ns = 20 * JS_NS_PER_S;
static const int64_t leave_ns = 5 * JS_NS_PER_S;

static const struct timespec pause_between = {.tv_nsec = 50 * JS_NS_PER_MS};

/* Collects probes that have ended; their pid becomes 0. The others get this
 * signal (0: none). Returns true while there are others. */
static bool hosts_collect_probes(pid_t *pids, size_t count, int number,
                                 bool *are_well)
{
    bool is_any_left = false;
    for (size_t i = 0; i < count; i++) {
        int status = 0;
        pid_t pid = pids[i] > 0 ? waitpid(pids[i], &status, WNOHANG) : -1;
        if (pid > 0)
            are_well[i] = WIFEXITED(status) && WEXITSTATUS(status) == 0;
        if (pid != 0) {
            pids[i] = 0;
            continue;
        }
        kill(pids[i], number);
        is_any_left = true;
    }
    return is_any_left;
}

void js_hosts_probe(const struct js_hosts *hosts,
                    const struct js_mpirun *mpirun,
                    bool (*is_to_stop)(void *arg), void *arg, bool *are_well)
{
    size_t count = hosts->count;
    pid_t *pids = calloc(count + 1, sizeof(*pids));
    int64_t until_ns = js_clock_ns() + answer_ns;
    if (!pids)
        return;
    for (size_t i = 0; i < count; i++) {
        are_well[i] = false;
        struct js_argv argv = JS_ARGV_INIT;
        if (js_mpirun_make_probe(mpirun, hosts->items[i].name, &argv) == 0)
            pids[i] = js_subprocess_start(
                &argv, JS_SUBPROCESS_DEAF | JS_SUBPROCESS_MUTE, -1, -1, -1);
        js_argv_release(&argv);
    }
    /* The probes of all hosts run at once, so one that hangs costs no more than
     * the time limit, however many hosts there are. */
    int number = 0;
    while (hosts_collect_probes(pids, count, number, are_well)) {
        nanosleep(&pause_between, NULL);
        int64_t now_ns = js_clock_ns();
        if (is_to_stop(arg) && until_ns > now_ns)
            until_ns = now_ns;
        if (now_ns > until_ns)
            number = now_ns > until_ns + leave_ns ? SIGKILL : SIGTERM;
    }
    free(pids);
}
