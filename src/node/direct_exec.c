#include "node/direct_exec.h"

#include "base/buf.h"

#include <stdlib.h>
#include <string.h>

/* What sh would do itself when it is the first word: the builtins, keywords
 * and predefined aliases of dash, bash, ksh93, mksh and busybox ash that are
 * made of plain characters. (sleep and cat, builtin in some, do there what the
 * programs do.) */
static const char *const shell_words[] = {
    ".",        ":",         "alias",    "alloc",     "autoload", "bg",
    "bind",     "break",     "builtin",  "caller",    "case",     "cd",
    "chdir",    "command",   "compgen",  "complete",  "compopt",  "compound",
    "continue", "coproc",    "declare",  "dirs",      "disown",   "do",
    "done",     "dot",       "echo",     "elif",      "else",     "enable",
    "enum",     "esac",      "eval",     "exec",      "exit",     "export",
    "false",    "fc",        "fg",       "fi",        "float",    "for",
    "function", "functions", "getconf",  "getopts",   "global",   "hash",
    "help",     "hist",      "history",  "if",        "in",       "integer",
    "jobs",     "kill",      "let",      "local",     "login",    "logout",
    "mapfile",  "mknod",     "nameref",  "namespace", "newgrp",   "nohup",
    "popd",     "print",     "printf",   "pushd",     "pwd",      "r",
    "read",     "readarray", "readonly", "realpath",  "redirect", "rename",
    "return",   "select",    "set",      "setenv",    "shift",    "shopt",
    "source",   "stop",      "suspend",  "test",      "then",     "time",
    "times",    "trap",      "true",     "type",      "typeset",  "ulimit",
    "umask",    "unalias",   "unset",    "unsetenv",  "until",    "wait",
    "whence",   "while",     NULL,
};

static const char blanks[] = " \t";
static const char plain_bytes[] = "abcdefghijklmnopqrstuvwxyz"
                                  "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                  "0123456789_-./+,:@%= \t";

void js_direct_exec_release(struct js_direct_exec *command)
{
    if (!command)
        return;
    free(command->programs);
    free(command->argv);
    free(command->text);
    *command = (struct js_direct_exec){0};
}

bool js_direct_exec_is_plain(const char *line)
{
    if (line[strspn(line, plain_bytes)] != '\0')
        return false;
    const char *word = line + strspn(line, blanks);
    size_t len = strcspn(word, blanks);
    if (len == 0 || memchr(word, '=', len))
        return false;
    for (const char *const *known = shell_words; *known; known++) {
        if (strncmp(*known, word, len) == 0 && (*known)[len] == '\0')
            return false;
    }
    return word[0] != '%'; /* bash takes %1 for fg %1 */
}

/* Copies the words to `text` and points argv at them. Returns what follows. */
static char *direct_exec_split(struct js_direct_exec *command, const char *line)
{
    char *to = command->text;
    size_t count = 0;
    for (line += strspn(line, blanks); *line; line += strspn(line, blanks)) {
        size_t len = strcspn(line, blanks);
        memcpy(to, line, len);
        to[len] = '\0';
        command->argv[count++] = to;
        to += len + 1;
        line += len;
    }
    command->argv[count] = NULL;
    return to;
}

/* Writes ENTRY/WORD for each entry of `path`; an empty one is the folder the
 * job runs in. */
static void direct_exec_list_programs(struct js_direct_exec *command, char *to,
                                      const char *path)
{
    const char *word = command->argv[0];
    size_t word_size = strlen(word) + 1;
    size_t count = 0;
    for (bool more = true; more; path++) {
        size_t len = strcspn(path, ":");
        command->programs[count++] = to;
        memcpy(to, path, len);
        if (len > 0)
            to[len++] = '/';
        memcpy(to + len, word, word_size);
        to += len + word_size;
        path += strcspn(path, ":");
        more = *path == ':';
    }
    command->programs[count] = NULL;
}

static int direct_exec_make_room(struct js_direct_exec *command, size_t words,
                                 size_t candidates, size_t bytes)
{
    const char **argv = js_buf_grow(command->argv, &command->capacity_words,
                                    words + 1, sizeof(*argv));
    if (!argv)
        return -1;
    command->argv = argv;
    const char **programs =
        js_buf_grow(command->programs, &command->capacity_programs,
                    candidates + 1, sizeof(*programs));
    if (!programs)
        return -1;
    command->programs = programs;
    char *text = js_buf_grow(command->text, &command->capacity_text, bytes, 1);
    if (!text)
        return -1;
    command->text = text;
    return 0;
}

int js_direct_exec_prepare(struct js_direct_exec *command, const char *line,
                           const char *path)
{
    bool is_plain = js_direct_exec_is_plain(line);
    size_t words = 0, entries = 1, count = 0;
    size_t len = strlen(line) + 1;
    if (!path)
        path = "/bin:/usr/bin"; /* confstr(_CS_PATH), as execvp has it */
    for (const char *at = line + strspn(line, blanks); is_plain && *at;
         at += strspn(at, blanks)) {
        at += strcspn(at, blanks);
        words++;
    }
    for (const char *at = path; *at; at++)
        entries += *at == ':';
    size_t bytes = is_plain ? len + strlen(path) + entries * (len + 1) : 1;
    if (direct_exec_make_room(command, words, entries, bytes) < 0)
        return -1;
    command->shell[count++] = "sh";
    command->shell[count++] = "-c";
    /* A command that begins like an option. */
    if (line[0] == '-' || line[0] == '+')
        command->shell[count++] = "--";
    command->shell[count++] = line;
    command->shell[count] = NULL;
    command->programs[0] = NULL;
    command->argv[0] = NULL;
    if (!is_plain)
        return 0;
    char *rest = direct_exec_split(command, line);
    if (strchr(command->argv[0], '/')) {
        command->programs[0] = command->argv[0];
        command->programs[1] = NULL;
    } else {
        direct_exec_list_programs(command, rest, path);
    }
    return 0;
}
