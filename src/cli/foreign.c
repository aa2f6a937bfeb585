#include "cli/foreign.h"

#include <stddef.h>
#include <string.h>

struct foreign_word {
    const char *word;
    const char *instead;
    bool is_number; /* its value is that of -n, with which `instead` ends */
};

static const struct foreign_word foreign_words[] = {
    {"-j", "write -n", true},
    {"-P", "write -n", true},
    {"-np", "write -n", true},
    {"--np", "write -n", true},
    {"--ntasks", "write -n", true},
    {"--workers", "write -n", true},
    {"--max-procs", "write -n", true},
    {"--halt",
     "write --fail-fast to stop at the first failure, or --max-failures N",
     false},
    {"--halt-on-error",
     "write --fail-fast to stop at the first failure, or --max-failures N",
     false},
    {"--retry",
     "write --retries N, so that a job that fails runs up to N times more",
     false},
    {"--resume", "the same command goes on by itself", false},
    {"--resume-failed",
     "the same command goes on by itself, and runs again what has failed",
     false},
    {"--log", "write --joblog FILE", false},
    {"--results", "write --output DIR", false},
    {"--sshloginfile", "write --hostfile FILE", false},
    {"--bar", "write --progress always", false},
    {"--eta", "write --progress always", false},
    {"--tag", "--output DIR keeps the output of each job in files of its own",
     false},
    {"-k", "output comes as jobs end; --output DIR keeps it in files by number",
     false},
    {"--keep-order",
     "output comes as jobs end; --output DIR keeps it in files by number",
     false},
    {":::", "write a file with one command a line, or pipe such lines in",
     false},
    {"::::", "write a file with one command a line, or pipe such lines in",
     false},
};

/* Finds the word of another tool that this is, apart from its value; or
 * NULL. */
static const struct foreign_word *foreign_of(const char *word)
{
    size_t len = strcspn(word, "=");
    if (word[0] == '-' && word[1] != '-')
        len = strcspn(word, "=0123456789");
    for (size_t i = 0; i < sizeof(foreign_words) / sizeof(*foreign_words);
         i++) {
        const char *known = foreign_words[i].word;
        if (strlen(known) == len && memcmp(known, word, len) == 0)
            return &foreign_words[i];
    }
    return NULL;
}

bool js_foreign_is(const char *word)
{
    return foreign_of(word);
}

static bool foreign_is_number(const char *text)
{
    return text && text[0] && text[strspn(text, "0123456789")] == '\0';
}

/* Returns the number given with the word: attached to it, or as the next
 * word. */
static const char *foreign_number_of(const char *word, const char *next)
{
    const char *digits = word + strcspn(word, "0123456789");
    if (foreign_is_number(digits))
        return digits;
    if (next && next[0] == '-') /* getopt is still within the word: -j4 */
        next += strcspn(next, "0123456789");
    return foreign_is_number(next) ? next : "N";
}

int js_foreign_refuse(const char *word, const char *next, struct js_err *err)
{
    const struct foreign_word *foreign = foreign_of(word);
    return js_err_set(err, "%s is not there: %s%s%s", foreign->word,
                      foreign->instead, foreign->is_number ? " " : "",
                      foreign->is_number ? foreign_number_of(word, next) : "");
}
