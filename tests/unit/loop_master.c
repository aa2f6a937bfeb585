/* The master as it is, on the recorder of the tests. */
#include "loop_master.h"

#include "mpi/master.c"      /* NOLINT(bugprone-suspicious-include) */
#include "mpi/master_news.c" /* NOLINT(bugprone-suspicious-include) */
#include "mpi/meeting.c"     /* NOLINT(bugprone-suspicious-include) */
