/*
 * terminal - the one on which a person sees what this process writes to stderr.
 *
 * Under mpirun a process's own stdout and stderr are a pty and a pipe, whatever
 * mpirun's are. So an mpirun on this host, the parent of rank 0, is asked for
 * its own (through /proc; observed with Open MPI 4.1.4), if it has the other
 * end of the pipe and passes on what comes as it is. From elsewhere (another
 * host, srun) nothing can be known: then there is no terminal.
 *
 * Owns a descriptor that is only asked, never written to. SIGWINCH does not
 * reach a rank, so the width is asked for each time.
 */
#ifndef JS_BASE_TERMINAL_H
#define JS_BASE_TERMINAL_H

#include <stdbool.h>
#include <sys/types.h>

/* Erases the line under the cursor and what is below: of a line that was too
 * long for a terminal made narrower some is there. Not from its first column
 * on: at the top of the screen tmux would take that for a new screen, and keep
 * the old one to scroll back to. */
#define JS_TERMINAL_ERASE "\r \033[J\r"

/* Where stdout goes, as seen from that terminal. */
enum js_stdout {
    JS_STDOUT_SAME,  /* to the same one; mpirun keeps no order between the
                        stdout and the stderr that it passes on to it */
    JS_STDOUT_OTHER, /* into a file, or to another device */
    JS_STDOUT_PIPE,  /* to a process, whose output may appear there too */
};

struct js_terminal {
    enum js_stdout out;
    bool can_draw;   /* it can move its cursor: TERM is not "dumb" */
    bool has_colour; /* ... and NO_COLOR is not set */
    int fd;          /* private from here on */
    pid_t owner;     /* whose stderr it is */
    pid_t launcher;  /* which the shell knows of; 0: the owner itself */
};

/* Finds it; NULL: there is none. `launcher` is the jobsched that has started
 * this process, as far as it is on this host: then this process has the
 * terminal at its own descriptors. 0: a shell has started mpirun. */
struct js_terminal *js_terminal_new(pid_t launcher);
void js_terminal_free(struct js_terminal *terminal); /* NULL is allowed */

/* True if a bar can be drawn on it that nothing is written into: where others
 * may write to it only if that `is_wanted`. */
bool js_terminal_takes_bar(const struct js_terminal *terminal, bool is_wanted);

/*
 * How many columns it has; 0 while nothing should be drawn there: it takes
 * nothing now (^S), somebody else has it in the foreground (a shell that waits
 * for a command), or it has gone.
 */
unsigned js_terminal_columns(const struct js_terminal *terminal);

#endif
