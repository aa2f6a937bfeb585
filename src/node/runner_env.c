#include "node/runner_env.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { OWN_MAX = 10 };

static const char function_prefix[] = "BASH_FUNC_";

static bool begins(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* Takes over one variable of the configuration. */
static void take(struct js_job_env *env, const char *variable, size_t *at)
{
    if (begins(variable, "JOBSCHED_") || begins(variable, "PWD="))
        return;
    if (begins(variable, "OMP_NUM_THREADS="))
        env->sets_omp = false;
    if (begins(variable, "PATH=") && !env->path)
        env->path = variable + strlen("PATH=");
    if (begins(variable, function_prefix))
        env->functions[env->function_count++] = variable;
    env->list[(*at)++] = variable;
}

static int format_cpus(struct js_job_env *env,
                       const struct js_runner_config *config)
{
    for (uint32_t i = 0; i < config->slots; i++) {
        struct js_buf list = JS_BUF_INIT;
        if (js_cpuset_format(&config->slot_cpus[i], &list) < 0 ||
            !js_buf_string(&list)) {
            js_buf_release(&list);
            return -1;
        }
        env->cpus[i] = list.data;
        env->slots++;
    }
    return 0;
}

int js_job_env_init(struct js_job_env *env,
                    const struct js_runner_config *config)
{
    size_t count = 0;
    size_t at = OWN_MAX;
    while (config->env[count])
        count++;
    *env = (struct js_job_env){.sets_omp = true};
    env->list = calloc(OWN_MAX + count + 1, sizeof(*env->list));
    env->functions = calloc(count + 1, sizeof(*env->functions));
    env->cpus = calloc(config->slots, sizeof(*env->cpus));
    size_t pwd_size = strlen("PWD=") + strlen(config->cwd) + 1;
    env->pwd = malloc(pwd_size);
    if (!env->list || !env->functions || !env->cpus || !env->pwd ||
        format_cpus(env, config) < 0) {
        js_job_env_release(env);
        return -1;
    }
    snprintf(env->pwd, pwd_size, "PWD=%s", config->cwd);
    for (size_t i = 0; i < count; i++)
        take(env, config->env[i], &at);
    return 0;
}

void js_job_env_release(struct js_job_env *env)
{
    for (uint32_t i = 0; env->cpus && i < env->slots; i++)
        free(env->cpus[i]);
    free(env->cpus);
    free(env->list);
    free(env->functions);
    free(env->pwd);
    js_buf_release(&env->values);
    *env = (struct js_job_env){0};
}

/* The values, each with a NUL behind it. */
static int format_values(struct js_job_env *env,
                         const struct js_runner_config *config,
                         const struct js_runner_job *job)
{
    struct js_buf *to = &env->values;
    to->len = 0;
    if (js_buf_printf(to,
                      "JOBSCHED_JOB_ID=%llu%cJOBSCHED_ATTEMPT=%u%c"
                      "JOBSCHED_JOB_NAME=%s%cJOBSCHED_SLAVE=%u%c",
                      (unsigned long long)job->id, 0, job->attempt, 0,
                      job->name, 0, config->slave, 0) < 0)
        return -1;
    if (js_buf_printf(to,
                      "JOBSCHED_SLOT=%u%cJOBSCHED_NODE=%s%c"
                      "JOBSCHED_CORES=%u%cJOBSCHED_CPUS=%s%c",
                      job->slot, 0, config->host, 0, job->cores, 0,
                      env->cpus[job->slot], 0) < 0)
        return -1;
    if (env->sets_omp)
        return js_buf_printf(to, "OMP_NUM_THREADS=%u%c", job->cores, 0);
    return 0;
}

const char *const *js_job_env_of(struct js_job_env *env,
                                 const struct js_runner_config *config,
                                 const struct js_runner_job *job)
{
    size_t count = 0;
    const char *entries[OWN_MAX];
    if (format_values(env, config, job) < 0)
        return NULL;
    const char *end = env->values.data + env->values.len;
    for (const char *at = env->values.data; at < end; at += strlen(at) + 1)
        entries[count++] = at;
    entries[count++] = env->pwd;
    /* They end where the configuration's begin. */
    const char **list = env->list + OWN_MAX - count;
    memcpy(list, entries, count * sizeof(*entries));
    return list;
}

bool js_job_env_has_function(const struct js_job_env *env, const char *word)
{
    size_t len = strlen(word);
    for (size_t i = 0; i < env->function_count; i++) {
        const char *name = env->functions[i] + strlen(function_prefix);
        if (strncmp(name, word, len) == 0 &&
            (name[len] == '%' || name[len] == '('))
            return true;
    }
    return false;
}
