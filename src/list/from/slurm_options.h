/*
 * slurm_options - what the #SBATCH lines of a batch script ask for.
 *
 * Owns the strings. It knows the options of sbatch (22.05): those that mean
 * something for a job of ours, those that have no meaning here, which are
 * collected, and those that cannot be honoured, which are errors.
 */
#ifndef JS_LIST_FROM_SLURM_OPTIONS_H
#define JS_LIST_FROM_SLURM_OPTIONS_H

#include "base/buf.h"
#include "list/from/lines.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A value and where it is; the text is NULL if it was not given. */
struct js_slurm_text {
    char *text;
    struct js_lines_place place;
};

/* All zero: nothing was asked for. */
struct js_slurm_options {
    struct js_slurm_text array, job_name, output, error, input, chdir;
    uint64_t cpus_per_task, ntasks, ntasks_per_node, nodes;
    uint64_t mem_bytes, mem_per_cpu_bytes;
    uint64_t gpus, gpus_per_node, gpus_per_task;
    int64_t time_ns;
    bool is_append;        /* --open-mode=append */
    struct js_buf ignored; /* "--partition, --account" */

    /* Used while a line is read. */
    struct js_buf word, value;
};

void js_slurm_options_release(struct js_slurm_options *options);

/*
 * Reads the line last returned by `lines`, which begins with "#SBATCH", or with
 * "#SLURM", which means the same. Returns 0, or -1 with *err, which says where,
 * and errno EINVAL or ENOMEM.
 */
int js_slurm_options_read(struct js_slurm_options *options,
                          const struct js_lines *lines, const char *text,
                          size_t len, struct js_err *err);

#endif
