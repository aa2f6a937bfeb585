#include "list/sh_program.h"

#include <string.h>

/* Which words of a program's arguments it evaluates. */
enum program_kind {
    PROGRAM_EVERY,       /* all of them */
    PROGRAM_FIRST,       /* the first that is no option */
    PROGRAM_REST,        /* all that follow the first that is no option */
    PROGRAM_OPTION,      /* the value of an option, before all other words */
    PROGRAM_LATE_OPTION, /* the value of an option */
};

struct js_sh_program_row {
    const char *name;
    enum program_kind kind;
    bool is_builtin;  /* it counts only as the name of the command */
    const char *text; /* letters of options whose value is evaluated */
    const char *file; /* ... that name a file, so that no word is evaluated */
    const char *skipped; /* ... with some other value */
};

static const struct js_sh_program_row programs[] = {
    {"eval", PROGRAM_EVERY, true, "", "", ""},
    {"let", PROGRAM_EVERY, true, "", "", ""},
    {"trap", PROGRAM_FIRST, true, "", "", ""},
    {"sh", PROGRAM_OPTION, false, "c", "", "oO"},
    {"ash", PROGRAM_OPTION, false, "c", "", "o"},
    {"bash", PROGRAM_OPTION, false, "c", "", "oO"},
    {"dash", PROGRAM_OPTION, false, "c", "", "o"},
    {"ksh", PROGRAM_OPTION, false, "c", "", "o"},
    {"mksh", PROGRAM_OPTION, false, "c", "", "o"},
    {"zsh", PROGRAM_OPTION, false, "c", "", "o"},
    {"csh", PROGRAM_OPTION, false, "c", "", ""},
    {"tcsh", PROGRAM_OPTION, false, "c", "", ""},
    {"fish", PROGRAM_OPTION, false, "cC", "", ""},
    {"su", PROGRAM_LATE_OPTION, false, "c", "", ""},
    {"flock", PROGRAM_LATE_OPTION, false, "c", "", ""},
    {"script", PROGRAM_LATE_OPTION, false, "c", "", ""},
    {"ssh", PROGRAM_REST, false, "", "", "BbcDEeFIiJLlmOopQRSWw"},
    {"rsh", PROGRAM_REST, false, "", "", "l"},
    {"awk", PROGRAM_FIRST, false, "", "f", "Fv"},
    {"gawk", PROGRAM_FIRST, false, "e", "fE", "Fvil"},
    {"mawk", PROGRAM_FIRST, false, "", "f", "FvW"},
    {"nawk", PROGRAM_FIRST, false, "", "f", "Fv"},
    {"sed", PROGRAM_FIRST, false, "e", "f", "l"},
    {"perl", PROGRAM_OPTION, false, "eE", "", "I"},
    {"python", PROGRAM_OPTION, false, "c", "m", "WX"},
    {"python3", PROGRAM_OPTION, false, "c", "m", "WX"},
    {"ruby", PROGRAM_OPTION, false, "e", "", "ICr"},
    {"node", PROGRAM_OPTION, false, "ep", "", "r"},
    {"php", PROGRAM_OPTION, false, "rBRE", "fF", "d"},
    {"Rscript", PROGRAM_OPTION, false, "e", "", ""},
    {"julia", PROGRAM_OPTION, false, "eE", "", "JptL"},
};

/* The program with the name at the end of this path, or NULL. */
static const struct js_sh_program_row *program_find(const char *path,
                                                    size_t len, bool is_command)
{
    const char *slash = memrchr(path, '/', len);
    const char *name = slash ? slash + 1 : path;
    size_t name_len = len - (size_t)(name - path);
    for (size_t i = 0; i < sizeof(programs) / sizeof(programs[0]); i++) {
        if (strlen(programs[i].name) == name_len &&
            memcmp(programs[i].name, name, name_len) == 0 &&
            (is_command || !programs[i].is_builtin))
            return &programs[i];
    }
    return NULL;
}

/* Takes a word before which no other said that the next is evaluated. */
static void program_take_option(struct js_sh_program *program, const char *word,
                                size_t len)
{
    const struct js_sh_program_row *row = program->row;
    if (word[0] == '-') {
        char letter = len > 1 && word[1] != '-' ? word[len - 1] : '?';
        if (strchr(row->text, letter))
            program->next = JS_SH_TEXT;
        else if (strchr(row->skipped, letter))
            program->next = JS_SH_VALUE;
        else if (strchr(row->file, letter))
            program->row = NULL;
    } else if (row->kind == PROGRAM_REST) {
        program->next = JS_SH_TEXT;
    } else if (row->kind != PROGRAM_LATE_OPTION) {
        program->row = NULL;
    }
}

void js_sh_program_take(struct js_sh_program *program, const char *word,
                        size_t len, bool is_pure, bool is_command)
{
    const struct js_sh_program_row *row = program->row;
    bool is_text = row && program->next == JS_SH_TEXT;
    const struct js_sh_program_row *found =
        is_pure && !is_text ? program_find(word, len, is_command) : NULL;
    if (found) {
        program->row = found;
        program->next =
            found->kind == PROGRAM_EVERY ? JS_SH_TEXT : JS_SH_OPTIONS;
    } else if (is_text) {
        if (row->kind != PROGRAM_EVERY && row->kind != PROGRAM_REST)
            program->row = NULL;
    } else if (row && program->next == JS_SH_VALUE) {
        program->next = JS_SH_OPTIONS;
    } else if (row) {
        program_take_option(program, word, len);
    }
}

const char *js_sh_program_of(const struct js_sh_program *program, char first)
{
    const struct js_sh_program_row *row = program->row;
    bool is_first = row && row->kind == PROGRAM_FIRST &&
                    program->next == JS_SH_OPTIONS && first != '-';
    return row && (is_first || program->next == JS_SH_TEXT) ? row->name : NULL;
}
