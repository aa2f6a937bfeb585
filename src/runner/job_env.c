#include "runner/job_env.h"

#include "base/userenv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Room in the list for the variables set here, which come before the rest. */
enum { OWN_MAX = 22 };

static const char function_prefix[] = "BASH_FUNC_";

static bool begins(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* This is done only once, because every job gets such a list. */
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

/* Appends the job that this whole run is part of, and the jobs that contain
 * it. */
static int find_outer(struct js_job_env *env, const char *const *outer)
{
    struct js_mark mark;
    char text[JS_MARK_SIZE];
    const char *run = js_userenv_find(outer, JS_MARK_VARIABLE);
    const char *id = js_userenv_find(outer, "JOBSCHED_JOB_ID");
    const char *attempt = js_userenv_find(outer, "JOBSCHED_ATTEMPT");
    const char *within = js_userenv_find(outer, JS_WITHIN_VARIABLE);
    if (!run || !id || !attempt || !js_mark_parse(run, &mark))
        return 0;
    js_mark_format(&mark, text);
    return js_buf_printf(&env->within, "%s=%s/%s/%s%s%s%c", JS_WITHIN_VARIABLE,
                         text, id, attempt, within ? " " : "",
                         within ? within : "", 0);
}

int js_job_env_init(struct js_job_env *env,
                    const struct js_runner_config *config)
{
    /* New variables are written to the left of `at`, as many as there are, so
     * that the list of most jobs is a pointer into one array. */
    size_t count = 0;
    size_t at = OWN_MAX;
    while (config->env[count])
        count++;
    *env = (struct js_job_env){.sets_omp = true};
    env->list = calloc(OWN_MAX + count + 1, sizeof(*env->list));
    env->functions = calloc(count + 1, sizeof(*env->functions));
    env->cpus = calloc(config->slots, sizeof(*env->cpus));
    size_t pwd_size = strlen("PWD=") + strlen(config->settings.cwd) + 1;
    env->pwd = malloc(pwd_size);
    if (!env->list || !env->functions || !env->cpus || !env->pwd ||
        format_cpus(env, config) < 0 || find_outer(env, config->env) < 0) {
        js_job_env_release(env);
        return -1;
    }
    snprintf(env->pwd, pwd_size, "PWD=%s", config->settings.cwd);
    /* This process and the jobs have the same session. */
    struct js_mark mark = {
        .run = config->settings.run_id,
        .session = config->settings.allow_leftovers ? (uint64_t)getsid(0) : 0};
    if (mark.run)
        js_mark_format(&mark, env->mark);
    for (size_t i = 0; i < count; i++) {
        const char *variable = config->env[i];
        /* Variables of a job that this run is part of would be mistaken for
         * ours. PWD is that of the master, and may be a different folder here.
         */
        if (begins(variable, "JOBSCHED_") || begins(variable, "PWD="))
            continue;
        env->sets_omp &= !begins(variable, "OMP_NUM_THREADS=");
        env->is_in_slurm |= begins(variable, "SLURM_JOB_ID=");
        if (begins(variable, "PATH=") && !env->path)
            env->path = variable + strlen("PATH=");
        if (begins(variable, function_prefix))
            env->functions[env->function_count++] = variable;
        env->list[at++] = variable;
    }
    return 0;
}

void js_job_env_release(struct js_job_env *env)
{
    for (uint32_t i = 0; env->cpus && i < env->slots; i++)
        free(env->cpus[i]);
    free(env->cpus);
    free(env->list);
    free(env->own_list);
    free(env->functions);
    free(env->pwd);
    js_buf_release(&env->values);
    js_buf_release(&env->within);
    *env = (struct js_job_env){0};
}

/* Returns the last value that the details give this variable, or NULL. */
static const char *own_value(const struct js_job_spec *details,
                             const char *name)
{
    const char *found = NULL, *entry = NULL;
    while (details->env_count > 0 &&
           (entry = js_job_spec_env(details, entry))) {
        const char *value = js_userenv_match(entry, name);
        found = value ? value : found;
    }
    return found;
}

const char *js_job_env_path(const struct js_job_env *env,
                            const struct js_job_spec *details)
{
    /* The program is looked for as a shell would: in the job's own PATH. */
    const char *path = own_value(details, "PATH");
    return path ? path : env->path;
}

/* True if the details or the configuration set this variable. */
static bool job_env_is_set(const struct js_job_env *env,
                           const struct js_job_spec *details, const char *name)
{
    return own_value(details, name) ||
           js_userenv_find(env->list + OWN_MAX, name);
}

/* Appends variables for the resources that the job has, each followed by a NUL.
 */
static int format_resources(struct js_buf *to, const struct js_job_env *env,
                            const struct js_runner_job *job,
                            const struct js_job_spec *details,
                            const char *hostfile)
{
    /*
     * An mpirun that detects Slurm takes the whole allocation, and not only the
     * job's part of it, and waits forever for Slurm to start something where
     * the run itself is (measured with Open MPI 4.1.4 and Slurm 22.05). For one
     * host it needs no Slurm; for several a hostfile names them, and Slurm must
     * let steps overlap with the run. (This is for Open MPI 4 and 5.)
     */
    static const char *const of_one_host[] = {"OMPI_MCA_ras", "PRTE_MCA_ras",
                                              NULL};
    static const char *const of_several[] = {"SLURM_OVERLAP", NULL};
    const char *const *name = job->hosts ? of_several : of_one_host;
    if (job->gpus && js_buf_printf(to,
                                   "CUDA_VISIBLE_DEVICES=%s%c"
                                   "ROCR_VISIBLE_DEVICES=%s%c",
                                   job->gpus, 0, job->gpus, 0) < 0)
        return -1;
    /* The GPU numbers follow this order. */
    if (job->gpus && !job_env_is_set(env, details, "CUDA_DEVICE_ORDER") &&
        js_buf_printf(to, "CUDA_DEVICE_ORDER=PCI_BUS_ID%c", 0) < 0)
        return -1;
    if (job->hosts &&
        js_buf_printf(to, "JOBSCHED_NODELIST=%s%cJOBSCHED_HOSTFILE=%s%c",
                      job->hosts, 0, hostfile, 0) < 0)
        return -1;
    for (; env->is_in_slurm && *name; name++) {
        if (!job_env_is_set(env, details, *name) &&
            js_buf_printf(to, "%s=%s%c", *name, job->hosts ? "1" : "^slurm",
                          0) < 0)
            return -1;
    }
    return 0;
}

/* Writes the values, each followed by a NUL. */
static int format_values(struct js_job_env *env,
                         const struct js_runner_config *config,
                         const struct js_runner_job *job,
                         const struct js_job_spec *details,
                         const char *hostfile)
{
    struct js_buf *to = &env->values;
    const char *dir = details->dir;
    to->len = 0;
    if (js_buf_printf(to,
                      "JOBSCHED_JOB_ID=%llu%cJOBSCHED_ATTEMPT=%u%c"
                      "JOBSCHED_JOB_NAME=%s%cJOBSCHED_SLAVE=%u%c"
                      "JOBSCHED_SLOT=%u%cJOBSCHED_NODE=%s%c"
                      "JOBSCHED_CORES=%u%cJOBSCHED_CPUS=",
                      (unsigned long long)job->id, 0, job->attempt, 0,
                      details->name ? details->name : "", 0, config->slave, 0,
                      job->slot, 0, config->host, 0, job->cores, 0) < 0)
        return -1;
    int rc = job->cpus ? js_cpuset_format(job->cpus, to)
                       : js_buf_puts(to, env->cpus[job->slot]);
    if (rc < 0 || js_buf_append(to, "", 1) < 0 ||
        js_buf_append(to, env->within.data, env->within.len) < 0)
        return -1;
    if (env->mark[0] &&
        js_buf_printf(to, "%s=%s%c", JS_MARK_VARIABLE, env->mark, 0) < 0)
        return -1;
    if (format_resources(to, env, job, details, hostfile) < 0)
        return -1;
    /* A shell keeps a PWD that is right, and with it the path that the user
     * took. */
    if (dir && js_buf_printf(to, "PWD=%s%s%s%c",
                             dir[0] == '/' ? "" : config->settings.cwd,
                             dir[0] == '/' ? "" : "/", dir, 0) < 0)
        return -1;
    if (env->sets_omp && !own_value(details, "OMP_NUM_THREADS"))
        return js_buf_printf(to, "OMP_NUM_THREADS=%u%c", job->cores, 0);
    return 0;
}

/* Writes the values of the template that the job was made with, in the same
 * way. */
static int job_env_format_args(struct js_buf *to,
                               const struct js_job_spec *details)
{
    const char *arg = NULL;
    while (details->arg_count > 0 && (arg = js_job_spec_arg(details, arg))) {
        if (js_buf_printf(to, "JOBSCHED_ARG_%s%c", arg, 0) < 0)
            return -1;
    }
    return 0;
}

/* Returns the position between `at` and `end` of the variable with that name,
 * or `end`. */
static size_t find_name(const char *const *list, size_t at, size_t end,
                        const char *entry)
{
    size_t len = strcspn(entry, "=");
    while (at < end &&
           !(strncmp(list[at], entry, len) == 0 && list[at][len] == '='))
        at++;
    return at;
}

/* Returns the variables set here, then those of the details, then what is left
 * of the configuration's environment; or NULL with errno ENOMEM. `args` are the
 * values of the template, each followed by a NUL. */
static const char **merge(struct js_job_env *env, const char *const *first,
                          size_t count, const char *args,
                          const struct js_job_spec *details)
{
    size_t size = count + details->arg_count + details->env_count + 1;
    for (const char **p = env->list + OWN_MAX; *p; p++)
        size++;
    free(env->own_list);
    env->own_list = calloc(size, sizeof(*env->own_list));
    if (!env->own_list)
        return NULL;
    const char **list = env->own_list;
    memcpy(list, first, count * sizeof(*list));
    for (size_t i = 0; i < details->arg_count; i++) {
        list[count++] = args;
        args += strlen(args) + 1;
    }
    size_t at = count;
    for (const char *entry = NULL; (entry = js_job_spec_env(details, entry));) {
        /* The variables that jobsched sets about a job must be right, even if
         * env= sets them. */
        if (begins(entry, "JOBSCHED_"))
            continue;
        /* The list contains each name once, with its last value. */
        size_t i = find_name(list, count, at, entry);
        list[i] = entry;
        at += i == at;
    }
    size_t own = at;
    for (const char **p = env->list + OWN_MAX; *p; p++) {
        if (find_name(list, 0, own, *p) == own)
            list[at++] = *p;
    }
    list[at] = NULL;
    return list;
}

const char *const *js_job_env_of(struct js_job_env *env,
                                 const struct js_runner_config *config,
                                 const struct js_runner_job *job,
                                 const struct js_job_spec *details,
                                 const char *hostfile)
{
    size_t count = 0;
    const char *entries[OWN_MAX];
    if (format_values(env, config, job, details, hostfile) < 0)
        return NULL;
    /* Most jobs have no such values. There may be many of them, so they have no
     * room of their own in the list. */
    size_t own_len = env->values.len;
    if (job_env_format_args(&env->values, details) < 0)
        return NULL;
    const char *end = env->values.data + own_len;
    for (const char *at = env->values.data; at < end; at += strlen(at) + 1)
        entries[count++] = at;
    if (!details->dir)
        entries[count++] = env->pwd;
    if (details->env_count > 0 || details->arg_count > 0 || job->gpus)
        return merge(env, entries, count, end, details);
    /* Most jobs have nothing of their own, and the environment of a user may be
     * long, so it is not copied: our variables end where the configuration's
     * begin. */
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
