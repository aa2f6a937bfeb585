#include "base/invariant.h"

#include <stdio.h>
#include <stdlib.h>

void js_invariant_check(bool holds, const char *condition, const char *file,
                        int line)
{
    if (holds)
        return;
    (void)fprintf(stderr, "jobsched: %s:%d: this must hold, and does not: %s\n",
                  file, line, condition);
    abort();
}
