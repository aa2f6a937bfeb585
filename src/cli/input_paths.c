#include "cli/input_paths.h"

#include "record/journal.h"

#include <stdlib.h>
#include <string.h>

/* A list from standard input cannot be read a second time. */
const char *js_input_paths_list(const struct jobsched_config *config)
{
    const char *list = config->job_file;
    return list && strcmp(list, "-") != 0 ? list : NULL;
}

char *js_input_paths_journal(const struct jobsched_config *config,
                             const char *otherwise, struct js_err *err)
{
    char *path = NULL;
    bool is_named = config->journal != NULL;
    if (is_named)
        path = strdup(config->journal);
    if ((is_named && !path) ||
        (!is_named && js_journal_name(config->job_file, &path) < 0))
        js_err_errno(err, "the journal");
    else if (!path)
        js_err_set(err,
                   "%s is not there, or is no regular file: name the "
                   "journal with --journal%s",
                   config->job_file, otherwise);
    return path;
}
