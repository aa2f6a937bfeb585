/*
 * banned - libc calls that have caused too many errors elsewhere.
 *
 * The Makefile force-includes this header into every file of the project. It
 * declares each name once more as deprecated, and
 * -Werror=deprecated-declarations makes its use an error. Headers that merely
 * declare the name still compile.
 */
#ifndef JS_BASE_BANNED_H
#define JS_BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* clang refuses the attribute on a function that has a body, and glibc defines
 * some of these inline. */
#ifdef __clang__
#define JS_BANNED(why)
#else
#define JS_BANNED(why) __attribute__((deprecated(why)))
#endif

char *strcpy(char *, const char *) JS_BANNED("has no bound: use js_buf");
char *strcat(char *, const char *) JS_BANNED("has no bound: use js_buf");
char *strtok(char *, const char *) JS_BANNED("has hidden state");
int sprintf(char *, const char *, ...) JS_BANNED("has no bound: snprintf");
int atoi(const char *) JS_BANNED("hides errors: use base/units.h");
long atol(const char *) JS_BANNED("hides errors: use base/units.h");
double atof(const char *) JS_BANNED("hides errors: use base/units.h");
struct tm *gmtime(const time_t *) JS_BANNED("has hidden state: gmtime_r");
struct tm *localtime(const time_t *) JS_BANNED("has hidden state");
int system(const char *) JS_BANNED("forks the whole process: use js_spawn");

#endif
