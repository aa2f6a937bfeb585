/*
 * smpi.h - included before everything else when jobsched is compiled for
 * SimGrid's SMPI. SMPI replaces the clocks and sleeps, but not ppoll(). Here
 * ppoll() is a sleep, because simulated processes have no descriptors to wait
 * for.
 */
#ifndef JS_TESTS_SMPI_H
#define JS_TESTS_SMPI_H

#include <poll.h>
#include <signal.h>
#include <time.h>

int smpi_ppoll(struct pollfd *fds, nfds_t count, const struct timespec *pause,
               const sigset_t *mask);
#define ppoll smpi_ppoll

#endif
