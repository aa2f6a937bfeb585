#include "core/job.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct js_job *js_job_new(uint64_t id, const char *command, size_t len)
{
    struct js_job *job = malloc(sizeof(*job) + len + 1);
    if (!job)
        return NULL;
    *job = (struct js_job){
        .id = id, .kind = JS_JOB_COMMAND, .attempt = 1, .command_len = len};
    memcpy(job->command, command, len);
    job->command[len] = '\0';
    return job;
}

struct js_job *js_job_new_simulated(uint64_t id, int64_t duration_ns)
{
    struct js_job *job = js_job_new(id, "", 0);
    if (!job)
        return NULL;
    job->kind = JS_JOB_SIMULATED;
    job->duration_ns = duration_ns;
    return job;
}

void js_job_free(struct js_job *job)
{
    int saved = errno;
    free(job);
    errno = saved;
}

void js_job_queue_push(struct js_job_queue *queue, struct js_job *job)
{
    job->next = NULL;
    if (!queue->tail)
        queue->tail = &queue->head;
    *queue->tail = job;
    queue->tail = &job->next;
    queue->count++;
}

void js_job_queue_push_front(struct js_job_queue *queue, struct js_job *job)
{
    job->next = queue->head;
    if (!queue->head)
        queue->tail = &job->next;
    queue->head = job;
    queue->count++;
}

struct js_job *js_job_queue_pop(struct js_job_queue *queue)
{
    struct js_job *job = queue->head;
    if (!job)
        return NULL;
    queue->head = job->next;
    if (!queue->head)
        queue->tail = NULL;
    queue->count--;
    job->next = NULL;
    return job;
}

void js_job_queue_release(struct js_job_queue *queue)
{
    struct js_job *job;
    while ((job = js_job_queue_pop(queue)))
        js_job_free(job);
}
