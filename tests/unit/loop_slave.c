/* The slave as it is, on the runner of the tests. */
#include "fake_runner.h"
#include "mpi/slave.c" /* NOLINT(bugprone-suspicious-include) */

int loop_slave_greet(struct js_slave *slave, struct js_err *err)
{
    return say_hello(slave, err);
}

int loop_slave_wait(struct js_slave *slave, struct js_err *err)
{
    return slave_wait_for_news(slave, err);
}
