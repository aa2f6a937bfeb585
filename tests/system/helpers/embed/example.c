/* A program of one's own around jobsched: needs the public header alone. It
 * reports to a file, because some mpiruns drop what a rank writes just before
 * it leaves with a status of its own. */
#include <jobsched.h>

#include <stdio.h>

int main(int argc, char **argv)
{
    struct jobsched_config config;
    struct jobsched_result result;

    jobsched_config_init(&config);
    config.job_file = argc > 1 ? argv[1] : NULL;
    jobsched_run(&config, &result);
    if (result.is_master) {
        FILE *report = fopen("report", "a");
        if (!report)
            return JOBSCHED_BROKEN;
        fprintf(report,
                "example: status %d, %llu done, %llu failed, %llu left, "
                "%u slaves\n",
                (int)result.status, (unsigned long long)result.done,
                (unsigned long long)result.failed,
                (unsigned long long)result.left, result.slaves);
        fprintf(report, "example: summary: %s\n", result.summary);
        fprintf(report, "example: error: %s\n", result.error);
        fclose(report);
    }
    return result.status;
}
