/*
 * runner_folder - a folder of the run's own that jobs need, and that somebody
 * may take away while it goes on.
 *
 * Owns nothing but what it remembers of the folder: that it was there, and how.
 * So one that never was there is not made, and a share that is no longer
 * mounted is not taken for an empty place.
 */
#ifndef JS_RUNNER_JOB_FOLDER_H
#define JS_RUNNER_JOB_FOLDER_H

#include <stdbool.h>
#include <sys/types.h>

struct js_job_folder {
    const char *path; /* borrowed */
    bool is_known;    /* it was there */
    mode_t mode;      /* as it was */
    dev_t device;
};

enum js_job_folder_state {
    JS_JOB_FOLDER_FINE,  /* it is there; or it never was */
    JS_JOB_FOLDER_THERE, /* it is there, and has just been made */
    JS_JOB_FOLDER_GONE,  /* it cannot be used, nor made: errno says why */
};

/* Remembers it as it is now. */
void js_job_folder_note(struct js_job_folder *folder, const char *path);

/* Makes it anew if it is gone. Of several who do so at a time one is told
 * THERE, the others FINE. */
enum js_job_folder_state
js_job_folder_restore(const struct js_job_folder *folder);

#endif
