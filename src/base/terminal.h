/*
 * terminal - the terminal on which the user sees this process's stderr.
 *
 * Under mpirun a process's own stdout and stderr are a pty and a pipe,
 * regardless of mpirun's. If the parent of rank 0 is an mpirun on this host,
 * this module finds mpirun's own terminal through /proc (observed with Open MPI
 * 4.1.4). This requires that mpirun has the other end of the pipe and passes
 * the output on unchanged. In all other cases (another host, srun) nothing can
 * be known, and there is no terminal.
 *
 * Owns a descriptor that is only queried, never written to. SIGWINCH does not
 * reach a rank, so the width is queried each time.
 */
#ifndef JS_BASE_TERMINAL_H
#define JS_BASE_TERMINAL_H

#include <stdbool.h>
#include <sys/types.h>

/* Erases the line under the cursor and everything below it. If the terminal was
 * made narrower, a longer line continues there. The sequence does not erase
 * from the first column on: at the top of the screen tmux would take that for a
 * new screen, and keep the old one in its history. */
#define JS_TERMINAL_ERASE "\r \033[J\r"

/* The target of stdout, compared with that terminal. */
enum js_stdout {
    JS_STDOUT_SAME,  /* to the same terminal; mpirun does not keep the order
                        between the stdout and the stderr that it passes on */
    JS_STDOUT_OTHER, /* into a file, or to another device */
    JS_STDOUT_PIPE,  /* to a process whose output may appear on the terminal too
                      */
};

struct js_terminal {
    enum js_stdout out;
    bool can_draw;   /* the cursor can be moved: TERM is not "dumb" */
    bool has_colour; /* and NO_COLOR is not set */
    int fd;          /* private, like the fields below */
    pid_t owner;     /* the process whose stderr it is */
    pid_t launcher;  /* the process that the shell knows; 0: the owner */
};

/* Finds the terminal. Returns NULL if there is none. `launcher` is the jobsched
 * that has started this process, if it is on this host; then this process has
 * the terminal on its own descriptors. 0: a shell has started mpirun. */
struct js_terminal *js_terminal_new(pid_t launcher);
void js_terminal_free(struct js_terminal *terminal); /* NULL is allowed */

/* True if a bar can be drawn on the terminal without other output breaking into
 * it. If other processes may write to the terminal, `is_wanted` is required as
 * well. */
static inline bool js_terminal_takes_bar(const struct js_terminal *terminal,
                                         bool is_wanted)
{
    return terminal->can_draw && (terminal->out != JS_STDOUT_PIPE || is_wanted);
}

/*
 * Returns the number of columns, or 0 while nothing should be drawn: the
 * terminal is stopped (^S), another process is in its foreground (a shell that
 * waits for a command), or the terminal is gone.
 */
unsigned js_terminal_columns(const struct js_terminal *terminal);

#endif
