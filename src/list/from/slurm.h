/*
 * slurm - reads a batch script of Slurm, and makes a job of each array element.
 *
 *     #!/bin/sh
 *     #SBATCH --job-name=sweep --array=0-90:10
 *     #SBATCH --cpus-per-task=2 --time=00:30:00
 *     #SBATCH --output=out/%x.%3a
 *     ./sim --angle "$SLURM_ARRAY_TASK_ID"
 *
 * The interpreter of the first line runs the script. A script without --array
 * is one job. The elements are in ascending order, each once; a job's name is
 * that of --job-name (or of the file), "_" and the index. Cores, memory, GPUs,
 * nodes and the time limit are those that the #SBATCH lines ask for. What has
 * no meaning here (--partition, --mail-user) is in a warning of the first
 * entry; what cannot be honoured is an error.
 *
 * Without --output a job's output goes where that of other jobs goes. With it,
 * stdout and stderr go to one open file, unless --error names another. The
 * names in SLURM_ARRAY_JOB_ID and %A are the id of the batch job in which
 * jobsched runs, or 0; %j is "%A_%a".
 *
 * A hash of the script's text, without the options, is in the environment of
 * the job, in a variable that the job does not get: so it is part of the job's
 * identity.
 */
#ifndef JS_LIST_FROM_SLURM_H
#define JS_LIST_FROM_SLURM_H

#include "list/reader.h"

#include <stdbool.h>

struct js_from_slurm_config {
    const char *path;        /* of the script, for the jobs; NULL: `name` */
    bool is_stream;          /* there is no file, which is an error */
    const char *array;       /* instead of the script's --array; NULL: that */
    const char *const *args; /* $1 and so on; ends with NULL; NULL: none */
};

/* `name` is the input's name in messages. What *config points to is borrowed
 * until the reader is freed; NULL: all as usual. Returns NULL with errno ENOMEM
 * on failure. */
struct js_reader *js_from_slurm_new(const char *name,
                                    const struct js_from_slurm_config *config);

#endif
